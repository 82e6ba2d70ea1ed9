// SPDX-License-Identifier: GPL-2.0-only
/*
 * What children tell the daemon: what they have done for whom, and watchers.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * All children share one socket.  A child waits if it is full, the daemon never
 * does; once the daemon is gone, nobody waits for it.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "events.h"

static int daemon_end = -1;
static int children_end = -1;

/* Room for one descriptor. */
union control {
	struct cmsghdr header;
	char buffer[CMSG_SPACE(sizeof(int))];
};

/**
 * report_init - make the socket
 *
 * Return: the daemon's end, or a negative errno value.
 */
int report_init(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	daemon_end = ends[0];
	children_end = ends[1];
	return daemon_end;
}

/**
 * report_become_child - keep what a child needs
 */
void report_become_child(void)
{
	close(daemon_end);
}

/**
 * report_send - in a child: tell the daemon
 * @report:	what is to be known
 * @fd:		goes with it, or -1
 *
 * Return: 0, or an errno value.
 */
int report_send(const struct report *report, int fd)
{
	struct iovec data = { .iov_base = (void *)report, .iov_len = sizeof(*report) };
	union control control = { 0 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };
	struct cmsghdr *header;

	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	return sendmsg(children_end, &message, MSG_NOSIGNAL) < 0 ? errno : 0;
}

/**
 * report_receive - in the daemon: take the next one
 * @report:	receives it
 * @fd:		receives what goes with it, or -1
 *
 * Return: false if there is none.
 */
bool report_receive(struct report *report, int *fd)
{
	struct iovec data = { .iov_base = report, .iov_len = sizeof(*report) };
	union control control;
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	const struct cmsghdr *header;
	ssize_t length = recvmsg(daemon_end, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*fd = -1;
	if (length != sizeof(*report))
		return false;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	return true;
}
