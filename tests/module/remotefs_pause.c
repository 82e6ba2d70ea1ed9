// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs_pause: stop a process at a chosen step inside remotefs.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Races are tested on the module as it is shipped. Between two steps of its
 * protocol it calls functions of the kernel; a probe on such a function sends
 * the process in question on a detour, which calls the function and sleeps,
 * before or after it, until the test says go. Kprobe handlers cannot sleep, but
 * they can change where the process goes on: the detour runs in the process's
 * own context, and may sleep wherever the function itself may. So interrupts,
 * RCU and the other CPUs go on, however long the test takes.
 *
 * /sys/kernel/debug/remotefs_pause takes, one at a time,
 *
 *	arm POINT PID [N]	stop thread PID when it gets to POINT the N-th
 *				time (the first); one point a thread. The point
 *				"midst" is of one process until all is cleared.
 *				PID 2, the parent of all threads of the kernel,
 *				stands for whichever of them gets there
 *	go PID			let it go on: ENOENT it has not come there,
 *				ETIMEDOUT it was there, and gave up waiting
 *	clear			let all go on and disarm: EBUSY some had not
 *				come, or not been let go; ETIMEDOUT as above
 *
 * and shows a line "PID POINT armed", "paused" or "late" for each thread.
 *
 * The point "midst" needs no probe: an invalidation has been announced, and page
 * tables are still as before. It is a notifier of its own, and comes later in
 * the core's list than those that are added after it was armed.
 *
 * There is no way to unload it: whoever has slept here returns through here,
 * and nobody can tell when the last one has.
 */
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

/* Longer than a busy machine needs, shorter than what counts as a hang. */
#define PATIENCE	(60 * HZ)
#define NR_SLOTS	8

enum point_id {
	UNLOCKED, FILLED, BEGINS, BEGUN, ZAPS, ZAPPED, UNSUBSCRIBES,
	MAKES_INODE, MAPS, MAPPED, TAKES, NR_PROBES, MIDST = NR_PROBES, NR_POINTS
};

enum slot_state { FREE, ARMED, PAUSED, LATE };

static const char * const state_names[] = {
	[ARMED] = "armed", [PAUSED] = "paused", [LATE] = "late",
};

/**
 * struct slot - one thread that is to be stopped
 * @pid:	whom; read without the lock by the probes
 * @point:	where
 * @left:	how many times it has still to come there
 * @state:	how far it is
 * @go:		what it waits for while it is paused, on its stack
 */
struct slot {
	pid_t pid;
	enum point_id point;
	unsigned int left;
	enum slot_state state;
	struct completion *go;
};

#define ANY_KTHREAD	2

static struct slot slots[NR_SLOTS];
static DEFINE_SPINLOCK(slots_lock);	/* protects slots */

/* Is this where remotefs, and not somebody else, called from? */
static bool is_in_remotefs(void *address)
{
	char name[KSYM_SYMBOL_LEN];

	sprint_symbol(name, (unsigned long)address);
	return strstr(name, "[remotefs]");
}

static bool is_meant(pid_t pid)
{
	return pid == current->pid ||
	       (pid == ANY_KTHREAD && (current->flags & PF_KTHREAD));
}

/* The slot of this thread, if it has come to where it is to be stopped. */
static struct slot *slot_reach(enum point_id point, struct completion *go)
{
	struct slot *slot, *found = NULL;

	spin_lock(&slots_lock);
	for (slot = slots; slot < slots + NR_SLOTS; slot++)
		if (slot->state == ARMED && is_meant(slot->pid) &&
		    slot->point == point && !--slot->left)
			found = slot;
	if (found) {
		found->state = PAUSED;
		found->go = go;
	}
	spin_unlock(&slots_lock);
	return found;
}

static void pause_here(enum point_id point)
{
	DECLARE_COMPLETION_ONSTACK(go);
	struct slot *slot;

	slot = slot_reach(point, &go);
	if (!slot || wait_for_completion_timeout(&go, PATIENCE))
		return;
	spin_lock(&slots_lock);
	/* Unless it was let go in this very moment. */
	if (slot->go == &go) {
		slot->state = LATE;
		slot->go = NULL;
	}
	spin_unlock(&slots_lock);
}

