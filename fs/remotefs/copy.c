// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: read() and write() of a map file.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Bytes go straight between the source's pages and the caller's buffer, inside
 * the section of fault.c's protocol in which what was seen of the source is
 * still true. User faults are off in there; a buffer that is not present is
 * faulted in outside, with nothing held, and where that does not help, or where
 * the other side is a pipe, a kernel page serves as a bounce buffer. Memory
 * that the source never touched reads as zeros and stays untouched.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "internal.h"
#include "trace.h"

/* Pages looked up at once by read() and write(). */
#define COPY_BATCH	64
/* Pages copied in one section: an invalidation waits for no more. */
#define COPY_CHUNK	8
/* Faults of the caller's buffer after which to use a bounce buffer. */
#define COPY_PATIENCE	2

/* A read() or write() under way. */
struct copy {
	struct remotefs_map *map;
	struct iov_iter *iter;
	loff_t pos;
	void *bounce;		/* a page, if one is in use */
	size_t limit;		/* bytes in the bounce buffer */
	unsigned int faults;	/* of the caller's buffer */
	bool write;
	bool nowait;		/* RWF_NOWAIT: -EAGAIN instead of a wait */
	bool locked;		/* a viewer's lock is held: likewise */
};

/* One batch of it. */
struct batch {
	struct remotefs_window window;
	unsigned long words[COPY_BATCH];	/* REMOTEFS_PAGE_* */
	pgoff_t first;				/* file offset of words[0] */
};

/* How many bytes may be copied from @copy->pos on, at most @nr pages. */
static size_t copy_bytes(const struct copy *copy, unsigned int nr)
{
	size_t left = copy->bounce ? copy->limit : iov_iter_count(copy->iter);

	return min_t(size_t, left, ((size_t)nr << PAGE_SHIFT) -
				   offset_in_page(copy->pos));
}

/* The page of a word; where there was none when the batch was filled, zeros. */
static struct page *word_page(unsigned long word)
{
	if (word & REMOTEFS_PAGE_PRESENT)
		return pfn_to_page(remotefs_page_pfn(word));
	return ZERO_PAGE(0);
}

/*
 * How many pages of a batch, of the @nr from the @i-th on, lie in a row and can
 * be copied as one.
 */
static unsigned int batch_run(const struct batch *batch, unsigned int i,
			      unsigned int nr)
{
	unsigned long word = batch->words[i];
	unsigned int run = 1;

	if (IS_ENABLED(CONFIG_HIGHMEM) || !(word & REMOTEFS_PAGE_DIRTY))
		return 1;
	while (run < nr && batch->words[i + run] ==
			   word + ((unsigned long)run << REMOTEFS_PAGE_SHIFT))
		run++;
	return run;
}

/*
 * In a section, user faults off: bytes copied, from the page of @word on. Not
 * by copy_to_iter(), which would look up whose memory that is.
 */
static size_t copy_at(struct copy *copy, unsigned long word, size_t bytes)
{
	struct page *page = word_page(word);
	void *data = kmap_local_page(page);
	void *at = data + offset_in_page(copy->pos);

	if (copy->write && !(word & REMOTEFS_PAGE_DIRTY))
		set_page_dirty(page);
	if (copy->bounce && copy->write)
		memcpy(at, copy->bounce, bytes);
	else if (copy->bounce)
		memcpy(copy->bounce, at, bytes);
	else if (copy->write)
		bytes = _copy_from_iter(at, bytes, copy->iter);
	else
		bytes = _copy_to_iter(at, bytes, copy->iter);
	kunmap_local(data);
	copy->pos += bytes;
	return bytes;
}

/*
 * From the copy's position on, up to page @end of the file at most, in one
 * section. Bytes copied, fewer if the buffer faults; -EAGAIN look again;
 * -EACCES.
 */
