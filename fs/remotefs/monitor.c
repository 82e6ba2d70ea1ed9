// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: what happens to watched memory.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * There is one MMU notifier for each watched address space, however many
 * watches there are, with a tree of them by address. The core calls it before an
 * invalidation and after it, always both, on the CPU and in the context of
 * whoever invalidates: reclaim, the OOM killer, and others that must not sleep
 * or allocate. So everything here happens under one spinlock, a record is a part
 * of its watch, and it cannot happen that there is no room for one.
 *
 *   begin   The watch gets a record, or the one that it has grows; the watcher's
 *           generation moves. From here on nobody who looks at the generation
 *           uses what was looked up before.
 *   ...     The core changes page tables. Whoever looks a page up now may get
 *           the old one, with the new generation.
 *   end     The generation moves again, so that this look-up is outdated, too.
 *           If the record was read in between, it comes again, since the reader
 *           may have refilled at once. Now readers are woken.
 *
 * EMPTY says that all is told. That is not true between begin and end, so each
 * watcher counts what is open. A watch that is added in between sees the end and
 * has not seen the beginning: it starts with all that is open thereabouts, which
 * may be too much but never too little, and is set right as soon as nothing is.
 * Whoever adds it waits for that: until then a page may be replaced without the
 * generation moving.
 *
 * Most of what a process does to its memory is nobody's affair, and must not cost
 * it much. So both watches and open invalidations are counted by the 2 MiB that
 * they lie in, in a small table by a hash. An invalidation counts itself, looks
 * for watches, and takes no lock if there are none; a watch counts itself, then
 * looks what is open: one of the two sees the other.
 *
 * With the last user of the mm the core says RELEASE and nothing thereafter.
 */
#include <linux/hash.h>
#include <linux/mmu_notifier.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "internal.h"

static struct remotefs_monitor *to_monitor(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct remotefs_monitor, notifier);
}

static struct remotefs_watch *to_watch(struct interval_tree_node *node)
{
	return container_of(node, struct remotefs_watch, node);
}

static u32 event_kind(enum mmu_notifier_event event)
{
	switch (event) {
	case MMU_NOTIFY_UNMAP:
		return REMOTEFS_KIND_UNMAP;
	case MMU_NOTIFY_PROTECTION_VMA:
	case MMU_NOTIFY_PROTECTION_PAGE:
		return REMOTEFS_KIND_PROTECT;
	case MMU_NOTIFY_CLEAR:
	case MMU_NOTIFY_MIGRATE:
		return REMOTEFS_KIND_CLEAR;
	case MMU_NOTIFY_SOFT_DIRTY:
		return REMOTEFS_KIND_SOFT_DIRTY;
	default:
		return REMOTEFS_KIND_OTHER;
	}
}

#define GRANULE_SHIFT	21	/* 2 MiB */
#define BUCKET_BITS	(PAGE_SHIFT - ilog2(sizeof(struct remotefs_bucket)))
#define BUCKETS		BIT(BUCKET_BITS)

static unsigned long granule_of(unsigned long address)
{
	return address >> GRANULE_SHIFT;
}

static struct remotefs_bucket *bucket_of(const struct remotefs_monitor *monitor,
					 unsigned long granule)
{
	return &monitor->buckets[hash_long(granule, BUCKET_BITS)];
}

/* Where an invalidation is counted. */
static struct remotefs_bucket *
range_bucket(struct remotefs_monitor *monitor,
	     const struct mmu_notifier_range *range)
{
	unsigned long granule = granule_of(range->start);

	if (likely(granule == granule_of(range->end - 1)))
		return bucket_of(monitor, granule);
	/* The more there is to be done, the less it matters to take a lock. */
	return &monitor->span;
}

