// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: a map file as an inode.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A map file holds ranges of one source at page offsets of its own, in a tree
 * under the file's lock. It is live from the moment its source publishes it to
 * the moment it is killed, by unlink, by the source's end, or by unmount; the
 * grant holds the inode for that long, so that mode, owner and identity last.
 * A dead file keeps its size, since tools take a file of size zero for an empty
 * one, and answers everything with ESTALE or ESRCH.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/xattr.h>

#include "internal.h"
#include "trace.h"

/* What stat(2) calls the preferred size of a read: 64 KiB. */
#define BLOCK_BITS	16

/**
 * remotefs_inode_new - make an inode of this filesystem
 * @sb:		the mount
 * @mode:	type and permission bits
 * @uid:	owner
 * @gid:	group
 *
 * Context: sleeps.
 * Return: an inode with one reference, or NULL.
 */
struct inode *remotefs_inode_new(struct super_block *sb, umode_t mode,
				 kuid_t uid, kgid_t gid)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_ino = atomic64_inc_return(&REMOTEFS_SB(sb)->next_ino);
	inode->i_mode = mode;
	inode->i_uid = uid;
	inode->i_gid = gid;
	inode->i_blkbits = BLOCK_BITS;
	inode->i_op = &remotefs_map_inode_operations;
	simple_inode_init_ts(inode);
	return inode;
}

/**
 * remotefs_inode_forget - no look-up shall find this inode any more
 * @inode:	an inode whose name is gone already; the caller keeps it
 *
 * Context: sleeps; of a directory, with the mount's lock held.
 */
void remotefs_inode_forget(struct inode *inode)
{
	struct dentry *dentry;

	clear_nlink(inode);
	if (S_ISDIR(inode->i_mode)) {
		dentry = d_find_any_alias(inode);
		if (dentry)
			d_drop(dentry);
		dput(dentry);
		return;
	}
	while ((dentry = d_find_alias(inode))) {
		d_drop(dentry);
		dput(dentry);
	}
}

/**
 * remotefs_parse_number - read a name as a number, strictly
 * @name:	the characters, not terminated
 * @len:	how many
 * @number:	out: the number
 *
 * Context: any.
 * Return: true for what "%u" prints, and nothing else.
 */
bool remotefs_parse_number(const char *name, unsigned int len, u32 *number)
{
	u64 value = 0;
	unsigned int i;

	if (!len || len > 10 || (len > 1 && name[0] == '0'))
		return false;
	for (i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		value = value * 10 + (name[i] - '0');
	}
	if (value > U32_MAX)
		return false;
	*number = value;
	return true;
}

/**
 * remotefs_map_name - the name of a map file
 * @name:	out: the name
 * @number:	its number
 *
 * Context: any.
 */
void remotefs_map_name(char name[REMOTEFS_NAME_SIZE], u32 number)
{
	if (number == REMOTEFS_MAP_AS)
		strscpy(name, "as", REMOTEFS_NAME_SIZE);
	else
		snprintf(name, REMOTEFS_NAME_SIZE, "map-%u", number);
}

/**
 * remotefs_map_alloc - make a map file that has no name yet
 * @source:	whose memory it will show; a reference is taken
 * @maker:	to whom it is charged, and who may change it
 * @mode:	permission bits
 * @uid:	owner
 * @gid:	group
 *
 * Context: sleeps.
 * Return: a map whose inode has one reference, to be dropped with iput();
 * ERR_PTR(-ENOSPC), ERR_PTR(-ENOMEM).
 */
struct remotefs_map *remotefs_map_alloc(struct remotefs_source *source,
					kuid_t maker, umode_t mode,
					kuid_t uid, kgid_t gid)
{
	struct remotefs_map *map;
	struct inode *inode;
	int err;

	err = remotefs_limit_charge(source->sb, maker, REMOTEFS_MAPS);
	if (err)
		return ERR_PTR(err);
	err = -ENOMEM;
	inode = remotefs_inode_new(source->sb, S_IFREG | mode, uid, gid);
	if (!inode)
		goto err_uncharge;
	map = REMOTEFS_I(inode);
	err = remotefs_bpf_admit(map);
	if (err)
		goto err_put_inode;
	inode->i_fop = &remotefs_file_operations;
	kref_get(&source->ref);
	map->source = source;
	map->maker = maker;
	return map;

err_put_inode:
	iput(inode);
err_uncharge:
	remotefs_limit_uncharge(source->sb, maker, REMOTEFS_MAPS);
	return ERR_PTR(err);
}

