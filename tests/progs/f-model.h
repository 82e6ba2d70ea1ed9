/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzer has open, and, where it is alone, what must be true: the
 * memory of each source page by page, its map files with their ranges, and what
 * was ever granted for writing.  The model is compared with what the filesystem
 * says: so a call that fails changes nothing, and one that succeeds changes
 * what it says.
 *
 * With many threads only the descriptors are known, each with its source.
 */
#ifndef F_MODEL_H
#define F_MODEL_H

#include <dirent.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "f-source.h"

#define MAX_FILES	256
#define MAX_RANGES	20	/* of a file */
#define KIND_SLOTS	12	/* descriptors of a kind */
#define MIRRORS		12
#define MAX_SESSIONS	64
#define MAX_WATCHERS	32
#define MAX_WATCHES	12	/* of a watcher */

/* Kinds of descriptors. */
enum { CONTROL, SESSION, OPENED, MEM, OTHER, WATCHER, KINDS };

/* What a page of a source is. */
enum { ANONYMOUS = 1, HOLE = 2, FOREIGN = 4, MIRRORED = 8, UNKNOWN = 16 };

struct page {
	unsigned char what, protection;	/* index of protections[] */
	bool granted;			/* a viewer may have written there */
};

struct session;

struct range {
	uint64_t offset, address, length;
	uint32_t flags;
	const struct session *ephemeral;	/* with which it ends, if any */
};

struct interval {
	uint64_t offset, length;
};

struct session {
	unsigned int source, life, uid, uses;
	bool writable, locks, ephemeral, exclusive, readonly_mount;
};

struct file {
	unsigned int source, life, number, maker, uid, gid, mode, uses;
	uint64_t size;
	unsigned int state;
	bool used, locked, unmapped, exited;
	struct session *ephemeral;
	struct range range[MAX_RANGES];
	struct interval allowed[MAX_RANGES];
	unsigned int ranges, nr_allowed;
	uint64_t area[REMOTEFS_AREA_SLOTS];
	char label[REMOTEFS_LABEL_MAX + 1];
	int watch;		/* the model's own descriptor */
};

struct watch {
	uint64_t start, end, cookie;
	bool due;		/* a record of it must come */
};

struct watcher {
	unsigned int source, uses, watches;
	struct watch watch[MAX_WATCHES];
	uint64_t generation;
	bool stale;		/* STALE is due */
	bool ended, exited;	/* GONE is, and which of the two */
	bool gone_said;
};

/* A descriptor that the fuzzer has. */
struct slot {
	int fd;
	bool used, readable, writable, append;
	unsigned int kind, source, life, number;
	struct session *session;
	struct file *file;
	struct watcher *watcher;
};

struct mirror {
	char *at;		/* zero if there is none */
	unsigned int pages, source, protection;
	uint64_t offset;
	bool whole, shared, writable;	/* whole: nothing was done to a part */
	struct file *file;
};

static struct {
	pthread_mutex_t lock;
	struct slot slot[KINDS][KIND_SLOTS];
	struct mirror mirror[MIRRORS];
	unsigned int numbers[MAX_SOURCES + 1][8]; /* of files made last */
	int root, readonly;	/* the mount, and a view of it */
	uint64_t task_size, features;
	/* The model proper. */
	struct page page[MAX_SOURCES + 1][PAGES];
	bool directory[MAX_SOURCES + 1], image[MAX_SOURCES + 1];
	struct session session[MAX_SESSIONS];
	struct file file[MAX_FILES];
	struct watcher watcher[MAX_WATCHERS];
	unsigned int life;	/* of the fuzzer itself, which has but one */
} world = { .lock = PTHREAD_MUTEX_INITIALIZER };

static inline bool has_sessions(void)
{
	return world.features & REMOTEFS_FEATURE_SESSION;
}

static inline pid_t pid_of(unsigned int source)
{
	int pid = source == self() ? getpid() : board->source[source].pid;

	return pid > 0 ? pid : 0;
}

static inline unsigned int life_of(unsigned int source)
{
	return source == self() ? 1 : board->source[source].life;
}

