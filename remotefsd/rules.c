// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the administrator's file says of who may expose what.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * One rule a line; the first that fits decides; where none fits, it is denied.
 * Rules can only forbid what the kernel allows: they are asked after it was.
 * Where there is no file, there are no rules.  A file that cannot be understood,
 * or that others than root could have written, forbids everything.
 *
 * What is doubtful goes against the requester: to be allowed, all of the memory
 * and all of the source's users must fit; to be forbidden, one is enough.
 *
 * Reading, finding the numbers of names, and deciding are three steps, of which
 * the first and the last look at nothing but their arguments.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remotefsd.h"

#define MAX_WORDS 16
#define ALL_MEMORY (~0U)

struct fields {
	char *word[MAX_WORDS + 1];	/* ends with NULL */
	unsigned int count;
};

static int split(char *line, struct fields *fields, struct complaint *why)
{
	char *word;

	line[strcspn(line, "#\n")] = '\0';
	fields->count = 0;
	while ((word = strtok_r(line, " \t", &line))) {
		if (fields->count == MAX_WORDS)
			return complain(why, EINVAL, "more than %d words", MAX_WORDS);
		fields->word[fields->count++] = word;
	}
	fields->word[fields->count] = NULL;
	return 0;
}

static int parse_party(const char *word, bool may_be_self, struct party *party,
		       struct complaint *why)
{
	static const struct {
		const char *prefix;
		enum party_kind kind;
	} prefixes[] = {
		{ "user:", PARTY_USER },
		{ "group:", PARTY_GROUP },
	};

	*party = (struct party){ PARTY_ANY, "", 0 };
	if (!strcmp(word, "any"))
		return 0;
	party->kind = PARTY_SELF;
	if (may_be_self && !strcmp(word, "self"))
		return 0;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		size_t length = strlen(prefixes[i].prefix);

		if (strncmp(word, prefixes[i].prefix, length) || !word[length] ||
		    strlen(word + length) >= sizeof(party->name))
			continue;
		party->kind = prefixes[i].kind;
		strcpy(party->name, word + length);
		return 0;
	}
	return complain(why, EINVAL, "'%.60s' is nobody that can be named", word);
}

/* heap,stack,... */
static int parse_memory(char *list, unsigned int *memory, struct complaint *why)
{
	static const struct {
		const char *word;
		unsigned int memory;
	} kinds[] = {
		{ "any", ALL_MEMORY },
		{ "heap", 1 << MEMORY_HEAP },
		{ "stack", 1 << MEMORY_STACK },
		{ "anon", 1 << MEMORY_ANON },
		{ "all", 1 << MEMORY_HEAP | 1 << MEMORY_STACK | 1 << MEMORY_ANON },
		{ "as", 1 << MEMORY_WHOLE },
		{ "interval", 1 << MEMORY_INTERVAL },
		{ "named", 1 << MEMORY_NAMED },
		{ "remote", 1 << MEMORY_REMOTE },
	};
	char *word;

	*memory = 0;
	while ((word = strsep(&list, ","))) {
		unsigned int found = 0;

		for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
			if (!strcmp(word, kinds[i].word))
				found = kinds[i].memory;
		if (!found)
			return complain(why, EINVAL, "'%.60s' is not memory that can be named",
					word);
		*memory |= found;
	}
	return 0;
}

static int parse_option(const char *word, struct rule *rule, struct complaint *why)
{
	if (!strcmp(word, "ro") && rule->allow)
		return 0;
	if (!strcmp(word, "rw")) {
		rule->write = true;
		return 0;
	}
	if (!strncmp(word, "owner=", 6) && rule->allow)
		return word_parse_owner(word + 6, rule->owner_user, rule->owner_group, why);
	if (!strncmp(word, "mode=", 5) && rule->allow)
		return word_parse_mode(word + 5, &rule->mode, why);
	return complain(why, EINVAL, "'%.60s' has no meaning here", word);
}

