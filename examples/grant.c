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
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/remotefs.h>

#define PAGE	4096
#define NOBODY	65534

/* One descriptor, which rides on a message of one byte. */
union rights {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static void send_descriptor(int channel, int fd)
{
	union rights rights = { .header = {
		.cmsg_len = CMSG_LEN(sizeof(fd)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	} };
	struct iovec byte = { "x", 1 };
	struct msghdr message = {
		.msg_iov = &byte, .msg_iovlen = 1,
		.msg_control = &rights, .msg_controllen = sizeof(rights),
	};

	memcpy(CMSG_DATA(&rights.header), &fd, sizeof(fd));
	if (sendmsg(channel, &message, 0) != 1)
		err(1, "sendmsg");
}

static int receive_descriptor(int channel)
{
	union rights rights;
	char got;
	struct iovec byte = { &got, 1 };
	struct msghdr message = {
		.msg_iov = &byte, .msg_iovlen = 1,
		.msg_control = &rights, .msg_controllen = sizeof(rights),
	};
	int fd;

	if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1 ||
	    message.msg_controllen < CMSG_LEN(sizeof(fd)))
		errx(1, "no descriptor came");
	memcpy(&fd, CMSG_DATA(&rights.header), sizeof(fd));
	return fd;
}

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
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		err(1, "socketpair");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		close(ends[0]);
		if (!geteuid() && (setresgid(NOBODY, NOBODY, NOBODY) ||
				   setresuid(NOBODY, NOBODY, NOBODY)))
			err(1, "setresuid");
		child(ends[1]);
	}
	close(ends[1]);
	*channel = ends[0];
	return pid;
}

/* The parent */

/* A session on the caller: it takes no proof to expose one's own memory. */
static int attach_to_self(const char *path)
{
	struct remotefs_attach_args attach = { .size = sizeof(attach), .mem_fd = -1 };
	int control = open(path, O_RDONLY | O_CLOEXEC);
	int session;

	if (control < 0)
		err(1, "%s", path);
	session = ioctl(control, REMOTEFS_IOC_ATTACH, &attach);
	if (session < 0)
		err(1, "REMOTEFS_IOC_ATTACH");
	close(control);
	return session;
}

/* Both pages in one file, each with its own right; returns the file's number. */
static uint32_t expose(int session, const char *pages)
{
	struct remotefs_map_args map = {
		.size = sizeof(map), .flags = REMOTEFS_MAP_NEW,
		.address = (uintptr_t)pages, .length = PAGE,
	};

	if (ioctl(session, REMOTEFS_IOC_MAP, &map))
		err(1, "REMOTEFS_IOC_MAP of the first page");
	map.flags = REMOTEFS_MAP_WRITE;
	map.address += PAGE;
	map.offset = PAGE;
	if (ioctl(session, REMOTEFS_IOC_MAP, &map))
		err(1, "REMOTEFS_IOC_MAP of the second page");
	return map.map;
}

static int open_access(int session, uint32_t number)
{
	struct remotefs_open_args args = {
		.size = sizeof(args), .flags = REMOTEFS_OPEN_WRITE, .map = number,
	};
	int file = ioctl(session, REMOTEFS_IOC_OPEN, &args);

	if (file < 0)
		err(1, "REMOTEFS_IOC_OPEN");
	return file;
}

static void take_back(int session, uint32_t number)
{
	struct remotefs_unmap_args args = {
		.size = sizeof(args), .map = number, .length = 2 * PAGE,
	};

	if (ioctl(session, REMOTEFS_IOC_UNMAP, &args))
		err(1, "REMOTEFS_IOC_UNMAP");
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

	session = attach_to_self(argc > 1 ? argv[1] : "/run/remotefs/control");
	number = expose(session, pages);
	file = open_access(session, number);
	send_descriptor(channel, file);
	close(file);

	hear(channel);
	printf("parent: the child wrote: %s\n", pages + PAGE);
	fflush(stdout);
	take_back(session, number);
	tell(channel);
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "the child failed");
	return 0;
}
