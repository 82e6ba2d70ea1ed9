// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: mounts and the module.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Each mount is an instance of its own: nothing that was granted in one shows
 * in another. Its root holds "control" and one directory per source. No entry
 * is pinned in the dcache; look-ups find inodes that grants hold, and dentries
 * go with their last user.
 */
#include <linux/capability.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/pid_namespace.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>

#include "internal.h"

static const struct remotefs_limit default_limits[REMOTEFS_KINDS] = {
	[REMOTEFS_MAPS]		= { .max = 65536 },
	[REMOTEFS_RANGES]	= { .max = 262144 },
	/* One change of memory may concern all watches of a user. */
	[REMOTEFS_WATCHES]	= { .max = 262144, .user_max = 16384 },
};

/* As options say it: max_maps, max_user_maps. */
static const char * const kind_names[REMOTEFS_KINDS] = {
	[REMOTEFS_MAPS]		= "maps",
	[REMOTEFS_RANGES]	= "ranges",
	[REMOTEFS_WATCHES]	= "watches",
};

/* Work that MMU notifier callbacks leave to a process. */
struct workqueue_struct *remotefs_wq;

static struct kmem_cache *inode_cache;

static void map_init_once(void *object)
{
	struct remotefs_map *map = object;

	inode_init_once(&map->inode);
	spin_lock_init(&map->lock);
}

static struct inode *remotefs_alloc_inode(struct super_block *sb)
{
	struct remotefs_map *map;

	map = alloc_inode_sb(sb, inode_cache, GFP_KERNEL);
	if (!map)
		return NULL;
	memset(map->area, 0, sizeof(map->area));
	map->lent = false;
	map->source = NULL;
	map->number = 0;
	map->maker = INVALID_UID;
	map->session = 0;
	map->state = REMOTEFS_STATE_LIVE;
	map->ranges = RB_ROOT_CACHED;
	map->allowed = RB_ROOT_CACHED;
	map->zeroes = RB_ROOT_CACHED;
	map->writable = 0;
	map->nr_ranges = 0;
	map->unmapped = false;
	map->locked = false;
	map->label = NULL;
	map->mirrors = 0;
	atomic_set(&map->viewers, 0);
	map->faults = 0;
	map->invalidations = 0;
	INIT_LIST_HEAD(&map->link);
	return &map->inode;
}

/**
 * remotefs_inode_free - give an inode's memory back
 * @inode:	the inode; nobody can reach it any more
 *
 * Context: any.
 */
void remotefs_inode_free(struct inode *inode)
{
	kmem_cache_free(inode_cache, REMOTEFS_I(inode));
}

/* An RCU grace period after it was evicted. */
static void remotefs_free_inode(struct inode *inode)
{
	remotefs_bpf_free(REMOTEFS_I(inode));
}

static void remotefs_evict_inode(struct inode *inode)
{
	struct remotefs_map *map = REMOTEFS_I(inode);

	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	if (!map->source)
		return;
	if (S_ISREG(inode->i_mode))
		remotefs_map_evict(map);
	remotefs_source_put(map->source);
}

static void show_limit(struct seq_file *seq, const struct remotefs_limit *limit,
		       const char *name)
{
	unsigned int user_max = READ_ONCE(limit->user_max);

	seq_printf(seq, ",max_%s=%u", name, READ_ONCE(limit->max));
	if (user_max)
		seq_printf(seq, ",max_user_%s=%u", name, user_max);
}

static int remotefs_show_options(struct seq_file *seq, struct dentry *root)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(root->d_sb);
	int kind;

	seq_printf(seq, ",uid=%u,gid=%u,mode=%o",
		   from_kuid_munged(&init_user_ns, sbi->uid),
		   from_kgid_munged(&init_user_ns, sbi->gid), sbi->mode);
	seq_printf(seq, ",control_gid=%u,control_mode=%o",
		   from_kgid_munged(&init_user_ns, sbi->control_gid),
		   sbi->control_mode);
	for (kind = 0; kind < REMOTEFS_KINDS; kind++)
		show_limit(seq, &sbi->limits[kind], kind_names[kind]);
	return 0;
}

