/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * remotefs: tracepoints.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * They are stable: names, order and meaning of arguments and fields stay, new
 * ones are added at the end. Programs that use none of the module's type
 * information take the fields, from events/remotefs/NAME/format; raw and typed
 * programs take the arguments: the map file's inode first, which leads to its
 * state by remotefs_inode_area(), and plain numbers after it.
 *
 * The names have a prefix of their own since raw tracepoints are looked up by
 * name alone in the whole kernel, whose IOMMU code has a "map" already.
 *
 * Each event has these fields:
 *
 *	dev, ino	the map file, as stat(2) tells it
 *	source		the PID that its directory is called by
 *	map		N of map-N; 4294967295 is "as"
 *
 * and these arguments as fields after them:
 *
 *	remotefs_map		a range was placed in a map file; of a new one, this
 *				is the first event. Of what a remote command exposes
 *				it is told by the thread that carries that out
 *	  offset, length	where, in bytes
 *	  address		of the range in the source
 *	  flags			REMOTEFS_MAP_* of the range
 *	remotefs_revoke		a map file has ended: nothing of it is mapped or
 *				read any more
 *	  state			REMOTEFS_STATE_*
 *	remotefs_open		an open(2) of it
 *	  write			for writing
 *	  ret			0 or -errno
 *	remotefs_mmap		an mmap(2) of it
 *	  offset, length	in bytes
 *	  address		in the viewer
 *	  write			it is or can be made writable
 *	  ret			0 or -errno
 *	remotefs_fault		a mirror's page fault was dealt with
 *	  offset		of the byte in the file
 *	  address		in the viewer
 *	  write			it was a store
 *	  result		VM_FAULT_*
 *	remotefs_invalidate	memory of the source that is shown changes
 *	  start, end		in the source; the end is exclusive
 *	  event			MMU_NOTIFY_*
 *	  mirrors		how many mappings of the file there are
 *	remotefs_read		a read(2) or what amounts to it, such as looking at
 *				a mirror by ptrace(2)
 *	remotefs_write		a write(2)
 *	  offset, length	as asked for, within the file
 *	  ret			bytes, or -errno
 *
 * remotefs_policy is not told of something but asks: see struct remotefs_policy.
 * Its first argument is what programs may write, the second the inode.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM remotefs

#if !defined(REMOTEFS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define REMOTEFS_TRACE_H

#include <linux/mmu_notifier.h>
#include <linux/tracepoint.h>

#include "internal.h"

TRACE_DEFINE_ENUM(MMU_NOTIFY_UNMAP);
TRACE_DEFINE_ENUM(MMU_NOTIFY_CLEAR);
TRACE_DEFINE_ENUM(MMU_NOTIFY_PROTECTION_VMA);
TRACE_DEFINE_ENUM(MMU_NOTIFY_PROTECTION_PAGE);
TRACE_DEFINE_ENUM(MMU_NOTIFY_SOFT_DIRTY);
TRACE_DEFINE_ENUM(MMU_NOTIFY_RELEASE);
TRACE_DEFINE_ENUM(MMU_NOTIFY_MIGRATE);
TRACE_DEFINE_ENUM(MMU_NOTIFY_EXCLUSIVE);

#define REMOTEFS_FILE_FIELDS						\
		__field(dev_t,		dev)				\
		__field(u64,		ino)				\
		__field(pid_t,		source)				\
		__field(u32,		map)

#define REMOTEFS_FILE_ASSIGN						\
		__entry->dev = inode->i_sb->s_dev;			\
		__entry->ino = inode->i_ino;				\
		__entry->source = REMOTEFS_I(inode)->source->nr;	\
		__entry->map = REMOTEFS_I(inode)->number;

#define REMOTEFS_FILE_FORMAT	"dev=%d:%d ino=%llu source=%d map=%d "
#define REMOTEFS_FILE_ARGS						\
		MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,	\
		__entry->source, (int)__entry->map

TRACE_EVENT(remotefs_map,

	TP_PROTO(struct inode *inode, u64 offset, u64 length, u64 address,
		 u32 flags),

	TP_ARGS(inode, offset, length, address, flags),

	TP_STRUCT__entry(
		REMOTEFS_FILE_FIELDS
		__field(u64,		offset)
		__field(u64,		length)
		__field(u64,		address)
		__field(u32,		flags)
	),

	TP_fast_assign(
		REMOTEFS_FILE_ASSIGN
		__entry->offset = offset;
		__entry->length = length;
		__entry->address = address;
		__entry->flags = flags;
	),

	TP_printk(REMOTEFS_FILE_FORMAT "offset=0x%llx length=0x%llx address=0x%llx flags=0x%x",
		  REMOTEFS_FILE_ARGS, __entry->offset, __entry->length,
		  __entry->address, __entry->flags)
);

