// SPDX-License-Identifier: GPL-2.0-only
/*
 * t-cache: watchers against whoever changes memory.
 *
 *   t-cache moves|cache SECONDS ROUNDS LIMIT SEED MOUNT
 *
 * moves: a watched page is discarded, or unmapped and mapped anew; as soon as the
 * call has returned, this process and another one, on another CPU where there is
 * one, look at the generation, which must have moved at least twice.  cache: the
 * registration cache of examples/regcache.c, used in the midst of all that is done
 * to its memory by another thread, by a child with process_madvise(2), and by the
 * kernel; what it serves is compared with the page tables.  For so many SECONDS and
 * at least so many ROUNDS.  Fails if these are not done in LIMIT seconds.
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "t-canary.h"

#define REGCACHE_NO_MAIN
#include "../../examples/regcache.c"

#define AREA ((char *)0x20000000000UL)
#define AREA_SIZE (2 * HUGE)
#define AREA_PAGES (AREA_SIZE / PAGE)

static struct cache cache;
static uint64_t seed;
static atomic_bool over;
static int64_t until, limit;
static uint64_t rounds_wanted, rounds;

static bool go_on(void)
{
	int64_t time = now();

	if (time > limit) {
		fprintf(stderr, "t-cache: not in time\n");
		exit(1);
	}
	return time < until || rounds < rounds_wanted;
}

static void map_anew(char *at, size_t bytes)
{
	if (mmap(at, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at)
		die("mmap");
	madvise(at, bytes, MADV_MERGEABLE);
}

/* moves: what both sides share. */
static struct litmus {
	_Atomic uint64_t reached;	/* by the generation, said after the call returned */
	_Atomic uint64_t looks;		/* at something new */
	atomic_bool wrong;
} *litmus;

/*
 * Another process, which has the page and not the memory: a thread's CPU would be
 * interrupted to flush its TLB whenever memory is unmapped, and see all by that.
 */
static pid_t look_from_afar(void)
{
	pid_t parent = getpid(), child = fork();
	uint64_t least, seen, last = 0;

	if (child)
		return child;
	die_with(parent);
	cache.page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, cache.watcher, 0);
	if (cache.page == MAP_FAILED)
		die("mmap");
	for (;;) {
		least = atomic_load_explicit(&litmus->reached, memory_order_acquire);
		seen = cache_generation(&cache);
		if (seen < least) {
			fprintf(stderr, "t-cache: the generation is %lu, and was %lu before\n",
				seen, least);
			litmus->wrong = true;
			_exit(1);
		}
		litmus->looks += least != last;
		last = least;
	}
}

/* The page is new each time, or there would be nothing to invalidate. */
static void move(bool discard)
{
	*(volatile char *)AREA = 'm';
	if (discard) {
		if (madvise(AREA, PAGE, MADV_DONTNEED))
			die("madvise");
	} else if (munmap(AREA, PAGE)) {
		die("munmap");
	}
}

static void run_moves(void)
{
	struct remotefs_watch_add_args args = {
		.size = sizeof(args),
		.start = (uintptr_t)AREA,
		.end = (uintptr_t)AREA + PAGE,
	};
	uint64_t before;
	pid_t looker;

	litmus = map_shared(sizeof(*litmus));
	looker = look_from_afar();
	map_anew(AREA, PAGE);
	if (ioctl(cache.watcher, REMOTEFS_IOC_WATCH_ADD, &args))
		die("WATCH_ADD");
	for (; go_on() && !litmus->wrong; rounds++) {
		before = cache_generation(&cache);
		move(rounds % 2);
		/* It moves twice; others may move it, too. */
		if (cache_generation(&cache) < before + 2) {
			fprintf(stderr, "t-cache: the generation is still %lu\n", before);
			exit(1);
		}
		atomic_store_explicit(&litmus->reached, before + 2, memory_order_release);
		if (rounds % 2 == 0)
			map_anew(AREA, PAGE);
	}
	kill(looker, SIGKILL);
	waitpid(looker, NULL, 0);
	cache.hits = litmus->looks;
	if (litmus->wrong || cache.hits < rounds / 1000)
		exit(1);
}

