// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control tree on libfuse's low-level interface.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A file to read is written by a child when it is opened, and the open is
 * answered when the child is done.  A command is carried out by a child when it
 * is written, and the write is answered when that child is done; what it said
 * is then read from the same open file, which is a stream: neither the offset
 * of a read nor that of a write means anything.
 *
 * Whoever opened a file is recorded at the open, and it is their rights that
 * count.  A write by anybody else does nothing: a set-user-ID program may print
 * what an attacker chose into a descriptor that the attacker opened.
 */
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctlfs.h"
#include "events.h"
#include "remotefsd.h"

/**
 * ctlfs_requester - who makes a request
 * @req:	the request
 * @identity:	receives them; to be released even after an error
 *
 * What FUSE says of a requester and what /proc says must agree; they do not if
 * a thread acts for another, as those of io_uring may.
 *
 * Return: 0, or EACCES if they are not known for sure.
 */
int ctlfs_requester(fuse_req_t req, struct identity *identity)
{
	const struct fuse_ctx *context = fuse_req_ctx(req);
	int error = identity_read(context->pid, identity);

	if (!error && identity->uid == context->uid && identity->gid == context->gid)
		return 0;
	record_write(&(struct record){
		.event = RECORD_DENIED,
		.requester = &(struct identity){ .uid = context->uid, .tgid = context->pid },
		.error = EACCES,
		.sentence = "the credentials are not known",
	});
	return EACCES;
}

/**
 * ctlfs_job - what a child needs to know about a request
 * @req:	the request
 * @node:	the node it is about
 * @requester:	who made it
 */
struct job ctlfs_job(fuse_req_t req, fuse_ino_t node, const struct identity *requester)
{
	const struct ctlfs *ctlfs = fuse_req_userdata(req);

	return (struct job){
		.data = ctlfs->data,
		.policy = ctlfs->policy,
		.pid = node_pid(node),
		.map = node_map(node),
		.requester = requester,
		.around = &ctlfs->around,
		.tally = &ctlfs->tally,
	};
}

static fuse_ino_t find_link(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct identity requester = { 0 };
	struct job job = ctlfs_job(req, parent, &requester);
	fuse_ino_t node = 0;
	uint64_t start, end;
	uint32_t map;

	if (word_parse_range(name, &start, &end) && !ctlfs_requester(req, &requester) &&
	    !listing_find_range(&job, start, end, &map))
		node = node_map_number(NODE_LINK, node_pid(parent), map);
	identity_release(&requester);
	return node;
}

static void ctlfs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct ctlfs *ctlfs = fuse_req_userdata(req);
	struct fuse_entry_param entry = { 0 };
	fuse_ino_t node;
	off_t unused;

	if (node_kind(parent) == NODE_BY_ADDR)
		node = find_link(req, parent, name);
	else
		node = node_find(parent, name);
	if (!node || !node_exists(node, ctlfs->data)) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	/* The number of a map file leaves few bits for the serial. */
	do
		entry.ino = node_fresh(node, &ctlfs->serial);
	while (reader_size(entry.ino, &unused));
	node_stat(node, ctlfs->started, &entry.attr);
	fuse_reply_entry(req, &entry);
}

static void ctlfs_readlink(fuse_req_t req, fuse_ino_t node)
{
	const struct ctlfs *ctlfs = fuse_req_userdata(req);
	char name[TREE_NAME_SIZE];
	char target[PATH_MAX];

	snprintf(target, sizeof(target), "%s/%d/%s", ctlfs->data, node_pid(node),
		 tree_name(name, node_map(node)));
	fuse_reply_readlink(req, target);
}

/* A question that a child answers: how long would this core be? */
struct measure {
	fuse_req_t req;
	fuse_ino_t node;
};

static void reply_size(const struct measure *measure, off_t size)
{
	const struct ctlfs *ctlfs = fuse_req_userdata(measure->req);
	struct stat st;

	node_stat(measure->node, ctlfs->started, &st);
	st.st_size = size;
	fuse_reply_attr(measure->req, &st, 0);
}

