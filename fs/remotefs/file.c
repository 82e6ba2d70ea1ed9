// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: an open map file.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * read() and write() copy straight between the source's pages and the caller's
 * buffer, inside the section of fault.c's protocol in which what was seen of
 * the source is still true. User faults are off in there; a buffer that is not
 * present is faulted in outside, with nothing held, and where that does not
 * help, or where the other side is a pipe, a kernel page serves as a bounce
 * buffer. Memory that the source never touched reads as zeros and stays
 * untouched.
 */
#include <linux/highmem.h>
#include <linux/hmm.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "internal.h"

/* Pages looked up at once by read() and write(). */
#define COPY_BATCH	16
/* Faults of the caller's buffer after which to use a bounce buffer. */
#define COPY_PATIENCE	2

/* Where @whence means data or holes, how many pages to look at together. */
#define SEEK_BATCH	PTRS_PER_PTE

/* A read() or write() under way. */
struct copy {
	struct remotefs_map *map;
	struct iov_iter *iter;
	loff_t pos;
	void *bounce;		/* a page, if one is in use */
	size_t limit;		/* bytes in the bounce buffer */
	unsigned int faults;	/* of the caller's buffer */
	bool write;
};

/* One batch of it. */
struct batch {
	struct remotefs_window window;
	unsigned long pfns[COPY_BATCH];
	pgoff_t first;		/* file offset of pfns[0] */
};

/* How many bytes may be copied from @copy->pos on, at most @nr pages. */
static size_t copy_bytes(const struct copy *copy, unsigned int nr)
{
	size_t left = copy->bounce ? copy->limit : iov_iter_count(copy->iter);

	return min_t(size_t, left, ((size_t)nr << PAGE_SHIFT) -
				   offset_in_page(copy->pos));
}

/* Between a source's page and the other side; returns bytes copied. */
static size_t copy_atomic(struct copy *copy, void *data, size_t bytes)
{
	size_t copied;

	if (copy->bounce) {
		if (copy->write)
			memcpy(data, copy->bounce, bytes);
		else
			memcpy(copy->bounce, data, bytes);
		return bytes;
	}
	pagefault_disable();
	if (copy->write)
		copied = copy_from_iter(data, bytes, copy->iter);
	else
		copied = copy_to_iter(data, bytes, copy->iter);
	pagefault_enable();
	return copied;
}

static void *batch_kmap(struct batch *batch, unsigned int i)
{
	unsigned long pfn = batch->pfns[i];

	/* Nothing there, and the look is still true: zeros. */
	if (!(pfn & HMM_PFN_VALID))
		return kmap_local_page(ZERO_PAGE(0));
	return kmap_local_page(hmm_pfn_to_page(pfn));
}

/* The @i-th page of a batch: bytes copied, or -EAGAIN to look again. */
static ssize_t copy_one(struct copy *copy, struct batch *batch, unsigned int i)
{
	struct remotefs_range *range = batch->window.range;
	pgoff_t pgoff = batch->first + i;
	size_t bytes = copy_bytes(copy, 1);
	ssize_t ret = -EAGAIN;
	void *data;

	if (!remotefs_window_lock(&batch->window))
		goto out_unlock;
	ret = -EACCES;
	if (copy->write && !remotefs_range_admits_write(range, pgoff, pgoff))
		goto out_unlock;
	if (copy->write)
		set_page_dirty(hmm_pfn_to_page(batch->pfns[i]));
	data = batch_kmap(batch, i);
	ret = copy_atomic(copy, data + offset_in_page(copy->pos), bytes);
	kunmap_local(data);
out_unlock:
	remotefs_window_unlock(&batch->window);
	return ret;
}

/* Copy the first @nr pages of a batch; short if the buffer faults. */
static ssize_t copy_batch(struct copy *copy, struct batch *batch,
			  unsigned int nr)
{
	size_t total = 0, want;
	ssize_t ret = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		want = copy_bytes(copy, 1);
		ret = copy_one(copy, batch, i);
		if (ret < 0)
			break;
		copy->pos += ret;
		total += ret;
		if (ret < want) {
			copy->faults++;
			return total ?: -EFAULT;
		}
		if (copy->bounce)
			break;
	}
	return total ?: ret;
}

/*
 * How many pages of the batch can be copied: those present, and for reading
 * also those that never were.
 */
