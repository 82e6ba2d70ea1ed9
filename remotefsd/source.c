// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mappings of a process, and which of them a command means.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "remotefsd.h"

/*
 * Anonymous memory has no inode and no name, or the name its owner gave it.
 * The inode alone would not do: System V segment 0 has inode 0.
 */
static enum vma_kind classify(unsigned long inode, const char *name)
{
	if (inode || (*name && *name != '['))
		return VMA_FILE;
	if (!*name || !strncmp(name, "[anon:", 6))
		return VMA_ANON;
	if (!strcmp(name, "[heap]"))
		return VMA_HEAP;
	if (!strcmp(name, "[stack]"))
		return VMA_STACK;
	return VMA_SPECIAL;
}

/**
 * vma_parse - understand one line of /proc/PID/maps
 * @line:	the line; its newline is cut off
 * @vma:	the result, pointing into @line
 *
 * Return: false if the line is not of that form.
 */
bool vma_parse(char *line, struct vma *vma)
{
	unsigned long inode;
	int name = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*x:%*x %lu %n", &vma->start,
		   &vma->end, vma->perms, &vma->offset, &inode, &name) != 5)
		return false;
	if (!name || strlen(vma->perms) != 4 || vma->start >= vma->end)
		return false;
	vma->name = line + name;
	vma->kind = classify(inode, vma->name);
	return true;
}

static bool kind_matches(const struct vma *vma, const struct memory *memory)
{
	switch (memory->kind) {
	case MEMORY_HEAP:
		return vma->kind == VMA_HEAP;
	case MEMORY_STACK:
		return vma->kind == VMA_STACK;
	case MEMORY_ANON:
		return vma->kind == VMA_ANON;
	case MEMORY_ALL:
		return vma->kind == VMA_HEAP || vma->kind == VMA_STACK || vma->kind == VMA_ANON;
	case MEMORY_NAMED:
		return vma->kind == VMA_ANON && !strcmp(vma->name, memory->name);
	default:
		return false;
	}
}

/**
 * vma_matches - whether a word of the grammar means this mapping
 * @vma:	the mapping
 * @memory:	heap, stack, anon, all or [anon:NAME]
 * @write:	whether it is to be written through
 *
 * What the source may not read is passed over, and what it may not write is
 * when @write is set.
 */
bool vma_matches(const struct vma *vma, const struct memory *memory, bool write)
{
	if (vma->perms[0] != 'r' || (write && vma->perms[1] != 'w'))
		return false;
	return kind_matches(vma, memory);
}

static int add_span(struct span **spans, size_t *nr_spans, const struct vma *vma)
{
	struct span *grown = reallocarray(*spans, *nr_spans + 1, sizeof(*grown));

	if (!grown)
		return ENOMEM;
	*spans = grown;
	grown[(*nr_spans)++] = (struct span){ vma->start, vma->end };
	return 0;
}

/**
 * source_choose - the mappings that a word of the grammar means now
 * @maps:	an open /proc/PID/maps
 * @memory:	heap, stack, anon, all or [anon:NAME]
 * @write:	whether they are to be written through
 * @spans:	receives an array in order of addresses, to be freed
 * @nr_spans:	receives its length, which may be zero
 *
 * Return: 0, ENOMEM, or EIO if the file is not understood.
 */
int source_choose(FILE *maps, const struct memory *memory, bool write,
		  struct span **spans, size_t *nr_spans)
{
	char *line = NULL;
	size_t size = 0;
	int error = 0;

	*spans = NULL;
	*nr_spans = 0;
	while (!error && getline(&line, &size, maps) > 0) {
		struct vma vma;

		if (!vma_parse(line, &vma))
			error = EIO;
		else if (vma_matches(&vma, memory, write))
			error = add_span(spans, nr_spans, &vma);
	}
	free(line);
	if (!error && ferror(maps))
		error = EIO;
	return error;
}
