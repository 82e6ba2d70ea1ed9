// SPDX-License-Identifier: GPL-2.0-only
/*
 * btfids BASE MODULE: write the numbers of types into a module.
 *
 * A kernel module names the functions that BPF programs may call in a section,
 * .BTF_ids, whose entries are symbols such as __BTF_ID__func__NAME__1: room for
 * the number that NAME has in the module's type information.  The kernel's build
 * has a program that fills these in, resolve_btfids; the headers of Linux 6.1
 * lack it, hence this one.  BASE is the kernel's own type information, which the
 * module's goes on counting from.
 *
 * Both files are of this machine's kind: 64 bits, little-endian.  MODULE is
 * changed in place, and only once every name was found.
 */
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "__BTF_ID__"

struct blob {
	const char *path;
	char *data;
	size_t size;
};

/* Types of one file: those of a module have numbers and names after its base's. */
struct types {
	const struct types *base;
	const struct btf_header *header;
	const char *strings;
	uint32_t first_id;
	uint32_t end_id;
};

struct object {
	struct blob file;
	const Elf64_Shdr *sections;
	const char *names;
	unsigned int count;
};

static const void *part(const struct blob *blob, uint64_t offset, uint64_t size)
{
	if (offset > blob->size || size > blob->size - offset)
		errx(1, "%s: ends too early", blob->path);
	return blob->data + offset;
}

/* Changes go to memory alone. */
static struct blob read_file(const char *path)
{
	struct blob blob = { .path = path };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	blob.size = st.st_size;
	blob.data = mmap(NULL, blob.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (blob.data == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	return blob;
}

static void write_file(const struct blob *blob)
{
	int fd = open(blob->path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || pwrite(fd, blob->data, blob->size, 0) != (ssize_t)blob->size ||
	    close(fd))
		err(1, "%s", blob->path);
}

/* Bytes that follow a type of the given kind and number of members. */
static size_t tail_size(const struct btf_type *type)
{
	unsigned int members = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return members * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return members * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return members * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return members * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return members * sizeof(struct btf_var_secinfo);
	default:
		return 0;
	}
}

/* The types one after the other: NULL after the last. */
static const struct btf_type *next_type(const struct types *types,
					const struct btf_type *type)
{
	const char *start = (const char *)types->header + types->header->hdr_len +
			    types->header->type_off;
	const char *next = type ? (const char *)(type + 1) + tail_size(type) : start;

	if (next + sizeof(*type) > start + types->header->type_len)
		return NULL;
	return (const struct btf_type *)next;
}

static struct types read_types(const struct blob *blob, uint64_t offset, uint64_t size,
			       const struct types *base)
{
	struct types types = { .base = base, .first_id = base ? base->end_id : 1 };
	const struct btf_header *header = part(blob, offset, sizeof(*header));
	const struct btf_type *type = NULL;

	if (header->magic != BTF_MAGIC)
		errx(1, "%s: no type information", blob->path);
	part(blob, offset, size);
	if ((uint64_t)header->hdr_len + header->type_off + header->type_len > size ||
	    (uint64_t)header->hdr_len + header->str_off + header->str_len > size)
		errx(1, "%s: type information ends too early", blob->path);
	types.header = header;
	types.strings = (const char *)header + header->hdr_len + header->str_off;
	types.end_id = types.first_id;
	while ((type = next_type(&types, type)))
		types.end_id++;
	return types;
}

static const char *type_name(const struct types *types, uint32_t offset)
{
	const struct types *base = types->base;
	uint32_t first = base ? base->header->str_len : 0;

	if (base && offset < first)
		return type_name(base, offset);
	if (offset - first >= types->header->str_len)
		errx(1, "a type's name lies outside of all names");
	return types->strings + offset - first;
}

/* The number of a type, or 0. */
static uint32_t find_type(const struct types *types, unsigned int kind, const char *name)
{
	const struct btf_type *type = NULL;
	uint32_t id = types->first_id;

	for (; (type = next_type(types, type)); id++)
		if (BTF_INFO_KIND(type->info) == kind &&
		    !strcmp(type_name(types, type->name_off), name))
			return id;
	return types->base ? find_type(types->base, kind, name) : 0;
}

static struct object read_object(const char *path)
{
	struct object object = { .file = read_file(path) };
	const Elf64_Ehdr *header = part(&object.file, 0, sizeof(*header));
	const Elf64_Shdr *names;

