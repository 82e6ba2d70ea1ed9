#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# BPF programs on map files: tracepoints, state, policy.
#
# seconds: 240
# not on trixie in a whole run: it runs once more there, in another way
# once more on trixie with: lsm=landlock,lockdown,yama,integrity,apparmor

# What start_source sets is not seen by shellcheck; numbers need no quotes; single
# ones are for another shell.
# shellcheck disable=SC2154,SC2086,SC2034,SC2016
bats_require_minimum_version 1.5.0
load helpers

# tests/bpf/kernel.h: the numbers that programs and tests share
MAPPED=0 REVOKED=1 OPENED=2 MMAPPED=3 FAULTED=4 INVALIDATED=5 HAVE_READ=6 WRITTEN=7
FAILED=8 NESTED=9 ASKED=10 FOOLED=11 INO=12 OP=13 ERR=14 FLAGS=15 OFFSET=16 LENGTH=17
INODE=18 HOLDER=19 HOLDS_AT=20 HELD=21 FREED=22 LATE=23
# struct remotefs_policy.op, and errnos
OPEN=1 MMAP=2 READ=3 POLICY_WRITE=4 EPERM=1 EACCES=13 EDQUOT=122
GET=1 SET=2 CLEAR=3
# How many look-ups within look-ups there are to be.
nested=${NESTED_LOOKUPS-10000}

setup() {
	setup_mount
	start_source s "$PROGS/a-source" 4
}

teardown() {
	teardown_mount
}

# attach NAME OBJECT PROGRAM...
attach() {
	local -n said=${1}_pid why=${1}_address

	start_source "$1" "$PROGS/k-bpf" "$PROGS/$2.bpf.o" "${@:3}" || {
		echo "$1: $said $why"
		return 1
	}
}

# number NAME INDEX...
number() { tell "$1" get "${@:2}"; }
number_is() { [ "$(number "$1" "$2")" = "$3" ]; }

# missed PROGRAM: how often the kernel passed it over.  It does not run a program
# within itself, and one that can be preempted may be in its midst on a processor
# when another task there gets to it.
missed() {
	bpftool prog show | awk -v program="$1" '
		$0 ~ " name " program " " {
			for (i = 1; i < NF; i++)
				if ($i == "recursion_misses") n += $(i + 1)
		}
		END { print n + 0 }'
}

# counted NUMBER EXPECTED PROGRAM: so often but for what it missed
counted() {
	[ "$1" -le "$2" ]
	[ "$1" = "$2" ] || [ $(($1 + $(missed "$3"))) -ge "$2" ]
}

# refuse NAME FILE OP ERRNO: what the policy programs are to do
refuse() {
	tell "$1" set $INO "$(stat -c %i "$2")"
	tell "$1" set $OP "$3"
	tell "$1" set $ERR "$4"
}

# area FILE OPERATION [FIELD=VALUE...]: prints the eight slots
area() {
	local answer
	answer=$(call file "$1" r area operation="$2" mask=255 "${@:3}") || {
		echo "$answer"
		return 1
	}
	echo "${answer##*OK }"
}

# bats test_tags=B1,B12
@test "programs on all eight tracepoints, on a security hook and on a function share the state of a file" {
	[ -e /sys/kernel/btf/remotefs ]
	attach b typed on_map on_revoke on_open on_mmap on_fault on_invalidate on_read on_write \
		lsm_open on_vfs_read
	file=$(expose s $WRITE)
	exec {held}<"$file"
	[ "$(tell s print 0)" = "page 0 of $s_pid" ]
	run -0 call file "$file" rw pread 0 pwrite 64 x mmap r load 0
	[ "$(tell s unmap 1)" ]
	grep -qw bpf /sys/kernel/security/lsm && hooked=3 || hooked=0
	run -0 call file "$file" r area operation=$GET mask=255
	read -r _ _ mapped revoked opened mmapped faulted invalidated reads writes <<<"${lines[1]}"
	# It was opened by the shell, to be used, and to ask.
	[ "$mapped $revoked $mmapped $reads $writes" = "1 0 1 1 1" ]
	[ $((opened % 1000)) = 3 ]
	counted $((opened / 1000 % 1000)) $hooked lsm_open
	counted $((opened / 1000000)) 1 on_vfs_read
	[ "$faulted" -ge 1 ]
	[ "$invalidated" -ge 1 ]
	rm "$file"
	exec {held}<&-
	[ "$(number b $MAPPED $REVOKED $OPENED $MMAPPED $HAVE_READ $WRITTEN $FAILED)" = "1 1 3 1 1 1 0" ]
}

