// SPDX-License-Identifier: GPL-2.0-only
/*
 * borrower: run code over another process's memory, by KVM.
 *
 * It makes a virtual machine of its own whose memory is a mirror of another
 * machine's, taken from the map file that the monitor printed.  One page with a
 * program is added behind it.  The program then runs with the other guest's memory
 * under it, at the same addresses, while the other guest runs, too, and its
 * monitor takes pages away and gives others.
 *
 * The program looks at all parcels, again and again, and knows by their sequence
 * numbers what must be in each (see guest.h).  A page that its monitor has not any
 * more would have an old number: that is what must never be seen.  Where there is
 * no page, the processor stops; the program goes on with the next parcel then.
 * After each round it adds one to the guest's book.
 *
 *	borrower [-c] FILE [ROUNDS]
 *
 * It makes that many rounds (1000) at least, and ends when the other guest has made
 * two of its own, too.  With -c, the parcels are a copy, made once: it shows what
 * stale pages look like.
 * Exit status 0: nothing was wrong; 1: something was; 2: the memory is gone.
 */
#define _GNU_SOURCE 1
#include <stdbool.h>
#include <sys/stat.h>

#include "../calls.h"
#include "guest.h"
#include "machine.h"

/*
 * The program.  ESI is the parcel's address, EDI that of its sequence number, ECX
 * the number before and EDX after, EAX and EBX the first word and the last. EBP
 * counts what was compared.  Where the parcel's page is not there, the monitor
 * goes on at visitor_next: nothing else of this program is there to be undone.
 */
asm("	.pushsection .rodata\n"
    "	.code32\n"
    "visitor:\n"
    "	movl	$" TEXT(PARCELS) ", %esi\n"
    "	movl	$" TEXT(SEQUENCES) ", %edi\n"
    "visitor_parcel:\n"
    "	movl	(%edi), %ecx\n"
    "visitor_load:\n"
    "	movl	(%esi), %eax\n"
    "	movl	" TEXT(PAGE) "-4(%esi), %ebx\n"
    "visitor_loaded:\n"
    "	movl	(%edi), %edx\n"
    "	testl	$1, %ecx\n"
    "	jnz	visitor_next\n"			/* odd: it is being exchanged */
    "	cmpl	%edx, %ecx\n"
    "	jne	visitor_next\n"			/* it was exchanged meanwhile */
    "	incl	%ebp\n"
    "	cmpl	%eax, %ecx\n"
    "	jne	1f\n"
    "	cmpl	%ebx, %ecx\n"
    "	je	visitor_next\n"
    "1:	outl	%eax, $" TEXT(PORT_STALE) "\n"
    "visitor_next:\n"
    "	addl	$" TEXT(PAGE) ", %esi\n"
    "	addl	$4, %edi\n"
    "	cmpl	$" TEXT(PARCELS_END) ", %esi\n"
    "	jb	visitor_parcel\n"
    "	lock incl " TEXT(BOOK) "\n"
    "	outl	%eax, $" TEXT(PORT_ROUND) "\n"
    "	jmp	visitor\n"
    "visitor_end:\n"
    "	.code64\n"
    "	.popsection\n");
extern const char visitor[], visitor_load[], visitor_loaded[], visitor_next[], visitor_end[];

/* Where the program is: behind all that is the other's. */
#define PROGRAM		RAM_BYTES

struct visit {
	int file;
	char *ram;			/* the mirror */
	uint32_t rounds, stale, away, again;
	uint32_t last;			/* parcel that was away last, plus one */
};

/*
 * A number in the other guest's memory, or @otherwise if all of it is gone: then
 * reading says so, whereas a load from the mirror would end this program.
 */
static uint32_t guest_word(const struct visit *visit, uint64_t address, uint32_t otherwise)
{
	uint32_t word;

	return pread(visit->file, &word, sizeof(word), address) == sizeof(word) ? word : otherwise;
}

static void say_stale(struct visit *visit, const struct kvm_regs *regs)
{
	visit->stale++;
	if (visit->stale > 5)
		return;
	printf("borrower: parcel %llu is stale: it says %llu and %llu, its sequence is %llu\n",
	       (regs->rsi - PARCELS) / PAGE, regs->rax, regs->rbx, regs->rcx);
}

/* Was the processor about to look at a parcel?  Nothing else is ever taken away. */
static bool is_at_parcel(const struct kvm_regs *regs)
{
	uint64_t at = regs->rip - PROGRAM;

	return at >= (uint64_t)(visitor_load - visitor) &&
	       at < (uint64_t)(visitor_loaded - visitor);
}

/*
 * There is no page.  Is that right?  The other guest says of a parcel whether it
 * is being exchanged: if it was not, and has not been since, there should be one.
 */
