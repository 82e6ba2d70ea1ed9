// SPDX-License-Identifier: GPL-2.0-only
/*
 * introspector: look into a running virtual machine from outside.
 *
 * It maps the guest's memory from the map file that the monitor printed, and reads
 * the guest's counter there as it would a variable of its own: no copy, no call
 * into the guest or its monitor, and neither of them waits.  A watcher tells when
 * pages of the guest are taken away or exchanged, which is what somebody who keeps
 * what he has found in a guest must know.
 *
 *	introspector FILE [RECORDS]
 *
 * It ends after so many records (10), or with the guest.  The file alone takes its
 * owner's or its mode's permission; the watcher takes the right to the monitor's
 * memory, as root has.
 */
#define _GNU_SOURCE 1
#include <libgen.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "../calls.h"
#include "guest.h"

struct view {
	const char *ram;		/* the guest's, by a mirror */
	uint64_t parcels;		/* where the monitor has them */
	int watcher;
	uint32_t counter;		/* when it was looked at last */
};

static sigjmp_buf no_page;

static void on_bus_error(int signal)
{
	siglongjmp(no_page, signal);
}

/* False if the guest's memory is gone, as when its monitor has ended. */
static bool look_at_counter(struct view *view)
{
	uint32_t counter;

	if (sigsetjmp(no_page, 1))
		return false;
	counter = guest_board(view->ram)->counter;
	if (counter < view->counter)
		errx(1, "the counter went from %u to %u", view->counter, counter);
	view->counter = counter;
	return true;
}

/* DIRECTORY/control, of the mount that DIRECTORY/PID/map-N is in. */
static const char *control_of(const char *path)
{
	static char control[4096];
	char *copy = strdup(path);

	snprintf(control, sizeof(control), "%s/control", dirname(dirname(copy)));
	free(copy);
	return control;
}

static void view_open(struct view *view, const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC), session;
	struct remotefs_range_args range;
	pid_t pid;

	if (file < 0)
		err(1, "%s", path);
	pid = remotefs_info(file).out_pid;
	range = remotefs_range(file);
	view->ram = mmap(NULL, range.out_length, PROT_READ, MAP_SHARED, file, 0);
	if (view->ram == MAP_FAILED)
		err(1, "mmap %s", path);
	close(file);
	printf("introspector: %s is %llu KiB of process %d\n", path,
	       (unsigned long long)range.out_length >> 10, pid);

	session = remotefs_attach(control_of(path), pid, O_RDONLY);
	view->watcher = remotefs_watch(session);
	view->parcels = range.out_address + PARCELS;
	remotefs_watch_add(view->watcher, view->parcels,
			   view->parcels + PARCELS_END - PARCELS, 0);
	close(session);
}

/* What a record stands for: it grows until it is read, so it may be several things. */
static void say_kinds(uint32_t kinds)
{
	static const struct {
		uint32_t kind;
		const char *name;
	} names[] = {
		{ REMOTEFS_KIND_UNMAP, "unmapped or moved" },
		{ REMOTEFS_KIND_CLEAR, "discarded or swapped out" },
		{ REMOTEFS_KIND_PROTECT | REMOTEFS_KIND_SOFT_DIRTY | REMOTEFS_KIND_OTHER,
		  "taken from the page tables" },
	};
	const char *between = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!(kinds & names[i].kind))
			continue;
		printf("%s%s", between, names[i].name);
		between = ", ";
	}
}

/* What a record says, in the guest's terms; false after the last. */
static bool tell(struct view *view, const struct remotefs_event *event)
{
	if (event->type == REMOTEFS_EVENT_GONE) {
		printf("introspector: the guest is gone; its counter was %u\n", view->counter);
		return false;
	}
	if (event->type != REMOTEFS_EVENT_INVALIDATED)
		return true;
	if (event->flags & REMOTEFS_EVENT_EXACT)
		printf("introspector: parcels %llu to %llu: ",
		       (unsigned long long)(event->start - view->parcels) / PAGE,
		       (unsigned long long)(event->end - 1 - view->parcels) / PAGE);
	else
		printf("introspector: some parcels: ");
	say_kinds(event->kinds);
	printf("; the counter is %u\n", view->counter);
	return true;
}

int main(int argc, char **argv)
{
	long records = argc > 2 ? strtol(argv[2], NULL, 0) : 10;
	struct remotefs_event event;
	struct view view = { };
	bool there;

	if (argc < 2 || argc > 3)
		errx(1, "usage: introspector FILE [RECORDS]");
	signal(SIGBUS, on_bus_error);
	setlinebuf(stdout);
	view_open(&view, argv[1]);
	there = look_at_counter(&view);
	printf("introspector: the guest has counted to %u\n", view.counter);
	while (there && records > 0) {
		event = remotefs_next_event(view.watcher);
		/* Without the memory the record of the end is still to come. */
		look_at_counter(&view);
		there = tell(&view, &event);
		records -= event.type == REMOTEFS_EVENT_INVALIDATED;
	}
	return 0;
}
