// SPDX-License-Identifier: GPL-2.0-only
/*
 * m-clone: many whole address spaces of one process, in as many mounts.
 *
 *	m-clone DIRECTORY CLONES VMAS
 *
 * The source has VMAS mappings of a page each, every other one read-only, and
 * every page names itself.  CLONES mounts are made below DIRECTORY, each with
 * an "as" file of the source; all are there before any goes.  Each is read at
 * places of its own, and must show what the source has.
 *
 * Prints "made N", "anonymous KIB-BEFORE KIB-AFTER" of the source, and
 * "fastest NANOSECONDS": what one took from the session to its first byte and
 * from unlink to the end of the session.
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/remotefs.h>

#define PAGE 4096UL

static const char *directory;
static unsigned int vmas;
static char *memory;
static pid_t source;

struct clone {
	int session, file;
};

static void check(int ok, const char *what)
{
	if (!ok)
		err(1, "%s", what);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void source_start(void)
{
	unsigned int i;

	memory = mmap(NULL, vmas * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(memory != MAP_FAILED, "mmap");
	for (i = 0; i < vmas; i++)
		*(unsigned int *)(memory + i * PAGE) = ~i;
	for (i = 0; i < vmas; i += 2)
		check(!mprotect(memory + i * PAGE, PAGE, PROT_READ),
		      "mprotect");
	source = fork();
	check(source >= 0, "fork");
	if (source)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/* How much anonymous memory the source has, in KiB. */
static unsigned long anonymous(void)
{
	unsigned long kib = 0;
	char line[128];
	FILE *status;

	snprintf(line, sizeof(line), "/proc/%d/status", source);
	status = fopen(line, "r");
	check(!!status, line);
	while (fgets(line, sizeof(line), status) &&
	       sscanf(line, "RssAnon: %lu", &kib) != 1)
		;
	fclose(status);
	return kib;
}

static char *path(unsigned int number, const char *name)
{
	static char buffer[256];

	snprintf(buffer, sizeof(buffer), "%s/%u%s", directory, number, name);
	return buffer;
}

static int attach(unsigned int number)
{
	struct remotefs_attach_args args = {.size = sizeof(args),
					    .pid = source};
	int control = open(path(number, "/control"), O_RDONLY | O_CLOEXEC),
	    session;
	char mem[32];

	snprintf(mem, sizeof(mem), "/proc/%d/mem", source);
	args.mem_fd = open(mem, O_RDONLY | O_CLOEXEC);
	session = ioctl(control, REMOTEFS_IOC_ATTACH, &args);
	check(session >= 0, "ATTACH");
	close(args.mem_fd);
	close(control);
	return session;
}

static void read_at(const struct clone *clone, unsigned int i)
{
	unsigned int word = 0;

	check(pread(clone->file, &word, sizeof(word),
		    (uintptr_t)memory + i * PAGE) == sizeof(word),
	      "pread");
	if (word != ~i)
		errx(1, "page %u reads as %#x", i, word);
}

static uint64_t clone_begin(struct clone *clone, unsigned int number)
{
	struct remotefs_map_args map = {
		.size = sizeof(map),
		.flags = REMOTEFS_MAP_NEW | REMOTEFS_MAP_WHOLE,
	};
	struct remotefs_open_args args = {.size = sizeof(args),
					  .map = REMOTEFS_MAP_AS};
	uint64_t began = now();

	clone->session = attach(number);
	check(!ioctl(clone->session, REMOTEFS_IOC_MAP, &map), "MAP");
	clone->file = ioctl(clone->session, REMOTEFS_IOC_OPEN, &args);
	check(clone->file >= 0, "OPEN");
	read_at(clone, number * 7919 % vmas);
	return now() - began;
}

static uint64_t clone_end(struct clone *clone, unsigned int number)
{
	uint64_t began = now();
	char name[32];

	snprintf(name, sizeof(name), "/%d/as", source);
	check(!unlink(path(number, name)), "unlink");
	close(clone->file);
	close(clone->session);
	return now() - began;
}

int main(int argc, char **argv)
{
	unsigned int clones = argc == 4 ? atoi(argv[2]) : 0, i;
	struct clone *clone = calloc(clones, sizeof(*clone));
	uint64_t *cost = calloc(clones, sizeof(*cost)), fastest = UINT64_MAX;
	unsigned long before;

	if (!clones)
		errx(2, "usage: m-clone DIRECTORY CLONES VMAS");
	directory = argv[1];
	vmas = atoi(argv[3]);
	source_start();
	before = anonymous();
	for (i = 0; i < clones; i++) {
		check(!mkdir(path(i, ""), 0700) &&
			      !mount("none", path(i, ""), "remotefs", 0, ""),
		      "mount");
		cost[i] = clone_begin(&clone[i], i);
	}
	printf("made %u\n", i);
	for (i = 0; i < clones; i++) {
		read_at(&clone[i], (i * 104729 + 1) % vmas);
		read_at(&clone[i], vmas - 1);
	}
	printf("anonymous %lu %lu\n", before, anonymous());
	for (i = 0; i < clones; i++) {
		cost[i] += clone_end(&clone[i], i);
		fastest = cost[i] < fastest ? cost[i] : fastest;
		check(!umount(path(i, "")), "umount");
	}
	printf("fastest %" PRIu64 "\n", fastest);
	kill(source, SIGKILL);
	waitpid(source, NULL, 0);
	return 0;
}
