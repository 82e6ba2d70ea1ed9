/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sources of the torture: threads that take some pages, see that nothing
 * is lost of what is in them, and do to them whatever a process can.
 */
#ifndef T_SOURCE_H
#define T_SOURCE_H

#include <spawn.h>
#include <sys/resource.h>

#include "t-board.h"

#ifndef MPOL_MF_MOVE
#define MPOL_MF_MOVE	2
#endif
#define SCRATCH_PAGES	512	/* where pages are moved to */

struct job {
	struct source *source;
	struct chance chance;
	unsigned int worker, thread;
	unsigned int first, count;	/* pages that it has taken */
	char *at;
	size_t bytes;
	char *scratch;
};

static void page_event(struct page *page, const char *what, uint64_t state)
{
	struct event *event = &page->event[page->events % EVENTS];

	event->when = now();
	event->state = state;
	event->what = what;
	page->events++;
}

static uint64_t page_state(const struct page *page)
{
	return atomic_load_explicit(&page->state, memory_order_acquire);
}

static unsigned int page_flags(const struct page *page)
{
	return page_state(page) & FLAGS;
}

/* Only the thread that has taken the page changes its state. */
static void page_set(struct page *page, const char *what, unsigned int flags)
{
	uint64_t state = (page_state(page) / SEQUENCE + 1) * SEQUENCE | flags;

	page_event(page, what, state);
	atomic_store(&page->state, state);
}

/* From now on nothing is certain of the page. */
static void page_begin(struct page *page, const char *what)
{
	page_set(page, what, page_flags(page) | BUSY);
}

static void page_end(struct page *page, const char *what, unsigned int flags)
{
	page_set(page, what, flags);
}

/*
 * The page's contents are gone, and nothing that was in it may be seen again:
 * the generation moves on, too, and the next canary is newer still.
 */
static void page_end_emptied(struct page *page, const char *what,
			     unsigned int flags)
{
	if (!(flags & MAYBE))
		page->written++;
	page->emptied = page_state(page) + SEQUENCE;
	page_end(page, what, flags);
}

static struct page *job_page(struct job *job, unsigned int i)
{
	return &job->source->page[job->first + i];
}

static char *job_at(struct job *job, unsigned int i)
{
	return job->at + i * PAGE;
}

static void job_begin(struct job *job, const char *what)
{
	unsigned int i;

	for (i = 0; i < job->count; i++)
		page_begin(job_page(job, i), what);
}

/* Nothing has changed after all. */
static void job_end(struct job *job, const char *what)
{
	unsigned int i;

	for (i = 0; i < job->count; i++)
		page_end(job_page(job, i), what,
			 page_flags(job_page(job, i)) & ~BUSY);
}

static void job_end_emptied(struct job *job, const char *what,
			    unsigned int flags)
{
	unsigned int i;

	for (i = 0; i < job->count; i++)
		page_end_emptied(job_page(job, i), what, flags);
}

static void page_write(struct job *job, unsigned int i)
{
	struct page *page = job_page(job, i);
	unsigned int owner = job->source->owner, s;
	uint64_t word = canary(WHO_SOURCE, owner, job->first + i,
			       page->written + 1);

	page_begin(page, "write");
	for (s = 0; s < SPOTS; s++)
		*(volatile uint64_t *)(job_at(job, i) + spots[s]) = word;
	page->written++;
	/* A lie that readers must notice: what the board says is not there. */
	if (board->options.lie == 'r' && chance_one_in(&job->chance, 64))
		page->written++;
	page_end(page, "written", 0);
}

static void job_write(struct job *job)
{
	unsigned int i;

	for (i = 0; i < job->count; i++)
		page_write(job, i);
}

/* Does the source itself still have its canary in the page? */
static void page_check_spots(struct job *job, unsigned int i)
{
	struct page *page = job_page(job, i);
	unsigned int flags = page_flags(page), s;
	uint64_t word, right = canary(WHO_SOURCE, job->source->owner,
				      job->first + i, page->written);

	for (s = 0; s < SPOTS; s++) {
		word = *(volatile uint64_t *)(job_at(job, i) + spots[s]);
		if (word == (flags & EMPTY ? 0 : right) ||
		    (!word && flags & MAYBE))
			continue;
		violation(page, "the source's page %u lost its word at %u: %#lx, not %#lx",
			  job->first + i, spots[s], word, right);
	}
}

/*
 * A word that a call is just copying may be seen in parts; it is whole soon.
 */
