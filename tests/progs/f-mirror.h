/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzer does with mirrors: it makes and changes them, loads and stores.
 */
#ifndef F_MIRROR_H
#define F_MIRROR_H

#include "f-file.h"

#define MIRRORS_AT	0x20000000000UL	/* a place for each, so far apart */
#define MIRRORS_STEP	(1UL << 30)

static void mirror_forget(struct mirror *mirror)
{
	file_put(mirror->file);
	*mirror = (struct mirror){ };
}

static bool mirror_is_good(const struct mirror *mirror, bool live)
{
	return mirror->at && (!live || !mirror->file ||
			      mirror->file->state == REMOTEFS_STATE_LIVE);
}

/* A mirror that is there, or was. */
static bool mirror_pick(struct fuzzer *fuzzer, struct mirror *mirror,
			struct mirror **place)
{
	unsigned int i = chance_below(&fuzzer->chance, MIRRORS), n;
	bool live = !chance_one_in(&fuzzer->chance, 6);

	pthread_mutex_lock(&world.lock);
	for (n = 0; n < MIRRORS - 1 && !mirror_is_good(&world.mirror[i], live);
	     n++)
		i = (i + 1) % MIRRORS;
	*mirror = world.mirror[i];
	pthread_mutex_unlock(&world.lock);
	*place = &world.mirror[i];
	return mirror->at;
}

/* In the arena of the fuzzer, or where the kernel likes, for a moment. */
static void mmap_elsewhere(struct fuzzer *fuzzer, const struct slot *slot,
			   uint64_t offset, size_t bytes, int prot)
{
	struct chance *chance = &fuzzer->chance;
	unsigned int first = CANARIES + chance_below(chance, 40);
	bool fixed = chance_one_in(chance, 2);
	char *at = fixed ? arena_of(self()) + first * PAGE : NULL;
	uint64_t word;
	char *mirror;

	note(fuzzer, OP_MMAP, slot->fd, slot->source, offset, bytes, prot,
	     (uintptr_t)at);
	expect_anything(fuzzer);
	mirror = mmap(at, bytes, prot, MAP_SHARED | (fixed ? MAP_FIXED : 0),
		      slot->fd, offset);
	outcome_check(fuzzer, mirror == MAP_FAILED ? errno : 0);
	bytes = (bytes + PAGE - 1) & ~(PAGE - 1);
	if (fixed && mirror != MAP_FAILED) {
		guarded_load(mirror, &word);
		if (strict())
			memory_set(self(), first, bytes / PAGE, MIRRORED, 0);
	} else if (fixed && bytes) {
		/* What was there may be gone. */
		map_anonymous(at, bytes);
		memory_set(self(), first, bytes / PAGE, ANONYMOUS, 2);
	} else if (mirror != MAP_FAILED) {
		guarded_load(mirror, &word);
		munmap(mirror, bytes);
	}
}

static void expect_mmap(struct fuzzer *fuzzer, const struct slot *slot,
			uint64_t offset, size_t bytes, int prot, bool shared)
{
	struct expect *expect = &fuzzer->expect;

	must(expect, !bytes || offset % PAGE, EINVAL);
	may(expect, offset >> 40, EOVERFLOW);
	may(expect, offset >> 40, EINVAL);
	must(expect, !slot->readable, EACCES);
	must(expect, prot & PROT_WRITE && (!shared || !slot->writable), EACCES);
	must(expect, prot & PROT_EXEC, EPERM);
	expect_live(fuzzer, slot->file);
}

