// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many files and directories of the control tree each user has open.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * What a listing or a directory said is kept until it is closed: memory, and often
 * a descriptor, of the daemon.  So that one user does not take those of all.
 */
#include <errno.h>
#include <stdlib.h>

#include "remotefsd.h"

#define OPENED_PER_USER 1024

static struct user {
	uid_t uid;
	unsigned int count;
	struct user *next;
} *users;

/* Where the link to that user is, or would be. */
static struct user **find_user(uid_t uid)
{
	struct user **link = &users;

	while (*link && (*link)->uid != uid)
		link = &(*link)->next;
	return link;
}

/**
 * opened_more - somebody opens something
 * @uid:	who
 *
 * Return: 0, EMFILE if this user has too much open, or ENOMEM.
 */
int opened_more(uid_t uid)
{
	struct user **link = find_user(uid);

	if (!*link) {
		*link = calloc(1, sizeof(**link));
		if (!*link)
			return ENOMEM;
		(*link)->uid = uid;
	}
	if ((*link)->count == OPENED_PER_USER)
		return EMFILE;
	(*link)->count++;
	return 0;
}

/**
 * opened_less - what somebody opened is closed
 * @uid:	who opened it
 */
void opened_less(uid_t uid)
{
	struct user **link = find_user(uid);
	struct user *user = *link;

	if (--user->count)
		return;
	*link = user->next;
	free(user);
}
