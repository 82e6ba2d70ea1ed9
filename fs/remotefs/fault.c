// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: mirror faults and invalidation, both sides of one protocol.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A mirror shows pages it holds no reference on. That is safe as long as each
 * page leaves every mirror before the source gives it up, of which the source's
 * MMU notifier tells us. Two parties race: a fault, which looks a page up in
 * the source (S) and inserts it in a viewer's page table (M), and an
 * invalidation, which takes pages out of all viewers' tables. They meet in K,
 * the map file's lock, and in the sequence number of the block's subscription
 * (block.c):
 *
 *	fault					invalidation of S
 *	-----					-----------------
 *	trylock S
 *	check the VMA, find the block
 *	seq = read_begin()	<- waits while one is under way
 *						lock K
 *	lock K					  sequence moves on
 *	  seq current, range and block live?	  mirrors = count
 *	  read S's page table, insert		unlock K
 *	unlock K				zap mirrors, if there are any
 *	unlock S				return: S may now free the page
 *
 * What runs inside K after that check is a *section*. If the section comes
 * first, its entries are in tables that the zap reaches. If the invalidation
 * has K first, the section is not entered, and the fault starts over. There is
 * no third case. The same holds for read() and write(), which read S's page
 * table in one section and copy in others, after S was unlocked, under the same
 * sequence: so nothing moves once an invalidation, or a revoke, has returned,
 * and no page reference is taken.
 *
 * S's page table can be read in a section without its locks, because nothing
 * leaves it for good unannounced, tables included. An entry that is not there
 * may be about to appear, or to come back (space.c): a fault asks the core then,
 * and read() looks again under the table's lock before it says zeros.
 *
 * Rules which are not obvious, each found by a failure:
 *
 * - M's lock is held when the fault begins, and S may be waiting for M the
 *   other way round (or be M). So S's lock is only tried; where that fails, M's
 *   lock is dropped first and the access starts again.
 * - Memory that no block covers is subscribed the same way: with M's lock dropped.
 * - A page that is absent is faulted into S. A zero page of our own would stay
 *   when S writes: the first write to an empty entry notifies nobody.
 * - A special entry loses its dirty bit when it goes. So the page must count as
 *   written, by S's entry or by itself, before it becomes writable here; every
 *   event that cleans either sends an invalidation, and takes the permission
 *   away.
 * - A read-only entry in a writable mirror is never upgraded in place: the page
 *   may be shared, or be the zero page. pfn_mkwrite takes the entry out, and
 *   the write faults anew.
 * - A huge entry is made only for anonymous pages (never for the huge zero
 *   page, whose zap the core gets wrong in special mappings), and only where
 *   the kernel can mark it special (REMOTEFS_PMD in compat.h).
 * - A private mapping keeps no right to become writable (file.c): the core would
 *   take it for copy-on-write.
 * - No mirror lies in a subscribed block of its own mm (block.c, "The guard").
 *
 * K is never held over an allocation or a sleep; the zap runs without it.
 */
#include <linux/file.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include <asm/pgalloc.h>

#include "internal.h"
#include "trace.h"

/* The largest window is all of a page table. */
#define WINDOW_MAX	((unsigned long)PTRS_PER_PTE)
/* How often a fault starts over before it lets the access be repeated. */
#define FAULT_TRIES	4

/*
 * Lockdep is told to look away during the zap. It knows the core's
 * "invalidate_range_start" as one lock, held here because S is being
 * invalidated and taken again, under i_mmap_rwsem, because the mirrors' mms
 * are; it also sees i_mmap_rwsem of files mapped in S above the i_mmap_rwsem of
 * ours. Neither can close a cycle: the guard keeps every mirror out of the
 * subscribed blocks of its own mm, so the inner invalidation never comes back
 * to this file, and who holds our i_mmap_rwsem for writing does not wait for S.
 * mm_take_all_locks() does, but only if S, or a relative of S by fork, is what
 * it locks while it has a mirror: see docs/architecture.md, "Known hazards".
 */
