// SPDX-License-Identifier: GPL-2.0-only
/*
 * b-bench: what remotefs and its peers cost, in instructions.
 *
 *	b-bench MOUNT all|budget|access|scaling|memory|watch|remote
 *
 * For a guest whose virtual nanosecond is one instruction (tests/qemu/run
 * --icount), so that the clock counts instructions of the program and of the
 * kernel together; elsewhere it counts time.  Prints one line "ROW PEER VALUE" for
 * each measurement; what the rows mean is in tests/bench.rows.  "budget" leaves
 * out what has none and takes long; "access" is what viewers do; "scaling" is all,
 * and what one and two threads achieve in one mirror; "memory" is only how many
 * bytes of kernel memory a range takes, as a file of its own and as one of many in
 * a file.
 *
 * A child process is the source.  It makes memory as it is told, and says what
 * changes of that memory cost it; this process is the viewer.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/remotefs.h>

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define SIZE (64UL << 20)
#define PAGES (SIZE / PAGE)
#define CHUNK (256UL << 10)

static const char *mount_point;
static volatile char sink;

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000UL + time.tv_nsec;
}

/* Since @start, for each of @nr things, in tenths. */
static void row(const char *name, const char *peer, uint64_t start, unsigned long nr)
{
	printf("%s %s %.1f\n", name, peer, (double)(now() - start) / nr);
	fflush(stdout);
}

static void *must(void *memory)
{
	if (memory == MAP_FAILED)
		err(1, "mmap");
	return memory;
}

static void check(bool good, const char *what)
{
	if (!good)
		err(1, "%s", what);
}

/* The source: a child, which is told by one pipe and answers by another. */

struct order {
	char what;	/* see source_obey() */
	bool huge;
};

struct answer {
	uint64_t address;
	uint64_t cost;
};

static int orders[2], answers[2];
static pid_t source;
static char *area;	/* in the source */

/* Aligned, and of huge pages or of none. */
static char *make_area(size_t size, bool huge)
{
	char *at = must(mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));

	at = (char *)(((unsigned long)at + HUGE - 1) & ~(HUGE - 1));
	check(!madvise(at, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE), "madvise");
	return at;
}

static uint64_t discard(char *at, size_t step)
{
	uint64_t start = now();

	for (size_t offset = 0; offset < SIZE; offset += step)
		check(!madvise(at + offset, step, MADV_DONTNEED), "madvise");
	return now() - start;
}

/*
 * m: new memory, filled; d: discard all of it at once; p: page by page; o: page
 * by page memory that nobody exposes; each is filled again. v: let it be 10,000
 * VMAs, which can be done once.
 */
static struct answer source_obey(struct order order)
{
	static char *mine, *other;
	struct answer answer = { };

	if (order.what == 'm') {
		if (mine)
			munmap(mine, SIZE);
		mine = make_area(SIZE, order.huge);
		if (!other) {
			other = make_area(SIZE, false);
			memset(other, 'o', SIZE);
		}
	}
	if (order.what == 'd')
		answer.cost = discard(mine, SIZE);
	if (order.what == 'p')
		answer.cost = discard(mine, PAGE);
	if (order.what == 'o') {
		answer.cost = discard(other, PAGE);
		memset(other, 'o', SIZE);
	}
	memset(mine, 's', SIZE);
	for (size_t i = 0; order.what == 'v' && i < 10000; i += 2)
		check(!mprotect(mine + i * PAGE, PAGE, PROT_READ), "mprotect");
	answer.address = (unsigned long)mine;
	return answer;
}