static void pause_at(enum point_id point, void *caller)
{
	if (is_in_remotefs(caller))
		pause_here(point);
}

#define CALLER	__builtin_return_address(0)

/* The source's mmap_lock was given back: a copy has looked, and not copied. */
static void detour_unlocked(struct rw_semaphore *sem)
{
	up_read(sem);
	pause_at(UNLOCKED, CALLER);
}

/* A page was faulted into the source, and not looked up yet. */
static vm_fault_t detour_filled(struct vm_area_struct *vma,
				unsigned long address, unsigned int flags,
				struct pt_regs *regs)
{
	vm_fault_t fault = handle_mm_fault(vma, address, flags, regs);

	pause_at(FILLED, CALLER);
	return fault;
}

/* The sequence is about to be asked for. */
static unsigned long detour_begins(struct mmu_interval_notifier *sub)
{
	pause_at(BEGINS, CALLER);
	return mmu_interval_read_begin(sub);
}

/* The sequence is known, and no section of it entered yet. */
static unsigned long detour_begun(struct mmu_interval_notifier *sub)
{
	unsigned long seq = mmu_interval_read_begin(sub);

	pause_at(BEGUN, CALLER);
	return seq;
}

/* The sequence moved, or the range died, and the mirrors are still as before. */
static void detour_zaps(struct address_space *mapping, pgoff_t start,
			pgoff_t nr, bool even_cows)
{
	pause_at(ZAPS, CALLER);
	unmap_mapping_pages(mapping, start, nr, even_cows);
}

/* The mirrors are as they are to be, and the source's page tables are not. */
static void detour_zapped(struct address_space *mapping, pgoff_t start,
			  pgoff_t nr, bool even_cows)
{
	unmap_mapping_pages(mapping, start, nr, even_cows);
	pause_at(ZAPPED, CALLER);
}

/* The mirrors are zapped, and invalidations still reach the dead range. */
static void detour_unsubscribes(struct mmu_interval_notifier *sub)
{
	pause_at(UNSUBSCRIBES, CALLER);
	mmu_interval_notifier_remove(sub);
}

/* A range is subscribed, and not published yet. */
static struct inode *detour_makes_inode(struct super_block *sb)
{
	pause_at(MAKES_INODE, CALLER);
	return new_inode(sb);
}

/* A command is about to map, and all that it needs is there. */
static unsigned long detour_maps(struct file *file, unsigned long address,
				 unsigned long length, unsigned long prot,
				 unsigned long flags, unsigned long offset)
{
	pause_at(MAPS, CALLER);
	return vm_mmap(file, address, length, prot, flags, offset);
}

/* A command has mapped, and nobody knows of it. */
static unsigned long detour_mapped(struct file *file, unsigned long address,
				   unsigned long length, unsigned long prot,
				   unsigned long flags, unsigned long offset)
{
	unsigned long ret = vm_mmap(file, address, length, prot, flags, offset);

	pause_at(MAPPED, CALLER);
	return ret;
}

/* A command has looked at what it is to take away, and is about to. */
static int detour_takes(unsigned long start, size_t length)
{
	pause_at(TAKES, CALLER);
	return vm_munmap(start, length);
}

static int probe_hit(struct kprobe *probe, struct pt_regs *regs);

/* It is there because without one a probe may not change the way. */
static void probe_after(struct kprobe *probe, struct pt_regs *regs,
			unsigned long flags)
{
}

