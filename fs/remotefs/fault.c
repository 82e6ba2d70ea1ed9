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
 *	snapshot of S's page table
 *						lock K
 *	lock K					  sequence moves on
 *	  seq current, range and block live?	  mirrors = count
 *	  insert				unlock K
 *	unlock K				zap mirrors, if there are any
 *	unlock S				return: S may now free the page
 *
 * If the fault has K first, its entry is in a table that the zap reaches. If
 * the invalidation has K first, the fault sees another sequence and starts
 * over. There is no third case. The same holds for read() and write(): every
 * copy runs inside K after the same check, so nothing moves once an
 * invalidation, or a revoke, has returned, and no page reference is taken.
 *
 * Rules which are not obvious, each found by a failure:
 *
 * - M's lock is held when the fault begins, and S may be waiting for M the
 *   other way round (or be M). So S's lock is only tried; where that fails, M's
 *   lock is dropped first and the access starts again.
 * - Memory that no block covers is subscribed the same way: with M's lock dropped.
 * - A page that is absent is faulted into S. A zero page of our own would stay
 *   when S writes: the first write to an empty entry notifies nobody.
 * - A special entry loses its dirty bit when it goes. The page is marked dirty
 *   before it becomes writable here; every event that cleans it sends an
 *   invalidation, and takes the permission away.
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
#include <linux/hmm.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include <asm/pgalloc.h>

#include "internal.h"

/* A window never leaves the page table of the fault that opened it. */
#define WINDOW_MAX	PTRS_PER_PTE
/* As many entries as fit on the stack; larger windows are allocated. */
#define WINDOW_SMALL	16
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
	unsigned long start = max(event->start,
				  block->sub.interval_tree.start);
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
	       event->start <= block->sub.interval_tree.start &&
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
	bool mirrored;

	/* Before any fault fails, so that readers learn the true reason. */
	if (event->event == MMU_NOTIFY_RELEASE)
		remotefs_space_end(map->source);

	spin_lock(&map->lock);
	mmu_interval_set_seq(sub, seq);
	map->invalidations++;
	mirrored = map->mirrors;
	if (block_is_unmapped(block, event))
		remotefs_block_stale(block);
	spin_unlock(&map->lock);

	if (!mirrored)
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
 * remotefs_window_look - see which pages of a range are present
 * @window:	range, block, address, nr and pfns set by the caller
 *
 * Faults nothing in. What was seen is valid only inside
 * remotefs_window_lock(), and only if that says so; without a block it is
 * old news at once.
 *
 * Context: the source's mmap_lock held for reading; sleeps while an
 * invalidation of the block is under way.
 * Return: 0; -EBUSY something changed meanwhile, look again.
 */
int remotefs_window_look(struct remotefs_window *window)
{
	struct mmu_interval_notifier *sub = window->block ?
		&window->block->sub : &window->range->map->source->end;
	struct hmm_range look = {
		.notifier	= sub,
		.start		= window->address,
		.end		= window->address +
				  ((unsigned long)window->nr << PAGE_SHIFT),
		.hmm_pfns	= window->pfns,
	};

	/* Newer kernels leave flags in there that were set before. */
	memset(window->pfns, 0, window->nr * sizeof(*window->pfns));
	window->seq = mmu_interval_read_begin(sub);
	look.notifier_seq = window->seq;
	return hmm_range_fault(&look);
}

/**
 * remotefs_window_lock - enter the section where a look is still true
 * @window:	as remotefs_window_look() left it, with a block
 *
 * Context: returns with the map's lock held, whatever the answer.
 * Return: true if the pages seen are still the source's.
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
 * remotefs_window_unlock - leave that section
 * @window:	the window
 *
 * Context: the map's lock held, released here.
 */
void remotefs_window_unlock(struct remotefs_window *window)
	__releases(&window->range->map->lock)
{
	spin_unlock(&window->range->map->lock);
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
};

static bool pfn_is_present(unsigned long pfn)
{
	return (pfn & (HMM_PFN_VALID | HMM_PFN_ERROR)) == HMM_PFN_VALID;
}

static bool pfn_serves(unsigned long pfn, bool write)
{
	return pfn_is_present(pfn) && (!write || (pfn & HMM_PFN_WRITE));
}

/*
 * May the mirror's entry be writable? For a read only if the page is dirty
 * already, because making it dirty would cost the source a write-out.
 */
static bool pfn_make_writable(unsigned long pfn, bool write)
{
	struct folio *folio = page_folio(hmm_pfn_to_page(pfn));

	if (!(pfn & HMM_PFN_WRITE))
		return false;
	if (folio_test_dirty(folio))
		return true;
	if (!write)
		return false;
	folio_mark_dirty(folio);
	return true;
}