/* The @i-th place where a watch is counted, or NULL. */
static struct remotefs_bucket *watch_bucket(const struct remotefs_watch *watch,
					    unsigned long i)
{
	struct remotefs_monitor *monitor = watch->watcher->monitor;
	unsigned long first = granule_of(watch->node.start);
	unsigned long nr = granule_of(watch->node.last) - first + 1;

	if (!i--)
		return &monitor->span;
	if (nr >= BUCKETS)
		return i < BUCKETS ? &monitor->buckets[i] : NULL;
	return i < nr ? bucket_of(monitor, first + i) : NULL;
}

/* The monitor's lock is held in all of the following, up to the callbacks. */

static void count_watch(const struct remotefs_watch *watch, int by)
{
	struct remotefs_bucket *bucket;
	unsigned long i;

	for (i = 0; (bucket = watch_bucket(watch, i)); i++)
		WRITE_ONCE(bucket->watches, bucket->watches + by);
}

/* How many invalidations there may be of a watch. */
static unsigned int count_open(const struct remotefs_watch *watch)
{
	struct remotefs_bucket *bucket;
	unsigned int nr = 0;
	unsigned long i;

	for (i = 0; (bucket = watch_bucket(watch, i)); i++)
		nr += atomic_read(&bucket->open);
	return nr;
}

static void watcher_bump(struct remotefs_watcher *watcher)
{
	watcher->generation++;
	/* Pairs with acquire loads of whoever has mapped the page. */
	smp_store_release(&watcher->page->generation, watcher->generation);
}

static bool watcher_has(struct remotefs_watcher *watcher)
{
	if (!list_empty(&watcher->pending) || watcher->stale)
		return true;
	if (remotefs_source_is_gone(watcher->source))
		return !watcher->gone_said;
	return watcher->unsaid && !watcher->open;
}

static void watcher_wake(struct remotefs_watcher *watcher)
{
	/* Whoever waits has joined the queue before it looked, under our lock. */
	if (waitqueue_active(&watcher->wait))
		wake_up_interruptible_poll(&watcher->wait, EPOLLIN);
	if (watcher->fasync)
		queue_work(remotefs_wq, &watcher->sigio_work);
}

/* Parts that touch, or overlap, make one; others make it the whole watch. */
static void watch_merge(struct remotefs_watch *watch, u32 kind,
			unsigned long first, unsigned long last)
{
	watch->kinds |= kind;
	if (first > watch->first && first - 1 > watch->last)
		watch->exact = false;
	if (last < watch->first && last + 1 < watch->first)
		watch->exact = false;
	watch->first = min(watch->first, first);
	watch->last = max(watch->last, last);
}

static void watch_report(struct remotefs_watch *watch, u32 kind,
			 unsigned long first, unsigned long last)
{
	struct remotefs_watcher *watcher = watch->watcher;

	first = max(first, watch->node.start);
	last = min(last, watch->node.last);
	if (!list_empty(&watch->pending)) {
		watch_merge(watch, kind, first, last);
		return;
	}
	watcher->unsaid = true;
	if (watcher->stale)
		return;
	if (watcher->queued == watcher->max_queued) {
		watcher->stale = true;
		return;
	}
	watch->kinds = kind;
	watch->exact = true;
	watch->first = first;
	watch->last = last;
	list_add_tail(&watch->pending, &watcher->pending);
	watcher->queued++;
}

static void watch_forget_record(struct remotefs_watch *watch)
{
	list_del_init(&watch->pending);
	watch->watcher->queued--;
}

static void watch_begin(struct remotefs_watch *watch)
{
	watch->open++;
	watch->watcher->open++;
}

/* Those which it did not see begin have been counted beforehand. */
static void watch_end(struct remotefs_watch *watch, unsigned int nr)
{
	watch->open -= nr;
	watch->watcher->open -= nr;
}

/* Nothing is open: what a watch still counts had begun before it came. */
static void watch_settle(struct remotefs_watch *watch)
{
	list_del_init(&watch->unsure);
	watch_end(watch, watch->open);
	if (watcher_has(watch->watcher))
		watcher_wake(watch->watcher);
}

