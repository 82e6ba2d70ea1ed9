// SPDX-License-Identifier: GPL-2.0-only
/*
 * a-ask: give a command to the daemon, and print what becomes of it.
 *
 *	a-ask CTL COMMAND [MEM]
 *
 * Prints "OK" or the errno of the open or of the write, then the answer that is
 * read from the same open file.  With "-" for CTL the command is written to
 * descriptor 3 instead, whoever opened that.  MEM is opened first, for reading
 * and, if it can be, for writing, as descriptor 9.  Status 1 if it failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int fail(void)
{
	puts(strerrorname_np(errno));
	return 1;
}

static int open_memory(const char *path)
{
	int fd = open(path, O_RDWR);

	if (fd < 0)
		fd = open(path, O_RDONLY);
	return fd < 0 ? -1 : dup2(fd, 9);
}

int main(int argc, char **argv)
{
	char answer[4096];
	int status = 0;
	ssize_t length;
	int ctl = 3;

	if (argc > 3 && open_memory(argv[3]) < 0)
		return fail();
	if (strcmp(argv[1], "-"))
		ctl = open(argv[1], O_RDWR);
	if (ctl < 0)
		return fail();
	if (write(ctl, argv[2], strlen(argv[2])) == (ssize_t)strlen(argv[2]))
		puts("OK");
	else
		status = fail();
	fflush(stdout);
	while ((length = read(ctl, answer, sizeof(answer))) > 0)
		if (write(1, answer, length) != length)
			return 1;
	return length < 0 ? fail() : status;
}
