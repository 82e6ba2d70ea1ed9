// SPDX-License-Identifier: GPL-2.0-only
/*
 * p-guarded: a process whose memory is guarded in one of the ways that are not
 * plain permissions.
 *
 *	p-guarded key		two pages under a protection key that forbids access;
 *				the second was never touched
 *	p-guarded sealed	two pages under mseal(), the second read-only
 *	p-guarded mirror FILE	a mirror of FILE
 *	p-guarded sealed FILE	the same under mseal()
 *
 * It prints "PID ADDRESS".  For each line that it reads it tries to load from the
 * first page, and says what it read, or "SIGBUS" or "SIGSEGV".
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

#define SIZE 8192

static sigjmp_buf after;

static void give_up(const char *what)
{
	perror(what);
	exit(2);
}

static void jump(int signal)
{
	siglongjmp(after, signal);
}

static char *map_memory(void)
{
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		give_up("mmap");
	strcpy(memory, "guarded\n");
	return memory;
}

static char *make_keyed(void)
{
	char *memory = map_memory();
	int key = pkey_alloc(0, PKEY_DISABLE_ACCESS);

	if (key < 0 || pkey_mprotect(memory, SIZE, PROT_READ | PROT_WRITE, key))
		give_up("pkey");
	return memory;
}

static char *make_sealed(void)
{
	char *memory = map_memory();

	strcpy(memory + 4096, "read-only\n");
	if (mprotect(memory + 4096, 4096, PROT_READ) || syscall(SYS_mseal, memory, SIZE, 0))
		give_up("mseal");
	return memory;
}

static char *make_mirror(const char *path, bool sealed)
{
	int fd = open(path, O_RDONLY);
	char *mirror = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);

	if (mirror == MAP_FAILED)
		give_up("mmap");
	if (sealed && syscall(SYS_mseal, mirror, SIZE, 0))
		give_up("mseal");
	return mirror;
}

static void try_load(const volatile char *memory)
{
	int caught = sigsetjmp(after, 1);
	char text[16];

	for (size_t i = 0; !caught && i < sizeof(text); i++)
		text[i] = memory[i];
	if (caught)
		puts(caught == SIGBUS ? "SIGBUS" : "SIGSEGV");
	else
		printf("%.*s\n", (int)strcspn(text, "\n"), text);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char *memory, line[16];

	if (argc > 2)
		memory = make_mirror(argv[2], !strcmp(argv[1], "sealed"));
	else if (argc > 1 && !strcmp(argv[1], "key"))
		memory = make_keyed();
	else
		memory = make_sealed();
	signal(SIGBUS, jump);
	signal(SIGSEGV, jump);
	printf("%d %p\n", getpid(), (void *)memory);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		try_load(memory);
	return 0;
}
