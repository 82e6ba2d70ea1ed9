/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * remotefs: types, lock order, ownership and prototypes.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Words: the *source* is the process, or rather the address space, whose
 * memory is shown; a *viewer* reads, writes or maps a *map file*; a map file
 * holds *ranges* of its source; a *mirror* is a viewer's VMA over a map file.
 * start and end are half-open, last is inclusive. An object is *live* until
 * it is marked dead, and *dying* while others may still hold references.
 *
 * Lock order, outermost first:
 *
 *   a viewer's mmap_lock, or the lock of one of its VMAs
 *     the source's mmap_lock          only tried, never waited for, in here
 *       i_mmap_rwsem of a map file    taken by the core for us
 *         remotefs_map.lock           "K": ranges, blocks, sequence, insertion
 *           page table locks
 *   the mmap_lock of a viewer or of a source
 *     guard_lock (block.c)
 *       remotefs_map.lock
 *   i_rwsem of a directory
 *     remotefs_sb.lock                the tree of names; never over user copies
 *       remotefs_map.lock
 *         remotefs_sb.users           its xa_lock: what users have made
 *   whatever is held where memory is invalidated
 *     remotefs_monitor.lock           watches and their records
 *   i_rwsem of a directory, s_umount
 *     remotefs_range.reaping          unsubscribing: i_mmap_rwsem, then waits
 *                                     for callbacks; placement waits for it
 *
 * remotefs_sb.lock is never held while a source's mmap_lock is taken, while a
 * subscription is removed, or while the last reference to an inode is dropped.
 *
 * Who holds what:
 *
 *   object    reference          holders
 *   mm        mm_count           each source, for its life. mm_users is held only
 *                                while a fault, a copy or a command is inside it
 *   source    kref               each session, each watcher, each inode below
 *                                its directory, a queued worker
 *   inode     i_count            the grant, from publish to revoke; dentries
 *   range     kref               its map file's tree, each fault and copy
 *   block     refcount           its range's tree, each fault and copy; whoever
 *                                holds one holds its range too
 *   monitor   mmu_notifier_get   each watcher
 *   session   f_count            its descriptors; a remote command under way
 *   mount     struct path        open files, sessions and watchers (these two by
 *                                their control file)
 */
#ifndef REMOTEFS_INTERNAL_H
#define REMOTEFS_INTERNAL_H

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/interval_tree.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/refcount.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <uapi/linux/remotefs.h>

/* What a mount limits. Allowed intervals count as ranges. */
enum remotefs_kind {
	REMOTEFS_MAPS,
	REMOTEFS_RANGES,
	REMOTEFS_WATCHES,
	REMOTEFS_KINDS
};

/**
 * struct remotefs_limit - how many of a kind there may be
 * @max:	in the mount; READ_ONCE, changed by remount
 * @user_max:	made by one user, or 0 for as many; likewise
 */
struct remotefs_limit {
	unsigned int max;
	unsigned int user_max;
};

/**
 * struct remotefs_sb - one mount
 * @pid_ns:	namespace whose PIDs name the directories; constant
 * @uid:	owner of the root directory; constant
 * @gid:	its group; constant
 * @mode:	its permission bits; constant
 * @control_gid: group of the control file; constant
 * @control_mode: its permission bits; constant
 * @control:	the control file's inode; constant
 * @limits:	on each kind of object
 * @users:	what each user has made, by ID (limit.c); its lock protects @used
 * @used:	how many objects of each kind there are
 * @next_ino:	last inode number given out; atomic
 * @next_session: last ID given to an ephemeral session; atomic
 * @lock:	protects the tree of names: @sources and what says so below
 * @sources:	struct remotefs_source by PID
 */
struct remotefs_sb {
	struct pid_namespace *pid_ns;
	kuid_t uid;
	kgid_t gid;
	umode_t mode;
	kgid_t control_gid;
	umode_t control_mode;
	struct inode *control;

	struct remotefs_limit limits[REMOTEFS_KINDS];
	struct xarray users;
	unsigned int used[REMOTEFS_KINDS];
	atomic64_t next_ino;
	atomic64_t next_session;

	struct mutex lock;	/* the tree of names */
	struct xarray sources;
};