static void block_zap(struct remotefs_block *block,
		      const struct mmu_notifier_range *event)
{
	struct remotefs_range *range = block->range;
	unsigned long start = max(event->start, remotefs_block_start(block));
	unsigned long end = min(event->end, remotefs_block_end(block));

	lockdep_off();
	remotefs_map_zap(range->map, remotefs_range_pgoff(range, start),
			 remotefs_range_pgoff(range, end - 1));
	lockdep_on();
}

/*
 * Has all memory of a block been unmapped? Then the block is of no more use.
 * The OOM reaper of older kernels says so, too, but leaves the mapping; it
 * cannot wait for a zap, so the block must stay until exit comes by.
 */
static bool block_is_unmapped(struct remotefs_block *block,
			      const struct mmu_notifier_range *event)
{
	return event->event == MMU_NOTIFY_UNMAP &&
	       mmu_notifier_range_blockable(event) &&
	       event->start <= remotefs_block_start(block) &&
	       event->end >= remotefs_block_end(block);
}

/* Blocks that are dying are told too, as long as mirrors may show them. */
static bool remotefs_block_invalidate(struct mmu_interval_notifier *sub,
				      const struct mmu_notifier_range *event,
				      unsigned long seq)
{
	struct remotefs_block *block =
		container_of(sub, struct remotefs_block, sub);
	struct remotefs_map *map = block->range->map;
	unsigned int mirrors;

	/* Before any fault fails, so that readers learn the true reason. */
	if (event->event == MMU_NOTIFY_RELEASE)
		remotefs_space_end(map->source);

	spin_lock(&map->lock);
	mmu_interval_set_seq(sub, seq);
	map->invalidations++;
	mirrors = map->mirrors;
	if (block_is_unmapped(block, event))
		remotefs_block_stale(block);
	spin_unlock(&map->lock);
	trace_remotefs_invalidate(&map->inode, event->start, event->end,
				  event->event, mirrors);

	if (!mirrors)
		return true;
	/* Only the OOM reaper cannot wait; it comes back, or exit does. */
	if (!mmu_notifier_range_blockable(event))
		return false;
	block_zap(block, event);
	return true;
}

const struct mmu_interval_notifier_ops remotefs_block_ops = {
	.invalidate	= remotefs_block_invalidate,
};

/**
 * remotefs_window_begin - prepare to enter a window's section
 * @window:	range and block set by the caller
 *
 * Context: the source's mmap_lock held for reading; sleeps while an
 * invalidation of the block is under way.
 */
void remotefs_window_begin(struct remotefs_window *window)
{
	window->seq = mmu_interval_read_begin(&window->block->sub);
}

/**
 * remotefs_window_lock - enter a section
 * @window:	as remotefs_window_begin() left it
 *
 * Context: returns with the map's lock held, whatever the answer.
 * Return: true if nothing was invalidated since remotefs_window_begin().
 */
bool remotefs_window_lock(struct remotefs_window *window)
	__acquires(&window->range->map->lock)
{
	struct remotefs_block *block = window->block;

	spin_lock(&window->range->map->lock);
	return window->range->live && block->live &&
	       !mmu_interval_read_retry(&block->sub, window->seq);
}

/**
 * remotefs_window_unlock - leave a section
 * @window:	the window
 *
 * Context: the map's lock held, released here.
 */
void remotefs_window_unlock(struct remotefs_window *window)
	__releases(&window->range->map->lock)
{
	spin_unlock(&window->range->map->lock);
}

/**
 * remotefs_window_table - find what the source has, inside a section
 * @window:	the window, of memory that remotefs_space_check() allowed; it is
 *		cut to the page table that its start is in
 * @table:	out: valid until the section ends
 *
 * Context: in a section; the source's mmap_lock held for reading.
 */
void remotefs_window_table(struct remotefs_window *window,
			   struct remotefs_table *table)
{
	unsigned int left = PTRS_PER_PTE - pte_index(window->address);

	remotefs_space_table(window->range->map->source->mm, window->address,
			     table);
	window->nr = min(window->nr, left);
}

/* A fault in a mirror, resolved to the source. */
struct mirror_fault {
	struct vm_fault *vmf;
	struct remotefs_map *map;
	struct remotefs_range *range;
	struct remotefs_block *block;	/* NULL: nothing subscribed yet */
	unsigned long address;		/* in the source */
	bool write;
	bool writable;			/* the source may store there itself */
	bool huge;			/* one huge entry will do, or nothing */
};

