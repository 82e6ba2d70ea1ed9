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
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remotefsd.h"

static void ctlfs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct ctlfs *ctlfs = fuse_req_userdata(req);
	struct fuse_entry_param entry = { 0 };
	fuse_ino_t node = node_find(parent, name);

	if (!node || !node_exists(node, ctlfs->data)) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	entry.ino = node_fresh(node, &ctlfs->serial);
	node_stat(node, ctlfs->started, &entry.attr);
	fuse_reply_entry(req, &entry);
}

static void ctlfs_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	const struct ctlfs *ctlfs = fuse_req_userdata(req);
	struct stat st;

	(void)fi;
	if (!node_exists(node, ctlfs->data)) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	node_stat(node, ctlfs->started, &st);
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

/* The entries of one open directory, as they were when it was opened. */
struct directory {
	char *entries;
	size_t size;
};

static int add_entry(fuse_req_t req, struct directory *directory, const char *name,
		     fuse_ino_t node)
{
	size_t size = fuse_add_direntry(req, NULL, 0, name, NULL, 0);
	char *grown = realloc(directory->entries, directory->size + size);
	struct stat st = { .st_ino = node, .st_mode = nodes[node_kind(node)].mode };

	if (!grown)
		return ENOMEM;
	directory->entries = grown;
	fuse_add_direntry(req, grown + directory->size, size, name, &st, directory->size + size);
	directory->size += size;
	return 0;
}

static int add_files(fuse_req_t req, struct directory *directory, fuse_ino_t node)
{
	int error = add_entry(req, directory, ".", node);

	if (!error)
		error = add_entry(req, directory, "..", FUSE_ROOT_ID);
	for (int kind = NODE_CTL; kind < NR_NODES && !error; kind++)
		if (nodes[kind].parent == node_kind(node))
			error = add_entry(req, directory, nodes[kind].name,
					  node_number(kind, node_pid(node)));
	return error;
}

static int add_processes(fuse_req_t req, struct directory *directory)
{
	const struct ctlfs *ctlfs = fuse_req_userdata(req);
	struct complaint unused;
	int tree = kernel_open_tree(ctlfs->data, &unused);
	size_t nr_pids;
	pid_t *pids;
	char name[16];
	int error;

	/* Without a data tree there is nothing but the daemon's own files. */
	if (tree < 0)
		return 0;
	error = tree_processes(tree, &pids, &nr_pids);
	close(tree);
	for (size_t i = 0; i < nr_pids && !error; i++) {
		snprintf(name, sizeof(name), "%d", pids[i]);
		error = add_entry(req, directory, name, node_number(NODE_PROCESS, pids[i]));
	}
	free(pids);
	return error;
}

static void free_directory(struct directory *directory)
{
	free(directory->entries);
	free(directory);
}

static void ctlfs_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct directory *directory = calloc(1, sizeof(*directory));
	int error = directory ? add_files(req, directory, node) : ENOMEM;

	if (!error && node == FUSE_ROOT_ID)
		error = add_processes(req, directory);
	fi->fh = (uintptr_t)directory;
	if (!error && !fuse_reply_open(req, fi))
		return;
	if (directory)
		free_directory(directory);
	if (error)
		fuse_reply_err(req, error);
}

static void ctlfs_readdir(fuse_req_t req, fuse_ino_t node, size_t size, off_t offset,
			  struct fuse_file_info *fi)
{
	const struct directory *directory = (const struct directory *)(uintptr_t)fi->fh;
	size_t start = offset;

	(void)node;
	if (start >= directory->size)
		size = 0;
	else if (size > directory->size - start)
		size = directory->size - start;
	fuse_reply_buf(req, size ? directory->entries + start : NULL, size);
}

static void ctlfs_releasedir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	free_directory((struct directory *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

/* An open file. */
struct handle {
	struct identity opener;
	int answer_fd;		/* what there is to read, or -1 */
	off_t position;		/* of a stream; a listing goes by offset */
	fuse_req_t pending;	/* waits for a worker, or NULL */
	size_t length;		/* of the command under way */
	struct fuse_file_info fi;
};

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static void handle_free(struct handle *handle)
{
	if (handle->answer_fd >= 0)
		close(handle->answer_fd);
	identity_release(&handle->opener);
	free(handle);
}

/*
 * What FUSE says of a requester and what /proc says must agree; they do not if
 * a thread acts for another, as those of io_uring may.
 */
static int read_requester(fuse_req_t req, struct identity *identity)
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

static int start_listing(struct handle *handle, fuse_ino_t node)
{
	const struct ctlfs *ctlfs = fuse_req_userdata(handle->pending);
	const struct job job = {
		.data = ctlfs->data,
		.pid = node_pid(node),
		.requester = &handle->opener,
		.around = &ctlfs->around,
	};

	return worker_start(nodes[node_kind(node)].list, &job, listing_done, handle);
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
	error = read_requester(req, &handle->opener);
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
	error = start_listing(handle, node);
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

static void command_done(void *cookie, int error, int answer_fd)
{
	struct handle *handle = cookie;
	fuse_req_t req = handle->pending;

	handle->answer_fd = answer_fd;
	handle->pending = NULL;
	if (error)
		fuse_reply_err(req, error);
	else
		fuse_reply_write(req, handle->length);
}

static int start_command(fuse_req_t req, struct handle *handle, const char *text, size_t length)
{
	const struct ctlfs *ctlfs = fuse_req_userdata(req);
	const struct job job = {
		.data = ctlfs->data,
		.requester = &handle->opener,
		.around = &ctlfs->around,
		.text = text,
		.length = length,
	};

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
	int error = read_requester(req, &writer);

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

const struct fuse_lowlevel_ops ctlfs_ops = {
	.lookup		= ctlfs_lookup,
	.getattr	= ctlfs_getattr,
	.setattr	= ctlfs_setattr,
	.opendir	= ctlfs_opendir,
	.readdir	= ctlfs_readdir,
	.releasedir	= ctlfs_releasedir,
	.open		= ctlfs_open,
	.release	= ctlfs_release,
	.read		= ctlfs_read,
	.write		= ctlfs_write,
};
