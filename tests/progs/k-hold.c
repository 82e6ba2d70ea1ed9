// SPDX-License-Identifier: GPL-2.0-only
/*
 * k-hold: open a file while a page is missing, for which a BPF program waits.
 *
 *	k-hold FILE HELD
 *
 * HELD is open as descriptor 5. Prints "PID ADDRESS" of the page and takes commands
 * from its standard input:
 *
 *	open	open FILE in a thread, again and again, for one open may be one
 *		that the kernel does not run the program for; the answer is "ok"
 *		at once
 *	close	descriptor 5; the answer is "ok"
 *	pass	wait for some grace periods of RCU, which what sleeps holds up
 *		none of; the answer is "ok" when they are over
 *	serve	put the number 5 into the page; the answer is "ok" when the
 *		thread has come back
 */
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *path;
static atomic_bool served;

static void *open_it(void *unused)
{
	(void)unused;
	while (!served)
		close(open(path, O_RDONLY));
	return NULL;
}

/* A page that is not there before it is served. */
static int withhold(void *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (size_t)page, .len = 4096 },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	return ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range) ? -1 : fd;
}

static int serve(int fd, void *page)
{
	unsigned long long content[512] = { 5 };
	struct uffdio_copy copy = { .dst = (size_t)page, .src = (size_t)content, .len = 4096 };

	served = 1;
	return ioctl(fd, UFFDIO_COPY, &copy);
}

/*
 * Descriptors are looked for in the table that is part of files_struct, which a
 * process has if none was above 63 when it was forked. Dies with its parent.
 */
static void be_small(void)
{
	int status;
	pid_t child;

	close_range(3, ~0U, 0);
	child = fork();
	if (child) {
		waitpid(child, &status, 0);
		_exit(child < 0 || status);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Open a file as that descriptor, and no other. */
static int open_as(const char *name, int wanted)
{
	int fd = open(name, O_RDONLY);

	if (dup2(fd, wanted) < 0)
		return -1;
	return fd == wanted ? 0 : close(fd);
}

static int answer(int fd, void *page)
{
	pthread_t thread;
	char line[32];

	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "open\n") && pthread_create(&thread, NULL, open_it, NULL))
			return 98;
		if (!strcmp(line, "serve\n") && (serve(fd, page) || pthread_join(thread, NULL)))
			return 97;
		if (!strcmp(line, "close\n") && close(5))
			return 95;
		for (int i = 0; i < 4 && !strcmp(line, "pass\n"); i++)
			if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0))
				return 96;
		printf("ok\n");
	}
	return 0;
}

int main(int argc, char **argv)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd;

	be_small();
	fd = withhold(page);
	if (argc != 3 || page == MAP_FAILED || fd < 0 || open_as(argv[2], 5))
		return 99;
	path = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%d %p\n", getpid(), page);
	return answer(fd, page);
}
