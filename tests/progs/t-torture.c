// SPDX-License-Identifier: GPL-2.0-only
/*
 * t-torture: sources that do to their memory all that a process can, viewers
 * that look at it all the while, and somebody who grants, revokes and kills.
 * Whoever sees what the board (t-board.h) rules out says so, and all stop.
 *
 *   t-torture [OPTION]... MOUNT [MOUNT]
 */
#include <getopt.h>
#include <glob.h>
#include <poll.h>

#include "t-source.h"
#include "t-viewer.h"

#define ARENA		((char *)0x10000000000UL)
/* For as long a fault in progress may keep the memory of a dead source. */
#define GRACE		(10 * SECOND)
/* So long nobody needs for one turn, even on a slow kernel. */
#define PATIENCE	(240 * SECOND)

/* Its children: sources, viewers, and one more. */
enum {
	CHILD_VIEWER = MAX_SOURCES,
	CHILD_DISTURBER = CHILD_VIEWER + MAX_VIEWERS,
	CHILDREN
};

struct control {
	struct chance chance;
	int fd[MAX_MOUNTS];
	pid_t child[CHILDREN];
	unsigned int owners, lives;
	int64_t next_kill, next_end, next_word;
};

static void task_show(const char *path)
{
	static const char *const parts[] = { "comm", "wchan", "stack" };
	char name[128], line[256];
	unsigned int i;
	FILE *file;

	for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		snprintf(name, sizeof(name), "%s/%s", path, parts[i]);
		file = fopen(name, "r");
		while (file && fgets(line, sizeof(line), file))
			fprintf(stderr, "%s: %s%s", parts[i], line,
				strchr(line, '\n') ? "" : "\n");
		if (file)
			fclose(file);
	}
}

/* What a process is stuck in, for whoever reads the failure. */
static void process_show(pid_t pid)
{
	char path[128];
	glob_t tasks;
	size_t i;

	snprintf(path, sizeof(path), "/proc/%d/task/*", pid);
	if (glob(path, 0, NULL, &tasks))
		return;
	for (i = 0; i < tasks.gl_pathc; i++) {
		fprintf(stderr, "%s:\n", tasks.gl_pathv[i]);
		task_show(tasks.gl_pathv[i]);
	}
	globfree(&tasks);
}

static void watch(struct worker *worker, uint64_t *beats, int64_t *since)
{
	if (!worker->tid || worker->beats != *beats) {
		*beats = worker->beats;
		*since = now();
	} else if (now() - *since > PATIENCE) {
		process_show(worker->pid);
		violation(NULL, "%s makes no progress", worker->name);
	}
}

/* Does everybody make progress? */
static void *watch_all(void *unused)
{
	static uint64_t beats[WORKERS];
	static int64_t since[WORKERS];
	int i;

	for (i = 0; i < WORKERS; i++)
		since[i] = now();
	for (;;) {
		for (i = 0; i < WORKERS; i++)
			watch(&board->worker[i], &beats[i], &since[i]);
		pause_for(SECOND);
	}
	return unused;
}

/* Sources */

static void source_spawn(struct control *control, unsigned int number)
{
	struct source *source = &board->source[number];
	pid_t parent = getpid(), child;
	unsigned int i;

	for (i = 0; i < board->options.pages; i++) {
		source->page[i].taken = 1;
		page_set(&source->page[i], "a new source", BUSY);
	}
	source->order = RUN;
	source->gather = APART;
	/* Ten bits, and never zero. */
	source->owner = control->owners++ % 1023 + 1;
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		die_with(parent);
		source_main(number);
	}
	control->child[number] = child;
}

static void files_dying(unsigned int source)
{
	struct file *file;
	unsigned int i;

	for (i = 0; i < board->options.files; i++) {
		file = &board->file[i];
		if ((file->word & 3) == LIVE && file->grant.source == source)
			atomic_store(&file->word, file->word - LIVE + DYING);
	}
}

static void file_dead(struct file *file, int64_t since)
{
	file->death[(file->word >> 2) % DEATHS] = since;
	atomic_store(&file->word, file->word >> 2 << 2 | DEAD);
	close(file->session);
}

