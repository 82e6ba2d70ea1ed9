// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exposed memory of a process as an ELF core file.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * The headers are made when the file is opened, and the memory is read when the
 * reader gets there: nothing is stored, and what is read is what the process has
 * at that moment.  So the parts of a core need not fit each other as those of a
 * process that was stopped would.
 *
 * There is one program header for each mapping that is exposed to the reader,
 * and one without bytes for each mapping of a file.  Anonymous memory that is not
 * exposed has none, since debuggers would read zeros there.  Where the reader may not see the mappings, there is one for
 * each piece of memory that the map files have.
 *
 * Map files are opened with the reader's credentials: they count for nothing here
 * that they would not count for there.
 */
#include <errno.h>
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/remotefs.h>

#include "core.h"
#include "remotefsd.h"

#define PAGE_SIZE 4096

/* A core on its way. */
struct making {
	const struct job *job;
	struct segments shown;		/* what the map files show, by address */
	struct core *core;
	struct elf_notes *notes;
};

static int add_segment(struct segments *segments, const struct segment *segment)
{
	struct segment *grown;

	/* Doubling, since there may be tens of thousands. */
	if (!(segments->count & (segments->count - 1))) {
		size_t room = segments->count ? segments->count * 2 : 1;

		grown = reallocarray(segments->items, room, sizeof(*grown));
		if (!grown)
			return ENOMEM;
		segments->items = grown;
	}
	segments->items[segments->count++] = *segment;
	return 0;
}

static int compare_segments(const void *a, const void *b)
{
	const struct segment *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

/* One that nobody needs twice: what other map files show already is cut off. */
static void cut_overlaps(struct segments *shown)
{
	uint64_t end = 0;
	size_t kept = 0;

	qsort(shown->items, shown->count, sizeof(*shown->items), compare_segments);
	for (size_t i = 0; i < shown->count; i++) {
		struct segment segment = shown->items[i];

		if (segment.end <= end)
			continue;
		if (segment.start < end) {
			segment.offset += end - segment.start;
			segment.start = end;
		}
		end = segment.end;
		shown->items[kept++] = segment;
	}
	shown->count = kept;
}

static int add_ranges(struct segments *shown, int fd)
{
	struct remotefs_range_args range = { 0 };
	int error = 0;

	while (!error && !kernel_range(fd, &range)) {
		const struct segment segment = {
			.start = range.out_address,
			.end = range.out_address + range.out_length,
			.flags = PF_R | (range.out_flags & REMOTEFS_MAP_WRITE ? PF_W : 0),
			.fd = fd,
			.offset = range.offset,
		};

		error = add_segment(shown, &segment);
		range.offset += range.out_length;
	}
	return error;
}

/* Whoever owns a thousand map files needs as many descriptors. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* All map files that the reader could open, from the mount's root on. */
static int find_shown(struct making *making, int tree)
{
	const struct job *job = making->job;
	struct map_file *files;
	size_t nr_files;
	int error = tree_files(tree, job->pid, &files, &nr_files);
	char name[TREE_NAME_SIZE];
	char path[2 * TREE_NAME_SIZE];
	int denied = 0;

	for (size_t i = 0; i < nr_files && !error; i++) {
		int fd;

		snprintf(path, sizeof(path), "%d/%s", job->pid, tree_name(name, files[i].map));
		fd = authority_open_as(job->around, job->requester, tree, path,
				       O_RDONLY | O_NOFOLLOW);
		if (fd >= 0)
			error = add_ranges(&making->shown, fd);
		else if (fd == -EMFILE || fd == -ENFILE)
			error = -fd;
		else
			denied = -fd;
	}
	free(files);
	if (!error && !making->shown.count && denied)
		return denied;
	if (making->shown.count)
		cut_overlaps(&making->shown);
	return error;
}

static uint32_t flags_of(const struct vma *vma)
{
	return (vma->perms[0] == 'r' ? PF_R : 0) | (vma->perms[1] == 'w' ? PF_W : 0) |
	       (vma->perms[2] == 'x' ? PF_X : 0);
}

/* A mapping of a file: debuggers find its bytes there. */
static int add_file_vma(struct making *making, const struct vma *vma)
{
	const struct segment segment = {
		.start = vma->start,
		.end = vma->end,
		.flags = flags_of(vma),
		.fd = -1,
	};

	return add_segment(&making->core->segments, &segment);
}

/* The parts of anonymous memory that are shown. */
static int add_anonymous_vma(struct making *making, const struct vma *vma)
{
	int error = 0;

	for (size_t i = 0; i < making->shown.count && !error; i++) {
		struct segment part = making->shown.items[i];

		if (part.end <= vma->start || part.start >= vma->end)
			continue;
		part.flags = flags_of(vma);
		if (part.start < vma->start) {
			part.offset += vma->start - part.start;
			part.start = vma->start;
		}
		if (part.end > vma->end)
			part.end = vma->end;
		error = add_segment(&making->core->segments, &part);
	}
	return error;
}

static int add_vma(struct making *making, const struct vma *vma)
{
	if (vma->kind == VMA_FILE)
		return add_file_vma(making, vma);
	if (vma->kind == VMA_SPECIAL || vma->perms[0] != 'r')
		return 0;
	return add_anonymous_vma(making, vma);
}

static int add_vmas(struct making *making, FILE *maps)
{
	char *line = NULL;
	size_t size = 0;
	struct vma vma;
	int error = 0;

	while (!error && getline(&line, &size, maps) > 0) {
		if (!vma_parse(line, &vma)) {
			error = EIO;
			break;
		}
		if (vma.kind == VMA_FILE && vma.name[0] == '/')
			elf_add_file(making->notes, &vma);
		error = add_vma(making, &vma);
	}
	free(line);
	return error;
}

/* Without mappings to go by: the data that there is, since holes can be huge. */
static int add_data(struct making *making, const struct segment *shown)
{
	uint64_t end = shown->offset + (shown->end - shown->start);
	int error = 0;
	off_t data, hole;

	for (hole = shown->offset; !error && (uint64_t)hole < end;) {
		struct segment part = *shown;

		data = lseek(shown->fd, hole, SEEK_DATA);
		if (data < 0 || (uint64_t)data >= end)
			break;
		hole = lseek(shown->fd, data, SEEK_HOLE);
		if (hole < 0)
			break;
		if ((uint64_t)hole > end)
			hole = end;
		part.start = shown->start + (data - shown->offset);
		part.end = shown->start + (hole - shown->offset);
		part.offset = data;
		error = add_segment(&making->core->segments, &part);
	}
	return error;
}

static int find_segments(struct making *making)
{
	const struct job *job = making->job;
	int fd = authority_open_proc(job->pid, "maps", job->around, job->requester);
	FILE *maps = fd < 0 ? NULL : fdopen(fd, "r");
	int error = 0;

	if (maps)
		return add_vmas(making, maps);
	for (size_t i = 0; i < making->shown.count && !error; i++)
		error = add_data(making, &making->shown.items[i]);
	return error;
}

static int make_core(struct making *making, int tree)
{
	int error;

	making->notes = elf_notes_new(making->job);
	if (!making->notes)
		return ENOMEM;
	error = find_shown(making, tree);
	if (!error)
		error = find_segments(making);
	return error ? error : elf_write_headers(making->core, making->notes);
}

/**
 * core_open - make the headers of a core
 * @job:	who reads, and which process
 * @core:	receives it
 *
 * Runs in a child of its own, whose end frees and closes what is left here.
 *
 * Return: 0; EACCES if the reader may read none of its map files, or if that
 * cannot be known; or another errno value.
 */
int core_open(const struct job *job, struct core **core)
{
	struct making making = { .job = job };
	int tree;

	if (policy_obstacle(job->around, job->requester))
		return EACCES;
	/* By its path, so that the directories on the way count. */
	tree = authority_open_as(job->around, job->requester, AT_FDCWD, job->data,
				 O_RDONLY | O_DIRECTORY);
	if (tree < 0)
		return -tree;
	making.core = calloc(1, sizeof(*making.core));
	if (!making.core)
		return ENOMEM;
	raise_limit();
	*core = making.core;
	return make_core(&making, tree);
}

/**
 * core_size - how long a core is
 * @core:	the core
 */
uint64_t core_size(const struct core *core)
{
	return core->size;
}

/* The last segment that does not begin after @position. */
static const struct segment *find_segment(const struct core *core, uint64_t position)
{
	size_t low = 0, high = core->segments.count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (core->segments.items[middle].position <= position)
			low = middle;
		else
			high = middle;
	}
	return &core->segments.items[low];
}

