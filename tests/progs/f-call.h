/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer's ioctls: filled in, made, and taken into the model.
 */
#ifndef F_CALL_H
#define F_CALL_H

#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "f-expect.h"

/* Making the call */

static void capabilities_set(uint32_t first)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		die("capget");
	data[0].effective = data[0].permitted & first;
	data[1].effective = data[1].permitted;
	if (syscall(SYS_capset, &header, data))
		die("capset");
}

static void limits_set(bool squeezed)
{
	if (mount("none", board->options.mount, NULL, MS_REMOUNT, squeezed ?
		  "max_maps=1,max_ranges=1,max_watches=1" :
		  "max_maps=65536,max_ranges=262144,max_watches=262144"))
		die("remount");
}

static void descriptors_set(bool starved)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = starved ? 1 : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* In the circumstances that it is to be made in: the result, or -errno. */
static int call_in_place(struct call *call)
{
	int ret;

	if (call->weak)
		capabilities_set(~(1U << CAP_SYS_ADMIN | 1U << CAP_CHOWN));
	if (call->uid)
		setfsuid(call->uid);
	ret = ioctl(call->slot.fd, call->cmd, call->at);
	if (ret < 0)
		ret = -errno;
	if (call->uid)
		setfsuid(0);
	if (call->weak)
		capabilities_set(~0U);
	return ret;
}

static int call_make(struct fuzzer *fuzzer, struct call *call)
{
	struct record *record = record_now(fuzzer);
	int ret;

	memcpy(record->image, call->args.byte, sizeof(record->image));
	if (call->readonly)
		mprotect(call->at, ROOM, PROT_READ | PROT_WRITE);
	if (call->room)
		memcpy(call->at, call->args.byte, call->room);
	if (call->readonly)
		mprotect(call->at, ROOM, PROT_READ);
	if (call->squeezed)
		limits_set(true);
	if (call->starved)
		descriptors_set(true);
	ret = call_in_place(call);
	if (call->starved)
		descriptors_set(false);
	if (call->squeezed)
		limits_set(false);
	/* The results. */
	if (ret >= 0 && call->room)
		memcpy(call->args.byte, call->at, call->room);
	outcome_check(fuzzer, ret < 0 ? -ret : 0);
	return ret;
}

static void descriptor_check(struct fuzzer *fuzzer, int fd)
{
	if (!(fcntl(fd, F_GETFD) & FD_CLOEXEC))
		violation(fuzzer, "descriptor %d is kept over execve", fd);
}

/* Begin with a descriptor of the right kind, and nothing else. */
static bool call_begin(struct fuzzer *fuzzer, struct call *call, unsigned int op)
{
	const struct layout *layout = &layouts[op];

	memset(call, 0, sizeof(*call));
	call->op = op;
	call->cmd = layout->cmd;
	call->kind = layout->kind;
	call->args.size = chance_one_in(&fuzzer->chance, 4) ? layout->least :
							      layout->size;
	call->at = (unsigned char *)fuzzer->buffer;
	call->room = 2 * ROOM;
	return slot_take(fuzzer, layout->kind, &call->slot);
}

/*
 * What a source's program needs is not taken from it, nor are its canaries; and
 * memory that can be written and not read is none that the model knows.
 */
static bool remote_is_harmless(const struct call *call)
{
	const struct remotefs_remote_args *args = &call->args.remote;
	uint64_t arena = (uintptr_t)arena_of(call->slot.source);

	if (!strict() && call->slot.source == 1 &&
	    args->map_flags & REMOTEFS_MAP_WRITE &&
	    overlaps(args->address, args->length, arena, CANARIES * PAGE))
		return false;
	if (!remote_takes(args))
		return args->prot != PROT_WRITE;
	if (!interval_is_good(args->address, args->length, world.task_size))
		return true;
	return args->prot != PROT_WRITE && args->address >= arena + CANARIES * PAGE &&
	       args->address + args->length <= arena + PAGES * PAGE;
}

/*
 * With many threads the model does not know what was granted. So the first
 * source is never exposed with a descriptor that could be written, and nobody
 * asks to have the second one's canaries written.
 */
