/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What must come of one of the fuzzer's ioctls, by what the model knows.
 */
#ifndef F_EXPECT_H
#define F_EXPECT_H

#include "f-control.h"

static bool tail_is_zero(const struct call *call)
{
	unsigned int i;

	for (i = call_known(call); i < call->args.size; i++)
		if (call->args.byte[i])
			return false;
	return true;
}

/* The command as the kernel's table for this kind of descriptor has it. */
static bool command_is_known(const struct call *call)
{
	return call->cmd == layouts[call->op].cmd &&
	       call->kind == layouts[call->op].kind &&
	       (call->op != OP_OPEN || has_sessions());
}

/*
 * What stands against a call whatever it is. False if that is so much that the
 * kernel does not see the rest.
 */
static bool expect_call(struct fuzzer *fuzzer, const struct call *call)
{
	struct expect *expect = &fuzzer->expect;
	uint32_t size = call->args.size;

	must(expect, call->bad_fd, EBADF);
	if (!call->bad_fd && !command_is_known(call)) {
		/* A file of another kind knows its own. */
		must(expect, true, ENOTTY);
		may(expect, call->kind == OTHER, EBADF);
		may(expect, call->kind == OTHER, EINVAL);
		may(expect, call->kind == OTHER, EFAULT);
	}
	if (expect->must)
		return false;
	must(expect, size > call->room && call->room <= ROOM, EFAULT);
	must(expect, size < layouts[call->op].least, EINVAL);
	must(expect, size > ROOM || !tail_is_zero(call), E2BIG);
	if (expect->must & ~outcome_bit(E2BIG)) {
		/* Whatever the part says that is there. */
		expect->anything = true;
		return false;
	}
	must(expect, call->readonly && layouts[call->op].replies, EFAULT);
	must(expect, call->starved, EMFILE);
	may(expect, true, ENOMEM);
	return true;
}

/* What the kernel sees of it. */
static void call_seen(const struct call *call, union args *seen)
{
	unsigned int size = call->args.size, known = call_known(call);

	memset(seen, 0, sizeof(*seen));
	memcpy(seen->byte, call->args.byte, size < known ? size : known);
}

static bool aligned(uint64_t a, uint64_t b)
{
	return !((a | b) & (PAGE - 1));
}

static bool interval_is_good(uint64_t start, uint64_t length, uint64_t limit)
{
	return length && aligned(start, length) && start + length >= start &&
	       start + length <= limit;
}

static bool limit_is_reached(const struct call *call, bool new_file)
{
	bool files = false, ranges = false;
	unsigned int i;

	for (i = 0; i < MAX_FILES; i++) {
		if (!world.file[i].used ||
		    world.file[i].state != REMOTEFS_STATE_LIVE)
			continue;
		files = true;
		ranges |= world.file[i].ranges || world.file[i].nr_allowed;
	}
	return call->squeezed && (ranges || (new_file && files));
}

/* A file that the session is to change, or just to open or lock. */
static struct file *expect_file(struct fuzzer *fuzzer, const struct call *call,
				unsigned int number, bool change)
{
	struct session *session = call->slot.session;
	struct expect *expect = &fuzzer->expect;
	bool alive = is_alive(session->source, session->life);
	struct file *file = alive ? file_find(session->source, number) : NULL;

	must(expect, !alive, ESRCH);
	must(expect, !file, ENOENT);
	if (!file)
		return NULL;
	must(expect, call->weak && file->maker != session->uid, EPERM);
	must(expect, change && file->locked, EPERM);
	return file;
}

