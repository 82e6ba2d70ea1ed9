// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: what happens to watched memory.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * There is one MMU notifier for each watched address space, however many
 * watches there are, with a tree of them by address. The core calls it before an
 * invalidation and after it, on the CPU and in the context of whoever
 * invalidates: reclaim, the OOM killer, and others that must not sleep or
 * allocate. So everything here happens under one spinlock, a record is a part of
 * its watch, and it cannot happen that there is no room for one.
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
 * has not seen the beginning: it starts with all that is open in the whole
 * address space, which may be too much but never too little; the generation
 * moves, and EMPTY is not said until there was a moment, an epoch, when nothing
 * was open. All counts of earlier epochs are worth nothing then.
 *
 * Most of what a process does to its memory is nobody's affair, and must not cost
 * it much. So watches are counted by the 2 MiB that they lie in, in a small table
 * by a hash, and whoever finds no count there takes no lock. Such an invalidation
 * has said that it is open, then looks at the counts; a watch is counted, then
 * looks at what is open: one of them sees the other.
 *
 * When the last user of the mm leaves, the core says RELEASE and nothing more,
 * not even the end of what has begun. It also begins without an end changes of
 * protection at address 0, where hardly anybody has memory: those do not count
 * as open.
 */
#include <linux/hash.h>
#include <linux/mmu_notifier.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

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
#define COUNT_BITS	(PAGE_SHIFT - 2)
#define COUNTS		BIT(COUNT_BITS)

/* So that the module does not go before the last one has. */
static atomic_t nr_monitors = ATOMIC_INIT(0);

static unsigned long granule_of(unsigned long address)
{
	return address >> GRANULE_SHIFT;
}

static u32 *granule_count(const struct remotefs_monitor *monitor,
			  unsigned long granule)
{
	return &monitor->counts[hash_long(granule, COUNT_BITS)];
}

/* May there be a watch? No lock is held. */
static bool monitor_has_some(const struct remotefs_monitor *monitor,
			     const struct mmu_notifier_range *range)
{
	unsigned long granule = granule_of(range->start);

	if (likely(granule == granule_of(range->end - 1)))
		return READ_ONCE(*granule_count(monitor, granule));
	/* The more there is to be done, the less it matters to take a lock. */
	return READ_ONCE(monitor->nr);
}

static bool range_is_open(const struct mmu_notifier_range *range)
{
	return range->start || range->event != MMU_NOTIFY_PROTECTION_VMA;
}

/* The monitor's lock is held in all of the following, up to the callbacks. */

static void add_to(u32 *count, int by)
{
	WRITE_ONCE(*count, *count + by);
}

static void count_watch(const struct remotefs_watch *watch, int by)
{
	struct remotefs_monitor *monitor = watch->watcher->monitor;
	unsigned long granule = granule_of(watch->node.start);
	unsigned long last = granule_of(watch->node.last);
	unsigned long i;

	add_to(&monitor->nr, by);
	if (last - granule >= COUNTS)
		for (i = 0; i < COUNTS; i++)
			add_to(&monitor->counts[i], by);
	else
		for (; granule <= last; granule++)
			add_to(granule_count(monitor, granule), by);
}

/* Nothing is left of an earlier epoch. */
static unsigned int *open_now(const struct remotefs_monitor *monitor,
			      struct remotefs_open *open)
{
	if (open->epoch != monitor->epoch) {
		open->epoch = monitor->epoch;
		open->nr = 0;
	}
	return &open->nr;
}

static void watcher_bump(struct remotefs_watcher *watcher)
{
	watcher->generation++;
	/* Pairs with acquire loads of whoever has mapped the page. */
	smp_store_release(&watcher->page->generation, watcher->generation);
}

static bool watcher_has(struct remotefs_watcher *watcher)
{
	if (watcher->gone_said)
		return false;
	if (!list_empty(&watcher->pending) || watcher->stale)
		return true;
	if (remotefs_source_is_gone(watcher->source))
		return true;
	return watcher->unsaid && !*open_now(watcher->monitor, &watcher->open);
}

