/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * remotefsd: what is known of the data tree while somebody reads events.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#ifndef REMOTEFSD_KNOWN_H
#define REMOTEFSD_KNOWN_H

#include "events.h"
#include "life.h"

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
	struct known **link;	/* what leads to it */
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
	void *by_map;		/* the same, as a tree: see tsearch(3) */
	struct source *next;
};

/* known.c: the list of them. */
struct source *known_next(const struct source *previous);
struct source *known_find(pid_t pid);
struct source *known_add(pid_t pid);
void known_drop(struct source *source);
struct known *known_find_file(struct source *source, uint32_t map);
struct known *known_add_file(struct source *source, uint32_t map, uid_t owner,
			     enum known_state state);
void known_drop_file(struct source *source, struct known *known);
uint64_t known_now(void);
void known_wait(struct source *source);

/* tell.c: who is told of it, beside what events.h has. */
void tell_init(const char *data, const struct surroundings *around);
void tell_grant(pid_t pid, const struct known *known, const struct report *report);
void tell_change(const struct known *known, const struct report *report);
void tell_revoke(pid_t pid, const struct known *known, const struct report *report);
void tell_end(pid_t pid, unsigned int reason, const struct source *source);
void tell_stale(void);
void tell_no_more(pid_t pid, const uint32_t *map);

/* notice.c: what changes in the data tree. */
void notice_init(const char *data, struct listener *listener);
bool notice_is_on(void);
bool notice_is_elsewhere(void);
void notice_start(void);
void notice_stop(void);
void notice_anew(void);
void notice_take(void);

/* settle.c: when it is told. */
void settle_deed(const struct report *report);
bool settle_all(void);

#endif /* REMOTEFSD_KNOWN_H */
