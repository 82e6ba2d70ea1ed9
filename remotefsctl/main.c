// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefsctl: a front over the control files, for people who prefer commands.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * It has no rights and knows no kernel interface: whatever it does can be done
 * with cat and echo.
 */
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remotefsctl.h"

static const char usage_text[] =
	"Usage: remotefsctl [OPTION...] COMMAND\n"
	"Expose the memory of processes as files, and take it back.\n"
	"\n"
	"  expose PID WHAT [ro|rw] [owner=USER:GROUP] [mode=0NNN] [onexit=bus|zero]\n"
	"                     WHAT: heap | stack | anon | all | as | 0xSTART-0xEND |\n"
	"                     [anon:NAME]\n"
	"  list [PID]         what is exposed\n"
	"  show PID | FILE    a process's mappings, or all about a map file\n"
	"  allow FILE 0xSTART-0xEND\n"
	"                     make a part of a read-only map file writable\n"
	"  unmap FILE 0xSTART-0xEND\n"
	"                     take ranges out of a map file\n"
	"  new PID SIZE [ro|rw] [at=0xADDRESS] [OPTION...]\n"
	"                     make memory in a running process, and a map file of it\n"
	"  mmap PID SIZE none|ro|rw [at=0xADDRESS [replace]]\n"
	"                     make memory in a running process, and no file\n"
	"  munmap PID 0xSTART-0xEND\n"
	"  discard PID 0xSTART-0xEND\n"
	"                     take memory from a process, or what is in it\n"
	"  revoke PID | FILE | all\n"
	"  lock PID | FILE\n"
	"  state FILE N=NUMBER...\n"
	"                     set the numbers that BPF programs keep of a map file\n"
	"  chmod 0NNN PID | FILE\n"
	"  chown USER:GROUP PID | FILE\n"
	"  dump FILE OUTPUT   save a map file, with holes for what was never touched\n"
	"  dump --core PID OUTPUT\n"
	"                     save all that is exposed as an ELF core\n"
	"  watch [PID [WHAT] | FILE]\n"
	"                     print events until a signal comes or the process ends\n"
	"\n"
	"FILE is PID/map-N or PID/as.\n"
	"\n"
	"  --data=DIR         where remotefs is mounted (/run/remotefs)\n"
	"  --mount=DIR        where remotefsd serves its files (/run/remotefsd)\n"
	"  -q, --quiet        print no paths, show no progress\n"
	"  -h, --help         show this help\n"
	"  -V, --version      show the version\n";

static const struct command {
	const char *name;
	int (*run)(const struct settings *settings, int argc, char **argv);
} commands[] = {
	{ "expose",	ask_run },
	{ "allow",	ask_run },
	{ "unmap",	ask_run },
	{ "new",	ask_run },
	{ "mmap",	ask_run },
	{ "munmap",	ask_run },
	{ "discard",	ask_run },
	{ "revoke",	ask_run },
	{ "lock",	ask_run },
	{ "state",	ask_run },
	{ "chmod",	ask_run },
	{ "chown",	ask_run },
	{ "list",	show_list },
	{ "show",	show_run },
	{ "dump",	dump_run },
	{ "watch",	watch_run },
};

static void __attribute__((noreturn)) misuse(void)
{
	fputs("Try 'remotefsctl --help' for more information.\n", stderr);
	exit(EXIT_FAILURE);
}

static void handle_option(struct settings *settings, int option)
{
	switch (option) {
	case 'd':
		settings->data = optarg;
		break;
	case 'm':
		settings->mount = optarg;
		break;
	case 'c':
		settings->core = true;
		break;
	case 'q':
		settings->quiet = true;
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(EXIT_SUCCESS);
	case 'V':
		puts("remotefsctl " REMOTEFS_VERSION);
		exit(EXIT_SUCCESS);
	default:
		misuse();
	}
}

static void parse_options(struct settings *settings, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "mount", required_argument, NULL, 'm' },
		{ "core", no_argument, NULL, 'c' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "qhV", long_options, NULL)) != -1)
		handle_option(settings, option);
}

int main(int argc, char **argv)
{
	struct settings settings = { .data = "/run/remotefs", .mount = "/run/remotefsd" };

	parse_options(&settings, argc, argv);
	if (optind == argc) {
		warnx("a command is missing");
		misuse();
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[optind], commands[i].name))
			return commands[i].run(&settings, argc - optind, argv + optind);
	warnx("%s: unknown command", argv[optind]);
	misuse();
}
