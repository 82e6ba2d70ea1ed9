// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sources and map files that readers of events have been told of.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#include <search.h>
#include <stdlib.h>
#include <time.h>

#include "known.h"

#define SECOND 1000000000ULL

/* How long it may take until it is known for whom something was. */
#define PATIENCE SECOND

static struct source *sources;

/**
 * known_next - go through all sources
 * @previous:	the one before, or NULL
 *
 * Return: the next, or NULL.
 */
struct source *known_next(const struct source *previous)
{
	return previous ? previous->next : sources;
}

/**
 * known_find - the source that has a directory of that name now
 * @pid:	its process ID
 *
 * Return: it, or NULL.
 */
struct source *known_find(pid_t pid)
{
	for (struct source *source = sources; source; source = source->next)
		if (source->pid == pid && !source->removed)
			return source;
	return NULL;
}

/* A user may have tens of thousands of map files, and all wait while one is found. */
static int compare_maps(const void *a, const void *b)
{
	uint32_t left = ((const struct known *)a)->map;
	uint32_t right = ((const struct known *)b)->map;

	return (left > right) - (left < right);
}

/**
 * known_find_file - one of a source's map files
 * @source:	the source
 * @map:	the map file's number
 *
 * Return: it, or NULL.
 */
struct known *known_find_file(struct source *source, uint32_t map)
{
	const struct known key = { .map = map };
	struct known *const *found = tfind(&key, &source->by_map, compare_maps);

	return found ? *found : NULL;
}

/**
 * known_add_file - know of a map file, unless it is known
 * @source:	the source
 * @map:	the map file's number
 * @owner:	its owner
 * @state:	of one that was not known
 *
 * Return: it, or NULL.
 */
struct known *known_add_file(struct source *source, uint32_t map, uid_t owner,
			     enum known_state state)
{
	struct known *known = known_find_file(source, map);

	if (known)
		return known;
	known = calloc(1, sizeof(*known));
	if (!known)
		return NULL;
	*known = (struct known){ map, owner, state, source->files, &source->files };
	if (!tsearch(known, &source->by_map, compare_maps)) {
		free(known);
		return NULL;
	}
	if (known->next)
		known->next->link = &known->next;
	source->files = known;
	return known;
}

/**
 * known_drop_file - forget a map file
 * @source:	its source
 * @known:	the map file
 */
void known_drop_file(struct source *source, struct known *known)
{
	tdelete(known, &source->by_map, compare_maps);
	*known->link = known->next;
	if (known->next)
		known->next->link = known->link;
	free(known);
}

/**
 * known_add - know of a source that was not known
 * @pid:	its process ID
 *
 * Return: it, or NULL.
 */
struct source *known_add(pid_t pid)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->pid = pid;
	life_look(pid, &source->life);
	source->next = sources;
	sources = source;
	return source;
}

/**
 * known_drop - forget a source
 * @source:	the source
 */
void known_drop(struct source *source)
{
	struct source **link = &sources;

	while (*link != source)
		link = &(*link)->next;
	*link = source->next;
	while (source->files)
		known_drop_file(source, source->files);
	/* Nobody else will look at those who have said so. */
	if (source->reason_known)
		watch_ended(source->pid);
	free(source);
}

/**
 * known_now - the time that deadlines are in
 *
 * Return: nanoseconds.
 */
uint64_t known_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

/**
 * known_wait - something of a source is to be told, when more is known of it
 * @source:	the source
 */
void known_wait(struct source *source)
{
	if (!source->deadline)
		source->deadline = known_now() + PATIENCE;
	events_rest();
}
