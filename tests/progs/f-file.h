/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzer does with open files: it opens them, reads and writes.
 */
#ifndef F_FILE_H
#define F_FILE_H

#include <sys/uio.h>

#include "f-call.h"

/* An outcome that a call returns as -1. */
static int outcome_of(long ret)
{
	return ret < 0 ? errno : 0;
}

/* Expect nothing in particular, but what is documented. */
static void expect_anything(struct fuzzer *fuzzer)
{
	fuzzer->expect.anything = true;
}

/* Why a file has nothing to serve. */
static void expect_live(struct fuzzer *fuzzer, const struct file *file)
{
	must(&fuzzer->expect, file->state == REMOTEFS_STATE_GONE, ESRCH);
	must(&fuzzer->expect, file->state == REMOTEFS_STATE_REVOKED, ESTALE);
}

/* Opening */

static void do_mem(struct fuzzer *fuzzer)
{
	struct chance *chance = &fuzzer->chance;
	struct slot slot = { .kind = MEM, .readable = true };
	int flags = O_RDONLY;
	char path[32];

	slot.source = chance_below(chance, self() + 1);
	slot.life = life_of(slot.source);
	if (chance_one_in(chance, 8)) {
		flags = O_WRONLY;
		slot.readable = false;
	} else if (!chance_one_in(chance, 3)) {
		flags = O_RDWR;
	}
	/* See call_is_harmless(). */
	if (!slot.source)
		flags = O_RDONLY;
	slot.readable = flags != O_WRONLY;
	slot.writable = flags != O_RDONLY;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid_of(slot.source));
	note(fuzzer, OP_MEM, slot.source, flags, 0, 0, 0, 0);
	must(&fuzzer->expect, !pid_of(slot.source), ENOENT);
	slot.fd = open(path, flags | O_CLOEXEC);
	outcome_check(fuzzer, outcome_of(slot.fd));
	if (slot.fd >= 0)
		slot_put(fuzzer, &slot);
}

/* Descriptors that are nothing here, or are control. */
static void do_path_other(struct fuzzer *fuzzer)
{
	struct chance *chance = &fuzzer->chance;
	struct slot slot = { .kind = OTHER };
	static const char *const paths[] = {
		"/dev/null", "control", "/proc/self/maps", ".", "/dev/zero",
	};

	if (chance_one_in(chance, 2)) {
		slot.kind = CONTROL;
		/* Of the mount that is read-only. */
		slot.number = chance_one_in(chance, 4);
		slot.fd = openat(slot.number ? world.readonly : world.root,
				 "control", O_RDONLY | O_CLOEXEC);
	} else {
		unsigned int i = chance_below(chance, 5);

		slot.readable = true;
		slot.number = i == 1;
		slot.fd = openat(world.root, paths[i],
				 (i == 1 ? O_PATH : O_RDONLY) | O_CLOEXEC);
	}
	if (slot.fd < 0)
		violation(fuzzer, "control, or another file: %s",
			  strerror(errno));
	slot_put(fuzzer, &slot);
}

static void expect_path(struct fuzzer *fuzzer, const struct file *file,
			int flags, bool readonly)
{
	struct expect *expect = &fuzzer->expect;
	bool write = (flags & O_ACCMODE) != O_RDONLY;

	/* protected_regular, and a directory where nothing is made. */
	may(expect, flags & O_CREAT, EACCES);
	must(expect, flags & O_CREAT && flags & O_EXCL && file, EEXIST);
	must(expect, flags & O_DIRECTORY && file, ENOTDIR);
	must(expect, flags & O_DIRECTORY && flags & O_CREAT, EINVAL);
	may(expect, flags & O_DIRECTORY && flags & O_CREAT, ENOTDIR);
	must(expect, !file && !(flags & O_CREAT), ENOENT);
	must(expect, !file && flags & O_CREAT, EACCES);
	may(expect, !file && flags & O_CREAT, ENOENT);
	may(expect, !file && flags & O_CREAT, EPERM);
	may(expect, readonly && flags & O_CREAT, EROFS);
	must(expect, readonly && file && (write || flags & O_TRUNC), EROFS);
	must(expect, file && write && !file_has_writable(file), EACCES);
}

