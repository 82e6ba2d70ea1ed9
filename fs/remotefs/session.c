// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: a session, the handle on one source.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Authority. The kernel's own check of who may look into a process is not
 * available to modules, so none is made here: the caller shows a descriptor of
 * /proc/PID/mem. procfs checked everything (owner, capabilities, dumpable,
 * security modules) when it was opened, and the descriptor is a capability
 * from then on: what it may be used for by pread(2), it may be used for here.
 * Such a file is known by its operations, learnt once from this module's own,
 * and its private data is the mm. A process needs no proof for its own memory.
 *
 * The PID only names the directory. It must lead to the very same mm, so a
 * recycled PID is never reached.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/namei.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "internal.h"

/* The operations of /proc/PID/mem; constant after init. */
static const struct file_operations *mem_operations;

/**
 * remotefs_session_calibrate - learn what /proc/PID/mem looks like
 *
 * Context: module init, in a process that has an mm.
 * Return: 0; -ENODEV /proc/self/mem is not what it should be; errors of open.
 */
int remotefs_session_calibrate(void)
{
	struct file *file = filp_open("/proc/self/mem", O_RDONLY, 0);
	int err = 0;

	if (IS_ERR(file))
		return PTR_ERR(file);
	if (file_inode(file)->i_sb->s_magic == PROC_SUPER_MAGIC &&
	    current->mm && file->private_data == current->mm)
		mem_operations = file->f_op;
	else
		err = -ENODEV;
	fput(file);
	return err;
}

/* What an attacher has shown: references to be dropped by proof_put(). */
struct proof {
	struct mm_struct *mm;
	struct pid *pid;
	bool writable;
};

static void proof_put(struct proof *proof)
{
	if (proof->mm)
		mmdrop(proof->mm);
	put_pid(proof->pid);
}

static int proof_of_self(struct proof *proof)
{
	mmgrab(current->mm);
	proof->mm = current->mm;
	proof->pid = get_pid(task_tgid(current));
	proof->writable = true;
	return 0;
}

static int proof_of_file(struct proof *proof, struct file *file)
{
	struct mm_struct *mm = file->private_data;

	if (file->f_op != mem_operations)
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ))
		return -EACCES;
	/* A process that had no mm when the file was opened. */
	if (!mm)
		return -ESRCH;
	mmgrab(mm);
	proof->mm = mm;
	proof->writable = file->f_mode & FMODE_WRITE;
	return 0;
}

static int proof_get(struct proof *proof, s32 fd, u32 pid)
{
	struct file *file;
	int err;

	if (fd == -1)
		return pid ? -EINVAL : proof_of_self(proof);
	if (!pid || pid > INT_MAX)
		return -EINVAL;
	file = fd < 0 ? NULL : fget(fd);
	if (!file)
		return -EBADF;
	err = proof_of_file(proof, file);
	fput(file);
	if (err)
		return err;
	proof->pid = find_get_pid(pid);
	return proof->pid ? 0 : -ESRCH;
}

static void session_free(struct remotefs_session *session)
{
	remotefs_source_detach(session->source, session->flags);
	put_cred(session->cred);
	fput(session->control);
	kfree(session);
}

/* All its descriptors are closed, so none of its calls is under way. */
static int remotefs_session_release(struct inode *inode, struct file *file)
{
	struct remotefs_session *session = file->private_data;

	if (session->id)
		remotefs_source_retract(session->source, session->id);
	if (session->strayed)
		remotefs_source_retract_ranges(session->source, session->id);
	session_free(session);
	return 0;
}

