// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: another process's address space, seen from outside.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Everything here works on the mm of a source: does it still belong to the
 * PID it is shown under, which of its memory may be served, what is present,
 * and how to wait for what is not.
 *
 * What is present is read from the page tables themselves, entry by entry, as
 * get_user_pages_fast() does, because it can be done where nothing may sleep,
 * and costs a fraction of hmm_range_fault(). Only entries of anonymous memory
 * are met: those of a page, of a page that is elsewhere (swapped out, under
 * migration, poisoned, with a marker), and none. The first are used as they
 * are, the second are left to the core's fault handler. None may be true for a
 * moment only: whoever holds the page table's lock takes an entry out to put it
 * back changed, and where the page stays the same announces nothing
 * (MADV_COLD on 6.1, NUMA hinting). So nobody concludes from it that there is
 * nothing, and zeros to be read, but under that lock.
 *
 * Waiting. A source keeps its pages on a userfaultfd, on a slow swap device,
 * anywhere; whoever waits for one of them holds a user of the mm, and as long
 * as there is one the kernel cannot tear the source down. So a waiter is
 * prodded: a timer wakes it every PROD_INTERVAL, the core's fault handler then
 * gives up with VM_FAULT_RETRY (waits in the kernel must put up with spurious
 * wake-ups), the waiter drops its user, sees whether the source still lives,
 * and only then comes back.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/timer.h>
#include <linux/userfaultfd_k.h>

#include "internal.h"

#define PROD_INTERVAL	(HZ / 4)

/**
 * remotefs_space_belongs - does a process use this address space?
 * @mm:		the address space; the caller holds a count
 * @pid:	of the process's thread group
 *
 * The group's leader may have exited while other threads live on.
 *
 * Context: any; takes the RCU read lock.
 * Return: true if at least one thread of @pid has @mm.
 */
bool remotefs_space_belongs(struct mm_struct *mm, struct pid *pid)
{
	struct task_struct *leader, *thread;
	bool found = false;

	rcu_read_lock();
	leader = pid_task(pid, PIDTYPE_TGID);
	if (leader) {
		for_each_thread(leader, thread) {
			/* Compared, never dereferenced: no lock is needed. */
			found = READ_ONCE(thread->mm) == mm;
			if (found)
				break;
		}
	}
	rcu_read_unlock();
	return found;
}

/*
 * The mm is no longer the process's: because it has exited, and not because it
 * has another one since it called execve?
 */
static bool space_has_exited(struct remotefs_source *source)
{
	struct task_struct *leader, *thread;
	bool exited = true;

	rcu_read_lock();
	leader = pid_task(source->pid, PIDTYPE_TGID);
	if (leader) {
		for_each_thread(leader, thread) {
			if (READ_ONCE(thread->mm))
				exited = false;
		}
	}
	rcu_read_unlock();
	return exited;
}

/**
 * remotefs_space_end - the source has ended: stop serving it
 * @source:	the source
 *
 * Names are taken away by a worker, because this runs in MMU notifier
 * callbacks.
 *
 * Context: any.
 */
void remotefs_space_end(struct remotefs_source *source)
{
	if (remotefs_source_is_gone(source))
		return;
	/* Before GONE, whose test_and_set_bit() orders them. */
	if (space_has_exited(source))
		set_bit(REMOTEFS_SOURCE_EXITED, &source->flags);
	if (!pid_has_task(source->pid, PIDTYPE_TGID))
		set_bit(REMOTEFS_SOURCE_REAPED, &source->flags);
	if (test_and_set_bit(REMOTEFS_SOURCE_GONE, &source->flags))
		return;
	kref_get(&source->ref);
	queue_work(remotefs_wq, &source->gone_work);
}

/**
 * remotefs_space_is_live - does the source's PID still have this mm?
 * @source:	the source
 *
 * A process that shares its mm (vfork) may call execve without the mm ending;
 * nobody tells us, so everyone who is about to serve the source asks.
 *
 * Context: any.
 * Return: true if so; otherwise the source has been marked as ended.
 */
bool remotefs_space_is_live(struct remotefs_source *source)
{
	if (remotefs_source_is_gone(source))
		return false;
	if (likely(remotefs_space_belongs(source->mm, source->pid)))
		return true;
	remotefs_space_end(source);
	return false;
}

