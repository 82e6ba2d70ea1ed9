/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * remotefs: the memory of live processes as files.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Four kinds of descriptor take these calls:
 *
 *   control   /MOUNT/control, opened by anyone whom its mode admits
 *   session   a handle on one source process, made by ATTACH on control
 *   map file  /MOUNT/PID/map-N or /MOUNT/PID/as, opened as any file is
 *   watcher   tells what happens to memory of the source, made by WATCH on a
 *             session
 *
 * A session carries the authority to expose memory: it is made from a
 * descriptor of /proc/PID/mem which the caller already holds, or from the
 * caller's own address space.  A map file carries none of it: whoever opens
 * one can read it, write it where it is writable, map it into memory and ask
 * about it, and nothing else; who made it can change its state, too.  unlink(2)
 * of a map file revokes it.
 *
 * Every structure starts with its own size.  The kernel accepts a shorter
 * structure, down to the first published size of that call, and a longer one
 * whose extra bytes are zero.  All layouts are the same for 32-bit callers.
 * Reserved fields must be zero; unknown flags are refused, never ignored.
 *
 * What each errno means, for every call here and for system calls on a map
 * file:
 *
 *   E2BIG       the structure is longer than the kernel's and its tail is not
 *               zero
 *   EACCES      the file's mode forbids it, or the descriptor of /proc/PID/mem
 *               was not opened for reading (for writing too, where the range
 *               is to be writable), or no range of the file is writable
 *   EAGAIN      with RWF_NOWAIT: the page would have to be waited for, or a
 *               policy program asked; with
 *               O_NONBLOCK on a watcher: there is nothing to be told now; of a
 *               remote MMAP: the source locks its memory, and may not lock more
 *   EBADF       not an open descriptor
 *   EBUSY       of a remote command: the memory is locked or registered with a
 *               userfaultfd, or there is no room to keep it from its neighbours
 *   EDQUOT      a policy program says so
 *   EEXIST      the offset is occupied, the process already has an "as" file,
 *               one session excludes another, the cookie is in use, or there is
 *               a mapping where a remote one must not replace any; with XATTR_CREATE:
 *               there is a label
 *   EFAULT      a hole, memory that is not anonymous, or memory which the
 *               source itself may not write; also a bad pointer argument
 *   EHWPOISON   the page's memory is broken
 *   EINTR       a fatal signal arrived; of a read() on a watcher: any signal,
 *               unless its handler has SA_RESTART
 *   EINVAL      malformed: a size, an alignment, a wrapped or empty interval,
 *               nonzero padding, a descriptor that is not /proc/PID/mem; what is no
 *               label
 *   ELOOP       the memory is itself a mirror of a remotefs file
 *   EMFILE      the caller has too many descriptors (ENFILE: the system has)
 *   ENODATA     the map file has no label
 *   ENOENT      no such map file, no range at or after this offset, or no watch
 *               with this cookie
 *   ENOMEM      out of memory; of a remote MMAP: or of what the source may have
 *   ENOSPC      a limit of the mount, or of the mount on one user, is reached;
 *               a write at the end of the file
 *   ENOTTY      an unknown ioctl for this kind of descriptor
 *   EOPNOTSUPP  an unknown flag, operation or remote command, or one that this
 *               kernel or this source cannot have
 *   EPERM       not allowed: another user's map file, a locked one, a size or a
 *               name that cannot change; sealed memory, or the lowest addresses;
 *               or a policy program says so
 *   ESRCH       the source is gone (it exited or called execve), or the PID
 *               does not lead to the address space of the descriptor
 *   ERANGE      the buffer is too small for the label
 *   EROFS       opened for writing through a mount that is read-only
 *   ESTALE      the map file was revoked, or the range was taken out of it
 *   EXDEV       the map file is not in the mount that control was opened through
 */
#ifndef _UAPI_LINUX_REMOTEFS_H
#define _UAPI_LINUX_REMOTEFS_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* What statfs(2) reports as f_type: "RMFS". */
#define REMOTEFS_SUPER_MAGIC	0x524d4653

#define REMOTEFS_IOC_TYPE	0xE7