static const struct file_operations session_operations = {
	.owner		= THIS_MODULE,
	.release	= remotefs_session_release,
	.unlocked_ioctl	= remotefs_session_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct remotefs_session *session_alloc(struct file *control,
					      const struct proof *proof,
					      u32 flags)
{
	struct super_block *sb = file_inode(control)->i_sb;
	struct remotefs_session *session;
	struct remotefs_source *source;

	session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	if (!session)
		return ERR_PTR(-ENOMEM);
	source = remotefs_source_attach(sb, proof->mm, proof->pid, flags);
	if (IS_ERR(source)) {
		kfree(session);
		return ERR_CAST(source);
	}
	session->source = source;
	session->control = get_file(control);
	session->cred = get_current_cred();
	session->flags = flags;
	session->writable = proof->writable;
	if (flags & REMOTEFS_ATTACH_EPHEMERAL)
		session->id = atomic64_inc_return(&REMOTEFS_SB(sb)->next_session);
	return session;
}

/* A descriptor for a file, published last; consumes the file. */
static int install(struct file *file)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		fput(file);
	else
		fd_install(fd, file);
	return fd;
}

/* The same for a session. */
static int session_install(struct remotefs_session *session)
{
	struct file *file;

	file = anon_inode_getfile("[remotefs-session]", &session_operations,
				  session, O_RDWR | O_CLOEXEC);
	if (IS_ERR(file)) {
		session_free(session);
		return PTR_ERR(file);
	}
	return install(file);
}

/**
 * remotefs_session_attach - REMOTEFS_IOC_ATTACH
 * @control:	the control file
 * @data:	struct remotefs_attach_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps.
 * Return: a descriptor; -EOPNOTSUPP, -EINVAL, -EBADF, -EACCES, -EEXIST,
 * -ESRCH, -ENOMEM, -EMFILE, -ENFILE.
 */
long remotefs_session_attach(struct file *control, void *data,
			     void __user *uarg)
{
	const struct remotefs_attach_args *args = data;
	struct remotefs_session *session;
	struct proof proof = { };
	long ret;

	if (args->flags & ~(REMOTEFS_ATTACH_EPHEMERAL |
			    REMOTEFS_ATTACH_EXCLUSIVE))
		return -EOPNOTSUPP;
	ret = proof_get(&proof, args->mem_fd, args->pid);
	if (!ret) {
		session = session_alloc(control, &proof, args->flags);
		ret = IS_ERR(session) ? PTR_ERR(session) :
					session_install(session);
	}
	proof_put(&proof);
	return ret;
}

/* The superblock of a session: its control file keeps it mounted. */
static struct super_block *session_sb(struct remotefs_session *session)
{
	return file_inode(session->control)->i_sb;
}

/* The file of that number, if this session may change it. */
static struct remotefs_map *session_find_map(struct remotefs_session *session,
					     u32 number)
{
	struct remotefs_map *map;

	if (!remotefs_space_is_live(session->source))
		return ERR_PTR(-ESRCH);
	map = remotefs_source_map(session->source, number);
	if (!map)
		return ERR_PTR(-ENOENT);
	if (uid_eq(map->maker, session->cred->fsuid) ||
	    ns_capable(session_sb(session)->s_user_ns, CAP_SYS_ADMIN))
		return map;
	iput(&map->inode);
	return ERR_PTR(-EPERM);
}

/* The arguments of calls that are about an interval of a file. */
static int interval_args_check(u32 flags, u32 reserved, u64 offset, u64 length)
{
	if (flags)
		return -EOPNOTSUPP;
	if (reserved)
		return -EINVAL;
	return remotefs_check_interval(offset, length, MAX_LFS_FILESIZE);
}

/* What is malformed whatever the state of the world. */
static int map_args_check(const struct remotefs_map_args *args)
{
	const u32 known = REMOTEFS_MAP_NEW | REMOTEFS_MAP_WRITE |
			  REMOTEFS_MAP_OWNER | REMOTEFS_MAP_WHOLE |
			  REMOTEFS_MAP_ZERO;
	bool new = args->flags & REMOTEFS_MAP_NEW;
	bool owner = args->flags & REMOTEFS_MAP_OWNER;

	if (args->flags & ~known)
		return -EOPNOTSUPP;
	if (args->mode & ~0666 || (!new && (args->mode || owner)))
		return -EINVAL;
	if (new && args->map)
		return -EINVAL;
	if (!owner && (args->uid || args->gid))
		return -EINVAL;
	if (!(args->flags & REMOTEFS_MAP_WHOLE))
		return 0;
	return new && !args->address && !args->offset && !args->length ?
	       0 : -EINVAL;
}

