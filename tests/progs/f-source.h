/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sources of the fuzzer, and the nursery: a process without descriptors and
 * threads that gives birth to them, under a PID that was used before if asked.
 *
 * A source does what it is told. Where there are many threads it also does
 * things on its own, all the time.
 */
#ifndef F_SOURCE_H
#define F_SOURCE_H

#include <limits.h>
#include <linux/sched.h>

#include "f-board.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* What the nursery is asked for, besides the source's number. */
#define NURSE_SPAWN	0x40
#define NURSE_SAME_PID	0x80

static const int protections[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };
#define PROTECTIONS	3

static const int advices[] = {
	MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_WILLNEED,
	MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE, MADV_UNMERGEABLE,
	MADV_POPULATE_WRITE, MADV_DONTFORK, MADV_DOFORK,
};
#define ADVICES		(sizeof(advices) / sizeof(*advices))

static inline void arena_share(char *at, size_t bytes)
{
	mmap(at, bytes, PROT_READ | PROT_WRITE,
	     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static inline void arena_touch(char *at, unsigned int count, uint64_t word)
{
	for (; count--; at += PAGE)
		guarded_store(at + 64, word);
}

/* A child that writes what it shares with its parent, so that pages part. */
static inline void arena_fork(char *at, unsigned int count)
{
	pid_t child = fork();

	if (!child) {
		arena_touch(at, count, 1);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

/* A deed of memory, by whose it is. */
static inline void deed_do(char *arena, const struct deed *deed)
{
	char *at = arena + deed->first * PAGE;
	size_t bytes = deed->count * PAGE;

	switch (deed->what) {
	case DEED_UNMAP:
		munmap(at, bytes);
		break;
	case DEED_MAP:
		map_anonymous(at, bytes);
		break;
	case DEED_SHARE:
		arena_share(at, bytes);
		break;
	case DEED_PROTECT:
		mprotect(at, bytes, protections[deed->argument % PROTECTIONS]);
		break;
	case DEED_ADVISE:
		madvise(at, bytes, advices[deed->argument % ADVICES]);
		break;
	case DEED_TOUCH:
		arena_touch(at, deed->count, deed->argument);
		break;
	case DEED_FORK:
		arena_fork(at, deed->count);
		break;
	}
}

/* Some deed of memory; the canaries stay as they are. */
static inline void deed_choose(struct deed *deed, struct chance *chance)
{
	static const unsigned char often[] = {
		DEED_UNMAP, DEED_UNMAP, DEED_MAP, DEED_MAP, DEED_MAP,
		DEED_SHARE, DEED_PROTECT, DEED_PROTECT, DEED_ADVISE,
		DEED_ADVISE, DEED_ADVISE, DEED_TOUCH, DEED_TOUCH, DEED_FORK,
	};

	deed->what = often[chance_below(chance, sizeof(often))];
	deed->first = CANARIES + chance_below(chance, PAGES - CANARIES);
	deed->count = 1 + chance_below(chance, deed->what == DEED_SHARE ? 2 : 8);
	if (deed->count > PAGES - deed->first)
		deed->count = PAGES - deed->first;
	deed->argument = chance_below(chance, 4096);
	/* Most memory is to be of use. */
	if (deed->what == DEED_PROTECT && chance_one_in(chance, 2))
		deed->argument = 2;
}

/* What each arena begins with; f-model.h knows. */
#define FIRST_SHARED	48
#define FIRST_HOLE	52
#define LAST_HOLE	56

static inline void arena_begin(unsigned int source, unsigned int life)
{
	char *arena = arena_of(source);
	unsigned int page, spot;

	if (map_anonymous(arena, PAGES * PAGE) == MAP_FAILED)
		die("arena");
	arena_share(arena + FIRST_SHARED * PAGE,
		    (FIRST_HOLE - FIRST_SHARED) * PAGE);
	munmap(arena + FIRST_HOLE * PAGE, (LAST_HOLE - FIRST_HOLE) * PAGE);
	for (page = 0; page < CANARIES; page++)
		for (spot = 0; spot < CANARY_SPOTS; spot++)
			*(uint64_t *)(arena + page * PAGE + canary_spots[spot]) =
				canary_of(source, life, page);
}

static inline void source_done(struct source *source, int order)
{
	source->done = order;
	word_wake(&source->done);
}

static inline void source_obey(unsigned int number, int order)
{
	struct source *source = &board->source[number];
	char text[16];

	if (source->deed.what == DEED_EXIT)
		_exit(0);
	if (source->deed.what == DEED_EXEC) {
		snprintf(text, sizeof(text), "%u", number);
		execl("/proc/self/exe", "f-fuzz", "--image", text, NULL);
		_exit(1);
	}
	deed_do(arena_of(number), &source->deed);
	source_done(source, order);
}

static inline void __attribute__((noreturn)) source_main(unsigned int number)
{
	struct source *source = &board->source[number];
	int done = source->done, order;
	struct chance chance;
	struct deed deed;

	chance_begin(&chance, board->options.seed, 1000000 + source->life);
	escape_prepare();
	arena_begin(number, source->life);
	source->ready = source->life;
	source_done(source, ++done);
	for (;;) {
		order = source->order;
		if (order != done) {
			source_obey(number, order);
			done = order;
		} else if (strict()) {
			word_wait(&source->order, done, SECOND);
		} else {
			deed_choose(&deed, &chance);
			deed_do(arena_of(number), &deed);
		}
	}
}

/* What a source has executed: nothing of it is of interest. */
static inline int image_main(unsigned int number)
{
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED,
		     BOARD_FD, 0);
	if (board == MAP_FAILED)
		return 1;
	source_done(&board->source[number], board->source[number].order);
	for (;;)
		pause();
}

static inline pid_t nurse_fork(pid_t same)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&same,
		.set_tid_size = 1,
	};
	pid_t child = same ? (pid_t)syscall(SYS_clone3, &args, sizeof(args)) : -1;

	/* Somebody else may have it meanwhile. */
	return child < 0 ? fork() : child;
}

static inline void __attribute__((noreturn)) nurse_main(int requests, int replies)
{
	pid_t child[MAX_SOURCES] = { }, nurse = getpid(), same;
	unsigned char request;
	unsigned int n;

	while (read(requests, &request, 1) == 1) {
		n = request % NURSE_SPAWN;
		if (child[n] && waitpid(child[n], NULL, 0) != child[n])
			die("waitpid");
		same = request & NURSE_SAME_PID ? -board->source[n].pid : 0;
		child[n] = 0;
		if (request & NURSE_SPAWN) {
			child[n] = nurse_fork(same);
			if (child[n] < 0)
				die("fork");
			if (!child[n]) {
				die_with(nurse);
				close(requests);
				close(replies);
				source_main(n);
			}
			board->source[n].pid = child[n];
		}
		if (write(replies, &request, 1) != 1)
			break;
	}
	_exit(0);
}

/* The fuzzer's side. */

static int nurse_requests, nurse_replies;

static inline void nurse_begin(void)
{
	int requests[2], replies[2];
	pid_t parent = getpid(), child;

	if (pipe2(requests, O_CLOEXEC) || pipe2(replies, O_CLOEXEC))
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		die_with(parent);
		close(requests[1]);
		close(replies[0]);
		nurse_main(requests[0], replies[1]);
	}
	close(requests[0]);
	close(replies[1]);
	nurse_requests = requests[1];
	nurse_replies = replies[0];
}