/**
 * struct remotefs_features_args - REMOTEFS_IOC_FEATURES, on control
 * @size:	sizeof(struct remotefs_features_args)
 * @__reserved:	zero
 * @features:	in: the REMOTEFS_FEATURE_* bits the caller asks about;
 *		out: those of them that this kernel has
 *
 * Never fails for an unknown bit: it comes back cleared.
 */
struct remotefs_features_args {
	__u32 size;
	__u32 __reserved;
	__aligned_u64 features;
};

#define REMOTEFS_IOC_FEATURES	_IO(REMOTEFS_IOC_TYPE, 0x00)

#define REMOTEFS_FEATURE_WRITE		(1ULL << 0)	/* writable ranges */
#define REMOTEFS_FEATURE_WHOLE		(1ULL << 1)	/* "as" files and ALLOW */
#define REMOTEFS_FEATURE_PMD		(1ULL << 2)	/* huge mappings of huge pages */
#define REMOTEFS_FEATURE_ZERO		(1ULL << 3)	/* zeros after the source's exit */
#define REMOTEFS_FEATURE_LOCK		(1ULL << 4)	/* LOCK */
#define REMOTEFS_FEATURE_SESSION	(1ULL << 5)	/* flags of ATTACH; OPEN */
#define REMOTEFS_FEATURE_WATCH		(1ULL << 6)	/* WATCH */
#define REMOTEFS_FEATURE_REMOTE		(1ULL << 7)	/* REMOTE */
#define REMOTEFS_FEATURE_NOHUGE		(1ULL << 8)	/* its NOHUGE */
#define REMOTEFS_FEATURE_AREA		(1ULL << 9)	/* AREA; policy */
#define REMOTEFS_FEATURE_LABEL		(1ULL << 10)	/* XATTR_LABEL */

/*
 * Extended attribute of a map file: what people call it, 1 to LABEL_MAX bytes of
 * printable ASCII without blanks and slashes.  To set or remove it, the caller must
 * be the file's maker or have CAP_SYS_ADMIN, besides what the file's mode asks for.
 */
#define REMOTEFS_XATTR_LABEL		"user.remotefs.label"
#define REMOTEFS_LABEL_MAX		63

/**
 * struct remotefs_attach_args - REMOTEFS_IOC_ATTACH, on control
 * @size:	sizeof(struct remotefs_attach_args)
 * @flags:	REMOTEFS_ATTACH_*
 * @mem_fd:	an open descriptor of /proc/PID/mem, or -1 for the caller itself
 * @pid:	the process's ID in the caller's PID namespace; zero with -1
 *
 * Makes a session.  @mem_fd is the proof of authority; @pid only names the
 * directory, and its process must have the very address space of @mem_fd, so
 * that a recycled PID is never reached.  @mem_fd may be closed afterwards.
 *
 * When the last descriptor of an EPHEMERAL session is closed, every map file
 * that it made is revoked, and every range that it placed in other files is
 * taken out of them, locked or not.  What it allowed there stays allowed.
 *
 * An EXCLUSIVE session is made only where its source has no other in this mount,
 * and while it lives no other is made there, but for callers with CAP_SYS_ADMIN
 * in the mount's user namespace, who can attach without EXCLUSIVE.  A source is
 * one process and its address space: another process that shares that, as after
 * vfork(2) or clone(2) with CLONE_VM, is another source.  Map files that exist
 * already stay as they are.
 *
 * Return: a close-on-exec descriptor of the session; EBADF, EINVAL, EACCES,
 * EEXIST (this session would exclude others, or one excludes it), ESRCH,
 * EMFILE, ENFILE, EOPNOTSUPP, ENOMEM.
 */
struct remotefs_attach_args {
	__u32 size;
	__u32 flags;
	__s32 mem_fd;
	__u32 pid;
};

#define REMOTEFS_IOC_ATTACH	_IO(REMOTEFS_IOC_TYPE, 0x01)

#define REMOTEFS_ATTACH_EPHEMERAL	(1U << 0)	/* its map files end with it */
#define REMOTEFS_ATTACH_EXCLUSIVE	(1U << 1)	/* the source's only session */

