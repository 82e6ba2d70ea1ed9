/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine of one processor, by KVM, with next to nothing in it: no
 * firmware, no devices, no interrupts.  The processor is in 32-bit mode without
 * paging, so that addresses in programs are those of the guest's memory.  It
 * talks to us by OUT instructions.
 */
#ifndef VMI_MACHINE_H
#define VMI_MACHINE_H

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

struct machine {
	int vm, cpu;
	unsigned int slots;
	struct kvm_run *run;
};

static struct kvm_run *machine_interrupted;

/* Also when the signal comes just before KVM_RUN, that returns at once. */
static inline void machine_on_signal(int signal)
{
	(void)signal;
	machine_interrupted->immediate_exit = 1;
}

/* The next SIGTERM or SIGINT makes machine_run() fail with EINTR. */
static inline void machine_end_on_signals(const struct machine *machine)
{
	struct sigaction action = { .sa_handler = machine_on_signal };

	machine_interrupted = machine->run;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

/* Segments over the whole of 4 GiB.  There is no descriptor table behind them. */
static inline void machine_make_flat(const struct machine *machine)
{
	const struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 16, .type = 3,
		.present = 1, .db = 1, .s = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	if (ioctl(machine->cpu, KVM_GET_SREGS, &sregs))
		err(1, "KVM_GET_SREGS");
	sregs.ds = data;
	sregs.es = data;
	sregs.ss = data;
	sregs.cs = data;
	sregs.cs.selector = 8;
	sregs.cs.type = 11;
	sregs.cr0 |= 1;
	if (ioctl(machine->cpu, KVM_SET_SREGS, &sregs))
		err(1, "KVM_SET_SREGS");
}

static inline void machine_make(struct machine *machine)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		err(1, "/dev/kvm");
	machine->slots = 0;
	machine->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	/* Processors of Intel want three pages for themselves, out of the way. */
	if (machine->vm < 0 || ioctl(machine->vm, KVM_SET_TSS_ADDR, 0xfffbd000))
		err(1, "KVM_CREATE_VM");
	machine->cpu = ioctl(machine->vm, KVM_CREATE_VCPU, 0);
	if (machine->cpu < 0)
		err(1, "KVM_CREATE_VCPU");
	machine->run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
			    MAP_SHARED, machine->cpu, 0);
	if (machine->run == MAP_FAILED)
		err(1, "mmap of the processor");
	machine_make_flat(machine);
	close(kvm);
}

/* The guest has this memory of ours at its address @at from now on. */
static inline void machine_add_memory(struct machine *machine, uint64_t at, void *memory,
				      uint64_t bytes)
{
	struct kvm_userspace_memory_region region = {
		.slot = machine->slots++, .guest_phys_addr = at, .memory_size = bytes,
		.userspace_addr = (uintptr_t)memory,
	};

	if (ioctl(machine->vm, KVM_SET_USER_MEMORY_REGION, &region))
		err(1, "KVM_SET_USER_MEMORY_REGION");
}

static inline struct kvm_regs machine_regs(const struct machine *machine)
{
	struct kvm_regs regs;

	if (ioctl(machine->cpu, KVM_GET_REGS, &regs))
		err(1, "KVM_GET_REGS");
	return regs;
}

static inline void machine_set_regs(const struct machine *machine, const struct kvm_regs *regs)
{
	if (ioctl(machine->cpu, KVM_SET_REGS, regs))
		err(1, "KVM_SET_REGS");
}

static inline void machine_start_at(const struct machine *machine, uint64_t address)
{
	const struct kvm_regs regs = { .rip = address, .rflags = 2 };

	machine_set_regs(machine, &regs);
}

/*
 * Run until the guest says something: the port, with *@said.  Or -1 with errno:
 * EFAULT, the guest touched memory that is not there; EINTR, a signal came.
 */
static inline int machine_run(const struct machine *machine, uint32_t *said)
{
	const struct kvm_run *run = machine->run;

	if (ioctl(machine->cpu, KVM_RUN, 0))
		return -1;
	if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_OUT)
		errx(1, "the processor stopped for reason %u at 0x%llx", run->exit_reason,
		     machine_regs(machine).rip);
	memcpy(said, (const char *)run + run->io.data_offset, sizeof(*said));
	return run->io.port;
}

#endif /* VMI_MACHINE_H */
