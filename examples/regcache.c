// SPDX-License-Identifier: GPL-2.0-only
/*
 * regcache: a registration cache that notices what happens to memory.
 *
 * Before a network card may use a buffer, it is told which pages the buffer has;
 * that is slow, so libraries keep it for the next time.  They must know when the
 * pages have become others, whoever made it so: a free() deep in some library,
 * another process, or the kernel itself.  A watcher tells.  In this example to
 * register is to look up the numbers of the page frames.
 *
 *	gcc -o regcache regcache.c	(remotefs.h is in /usr/include/linux)
 *	./regcache [/run/remotefs/control]	(as root, for the frame numbers)
 *
 * The rule: what is in the table is right as long as the generation is the one
 * that EMPTY told last.  A new entry is watched first, looked up then, and used
 * if the generation has not moved meanwhile.
 */
#define _GNU_SOURCE 1
#include <sys/mman.h>

#include "calls.h"

#define PAGE_SIZE	4096UL
#define SLOTS		256
#define MAX_PAGES	16

struct registration {
	uintptr_t start, end;		/* empty: the slot is free */
	uint64_t frames[MAX_PAGES];	/* as /proc/PID/pagemap has them */
};

struct cache {
	int watcher, pagemap;
	const struct remotefs_watch_page *page;
	uint64_t known;			/* generation that the table is right for */
	struct registration slots[SLOTS];
	unsigned long hits, misses, dropped;
};

static uint64_t cache_generation(const struct cache *cache)
{
#if __SIZEOF_POINTER__ == 8
	return __atomic_load_n(&cache->page->generation, __ATOMIC_ACQUIRE);
#else
	/* It only grows: if the upper half is the same, they belong together. */
	const uint32_t *half = (const uint32_t *)&cache->page->generation;
	uint32_t low, high;

	do {
		high = __atomic_load_n(half + 1, __ATOMIC_ACQUIRE);
		low = __atomic_load_n(half, __ATOMIC_ACQUIRE);
	} while (high != __atomic_load_n(half + 1, __ATOMIC_ACQUIRE));
	return (uint64_t)high << 32 | low;
#endif
}

static void cache_open(struct cache *cache, const char *path)
{
	int session = remotefs_attach_self(path);

	memset(cache, 0, sizeof(*cache));
	cache->watcher = remotefs_watch(session);
	close(session);
	cache->page = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, cache->watcher, 0);
	cache->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (cache->page == MAP_FAILED || cache->pagemap < 0)
		err(1, "cache_open");
	cache->known = cache_generation(cache);
}

static void cache_drop(struct cache *cache, uint64_t slot)
{
	if (!cache->slots[slot].end)
		return;
	remotefs_watch_del(cache->watcher, slot);
	cache->slots[slot].end = 0;
	cache->dropped++;
}

/* Believe nothing that was invalidated; waits while an invalidation is under way. */
static void cache_sync(struct cache *cache)
{
	struct remotefs_event event;

	while (cache_generation(cache) != cache->known) {
		event = remotefs_next_event(cache->watcher);
		if (event.type == REMOTEFS_EVENT_INVALIDATED)
			cache_drop(cache, event.cookie);
		if (event.type == REMOTEFS_EVENT_STALE)
			for (uint64_t slot = 0; slot < SLOTS; slot++)
				cache_drop(cache, slot);
		if (event.type == REMOTEFS_EVENT_EMPTY)
			cache->known = event.generation;
	}
}

/*
 * What a driver would do: make the pages present, and say which they are. A page
 * that is just being migrated can be read by a CPU that has not heard of it yet.
 */
static void look_up(const struct cache *cache, uintptr_t start, uintptr_t end, uint64_t *frames)
{
	size_t pages = (end - start) / PAGE_SIZE, present;

	do {
		for (size_t i = 0; i < pages; i++)
			(void)((volatile char *)start)[i * PAGE_SIZE];
		if (pread(cache->pagemap, frames, 8 * pages, start / PAGE_SIZE * 8) !=
		    (ssize_t)(8 * pages))
			err(1, "/proc/self/pagemap");
		for (present = 0; present < pages && frames[present] >> 63; present++)
			;
	} while (present < pages);
}

/* The registration of whole pages, at most MAX_PAGES; good until the next call. */
static const struct registration *cache_get(struct cache *cache, void *at, size_t bytes)
{
	uintptr_t start = (uintptr_t)at, end = start + bytes;
	uint64_t slot = start / PAGE_SIZE % SLOTS;
	struct registration *found = &cache->slots[slot];

	cache_sync(cache);
	if (found->start == start && found->end == end) {
		cache->hits++;
		return found;
	}
	do {
		cache_sync(cache);
		cache_drop(cache, slot);
		cache->misses++;
		remotefs_watch_add(cache->watcher, start, end, slot);
		found->start = start;
		found->end = end;
		look_up(cache, start, end, found->frames);
	} while (cache_generation(cache) != cache->known);
	return found;
}

#ifndef REGCACHE_NO_MAIN
int main(int argc, char **argv)
{
	static struct cache cache;
	const size_t bytes = 4 * PAGE_SIZE;
	char *buffer = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cache_open(&cache, argc > 1 ? argv[1] : REMOTEFS_CONTROL);
	memset(buffer, 'a', bytes);
	for (int i = 0; i < 1000; i++)
		cache_get(&cache, buffer, bytes);
	printf("unchanged: %lu hits, %lu misses\n", cache.hits, cache.misses);
	/* As free() and malloc() do: the same address, other pages. */
	munmap(buffer, bytes);
	if (mmap(buffer, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != buffer)
		err(1, "mmap");
	memset(buffer, 'b', bytes);
	cache_get(&cache, buffer, bytes);
	printf("mapped anew: %lu hits, %lu misses\n", cache.hits, cache.misses);
	return 0;
}
#endif