/* Free the first interval that overlaps; false if there is none. */
static bool interval_drop(struct rb_root_cached *root, pgoff_t first,
			  pgoff_t last)
{
	struct interval_tree_node *node;

	node = interval_tree_iter_first(root, first, last);
	if (!node)
		return false;
	interval_tree_remove(node, root);
	kfree(container_of(node, struct remotefs_interval, node));
	return true;
}

/* The file and what was allowed of it are charged to its maker no longer. */
static void map_uncharge(struct remotefs_map *map,
			 struct rb_root_cached *allowed)
{
	struct super_block *sb = map->inode.i_sb;

	while (interval_drop(allowed, 0, ULONG_MAX))
		remotefs_limit_uncharge(sb, map->maker, REMOTEFS_RANGES);
	remotefs_limit_uncharge(sb, map->maker, REMOTEFS_MAPS);
}

/**
 * remotefs_map_evict - the inode of a map file goes
 * @map:	the map; nobody else knows it any more
 *
 * Context: sleeps.
 */
void remotefs_map_evict(struct remotefs_map *map)
{
	/* It has not been killed, since it never had a name. */
	if (map->state == REMOTEFS_STATE_LIVE)
		map_uncharge(map, &map->allowed);
	while (interval_drop(&map->zeroes, 0, ULONG_MAX))
		;
	kfree(map->label);
	remotefs_bpf_dismiss(map);
	WARN_ON_ONCE(!RB_EMPTY_ROOT(&map->allowed.rb_root));
	WARN_ON_ONCE(!RB_EMPTY_ROOT(&map->ranges.rb_root));
}

/**
 * remotefs_map_may_manage - is the file the caller's own affair?
 * @map:	the file
 *
 * To own it or to have it open is not enough: that is what others are given.
 *
 * Context: any; asks for the caller's credentials.
 * Return: true for its maker and for administrators.
 */
bool remotefs_map_may_manage(const struct remotefs_map *map)
{
	return uid_eq(map->maker, current_fsuid()) ||
	       ns_capable(map->inode.i_sb->s_user_ns, CAP_SYS_ADMIN);
}

/*
 * Why sessions cannot change a file any more, or 0. The map's lock is held.
 * What has no name yet is still being made.
 */
static int map_changes_errno(struct remotefs_map *map)
{
	int err = remotefs_map_errno(map);

	if (!err && map->locked && map->inode.i_nlink)
		err = -EPERM;
	return err;
}

/**
 * remotefs_map_insert - place an admitted range in its file: it is live now
 * @map:	the file
 * @range:	the range; on success the tree owns the caller's reference
 *
 * Context: the mount's lock held; takes @map's lock.
 * Return: 0; -EEXIST the offset is occupied; -EPERM the file is locked; -ESTALE,
 * -ESRCH it is dead.
 */
int remotefs_map_insert(struct remotefs_map *map, struct remotefs_range *range)
{
	loff_t end = (loff_t)(range->node.last + 1) << PAGE_SHIFT;
	int err;

	spin_lock(&map->lock);
	err = map_changes_errno(map);
	if (!err &&
	    remotefs_range_first(map, range->node.start, range->node.last))
		err = -EEXIST;
	if (!err) {
		range->live = true;
		interval_tree_insert(&range->node, &map->ranges);
		if (range->zero)
			interval_tree_insert(&range->zero->node, &map->zeroes);
		range->zero = NULL;
		map->nr_ranges++;
		if (range->flags & REMOTEFS_MAP_WRITE)
			map->writable++;
		if (end > i_size_read(&map->inode))
			i_size_write(&map->inode, end);
	}
	spin_unlock(&map->lock);
	return err;
}