static bool call_is_harmless(const struct call *call)
{
	const struct remotefs_map_args *args = &call->args.map;

	/* A source's stack is not to be written, or it does not live long. */
	if (call->op == OP_MAP && call->kind == SESSION && args->length &&
	    !(args->flags & REMOTEFS_MAP_WHOLE) &&
	    memory_kinds(call->slot.source, args->address, args->length) ==
		    UNKNOWN)
		return false;
	if (call->op == OP_REMOTE && call->kind == SESSION)
		return remote_is_harmless(call);
	if (strict() || call->kind != SESSION || call->slot.source != 1)
		return true;
	if (call->op == OP_ALLOW)
		return false;
	return call->op != OP_MAP || !(args->flags & REMOTEFS_MAP_WRITE) ||
	       (!(args->flags & REMOTEFS_MAP_WHOLE) &&
		!overlaps(args->address, args->length, (uintptr_t)arena_of(1),
			  CANARIES * PAGE));
}

/*
 * What was begun and filled in is changed, expected and made. The result, or
 * -errno; *@seen is what the kernel saw.
 */
static int call_go(struct fuzzer *fuzzer, struct call *call,
		   struct slot *mem, union args *seen)
{
	int ret;

	mutate(fuzzer, call);
	if (!command_is_known(call) || call->bad_fd)
		note(fuzzer, call->op == OP_OPEN && !has_sessions() ? OP_OPEN :
		     OP_UNKNOWN, call->slot.fd, call->cmd, call->kind, 0, 0, 0);
	else
		note(fuzzer, call->op, call->slot.fd, call->slot.source,
		     call->weak, call->squeezed, call->room, call->readonly);
	call_seen(call, seen);
	if (strict() && expect_call(fuzzer, call)) {
		switch (call->op) {
		case OP_FEATURES:
			must(&fuzzer->expect, seen->features.__reserved, EINVAL);
			break;
		case OP_ATTACH:
			expect_attach(fuzzer, call, mem, &seen->attach);
			break;
		case OP_MAP: expect_map(fuzzer, call, &seen->map); break;
		case OP_UNMAP: expect_unmap(fuzzer, call, &seen->unmap); break;
		case OP_ALLOW: expect_allow(fuzzer, call, &seen->unmap); break;
		case OP_LOCK: expect_lock(fuzzer, call, &seen->lock); break;
		case OP_OPEN: expect_open(fuzzer, call, &seen->open); break;
		case OP_WATCH: expect_watch(fuzzer, call, &seen->watch); break;
		case OP_WATCH_ADD:
			expect_watch_add(fuzzer, call, &seen->watch_add);
			break;
		case OP_WATCH_DEL:
			expect_watch_del(fuzzer, call, &seen->watch_del);
			break;
		case OP_REMOTE:
			expect_remote(fuzzer, call, &seen->remote);
			break;
		case OP_AREA: expect_area(fuzzer, call, &seen->area); break;
		case OP_INFO: expect_info(fuzzer, &seen->info); break;
		case OP_RANGE: expect_range(fuzzer, call, &seen->range); break;
		}
	}
	ret = call_is_harmless(call) ? call_make(fuzzer, call) : -EAGAIN;
	if (!call->bad_fd)
		slot_give(&call->slot);
	return ret;
}

/* The operations */

static void do_features(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	union args seen;
	uint64_t asked;

	if (!call_begin(fuzzer, &call, OP_FEATURES))
		return;
	call.args.features.features = chance_next(&fuzzer->chance);
	if (call_go(fuzzer, &call, NULL, &seen) < 0)
		return;
	asked = seen.features.features;
	if (call.args.features.features != (asked & world.features))
		violation(fuzzer, "features %#lx of %#lx",
			  (long)call.args.features.features, asked);
}

/* A descriptor for ATTACH: as a rule, a good one. */
static bool attach_mem(struct fuzzer *fuzzer, struct slot *mem)
{
	unsigned int kind = chance_one_in(&fuzzer->chance, 8) ?
			    chance_below(&fuzzer->chance, KINDS) : MEM;

	return slot_take(fuzzer, kind, mem);
}