static unsigned int batch_usable(struct batch *batch, bool write)
{
	struct remotefs_window *window = &batch->window;
	struct mm_struct *mm = window->range->map->source->mm;
	unsigned int i;

	for (i = 0; i < window->nr; i++) {
		unsigned long pfn = batch->pfns[i];

		if (pfn & HMM_PFN_ERROR)
			break;
		if (pfn & HMM_PFN_VALID) {
			if (write && !(pfn & HMM_PFN_WRITE))
				break;
			continue;
		}
		batch->pfns[i] = 0;
		if (write ||
		    !remotefs_space_is_untouched(mm, window->address +
						 ((unsigned long)i << PAGE_SHIFT)))
			break;
	}
	return i;
}

/* Look at the source: pages that can be copied, 0 to fault in, or an errno. */
static int batch_look(struct batch *batch, bool write)
{
	struct remotefs_window *window = &batch->window;
	struct mm_struct *mm = window->range->map->source->mm;
	unsigned long end;
	int ret;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	ret = remotefs_space_check(mm, window->address, write, &end);
	if (!ret) {
		window->nr = min_t(unsigned long, window->nr,
				   (end - window->address) >> PAGE_SHIFT);
		ret = remotefs_window_look(window);
	}
	if (ret == -EBUSY)
		ret = -EAGAIN;
	if (!ret)
		ret = batch_usable(batch, write);
	mmap_read_unlock(mm);
	return ret;
}

/* With the source entered. Bytes copied, -EAGAIN to come again, or an errno. */
static ssize_t copy_entered(struct copy *copy, struct batch *batch)
{
	struct remotefs_range *range = batch->window.range;
	ssize_t ret;
	int nr;

	nr = batch_look(batch, copy->write);
	if (nr > 0)
		return copy_batch(copy, batch, nr);
	if (nr < 0)
		return nr;
	ret = remotefs_space_fault_in(range->map->source, batch->window.address,
				      copy->write);
	return ret ?: -EAGAIN;
}

static ssize_t copy_some(struct copy *copy)
{
	struct remotefs_source *source = copy->map->source;
	struct remotefs_range *range;
	struct batch batch;
	ssize_t ret;

	batch.first = copy->pos >> PAGE_SHIFT;
	range = remotefs_range_find(copy->map, batch.first);
	if (IS_ERR(range))
		return PTR_ERR(range);
	batch.window.range = range;
	batch.window.address = remotefs_range_address(range, batch.first);
	batch.window.pfns = batch.pfns;
	batch.window.nr = DIV_ROUND_UP(offset_in_page(copy->pos) +
				       copy_bytes(copy, COPY_BATCH), PAGE_SIZE);
	batch.window.nr = min_t(unsigned long, batch.window.nr,
				range->node.last - batch.first + 1);
	ret = remotefs_space_enter(source);
	if (!ret) {
		ret = copy_entered(copy, &batch);
		remotefs_space_leave(source);
	}
	remotefs_range_put(range);
	return ret;
}

/* One page at a time, by way of a kernel page that cannot fault. */
static ssize_t copy_bounced(struct copy *copy)
{
	struct iov_iter *iter = copy->iter;
	size_t bytes = min_t(size_t, iov_iter_count(iter),
			     PAGE_SIZE - offset_in_page(copy->pos));
	ssize_t ret;

	copy->limit = bytes;
	if (copy->write) {
		copy->limit = copy_from_iter(copy->bounce, bytes, iter);
		if (!copy->limit)
			return -EFAULT;
	}
	ret = copy_some(copy);
	if (copy->write) {
		iov_iter_revert(iter, copy->limit - max_t(ssize_t, ret, 0));
		return ret;
	}
	if (ret <= 0)
		return ret;
	bytes = copy_to_iter(copy->bounce, ret, iter);
	copy->pos -= ret - bytes;
	return bytes ?: -EFAULT;
}

/* Give the caller's buffer a chance, with nothing held. */
static int copy_prepare(struct copy *copy, unsigned int faults)
{
	size_t bytes = min_t(size_t, iov_iter_count(copy->iter), PAGE_SIZE);

	if (copy->bounce)
		return 0;
	if (!user_backed_iter(copy->iter) || faults > COPY_PATIENCE) {
		copy->bounce = kmalloc(PAGE_SIZE, GFP_KERNEL_ACCOUNT);
		return copy->bounce ? 0 : -ENOMEM;
	}
	if (!faults)
		return 0;
	if (copy->write)
		return fault_in_iov_iter_readable(copy->iter, bytes) == bytes ?
		       -EFAULT : 0;
	return fault_in_iov_iter_writeable(copy->iter, bytes) == bytes ?
	       -EFAULT : 0;
}