/**
 * struct remotefs_source - an address space and the PID it is shown under
 * @ref:	keeps the memory of this struct
 * @sb:		the mount; valid while the source is in its tree
 * @end:	tells when the mm is torn down; covers no memory
 * @mm:		the address space, by mm_count only; constant
 * @pid:	the thread group's PID; constant
 * @nr:		its number in the mount's namespace; constant
 * @flags:	REMOTEFS_SOURCE_*; atomic bits
 * @gone_work:	takes the names away after the source's end
 * @users:	sessions, watchers, and one for a directory; protected by the
 *		mount's lock
 * @sessions:	how many there are; protected by the mount's lock
 * @exclusive:	one of them is exclusive; likewise
 * @dir:	the directory's inode, or NULL; protected by the mount's lock
 * @maps:	live map files by number; protected by the mount's lock
 * @watchers:	list of struct remotefs_watcher; likewise
 * @next_map:	number of the next map file; atomic
 * @waiters:	faults and copies inside the source; atomic
 */
struct remotefs_source {
	struct kref ref;
	struct super_block *sb;
	struct mmu_interval_notifier end;
	struct mm_struct *mm;
	struct pid *pid;
	pid_t nr;
	unsigned long flags;
	struct work_struct gone_work;

	unsigned int users;
	unsigned int sessions;
	bool exclusive;
	struct inode *dir;
	struct xarray maps;
	struct list_head watchers;
	atomic64_t next_map;
	atomic_t waiters;
};

/* "map-" and a number, or a PID. */
#define REMOTEFS_NAME_SIZE	16

#define REMOTEFS_SOURCE_GONE	0	/* exited or called execve */
#define REMOTEFS_SOURCE_EXITED	1	/* the former; set before GONE */
#define REMOTEFS_SOURCE_REAPED	3	/* nobody knows; likewise */
#define REMOTEFS_SOURCE_WATCHED	2	/* @end is subscribed; under mmap_lock */

/**
 * struct remotefs_map - a map file
 * @inode:	the VFS's part; also used alone, for directories and control
 * @area:	state that programs and whoever may change the file keep (bpf.c)
 * @lent:	a program was given its address; set once, READ_ONCE
 * @source:	whose memory, or which directory; counted; constant
 * @number:	N of map-N, or REMOTEFS_MAP_AS; constant after publish
 * @maker:	the attacher's fsuid, who may change the file; constant
 * @session:	ID of the ephemeral session that it ends with, or 0; constant
 * @lock:	"K" of fault.c's protocol; protects the fields below
 * @state:	REMOTEFS_STATE_*
 * @ranges:	tree of struct remotefs_range by page offset
 * @allowed:	tree of struct remotefs_interval: made writable
 * @zeroes:	tree of struct remotefs_interval: zeros after the source's exit
 * @writable:	how many ranges and allowed intervals admit writing
 * @nr_ranges:	how many ranges there are
 * @unmapped:	a range has been taken out of the file
 * @locked:	once it has a name, no session changes it any more
 * @label:	what people call it (label.c), or NULL
 * @mirrors:	how many VMAs map the file
 * @viewers:	how many times it is open; atomic
 * @link:	in the list of maps being revoked; whoever took its name away has it
 * @faults:	faults served; protected by @lock
 * @invalidations: callbacks seen; protected by @lock
 */
struct remotefs_map {
	struct inode inode;
	atomic64_t area[REMOTEFS_AREA_SLOTS];
	bool lent;
	struct remotefs_source *source;
	u32 number;
	kuid_t maker;
	u64 session;

	spinlock_t lock;	/* "K" */
	u32 state;
	struct rb_root_cached ranges;
	struct rb_root_cached allowed;
	struct rb_root_cached zeroes;
	unsigned int writable;
	unsigned int nr_ranges;
	bool unmapped;
	bool locked;
	char *label;
	unsigned int mirrors;
	atomic_t viewers;
	u64 faults;
	u64 invalidations;

	struct list_head link;
};

