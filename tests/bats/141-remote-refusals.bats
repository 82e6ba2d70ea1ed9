#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What REMOTE refuses, and that nothing has changed then: neither in the mount nor
# in the process.
#
# seconds: 90
# not on debug in a whole run: 090 and 142 have its calls there
# not on bookworm in a whole run: the checks are the same code on all kernels

# What start_source sets is not seen by shellcheck; single quotes are for another
# shell; steps are words.
# shellcheck disable=SC2154,SC2016,SC2086
bats_require_minimum_version 1.5.0
load helpers

# struct remotefs_remote_args.flags
FIXED=1 REPLACE=2 EXPOSE=4 HUGE=8 NOHUGE=16

setup() {
	setup_mount control_mode=0666
	start_source s "$PROGS/a-source" 4
	session=(control "$M/control" mem "$s_pid" rw attach)
	mmap="remote command=1 prot=3 length=4096"
	munmap="remote command=2 address=$s_address length=4096"
	discard="remote command=3 address=$s_address length=4096"
}

teardown() {
	teardown_mount
}

# keeps_memory FUNCTION...: and the source's mappings and its first page are as before
keeps_memory() {
	local before
	before=$(cat "/proc/$s_pid/maps")
	"$@"
	[ "$(cat "/proc/$s_pid/maps")" = "$before" ]
	[ "$(tell s print 0)" = "page 0 of $s_pid" ]
}

# bats test_tags=X2,C3,C8
@test "only the commands of the list exist, and of their flags only those that are known" {
	keeps_memory refuses "${session[@]}" <<-EOT
		EOPNOTSUPP remote command=0 length=4096
		EOPNOTSUPP remote command=4 length=4096
		EOPNOTSUPP remote command=0x80000001 length=4096
		EOPNOTSUPP $mmap flags=0x20
		EOPNOTSUPP $mmap flags=0x80000000
		EOPNOTSUPP $munmap flags=$FIXED
		EOPNOTSUPP $munmap flags=$EXPOSE
		EOPNOTSUPP $discard flags=$FIXED
		EOPNOTSUPP $discard flags=$NOHUGE
		EOPNOTSUPP $mmap map_flags=2
		EOPNOTSUPP $munmap map_flags=2
		EOPNOTSUPP $mmap flags=$EXPOSE map_flags=1
		EOPNOTSUPP $mmap flags=$EXPOSE map_flags=8
		EOPNOTSUPP $mmap flags=$EXPOSE map_flags=0x80000000
	EOT
}

# bats test_tags=X2,C8
@test "memory to be executed is refused, whatever else it shall be" {
	keeps_memory refuses "${session[@]}" <<-EOT
		EOPNOTSUPP remote command=1 prot=4 length=4096
		EOPNOTSUPP remote command=1 prot=5 length=4096
		EOPNOTSUPP remote command=1 prot=7 length=4096
		EOPNOTSUPP remote command=1 prot=7 length=4096 flags=$((FIXED | REPLACE)) address=$s_address
		EOPNOTSUPP remote command=1 prot=8 length=4096
		EOPNOTSUPP remote command=1 prot=0x01000003 length=4096
	EOT
}

# bats test_tags=C3,C8,X2
@test "what is malformed is refused: intervals, reserved fields, flags that exclude each other" {
	keeps_memory refuses "${session[@]}" <<-EOT
		EINVAL remote command=1 prot=3
		EINVAL remote command=1 prot=3 length=4095
		EINVAL remote command=1 prot=3 length=1
		EINVAL remote command=1 prot=3 length=0x8000000000000000
		EINVAL remote command=1 prot=3 length=0xfffffffffffff000
		EINVAL $mmap address=1
		EINVAL $mmap flags=$FIXED address=$((s_address + 1))
		EINVAL $mmap flags=$FIXED address=0xfffffffffffff000
		EINVAL $mmap flags=$FIXED address=0x7ffffffff000
		EINVAL $mmap flags=$REPLACE address=$s_address
		EINVAL $mmap flags=$((FIXED | REPLACE | EXPOSE)) address=$s_address
		EINVAL $mmap flags=$((FIXED | REPLACE | HUGE)) address=$s_address
		EINVAL $mmap reserved=1
		EINVAL $mmap map=1
		EINVAL $mmap mode=0600
		EINVAL $mmap uid=1
		EINVAL $mmap gid=1
		EINVAL $mmap flags=$EXPOSE uid=1
		EINVAL $mmap flags=$EXPOSE mode=0700
		EINVAL $mmap flags=$EXPOSE mode=01600
		EINVAL $mmap size=52
		EINVAL $mmap size=0
		EINVAL remote command=2 length=4096 prot=1 address=$s_address
		EINVAL remote command=2 address=$s_address
		EINVAL remote command=2 address=$((s_address + 1)) length=4096
		EINVAL remote command=2 address=$s_address length=4097
		EINVAL remote command=2 address=0xfffffffffffff000 length=4096
		EINVAL remote command=2 address=0xfffffffffffff000 length=8192
		EINVAL $munmap mode=0400
		EINVAL $discard reserved=1
		EINVAL remote command=3 address=$s_address
		EINVAL remote command=3 address=$s_address length=0xfffffffffffff000
		E2BIG $mmap size=64 tail=1
		E2BIG $mmap size=4100
		EFAULT remote ptr=0
		EFAULT remote ptr=0xffff800000000000
		EFAULT remote edge=52 command=1
	EOT
	# HUGE and NOHUGE: where the kernel has no NOHUGE it says so first.
	run -1 call "${session[@]}" $mmap flags=$((HUGE | NOHUGE))
	[[ ${lines[-1]} == "remote EINVAL" || ${lines[-1]} == "remote EOPNOTSUPP" ]]
}

