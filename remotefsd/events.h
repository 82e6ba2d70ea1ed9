/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * remotefsd: what the files named events are made of.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#ifndef REMOTEFSD_EVENTS_H
#define REMOTEFSD_EVENTS_H

#include "line.h"
#include "remotefsd.h"

/* What the daemon's loop waits for on behalf of events. */
struct listener {
	int fd;
	void (*answer)(struct listener *listener);
};

/* tell.c: what is told, and to whom. */
struct telling {
	const char *event;
	pid_t pid;
	const uint32_t *map;		/* or NULL */
	const uid_t *owner;		/* of the map file, or NULL */
	const struct requester *by;	/* whose command it was, or NULL */
	const char *verb;		/* of that command, or NULL */
	const struct span *span;	/* or NULL */
	const bool *write;		/* or NULL */
	const struct remotefs_event *record;	/* of an invalidation, or NULL */
};

struct requester {
	uid_t uid;
	pid_t pid;
};

struct reader;

void tell_all(const struct telling *telling, const uid_t *uids, size_t nr_uids);
void tell_one(struct reader *reader, const struct telling *telling);

/* events.c: the loop. */
int events_init(const char *data, const struct surroundings *around);
void events_answer(void);
void events_catch_up(void);
int events_listen(struct listener *listener, unsigned int what);
void events_unlisten(struct listener *listener);
void events_begin(struct reader *reader, pid_t pid, uint32_t map);
void events_ended_reading(void);
void events_rest(void);
void events_source_gone(pid_t pid, unsigned int reason);

/* reader.c: the open files that are told, and what they have not read yet. */
bool reader_is_any(void);
struct reader *reader_next(const struct reader *previous);
const struct identity *reader_opener(const struct reader *reader);
bool reader_wants(const struct reader *reader, pid_t pid, const uint32_t *map);
bool reader_is_of_file(const struct reader *reader);
void reader_put(struct reader *reader, const struct line *line);
void reader_end(struct reader *reader);

/* report.c: what children tell the daemon. */
enum report_kind {
	REPORT_RECORD,		/* something was done, see record.c */
	REPORT_WATCHER,		/* with a descriptor */
	REPORT_UNWATCH,
};

struct report {
	enum report_kind kind;
	enum record_event event;
	uint64_t token;		/* of the job; 0 for a command */
	struct requester by;
	pid_t pid;
	uint32_t map;
	char verb[16];
	char range[RECORD_RANGE_SIZE];
};

int report_init(void);
void report_become_child(void);
int report_send(const struct report *report, int fd);
bool report_receive(struct report *report, int *fd);

/* watch.c: watchers. */
unsigned int watch_count(uid_t uid, pid_t pid);
void watch_take(const struct report *report, int fd);
void watch_forget(const struct requester *by, pid_t pid);
bool watch_join(uint64_t token, struct reader *reader);
void watch_leave(const struct reader *reader);
void watch_leave_all(void);
void watch_ended(pid_t pid);
size_t watch_uids(pid_t pid, uid_t *uids, size_t room);
bool watch_rest_ended(void);

#endif /* REMOTEFSD_EVENTS_H */
