// SPDX-License-Identifier: GPL-2.0-only
/*
 * Damaged commands: whatever is understood is within bounds, and whatever is not
 * has a sentence.
 *
 * Copyright (C) 2026 The remotefs authors
 */
/* Links: remotefsd/command.c remotefsd/word.c remotefsd/complaint.c */
/* Sanitize: yes */
#include <errno.h>

#include "fuzz.h"
#include "remotefsd.h"

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
	       !(command->at % 4096) && !(command->size % 4096) &&
	       !command->size == (command->memory.kind != MEMORY_REMOTE) && memory_is_sound(&command->memory);
}

static bool fuzz_one(const char *text, size_t length)
{
	struct complaint why = { "" };
	struct command command;
	int error = command_parse(text, length, &command, &why);

	if (error)
		return (error == EINVAL || error == EOPNOTSUPP) && *why.sentence;
	return command_is_sound(&command);
}

#ifndef LIBFUZZER

static const char *const seeds[] = {
	"add 1234 heap", "add 1 [anon:stack guard] rw", "add 99 0x7f0000000000-0x7f0000001000 ro",
	"add 5 as mode=0440 owner=root:adm", "add 5 all onexit=bus fd=7", "revoke all",
	"revoke 1234/map-17", "allow 12/as 0x1000-0x2000 rw fd=3", "watch 1 heap", "\n",
	"add 7 0x1000-0x2000 into=map-3 at=0x1000", "unmap 3/map-1 0x1000-0x2000 fd=1",
	"lock 1234 fd=4", "chmod 0440 1/map-0", "chown root:adm 1", "help", "add 7 heap label=a-b_c",
	"state 1/map-0 0=1 7=0xff",
	"new 1 64K rw at=0x10000 huge", "mmap 17 4096 none near=0x1000", "new 3 2M mode=0440 onexit=zero",
	"mmap 1 1G rw at=0x1000 replace nohuge", "munmap 1 0x1000-0x2000", "discard 1 0x1000-0x2000 fd=3",
	"watch 1 heap fd=3", "watch 1 0x1000-0x2000", "unwatch 1",
};

static const char pieces[] = " \t\n[]-/:=0x19afAFmap-asrw\0\x7f\xff";

int main(void)
{
	static const struct fuzz fuzz = {
		.seeds = seeds,
		.nr_seeds = sizeof(seeds) / sizeof(*seeds),
		.pieces = pieces,
		.nr_pieces = sizeof(pieces) - 1,
		.rounds = 1000000,
	};

	return fuzz_run(&fuzz, "commands");
}

#endif /* LIBFUZZER */
