// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: state of map files that BPF programs keep, and what they refuse.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Each map file has an *area*, a few numbers of which nothing here knows the
 * meaning: a quota, a count, what a policy has found out. It is part of
 * remotefs's own inode and lasts from MAP to revoke, whether the file is open
 * or not; the core's inode and i_security are left alone.
 *
 * Tracing and LSM programs get the area's address from remotefs_inode_area().
 * There is no lock, nothing is allocated, and nothing counts who is inside, so
 * a program that is run by a look-up may look up itself, in whatever context
 * and however often, and nobody is refused because another was interrupted.
 * What programs do to the numbers they do with atomic instructions.
 *
 * What programs pass as an inode may be anything: NULL, another filesystem's
 * inode, one that was freed, a number. So it is never dereferenced, but compared
 * with those that exist, in a tree by address:
 *
 *	look-up					the inode goes
 *	-------					--------------
 *	rcu_read_lock()
 *	it is in the tree			out of the tree
 *	  lent = true				RCU's grace period
 *	rcu_read_unlock()
 *						lent? no: free it
 *						yes: that of sleepable programs,
 *						  then free it
 *
 * Most programs run inside one section of RCU, which its grace period waits for;
 * those that may sleep have one of their own, which takes longer and hence is
 * waited for only if the address was ever given out. Whoever could still set
 * lent has done so when RCU's is over.
 *
 * Policy: before a file is opened, mapped, read or written, the tracepoint
 * remotefs_policy asks, if any program is attached to it. struct remotefs_policy
 * says how programs answer.
 */
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/local_lock.h>
#include <linux/rcupdate_trace.h>
#include <linux/xarray.h>

#include "internal.h"
#include "trace.h"

/* No two inodes are closer to each other. */
#define STRIDE	512
static_assert(sizeof(struct remotefs_map) >= STRIDE);

/* struct remotefs_map by the address of its inode; read under RCU. */
static DEFINE_XARRAY_FLAGS(areas, XA_FLAGS_ACCOUNT);

/* Of whatever pointer; from where memory begins, to keep the tree flat. */
static unsigned long area_index(const struct inode *inode)
{
	return ((unsigned long)inode - PAGE_OFFSET) / STRIDE;
}

/**
 * remotefs_bpf_admit - from now on programs can reach a map file's area
 * @map:	the file
 *
 * Context: sleeps.
 * Return: 0; -ENOMEM.
 */
int remotefs_bpf_admit(struct remotefs_map *map)
{
	return xa_err(xa_store(&areas, area_index(&map->inode), map,
			       GFP_KERNEL));
}

/**
 * remotefs_bpf_dismiss - from now on none gets its address
 * @map:	the file; must not be freed before remotefs_bpf_free() is called,
 *		an RCU grace period later
 *
 * Context: takes the tree's lock.
 */
void remotefs_bpf_dismiss(struct remotefs_map *map)
{
	xa_erase(&areas, area_index(&map->inode));
}

static void area_free(struct rcu_head *head)
{
	struct inode *inode = container_of(head, struct inode, i_rcu);

	remotefs_inode_free(inode);
}

/**
 * remotefs_bpf_free - free an inode when no program can have its address
 * @map:	which it is part of
 *
 * Context: any; an RCU grace period after remotefs_bpf_dismiss().
 */
void remotefs_bpf_free(struct remotefs_map *map)
{
	if (IS_ENABLED(CONFIG_TASKS_TRACE_RCU) && map->lent)
		call_rcu_tasks_trace(&map->inode.i_rcu, area_free);
	else
		area_free(&map->inode.i_rcu);
}

/**
 * remotefs_bpf_find - the map file whose inode this is, if it is one
 * @inode:	anything at all
 *
 * Tests attach programs to it: it is in the midst of every look-up.
 *
 * Context: any, interrupts that cannot be masked included; RCU's read lock held.
 * Return: the file, valid as long as that; or NULL.
 */
noinline struct remotefs_map *
remotefs_bpf_find(const struct inode *inode)
{
	struct remotefs_map *map = xa_load(&areas, area_index(inode));

	return map && &map->inode == inode ? map : NULL;
}

