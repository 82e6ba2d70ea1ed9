/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations of i-inject.c: what each does, what it needs before, and how
 * it is undone.  A mount at @mnt is all that there is in the beginning.
 */
#ifndef I_OPERATIONS_H
#define I_OPERATIONS_H

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/remotefs.h>

#define PAGE 4096UL
#define HUGE (2UL << 20)
/* As many as a page table maps, which is the largest window. */
#define PAGES 512
#define BYTES (PAGES * PAGE)

static const char *mnt;
static char directory[256], path[300], other[256];
static int control, session = -1, mem, made = -1, file = -1;
static int ends[2];
/* The source's memory, and room for what is read of it. */
static char *memory, *mirror, *buffer;
static __u32 number;

/* With an errno whatever went wrong. */
static bool check(long result)
{
	if (result >= 0)
		return true;
	if (!errno)
		errno = EPROTO;
	return false;
}

/* Control */

static bool run_control(void)
{
	snprintf(other, sizeof(other), "%s/control", mnt);
	made = open(other, O_RDWR);
	return check(made);
}

static void undo_close(void)
{
	close(made);
	made = -1;
}

static bool attach(int proof, __u32 flags)
{
	struct remotefs_attach_args args = {
		.size = sizeof(args),
		.flags = flags,
		.mem_fd = proof,
		.pid = proof < 0 ? 0 : getpid(),
	};

	made = ioctl(control, REMOTEFS_IOC_ATTACH, &args);
	return check(made);
}

static bool run_attach_self(void)
{
	return attach(-1, 0);
}

static bool run_attach_mem(void)
{
	return attach(mem, 0);
}

static bool run_attach_ephemeral(void)
{
	return attach(mem, REMOTEFS_ATTACH_EPHEMERAL);
}

static bool map(__u32 flags, __u32 map_number, __u64 offset, __u64 length)
{
	struct remotefs_map_args args = {
		.size = sizeof(args),
		.flags = flags,
		.map = map_number,
		.address = length ? (unsigned long)memory : 0,
		.offset = offset,
		.length = length,
	};
	bool done = check(ioctl(session, REMOTEFS_IOC_MAP, &args));

	number = args.map;
	return done;
}

static void name_file(void)
{
	if (number == REMOTEFS_MAP_AS)
		snprintf(path, sizeof(path), "%s/as", directory);
	else
		snprintf(path, sizeof(path), "%s/map-%u", directory, number);
}

static bool run_map_new(void)
{
	return map(REMOTEFS_MAP_NEW | REMOTEFS_MAP_WRITE, 0, 0, BYTES);
}

static bool run_map_zero(void)
{
	return map(REMOTEFS_MAP_NEW | REMOTEFS_MAP_ZERO, 0, 0, BYTES);
}

static void undo_map(void)
{
	name_file();
	if (unlink(path))
		err(1, "%s", path);
}

/* The first file of a source has a directory made for it. */
static void undo_map_first(void)
{
	if (rmdir(directory))
		err(1, "%s", directory);
}

static bool run_map_whole(void)
{
	return map(REMOTEFS_MAP_NEW | REMOTEFS_MAP_WHOLE, 0, 0, 0);
}

static __u32 base;	/* the number of the file that the rest is about */

static bool run_map_more(void)
{
	return map(REMOTEFS_MAP_WRITE, base, BYTES, PAGE);
}

static bool run_unmap(void)
{
	struct remotefs_unmap_args args = {
		.size = sizeof(args), .map = base, .offset = BYTES, .length = PAGE,
	};

	return check(ioctl(session, REMOTEFS_IOC_UNMAP, &args));
}

static void undo_map_more(void)
{
	if (!run_unmap())
		err(1, "unmap");
}

static void must_map_more(void)
{
	if (!run_map_more())
		err(1, "map");
}

/* The file to be allowed is made read-only, and goes with what was allowed. */
static void must_map_readonly(void)
{
	if (!map(REMOTEFS_MAP_NEW, 0, 0, PAGE))
		err(1, "map");
}