/**
 * struct remotefs_range - a range of the source placed in a map file
 * @ref:	the tree's reference, and one per fault or copy under way
 * @map:	the file; valid as long as its inode, which every user holds
 * @node:	page offsets in the file, first to last; constant
 * @address:	where it starts in the source; constant
 * @flags:	REMOTEFS_MAP_WRITE, _WHOLE, _ZERO; constant
 * @session:	ID of the ephemeral session that it ends with, or 0; constant
 * @live:	pages may be looked up and inserted; protected by the map's lock
 * @zero:	with ZERO: the interval for the map's tree, until it is there
 * @blocks:	tree of live struct remotefs_block; protected by the map's lock
 * @dying:	blocks that are to be unsubscribed; likewise
 * @reaping:	held while they are
 * @reap_work:	does it where nobody else can
 * @guard:	link in the guard's table
 */
struct remotefs_range {
	struct kref ref;
	struct remotefs_map *map;
	struct interval_tree_node node;
	unsigned long address;
	u32 flags;
	bool live;
	u64 session;
	struct remotefs_interval *zero;

	struct rb_root blocks;
	struct list_head dying;
	struct mutex reaping;	/* one reaper at a time */
	struct work_struct reap_work;
	struct hlist_node guard;
};

/**
 * struct remotefs_block - a subscribed part of a range
 * @sub:	the subscription; its interval is the block's; constant
 * @node:	link in its range's tree while live
 * @dying:	link in its range's list afterwards
 * @range:	whose part; valid while subscribed, and to whoever holds both
 * @ref:	the tree's or the list's reference, and one per fault or copy
 * @live:	it is in the tree; protected by the map's lock
 * @zap:	mirrors must be zapped before it is unsubscribed
 */
struct remotefs_block {
	struct mmu_interval_notifier sub;
	union {
		struct rb_node node;
		struct list_head dying;
	};
	struct remotefs_range *range;
	refcount_t ref;
	bool live;
	bool zap;
};

/**
 * struct remotefs_interval - a part of a file that has some property
 * @node:	page offsets in the file
 */
struct remotefs_interval {
	struct interval_tree_node node;
};

/**
 * struct remotefs_session - a handle on one source
 * @control:	the control file it came from; keeps the mount busy
 * @source:	counted, in references and in users
 * @cred:	the attacher's credentials
 * @id:		of an ephemeral session, or 0
 * @flags:	REMOTEFS_ATTACH_*, as it was made; constant
 * @writable:	ranges may be made writable
 * @locks:	the map files it makes are locked; set once, READ_ONCE
 * @strayed:	it is ephemeral and may have placed ranges in files that are not;
 *		set once
 */
struct remotefs_session {
	struct file *control;
	struct remotefs_source *source;
	const struct cred *cred;
	u64 id;
	u32 flags;
	bool writable;
	bool locks;
	bool strayed;
};

/**
 * struct remotefs_monitor - all watches on one address space
 * @notifier:	how the core tells us; counts the watchers
 * @open:	how many invalidations have begun and not ended; atomic
 * @counts:	a page of numbers of watches, by a hash of where they are;
 *		READ_ONCE, written under @lock
 * @nr:		how many watches there are; likewise
 * @lock:	protects everything below, and all of the watchers' queues
 * @watches:	tree of struct remotefs_watch by address
 * @watchers:	list of struct remotefs_watcher
 * @idle_first:	the last place where there was no watch, to spare the look at
 *		the end what was found at the beginning
 * @idle_last:	its last byte
 * @epoch:	counts moments when nothing was open
 * @unsure:	list of watchers that wait for the next one
 */
struct remotefs_monitor {
	struct mmu_notifier notifier;
	atomic_t open;
	u32 *counts;
	u32 nr;

	spinlock_t lock;	/* taken where nothing may be allocated */
	struct rb_root_cached watches;
	struct list_head watchers;
	unsigned long idle_first;
	unsigned long idle_last;
	u64 epoch;
	struct list_head unsure;
};

/**
 * struct remotefs_open - how many invalidations are under way, at most
 * @nr:		how many there were
 * @epoch:	and when; later there are none of them left
 */
struct remotefs_open {
	unsigned int nr;
	u64 epoch;
};

