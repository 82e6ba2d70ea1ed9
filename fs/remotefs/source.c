// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: a source and its directory.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A source is an address space under the PID of a process that has it. It is
 * in the mount's table while a session or a watcher refers to it or while it is
 * published, that is, while its directory can be looked up; the first map file
 * publishes it. So all who attach to it have the same one, and when somebody
 * finds out that it has ended, all know. It ends
 *
 *   - when the mm is torn down: a subscription says so;
 *   - when the PID's process no longer has the mm though the mm lives on
 *     (execve after vfork): whoever asks finds out;
 *   - when the directory is removed, or the mount goes.
 *
 * The first two are one-way for the struct: a later process under the same PID
 * gets a struct of its own, and old descriptors never reach it. Look-ups, the
 * table, directories and the lists of map files are under the mount's lock.
 */
#include <linux/capability.h>
#include <linux/fsnotify.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "internal.h"
#include "trace.h"

static void source_free(struct kref *ref)
{
	struct remotefs_source *source =
		container_of(ref, struct remotefs_source, ref);

	xa_destroy(&source->maps);
	put_pid(source->pid);
	mmdrop(source->mm);
	kfree(source);
}

/**
 * remotefs_source_put - drop a reference
 * @source:	the source
 *
 * Context: sleeps.
 */
void remotefs_source_put(struct remotefs_source *source)
{
	kref_put(&source->ref, source_free);
}

static void source_gone(struct work_struct *work)
{
	struct remotefs_source *source =
		container_of(work, struct remotefs_source, gone_work);

	remotefs_source_revoke(source, REMOTEFS_STATE_GONE);
	remotefs_watch_source_gone(source);
	remotefs_source_put(source);
}

static struct remotefs_source *source_alloc(struct super_block *sb,
					    struct mm_struct *mm,
					    struct pid *pid, pid_t nr)
{
	struct remotefs_source *source;

	source = kzalloc(sizeof(*source), GFP_KERNEL_ACCOUNT);
	if (!source)
		return NULL;
	kref_init(&source->ref);
	mmgrab(mm);
	source->sb = sb;
	source->mm = mm;
	source->pid = get_pid(pid);
	source->nr = nr;
	INIT_WORK(&source->gone_work, source_gone);
	xa_init_flags(&source->maps, XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&source->watchers);
	return source;
}

/*
 * The mount's lock is held. Out of the table once nobody needs it there; then
 * true, and source_unwatch() must follow when the lock is dropped.
 */
static bool source_unlist(struct remotefs_source *source)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(source->sb);

	lockdep_assert_held(&sbi->lock);
	if (source->users && !remotefs_source_is_gone(source))
		return false;
	if (xa_load(&sbi->sources, source->nr) == source)
		xa_erase(&sbi->sources, source->nr);
	return true;
}

/*
 * No callback may find the source once the mount can go. Nobody watches it
 * anew: that takes a session, and a source that is not gone.
 */
static void source_unwatch(struct remotefs_source *source)
{
	if (test_and_clear_bit(REMOTEFS_SOURCE_WATCHED, &source->flags))
		mmu_interval_notifier_remove(&source->end);
}

/*
 * The mount's lock is held. Does one session keep the other away? Nobody can
 * lock the administrator out, who wants no more than to attach.
 */
static bool source_excludes(struct remotefs_source *source, u32 flags)
{
	if (flags & REMOTEFS_ATTACH_EXCLUSIVE)
		return source->sessions;
	return source->exclusive &&
	       !ns_capable(source->sb->s_user_ns, CAP_SYS_ADMIN);
}

/* Use the source that is in the table, or put a new one there. */
static struct remotefs_source *source_list(struct super_block *sb,
					   struct remotefs_source *fresh,
					   u32 flags,
					   struct remotefs_source **stale)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(sb);
	struct remotefs_source *source;
	int err = 0;

	mutex_lock(&sbi->lock);
	source = xa_load(&sbi->sources, fresh->nr);
	if (!source) {
		source = fresh;
		err = xa_err(xa_store(&sbi->sources, fresh->nr, fresh,
				      GFP_KERNEL));
	} else if (source->mm != fresh->mm || source->pid != fresh->pid ||
		   remotefs_source_is_gone(source)) {
		kref_get(&source->ref);
		*stale = source;
		source = NULL;
	} else if (source_excludes(source, flags)) {
		err = -EEXIST;
	}
	if (source && !err) {
		kref_get(&source->ref);
		source->users++;
		source->sessions++;
		if (flags & REMOTEFS_ATTACH_EXCLUSIVE)
			source->exclusive = true;
	}
	mutex_unlock(&sbi->lock);
	return err ? ERR_PTR(err) : source;
}