/* 6.1's simple_statfs() gives no ID, by which tools tell mounts apart. */
static int remotefs_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	int err = simple_statfs(dentry, buf);

	buf->f_fsid = u64_to_fsid(huge_encode_dev(dentry->d_sb->s_dev));
	return err;
}

static const struct super_operations remotefs_super_operations = {
	.alloc_inode	= remotefs_alloc_inode,
	.free_inode	= remotefs_free_inode,
	.drop_inode	= inode_just_drop,
	.evict_inode	= remotefs_evict_inode,
	.statfs		= remotefs_statfs,
	.show_options	= remotefs_show_options,
};

/**
 * remotefs_dentry_revalidate - is a name in the dcache still good?
 * @dentry:	the name
 * @flags:	LOOKUP_*
 *
 * A dentry in use is found without a look-up. Nobody tells of the end of a
 * source that shares its mm (see source.c), so it is asked for here.
 *
 * Context: any but RCU walks.
 * Return: 1 if so, 0 if not; -ECHILD in an RCU walk.
 */
int remotefs_dentry_revalidate(struct dentry *dentry, unsigned int flags)
{
	struct inode *inode;

	if (flags & LOOKUP_RCU)
		return -ECHILD;
	inode = d_inode(dentry);
	return !inode || !REMOTEFS_I(inode)->source ||
	       remotefs_space_is_live(REMOTEFS_I(inode)->source);
}

/* Grants hold the inodes; an unused dentry is of no use. */
static const struct dentry_operations remotefs_dentry_operations = {
	.d_revalidate	= remotefs_d_revalidate,
	.d_delete	= always_delete_dentry,
};

static bool name_is_control(const struct qstr *name)
{
	return name->len == 7 && !memcmp(name->name, "control", 7);
}

/* Finished under the mount's lock; see remotefs_dir_lookup(). */
static struct dentry *remotefs_root_lookup(struct inode *dir,
					   struct dentry *dentry,
					   unsigned int flags)
{
	const char *name = (const char *)dentry->d_name.name;
	struct remotefs_sb *sbi = REMOTEFS_SB(dir->i_sb);
	struct inode *inode = NULL;
	struct dentry *found;
	u32 nr;

	mutex_lock(&sbi->lock);
	if (name_is_control(&dentry->d_name)) {
		inode = sbi->control;
		ihold(inode);
	} else if (remotefs_parse_number(name, dentry->d_name.len, &nr)) {
		inode = remotefs_source_lookup(dir->i_sb, nr);
	}
	found = d_splice_alias(inode, dentry);
	mutex_unlock(&sbi->lock);
	return found;
}

static int remotefs_root_rmdir(struct inode *dir, struct dentry *dentry)
{
	remotefs_source_revoke(REMOTEFS_I(d_inode(dentry))->source,
			       REMOTEFS_STATE_REVOKED);
	return 0;
}

static int remotefs_root_unlink(struct inode *dir, struct dentry *dentry)
{
	return -EPERM;
}

static const struct inode_operations root_inode_operations = {
	.lookup	= remotefs_root_lookup,
	.unlink	= remotefs_root_unlink,
	.rmdir	= remotefs_root_rmdir,
};

/* Positions 0 and 1 are the dots, 2 is "control", a PID is at itself plus 2. */
static int remotefs_root_iterate(struct file *file, struct dir_context *ctx)
{
	struct super_block *sb = file_inode(file)->i_sb;
	unsigned long nr;
	char name[12];
	u64 ino;

	if (!dir_emit_dots(file, ctx))
		return 0;
	if (ctx->pos == 2) {
		if (!dir_emit(ctx, "control", 7,
			      REMOTEFS_SB(sb)->control->i_ino, DT_REG))
			return 0;
		ctx->pos++;
	}
	nr = ctx->pos - 2;
	while (remotefs_source_next(sb, &nr, &ino)) {
		snprintf(name, sizeof(name), "%lu", nr);
		ctx->pos = nr + 2;
		if (!dir_emit(ctx, name, strlen(name), ino, DT_DIR))
			return 0;
		ctx->pos = ++nr + 2;
	}
	return 0;
}