static inline bool is_alive(unsigned int source, unsigned int life)
{
	return pid_of(source) && life_of(source) == life;
}

/* Ranges and files */

static inline bool overlaps(uint64_t a, uint64_t a_length, uint64_t b,
			    uint64_t b_length)
{
	return a < b + b_length && b < a + a_length;
}

static inline struct range *file_range(struct file *file, uint64_t offset,
				       uint64_t length)
{
	unsigned int i;

	for (i = 0; i < file->ranges; i++)
		if (overlaps(file->range[i].offset, file->range[i].length,
			     offset, length))
			return &file->range[i];
	return NULL;
}

static inline bool file_allows(const struct file *file, uint64_t offset,
			       uint64_t length)
{
	unsigned int i;

	for (i = 0; i < file->nr_allowed; i++)
		if (overlaps(file->allowed[i].offset, file->allowed[i].length,
			     offset, length))
			return true;
	return false;
}

/* May viewers write this page of the file? */
static inline bool file_admits(struct file *file, uint64_t offset)
{
	struct range *range = file_range(file, offset & ~(PAGE - 1), PAGE);

	return range && (range->flags & REMOTEFS_MAP_WRITE ||
			 file_allows(file, offset & ~(PAGE - 1), PAGE));
}

static inline bool file_has_writable(const struct file *file)
{
	unsigned int i;

	for (i = 0; i < file->ranges; i++)
		if (file->range[i].flags & REMOTEFS_MAP_WRITE)
			return true;
	return file->nr_allowed;
}

static inline struct file *file_find(unsigned int source, unsigned int number)
{
	struct file *file;

	for (file = world.file; file < world.file + MAX_FILES; file++)
		if (file->used && file->source == source &&
		    file->number == number &&
		    file->state == REMOTEFS_STATE_LIVE)
			return file;
	return NULL;
}

static inline unsigned int files_live(unsigned int source)
{
	unsigned int i, n = 0;

	for (i = 0; i < MAX_FILES; i++)
		n += world.file[i].used && world.file[i].source == source &&
		     world.file[i].state == REMOTEFS_STATE_LIVE;
	return n;
}

static inline void file_put(struct file *file)
{
	if (file && !--file->uses)
		file->used = false;
}

static inline struct file *file_new(struct fuzzer *fuzzer)
{
	unsigned int i;

	for (i = 0; i < MAX_FILES; i++) {
		if (world.file[i].used)
			continue;
		world.file[i] = (struct file){ .used = true, .uses = 1,
					       .watch = -1 };
		return &world.file[i];
	}
	violation(fuzzer, "the model has no room for another file");
}

/* Memory */

/* What there is in an interval of a source, or of its address space. */
static inline unsigned int memory_kinds(unsigned int source, uint64_t address,
					uint64_t length)
{
	uint64_t end = address + length, arena = ARENA + source * ARENA_STEP;
	uint64_t zone_end = ARENA + (MAX_SOURCES + 1) * ARENA_STEP, page;
	unsigned int kinds = 0;

	if (address < 16 * PAGE)
		kinds |= HOLE;
	if ((address < ARENA && end > 16 * PAGE) || end > zone_end)
		kinds |= UNKNOWN;
	if (end <= ARENA || address >= zone_end)
		return kinds;
	if (address < arena && end > ARENA)
		kinds |= HOLE;
	if (end > arena + PAGES * PAGE && address < zone_end)
		kinds |= HOLE;
	for (page = 0; page < PAGES; page++)
		if (overlaps(arena + page * PAGE, PAGE, address, length))
			kinds |= world.page[source][page].what;
	return kinds;
}

static inline struct page *memory_page(unsigned int source, uint64_t address)
{
	uint64_t page = (address - (uintptr_t)arena_of(source)) / PAGE;

	return address >= (uintptr_t)arena_of(source) && page < PAGES ?
	       &world.page[source][page] : NULL;
}

/* Is this memory, as far as it is known, to be read, or written? */
static inline bool memory_serves(unsigned int source, uint64_t address,
				 bool write)
{
	struct page *page = memory_page(source, address);

	return page && page->what == ANONYMOUS &&
	       page->protection >= (write ? 2 : 1);
}

