// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: an open map file.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * What may be opened, where a mirror is placed, and what its VMA looks like.
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>

#include "internal.h"
#include "trace.h"

static loff_t remotefs_file_llseek(struct file *file, loff_t offset, int whence)
{
	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		return remotefs_seek_extent(file, offset, whence);
	return generic_file_llseek(file, offset, whence);
}

/*
 * Why a file cannot be opened or mapped any more, or not for writing, or 0. A
 * read-only grant is never written, whatever the mode says. Both are asked at
 * once: a file that has ended grants nothing, but that is not why.
 */
static int file_errno(struct remotefs_map *map, bool write)
{
	int err;

	spin_lock(&map->lock);
	err = remotefs_map_errno(map);
	if (!err && write && !map->writable)
		err = -EACCES;
	spin_unlock(&map->lock);
	if ((!err || err == -EACCES) && !remotefs_space_is_live(map->source))
		err = -ESRCH;
	return err;
}

/* The same of programs, once we have no objection. */
static int policy_errno(struct inode *inode, u32 op, bool write, u64 offset,
			u64 length)
{
	u32 flags = write ? REMOTEFS_POLICY_MAY_WRITE : 0;

	if (!trace_remotefs_policy_enabled())
		return 0;
	return remotefs_bpf_ask(inode, op, flags, offset, length);
}

static int file_open(struct inode *inode, struct file *file, bool write)
{
	struct remotefs_map *map = REMOTEFS_I(inode);
	struct remotefs_file *open;
	int err;

	err = file_errno(map, write) ?:
	      policy_errno(inode, REMOTEFS_POLICY_OPEN, write, 0, 0);
	if (err)
		return err;
	open = kzalloc(sizeof(*open), GFP_KERNEL_ACCOUNT);
	if (!open)
		return -ENOMEM;
	file->private_data = open;
	atomic_inc(&map->viewers);
	file->f_mode |= FMODE_CAN_ODIRECT | FMODE_NOWAIT;
	return 0;
}

static int remotefs_file_open(struct inode *inode, struct file *file)
{
	bool write = file->f_mode & FMODE_WRITE;
	int ret = file_open(inode, file, write);

	trace_remotefs_open(inode, write, ret);
	return ret;
}

static int remotefs_file_release(struct inode *inode, struct file *file)
{
	atomic_dec(&REMOTEFS_I(inode)->viewers);
	kfree(file->private_data);
	return 0;
}

/*
 * VM_PFNMAP: entries are special, so nobody takes references on the pages, and
 * the core flushes before it forgets a VMA. VM_IO: MADV_DOFORK and MADV_DODUMP
 * are refused.
 */
static int file_mmap(struct inode *inode, struct vm_area_struct *vma)
{
	int err;

	err = file_errno(REMOTEFS_I(inode), false);
	if (err)
		return err;
	/* A filesystem that is stacked upon this one has chosen the place itself. */
	err = remotefs_block_guard(vma->vm_mm, vma->vm_start, vma->vm_end);
	if (err)
		return err;
	if (!(vma->vm_flags & VM_MAYSHARE)) {
		/* A private copy of a special entry cannot be made. */
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	err = policy_errno(inode, REMOTEFS_POLICY_MMAP,
			   vma->vm_flags & VM_MAYWRITE,
			   (u64)vma->vm_pgoff << PAGE_SHIFT,
			   vma->vm_end - vma->vm_start);
	if (err)
		return err;
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP |
			  VM_DONTCOPY);
	vma->vm_ops = &remotefs_vm_ops;
	remotefs_vm_ops.open(vma);
	return 0;
}

static int remotefs_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(file);
	int ret = file_mmap(inode, vma);

	trace_remotefs_mmap(inode, (u64)vma->vm_pgoff << PAGE_SHIFT,
			    vma->vm_end - vma->vm_start, vma->vm_start,
			    vma->vm_flags & VM_MAYWRITE, ret);
	return ret;
}

#ifdef REMOTEFS_PMD
/* By how much to move up, so that huge pages of source and mirror coincide. */
static unsigned long placement_shift(struct file *file, pgoff_t pgoff,
				     unsigned long address)
{
	struct remotefs_map *map = REMOTEFS_I(file_inode(file));
	struct remotefs_range *range = remotefs_range_find(map, pgoff, NULL);
	unsigned long shift;

	if (IS_ERR(range))
		return 0;
	shift = (remotefs_range_address(range, pgoff) - address) & ~PMD_MASK;
	remotefs_range_put(range);
	return shift;
}

static unsigned long placement_congruent(struct file *file, unsigned long len,
					 pgoff_t pgoff, unsigned long flags)
{
	unsigned long address;

	if (len < PMD_SIZE || len > TASK_SIZE - PMD_SIZE)
		return -ENOMEM;
	address = mm_get_unmapped_area(file, 0, len + PMD_SIZE, pgoff, flags);
	if (IS_ERR_VALUE(address))
		return address;
	return address + placement_shift(file, pgoff, address);
}
#else
static unsigned long placement_congruent(struct file *file, unsigned long len,
					 pgoff_t pgoff, unsigned long flags)
{
	return -ENOMEM;
}
#endif

/* Where the mirror shall go, before the guard of block.c has been asked. */
static unsigned long placement_propose(struct file *file, unsigned long hint,
				       unsigned long len, pgoff_t pgoff,
				       unsigned long flags)
{
	unsigned long address = -ENOMEM;

	if (!hint && !(flags & MAP_FIXED))
		address = placement_congruent(file, len, pgoff, flags);
	if (IS_ERR_VALUE(address))
		address = mm_get_unmapped_area(file, hint, len, pgoff, flags);
	return address;
}

/* The guard: never inside a subscribed block of the viewer's own mm. */
static unsigned long remotefs_file_get_unmapped_area(struct file *file,
						     unsigned long hint,
						     unsigned long len,
						     unsigned long pgoff,
						     unsigned long flags)
{
	unsigned long address;

	address = placement_propose(file, hint, len, pgoff, flags);
	if (IS_ERR_VALUE(address))
		return address;
	return remotefs_block_guard(current->mm, address,
				    address + PAGE_ALIGN(len)) ?: address;
}

const struct file_operations remotefs_file_operations = {
	.owner			= THIS_MODULE,
	.open			= remotefs_file_open,
	.release		= remotefs_file_release,
	.llseek			= remotefs_file_llseek,
	.read_iter		= remotefs_copy_read,
	.write_iter		= remotefs_copy_write,
	.splice_read		= copy_splice_read,
	.splice_write		= iter_file_splice_write,
	.mmap			= remotefs_file_mmap,
	.get_unmapped_area	= remotefs_file_get_unmapped_area,
	.fsync			= noop_fsync,
	.unlocked_ioctl		= remotefs_file_ioctl,
	.compat_ioctl		= compat_ptr_ioctl,
	.show_fdinfo		= remotefs_info_show,
};
