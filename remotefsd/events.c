// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to map files and their sources, and who is told of it.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * While anybody reads events, the data tree is watched with inotify(7), so that
 * what other programs and rm(1) do is seen as well.  It does not say for whom:
 * that is known of what the daemon's children have done, from their reports.
 *
 * A name that comes or goes is therefore not told at once if a child is at work,
 * but when its report is there, no child is left, or PATIENCE is over.  Names
 * also go one by one when their source ends, before its directory does.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <linux/remotefs.h>

#include "events.h"
#include "life.h"

#define MILLISECONDS 1000000ULL
#define TICK (20 * MILLISECONDS)
#define PATIENCE (1000 * MILLISECONDS)

/* So that requests have their turn, too. */
#define ANSWERS_AT_ONCE 64

/* How many users are told of the end of one source, administrators apart. */
#define MAX_UIDS 64

enum known_state {
	KNOWN_TOLD,
	KNOWN_NEW,		/* to be told of */
	KNOWN_REMOVED,		/* the same */
};

/* A map file. */
struct known {
	uint32_t map;
	uid_t owner;
	enum known_state state;
	struct known *next;
};

/* A directory of the data tree. */
struct source {
	pid_t pid;
	int wd;
	struct life life;
	bool reason_known;	/* a watcher has said why it ended */
	unsigned int reason;
	bool removed;		/* the directory has gone */
	uint64_t deadline;	/* to tell what is to be told, or 0 */
	struct known *files;
	struct source *next;
};

static const char *data;
static const struct surroundings *around;
static int poll_fd = -1;
static struct source *sources;
static dev_t device;
static int root_wd;
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

static uint64_t now_in_nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 * MILLISECONDS + now.tv_nsec;
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

/* Telling */

static const char *const kind_names[] = {
	"unmap", "protect", "clear", "soft-dirty", "other", NULL,
};

static void write_line(struct line *line, const struct telling *telling)
{
	char name[TREE_NAME_SIZE];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	line_begin(line, now, telling->event);
	if (telling->pid)
		line_number(line, "pid", telling->pid);
	if (telling->map)
		line_text(line, "map", tree_name(name, *telling->map));
	if (telling->owner)
		line_number(line, "owner", *telling->owner);
	if (telling->span) {
		line_address(line, "start", telling->span->start);
		line_address(line, "end", telling->span->end);
	}
	if (telling->write)
		line_flag(line, "write", *telling->write);
	if (telling->record) {
		line_words(line, "kinds", kind_names, telling->record->kinds);
		line_flag(line, "exact", telling->record->flags & REMOTEFS_EVENT_EXACT);
	}
	if (telling->verb)
		line_text(line, "command", telling->verb);
	if (telling->by) {
		line_number(line, "uid", telling->by->uid);
		line_number(line, "by", telling->by->pid);
	}
	line_end(line);
}

/**
 * events_tell_one - tell one reader
 * @reader:	the reader
 * @telling:	what there is to tell
 */
void events_tell_one(struct reader *reader, const struct telling *telling)
{
	struct line line;

	write_line(&line, telling);
	reader_put(reader, &line);
}

/* Whoever opened the file of one map file was allowed to read that. */
static bool may_know(const struct reader *reader, const uid_t *uids, size_t nr_uids)
{
	/* Nobody's, which those may see who may see everything. */
	bool may = policy_may_see(around, reader_opener(reader), -1);

	for (size_t i = 0; i < nr_uids && !may; i++)
		may = policy_may_see(around, reader_opener(reader), uids[i]);
	return may || reader_is_of_file(reader);
}

/**
 * events_tell - tell all readers who may know of it
 * @telling:	what there is to tell
 * @uids:	the users whom it concerns
 * @nr_uids:	how many they are
 *
 * An event that names neither a map file nor an end is of a command of its own,
 * and not for the readers of one map file.
 */
void events_tell(const struct telling *telling, const uid_t *uids, size_t nr_uids)
{
	struct reader *reader;
	struct line line;

	write_line(&line, telling);
	for (reader = reader_next(NULL); reader; reader = reader_next(reader)) {
		if (reader_is_of_file(reader) && !telling->map)
			continue;
		if (reader_wants(reader, telling->pid, telling->map) &&
		    may_know(reader, uids, nr_uids))
			reader_put(reader, &line);
	}
}

static void tell_stale(void)
{
	struct reader *reader;

	for (reader = reader_next(NULL); reader; reader = reader_next(reader))
		events_tell_one(reader, &(struct telling){ .event = "stale" });
}

