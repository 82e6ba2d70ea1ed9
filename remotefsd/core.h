/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * remotefsd: what a core is made of, for core.c and elf.c.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#ifndef REMOTEFSD_CORE_H
#define REMOTEFSD_CORE_H

#include "remotefsd.h"

/* A part of the address space; without bytes if @fd is negative. */
struct segment {
	uint64_t start;
	uint64_t end;
	uint32_t flags;		/* PF_* */
	int fd;
	uint64_t offset;	/* in the map file */
	uint64_t position;	/* in the core */
};

struct segments {
	struct segment *items;
	size_t count;
};

struct core {
	struct segments segments;	/* by address, and so by position */
	char *headers;
	size_t headers_size;
	uint64_t size;
};

/* elf.c: its headers, and the notes that are collected for them. */
struct elf_notes;

struct elf_notes *elf_notes_new(const struct job *job);
void elf_add_file(struct elf_notes *notes, const struct vma *vma);
int elf_write_headers(struct core *core, struct elf_notes *notes);

#endif /* REMOTEFSD_CORE_H */