static ssize_t copy_run(struct copy *copy)
{
	unsigned int faults;
	size_t done = 0;
	ssize_t ret = 0;

	copy->faults = 0;
	while (iov_iter_count(copy->iter)) {
		faults = copy->faults;
		ret = copy_prepare(copy, faults);
		if (ret)
			break;
		ret = copy->bounce ? copy_bounced(copy) : copy_some(copy);
		if (ret > 0)
			done += ret;
		/* The buffer faulted, or the source moved: once more. */
		else if (ret != -EAGAIN && copy->faults == faults)
			break;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	kfree(copy->bounce);
	return done ?: ret;
}

static ssize_t remotefs_file_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t size = i_size_read(inode);
	struct copy copy = {
		.map	= REMOTEFS_I(inode),
		.iter	= to,
		.pos	= iocb->ki_pos,
	};
	ssize_t ret;

	if (iocb->ki_pos >= size || !iov_iter_count(to))
		return 0;
	iov_iter_truncate(to, size - iocb->ki_pos);
	ret = copy_run(&copy);
	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
}

static ssize_t remotefs_file_write_iter(struct kiocb *iocb,
					struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct inode *inode = file_inode(file);
	loff_t size = i_size_read(inode);
	struct copy copy = {
		.map	= REMOTEFS_I(inode),
		.iter	= from,
		.write	= true,
	};
	ssize_t ret;

	ret = generic_write_checks(iocb, from);
	if (ret <= 0)
		return ret;
	if (iocb->ki_pos >= size)
		return -ENOSPC;
	iov_iter_truncate(from, size - iocb->ki_pos);
	copy.pos = iocb->ki_pos;
	ret = copy_run(&copy);
	if (ret > 0) {
		iocb->ki_pos += ret;
		file_update_time(file);
	}
	return ret;
}

/* Is there data at this page of a batch? The source is read-locked. */
static bool batch_has_data(struct mm_struct *mm, unsigned long address,
			   unsigned long pfn)
{
	if (pfn & (HMM_PFN_VALID | HMM_PFN_ERROR))
		return true;
	return !remotefs_space_is_untouched(mm, address);
}

/*
 * The first address in [@address, @end), within one page table, where there is
 * data, or where there is none; @end if nowhere. The source is read-locked.
 */
static unsigned long seek_pages(struct remotefs_window *window,
				unsigned long end, bool data)
{
	struct mm_struct *mm = window->range->map->source->mm;
	unsigned long address = window->address;
	unsigned int i;

	window->nr = (end - address) >> PAGE_SHIFT;
	if (remotefs_window_look(window))
		return address;
	for (i = 0; i < window->nr; i++, address += PAGE_SIZE)
		if (batch_has_data(mm, address, window->pfns[i]) == data)
			break;
	return address;
}

/*
 * One step of a search, under the source's lock. *@address moves on; true if
 * it is what is sought.
 */
static bool seek_step(struct remotefs_window *window, unsigned long *address,
		      unsigned long end, bool data)
{
	struct mm_struct *mm = window->range->map->source->mm;
	unsigned long next, table;

	if (remotefs_space_check(mm, *address, false, &next)) {
		/* Not served: a hole up to the next VMA. */
		if (data)
			*address = min(next, end);
		return !data;
	}
	next = min(next, end);
	table = remotefs_space_next_table(mm, *address, next);
	if (table > *address) {
		if (data)
			*address = table;
		return !data;
	}
	next = min(next, (*address & PMD_MASK) + PMD_SIZE);
	window->address = *address;
	*address = seek_pages(window, next, data);
	return *address < next;
}

/* Search a range from page @first of the file on: a position, or -ENXIO. */
static loff_t seek_range(struct remotefs_range *range, pgoff_t first,
			 unsigned long *pfns, bool data)
{
	unsigned long end = range->address + remotefs_range_size(range);
	unsigned long address = remotefs_range_address(range, first);
	struct remotefs_window window = { .range = range, .pfns = pfns };
	struct mm_struct *mm = range->map->source->mm;
	bool found = false;

	while (!found && address < end) {
		if (mmap_read_lock_killable(mm))
			return -EINTR;
		found = seek_step(&window, &address, end, data);
		mmap_read_unlock(mm);
		cond_resched();
	}
	if (!found)
		return -ENXIO;
	return ((loff_t)range->node.start << PAGE_SHIFT) +
	       (address - range->address);
}