/* Where nothing is, so that FIXED says EEXIST if a command has left something. */
static char *room(void)
{
	static char *at;

	if (!at) {
		at = mmap(NULL, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (at == MAP_FAILED || munmap(at, BYTES))
			err(1, "room");
	}
	return at;
}

static bool command(__u32 what, __u32 flags, char *at)
{
	struct remotefs_remote_args args = {
		.size = sizeof(args),
		.command = what,
		.flags = flags,
		.prot = what == REMOTEFS_REMOTE_MMAP ? PROT_READ | PROT_WRITE : 0,
		.address = (unsigned long)at,
		.length = BYTES,
	};
	bool done = check(ioctl(session, REMOTEFS_IOC_REMOTE, &args));

	number = args.out_map;
	return done;
}

static bool run_remote_map(void)
{
	return command(REMOTEFS_REMOTE_MMAP, REMOTEFS_REMOTE_FIXED, room());
}

static bool run_remote_expose(void)
{
	return command(REMOTEFS_REMOTE_MMAP, REMOTEFS_REMOTE_FIXED | REMOTEFS_REMOTE_EXPOSE,
		       room());
}

static bool run_remote_unmap(void)
{
	return command(REMOTEFS_REMOTE_MUNMAP, 0, room());
}

static bool run_remote_discard(void)
{
	return command(REMOTEFS_REMOTE_DISCARD, 0, memory);
}

static void undo_remote_map(void)
{
	if (munmap(room(), BYTES))
		err(1, "munmap");
}

static void undo_remote_expose(void)
{
	undo_map();
	undo_remote_map();
}

/* It is found before anything is to fail. */
static void must_have_room(void)
{
	room();
}

static void must_remote_map(void)
{
	if (!run_remote_map())
		err(1, "a remote map");
}

static bool run_allow(void)
{
	struct remotefs_allow_args args = {
		.size = sizeof(args), .map = number, .length = PAGE,
	};

	return check(ioctl(session, REMOTEFS_IOC_ALLOW, &args));
}

/* Names */

static void must_map_new(void)
{
	if (!run_map_new())
		err(1, "map");
	name_file();
}

static void name_base(void)
{
	number = base;
	name_file();
}

static bool run_unlink(void)
{
	return check(unlink(path));
}

static bool run_rmdir(void)
{
	return check(rmdir(directory));
}

static bool run_stat(void)
{
	struct stat stat_buffer;

	return check(stat(path, &stat_buffer)) &&
	       stat_buffer.st_size == (off_t)BYTES;
}

static bool run_list(void)
{
	char entries[1024];

	lseek(made, 0, SEEK_SET);
	return check(getdents64(made, entries, sizeof(entries)));
}

static void open_directory(void)
{
	made = open(directory, O_RDONLY | O_DIRECTORY);
}

static void open_root(void)
{
	made = open(mnt, O_RDONLY | O_DIRECTORY);
}

static bool run_mount(void)
{
	return check(mount("none", other, "remotefs", 0, "max_maps=7"));
}

static bool run_umount(void)
{
	return check(umount(other));
}

static void undo_mount(void)
{
	if (umount(other))
		err(1, "%s", other);
}

static void name_mount(void)
{
	snprintf(other, sizeof(other), "%s.other", mnt);
	mkdir(other, 0700);
}

static void must_mount(void)
{
	name_mount();
	if (!run_mount())
		err(1, "%s", other);
}

/* Watchers */

static bool run_watch(void)
{
	struct remotefs_watch_args args = { .size = sizeof(args) };

	made = ioctl(session, REMOTEFS_IOC_WATCH, &args);
	return check(made);
}

static bool run_watch_add(void)
{
	struct remotefs_watch_add_args args = {
		.size = sizeof(args),
		.start = (unsigned long)memory,
		.end = (unsigned long)memory + BYTES,
		.cookie = 1,
	};

	return check(ioctl(made, REMOTEFS_IOC_WATCH_ADD, &args));
}

static bool run_watch_del(void)
{
	struct remotefs_watch_del_args args = {
		.size = sizeof(args), .cookie = 1,
	};

	return check(ioctl(made, REMOTEFS_IOC_WATCH_DEL, &args));
}

static void must_watch(void)
{
	if (!run_watch() || fcntl(made, F_SETFL, O_NONBLOCK))
		err(1, "watch");
}

static void must_watch_add(void)
{
	must_watch();
	if (!run_watch_add())
		err(1, "watch-add");
}

/* What happens is told, for want of whatever memory. */
static bool run_watch_told(void)
{
	struct remotefs_event events[2];
	ssize_t bytes;

	if (madvise(memory, PAGE, MADV_DONTNEED))
		return false;
	bytes = read(made, events, sizeof(events));
	if (bytes != sizeof(events) ||
	    events[0].type != REMOTEFS_EVENT_INVALIDATED ||
	    events[1].type != REMOTEFS_EVENT_EMPTY)
		errx(1, "read gave %zd", bytes);
	return true;
}

static bool run_watch_signal(void)
{
	return check(fcntl(made, F_SETFL, O_NONBLOCK | O_ASYNC));
}

static bool run_watch_page(void)
{
	mirror = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, made, 0);
	return check(mirror == MAP_FAILED ? -1 : 0);
}

