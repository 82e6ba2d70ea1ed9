// SPDX-License-Identifier: GPL-2.0-only
/*
 * m-source: a source that a test talks to.  What it does to memory besides
 * m-dialogue.h: mappings that are not anonymous, execve() and vfork().
 */
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "m-dialogue.h"

static void run_exit(char **words)
{
	_exit(number(words[1]));
}

/* exec [PATH]: another program, or this one again, in the same dialogue */
static void run_exec(char **words)
{
	execl(words[1] ? words[1] : "/proc/self/exe", "m-source", "again", NULL);
	say(-1);
}

/*
 * vfork FIFO: a child with our memory, which says its ID in FIFO.ready and
 * executes sleep once it can read from FIFO.  The answer comes after that.
 */
static void run_vfork(char **words)
{
	char path[256], pid[16];
	int fd, length;

	if (!vfork()) {
		length = snprintf(pid, sizeof(pid), "%d\n", getpid());
		snprintf(path, sizeof(path), "%s.ready", words[1]);
		fd = open(path, O_WRONLY);
		if (write(fd, pid, length) != length)
			_exit(1);
		close(fd);
		fd = open(words[1], O_RDONLY);
		if (read(fd, pid, 1) == 1)
			execlp("sleep", "sleep", "1000", NULL);
		_exit(1);
	}
	puts("ok");
}

/* count ADDRESS BYTES: each page gets other bytes */
static void run_count(char **words)
{
	unsigned int *to = (void *)number(words[1]);
	size_t i, words_total = number(words[2]) / sizeof(*to);

	for (i = 0; i < words_total; i++)
		to[i] = i * 2654435761U;
	puts("ok");
}

/* vdso: where it is */
static void run_vdso(char **words)
{
	(void)words;
	say_address((void *)getauxval(AT_SYSINFO_EHDR));
}

/* holes ADDRESS PAGES: discard every second page */
static void run_holes(char **words)
{
	char *at = (char *)number(words[1]);
	size_t i, pages = number(words[2]);

	for (i = 1; i < pages; i += 2)
		if (madvise(at + (i << 12), 4096, MADV_DONTNEED))
			return say(-1);
	puts("ok");
}

/* frames ADDRESS PAGES PATH: write the page map's entries into a file */
static void run_frames(char **words)
{
	size_t bytes = number(words[2]) << 3;
	int from = open("/proc/self/pagemap", O_RDONLY);
	int to = open(words[3], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char *entries = malloc(bytes);
	ssize_t got = pread(from, entries, bytes, number(words[1]) >> 12 << 3);

	say(got == (ssize_t)bytes && write(to, entries, bytes) == got ? 0 : -1);
	free(entries);
	close(from);
	close(to);
}

static void break_page(struct access *what)
{
	say(madvise((void *)what->at, 4096, MADV_HWPOISON));
}

/* break ADDRESS: the page's memory is found broken, which may be a signal */
static void run_break(char **words)
{
	struct access what = { .at = (void *)number(words[1]) };

	attempt(break_page, &what);
}

/* softdirty ADDRESS: was it written since clear_refs? */
static void run_softdirty(char **words)
{
	unsigned long long entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (pread(fd, &entry, 8, number(words[1]) >> 12 << 3) != 8)
		say(-1);
	else
		puts(entry >> 55 & 1 ? "yes" : "no");
	close(fd);
}

static int secret_fd(size_t bytes)
{
	int fd = syscall(SYS_memfd_secret, 0);

	return fd < 0 || ftruncate(fd, bytes) ? -1 : fd;
}

static int hugetlb_fd(size_t bytes)
{
	int fd = memfd_create("huge", MFD_HUGETLB);

	return fd < 0 || ftruncate(fd, bytes) ? -1 : fd;
}

static void *special(char kind, void *at, size_t bytes)
{
	int flags = MAP_SHARED | MAP_FIXED, prot = PROT_READ, fd = -1;

	switch (kind) {
	case 'f': /* a file, privately */
		fd = open("/proc/self/exe", O_RDONLY);
		flags = MAP_PRIVATE | MAP_FIXED;
		break;
	case 's': /* shmem */
		flags |= MAP_ANONYMOUS;
		prot |= PROT_WRITE;
		break;
	case 'h': /* hugetlb */
		fd = hugetlb_fd(bytes);
		break;
	case 'p': /* private hugetlb */
		flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_HUGETLB;
		prot |= PROT_WRITE;
		break;
	case 'm': /* memfd_secret */
		fd = secret_fd(bytes);
		break;
	default:
		return MAP_FAILED;
	}
	if (fd < 0 && !(flags & MAP_ANONYMOUS))
		return MAP_FAILED;
	return mmap(at, bytes, prot, flags, fd, 0);
}

/* special KIND ADDRESS BYTES: memory that is not served, at ADDRESS */
static void run_special(char **words)
{
	struct access what = {
		.at = special(words[1][0], (void *)number(words[2]),
			      number(words[3]))
	};

	if (what.at == MAP_FAILED)
		say(-1);
	/* Present, so that only a refusal keeps it from being shown. */
	else if (attempt(load, &what))
		puts("ok");
}

/* lockall: all memory from now on */
static void run_lockall(char **words)
{
	(void)words;
	say(mlockall(MCL_FUTURE));
}

static const struct command commands[] = {
	{ "lockall", run_lockall },
	{ "exit", run_exit },	{ "exec", run_exec },
	{ "vfork", run_vfork },
	{ "count", run_count }, { "special", run_special },
	{ "vdso", run_vdso },	{ "holes", run_holes },
	{ "frames", run_frames }, { "break", run_break },
	{ "softdirty", run_softdirty },
	{ }
};

int main(int argc, char **argv)
{
	(void)argv;
	return converse(commands, argc > 1 ? "ok" : NULL);
}
