// SPDX-License-Identifier: GPL-2.0-only
/*
 * The grammar of the control files: one line of text in, one structure out.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * command_grammar says what the lines look like.
 *
 * Nothing here looks at the system: the same text always gives the same
 * answer.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <linux/remotefs.h>

#include "remotefsd.h"

#define PAGE_SIZE 4096
#define MAX_WORDS 16

/* What "help" answers. */
const char command_grammar[] =
	"add PID WHAT [ro|rw] [owner=USER:GROUP] [mode=0NNN] [onexit=bus|zero] [fd=N]\n"
	"add PID 0xSTART-0xEND into=map-N [at=0xOFFSET] [ro|rw] [onexit=bus|zero] [fd=N]\n"
	"revoke PID | FILE | all\n"
	"unmap FILE 0xSTART-0xEND [fd=N]\n"
	"allow FILE 0xSTART-0xEND rw [fd=N]\n"
	"lock PID | FILE [fd=N]\n"
	"chmod 0NNN PID | FILE\n"
	"chown USER:GROUP PID | FILE\n"
	"watch PID WHAT [fd=N]\n"
	"unwatch PID\n"
	"help\n"
	"\n"
	"WHAT: heap | stack | anon | all | as | 0xSTART-0xEND | [anon:NAME]\n"
	"FILE: PID/map-N | PID/as\n";

struct words {
	char text[COMMAND_SIZE];
	char *word[MAX_WORDS + 1];	/* ends with NULL */
	unsigned int count;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The name in [anon:NAME] may have blanks: such a word ends with its bracket. */
static char *word_end(char *word)
{
	char *bracket = *word == '[' ? strchr(word, ']') : NULL;
	char *end = bracket ? bracket : word;

	while (*end && !is_blank(*end))
		end++;
	return end;
}

static int split_words(struct words *words, struct complaint *why)
{
	char *next = words->text;

	for (;;) {
		while (is_blank(*next))
			*next++ = '\0';
		if (!*next)
			break;
		if (words->count == MAX_WORDS)
			return complain(why, EINVAL, "more than %d words", MAX_WORDS);
		words->word[words->count++] = next;
		next = word_end(next);
	}
	words->word[words->count] = NULL;
	return words->count ? 0 : complain(why, EINVAL, "an empty command");
}

static int copy_line(struct words *words, const char *text, size_t length, struct complaint *why)
{
	if (length && text[length - 1] == '\n')
		length--;
	if (length >= COMMAND_SIZE)
		return complain(why, EINVAL, "%d bytes or more", COMMAND_SIZE);
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n')
			return complain(why, EINVAL, "more than one line");
		if (text[i] != '\t' && (text[i] < ' ' || text[i] > '~'))
			return complain(why, EINVAL, "a byte that is not printable ASCII");
	}
	memcpy(words->text, text, length);
	words->text[length] = '\0';
	words->count = 0;
	return 0;
}

static int parse_interval(char *word, struct memory *memory, struct complaint *why)
{
	char *dash = strchr(word, '-');

	if (dash)
		*dash = '\0';
	if (!dash || !word_parse_address(word, &memory->start) || !word_parse_address(dash + 1, &memory->end))
		return complain(why, EINVAL, "an interval is written 0xSTART-0xEND");
	if (memory->start >= memory->end)
		return complain(why, EINVAL, "the interval is empty or runs backwards");
	if ((memory->start | memory->end) % PAGE_SIZE)
		return complain(why, EINVAL, "the interval is not made of whole pages");
	memory->kind = MEMORY_INTERVAL;
	return 0;
}

static int parse_name(const char *word, struct memory *memory, struct complaint *why)
{
	size_t length = strlen(word);

	if (strncmp(word, "[anon:", 6) || length < 8 || word[length - 1] != ']')
		return complain(why, EINVAL, "a name is written [anon:NAME]");
	if (length >= sizeof(memory->name))
		return complain(why, EINVAL, "the name is too long");
	memcpy(memory->name, word, length + 1);
	memory->kind = MEMORY_NAMED;
	return 0;
}

