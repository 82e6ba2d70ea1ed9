// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefsd: options, signals, readiness, and the loop.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#define FUSE_USE_VERSION 312
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "events.h"
#include "remotefsd.h"

#define DEFAULT_DATA	"/run/remotefs"
#define DEFAULT_MOUNT	"/run/remotefsd"
#define DEFAULT_POLICY	"/etc/remotefs/policy.conf"

/* How long jobs under way may take to end when the daemon is told to stop. */
#define DRAIN_SECONDS	5

struct settings {
	const char *data;
	const char *mount;
	const char *policy;
	bool allow_other;
};

static const char usage_text[] =
	"Usage: remotefsd [OPTION...]\n"
	"Serve control files for remotefs, the memory of live processes as files.\n"
	"\n"
	"  --data=DIR         where remotefs is mounted (" DEFAULT_DATA ")\n"
	"  --mount=DIR        where to serve the control files (" DEFAULT_MOUNT ")\n"
	"  --policy=FILE      who may expose what (" DEFAULT_POLICY ")\n"
	"  --no-allow-other   for the daemon's own user only\n"
	"  -f, --foreground   stay in the foreground; always so\n"
	"  -h, --help         show this help\n"
	"  -V, --version      show the version\n";

static void __attribute__((noreturn)) misuse(void)
{
	fputs("Try 'remotefsd --help' for more information.\n", stderr);
	exit(EXIT_FAILURE);
}

static void handle_option(struct settings *settings, int option)
{
	switch (option) {
	case 'd':
		settings->data = optarg;
		break;
	case 'm':
		settings->mount = optarg;
		break;
	case 'p':
		settings->policy = optarg;
		break;
	case 'O':
		settings->allow_other = false;
		break;
	case 'f':
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(EXIT_SUCCESS);
	case 'V':
		puts("remotefsd " REMOTEFS_VERSION);
		exit(EXIT_SUCCESS);
	default:
		misuse();
	}
}

static void parse_arguments(struct settings *settings, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "mount", required_argument, NULL, 'm' },
		{ "policy", required_argument, NULL, 'p' },
		{ "no-allow-other", no_argument, NULL, 'O' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "fhV", long_options, NULL)) != -1)
		handle_option(settings, option);
	if (optind < argc) {
		warnx("%s: unexpected argument", argv[optind]);
		misuse();
	}
}

/* Each open file can take a descriptor, and each user can have many open. */
static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static void look_around(struct ctlfs *ctlfs)
{
	int error = identity_read(getpid(), &ctlfs->around.self);

	raise_limits();
	if (error)
		errx(EXIT_FAILURE, "own credentials: %s", strerror(error));
	error = record_init();
	if (error)
		errx(EXIT_FAILURE, "memory for counting records: %s", strerror(error));
	clock_gettime(CLOCK_REALTIME, &ctlfs->started);
}

/* Links lead there from elsewhere, so the path must be a whole one. */
static const char *find_data(const char *data)
{
	struct complaint why;
	int tree = kernel_open_tree(data, &why);
	const char *path;

	if (tree < 0)
		errx(EXIT_FAILURE, "%s", why.sentence);
	close(tree);
	path = realpath(data, NULL);
	if (!path)
		err(EXIT_FAILURE, "%s", data);
	return path;
}

/* A daemon that was killed leaves its mount behind, which answers ENOTCONN. */
static void prepare_mount_point(const char *path)
{
	struct stat st;

	if (!stat(path, &st))
		return;
	if (errno == ENOENT && !mkdir(path, 0755))
		return;
	if (errno == ENOTCONN && !umount2(path, MNT_DETACH))
		return;
	err(EXIT_FAILURE, "%s", path);
}

static int open_signals(void)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		err(EXIT_FAILURE, "signalfd");
	return fd;
}

