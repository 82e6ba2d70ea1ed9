#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 60
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

# is_killed NAME: and gone within about a second
is_killed() {
	local id=${pid[$1]}
	unset "pid[$1]"
	kill -9 "$id"
	wait "$id" 2>/dev/null || true
	retry 1 gone "$id"
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

# bats test_tags=Z4
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
	for name in waiter writer seeker; do
		is_killed "$name"
	done
	ends source ok
	says source a load $((a + page))
}

# bats test_tags=Z4,C6
@test "MAP that waits for the source's lock can be killed, and leaves nothing" {
	locked_scene
	before=$(ls "${file%/*}")
	"$progs/m-attach" "$mnt/control" "${pid[source]}" map "$a" $((a + page)) ro 3>&- &
	pid[mapper]=$!
	retry 20 waits_for_lock mapper
	is_killed mapper
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
