// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: what a map file tells about itself.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * INFO and RANGE tell programs, /proc/PID/fdinfo/FD tells people. A mirror does
 * not count as resident in its process, since its pages are the source's; here
 * one can see how much of the file mirrors have in their page tables. Nobody
 * counts that as it changes: whoever asks walks the tables of all mirrors.
 */
#include <linux/interval_tree_generic.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>

#include "internal.h"

static inline pgoff_t mirror_start(struct vm_area_struct *vma)
{
	return vma->vm_pgoff;
}

static inline pgoff_t mirror_last(struct vm_area_struct *vma)
{
	return vma->vm_pgoff + vma_pages(vma) - 1;
}

/* The core has this too, but not for modules. */
INTERVAL_TREE_DEFINE(struct vm_area_struct, shared.rb, unsigned long,
		     shared.rb_subtree_last, mirror_start, mirror_last,
		     static inline, mirror_tree)

/* Of pages first to last of the file, those in one mirror's page tables. */
static u64 mirror_bytes(struct vm_area_struct *vma, pgoff_t first, pgoff_t last)
{
	first = max(first, mirror_start(vma));
	last = min(last, mirror_last(vma));
	if (first > last)
		return 0;
	return remotefs_space_present(vma->vm_mm,
				      vma->vm_start + ((first - vma->vm_pgoff) << PAGE_SHIFT),
				      vma->vm_start + ((last + 1 - vma->vm_pgoff) << PAGE_SHIFT));
}

/**
 * struct mirrored - bytes of a file that are in page tables
 * @all:	of all mirrors
 * @here:	of those that were made from one open file
 */
struct mirrored {
	u64 all;
	u64 here;
};

/* In a turn: few enough not to keep those waiting who make or drop mirrors. */
#define TURN_PAGES	(SZ_1G >> PAGE_SHIFT)

/* How far a turn goes: the less, the more mirrors there are to be looked at. */
static pgoff_t turn_last(struct rb_root_cached *mirrors, pgoff_t first,
			 pgoff_t last)
{
	struct vm_area_struct *vma;
	pgoff_t span = TURN_PAGES;
	unsigned int nr = 0;

	if (last - first < PTRS_PER_PTE)
		return last;
	last = min(last, first + span - 1);
	for (vma = mirror_tree_iter_first(mirrors, first, last);
	     vma && span > PTRS_PER_PTE;
	     vma = mirror_tree_iter_next(vma, first, last))
		span = TURN_PAGES / ++nr;
	return min(last, first + max_t(pgoff_t, span, PTRS_PER_PTE) - 1);
}

/*
 * Count what mirrors have of pages first to last, as far as one turn goes.
 * Returns where the next one begins, or 0 if no mirror reaches further.
 */
static pgoff_t mirrored_turn(struct remotefs_map *map, const struct file *file,
			     pgoff_t first, pgoff_t last,
			     struct mirrored *mirrored)
{
	struct address_space *mapping = map->inode.i_mapping;
	struct rb_root_cached *mirrors = &mapping->i_mmap;
	struct vm_area_struct *vma;
	pgoff_t next = 0;
	u64 bytes;

	i_mmap_lock_read(mapping);
	last = turn_last(mirrors, first, last);
	for (vma = mirror_tree_iter_first(mirrors, first, last); vma;
	     vma = mirror_tree_iter_next(vma, first, last)) {
		bytes = mirror_bytes(vma, first, last);
		mirrored->all += bytes;
		if (vma->vm_file == file)
			mirrored->here += bytes;
	}
	if (last < ULONG_MAX)
		vma = mirror_tree_iter_first(mirrors, last + 1, ULONG_MAX);
	if (vma)
		next = max(last + 1, vma->vm_pgoff);
	i_mmap_unlock_read(mapping);
	return next;
}

/* All of it, turn by turn; less if the caller is killed. */
static struct mirrored mirrored_count(struct remotefs_map *map,
				      const struct file *file, pgoff_t first,
				      pgoff_t last)
{
	struct mirrored mirrored = { };

	do {
		first = mirrored_turn(map, file, first, last, &mirrored);
	} while (first && first <= last && !fatal_signal_pending(current));
	return mirrored;
}

/*
 * All that INFO tells but how much is mirrored, for to count that takes long where
 * mirrors are many or large. In the reader's PID namespace.
 */
static void info_fill(struct file *file, struct remotefs_info_args *info)
{
	struct remotefs_map *map = REMOTEFS_I(file_inode(file));

	info->out_pid = pid_vnr(map->source->pid);
	info->out_map = map->number;
	info->out_waiters = atomic_read(&map->source->waiters);
	info->out_viewers = atomic_read(&map->viewers);
	spin_lock(&map->lock);
	info->out_state = map->state;
	info->out_flags = map->locked ? REMOTEFS_INFO_LOCKED : 0;
	info->out_ranges = map->nr_ranges;
	info->out_mirrors = map->mirrors;
	info->out_faults = map->faults;
	info->out_invalidations = map->invalidations;
	spin_unlock(&map->lock);
}

static struct mirrored info_count(struct file *file,
				  struct remotefs_info_args *info)
{
	struct remotefs_map *map = REMOTEFS_I(file_inode(file));
	struct mirrored mirrored = mirrored_count(map, file, 0, ULONG_MAX);

	info->out_mirrored = mirrored.all;
	return mirrored;
}