/* Memory that has gone since reads as zeros, to the end of its page. */
static ssize_t read_memory(const struct segment *segment, char *buffer, size_t size,
			   uint64_t delta)
{
	ssize_t length;

	if (size > segment->end - segment->start - delta)
		size = segment->end - segment->start - delta;
	length = pread(segment->fd, buffer, size, segment->offset + delta);
	if (length > 0)
		return length;
	if (length < 0 && errno != EFAULT)
		return -errno;
	if (size > PAGE_SIZE - delta % PAGE_SIZE)
		size = PAGE_SIZE - delta % PAGE_SIZE;
	memset(buffer, 0, size);
	return size;
}

static ssize_t read_part(const struct core *core, char *buffer, size_t size, uint64_t offset)
{
	uint64_t first = core->segments.count ? core->segments.items[0].position : core->size;

	if (offset < core->headers_size) {
		if (size > core->headers_size - offset)
			size = core->headers_size - offset;
		memcpy(buffer, core->headers + offset, size);
		return size;
	}
	if (offset < first) {
		if (size > first - offset)
			size = first - offset;
		memset(buffer, 0, size);
		return size;
	}
	return read_memory(find_segment(core, offset), buffer, size,
			   offset - find_segment(core, offset)->position);
}

/**
 * core_read - read a part of a core
 * @core:	the core
 * @buffer:	takes it
 * @size:	how much
 * @offset:	from where
 *
 * Return: how much was read, 0 at the end, or a negative errno value.
 */
ssize_t core_read(const struct core *core, char *buffer, size_t size, uint64_t offset)
{
	size_t done = 0;

	if (offset >= core->size)
		return 0;
	if (size > core->size - offset)
		size = core->size - offset;
	while (done < size) {
		ssize_t length = read_part(core, buffer + done, size - done, offset + done);

		if (length < 0)
			return done ? (ssize_t)done : length;
		done += length;
	}
	return done;
}

/**
 * core_measure - how long a core would be now
 * @job:	who asks, and of which process
 * @out:	takes the number
 *
 * Return: 0, or an errno value as from core_open().
 */
int core_measure(const struct job *job, FILE *out)
{
	struct core *core;
	int error = core_open(job, &core);

	if (!error)
		fprintf(out, "%" PRIu64 "\n", core_size(core));
	return error;
}