/* Those who were told of one map file, or those of any of a source. */
static void end_readers(pid_t pid, const uint32_t *map)
{
	struct reader *reader;

	for (reader = reader_next(NULL); reader; reader = reader_next(reader))
		if (reader_is_of_file(reader) && reader_wants(reader, pid, map))
			reader_end(reader);
}

/* Tell, of a map file, its owner and whoever gave the command, if one was given. */
static void tell_file(struct telling telling, pid_t pid, const struct known *known,
		      const struct report *report)
{
	const uid_t uids[] = { known->owner, report ? report->by.uid : known->owner };

	telling.pid = pid;
	telling.map = &known->map;
	telling.owner = &known->owner;
	telling.by = report ? &report->by : NULL;
	events_tell(&telling, uids, 2);
}

static void tell_revoke(pid_t pid, const struct known *known, const struct report *report)
{
	tell_file((struct telling){ .event = "revoke" }, pid, known, report);
	end_readers(pid, &known->map);
}

/* What a report says; of several ranges, or of all memory, it is not one. */
static bool parse_range(const char *text, struct span *span, bool *write)
{
	char rights[4] = "";

	if (sscanf(text, "0x%" SCNx64 "-0x%" SCNx64 " %3s", &span->start, &span->end, rights) < 2)
		return false;
	*write = !strcmp(rights, "rw");
	return !strchr(text, ',');
}

static bool ask_range(pid_t pid, uint32_t map, struct span *span, bool *write)
{
	struct remotefs_range_args range = { 0 };
	struct complaint unused;
	int tree = kernel_open_tree(data, &unused);
	int file = tree < 0 ? tree : tree_open_file(tree, pid, map);
	bool known = file >= 0 && !kernel_range(file, &range);

	*span = (struct span){ range.out_address, range.out_address + range.out_length };
	*write = range.out_flags & REMOTEFS_MAP_WRITE;
	if (file >= 0)
		close(file);
	if (tree >= 0)
		close(tree);
	return known;
}

static void tell_grant(pid_t pid, const struct known *known, const struct report *report)
{
	struct telling telling = { .event = "grant" };
	struct span span;
	bool write;

	if ((report && parse_range(report->range, &span, &write)) ||
	    ask_range(pid, known->map, &span, &write)) {
		telling.span = &span;
		telling.write = &write;
	}
	tell_file(telling, pid, known, report);
}

static void tell_change(const struct known *known, const struct report *report)
{
	struct telling telling = { .event = "change", .verb = report->verb };
	struct span span;
	bool write;

	if (parse_range(report->range, &span, &write))
		telling.span = &span;
	tell_file(telling, report->pid, known, report);
}

static void tell_end(pid_t pid, unsigned int reason, const struct source *source)
{
	static const char *const names[] = { "gone", "exit", "exec" };
	const struct telling telling = {
		.event = reason <= REMOTEFS_GONE_EXEC ? names[reason] : names[0],
		.pid = pid,
	};
	uid_t uids[MAX_UIDS];
	size_t nr_uids = watch_uids(pid, uids, MAX_UIDS / 2);
	struct reader *reader;

	for (const struct known *known = source ? source->files : NULL;
	     known && nr_uids < MAX_UIDS; known = known->next)
		if (!nr_uids || uids[nr_uids - 1] != known->owner)
			uids[nr_uids++] = known->owner;
	for (reader = reader_next(NULL); reader; reader = reader_next(reader))
		if (reader_wants(reader, pid, NULL) && may_know(reader, uids, nr_uids))
			events_tell_one(reader, &telling);
	end_readers(pid, NULL);
	watch_ended(pid);
}

/* What is known */

static struct source *find_source(pid_t pid)
{
	for (struct source *source = sources; source; source = source->next)
		if (source->pid == pid && !source->removed)
			return source;
	return NULL;
}

static struct known *find_file(struct source *source, uint32_t map)
{
	for (struct known *known = source->files; known; known = known->next)
		if (known->map == map)
			return known;
	return NULL;
}

static struct known *add_file(struct source *source, uint32_t map, uid_t owner,
			      enum known_state state)
{
	struct known *known = find_file(source, map);

	if (known)
		return known;
	known = calloc(1, sizeof(*known));
	if (!known)
		return NULL;
	*known = (struct known){ map, owner, state, source->files };
	source->files = known;
	return known;
}

static void drop_file(struct source *source, struct known *known)
{
	struct known **link = &source->files;

	while (*link != known)
		link = &(*link)->next;
	*link = known->next;
	free(known);
}

