// SPDX-License-Identifier: GPL-2.0-only
/*
 * m-kvm: a viewer whose mirror is the memory of a virtual machine, and whose
 * loads and stores are made by the machine's processor.  KVM is a second user
 * of MMU notifiers on top of the mirror.
 */
#include "m-dialogue.h"
#include "../../examples/vmi/machine.h"

/* One page of code, and the mirror. */
#define CODE	0x1000
#define MIRROR	0x10000

static const unsigned char code[] = {
	0x8a, 0x03,		/* mov (%ebx), %al */
	0xe6, 0x10,		/* out %al, $0x10 */
	0x88, 0x03,		/* mov %al, (%ebx) */
	0xe6, 0x10,		/* out %al, $0x10 */
};
#define LOAD	CODE
#define STORE	(CODE + 4)

static struct machine machine;

/* machine PATH PAGES: with a mirror of the file's first pages for memory */
static void run_machine(char **words)
{
	size_t bytes = number(words[2]) << 12;
	int file = open(words[1], O_RDWR);
	void *mirror = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	char *own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mirror == MAP_FAILED || own == MAP_FAILED)
		return say(-1);
	memcpy(own, code, sizeof(code));
	machine_make(&machine);
	machine_add_memory(&machine, CODE, own, 4096);
	machine_add_memory(&machine, MIRROR, mirror, bytes);
	puts("ok");
}

/* Let the processor make one access: true, with the byte, if it could. */
static bool cpu_access(uint64_t routine, unsigned long offset, char *byte)
{
	const struct kvm_regs regs = {
		.rip = routine, .rbx = MIRROR + offset, .rax = (unsigned char)*byte, .rflags = 2,
	};
	uint32_t said;

	machine_set_regs(&machine, &regs);
	if (machine_run(&machine, &said) < 0) {
		say(-1);
		return false;
	}
	*byte = said;
	return true;
}

/* vload OFFSET, vstore OFFSET CHARACTER: in the machine's memory */
static void run_vload(char **words)
{
	char byte = 0;

	if (cpu_access(LOAD, number(words[1]), &byte))
		printf(isgraph(byte) ? "%c\n" : "%02x\n", (unsigned char)byte);
}

static void run_vstore(char **words)
{
	char byte = words[2][0];

	if (cpu_access(STORE, number(words[1]), &byte))
		puts("ok");
}

static const struct command commands[] = {
	{ "machine", run_machine },
	{ "vload", run_vload },
	{ "vstore", run_vstore },
	{ }
};

int main(void)
{
	return converse(commands, NULL);
}
