// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watchers: who is told of invalidations, of which memory.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A child makes a watcher, since that may have to wait for the source, and hands
 * it to the daemon.  It is for all readers of /events who may know of it if the
 * command "watch" made it, and for one open map-N/events otherwise.
 *
 * A source can invalidate memory without end.  So a watcher that was read rests
 * for a moment, in which the kernel puts together what is the same; and of each
 * user's only a few are read in such a moment, those first that have rested longest.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <linux/remotefs.h>

#include "events.h"

#define WATCHERS_PER_USER 64
#define RANGES_PER_WATCHER 1024

/* How many lines a watcher gives before it rests. */
#define RECORDS_AT_ONCE 32

/* How many watchers of one user come back from their rest together. */
#define WOKEN_AT_ONCE 4

struct watcher {
	struct listener listener;
	uint64_t token;			/* of an open file that is not known yet, or 0 */
	struct reader *reader;		/* or NULL: a command made it */
	struct requester by;
	pid_t pid;
	uint32_t map;
	bool resting;
	uint64_t woken;			/* when it last came back, in rounds */
	bool gone;			/* its source has ended, which is to be told yet */
	bool told;			/* that it has */
	struct watcher *next;
};

static struct watcher *watchers;

/**
 * watch_count - how many watchers commands of a user have made
 * @uid:	the user
 * @pid:	those of this source, or 0: all
 */
unsigned int watch_count(uid_t uid, pid_t pid)
{
	unsigned int count = 0;

	for (const struct watcher *watcher = watchers; watcher; watcher = watcher->next)
		count += !watcher->token && !watcher->reader && watcher->by.uid == uid &&
			 (!pid || watcher->pid == pid);
	return count;
}

/* In children */

/* No call tells how long an address space is, but too long a watch is refused. */
static int add_whole(int watcher)
{
	static const uint64_t ends[] = {
		0xfffffffffff000, 0x7ffffffff000, 0xfffff000, 0xffffe000, 0xc0000000,
	};
	int error = EINVAL;

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends) && error == EINVAL; i++)
		error = kernel_watch_add(watcher, &(struct span){ 0, ends[i] }, 0);
	return error;
}

static int explain_watch(const struct grant *grant, int error)
{
	if (error == ENOSPC)
		return complain(grant->why, error,
				"a limit of the mount is reached (max_watches= or max_user_watches=)");
	return grant_explain_map(grant, error);
}

static int add_spans(const struct grant *grant, int watcher, const struct span *spans,
		     size_t nr_spans)
{
	int error = 0;

	if (!nr_spans)
		return complain(grant->why, ENOENT, "process %d has no such memory",
				grant->command->pid);
	if (nr_spans > RANGES_PER_WATCHER)
		return complain(grant->why, ENOSPC, "these are %zu mappings, and %d can be watched",
				nr_spans, RANGES_PER_WATCHER);
	if (grant->command->memory.kind == MEMORY_WHOLE)
		error = add_whole(watcher);
	else
		for (size_t i = 0; i < nr_spans && !error; i++)
			error = kernel_watch_add(watcher, &spans[i], i);
	return error ? explain_watch(grant, error) : 0;
}

static void print_spans(const struct grant *grant, const struct span *spans, size_t nr_spans)
{
	if (grant->command->memory.kind == MEMORY_WHOLE) {
		fprintf(grant->answer, "%d all\n", grant->command->pid);
		return;
	}
	for (size_t i = 0; i < nr_spans; i++)
		fprintf(grant->answer, "%d 0x%" PRIx64 "-0x%" PRIx64 "\n", grant->command->pid,
			spans[i].start, spans[i].end);
}

static int hand_over(const struct job *job, pid_t pid, int watcher)
{
	const struct report report = {
		.kind = REPORT_WATCHER,
		.token = job->token,
		.by = { job->requester->uid, job->requester->tgid },
		.pid = pid,
		.map = job->map,
	};

	return report_send(&report, watcher);
}

/**
 * watch_add - the command "watch"
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int watch_add(struct grant *grant)
{
	struct span *spans = NULL;
	size_t nr_spans = 0;
	int watcher = -1;
	int error;

	/* As it was when this child was made; the daemon counts again. */
	if (watch_count(grant->job->requester->uid, 0) >= WATCHERS_PER_USER)
		return complain(grant->why, ENOSPC, "you have %d watches already",
				WATCHERS_PER_USER);
	error = grant_attach(grant);
	if (!error)
		error = grant_choose_spans(grant, &spans, &nr_spans);
	if (!error) {
		watcher = kernel_watch(grant->session);
		if (watcher < 0)
			error = explain_watch(grant, -watcher);
	}
	if (!error)
		error = add_spans(grant, watcher, spans, nr_spans);
	if (!error) {
		error = hand_over(grant->job, grant->command->pid, watcher);
		if (error)
			complain(grant->why, error, "%s", strerror(error));
	}
	if (!error)
		print_spans(grant, spans, nr_spans);
	free(spans);
	return error;
}

