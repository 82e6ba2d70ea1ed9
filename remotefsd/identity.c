// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is asking: the credentials of a process, as /proc shows them.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * FUSE tells the user, the group and the thread of a request.  The rest is
 * read from /proc while that thread waits for its answer, so it can neither
 * exit nor change.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remotefsd.h"

/* Of "real effective saved file-system", all that open(2) looks at is the last. */
static bool parse_fs_id(const char *value, uint32_t *id)
{
	return sscanf(value, "%*u %*u %*u %" SCNu32, id) == 1;
}

static bool parse_uid(const char *value, struct identity *identity)
{
	return parse_fs_id(value, &identity->uid);
}

static bool parse_gid(const char *value, struct identity *identity)
{
	return parse_fs_id(value, &identity->gid);
}

static bool parse_tgid(const char *value, struct identity *identity)
{
	return sscanf(value, "%d", &identity->tgid) == 1;
}

static bool parse_caps(const char *value, struct identity *identity)
{
	return sscanf(value, "%" SCNx64, &identity->caps) == 1;
}

static bool parse_no_new_privs(const char *value, struct identity *identity)
{
	identity->no_new_privs = atoi(value);
	return true;
}

static bool parse_seccomp(const char *value, struct identity *identity)
{
	identity->seccomp = atoi(value);
	return true;
}

static bool parse_groups(const char *value, struct identity *identity)
{
	/* A number and a blank each: never more numbers than half the length. */
	identity->groups = calloc(strlen(value) / 2 + 1, sizeof(*identity->groups));
	if (!identity->groups)
		return false;
	for (;;) {
		char *end;
		unsigned long id = strtoul(value, &end, 10);

		if (end == value)
			return true;
		identity->groups[identity->nr_groups++] = id;
		value = end;
	}
}

static const struct field {
	const char *name;
	bool (*parse)(const char *value, struct identity *identity);
	bool optional;		/* absent where the kernel was built without */
} fields[] = {
	{ "Tgid:",		parse_tgid,		false },
	{ "Uid:",		parse_uid,		false },
	{ "Gid:",		parse_gid,		false },
	{ "Groups:",		parse_groups,		false },
	{ "CapEff:",		parse_caps,		false },
	{ "NoNewPrivs:",	parse_no_new_privs,	false },
	{ "Seccomp:",		parse_seccomp,		true },
};

#define NR_FIELDS (sizeof(fields) / sizeof(*fields))

static bool parse_line(const char *line, struct identity *identity, bool seen[NR_FIELDS])
{
	for (size_t i = 0; i < NR_FIELDS; i++) {
		size_t length = strlen(fields[i].name);

		if (seen[i] || strncmp(line, fields[i].name, length))
			continue;
		seen[i] = true;
		return fields[i].parse(line + length, identity);
	}
	return true;
}

/**
 * identity_parse_status - credentials from a /proc/PID/status file
 * @status:	the file
 * @identity:	receives them; to be released even after an error
 *
 * Return: 0, or EIO if something is missing.
 */
int identity_parse_status(FILE *status, struct identity *identity)
{
	bool seen[NR_FIELDS] = { false };
	bool good = true;
	char *line = NULL;
	size_t size = 0;

	while (good && getline(&line, &size, status) > 0)
		good = parse_line(line, identity, seen);
	free(line);
	for (size_t i = 0; i < NR_FIELDS; i++)
		good = good && (seen[i] || fields[i].optional);
	return good ? 0 : EIO;
}

static int read_status(int process, struct identity *identity)
{
	int fd = openat(process, "status", O_RDONLY | O_CLOEXEC);
	FILE *status = fd < 0 ? NULL : fdopen(fd, "r");
	int error;

	if (!status) {
		error = errno;
		if (fd >= 0)
			close(fd);
		return error;
	}
	error = identity_parse_status(status, identity);
	fclose(status);
	return error;
}

/**
 * identity_parse_owner - whose process it is, from a /proc/PID/status file
 * @status:	the file
 * @owner:	the result
 *
 * Return: 0, or EIO if something is missing.
 */
int identity_parse_owner(FILE *status, struct owner *owner)
{
	unsigned int seen = 0;
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, status) > 0) {
		seen += sscanf(line, "Uid: %" SCNu32 " %" SCNu32 " %" SCNu32, &owner->uids[0],
			       &owner->uids[1], &owner->uids[2]) == 3;
		seen += sscanf(line, "Gid: %" SCNu32 " %" SCNu32 " %" SCNu32, &owner->gids[0],
			       &owner->gids[1], &owner->gids[2]) == 3;
	}
	free(line);
	return seen == 2 ? 0 : EIO;
}

static int read_namespace(int process, const char *name, ino_t *id)
{
	struct stat st;

	if (fstatat(process, name, &st, 0))
		return errno;
	*id = st.st_ino;
	return 0;
}

/* Without a security module that labels processes, all have the empty label. */
static int read_label(int process, char label[IDENTITY_LABEL_SIZE])
{
	int fd = openat(process, "attr/current", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, label, IDENTITY_LABEL_SIZE);
	int error = errno;

	if (fd >= 0)
		close(fd);
	if (length < 0 && error != ENOENT && error != EINVAL)
		return error;
	if (length == IDENTITY_LABEL_SIZE)
		return EOVERFLOW;
	label[length < 0 ? 0 : length] = '\0';
	return 0;
}

/**
 * identity_read - the credentials of a thread
 * @tid:	its ID in the daemon's PID namespace
 * @identity:	receives them; to be released even after an error
 *
 * Return: 0, or an errno value if anything could not be read.
 */
int identity_read(pid_t tid, struct identity *identity)
{
	char path[32];
	int process;
	int error;

	*identity = (struct identity){ 0 };
	snprintf(path, sizeof(path), "/proc/%d", tid);
	process = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (process < 0)
		return errno;
	error = read_status(process, identity);
	if (!error)
		error = read_label(process, identity->label);
	if (!error)
		error = read_namespace(process, "ns/user", &identity->user_ns);
	if (!error)
		error = read_namespace(process, "ns/pid", &identity->pid_ns);
	close(process);
	return error;
}

static bool groups_equal(const struct identity *a, const struct identity *b)
{
	if (a->nr_groups != b->nr_groups)
		return false;
	return !a->nr_groups || !memcmp(a->groups, b->groups, a->nr_groups * sizeof(*a->groups));
}

/**
 * identity_equal - whether two processes have the same rights
 * @a:	one
 * @b:	the other
 *
 * Return: true if they agree in everything but which process they are.
 */
bool identity_equal(const struct identity *a, const struct identity *b)
{
	return a->uid == b->uid && a->gid == b->gid && a->caps == b->caps &&
	       a->no_new_privs == b->no_new_privs && a->seccomp == b->seccomp &&
	       a->user_ns == b->user_ns && a->pid_ns == b->pid_ns &&
	       groups_equal(a, b) && !strcmp(a->label, b->label);
}

/**
 * identity_release - free what an identity holds
 * @identity:	filled by identity_read() or identity_parse_status()
 */
void identity_release(struct identity *identity)
{
	free(identity->groups);
	identity->groups = NULL;
	identity->nr_groups = 0;
}