static void files_dead(unsigned int source)
{
	struct file *file;
	unsigned int i;

	for (i = 0; i < board->options.files; i++) {
		file = &board->file[i];
		if ((file->word & 3) == DYING && file->grant.source == source)
			file_dead(file, now() + GRACE);
	}
}

/* The new program has a moment in which nobody may reach it. */
static void source_await_image(struct source *source)
{
	struct pollfd ready = { .fd = source->image[0], .events = POLLIN };
	int64_t end = now() + PATIENCE;
	char byte;

	source->order = EXEC;
	while (poll(&ready, 1, 100) != 1)
		if (stopped())
			return;
		else if (now() > end)
			violation(NULL, "a source did not execute its program");
	if (read(source->image[0], &byte, 1) != 1)
		die("the image's pipe");
	count(EXECS);
}

static void source_end(struct control *control, unsigned int number)
{
	struct source *source = &board->source[number];
	pid_t pid = control->child[number];
	unsigned int how = board->count[ENDS] % 3;

	if (!source->pid)
		return;
	source->pid = 0;
	files_dying(number);
	switch (how) {
	case 0:
		kill(pid, SIGKILL);
		break;
	case 1:
		source->order = EXIT;
		break;
	default:
		source_await_image(source);
		if (!stopped())
			files_dead(number);
		pause_for(20000000);
		kill(pid, SIGKILL);
	}
	if (waitpid(pid, NULL, 0) != pid)
		die("waitpid");
	files_dead(number);
	count(ENDS);
	source_spawn(control, number);
}

/* Map files */

static int file_map(struct file *file, struct remotefs_map_args *args)
{
	args->size = sizeof(*args);
	return ioctl(file->session, REMOTEFS_IOC_MAP, args) ? -errno : 0;
}

static uint64_t segment_next(uint64_t word)
{
	return ((word >> 16) + 1) << 16;
}

static int file_place(struct file *file, unsigned int i, unsigned int first,
		      unsigned int flags)
{
	struct grant *grant = &file->grant;
	struct remotefs_map_args args = {
		.flags = flags,
		.map = flags & REMOTEFS_MAP_NEW ? 0 : grant->number,
		.address = (uintptr_t)board->source[grant->source].arena +
			   first * PAGE,
		.offset = i * grant->pages * PAGE,
		.length = grant->pages * PAGE,
	};
	int err = file_map(file, &args);

	if (!err && flags & REMOTEFS_MAP_NEW)
		grant->number = args.map;
	if (!err)
		file->segment[i] = segment_next(file->segment[i]) | first;
	return err;
}

/* The whole address space, where nobody has it yet. */
static int grant_whole(struct file *file)
{
	struct grant *grant = &file->grant;
	struct remotefs_map_args args = {
		.flags = REMOTEFS_MAP_NEW | REMOTEFS_MAP_WHOLE |
			 REMOTEFS_MAP_WRITE,
	};
	int err = file_map(file, &args);

	if (err)
		return err;
	grant->number = REMOTEFS_MAP_AS;
	grant->base = (uintptr_t)board->source[grant->source].arena / PAGE;
	grant->segments = 1;
	grant->pages = board->options.pages;
	grant->writable_end = grant->pages;
	file->segment[0] = segment_next(file->segment[0]);
	return 0;
}

/* Read-only, but for a part. */
static int grant_allow(struct control *control, struct file *file)
{
	struct grant *grant = &file->grant;
	struct remotefs_allow_args args = {
		.size = sizeof(args),
		.map = grant->number,
	};

	grant->writable = chance_below(&control->chance, grant->pages);
	grant->writable_end = grant->writable + 1 +
			      chance_below(&control->chance,
					   grant->pages - grant->writable);
	args.offset = grant->writable * PAGE;
	args.length = (grant->writable_end - grant->writable) * PAGE;
	return ioctl(file->session, REMOTEFS_IOC_ALLOW, &args) ? -errno : 0;
}

/* All of the arena or a part of it, as one range. */
static int grant_range(struct control *control, struct file *file, bool all)
{
	struct grant *grant = &file->grant;
	unsigned int first = 0, pages = board->options.pages;
	bool whole = file == board->file || chance_one_in(&control->chance, 2);
	int err;

	if (!all) {
		first = chance_below(&control->chance, pages);
		pages = 1 + chance_below(&control->chance, pages - first);
	}
	grant->segments = 1;
	grant->pages = pages;
	err = file_place(file, 0, first, REMOTEFS_MAP_NEW |
			 (whole ? REMOTEFS_MAP_WRITE : 0));
	if (err)
		return err;
	grant->writable_end = whole ? pages : 0;
	return whole || chance_one_in(&control->chance, 2) ? 0 :
	       grant_allow(control, file);
}

