// SPDX-License-Identifier: GPL-2.0-only
/*
 * Carrying a command out: what all have in common, and making grants.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Each function answers for itself: it returns an errno value and has written
 * the sentence, or it has done all that was asked.  Paths are printed only when
 * nothing can fail any more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/remotefs.h>

#include "events.h"
#include "remotefsd.h"

/* All that a map file could show: in whole pages. */
#define EVERYTHING	(INT64_MAX & ~4095ULL)

static int explain_attach(const struct grant *grant, int error)
{
	const struct command *command = grant->command;

	if (command->fd >= 0 && error == EINVAL)
		return complain(grant->why, error, "your descriptor %d is not a /proc/PID/mem",
				command->fd);
	if (command->fd >= 0 && error == ESRCH)
		return complain(grant->why, error,
				"your descriptor %d does not show the memory of process %d",
				command->fd, command->pid);
	if (error == ESRCH)
		return complain(grant->why, error, "process %d is gone or has no memory",
				command->pid);
	if (error == EACCES)
		return complain(grant->why, error, "the descriptor is not open for reading");
	if (error == EEXIST)
		return complain(grant->why, error, "process %d is in somebody's exclusive session",
				command->pid);
	return complain(grant->why, error, "attaching to process %d: %s", command->pid,
			strerror(error));
}

/**
 * grant_explain_map - the sentence for what MAP and ALLOW fail with
 * @grant:	the command
 * @error:	the errno value
 *
 * Return: @error.
 */
int grant_explain_map(const struct grant *grant, int error)
{
	switch (error) {
	case EFAULT:
		return complain(grant->why, error, "not all of it is anonymous memory now");
	case EACCES:
		return complain(grant->why, error, "the descriptor is not open for writing");
	case EEXIST:
		return complain(grant->why, error, "process %d has it already",
				grant->command->pid);
	case EINVAL:
		return complain(grant->why, error, "this is not within the address space");
	case ELOOP:
		return complain(grant->why, error, "this memory is a mirror of a map file");
	case ENOSPC:
		return complain(grant->why, error,
				"a limit of the mount is reached (max_maps= or max_ranges=)");
	case ESRCH:
		return complain(grant->why, error, "process %d is gone", grant->command->pid);
	default:
		return complain(grant->why, error, "%s", strerror(error));
	}
}

static void take_defaults(struct grant *grant, const struct rule *rule)
{
	grant->mode = rule->mode;
	grant->has_owner = *rule->owner_user;
	grant->uid = rule->uid;
	grant->gid = rule->gid;
}

static int ask_rule(struct grant *grant, const struct rules *rules, const struct owner *source,
		    enum memory_kind memory)
{
	const struct command *command = grant->command;
	const struct rule *rule = rules_decide(rules, grant->job->requester, source, memory,
					       command->write || command->remote);

	if (rule && rule->allow)
		take_defaults(grant, rule);
	else if (rule)
		return complain(grant->why, EACCES, "line %u of the policy forbids it", rule->line);
	else
		return complain(grant->why, EACCES, "no line of the policy allows it");
	return 0;
}

/* The rules are about what lets somebody in, and not about what takes it back. */
static bool is_ruled(const struct command *command)
{
	return command->verb != COMMAND_UNMAP && command->verb != COMMAND_LOCK;
}

/* What takes memory away needs the right to write that memory, too. */
static bool takes_memory(const struct command *command)
{
	return command->memory.kind == MEMORY_INTERVAL ||
	       command->how & REMOTEFS_REMOTE_REPLACE;
}

static int ask_rules(struct grant *grant, const struct owner *source)
{
	const struct command *command = grant->command;
	struct rules rules;
	bool narrow;
	int error;

	if (!is_ruled(command))
		return 0;
	error = rules_load(grant->job->policy, &rules, &narrow, grant->why);
	if (error || !narrow)
		return error;
	if (!command->remote)
		error = ask_rule(grant, &rules, source, command->memory.kind);
	else if (takes_memory(command))
		error = ask_rule(grant, &rules, source, MEMORY_INTERVAL);
	if (!error && command->remote)
		error = ask_rule(grant, &rules, source, MEMORY_REMOTE);
	rules_release(&rules);
	return error;
}

