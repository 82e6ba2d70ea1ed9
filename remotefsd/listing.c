// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files to read: version, ranges, stats, a process's status and maps, a map
 * file's info.
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
		{ REMOTEFS_FEATURE_SESSION, "session" },
		{ REMOTEFS_FEATURE_WATCH, "watch" },
		{ REMOTEFS_FEATURE_REMOTE, "remote" },
		{ REMOTEFS_FEATURE_NOHUGE, "nohuge" },
		{ REMOTEFS_FEATURE_AREA, "area" },
		{ REMOTEFS_FEATURE_LABEL, "label" },
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

/* What "stats" adds up. */
struct sums {
	size_t ranges;
	uint64_t bytes;
	uint64_t mirrors;
	uint64_t viewers;
	uint64_t mirrored;
	uint64_t faults;
	uint64_t invalidations;
};

static void add_to_sums(struct sums *sums, int tree, const struct map_file *file)
{
	struct remotefs_info_args info;
	int fd = tree_open_file(tree, file->pid, file->map);

	if (fd < 0)
		return;
	if (!kernel_info_mirrored(fd, &info)) {
		sums->ranges += info.out_ranges;
		sums->bytes += file->size;
		sums->mirrors += info.out_mirrors;
		/* The daemon's own look is none. */
		sums->viewers += info.out_viewers - 1;
		sums->mirrored += info.out_mirrored;
		sums->faults += info.out_faults;
		sums->invalidations += info.out_invalidations;
	}
	close(fd);
}

static size_t count_processes(const struct map_file *files, size_t nr_files)
{
	size_t count = 0;

	for (size_t i = 0; i < nr_files; i++)
		count += !i || files[i].pid != files[i - 1].pid;
	return count;
}

/**
 * listing_stats - sums of what the reader may know of, and the daemon's own
 * @job:	who reads
 * @out:	takes the text
 *
 * Return: 0, or an errno value.
 */
int listing_stats(const struct job *job, FILE *out)
{
	const struct tally *tally = job->tally;
	struct sums sums = { 0 };
	int tree = open_tree(job);
	struct map_file *files;
	size_t nr_files, kept = 0;
	int error;

	if (tree < 0)
		return -tree;
	error = tree_all_files(tree, &files, &nr_files);
	for (size_t i = 0; i < nr_files && !error; i++) {
		if (!policy_may_see(job->around, job->requester, files[i].uid))
			continue;
		add_to_sums(&sums, tree, &files[i]);
		files[kept++] = files[i];
	}
	if (!error)
		fprintf(out,
			"processes: %zu\nfiles: %zu\nranges: %zu\nbytes: %" PRIu64 "\n"
			"mirrors: %" PRIu64 "\nviewers: %" PRIu64 "\nmirrored: %" PRIu64 "\n"
			"faults: %" PRIu64 "\ninvalidations: %" PRIu64 "\n"
			"commands: %" PRIu64 "\nfailures: %" PRIu64 "\nlistings: %" PRIu64 "\n",
			count_processes(files, kept), kept, sums.ranges, sums.bytes, sums.mirrors,
			sums.viewers, sums.mirrored, sums.faults, sums.invalidations,
			tally->commands, tally->failures, tally->listings);
	free(files);
	return error;
}

static void print_info(FILE *out, const struct map_file *file,
		       const struct remotefs_info_args *info)
{
	fputs("file: ", out);
	tree_print_path(out, file->pid, file->map);
	fprintf(out,
		"\nowner: %u:%u\nmode: %04o\nbytes: %" PRIu64 "\nlocked: %s\nmirrors: %u\n"
		"viewers: %u\nwaiters: %u\nmirrored: %" PRIu64 "\nfaults: %" PRIu64 "\n"
		"invalidations: %" PRIu64 "\n",
		file->uid, file->gid, file->mode, file->size,
		info->out_flags & REMOTEFS_INFO_LOCKED ? "yes" : "no", info->out_mirrors,
		info->out_viewers - 1, info->out_waiters, (uint64_t)info->out_mirrored,
		(uint64_t)info->out_faults, (uint64_t)info->out_invalidations);
}

/* Only of a file that has one. */
static void print_info_label(FILE *out, int fd)
{
	char label[REMOTEFS_LABEL_MAX + 1];

	if (kernel_label(fd, label))
		fprintf(out, "label: %s\n", label);
}

/* state: what BPF programs keep, eight numbers */
static void print_info_state(FILE *out, int fd)
{
	struct remotefs_area_args args = {
		.operation = REMOTEFS_AREA_GET,
		.mask = (1U << REMOTEFS_AREA_SLOTS) - 1,
	};

	if (kernel_area(fd, &args))
		return;
	fputs("state:", out);
	for (int i = 0; i < REMOTEFS_AREA_SLOTS; i++)
		fprintf(out, " %" PRIu64, (uint64_t)args.slots[i]);
	fputc('\n', out);
}

/* range: 0xSTART-0xEND ro|rw 0xOFFSET MIRRORED */
static void print_info_ranges(FILE *out, int fd)
{
	struct remotefs_range_args range = { 0 };

	while (!kernel_range_mirrored(fd, &range)) {
		uint64_t start = range.out_address;

		fprintf(out, "range: 0x%" PRIx64 "-0x%" PRIx64 " %s 0x%" PRIx64 " %" PRIu64 "\n",
			start, start + (uint64_t)range.out_length,
			range.out_flags & REMOTEFS_MAP_WRITE ? "rw" : "ro",
			(uint64_t)range.offset, (uint64_t)range.out_mirrored);
		range.offset += range.out_length;
	}
}

/**
 * listing_info - all that is known of one map file
 * @job:	who reads, and which map file
 * @out:	takes the text
 *
 * Return: 0, EACCES if the reader may not know of it, or another errno value.
 */
int listing_info(const struct job *job, FILE *out)
{
	struct remotefs_info_args info;
	int tree = open_tree(job);
	struct map_file file;
	int error, fd;

	if (tree < 0)
		return -tree;
	error = tree_file(tree, job->pid, job->map, &file);
	if (error)
		return error;
	if (!policy_may_see(job->around, job->requester, file.uid))
		return EACCES;
	fd = tree_open_file(tree, job->pid, job->map);
	if (fd < 0)
		return -fd;
	error = kernel_info_mirrored(fd, &info);
	if (error)
		return error;
	print_info(out, &file, &info);
	print_info_label(out, fd);
	print_info_state(out, fd);
	print_info_ranges(out, fd);
	return 0;
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
	int fd = authority_open_proc(job->pid, "maps", job->around, job->requester);
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
