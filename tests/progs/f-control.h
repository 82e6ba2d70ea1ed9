/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer's ioctls: a structure that makes sense (f-call.h), then perhaps one
 * or two things in it or around it that do not (here), then what must come of it
 * (f-expect.h), and then the call.
 */
#ifndef F_CONTROL_H
#define F_CONTROL_H

#include "f-model.h"

#define USER	1000	/* who makes some of the sessions */
#define ROOM	4096	/* for a structure; the kernel takes no longer one */

union args {
	unsigned char byte[2 * ROOM];
	uint32_t size;
	struct remotefs_features_args features;
	struct remotefs_attach_args attach;
	struct remotefs_map_args map;
	struct remotefs_unmap_args unmap;
	struct remotefs_allow_args allow;
	struct remotefs_lock_args lock;
	struct remotefs_open_args open;
	struct remotefs_info_args info;
	struct remotefs_range_args range;
	struct remotefs_watch_args watch;
	struct remotefs_watch_add_args watch_add;
	struct remotefs_watch_del_args watch_del;
	struct remotefs_remote_args remote;
	struct remotefs_area_args area;
};

struct field {
	unsigned char at, width;
};

#define FIELD(name, member) \
	{ offsetof(struct remotefs_##name##_args, member), \
	  sizeof(((struct remotefs_##name##_args *)0)->member) }
#define LAYOUT(NAME, name, kind, first, replies, ...) \
	[OP_##NAME] = { REMOTEFS_IOC_##NAME, kind, replies, \
			offsetof(struct remotefs_##name##_args, first) + \
			sizeof(((struct remotefs_##name##_args *)0)->first), \
			sizeof(struct remotefs_##name##_args), { __VA_ARGS__ } }
#define INTERVAL_FIELDS(name) FIELD(name, flags), FIELD(name, map), \
	FIELD(name, __reserved), FIELD(name, offset), FIELD(name, length)

static const struct layout {
	unsigned int cmd, kind;
	bool replies;
	unsigned int least, size;
	struct field field[12];
} layouts[] = {
	LAYOUT(FEATURES, features, CONTROL, features, true,
	       FIELD(features, __reserved), FIELD(features, features)),
	LAYOUT(ATTACH, attach, CONTROL, pid, false, FIELD(attach, flags),
	       FIELD(attach, mem_fd), FIELD(attach, pid)),
	LAYOUT(MAP, map, SESSION, length, false, FIELD(map, flags),
	       FIELD(map, map), FIELD(map, mode), FIELD(map, uid),
	       FIELD(map, gid), FIELD(map, address), FIELD(map, offset),
	       FIELD(map, length)),
	LAYOUT(UNMAP, unmap, SESSION, length, false, INTERVAL_FIELDS(unmap)),
	LAYOUT(ALLOW, allow, SESSION, length, false, INTERVAL_FIELDS(allow)),
	LAYOUT(LOCK, lock, SESSION, __reserved, false, FIELD(lock, flags),
	       FIELD(lock, map), FIELD(lock, __reserved)),
	LAYOUT(OPEN, open, SESSION, __reserved, false, FIELD(open, flags),
	       FIELD(open, map), FIELD(open, __reserved)),
	LAYOUT(INFO, info, OPENED, out_invalidations, true, FIELD(info, flags)),
	LAYOUT(RANGE, range, OPENED, out_length, true, FIELD(range, offset)),
	LAYOUT(WATCH, watch, SESSION, __reserved, false, FIELD(watch, flags),
	       FIELD(watch, queue), FIELD(watch, __reserved)),
	LAYOUT(WATCH_ADD, watch_add, WATCHER, cookie, false,
	       FIELD(watch_add, flags), FIELD(watch_add, start),
	       FIELD(watch_add, end), FIELD(watch_add, cookie)),
	LAYOUT(WATCH_DEL, watch_del, WATCHER, cookie, false,
	       FIELD(watch_del, flags), FIELD(watch_del, cookie)),
	LAYOUT(REMOTE, remote, SESSION, __reserved, false,
	       FIELD(remote, command), FIELD(remote, flags), FIELD(remote, prot),
	       FIELD(remote, address), FIELD(remote, length),
	       FIELD(remote, map_flags), FIELD(remote, out_map),
	       FIELD(remote, mode), FIELD(remote, uid), FIELD(remote, gid),
	       FIELD(remote, __reserved)),
	LAYOUT(AREA, area, OPENED, slots, true, FIELD(area, flags),
	       FIELD(area, operation), FIELD(area, mask),
	       FIELD(area, slots[0]), FIELD(area, slots[7])),
};

struct call {
	unsigned int op, cmd, kind, first_kind;
	struct slot slot;
	union args args;
	unsigned char *at;		/* where the kernel looks for it */
	size_t room;			/* and how much is there */
	bool bad_fd, readonly, weak, squeezed, starved;
	unsigned int uid;		/* ATTACH: as whom */
};

/* How long the kernel's structure is: it was made from the same header. */
static unsigned int call_known(const struct call *call)
{
	return layouts[call->op].size;
}

/* Values of interest */

static uint64_t interesting(struct fuzzer *fuzzer, uint64_t value)
{
	static const uint64_t values[] = {
		0, 1, 2, 0xf, 0x10, 0666, 0777, PAGE - 1, PAGE, PAGE + 1,
		0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
		0x7ffffffff000, 0x7ffffffffffff000, 0x7fffffffffffffff,
		0x8000000000000000, 0xfffffffffffff000, -1ULL,
		ARENA, ARENA + ARENA_STEP,
	};
	struct chance *chance = &fuzzer->chance;

	switch (chance_below(chance, 8)) {
	case 0: return value + PAGE;
	case 1: return value - PAGE;
	case 2: return value + 1;
	case 3: return world.task_size - PAGE * chance_below(chance, 2);
	case 4: return value ^ 1ULL << chance_below(chance, 64);
	default:
		return values[chance_below(chance, sizeof(values) /
					   sizeof(*values))];
	}
}

static void mutate_field(struct fuzzer *fuzzer, struct call *call)
{
	const struct layout *layout = &layouts[call->op];
	unsigned int n = 0;
	uint64_t value = 0;
	const struct field *field;

	while (layout->field[n].width)
		n++;
	field = &layout->field[chance_below(&fuzzer->chance, n)];
	memcpy(&value, call->args.byte + field->at, field->width);
	value = interesting(fuzzer, value);
	memcpy(call->args.byte + field->at, &value, field->width);
}

static void mutate_size(struct fuzzer *fuzzer, struct call *call)
{
	unsigned int known = call_known(call), least = layouts[call->op].least;
	const unsigned int sizes[] = {
		0, 3, 4, least - 1, least, least + 4, known, known + 1,
		known + 8, 2 * known, ROOM, ROOM + 1, 0x7fffffff, -1U,
	};

	call->args.size = sizes[chance_below(&fuzzer->chance, 14)];
	if (chance_one_in(&fuzzer->chance, 2))
		call->args.byte[known + chance_below(&fuzzer->chance, 8)] = 1;
}

/* A structure that is not there, or not wholly, or not to be written. */
static void mutate_pointer(struct fuzzer *fuzzer, struct call *call)
{
	static const uintptr_t nowhere[] = {
		0, 8, 0x7ffffffff000, 0x800000000000, 0xffff800000000000,
		0xffffffff81000000, 0xfffffffffffffffc, 0xffffffffff600000,
	};
	unsigned int room;

	call->readonly = false;
	switch (chance_below(&fuzzer->chance, 3)) {
	case 0:
		call->at = (void *)nowhere[chance_below(&fuzzer->chance, 8)];
		call->room = 0;
		break;
	case 1:
		room = chance_below(&fuzzer->chance, call_known(call) + 9);
		call->at = (unsigned char *)fuzzer->buffer + 2 * ROOM - room;
		call->room = room;
		break;
	default:
		call->at = (unsigned char *)fuzzer->readonly;
		call->room = ROOM;
		call->readonly = true;
	}
}

static void mutate_target(struct fuzzer *fuzzer, struct call *call)
{
	unsigned int kind = chance_below(&fuzzer->chance, KINDS + 1);
	static const int bad[] = { -1, -2, 0x7fffffff, 9999, AT_FDCWD };
	struct slot other;

	if (kind != KINDS && slot_take(fuzzer, kind, &other)) {
		slot_give(&call->slot);
		call->slot = other;
		call->kind = kind;
		return;
	}
	slot_give(&call->slot);
	call->slot.fd = bad[chance_below(&fuzzer->chance, 5)];
	call->bad_fd = true;
}

static void mutate_command(struct fuzzer *fuzzer, struct call *call)
{
	static const unsigned int commands[] = {
		0, -1U, _IO(REMOTEFS_IOC_TYPE, 0x0f), _IO(REMOTEFS_IOC_TYPE, 0x22),
		_IO(REMOTEFS_IOC_TYPE, 0xff), _IOWR(REMOTEFS_IOC_TYPE, 0x02, long),
		_IOR(REMOTEFS_IOC_TYPE, 0x01, long), _IO(0xe6, 0x02), _IO('T', 1),
	};

	call->cmd = commands[chance_below(&fuzzer->chance, 9)];
}

static void mutate_bit(struct fuzzer *fuzzer, struct call *call)
{
	unsigned int bit = chance_below(&fuzzer->chance,
					8 * call_known(call));

	call->args.byte[bit / 8] ^= 1 << bit % 8;
}

static void mutate(struct fuzzer *fuzzer, struct call *call)
{
	unsigned int n = chance_below(&fuzzer->chance, 4);

	/* None, none, one or two. */
	for (n = n > 1 ? n - 1 : 0; n; n--)
		switch (chance_below(&fuzzer->chance, 16)) {
		case 0: mutate_size(fuzzer, call); break;
		case 1: mutate_pointer(fuzzer, call); break;
		case 2:
			if (!call->bad_fd)
				mutate_target(fuzzer, call);
			break;
		case 3: mutate_command(fuzzer, call); break;
		case 4:
		case 5:
		case 6:
		case 7: mutate_bit(fuzzer, call); break;
		default: mutate_field(fuzzer, call);
		}
}

#endif