static void measure_done(void *cookie, int error, int answer_fd)
{
	struct measure *measure = cookie;
	char answer[32] = "";

	if (!error && pread(answer_fd, answer, sizeof(answer) - 1, 0) < 0)
		answer[0] = '\0';
	close(answer_fd);
	/* To whoever may not read it, it is empty. */
	reply_size(measure, strtoll(answer, NULL, 10));
	free(measure);
}

static void measure_core(fuse_req_t req, fuse_ino_t node)
{
	struct measure *measure = malloc(sizeof(*measure));
	struct identity requester = { 0 };
	const struct job job = ctlfs_job(req, node, &requester);
	int error;

	if (!measure) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	*measure = (struct measure){ req, node };
	error = ctlfs_requester(req, &requester);
	if (!error)
		error = worker_start(core_measure, &job, measure_done, measure);
	if (error) {
		reply_size(measure, 0);
		free(measure);
	}
	identity_release(&requester);
}

static void ctlfs_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	const struct ctlfs *ctlfs = fuse_req_userdata(req);
	struct stat st;
	off_t size = 0;

	(void)fi;
	/* Whoever has it open may be told of its end. */
	if (!reader_size(node, &size) && !node_exists(node, ctlfs->data)) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	if (node_kind(node) == NODE_CORE) {
		measure_core(req, node);
		return;
	}
	node_stat(node, ctlfs->started, &st);
	st.st_size = size;
	fuse_reply_attr(req, &st, 0);
}

/* The shell's ">" truncates: on a ctl that is said and done. */
static void ctlfs_setattr(fuse_req_t req, fuse_ino_t node, struct stat *attr, int to_set,
			  struct fuse_file_info *fi)
{
	(void)attr;
	if (node_takes_commands(node) && !(to_set & ~FUSE_SET_ATTR_SIZE))
		ctlfs_getattr(req, node, fi);
	else
		fuse_reply_err(req, EPERM);
}

/* One read(2) of a core, waiting for its turn or for its answer. */
struct reading {
	fuse_req_t req;		/* NULL: nobody waits for it any more */
	size_t size;
	off_t offset;
	struct reading *next;
};

/* An open file. */
struct handle {
	struct identity opener;
	bool is_counted;	/* among what its opener has open */
	int answer_fd;		/* what there is to read, or -1 */
	off_t position;		/* of a stream; a listing goes by offset */
	fuse_req_t pending;	/* waits for a worker, or NULL */
	size_t length;		/* of the command under way */
	struct stream *stream;	/* of a core, or NULL */
	struct reader *reader;	/* of events, or NULL */
	struct reading *readings;	/* the first one is under way */
	struct fuse_file_info fi;
};

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static void handle_free(struct handle *handle)
{
	struct reading *reading;

	while ((reading = handle->readings)) {
		handle->readings = reading->next;
		free(reading);
	}
	if (handle->stream)
		stream_end(handle->stream);
	if (handle->reader)
		reader_free(handle->reader);
	if (handle->answer_fd >= 0)
		close(handle->answer_fd);
	if (handle->is_counted)
		opened_less(handle->opener.uid);
	identity_release(&handle->opener);
	free(handle);
}

static void finish_open(struct handle *handle, int error)
{
	if (!error && !fuse_reply_open(handle->pending, &handle->fi)) {
		handle->pending = NULL;
		return;
	}
	if (error)
		fuse_reply_err(handle->pending, error);
	handle_free(handle);
}

static void listing_done(void *cookie, int error, int answer_fd)
{
	struct handle *handle = cookie;

	handle->answer_fd = answer_fd;
	finish_open(handle, error);
}

static void reply_reading(const struct handle *handle, const struct reading *reading, int error,
			  size_t size)
{
	struct fuse_bufvec buffer = FUSE_BUFVEC_INIT(0);

	if (!reading->req)
		return;
	if (error) {
		fuse_reply_err(reading->req, error);
		return;
	}
	buffer.buf[0] = (struct fuse_buf){
		.size = size,
		.flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK,
		.fd = stream_data_fd(handle->stream),
	};
	fuse_reply_data(reading->req, &buffer, FUSE_BUF_NO_SPLICE);
}

static void end_reading(struct handle *handle, int error, size_t size)
{
	struct reading *reading = handle->readings;

	handle->readings = reading->next;
	reply_reading(handle, reading, error, size);
	free(reading);
}