static int parse_memory(char *word, struct memory *memory, struct complaint *why)
{
	static const struct {
		const char *word;
		enum memory_kind kind;
	} kinds[] = {
		{ "heap", MEMORY_HEAP },
		{ "stack", MEMORY_STACK },
		{ "anon", MEMORY_ANON },
		{ "all", MEMORY_ALL },
		{ "as", MEMORY_WHOLE },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!strcmp(word, kinds[i].word)) {
			memory->kind = kinds[i].kind;
			return 0;
		}
	}
	if (*word == '[')
		return parse_name(word, memory, why);
	if (!strncmp(word, "0x", 2))
		return parse_interval(word, memory, why);
	return complain(why, EINVAL, "'%.60s' is not memory that can be named", word);
}

static int parse_pid(const char *word, struct command *command, struct complaint *why)
{
	if (!word_parse_pid(word, &command->pid))
		return complain(why, EINVAL, "'%.60s' is not a PID", word);
	return 0;
}

/* PID/map-N or PID/as. */
static int parse_file(char *word, struct command *command, struct complaint *why)
{
	char *slash = strchr(word, '/');

	*slash = '\0';
	if (!word_parse_map(slash + 1, &command->map))
		return complain(why, EINVAL, "'%.60s' is not the name of a map file", slash + 1);
	command->scope = SCOPE_FILE;
	return parse_pid(word, command, why);
}

/* PID or FILE. */
static int parse_target(char *word, struct command *command, struct complaint *why)
{
	if (strchr(word, '/'))
		return parse_file(word, command, why);
	command->scope = SCOPE_PROCESS;
	return parse_pid(word, command, why);
}

static int option_owner(const char *value, struct command *command, struct complaint *why)
{
	return word_parse_owner(value, command->owner_user, command->owner_group, why);
}

static int option_mode(const char *value, struct command *command, struct complaint *why)
{
	return word_parse_mode(value, &command->mode, why);
}

static int option_ro(const char *value, struct command *command, struct complaint *why)
{
	(void)value;
	(void)why;
	command->write = false;
	return 0;
}

static int option_rw(const char *value, struct command *command, struct complaint *why)
{
	(void)value;
	(void)why;
	command->write = true;
	return 0;
}

static int option_onexit(const char *value, struct command *command, struct complaint *why)
{
	command->zero = !strcmp(value, "zero");
	if (command->zero || !strcmp(value, "bus"))
		return 0;
	return complain(why, EINVAL, "onexit= takes bus or zero");
}

static int option_fd(const char *value, struct command *command, struct complaint *why)
{
	uint64_t fd;

	if (!word_parse_number(value, INT_MAX, &fd))
		return complain(why, EINVAL, "'%.60s' is not a file descriptor", value);
	command->fd = fd;
	return 0;
}

static int option_into(const char *value, struct command *command, struct complaint *why)
{
	if (!word_parse_map(value, &command->map) || command->map == REMOTEFS_MAP_AS)
		return complain(why, EINVAL, "into= takes the name of a map file, as map-0");
	command->into = true;
	return 0;
}

static int option_at(const char *value, struct command *command, struct complaint *why)
{
	if (!word_parse_address(value, &command->at) || command->at % PAGE_SIZE)
		return complain(why, EINVAL, "at= takes an offset of whole pages, as 0x1000");
	return 0;
}

static int option_label(const char *value, struct command *command, struct complaint *why)
{
	(void)value;
	(void)command;
	return complain(why, EOPNOTSUPP, "label= is not in this release");
}

enum {
	GIVEN_RIGHTS	= 1 << 0,
	GIVEN_OWNER	= 1 << 1,
	GIVEN_MODE	= 1 << 2,
	GIVEN_ONEXIT	= 1 << 3,
	GIVEN_FD	= 1 << 4,
	GIVEN_LABEL	= 1 << 5,
	GIVEN_INTO	= 1 << 6,
	GIVEN_AT	= 1 << 7,
};

