// SPDX-License-Identifier: GPL-2.0-only
/*
 * introspect: look for something in a virtual machine's memory, and patch it.
 *
 * A machine monitor, such as QEMU, keeps its guest's memory in one anonymous
 * mapping of its own.  It grants that mapping as one map file; offsets in the
 * file are the guest's physical addresses.  Whoever is given the file maps it
 * and sees the guest's pages themselves, while the guest runs: no copy, no stop,
 * and no right over the monitor's other memory.
 *
 *	gcc -o introspect introspect.c	(remotefs.h is in /usr/include/linux)
 *	./introspect vmm [/run/remotefs/control] &	(prints the path of the file)
 *	./introspect find FILE lockdown=none lockdown=full
 *
 * The first stands for the monitor, and needs access to "control".  It waits
 * until its guest's memory has changed, says so, and exits.  The second may be
 * anybody who can open the file.
 */
#define _GNU_SOURCE 1
#include <sys/mman.h>
#include <sys/stat.h>

#include "calls.h"

#define GUEST_BYTES	(256UL << 20)
#define GUEST_ADDRESS	0x7654321UL	/* where the guest has its secret */
#define GUEST_TEXT	"lockdown=none"

/* The monitor */

/* A guest that has run for a while: most of its memory was never touched. */
static char *make_guest(void)
{
	char *memory = mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		err(1, "mmap");
	for (size_t at = 0; at < GUEST_BYTES; at += 16 << 20)
		memset(memory + at, 0x90, 64 << 10);
	strcpy(memory + GUEST_ADDRESS, GUEST_TEXT);
	return memory;
}

/* Grant all of it, for writing; returns the file's number. */
static uint32_t grant_guest(const char *control, const char *memory)
{
	int session = remotefs_attach_self(control);
	uint32_t number = remotefs_map_new(session, REMOTEFS_MAP_WRITE, (uintptr_t)memory,
					   GUEST_BYTES);

	/* The file stays when its session is closed. */
	close(session);
	return number;
}

static int run_vmm(const char *control)
{
	char *memory = make_guest();
	const volatile char *secret = memory + GUEST_ADDRESS;
	uint32_t number = grant_guest(control, memory);
	int directory = strrchr(control, '/') - control;

	printf("%.*s/%d/map-%u\n", directory, control, getpid(), number);
	fflush(stdout);
	/* Whoever patches goes forward, so the last byte is written last. */
	while (secret[strlen(GUEST_TEXT) - 1] == GUEST_TEXT[strlen(GUEST_TEXT) - 1])
		usleep(10000);
	printf("vmm: the guest has %s at 0x%lx\n", memory + GUEST_ADDRESS, GUEST_ADDRESS);
	return 0;
}

/* The introspector */

static char *map_file(const char *path, int *file, size_t *size)
{
	struct stat stat;
	char *mirror;

	*file = open(path, O_RDWR | O_CLOEXEC);
	if (*file < 0 || fstat(*file, &stat))
		err(1, "%s", path);
	*size = stat.st_size;
	mirror = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, *file, 0);
	if (mirror == MAP_FAILED)
		err(1, "mmap %s", path);
	return mirror;
}

/*
 * Only what is there is looked at.  Loads from the holes between would show
 * zeros, but let the monitor's page tables grow.
 */
static char *find(int file, char *mirror, const char *pattern)
{
	off_t start, end = 0;
	char *found;

	while ((start = lseek(file, end, SEEK_DATA)) >= 0) {
		end = lseek(file, start, SEEK_HOLE);
		if (end < 0)
			err(1, "lseek");
		found = memmem(mirror + start, end - start, pattern, strlen(pattern));
		if (found)
			return found;
	}
	return NULL;
}

static int run_find(const char *path, const char *pattern, const char *replacement)
{
	char *mirror, *found;
	size_t size;
	int file;

	if (strlen(pattern) != strlen(replacement))
		errx(1, "'%s' is not as long as '%s'", replacement, pattern);
	mirror = map_file(path, &file, &size);
	found = find(file, mirror, pattern);
	if (!found)
		errx(1, "%s: no '%s'", path, pattern);
	/* Byte by byte, since the guest looks on. */
	for (size_t i = 0; replacement[i]; i++)
		((volatile char *)found)[i] = replacement[i];
	printf("patched at guest address 0x%tx\n", found - mirror);
	munmap(mirror, size);
	close(file);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "vmm"))
		return run_vmm(REMOTEFS_CONTROL);
	if (argc == 3 && !strcmp(argv[1], "vmm") && strchr(argv[2], '/'))
		return run_vmm(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "find"))
		return run_find(argv[2], argv[3], argv[4]);
	errx(1, "usage: introspect vmm [DIRECTORY/control] | introspect find FILE PATTERN REPLACEMENT");
}
