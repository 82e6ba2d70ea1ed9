// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: watchers, the descriptors that tell of invalidations.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A watcher belongs to nobody's session any more: it holds the source and the
 * mount, not the source's memory. monitor.c puts records into its queue; here
 * they are read, waited for, and the watches named. Programs that must decide
 * at once map the watcher's one page and look at the generation; it can never
 * be written through a mapping, and a child gets the descriptor at fork(2) but
 * not the mapping, unless it is asked for, because its memory is not what is
 * watched.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "internal.h"

/*
 * Soon the lower half wraps, and those who read 64 bits in two parts and do not
 * notice show it now rather than after years.
 */
#define FIRST_GENERATION	((1ULL << 32) - 1024)

static struct remotefs_watch *to_watch(const struct rb_node *named)
{
	return rb_entry(named, struct remotefs_watch, named);
}

static int cookie_compare(u64 a, u64 b)
{
	return a < b ? -1 : a > b;
}

static int compare_nodes(struct rb_node *a, const struct rb_node *b)
{
	return cookie_compare(to_watch(a)->cookie, to_watch(b)->cookie);
}

static int compare_key(const void *cookie, const struct rb_node *node)
{
	return cookie_compare(*(const u64 *)cookie, to_watch(node)->cookie);
}

static struct remotefs_watch *watch_alloc(struct remotefs_watcher *watcher)
{
	struct remotefs_watch *watch;
	int err;

	err = remotefs_limit_charge(watcher->source->sb, watcher->uid,
				    REMOTEFS_WATCHES);
	if (err)
		return ERR_PTR(err);
	watch = kzalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);
	if (watch) {
		watch->watcher = watcher;
		return watch;
	}
	remotefs_limit_uncharge(watcher->source->sb, watcher->uid,
				REMOTEFS_WATCHES);
	return ERR_PTR(-ENOMEM);
}

static void watch_free(struct remotefs_watch *watch)
{
	struct remotefs_watcher *watcher = watch->watcher;

	kfree(watch);
	remotefs_limit_uncharge(watcher->source->sb, watcher->uid,
				REMOTEFS_WATCHES);
}

/* Take one out of the tree of names: that of the cookie, or any. */
static struct remotefs_watch *watch_unname(struct remotefs_watcher *watcher,
					   const u64 *cookie)
{
	struct rb_node *node;

	spin_lock(&watcher->monitor->lock);
	if (cookie)
		node = rb_find(cookie, &watcher->names, compare_key);
	else
		node = watcher->names.rb_node;
	if (node) {
		rb_erase(node, &watcher->names);
		remotefs_monitor_remove(to_watch(node));
	}
	spin_unlock(&watcher->monitor->lock);
	return node ? to_watch(node) : NULL;
}

/**
 * remotefs_watch_add - REMOTEFS_IOC_WATCH_ADD
 * @file:	the watcher's
 * @data:	struct remotefs_watch_add_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps; takes the monitor's lock.
 * Return: as the ABI header says.
 */
long remotefs_watch_add(struct file *file, void *data, void __user *uarg)
{
	struct remotefs_watcher *watcher = file->private_data;
	const struct remotefs_watch_add_args *args = data;
	struct remotefs_watch *watch;
	bool used;

	if (args->flags)
		return -EOPNOTSUPP;
	if (args->start >= args->end ||
	    args->end > watcher->source->mm->task_size)
		return -EINVAL;
	if (!remotefs_space_is_live(watcher->source))
		return -ESRCH;
	watch = watch_alloc(watcher);
	if (IS_ERR(watch))
		return PTR_ERR(watch);
	watch->cookie = args->cookie;
	watch->node.start = args->start;
	watch->node.last = args->end - 1;
	spin_lock(&watcher->monitor->lock);
	used = rb_find_add(&watch->named, &watcher->names, compare_nodes);
	if (!used)
		remotefs_monitor_insert(watch);
	spin_unlock(&watcher->monitor->lock);
	if (!used)
		return 0;
	watch_free(watch);
	return -EEXIST;
}

/**
 * remotefs_watch_del - REMOTEFS_IOC_WATCH_DEL
 * @file:	the watcher's
 * @data:	struct remotefs_watch_del_args
 * @uarg:	the caller's copy
 *
 * Context: takes the monitor's lock.
 * Return: as the ABI header says.
 */