static uint64_t slot_load(const char *at)
{
	int64_t end = now() + 10 * SECOND;
	uint64_t word;

	for (;;) {
		word = *(volatile const uint64_t *)at;
		if (!word || canary_is_whole(word) || now() > end)
			return word;
		sched_yield();
	}
}

/* Is what viewers are known to have written still there, and nothing else? */
static void page_check_slot(struct job *job, unsigned int i, unsigned int who)
{
	struct page *page = job_page(job, i);
	uint64_t slot = page->slot[who];
	uint64_t word = slot_load(job_at(job, i) + SLOT(who));

	if (word && (!canary_is_whole(word) || canary_who(word) != who ||
		     canary_page(word) != job->first + i ||
		     canary_owner(word) != job->source->owner))
		violation(page, "a foreign word %#lx in viewer %u's slot of page %u",
			  word, who, job->first + i);
	if (!published_is_kept(slot, page->emptied))
		return;
	count(KEPT);
	if (!word || canary_generation(word) < (slot & 0x3ffffff))
		violation(page, "viewer %u's write to page %u is lost: %#lx, not %#lx, written in state %#lx",
			  who, job->first + i, word, slot & 0x3ffffff,
			  (slot >> 26) * SEQUENCE);
}

static void job_check(struct job *job)
{
	unsigned int i, who, last = board->options.viewers * VIEWER_THREADS;

	if (board->options.lie == 'r')
		return;
	for (i = 0; i < job->count; i++) {
		page_check_spots(job, i);
		for (who = WHO_VIEWER; who <= last; who++)
			page_check_slot(job, i, who);
	}
}

/* Make a page accessible again that an earlier job left otherwise. */
static void page_restore(struct job *job, unsigned int i)
{
	struct page *page = job_page(job, i);
	unsigned int flags = page_flags(page);
	char *at = job_at(job, i);

	if (!(flags & (HIDDEN | READONLY)))
		return;
	page_begin(page, "restore");
	if (flags & UNMAPPED && map_anonymous(at, PAGE) != at)
		die("mmap");
	if (!(flags & UNMAPPED) && mprotect(at, PAGE, PROT_READ | PROT_WRITE))
		die("mprotect");
	page_end(page, "restored", flags & ~(HIDDEN | READONLY));
}

static void job_restore(struct job *job)
{
	unsigned int i;

	for (i = 0; i < job->count; i++)
		page_restore(job, i);
}

/*
 * What is done to pages.  Whatever leaves their contents as they are is done
 * without being announced, so that readers insist on them all the while.
 */

static void do_write(struct job *job)
{
	job_write(job);
}

static void do_dontneed(struct job *job)
{
	job_begin(job, "dontneed");
	if (madvise(job->at, job->bytes, MADV_DONTNEED))
		die("MADV_DONTNEED");
	job_end_emptied(job, "discarded", EMPTY);
}

static void do_unmap(struct job *job)
{
	bool hole = chance_one_in(&job->chance, 2);

	job_begin(job, "munmap");
	if (munmap(job->at, job->bytes))
		die("munmap");
	if (!hole && map_anonymous(job->at, job->bytes) != job->at)
		die("mmap");
	job_end_emptied(job, hole ? "unmapped" : "mapped again",
			hole ? EMPTY | UNMAPPED : EMPTY);
}

static void do_replace(struct job *job)
{
	job_begin(job, "mmap");
	if (map_anonymous(job->at, job->bytes) != job->at)
		die("mmap");
	job_end_emptied(job, "replaced", EMPTY);
}

/*
 * The same by commands of remotefs, of a session on oneself: the kernel's threads do
 * it, and other threads of the source take other pages meanwhile. What has no
 * memory for that is done by the source itself.
 */
static int remote_session = -1;

static void remote_begin(void)
{
	int control = control_open(board->options.mounts[0]);

	remote_session = attach(control, getpid());
	if (remote_session < 0)
		die("ATTACH");
	close(control);
}

static bool job_command(struct job *job, unsigned int command, unsigned int flags)
{
	bool maps = command == REMOTEFS_REMOTE_MMAP;
	struct remotefs_remote_args args = {
		.size = sizeof(args),
		.command = command,
		.flags = flags,
		.prot = maps ? PROT_READ | PROT_WRITE : 0,
		.address = (uintptr_t)job->at,
		.length = job->bytes,
	};

	if (!ioctl(remote_session, REMOTEFS_IOC_REMOTE, &args))
		return !maps || args.address == (uintptr_t)job->at;
	/* EFAULT: discarding has nothing to say of what is not there. */
	if (errno != ENOMEM && errno != ESRCH && errno != EINTR && errno != EFAULT)
		die("REMOTE");
	return false;
}

