// SPDX-License-Identifier: GPL-2.0-only
/*
 * The policy file: what it may say, and who gets what by it.
 *
 * Copyright (C) 2026 The remotefs authors
 */
/* Links: remotefsd/rules.c remotefsd/word.c remotefsd/complaint.c */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remotefsd.h"
#include "tap.h"

static bool find_name(const char *name, uint32_t *id)
{
	if (!strcmp(name, "alice"))
		*id = 1000;
	else if (!strcmp(name, "bob"))
		*id = 1001;
	else if (!strcmp(name, "analysts"))
		*id = 50;
	else
		return word_parse_id(name, id);
	return true;
}

static const struct directory_of_names names = { find_name, find_name };

static int read_rules(const char *text, struct rules *rules, struct complaint *why)
{
	FILE *file = fmemopen((void *)text, strlen(text), "r");
	int error = rules_parse(file, rules, why);

	fclose(file);
	return error ? error : rules_resolve(rules, &names, why);
}

static const struct {
	const char *text;
	const char *sentence;
} bad[] = {
	{ "permit any any of any\n", "line 1 of the policy: 'permit' is neither" },
	{ "\n# x\nallow any any of\n", "line 3 of the policy: a rule is written" },
	{ "allow any any any any\n", "line 1 of the policy: a rule is written" },
	{ "allow self any of any\n", "line 1 of the policy: 'self' is nobody" },
	{ "allow user: any of any\n", "line 1 of the policy: 'user:' is nobody" },
	{ "allow alice any of any\n", "line 1 of the policy: 'alice' is nobody" },
	{ "allow any heaps of any\n", "line 1 of the policy: 'heaps' is not memory" },
	{ "allow any heap, of any\n", "line 1 of the policy: '' is not memory" },
	{ "allow any any of any rx\n", "line 1 of the policy: 'rx' has no meaning" },
	{ "deny any any of any ro\n", "line 1 of the policy: 'ro' has no meaning" },
	{ "deny any any of any mode=0400\n", "line 1 of the policy: 'mode=0400' has no" },
	{ "allow any any of any mode=0777\n", "line 1 of the policy: a mode is within" },
	{ "allow any any of any owner=x\n", "line 1 of the policy: an owner is written" },
	{ "deny user:mallory any of any\n", "line 1 of the policy: there is no such user" },
	{ "allow any any of group:none\n", "line 1 of the policy: there is no such user" },
	{ "allow any any of any owner=alice:none\n", "line 1 of the policy: there is no such" },
	{ "allow any any of any ro ro ro ro ro ro ro ro ro ro ro ro\n",
	  "line 1 of the policy: more than 16 words" },
};

static gid_t analyst_groups[] = { 50 };

static const struct identity alice = { .uid = 1000, .gid = 1000 };
static const struct identity analyst = {
	.uid = 1002, .gid = 1002, .groups = analyst_groups, .nr_groups = 1,
};

static const struct owner of_alice = { { 1000, 1000, 1000 }, { 1000, 1000, 1000 } };
static const struct owner of_bob = { { 1001, 1001, 1001 }, { 1001, 1001, 1001 } };
/* A set-user-ID program of bob's that alice runs. */
static const struct owner of_both = { { 1000, 1001, 1001 }, { 1000, 1000, 1000 } };