static void undo_watch_page(void)
{
	munmap(mirror, PAGE);
	undo_close();
}

/* An open file */

static bool run_open(void)
{
	made = open(path, O_RDWR);
	return check(made);
}

static bool run_open_by_session(void)
{
	struct remotefs_open_args args = {
		.size = sizeof(args),
		.flags = REMOTEFS_OPEN_WRITE,
		.map = base,
	};

	made = ioctl(session, REMOTEFS_IOC_OPEN, &args);
	return check(made);
}

/* An ephemeral session with a file of its own and a range in another's. */
static void must_map_in_session(void)
{
	int keeper = session;

	if (!run_attach_ephemeral())
		err(1, "attach");
	session = made;
	if (!map(0, base, BYTES, BYTES) || !run_map_new())
		err(1, "map");
	session = keeper;
}

/* What was made is gone: nothing that fails keeps it. */
static bool run_end_of_session(void)
{
	struct remotefs_range_args range = {
		.size = sizeof(range),
		.offset = BYTES,
	};
	bool done = !close(made);

	made = -1;
	name_file();
	return done && access(path, F_OK) &&
	       ioctl(file, REMOTEFS_IOC_RANGE, &range);
}

static bool run_info(void)
{
	struct remotefs_info_args args = { .size = sizeof(args) };

	return check(ioctl(file, REMOTEFS_IOC_INFO, &args));
}

static bool run_range(void)
{
	struct remotefs_range_args args = { .size = sizeof(args) };

	return check(ioctl(file, REMOTEFS_IOC_RANGE, &args));
}

static bool run_seek_data(void)
{
	return check(lseek(file, 0, SEEK_DATA));
}

static bool run_seek_hole(void)
{
	return check(lseek(file, 0, SEEK_HOLE));
}

/* What a call that may be short has moved must be right. */
static bool moved(ssize_t bytes, size_t wanted, char byte)
{
	ssize_t i;

	for (i = 0; i < bytes; i++)
		if (buffer[i] != byte)
			errx(1, "byte %zd is %02x", i, buffer[i]);
	return check(bytes) && (size_t)bytes <= wanted && bytes;
}

static bool run_read(void)
{
	memset(buffer, 'x', BYTES);
	return moved(pread(file, buffer, BYTES, 0), BYTES, 'm');
}

static void fill_memory(void)
{
	memset(memory, 'm', BYTES);
}

static void discard_memory(void)
{
	if (madvise(memory, BYTES, MADV_DONTNEED))
		err(1, "madvise");
}

static bool run_read_untouched(void)
{
	memset(buffer, 'x', BYTES);
	return moved(pread(file, buffer, BYTES, 0), BYTES, 0);
}

static bool run_write(void)
{
	ssize_t bytes, i;

	memset(buffer, 'm', BYTES);
	bytes = pwrite(file, buffer, 16 * PAGE, 0);
	for (i = 0; i < bytes; i++)
		if (memory[i] != 'm')
			errx(1, "byte %zd was not written", i);
	return check(bytes);
}

static void drain(void)
{
	while (read(ends[0], buffer, BYTES) > 0)
		;
}

static bool run_to_pipe(void)
{
	loff_t at = 0;
	ssize_t bytes = splice(file, &at, ends[1], NULL, 4 * PAGE, 0);

	if (!check(bytes))
		return false;
	return moved(read(ends[0], buffer, bytes), 4 * PAGE, 'm');
}

static void fill_pipe(void)
{
	drain();
	memset(buffer, 'm', BYTES);
	if (write(ends[1], buffer, 4 * PAGE) < 0)
		err(1, "pipe");
}

