/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzer does to a source's address space from outside, and with what is
 * kept of a map file: numbers, and a label.
 *
 * Where the model is kept, memory that the kernel put where it knows nothing is taken
 * away again.
 */
#ifndef F_REMOTE_H
#define F_REMOTE_H

#include <sys/xattr.h>

#include "f-watch.h"

static void remote_fill_map(struct fuzzer *fuzzer,
			    struct remotefs_remote_args *args)
{
	struct chance *chance = &fuzzer->chance;

	args->prot = chance_one_in(chance, 4) ? chance_below(chance, 2) : 3;
	if (!chance_one_in(chance, 4))
		args->flags |= REMOTEFS_REMOTE_FIXED;
	else if (chance_one_in(chance, 2))
		args->address = 0;
	if (chance_one_in(chance, 8))
		args->flags |= chance_one_in(chance, 2) ? REMOTEFS_REMOTE_HUGE :
							  REMOTEFS_REMOTE_NOHUGE;
	if (args->flags & REMOTEFS_REMOTE_FIXED && chance_one_in(chance, 2))
		args->flags |= REMOTEFS_REMOTE_REPLACE;
	else if (chance_one_in(chance, 3))
		args->flags |= REMOTEFS_REMOTE_EXPOSE;
	if (!(args->flags & REMOTEFS_REMOTE_EXPOSE))
		return;
	if (chance_one_in(chance, 2))
		args->map_flags |= REMOTEFS_MAP_WRITE;
	if (chance_one_in(chance, 4))
		args->map_flags |= REMOTEFS_MAP_ZERO;
	if (chance_one_in(chance, 6)) {
		args->map_flags |= REMOTEFS_MAP_OWNER;
		args->uid = chance_below(chance, 3) * 500;
	}
}

static void remote_fill(struct fuzzer *fuzzer, struct call *call)
{
	struct remotefs_remote_args *args = &call->args.remote;
	struct chance *chance = &fuzzer->chance;
	unsigned int first, count = 1 + chance_below(chance, 4);

	first = CANARIES + chance_below(chance, PAGES - CANARIES - count);
	args->address = (uintptr_t)arena_of(call->slot.source) + first * PAGE;
	args->length = count * PAGE;
	args->command = chance_one_in(chance, 2) ? REMOTEFS_REMOTE_MMAP :
			2 + chance_below(chance, 2);
	if (args->command == REMOTEFS_REMOTE_MMAP)
		remote_fill_map(fuzzer, args);
}

/* In the arena the model knows of it; elsewhere it goes. */
static void remote_mapped(struct fuzzer *fuzzer, const struct call *call,
			  const struct remotefs_remote_args *args)
{
	uint64_t arena = (uintptr_t)arena_of(call->slot.source);
	struct remotefs_remote_args undo = {
		.size = sizeof(undo),
		.command = REMOTEFS_REMOTE_MUNMAP,
		.address = args->address,
		.length = args->length,
	};
	struct deed deed = { .what = DEED_MAP };

	if (args->address < arena || args->address + args->length > arena + PAGES * PAGE) {
		if (ioctl(call->slot.fd, REMOTEFS_IOC_REMOTE, &undo))
			violation(fuzzer, "what was mapped at %#lx does not go: %s",
				  (long)args->address, strerror(errno));
		return;
	}
	deed.first = (args->address - arena) / PAGE;
	deed.count = args->length / PAGE;
	watchers_deed(call->slot.source, &deed);
	memory_set(call->slot.source, deed.first, deed.count, ANONYMOUS,
		   args->prot & PROT_WRITE ? 2 : args->prot);
}

static void remote_exposed(struct fuzzer *fuzzer, const struct call *call,
			   const struct remotefs_remote_args *args)
{
	struct remotefs_map_args map = {
		.flags = REMOTEFS_MAP_NEW | args->map_flags,
		.mode = args->mode,
		.uid = args->uid,
		.gid = args->gid,
		.address = args->address,
		.length = args->length,
	};

	map_done(fuzzer, call, &map, args->out_map);
}

static void remote_unmapped(struct fuzzer *fuzzer, const struct call *call,
			    const struct remotefs_remote_args *args)
{
	struct deed deed = {
		.what = DEED_UNMAP,
		.first = (args->address - (uintptr_t)arena_of(call->slot.source)) / PAGE,
		.count = args->length / PAGE,
	};

	(void)fuzzer;
	watchers_deed(call->slot.source, &deed);
	memory_deed(call->slot.source, &deed);
}

static void do_remote(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	struct remotefs_remote_args *args;
	union args seen;

	if (!call_begin(fuzzer, &call, OP_REMOTE))
		return;
	remote_fill(fuzzer, &call);
	if (strict() && files_live(call.slot.source) >= 12) {
		slot_give(&call.slot);
		return;
	}
	call.weak = chance_one_in(&fuzzer->chance, 6);
	call.squeezed = strict() && chance_one_in(&fuzzer->chance, 64);
	if (call_go(fuzzer, &call, NULL, &seen) < 0)
		return;
	args = &seen.remote;
	if (args->command == REMOTEFS_REMOTE_MMAP) {
		args->address = call.args.remote.address;
		args->out_map = call.args.remote.out_map;
		if (args->flags & REMOTEFS_REMOTE_EXPOSE)
			remote_exposed(fuzzer, &call, args);
		if (strict())
			remote_mapped(fuzzer, &call, args);
	} else if (strict() && args->command == REMOTEFS_REMOTE_MUNMAP) {
		remote_unmapped(fuzzer, &call, args);
	}
}

