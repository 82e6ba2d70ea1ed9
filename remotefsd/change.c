// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changing map files that exist: revoke, allow, unmap, lock, chmod, chown.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * As in grant.c, each function returns an errno value and has written the
 * sentence, or it has done all that was asked.  What cannot be undone is
 * preceded by every check that can be made beforehand.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/remotefs.h>

#include "remotefsd.h"

static int refuse(const struct grant *grant, const struct map_file *file)
{
	char name[TREE_NAME_SIZE];

	return complain(grant->why, EPERM, "%d/%s belongs to another user", file->pid,
			tree_name(name, file->map));
}

/**
 * change_may - whether the requester may change a map file
 * @grant:	the command
 * @file:	the map file
 *
 * Return: 0, or EPERM with its sentence written.
 */
int change_may(const struct grant *grant, const struct map_file *file)
{
	if (policy_may_change(grant->job->around, grant->job->requester, file->uid))
		return 0;
	return refuse(grant, file);
}

/* What was to be changed is gone already, so there is nothing to be done or told. */
#define GONE	(-1)

/* Each of these returns 0, an errno value with its sentence written, or GONE. */
typedef int (*file_fn)(const struct grant *grant, const struct map_file *file);

/* For the record: what a map file shows, as much of it as fits. */
static void describe_ranges(const struct grant *grant, const struct map_file *file,
			    char text[RECORD_RANGE_SIZE])
{
	struct remotefs_range_args range = { 0 };
	int fd = tree_open_file(grant->tree, file->pid, file->map);
	char one[RECORD_RANGE_SIZE];
	size_t length = 0;

	text[0] = '\0';
	if (fd < 0)
		return;
	while (length < RECORD_RANGE_SIZE && !kernel_range(fd, &range)) {
		record_range(one, range.out_address, range.out_address + range.out_length,
			     range.out_flags & REMOTEFS_MAP_WRITE ? "rw" : "ro");
		length += snprintf(text + length, RECORD_RANGE_SIZE - length, "%s%s",
				   length ? ", " : "", one);
		range.offset += range.out_length;
	}
	close(fd);
}

static int find_targets(const struct grant *grant, struct map_file **files, size_t *nr_files)
{
	const struct command *command = grant->command;
	int error;

	switch (command->scope) {
	case SCOPE_ALL:
		error = tree_all_files(grant->tree, files, nr_files);
		break;
	case SCOPE_PROCESS:
		error = tree_files(grant->tree, command->pid, files, nr_files);
		break;
	default:
		*files = calloc(1, sizeof(**files));
		if (!*files)
			return complain(grant->why, ENOMEM, "%s", strerror(ENOMEM));
		*nr_files = 1;
		error = tree_file(grant->tree, command->pid, command->map, *files);
	}
	if (error == ENOENT)
		return complain(grant->why, error, "there is no such map file");
	return error ? complain(grant->why, error, "%s", strerror(error)) : 0;
}

/*
 * Leaves in @files what is to be revoked.  "all" means all that one may revoke;
 * whoever names files or a process must be allowed to revoke every one.
 */
static int check_targets(const struct grant *grant, file_fn may, struct map_file *files,
			 size_t *nr_files)
{
	size_t kept = 0;

	for (size_t i = 0; i < *nr_files; i++) {
		int error = may(grant, &files[i]);

		if (!error)
			files[kept++] = files[i];
		else if (grant->command->scope != SCOPE_ALL)
			return error;
	}
	*nr_files = kept;
	return 0;
}

/* One that is gone already was revoked by somebody else, or its process exited. */
static int revoke_file(const struct grant *grant, const struct map_file *file)
{
	char range[RECORD_RANGE_SIZE];
	int error;

	describe_ranges(grant, file, range);
	error = tree_unlink(grant->tree, file);
	if (error && error != ENOENT)
		return complain(grant->why, error, "%s", strerror(error));
	if (!error)
		grant_record(grant, RECORD_REVOKE, file->pid, file->map, range);
	tree_print_path(grant->answer, file->pid, file->map);
	fputc('\n', grant->answer);
	return 0;
}

