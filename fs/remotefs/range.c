// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: a range of a source placed in a map file.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * The life of a range:
 *
 *   alloc        charged to the mount's limits; nobody else knows it
 *   admitted     its memory may be shown, and its source's end will be told
 *   live         its file's tree holds it: faults and copies find it, and
 *                subscribe what they touch (block.c)
 *   dead         under the file's lock it left the tree, or its source ended;
 *                then mirrors are zapped, then its blocks are unsubscribed
 *   freed        with the last fault or copy that held it
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "internal.h"

/**
 * remotefs_range_alloc - make a range that nobody else knows yet
 * @map:	the file it is for
 * @flags:	REMOTEFS_MAP_WRITE, REMOTEFS_MAP_WHOLE, REMOTEFS_MAP_ZERO
 * @address:	where it starts in the source, page aligned
 * @first:	its first page in the file
 * @last:	its last page in the file
 *
 * Context: sleeps.
 * Return: a range with one reference; ERR_PTR(-ENOSPC), ERR_PTR(-ENOMEM).
 */
struct remotefs_range *remotefs_range_alloc(struct remotefs_map *map, u32 flags,
					    unsigned long address,
					    pgoff_t first, pgoff_t last)
{
	struct remotefs_range *range;
	int err;

	err = remotefs_limit_charge(map->inode.i_sb, map->maker,
				    REMOTEFS_RANGES);
	if (err)
		return ERR_PTR(err);
	range = kzalloc(sizeof(*range), GFP_KERNEL_ACCOUNT);
	if (!range)
		goto err_uncharge;
	if (flags & REMOTEFS_MAP_ZERO) {
		range->zero = kzalloc(sizeof(*range->zero), GFP_KERNEL_ACCOUNT);
		if (!range->zero)
			goto err_free;
		range->zero->node.start = first;
		range->zero->node.last = last;
	}
	kref_init(&range->ref);
	range->map = map;
	range->flags = flags;
	range->address = address;
	range->node.start = first;
	range->node.last = last;
	return range;

err_free:
	kfree(range);
err_uncharge:
	remotefs_limit_uncharge(map->inode.i_sb, map->maker, REMOTEFS_RANGES);
	return ERR_PTR(-ENOMEM);
}

static void range_free(struct kref *ref)
{
	struct remotefs_range *range =
		container_of(ref, struct remotefs_range, ref);
	struct remotefs_map *map = range->map;

	remotefs_limit_uncharge(map->inode.i_sb, map->maker, REMOTEFS_RANGES);
	kfree(range->zero);
	kfree(range);
}

/**
 * remotefs_range_put - drop a reference
 * @range:	the range, buried, or never enlisted, if this is the last one
 *
 * Context: any. The caller keeps the map file's inode.
 */
void remotefs_range_put(struct remotefs_range *range)
{
	kref_put(&range->ref, range_free);
}

/* Every page anonymous now, and no mirror among them. */
static int range_check_vmas(struct remotefs_range *range, struct mm_struct *mm)
{
	unsigned long address = range->address;
	unsigned long end = address + remotefs_range_size(range);
	struct vm_area_struct *vma;

	while (address < end) {
		vma = find_vma(mm, address);
		if (vma && vma->vm_start < end &&
		    vma->vm_ops == &remotefs_vm_ops)
			return -ELOOP;
		if (!vma || vma->vm_start > address || !vma_is_anonymous(vma))
			return -EFAULT;
		address = vma->vm_end;
	}
	return 0;
}

/**
 * remotefs_range_admit - may this memory be shown?
 * @range:	the range, known to nobody else
 *
 * Context: sleeps, killably; takes the source's mmap_lock for writing. On
 * success remotefs_block_bury() must follow some day.
 * Return: 0; -ESRCH the source is gone; -EFAULT some of it is not anonymous;
 * -ELOOP some of it is a mirror; -EINTR; -ENOMEM.
 */
int remotefs_range_admit(struct remotefs_range *range)
{
	struct remotefs_source *source = range->map->source;
	struct mm_struct *mm = source->mm;
	int err;

	err = remotefs_space_enter(source);
	if (err)
		return err;
	err = -EINTR;
	if (mmap_write_lock_killable(mm))
		goto out_leave;
	err = 0;
	/* A whole address space has all kinds of memory, and serves its own. */
	if (!(range->flags & REMOTEFS_MAP_WHOLE))
		err = range_check_vmas(range, mm);
	if (!err)
		err = remotefs_space_watch(source);
	mmap_write_unlock(mm);
	if (!err) {
		/* Were it still to come in, it could miss the source's end. */
		mmu_interval_read_begin(&source->end);
		remotefs_block_enlist(range);
	}
out_leave:
	remotefs_space_leave(source);
	return err;
}