static const struct option {
	const char *word;	/* with a value if it ends with "=" */
	unsigned int given;	/* options that share a bit exclude each other */
	int (*take)(const char *value, struct command *command, struct complaint *why);
} options[] = {
	{ "ro",		GIVEN_RIGHTS,	option_ro },
	{ "rw",		GIVEN_RIGHTS,	option_rw },
	{ "owner=",	GIVEN_OWNER,	option_owner },
	{ "mode=",	GIVEN_MODE,	option_mode },
	{ "onexit=",	GIVEN_ONEXIT,	option_onexit },
	{ "fd=",	GIVEN_FD,	option_fd },
	{ "label=",	GIVEN_LABEL,	option_label },
	{ "into=",	GIVEN_INTO,	option_into },
	{ "at=",	GIVEN_AT,	option_at },
};

static const struct option *find_option(const char *word)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		const char *name = options[i].word;
		size_t length = strlen(name);

		if (name[length - 1] == '=' ? !strncmp(word, name, length) : !strcmp(word, name))
			return &options[i];
	}
	return NULL;
}

static int parse_options(char **words, unsigned int allowed, struct command *command,
			 struct complaint *why)
{
	for (; *words; words++) {
		const struct option *option = find_option(*words);
		int error;

		if (!option || !(option->given & allowed))
			return complain(why, EINVAL, "'%.60s' has no meaning here", *words);
		if (command->given & option->given)
			return complain(why, EINVAL, "'%s' is said twice", option->word);
		command->given |= option->given;
		error = option->take(*words + strlen(option->word), command, why);
		if (error)
			return error;
	}
	return 0;
}

/* A range that joins a map file takes that file's owner and mode. */
static int check_into(const struct command *command, struct complaint *why)
{
	if (!command->into)
		return command->given & GIVEN_AT ?
			complain(why, EINVAL, "at= goes with into=") : 0;
	if (command->given & (GIVEN_OWNER | GIVEN_MODE))
		return complain(why, EINVAL, "the map file has its owner and mode already");
	if (command->memory.kind != MEMORY_INTERVAL)
		return complain(why, EINVAL, "into= takes one interval, 0xSTART-0xEND");
	return 0;
}

static int parse_add(struct words *words, struct command *command, struct complaint *why)
{
	int error;

	if (words->count < 3)
		return complain(why, EINVAL, "usage: add PID WHAT [OPTION...]");
	command->scope = SCOPE_PROCESS;
	error = parse_pid(words->word[1], command, why);
	if (!error)
		error = parse_memory(words->word[2], &command->memory, why);
	if (!error)
		error = parse_options(&words->word[3], ~0U, command, why);
	if (!error)
		error = check_into(command, why);
	return error;
}

static int parse_revoke(struct words *words, struct command *command, struct complaint *why)
{
	if (words->count != 2)
		return complain(why, EINVAL, "usage: revoke PID | PID/map-N | PID/as | all");
	if (strcmp(words->word[1], "all"))
		return parse_target(words->word[1], command, why);
	command->scope = SCOPE_ALL;
	return 0;
}

/* FILE 0xSTART-0xEND [OPTION...] */
static int parse_part(struct words *words, unsigned int allowed, struct command *command,
		      struct complaint *why)
{
	int error = parse_file(words->word[1], command, why);

	if (!error)
		error = parse_interval(words->word[2], &command->memory, why);
	if (!error)
		error = parse_options(&words->word[3], allowed, command, why);
	return error;
}

static int parse_allow(struct words *words, struct command *command, struct complaint *why)
{
	int error;

	if (words->count < 4 || !strchr(words->word[1], '/'))
		return complain(why, EINVAL,
				"usage: allow PID/map-N | PID/as 0xSTART-0xEND rw [fd=N]");
	error = parse_part(words, GIVEN_RIGHTS | GIVEN_FD, command, why);
	if (!error && !command->write)
		return complain(why, EINVAL, "allow can only say rw");
	return error;
}

