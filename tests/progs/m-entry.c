// SPDX-License-Identifier: GPL-2.0-only
/*
 * m-entry FRAME: how a page is mapped by the special page table entries, of
 * which only mirrors have any for ordinary memory.  Nothing tells this to user
 * space, so all of the kernel's memory is searched for the entry; that takes a
 * second or two.  Prints "write-back", another kind of memory, or "none".
 */
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define PRESENT (1UL << 0)
#define USER (1UL << 2)
#define UNCACHED (1UL << 3 | 1UL << 4 | 1UL << 7)
#define SPECIAL (1UL << 9)
#define FRAME 0x000ffffffffff000UL

static uint64_t chunk[1 << 17];

/* The first entry for that frame in a piece of memory, or 0. */
static uint64_t find(uint64_t frame, size_t words)
{
	const uint64_t flags = PRESENT | USER | SPECIAL;
	size_t i;

	for (i = 0; i < words; i++)
		if ((chunk[i] & (FRAME | flags)) == (frame << 12 | flags))
			return chunk[i];
	return 0;
}

static uint64_t find_segment(int fd, const Elf64_Phdr *segment, uint64_t frame)
{
	uint64_t done, found = 0;
	ssize_t got;

	for (done = 0; done < segment->p_filesz && !found; done += got) {
		size_t want = segment->p_filesz - done;

		if (want > sizeof(chunk))
			want = sizeof(chunk);
		got = pread(fd, chunk, want, segment->p_offset + done);
		if (got <= 0)
			break;
		found = find(frame, got / sizeof(*chunk));
	}
	return found;
}

int main(int argc, char **argv)
{
	uint64_t frame = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
	int fd = open("/proc/kcore", O_RDONLY);
	Elf64_Phdr segment;
	uint64_t found = 0;
	Elf64_Ehdr head;
	int i;

	if (!frame || pread(fd, &head, sizeof(head), 0) != sizeof(head))
		return 2;
	for (i = 0; i < head.e_phnum && !found; i++) {
		if (pread(fd, &segment, sizeof(segment),
			  head.e_phoff + i * sizeof(segment)) != sizeof(segment))
			return 2;
		/* Memory has a physical address; what is mapped twice has not. */
		if (segment.p_paddr != (Elf64_Addr)-1)
			found = find_segment(fd, &segment, frame);
	}
	puts(!found ? "none" : found & UNCACHED ? "not cached" : "write-back");
	return 0;
}