# bats test_tags=B12
@test "every program of an object is accepted, in one go" {
	attach b typed on_map on_revoke on_open on_mmap on_fault on_invalidate on_read on_write \
		lsm_open on_vfs_read nested foreign refuse refuse_copy quota hold
	attach f typed on_free
	attach u untyped field_read raw_write raw_refuse raw_state
	file=$(expose s 0)
	run -0 cat "$file"
	number_is b $HAVE_READ 1
	number_is u $HAVE_READ 1
}

# bats test_tags=B2,B8
@test "the state outlives descriptors and dentries, and is another one for another file" {
	first=$(expose s 0) second=$(expose s 0)
	run -0 call file "$first" r area operation=$SET mask=129 slot0=5 slot7=0xffffffffffffffff
	echo 2 >/proc/sys/vm/drop_caches
	[ "$(area "$first" $GET)" = "5 0 0 0 0 0 0 18446744073709551615" ]
	[ "$(area "$second" $GET)" = "0 0 0 0 0 0 0 0" ]
	# What comes after it, perhaps in its place in memory, begins with nothing.
	rm "$first"
	[ "$(area "$(expose s 0)" $GET)" = "0 0 0 0 0 0 0 0" ]
}

# bats test_tags=B9
@test "get, set and clear tell what was there before" {
	file=$(expose s 0)
	[ "$(area "$file" $SET slot0=1 slot1=2)" = "0 0 0 0 0 0 0 0" ]
	[ "$(area "$file" $SET slot0=3)" = "1 2 0 0 0 0 0 0" ]
	[ "$(area "$file" $CLEAR)" = "3 0 0 0 0 0 0 0" ]
	[ "$(area "$file" $GET)" = "0 0 0 0 0 0 0 0" ]
	run -0 call file "$file" r area operation=$SET mask=2 slot1=7 area operation=$GET mask=1 \
		area operation=$GET mask=3
	[ "${lines[2]}" = "area OK 0 0 0 0 0 0 0 0" ]
	[ "${lines[3]}" = "area OK 0 7 0 0 0 0 0 0" ]
}

# bats test_tags=B9,C3,C8
@test "what is malformed about the state is refused" {
	file=$(expose s 0)
	refuses file "$file" r <<-EOT
		EOPNOTSUPP area operation=0 mask=1
		EOPNOTSUPP area operation=4 mask=1
		EOPNOTSUPP area operation=0xffffffff mask=1
		EOPNOTSUPP area operation=1 mask=1 flags=1
		EINVAL area operation=1
		EINVAL area operation=1 mask=256
		EINVAL area operation=1 mask=0x80000001
		EINVAL area operation=2 mask=1 slot1=1
		EINVAL area operation=3 mask=1 slot0=1
		EINVAL area operation=1 mask=1 size=79
		EINVAL area operation=1 mask=1 size=0
		E2BIG area operation=1 mask=1 size=88 tail=1
		E2BIG area operation=1 mask=1 size=8192
		EFAULT area operation=1 mask=1 ptr=0x7ffffffff000
		EFAULT area operation=1 mask=1 edge=40
	EOT
	refuses control "$M/control" <<<"ENOTTY area operation=1 mask=1 on=control"
	# A longer structure of a newer program.
	run -0 call file "$file" r area operation=$GET mask=1 size=88
}