long remotefs_watch_del(struct file *file, void *data, void __user *uarg)
{
	struct remotefs_watcher *watcher = file->private_data;
	const struct remotefs_watch_del_args *args = data;
	struct remotefs_watch *watch;

	if (args->flags)
		return -EOPNOTSUPP;
	watch = watch_unname(watcher, &args->cookie);
	if (!watch)
		return -ENOENT;
	watch_free(watch);
	return 0;
}

/*
 * Need a read not wait? The end of a source that shares its mm is found out by
 * asking; see source.c.
 */
static bool watcher_has(struct remotefs_watcher *watcher)
{
	remotefs_space_is_live(watcher->source);
	return READ_ONCE(watcher->gone_said) || remotefs_monitor_has(watcher);
}

static int watcher_wait(struct remotefs_watcher *watcher, bool nonblock)
{
	if (watcher_has(watcher))
		return 0;
	if (nonblock)
		return -EAGAIN;
	return wait_event_interruptible(watcher->wait, watcher_has(watcher));
}

static ssize_t remotefs_watch_read(struct file *file, char __user *buf,
				   size_t count, loff_t *pos)
{
	struct remotefs_watcher *watcher = file->private_data;
	struct remotefs_event event;
	size_t done = 0;
	int err;

	if (count < sizeof(event))
		return -EINVAL;
	/* Another reader may be quicker. */
	while (!done) {
		if (READ_ONCE(watcher->gone_said))
			return 0;
		err = watcher_wait(watcher, file->f_flags & O_NONBLOCK);
		if (err)
			return err;
		while (count - done >= sizeof(event) &&
		       remotefs_monitor_take(watcher, &event)) {
			if (copy_to_user(buf + done, &event, sizeof(event))) {
				remotefs_monitor_lost(watcher, &event);
				return done ? (ssize_t)done : -EFAULT;
			}
			done += sizeof(event);
			cond_resched();
		}
	}
	return done;
}

static __poll_t remotefs_watch_poll(struct file *file,
				    struct poll_table_struct *table)
{
	struct remotefs_watcher *watcher = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &watcher->wait, table);
	if (watcher_has(watcher))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (remotefs_source_is_gone(watcher->source))
		mask |= EPOLLHUP;
	return mask;
}

static int remotefs_watch_fasync(int fd, struct file *file, int on)
{
	struct remotefs_watcher *watcher = file->private_data;

	return fasync_helper(fd, file, on, &watcher->fasync);
}

static int remotefs_watch_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct remotefs_watcher *watcher = file->private_data;

	if (vma->vm_pgoff || vma_pages(vma) != 1 ||
	    !(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	/* What newer kernels answer for us. */
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	vm_flags_clear(vma, VM_MAYWRITE | VM_MAYEXEC);
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND);
	return vm_insert_page(vma, vma->vm_start, virt_to_page(watcher->page));
}

static void remotefs_watch_show(struct seq_file *seq, struct file *file)
{
	struct remotefs_watcher *watcher = file->private_data;
	struct pid *pid = watcher->source->pid;

	seq_printf(seq, "remotefs-pid:\t%u\n", pid_vnr(pid));
	spin_lock(&watcher->monitor->lock);
	seq_printf(seq, "remotefs-queued:\t%u\n", watcher->queued);
	seq_printf(seq, "remotefs-stale:\t%d\n", watcher->stale);
	seq_printf(seq, "remotefs-generation:\t%llu\n", watcher->generation);
	spin_unlock(&watcher->monitor->lock);
}

static void watcher_wake(struct work_struct *work)
{
	struct remotefs_watcher *watcher =
		container_of(work, struct remotefs_watcher, wake_work);
	__poll_t mask = EPOLLIN | EPOLLRDNORM;

	if (remotefs_source_is_gone(watcher->source))
		mask |= EPOLLHUP;
	wake_up_interruptible_poll(&watcher->wait, mask);
	kill_fasync(&watcher->fasync, SIGIO, POLL_IN);
}

