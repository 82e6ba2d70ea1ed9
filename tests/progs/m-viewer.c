// SPDX-License-Identifier: GPL-2.0-only
/*
 * m-viewer: a viewer that a test talks to.  What it does besides
 * m-dialogue.h: opening and mapping files, and calls on them.
 */
#include <linux/futex.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "m-dialogue.h"

static int file = -1;

/* open PATH r|rw: the file that the other commands are about */
static void run_open(char **words)
{
	if (file >= 0)
		close(file);
	file = open(words[1], strchr(words[2], 'w') ? O_RDWR : O_RDONLY);
	say(file);
}

static void run_close(char **words)
{
	(void)words;
	say(close(file));
	file = -1;
}

/* mirror BYTES PROT FLAGS [OFFSET [ADDRESS]]: flags s(hared) p(rivate) f(ixed) */
static void run_mirror(char **words)
{
	int prot = 0, flags = strchr(words[3], 'p') ? MAP_PRIVATE : MAP_SHARED;

	prot |= strchr(words[2], 'r') ? PROT_READ : 0;
	prot |= strchr(words[2], 'w') ? PROT_WRITE : 0;
	prot |= strchr(words[2], 'x') ? PROT_EXEC : 0;
	flags |= strchr(words[3], 'f') ? MAP_FIXED : 0;
	say_address(mmap((void *)number(words[4] ? words[5] : NULL),
			 number(words[1]), prot, flags, file,
			 number(words[4])));
}

static void say_data(ssize_t got, char *data)
{
	if (got < 0)
		puts(strerrorname_np(errno));
	else
		printf("%zd:%.*s\n", got, (int)strnlen(data, got), data);
}

/* pread BYTES OFFSET: the length, and the bytes up to the first zero */
static void run_pread(char **words)
{
	static char data[1 << 20];

	say_data(pread(file, data, number(words[1]), number(words[2])), data);
}

/* preadv OFFSET: two buffers of 3 and 5 bytes */
static void run_preadv(char **words)
{
	char data[9] = "";
	struct iovec iov[] = { { data, 3 }, { data + 3, 5 } };

	say_data(preadv(file, iov, 2, number(words[1])), data);
}

/* readat ADDRESS BYTES OFFSET: into memory at ADDRESS */
static void run_readat(char **words)
{
	ssize_t got = pread(file, (void *)number(words[1]), number(words[2]),
			    number(words[3]));

	say_data(got, "");
}

/* pwrite OFFSET TEXT */
static void run_pwrite(char **words)
{
	say_data(pwrite(file, words[2], strlen(words[2]), number(words[1])), "");
}

/* seek data|hole|set|end OFFSET */
static void run_seek(char **words)
{
	int whence = words[1][0] == 'd' ? SEEK_DATA :
		     words[1][0] == 'h' ? SEEK_HOLE :
		     words[1][0] == 'e' ? SEEK_END : SEEK_SET;
	off_t found = lseek(file, number(words[2]), whence);

	if (found < 0)
		say(-1);
	else
		printf("%ld\n", (long)found);
}

/* truncate SIZE, allocate SIZE: of the open file */
static void run_truncate(char **words)
{
	say(ftruncate(file, number(words[1])));
}

static void run_allocate(char **words)
{
	say(fallocate(file, 0, 0, number(words[1])));
}

/* pageout PID ADDRESS BYTES: advise that of another process's memory */
static void run_pageout(char **words)
{
	struct iovec iov = { (void *)number(words[2]), number(words[3]) };
	int process = syscall(SYS_pidfd_open, (pid_t)number(words[1]), 0);

	say(syscall(SYS_process_madvise, process, &iov, 1L, MADV_PAGEOUT, 0));
	close(process);
}

/* splice ADDRESS BYTES: give pages of a mirror to a pipe */
static void run_splice(char **words)
{
	struct iovec iov = { (void *)number(words[1]), number(words[2]) };
	int ends[2];

	if (pipe(ends))
		return say(-1);
	say(vmsplice(ends[1], &iov, 1, SPLICE_F_GIFT));
	close(ends[0]);
	close(ends[1]);
}

static int pipe_ends[2];

/* pipe BYTES OFFSET: splice of the file into a pipe */
static void run_pipe(char **words)
{
	off_t offset = number(words[2]);

	if (pipe(pipe_ends))
		return say(-1);
	say(splice(file, &offset, pipe_ends[1], NULL, number(words[1]), 0));
}

