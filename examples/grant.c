// SPDX-License-Identifier: GPL-2.0-only
/*
 * grant: let a child see one page of mine, and write another, for a while.
 *
 * The parent exposes two pages of its own memory in one map file, the first
 * for reading, the second for writing as well.  It passes an open descriptor of
 * that file to a child, which is another user if the parent is root: what the
 * child may do comes with the descriptor, and with nothing else.  When it has
 * seen enough, the parent takes both pages out of the file.
 *
 *	gcc -o grant grant.c		(remotefs.h is in /usr/include/linux)
 *	./grant [/run/remotefs/control]
 *
 * The file "control" must be open to whoever runs this: root, or whom the
 * mount options control_mode= and control_gid= name.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "calls.h"
#include "channel.h"

#define PAGE	4096
#define NOBODY	65534

/* Each side tells the other that it is done, and waits for the same. */
static void tell(int channel)
{
	if (write(channel, "x", 1) != 1)
		err(1, "write");
}

static void hear(int channel)
{
	char byte;

	if (read(channel, &byte, 1) != 1)
		errx(1, "the other side is gone");
}

/* The child */

static sigjmp_buf no_page;

static void on_bus_error(int signal)
{
	siglongjmp(no_page, signal);
}

/* A page that was taken away gives SIGBUS; whoever maps one must expect it. */
static void show(const char *what, const char *text)
{
	char copy[64] = "";

	if (sigsetjmp(no_page, 1)) {
		printf("child: %s: SIGBUS\n", what);
		return;
	}
	memcpy(copy, text, sizeof(copy) - 1);
	printf("child: %s: %s\n", what, copy);
}

static void show_errno(const char *what, long ret)
{
	printf("child: %s: %s\n", what, ret < 0 ? strerror(errno) : "done");
}

static void child(int channel)
{
	struct remotefs_unmap_args unmap = { .size = sizeof(unmap), .length = PAGE };
	int file = receive_descriptor(channel);
	char *mirror, byte;

	signal(SIGBUS, on_bus_error);
	mirror = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (mirror == MAP_FAILED)
		err(1, "mmap");
	show("first page", mirror);
	strcpy(mirror + PAGE, "thank you");
	show_errno("writing the first page", pwrite(file, "x", 1, 0));
	show_errno("changing the file", ioctl(file, REMOTEFS_IOC_UNMAP, &unmap));
	fflush(stdout);
	tell(channel);

	hear(channel);
	show("first page, afterwards", mirror);
	show_errno("reading the file, afterwards", pread(file, &byte, 1, 0));
	exit(fflush(stdout) ? 1 : 0);
}

/* Root's child becomes somebody who has no right to anything here. */
static pid_t start_child(int *channel)
{
	pid_t pid = fork_with_channel(channel);

	if (!pid) {
		if (!geteuid() && (setresgid(NOBODY, NOBODY, NOBODY) ||
				   setresuid(NOBODY, NOBODY, NOBODY)))
			err(1, "setresuid");
		child(*channel);
	}
	return pid;
}

/* The parent */

/* Both pages in one file, each with its own right; returns the file's number. */
static uint32_t expose(int session, const char *pages)
{
	struct remotefs_map_args map = {
		.size = sizeof(map), .flags = REMOTEFS_MAP_WRITE,
		.address = (uintptr_t)pages + PAGE, .offset = PAGE, .length = PAGE,
	};

	map.map = remotefs_map_new(session, 0, (uintptr_t)pages, PAGE);
	if (ioctl(session, REMOTEFS_IOC_MAP, &map))
		err(1, "REMOTEFS_IOC_MAP of the second page");
	return map.map;
}

int main(int argc, char **argv)
{
	int channel, session, file, status;
	uint32_t number;
	char *pages;
	pid_t pid;

	if (argc > 2)
		errx(1, "usage: grant [CONTROL]");
	pid = start_child(&channel);
	pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		err(1, "mmap");
	strcpy(pages, "for your eyes only");

	session = remotefs_attach_self(argc > 1 ? argv[1] : REMOTEFS_CONTROL);
	number = expose(session, pages);
	file = remotefs_open(session, REMOTEFS_OPEN_WRITE, number);
	send_descriptor(channel, file);
	close(file);

	hear(channel);
	printf("parent: the child wrote: %s\n", pages + PAGE);
	fflush(stdout);
	remotefs_unmap(session, number, 0, 2 * PAGE);
	tell(channel);
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "the child failed");
	return 0;
}
