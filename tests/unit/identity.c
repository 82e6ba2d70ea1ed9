// SPDX-License-Identifier: GPL-2.0-only
/*
 * Credentials read from /proc, and when two of them are the same.
 *
 * Copyright (C) 2026 The remotefs authors
 */
/* Links: remotefsd/identity.c */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remotefsd.h"
#include "tap.h"

#define STATUS_HEAD "Name:\tUid: 9 9 9 9\nUmask:\t0022\nState:\tS (sleeping)\n"
#define STATUS_IDS "Tgid:\t42\nPid:\t43\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"
#define STATUS_GROUPS "Groups:\t10 4294967294 \n"
#define STATUS_CAPS "CapPrm:\t000001ffffffffff\nCapEff:\t0000000000080400\n"
#define STATUS_TAIL "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n"
#define STATUS STATUS_HEAD STATUS_IDS STATUS_GROUPS STATUS_CAPS STATUS_TAIL

static int parse(const char *text, struct identity *identity)
{
	FILE *status = fmemopen((char *)text, strlen(text), "r");
	int error;

	*identity = (struct identity){ 0 };
	error = identity_parse_status(status, identity);
	fclose(status);
	return error;
}

static void test_status(void)
{
	struct identity id;
	int error = parse(STATUS, &id);

	tap(!error, "a status file is understood");
	tap(id.tgid == 42, "the process is the thread group");
	tap(id.uid == 4 && id.gid == 8, "the IDs are those of file access");
	tap(id.caps == 0x80400, "the capabilities are the effective ones");
	tap(id.nr_groups == 2 && id.groups[0] == 10 && id.groups[1] == 4294967294,
	    "the groups are all there");
	tap(id.no_new_privs && id.seccomp == 2, "sandboxes are seen");
	identity_release(&id);
}

static void test_missing(void)
{
	static const struct {
		const char *what;
		const char *text;
	} rows[] = {
		{ "nothing", "" },
		{ "no IDs", STATUS_HEAD STATUS_GROUPS STATUS_CAPS STATUS_TAIL },
		{ "no groups", STATUS_HEAD STATUS_IDS STATUS_CAPS STATUS_TAIL },
		{ "no capabilities", STATUS_HEAD STATUS_IDS STATUS_GROUPS STATUS_TAIL },
		{ "no sandbox flags", STATUS_HEAD STATUS_IDS STATUS_GROUPS STATUS_CAPS },
		{ "broken IDs", STATUS_HEAD "Uid:\t1\t2\n" STATUS_GROUPS STATUS_CAPS STATUS_TAIL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct identity id;

		tap(parse(rows[i].text, &id), "a status file with %s is refused", rows[i].what);
		identity_release(&id);
	}
}

static void test_no_groups(void)
{
	struct identity id;
	int error = parse(STATUS_IDS "Groups:\t \n" STATUS_CAPS STATUS_TAIL, &id);

	tap(!error && !id.nr_groups, "an empty list of groups is one");
	identity_release(&id);
}

/* Each row changes one thing that must make a difference. */
static void test_equal(void)
{
	gid_t groups[] = { 1, 2 };
	gid_t other_groups[] = { 1, 3 };
	const struct identity base = { .uid = 1, .groups = groups, .nr_groups = 2, .label = "a" };
	struct identity changed[10];
	static const char *const names[] = {
		"uid", "gid", "number of groups", "group", "capabilities", "no_new_privs",
		"seccomp", "user namespace", "PID namespace", "label",
	};
	struct identity same = base;

	for (size_t i = 0; i < 10; i++)
		changed[i] = base;
	changed[0].uid = 0;
	changed[1].gid = 9;
	changed[2].nr_groups = 1;
	changed[3].groups = other_groups;
	changed[4].caps = 1ULL << 40;
	changed[5].no_new_privs = true;
	changed[6].seccomp = 2;
	changed[7].user_ns = 9;
	changed[8].pid_ns = 9;
	strcpy(changed[9].label, "b");
	for (size_t i = 0; i < 10; i++)
		tap(!identity_equal(&base, &changed[i]), "another %s is another identity", names[i]);
	same.tgid = 77;
	tap(identity_equal(&base, &same), "another process may be the same identity");
}

static void test_self(void)
{
	struct identity id;
	int error = identity_read(getpid(), &id);

	tap(!error && id.uid == geteuid() && id.gid == getegid() && id.tgid == getpid(),
	    "this very process is recognised");
	identity_release(&id);
	tap(identity_read(0, &id), "there is no process 0");
	identity_release(&id);
}

int main(void)
{
	test_status();
	test_missing();
	test_no_groups();
	test_equal();
	test_self();
	return tap_done();
}