TRACE_EVENT(remotefs_revoke,

	TP_PROTO(struct inode *inode, u32 state),

	TP_ARGS(inode, state),

	TP_STRUCT__entry(
		REMOTEFS_FILE_FIELDS
		__field(u32,		state)
	),

	TP_fast_assign(
		REMOTEFS_FILE_ASSIGN
		__entry->state = state;
	),

	TP_printk(REMOTEFS_FILE_FORMAT "state=%s", REMOTEFS_FILE_ARGS,
		  __print_symbolic(__entry->state,
				   { REMOTEFS_STATE_REVOKED, "revoked" },
				   { REMOTEFS_STATE_GONE, "gone" }))
);

TRACE_EVENT(remotefs_open,

	TP_PROTO(struct inode *inode, bool write, int ret),

	TP_ARGS(inode, write, ret),

	TP_STRUCT__entry(
		REMOTEFS_FILE_FIELDS
		__field(bool,		write)
		__field(int,		ret)
	),

	TP_fast_assign(
		REMOTEFS_FILE_ASSIGN
		__entry->write = write;
		__entry->ret = ret;
	),

	TP_printk(REMOTEFS_FILE_FORMAT "write=%d ret=%d", REMOTEFS_FILE_ARGS,
		  __entry->write, __entry->ret)
);

TRACE_EVENT(remotefs_mmap,

	TP_PROTO(struct inode *inode, u64 offset, u64 length, u64 address,
		 bool write, int ret),

	TP_ARGS(inode, offset, length, address, write, ret),

	TP_STRUCT__entry(
		REMOTEFS_FILE_FIELDS
		__field(u64,		offset)
		__field(u64,		length)
		__field(u64,		address)
		__field(bool,		write)
		__field(int,		ret)
	),

	TP_fast_assign(
		REMOTEFS_FILE_ASSIGN
		__entry->offset = offset;
		__entry->length = length;
		__entry->address = address;
		__entry->write = write;
		__entry->ret = ret;
	),

	TP_printk(REMOTEFS_FILE_FORMAT "offset=0x%llx length=0x%llx address=0x%llx write=%d ret=%d",
		  REMOTEFS_FILE_ARGS, __entry->offset, __entry->length,
		  __entry->address, __entry->write, __entry->ret)
);

TRACE_DEFINE_ENUM(REMOTEFS_FAULT_OOM);
TRACE_DEFINE_ENUM(REMOTEFS_FAULT_SIGBUS);
TRACE_DEFINE_ENUM(REMOTEFS_FAULT_HWPOISON);
TRACE_DEFINE_ENUM(REMOTEFS_FAULT_NOPAGE);
TRACE_DEFINE_ENUM(REMOTEFS_FAULT_RETRY);

TRACE_EVENT(remotefs_fault,

	TP_PROTO(struct inode *inode, u64 offset, u64 address, bool write,
		 u32 result),

	TP_ARGS(inode, offset, address, write, result),

	TP_STRUCT__entry(
		REMOTEFS_FILE_FIELDS
		__field(u64,		offset)
		__field(u64,		address)
		__field(bool,		write)
		__field(u32,		result)
	),

	TP_fast_assign(
		REMOTEFS_FILE_ASSIGN
		__entry->offset = offset;
		__entry->address = address;
		__entry->write = write;
		__entry->result = result;
	),

	TP_printk(REMOTEFS_FILE_FORMAT "offset=0x%llx address=0x%llx write=%d result=%s",
		  REMOTEFS_FILE_ARGS, __entry->offset, __entry->address,
		  __entry->write,
		  __print_flags(__entry->result, "|",
				{ REMOTEFS_FAULT_OOM, "OOM" },
				{ REMOTEFS_FAULT_SIGBUS, "SIGBUS" },
				{ REMOTEFS_FAULT_HWPOISON, "HWPOISON" },
				{ REMOTEFS_FAULT_NOPAGE, "NOPAGE" },
				{ REMOTEFS_FAULT_RETRY, "RETRY" }))
);

