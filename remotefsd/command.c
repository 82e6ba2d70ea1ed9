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
	"add PID WHAT [ro|rw] [label=S] [owner=USER:GROUP] [mode=0NNN] [onexit=bus|zero] [fd=N]\n"
	"add PID 0xSTART-0xEND into=map-N [at=0xOFFSET] [ro|rw] [onexit=bus|zero] [fd=N]\n"
	"new PID SIZE [ro|rw] [PLACE] [owner=USER:GROUP] [mode=0NNN] [onexit=bus|zero] [fd=N]\n"
	"mmap PID SIZE none|ro|rw [PLACE] [replace] [fd=N]\n"
	"munmap PID 0xSTART-0xEND [fd=N]\n"
	"discard PID 0xSTART-0xEND [fd=N]\n"
	"revoke PID | FILE | all\n"
	"unmap FILE 0xSTART-0xEND [fd=N]\n"
	"allow FILE 0xSTART-0xEND rw [fd=N]\n"
	"lock PID | FILE [fd=N]\n"
	"state FILE N=NUMBER...\n"
	"chmod 0NNN PID | FILE\n"
	"chown USER:GROUP PID | FILE\n"
	"watch PID WHAT [fd=N]\n"
	"unwatch PID\n"
	"help\n"
	"\n"
	"WHAT: heap | stack | anon | all | as | 0xSTART-0xEND | [anon:NAME]\n"
	"FILE: PID/map-N | PID/as\n"
	"SIZE: BYTES | NK | NM | NG\n"
	"PLACE: [at=0xADDRESS | near=0xADDRESS] [huge|nohuge]\n";

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

static int parse_page(const char *value, struct command *command, struct complaint *why,
		      const char *sentence)
{
	if (!word_parse_address(value, &command->at) || command->at % PAGE_SIZE)
		return complain(why, EINVAL, "%s", sentence);
	return 0;
}

static int option_at(const char *value, struct command *command, struct complaint *why)
{
	return parse_page(value, command, why, "at= takes a number of whole pages, as 0x1000");
}

static int option_near(const char *value, struct command *command, struct complaint *why)
{
	return parse_page(value, command, why, "near= takes the address of a page, as 0x1000");
}

static int option_none(const char *value, struct command *command, struct complaint *why)
{
	(void)value;
	(void)why;
	command->none = true;
	return 0;
}

/* The line has no blanks left, and nothing that is not printable. */
static int option_label(const char *value, struct command *command, struct complaint *why)
{
	size_t length = strlen(value);

	if (!length || length > REMOTEFS_LABEL_MAX || strchr(value, '/'))
		return complain(why, EINVAL, "a label has 1 to %d characters, none of them a slash",
				REMOTEFS_LABEL_MAX);
	memcpy(command->label, value, length + 1);
	return 0;
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
	GIVEN_NEAR	= 1 << 8,
	GIVEN_REPLACE	= 1 << 9,
	GIVEN_ADVICE	= 1 << 10,
	GIVEN_NONE	= 1 << 11,
	GIVEN_PLACE	= GIVEN_AT | GIVEN_NEAR | GIVEN_ADVICE,
	GIVEN_FILE	= GIVEN_RIGHTS | GIVEN_OWNER | GIVEN_MODE | GIVEN_ONEXIT | GIVEN_FD,
};

static const struct option {
	const char *word;	/* with a value if it ends with "=" */
	unsigned int given;	/* options that share a bit exclude each other */
	int (*take)(const char *value, struct command *command, struct complaint *why);
	uint32_t how;		/* what it means to the kernel, without @take */
} options[] = {
	{ "ro",		GIVEN_RIGHTS,	option_ro, 0 },
	{ "rw",		GIVEN_RIGHTS,	option_rw, 0 },
	{ "owner=",	GIVEN_OWNER,	option_owner, 0 },
	{ "mode=",	GIVEN_MODE,	option_mode, 0 },
	{ "onexit=",	GIVEN_ONEXIT,	option_onexit, 0 },
	{ "fd=",	GIVEN_FD,	option_fd, 0 },
	{ "label=",	GIVEN_LABEL,	option_label, 0 },
	{ "into=",	GIVEN_INTO,	option_into, 0 },
	{ "at=",	GIVEN_AT,	option_at, 0 },
	{ "near=",	GIVEN_NEAR,	option_near, 0 },
	{ "replace",	GIVEN_REPLACE,	NULL,	REMOTEFS_REMOTE_REPLACE },
	{ "huge",	GIVEN_ADVICE,	NULL,	REMOTEFS_REMOTE_HUGE },
	{ "nohuge",	GIVEN_ADVICE,	NULL,	REMOTEFS_REMOTE_NOHUGE },
	{ "none",	GIVEN_NONE,	option_none, 0 },
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
		command->how |= option->how;
		error = option->take ?
			option->take(*words + strlen(option->word), command, why) : 0;
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
	if (command->given & GIVEN_LABEL)
		return complain(why, EINVAL, "into= and label= exclude each other");
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
		error = parse_options(&words->word[3], GIVEN_FILE | GIVEN_LABEL | GIVEN_INTO | GIVEN_AT,
				      command, why);
	if (!error)
		error = check_into(command, why);
	return error;
}

