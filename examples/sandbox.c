// SPDX-License-Identifier: GPL-2.0-only
/*
 * sandbox: a process that can do nothing, and another that manages its memory.
 *
 * Sandboxes let a stub run in an address space of its own, while a supervisor
 * decides what memory it has there.  With ptrace the stub is stopped and made to
 * call mmap for each change.  Here it goes on running, and calls nothing:
 *
 *  - The stub makes a session on itself, hands that over, and gives up all system
 *    calls but read, write and exit.  It cannot even change its own memory.
 *  - The supervisor maps, exposes, discards and unmaps memory in the stub, through
 *    the session.  What is to be done it writes into a window that they share, and
 *    says where; the stub answers when it is done.
 *  - One epoll tells the supervisor of answers, of memory that went, and of the end.
 *
 * There is no ptrace in it, nor anything that takes the right to trace: it works
 * where Yama's ptrace_scope is 3, which forbids that even to root.
 *
 *	gcc -o sandbox sandbox.c	(remotefs.h is in /usr/include/linux)
 *	./sandbox [/run/remotefs/control]
 *
 * What it prints has been checked.  The stub's last program is a wrong one, which ends
 * it; that is heard of, too.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "calls.h"
#include "channel.h"

#define AREA	65536UL
#define NUMBERS	1000
#define NOBODY	65534

/* What the stub can do, one after the other until STEP_END. */
enum { STEP_END, STEP_COPY, STEP_SUM, STEP_COUNT };

struct step {
	uint64_t what;
	uint64_t to, from;		/* addresses in the stub */
	uint64_t words;
};

/* The window: the same bytes at two addresses, one in each process. */
struct window {
	struct step program[8];
	uint64_t result;		/* also what COUNT counts */
	uint64_t stop;			/* ends COUNT */
	uint64_t numbers[NUMBERS];
};

_Static_assert(sizeof(struct window) <= AREA, "the window is too small");

/* The stub */

/* Each step trusts its addresses: what a wrong one breaks is the stub's alone. */
static void stub_run(const struct step *step)
{
	volatile uint64_t *to, *from;

	for (; step->what != STEP_END; step++) {
		to = (volatile uint64_t *)(uintptr_t)step->to;
		from = (volatile uint64_t *)(uintptr_t)step->from;
		if (step->what == STEP_SUM)
			*to = 0;
		for (uint64_t i = 0; i < step->words; i++) {
			if (step->what == STEP_COPY)
				to[i] = from[i];
			else if (step->what == STEP_SUM)
				*to += from[i];
		}
		while (step->what == STEP_COUNT && !*from)
			++*to;
	}
}

/* Root's stub becomes somebody who has no right to anything. */
static void stub_lock_in(void)
{
	if (!geteuid() && (setresgid(NOBODY, NOBODY, NOBODY) ||
			   setresuid(NOBODY, NOBODY, NOBODY)))
		err(1, "setresuid");
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		err(1, "PR_SET_SECCOMP");
}

/* The channel is its standard input; it has no other descriptor of any use. */
static void run_stub(const char *control)
{
	int session = remotefs_attach_self(control);
	uint64_t address;

	send_descriptor(0, session);
	close(session);
	stub_lock_in();
	while (read(0, &address, sizeof(address)) == sizeof(address)) {
		stub_run((const struct step *)(uintptr_t)address);
		if (write(0, &address, sizeof(address)) != sizeof(address))
			break;
	}
	/* The only kind of exit there is now. */
	syscall(SYS_exit, 0);
}

/* The supervisor */

struct supervisor {
	pid_t pid;
	int channel, session, watcher, pidfd, epoll;
	bool answered, gone, exited;
	uint64_t window_at, heap_at;	/* in the stub */
	volatile struct window *window;	/* the same memory here */
	int window_file;
};

enum { FROM_CHANNEL, FROM_WATCHER, FROM_PIDFD };
/* Cookies of the watches. */
enum { WINDOW, HEAP };

static void listen_to(const struct supervisor *self, int fd, uint32_t from)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = from };

	if (epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event))
		err(1, "epoll_ctl");
}

/* A program of its own, rather than a copy of this one's memory. */
static pid_t start_stub(const char *control, int *channel)
{
	pid_t pid = fork_with_channel(channel);

	if (pid)
		return pid;
	if (dup2(*channel, 0))
		err(1, "dup2");
	execl("/proc/self/exe", "sandbox", "--stub", control, NULL);
	err(1, "execl");
}