/* A new file, with the owner and the mode that were asked for. */
static struct remotefs_map *session_new_map(struct remotefs_session *session,
					    const struct remotefs_map_args *args)
{
	kuid_t uid = session->cred->fsuid;
	kgid_t gid = session->cred->fsgid;
	umode_t mode = args->mode;
	struct remotefs_map *map;

	if (args->flags & REMOTEFS_MAP_OWNER) {
		uid = make_kuid(current_user_ns(), args->uid);
		gid = make_kgid(current_user_ns(), args->gid);
		if (!uid_valid(uid) || !gid_valid(gid))
			return ERR_PTR(-EINVAL);
		if (!ns_capable(session_sb(session)->s_user_ns, CAP_CHOWN))
			return ERR_PTR(-EPERM);
	}
	if (!mode)
		mode = args->flags & REMOTEFS_MAP_WRITE ? 0600 : 0400;
	map = remotefs_map_alloc(session->source, session->cred->fsuid, mode,
				 uid, gid);
	if (IS_ERR(map))
		return map;
	map->session = session->id;
	map->locked = READ_ONCE(session->locks);
	/* Not linked before it is published. */
	clear_nlink(&map->inode);
	return map;
}

/* A range as asked for, not admitted yet. */
static struct remotefs_range *
session_new_range(struct remotefs_map *map,
		  const struct remotefs_map_args *args)
{
	unsigned long limit = map->source->mm->task_size;
	u32 flags = args->flags & (REMOTEFS_MAP_WRITE | REMOTEFS_MAP_WHOLE |
				   REMOTEFS_MAP_ZERO);
	pgoff_t first = args->offset >> PAGE_SHIFT;
	u64 length = args->length;
	int err;

	if (args->flags & REMOTEFS_MAP_WHOLE) {
		length = limit & PAGE_MASK;
	} else {
		err = remotefs_check_interval(args->address, length, limit) ?:
		      remotefs_check_interval(args->offset, length,
					      MAX_LFS_FILESIZE);
		if (err)
			return ERR_PTR(err);
	}
	return remotefs_range_alloc(map, flags, args->address, first,
				    first + (length >> PAGE_SHIFT) - 1);
}

/* Also those that failed afterwards have used up a number: none comes again. */
static int session_number(struct remotefs_map *map, u32 flags)
{
	s64 number = REMOTEFS_MAP_AS;

	if (!(flags & REMOTEFS_MAP_WHOLE)) {
		number = atomic64_inc_return(&map->source->next_map) - 1;
		if (number >= REMOTEFS_MAP_AS)
			return -ENOSPC;
	}
	map->number = number;
	return 0;
}

static int session_place(struct remotefs_session *session,
			 struct remotefs_map *map,
			 const struct remotefs_map_args *args,
			 struct remotefs_map_args __user *uargs)
{
	struct remotefs_range *range = session_new_range(map, args);
	int err;

	if (IS_ERR(range))
		return PTR_ERR(range);
	range->session = session->id;
	err = remotefs_range_admit(range);
	if (err)
		goto err_put_range;
	if (session->id && map->session != session->id)
		WRITE_ONCE(session->strayed, true);
	/* The caller is told before anything is published. */
	if (args->flags & REMOTEFS_MAP_NEW) {
		err = session_number(map, args->flags) ?:
		      put_user(map->number, &uargs->map);
	}
	if (!err)
		err = remotefs_source_publish(session->source, map, range);
	if (err)
		goto err_bury;
	return 0;

err_bury:
	remotefs_block_bury(range);
err_put_range:
	remotefs_range_put(range);
	return err;
}