/**
 * struct remotefs_map_args - REMOTEFS_IOC_MAP, on a session
 * @size:	sizeof(struct remotefs_map_args)
 * @flags:	REMOTEFS_MAP_*
 * @map:	the number N of map-N: out with REMOTEFS_MAP_NEW, in without;
 *		REMOTEFS_MAP_AS stands for "as"
 * @mode:	with NEW: permission bits of the file, within 0666; zero stands
 *		for 0400, or 0600 with WRITE
 * @uid:	with OWNER: the file's owner, in the caller's user namespace
 * @gid:	with OWNER: the file's group
 * @address:	where the range starts in the source, page aligned
 * @offset:	where it is placed in the file, page aligned
 * @length:	its length in bytes, page aligned, not zero
 *
 * Places a range of the source's anonymous memory in a map file.  Without NEW
 * the file must exist and belong to this source, and the caller must be its
 * maker or have CAP_SYS_ADMIN.  Every page of the range must be in an
 * anonymous mapping now, whatever its protection; later holes fault.
 *
 * WHOLE needs NEW, and makes the one "as" file of the source: file offset is
 * address, and @address, @offset and @length must be zero.
 *
 * ZERO is about mirrors of a source that has exited: loads from this range give
 * zeros instead of SIGBUS.  Stores still give SIGBUS, reads and writes of the
 * file fail, and so does everything once the range is revoked or unmapped, or
 * after the source has called execve.
 *
 * Return: 0; EINVAL, EFAULT, EEXIST, ENOENT, ENOSPC, EACCES, EPERM, ESRCH,
 * ESTALE, ELOOP, EOPNOTSUPP, ENOMEM, EINTR.
 */
struct remotefs_map_args {
	__u32 size;
	__u32 flags;
	__u32 map;
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__aligned_u64 address;
	__aligned_u64 offset;
	__aligned_u64 length;
};

#define REMOTEFS_IOC_MAP	_IO(REMOTEFS_IOC_TYPE, 0x02)

#define REMOTEFS_MAP_NEW	(1U << 0)	/* make a map file */
#define REMOTEFS_MAP_WRITE	(1U << 1)	/* viewers may write the range */
#define REMOTEFS_MAP_OWNER	(1U << 2)	/* uid and gid are given; CAP_CHOWN */
#define REMOTEFS_MAP_WHOLE	(1U << 3)	/* the whole address space: "as" */
#define REMOTEFS_MAP_ZERO	(1U << 4)	/* mirrors load zeros after exit */

#define REMOTEFS_MAP_AS		0xffffffffU

/**
 * struct remotefs_unmap_args - REMOTEFS_IOC_UNMAP, on a session
 * @size:	sizeof(struct remotefs_unmap_args)
 * @flags:	zero
 * @map:	the map file's number, as in struct remotefs_map_args
 * @__reserved:	zero
 * @offset:	start of the interval in the file, page aligned
 * @length:	its length in bytes, page aligned, not zero
 *
 * Takes every range within the interval out of the file.  A range that is only
 * partly within it is EINVAL; none at all is ENOENT.  When the call returns,
 * mapped accesses give SIGBUS and reads fail with ESTALE.
 *
 * Return: 0; EINVAL, ENOENT, EPERM, ESRCH, ESTALE, EOPNOTSUPP.
 */
struct remotefs_unmap_args {
	__u32 size;
	__u32 flags;
	__u32 map;
	__u32 __reserved;
	__aligned_u64 offset;
	__aligned_u64 length;
};

#define REMOTEFS_IOC_UNMAP	_IO(REMOTEFS_IOC_TYPE, 0x03)

/**
 * struct remotefs_allow_args - REMOTEFS_IOC_ALLOW, on a session
 * @size:	sizeof(struct remotefs_allow_args)
 * @flags:	zero
 * @map:	the map file's number, as in struct remotefs_map_args
 * @__reserved:	zero
 * @offset:	start of the interval in the file, page aligned
 * @length:	its length in bytes, page aligned, not zero
 *
 * Makes a part of a read-only map file writable, to the page, until the file
 * is revoked.  The session needs write authority.  Descriptors that were
 * opened for reading stay so.
 *
 * Return: 0; EINVAL, EACCES, EEXIST (some of it is already allowed), ENOENT,
 * ENOSPC, EPERM, ESRCH, ESTALE, EOPNOTSUPP, ENOMEM.
 */