static void range_fill(struct remotefs_range *range,
		       struct remotefs_range_args *args)
{
	args->out_flags = range->flags & (REMOTEFS_MAP_WRITE |
					  REMOTEFS_MAP_ZERO);
	args->offset = (u64)range->node.start << PAGE_SHIFT;
	args->out_address = range->address;
	args->out_length = remotefs_range_size(range);
}

static void range_count(struct remotefs_range *range,
			struct remotefs_range_args *args)
{
	args->out_mirrored = mirrored_count(range->map, NULL, range->node.start,
					    range->node.last).all;
}

/**
 * remotefs_info_call - REMOTEFS_IOC_INFO
 * @file:	a map file
 * @data:	struct remotefs_info_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps; takes the map's lock, and i_mmap_rwsem for reading.
 * Return: 0; -EOPNOTSUPP, -EFAULT.
 */
long remotefs_info_call(struct file *file, void *data, void __user *uarg)
{
	struct remotefs_info_args *args = data;

	if (args->flags)
		return -EOPNOTSUPP;
	info_fill(file, args);
	/* Not for those who leave no room for it; likewise below. */
	if (args->size > offsetof(struct remotefs_info_args, out_mirrored))
		info_count(file, args);
	return remotefs_reply(uarg, args, sizeof(*args));
}

/**
 * remotefs_info_range - REMOTEFS_IOC_RANGE
 * @file:	a map file
 * @data:	struct remotefs_range_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps; takes the map's lock, and i_mmap_rwsem for reading.
 * Return: 0; -ENOENT, -ESTALE, -ESRCH, -EFAULT.
 */
long remotefs_info_range(struct file *file, void *data, void __user *uarg)
{
	struct remotefs_map *map = REMOTEFS_I(file_inode(file));
	struct remotefs_range_args *args = data;
	struct remotefs_range *range;

	range = remotefs_range_next(map, args->offset >> PAGE_SHIFT);
	if (IS_ERR(range))
		return PTR_ERR(range);
	range_fill(range, args);
	if (args->size > offsetof(struct remotefs_range_args, out_mirrored))
		range_count(range, args);
	remotefs_range_put(range);
	return remotefs_reply(uarg, args, sizeof(*args));
}

#define SHOWN_RANGES	64	/* of a file, in its fdinfo */

static void show_ranges(struct seq_file *seq, struct remotefs_map *map,
			unsigned int ranges)
{
	struct remotefs_range_args args = { };
	struct remotefs_range *range;
	unsigned int i;

	/* What has overflowed is shown again, with more room. */
	for (i = 0; i < SHOWN_RANGES && !seq_has_overflowed(seq); i++) {
		range = remotefs_range_next(map, args.offset >> PAGE_SHIFT);
		if (IS_ERR(range))
			return;
		range_fill(range, &args);
		range_count(range, &args);
		remotefs_range_put(range);
		seq_printf(seq, "remotefs-range:\t0x%llx-0x%llx 0x%llx %s%s %llu\n",
			   args.offset, args.offset + args.out_length,
			   args.out_address,
			   args.out_flags & REMOTEFS_MAP_WRITE ? "rw" : "r",
			   args.out_flags & REMOTEFS_MAP_ZERO ? "z" : "",
			   args.out_mirrored);
		args.offset += args.out_length;
	}
	if (ranges > SHOWN_RANGES)
		seq_printf(seq, "remotefs-ranges-not-shown:\t%u\n",
			   ranges - SHOWN_RANGES);
}

/**
 * remotefs_info_show - what /proc/PID/fdinfo/FD says of a map file
 * @seq:	where to say it
 * @file:	the open file
 *
 * Context: sleeps; takes the map's lock, and i_mmap_rwsem for reading.
 */
void remotefs_info_show(struct seq_file *seq, struct file *file)
{
	static const char * const states[] = {
		[REMOTEFS_STATE_LIVE]		= "live",
		[REMOTEFS_STATE_REVOKED]	= "revoked",
		[REMOTEFS_STATE_GONE]		= "gone",
	};
	struct remotefs_map *map = REMOTEFS_I(file_inode(file));
	struct remotefs_info_args info = { };
	char name[REMOTEFS_NAME_SIZE];
	u64 here;

	info_fill(file, &info);
	here = info_count(file, &info).here;
	remotefs_map_name(name, info.out_map);
	seq_printf(seq, "remotefs-pid:\t%u\n", info.out_pid);
	seq_printf(seq, "remotefs-map:\t%s\n", name);
	seq_printf(seq, "remotefs-state:\t%s\n", states[info.out_state]);
	seq_printf(seq, "remotefs-locked:\t%d\n",
		   !!(info.out_flags & REMOTEFS_INFO_LOCKED));
	seq_printf(seq, "remotefs-viewers:\t%u\n", info.out_viewers);
	seq_printf(seq, "remotefs-mirrors:\t%u\n", info.out_mirrors);
	seq_printf(seq, "remotefs-waiters:\t%u\n", info.out_waiters);
	seq_printf(seq, "remotefs-faults:\t%llu\n", info.out_faults);
	seq_printf(seq, "remotefs-invalidations:\t%llu\n",
		   info.out_invalidations);
	seq_printf(seq, "remotefs-mirrored:\t%llu\n", info.out_mirrored);
	seq_printf(seq, "remotefs-mirrored-here:\t%llu\n", here);
	show_ranges(seq, map, info.out_ranges);
}
