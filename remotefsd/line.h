/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One JSON object on a line of its own.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#ifndef REMOTEFSD_LINE_H
#define REMOTEFSD_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define LINE_SIZE 1024

struct line {
	char text[LINE_SIZE];
	size_t length;
	bool full;		/* something did not fit, and is left out */
};

void line_begin(struct line *line, struct timespec when, const char *event);
void line_text(struct line *line, const char *name, const char *value);
void line_number(struct line *line, const char *name, uint64_t value);
void line_address(struct line *line, const char *name, uint64_t value);
void line_flag(struct line *line, const char *name, bool value);
void line_words(struct line *line, const char *name, const char *const *words,
		unsigned int chosen);
void line_end(struct line *line);

#endif /* REMOTEFSD_LINE_H */