static int check_place(struct command *command, struct complaint *why)
{
	if (command->given & GIVEN_AT)
		command->how |= REMOTEFS_REMOTE_FIXED;
	if (command->given & GIVEN_AT && command->given & GIVEN_NEAR)
		return complain(why, EINVAL, "at= and near= exclude each other");
	if (!(command->how & REMOTEFS_REMOTE_REPLACE))
		return 0;
	if (!(command->given & GIVEN_AT))
		return complain(why, EINVAL, "replace goes with at=");
	if (command->how & REMOTEFS_REMOTE_HUGE)
		return complain(why, EINVAL, "replace and huge exclude each other");
	return 0;
}

/* PID SIZE [OPTION...]: memory that the process does not have yet */
static int parse_making(struct words *words, unsigned int allowed, struct command *command,
			struct complaint *why)
{
	int error = parse_pid(words->word[1], command, why);

	command->scope = SCOPE_PROCESS;
	command->remote = true;
	command->memory.kind = MEMORY_REMOTE;
	if (!error && (!word_parse_size(words->word[2], &command->size) ||
		       command->size % PAGE_SIZE))
		error = complain(why, EINVAL, "'%.60s' is not a size of whole pages, as 64K",
				 words->word[2]);
	if (!error)
		error = parse_options(&words->word[3], allowed | GIVEN_PLACE | GIVEN_FD, command,
				      why);
	return error ? error : check_place(command, why);
}

static int parse_new(struct words *words, struct command *command, struct complaint *why)
{
	if (words->count < 3)
		return complain(why, EINVAL, "usage: new PID SIZE [OPTION...]");
	return parse_making(words, GIVEN_FILE, command, why);
}

static int parse_mmap(struct words *words, struct command *command, struct complaint *why)
{
	unsigned int rights;
	int error;

	if (words->count < 4)
		return complain(why, EINVAL, "usage: mmap PID SIZE none|ro|rw [OPTION...]");
	error = parse_making(words, GIVEN_RIGHTS | GIVEN_NONE | GIVEN_REPLACE, command, why);
	if (error)
		return error;
	rights = command->given & (GIVEN_RIGHTS | GIVEN_NONE);
	if (rights != GIVEN_RIGHTS && rights != GIVEN_NONE)
		return complain(why, EINVAL, "mmap takes one of none, ro and rw");
	return 0;
}

/* PID 0xSTART-0xEND [fd=N] */
static int parse_taking(struct words *words, struct command *command, struct complaint *why)
{
	int error;

	if (words->count < 3)
		return complain(why, EINVAL, "usage: %s PID 0xSTART-0xEND [fd=N]",
				words->word[0]);
	command->scope = SCOPE_PROCESS;
	command->remote = true;
	error = parse_pid(words->word[1], command, why);
	if (!error)
		error = parse_interval(words->word[2], &command->memory, why);
	return error ? error : parse_options(&words->word[3], GIVEN_FD, command, why);
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

/* N=NUMBER, decimal, or hexadecimal after 0x */
static int parse_slot(char *word, struct command *command, struct complaint *why)
{
	char *equals = strchr(word, '=');
	uint64_t slot, number;

	if (equals)
		*equals = '\0';
	if (!equals || !word_parse_number(word, REMOTEFS_AREA_SLOTS - 1, &slot) ||
	    (!word_parse_number(equals + 1, UINT64_MAX, &number) &&
	     !word_parse_address(equals + 1, &number)))
		return complain(why, EINVAL, "state takes N=NUMBER, where N is at most %d",
				REMOTEFS_AREA_SLOTS - 1);
	if (command->slots >> slot & 1)
		return complain(why, EINVAL, "number %d is said twice", (int)slot);
	command->slots |= 1U << slot;
	command->state[slot] = number;
	return 0;
}

static int parse_state(struct words *words, struct command *command, struct complaint *why)
{
	int error;

	if (words->count < 3 || !strchr(words->word[1], '/'))
		return complain(why, EINVAL, "usage: state PID/map-N | PID/as N=NUMBER...");
	error = parse_file(words->word[1], command, why);
	for (char **word = &words->word[2]; *word && !error; word++)
		error = parse_slot(*word, command, why);
	return error;
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
	{ "new",	COMMAND_NEW,	parse_new },
	{ "mmap",	COMMAND_MMAP,	parse_mmap },
	{ "munmap",	COMMAND_MUNMAP,	parse_taking },
	{ "discard",	COMMAND_DISCARD, parse_taking },
	{ "state",	COMMAND_STATE,	parse_state },
};

/**
 * command_parse - understand one command
 * @text:	what was written, not terminated; one newline may end it
 * @length:	how much of it
 * @command:	the result
 * @why:	with an error, the sentence for the requester
 *
 * Return: 0; EINVAL if it is malformed.
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