static const struct file_operations root_dir_operations = {
	.read		= generic_read_dir,
	.iterate_shared	= remotefs_root_iterate,
	.llseek		= generic_file_llseek,
	.fsync		= noop_fsync,
};

enum {
	OPT_UID, OPT_GID, OPT_MODE, OPT_CONTROL_GID, OPT_CONTROL_MODE,
	OPT_MAX_MAPS, OPT_MAX_RANGES, OPT_MAX_WATCHES,
	OPT_MAX_USER_MAPS, OPT_MAX_USER_RANGES, OPT_MAX_USER_WATCHES,
};

static const struct fs_parameter_spec remotefs_parameters[] = {
	fsparam_u32("uid",		OPT_UID),
	fsparam_u32("gid",		OPT_GID),
	fsparam_u32oct("mode",		OPT_MODE),
	fsparam_u32("control_gid",	OPT_CONTROL_GID),
	fsparam_u32oct("control_mode",	OPT_CONTROL_MODE),
	fsparam_u32("max_maps",		OPT_MAX_MAPS),
	fsparam_u32("max_ranges",	OPT_MAX_RANGES),
	fsparam_u32("max_watches",	OPT_MAX_WATCHES),
	fsparam_u32("max_user_maps",	OPT_MAX_USER_MAPS),
	fsparam_u32("max_user_ranges",	OPT_MAX_USER_RANGES),
	fsparam_u32("max_user_watches",	OPT_MAX_USER_WATCHES),
	{ }
};

static int parse_gid(struct fs_context *fc, u32 value, kgid_t *gid)
{
	kgid_t found = make_kgid(fc->user_ns, value);

	if (!gid_valid(found))
		return invalfc(fc, "no such group ID: %u", value);
	*gid = found;
	return 0;
}

static int parse_uid(struct fs_context *fc, u32 value, kuid_t *uid)
{
	kuid_t found = make_kuid(fc->user_ns, value);

	if (!uid_valid(found))
		return invalfc(fc, "no such user ID: %u", value);
	*uid = found;
	return 0;
}

static int parse_mode(struct fs_context *fc, const char *key, u32 value,
		      umode_t allowed, umode_t *mode)
{
	if (value & ~allowed)
		return invalfc(fc, "%s=%o: only bits of %o may be set", key,
			       value, allowed);
	*mode = value;
	return 0;
}

/* In a context: the option was not given. */
#define LIMIT_NOT_GIVEN	UINT_MAX

static int parse_limit(struct fs_context *fc, const char *key, u32 value,
		       unsigned int min, unsigned int *limit)
{
	if (value < min || value > INT_MAX)
		return invalfc(fc, "%s=%u: must be from %u to %d", key, value,
			       min, INT_MAX);
	*limit = value;
	return 0;
}

static int remotefs_parse_param(struct fs_context *fc,
				struct fs_parameter *param)
{
	struct remotefs_sb *sbi = fc->s_fs_info;
	struct fs_parse_result result;
	int opt;