static void attach_done(struct fuzzer *fuzzer, const struct call *call,
			const struct slot *mem, int fd,
			const struct remotefs_attach_args *seen)
{
	struct slot slot = { .fd = fd, .kind = SESSION, .source = self(),
			     .life = 1, .writable = true };
	struct session *session;

	descriptor_check(fuzzer, fd);
	if (seen->mem_fd != -1) {
		slot.source = mem->source;
		slot.life = mem->life;
		slot.writable = mem->writable;
	}
	if (strict()) {
		session = session_new(fuzzer);
		session->source = slot.source;
		session->life = slot.life;
		session->uid = call->uid;
		session->writable = slot.writable;
		session->readonly_mount = call->slot.number;
		session->ephemeral = seen->flags & REMOTEFS_ATTACH_EPHEMERAL;
		session->exclusive = seen->flags & REMOTEFS_ATTACH_EXCLUSIVE;
		slot.session = session;
	}
	slot_put(fuzzer, &slot);
}

static void do_attach(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	struct slot mem = { .fd = -1 };
	struct chance *chance = &fuzzer->chance;
	union args seen;
	int ret;

	if (!call_begin(fuzzer, &call, OP_ATTACH))
		return;
	call.args.attach.mem_fd = -1;
	if (!chance_one_in(chance, 6) && attach_mem(fuzzer, &mem)) {
		call.args.attach.mem_fd = mem.fd;
		call.args.attach.pid = pid_of(mem.source);
	}
	/* Rarely, as they keep others away. */
	if (has_sessions() && chance_one_in(chance, 4))
		call.args.attach.flags = chance_one_in(chance, 8) ?
					 1 + chance_below(chance, 3) : 1;
	call.uid = chance_one_in(chance, 3) ? USER : 0;
	call.weak = call.uid;
	call.starved = strict() && chance_one_in(chance, 64);
	ret = call_go(fuzzer, &call, &mem, &seen);
	if (ret >= 0)
		attach_done(fuzzer, &call, &mem, ret, &seen.attach);
	if (mem.fd >= 0)
		slot_give(&mem);
}

/* MAP */

static void map_fill_new(struct fuzzer *fuzzer, struct remotefs_map_args *args)
{
	struct chance *chance = &fuzzer->chance;

	args->flags |= REMOTEFS_MAP_NEW;
	args->map = 0;
	if (chance_one_in(chance, 4))
		args->mode = chance_below(chance, 0667) & 0666;
	if (chance_one_in(chance, 6)) {
		args->flags |= REMOTEFS_MAP_OWNER;
		args->uid = chance_below(chance, 3) * 500;
		args->gid = chance_below(chance, 3) * 500;
	}
	if (chance_one_in(chance, 8)) {
		args->flags |= REMOTEFS_MAP_WHOLE;
		args->address = args->offset = args->length = 0;
	}
}

static void map_fill(struct fuzzer *fuzzer, struct call *call)
{
	struct remotefs_map_args *args = &call->args.map;
	struct chance *chance = &fuzzer->chance;
	unsigned int source = call->slot.source, first, count;

	first = chance_below(chance, chance_one_in(chance, 6) ? PAGES : 48);
	count = 1 + chance_below(chance, chance_one_in(chance, 4) ? 16 : 4);
	args->address = (uintptr_t)arena_of(source) + first * PAGE;
	args->length = count * PAGE;
	args->offset = chance_one_in(chance, 2) ? 0 :
		       chance_below(chance, 32) * PAGE;
	args->map = number_recall(fuzzer, source);
	if (call->slot.writable ? chance_one_in(chance, 2) :
				  chance_one_in(chance, 16))
		args->flags |= REMOTEFS_MAP_WRITE;
	/* Canaries are to be shown, but seldom so that they can be written. */
	if (args->flags & REMOTEFS_MAP_WRITE && first < CANARIES &&
	    !chance_one_in(chance, 20))
		args->address += CANARIES * PAGE;
	if (chance_one_in(chance, 4))
		args->flags |= REMOTEFS_MAP_ZERO;
	if (chance_one_in(chance, 2))
		map_fill_new(fuzzer, args);
}

/* Has the model room for what this may add? */
static bool map_has_room(const struct call *call)
{
	struct file *file;

	if (!strict() || call->kind != SESSION || call->bad_fd)
		return true;
	if (call->args.map.flags & REMOTEFS_MAP_NEW)
		return files_live(call->slot.source) < 12;
	file = file_find(call->slot.source, call->args.map.map);
	return !file || (file->ranges < MAX_RANGES - 1 &&
			 file->nr_allowed < MAX_RANGES - 1);
}