	if (memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    header->e_ident[EI_CLASS] != ELFCLASS64 ||
	    header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_type != ET_REL)
		errx(1, "%s: not a module of this machine", path);
	object.count = header->e_shnum;
	object.sections = part(&object.file, header->e_shoff,
			       object.count * sizeof(*object.sections));
	if (header->e_shstrndx >= object.count)
		errx(1, "%s: its sections have no names", path);
	names = &object.sections[header->e_shstrndx];
	object.names = part(&object.file, names->sh_offset, names->sh_size);
	return object;
}

static const Elf64_Shdr *find_section(const struct object *object, const char *name)
{
	for (unsigned int i = 0; i < object->count; i++)
		if (!strcmp(object->names + object->sections[i].sh_name, name))
			return &object->sections[i];
	return NULL;
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/*
 * A set is its count, for pairs a word of flags, and its members.  The kernel
 * searches it by halves.
 */
static void finish_set(uint32_t *set, uint64_t size, size_t member)
{
	set[0] = size / member - 1;
	qsort((char *)set + member, set[0], member, compare_ids);
}

/* kind__NAME__NUMBER; false if nothing has that name. */
static bool resolve_name(const struct types *types, const char *symbol, uint32_t *id)
{
	static const struct { const char *word; unsigned int kind; } kinds[] = {
		{ "func__", BTF_KIND_FUNC },
		{ "struct__", BTF_KIND_STRUCT },
		{ "union__", BTF_KIND_UNION },
		{ "typedef__", BTF_KIND_TYPEDEF },
	};
	char name[256];
	char *end;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t length = strlen(kinds[i].word);

		if (strncmp(symbol, kinds[i].word, length))
			continue;
		snprintf(name, sizeof(name), "%s", symbol + length);
		end = strrchr(name, '_');
		if (!end || end == name || end[-1] != '_')
			return false;
		end[-1] = 0;
		*id = find_type(types, kinds[i].kind, name);
		return *id;
	}
	return false;
}

/* One pass fills in the numbers, the next one counts and sorts the sets. */
static void resolve(const struct object *object, const struct types *types, bool sets)
{
	const Elf64_Shdr *ids = find_section(object, ".BTF_ids");
	const Elf64_Shdr *table = find_section(object, ".symtab");
	const Elf64_Shdr *names = find_section(object, ".strtab");
	const Elf64_Sym *symbols = part(&object->file, table->sh_offset, table->sh_size);
	const char *strings = part(&object->file, names->sh_offset, names->sh_size);

	for (size_t i = 0; i < table->sh_size / sizeof(*symbols); i++) {
		const char *name = strings + symbols[i].st_name;
		uint64_t size = symbols[i].st_size;
		bool pairs, set;
		uint32_t *where;

		if (symbols[i].st_shndx != ids - object->sections ||
		    strncmp(name, PREFIX, strlen(PREFIX)))
			continue;
		name += strlen(PREFIX);
		pairs = !strncmp(name, "set8__", 6);
		set = pairs || !strncmp(name, "set__", 5);
		if (set != sets)
			continue;
		where = (uint32_t *)part(&object->file, ids->sh_offset + symbols[i].st_value,
					 set && size > 4 ? size : 4);
		if (set)
			finish_set(where, size, pairs ? 8 : 4);
		else if (!resolve_name(types, name, where))
			errx(1, "%s: no type for %s", object->file.path, name);
	}
}

int main(int argc, char *argv[])
{
	const Elf64_Shdr *section;
	struct types base, types;
	struct object object;
	struct blob kernel;

	if (argc != 3)
		errx(2, "usage: btfids BASE MODULE");
	kernel = read_file(argv[1]);
	base = read_types(&kernel, 0, kernel.size, NULL);
	object = read_object(argv[2]);
	section = find_section(&object, ".BTF");
	if (!section)
		errx(1, "%s: no type information", argv[2]);
	types = read_types(&object.file, section->sh_offset, section->sh_size, &base);
	/* Without functions for BPF programs there is nothing to fill in. */
	if (!find_section(&object, ".BTF_ids"))
		return 0;
	if (!find_section(&object, ".symtab") || !find_section(&object, ".strtab"))
		errx(1, "%s: no symbols", argv[2]);
	resolve(&object, &types, false);
	resolve(&object, &types, true);
	write_file(&object.file);
	return 0;
}