/* The map's lock is held. The tree's reference passes to @dead. */
static void map_remove(struct remotefs_map *map, struct remotefs_range *range,
		       struct rb_root_cached *dead)
{
	lockdep_assert_held(&map->lock);
	range->live = false;
	interval_tree_remove(&range->node, &map->ranges);
	map->nr_ranges--;
	if (range->flags & REMOTEFS_MAP_WRITE)
		map->writable--;
	interval_tree_insert(&range->node, dead);
}

/* Out of the mirrors, then out of the notifiers; the order of range.c. */
static void map_bury(struct remotefs_map *map, struct rb_root_cached *dead)
{
	struct interval_tree_node *node;
	struct remotefs_range *range;

	while ((node = interval_tree_iter_first(dead, 0, ULONG_MAX))) {
		range = container_of(node, struct remotefs_range, node);
		interval_tree_remove(node, dead);
		remotefs_map_zap(map, node->start, node->last);
		remotefs_block_bury(range);
		remotefs_range_put(range);
	}
}

/**
 * remotefs_map_unmap - take the ranges within an interval out of a file
 * @map:	the file
 * @first:	first page
 * @last:	last page
 *
 * Context: sleeps; no lock held.
 * Return: 0; -ENOENT there is none; -EINVAL one is only partly within; -EPERM
 * the file is locked; -ESTALE, -ESRCH it is dead.
 */
int remotefs_map_unmap(struct remotefs_map *map, pgoff_t first, pgoff_t last)
{
	struct rb_root_cached dead = RB_ROOT_CACHED;
	struct remotefs_range *range;
	struct interval_tree_node *node;
	int err = -ENOENT;

	spin_lock(&map->lock);
	for (node = interval_tree_iter_first(&map->ranges, first, last); node;
	     node = interval_tree_iter_next(node, first, last)) {
		err = 0;
		if (node->start < first || node->last > last) {
			err = -EINVAL;
			break;
		}
	}
	err = map_changes_errno(map) ?: err;
	while (!err && (range = remotefs_range_first(map, first, last))) {
		map_remove(map, range, &dead);
		map->unmapped = true;
	}
	while (!err && interval_drop(&map->zeroes, first, last))
		;
	spin_unlock(&map->lock);
	map_bury(map, &dead);
	return err;
}

/**
 * remotefs_map_retract - take the ranges of a session out of a file
 * @map:	the file
 * @session:	the session's ID
 *
 * A lock does not keep them: it binds sessions that change files, and here one
 * ends.
 *
 * Context: sleeps; no lock held.
 */
void remotefs_map_retract(struct remotefs_map *map, u64 session)
{
	struct rb_root_cached dead = RB_ROOT_CACHED;
	struct interval_tree_node *node, *next;
	struct remotefs_range *range;

	spin_lock(&map->lock);
	for (node = interval_tree_iter_first(&map->ranges, 0, ULONG_MAX); node;
	     node = next) {
		next = interval_tree_iter_next(node, 0, ULONG_MAX);
		range = container_of(node, struct remotefs_range, node);
		if (range->session != session)
			continue;
		if (range->flags & REMOTEFS_MAP_ZERO)
			interval_drop(&map->zeroes, node->start, node->last);
		map_remove(map, range, &dead);
		map->unmapped = true;
	}
	spin_unlock(&map->lock);
	map_bury(map, &dead);
}

/**
 * remotefs_map_allow - make an interval of a file writable
 * @map:	the file
 * @first:	first page, within the file
 * @last:	last page
 *
 * Context: sleeps; takes @map's lock.
 * Return: 0; -ENOENT no range there; -EEXIST some of it is allowed already;
 * -ENOSPC; -ENOMEM; -EPERM the file is locked; -ESTALE, -ESRCH it is dead.
 */
