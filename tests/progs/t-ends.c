// SPDX-License-Identifier: GPL-2.0-only
/*
 * t-ends: the end of a source against whoever is just getting at it.
 *
 *   t-ends exit|kill SECONDS ROUNDS LIMIT SEED MOUNT
 *
 * exit: a source exits, is killed, or executes another program, at any moment
 * while another process attaches to it, exposes, opens, maps, loads, reads,
 * unmaps and closes.  Where the kernel can inject failures, allocations fail,
 * too.  kill: a source and a viewer in the midst of its memory are killed at
 * once.  Two rounds run at a time, for so many SECONDS and at least so many
 * ROUNDS.  Fails if these are not done in LIMIT seconds.
 */
#include <linux/futex.h>
#include <sys/resource.h>

#include "t-canary.h"

#define WORKERS		2
#define PAGES		16
#define ARENA		((char *)0x10000000000UL)
#define GRACE		(10 * SECOND)
#define PATIENCE	240	/* seconds for one round */

struct lane {
	/* Of the round under way. */
	atomic_int ready, go, seen, gone;
	_Atomic uint64_t rounds, loads, faults, injected, images;
};

static struct lane *lanes;
static atomic_bool *failed;
static uint64_t seed;
static const char *mount_point;

struct round {
	struct lane *lane;
	struct chance chance;
	int control, fail_nth;
	unsigned int owner;
	pid_t source;
	int image[2];
};

static void __attribute__((noreturn, format(printf, 1, 2)))
violation(const char *format, ...)
{
	va_list args;

	if (!atomic_exchange(failed, true)) {
		fprintf(stderr, "t-ends: seed %lu: ", seed);
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fputc('\n', stderr);
	}
	_exit(1);
}

static void on_alarm(int number)
{
	(void)number;
	violation("a round does not end");
}

/* Some time, so that two parties meet at another point each round. */
static void spin(struct chance *chance)
{
	unsigned long most = 1UL << chance_below(chance, 17);
	unsigned long i, n = chance_below(chance, most);

	for (i = 0; i < n; i++)
		atomic_signal_fence(memory_order_seq_cst);
}

