// SPDX-License-Identifier: GPL-2.0-only
/*
 * mount.remotefs: what mount(8) runs for "mount -t remotefs".
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * The filesystem is configured through the mount API of Linux 5.2, whose file
 * descriptors can be read for the kernel's own words on what went wrong; every
 * one of them is passed on.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"

#ifndef REMOTEFS_VERSION
#define REMOTEFS_VERSION "0.1.0"
#endif

#define FSTYPE "remotefs"

/* The exit codes of mount(8). */
enum exit_code {
	EXIT_OK = 0,
	EXIT_USAGE = 1,
	EXIT_SYSTEM = 2,
	EXIT_USER = 8,
	EXIT_FAIL = 32,
};

struct invocation {
	const char *spec;
	const char *dir;
	const char *namespace;
	char *option_text;
	struct mount_options options;
	bool sloppy;
	bool fake;
	bool verbose;
};

static const char usage_text[] =
	"Usage: mount.remotefs SPEC DIR [-fnsv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]\n"
	"Mount remotefs, the memory of live processes as files. Usually run by mount(8).\n"
	"\n"
	"  -f              do everything but the mount itself\n"
	"  -n              accepted for mount(8); there is no mtab to write\n"
	"  -N NAMESPACE    mount in this mount namespace: a PID or a file\n"
	"  -o OPTIONS      mount options, see mount.remotefs(8)\n"
	"  -s              tolerate unknown options\n"
	"  -t TYPE         remotefs, or remotefs.SUBTYPE\n"
	"  -v              say what is done\n"
	"  -h, --help      show this help\n"
	"  -V, --version   show the version\n";

static void __attribute__((noreturn)) misuse(void)
{
	fputs("Try 'mount.remotefs --help' for more information.\n", stderr);
	exit(EXIT_USAGE);
}

/* Prints what the kernel said since the last call; returns how much it was. */
static int pass_on_messages(int context, const char *dir)
{
	char message[1024];
	int count = 0;
	ssize_t length;

	while ((length = read(context, message, sizeof(message) - 1)) > 0) {
		message[length] = '\0';
		message[strcspn(message, "\n")] = '\0';
		/* Each begins with its severity: "e ", "w " or "i ". */
		warnx("%s: %s", dir, length > 2 && message[1] == ' ' ? message + 2 : message);
		count++;
	}
	return count;
}

/* To be called with errno of the failed call still in place. */
static enum exit_code kernel_refused(int context, const char *dir)
{
	int error = errno;

	if (!pass_on_messages(context, dir))
		warnx("%s: %s", dir, strerror(error));
	if (error == ENOMEM)
		return EXIT_SYSTEM;
	return error == EPERM ? EXIT_USAGE : EXIT_FAIL;
}

static bool filesystem_is_known(void)
{
	FILE *list = fopen("/proc/filesystems", "re");
	bool known = false;
	char line[128];

	while (list && !known && fgets(line, sizeof(line), list))
		known = !strcmp(line, "nodev\t" FSTYPE "\n");
	if (list)
		fclose(list);
	return known;
}

/*
 * A failure is left to fsopen() to find: the filesystem may be built in, or
 * this may run without /proc.  modprobe says for itself what it met.
 */
static void load_module(const struct invocation *call)
{
	char *const argv[] = { "modprobe", FSTYPE, NULL };
	pid_t child;

	if (filesystem_is_known())
		return;
	if (call->verbose)
		warnx("%s: loading the kernel module " FSTYPE, call->dir);
	child = fork();
	if (child < 0) {
		warn("%s: fork", call->dir);
	} else if (!child) {
		execv("/sbin/modprobe", argv);
		warn("%s: /sbin/modprobe", call->dir);
		_exit(127);
	}
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static int enter_namespace(const struct invocation *call)
{
	const char *path = call->namespace;
	char by_pid[64];
	int error = 0;
	int fd;

	if (!path[strspn(path, "0123456789")]) {
		snprintf(by_pid, sizeof(by_pid), "/proc/%s/ns/mnt", path);
		path = by_pid;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNS))
		error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return error ? -1 : 0;
}

static int set_parameter(int context, const char *key, const char *value)
{
	return fsconfig(context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0);
}

static enum exit_code pass_parameter(const struct invocation *call, int context,
				     const struct parameter *parameter)
{
	if (!set_parameter(context, parameter->key, parameter->value))
		return EXIT_OK;
	if (call->sloppy && errno == EINVAL && !parameter_is_ours(parameter)) {
		pass_on_messages(context, call->dir);
		return EXIT_OK;
	}
	return kernel_refused(context, call->dir);
}

static enum exit_code pass_parameters(const struct invocation *call, int context)
{
	const struct mount_options *options = &call->options;
	enum exit_code code = EXIT_OK;

	for (size_t i = 0; i < options->nr_parameters && !code; i++)
		code = pass_parameter(call, context, &options->parameters[i]);
	return code;
}

