// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: finding data and holes in a map file.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Data is a page that the source has, wherever it is now; a hole is memory it
 * never touched, memory that is not served, and an offset without a range. The
 * search skips whole page tables that do not exist, so that it ends soon in
 * files of many terabytes.
 */
#include <linux/mm.h>

#include "internal.h"

/*
 * One step of a search, under the source's lock. *@address moves on; true if
 * it is what is sought.
 */
static bool seek_step(struct mm_struct *mm, unsigned long *address,
		      unsigned long end, bool data)
{
	struct remotefs_extent extent;
	unsigned long next, table;

	if (remotefs_space_check(mm, *address, false, &extent)) {
		/* Not served: a hole up to the next VMA. */
		if (data)
			*address = min(extent.end, end);
		return !data;
	}
	next = min(extent.end, end);
	/* Its monitor has the data of pages that are not there. */
	if (extent.monitored) {
		if (!data)
			*address = next;
		return data;
	}
	table = remotefs_space_next_table(mm, *address, next);
	if (table > *address) {
		if (data)
			*address = table;
		return !data;
	}
	next = min(next, (*address & PMD_MASK) + PMD_SIZE);
	*address += (unsigned long)remotefs_space_count(mm, *address,
			(next - *address) >> PAGE_SHIFT, !data) << PAGE_SHIFT;
	return *address < next;
}

/* Search a range from page @first of the file on: a position, or -ENXIO. */
static loff_t seek_range(struct remotefs_range *range, pgoff_t first,
			 bool data)
{
	unsigned long end = range->address + remotefs_range_size(range);
	unsigned long address = remotefs_range_address(range, first);
	struct mm_struct *mm = range->map->source->mm;
	bool found = false;

	while (!found && address < end) {
		if (mmap_read_lock_killable(mm))
			return -EINTR;
		found = seek_step(mm, &address, end, data);
		mmap_read_unlock(mm);
		cond_resched();
	}
	if (!found)
		return -ENXIO;
	return ((loff_t)range->node.start << PAGE_SHIFT) +
	       (address - range->address);
}

/* From page @pgoff on, over all ranges: a position, or an errno. */
static loff_t seek_map(struct remotefs_map *map, pgoff_t pgoff, bool data)
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
				found = seek_range(range, pgoff, data);
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

/**
 * remotefs_seek_extent - SEEK_DATA and SEEK_HOLE
 * @file:	the map file
 * @offset:	where to start
 * @whence:	which of the two
 *
 * Context: sleeps, killably; takes the source's mmap_lock.
 * Return: the new position; -ENXIO there is none, or @offset is past the end;
 * -ESTALE, -ESRCH, -EINTR.
 */
loff_t remotefs_seek_extent(struct file *file, loff_t offset, int whence)
{
	bool data = whence == SEEK_DATA;
	struct inode *inode = file_inode(file);
	loff_t size = i_size_read(inode);
	loff_t found;

	if (offset < 0 || offset >= size)
		return -ENXIO;
	found = seek_map(REMOTEFS_I(inode), offset >> PAGE_SHIFT, data);
	if (found < 0)
		return found;
	/* The page that holds the offset began before it. */
	return vfs_setpos(file, clamp(found, offset, size), size);
}
