// SPDX-License-Identifier: GPL-2.0-only
/*
 * Damaged policies: whatever is understood decides, and allows no more than one
 * of its rules does; whatever is not has a sentence with the number of a line.
 *
 * Copyright (C) 2026 The remotefs authors
 */
/* Links: remotefsd/rules.c remotefsd/word.c remotefsd/complaint.c */
/* Sanitize: yes */
#include <errno.h>

#include "fuzz.h"
#include "remotefsd.h"

static bool knows_all(const char *name, uint32_t *id)
{
	return word_parse_id(name, id) || (*id = strlen(name));
}

static const struct directory_of_names names = { knows_all, knows_all };

static bool rule_is_sound(const struct rule *rule)
{
	return rule->line && rule->memory && !(rule->mode & ~0666) &&
	       !*rule->owner_user == !*rule->owner_group &&
	       strlen(rule->who.name) < sizeof(rule->who.name) &&
	       strlen(rule->whom.name) < sizeof(rule->whom.name) &&
	       rule->who.kind != PARTY_SELF;
}

static bool decisions_are_sound(const struct rules *rules)
{
	gid_t groups[] = { 4 };
	const struct identity requester = {
		.uid = 5, .gid = 5, .groups = groups, .nr_groups = 1,
	};
	const struct owner source = { { 5, 5, 0 }, { 5, 5, 5 } };

	for (int memory = MEMORY_HEAP; memory <= MEMORY_NAMED; memory++) {
		const struct rule *read = rules_decide(rules, &requester, &source, memory, false);
		const struct rule *write = rules_decide(rules, &requester, &source, memory, true);

		if ((read && !rule_is_sound(read)) || (write && !rule_is_sound(write)))
			return false;
		/* One of its users is another. */
		if (read && read->allow && read->whom.kind == PARTY_SELF)
			return false;
		if (write && write->allow && !write->write)
			return false;
	}
	return true;
}

static bool fuzz_one(const char *text, size_t length)
{
	FILE *file = length ? fmemopen((void *)text, length, "r") : NULL;
	struct complaint why = { "" };
	struct rules rules;
	bool sound;
	int error;

	if (!file)
		return true;
	error = rules_parse(file, &rules, &why);
	fclose(file);
	if (error)
		sound = error == EINVAL && !strncmp(why.sentence, "line ", 5);
	else
		sound = !rules_resolve(&rules, &names, &why) && decisions_are_sound(&rules);
	rules_release(&rules);
	return sound;
}

#ifndef LIBFUZZER

static const char *const seeds[] = {
	"allow any any of any rw\n", "deny user:bob heap,stack of group:adm rw\n",
	"# nothing\n\nallow group:4 anon of self owner=root:adm mode=0440\n",
	"allow user:5 as,interval,named of user:5\ndeny any any of any\n",
	"allow any all of self ro\nallow any stack of any # why\n",
};

static const char pieces[] = " \t\n#,:=/0459aeginrswy\0\x7f\xff";

int main(void)
{
	static const struct fuzz fuzz = {
		.seeds = seeds,
		.nr_seeds = sizeof(seeds) / sizeof(*seeds),
		.pieces = pieces,
		.nr_pieces = sizeof(pieces) - 1,
		.rounds = 300000,
	};

	return fuzz_run(&fuzz, "policies");
}

#endif /* LIBFUZZER */
