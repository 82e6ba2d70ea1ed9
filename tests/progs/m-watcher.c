// SPDX-License-Identifier: GPL-2.0-only
/*
 * m-watcher: a process that a test talks to, and that watches memory, its own
 * or another's.  What it does to its own is in m-dialogue.h.
 *
 * One watcher at a time is spoken of; "watch" makes another, "use N" goes back.
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <linux/remotefs.h>
#include <linux/userfaultfd.h>

#include "m-dialogue.h"

static struct watcher {
	int fd;
	const struct remotefs_watch_page *page;
	uint64_t seen;
} watchers[8];
static int nr, now;
static volatile sig_atomic_t signals;

static uint64_t generation(void)
{
	return __atomic_load_n(&watchers[now].page->generation,
			       __ATOMIC_ACQUIRE);
}

static int attach(const char *control, const char *pid)
{
	struct remotefs_attach_args args = { sizeof(args), 0, -1, 0 };
	int fd = open(control, O_RDONLY), session;
	char path[64];

	if (pid && strcmp(pid, "self")) {
		snprintf(path, sizeof(path), "/proc/%s/mem", pid);
		args.mem_fd = open(path, O_RDONLY);
		args.pid = number(pid);
		if (args.mem_fd < 0)
			return -1;
	}
	session = ioctl(fd, REMOTEFS_IOC_ATTACH, &args);
	close(fd);
	if (args.mem_fd >= 0)
		close(args.mem_fd);
	return session;
}

/* watch CONTROL [PID|self [QUEUE]]: answers the watcher's number */
static void run_watch(char **words)
{
	struct remotefs_watch_args args = { .size = sizeof(args) };
	int session = attach(words[1], words[2]), fd;

	if (words[2])
		args.queue = number(words[3]);
	fd = ioctl(session, REMOTEFS_IOC_WATCH, &args);
	close(session);
	if (fd < 0)
		return say(-1);
	watchers[nr].fd = fd;
	watchers[nr].page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (watchers[nr].page == MAP_FAILED)
		return say(-1);
	now = nr++;
	watchers[now].seen = generation();
	printf("%d\n", now);
}

/* use N */
static void run_use(char **words)
{
	now = number(words[1]);
	puts("ok");
}

/* close: this watcher, its page too */
static void run_close(char **words)
{
	(void)words;
	munmap((void *)watchers[now].page, 4096);
	say(close(watchers[now].fd));
}

/* add ADDRESS BYTES COOKIE */
static void run_add(char **words)
{
	struct remotefs_watch_add_args args = {
		.size = sizeof(args),
		.start = number(words[1]),
		.end = number(words[1]) + number(words[2]),
		.cookie = number(words[3]),
	};

	say(ioctl(watchers[now].fd, REMOTEFS_IOC_WATCH_ADD, &args));
}

/* fence ADDRESS BYTES N [STRIDE]: N watches, one after the other, cookies from 0 */
static void run_fence(char **words)
{
	unsigned long stride = number(words[2]);
	struct remotefs_watch_add_args args = {
		.size = sizeof(args),
		.start = number(words[1]),
	};

	if (words[4])
		stride = number(words[4]);
	for (; args.cookie < number(words[3]); args.cookie++) {
		args.end = args.start + number(words[2]);
		if (ioctl(watchers[now].fd, REMOTEFS_IOC_WATCH_ADD, &args))
			return say(-1);
		args.start += stride;
	}
	puts("ok");
}

/* del COOKIE */
static void run_del(char **words)
{
	struct remotefs_watch_del_args args = {
		.size = sizeof(args),
		.cookie = number(words[1]),
	};

	say(ioctl(watchers[now].fd, REMOTEFS_IOC_WATCH_DEL, &args));
}

static const char *kinds_text(unsigned int kinds)
{
	static const char *const names[] = { "unmap", "protect", "clear",
					     "soft-dirty", "other" };
	static char text[64];
	size_t i;

	text[0] = '\0';
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (kinds & 1U << i) {
			strcat(text, text[0] ? "+" : "");
			strcat(text, names[i]);
		}
	return text;
}

static void set_nonblock(bool nonblock)
{
	int flags = fcntl(watchers[now].fd, F_GETFL) & ~O_NONBLOCK;

	fcntl(watchers[now].fd, F_SETFL, nonblock ? flags | O_NONBLOCK : flags);
}

