// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ABI as a program of either width sees it.
 *
 *	abi CONTROL
 *
 * 110-abi.bats compiles this twice, with -m64 and with -m32 and without any
 * library: the layouts below must hold for both, and a process that exposes
 * memory of its own must get the same answers.  Exit status 0, or the line of
 * the check that failed, modulo 256.
 */
#include <stddef.h>

#include <asm/unistd.h>
#include <linux/remotefs.h>

#define LAYOUT(name, size_, min) \
	_Static_assert(sizeof(struct remotefs_##name##_args) == (size_), #name); \
	_Static_assert(_Alignof(struct remotefs_##name##_args) == (min), #name)
#define AT(name, member, offset, width) \
	_Static_assert(offsetof(struct remotefs_##name##_args, member) == (offset), #member); \
	_Static_assert(sizeof(((struct remotefs_##name##_args *)0)->member) == (width), #member)
#define NUMBER(name, value) _Static_assert((name) == (value), #name)

LAYOUT(features, 16, 8);
AT(features, size, 0, 4);
AT(features, __reserved, 4, 4);
AT(features, features, 8, 8);
LAYOUT(attach, 16, 4);
AT(attach, size, 0, 4);
AT(attach, flags, 4, 4);
AT(attach, mem_fd, 8, 4);
AT(attach, pid, 12, 4);
LAYOUT(map, 48, 8);
AT(map, size, 0, 4);
AT(map, flags, 4, 4);
AT(map, map, 8, 4);
AT(map, mode, 12, 4);
AT(map, uid, 16, 4);
AT(map, gid, 20, 4);
AT(map, address, 24, 8);
AT(map, offset, 32, 8);
AT(map, length, 40, 8);
LAYOUT(unmap, 32, 8);
AT(unmap, size, 0, 4);
AT(unmap, flags, 4, 4);
AT(unmap, map, 8, 4);
AT(unmap, __reserved, 12, 4);
AT(unmap, offset, 16, 8);
AT(unmap, length, 24, 8);
LAYOUT(lock, 16, 4);
AT(lock, size, 0, 4);
AT(lock, flags, 4, 4);
AT(lock, map, 8, 4);
AT(lock, __reserved, 12, 4);
LAYOUT(allow, 32, 8);
AT(allow, size, 0, 4);
AT(allow, flags, 4, 4);
AT(allow, map, 8, 4);
AT(allow, __reserved, 12, 4);
AT(allow, offset, 16, 8);
AT(allow, length, 24, 8);
LAYOUT(open, 16, 4);
AT(open, size, 0, 4);
AT(open, flags, 4, 4);
AT(open, map, 8, 4);
AT(open, __reserved, 12, 4);
LAYOUT(watch, 16, 4);
AT(watch, size, 0, 4);
AT(watch, flags, 4, 4);
AT(watch, queue, 8, 4);
AT(watch, __reserved, 12, 4);
LAYOUT(remote, 56, 8);
AT(remote, size, 0, 4);
AT(remote, command, 4, 4);
AT(remote, flags, 8, 4);
AT(remote, prot, 12, 4);
AT(remote, address, 16, 8);
AT(remote, length, 24, 8);
AT(remote, map_flags, 32, 4);
AT(remote, out_map, 36, 4);
AT(remote, mode, 40, 4);
AT(remote, uid, 44, 4);
AT(remote, gid, 48, 4);
AT(remote, __reserved, 52, 4);
LAYOUT(watch_add, 32, 8);
AT(watch_add, size, 0, 4);
AT(watch_add, flags, 4, 4);
AT(watch_add, start, 8, 8);
AT(watch_add, end, 16, 8);
AT(watch_add, cookie, 24, 8);
LAYOUT(watch_del, 16, 8);
AT(watch_del, size, 0, 4);
AT(watch_del, flags, 4, 4);
AT(watch_del, cookie, 8, 8);
LAYOUT(info, 64, 8);
AT(info, size, 0, 4);
AT(info, flags, 4, 4);
AT(info, out_pid, 8, 4);
AT(info, out_map, 12, 4);
AT(info, out_state, 16, 4);
AT(info, out_ranges, 20, 4);
AT(info, out_mirrors, 24, 4);
AT(info, out_waiters, 28, 4);
AT(info, out_faults, 32, 8);
AT(info, out_invalidations, 40, 8);
AT(info, out_mirrored, 48, 8);
AT(info, out_viewers, 56, 4);
AT(info, out_flags, 60, 4);
LAYOUT(range, 40, 8);
AT(range, size, 0, 4);
AT(range, out_flags, 4, 4);
AT(range, offset, 8, 8);
AT(range, out_address, 16, 8);
AT(range, out_length, 24, 8);
AT(range, out_mirrored, 32, 8);
LAYOUT(area, 80, 8);
AT(area, size, 0, 4);
AT(area, flags, 4, 4);
AT(area, operation, 8, 4);
AT(area, mask, 12, 4);
AT(area, slots, 16, 64);

/* What is read, and what is mapped, which are nobody's arguments. */
#define remotefs_event_args	remotefs_event
#define remotefs_page_args	remotefs_watch_page
LAYOUT(event, 48, 8);
AT(event, type, 0, 4);
AT(event, flags, 4, 4);
AT(event, kinds, 8, 4);
AT(event, reason, 12, 4);
AT(event, cookie, 16, 8);
AT(event, start, 24, 8);
AT(event, end, 32, 8);
AT(event, generation, 40, 8);
LAYOUT(page, 8, 8);
AT(page, generation, 0, 8);

NUMBER(REMOTEFS_SUPER_MAGIC, 0x524d4653);
NUMBER(REMOTEFS_IOC_FEATURES, 0xe700);
NUMBER(REMOTEFS_IOC_ATTACH, 0xe701);
NUMBER(REMOTEFS_IOC_MAP, 0xe702);
NUMBER(REMOTEFS_IOC_UNMAP, 0xe703);
NUMBER(REMOTEFS_IOC_ALLOW, 0xe704);
NUMBER(REMOTEFS_IOC_LOCK, 0xe705);
NUMBER(REMOTEFS_IOC_OPEN, 0xe706);
NUMBER(REMOTEFS_IOC_WATCH, 0xe707);
NUMBER(REMOTEFS_IOC_REMOTE, 0xe708);
NUMBER(REMOTEFS_IOC_INFO, 0xe710);
NUMBER(REMOTEFS_IOC_RANGE, 0xe711);
NUMBER(REMOTEFS_IOC_WATCH_ADD, 0xe720);
NUMBER(REMOTEFS_IOC_WATCH_DEL, 0xe721);
NUMBER(REMOTEFS_FEATURE_WRITE, 1);
NUMBER(REMOTEFS_FEATURE_WHOLE, 2);
NUMBER(REMOTEFS_FEATURE_PMD, 4);
NUMBER(REMOTEFS_FEATURE_ZERO, 8);
NUMBER(REMOTEFS_FEATURE_LOCK, 16);
NUMBER(REMOTEFS_FEATURE_SESSION, 32);
NUMBER(REMOTEFS_FEATURE_WATCH, 64);
NUMBER(REMOTEFS_FEATURE_REMOTE, 128);
NUMBER(REMOTEFS_FEATURE_NOHUGE, 256);
NUMBER(REMOTEFS_REMOTE_MMAP, 1);
NUMBER(REMOTEFS_REMOTE_MUNMAP, 2);
NUMBER(REMOTEFS_REMOTE_DISCARD, 3);
NUMBER(REMOTEFS_REMOTE_FIXED, 1);
NUMBER(REMOTEFS_REMOTE_REPLACE, 2);
NUMBER(REMOTEFS_REMOTE_EXPOSE, 4);
NUMBER(REMOTEFS_REMOTE_HUGE, 8);
NUMBER(REMOTEFS_REMOTE_NOHUGE, 16);
NUMBER(REMOTEFS_FEATURE_AREA, 512);
NUMBER(REMOTEFS_FEATURE_LABEL, 1024);
NUMBER(REMOTEFS_LABEL_MAX, 63);
NUMBER(REMOTEFS_IOC_AREA, 0xe712);
NUMBER(REMOTEFS_AREA_SLOTS, 8);
NUMBER(REMOTEFS_AREA_GET, 1);
NUMBER(REMOTEFS_AREA_SET, 2);
NUMBER(REMOTEFS_AREA_CLEAR, 3);
NUMBER(REMOTEFS_POLICY_OPEN, 1);
NUMBER(REMOTEFS_POLICY_MMAP, 2);
NUMBER(REMOTEFS_POLICY_READ, 3);
NUMBER(REMOTEFS_POLICY_WRITE, 4);
NUMBER(REMOTEFS_POLICY_MAY_WRITE, 1);
NUMBER(REMOTEFS_ATTACH_EPHEMERAL, 1);
NUMBER(REMOTEFS_ATTACH_EXCLUSIVE, 2);
NUMBER(REMOTEFS_MAP_NEW, 1);
NUMBER(REMOTEFS_MAP_WRITE, 2);
NUMBER(REMOTEFS_MAP_OWNER, 4);
NUMBER(REMOTEFS_MAP_WHOLE, 8);
NUMBER(REMOTEFS_MAP_ZERO, 16);
NUMBER(REMOTEFS_MAP_AS, 0xffffffff);
NUMBER(REMOTEFS_LOCK_NEW, 1);
NUMBER(REMOTEFS_OPEN_WRITE, 1);
NUMBER(REMOTEFS_INFO_LOCKED, 1);
NUMBER(REMOTEFS_STATE_LIVE, 0);
NUMBER(REMOTEFS_STATE_REVOKED, 1);
NUMBER(REMOTEFS_STATE_GONE, 2);
NUMBER(REMOTEFS_EVENT_INVALIDATED, 1);
NUMBER(REMOTEFS_EVENT_STALE, 2);
NUMBER(REMOTEFS_EVENT_EMPTY, 3);
NUMBER(REMOTEFS_EVENT_GONE, 4);
NUMBER(REMOTEFS_EVENT_EXACT, 1);
NUMBER(REMOTEFS_KIND_UNMAP, 1);
NUMBER(REMOTEFS_KIND_PROTECT, 2);
NUMBER(REMOTEFS_KIND_CLEAR, 4);
NUMBER(REMOTEFS_KIND_SOFT_DIRTY, 8);
NUMBER(REMOTEFS_KIND_OTHER, 16);
NUMBER(REMOTEFS_GONE_UNKNOWN, 0);
NUMBER(REMOTEFS_GONE_EXIT, 1);
NUMBER(REMOTEFS_GONE_EXEC, 2);

static long call(long number, long a, long b, long c)
{
	long ret;

#ifdef __i386__
	/* Those that take a fourth one get none. */
	asm volatile("int $0x80" : "=a"(ret) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(0)
		     : "memory");
#else
	register long fourth asm("r10") = 0;

	asm volatile("syscall" : "=a"(ret) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
		     : "rcx", "r11", "memory");
#endif
	return ret;
}

/* The kernel's mmap() of six arguments: i386 has it with a structure, too. */
static long map_page(long fd)
{
#ifdef __i386__
	const unsigned int args[6] = { 0, 4096, 1 /* PROT_READ */, 1 /* MAP_SHARED */, fd, 0 };

	return call(__NR_mmap, (long)args, 0, 0);
#else
	register long flags asm("r10") = 1, of asm("r8") = fd, offset asm("r9") = 0;
	long ret;

	asm volatile("syscall" : "=a"(ret) : "a"(__NR_mmap), "D"(0), "S"(4096), "d"(1), "r"(flags),
		     "r"(of), "r"(offset) : "rcx", "r11", "memory");
	return ret;
#endif
}

static void require(int holds, int line)
{
	if (!holds)
		call(__NR_exit, line & 255 ? line & 255 : 1, 0, 0);
}

#define REQUIRE(condition) require(condition, __LINE__)

/* Anonymous memory of this program's: beyond the file's end, page aligned. */
static char memory[3 * 4096] __attribute__((aligned(4096)));

static void expose_own_memory(long control)
{
	struct remotefs_attach_args attach = { .size = sizeof(attach), .mem_fd = -1 };
	struct remotefs_map_args map = {
		.size = sizeof(map), .flags = REMOTEFS_MAP_NEW | REMOTEFS_MAP_WRITE,
		.address = (size_t)memory + 4096, .length = 4096, .offset = 1ULL << 40,
	};
	struct remotefs_unmap_args unmap = { .size = sizeof(unmap), .length = 4096 };
	struct remotefs_allow_args allow = { .size = sizeof(allow), .length = 4096 };
	struct remotefs_open_args open = { .size = sizeof(open), .flags = REMOTEFS_OPEN_WRITE };
	struct remotefs_lock_args lock = { .size = sizeof(lock) };
	struct remotefs_info_args info = { .size = sizeof(info) };
	long file, session = call(__NR_ioctl, control, REMOTEFS_IOC_ATTACH, (long)&attach);

	REQUIRE(session >= 0);
	REQUIRE(call(__NR_ioctl, session, REMOTEFS_IOC_MAP, (long)&map) == 0);
	REQUIRE(map.map == 0);
	map.flags = REMOTEFS_MAP_WRITE;
	REQUIRE(call(__NR_ioctl, session, REMOTEFS_IOC_MAP, (long)&map) == -17);
	allow.offset = 1ULL << 40;
	REQUIRE(call(__NR_ioctl, session, REMOTEFS_IOC_ALLOW, (long)&allow) == 0);
	REQUIRE(call(__NR_ioctl, session, REMOTEFS_IOC_ALLOW, (long)&allow) == -17);
	unmap.offset = 1ULL << 40;
	REQUIRE(call(__NR_ioctl, session, REMOTEFS_IOC_UNMAP, (long)&unmap) == 0);
	REQUIRE(call(__NR_ioctl, session, REMOTEFS_IOC_UNMAP, (long)&unmap) == -2);
	REQUIRE(call(__NR_ioctl, session, REMOTEFS_IOC_MAP, (long)&map) == 0);
	REQUIRE(call(__NR_ioctl, session, REMOTEFS_IOC_FEATURES, (long)&map) == -25);
	attach.flags = REMOTEFS_ATTACH_EPHEMERAL | REMOTEFS_ATTACH_EXCLUSIVE;
	REQUIRE(call(__NR_ioctl, control, REMOTEFS_IOC_ATTACH, (long)&attach) == -17);
	file = call(__NR_ioctl, session, REMOTEFS_IOC_OPEN, (long)&open);
	REQUIRE(file >= 0);
	REQUIRE(call(__NR_ioctl, session, REMOTEFS_IOC_LOCK, (long)&lock) == 0);
	REQUIRE(call(__NR_ioctl, file, REMOTEFS_IOC_INFO, (long)&info) == 0);
	REQUIRE(info.out_flags == REMOTEFS_INFO_LOCKED && info.out_viewers == 1);
	REQUIRE(info.out_mirrors == 0 && info.out_mirrored == 0);
}

/* As the header says: in two parts, with the upper one again. */
static unsigned long long read_generation(const struct remotefs_watch_page *page)
{
	const unsigned int *halves = (const unsigned int *)&page->generation;
	unsigned int high, low, again;

	if (sizeof(long) == 8)
		return __atomic_load_n(&page->generation, __ATOMIC_ACQUIRE);
	do {
		high = __atomic_load_n(&halves[1], __ATOMIC_ACQUIRE);
		/* So slowly that the wrap is sure to come in between. */
		for (volatile int i = 0; i < 1000; i++)
			;
		low = __atomic_load_n(&halves[0], __ATOMIC_ACQUIRE);
		again = __atomic_load_n(&halves[1], __ATOMIC_ACQUIRE);
	} while (high != again);
	return (unsigned long long)high << 32 | low;
}

/* The second page, so that there is something to be told. */
static void discard(void)
{
	REQUIRE(call(__NR_madvise, (long)memory + 4096, 4096, 4 /* MADV_DONTNEED */) == 0);
}

static void read_record(long watcher, const struct remotefs_watch_page *page)
{
	struct remotefs_event events[3];
	unsigned long long before = read_generation(page);

	discard();
	REQUIRE(read_generation(page) >= before + 2);
	REQUIRE(call(__NR_read, watcher, (long)events, 47) == -22);
	REQUIRE(call(__NR_read, watcher, (long)events, sizeof(events)) == 2 * sizeof(*events));
	REQUIRE(events[0].type == REMOTEFS_EVENT_INVALIDATED);
	REQUIRE(events[0].flags == REMOTEFS_EVENT_EXACT);
	REQUIRE(events[0].kinds == REMOTEFS_KIND_CLEAR && events[0].reason == 0);
	REQUIRE(events[0].cookie == 0xfedcba9876543210ULL);
	REQUIRE(events[0].start == (size_t)memory + 4096 && events[0].end == (size_t)memory + 8192);
	REQUIRE(events[1].type == REMOTEFS_EVENT_EMPTY && events[1].cookie == 0);
	REQUIRE(events[1].generation >= before + 2);
}

#define DISCARDS	600

/* What a child does, in this memory. */
__attribute__((used)) static void discard_often(void)
{
	for (int i = 0; i < DISCARDS; i++)
		discard();
	call(__NR_exit, 0, 0, 0);
}

/* clone() with CLONE_VM and SIGCHLD; the child calls discard_often(). */
long spawn(void *stack);
#ifdef __i386__
asm("spawn: push %ebx\n mov $0x111, %ebx\n mov 8(%esp), %ecx\n mov $120, %eax\n int $0x80\n"
    " test %eax, %eax\n jz 1f\n pop %ebx\n ret\n 1: call discard_often\n hlt");
#else
asm("spawn: mov %rdi, %rsi\n mov $0x111, %edi\n mov $56, %eax\n syscall\n"
    " test %eax, %eax\n jz 1f\n ret\n 1: call discard_often\n hlt");
#endif

/* It discards while this program looks: no generation is before the last one. */
static void see_it_grow(const struct remotefs_watch_page *page)
{
	unsigned long long first = read_generation(page), last = first, now;
	static char stack[4096] __attribute__((aligned(16)));
	long child = spawn(stack + sizeof(stack));

	REQUIRE(child > 0);
	/* The kernel may do a little more to the page on its own. */
	do {
		now = read_generation(page);
		REQUIRE(now >= last && now < first + 4 * DISCARDS);
		last = now;
	} while (now < first + 2 * DISCARDS);
	REQUIRE(call(__NR_wait4, child, 0, 0) == child);
}

static void watch_with(long session)
{
	struct remotefs_watch_args watch = { .size = sizeof(watch), .queue = 2 };
	struct remotefs_watch_add_args add = {
		.size = sizeof(add), .start = (size_t)memory, .end = (size_t)memory + sizeof(memory),
		.cookie = 0xfedcba9876543210ULL,
	};
	struct remotefs_watch_del_args del = { .size = sizeof(del), .cookie = add.cookie };
	const struct remotefs_watch_page *page;
	long watcher = call(__NR_ioctl, session, REMOTEFS_IOC_WATCH, (long)&watch);

	REQUIRE(watcher >= 0);
	page = (const void *)map_page(watcher);
	REQUIRE((unsigned long)page < -4096UL);
	REQUIRE(call(__NR_ioctl, watcher, REMOTEFS_IOC_WATCH_ADD, (long)&add) == 0);
	REQUIRE(call(__NR_ioctl, watcher, REMOTEFS_IOC_WATCH_ADD, (long)&add) == -17);
	read_record(watcher, page);
	/* Over the wrap of the lower half, which is 1024 from the beginning. */
	REQUIRE(read_generation(page) >> 32 == 0);
	see_it_grow(page);
	REQUIRE(read_generation(page) >> 32 == 1);
	REQUIRE(call(__NR_ioctl, watcher, REMOTEFS_IOC_WATCH_DEL, (long)&del) == 0);
	REQUIRE(call(__NR_ioctl, watcher, REMOTEFS_IOC_WATCH_DEL, (long)&del) == -2);
	REQUIRE(call(__NR_munmap, (long)page, 4096, 0) == 0);
	REQUIRE(call(__NR_close, watcher, 0, 0) == 0);
}

/* It wraps once for each watcher, and is to be looked at just then. */
#define WRAPS	4

static void watch_own_memory(long control)
{
	struct remotefs_attach_args attach = { .size = sizeof(attach), .mem_fd = -1 };
	long session = call(__NR_ioctl, control, REMOTEFS_IOC_ATTACH, (long)&attach);

	REQUIRE(session >= 0);
	for (int i = 0; i < WRAPS; i++)
		watch_with(session);
	REQUIRE(call(__NR_close, session, 0, 0) == 0);
}

/* Numbers of 64 bits come back whole. */
static void keep_state(long file)
{
	struct remotefs_area_args area = {
		.size = sizeof(area), .operation = REMOTEFS_AREA_SET, .mask = 129,
		.slots = { [0] = 0x123456789abcdef0, [7] = ~0ULL },
	};

	REQUIRE(call(__NR_ioctl, file, REMOTEFS_IOC_AREA, (long)&area) == 0);
	REQUIRE(area.slots[0] == 0 && area.slots[7] == 0);
	area.operation = REMOTEFS_AREA_GET;
	REQUIRE(call(__NR_ioctl, file, REMOTEFS_IOC_AREA, (long)&area) == 0);
	REQUIRE(area.slots[0] == 0x123456789abcdef0 && area.slots[7] == ~0ULL);
	area = (struct remotefs_area_args){ .size = sizeof(area), .mask = 255,
					    .operation = REMOTEFS_AREA_CLEAR };
	REQUIRE(call(__NR_ioctl, file, REMOTEFS_IOC_AREA, (long)&area) == 0);
	REQUIRE(area.slots[0] == 0x123456789abcdef0 && area.slots[7] == ~0ULL);
}

/* A map file that somebody else made: one page of "page 0 of PID". */
static void ask_about(long file)
{
	struct remotefs_info_args info = { .size = sizeof(info) };
	struct remotefs_range_args range = { .size = sizeof(range) };

	REQUIRE(file >= 0);
	REQUIRE(call(__NR_ioctl, file, REMOTEFS_IOC_INFO, (long)&info) == 0);
	REQUIRE(info.out_pid != 0 && info.out_ranges == 1 && info.out_state == 0);
	REQUIRE(call(__NR_ioctl, file, REMOTEFS_IOC_RANGE, (long)&range) == 0);
	REQUIRE(range.out_address >> 32 != 0 && range.out_length == 4 * 4096);
	REQUIRE(range.out_mirrored == 0);
	range.offset += range.out_length;
	REQUIRE(call(__NR_ioctl, file, REMOTEFS_IOC_RANGE, (long)&range) == -2);
	keep_state(file);
}

__attribute__((used)) static void begin(long *stack)
{
	char **argv = (char **)(stack + 1);
	struct remotefs_features_args features = { .size = sizeof(features), .features = ~0ULL };
	long control;

	REQUIRE(stack[0] == 3);
	control = call(__NR_open, (long)argv[1], 0, 0);
	REQUIRE(control >= 0);
	REQUIRE(call(__NR_ioctl, control, REMOTEFS_IOC_FEATURES, (long)&features) == 0);
	REQUIRE((features.features & ~2047ULL) == 0 && (features.features & 1787) == 1787);
	watch_own_memory(control);
	memory[4096] = 'x';
	expose_own_memory(control);
	ask_about(call(__NR_open, (long)argv[2], 0, 0));
	call(__NR_exit, 0, 0, 0);
}

#ifdef __i386__
asm(".globl _start\n_start: mov %esp, %eax\n and $-16, %esp\n sub $12, %esp\n push %eax\n call begin\n hlt");
#else
asm(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call begin\n hlt");
#endif