static void do_mmap(struct fuzzer *fuzzer)
{
	struct chance *chance = &fuzzer->chance;
	bool shared = !chance_one_in(chance, 8);
	struct mirror *place, mirror = { };
	unsigned int i, prot;
	struct slot slot;
	uint64_t offset;
	size_t bytes;
	void *at;

	if (!slot_take(fuzzer, OPENED, &slot))
		return;
	offset = position(fuzzer, &slot);
	if (!chance_one_in(chance, 24))
		offset &= ~(PAGE - 1);
	bytes = chance_one_in(chance, 24) ? 0 :
		(1 + chance_below(chance, 8)) * PAGE;
	prot = chance_below(chance, chance_one_in(chance, 16) ? 8 : 4);
	if (!chance_one_in(chance, 4))
		prot = PROT_READ | (slot.writable && shared ? PROT_WRITE : 0);
	if (chance_one_in(chance, 6)) {
		mmap_elsewhere(fuzzer, &slot, offset, bytes, prot);
		slot_give(&slot);
		return;
	}
	i = chance_below(chance, MIRRORS);
	at = (void *)(MIRRORS_AT + i * MIRRORS_STEP);
	place = &world.mirror[i];
	note(fuzzer, OP_MMAP, slot.fd, slot.source, offset, bytes, prot, shared);
	if (strict()) {
		if (place->at) {
			munmap(place->at, place->pages * PAGE);
			mirror_forget(place);
		}
		expect_mmap(fuzzer, &slot, offset, bytes, prot, shared);
	}
	at = mmap(at, bytes, prot, (shared ? MAP_SHARED : MAP_PRIVATE) |
		  MAP_FIXED, slot.fd, offset);
	outcome_check(fuzzer, at == MAP_FAILED ? errno : 0);
	if (at != MAP_FAILED) {
		mirror.at = at;
		mirror.pages = bytes / PAGE;
		mirror.source = slot.source;
		mirror.protection = prot;
		mirror.offset = offset;
		mirror.whole = true;
		mirror.shared = shared;
		mirror.writable = slot.writable && shared;
		mirror.file = slot.file;
		if (mirror.file)
			mirror.file->uses++;
		pthread_mutex_lock(&world.lock);
		*place = mirror;
		pthread_mutex_unlock(&world.lock);
	}
	slot_give(&slot);
}

static void do_munmap(struct fuzzer *fuzzer)
{
	struct mirror mirror, *place;

	if (!mirror_pick(fuzzer, &mirror, &place))
		return;
	note(fuzzer, OP_MUNMAP, (long)mirror.at, mirror.pages, 0, 0, 0, 0);
	outcome_check(fuzzer, outcome_of(munmap(mirror.at,
						mirror.pages * PAGE)));
	pthread_mutex_lock(&world.lock);
	if (strict())
		mirror_forget(place);
	else
		place->at = NULL;
	pthread_mutex_unlock(&world.lock);
}

static void do_mprotect(struct fuzzer *fuzzer)
{
	struct chance *chance = &fuzzer->chance;
	unsigned int prot = chance_below(chance, 4), first = 0, count;
	struct mirror mirror, *place;
	int outcome;

	if (!mirror_pick(fuzzer, &mirror, &place))
		return;
	/* Most shall go on being of use. */
	if (!chance_one_in(chance, 3))
		prot = mirror.writable ? PROT_READ | PROT_WRITE : PROT_READ;
	count = mirror.pages;
	if (chance_one_in(chance, 4)) {
		first = chance_below(chance, mirror.pages);
		count = 1 + chance_below(chance, mirror.pages - first);
	}
	note(fuzzer, OP_MPROTECT, (long)mirror.at, first, count, prot, 0, 0);
	if (!strict() || !mirror.whole)
		expect_anything(fuzzer);
	must(&fuzzer->expect, strict() && prot & PROT_WRITE && !mirror.writable,
	     EACCES);
	outcome = outcome_of(mprotect(mirror.at + first * PAGE, count * PAGE,
				      prot));
	outcome_check(fuzzer, outcome);
	if (!strict() || outcome)
		return;
	place->protection = prot;
	if (count != mirror.pages)
		place->whole = false;
}

/* Shrink it or let it grow, and put it back if it moved. */
static void do_mremap(struct fuzzer *fuzzer)
{
	struct chance *chance = &fuzzer->chance;
	unsigned int pages = chance_below(chance, 10);
	struct mirror mirror, *place;
	int how = chance_below(chance, 3);
	char *at, *to;

	if (!mirror_pick(fuzzer, &mirror, &place))
		return;
	/* A place that no mirror has, or one where memory is exposed. */
	to = how == 2 && chance_one_in(chance, 2) ? arena_of(self()) + 20 * PAGE :
	     (char *)MIRRORS_AT + (MIRRORS + fuzzer->thread) * MIRRORS_STEP;
	note(fuzzer, OP_MREMAP, (long)mirror.at, mirror.pages, pages, how,
	     (long)to, 0);
	expect_anything(fuzzer);
	at = mremap(mirror.at, mirror.pages * PAGE, pages * PAGE,
		    how == 2 ? MREMAP_MAYMOVE | MREMAP_FIXED : how, to);
	outcome_check(fuzzer, at == MAP_FAILED ? errno : 0);
	if (at != MAP_FAILED && at != mirror.at) {
		munmap(at, pages * PAGE);
		at = NULL;
	}
	if (how == 2 && to < (char *)MIRRORS_AT) {
		map_anonymous(to, 10 * PAGE);
		memory_set(self(), 20, 10, ANONYMOUS, 2);
	}
	if (!strict())
		return;
	/* Whatever came of it, it is better to begin anew. */
	munmap(mirror.at, 16 * PAGE);
	mirror_forget(place);
}

