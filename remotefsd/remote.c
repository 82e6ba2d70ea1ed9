// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands that change the memory a process has.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * The kernel does each of them wholly or not at all, so nothing is undone here.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/remotefs.h>

#include "remotefsd.h"

static int explain(const struct grant *grant, int error)
{
	static const struct {
		int error;
		const char *sentence;
	} sentences[] = {
		{ EAGAIN, "the process locks all of its memory, and may not lock more" },
		{ EBUSY, "the memory is locked or watched over by the process, or cannot be kept "
			 "from its neighbours" },
		{ EEXIST, "something is mapped there" },
		{ EFAULT, "not all of it is private anonymous memory" },
		{ ENOMEM, "the process may not have more memory, or there is none" },
		{ EOPNOTSUPP, "the kernel cannot do this, or not to this process" },
		{ EPERM, "the memory is sealed, or the address too low" },
	};

	for (size_t i = 0; i < sizeof(sentences) / sizeof(*sentences); i++)
		if (sentences[i].error == error)
			return complain(grant->why, error, "%s", sentences[i].sentence);
	return grant_explain_map(grant, error);
}

static void make_args(const struct command *command, struct remotefs_remote_args *args)
{
	*args = (struct remotefs_remote_args){
		.command = REMOTEFS_REMOTE_MMAP,
		.flags = command->how,
		.prot = PROT_READ | PROT_WRITE,
		.address = command->at,
		.length = command->size,
	};
}

/* The record has no file, for the memory is in none, or was there before. */
static void tell(const struct grant *grant, uint64_t start, uint64_t end)
{
	char range[RECORD_RANGE_SIZE];

	record_range(range, start, end, NULL);
	record_write(&(struct record){
		.event = RECORD_CHANGE,
		.requester = grant->job->requester,
		.pid = grant->command->pid,
		.range = range,
		.verb = grant->verb,
	});
	fprintf(grant->answer, "%s\n", range);
}

/**
 * remote_new - the command "new"
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int remote_new(struct grant *grant)
{
	const struct command *command = grant->command;
	struct remotefs_map_args file = { .mode = command->mode };
	struct remotefs_remote_args args;
	char range[RECORD_RANGE_SIZE];
	int error = grant_attach_for_file(grant, &file);

	if (error)
		return error;
	make_args(command, &args);
	args.flags |= REMOTEFS_REMOTE_EXPOSE;
	args.map_flags = file.flags;
	if (command->write)
		args.map_flags |= REMOTEFS_MAP_WRITE;
	if (command->zero)
		args.map_flags |= REMOTEFS_MAP_ZERO;
	args.mode = file.mode;
	args.uid = file.uid;
	args.gid = file.gid;
	error = kernel_remote(grant->session, &args);
	if (error)
		return explain(grant, error);
	record_range(range, args.address, args.address + args.length,
		     command->write ? "rw" : "ro");
	grant_record(grant, RECORD_CREATE, command->pid, args.out_map, range);
	grant_print_file(grant, args.out_map);
	return 0;
}

/**
 * remote_mmap - the command "mmap"
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int remote_mmap(struct grant *grant)
{
	const struct command *command = grant->command;
	struct remotefs_remote_args args;
	int error = grant_attach(grant);

	if (error)
		return error;
	make_args(command, &args);
	if (command->none)
		args.prot = PROT_NONE;
	else if (!command->write)
		args.prot = PROT_READ;
	error = kernel_remote(grant->session, &args);
	if (error)
		return explain(grant, error);
	tell(grant, args.address, args.address + args.length);
	return 0;
}

static int take(struct grant *grant, uint32_t how)
{
	const struct memory *memory = &grant->command->memory;
	struct remotefs_remote_args args = {
		.command = how,
		.address = memory->start,
		.length = memory->end - memory->start,
	};
	int error = grant_attach(grant);

	if (error)
		return error;
	error = kernel_remote(grant->session, &args);
	if (error)
		return explain(grant, error);
	tell(grant, memory->start, memory->end);
	return 0;
}

/**
 * remote_munmap - the command "munmap"
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int remote_munmap(struct grant *grant)
{
	return take(grant, REMOTEFS_REMOTE_MUNMAP);
}

/**
 * remote_discard - the command "discard"
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int remote_discard(struct grant *grant)
{
	return take(grant, REMOTEFS_REMOTE_DISCARD);
}