static struct point {
	const char *name;
	void *detour;
	struct kprobe probe;
	bool set;
} points[NR_PROBES] = {
#define POINT(id, word, func)						\
	[id] = {							\
		.name	= #word,						\
		.detour	= detour_##word,				\
		.probe	= {						\
			.symbol_name	= #func,			\
			.pre_handler	= probe_hit,			\
			.post_handler	= probe_after,			\
		},							\
	}
	POINT(UNLOCKED, unlocked, up_read),
	POINT(FILLED, filled, handle_mm_fault),
	POINT(BEGINS, begins, mmu_interval_read_begin),
	POINT(BEGUN, begun, mmu_interval_read_begin),
	POINT(ZAPS, zaps, unmap_mapping_pages),
	POINT(ZAPPED, zapped, unmap_mapping_pages),
	POINT(UNSUBSCRIBES, unsubscribes, mmu_interval_notifier_remove),
	POINT(MAKES_INODE, makes_inode, new_inode),
	POINT(MAPS, maps, vm_mmap),
	POINT(MAPPED, mapped, vm_mmap),
	POINT(TAKES, takes, vm_munmap),
};

/* One at a time changes what is armed; outside of slots_lock. */
static DEFINE_MUTEX(arming_lock);

/* No locks in a probe: who may be meant is sent on the detour, which asks. */
static bool may_be_meant(enum point_id point)
{
	struct slot *slot;

	for (slot = slots; slot < slots + NR_SLOTS; slot++)
		if (is_meant(READ_ONCE(slot->pid)) &&
		    READ_ONCE(slot->point) == point &&
		    READ_ONCE(slot->state) == ARMED)
			return true;
	return false;
}

/*
 * At the first instruction of a function, in NMI context where that is a
 * breakpoint. A detour's own call comes from within this module and goes where
 * it always went.
 */
static int probe_hit(struct kprobe *probe, struct pt_regs *regs)
{
	struct point *point = container_of(probe, struct point, probe);
	unsigned long caller = regs_get_kernel_stack_nth(regs, 0);

	if (within_module(caller, THIS_MODULE) || !may_be_meant(point - points))
		return 0;
	instruction_pointer_set(regs, (unsigned long)point->detour);
	return 1;
}

static struct slot *slot_of(pid_t pid)
{
	struct slot *slot;

	lockdep_assert_held(&slots_lock);
	for (slot = slots; slot < slots + NR_SLOTS; slot++)
		if (slot->state != FREE && slot->pid == pid)
			return slot;
	return NULL;
}

static struct slot *slot_unused(void)
{
	struct slot *slot;

	lockdep_assert_held(&slots_lock);
	for (slot = slots; slot < slots + NR_SLOTS; slot++)
		if (slot->state == FREE)
			return slot;
	return NULL;
}

/* Probes are set once they are needed, and stay until all is cleared. */
static int point_set(struct point *point)
{
	int err;

	lockdep_assert_held(&arming_lock);
	if (point->set)
		return 0;
	/* It was filled in by the time before. */
	point->probe.addr = NULL;
	point->probe.flags = 0;
	err = register_kprobe(&point->probe);
	point->set = !err;
	return err;
}

static int midst_begins(struct mmu_notifier *notifier,
			const struct mmu_notifier_range *range)
{
	if (mmu_notifier_range_blockable(range))
		pause_here(MIDST);
	return 0;
}

static const struct mmu_notifier_ops midst_ops = {
	.invalidate_range_start	= midst_begins,
};

/* Whose invalidations it sees; protected by arming_lock. */
static struct mmu_notifier midst = { .ops = &midst_ops };
static struct mm_struct *midst_mm;

static struct mm_struct *mm_of(pid_t nr)
{
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	struct mm_struct *mm = task ? get_task_mm(task) : NULL;

	if (task)
		put_task_struct(task);
	put_pid(pid);
	return mm;
}

static int midst_set(pid_t pid)
{
	struct mm_struct *mm = mm_of(pid);
	int err = 0;

	lockdep_assert_held(&arming_lock);
	if (!mm)
		return -ESRCH;
	if (!midst_mm) {
		err = mmu_notifier_register(&midst, mm);
		if (!err)
			midst_mm = mm;
	} else if (midst_mm != mm) {
		err = -EBUSY;
	}
	mmput(mm);
	return err;
}

static void midst_clear(void)
{
	if (midst_mm)
		mmu_notifier_unregister(&midst, midst_mm);
	midst_mm = NULL;
}

static const char *point_name(enum point_id id)
{
	return id == MIDST ? "midst" : points[id].name;
}

