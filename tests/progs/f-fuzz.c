// SPDX-License-Identifier: GPL-2.0-only
/*
 * f-fuzz: do to a mount of remotefs whatever its interface admits, and much
 * that it does not, and see that each answer is one that is documented, that
 * what failed has changed nothing, that nobody writes what was never granted,
 * and that nothing hangs.
 *
 *   f-fuzz [OPTION]... MOUNT
 *
 * With one thread all is predicted (f-model.h), and the same seed does the same
 * again. With many they share descriptors, mirrors and sources.
 *
 * It prints, for each operation, how often it came to what.
 */
#include <getopt.h>

#include "f-remote.h"

/* All calls with a structure can fail so, and on a wrong descriptor. */
#define GENERAL		E2BIG, EBADF, EFAULT, EINVAL, ENOTTY, ENOMEM, EINTR
#define ERRNOS(...)	((const int[]){ __VA_ARGS__, 0 })

static const struct operation operations[OPS] = {
	[OP_FEATURES] = { "FEATURES", 10, ERRNOS(GENERAL),
			  ERRNOS(E2BIG, EFAULT, EINVAL) },
	[OP_ATTACH] = { "ATTACH", 60,
			ERRNOS(GENERAL, EACCES, ESRCH, EMFILE, ENFILE,
			       EOPNOTSUPP, EEXIST),
			ERRNOS(E2BIG, EFAULT, EINVAL, EBADF, EACCES, ESRCH,
			       EMFILE, EOPNOTSUPP) },
	[OP_MAP] = { "MAP", 140,
		     ERRNOS(GENERAL, EEXIST, ENOENT, ENOSPC, EACCES, EPERM,
			    ESRCH, ESTALE, ELOOP, EOPNOTSUPP),
		     ERRNOS(E2BIG, EFAULT, EINVAL, EEXIST, ENOENT, ENOSPC,
			    EACCES, EPERM, ESRCH, ELOOP, EOPNOTSUPP) },
	[OP_UNMAP] = { "UNMAP", 40,
		       ERRNOS(GENERAL, ENOENT, EPERM, ESRCH, ESTALE,
			      EOPNOTSUPP),
		       ERRNOS(E2BIG, EFAULT, EINVAL, ENOENT, EPERM, ESRCH,
			      EOPNOTSUPP) },
	[OP_ALLOW] = { "ALLOW", 50,
		       ERRNOS(GENERAL, EACCES, EEXIST, ENOENT, ENOSPC, EPERM,
			      ESRCH, ESTALE, EOPNOTSUPP),
		       ERRNOS(E2BIG, EFAULT, EINVAL, EACCES, EEXIST, ENOENT,
			      ENOSPC, EPERM, ESRCH, EOPNOTSUPP) },
	[OP_LOCK] = { "LOCK", 16,
		      ERRNOS(GENERAL, ENOENT, EPERM, ESRCH, ESTALE, EOPNOTSUPP),
		      ERRNOS(E2BIG, EFAULT, EINVAL, ENOENT, EPERM, ESRCH,
			     EOPNOTSUPP) },
	[OP_OPEN] = { "OPEN", 25,
		      ERRNOS(GENERAL, EACCES, ENOENT, EPERM, EROFS, ESRCH,
			     ESTALE, EMFILE, ENFILE, EOPNOTSUPP),
		      ERRNOS(E2BIG, EFAULT, EINVAL, EACCES, ENOENT, EPERM,
			     EROFS, ESRCH, EMFILE, EOPNOTSUPP) },
	[OP_INFO] = { "INFO", 30, ERRNOS(GENERAL, EOPNOTSUPP),
		      ERRNOS(E2BIG, EFAULT, EINVAL, EOPNOTSUPP) },
	[OP_RANGE] = { "RANGE", 30, ERRNOS(GENERAL, ENOENT, ESRCH, ESTALE),
		       ERRNOS(E2BIG, EFAULT, EINVAL, ENOENT, ESRCH, ESTALE) },
	[OP_WATCH] = { "WATCH", 25,
		       ERRNOS(GENERAL, ESRCH, EMFILE, ENFILE, EOPNOTSUPP),
		       ERRNOS(E2BIG, EFAULT, EINVAL, ESRCH, EMFILE,
			      EOPNOTSUPP) },
	[OP_WATCH_ADD] = { "WATCH_ADD", 40,
			   ERRNOS(GENERAL, EEXIST, ENOSPC, ESRCH, EOPNOTSUPP),
			   ERRNOS(E2BIG, EFAULT, EINVAL, EEXIST, ENOSPC, ESRCH,
				  EOPNOTSUPP) },
	[OP_WATCH_DEL] = { "WATCH_DEL", 20, ERRNOS(GENERAL, ENOENT, EOPNOTSUPP),
			   ERRNOS(E2BIG, EFAULT, EINVAL, ENOENT, EOPNOTSUPP) },
	[OP_REMOTE] = { "REMOTE", 50,
			ERRNOS(GENERAL, EACCES, EAGAIN, EBUSY, EEXIST, ELOOP,
			       ENOSPC, EOPNOTSUPP, EPERM, ESRCH),
			ERRNOS(E2BIG, EFAULT, EINVAL, EACCES, EEXIST, ELOOP,
			       ENOSPC, EOPNOTSUPP, EPERM, ESRCH) },
	[OP_AREA] = { "AREA", 20,
		      ERRNOS(GENERAL, EOPNOTSUPP, EPERM, ESRCH, ESTALE),
		      ERRNOS(E2BIG, EFAULT, EINVAL, EOPNOTSUPP, EPERM, ESRCH,
			     ESTALE) },
	[OP_UNKNOWN] = { "(other)", 0, ERRNOS(GENERAL), ERRNOS(ENOTTY, EBADF) },
	[OP_MEM] = { "mem", 30, ERRNOS(ENOENT, EACCES, ESRCH, ENOMEM, EPERM),
		     ERRNOS(0) },
	[OP_PATH] = { "open", 80,
		      ERRNOS(ENOENT, EACCES, EROFS, ESTALE, ESRCH, EEXIST,
			     ENOTDIR, EINVAL, EPERM, ENOMEM, EOPNOTSUPP),
		      ERRNOS(ENOENT, EACCES, EROFS, EEXIST, ENOTDIR) },
	[OP_READ] = { "read", 60,
		      ERRNOS(EBADF, EINVAL, EFAULT, ESTALE, ESRCH, EAGAIN,
			     EOPNOTSUPP, EOVERFLOW, ENOMEM, EINTR),
		      ERRNOS(EBADF, EINVAL, EFAULT, ESTALE, ESRCH,
			     EOPNOTSUPP) },
	[OP_WRITE] = { "write", 60,
		       ERRNOS(EBADF, EINVAL, EFAULT, ESTALE, ESRCH, EAGAIN,
			      EOPNOTSUPP, EOVERFLOW, ENOMEM, EINTR, EACCES,
			      ENOSPC, EFBIG),
		       ERRNOS(EBADF, EINVAL, EFAULT, ESTALE, ESRCH, EOPNOTSUPP,
			      EACCES, ENOSPC) },
	[OP_SEEK] = { "lseek", 20,
		      ERRNOS(EINVAL, ENXIO, ESTALE, ESRCH, EOVERFLOW, EINTR),
		      ERRNOS(EINVAL, ENXIO, ESTALE, ESRCH) },
	[OP_SPLICE] = { "splice", 10,
			ERRNOS(EBADF, EINVAL, EFAULT, ESTALE, ESRCH, EACCES,
			       ENOSPC, EFBIG, EOVERFLOW, EAGAIN, ENOMEM, EINTR),
			ERRNOS(EBADF) },
	[OP_TRUNCATE] = { "ftruncate", 8, ERRNOS(EINVAL, EPERM),
			  ERRNOS(EINVAL, EPERM) },
	[OP_MMAP] = { "mmap", 60,
		      ERRNOS(EACCES, EPERM, EINVAL, ESTALE, ESRCH, EOVERFLOW,
			     ELOOP, ENOMEM, EINTR, EAGAIN, EEXIST, ENODEV),
		      ERRNOS(EACCES, EPERM, EINVAL, ESTALE, ESRCH, ELOOP) },
	[OP_MUNMAP] = { "munmap", 6, ERRNOS(ENOMEM, EINVAL), ERRNOS(0) },
	[OP_MPROTECT] = { "mprotect", 10, ERRNOS(EACCES, ENOMEM, EINVAL),
			  ERRNOS(EACCES) },
	[OP_MREMAP] = { "mremap", 4,
			ERRNOS(EINVAL, EFAULT, ENOMEM, ELOOP, EAGAIN, EINTR),
			ERRNOS(EFAULT) },
	[OP_MADVISE] = { "madvise", 10,
			 ERRNOS(EINVAL, EIO, ENOMEM, EBADF, EAGAIN, EACCES,
				EPERM, EOPNOTSUPP, EFAULT, EBUSY, EINTR),
			 ERRNOS(EINVAL) },
	[OP_LOAD] = { "load", 60, ERRNOS(GOT_SIGBUS, GOT_SIGSEGV),
		      ERRNOS(GOT_SIGBUS, GOT_SIGSEGV) },
	[OP_STORE] = { "store", 60, ERRNOS(GOT_SIGBUS, GOT_SIGSEGV),
		       ERRNOS(GOT_SIGBUS, GOT_SIGSEGV) },
	[OP_UNLINK] = { "unlink", 12, ERRNOS(ENOENT, EPERM, EISDIR),
			ERRNOS(ENOENT, EPERM) },
	[OP_RMDIR] = { "rmdir", 2, ERRNOS(ENOENT, ENOTDIR, EBUSY),
		       ERRNOS(ENOENT, ENOTDIR) },
	[OP_CHMOD] = { "chmod", 10, ERRNOS(ENOENT, EPERM),
		       ERRNOS(ENOENT, EPERM) },
	[OP_CHOWN] = { "chown", 10, ERRNOS(ENOENT, EPERM), ERRNOS(ENOENT) },
	[OP_MAKE] = { "mkdir etc.", 6,
		      ERRNOS(EPERM, EACCES, ENOENT, EEXIST, EXDEV, EINVAL),
		      ERRNOS(EPERM) },
	[OP_READDIR] = { "readdir", 10, ERRNOS(ENOENT), ERRNOS(ENOENT) },
	[OP_STATFS] = { "statfs", 4, ERRNOS(ENOMEM), ERRNOS(0) },
	[OP_FDINFO] = { "fdinfo", 10, ERRNOS(ENOMEM), ERRNOS(0) },
	[OP_DUP] = { "dup", 10, ERRNOS(EMFILE), ERRNOS(0) },
	[OP_CLOSE] = { "close", 10, ERRNOS(EIO), ERRNOS(0) },
	[OP_PASS] = { "pass", 8, ERRNOS(EBADF), ERRNOS(0) },
	[OP_DEED] = { "deed", 60, ERRNOS(EINVAL), ERRNOS(0) },
	[OP_END] = { "end", 6, ERRNOS(EINVAL), ERRNOS(0) },
	[OP_SPAWN] = { "spawn", 12, ERRNOS(EINVAL), ERRNOS(0) },
	[OP_TOLD] = { "told", 40, ERRNOS(EAGAIN, EINVAL, EFAULT, EINTR),
		      ERRNOS(EAGAIN, EINVAL, EFAULT) },
	[OP_LABEL] = { "label", 16,
		       ERRNOS(EBADF, EEXIST, EINVAL, ENODATA, ENOMEM, EPERM,
			      ERANGE, EROFS, ESRCH, ESTALE),
		       ERRNOS(EEXIST, EINVAL, ENODATA, EPERM, ERANGE, ESTALE) },
};

