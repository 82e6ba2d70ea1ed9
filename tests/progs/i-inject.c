// SPDX-License-Identifier: GPL-2.0-only
/*
 * i-inject: let each allocation of an operation fail, one after the other.
 *
 *	i-inject MOUNT OPERATION...
 *
 * An operation is repeated with its first allocation failing, its second, and
 * so on, until it gets through without one that failed.  Each time it must fail
 * with ENOMEM, leave everything as it was, and then succeed; or do without that
 * allocation, and succeed at once.  Prints
 *
 *	OPERATION: N failed, M done without
 *
 * The program is its own source: it exposes memory of its own.
 */
#include "i-operations.h"

#define SITES_MAX 2000

static int nth_fd;

/* Everything that an operation which failed must not have changed. */

static void add_file(FILE *out, const char *name)
{
	struct remotefs_range_args range = { .size = sizeof(range) };
	struct remotefs_info_args info = { .size = sizeof(info) };
	int fd = open(name, O_RDONLY);

	if (fd < 0 || ioctl(fd, REMOTEFS_IOC_INFO, &info))
		err(1, "%s", name);
	fprintf(out, " %u %u %u %u", info.out_map, info.out_state,
		info.out_ranges, info.out_mirrors);
	while (!ioctl(fd, REMOTEFS_IOC_RANGE, &range)) {
		fprintf(out, " %llx %llx %llx %x", range.offset,
			range.out_address, range.out_length, range.out_flags);
		range.offset += range.out_length;
	}
	close(fd);
}

static void add_directory(FILE *out, const char *name)
{
	DIR *dir = opendir(name);
	struct dirent *entry;
	struct stat status;
	char inside[600];

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(inside, sizeof(inside), "%s/%s", name, entry->d_name);
		if (lstat(inside, &status))
			err(1, "%s", inside);
		fprintf(out, "\n%s %lu %o %u %lu %ld", inside,
			(unsigned long)status.st_ino, status.st_mode,
			status.st_uid, (unsigned long)status.st_nlink,
			(long)status.st_size);
		if (S_ISDIR(status.st_mode))
			add_directory(out, inside);
		else if (strcmp(entry->d_name, "control"))
			add_file(out, inside);
	}
	if (dir)
		closedir(dir);
}

static unsigned int count_mounts(void)
{
	FILE *mounts = fopen("/proc/self/mounts", "r");
	unsigned int lines = 0;
	int byte;

	if (!mounts)
		err(1, "/proc/self/mounts");
	while ((byte = getc(mounts)) != EOF)
		lines += byte == '\n';
	fclose(mounts);
	return lines;
}

static char *snapshot(void)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int next = dup(0);

	close(next);
	fprintf(out, "next descriptor %d, %u mounts", next, count_mounts());
	add_directory(out, mnt);
	fclose(out);
	return text;
}

/* Injection */

static void set_nth(int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", nth);

	if (pwrite(nth_fd, text, length, 0) != length)
		err(1, "fail-nth");
}

/* Was the allocation reached that was to fail?  Ends the injection. */
static bool was_injected(void)
{
	char text[16] = "";

	if (pread(nth_fd, text, sizeof(text) - 1, 0) < 0)
		err(1, "fail-nth");
	set_nth(0);
	return !atoi(text);
}

/* It failed: with the right errno, nothing changed, and now it works. */
static void expect_refusal(const struct operation *op, int nth, int error,
			   const char *before)
{
	char *after;

	if (error != ENOMEM || op->rules & NEVER)
		errx(1, "%s: allocation %d: %s", op->name, nth,
		     strerrorname_np(error));
	after = snapshot();
	if (strcmp(before, after))
		errx(1, "%s: allocation %d: before: %s\nafter: %s", op->name,
		     nth, before, after);
	free(after);
	if (!op->run())
		err(1, "%s: after the failure of allocation %d", op->name, nth);
}

static void inject(const struct operation *op)
{
	int nth, failed = 0, without = 0, error;
	bool done, injected = true;
	char *before;

	for (nth = 1; injected; nth++) {
		if (nth > SITES_MAX)
			errx(1, "%s: it never ends", op->name);
		if (op->prepare)
			op->prepare();
		before = snapshot();
		errno = 0;
		set_nth(nth);
		done = op->run();
		error = errno;
		injected = was_injected();
		if (!injected && !done)
			errx(1, "%s: %s", op->name, strerrorname_np(error));
		failed += injected && !done;
		without += injected && done;
		if (!done)
			expect_refusal(op, nth, error, before);
		if (op->undo)
			op->undo();
		free(before);
	}
	printf("%s: %d failed, %d done without\n", op->name, failed, without);
	if (op->rules & SOME && !failed && !without)
		errx(1, "%s: it must have allocated something", op->name);
}

static const struct operation *find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	errx(2, "no operation %s", name);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: i-inject MOUNT OPERATION...");
	mnt = argv[1];
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	if (nth_fd < 0)
		err(1, "fail-nth");
	setvbuf(stdout, NULL, _IOLBF, 0);
	begin();
	for (argv += 2; *argv; argv++) {
		set_stage(*argv);
		inject(find(*argv));
	}
	return 0;
}