static inline void memory_set(unsigned int source, unsigned int first,
			      unsigned int count, unsigned int what,
			      unsigned int protection)
{
	struct page *page = &world.page[source][first];

	for (; count--; page++) {
		page->what = what;
		page->protection = protection;
	}
}

static inline void memory_begin(unsigned int source)
{
	memset(world.page[source], 0, sizeof(world.page[source]));
	memory_set(source, 0, PAGES, ANONYMOUS, 2);
	memory_set(source, FIRST_SHARED, FIRST_HOLE - FIRST_SHARED, FOREIGN, 2);
	memory_set(source, FIRST_HOLE, LAST_HOLE - FIRST_HOLE, HOLE, 0);
	world.image[source] = false;
}

static inline void memory_deed(unsigned int source, const struct deed *deed)
{
	struct page *page = &world.page[source][deed->first];
	unsigned int i;

	switch (deed->what) {
	case DEED_UNMAP:
		memory_set(source, deed->first, deed->count, HOLE, 0);
		break;
	case DEED_MAP:
		memory_set(source, deed->first, deed->count, ANONYMOUS, 2);
		break;
	case DEED_SHARE:
		memory_set(source, deed->first, deed->count, FOREIGN, 2);
		break;
	case DEED_PROTECT:
		/* It does so up to the first hole. */
		for (i = 0; i < deed->count && page[i].what != HOLE; i++)
			if (page[i].what != MIRRORED)
				page[i].protection =
					deed->argument % PROTECTIONS;
		break;
	}
}

/* Pages of the source that an interval of the file shows are granted now. */
static inline void file_grants(struct file *file, uint64_t offset,
			       uint64_t length)
{
	struct range *range;
	uint64_t at, arena = (uintptr_t)arena_of(file->source);
	unsigned int i, page;

	for (i = 0; i < file->ranges; i++) {
		range = &file->range[i];
		for (page = 0; page < PAGES; page++) {
			at = arena + page * PAGE - range->address;
			if (at < range->length &&
			    overlaps(at + range->offset, PAGE, offset, length))
				world.page[file->source][page].granted = true;
		}
	}
}

/* By its file in /proc, where the kernel has no call for it. */
static inline ssize_t peek_file(pid_t pid, uint64_t address, void *to,
				size_t bytes)
{
	ssize_t ret;
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = pread(fd, to, bytes, address);
	close(fd);
	return ret;
}

/* Read a source behind the filesystem's back. */
static inline bool peek(unsigned int source, uint64_t address, void *to,
			size_t bytes)
{
	struct iovec here = { to, bytes }, there = { (void *)address, bytes };
	pid_t pid = pid_of(source);
	ssize_t ret = process_vm_readv(pid, &here, 1, &there, 1, 0);

	if (ret < 0 && errno == ENOSYS)
		ret = peek_file(pid, address, to, bytes);
	return ret == (ssize_t)bytes;
}

static inline void canary_check_page(struct fuzzer *fuzzer, unsigned int source,
				     unsigned int life, unsigned int page)
{
	uint64_t word, address;
	unsigned int spot;

	for (spot = 0; spot < CANARY_SPOTS; spot++) {
		address = (uintptr_t)arena_of(source) + page * PAGE +
			  canary_spots[spot];
		if (board->source[source].ready != life ||
		    !peek(source, address, &word, sizeof(word)) ||
		    !is_alive(source, life))
			continue;
		if (board->options.lie == 'w')
			word ^= 1;
		if (word != canary_of(source, life, page))
			violation(fuzzer, "page %u of source %u was never to be written, and has %#lx at %u",
				  page, source, word, canary_spots[spot]);
	}
}

/*
 * Nobody was ever allowed to write these. With many threads that is sure of the
 * first two sources only; see session_is_harmless().
 */
static inline void canaries_check(struct fuzzer *fuzzer, unsigned int source)
{
	unsigned int life = life_of(source), page;

	/* One that is just being ended is no longer what its life says. */
	if (source == self() || (!strict() && source > 1) ||
	    world.image[source] || life >= LIFE_ENDED)
		return;
	for (page = 0; page < CANARIES; page++)
		if (!strict() || !world.page[source][page].granted)
			canary_check_page(fuzzer, source, life, page);
}