/**
 * struct remotefs_watch - a part of an address space that is watched
 * @node:	its first and last byte; constant
 * @named:	link in the watcher's tree by cookie
 * @cookie:	what its records are called; constant
 * @watcher:	whose it is; constant
 * @pending:	link in the watcher's list while it has a record
 * @open:	invalidations of it that are under way
 * @kinds:	of the record: REMOTEFS_KIND_*
 * @exact:	of the record: all from @first to @last was invalidated
 * @first:	of the record: first byte
 * @last:	of the record: last byte
 */
struct remotefs_watch {
	struct interval_tree_node node;
	struct rb_node named;
	u64 cookie;
	struct remotefs_watcher *watcher;
	struct list_head pending;
	struct remotefs_open open;
	u32 kinds;
	bool exact;
	unsigned long first;
	unsigned long last;
};

/**
 * struct remotefs_watcher - a descriptor that tells of invalidations
 * @control:	the control file it came from; keeps the mount busy
 * @source:	counted
 * @monitor:	of the source's address space; counted
 * @uid:	to whom its watches are charged; constant
 * @fellow:	link in the source's list
 * @link:	in the monitor's list
 * @touched:	in a list of those that a callback is about
 * @unsure:	in the monitor's list while @open may be too large
 * @names:	tree of its watches by cookie
 * @pending:	list of watches that have a record, the oldest first
 * @queued:	how many
 * @max_queued:	how many there may be; constant
 * @open:	invalidations of its watches that are under way
 * @stale:	there were more
 * @unsaid:	EMPTY is to follow
 * @gone_said:	GONE has been read
 * @generation:	what @page shows
 * @page:	for mmap()
 * @wait:	readers and pollers
 * @fasync:	who wants SIGIO
 * @wake_work:	wakes them: how many they are is not the invalidator's affair
 */
struct remotefs_watcher {
	struct file *control;
	struct remotefs_source *source;
	struct remotefs_monitor *monitor;
	kuid_t uid;

	struct list_head fellow;
	struct list_head link;
	struct list_head touched;
	struct list_head unsure;
	struct rb_root names;
	struct list_head pending;
	unsigned int queued;
	unsigned int max_queued;
	struct remotefs_open open;
	bool stale;
	bool unsaid;
	bool gone_said;
	u64 generation;
	struct remotefs_watch_page *page;

	wait_queue_head_t wait;
	struct fasync_struct *fasync;
	struct work_struct wake_work;
};

/*
 * What a source has at one page, in a word: its page frame number, if PRESENT,
 * above these bits. No bit at all: ask the core's fault handler.
 */
#define REMOTEFS_PAGE_PRESENT	BIT(0)	/* a load would not fault */
#define REMOTEFS_PAGE_WRITE	BIT(1)	/* nor would a store */
#define REMOTEFS_PAGE_DIRTY	BIT(2)	/* and it counts as written */
#define REMOTEFS_PAGE_EMPTY	BIT(3)	/* nothing, or on its way: see space.c */
#define REMOTEFS_PAGE_GUARD	BIT(4)	/* no access, though the VMA allows it */
#define REMOTEFS_PAGE_SHIFT	PAGE_SHIFT

/**
 * struct remotefs_extent - what the VMA at an address of a source allows
 * @start:	where it starts; if there is none, undefined
 * @end:	where the answer may change
 * @writable:	the source may store there itself
 * @monitored:	a userfaultfd says what is in pages that are not there
 */
struct remotefs_extent {
	unsigned long start;
	unsigned long end;
	bool writable;
	bool monitored;
};

/**
 * struct remotefs_table - a source's page table from some address on
 * @pmd:	what led to it
 * @ptes:	entry of that address, or NULL
 * @word:	without @ptes: what all up to the end of the table have; if PRESENT,
 *		of the first page, and the others follow on
 * @huge:	it is one huge entry
 */
struct remotefs_table {
	pmd_t pmd;
	pte_t *ptes;
	unsigned long word;
	bool huge;
};

/**
 * struct remotefs_window - pages of a range that are dealt with at once
 * @range:	whose pages
 * @block:	that covers them
 * @address:	of the first one in the source
 * @nr:		how many
 * @seq:	the block's sequence when it began
 */