static void (*const doers[OPS])(struct fuzzer *fuzzer) = {
	[OP_FEATURES] = do_features, [OP_ATTACH] = do_attach,
	[OP_MAP] = do_map, [OP_UNMAP] = do_unmap, [OP_ALLOW] = do_allow,
	[OP_LOCK] = do_lock, [OP_OPEN] = do_open, [OP_INFO] = do_info,
	[OP_RANGE] = do_range, [OP_MEM] = do_mem, [OP_PATH] = do_path,
	[OP_READ] = do_read, [OP_WRITE] = do_write, [OP_SEEK] = do_seek,
	[OP_SPLICE] = do_splice, [OP_TRUNCATE] = do_truncate,
	[OP_MMAP] = do_mmap, [OP_MUNMAP] = do_munmap,
	[OP_MPROTECT] = do_mprotect, [OP_MREMAP] = do_mremap,
	[OP_MADVISE] = do_madvise, [OP_LOAD] = do_load, [OP_STORE] = do_store,
	[OP_UNLINK] = do_unlink, [OP_RMDIR] = do_rmdir, [OP_CHMOD] = do_chmod,
	[OP_CHOWN] = do_chown, [OP_MAKE] = do_make, [OP_READDIR] = do_readdir,
	[OP_STATFS] = do_statfs, [OP_FDINFO] = do_fdinfo, [OP_DUP] = do_dup,
	[OP_CLOSE] = do_close, [OP_PASS] = do_pass, [OP_DEED] = do_deed,
	[OP_END] = do_end, [OP_SPAWN] = do_spawn,
	[OP_WATCH] = do_watch, [OP_WATCH_ADD] = do_watch_add,
	[OP_WATCH_DEL] = do_watch_del, [OP_TOLD] = do_told,
	[OP_REMOTE] = do_remote, [OP_AREA] = do_area,
	[OP_LABEL] = do_label,
};