static void print_event(const struct remotefs_event *event)
{
	static const char *const reasons[] = { "unknown", "exit", "exec" };

	switch (event->type) {
	case REMOTEFS_EVENT_INVALIDATED:
		printf("%" PRIu64 " %s %" PRIu64 " %" PRIu64 "%s",
		       (uint64_t)event->cookie, kinds_text(event->kinds),
		       (uint64_t)event->start,
		       (uint64_t)(event->end - event->start),
		       event->flags & REMOTEFS_EVENT_EXACT ? "" : " whole");
		break;
	case REMOTEFS_EVENT_STALE:
		printf("stale");
		break;
	case REMOTEFS_EVENT_EMPTY:
		printf("empty");
		watchers[now].seen = event->generation;
		break;
	case REMOTEFS_EVENT_GONE:
		printf("gone %s", reasons[event->reason]);
		break;
	default:
		printf("type %u", event->type);
	}
}

static void say_event(bool wait)
{
	struct remotefs_event event;
	ssize_t got;

	set_nonblock(!wait);
	got = read(watchers[now].fd, &event, sizeof(event));
	if (got < 0)
		return say(-1);
	if (got == sizeof(event))
		print_event(&event);
	else
		printf("%zd bytes", got);
	putchar('\n');
}

/* next: one record, if there is one */
static void run_next(char **words)
{
	(void)words;
	say_event(false);
}

/* wait: one record; a signal ends it */
static void run_wait(char **words)
{
	(void)words;
	say_event(true);
}

/* all: what one read gives, records parted by semicolons */
static void run_all(char **words)
{
	struct remotefs_event events[64];
	ssize_t got, i;

	(void)words;
	set_nonblock(true);
	got = read(watchers[now].fd, events, sizeof(events));
	if (got < 0)
		return say(-1);
	for (i = 0; i < got / (ssize_t)sizeof(*events); i++) {
		printf(i ? "; " : "");
		print_event(&events[i]);
	}
	putchar('\n');
}

/* drain: read until that would wait, and count the records of a watch */
static void run_drain(char **words)
{
	struct remotefs_event events[64];
	ssize_t got, i, count = 0;

	(void)words;
	set_nonblock(true);
	while ((got = read(watchers[now].fd, events, sizeof(events))) > 0)
		for (i = 0; i < got / (ssize_t)sizeof(*events); i++)
			count += events[i].type == REMOTEFS_EVENT_INVALIDATED;
	if (got < 0 && errno != EAGAIN)
		return say(-1);
	printf("%zd\n", count);
}

/* raw BYTES [ADDRESS]: a read of that size, to there; how many bytes came */
static void run_raw(char **words)
{
	static char buffer[4096];
	ssize_t got;

	set_nonblock(true);
	got = read(watchers[now].fd,
		   words[2] ? (char *)number(words[2]) : buffer,
		   number(words[1]));
	if (got < 0)
		return say(-1);
	printf("%zd\n", got);
}

/* moved: has the generation since it was asked, or "empty" read, last? */
static void run_moved(char **words)
{
	uint64_t current = generation();

	(void)words;
	puts(current == watchers[now].seen ? "no" : "yes");
	watchers[now].seen = current;
}

/* valid: would whoever read "empty" last trust what it has? */
static void run_valid(char **words)
{
	(void)words;
	puts(generation() == watchers[now].seen ? "yes" : "no");
}

/* page: where it is mapped */
static void run_page(char **words)
{
	(void)words;
	say_address((void *)watchers[now].page);
}

/* again RIGHTS shared|private PAGES OFFSET: map the page once more */
static void run_again(char **words)
{
	int prot = (strchr(words[1], 'r') ? PROT_READ : 0) |
		   (strchr(words[1], 'w') ? PROT_WRITE : 0) |
		   (strchr(words[1], 'x') ? PROT_EXEC : 0);
	void *at = mmap(NULL, number(words[3]) << 12, prot,
			words[2][0] == 's' ? MAP_SHARED : MAP_PRIVATE,
			watchers[now].fd, number(words[4]));

	if (at == MAP_FAILED)
		return say(-1);
	munmap(at, number(words[3]) << 12);
	puts("ok");
}

/* force ADDRESS: write there by way of /proc/self/mem, as debuggers do */
static void run_force(char **words)
{
	int fd = open("/proc/self/mem", O_RDWR);

	say(pwrite(fd, "x", 1, number(words[1])) == 1 ? 0 : -1);
	close(fd);
}

