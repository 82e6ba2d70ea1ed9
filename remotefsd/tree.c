// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the data tree holds.  It is the only state there is: the daemon keeps
 * none of its own, so it finds everything again after a restart.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/remotefs.h>

#include "remotefsd.h"

/**
 * tree_name - the name of a map file
 * @name:	takes it
 * @map:	its number
 *
 * Return: @name.
 */
const char *tree_name(char name[TREE_NAME_SIZE], uint32_t map)
{
	if (map == REMOTEFS_MAP_AS)
		strcpy(name, "as");
	else
		snprintf(name, TREE_NAME_SIZE, "map-%u", map);
	return name;
}

/**
 * tree_print_path - write the path of a map file as the answers have it
 * @out:	where to
 * @pid:	its process
 * @map:	its number
 */
void tree_print_path(FILE *out, pid_t pid, uint32_t map)
{
	char name[TREE_NAME_SIZE];

	fprintf(out, "%d/%s", pid, tree_name(name, map));
}

static const char *process_name(char name[TREE_NAME_SIZE], pid_t pid)
{
	snprintf(name, TREE_NAME_SIZE, "%d", pid);
	return name;
}

/**
 * tree_open_process - open the directory of a process
 * @tree:	the root of the data tree
 * @pid:	the process
 *
 * Return: a descriptor, or a negative errno value.
 */