/* Each thread */

static unsigned int op_choose(struct fuzzer *fuzzer)
{
	unsigned int sum = 0, i, n;

	for (i = 0; i < OPS; i++)
		sum += operations[i].weight;
	n = chance_below(&fuzzer->chance, sum);
	for (i = 0; n >= operations[i].weight; i++)
		n -= operations[i].weight;
	/* There is one nursery, so one thread does it for all. */
	if ((i == OP_END || i == OP_SPAWN) && fuzzer->thread)
		return OP_LOAD;
	if (!strict() && !fuzzer->thread && chance_one_in(&fuzzer->chance, 8))
		return chance_one_in(&fuzzer->chance, 3) ? OP_END : OP_SPAWN;
	/* Where many do it, little would be left. */
	if (!strict() && (i == OP_UNLINK || i == OP_RMDIR) &&
	    !chance_one_in(&fuzzer->chance, 4))
		return OP_MAP;
	return i;
}

/* What was never seen, on @to if that is not NULL: a run without it proves little. */
static bool op_lacks(unsigned int op, int outcome, FILE *to)
{
	if (counts[op][outcome_index(outcome)])
		return false;
	if (to)
		fprintf(to, "fuzz: %s never came to %s\n", operations[op].name,
			outcome_name(outcome));
	return true;
}

