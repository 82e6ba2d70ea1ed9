#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 60
# not on trixie in a whole run: debug is the same version, and checks itself
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# While the source holds its own mmap_lock, in the middle of a change: who waits
# for it can be killed, and who does not need it goes on.

bats_require_minimum_version 1.5.0

setup_file() {
	load mirror
	load race
	race_begin
}

setup() {
	load mirror
	load race
	mirror_setup
}

teardown() {
	race_teardown
}

# waits_for_lock NAME: in remotefs itself; the kernel leaves the functions of
# locks out of what it shows
waits_for_lock() {
	local top
	read -r top <"/proc/${pid[$1]}/stack" && [[ $top == *"[remotefs]" ]]
}

# is_killed NAME: and ends, though what it waits for does not
is_killed() {
	local id=${pid[$1]}
	unset "pid[$1]"
	kill -9 "$id"
	retry 20 has_ended "$id"
	wait "$id" 2>/dev/null || true
}

# has_ended PID: whether or not its parent knows
has_ended() { ! grep -qs '^State:.[^ZX]' "/proc/$1/status"; }

# Who is killed never sees what its system call returned; the kernel does.
# returns NAME NUMBER-OF-SYSTEM-CALL ERRNO COMMAND...
returns() {
	local tracing=/sys/kernel/tracing id=${pid[$1]}
	echo "common_pid == $id && id == $2" >$tracing/events/raw_syscalls/sys_exit/filter
	echo >$tracing/trace
	echo 1 >$tracing/events/raw_syscalls/sys_exit/enable
	"${@:4}"
	echo 0 >$tracing/events/raw_syscalls/sys_exit/enable
	echo 0 >$tracing/events/raw_syscalls/sys_exit/filter
	grep -q "NR $2 = $3\$" $tracing/trace || fail "$(grep -v '^#' $tracing/trace)"
}

# In mprotect() the source holds its mmap_lock for writing.
locked_scene() {
	warm_scene 4 rw
	start waiter m-viewer
	says waiter ok open "$file" rw
	ask waiter mirror $((4 * page)) rw s
	w=$answer
	pause source zaps protect "$a" $page r
}

# bats test_tags=Z4,M25
@test "a load that waits for the source's lock can be killed" {
	locked_scene
	begin waiter load $((w + page))
	retry 20 waits_for_lock waiter
	is_killed waiter
	ends source ok
	says viewer a load $((m + page))
}

# bats test_tags=Z4,M25
@test "a first look that waits for the source's lock can be killed" {
	warm_scene 4 rw
	expose source "$a" $((4 * page)) rw
	start waiter m-viewer
	says waiter ok open "$file" rw
	ask waiter mirror $((4 * page)) rw s
	pause source zaps protect "$a" $page r
	begin waiter store "$answer" x
	retry 20 waits_for_lock waiter
	is_killed waiter
	ends source ok
	says viewer a load "$m"
}

# bats test_tags=C8,Z4
@test "read(), write() and a search for data that wait for the source's lock can be killed" {
	locked_scene
	start writer m-viewer
	says writer ok open "$file" rw
	start seeker m-viewer
	says seeker ok open "$file" r
	begin waiter pread 10 $page
	begin writer pwrite $page x
	begin seeker seek data $page
	for name in waiter writer seeker; do
		retry 20 waits_for_lock "$name"
	done
	# pread64, pwrite64, lseek; EINTR
	returns waiter 17 -4 is_killed waiter
	returns writer 18 -4 is_killed writer
	returns seeker 8 -4 is_killed seeker
	ends source ok
	says source a load $((a + page))
}

# bats test_tags=C6,C8,Z4
@test "MAP that waits for the source's lock can be killed, and leaves nothing" {
	locked_scene
	before=$(ls "${file%/*}")
	"$progs/m-attach" "$mnt/control" "${pid[source]}" map "$a" $((a + page)) ro 3>&- &
	pid[mapper]=$!
	retry 20 waits_for_lock mapper
	# ioctl
	returns mapper 16 -4 is_killed mapper
	ends source ok
	same "$(ls "${file%/*}")" "$before"
}

# Two corners of one address space, 128 MiB apart, in one file; both mirrored.
corners_scene() {
	start source m-source
	start viewer m-viewer
	ask source map $((40 << 10))
	a=$answer b=$((answer + (128 << 20)))
	says source ok fill "$a" $((4 * page)) a
	says source ok fill "$b" $((4 * page)) b
	attach source as ro
	says viewer ok open "$mnt/${pid[source]}/as" r
	ask viewer mirror $((4 * page)) r s "$a"
	m=$answer
	ask viewer mirror $((4 * page)) r s "$b"
	n=$answer
	says viewer a load $((m + 3 * page))
	says viewer b load $((n + 3 * page))
}

# bats test_tags=M5,C12
@test "a change in one corner of an address space does not hold up faults in another" {
	corners_scene
	pause source zaps advise "$a" $page dontneed
	says viewer b load "$n"
	says viewer b load $((n + page))
	begin viewer load $((m + page))
	waits viewer
	ends source ok
	answers viewer a
	says viewer 00 load "$m"
}