static void supervise(struct supervisor *self, const char *control)
{
	self->pid = start_stub(control, &self->channel);
	self->session = receive_descriptor(self->channel);
	self->watcher = remotefs_watch(self->session);
	self->pidfd = pidfd_open(self->pid, 0);
	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (self->pidfd < 0 || self->epoll < 0)
		err(1, "pidfd_open");
	listen_to(self, self->channel, FROM_CHANNEL);
	listen_to(self, self->watcher, FROM_WATCHER);
	listen_to(self, self->pidfd, FROM_PIDFD);
	printf("sandbox: the stub is process %d\n", self->pid);
}

/* Events */

static void hear_answer(struct supervisor *self)
{
	uint64_t address;
	ssize_t got = read(self->channel, &address, sizeof(address));

	if (got == sizeof(address))
		self->answered = true;
	else
		epoll_ctl(self->epoll, EPOLL_CTL_DEL, self->channel, NULL);
}

static void hear_record(struct supervisor *self)
{
	static const char * const areas[] = { "window", "heap" };
	struct remotefs_event event = remotefs_next_event(self->watcher);

	if (event.type == REMOTEFS_EVENT_INVALIDATED) {
		printf("sandbox: record: the %s was %s\n", areas[event.cookie],
		       event.kinds & REMOTEFS_KIND_UNMAP ? "unmapped" :
		       event.kinds & REMOTEFS_KIND_CLEAR ? "discarded" : "rearranged");
	} else if (event.type == REMOTEFS_EVENT_GONE) {
		printf("sandbox: record: the stub's memory is gone\n");
		self->gone = true;
		epoll_ctl(self->epoll, EPOLL_CTL_DEL, self->watcher, NULL);
	}
}

static void hear_exit(struct supervisor *self)
{
	siginfo_t info;

	if (waitid(P_PIDFD, self->pidfd, &info, WEXITED))
		err(1, "waitid");
	printf("sandbox: the stub has ended: %s\n",
	       info.si_code == CLD_EXITED ? "exit" : strsignal(info.si_status));
	self->exited = true;
	epoll_ctl(self->epoll, EPOLL_CTL_DEL, self->pidfd, NULL);
}

/* Wait for one thing to happen. */
static void hear(struct supervisor *self)
{
	struct epoll_event event;

	if (epoll_wait(self->epoll, &event, 1, -1) != 1)
		err(1, "epoll_wait");
	if (event.data.u32 == FROM_CHANNEL)
		hear_answer(self);
	else if (event.data.u32 == FROM_WATCHER)
		hear_record(self);
	else
		hear_exit(self);
}

/* The stub's memory */

/*
 * DISCARD or MUNMAP the heap.  When that returns its record is there, but epoll may
 * not have been woken yet: poll asks the watcher itself.
 */
static void take_heap(struct supervisor *self, uint32_t command)
{
	struct remotefs_remote_args args = {
		.command = command, .address = self->heap_at, .length = AREA,
	};
	struct pollfd watcher = { .fd = self->watcher, .events = POLLIN };

	remotefs_remote(self->session, &args);
	while (poll(&watcher, 1, 0) > 0)
		hear_record(self);
}

/* Memory that both have from now on, by one call. */
static void make_window(struct supervisor *self)
{
	struct remotefs_remote_args args = {
		.command = REMOTEFS_REMOTE_MMAP, .flags = REMOTEFS_REMOTE_EXPOSE,
		.prot = PROT_READ | PROT_WRITE, .length = AREA, .map_flags = REMOTEFS_MAP_WRITE,
	};

	remotefs_remote(self->session, &args);
	self->window_at = args.address;
	self->window_file = remotefs_open(self->session, REMOTEFS_OPEN_WRITE, args.out_map);
	self->window = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED, self->window_file, 0);
	if (self->window == MAP_FAILED)
		err(1, "mmap of the window");
	remotefs_watch_add(self->watcher, args.address, args.address + AREA, WINDOW);
	printf("sandbox: %lu bytes of the stub are map-%u\n", AREA, args.out_map);
}

/* Memory of the stub alone. */
static void make_heap(struct supervisor *self)
{
	struct remotefs_remote_args args = {
		.command = REMOTEFS_REMOTE_MMAP, .prot = PROT_READ | PROT_WRITE, .length = AREA,
	};

	remotefs_remote(self->session, &args);
	self->heap_at = args.address;
	remotefs_watch_add(self->watcher, args.address, args.address + AREA, HEAP);
}