static int parse_unmap(struct words *words, struct command *command, struct complaint *why)
{
	if (words->count < 3 || !strchr(words->word[1], '/'))
		return complain(why, EINVAL, "usage: unmap PID/map-N 0xSTART-0xEND [fd=N]");
	return parse_part(words, GIVEN_FD, command, why);
}

static int parse_lock(struct words *words, struct command *command, struct complaint *why)
{
	int error;

	if (words->count < 2)
		return complain(why, EINVAL, "usage: lock PID | PID/map-N | PID/as [fd=N]");
	error = parse_target(words->word[1], command, why);
	return error ? error : parse_options(&words->word[2], GIVEN_FD, command, why);
}

static int parse_chmod(struct words *words, struct command *command, struct complaint *why)
{
	int error;

	if (words->count != 3)
		return complain(why, EINVAL, "usage: chmod 0NNN PID | PID/map-N | PID/as");
	error = option_mode(words->word[1], command, why);
	return error ? error : parse_target(words->word[2], command, why);
}

static int parse_chown(struct words *words, struct command *command, struct complaint *why)
{
	int error;

	if (words->count != 3)
		return complain(why, EINVAL, "usage: chown USER:GROUP PID | PID/map-N | PID/as");
	error = option_owner(words->word[1], command, why);
	return error ? error : parse_target(words->word[2], command, why);
}

static int parse_help(struct words *words, struct command *command, struct complaint *why)
{
	command->scope = SCOPE_ALL;
	return words->count == 1 ? 0 : complain(why, EINVAL, "usage: help");
}

static int parse_watch(struct words *words, struct command *command, struct complaint *why)
{
	int error;

	if (words->count < 3)
		return complain(why, EINVAL, "usage: watch PID WHAT [fd=N]");
	command->scope = SCOPE_PROCESS;
	error = parse_pid(words->word[1], command, why);
	if (!error)
		error = parse_memory(words->word[2], &command->memory, why);
	return error ? error : parse_options(&words->word[3], GIVEN_FD, command, why);
}

static int parse_unwatch(struct words *words, struct command *command, struct complaint *why)
{
	if (words->count != 2)
		return complain(why, EINVAL, "usage: unwatch PID");
	command->scope = SCOPE_PROCESS;
	return parse_pid(words->word[1], command, why);
}

static const struct verb {
	const char *word;
	enum command_verb verb;
	int (*parse)(struct words *words, struct command *command, struct complaint *why);
} verbs[] = {
	{ "add",	COMMAND_ADD,	parse_add },
	{ "revoke",	COMMAND_REVOKE,	parse_revoke },
	{ "allow",	COMMAND_ALLOW,	parse_allow },
	{ "unmap",	COMMAND_UNMAP,	parse_unmap },
	{ "lock",	COMMAND_LOCK,	parse_lock },
	{ "chmod",	COMMAND_CHMOD,	parse_chmod },
	{ "chown",	COMMAND_CHOWN,	parse_chown },
	{ "help",	COMMAND_HELP,	parse_help },
	{ "watch",	COMMAND_WATCH,	parse_watch },
	{ "unwatch",	COMMAND_UNWATCH, parse_unwatch },
};

/**
 * command_parse - understand one command
 * @text:	what was written, not terminated; one newline may end it
 * @length:	how much of it
 * @command:	the result
 * @why:	with an error, the sentence for the requester
 *
 * Return: 0; EINVAL if it is malformed, EOPNOTSUPP if it belongs to the
 * grammar but not to this release.
 */
int command_parse(const char *text, size_t length, struct command *command,
		  struct complaint *why)
{
	struct words words;
	int error;

	*command = (struct command){ .fd = -1 };
	error = copy_line(&words, text, length, why);
	if (!error)
		error = split_words(&words, why);
	if (error)
		return error;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (!strcmp(words.word[0], verbs[i].word)) {
			command->verb = verbs[i].verb;
			return verbs[i].parse(&words, command, why);
		}
	}
	return complain(why, EINVAL, "'%.60s' is not a command", words.word[0]);
}