static void do_command_discard(struct job *job)
{
	job_begin(job, "remote discard");
	if (!job_command(job, REMOTEFS_REMOTE_DISCARD, 0) &&
	    madvise(job->at, job->bytes, MADV_DONTNEED))
		die("MADV_DONTNEED");
	job_end_emptied(job, "discarded", EMPTY);
}

static void do_command_unmap(struct job *job)
{
	job_begin(job, "remote munmap");
	if (!job_command(job, REMOTEFS_REMOTE_MUNMAP, 0) &&
	    munmap(job->at, job->bytes))
		die("munmap");
	if (chance_one_in(&job->chance, 2) &&
	    job_command(job, REMOTEFS_REMOTE_MMAP, REMOTEFS_REMOTE_FIXED))
		return job_end_emptied(job, "mapped again", EMPTY);
	job_end_emptied(job, "unmapped", EMPTY | UNMAPPED);
}

static void do_command_replace(struct job *job)
{
	job_begin(job, "remote mmap");
	if (!job_command(job, REMOTEFS_REMOTE_MMAP,
			 REMOTEFS_REMOTE_FIXED | REMOTEFS_REMOTE_REPLACE) &&
	    map_anonymous(job->at, job->bytes) != job->at)
		die("mmap");
	job_end_emptied(job, "replaced", EMPTY);
}

static uint64_t job_writes(struct job *job)
{
	uint64_t sum = 0;
	unsigned int i, who;

	for (i = 0; i < job->count; i++)
		for (who = WHO_VIEWER; who <= WHO_LAST_VIEWER; who++)
			sum += job_page(job, i)->slot[who];
	return sum;
}

/* Until a viewer has written to the pages, or none cares to. */
static void job_await_writer(struct job *job)
{
	uint64_t writes = job_writes(job);
	int64_t end = now() + 20000000;

	while (job_writes(job) == writes && now() < end && !stopped())
		pause_for(50000);
}

/* Until it is written, a page of these may go at any time, or never. */
static void do_free(struct job *job)
{
	unsigned int i, flags;

	job_begin(job, "free");
	if (madvise(job->at, job->bytes, MADV_FREE))
		die("MADV_FREE");
	for (i = 0; i < job->count; i++) {
		flags = page_flags(job_page(job, i)) & EMPTY;
		page_end_emptied(job_page(job, i), "freed", flags | MAYBE);
	}
	/* What is written now must stay, though it is to be reclaimed. */
	if (chance_one_in(&job->chance, 2))
		job_await_writer(job);
	madvise(job->at, job->bytes, MADV_PAGEOUT);
}

static void do_pageout(struct job *job)
{
	madvise(job->at, job->bytes, MADV_PAGEOUT);
}

static void do_cold(struct job *job)
{
	madvise(job->at, job->bytes, MADV_COLD);
}

