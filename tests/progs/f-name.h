/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzer does with names and with descriptors as such; and what it has
 * sources do, and the ends that they come to.
 */
#ifndef F_NAME_H
#define F_NAME_H

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "f-mirror.h"

/* Names */

static void do_unlink(struct fuzzer *fuzzer)
{
	unsigned int source = source_choose(fuzzer);
	unsigned int number = number_recall(fuzzer, source);
	struct file *file = NULL;
	char path[32] = "control";
	int outcome;

	if (chance_one_in(&fuzzer->chance, 16)) {
		note(fuzzer, OP_UNLINK, -1, 0, 0, 0, 0, 0);
		must(&fuzzer->expect, true, EPERM);
	} else {
		path_of(source, number, path, sizeof(path));
		note(fuzzer, OP_UNLINK, source, number, 0, 0, 0, 0);
		if (strict())
			file = file_find(source, number);
		must(&fuzzer->expect, !file, ENOENT);
	}
	outcome = outcome_of(unlinkat(world.root, path, 0));
	outcome_check(fuzzer, outcome);
	if (!outcome && strict())
		file_end(fuzzer, file, REMOTEFS_STATE_REVOKED);
}

static void do_rmdir(struct fuzzer *fuzzer)
{
	unsigned int source = chance_below(&fuzzer->chance, self() + 1);
	char path[16] = "control";
	int outcome;

	if (chance_one_in(&fuzzer->chance, 8)) {
		note(fuzzer, OP_RMDIR, -1, 0, 0, 0, 0, 0);
		must(&fuzzer->expect, true, ENOTDIR);
	} else {
		note(fuzzer, OP_RMDIR, source, 0, 0, 0, 0, 0);
		snprintf(path, sizeof(path), "%d", pid_of(source));
		must(&fuzzer->expect, !world.directory[source], ENOENT);
	}
	outcome = outcome_of(unlinkat(world.root, path, AT_REMOVEDIR));
	outcome_check(fuzzer, outcome);
	if (!outcome && strict()) {
		files_end(fuzzer, source, NULL, REMOTEFS_STATE_REVOKED);
		world.directory[source] = false;
	}
}

static void do_change(struct fuzzer *fuzzer, bool owner)
{
	struct chance *chance = &fuzzer->chance;
	unsigned int source = source_choose(fuzzer);
	unsigned int number = number_recall(fuzzer, source);
	unsigned int a = chance_below(chance, 3) * 500, b;
	unsigned int mode = chance_below(chance, 01000);
	struct file *file = NULL;
	char path[32];
	int outcome;

	if (!chance_one_in(chance, 4))
		mode &= 0666;
	b = chance_below(chance, 3) * 500;
	path_of(source, number, path, sizeof(path));
	note(fuzzer, owner ? OP_CHOWN : OP_CHMOD, source, number, a, b, mode, 0);
	if (strict())
		file = file_find(source, number);
	must(&fuzzer->expect, !file, ENOENT);
	must(&fuzzer->expect, file && !owner && mode & ~0666, EPERM);
	outcome = outcome_of(owner ? fchownat(world.root, path, a, b, 0) :
				     fchmodat(world.root, path, mode, 0));
	outcome_check(fuzzer, outcome);
	if (outcome || !strict())
		return;
	if (owner) {
		file->uid = a;
		file->gid = b;
	} else {
		file->mode = mode;
	}
	file_check(fuzzer, file);
}

static void do_chmod(struct fuzzer *fuzzer)
{
	do_change(fuzzer, false);
}

static void do_chown(struct fuzzer *fuzzer)
{
	do_change(fuzzer, true);
}

