/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzer shares with its sources, what it counts, what each operation
 * may answer, and how a violation is told.
 *
 * An outcome is an errno, or a signal for loads and stores; 0 is success.
 * Before an operation is done, struct expect collects what stands against it.
 * Where several things do, any of their errnos is right: no order of checks is
 * documented.
 */
#ifndef F_BOARD_H
#define F_BOARD_H

#include <linux/futex.h>
#include <pthread.h>

#include "t-canary.h"

#define MAX_SOURCES	8
#define MAX_THREADS	128
#define PAGES		64UL	/* of a source's arena */
#define CANARIES	8UL	/* the first of them, which nothing is done to */
#define ARENA		0x10000000000UL
#define ARENA_STEP	(1UL << 30)
#define BOARD_FD	100	/* where a program that a source executes finds it */
#define PATIENCE	(120 * SECOND)
#define RECORDS		40
#define LIFE_ENDED	(1U << 20) /* added to a life */

/* Outcomes that are no errno. */
#define GOT_SIGBUS	1001
#define GOT_SIGSEGV	1002

static const int outcomes[] = {
	0, E2BIG, EACCES, EAGAIN, EBADF, EBUSY, EEXIST, EFAULT, EFBIG, EINTR,
	EINVAL, EIO, EISDIR, ELOOP, EMFILE, ENFILE, ENODATA, ENODEV, ENOENT, ENOMEM,
	ENOSPC, ENOTDIR, ENOTEMPTY, ENOTTY, ENXIO, EOPNOTSUPP, EOVERFLOW, EPERM,
	ERANGE, EROFS, ESPIPE, ESRCH, ESTALE, EXDEV, GOT_SIGBUS, GOT_SIGSEGV,
};
#define OUTCOMES	(sizeof(outcomes) / sizeof(*outcomes))
#define NO_OUTCOME	63

static inline unsigned int outcome_index(int outcome)
{
	unsigned int i;

	for (i = 0; i < OUTCOMES; i++)
		if (outcomes[i] == outcome)
			return i;
	return NO_OUTCOME;
}

static inline uint64_t outcome_bit(int outcome)
{
	return 1ULL << outcome_index(outcome);
}

static inline const char *outcome_name(int outcome)
{
	if (outcome == GOT_SIGBUS)
		return "SIGBUS";
	if (outcome == GOT_SIGSEGV)
		return "SIGSEGV";
	return outcome ? strerrorname_np(outcome) : "done";
}

/* What is to be expected of an operation. */
struct expect {
	uint64_t must;		/* it fails, and one of these says why */
	uint64_t may;		/* it can fail for these, too */
	bool anything;		/* or for whatever is documented */
};

static inline void must(struct expect *expect, bool wrong, int outcome)
{
	if (wrong)
		expect->must |= outcome_bit(outcome);
}

static inline void may(struct expect *expect, bool possible, int outcome)
{
	if (possible)
		expect->may |= outcome_bit(outcome);
}

/* All that the fuzzer does; operations[] in f-fuzz.c has a row for each. */
enum {
	OP_FEATURES, OP_ATTACH, OP_MAP, OP_UNMAP, OP_ALLOW, OP_LOCK, OP_OPEN,
	OP_INFO, OP_RANGE, OP_WATCH, OP_WATCH_ADD, OP_WATCH_DEL, OP_REMOTE,
	OP_AREA, OP_UNKNOWN,
	OP_MEM, OP_PATH, OP_READ, OP_WRITE, OP_SEEK, OP_SPLICE, OP_TRUNCATE,
	OP_MMAP, OP_MUNMAP, OP_MPROTECT, OP_MREMAP, OP_MADVISE, OP_LOAD,
	OP_STORE, OP_UNLINK, OP_RMDIR, OP_CHMOD, OP_CHOWN, OP_MAKE, OP_READDIR,
	OP_STATFS, OP_FDINFO, OP_DUP, OP_CLOSE, OP_PASS, OP_DEED, OP_END,
	OP_SPAWN, OP_TOLD, OP_LABEL, OPS
};

struct operation {
	const char *name;
	unsigned int weight;
	const int *documented;	/* ends with 0 */
	const int *wanted;	/* must be seen in a complete run, besides success */
};

static const struct operation operations[OPS];

/* What a source is told to do to its memory, or to itself. */
enum {
	DEED_UNMAP, DEED_MAP, DEED_SHARE, DEED_PROTECT, DEED_ADVISE, DEED_TOUCH,
	DEED_FORK, DEED_EXEC, DEED_EXIT
};

struct deed {
	unsigned int what, first, count, argument;
};

struct source {
	atomic_int pid;			/* negative when it has ended */
	atomic_uint life;		/* of its address space, never the same twice */
	atomic_uint ready;		/* the life whose arena is there */
	atomic_int order, done;		/* futexes: so many deeds */
	struct deed deed;
};

struct options {
	uint64_t operations, seed;
	int64_t seconds, limit;
	unsigned int threads, sources;
	bool complete;			/* not before all that is wanted was seen */
	char lie;
	const char *mount;
};

/* One operation, for whoever reads the failure. */
struct record {
	uint64_t number;
	unsigned int op;
	int outcome;			/* -1 while it is done */
	long argument[6];
	unsigned char image[64];	/* of an ioctl's structure */
};

