// SPDX-License-Identifier: GPL-2.0-only
/*
 * quota: so many bytes of a map file may be read, and then no more.
 *
 *	make -C examples/bpf
 *	sudo examples/bpf/quota /run/remotefs/1234/map-0 65536
 *
 * The limit and what was used of it are in the file's own state, so they last
 * as long as the file does.  The policy lasts as long as this program: before
 * it comes and when it has gone, everybody reads what they may.  Whoever set
 * the limit ends it with 0.
 *
 * It needs no type information (BTF) of kernel or module.  What it cannot do:
 * readers that ask at the very same time are all told what was used before, so
 * they may exceed the limit together, once, by what each of them asked for.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/remotefs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "attach.h"
#include "quota.h"
#include "report.h"

static struct {
	bool keep;
	const char *path;
	uint64_t limit;
} options;

static void usage(void)
{
	puts("Usage: quota [OPTION]... FILE BYTES [-- COMMAND...]\n"
	     "\n"
	     "Let BYTES be read from FILE, a map file of remotefs, and deny what exceeds them\n"
	     "with EDQUOT (\"Disk quota exceeded\"), until this program ends.  A mapping counts\n"
	     "as if all of it was read.  Other files are left alone.  BYTES 0 takes the limit\n"
	     "of an earlier run away, and ends.\n"
	     "With COMMAND: run it under the quota, and tell what it used.\n"
	     "\n"
	     "  -k, --keep          go on from what was used before\n"
	     "  -1, --once          tell what is used once, after the interval, and end\n"
	     "  -i, --interval=N    seconds between two reports (1)\n"
	     "  -j, --json          reports are JSON objects\n"
	     "  -v, --verbose       say in full why the kernel refuses a program\n"
	     "  -h, --help          this");
}

static void parse(int argc, char *argv[])
{
	static const struct option longs[] = {
		{ "keep", no_argument, NULL, 'k' },
		REPORT_LONG_OPTIONS,
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, "+k" REPORT_SHORT_OPTIONS, longs, NULL)) != -1) {
		switch (option) {
		case 'k':
			options.keep = true;
			break;
		default:
			report_option(option, usage);
		}
	}
	if (argc - optind < 2 || (argv[optind + 2] && strcmp(argv[optind + 2], "--"))) {
		fputs("quota: FILE and BYTES; try 'quota --help'.\n", stderr);
		exit(2);
	}
	options.path = argv[optind];
	options.limit = report_number("BYTES", argv[optind + 1]);
	if (argv[optind + 2])
		report_command(argv + optind + 3);
}

/* Change these slots of the file's state, and get what was there. */
static void area(int fd, uint32_t operation, uint32_t mask, uint64_t slots[])
{
	struct remotefs_area_args args = {
		.size = sizeof(args), .operation = operation, .mask = mask,
	};

	if (operation == REMOTEFS_AREA_SET)
		memcpy(args.slots, slots, sizeof(args.slots));
	if (ioctl(fd, REMOTEFS_IOC_AREA, &args))
		errx(1, "%s: its state: %s", options.path,
		     errno == ENOTTY ? "not a map file of a remotefs that has any" :
		     errno == EPERM ? "only its maker, or CAP_SYS_ADMIN, may change it" :
		     strerror(errno));
	memcpy(slots, args.slots, sizeof(args.slots));
}

#define BIT(slot)	(1U << (slot))

static void set_limit(int fd)
{
	uint64_t slots[REMOTEFS_AREA_SLOTS] = { [SLOT_LIMIT] = options.limit };
	uint32_t mask = BIT(SLOT_LIMIT);

	if (!options.keep)
		mask |= BIT(SLOT_USED) | BIT(SLOT_DENIED);
	area(fd, REMOTEFS_AREA_SET, mask, slots);
}

static void print(void *fd)
{
	uint64_t slots[REMOTEFS_AREA_SLOTS];

	area(*(int *)fd, REMOTEFS_AREA_GET, BIT(SLOT_LIMIT) | BIT(SLOT_USED) | BIT(SLOT_DENIED), slots);
	printf(report.json ?
	       "{\"limit\":%" PRIu64 ",\"used\":%" PRIu64 ",\"denied\":%" PRIu64 "}\n" :
	       "limit %" PRIu64 " bytes, used %" PRIu64 ", denied %" PRIu64 " times\n",
	       slots[SLOT_LIMIT], slots[SLOT_USED], slots[SLOT_DENIED]);
}

int main(int argc, char *argv[])
{
	int fd;

	parse(argc, argv);
	fd = open(options.path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", options.path);
	set_limit(fd);
	if (!options.limit)
		return 0;
	object_attach(object_open());
	return report_until_told(print, &fd);
}
