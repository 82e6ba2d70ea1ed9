// SPDX-License-Identifier: GPL-2.0-only
/*
 * One JSON object on a line of its own.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A field is there as a whole or not at all, so that a line is sound whatever
 * goes into it.  Addresses are strings: many readers of JSON keep numbers in
 * 53 bits.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "line.h"

/* What line_end() adds. */
#define END "}\n"

static void __attribute__((format(printf, 2, 3)))
append(struct line *line, const char *format, ...)
{
	size_t room = LINE_SIZE - (sizeof(END) - 1) - line->length;
	va_list arguments;
	int length;

	if (line->full)
		return;
	va_start(arguments, format);
	length = vsnprintf(line->text + line->length, room, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= room)
		line->full = true;
	else
		line->length += length;
}

/* Bytes above ASCII stand for themselves; whether they are UTF-8 is seen to here. */
static size_t utf8_length(const unsigned char *text)
{
	size_t length = *text >= 0xf0 && *text <= 0xf4 ? 4 : *text >= 0xe0 && *text < 0xf0 ? 3 :
			*text >= 0xc2 && *text < 0xe0 ? 2 : 0;

	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* Too long a form, half of a pair, or beyond the last character. */
	if ((*text == 0xe0 && text[1] < 0xa0) || (*text == 0xed && text[1] > 0x9f) ||
	    (*text == 0xf0 && text[1] < 0x90) || (*text == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

static void append_string(struct line *line, const char *text)
{
	const unsigned char *next = (const unsigned char *)text;

	append(line, "\"");
	while (*next) {
		size_t length = *next < 0x80 ? 1 : utf8_length(next);

		if (*next == '"' || *next == '\\')
			append(line, "\\%c", *next);
		else if (*next < ' ' || *next == 0x7f)
			append(line, "\\u%04x", *next);
		else if (length)
			append(line, "%.*s", (int)length, next);
		else
			append(line, "\\ufffd");
		next += length ? length : 1;
	}
	append(line, "\"");
}

/* Where to go back to if the field does not fit. */
static size_t begin_field(struct line *line, const char *name)
{
	size_t mark = line->length;

	line->full = false;
	append(line, ",\"%s\":", name);
	return mark;
}

static void end_field(struct line *line, size_t mark)
{
	if (line->full)
		line->length = mark;
}

/**
 * line_begin - start an object
 * @line:	the line
 * @when:	the time, of CLOCK_REALTIME
 * @event:	what it tells
 */
void line_begin(struct line *line, struct timespec when, const char *event)
{
	line->length = 0;
	line->full = false;
	append(line, "{\"time\":%lld.%06ld", (long long)when.tv_sec, when.tv_nsec / 1000);
	line_text(line, "event", event);
}

/**
 * line_text - add a string
 * @line:	the line
 * @name:	of the field
 * @value:	any bytes
 */
void line_text(struct line *line, const char *name, const char *value)
{
	size_t mark = begin_field(line, name);

	append_string(line, value);
	end_field(line, mark);
}

/**
 * line_number - add a number
 * @line:	the line
 * @name:	of the field
 * @value:	the number
 */
void line_number(struct line *line, const char *name, uint64_t value)
{
	size_t mark = begin_field(line, name);

	append(line, "%" PRIu64, value);
	end_field(line, mark);
}

/**
 * line_address - add an address, as a string
 * @line:	the line
 * @name:	of the field
 * @value:	the address
 */
void line_address(struct line *line, const char *name, uint64_t value)
{
	size_t mark = begin_field(line, name);

	append(line, "\"0x%" PRIx64 "\"", value);
	end_field(line, mark);
}

/**
 * line_flag - add true or false
 * @line:	the line
 * @name:	of the field
 * @value:	which
 */
void line_flag(struct line *line, const char *name, bool value)
{
	size_t mark = begin_field(line, name);

	append(line, value ? "true" : "false");
	end_field(line, mark);
}

/**
 * line_words - add a list of strings
 * @line:	the line
 * @name:	of the field
 * @words:	all that there are, the last one NULL
 * @chosen:	a bit for each that is to be listed
 */
void line_words(struct line *line, const char *name, const char *const *words,
		unsigned int chosen)
{
	size_t mark = begin_field(line, name);
	const char *separator = "";

	append(line, "[");
	for (unsigned int i = 0; words[i]; i++) {
		if (!(chosen & 1U << i))
			continue;
		append(line, "%s", separator);
		append_string(line, words[i]);
		separator = ",";
	}
	append(line, "]");
	end_field(line, mark);
}

/**
 * line_end - complete the object and the line
 * @line:	the line
 */
void line_end(struct line *line)
{
	memcpy(line->text + line->length, END, sizeof(END) - 1);
	line->length += sizeof(END) - 1;
}
