/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The viewers of the torture: threads that open map files, map them and take
 * the mirrors apart, load and store, read and write, and judge what they see by
 * what the board said before and after.
 */
#ifndef T_VIEWER_H
#define T_VIEWER_H

#include "t-board.h"

#define EACH_MIRRORS	3	/* of a thread */

/* A map file that was opened, as it was granted then. */
struct view {
	struct file *file;
	struct grant grant;
	uint64_t serial;
	int fd;
};

struct mirror {
	struct view view;
	char *at;
	unsigned long first, pages;	/* of the file, from its base */
	bool writable;
	/* Pages that were unmapped, or made read-only, in the viewer. */
	unsigned long hole, hole_end, locked, locked_end;
	bool parted;			/* in more than one VMA, perhaps */
};

struct viewer {
	struct chance chance;
	unsigned int who, worker;
	struct mirror mirror[EACH_MIRRORS];
};

/* One access, and what the board says before and after it. */
struct look {
	const struct view *view;
	const char *how;
	bool by_call;			/* not through a mirror */
	unsigned long index;		/* of the page, from the base */
	_Atomic uint64_t *segment;
	struct page *page;
	unsigned int number;		/* of the page */
	uint64_t file_before, segment_before, state_before;
	uint64_t written, emptied, slot[WHO_LAST_VIEWER + 1];
	int64_t when;			/* if the file was dead */
	bool live;	/* not revoked, no end of the source, meanwhile */
	bool ours;	/* the board's pages are the file's source's still */
	bool placed;	/* the segment shows the page all the while */
	bool sure;	/* and nothing happened to the page */
};

static uint64_t board_load(const _Atomic uint64_t *at)
{
	return atomic_load_explicit(at, memory_order_acquire);
}

static void look_begin(struct look *look, const struct view *view,
		       unsigned long index, const char *how, bool by_call)
{
	const struct grant *grant = &view->grant;
	unsigned int who;

	look->view = view;
	look->how = how;
	look->by_call = by_call;
	look->index = index;
	look->segment = &view->file->segment[index / grant->pages];
	look->file_before = board_load(&view->file->word);
	look->segment_before = board_load(look->segment);
	look->number = ((look->segment_before & SEGMENT_FIRST) +
			index % grant->pages) % MAX_PAGES;
	look->page = &board->source[grant->source].page[look->number];
	look->state_before = board_load(&look->page->state);
	look->written = board_load(&look->page->written);
	look->emptied = board_load(&look->page->emptied);
	for (who = 0; who <= WHO_LAST_VIEWER; who++)
		look->slot[who] = board_load(&look->page->slot[who]);
	if (look->file_before != (view->serial << 2 | LIVE) &&
	    look->file_before != (view->serial << 2 | DYING))
		look->when = now();
	else
		look->when = 0;
	atomic_thread_fence(memory_order_seq_cst);
}

/* Also by a store that has not left the CPU yet, hence the fence. */
static void look_end(struct look *look)
{
	const struct view *view = look->view;
	uint64_t live = view->serial << 2 | LIVE, dying = live - LIVE + DYING;
	uint64_t segment, state, word;

	atomic_thread_fence(memory_order_seq_cst);
	state = board_load(&look->page->state);
	segment = board_load(look->segment);
	word = board_load(&view->file->word);
	look->live = look->file_before == live && word == live;
	look->ours = word == live || word == dying;
	look->placed = look->ours && look->segment_before == segment &&
		       !(segment & SEGMENT_BUSY);
	look->sure = look->live && look->placed &&
		     look->state_before == state && !(state & BUSY);
}

static void __attribute__((noreturn))
look_violation(const struct look *look, const char *what, uint64_t word)
{
	const struct grant *grant = &look->view->grant;

	violation(look->page, "%s: %s: word %#lx (of %u, owner %u, page %u, generation %lu), of /%d/map-%u at page %lu, which was page %u of owner %u in state %#lx, generation %lu%s",
		  look->how, what, word, canary_who(word), canary_owner(word),
		  canary_page(word), canary_generation(word), grant->pid,
		  grant->number, look->index, look->number, grant->owner,
		  look->state_before, look->written,
		  look->sure ? "" : "; a change was under way");
}

static bool look_writable(const struct look *look)
{
	return look->index >= look->view->grant.writable &&
	       look->index < look->view->grant.writable_end;
}

