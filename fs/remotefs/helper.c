// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: threads of the kernel that do jobs for others.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A job is done by a thread that rests, or by a new one if none does: so no job
 * waits for another. To make and to end a thread takes several times as long as
 * a small job does; so a few of them rest afterwards, and no more than that, for
 * nobody pays for them.
 *
 * Somebody who does not want to wait any longer hurries the job: its thread is
 * sent SIGKILL, by which it leaves the core's killable waits. The thread is told
 * so for this job only: under helpers_lock a job has a thread or it has not, and
 * what was sent is forgotten when it loses it.
 *
 * A thread that is at work has a module reference by its job. One that rests has
 * none, or the module could never go; it is stopped when that does.
 */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "internal.h"

/* How many threads may rest. */
#define REST_MAX	4

/**
 * struct helper - a thread that does jobs
 * @link:	in the list of those that rest
 * @task:	the thread; constant
 * @wait:	where it rests
 * @job:	what it is to do, or does; under helpers_lock
 */
struct helper {
	struct list_head link;
	struct task_struct *task;
	wait_queue_head_t wait;
	struct remotefs_job *job;
};

static DEFINE_SPINLOCK(helpers_lock);	/* inside: the threads' siglock */
static LIST_HEAD(helpers_resting);
static unsigned int helpers_nr_resting;

/* Not inlined, so that who looks at its stack knows that it does nothing. */
static noinline struct remotefs_job *helper_rest(struct helper *helper)
{
	wait_event_idle(helper->wait,
			READ_ONCE(helper->job) || kthread_should_stop());
	return READ_ONCE(helper->job);
}

/* The job has no thread any more: true if that may rest. */
static bool helper_finish(struct helper *helper, struct remotefs_job *job)
{
	bool rests;

	spin_lock(&helpers_lock);
	job->thread = NULL;
	helper->job = NULL;
	flush_signals(current);
	rests = helpers_nr_resting < REST_MAX;
	if (rests) {
		list_add(&helper->link, &helpers_resting);
		helpers_nr_resting++;
	}
	spin_unlock(&helpers_lock);
	return rests;
}

static int helper_thread(void *data)
{
	struct helper *helper = data;
	struct remotefs_job *job;
	bool rests;

	/* Whoever was too early for this has said so in the job before. */
	allow_kernel_signal(SIGKILL);
	while ((job = helper_rest(helper))) {
		job->run(job);
		rests = helper_finish(helper, job);
		if (rests) {
			job->done(job);
			continue;
		}
		/* The job had this up to now. */
		__module_get(THIS_MODULE);
		job->done(job);
		kfree(helper);
		module_put_and_kthread_exit(0);
	}
	return 0;
}

static struct helper *helper_new(void)
{
	struct helper *helper = kzalloc(sizeof(*helper), GFP_KERNEL);
	struct task_struct *task;

	if (!helper)
		return ERR_PTR(-ENOMEM);
	init_waitqueue_head(&helper->wait);
	task = kthread_create(helper_thread, helper, "remotefs-remote");
	if (IS_ERR(task)) {
		kfree(helper);
		return ERR_CAST(task);
	}
	helper->task = task;
	return helper;
}

/* One that rests no longer, or NULL. */
static struct helper *helper_wake(void)
{
	struct helper *helper;

	spin_lock(&helpers_lock);
	helper = list_first_entry_or_null(&helpers_resting, struct helper,
					  link);
	if (helper) {
		list_del(&helper->link);
		helpers_nr_resting--;
	}
	spin_unlock(&helpers_lock);
	return helper;
}

/**
 * remotefs_helper_start - have a thread do a job
 * @job:	the job; @run and @done are set. Whatever it holds keeps the module
 *
 * @run is called by the thread; then @done, when nobody can hurry it any more.
 *
 * Context: sleeps, killably.
 * Return: 0; -ENOMEM, -EINTR: neither of them will be called.
 */
int remotefs_helper_start(struct remotefs_job *job)
{
	struct helper *helper = helper_wake() ?: helper_new();
	struct task_struct *task;

	if (IS_ERR(helper))
		return PTR_ERR(helper);
	task = helper->task;
	spin_lock(&helpers_lock);
	job->thread = task;
	WRITE_ONCE(helper->job, job);
	/* It may go as soon as it has a job, but not before this is dropped. */
	wake_up_process(task);
	spin_unlock(&helpers_lock);
	return 0;
}

/**
 * remotefs_helper_hurry - do not wait for anybody
 * @job:	a job that was started; it may be done by now
 *
 * Context: any in which spinlocks can be taken.
 */
void remotefs_helper_hurry(struct remotefs_job *job)
{
	spin_lock(&helpers_lock);
	WRITE_ONCE(job->hurried, true);
	if (job->thread)
		send_sig(SIGKILL, job->thread, 1);
	spin_unlock(&helpers_lock);
}

/**
 * remotefs_helper_exit - the module goes: so do the threads that rest
 *
 * Context: sleeps; module exit: there are no jobs, and so no other threads.
 */
void remotefs_helper_exit(void)
{
	struct helper *helper;

	while ((helper = helper_wake())) {
		kthread_stop(helper->task);
		kfree(helper);
	}
}
