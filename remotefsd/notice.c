// SPDX-License-Identifier: GPL-2.0-only
/*
 * What changes in the data tree, whoever does it.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * inotify(7) does not say for whom something was done: that is known of what the
 * daemon's children have done, from their reports.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "known.h"

static const char *data;
static struct listener *inotify;
static dev_t device;
static int root_wd;

static void add_files(struct source *source, int tree, enum known_state state)
{
	struct map_file *files;
	size_t nr_files;

	tree_files(tree, source->pid, &files, &nr_files);
	for (size_t i = 0; i < nr_files; i++)
		known_add_file(source, files[i].map, files[i].uid, state);
	free(files);
	if (nr_files && state != KNOWN_TOLD)
		known_wait(source);
}

static int watch_directory(int directory)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", directory);
	return inotify_add_watch(inotify->fd, path, IN_CREATE | IN_DELETE | IN_ATTRIB);
}

/* Watched first, then looked into: nothing is missed, and twice does no harm. */
static struct source *add_source(int tree, pid_t pid, enum known_state state)
{
	struct source *source = known_find(pid);
	int directory = source ? -1 : tree_open_process(tree, pid);

	if (directory < 0)
		return source;
	source = known_add(pid);
	if (source) {
		source->wd = watch_directory(directory);
		add_files(source, tree, state);
	}
	close(directory);
	return source;
}

static void look_around(enum known_state state)
{
	struct complaint unused;
	int tree = kernel_open_tree(data, &unused);
	struct stat st;
	size_t nr_pids;
	pid_t *pids;

	device = stat(data, &st) ? 0 : st.st_dev;
	if (tree < 0)
		return;
	root_wd = watch_directory(tree);
	tree_processes(tree, &pids, &nr_pids);
	for (size_t i = 0; i < nr_pids; i++)
		add_source(tree, pids[i], state);
	free(pids);
	close(tree);
}

/**
 * notice_start - know what is there, and see what changes from now on
 */
void notice_start(void)
{
	inotify->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (inotify->fd < 0)
		return;
	events_listen(inotify, EPOLLIN);
	look_around(KNOWN_TOLD);
}

/**
 * notice_stop - look no more, and forget all
 */
void notice_stop(void)
{
	if (inotify->fd >= 0) {
		events_unlisten(inotify);
		close(inotify->fd);
	}
	inotify->fd = -1;
	device = 0;
	while (known_next(NULL))
		known_drop(known_next(NULL));
}

static pid_t pid_of_wd(int wd)
{
	const struct source *source;

	for (source = known_next(NULL); source; source = known_next(source))
		if (source->wd == wd)
			return source->pid;
	return 0;
}

static void process_changed(int tree, const struct inotify_event *event, pid_t pid)
{
	struct source *source;

	if (event->mask & IN_CREATE) {
		add_source(tree, pid, KNOWN_NEW);
	} else if (event->mask & IN_DELETE) {
		source = known_find(pid);
		if (!source)
			return;
		source->removed = true;
		known_wait(source);
	}
}

static void file_changed(int tree, const struct inotify_event *event, pid_t pid, uint32_t map)
{
	struct source *source = known_find(pid);
	struct known *known = source ? known_find_file(source, map) : NULL;
	struct map_file file;

	if (!source)
		return;
	if (event->mask & IN_DELETE) {
		if (!known)
			return;
		/* It was not there long enough for anybody to be told. */
		if (known->state == KNOWN_NEW)
			tell_grant(pid, known, NULL);
		known->state = KNOWN_REMOVED;
		known_wait(source);
		return;
	}
	if (tree_file(tree, pid, map, &file))
		return;
	if (known) {
		known->owner = file.uid;
	} else if (event->mask & IN_CREATE) {
		known_add_file(source, map, file.uid, KNOWN_NEW);
		known_wait(source);
	}
}

/**
 * notice_anew - all that was known may be wrong
 */
void notice_anew(void)
{
	notice_stop();
	tell_stale();
	notice_start();
}

static void take_event(int tree, const struct inotify_event *event)
{
	const char *name = event->len ? event->name : "";
	uint32_t map;
	pid_t pid;

	if (event->wd == root_wd) {
		if (word_parse_pid(name, &pid))
			process_changed(tree, event, pid);
		return;
	}
	pid = pid_of_wd(event->wd);
	if (pid && word_parse_map(name, &map))
		file_changed(tree, event, pid, map);
}

/* Returns false when there is nothing more to read. */
static bool take_events(int tree)
{
	_Alignas(struct inotify_event) char buffer[16384];
	ssize_t length = inotify->fd < 0 ? 0 : read(inotify->fd, buffer, sizeof(buffer));
	const struct inotify_event *event;

	for (ssize_t at = 0; at < length; at += sizeof(*event) + event->len) {
		event = (const struct inotify_event *)(buffer + at);
		if (event->mask & IN_Q_OVERFLOW) {
			notice_anew();
			return false;
		}
		take_event(tree, event);
	}
	return length > 0;
}

/**
 * notice_take - look at what has changed since the last time
 */
void notice_take(void)
{
	struct complaint unused;
	int tree;

	if (inotify->fd < 0)
		return;
	tree = kernel_open_tree(data, &unused);
	while (take_events(tree))
		;
	if (tree >= 0)
		close(tree);
}

/**
 * notice_is_on - whether changes are seen
 */
bool notice_is_on(void)
{
	return inotify->fd >= 0;
}

/**
 * notice_is_elsewhere - whether another mount is in the place of the one seen, or none
 */
bool notice_is_elsewhere(void)
{
	struct stat st;

	return notice_is_on() && (stat(data, &st) ? !!device : st.st_dev != device);
}

/**
 * notice_init - before anything else
 * @path:	of the data tree
 * @listener:	its descriptor is made when changes are to be seen
 */
void notice_init(const char *path, struct listener *listener)
{
	data = path;
	inotify = listener;
}
