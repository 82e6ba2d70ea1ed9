// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sentence that goes with an errno.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#include <stdarg.h>

#include "remotefsd.h"

/**
 * complain - write down why something failed
 * @why:	takes the sentence
 * @error:	the errno value it goes with
 * @format:	the sentence, without a full stop
 *
 * Return: @error, so that "return complain(...)" does both.
 */
int complain(struct complaint *why, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why->sentence, sizeof(why->sentence), format, arguments);
	va_end(arguments);
	return error;
}
