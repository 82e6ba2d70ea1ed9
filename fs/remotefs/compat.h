/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * remotefs: kernel differences.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * The rest of the module is written for the newest kernel of the support
 * matrix; this header, included before everything else, lends older ones what
 * they miss. Kbuild probes the kernel's headers, because distributions carry
 * features back, and says REMOTEFS_HAVE_X for what is there. Each block tells
 * since which release the feature exists, hence when the block can go.
 */
#ifndef REMOTEFS_COMPAT_H
#define REMOTEFS_COMPAT_H

#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/timer.h>

/* 6.3: inode operations take a mnt_idmap instead of a user_namespace. */
#ifndef REMOTEFS_HAVE_MNT_IDMAP
#define mnt_idmap user_namespace
#endif

/* 6.6: generic_fillattr() takes the request mask, timestamps have helpers. */
#ifndef REMOTEFS_HAVE_SIMPLE_INODE_INIT_TS
#define generic_fillattr(idmap, mask, inode, stat) \
	generic_fillattr(idmap, inode, stat)

static inline struct timespec64 simple_inode_init_ts(struct inode *inode)
{
	inode->i_ctime = current_time(inode);
	inode->i_mtime = inode->i_ctime;
	inode->i_atime = inode->i_ctime;
	return inode->i_ctime;
}
#endif

/* 6.6: the time of change has a setter. */
#ifndef REMOTEFS_HAVE_INODE_SET_CTIME_CURRENT
static inline void inode_set_ctime_current(struct inode *inode)
{
	inode->i_ctime = current_time(inode);
}
#endif

/* 6.8: the list of a mount's attributes is constant. */
static inline void set_xattr_handlers(struct super_block *sb,
				      const struct xattr_handler *const *list)
{
	sb->s_xattr = (typeof(sb->s_xattr))list;
}

/* 6.19: generic_delete_inode() was renamed. */
#ifndef REMOTEFS_HAVE_INODE_JUST_DROP
#define inode_just_drop generic_delete_inode
#endif

/* 6.17: the default dentry operations have a setter. */
#ifndef REMOTEFS_HAVE_SET_DEFAULT_D_OP
static inline void set_default_d_op(struct super_block *sb,
				    const struct dentry_operations *ops)
{
	sb->s_d_op = ops;
}
#endif

/* 6.14: d_revalidate() is told the directory and the name. */
int remotefs_dentry_revalidate(struct dentry *dentry, unsigned int flags);

#ifdef REMOTEFS_HAVE_D_REVALIDATE_NAME
static inline int remotefs_d_revalidate(struct inode *dir,
					const struct qstr *name,
					struct dentry *dentry,
					unsigned int flags)
#else
static inline int remotefs_d_revalidate(struct dentry *dentry,
					unsigned int flags)
#endif
{
	return remotefs_dentry_revalidate(dentry, flags);
}

/* 6.3: vm_flags are written through helpers. */
#ifndef REMOTEFS_HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* 6.5: copy_splice_read(), which needs no iterator over a pipe. */
#ifndef REMOTEFS_HAVE_COPY_SPLICE_READ
#define copy_splice_read generic_file_splice_read
#else
#define iov_iter_is_pipe(iter) false
#endif

/* 6.6: a fault may hold the lock of its VMA instead of the mmap_lock. */
#ifndef REMOTEFS_HAVE_RELEASE_FAULT_LOCK
static inline void release_fault_lock(struct vm_fault *vmf)
{
	mmap_read_unlock(vmf->vma->vm_mm);
}
#endif

/* 6.6: shadow stacks. */
#ifndef VM_SHADOW_STACK
#define VM_SHADOW_STACK VM_NONE
#endif

/* 6.10: mseal(2). */
#ifndef VM_SEALED
#define VM_SEALED VM_NONE
#endif

/* 7.0 or so: zap_vma_range(); before 6.3 it is another one that is exported. */
#ifndef REMOTEFS_HAVE_ZAP_VMA_RANGE
#ifdef REMOTEFS_HAVE_ZAP_PAGE_RANGE
#define zap_vma_range zap_page_range
#else
#define zap_vma_range(vma, address, size) \
	zap_page_range_single(vma, address, size, NULL)