static bool word_serves(unsigned long word, bool write)
{
	return word & (write ? REMOTEFS_PAGE_WRITE : REMOTEFS_PAGE_PRESENT);
}

/*
 * May the mirror's entry be writable? For a read only if the page counts as
 * written already, because that would cost the source a write-out.
 */
static bool word_make_writable(unsigned long word, bool write)
{
	struct folio *folio;

	if (!(word & REMOTEFS_PAGE_WRITE))
		return false;
	if (likely(word & REMOTEFS_PAGE_DIRTY))
		return true;
	folio = page_folio(pfn_to_page(remotefs_page_pfn(word)));
	if (folio_test_dirty(folio))
		return true;
	if (!write)
		return false;
	folio_mark_dirty(folio);
	return true;
}

/*
 * Make sure that the page table exists, with what the core has allocated for
 * us: nothing may be allocated inside K. False: let the access be repeated.
 */
static bool fault_has_table(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	spinlock_t *ptl;	/* of the viewer's page middle directory */

	if (pmd_none(*vmf->pmd) && vmf->prealloc_pte) {
		ptl = pmd_lock(mm, vmf->pmd);
		if (likely(pmd_none(*vmf->pmd))) {
			mm_inc_nr_ptes(mm);
			/* Zeroes of the new table before the table. */
			smp_wmb();
			pmd_populate(mm, vmf->pmd, vmf->prealloc_pte);
			vmf->prealloc_pte = NULL;
		}
		spin_unlock(ptl);
	}
	return !pmd_none(*vmf->pmd) && !pmd_leaf(*vmf->pmd);
}

/* Where in its window the page in question is. */
static unsigned int fault_index(const struct mirror_fault *fault,
				const struct remotefs_window *window)
{
	return (fault->address - window->address) >> PAGE_SHIFT;
}

/* Leave nothing but the page in question in the window. */
static void window_narrow(const struct mirror_fault *fault,
			  struct remotefs_window *window,
			  struct remotefs_table *table)
{
	table->word = remotefs_table_word(table, fault_index(fault, window));
	table->ptes = NULL;
	window->address = fault->address;
	window->nr = 1;
}

/*
 * In a section: insert what is present, and tell how much that was. The page
 * table stays as long as the mirror does, since no other VMA has all of it.
 */
static unsigned int window_insert(const struct mirror_fault *fault,
				  const struct remotefs_window *window,
				  const struct remotefs_table *table,
				  bool may_write)
{
	struct vm_area_struct *vma = fault->vmf->vma;
	unsigned long address = (fault->vmf->address & PAGE_MASK) -
				(fault->address - window->address);
	pte_t *ptes = pte_offset_kernel(fault->vmf->pmd, address);
	spinlock_t *ptl = pte_lockptr(vma->vm_mm, fault->vmf->pmd);
	unsigned int i, inserted = 0;
	pgprot_t prot, writable;
	unsigned long word;

	/* The VMA's own lets nobody write: the core expects pfn_mkwrite to. */
	writable = may_write ? vm_get_page_prot(vma->vm_flags) :
			       vma->vm_page_prot;
	spin_lock(ptl);
	for (i = 0; i < window->nr; i++, address += PAGE_SIZE) {
		/* The marker of a userfaultfd is in nobody's way. */
		if (!pte_none_mostly(ptep_get(ptes + i)))
			continue;
		word = remotefs_table_word(table, i);
		if (!(word & REMOTEFS_PAGE_PRESENT))
			continue;
		prot = vma->vm_page_prot;
		if (may_write && word_make_writable(word, fault->write))
			prot = writable;
		set_pte_at(vma->vm_mm, address, ptes + i,
			   pte_mkspecial(pfn_pte(remotefs_page_pfn(word), prot)));
		inserted++;
	}
	spin_unlock(ptl);
	return inserted;
}

