// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: a range of a source placed in a map file.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * The life of a range:
 *
 *   alloc        charged to the mount's limit; nobody else knows it
 *   subscribed   the source's invalidations reach it; nobody finds it yet
 *   live         its file's tree holds it: faults and copies find it
 *   dead         under the file's lock it left the tree, or its source ended;
 *                then mirrors are zapped, then the subscription is removed
 *   freed        with the last fault or copy that held it
 *
 * The order of the two steps at either end is what makes it safe: a live range
 * is always subscribed, and nothing is inserted once it is dead.
 *
 * The guard. An invalidation of the source zaps mirrors while the core may
 * hold locks of VMAs in the invalidated interval. Were one of those VMAs a
 * mirror, the zap would wait for a lock that its own caller holds. So no
 * mirror may lie inside a subscribed range of its own mm, whichever came
 * first: registration refuses an interval with a mirror in it, and placement
 * refuses an interval that is subscribed. Both run under that mm's mmap_lock
 * for writing, so one of the two sees the other.
 */
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "internal.h"

static DEFINE_SPINLOCK(guard_lock);
/* Subscribed ranges by mm; protected by guard_lock. */
static DEFINE_HASHTABLE(guard_table, 8);

/**
 * remotefs_range_charge - take one range from the mount's limit
 * @sb:		the mount
 *
 * Context: any.
 * Return: 0, or -ENOSPC.
 */
int remotefs_range_charge(struct super_block *sb)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(sb);

	if (atomic_inc_return(&sbi->ranges) <= READ_ONCE(sbi->max_ranges))
		return 0;
	atomic_dec(&sbi->ranges);
	return -ENOSPC;
}

/**
 * remotefs_range_uncharge - give one range back to the mount's limit
 * @sb:		the mount
 *
 * Context: any.
 */
void remotefs_range_uncharge(struct super_block *sb)
{
	atomic_dec(&REMOTEFS_SB(sb)->ranges);
}

/**
 * remotefs_range_alloc - make a range that nobody else knows yet
 * @map:	the file it is for
 * @flags:	REMOTEFS_MAP_WRITE, REMOTEFS_MAP_WHOLE
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

	err = remotefs_range_charge(map->inode.i_sb);
	if (err)
		return ERR_PTR(err);
	range = kzalloc(sizeof(*range), GFP_KERNEL_ACCOUNT);
	if (!range) {
		remotefs_range_uncharge(map->inode.i_sb);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&range->ref);
	range->map = map;
	range->flags = flags;
	range->address = address;
	range->node.start = first;
	range->node.last = last;
	INIT_HLIST_NODE(&range->guard);
	return range;
}

static void range_free(struct kref *ref)
{
	struct remotefs_range *range =
		container_of(ref, struct remotefs_range, ref);

	remotefs_range_uncharge(range->map->inode.i_sb);
	kfree(range);
}

/**
 * remotefs_range_put - drop a reference
 * @range:	the range, unsubscribed if this is the last one
 *
 * Context: any. The caller keeps the map file's inode.
 */
void remotefs_range_put(struct remotefs_range *range)
{
	kref_put(&range->ref, range_free);
}

static void guard_add(struct remotefs_range *range)
{
	spin_lock(&guard_lock);
	hash_add(guard_table, &range->guard,
		 (unsigned long)range->map->source->mm);
	spin_unlock(&guard_lock);
}

static void guard_remove(struct remotefs_range *range)
{
	spin_lock(&guard_lock);
	hash_del(&range->guard);
	spin_unlock(&guard_lock);
}

/**
 * remotefs_range_conflict - does an interval lie in a subscribed range?
 * @mm:		an address space
 * @start:	start of the interval
 * @end:	its end
 *
 * Context: any; @mm's mmap_lock for writing makes the answer last.
 * Return: 0 if not, else the lowest address which a subscribed range that
 * overlaps has, but at least PAGE_SIZE.
 */
unsigned long remotefs_range_conflict(struct mm_struct *mm, unsigned long start,
				      unsigned long end)
{
	struct remotefs_range *range;
	unsigned long found = 0;

	spin_lock(&guard_lock);
	hash_for_each_possible(guard_table, range, guard, (unsigned long)mm) {
		if (range->map->source->mm != mm || range->address >= end ||
		    range->address + remotefs_range_size(range) <= start)
			continue;
		if (!found || range->address < found)
			found = max(range->address, PAGE_SIZE);
	}
	spin_unlock(&guard_lock);
	return found;
}

/* Every page anonymous now, and no mirror among them; see the guard above. */
static int range_check_vmas(struct remotefs_range *range, struct mm_struct *mm)
{
	unsigned long address = range->address;
	unsigned long end = address + remotefs_range_size(range);
	bool whole = range->flags & REMOTEFS_MAP_WHOLE;
	struct vm_area_struct *vma;

	while (address < end) {
		vma = find_vma(mm, address);
		if (vma && vma->vm_start < end &&
		    vma->vm_ops == &remotefs_vm_ops)
			return -ELOOP;
		if (!whole && (!vma || vma->vm_start > address ||
			       !vma_is_anonymous(vma)))
			return -EFAULT;
		if (!vma)
			break;
		address = vma->vm_end;
	}
	return 0;
}

static int range_subscribe_locked(struct remotefs_range *range,
				  struct mm_struct *mm)
{
	int err;

	err = range_check_vmas(range, mm);
	if (err)
		return err;
	/* The first one of an mm gives up on any signal, harmless ones too. */
	err = mmu_interval_notifier_insert_locked(&range->sub, mm,
						  range->address,
						  remotefs_range_size(range),
						  &remotefs_range_ops);
	if (!err)
		guard_add(range);
	return err == -EINTR ? -ERESTARTNOINTR : err;
}

/**
 * remotefs_range_subscribe - let the source's invalidations reach a range
 * @range:	the range, not subscribed
 *
 * Context: sleeps, killably; takes the source's mmap_lock for writing.
 * Return: 0; -ESRCH the source is gone; -EFAULT some of it is not anonymous;
 * -ELOOP some of it is a mirror; -EINTR; -ENOMEM.
 */
int remotefs_range_subscribe(struct remotefs_range *range)
{
	struct remotefs_source *source = range->map->source;
	struct mm_struct *mm = source->mm;
	int err;

	err = remotefs_space_enter(source);
	if (err)
		return err;
	if (mmap_write_lock_killable(mm)) {
		err = -EINTR;
		goto out_leave;
	}
	err = range_subscribe_locked(range, mm);
	mmap_write_unlock(mm);
out_leave:
	remotefs_space_leave(source);
	return err;
}

/**
 * remotefs_range_unsubscribe - stop invalidations from reaching a range
 * @range:	the range, subscribed, and dead or never live
 *
 * Context: sleeps until callbacks under way have returned; no lock that they
 * take may be held.
 */
void remotefs_range_unsubscribe(struct remotefs_range *range)
{
	mmu_interval_notifier_remove(&range->sub);
	guard_remove(range);
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
 *
 * Context: takes @map's lock.
 * Return: a range with a reference; ERR_PTR(-ESTALE) the file was revoked, or
 * the range taken out of it; ERR_PTR(-ESRCH) the source is gone;
 * ERR_PTR(-EFAULT) a hole.
 */
struct remotefs_range *remotefs_range_find(struct remotefs_map *map,
					   pgoff_t pgoff)
{
	struct remotefs_range *range;
	int err;

	spin_lock(&map->lock);
	range = remotefs_range_first(map, pgoff, pgoff);
	if (range && range->live) {
		kref_get(&range->ref);
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
	if (range && range->live) {
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
