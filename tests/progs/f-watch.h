/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzer does with watchers.  The kernel may invalidate memory on its
 * own at any time, so that there is more to be told than the model knows of; but
 * what a source has unmapped must be told before EMPTY or GONE, nothing is told
 * of what is not watched, and each end is told once.
 */
#ifndef F_WATCH_H
#define F_WATCH_H

#include "f-name.h"

static void do_watch(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	struct slot slot = { .kind = WATCHER };
	union args seen;
	int fd;

	if (!call_begin(fuzzer, &call, OP_WATCH))
		return;
	if (chance_one_in(&fuzzer->chance, 2))
		call.args.watch.queue = 1 + chance_below(&fuzzer->chance, 3);
	call.starved = strict() && chance_one_in(&fuzzer->chance, 64);
	fd = call_go(fuzzer, &call, NULL, &seen);
	if (fd < 0)
		return;
	descriptor_check(fuzzer, fd);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	slot.fd = fd;
	slot.source = call.slot.source;
	slot.life = call.slot.life;
	if (strict()) {
		slot.watcher = watcher_new(fuzzer);
		slot.watcher->source = slot.source;
	}
	slot_put(fuzzer, &slot);
}

static void do_watch_add(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	struct chance *chance = &fuzzer->chance;
	struct remotefs_watch_add_args *args = &call.args.watch_add;
	struct watcher *watcher;
	union args seen;

	if (!call_begin(fuzzer, &call, OP_WATCH_ADD))
		return;
	watcher = call.slot.watcher;
	if (watcher && watcher->watches == MAX_WATCHES) {
		slot_give(&call.slot);
		return;
	}
	args->start = (uintptr_t)arena_of(call.slot.source) +
		      chance_below(chance, PAGES * PAGE);
	args->end = args->start + 1 + chance_below(chance, 8 * PAGE);
	args->cookie = chance_below(chance, 2 * MAX_WATCHES);
	call.squeezed = strict() && chance_one_in(chance, 32);
	if (call_go(fuzzer, &call, NULL, &seen) >= 0 && strict())
		call.slot.watcher->watch[call.slot.watcher->watches++] =
			(struct watch){ seen.watch_add.start, seen.watch_add.end,
					seen.watch_add.cookie, false };
}

static void do_watch_del(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	struct watcher *watcher;
	struct watch *watch;
	union args seen;

	if (!call_begin(fuzzer, &call, OP_WATCH_DEL))
		return;
	watcher = call.slot.watcher;
	call.args.watch_del.cookie = chance_below(&fuzzer->chance,
						  2 * MAX_WATCHES);
	if (watcher && watcher->watches && chance_one_in(&fuzzer->chance, 2))
		call.args.watch_del.cookie = watcher->watch[0].cookie;
	if (call_go(fuzzer, &call, NULL, &seen) < 0 || !strict())
		return;
	watcher = call.slot.watcher;
	watch = watch_find(watcher, seen.watch_del.cookie);
	*watch = watcher->watch[--watcher->watches];
}

/* Is it the record of one of the watches, and of no more than that? */
static bool record_is_good(struct watcher *watcher,
			   const struct remotefs_event *event)
{
	struct watch *watch = watch_find(watcher, event->cookie);

	if (!watch || !event->kinds || event->flags & ~REMOTEFS_EVENT_EXACT)
		return false;
	watch->due = false;
	if (event->flags & REMOTEFS_EVENT_EXACT)
		return event->start >= watch->start &&
		       event->end <= watch->end && event->start < event->end;
	return event->start == watch->start && event->end == watch->end;
}

/* Was that to be told, and was nothing left out before? */
static bool event_is_good(struct watcher *watcher,
			  const struct remotefs_event *event)
{
	if (event->generation < watcher->generation)
		return false;
	watcher->generation = event->generation;
	switch (event->type) {
	case REMOTEFS_EVENT_INVALIDATED:
		return record_is_good(watcher, event);
	case REMOTEFS_EVENT_STALE:
		watcher_settle(watcher);
		return true;
	case REMOTEFS_EVENT_EMPTY:
		return !watcher_is_due(watcher) && !watcher->ended;
	case REMOTEFS_EVENT_GONE:
		watcher->gone_said = true;
		return !watcher_is_due(watcher) && watcher->ended &&
		       event->reason == (watcher->exited ? REMOTEFS_GONE_EXIT :
							   REMOTEFS_GONE_EXEC);
	}
	return false;
}

static void told_check(struct fuzzer *fuzzer, struct watcher *watcher,
		       const struct remotefs_event *event, ssize_t bytes)
{
	bool was_said = watcher->gone_said;

	if (was_said ? bytes : !bytes || bytes % sizeof(*event))
		violation(fuzzer, "a read of a watcher gave %zd bytes", bytes);
	for (; bytes; bytes -= sizeof(*event), event++)
		if (!event_is_good(watcher, event))
			violation(fuzzer, "event %u, flags %#x, kinds %#x, reason %u, cookie %llu, %#llx to %#llx at %llu",
				  event->type, event->flags, event->kinds,
				  event->reason, event->cookie, event->start,
				  event->end, event->generation);
}

/* Read what there is, or a part of it, or to where it cannot be stored. */
static void do_told(struct fuzzer *fuzzer)
{
	const size_t one = sizeof(struct remotefs_event);
	const size_t sizes[] = { 0, one - 1, one, 3 * one - 1, ROOM, ROOM, ROOM };
	size_t size = sizes[chance_below(&fuzzer->chance, 7)];
	bool nowhere = chance_one_in(&fuzzer->chance, 16);
	struct expect *expect = &fuzzer->expect;
	struct watcher *watcher;
	struct slot slot;
	ssize_t bytes;
	int outcome;

	if (!slot_take(fuzzer, WATCHER, &slot))
		return;
	watcher = slot.watcher;
	note(fuzzer, OP_TOLD, slot.fd, slot.source, size, nowhere, 0, 0);
	must(expect, size < one, EINVAL);
	if (watcher && size >= one && !watcher->gone_said) {
		bool due = watcher_is_due(watcher) || watcher->ended;

		must(expect, nowhere && due, EFAULT);
		may(expect, nowhere, EFAULT);
		may(expect, !due, EAGAIN);
	}
	bytes = read(slot.fd, nowhere ? fuzzer->readonly : fuzzer->buffer, size);
	outcome = outcome_of(bytes);
	outcome_check(fuzzer, outcome);
	if (watcher && !outcome)
		told_check(fuzzer, watcher,
			   (struct remotefs_event *)fuzzer->buffer, bytes);
	/* What was taken and could not be stored. */
	if (watcher && outcome == EFAULT)
		watcher->stale = true;
	slot_give(&slot);
}

#endif
