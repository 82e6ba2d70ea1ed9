// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that reach the module by its types: they call its functions. One
 * object for all kernels.
 */
#include "kernel.h"

/* EPERM and the like are not to be had without a C library. */
#define EACCES		13
#define EINVAL		22
#define EDQUOT		122
#define S_IFMT		0170000
#define S_IFREG		0100000

/* Once in the file's own state, once outside. */
static inline int count(struct inode *inode, __u32 slot)
{
	__u64 *area = remotefs_inode_area(inode, REMOTEFS_AREA_SLOTS * sizeof(*area));

	if (area)
		__sync_fetch_and_add(&area[slot], 1);
	else
		number_add(FAILED, 1);
	number_add(slot, 1);
	return 0;
}

SEC("tp_btf/remotefs_map")
int BPF_PROG(on_map, struct inode *inode, __u64 offset, __u64 length, __u64 address, __u32 flags)
{
	return count(inode, ON_MAP);
}

SEC("tp_btf/remotefs_revoke")
int BPF_PROG(on_revoke, struct inode *inode, __u32 state)
{
	return count(inode, ON_REVOKE);
}

SEC("tp_btf/remotefs_open")
int BPF_PROG(on_open, struct inode *inode, bool write, int ret)
{
	number_set(INODE, (__u64)inode);
	return count(inode, ON_OPEN);
}

SEC("tp_btf/remotefs_mmap")
int BPF_PROG(on_mmap, struct inode *inode, __u64 offset, __u64 length, __u64 address, bool write,
	     int ret)
{
	return count(inode, ON_MMAP);
}

SEC("tp_btf/remotefs_fault")
int BPF_PROG(on_fault, struct inode *inode, __u64 offset, __u64 address, bool write, __u32 result)
{
	return count(inode, ON_FAULT);
}

SEC("tp_btf/remotefs_invalidate")
int BPF_PROG(on_invalidate, struct inode *inode, __u64 start, __u64 end, __u32 event,
	     __u32 mirrors)
{
	return count(inode, ON_INVALIDATE);
}

SEC("tp_btf/remotefs_read")
int BPF_PROG(on_read, struct inode *inode, __u64 offset, __u64 length, __s64 ret)
{
	return count(inode, ON_READ);
}

SEC("tp_btf/remotefs_write")
int BPF_PROG(on_write, struct inode *inode, __u64 offset, __u64 length, __s64 ret)
{
	return count(inode, ON_WRITE);
}

/* The same state by way of a security hook, in steps of a thousand. */
SEC("lsm/file_open")
int BPF_PROG(lsm_open, struct file *file)
{
	__u64 *area = remotefs_inode_area(file->f_inode, 64);

	if (area)
		__sync_fetch_and_add(&area[ON_OPEN], 1000);
	return 0;
}

/* And by way of a function, in steps of a million. */
SEC("fentry/vfs_read")
int BPF_PROG(on_vfs_read, struct file *file)
{
	__u64 *area = remotefs_inode_area(file->f_inode, 64);

	if (area)
		__sync_fetch_and_add(&area[ON_OPEN], 1000000);
	return 0;
}

/* In the midst of a look-up, which it repeats. */
SEC("fentry/remotefs_bpf_find")
int BPF_PROG(nested, struct inode *inode)
{
	__u64 *area = remotefs_inode_area(inode, 64);

	if (area)
		__sync_fetch_and_add(&area[0], 1);
	else
		number_add(FAILED, 1);
	number_add(NESTED, 1);
	return 0;
}

static inline void fool(struct inode *inode)
{
	number_add(ASKED, 1);
	if (remotefs_inode_area(inode, 8))
		number_add(FOOLED, 1);
}

/* The inode of a low descriptor of this process; NULL if there is none. */
#define INODE_OF(fd) (bpf_get_current_task_btf()->files->fd_array[fd]->f_inode)

/* What is no map file: other files, directories, nothing at all. */
SEC("lsm/file_open")
int BPF_PROG(foreign, struct file *file)
{
	struct inode *inode = file->f_inode;

	fool(INODE_OF(63));
	if (inode->i_sb->s_magic != REMOTEFS_SUPER_MAGIC || (inode->i_mode & S_IFMT) != S_IFREG)
		fool(inode);
	/* If it is one, it has not so much. */
	number_add(ASKED, 1);
	if (remotefs_inode_area(inode, 65))
		number_add(FOOLED, 1);
	return 0;
}

SEC("tp_btf/remotefs_policy")
int BPF_PROG(refuse, struct remotefs_policy *policy, struct inode *inode)
{
	if (!policy || policy->ino != number_get(REFUSE_INO))
		return 0;
	if (policy->op != number_get(REFUSE_OP))
		return 0;
	number_set(POLICY_FLAGS, policy->flags);
	number_set(POLICY_OFFSET, policy->offset);
	number_set(POLICY_LENGTH, policy->length);
	remotefs_policy_deny(policy, -(int)number_get(REFUSE_ERR));
	return 0;
}

/* What is refused of a copy is not refused, and the program is told so. */
SEC("tp_btf/remotefs_policy")
int BPF_PROG(refuse_copy, struct remotefs_policy *policy, struct inode *inode)
{
	struct remotefs_policy copy = {};

	copy.op = REMOTEFS_POLICY_READ;
	number_add(ASKED, 1);
	if (remotefs_policy_deny(&copy, -EACCES) != -EINVAL)
		number_add(FOOLED, 1);
	return 0;
}

/* Slot 0 is how many bytes were read, slot 1 how many may be, if any limit. */
SEC("tp_btf/remotefs_policy")
int BPF_PROG(quota, struct remotefs_policy *policy, struct inode *inode)
{
	__u64 *area, used;

	if (!policy || policy->op != REMOTEFS_POLICY_READ)
		return 0;
	area = remotefs_inode_area(inode, 16);
	if (!area || !area[1])
		return 0;
	used = __sync_fetch_and_add(&area[0], policy->length);
	if (used + policy->length > area[1])
		remotefs_policy_deny(policy, -EDQUOT);
	return 0;
}

/* Have the state of what is open as 5, and sleep until somebody serves the page. */
SEC("lsm.s/file_open")
int BPF_PROG(hold, struct file *file)
{
	__u64 *area, served = 0;

	if (bpf_get_current_pid_tgid() >> 32 != number_get(HOLDER) || number_get(HELD))
		return 0;
	area = remotefs_inode_area(INODE_OF(5), 64);
	if (!area) {
		number_add(FAILED, 1);
		return 0;
	}
	number_set(HELD, 1);
	bpf_copy_from_user(&served, sizeof(served), (void *)number_get(HOLDS_AT));
	__sync_fetch_and_add(&area[7], served);
	number_set(HELD, area[7] == served ? 2 : 3);
	return 0;
}

/* When an inode's memory is given back. */
SEC("fentry/remotefs_inode_free")
int BPF_PROG(on_free, struct inode *inode)
{
	if ((__u64)inode != number_get(INODE))
		return 0;
	number_add(FREED, 1);
	if (remotefs_inode_area(inode, 8))
		number_add(LATE, 1);
	return 0;
}
