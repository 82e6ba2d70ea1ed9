// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: subscriptions to a source's invalidations, block by block.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A range may cover terabytes, of which viewers touch a corner. What is touched
 * is subscribed, in blocks: the run of anonymous VMAs around the address, cut
 * to an aligned BLOCK_SPAN and to the range. So memory follows use, and an
 * invalidation makes only faults of its own block start over.
 *
 *   new          allocated before any lock is dropped for it
 *   live         subscribed, and in its range's tree: faults and copies use it
 *   dying        out of the tree, on the range's list, still subscribed
 *   freed        unsubscribed by the reaper, and the last user has put it
 *
 * Subscribing takes the source's mmap_lock for writing, which makes what is
 * seen of the VMAs last until the block is live. No lock of a viewer is held
 * then. Where the run has grown into blocks that are there already, the new one
 * takes all of their intervals over, holes included: it is subscribed before
 * they are unsubscribed, so entries that were made under them stay covered.
 * Unsubscribing sleeps, and callbacks may not, so they leave it to a worker.
 *
 * The guard. An invalidation of the source zaps mirrors while the core may
 * hold locks of VMAs in the invalidated interval. Were one of those VMAs a
 * mirror, the zap would wait for a lock that its own caller holds. So no
 * mirror may lie inside a subscribed block of its own mm. A block begins with
 * nothing but anonymous memory and holes in it, and placement, which runs under the same
 * lock for writing, asks here. Memory of a live block that is still mapped is
 * refused. Where the source has unmapped it meanwhile, the block has a hole,
 * and goes: its mirrors are zapped, and placement waits until it is
 * unsubscribed. The worker it waits for takes no mmap_lock.
 */
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "internal.h"

/* How many blocks are retired, or reaped, before others may go on. */
#define BLOCK_BATCH	64

/* What one subscription covers at most; aligned in the source. */
#define BLOCK_SPAN	(64UL << 20)

static DEFINE_SPINLOCK(guard_lock);
/* Ranges that may have blocks, by mm; protected by guard_lock. */
static DEFINE_HASHTABLE(guard_table, 8);
/* For those who wait for a dying block. */
static DECLARE_WAIT_QUEUE_HEAD(block_reaped);

/**
 * remotefs_block_start - where a block starts in the source
 * @block:	the block, subscribed
 *
 * Context: any.
 * Return: the address of its first byte.
 */
unsigned long remotefs_block_start(const struct remotefs_block *block)
{
	return block->sub.interval_tree.start;
}

/**
 * remotefs_block_end - where a block ends in the source
 * @block:	the block, subscribed
 *
 * Context: any.
 * Return: the address after its last byte.
 */
unsigned long remotefs_block_end(const struct remotefs_block *block)
{
	return block->sub.interval_tree.last + 1;
}

/**
 * remotefs_block_alloc - make a block that is not subscribed yet
 *
 * Context: sleeps.
 * Return: a block with one reference, or NULL.
 */
struct remotefs_block *remotefs_block_alloc(void)
{
	struct remotefs_block *block;

	/* DESIGN: what one touched block may cost. */
	BUILD_BUG_ON(sizeof(*block) > 128);
	block = kzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);
	if (block)
		refcount_set(&block->ref, 1);
	return block;
}

/**
 * remotefs_block_put - drop a reference
 * @block:	the block, or NULL
 *
 * Context: any.
 */
void remotefs_block_put(struct remotefs_block *block)
{
	if (block && refcount_dec_and_test(&block->ref))
		kfree(block);
}