static void file_add(struct fuzzer *fuzzer, struct file *file,
		     const struct session *session,
		     const struct remotefs_map_args *args)
{
	struct range *range = &file->range[file->ranges++];

	range->flags = args->flags & (REMOTEFS_MAP_WRITE | REMOTEFS_MAP_ZERO);
	range->ephemeral = session->ephemeral ? session : NULL;
	range->address = args->address;
	range->offset = args->offset;
	range->length = args->flags & REMOTEFS_MAP_WHOLE ?
			world.task_size & ~(PAGE - 1) : args->length;
	if (range->offset + range->length > file->size)
		file->size = range->offset + range->length;
	if (range->flags & REMOTEFS_MAP_WRITE)
		file_grants(file, range->offset, range->length);
	for (unsigned int i = 0; i < file->nr_allowed; i++)
		file_grants(file, file->allowed[i].offset,
			    file->allowed[i].length);
	/* As if it had not been made. */
	if (board->options.lie == 'm' && file->ranges > 2)
		file->ranges--;
	(void)fuzzer;
}

static struct file *map_new_file(struct fuzzer *fuzzer, const struct call *call,
				 const struct remotefs_map_args *args,
				 unsigned int number)
{
	struct session *session = call->slot.session;
	struct file *file;
	char path[32];

	if (file_find(session->source, number))
		violation(fuzzer, "number %u is given out again", number);
	file = file_new(fuzzer);
	file->source = session->source;
	file->life = session->life;
	file->number = number;
	file->maker = file->uid = session->uid;
	file->locked = session->locks;
	if (session->ephemeral)
		file->ephemeral = session;
	file->mode = args->mode ? args->mode :
		     args->flags & REMOTEFS_MAP_WRITE ? 0600 : 0400;
	if (args->flags & REMOTEFS_MAP_OWNER) {
		file->uid = args->uid;
		file->gid = args->gid;
	}
	path_of(file->source, number, path, sizeof(path));
	file->watch = openat(world.root, path, O_RDONLY | O_CLOEXEC);
	if (file->watch < 0)
		violation(fuzzer, "%s cannot be opened: %s", path,
			  strerror(errno));
	world.directory[file->source] = true;
	return file;
}

static void map_done(struct fuzzer *fuzzer, const struct call *call,
		     const struct remotefs_map_args *args, unsigned int number)
{
	struct file *file;

	if (args->flags & REMOTEFS_MAP_NEW) {
		pthread_mutex_lock(&world.lock);
		number_remember(fuzzer, call->slot.source, number);
		pthread_mutex_unlock(&world.lock);
	}
	if (!strict())
		return;
	if (args->flags & REMOTEFS_MAP_NEW)
		file = map_new_file(fuzzer, call, args, number);
	else
		file = file_find(call->slot.source, args->map);
	file_add(fuzzer, file, call->slot.session, args);
	file_check(fuzzer, file);
}

static void do_map(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	union args seen;

	if (!call_begin(fuzzer, &call, OP_MAP))
		return;
	map_fill(fuzzer, &call);
	call.weak = chance_one_in(&fuzzer->chance, 6);
	call.squeezed = strict() && chance_one_in(&fuzzer->chance, 64);
	if (!map_has_room(&call)) {
		slot_give(&call.slot);
		return;
	}
	if (call_go(fuzzer, &call, NULL, &seen) >= 0)
		map_done(fuzzer, &call, &seen.map, call.args.map.map);
}

/* UNMAP, ALLOW, LOCK, OPEN */

/* An interval of a file: as a rule, of a range that it has. */
static void interval_fill(struct fuzzer *fuzzer, struct call *call, bool part)
{
	struct remotefs_unmap_args *args = &call->args.unmap;
	struct chance *chance = &fuzzer->chance;
	struct file *file = NULL;
	struct range *range;

	args->map = number_recall(fuzzer, call->slot.source);
	args->offset = chance_below(chance, 32) * PAGE;
	args->length = (1 + chance_below(chance, 8)) * PAGE;
	if (strict())
		file = file_find(call->slot.source, args->map);
	if (!file || !file->ranges || chance_one_in(chance, 8))
		return;
	range = &file->range[chance_below(chance, file->ranges)];
	args->offset = range->offset;
	args->length = range->length;
	if (part && file->number == REMOTEFS_MAP_AS) {
		args->offset = (uintptr_t)arena_of(file->source) +
			       chance_below(chance, PAGES) * PAGE;
		args->length = PAGE;
	} else if (part) {
		args->offset += chance_below(chance, range->length / PAGE) * PAGE;
		args->length = PAGE;
	}
}