/* allow|deny WHO WHAT of WHOM [OPTION...] */
static int parse_rule(struct fields *fields, struct rule *rule, struct complaint *why)
{
	char **word = fields->word;
	int error;

	rule->allow = !strcmp(word[0], "allow");
	if (!rule->allow && strcmp(word[0], "deny"))
		return complain(why, EINVAL, "'%.60s' is neither allow nor deny", word[0]);
	if (fields->count < 5 || strcmp(word[3], "of"))
		return complain(why, EINVAL, "a rule is written: allow|deny WHO WHAT of WHOM");
	error = parse_party(word[1], false, &rule->who, why);
	if (!error)
		error = parse_memory(word[2], &rule->memory, why);
	if (!error)
		error = parse_party(word[4], true, &rule->whom, why);
	for (unsigned int i = 5; i < fields->count && !error; i++)
		error = parse_option(word[i], rule, why);
	return error;
}

static int add_rule(struct rules *rules, const struct rule *rule)
{
	struct rule *grown = reallocarray(rules->items, rules->count + 1, sizeof(*grown));

	if (!grown)
		return ENOMEM;
	rules->items = grown;
	grown[rules->count++] = *rule;
	return 0;
}

static int parse_line(char *line, size_t length, unsigned int number, struct rules *rules,
		      struct complaint *why)
{
	struct rule rule = { .line = number };
	struct complaint reason = { "a NUL" };
	struct fields fields;
	int error = strlen(line) == length ? 0 : EINVAL;

	if (!error)
		error = split(line, &fields, &reason);
	if (!error && fields.count) {
		error = parse_rule(&fields, &rule, &reason);
		if (!error && add_rule(rules, &rule))
			return complain(why, ENOMEM, "%s", strerror(ENOMEM));
	}
	if (error)
		return complain(why, error, "line %u of the policy: %.200s", number,
				reason.sentence);
	return 0;
}

/**
 * rules_parse - read rules
 * @file:	where from
 * @rules:	receives them; to be released even after an error
 * @why:	with an error, the sentence that says where it is
 *
 * Return: 0, or EINVAL, EIO or ENOMEM.
 */
int rules_parse(FILE *file, struct rules *rules, struct complaint *why)
{
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	int error = 0;

	*rules = (struct rules){ 0 };
	while (!error && (length = getline(&line, &size, file)) > 0)
		error = parse_line(line, length, ++number, rules, why);
	free(line);
	if (!error && ferror(file))
		error = complain(why, EIO, "the policy cannot be read");
	return error;
}

/**
 * rules_release - free what rules hold
 * @rules:	the rules
 */
void rules_release(struct rules *rules)
{
	free(rules->items);
	*rules = (struct rules){ 0 };
}

static bool find_system_user(const char *name, uint32_t *uid)
{
	const struct passwd *user;

	if (word_parse_id(name, uid))
		return true;
	user = getpwnam(name);
	if (user)
		*uid = user->pw_uid;
	return user;
}

static bool find_system_group(const char *name, uint32_t *gid)
{
	const struct group *group;

	if (word_parse_id(name, gid))
		return true;
	group = getgrnam(name);
	if (group)
		*gid = group->gr_gid;
	return group;
}

const struct directory_of_names rules_system_names = {
	.user = find_system_user,
	.group = find_system_group,
};

static bool resolve_party(struct party *party, const struct directory_of_names *names)
{
	if (party->kind == PARTY_USER)
		return names->user(party->name, &party->id);
	return party->kind != PARTY_GROUP || names->group(party->name, &party->id);
}

/**
 * rules_resolve - find the numbers of all names
 * @rules:	the rules
 * @names:	who knows the numbers
 * @why:	with an error, the sentence that says where it is
 *
 * A rule against somebody who is not known must not go unnoticed.
 *
 * Return: 0, or EINVAL.
 */
int rules_resolve(struct rules *rules, const struct directory_of_names *names,
		  struct complaint *why)
{
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = &rules->items[i];
		bool known = resolve_party(&rule->who, names) && resolve_party(&rule->whom, names);

		if (known && *rule->owner_user)
			known = names->user(rule->owner_user, &rule->uid) &&
				names->group(rule->owner_group, &rule->gid);
		if (!known)
			return complain(why, EINVAL,
					"line %u of the policy: there is no such user or group",
					rule->line);
	}
	return 0;
}