/* Small ranges, side by side, which come and go. */
static int grant_ranges(struct control *control, struct file *file)
{
	struct grant *grant = &file->grant;
	unsigned int pages = board->options.pages, i;
	int err = 0;

	grant->segments = SEGMENTS;
	grant->pages = pages >= 128 ? 64 : 1;
	grant->remade = true;
	for (i = 0; i < SEGMENTS && !err; i++)
		err = file_place(file, i, chance_below(&control->chance, pages -
						       grant->pages + 1),
				 i ? 0 : REMOTEFS_MAP_NEW);
	return err;
}

static int grant_some(struct control *control, struct file *file, bool all)
{
	if (all)
		return grant_range(control, file, true);
	switch (chance_below(&control->chance, 4)) {
	case 0:
		return grant_ranges(control, file);
	case 1:
		return grant_whole(file);
	default:
		return grant_range(control, file, false);
	}
}

static void file_path(const struct file *file, char *path, size_t size)
{
	const struct grant *grant = &file->grant;
	char name[16] = "as";

	if (grant->number != REMOTEFS_MAP_AS)
		snprintf(name, sizeof(name), "map-%u", grant->number);
	snprintf(path, size, "%s/%d/%s", board->options.mounts[grant->mount],
		 grant->pid, name);
}

static void file_unlink(const struct file *file)
{
	char path[256];

	file_path(file, path, sizeof(path));
	if (unlink(path))
		violation(NULL, "%s cannot be revoked: %s", path,
			  strerror(errno));
}

static bool source_gathered(struct source *source)
{
	source->gather = GATHER;
	while (source->gather == GATHER && !stopped())
		pause_for(100000);
	return source->gather == GATHERED;
}

#define NO_NUMBER	0xfffffffeU

static void file_grant(struct control *control, struct file *file)
{
	struct grant *grant = &file->grant;
	unsigned int n = chance_below(&control->chance, board->options.sources);
	struct source *source = &board->source[n];
	/* The first file is always one that everybody can use. */
	bool all = file == board->file || chance_one_in(&control->chance, 4);
	uint64_t serial = (file->word >> 2) + 1;
	int err;

	if (!source->pid)
		return;
	*grant = (struct grant){
		.source = n,
		.owner = source->owner,
		.pid = source->pid,
		.number = NO_NUMBER,
		.mount = chance_below(&control->chance,
				      board->options.nr_mounts),
	};
	file->session = attach(control->fd[grant->mount], grant->pid);
	if (file->session < 0)
		violation(NULL, "attach: %s", strerror(errno));
	if (all && !source_gathered(source))
		return;
	err = grant_some(control, file, all);
	source->gather = APART;
	/* Not all of it was mapped just now, or there is an "as" already. */
	if (err && (all || (err != -EFAULT && err != -EEXIST)))
		violation(NULL, "a range cannot be granted: %s",
			  strerror(-err));
	if (err) {
		if (grant->number != NO_NUMBER)
			file_unlink(file);
		close(file->session);
		return;
	}
	count(GRANTS);
	file->death[serial % DEATHS] = INT64_MAX;
	atomic_store(&file->word, serial << 2 | LIVE);
}

static void file_revoke(struct file *file)
{
	atomic_store(&file->word, file->word - LIVE + DYING);
	file_unlink(file);
	file_dead(file, now());
	count(REVOKES);
}