static const char *events_text(unsigned int events)
{
	if (events & POLLHUP)
		return events & POLLIN ? "in hup" : "hup";
	return events & POLLIN ? "in" : "no";
}

/* ready: what poll and epoll say, which is the same */
static void run_ready(char **words)
{
	struct pollfd polled = { watchers[now].fd, POLLIN, 0 };
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(0), got;

	(void)words;
	poll(&polled, 1, 0);
	epoll_ctl(epoll, EPOLL_CTL_ADD, watchers[now].fd, &event);
	event.events = 0;
	got = epoll_wait(epoll, &event, 1, 0);
	close(epoll);
	if (got < 0 || events_text(event.events) != events_text(polled.revents))
		printf("poll %x, epoll %x\n", polled.revents, event.events);
	else
		puts(events_text(polled.revents));
}

/* select [norm|none]: wait until there is something to be read, or the end */
static void run_select(char **words)
{
	struct pollfd polled = { watchers[now].fd, POLLIN, 0 };

	if (words[1])
		polled.events = strcmp(words[1], "none") ? POLLRDNORM : 0;
	if (poll(&polled, 1, 30000) < 0)
		return say(-1);
	if (polled.revents == POLLRDNORM)
		puts("norm");
	else
		puts(events_text(polled.revents));
}

static char *lose_at;

static void *lose_record(void *unused)
{
	if (read(watchers[now].fd, lose_at, sizeof(struct remotefs_event)) >= 0)
		exit(1);
	return unused;
}

/* What a second reader does while the first one's buffer is being found bad. */
static void *read_all(void *unused)
{
	struct remotefs_event event;

	while (read(watchers[now].fd, &event, sizeof(event)) > 0)
		if (event.type == REMOTEFS_EVENT_EMPTY)
			watchers[now].seen = event.generation;
	return unused;
}

/*
 * lose: read a record to a bad address, which a userfaultfd keeps from being
 * found bad until another thread has read all.  Is that told after all valid?
 */
static void run_lose(char **words)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffd_msg message;
	pthread_t loser, reader;

	lose_at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	area.range.start = (unsigned long)lose_at;
	area.range.len = 4096;
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &area))
		return say(-1);
	set_nonblock(true);
	pthread_create(&loser, NULL, lose_record, NULL);
	if (read(uffd, &message, sizeof(message)) != sizeof(message))
		return say(-1);
	pthread_create(&reader, NULL, read_all, NULL);
	pthread_join(reader, NULL);
	munmap(lose_at, 4096);
	close(uffd);
	pthread_join(loser, NULL);
	run_valid(words);
}

static void on_signal(int signal)
{
	(void)signal;
	signals++;
}

/* signal NAME: usr1, which interrupts, or io, which does not and is asked for */
static void run_signal(char **words)
{
	bool io = !strcmp(words[1], "io");
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = io ? SA_RESTART : 0 };
	int flags = fcntl(watchers[now].fd, F_GETFL);

	sigaction(io ? SIGIO : SIGUSR1, &action, NULL);
	if (io && (fcntl(watchers[now].fd, F_SETOWN, getpid()) ||
		   fcntl(watchers[now].fd, F_SETFL, flags | O_ASYNC)))
		return say(-1);
	puts("ok");
}

/* signals: how many came */
static void run_signals(char **words)
{
	(void)words;
	printf("%d\n", (int)signals);
}

/* mirror PATH PAGES: of a map file */
static void run_mirror(char **words)
{
	int fd = open(words[1], O_RDONLY);

	say_address(mmap(NULL, number(words[2]) << 12, PROT_READ, MAP_SHARED, fd,
			 0));
	close(fd);
}

static const struct command commands[] = {
	{ "mirror", run_mirror }, { "watch", run_watch },
	{ "use", run_use },
	{ "close", run_close },	 { "add", run_add },
	{ "fence", run_fence },	 { "del", run_del },
	{ "next", run_next },	 { "wait", run_wait },
	{ "all", run_all },	 { "drain", run_drain },
	{ "raw", run_raw },	 { "moved", run_moved },
	{ "valid", run_valid },	 { "page", run_page },
	{ "again", run_again },	 { "force", run_force },
	{ "ready", run_ready },	 { "select", run_select },
	{ "lose", run_lose },
	{ "signal", run_signal }, { "signals", run_signals },
	{ }
};

int main(void)
{
	return converse(commands, NULL);
}