static void expect_map_memory(struct fuzzer *fuzzer, const struct call *call,
			      const struct remotefs_map_args *args)
{
	struct session *session = call->slot.session;
	struct expect *expect = &fuzzer->expect;
	unsigned int kinds;

	must(expect, !interval_is_good(args->address, args->length,
				       world.task_size), EINVAL);
	must(expect, !interval_is_good(args->offset, args->length,
				       0x7fffffffffffffff), EINVAL);
	if (expect->must & outcome_bit(EINVAL))
		return;
	kinds = memory_kinds(session->source, args->address, args->length);
	must(expect, kinds & MIRRORED, ELOOP);
	must(expect, kinds & (HOLE | FOREIGN), EFAULT);
	may(expect, kinds & UNKNOWN, ELOOP);
	may(expect, kinds & UNKNOWN, EFAULT);
}

static void expect_map_form(struct fuzzer *fuzzer,
			    const struct remotefs_map_args *args)
{
	struct expect *expect = &fuzzer->expect;
	bool fresh = args->flags & REMOTEFS_MAP_NEW;
	bool owner = args->flags & REMOTEFS_MAP_OWNER;
	bool whole = args->flags & REMOTEFS_MAP_WHOLE;

	must(expect, args->flags & ~0x1f, EOPNOTSUPP);
	must(expect, args->mode & ~0666, EINVAL);
	must(expect, !fresh && (args->mode || owner), EINVAL);
	must(expect, fresh && args->map, EINVAL);
	must(expect, !owner && (args->uid || args->gid), EINVAL);
	must(expect, owner && (args->uid == -1U || args->gid == -1U), EINVAL);
	must(expect, whole && (!fresh || args->address || args->offset ||
			       args->length), EINVAL);
}

static void expect_map(struct fuzzer *fuzzer, const struct call *call,
		       const struct remotefs_map_args *args)
{
	struct session *session = call->slot.session;
	struct expect *expect = &fuzzer->expect;
	bool fresh = args->flags & REMOTEFS_MAP_NEW;
	struct file *file;

	expect_map_form(fuzzer, args);
	must(expect, args->flags & REMOTEFS_MAP_WRITE && !session->writable,
	     EACCES);
	must(expect, args->flags & REMOTEFS_MAP_OWNER && call->weak, EPERM);
	must(expect, !is_alive(session->source, session->life), ESRCH);
	must(expect, fresh && call->readonly, EFAULT);
	must(expect, limit_is_reached(call, fresh), ENOSPC);
	may(expect, call->squeezed, ENOSPC);
	if (!fresh) {
		file = expect_file(fuzzer, call, args->map, true);
		must(expect, file && args->length &&
		     file_range(file, args->offset, args->length), EEXIST);
	}
	if (!(args->flags & REMOTEFS_MAP_WHOLE))
		expect_map_memory(fuzzer, call, args);
	else
		must(expect, file_find(session->source, REMOTEFS_MAP_AS),
		     EEXIST);
}

/* UNMAP and ALLOW look the same. */
static struct file *expect_interval(struct fuzzer *fuzzer,
				    const struct call *call,
				    const struct remotefs_unmap_args *args)
{
	struct expect *expect = &fuzzer->expect;
	struct file *file;

	must(expect, args->flags, EOPNOTSUPP);
	must(expect, args->__reserved, EINVAL);
	must(expect, !interval_is_good(args->offset, args->length,
				       0x7fffffffffffffff), EINVAL);
	file = expect_file(fuzzer, call, args->map, true);
	if (file && !(expect->must & outcome_bit(EINVAL)))
		must(expect, !file_range(file, args->offset, args->length),
		     ENOENT);
	return file;
}

static void expect_unmap(struct fuzzer *fuzzer, const struct call *call,
			 const struct remotefs_unmap_args *args)
{
	struct file *file = expect_interval(fuzzer, call, args);
	struct range *range;
	unsigned int i;

	for (i = 0; file && i < file->ranges; i++) {
		range = &file->range[i];
		if (overlaps(range->offset, range->length, args->offset,
			     args->length))
			must(&fuzzer->expect, range->offset < args->offset ||
			     range->offset + range->length >
			     args->offset + args->length, EINVAL);
	}
}

