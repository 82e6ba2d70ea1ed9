// SPDX-License-Identifier: GPL-2.0-only
/*
 * a-idmap: mount a directory somewhere else with other users in it.
 *
 *	a-idmap FROM TO INSIDE OUTSIDE COUNT
 *
 * In TO, the users INSIDE, INSIDE + 1, ... of FROM are OUTSIDE, OUTSIDE + 1,
 * ..., and groups alike.
 */
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MOUNT_ATTR_IDMAP
#define MOUNT_ATTR_IDMAP 0x00100000
#endif

static void write_map(pid_t child, const char *name, char **words)
{
	char path[64];
	FILE *map;

	snprintf(path, sizeof(path), "/proc/%d/%s", child, name);
	map = fopen(path, "w");
	if (!map || fprintf(map, "%s %s %s\n", words[0], words[1], words[2]) < 0 || fclose(map))
		err(1, "%s", path);
}

/* A user namespace lives as long as a process in it, or a descriptor of it. */
static int make_namespace(char **words)
{
	int ready[2];
	char path[64], go;
	pid_t child;
	int fd;

	if (pipe(ready))
		err(1, "pipe");
	child = fork();
	if (!child) {
		if (unshare(CLONE_NEWUSER) || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	close(ready[1]);
	if (child < 0 || read(ready[0], &go, 1) != 1)
		errx(1, "no user namespace");
	write_map(child, "uid_map", words);
	write_map(child, "gid_map", words);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", child);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return fd;
}

int main(int argc, char **argv)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	int tree;

	if (argc != 6)
		errx(1, "usage: a-idmap FROM TO INSIDE OUTSIDE COUNT");
	attr.userns_fd = make_namespace(argv + 3);
	tree = open_tree(AT_FDCWD, argv[1], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		err(1, "open_tree %s", argv[1]);
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)))
		err(1, "mount_setattr %s", argv[1]);
	if (move_mount(tree, "", AT_FDCWD, argv[2], MOVE_MOUNT_F_EMPTY_PATH))
		err(1, "move_mount %s", argv[2]);
	return 0;
}