static bool run_from_pipe(void)
{
	loff_t at = 0;

	return check(splice(ends[0], NULL, file, &at, 4 * PAGE, 0));
}

/* Mirrors */

static sigjmp_buf fault_return;

static void on_fault(int signal)
{
	(void)signal;
	/* As the errno table has it: there is none for a mapped access. */
	errno = ENOMEM;
	siglongjmp(fault_return, 1);
}

static bool run_mmap(void)
{
	mirror = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	return check(mirror == MAP_FAILED ? -1 : 0);
}

static void undo_mmap(void)
{
	munmap(mirror, BYTES);
}

static void must_mmap(void)
{
	if (!run_mmap())
		err(1, "mmap");
}

static void must_mmap_present(void)
{
	fill_memory();
	must_mmap();
}

static void must_mmap_untouched(void)
{
	discard_memory();
	must_mmap();
}

/* Memory that was never looked at: nothing of it is subscribed. */
static void map_anew(void)
{
	if (mmap(memory, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) != memory || madvise(memory, BYTES, MADV_NOHUGEPAGE))
		err(1, "mmap");
	fill_memory();
}

static void must_mmap_anew(void)
{
	map_anew();
	must_mmap();
}

/* The kernel places the mirror where its huge pages and the source's meet. */
static void must_mmap_huge(void)
{
	discard_memory();
	if (madvise(memory, BYTES, MADV_HUGEPAGE))
		err(1, "madvise");
	must_mmap_present();
}

static void undo_mmap_huge(void)
{
	undo_mmap();
	discard_memory();
	if (madvise(memory, BYTES, MADV_NOHUGEPAGE))
		err(1, "madvise");
	fill_memory();
}

static bool access_each(size_t pages, char expected, bool store)
{
	volatile char *at = mirror;
	size_t i;

	if (sigsetjmp(fault_return, 1))
		return false;
	for (i = 0; i < pages; i++) {
		if (store)
			at[i * PAGE] = 's';
		else if (at[i * PAGE] != expected)
			errx(1, "page %zu shows %02x", i, at[i * PAGE]);
		if (store && memory[i * PAGE] != 's')
			errx(1, "page %zu was not stored", i);
	}
	return true;
}

static bool run_load(void)
{
	return access_each(1, 'm', false);
}

static bool run_load_untouched(void)
{
	return access_each(1, 0, false);
}

static bool run_store(void)
{
	return access_each(1, 0, true);
}

static bool run_scan(void)
{
	return access_each(PAGES, 'm', false);
}

/* Each page is allocated: few will do. */
static bool run_store_some(void)
{
	return access_each(4, 0, true);
}

/* What allocates in the kernel: must it, and may it fail for that? */
#define SOME	1	/* at least one allocation */
#define NEVER	2	/* no failure is handed on */