/* The access failed: had it to succeed? */
static void judge_failure(const struct look *look, bool write, int error)
{
	uint64_t flags = look->state_before & FLAGS;

	count(FAULTS);
	if (!look->sure || flags & HIDDEN ||
	    look->segment_before & SEGMENT_ABSENT)
		return;
	if (write && (flags & READONLY || !look_writable(look)))
		return;
	look_violation(look, "failed, but the page is there", error);
}

/* The access succeeded: had it to fail? */
static void judge_success(const struct look *look, bool write)
{
	const struct view *view = look->view;
	int64_t death = view->file->death[view->serial % DEATHS];

	if (look->when && (look->by_call || look->when > death))
		look_violation(look, "succeeded on a file that is dead", 0);
	if (look->placed && look->segment_before & SEGMENT_ABSENT)
		look_violation(look, "succeeded where the file has no range", 0);
	if (write && !look_writable(look))
		look_violation(look, "wrote what is not granted for writing", 0);
	if (!look->sure)
		return;
	count(EXACT);
	if (look->state_before & HIDDEN)
		look_violation(look, "succeeded where the source has nothing", 0);
	if (write && look->state_before & READONLY)
		look_violation(look, "wrote what the source may not write", 0);
}

/* Whose word is it? False if it is none, as in the middle of a copy. */
static bool judge_origin(const struct look *look, unsigned int who,
			 uint64_t word)
{
	if (!canary_is_whole(word))
		return false;
	if (canary_owner(word) != look->view->grant.owner)
		look_violation(look, "memory of another process", word);
	if (canary_who(word) != who)
		look_violation(look, "words of another writer", word);
	if (look->placed && canary_page(word) != look->number)
		look_violation(look, "another page of the source", word);
	return true;
}

/* A word of the source's own. False: look again. */
static bool judge_spot(const struct look *look, uint64_t word)
{
	uint64_t flags = look->state_before & FLAGS;
	uint64_t generation = canary_generation(word);

	if (!word) {
		if (look->sure && !(flags & (EMPTY | MAYBE)))
			look_violation(look, "zeros, but it was written", 0);
		return true;
	}
	if (!judge_origin(look, WHO_SOURCE, word))
		return false;
	if (!look->placed)
		return true;
	if (generation < look->written)
		look_violation(look, "a stale page", word);
	if (generation > board_load(&look->page->written) + 1)
		look_violation(look, "a generation yet to come", word);
	if (look->sure && flags & EMPTY)
		look_violation(look, "contents that were discarded", word);
	if (look->sure && generation != look->written)
		look_violation(look, "another generation", word);
	return true;
}

/* A word of a viewer's. */
static bool judge_slot(const struct look *look, unsigned int who, uint64_t word)
{
	uint64_t slot = look->slot[who];

	if (word && !judge_origin(look, who, word))
		return false;
	if (!look->sure || !published_is_kept(slot, look->emptied))
		return true;
	count(KEPT);
	if (!word || canary_generation(word) < (slot & 0x3ffffff))
		look_violation(look, "a viewer's write is lost", word);
	return true;
}

static bool judge_word(const struct look *look, unsigned int place,
		       uint64_t word)
{
	if (place < SPOTS)
		return judge_spot(look, word);
	return judge_slot(look, place - SPOTS + WHO_VIEWER, word);
}

/* Places of a page that are looked at: spots, then slots. */
static unsigned int place_offset(unsigned int place)
{
	return place < SPOTS ? spots[place] : SLOT(place - SPOTS + WHO_VIEWER);
}

static unsigned int place_choose(struct viewer *viewer)
{
	if (chance_one_in(&viewer->chance, 2))
		return chance_below(&viewer->chance, SPOTS);
	return chance_below(&viewer->chance, SPOTS +
			    board->options.viewers * VIEWER_THREADS);
}

/* What is half copied is whole soon; what stays broken is broken. */
#define AGAIN	1000

static void try_load(struct viewer *viewer, struct mirror *mirror,
		     unsigned long i)
{
	unsigned int place = place_choose(viewer), tries;
	const char *at = mirror->at + i * PAGE + place_offset(place);
	struct look look;
	uint64_t word = 0;
	int fault;

	for (tries = 0; tries < AGAIN; tries++) {
		look_begin(&look, &mirror->view, mirror->first + i, "load",
			   false);
		fault = guarded_load(at, &word);
		look_end(&look);
		count(LOADS);
		if (fault == SIGSEGV)
			look_violation(&look, "SIGSEGV", 0);
		if (fault)
			return judge_failure(&look, false, fault);
		judge_success(&look, false);
		if (judge_word(&look, place, word))
			return;
		pause_for(100000);
	}
	look_violation(&look, "no word at all", word);
}