static int attach(const struct grant *grant, const struct authority *authority, int control)
{
	const struct command *command = grant->command;
	const struct job *job = grant->job;

	if (command->verb == COMMAND_WATCH)
		return authority_attach_to_watch(authority, control, command->pid, job->around,
						 job->requester);
	return authority_attach(authority, control, command->pid, job->around, job->requester);
}

/**
 * grant_attach - make a session with the requester's authority
 * @grant:	the command
 *
 * Return: 0, or an errno value with its sentence written.
 */
int grant_attach(struct grant *grant)
{
	const struct job *job = grant->job;
	struct authority authority;
	int control = kernel_open_control(grant->tree);
	int error;

	if (control < 0)
		return complain(grant->why, -control, "the control file: %s", strerror(-control));
	error = authority_take(grant->command, job->around, job->requester, &authority, grant->why);
	if (!error)
		error = ask_rules(grant, &authority.owner);
	if (error)
		return error;
	grant->session = attach(grant, &authority, control);
	if (grant->session < 0)
		return explain_attach(grant, -grant->session);
	grant->maps = fdopen(authority.maps, "r");
	return grant->maps ? 0 : complain(grant->why, errno, "%s", strerror(errno));
}

/**
 * grant_find_owner - the numbers of the owner and group that a command names
 * @grant:	the command
 * @uid:	receives the owner
 * @gid:	receives the group
 *
 * Return: 0; EINVAL if there are none of that name, EPERM if the requester may
 * not give files to them, with the sentence written.
 */
int grant_find_owner(const struct grant *grant, uint32_t *uid, uint32_t *gid)
{
	const struct command *command = grant->command;

	if (!rules_system_names.user(command->owner_user, uid))
		return complain(grant->why, EINVAL, "there is no user '%s'", command->owner_user);
	if (!rules_system_names.group(command->owner_group, gid))
		return complain(grant->why, EINVAL, "there is no group '%s'",
				command->owner_group);
	if (!policy_may_give(grant->job->around, grant->job->requester, *uid, *gid))
		return complain(grant->why, EPERM, "you may not give files away (CAP_CHOWN)");
	return 0;
}

/* Map files are the requester's unless they are given away. */
static int choose_owner(const struct grant *grant, struct remotefs_map_args *args)
{
	args->flags |= REMOTEFS_MAP_OWNER;
	args->uid = grant->job->requester->uid;
	args->gid = grant->job->requester->gid;
	if (!*grant->command->owner_user)
		return 0;
	return grant_find_owner(grant, &args->uid, &args->gid);
}

/* Only where the command says nothing of its own. */
static void apply_defaults(const struct grant *grant, struct remotefs_map_args *args)
{
	if (!args->mode)
		args->mode = grant->mode;
	if (*grant->command->owner_user || !grant->has_owner)
		return;
	args->uid = grant->uid;
	args->gid = grant->gid;
}

/**
 * grant_attach_for_file - make a session, and settle whose a new file is to be
 * @grant:	the command
 * @args:	receives the owner, and the mode where the command names none
 *
 * Return: 0, or an errno value with its sentence written.
 */
int grant_attach_for_file(struct grant *grant, struct remotefs_map_args *args)
{
	int error = choose_owner(grant, args);

	if (!error)
		error = grant_attach(grant);
	if (!error)
		apply_defaults(grant, args);
	return error;
}

/**
 * grant_print_file - write one path of the answer
 * @grant:	the command
 * @map:	the map file's number
 */
void grant_print_file(const struct grant *grant, uint32_t map)
{
	tree_print_path(grant->answer, grant->command->pid, map);
	fputc('\n', grant->answer);
}

static void report_deed(const struct grant *grant, enum record_event event, pid_t pid,
			uint32_t map, const char *range)
{
	struct report report = {
		.kind = REPORT_RECORD,
		.event = event,
		.by = { grant->job->requester->uid, grant->job->requester->tgid },
		.pid = pid,
		.map = map,
	};

	/* As it was when this child was made; the kernel tells those who came later. */
	if (!reader_is_any())
		return;
	snprintf(report.verb, sizeof(report.verb), "%s", grant->verb);
	snprintf(report.range, sizeof(report.range), "%s", range ? range : "");
	report_send(&report, -1);
}