static const struct operation {
	const char *name;
	int rules;
	bool (*run)(void);
	void (*undo)(void);
	void (*prepare)(void);
} operations[] = {
	{ "control", SOME, run_control, undo_close, NULL },
	{ "attach-self", SOME, run_attach_self, undo_close, NULL },
	{ "attach-mem", SOME, run_attach_mem, undo_close, NULL },
	{ "attach-ephemeral", SOME, run_attach_ephemeral, undo_close, NULL },
	{ "map-first", SOME, run_map_new, undo_map_first, NULL },
	{ "map-new", SOME, run_map_new, undo_map, NULL },
	{ "map-zero", SOME, run_map_zero, undo_map, NULL },
	{ "map-more", SOME, run_map_more, undo_map_more, NULL },
	{ "map-whole", SOME, run_map_whole, undo_map, NULL },
	{ "allow", SOME, run_allow, undo_map, must_map_readonly },
	{ "unmap", NEVER, run_unmap, NULL, must_map_more },
	{ "remote-map", SOME, run_remote_map, undo_remote_map, must_have_room },
	{ "remote-expose", SOME, run_remote_expose, undo_remote_expose,
	  must_have_room },
	{ "remote-unmap", SOME, run_remote_unmap, NULL, must_remote_map },
	{ "remote-discard", NEVER, run_remote_discard, fill_memory, fill_memory },
	{ "unlink", SOME, run_unlink, NULL, must_map_new },
	{ "rmdir", SOME, run_rmdir, NULL, must_map_new },
	{ "stat", SOME, run_stat, NULL, name_base },
	{ "list", 0, run_list, undo_close, open_directory },
	{ "list-root", 0, run_list, undo_close, open_root },
	{ "mount", SOME, run_mount, undo_mount, name_mount },
	{ "umount", SOME, run_umount, NULL, must_mount },
	{ "open", SOME, run_open, undo_close, name_base },
	{ "open-by-session", SOME, run_open_by_session, undo_close, NULL },
	{ "end-of-session", NEVER, run_end_of_session, NULL, must_map_in_session },
	{ "watch", SOME, run_watch, undo_close, NULL },
	{ "watch-add", SOME, run_watch_add, undo_close, must_watch },
	{ "watch-del", NEVER, run_watch_del, undo_close, must_watch_add },
	{ "watch-told", NEVER, run_watch_told, undo_close, must_watch_add },
	{ "watch-signal", SOME, run_watch_signal, undo_close, must_watch_add },
	{ "watch-page", SOME, run_watch_page, undo_watch_page, must_watch_add },
	{ "info", NEVER, run_info, NULL, NULL },
	{ "range", NEVER, run_range, NULL, NULL },
	{ "seek-data", NEVER, run_seek_data, NULL, fill_memory },
	{ "seek-hole", NEVER, run_seek_hole, NULL, fill_memory },
	{ "read", 0, run_read, NULL, fill_memory },
	{ "read-untouched", 0, run_read_untouched, fill_memory, discard_memory },
	{ "write", 0, run_write, NULL, fill_memory },
	{ "write-untouched", SOME, run_write, fill_memory, discard_memory },
	{ "to-pipe", SOME, run_to_pipe, drain, fill_memory },
	{ "from-pipe", SOME, run_from_pipe, drain, fill_pipe },
	{ "read-first", SOME, run_read, NULL, map_anew },
	{ "mmap", SOME, run_mmap, undo_mmap, NULL },
	{ "load-first", SOME, run_load, undo_mmap, must_mmap_anew },
	{ "load", SOME, run_load, undo_mmap, must_mmap_present },
	{ "load-untouched", SOME, run_load_untouched, undo_mmap, must_mmap_untouched },
	{ "store", SOME, run_store, undo_mmap, must_mmap_present },
	{ "store-untouched", SOME, run_store, undo_mmap, must_mmap_untouched },
	{ "scan", SOME, run_scan, undo_mmap, must_mmap_present },
	{ "scan-storing", SOME, run_store_some, undo_mmap, must_mmap_untouched },
	{ "huge-load", SOME, run_load, undo_mmap_huge, must_mmap_huge },
	{ "huge-store", SOME, run_store, undo_mmap_huge, must_mmap_huge },
};

/* Aligned to a huge page, and each page there already. */
static char *area(void)
{
	char *at = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		err(1, "mmap");
	at = (char *)(((unsigned long)at + HUGE - 1) & ~(HUGE - 1));
	madvise(at, BYTES, MADV_NOHUGEPAGE);
	memset(at, 'm', BYTES);
	return at;
}

/* What an operation is about: nothing yet, a session, or a file as well. */
static void set_stage(const char *name)
{
	if (session < 0 && strcmp(name, "control") &&
	    strncmp(name, "attach", 6) && strncmp(name, "mount", 5) &&
	    strncmp(name, "umount", 6)) {
		attach(mem, 0);
		session = made;
		if (session < 0)
			err(1, "attach");
	}
	if (session < 0 || file >= 0 || !strcmp(name, "map-first") ||
	    !strcmp(name, "rmdir"))
		return;
	if (!run_map_new())
		err(1, "map");
	base = number;
	name_file();
	file = open(path, O_RDWR);
	if (file < 0)
		err(1, "%s", path);
}

/* Once, for all operations. */
static void begin(void)
{
	snprintf(path, sizeof(path), "%s/control", mnt);
	control = open(path, O_RDWR);
	mem = open("/proc/self/mem", O_RDWR);
	if (control < 0 || mem < 0 || pipe2(ends, O_NONBLOCK))
		err(1, "%s", mnt);
	snprintf(directory, sizeof(directory), "%s/%d", mnt, getpid());
	memory = area();
	buffer = area();
	signal(SIGBUS, on_fault);
}

#endif
