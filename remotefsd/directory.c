// SPDX-License-Identifier: GPL-2.0-only
/*
 * The directories of the control tree.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A directory is read once, when it is opened.  Processes and map files are what
 * the data tree has, and known to everybody; the links of by-addr tell addresses,
 * so a child lists those that the reader may know of.
 */
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctlfs.h"
#include "remotefsd.h"

/* The entries of one open directory, as they were when it was opened. */
struct directory {
	fuse_req_t req;		/* the open, until it is answered */
	uid_t opener;
	fuse_ino_t node;
	struct fuse_file_info fi;
	char *entries;
	size_t size;
};

static void free_directory(struct directory *directory)
{
	opened_less(directory->opener);
	free(directory->entries);
	free(directory);
}

static int add_entry(struct directory *directory, const char *name, fuse_ino_t node)
{
	size_t size = fuse_add_direntry(directory->req, NULL, 0, name, NULL, 0);
	char *grown = realloc(directory->entries, directory->size + size);
	struct stat st = { .st_ino = node, .st_mode = nodes[node_kind(node)].mode };

	if (!grown)
		return ENOMEM;
	directory->entries = grown;
	fuse_add_direntry(directory->req, grown + directory->size, size, name, &st,
			  directory->size + size);
	directory->size += size;
	return 0;
}

/* What every directory of this kind has. */
static int add_fixed(struct directory *directory)
{
	int error = add_entry(directory, ".", directory->node);

	if (!error)
		error = add_entry(directory, "..", FUSE_ROOT_ID);
	for (int kind = NODE_BY_ADDR; kind < NR_NODES && !error; kind++)
		if (nodes[kind].name && nodes[kind].parent == node_kind(directory->node))
			error = add_entry(directory, nodes[kind].name,
					  node_find(directory->node, nodes[kind].name));
	return error;
}

static int add_processes(struct directory *directory, int tree)
{
	size_t nr_pids;
	pid_t *pids;
	int error = tree_processes(tree, &pids, &nr_pids);
	char name[TREE_NAME_SIZE];

	for (size_t i = 0; i < nr_pids && !error; i++) {
		snprintf(name, sizeof(name), "%d", pids[i]);
		error = add_entry(directory, name, node_number(NODE_PROCESS, pids[i]));
	}
	free(pids);
	return error;
}

static int add_map_files(struct directory *directory, int tree)
{
	pid_t pid = node_pid(directory->node);
	struct map_file *files;
	size_t nr_files;
	int error = tree_files(tree, pid, &files, &nr_files);
	char name[TREE_NAME_SIZE];

	for (size_t i = 0; i < nr_files && !error; i++) {
		fuse_ino_t node = node_map_number(NODE_MAP, pid, files[i].map);

		if (node)
			error = add_entry(directory, tree_name(name, files[i].map), node);
	}
	free(files);
	return error;
}

static int add_variable(struct directory *directory)
{
	const struct ctlfs *ctlfs = fuse_req_userdata(directory->req);
	enum node_kind kind = node_kind(directory->node);
	struct complaint unused;
	int error = 0;
	int tree;

	if (kind != NODE_ROOT && kind != NODE_PROCESS)
		return 0;
	tree = kernel_open_tree(ctlfs->data, &unused);
	/* Without a data tree there is nothing but the daemon's own files. */
	if (tree < 0)
		return 0;
	if (kind == NODE_ROOT)
		error = add_processes(directory, tree);
	else
		error = add_map_files(directory, tree);
	close(tree);
	return error;
}

static void finish_open(struct directory *directory, int error)
{
	if (!error && !fuse_reply_open(directory->req, &directory->fi)) {
		directory->req = NULL;
		return;
	}
	if (error)
		fuse_reply_err(directory->req, error);
	free_directory(directory);
}

/* Lines of a name, which has no blanks, and the number of a map file. */
static int add_links(struct directory *directory, FILE *links)
{
	char name[2 * MEMORY_NAME_SIZE];
	int error = 0;
	uint32_t map;

	while (!error && fscanf(links, "%175s %u", name, &map) == 2) {
		fuse_ino_t node = node_map_number(NODE_LINK, node_pid(directory->node), map);

		if (node)
			error = add_entry(directory, name, node);
	}
	return error;
}

static void links_listed(void *cookie, int error, int answer_fd)
{
	struct directory *directory = cookie;
	FILE *links = fdopen(answer_fd, "r");

	if (!links) {
		close(answer_fd);
		error = error ? error : ENOMEM;
	} else {
		rewind(links);
		if (!error)
			error = add_links(directory, links);
		fclose(links);
	}
	finish_open(directory, error);
}

static int start_links(struct directory *directory)
{
	struct identity requester = { 0 };
	const struct job job = ctlfs_job(directory->req, directory->node, &requester);
	int error = ctlfs_requester(directory->req, &requester);

	if (!error)
		error = worker_start(listing_by_addr, &job, links_listed, directory);
	identity_release(&requester);
	return error;
}

/**
 * directory_open - FUSE's opendir
 * @req:	the request
 * @node:	the directory
 * @fi:		what is to be known of the open directory
 */
void directory_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	uid_t opener = fuse_req_ctx(req)->uid;
	int error = opened_more(opener);
	struct directory *directory;

	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	directory = calloc(1, sizeof(*directory));
	if (!directory) {
		opened_less(opener);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	directory->opener = opener;
	directory->req = req;
	directory->node = node;
	directory->fi = *fi;
	directory->fi.fh = (uintptr_t)directory;
	error = add_fixed(directory);
	if (!error && node_kind(node) == NODE_BY_ADDR) {
		error = start_links(directory);
		if (!error)
			return;
	}
	if (!error)
		error = add_variable(directory);
	finish_open(directory, error);
}

/**
 * directory_read - FUSE's readdir
 * @req:	the request
 * @node:	the directory
 * @size:	how much is wanted at most
 * @offset:	where the last entry read has ended
 * @fi:		the open directory
 */
void directory_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t offset,
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

/**
 * directory_release - FUSE's releasedir
 * @req:	the request
 * @node:	the directory
 * @fi:		the open directory
 */
void directory_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	free_directory((struct directory *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}