static ssize_t copy_chunk(struct copy *copy, struct batch *batch, pgoff_t end)
{
	struct remotefs_range *range = batch->window.range;
	pgoff_t pgoff = copy->pos >> PAGE_SHIFT;
	size_t want, got = 0;
	ssize_t ret = -EAGAIN;
	unsigned int i, run;

	end = min(end, pgoff + COPY_CHUNK);
	if (!remotefs_window_lock(&batch->window))
		goto out_unlock;
	/* Where only a part is allowed, page by page up to that one. */
	if (copy->write && !remotefs_range_admits_write(range, pgoff, end - 1))
		end = pgoff + 1;
	ret = -EACCES;
	if (copy->write && !remotefs_range_admits_write(range, pgoff, pgoff))
		goto out_unlock;
	ret = 0;
	pagefault_disable();
	do {
		i = pgoff - batch->first;
		run = batch_run(batch, i, end - pgoff);
		want = copy_bytes(copy, run);
		got = copy_at(copy, batch->words[i], want);
		ret += got;
		pgoff += run;
	} while (got == want && pgoff < end);
	pagefault_enable();
	if (got < want)
		copy->faults++;
out_unlock:
	remotefs_window_unlock(&batch->window);
	return ret;
}

/* Copy the first @nr pages of a batch; short if the buffer faults. */
static ssize_t copy_batch(struct copy *copy, struct batch *batch,
			  unsigned int nr)
{
	unsigned int faults = copy->faults;
	pgoff_t end = batch->first + nr;
	ssize_t total = 0, ret;

	do {
		ret = copy_chunk(copy, batch, end);
		if (ret > 0)
			total += ret;
	} while (ret > 0 && copy->faults == faults && !copy->bounce &&
		 copy->pos >> PAGE_SHIFT < end && iov_iter_count(copy->iter));
	if (!total && copy->faults != faults)
		return -EFAULT;
	return total ?: ret;
}

/* In a section: the words from the @i-th on, up to one that does not serve. */
static unsigned int batch_scan(struct batch *batch, unsigned int i,
			       const struct remotefs_table *table,
			       unsigned long serves)
{
	unsigned long word;

	for (; i < batch->window.nr; i++) {
		word = remotefs_table_word(table, i);
		if (!(word & serves))
			break;
		batch->words[i] = word;
	}
	return i;
}

/*
 * In a section: fill in the words of the batch. How many pages of it can be
 * copied: those present, and for reading also those that never were, which only
 * the lock of the page table makes sure of.
 */
static unsigned int batch_fill(struct copy *copy, struct batch *batch,
			       bool monitored)
{
	unsigned long serves = copy->write ? REMOTEFS_PAGE_WRITE :
					     REMOTEFS_PAGE_PRESENT;
	struct remotefs_table table;
	spinlock_t *ptl;	/* of the page table */
	unsigned int i;

	remotefs_window_table(&batch->window, &table);
	i = batch_scan(batch, 0, &table, serves);
	if (i == batch->window.nr || copy->write || monitored)
		return i;
	serves |= REMOTEFS_PAGE_EMPTY;
	/* No middle directory's entry is emptied unannounced. */
	if (!table.ptes)
		return batch_scan(batch, i, &table, serves);
	ptl = pte_lockptr(copy->map->source->mm, &table.pmd);
	spin_lock(ptl);
	i = batch_scan(batch, i, &table, serves);
	spin_unlock(ptl);
	return i;
}

static int copy_lock(struct copy *copy, struct mm_struct *mm)
{
	if (copy->nowait || copy->locked)
		return mmap_read_trylock(mm) ? 0 : -EAGAIN;
	return mmap_read_lock_killable(mm);
}

/* Look at the source: pages that can be copied, 0 to fault in, or an errno. */
static int batch_look(struct copy *copy, struct batch *batch)
{
	struct remotefs_window *window = &batch->window;
	struct mm_struct *mm = window->range->map->source->mm;
	struct remotefs_extent extent;
	int ret;

	ret = copy_lock(copy, mm);
	if (ret)
		return ret;
	ret = remotefs_space_check(mm, window->address, copy->write, &extent);
	if (ret)
		goto out_unlock;
	extent.end = min(extent.end, remotefs_block_end(window->block));
	window->nr = min_t(unsigned long, window->nr,
			   (extent.end - window->address) >> PAGE_SHIFT);
	remotefs_window_begin(window);
	ret = -EAGAIN;
	if (remotefs_window_lock(window))
		ret = batch_fill(copy, batch, extent.monitored);
	remotefs_window_unlock(window);
out_unlock:
	mmap_read_unlock(mm);
	return ret;
}

/* Fault in the first page of a batch as far as that needs no wait. */
static int batch_fault_now(struct copy *copy, struct batch *batch)
{
	struct mm_struct *mm = copy->map->source->mm;
	vm_fault_t fault;

	if (!mmap_read_trylock(mm))
		return -EAGAIN;
	fault = remotefs_space_fault_now(mm, batch->window.address,
					 copy->write);
	mmap_read_unlock(mm);
	return remotefs_space_errno(fault);
}