# bats test_tags=B9,Z6
@test "whoever only has the file cannot change its state, whatever they have it open for" {
	chmod 666 "$M/control"
	file=$(expose s $WRITE)
	chmod 666 "$file"
	run -0 call file "$file" r area operation=$SET mask=1 slot0=9
	# A stranger who may read and write the memory.
	refuses_as 4242 file "$file" rw <<-EOT
		EPERM area operation=$SET mask=1 slot0=1
		EPERM area operation=$CLEAR mask=1
	EOT
	# With the descriptor of somebody who could.
	chmod 777 "$BATS_TEST_TMPDIR"
	background call file "$file" rw send file "$BATS_TEST_TMPDIR/socket"
	run -1 as_user 4242 "$PROGS/a-call" receive file "$BATS_TEST_TMPDIR/socket" \
		area operation=$CLEAR mask=255 area operation=$GET mask=1
	[ "${lines[1]}" = "area EPERM" ]
	[ "${lines[2]}" = "area OK 9 0 0 0 0 0 0 0" ]
	# The owner, to whom the file was given.
	chown 4242 "$file"
	refuses_as 4242 file "$file" rw <<<"EPERM area operation=$CLEAR mask=1"
	[ "$(area "$file" $GET)" = "9 0 0 0 0 0 0 0" ]
}