static void source_run(void)
{
	struct order order;
	struct answer answer;

	while (read(orders[0], &order, sizeof(order)) == sizeof(order)) {
		answer = source_obey(order);
		if (write(answers[1], &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(0);
}

static void source_start(void)
{
	check(!pipe(orders) && !pipe(answers), "pipe");
	source = fork();
	check(source >= 0, "fork");
	if (!source) {
		close(orders[1]);
		source_run();
	}
	close(orders[0]);
}

static uint64_t tell(char what, bool huge)
{
	struct order order = { .what = what, .huge = huge };
	struct answer answer;

	check(write(orders[1], &order, sizeof(order)) == sizeof(order) &&
	      read(answers[0], &answer, sizeof(answer)) == sizeof(answer), "the source");
	area = (char *)answer.address;
	return answer.cost;
}

/* remotefs */

static int session_of(pid_t pid)
{
	struct remotefs_attach_args args = { .size = sizeof(args), .pid = pid };
	char path[64];
	int control, session;

	snprintf(path, sizeof(path), "%s/control", mount_point);
	control = open(path, O_RDWR);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	args.mem_fd = open(path, O_RDWR);
	session = ioctl(control, REMOTEFS_IOC_ATTACH, &args);
	check(session >= 0, "ATTACH");
	close(control);
	close(args.mem_fd);
	return session;
}

static unsigned int expose(int session, char *at, size_t size)
{
	struct remotefs_map_args args = {
		.size = sizeof(args),
		.flags = REMOTEFS_MAP_NEW | REMOTEFS_MAP_WRITE,
		.address = (unsigned long)at,
		.length = size,
	};

	check(!ioctl(session, REMOTEFS_IOC_MAP, &args), "MAP");
	return args.map;
}

static char *map_path(unsigned int number)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%d/map-%u", mount_point, source, number);
	return path;
}

/* A file of all of the source's area, made anew. */
static int file_new(char what, bool huge)
{
	int session = session_of(source), file;
	static unsigned int last;
	static bool any;

	if (any)
		unlink(map_path(last));
	tell(what, huge);
	last = expose(session, area, SIZE);
	any = true;
	file = open(map_path(last), O_RDWR);
	check(file >= 0, "open");
	close(session);
	return file;
}

static char *mirror(int file)
{
	return must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
}

/* Rows */

static void read_pages(const char *name, const char *peer, char *at)
{
	uint64_t start = now();

	for (size_t offset = 0; offset < SIZE; offset += PAGE)
		sink = ((volatile char *)at)[offset];
	row(name, peer, start, PAGES);
}

/*
 * One page in each huge one, often: there are few of them. The least counts, for
 * where page tables come from differs from time to time, by some 3 %.
 */
static void read_sparse(const char *peer, int file)
{
	uint64_t cost, least = UINT64_MAX, start;
	char *at;

	for (int i = 0; i < 16; i++) {
		at = mirror(file);
		start = now();
		for (size_t offset = 0; offset < SIZE; offset += HUGE)
			sink = ((volatile char *)at)[offset];
		cost = now() - start;
		least = cost < least ? cost : least;
		munmap(at, SIZE);
	}
	printf("sparse-read %s %.1f\n", peer, (double)least / (SIZE / HUGE));
}

static void write_pages(const char *name, const char *peer, char *at)
{
	uint64_t start = now();

	for (size_t offset = 0; offset < SIZE; offset += PAGE)
		((volatile char *)at)[offset] = 'w';
	row(name, peer, start, PAGES);
}

static void unmap(const char *name, const char *peer, char *at)
{
	uint64_t start = now();

	munmap(at, SIZE);
	row(name, peer, start, PAGES);
}

static char *buffer;

/* As programs do: a buffer that is not so large that memcpy() takes other ways. */
static void copy_all(const char *at)
{
	for (size_t offset = 0; offset < SIZE; offset += CHUNK)
		memcpy(buffer + offset, at + offset, CHUNK);
}

static void warm_pass(const char *peer, char *at)
{
	uint64_t start;

	copy_all(at);
	start = now();
	copy_all(at);
	row("warm-pass", peer, start, PAGES);
}

static int memfd_new(void)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);
	char *at;

	check(fd >= 0 && !ftruncate(fd, SIZE), "memfd_create");
	at = mirror(fd);
	memset(at, 'm', SIZE);
	munmap(at, SIZE);
	return fd;
}

/* Closes the file. */
static void touch_file(const char *peer, int file)
{
	char *at = mirror(file);

	read_pages("first-read", peer, at);
	warm_pass(peer, at);
	unmap("munmap", peer, at);
	at = mirror(file);
	write_pages("first-write", peer, at);
	munmap(at, SIZE);
	read_sparse(peer, file);
	close(file);
}

/* Touching memory by mapping it: what the kernel has of its own, and ours. */
static void bench_touch(void)
{
	char *local = make_area(SIZE, false), *at;
	int file;

	write_pages("first-write", "local", local);
	read_pages("first-read", "local", local);
	warm_pass("local", local);
	munmap(local, SIZE);

	touch_file("memfd", memfd_new());
	touch_file("remotefs", file_new('m', false));

	file = file_new('m', true);
	at = mirror(file);
	read_pages("first-read-huge", "remotefs", at);
	munmap(at, SIZE);
	close(file);
}

