// SPDX-License-Identifier: GPL-2.0-only
/*
 * t-mutual: two processes that mirror each other and themselves.
 *
 *   t-mutual SECONDS SEED MOUNT
 *
 * Each has 32 threads.  A thread loads and stores its own memory, its mirror of
 * it, and its mirror of the other's; reads one's file into a mirror of another
 * and writes it from there; and discards, maps anew and protects its own pages.
 * So each is a source and a viewer for the other at any time, and every order
 * of their locks is tried.  Fails if a thread makes no progress, or sees what
 * neither of them wrote in that page.
 */
#include <pthread.h>

#include "t-canary.h"

#define PROCESSES	2
#define THREADS		32
#define PAGES		64
#define WORDS		(PAGE / sizeof(uint64_t))
#define PATIENCE	(120 * SECOND)

struct thread {
	unsigned int process, number;
	struct chance chance;
	_Atomic uint64_t turns;
	atomic_int tid;
};

struct party {
	char *arena;
	atomic_int pid, map;		/* map's number, and one */
	struct thread thread[THREADS];
};

struct shared {
	struct party party[PROCESSES];
	atomic_bool stop, failed;
	_Atomic uint64_t loads, stores, reads, writes, faults, changes;
};

static struct shared *shared;
static uint64_t seed;
static const char *mount_point;
/* In each process: a file and a mirror for each party. */
static int fds[PROCESSES];
static char *mirrors[PROCESSES];

static void __attribute__((noreturn, format(printf, 1, 2)))
violation(const char *format, ...)
{
	va_list args;

	shared->stop = true;
	if (!atomic_exchange(&shared->failed, true)) {
		fprintf(stderr, "t-mutual: seed %lu: ", seed);
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fputc('\n', stderr);
	}
	_exit(1);
}

/* Where a thread looks at party @n's memory: directly, if it is its own. */
static char *way_to(struct thread *thread, unsigned int n)
{
	if (n == thread->process && chance_one_in(&thread->chance, 2))
		return shared->party[n].arena;
	return mirrors[n];
}

/* A word of the page: its party, its page, and what thread wrote it. */
static void turn_load(struct thread *thread, unsigned int n, unsigned int page,
		      unsigned int offset)
{
	uint64_t word;

	if (guarded_load(way_to(thread, n) + page * PAGE + offset, &word)) {
		shared->faults++;
		return;
	}
	shared->loads++;
	if (word && (!canary_is_whole(word) || canary_owner(word) != n + 1 ||
		     canary_page(word) != page))
		violation("page %u of %u shows %#lx", page, n, word);
}

static void turn_store(struct thread *thread, unsigned int n, unsigned int page,
		       unsigned int offset)
{
	uint64_t word = canary(WHO_SOURCE, n + 1, page, thread->turns);

	if (guarded_store(way_to(thread, n) + page * PAGE + offset, word))
		shared->faults++;
	else
		shared->stores++;
}

/*
 * Through calls the words are copied from one mirror to another, and back to
 * the place they came from: the last page, which no load looks at, is for that.
 */
static void turn_call(struct thread *thread, unsigned int n, unsigned int other,
		      bool write)
{
	char *buffer = way_to(thread, other) + (PAGES - 1) * PAGE;
	off_t offset = write ? (PAGES - 1) * PAGE :
			       chance_below(&thread->chance, PAGES) * PAGE;
	ssize_t done = write ? pwrite(fds[n], buffer, PAGE, offset) :
			       pread(fds[n], buffer, PAGE, offset);

	if (done < 0 && errno != EFAULT)
		violation("%s: %s", write ? "write" : "read", strerror(errno));
	if (done <= 0)
		shared->faults++;
	else if (write)
		shared->writes++;
	else
		shared->reads++;
}

/* Its own memory, all threads at once: whatever of it fails has its reason. */
static void turn_change(struct thread *thread, unsigned int page)
{
	char *at = shared->party[thread->process].arena + page * PAGE;
	size_t bytes = (1 + chance_below(&thread->chance, PAGES - page)) * PAGE;

	switch (chance_below(&thread->chance, 6)) {
	case 0:
		map_anonymous(at, bytes);
		break;
	case 1:
		mprotect(at, bytes, PROT_READ);
		mprotect(at, bytes, PROT_READ | PROT_WRITE);
		break;
	case 2:
		munmap(at, PAGE);
		map_anonymous(at, PAGE);
		break;
	case 3:
		madvise(at, bytes, MADV_PAGEOUT);
		break;
	default:
		madvise(at, bytes, MADV_DONTNEED);
	}
	shared->changes++;
}

static void turn(struct thread *thread)
{
	unsigned int n = chance_below(&thread->chance, PROCESSES);
	unsigned int page = chance_below(&thread->chance, PAGES - 1);
	unsigned int offset = 8 * chance_below(&thread->chance, WORDS);

	switch (chance_below(&thread->chance, 16)) {
	case 0:
		turn_change(thread, page);
		break;
	case 1:
		turn_call(thread, n, !n, false);
		break;
	case 2:
		turn_call(thread, n, !n, true);
		break;
	case 3:
		turn_call(thread, n, n, chance_one_in(&thread->chance, 2));
		break;
	case 4 ... 8:
		turn_store(thread, n, page, offset);
		break;
	default:
		turn_load(thread, n, page, offset);
	}
	thread->turns++;
}