struct remotefs_window {
	struct remotefs_range *range;
	struct remotefs_block *block;
	unsigned long address;
	unsigned int nr;
	unsigned long seq;
};

/**
 * struct remotefs_hint - the last window of some thread; racy by design
 * @first:	page offset where it started
 * @span:	how many pages the next one is to be measured by, a power of two
 */
struct remotefs_hint {
	pgoff_t first;
	unsigned long span;
};

/**
 * struct remotefs_file - what an open map file remembers between faults
 * @hints:	one for each thread, as far as there are enough
 */
struct remotefs_file {
	struct remotefs_hint hints[4];
};

/**
 * struct remotefs_job - what a thread of the kernel does for somebody
 * @run:	does it
 * @done:	tells those who wait; the job's memory may go then
 * @thread:	which one has it; helper.c's lock
 * @hurried:	give up, if nothing has been done yet; READ_ONCE
 */
struct remotefs_job {
	void (*run)(struct remotefs_job *job);
	void (*done)(struct remotefs_job *job);
	struct task_struct *thread;
	bool hurried;
};

/* What a fault comes to, as numbers for the tracepoint. */
enum {
	REMOTEFS_FAULT_OOM	= (__force u32)VM_FAULT_OOM,
	REMOTEFS_FAULT_SIGBUS	= (__force u32)VM_FAULT_SIGBUS,
	REMOTEFS_FAULT_HWPOISON	= (__force u32)VM_FAULT_HWPOISON,
	REMOTEFS_FAULT_NOPAGE	= (__force u32)VM_FAULT_NOPAGE,
	REMOTEFS_FAULT_RETRY	= (__force u32)VM_FAULT_RETRY,
};

static inline struct remotefs_sb *REMOTEFS_SB(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct remotefs_map *REMOTEFS_I(struct inode *inode)
{
	return container_of(inode, struct remotefs_map, inode);
}

/* Directories and control have such an inode, too. */
static inline bool remotefs_is_map_file(struct inode *inode)
{
	return REMOTEFS_I(inode)->source && S_ISREG(inode->i_mode);
}

/* Length of a range in the source, in bytes. */
static inline unsigned long
remotefs_range_size(const struct remotefs_range *range)
{
	return (range->node.last - range->node.start + 1) << PAGE_SHIFT;
}

/* Source address of a page of the file; the page must be in the range. */
static inline unsigned long
remotefs_range_address(const struct remotefs_range *range, pgoff_t pgoff)
{
	return range->address + ((pgoff - range->node.start) << PAGE_SHIFT);
}

/* Page of the file that shows a source address; that must be in the range. */
static inline pgoff_t remotefs_range_pgoff(const struct remotefs_range *range,
					   unsigned long address)
{
	return range->node.start + ((address - range->address) >> PAGE_SHIFT);
}

/* The page of a word that says PRESENT. */
static inline unsigned long remotefs_page_pfn(unsigned long word)
{
	return word >> REMOTEFS_PAGE_SHIFT;
}

static inline unsigned long remotefs_page_word(pte_t pte)
{
	unsigned long word = REMOTEFS_PAGE_PRESENT;

	if (pte_none(pte))
		return REMOTEFS_PAGE_EMPTY;
	if (!pte_present(pte))
		return pte_is_guard(pte) ? REMOTEFS_PAGE_GUARD : 0;
	if (pte_protnone(pte))
		return 0;
	/* In anonymous memory only the zero page is special. */
	if (unlikely(pte_special(pte)) && !is_zero_pfn(pte_pfn(pte)))
		return 0;
	if (pte_write(pte))
		word |= REMOTEFS_PAGE_WRITE;
	if (pte_dirty(pte))
		word |= REMOTEFS_PAGE_DIRTY;
	return word | pte_pfn(pte) << REMOTEFS_PAGE_SHIFT;
}

/* The word of the @i-th page of a table, which must reach that far. */
static inline unsigned long
remotefs_table_word(const struct remotefs_table *table, unsigned int i)
{
	if (likely(table->ptes))
		return remotefs_page_word(ptep_get(table->ptes + i));
	if (!table->huge)
		return table->word;
	return table->word + ((unsigned long)i << REMOTEFS_PAGE_SHIFT);
}

/* Is the source known to have ended? */
static inline bool remotefs_source_is_gone(const struct remotefs_source *source)
{
	return test_bit(REMOTEFS_SOURCE_GONE, &source->flags);
}

/* A part of a file or of an address space, as callers name it. */
static inline int remotefs_check_interval(u64 start, u64 length, u64 limit)
{
	u64 end;

	if (!length || !PAGE_ALIGNED(start) || !PAGE_ALIGNED(length) ||
	    check_add_overflow(start, length, &end) || end > limit)
		return -EINVAL;
	return 0;
}

/* Copy a structure with results back: as much as the caller has room for. */
static inline int remotefs_reply(void __user *uarg, const void *args,
				 size_t size)
{
	size = min_t(size_t, size, *(const u32 *)args);
	return copy_to_user(uarg, args, size) ? -EFAULT : 0;
}

/*
 * Take pages first to last out of every mirror. Sleeps (i_mmap_rwsem); the
 * map's lock is not held.
 */
static inline void remotefs_map_zap(struct remotefs_map *map, pgoff_t first,
				    pgoff_t last)
{
	unmap_mapping_pages(map->inode.i_mapping, first, last - first + 1, true);
}

/* super.c */
extern struct workqueue_struct *remotefs_wq;
void remotefs_inode_free(struct inode *inode);

/* control.c */
extern const struct file_operations remotefs_control_operations;
long remotefs_session_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg);
long remotefs_file_ioctl(struct file *file, unsigned int cmd,
			 unsigned long arg);
