// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the service manager hears: log lines and changes of state.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "remotefsd.h"

/**
 * journal_log - write one line to standard error
 * @level:	LOG_*, as the prefix that journald understands
 * @format:	the line, without a newline
 *
 * The line goes out in one write, since children log as well.
 */
void journal_log(int level, const char *format, ...)
{
	char message[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	dprintf(STDERR_FILENO, "<%d>remotefsd: %s\n", level, message);
}

/**
 * journal_notify - tell systemd of a change of state, see sd_notify(3)
 * @state:	"READY=1" or the like
 *
 * Does nothing when nobody asked to be told.
 */
void journal_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = path ? strlen(path) : 0;
	int fd;

	if (!length || length >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* If it cannot be told, it will say so itself when its time runs out. */
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
		     offsetof(struct sockaddr_un, sun_path) + length);
	close(fd);
}