static void *thread_main(void *data)
{
	struct thread *thread = data;

	thread->tid = gettid();
	while (!shared->stop)
		turn(thread);
	thread->tid = 0;
	return NULL;
}

static void party_expose(struct party *party)
{
	struct remotefs_attach_args args = {
		.size = sizeof(args),
		.mem_fd = -1,
	};
	int session, number;

	if (map_anonymous(party->arena, PAGES * PAGE) != party->arena)
		die("mmap");
	session = ioctl(control_open(mount_point), REMOTEFS_IOC_ATTACH, &args);
	number = expose(session, party->arena, PAGES * PAGE, true);
	if (number < 0)
		violation("MAP: %s", strerror(errno));
	party->pid = getpid();
	party->map = number + 1;
}

static void party_mirror(unsigned int n)
{
	struct party *party = &shared->party[n];
	char path[128];

	while (!party->map)
		pause_for(1000000);
	snprintf(path, sizeof(path), "%s/%d/map-%d", mount_point, party->pid,
		 party->map - 1);
	fds[n] = open(path, O_RDWR);
	mirrors[n] = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED, fds[n], 0);
	if (fds[n] < 0 || mirrors[n] == MAP_FAILED)
		violation("%s: %s", path, strerror(errno));
}

static void __attribute__((noreturn))
party_main(unsigned int number, pid_t parent)
{
	struct party *party = &shared->party[number];
	struct thread *thread;
	pthread_t threads[THREADS];
	unsigned int i;

	die_with(parent);
	escape_prepare();
	party_expose(party);
	for (i = 0; i < PROCESSES; i++)
		party_mirror(i);
	for (i = 0; i < THREADS; i++) {
		thread = &party->thread[i];
		thread->process = number;
		thread->number = i;
		chance_begin(&thread->chance, seed, number * THREADS + i);
		if (pthread_create(&threads[i], NULL, thread_main, thread))
			die("pthread_create");
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

static void thread_show(const struct thread *thread)
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stack",
		 shared->party[thread->process].pid, thread->tid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		fputs(line, stderr);
	if (file)
		fclose(file);
}

/* Has each thread had a turn since it was last seen to have one? */
static void watch(int64_t *since, uint64_t *turns)
{
	struct thread *thread;
	unsigned int i;

	for (i = 0; i < PROCESSES * THREADS; i++) {
		thread = &shared->party[i / THREADS].thread[i % THREADS];
		if (thread->turns != turns[i]) {
			turns[i] = thread->turns;
			since[i] = now();
		} else if (now() - since[i] > PATIENCE) {
			thread_show(thread);
			violation("thread %u makes no progress", i);
		}
	}
}

static void report(const char *title, int64_t began)
{
	uint64_t turns, least = UINT64_MAX, sum = 0;
	unsigned int i;

	for (i = 0; i < PROCESSES * THREADS; i++) {
		turns = shared->party[i / THREADS].thread[i % THREADS].turns;
		least = turns < least ? turns : least;
		sum += turns;
	}
	printf("%s: seed %lu, %.1f s, %lu rounds, at least %lu by each of %u threads, %lu loads, %lu stores, %lu reads, %lu writes, %lu refused, %lu changes\n",
	       title, seed, (now() - began) / 1e9, sum, least,
	       PROCESSES * THREADS, shared->loads, shared->stores,
	       shared->reads, shared->writes, shared->faults, shared->changes);
	fflush(stdout);
}

/* Until the time is over, and then until both have ended. */
static int oversee(int64_t seconds)
{
	static int64_t since[PROCESSES * THREADS];
	static uint64_t turns[PROCESSES * THREADS];
	int64_t began = now(), next = began + 60 * SECOND;
	int status, left = PROCESSES;
	unsigned int i;

	for (i = 0; i < PROCESSES * THREADS; i++)
		since[i] = began;
	while (left && now() < began + seconds * SECOND + PATIENCE) {
		if (now() > began + seconds * SECOND)
			shared->stop = true;
		else
			watch(since, turns);
		if (now() > next) {
			report("so far", began);
			next += 60 * SECOND;
		}
		pause_for(10000000);
		while (left && waitpid(-1, &status, WNOHANG) > 0) {
			left--;
			if (status)
				violation("a party ended with status %#x",
					  status);
		}
	}
	report("mutual", began);
	return left || !shared->loads || !shared->stores || !shared->reads ||
	       !shared->writes || !shared->changes;
}

int main(int argc, char **argv)
{
	pid_t parent = getpid();
	unsigned int i;

	if (argc != 4) {
		fputs("Usage: t-mutual SECONDS SEED MOUNT\n", stderr);
		return 2;
	}
	shared = map_shared(sizeof(*shared));
	seed = strtoull(argv[2], NULL, 0);
	mount_point = argv[3];
	for (i = 0; i < PROCESSES; i++) {
		shared->party[i].arena = (char *)0x10000000000UL + i * HUGE;
		if (!fork())
			party_main(i, parent);
	}
	return oversee(strtol(argv[1], NULL, 0));
}