/*
 * Another one has the PID of a source that was to be listed: end it, unless it
 * is the other that has come late. Drops the caller's reference.
 */
static int source_make_way(struct remotefs_source *stale)
{
	int err = remotefs_space_is_live(stale) ? -ESRCH : 0;

	if (!err)
		remotefs_source_revoke(stale, REMOTEFS_STATE_GONE);
	remotefs_source_put(stale);
	return err;
}

/**
 * remotefs_source_attach - find or make the source of an address space
 * @sb:		the mount
 * @mm:		the address space; the caller proved its right to it
 * @pid:	the process that it is shown under
 * @flags:	REMOTEFS_ATTACH_EXCLUSIVE: the session shall be the only one
 *
 * Context: sleeps; takes the mount's lock.
 * Return: a source with a reference and a user, both for the caller's session;
 * ERR_PTR(-ESRCH) @pid has no number in the mount's namespace, or not this mm;
 * ERR_PTR(-EEXIST) one session would exclude another; ERR_PTR(-ENOMEM).
 */
struct remotefs_source *remotefs_source_attach(struct super_block *sb,
					       struct mm_struct *mm,
					       struct pid *pid, u32 flags)
{
	pid_t nr = pid_nr_ns(pid, REMOTEFS_SB(sb)->pid_ns);
	struct remotefs_source *fresh, *source, *stale;
	int err;

	if (!nr || !remotefs_space_belongs(mm, pid))
		return ERR_PTR(-ESRCH);
	fresh = source_alloc(sb, mm, pid, nr);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	do {
		stale = NULL;
		source = source_list(sb, fresh, flags, &stale);
		err = stale ? source_make_way(stale) : 0;
		if (err)
			source = ERR_PTR(err);
	} while (!source);
	remotefs_source_put(fresh);
	return source;
}

/* The mount's lock is held. One user less; returns what source_unlist() does. */
static bool source_unuse(struct remotefs_source *source)
{
	source->users--;
	return source_unlist(source);
}

/**
 * remotefs_source_detach - a session ends
 * @source:	its source; the session's reference and user are dropped
 * @flags:	that it was attached with
 *
 * Context: sleeps; takes the mount's lock.
 */
void remotefs_source_detach(struct remotefs_source *source, u32 flags)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(source->sb);
	bool unneeded;

	mutex_lock(&sbi->lock);
	source->sessions--;
	if (flags & REMOTEFS_ATTACH_EXCLUSIVE)
		source->exclusive = false;
	unneeded = source_unuse(source);
	mutex_unlock(&sbi->lock);
	if (unneeded)
		source_unwatch(source);
	remotefs_source_put(source);
}

/**
 * remotefs_source_admit - a watcher begins
 * @source:	its source, which a session uses; the watcher does so, too
 * @watcher:	the watcher, to be told of its end
 *
 * Context: sleeps; takes the mount's lock.
 */
void remotefs_source_admit(struct remotefs_source *source,
			   struct remotefs_watcher *watcher)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(source->sb);

	mutex_lock(&sbi->lock);
	source->users++;
	list_add(&watcher->fellow, &source->watchers);
	mutex_unlock(&sbi->lock);
}

/**
 * remotefs_source_dismiss - a watcher ends
 * @source:	its source; the caller has a reference
 * @watcher:	the watcher, which is told nothing more from here
 *
 * Context: sleeps; takes the mount's lock.
 */
void remotefs_source_dismiss(struct remotefs_source *source,
			     struct remotefs_watcher *watcher)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(source->sb);
	bool unneeded;

	mutex_lock(&sbi->lock);
	list_del(&watcher->fellow);
	unneeded = source_unuse(source);
	mutex_unlock(&sbi->lock);
	if (unneeded)
		source_unwatch(source);
}

