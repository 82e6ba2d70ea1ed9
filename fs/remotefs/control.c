// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: the control file and the one table of ioctls.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Every ioctl, on whichever kind of descriptor, comes through remotefs_call():
 * it copies the arguments in, checks their size both ways, and only then calls
 * the handler, which sees a whole structure in kernel memory. Handlers take
 * locks; this file takes none, and user memory is touched before and after.
 */
#include <linux/fs.h>
#include <linux/uaccess.h>

#include "internal.h"

/**
 * struct remotefs_ioctl - one row of a table
 * @cmd:	REMOTEFS_IOC_*
 * @min:	the structure's size when it was first published
 * @size:	its size now
 * @handler:	does the work
 */
struct remotefs_ioctl {
	unsigned int cmd;
	u32 min;
	u32 size;
	long (*handler)(struct file *file, void *data, void __user *uarg);
};

/* The largest of them, in size and in alignment. */
union remotefs_args {
	u32 size;
	struct remotefs_features_args features;
	struct remotefs_attach_args attach;
	struct remotefs_map_args map;
	struct remotefs_unmap_args unmap;
	struct remotefs_allow_args allow;
	struct remotefs_lock_args lock;
	struct remotefs_open_args open;
	struct remotefs_watch_args watch;
	struct remotefs_remote_args remote;
	struct remotefs_watch_add_args watch_add;
	struct remotefs_watch_del_args watch_del;
	struct remotefs_info_args info;
	struct remotefs_range_args range;
	struct remotefs_area_args area;
};

static long remotefs_call(const struct remotefs_ioctl *row, struct file *file,
			  void __user *uarg)
{
	union remotefs_args args;
	u32 size;
	int err;

	if (get_user(size, (u32 __user *)uarg))
		return -EFAULT;
	if (size < row->min)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(&args, row->size, uarg, size);
	if (err)
		return err;
	/* The caller may have changed it since. */
	args.size = size;
	return row->handler(file, &args, uarg);
}

static long remotefs_dispatch(const struct remotefs_ioctl *table, size_t nr,
			      struct file *file, unsigned int cmd,
			      unsigned long arg)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (table[i].cmd == cmd)
			return remotefs_call(&table[i], file,
					     (void __user *)arg);
	return -ENOTTY;
}

static long remotefs_control_features(struct file *file, void *data,
				      void __user *uarg)
{
	struct remotefs_features_args *args = data;
	u64 known = REMOTEFS_FEATURE_WRITE | REMOTEFS_FEATURE_WHOLE |
		    REMOTEFS_FEATURE_ZERO | REMOTEFS_FEATURE_LOCK |
		    REMOTEFS_FEATURE_SESSION | REMOTEFS_FEATURE_WATCH |
		    REMOTEFS_FEATURE_REMOTE | REMOTEFS_FEATURE_AREA |
		    REMOTEFS_FEATURE_LABEL;

	if (REMOTEFS_NOHUGE)
		known |= REMOTEFS_FEATURE_NOHUGE;
#ifdef REMOTEFS_PMD
	known |= REMOTEFS_FEATURE_PMD;
#endif
	if (args->__reserved)
		return -EINVAL;
	args->features &= known;
	return remotefs_reply(uarg, args, sizeof(*args));
}

#define ROW(NAME, name, last, func)					\
	{ REMOTEFS_IOC_##NAME,						\
	  offsetofend(struct remotefs_##name##_args, last),		\
	  sizeof(struct remotefs_##name##_args), func }

static const struct remotefs_ioctl control_table[] = {
	ROW(FEATURES, features, features, remotefs_control_features),
	ROW(ATTACH, attach, pid, remotefs_session_attach),
};

static const struct remotefs_ioctl session_table[] = {
	ROW(MAP, map, length, remotefs_session_map),
	ROW(UNMAP, unmap, length, remotefs_session_unmap),
	ROW(ALLOW, allow, length, remotefs_session_allow),
	ROW(LOCK, lock, __reserved, remotefs_session_lock),
	ROW(OPEN, open, __reserved, remotefs_session_open),
	ROW(WATCH, watch, __reserved, remotefs_session_watch),
	ROW(REMOTE, remote, __reserved, remotefs_remote_call),
};

static const struct remotefs_ioctl watch_table[] = {
	ROW(WATCH_ADD, watch_add, cookie, remotefs_watch_add),
	ROW(WATCH_DEL, watch_del, cookie, remotefs_watch_del),
};

static const struct remotefs_ioctl file_table[] = {
	ROW(INFO, info, out_invalidations, remotefs_info_call),
	ROW(RANGE, range, out_length, remotefs_info_range),
	ROW(AREA, area, slots, remotefs_bpf_area),
};

static long remotefs_control_ioctl(struct file *file, unsigned int cmd,
				   unsigned long arg)
{
	return remotefs_dispatch(control_table, ARRAY_SIZE(control_table), file,
				 cmd, arg);
}

/**
 * remotefs_session_ioctl - ioctl(2) on a session
 * @file:	the session's
 * @cmd:	REMOTEFS_IOC_*
 * @arg:	the caller's structure
 *
 * Context: sleeps.
 * Return: the handler's; -ENOTTY, -EFAULT, -EINVAL, -E2BIG.
 */
long remotefs_session_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	return remotefs_dispatch(session_table, ARRAY_SIZE(session_table), file,
				 cmd, arg);
}

/**
 * remotefs_watch_ioctl - ioctl(2) on a watcher
 * @file:	the watcher's
 * @cmd:	REMOTEFS_IOC_*
 * @arg:	the caller's structure
 *
 * Context: sleeps.
 * Return: the handler's; -ENOTTY, -EFAULT, -EINVAL, -E2BIG.
 */
long remotefs_watch_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg)
{
	return remotefs_dispatch(watch_table, ARRAY_SIZE(watch_table), file,
				 cmd, arg);
}

/**
 * remotefs_file_ioctl - ioctl(2) on a map file
 * @file:	the map file
 * @cmd:	REMOTEFS_IOC_*
 * @arg:	the caller's structure
 *
 * Context: sleeps.
 * Return: the handler's; -ENOTTY, -EFAULT, -EINVAL, -E2BIG.
 */
long remotefs_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return remotefs_dispatch(file_table, ARRAY_SIZE(file_table), file, cmd,
				 arg);
}

const struct file_operations remotefs_control_operations = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= remotefs_control_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};