TRACE_EVENT(remotefs_invalidate,

	TP_PROTO(struct inode *inode, u64 start, u64 end, u32 event,
		 u32 mirrors),

	TP_ARGS(inode, start, end, event, mirrors),

	TP_STRUCT__entry(
		REMOTEFS_FILE_FIELDS
		__field(u64,		start)
		__field(u64,		end)
		__field(u32,		event)
		__field(u32,		mirrors)
	),

	TP_fast_assign(
		REMOTEFS_FILE_ASSIGN
		__entry->start = start;
		__entry->end = end;
		__entry->event = event;
		__entry->mirrors = mirrors;
	),

	TP_printk(REMOTEFS_FILE_FORMAT "start=0x%llx end=0x%llx event=%s mirrors=%u",
		  REMOTEFS_FILE_ARGS, __entry->start, __entry->end,
		  __print_symbolic(__entry->event,
				   { MMU_NOTIFY_UNMAP, "unmap" },
				   { MMU_NOTIFY_CLEAR, "clear" },
				   { MMU_NOTIFY_PROTECTION_VMA, "protect" },
				   { MMU_NOTIFY_PROTECTION_PAGE, "protect-page" },
				   { MMU_NOTIFY_SOFT_DIRTY, "soft-dirty" },
				   { MMU_NOTIFY_RELEASE, "release" },
				   { MMU_NOTIFY_MIGRATE, "migrate" },
				   { MMU_NOTIFY_EXCLUSIVE, "exclusive" }),
		  __entry->mirrors)
);

DECLARE_EVENT_CLASS(remotefs_copy,

	TP_PROTO(struct inode *inode, u64 offset, u64 length, s64 ret),

	TP_ARGS(inode, offset, length, ret),

	TP_STRUCT__entry(
		REMOTEFS_FILE_FIELDS
		__field(u64,		offset)
		__field(u64,		length)
		__field(s64,		ret)
	),

	TP_fast_assign(
		REMOTEFS_FILE_ASSIGN
		__entry->offset = offset;
		__entry->length = length;
		__entry->ret = ret;
	),

	TP_printk(REMOTEFS_FILE_FORMAT "offset=0x%llx length=0x%llx ret=%lld",
		  REMOTEFS_FILE_ARGS, __entry->offset, __entry->length,
		  __entry->ret)
);

DEFINE_EVENT(remotefs_copy, remotefs_read,
	TP_PROTO(struct inode *inode, u64 offset, u64 length, s64 ret),
	TP_ARGS(inode, offset, length, ret)
);

DEFINE_EVENT(remotefs_copy, remotefs_write,
	TP_PROTO(struct inode *inode, u64 offset, u64 length, s64 ret),
	TP_ARGS(inode, offset, length, ret)
);

DECLARE_EVENT_CLASS(remotefs_ask,

	TP_PROTO(struct remotefs_policy *policy, struct inode *inode),

	TP_ARGS(policy, inode),

	TP_STRUCT__entry(
		REMOTEFS_FILE_FIELDS
		__field(u32,		op)
		__field(u32,		flags)
		__field(u64,		offset)
		__field(u64,		length)
	),

	TP_fast_assign(
		REMOTEFS_FILE_ASSIGN
		__entry->op = policy->op;
		__entry->flags = policy->flags;
		__entry->offset = policy->offset;
		__entry->length = policy->length;
	),

	TP_printk(REMOTEFS_FILE_FORMAT "op=%s flags=0x%x offset=0x%llx length=0x%llx",
		  REMOTEFS_FILE_ARGS,
		  __print_symbolic(__entry->op,
				   { REMOTEFS_POLICY_OPEN, "open" },
				   { REMOTEFS_POLICY_MMAP, "mmap" },
				   { REMOTEFS_POLICY_READ, "read" },
				   { REMOTEFS_POLICY_WRITE, "write" }),
		  __entry->flags, __entry->offset, __entry->length)
);

/* Only where BPF programs can be attached is there anybody who writes. */
#ifdef DEFINE_EVENT_WRITABLE
#define REMOTEFS_EVENT_WRITABLE(template, call, proto, args, size)	\
	DEFINE_EVENT_WRITABLE(template, call, PARAMS(proto),		\
			      PARAMS(args), size)
#else
#define REMOTEFS_EVENT_WRITABLE(template, call, proto, args, size)	\
	DEFINE_EVENT(template, call, PARAMS(proto), PARAMS(args))
#endif

REMOTEFS_EVENT_WRITABLE(remotefs_ask, remotefs_policy,
	TP_PROTO(struct remotefs_policy *policy, struct inode *inode),
	TP_ARGS(policy, inode),
	sizeof(struct remotefs_policy)
);
#undef REMOTEFS_EVENT_WRITABLE

#endif /* REMOTEFS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