/* In a section: how many pages were inserted. */
static unsigned int fault_insert(struct mirror_fault *fault,
				 struct remotefs_window *window,
				 struct remotefs_table *table)
{
	struct vm_fault *vmf = fault->vmf;
	pgoff_t first = vmf->pgoff - fault_index(fault, window);
	bool may_write;

	lockdep_assert_held(&fault->map->lock);
	if (!fault_has_table(vmf))
		return 0;
	may_write = (vmf->vma->vm_flags & VM_WRITE) && fault->writable &&
		    remotefs_range_admits_write(fault->range, first,
						first + window->nr - 1);
	/* A part of the window was allowed: then only the page in question. */
	if (!may_write && fault->write) {
		window_narrow(fault, window, table);
		may_write = true;
	}
	fault->map->faults++;
	return window_insert(fault, window, table, may_write);
}

static struct remotefs_hint *fault_hint(struct vm_fault *vmf)
{
	struct remotefs_file *file = vmf->vma->vm_file->private_data;

	/* One of few, so that threads seldom spoil each other's. */
	return &file->hints[current->pid % ARRAY_SIZE(file->hints)];
}

/*
 * How many pages to insert, a power of two: twice as many each time while a
 * thread's faults stay close together, whatever their order, else one.
 */
static unsigned int fault_span(struct vm_fault *vmf)
{
	struct remotefs_hint *hint = fault_hint(vmf);
	unsigned long span = READ_ONCE(hint->span);
	pgoff_t first = READ_ONCE(hint->first);

	/* From one window before it to one after it. */
	if (vmf->pgoff - first + span < 3 * span)
		return min(2 * span, WINDOW_MAX);
	return 1;
}

/* Windows of which little was of use will be smaller. */
static void fault_remember(struct vm_fault *vmf, unsigned int span,
			   unsigned int inserted)
{
	struct remotefs_hint *hint = fault_hint(vmf);
	unsigned long page = vmf->address >> PAGE_SHIFT;

	if (inserted < span / 4)
		span /= 4;
	WRITE_ONCE(hint->first, vmf->pgoff - (page & (span - 1)));
	WRITE_ONCE(hint->span, span);
}

/*
 * The window of a fault: @span pages, aligned, so that they share a page table,
 * and cut to what the mirror, the block, the source's VMA and one of its page
 * tables have of them.
 */
static void window_place(struct remotefs_window *window,
			 const struct mirror_fault *fault, unsigned int span,
			 const struct remotefs_extent *extent)
{
	struct vm_area_struct *vma = fault->vmf->vma;
	unsigned long address = fault->vmf->address & PAGE_MASK;
	unsigned long size = (unsigned long)span << PAGE_SHIFT;
	unsigned long low = address & ~(size - 1);
	unsigned long before = address - max(low, vma->vm_start);
	unsigned long after = min(low + size, vma->vm_end) - address;
	unsigned long start = max3(fault->address & PMD_MASK, extent->start,
				   remotefs_block_start(window->block));
	unsigned long end = min3((fault->address & PMD_MASK) + PMD_SIZE,
				 extent->end, remotefs_block_end(window->block));

	before = min(before, fault->address - start);
	after = min(after, end - fault->address);
	window->address = fault->address - before;
	window->nr = (before + after) >> PAGE_SHIFT;
}

/*
 * What a fault function tells its caller besides VM_FAULT_*: S must be waited
 * for, or subscribed to, without the viewer's lock.
 */
#define FAULT_WAIT	VM_FAULT_RETRY

/* The page is absent, or not writable: let S fault, without waiting. */
static vm_fault_t fault_source(struct mirror_fault *fault)
{
	struct mm_struct *mm = fault->map->source->mm;
	vm_fault_t ret;

	ret = remotefs_space_fault_now(mm, fault->address, fault->write);
	if (ret & VM_FAULT_OOM)
		return VM_FAULT_OOM;
	if (ret & (VM_FAULT_HWPOISON | VM_FAULT_HWPOISON_LARGE))
		return VM_FAULT_HWPOISON;
	if (ret & VM_FAULT_ERROR)
		return VM_FAULT_SIGBUS;
	return ret & VM_FAULT_RETRY ? FAULT_WAIT : 0;
}

