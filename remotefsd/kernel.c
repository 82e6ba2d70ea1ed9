// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of <linux/remotefs.h>, one function each.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/remotefs.h>

#include "remotefsd.h"

/*
 * How many invalidations may wait for the daemon in a watcher.  A reader has room
 * for some 400 lines; what is beyond that is better lost here, where it is known
 * whose it was.
 */
#define WATCH_QUEUE 256

static int call(int fd, unsigned long request, void *args)
{
	return ioctl(fd, request, args) < 0 ? errno : 0;
}

/**
 * kernel_open_tree - open the root of the data tree
 * @path:	where it is mounted
 * @why:	with an error, the sentence for whoever set the path
 *
 * It is opened for each job anew: a descriptor kept would hold up umount(8).
 *
 * Return: a descriptor, or a negative errno value.
 */
int kernel_open_tree(const char *path, struct complaint *why)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs st;

	if (fd < 0)
		return -complain(why, errno, "%s: %s", path, strerror(errno));
	if (!fstatfs(fd, &st) && st.f_type == REMOTEFS_SUPER_MAGIC)
		return fd;
	close(fd);
	return -complain(why, ENODEV, "%s: no remotefs is mounted here", path);
}

/**
 * kernel_open_control - open the control file
 * @tree:	the root of the data tree
 *
 * Return: a descriptor, or a negative errno value.
 */
