// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files to read: version, ranges, and a process's status and maps.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Each is written afresh when it is opened, from what the kernel says then.
 * They run in a child of their own, whose end closes what is open here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/remotefs.h>

#include "remotefsd.h"

static int open_tree(const struct job *job)
{
	struct complaint unused;

	return kernel_open_tree(job->data, &unused);
}

static void print_features(FILE *out, uint64_t features)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} names[] = {
		{ REMOTEFS_FEATURE_WRITE, "write" },
		{ REMOTEFS_FEATURE_WHOLE, "whole" },
		{ REMOTEFS_FEATURE_PMD, "pmd" },
		{ REMOTEFS_FEATURE_ZERO, "zero" },
		{ REMOTEFS_FEATURE_LOCK, "lock" },
	};

	fputs("features:", out);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (features & names[i].bit)
			fprintf(out, " %s", names[i].name);
	fputc('\n', out);
}

/**
 * listing_version - the daemon's release and the kernel's features
 * @job:	who reads
 * @out:	takes the text
 *
 * Return: 0, or an errno value.
 */
int listing_version(const struct job *job, FILE *out)
{
	int tree = open_tree(job);
	int control = tree < 0 ? tree : kernel_open_control(tree);
	uint64_t features;
	int error;

	if (control < 0)
		return -control;
	error = kernel_features(control, &features);
	if (error)
		return error;
	fputs("remotefsd " REMOTEFS_VERSION "\n", out);
	print_features(out, features);
	return 0;
}

/* PID/map-N 0xSTART-0xEND ro|rw 0xOFFSET UID:GID MODE MIRRORS */
static void print_range(FILE *out, const struct map_file *file,
			const struct remotefs_range_args *range, uint32_t mirrors)
{
	uint64_t start = range->out_address;

	tree_print_path(out, file->pid, file->map);
	fprintf(out, " 0x%" PRIx64 "-0x%" PRIx64 " %s 0x%" PRIx64 " %u:%u %04o %u\n",
		start, start + (uint64_t)range->out_length,
		range->out_flags & REMOTEFS_MAP_WRITE ? "rw" : "ro", (uint64_t)range->offset,
		file->uid, file->gid, file->mode, mirrors);
}

/* A file that cannot be opened or asked any more is on its way out. */
static void print_ranges(FILE *out, int tree, const struct map_file *file)
{
	struct remotefs_range_args range = { 0 };
	struct remotefs_info_args info;
	int fd = tree_open_file(tree, file->pid, file->map);

	if (fd < 0)
		return;
	if (!kernel_info(fd, &info) && info.out_state == REMOTEFS_STATE_LIVE) {
		while (!kernel_range(fd, &range)) {
			print_range(out, file, &range, info.out_mirrors);
			range.offset += range.out_length;
		}
	}
	close(fd);
}

/**
 * listing_ranges - every range that the reader may know of, one a line
 * @job:	who reads
 * @out:	takes the text
 *
 * Return: 0, or an errno value.
 */
int listing_ranges(const struct job *job, FILE *out)
{
	int tree = open_tree(job);
	struct map_file *files;
	size_t nr_files;
	int error;

	if (tree < 0)
		return -tree;
	error = tree_all_files(tree, &files, &nr_files);
	for (size_t i = 0; i < nr_files && !error; i++)
		if (policy_may_see(job->around, job->requester, files[i].uid))
			print_ranges(out, tree, &files[i]);
	free(files);
	return error;
}

/* As the kernel writes it there, with its control characters escaped. */
static void print_name(FILE *out, pid_t pid)
{
	char path[32];
	char line[128];
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = fopen(path, "re");
	if (status && fgets(line, sizeof(line), status) && !strncmp(line, "Name:\t", 6))
		fprintf(out, "name: %s", line + 6);
	if (status)
		fclose(status);
}

/**
 * listing_status - what of a process is exposed, in numbers
 * @job:	who reads, and which process
 * @out:	takes the text
 *
 * Says no more than ls(1) does on the data tree, so it is for everybody.
 *
 * Return: 0, or an errno value.
 */
