/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few lines of the Test Anything Protocol that unit tests need.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count;
static int tap_failures;

/* One test: @sentence says what holds if @good does. */
static inline void __attribute__((format(printf, 2, 3)))
tap(bool good, const char *sentence, ...)
{
	va_list arguments;

	tap_failures += !good;
	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(arguments, sentence);
	vprintf(sentence, arguments);
	va_end(arguments);
	putchar('\n');
}

/* What main() returns. */
static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failures != 0;
}

#endif /* TAP_H */