/**
 * grant_record - let the journal and the readers of events know what was done
 * @grant:	the command
 * @event:	what was done
 * @pid:	the source
 * @map:	the map file's number
 * @range:	which part of the source, as text
 */
void grant_record(const struct grant *grant, enum record_event event, pid_t pid, uint32_t map,
		  const char *range)
{
	char name[TREE_NAME_SIZE];
	char file[2 * TREE_NAME_SIZE];

	snprintf(file, sizeof(file), "%d/%s", pid, tree_name(name, map));
	record_write(&(struct record){
		.event = event,
		.requester = grant->job->requester,
		.pid = pid,
		.file = file,
		.range = range,
		.verb = grant->verb,
	});
	report_deed(grant, event, pid, map, range);
}

/* What one command made. */
struct made {
	struct made_file {
		uint32_t map;
		struct span span;
	} *files;
	size_t count;
	int directory;			/* where they are, or -1 */
};

/*
 * The names of files are for the process that has them: another one may come to
 * have its PID, or execve(2) begin with map-0 again. So they are taken from the
 * directory as it is while the session can still do something, and thus is the
 * session's own; when its process goes, nothing is found there any more.
 */
static int open_made(const struct grant *grant, struct made *made)
{
	int watcher;

	if (made->directory >= 0)
		return 0;
	made->directory = tree_open_process(grant->tree, grant->command->pid);
	if (made->directory < 0)
		return made->directory == -ENOENT ? ESRCH : -made->directory;
	watcher = kernel_watch(grant->session);
	if (watcher >= 0) {
		close(watcher);
		return 0;
	}
	close(made->directory);
	made->directory = -1;
	return -watcher;
}

static int make_file(const struct grant *grant, const struct remotefs_map_args *template,
		     const struct span *span, struct made *made)
{
	struct remotefs_map_args args = *template;
	int error;

	args.flags |= REMOTEFS_MAP_NEW;
	args.address = span->start;
	args.length = span->end - span->start;
	error = kernel_map(grant->session, &args);
	if (error)
		return error;
	made->files[made->count++] = (struct made_file){ args.map, *span };
	error = open_made(grant, made);
	/* Its name cannot be taken away for lack of descriptors: its memory can. */
	if (error && made->directory < 0)
		kernel_unmap(grant->session, &(struct remotefs_unmap_args){
			.map = args.map,
			.length = args.length ? args.length : EVERYTHING,
		});
	return error;
}

static int label_files(const struct grant *grant, const struct made *made)
{
	const struct command *command = grant->command;
	int error = 0;

	for (size_t i = 0; i < made->count && *command->label && !error; i++)
		error = tree_label(made->directory, made->files[i].map, command->label);
	if (error == ENOENT || error == ESTALE)
		return complain(grant->why, error, "a map file was taken away meanwhile");
	if (error == ESRCH)
		return grant_explain_map(grant, error);
	return error ? complain(grant->why, error, "label=: %s", strerror(error)) : 0;
}

/* Where the words heap, anon and so on were meant, the memory may be gone since. */
static bool is_chosen(const struct memory *memory)
{
	return memory->kind != MEMORY_INTERVAL && memory->kind != MEMORY_WHOLE;
}

static int make_files(const struct grant *grant, const struct remotefs_map_args *template,
		      const struct span *spans, size_t nr_spans, struct made *made)
{
	bool skip_vanished = is_chosen(&grant->command->memory);

	made->files = calloc(nr_spans + 1, sizeof(*made->files));
	if (!made->files)
		return complain(grant->why, ENOMEM, "%s", strerror(ENOMEM));
	for (size_t i = 0; i < nr_spans; i++) {
		int error = make_file(grant, template, &spans[i], made);

		if (error && !(error == EFAULT && skip_vanished))
			return grant_explain_map(grant, error);
	}
	if (!made->count)
		return complain(grant->why, ENOENT, "process %d has no such memory",
				grant->command->pid);
	return 0;
}