static struct fuse_session *open_session(const struct settings *settings, struct ctlfs *ctlfs)
{
	char allow_other[] = "-oallow_other";
	char name[] = "remotefsd";
	char options[] = "-odefault_permissions,nosuid,nodev,noexec,fsname=remotefsd,subtype=remotefsd";
	char *argv[] = { name, options, allow_other, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(settings->allow_other ? 3 : 2, argv);
	struct fuse_session *session;

	session = fuse_session_new(&args, &ctlfs_ops, sizeof(ctlfs_ops), ctlfs);
	fuse_opt_free_args(&args);
	if (!session || fuse_session_mount(session, settings->mount))
		errx(EXIT_FAILURE, "%s: cannot be mounted on", settings->mount);
	fcntl(fuse_session_fd(session), F_SETFL, O_NONBLOCK);
	worker_close_in_children(fuse_session_fd(session));
	return session;
}

/* Returns false when it is time to stop. */
static bool handle_signals(int signals)
{
	struct signalfd_siginfo info;
	bool go_on = true;

	while (read(signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			go_on = false;
	worker_reap();
	return go_on;
}

/* Returns false when the connection is gone; nothing to read is no reason. */
static bool handle_request(struct fuse_session *session, struct fuse_buf *buffer)
{
	int length = fuse_session_receive_buf(session, buffer);

	if (length > 0)
		fuse_session_process_buf(session, buffer);
	return length > 0 || length == -EINTR || length == -EAGAIN;
}

/*
 * The first request is the kernel's greeting: once it is answered, so is
 * everything else.
 */
static void serve(struct fuse_session *session, int signals, int streams,
		  int events_fd)
{
	struct pollfd events[] = {
		{ .fd = fuse_session_fd(session), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = streams, .events = POLLIN },
		{ .fd = events_fd, .events = POLLIN },
	};
	struct fuse_buf buffer = { 0 };
	bool ready = false;

	while (!fuse_session_exited(session)) {
		if (poll(events, 4, -1) < 0 && errno != EINTR)
			err(EXIT_FAILURE, "poll");
		if (events[1].revents && !handle_signals(signals))
			break;
		if (events[2].revents)
			stream_answer();
		if (events[3].revents)
			events_answer();
		if (!events[0].revents)
			continue;
		if (!handle_request(session, &buffer))
			break;
		if (!ready)
			journal_notify("READY=1");
		ready = true;
	}
	free(buffer.mem);
}

/* Those who wait for a command get their answer, if it comes soon. */
static void drain(int signals)
{
	struct pollfd event = { .fd = signals, .events = POLLIN };
	time_t deadline = time(NULL) + DRAIN_SECONDS;

	while (worker_is_any() && time(NULL) < deadline) {
		poll(&event, 1, 1000);
		handle_signals(signals);
	}
	worker_kill();
	stream_kill();
}

int main(int argc, char **argv)
{
	struct settings settings = { DEFAULT_DATA, DEFAULT_MOUNT, DEFAULT_POLICY, true };
	struct fuse_session *session;
	struct ctlfs ctlfs = { 0 };
	int signals, streams, events;

	parse_arguments(&settings, argc, argv);
	look_around(&ctlfs);
	ctlfs.data = find_data(settings.data);
	ctlfs.policy = settings.policy;
	prepare_mount_point(settings.mount);
	signals = open_signals();
	streams = stream_init();
	if (streams < 0)
		errx(EXIT_FAILURE, "epoll: %s", strerror(-streams));
	events = events_init(ctlfs.data, &ctlfs.around);
	if (events < 0)
		errx(EXIT_FAILURE, "events: %s", strerror(-events));
	session = open_session(&settings, &ctlfs);
	journal_log(LOG_INFO, "serving %s on %s", settings.data, settings.mount);
	serve(session, signals, streams, events);
	journal_notify("STOPPING=1");
	drain(signals);
	fuse_session_unmount(session);
	fuse_session_destroy(session);
	identity_release(&ctlfs.around.self);
	free((char *)ctlfs.data);
	return EXIT_SUCCESS;
}
