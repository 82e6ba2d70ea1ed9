// SPDX-License-Identifier: GPL-2.0-only
/*
 * m-steady: read a file again and again, whose bytes are all the same.
 *
 *	m-steady PATH CHARACTER SECONDS
 *
 * Every other time it asks for holes first.  Status 1, and the offset, if a byte
 * is another one, or if there is said to be a hole.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char data[1 << 20];
	unsigned long rounds = 0;
	struct stat status;
	ssize_t got;
	time_t end;
	int file;

	if (argc != 4)
		return 2;
	file = open(argv[1], O_RDONLY);
	if (file < 0 || fstat(file, &status))
		err(2, "%s", argv[1]);
	end = time(NULL) + atoi(argv[3]);
	for (off_t at = 0; time(NULL) < end; at = at < status.st_size ? at : 0) {
		if (rounds++ % 2 && lseek(file, at, SEEK_HOLE) != status.st_size)
			errx(1, "a hole after %ld", (long)at);
		got = pread(file, data, sizeof(data), at);
		if (got <= 0)
			err(1, "pread");
		for (ssize_t i = 0; i < got; i++)
			if (data[i] != *argv[2])
				errx(1, "%02x at %ld", data[i], (long)(at + i));
		at += got;
	}
	printf("%lu reads\n", rounds);
	return 0;
}