/**
 * change_revoke - the command "revoke"
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int change_revoke(struct grant *grant)
{
	const struct command *command = grant->command;
	struct map_file *files = NULL;
	size_t nr_files = 0;
	int error;

	error = find_targets(grant, &files, &nr_files);
	if (!error)
		error = check_targets(grant, change_may, files, &nr_files);
	for (size_t i = 0; i < nr_files && !error; i++)
		error = revoke_file(grant, &files[i]);
	/* The directory is root's: it goes with its last file only for an administrator. */
	if (!error && command->scope == SCOPE_PROCESS &&
	    policy_has_cap(grant->job->around, grant->job->requester, CAP_FOWNER))
		tree_remove_process(grant->tree, command->pid);
	free(files);
	return error;
}

/* Where in the file the addresses of the command are. */
static int find_offset(const struct grant *grant, uint64_t *offset)
{
	const struct command *command = grant->command;
	const struct memory *memory = &command->memory;
	struct remotefs_range_args range = { 0 };
	int fd = tree_open_file(grant->tree, command->pid, command->map);

	if (fd < 0)
		return complain(grant->why, -fd, "the map file: %s", strerror(-fd));
	while (!kernel_range(fd, &range)) {
		if (memory->start >= range.out_address &&
		    memory->end - range.out_address <= range.out_length) {
			*offset = range.offset + (memory->start - range.out_address);
			close(fd);
			return 0;
		}
		range.offset += range.out_length;
	}
	close(fd);
	return complain(grant->why, ENOENT, "the map file does not show these addresses");
}

/* The one map file that a command names, if it may be changed. */
static int find_file(const struct grant *grant, struct map_file *file)
{
	const struct command *command = grant->command;
	int error = tree_file(grant->tree, command->pid, command->map, file);

	if (error)
		return complain(grant->why, error, "there is no such map file");
	return change_may(grant, file);
}

static void tell_part(const struct grant *grant)
{
	const struct memory *memory = &grant->command->memory;
	char range[RECORD_RANGE_SIZE];

	record_range(range, memory->start, memory->end, NULL);
	grant_record(grant, RECORD_CHANGE, grant->command->pid, grant->command->map, range);
	grant_print_file(grant, grant->command->map);
}

static int explain_part(const struct grant *grant, int error)
{
	if (error == EPERM)
		return complain(grant->why, error, "the map file is locked");
	return grant_explain_map(grant, error);
}

/* Where the part is that a command is about, in a file that it may change. */
static int find_part(struct grant *grant, uint64_t *offset)
{
	struct map_file file;
	int error = find_file(grant, &file);

	if (!error)
		error = grant_attach(grant);
	/* The name may have led to another process's file before the session was made. */
	if (!error)
		error = find_file(grant, &file);
	return error ? error : find_offset(grant, offset);
}

/**
 * change_allow - the command "allow"
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int change_allow(struct grant *grant)
{
	const struct command *command = grant->command;
	struct remotefs_allow_args args = {
		.map = command->map,
		.length = command->memory.end - command->memory.start,
	};
	uint64_t offset;
	int error = find_part(grant, &offset);

	if (error)
		return error;
	args.offset = offset;
	error = kernel_allow(grant->session, &args);
	if (error == EEXIST)
		return complain(grant->why, error, "some of it is writable already");
	if (error)
		return explain_part(grant, error);
	tell_part(grant);
	return 0;
}

/**
 * change_unmap - the command "unmap"
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int change_unmap(struct grant *grant)
{
	const struct command *command = grant->command;
	struct remotefs_unmap_args args = {
		.map = command->map,
		.length = command->memory.end - command->memory.start,
	};
	uint64_t offset;
	int error = find_part(grant, &offset);

	if (error)
		return error;
	args.offset = offset;
	error = kernel_unmap(grant->session, &args);
	if (error == EINVAL)
		return complain(grant->why, error, "only whole ranges can be taken out");
	if (error)
		return explain_part(grant, error);
	tell_part(grant);
	return 0;
}

static int explain_change(const struct grant *grant, int error)
{
	if (error == ENOENT)
		return GONE;
	if (!error)
		return 0;
	return complain(grant->why, error, "%s", strerror(error));
}

/* Does something to each map file that the command names, if it may be to all. */
static int change_each(const struct grant *grant, file_fn may, file_fn change)
{
	struct map_file *files = NULL;
	size_t nr_files = 0;
	int error = find_targets(grant, &files, &nr_files);

	if (!error)
		error = check_targets(grant, may, files, &nr_files);
	for (size_t i = 0; i < nr_files && !error; i++) {
		error = change(grant, &files[i]);
		if (error == GONE) {
			error = 0;
			continue;
		}
		if (error)
			break;
		grant_record(grant, RECORD_CHANGE, files[i].pid, files[i].map, NULL);
		grant_print_file(grant, files[i].map);
	}
	free(files);
	return error;
}