static enum exit_code attach_mount(const struct invocation *call, int context)
{
	enum exit_code code = EXIT_OK;
	int mount_fd;

	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return kernel_refused(context, call->dir);
	mount_fd = fsmount(context, FSMOUNT_CLOEXEC, call->options.attr_set);
	if (mount_fd < 0)
		return kernel_refused(context, call->dir);
	if (move_mount(mount_fd, "", AT_FDCWD, call->dir,
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS))
		code = kernel_refused(context, call->dir);
	close(mount_fd);
	return code;
}

static enum exit_code mount_new(const struct invocation *call)
{
	int context = fsopen(FSTYPE, FSOPEN_CLOEXEC);
	enum exit_code code;

	if (context < 0 && errno == ENODEV) {
		warnx("%s: the kernel does not know the filesystem " FSTYPE, call->dir);
		return EXIT_FAIL;
	}
	if (context < 0)
		return kernel_refused(context, call->dir);
	if (set_parameter(context, "source", call->spec))
		code = kernel_refused(context, call->dir);
	else
		code = pass_parameters(call, context);
	if (!code && !call->fake)
		code = attach_mount(call, context);
	pass_on_messages(context, call->dir);
	close(context);
	return code;
}

static enum exit_code reconfigure(const struct invocation *call, int context)
{
	struct mount_attr attr = {
		.attr_set = call->options.attr_set,
		.attr_clr = call->options.attr_clr,
	};

	if (fsconfig(context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0))
		return kernel_refused(context, call->dir);
	if (mount_setattr(AT_FDCWD, call->dir, 0, &attr, sizeof(attr)))
		return kernel_refused(context, call->dir);
	return EXIT_OK;
}

static enum exit_code remount(const struct invocation *call)
{
	int context = fspick(AT_FDCWD, call->dir, FSPICK_CLOEXEC | FSPICK_NO_AUTOMOUNT);
	enum exit_code code;

	if (context < 0)
		return kernel_refused(context, call->dir);
	code = pass_parameters(call, context);
	if (!code && !call->fake)
		code = reconfigure(call, context);
	pass_on_messages(context, call->dir);
	close(context);
	return code;
}

static enum exit_code perform(const struct invocation *call)
{
	enum exit_code code;

	load_module(call);
	if (call->namespace && enter_namespace(call)) {
		warn("%s: mount namespace %s", call->dir, call->namespace);
		return EXIT_SYSTEM;
	}
	code = call->options.remount ? remount(call) : mount_new(call);
	if (!code && call->verbose)
		warnx("%s: %s %s", call->dir, call->options.remount ? "remounted" : "mounted",
		      call->fake ? "(not really)" : call->spec);
	return code;
}

/* Several -o add up, as they do for mount(8). */
static void add_options(struct invocation *call, const char *more)
{
	char *joined;

	if (asprintf(&joined, "%s,%s", call->option_text ? call->option_text : "", more) < 0)
		err(EXIT_SYSTEM, "%s", more);
	free(call->option_text);
	call->option_text = joined;
}

static void check_type(const char *type)
{
	size_t length = strlen(FSTYPE);

	if (strncmp(type, FSTYPE, length) || (type[length] && type[length] != '.')) {
		warnx("%s: not a type of this program", type);
		misuse();
	}
}

static void handle_option(struct invocation *call, int option)
{
	switch (option) {
	case 'f':
		call->fake = true;
		break;
	case 'n':
		break;
	case 'N':
		call->namespace = optarg;
		break;
	case 'o':
		add_options(call, optarg);
		break;
	case 's':
		call->sloppy = true;
		break;
	case 't':
		check_type(optarg);
		break;
	case 'v':
		call->verbose = true;
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(EXIT_OK);
	case 'V':
		puts("mount.remotefs " REMOTEFS_VERSION);
		exit(EXIT_OK);
	default:
		misuse();
	}
}

static void parse_arguments(struct invocation *call, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "fhnN:o:st:vV", long_options, NULL)) != -1)
		handle_option(call, option);
	if (argc - optind != 2) {
		warnx("a source and a directory are needed, nothing else");
		misuse();
	}
	call->spec = argv[optind];
	call->dir = argv[optind + 1];
}

/* Nothing needs to be undone: a mount not yet attached goes with its descriptor. */
static void stop(int signal)
{
	(void)signal;
	_exit(EXIT_USER);
}

static enum exit_code prepare_options(struct invocation *call)
{
	const struct parameter *unknown;

	if (options_parse(&call->options, call->option_text ? call->option_text : "")) {
		warnx("%s: %s", call->dir, strerror(ENOMEM));
		return EXIT_SYSTEM;
	}
	unknown = options_resolve(&call->options);
	if (unknown) {
		warnx("%s: unknown %s '%s'", call->dir,
		      strcmp(unknown->key, "uid") ? "group" : "user", unknown->value);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	struct invocation call = { 0 };
	enum exit_code code;

	signal(SIGINT, stop);
	parse_arguments(&call, argc, argv);
	code = prepare_options(&call);
	if (!code)
		code = perform(&call);
	options_free(&call.options);
	free(call.option_text);
	return code;
}