/* The first live block that ends after an address. The map's lock is held. */
static struct remotefs_block *block_first(struct remotefs_range *range,
					  unsigned long address)
{
	struct rb_node *node = range->blocks.rb_node;
	struct remotefs_block *block, *found = NULL;

	lockdep_assert_held(&range->map->lock);
	while (node) {
		block = rb_entry(node, struct remotefs_block, node);
		if (remotefs_block_end(block) > address) {
			found = block;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * remotefs_block_find - the block at an address of a range
 * @range:	the range
 * @address:	the address in the source
 *
 * Context: the map's lock held.
 * Return: a live block, without a reference, or NULL.
 */
struct remotefs_block *remotefs_block_find(struct remotefs_range *range,
					   unsigned long address)
{
	struct remotefs_block *block = block_first(range, address);

	return block && remotefs_block_start(block) <= address ? block : NULL;
}

static void block_link(struct remotefs_range *range,
		       struct remotefs_block *block)
{
	struct rb_node **link = &range->blocks.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		if (remotefs_block_start(block) <
		    remotefs_block_start(rb_entry(parent, struct remotefs_block, node)))
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&block->node, parent, link);
	rb_insert_color(&block->node, &range->blocks);
	block->live = true;
}

/* The map's lock is held. Somebody must reap it, with or without a zap. */
static void block_retire(struct remotefs_block *block, bool zap)
{
	struct remotefs_range *range = block->range;

	lockdep_assert_held(&range->map->lock);
	rb_erase(&block->node, &range->blocks);
	block->live = false;
	block->zap = zap;
	list_add_tail(&block->dying, &range->dying);
}

/**
 * remotefs_block_stale - a block whose memory was unmapped goes
 * @block:	the block, live or not
 *
 * Context: a notifier's callback; the map's lock held. The caller zaps.
 */
void remotefs_block_stale(struct remotefs_block *block)
{
	if (!block->live)
		return;
	block_retire(block, false);
	queue_work(remotefs_wq, &block->range->reap_work);
}

/* Unsubscribe all blocks of a range that are dying. */
static void range_reap(struct remotefs_range *range)
{
	struct remotefs_map *map = range->map;
	struct remotefs_block *block;
	pgoff_t first, last;
	unsigned int reaped;

	mutex_lock(&range->reaping);
	for (reaped = 1;; reaped++) {
		spin_lock(&map->lock);
		block = list_first_entry_or_null(&range->dying,
						 struct remotefs_block, dying);
		spin_unlock(&map->lock);
		if (!block)
			break;
		first = remotefs_range_pgoff(range, remotefs_block_start(block));
		last = remotefs_range_pgoff(range, remotefs_block_end(block) - 1);
		if (block->zap)
			remotefs_map_zap(map, first, last);
		mmu_interval_notifier_remove(&block->sub);
		/* On the list until now: the guard must see it. */
		spin_lock(&map->lock);
		list_del(&block->dying);
		spin_unlock(&map->lock);
		/* Who wakes up looks at all that are left: not each time. */
		if (!(reaped % BLOCK_BATCH))
			wake_up_all(&block_reaped);
		remotefs_block_put(block);
		cond_resched();
	}
	mutex_unlock(&range->reaping);
	wake_up_all(&block_reaped);
}

static void range_reap_work(struct work_struct *work)
{
	range_reap(container_of(work, struct remotefs_range, reap_work));
}

/**
 * remotefs_block_enlist - let a range have blocks
 * @range:	the range, known to nobody else
 *
 * Context: any. Pair with remotefs_block_bury().
 */
void remotefs_block_enlist(struct remotefs_range *range)
{
	range->blocks = RB_ROOT;
	INIT_LIST_HEAD(&range->dying);
	mutex_init(&range->reaping);
	INIT_WORK(&range->reap_work, range_reap_work);
	spin_lock(&guard_lock);
	hash_add(guard_table, &range->guard,
		 (unsigned long)range->map->source->mm);
	spin_unlock(&guard_lock);
}

/**
 * remotefs_block_bury - unsubscribe all of a range
 * @range:	the range, dead or never live, its mirrors zapped
 *
 * Context: sleeps until callbacks under way have returned; no lock that they
 * take may be held.
 */
void remotefs_block_bury(struct remotefs_range *range)
{
	struct remotefs_map *map = range->map;
	struct remotefs_block *block;

	do {
		spin_lock(&map->lock);
		block = block_first(range, 0);
		if (block)
			block_retire(block, false);
		spin_unlock(&map->lock);
		cond_resched();
	} while (block);
	range_reap(range);
	spin_lock(&guard_lock);
	hash_del(&range->guard);
	spin_unlock(&guard_lock);
	/* Who queued it did so from a callback, as a block, or under guard_lock. */
	cancel_work_sync(&range->reap_work);
}

/*
 * Whether an address has a block; if not, widen an interval around it by the
 * blocks that it overlaps. The source is write-locked, which keeps them.
 */
static bool range_is_covered(struct remotefs_range *range,
			     unsigned long address, unsigned long *start,
			     unsigned long *end)
{
	unsigned long low = *start, high = *end;
	struct remotefs_block *block;
	bool covered;

	spin_lock(&range->map->lock);
	covered = remotefs_block_find(range, address);
	for (block = block_first(range, low);
	     block && remotefs_block_start(block) < high;
	     block = block_first(range, remotefs_block_end(block))) {
		*start = min(*start, remotefs_block_start(block));
		*end = max(*end, remotefs_block_end(block));
	}
	spin_unlock(&range->map->lock);
	return covered;
}

/*
 * A subscribed block becomes live, in the place of those that it covers. Fails
 * if the range has died meanwhile.
 */
static bool block_join(struct remotefs_range *range,
		       struct remotefs_block *block)
{
	struct remotefs_map *map = range->map;
	struct remotefs_block *old;
	bool live;

	spin_lock(&map->lock);
	live = range->live;
	while (live && (old = block_first(range, remotefs_block_start(block))) &&
	       remotefs_block_start(old) < remotefs_block_end(block)) {
		block_retire(old, false);
		queue_work(remotefs_wq, &range->reap_work);
	}
	if (live)
		block_link(range, block);
	spin_unlock(&map->lock);
	return live;
}

/* The source is write-locked. Consumes the block. */
static int block_subscribe_locked(struct remotefs_range *range,
				  struct remotefs_block *block,
				  unsigned long address)
{
	struct mm_struct *mm = range->map->source->mm;
	unsigned long start = address & ~(BLOCK_SPAN - 1);
	unsigned long end = start + BLOCK_SPAN;
	int err;

	start = max(start, range->address);
	end = min(end, range->address + remotefs_range_size(range));
	err = remotefs_space_run(mm, address, &start, &end);
	if (err || range_is_covered(range, address, &start, &end))
		goto out_put;
	block->range = range;
	err = mmu_interval_notifier_insert_locked(&block->sub, mm, start,
						  end - start,
						  &remotefs_block_ops);
	if (err)
		goto out_put;
	if (block_join(range, block))
		return 0;
	mmu_interval_notifier_remove(&block->sub);
	err = -ESTALE;
out_put:
	remotefs_block_put(block);
	return err;
}

/**
 * remotefs_block_subscribe - subscribe to the memory around an address
 * @range:	the range, of which no live block has the address
 * @block:	a new block; the reference is consumed
 * @address:	the address in the source, within the range
 *
 * Context: sleeps, killably; takes the source's mmap_lock for writing. The
 * source is entered; the caller holds no lock of a viewer.
 * Return: 0, also if another has done it; -EFAULT there is no anonymous
 * memory; -ESTALE the range has died; -EINTR; -ENOMEM.
 */
int remotefs_block_subscribe(struct remotefs_range *range,
			     struct remotefs_block *block,
			     unsigned long address)
{
	struct mm_struct *mm = range->map->source->mm;
	struct remotefs_extent extent;
	int err = -EINTR;

	/* Whoever asks for what is not served shall not take the lock to write. */
	if (mmap_read_lock_killable(mm))
		goto out_put;
	err = remotefs_space_check(mm, address, false, &extent);
	mmap_read_unlock(mm);
	if (err)
		goto out_put;
	err = -EINTR;
	if (mmap_write_lock_killable(mm))
		goto out_put;
	err = block_subscribe_locked(range, block, address);
	mmap_write_unlock(mm);
	return err;

out_put:
	remotefs_block_put(block);
	return err;
}

/**
 * remotefs_block_try_subscribe - the same without waiting for the source
 * @range:	the range, of which no live block has the address
 * @block:	a new block; the reference is consumed
 * @address:	the address in the source, within the range
 *
 * Context: sleeps, for memory only. The source is entered.
 * Return: as remotefs_block_subscribe(), and -EAGAIN the source is busy.
 */
int remotefs_block_try_subscribe(struct remotefs_range *range,
				 struct remotefs_block *block,
				 unsigned long address)
{
	struct mm_struct *mm = range->map->source->mm;
	int err;

	/* Newer kernels only have the wait; no VMA changes, so a bare lock does. */
	if (!down_write_trylock(&mm->mmap_lock)) {
		remotefs_block_put(block);
		return -EAGAIN;
	}
	err = block_subscribe_locked(range, block, address);
	up_write(&mm->mmap_lock);
	return err;
}

/* Is something of the source mapped where a placement and a block overlap? */
static bool overlap_is_mapped(struct remotefs_block *block,
			      struct mm_struct *mm, unsigned long start,
			      unsigned long end)
{
	struct vm_area_struct *vma;

	start = max(start, remotefs_block_start(block));
	end = min(end, remotefs_block_end(block));
	vma = find_vma(mm, start);
	return vma && vma->vm_start < end;
}

/* One range's blocks: 0, -ELOOP, or -EAGAIN if some of them have to go first. */
static int guard_check_range(struct remotefs_range *range, struct mm_struct *mm,
			     unsigned long start, unsigned long end)
{
	struct remotefs_block *block;
	int ret = 0, i;

	spin_lock(&range->map->lock);
	for (i = 0; i < BLOCK_BATCH; i++) {
		block = block_first(range, start);
		if (!block || remotefs_block_start(block) >= end)
			break;
		if (overlap_is_mapped(block, mm, start, end)) {
			ret = -ELOOP;
			goto out_unlock;
		}
		block_retire(block, true);
		queue_work(remotefs_wq, &range->reap_work);
	}
	list_for_each_entry(block, &range->dying, dying) {
		if (remotefs_block_start(block) < end &&
		    remotefs_block_end(block) > start) {
			ret = -EAGAIN;
			break;
		}
	}
out_unlock:
	spin_unlock(&range->map->lock);
	return ret;
}

/* All ranges: false if some blocks have to go first, else *@answer. */
static bool guard_decides(struct mm_struct *mm, unsigned long start,
			  unsigned long end, int *answer)
{
	struct remotefs_range *range;
	int ret = 0;

	spin_lock(&guard_lock);
	hash_for_each_possible(guard_table, range, guard, (unsigned long)mm) {
		if (range->map->source->mm != mm)
			continue;
		ret = guard_check_range(range, mm, start, end) ?: ret;
		if (ret == -ELOOP)
			break;
	}
	spin_unlock(&guard_lock);
	*answer = ret;
	return ret != -EAGAIN;
}

/**
 * remotefs_block_guard - make sure that a mirror may be placed here
 * @mm:		the viewer's address space
 * @start:	start of the interval
 * @end:	its end
 *
 * Context: @mm's mmap_lock held for writing, which makes the answer last;
 * sleeps, killably, until blocks without memory are unsubscribed.
 * Return: 0; -ELOOP a subscribed block with memory in it overlaps; -EINTR.
 */
int remotefs_block_guard(struct mm_struct *mm, unsigned long start,
			 unsigned long end)
{
	int answer;

	if (wait_event_killable(block_reaped,
				guard_decides(mm, start, end, &answer)))
		return -EINTR;
	return answer;
}