#ifdef REMOTEFS_PMD
/* Do mirror, block and source agree on where huge pages begin? */
static bool huge_is_congruent(struct mirror_fault *fault)
{
	unsigned long address = fault->vmf->address & PMD_MASK;
	unsigned long source = fault->address & PMD_MASK;
	struct vm_area_struct *vma = fault->vmf->vma;

	return fault->block &&
	       ((fault->vmf->address ^ fault->address) & ~PMD_MASK) < PAGE_SIZE &&
	       address >= vma->vm_start &&
	       address + PMD_SIZE <= vma->vm_end &&
	       source >= remotefs_block_start(fault->block) &&
	       source + PMD_SIZE <= remotefs_block_end(fault->block);
}

/* In a section. One huge entry, if that would be right for all of it. */
static vm_fault_t huge_insert(struct mirror_fault *fault, unsigned long word)
{
	struct vm_fault *vmf = fault->vmf;
	unsigned long back = (vmf->address & ~PMD_MASK) >> PAGE_SHIFT;
	pgoff_t first = vmf->pgoff - back;
	bool write = fault->writable && (vmf->vma->vm_flags & VM_WRITE);

	lockdep_assert_held(&fault->map->lock);
	if (!pmd_none(*vmf->pmd) ||
	    !PageAnon(pfn_to_page(remotefs_page_pfn(word))))
		return VM_FAULT_FALLBACK;
	if (write && !remotefs_range_admits_write(fault->range, first,
						  first + HPAGE_PMD_NR - 1)) {
		if (fault->write)
			return VM_FAULT_FALLBACK;
		write = false;
	}
	write = write && word_make_writable(word, fault->write);
	fault->map->faults++;
	return vmf_insert_pfn_pmd(vmf, remotefs_page_pfn(word) - back, write);
}
#else
static vm_fault_t huge_insert(struct mirror_fault *fault, unsigned long word)
{
	return VM_FAULT_FALLBACK;
}
#endif

/* In a section: 0 the page has to be faulted in, or the fault's result. */
static vm_fault_t fault_section(struct mirror_fault *fault,
				struct remotefs_window *window,
				unsigned int span)
{
	struct remotefs_table table;
	unsigned int inserted;
	unsigned long word;

	remotefs_window_table(window, &table);
	word = remotefs_table_word(&table, fault_index(fault, window));
	if (!word_serves(word, fault->write))
		return 0;
	if (fault->huge)
		return table.huge ? huge_insert(fault, word) :
				    VM_FAULT_FALLBACK;
	inserted = fault_insert(fault, window, &table);
	fault_remember(fault->vmf, span, inserted);
	return VM_FAULT_NOPAGE;
}

/*
 * One pass, under S: 0 to start over, or the fault's result. A load asks also
 * whether S could store: a page table may say so of memory, such as a shadow
 * stack, whose VMA does not.
 */
static vm_fault_t fault_try(struct mirror_fault *fault, unsigned int span)
{
	struct remotefs_window window = {
		.range	= fault->range,
		.block	= fault->block,
	};
	struct mm_struct *mm = fault->map->source->mm;
	struct remotefs_extent extent;
	vm_fault_t ret = 0;
	bool entered;

	if (remotefs_space_check(mm, fault->address, fault->write, &extent))
		return VM_FAULT_SIGBUS;
	if (!fault->block)
		return FAULT_WAIT;
	/* A glance, to spare most faults of small pages the rest. */
	if (fault->huge && !remotefs_space_is_huge(mm, fault->address))
		return VM_FAULT_FALLBACK;
	fault->writable = extent.writable;
	window_place(&window, fault, span, &extent);
	remotefs_window_begin(&window);
	entered = remotefs_window_lock(&window);
	if (entered)
		ret = fault_section(fault, &window, span);
	remotefs_window_unlock(&window);
	if (!entered || ret)
		return ret;
	return fault->huge ? VM_FAULT_FALLBACK : fault_source(fault);
}

/* Under S. */
static vm_fault_t fault_present(struct mirror_fault *fault)
{
	unsigned int span = fault_span(fault->vmf);
	vm_fault_t ret = 0;
	int i;

	for (i = 0; i < FAULT_TRIES && !ret; i++)
		ret = fault_try(fault, span);
	return ret ?: VM_FAULT_NOPAGE;
}

