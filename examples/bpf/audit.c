// SPDX-License-Identifier: GPL-2.0-only
/*
 * audit: who reads which part of which map file, how much, since when.
 *
 *	make -C examples/bpf
 *	sudo examples/bpf/audit
 *	sudo examples/bpf/audit --json /run/remotefs/1234/map-0 -- COMMAND
 *
 * It needs the tracepoints, and no type information (BTF) of kernel or module.
 * What it cannot tell: which bytes of a mapping a program looked at.  It tells
 * that something was mapped, and where it faulted.
 */
#include <bpf/bpf.h>
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "audit.h"
#include "report.h"

struct entry {
	struct access_key key;
	struct access access;
};

static const char *const how_names[] = {
	[HOW_READ] = "read",
	[HOW_WRITE] = "write",
	[HOW_MMAP] = "mmap",
	[HOW_FAULT] = "fault",
};

static struct {
	/* NULL-terminated; none means all there are */
	struct stat *files;
	int files_count;
} options;

static void usage(void)
{
	puts("Usage: audit [OPTION]... [FILE]... [-- COMMAND...]\n"
	     "\n"
	     "Show who reads and writes map files of remotefs, which part, how much, and since\n"
	     "when: these FILEs, or all.  With COMMAND: run it, and show what was done meanwhile.\n"
	     "\n"
	     "  -1, --once          show it once, after the interval, and end\n"
	     "  -i, --interval=N    seconds between two tables (1)\n"
	     "  -j, --json          one JSON object for each line of the table\n"
	     "  -v, --verbose       say in full why the kernel refuses a program\n"
	     "  -h, --help          this\n"
	     "\n"
	     "read and write count bytes.  mmap is what was mapped, and can be read since without\n"
	     "any further call; fault is where such memory was touched for the first time.");
}

static void add_file(const char *path)
{
	options.files = realloc(options.files, (options.files_count + 1) * sizeof(*options.files));
	if (!options.files)
		err(1, "%s", path);
	if (stat(path, &options.files[options.files_count++]))
		err(1, "%s", path);
}

static void parse(int argc, char *argv[])
{
	static const struct option longs[] = {
		REPORT_LONG_OPTIONS,
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, "+" REPORT_SHORT_OPTIONS, longs, NULL)) != -1)
		report_option(option, usage);
	/* With "+", what follows "--" may come after FILEs. */
	for (; optind < argc; optind++) {
		if (!strcmp(argv[optind], "--") || !strcmp(argv[optind - 1], "--")) {
			report_command(argv + optind + !strcmp(argv[optind], "--"));
			break;
		}
		add_file(argv[optind]);
	}
}

static bool is_wanted(const struct access_key *key)
{
	for (int i = 0; i < options.files_count; i++)
		if (options.files[i].st_ino == key->ino &&
		    kernel_device(options.files[i].st_dev) == key->dev)
			return true;
	return !options.files_count;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	return left->access.first < right->access.first ? -1 :
	       left->access.first > right->access.first;
}

/* All that is wanted, in the order of who came first. */
static size_t collect(int map, struct entry **entries)
{
	struct access_key key, *previous = NULL;
	size_t count = 0, room = 0;
	struct entry *all = NULL;

	for (; !bpf_map_get_next_key(map, previous, &key); previous = &key) {
		if (!is_wanted(&key))
			continue;
		if (count == room) {
			room = room ? 2 * room : 64;
			all = realloc(all, room * sizeof(*all));
			if (!all)
				err(1, "accesses");
		}
		all[count].key = key;
		/* It may have gone since. */
		if (!bpf_map_lookup_elem(map, &key, &all[count].access))
			count++;
	}
	if (count)
		qsort(all, count, sizeof(*all), compare_entries);
	*entries = all;
	return count;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* A time of the kernel's as seconds since 1970. */
static double wall_time(uint64_t ns)
{
	return (clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC) + ns) / 1e9;
}

static const char *file_name(const struct access_key *key)
{
	static char name[64];

	if (key->map == UINT32_MAX)
		snprintf(name, sizeof(name), "%d/as", key->source);
	else
		snprintf(name, sizeof(name), "%d/map-%u", key->source, key->map);
	return name;
}

static void print_quoted(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < ' ' || (unsigned char)*text >= 127)
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

static void print_json(const struct entry *entry)
{
	const struct access *access = &entry->access;

	printf("{\"file\":\"%s\",\"how\":\"%s\",\"pid\":%u,\"uid\":%u,\"command\":",
	       file_name(&entry->key), how_names[entry->key.how], entry->key.pid,
	       entry->key.uid);
	print_quoted(access->command);
	printf(",\"calls\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"start\":%" PRIu64 ",\"end\":%" PRIu64 ",\"since\":%.6f,\"last\":%.6f}\n",
	       (uint64_t)access->calls, (uint64_t)access->bytes, (uint64_t)access->start,
	       (uint64_t)access->end, wall_time(access->first), wall_time(access->last));
}

/* A process names itself as it likes; the terminal shall not obey it. */
static void print_row(const struct entry *entry)
{
	const struct access *access = &entry->access;
	time_t since = wall_time(access->first);
	char when[16], command[16];

	strftime(when, sizeof(when), "%H:%M:%S", localtime(&since));
	for (size_t i = 0; i < sizeof(command); i++)
		command[i] = access->command[i] && (access->command[i] < ' ' ||
			     access->command[i] == 127) ? '?' : access->command[i];
	printf("%-8s %7u %-15.15s %6u %-5s %-16s %8" PRIu64 " %12" PRIu64 "  %#" PRIx64 "-%#" PRIx64 "\n",
	       when, entry->key.pid, command, entry->key.uid, how_names[entry->key.how],
	       file_name(&entry->key), (uint64_t)access->calls, (uint64_t)access->bytes,
	       (uint64_t)access->start, (uint64_t)access->end);
}

static void print(void *map)
{
	struct entry *entries;
	size_t count = collect(*(int *)map, &entries);

	if (!report.json) {
		if (isatty(STDOUT_FILENO) && !report.once)
			fputs("\033[H\033[J", stdout);
		printf("%-8s %7s %-15s %6s %-5s %-16s %8s %12s  %s\n", "SINCE", "PID",
		       "COMMAND", "UID", "HOW", "FILE", "CALLS", "BYTES", "RANGE");
	}
	for (size_t i = 0; i < count; i++)
		(report.json ? print_json : print_row)(&entries[i]);
	free(entries);
}

int main(int argc, char *argv[])
{
	struct bpf_object *object;
	int map;

	parse(argc, argv);
	object = object_open();
	object_attach(object);
	map = object_map(object, "accesses");
	return report_until_told(print, &map);
}
