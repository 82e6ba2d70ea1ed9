// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines of /proc/PID/maps, and which of them each word of the grammar means.
 *
 * Copyright (C) 2026 The remotefs authors
 */
/* Links: remotefsd/source.c */
#include <stdlib.h>
#include <string.h>

#include "remotefsd.h"
#include "tap.h"

/* Written as the kernel does, one mapping of each kind. */
static const char *const lines[] = {
	"00010000-00011000 r-xp 00000000 08:01 1234                               /bin/cat",
	"00011000-00012000 rw-p 00001000 08:01 1234                               /bin/cat",
	"00012000-00013000 rw-p 00000000 00:00 0 ",
	"00020000-00040000 rw-p 00000000 00:00 0                                  [heap]",
	"7f0000000000-7f0000001000 r--p 00000000 00:00 0 ",
	"7f0000001000-7f0000002000 ---p 00000000 00:00 0 ",
	"7f0000002000-7f0000003000 rw-p 00000000 00:00 0                          [anon:arena]",
	"7f0000003000-7f0000004000 rw-p 00000000 00:00 0                          [anon:two words]",
	"7f0000004000-7f0000005000 rw-s 00000000 00:01 99                         /dev/zero (deleted)",
	"7f0000005000-7f0000006000 rw-s 00000000 00:01 0                          /SYSV00000000 (deleted)",
	"7f0000006000-7f0000007000 rw-s 00000000 00:01 98                         [anon_shmem:x]",
	"7f0000007000-7f0000008000 rw-s 00000000 00:0e 7                          anon_inode:[perf_event]",
	"7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]",
	"7ffc00030000-7ffc00034000 r--p 00000000 00:00 0                          [vvar]",
	"7ffc00034000-7ffc00036000 r-xp 00000000 00:00 0                          [vdso]",
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
};

#define NR_LINES (sizeof(lines) / sizeof(*lines))

static const struct row {
	const char *words;
	struct memory memory;
	bool write;
	const char *lines;	/* the numbers of those meant */
} rows[] = {
	{ "heap", { .kind = MEMORY_HEAP }, false, "3 " },
	{ "stack", { .kind = MEMORY_STACK }, false, "12 " },
	{ "anon", { .kind = MEMORY_ANON }, false, "2 4 6 7 " },
	{ "all", { .kind = MEMORY_ALL }, false, "2 3 4 6 7 12 " },
	{ "anon rw", { .kind = MEMORY_ANON }, true, "2 6 7 " },
	{ "all rw", { .kind = MEMORY_ALL }, true, "2 3 6 7 12 " },
	{ "[anon:arena]", { .kind = MEMORY_NAMED, .name = "[anon:arena]" }, false, "6 " },
	{ "[anon:two words]", { .kind = MEMORY_NAMED, .name = "[anon:two words]" }, false, "7 " },
	{ "[anon:aren]", { .kind = MEMORY_NAMED, .name = "[anon:aren]" }, false, "" },
};

static const char *const bad_lines[] = {
	"", "\n", "00010000", "00010000-00011000", "00010000-00011000 rw-p",
	"00010000-00011000 rw-p 00000000 00:00", "00010000 00011000 rw-p 00000000 00:00 0",
	"00011000-00010000 rw-p 00000000 00:00 0 ", "00010000-00010000 rw-p 00000000 00:00 0 ",
	"00010000-00011000 rw 00000000 00:00 0 ", "x0010000-00011000 rw-p 00000000 00:00 0 ",
};

static bool parse(const char *text, char line[256], struct vma *vma)
{
	snprintf(line, 256, "%s\n", text);
	return vma_parse(line, vma);
}

static void test_row(const struct row *row)
{
	char found[64] = "";
	char line[256];
	struct vma vma;

	for (size_t i = 0; i < NR_LINES; i++) {
		if (!parse(lines[i], line, &vma) || !vma_matches(&vma, &row->memory, row->write))
			continue;
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%zu ", i);
	}
	tap(!strcmp(found, row->lines), "'%s' means the mappings %s", row->words,
	    *found ? found : "(none)");
}

static void test_fields(void)
{
	char line[256];
	struct vma vma;

	tap(parse(lines[7], line, &vma) && vma.start == 0x7f0000003000 &&
	    vma.end == 0x7f0000004000 && !strcmp(vma.perms, "rw-p") &&
	    !strcmp(vma.name, "[anon:two words]"), "all fields of a line are understood");
	tap(parse(lines[2], line, &vma) && !*vma.name, "a mapping may have no name");
	tap(parse(lines[15], line, &vma) && vma.end == 0xffffffffff601000,
	    "addresses have 64 bits");
}

/* The whole file, and the array that comes of it. */
static void test_choose(void)
{
	const struct memory memory = { .kind = MEMORY_ANON };
	char text[sizeof(lines) * 32] = "";
	struct span *spans;
	size_t nr_spans;
	FILE *maps;
	int error;

	for (size_t i = 0; i < NR_LINES; i++) {
		strcat(text, lines[i]);
		strcat(text, "\n");
	}
	maps = fmemopen(text, strlen(text), "r");
	error = source_choose(maps, &memory, true, &spans, &nr_spans);
	tap(!error && nr_spans == 3 && spans[0].start == 0x12000 && spans[0].end == 0x13000 &&
	    spans[2].start == 0x7f0000003000, "a file of mappings gives an array of spans");
	free(spans);
	fclose(maps);
}

static void test_broken_file(void)
{
	const struct memory memory = { .kind = MEMORY_ANON };
	char text[] = "00012000-00013000 rw-p 00000000 00:00 0 \nrubbish\n";
	FILE *maps = fmemopen(text, strlen(text), "r");
	struct span *spans;
	size_t nr_spans;

	tap(source_choose(maps, &memory, false, &spans, &nr_spans), "a broken file is refused");
	free(spans);
	fclose(maps);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		test_row(&rows[i]);
	for (size_t i = 0; i < sizeof(bad_lines) / sizeof(*bad_lines); i++) {
		char line[256];
		struct vma vma;

		tap(!parse(bad_lines[i], line, &vma), "the line '%.40s' is refused",
		    *bad_lines[i] == '\n' ? "" : bad_lines[i]);
	}
	test_fields();
	test_choose();
	test_broken_file();
	return tap_done();
}