long remotefs_watch_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg);

/* remote.c */
long remotefs_remote_call(struct file *file, void *data, void __user *uarg);

/* session.c */
int remotefs_session_calibrate(void);
int remotefs_session_prepare(struct remotefs_session *session,
			     const struct remotefs_map_args *args,
			     struct remotefs_map **map,
			     struct remotefs_range **range);
long remotefs_session_attach(struct file *control, void *data,
			     void __user *uarg);
long remotefs_session_map(struct file *file, void *data, void __user *uarg);
long remotefs_session_unmap(struct file *file, void *data, void __user *uarg);
long remotefs_session_allow(struct file *file, void *data, void __user *uarg);
long remotefs_session_lock(struct file *file, void *data, void __user *uarg);
long remotefs_session_open(struct file *file, void *data, void __user *uarg);
long remotefs_session_watch(struct file *file, void *data, void __user *uarg);

/* watch.c */
struct file *remotefs_watch_file(struct file *control,
				 struct remotefs_source *source, kuid_t uid,
				 unsigned int max_queued);
void remotefs_watch_source_gone(struct remotefs_source *source);
long remotefs_watch_add(struct file *file, void *data, void __user *uarg);
long remotefs_watch_del(struct file *file, void *data, void __user *uarg);

/* monitor.c */
struct remotefs_monitor *remotefs_monitor_get(struct remotefs_source *source);
void remotefs_monitor_put(struct remotefs_monitor *monitor);
void remotefs_monitor_admit(struct remotefs_monitor *monitor,
			    struct remotefs_watcher *watcher);
void remotefs_monitor_dismiss(struct remotefs_watcher *watcher);
void remotefs_monitor_insert(struct remotefs_watch *watch);
void remotefs_monitor_remove(struct remotefs_watch *watch);
bool remotefs_monitor_take(struct remotefs_watcher *watcher,
			   struct remotefs_event *event);
void remotefs_monitor_lost(struct remotefs_watcher *watcher,
			   const struct remotefs_event *event);
void remotefs_monitor_gone(struct remotefs_watcher *watcher);
bool remotefs_monitor_has(struct remotefs_watcher *watcher);
void remotefs_monitor_exit(void);

/* dir.c */
extern const struct inode_operations remotefs_dir_inode_operations;
extern const struct file_operations remotefs_dir_operations;

/* source.c */
struct remotefs_source *remotefs_source_attach(struct super_block *sb,
					       struct mm_struct *mm,
					       struct pid *pid, u32 flags);
void remotefs_source_detach(struct remotefs_source *source, u32 flags);
void remotefs_source_admit(struct remotefs_source *source,
			   struct remotefs_watcher *watcher);