struct remotefs_allow_args {
	__u32 size;
	__u32 flags;
	__u32 map;
	__u32 __reserved;
	__aligned_u64 offset;
	__aligned_u64 length;
};

#define REMOTEFS_IOC_ALLOW	_IO(REMOTEFS_IOC_TYPE, 0x04)

/**
 * struct remotefs_lock_args - REMOTEFS_IOC_LOCK, on a session
 * @size:	sizeof(struct remotefs_lock_args)
 * @flags:	REMOTEFS_LOCK_*
 * @map:	the map file's number, as in struct remotefs_map_args
 * @__reserved:	zero
 *
 * Freezes a map file as it is: MAP, UNMAP and ALLOW on it fail with EPERM from
 * now on, in every session there is or will be, whoever asks.  Nothing unlocks
 * it.  The source's end, unlink(2), unmounting, and the end of the ephemeral
 * session that made it, still end it.  Locking it again changes nothing.
 *
 * NEW also freezes each map file that this session makes afterwards, with the
 * one range that it is made with.
 *
 * Return: 0; EINVAL, ENOENT, EPERM (another user's), ESRCH, ESTALE, EOPNOTSUPP.
 */
struct remotefs_lock_args {
	__u32 size;
	__u32 flags;
	__u32 map;
	__u32 __reserved;
};

#define REMOTEFS_IOC_LOCK	_IO(REMOTEFS_IOC_TYPE, 0x05)

#define REMOTEFS_LOCK_NEW	(1U << 0)	/* and what this session makes */

/**
 * struct remotefs_open_args - REMOTEFS_IOC_OPEN, on a session
 * @size:	sizeof(struct remotefs_open_args)
 * @flags:	REMOTEFS_OPEN_*
 * @map:	the map file's number, as in struct remotefs_map_args
 * @__reserved:	zero
 *
 * Opens a map file which the session may change, for reading, or with WRITE for
 * reading and writing.  The session stands for the right to the memory, so the
 * file's owner and mode are not asked, only whether the attacher may search the
 * mount's root directory; WRITE takes a session with write authority, and a file
 * that has something to write.  The file's path is in the mount that control was
 * opened through: if that is a bind mount of control alone there is none, and
 * neither if something is mounted over the file or its directory.
 *
 * Return: a close-on-exec descriptor of the map file; EINVAL, EACCES, EDQUOT,
 * ENOENT, EPERM, EROFS, ESRCH, ESTALE, EXDEV, EMFILE, ENFILE, EOPNOTSUPP, ENOMEM.
 */
struct remotefs_open_args {
	__u32 size;
	__u32 flags;
	__u32 map;
	__u32 __reserved;
};

#define REMOTEFS_IOC_OPEN	_IO(REMOTEFS_IOC_TYPE, 0x06)

#define REMOTEFS_OPEN_WRITE	(1U << 0)	/* for writing, too */