/* A second viewer of what another has mapped already. */
static void bench_second(void)
{
	int file = file_new('m', false), second = dup(file);
	char *one = mirror(file), *two;

	for (size_t offset = 0; offset < SIZE; offset += PAGE)
		sink = one[offset];
	two = mirror(second);
	read_pages("second-viewer", "remotefs", two);
	munmap(one, SIZE);
	munmap(two, SIZE);
	close(second);
	close(file);
}

static void copy_reads(const char *name, const char *peer, int fd, off_t from, size_t chunk)
{
	uint64_t start = now();

	for (size_t offset = 0; offset < SIZE; offset += chunk)
		check(pread(fd, buffer + offset, chunk, from + offset) == (ssize_t)chunk, peer);
	row(name, peer, start, PAGES);
}

/* The least of three times: pages of what was measured before are freed meanwhile. */
static void copy_writes(int fd)
{
	uint64_t cost, least = UINT64_MAX;

	for (int i = 0; i < 3; i++) {
		cost = now();
		for (size_t offset = 0; offset < SIZE; offset += 1 << 20)
			check(pwrite(fd, buffer, 1 << 20, offset) == 1 << 20, "pwrite");
		cost = now() - cost;
		least = cost < least ? cost : least;
	}
	printf("pwrite-1m remotefs %.1f\n", (double)least / PAGES);
}

static void copy_vm(const char *name, size_t chunk)
{
	uint64_t start = now();

	for (size_t offset = 0; offset < SIZE; offset += chunk) {
		struct iovec here = { buffer + offset, chunk }, there = { area + offset, chunk };

		check(process_vm_readv(source, &here, 1, &there, 1, 0) == (ssize_t)chunk,
		      "process_vm_readv");
	}
	row(name, "process_vm_readv", start, PAGES);
}

static void copy_map(const char *name, const char *peer, int file)
{
	uint64_t start = now();
	char *at = mirror(file);

	copy_all(at);
	munmap(at, SIZE);
	row(name, peer, start, PAGES);
}

static void bench_copies(bool huge)
{
	int file = file_new('m', huge), fd, null = open("/dev/null", O_WRONLY), ends[2];
	char path[32];
	uint64_t start;

	copy_map(huge ? "copy-map-huge" : "copy-map", "remotefs", file);
	copy_reads(huge ? "copy-1m-huge" : "copy-1m", "remotefs", file, 0, 1 << 20);
	copy_vm(huge ? "copy-1m-huge" : "copy-1m", 1 << 20);
	if (huge)
		goto out;
	copy_reads("copy-64k", "remotefs", file, 0, 1 << 16);
	copy_reads("copy-4k", "remotefs", file, 0, PAGE);
	copy_vm("copy-64k", 1 << 16);
	copy_vm("copy-4k", PAGE);
	snprintf(path, sizeof(path), "/proc/%d/mem", source);
	fd = open(path, O_RDONLY);
	copy_reads("copy-1m", "/proc/PID/mem", fd, (off_t)area, 1 << 20);
	copy_reads("copy-64k", "/proc/PID/mem", fd, (off_t)area, 1 << 16);
	copy_reads("copy-4k", "/proc/PID/mem", fd, (off_t)area, PAGE);
	close(fd);
	fd = memfd_new();
	copy_map("copy-map", "memfd", fd);
	close(fd);
	copy_writes(file);
	check(!pipe(ends), "pipe");
	start = now();
	for (loff_t offset = 0; offset < (loff_t)SIZE;)
		for (ssize_t got = splice(file, &offset, ends[1], NULL, 1 << 16, 0); got > 0;)
			got -= splice(ends[0], NULL, null, NULL, got, 0);
	row("splice", "remotefs", start, PAGES);
	close(ends[0]);
	close(ends[1]);
out:
	close(null);
	close(file);
}

/*
 * What the source says @what costs it, after all of a mirror was touched, if any:
 * the least of three times, because kernel threads run on the same CPU.
 */
