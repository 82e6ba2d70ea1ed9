// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines of events: whatever goes in, a line is one sound JSON object.
 *
 * Copyright (C) 2026 The remotefs authors
 */
/* Links: remotefsd/line.c */
#include <string.h>

#include "line.h"
#include "tap.h"

static const struct timespec when = { 1700000000, 42000 };

static const char head[] = "{\"time\":1700000000.000042,\"event\":\"try\"";

/* Without what every line of this test begins and ends with. */
static const char *middle(struct line *line)
{
	line_end(line);
	line->text[line->length - 2] = '\0';
	return line->text + sizeof(head) - 1;
}

static void test_string(const char *value, const char *want)
{
	struct line line;

	line_begin(&line, when, "try");
	line_text(&line, "s", value);
	tap(!strcmp(middle(&line), want), "a string is written as %s", want);
}

static void test_strings(void)
{
	test_string("heap", ",\"s\":\"heap\"");
	test_string("", ",\"s\":\"\"");
	test_string("say \"hi\" \\o/", ",\"s\":\"say \\\"hi\\\" \\\\o/\"");
	test_string("a\nb\tc\x1b\x7f", ",\"s\":\"a\\u000ab\\u0009c\\u001b\\u007f\"");
	test_string("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		    ",\"s\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
	/* Cut short, too long, half of a pair, beyond the end, not a beginning */
	test_string("\xc3", ",\"s\":\"\\ufffd\"");
	test_string("\xe2\x82", ",\"s\":\"\\ufffd\\ufffd\"");
	test_string("\xc0\xaf", ",\"s\":\"\\ufffd\\ufffd\"");
	test_string("\xed\xa0\x80", ",\"s\":\"\\ufffd\\ufffd\\ufffd\"");
	test_string("\xf4\x90\x80\x80", ",\"s\":\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	test_string("\xff" "a", ",\"s\":\"\\ufffd" "a\"");
}

static void test_values(void)
{
	static const char *const words[] = { "one", "t\"wo", "three", NULL };
	struct line line;

	line_begin(&line, when, "try");
	line_number(&line, "n", ~0ULL);
	line_address(&line, "a", 0xffffffffff600000);
	line_flag(&line, "t", true);
	line_flag(&line, "f", false);
	line_words(&line, "w", words, 6);
	line_words(&line, "e", words, 8);
	tap(!strcmp(middle(&line), ",\"n\":18446744073709551615,\"a\":\"0xffffffffff600000\""
				   ",\"t\":true,\"f\":false,\"w\":[\"t\\\"wo\",\"three\"],\"e\":[]"),
	    "numbers, addresses, truths and lists are written as they should be");
}

static void test_full(void)
{
	char value[LINE_SIZE];
	struct line line;

	memset(value, '"', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (size_t size = 0; size < sizeof(value); size++) {
		line_begin(&line, when, "try");
		line_text(&line, "s", value + size);
		line_number(&line, "n", 7);
		line_end(&line);
		if (line.length > LINE_SIZE || memcmp(line.text + line.length - 2, "}\n", 2) ||
		    !(memmem(line.text, line.length, "\"\",\"n\":7}", 9) ||
		      !memcmp(line.text + sizeof(head) - 1, ",\"n\":7}", 7) ||
		      !memcmp(line.text + line.length - 4, "\"\"}", 3)))
			break;
		if (size == sizeof(value) - 1)
			tap(true, "a field that does not fit is left out, and no other");
	}
	tap(line.length <= LINE_SIZE, "no line is longer than it may be");
}

int main(void)
{
	test_strings();
	test_values();
	test_full();
	return tap_done();
}
