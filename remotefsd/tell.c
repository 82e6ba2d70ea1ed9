// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is told, and to whom: one line for each event.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/remotefs.h>

#include "known.h"

/* How many users are told of the end of one source, administrators apart. */
#define MAX_UIDS 64

static const char *data;
static const struct surroundings *around;

static const char granted[] = "grant";

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
 * tell_one - tell one reader
 * @reader:	the reader
 * @telling:	what there is to tell
 */
void tell_one(struct reader *reader, const struct telling *telling)
{
	struct line line;

	write_line(&line, telling);
	reader_put(reader, &line);
}

/*
 * Whoever opened the file of one map file was allowed to read that.  A new one with
 * its name, as after execve(2), may be somebody else's.
 */
static bool may_know(const struct reader *reader, const struct telling *telling,
		     const uid_t *uids, size_t nr_uids)
{
	/* Nobody's, which those may see who may see everything. */
	bool may = policy_may_see(around, reader_opener(reader), -1);

	for (size_t i = 0; i < nr_uids && !may; i++)
		may = policy_may_see(around, reader_opener(reader), uids[i]);
	return may || (reader_is_of_file(reader) && telling->event != granted);
}

/**
 * tell_all - tell all readers who may know of it
 * @telling:	what there is to tell
 * @uids:	the users whom it concerns
 * @nr_uids:	how many they are
 *
 * An event that names neither a map file nor an end is of a command of its own,
 * and not for the readers of one map file.
 */
void tell_all(const struct telling *telling, const uid_t *uids, size_t nr_uids)
{
	struct reader *reader;
	struct line line;

	write_line(&line, telling);
	for (reader = reader_next(NULL); reader; reader = reader_next(reader)) {
		if (reader_is_of_file(reader) && !telling->map)
			continue;
		if (reader_wants(reader, telling->pid, telling->map) &&
		    may_know(reader, telling, uids, nr_uids))
			reader_put(reader, &line);
	}
}

/**
 * tell_stale - tell all readers that they have missed something
 */
void tell_stale(void)
{
	struct reader *reader;

	for (reader = reader_next(NULL); reader; reader = reader_next(reader))
		tell_one(reader, &(struct telling){ .event = "stale" });
}

/**
 * tell_no_more - end the open files of what has gone
 * @pid:	the source
 * @map:	of those who were told of that map file, or NULL: of any of the source
 */
void tell_no_more(pid_t pid, const uint32_t *map)
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
	tell_all(&telling, uids, 2);
}

/**
 * tell_revoke - tell that a map file has gone
 * @pid:	its source
 * @known:	the map file
 * @report:	of the child that did it, or NULL
 */
void tell_revoke(pid_t pid, const struct known *known, const struct report *report)
{
	tell_file((struct telling){ .event = "revoke" }, pid, known, report);
	tell_no_more(pid, &known->map);
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

/**
 * tell_grant - tell that a map file is there
 * @pid:	its source
 * @known:	the map file
 * @report:	of the child that did it, or NULL: then the kernel knows the range
 */
void tell_grant(pid_t pid, const struct known *known, const struct report *report)
{
	struct telling telling = { .event = granted };
	struct span span;
	bool write;

	if ((report && parse_range(report->range, &span, &write)) ||
	    ask_range(pid, known->map, &span, &write)) {
		telling.span = &span;
		telling.write = &write;
	}
	tell_file(telling, pid, known, report);
}

/**
 * tell_change - tell what a command has done to a map file
 * @known:	the map file
 * @report:	of the child that did it
 */
void tell_change(const struct known *known, const struct report *report)
{
	struct telling telling = { .event = "change", .verb = report->verb };
	struct span span;
	bool write;

	if (parse_range(report->range, &span, &write))
		telling.span = &span;
	tell_file(telling, report->pid, known, report);
}

/**
 * tell_end - tell that a source has ended
 * @pid:	the source
 * @reason:	REMOTEFS_GONE_*
 * @source:	what is known of it, or NULL
 */
void tell_end(pid_t pid, unsigned int reason, const struct source *source)
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
		if (reader_wants(reader, pid, NULL) && may_know(reader, &telling, uids, nr_uids))
			tell_one(reader, &telling);
	tell_no_more(pid, NULL);
	watch_ended(pid);
}

/**
 * tell_init - before anything else
 * @path:	of the data tree
 * @surroundings: the daemon's side
 */
void tell_init(const char *path, const struct surroundings *surroundings)
{
	data = path;
	around = surroundings;
}
