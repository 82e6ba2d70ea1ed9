// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: a name that people give to a map file.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A map file's name is a number, and what the source calls its memory changes
 * with the source. So whoever makes a file can say what it is for, as an extended
 * attribute: there it is for all, with nothing beside the file that could be lost
 * or left over. Tools make names of files of it, hence the strict spelling.
 *
 * The VFS asks who may write the file before it comes here, and holds i_rwsem.
 */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xattr.h>

#include "internal.h"

static bool label_list(struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);

	return remotefs_is_map_file(inode) &&
	       READ_ONCE(REMOTEFS_I(inode)->label);
}

static int label_get(const struct xattr_handler *handler,
		     struct dentry *dentry, struct inode *inode,
		     const char *name, void *buffer, size_t size)
{
	struct remotefs_map *map = REMOTEFS_I(inode);
	int length;

	if (!remotefs_is_map_file(inode))
		return -EOPNOTSUPP;
	spin_lock(&map->lock);
	length = map->label ? strlen(map->label) : -ENODATA;
	if (length > 0 && size && size < length)
		length = -ERANGE;
	else if (length > 0 && size)
		memcpy(buffer, map->label, length);
	spin_unlock(&map->lock);
	return length;
}

/* Something that can be part of a file's name, of a line, and of a word of it. */
static bool label_is_valid(const char *value, size_t size)
{
	size_t i;

	if (!size || size > REMOTEFS_LABEL_MAX)
		return false;
	for (i = 0; i < size; i++)
		if (value[i] <= ' ' || value[i] > '~' || value[i] == '/')
			return false;
	return true;
}

static int label_replace(struct remotefs_map *map, char **label, int flags)
{
	int err;

	spin_lock(&map->lock);
	err = remotefs_map_errno(map);
	if (!err && (flags & XATTR_CREATE) && map->label)
		err = -EEXIST;
	if (!err && (flags & XATTR_REPLACE) && !map->label)
		err = -ENODATA;
	if (!err)
		swap(map->label, *label);
	spin_unlock(&map->lock);
	return err;
}

/* Without a value it is taken away. */
static int label_set(const struct xattr_handler *handler,
		     struct mnt_idmap *idmap, struct dentry *dentry,
		     struct inode *inode, const char *name,
		     const void *value, size_t size, int flags)
{
	struct remotefs_map *map = REMOTEFS_I(inode);
	char *label = NULL;
	int err;

	if (!remotefs_is_map_file(inode))
		return -EOPNOTSUPP;
	/* To write the memory is one thing, to say what others call it another. */
	if (!remotefs_map_may_manage(map))
		return -EPERM;
	if (value) {
		if (!label_is_valid(value, size))
			return -EINVAL;
		label = kmemdup_nul(value, size, GFP_KERNEL_ACCOUNT);
		if (!label)
			return -ENOMEM;
	}
	err = label_replace(map, &label, flags);
	if (!err)
		inode_set_ctime_current(inode);
	kfree(label);
	return err;
}

static const struct xattr_handler label_handler = {
	.name	= REMOTEFS_XATTR_LABEL,
	.list	= label_list,
	.get	= label_get,
	.set	= label_set,
};

/*
 * Without attributes of its own, a filesystem leaves these to the security module,
 * which keeps them in memory.
 */
static int security_set(const struct xattr_handler *handler,
			struct mnt_idmap *idmap, struct dentry *dentry,
			struct inode *inode, const char *name,
			const void *value, size_t size, int flags)
{
	/* But asks us to take one away. */
	return value ? -EAGAIN : -EOPNOTSUPP;
}

static const struct xattr_handler security_handler = {
	.prefix	= XATTR_SECURITY_PREFIX,
	.set	= security_set,
};

const struct xattr_handler *const remotefs_xattr_handlers[] = {
	&label_handler,
	&security_handler,
	NULL
};
