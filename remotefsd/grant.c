// SPDX-License-Identifier: GPL-2.0-only
/*
 * Carrying a command out: grants are made, revoked and widened here.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Each function answers for itself: it returns an errno value and has written
 * the sentence, or it has done all that was asked.  Paths are printed only when
 * nothing can fail any more.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/remotefs.h>

#include "remotefsd.h"

/* One command on its way. */
struct grant {
	const struct job *job;
	const struct command *command;
	int tree;
	int session;
	FILE *maps;		/* the source's, readable only once attached */
	FILE *answer;
	struct complaint *why;
};

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

static int explain_map(const struct grant *grant, int error)
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

static int attach(struct grant *grant)
{
	const struct job *job = grant->job;
	struct authority authority;
	int control = kernel_open_control(grant->tree);
	int error;

	if (control < 0)
		return complain(grant->why, -control, "the control file: %s", strerror(-control));
	error = authority_take(grant->command, job->around, job->requester, &authority, grant->why);
	if (error)
		return error;
	grant->session = authority_attach(&authority, control, grant->command->pid, job->around,
					  job->requester);
	if (grant->session < 0)
		return explain_attach(grant, -grant->session);
	grant->maps = fdopen(authority.maps, "r");
	return grant->maps ? 0 : complain(grant->why, errno, "%s", strerror(errno));
}

static int find_user(const struct grant *grant, const char *name, uint32_t *uid)
{
	const struct passwd *user;

	if (command_parse_id(name, uid))
		return 0;
	user = getpwnam(name);
	if (!user)
		return complain(grant->why, EINVAL, "there is no user '%s'", name);
	*uid = user->pw_uid;
	return 0;
}

static int find_group(const struct grant *grant, const char *name, uint32_t *gid)
{
	const struct group *group;

	if (command_parse_id(name, gid))
		return 0;
	group = getgrnam(name);
	if (!group)
		return complain(grant->why, EINVAL, "there is no group '%s'", name);
	*gid = group->gr_gid;
	return 0;
}

/* Map files are the requester's unless they are given away. */
static int choose_owner(const struct grant *grant, struct remotefs_map_args *args)
{
	const struct identity *requester = grant->job->requester;
	int error;

	args->flags |= REMOTEFS_MAP_OWNER;
	args->uid = requester->uid;
	args->gid = requester->gid;
	if (!*grant->command->owner_user)
		return 0;
	error = find_user(grant, grant->command->owner_user, &args->uid);
	if (!error)
		error = find_group(grant, grant->command->owner_group, &args->gid);
	if (error)
		return error;
	if (!policy_may_give(grant->job->around, requester, args->uid, args->gid))
		return complain(grant->why, EPERM, "you may not give files away (CAP_CHOWN)");
	return 0;
}

/* The numbers of the map files that one command made. */
struct made {
	uint32_t *maps;
	size_t count;
};

static int make_file(const struct grant *grant, const struct remotefs_map_args *template,
		     const struct span *span, struct made *made)
{
	struct remotefs_map_args args = *template;
	int error;

	args.flags |= REMOTEFS_MAP_NEW;
	args.address = span->start;
	args.length = span->end - span->start;
	error = kernel_map(grant->session, &args);
	if (!error)
		made->maps[made->count++] = args.map;
	return error;
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

	made->maps = calloc(nr_spans + 1, sizeof(*made->maps));
	if (!made->maps)
		return complain(grant->why, ENOMEM, "%s", strerror(ENOMEM));
	for (size_t i = 0; i < nr_spans; i++) {
		int error = make_file(grant, template, &spans[i], made);

		if (error && !(error == EFAULT && skip_vanished))
			return explain_map(grant, error);
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
	size_t nr_files;

	for (size_t i = 0; i < made->count; i++)
		tree_unlink(grant->tree, pid, made->maps[i]);
	if (new_directory && !tree_files(grant->tree, pid, &files, &nr_files) && !nr_files)
		tree_remove_process(grant->tree, pid);
	free(files);
}

static void print_made(const struct grant *grant, const struct made *made)
{
	for (size_t i = 0; i < made->count; i++) {
		tree_print_path(grant->answer, grant->command->pid, made->maps[i]);
		fputc('\n', grant->answer);
	}
}

static int choose_spans(const struct grant *grant, struct span **spans, size_t *nr_spans)
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
	/* The whole address space is an empty span at zero, as the kernel has it. */
	*spans = calloc(1, sizeof(**spans));
	if (!*spans)
		return complain(grant->why, ENOMEM, "%s", strerror(ENOMEM));
	**spans = (struct span){ memory->start, memory->end };
	*nr_spans = 1;
	return 0;
}

