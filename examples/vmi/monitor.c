// SPDX-License-Identifier: GPL-2.0-only
/*
 * monitor: a virtual machine whose memory others may look at.
 *
 * The guest's memory is anonymous memory of this process, as with any machine
 * monitor.  It is exposed as one map file, in which offsets are the guest's
 * addresses, and its path is printed.  Then the guest runs.
 *
 * The guest counts, and has its parcels exchanged one after the other, as guests
 * do that give pages back to their host.  The monitor takes turns at the ways there
 * are to lose a page: unmapping and mapping anew, discarding, moving away and
 * back, swapping out.  SIGTERM ends it; it says then what it has done.
 *
 *	monitor [-a PARCEL] [CONTROL]
 *
 * With -a, that parcel is not given back after it was unmapped: a hole.
 */
#define _GNU_SOURCE 1
#include <stdbool.h>

#include "../calls.h"
#include "guest.h"
#include "machine.h"

/*
 * The guest's program.  For each parcel: sequence number to odd; have the page
 * exchanged; unless it is gone, write the next number into it, first word and last;
 * sequence number to even.  Then the book, which may be swapped out, and around.
 */
asm("	.pushsection .rodata\n"
    "	.code32\n"
    "guest_program:\n"
    "	movl	$" TEXT(PARCELS) ", %esi\n"
    "	movl	$" TEXT(SEQUENCES) ", %edi\n"
    "1:	orl	$1, (%edi)\n"
    "	movl	%esi, %eax\n"
    "	outl	%eax, $" TEXT(PORT_EXCHANGE) "\n"
    "	testl	%eax, %eax\n"		/* the monitor's answer: is it back? */
    "	jz	2f\n"
    "	movl	(%edi), %eax\n"
    "	incl	%eax\n"
    "	movl	%eax, (%esi)\n"
    "	movl	%eax, " TEXT(PAGE) "-4(%esi)\n"
    "	incl	(%edi)\n"
    "2:	addl	$" TEXT(PAGE) ", %esi\n"
    "	addl	$4, %edi\n"
    "	cmpl	$" TEXT(PARCELS_END) ", %esi\n"
    "	jb	1b\n"
    "	movl	$" TEXT(BOOK) ", %eax\n"
    "	outl	%eax, $" TEXT(PORT_EXCHANGE) "\n"
    "	incl	" TEXT(BOARD) "\n"
    "	jmp	guest_program\n"
    "guest_program_end:\n"
    "	.code64\n"
    "	.popsection\n");
extern const char guest_program[], guest_program_end[];

/* The pages of the guest, and what was done to them. */
struct host {
	char *ram;
	char *spare;			/* one more page, where others go to */
	long away;			/* address that stays a hole, or -1 */
	int pagemap;
	unsigned long mapped_anew, discarded, moved, swapped, tried;
};

static char *map_pages(void *at, size_t bytes)
{
	char *pages = mmap(at, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED_NOREPLACE : 0), -1, 0);

	if (pages == MAP_FAILED)
		err(1, "mmap");
	return pages;
}

static void unmap_page(char *page)
{
	if (munmap(page, PAGE))
		err(1, "munmap");
}

static void discard_page(char *page)
{
	if (madvise(page, PAGE, MADV_DONTNEED))
		err(1, "MADV_DONTNEED");
}

static void move_page(char *from, char *to)
{
	if (mremap(from, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
		err(1, "mremap");
}

/* Bit 62 of a page's word in pagemap: it is in swap. */
static bool page_is_swapped(const struct host *host, const char *page)
{
	uint64_t word = 0;

	if (pread(host->pagemap, &word, sizeof(word), (uintptr_t)page / PAGE * 8) != sizeof(word))
		err(1, "/proc/self/pagemap");
	return word >> 62 & 1;
}

/* The kernel may decline, and without a swap device it always does. */
static void swap_page_out(struct host *host, char *page)
{
	if (madvise(page, PAGE, MADV_PAGEOUT))
		err(1, "MADV_PAGEOUT");
	host->tried++;
	host->swapped += page_is_swapped(host, page);
}

/* Do something to the page at this address of the guest: is it there afterwards? */
static bool exchange(struct host *host, uint32_t address)
{
	char *page = host->ram + address;

	if (address == BOOK) {
		swap_page_out(host, page);
		return true;
	}
	if (address == host->away) {
		unmap_page(page);
		return false;
	}
	switch ((guest_board(host->ram)->counter + address / PAGE) % 4) {
	case 0:
		unmap_page(page);
		map_pages(page, PAGE);
		host->mapped_anew++;
		break;
	case 1:
		discard_page(page);
		host->discarded++;
		break;
	case 2:
		move_page(page, host->spare);
		move_page(host->spare, page);
		map_pages(host->spare, PAGE);
		host->moved++;
		break;
	case 3:
		swap_page_out(host, page);
		break;
	}
	return true;
}

/* What the guest asked for is done; where it looks for the answer is EAX. */
static void answer(const struct machine *machine, bool is_back)
{
	struct kvm_regs regs = machine_regs(machine);

	regs.rax = is_back;
	machine_set_regs(machine, &regs);
}

/* Until a signal comes. */
static void run_guest(const struct machine *machine, struct host *host)
{
	uint32_t address;

	while (machine_run(machine, &address) == PORT_EXCHANGE)
		answer(machine, exchange(host, address));
	if (errno != EINTR)
		err(1, "the guest, at 0x%llx", machine_regs(machine).rip);
}

static void say_what_was_done(const struct host *host)
{
	printf("monitor: the guest counted to %u; its book says %u\n",
	       guest_board(host->ram)->counter, *(uint32_t *)(host->ram + BOOK));
	printf("monitor: %lu pages mapped anew, %lu discarded, %lu moved, %lu of %lu swapped out\n",
	       host->mapped_anew, host->discarded, host->moved, host->swapped, host->tried);
}

/* All of the guest's memory is one map file, for reading and writing. */
static void expose(const char *control, const char *ram)
{
	int session = remotefs_attach_self(control);
	uint32_t number = remotefs_map_new(session, REMOTEFS_MAP_WRITE, (uintptr_t)ram, RAM_BYTES);

	/* The file stays when its session is closed. */
	close(session);
	printf("%.*s/%d/map-%u\n", (int)(strrchr(control, '/') - control), control, getpid(),
	       number);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct host host = { .away = -1 };
	struct machine machine;
	const char *control;
	int option;

	while ((option = getopt(argc, argv, "a:")) == 'a')
		host.away = PARCELS + strtol(optarg, NULL, 0) * PAGE;
	control = argv[optind] ?: REMOTEFS_CONTROL;
	if (option != -1 || !strchr(control, '/'))
		errx(1, "usage: monitor [-a PARCEL] [DIRECTORY/control]");
	host.ram = map_pages(NULL, RAM_BYTES);
	host.spare = map_pages(NULL, PAGE);
	host.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	memcpy(host.ram + CODE, guest_program, guest_program_end - guest_program);

	machine_make(&machine);
	machine_add_memory(&machine, 0, host.ram, RAM_BYTES);
	machine_start_at(&machine, CODE);
	machine_end_on_signals(&machine);
	expose(control, host.ram);
	run_guest(&machine, &host);
	say_what_was_done(&host);
	return 0;
}