#endif
#endif

/* 6.7: MAP_STACK stands for no huge pages. */
#if defined(REMOTEFS_HAVE_MAP_STACK_NOHUGE) && \
	defined(CONFIG_TRANSPARENT_HUGEPAGE)
#define REMOTEFS_NOHUGE true
#else
#define REMOTEFS_NOHUGE false
#endif

/* 6.10: mm_get_unmapped_area(); 6.19: it works on current->mm. */
#ifdef REMOTEFS_HAVE_MM_GET_UNMAPPED_AREA_MM
#define mm_get_unmapped_area(file, addr, len, pgoff, flags) \
	mm_get_unmapped_area(current->mm, file, addr, len, pgoff, flags)
#elif !defined(REMOTEFS_HAVE_MM_GET_UNMAPPED_AREA)
#define mm_get_unmapped_area(file, addr, len, pgoff, flags) \
	current->mm->get_unmapped_area(file, addr, len, pgoff, flags)
#endif

/* 6.13: guard regions; only 6.19 and newer let others know them. */
#ifdef REMOTEFS_HAVE_LEAFOPS
#include <linux/swap.h>
#include <linux/leafops.h>

static inline bool pte_is_guard(pte_t pte)
{
	return softleaf_is_guard_marker(softleaf_from_pte(pte));
}
#else
static inline bool pte_is_guard(pte_t pte)
{
	return false;
}
#endif

/* 6.1 to 6.18 or so: a mirror may hold markers of a userfaultfd. */
#ifdef REMOTEFS_HAVE_PTE_NONE_MOSTLY
#include <linux/swap.h>
#include <linux/swapops.h>
#else
#define pte_none_mostly(pte) pte_none(pte)
#endif

/* 6.6 or so: no public header declares it before, though it is exported. */
#ifndef REMOTEFS_HAVE_VFS_PATH_LOOKUP
int vfs_path_lookup(struct dentry *dentry, struct vfsmount *mnt,
		    const char *name, unsigned int flags, struct path *path);
#endif

/*
 * 6.5: dentry_open() tells watchers. No header says whether it does, but this
 * came with the same release.
 */
#ifndef REMOTEFS_HAVE_COPY_SPLICE_READ
#include <linux/fsnotify.h>

static inline struct file *dentry_open_and_tell(const struct path *path,
						int flags,
						const struct cred *cred)
{
	struct file *file = dentry_open(path, flags, cred);

	if (!IS_ERR(file))
		fsnotify_open(file);
	return file;
}

#define dentry_open dentry_open_and_tell
#endif

/* 6.3: functions that BPF programs call are marked; 6.9: so is their list. */
#ifndef __bpf_kfunc
#define __bpf_kfunc noinline
#endif
#ifndef BTF_KFUNCS_START
#define BTF_KFUNCS_START BTF_SET8_START
#define BTF_KFUNCS_END BTF_SET8_END
#endif

/* 6.16: destroy_timer_on_stack() was renamed. */
#ifndef REMOTEFS_HAVE_TIMER_DESTROY_ON_STACK
#define timer_destroy_on_stack destroy_timer_on_stack
#endif

/*
 * 6.12: a huge entry can be marked special, so that nobody takes a reference
 * on the page behind it. Without that mark huge mirror entries are unsafe, and
 * the huge fault handler is left out. 6.16 dropped pfn_t.
 */
#if defined(REMOTEFS_HAVE_PMD_SPECIAL) && \
	defined(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP) && \
	defined(CONFIG_TRANSPARENT_HUGEPAGE)
#define REMOTEFS_PMD
#ifdef REMOTEFS_HAVE_PFN_T
#include <linux/pfn_t.h>
#define vmf_insert_pfn_pmd(vmf, pfn, write) \
	vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, 0), write)
#endif
#endif

#endif /* REMOTEFS_COMPAT_H */