/**
 * remotefs_space_enter - hold the source's mm for one fault or copy
 * @source:	the source
 *
 * Context: any. Pair with remotefs_space_leave(), soon.
 * Return: 0, or -ESRCH if the source is gone.
 */
int remotefs_space_enter(struct remotefs_source *source)
{
	if (!remotefs_space_is_live(source))
		return -ESRCH;
	if (!mmget_not_zero(source->mm)) {
		/* Its last user has just left, and the notifier is to say so. */
		remotefs_space_end(source);
		return -ESRCH;
	}
	atomic_inc(&source->waiters);
	return 0;
}

/**
 * remotefs_space_leave - end what remotefs_space_enter() began
 * @source:	the source
 *
 * Ours may be the last user. The teardown must not run under a viewer's locks,
 * so it is left to a worker.
 *
 * Context: any.
 */
void remotefs_space_leave(struct remotefs_source *source)
{
	atomic_dec(&source->waiters);
	mmput_async(source->mm);
}

/* The end of the mm; else only what happens to all of it, such as clear_refs. */
static bool remotefs_space_invalidate(struct mmu_interval_notifier *sub,
				      const struct mmu_notifier_range *event,
				      unsigned long seq)
{
	mmu_interval_set_seq(sub, seq);
	if (event->event == MMU_NOTIFY_RELEASE)
		remotefs_space_end(container_of(sub, struct remotefs_source,
						end));
	return true;
}

static const struct mmu_interval_notifier_ops space_ops = {
	.invalidate	= remotefs_space_invalidate,
};

/**
 * remotefs_space_watch - learn of the source's end
 * @source:	the source, entered
 *
 * Its first page stands for the whole, because no process has memory there.
 * This also makes the mm ready for the subscriptions of block.c.
 *
 * Context: sleeps; the source's mmap_lock held for writing.
 * Return: 0; -ESRCH the source is gone; -ERESTARTNOINTR; -ENOMEM.
 */
int remotefs_space_watch(struct remotefs_source *source)
{
	int err;

	if (test_bit(REMOTEFS_SOURCE_WATCHED, &source->flags))
		return 0;
	if (remotefs_source_is_gone(source))
		return -ESRCH;
	err = mmu_interval_notifier_insert_locked(&source->end, source->mm, 0,
						  PAGE_SIZE, &space_ops);
	if (!err)
		set_bit(REMOTEFS_SOURCE_WATCHED, &source->flags);
	/* The first one of an mm gives up on any signal, harmless ones too. */
	return err == -EINTR ? -ERESTARTNOINTR : err;
}

/* Memory that is served: anonymous, with no driver or shared object behind. */
static bool vma_is_served(struct vm_area_struct *vma)
{
	return vma_is_anonymous(vma) &&
	       !(vma->vm_flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP | VM_HUGETLB));
}

/* A shadow stack is not written even by its owner's stores. */
static bool vma_admits(struct vm_area_struct *vma, bool write)
{
	if (!vma_is_served(vma) || !(vma->vm_flags & VM_READ))
		return false;
	if (!write)
		return true;
	return (vma->vm_flags & VM_WRITE) && !(vma->vm_flags & VM_SHADOW_STACK);
}

/**
 * remotefs_space_check - may this address be read or written?
 * @mm:		the source's address space
 * @address:	where
 * @write:	whether to write
 * @extent:	out: how far the answer holds, and what else may be done there
 *
 * Context: @mm's mmap_lock held. Does not sleep.
 * Return: 0, or -EFAULT for a hole or memory that is not served.
 */
int remotefs_space_check(struct mm_struct *mm, unsigned long address,
			 bool write, struct remotefs_extent *extent)
{
	struct vm_area_struct *vma = find_vma(mm, address);

	mmap_assert_locked(mm);
	extent->writable = false;
	extent->monitored = false;
	if (!vma) {
		extent->end = ULONG_MAX & PAGE_MASK;
		return -EFAULT;
	}
	if (vma->vm_start > address) {
		extent->end = vma->vm_start;
		return -EFAULT;
	}
	extent->start = vma->vm_start;
	extent->end = vma->vm_end;
	extent->writable = vma_admits(vma, true);
	extent->monitored = userfaultfd_missing(vma);
	return extent->writable || (!write && vma_admits(vma, false)) ?
	       0 : -EFAULT;
}