/* With the source entered. Bytes copied, -EAGAIN to come again, or an errno. */
static ssize_t copy_entered(struct copy *copy, struct batch *batch)
{
	struct remotefs_range *range = batch->window.range;
	ssize_t ret;
	int nr;

	nr = batch_look(copy, batch);
	if (nr > 0)
		return copy_batch(copy, batch, nr);
	if (nr < 0)
		return nr;
	if (copy->nowait)
		return -EAGAIN;
	if (copy->locked)
		return batch_fault_now(copy, batch) ?: -EAGAIN;
	ret = remotefs_space_fault_in(range->map->source, batch->window.address,
				      copy->write);
	return ret ?: -EAGAIN;
}

/* Asked before the source is made to fault in a page for a write. */
static bool copy_is_admitted(struct copy *copy, struct remotefs_range *range,
			     pgoff_t pgoff)
{
	bool admitted;

	if (!copy->write)
		return true;
	spin_lock(&copy->map->lock);
	admitted = remotefs_range_admits_write(range, pgoff, pgoff);
	spin_unlock(&copy->map->lock);
	return admitted;
}

/* Nothing is subscribed at the start of the batch yet. */
static int batch_subscribe(struct copy *copy, struct batch *batch)
{
	struct remotefs_window *window = &batch->window;
	struct remotefs_block *fresh = remotefs_block_alloc();
	int err;

	if (!fresh)
		return -ENOMEM;
	if (copy->nowait || copy->locked)
		err = remotefs_block_try_subscribe(window->range, fresh,
						   window->address);
	else
		err = remotefs_block_subscribe(window->range, fresh,
					       window->address);
	/* The range has died meanwhile; the next look for it knows why. */
	return err == -ESTALE ? -EAGAIN : err;
}

static ssize_t copy_some(struct copy *copy)
{
	struct remotefs_source *source = copy->map->source;
	struct remotefs_range *range;
	struct batch batch;
	ssize_t ret;

	batch.first = copy->pos >> PAGE_SHIFT;
	range = remotefs_range_find(copy->map, batch.first,
				    &batch.window.block);
	if (IS_ERR(range))
		return PTR_ERR(range);
	batch.window.range = range;
	batch.window.address = remotefs_range_address(range, batch.first);
	batch.window.nr = DIV_ROUND_UP(offset_in_page(copy->pos) +
				       copy_bytes(copy, COPY_BATCH), PAGE_SIZE);
	ret = -EACCES;
	if (copy_is_admitted(copy, range, batch.first))
		ret = remotefs_space_enter(source);
	if (!ret) {
		if (batch.window.block)
			ret = copy_entered(copy, &batch);
		else
			ret = batch_subscribe(copy, &batch) ?: -EAGAIN;
		remotefs_space_leave(source);
	}
	remotefs_block_put(batch.window.block);
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
	if (iov_iter_is_pipe(copy->iter) || faults > COPY_PATIENCE) {
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
		else if (copy->faults == faults &&
			 (ret != -EAGAIN || copy->nowait || copy->locked))
			break;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	kfree(copy->bounce);
	copy->bounce = NULL;
	return done ?: ret;
}

static __always_inline void copy_trace(const struct copy *copy, u64 offset,
				       u64 length, ssize_t ret)
{
	if (copy->write)
		trace_remotefs_write(&copy->map->inode, offset, length, ret);
	else
		trace_remotefs_read(&copy->map->inode, offset, length, ret);
}

/*
 * All that the caller asks for within the file, if no program objects. Inline,
 * since another call is a hundredth of what it takes to read a page.
 */
static __always_inline ssize_t copy_all(struct copy *copy)
{
	struct inode *inode = &copy->map->inode;
	size_t length = iov_iter_count(copy->iter);
	u64 offset = copy->pos;
	ssize_t ret = 0;

	if (trace_remotefs_policy_enabled()) {
		/* It would be asked again for what is tried again. */
		if (copy->nowait)
			return -EAGAIN;
		ret = remotefs_bpf_ask(inode,
				       copy->write ? REMOTEFS_POLICY_WRITE :
						     REMOTEFS_POLICY_READ,
				       0, offset, length);
	}
	if (!ret)
		ret = copy_run(copy);
	copy_trace(copy, offset, length, ret);
	return ret;
}

/**
 * remotefs_copy_read - read_iter of a map file
 * @iocb:	file and position
 * @to:		where to copy
 *
 * Context: sleeps, killably; takes the source's mmap_lock.
 * Return: bytes read, 0 at the end of the file; -ESTALE, -ESRCH, -EFAULT,
 * -EHWPOISON, -ENOMEM, -EINTR; -EAGAIN with IOCB_NOWAIT.
 */
ssize_t remotefs_copy_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t size = i_size_read(inode);
	struct copy copy = {
		.map	= REMOTEFS_I(inode),
		.iter	= to,
		.pos	= iocb->ki_pos,
		.nowait	= iocb->ki_flags & IOCB_NOWAIT,
	};
	ssize_t ret;

	if (iocb->ki_pos >= size || !iov_iter_count(to))
		return 0;
	iov_iter_truncate(to, size - iocb->ki_pos);
	ret = copy_all(&copy);
	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
}