static bool fits_requester(const struct party *who, const struct identity *requester)
{
	bool member = requester->gid == who->id;

	if (who->kind == PARTY_USER)
		return requester->uid == who->id;
	for (size_t i = 0; i < requester->nr_groups; i++)
		member = member || requester->groups[i] == who->id;
	return who->kind == PARTY_ANY || member;
}

/* How many of real, effective and saved are @id. */
static unsigned int count_ids(const uint32_t ids[3], uint32_t id)
{
	return (ids[0] == id) + (ids[1] == id) + (ids[2] == id);
}

static bool fits_source(const struct rule *rule, const struct identity *requester,
			const struct owner *source)
{
	const struct party *whom = &rule->whom;
	unsigned int count;

	if (whom->kind == PARTY_ANY)
		return true;
	if (whom->kind == PARTY_GROUP)
		count = count_ids(source->gids, whom->id);
	else
		count = count_ids(source->uids,
				  whom->kind == PARTY_SELF ? requester->uid : whom->id);
	return rule->allow ? count == 3 : count > 0;
}

/* What is meant by its kind, or by addresses, may be of other kinds as well. */
static unsigned int widest(unsigned int memory)
{
	if (memory & (1 << MEMORY_WHOLE | 1 << MEMORY_INTERVAL))
		return ALL_MEMORY;
	if (memory & (1 << MEMORY_ANON | 1 << MEMORY_NAMED))
		return memory | 1 << MEMORY_ANON | 1 << MEMORY_NAMED;
	return memory;
}

static bool fits_memory(const struct rule *rule, enum memory_kind kind)
{
	unsigned int asked = 1 << kind;
	unsigned int allowed = rule->memory;

	if (kind == MEMORY_ALL)
		asked = 1 << MEMORY_HEAP | 1 << MEMORY_STACK | 1 << MEMORY_ANON;
	if (!rule->allow)
		return widest(asked) & rule->memory;
	if (allowed & 1 << MEMORY_ANON)
		allowed |= 1 << MEMORY_NAMED;
	return !(asked & ~allowed);
}

static bool fits_rights(const struct rule *rule, bool write)
{
	return rule->allow ? rule->write || !write : write || !rule->write;
}

/**
 * rules_decide - the rule that decides
 * @rules:	the rules, their names resolved
 * @requester:	who wants to expose memory
 * @source:	whose process it is
 * @memory:	which memory
 * @write:	whether it is to be written through
 *
 * Return: the first rule that fits, or NULL if none does, which is a no.
 */
const struct rule *rules_decide(const struct rules *rules, const struct identity *requester,
				const struct owner *source, enum memory_kind memory, bool write)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->items[i];

		if (fits_requester(&rule->who, requester) &&
		    fits_source(rule, requester, source) && fits_memory(rule, memory) &&
		    fits_rights(rule, write))
			return rule;
	}
	return NULL;
}

static bool is_trustworthy(FILE *file)
{
	struct stat st;

	return !fstat(fileno(file), &st) && S_ISREG(st.st_mode) && !st.st_uid &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/**
 * rules_load - read the administrator's file
 * @path:	where it is
 * @rules:	receives the rules
 * @narrow:	receives false if there is no file
 * @why:	with an error, the sentence for the requester
 *
 * It is read for each command anew, so that what it says counts at once.
 *
 * Return: 0, or EACCES if the file cannot be followed.
 */
int rules_load(const char *path, struct rules *rules, bool *narrow, struct complaint *why)
{
	FILE *file = fopen(path, "re");
	int error;

	*rules = (struct rules){ 0 };
	*narrow = file || errno != ENOENT;
	if (!*narrow)
		return 0;
	if (!file || !is_trustworthy(file)) {
		error = complain(why, EINVAL, "the policy is not root's alone to write");
	} else {
		error = rules_parse(file, rules, why);
		if (!error)
			error = rules_resolve(rules, &rules_system_names, why);
	}
	if (file)
		fclose(file);
	if (error)
		rules_release(rules);
	return error ? EACCES : 0;
}
