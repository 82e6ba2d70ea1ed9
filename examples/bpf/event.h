/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * remotefs's tracepoints as BPF programs of the type "tracepoint" get them: the
 * lines of /sys/kernel/tracing/events/remotefs/NAME/format.  They need no type
 * information, neither the kernel's nor the module's.
 */
#ifndef EVENT_H
#define EVENT_H

#include <linux/types.h>

/* What each event begins with: 8 bytes of the kernel's own, then the map file. */
#define EVENT_FILE		\
	__u64 common;		\
	__u32 dev;		\
	__u64 ino;		\
	__s32 source;		\
	__u32 map

struct event_copy {
	EVENT_FILE;
	__u64 offset;
	__u64 length;
	__s64 ret;
};

struct event_mmap {
	EVENT_FILE;
	__u64 offset;
	__u64 length;
	__u64 address;
	_Bool write;
	__s32 ret;
};

struct event_fault {
	EVENT_FILE;
	__u64 offset;
	__u64 address;
	_Bool write;
	__u32 result;
};

/* VM_FAULT_RETRY: the fault comes again, and is told of again. */
#define FAULT_RETRY	0x400

#endif
