/* SPDX-License-Identifier: GPL-2.0-only */
/* What audit.bpf.c counts and audit.c prints. */
#ifndef AUDIT_H
#define AUDIT_H

#include <linux/types.h>

enum how { HOW_READ, HOW_WRITE, HOW_MMAP, HOW_FAULT };

/* Who did what with which map file. */
struct access_key {
	__u64 ino;
	__u32 dev;
	__s32 source;
	__u32 map;
	__u32 pid;
	__u32 uid;
	__u32 how;
};

/* Times are CLOCK_MONOTONIC's, in ns; bytes of the file from start to before end. */
struct access {
	__u64 first;
	__u64 last;
	__u64 calls;
	__u64 bytes;
	__u64 start;
	__u64 end;
	char command[16];
};

#endif