/**
 * struct remotefs_remote_args - REMOTEFS_IOC_REMOTE, on a session
 * @size:	sizeof(struct remotefs_remote_args)
 * @command:	REMOTEFS_REMOTE_MMAP, _MUNMAP or _DISCARD
 * @flags:	of MMAP: REMOTEFS_REMOTE_*; else zero
 * @prot:	of MMAP: PROT_READ and PROT_WRITE, or neither; else zero
 * @address:	of MMAP: where to map, a hint without FIXED, or zero for anywhere;
 *		out: where it was mapped. Else: where to start. Page aligned
 * @length:	in bytes, page aligned, not zero
 * @map_flags:	with EXPOSE: REMOTEFS_MAP_WRITE, _OWNER and _ZERO
 * @out_map:	zero; with EXPOSE, out: the number N of the new map-N
 * @mode:	with EXPOSE: as in struct remotefs_map_args
 * @uid:	with OWNER: likewise
 * @gid:	with OWNER: likewise
 * @__reserved:	zero
 *
 * Changes the source's address space, from outside: the source is not stopped,
 * not traced, and runs nothing.  The session needs write authority.
 *
 * MMAP maps new anonymous private memory.  Without FIXED the kernel chooses a
 * free place, near @address if it can.  With FIXED the memory is at @address, or
 * EEXIST if there is any mapping; with REPLACE too, it takes the place of what
 * private anonymous memory is there, which after ENOMEM may be gone, as with
 * mmap(2) and MAP_FIXED.  PROT_EXEC is refused, EOPNOTSUPP.  What
 * the source has said of memory to come (mlockall(2), prctl(2)) holds for this.
 *
 * EXPOSE also makes a map file with this one range at offset zero, as MAP with
 * NEW does: a window into the source that both sides share from the beginning.
 * Both are done, or neither, and so it excludes REPLACE.
 *
 * NOHUGE and HUGE give the advice of madvise(2) about huge pages.  NOHUGE is
 * EOPNOTSUPP on kernels that lack it: see FEATURES.  The kernel joins mappings
 * that are alike, and advice must not touch those of the source: where HUGE
 * cannot have a mapping of its own it is EBUSY.  It excludes REPLACE and NOHUGE.
 *
 * MUNMAP unmaps private anonymous memory as munmap(2) does; there may be holes.
 * DISCARD drops its pages as madvise(2) with MADV_DONTNEED does, so that it reads
 * zeros: without holes.  If any other kind of mapping is in the interval nothing
 * is done: EFAULT, for a mirror of a map file ELOOP; EBUSY for DISCARD of memory
 * that is locked or registered with a userfaultfd, EPERM for sealed memory.
 * For MUNMAP and REPLACE this is looked at just before the memory goes: a
 * source that maps something else there in between loses it.
 *
 * The source's own limits hold, to the page: RLIMIT_AS, RLIMIT_DATA and
 * RLIMIT_MEMLOCK, the number of mappings, its memory control group, overcommit
 * and the lowest address.  No capability of the caller's lifts any of them.
 * Security modules see the caller.  Sources with 32-bit addresses are
 * EOPNOTSUPP.
 *
 * A caller that is killed leaves at once; the command is then done wholly or not
 * at all.  A command never reaches what the source executes next.
 *
 * Return: 0; EINVAL, EOPNOTSUPP, EACCES (no write authority), ESRCH, EEXIST,
 * EFAULT, ELOOP, EBUSY, EPERM, ENOSPC, ENOMEM, EAGAIN, EINTR.
 */
struct remotefs_remote_args {
	__u32 size;
	__u32 command;
	__u32 flags;
	__u32 prot;
	__aligned_u64 address;
	__aligned_u64 length;
	__u32 map_flags;
	__u32 out_map;
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 __reserved;
};

#define REMOTEFS_IOC_REMOTE	_IO(REMOTEFS_IOC_TYPE, 0x08)

#define REMOTEFS_REMOTE_MMAP	1
#define REMOTEFS_REMOTE_MUNMAP	2
#define REMOTEFS_REMOTE_DISCARD	3

#define REMOTEFS_REMOTE_FIXED	(1U << 0)	/* at address, and nowhere else */
#define REMOTEFS_REMOTE_REPLACE	(1U << 1)	/* whatever of its kind is there */
#define REMOTEFS_REMOTE_EXPOSE	(1U << 2)	/* and make a map file of it */
#define REMOTEFS_REMOTE_HUGE	(1U << 3)	/* use huge pages */
#define REMOTEFS_REMOTE_NOHUGE	(1U << 4)	/* do not */

/**
 * struct remotefs_info_args - REMOTEFS_IOC_INFO, on a map file
 * @size:	sizeof(struct remotefs_info_args), or offsetof(..., out_mirrored) to do
 *		without that, which takes long where mirrors are many and large
 * @flags:	zero
 * @out_pid:	the source, in the caller's PID namespace; 0 if it has no ID there
 * @out_map:	the file's number, or REMOTEFS_MAP_AS
 * @out_state:	REMOTEFS_STATE_*
 * @out_ranges:	how many ranges the file holds
 * @out_mirrors: how many mappings of the file exist
 * @out_waiters: how many faults and copies are inside the source now; only
 *		these keep its address space from being freed
 * @out_faults:	page faults served
 * @out_invalidations: invalidations of the source's memory seen
 * @out_mirrored: bytes of the file that mirrors have in their page tables now,
 *		each mirror's counted
 * @out_viewers: how many times the file is open: a mirror keeps it so, even if
 *		its descriptor is closed
 * @out_flags:	REMOTEFS_INFO_*
 *
 * /proc/PID/fdinfo/FD of a viewer says the same, and how many of the mirrored
 * bytes are in mirrors made from that descriptor.
 *
 * Return: 0; EINVAL, E2BIG, EOPNOTSUPP.
 */