/**
 * remotefs_space_run - the anonymous memory around an address
 * @mm:		the source's address space
 * @address:	where
 * @start:	in: how far down to look; out: where the run starts
 * @end:	in: how far up to look; out: where it ends
 *
 * Neighbouring VMAs count as one run, whatever their protection.
 *
 * Context: @mm's mmap_lock held. Does not sleep.
 * Return: 0, or -EFAULT for a hole or memory that is not anonymous.
 */
int remotefs_space_run(struct mm_struct *mm, unsigned long address,
		       unsigned long *start, unsigned long *end)
{
	VMA_ITERATOR(down, mm, address);
	VMA_ITERATOR(up, mm, address);
	struct vm_area_struct *vma;
	unsigned long low, high;

	mmap_assert_locked(mm);
	vma = vma_next(&up);
	if (!vma || vma->vm_start > address || !vma_is_served(vma))
		return -EFAULT;
	low = vma->vm_start;
	high = vma->vm_end;
	while (low > *start) {
		vma = vma_prev(&down);
		if (!vma || vma->vm_end < low || !vma_is_served(vma))
			break;
		low = vma->vm_start;
	}
	while (high < *end) {
		vma = vma_next(&up);
		if (!vma || vma->vm_start > high || !vma_is_served(vma))
			break;
		high = vma->vm_end;
	}
	*start = max(*start, low);
	*end = min(*end, high);
	return 0;
}

/* Where the next entry of a table whose entries span @size begins. */
static unsigned long entry_end(unsigned long address, unsigned long size)
{
	return (address & ~(size - 1)) + size;
}

/*
 * The middle directory's entry for an address; if there is no such directory,
 * NULL, and how much around the address has nothing below it.
 */