int remotefs_map_allow(struct remotefs_map *map, pgoff_t first, pgoff_t last)
{
	struct remotefs_interval *allowed;
	int err;

	err = remotefs_limit_charge(map->inode.i_sb, map->maker,
				    REMOTEFS_RANGES);
	if (err)
		return err;
	allowed = kzalloc(sizeof(*allowed), GFP_KERNEL_ACCOUNT);
	if (!allowed) {
		err = -ENOMEM;
		goto err_uncharge;
	}
	allowed->node.start = first;
	allowed->node.last = last;
	spin_lock(&map->lock);
	err = map_changes_errno(map);
	if (!err && !remotefs_range_first(map, first, last))
		err = -ENOENT;
	else if (!err && interval_tree_iter_first(&map->allowed, first, last))
		err = -EEXIST;
	if (!err) {
		interval_tree_insert(&allowed->node, &map->allowed);
		map->writable++;
	}
	spin_unlock(&map->lock);
	if (!err)
		return 0;
	kfree(allowed);
err_uncharge:
	remotefs_limit_uncharge(map->inode.i_sb, map->maker, REMOTEFS_RANGES);
	return err;
}

/**
 * remotefs_map_lock - let no session change a file any more
 * @map:	the file
 *
 * Context: takes @map's lock.
 * Return: 0; -ESTALE, -ESRCH the file is dead.
 */
int remotefs_map_lock(struct remotefs_map *map)
{
	int err;

	spin_lock(&map->lock);
	err = remotefs_map_errno(map);
	if (!err)
		map->locked = true;
	spin_unlock(&map->lock);
	return err;
}

/**
 * remotefs_map_kill - end a map file's life
 * @map:	the file; the caller has taken its name away and holds its inode
 * @state:	REMOTEFS_STATE_REVOKED or REMOTEFS_STATE_GONE
 *
 * When it returns, mapped accesses give SIGBUS, and reads and writes fail; and
 * its maker has room for another, however long viewers keep it open. Never fails
 * and allocates nothing.
 *
 * Context: sleeps; no lock held but i_rwsem of directories. Once in a life: who
 * takes the name away.
 */
void remotefs_map_kill(struct remotefs_map *map, u32 state)
{
	struct rb_root_cached dead = RB_ROOT_CACHED, allowed;
	struct remotefs_range *range;

	spin_lock(&map->lock);
	WARN_ON_ONCE(map->state != REMOTEFS_STATE_LIVE);
	map->state = state;
	while ((range = remotefs_range_first(map, 0, ULONG_MAX)))
		map_remove(map, range, &dead);
	allowed = map->allowed;
	map->allowed = RB_ROOT_CACHED;
	map->writable = 0;
	spin_unlock(&map->lock);
	map_bury(map, &dead);
	map_uncharge(map, &allowed);
	trace_remotefs_revoke(&map->inode, state);
}

/*
 * One block less than full for a map file, because it may have holes: cp and
 * tar look for them only then. Never zero: tar would store nothing at all.
 */
static int remotefs_map_getattr(struct mnt_idmap *idmap,
				const struct path *path, struct kstat *stat,
				u32 request_mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);

	generic_fillattr(idmap, request_mask, inode, stat);
	if (remotefs_is_map_file(inode))
		stat->blocks = max_t(u64, stat->size >> 9, 2) - 1;
	return 0;
}

/*
 * The size is the source's affair. O_TRUNC is ignored, as procfs does, so that
 * "> file" writes in place; setting the size that the file has is no change.
 */
static int remotefs_map_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
				struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int err;

	if (attr->ia_valid & ATTR_OPEN)
		return 0;
	if ((attr->ia_valid & ATTR_SIZE) && attr->ia_size != i_size_read(inode))
		return -EPERM;
	/* No set-id bits, nothing executable, ever. */
	if ((attr->ia_valid & ATTR_MODE) && S_ISREG(inode->i_mode) &&
	    (attr->ia_mode & 07777 & ~0666))
		return -EPERM;
	attr->ia_valid &= ~ATTR_SIZE;
	err = setattr_prepare(idmap, dentry, attr);
	if (err)
		return err;
	setattr_copy(idmap, inode, attr);
	return 0;
}

const struct inode_operations remotefs_map_inode_operations = {
	.getattr	= remotefs_map_getattr,
	.setattr	= remotefs_map_setattr,
	.listxattr	= generic_listxattr,
};