static int arm(const char *name, pid_t pid, unsigned int left)
{
	enum point_id id = 0;
	struct slot *slot;
	int err;

	while (id < NR_POINTS && strcmp(point_name(id), name))
		id++;
	if (id == NR_POINTS || pid <= 0 || !left)
		return -EINVAL;
	err = id == MIDST ? midst_set(pid) : point_set(&points[id]);
	if (err)
		return err;
	spin_lock(&slots_lock);
	slot = slot_of(pid) ? NULL : slot_unused();
	if (slot) {
		slot->point = id;
		slot->left = left;
		slot->state = ARMED;
		/* The probes see the rest before they see this. */
		smp_store_release(&slot->pid, pid);
	}
	spin_unlock(&slots_lock);
	return slot ? 0 : -EBUSY;
}

/* Free a slot; tells what of it was not as it should be. */
static int slot_release(struct slot *slot)
{
	int err = 0;

	lockdep_assert_held(&slots_lock);
	if (slot->state == ARMED)
		err = -ENOENT;
	else if (slot->state == LATE)
		err = -ETIMEDOUT;
	else
		complete(slot->go);
	slot->go = NULL;
	slot->pid = 0;
	WRITE_ONCE(slot->state, FREE);
	return err;
}

static int go(pid_t pid)
{
	struct slot *slot;
	int err = -ESRCH;

	spin_lock(&slots_lock);
	slot = slot_of(pid);
	if (slot && slot->state == ARMED)
		err = -ENOENT;
	else if (slot)
		err = slot_release(slot);
	spin_unlock(&slots_lock);
	return err;
}

static int clear(void)
{
	struct point *point;
	struct slot *slot;
	int err = 0;

	spin_lock(&slots_lock);
	for (slot = slots; slot < slots + NR_SLOTS; slot++) {
		if (slot->state == FREE)
			continue;
		if (slot_release(slot) == -ETIMEDOUT)
			err = -ETIMEDOUT;
		else if (!err)
			err = -EBUSY;
	}
	spin_unlock(&slots_lock);
	for (point = points; point < points + NR_PROBES; point++) {
		if (point->set)
			unregister_kprobe(&point->probe);
		point->set = false;
	}
	midst_clear();
	return err;
}

static int obey(const char *line)
{
	unsigned int left = 1;
	char name[16];
	pid_t pid;

	if (sscanf(line, "arm %15s %d %u", name, &pid, &left) >= 2)
		return arm(name, pid, left);
	if (sscanf(line, "go %d", &pid) == 1)
		return go(pid);
	return strcmp(line, "clear") ? -EINVAL : clear();
}

static ssize_t pause_write(struct file *file, const char __user *from,
			   size_t bytes, loff_t *pos)
{
	char line[64] = "";
	int err;

	if (bytes >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, from, bytes))
		return -EFAULT;
	mutex_lock(&arming_lock);
	err = obey(strim(line));
	mutex_unlock(&arming_lock);
	return err ?: bytes;
}

static int pause_show(struct seq_file *seq, void *unused)
{
	struct slot *slot;

	spin_lock(&slots_lock);
	for (slot = slots; slot < slots + NR_SLOTS; slot++)
		if (slot->state != FREE)
			seq_printf(seq, "%d %s %s\n", slot->pid,
				   point_name(slot->point),
				   state_names[slot->state]);
	spin_unlock(&slots_lock);
	return 0;
}

static int pause_open(struct inode *inode, struct file *file)
{
	return single_open(file, pause_show, NULL);
}

static const struct file_operations pause_operations = {
	.owner		= THIS_MODULE,
	.open		= pause_open,
	.read		= seq_read,
	.write		= pause_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

static int __init pause_init(void)
{
	debugfs_create_file("remotefs_pause", 0600, NULL, NULL,
			    &pause_operations);
	return 0;
}

module_init(pause_init);

MODULE_DESCRIPTION("Stops processes at chosen steps inside remotefs, for tests");
MODULE_AUTHOR("The remotefs authors");
MODULE_LICENSE("GPL");