static void tax(const char *name, const char *peer, char what, const char *at)
{
	uint64_t cost, least = UINT64_MAX;

	for (int i = 0; i < 3; i++) {
		for (size_t offset = 0; at && offset < SIZE; offset += PAGE)
			sink = ((const volatile char *)at)[offset];
		cost = tell(what, false);
		least = cost < least ? cost : least;
	}
	printf("%s %s %.1f\n", name, peer, (double)least / PAGES);
}

/*
 * What it costs the source to discard memory: alone, exposed, mirrored. Always in
 * the same order, from new memory on, because freeing a page costs the more the
 * more scattered the pages are.
 */
static void bench_tax(void)
{
	char *at;
	int file;

	tell('m', false);
	tax("discard", "alone", 'd', NULL);
	tax("discard-pages", "alone", 'p', NULL);
	tax("discard-other", "alone", 'o', NULL);

	file = file_new('m', false);
	/* Somebody has looked. */
	check(pread(file, buffer, SIZE, 0) == (ssize_t)SIZE, "pread");
	tax("discard", "remotefs", 'd', NULL);
	tax("discard-pages", "remotefs", 'p', NULL);
	close(file);

	file = file_new('m', false);
	at = mirror(file);
	tax("discard-mirrored", "remotefs", 'd', at);
	tax("discard-pages-mirrored", "remotefs", 'p', at);
	tax("discard-other-mirrored", "remotefs", 'o', at);
	munmap(at, SIZE);
	close(file);
}

static void bench_tax_huge(void)
{
	char *at;
	int file;

	tell('m', true);
	tax("discard-huge", "alone", 'd', NULL);
	file = file_new('m', true);
	at = mirror(file);
	tax("discard-huge-mirrored", "remotefs", 'd', at);
	munmap(at, SIZE);
	close(file);
}

/* One range from its grant to its revoke. */
static void bench_life(const char *name, int session, unsigned int rounds)
{
	uint64_t start = now();

	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int number = expose(session, area, PAGE);
		int file = open(map_path(number), O_RDWR);
		char *at = must(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0));

		sink = *at;
		munmap(at, PAGE);
		close(file);
		unlink(map_path(number));
	}
	row(name, "remotefs", start, rounds);
}

/* A whole address space of 10,000 VMAs, from the session to its end. */
static void bench_clone(void)
{
	struct remotefs_map_args args = {
		.size = sizeof(args),
		.flags = REMOTEFS_MAP_NEW | REMOTEFS_MAP_WHOLE,
	};
	char path[64], byte;
	uint64_t start;
	int session, file;

	tell('v', false);
	snprintf(path, sizeof(path), "%s/%d/as", mount_point, source);
	start = now();
	for (int i = 0; i < 100; i++) {
		args.map = 0;
		session = session_of(source);
		check(!ioctl(session, REMOTEFS_IOC_MAP, &args), "MAP");
		file = open(path, O_RDONLY);
		check(pread(file, &byte, 1, (off_t)area) == 1, "pread");
		close(file);
		unlink(path);
		close(session);
	}
	row("clone-10k", "remotefs", start, 100);
}

static void bench_many(void)
{
	int session = session_of(source);
	unsigned int made = 0;
	char directory[64];
	uint64_t start;
	DIR *dir;

	bench_life("life", session, 100);
	for (; made < 10000; made++)
		expose(session, area, PAGE);
	snprintf(directory, sizeof(directory), "%s/%d", mount_point, source);
	start = now();
	dir = opendir(directory);
	check(dir, directory);
	while (readdir(dir))
		;
	closedir(dir);
	row("list-10k", "remotefs", start, made);
	start = now();
	for (int i = 0; i < 100; i++, made++)
		expose(session, area, PAGE);
	row("create-at-10k", "remotefs", start, 100);
	for (; made < 100000; made++)
		expose(session, area, PAGE);
	start = now();
	for (int i = 0; i < 100; i++, made++)
		expose(session, area, PAGE);
	row("create-at-100k", "remotefs", start, 100);
	close(session);
	rmdir(directory);
	bench_clone();
}

/* Memory of the kernel's own objects, in bytes. */
static long slab(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = 0;

	check(file, "/proc/meminfo");
	while (fgets(line, sizeof(line), file) && sscanf(line, "Slab: %ld", &kib) != 1)
		;
	fclose(file);
	return kib * 1024;
}

#define MANY 100000