/* One call of apply_to_page_range(): a window being inserted. */
struct insertion {
	struct mm_struct *mm;
	const unsigned long *pfns;
	unsigned long base;	/* viewer's address of pfns[0] */
	pgprot_t readable;
	pgprot_t writable;
	bool may_write;		/* mirror and grant let the viewer write */
	bool write;		/* the fault is a write */
};

static int insert_entry(pte_t *pte, unsigned long address, void *data)
{
	struct insertion *ins = data;
	unsigned long pfn = ins->pfns[(address - ins->base) >> PAGE_SHIFT];
	pte_t entry;

	if (!pfn_is_present(pfn) || !pte_none(ptep_get(pte)))
		return 0;
	if (ins->may_write && pfn_make_writable(pfn, ins->write))
		entry = pfn_pte(page_to_pfn(hmm_pfn_to_page(pfn)),
				ins->writable);
	else
		entry = pfn_pte(page_to_pfn(hmm_pfn_to_page(pfn)),
				ins->readable);
	set_pte_at(ins->mm, address, pte, pte_mkyoung(pte_mkspecial(entry)));
	return 0;
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

/* The map's lock is held, and the window is still true. */
static void fault_insert(struct mirror_fault *fault,
			 struct remotefs_window *window)
{
	struct vm_fault *vmf = fault->vmf;
	vm_flags_t flags = vmf->vma->vm_flags;
	pgoff_t first = vmf->pgoff;
	struct insertion ins = {
		.mm		= vmf->vma->vm_mm,
		.pfns		= window->pfns,
		.base		= vmf->address & PAGE_MASK,
		.readable	= vm_get_page_prot(flags & ~(VM_WRITE | VM_SHARED)),
		.writable	= vm_get_page_prot(flags),
		.write		= fault->write,
	};

	lockdep_assert_held(&fault->map->lock);
	if (!fault_has_table(vmf))
		return;
	ins.may_write = (flags & VM_WRITE) && fault->writable &&
			remotefs_range_admits_write(fault->range, first,
						    first + window->nr - 1);
	/* A part of the window was allowed: then only the page in question. */
	if (!ins.may_write && fault->write) {
		window->nr = 1;
		ins.may_write = true;
	}
	fault->map->faults++;
	apply_to_page_range(ins.mm, ins.base,
			    (unsigned long)window->nr << PAGE_SHIFT,
			    insert_entry, &ins);
}

/* How far ahead to insert: twice as far each time while faults follow on. */
static unsigned long fault_ahead(struct vm_fault *vmf)
{
	struct remotefs_file *hint = vmf->vma->vm_file->private_data;

	if (READ_ONCE(hint->next) != vmf->pgoff)
		return 1;
	/* The two are not written together: @pages may still be zero. */
	return clamp(2UL * READ_ONCE(hint->pages), 1UL, WINDOW_MAX);
}

static void fault_remember(struct vm_fault *vmf, unsigned int nr)
{
	struct remotefs_file *hint = vmf->vma->vm_file->private_data;

	WRITE_ONCE(hint->next, vmf->pgoff + nr);
	WRITE_ONCE(hint->pages, nr);
}

/* Cut to the page table, the mirror, the block, and the source's VMA. */
static unsigned int fault_clamp(struct mirror_fault *fault, unsigned long nr,
				unsigned long source_end)
{
	struct vm_fault *vmf = fault->vmf;
	unsigned long address = vmf->address & PAGE_MASK;
	unsigned long end = pmd_addr_end(address, vmf->vma->vm_end);

	nr = min(nr, (end - address) >> PAGE_SHIFT);
	source_end = min(source_end, remotefs_block_end(fault->block));
	return min(nr, (source_end - fault->address) >> PAGE_SHIFT);
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

/*
 * May the source's memory be accessed? For a load also whether a store could
 * be: a page table may say so of memory, such as a shadow stack, whose VMA
 * does not.
 */
static int fault_check(struct mirror_fault *fault, unsigned long address,
		       unsigned long *end)
{
	struct mm_struct *mm = fault->map->source->mm;

	fault->writable = !remotefs_space_check(mm, address, true, end);
	if (fault->writable)
		return 0;
	return fault->write ? -EFAULT :
			      remotefs_space_check(mm, address, false, end);
}

/* One pass, under S: 0 to start over, or the fault's result. */
static vm_fault_t fault_try(struct mirror_fault *fault,
			    struct remotefs_window *window, unsigned long nr)
{
	unsigned long end;
	vm_fault_t ret = 0;

	if (fault_check(fault, fault->address, &end))
		return VM_FAULT_SIGBUS;
	if (!fault->block)
		return FAULT_WAIT;
	window->nr = fault_clamp(fault, nr, end);
	if (remotefs_window_look(window))
		return 0;
	if (!pfn_serves(window->pfns[0], fault->write))
		return fault_source(fault);
	if (remotefs_window_lock(window)) {
		fault_insert(fault, window);
		fault_remember(fault->vmf, window->nr);
		ret = VM_FAULT_NOPAGE;
	}
	remotefs_window_unlock(window);
	return ret;
}

static vm_fault_t fault_present(struct mirror_fault *fault)
{
	unsigned long nr = fault_ahead(fault->vmf);
	unsigned long small[WINDOW_SMALL];
	struct remotefs_window window = {
		.range	 = fault->range,
		.block	 = fault->block,
		.address = fault->address,
		.pfns	 = small,
	};
	unsigned long *large = NULL;
	vm_fault_t ret = 0;
	int i;

	if (nr > WINDOW_SMALL)
		large = kmalloc_array(nr, sizeof(*large),
				      GFP_KERNEL | __GFP_NOWARN);
	if (large)
		window.pfns = large;
	else
		nr = min_t(unsigned long, nr, WINDOW_SMALL);
	for (i = 0; i < FAULT_TRIES && !ret; i++)
		ret = fault_try(fault, &window, nr);
	kfree(large);
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

	if (vmf->flags & FAULT_FLAG_WRITE)
		return VM_FAULT_SIGBUS;
	spin_lock(&map->lock);
	if (map->state != REMOTEFS_STATE_REVOKED &&
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
	       source >= fault->block->sub.interval_tree.start &&
	       source + PMD_SIZE <= remotefs_block_end(fault->block);
}

static vm_fault_t huge_insert(struct mirror_fault *fault,
			      struct remotefs_window *window, pgoff_t first)
{
	struct vm_fault *vmf = fault->vmf;
	unsigned long pfn = window->pfns[0];
	bool write = fault->writable && (vmf->vma->vm_flags & VM_WRITE);

	lockdep_assert_held(&fault->map->lock);
	if (!pmd_none(*vmf->pmd))
		return VM_FAULT_FALLBACK;
	if (write && !remotefs_range_admits_write(fault->range, first,
						  first + HPAGE_PMD_NR - 1)) {
		if (fault->write)
			return VM_FAULT_FALLBACK;
		write = false;
	}
	write = write && pfn_make_writable(pfn, fault->write);
	fault->map->faults++;
	return vmf_insert_pfn_pmd(vmf, page_to_pfn(hmm_pfn_to_page(pfn)), write);
}

/* Under S: one huge entry, if S has one here too. */
static vm_fault_t huge_present(struct mirror_fault *fault, pgoff_t first)
{
	unsigned long pfn;
	struct remotefs_window window = {
		.range	 = fault->range,
		.block	 = fault->block,
		.address = fault->address & PMD_MASK,
		.nr	 = 1,
		.pfns	 = &pfn,
	};
	vm_fault_t ret = VM_FAULT_FALLBACK;
	unsigned long end;

	if (fault_check(fault, window.address, &end) ||
	    end - window.address < PMD_SIZE || remotefs_window_look(&window))
		return VM_FAULT_FALLBACK;
	if (!pfn_serves(pfn, fault->write) ||
	    hmm_pfn_to_map_order(pfn) != HPAGE_PMD_ORDER)
		return VM_FAULT_FALLBACK;
	if (remotefs_window_lock(&window) &&
	    PageAnon(compound_head(hmm_pfn_to_page(pfn))))
		ret = huge_insert(fault, &window, first);
	remotefs_window_unlock(&window);
	return ret;
}

static vm_fault_t huge_serve(struct mirror_fault *fault, pgoff_t first)
{
	struct mm_struct *mm = fault->map->source->mm;
	vm_fault_t ret = VM_FAULT_FALLBACK;

	if (mmap_read_trylock(mm)) {
		ret = huge_present(fault, first);
		mmap_read_unlock(mm);
	}
	return ret;
}

static vm_fault_t remotefs_vm_huge_fault(struct vm_fault *vmf,
					 unsigned int order)
{
	unsigned long back = (vmf->address & ~PMD_MASK) >> PAGE_SHIFT;
	struct mirror_fault fault = { .vmf = vmf };
	pgoff_t first = vmf->pgoff - back;
	vm_fault_t ret = VM_FAULT_FALLBACK;

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
	if (huge_is_congruent(&fault))
		ret = huge_serve(&fault, first);
	fault_end(&fault);
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