static pmd_t *find_pmd(struct mm_struct *mm, unsigned long address,
		       unsigned long *empty)
{
	pgd_t *pgd = pgd_offset(mm, address);
	p4d_t *p4d;
	pud_t *pud;

	*empty = PGDIR_SIZE;
	if (pgd_none(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, address);
	*empty = P4D_SIZE;
	if (p4d_none(*p4d))
		return NULL;
	pud = pud_offset(p4d, address);
	*empty = PUD_SIZE;
	if (pud_none(*pud))
		return NULL;
	*empty = PMD_SIZE;
	return pmd_offset(pud, address);
}

/* Whoever holds the lock may empty an entry for a moment. */
static bool pmd_is_empty(struct mm_struct *mm, pmd_t *pmd)
{
	spinlock_t *ptl;	/* of the directory */
	bool empty;

	if (!pmd_none(READ_ONCE(*pmd)))
		return false;
	ptl = pmd_lock(mm, pmd);
	empty = pmd_none(*pmd);
	spin_unlock(ptl);
	return empty;
}

/**
 * remotefs_space_next_table - skip memory that was never touched, by tables
 * @mm:		the source's address space
 * @address:	where to start
 * @end:	where to stop; both within one VMA
 *
 * Middle directories of a VMA are not freed while the mmap_lock is held;
 * entries may appear meanwhile, and then the caller just sees older news.
 *
 * Context: @mm's mmap_lock held. Does not sleep.
 * Return: the first address at or after @address which has a page table, or
 * @end.
 */
unsigned long remotefs_space_next_table(struct mm_struct *mm,
					unsigned long address,
					unsigned long end)
{
	unsigned long empty;
	pmd_t *pmd;

	mmap_assert_locked(mm);
	while (address < end) {
		pmd = find_pmd(mm, address, &empty);
		if (pmd && !pmd_is_empty(mm, pmd))
			return address;
		address = entry_end(address, empty);
		if (!address)
			break;
	}
	return end;
}

/* A huge entry as the word of the page at @address. */
static unsigned long huge_word(pmd_t pmd, unsigned long address)
{
	unsigned long word = REMOTEFS_PAGE_PRESENT;

	if (pmd_write(pmd))
		word |= REMOTEFS_PAGE_WRITE;
	if (pmd_dirty(pmd))
		word |= REMOTEFS_PAGE_DIRTY;
	return word | (pmd_pfn(pmd) + ((address & ~PMD_MASK) >> PAGE_SHIFT)) <<
		      REMOTEFS_PAGE_SHIFT;
}

/* What a middle directory's entry leads to, from an address on. */
static void read_pmd(pmd_t pmd, unsigned long address,
		     struct remotefs_table *table)
{
	table->pmd = pmd;
	table->ptes = NULL;
	table->huge = false;
	table->word = 0;
	if (pmd_none(pmd)) {
		table->word = REMOTEFS_PAGE_EMPTY;
	} else if (pmd_trans_huge(pmd)) {
		table->huge = pmd_present(pmd) && !pmd_protnone(pmd);
		if (table->huge)
			table->word = huge_word(pmd, address);
	} else if (pmd_present(pmd)) {
		table->ptes = pte_offset_kernel(&table->pmd, address);
	}
}

/**
 * remotefs_space_table - find what stands for an address in the page tables
 * @mm:		the source's address space
 * @address:	where; a VMA is there
 * @table:	out: its @ptes may be read only in a window's section (fault.c),
 *		because page tables of a VMA are freed by nobody who has not
 *		announced an invalidation of it
 *
 * Context: @mm's mmap_lock held. Does not sleep.
 */
void remotefs_space_table(struct mm_struct *mm, unsigned long address,
			  struct remotefs_table *table)
{
	unsigned long empty;
	pmd_t *pmd = find_pmd(mm, address, &empty);

	mmap_assert_locked(mm);
	read_pmd(pmd ? READ_ONCE(*pmd) : __pmd(0), address, table);
}

/**
 * remotefs_space_is_huge - is there a huge page at this address just now?
 * @mm:		the source's address space
 * @address:	where; a VMA is there
 *
 * Context: @mm's mmap_lock held. Does not sleep.
 * Return: true if so; old news at once.
 */
bool remotefs_space_is_huge(struct mm_struct *mm, unsigned long address)
{
	struct remotefs_table table;

	remotefs_space_table(mm, address, &table);
	return table.huge;
}

static bool word_is_data(unsigned long word)
{
	return !(word & (REMOTEFS_PAGE_EMPTY | REMOTEFS_PAGE_GUARD));
}

/* How many entries of a page table are present, from an address to an end. */
static unsigned long count_present(pmd_t *where, unsigned long address,
				   unsigned long end)
{
	struct remotefs_table table;
	unsigned long i, nr = (end - address) >> PAGE_SHIFT, present = 0;

	rcu_read_lock();
	read_pmd(READ_ONCE(*where), address, &table);
	if (table.word & REMOTEFS_PAGE_PRESENT)
		present = nr;
	for (i = 0; table.ptes && i < nr; i++)
		present += !!pte_present(ptep_get(table.ptes + i));
	rcu_read_unlock();
	return present;
}

/**
 * remotefs_space_present - how much of a mirror is in its page tables
 * @mm:		a viewer's address space
 * @start:	where to start
 * @end:	where to stop; both within one VMA
 *
 * Context: sleeps; the caller holds the i_mmap_rwsem of the VMA's file: as long
 * as the VMA is in the file's tree its page tables are not freed, but for some
 * of the lowest level, and those wait for readers.
 * Return: how many bytes were there when they were looked at.
 */
unsigned long remotefs_space_present(struct mm_struct *mm, unsigned long start,
				     unsigned long end)
{
	unsigned long address, next, empty, present = 0;
	pmd_t *pmd;

	for (address = start; address < end; address = next) {
		pmd = find_pmd(mm, address, &empty);
		next = entry_end(address, empty);
		if (!next || next > end)
			next = end;
		if (pmd)
			present += count_present(pmd, address, next);
		cond_resched();
	}
	return present << PAGE_SHIFT;
}

/**
 * remotefs_space_count - how many pages from an address on are alike
 * @mm:		the source's address space
 * @address:	where to start; a VMA is there
 * @nr:		how many to look at, within one page table
 * @data:	whether to count pages that are there, wherever they are now, or
 *		that are not
 *
 * Outside of a section: so the table is locked, and may have gone.
 *
 * Context: @mm's mmap_lock held. Does not sleep.
 * Return: up to @nr.
 */
unsigned int remotefs_space_count(struct mm_struct *mm, unsigned long address,
				  unsigned int nr, bool data)
{
	struct remotefs_table table;
	unsigned long empty;
	unsigned int i = 0;
	spinlock_t *ptl;	/* of the page table, or of what would lead to it */
	pmd_t *pmd;

	mmap_assert_locked(mm);
	pmd = find_pmd(mm, address, &empty);
	if (!pmd)
		return data ? 0 : nr;
	/* A table that is freed meanwhile lasts as long as this. */
	rcu_read_lock();
	for (;;) {
		read_pmd(READ_ONCE(*pmd), address, &table);
		ptl = table.ptes ? pte_lockptr(mm, &table.pmd) :
				   pmd_lockptr(mm, pmd);
		spin_lock(ptl);
		if (pmd_same(READ_ONCE(*pmd), table.pmd))
			break;
		spin_unlock(ptl);
	}
	while (i < nr && word_is_data(remotefs_table_word(&table, i)) == data)
		i++;
	spin_unlock(ptl);
	rcu_read_unlock();
	return i;
}

/**
 * remotefs_space_fault_now - fault a page into the source, hardly waiting
 * @mm:		the source's address space, read-locked
 * @address:	where; remotefs_space_check() allowed it
 * @write:	for writing
 *
 * The core may wait for a migration of the page, which is short.
 *
 * Context: @mm's mmap_lock held, and still held afterwards. May allocate.
 * Return: what handle_mm_fault() says; VM_FAULT_RETRY where it would wait.
 */
vm_fault_t remotefs_space_fault_now(struct mm_struct *mm, unsigned long address,
				    bool write)
{
	unsigned int flags = FAULT_FLAG_REMOTE | FAULT_FLAG_ALLOW_RETRY |
			     FAULT_FLAG_RETRY_NOWAIT;
	struct vm_area_struct *vma = find_vma(mm, address);

	mmap_assert_locked(mm);
	if (!vma || vma->vm_start > address || !vma_admits(vma, write))
		return VM_FAULT_SIGBUS;
	if (write)
		flags |= FAULT_FLAG_WRITE;
	return handle_mm_fault(vma, address, flags, NULL);
}

/* Wakes a waiter now and then; see the top of this file. */
struct prod {
	struct timer_list timer;
	struct task_struct *task;
};

static void prod_task(struct timer_list *timer)
{
	struct prod *prod = container_of(timer, struct prod, timer);

	wake_up_process(prod->task);
	mod_timer(timer, jiffies + PROD_INTERVAL);
}

static void prod_begin(struct prod *prod)
{
	prod->task = current;
	timer_setup_on_stack(&prod->timer, prod_task, 0);
	mod_timer(&prod->timer, jiffies + PROD_INTERVAL);
}

static void prod_end(struct prod *prod)
{
	timer_delete_sync(&prod->timer);
	timer_destroy_on_stack(&prod->timer);
}

/**
 * remotefs_space_errno - what a fault in the source means to a system call
 * @fault:	VM_FAULT_*
 *
 * Context: any.
 * Return: 0; -ENOMEM, -EHWPOISON, -EFAULT.
 */
int remotefs_space_errno(vm_fault_t fault)
{
	if (fault & VM_FAULT_OOM)
		return -ENOMEM;
	if (fault & (VM_FAULT_HWPOISON | VM_FAULT_HWPOISON_LARGE))
		return -EHWPOISON;
	return fault & VM_FAULT_ERROR ? -EFAULT : 0;
}

/* Takes @mm's mmap_lock, and drops it before it returns. */
static int fault_and_wait(struct mm_struct *mm, unsigned long address,
			  bool write)
{
	unsigned int flags = FAULT_FLAG_REMOTE | FAULT_FLAG_ALLOW_RETRY |
			     FAULT_FLAG_KILLABLE;
	struct vm_area_struct *vma;
	vm_fault_t fault;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = find_vma(mm, address);
	if (!vma || vma->vm_start > address || !vma_admits(vma, write)) {
		mmap_read_unlock(mm);
		return -EFAULT;
	}
	if (write)
		flags |= FAULT_FLAG_WRITE;
	fault = handle_mm_fault(vma, address, flags, NULL);
	if (!(fault & (VM_FAULT_RETRY | VM_FAULT_COMPLETED)))
		mmap_read_unlock(mm);
	return remotefs_space_errno(fault);
}

/**
 * remotefs_space_fault_in - fault a page into the source, waiting for it
 * @source:	the source, entered
 * @address:	where
 * @write:	for writing
 *
 * Success does not promise that the page is there now: the wait may have been
 * cut short, and the page may have left again.
 *
 * Context: sleeps, killably; takes the source's mmap_lock. The caller holds
 * no lock of a viewer.
 * Return: 0; -EFAULT for a hole or memory that is not served; -EHWPOISON;
 * -ENOMEM; -EINTR after a fatal signal.
 */
int remotefs_space_fault_in(struct remotefs_source *source,
			    unsigned long address, bool write)
{
	struct prod prod;
	int err;

	prod_begin(&prod);
	err = fault_and_wait(source->mm, address, write);
	prod_end(&prod);
	if (!err && fatal_signal_pending(current))
		err = -EINTR;
	return err;
}

/*
 * May a command take this away? A mirror is as little the caller's affair as a
 * file or a device is; a shadow stack would be missed at the next return.
 */
static int vma_removable(struct vm_area_struct *vma)
{
	if (vma->vm_ops == &remotefs_vm_ops)
		return -ELOOP;
	return vma_is_served(vma) && !(vma->vm_flags & VM_SHADOW_STACK) ?
	       0 : -EFAULT;
}

/**
 * remotefs_space_removable - may a command take all memory here away?
 * @mm:		the source's address space
 * @start:	where to start
 * @end:	where to stop; there may be holes
 *
 * Context: @mm's mmap_lock held. Does not sleep.
 * Return: 0; -EFAULT some of it is not private anonymous memory; -ELOOP some of
 * it is a mirror.
 */
int remotefs_space_removable(struct mm_struct *mm, unsigned long start,
			     unsigned long end)
{
	VMA_ITERATOR(iter, mm, start);
	struct vm_area_struct *vma;
	int err;

	mmap_assert_locked(mm);
	for_each_vma_range(iter, vma, end) {
		err = vma_removable(vma);
		if (err)
			return err;
	}
	return 0;
}

/* As madvise(2) sees it; of what it would tell a userfaultfd we cannot. */
static int vma_discardable(struct vm_area_struct *vma)
{
	int err = vma_removable(vma);

	if (err)
		return err;
	if ((vma->vm_flags & VM_LOCKED) || userfaultfd_armed(vma))
		return -EBUSY;
	if ((vma->vm_flags & VM_SEALED) && !(vma->vm_flags & VM_WRITE))
		return -EPERM;
	return 0;
}

static int range_discardable(struct mm_struct *mm, unsigned long start,
			     unsigned long end)
{
	VMA_ITERATOR(iter, mm, start);
	struct vm_area_struct *vma;
	int err;

	for_each_vma_range(iter, vma, end) {
		if (vma->vm_start > start)
			return -EFAULT;
		err = vma_discardable(vma);
		if (err)
			return err;
		start = vma->vm_end;
	}
	return start < end ? -EFAULT : 0;
}

/**
 * remotefs_space_discard - drop the pages of private anonymous memory
 * @mm:		the source's address space
 * @start:	where to start
 * @end:	where to stop
 *
 * Context: @mm's mmap_lock held. Sleeps.
 * Return: 0; and with nothing changed -EFAULT for a hole or memory of another
 * kind, -ELOOP for a mirror, -EBUSY for memory that is locked or registered with
 * a userfaultfd, -EPERM for memory sealed against writing.
 */
int remotefs_space_discard(struct mm_struct *mm, unsigned long start,
			   unsigned long end)
{
	VMA_ITERATOR(iter, mm, start);
	struct vm_area_struct *vma;
	unsigned long stop;
	int err;

	mmap_assert_locked(mm);
	err = range_discardable(mm, start, end);
	if (err)
		return err;
	for_each_vma_range(iter, vma, end) {
		stop = min(vma->vm_end, end);
		zap_vma_range(vma, start, stop - start);
		start = stop;
	}
	return 0;
}

/**
 * remotefs_space_advise_huge - ask for huge pages in new memory
 * @mm:		the source's address space
 * @start:	where it starts
 * @end:	where it ends
 *
 * Context: @mm's mmap_lock held for writing.
 * Return: 0; -EBUSY it is part of a larger mapping, or somebody has changed it.
 */
int remotefs_space_advise_huge(struct mm_struct *mm, unsigned long start,
			       unsigned long end)
{
	struct vm_area_struct *vma = find_vma(mm, start);

	mmap_assert_write_locked(mm);
	if (!vma || vma->vm_start != start || vma->vm_end != end ||
	    !vma_is_served(vma))
		return -EBUSY;
	vm_flags_clear(vma, VM_NOHUGEPAGE);
	vm_flags_set(vma, VM_HUGEPAGE);
	return 0;
}
