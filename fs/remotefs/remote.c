// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: commands for a source's address space.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Mapping and unmapping work on the mm of whoever calls the core, and ask for
 * that one's limits. So a thread of the kernel (helper.c) has each such command
 * for itself, and borrows what they ask for:
 *
 *   mm          the source's, so that it obeys max_map_count, mlockall(2), ...
 *   rlimits     the source's
 *   memcg       the source's, for what the kernel allocates of its own; pages
 *               are charged by mm anyway
 *   credentials the caller's, without any capability: none may lift a limit of
 *               the source's, or take away what mmap_min_addr protects
 *
 * No thread of a user's ever runs with a foreign mm, nor does the source stop.
 * Discarding needs none of this: the core's zap works on any mm.
 *
 * The caller waits, killably. The command belongs to both: a caller that leaves
 * tells the thread to make haste, which then gives up before it has changed
 * anything, or else goes on to the end. The thread holds the session's file, so
 * that everything the command needs outlives its caller, and a user of the mm,
 * which keeps its teardown off: if the source dies, the caller hurries it, too.
 * What can keep a command waiting are the mmap_lock, a monitor of a userfaultfd
 * that does not read of an unmap, and populating memory of a source that locks
 * all; all of these end for a thread that has been told to.
 *
 * A process that calls execve gets another mm, and the command has the old one.
 *
 * What a command may take away is private anonymous memory and nothing else.
 * That is looked at under the mmap_lock; the core takes that anew to unmap, and
 * no exported call does both under one.
 */
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "internal.h"

/* How often a caller looks whether the source still lives. */
#define LOOK_INTERVAL	(HZ / 4)

/* How often to take memory back that cannot be for want of memory, a tick apart. */
#define UNDO_TRIES	16

/**
 * struct command - a command under way, the caller's and the thread's
 * @job:	the thread's part
 * @ref:	one of each
 * @session:	the session's file, which keeps all that the rest is about
 * @source:	the session's
 * @args:	what was asked
 * @cred:	the caller's credentials, without capabilities
 * @payer:	the caller's memory control group, for a map file
 * @map:	with EXPOSE: the new file, which has no name yet
 * @range:	with EXPOSE: its range, until it is published
 * @done:	@err and @address are final
 * @err:	what came of it
 * @address:	of MMAP: where
 */
struct command {
	struct remotefs_job job;
	struct kref ref;
	struct file *session;
	struct remotefs_source *source;
	struct remotefs_remote_args args;
	const struct cred *cred;
	struct mem_cgroup *payer;
	struct remotefs_map *map;
	struct remotefs_range *range;
	struct completion done;
	int err;
	unsigned long address;
};

static void command_free(struct kref *ref)
{
	struct command *command = container_of(ref, struct command, ref);

	if (command->range)
		remotefs_range_put(command->range);
	if (command->map)
		iput(&command->map->inode);
	if (command->cred)
		put_cred(command->cred);
	mem_cgroup_put(command->payer);
	fput(command->session);
	kfree(command);
}

static void command_put(struct command *command)
{
	kref_put(&command->ref, command_free);
}

/* The core's calls answer EINTR, or one of those that only signals handle. */
static int plain_errno(long err)
{
	return err == -ERESTARTNOINTR ? -EINTR : err;
}

static int check_removable(struct mm_struct *mm, unsigned long start,
			   unsigned long end)
{
	int err;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	err = remotefs_space_removable(mm, start, end);
	mmap_read_unlock(mm);
	return err;
}

static int unmap_removable(struct mm_struct *mm, unsigned long start,
			   unsigned long length)
{
	return check_removable(mm, start, start + length) ?:
	       vm_munmap(start, length);
}

/* What the kernel allocates of its own until charge_end() is the source's. */
static struct mem_cgroup *charge_begin(struct mm_struct *mm)
{
	return set_active_memcg(get_mem_cgroup_from_mm(mm));
}