static void do_path(struct fuzzer *fuzzer)
{
	static const int extras[] = {
		O_TRUNC, O_APPEND, O_NONBLOCK, O_DIRECT, O_NOATIME, O_SYNC,
		O_CREAT, O_CREAT | O_EXCL, O_DIRECTORY, O_NOFOLLOW,
	};
	struct chance *chance = &fuzzer->chance;
	struct slot slot = { .kind = OPENED };
	struct file *file = NULL;
	int flags, readonly;
	char path[32];

	if (chance_one_in(chance, 8)) {
		do_path_other(fuzzer);
		return;
	}
	slot.source = source_choose(fuzzer);
	slot.life = life_of(slot.source);
	slot.number = number_recall(fuzzer, slot.source);
	if (strict())
		file = file_find(slot.source, slot.number);
	flags = chance_below(chance, 3);
	if (!strict() && chance_one_in(chance, 2))
		flags = O_RDWR;
	else if (file && !chance_one_in(chance, 4))
		flags = file_has_writable(file) ? O_RDWR : O_RDONLY;
	if (chance_one_in(chance, 4))
		flags |= extras[chance_below(chance, 10)];
	readonly = chance_one_in(chance, 16);
	path_of(slot.source, slot.number, path, sizeof(path));
	note(fuzzer, OP_PATH, slot.source, slot.number, flags, readonly, 0, 0);
	if (strict())
		expect_path(fuzzer, file, flags, readonly);
	slot.fd = openat(readonly ? world.readonly : world.root, path,
			 flags | O_CLOEXEC, 0600);
	outcome_check(fuzzer, outcome_of(slot.fd));
	if (slot.fd < 0)
		return;
	slot.readable = (flags & O_ACCMODE) != O_WRONLY;
	slot.writable = (flags & O_ACCMODE) != O_RDONLY;
	slot.append = flags & O_APPEND;
	slot.file = file;
	if (file)
		file->uses++;
	slot_put(fuzzer, &slot);
}

/* Reading and writing */

/* Where to look: as a rule, where something is. */
static uint64_t position(struct fuzzer *fuzzer, const struct slot *slot)
{
	struct chance *chance = &fuzzer->chance;
	uint64_t offset = chance_below(chance, 64 * PAGE);
	bool whole = slot->file ? slot->file->number == REMOTEFS_MAP_AS :
				  slot->number == REMOTEFS_MAP_AS;
	const struct range *range;

	if (chance_one_in(chance, 3))
		offset &= ~(PAGE - 1);
	if (chance_one_in(chance, 24)) {
		offset = interesting(fuzzer, offset);
		/* Not its stack: it is to live on. */
		if (!whole || memory_kinds(slot->source, offset, 1) != UNKNOWN)
			return offset;
		offset %= PAGES * PAGE;
	}
	if (slot->file && slot->file->ranges && !whole &&
	    !chance_one_in(chance, 4)) {
		range = &slot->file->range[chance_below(chance,
							slot->file->ranges)];
		return range->offset + offset % range->length;
	}
	if (whole)
		return offset + (uintptr_t)arena_of(slot->source);
	return offset % ((1 + chance_below(chance, 40)) * PAGE);
}

/* What stands against the first byte that is to be copied. */
static void expect_copy(struct fuzzer *fuzzer, const struct slot *slot,
			uint64_t offset, size_t bytes, bool write)
{
	struct expect *expect = &fuzzer->expect;
	struct file *file = slot->file;
	struct range *range;
	uint64_t address;

	must(expect, write ? !slot->writable : !slot->readable, EBADF);
	must(expect, (int64_t)offset < 0, EINVAL);
	may(expect, (int64_t)(offset + bytes) < 0, EOVERFLOW);
	may(expect, (int64_t)(offset + bytes) < 0, EINVAL);
	if (expect->must || !bytes)
		return;
	if (offset >= file->size || (write && slot->append)) {
		must(expect, write, ENOSPC);
		may(expect, write && offset >> 62, EFBIG);
		return;
	}
	expect_live(fuzzer, file);
	range = file_range(file, offset & ~(PAGE - 1), PAGE);
	must(expect, !range && !expect->must,
	     file->unmapped ? ESTALE : EFAULT);
	if (!range)
		return;
	must(expect, write && !file_admits(file, offset), EACCES);
	address = range->address + (offset - range->offset);
	if (memory_kinds(file->source, address, 1) & UNKNOWN)
		expect->anything = true;
	else
		must(expect, !memory_serves(file->source, address, write),
		     EFAULT);
}

/* What was read or written, must be what the source has. */
static void copy_check(struct fuzzer *fuzzer, const struct slot *slot,
		       uint64_t offset, const char *buffer, size_t bytes)
{
	struct range *range = file_range(slot->file, offset & ~(PAGE - 1), PAGE);
	uint64_t address;
	char there[64];

	if (bytes > sizeof(there))
		bytes = sizeof(there);
	if (bytes > PAGE - offset % PAGE)
		bytes = PAGE - offset % PAGE;
	if (!range || slot->file->state != REMOTEFS_STATE_LIVE)
		violation(fuzzer, "bytes were copied at %#lx, where nothing is",
			  (long)offset);
	address = range->address + (offset - range->offset);
	if (peek(slot->source, address, there, bytes) &&
	    memcmp(there, buffer, bytes))
		violation(fuzzer, "what was copied at %#lx of file %u is not what source %u has at %#lx",
			  (long)offset, slot->file->number, slot->source,
			  (long)address);
}

