// SPDX-License-Identifier: GPL-2.0-only
/*
 * m-withhold: a source that a test talks to, with memory that never comes.  Two
 * of its pages are registered with a userfaultfd that another process, a child
 * of its own, keeps open and never answers.  It greets with their address and
 * the keeper's PID.  With "events" the keeper was also to be told when some of it
 * is unmapped.
 */
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "m-dialogue.h"

#define BYTES 8192

static void die(const char *what)
{
	perror(what);
	exit(1);
}

int main(int argc, char **argv)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = argc > 1 && !strcmp(argv[1], "events") ? UFFD_FEATURE_EVENT_UNMAP : 0,
	};
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	static const struct command no_more[] = { { } };
	char greeting[64];
	pid_t keeper;
	char *memory;
	int fd;

	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		die("userfaultfd");
	area.range.start = (unsigned long)memory;
	area.range.len = BYTES;
	if (ioctl(fd, UFFDIO_REGISTER, &area))
		die("UFFDIO_REGISTER");
	signal(SIGCHLD, SIG_IGN);
	keeper = fork();
	if (keeper < 0)
		die("fork");
	/* The keeper outlives the source: it ends when the test kills it. */
	if (!keeper)
		for (;;)
			pause();
	close(fd);
	snprintf(greeting, sizeof(greeting), "%#lx %d", (unsigned long)memory, keeper);
	return converse(no_more, greeting);
}
