/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * remotefsd: what has to do with libfuse's types.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#ifndef REMOTEFSD_CTLFS_H
#define REMOTEFSD_CTLFS_H

#include <fuse_lowlevel.h>

#include "remotefsd.h"

/* ctlfs.c: files, and who makes a request. */
int ctlfs_requester(fuse_req_t req, struct identity *identity);
struct job ctlfs_job(fuse_req_t req, fuse_ino_t node, const struct identity *requester);

/* directory.c */
void directory_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void directory_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t offset,
		    struct fuse_file_info *fi);
void directory_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);

/* reader.c */
struct reader;

int reader_new(fuse_ino_t node, const struct identity *opener, struct reader **reader);
void reader_free(struct reader *reader);
bool reader_size(fuse_ino_t node, off_t *size);
void reader_read(fuse_req_t req, struct reader *reader, size_t size, off_t offset, int flags);
void reader_poll(fuse_req_t req, struct reader *reader, struct fuse_pollhandle *handle);

#endif /* REMOTEFSD_CTLFS_H */