/* Take a range out of the file, or put another in the place of one. */
static void file_remake(struct control *control, struct file *file)
{
	struct grant *grant = &file->grant;
	unsigned int i = chance_below(&control->chance, grant->segments);
	uint64_t word = file->segment[i], next = segment_next(word);
	struct remotefs_unmap_args args = {
		.size = sizeof(args),
		.map = grant->number,
		.offset = i * grant->pages * PAGE,
		.length = grant->pages * PAGE,
	};

	if (word & SEGMENT_ABSENT) {
		atomic_store(&file->segment[i], word | SEGMENT_BUSY);
		if (file_place(file, i, chance_below(&control->chance,
						     board->options.pages -
						     grant->pages + 1), 0))
			atomic_store(&file->segment[i], word);
		return;
	}
	word &= SEGMENT_FIRST;
	atomic_store(&file->segment[i], next | SEGMENT_BUSY | word);
	if (ioctl(file->session, REMOTEFS_IOC_UNMAP, &args))
		violation(NULL, "UNMAP: %s", strerror(errno));
	atomic_store(&file->segment[i],
		     segment_next(next) | SEGMENT_ABSENT | word);
	count(REMADE);
}

static void file_turn(struct control *control)
{
	struct file *file = &board->file[chance_below(&control->chance,
						      board->options.files)];

	if ((file->word & 3) != LIVE)
		file_grant(control, file);
	else if (board->options.calm)
		return;
	else if (file->grant.remade && !chance_one_in(&control->chance, 8))
		file_remake(control, file);
	else if (chance_one_in(&control->chance, 4))
		file_revoke(file);
}

/* Viewers */

static void viewer_spawn(struct control *control, unsigned int number)
{
	pid_t parent = getpid(), child;
	unsigned int life = ++control->lives;

	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		die_with(parent);
		viewer_main(number, life);
	}
	control->child[CHILD_VIEWER + number] = child;
}

static void viewer_kill(struct control *control, unsigned int number)
{
	pid_t pid = control->child[CHILD_VIEWER + number];

	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) != pid)
		die("waitpid");
	count(KILLS);
	viewer_spawn(control, number);
}

/* What others do to a source's memory, and to all memory */

static void tell(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* Not every kernel has everything, and sources come and go. */
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		errno = 0;
	if (fd >= 0)
		close(fd);
}

static void disturb(struct chance *chance)
{
	struct source *source =
		&board->source[chance_below(chance, board->options.sources)];
	unsigned long both = 3, one = 1 + chance_below(chance, 2);
	char text[128], path[64];
	int pid = source->pid;

	if (!pid)
		return;
	snprintf(path, sizeof(path), "/proc/%d/clear_refs", pid);
	switch (chance_below(chance, 8)) {
	case 0:
		tell("/proc/sys/vm/compact_memory", "1");
		break;
	case 1:
		syscall(SYS_migrate_pages, pid, 8, &both, &one);
		break;
	case 2:
		snprintf(text, sizeof(text), "%d,%p,%p", pid,
			 (void *)source->arena, (void *)(source->arena +
			 board->options.pages * PAGE));
		tell("/sys/kernel/debug/split_huge_pages", text);
		break;
	case 3:
		/* Part all pages that KSM has merged, and go on. */
		if (chance_one_in(chance, 8))
			tell("/sys/kernel/mm/ksm/run", "2");
		tell("/sys/kernel/mm/ksm/run", "1");
		break;
	case 4:
	case 5:
		tell(path, "1");
		break;
	default:
		tell(path, "4");
	}
}

static void __attribute__((noreturn)) disturber_main(void)
{
	struct chance chance;

	chance_begin(&chance, board->options.seed, WORK_DISTURB);
	worker_begin(WORK_DISTURB, "disturber");
	while (!stopped()) {
		disturb(&chance);
		beat(WORK_DISTURB);
		pause_for(chance_below(&chance, 20) * 1000000);
	}
	_exit(0);
}

static void disturber_spawn(struct control *control)
{
	pid_t parent = getpid();

	control->child[CHILD_DISTURBER] = fork();
	if (control->child[CHILD_DISTURBER] < 0)
		die("fork");
	if (!control->child[CHILD_DISTURBER]) {
		die_with(parent);
		disturber_main();
	}
}

/* All of it */

static const char *const names[] = {
	"rounds", "loads", "stores", "reads", "writes", "exact", "kept",
	"refused", "forks", "grants", "revokes", "remade", "ends", "execs",
	"kills", "mirrors",
};

static void report(const char *title)
{
	unsigned int i;

	printf("%s: seed %lu, %.1f s", title, board->options.seed,
	       (now() - board->began) / 1e9);
	for (i = 0; i < COUNTS; i++)
		printf(", %lu %s", board->count[i], names[i]);
	putchar('\n');
	fflush(stdout);
}