/*
 * Wait for S with no lock of the viewer held, then let the access repeat. The
 * mirror may be unmapped once its lock is dropped: @file keeps the map file.
 * An error of S is found again, and reported, when the access repeats.
 */
static vm_fault_t fault_wait(struct mirror_fault *fault, struct file **file)
{
	struct vm_fault *vmf = fault->vmf;
	struct remotefs_block *fresh = NULL;

	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
		return VM_FAULT_SIGBUS;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	if (!fault->block) {
		/* Now, because nothing but RETRY can be said later. */
		fresh = remotefs_block_alloc();
		if (!fresh)
			return VM_FAULT_OOM;
	}
	*file = get_file(vmf->vma->vm_file);
	release_fault_lock(vmf);
	if (fresh)
		remotefs_block_subscribe(fault->range, fresh, fault->address);
	else
		remotefs_space_fault_in(fault->map->source, fault->address,
					fault->write);
	return VM_FAULT_RETRY;
}

/* Drop what fault_begin() took. */
static void fault_end(struct mirror_fault *fault)
{
	remotefs_block_put(fault->block);
	remotefs_range_put(fault->range);
	remotefs_space_leave(fault->map->source);
}

/* Nothing but what lasts when the viewer's lock is dropped. */
static void fault_trace(struct remotefs_map *map,
			const struct vm_fault *vmf, vm_fault_t result)
{
	trace_remotefs_fault(&map->inode, (u64)vmf->pgoff << PAGE_SHIFT,
			     vmf->address, vmf->flags & FAULT_FLAG_WRITE,
			     (__force u32)result);
}

static vm_fault_t fault_serve(struct mirror_fault *fault)
{
	struct mm_struct *mm = fault->map->source->mm;
	vm_fault_t ret = FAULT_WAIT;
	struct file *file = NULL;

	if (mmap_read_trylock(mm)) {
		ret = fault_present(fault);
		mmap_read_unlock(mm);
	} else if (!(fault->vmf->flags & FAULT_FLAG_ALLOW_RETRY)) {
		ret = VM_FAULT_NOPAGE;
	}
	if (ret == FAULT_WAIT)
		ret = fault_wait(fault, &file);
	fault_end(fault);
	fault_trace(fault->map, fault->vmf, ret);
	if (file)
		fput(file);
	return ret;
}

/* Is there a range to serve this fault from, and may it? Takes references. */
static bool fault_begin(struct mirror_fault *fault)
{
	struct vm_fault *vmf = fault->vmf;
	struct remotefs_range *range;
	bool admitted = true;

	fault->write = vmf->flags & FAULT_FLAG_WRITE;
	fault->map = REMOTEFS_I(file_inode(vmf->vma->vm_file));
	range = remotefs_range_find(fault->map, vmf->pgoff, &fault->block);
	if (IS_ERR(range))
		return false;
	fault->range = range;
	fault->address = remotefs_range_address(range, vmf->pgoff);
	if (fault->write) {
		spin_lock(&fault->map->lock);
		admitted = remotefs_range_admits_write(range, vmf->pgoff,
						       vmf->pgoff);
		spin_unlock(&fault->map->lock);
	}
	if (admitted && !remotefs_space_enter(fault->map->source))
		return true;
	remotefs_block_put(fault->block);
	remotefs_range_put(range);
	return false;
}

/*
 * The source can serve no more. If it has exited, and the grant said so, the
 * zero page stands for its memory, for good; a revoke that comes later zaps it.
 */
