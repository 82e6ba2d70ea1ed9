// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach.h"

static bool verbose;
static volatile sig_atomic_t stopped;

/* libbpf tells the same failure in many lines; one of ours is enough, as a rule. */
static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (!verbose || level == LIBBPF_DEBUG)
		return 0;
	return vfprintf(stderr, format, args);
}

void attach_be_verbose(void)
{
	verbose = true;
}

static const char *reason(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return "not permitted (this needs root, or CAP_BPF and CAP_PERFMON)";
	case EINVAL:
		return "the kernel does not take it (-v tells why)";
	default:
		return strerror(error);
	}
}

struct bpf_object *object_open(void)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof(".bpf.o"));
	struct bpf_object *object;

	if (length < 0)
		err(1, "/proc/self/exe");
	strcpy(path + length, ".bpf.o");
	libbpf_set_print(print_libbpf);
	object = bpf_object__open_file(path, NULL);
	if (!object)
		errx(1, "%s: %s", path, errno == ENOENT ? "no such file" : reason(errno));
	return object;
}

/* Programs of tracepoints that the module does not have: it is not loaded, or old. */
static void check_module(void)
{
	if (access("/sys/module/remotefs", F_OK))
		errx(1, "remotefs: the module is not loaded (modprobe remotefs)");
}

void object_attach(struct bpf_object *object)
{
	struct bpf_program *program;

	check_module();
	if (bpf_object__load(object))
		errx(1, "%s.bpf.o: %s", bpf_object__name(object), reason(errno));
	bpf_object__for_each_program(program, object)
		if (!bpf_program__attach(program))
			errx(1, "%s: %s", bpf_program__section_name(program),
			     errno == ENOENT ? "this module has no such tracepoint" :
			     reason(errno));
}

int object_map(struct bpf_object *object, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	if (fd < 0)
		errx(1, "%s.bpf.o: no map called %s", bpf_object__name(object), name);
	return fd;
}

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

void catch_signals(void)
{
	struct sigaction action = { .sa_handler = stop };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool wait_seconds(unsigned int seconds)
{
	if (!stopped)
		poll(NULL, 0, seconds * 1000);
	return !stopped;
}

int run_command(char *argv[])
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		execvp(argv[0], argv);
		warn("%s", argv[0]);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			err(1, "%s", argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

uint32_t kernel_device(dev_t dev)
{
	return major(dev) << 20 | minor(dev);
}
