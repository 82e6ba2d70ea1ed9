// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may do what, and whose rights the daemon cannot judge.
 *
 * Copyright (C) 2026 The remotefs authors
 */
/* Links: remotefsd/policy.c */
#include <linux/capability.h>
#include <string.h>

#include "remotefsd.h"
#include "tap.h"

#define CAP(name) (1ULL << CAP_##name)
#define ALL_CAPS ((CAP(LAST_CAP) << 1) - 1)

static gid_t some_groups[] = { 5, 7 };

/* The daemon: root of the first namespaces. */
static const struct surroundings around = {
	.self = { .caps = ALL_CAPS, .user_ns = 1, .pid_ns = 2, .label = "unconfined" },
};

/* An ordinary user beside it. */
static const struct identity user = {
	.uid = 1000, .gid = 1000, .groups = some_groups, .nr_groups = 2,
	.user_ns = 1, .pid_ns = 2, .label = "unconfined",
};

static struct identity user_with(uint64_t caps)
{
	struct identity identity = user;

	identity.caps = caps;
	return identity;
}

static void test_change(void)
{
	struct identity fowner = user_with(CAP(FOWNER));
	struct identity admin = user_with(CAP(SYS_ADMIN));
	struct identity others = user_with(ALL_CAPS & ~(CAP(FOWNER) | CAP(SYS_ADMIN)));
	struct identity container_root = user_with(ALL_CAPS);
	struct identity bare_root = user_with(0);

	container_root.user_ns = 99;
	bare_root.uid = 0;
	tap(policy_may_change(&around, &user, 1000), "an owner may revoke");
	tap(!policy_may_change(&around, &user, 1001), "another user may not revoke");
	tap(!policy_may_change(&around, &user, 0), "a user may not revoke root's");
	tap(policy_may_change(&around, &fowner, 1001), "CAP_FOWNER may revoke");
	tap(policy_may_change(&around, &admin, 1001), "CAP_SYS_ADMIN may revoke");
	tap(!policy_may_change(&around, &others, 1001), "no other capability may revoke");
	tap(!policy_may_change(&around, &bare_root, 1001), "uid 0 alone may not revoke");
	tap(!policy_may_change(&around, &container_root, 1001),
	    "capabilities in another user namespace may not revoke");
	tap(policy_may_change(&around, &container_root, 1000),
	    "an owner in another user namespace may revoke");
	tap(policy_may_set_state(&around, &admin), "CAP_SYS_ADMIN may set the state");
	tap(!policy_may_set_state(&around, &user), "an owner may not set the state");
	tap(!policy_may_set_state(&around, &others), "no other capability may set it");
	tap(!policy_may_set_state(&around, &container_root),
	    "nor may root of another user namespace");
}

static void test_set(void)
{
	struct identity fowner = user_with(CAP(FOWNER));
	struct identity chown = user_with(CAP(CHOWN));
	struct identity admin = user_with(CAP(SYS_ADMIN));

	tap(policy_may_set_mode(&around, &user, 1000), "an owner may set the mode");
	tap(policy_may_set_mode(&around, &fowner, 0), "CAP_FOWNER may set the mode");
	tap(!policy_may_set_mode(&around, &admin, 0), "CAP_SYS_ADMIN may not set the mode");
	tap(!policy_may_set_mode(&around, &chown, 0), "CAP_CHOWN may not set the mode");
	tap(policy_may_set_owner(&around, &user, 1000), "an owner may set the group");
	tap(policy_may_set_owner(&around, &chown, 0), "CAP_CHOWN may set the owner");
	tap(!policy_may_set_owner(&around, &fowner, 0),
	    "CAP_FOWNER may not take another user's file");
	tap(!policy_may_set_owner(&around, &admin, 0), "nor may CAP_SYS_ADMIN");
}

static void test_see(void)
{
	struct identity ptracer = user_with(CAP(SYS_PTRACE));
	struct identity reader = user_with(CAP(DAC_READ_SEARCH));

	tap(policy_may_see(&around, &user, 1000), "an owner may see the addresses");
	tap(!policy_may_see(&around, &user, 0), "another user may not see them");
	tap(policy_may_see(&around, &ptracer, 0), "CAP_SYS_PTRACE may see them");
	tap(!policy_may_see(&around, &reader, 0), "CAP_DAC_READ_SEARCH may not see them");
}

static void test_give(void)
{
	struct identity chown = user_with(CAP(CHOWN));
	struct identity others = user_with(ALL_CAPS & ~CAP(CHOWN));
	struct identity bare_root = user_with(0);

	bare_root.uid = 0;
	tap(policy_may_give(&around, &chown, 0, 0), "CAP_CHOWN may give to anybody");
	tap(!policy_may_give(&around, &others, 0, 0), "no other capability may");
	tap(!policy_may_give(&around, &bare_root, 1, 1), "uid 0 alone may not");
	tap(policy_may_give(&around, &user, 1000, 1000), "a user may keep a file");
	tap(policy_may_give(&around, &user, 1000, 7), "a user may choose one of their groups");
	tap(!policy_may_give(&around, &user, 1000, 8), "a user may not choose another group");
	tap(!policy_may_give(&around, &user, 1001, 1000), "a user may not give to another");
}

static bool has_obstacle(const struct surroundings *where, const struct identity *who,
			 const char *word)
{
	const char *obstacle = policy_obstacle(where, who);

	return obstacle && strstr(obstacle, word);
}

static void test_obstacles(void)
{
	struct identity other;

	tap(!policy_obstacle(&around, &user), "an ordinary user can be judged");
	other = user_with(ALL_CAPS);
	tap(!policy_obstacle(&around, &other), "so can one with all capabilities");
	other = user;
	other.user_ns = 99;
	tap(has_obstacle(&around, &other, "user namespace"), "a user namespace is in the way");
	other = user;
	other.pid_ns = 99;
	tap(has_obstacle(&around, &other, "PID namespace"), "a PID namespace is in the way");
	other = user;
	strcpy(other.label, "confined");
	tap(has_obstacle(&around, &other, "label"), "a security label is in the way");
	strcpy(other.label, "");
	tap(has_obstacle(&around, &other, "label"), "and so is having none");
	other = user;
	other.no_new_privs = true;
	tap(has_obstacle(&around, &other, "sandbox"), "no_new_privs is in the way");
	other = user;
	other.seccomp = 2;
	tap(has_obstacle(&around, &other, "sandbox"), "a seccomp filter is in the way");
}

static void test_yama(void)
{
	struct surroundings with_yama = around;
	struct identity ptracer = user_with(CAP(SYS_PTRACE));
	struct identity others = user_with(ALL_CAPS & ~CAP(SYS_PTRACE));

	for (with_yama.yama = 1; with_yama.yama <= 3; with_yama.yama++) {
		tap(has_obstacle(&with_yama, &user, "yama"), "Yama %d is in the way",
		    with_yama.yama);
		tap(has_obstacle(&with_yama, &others, "yama"),
		    "Yama %d is in the way of all capabilities but one", with_yama.yama);
		tap(!policy_obstacle(&with_yama, &ptracer),
		    "Yama %d and CAP_SYS_PTRACE are for the kernel to judge", with_yama.yama);
	}
}

int main(void)
{
	test_change();
	test_set();
	test_see();
	test_give();
	test_obstacles();
	test_yama();
	return tap_done();
}