/* What was there must be what the model says, and nothing besides. */
static void area_done(struct fuzzer *fuzzer, const struct call *call,
		      const struct remotefs_area_args *asked)
{
	const struct remotefs_area_args *said = &call->args.area;
	struct file *file = call->slot.file;
	unsigned int i;

	for (i = 0; i < REMOTEFS_AREA_SLOTS; i++) {
		uint64_t before = asked->mask >> i & 1 ? file->area[i] : 0;

		if (said->slots[i] != before)
			violation(fuzzer, "file %u of source %u: number %u was %#lx, not %#lx",
				  file->number, file->source, i,
				  (long)said->slots[i], (long)before);
		if (asked->mask >> i & 1 && asked->operation != REMOTEFS_AREA_GET)
			file->area[i] = asked->slots[i];
	}
}

static void do_area(struct fuzzer *fuzzer)
{
	static _Thread_local struct call call;
	struct remotefs_area_args *args = &call.args.area;
	struct chance *chance = &fuzzer->chance;
	union args seen;
	unsigned int i;

	if (!call_begin(fuzzer, &call, OP_AREA))
		return;
	args->operation = 1 + chance_below(chance, 3);
	args->mask = 1 + chance_below(chance, 255);
	for (i = 0; i < REMOTEFS_AREA_SLOTS; i++)
		if (args->operation == REMOTEFS_AREA_SET && args->mask >> i & 1)
			args->slots[i] = chance_next(chance);
	call.weak = chance_one_in(chance, 6);
	if (call_go(fuzzer, &call, NULL, &seen) >= 0 && strict())
		area_done(fuzzer, &call, &seen.area);
}

static void expect_label(struct fuzzer *fuzzer, const struct file *file,
			 bool weak)
{
	struct expect *expect = &fuzzer->expect;

	must(expect, weak && file->maker, EPERM);
	must(expect, file->state == REMOTEFS_STATE_GONE, ESRCH);
	must(expect, file->state == REMOTEFS_STATE_REVOKED, ESTALE);
}

static int label_set(struct fuzzer *fuzzer, const struct slot *slot, bool weak)
{
	static const char bad[] = { ' ', '/', '\n', 0, 127, (char)200 };
	struct chance *chance = &fuzzer->chance;
	struct expect *expect = &fuzzer->expect;
	int flags = chance_one_in(chance, 2) ? 0 : 1 + chance_below(chance, 2);
	size_t length = chance_below(chance, chance_one_in(chance, 8) ? 80 : 64);
	bool spoilt = length && chance_one_in(chance, 6);
	struct file *file = slot->file;
	char value[80];
	int ret;

	memset(value, 'a' + chance_below(chance, 26), sizeof(value));
	if (spoilt)
		value[chance_below(chance, length)] = bad[chance_below(chance, 6)];
	if (file) {
		expect_label(fuzzer, file, weak);
		must(expect, !length || length > REMOTEFS_LABEL_MAX || spoilt,
		     EINVAL);
		must(expect, flags == XATTR_CREATE && *file->label, EEXIST);
		must(expect, flags == XATTR_REPLACE && !*file->label, ENODATA);
	}
	ret = fsetxattr(slot->fd, REMOTEFS_XATTR_LABEL, value, length, flags);
	if (!ret && file) {
		memcpy(file->label, value, length);
		file->label[length] = 0;
	}
	return ret;
}

static int label_remove(struct fuzzer *fuzzer, const struct slot *slot, bool weak)
{
	struct file *file = slot->file;
	int ret;

	if (file) {
		expect_label(fuzzer, file, weak);
		must(&fuzzer->expect, !*file->label, ENODATA);
	}
	ret = fremovexattr(slot->fd, REMOTEFS_XATTR_LABEL);
	if (!ret && file)
		*file->label = 0;
	return ret;
}

/* Whatever has become of the file. */
static int label_get(struct fuzzer *fuzzer, const struct slot *slot)
{
	size_t size = chance_below(&fuzzer->chance, 80), length;
	const struct file *file = slot->file;
	char value[80];
	int ret;

	if (file) {
		length = strlen(file->label);
		must(&fuzzer->expect, !length, ENODATA);
		must(&fuzzer->expect, size && size < length, ERANGE);
	}
	ret = fgetxattr(slot->fd, REMOTEFS_XATTR_LABEL, value, size);
	if (ret >= 0 && file && ((size_t)ret != length ||
				 (size && memcmp(value, file->label, length))))
		violation(fuzzer, "file %u of source %u has a label of %d, not '%s'",
			  file->number, file->source, ret, file->label);
	return ret;
}

static void do_label(struct fuzzer *fuzzer)
{
	unsigned int what = chance_below(&fuzzer->chance, 5);
	bool weak = chance_one_in(&fuzzer->chance, 6);
	struct slot slot;
	int ret;

	if (!slot_take(fuzzer, OPENED, &slot))
		return;
	note(fuzzer, OP_LABEL, slot.fd, slot.source, what, weak, 0, 0);
	/* A descriptor of a view that is read-only, or of no more than a path. */
	may(&fuzzer->expect, what > 1, EROFS);
	may(&fuzzer->expect, true, EBADF);
	if (weak)
		capabilities_set(~(1U << CAP_SYS_ADMIN | 1U << CAP_CHOWN));
	if (what < 2)
		ret = label_get(fuzzer, &slot);
	else
		ret = what == 2 ? label_remove(fuzzer, &slot, weak) :
				  label_set(fuzzer, &slot, weak);
	outcome_check(fuzzer, outcome_of(ret));
	if (weak)
		capabilities_set(~0U);
	slot_give(&slot);
}

#endif