	opt = fs_parse(fc, remotefs_parameters, param, &result);
	if (opt < 0)
		return opt;
	switch (opt) {
	case OPT_UID:
		return parse_uid(fc, result.uint_32, &sbi->uid);
	case OPT_GID:
		return parse_gid(fc, result.uint_32, &sbi->gid);
	case OPT_MODE:
		return parse_mode(fc, param->key, result.uint_32, 01777,
				  &sbi->mode);
	case OPT_CONTROL_GID:
		return parse_gid(fc, result.uint_32, &sbi->control_gid);
	case OPT_CONTROL_MODE:
		return parse_mode(fc, param->key, result.uint_32, 0666,
				  &sbi->control_mode);
	case OPT_MAX_MAPS:
		return parse_limit(fc, param->key, result.uint_32, 1,
				   &sbi->limits[REMOTEFS_MAPS].max);
	case OPT_MAX_RANGES:
		return parse_limit(fc, param->key, result.uint_32, 1,
				   &sbi->limits[REMOTEFS_RANGES].max);
	case OPT_MAX_WATCHES:
		return parse_limit(fc, param->key, result.uint_32, 1,
				   &sbi->limits[REMOTEFS_WATCHES].max);
	case OPT_MAX_USER_MAPS:
		return parse_limit(fc, param->key, result.uint_32, 0,
				   &sbi->limits[REMOTEFS_MAPS].user_max);
	case OPT_MAX_USER_RANGES:
		return parse_limit(fc, param->key, result.uint_32, 0,
				   &sbi->limits[REMOTEFS_RANGES].user_max);
	case OPT_MAX_USER_WATCHES:
		return parse_limit(fc, param->key, result.uint_32, 0,
				   &sbi->limits[REMOTEFS_WATCHES].user_max);
	}
	return -EINVAL;
}

static struct inode *make_control(struct super_block *sb)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(sb);
	struct inode *inode;

	inode = remotefs_inode_new(sb, S_IFREG | sbi->control_mode,
				   GLOBAL_ROOT_UID, sbi->control_gid);
	if (inode)
		inode->i_fop = &remotefs_control_operations;
	return inode;
}

static struct dentry *make_root(struct super_block *sb)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(sb);
	struct inode *inode;

	inode = remotefs_inode_new(sb, S_IFDIR | sbi->mode, sbi->uid, sbi->gid);
	if (!inode)
		return NULL;
	inode->i_op = &root_inode_operations;
	inode->i_fop = &root_dir_operations;
	set_nlink(inode, 2);
	return d_make_root(inode);
}

static int remotefs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(sb);

	sb->s_magic = REMOTEFS_SUPER_MAGIC;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_time_gran = 1;
	sb->s_iflags |= SB_I_NODEV | SB_I_NOEXEC;
	sb->s_op = &remotefs_super_operations;
	set_xattr_handlers(sb, remotefs_xattr_handlers);
	set_default_d_op(sb, &remotefs_dentry_operations);
	sbi->control = make_control(sb);
	if (!sbi->control)
		return -ENOMEM;
	sb->s_root = make_root(sb);
	return sb->s_root ? 0 : -ENOMEM;
}

static int remotefs_get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, remotefs_fill_super);
}

/* What was not given stays as it is, whatever another remount makes of it. */
static void reconfigure_limit(unsigned int *limit, unsigned int given)
{
	if (given != LIMIT_NOT_GIVEN)
		WRITE_ONCE(*limit, given);
}

/* Only the limits can change; they bind what is made from now on. */
static int remotefs_reconfigure(struct fs_context *fc)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(fc->root->d_sb);
	struct remotefs_sb *new = fc->s_fs_info;
	int kind;

	if (!uid_eq(new->uid, sbi->uid) || !gid_eq(new->gid, sbi->gid) ||
	    !gid_eq(new->control_gid, sbi->control_gid) ||
	    new->mode != sbi->mode || new->control_mode != sbi->control_mode)
		return invalfc(fc, "only limits can change");
	for (kind = 0; kind < REMOTEFS_KINDS; kind++) {
		reconfigure_limit(&sbi->limits[kind].max,
				  new->limits[kind].max);
		reconfigure_limit(&sbi->limits[kind].user_max,
				  new->limits[kind].user_max);
	}
	return 0;
}

static void sbi_free(struct remotefs_sb *sbi)
{
	if (!sbi)
		return;
	WARN_ON_ONCE(!xa_empty(&sbi->users));
	xa_destroy(&sbi->users);
	xa_destroy(&sbi->sources);
	put_pid_ns(sbi->pid_ns);
	kfree(sbi);
}

static void remotefs_free_fc(struct fs_context *fc)
{
	sbi_free(fc->s_fs_info);
}

static const struct fs_context_operations remotefs_context_operations = {
	.free		= remotefs_free_fc,
	.parse_param	= remotefs_parse_param,
	.get_tree	= remotefs_get_tree,
	.reconfigure	= remotefs_reconfigure,
};

