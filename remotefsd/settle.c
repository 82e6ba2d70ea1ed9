// SPDX-License-Identifier: GPL-2.0-only
/*
 * When something is told.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A name that comes or goes is not told at once if a child is at work, but when
 * its report is there, no child is left, or patience is over.  Names also go one
 * by one when their source ends, before its directory does.
 */
#include <linux/remotefs.h>

#include "known.h"

/*
 * The map file of a report may be in a directory that has gone meanwhile, and
 * its number be given again in the next.
 */
static struct source *find_source_of(const struct report *report)
{
	struct source *source;

	for (source = known_next(NULL); source; source = known_next(source)) {
		struct known *known = known_find_file(source, report->map);

		if (report->event == RECORD_REVOKE && source->pid == report->pid && known &&
		    (source->removed || known->state == KNOWN_REMOVED))
			return source;
	}
	return known_find(report->pid);
}

/**
 * settle_deed - tell at once what a child reports
 * @report:	what it did
 */
void settle_deed(const struct report *report)
{
	struct source *source = find_source_of(report);
	struct known *known = source ? known_find_file(source, report->map) : NULL;
	struct known unknown = { .map = report->map, .owner = report->by.uid };

	if (!known && source && report->event == RECORD_CREATE)
		known = known_add_file(source, report->map, report->by.uid, KNOWN_NEW);
	if (report->event == RECORD_CREATE)
		tell_grant(report->pid, known ? known : &unknown, report);
	else if (report->event == RECORD_CHANGE)
		tell_change(known ? known : &unknown, report);
	else if (known && report->event == RECORD_REVOKE)
		tell_revoke(report->pid, known, report);
	if (known && report->event == RECORD_CREATE && known->state == KNOWN_NEW)
		known->state = KNOWN_TOLD;
	if (known && report->event == RECORD_REVOKE)
		known_drop_file(source, known);
}

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
			known_drop_file(source, known);
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
	known_drop(source);
	return true;
}

static void settle_source(struct source *source)
{
	bool late = known_now() >= source->deadline;

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
		known_drop(source);
}

/**
 * settle_all - tell what can be told now
 *
 * Return: false if nothing is left to be told.
 */
bool settle_all(void)
{
	struct source *source, *next;
	bool left = false;

	for (source = known_next(NULL); source; source = next) {
		next = known_next(source);
		if (source->deadline)
			settle_source(source);
	}
	for (source = known_next(NULL); source; source = known_next(source))
		left |= !!source->deadline;
	return left;
}
