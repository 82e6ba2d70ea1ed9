/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a process is still the same program.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#ifndef REMOTEFSD_LIFE_H
#define REMOTEFSD_LIFE_H

#include <stdbool.h>
#include <sys/types.h>

struct life {
	unsigned long long started;
	unsigned long long code;
	unsigned long long stack;
};

bool life_parse(const char *text, struct life *life);
bool life_look(pid_t pid, struct life *life);
unsigned int life_ended(pid_t pid, const struct life *before);

#endif /* REMOTEFSD_LIFE_H */