struct remotefs_info_args {
	__u32 size;
	__u32 flags;
	__u32 out_pid;
	__u32 out_map;
	__u32 out_state;
	__u32 out_ranges;
	__u32 out_mirrors;
	__u32 out_waiters;
	__aligned_u64 out_faults;
	__aligned_u64 out_invalidations;
	__aligned_u64 out_mirrored;
	__u32 out_viewers;
	__u32 out_flags;
};

#define REMOTEFS_IOC_INFO	_IO(REMOTEFS_IOC_TYPE, 0x10)

#define REMOTEFS_STATE_LIVE	0
#define REMOTEFS_STATE_REVOKED	1
#define REMOTEFS_STATE_GONE	2

#define REMOTEFS_INFO_LOCKED	(1U << 0)	/* no session changes it any more */

/**
 * struct remotefs_range_args - REMOTEFS_IOC_RANGE, on a map file
 * @size:	sizeof(struct remotefs_range_args), or less, as for
 *		struct remotefs_info_args
 * @out_flags:	REMOTEFS_MAP_WRITE if viewers may write all of it, and
 *		REMOTEFS_MAP_ZERO as given to MAP
 * @offset:	in: where to look; out: where the first range that ends after it
 *		starts
 * @out_address: its address in the source
 * @out_length:	its length in bytes
 * @out_mirrored: as in struct remotefs_info_args, but of this range
 *
 * Walk a file's ranges by asking again with @offset + @out_length.
 *
 * Return: 0; ENOENT, EINVAL, E2BIG, ESRCH, ESTALE.
 */
struct remotefs_range_args {
	__u32 size;
	__u32 out_flags;
	__aligned_u64 offset;
	__aligned_u64 out_address;
	__aligned_u64 out_length;
	__aligned_u64 out_mirrored;
};

#define REMOTEFS_IOC_RANGE	_IO(REMOTEFS_IOC_TYPE, 0x11)

/* How many 64-bit numbers a map file's state has. */
#define REMOTEFS_AREA_SLOTS	8

/**
 * struct remotefs_area_args - REMOTEFS_IOC_AREA, on a map file
 * @size:	sizeof(struct remotefs_area_args)
 * @flags:	zero
 * @operation:	REMOTEFS_AREA_GET, _SET or _CLEAR
 * @mask:	a bit for each slot that it is about, not zero
 * @slots:	in: of SET, the new numbers; else zero; out: what was there before,
 *		and zero where @mask has no bit
 *
 * The state of a map file is some numbers that mean nothing to the kernel; BPF
 * programs keep and use them.  They are zero when the file is made, and last
 * until it is revoked, or as long as it is open.  Each slot is exchanged in one
 * step, so that CLEAR loses no count.
 *
 * Whoever has the file open may GET.  To SET or CLEAR the caller must be the
 * file's maker or have CAP_SYS_ADMIN, however the descriptor was opened: to read
 * and write the memory is what a file is handed on for, and those to whom it is
 * handed on are those whom a policy counts.  LOCK does not bind them.
 *
 * Return: 0; EINVAL (no slot, no such slot, or a number where none belongs),
 * EPERM, EFAULT, E2BIG, EOPNOTSUPP; of SET and CLEAR also ESRCH, ESTALE.
 */
struct remotefs_area_args {
	__u32 size;
	__u32 flags;
	__u32 operation;
	__u32 mask;
	__aligned_u64 slots[REMOTEFS_AREA_SLOTS];
};

#define REMOTEFS_IOC_AREA	_IO(REMOTEFS_IOC_TYPE, 0x12)

#define REMOTEFS_AREA_GET	1
#define REMOTEFS_AREA_SET	2
#define REMOTEFS_AREA_CLEAR	3