/**
 * remotefs_session_prepare - a file with one range, not to be seen yet
 * @session:	the session
 * @args:	with NEW; the range's address may be changed afterwards
 * @map:	out: the file, numbered; an inode reference
 * @range:	out: its range, with one reference; neither admitted nor enlisted
 *
 * Context: sleeps.
 * Return: 0; -EOPNOTSUPP, -EINVAL, -EPERM, -ENOSPC, -ENOMEM as for MAP.
 */
int remotefs_session_prepare(struct remotefs_session *session,
			     const struct remotefs_map_args *args,
			     struct remotefs_map **map,
			     struct remotefs_range **range)
{
	int err = map_args_check(args);

	if (err)
		return err;
	*map = session_new_map(session, args);
	if (IS_ERR(*map)) {
		err = PTR_ERR(*map);
		goto err_no_map;
	}
	err = session_number(*map, args->flags);
	if (err)
		goto err_put_map;
	*range = session_new_range(*map, args);
	if (IS_ERR(*range)) {
		err = PTR_ERR(*range);
		goto err_put_map;
	}
	(*range)->session = session->id;
	return 0;

err_put_map:
	iput(&(*map)->inode);
err_no_map:
	*map = NULL;
	*range = NULL;
	return err;
}

/**
 * remotefs_session_map - REMOTEFS_IOC_MAP
 * @file:	the session's
 * @data:	struct remotefs_map_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps.
 * Return: as the ABI header says.
 */
long remotefs_session_map(struct file *file, void *data, void __user *uarg)
{
	struct remotefs_session *session = file->private_data;
	const struct remotefs_map_args *args = data;
	struct remotefs_map *map;
	int err;

	err = map_args_check(args);
	if (err)
		return err;
	if ((args->flags & REMOTEFS_MAP_WRITE) && !session->writable)
		return -EACCES;
	if (args->flags & REMOTEFS_MAP_NEW)
		map = session_new_map(session, args);
	else
		map = session_find_map(session, args->map);
	if (IS_ERR(map))
		return PTR_ERR(map);
	err = session_place(session, map, args, uarg);
	iput(&map->inode);
	return err;
}

/**
 * remotefs_session_unmap - REMOTEFS_IOC_UNMAP
 * @file:	the session's
 * @data:	struct remotefs_unmap_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps.
 * Return: as the ABI header says.
 */
long remotefs_session_unmap(struct file *file, void *data, void __user *uarg)
{
	const struct remotefs_unmap_args *args = data;
	u64 end = args->offset + args->length;
	struct remotefs_map *map;
	int err;

	err = interval_args_check(args->flags, args->__reserved, args->offset,
				  args->length);
	if (err)
		return err;
	map = session_find_map(file->private_data, args->map);
	if (IS_ERR(map))
		return PTR_ERR(map);
	err = remotefs_map_unmap(map, args->offset >> PAGE_SHIFT,
				 (end >> PAGE_SHIFT) - 1);
	iput(&map->inode);
	return err;
}

/**
 * remotefs_session_allow - REMOTEFS_IOC_ALLOW
 * @file:	the session's
 * @data:	struct remotefs_allow_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps.
 * Return: as the ABI header says.
 */
long remotefs_session_allow(struct file *file, void *data, void __user *uarg)
{
	struct remotefs_session *session = file->private_data;
	const struct remotefs_allow_args *args = data;
	struct remotefs_map *map;
	u64 end = args->offset + args->length;
	int err;

	err = interval_args_check(args->flags, args->__reserved, args->offset,
				  args->length);
	if (err)
		return err;
	if (!session->writable)
		return -EACCES;
	map = session_find_map(session, args->map);
	if (IS_ERR(map))
		return PTR_ERR(map);
	if (end > i_size_read(&map->inode))
		err = -EINVAL;
	else
		err = remotefs_map_allow(map, args->offset >> PAGE_SHIFT,
					 (end >> PAGE_SHIFT) - 1);
	iput(&map->inode);
	return err;
}

/**
 * remotefs_session_lock - REMOTEFS_IOC_LOCK
 * @file:	the session's
 * @data:	struct remotefs_lock_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps.
 * Return: as the ABI header says.
 */
