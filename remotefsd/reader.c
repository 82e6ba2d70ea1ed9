// SPDX-License-Identifier: GPL-2.0-only
/*
 * The open files that are told of events.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Each has what it was told as text, and reads it at its own pace.  Offsets
 * count from its open, and st_size is what it was told so far: tail(1) follows a
 * file on FUSE by looking at that.  What was read stays for as long as there is
 * room, since tail(1) reads the end of a file twice.
 *
 * Who does not read has QUEUE_SIZE bytes.  A line that finds no room is lost,
 * and those after it, until all was read; one that says "stale" stands for them.
 */
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "ctlfs.h"
#include "events.h"

#define QUEUE_SIZE (1 << 16)
#define READERS_PER_USER 64

/* A read(2) that waits for the next line. */
struct waiting {
	fuse_req_t req;
	struct reader *reader;
	size_t size;
	struct waiting *next;
};

struct reader {
	fuse_ino_t node;
	const struct identity *opener;
	pid_t pid;		/* 0: it is told of everything */
	uint32_t map;
	char *text;
	off_t first;		/* offset of the first byte in @text */
	off_t taken;		/* where reading has got to */
	off_t end;
	bool stale;		/* lines were lost, and nothing more fits */
	bool ended;
	struct waiting *waiting;
	struct fuse_pollhandle *polled;
	struct reader *next;
};

static struct reader *readers;

/**
 * reader_is_any - whether anybody is to be told of anything
 */
bool reader_is_any(void)
{
	return readers;
}

/**
 * reader_next - go through all readers
 * @previous:	the last one seen, or NULL
 *
 * Return: NULL after the last.
 */
struct reader *reader_next(const struct reader *previous)
{
	return previous ? previous->next : readers;
}

/**
 * reader_opener - whose rights count
 * @reader:	the reader
 */
const struct identity *reader_opener(const struct reader *reader)
{
	return reader->opener;
}

/**
 * reader_is_of_file - whether it is told of one map file only
 * @reader:	the reader
 */
bool reader_is_of_file(const struct reader *reader)
{
	return reader->pid;
}

/**
 * reader_wants - whether something is what its file is about
 * @reader:	the reader
 * @pid:	the source that it happened to
 * @map:	the map file, or NULL if it happened to all of the source
 */
bool reader_wants(const struct reader *reader, pid_t pid, const uint32_t *map)
{
	return !reader->pid || (reader->pid == pid && (!map || reader->map == *map));
}

static unsigned int count_readers(uid_t uid)
{
	unsigned int count = 0;

	for (const struct reader *reader = readers; reader; reader = reader->next)
		count += reader->opener->uid == uid;
	return count;
}

/**
 * reader_new - somebody opens a file of events
 * @node:	the file, as it was looked up
 * @opener:	whose rights count; stays until reader_free()
 * @reader:	receives the reader
 *
 * Return: 0, EMFILE if this user has too many of them, or ENOMEM.
 */
int reader_new(fuse_ino_t node, const struct identity *opener, struct reader **reader)
{
	struct reader *new;

	if (count_readers(opener->uid) >= READERS_PER_USER)
		return EMFILE;
	new = calloc(1, sizeof(*new));
	if (!new)
		return ENOMEM;
	new->text = malloc(QUEUE_SIZE);
	if (!new->text) {
		free(new);
		return ENOMEM;
	}
	new->node = node;
	new->opener = opener;
	new->pid = node_pid(node);
	new->map = node_map(node);
	new->next = readers;
	readers = new;
	events_begin(new, new->pid, new->map);
	*reader = new;
	return 0;
}

static void forget_waiting(struct reader *reader, const struct waiting *waiting)
{
	for (struct waiting **link = &reader->waiting; *link; link = &(*link)->next) {
		if (*link == waiting) {
			*link = waiting->next;
			return;
		}
	}
}

/**
 * reader_free - the file was closed, so nobody waits in a read(2) any more
 * @reader:	the reader
 */
void reader_free(struct reader *reader)
{
	struct reader **link = &readers;

	while (*link != reader)
		link = &(*link)->next;
	*link = reader->next;
	watch_leave(reader);
	if (reader->polled)
		fuse_pollhandle_destroy(reader->polled);
	free(reader->text);
	free(reader);
	if (!readers)
		events_ended_reading();
}

/**
 * reader_size - what stat(2) is to say of a file of events
 * @node:	the file
 * @size:	receives how much its reader was told
 *
 * Return: false if nobody has opened this one.
 */
