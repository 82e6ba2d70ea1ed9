// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that makes up inodes. Linux 6.1 does not accept it: there the types
 * of arguments are checked when a program is loaded.
 */
#include "kernel.h"

static inline void fool(__u64 address)
{
	number_add(ASKED, 1);
	if (remotefs_inode_area((struct inode *)address, 8))
		number_add(FOOLED, 1);
}

SEC("tp_btf/remotefs_open")
int BPF_PROG(on_open, struct inode *inode, bool write, int ret)
{
	number_set(INODE, (__u64)inode);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(forged, struct file *file)
{
	__u64 known = number_get(INODE);

	if (!known)
		return 0;
	fool(0);
	fool(1);
	fool(~0ULL);
	fool(0xdead000000000100);
	fool(0x7fffffffe000);
	/* Where a map file is, but not its inode. */
	fool(known + 1);
	fool(known + 8);
	fool(known - 8);
	fool(known + 511);
	fool(known + 512);
	fool((__u64)file);
	if (!remotefs_inode_area((struct inode *)known, 64))
		number_add(FAILED, 1);
	return 0;
}