int tree_open_process(int tree, pid_t pid)
{
	char name[TREE_NAME_SIZE];
	int fd = openat(tree, process_name(name, pid), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/**
 * tree_has_process - whether a process has a directory
 * @tree:	the root of the data tree
 * @pid:	the process
 */
bool tree_has_process(int tree, pid_t pid)
{
	char name[TREE_NAME_SIZE];

	return !faccessat(tree, process_name(name, pid), F_OK, 0);
}

/* A stream over a directory that leaves the caller's descriptor alone. */
static DIR *open_stream(int directory)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (!stream && fd >= 0)
		close(fd);
	return stream;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t left = *(const pid_t *)a;
	pid_t right = *(const pid_t *)b;

	return (left > right) - (left < right);
}

/**
 * tree_processes - all processes that have a directory
 * @tree:	the root of the data tree
 * @pids:	receives a sorted array, to be freed even after an error
 * @nr_pids:	receives its length
 *
 * Return: 0, or an errno value.
 */
int tree_processes(int tree, pid_t **pids, size_t *nr_pids)
{
	DIR *stream = open_stream(tree);
	const struct dirent *entry;
	int error = 0;
	pid_t pid;

	*pids = NULL;
	*nr_pids = 0;
	if (!stream)
		return errno;
	while (!error && (entry = readdir(stream))) {
		pid_t *grown;

		if (!word_parse_pid(entry->d_name, &pid))
			continue;
		grown = reallocarray(*pids, *nr_pids + 1, sizeof(*grown));
		if (grown) {
			*pids = grown;
			grown[(*nr_pids)++] = pid;
		} else {
			error = ENOMEM;
		}
	}
	closedir(stream);
	if (*nr_pids)
		qsort(*pids, *nr_pids, sizeof(**pids), compare_pids);
	return error;
}

static int stat_file(int directory, pid_t pid, uint32_t map, struct map_file *file)
{
	char name[TREE_NAME_SIZE];
	struct stat st;

	if (fstatat(directory, tree_name(name, map), &st, AT_SYMLINK_NOFOLLOW))
		return errno;
	*file = (struct map_file){
		.pid = pid,
		.map = map,
		.ino = st.st_ino,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.mode = st.st_mode & 07777,
		.size = st.st_size,
	};
	return 0;
}

/**
 * tree_file - what is known about one map file
 * @tree:	the root of the data tree
 * @pid:	its process
 * @map:	its number
 * @file:	the result
 *
 * Return: 0, or an errno value.
 */
int tree_file(int tree, pid_t pid, uint32_t map, struct map_file *file)
{
	int directory = tree_open_process(tree, pid);
	int error;

	if (directory < 0)
		return -directory;
	error = stat_file(directory, pid, map, file);
	close(directory);
	return error;
}

static int compare_maps(const void *a, const void *b)
{
	uint32_t left = ((const struct map_file *)a)->map;
	uint32_t right = ((const struct map_file *)b)->map;

	return (left > right) - (left < right);
}

static int append_file(struct map_file **files, size_t *nr_files, const struct map_file *file)
{
	struct map_file *grown = reallocarray(*files, *nr_files + 1, sizeof(*grown));

	if (!grown)
		return ENOMEM;
	*files = grown;
	grown[(*nr_files)++] = *file;
	return 0;
}

static int append_files(int tree, pid_t pid, struct map_file **files, size_t *nr_files)
{
	int directory = tree_open_process(tree, pid);
	DIR *stream = directory < 0 ? NULL : open_stream(directory);
	size_t first = *nr_files;
	const struct dirent *entry;
	struct map_file file;
	int error = 0;
	uint32_t map;

	if (directory < 0)
		return -directory;
	if (!stream)
		error = errno;
	while (!error && (entry = readdir(stream))) {
		if (!word_parse_map(entry->d_name, &map))
			continue;
		/* One that vanishes meanwhile was revoked: it is not there. */
		if (!stat_file(directory, pid, map, &file))
			error = append_file(files, nr_files, &file);
	}
	if (stream)
		closedir(stream);
	close(directory);
	if (*nr_files > first)
		qsort(*files + first, *nr_files - first, sizeof(**files), compare_maps);
	return error;
}

/**
 * tree_files - the map files of a process
 * @tree:	the root of the data tree
 * @pid:	the process
 * @files:	receives a sorted array, to be freed even after an error
 * @nr_files:	receives its length
 *
 * Return: 0, ENOENT if it has no directory, or another errno value.
 */
int tree_files(int tree, pid_t pid, struct map_file **files, size_t *nr_files)
{
	*files = NULL;
	*nr_files = 0;
	return append_files(tree, pid, files, nr_files);
}

/**
 * tree_all_files - the map files of all processes
 * @tree:	the root of the data tree
 * @files:	receives a sorted array, to be freed even after an error
 * @nr_files:	receives its length
 *
 * Return: 0, or an errno value.
 */
int tree_all_files(int tree, struct map_file **files, size_t *nr_files)
{
	size_t nr_pids;
	pid_t *pids;
	int error;

	*files = NULL;
	*nr_files = 0;
	error = tree_processes(tree, &pids, &nr_pids);
	for (size_t i = 0; i < nr_pids && !error; i++) {
		error = append_files(tree, pids[i], files, nr_files);
		/* Its process exited since. */
		if (error == ENOENT)
			error = 0;
	}
	free(pids);
	return error;
}

/**
 * tree_open_file - open a map file for questions about it
 * @tree:	the root of the data tree
 * @pid:	its process
 * @map:	its number
 *
 * Return: a descriptor, or a negative errno value.
 */
int tree_open_file(int tree, pid_t pid, uint32_t map)
{
	int directory = tree_open_process(tree, pid);
	char name[TREE_NAME_SIZE];
	int fd;

	if (directory < 0)
		return directory;
	fd = openat(directory, tree_name(name, map), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	close(directory);
	return fd;
}

/**
 * tree_label - give a map file a name that people know it by
 * @directory:	its process's
 * @map:	its number
 * @label:	the name
 *
 * By its path, for to open it is what policies are asked about.
 *
 * Return: 0, or an errno value.
 */
int tree_label(int directory, uint32_t map, const char *label)
{
	char name[TREE_NAME_SIZE];
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", directory, tree_name(name, map));
	return lsetxattr(path, REMOTEFS_XATTR_LABEL, label, strlen(label), XATTR_CREATE) ?
		errno : 0;
}

/*
 * The directory that a file was seen in, if it is still there.  A process that
 * calls execve(2), or another one with its PID, has another directory, and there
 * the same name may be somebody else's file.
 */
static int open_directory_of(int tree, const struct map_file *file)
{
	int directory = tree_open_process(tree, file->pid);
	struct map_file now;
	int error;

	if (directory < 0)
		return directory;
	error = stat_file(directory, file->pid, file->map, &now);
	if (!error && now.ino == file->ino)
		return directory;
	close(directory);
	return error ? -error : -ENOENT;
}

/**
 * tree_unlink - revoke a map file
 * @tree:	the root of the data tree
 * @file:	the map file, as it was seen
 *
 * Return: 0, ENOENT if it is gone, or another errno value.
 */
int tree_unlink(int tree, const struct map_file *file)
{
	int directory = open_directory_of(tree, file);
	char name[TREE_NAME_SIZE];
	int error = 0;

	if (directory < 0)
		return -directory;
	if (unlinkat(directory, tree_name(name, file->map), 0))
		error = errno;
	close(directory);
	return error;
}

/**
 * tree_chmod - set the permissions of a map file
 * @tree:	the root of the data tree
 * @file:	the map file, as it was seen
 * @mode:	the permissions
 *
 * Return: 0, ENOENT if it is gone, or another errno value.
 */
int tree_chmod(int tree, const struct map_file *file, mode_t mode)
{
	int directory = open_directory_of(tree, file);
	char name[TREE_NAME_SIZE];
	int error = 0;

	if (directory < 0)
		return -directory;
	if (fchmodat(directory, tree_name(name, file->map), mode, 0))
		error = errno;
	close(directory);
	return error;
}

/**
 * tree_chown - give a map file away
 * @tree:	the root of the data tree
 * @file:	the map file, as it was seen
 * @uid:	its new owner
 * @gid:	its new group
 *
 * Return: 0, ENOENT if it is gone, or another errno value.
 */
int tree_chown(int tree, const struct map_file *file, uid_t uid, gid_t gid)
{
	int directory = open_directory_of(tree, file);
	char name[TREE_NAME_SIZE];
	int error = 0;

	if (directory < 0)
		return -directory;
	if (fchownat(directory, tree_name(name, file->map), uid, gid, AT_SYMLINK_NOFOLLOW))
		error = errno;
	close(directory);
	return error;
}

/**
 * tree_remove_process - revoke whatever a process still has, and its directory
 * @tree:	the root of the data tree
 * @pid:	the process
 *
 * Return: 0, or an errno value.
 */
int tree_remove_process(int tree, pid_t pid)
{
	char name[TREE_NAME_SIZE];

	return unlinkat(tree, process_name(name, pid), AT_REMOVEDIR) ? errno : 0;
}
