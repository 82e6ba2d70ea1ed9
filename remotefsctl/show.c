// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of the daemon's tree, for people.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remotefsctl.h"

#define PATH_SIZE 4096

static FILE *open_file(const struct settings *settings, const char *name, const char *suffix)
{
	char path[PATH_SIZE];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s%s", settings->mount, name, suffix);
	file = fopen(path, "re");
	if (!file)
		warn("%s", path);
	return file;
}

/* "12.3M" and the like, in at most six characters. */
static const char *human(uint64_t bytes, char text[8])
{
	static const char units[] = "BKMGTP";
	double number = bytes;
	unsigned int unit = 0;

	for (; number >= 1024 && units[unit + 1]; unit++)
		number /= 1024;
	snprintf(text, 8, number < 10 && unit ? "%.1f%c" : "%.0f%c", number, units[unit]);
	return text;
}

/* PID/map-N 0xSTART-0xEND ro|rw 0xOFFSET UID:GID MODE MIRRORS */
static void print_range(const char *line)
{
	char file[32], rights[4], owner[32], mode[8], size[8];
	uint64_t start, end;
	unsigned int mirrors;

	if (sscanf(line, "%31s %" SCNx64 "-%" SCNx64 " %3s %*s %31s %7s %u", file, &start, &end,
		   rights, owner, mode, &mirrors) != 7) {
		fputs(line, stdout);
		return;
	}
	printf("%-16s %16" PRIx64 " %6s %-6s %-12s %s %7u\n", file, start, human(end - start, size),
	       rights, owner, mode, mirrors);
}

static bool belongs_to(const char *line, const char *pid)
{
	size_t length = strlen(pid);

	return !strncmp(line, pid, length) && line[length] == '/';
}

/**
 * show_list - what is exposed, one line for each range
 * @settings:	where things are
 * @argc:	how many words
 * @argv:	the words: a PID may be the second
 *
 * Return: the exit status.
 */
int show_list(const struct settings *settings, int argc, char **argv)
{
	FILE *ranges = open_file(settings, "ranges", "");
	char *line = NULL;
	size_t size = 0;

	if (!ranges)
		return EXIT_FAILURE;
	printf("%-16s %16s %6s %-6s %-12s %s %s\n", "FILE", "ADDRESS", "SIZE", "RIGHTS", "OWNER",
	       "MODE", "MIRRORS");
	while (getline(&line, &size, ranges) > 0)
		if (argc < 2 || belongs_to(line, argv[1]))
			print_range(line);
	free(line);
	fclose(ranges);
	return EXIT_SUCCESS;
}

static int copy_out(FILE *file)
{
	char text[4096];
	size_t length;
	int status;

	if (!file)
		return EXIT_FAILURE;
	while ((length = fread(text, 1, sizeof(text), file)) > 0)
		fwrite(text, 1, length, stdout);
	status = ferror(file) ? EXIT_FAILURE : EXIT_SUCCESS;
	fclose(file);
	return status;
}

/**
 * show_run - a process's status and mappings, or all about a map file
 * @settings:	where things are
 * @argc:	how many words
 * @argv:	the words: a PID or PID/map-N is the second
 *
 * Return: the exit status.
 */
int show_run(const struct settings *settings, int argc, char **argv)
{
	if (argc != 2) {
		warnx("usage: show PID | PID/map-N | PID/as");
		return EXIT_FAILURE;
	}
	if (strchr(argv[1], '/'))
		return copy_out(open_file(settings, argv[1], "/info"));
	if (copy_out(open_file(settings, argv[1], "/status")))
		return EXIT_FAILURE;
	return copy_out(open_file(settings, argv[1], "/maps"));
}