static void bench_memory(void)
{
	int session = session_of(source);
	struct remotefs_map_args args = { .size = sizeof(args), .length = PAGE };
	long before;

	tell('m', false);
	args.map = expose(session, area, PAGE);
	before = slab();
	for (int i = 0; i < MANY; i++)
		expose(session, area, PAGE);
	printf("file-memory remotefs %ld\n", (slab() - before) / MANY);
	args.address = (unsigned long)area;
	before = slab();
	for (int i = 0; i < MANY; i++) {
		args.offset += PAGE;
		check(!ioctl(session, REMOTEFS_IOC_MAP, &args), "MAP");
	}
	printf("range-memory remotefs %ld\n", (slab() - before) / MANY);
	close(session);
}

static void *touch_half(void *half)
{
	for (size_t offset = 0; offset < SIZE / 2; offset += PAGE)
		(void)((volatile char *)half)[offset];
	return NULL;
}

/* A new mirror, by one thread or by two of which each has a half. */
static uint64_t touch_all(int file, bool both)
{
	char *at = mirror(file);
	uint64_t cost = now();
	pthread_t second;

	if (both) {
		errno = pthread_create(&second, NULL, touch_half, at + SIZE / 2);
		check(!errno, "pthread_create");
	}
	touch_half(at);
	if (both)
		pthread_join(second, NULL);
	else
		touch_half(at + SIZE / 2);
	cost = now() - cost;
	munmap(at, SIZE);
	return cost;
}

static void bench_scaling(void)
{
	int file = file_new('m', false);
	uint64_t one = 0, two = 0;

	for (int round = 0; round < 8; round++) {
		one += touch_all(file, false);
		two += touch_all(file, true);
	}
	printf("touch-by-one remotefs %.1f\n", (double)one / 8 / PAGES);
	printf("touch-by-two remotefs %.1f\n", (double)two / 8 / PAGES);
	close(file);
}

/*
 * Watches on memory of our own, on every other one of many small mappings. What
 * is not watched lies between, where it is hardest to tell apart, or elsewhere.
 */
#define WATCHES 10000

enum place { WATCHED, BETWEEN, ELSEWHERE, PLACES };

static char *islands;

static char *island(unsigned int i, enum place place)
{
	static const unsigned long at[PLACES] = { 0, 2, 4 * WATCHES };

	return islands + (4 * i + at[place]) * PAGE;
}

static void island_make(char *at)
{
	*(volatile char *)must(mmap(at, PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)) = 'i';
}

static void islands_make(void)
{
	const size_t size = 8 * WATCHES * PAGE;

	islands = must(mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			    -1, 0));
	check(!munmap(islands, size), "munmap");
	for (unsigned int i = 0; i < WATCHES; i++)
		for (enum place place = 0; place < PLACES; place++)
			island_make(island(i, place));
}

static int watch_open(pid_t pid)
{
	struct remotefs_watch_args args = { .size = sizeof(args) };
	int session = session_of(pid), watcher = ioctl(session, REMOTEFS_IOC_WATCH, &args);

	check(watcher >= 0 && !fcntl(watcher, F_SETFL, O_NONBLOCK), "WATCH");
	close(session);
	return watcher;
}

static void watch_add(int watcher, unsigned int i)
{
	struct remotefs_watch_add_args args = {
		.size = sizeof(args),
		.start = (unsigned long)island(i, WATCHED),
		.end = (unsigned long)island(i, WATCHED) + PAGE,
		.cookie = i,
	};

	check(!ioctl(watcher, REMOTEFS_IOC_WATCH_ADD, &args), "WATCH_ADD");
}

static void watch_drain(int watcher)
{
	struct remotefs_event events[64];

	while (read(watcher, events, sizeof(events)) > 0)
		;
}

/* The least of three times, each all over the islands and put right again. */
static void watch_tax(const char *name, const char *peer, int watcher, enum place place, bool unmap)
{
	uint64_t least = UINT64_MAX, cost, start;

	for (int round = 0; round < 3; round++) {
		start = now();
		for (unsigned int i = 0; i < WATCHES; i += 4)
			if (unmap)
				munmap(island(i, place), PAGE);
			else
				madvise(island(i, place), PAGE, MADV_DONTNEED);
		cost = now() - start;
		least = cost < least ? cost : least;
		for (unsigned int i = 0; i < WATCHES; i += 4)
			island_make(island(i, place));
		if (watcher >= 0)
			watch_drain(watcher);
	}
	if (peer)
		printf("%s %s %.1f\n", name, peer, (double)least / (WATCHES / 4));
}

