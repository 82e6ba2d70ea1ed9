// SPDX-License-Identifier: GPL-2.0-only
/*
 * A million damaged commands: whatever is understood is within bounds, and
 * whatever is not has a sentence.  Meant to be built with sanitizers as well;
 * the numbers are the same in every run.
 *
 * Copyright (C) 2026 The remotefs authors
 */
/* Links: remotefsd/command.c remotefsd/complaint.c */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "remotefsd.h"
#include "tap.h"

#define ROUNDS 1000000

static const char *const seeds[] = {
	"add 1234 heap", "add 1 [anon:stack guard] rw", "add 99 0x7f0000000000-0x7f0000001000 ro",
	"add 5 as mode=0440 owner=root:adm", "add 5 all onexit=bus fd=7", "revoke all",
	"revoke 1234/map-17", "allow 12/as 0x1000-0x2000 rw fd=3", "watch 1 heap", "\n",
	"add 7 0x1000-0x2000 into=map-3 at=0x1000", "unmap 3/map-1 0x1000-0x2000 fd=1",
	"lock 1234 fd=4", "chmod 0440 1/map-0", "chown root:adm 1", "help",
};

static const char pieces[] = " \t\n[]-/:=0x19afAFmap-asrw\0\x7f\xff";

/* xorshift64 */
static uint64_t random_number(void)
{
	static uint64_t state = 0x72656d6f74656673;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static size_t make_text(char text[COMMAND_SIZE])
{
	const char *seed = seeds[random_number() % (sizeof(seeds) / sizeof(*seeds))];
	size_t length = strlen(seed);

	memcpy(text, seed, length);
	for (unsigned int changes = random_number() % 4; changes; changes--) {
		size_t at = random_number() % (length + 1);

		if (at == length || random_number() % 2) {
			memmove(text + at + 1, text + at, length - at);
			length++;
		}
		text[at] = pieces[random_number() % (sizeof(pieces) - 1)];
	}
	return length;
}

static bool memory_is_sound(const struct memory *memory)
{
	if (memory->kind == MEMORY_INTERVAL)
		return memory->start < memory->end && !((memory->start | memory->end) & 0xfff);
	return memory->kind != MEMORY_NAMED || strlen(memory->name) < sizeof(memory->name);
}

static bool command_is_sound(const struct command *command)
{
	return (command->scope == SCOPE_ALL) == !command->pid && command->pid >= 0 &&
	       command->fd >= -1 && !(command->mode & ~0666) &&
	       !*command->owner_user == !*command->owner_group &&
	       !(command->at % 4096) && memory_is_sound(&command->memory);
}

static bool one_round(void)
{
	struct complaint why = { "" };
	char text[COMMAND_SIZE];
	struct command command;
	size_t length = make_text(text);
	int error = command_parse(text, length, &command, &why);

	if (error)
		return (error == EINVAL || error == EOPNOTSUPP) && *why.sentence;
	return command_is_sound(&command);
}

int main(void)
{
	unsigned int failures = 0;

	for (unsigned int i = 0; i < ROUNDS; i++)
		failures += !one_round();
	tap(!failures, "%d damaged commands give sound results or sentences", ROUNDS);
	return tap_done();
}