/* From page @pgoff on, over all ranges: a position, or an errno. */
static loff_t seek_map(struct remotefs_map *map, pgoff_t pgoff,
		       unsigned long *pfns, bool data)
{
	struct remotefs_range *range;
	loff_t found = -ENXIO;

	while (found == -ENXIO) {
		range = remotefs_range_next(map, pgoff);
		if (range == ERR_PTR(-ENOENT))
			break;
		if (IS_ERR(range))
			return PTR_ERR(range);
		if (range->node.start > pgoff && !data) {
			found = (loff_t)pgoff << PAGE_SHIFT;
		} else {
			pgoff = max(pgoff, range->node.start);
			found = remotefs_space_enter(map->source);
			if (!found) {
				found = seek_range(range, pgoff, pfns, data);
				remotefs_space_leave(map->source);
			}
			pgoff = range->node.last + 1;
		}
		remotefs_range_put(range);
	}
	/* Past the last range there is a hole, be it empty. */
	if (found == -ENXIO && !data)
		found = (loff_t)pgoff << PAGE_SHIFT;
	return found;
}

static loff_t seek_extent(struct file *file, loff_t offset, bool data)
{
	struct inode *inode = file_inode(file);
	loff_t size = i_size_read(inode);
	unsigned long *pfns;
	loff_t found;

	if (offset < 0 || offset >= size)
		return -ENXIO;
	pfns = kmalloc_array(SEEK_BATCH, sizeof(*pfns), GFP_KERNEL_ACCOUNT);
	if (!pfns)
		return -ENOMEM;
	found = seek_map(REMOTEFS_I(inode), offset >> PAGE_SHIFT, pfns, data);
	kfree(pfns);
	if (found < 0)
		return found;
	/* The page that holds the offset began before it. */
	return vfs_setpos(file, clamp(found, offset, size), size);
}

static loff_t remotefs_file_llseek(struct file *file, loff_t offset, int whence)
{
	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		return seek_extent(file, offset, whence == SEEK_DATA);
	return generic_file_llseek(file, offset, whence);
}

/* Why a file cannot be opened or mapped any more, or 0. */
static int file_errno(struct remotefs_map *map)
{
	int err = 0;

	spin_lock(&map->lock);
	if (map->state == REMOTEFS_STATE_REVOKED)
		err = -ESTALE;
	else if (map->state == REMOTEFS_STATE_GONE)
		err = -ESRCH;
	spin_unlock(&map->lock);
	if (!err && !remotefs_space_is_live(map->source))
		err = -ESRCH;
	return err;
}

static int remotefs_file_open(struct inode *inode, struct file *file)
{
	struct remotefs_map *map = REMOTEFS_I(inode);
	struct remotefs_file *hint;
	int err;

	err = file_errno(map);
	if (err)
		return err;
	/* Whatever the mode says: a read-only grant is never written. */
	if ((file->f_mode & FMODE_WRITE) && !READ_ONCE(map->writable))
		return -EACCES;
	hint = kzalloc(sizeof(*hint), GFP_KERNEL_ACCOUNT);
	if (!hint)
		return -ENOMEM;
	hint->next = ULONG_MAX;
	file->private_data = hint;
	file->f_mode |= FMODE_CAN_ODIRECT;
	return 0;
}

static int remotefs_file_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

/*
 * VM_PFNMAP: entries are special, so nobody takes references on the pages, and
 * the core flushes before it forgets a VMA. VM_IO: MADV_DOFORK and MADV_DODUMP
 * are refused.
 */
static int remotefs_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct remotefs_map *map = REMOTEFS_I(file_inode(file));
	int err;

	err = file_errno(map);
	if (err)
		return err;
	if (!(vma->vm_flags & VM_MAYSHARE)) {
		/* A private copy of a special entry cannot be made. */
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP |
			  VM_DONTCOPY);
	vma->vm_ops = &remotefs_vm_ops;
	remotefs_vm_ops.open(vma);
	return 0;
}

#ifdef REMOTEFS_PMD
/* By how much to move up, so that huge pages of source and mirror coincide. */
static unsigned long placement_shift(struct file *file, pgoff_t pgoff,
				     unsigned long address)
{
	struct remotefs_map *map = REMOTEFS_I(file_inode(file));
	struct remotefs_range *range = remotefs_range_find(map, pgoff);
	unsigned long shift;

	if (IS_ERR(range))
		return 0;
	shift = (remotefs_range_address(range, pgoff) - address) & ~PMD_MASK;
	remotefs_range_put(range);
	return shift;
}