static void judge_page(struct look *look, const char *data, bool *whole)
{
	unsigned int place;
	uint64_t word;

	*whole = true;
	for (place = 0; place < SPOTS + WHO_LAST_VIEWER; place++) {
		memcpy(&word, data + place_offset(place), sizeof(word));
		if (!judge_word(look, place, word))
			*whole = false;
	}
}

static void try_read(struct mirror *mirror, unsigned long i)
{
	struct view *view = &mirror->view;
	off_t offset = (view->grant.base + mirror->first + i) * PAGE;
	char data[PAGE];
	unsigned int tries;
	struct look look;
	bool whole;
	ssize_t got;

	for (tries = 0; tries < AGAIN; tries++) {
		look_begin(&look, view, mirror->first + i, "read", true);
		got = pread(view->fd, data, PAGE, offset);
		look_end(&look);
		count(PREADS);
		if (got != PAGE)
			return judge_failure(&look, false, got < 0 ? errno : 0);
		judge_success(&look, false);
		judge_page(&look, data, &whole);
		if (whole)
			return;
		pause_for(100000);
	}
	look_violation(&look, "no words at all", 0);
}

/* Write in our slot; what is known to have been written must stay. */
static void try_write(struct viewer *viewer, struct mirror *mirror,
		      unsigned long i, bool by_call)
{
	struct view *view = &mirror->view;
	unsigned int who = viewer->who;
	off_t offset = mirror->first + i;
	struct look look;
	uint64_t word, next;
	int error = 0;

	look_begin(&look, view, offset, by_call ? "write" : "store", by_call);
	next = ++look.page->next[who];
	word = canary(who, view->grant.owner, look.number, next);
	offset = (view->grant.base + offset) * PAGE + SLOT(who);
	if (!by_call)
		error = guarded_store(mirror->at + i * PAGE + SLOT(who), word);
	else if (pwrite(view->fd, &word, sizeof(word), offset) != sizeof(word))
		error = errno;
	look_end(&look);
	count(by_call ? PWRITES : STORES);
	if (error == SIGSEGV && !by_call)
		look_violation(&look, "SIGSEGV", 0);
	if (error)
		return judge_failure(&look, true, error);
	judge_success(&look, true);
	/* A lie that everybody must notice: more was written than that. */
	next += board->options.lie == 'w';
	if (look.sure)
		atomic_store_explicit(&look.page->slot[who],
				      published(look.state_before, next),
				      memory_order_release);
}

/* Mirrors */

static void mirror_close(struct mirror *mirror)
{
	if (mirror->at)
		munmap(mirror->at, mirror->pages * PAGE);
	mirror->at = NULL;
	if (mirror->view.fd >= 0)
		close(mirror->view.fd);
	mirror->view.fd = -1;
}

/* Open a file that is granted; it may be revoked before we are done. */
static bool view_open(struct viewer *viewer, struct view *view)
{
	struct file *file = &board->file[chance_below(&viewer->chance,
						      board->options.files)];
	uint64_t word = board_load(&file->word);
	char path[256], name[16];
	int flags;

	if ((word & 3) != LIVE)
		return false;
	view->file = file;
	view->serial = word >> 2;
	view->grant = file->grant;
	atomic_thread_fence(memory_order_acquire);
	if (board_load(&file->word) != word)
		return false;
	snprintf(name, sizeof(name), "map-%u", view->grant.number);
	snprintf(path, sizeof(path), "%s/%d/%s",
		 board->options.mounts[view->grant.mount], view->grant.pid,
		 view->grant.number == REMOTEFS_MAP_AS ? "as" : name);
	flags = view->grant.writable < view->grant.writable_end ? O_RDWR :
								  O_RDONLY;
	view->fd = open(path, flags | O_CLOEXEC);
	if (view->fd < 0 && board_load(&file->word) == word)
		violation(NULL, "%s cannot be opened, but is granted: %s%s", path,
			  strerror(errno), kill(view->grant.pid, 0) ?
			  "; its source is no more" : "");
	return view->fd >= 0;
}