static inline void nurse_ask(unsigned char request)
{
	if (write(nurse_requests, &request, 1) != 1 ||
	    read(nurse_replies, &request, 1) != 1)
		die("nursery");
}

static inline void source_await(struct fuzzer *fuzzer, struct source *source,
				int done)
{
	int64_t end = now() + PATIENCE;
	int seen;

	while ((seen = source->done) != done) {
		word_wait(&source->done, seen, SECOND / 4);
		if (stopped())
			_exit(1);
		if (now() > end)
			violation(fuzzer, "source %d does not do what it is told",
				  source->pid);
	}
}

static inline void source_tell(struct fuzzer *fuzzer, unsigned int number,
			       const struct deed *deed)
{
	struct source *source = &board->source[number];

	source->deed = *deed;
	source->order++;
	word_wake(&source->order);
	if (deed->what != DEED_EXIT)
		source_await(fuzzer, source, source->order);
}

/* A new one in the place of one that was reaped. */
static inline void source_spawn(struct fuzzer *fuzzer, unsigned int number,
				bool same_pid)
{
	static unsigned int lives;
	struct source *source = &board->source[number];

	source->life = ++lives;
	/* The one before may not have done the last that it was told. */
	source->done = source->order;
	source->order++;
	nurse_ask(number | NURSE_SPAWN | (same_pid ? NURSE_SAME_PID : 0));
	source_await(fuzzer, source, source->order);
}

#endif
