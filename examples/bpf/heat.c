// SPDX-License-Identifier: GPL-2.0-only
/*
 * heat: which parts of a map file are being faulted, as a map in the terminal.
 *
 *	make -C examples/bpf
 *	sudo examples/bpf/heat /run/remotefs/1234/map-0
 *	sudo examples/bpf/heat --json /run/remotefs/1234/map-0 -- COMMAND
 *
 * It needs the tracepoints, and no type information (BTF) of kernel or module.
 * What it cannot tell: how often a page is used once it is mapped.  A page that
 * stays hot is one that is faulted again and again, because its source, or
 * reclaim, takes it away; for what is merely touched, look at the first faults
 * of a new mapping.  One fault may bring in neighbours.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach.h"
#include "heat.h"
#include "report.h"

#define PAGE_SHIFT	12
/* Parts in a line of the drawing, and the most in all. */
#define LINE		64
#define MOST_PARTS	(LINE * 32)

static struct {
	uint64_t from;
	uint64_t to;
	const char *path;
} options = { .to = UINT64_MAX };

/* What is drawn: the map of counts, one for each so large a part. */
struct parts {
	int map;
	uint32_t count;
	unsigned int shift;
};

static void usage(void)
{
	puts("Usage: heat [OPTION]... FILE [-- COMMAND...]\n"
	     "\n"
	     "Draw which parts of FILE, a map file of remotefs, are being faulted through\n"
	     "mappings of it.  With COMMAND: run it, and draw what was faulted meanwhile.\n"
	     "\n"
	     "  -1, --once          draw it once, after the interval, and end\n"
	     "  -i, --interval=N    seconds between two drawings (1)\n"
	     "  -f, --from=OFFSET   where in FILE to begin (0)\n"
	     "  -t, --to=OFFSET     where to end (its size)\n"
	     "  -j, --json          one JSON object for each part that was faulted\n"
	     "  -v, --verbose       say in full why the kernel refuses a program\n"
	     "  -h, --help          this\n"
	     "\n"
	     "A part is a page, or as many pages as make the file fit into 32 lines of 64.");
}

static void parse(int argc, char *argv[])
{
	static const struct option longs[] = {
		{ "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 't' },
		REPORT_LONG_OPTIONS,
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, "+f:t:" REPORT_SHORT_OPTIONS, longs, NULL)) != -1) {
		switch (option) {
		case 'f':
			options.from = report_number("--from", optarg);
			break;
		case 't':
			options.to = report_number("--to", optarg);
			break;
		default:
			report_option(option, usage);
		}
	}
	options.path = argv[optind];
	if (!options.path || (argv[optind + 1] && strcmp(argv[optind + 1], "--"))) {
		fputs("heat: one FILE; try 'heat --help'.\n", stderr);
		exit(2);
	}
	if (argv[optind + 1])
		report_command(argv + optind + 2);
}

/* The part's size, so that all fit; sets how many there are. */
static unsigned int choose_parts(uint64_t bytes, uint32_t *count)
{
	unsigned int shift = PAGE_SHIFT;

	while ((bytes - 1) >> shift >= MOST_PARTS)
		shift++;
	*count = ((bytes - 1) >> shift) + 1;
	return shift;
}

static void set_wanted(struct bpf_object *object, const struct wanted *wanted)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		if (strstr(bpf_map__name(map), ".rodata") &&
		    !bpf_map__set_initial_value(map, wanted, sizeof(*wanted)))
			return;
	errx(1, "%s.bpf.o: not made from the heat.h that heat.c knows", bpf_object__name(object));
}

/* From nothing to as much as the part with most, by powers of two. */
static char shade(uint64_t count, uint64_t most)
{
	static const char shades[] = ".-+*#@";
	unsigned int level = sizeof(shades) - 2;

	if (!count)
		return ' ';
	while (level && count <= most / 2) {
		most /= 2;
		level--;
	}
	return shades[level];
}

static void draw(const uint64_t *counts, uint32_t count, unsigned int shift)
{
	uint64_t most = 0, all = 0;
	uint32_t touched = 0;

	for (uint32_t i = 0; i < count; i++) {
		most = counts[i] > most ? counts[i] : most;
		all += counts[i];
		touched += !!counts[i];
	}
	if (isatty(STDOUT_FILENO) && !report.once)
		fputs("\033[H\033[J", stdout);
	printf("%s: %" PRIu64 " faults in %u of %u parts of %" PRIu64 " KiB; most in one: %" PRIu64 "\n",
	       options.path, all, touched, count, UINT64_C(1) << (shift - 10), most);
	for (uint32_t i = 0; i < count; i++) {
		if (i % LINE == 0)
			printf("%#14" PRIx64 " |", options.from + ((uint64_t)i << shift));
		putchar(shade(counts[i], most));
		if (i % LINE == LINE - 1 || i == count - 1)
			puts("|");
	}
}

static void print_json(const uint64_t *counts, uint32_t count, unsigned int shift)
{
	for (uint32_t i = 0; i < count; i++)
		if (counts[i])
			printf("{\"offset\":%" PRIu64 ",\"length\":%" PRIu64 ",\"faults\":%" PRIu64 "}\n",
			       options.from + ((uint64_t)i << shift), UINT64_C(1) << shift,
			       counts[i]);
}

static void print(void *about)
{
	const struct parts *parts = about;
	uint64_t *counts = calloc(parts->count, sizeof(*counts));

	if (!counts)
		err(1, "%s", options.path);
	for (uint32_t i = 0; i < parts->count; i++)
		if (bpf_map_lookup_elem(parts->map, &i, &counts[i]))
			err(1, "parts");
	(report.json ? print_json : draw)(counts, parts->count, parts->shift);
	free(counts);
}

int main(int argc, char *argv[])
{
	struct bpf_object *object;
	struct wanted wanted;
	struct stat st;
	struct parts parts;

	parse(argc, argv);
	if (stat(options.path, &st))
		err(1, "%s", options.path);
	if (options.to > (uint64_t)st.st_size)
		options.to = st.st_size;
	options.from &= ~((UINT64_C(1) << PAGE_SHIFT) - 1);
	if (options.from >= options.to)
		errx(1, "%s: nothing of it lies there", options.path);
	wanted.dev = kernel_device(st.st_dev);
	wanted.ino = st.st_ino;
	wanted.start = options.from;
	wanted.shift = choose_parts(options.to - options.from, &parts.count);

	object = object_open();
	set_wanted(object, &wanted);
	if (bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "parts"), parts.count))
		errx(1, "%s.bpf.o: no map called parts", bpf_object__name(object));
	object_attach(object);
	parts.map = object_map(object, "parts");
	parts.shift = wanted.shift;
	return report_until_told(print, &parts);
}