/**
 * remotefs_range_first - the first range that overlaps an interval of a file
 * @map:	the file, locked
 * @first:	first page
 * @last:	last page
 *
 * Context: @map's lock held.
 * Return: a range, without a reference, or NULL.
 */
struct remotefs_range *remotefs_range_first(struct remotefs_map *map,
					    pgoff_t first, pgoff_t last)
{
	struct interval_tree_node *node;

	lockdep_assert_held(&map->lock);
	node = interval_tree_iter_first(&map->ranges, first, last);
	return node ? container_of(node, struct remotefs_range, node) : NULL;
}

/**
 * remotefs_map_errno - why a file has nothing to serve any more
 * @map:	the file, locked
 *
 * Context: @map's lock held.
 * Return: 0 while it is live; -ESTALE it was revoked; -ESRCH the source is
 * gone.
 */
int remotefs_map_errno(struct remotefs_map *map)
{
	lockdep_assert_held(&map->lock);
	if (map->state == REMOTEFS_STATE_REVOKED)
		return -ESTALE;
	if (map->state == REMOTEFS_STATE_GONE ||
	    remotefs_source_is_gone(map->source))
		return -ESRCH;
	return 0;
}

/**
 * remotefs_range_find - the range at a page of a file
 * @map:	the file
 * @pgoff:	the page
 * @block:	out, unless NULL: the live block there, with a reference, or NULL
 *
 * Context: takes @map's lock.
 * Return: a range with a reference; ERR_PTR(-ESTALE) the file was revoked, or
 * the range taken out of it; ERR_PTR(-ESRCH) the source is gone;
 * ERR_PTR(-EFAULT) a hole.
 */
struct remotefs_range *remotefs_range_find(struct remotefs_map *map,
					   pgoff_t pgoff,
					   struct remotefs_block **block)
{
	struct remotefs_range *range;
	int err;

	spin_lock(&map->lock);
	range = remotefs_range_first(map, pgoff, pgoff);
	if (range && !remotefs_map_errno(map)) {
		kref_get(&range->ref);
		if (block)
			*block = remotefs_block_find(range,
						     remotefs_range_address(range, pgoff));
		if (block && *block)
			refcount_inc(&(*block)->ref);
	} else {
		err = remotefs_map_errno(map);
		if (!err)
			err = map->unmapped ? -ESTALE : -EFAULT;
		range = ERR_PTR(err);
	}
	spin_unlock(&map->lock);
	return range;
}

/**
 * remotefs_range_next - the range at or after a page of a file
 * @map:	the file
 * @pgoff:	the page
 *
 * Context: takes @map's lock.
 * Return: a range with a reference; ERR_PTR(-ESTALE), ERR_PTR(-ESRCH) as
 * remotefs_range_find(); ERR_PTR(-ENOENT) there is none.
 */
struct remotefs_range *remotefs_range_next(struct remotefs_map *map,
					   pgoff_t pgoff)
{
	struct remotefs_range *range;
	int err;

	spin_lock(&map->lock);
	range = remotefs_range_first(map, pgoff, ULONG_MAX);
	if (range && !remotefs_map_errno(map)) {
		kref_get(&range->ref);
	} else {
		err = remotefs_map_errno(map);
		range = ERR_PTR(err ?: -ENOENT);
	}
	spin_unlock(&map->lock);
	return range;
}

/**
 * remotefs_range_admits_write - may viewers write these pages?
 * @range:	the range
 * @first:	first page in the file
 * @last:	last page in the file
 *
 * Context: the map's lock held.
 * Return: true if the grant lets them write every one.
 */
bool remotefs_range_admits_write(struct remotefs_range *range, pgoff_t first,
				 pgoff_t last)
{
	struct interval_tree_node *node;

	lockdep_assert_held(&range->map->lock);
	if (range->flags & REMOTEFS_MAP_WRITE)
		return true;
	for (;;) {
		node = interval_tree_iter_first(&range->map->allowed, first,
						first);
		if (!node)
			return false;
		if (node->last >= last)
			return true;
		first = node->last + 1;
	}
}