static void expect_allow(struct fuzzer *fuzzer, const struct call *call,
			 const struct remotefs_unmap_args *args)
{
	struct file *file = expect_interval(fuzzer, call, args);
	struct expect *expect = &fuzzer->expect;

	must(expect, !call->slot.session->writable, EACCES);
	must(expect, limit_is_reached(call, false), ENOSPC);
	may(expect, call->squeezed, ENOSPC);
	must(expect, file && args->offset + args->length > file->size, EINVAL);
	must(expect, file && file_allows(file, args->offset, args->length),
	     EEXIST);
}

static void expect_lock(struct fuzzer *fuzzer, const struct call *call,
			const struct remotefs_lock_args *args)
{
	must(&fuzzer->expect, args->flags & ~REMOTEFS_LOCK_NEW, EOPNOTSUPP);
	must(&fuzzer->expect, args->__reserved, EINVAL);
	expect_file(fuzzer, call, args->map, false);
}

static void expect_open(struct fuzzer *fuzzer, const struct call *call,
			const struct remotefs_open_args *args)
{
	struct expect *expect = &fuzzer->expect;
	bool write = args->flags & REMOTEFS_OPEN_WRITE;
	struct file *file = expect_file(fuzzer, call, args->map, false);

	must(expect, args->flags & ~REMOTEFS_OPEN_WRITE, EOPNOTSUPP);
	must(expect, args->__reserved, EINVAL);
	/* It may be opened, although it may not be changed. */
	may(expect, file && file->locked, EPERM);
	must(expect, write && !call->slot.session->writable, EACCES);
	must(expect, write && file && !file_has_writable(file), EACCES);
	must(expect, write && call->slot.session->readonly_mount, EROFS);
}

/* Watchers */

static void expect_watch(struct fuzzer *fuzzer, const struct call *call,
			 const struct remotefs_watch_args *args)
{
	struct session *session = call->slot.session;
	struct expect *expect = &fuzzer->expect;

	must(expect, args->flags, EOPNOTSUPP);
	must(expect, args->__reserved, EINVAL);
	must(expect, !is_alive(session->source, session->life), ESRCH);
}

static unsigned int watches_in_use(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < MAX_WATCHERS; i++)
		if (world.watcher[i].uses)
			n += world.watcher[i].watches;
	return n;
}

static void expect_watch_add(struct fuzzer *fuzzer, const struct call *call,
			     const struct remotefs_watch_add_args *args)
{
	struct watcher *watcher = call->slot.watcher;
	struct expect *expect = &fuzzer->expect;

	must(expect, args->flags, EOPNOTSUPP);
	must(expect, args->start >= args->end || args->end > world.task_size,
	     EINVAL);
	must(expect, watcher->ended, ESRCH);
	must(expect, call->squeezed && watches_in_use(), ENOSPC);
	must(expect, watch_find(watcher, args->cookie), EEXIST);
}

static void expect_watch_del(struct fuzzer *fuzzer, const struct call *call,
			     const struct remotefs_watch_del_args *args)
{
	must(&fuzzer->expect, args->flags, EOPNOTSUPP);
	must(&fuzzer->expect, !watch_find(call->slot.watcher, args->cookie),
	     ENOENT);
}

/* What the structure names may not be what it was made with. */
static void attach_find(struct slot *mem, int fd)
{
	unsigned int kind, i;

	for (kind = 0; kind < KINDS; kind++)
		for (i = 0; i < KIND_SLOTS; i++)
			if (world.slot[kind][i].used &&
			    world.slot[kind][i].fd == fd)
				*mem = world.slot[kind][i];
}

