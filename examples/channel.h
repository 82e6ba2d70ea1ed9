/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A child with a channel to it, and descriptors on their way.
 */
#ifndef EXAMPLES_CHANNEL_H
#define EXAMPLES_CHANNEL_H

#include <err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As fork(2), with a connected socket for each of the two. */
static inline pid_t fork_with_channel(int *channel)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		err(1, "socketpair");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	close(ends[pid ? 1 : 0]);
	*channel = ends[pid ? 0 : 1];
	return pid;
}

/* One descriptor, which rides on a message of one byte. */
union channel_rights {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static inline void send_descriptor(int channel, int fd)
{
	union channel_rights rights = { .header = {
		.cmsg_len = CMSG_LEN(sizeof(fd)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	} };
	struct iovec byte = { "x", 1 };
	struct msghdr message = {
		.msg_iov = &byte, .msg_iovlen = 1,
		.msg_control = &rights, .msg_controllen = sizeof(rights),
	};

	memcpy(CMSG_DATA(&rights.header), &fd, sizeof(fd));
	if (sendmsg(channel, &message, 0) != 1)
		err(1, "sendmsg");
}

static inline int receive_descriptor(int channel)
{
	union channel_rights rights;
	char got;
	struct iovec byte = { &got, 1 };
	struct msghdr message = {
		.msg_iov = &byte, .msg_iovlen = 1,
		.msg_control = &rights, .msg_controllen = sizeof(rights),
	};
	int fd;

	if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1 ||
	    message.msg_controllen < CMSG_LEN(sizeof(fd)))
		errx(1, "no descriptor came");
	memcpy(&fd, CMSG_DATA(&rights.header), sizeof(fd));
	return fd;
}

#endif /* EXAMPLES_CHANNEL_H */