/**
 * remotefs_source_lookup - the directory of a PID
 * @sb:		the mount
 * @nr:		the PID in the mount's namespace
 *
 * Context: sleeps; the mount's lock held.
 * Return: an inode with a reference, or NULL.
 */
struct inode *remotefs_source_lookup(struct super_block *sb, unsigned long nr)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(sb);
	struct remotefs_source *source;

	lockdep_assert_held(&sbi->lock);
	source = xa_load(&sbi->sources, nr);
	if (!source || !source->dir || !remotefs_space_is_live(source))
		return NULL;
	ihold(source->dir);
	return source->dir;
}

/**
 * remotefs_source_next - the next PID that has a directory
 * @sb:		the mount
 * @nr:		in: where to start; out: the PID
 * @ino:	out: its directory's inode number
 *
 * Context: sleeps; takes the mount's lock.
 * Return: false if there is none.
 */
bool remotefs_source_next(struct super_block *sb, unsigned long *nr, u64 *ino)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(sb);
	struct remotefs_source *source;
	bool found = false;

	mutex_lock(&sbi->lock);
	xa_for_each_start(&sbi->sources, *nr, source, *nr) {
		if (source->dir && remotefs_space_is_live(source)) {
			*ino = source->dir->i_ino;
			found = true;
			break;
		}
	}
	mutex_unlock(&sbi->lock);
	return found;
}

/* Tell watchers of @dir that the kernel made or took away an entry. */
static void source_notify(struct inode *dir, struct inode *inode,
			  const char *name, u32 mask)
{
	struct qstr qname = QSTR_INIT(name, strlen(name));

	if (S_ISDIR(inode->i_mode))
		mask |= FS_ISDIR;
	inode_set_ctime_current(dir);
	fsnotify_name(mask, inode, FSNOTIFY_EVENT_INODE, dir, &qname, 0);
}

/* An inode for the directory: root's, sticky, and open to all. */
static struct inode *source_dir_new(struct remotefs_source *source)
{
	struct inode *dir;

	dir = remotefs_inode_new(source->sb, S_IFDIR | S_ISVTX | 0777,
				 GLOBAL_ROOT_UID, GLOBAL_ROOT_GID);
	if (!dir)
		return NULL;
	dir->i_op = &remotefs_dir_inode_operations;
	dir->i_fop = &remotefs_dir_operations;
	set_nlink(dir, 2);
	kref_get(&source->ref);
	REMOTEFS_I(dir)->source = source;
	return dir;
}

/*
 * The mount's lock is held. @dir is a directory to use if there is none; it
 * is NULL on return if it was used. Nothing fails once the range is live.
 */
static int source_publish_locked(struct remotefs_source *source,
				 struct remotefs_map *map,
				 struct remotefs_range *range,
				 struct inode **dir)
{
	bool new = !map->inode.i_nlink;
	/* Once it is live, others may end it. */
	u64 offset = (u64)range->node.start << PAGE_SHIFT;
	u64 address = range->address, length = remotefs_range_size(range);
	u32 flags = range->flags;
	int err;

	if (!remotefs_space_is_live(source))
		return -ESRCH;
	if (new) {
		err = xa_insert(&source->maps, map->number, map, GFP_KERNEL);
		if (err)
			return err == -EBUSY ? -EEXIST : err;
	}
	err = remotefs_map_insert(map, range);
	if (err) {
		if (new)
			xa_erase(&source->maps, map->number);
		return err;
	}
	if (new) {
		/* The grant's own reference, besides the caller's. */
		ihold(&map->inode);
		set_nlink(&map->inode, 1);
	}
	if (!source->dir) {
		source->dir = *dir;
		source->users++;
		*dir = NULL;
	}
	/* Nobody can look a new file up yet, so this is told before its open. */
	trace_remotefs_map(&map->inode, offset, length, address, flags);
	return 0;
}

