// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: the directory of a source.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * It lists the live map files, which is all that can be in it; unlink(2) of one
 * revokes it. Nothing can be made here, whatever the mode bits say: they let a
 * grantor who is not root remove its own files.
 */
#include "internal.h"

static bool parse_map_name(const struct qstr *qname, u32 *number)
{
	const char *name = (const char *)qname->name;

	if (qname->len == 2 && !memcmp(name, "as", 2)) {
		*number = REMOTEFS_MAP_AS;
		return true;
	}
	return qname->len > 4 && !memcmp(name, "map-", 4) &&
	       remotefs_parse_number(name + 4, qname->len - 4, number) &&
	       *number != REMOTEFS_MAP_AS;
}

/*
 * The look-up is finished under the mount's lock, so that a revoke, which
 * takes the name away under it, finds the dentry afterwards.
 */
static struct dentry *remotefs_dir_lookup(struct inode *dir,
					  struct dentry *dentry,
					  unsigned int flags)
{
	struct remotefs_source *source = REMOTEFS_I(dir)->source;
	struct remotefs_sb *sbi = REMOTEFS_SB(dir->i_sb);
	struct remotefs_map *map = NULL;
	struct dentry *found;
	u32 number;

	mutex_lock(&sbi->lock);
	if (source->dir == dir && remotefs_space_is_live(source) &&
	    parse_map_name(&dentry->d_name, &number))
		map = remotefs_source_map_locked(source, number);
	found = d_splice_alias(map ? &map->inode : NULL, dentry);
	mutex_unlock(&sbi->lock);
	return found;
}

static int remotefs_dir_unlink(struct inode *dir, struct dentry *dentry)
{
	struct remotefs_map *map = REMOTEFS_I(d_inode(dentry));
	struct remotefs_source *source = map->source;
	struct remotefs_sb *sbi = REMOTEFS_SB(dir->i_sb);
	bool listed;

	mutex_lock(&sbi->lock);
	listed = xa_load(&source->maps, map->number) == map;
	if (listed)
		xa_erase(&source->maps, map->number);
	mutex_unlock(&sbi->lock);
	/* The source's end was faster, and takes care of the rest. */
	if (!listed)
		return -ENOENT;
	remotefs_map_kill(map, REMOTEFS_STATE_REVOKED);
	clear_nlink(&map->inode);
	inode_set_ctime_current(dir);
	/* The grant's reference; the dentry has another. */
	iput(&map->inode);
	return 0;
}

const struct inode_operations remotefs_dir_inode_operations = {
	.lookup		= remotefs_dir_lookup,
	.unlink		= remotefs_dir_unlink,
};

/* Positions 0 and 1 are the dots; a map file is at its number plus two. */
static int remotefs_dir_iterate(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);
	struct remotefs_source *source = REMOTEFS_I(dir)->source;
	struct remotefs_map *map;
	unsigned long number;
	char name[REMOTEFS_NAME_SIZE];
	u64 ino;

	if (!dir_emit_dots(file, ctx))
		return 0;
	number = ctx->pos - 2;
	while ((map = remotefs_source_next_map(source, dir, &number))) {
		ino = map->inode.i_ino;
		iput(&map->inode);
		remotefs_map_name(name, number);
		ctx->pos = number + 2;
		if (!dir_emit(ctx, name, strlen(name), ino, DT_REG))
			return 0;
		ctx->pos = ++number + 2;
	}
	return 0;
}

const struct file_operations remotefs_dir_operations = {
	.read		= generic_read_dir,
	.iterate_shared	= remotefs_dir_iterate,
	.llseek		= generic_file_llseek,
	.fsync		= noop_fsync,
};
