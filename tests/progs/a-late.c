// SPDX-License-Identifier: GPL-2.0-only
/*
 * a-late: an attacher that is late must not end what came after its source.
 *
 *	a-late CONTROL TRIALS
 *
 * A source executes itself again and again. Each time a straggler, which has a
 * descriptor of the image before, attaches over and over, on the CPU that we
 * take from it now and then: so that it is stopped anywhere in the call, after
 * it has shown its right, too. Meanwhile the source gets its next image, and we
 * attach to that and make a map file, which must be there still once the
 * straggler has gone on.
 *
 * Prints "ended N", the trials in which it was not.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/remotefs.h>

#define SIZE 4096UL

static void pause_for(long nanoseconds)
{
	struct timespec ts = { 0, nanoseconds };

	nanosleep(&ts, NULL);
}

static void schedule_as(int policy, int priority)
{
	struct sched_param param = { .sched_priority = priority };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) ||
	    sched_setscheduler(0, policy, &param))
		err(1, "scheduling");
}

/* Each image tells where it has memory, and is told to execute the next one. */
static int be_source(char **argv)
{
	void *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char go;

	if (write(1, &memory, sizeof(memory)) == sizeof(memory) &&
	    read(0, &go, 1) == 1)
		execv("/proc/self/exe", argv);
	return 1;
}

static int attach(int control, int mem, pid_t pid)
{
	struct remotefs_attach_args args = {
		.size = sizeof(args), .mem_fd = mem, .pid = pid
	};

	return ioctl(control, REMOTEFS_IOC_ATTACH, &args);
}

static int map(int session, void *memory)
{
	struct remotefs_map_args args = {
		.size = sizeof(args), .flags = REMOTEFS_MAP_NEW,
		.address = (unsigned long)memory, .length = SIZE
	};

	return ioctl(session, REMOTEFS_IOC_MAP, &args);
}

static int open_memory(pid_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static pid_t straggler_start(int control, int mem, pid_t pid)
{
	pid_t straggler = fork();
	int session;

	if (straggler)
		return straggler;
	schedule_as(SCHED_OTHER, 0);
	for (;;) {
		session = attach(control, mem, pid);
		if (session >= 0)
			close(session);
		else if (errno != ESRCH)
			_exit(1);
	}
}

static int pipes[2][2];

static pid_t source_start(void)
{
	pid_t pid;

	if (pipe(pipes[0]) || pipe(pipes[1]))
		err(1, "pipe");
	pid = fork();
	if (pid)
		return pid;
	dup2(pipes[0][0], 0);
	dup2(pipes[1][1], 1);
	execl("/proc/self/exe", "a-late", NULL);
	_exit(1);
}

static void *source_says(void)
{
	void *memory;

	if (read(pipes[1][0], &memory, sizeof(memory)) != sizeof(memory))
		errx(1, "the source has nothing to say");
	return memory;
}

/* One image of the source after the other; true if the file is there still. */
static int trial(int control, pid_t pid, int i)
{
	int mem = open_memory(pid), session, ok;
	pid_t straggler = straggler_start(control, mem, pid);
	void *memory;

	close(mem);
	pause_for(5000000 + 7919 * i);
	if (write(pipes[0][1], "x", 1) != 1)
		err(1, "write");
	memory = source_says();
	mem = open_memory(pid);
	session = attach(control, mem, pid);
	if (session < 0 || map(session, memory))
		err(1, "attaching to the new image");
	pause_for(5000000);
	ok = !map(session, memory);
	kill(straggler, SIGKILL);
	waitpid(straggler, NULL, 0);
	close(session);
	close(mem);
	return ok;
}

int main(int argc, char **argv)
{
	int trials, i, control, ended = 0;
	pid_t pid;

	if (argc == 1)
		return be_source(argv);
	trials = argc == 3 ? atoi(argv[2]) : 0;
	control = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (control < 0)
		err(1, "%s", argv[1]);
	/* Who waits for a pipe leaves the CPU to the source, not to stragglers. */
	schedule_as(SCHED_FIFO, 1);
	pid = source_start();
	source_says();
	for (i = 0; i < trials; i++)
		ended += !trial(control, pid, i);
	printf("ended %d\n", ended);
	kill(pid, SIGKILL);
	return 0;
}