/**
 * remotefs_source_publish - make a range live, and its file if it is new
 * @source:	the source
 * @map:	one of its files; a new one has no link yet
 * @range:	the range, admitted; on success the file owns the reference
 *
 * Context: sleeps; takes the mount's lock.
 * Return: 0; -EEXIST the offset, or the name "as", is occupied; -ESRCH the
 * source is gone; -ESTALE the file was revoked; -ENOMEM.
 */
int remotefs_source_publish(struct remotefs_source *source,
			    struct remotefs_map *map,
			    struct remotefs_range *range)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(source->sb);
	bool new = !map->inode.i_nlink;
	struct inode *spare, *dir, *made = NULL;
	char name[REMOTEFS_NAME_SIZE];
	int err;

	spare = source_dir_new(source);
	if (!spare)
		return -ENOMEM;
	dir = spare;
	mutex_lock(&sbi->lock);
	err = source_publish_locked(source, map, range, &spare);
	if (!err) {
		made = spare ? NULL : dir;
		dir = source->dir;
		ihold(dir);
	}
	mutex_unlock(&sbi->lock);
	iput(spare);
	if (err)
		return err;
	if (made) {
		snprintf(name, sizeof(name), "%d", source->nr);
		source_notify(d_inode(source->sb->s_root), made, name,
			      FS_CREATE);
	}
	if (new) {
		remotefs_map_name(name, map->number);
		source_notify(dir, &map->inode, name, FS_CREATE);
	}
	iput(dir);
	return 0;
}

/**
 * remotefs_source_map_locked - a live map file by its number
 * @source:	the source
 * @number:	its number
 *
 * Context: the mount's lock held.
 * Return: a map whose inode has one more reference, or NULL.
 */
struct remotefs_map *remotefs_source_map_locked(struct remotefs_source *source,
						u32 number)
{
	struct remotefs_map *map = xa_load(&source->maps, number);

	lockdep_assert_held(&REMOTEFS_SB(source->sb)->lock);
	if (map)
		ihold(&map->inode);
	return map;
}

/**
 * remotefs_source_map - a live map file by its number
 * @source:	the source
 * @number:	its number
 *
 * Context: sleeps; takes the mount's lock.
 * Return: a map whose inode has one more reference, or NULL.
 */
struct remotefs_map *remotefs_source_map(struct remotefs_source *source,
					 u32 number)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(source->sb);
	struct remotefs_map *map;

	mutex_lock(&sbi->lock);
	map = remotefs_source_map_locked(source, number);
	mutex_unlock(&sbi->lock);
	return map;
}

/**
 * remotefs_source_next_map - the next live map file
 * @source:	the source
 * @dir:	a directory that must be the source's still, or NULL
 * @number:	in: where to start; out: the file's number
 *
 * Context: sleeps; takes the mount's lock.
 * Return: a map whose inode has one more reference, or NULL.
 */
struct remotefs_map *remotefs_source_next_map(struct remotefs_source *source,
					      const struct inode *dir,
					      unsigned long *number)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(source->sb);
	struct remotefs_map *map = NULL;

	mutex_lock(&sbi->lock);
	if (!dir || (source->dir == dir && remotefs_space_is_live(source)))
		map = xa_find(&source->maps, number, ULONG_MAX, XA_PRESENT);
	if (map)
		ihold(&map->inode);
	mutex_unlock(&sbi->lock);
	return map;
}

/* The mount's lock is held. Take names away: of a session's files, or of all. */
static void source_take_maps(struct remotefs_source *source, u64 session,
			     struct list_head *maps)
{
	struct remotefs_map *map;
	unsigned long number;

	lockdep_assert_held(&REMOTEFS_SB(source->sb)->lock);
	xa_for_each(&source->maps, number, map) {
		if (session && map->session != session)
			continue;
		xa_erase(&source->maps, number);
		list_add_tail(&map->link, maps);
	}
}

/* Take all names away under the mount's lock; return the directory, if any. */
static struct inode *source_unpublish(struct remotefs_source *source,
				      struct list_head *maps)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(source->sb);
	struct inode *dir;
	bool unneeded;

	mutex_lock(&sbi->lock);
	source_take_maps(source, 0, maps);
	dir = source->dir;
	source->dir = NULL;
	if (dir) {
		source->users--;
		/* Or the next one's files would be looked for in this one. */
		remotefs_inode_forget(dir);
	}
	unneeded = source_unlist(source);
	mutex_unlock(&sbi->lock);
	if (unneeded)
		source_unwatch(source);
	return dir;
}