/* Comparing */

static inline void path_of(unsigned int source, unsigned int number, char *path,
			   size_t size)
{
	if (number == REMOTEFS_MAP_AS)
		snprintf(path, size, "%d/as", pid_of(source));
	else
		snprintf(path, size, "%d/map-%u", pid_of(source), number);
}

/* Of the ranges that the file should have, the first that ends after @offset. */
static inline struct range *file_next(struct file *file, uint64_t offset)
{
	struct range *range, *next = NULL;
	unsigned int i;

	for (i = 0; i < file->ranges; i++) {
		range = &file->range[i];
		if (range->offset + range->length > (offset & ~(PAGE - 1)) &&
		    (!next || range->offset < next->offset))
			next = range;
	}
	return next;
}

/* What RANGE says of a range; is it all of it allowed is said by newer kernels. */
static inline void range_check(struct fuzzer *fuzzer, struct file *file,
			       const struct remotefs_range_args *args,
			       const struct range *range)
{
	uint32_t optional = file_allows(file, range->offset, range->length) ?
			    REMOTEFS_MAP_WRITE : 0;

	if (args->offset != range->offset ||
	    args->out_address != range->address ||
	    args->out_length != range->length ||
	    (args->out_flags ^ range->flags) & ~optional)
		violation(fuzzer, "file %u of source %u has a range %#lx+%#lx at %#lx, flags %#x, not %#lx+%#lx at %#lx, flags %#x",
			  file->number, file->source, (long)args->offset,
			  (long)args->out_length, (long)args->out_address,
			  args->out_flags, (long)range->offset,
			  (long)range->length, (long)range->address,
			  range->flags);
}

static inline void info_check(struct fuzzer *fuzzer, struct file *file,
			      const struct remotefs_info_args *args)
{
	pid_t pid = is_alive(file->source, file->life) ?
		    pid_of(file->source) : (pid_t)args->out_pid;

	if (args->out_map != file->number || args->out_state != file->state ||
	    args->out_ranges != file->ranges || args->out_pid != (uint32_t)pid ||
	    args->out_waiters)
		violation(fuzzer, "file %u of source %u: INFO says file %u of %u in state %u with %u ranges and %u waiters, not %u and %u",
			  file->number, file->source, args->out_map,
			  args->out_pid, args->out_state, args->out_ranges,
			  args->out_waiters, file->state, file->ranges);
	if (args->size >= sizeof(*args) && has_sessions() &&
	    !!(args->out_flags & REMOTEFS_INFO_LOCKED) != file->locked)
		violation(fuzzer, "file %u of source %u: INFO says flags %#x",
			  file->number, file->source, args->out_flags);
}

static inline void file_check_ranges(struct fuzzer *fuzzer, struct file *file)
{
	struct remotefs_range_args args = { .size = sizeof(args) };
	struct range *range;
	int error;

	while ((range = file_next(file, args.offset))) {
		if (ioctl(file->watch, REMOTEFS_IOC_RANGE, &args))
			violation(fuzzer, "file %u of source %u: no range at %#lx: %s",
				  file->number, file->source,
				  (long)args.offset, strerror(errno));
		range_check(fuzzer, file, &args, range);
		args.offset += args.out_length;
		args.out_flags = 0;
		args.out_address = args.out_length = 0;
		args.out_mirrored = 0;
	}
	error = ioctl(file->watch, REMOTEFS_IOC_RANGE, &args) ? errno : 0;
	if (error != ENOENT)
		violation(fuzzer, "file %u of source %u: there is a range after %#lx, or %s",
			  file->number, file->source, (long)args.offset,
			  outcome_name(error));
}