/**
 * struct remotefs_policy - what a policy program is asked
 * @op:		REMOTEFS_POLICY_*: what somebody is about to do with a map file
 * @flags:	REMOTEFS_POLICY_MAY_WRITE
 * @offset:	of MMAP, READ, WRITE: first byte in the file
 * @length:	of these: how many bytes
 * @verdict:	0 lets it happen; -EPERM, -EACCES or -EDQUOT is what the caller
 *		gets instead; whatever else is not 0 counts as -EPERM
 * @assign:	a bit for each slot of @area: see below
 * @dev:	the file system's device number, as the kernel has it:
 *		major << 20 | minor
 * @source:	the PID that the file's directory is called by
 * @map:	N of map-N, or REMOTEFS_MAP_AS
 * @__reserved:	zero
 * @ino:	the file's inode number
 * @area:	the file's state
 *
 * The tracepoint remotefs_policy has it as its first argument, which programs
 * of the type BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE read and write as memory.
 * No type information is needed for that.  Of what they write, @verdict counts,
 * and @area: when all programs have run, what was added to a slot is added to
 * the file's state, atomically, so that no count is lost whoever else counts;
 * a slot whose bit in @assign is set is stored instead.  That is so whatever the
 * verdict, and whatever comes of the call afterwards.  Programs see what earlier
 * ones have written, so all but these three are to be left alone.
 *
 * What must not wait (RWF_NOWAIT) is not asked about: it gets EAGAIN while there
 * is a program, since who tries it again would be counted twice.
 *
 * Typed programs, which cannot write here, call remotefs_policy_deny() and
 * remotefs_inode_area().
 */
struct remotefs_policy {
	__u32 op;
	__u32 flags;
	__aligned_u64 offset;
	__aligned_u64 length;
	__s32 verdict;
	__u32 assign;
	__u32 dev;
	__u32 source;
	__u32 map;
	__u32 __reserved;
	__aligned_u64 ino;
	__aligned_u64 area[REMOTEFS_AREA_SLOTS];
};

#define REMOTEFS_POLICY_OPEN	1
#define REMOTEFS_POLICY_MMAP	2
#define REMOTEFS_POLICY_READ	3
#define REMOTEFS_POLICY_WRITE	4

/* OPEN is for writing; what MMAP makes is writable, or can be made so. */
#define REMOTEFS_POLICY_MAY_WRITE	(1U << 0)

/**
 * struct remotefs_watch_args - REMOTEFS_IOC_WATCH, on a session
 * @size:	sizeof(struct remotefs_watch_args)
 * @flags:	zero
 * @queue:	how many records of INVALIDATED may wait to be read; beyond these
 *		there is one of STALE instead. Zero: one for each watch
 * @__reserved:	zero
 *
 * Makes a watcher: a descriptor that tells when memory of the source is
 * unmapped, discarded, moved, protected, replaced by another page, or dropped
 * from the page tables for whatever reason, by whomever.  It sees the parts of
 * the address space that WATCH_ADD names.  It stays when the session is closed,
 * and does not keep the source's memory.
 *
 * read(2) gives whole records of struct remotefs_event, as many as there are and
 * fit, and waits for the first unless O_NONBLOCK is set; a buffer that is too
 * small for one is EINVAL. poll(2), epoll(7) and SIGIO tell when there are some.
 * After GONE comes the end of the file.
 *
 * mmap(2) of one page at offset 0, shared and for reading only, shows struct
 * remotefs_watch_page.
 *
 * Return: a close-on-exec descriptor of the watcher; EINVAL, ESRCH, EMFILE,
 * ENFILE, EOPNOTSUPP, ENOMEM, EINTR.
 */
struct remotefs_watch_args {
	__u32 size;
	__u32 flags;
	__u32 queue;
	__u32 __reserved;
};

#define REMOTEFS_IOC_WATCH	_IO(REMOTEFS_IOC_TYPE, 0x07)

/**
 * struct remotefs_watch_add_args - REMOTEFS_IOC_WATCH_ADD, on a watcher
 * @size:	sizeof(struct remotefs_watch_add_args)
 * @flags:	zero
 * @start:	first byte to be watched in the source
 * @end:	the one after the last, above @start
 * @cookie:	names the watch in its records; any number that is not in use
 *
 * Watches may overlap, and there need be no memory.  If invalidations are under
 * way in the source when the watch is added, the generation moves, and EMPTY is
 * not said before there was a moment when none was.
 *
 * Return: 0; EINVAL, EEXIST (the cookie is in use), ENOSPC, ESRCH, EOPNOTSUPP,
 * ENOMEM.
 */