/* Where a member of the window is, for the stub. */
#define IN_STUB(self, member)	((self)->window_at + offsetof(struct window, member))

/* Programs */

static void begin(struct supervisor *self, const struct step *steps, size_t bytes)
{
	uint64_t address = IN_STUB(self, program);

	memset((void *)self->window->program, 0, sizeof(self->window->program));
	memcpy((void *)self->window->program, steps, bytes);
	self->answered = false;
	if (write(self->channel, &address, sizeof(address)) != sizeof(address))
		err(1, "write to the stub");
}

/* False if the stub has ended instead, and all there is to be heard of that was. */
static bool is_done(struct supervisor *self)
{
	while (!self->answered && !(self->gone && self->exited))
		hear(self);
	return self->answered;
}

static void finish(struct supervisor *self)
{
	if (!is_done(self))
		errx(1, "the stub has ended");
}

static uint64_t sum_heap(struct supervisor *self)
{
	const struct step steps[] = {
		{ STEP_SUM, IN_STUB(self, result), self->heap_at, NUMBERS },
	};

	begin(self, steps, sizeof(steps));
	finish(self);
	return self->window->result;
}

static void fill_heap(struct supervisor *self)
{
	const struct step steps[] = {
		{ STEP_COPY, self->heap_at, IN_STUB(self, numbers), NUMBERS },
	};

	for (int i = 0; i < NUMBERS; i++)
		self->window->numbers[i] = i + 1;
	begin(self, steps, sizeof(steps));
	finish(self);
}

/* The stub is busy, and gets more memory meanwhile. */
static void make_heap_meanwhile(struct supervisor *self)
{
	const struct step steps[] = {
		{ STEP_COUNT, IN_STUB(self, result), IN_STUB(self, stop), 0 },
	};
	uint64_t before;

	begin(self, steps, sizeof(steps));
	while (!self->window->result)
		usleep(1000);
	make_heap(self);
	before = self->window->result;
	while (self->window->result == before)
		usleep(1000);
	self->window->stop = 1;
	finish(self);
	printf("sandbox: a heap was mapped while the stub went on counting\n");
}

static void expect(uint64_t got, uint64_t expected, const char *what)
{
	if (got != expected)
		errx(1, "%s is %ju, not %ju", what, (uintmax_t)got, (uintmax_t)expected);
	printf("sandbox: %s is %ju\n", what, (uintmax_t)got);
}

/* Until a program uses memory that was taken from it. */
static void break_stub(struct supervisor *self)
{
	const struct step steps[] = {
		{ STEP_SUM, IN_STUB(self, result), self->heap_at, NUMBERS },
	};
	char byte;

	begin(self, steps, sizeof(steps));
	if (is_done(self))
		errx(1, "the stub lives on");
	if (pread(self->window_file, &byte, 1, 0) != -1 || errno != ESRCH)
		errx(1, "the window is still there");
}

static int run_supervisor(const char *control)
{
	struct supervisor self = { };
	uint64_t number;
	int heap;

	setlinebuf(stdout);
	supervise(&self, control);
	make_window(&self);
	make_heap_meanwhile(&self);
	fill_heap(&self);
	expect(sum_heap(&self), NUMBERS * (NUMBERS + 1) / 2, "the sum of the heap");

	/* Exposed when it is needed, and by its owner's consent, given long ago. */
	heap = remotefs_open(self.session, 0,
			     remotefs_map_new(self.session, 0, self.heap_at, AREA));
	if (pread(heap, &number, sizeof(number), 8 * (NUMBERS - 1)) != sizeof(number))
		err(1, "reading the heap");
	expect(number, NUMBERS, "the last number of the heap");

	take_heap(&self, REMOTEFS_REMOTE_DISCARD);
	expect(sum_heap(&self), 0, "the sum of the heap");
	take_heap(&self, REMOTEFS_REMOTE_MUNMAP);
	if (pread(heap, &number, sizeof(number), 0) != -1 || errno != EFAULT)
		errx(1, "the heap is still there");
	break_stub(&self);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--stub"))
		run_stub(argv[2]);
	if (argc > 2)
		errx(1, "usage: sandbox [CONTROL]");
	return run_supervisor(argc > 1 ? argv[1] : REMOTEFS_CONTROL);
}