/* A live file: is all that it says of itself as it should be? */
static inline void file_check(struct fuzzer *fuzzer, struct file *file)
{
	struct remotefs_info_args args = { .size = sizeof(args) };
	struct stat stat;

	if (fstat(file->watch, &stat) ||
	    ioctl(file->watch, REMOTEFS_IOC_INFO, &args))
		violation(fuzzer, "file %u of source %u: %s", file->number,
			  file->source, strerror(errno));
	info_check(fuzzer, file, &args);
	if ((uint64_t)stat.st_size != file->size ||
	    stat.st_mode != (S_IFREG | file->mode) ||
	    stat.st_uid != file->uid || stat.st_gid != file->gid)
		violation(fuzzer, "file %u of source %u: size %#lx, mode %#o, owner %u:%u, not size %#lx, mode %#o, owner %u:%u",
			  file->number, file->source, stat.st_size,
			  stat.st_mode, stat.st_uid, stat.st_gid, file->size,
			  file->mode, file->uid, file->gid);
	file_check_ranges(fuzzer, file);
}

/* The files of a source, or -1: how many a directory has, each of them known. */
static inline int directory_count(struct fuzzer *fuzzer, unsigned int source)
{
	struct dirent *entry;
	char path[32], end;
	unsigned int n = 0, number;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%d", pid_of(source));
	fd = openat(world.root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	dir = fdopendir(fd);
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		number = REMOTEFS_MAP_AS;
		if ((strcmp(entry->d_name, "as") &&
		     sscanf(entry->d_name, "map-%u%c", &number, &end) != 1) ||
		    !file_find(source, number))
			violation(fuzzer, "source %u has a file %s", source,
				  entry->d_name);
		n++;
	}
	closedir(dir);
	return n;
}

static inline void source_check(struct fuzzer *fuzzer, unsigned int source)
{
	int found, expected = -1;
	unsigned int i;

	if (!pid_of(source))
		return;
	if (world.directory[source])
		expected = files_live(source);
	found = directory_count(fuzzer, source);
	if (found != expected)
		violation(fuzzer, "the directory of source %u has %d entries, not %d",
			  source, found, expected);
	for (i = 0; i < MAX_FILES; i++)
		if (world.file[i].used && world.file[i].source == source &&
		    world.file[i].state == REMOTEFS_STATE_LIVE)
			file_check(fuzzer, &world.file[i]);
	canaries_check(fuzzer, source);
}

static inline void root_check(struct fuzzer *fuzzer)
{
	unsigned int expected = 3, found = 0, i;
	int fd = openat(world.root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);

	for (i = 0; i <= self(); i++)
		expected += world.directory[i];
	while (dir && readdir(dir))
		found++;
	closedir(dir);
	if (found != expected)
		violation(fuzzer, "the root has %u entries, not %u", found,
			  expected);
}

static inline void world_check(struct fuzzer *fuzzer)
{
	unsigned int i;

	root_check(fuzzer);
	for (i = 0; i <= self(); i++)
		source_check(fuzzer, i);
}

/* Files end */

/* The watch is the last to see what a file that has ended says. */
static inline void file_end(struct fuzzer *fuzzer, struct file *file,
			    unsigned int state)
{
	struct remotefs_info_args info = { .size = sizeof(info) };
	struct remotefs_range_args range = { .size = sizeof(range) };
	int expected = state == REMOTEFS_STATE_GONE ? ESRCH : ESTALE, error;
	int64_t end = now() + PATIENCE;

	/* A source's end is told to its files by a worker. */
	do {
		if (ioctl(file->watch, REMOTEFS_IOC_INFO, &info))
			violation(fuzzer, "INFO: %s", strerror(errno));
	} while (info.out_state == REMOTEFS_STATE_LIVE &&
		 state == REMOTEFS_STATE_GONE && now() < end);
	error = ioctl(file->watch, REMOTEFS_IOC_RANGE, &range) ? errno : 0;
	if (info.out_state != state || error != expected)
		violation(fuzzer, "file %u of source %u has ended: state %u, not %u; RANGE: %s",
			  file->number, file->source, info.out_state, state,
			  outcome_name(error));
	close(file->watch);
	file->watch = -1;
	file->state = state;
	file->ephemeral = NULL;
	file_put(file);
}

