// SPDX-License-Identifier: GPL-2.0-only
/*
 * m-model: random changes to a map file and to its source, each compared with a
 * model that has nothing but arrays of pages.
 *
 *	m-model CONTROL SEED ROUNDS
 *
 * The process exposes memory of its own, PAGES of it, at any of SLOTS page
 * offsets of one file, of which it has one mirror.  It maps, unmaps, allows,
 * protects, discards, loads and stores; short and long intervals, those at the
 * edges and at the edges of others above all.  After each step some pages are
 * read through the file and through the mirror.  The first that is not as the
 * model says ends the run with status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/remotefs.h>

#define PAGE 4096L
#define PAGES 48
#define SLOTS 64
#define LOOKS 6

enum state { HOLE, NONE, READ, WRITE };

struct slot {
	int page;	/* of the source, or -1 */
	int range;	/* number of the range */
	bool write;	/* the range may be written */
	bool allowed;
};

/* The model. */
static enum state states[PAGES];
static unsigned char bytes[PAGES];
static struct slot slots[SLOTS];
static int size;		/* of the file, in pages */
static bool unmapped;

static char *source, *mirror;
static int session, file = -1;
static unsigned int map_number;
static char step[128];
static unsigned long round_number, seed;

static void fail(const char *format, ...)
{
	va_list list;

	printf("seed %lu, round %lu, after %s: ", seed, round_number, step);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
	exit(1);
}

static int pick(unsigned int below)
{
	static unsigned long state;

	if (!state)
		state = seed * 2 + 1;
	state = state * 6364136223846793005UL + 1442695040888963407UL;
	return (unsigned int)(state >> 33) % below;
}

/* An interval within @total, often at its edges, and often of one page. */
static void pick_interval(int total, int *first, int *nr)
{
	*nr = pick(3) ? 1 + pick(12) : 1;
	*first = pick(8) ? pick(total - *nr + 1) : pick(2) ? 0 : total - *nr;
}

static void expect(int ret, int error)
{
	int got = ret < 0 ? errno : 0;

	if (got != error)
		fail("%s, not %s", got ? strerrorname_np(got) : "success",
		     error ? strerrorname_np(error) : "success");
}

/* The source's side. */

static bool all_mapped(int first, int nr)
{
	for (int i = first; i < first + nr; i++)
		if (states[i] == HOLE)
			return false;
	return true;
}

