/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs know of a kernel: little enough to be written down.
 * Fields are found by name when a program is loaded, on whichever kernel.
 */
#ifndef TESTS_BPF_KERNEL_H
#define TESTS_BPF_KERNEL_H

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/remotefs.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct super_block {
	unsigned long s_magic;
};

struct inode {
	unsigned short i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
};

struct file {
	struct inode *f_inode;
};

struct files_struct {
	struct file *fd_array[64];
};

struct task_struct {
	struct files_struct *files;
};
#pragma clang attribute pop

/* The module's; where its types are not known, they are not there. */
extern __u64 *remotefs_inode_area(struct inode *inode, __u32 bytes) __ksym __weak;
extern int remotefs_policy_deny(struct remotefs_policy *policy, int err) __ksym __weak;

/* What a test and its programs tell each other: see k-bpf.c. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

/*
 * What each of them is. The first eight count events, in the order of the
 * tracepoints in trace.h.
 */
enum {
	ON_MAP, ON_REVOKE, ON_OPEN, ON_MMAP, ON_FAULT, ON_INVALIDATE, ON_READ, ON_WRITE,
	FAILED,		/* look-ups of a map file that gave nothing */
	NESTED,		/* look-ups within look-ups */
	ASKED,		/* look-ups of what is no map file */
	FOOLED,		/* that gave something */
	REFUSE_INO,	/* in: which file the policy refuses */
	REFUSE_OP,	/* in: what of it */
	REFUSE_ERR,	/* in: with what, a positive number */
	POLICY_FLAGS, POLICY_OFFSET, POLICY_LENGTH, /* what was asked last */
	INODE,		/* the address of what was opened last */
	HOLDER,		/* in: the process whose program sleeps */
	HOLDS_AT,	/* in: until this address of it is served */
	HELD,		/* 1 it has the state and sleeps, 2 it has written to it */
	FREED,		/* how many times INODE was freed */
	LATE,		/* look-ups of INODE, when it was dismissed, that gave something */
};

static inline __u64 *number(__u32 i)
{
	return bpf_map_lookup_elem(&numbers, &i);
}

static inline __u64 number_get(__u32 i)
{
	__u64 *at = number(i);

	return at ? *at : 0;
}

static inline void number_add(__u32 i, __u64 value)
{
	__u64 *at = number(i);

	if (at)
		__sync_fetch_and_add(at, value);
}

static inline void number_set(__u32 i, __u64 value)
{
	__u64 *at = number(i);

	if (at)
		*at = value;
}

char _license[] SEC("license") = "GPL";

#endif