static void unmap_done(struct fuzzer *fuzzer, struct file *file,
		       const struct remotefs_unmap_args *args)
{
	struct range *range;

	while ((range = file_range(file, args->offset, args->length)))
		*range = file->range[--file->ranges];
	file->unmapped = true;
	file_check(fuzzer, file);
}

static void do_unmap(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	union args seen;

	if (!call_begin(fuzzer, &call, OP_UNMAP))
		return;
	interval_fill(fuzzer, &call, chance_one_in(&fuzzer->chance, 4));
	call.weak = chance_one_in(&fuzzer->chance, 6);
	if (call_go(fuzzer, &call, NULL, &seen) >= 0 && strict())
		unmap_done(fuzzer, file_find(call.slot.source, seen.unmap.map),
			   &seen.unmap);
}

static void allow_done(struct fuzzer *fuzzer, struct file *file,
		       const struct remotefs_unmap_args *args)
{
	struct interval *allowed = &file->allowed[file->nr_allowed++];

	allowed->offset = args->offset;
	allowed->length = args->length;
	file_grants(file, args->offset, args->length);
	file_check(fuzzer, file);
}

static void do_allow(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	union args seen;

	if (!call_begin(fuzzer, &call, OP_ALLOW))
		return;
	interval_fill(fuzzer, &call, true);
	call.weak = chance_one_in(&fuzzer->chance, 6);
	call.squeezed = strict() && chance_one_in(&fuzzer->chance, 64);
	if (!map_has_room(&call)) {
		slot_give(&call.slot);
		return;
	}
	if (call_go(fuzzer, &call, NULL, &seen) >= 0 && strict())
		allow_done(fuzzer, file_find(call.slot.source, seen.unmap.map),
			   &seen.unmap);
}

static void do_lock(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	struct file *file;
	union args seen;

	if (!call_begin(fuzzer, &call, OP_LOCK))
		return;
	call.args.lock.map = number_recall(fuzzer, call.slot.source);
	call.args.lock.flags = chance_one_in(&fuzzer->chance, 8);
	call.weak = chance_one_in(&fuzzer->chance, 6);
	if (call_go(fuzzer, &call, NULL, &seen) < 0 || !strict())
		return;
	file = file_find(call.slot.source, seen.lock.map);
	file->locked = true;
	if (seen.lock.flags & REMOTEFS_LOCK_NEW)
		call.slot.session->locks = true;
	file_check(fuzzer, file);
}

static void do_open(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	struct slot slot = { .kind = OPENED, .readable = true };
	union args seen;
	int fd;

	if (!call_begin(fuzzer, &call, OP_OPEN))
		return;
	call.args.open.map = number_recall(fuzzer, call.slot.source);
	call.args.open.flags = chance_below(&fuzzer->chance, 2);
	call.weak = chance_one_in(&fuzzer->chance, 6);
	call.starved = strict() && chance_one_in(&fuzzer->chance, 64);
	fd = call_go(fuzzer, &call, NULL, &seen);
	if (fd < 0)
		return;
	descriptor_check(fuzzer, fd);
	slot.fd = fd;
	slot.source = call.slot.source;
	slot.life = call.slot.life;
	slot.number = seen.open.map;
	slot.writable = seen.open.flags & REMOTEFS_OPEN_WRITE;
	if (strict()) {
		slot.file = file_find(slot.source, slot.number);
		slot.file->uses++;
	}
	slot_put(fuzzer, &slot);
}

/* INFO, RANGE */

static void do_info(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	union args seen;

	if (!call_begin(fuzzer, &call, OP_INFO))
		return;
	if (call_go(fuzzer, &call, NULL, &seen) >= 0 && strict() &&
	    call.slot.file->state == REMOTEFS_STATE_LIVE)
		info_check(fuzzer, call.slot.file, &call.args.info);
}

static void do_range(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	union args seen;

	if (!call_begin(fuzzer, &call, OP_RANGE))
		return;
	call.args.range.offset = chance_below(&fuzzer->chance, 64) *
				 (PAGE / 2 + 1);
	if (call_go(fuzzer, &call, NULL, &seen) >= 0 && strict())
		range_check(fuzzer, call.slot.file, &call.args.range,
			    file_next(call.slot.file, seen.range.offset));
}

#endif