/**
 * watch_end - the command "unwatch"
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int watch_end(struct grant *grant)
{
	const struct identity *requester = grant->job->requester;
	const struct report report = {
		.kind = REPORT_UNWATCH,
		.by = { requester->uid, requester->tgid },
		.pid = grant->command->pid,
	};

	if (!watch_count(requester->uid, report.pid))
		return complain(grant->why, ENOENT, "you watch nothing of process %d", report.pid);
	return report_send(&report, -1);
}

/* Asks for nothing but reading: whoever may read the file sees more than events. */
static int open_file_as_reader(const struct job *job)
{
	char name[TREE_NAME_SIZE];
	char path[PATH_MAX];

	if (policy_obstacle(job->around, job->requester))
		return -EACCES;
	snprintf(path, sizeof(path), "%s/%d/%s", job->data, job->pid, tree_name(name, job->map));
	return authority_open_as(job->around, job->requester, AT_FDCWD, path,
				 O_RDONLY | O_NOFOLLOW);
}

/* For itself: that the requester may read the file is known. */
static int attach_to(const struct job *job)
{
	struct authority authority = { .maps = -1 };
	struct complaint unused;
	char path[32];
	int tree = kernel_open_tree(job->data, &unused);
	int control = tree < 0 ? tree : kernel_open_control(tree);

	if (control < 0)
		return control;
	snprintf(path, sizeof(path), "/proc/%d/mem", job->pid);
	authority.mem = open(path, O_RDONLY | O_CLOEXEC);
	if (authority.mem < 0)
		return -errno;
	return authority_attach_to_watch(&authority, control, job->pid, job->around,
					 job->requester);
}

/*
 * A file that is live now has been so when the session was made, so the session
 * is of the same source.
 */
static bool is_its_file(const struct job *job, int file)
{
	struct remotefs_info_args info;

	return !kernel_info(file, &info) && info.out_state == REMOTEFS_STATE_LIVE &&
	       info.out_pid == (uint32_t)job->pid && info.out_map == job->map;
}

static int add_ranges(int watcher, int file)
{
	struct remotefs_range_args range = { 0 };
	int error = 0;

	for (uint64_t i = 0; !error && !kernel_range(file, &range); i++) {
		const struct span span = {
			range.out_address, range.out_address + range.out_length,
		};

		error = i < RANGES_PER_WATCHER ? kernel_watch_add(watcher, &span, i) : ENOSPC;
		range.offset += range.out_length;
	}
	return error;
}

/**
 * watch_file - in a child: make the watcher of an open map-N/events
 * @job:	which map file, and who opens it
 * @answer:	not used
 *
 * Return: 0; EACCES if the requester may not read the map file or it cannot be
 * known, or another errno value.
 */
int watch_file(const struct job *job, FILE *answer)
{
	int file = open_file_as_reader(job);
	int session, watcher, error;

	(void)answer;
	if (file < 0)
		return -file;
	session = attach_to(job);
	if (session < 0)
		return -session;
	if (!is_its_file(job, file))
		return ESTALE;
	watcher = kernel_watch(session);
	if (watcher < 0)
		return -watcher;
	error = add_ranges(watcher, file);
	return error ? error : hand_over(job, job->pid, watcher);
}

/* In the daemon */

static void unlink_watcher(const struct watcher *watcher)
{
	for (struct watcher **link = &watchers; *link; link = &(*link)->next) {
		if (*link == watcher) {
			*link = watcher->next;
			return;
		}
	}
}

static void free_watcher(struct watcher *watcher)
{
	unlink_watcher(watcher);
	/* Children may have it open for a moment yet. */
	events_unlisten(&watcher->listener);
	close(watcher->listener.fd);
	free(watcher);
}

/* Behind those that rest already. */
static void have_rest(struct watcher *watcher)
{
	struct watcher **last = &watchers;

	unlink_watcher(watcher);
	while (*last)
		last = &(*last)->next;
	*last = watcher;
	watcher->next = NULL;
	watcher->resting = true;
	events_rest();
}

static void tell_record(const struct watcher *watcher, const struct remotefs_event *record)
{
	const struct span span = { record->start, record->end };
	const bool all = record->type == REMOTEFS_EVENT_STALE;
	const struct telling telling = {
		.event = all ? "stale" : "invalidate",
		.pid = watcher->pid,
		.map = watcher->reader ? &watcher->map : NULL,
		.by = watcher->reader ? NULL : &watcher->by,
		.span = all ? NULL : &span,
		.record = all ? NULL : record,
	};

	if (watcher->reader)
		tell_one(watcher->reader, &telling);
	else
		tell_all(&telling, &watcher->by.uid, 1);
}

