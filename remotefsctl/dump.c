// SPDX-License-Identifier: GPL-2.0-only
/*
 * Saving a map file or a core, with a progress bar.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A map file is saved hole by hole: memory that was never touched becomes a hole
 * of the output, so that a whole address space of 128 TiB takes what the process
 * has.  Progress is counted in data, not in offsets.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "remotefsctl.h"

#define PATH_SIZE 4096
#define PAGE_SIZE 4096
#define CHUNK_SIZE (1 << 20)
#define BLOCK_SIZE (64 << 10)
#define BAR_WIDTH 40

struct dump {
	const char *from_name;
	const char *to_name;
	int from;
	int to;
	uint64_t size;
	uint64_t total;		/* bytes of data that there are */
	uint64_t done;
	bool show;
	struct timespec shown;	/* when the bar was drawn last */
};

static void draw(const struct dump *dump)
{
	unsigned int part = dump->total ? dump->done * 100 / dump->total : 100;
	unsigned int width;

	/* Memory that was touched meanwhile comes on top. */
	part = part > 100 ? 100 : part;
	width = part * BAR_WIDTH / 100;
	fprintf(stderr, "\r%s [%.*s%*s] %3u%% %" PRIu64 " of %" PRIu64 " MiB", dump->from_name,
		(int)width, "########################################", (int)(BAR_WIDTH - width), "",
		part, dump->done >> 20, dump->total >> 20);
}

static void show_progress(struct dump *dump)
{
	struct timespec now;

	if (!dump->show)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec == dump->shown.tv_sec && now.tv_nsec - dump->shown.tv_nsec < 100000000)
		return;
	dump->shown = now;
	draw(dump);
}

static int complain(const struct dump *dump, const char *name)
{
	if (dump->shown.tv_sec)
		fputc('\n', stderr);
	warn("%s", name);
	return EXIT_FAILURE;
}

/* The next data at or after @offset; false if there is none. */
static bool find_data(const struct dump *dump, uint64_t *offset, uint64_t *end)
{
	off_t data = lseek(dump->from, *offset, SEEK_DATA);
	off_t hole = data < 0 ? data : lseek(dump->from, data, SEEK_HOLE);

	if (data >= 0 && hole > data) {
		*offset = data;
		*end = hole;
		return true;
	}
	return false;
}

static void count_data(struct dump *dump)
{
	uint64_t offset = 0, end;

	while (find_data(dump, &offset, &end)) {
		dump->total += end - offset;
		offset = end;
	}
}

static bool is_zero(const char *bytes, size_t size)
{
	return !*bytes && !memcmp(bytes, bytes + 1, size - 1);
}

/* Zeros are left out: a core does not say where its holes are. */
static int write_out(const struct dump *dump, const char *buffer, size_t size, uint64_t offset)
{
	while (size) {
		size_t part = size < BLOCK_SIZE ? size : BLOCK_SIZE;
		ssize_t written = part;

		if (!is_zero(buffer, part))
			written = pwrite(dump->to, buffer, part, offset);
		if (written < 0)
			return -1;
		buffer += written;
		offset += written;
		size -= written;
	}
	return 0;
}

/* Returns how much there was to read, or -1. */
static ssize_t copy_chunk(struct dump *dump, char *buffer, uint64_t offset, size_t size)
{
	ssize_t length = pread(dump->from, buffer, size, offset);

	/* It has gone since it was found: its page is a hole. */
	if (length < 0 && errno == EFAULT)
		return PAGE_SIZE - offset % PAGE_SIZE;
	if (length < 0 || write_out(dump, buffer, length, offset))
		return -1;
	return length;
}

static int copy_data(struct dump *dump, uint64_t offset, uint64_t end)
{
	static char buffer[CHUNK_SIZE];

	while (offset < end) {
		size_t size = end - offset < CHUNK_SIZE ? end - offset : CHUNK_SIZE;
		ssize_t length = copy_chunk(dump, buffer, offset, size);

		if (length < 0)
			return complain(dump, dump->from_name);
		if (!length)
			break;
		offset += length;
		dump->done += length;
		show_progress(dump);
	}
	return EXIT_SUCCESS;
}

static int copy_all(struct dump *dump, bool has_holes)
{
	uint64_t offset = 0, end;
	int status = EXIT_SUCCESS;

	/* A core was laid out when it was opened, and may since be longer or shorter. */
	if (!has_holes)
		return copy_data(dump, 0, UINT64_MAX);
	while (!status && find_data(dump, &offset, &end)) {
		status = copy_data(dump, offset, end);
		offset = end;
	}
	return status;
}

static int run(struct dump *dump, bool has_holes)
{
	struct stat st;
	int status;

	if (fstat(dump->from, &st))
		return complain(dump, dump->from_name);
	dump->size = st.st_size;
	if (has_holes)
		count_data(dump);
	else
		dump->total = dump->size;
	status = copy_all(dump, has_holes);
	if (!has_holes)
		dump->size = dump->done;
	if (!status && ftruncate(dump->to, dump->size))
		return complain(dump, dump->to_name);
	if (!status && dump->show) {
		draw(dump);
		fputc('\n', stderr);
	}
	return status;
}

/* What could not be saved whole is not left behind. */
static int save(struct dump *dump, const char *path, bool has_holes)
{
	int status;

	dump->from = open(path, O_RDONLY | O_CLOEXEC);
	if (dump->from < 0)
		return complain(dump, path);
	dump->to = open(dump->to_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (dump->to < 0)
		return complain(dump, dump->to_name);
	status = run(dump, has_holes);
	if (!status && close(dump->to))
		status = complain(dump, dump->to_name);
	if (status)
		unlink(dump->to_name);
	return status;
}

/**
 * dump_run - save a map file, or a core
 * @settings:	where things are
 * @argc:	how many words
 * @argv:	the words: what to save, and the name of a file that does not exist
 *
 * The output can be read by its owner alone: it is somebody's memory.
 *
 * Return: the exit status.
 */
int dump_run(const struct settings *settings, int argc, char **argv)
{
	char path[PATH_SIZE];
	struct dump dump = { .show = !settings->quiet && isatty(STDERR_FILENO) };

	if (argc != 3 || !strchr(argv[1], '/') != settings->core) {
		warnx("usage: dump PID/map-N OUTPUT, or dump --core PID OUTPUT");
		return EXIT_FAILURE;
	}
	dump.from_name = argv[1];
	dump.to_name = argv[2];
	if (settings->core)
		snprintf(path, sizeof(path), "%s/%s/core", settings->mount, argv[1]);
	else
		snprintf(path, sizeof(path), "%s/%s", settings->data, argv[1]);
	return save(&dump, path, !settings->core);
}
