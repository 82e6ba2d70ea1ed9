// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events, for people: one line for each, until a signal comes or the source ends.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "remotefsctl.h"

#define PATH_SIZE 4096
#define VALUE_SIZE 256
#define BUFFER_SIZE 65536

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* They come while events are waited for, and at no other time. */
static void expect_signals(sigset_t *while_waiting)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE };
	const struct sigaction action = { .sa_handler = stop };
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		sigaction(signals[i], &action, NULL);
		sigaddset(&blocked, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, while_waiting);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigdelset(while_waiting, signals[i]);
}

/*
 * The value of a field in a line of the daemon's, without quotes and brackets;
 * "" if it has none.  No value of these has a quote or a bracket within.
 */
static const char *field(const char *line, const char *name, char value[VALUE_SIZE])
{
	char key[32];
	const char *at;
	size_t length = 0;
	bool list;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(line, key);
	value[0] = '\0';
	if (!at)
		return value;
	at += strlen(key);
	list = *at == '[';
	for (; *at && *at != '}' && (list ? *at != ']' : *at != ','); at++)
		if (!strchr("\"[", *at) && length < VALUE_SIZE - 1)
			value[length++] = *at;
	value[length] = '\0';
	return value;
}

static void print_time(const char *line)
{
	char value[VALUE_SIZE], text[16];
	double seconds = strtod(field(line, "time", value), NULL);
	time_t whole = seconds;
	struct tm parts;

	strftime(text, sizeof(text), "%T", localtime_r(&whole, &parts));
	printf("%s.%03d", text, (int)((seconds - whole) * 1000));
}

/* A blank, a word that says what it is if need be, and the value if there is one. */
static void print_field(const char *line, const char *before, const char *name)
{
	char value[VALUE_SIZE];

	if (*field(line, name, value))
		printf("%s%s", before, value);
}

static void print_event(const char *line)
{
	char value[VALUE_SIZE];

	print_time(line);
	print_field(line, " ", "event");
	print_field(line, " ", "pid");
	print_field(line, "/", "map");
	print_field(line, " ", "start");
	print_field(line, "-", "end");
	if (*field(line, "write", value))
		fputs(strcmp(value, "true") ? " ro" : " rw", stdout);
	print_field(line, " ", "kinds");
	print_field(line, " ", "command");
	print_field(line, " by user ", "uid");
	print_field(line, ", process ", "by");
	putchar('\n');
}

/* Returns false if it was the last one of that source. */
static bool show_event(const char *line, const char *pid)
{
	char event[VALUE_SIZE], value[VALUE_SIZE];

	field(line, "event", event);
	field(line, "pid", value);
	if (!strcmp(event, "begin") || (pid && *value && strcmp(value, pid)))
		return true;
	print_event(line);
	return !pid || (strcmp(event, "exit") && strcmp(event, "exec") && strcmp(event, "gone"));
}

/* Shows the whole lines of a buffer; returns how much that was, or -1 at the end. */
static ssize_t show_lines(char *buffer, size_t length, const char *pid)
{
	char *line = buffer, *end;

	while ((end = memchr(line, '\n', buffer + length - line))) {
		*end = '\0';
		if (!show_event(line, pid))
			return -1;
		line = end + 1;
	}
	return line - buffer;
}

static int follow(int events, const char *pid, const sigset_t *while_waiting)
{
	static char buffer[BUFFER_SIZE];
	struct pollfd poll = { events, POLLIN, 0 };
	size_t length = 0;
	ssize_t got, shown;

	while (!stopped) {
		if (ppoll(&poll, 1, NULL, while_waiting) < 0)
			continue;
		got = read(events, buffer + length, sizeof(buffer) - length);
		if (got < 0)
			warn("events");
		if (got <= 0)
			return got < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
		length += got;
		shown = show_lines(buffer, length, pid);
		/* Nobody reads it any more. */
		stopped |= !!fflush(stdout);
		if (shown < 0)
			break;
		length -= shown;
		memmove(buffer, buffer + shown, length);
	}
	return EXIT_SUCCESS;
}

/* What the words ask to be watched beside map files; for them and no longer. */
static int command(const struct settings *settings, const char *verb, int argc, char **argv)
{
	struct settings quiet = *settings;
	char name[16];
	char *words[] = { name, argv[1], argc > 2 ? argv[2] : NULL, NULL };

	snprintf(name, sizeof(name), "%s", verb);
	quiet.quiet = true;
	return ask_run(&quiet, argc, words);
}

/**
 * watch_run - print events as they happen
 * @settings:	where things are
 * @argc:	how many words
 * @argv:	the words: nothing, a PID, a PID and what of its memory, or a map file
 *
 * Return: the exit status.
 */
int watch_run(const struct settings *settings, int argc, char **argv)
{
	bool of_file = argc > 1 && strchr(argv[1], '/');
	const char *pid = argc > 1 && !of_file ? argv[1] : NULL;
	char path[PATH_SIZE];
	sigset_t while_waiting;
	int events, status;

	if (argc > 3 || (of_file && argc > 2)) {
		warnx("usage: watch [PID [WHAT] | PID/map-N | PID/as]");
		return EXIT_FAILURE;
	}
	snprintf(path, sizeof(path), "%s/%s%sevents", settings->mount, of_file ? argv[1] : "",
		 of_file ? "/" : "");
	events = open(path, O_RDONLY | O_CLOEXEC);
	if (events < 0) {
		warn("%s", path);
		return EXIT_FAILURE;
	}
	expect_signals(&while_waiting);
	if (argc == 3 && command(settings, "watch", 3, argv))
		return EXIT_FAILURE;
	status = follow(events, pid, &while_waiting);
	/* It ends by itself with the source. */
	if (argc == 3 && stopped)
		command(settings, "unwatch", 2, argv);
	return status;
}
