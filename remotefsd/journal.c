// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the service manager hears: log lines and changes of state.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "remotefsd.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define SYSLOG_SOCKET "/dev/log"

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

/* Abstract addresses begin with "@". */
static bool send_datagram(const char *path, const char *text, size_t length, int flags)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t path_length = strlen(path);
	ssize_t sent;
	int error;
	int fd;

	if (!path_length || path_length >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, path_length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	/* The journal may be slow, but not so slow that nothing is done any more. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ .tv_sec = 1 },
		   sizeof(struct timeval));
	sent = sendto(fd, text, length, MSG_NOSIGNAL | flags, (struct sockaddr *)&address,
		      offsetof(struct sockaddr_un, sun_path) + path_length);
	error = errno;
	close(fd);
	errno = error;
	return sent == (ssize_t)length;
}

/**
 * journal_notify - tell systemd of a change of state, see sd_notify(3)
 * @state:	"READY=1" or the like
 *
 * Does nothing when nobody asked to be told.  If it cannot be told, it will say
 * so itself when its time runs out.
 */
void journal_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (path)
		send_datagram(path, state, strlen(state), 0);
}

/**
 * journal_send - give a record to the journal, in its native protocol
 * @fields:	NAME=VALUE lines, no value with a newline
 * @length:	their length
 * @flags:	MSG_DONTWAIT, or 0
 *
 * Return: false if no journal took it.
 */
bool journal_send(const char *fields, size_t length, int flags)
{
	return send_datagram(JOURNAL_SOCKET, fields, length, flags);
}

/**
 * journal_send_line - give a line to syslogd
 * @priority:	a facility and a level, LOG_*
 * @text:	the line, without a newline
 * @flags:	MSG_DONTWAIT, or 0
 *
 * As syslog(3) does, which would wait however long that takes.
 *
 * Return: false if nobody listens there for lines; not if there are too many.
 */
bool journal_send_line(int priority, const char *text, int flags)
{
	const time_t now = time(NULL);
	char stamp[32] = "";
	char *line;
	struct tm tm;
	int length;
	bool sent;

	/* The names of months are those of the C locale: the daemon sets no other. */
	if (localtime_r(&now, &tm))
		strftime(stamp, sizeof(stamp), "%h %e %T", &tm);
	length = asprintf(&line, "<%d>%s remotefsd[%d]: %s", priority, stamp, getpid(), text);
	if (length < 0)
		return false;
	sent = send_datagram(SYSLOG_SOCKET, line, length, flags) || errno == EAGAIN;
	free(line);
	return sent;
}