/**
 * remotefs_inode_area - the state of a map file, for BPF programs
 * @inode__ign:	the file's inode; the verifier lets anything pass
 * @rdwr_buf_size: how many bytes of it the program will use, a constant
 *
 * Context: tracing and LSM programs, wherever they run.
 * Return: REMOTEFS_AREA_SLOTS numbers, which stay as long as the program runs;
 * NULL if it is no map file's inode, or has not so many bytes.
 */
__bpf_kfunc u64 *remotefs_inode_area(struct inode *inode__ign,
				     u32 rdwr_buf_size)
{
	struct remotefs_map *map;
	u64 *area = NULL;

	if (rdwr_buf_size > sizeof(map->area))
		return NULL;
	rcu_read_lock();
	map = remotefs_bpf_find(inode__ign);
	if (map) {
		if (!READ_ONCE(map->lent))
			WRITE_ONCE(map->lent, true);
		area = (u64 *)map->area;
	}
	rcu_read_unlock();
	return area;
}

/* What is being asked: the programs' part, and what only their calls change. */
struct ask {
	struct remotefs_policy policy;
	int denied;
};

/*
 * The core passes over a program that runs on this processor already, as when
 * its task was preempted; such a one would not be asked. The lock also says whose
 * question it is that programs on this processor are shown.
 */
static DEFINE_PER_CPU(struct { local_lock_t lock; struct ask *ask; }, asking) = {
	.lock	= INIT_LOCAL_LOCK(lock),
};

/* Others could have a meaning inside the kernel. */
static int verdict_errno(int verdict)
{
	switch (verdict) {
	case 0:
	case -EACCES:
	case -EDQUOT:
		return verdict;
	}
	return -EPERM;
}

/**
 * remotefs_policy_deny - refuse what remotefs_policy asks about, for programs
 * @policy:	the tracepoint's first argument
 * @err:	-EPERM, -EACCES or -EDQUOT; whatever else counts as -EPERM
 *
 * The first one to refuse has chosen the errno, and nobody can take it back.
 *
 * Context: programs attached to remotefs_policy.
 * Return: 0; -EINVAL nothing is being asked there.
 */
__bpf_kfunc int remotefs_policy_deny(struct remotefs_policy *policy, int err)
{
	struct ask *ask = this_cpu_read(asking.ask);

	/* The verifier lets a copy of the program's own pass as well. */
	if (!ask || policy != &ask->policy)
		return -EINVAL;
	if (!ask->denied)
		ask->denied = verdict_errno(err ?: -EPERM);
	return 0;
}

/*
 * What programs have made of the numbers. Those which they were shown are not
 * what is there any more, if others count at the same time.
 */
static void area_merge(struct remotefs_map *map, const u64 *shown,
		       const struct remotefs_policy *policy)
{
	unsigned int i;

	for (i = 0; i < REMOTEFS_AREA_SLOTS; i++) {
		if (policy->assign & BIT(i))
			atomic64_set(&map->area[i], policy->area[i]);
		else if (policy->area[i] != shown[i])
			atomic64_add(policy->area[i] - shown[i], &map->area[i]);
	}
}

/**
 * remotefs_bpf_ask - may this be done with a map file?
 * @inode:	the file's
 * @op:		REMOTEFS_POLICY_*
 * @flags:	REMOTEFS_POLICY_MAY_WRITE
 * @offset:	first byte in the file
 * @length:	how many
 *
 * To be asked only if trace_remotefs_policy_enabled().
 *
 * Context: a process that holds the file; no spinlock held. Programs run with
 * preemption off.
 * Return: 0; -EPERM, -EACCES, -EDQUOT as a program wishes.
 */
int remotefs_bpf_ask(struct inode *inode, u32 op, u32 flags, u64 offset,
		     u64 length)
{
	struct remotefs_map *map = REMOTEFS_I(inode);
	struct ask ask = {
		.policy = {
			.op	= op,
			.flags	= flags,
			.offset	= offset,
			.length	= length,
			.dev	= inode->i_sb->s_dev,
			.source	= map->source->nr,
			.map	= map->number,
			.ino	= inode->i_ino,
		},
	};
	u64 shown[REMOTEFS_AREA_SLOTS];
	unsigned int i;

	for (i = 0; i < REMOTEFS_AREA_SLOTS; i++)
		shown[i] = atomic64_read(&map->area[i]);
	memcpy(ask.policy.area, shown, sizeof(shown));
	local_lock(&asking.lock);
	this_cpu_write(asking.ask, &ask);
	trace_remotefs_policy(&ask.policy, inode);
	this_cpu_write(asking.ask, NULL);
	local_unlock(&asking.lock);
	area_merge(map, shown, &ask.policy);
	return ask.denied ?: verdict_errno(ask.policy.verdict);
}