static void expect_attach(struct fuzzer *fuzzer, const struct call *call,
			  struct slot *mem,
			  const struct remotefs_attach_args *args)
{
	uint32_t known = has_sessions() ? 3 : 0;
	struct expect *expect = &fuzzer->expect;
	unsigned int source = self(), i;
	bool opened;

	must(expect, args->flags & ~known, EOPNOTSUPP);
	if (args->mem_fd == -1) {
		must(expect, args->pid, EINVAL);
	} else {
		attach_find(mem, args->mem_fd);
		opened = mem->fd == args->mem_fd && mem->used;
		must(expect, !args->pid || args->pid > INT_MAX, EINVAL);
		must(expect, args->mem_fd < -1 || args->mem_fd > 4000, EBADF);
		if (!opened) {
			/* Some descriptor of ours, or none; but not this. */
			expect->anything = true;
			must(expect, true, EBADF);
			return;
		}
		must(expect, mem->kind == OTHER && mem->number == 1, EBADF);
		must(expect, mem->kind != MEM, EINVAL);
		must(expect, !mem->readable, EACCES);
		must(expect, !is_alive(mem->source, mem->life) ||
		     args->pid != (uint32_t)pid_of(mem->source), ESRCH);
		source = mem->source;
	}
	for (i = 0; i < MAX_SESSIONS; i++) {
		const struct session *other = &world.session[i];

		if (other->uses && other->source == source &&
		    other->life == life_of(source))
			must(expect, (other->exclusive && call->weak) ||
			     args->flags & known & REMOTEFS_ATTACH_EXCLUSIVE,
			     EEXIST);
	}
}

/* REMOTE */

/* Does it take memory away, if it does anything? */
static bool remote_takes(const struct remotefs_remote_args *args)
{
	return args->command != REMOTEFS_REMOTE_MMAP ||
	       args->flags & REMOTEFS_REMOTE_REPLACE;
}

static void expect_remote_flags(struct fuzzer *fuzzer,
				const struct remotefs_remote_args *args)
{
	struct expect *expect = &fuzzer->expect;
	bool expose = args->flags & REMOTEFS_REMOTE_EXPOSE;
	uint32_t known = REMOTEFS_REMOTE_FIXED | REMOTEFS_REMOTE_REPLACE |
			 REMOTEFS_REMOTE_EXPOSE | REMOTEFS_REMOTE_HUGE;
	uint32_t map_known = REMOTEFS_MAP_WRITE | REMOTEFS_MAP_OWNER |
			     REMOTEFS_MAP_ZERO;

	if (!expose)
		map_known = 0;
	if (args->command != REMOTEFS_REMOTE_MMAP)
		known = map_known = 0;
	else if (world.features & REMOTEFS_FEATURE_NOHUGE)
		known |= REMOTEFS_REMOTE_NOHUGE;
	must(expect, args->command - 1 > 2 || args->flags & ~known ||
	     args->map_flags & ~map_known, EOPNOTSUPP);
	must(expect, args->command == REMOTEFS_REMOTE_MMAP && args->prot & ~3,
	     EOPNOTSUPP);
	must(expect, args->command != REMOTEFS_REMOTE_MMAP && args->prot, EINVAL);
	must(expect, args->__reserved || args->out_map, EINVAL);
	must(expect, !expose && (args->mode || args->uid || args->gid), EINVAL);
	must(expect, args->flags & REMOTEFS_REMOTE_REPLACE &&
	     (!(args->flags & REMOTEFS_REMOTE_FIXED) ||
	      args->flags & (REMOTEFS_REMOTE_EXPOSE | REMOTEFS_REMOTE_HUGE)),
	     EINVAL);
	must(expect, args->flags & REMOTEFS_REMOTE_HUGE &&
	     args->flags & REMOTEFS_REMOTE_NOHUGE, EINVAL);
	may(expect, args->flags & REMOTEFS_REMOTE_HUGE, EBUSY);
}