static bool mirror_map(struct viewer *viewer, struct mirror *mirror)
{
	struct view *view = &mirror->view;
	unsigned long pages = view->grant.segments * view->grant.pages;
	bool shared = !chance_one_in(&viewer->chance, 4);
	int prot = PROT_READ;

	mirror->first = 0;
	mirror->pages = pages;
	if (chance_one_in(&viewer->chance, 2)) {
		mirror->first = chance_below(&viewer->chance, pages);
		mirror->pages = 1 + chance_below(&viewer->chance,
						 pages - mirror->first);
	}
	mirror->writable = shared &&
			   view->grant.writable < view->grant.writable_end &&
			   !chance_one_in(&viewer->chance, 4);
	if (mirror->writable)
		prot |= PROT_WRITE;
	mirror->hole = mirror->hole_end = 0;
	mirror->locked = mirror->locked_end = 0;
	mirror->parted = false;
	mirror->at = mmap(NULL, mirror->pages * PAGE, prot,
			  shared ? MAP_SHARED : MAP_PRIVATE, view->fd,
			  (view->grant.base + mirror->first) * PAGE);
	if (mirror->at != MAP_FAILED)
		return true;
	mirror->at = NULL;
	if (board_load(&view->file->word) == (view->serial << 2 | LIVE))
		violation(NULL, "a granted file cannot be mapped: %s",
			  strerror(errno));
	return false;
}

static void mirror_renew(struct viewer *viewer, struct mirror *mirror)
{
	mirror_close(mirror);
	if (view_open(viewer, &mirror->view) && mirror_map(viewer, mirror))
		count(MIRRORS);
	else
		mirror_close(mirror);
}

static bool between(unsigned long i, unsigned long first, unsigned long end)
{
	return i >= first && i < end;
}

/* Map again what was unmapped, and give back what was protected. */
static void mirror_mend(struct mirror *mirror)
{
	char *at = mirror->at + mirror->hole * PAGE;
	size_t bytes = (mirror->hole_end - mirror->hole) * PAGE;
	int prot = PROT_READ | (mirror->writable ? PROT_WRITE : 0);

	if (bytes && mmap(at, bytes, prot, MAP_SHARED | MAP_FIXED,
			  mirror->view.fd,
			  (mirror->view.grant.base + mirror->first +
			   mirror->hole) * PAGE) != at)
		return mirror_close(mirror);
	mirror->hole = mirror->hole_end = 0;
	if (mirror->locked != mirror->locked_end)
		mprotect(mirror->at, mirror->pages * PAGE, prot);
	mirror->locked = mirror->locked_end = 0;
}

/* In its place comes what keeps other threads' mappings away. */
static void mirror_punch(struct viewer *viewer, struct mirror *mirror)
{
	size_t bytes;
	char *at;

	mirror->hole = chance_below(&viewer->chance, mirror->pages);
	mirror->hole_end = mirror->hole + 1 +
			   chance_below(&viewer->chance,
					mirror->pages - mirror->hole);
	mirror->parted = true;
	at = mirror->at + mirror->hole * PAGE;
	bytes = (mirror->hole_end - mirror->hole) * PAGE;
	if (mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) != at)
		die("mmap");
}

static void mirror_lock(struct viewer *viewer, struct mirror *mirror)
{
	mirror->locked = chance_below(&viewer->chance, mirror->pages);
	mirror->locked_end = mirror->locked + 1 +
			     chance_below(&viewer->chance,
					  mirror->pages - mirror->locked);
	mirror->parted = true;
	mprotect(mirror->at + mirror->locked * PAGE,
		 (mirror->locked_end - mirror->locked) * PAGE, PROT_READ);
}

static void mirror_move(struct mirror *mirror)
{
	size_t bytes = mirror->pages * PAGE;
	char *to = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);

	if (to == MAP_FAILED)
		die("mmap");
	if (mremap(mirror->at, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
		   to) != to)
		die("mremap");
	mirror->at = to;
}