static int lock_file(const struct grant *grant, const struct map_file *file)
{
	return explain_change(grant, kernel_lock(grant->session, file->map));
}

/**
 * change_lock - the command "lock"
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int change_lock(struct grant *grant)
{
	struct map_file file;
	int error = 0;

	/* Whoever may not change the file learns nothing of the process. */
	if (grant->command->scope == SCOPE_FILE)
		error = find_file(grant, &file);
	if (!error)
		error = grant_attach(grant);
	return error ? error : change_each(grant, change_may, lock_file);
}

static int may_set_mode(const struct grant *grant, const struct map_file *file)
{
	if (policy_may_set_mode(grant->job->around, grant->job->requester, file->uid))
		return 0;
	return refuse(grant, file);
}

static int set_mode(const struct grant *grant, const struct map_file *file)
{
	return explain_change(grant, tree_chmod(grant->tree, file, grant->command->mode));
}

/**
 * change_mode - the command "chmod"
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int change_mode(struct grant *grant)
{
	return change_each(grant, may_set_mode, set_mode);
}

static int may_set_owner(const struct grant *grant, const struct map_file *file)
{
	uint32_t uid, gid;
	int error = grant_find_owner(grant, &uid, &gid);

	if (error)
		return error;
	if (policy_may_set_owner(grant->job->around, grant->job->requester, file->uid))
		return 0;
	return refuse(grant, file);
}

static int set_owner(const struct grant *grant, const struct map_file *file)
{
	uint32_t uid, gid;
	int error = grant_find_owner(grant, &uid, &gid);

	if (error)
		return error;
	return explain_change(grant, tree_chown(grant->tree, file, uid, gid));
}

/**
 * change_owner - the command "chown"
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int change_owner(struct grant *grant)
{
	return change_each(grant, may_set_owner, set_owner);
}

static int may_set_state(const struct grant *grant, const struct map_file *file)
{
	char name[TREE_NAME_SIZE];

	if (policy_may_set_state(grant->job->around, grant->job->requester))
		return 0;
	return complain(grant->why, EPERM, "to change the state of %d/%s takes CAP_SYS_ADMIN",
			file->pid, tree_name(name, file->map));
}

static int set_state(const struct grant *grant, const struct map_file *file)
{
	const struct command *command = grant->command;
	struct remotefs_area_args args = {
		.operation = REMOTEFS_AREA_SET,
		.mask = command->slots,
	};
	int fd = tree_open_file(grant->tree, file->pid, file->map);
	int error;

	if (fd == -ENOENT)
		return complain(grant->why, ENOENT, "there is no such map file");
	if (fd < 0)
		return explain_change(grant, -fd);
	memcpy(args.slots, command->state, sizeof(args.slots));
	error = kernel_area(fd, &args);
	close(fd);
	return explain_change(grant, error);
}

/**
 * change_state - the command "state"
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int change_state(struct grant *grant)
{
	return change_each(grant, may_set_state, set_state);
}