/* cache: what our own threads do to the memory ... */
static void *disturb(void *unused)
{
	struct chance chance;

	chance_begin(&chance, seed, 1);
	while (!atomic_load(&over)) {
		char *at = AREA + chance_below(&chance, AREA_PAGES - 4) * PAGE;
		size_t bytes = (1 + chance_below(&chance, 4)) * PAGE;

		switch (chance_below(&chance, 6)) {
		case 0:
			map_anew(at, bytes);
			break;
		case 1:
			madvise(at, bytes, MADV_DONTNEED);
			break;
		case 2:
			/* Alike, for KSM. */
			memset(at, 'k', bytes);
			break;
		case 3:
			*(volatile char *)at = chance_below(&chance, 256);
			break;
		case 4:
			madvise(at, bytes, MADV_PAGEOUT);
			break;
		default:
			pause_for(200000);
		}
		if (chance_one_in(&chance, 200))
			map_anew(AREA, AREA_SIZE);
	}
	return unused;
}

/* ... and what another process does. */
static pid_t disturb_from_afar(void)
{
	pid_t parent = getpid(), child = fork();
	struct chance chance;
	int pidfd;

	if (child)
		return child;
	die_with(parent);
	pidfd = syscall(SYS_pidfd_open, parent, 0);
	chance_begin(&chance, seed, 2);
	for (;;) {
		bool huge = chance_one_in(&chance, 2);
		struct iovec what = { AREA, HUGE };

		what.iov_base = AREA + chance_below(&chance, 2) * HUGE;
		if (!huge)
			what.iov_len = 16 * PAGE;
		syscall(SYS_process_madvise, pidfd, &what, 1UL,
			huge ? MADV_COLLAPSE : MADV_PAGEOUT, 0U);
		pause_for(2000000);
	}
}

/* Is what was served what is there? Unless that changed after it was served. */
static void verify(const struct registration *served)
{
	size_t pages = (served->end - served->start) / PAGE;
	uint64_t frames[MAX_PAGES];

	if (pread(cache.pagemap, frames, 8 * pages, served->start / PAGE * 8) !=
	    (ssize_t)(8 * pages))
		die("pagemap");
	if (cache_generation(&cache) != cache.known)
		return;
	for (size_t i = 0; i < pages; i++) {
		/* Frame and presence; other bits say other things. */
		const uint64_t mask = 1ULL << 63 | ((1ULL << 55) - 1);

		if ((frames[i] & mask) == (served->frames[i] & mask))
			continue;
		fprintf(stderr, "t-cache: seed %lu: page %zu of %lx was served as %lx and is %lx\n",
			seed, i, served->start, served->frames[i], frames[i]);
		exit(1);
	}
}

static void run_cache(void)
{
	struct chance chance;
	pthread_t thread;
	pid_t child;

	map_anew(AREA, AREA_SIZE);
	child = disturb_from_afar();
	if (pthread_create(&thread, NULL, disturb, NULL))
		die("pthread_create");
	chance_begin(&chance, seed, 0);
	for (; go_on(); rounds++) {
		/* A few of them often, or there would be no hits. */
		size_t page = chance_below(&chance, 8) * (AREA_PAGES / 8);

		page += chance_below(&chance, 4);
		verify(cache_get(&cache, AREA + page * PAGE,
				 (1 + page % 3) * PAGE));
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	if (!cache.hits || !cache.dropped) {
		fprintf(stderr, "t-cache: %lu hits, %lu dropped\n", cache.hits, cache.dropped);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int64_t began = now();
	char path[256];
	bool moves;

	if (argc != 7) {
		fputs("Usage: t-cache moves|cache SECONDS ROUNDS LIMIT SEED MOUNT\n", stderr);
		return 2;
	}
	moves = !strcmp(argv[1], "moves");
	until = began + strtol(argv[2], NULL, 0) * SECOND;
	rounds_wanted = strtoul(argv[3], NULL, 0);
	limit = began + strtol(argv[4], NULL, 0) * SECOND;
	seed = strtoull(argv[5], NULL, 0);
	snprintf(path, sizeof(path), "%s/control", argv[6]);
	cache_open(&cache, path);
	if (moves)
		run_moves();
	else
		run_cache();
	printf("%s: seed %lu, %.1f s, %lu rounds, %lu hits, %lu misses, %lu dropped\n", argv[1],
	       seed, (now() - began) / 1e9, rounds, cache.hits, cache.misses, cache.dropped);
	return 0;
}
