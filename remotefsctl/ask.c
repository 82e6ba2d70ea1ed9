// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands that are lines of text for ctl.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * The daemon cannot judge everybody's rights (see remotefsd(8)); then the user
 * opens /proc/PID/mem and hands it over.  That is done here without being asked:
 * what the daemon refuses with EACCES is tried again with such a descriptor, if
 * there can be one.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remotefsctl.h"

#define LINE_SIZE 4096

static int open_ctl(const struct settings *settings)
{
	char path[LINE_SIZE];
	int ctl;

	snprintf(path, sizeof(path), "%s/ctl", settings->mount);
	ctl = open(path, O_RDWR | O_CLOEXEC);
	if (ctl < 0)
		warn("%s", path);
	return ctl;
}

/* What the user's words are in the grammar of ctl; 0 if they are too long. */
static size_t make_line(char line[LINE_SIZE], int argc, char **argv)
{
	const char *verb = strcmp(argv[0], "expose") ? argv[0] : "add";
	size_t length = snprintf(line, LINE_SIZE, "%s", verb);

	for (int i = 1; i < argc && length < LINE_SIZE; i++)
		length += snprintf(line + length, LINE_SIZE - length, " %s", argv[i]);
	if (!strcmp(verb, "allow") && length < LINE_SIZE)
		length += snprintf(line + length, LINE_SIZE - length, " rw");
	return length < LINE_SIZE ? length : 0;
}

/* Commands that take the memory of a process, and which word names it. */
static int open_memory(int argc, char **argv)
{
	static const char *const takers[] = {
		"expose", "allow", "unmap", "lock", "watch", "new", "mmap", "munmap", "discard"
	};
	bool takes = false;
	char path[64];
	int fd;

	for (size_t i = 0; i < sizeof(takers) / sizeof(*takers); i++)
		takes = takes || !strcmp(argv[0], takers[i]);
	if (!takes || argc < 2)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/mem", atoi(argv[1]));
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? open(path, O_RDONLY | O_CLOEXEC) : fd;
}

static int send_line(int ctl, const char *line, size_t length)
{
	return write(ctl, line, length) == (ssize_t)length ? 0 : errno;
}

static int send_with_memory(int ctl, char line[LINE_SIZE], size_t length, int argc, char **argv)
{
	int memory = open_memory(argc, argv);
	size_t longer;
	int error;

	if (memory < 0)
		return EACCES;
	longer = length + snprintf(line + length, LINE_SIZE - length, " fd=%d", memory);
	error = longer < LINE_SIZE ? send_line(ctl, line, longer) : E2BIG;
	close(memory);
	return error;
}

static bool has_word(int argc, char **argv, const char *start)
{
	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], start, strlen(start)))
			return true;
	return false;
}

/* "error: EACCES: a sentence" */
static void print_refusal(FILE *answer, int error)
{
	char *line = NULL;
	size_t size = 0;
	char *sentence = NULL;

	if (getline(&line, &size, answer) > 0 && !strncmp(line, "error: ", 7))
		sentence = strstr(line + 7, ": ");
	if (sentence) {
		sentence[strcspn(sentence, "\n")] = '\0';
		warnx("%s", sentence + 2);
	} else {
		warnx("%s", strerror(error));
	}
	free(line);
}

static void print_paths(const struct settings *settings, FILE *answer)
{
	char *line = NULL;
	size_t size = 0;

	/* What is no file is an interval of addresses. */
	while (!settings->quiet && getline(&line, &size, answer) > 0)
		if (strncmp(line, "0x", 2))
			printf("%s/%s", settings->data, line);
		else
			fputs(line, stdout);
	free(line);
}

/**
 * ask_run - give a command to the daemon, and say what became of it
 * @settings:	where things are
 * @argc:	how many words
 * @argv:	the words
 *
 * Return: the exit status.
 */
int ask_run(const struct settings *settings, int argc, char **argv)
{
	char line[LINE_SIZE];
	size_t length = make_line(line, argc, argv);
	int ctl = length ? open_ctl(settings) : -1;
	FILE *answer;
	int error;

	if (!length)
		warnx("the command is too long");
	if (ctl < 0)
		return EXIT_FAILURE;
	error = send_line(ctl, line, length);
	if (error == EACCES && !has_word(argc, argv, "fd="))
		error = send_with_memory(ctl, line, length, argc, argv);
	answer = fdopen(ctl, "r");
	if (!answer)
		err(EXIT_FAILURE, "ctl");
	if (error)
		print_refusal(answer, error);
	else
		print_paths(settings, answer);
	fclose(answer);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