static void await(atomic_int *what)
{
	while (!*what)
		syscall(SYS_futex, what, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void tell(atomic_int *what)
{
	if (!atomic_exchange(what, 1))
		syscall(SYS_futex, what, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* The source, and what it executes: t-ends --image FD. */

static void arena_fill(unsigned int who, unsigned int owner)
{
	unsigned int i;

	if (map_anonymous(ARENA, PAGES * PAGE) != ARENA)
		die("mmap");
	for (i = 0; i < PAGES; i++)
		*(uint64_t *)(ARENA + i * PAGE) = canary(who, owner, i, 0);
}

static int image_main(const char *fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	arena_fill(WHO_IMAGE, 0);
	if (write(atoi(fd), "x", 1) != 1)
		return 1;
	for (;;)
		pause();
}

enum { BY_EXIT, BY_SIGNAL, BY_EXEC, BY_VFORK, WAYS };

static void __attribute__((noreturn)) source_exec(struct round *round)
{
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", round->image[1]);
	execl("/proc/self/exe", "t-ends", "--image", fd, NULL);
	_exit(1);
}

static void __attribute__((noreturn))
source_main(struct round *round, unsigned int way, pid_t parent)
{
	die_with(parent);
	arena_fill(WHO_SOURCE, round->owner);
	/* With vfork() the parent's memory is exposed as the child's. */
	if (way == BY_VFORK && vfork() > 0) {
		for (;;)
			pause();
	}
	tell(&round->lane->ready);
	await(&round->lane->go);
	spin(&round->chance);
	switch (way) {
	case BY_EXIT:
		_exit(0);
	case BY_SIGNAL:
		kill(getpid(), SIGKILL);
	}
	source_exec(round);
}

/* The other party */

static void check_word(struct round *round, uint64_t word, unsigned int page,
		       const char *how)
{
	round->lane->loads++;
	if (word != canary(WHO_SOURCE, round->owner, page, 0))
		violation("%s of page %u: %#lx, of %u, owner %u, not %u", how,
			  page, word, canary_who(word), canary_owner(word),
			  round->owner);
}

/* What may go wrong: the source is gone, or an allocation failed. */
static bool excused(struct round *round, const char *what)
{
	if (errno == ENOMEM && round->fail_nth >= 0) {
		round->lane->injected++;
		return true;
	}
	if (errno != ESRCH && errno != ENOENT && errno != ESTALE)
		violation("%s: %s", what, strerror(errno));
	return true;
}

/* At one of six moments the source is told to end. */
struct access {
	struct round *round;
	unsigned int moment, now;
	int session, fd, number;
	char *at;
};

static void step(struct access *access)
{
	if (access->now++ == access->moment) {
		tell(&access->round->lane->go);
		spin(&access->round->chance);
	}
}

static void inject(struct round *round, unsigned long nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%lu", nth);

	if (round->fail_nth >= 0 &&
	    pwrite(round->fail_nth, text, length, 0) != length)
		die("fail-nth");
}

static bool access_expose(struct access *access)
{
	struct round *round = access->round;

	step(access);
	access->session = attach(round->control, round->source);
	if (access->session < 0)
		return !excused(round, "attach");
	step(access);
	access->number = expose(access->session, ARENA, PAGES * PAGE, true);
	return access->number >= 0 || !excused(round, "MAP");
}

static bool access_open(struct access *access)
{
	char path[128];

	step(access);
	snprintf(path, sizeof(path), "%s/%d/map-%d", mount_point,
		 access->round->source, access->number);
	access->fd = open(path, O_RDWR);
	if (access->fd < 0)
		return !excused(access->round, "open");
	step(access);
	access->at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED, access->fd, 0);
	return access->at != MAP_FAILED || !excused(access->round, "mmap");
}

static void access_use(struct access *access)
{
	struct round *round = access->round;
	unsigned int page = chance_below(&round->chance, PAGES);
	uint64_t word;

	step(access);
	if (guarded_load(access->at + page * PAGE, &word))
		round->lane->faults++;
	else
		check_word(round, word, page, "load");
	step(access);
	page = chance_below(&round->chance, PAGES);
	if (pread(access->fd, &word, sizeof(word), page * PAGE) ==
	    sizeof(word))
		check_word(round, word, page, "read");
	else
		excused(round, "read");
}

/* The source has ended: by now calls must fail, and soon mirrors. */
static void access_after(struct access *access)
{
	struct round *round = access->round;
	int64_t end = now() + GRACE;
	uint64_t word;

	if (access->fd >= 0 &&
	    pread(access->fd, &word, sizeof(word), 0) >= 0)
		violation("a dead source is read: %#lx, of %u", word,
			  canary_who(word));
	if (!access->at || access->at == MAP_FAILED)
		return;
	while (!guarded_load(access->at, &word)) {
		check_word(round, word, 0, "load");
		if (now() > end)
			violation("a dead source is still mapped");
		sched_yield();
	}
	round->lane->faults++;
}

static void access_end(struct access *access)
{
	if (access->at && access->at != MAP_FAILED)
		munmap(access->at, PAGES * PAGE);
	if (access->fd >= 0)
		close(access->fd);
	if (access->session >= 0)
		close(access->session);
}

/* Until it is no more, or is another program. */
static void await_end(struct round *round, unsigned int way)
{
	char byte;

	if (way >= BY_EXEC) {
		if (read(round->image[0], &byte, 1) != 1)
			die("the image's pipe");
		round->lane->images++;
	} else if (waitpid(round->source, NULL, 0) != round->source) {
		die("waitpid");
	}
}

static pid_t source_start(struct round *round, unsigned int way)
{
	pid_t parent = getpid(), child;

	round->lane->ready = round->lane->go = 0;
	round->lane->seen = round->lane->gone = 0;
	round->owner = round->lane->rounds % 1023 + 1;
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		source_main(round, way, parent);
	await(&round->lane->ready);
	return child;
}

/* The PID that a vfork() gave to its child, who shares the memory. */
static pid_t child_of(pid_t pid)
{
	char path[64], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 1)
		die(path);
	close(fd);
	return atoi(text);
}

static void round_exit(struct round *round)
{
	unsigned int way = chance_below(&round->chance, WAYS);
	struct access access = {
		.round = round,
		/* Who attaches to the new program may see it, of course. */
		.moment = way < BY_EXEC ? chance_below(&round->chance, 7) :
					  1 + chance_below(&round->chance, 6),
		.session = -1, .fd = -1,
	};
	pid_t pid = source_start(round, way);

	round->source = way == BY_VFORK ? child_of(pid) : pid;
	inject(round, chance_one_in(&round->chance, 4) ?
	       1 + chance_below(&round->chance, 40) : 0);
	if (access_expose(&access) && access_open(&access))
		access_use(&access);
	inject(round, 0);
	tell(&round->lane->go);
	await_end(round, way);
	access_after(&access);
	access_end(&access);
	if (way >= BY_EXEC) {
		kill(pid, SIGKILL);
		if (waitpid(pid, NULL, 0) != pid)
			die("waitpid");
	}
}

static void __attribute__((noreturn))
viewer_main(struct round *round, const char *path, pid_t parent)
{
	uint64_t word;
	unsigned int i;
	char *at;
	int fd;

	die_with(parent);
	setpriority(PRIO_PROCESS, 0, 0);
	fd = open(path, O_RDWR);
	at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		  0);
	if (fd < 0 || at == MAP_FAILED)
		violation("%s: %s", path, strerror(errno));
	for (i = 0;; i = (i + 1) % PAGES) {
		if (!guarded_load(at + i * PAGE, &word)) {
			check_word(round, word, i, "load");
			tell(&round->lane->seen);
		} else {
			round->lane->faults++;
			tell(&round->lane->gone);
		}
		if (pread(fd, &word, sizeof(word), i * PAGE) == sizeof(word))
			check_word(round, word, i, "read");
		else
			excused(round, "read");
	}
}

static void round_kill(struct round *round)
{
	pid_t pids[2], parent = getpid();
	unsigned int first = chance_below(&round->chance, 2);
	char path[128];
	int session, number;

	round->source = pids[0] = source_start(round, BY_EXIT);
	session = attach(round->control, pids[0]);
	number = expose(session, ARENA, PAGES * PAGE, true);
	if (session < 0 || number < 0)
		violation("MAP: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/%d/map-%d", mount_point, pids[0],
		 number);
	pids[1] = fork();
	if (pids[1] < 0)
		die("fork");
	if (!pids[1])
		viewer_main(round, path, parent);
	await(&round->lane->seen);
	spin(&round->chance);
	kill(pids[first], SIGKILL);
	spin(&round->chance);
	/* At times the viewer lives long enough to miss the source. */
	if (!first && chance_one_in(&round->chance, 4))
		await(&round->lane->gone);
	kill(pids[!first], SIGKILL);
	if (waitpid(pids[1], NULL, 0) != pids[1] ||
	    waitpid(pids[0], NULL, 0) != pids[0])
		die("waitpid");
	if (open(path, O_RDONLY) >= 0)
		violation("%s outlived its source", path);
	close(session);
}

static void __attribute__((noreturn))
lane_main(unsigned int number, bool by_kill, unsigned long rounds, int64_t end,
	  pid_t parent)
{
	struct round round = { .lane = &lanes[number] };

	die_with(parent);
	escape_prepare();
	signal(SIGALRM, on_alarm);
	chance_begin(&round.chance, seed, number);
	/* Viewers, who do not wait for anybody, shall not keep us waiting. */
	setpriority(PRIO_PROCESS, 0, -15);
	round.control = control_open(mount_point);
	round.fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (pipe(round.image))
		die("pipe");
	while ((round.lane->rounds < rounds || now() < end) && !*failed) {
		alarm(PATIENCE);
		chance_next(&round.chance);
		if (by_kill)
			round_kill(&round);
		else
			round_exit(&round);
		round.lane->rounds++;
	}
	_exit(0);
}

static uint64_t total(size_t offset)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < WORKERS; i++)
		sum += *(_Atomic uint64_t *)((char *)&lanes[i] + offset);
	return sum;
}