static bool is_complete(FILE *to)
{
	bool lacking = false;
	const int *wanted;
	unsigned int op;

	for (op = 0; op < OPS; op++) {
		if (op == OP_OPEN && !has_sessions())
			continue;
		/* All but these can succeed. */
		if (op != OP_UNKNOWN && op != OP_MAKE)
			lacking |= op_lacks(op, 0, to);
		for (wanted = operations[op].wanted; *wanted; wanted++)
			lacking |= op_lacks(op, *wanted, to);
	}
	return !lacking;
}

static bool finished(void)
{
	const struct options *options = &board->options;

	if (options->operations ? total < options->operations :
	    now() - board->began < options->seconds * SECOND)
		return false;
	return !options->complete || is_complete(NULL);
}

static void *fuzz(void *argument)
{
	struct fuzzer *fuzzer = argument;

	fuzzer->tid = gettid();
	while (!stopped() && !finished()) {
		fuzzer->expect = (struct expect){ };
		doers[op_choose(fuzzer)](fuzzer);
		if (strict() && chance_one_in(&fuzzer->chance, 32))
			world_check(fuzzer);
		fuzzer->done++;
		total++;
	}
	if (strict() && !stopped())
		world_check(fuzzer);
	fuzzer->tid = 0;
	return NULL;
}

