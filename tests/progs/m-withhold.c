// SPDX-License-Identifier: GPL-2.0-only
/*
 * m-withhold: a source whose memory never comes.  Its two pages are registered
 * with a userfaultfd that another process, a child of its parent's, keeps open
 * and never answers.  Prints the address and the keeper's PID, then waits.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BYTES 8192

static void die(const char *what)
{
	perror(what);
	exit(1);
}

int main(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };
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
	printf("%#lx %d\n", (unsigned long)memory, keeper);
	fflush(stdout);
	for (;;)
		pause();
}