static vm_fault_t fault_zero(struct vm_fault *vmf)
{
	struct remotefs_map *map = REMOTEFS_I(file_inode(vmf->vma->vm_file));
	vm_flags_t flags = vmf->vma->vm_flags & ~(VM_WRITE | VM_SHARED);
	vm_fault_t ret = VM_FAULT_SIGBUS;

	spin_lock(&map->lock);
	if (!(vmf->flags & FAULT_FLAG_WRITE) &&
	    map->state != REMOTEFS_STATE_REVOKED &&
	    test_bit(REMOTEFS_SOURCE_EXITED, &map->source->flags) &&
	    interval_tree_iter_first(&map->zeroes, vmf->pgoff, vmf->pgoff)) {
		ret = VM_FAULT_NOPAGE;
		if (fault_has_table(vmf))
			ret = vmf_insert_pfn_prot(vmf->vma,
						  vmf->address & PAGE_MASK,
						  page_to_pfn(ZERO_PAGE(0)),
						  vm_get_page_prot(flags));
	}
	spin_unlock(&map->lock);
	fault_trace(map, vmf, ret);
	return ret;
}

static vm_fault_t remotefs_vm_fault(struct vm_fault *vmf)
{
	struct mirror_fault fault = { .vmf = vmf };

	if (!fault_begin(&fault))
		return fault_zero(vmf);
	return fault_serve(&fault);
}

/* A write hit a read-only entry: out with it, the write faults anew. */
static vm_fault_t remotefs_vm_pfn_mkwrite(struct vm_fault *vmf)
{
	struct remotefs_map *map = REMOTEFS_I(file_inode(vmf->vma->vm_file));

	remotefs_map_zap(map, vmf->pgoff, vmf->pgoff);
	return VM_FAULT_NOPAGE;
}

#ifdef REMOTEFS_PMD
/* Under S's lock or not at all: the other handler is the one that waits. */
static vm_fault_t huge_serve(struct mirror_fault *fault)
{
	struct mm_struct *mm = fault->map->source->mm;
	vm_fault_t ret;

	if (!huge_is_congruent(fault) || !mmap_read_trylock(mm))
		return VM_FAULT_FALLBACK;
	ret = fault_present(fault);
	mmap_read_unlock(mm);
	return ret == VM_FAULT_NOPAGE ? ret : VM_FAULT_FALLBACK;
}

static vm_fault_t remotefs_vm_huge_fault(struct vm_fault *vmf,
					 unsigned int order)
{
	unsigned long back = (vmf->address & ~PMD_MASK) >> PAGE_SHIFT;
	struct mirror_fault fault = { .vmf = vmf, .huge = true };
	pgoff_t first = vmf->pgoff - back;
	vm_fault_t ret;

	if (order != HPAGE_PMD_ORDER || back > vmf->pgoff)
		return VM_FAULT_FALLBACK;
	/* A write to a read-only huge entry: as remotefs_vm_pfn_mkwrite(). */
	if (!pmd_none(*vmf->pmd)) {
		remotefs_map_zap(REMOTEFS_I(file_inode(vmf->vma->vm_file)),
				 first, first + HPAGE_PMD_NR - 1);
		return VM_FAULT_NOPAGE;
	}
	if (!fault_begin(&fault))
		return VM_FAULT_FALLBACK;
	ret = huge_serve(&fault);
	fault_end(&fault);
	/* Otherwise the other handler goes on, and tells. */
	if (ret != VM_FAULT_FALLBACK)
		fault_trace(fault.map, vmf, ret);
	return ret;
}
#endif

static void remotefs_vm_open(struct vm_area_struct *vma)
{
	struct remotefs_map *map = REMOTEFS_I(file_inode(vma->vm_file));

	spin_lock(&map->lock);
	map->mirrors++;
	spin_unlock(&map->lock);
}

static void remotefs_vm_close(struct vm_area_struct *vma)
{
	struct remotefs_map *map = REMOTEFS_I(file_inode(vma->vm_file));

	spin_lock(&map->lock);
	map->mirrors--;
	spin_unlock(&map->lock);
}

/*
 * No map_pages: without it the core calls fault and pfn_mkwrite under the
 * mmap_lock always, never under the lock of a single VMA.
 */
const struct vm_operations_struct remotefs_vm_ops = {
	.open		= remotefs_vm_open,
	.close		= remotefs_vm_close,
	.fault		= remotefs_vm_fault,
	.pfn_mkwrite	= remotefs_vm_pfn_mkwrite,
	.access		= remotefs_copy_access,
#ifdef REMOTEFS_PMD
	.huge_fault	= remotefs_vm_huge_fault,
#endif
};