/* End files whose names have been taken away; @dir held them, if there is one. */
static void source_bury(struct inode *dir, struct list_head *maps, u32 state)
{
	struct remotefs_map *map, *next;
	char name[REMOTEFS_NAME_SIZE];

	list_for_each_entry_safe(map, next, maps, link) {
		list_del_init(&map->link);
		remotefs_map_kill(map, state);
		remotefs_inode_forget(&map->inode);
		remotefs_map_name(name, map->number);
		if (dir)
			source_notify(dir, &map->inode, name, FS_DELETE);
		fsnotify_inoderemove(&map->inode);
		iput(&map->inode);
	}
}

/* Take the names of a session's files away; return the directory, if any. */
static struct inode *source_unpublish_session(struct remotefs_source *source,
					      u64 session,
					      struct list_head *maps)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(source->sb);
	struct inode *dir;

	mutex_lock(&sbi->lock);
	source_take_maps(source, session, maps);
	dir = source->dir;
	if (dir)
		ihold(dir);
	mutex_unlock(&sbi->lock);
	return dir;
}

/**
 * remotefs_source_retract - end the files that an ephemeral session made
 * @source:	its source
 * @session:	its ID; the session does nothing any more
 *
 * Context: sleeps; takes the mount's lock.
 */
void remotefs_source_retract(struct remotefs_source *source, u64 session)
{
	struct inode *dir;
	LIST_HEAD(maps);

	dir = source_unpublish_session(source, session, &maps);
	source_bury(dir, &maps, REMOTEFS_STATE_REVOKED);
	iput(dir);
}

/**
 * remotefs_source_retract_ranges - end what it has placed in files of others
 * @source:	its source
 * @session:	its ID; the session does nothing any more
 *
 * Context: sleeps; takes the mount's lock, and that of each map file.
 */
void remotefs_source_retract_ranges(struct remotefs_source *source,
				    u64 session)
{
	struct remotefs_map *map;
	unsigned long number;

	for (number = 0;
	     (map = remotefs_source_next_map(source, NULL, &number));
	     number++) {
		remotefs_map_retract(map, session);
		iput(&map->inode);
	}
}

/**
 * remotefs_source_revoke - end all map files of a source, and its directory
 * @source:	the source
 * @state:	REMOTEFS_STATE_REVOKED or REMOTEFS_STATE_GONE
 *
 * Context: sleeps; takes the mount's lock.
 */
void remotefs_source_revoke(struct remotefs_source *source, u32 state)
{
	char name[REMOTEFS_NAME_SIZE];
	struct inode *dir;
	LIST_HEAD(maps);

	dir = source_unpublish(source, &maps);
	source_bury(dir, &maps, state);
	if (!dir)
		return;
	/* A mount that failed half-way has none. */
	if (source->sb->s_root) {
		snprintf(name, sizeof(name), "%d", source->nr);
		source_notify(d_inode(source->sb->s_root), dir, name,
			      FS_DELETE);
	}
	fsnotify_inoderemove(dir);
	iput(dir);
}

/**
 * remotefs_source_revoke_all - the mount goes: end every source
 * @sb:		the mount, without users
 *
 * Context: sleeps.
 */
void remotefs_source_revoke_all(struct super_block *sb)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(sb);
	struct remotefs_source *source;
	unsigned long nr;

	for (;;) {
		nr = 0;
		mutex_lock(&sbi->lock);
		source = xa_find(&sbi->sources, &nr, ULONG_MAX, XA_PRESENT);
		if (source)
			kref_get(&source->ref);
		mutex_unlock(&sbi->lock);
		if (!source)
			break;
		remotefs_source_revoke(source, REMOTEFS_STATE_REVOKED);
		remotefs_source_put(source);
	}
	/* Callbacks have ended with the ranges; their workers may be queued. */
	flush_workqueue(remotefs_wq);
}
