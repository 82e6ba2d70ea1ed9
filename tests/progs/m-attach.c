// SPDX-License-Identifier: GPL-2.0-only
/*
 * m-attach: the control ABI for shells.
 *
 *   m-attach CONTROL PID map START END ro|rw [MAP OFFSET]   prints the number
 *   m-attach CONTROL PID as ro|rw
 *   m-attach CONTROL PID unmap MAP OFFSET LENGTH
 *   m-attach CONTROL PID allow MAP OFFSET LENGTH
 *   m-attach FILE info       out_* of REMOTEFS_IOC_INFO, as NAME=VALUE;
 *                            - is standard input
 *
 * PID:FD instead of PID uses an open descriptor of /proc/PID/mem.
 * A failure prints its errno's name and exits with 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/remotefs.h>

static void check(long result)
{
	if (result >= 0)
		return;
	puts(strerrorname_np(errno));
	exit(1);
}

static int attach(const char *control, const char *pid)
{
	struct remotefs_attach_args args = { .size = sizeof(args) };
	char path[64];
	const char *colon = strchr(pid, ':');
	int fd = open(control, O_RDWR);
	int session;

	check(fd);
	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	args.pid = atoi(pid);
	args.mem_fd = colon ? atoi(colon + 1) : open(path, O_RDWR);
	check(args.mem_fd);
	session = ioctl(fd, REMOTEFS_IOC_ATTACH, &args);
	check(session);
	return session;
}

static void map(int session, char **words, int nr)
{
	struct remotefs_map_args args = {
		.size = sizeof(args),
		.flags = REMOTEFS_MAP_NEW,
	};

	const char *rights = words[nr > 4 ? 3 : nr - 1];

	if (!strncmp(rights, "rw", 2))
		args.flags |= REMOTEFS_MAP_WRITE;
	if (strstr(rights, ",zero"))
		args.flags |= REMOTEFS_MAP_ZERO;
	if (!strcmp(words[0], "as")) {
		args.flags |= REMOTEFS_MAP_WHOLE;
	} else {
		args.address = strtoull(words[1], NULL, 0);
		args.length = strtoull(words[2], NULL, 0) - args.address;
	}
	if (nr > 4) {
		args.flags &= ~REMOTEFS_MAP_NEW;
		args.map = atoi(words[4]);
		args.offset = strtoull(words[5], NULL, 0);
	}
	check(ioctl(session, REMOTEFS_IOC_MAP, &args));
	printf("%u\n", args.map);
}

static void change(int session, char **words)
{
	/* struct remotefs_allow_args is the same. */
	struct remotefs_unmap_args args = {
		.size = sizeof(args),
		.map = strcmp(words[1], "as") ? (__u32)atoi(words[1]) : REMOTEFS_MAP_AS,
		.offset = strtoull(words[2], NULL, 0),
		.length = strtoull(words[3], NULL, 0),
	};

	check(ioctl(session, strcmp(words[0], "allow") ? REMOTEFS_IOC_UNMAP :
		    REMOTEFS_IOC_ALLOW, &args));
	puts("ok");
}

static void info(const char *path)
{
	struct remotefs_info_args args = { .size = sizeof(args) };
	int fd = strcmp(path, "-") ? open(path, O_RDONLY) : STDIN_FILENO;

	check(fd);
	check(ioctl(fd, REMOTEFS_IOC_INFO, &args));
	printf("pid=%u\nmap=%u\nstate=%u\nranges=%u\nmirrors=%u\nwaiters=%u\n",
	       args.out_pid, args.out_map, args.out_state, args.out_ranges,
	       args.out_mirrors, args.out_waiters);
	printf("faults=%llu\ninvalidations=%llu\n",
	       (unsigned long long)args.out_faults,
	       (unsigned long long)args.out_invalidations);
	printf("mirrored=%llu\nviewers=%u\nflags=%u\n",
	       (unsigned long long)args.out_mirrored, args.out_viewers,
	       args.out_flags);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[2], "info"))
		info(argv[1]);
	else if (argc >= 7 && strcmp(argv[3], "map"))
		change(attach(argv[1], argv[2]), argv + 3);
	else if (argc >= 5)
		map(attach(argv[1], argv[2]), argv + 3, argc - 3);
	else
		return 2;
	return 0;
}