/*
 * All or nothing: what this command made goes again, and with it a directory
 * that was not there before.  If somebody else makes a map file in the blink
 * between the look and the rmdir, it is revoked; that errs on the safe side.
 */
static void unmake_files(const struct grant *grant, const struct made *made, bool new_directory)
{
	pid_t pid = grant->command->pid;
	struct map_file *files = NULL;
	char name[TREE_NAME_SIZE];
	size_t nr_files;

	for (size_t i = 0; i < made->count && made->directory >= 0; i++)
		unlinkat(made->directory, tree_name(name, made->files[i].map), 0);
	if (new_directory && !tree_files(grant->tree, pid, &files, &nr_files) && !nr_files)
		tree_remove_process(grant->tree, pid);
	free(files);
}

static void record_made(const struct grant *grant, const struct made_file *made)
{
	const struct command *command = grant->command;
	char range[RECORD_RANGE_SIZE];

	if (command->memory.kind == MEMORY_WHOLE)
		snprintf(range, sizeof(range), "all %s", command->write ? "rw" : "ro");
	else
		record_range(range, made->span.start, made->span.end,
			     command->write ? "rw" : "ro");
	grant_record(grant, RECORD_CREATE, command->pid, made->map, range);
}

static void tell_made(const struct grant *grant, const struct made *made)
{
	for (size_t i = 0; i < made->count; i++) {
		record_made(grant, &made->files[i]);
		grant_print_file(grant, made->files[i].map);
	}
}

/**
 * grant_choose_spans - what memory a command means
 * @grant:	the command, attached
 * @spans:	receives an array, to be freed even after an error
 * @nr_spans:	receives its length, which may be zero
 *
 * The whole address space is an empty span at zero, as the kernel has it.
 *
 * Return: 0, or an errno value with its sentence written.
 */
int grant_choose_spans(const struct grant *grant, struct span **spans, size_t *nr_spans)
{
	const struct memory *memory = &grant->command->memory;
	int error;

	if (is_chosen(memory)) {
		error = source_choose(grant->maps, memory, grant->command->write, spans, nr_spans);
		if (error)
			return complain(grant->why, error, "/proc/%d/maps: %s",
					grant->command->pid, strerror(error));
		return 0;
	}
	*spans = calloc(1, sizeof(**spans));
	if (!*spans)
		return complain(grant->why, ENOMEM, "%s", strerror(ENOMEM));
	**spans = (struct span){ memory->start, memory->end };
	*nr_spans = 1;
	return 0;
}

/* A range for a map file that exists. */
static int add_into(struct grant *grant, struct remotefs_map_args *args)
{
	const struct command *command = grant->command;
	const struct made_file made = {
		.map = command->map,
		.span = { command->memory.start, command->memory.end },
	};
	struct map_file file;
	int error = tree_file(grant->tree, command->pid, command->map, &file);

	if (error)
		return complain(grant->why, error, "there is no such map file");
	error = change_may(grant, &file);
	if (!error)
		error = grant_attach(grant);
	if (error)
		return error;
	/* What the name leads to now is the session's, or that does nothing any more. */
	if (tree_file(grant->tree, command->pid, command->map, &file))
		return grant_explain_map(grant, ESRCH);
	error = change_may(grant, &file);
	if (error)
		return error;
	args->map = command->map;
	args->address = made.span.start;
	args->length = made.span.end - made.span.start;
	args->offset = command->at;
	error = kernel_map(grant->session, args);
	if (error == EEXIST)
		return complain(grant->why, error, "something is at that offset already");
	if (error == EPERM)
		return complain(grant->why, error, "the map file is locked");
	if (error)
		return grant_explain_map(grant, error);
	record_made(grant, &made);
	grant_print_file(grant, made.map);
	return 0;
}