void remotefs_source_dismiss(struct remotefs_source *source,
			     struct remotefs_watcher *watcher);
void remotefs_source_put(struct remotefs_source *source);
struct inode *remotefs_source_lookup(struct super_block *sb,
				     unsigned long nr);
bool remotefs_source_next(struct super_block *sb, unsigned long *nr, u64 *ino);
int remotefs_source_publish(struct remotefs_source *source,
			    struct remotefs_map *map,
			    struct remotefs_range *range);
struct remotefs_map *remotefs_source_map_locked(struct remotefs_source *source,
						u32 number);
struct remotefs_map *remotefs_source_map(struct remotefs_source *source,
					 u32 number);
struct remotefs_map *remotefs_source_next_map(struct remotefs_source *source,
					      const struct inode *dir,
					      unsigned long *number);
void remotefs_source_retract(struct remotefs_source *source, u64 session);
void remotefs_source_retract_ranges(struct remotefs_source *source,
				    u64 session);
void remotefs_source_revoke(struct remotefs_source *source, u32 state);
void remotefs_source_revoke_all(struct super_block *sb);

/* map.c */
extern const struct inode_operations remotefs_map_inode_operations;
struct inode *remotefs_inode_new(struct super_block *sb, umode_t mode,
				 kuid_t uid, kgid_t gid);
void remotefs_inode_forget(struct inode *inode);
bool remotefs_parse_number(const char *name, unsigned int len, u32 *number);
void remotefs_map_name(char name[REMOTEFS_NAME_SIZE], u32 number);
struct remotefs_map *remotefs_map_alloc(struct remotefs_source *source,
					kuid_t maker, umode_t mode,
					kuid_t uid, kgid_t gid);
void remotefs_map_evict(struct remotefs_map *map);
bool remotefs_map_may_manage(const struct remotefs_map *map);
int remotefs_map_insert(struct remotefs_map *map, struct remotefs_range *range);
int remotefs_map_unmap(struct remotefs_map *map, pgoff_t first, pgoff_t last);
void remotefs_map_retract(struct remotefs_map *map, u64 session);
int remotefs_map_allow(struct remotefs_map *map, pgoff_t first, pgoff_t last);
int remotefs_map_lock(struct remotefs_map *map);
void remotefs_map_kill(struct remotefs_map *map, u32 state);

/* label.c */
extern const struct xattr_handler *const remotefs_xattr_handlers[];

/* file.c */
extern const struct file_operations remotefs_file_operations;

/* info.c */
long remotefs_info_call(struct file *file, void *data, void __user *uarg);
long remotefs_info_range(struct file *file, void *data, void __user *uarg);
void remotefs_info_show(struct seq_file *seq, struct file *file);

/* copy.c */
int remotefs_copy_access(struct vm_area_struct *vma, unsigned long address,
			 void *buffer, int length, int write);
ssize_t remotefs_copy_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t remotefs_copy_write(struct kiocb *iocb, struct iov_iter *from);

/* seek.c */
loff_t remotefs_seek_extent(struct file *file, loff_t offset, int whence);

/* fault.c */
extern const struct vm_operations_struct remotefs_vm_ops;
extern const struct mmu_interval_notifier_ops remotefs_block_ops;
void remotefs_window_begin(struct remotefs_window *window);
bool remotefs_window_lock(struct remotefs_window *window)
	__acquires(&window->range->map->lock);
void remotefs_window_unlock(struct remotefs_window *window)
	__releases(&window->range->map->lock);
void remotefs_window_table(struct remotefs_window *window,
			   struct remotefs_table *table);

/* range.c */
struct remotefs_range *remotefs_range_alloc(struct remotefs_map *map, u32 flags,
					    unsigned long address,
					    pgoff_t first, pgoff_t last);
int remotefs_range_admit(struct remotefs_range *range);
void remotefs_range_put(struct remotefs_range *range);
int remotefs_map_errno(struct remotefs_map *map);
struct remotefs_range *remotefs_range_first(struct remotefs_map *map,
					    pgoff_t first, pgoff_t last);
struct remotefs_range *remotefs_range_find(struct remotefs_map *map,
					   pgoff_t pgoff,
					   struct remotefs_block **block);
