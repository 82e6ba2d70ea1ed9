// SPDX-License-Identifier: GPL-2.0-only
/*
 * The descriptor that proves a requester's right to expose memory.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * The kernel module makes no check of its own: whoever brings an open
 * /proc/PID/mem may expose what it shows.  The daemon could open every one of
 * them, so it must not do so as itself.  There are two honest ways:
 *
 * borrow	take on the requester's credentials and let the kernel judge the
 *		open.  Every check on that path looks at the file-system IDs, the
 *		groups and the effective capabilities, and at nothing else that a
 *		process can take on; where more than these would count, it is
 *		refused beforehand (policy_obstacle).
 * fetch	take a descriptor that the requester opened itself, out of the
 *		requester's own table.
 *
 * All of this runs in a child that does one job (worker.c), so a failure to
 * become the daemon again ends that child and nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "remotefsd.h"

/* The status of a child whose credentials are in doubt. */
#define DOUBTFUL_EXIT EIO

static int open_process(pid_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_own_caps(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return capget(&header, data) ? errno : 0;
}

/* Makes @effective effective, but for what the daemon itself does not have. */
static int set_effective_caps(uint64_t effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	int error = read_own_caps(data);

	if (error)
		return error;
	data[0].effective = data[0].permitted & (uint32_t)effective;
	data[1].effective = data[1].permitted & (uint32_t)(effective >> 32);
	return capset(&header, data) ? errno : 0;
}

/* setfsuid(2) and setfsgid(2) report no errors; asking for -1 changes nothing. */
static int set_fs_ids(uid_t uid, gid_t gid)
{
	setfsgid(gid);
	setfsuid(uid);
	if ((gid_t)setfsgid(-1) != gid || (uid_t)setfsuid(-1) != uid)
		return EPERM;
	return 0;
}

/* The capabilities come last: they are needed for the rest. */
static int become(const struct identity *identity)
{
	if (setgroups(identity->nr_groups, identity->groups))
		return errno;
	if (set_fs_ids(identity->uid, identity->gid))
		return EPERM;
	return set_effective_caps(identity->caps);
}

/* Capabilities first, for the same reason; leaving uid 0 took some away. */
static void become_daemon_again(const struct identity *self)
{
	if (set_effective_caps(~0ULL) || become(self))
		_exit(DOUBTFUL_EXIT);
}

/**
 * authority_open_as - open a file with the requester's credentials
 * @around:	the daemon's side
 * @requester:	whose rights count
 * @directory:	where @name is looked for, or AT_FDCWD
 * @name:	the file's name
 * @flags:	of open(2)
 *
 * Good only where policy_obstacle() sees nothing in the way.
 *
 * Return: a descriptor, or a negative errno value.
 */
int authority_open_as(const struct surroundings *around, const struct identity *requester,
		      int directory, const char *name, int flags)
{
	int error = become(requester);
	int fd = -1;

	if (!error) {
		fd = openat(directory, name, flags | O_CLOEXEC);
		if (fd < 0)
			error = errno;
	}
	become_daemon_again(&around->self);
	return fd < 0 ? -error : fd;
}

/* Asked each time: it can be changed while the daemon runs. */
static int read_yama_scope(void)
{
	FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	if (!file)
		return 0;
	/* What cannot be understood is taken for the strictest. */
	if (fscanf(file, "%d", &scope) != 1)
		scope = 3;
	fclose(file);
	return scope;
}

static int explain_open(int error, pid_t pid, struct complaint *why)
{
	switch (error) {
	case ENOENT:
	case ESRCH:
		return complain(why, ESRCH, "there is no process %d", pid);
	case EACCES:
	case EPERM:
		return complain(why, EACCES, "you may not open /proc/%d/mem", pid);
	default:
		return complain(why, error, "/proc/%d/mem: %s", pid, strerror(error));
	}
}

static int read_owner(int process, struct owner *owner)
{
	int fd = openat(process, "status", O_RDONLY | O_CLOEXEC);
	FILE *status = fd < 0 ? NULL : fdopen(fd, "r");
	int error;

	if (!status)
		return errno;
	error = identity_parse_owner(status, owner);
	fclose(status);
	return error;
}

static int borrow(const struct command *command, const struct surroundings *around,
		  const struct identity *requester, int process, struct authority *authority,
		  struct complaint *why)
{
	struct surroundings now = *around;
	const char *obstacle;

	now.yama = read_yama_scope();
	obstacle = policy_obstacle(&now, requester);
	if (obstacle)
		return complain(why, EACCES,
				"%s, so the daemon cannot judge your rights; open /proc/%d/mem yourself and add fd=N",
				obstacle, command->pid);
	authority->mem = authority_open_as(around, requester, process, "mem",
					   command->write || command->remote ? O_RDWR : O_RDONLY);
	if (authority->mem < 0)
		return explain_open(-authority->mem, command->pid, why);
	authority->maps = authority_open_as(around, requester, process, "maps", O_RDONLY);
	if (authority->maps < 0)
		return explain_open(-authority->maps, command->pid, why);
	return 0;
}

/*
 * The requester waits in write(2), so its process is the one whose PID was
 * recorded.  Whether the descriptor is /proc/PID/mem, and of which process, is
 * for the kernel to see when it is attached.
 */
static int fetch(const struct command *command, const struct identity *requester, int process,
		 struct authority *authority, struct complaint *why)
{
	int requester_fd = syscall(SYS_pidfd_open, requester->tgid, 0);
	int error;

	if (requester_fd < 0)
		return complain(why, errno, "pidfd_open: %s", strerror(errno));
	authority->mem = syscall(SYS_pidfd_getfd, requester_fd, command->fd, 0);
	error = errno;
	close(requester_fd);
	/* Yama 3 lets nobody attach to anybody, and fetching is attaching. */
	if (authority->mem < 0)
		return complain(why, error == EPERM ? EACCES : error, "your descriptor %d: %s",
				command->fd, strerror(error));
	authority->maps = openat(process, "maps", O_RDONLY | O_CLOEXEC);
	if (authority->maps < 0)
		return explain_open(errno, command->pid, why);
	return 0;
}

/**
 * authority_take - get hold of a process's memory as the requester may
 * @command:	which process, whether for writing, and perhaps fd=N
 * @around:	the daemon's side
 * @requester:	whose rights count
 * @authority:	receives two descriptors
 * @why:	with an error, the sentence for the requester
 *
 * With fd=N the descriptor proves nothing before the kernel has accepted it:
 * until then the caller must not read @authority->maps.
 *
 * Return: 0; EACCES if the requester may not or it cannot be known, ESRCH if
 * there is no such process, or another errno value.
 */
int authority_take(const struct command *command, const struct surroundings *around,
		   const struct identity *requester, struct authority *authority,
		   struct complaint *why)
{
	int process = open_process(command->pid);
	int error;

	*authority = (struct authority){ .mem = -1, .maps = -1 };
	if (process < 0)
		return explain_open(-process, command->pid, why);
	error = read_owner(process, &authority->owner);
	if (error)
		error = explain_open(error, command->pid, why);
	else if (command->fd >= 0)
		error = fetch(command, requester, process, authority, why);
	else
		error = borrow(command, around, requester, process, authority, why);
	close(process);
	return error;
}

/**
 * authority_attach - make a session from what was taken
 * @authority:	the descriptors
 * @control:	the control file
 * @pid:	the process
 * @around:	the daemon's side
 * @requester:	whose rights count
 *
 * Somebody's exclusive session keeps out who lacks CAP_SYS_ADMIN.  The daemon
 * has that, and must not pass where the requester would not.
 *
 * Return: a descriptor, or a negative errno value.
 */
int authority_attach(const struct authority *authority, int control, pid_t pid,
		     const struct surroundings *around, const struct identity *requester)
{
	uint64_t caps = around->self.caps;
	int error, session;

	if (!policy_has_cap(around, requester, CAP_SYS_ADMIN))
		caps &= ~(1ULL << CAP_SYS_ADMIN);
	error = set_effective_caps(caps);
	if (error)
		return -error;
	session = kernel_attach(control, authority->mem, pid);
	if (set_effective_caps(around->self.caps))
		_exit(DOUBTFUL_EXIT);
	return session;
}

/**
 * authority_attach_to_watch - make a session whose watches are the requester's
 * @authority:	the descriptors
 * @control:	the control file
 * @pid:	the process
 * @around:	the daemon's side
 * @requester:	to whom they are charged, lest one user has those of all
 *
 * Map files are the daemon's: who makes one may change it without asking for leave.
 *
 * Return: a descriptor, or a negative errno value.
 */
int authority_attach_to_watch(const struct authority *authority, int control, pid_t pid,
			      const struct surroundings *around,
			      const struct identity *requester)
{
	int session;

	if (set_fs_ids(requester->uid, requester->gid))
		_exit(DOUBTFUL_EXIT);
	session = authority_attach(authority, control, pid, around, requester);
	become_daemon_again(&around->self);
	return session;
}

/**
 * authority_open_proc - open a file of /proc/PID as the requester may
 * @pid:	the process
 * @name:	the file's name
 * @around:	the daemon's side, its @yama being zero
 * @requester:	whose rights count
 *
 * Yama does not come into this: it restricts attaching, not looking.
 *
 * Return: a descriptor, or a negative errno value.
 */
int authority_open_proc(pid_t pid, const char *name, const struct surroundings *around,
			const struct identity *requester)
{
	int process;
	int fd;

	if (policy_obstacle(around, requester))
		return -EACCES;
	process = open_process(pid);
	if (process < 0)
		return process;
	fd = authority_open_as(around, requester, process, name, O_RDONLY);
	close(process);
	return fd;
}
