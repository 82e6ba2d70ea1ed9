/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The board of the torture: shared by all its processes and never exposed.  It
 * says of each page of each source what a reader may see.
 *
 * A page's state is a sequence and flags.  Its source makes it BUSY before it
 * does anything that may change what is seen, and publishes the outcome after
 * that has returned.  Who reads samples the board before and after.  If nothing
 * happened in between, there is one right answer; otherwise what was seen must
 * still be a word of this page and owner, and not older than what the board
 * said before.  Map files and their segments have such states, too.
 */
#ifndef T_BOARD_H
#define T_BOARD_H

#include <pthread.h>
#include <sched.h>

#include "t-canary.h"

#define MAX_PAGES	1024
#define MAX_SOURCES	2
#define MAX_THREADS	8	/* of a source */
#define MAX_VIEWERS	6
#define VIEWER_THREADS	2
#define MAX_FILES	8
#define MAX_MOUNTS	2
#define SEGMENTS	4
#define EVENTS		12
#define DEATHS		64

/* What the board says of a page, below its sequence. */
#define BUSY		1	/* something is being done to it */
#define EMPTY		2	/* zeros, where no viewer wrote */
#define MAYBE		4	/* freed: zeros, or what was written */
#define UNMAPPED	8	/* not there */
#define NOACCESS	16	/* there, but PROT_NONE */
#define READONLY	32	/* there, but not to be written */
#define FLAGS		63
#define SEQUENCE	64	/* adds one */

#define HIDDEN		(UNMAPPED | NOACCESS)

/* Where the source's canary stands in a page, and a viewer's own word. */
static const unsigned int spots[] = { 0, 2040, 4088 };
#define SPOTS		3
#define SLOT(who)	(1024 + 64 * (who))

struct event {
	int64_t when;
	uint64_t state;
	const char *what;
};

struct page {
	_Atomic uint64_t state;
	_Atomic uint64_t written;	/* generation of the source's canary */
	_Atomic uint64_t emptied;	/* state since which slots are kept */
	_Atomic uint64_t slot[WHO_LAST_VIEWER + 1]; /* published() */
	_Atomic uint32_t next[WHO_LAST_VIEWER + 1]; /* slot's generations */
	atomic_int taken;		/* by one thread of the source */
	unsigned int events;
	struct event event[EVENTS];	/* what the source did last */
};

enum { RUN, EXIT, EXEC };		/* what a source is told */
enum { APART, GATHER, GATHERED };	/* is all of its arena to be there? */

struct source {
	struct page page[MAX_PAGES];
	char *arena;
	atomic_uint owner;
	atomic_int pid;			/* zero while there is none */
	atomic_int order;
	atomic_int gather;
	int image[2];			/* a pipe: the new program runs */
	atomic_int written[MAX_THREADS]; /* the parent wrote since fork */
};

enum { DEAD, LIVE, DYING };		/* below a file's serial */

/* A segment: sequence << 16, and: */
#define SEGMENT_ABSENT	(1 << 12)
#define SEGMENT_BUSY	(1 << 13)
#define SEGMENT_FIRST	0xfff		/* the first page it shows */

struct grant {
	unsigned int source, owner, number, mount;
	pid_t pid;
	unsigned long base;		/* file offset of page 0 */
	unsigned int segments, pages;	/* how many, and of what size */
	unsigned int writable, writable_end; /* pages that viewers may write */
	bool remade;			/* segments come and go */
};

struct file {
	_Atomic uint64_t word;
	struct grant grant;
	_Atomic uint64_t segment[SEGMENTS];
	/* By serial: since when mirrors must fail. */
	_Atomic int64_t death[DEATHS];
	int session;
};

struct worker {
	char name[16];
	atomic_int pid, tid;
	_Atomic uint64_t beats;
};

enum {
	WORK_CONTROL,
	WORK_DISTURB,
	WORK_SOURCE,
	WORK_VIEWER = WORK_SOURCE + MAX_SOURCES * MAX_THREADS,
	WORKERS = WORK_VIEWER + MAX_VIEWERS * VIEWER_THREADS,
};