static void watcher_free(struct remotefs_watcher *watcher)
{
	struct remotefs_watch *watch;

	remotefs_source_dismiss(watcher->source, watcher);
	while ((watch = watch_unname(watcher, NULL))) {
		watch_free(watch);
		cond_resched();
	}
	remotefs_monitor_dismiss(watcher);
	remotefs_monitor_put(watcher->monitor);
	cancel_work_sync(&watcher->wake_work);
	free_page((unsigned long)watcher->page);
	remotefs_source_put(watcher->source);
	fput(watcher->control);
	kfree(watcher);
}

static int remotefs_watch_release(struct inode *inode, struct file *file)
{
	watcher_free(file->private_data);
	return 0;
}

static const struct file_operations watch_operations = {
	.owner		= THIS_MODULE,
	.release	= remotefs_watch_release,
	.read		= remotefs_watch_read,
	.poll		= remotefs_watch_poll,
	.fasync		= remotefs_watch_fasync,
	.mmap		= remotefs_watch_mmap,
	.unlocked_ioctl	= remotefs_watch_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.show_fdinfo	= remotefs_watch_show,
};

static struct remotefs_watcher *watcher_alloc(unsigned int max_queued)
{
	struct remotefs_watcher *watcher;

	watcher = kzalloc(sizeof(*watcher), GFP_KERNEL_ACCOUNT);
	if (!watcher)
		return ERR_PTR(-ENOMEM);
	watcher->page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!watcher->page) {
		kfree(watcher);
		return ERR_PTR(-ENOMEM);
	}
	watcher->generation = FIRST_GENERATION;
	watcher->page->generation = watcher->generation;
	watcher->max_queued = max_queued ?: UINT_MAX;
	watcher->names = RB_ROOT;
	INIT_LIST_HEAD(&watcher->touched);
	INIT_LIST_HEAD(&watcher->unsure);
	INIT_LIST_HEAD(&watcher->pending);
	init_waitqueue_head(&watcher->wait);
	INIT_WORK(&watcher->wake_work, watcher_wake);
	return watcher;
}

/**
 * remotefs_watch_file - make a watcher
 * @control:	the control file that it came from
 * @source:	whose memory is to be watched
 * @uid:	to whom watches are charged
 * @max_queued:	how many records may be queued; 0 for any number
 *
 * Context: sleeps, killably; takes the source's mmap_lock for writing.
 * Return: an open file; ERR_PTR(-ESRCH) the source is gone; ERR_PTR(-EINTR),
 * ERR_PTR(-ERESTARTNOINTR), ERR_PTR(-ENOMEM), ERR_PTR(-ENFILE).
 */
struct file *remotefs_watch_file(struct file *control,
				 struct remotefs_source *source, kuid_t uid,
				 unsigned int max_queued)
{
	struct remotefs_watcher *watcher = watcher_alloc(max_queued);
	struct remotefs_monitor *monitor;
	struct file *file;

	if (IS_ERR(watcher))
		return ERR_CAST(watcher);
	monitor = remotefs_monitor_get(source);
	if (IS_ERR(monitor)) {
		free_page((unsigned long)watcher->page);
		kfree(watcher);
		return ERR_CAST(monitor);
	}
	kref_get(&source->ref);
	watcher->source = source;
	watcher->control = get_file(control);
	watcher->uid = uid;
	remotefs_monitor_admit(monitor, watcher);
	remotefs_source_admit(source, watcher);
	file = anon_inode_getfile("[remotefs-watch]", &watch_operations,
				  watcher, O_RDONLY | O_CLOEXEC);
	if (IS_ERR(file)) {
		watcher_free(watcher);
		return file;
	}
	stream_open(file_inode(file), file);
	return file;
}

/**
 * remotefs_watch_source_gone - tell the watchers of a source that it has ended
 * @source:	the source
 *
 * If the mm has ended with it, they know.
 *
 * Context: sleeps; takes the mount's lock.
 */
void remotefs_watch_source_gone(struct remotefs_source *source)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(source->sb);
	struct remotefs_watcher *watcher;

	mutex_lock(&sbi->lock);
	list_for_each_entry(watcher, &source->watchers, fellow)
		remotefs_monitor_gone(watcher);
	mutex_unlock(&sbi->lock);
}