static void monitor_settle(struct remotefs_monitor *monitor)
{
	struct remotefs_watch *watch, *next;

	list_for_each_entry_safe(watch, next, &monitor->unsure, unsure)
		if (!count_open(watch))
			watch_settle(watch);
	wake_up(&monitor->settled);
}

/* An invalidation begins or ends: tell the watches, then their watchers. */
static void monitor_tell(struct remotefs_monitor *monitor,
			 const struct mmu_notifier_range *range, bool end)
{
	struct remotefs_watcher *watcher, *next;
	unsigned long last = range->end - 1;
	struct interval_tree_node *node;
	struct remotefs_watch *watch;
	LIST_HEAD(touched);
	u32 kind;

	if (range->start >= monitor->idle_first && last <= monitor->idle_last)
		return;
	node = interval_tree_iter_first(&monitor->watches, range->start, last);
	if (!node) {
		monitor->idle_first = range->start;
		monitor->idle_last = last;
		return;
	}
	kind = event_kind(range->event);
	for (; node; node = interval_tree_iter_next(node, range->start, last)) {
		watch = to_watch(node);
		watch_report(watch, kind, range->start, last);
		if (end)
			watch_end(watch, 1);
		else
			watch_begin(watch);
		if (list_empty(&watch->watcher->touched))
			list_add(&watch->watcher->touched, &touched);
	}
	list_for_each_entry_safe(watcher, next, &touched, touched) {
		list_del_init(&watcher->touched);
		watcher_bump(watcher);
		if (end)
			watcher_wake(watcher);
	}
}

static int monitor_begins(struct mmu_notifier *notifier,
			  const struct mmu_notifier_range *range)
{
	struct remotefs_monitor *monitor = to_monitor(notifier);
	struct remotefs_bucket *bucket = range_bucket(monitor, range);

	atomic_inc(&bucket->open);
	/* Pairs with that of remotefs_monitor_insert(). */
	smp_mb__after_atomic();
	if (!READ_ONCE(bucket->watches))
		return 0;
	spin_lock(&monitor->lock);
	monitor_tell(monitor, range, false);
	spin_unlock(&monitor->lock);
	return 0;
}

static void monitor_ends(struct mmu_notifier *notifier,
			 const struct mmu_notifier_range *range)
{
	struct remotefs_monitor *monitor = to_monitor(notifier);
	struct remotefs_bucket *bucket = range_bucket(monitor, range);

	if (READ_ONCE(bucket->watches)) {
		spin_lock(&monitor->lock);
		monitor_tell(monitor, range, true);
		spin_unlock(&monitor->lock);
	}
	/* A full barrier, which pairs with that of remotefs_monitor_insert(). */
	if (!atomic_dec_and_test(&bucket->open) ||
	    list_empty(&monitor->unsure))
		return;
	spin_lock(&monitor->lock);
	monitor_settle(monitor);
	spin_unlock(&monitor->lock);
}

static void monitor_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct remotefs_monitor *monitor = to_monitor(notifier);
	struct remotefs_watcher *watcher;

	spin_lock(&monitor->lock);
	list_for_each_entry(watcher, &monitor->watchers, link) {
		remotefs_space_end(watcher->source);
		watcher_bump(watcher);
		watcher_wake(watcher);
	}
	spin_unlock(&monitor->lock);
}

/* The core is about to take all locks of the mm, the mmap_lock being held. */
static struct mmu_notifier *monitor_alloc(struct mm_struct *mm)
{
	struct remotefs_monitor *monitor;

	monitor = kzalloc(sizeof(*monitor), GFP_KERNEL_ACCOUNT);
	if (!monitor)
		return ERR_PTR(-ENOMEM);
	monitor->buckets = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!monitor->buckets) {
		kfree(monitor);
		return ERR_PTR(-ENOMEM);
	}
	init_waitqueue_head(&monitor->settled);
	spin_lock_init(&monitor->lock);
	monitor->watches = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&monitor->watchers);
	INIT_LIST_HEAD(&monitor->unsure);
	return &monitor->notifier;
}

