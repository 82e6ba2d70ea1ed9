/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs of the torture have in common: words that say what they
 * are, accesses that survive, and the calls by which memory is exposed.
 *
 * A canary is one aligned word, so that it is loaded and stored whole:
 *
 *   63      52 51   48 47    38 37    26 25          0
 *   [ check   ][ who  ][ owner ][ page  ][ generation ]
 *
 * The owner is one life of a source, never the same twice; who wrote it is the
 * source, a viewer, or somebody whose words no mirror may ever show.
 */
#ifndef T_CANARY_H
#define T_CANARY_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/remotefs.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define SECOND 1000000000LL

enum {
	WHO_SOURCE = 0,
	WHO_VIEWER = 1,		/* the first of them */
	WHO_LAST_VIEWER = 12,
	WHO_MOVED = 13,		/* pages that were moved away */
	WHO_IMAGE = 14,		/* what a source executed */
	WHO_CHILD = 15,		/* what a source forked */
};

static inline uint64_t canary_check(uint64_t body)
{
	return body * 0x9e3779b97f4a7c15ULL >> 52 << 52;
}

static inline uint64_t canary(unsigned int who, unsigned int owner,
			      unsigned int page, uint64_t generation)
{
	uint64_t body = (uint64_t)who << 48 | (uint64_t)owner << 38 |
			(uint64_t)page << 26 | (generation & 0x3ffffff);

	return canary_check(body) | body;
}

static inline bool canary_is_whole(uint64_t word)
{
	uint64_t body = word << 12 >> 12;

	return word == (canary_check(body) | body);
}

static inline unsigned int canary_who(uint64_t word)
{
	return word >> 48 & 15;
}

static inline unsigned int canary_owner(uint64_t word)
{
	return word >> 38 & 0x3ff;
}

static inline unsigned int canary_page(uint64_t word)
{
	return word >> 26 & 0xfff;
}

static inline uint64_t canary_generation(uint64_t word)
{
	return word & 0x3ffffff;
}

static inline int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

/* Sets a pace; nothing waits for anything by this. */
static inline void pause_for(int64_t nanoseconds)
{
	struct timespec ts = { nanoseconds / SECOND, nanoseconds % SECOND };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

/* xorshift64*: each thread has its own, made from the seed and its name. */
struct chance {
	uint64_t state;
};

static inline uint64_t chance_next(struct chance *chance)
{
	uint64_t x = chance->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	chance->state = x;
	return x * 0x2545f4914f6cdd1dULL >> 16;
}

static inline unsigned long chance_below(struct chance *chance,
					 unsigned long limit)
{
	return chance_next(chance) % limit;
}

static inline bool chance_one_in(struct chance *chance, unsigned long n)
{
	return !chance_below(chance, n);
}

static inline void chance_begin(struct chance *chance, uint64_t seed,
				uint64_t name)
{
	chance->state = (seed + 1) * 0x9e3779b97f4a7c15ULL ^
			(name + 1) * 0xbf58476d1ce4e5b9ULL;
	chance->state += !chance->state;
	chance_next(chance);
}

/* Accesses to memory that may not be there: 0, or the signal's number. */

/* Volatile, or the compiler sees that nobody reads it in between. */
static _Thread_local sigjmp_buf *volatile escape;

static inline void escape_signal(int number)
{
	if (!escape)
		_exit(128 + number);
	siglongjmp(*escape, number);
}

static inline void escape_prepare(void)
{
	/* Not deferred, so that no mask has to be saved at each access. */
	struct sigaction action = {
		.sa_handler = escape_signal,
		.sa_flags = SA_NODEFER,
	};

	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
}

static inline int guarded_load(const void *at, uint64_t *word)
{
	sigjmp_buf here;
	int number = sigsetjmp(here, 0);

	if (!number) {
		escape = &here;
		*word = *(const volatile uint64_t *)at;
	}
	escape = NULL;
	return number;
}

static inline int guarded_store(void *at, uint64_t word)
{
	sigjmp_buf here;
	int number = sigsetjmp(here, 0);

	if (!number) {
		escape = &here;
		*(volatile uint64_t *)at = word;
	}
	escape = NULL;
	return number;
}

/* No call of ours fails but for reasons that the torture knows. */
static inline void die(const char *what)
{
	fprintf(stderr, "torture: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* Children do not outlive who made them, however that ends. */
static inline void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
}

static inline void *map_anonymous(void *at, size_t bytes)
{
	return mmap(at, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			    (at ? MAP_FIXED : 0), -1, 0);
}

static inline void *map_shared(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("shared memory");
	return at;
}

/* A session on a process, or -1. */
static inline int attach(int control, pid_t pid)
{
	struct remotefs_attach_args args = { .size = sizeof(args), .pid = pid };
	char path[32];
	int session, error;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	args.mem_fd = open(path, O_RDWR | O_CLOEXEC);
	if (args.mem_fd < 0)
		return -1;
	session = ioctl(control, REMOTEFS_IOC_ATTACH, &args);
	error = errno;
	close(args.mem_fd);
	errno = error;
	return session;
}

/* A map file with one range, as the session's source has it: its number. */
static inline int expose(int session, void *address, size_t bytes, bool write)
{
	struct remotefs_map_args args = {
		.size = sizeof(args),
		.flags = REMOTEFS_MAP_NEW | (write ? REMOTEFS_MAP_WRITE : 0),
		.address = (uintptr_t)address,
		.length = bytes,
	};

	return ioctl(session, REMOTEFS_IOC_MAP, &args) ? -1 : (int)args.map;
}

static inline int control_open(const char *mount)
{
	char path[256];
	int control;

	snprintf(path, sizeof(path), "%s/control", mount);
	control = open(path, O_RDWR | O_CLOEXEC);
	if (control < 0)
		die(path);
	return control;
}

#endif