static int run_add(struct grant *grant)
{
	const struct command *command = grant->command;
	bool new_directory = !tree_has_process(grant->tree, command->pid);
	struct remotefs_map_args template = { .mode = command->mode };
	struct made made = { .directory = -1 };
	struct span *spans = NULL;
	size_t nr_spans = 0;
	int error;

	if (command->write)
		template.flags |= REMOTEFS_MAP_WRITE;
	if (command->zero)
		template.flags |= REMOTEFS_MAP_ZERO;
	if (command->into)
		return add_into(grant, &template);
	if (command->memory.kind == MEMORY_WHOLE)
		template.flags |= REMOTEFS_MAP_WHOLE;
	error = grant_attach_for_file(grant, &template);
	if (!error)
		error = grant_choose_spans(grant, &spans, &nr_spans);
	if (!error)
		error = make_files(grant, &template, spans, nr_spans, &made);
	if (!error)
		error = label_files(grant, &made);
	if (error)
		unmake_files(grant, &made, new_directory);
	else
		tell_made(grant, &made);
	if (made.directory >= 0)
		close(made.directory);
	free(made.files);
	free(spans);
	return error;
}

static int run_help(struct grant *grant)
{
	fputs(command_grammar, grant->answer);
	return 0;
}

static const struct {
	const char *word;
	int (*run)(struct grant *grant);
} verbs[] = {
	[COMMAND_ADD]		= { "add", run_add },
	[COMMAND_REVOKE]	= { "revoke", change_revoke },
	[COMMAND_ALLOW]		= { "allow", change_allow },
	[COMMAND_UNMAP]		= { "unmap", change_unmap },
	[COMMAND_LOCK]		= { "lock", change_lock },
	[COMMAND_CHMOD]		= { "chmod", change_mode },
	[COMMAND_CHOWN]		= { "chown", change_owner },
	[COMMAND_WATCH]		= { "watch", watch_add },
	[COMMAND_UNWATCH]	= { "unwatch", watch_end },
	[COMMAND_NEW]		= { "new", remote_new },
	[COMMAND_MMAP]		= { "mmap", remote_mmap },
	[COMMAND_MUNMAP]	= { "munmap", remote_munmap },
	[COMMAND_DISCARD]	= { "discard", remote_discard },
	[COMMAND_STATE]		= { "state", change_state },
	[COMMAND_HELP]		= { "help", run_help },
};

static void record_denial(const struct job *job, const struct command *command, int error,
			  const struct complaint *why)
{
	const struct memory *memory = &command->memory;
	char range[RECORD_RANGE_SIZE] = "";

	if (error != EACCES && error != EPERM)
		return;
	if (memory->kind == MEMORY_INTERVAL)
		record_range(range, memory->start, memory->end, NULL);
	record_write(&(struct record){
		.event = RECORD_DENIED,
		.requester = job->requester,
		.pid = command->pid,
		.range = *range ? range : NULL,
		.verb = verbs[command->verb].word,
		.error = error,
		.sentence = why->sentence,
	});
}

static int run_command(const struct job *job, const struct command *command, FILE *answer,
		       struct complaint *why)
{
	struct grant grant = {
		.job = job,
		.command = command,
		.verb = verbs[command->verb].word,
		.answer = answer,
		.why = why,
	};

	grant.tree = kernel_open_tree(job->data, why);
	if (grant.tree < 0)
		return -grant.tree;
	return verbs[command->verb].run(&grant);
}

/* In place of whatever paths were written before it failed. */
static void answer_error(FILE *answer, int error, const struct complaint *why)
{
	fflush(answer);
	rewind(answer);
	if (ftruncate(fileno(answer), 0))
		return;
	fprintf(answer, "error: %s: %s\n", strerrorname_np(error), why->sentence);
}

/**
 * grant_run - carry out one command and write its answer
 * @job:	the command's text and who wrote it
 * @answer:	takes the paths, or the error and its sentence
 *
 * Runs in a child of its own, whose end closes what is open here.
 *
 * Return: 0, or the errno value that the requester's write(2) fails with.
 */
int grant_run(const struct job *job, FILE *answer)
{
	struct complaint why = { "" };
	struct command command;
	int error = command_parse(job->text, job->length, &command, &why);

	if (!error) {
		error = run_command(job, &command, answer, &why);
		record_denial(job, &command, error, &why);
	}
	if (error)
		answer_error(answer, error, &why);
	return error;
}