/* Whoever was interrupted waits no more, and is not asked for. */
static void start_reading(struct handle *handle)
{
	while (handle->readings) {
		const struct reading *reading = handle->readings;
		int error = reading->req ? 0 : EINTR;

		if (!error)
			error = stream_read(handle->stream, reading->offset, reading->size);
		if (!error)
			return;
		end_reading(handle, error, 0);
	}
}

/* The first answer is to the open. */
static void core_answered(void *cookie, int error, uint64_t value)
{
	struct handle *handle = cookie;

	if (handle->pending) {
		finish_open(handle, error);
	} else if (handle->readings) {
		end_reading(handle, error, value);
		start_reading(handle);
	}
}

/*
 * The child may be stuck in the source's memory for as long as the source likes.
 * A reader that is killed must not be.
 */
static void reading_interrupted(fuse_req_t req, void *data)
{
	struct reading *reading = data;

	reading->req = NULL;
	fuse_reply_err(req, EINTR);
}

static void read_core(fuse_req_t req, struct handle *handle, size_t size, off_t offset)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	struct reading **last = &handle->readings;
	bool first = !handle->readings;

	if (!reading) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	*reading = (struct reading){ .req = req, .size = size, .offset = offset };
	while (*last)
		last = &(*last)->next;
	*last = reading;
	fuse_req_interrupt_func(req, reading_interrupted, reading);
	if (first)
		start_reading(handle);
}

static int start_listing(struct handle *handle, fuse_ino_t node)
{
	struct ctlfs *ctlfs = fuse_req_userdata(handle->pending);
	const struct job job = ctlfs_job(handle->pending, node, &handle->opener);

	ctlfs->tally.listings++;
	if (node_kind(node) == NODE_CORE)
		return stream_start(&job, core_answered, handle, &handle->stream);
	return worker_start(nodes[node_kind(node)].list, &job, listing_done, handle);
}

static void events_opened(void *cookie, int error, int answer_fd)
{
	struct handle *handle = cookie;

	close(answer_fd);
	events_catch_up();
	if (!watch_join((uintptr_t)handle->reader, handle->reader) && !error)
		error = EIO;
	finish_open(handle, error);
}

/* Those of one map file take a child that makes a watcher. */
static int start_events(struct handle *handle, fuse_ino_t node)
{
	struct job job = ctlfs_job(handle->pending, node, &handle->opener);
	int error = reader_new(node, &handle->opener, &handle->reader);

	if (error)
		return error;
	if (node_kind(node) == NODE_MAP_EVENTS) {
		job.token = (uintptr_t)handle->reader;
		return worker_start(watch_file, &job, events_opened, handle);
	}
	finish_open(handle, 0);
	return 0;
}

static struct handle *handle_new(fuse_req_t req, fuse_ino_t node, const struct fuse_file_info *fi)
{
	struct handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		return NULL;
	handle->answer_fd = -1;
	handle->pending = req;
	handle->fi = *fi;
	handle->fi.fh = (uintptr_t)handle;
	handle->fi.direct_io = 1;
	handle->fi.nonseekable = node_takes_commands(node);
	return handle;
}

/* root passes the check of modes, but there is still nothing to write to. */
static bool may_open(fuse_ino_t node, int flags)
{
	return node_takes_commands(node) || (flags & O_ACCMODE) == O_RDONLY;
}

static void ctlfs_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct handle *handle;
	int error;

	if (!may_open(node, fi->flags)) {
		fuse_reply_err(req, EACCES);
		return;
	}
	handle = handle_new(req, node, fi);
	if (!handle) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	error = ctlfs_requester(req, &handle->opener);
	if (!error)
		error = opened_more(handle->opener.uid);
	handle->is_counted = !error;
	if (!error && node_takes_commands(node))
		record_write(&(struct record){
			.event = RECORD_OPEN,
			.requester = &handle->opener,
			.pid = node_pid(node),
		});
	if (error || node_takes_commands(node)) {
		finish_open(handle, error);
		return;
	}
	error = node_has_events(node) ? start_events(handle, node) : start_listing(handle, node);
	if (error)
		finish_open(handle, error);
}

static void ctlfs_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	handle_free(handle_of(fi));
	fuse_reply_err(req, 0);
}

