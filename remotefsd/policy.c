// SPDX-License-Identifier: GPL-2.0-only
/*
 * May this requester do it?
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Nothing here looks at the system: every answer follows from what is passed
 * in.  Whether memory may be exposed at all is not decided here but by the
 * kernel, when /proc/PID/mem is opened with the requester's credentials; the
 * question that remains is whether doing that on the requester's behalf gives
 * the verdict that the requester's own open would have had.
 */
#include <string.h>

#include <linux/capability.h>

#include "remotefsd.h"

/**
 * policy_has_cap - whether the requester has a capability that counts here
 * @around:	the daemon's side
 * @requester:	who asks
 * @cap:	CAP_*
 *
 * Capabilities in another user namespace are none over the daemon's objects.
 */
bool policy_has_cap(const struct surroundings *around, const struct identity *requester,
		    unsigned int cap)
{
	return requester->user_ns == around->self.user_ns && requester->caps >> cap & 1;
}

/**
 * policy_may_change - may they revoke a map file, or allow writing to it?
 * @around:	the daemon's side
 * @requester:	who asks
 * @owner:	whose map file it is
 */
bool policy_may_change(const struct surroundings *around, const struct identity *requester,
		       uid_t owner)
{
	return requester->uid == owner ||
	       policy_has_cap(around, requester, CAP_FOWNER) ||
	       policy_has_cap(around, requester, CAP_SYS_ADMIN);
}

/**
 * policy_may_set_mode - may they set the permissions of a map file?
 * @around:	the daemon's side
 * @requester:	who asks
 * @owner:	whose map file it is
 *
 * The rule of chmod(2).
 */
bool policy_may_set_mode(const struct surroundings *around, const struct identity *requester,
			 uid_t owner)
{
	return requester->uid == owner || policy_has_cap(around, requester, CAP_FOWNER);
}

/**
 * policy_may_set_owner - may they give this map file to anyone at all?
 * @around:	the daemon's side
 * @requester:	who asks
 * @owner:	whose map file it is
 *
 * The other half of the rule of chown(2) is policy_may_give().
 */
bool policy_may_set_owner(const struct surroundings *around, const struct identity *requester,
			  uid_t owner)
{
	return requester->uid == owner || policy_has_cap(around, requester, CAP_CHOWN);
}

/**
 * policy_may_set_state - may they change the numbers that programs keep of a map file?
 * @around:	the daemon's side
 * @requester:	who asks
 *
 * As with the kernel, whose file it is does not count: its owner may be the one who
 * has a quota.
 */
bool policy_may_set_state(const struct surroundings *around, const struct identity *requester)
{
	return policy_has_cap(around, requester, CAP_SYS_ADMIN);
}

/**
 * policy_may_see - may they learn which addresses a map file shows?
 * @around:	the daemon's side
 * @requester:	who asks
 * @owner:	whose map file it is
 */
bool policy_may_see(const struct surroundings *around, const struct identity *requester,
		    uid_t owner)
{
	return policy_may_change(around, requester, owner) ||
	       policy_has_cap(around, requester, CAP_SYS_PTRACE);
}

static bool requester_is_in_group(const struct identity *requester, gid_t gid)
{
	for (size_t i = 0; i < requester->nr_groups; i++)
		if (requester->groups[i] == gid)
			return true;
	return requester->gid == gid;
}

/**
 * policy_may_give - may they make a map file that belongs to somebody else?
 * @around:	the daemon's side
 * @requester:	who asks
 * @uid:	the owner to be
 * @gid:	the group to be
 *
 * The rule of chown(2).
 */
bool policy_may_give(const struct surroundings *around, const struct identity *requester,
		     uid_t uid, gid_t gid)
{
	if (policy_has_cap(around, requester, CAP_CHOWN))
		return true;
	return requester->uid == uid && requester_is_in_group(requester, gid);
}

/**
 * policy_obstacle - why the daemon cannot find out what they may expose
 * @around:	the daemon's side
 * @requester:	who asks
 *
 * The daemon can take on users, groups and capabilities.  It cannot take on
 * what else the kernel judges by: namespaces, labels, descent (Yama asks
 * whether the source descends from whoever opens), seccomp filters, Landlock.
 * A Landlock domain does not show
 * in /proc, but without CAP_SYS_ADMIN it can be entered only with no_new_privs.
 *
 * Return: NULL if there is nothing of that kind, or what it is.
 */
const char *policy_obstacle(const struct surroundings *around, const struct identity *requester)
{
	const struct identity *self = &around->self;

	if (requester->user_ns != self->user_ns)
		return "you are in another user namespace";
	if (requester->pid_ns != self->pid_ns)
		return "you are in another PID namespace";
	if (strcmp(requester->label, self->label))
		return "your security label is not the daemon's";
	if (requester->no_new_privs || requester->seccomp)
		return "you are in a sandbox (no_new_privs or seccomp)";
	if (around->yama > 0 && !policy_has_cap(around, requester, CAP_SYS_PTRACE))
		return "kernel.yama.ptrace_scope asks who is whose parent";
	return NULL;
}