static void drop_source(struct source *source)
{
	struct source **link = &sources;

	while (*link != source)
		link = &(*link)->next;
	*link = source->next;
	while (source->files)
		drop_file(source, source->files);
	/* Nobody else will look at those who have said so. */
	if (source->reason_known)
		watch_ended(source->pid);
	free(source);
}

static void have_patience(struct source *source)
{
	if (!source->deadline)
		source->deadline = now_in_nanoseconds() + PATIENCE;
	start_ticking();
}

static void add_files(struct source *source, int tree, enum known_state state)
{
	struct map_file *files;
	size_t nr_files;

	tree_files(tree, source->pid, &files, &nr_files);
	for (size_t i = 0; i < nr_files; i++)
		add_file(source, files[i].map, files[i].uid, state);
	free(files);
	if (nr_files && state != KNOWN_TOLD)
		have_patience(source);
}

static int watch_directory(int directory)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", directory);
	return inotify_add_watch(inotify.fd, path, IN_CREATE | IN_DELETE | IN_ATTRIB);
}

/* Watched first, then looked into: nothing is missed, and twice does no harm. */
static struct source *add_source(int tree, pid_t pid, enum known_state state)
{
	struct source *source = find_source(pid);
	int directory = source ? -1 : tree_open_process(tree, pid);

	if (directory < 0)
		return source;
	source = calloc(1, sizeof(*source));
	if (source) {
		source->pid = pid;
		source->wd = watch_directory(directory);
		life_look(pid, &source->life);
		source->next = sources;
		sources = source;
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

static void start_looking(void)
{
	inotify.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (inotify.fd < 0)
		return;
	events_listen(&inotify, EPOLLIN);
	look_around(KNOWN_TOLD);
}

static void stop_looking(void)
{
	if (inotify.fd >= 0) {
		events_unlisten(&inotify);
		close(inotify.fd);
	}
	inotify.fd = -1;
	device = 0;
	while (sources)
		drop_source(sources);
}

/* What has changed */

static pid_t pid_of_wd(int wd)
{
	for (const struct source *source = sources; source; source = source->next)
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
		source = find_source(pid);
		if (!source)
			return;
		source->removed = true;
		have_patience(source);
	}
}

static void file_changed(int tree, const struct inotify_event *event, pid_t pid, uint32_t map)
{
	struct source *source = find_source(pid);
	struct known *known = source ? find_file(source, map) : NULL;
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
		have_patience(source);
		return;
	}
	if (tree_file(tree, pid, map, &file))
		return;
	if (known) {
		known->owner = file.uid;
	} else if (event->mask & IN_CREATE) {
		add_file(source, map, file.uid, KNOWN_NEW);
		have_patience(source);
	}
}

static void forget_all(void)
{
	stop_looking();
	tell_stale();
	start_looking();
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
	ssize_t length = inotify.fd < 0 ? 0 : read(inotify.fd, buffer, sizeof(buffer));
	const struct inotify_event *event;

	for (ssize_t at = 0; at < length; at += sizeof(*event) + event->len) {
		event = (const struct inotify_event *)(buffer + at);
		if (event->mask & IN_Q_OVERFLOW) {
			forget_all();
			return false;
		}
		take_event(tree, event);
	}
	return length > 0;
}

static void take_tree(void)
{
	struct complaint unused;
	int tree;

	if (inotify.fd < 0)
		return;
	tree = kernel_open_tree(data, &unused);
	while (take_events(tree))
		;
	if (tree >= 0)
		close(tree);
}

/*
 * The map file of a report may be in a directory that has gone meanwhile, and
 * its number be given again in the next.
 */
static struct source *find_source_of(const struct report *report)
{
	for (struct source *source = sources; source; source = source->next) {
		struct known *known = find_file(source, report->map);

		if (report->event == RECORD_REVOKE && source->pid == report->pid && known &&
		    (source->removed || known->state == KNOWN_REMOVED))
			return source;
	}
	return find_source(report->pid);
}

static void take_deed(const struct report *report)
{
	struct source *source = find_source_of(report);
	struct known *known = source ? find_file(source, report->map) : NULL;
	struct known unknown = { .map = report->map, .owner = report->by.uid };

	if (!known && source && report->event == RECORD_CREATE)
		known = add_file(source, report->map, report->by.uid, KNOWN_NEW);
	if (report->event == RECORD_CREATE)
		tell_grant(report->pid, known ? known : &unknown, report);
	else if (report->event == RECORD_CHANGE)
		tell_change(known ? known : &unknown, report);
	else if (known && report->event == RECORD_REVOKE)
		tell_revoke(report->pid, known, report);
	if (known && report->event == RECORD_CREATE && known->state == KNOWN_NEW)
		known->state = KNOWN_TOLD;
	if (known && report->event == RECORD_REVOKE)
		drop_file(source, known);
}