/* drain BYTES: what is in the pipe, up to the first zero */
static void run_drain(char **words)
{
	static char data[1 << 16];

	say_data(read(pipe_ends[0], data, number(words[1])), data);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

/* sendfile BYTES OFFSET PATH */
static void run_sendfile(char **words)
{
	int fd = open(words[3], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	off_t offset = number(words[2]);

	say(sendfile(fd, file, &offset, number(words[1])) ==
	    (ssize_t)number(words[1]) ? 0 : -1);
	close(fd);
}

/* direct ADDRESS BYTES PATH: write a mirror to a file, past the page cache */
static void run_direct(char **words)
{
	int fd = open(words[3], O_WRONLY | O_CREAT | O_DIRECT, 0600);

	say(fd < 0 ? -1 : write(fd, (void *)number(words[1]), number(words[2])));
	close(fd);
}

/* reap PID: free the memory of a process that is being killed, at once */
static void run_reap(char **words)
{
	int process = syscall(SYS_pidfd_open, number(words[1]), 0);

	say(process < 0 ? -1 : syscall(SYS_process_mrelease, process, 0));
	close(process);
}

/* futex ADDRESS: wake whoever waits there, in whichever process */
static void run_futex(char **words)
{
	say(syscall(SYS_futex, (void *)number(words[1]), FUTEX_WAKE, 1, NULL, NULL, 0));
}

/* peek PID ADDRESS: one byte of another process, by process_vm_readv */
static void run_peek(char **words)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)number(words[2]), 1 };

	say(process_vm_readv(number(words[1]), &here, 1, &there, 1, 0));
}

static char seen[4096];

static void copy(struct access *what)
{
	memcpy(seen, (void *)what->at, sizeof(seen));
}

/* Does a page of a mirror show what is @there, in a process's open memory? */
static bool page_is_same(int memory, char *mirror, off_t there)
{
	struct access what = { .at = mirror };
	char truth[4096];

	if (!attempt(copy, &what))
		return false;
	return pread(memory, truth, sizeof(truth), there) == sizeof(truth) &&
	       !memcmp(seen, truth, sizeof(truth));
}

/* compare MIRROR PAGES PID ADDRESS: ok, or the first page that differs */
static void run_compare(char **words)
{
	size_t i, pages = number(words[2]);
	char path[32];
	int memory;

	snprintf(path, sizeof(path), "/proc/%s/mem", words[3]);
	memory = open(path, O_RDONLY);
	for (i = 0; i < pages; i++)
		if (!page_is_same(memory, (char *)number(words[1]) + (i << 12),
				  number(words[4]) + (i << 12)))
			break;
	close(memory);
	if (i < pages)
		printf("page %zu differs\n", i);
	else
		puts("ok");
}

/* Mirror the file from page @shift on at @at, and compare what is telling. */
static bool shift_is_same(int memory, char *at, off_t there, size_t shift)
{
	/* The edges of the mirror, and of the huge pages behind it. */
	const size_t pages[] = { 0, 1, 511 - shift, 512 - shift, 510, 511, 256 };
	bool same = true;
	size_t i;

	if (mmap(at, HUGE, PROT_READ, MAP_SHARED | MAP_FIXED, file, shift << 12) != at)
		return false;
	for (i = 0; i < sizeof(pages) / sizeof(*pages) && same; i++)
		if (pages[i] < 512)
			same = page_is_same(memory, at + (pages[i] << 12),
					    there + ((shift + pages[i]) << 12));
	return same;
}

/* shifts ADDRESS PID SOURCE-ADDRESS: ok, or by how many pages it goes wrong */
static void run_shifts(char **words)
{
	char path[32];
	size_t shift;
	int memory;

	snprintf(path, sizeof(path), "/proc/%s/mem", words[2]);
	memory = open(path, O_RDONLY);
	for (shift = 0; shift < 512; shift++)
		if (!shift_is_same(memory, (char *)number(words[1]), number(words[3]), shift))
			break;
	close(memory);
	if (shift < 512)
		printf("shift %zu differs\n", shift);
	else
		puts("ok");
}

static const struct command commands[] = {
	{ "open", run_open },	  { "close", run_close },
	{ "mirror", run_mirror }, { "pread", run_pread },
	{ "preadv", run_preadv }, { "readat", run_readat },
	{ "pwrite", run_pwrite }, { "seek", run_seek },
	{ "truncate", run_truncate }, { "allocate", run_allocate },
	{ "splice", run_splice }, { "direct", run_direct },
	{ "futex", run_futex },	  { "peek", run_peek },
	{ "reap", run_reap },
	{ "pipe", run_pipe },	  { "drain", run_drain },
	{ "sendfile", run_sendfile }, { "shifts", run_shifts },
	{ "compare", run_compare }, { "pageout", run_pageout },
	{ }
};

int main(void)
{
	return converse(commands, NULL);
}