int listing_status(const struct job *job, FILE *out)
{
	int tree = open_tree(job);
	struct map_file *files;
	uint64_t bytes = 0;
	size_t nr_files;
	int error;

	if (tree < 0)
		return -tree;
	error = tree_files(tree, job->pid, &files, &nr_files);
	for (size_t i = 0; i < nr_files; i++)
		bytes += files[i].size;
	free(files);
	if (error)
		return error;
	fprintf(out, "pid: %d\n", job->pid);
	print_name(out, job->pid);
	fprintf(out, "files: %zu\nbytes: %" PRIu64 "\n", nr_files, bytes);
	return 0;
}

/* A range of the source and the map file that shows it. */
struct shown {
	uint64_t start;
	uint64_t end;
	uint32_t map;
};

struct shown_list {
	struct shown *items;
	size_t count;
};

static int add_shown(struct shown_list *list, int tree, const struct map_file *file)
{
	struct remotefs_range_args range = { 0 };
	int fd = tree_open_file(tree, file->pid, file->map);
	int error = 0;

	if (fd < 0)
		return 0;
	while (!error && !kernel_range(fd, &range)) {
		struct shown *grown = reallocarray(list->items, list->count + 1, sizeof(*grown));

		if (grown) {
			list->items = grown;
			grown[list->count++] = (struct shown){
				.start = range.out_address,
				.end = range.out_address + range.out_length,
				.map = file->map,
			};
			range.offset += range.out_length;
		} else {
			error = ENOMEM;
		}
	}
	close(fd);
	return error;
}

static int collect_shown(struct shown_list *list, const struct job *job, int tree)
{
	struct map_file *files;
	size_t nr_files;
	int error = tree_files(tree, job->pid, &files, &nr_files);

	for (size_t i = 0; i < nr_files && !error; i++)
		error = add_shown(list, tree, &files[i]);
	free(files);
	return error;
}

static const char *reason_not_shown(const struct vma *vma)
{
	if (vma->kind == VMA_FILE)
		return "file";
	if (vma->kind == VMA_SPECIAL)
		return "special";
	return vma->perms[0] == 'r' ? "not-exposed" : "unreadable";
}

/* An "as" file spans everything, but shows anonymous memory only. */
static bool is_showable(const struct vma *vma)
{
	return vma->kind != VMA_FILE && vma->kind != VMA_SPECIAL;
}

/* START-END PERMS FILE[,FILE...]|REASON [NAME] */
static void print_vma(FILE *out, const struct vma *vma, const struct shown_list *list)
{
	char name[TREE_NAME_SIZE];
	const char *separator = "";

	fprintf(out, "0x%" PRIx64 "-0x%" PRIx64 " %s ", vma->start, vma->end, vma->perms);
	for (size_t i = 0; i < list->count && is_showable(vma); i++) {
		const struct shown *shown = &list->items[i];

		if (shown->start >= vma->end || shown->end <= vma->start)
			continue;
		fprintf(out, "%s%s", separator, tree_name(name, shown->map));
		separator = ",";
	}
	if (!*separator)
		fputs(reason_not_shown(vma), out);
	fprintf(out, "%s%s\n", *vma->name ? " " : "", vma->name);
}

static int print_vmas(FILE *out, FILE *maps, const struct shown_list *list)
{
	char *line = NULL;
	size_t size = 0;
	struct vma vma;
	int error = 0;

	while (!error && getline(&line, &size, maps) > 0) {
		if (vma_parse(line, &vma))
			print_vma(out, &vma, list);
		else
			error = EIO;
	}
	free(line);
	return error;
}

/**
 * listing_maps - the mappings of a process, each with its map file or the
 *		  reason why it has none
 * @job:	who reads, and which process
 * @out:	takes the text
 *
 * Whoever may not read /proc/PID/maps may not read this.
 *
 * Return: 0, EACCES, or another errno value.
 */
int listing_maps(const struct job *job, FILE *out)
{
	struct shown_list list = { 0 };
	int tree = open_tree(job);
	int fd = authority_open_maps(job->pid, job->around, job->requester);
	FILE *maps = fd < 0 ? NULL : fdopen(fd, "r");
	int error;

	if (tree < 0)
		return -tree;
	if (!maps)
		return fd < 0 ? -fd : errno;
	error = collect_shown(&list, job, tree);
	if (!error)
		error = print_vmas(out, maps, &list);
	free(list.items);
	return error;
}