static void take_reports(void)
{
	struct report report;
	int fd;

	while (report_receive(&report, &fd)) {
		if (report.kind == REPORT_RECORD && inotify.fd >= 0)
			take_deed(&report);
		else if (report.kind == REPORT_WATCHER && fd >= 0)
			watch_take(&report, fd);
		else if (report.kind == REPORT_UNWATCH)
			watch_forget(&report.by, report.pid);
	}
}

/* What is to be told now */

static bool any_file(const struct source *source, enum known_state state)
{
	for (const struct known *known = source->files; known; known = known->next)
		if (known->state == state)
			return true;
	return false;
}

/* How the source has ended, if that is why names went. */
static unsigned int find_reason(const struct source *source)
{
	if (source->reason_known)
		return source->reason;
	if (source->removed || any_file(source, KNOWN_REMOVED))
		return life_ended(source->pid, &source->life);
	return REMOTEFS_GONE_UNKNOWN;
}

/* A watcher knows better, and will say so soon. */
static bool is_waiting_for_watcher(const struct source *source)
{
	uid_t unused;

	return !source->reason_known && watch_uids(source->pid, &unused, 1);
}

static void tell_files(struct source *source)
{
	for (struct known *known = source->files, *next; known; known = next) {
		next = known->next;
		if (known->state == KNOWN_NEW) {
			tell_grant(source->pid, known, NULL);
			known->state = KNOWN_TOLD;
		}
		if (known->state == KNOWN_REMOVED || source->removed) {
			tell_revoke(source->pid, known, NULL);
			drop_file(source, known);
		}
	}
}

/* Returns false if it has not ended, or its directory is yet to go. */
static bool settle_end(struct source *source, bool late)
{
	unsigned int reason = find_reason(source);

	if (!reason && !source->reason_known)
		return false;
	if (!source->removed && !(late && source->reason_known))
		return false;
	for (struct known *known = source->files; known; known = known->next)
		if (known->state == KNOWN_NEW)
			tell_grant(source->pid, known, NULL);
	tell_end(source->pid, reason, source);
	drop_source(source);
	return true;
}

static void settle_source(struct source *source)
{
	bool late = now_in_nanoseconds() >= source->deadline;

	if (!late && source->removed && is_waiting_for_watcher(source))
		return;
	if (settle_end(source, late))
		return;
	/* Names go before their directory does. */
	if (!late && (worker_is_any() || find_reason(source) || source->reason_known))
		return;
	tell_files(source);
	source->deadline = 0;
	if (source->removed)
		drop_source(source);
}

/* Returns false if nothing is left to be told. */
static bool settle(void)
{
	bool left = false;

	for (struct source *source = sources, *next; source; source = next) {
		next = source->next;
		if (source->deadline)
			settle_source(source);
	}
	for (struct source *source = sources; source; source = source->next)
		left |= !!source->deadline;
	return left;
}

/**
 * events_catch_up - tell what can be told now
 *
 * What the tree shows comes first: a report then only says for whom it was.
 */
void events_catch_up(void)
{
	take_tree();
	take_reports();
	settle();
}

/**
 * events_source_gone - a watcher says that a source has ended
 * @pid:	the source
 * @reason:	REMOTEFS_GONE_*
 */
void events_source_gone(pid_t pid, unsigned int reason)
{
	struct source *source;

	for (source = sources; source; source = source->next)
		if (source->pid == pid)
			break;
	if (!source) {
		tell_end(pid, reason, NULL);
		return;
	}
	source->reason_known = true;
	source->reason = reason;
	have_patience(source);
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
	if (!watch_rest_ended() && !settle())
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
	struct stat st;

	if (inotify.fd < 0 || (stat(data, &st) ? !device : st.st_dev == device))
		return;
	events_catch_up();
	for (struct source *source = sources; source; source = source->next)
		end_readers(source->pid, NULL);
	watch_leave_all();
	forget_all();
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
	if (inotify.fd < 0)
		start_looking();
	else
		events_catch_up();
	events_tell_one(reader, &(struct telling){
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
	stop_looking();
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
	data = path;
	around = surroundings;
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
