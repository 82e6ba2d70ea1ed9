// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children that do one job each.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Looking into another process can take long: its mappings are read under a
 * lock that the process itself may hold while it waits for a disk, or for a
 * filesystem whose author means ill.  So nothing of that kind happens in the
 * daemon's own loop.  A child does it, writes its text into a file in memory,
 * and says with its exit status how it went; the daemon then answers the
 * request.  The credentials that a child takes on end with it as well.
 *
 * A child finishes its job even if the daemon is killed meanwhile: nothing is
 * left half done.  If the daemon is told to stop, the child has some seconds.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "events.h"
#include "remotefsd.h"

/* So that one user's hanging jobs leave room for other users'. */
#define WORKERS_PER_USER 32

struct worker {
	pid_t pid;
	uid_t uid;
	int answer_fd;
	worker_done_fn done;
	void *cookie;
	struct worker *next;
};

static struct worker *workers;
static int private_fd = -1;

/**
 * worker_close_in_children - name a descriptor that is the daemon's alone
 * @fd:		the FUSE connection, which must not outlive the daemon
 */
void worker_close_in_children(int fd)
{
	private_fd = fd;
}

/**
 * worker_is_any - whether a job is under way
 */
bool worker_is_any(void)
{
	return workers;
}

static unsigned int count_workers(uid_t uid)
{
	unsigned int count = 0;

	for (const struct worker *worker = workers; worker; worker = worker->next)
		count += worker->uid == uid;
	return count;
}

/**
 * worker_become - be a child of the daemon, and no daemon
 */
void worker_become(void)
{
	sigset_t none;

	/* Stopping the daemon leaves a running job its time to end. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close(private_fd);
	report_become_child();
}

static void __attribute__((noreturn)) run_worker(worker_job_fn run, const struct job *job,
						 int answer_fd)
{
	FILE *answer = fdopen(answer_fd, "w");
	int error;

	worker_become();
	if (!answer)
		_exit(ENOMEM);
	error = run(job, answer);
	if (fflush(answer) || ferror(answer))
		error = error ? error : EIO;
	_exit(error);
}

static int launch(struct worker *worker, worker_job_fn run, const struct job *job)
{
	worker->answer_fd = memfd_create("answer", MFD_CLOEXEC);
	if (worker->answer_fd < 0)
		return errno;
	worker->pid = fork();
	if (worker->pid < 0) {
		int error = errno;

		close(worker->answer_fd);
		return error;
	}
	if (!worker->pid)
		run_worker(run, job, worker->answer_fd);
	return 0;
}

/**
 * worker_start - do a job in a child
 * @run:	the job; what it returns must be an errno value
 * @job:	its argument, needed only until this returns
 * @done:	called from worker_reap() with the outcome; it owns the descriptor
 *		of the answer from then on
 * @cookie:	passed to @done
 *
 * Return: 0, EAGAIN if this user has too many jobs under way, or another errno
 * value; @done is called only after 0.
 */
int worker_start(worker_job_fn run, const struct job *job, worker_done_fn done, void *cookie)
{
	struct worker *worker;
	int error;

	if (count_workers(job->requester->uid) >= WORKERS_PER_USER)
		return EAGAIN;
	worker = calloc(1, sizeof(*worker));
	if (!worker)
		return ENOMEM;
	worker->uid = job->requester->uid;
	worker->done = done;
	worker->cookie = cookie;
	error = launch(worker, run, job);
	if (error) {
		free(worker);
		return error;
	}
	worker->next = workers;
	workers = worker;
	return 0;
}

static struct worker *take_worker(pid_t pid)
{
	for (struct worker **link = &workers; *link; link = &(*link)->next) {
		struct worker *worker = *link;

		if (worker->pid == pid) {
			*link = worker->next;
			return worker;
		}
	}
	return NULL;
}

/**
 * worker_reap - answer the requests whose jobs have ended
 */
void worker_reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct worker *worker = take_worker(pid);

		if (!worker) {
			stream_reaped(pid);
			continue;
		}
		worker->done(worker->cookie, WIFEXITED(status) ? WEXITSTATUS(status) : EIO,
			     worker->answer_fd);
		free(worker);
	}
}

/**
 * worker_kill - end the jobs that have had their time
 *
 * What a process keeps from ending would keep the data tree from being unmounted.
 */
void worker_kill(void)
{
	for (const struct worker *worker = workers; worker; worker = worker->next)
		kill(worker->pid, SIGKILL);
}
