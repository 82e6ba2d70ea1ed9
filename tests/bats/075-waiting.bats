#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 60
# not on debug in a whole run: a minute there; 072 and 082 wait there too
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# Viewers that wait for a page which a third process withholds: they can be
# killed, they keep nobody's memory, and nobody else waits with them.

bats_require_minimum_version 1.5.0

setup() {
	load mirror
	mirror_setup
	start source m-withhold
	hear source
	a=${answer% *}
	# shellcheck disable=SC2034 # for stop
	pid[keeper]=${answer#* }
	expose source "$a" $((2 * page)) rw
	hold "$file"
	start viewer m-viewer
	says viewer ok open "$file" rw
	ask viewer mirror $((2 * page)) rw s
	m=$answer
}

teardown() {
	exec {held}<&-
	mirror_teardown
}

# waiters NUMBER: so many faults and copies are inside the source
waiters() {
	info - waiters <&"$held"
	[ "$answer" = "$1" ]
}

# begin NAME COMMAND...: ask, and do not wait for the answer
begin() {
	local name=$1
	shift
	echo "$*" >&"${in[$name]}"
	retry 20 waiters 1
}

# bats test_tags=M18
@test "a page that a userfaultfd is yet to fill is data, though nothing is there" {
	says viewer 0 seek data 0
	says viewer $((2 * page)) seek hole 0
	waiters 0
}

# bats test_tags=M25,L5
@test "a viewer that waits for a page in a load can be killed" {
	begin viewer load "$m"
	stop viewer
	retry 20 waiters 0
}

# bats test_tags=M25,L5
@test "a viewer that waits for a page in read() can be killed" {
	begin viewer pread 1 0
	stop viewer
	retry 20 waiters 0
}

# bats test_tags=M22,M25,L5
@test "a viewer that waits for a page while the kernel copies from its mirror can be killed" {
	begin viewer write "$m" 10 "$dir/copy"
	retry 20 waiters 1
	stop viewer
	retry 20 waiters 0
	same "$(wc -c <"$dir/copy")" 0
}

# bats test_tags=M22,M25
@test "a debugger of the viewer does not wait for a page that is withheld" {
	run ! dd if="/proc/${pid[viewer]}/mem" bs=1 count=1 skip="$m"
	[[ $output == *"Input/output error"* ]] || fail "$output"
	waiters 0
}

# bats test_tags=L5,L1
@test "the source's end wakes a viewer that waits in a load, with SIGBUS" {
	begin viewer load "$m"
	stop source
	hear viewer
	same "$answer" SIGBUS
	waiters 0
}

# bats test_tags=L5,L1
@test "the source's end wakes a viewer that waits in read(), with ESRCH" {
	begin viewer pread 1 0
	stop source
	hear viewer
	same "$answer" ESRCH
	waiters 0
}

# bats test_tags=M25
@test "one viewer that waits keeps no other from mapping and unmapping the file" {
	begin viewer load "$m"
	start other m-viewer
	says other ok open "$file" r
	ask other mirror $page r s
	says other ok unmap "$answer" $page
	says other ok close
}

# bats test_tags=C8
@test "a read with RWF_NOWAIT gives EAGAIN where it would have to wait" {
	run -1 python3 -c "
import os, sys
fd = os.open('$file', os.O_RDONLY)
try:
    os.preadv(fd, [bytearray(1)], 0, os.RWF_NOWAIT)
except OSError as e:
    sys.exit(str(e))"
	[[ $output == *'Errno 11'* ]]
}
