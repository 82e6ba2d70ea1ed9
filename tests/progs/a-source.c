// SPDX-License-Identifier: GPL-2.0-only
/*
 * a-source: a process to be looked into.
 *
 *	a-source [PAGES [nodump] [name=NAME]]
 *
 * It has PAGES pages of anonymous memory with a page on either side that
 * nobody may touch; each begins with the line "page N of PID".  Its heap has
 * the line "heap of PID", its stack "stack of PID".  It prints "PID ADDRESS" and
 * takes commands from its standard input:
 *
 *	print N		print the line that page N begins with
 *	unmap N		unmap page N
 *	exec		be the same program once more
 *	vfork		have a child that shares the memory until it is told "go"
 *	leave		end the thread that leads the process; another goes on
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

static char *memory;
static size_t pages;

static void make_memory(void)
{
	size_t size = pages * 4096;

	memory = mmap(NULL, size + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		exit(2);
	memory += 4096;
	if (mprotect(memory, size, PROT_READ | PROT_WRITE))
		exit(2);
	for (size_t i = 0; i < pages; i++)
		sprintf(memory + i * 4096, "page %zu of %d\n", i, getpid());
	sprintf(sbrk(8192), "heap of %d\n", getpid());
}

/* The child runs in this memory, and this thread waits for its exec. */
static void have_child(void)
{
	char go;
	pid_t child = vfork();

	if (!child) {
		dprintf(1, "%d %p\n", getpid(), (void *)memory);
		if (read(0, &go, 1) == 1)
			execl("/bin/sleep", "sleep", "1000", NULL);
		_exit(2);
	}
	dprintf(1, "child %d\n", child);
}

static void *serve(void *argv);

static void leave(char **argv)
{
	pthread_t thread;

	if (!pthread_create(&thread, NULL, serve, argv))
		syscall(SYS_exit, 0);
}

static void obey(const char *line, char **argv)
{
	size_t page = 0;

	if (sscanf(line, "print %zu", &page) == 1)
		dprintf(1, "%.64s", memory + page * 4096);
	else if (sscanf(line, "unmap %zu", &page) == 1)
		dprintf(1, "unmap %d\n", munmap(memory + page * 4096, 4096));
	else if (!strcmp(line, "exec\n"))
		execv("/proc/self/exe", argv);
	else if (!strcmp(line, "vfork\n"))
		have_child();
	else if (!strcmp(line, "leave\n"))
		leave(argv);
}

/* Byte by byte, so that nothing is lost to an exec. */
static int read_line(char *line, size_t size)
{
	size_t length = 0;

	while (length + 1 < size && read(0, line + length, 1) == 1)
		if (line[length++] == '\n')
			break;
	line[length] = '\0';
	return length > 0;
}

static void *serve(void *argv)
{
	char line[128];

	while (read_line(line, sizeof(line)))
		obey(line, argv);
	return NULL;
}

int main(int argc, char **argv)
{
	volatile char mark[32];

	sprintf((char *)mark, "stack of %d\n", getpid());
	pages = argc > 1 ? atoi(argv[1]) : 4;
	make_memory();
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "nodump"))
			prctl(PR_SET_DUMPABLE, 0);
		else if (!strncmp(argv[i], "name=", 5) &&
			 prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, memory, pages * 4096, argv[i] + 5))
			return 3;
	}
	dprintf(1, "%d %p\n", getpid(), (void *)memory);
	serve(argv);
	return 0;
}