# bats test_tags=C1,C2,P2
@test "REMOTE is for sessions that may write: not for readers, map files, control or watchers" {
	expose s 2
	keeps_memory refuses "${session[@]}" watch open flags=1 <<-EOT
		ENOTTY $mmap on=control
		ENOTTY $mmap on=file
		ENOTTY $mmap on=mem
		ENOTTY $mmap on=watcher
		ENOTTY $munmap on=file
		ENOTTY $discard on=file
		ENOTTY remote cmd=0xe709
	EOT
	keeps_memory refuses control "$M/control" mem "$s_pid" r attach <<-EOT
		EACCES $mmap
		EACCES $mmap flags=$EXPOSE
		EACCES $munmap
		EACCES $discard
	EOT
}

# bats test_tags=P1,X3
@test "a stranger has no session to command, and the process's own user has" {
	start_source mine as_user 1000 "$PROGS/a-source" 4
	run -1 as_user 1001 "$PROGS/a-call" control "$M/control" mem "$mine_pid" rw attach $mmap
	[ "${lines[-1]}" = "remote EBADF" ]
	run -0 as_user 1000 "$PROGS/a-call" control "$M/control" mem "$mine_pid" rw attach $mmap \
		remote command=3 address="$mine_address" length=4096
	run -0 as_user 1000 "$PROGS/a-call" control "$M/control" mem "$mine_pid" rw attach $mmap flags=$EXPOSE
	[ "$(stat -c %u "$M/$mine_pid/map-0")" = 1000 ]
	run -1 as_user 1000 "$PROGS/a-call" control "$M/control" mem "$mine_pid" rw attach $mmap flags=$EXPOSE map_flags=4 uid=0
	[ "${lines[-1]}" = "remote EPERM" ]
}

# bats test_tags=X3,U5
@test "sealed memory is not unmapped, and not discarded where it cannot be written" {
	requires mseal
	start_source sealed "$PROGS/p-guarded" sealed
	sealing=(control "$M/control" mem "$sealed_pid" rw attach)
	before=$(cat "/proc/$sealed_pid/maps")
	refuses "${sealing[@]}" <<-EOT
		EPERM remote command=2 address=$sealed_address length=4096
		EPERM remote command=1 flags=$((FIXED | REPLACE)) prot=3 address=$sealed_address length=4096
		EPERM remote command=3 address=$((sealed_address + 4096)) length=4096
		EPERM remote command=3 address=$sealed_address length=8192
	EOT
	[ "$(cat "/proc/$sealed_pid/maps")" = "$before" ]
	[ "$(tell sealed load)" = guarded ]
	# As its own madvise() would.
	run -0 call "${sealing[@]}" remote command=3 address="$sealed_address" length=4096
	[ "$(tell sealed load)" = "" ]
}

# bats test_tags=X1,X2
@test "commands work when the thread that led the process is gone" {
	run -0 call "${session[@]}" sh "echo leave >$BATS_TEST_TMPDIR/s.in; until grep -q 'State:.*Z' /proc/$s_pid/status; do sleep 0.05; done" \
		$mmap flags=$EXPOSE map_flags=2 file "$M/$s_pid/map-0" rw pwrite 0 hello pread 0 $discard \
		remote command=2 address="$((s_address + 4096))" length=4096
	[ "${lines[6]}" = "pread OK hello" ]
	[ "$(tell s print 2)" = "page 2 of $s_pid" ]
	thread=$(find "/proc/$s_pid/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | tail -n 1)
	run -1 grep -q "^$(printf %x-%x $((s_address + 4096)) $((s_address + 8192)))" "/proc/$s_pid/task/$thread/maps"
	grep -q "^$(printf %x-%x $((s_address + 8192)) $((s_address + 16384)))" "/proc/$s_pid/task/$thread/maps"
}

# bats test_tags=X3
@test "a process with 32-bit addresses is left alone" {
	requires ia32
	cat >"$BATS_TEST_TMPDIR/small.c" <<-'EOT'
		#include <asm/unistd.h>
		static long call(long nr, long a, long b, long c)
		{
			long ret;
			__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
			return ret;
		}
		void _start(void)
		{
			char byte;
			call(__NR_write, 1, (long)"up 0x1000\n", 10);
			call(__NR_read, 0, (long)&byte, 1);
			call(__NR_exit, 0, 0, 0);
		}
	EOT
	gcc -m32 -O1 -nostdlib -static -fno-stack-protector -fno-pic -no-pie \
		-idirafter /usr/include/x86_64-linux-gnu -o "$BATS_TEST_TMPDIR/small" "$BATS_TEST_TMPDIR/small.c"
	start_source small "$BATS_TEST_TMPDIR/small"
	small_pid=${started[-1]}
	before=$(cat "/proc/$small_pid/maps")
	address=$((16#${before%%-*}))
	refuses control "$M/control" mem "$small_pid" rw attach <<-EOT
		EOPNOTSUPP $mmap
		EOPNOTSUPP $mmap flags=$EXPOSE
		EOPNOTSUPP remote command=2 address=$address length=4096
		EOPNOTSUPP remote command=3 address=$address length=4096
	EOT
	[ "$(cat "/proc/$small_pid/maps")" = "$before" ]
}