static void monitor_free(struct mmu_notifier *notifier)
{
	struct remotefs_monitor *monitor = to_monitor(notifier);

	free_page((unsigned long)monitor->buckets);
	kfree(monitor);
}

static const struct mmu_notifier_ops monitor_ops = {
	.invalidate_range_start	= monitor_begins,
	.invalidate_range_end	= monitor_ends,
	.release		= monitor_release,
	.alloc_notifier		= monitor_alloc,
	.free_notifier		= monitor_free,
};

/**
 * remotefs_monitor_get - begin to be told what happens to an address space
 * @source:	whose
 *
 * Context: sleeps, killably; takes the source's mmap_lock for writing.
 * Return: the monitor, to be put; ERR_PTR(-ESRCH) the source is gone;
 * ERR_PTR(-EINTR), ERR_PTR(-ERESTARTNOINTR), ERR_PTR(-ENOMEM).
 */
struct remotefs_monitor *remotefs_monitor_get(struct remotefs_source *source)
{
	struct mmu_notifier *notifier = ERR_PTR(-EINTR);
	int err;

	err = remotefs_space_enter(source);
	if (err)
		return ERR_PTR(err);
	if (!mmap_write_lock_killable(source->mm)) {
		notifier = mmu_notifier_get_locked(&monitor_ops, source->mm);
		mmap_write_unlock(source->mm);
		/* It gives up on any signal, harmless ones too. */
		if (notifier == ERR_PTR(-EINTR))
			notifier = ERR_PTR(-ERESTARTNOINTR);
	}
	remotefs_space_leave(source);
	return IS_ERR(notifier) ? ERR_CAST(notifier) : to_monitor(notifier);
}

/**
 * remotefs_monitor_put - the opposite of remotefs_monitor_get()
 * @monitor:	the monitor
 *
 * Context: any but atomic. A callback may still be running; it finds nothing.
 */
void remotefs_monitor_put(struct remotefs_monitor *monitor)
{
	mmu_notifier_put(&monitor->notifier);
}

/**
 * remotefs_monitor_admit - tell a watcher from now on
 * @monitor:	its monitor
 * @watcher:	the watcher, without watches
 *
 * Context: takes the monitor's lock.
 */
void remotefs_monitor_admit(struct remotefs_monitor *monitor,
			    struct remotefs_watcher *watcher)
{
	spin_lock(&monitor->lock);
	watcher->monitor = monitor;
	list_add(&watcher->link, &monitor->watchers);
	spin_unlock(&monitor->lock);
}

/**
 * remotefs_monitor_dismiss - tell a watcher no more
 * @watcher:	the watcher, without watches
 *
 * Context: takes the monitor's lock.
 */
void remotefs_monitor_dismiss(struct remotefs_watcher *watcher)
{
	spin_lock(&watcher->monitor->lock);
	list_del(&watcher->link);
	spin_unlock(&watcher->monitor->lock);
}

/**
 * remotefs_monitor_insert - a watch begins
 * @watch:	the watch
 *
 * Context: the monitor's lock held.
 */
void remotefs_monitor_insert(struct remotefs_watch *watch)
{
	struct remotefs_monitor *monitor = watch->watcher->monitor;

	lockdep_assert_held(&monitor->lock);
	INIT_LIST_HEAD(&watch->pending);
	interval_tree_insert(&watch->node, &monitor->watches);
	monitor->idle_first = ULONG_MAX;
	monitor->idle_last = 0;
	count_watch(watch, 1);
	list_add(&watch->unsure, &monitor->unsure);
	/*
	 * Whoever has not seen our count is open now, and whoever ends the last
	 * of them from now on sees us in the list.
	 */
	smp_mb();
	watch->open = count_open(watch);
	watch->watcher->open += watch->open;
	if (!watch->open)
		watch_settle(watch);
}

/**
 * remotefs_monitor_wait - wait until what was open when a watch came has ended
 * @watch:	the watch; nobody else removes it meanwhile
 *
 * Context: sleeps, killably; no lock held that an invalidation could wait for.
 * Return: 0; -EINTR.
 */
