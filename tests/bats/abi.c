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

NUMBER(REMOTEFS_SUPER_MAGIC, 0x524d4653);
NUMBER(REMOTEFS_IOC_FEATURES, 0xe700);
NUMBER(REMOTEFS_IOC_ATTACH, 0xe701);
NUMBER(REMOTEFS_IOC_MAP, 0xe702);
NUMBER(REMOTEFS_IOC_UNMAP, 0xe703);
NUMBER(REMOTEFS_IOC_ALLOW, 0xe704);
NUMBER(REMOTEFS_IOC_LOCK, 0xe705);
NUMBER(REMOTEFS_IOC_OPEN, 0xe706);
NUMBER(REMOTEFS_IOC_INFO, 0xe710);
NUMBER(REMOTEFS_IOC_RANGE, 0xe711);
NUMBER(REMOTEFS_FEATURE_WRITE, 1);
NUMBER(REMOTEFS_FEATURE_WHOLE, 2);
NUMBER(REMOTEFS_FEATURE_PMD, 4);
NUMBER(REMOTEFS_FEATURE_ZERO, 8);
NUMBER(REMOTEFS_FEATURE_LOCK, 16);
NUMBER(REMOTEFS_FEATURE_SESSION, 32);
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

static long call(long number, long a, long b, long c)
{
	long ret;

#ifdef __i386__
	asm volatile("int $0x80" : "=a"(ret) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
#else
	asm volatile("syscall" : "=a"(ret) : "a"(number), "D"(a), "S"(b), "d"(c)
		     : "rcx", "r11", "memory");
#endif
	return ret;
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
	REQUIRE((features.features & ~63ULL) == 0 && (features.features & 59) == 59);
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
