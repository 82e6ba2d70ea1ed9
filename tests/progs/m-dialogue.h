/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that a test talks to: one command a line on its standard input,
 * one line of answer each.  What both sides of a mirror do to their memory is
 * here; m-source.c and m-viewer.c add what only one of them does.
 *
 * Numbers are as strtoull() reads them.  A failure answers its errno's name, an
 * access that faults answers its signal's.
 */
#ifndef M_DIALOGUE_H
#define M_DIALOGUE_H

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif
#define HUGE (2UL << 20)

struct command {
	const char *name;
	void (*run)(char **words);
};

static sigjmp_buf fault_return;
static volatile int fault_code;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	fault_code = info->si_code;
	siglongjmp(fault_return, signal);
}

static unsigned long number(const char *word)
{
	return word ? strtoull(word, NULL, 0) : 0;
}

static void say(long result)
{
	if (result == -1)
		puts(strerrorname_np(errno));
	else
		puts("ok");
}

static void say_address(void *address)
{
	if (address == MAP_FAILED)
		say(-1);
	else
		printf("%lu\n", (unsigned long)address);
}

/* An access to memory that may not be there. */
struct access {
	volatile char *at;
	size_t bytes;
	char byte;
	long zeros;
};

/* Say the signal's name if the access faults; true if it does not. */
static bool attempt(void (*run)(struct access *), struct access *what)
{
	int number = sigsetjmp(fault_return, 1);

	if (number)
		printf("SIG%s\n", sigabbrev_np(number));
	else
		run(what);
	return !number;
}

static void load(struct access *what)
{
	what->byte = *what->at;
}

static void store(struct access *what)
{
	*what->at = what->byte;
}

static void fill(struct access *what)
{
	memset((void *)what->at, what->byte, what->bytes);
}

static void touch(struct access *what)
{
	size_t offset;

	for (offset = 0; offset < what->bytes; offset += 4096)
		what->zeros += !what->at[offset];
}

static void run_load(char **words)
{
	struct access what = { .at = (void *)number(words[1]) };

	if (attempt(load, &what))
		printf(isgraph(what.byte) ? "%c\n" : "%02x\n",
		       (unsigned char)what.byte);
}

/* reason: what the last signal said about itself */
static void run_reason(char **words)
{
	(void)words;
	if (fault_code == BUS_MCEERR_AR)
		puts("MCEERR_AR");
	else if (fault_code == BUS_ADRERR)
		puts("ADRERR");
	else
		printf("%d\n", fault_code);
}

static void run_store(char **words)
{
	struct access what = { (void *)number(words[1]), .byte = words[2][0] };

	if (attempt(store, &what))
		puts("ok");
}

/* fill ADDRESS BYTES CHARACTER */
static void run_fill(char **words)
{
	struct access what = { (void *)number(words[1]), number(words[2]),
			       .byte = words[3][0] };

	if (attempt(fill, &what))
		puts("ok");
}

/* touch ADDRESS BYTES: load one byte of each page, answer how many were zero */
static void run_touch(char **words)
{
	struct access what = { (void *)number(words[1]), number(words[2]),
			       .zeros = 0 };

	if (attempt(touch, &what))
		printf("%ld\n", what.zeros);
}