static void watch_taxes(const char *peer, int watcher)
{
	watch_tax("watch-unmap", peer, watcher, WATCHED, true);
	watch_tax("watch-unmap-between", peer, watcher, BETWEEN, true);
	watch_tax("watch-unmap-elsewhere", peer, watcher, ELSEWHERE, true);
	watch_tax("watch-discard", peer, watcher, WATCHED, false);
	watch_tax("watch-discard-elsewhere", peer, watcher, ELSEWHERE, false);
}

/* From before the munmap() of our child until a poll() of ours has said so. */
static void watch_latency(void)
{
	uint64_t *start = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	struct pollfd polled = { .events = POLLIN };
	int ends[2], back[2];
	uint64_t cost = 0;
	char byte = 0;
	pid_t child;

	check(!pipe(ends) && !pipe(back), "pipe");
	child = fork();
	if (!child) {
		for (unsigned int i = 0; read(ends[0], &byte, 1) == 1; i++) {
			*start = now();
			munmap(island(i, WATCHED), PAGE);
			check(write(back[1], &byte, 1) == 1, "write");
		}
		_exit(0);
	}
	polled.fd = watch_open(child);
	for (unsigned int i = 0; i < 100; i++)
		watch_add(polled.fd, i);
	for (unsigned int i = 0; i < 100; i++) {
		check(write(ends[1], &byte, 1) == 1, "write");
		check(poll(&polled, 1, -1) == 1, "poll");
		cost += now() - *start;
		check(read(back[0], &byte, 1) == 1, "read");
		watch_drain(polled.fd);
	}
	printf("watch-latency remotefs %.1f\n", (double)cost / 100);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(polled.fd);
}

/* What a registration cache does each time it finds something. */
static void watch_check(int watcher)
{
	const struct remotefs_watch_page *page =
		must(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, watcher, 0));
	uint64_t known = page->generation, start = now();
	unsigned int wrong = 0;

	for (unsigned int i = 0; i < 1000000; i++)
		wrong += __atomic_load_n(&page->generation, __ATOMIC_ACQUIRE) != known;
	row("watch-check", "remotefs", start, 1000000);
	check(!wrong, "the generation");
	munmap((void *)page, PAGE);
}

static void bench_watch(void)
{
	int watcher;

	islands_make();
	/* After some rounds the allocators' lists are as they will stay. */
	watch_taxes(NULL, -1);
	watch_taxes("alone", -1);
	watcher = watch_open(getpid());
	watch_add(watcher, 5);
	watch_taxes("one-watch", watcher);
	for (unsigned int i = 0; i < WATCHES; i++)
		if (i != 5)
			watch_add(watcher, i);
	watch_taxes("remotefs", watcher);
	watch_check(watcher);
	close(watcher);
}

/*
 * New memory in a process that sleeps in read(): made, each page touched, and
 * taken away. By injection it is made by the process itself, which is stopped, let
 * run into system calls of ours one by one, and put back to where it was.
 */
#define REMOTE_SIZE (16 * PAGE)
#define REMOTE_ROUNDS 200

static void remote_touch(uint64_t at)
{
	char bytes[REMOTE_SIZE / PAGE];
	struct iovec mine = { bytes, sizeof(bytes) }, theirs[REMOTE_SIZE / PAGE];

	for (unsigned int i = 0; i < REMOTE_SIZE / PAGE; i++)
		theirs[i] = (struct iovec){ (void *)(at + i * PAGE), 1 };
	memset(bytes, 't', sizeof(bytes));
	check(process_vm_writev(source, &mine, 1, theirs, REMOTE_SIZE / PAGE, 0) ==
	      sizeof(bytes), "process_vm_writev");
}

static uint64_t remote_call(int session, unsigned int command, uint64_t at)
{
	struct remotefs_remote_args args = {
		.size = sizeof(args),
		.command = command,
		.prot = command == REMOTEFS_REMOTE_MMAP ? PROT_READ | PROT_WRITE : 0,
		.address = at,
		.length = REMOTE_SIZE,
	};

	check(!ioctl(session, REMOTEFS_IOC_REMOTE, &args), "REMOTE");
	return args.address;
}

