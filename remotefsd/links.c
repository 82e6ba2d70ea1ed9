// SPDX-License-Identifier: GPL-2.0-only
/*
 * The links of by-addr: map files under the addresses that they show.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A link is named 0xSTART-0xEND-LABEL.  The label is the map file's own if it was
 * given one, and else what the kernel calls the memory now; a look-up goes by the
 * addresses alone, so that a link does not break when a heap grows or a name
 * changes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/remotefs.h>

#include "remotefsd.h"

struct label {
	uint64_t start;
	uint64_t end;
	char text[MEMORY_NAME_SIZE];
};

struct labels {
	struct label *items;
	size_t count;
};

/* What a file name can have of a name that a process gave to its memory. */
static void clean(char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || *text == '/')
			*text = '_';
}

static void name_vma(const struct vma *vma, char text[MEMORY_NAME_SIZE])
{
	size_t length = strlen(vma->name);

	if (vma->kind == VMA_HEAP)
		strcpy(text, "heap");
	else if (vma->kind == VMA_STACK)
		strcpy(text, "stack");
	else if (vma->kind == VMA_ANON && length > 7)
		snprintf(text, MEMORY_NAME_SIZE, "%.*s", (int)length - 7, vma->name + 6);
	else
		strcpy(text, "anon");
	clean(text);
}

static int read_labels(FILE *maps, struct labels *labels)
{
	char *line = NULL;
	size_t size = 0;
	struct vma vma;
	int error = 0;

	while (!error && getline(&line, &size, maps) > 0 && vma_parse(line, &vma)) {
		struct label *grown = reallocarray(labels->items, labels->count + 1,
						   sizeof(*grown));

		if (grown) {
			labels->items = grown;
			grown[labels->count] = (struct label){ vma.start, vma.end, "" };
			name_vma(&vma, grown[labels->count++].text);
		} else {
			error = ENOMEM;
		}
	}
	free(line);
	return error;
}

/* Whoever may not look at the process's mappings sees links without names. */
static int find_labels(const struct job *job, struct labels *labels)
{
	int fd = authority_open_proc(job->pid, "maps", job->around, job->requester);
	FILE *maps = fd < 0 ? NULL : fdopen(fd, "r");

	return maps ? read_labels(maps, labels) : 0;
}

static const char *label_of(const struct labels *labels, uint64_t start, uint32_t map)
{
	if (map == REMOTEFS_MAP_AS)
		return "as";
	for (size_t i = 0; i < labels->count; i++)
		if (labels->items[i].start <= start && start < labels->items[i].end)
			return labels->items[i].text;
	return "memory";
}

static void print_links(FILE *out, int tree, const struct map_file *file,
			const struct labels *labels)
{
	struct remotefs_range_args range = { 0 };
	int fd = tree_open_file(tree, file->pid, file->map);
	char text[REMOTEFS_LABEL_MAX + 1];
	bool named;

	if (fd < 0)
		return;
	named = kernel_label(fd, text);
	while (!kernel_range(fd, &range)) {
		uint64_t start = range.out_address;

		fprintf(out, "0x%" PRIx64 "-0x%" PRIx64 "-%s %u\n", start,
			start + (uint64_t)range.out_length,
			named ? text : label_of(labels, start, file->map), file->map);
		range.offset += range.out_length;
	}
	close(fd);
}

/**
 * listing_by_addr - the links that a reader may see, with their map files
 * @job:	who reads, and which process
 * @out:	takes lines of a name and a number
 *
 * Return: 0, or an errno value.
 */
int listing_by_addr(const struct job *job, FILE *out)
{
	struct complaint unused;
	int tree = kernel_open_tree(job->data, &unused);
	struct labels labels = { 0 };
	struct map_file *files;
	size_t nr_files;
	int error;

	if (tree < 0)
		return -tree;
	error = tree_files(tree, job->pid, &files, &nr_files);
	if (!error)
		error = find_labels(job, &labels);
	for (size_t i = 0; i < nr_files && !error; i++)
		if (policy_may_see(job->around, job->requester, files[i].uid))
			print_links(out, tree, &files[i], &labels);
	free(labels.items);
	free(files);
	return error;
}

static bool shows(int tree, const struct map_file *file, uint64_t start, uint64_t end)
{
	struct remotefs_range_args range = { 0 };
	int fd = tree_open_file(tree, file->pid, file->map);
	bool found = false;

	while (fd >= 0 && !found && !kernel_range(fd, &range)) {
		found = range.out_address == start && range.out_address + range.out_length == end;
		range.offset += range.out_length;
	}
	if (fd >= 0)
		close(fd);
	return found;
}

/**
 * listing_find_range - the map file that a link leads to
 * @job:	who asks, and of which process
 * @start:	where the range starts
 * @end:	where it ends
 * @map:	receives the map file's number
 *
 * Of several, it is the one with the lowest number.  This runs in the daemon's
 * own loop: it asks the kernel about map files, and nothing of the process.
 *
 * Return: 0; ENOENT if there is none that the requester may know of.
 */
int listing_find_range(const struct job *job, uint64_t start, uint64_t end, uint32_t *map)
{
	struct complaint unused;
	int tree = kernel_open_tree(job->data, &unused);
	struct map_file *files;
	size_t nr_files;
	int error = ENOENT;

	if (tree < 0)
		return ENOENT;
	if (tree_files(tree, job->pid, &files, &nr_files))
		nr_files = 0;
	for (size_t i = 0; i < nr_files && error; i++) {
		if (!policy_may_see(job->around, job->requester, files[i].uid) ||
		    !shows(tree, &files[i], start, end))
			continue;
		*map = files[i].map;
		error = 0;
	}
	free(files);
	close(tree);
	return error;
}