static inline void files_end(struct fuzzer *fuzzer, unsigned int source,
			     const struct session *ephemeral, unsigned int state)
{
	struct file *file;

	for (file = world.file; file < world.file + MAX_FILES; file++)
		if (file->used && file->source == source &&
		    file->state == REMOTEFS_STATE_LIVE &&
		    (!ephemeral || file->ephemeral == ephemeral))
			file_end(fuzzer, file, state);
}

/* What an ephemeral session has placed in files of others. */
static inline void ranges_end(unsigned int source,
			      const struct session *ephemeral)
{
	struct file *file;
	unsigned int i;

	for (file = world.file; file < world.file + MAX_FILES; file++)
		for (i = 0; file->used && file->source == source &&
			    file->state == REMOTEFS_STATE_LIVE &&
			    i < file->ranges;) {
			if (file->range[i].ephemeral != ephemeral) {
				i++;
				continue;
			}
			file->range[i] = file->range[--file->ranges];
			file->unmapped = true;
		}
}

/* Watchers */

static inline struct watcher *watcher_new(struct fuzzer *fuzzer)
{
	unsigned int i;

	for (i = 0; i < MAX_WATCHERS; i++) {
		if (world.watcher[i].uses)
			continue;
		world.watcher[i] = (struct watcher){ .uses = 1 };
		return &world.watcher[i];
	}
	violation(fuzzer, "the model has no room for another watcher");
}

static inline struct watch *watch_find(struct watcher *watcher, uint64_t cookie)
{
	unsigned int i;

	for (i = 0; i < watcher->watches; i++)
		if (watcher->watch[i].cookie == cookie)
			return &watcher->watch[i];
	return NULL;
}

/* One of its watches, or that all are stale, must be told. */
static inline bool watcher_is_due(const struct watcher *watcher)
{
	unsigned int i;

	for (i = 0; i < watcher->watches; i++)
		if (watcher->watch[i].due)
			return true;
	return watcher->stale;
}

static inline void watcher_settle(struct watcher *watcher)
{
	unsigned int i;

	for (i = 0; i < watcher->watches; i++)
		watcher->watch[i].due = false;
	watcher->stale = false;
}

/* Memory is about to go that is there: that must be told, other deeds may be. */
static inline void watchers_deed(unsigned int source, const struct deed *deed)
{
	struct watcher *watcher;
	unsigned int page, i;
	uint64_t at;

	if (deed->what != DEED_UNMAP && deed->what != DEED_MAP &&
	    deed->what != DEED_SHARE)
		return;
	for (page = deed->first; page < deed->first + deed->count; page++) {
		at = (uintptr_t)arena_of(source) + page * PAGE;
		if (world.page[source][page].what == HOLE)
			continue;
		for (watcher = world.watcher;
		     watcher < world.watcher + MAX_WATCHERS; watcher++)
			for (i = 0; watcher->uses && !watcher->ended &&
				    watcher->source == source &&
				    i < watcher->watches; i++)
				watcher->watch[i].due |=
					at < watcher->watch[i].end &&
					at + PAGE > watcher->watch[i].start;
	}
}

static inline void watchers_end(unsigned int source, bool exited)
{
	struct watcher *watcher;

	for (watcher = world.watcher; watcher < world.watcher + MAX_WATCHERS;
	     watcher++) {
		if (watcher->source != source || watcher->ended)
			continue;
		watcher->ended = true;
		watcher->exited = exited;
	}
}

/* A source's end, by exit or execve. */
static inline void source_ended(struct fuzzer *fuzzer, unsigned int source,
				bool exited)
{
	struct file *file;

	if (!strict())
		return;
	for (file = world.file; file < world.file + MAX_FILES; file++)
		if (file->used && file->source == source &&
		    file->state == REMOTEFS_STATE_LIVE)
			file->exited = exited;
	files_end(fuzzer, source, NULL, REMOTEFS_STATE_GONE);
	watchers_end(source, exited);
	world.directory[source] = false;
}

/* Descriptors */

static inline void session_put(struct fuzzer *fuzzer, struct session *session)
{
	if (!session || --session->uses)
		return;
	if (!session->ephemeral || !is_alive(session->source, session->life))
		return;
	files_end(fuzzer, session->source, session, REMOTEFS_STATE_REVOKED);
	ranges_end(session->source, session);
}

