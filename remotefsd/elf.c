// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an ELF core begins with: its header, program headers and notes.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * The notes are NT_PRSTATUS without registers, NT_PRPSINFO, NT_AUXV and NT_FILE.
 * All of this runs in a child, whose end frees what is left here.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "core.h"
#include "remotefsd.h"

#define AUXV_SIZE 4096

/* What open_memstream() makes. */
struct text {
	char *bytes;
	size_t size;
};

struct elf_notes {
	const struct job *job;
	FILE *out;
	FILE *files;		/* the first part of NT_FILE */
	FILE *file_names;	/* the second */
	struct text text;
	struct text files_text;
	struct text names_text;
	uint64_t nr_files;
};

/**
 * elf_notes_new - begin to take notes
 * @job:	who reads, and which process
 *
 * Return: the notes, or NULL if there is no memory.
 */
struct elf_notes *elf_notes_new(const struct job *job)
{
	struct elf_notes *notes = calloc(1, sizeof(*notes));

	if (!notes)
		return NULL;
	notes->job = job;
	notes->out = open_memstream(&notes->text.bytes, &notes->text.size);
	notes->files = open_memstream(&notes->files_text.bytes, &notes->files_text.size);
	notes->file_names = open_memstream(&notes->names_text.bytes, &notes->names_text.size);
	return notes->out && notes->files && notes->file_names ? notes : NULL;
}

static void write_word(FILE *out, uint64_t word)
{
	fwrite(&word, sizeof(word), 1, out);
}

/**
 * elf_add_file - take note of a mapping of a file
 * @notes:	the notes
 * @vma:	the mapping
 */
void elf_add_file(struct elf_notes *notes, const struct vma *vma)
{
	write_word(notes->files, vma->start);
	write_word(notes->files, vma->end);
	write_word(notes->files, vma->offset / PAGE_SIZE);
	fwrite(vma->name, strlen(vma->name) + 1, 1, notes->file_names);
	notes->nr_files++;
}

static void write_padding(FILE *out, size_t size)
{
	static const char zeros[4];

	fwrite(zeros, -size % 4, 1, out);
}

static void write_note_header(FILE *notes, uint32_t type, size_t size)
{
	const Elf64_Nhdr header = { .n_namesz = 5, .n_descsz = size, .n_type = type };

	fwrite(&header, sizeof(header), 1, notes);
	fwrite("CORE\0\0\0", 8, 1, notes);
}

static void write_note(FILE *notes, uint32_t type, const void *text, size_t size)
{
	write_note_header(notes, type, size);
	fwrite(text, size, 1, notes);
	write_padding(notes, size);
}

static size_t read_proc(const struct job *job, const char *name, char *text, size_t size)
{
	int fd = authority_open_proc(job->pid, name, job->around, job->requester);
	ssize_t length = fd < 0 ? -1 : read(fd, text, size);

	if (fd >= 0)
		close(fd);
	return length < 0 ? 0 : length;
}

/*
 * Debuggers want a thread, and gdb 16 crashes without.  What is in its registers
 * cannot be known without stopping the process: they are all zero.
 */
static void note_thread(struct elf_notes *notes)
{
	const struct elf_prstatus status = { .pr_pid = notes->job->pid };

	write_note(notes->out, NT_PRSTATUS, &status, sizeof(status));
}

static void note_process(struct elf_notes *notes)
{
	struct elf_prpsinfo info = { .pr_pid = notes->job->pid, .pr_sname = 'R' };
	size_t length;

	length = read_proc(notes->job, "comm", info.pr_fname, sizeof(info.pr_fname) - 1);
	if (length)
		info.pr_fname[strcspn(info.pr_fname, "\n")] = '\0';
	length = read_proc(notes->job, "cmdline", info.pr_psargs, sizeof(info.pr_psargs) - 1);
	for (size_t i = 0; i + 1 < length; i++)
		if (!info.pr_psargs[i])
			info.pr_psargs[i] = ' ';
	write_note(notes->out, NT_PRPSINFO, &info, sizeof(info));
}