static int area_args_check(const struct remotefs_area_args *args)
{
	unsigned int i;

	if (args->flags)
		return -EOPNOTSUPP;
	if (!args->mask || args->mask >= BIT(REMOTEFS_AREA_SLOTS))
		return -EINVAL;
	for (i = 0; i < REMOTEFS_AREA_SLOTS; i++)
		if (args->slots[i] && (args->operation != REMOTEFS_AREA_SET ||
				       !(args->mask & BIT(i))))
			return -EINVAL;
	return 0;
}

/*
 * May the caller change the numbers? Those whom a policy counts may not, though
 * they can open the file, and even own it; nor does it help to be handed a
 * descriptor by somebody who may.
 */
static int area_change_errno(struct remotefs_map *map)
{
	int err;

	if (!remotefs_map_may_manage(map))
		return -EPERM;
	spin_lock(&map->lock);
	err = remotefs_map_errno(map);
	spin_unlock(&map->lock);
	return err;
}

/**
 * remotefs_bpf_area - REMOTEFS_IOC_AREA
 * @file:	a map file
 * @data:	struct remotefs_area_args
 * @uarg:	the caller's copy
 *
 * Context: sleeps; takes the map's lock.
 * Return: 0; -EOPNOTSUPP, -EINVAL, -EPERM, -ESTALE, -ESRCH, -EFAULT.
 */
long remotefs_bpf_area(struct file *file, void *data, void __user *uarg)
{
	struct remotefs_map *map = REMOTEFS_I(file_inode(file));
	struct remotefs_area_args *args = data;
	bool get = args->operation == REMOTEFS_AREA_GET;
	unsigned int i;
	int err;

	if (!args->operation || args->operation > REMOTEFS_AREA_CLEAR)
		return -EOPNOTSUPP;
	err = area_args_check(args);
	/* What was there must not be lost because it cannot be told. */
	if (!err && !get)
		err = area_change_errno(map) ?:
		      remotefs_reply(uarg, args, sizeof(*args));
	if (err)
		return err;
	for (i = 0; i < REMOTEFS_AREA_SLOTS; i++) {
		if (!(args->mask & BIT(i)))
			continue;
		args->slots[i] = get ? atomic64_read(&map->area[i]) :
				 atomic64_xchg(&map->area[i], args->slots[i]);
	}
	return remotefs_reply(uarg, args, sizeof(*args));
}

BTF_KFUNCS_START(kfunc_ids)
BTF_ID_FLAGS(func, remotefs_inode_area, KF_RET_NULL)
BTF_ID_FLAGS(func, remotefs_policy_deny)
BTF_KFUNCS_END(kfunc_ids)

static const struct btf_kfunc_id_set kfunc_set = {
	.owner	= THIS_MODULE,
	.set	= &kfunc_ids,
};

/**
 * remotefs_bpf_init - let programs call what is for them
 *
 * Context: module init.
 */
void remotefs_bpf_init(void)
{
	/*
	 * LSM programs may call what tracing programs may. Without types nobody
	 * can, and the module works all the same.
	 */
	if (register_btf_kfunc_id_set(BPF_PROG_TYPE_TRACING, &kfunc_set))
		pr_debug("BPF programs cannot call this module\n");
}

/**
 * remotefs_bpf_exit - wait until all inodes are freed
 *
 * Context: module exit; sleeps. Nothing is mounted any more.
 */
void remotefs_bpf_exit(void)
{
	/* The first may give rise to the second. */
	rcu_barrier();
	if (IS_ENABLED(CONFIG_TASKS_TRACE_RCU))
		rcu_barrier_tasks_trace();
	WARN_ON_ONCE(!xa_empty(&areas));
}