#define TOTAL(member) total(offsetof(struct lane, member))

static void report(const char *title, int64_t began)
{
	printf("%s: seed %lu, %.1f s, %lu rounds, %lu loads, %lu refused, %lu allocations failed, %lu images\n",
	       title, seed, (now() - began) / 1e9, TOTAL(rounds), TOTAL(loads),
	       TOTAL(faults), TOTAL(injected), TOTAL(images));
	fflush(stdout);
}

static int oversee(const char *mode, int64_t began, int64_t limit)
{
	int64_t next = began + 60 * SECOND;
	int status, left = WORKERS;

	while (left) {
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid > 0 && status)
			return 1;
		if (pid > 0)
			left--;
		else
			pause_for(10000000);
		if (now() > next) {
			report("so far", began);
			next += 60 * SECOND;
		}
		if (now() > began + limit * SECOND)
			break;
	}
	report(mode, began);
	if (left)
		fprintf(stderr, "t-ends: not in %ld s\n", limit);
	return left || !TOTAL(loads) || !TOTAL(faults);
}

int main(int argc, char **argv)
{
	int64_t began = now();
	pid_t parent = getpid();
	unsigned int i;

	if (argc == 3 && !strcmp(argv[1], "--image"))
		return image_main(argv[2]);
	if (argc != 7) {
		fputs("Usage: t-ends exit|kill SECONDS ROUNDS LIMIT SEED MOUNT\n",
		      stderr);
		return 2;
	}
	lanes = map_shared(WORKERS * sizeof(*lanes) + sizeof(*failed));
	failed = (atomic_bool *)(lanes + WORKERS);
	seed = strtoull(argv[5], NULL, 0);
	mount_point = argv[6];
	for (i = 0; i < WORKERS; i++)
		if (!fork())
			lane_main(i, !strcmp(argv[1], "kill"),
				  (strtoul(argv[3], NULL, 0) + WORKERS - 1) /
				  WORKERS,
				  began + strtol(argv[2], NULL, 0) * SECOND,
				  parent);
	return oversee(argv[1], began, strtol(argv[4], NULL, 0));
}