/* Each thread's. */
struct fuzzer {
	struct chance chance;
	unsigned int thread;
	atomic_int tid;
	_Atomic uint64_t done;
	struct record record[RECORDS];
	char *buffer;			/* two pages, and none after them */
	char *readonly;			/* a page */
	struct expect expect;
};

struct board {
	struct options options;
	int64_t began;
	atomic_bool stop, failed;
	struct source source[MAX_SOURCES];
};

static struct board *board;
static struct fuzzer fuzzers[MAX_THREADS];
static _Atomic uint64_t counts[OPS][OUTCOMES];
static _Atomic uint64_t total;

/* One thread: then all that happens is known, and can be predicted. */
static inline bool strict(void)
{
	return board->options.threads == 1;
}

static inline bool stopped(void)
{
	return atomic_load_explicit(&board->stop, memory_order_relaxed);
}

static inline char *arena_of(unsigned int source)
{
	return (char *)ARENA + source * ARENA_STEP;
}

/* The fuzzer's own memory is the last of the sources. */
static inline unsigned int self(void)
{
	return board->options.sources;
}

static inline void record_show(const struct record *record)
{
	const unsigned char *byte = record->image;
	unsigned int i;

	fprintf(stderr, "%10lu %-9s", record->number,
		operations[record->op].name);
	for (i = 0; i < 6; i++)
		fprintf(stderr, " %#lx", record->argument[i]);
	if (record->op <= OP_UNKNOWN)
		for (i = 0; i < sizeof(record->image); i++)
			fprintf(stderr, "%s%02x", i % 4 ? "" : i ? "." : " [",
				byte[i]);
	fprintf(stderr, "%s: %s\n", record->op <= OP_UNKNOWN ? "]" : "",
		record->outcome < 0 ? "?" : outcome_name(record->outcome));
}

static inline void fuzzer_show(const struct fuzzer *fuzzer, unsigned int last)
{
	uint64_t end = fuzzer->done + 1, i;

	for (i = end > last ? end - last : 0; i < end; i++)
		if (fuzzer->record[i % RECORDS].number == i)
			record_show(&fuzzer->record[i % RECORDS]);
}

static inline void __attribute__((noreturn, format(printf, 2, 3)))
violation(struct fuzzer *fuzzer, const char *format, ...)
{
	va_list args;

	if (!atomic_exchange(&board->failed, true)) {
		fprintf(stderr, "fuzz: seed %lu, %u threads, operation %lu: ",
			board->options.seed, board->options.threads,
			fuzzer ? fuzzer->done : total);
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fputs("\nthe last operations:\n", stderr);
		if (fuzzer)
			fuzzer_show(fuzzer, RECORDS);
		board->stop = true;
	}
	while (!stopped())
		sched_yield();
	_exit(1);
}

static inline struct record *record_now(struct fuzzer *fuzzer)
{
	return &fuzzer->record[fuzzer->done % RECORDS];
}

/* What is about to be done. */
static inline void note(struct fuzzer *fuzzer, unsigned int op, long a, long b,
			long c, long d, long e, long f)
{
	struct record *record = record_now(fuzzer);

	*record = (struct record){ fuzzer->done, op, -1,
				   { a, b, c, d, e, f }, { 0 } };
}

static inline bool is_documented(const struct operation *operation, int outcome)
{
	const int *known = operation->documented;

	while (*known && *known != outcome)
		known++;
	return *known || !outcome;
}

/* It was done, with this outcome: was that to be expected? */
static inline void outcome_check(struct fuzzer *fuzzer, int outcome)
{
	const struct expect *expect = &fuzzer->expect;
	struct record *record = record_now(fuzzer);
	const struct operation *operation = &operations[record->op];
	uint64_t fine = expect->must ? expect->must | expect->may :
				       1 | expect->may;

	record->outcome = outcome;
	if (!is_documented(operation, outcome))
		violation(fuzzer, "%s: %s is not documented", operation->name,
			  outcome_name(outcome));
	if (board->options.lie == 'e' && outcome == ENOENT)
		violation(fuzzer, "%s: %s is not documented", operation->name,
			  outcome_name(outcome));
	atomic_fetch_add_explicit(&counts[record->op][outcome_index(outcome)],
				  1, memory_order_relaxed);
	if (!strict() || (expect->anything && (outcome || !expect->must)))
		return;
	if (!(fine & outcome_bit(outcome)))
		violation(fuzzer, "%s: %s, but one of %#lx was right (bits of outcomes[])",
			  operation->name, outcome_name(outcome), fine);
}

/* The futexes by which a source is told what to do. */
static inline void word_wait(atomic_int *word, int value, int64_t nanoseconds)
{
	struct timespec ts = { nanoseconds / SECOND, nanoseconds % SECOND };

	syscall(SYS_futex, word, FUTEX_WAIT, value, &ts, NULL, 0);
}

static inline void word_wake(atomic_int *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* What a canary page of a source has at each of its spots. */
#define CANARY_SPOTS	3
static const unsigned int canary_spots[CANARY_SPOTS] = { 0, 2040, 4088 };

static inline uint64_t canary_of(unsigned int source, unsigned int life,
				 unsigned int page)
{
	return canary(WHO_SOURCE, source + 1, page, life);
}

#endif