int kernel_open_control(int tree)
{
	int fd = openat(tree, "control", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/**
 * kernel_features - ask which of the features known here the kernel has
 * @control:	the control file
 * @features:	receives REMOTEFS_FEATURE_*
 *
 * Return: 0, or an errno value.
 */
int kernel_features(int control, uint64_t *features)
{
	struct remotefs_features_args args = {
		.size = sizeof(args),
		.features = ~0ULL,
	};
	int error = call(control, REMOTEFS_IOC_FEATURES, &args);

	*features = args.features;
	return error;
}

/**
 * kernel_attach - make a session
 * @control:	the control file
 * @mem_fd:	an open /proc/PID/mem
 * @pid:	the PID
 *
 * Return: a descriptor, or a negative errno value.
 */
int kernel_attach(int control, int mem_fd, pid_t pid)
{
	struct remotefs_attach_args args = {
		.size = sizeof(args),
		.mem_fd = mem_fd,
		.pid = pid,
	};
	int session = ioctl(control, REMOTEFS_IOC_ATTACH, &args);

	return session < 0 ? -errno : session;
}

/**
 * kernel_map - REMOTEFS_IOC_MAP
 * @session:	the session
 * @args:	its arguments, but for the size
 *
 * Return: 0, or an errno value.
 */
int kernel_map(int session, struct remotefs_map_args *args)
{
	args->size = sizeof(*args);
	return call(session, REMOTEFS_IOC_MAP, args);
}

/**
 * kernel_allow - REMOTEFS_IOC_ALLOW
 * @session:	the session
 * @args:	its arguments, but for the size
 *
 * Return: 0, or an errno value.
 */
int kernel_allow(int session, struct remotefs_allow_args *args)
{
	args->size = sizeof(*args);
	return call(session, REMOTEFS_IOC_ALLOW, args);
}

/**
 * kernel_unmap - REMOTEFS_IOC_UNMAP
 * @session:	the session
 * @args:	its arguments, but for the size
 *
 * Return: 0, or an errno value.
 */
int kernel_unmap(int session, struct remotefs_unmap_args *args)
{
	args->size = sizeof(*args);
	return call(session, REMOTEFS_IOC_UNMAP, args);
}

/**
 * kernel_lock - REMOTEFS_IOC_LOCK
 * @session:	the session
 * @map:	the map file's number
 *
 * Return: 0, or an errno value.
 */
int kernel_lock(int session, uint32_t map)
{
	struct remotefs_lock_args args = {
		.size = sizeof(args),
		.map = map,
	};

	return call(session, REMOTEFS_IOC_LOCK, &args);
}

static int info_of(int map_file, struct remotefs_info_args *args, size_t size)
{
	memset(args, 0, sizeof(*args));
	args->size = size;
	return call(map_file, REMOTEFS_IOC_INFO, args);
}

/**
 * kernel_info - REMOTEFS_IOC_INFO, in little time
 * @map_file:	an open map file
 * @args:	receives what is known about it, up to how much is mirrored
 *
 * Return: 0, or an errno value.
 */
int kernel_info(int map_file, struct remotefs_info_args *args)
{
	return info_of(map_file, args, offsetof(struct remotefs_info_args, out_mirrored));
}

/**
 * kernel_info_mirrored - REMOTEFS_IOC_INFO, which may take long
 * @map_file:	an open map file
 * @args:	receives all that is known about it
 *
 * Whoever maps a file often and in large pieces makes it take as long as he likes.
 *
 * Return: 0, or an errno value.
 */
int kernel_info_mirrored(int map_file, struct remotefs_info_args *args)
{
	return info_of(map_file, args, sizeof(*args));
}

static int range_of(int map_file, struct remotefs_range_args *args, size_t size)
{
	args->size = size;
	args->out_flags = 0;
	return call(map_file, REMOTEFS_IOC_RANGE, args);
}

/**
 * kernel_range - REMOTEFS_IOC_RANGE, in little time
 * @map_file:	an open map file
 * @args:	in: the offset to look from; out: the range found, but not how much
 *		of it is mirrored
 *
 * Return: 0, ENOENT after the last range, or another errno value.
 */
int kernel_range(int map_file, struct remotefs_range_args *args)
{
	return range_of(map_file, args, offsetof(struct remotefs_range_args, out_mirrored));
}

/**
 * kernel_range_mirrored - REMOTEFS_IOC_RANGE, which may take long
 * @map_file:	an open map file
 * @args:	in: the offset to look from; out: the range found
 *
 * Return: 0, ENOENT after the last range, or another errno value.
 */
int kernel_range_mirrored(int map_file, struct remotefs_range_args *args)
{
	return range_of(map_file, args, sizeof(*args));
}

/**
 * kernel_label - what people call a map file
 * @map_file:	an open map file
 * @label:	receives it
 *
 * Return: false if it has no label.
 */
bool kernel_label(int map_file, char label[REMOTEFS_LABEL_MAX + 1])
{
	ssize_t length = fgetxattr(map_file, REMOTEFS_XATTR_LABEL, label, REMOTEFS_LABEL_MAX);

	label[length > 0 ? length : 0] = '\0';
	return length > 0;
}

/**
 * kernel_area - REMOTEFS_IOC_AREA
 * @map_file:	an open map file
 * @args:	its arguments, but for the size
 *
 * Return: 0, or an errno value.
 */
int kernel_area(int map_file, struct remotefs_area_args *args)
{
	args->size = sizeof(*args);
	return call(map_file, REMOTEFS_IOC_AREA, args);
}

/**
 * kernel_remote - REMOTEFS_IOC_REMOTE
 * @session:	the session
 * @args:	its arguments, but for the size
 *
 * Return: 0, or an errno value.
 */
int kernel_remote(int session, struct remotefs_remote_args *args)
{
	args->size = sizeof(*args);
	return call(session, REMOTEFS_IOC_REMOTE, args);
}

/**
 * kernel_watch - make a watcher
 * @session:	the session
 *
 * Return: a descriptor, or a negative errno value.
 */
int kernel_watch(int session)
{
	struct remotefs_watch_args args = { .size = sizeof(args), .queue = WATCH_QUEUE };
	int watcher = ioctl(session, REMOTEFS_IOC_WATCH, &args);

	return watcher < 0 ? -errno : watcher;
}

/**
 * kernel_watch_add - REMOTEFS_IOC_WATCH_ADD
 * @watcher:	the watcher
 * @span:	what is to be watched
 * @cookie:	names the watch
 *
 * Return: 0, or an errno value.
 */
int kernel_watch_add(int watcher, const struct span *span, uint64_t cookie)
{
	struct remotefs_watch_add_args args = {
		.size = sizeof(args),
		.start = span->start,
		.end = span->end,
		.cookie = cookie,
	};

	return call(watcher, REMOTEFS_IOC_WATCH_ADD, &args);
}