static unsigned long placement_congruent(struct file *file, unsigned long len,
					 pgoff_t pgoff, unsigned long flags)
{
	unsigned long address;

	if (len < PMD_SIZE || len > TASK_SIZE - PMD_SIZE)
		return -ENOMEM;
	address = mm_get_unmapped_area(file, 0, len + PMD_SIZE, pgoff, flags);
	if (IS_ERR_VALUE(address))
		return address;
	return address + placement_shift(file, pgoff, address);
}
#else
static unsigned long placement_congruent(struct file *file, unsigned long len,
					 pgoff_t pgoff, unsigned long flags)
{
	return -ENOMEM;
}
#endif

/* Where the mirror shall go, before the guard of range.c has been asked. */
static unsigned long placement_propose(struct file *file, unsigned long hint,
				       unsigned long len, pgoff_t pgoff,
				       unsigned long flags)
{
	unsigned long address = -ENOMEM;

	if (!hint && !(flags & MAP_FIXED))
		address = placement_congruent(file, len, pgoff, flags);
	if (IS_ERR_VALUE(address))
		address = mm_get_unmapped_area(file, hint, len, pgoff, flags);
	return address;
}

/* Places below a conflict to try before giving up. */
#define PLACEMENT_TRIES	8

/* The guard: never inside a subscribed range of the viewer's own mm. */
static unsigned long remotefs_file_get_unmapped_area(struct file *file,
						     unsigned long hint,
						     unsigned long len,
						     unsigned long pgoff,
						     unsigned long flags)
{
	unsigned long address, conflict;
	int i;

	address = placement_propose(file, hint, len, pgoff, flags);
	for (i = 0; i < PLACEMENT_TRIES; i++) {
		if (IS_ERR_VALUE(address))
			return address;
		conflict = remotefs_range_conflict(current->mm, address,
						   address + len);
		if (!conflict)
			return address;
		if ((flags & MAP_FIXED) || conflict <= PAGE_ALIGN(len))
			break;
		address = mm_get_unmapped_area(file, conflict - PAGE_ALIGN(len),
					       len, pgoff, flags);
	}
	return -ELOOP;
}

/**
 * remotefs_file_info - REMOTEFS_IOC_INFO
 * @file:	a map file
 * @data:	struct remotefs_info_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps; takes the map's lock.
 * Return: 0; -EOPNOTSUPP, -EFAULT.
 */
long remotefs_file_info(struct file *file, void *data, void __user *uarg)
{
	struct remotefs_map *map = REMOTEFS_I(file_inode(file));
	struct remotefs_info_args *args = data;

	if (args->flags)
		return -EOPNOTSUPP;
	args->out_pid = pid_vnr(map->source->pid);
	args->out_map = map->number;
	args->out_waiters = atomic_read(&map->source->waiters);
	spin_lock(&map->lock);
	args->out_state = map->state;
	args->out_ranges = map->nr_ranges;
	args->out_mirrors = map->mirrors;
	args->out_faults = map->faults;
	args->out_invalidations = map->invalidations;
	spin_unlock(&map->lock);
	return remotefs_reply(uarg, args, sizeof(*args));
}

/**
 * remotefs_file_range - REMOTEFS_IOC_RANGE
 * @file:	a map file
 * @data:	struct remotefs_range_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps; takes the map's lock.
 * Return: 0; -ENOENT, -ESTALE, -ESRCH, -EFAULT.
 */
long remotefs_file_range(struct file *file, void *data, void __user *uarg)
{
	struct remotefs_map *map = REMOTEFS_I(file_inode(file));
	struct remotefs_range_args *args = data;
	struct remotefs_range *range;

	range = remotefs_range_next(map, args->offset >> PAGE_SHIFT);
	if (IS_ERR(range))
		return PTR_ERR(range);
	args->out_flags = range->flags & REMOTEFS_MAP_WRITE;
	args->offset = (u64)range->node.start << PAGE_SHIFT;
	args->out_address = range->address;
	args->out_length = remotefs_range_size(range);
	remotefs_range_put(range);
	return remotefs_reply(uarg, args, sizeof(*args));
}

const struct file_operations remotefs_file_operations = {
	.owner			= THIS_MODULE,
	.open			= remotefs_file_open,
	.release		= remotefs_file_release,
	.llseek			= remotefs_file_llseek,
	.read_iter		= remotefs_file_read_iter,
	.write_iter		= remotefs_file_write_iter,
	.splice_read		= copy_splice_read,
	.splice_write		= iter_file_splice_write,
	.mmap			= remotefs_file_mmap,
	.get_unmapped_area	= remotefs_file_get_unmapped_area,
	.fsync			= noop_fsync,
	.unlocked_ioctl		= remotefs_file_ioctl,
	.compat_ioctl		= compat_ptr_ioctl,
};