bool reader_size(fuse_ino_t node, off_t *size)
{
	for (const struct reader *reader = readers; reader; reader = reader->next) {
		if (reader->node == node) {
			*size = reader->end;
			return true;
		}
	}
	return false;
}

static void reply(fuse_req_t req, struct reader *reader, off_t offset, size_t size)
{
	if ((off_t)size > reader->end - offset)
		size = reader->end - offset;
	if (fuse_reply_buf(req, reader->text + (offset - reader->first), size))
		return;
	if (reader->taken < offset + (off_t)size)
		reader->taken = offset + size;
	if (reader->taken == reader->end)
		reader->stale = false;
}

/* The first to wait has the line; the others go on. */
static void wake(struct reader *reader)
{
	struct fuse_pollhandle *polled = reader->polled;

	while (reader->waiting && (reader->ended || reader->taken < reader->end)) {
		struct waiting *waiting = reader->waiting;

		reader->waiting = waiting->next;
		reply(waiting->req, reader, reader->taken, waiting->size);
		free(waiting);
	}
	reader->polled = NULL;
	if (polled) {
		fuse_lowlevel_notify_poll(polled);
		fuse_pollhandle_destroy(polled);
	}
}

static bool make_room(struct reader *reader, size_t length)
{
	off_t read = reader->taken - reader->first;

	if (reader->end - reader->first + (off_t)length <= QUEUE_SIZE)
		return true;
	memmove(reader->text, reader->text + read, reader->end - reader->taken);
	reader->first = reader->taken;
	return reader->end - reader->first + (off_t)length <= QUEUE_SIZE;
}

static void append(struct reader *reader, const struct line *line)
{
	memcpy(reader->text + (reader->end - reader->first), line->text, line->length);
	reader->end += line->length;
}

/**
 * reader_put - tell somebody something
 * @reader:	who
 * @line:	what
 */
void reader_put(struct reader *reader, const struct line *line)
{
	struct timespec now;
	struct line stale;

	if (reader->stale || reader->ended)
		return;
	/* One more always fits: the one that says that no more did. */
	if (make_room(reader, line->length + LINE_SIZE)) {
		append(reader, line);
	} else {
		clock_gettime(CLOCK_REALTIME, &now);
		line_begin(&stale, now, "stale");
		line_end(&stale);
		append(reader, &stale);
		reader->stale = true;
	}
	wake(reader);
}

/**
 * reader_end - there will be nothing more to tell
 * @reader:	who
 */
void reader_end(struct reader *reader)
{
	reader->ended = true;
	wake(reader);
}

static void interrupted(fuse_req_t req, void *data)
{
	struct waiting *waiting = data;

	forget_waiting(waiting->reader, waiting);
	free(waiting);
	fuse_reply_err(req, EINTR);
}

static void wait_for_line(fuse_req_t req, struct reader *reader, size_t size)
{
	struct waiting *waiting = malloc(sizeof(*waiting));
	struct waiting **last = &reader->waiting;

	if (!waiting) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	*waiting = (struct waiting){ .req = req, .reader = reader, .size = size };
	while (*last)
		last = &(*last)->next;
	*last = waiting;
	/* Calls it at once if the signal was quicker. */
	fuse_req_interrupt_func(req, interrupted, waiting);
}

/**
 * reader_read - FUSE's read
 * @req:	the request
 * @reader:	the reader
 * @size:	how much is wanted at most
 * @offset:	from where
 * @flags:	O_NONBLOCK, perhaps
 */
void reader_read(fuse_req_t req, struct reader *reader, size_t size, off_t offset, int flags)
{
	if (offset < reader->first || offset > reader->end)
		fuse_reply_err(req, EINVAL);
	else if (offset < reader->end || reader->ended || !size)
		reply(req, reader, offset, size);
	else if (flags & O_NONBLOCK)
		fuse_reply_err(req, EAGAIN);
	else
		wait_for_line(req, reader, size);
}

/**
 * reader_poll - FUSE's poll
 * @req:	the request
 * @reader:	the reader
 * @handle:	takes word that it is worth asking again, or NULL
 */
void reader_poll(fuse_req_t req, struct reader *reader, struct fuse_pollhandle *handle)
{
	unsigned int events = 0;

	if (handle) {
		if (reader->polled)
			fuse_pollhandle_destroy(reader->polled);
		reader->polled = handle;
	}
	if (reader->taken < reader->end || reader->ended)
		events |= POLLIN | POLLRDNORM;
	if (reader->ended)
		events |= POLLHUP;
	fuse_reply_poll(req, events);
}