static void source_map(int first, int nr)
{
	snprintf(step, sizeof(step), "mmap %d+%d", first, nr);
	if (mmap(source + first * PAGE, nr * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		fail("%m");
	for (int i = first; i < first + nr; i++)
		states[i] = WRITE, bytes[i] = 0;
}

static void source_unmap(int first, int nr)
{
	snprintf(step, sizeof(step), "munmap %d+%d", first, nr);
	munmap(source + first * PAGE, nr * PAGE);
	for (int i = first; i < first + nr; i++)
		states[i] = HOLE;
}

static void source_protect(int first, int nr)
{
	static const int protections[] = {
		[NONE] = PROT_NONE, [READ] = PROT_READ, [WRITE] = PROT_READ | PROT_WRITE,
	};
	enum state state = NONE + pick(3);

	snprintf(step, sizeof(step), "mprotect %d+%d to %d", first, nr, state);
	if (!all_mapped(first, nr))
		return;
	expect(mprotect(source + first * PAGE, nr * PAGE, protections[state]), 0);
	for (int i = first; i < first + nr; i++)
		states[i] = state;
}

static void source_discard(int first, int nr)
{
	snprintf(step, sizeof(step), "MADV_DONTNEED %d+%d", first, nr);
	if (!all_mapped(first, nr))
		return;
	expect(madvise(source + first * PAGE, nr * PAGE, MADV_DONTNEED), 0);
	memset(bytes + first, 0, nr);
}

/* The first and the last byte of each page are the page's. */
static void source_store(int first, int nr)
{
	unsigned char byte = 1 + pick(255);

	snprintf(step, sizeof(step), "store %d+%d", first, nr);
	for (int i = first; i < first + nr; i++) {
		if (states[i] != WRITE)
			continue;
		source[i * PAGE] = byte;
		source[(i + 1) * PAGE - 1] = byte;
		bytes[i] = byte;
	}
}

/* The file's side. */

static int map_errno(int page, int first, int nr)
{
	if (!all_mapped(page, nr))
		return EFAULT;
	for (int i = first; i < first + nr; i++)
		if (slots[i].page >= 0)
			return EEXIST;
	return 0;
}

static void file_map(int page, int first, int nr, bool write)
{
	static int ranges;
	struct remotefs_map_args args = {
		.size = sizeof(args),
		.flags = (size ? 0 : REMOTEFS_MAP_NEW) | (write ? REMOTEFS_MAP_WRITE : 0),
		.map = map_number,
		.address = (unsigned long)source + page * PAGE,
		.offset = first * PAGE,
		.length = nr * PAGE,
	};
	int error = map_errno(page, first, nr);

	snprintf(step, sizeof(step), "MAP %d+%d at %d%s", page, nr, first, write ? " rw" : "");
	expect(ioctl(session, REMOTEFS_IOC_MAP, &args), error);
	map_number = args.map;
	if (error)
		return;
	ranges++;
	for (int i = first; i < first + nr; i++, page++) {
		slots[i].page = page;
		slots[i].range = ranges;
		slots[i].write = write;
	}
	if (first + nr > size)
		size = first + nr;
}

static bool same_range(int a, int b)
{
	return a >= 0 && b >= 0 && a < SLOTS && b < SLOTS && slots[a].page >= 0 &&
	       slots[b].page >= 0 && slots[a].range == slots[b].range;
}

static int unmap_errno(int first, int nr)
{
	if (same_range(first - 1, first) || same_range(first + nr - 1, first + nr))
		return EINVAL;
	for (int i = first; i < first + nr; i++)
		if (slots[i].page >= 0)
			return 0;
	return ENOENT;
}

static void file_unmap(int first, int nr)
{
	struct remotefs_unmap_args args = {
		.size = sizeof(args), .map = map_number,
		.offset = first * PAGE, .length = nr * PAGE,
	};
	int error = unmap_errno(first, nr);

	snprintf(step, sizeof(step), "UNMAP at %d+%d", first, nr);
	expect(ioctl(session, REMOTEFS_IOC_UNMAP, &args), error);
	if (error)
		return;
	unmapped = true;
	for (int i = first; i < first + nr; i++)
		slots[i].page = -1;
}

static int allow_errno(int first, int nr)
{
	int error = ENOENT;

	if (first + nr > size)
		return EINVAL;
	for (int i = first; i < first + nr; i++)
		if (slots[i].page >= 0)
			error = 0;
	for (int i = first; i < first + nr && !error; i++)
		if (slots[i].allowed)
			error = EEXIST;
	return error;
}

static void file_allow(int first, int nr)
{
	struct remotefs_allow_args args = {
		.size = sizeof(args), .map = map_number,
		.offset = first * PAGE, .length = nr * PAGE,
	};
	int error = allow_errno(first, nr);

	snprintf(step, sizeof(step), "ALLOW at %d+%d", first, nr);
	expect(ioctl(session, REMOTEFS_IOC_ALLOW, &args), error);
	for (int i = first; i < first + nr && !error; i++)
		slots[i].allowed = true;
}

/* What an access to a slot must give: 0 or an errno. */
static int access_errno(int at, bool write)
{
	const struct slot *slot = &slots[at];

	if (slot->page < 0)
		return unmapped ? ESTALE : EFAULT;
	if (write && !slot->write && !slot->allowed)
		return EACCES;
	return states[slot->page] < (write ? WRITE : READ) ? EFAULT : 0;
}

static sigjmp_buf fault_return;

static void on_fault(int signal)
{
	siglongjmp(fault_return, signal);
}

/* Load or store one byte of the mirror; false if it faulted. */
static bool mirror_access(long offset, unsigned char *byte, bool write)
{
	volatile unsigned char *at = (unsigned char *)mirror + offset;

	if (sigsetjmp(fault_return, 1))
		return false;
	if (write)
		*at = *byte;
	else
		*byte = *at;
	return true;
}

/* By the file or by the mirror, both edges of a page. */
static void file_store(int at, bool by_mirror)
{
	unsigned char byte = 1 + pick(255);
	int error = access_errno(at, true);

	snprintf(step, sizeof(step), "%s at %d", by_mirror ? "mirrored store" : "pwrite", at);
	for (long offset = at * PAGE; offset < (at + 1) * PAGE; offset += PAGE - 1) {
		if (by_mirror) {
			if (mirror_access(offset, &byte, true) != !error)
				fail("a store at %ld does not give %d", offset, error);
		} else if (at < size) {
			expect(pwrite(file, &byte, 1, offset) == 1 ? 0 : -1, error);
		} else {
			return;
		}
	}
	if (!error)
		bytes[slots[at].page] = byte;
}

static void look(int at, bool last)
{
	long offset = at * PAGE + (last ? PAGE - 1 : 0);
	int error = access_errno(at, false);
	unsigned char want = error ? 0 : bytes[slots[at].page], byte;
	ssize_t got = pread(file, &byte, 1, offset);

	if (at >= size) {
		if (got)
			fail("pread past the end gives %zd", got);
	} else {
		expect(got == 1 ? 0 : -1, error);
		if (!error && byte != want)
			fail("pread at %d has %#x, not %#x", at, byte, want);
	}
	if (mirror_access(offset, &byte, false) != !error)
		fail("a load at %d does not give %d", at, error);
	if (!error && byte != want)
		fail("a load at %d has %#x, not %#x", at, byte, want);
}

static void change(void)
{
	int first, nr, page;

	pick_interval(PAGES, &page, &nr);
	first = pick(8) ? pick(SLOTS - nr + 1) : pick(2) ? 0 : SLOTS - nr;
	switch (pick(12)) {
	case 0:
		return source_map(page, nr);
	case 1:
		return source_unmap(page, nr);
	case 2:
		return source_protect(page, nr);
	case 3:
		return source_discard(page, nr);
	case 4: case 5:
		return source_store(page, nr);
	case 6: case 7:
		return file_map(page, first, nr, pick(2));
	case 8:
		return file_unmap(first, nr);
	case 9:
		return file_allow(first, nr);
	default:
		return file_store(first, pick(2));
	}
}

static void begin(const char *control)
{
	struct remotefs_attach_args attach = { .size = sizeof(attach), .mem_fd = -1 };
	char path[4096];

	signal(SIGBUS, on_fault);
	for (int i = 0; i < SLOTS; i++)
		slots[i].page = -1;
	source = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	session = ioctl(open(control, O_RDWR | O_CLOEXEC), REMOTEFS_IOC_ATTACH, &attach);
	snprintf(step, sizeof(step), "ATTACH");
	expect(session, 0);
	source_map(0, PAGES);
	file_map(0, 7, 2, true);
	snprintf(path, sizeof(path), "%.*s/%d/map-%u", (int)(strrchr(control, '/') - control),
		 control, getpid(), map_number);
	file = open(path, O_RDWR);
	expect(file, 0);
	mirror = mmap(NULL, SLOTS * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (mirror == MAP_FAILED)
		fail("%m");
}

int main(int argc, char **argv)
{
	unsigned long rounds;

	if (argc != 4)
		return 2;
	seed = strtoul(argv[2], NULL, 0);
	rounds = strtoul(argv[3], NULL, 0);
	begin(argv[1]);
	for (round_number = 1; round_number <= rounds; round_number++) {
		change();
		for (int i = 0; i < LOOKS; i++)
			look(pick(SLOTS), pick(2));
	}
	printf("seed %lu: %lu rounds as the model says\n", seed, rounds);
	return 0;
}