static void watcher_wake(struct remotefs_watcher *watcher)
{
	if (watcher->gone_said)
		return;
	/* Whoever waits has joined the queue before it looked, under our lock. */
	if (waitqueue_active(&watcher->wait) || watcher->fasync)
		queue_work(remotefs_wq, &watcher->wake_work);
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

/* What a watch did not see begin has been counted beforehand. */
static void watch_count_open(struct remotefs_watch *watch, int by)
{
	struct remotefs_watcher *watcher = watch->watcher;

	*open_now(watcher->monitor, &watch->open) += by;
	*open_now(watcher->monitor, &watcher->open) += by;
}

/* If nothing is open: what anybody still counts had begun before he came. */
static void monitor_settle(struct remotefs_monitor *monitor)
{
	struct remotefs_watcher *watcher, *next;

	if (atomic_read(&monitor->open))
		return;
	monitor->epoch++;
	list_for_each_entry_safe(watcher, next, &monitor->unsure, unsure) {
		list_del_init(&watcher->unsure);
		watcher_wake(watcher);
	}
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
		if (likely(range_is_open(range)))
			watch_count_open(watch, end ? -1 : 1);
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

	if (likely(range_is_open(range)))
		atomic_inc(&monitor->open);
	/* Pairs with that of remotefs_monitor_insert(). */
	smp_mb__after_atomic();
	if (!monitor_has_some(monitor, range))
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

	if (monitor_has_some(monitor, range)) {
		spin_lock(&monitor->lock);
		monitor_tell(monitor, range, true);
		spin_unlock(&monitor->lock);
	}
	/* A full barrier, which pairs with that of remotefs_monitor_insert(). */
	if (unlikely(!range_is_open(range)) ||
	    !atomic_dec_and_test(&monitor->open) ||
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
	monitor->counts = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!monitor->counts) {
		kfree(monitor);
		return ERR_PTR(-ENOMEM);
	}
	atomic_inc(&nr_monitors);
	spin_lock_init(&monitor->lock);
	monitor->watches = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&monitor->watchers);
	INIT_LIST_HEAD(&monitor->unsure);
	return &monitor->notifier;
}

static void monitor_free(struct mmu_notifier *notifier)
{
	struct remotefs_monitor *monitor = to_monitor(notifier);

	free_page((unsigned long)monitor->counts);
	kfree(monitor);
	if (atomic_dec_and_test(&nr_monitors))
		wake_up_var(&nr_monitors);
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
	list_del_init(&watcher->unsure);
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
	struct remotefs_watcher *watcher = watch->watcher;
	struct remotefs_monitor *monitor = watcher->monitor;
	unsigned int open;
	bool known;

	lockdep_assert_held(&monitor->lock);
	INIT_LIST_HEAD(&watch->pending);
	interval_tree_insert(&watch->node, &monitor->watches);
	monitor->idle_first = ULONG_MAX;
	monitor->idle_last = 0;
	count_watch(watch, 1);
	known = !list_empty(&watcher->unsure);
	if (!known)
		list_add(&watcher->unsure, &monitor->unsure);
	/*
	 * Whoever has not seen our count is open now, and whoever ends the last
	 * of them from now on sees us in the list.
	 */
	smp_mb();
	open = atomic_read(&monitor->open);
	if (open) {
		watch_count_open(watch, open);
		watcher->unsaid = true;
		watcher_bump(watcher);
	} else if (!known) {
		list_del_init(&watcher->unsure);
	}
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
	if (!list_empty(&watch->pending))
		watch_forget_record(watch);
	watch_count_open(watch, -*open_now(watcher->monitor, &watch->open));
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
	/* Both flags were set before the source was marked as gone. */
	WRITE_ONCE(watcher->gone_said, true);
	event->type = REMOTEFS_EVENT_GONE;
	if (test_bit(REMOTEFS_SOURCE_REAPED, &watcher->source->flags))
		event->reason = REMOTEFS_GONE_UNKNOWN;
	else if (test_bit(REMOTEFS_SOURCE_EXITED, &watcher->source->flags))
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
	if (!found) {
		/* Nothing comes after GONE. */
	} else if (!list_empty(&watcher->pending)) {
		take_record(watcher, event);
	} else if (watcher->stale) {
		watcher->stale = false;
		event->type = REMOTEFS_EVENT_STALE;
	} else if (remotefs_source_is_gone(watcher->source)) {
		take_gone(watcher, event);
	} else {
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
 * @event:	the record
 *
 * Another reader may have been told since that this was all.
 *
 * Context: takes the monitor's lock.
 */
void remotefs_monitor_lost(struct remotefs_watcher *watcher,
			   const struct remotefs_event *event)
{
	spin_lock(&watcher->monitor->lock);
	if (event->type == REMOTEFS_EVENT_GONE)
		WRITE_ONCE(watcher->gone_said, false);
	watcher->stale = true;
	watcher->unsaid = true;
	watcher_bump(watcher);
	watcher_wake(watcher);
	spin_unlock(&watcher->monitor->lock);
}

/**
 * remotefs_monitor_gone - a watcher's source has ended, and maybe not its mm
 * @watcher:	the watcher
 *
 * Context: takes the monitor's lock.
 */
void remotefs_monitor_gone(struct remotefs_watcher *watcher)
{
	spin_lock(&watcher->monitor->lock);
	watcher_bump(watcher);
	watcher_wake(watcher);
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

/**
 * remotefs_monitor_exit - wait until the last monitor is freed
 *
 * Context: module exit; sleeps. The core frees them some time after
 * remotefs_monitor_put().
 */
void remotefs_monitor_exit(void)
{
	mmu_notifier_synchronize();
	wait_var_event(&nr_monitors, !atomic_read(&nr_monitors));
	/* And out of monitor_free(), which runs with softirqs off. */
	synchronize_rcu();
}