/* What is counted, for the last line and to see that it was done at all. */
enum {
	ROUNDS, LOADS, STORES, PREADS, PWRITES, EXACT, KEPT, FAULTS, FORKS,
	GRANTS, REVOKES, REMADE, ENDS, EXECS, KILLS, MIRRORS, COUNTS
};

struct options {
	int64_t seconds, limit;
	unsigned long rounds;		/* at least so many */
	unsigned int pages, span, sources, threads, viewers, files;
	const char *ops;
	uint64_t seed;
	bool urgent;			/* sources go first */
	bool calm;			/* nobody ends, nothing is revoked */
	char lie;			/* r, w: say what is not true */
	const char *mounts[MAX_MOUNTS];
	unsigned int nr_mounts;
};

struct board {
	struct options options;
	int64_t began;
	atomic_bool stop;
	atomic_bool failed;
	struct source source[MAX_SOURCES];
	struct file file[MAX_FILES];
	struct worker worker[WORKERS];
	_Atomic uint64_t count[COUNTS];
};

static struct board *board;

static inline void count(unsigned int what)
{
	atomic_fetch_add_explicit(&board->count[what], 1, memory_order_relaxed);
}

static inline bool stopped(void)
{
	return atomic_load_explicit(&board->stop, memory_order_relaxed);
}

static inline void worker_begin(unsigned int number, const char *kind)
{
	struct worker *worker = &board->worker[number];

	snprintf(worker->name, sizeof(worker->name), "%s %u", kind, number);
	worker->pid = getpid();
	worker->tid = gettid();
}

static inline void worker_end(unsigned int number)
{
	board->worker[number].tid = 0;
}

static inline void beat(unsigned int number)
{
	atomic_fetch_add_explicit(&board->worker[number].beats, 1,
				  memory_order_relaxed);
}

/* What is to be said at once; without malloc(), whose lock a fork may keep. */
struct words {
	char text[4096];
	size_t length;
};

static inline void __attribute__((format(printf, 2, 0)))
words_vadd(struct words *words, const char *format, va_list args)
{
	size_t left = sizeof(words->text) - words->length;
	int length = vsnprintf(words->text + words->length, left, format, args);

	if (length > 0)
		words->length += (size_t)length < left ? (size_t)length :
							 left - 1;
}

static inline void __attribute__((format(printf, 2, 3)))
words_add(struct words *words, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	words_vadd(words, format, args);
	va_end(args);
}

/* What was done to a page, from the oldest that is remembered. */
static inline void page_history(struct words *words, const struct page *page)
{
	unsigned int i = page->events > EVENTS ? page->events - EVENTS : 0;
	const struct event *event;

	words_add(words, "state %#lx, generation %lu, slots kept since %#lx\n",
		  page->state, page->written, page->emptied);
	for (; i < page->events; i++) {
		event = &page->event[i % EVENTS];
		words_add(words, "%12.6f ms ago: %s, state %#lx\n",
			  (now() - event->when) / 1e6, event->what,
			  event->state);
	}
}

/*
 * Somebody saw what must not be: all stop.  Sources and viewers are killed at
 * any moment, so it is said by one call, and the board knows only after that:
 * who is killed before has seen nothing, and others will see it.
 */
static inline void __attribute__((noreturn, format(printf, 2, 3)))
violation(const struct page *page, const char *format, ...)
{
	struct words words = { .length = 0 };
	va_list args;

	if (board->failed)
		_exit(1);
	words_add(&words, "torture: after %.3f s, seed %lu: ",
		  (now() - board->began) / 1e9, board->options.seed);
	va_start(args, format);
	words_vadd(&words, format, args);
	va_end(args);
	words_add(&words, "\n");
	if (page)
		page_history(&words, page);
	if (write(STDERR_FILENO, words.text, words.length) < 0)
		errno = 0;
	board->failed = true;
	board->stop = true;
	_exit(1);
}

/* What a viewer wrote in a slot, and in which state of the page. */
static inline uint64_t published(uint64_t state, uint64_t generation)
{
	return state / SEQUENCE << 26 | (generation & 0x3ffffff);
}

/* Must what is published still be there, if slots are kept since @emptied? */
static inline bool published_is_kept(uint64_t slot, uint64_t emptied)
{
	return slot && slot >> 26 >= emptied / SEQUENCE;
}

#endif