/* Nothing can be made here, or get another name. */
static void do_make(struct fuzzer *fuzzer)
{
	unsigned int source = source_choose(fuzzer);
	unsigned int how = chance_below(&fuzzer->chance, 6);
	char path[32], fresh[48];
	long ret = 0;

	path_of(source, number_recall(fuzzer, source), path, sizeof(path));
	snprintf(fresh, sizeof(fresh), "%s9", path);
	note(fuzzer, OP_MAKE, source, how, 0, 0, 0, 0);
	expect_anything(fuzzer);
	must(&fuzzer->expect, true, EPERM);
	switch (how) {
	case 0: ret = mkdirat(world.root, fresh, 0700); break;
	case 1: ret = symlinkat("x", world.root, fresh); break;
	case 2: ret = linkat(world.root, path, world.root, fresh, 0); break;
	case 3: ret = renameat(world.root, path, world.root, fresh); break;
	case 4: ret = mknodat(world.root, fresh, S_IFIFO, 0); break;
	case 5: ret = mkdirat(world.root, "12", 0700); break;
	}
	if (!ret)
		violation(fuzzer, "%s was made", fresh);
	outcome_check(fuzzer, outcome_of(ret));
}

static void do_readdir(struct fuzzer *fuzzer)
{
	unsigned int source = chance_below(&fuzzer->chance, self() + 2);
	char path[16] = ".", entries[512];
	int fd, bytes = -1;

	if (source <= self())
		snprintf(path, sizeof(path), "%d", pid_of(source));
	note(fuzzer, OP_READDIR, source, 0, 0, 0, 0, 0);
	must(&fuzzer->expect, source <= self() && !world.directory[source],
	     ENOENT);
	fd = openat(world.root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && (bytes = syscall(SYS_getdents64, fd, entries,
					   sizeof(entries))) > 0)
		;
	outcome_check(fuzzer, outcome_of(bytes));
	if (fd >= 0)
		close(fd);
	if (strict() && source <= self())
		source_check(fuzzer, source);
}

static void do_statfs(struct fuzzer *fuzzer)
{
	struct statfs stat = { };
	struct slot slot;

	if (!slot_take(fuzzer, chance_one_in(&fuzzer->chance, 2) ? CONTROL :
		       OPENED, &slot))
		return;
	note(fuzzer, OP_STATFS, slot.fd, 0, 0, 0, 0, 0);
	outcome_check(fuzzer, outcome_of(fstatfs(slot.fd, &stat)));
	if (stat.f_type != REMOTEFS_SUPER_MAGIC)
		violation(fuzzer, "its type is %#lx", (long)stat.f_type);
	slot_give(&slot);
}

/* Descriptors */

static bool slot_take_any(struct fuzzer *fuzzer, struct slot *slot)
{
	return slot_take(fuzzer, chance_below(&fuzzer->chance, KINDS), slot);
}

static void do_fdinfo(struct fuzzer *fuzzer)
{
	struct slot slot;
	char path[48];
	long bytes;
	int fd;

	if (!slot_take_any(fuzzer, &slot))
		return;
	note(fuzzer, OP_FDINFO, slot.fd, slot.kind, 0, 0, 0, 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", slot.fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	bytes = fd < 0 ? -1 : read(fd, fuzzer->buffer, 4096);
	outcome_check(fuzzer, outcome_of(bytes));
	if (fd >= 0)
		close(fd);
	slot_give(&slot);
}

/* Keep another descriptor of the same open file. */
static void slot_put_again(struct fuzzer *fuzzer, struct slot *slot, int fd)
{
	slot->fd = fd;
	if (slot->session)
		slot->session->uses++;
	if (slot->file)
		slot->file->uses++;
	if (slot->watcher)
		slot->watcher->uses++;
	slot_put(fuzzer, slot);
}

static void do_dup(struct fuzzer *fuzzer)
{
	struct slot slot, again;

	if (!slot_take_any(fuzzer, &slot))
		return;
	again = slot;
	note(fuzzer, OP_DUP, slot.fd, slot.kind, 0, 0, 0, 0);
	again.fd = fcntl(slot.fd, F_DUPFD_CLOEXEC, 0);
	outcome_check(fuzzer, outcome_of(again.fd));
	slot_give(&slot);
	slot_put_again(fuzzer, &again, again.fd);
}

static void do_close(struct fuzzer *fuzzer)
{
	unsigned int kind = chance_below(&fuzzer->chance, KINDS);
	struct slot *slot;

	note(fuzzer, OP_CLOSE, kind, 0, 0, 0, 0, 0);
	pthread_mutex_lock(&world.lock);
	slot = slot_pick(fuzzer, kind);
	if (slot)
		slot_close(fuzzer, slot);
	pthread_mutex_unlock(&world.lock);
	outcome_check(fuzzer, 0);
}

/* Through a socket: for a moment it is in nobody's table. */
static void do_pass(struct fuzzer *fuzzer)
{
	char control[CMSG_SPACE(sizeof(int))] = { }, byte = 'x';
	struct iovec vector = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &vector, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	struct slot slot;
	int ends[2], fd;
	long ret;

	if (!slot_take_any(fuzzer, &slot))
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		die("socketpair");
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &slot.fd, sizeof(int));
	note(fuzzer, OP_PASS, slot.fd, slot.kind, 0, 0, 0, 0);
	ret = sendmsg(ends[0], &message, 0);
	outcome_check(fuzzer, outcome_of(ret));
	slot_give(&slot);
	if (ret == 1 && recvmsg(ends[1], &message, MSG_CMSG_CLOEXEC) == 1) {
		memcpy(&fd, CMSG_DATA(header), sizeof(int));
		slot_put_again(fuzzer, &slot, fd);
	}
	close(ends[0]);
	close(ends[1]);
}