int remotefs_monitor_wait(struct remotefs_watch *watch)
{
	struct remotefs_monitor *monitor = watch->watcher->monitor;

	if (wait_event_killable(monitor->settled,
				list_empty_careful(&watch->unsure)))
		return -EINTR;
	return 0;
}

/**
 * remotefs_monitor_remove - a watch ends, and so does its record
 * @watch:	the watch
 *
 * Context: the monitor's lock held.
 */
void remotefs_monitor_remove(struct remotefs_watch *watch)
{
	struct remotefs_watcher *watcher = watch->watcher;

	lockdep_assert_held(&watcher->monitor->lock);
	interval_tree_remove(&watch->node, &watcher->monitor->watches);
	count_watch(watch, -1);
	list_del(&watch->unsure);
	if (!list_empty(&watch->pending))
		watch_forget_record(watch);
	watch_end(watch, watch->open);
	if (watcher_has(watcher))
		watcher_wake(watcher);
}

static void take_record(struct remotefs_watcher *watcher,
			struct remotefs_event *event)
{
	struct remotefs_watch *watch;

	watch = list_first_entry(&watcher->pending, struct remotefs_watch,
				 pending);
	watch_forget_record(watch);
	event->type = REMOTEFS_EVENT_INVALIDATED;
	event->kinds = watch->kinds;
	event->cookie = watch->cookie;
	if (watch->exact) {
		event->flags = REMOTEFS_EVENT_EXACT;
		event->start = watch->first;
		event->end = watch->last + 1;
	} else {
		event->start = watch->node.start;
		event->end = watch->node.last + 1;
	}
}

static void take_gone(struct remotefs_watcher *watcher,
		      struct remotefs_event *event)
{
	watcher->gone_said = true;
	event->type = REMOTEFS_EVENT_GONE;
	if (test_bit(REMOTEFS_SOURCE_EXITED, &watcher->source->flags))
		event->reason = REMOTEFS_GONE_EXIT;
	else
		event->reason = REMOTEFS_GONE_EXEC;
}

/**
 * remotefs_monitor_take - take the next record out of a watcher's queue
 * @watcher:	the watcher
 * @event:	out: the record
 *
 * Context: takes the monitor's lock.
 * Return: false if there is none now.
 */
bool remotefs_monitor_take(struct remotefs_watcher *watcher,
			   struct remotefs_event *event)
{
	bool found;

	memset(event, 0, sizeof(*event));
	spin_lock(&watcher->monitor->lock);
	found = watcher_has(watcher);
	if (!list_empty(&watcher->pending)) {
		take_record(watcher, event);
	} else if (watcher->stale) {
		watcher->stale = false;
		event->type = REMOTEFS_EVENT_STALE;
	} else if (found && remotefs_source_is_gone(watcher->source)) {
		take_gone(watcher, event);
	} else if (found) {
		watcher->unsaid = false;
		event->type = REMOTEFS_EVENT_EMPTY;
	}
	event->generation = watcher->generation;
	spin_unlock(&watcher->monitor->lock);
	return found;
}

/**
 * remotefs_monitor_lost - a record was taken and did not reach its reader
 * @watcher:	the watcher
 *
 * Context: takes the monitor's lock.
 */
void remotefs_monitor_lost(struct remotefs_watcher *watcher)
{
	spin_lock(&watcher->monitor->lock);
	watcher->stale = true;
	watcher->unsaid = true;
	watcher->gone_said = false;
	spin_unlock(&watcher->monitor->lock);
}

/**
 * remotefs_monitor_has - is there something to be read?
 * @watcher:	the watcher
 *
 * Context: takes the monitor's lock.
 * Return: true if so.
 */
bool remotefs_monitor_has(struct remotefs_watcher *watcher)
{
	bool has;

	spin_lock(&watcher->monitor->lock);
	has = watcher_has(watcher);
	spin_unlock(&watcher->monitor->lock);
	return has;
}
