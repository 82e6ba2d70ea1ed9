/* SPDX-License-Identifier: GPL-2.0-only */
/* What the examples' command lines share, and when they report. */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct report {
	unsigned int interval;
	bool json;
	bool once;
	/* NULL-terminated; NULL if there is none */
	char **command;
};

extern struct report report;

/* For getopt_long(): what all of them take. */
#define REPORT_SHORT_OPTIONS	"1i:jvh"
#define REPORT_LONG_OPTIONS						\
	{ "once", no_argument, NULL, '1' },				\
	{ "interval", required_argument, NULL, 'i' },			\
	{ "json", no_argument, NULL, 'j' },				\
	{ "verbose", no_argument, NULL, 'v' },				\
	{ "help", no_argument, NULL, 'h' }

/* Take one of these, or else end with a hint: the caller knows no other. */
void report_option(int option, void (*usage)(void));

/* What follows "--": whether it is there is checked. */
void report_command(char **command);

/* A number of bytes, or the program ends; the name is for its last words. */
uint64_t report_number(const char *name, const char *text);

/*
 * report_until_told - report when the command has run, or time and again
 *
 * Return: the command's exit status; 0 if there is none.
 */
int report_until_told(void (*print)(void *about), void *about);

#endif