/* The instruction is where it is in ourselves: the source is our child. */
static uint64_t find_syscall(void)
{
	const unsigned char *code = (const unsigned char *)syscall;

	while (code[0] != 0x0f || code[1] != 0x05)
		code++;
	return (uint64_t)code;
}

static uint64_t inject(const struct user_regs_struct *from, uint64_t number, uint64_t at,
		       uint64_t prot)
{
	struct user_regs_struct regs = *from;
	int status;

	regs.rip = find_syscall();
	regs.rax = number;
	regs.orig_rax = -1;
	regs.rdi = at;
	regs.rsi = REMOTE_SIZE;
	regs.rdx = prot;
	regs.r10 = MAP_PRIVATE | MAP_ANONYMOUS;
	regs.r8 = -1;
	regs.r9 = 0;
	check(!ptrace(PTRACE_SETREGS, source, 0, &regs) &&
	      !ptrace(PTRACE_SINGLESTEP, source, 0, 0) &&
	      waitpid(source, &status, 0) == source && WIFSTOPPED(status) &&
	      !ptrace(PTRACE_GETREGS, source, 0, &regs), "injection");
	return regs.rax;
}

static void injected_life(void)
{
	struct user_regs_struct regs;
	uint64_t at;
	int status;

	check(!ptrace(PTRACE_SEIZE, source, 0, 0) && !ptrace(PTRACE_INTERRUPT, source, 0, 0) &&
	      waitpid(source, &status, 0) == source && WIFSTOPPED(status) &&
	      !ptrace(PTRACE_GETREGS, source, 0, &regs), "PTRACE_SEIZE");
	at = inject(&regs, SYS_mmap, 0, PROT_READ | PROT_WRITE);
	check(at < -4096UL, "mmap, injected");
	remote_touch(at);
	check(!inject(&regs, SYS_munmap, at, 0), "munmap, injected");
	check(!ptrace(PTRACE_SETREGS, source, 0, &regs) &&
	      !ptrace(PTRACE_DETACH, source, 0, 0), "PTRACE_DETACH");
}

static void remote_life(int session)
{
	uint64_t at = remote_call(session, REMOTEFS_REMOTE_MMAP, 0);

	remote_touch(at);
	remote_call(session, REMOTEFS_REMOTE_MUNMAP, at);
}

static void bench_remote(void)
{
	uint64_t start = 0;
	int session;

	tell('m', false);
	session = session_of(source);
	/* The first of each is not the rule. */
	for (int i = -10; i < REMOTE_ROUNDS; i++) {
		if (!i)
			start = now();
		remote_life(session);
	}
	row("remote-life", "remotefs", start, REMOTE_ROUNDS);
	for (int i = -10; i < REMOTE_ROUNDS; i++) {
		if (!i)
			start = now();
		injected_life();
	}
	row("remote-life", "ptrace", start, REMOTE_ROUNDS);
	start = now();
	for (int i = 0; i < REMOTE_ROUNDS; i++)
		remote_call(session, REMOTEFS_REMOTE_DISCARD, (uint64_t)area);
	row("remote-discard", "remotefs", start, REMOTE_ROUNDS);
	/* It still does what it is told. */
	tell('m', false);
	close(session);
}

static void bench_access(void)
{
	buffer = make_area(SIZE, false);
	memset(buffer, 'b', SIZE);
	bench_touch();
	bench_second();
	bench_copies(false);
	bench_copies(true);
}

static void bench_cost(bool brief, bool scaling)
{
	bench_access();
	bench_tax();
	bench_tax_huge();
	bench_watch();
	if (!brief) {
		bench_remote();
		watch_latency();
		bench_many();
	}
	if (scaling)
		bench_scaling();
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: b-bench MOUNT all|budget|access|scaling|memory|watch|remote");
	mount_point = argv[1];
	source_start();
	if (!strcmp(argv[2], "memory"))
		bench_memory();
	else if (!strcmp(argv[2], "watch"))
		bench_watch();
	else if (!strcmp(argv[2], "remote"))
		bench_remote();
	else if (!strcmp(argv[2], "access"))
		bench_access();
	else
		bench_cost(!strcmp(argv[2], "budget"), !strcmp(argv[2], "scaling"));
	kill(source, SIGKILL);
	waitpid(source, NULL, 0);
	return 0;
}