long remotefs_session_lock(struct file *file, void *data, void __user *uarg)
{
	struct remotefs_session *session = file->private_data;
	const struct remotefs_lock_args *args = data;
	struct remotefs_map *map;
	int err;

	if (args->flags & ~REMOTEFS_LOCK_NEW)
		return -EOPNOTSUPP;
	if (args->__reserved)
		return -EINVAL;
	map = session_find_map(session, args->map);
	if (IS_ERR(map))
		return PTR_ERR(map);
	err = remotefs_map_lock(map);
	if (!err && (args->flags & REMOTEFS_LOCK_NEW))
		WRITE_ONCE(session->locks, true);
	iput(&map->inode);
	return err;
}

/*
 * By its path, so that it looks like any other open file, and within the mount
 * that the control file was opened through: who was given a mount of nothing
 * else gets no path outside it, nor what somebody has mounted over the file. The
 * attacher is asked whether it may search the root directory; PID directories
 * are open to all.
 */
static struct file *session_open_map(struct remotefs_session *session,
				     struct remotefs_map *map, int flags)
{
	struct vfsmount *mnt = session->control->f_path.mnt;
	char map_name[REMOTEFS_NAME_SIZE], name[2 * REMOTEFS_NAME_SIZE];
	const struct cred *callers;
	struct file *file;
	struct path path;
	int err;

	if (mnt->mnt_root != session_sb(session)->s_root)
		return ERR_PTR(-EXDEV);
	remotefs_map_name(map_name, map->number);
	snprintf(name, sizeof(name), "%d/%s", session->source->nr, map_name);
	callers = override_creds(session->cred);
	err = vfs_path_lookup(mnt->mnt_root, mnt, name, LOOKUP_NO_XDEV, &path);
	revert_creds(callers);
	if (err)
		return ERR_PTR(err);
	/* It may have been revoked, and another may have its name now. */
	if (d_inode(path.dentry) == &map->inode)
		file = dentry_open(&path, flags, session->cred);
	else
		file = ERR_PTR(-ESTALE);
	path_put(&path);
	return file;
}

/**
 * remotefs_session_open - REMOTEFS_IOC_OPEN
 * @file:	the session's
 * @data:	struct remotefs_open_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps.
 * Return: a descriptor; errors as the ABI header says.
 */
long remotefs_session_open(struct file *file, void *data, void __user *uarg)
{
	struct remotefs_session *session = file->private_data;
	const struct remotefs_open_args *args = data;
	bool write = args->flags & REMOTEFS_OPEN_WRITE;
	struct remotefs_map *map;
	struct file *opened;

	if (args->flags & ~REMOTEFS_OPEN_WRITE)
		return -EOPNOTSUPP;
	if (args->__reserved)
		return -EINVAL;
	if (write && !session->writable)
		return -EACCES;
	map = session_find_map(session, args->map);
	if (IS_ERR(map))
		return PTR_ERR(map);
	opened = session_open_map(session, map,
				  O_LARGEFILE | (write ? O_RDWR : O_RDONLY));
	iput(&map->inode);
	return IS_ERR(opened) ? PTR_ERR(opened) : install(opened);
}

/**
 * remotefs_session_watch - REMOTEFS_IOC_WATCH
 * @file:	the session's
 * @data:	struct remotefs_watch_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps, killably; takes the source's mmap_lock for writing.
 * Return: a descriptor; errors as the ABI header says.
 */
long remotefs_session_watch(struct file *file, void *data, void __user *uarg)
{
	struct remotefs_session *session = file->private_data;
	const struct remotefs_watch_args *args = data;
	struct file *watcher;

	if (args->flags)
		return -EOPNOTSUPP;
	if (args->__reserved)
		return -EINVAL;
	watcher = remotefs_watch_file(session->control, session->source,
				      session->cred->fsuid, args->queue);
	return IS_ERR(watcher) ? PTR_ERR(watcher) : install(watcher);
}