static void charge_end(struct mem_cgroup *old)
{
	mem_cgroup_put(set_active_memcg(old));
}

/* Cutting a mapping in two takes memory of the kernel's, for the source. */
static int unmap_charged(struct mm_struct *mm, unsigned long start,
			 unsigned long length)
{
	struct mem_cgroup *old = charge_begin(mm);
	int err = unmap_removable(mm, start, length);

	charge_end(old);
	return err;
}

/*
 * Take back what the command itself has mapped, unless the source has put other
 * memory there. If the command is to make haste, the signal stays pending: the
 * lock is asked for again then, but nobody who watches a userfaultfd is waited
 * for. What the kernel needs for it is at nobody's expense, so that no limit is
 * in the way; if there really is none, it may be there a moment later.
 */
static void undo_mmap(struct mm_struct *mm, unsigned long address,
		      unsigned long length)
{
	int err, tries = 0;

	while (tries < UNDO_TRIES) {
		err = unmap_removable(mm, address, length);
		if (err != -ENOMEM && err != -EINTR)
			break;
		tries += err == -ENOMEM;
		schedule_timeout_uninterruptible(1);
	}
}

/* The core's flags. There is none for huge pages, and MAP_STACK is for none. */
static unsigned long mmap_flags(u32 flags)
{
	unsigned long ret = MAP_PRIVATE | MAP_ANONYMOUS;

	if (flags & REMOTEFS_REMOTE_REPLACE)
		ret |= MAP_FIXED;
	else if (flags & REMOTEFS_REMOTE_FIXED)
		ret |= MAP_FIXED_NOREPLACE;
	if (flags & REMOTEFS_REMOTE_NOHUGE)
		ret |= MAP_STACK;
	return ret;
}

/* An address or an errno, as the core's own. */
static unsigned long mmap_charged(struct mm_struct *mm, unsigned long address,
				  unsigned long length, unsigned long prot,
				  unsigned long flags)
{
	struct mem_cgroup *old = charge_begin(mm);
	unsigned long ret = vm_mmap(NULL, address, length, prot, flags, 0);

	charge_end(old);
	return ret;
}

/* Advise the memory just mapped, if the core has not joined it to other. */
static int advise_huge(struct mm_struct *mm, unsigned long start,
		       unsigned long end)
{
	int err;

	if (mmap_write_lock_killable(mm))
		return -EINTR;
	err = remotefs_space_advise_huge(mm, start, end);
	mmap_write_unlock(mm);
	return err;
}

/*
 * A place with room on both sides, if the source may have as much for a moment.
 * It can be taken when this returns, and then the next call says so.
 */