static void do_collapse(struct job *job)
{
	uintptr_t start = (uintptr_t)job->at & ~(HUGE - 1);

	madvise((void *)start, HUGE, chance_one_in(&job->chance, 4) ?
		MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	madvise((void *)start, HUGE, MADV_COLLAPSE);
}

static void do_migrate(struct job *job)
{
	unsigned long n = job->count < 16 ? job->count : 16, i;
	void *pages[16];
	int nodes[16], status[16];

	for (i = 0; i < n; i++) {
		pages[i] = job_at(job, i);
		nodes[i] = chance_below(&job->chance, 2);
	}
	syscall(SYS_move_pages, 0, n, pages, nodes, status, MPOL_MF_MOVE);
}

/* Pages of zeros, which KSM makes one page of. */
static void do_merge(struct job *job)
{
	job_begin(job, "clear");
	memset(job->at, 0, job->bytes);
	job_end_emptied(job, "cleared", EMPTY);
	madvise(job->at, job->bytes, MADV_MERGEABLE);
}

static void do_unmerge(struct job *job)
{
	madvise(job->at, job->bytes, MADV_UNMERGEABLE);
}

static void do_protect(struct job *job)
{
	static const int prots[] = { PROT_NONE, PROT_READ };
	static const unsigned int flags[] = { NOACCESS, READONLY };
	unsigned int i, kind = chance_below(&job->chance, 2);

	job_begin(job, "mprotect");
	if (mprotect(job->at, job->bytes, prots[kind]))
		die("mprotect");
	for (i = 0; i < job->count; i++)
		page_end(job_page(job, i), "protected", flags[kind] |
			 (page_flags(job_page(job, i)) & (EMPTY | MAYBE)));
	/* Often the right comes back at once, and nobody had time to fault. */
	if (chance_one_in(&job->chance, 2))
		job_restore(job);
}

/* Whoever still sees what was moved away sees that it was. */
static void scratch_spoil(struct job *job)
{
	unsigned int i, s;
	uint64_t word;

	for (i = 0; i < job->count; i++)
		for (s = 0; s < SPOTS; s++) {
			word = canary(WHO_MOVED, job->source->owner,
				      job->first + i, 0);
			*(volatile uint64_t *)(job->scratch + i * PAGE +
					       spots[s]) = word;
		}
	munmap(job->scratch, job->bytes);
}

static bool job_move(struct job *job, int flags)
{
	return job->count <= SCRATCH_PAGES &&
	       mremap(job->at, job->bytes, job->bytes,
		      MREMAP_MAYMOVE | MREMAP_FIXED | flags, job->scratch) ==
	       job->scratch;
}

/*
 * It works within one mapping only, or, since 6.17, for several at once, of
 * which some may have moved before it failed.  Then all begin anew.
 */
static void job_move_failed(struct job *job)
{
	if (job->count <= SCRATCH_PAGES)
		munmap(job->scratch, job->bytes);
	if (map_anonymous(job->at, job->bytes) != job->at)
		die("mmap");
	job_end_emptied(job, "not moved, but replaced", EMPTY);
}

/* Seen once, on 7.2, and not explained: if it comes again, say all there is. */
static void job_move_back_failed(struct job *job, const void *got)
{
	int error = errno;
	unsigned long start;
	char line[256];
	FILE *maps = fopen("/proc/self/maps", "re");

	fprintf(stderr, "torture: mremap(%p, %#zx, %p) gave %p: %s\n",
		job->scratch, job->bytes, job->at, got, strerror(error));
	while (maps && fgets(line, sizeof(line), maps)) {
		start = strtoul(line, NULL, 16);
		if (start >= (uintptr_t)job->source->arena &&
		    start < (uintptr_t)job->source->arena + (1UL << 30))
			fprintf(stderr, "torture: %s", line);
	}
	if (maps)
		fclose(maps);
	job_move_failed(job);
}

static void do_move(struct job *job)
{
	void *got;

	job_begin(job, "mremap");
	if (!job_move(job, 0))
		return job_move_failed(job);
	if (chance_one_in(&job->chance, 2)) {
		got = mremap(job->scratch, job->bytes, job->bytes,
			     MREMAP_MAYMOVE | MREMAP_FIXED, job->at);
		if (got != job->at)
			return job_move_back_failed(job, got);
		return job_end(job, "moved back");
	}
	job_end_emptied(job, "moved away", EMPTY | UNMAPPED);
	scratch_spoil(job);
}

static void do_dontunmap(struct job *job)
{
	job_begin(job, "mremap");
	if (!job_move(job, MREMAP_DONTUNMAP))
		return job_move_failed(job);
	job_end_emptied(job, "moved out", EMPTY);
	scratch_spoil(job);
}

#define CHILD_PAGES	4
#define CHILD_EACH	(SPOTS + WHO_LAST_VIEWER)	/* words of a page */

struct child_view {
	uint64_t words[CHILD_PAGES][CHILD_EACH];	/* spots, then slots */
	unsigned int pages;
};

static void child_look(struct job *job, struct child_view *view)
{
	unsigned int i, s;
	uint64_t *word;
	const char *at;

	view->pages = job->count < CHILD_PAGES ? job->count : CHILD_PAGES;
	for (i = 0; i < view->pages; i++) {
		at = job_at(job, i);
		word = view->words[i];
		for (s = 0; s < SPOTS; s++)
			*word++ = *(volatile uint64_t *)(at + spots[s]);
		for (s = WHO_VIEWER; s <= WHO_LAST_VIEWER; s++)
			*word++ = *(volatile uint64_t *)(at + SLOT(s));
	}
}

/* The first @words of each page must be the same. */
static void child_compare(struct job *job, const struct child_view *before,
			  const struct child_view *after, unsigned int words)
{
	unsigned int i, s;

	for (i = 0; i < before->pages; i++)
		for (s = 0; s < words; s++)
			if (before->words[i][s] != after->words[i][s])
				violation(job_page(job, i),
					  "a write to the parent reached its child: word %u of page %u, %#lx became %#lx",
					  s, job->first + i,
					  before->words[i][s],
					  after->words[i][s]);
}

/*
 * A child sees what its parent had at fork, and nothing that anybody writes to
 * the parent after that; and nobody ever sees what it writes.  Viewers write to
 * the parent all the while, so of slots the child knows only that they stay.
 */
static void __attribute__((noreturn))
child_main(struct job *job, const struct child_view *before, pid_t parent)
{
	atomic_int *written = &job->source->written[job->thread];
	struct child_view first, last;
	unsigned int i, s;

	die_with(parent);
	child_look(job, &first);
	child_compare(job, before, &first, SPOTS);
	while (!*written && !stopped())
		pause_for(100000);
	child_look(job, &last);
	child_compare(job, &first, &last, CHILD_EACH);
	for (i = 0; i < job->count; i++)
		for (s = 0; s < SPOTS; s++)
			*(volatile uint64_t *)(job_at(job, i) + spots[s]) =
				canary(WHO_CHILD, job->source->owner,
				       job->first + i, 0);
	_exit(0);
}

/* Nothing that a child shall keep may go by itself. */
static void job_settle(struct job *job)
{
	unsigned int i;

	for (i = 0; i < job->count; i++)
		if (page_flags(job_page(job, i)) & MAYBE)
			page_write(job, i);
}

static void do_fork(struct job *job)
{
	atomic_int *written = &job->source->written[job->thread];
	pid_t parent = getpid(), child;
	struct child_view before;
	int status;

	job_settle(job);
	child_look(job, &before);
	*written = 0;
	child = _Fork();
	if (!child)
		child_main(job, &before, parent);
	if (child < 0)
		return;
	count(FORKS);
	/* Either side may be the first to copy. */
	if (chance_one_in(&job->chance, 2))
		job_write(job);
	*written = 1;
	if (waitpid(child, &status, 0) == child && status && !stopped())
		violation(NULL, "a forked child ended with status %#x", status);
	job_check(job);
}

/* A child with our memory, which executes another program. */
static void do_vfork(struct job *job)
{
	char *argv[] = { (char *)"true", NULL };
	pid_t child;

	(void)job;
	if (!posix_spawn(&child, "/bin/true", NULL, NULL, argv, NULL))
		waitpid(child, NULL, 0);
}

/* By letter, for --ops; the same letter again makes it more frequent. */
static void (*const deeds['z' + 1])(struct job *) = {
	['w'] = do_write,	['d'] = do_dontneed,
	['u'] = do_unmap,	['r'] = do_replace,
	['f'] = do_free,	['o'] = do_pageout,
	['c'] = do_collapse,	['g'] = do_migrate,
	['k'] = do_merge,	['n'] = do_unmerge,
	['p'] = do_protect,	['m'] = do_move,
	['t'] = do_dontunmap,	['x'] = do_fork,
	['v'] = do_vfork,	['l'] = do_cold,
	['D'] = do_command_discard, ['U'] = do_command_unmap,
	['R'] = do_command_replace,
};

/* Mostly a few pages, at times many, at times what makes a huge page. */
static void job_choose(struct job *job)
{
	unsigned int pages = board->options.pages;
	unsigned int span = board->options.span;

	job->first = chance_below(&job->chance, pages);
	job->count = 1 + chance_below(&job->chance, span);
	if (span >= 8 && chance_one_in(&job->chance, 32))
		job->count = 1 + chance_below(&job->chance, 8 * span);
	if (span >= 8 && chance_one_in(&job->chance, 128)) {
		job->first -= job->first % 512;
		job->count = 512;
	}
	if (job->count > pages - job->first)
		job->count = pages - job->first;
}

static void job_release(struct job *job)
{
	unsigned int i;

	for (i = 0; i < job->count; i++)
		atomic_store(&job_page(job, i)->taken, 0);
}

/* As many of the pages as no other thread has. */
static bool job_take(struct job *job)
{
	unsigned int i;

	job_choose(job);
	for (i = 0; i < job->count; i++)
		if (atomic_exchange(&job_page(job, i)->taken, 1))
			break;
	job->count = i;
	job->at = job->source->arena + job->first * PAGE;
	job->bytes = job->count * PAGE;
	return job->count;
}

static void job_run(struct job *job)
{
	const char *ops = board->options.ops;

	if (!job_take(job)) {
		sched_yield();
		return;
	}
	job_restore(job);
	job_check(job);
	deeds[(int)ops[chance_below(&job->chance, strlen(ops))]](job);
	/* Half of what was emptied stays so for a while. */
	if (!(page_flags(job_page(job, 0)) & (HIDDEN | READONLY)) &&
	    chance_one_in(&job->chance, 2))
		job_write(job);
	job_release(job);
	count(ROUNDS);
}

static void page_take(struct page *page)
{
	while (atomic_exchange(&page->taken, 1))
		sched_yield();
}

/* A range is granted only where all is mapped: for a moment, it is. */
static void source_gather(struct source *source, struct job *job)
{
	unsigned int i;

	job->first = 0;
	job->count = board->options.pages;
	job->at = source->arena;
	for (i = 0; i < job->count; i++) {
		page_take(job_page(job, i));
		if (page_flags(job_page(job, i)) & UNMAPPED)
			page_restore(job, i);
	}
	source->gather = GATHERED;
	while (source->gather == GATHERED && !stopped())
		pause_for(100000);
	job_release(job);
}

/* The program that a source executes: t-torture --image FD ADDRESS PAGES. */
static int image_main(char **argv)
{
	unsigned long pages = strtoul(argv[2], NULL, 0), i;
	char *at = (char *)strtoul(argv[1], NULL, 0);

	if (map_anonymous(at, pages * PAGE) != at)
		return 1;
	for (i = 0; i < pages; i++)
		*(uint64_t *)(at + i * PAGE) = canary(WHO_IMAGE, 0, i, 0);
	if (write(atoi(argv[0]), "x", 1) != 1)
		return 1;
	for (;;)
		pause();
}

static void source_exec(struct source *source)
{
	char fd[16], at[32], pages[16];

	snprintf(fd, sizeof(fd), "%d", source->image[1]);
	snprintf(at, sizeof(at), "%p", (void *)source->arena);
	snprintf(pages, sizeof(pages), "%u", board->options.pages);
	execl("/proc/self/exe", "t-torture", "--image", fd, at, pages, NULL);
	die("exec");
}

static void *source_thread(void *data)
{
	struct job *job = data;

	worker_begin(job->worker, "source");
	while (!stopped()) {
		job_run(job);
		beat(job->worker);
		if (!job->thread && job->source->gather == GATHER)
			source_gather(job->source, job);
		switch (job->source->order) {
		case EXIT:
			_exit(0);
		case EXEC:
			if (!job->thread)
				source_exec(job->source);
		}
	}
	worker_end(job->worker);
	return NULL;
}

static void source_begin(struct source *source, unsigned int number)
{
	unsigned int i;
	struct job job = { .source = source, .count = board->options.pages };

	chance_begin(&job.chance, board->options.seed, number);
	if (map_anonymous(source->arena, board->options.pages * PAGE) !=
	    source->arena)
		die("mmap");
	job.at = source->arena;
	for (i = 0; i < board->options.pages; i++) {
		source->page[i].emptied = page_state(&source->page[i]);
		source->page[i].written++;
	}
	job_write(&job);
	job_release(&job);
}

/*
 * Viewers would keep the CPUs busy and a source waiting for its mmap_lock: each
 * time it gets that, it runs at once.
 */
static void source_hurry(void)
{
	struct sched_param param = { .sched_priority = 1 };

	if (board->options.urgent)
		sched_setscheduler(0, SCHED_RR, &param);
	else
		setpriority(PRIO_PROCESS, 0, -15);
}

/* One life of a source; the board has its owner, and its pages are BUSY. */
static void __attribute__((noreturn)) source_main(unsigned int number)
{
	struct source *source = &board->source[number];
	static struct job jobs[MAX_THREADS];
	pthread_t thread;
	unsigned int i;

	source_begin(source, number);
	remote_begin();
	source_hurry();
	source->pid = getpid();
	for (i = board->options.threads; i--;) {
		jobs[i].source = source;
		jobs[i].thread = i;
		jobs[i].worker = WORK_SOURCE + number * MAX_THREADS + i;
		jobs[i].scratch = source->arena +
				  (MAX_PAGES + i * SCRATCH_PAGES) * PAGE;
		chance_begin(&jobs[i].chance, board->options.seed,
			     source->owner * 64 + jobs[i].worker);
		if (i && pthread_create(&thread, NULL, source_thread, &jobs[i]))
			die("pthread_create");
	}
	source_thread(&jobs[0]);
	_exit(0);
}

#endif