static const struct decision {
	const char *text;
	const struct identity *who;
	const struct owner *whom;
	enum memory_kind memory;
	bool write;
	int allowed;
} decisions[] = {
	{ "", &alice, &of_alice, MEMORY_HEAP, false, false },
	{ "# only this\n \t\n", &alice, &of_alice, MEMORY_HEAP, false, false },
	{ "allow any any of any rw", &alice, &of_bob, MEMORY_WHOLE, true, true },
	/* Rights */
	{ "allow any any of any", &alice, &of_bob, MEMORY_HEAP, false, true },
	{ "allow any any of any", &alice, &of_bob, MEMORY_HEAP, true, false },
	{ "allow any any of any ro", &alice, &of_bob, MEMORY_HEAP, true, false },
	{ "deny any any of any rw\nallow any any of any rw", &alice, &of_bob, MEMORY_HEAP,
	  true, false },
	{ "deny any any of any rw\nallow any any of any rw", &alice, &of_bob, MEMORY_HEAP,
	  false, true },
	/* The first that fits decides. */
	{ "deny any any of any\nallow any any of any", &alice, &of_bob, MEMORY_HEAP, false, false },
	{ "allow any any of any\ndeny any any of any", &alice, &of_bob, MEMORY_HEAP, false, true },
	/* Who */
	{ "allow user:alice any of any", &alice, &of_bob, MEMORY_HEAP, false, true },
	{ "allow user:1000 any of any", &alice, &of_bob, MEMORY_HEAP, false, true },
	{ "allow user:bob any of any", &alice, &of_bob, MEMORY_HEAP, false, false },
	{ "allow group:analysts any of any", &analyst, &of_bob, MEMORY_HEAP, false, true },
	{ "allow group:1002 any of any", &analyst, &of_bob, MEMORY_HEAP, false, true },
	{ "allow group:analysts any of any", &alice, &of_bob, MEMORY_HEAP, false, false },
	/* Of whom: all of the source's users to be allowed, one to be forbidden */
	{ "allow any any of self", &alice, &of_alice, MEMORY_HEAP, false, true },
	{ "allow any any of self", &alice, &of_bob, MEMORY_HEAP, false, false },
	{ "allow any any of self", &alice, &of_both, MEMORY_HEAP, false, false },
	{ "allow any any of user:bob", &alice, &of_bob, MEMORY_HEAP, false, true },
	{ "allow any any of user:bob", &alice, &of_both, MEMORY_HEAP, false, false },
	{ "deny any any of user:bob\nallow any any of any", &alice, &of_both, MEMORY_HEAP, false,
	  false },
	{ "allow any any of group:1001", &alice, &of_bob, MEMORY_HEAP, false, true },
	{ "allow any any of group:1001", &alice, &of_alice, MEMORY_HEAP, false, false },
	/* What: all of it to be allowed, a part to be forbidden */
	{ "allow any heap,stack of any", &alice, &of_bob, MEMORY_STACK, false, true },
	{ "allow any heap,stack of any", &alice, &of_bob, MEMORY_ANON, false, false },
	{ "allow any heap,stack of any", &alice, &of_bob, MEMORY_ALL, false, false },
	{ "allow any heap,stack,anon of any", &alice, &of_bob, MEMORY_ALL, false, true },
	{ "allow any all of any", &alice, &of_bob, MEMORY_ALL, false, true },
	{ "allow any all of any", &alice, &of_bob, MEMORY_INTERVAL, false, false },
	{ "allow any all of any", &alice, &of_bob, MEMORY_WHOLE, false, false },
	{ "allow any anon of any", &alice, &of_bob, MEMORY_NAMED, false, true },
	{ "allow any named of any", &alice, &of_bob, MEMORY_ANON, false, false },
	{ "deny any stack of any\nallow any any of any", &alice, &of_bob, MEMORY_ALL, false, false },
	{ "deny any stack of any\nallow any any of any", &alice, &of_bob, MEMORY_HEAP, false, true },
	{ "deny any stack of any\nallow any any of any", &alice, &of_bob, MEMORY_WHOLE, false,
	  false },
	{ "deny any stack of any\nallow any any of any", &alice, &of_bob, MEMORY_INTERVAL, false,
	  false },
	{ "deny any named of any\nallow any any of any", &alice, &of_bob, MEMORY_ANON, false,
	  false },
};

static void test_bad(const char *text, const char *sentence)
{
	struct complaint why = { "" };
	struct rules rules;
	int error = read_rules(text, &rules, &why);

	tap(error == EINVAL && !strncmp(why.sentence, sentence, strlen(sentence)),
	    "refuses '%.*s': %s", (int)strcspn(text, "\n"), text, why.sentence);
	rules_release(&rules);
}

static void test_decision(const struct decision *row)
{
	struct complaint why = { "" };
	const struct rule *rule;
	struct rules rules = { 0 };
	bool allowed = false;

	if (!*row->text || !read_rules(row->text, &rules, &why)) {
		rule = rules_decide(&rules, row->who, row->whom, row->memory, row->write);
		allowed = rule && rule->allow;
	}
	tap(allowed == row->allowed, "'%.*s...' %s", (int)strcspn(row->text, "\n"), row->text,
	    row->allowed ? "allows it" : "does not allow it");
	rules_release(&rules);
}

static void test_defaults(void)
{
	static const char text[] = "\nallow any any of any owner=alice:analysts mode=0440\n";
	struct complaint why;
	const struct rule *rule;
	struct rules rules;

	read_rules(text, &rules, &why);
	rule = rules_decide(&rules, &alice, &of_bob, MEMORY_HEAP, false);
	tap(rule && rule->line == 2 && rule->uid == 1000 && rule->gid == 50 && rule->mode == 0440,
	    "a rule has defaults for owner and mode");
	rules_release(&rules);
}

static int load(const char *path, mode_t mode, bool *narrow)
{
	struct complaint why = { "" };
	struct rules rules;
	int error;

	if (mode && chmod(path, mode))
		return -1;
	error = rules_load(path, &rules, narrow, &why);
	rules_release(&rules);
	return error;
}

static void test_load(void)
{
	char path[] = "/tmp/remotefs-rules-XXXXXX";
	int fd = mkstemp(path);
	bool narrow;

	tap(fd >= 0 && write(fd, "allow any any of any\n", 21) == 21, "a file can be made");
	close(fd);
	if (!getuid())
		tap(!load(path, 0644, &narrow) && narrow, "root's file is followed");
	else
		tap(load(path, 0644, &narrow) == EACCES, "a file that is not root's forbids all");
	tap(load(path, 0664, &narrow) == EACCES, "a file that a group can write forbids all");
	tap(load(path, 0646, &narrow) == EACCES, "a file that all can write forbids all");
	unlink(path);
	tap(!load(path, 0, &narrow) && !narrow, "no file narrows nothing");
	tap(load("/dev/null", 0, &narrow) == EACCES && narrow, "a device forbids all");
	tap(load("/etc/passwd/x", 0, &narrow) == EACCES && narrow,
	    "a path that leads nowhere forbids all");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		test_bad(bad[i].text, bad[i].sentence);
	for (size_t i = 0; i < sizeof(decisions) / sizeof(*decisions); i++)
		test_decision(&decisions[i]);
	test_defaults();
	test_load();
	return tap_done();
}