static void sbi_defaults(struct remotefs_sb *sbi)
{
	sbi->uid = GLOBAL_ROOT_UID;
	sbi->gid = GLOBAL_ROOT_GID;
	sbi->mode = 0755;
	sbi->control_gid = GLOBAL_ROOT_GID;
	sbi->control_mode = 0600;
	memcpy(sbi->limits, default_limits, sizeof(sbi->limits));
}

static void sbi_inherit(struct remotefs_sb *sbi, const struct remotefs_sb *old)
{
	int kind;

	sbi->uid = old->uid;
	sbi->gid = old->gid;
	sbi->mode = old->mode;
	sbi->control_gid = old->control_gid;
	sbi->control_mode = old->control_mode;
	for (kind = 0; kind < REMOTEFS_KINDS; kind++) {
		sbi->limits[kind].max = LIMIT_NOT_GIVEN;
		sbi->limits[kind].user_max = LIMIT_NOT_GIVEN;
	}
}

static int remotefs_init_fs_context(struct fs_context *fc)
{
	struct remotefs_sb *sbi;

	/* The core asks as well, but after the options, whose faults we log. */
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	sbi = kzalloc(sizeof(*sbi), GFP_KERNEL_ACCOUNT);
	if (!sbi)
		return -ENOMEM;
	mutex_init(&sbi->lock);
	xa_init_flags(&sbi->sources, XA_FLAGS_ACCOUNT);
	xa_init_flags(&sbi->users, XA_FLAGS_ACCOUNT);
	sbi->pid_ns = get_pid_ns(task_active_pid_ns(current));
	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE)
		sbi_inherit(sbi, REMOTEFS_SB(fc->root->d_sb));
	else
		sbi_defaults(sbi);
	fc->s_fs_info = sbi;
	fc->ops = &remotefs_context_operations;
	return 0;
}

/*
 * Grants hold inodes, so they end first; no file is open any more, and no
 * session is left, for they keep the mount.
 */
static void remotefs_kill_sb(struct super_block *sb)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(sb);

	remotefs_source_revoke_all(sb);
	iput(sbi->control);
	kill_anon_super(sb);
	sbi_free(sbi);
}

static struct file_system_type remotefs_type = {
	.owner			= THIS_MODULE,
	.name			= "remotefs",
	.init_fs_context	= remotefs_init_fs_context,
	.parameters		= remotefs_parameters,
	.kill_sb		= remotefs_kill_sb,
	.fs_flags		= FS_ALLOW_IDMAP,
};
MODULE_ALIAS_FS("remotefs");

static int __init remotefs_init(void)
{
	int err;

	err = remotefs_session_calibrate();
	if (err)
		return err;
	inode_cache = kmem_cache_create("remotefs_inode",
					sizeof(struct remotefs_map), 0,
					SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT,
					map_init_once);
	if (!inode_cache)
		return -ENOMEM;
	err = -ENOMEM;
	remotefs_wq = alloc_workqueue("remotefs", WQ_UNBOUND | WQ_MEM_RECLAIM,
				      0);
	if (!remotefs_wq)
		goto err_destroy_cache;
	remotefs_bpf_init();
	err = register_filesystem(&remotefs_type);
	if (err)
		goto err_destroy_wq;
	return 0;

err_destroy_wq:
	destroy_workqueue(remotefs_wq);
err_destroy_cache:
	kmem_cache_destroy(inode_cache);
	return err;
}

static void __exit remotefs_exit(void)
{
	unregister_filesystem(&remotefs_type);
	remotefs_helper_exit();
	destroy_workqueue(remotefs_wq);
	/* Inodes are freed after one grace period or two. */
	remotefs_bpf_exit();
	remotefs_monitor_exit();
	kmem_cache_destroy(inode_cache);
}

module_init(remotefs_init);
module_exit(remotefs_exit);

MODULE_DESCRIPTION("Memory of live processes as files");
MODULE_AUTHOR("The remotefs authors");
MODULE_LICENSE("GPL");