static void note_auxv(struct elf_notes *notes)
{
	char auxv[AUXV_SIZE];
	size_t length = read_proc(notes->job, "auxv", auxv, sizeof(auxv));

	if (length)
		write_note(notes->out, NT_AUXV, auxv, length);
}

static void note_files(struct elf_notes *notes)
{
	size_t size = 2 * sizeof(uint64_t) + notes->files_text.size + notes->names_text.size;

	if (!notes->nr_files)
		return;
	write_note_header(notes->out, NT_FILE, size);
	write_word(notes->out, notes->nr_files);
	write_word(notes->out, PAGE_SIZE);
	fwrite(notes->files_text.bytes, notes->files_text.size, 1, notes->out);
	fwrite(notes->names_text.bytes, notes->names_text.size, 1, notes->out);
	write_padding(notes->out, size);
}

static uint64_t whole_pages(uint64_t size)
{
	return (size + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

/* As the kernel does it, a number of headers that has no room goes elsewhere. */
static void write_elf_header(FILE *out, size_t nr_headers)
{
	bool many = nr_headers >= PN_XNUM;
	const Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr) + (many ? sizeof(Elf64_Shdr) : 0),
		.e_shoff = many ? sizeof(Elf64_Ehdr) : 0,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = many ? PN_XNUM : nr_headers,
		.e_shentsize = many ? sizeof(Elf64_Shdr) : 0,
		.e_shnum = many,
	};
	const Elf64_Shdr section = { .sh_size = 1, .sh_info = nr_headers };

	fwrite(&header, sizeof(header), 1, out);
	if (many)
		fwrite(&section, sizeof(section), 1, out);
}

/* Gives each segment its place in the core as well. */
static void write_program_headers(FILE *out, struct core *core, size_t notes_size)
{
	size_t nr_headers = core->segments.count + 1;
	uint64_t position = sizeof(Elf64_Ehdr) + nr_headers * sizeof(Elf64_Phdr) +
			    (nr_headers >= PN_XNUM ? sizeof(Elf64_Shdr) : 0);
	Elf64_Phdr header = {
		.p_type = PT_NOTE,
		.p_offset = position,
		.p_filesz = notes_size,
		.p_align = 4,
	};

	fwrite(&header, sizeof(header), 1, out);
	position = whole_pages(position + notes_size);
	for (size_t i = 0; i < core->segments.count; i++) {
		struct segment *segment = &core->segments.items[i];
		uint64_t size = segment->end - segment->start;

		segment->position = position;
		header = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = segment->flags,
			.p_offset = position,
			.p_vaddr = segment->start,
			.p_memsz = size,
			.p_filesz = segment->fd < 0 ? 0 : size,
			.p_align = PAGE_SIZE,
		};
		fwrite(&header, sizeof(header), 1, out);
		position += header.p_filesz;
	}
	core->size = position;
}

static int end_notes(struct elf_notes *notes)
{
	if (fclose(notes->files) || fclose(notes->file_names))
		return ENOMEM;
	note_thread(notes);
	note_process(notes);
	note_auxv(notes);
	note_files(notes);
	return fclose(notes->out) ? ENOMEM : 0;
}

/**
 * elf_write_headers - all that comes before the memory
 * @core:	a core whose segments are known; each gets its place
 * @notes:	the notes, with which nothing can be done afterwards
 *
 * Return: 0, or an errno value.
 */
int elf_write_headers(struct core *core, struct elf_notes *notes)
{
	FILE *out = open_memstream(&core->headers, &core->headers_size);

	if (!out || end_notes(notes))
		return ENOMEM;
	write_elf_header(out, core->segments.count + 1);
	write_program_headers(out, core, notes->text.size);
	fwrite(notes->text.bytes, notes->text.size, 1, out);
	return fclose(out) ? ENOMEM : 0;
}