static void fuzzer_begin(struct fuzzer *fuzzer, unsigned int number)
{
	chance_begin(&fuzzer->chance, board->options.seed, number);
	fuzzer->thread = number;
	fuzzer->buffer = mmap(NULL, 3 * ROOM, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fuzzer->readonly = mmap(NULL, ROOM, PROT_READ,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fuzzer->buffer == MAP_FAILED || fuzzer->readonly == MAP_FAILED ||
	    mprotect(fuzzer->buffer + 2 * ROOM, ROOM, PROT_NONE))
		die("buffers");
}

/* All of it */

static void report(void)
{
	unsigned int op, i;

	printf("fuzz: seed %lu, %u threads, %.1f s, %lu operations\n",
	       board->options.seed, board->options.threads,
	       (now() - board->began) / 1e9, total);
	for (op = 0; op < OPS; op++) {
		printf("%-10s", operations[op].name);
		for (i = 0; i < OUTCOMES; i++)
			if (counts[op][i])
				printf(" %s %lu", outcome_name(outcomes[i]),
				       counts[op][i]);
		putchar('\n');
	}
	fflush(stdout);
}

/* What a task is stuck in, for whoever reads the failure. */
static void task_show(pid_t pid, pid_t tid)
{
	static const char *const parts[] = { "stat", "wchan", "stack" };
	char path[64], line[256];
	unsigned int i;
	FILE *file;

	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid,
			 parts[i]);
		file = fopen(path, "r");
		while (file && fgets(line, sizeof(line), file))
			fprintf(stderr, "%s%s", line,
				strchr(line, '\n') ? "" : "\n");
		if (file)
			fclose(file);
	}
}

static void __attribute__((noreturn)) stuck(const char *what)
{
	unsigned int i;

	if (board->options.complete)
		is_complete(stderr);
	for (i = 0; i < self(); i++)
		if (pid_of(i))
			task_show(pid_of(i), pid_of(i));
	for (i = 0; i < board->options.threads; i++) {
		if (!fuzzers[i].tid)
			continue;
		task_show(getpid(), fuzzers[i].tid);
		fuzzer_show(&fuzzers[i], 2);
	}
	violation(NULL, "%s", what);
}

/* Does everybody make progress, and is it over in time? */
static void watch(void)
{
	static uint64_t seen[MAX_THREADS];
	static int64_t since[MAX_THREADS];
	int64_t next = now() + 60 * SECOND;
	struct fuzzer *fuzzer;
	unsigned int i, running;

	do {
		pause_for(SECOND / 20);
		running = 0;
		for (i = 0; i < board->options.threads; i++) {
			fuzzer = &fuzzers[i];
			running += !!fuzzer->tid;
			if (!fuzzer->tid || fuzzer->done != seen[i] || !since[i]) {
				seen[i] = fuzzer->done;
				since[i] = now();
			} else if (now() - since[i] > 2 * PATIENCE) {
				stuck("a thread makes no progress");
			}
		}
		if (now() - board->began > board->options.limit * SECOND)
			stuck("it is not done in time");
		if (now() > next) {
			printf("so far: %lu operations\n", total);
			fflush(stdout);
			next += 60 * SECOND;
		}
	} while (running && !stopped());
}

static void board_begin(const struct options *options)
{
	int fd = memfd_create("board", 0);

	if (fd < 0 || ftruncate(fd, sizeof(*board)) || dup2(fd, BOARD_FD) < 0)
		die("board");
	close(fd);
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED,
		     BOARD_FD, 0);
	if (board == MAP_FAILED)
		die("board");
	board->options = *options;
	board->began = now();
}

/* What this kernel has, and how large an address space is. */
static void world_ask(void)
{
	struct remotefs_features_args features = {
		.size = sizeof(features), .features = -1ULL,
	};
	struct remotefs_attach_args attach = { .size = sizeof(attach), .mem_fd = -1 };
	struct remotefs_map_args map = {
		.size = sizeof(map),
		.flags = REMOTEFS_MAP_NEW | REMOTEFS_MAP_WHOLE,
	};
	struct stat stat;
	char path[32];
	int control = openat(world.root, "control", O_RDONLY | O_CLOEXEC);
	int session;

	if (ioctl(control, REMOTEFS_IOC_FEATURES, &features))
		die("features");
	world.features = features.features;
	session = ioctl(control, REMOTEFS_IOC_ATTACH, &attach);
	if (ioctl(session, REMOTEFS_IOC_MAP, &map))
		die("the fuzzer's own memory");
	path_of(self(), map.map, path, sizeof(path));
	if (fstatat(world.root, path, &stat, 0))
		die(path);
	world.task_size = stat.st_size;
	snprintf(path, sizeof(path), "%d", getpid());
	if (unlinkat(world.root, path, AT_REMOVEDIR))
		die(path);
	close(session);
	close(control);
}