/* A child has the open files, and not the mirrors. */
static void mirror_fork(struct viewer *viewer, struct mirror *mirror)
{
	pid_t parent = getpid(), child = _Fork();
	int i, status;

	if (child < 0)
		return;
	if (!child) {
		die_with(parent);
		mirror->at = NULL;
		if (!mirror_map(viewer, mirror))
			_exit(0);
		for (i = 0; i < 64 && !stopped(); i++) {
			unsigned long at = chance_below(&viewer->chance,
							mirror->pages);

			try_load(viewer, mirror, at);
			try_read(mirror, at);
		}
		_exit(0);
	}
	count(FORKS);
	if (chance_one_in(&viewer->chance, 2))
		kill(child, SIGKILL);
	if (waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	    WEXITSTATUS(status) && !stopped())
		violation(NULL, "a viewer's child ended with status %#x",
			  status);
}

static void mirror_change(struct viewer *viewer, struct mirror *mirror)
{
	switch (chance_below(&viewer->chance, 8)) {
	case 0:
		mirror_punch(viewer, mirror);
		break;
	case 1:
		mirror_lock(viewer, mirror);
		break;
	case 2:
	case 3:
		if (!mirror->parted)
			mirror_move(mirror);
		break;
	case 4:
		mirror_fork(viewer, mirror);
		break;
	default:
		mirror_renew(viewer, mirror);
	}
}

/* One access at page @i of the mirror. */
static void mirror_access(struct viewer *viewer, struct mirror *mirror,
			  unsigned long i)
{
	const struct grant *grant = &mirror->view.grant;
	bool mapped = !between(i, mirror->hole, mirror->hole_end);
	/* A word for one page must not come to lie in another. */
	bool write = grant->writable < grant->writable_end && !grant->remade;

	switch (chance_below(&viewer->chance, 16)) {
	case 0:
		try_read(mirror, i);
		break;
	case 1:
		if (write)
			try_write(viewer, mirror, i, true);
		break;
	case 2 ... 6:
		if (write && mirror->writable && mapped &&
		    !between(i, mirror->locked, mirror->locked_end))
			try_write(viewer, mirror, i, false);
		break;
	default:
		if (mapped)
			try_load(viewer, mirror, i);
	}
}

#define ACCESSES	64	/* of a mirror, before the next one's turn */

static void mirror_use(struct viewer *viewer, struct mirror *mirror)
{
	bool in_turn = chance_one_in(&viewer->chance, 2);
	unsigned long i = chance_below(&viewer->chance, mirror->pages);
	int n;

	for (n = 0; n < ACCESSES && !stopped(); n++) {
		mirror_access(viewer, mirror, i);
		i = in_turn ? (i + 1) % mirror->pages :
			      chance_below(&viewer->chance, mirror->pages);
	}
}

static void viewer_turn(struct viewer *viewer)
{
	struct mirror *mirror =
		&viewer->mirror[chance_below(&viewer->chance, EACH_MIRRORS)];

	if (!mirror->at)
		mirror_renew(viewer, mirror);
	if (!mirror->at) {
		pause_for(1000000);
		return;
	}
	mirror_use(viewer, mirror);
	if (mirror->hole != mirror->hole_end ||
	    mirror->locked != mirror->locked_end)
		mirror_mend(mirror);
	else if (chance_one_in(&viewer->chance, 8))
		mirror_change(viewer, mirror);
}

static void *viewer_thread(void *data)
{
	struct viewer *viewer = data;

	worker_begin(viewer->worker, "viewer");
	while (!stopped()) {
		viewer_turn(viewer);
		beat(viewer->worker);
	}
	worker_end(viewer->worker);
	return NULL;
}

static void __attribute__((noreturn))
viewer_main(unsigned int number, unsigned int life)
{
	static struct viewer viewers[VIEWER_THREADS];
	pthread_t thread;
	unsigned int i, m;

	escape_prepare();
	for (i = VIEWER_THREADS; i--;) {
		viewers[i].worker = WORK_VIEWER + number * VIEWER_THREADS + i;
		viewers[i].who = WHO_VIEWER + number * VIEWER_THREADS + i;
		for (m = 0; m < EACH_MIRRORS; m++)
			viewers[i].mirror[m].view.fd = -1;
		chance_begin(&viewers[i].chance, board->options.seed,
			     life * 64 + viewers[i].worker);
		if (i &&
		    pthread_create(&thread, NULL, viewer_thread, &viewers[i]))
			die("pthread_create");
	}
	viewer_thread(&viewers[0]);
	/* The other threads end by themselves, unless one is stuck. */
	pthread_exit(NULL);
}

#endif