static unsigned long find_room(struct mm_struct *mm, unsigned long length)
{
	unsigned long all = length + 2 * PMD_SIZE;
	unsigned long address;

	address = mmap_charged(mm, 0, all, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
	if (IS_ERR_VALUE(address))
		return address;
	undo_mmap(mm, address, all);
	return ALIGN(address + PAGE_SIZE, PMD_SIZE);
}

static unsigned long mmap_alone(struct mm_struct *mm,
				const struct remotefs_remote_args *args,
				unsigned long address, unsigned long flags)
{
	int err;

	address = mmap_charged(mm, address, args->length, args->prot, flags);
	if (IS_ERR_VALUE(address))
		return address;
	err = advise_huge(mm, address, address + args->length);
	if (!err)
		return address;
	undo_mmap(mm, address, args->length);
	return err;
}

/*
 * The kernel likes to choose the place just below what is there, and joins both
 * if they are alike. Then another one is tried, with room around it.
 */
static unsigned long mmap_huge(struct mm_struct *mm,
			       const struct remotefs_remote_args *args)
{
	unsigned long flags = mmap_flags(args->flags), ret;

	ret = mmap_alone(mm, args, args->address, flags);
	if (ret != -EBUSY || (args->flags & REMOTEFS_REMOTE_FIXED))
		return ret;
	if (fatal_signal_pending(current))
		return -EINTR;
	ret = find_room(mm, args->length);
	if (ret == -ENOMEM)
		return -EBUSY;
	if (IS_ERR_VALUE(ret))
		return ret;
	ret = mmap_alone(mm, args, ret, flags | MAP_FIXED_NOREPLACE);
	return ret == -EEXIST ? -EBUSY : ret;
}

/* So that the source's end will be told before there is anything to be ended. */
static int watch_source(struct remotefs_source *source)
{
	int err;

	if (mmap_write_lock_killable(source->mm))
		return -EINTR;
	err = remotefs_space_watch(source);
	mmap_write_unlock(source->mm);
	if (!err)
		mmu_interval_read_begin(&source->end);
	return err;
}

/* It was anonymous when it was mapped, and the range begins with that. */
static int expose(struct command *command, unsigned long address)
{
	struct remotefs_range *range = command->range;
	struct mem_cgroup *old;
	int err;

	range->address = address;
	remotefs_block_enlist(range);
	old = set_active_memcg(command->payer);
	err = remotefs_source_publish(command->source, command->map, range);
	set_active_memcg(old);
	if (err)
		remotefs_block_bury(range);
	else
		command->range = NULL;
	return err;
}

static int do_map(struct command *command)
{
	const struct remotefs_remote_args *args = &command->args;
	struct mm_struct *mm = command->source->mm;
	unsigned long address;
	int err = 0;

	if (command->range)
		err = watch_source(command->source);
	if (!err && (args->flags & REMOTEFS_REMOTE_REPLACE))
		err = check_removable(mm, args->address,
				      args->address + args->length);
	if (err)
		return err;
	if (args->flags & REMOTEFS_REMOTE_HUGE)
		address = mmap_huge(mm, args);
	else
		address = mmap_charged(mm, args->address, args->length,
				       args->prot, mmap_flags(args->flags));
	if (IS_ERR_VALUE(address))
		return address;
	if (command->range)
		err = expose(command, address);
	else if (!remotefs_space_is_live(command->source))
		err = -ESRCH;
	if (err)
		undo_mmap(mm, address, args->length);
	else
		command->address = address;
	return err;
}

/* What the core compares with is what its caller may have. */
static int adopt_limits(struct remotefs_source *source)
{
	static const unsigned int which[] = {
		RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK
	};
	struct task_struct *leader;
	struct rlimit *own;
	unsigned int i;

	rcu_read_lock();
	leader = pid_task(source->pid, PIDTYPE_TGID);
	for (i = 0; leader && i < ARRAY_SIZE(which); i++) {
		own = &current->signal->rlim[which[i]];
		WRITE_ONCE(own->rlim_max, task_rlimit_max(leader, which[i]));
		WRITE_ONCE(own->rlim_cur, task_rlimit(leader, which[i]));
	}
	rcu_read_unlock();
	return leader ? 0 : -ESRCH;
}

static int command_run(struct command *command)
{
	const struct remotefs_remote_args *args = &command->args;
	struct remotefs_source *source = command->source;
	const struct cred *own;
	int err;

	if (READ_ONCE(command->job.hurried))
		return -EINTR;
	err = remotefs_space_enter(source);
	if (err)
		return err;
	kthread_use_mm(source->mm);
	own = override_creds(command->cred);
	err = adopt_limits(source);
	if (!err && args->command == REMOTEFS_REMOTE_MMAP)
		err = do_map(command);
	else if (!err)
		err = unmap_charged(source->mm, args->address, args->length);
	revert_creds(own);
	kthread_unuse_mm(source->mm);
	remotefs_space_leave(source);
	return plain_errno(err);
}

static void command_carry_out(struct remotefs_job *job)
{
	struct command *command = container_of(job, struct command, job);

	command->err = command_run(command);
}

static void command_done(struct remotefs_job *job)
{
	struct command *command = container_of(job, struct command, job);

	complete(&command->done);
	command_put(command);
}

static int command_wait(struct command *command)
{
	bool hurried = false;
	long left;

	while (!(left = wait_for_completion_killable_timeout(&command->done,
							     LOOK_INTERVAL))) {
		if (remotefs_space_is_live(command->source))
			continue;
		remotefs_helper_hurry(&command->job);
		hurried = true;
	}
	if (left < 0) {
		remotefs_helper_hurry(&command->job);
		return -EINTR;
	}
	return hurried && command->err == -EINTR ? -ESRCH : command->err;
}

/* Start it and see it through. */
static int command_execute(struct command *command)
{
	int err;

	/* The thread's. */
	kref_get(&command->ref);
	err = remotefs_helper_start(&command->job);
	if (err) {
		command_put(command);
		return err;
	}
	return command_wait(command);
}

static const struct cred *powerless_cred(void)
{
	struct cred *cred = prepare_creds();

	if (cred)
		cap_clear(cred->cap_effective);
	return cred;
}

static struct command *command_alloc(struct file *file,
				     const struct remotefs_remote_args *args)
{
	struct remotefs_session *session = file->private_data;
	struct command *command;

	command = kzalloc(sizeof(*command), GFP_KERNEL_ACCOUNT);
	if (!command)
		return NULL;
	kref_init(&command->ref);
	init_completion(&command->done);
	command->job.run = command_carry_out;
	command->job.done = command_done;
	command->session = get_file(file);
	command->source = session->source;
	command->args = *args;
	command->payer = get_mem_cgroup_from_mm(current->mm);
	command->cred = powerless_cred();
	if (!command->cred) {
		command_put(command);
		return NULL;
	}
	return command;
}

/* What MAP would be told; the address is not known yet. */
static void expose_args(const struct remotefs_remote_args *args,
			struct remotefs_map_args *map_args)
{
	*map_args = (struct remotefs_map_args) {
		.size = sizeof(*map_args),
		.flags = REMOTEFS_MAP_NEW | args->map_flags,
		.mode = args->mode,
		.uid = args->uid,
		.gid = args->gid,
		.length = args->length,
	};
}

static int prepare_exposure(struct command *command,
			    struct remotefs_session *session,
			    struct remotefs_remote_args __user *uargs)
{
	struct remotefs_map_args map_args;
	int err;

	expose_args(&command->args, &map_args);
	err = remotefs_session_prepare(session, &map_args, &command->map,
				       &command->range);
	return err ?: put_user(command->map->number, &uargs->out_map);
}

/*
 * The address is written at last, and can be written already now; who takes the
 * structure away in between does it to itself.
 */
static int remote_mmap(struct file *file,
		       const struct remotefs_remote_args *args,
		       struct remotefs_remote_args __user *uargs)
{
	struct command *command;
	int err;

	err = put_user(args->address, &uargs->address);
	if (err)
		return err;
	command = command_alloc(file, args);
	if (!command)
		return -ENOMEM;
	if (args->flags & REMOTEFS_REMOTE_EXPOSE)
		err = prepare_exposure(command, file->private_data, uargs);
	err = err ?: command_execute(command);
	err = err ?: put_user((u64)command->address, &uargs->address);
	command_put(command);
	return err;
}

static int remote_munmap(struct file *file,
			 const struct remotefs_remote_args *args)
{
	struct command *command = command_alloc(file, args);
	int err;

	if (!command)
		return -ENOMEM;
	err = command_execute(command);
	command_put(command);
	return err;
}

static int remote_discard(struct remotefs_source *source, unsigned long start,
			  unsigned long end)
{
	int err = remotefs_space_enter(source);

	if (err)
		return err;
	err = -EINTR;
	if (!mmap_read_lock_killable(source->mm)) {
		err = remotefs_space_discard(source->mm, start, end);
		mmap_read_unlock(source->mm);
	}
	remotefs_space_leave(source);
	return err;
}

/* What is asked for, though no kernel, or not this one, can do it. */
static bool flags_are_known(const struct remotefs_remote_args *args)
{
	u32 known = REMOTEFS_REMOTE_FIXED | REMOTEFS_REMOTE_REPLACE |
		    REMOTEFS_REMOTE_EXPOSE;
	u32 map_flags = 0;

	if (args->command != REMOTEFS_REMOTE_MMAP)
		return !args->flags && !args->map_flags;
	if (IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		known |= REMOTEFS_REMOTE_HUGE;
	if (REMOTEFS_NOHUGE)
		known |= REMOTEFS_REMOTE_NOHUGE;
	if (args->flags & REMOTEFS_REMOTE_EXPOSE)
		map_flags = REMOTEFS_MAP_WRITE | REMOTEFS_MAP_OWNER |
			    REMOTEFS_MAP_ZERO;
	return !(args->flags & ~known) && !(args->map_flags & ~map_flags) &&
	       !(args->prot & ~(PROT_READ | PROT_WRITE));
}

static bool flags_are_sound(const struct remotefs_remote_args *args)
{
	u32 flags = args->flags;

	if (args->command != REMOTEFS_REMOTE_MMAP && args->prot)
		return false;
	if (!(flags & REMOTEFS_REMOTE_EXPOSE) &&
	    (args->mode || args->uid || args->gid))
		return false;
	/* What was there before could not be put back. */
	if (flags & REMOTEFS_REMOTE_REPLACE)
		return (flags & REMOTEFS_REMOTE_FIXED) &&
		       !(flags & (REMOTEFS_REMOTE_EXPOSE | REMOTEFS_REMOTE_HUGE));
	return (flags & (REMOTEFS_REMOTE_HUGE | REMOTEFS_REMOTE_NOHUGE)) !=
	       (REMOTEFS_REMOTE_HUGE | REMOTEFS_REMOTE_NOHUGE);
}

static int args_check(const struct remotefs_remote_args *args,
		      unsigned long limit)
{
	bool hint = args->command == REMOTEFS_REMOTE_MMAP &&
		    !(args->flags & REMOTEFS_REMOTE_FIXED);

	if (args->command < REMOTEFS_REMOTE_MMAP ||
	    args->command > REMOTEFS_REMOTE_DISCARD || !flags_are_known(args))
		return -EOPNOTSUPP;
	if (args->__reserved || args->out_map || !flags_are_sound(args) ||
	    !PAGE_ALIGNED(args->address))
		return -EINVAL;
	return remotefs_check_interval(hint ? 0 : args->address, args->length,
				       limit);
}

/**
 * remotefs_remote_call - REMOTEFS_IOC_REMOTE, on a session
 * @file:	the session's
 * @data:	struct remotefs_remote_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps, killably; takes the source's mmap_lock, or waits for a
 * thread that does.
 * Return: as the ABI header says.
 */
long remotefs_remote_call(struct file *file, void *data, void __user *uarg)
{
	struct remotefs_session *session = file->private_data;
	const struct remotefs_remote_args *args = data;
	struct mm_struct *mm = session->source->mm;
	int err;

	err = args_check(args, mm->task_size);
	if (err)
		return err;
	if (!session->writable)
		return -EACCES;
	/* The core lays out memory as its caller's kind of program wants it. */
	if (mm->task_size != TASK_SIZE_MAX)
		return -EOPNOTSUPP;
	if (args->command == REMOTEFS_REMOTE_MMAP)
		return remote_mmap(file, args, uarg);
	if (args->command == REMOTEFS_REMOTE_MUNMAP)
		return remote_munmap(file, args);
	return remote_discard(session->source, args->address,
			      args->address + args->length);
}