static void world_begin(struct fuzzer *fuzzer)
{
	const char *mount = board->options.mount;
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };
	unsigned int i;

	world.root = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	world.readonly = open_tree(AT_FDCWD, mount,
				   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (world.root < 0 || world.readonly < 0 ||
	    mount_setattr(world.readonly, "", AT_EMPTY_PATH, &attributes,
			  sizeof(attributes)))
		die(mount);
	world_ask();
	arena_begin(self(), 1);
	memory_begin(self());
	for (i = 0; i < self(); i++) {
		source_spawn(fuzzer, i, false);
		memory_begin(i);
	}
	/* Something to begin with. */
	for (i = 0; i < 40; i++) {
		fuzzer->expect = (struct expect){ };
		doers[i < 16 ? OP_MEM : i < 24 ? OP_PATH : OP_ATTACH](fuzzer);
		if (i < 4)
			do_path_other(fuzzer);
		fuzzer->done++;
	}
}

static void world_end(void)
{
	unsigned int i;

	for (i = 0; i < self(); i++) {
		if (!pid_of(i))
			continue;
		kill(pid_of(i), SIGKILL);
		nurse_ask(i);
	}
}

static const char usage[] =
	"Usage: f-fuzz [OPTION]... MOUNT\n"
	"  --operations N  how many (as many as the time allows)\n"
	"  --seconds N     how long, otherwise (10)\n"
	"  --limit N       fail if it takes longer (3600 seconds)\n"
	"  --threads N     that share all (1: each answer is predicted)\n"
	"  --sources N     processes that own memory (3)\n"
	"  --complete      go on until all was seen that can be\n"
	"  --lie e|m|w     expect what is wrong, to see that it is noticed\n"
	"  --seed N        (from the clock)\n";

static const struct option long_options[] = {
	{ "operations", required_argument, NULL, 'o' },
	{ "seconds", required_argument, NULL, 't' },
	{ "limit", required_argument, NULL, 'l' },
	{ "threads", required_argument, NULL, 'T' },
	{ "sources", required_argument, NULL, 'S' },
	{ "complete", no_argument, NULL, 'c' },
	{ "lie", required_argument, NULL, 'x' },
	{ "seed", required_argument, NULL, 's' },
	{ }
};

static unsigned long within(const char *text, unsigned long max)
{
	unsigned long n = strtoul(text, NULL, 0);

	if (n < 1 || n > max) {
		fprintf(stderr, "f-fuzz: %s is not between 1 and %lu\n", text, max);
		exit(2);
	}
	return n;
}

static void options_parse(struct options *options, int argc, char **argv)
{
	int option;

	*options = (struct options){
		.seconds = 10, .limit = 3600, .threads = 1, .sources = 3,
		.seed = now(),
	};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		switch (option) {
		case 'o': options->operations = within(optarg, -2UL); break;
		case 't': options->seconds = within(optarg, 1000000); break;
		case 'l': options->limit = within(optarg, 1000000); break;
		case 'T': options->threads = within(optarg, MAX_THREADS); break;
		case 'S': options->sources = within(optarg, MAX_SOURCES - 1); break;
		case 'c': options->complete = true; break;
		case 'x': options->lie = *optarg; break;
		case 's': options->seed = strtoull(optarg, NULL, 0); break;
		default:
			fputs(usage, stderr);
			exit(2);
		}
	if (optind != argc - 1) {
		fputs(usage, stderr);
		exit(2);
	}
	options->mount = argv[optind];
}

int main(int argc, char **argv)
{
	struct options options;
	pthread_t thread;
	unsigned int i;

	if (argc == 3 && !strcmp(argv[1], "--image"))
		return image_main(atoi(argv[2]));
	options_parse(&options, argc, argv);
	board_begin(&options);
	escape_prepare();
	nurse_begin();
	for (i = 0; i < options.threads; i++)
		fuzzer_begin(&fuzzers[i], i);
	world_begin(fuzzers);
	for (i = 0; i < options.threads; i++) {
		/* Before it is watched. */
		fuzzers[i].tid = -1;
		if (pthread_create(&thread, NULL, fuzz, &fuzzers[i]))
			die("pthread_create");
	}
	watch();
	if (board->failed)
		return 1;
	world_end();
	report();
	return 0;
}