static inline void slot_close(struct fuzzer *fuzzer, struct slot *slot)
{
	if (!slot->used)
		return;
	slot->used = false;
	close(slot->fd);
	session_put(fuzzer, slot->session);
	file_put(slot->file);
	if (slot->watcher)
		slot->watcher->uses--;
}

/* Keep a descriptor, in the place of another. */
static inline void slot_put(struct fuzzer *fuzzer, const struct slot *fresh)
{
	struct slot *slot;

	slot = &world.slot[fresh->kind][chance_below(&fuzzer->chance,
						     KIND_SLOTS)];
	pthread_mutex_lock(&world.lock);
	slot_close(fuzzer, slot);
	*slot = *fresh;
	slot->used = true;
	pthread_mutex_unlock(&world.lock);
}

/* Is there something that it can be used for, as far as that is known? */
static inline bool slot_is_live(const struct slot *slot)
{
	if (slot->kind == CONTROL || slot->kind == OTHER)
		return true;
	return is_alive(slot->source, slot->life) &&
	       (!slot->file || slot->file->state == REMOTEFS_STATE_LIVE);
}

/* As a rule, one that is of use. */
static inline struct slot *slot_pick(struct fuzzer *fuzzer, unsigned int kind)
{
	bool live = !chance_one_in(&fuzzer->chance, 4);
	unsigned int i = chance_below(&fuzzer->chance, KIND_SLOTS), n;
	struct slot *slot, *found = NULL;

	for (n = 0; n < KIND_SLOTS; n++, i = (i + 1) % KIND_SLOTS) {
		slot = &world.slot[kind][i];
		if (!slot->used)
			continue;
		found = slot;
		if (!live || slot_is_live(slot))
			break;
	}
	return found;
}

/*
 * A descriptor to be used and then given back. Another thread may close it
 * meanwhile, and its number come to mean something else: so it is a duplicate.
 */
static inline bool slot_take(struct fuzzer *fuzzer, unsigned int kind,
			     struct slot *taken)
{
	struct slot *slot;

	pthread_mutex_lock(&world.lock);
	slot = slot_pick(fuzzer, kind);
	if (slot) {
		*taken = *slot;
		if (!strict())
			taken->fd = fcntl(slot->fd, F_DUPFD_CLOEXEC, 0);
	}
	pthread_mutex_unlock(&world.lock);
	return slot && taken->fd >= 0;
}

static inline void slot_give(struct slot *taken)
{
	if (!strict())
		close(taken->fd);
}

static inline struct session *session_new(struct fuzzer *fuzzer)
{
	unsigned int i;

	for (i = 0; i < MAX_SESSIONS; i++) {
		if (world.session[i].uses)
			continue;
		world.session[i] = (struct session){ .uses = 1 };
		return &world.session[i];
	}
	violation(fuzzer, "the model has no room for another session");
}

static inline void number_remember(struct fuzzer *fuzzer, unsigned int source,
				   unsigned int number)
{
	world.numbers[source][chance_below(&fuzzer->chance, 8)] = number;
}

/* A source: as a rule one that has files, where that is known. */
static inline unsigned int source_choose(struct fuzzer *fuzzer)
{
	unsigned int source = chance_below(&fuzzer->chance, self() + 1), i;
	bool exposed = !chance_one_in(&fuzzer->chance, 6);

	for (i = 0; strict() && exposed && i <= self() && !files_live(source); i++)
		source = (source + 1) % (self() + 1);
	return source;
}

static inline unsigned int number_recall(struct fuzzer *fuzzer,
					 unsigned int source)
{
	unsigned int n = chance_below(&fuzzer->chance, MAX_FILES), i;
	bool existing = strict() && !chance_one_in(&fuzzer->chance, 8);
	struct file *file;

	for (i = 0; existing && i < MAX_FILES; i++) {
		file = &world.file[(n + i) % MAX_FILES];
		if (file->used && file->source == source &&
		    file->state == REMOTEFS_STATE_LIVE)
			return file->number;
	}
	return world.numbers[source][chance_below(&fuzzer->chance, 8)];
}

#endif