static void say_away(struct visit *visit, const struct kvm_regs *regs)
{
	uint32_t parcel = (regs->rsi - PARCELS) / PAGE;
	uint32_t sequence = guest_word(visit, SEQUENCES + 4 * parcel, 1);

	if (!(sequence & 1) && sequence == (uint32_t)regs->rcx)
		errx(1, "parcel %u: EFAULT, but it was there", parcel);
	if (visit->last != parcel + 1)
		printf("borrower: parcel %u is away: EFAULT at 0x%llx\n", parcel, regs->rsi);
	visit->last = parcel + 1;
	visit->away++;
}

/*
 * The processor met no memory: is the page away, or is all of it, for good?  Then
 * it returns false.  KVM also says EFAULT if a page goes just between its being
 * made present and its being looked up, whatever comes then; the file knows.
 */
static bool go_on_after_fault(struct visit *visit, const struct machine *machine)
{
	uint32_t state = remotefs_info(visit->file).out_state;
	struct kvm_regs regs = machine_regs(machine);
	char byte;

	if (state != REMOTEFS_STATE_LIVE) {
		printf("borrower: the memory is gone: %s\n",
		       state == REMOTEFS_STATE_GONE ? "its process has ended" : "it was revoked");
		return false;
	}
	if (!is_at_parcel(&regs) || pread(visit->file, &byte, 1, regs.rsi) == 1 ||
	    errno != EFAULT) {
		visit->again++;
		return true;
	}
	say_away(visit, &regs);
	regs.rip = PROGRAM + (visitor_next - visitor);
	machine_set_regs(machine, &regs);
	return true;
}

/*
 * All rounds, and as many more as it takes until each parcel was exchanged at least
 * once meanwhile; false if the memory went, or a signal came, before.
 */
static bool pay_visit(struct visit *visit, const struct machine *machine, uint32_t rounds)
{
	uint32_t began = guest_word(visit, BOARD, 0), said;
	struct kvm_regs regs;

	while (visit->rounds < rounds || guest_word(visit, BOARD, began) - began < 2) {
		switch (machine_run(machine, &said)) {
		case PORT_ROUND:
			visit->rounds++;
			break;
		case PORT_STALE:
			regs = machine_regs(machine);
			say_stale(visit, &regs);
			break;
		default:
			if (errno == EINTR)
				return false;
			if (errno != EFAULT)
				err(1, "KVM_RUN");
			if (!go_on_after_fault(visit, machine))
				return false;
		}
	}
	return true;
}

static char *map_own(size_t bytes)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);

	if (memory == MAP_FAILED)
		err(1, "mmap");
	return memory;
}

/* The other's memory, but for the parcels if they are to be a copy. */
static void add_ram(struct visit *visit, struct machine *machine, bool copy)
{
	char *copied;

	if (!copy) {
		machine_add_memory(machine, 0, visit->ram, RAM_BYTES);
		return;
	}
	copied = map_own(RAM_BYTES - PARCELS);
	/* A page that is just away stays zeros. */
	for (size_t at = 0; at < PARCELS_END - PARCELS; at += PAGE)
		if (pread(visit->file, copied + at, PAGE, PARCELS + at) < 0 && errno != EFAULT)
			err(1, "reading the parcels");
	machine_add_memory(machine, 0, visit->ram, PARCELS);
	machine_add_memory(machine, PARCELS, copied, RAM_BYTES - PARCELS);
}

static void add_program(struct machine *machine)
{
	char *program = map_own(PAGE);

	memcpy(program, visitor, visitor_end - visitor);
	machine_add_memory(machine, PROGRAM, program, PAGE);
	machine_start_at(machine, PROGRAM);
}

static void open_ram(struct visit *visit, const char *path)
{
	struct stat stat;

	visit->file = open(path, O_RDWR | O_CLOEXEC);
	if (visit->file < 0 || fstat(visit->file, &stat))
		err(1, "%s", path);
	if (stat.st_size != RAM_BYTES)
		errx(1, "%s: not the memory of a guest of ours", path);
	visit->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, visit->file, 0);
	if (visit->ram == MAP_FAILED)
		err(1, "mmap %s", path);
}

int main(int argc, char **argv)
{
	struct visit visit = { };
	struct machine machine;
	uint32_t rounds, compared;
	bool copy, done;

	copy = getopt(argc, argv, "+c") == 'c';
	if (argc - optind < 1 || argc - optind > 2)
		errx(1, "usage: borrower [-c] FILE [ROUNDS]");
	rounds = argv[optind + 1] ? strtoul(argv[optind + 1], NULL, 0) : 1000;
	setlinebuf(stdout);
	open_ram(&visit, argv[optind]);
	machine_make(&machine);
	add_ram(&visit, &machine, copy);
	add_program(&machine);
	machine_end_on_signals(&machine);
	done = pay_visit(&visit, &machine, rounds);
	compared = machine_regs(&machine).rbp;
	printf("borrower: %u rounds; %u parcels right, %u stale, %u away, %u tried again\n",
	       visit.rounds, compared - visit.stale, visit.stale, visit.away, visit.again);
	return visit.stale ? 1 : done ? 0 : 2;
}
