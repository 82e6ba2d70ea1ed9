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

#endif /* REMOTEFSD_CTLFS_H */
