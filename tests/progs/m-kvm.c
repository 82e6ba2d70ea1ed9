// SPDX-License-Identifier: GPL-2.0-only
/*
 * m-kvm: a viewer whose mirror is the memory of a virtual machine, and whose
 * loads and stores are made by the machine's processor.  KVM is a second user
 * of MMU notifiers on top of the mirror.
 */
#include <linux/kvm.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "m-dialogue.h"

/* Real mode: code below the first megabyte, the mirror at MIRROR. */
#define CODE	0x1000
#define MIRROR	0x10000
#define PORT	0x10

static const unsigned char code[] = {
	0x8a, 0x07,		/* mov (%bx), %al */
	0xe6, PORT,		/* out %al, PORT */
	0x88, 0x07,		/* mov %al, (%bx) */
	0xe6, PORT,		/* out %al, PORT */
};
#define LOAD	CODE
#define STORE	(CODE + 4)

static int vm = -1, cpu = -1;
static struct kvm_run *run;

static int add_memory(unsigned int slot, uint64_t at, void *memory, size_t bytes)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = at, .memory_size = bytes,
		.userspace_addr = (unsigned long)memory,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

/* The first 4 KiB at @at hold the code. */
static int add_code(void)
{
	char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -1;
	memcpy(memory, code, sizeof(code));
	return add_memory(0, CODE, memory, 4096);
}

static int add_cpu(int kvm)
{
	struct kvm_sregs sregs;

	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (cpu < 0 || ioctl(cpu, KVM_GET_SREGS, &sregs))
		return -1;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.ds.base = MIRROR;
	sregs.ds.selector = MIRROR >> 4;
	run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
		   PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	return run == MAP_FAILED ? -1 : ioctl(cpu, KVM_SET_SREGS, &sregs);
}

/* machine PATH PAGES: with a mirror of the file's first pages for memory */
static void run_machine(char **words)
{
	size_t bytes = number(words[2]) << 12;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int file = open(words[1], O_RDWR);
	void *mirror = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	if (kvm < 0 || mirror == MAP_FAILED)
		return say(-1);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	say(vm < 0 ? -1 : add_code() ?: add_memory(1, MIRROR, mirror, bytes) ?: add_cpu(kvm));
}

/* Let the processor make one access: true, with the byte, if it could. */
static bool cpu_access(uint64_t routine, unsigned long offset, char *byte)
{
	struct kvm_regs regs = {
		.rip = routine, .rbx = offset, .rax = (unsigned char)*byte, .rflags = 2,
	};

	if (ioctl(cpu, KVM_SET_REGS, &regs) || ioctl(cpu, KVM_RUN, 0)) {
		say(-1);
		return false;
	}
	if (run->exit_reason != KVM_EXIT_IO) {
		printf("exit %u\n", run->exit_reason);
		return false;
	}
	*byte = *((char *)run + run->io.data_offset);
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