/* Sources */

static void do_deed(struct fuzzer *fuzzer)
{
	unsigned int source = chance_below(&fuzzer->chance, self() + 1);
	struct deed deed;

	/* With many threads the others do it on their own. */
	if (!strict())
		source = self();
	if (!pid_of(source) || world.image[source])
		return;
	deed_choose(&deed, &fuzzer->chance);
	/* That would end at a mirror, or not, depending on its file. */
	if (deed.what == DEED_PROTECT && source == self())
		deed.what = DEED_MAP;
	/* A fork takes all threads' memory, and is slow. */
	if (!strict() && deed.what == DEED_FORK &&
	    !chance_one_in(&fuzzer->chance, 16))
		return;
	note(fuzzer, OP_DEED, source, deed.what, deed.first, deed.count,
	     deed.argument, 0);
	if (source == self())
		deed_do(arena_of(source), &deed);
	else
		source_tell(fuzzer, source, &deed);
	if (strict()) {
		watchers_deed(source, &deed);
		memory_deed(source, &deed);
	}
	outcome_check(fuzzer, 0);
}

/* By execve, exit, or a signal. Only one thread does this. */
static void do_end(struct fuzzer *fuzzer)
{
	unsigned int source = chance_below(&fuzzer->chance, self());
	unsigned int how = chance_below(&fuzzer->chance, 3);
	struct deed deed = { .what = how ? DEED_EXIT : DEED_EXEC };
	pid_t pid = pid_of(source);

	if (!pid)
		return;
	note(fuzzer, OP_END, source, how, 0, 0, 0, 0);
	board->source[source].life += LIFE_ENDED;
	if (how == 2 || world.image[source])
		kill(pid, SIGKILL);
	else
		source_tell(fuzzer, source, &deed);
	outcome_check(fuzzer, 0);
	if (!how && !world.image[source]) {
		source_ended(fuzzer, source, false);
		memory_set(source, 0, PAGES, HOLE, 0);
		world.image[source] = true;
		return;
	}
	nurse_ask(source);
	source_ended(fuzzer, source, true);
	/* Its PID may be wanted again. */
	world.image[source] = false;
	board->source[source].pid = -pid;
}

static void do_spawn(struct fuzzer *fuzzer)
{
	unsigned int source = chance_below(&fuzzer->chance, self());
	bool same = chance_one_in(&fuzzer->chance, 2);

	if (pid_of(source))
		return;
	note(fuzzer, OP_SPAWN, source, same, 0, 0, 0, 0);
	source_spawn(fuzzer, source, same);
	memory_begin(source);
	outcome_check(fuzzer, 0);
}

#endif