/* map PAGES: aligned to 2 MiB, so that where huge pages lie is known */
static void run_map(char **words)
{
	size_t bytes = number(words[1]) << 12;
	char *at = mmap(NULL, bytes + 2 * HUGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *start = (char *)(((unsigned long)at + HUGE) & ~(HUGE - 1));

	munmap(at, start - at);
	munmap(start + bytes, at + 2 * HUGE - start);
	say_address(start);
}

/* mapat ADDRESS PAGES: in place of what is there */
static void run_mapat(char **words)
{
	say_address(mmap((void *)number(words[1]), number(words[2]) << 12,
			 PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

static void run_unmap(char **words)
{
	say(munmap((void *)number(words[1]), number(words[2])));
}

/* protect ADDRESS BYTES none|r|rw|rx */
static void run_protect(char **words)
{
	int prot = strchr(words[3], 'r') ? PROT_READ : PROT_NONE;

	if (strchr(words[3], 'w'))
		prot |= PROT_WRITE;
	if (strchr(words[3], 'x'))
		prot |= PROT_EXEC;
	say(mprotect((void *)number(words[1]), number(words[2]), prot));
}

/* remap ADDRESS BYTES NEW-BYTES [NEW-ADDRESS] */
static void run_remap(char **words)
{
	int flags = words[4] ? MREMAP_MAYMOVE | MREMAP_FIXED : MREMAP_MAYMOVE;

	say_address(mremap((void *)number(words[1]), number(words[2]),
			   number(words[3]), flags, (void *)number(words[4])));
}

/* Newer than some C libraries. */
#define GUARD_INSTALL 102
#define GUARD_REMOVE 103

static const struct {
	const char *name;
	int advice;
} advices[] = {
	{ "dontneed", MADV_DONTNEED }, { "free", MADV_FREE },
	{ "pageout", MADV_PAGEOUT },   { "mergeable", MADV_MERGEABLE },
	{ "huge", MADV_HUGEPAGE },     { "nohuge", MADV_NOHUGEPAGE },
	{ "collapse", MADV_COLLAPSE }, { "dofork", MADV_DOFORK },
	{ "dodump", MADV_DODUMP },     { "offline", MADV_SOFT_OFFLINE },
	{ "guard", GUARD_INSTALL },    { "noguard", GUARD_REMOVE },
};

/* advise ADDRESS BYTES NAME */
static void run_advise(char **words)
{
	size_t i;

	for (i = 0; i < sizeof(advices) / sizeof(*advices); i++)
		if (!strcmp(advices[i].name, words[3]))
			say(madvise((void *)number(words[1]), number(words[2]),
				    advices[i].advice));
}

/* frame ADDRESS: the page's frame number, "swapped" or "none" */
static void run_frame(char **words)
{
	unsigned long long entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (pread(fd, &entry, 8, number(words[1]) >> 12 << 3) != 8)
		say(-1);
	else if (entry >> 63)
		printf("%llu\n", entry & ((1ULL << 55) - 1));
	else
		puts(entry >> 62 ? "swapped" : "none");
	close(fd);
}

/* write ADDRESS BYTES PATH: our own bytes, to a file */
static void run_write(char **words)
{
	int fd = open(words[3], O_WRONLY | O_CREAT | O_TRUNC, 0600);

	say(write(fd, (void *)number(words[1]), number(words[2])) ==
	    (ssize_t)number(words[2]) ? 0 : -1);
	close(fd);
}

/* read ADDRESS BYTES PATH: the other way */
static void run_read(char **words)
{
	int fd = open(words[3], O_RDONLY);

	say(read(fd, (void *)number(words[1]), number(words[2])) ==
	    (ssize_t)number(words[2]) ? 0 : -1);
	close(fd);
}

/* hammer ADDRESS BYTES: touch all of it again and again, until that faults */
static void hammer(struct access *what)
{
	for (;;)
		touch(what);
}

static void run_hammer(char **words)
{
	struct access what = { (void *)number(words[1]), number(words[2]),
			       .zeros = 0 };

	attempt(hammer, &what);
}

/* cool ADDRESS BYTES: again and again, touch it and say it is not needed soon */
static void run_cool(char **words)
{
	struct access what = { (void *)number(words[1]), number(words[2]),
			       .zeros = 0 };

	do
		touch(&what);
	while (!madvise((void *)what.at, what.bytes, MADV_COLD));
	say(-1);
}

/* fork IN OUT: the child goes on with a dialogue of its own */
static void run_fork(char **words)
{
	pid_t child = fork();

	if (!child) {
		if (!freopen(words[1], "r", stdin) ||
		    !freopen(words[2], "w", stdout))
			_exit(1);
		setvbuf(stdout, NULL, _IOLBF, 0);
		return;
	}
	printf("%d\n", child);
}

/* Whoever is answered knows that this runs, and that its libraries are there. */
static void run_awake(char **words)
{
	(void)words;
	puts("ok");
}

static const struct command common_commands[] = {
	{ "awake", run_awake },
	{ "load", run_load },	{ "store", run_store },
	{ "reason", run_reason },
	{ "fill", run_fill },	{ "touch", run_touch },
	{ "map", run_map },	{ "mapat", run_mapat },
	{ "unmap", run_unmap }, { "protect", run_protect },
	{ "remap", run_remap }, { "advise", run_advise },
	{ "frame", run_frame }, { "fork", run_fork },
	{ "write", run_write }, { "read", run_read },
	{ "hammer", run_hammer },
	{ "cool", run_cool },
	{ }
};

static bool obey(const struct command *commands, char **words)
{
	for (; commands->name; commands++)
		if (!strcmp(commands->name, words[0])) {
			commands->run(words);
			return true;
		}
	return false;
}

/* @greeting: what to say before anything is asked, or NULL */
static int converse(const struct command *commands, const char *greeting)
{
	struct sigaction action = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_RESTART,
	};
	char line[512], *words[8];
	int i;

	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	/* Children need no reaping. */
	signal(SIGCHLD, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (greeting)
		puts(greeting);
	while (fgets(line, sizeof(line), stdin)) {
		words[0] = strtok(line, " \n");
		for (i = 0; words[i] && i < 7; i++)
			words[i + 1] = strtok(NULL, " \n");
		words[7] = NULL;
		if (!words[0] || (!obey(common_commands, words) &&
				  !obey(commands, words)))
			puts("unknown");
	}
	return 0;
}

#endif
