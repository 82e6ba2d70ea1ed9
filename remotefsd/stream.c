// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children that answer one read after the other, for as long as a file is open.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Reading another process's memory can take as long as that process likes (it
 * may be filled by a userfaultfd), so it is not done in the daemon's own loop.
 * The child opens what it needs with the reader's credentials, once, and is
 * then asked over a socket: offset and size there, an errno value or a length
 * back.  The bytes are in a file in memory that both have.
 *
 * A child ends with its socket, and so with the daemon.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "remotefsd.h"

/* So that one user's readers leave room for other users'. */
#define STREAMS_PER_USER 32

/* What the kernel asks for at once at most. */
#define DATA_SIZE (1 << 20)

struct request {
	uint64_t offset;
	uint64_t size;
};

struct reply {
	int64_t error;
	uint64_t value;
};

struct stream {
	pid_t pid;
	uid_t uid;
	int socket;
	int data_fd;
	stream_done_fn done;
	void *cookie;
	struct stream *next;
};

static struct stream *streams;
static int poll_fd = -1;

/**
 * stream_init - make what the loop waits on
 *
 * Return: a descriptor that is readable when stream_answer() has something to
 * do, or a negative errno value.
 */
int stream_init(void)
{
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	return poll_fd < 0 ? -errno : poll_fd;
}

static unsigned int count_streams(uid_t uid)
{
	unsigned int count = 0;

	for (const struct stream *stream = streams; stream; stream = stream->next)
		count += stream->uid == uid;
	return count;
}

static struct reply answer_request(const struct core *core, const struct request *request,
				   char *data)
{
	size_t size = request->size < DATA_SIZE ? request->size : DATA_SIZE;
	ssize_t length = core_read(core, data, size, request->offset);

	if (length < 0)
		return (struct reply){ .error = -length };
	return (struct reply){ .value = length };
}

static void __attribute__((noreturn)) run_stream(const struct job *job, int socket, int data_fd)
{
	char *data = mmap(NULL, DATA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, data_fd, 0);
	struct request request;
	struct core *core;
	struct reply reply = { 0 };

	worker_become();
	/* Nothing is half done when this ends: it can be stopped at any time. */
	signal(SIGTERM, SIG_DFL);
	reply.error = data == MAP_FAILED ? ENOMEM : core_open(job, &core);
	if (reply.error) {
		send(socket, &reply, sizeof(reply), MSG_NOSIGNAL);
		_exit(0);
	}
	reply.value = core_size(core);
	while (send(socket, &reply, sizeof(reply), MSG_NOSIGNAL) == sizeof(reply) &&
	       recv(socket, &request, sizeof(request), 0) == sizeof(request))
		reply = answer_request(core, &request, data);
	_exit(0);
}

static int launch(struct stream *stream, const struct job *job)
{
	int sockets[2];
	int error = 0;

	stream->data_fd = memfd_create("data", MFD_CLOEXEC);
	if (stream->data_fd < 0 || ftruncate(stream->data_fd, DATA_SIZE))
		return errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return errno;
	stream->socket = sockets[0];
	stream->pid = fork();
	if (!stream->pid) {
		/* Of other streams' sockets, too: each ends with its file. */
		for (const struct stream *other = streams; other; other = other->next)
			close(other->socket);
		close(sockets[0]);
		run_stream(job, sockets[1], stream->data_fd);
	}
	if (stream->pid < 0)
		error = errno;
	close(sockets[1]);
	return error;
}

static int listen_to(struct stream *stream)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = stream };

	return epoll_ctl(poll_fd, EPOLL_CTL_ADD, stream->socket, &event) ? errno : 0;
}

/**
 * stream_start - open the core of a process in a child
 * @job:	who reads, and which process; needed only until this returns
 * @done:	called from stream_answer(): first with the core's size or the errno
 *		value of opening it, then with what each read came to
 * @cookie:	passed to @done
 * @stream:	receives the stream, which ends with stream_end()
 *
 * Return: 0, EAGAIN if this user has too many, or another errno value; @done is
 * called only after 0.
 */
int stream_start(const struct job *job, stream_done_fn done, void *cookie,
		 struct stream **stream)
{
	struct stream *new;
	int error;

	if (count_streams(job->requester->uid) >= STREAMS_PER_USER)
		return EAGAIN;
	new = calloc(1, sizeof(*new));
	if (!new)
		return ENOMEM;
	*new = (struct stream){
		.uid = job->requester->uid,
		.socket = -1,
		.data_fd = -1,
		.done = done,
		.cookie = cookie,
		.next = streams,
	};
	error = launch(new, job);
	streams = new;
	if (!error)
		error = listen_to(new);
	if (error)
		stream_end(new);
	else
		*stream = new;
	return error;
}

/**
 * stream_read - ask for a part of the core
 * @stream:	the stream, which has answered all that was asked before
 * @offset:	from where
 * @size:	how much at most; it may come to less
 *
 * Return: 0, or EIO if the child is gone.
 */
int stream_read(struct stream *stream, uint64_t offset, size_t size)
{
	const struct request request = { offset, size };
	ssize_t sent = send(stream->socket, &request, sizeof(request),
			    MSG_NOSIGNAL | MSG_DONTWAIT);

	return sent == sizeof(request) ? 0 : EIO;
}

/**
 * stream_data_fd - where the bytes of an answered read are
 * @stream:	the stream
 */
int stream_data_fd(const struct stream *stream)
{
	return stream->data_fd;
}

/**
 * stream_end - end a stream, even in the middle of a read
 * @stream:	the stream, which is freed
 */
void stream_end(struct stream *stream)
{
	for (struct stream **link = &streams; *link; link = &(*link)->next) {
		if (*link == stream) {
			*link = stream->next;
			break;
		}
	}
	if (stream->pid > 0)
		kill(stream->pid, SIGKILL);
	if (stream->socket >= 0) {
		/* Children have copies of the socket, so closing it is not enough. */
		epoll_ctl(poll_fd, EPOLL_CTL_DEL, stream->socket, NULL);
		close(stream->socket);
	}
	if (stream->data_fd >= 0)
		close(stream->data_fd);
	free(stream);
}

/**
 * stream_reaped - forget a child whose PID may soon be somebody else's
 * @pid:	its PID
 */
void stream_reaped(pid_t pid)
{
	for (struct stream *stream = streams; stream; stream = stream->next)
		if (stream->pid == pid)
			stream->pid = 0;
}

/**
 * stream_answer - pass on what a child has answered
 *
 * One at a time, since passing it on may end other streams.
 */
void stream_answer(void)
{
	struct epoll_event event;
	struct stream *stream;
	struct reply reply;

	if (epoll_wait(poll_fd, &event, 1, 0) < 1)
		return;
	stream = event.data.ptr;
	if (recv(stream->socket, &reply, sizeof(reply), MSG_DONTWAIT) == sizeof(reply)) {
		stream->done(stream->cookie, reply.error, reply.value);
		return;
	}
	/* The child is gone, and will not say more. */
	epoll_ctl(poll_fd, EPOLL_CTL_DEL, stream->socket, NULL);
	stream->done(stream->cookie, EIO, 0);
}

/**
 * stream_kill - end the children of all streams
 */
void stream_kill(void)
{
	for (const struct stream *stream = streams; stream; stream = stream->next)
		if (stream->pid > 0)
			kill(stream->pid, SIGKILL);
}