# bats test_tags=B9
@test "the maker changes the state of a file, without any capability" {
	chmod 666 "$M/control"
	start_source u as_user 4242 "$PROGS/a-source" 4
	answer=$(as_user 4242 "$PROGS/a-call" control "$M/control" mem "$u_pid" r attach \
		map flags=$NEW address="$u_address" length=4096)
	file=$M/$u_pid/map-${answer##* }
	run -0 as_user 4242 "$PROGS/a-call" file "$file" r area operation=$SET mask=1 slot0=7 \
		area operation=$CLEAR mask=1
	[ "${lines[2]}" = "area OK 7 0 0 0 0 0 0 0" ]
	# So can an administrator.
	[ "$(area "$file" $SET slot0=3)" = "0 0 0 0 0 0 0 0" ]
}

# bats test_tags=B9,C8
@test "the state of a file that has ended can be looked at, but not changed" {
	file=$(expose s 0)
	run -1 call file "$file" r area operation=$SET mask=1 slot0=5 unlink "$file" \
		area operation=$GET mask=1 area operation=$SET mask=1 area operation=$CLEAR mask=1
	[ "${lines[3]}" = "area OK 5 0 0 0 0 0 0 0" ]
	[ "${lines[4]}" = "area ESTALE" ]
	[ "${lines[5]}" = "area ESTALE" ]
	file=$(expose s 0)
	run -1 call file "$file" r sh "kill -9 $s_pid; until [ ! -e $file ]; do sleep 0.1; done" \
		area operation=$SET mask=1 area operation=$GET mask=1
	[ "${lines[1]}" = "area ESRCH" ]
	[ "${lines[2]}" = "area OK 0 0 0 0 0 0 0 0" ]
}

# bats test_tags=B4,B5
@test "a program in the midst of a look-up looks up itself, however often, and no count is lost" {
	file=$(expose s 0)
	attach b typed on_read nested
	# So often as the file is long, and again.
	for ((left = nested; left > 0; left -= 10000)); do
		dd if="$file" of=/dev/null bs=1 count=$((left < 10000 ? left : 10000)) status=none
	done
	# Each of the outer ones ran the inner one, which ran nothing.
	[ "$(number b $HAVE_READ $NESTED $FAILED)" = "$nested $nested 0" ]
	[ "$(area "$file" $GET)" = "$nested 0 0 0 0 0 $nested 0" ]
}

# begin_hold [COMMAND...]: b's program sleeps, with the state of $file, in a process
# that COMMAND starts
begin_hold() {
	start_source h "$@" "$PROGS/k-hold" /dev/null "$file"
	tell b set $HOLDS_AT "$h_address"
	tell b set $HOLDER "$h_pid"
	[ "$(tell h open)" = ok ]
	retry 100 0.1 number_is b $HELD 1
}

# bats test_tags=B6
@test "whoever is interrupted on a processor spoils nobody else's look-ups" {
	requires bpf-lsm
	file=$(expose s 0) other=$(expose s 0)
	attach b typed on_open on_read nested hold
	begin_hold taskset -c 0
	# One sleeps on CPU 0 in the midst of it; two more interrupt each other there.
	background taskset -c 0 dd if="$other" of=/dev/null bs=1 count=2000 status=none
	run -0 taskset -c 0 chrt -f 1 dd if="$other" of=/dev/null bs=1 count=2000 status=none
	wait "$background_pid"
	run -0 taskset -c 0 dd if="$file" of=/dev/null bs=1 count=1000 status=none
	missed=$(missed on_read)
	echo "missed: $missed; $(number b $HAVE_READ $FAILED $HELD)"
	# How many depends on where it was interrupted: all of the other's, on 7.2.
	[ "$(number b $HAVE_READ $FAILED $HELD)" = "$((5000 - missed)) 0 1" ]
	[[ $(area "$other" $GET) == *" $((4000 - missed)) 0" ]]
	[ "$(tell h serve)" = ok ]
	number_is b $HELD 2
	[[ $(area "$file" $GET) == *" 1000 5" ]]
}

# bats test_tags=B7
@test "what is no map file's inode is refused, and not looked at" {
	requires bpf-lsm
	file=$(expose s 0)
	attach b typed on_open foreign
	run -0 cat "$file"
	run -0 call control "$M/control"
	run -0 ls "$M" "$M/$s_pid" /tmp
	run -0 cat /etc/debian_version /proc/self/comm /sys/kernel/uevent_seqnum
	[ "$(number b $ASKED)" -gt 50 ]
	[ "$(number b $FOOLED $FAILED)" = "0 0" ]
}

# bats test_tags=B7
@test "addresses that a program makes up lead nowhere, nor does that of a file that was" {
	requires bpf-lsm
	file=$(expose s 0)
	# There the kernel itself sees to it, by types.
	if [[ $(uname -r) == 6.1.* ]]; then
		! "$PROGS/k-bpf" "$PROGS/forged.bpf.o" forged </dev/null
		return
	fi
	attach b forged on_open forged
	run -0 cat "$file"
	run -0 cat /etc/debian_version
	[ "$(number b $ASKED)" -gt 10 ]
	[ "$(number b $FOOLED $FAILED)" = "0 0" ]
	rm "$file"
	run -0 cat /etc/debian_version
	[ "$(number b $FAILED)" -ge 1 ]
	number_is b $FOOLED 0
}

# held_while COMMAND...: a program has the state of a file that ends meanwhile
held_while() {
	attach b typed on_open on_free hold
	begin_hold
	[ "$(tell h close)" = ok ]
	"$@"
	[ "$(tell h pass)" = ok ]
	[ "$(number b $FREED $HELD)" = "0 1" ]
	[ "$(tell h serve)" = ok ]
	number_is b $HELD 2
	retry 200 0.1 number_is b $FREED 1
	[ "$(number b $LATE $FAILED)" = "0 0" ]
}

source_ends() {
	kill -KILL "$s_pid"
	retry 100 0.1 test ! -e "$M/$s_pid"
}

# bats test_tags=B8
@test "a revoked file's state stays while a program sleeps that has it, and is freed once" {
	requires bpf-lsm
	file=$(expose s 0)
	held_while rm "$file"
}

# bats test_tags=B8
@test "so does that of a file whose source ends" {
	requires bpf-lsm
	file=$(expose s 0)
	held_while source_ends
}

# bats test_tags=B8
@test "and that of a file whose mount goes" {
	requires bpf-lsm
	file=$(expose s 0)
	held_while umount "$M"
}

# bats test_tags=B8
@test "the module is kept by attached programs, and waits for what they have had" {
	file=$(expose s 0)
	attach b typed on_open on_read
	run -0 cat "$file"
	umount "$M"
	run -1 rmmod remotefs
	[[ $output == *"in use"* || $output == *"temporarily unavailable"* ]]
	[ "$(tell b detach)" = ok ]
	[ "$(tell b forget)" = ok ]
	retry 100 0.1 rmmod remotefs
	setup_mount
	[ "$(call control "$M/control")" = "control OK" ]
}

# bats test_tags=B8
@test "a loader that is killed leaves nothing behind, and a mount goes while programs are attached" {
	file=$(expose s $WRITE)
	attach b typed on_open on_read on_fault refuse nested
	refuse b "$file" $READ $EPERM
	run -1 cat "$file"
	kill -KILL "$b_pid"
	retry 100 0.1 cat "$file"
	attach c typed on_map on_revoke on_invalidate refuse
	umount "$M"
	number_is c $REVOKED 1
	number_is c $FAILED 0
}

# denies PROGRAM: of object and program
denies() {
	file=$(expose s $WRITE) neighbour=$(expose s $WRITE)
	attach b "$1" "$2"
	refuse b "$file" $OPEN $EPERM
	run -1 call file "$file" r file "$neighbour" r
	[ "$output" = "file EPERM"$'\n'"file OK" ]
	refuse b "$file" $MMAP $EACCES
	run -1 call file "$file" rw mmap r pread 0 file "$neighbour" r mmap r load 0
	[ "${lines[1]}" = "mmap EACCES" ]
	[ "${lines[2]}" = "pread OK page 0 of $s_pid" ]
	[ "${lines[5]}" = "load OK p" ]
	refuse b "$file" $READ $EDQUOT
	run -1 call file "$file" rw pread 0 pwrite 0 P mmap r load 0 file "$neighbour" r pread 0
	[ "${lines[1]}" = "pread EDQUOT" ]
	[ "${lines[2]}" = "pwrite OK" ]
	[ "${lines[4]}" = "load OK P" ]
	[ "${lines[6]}" = "pread OK Page 0 of $s_pid" ]
	refuse b "$file" $POLICY_WRITE $EPERM
	run -1 call file "$file" rw pwrite 0 x pread 0 file "$neighbour" rw pwrite 1 x
	[ "${lines[1]}" = "pwrite EPERM" ]
	[ "${lines[2]}" = "pread OK Page 0 of $s_pid" ]
	[ "${lines[4]}" = "pwrite OK" ]
	# An errno that has a meaning inside the kernel, and one that is none.
	for errno in 512 11 4096 -5 0x7fffffff; do
		refuse b "$file" $READ $errno
		run -1 call file "$file" r pread 0
		[ "${lines[1]}" = "pread EPERM" ]
	done
}

# bats test_tags=B10
@test "a typed policy program refuses open, mmap, read or write of one file and allows its neighbour's" {
	denies typed refuse
	# It sees what it is asked about: the rest of the file, from there on.
	refuse b "$file" $READ $EPERM
	run -1 call file "$file" r pread 16380
	[ "$(number b $OFFSET $LENGTH $FLAGS)" = "16380 4 0" ]
	# A mapping counts as writable if it could be made so.
	refuse b "$file" $MMAP $EPERM
	run -1 call file "$file" rw mmap r
	[ "$(number b $OFFSET $LENGTH $FLAGS)" = "0 4096 1" ]
	run -1 call file "$file" r mmap r
	number_is b $FLAGS 0
	refuse b "$file" $OPEN $EPERM
	run -1 call file "$file" rw
	number_is b $FLAGS 1
}

# bats test_tags=B10,B3
@test "so does one that writes the verdict, by no types of the module" {
	denies untyped raw_refuse
}

# bats test_tags=B10
@test "a program that refuses a copy of the question refuses nothing, and is told so" {
	file=$(expose s 0)
	attach b typed refuse_copy
	run -0 call file "$file" r pread 0
	[ "$(number b $ASKED)" -ge 2 ]
	number_is b $FOOLED 0
}

# bats test_tags=B10
@test "no way around: another descriptor, splice, and a session's OPEN are refused as well" {
	file=$(expose s $WRITE)
	attach b typed refuse
	refuse b "$file" $OPEN $EPERM
	run -1 call control "$M/control" mem "$s_pid" rw attach open map=0
	[ "${lines[3]}" = "open EPERM" ]
	tell b set $OP $READ
	exec {held}<"$file"
	run -1 cat "/proc/self/fd/$held"
	run -1 cp "$file" "$BATS_TEST_TMPDIR/copy"
	# shellcheck disable=SC2002
	run -1 python3 -c 'import os, sys; os.sendfile(1, int(sys.argv[1]), 0, 4096)' "$held"
	exec {held}<&-
}

# bats test_tags=B10,B9,Z6
@test "a reader uses up a quota and can neither reset it nor go around, the maker can" {
	file=$(expose s 0 mode=0444)
	attach b typed quota
	run -0 call file "$file" r area operation=$SET mask=2 slot1=8192
	# What must not wait is not asked about: it would count again when it is repeated.
	run -1 python3 -c "
import os, sys
try:
    os.preadv(os.open(sys.argv[1], os.O_RDONLY), [bytearray(4096)], 0, os.RWF_NOWAIT)
except OSError as e:
    sys.exit(str(e))" "$file"
	[[ $output == *"Errno 11"* ]]
	run -0 as_user 4242 dd if="$file" of=/dev/null bs=4096 count=2 status=none
	run -1 as_user 4242 dd if="$file" of=/dev/null bs=4096 count=1 status=none
	[[ $output == *"quota exceeded"* ]]
	run -1 as_user 4242 "$PROGS/a-call" file "$file" r area operation=$CLEAR mask=1 pread 0
	[ "${lines[1]}" = "area EPERM" ]
	[ "${lines[2]}" = "pread EDQUOT" ]
	run -0 call file "$file" r area operation=$CLEAR mask=1
	run -0 as_user 4242 dd if="$file" of=/dev/null bs=4096 count=2 status=none
}

# Events by their fields and raw ones; state and policy by the writable tracepoint.
works_without_types() {
	file=$(expose s $WRITE)
	attach b untyped field_read raw_write raw_state
	run -0 call file "$file" rw pread 100 pwrite 0 x pread 4096
	number_is b $HAVE_READ 2
	number_is b $INODE "$(stat -c %i "$file")"
	[ "$(number b $OFFSET $LENGTH $WRITTEN)" = "4096 64 1" ]
	# Opened, read, written, read; and once more to ask. The last was an open.
	[ "$(area "$file" $GET)" = "5 0 0 1 0 0 0 0" ]
	# No count is lost when two are asked about at the same time.
	background dd if="$file" of=/dev/null bs=1 count=1000 status=none
	run -0 dd if="$file" of=/dev/null bs=1 count=1000 status=none
	wait "$background_pid"
	[[ $(area "$file" $GET) == "2008 0 0 1 "* ]]
}

# bats test_tags=B3
@test "events, state and policy need no types" {
	works_without_types
}

begin_anew() {
	end_processes
	rm "$BATS_TEST_TMPDIR"/*.in "$BATS_TEST_TMPDIR"/*.out
}

# bats test_tags=B3
@test "a module without types loads, works, traces, and does state and policy" {
	begin_anew
	teardown_mount
	rmmod remotefs
	objcopy --remove-section=.BTF "$(modinfo -n remotefs)" "$BATS_TEST_TMPDIR/remotefs.ko"
	run -0 insmod "$BATS_TEST_TMPDIR/remotefs.ko"
	rmdir "$BATS_TEST_TMPDIR/mnt"
	setup
	[ ! -e /sys/kernel/btf/remotefs ]
	works_without_types
	begin_anew
	start_source s "$PROGS/a-source" 4
	denies untyped raw_refuse
	teardown_mount
	rmmod remotefs
}

# bats test_tags=B3
@test "all tracepoints are seen without BPF, with fields that name the file" {
	instance=/sys/kernel/tracing/instances/remotefs
	file=$(expose s $WRITE)
	mkdir $instance
	echo 1 >$instance/events/remotefs/enable
	second=$(expose s 0)
	# Debuggers look at a mirror by a way of their own.
	run -0 call file "$file" rw pread 0 pwrite 64 x mmap r load 0 sh '
		at=$(grep map-0 "/proc/$PPID/maps" | cut -d- -f1)
		dd if="/proc/$PPID/mem" bs=8 skip="$((0x$at / 8))" count=1 status=none'
	tell s unmap 1
	rm "$second"
	trace=$(grep -v '^#' $instance/trace)
	echo 0 >$instance/events/remotefs/enable
	rmdir $instance
	echo "$trace"
	ino=$(stat -c %i "$file")
	for event in map revoke open mmap fault invalidate read write policy; do
		grep -q " remotefs_$event: dev=[0-9]*:[0-9]* ino=[0-9]* source=$s_pid map=[01] " <<<"$trace"
	done
	grep -q "remotefs_read: .* ino=$ino .* map=0 offset=0x0 length=0x40 ret=64" <<<"$trace"
	grep -q "remotefs_read: .* ino=$ino .* map=0 offset=0x0 length=0x8 ret=8" <<<"$trace"
	grep -q "remotefs_fault: .* offset=0x0 address=0x[0-9a-f]* write=0 result=NOPAGE" <<<"$trace"
	grep -q "remotefs_invalidate: .* start=0x[0-9a-f]* .* event=unmap mirrors=" <<<"$trace"
	grep -q "remotefs_revoke: .* map=1 state=revoked" <<<"$trace"
}