struct remotefs_watch_add_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 start;
	__aligned_u64 end;
	__aligned_u64 cookie;
};

#define REMOTEFS_IOC_WATCH_ADD	_IO(REMOTEFS_IOC_TYPE, 0x20)

/**
 * struct remotefs_watch_del_args - REMOTEFS_IOC_WATCH_DEL, on a watcher
 * @size:	sizeof(struct remotefs_watch_del_args)
 * @flags:	zero
 * @cookie:	of the watch
 *
 * No read(2) that begins after the return of this call has a record with this
 * cookie, unless it is given to another watch.
 *
 * Return: 0; EINVAL, ENOENT, EOPNOTSUPP.
 */
struct remotefs_watch_del_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 cookie;
};

#define REMOTEFS_IOC_WATCH_DEL	_IO(REMOTEFS_IOC_TYPE, 0x21)

/**
 * struct remotefs_event - what read(2) on a watcher gives
 * @type:	REMOTEFS_EVENT_*
 * @flags:	of INVALIDATED: REMOTEFS_EVENT_EXACT
 * @kinds:	of INVALIDATED: REMOTEFS_KIND_*, of all that it stands for
 * @reason:	of GONE: REMOTEFS_GONE_*
 * @cookie:	of INVALIDATED: the watch's
 * @start:	of INVALIDATED: first byte
 * @end:	of INVALIDATED: the one after the last
 * @generation:	of the watcher when the record was read
 *
 * What is not of a record's type is zero.
 *
 * INVALIDATED: something happened to the memory that a watch covers.  With EXACT
 * it was announced for all from @start to @end and for nothing else; otherwise
 * for parts of the watch, and @start and @end are the watch's own.  A watch has
 * one such record at most that has not been read, and it grows.  One that is
 * read while the invalidation is still under way comes again.
 *
 * STALE: as INVALIDATED, of all watches, for there was no room to tell more.
 *
 * EMPTY: all was told up to this @generation: no invalidation of watched memory
 * is under way, and as long as the watcher's page shows this number, there has
 * been none.  It follows records of the two other types.
 *
 * GONE: the source has ended.  Nothing comes after it.
 */
struct remotefs_event {
	__u32 type;
	__u32 flags;
	__u32 kinds;
	__u32 reason;
	__aligned_u64 cookie;
	__aligned_u64 start;
	__aligned_u64 end;
	__aligned_u64 generation;
};

#define REMOTEFS_EVENT_INVALIDATED	1
#define REMOTEFS_EVENT_STALE		2
#define REMOTEFS_EVENT_EMPTY		3
#define REMOTEFS_EVENT_GONE		4

#define REMOTEFS_EVENT_EXACT	(1U << 0)	/* nothing outside of start to end */

#define REMOTEFS_KIND_UNMAP	(1U << 0)	/* unmapped, or moved away */
#define REMOTEFS_KIND_PROTECT	(1U << 1)	/* its protection changed */
#define REMOTEFS_KIND_CLEAR	(1U << 2)	/* discarded, or other pages come */
#define REMOTEFS_KIND_SOFT_DIRTY (1U << 3)	/* soft-dirty bits were cleared */
#define REMOTEFS_KIND_OTHER	(1U << 4)	/* what the kernel has no name for */

#define REMOTEFS_GONE_UNKNOWN	0		/* it cannot be told */
#define REMOTEFS_GONE_EXIT	1
#define REMOTEFS_GONE_EXEC	2

/**
 * struct remotefs_watch_page - what mmap(2) of a watcher shows
 * @generation:	grows when an invalidation of watched memory begins, and again
 *		when it ends, both before the call that caused it returns; also
 *		when the source ends. Never zero
 *
 * To be loaded with acquire semantics. Its lower half wraps early in the life
 * of each watcher, so 32-bit programs must read the upper half, the lower half,
 * and the upper half again until that has not changed in between.
 */
struct remotefs_watch_page {
	__aligned_u64 generation;
};

#endif /* _UAPI_LINUX_REMOTEFS_H */