/**
 * remotefs_copy_write - write_iter of a map file
 * @iocb:	file and position
 * @from:	what to copy
 *
 * Context: sleeps, killably; takes the source's mmap_lock.
 * Return: bytes written; -ENOSPC at the end of the file; -EACCES where the
 * grant does not let viewers write; otherwise as remotefs_copy_read().
 */
ssize_t remotefs_copy_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct inode *inode = file_inode(file);
	loff_t size = i_size_read(inode);
	struct copy copy = {
		.map	= REMOTEFS_I(inode),
		.iter	= from,
		.write	= true,
		.nowait	= iocb->ki_flags & IOCB_NOWAIT,
	};
	ssize_t ret;

	ret = generic_write_checks(iocb, from);
	if (ret <= 0)
		return ret;
	if (iocb->ki_pos >= size)
		return -ENOSPC;
	iov_iter_truncate(from, size - iocb->ki_pos);
	copy.pos = iocb->ki_pos;
	ret = copy_all(&copy);
	if (ret > 0) {
		iocb->ki_pos += ret;
		file_update_time(file);
	}
	return ret;
}

/* How often an access through a viewer tries, a tick apart. */
#define ACCESS_TRIES	32

/**
 * remotefs_copy_access - access of a mirror, for ptrace and /proc/VIEWER/mem
 * @vma:	the mirror
 * @address:	where in the viewer
 * @buffer:	kernel memory
 * @length:	bytes
 * @write:	to the mirror, or from it
 *
 * The viewer's mmap_lock is held, so the source's can only be tried, and
 * nothing waited for; but the source is busy for moments only.
 *
 * Context: sleeps, killably, for a bounded time; @vma's mmap_lock held.
 * Return: bytes copied, fewer at the end of the mirror or of the file; 0 past
 * the end of the file; -EAGAIN the source was busy all the time; otherwise as
 * remotefs_copy_read() and remotefs_copy_write().
 */
int remotefs_copy_access(struct vm_area_struct *vma, unsigned long address,
			 void *buffer, int length, int write)
{
	struct inode *inode = file_inode(vma->vm_file);
	loff_t pos = ((loff_t)vma->vm_pgoff << PAGE_SHIFT) +
		     (address - vma->vm_start);
	struct kvec vec = { .iov_base = buffer };
	struct iov_iter iter;
	struct copy copy = {
		.map	= REMOTEFS_I(inode),
		.iter	= &iter,
		.pos	= pos,
		.write	= write,
		.locked	= true,
	};
	ssize_t ret;
	int i;

	/* A mirror that is not writable is not written by its debugger either. */
	if (write && !(vma->vm_flags & VM_WRITE))
		return -EACCES;
	if (pos >= i_size_read(inode))
		return 0;
	vec.iov_len = min3((loff_t)length, i_size_read(inode) - pos,
			   (loff_t)(vma->vm_end - address));
	iov_iter_kvec(&iter, write ? WRITE : READ, &vec, 1, vec.iov_len);
	for (i = 0; i < ACCESS_TRIES; i++) {
		ret = copy_run(&copy);
		/* A mirror of one's own holds the very lock that is tried. */
		if (ret != -EAGAIN || vma->vm_mm == copy.map->source->mm ||
		    schedule_timeout_killable(1))
			break;
	}
	copy_trace(&copy, pos, vec.iov_len, ret);
	return ret;
}