static void do_copy(struct fuzzer *fuzzer, bool write)
{
	static const int flags[] = {
		RWF_NOWAIT, RWF_NOWAIT, RWF_HIPRI, RWF_DSYNC, RWF_SYNC,
		RWF_APPEND, 0x20, 0x40, 0x80, 0x40000000,
	};
	struct chance *chance = &fuzzer->chance;
	struct iovec vector = { .iov_base = fuzzer->buffer };
	struct slot slot;
	uint64_t offset;
	int flag = 0;
	long ret;

	if (!slot_take(fuzzer, OPENED, &slot))
		return;
	offset = position(fuzzer, &slot);
	/* Which would be the file's own position. */
	offset -= offset == -1ULL;
	vector.iov_len = chance_below(chance, chance_one_in(chance, 4) ? 8192 :
							       64);
	if (chance_one_in(chance, 4))
		flag = flags[chance_below(chance, 10)];
	if (chance_one_in(chance, 24))
		vector.iov_base = (void *)16;
	memset(fuzzer->buffer, 0x40 + chance_below(chance, 64), 8192);
	note(fuzzer, write ? OP_WRITE : OP_READ, slot.fd, slot.source, offset,
	     vector.iov_len, flag, (uintptr_t)vector.iov_base);
	/* As RWF_NOAPPEND has it. */
	slot.append &= flag != 0x20;
	if (strict())
		expect_copy(fuzzer, &slot, offset, vector.iov_len, write);
	if (flag)
		expect_anything(fuzzer);
	must(&fuzzer->expect, (uintptr_t)vector.iov_base < PAGE &&
	     vector.iov_len && strict() &&
	     (write || offset < slot.file->size), EFAULT);
	ret = write ? pwritev2(slot.fd, &vector, 1, offset, flag) :
		      preadv2(slot.fd, &vector, 1, offset, flag);
	outcome_check(fuzzer, outcome_of(ret));
	if (ret > 0 && strict())
		copy_check(fuzzer, &slot, offset, fuzzer->buffer, ret);
	if (write && (ret > 0 || !strict()))
		canaries_check(fuzzer, slot.source);
	slot_give(&slot);
}

static void do_read(struct fuzzer *fuzzer)
{
	do_copy(fuzzer, false);
}

static void do_write(struct fuzzer *fuzzer)
{
	do_copy(fuzzer, true);
}

static void do_seek(struct fuzzer *fuzzer)
{
	static const int from[] = {
		SEEK_DATA, SEEK_HOLE, SEEK_DATA, SEEK_HOLE, SEEK_SET, SEEK_END,
		SEEK_CUR, 77,
	};
	int whence = from[chance_below(&fuzzer->chance, 8)];
	bool extent = whence == SEEK_DATA || whence == SEEK_HOLE;
	struct slot slot;
	int64_t offset;
	long ret;

	if (!slot_take(fuzzer, OPENED, &slot))
		return;
	offset = position(fuzzer, &slot);
	note(fuzzer, OP_SEEK, slot.fd, slot.source, offset, whence, 0, 0);
	expect_anything(fuzzer);
	if (strict() && extent) {
		must(&fuzzer->expect, offset < 0 ||
		     offset >= (int64_t)slot.file->size, ENXIO);
		if (!fuzzer->expect.must && whence == SEEK_HOLE)
			expect_live(fuzzer, slot.file);
	}
	ret = lseek(slot.fd, offset, whence);
	outcome_check(fuzzer, outcome_of(ret));
	if (ret >= 0 && extent && (ret < offset || (strict() &&
	    ret > (int64_t)slot.file->size)))
		violation(fuzzer, "from %#lx, lseek found %#lx", offset, ret);
	slot_give(&slot);
}

static void do_splice(struct fuzzer *fuzzer)
{
	struct chance *chance = &fuzzer->chance;
	bool into = chance_one_in(chance, 2);
	struct slot slot;
	loff_t offset;
	int ends[2];
	long ret;

	if (!slot_take(fuzzer, OPENED, &slot))
		return;
	offset = position(fuzzer, &slot);
	note(fuzzer, OP_SPLICE, slot.fd, slot.source, offset, into, 0, 0);
	expect_anything(fuzzer);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		die("pipe");
	if (into) {
		if (write(ends[1], fuzzer->buffer, 300) != 300)
			die("pipe");
		ret = splice(ends[0], NULL, slot.fd, &offset, 300, 0);
	} else {
		ret = splice(slot.fd, &offset, ends[1], NULL,
			     chance_below(chance, 9000), 0);
	}
	outcome_check(fuzzer, outcome_of(ret));
	close(ends[0]);
	close(ends[1]);
	if (into)
		canaries_check(fuzzer, slot.source);
	slot_give(&slot);
}

static void do_truncate(struct fuzzer *fuzzer)
{
	struct expect *expect = &fuzzer->expect;
	struct slot slot;
	int64_t size;

	if (!slot_take(fuzzer, OPENED, &slot))
		return;
	size = position(fuzzer, &slot);
	if (slot.file && chance_one_in(&fuzzer->chance, 2))
		size = slot.file->size;
	note(fuzzer, OP_TRUNCATE, slot.fd, slot.source, size, 0, 0, 0);
	must(expect, !slot.writable || size < 0, EINVAL);
	must(expect, strict() && size != (int64_t)slot.file->size, EPERM);
	outcome_check(fuzzer, outcome_of(ftruncate(slot.fd, size)));
	slot_give(&slot);
}

#endif
