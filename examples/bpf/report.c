// SPDX-License-Identifier: GPL-2.0-only
/* What the examples' command lines share, and when they report. */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "attach.h"
#include "report.h"

struct report report = { .interval = 1 };

static unsigned int parse_interval(const char *text)
{
	unsigned long value = strtoul(text, NULL, 10);

	if (!value || value > 86400)
		errx(2, "--interval: '%s' is no number of seconds", text);
	return value;
}

void report_option(int option, void (*usage)(void))
{
	switch (option) {
	case '1':
		report.once = true;
		break;
	case 'i':
		report.interval = parse_interval(optarg);
		break;
	case 'j':
		report.json = true;
		break;
	case 'v':
		attach_be_verbose();
		break;
	case 'h':
		usage();
		exit(0);
	default:
		fprintf(stderr, "Try '%s --help'.\n", program_invocation_short_name);
		exit(2);
	}
}

void report_command(char **command)
{
	if (!command[0])
		errx(2, "--: which command?");
	report.command = command;
}

uint64_t report_number(const char *name, const char *text)
{
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-')
		errx(2, "%s: '%s' is no number of bytes", name, text);
	return value;
}

static void print_out(void (*print)(void *about), void *about)
{
	print(about);
	if (fflush(stdout))
		err(1, "standard output");
}

int report_until_told(void (*print)(void *about), void *about)
{
	int status = 0;

	if (report.command) {
		report.once = true;
		status = run_command(report.command);
		print_out(print, about);
		return status;
	}
	catch_signals();
	do {
		wait_seconds(report.interval);
		print_out(print, about);
	} while (!report.once && wait_seconds(0));
	return 0;
}