static void do_madvise(struct fuzzer *fuzzer)
{
	/* Not those that break memory. */
	static const int advice[] = {
		MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_COLD, MADV_PAGEOUT,
		MADV_WILLNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE,
		MADV_DONTFORK, MADV_DOFORK, MADV_DODUMP, MADV_DONTDUMP,
		MADV_WIPEONFORK, MADV_RANDOM, MADV_SEQUENTIAL, MADV_NORMAL,
		22, 23, 24, 25, 102, 103, 7777,
	};
	int what = advice[chance_below(&fuzzer->chance, 24)];
	struct mirror mirror, *place;

	if (!mirror_pick(fuzzer, &mirror, &place))
		return;
	note(fuzzer, OP_MADVISE, (long)mirror.at, mirror.pages, what, 0, 0, 0);
	expect_anything(fuzzer);
	outcome_check(fuzzer, outcome_of(madvise(mirror.at, mirror.pages * PAGE,
						 what)));
	/* Flags part it from what it was. */
	if (strict())
		place->whole = false;
}

/* What stands against a load or a store, as far as it is certain. */
static void expect_access(struct fuzzer *fuzzer, const struct mirror *mirror,
			  uint64_t offset, bool write)
{
	struct expect *expect = &fuzzer->expect;
	struct file *file = mirror->file;
	struct range *range = file_range(file, offset, PAGE);
	bool zero = false;
	uint64_t address;

	must(expect, mirror->whole && !mirror->protection, GOT_SIGSEGV);
	must(expect, mirror->whole && write &&
	     !(mirror->protection & PROT_WRITE), GOT_SIGSEGV);
	must(expect, !mirror->writable && write, GOT_SIGSEGV);
	if (expect->must || !mirror->whole) {
		may(expect, true, GOT_SIGSEGV);
		may(expect, true, GOT_SIGBUS);
		return;
	}
	if (file->state == REMOTEFS_STATE_GONE && range)
		zero = range->flags & REMOTEFS_MAP_ZERO && !write &&
		       file->exited;
	if (zero)
		return;
	must(expect, file->state != REMOTEFS_STATE_LIVE || !range, GOT_SIGBUS);
	if (expect->must)
		return;
	must(expect, write && !file_admits(file, offset), GOT_SIGBUS);
	address = range->address + (offset - range->offset);
	if (memory_kinds(file->source, address, 1) & UNKNOWN)
		may(expect, true, GOT_SIGBUS);
	else
		must(expect, !memory_serves(file->source, address, write),
		     GOT_SIGBUS);
}

static void do_access(struct fuzzer *fuzzer, bool write)
{
	struct mirror mirror, *place;
	struct slot slot = { };
	uint64_t word, offset;
	unsigned int page;
	int number;

	if (!mirror_pick(fuzzer, &mirror, &place))
		return;
	page = chance_below(&fuzzer->chance, mirror.pages);
	offset = mirror.offset + page * PAGE;
	note(fuzzer, write ? OP_STORE : OP_LOAD, (long)mirror.at, page, offset,
	     mirror.source, mirror.protection, 0);
	if (strict())
		expect_access(fuzzer, &mirror, offset, write);
	word = 0x5a5a000000000000 | fuzzer->done;
	number = write ? guarded_store(mirror.at + page * PAGE, word) :
			 guarded_load(mirror.at + page * PAGE, &word);
	outcome_check(fuzzer, number == SIGBUS ? GOT_SIGBUS :
		      number ? GOT_SIGSEGV : 0);
	if (write)
		canaries_check(fuzzer, mirror.source);
	if (number || !strict())
		return;
	if (mirror.file->state == REMOTEFS_STATE_LIVE) {
		slot.file = mirror.file;
		slot.source = mirror.source;
		copy_check(fuzzer, &slot, offset, (char *)&word, sizeof(word));
	} else if (word) {
		violation(fuzzer, "a source that has exited shows %#lx", word);
	}
}

static void do_load(struct fuzzer *fuzzer)
{
	do_access(fuzzer, false);
}

static void do_store(struct fuzzer *fuzzer)
{
	do_access(fuzzer, true);
}

#endif
