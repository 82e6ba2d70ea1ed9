// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to map files and their sources: the loop that waits for it.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * While anybody reads events, the data tree is watched (notice.c), so that what
 * other programs and rm(1) do is seen as well.  Children report what they did and
 * for whom (report.c).  Of both together comes what is told (settle.c, tell.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "known.h"

#define TICK 20000000	/* nanoseconds */

/* So that requests have their turn, too. */
#define ANSWERS_AT_ONCE 64

static int poll_fd = -1;
static bool ticking;

static void inotify_answer(struct listener *listener);
static void report_answer(struct listener *listener);
static void timer_answer(struct listener *listener);
static void mounts_answer(struct listener *listener);

static struct listener inotify = { -1, inotify_answer };
static struct listener reports = { -1, report_answer };
static struct listener timer = { -1, timer_answer };
static struct listener mounts = { -1, mounts_answer };

/**
 * events_listen - have a listener called when its descriptor is ready
 * @listener:	the listener; again, if EPOLLONESHOT has silenced it
 * @what:	EPOLL*
 *
 * Return: 0, or an errno value.
 */
int events_listen(struct listener *listener, unsigned int what)
{
	struct epoll_event event = { .events = what, .data.ptr = listener };

	if (!epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener->fd, &event) ||
	    (errno == EEXIST && !epoll_ctl(poll_fd, EPOLL_CTL_MOD, listener->fd, &event)))
		return 0;
	return errno;
}

/**
 * events_unlisten - call it no more
 * @listener:	the listener
 */
void events_unlisten(struct listener *listener)
{
	epoll_ctl(poll_fd, EPOLL_CTL_DEL, listener->fd, NULL);
}

static void start_ticking(void)
{
	const struct itimerspec ticks = {
		.it_value.tv_nsec = TICK,
		.it_interval.tv_nsec = TICK,
	};

	if (!ticking)
		timerfd_settime(timer.fd, 0, &ticks, NULL);
	ticking = true;
}

static void stop_ticking(void)
{
	timerfd_settime(timer.fd, 0, &(struct itimerspec){ 0 }, NULL);
	ticking = false;
}

static void take_reports(void)
{
	struct report report;
	int fd;

	while (report_receive(&report, &fd)) {
		if (report.kind == REPORT_RECORD && notice_is_on())
			settle_deed(&report);
		else if (report.kind == REPORT_WATCHER && fd >= 0)
			watch_take(&report, fd);
		else if (report.kind == REPORT_UNWATCH)
			watch_forget(&report.by, report.pid);
	}
}

/**
 * events_catch_up - tell what can be told now
 *
 * What the tree shows comes first: a report then only says for whom it was.
 */
void events_catch_up(void)
{
	notice_take();
	take_reports();
	settle_all();
}

/**
 * events_source_gone - a watcher says that a source has ended
 * @pid:	the source
 * @reason:	REMOTEFS_GONE_*
 */
void events_source_gone(pid_t pid, unsigned int reason)
{
	struct source *source = known_next(NULL);

	while (source && source->pid != pid)
		source = known_next(source);
	if (!source) {
		tell_end(pid, reason, NULL);
		return;
	}
	source->reason_known = true;
	source->reason = reason;
	known_wait(source);
}

static void inotify_answer(struct listener *listener)
{
	(void)listener;
	events_catch_up();
}

static void report_answer(struct listener *listener)
{
	(void)listener;
	events_catch_up();
}

static void timer_answer(struct listener *listener)
{
	uint64_t ticks;

	if (read(listener->fd, &ticks, sizeof(ticks)) < 0)
		return;
	events_catch_up();
	if (!watch_rest_ended() && !settle_all())
		stop_ticking();
}

/* What wakes the loop; it is used up by then, and events_answer() looks anyway. */
static void mounts_answer(struct listener *listener)
{
	(void)listener;
}

/* Another mount at the same place, or none: all that was known is of the past. */
static void look_for_mount(void)
{
	struct source *source;

	if (!notice_is_elsewhere())
		return;
	events_catch_up();
	for (source = known_next(NULL); source; source = known_next(source))
		tell_no_more(source->pid, NULL);
	watch_leave_all();
	notice_anew();
}

/**
 * events_answer - do what there is to do
 *
 * One after the other: each may end others.
 */
void events_answer(void)
{
	struct epoll_event event;

	for (int i = 0; i < ANSWERS_AT_ONCE && epoll_wait(poll_fd, &event, 1, 0) > 0; i++) {
		struct listener *listener = event.data.ptr;

		listener->answer(listener);
	}
	look_for_mount();
}

/**
 * events_rest - have watch_rest_ended() called soon
 */
void events_rest(void)
{
	start_ticking();
}

/**
 * events_begin - somebody is to be told from now on
 * @reader:	who
 * @pid:	of what source, or 0: of all
 * @map:	of which of its map files
 */
void events_begin(struct reader *reader, pid_t pid, uint32_t map)
{
	if (!notice_is_on())
		notice_start();
	else
		events_catch_up();
	tell_one(reader, &(struct telling){
		.event = "begin",
		.pid = pid,
		.map = pid ? &map : NULL,
	});
}

/**
 * events_ended_reading - nobody is left who is told anything
 */
void events_ended_reading(void)
{
	notice_stop();
}

/**
 * events_init - make what the loop waits on
 * @path:	of the data tree
 * @surroundings: the daemon's side
 *
 * Return: a descriptor that is readable when events_answer() has something to
 * do, or a negative errno value.
 */
int events_init(const char *path, const struct surroundings *surroundings)
{
	tell_init(path, surroundings);
	notice_init(path, &inotify);
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	reports.fd = report_init();
	timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	mounts.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (poll_fd < 0 || reports.fd < 0 || timer.fd < 0 || mounts.fd < 0)
		return -EMFILE;
	events_listen(&reports, EPOLLIN);
	events_listen(&timer, EPOLLIN);
	events_listen(&mounts, EPOLLPRI);
	return poll_fd;
}