/* Returns false if there will be nothing more; then @reason is why. */
static bool take_records(const struct watcher *watcher, unsigned int *reason)
{
	struct remotefs_event records[RECORDS_AT_ONCE];
	ssize_t length = read(watcher->listener.fd, records, sizeof(records));

	*reason = REMOTEFS_GONE_UNKNOWN;
	if (length < 0)
		return errno == EAGAIN || errno == EINTR;
	for (size_t i = 0; i < length / sizeof(*records); i++) {
		if (records[i].type == REMOTEFS_EVENT_GONE) {
			*reason = records[i].reason;
			return false;
		}
		if (records[i].type != REMOTEFS_EVENT_EMPTY)
			tell_record(watcher, &records[i]);
	}
	return length;
}

static void watcher_answer(struct listener *listener)
{
	struct watcher *watcher = (struct watcher *)listener;
	unsigned int reason;

	if (take_records(watcher, &reason)) {
		have_rest(watcher);
	} else if (watcher->told) {
		free_watcher(watcher);
	} else {
		watcher->gone = true;
		events_unlisten(listener);
		events_source_gone(watcher->pid, reason);
	}
}

static unsigned int count_woken(uid_t uid, uint64_t round)
{
	unsigned int count = 0;

	for (const struct watcher *watcher = watchers; watcher; watcher = watcher->next)
		count += watcher->by.uid == uid && watcher->woken == round;
	return count;
}

/**
 * watch_rest_ended - wait again for those that have rested
 *
 * Return: false if there were none.
 */
bool watch_rest_ended(void)
{
	static uint64_t round;
	bool any = false;

	round++;
	for (struct watcher *watcher = watchers; watcher; watcher = watcher->next) {
		if (!watcher->resting)
			continue;
		any = true;
		if (count_woken(watcher->by.uid, round) >= WOKEN_AT_ONCE)
			continue;
		watcher->resting = false;
		watcher->woken = round;
		events_listen(&watcher->listener, EPOLLIN | EPOLLONESHOT);
	}
	return any;
}

/**
 * watch_take - have a watcher that a child made
 * @report:	what it is about
 * @fd:		the watcher, the daemon's from now on
 */
void watch_take(const struct report *report, int fd)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));
	bool refused = !report->token && watch_count(report->by.uid, 0) >= WATCHERS_PER_USER;

	if (!watcher || refused || fcntl(fd, F_SETFL, O_NONBLOCK)) {
		free(watcher);
		close(fd);
		return;
	}
	*watcher = (struct watcher){
		.listener = { fd, watcher_answer },
		.token = report->token,
		.by = report->by,
		.pid = report->pid,
		.map = report->map,
		.next = watchers,
	};
	watchers = watcher;
	/* That of an open file waits until it can be told of anything. */
	if (!watcher->token)
		events_listen(&watcher->listener, EPOLLIN | EPOLLONESHOT);
}

/**
 * watch_join - the open file is there for which a child made a watcher
 * @token:	of the child's job
 * @reader:	the open file
 *
 * Return: false if there is no such watcher.
 */
bool watch_join(uint64_t token, struct reader *reader)
{
	for (struct watcher *watcher = watchers; watcher; watcher = watcher->next) {
		if (watcher->token != token)
			continue;
		watcher->token = 0;
		watcher->reader = reader;
		events_listen(&watcher->listener, EPOLLIN | EPOLLONESHOT);
		return true;
	}
	return false;
}

/**
 * watch_leave - an open file was closed
 * @reader:	the file
 */
void watch_leave(const struct reader *reader)
{
	for (struct watcher *watcher = watchers, *next; watcher; watcher = next) {
		next = watcher->next;
		if (watcher->reader == reader)
			free_watcher(watcher);
	}
}

/**
 * watch_leave_all - the mount has gone
 */
void watch_leave_all(void)
{
	while (watchers)
		free_watcher(watchers);
}

/**
 * watch_forget - end what commands of a user have made
 * @by:		the user
 * @pid:	for this source
 */
void watch_forget(const struct requester *by, pid_t pid)
{
	for (struct watcher *watcher = watchers, *next; watcher; watcher = next) {
		next = watcher->next;
		if (!watcher->token && !watcher->reader && watcher->by.uid == by->uid &&
		    watcher->pid == pid)
			free_watcher(watcher);
	}
}

/**
 * watch_ended - readers were told that a source has ended
 * @pid:	the source
 */
void watch_ended(pid_t pid)
{
	for (struct watcher *watcher = watchers, *next; watcher; watcher = next) {
		next = watcher->next;
		if (watcher->pid == pid && watcher->gone)
			free_watcher(watcher);
		else if (watcher->pid == pid)
			watcher->told = true;
	}
}

/**
 * watch_uids - whose commands watch a source
 * @pid:	the source
 * @uids:	takes them
 * @room:	how many at most
 *
 * Return: how many they are.
 */
size_t watch_uids(pid_t pid, uid_t *uids, size_t room)
{
	size_t count = 0;

	for (const struct watcher *watcher = watchers; watcher; watcher = watcher->next)
		if (watcher->pid == pid && count < room)
			uids[count++] = watcher->by.uid;
	return count;
}
