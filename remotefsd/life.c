// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether a process is still the same program: it is asked when its directory
 * goes, since that looks the same for exit, execve and rmdir(2).
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Another program has its code and its stack elsewhere, for the kernel chooses
 * their places by chance; while it is being set up it has none.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/remotefs.h>

#include "life.h"

#define PF_EXITING 0x4

/**
 * life_parse - understand a /proc/PID/stat
 * @text:	what is in it
 * @life:	the result
 *
 * Return: false if it is not of that form, or of a process that is ending.
 */
bool life_parse(const char *text, struct life *life)
{
	/* The name may have brackets and blanks of its own. */
	const char *fields = strrchr(text, ')');
	unsigned long flags;
	char state;

	if (!fields ||
	    sscanf(fields, ") %c %*s %*s %*s %*s %*s %lu %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %*s %*s %*s %llu %*s %llu",
		   &state, &flags, &life->started, &life->code, &life->stack) != 5)
		return false;
	return state != 'Z' && state != 'X' && !(flags & PF_EXITING);
}

/**
 * life_look - what a process is now
 * @pid:	the process
 * @life:	the result
 *
 * Return: false if there is none any more.
 */
bool life_look(pid_t pid, struct life *life)
{
	char path[32];
	char text[1024];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length < 0)
		return false;
	text[length] = '\0';
	return life_parse(text, life);
}

/**
 * life_ended - how it has ended since
 * @pid:	the process
 * @before:	what life_look() has said of it
 *
 * Return: REMOTEFS_GONE_EXIT, REMOTEFS_GONE_EXEC, or REMOTEFS_GONE_UNKNOWN if it
 * has not.
 */
unsigned int life_ended(pid_t pid, const struct life *before)
{
	struct life now;

	if (!life_look(pid, &now) || now.started != before->started)
		return REMOTEFS_GONE_EXIT;
	return now.code == before->code && now.stack == before->stack ? REMOTEFS_GONE_UNKNOWN :
									REMOTEFS_GONE_EXEC;
}