/* What has not been done yet: a run without it proves nothing. */
static const char *missing(void)
{
	unsigned int i;

	for (i = 0; i < COUNTS; i++)
		if (!board->count[i] && (!board->options.calm ||
					 i < FAULTS || i == GRANTS))
			return names[i];
	if (board->count[ROUNDS] < board->options.rounds)
		return names[ROUNDS];
	return NULL;
}

static bool finished(void)
{
	const struct options *options = &board->options;
	int64_t seconds = (now() - board->began) / SECOND;

	if (seconds >= options->seconds && !missing())
		return true;
	if (seconds < options->limit)
		return false;
	report("torture");
	violation(NULL, "not enough %s in %ld s", missing(), seconds);
}

/* Nobody ends who was not told to. */
static void children_check(const struct control *control)
{
	int i, status;

	for (i = 0; i < CHILDREN; i++)
		if (control->child[i] && !stopped() &&
		    waitpid(control->child[i], &status, WNOHANG) > 0)
			violation(NULL, "process %d ended with status %#x",
				  control->child[i], status);
}

/* Has the time come? Then it comes again after about so many parts of all. */
static bool due(struct control *control, int64_t *next, unsigned int parts)
{
	int64_t pace = board->options.seconds * SECOND / parts;

	if (now() < *next)
		return false;
	if (pace > SECOND)
		pace = SECOND;
	*next = now() + pace / 2 + chance_below(&control->chance, pace);
	return true;
}

static void rule(struct control *control)
{
	const struct options *options = &board->options;

	control->next_word = board->began + 60 * SECOND;
	while (!finished() && !stopped()) {
		file_turn(control);
		if (!options->calm && due(control, &control->next_kill, 24))
			viewer_kill(control, chance_below(&control->chance,
							  options->viewers));
		if (!options->calm && due(control, &control->next_end, 16))
			source_end(control, chance_below(&control->chance,
							 options->sources));
		children_check(control);
		beat(WORK_CONTROL);
		if (now() > control->next_word) {
			report("so far");
			control->next_word += 60 * SECOND;
		}
		pause_for(chance_below(&control->chance, 10) * 1000000);
	}
}

/* Everyone has seen that it is over, and ends, or else is stuck. */
static void finish(struct control *control)
{
	int64_t end = now() + PATIENCE;
	int i;

	for (i = 0; i < MAX_SOURCES; i++)
		files_dying(i);
	board->stop = true;
	for (i = 0; i < MAX_SOURCES; i++)
		if (control->child[i])
			kill(control->child[i], SIGKILL);
	for (i = 0; i < CHILDREN; i++) {
		while (control->child[i] && now() < end &&
		       !waitpid(control->child[i], NULL, WNOHANG))
			pause_for(1000000);
		if (now() >= end) {
			process_show(control->child[i]);
			violation(NULL, "process %d does not end",
				  control->child[i]);
		}
	}
}

static const char usage[] =
	"Usage: t-torture [OPTION]... MOUNT [MOUNT]\n"
	"  --seconds N   how long (10)\n"
	"  --rounds N    and at least so many rounds (1)\n"
	"  --limit N     fail if it takes longer (600 seconds more)\n"
	"  --pages N     of a source's arena (1024)\n"
	"  --span N      at most so many at once, as a rule (8)\n"
	"  --sources N   processes that own memory (2)\n"
	"  --threads N   of a source (2)\n"
	"  --viewers N   processes of two threads each (2)\n"
	"  --files N     granted at a time (8)\n"
	"  --ops LETTERS what sources do, see deeds[] (all of it)\n"
	"  --urgent      sources are real-time processes\n"
	"  --calm        nobody is killed, nothing is revoked\n"
	"  --lie r|w     say what is not true, to see that it is noticed\n"
	"  --seed N      (from the clock)\n";

enum { SECONDS = 1, N_ROUNDS, LIMIT, N_PAGES, SPAN, N_SOURCES, N_THREADS,
       N_VIEWERS, N_FILES, OPS, URGENT, CALM, LIE, SEED };