static void ctlfs_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t offset,
		       struct fuse_file_info *fi)
{
	struct fuse_bufvec buffer = FUSE_BUFVEC_INIT(0);
	struct handle *handle = handle_of(fi);
	struct stat st = { .st_size = 0 };

	if (handle->reader) {
		reader_read(req, handle->reader, size, offset, fi->flags);
		return;
	}
	if (handle->stream) {
		read_core(req, handle, size, offset);
		return;
	}
	if (node_takes_commands(node))
		offset = handle->position;
	if (handle->answer_fd < 0 || fstat(handle->answer_fd, &st) || offset >= st.st_size) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	if ((off_t)size > st.st_size - offset)
		size = st.st_size - offset;
	buffer.buf[0] = (struct fuse_buf){
		.size = size,
		.flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK,
		.fd = handle->answer_fd,
		.pos = offset,
	};
	handle->position = offset + size;
	fuse_reply_data(req, &buffer, FUSE_BUF_NO_SPLICE);
}

static void ctlfs_poll(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi,
		       struct fuse_pollhandle *polled)
{
	struct handle *handle = handle_of(fi);

	(void)node;
	if (handle->reader) {
		reader_poll(req, handle->reader, polled);
		return;
	}
	if (polled)
		fuse_pollhandle_destroy(polled);
	/* What a file without an answer of its own says. */
	fuse_reply_poll(req, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
}

static void command_done(void *cookie, int error, int answer_fd)
{
	struct handle *handle = cookie;
	fuse_req_t req = handle->pending;
	struct ctlfs *ctlfs = fuse_req_userdata(req);

	/* Whoever reads on after this knows of it. */
	events_catch_up();
	ctlfs->tally.commands++;
	ctlfs->tally.failures += !!error;
	handle->answer_fd = answer_fd;
	handle->pending = NULL;
	if (error)
		fuse_reply_err(req, error);
	else
		fuse_reply_write(req, handle->length);
}

static int start_command(fuse_req_t req, struct handle *handle, const char *text, size_t length)
{
	struct job job = ctlfs_job(req, FUSE_ROOT_ID, &handle->opener);

	job.text = text;
	job.length = length;
	if (handle->answer_fd >= 0)
		close(handle->answer_fd);
	handle->answer_fd = -1;
	handle->position = 0;
	handle->length = length;
	return worker_start(grant_run, &job, command_done, handle);
}

/* The writer may be another process than the opener, but not another requester. */
static int check_writer(fuse_req_t req, struct handle *handle)
{
	struct identity writer;
	int error = ctlfs_requester(req, &writer);

	if (!error && !identity_equal(&writer, &handle->opener)) {
		error = EPERM;
		record_write(&(struct record){
			.event = RECORD_DENIED,
			.requester = &writer,
			.error = error,
			.sentence = "somebody else opened it",
		});
	}
	if (!error)
		handle->opener.tgid = writer.tgid;
	identity_release(&writer);
	return error;
}

static void ctlfs_write(fuse_req_t req, fuse_ino_t node, const char *text, size_t length,
			off_t offset, struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);
	int error;

	(void)node;
	(void)offset;
	if (handle->pending) {
		fuse_reply_err(req, EBUSY);
		return;
	}
	error = check_writer(req, handle);
	if (!error)
		error = start_command(req, handle, text, length);
	if (error)
		fuse_reply_err(req, error);
	else
		handle->pending = req;
}

/* So that whoever writes a command waits in write(2): see authority.c. */
static void ctlfs_init(void *data, struct fuse_conn_info *connection)
{
	(void)data;
	connection->want &= ~FUSE_CAP_ASYNC_DIO;
}

const struct fuse_lowlevel_ops ctlfs_ops = {
	.init		= ctlfs_init,
	.lookup		= ctlfs_lookup,
	.getattr	= ctlfs_getattr,
	.setattr	= ctlfs_setattr,
	.readlink	= ctlfs_readlink,
	.opendir	= directory_open,
	.readdir	= directory_read,
	.releasedir	= directory_release,
	.open		= ctlfs_open,
	.release	= ctlfs_release,
	.read		= ctlfs_read,
	.write		= ctlfs_write,
	.poll		= ctlfs_poll,
};