static void expect_remote_memory(struct fuzzer *fuzzer, unsigned int source,
				 const struct remotefs_remote_args *args)
{
	bool map = args->command == REMOTEFS_REMOTE_MMAP;
	bool fixed = args->flags & REMOTEFS_REMOTE_FIXED;
	struct expect *expect = &fuzzer->expect;
	unsigned int kinds;

	must(expect, args->address & (PAGE - 1), EINVAL);
	must(expect, !interval_is_good(map && !fixed ? 0 : args->address,
				       args->length, world.task_size), EINVAL);
	if (expect->must & outcome_bit(EINVAL) || (map && !fixed))
		return;
	kinds = memory_kinds(source, args->address, args->length);
	/* Below the lowest address, which is at most 16 pages. */
	may(expect, map && args->address < 16 * PAGE, EPERM);
	if (!remote_takes(args)) {
		must(expect, kinds & (ANONYMOUS | FOREIGN | MIRRORED), EEXIST);
		may(expect, kinds & UNKNOWN, EEXIST);
		return;
	}
	must(expect, kinds & MIRRORED, ELOOP);
	must(expect, kinds & FOREIGN, EFAULT);
	must(expect, kinds & HOLE && args->command == REMOTEFS_REMOTE_DISCARD,
	     EFAULT);
}

static void expect_remote(struct fuzzer *fuzzer, const struct call *call,
			  const struct remotefs_remote_args *args)
{
	bool owner = args->map_flags & REMOTEFS_MAP_OWNER;
	struct session *session = call->slot.session;
	struct expect *expect = &fuzzer->expect;

	expect_remote_flags(fuzzer, args);
	expect_remote_memory(fuzzer, session->source, args);
	must(expect, args->mode & ~0666, EINVAL);
	must(expect, !owner && (args->uid || args->gid), EINVAL);
	must(expect, owner && (args->uid == -1U || args->gid == -1U), EINVAL);
	must(expect, owner && call->weak, EPERM);
	must(expect, !session->writable, EACCES);
	must(expect, !is_alive(session->source, session->life), ESRCH);
	must(expect, args->command == REMOTEFS_REMOTE_MMAP && call->readonly,
	     EFAULT);
	if (!(args->flags & REMOTEFS_REMOTE_EXPOSE))
		return;
	must(expect, limit_is_reached(call, true), ENOSPC);
	may(expect, call->squeezed, ENOSPC);
}

static void expect_area(struct fuzzer *fuzzer, const struct call *call,
			const struct remotefs_area_args *args)
{
	bool get = args->operation == REMOTEFS_AREA_GET;
	const struct file *file = call->slot.file;
	struct expect *expect = &fuzzer->expect;
	unsigned int i;

	must(expect, args->flags || args->operation - 1 > 2, EOPNOTSUPP);
	must(expect, !args->mask || args->mask >> REMOTEFS_AREA_SLOTS, EINVAL);
	for (i = 0; i < REMOTEFS_AREA_SLOTS; i++)
		must(expect, args->slots[i] &&
		     (args->operation != REMOTEFS_AREA_SET ||
		      !(args->mask >> i & 1)), EINVAL);
	must(expect, !get && call->weak && file->maker, EPERM);
	must(expect, !get && file->state == REMOTEFS_STATE_GONE, ESRCH);
	must(expect, !get && file->state == REMOTEFS_STATE_REVOKED, ESTALE);
}

static void expect_info(struct fuzzer *fuzzer,
			const struct remotefs_info_args *args)
{
	must(&fuzzer->expect, args->flags, EOPNOTSUPP);
}

static void expect_range(struct fuzzer *fuzzer, const struct call *call,
			 const struct remotefs_range_args *args)
{
	struct file *file = call->slot.file;
	struct expect *expect = &fuzzer->expect;

	must(expect, file->state == REMOTEFS_STATE_GONE, ESRCH);
	must(expect, file->state == REMOTEFS_STATE_REVOKED, ESTALE);
	must(expect, file->state == REMOTEFS_STATE_LIVE &&
	     !file_next(file, args->offset), ENOENT);
}

#endif