static const struct option long_options[] = {
	{ "seconds", required_argument, NULL, SECONDS },
	{ "rounds", required_argument, NULL, N_ROUNDS },
	{ "limit", required_argument, NULL, LIMIT },
	{ "pages", required_argument, NULL, N_PAGES },
	{ "span", required_argument, NULL, SPAN },
	{ "sources", required_argument, NULL, N_SOURCES },
	{ "threads", required_argument, NULL, N_THREADS },
	{ "viewers", required_argument, NULL, N_VIEWERS },
	{ "files", required_argument, NULL, N_FILES },
	{ "ops", required_argument, NULL, OPS },
	{ "urgent", no_argument, NULL, URGENT },
	{ "calm", no_argument, NULL, CALM },
	{ "lie", required_argument, NULL, LIE },
	{ "seed", required_argument, NULL, SEED },
	{ }
};

static unsigned long within(const char *text, unsigned long max)
{
	unsigned long n = strtoul(text, NULL, 0);

	if (n < 1 || n > max) {
		fprintf(stderr, "t-torture: %s is not between 1 and %lu\n",
			text, max);
		exit(2);
	}
	return n;
}

static const char *ops_known(const char *ops)
{
	const char *op;

	for (op = ops; *op; op++)
		if (*op < 'A' || *op > 'z' || !deeds[(int)*op]) {
			fprintf(stderr, "t-torture: unknown op %c\n", *op);
			exit(2);
		}
	return ops;
}

static void option_take(struct options *options, int option, const char *text)
{
	switch (option) {
	case SECONDS: options->seconds = within(text, 1000000); break;
	case N_ROUNDS: options->rounds = within(text, 1000000000); break;
	case LIMIT: options->limit = within(text, 1000000); break;
	case N_PAGES: options->pages = within(text, MAX_PAGES); break;
	case SPAN: options->span = within(text, MAX_PAGES); break;
	case N_SOURCES: options->sources = within(text, MAX_SOURCES); break;
	case N_THREADS: options->threads = within(text, MAX_THREADS); break;
	case N_VIEWERS: options->viewers = within(text, MAX_VIEWERS); break;
	case N_FILES: options->files = within(text, MAX_FILES); break;
	case OPS: options->ops = ops_known(text); break;
	case URGENT: options->urgent = true; break;
	case CALM: options->calm = true; break;
	case LIE: options->lie = *text; break;
	case SEED: options->seed = strtoull(text, NULL, 0); break;
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

static void options_parse(struct options *options, int argc, char **argv)
{
	int option;

	*options = (struct options){
		.seconds = 10, .rounds = 1, .pages = MAX_PAGES, .span = 8,
		.sources = 2, .threads = 2, .viewers = 2, .files = MAX_FILES,
		.seed = now(),
		.ops = "wdduurrDURffoocgkknppmmtxxvll",
	};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		option_take(options, option, optarg);
	while (optind < argc && options->nr_mounts < MAX_MOUNTS)
		options->mounts[options->nr_mounts++] = argv[optind++];
	if (!options->limit)
		options->limit = options->seconds + 600;
	if (!options->nr_mounts || optind < argc)
		option_take(options, '?', NULL);
}

static void begin(struct control *control)
{
	const struct options *options = &board->options;
	struct sched_param first = { .sched_priority = 2 };
	pthread_t watcher;
	unsigned int i;

	chance_begin(&control->chance, options->seed, WORK_CONTROL);
	worker_begin(WORK_CONTROL, "control");
	for (i = 0; i < options->nr_mounts; i++)
		control->fd[i] = control_open(options->mounts[i]);
	for (i = 0; i < options->sources; i++) {
		/* Where nothing else is, in any process. */
		board->source[i].arena = ARENA + i * (1UL << 30);
		if (pipe(board->source[i].image))
			die("pipe");
		source_spawn(control, i);
	}
	for (i = 0; i < options->viewers; i++)
		viewer_spawn(control, i);
	disturber_spawn(control);
	/* It has little to do, but should do that in time. */
	sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &first);
	if (pthread_create(&watcher, NULL, watch_all, NULL))
		die("pthread_create");
}

int main(int argc, char **argv)
{
	struct control control = { };

	if (argc == 5 && !strcmp(argv[1], "--image"))
		return image_main(argv + 2);
	board = map_shared(sizeof(*board));
	options_parse(&board->options, argc, argv);
	board->began = now();
	begin(&control);
	rule(&control);
	finish(&control);
	if (board->failed)
		return 1;
	report("torture");
	return 0;
}
