/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls of linux/remotefs.h as functions, for the programs beside this file.
 * Each does what it says or ends the program with a message: that is right for an
 * example, and seldom for anything else.
 */
#ifndef EXAMPLES_CALLS_H
#define EXAMPLES_CALLS_H

#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include <linux/remotefs.h>

#define REMOTEFS_CONTROL	"/run/remotefs/control"

static inline int remotefs_attach_by(const char *path, struct remotefs_attach_args *attach)
{
	int control = open(path, O_RDONLY | O_CLOEXEC), session;

	if (control < 0)
		err(1, "%s", path);
	session = ioctl(control, REMOTEFS_IOC_ATTACH, attach);
	if (session < 0)
		err(1, "REMOTEFS_IOC_ATTACH");
	close(control);
	return session;
}

/* A session on the caller: it takes no proof to expose one's own memory. */
static inline int remotefs_attach_self(const char *control)
{
	struct remotefs_attach_args attach = { .size = sizeof(attach), .mem_fd = -1 };

	return remotefs_attach_by(control, &attach);
}

/*
 * A session on another process; @mode is O_RDONLY, or O_RDWR if its memory is to
 * be changed.  The proof is that the kernel lets the caller open /proc/PID/mem so.
 */
static inline int remotefs_attach(const char *control, pid_t pid, int mode)
{
	struct remotefs_attach_args attach = { .size = sizeof(attach), .pid = pid };
	char path[64];
	int session;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	attach.mem_fd = open(path, mode | O_CLOEXEC);
	if (attach.mem_fd < 0)
		err(1, "%s", path);
	session = remotefs_attach_by(control, &attach);
	close(attach.mem_fd);
	return session;
}

/* A new map file of that much memory; returns its number. */
static inline uint32_t remotefs_map_new(int session, uint32_t flags, uint64_t address,
					uint64_t length)
{
	struct remotefs_map_args map = {
		.size = sizeof(map), .flags = REMOTEFS_MAP_NEW | flags,
		.address = address, .length = length,
	};

	if (ioctl(session, REMOTEFS_IOC_MAP, &map))
		err(1, "REMOTEFS_IOC_MAP");
	return map.map;
}

/* A descriptor of map-@number; @flags are those of OPEN. */
static inline int remotefs_open(int session, uint32_t flags, uint32_t number)
{
	struct remotefs_open_args args = {
		.size = sizeof(args), .flags = flags, .map = number,
	};
	int file = ioctl(session, REMOTEFS_IOC_OPEN, &args);

	if (file < 0)
		err(1, "REMOTEFS_IOC_OPEN");
	return file;
}

static inline void remotefs_unmap(int session, uint32_t number, uint64_t offset, uint64_t length)
{
	struct remotefs_unmap_args args = {
		.size = sizeof(args), .map = number, .offset = offset, .length = length,
	};

	if (ioctl(session, REMOTEFS_IOC_UNMAP, &args))
		err(1, "REMOTEFS_IOC_UNMAP");
}

/* A change of the source's address space; what comes of it is in @args. */
static inline void remotefs_remote(int session, struct remotefs_remote_args *args)
{
	args->size = sizeof(*args);
	if (ioctl(session, REMOTEFS_IOC_REMOTE, args))
		err(1, "REMOTEFS_IOC_REMOTE, command %u", args->command);
}

static inline struct remotefs_info_args remotefs_info(int file)
{
	struct remotefs_info_args args = { .size = sizeof(args) };

	if (ioctl(file, REMOTEFS_IOC_INFO, &args))
		err(1, "REMOTEFS_IOC_INFO");
	return args;
}

/* What of the source the file shows first, and where. */
static inline struct remotefs_range_args remotefs_range(int file)
{
	struct remotefs_range_args args = { .size = sizeof(args) };

	if (ioctl(file, REMOTEFS_IOC_RANGE, &args))
		err(1, "REMOTEFS_IOC_RANGE");
	return args;
}

/* A watcher, which watches nothing yet. */
static inline int remotefs_watch(int session)
{
	struct remotefs_watch_args args = { .size = sizeof(args) };
	int watcher = ioctl(session, REMOTEFS_IOC_WATCH, &args);

	if (watcher < 0)
		err(1, "REMOTEFS_IOC_WATCH");
	return watcher;
}

static inline void remotefs_watch_add(int watcher, uint64_t start, uint64_t end, uint64_t cookie)
{
	struct remotefs_watch_add_args args = {
		.size = sizeof(args), .start = start, .end = end, .cookie = cookie,
	};

	if (ioctl(watcher, REMOTEFS_IOC_WATCH_ADD, &args))
		err(1, "REMOTEFS_IOC_WATCH_ADD");
}

static inline void remotefs_watch_del(int watcher, uint64_t cookie)
{
	struct remotefs_watch_del_args args = { .size = sizeof(args), .cookie = cookie };

	if (ioctl(watcher, REMOTEFS_IOC_WATCH_DEL, &args))
		err(1, "REMOTEFS_IOC_WATCH_DEL");
}

/* The next record of a watcher; waits for it. */
static inline struct remotefs_event remotefs_next_event(int watcher)
{
	struct remotefs_event event;

	if (read(watcher, &event, sizeof(event)) != sizeof(event))
		err(1, "read of a watcher");
	return event;
}

#endif /* EXAMPLES_CALLS_H */
