// SPDX-License-Identifier: GPL-2.0-only
/*
 * k-bpf: attach BPF programs, and talk to them.
 *
 *	k-bpf OBJECT PROGRAM...
 *
 * OBJECT is one of tests/bpf, of which only the named programs are loaded. It
 * prints "PID 0x0" when they are attached, or what failed, and takes commands
 * from its standard input, each with an answer:
 *
 *	get NUMBER...	the numbers of tests/bpf/kernel.h, by index
 *	set NUMBER VALUE
 *	detach		all programs
 *	forget		them, and the numbers
 *
 * Links: -lbpf
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define MAX_LINKS 16

static struct bpf_object *object;
static struct bpf_link *links[MAX_LINKS];
static int nr_links, numbers;

static void fail(const char *what, const char *which)
{
	printf("cannot %s %s: %s\n", what, which, strerrorname_np(errno));
	exit(1);
}

static int is_wanted(const char *name, char **wanted)
{
	for (; *wanted; wanted++)
		if (!strcmp(name, *wanted))
			return 1;
	return 0;
}

static void attach(const char *path, char **wanted)
{
	struct bpf_program *program;

	object = bpf_object__open(path);
	if (!object)
		fail("open", path);
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, is_wanted(bpf_program__name(program), wanted));
	if (bpf_object__load(object))
		fail("load", path);
	numbers = bpf_object__find_map_fd_by_name(object, "numbers");
	for (; *wanted; wanted++) {
		program = bpf_object__find_program_by_name(object, *wanted);
		if (!program || nr_links == MAX_LINKS)
			fail("find", *wanted);
		links[nr_links] = bpf_program__attach(program);
		if (!links[nr_links++])
			fail("attach", *wanted);
	}
}

static void detach(void)
{
	while (nr_links)
		bpf_link__destroy(links[--nr_links]);
	printf("ok\n");
}

static void get(char *words)
{
	const char *blank = "";
	unsigned long long value;
	unsigned int index;

	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "), blank = " ") {
		index = atoi(word);
		if (bpf_map_lookup_elem(numbers, &index, &value))
			fail("look up", word);
		printf("%s%llu", blank, value);
	}
	printf("\n");
}

static void set(const char *words)
{
	unsigned long long value;
	unsigned int index;

	if (sscanf(words, "%u %lli", &index, (long long *)&value) != 2)
		exit(99);
	printf("%s\n", bpf_map_update_elem(numbers, &index, &value, BPF_ANY) ?
	       strerrorname_np(errno) : "ok");
}

int main(int argc, char **argv)
{
	char line[256];

	if (argc < 3)
		return 99;
	setvbuf(stdout, NULL, _IOLBF, 0);
	attach(argv[1], argv + 2);
	printf("%d 0x0\n", getpid());
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "get ", 4))
			get(line + 4);
		else if (!strncmp(line, "set ", 4))
			set(line + 4);
		else if (!strcmp(line, "detach"))
			detach();
		else if (!strcmp(line, "forget"))
			bpf_object__close(object), printf("ok\n");
		else
			return 99;
	}
	return 0;
}