struct remotefs_range *remotefs_range_next(struct remotefs_map *map,
					   pgoff_t pgoff);
bool remotefs_range_admits_write(struct remotefs_range *range, pgoff_t first,
				 pgoff_t last);

/* block.c */
struct remotefs_block *remotefs_block_alloc(void);
void remotefs_block_put(struct remotefs_block *block);
unsigned long remotefs_block_start(const struct remotefs_block *block);
unsigned long remotefs_block_end(const struct remotefs_block *block);
struct remotefs_block *remotefs_block_find(struct remotefs_range *range,
					   unsigned long address);
int remotefs_block_subscribe(struct remotefs_range *range,
			     struct remotefs_block *block,
			     unsigned long address);
int remotefs_block_try_subscribe(struct remotefs_range *range,
				 struct remotefs_block *block,
				 unsigned long address);
void remotefs_block_stale(struct remotefs_block *block);
void remotefs_block_enlist(struct remotefs_range *range);
void remotefs_block_bury(struct remotefs_range *range);
int remotefs_block_guard(struct mm_struct *mm, unsigned long start,
			 unsigned long end);

/* space.c */
bool remotefs_space_belongs(struct mm_struct *mm, struct pid *pid);
void remotefs_space_end(struct remotefs_source *source);
int remotefs_space_watch(struct remotefs_source *source);
bool remotefs_space_is_live(struct remotefs_source *source);
int remotefs_space_enter(struct remotefs_source *source);
void remotefs_space_leave(struct remotefs_source *source);
int remotefs_space_check(struct mm_struct *mm, unsigned long address,
			 bool write, struct remotefs_extent *extent);
int remotefs_space_run(struct mm_struct *mm, unsigned long address,
		       unsigned long *start, unsigned long *end);
unsigned long remotefs_space_next_table(struct mm_struct *mm,
					unsigned long address,
					unsigned long end);
void remotefs_space_table(struct mm_struct *mm, unsigned long address,
			  struct remotefs_table *table);
bool remotefs_space_is_huge(struct mm_struct *mm, unsigned long address);
unsigned long remotefs_space_present(struct mm_struct *mm, unsigned long start,
				     unsigned long end);
unsigned int remotefs_space_count(struct mm_struct *mm, unsigned long address,
				  unsigned int nr, bool data);
int remotefs_space_errno(vm_fault_t fault);
vm_fault_t remotefs_space_fault_now(struct mm_struct *mm, unsigned long address,
				    bool write);
int remotefs_space_fault_in(struct remotefs_source *source,
			    unsigned long address, bool write);
int remotefs_space_removable(struct mm_struct *mm, unsigned long start,
			     unsigned long end);
int remotefs_space_discard(struct mm_struct *mm, unsigned long start,
			   unsigned long end);
int remotefs_space_advise_huge(struct mm_struct *mm, unsigned long start,
			       unsigned long end);

/* limit.c */
int remotefs_limit_charge(struct super_block *sb, kuid_t uid,
			  enum remotefs_kind kind);
void remotefs_limit_uncharge(struct super_block *sb, kuid_t uid,
			     enum remotefs_kind kind);

/* helper.c */
int remotefs_helper_start(struct remotefs_job *job);
void remotefs_helper_hurry(struct remotefs_job *job);
void remotefs_helper_exit(void);

/* bpf.c */
int remotefs_bpf_admit(struct remotefs_map *map);
void remotefs_bpf_dismiss(struct remotefs_map *map);
void remotefs_bpf_free(struct remotefs_map *map);
struct remotefs_map *remotefs_bpf_find(const struct inode *inode);
int remotefs_bpf_ask(struct inode *inode, u32 op, u32 flags, u64 offset,
		     u64 length);
u64 *remotefs_inode_area(struct inode *inode__ign, u32 rdwr_buf_size);
int remotefs_policy_deny(struct remotefs_policy *policy, int err);
long remotefs_bpf_area(struct file *file, void *data, void __user *uarg);
void remotefs_bpf_init(void);
void remotefs_bpf_exit(void);

#endif /* REMOTEFS_INTERNAL_H */