static int run_add(struct grant *grant)
{
	const struct command *command = grant->command;
	bool new_directory = !tree_has_process(grant->tree, command->pid);
	struct remotefs_map_args template = { .mode = command->mode };
	struct made made = { 0 };
	struct span *spans = NULL;
	size_t nr_spans = 0;
	int error;

	if (command->write)
		template.flags |= REMOTEFS_MAP_WRITE;
	if (command->zero)
		template.flags |= REMOTEFS_MAP_ZERO;
	if (command->memory.kind == MEMORY_WHOLE)
		template.flags |= REMOTEFS_MAP_WHOLE;
	error = choose_owner(grant, &template);
	if (!error)
		error = attach(grant);
	if (!error)
		error = choose_spans(grant, &spans, &nr_spans);
	if (!error)
		error = make_files(grant, &template, spans, nr_spans, &made);
	if (error)
		unmake_files(grant, &made, new_directory);
	else
		print_made(grant, &made);
	free(made.maps);
	free(spans);
	return error;
}

static bool may_change(const struct grant *grant, const struct map_file *file)
{
	return policy_may_change(grant->job->around, grant->job->requester, file->uid);
}

static int refuse_change(const struct grant *grant, const struct map_file *file)
{
	char name[TREE_NAME_SIZE];

	return complain(grant->why, EPERM, "%d/%s belongs to another user", file->pid,
			tree_name(name, file->map));
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
static int check_targets(const struct grant *grant, struct map_file *files, size_t *nr_files)
{
	size_t kept = 0;

	for (size_t i = 0; i < *nr_files; i++) {
		if (may_change(grant, &files[i]))
			files[kept++] = files[i];
		else if (grant->command->scope != SCOPE_ALL)
			return refuse_change(grant, &files[i]);
	}
	*nr_files = kept;
	return 0;
}

/* One that is gone already was revoked by somebody else, or its process exited. */
static int revoke_file(const struct grant *grant, const struct map_file *file)
{
	int error = tree_unlink(grant->tree, file->pid, file->map);

	if (error && error != ENOENT)
		return complain(grant->why, error, "%s", strerror(error));
	tree_print_path(grant->answer, file->pid, file->map);
	fputc('\n', grant->answer);
	return 0;
}

static int run_revoke(struct grant *grant)
{
	const struct command *command = grant->command;
	struct map_file *files = NULL;
	size_t nr_files = 0;
	int error;

	error = find_targets(grant, &files, &nr_files);
	if (!error)
		error = check_targets(grant, files, &nr_files);
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
static int find_offset(const struct grant *grant, struct remotefs_allow_args *args)
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
			args->offset = range.offset + (memory->start - range.out_address);
			close(fd);
			return 0;
		}
		range.offset += range.out_length;
	}
	close(fd);
	return complain(grant->why, ENOENT, "the map file does not show these addresses");
}

static int explain_allow(const struct grant *grant, int error)
{
	if (error == EEXIST)
		return complain(grant->why, error, "some of it is writable already");
	return explain_map(grant, error);
}

static int run_allow(struct grant *grant)
{
	const struct command *command = grant->command;
	struct remotefs_allow_args args = {
		.map = command->map,
		.length = command->memory.end - command->memory.start,
	};
	struct map_file file;
	int error = tree_file(grant->tree, command->pid, command->map, &file);

	if (error)
		return complain(grant->why, error, "there is no such map file");
	if (!may_change(grant, &file))
		return refuse_change(grant, &file);
	error = attach(grant);
	if (!error)
		error = find_offset(grant, &args);
	if (error)
		return error;
	error = kernel_allow(grant->session, &args);
	if (error)
		return explain_allow(grant, error);
	tree_print_path(grant->answer, command->pid, command->map);
	fputc('\n', grant->answer);
	return 0;
}

static const struct {
	const char *word;
	int (*run)(struct grant *grant);
} verbs[] = {
	[COMMAND_ADD]		= { "add", run_add },
	[COMMAND_REVOKE]	= { "revoke", run_revoke },
	[COMMAND_ALLOW]		= { "allow", run_allow },
};

static void log_denial(const struct job *job, const struct command *command, int error,
		       const struct complaint *why)
{
	if (error == EACCES || error == EPERM)
		journal_log(LOG_INFO, "denied: %s of process %d to uid %u, process %d: %s",
			    verbs[command->verb].word, command->pid, job->requester->uid,
			    job->requester->tgid, why->sentence);
}

static int run_command(const struct job *job, const struct command *command, FILE *answer,
		       struct complaint *why)
{
	struct grant grant = { .job = job, .command = command, .answer = answer, .why = why };

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
		log_denial(job, &command, error, &why);
	}
	if (error)
		answer_error(answer, error, &why);
	return error;
}
