#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 300
# not on debug in a whole run: six minutes there, though its parts should be seen there now and then
# not on trixie in a whole run: its races are those of forky, and the torture on debug has the same version
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# The interleavings of fault.c's protocol, one by one: a process is stopped
# between two of its steps, another one does something to the same memory, and
# the first goes on.  Nothing here depends on luck.

bats_require_minimum_version 1.5.0

setup_file() {
	load mirror
	load race
	race_begin
	swap_begin
	khugepaged_rests
}

teardown_file() {
	load mirror
	khugepaged_goes_on
	swap_end
}

setup() {
	load mirror
	load race
	mirror_setup
}

teardown() {
	race_teardown
}

# split START BYTES: the source's huge pages there
split() {
	echo "${pid[source]},$(printf '0x%x,0x%x' "$1" $(($1 + $2)))" >/sys/kernel/debug/split_huge_pages
}

# A scene of two huge pages, of which the viewer has seen the second.
collapsed_scene() {
	scene 1024 rw
	says source ok advise "$a" $((2 * huge)) collapse
	says viewer a load $((m + huge))
}

# A fault has begun, and has not entered its section yet.  It holds the source's
# mmap_lock for reading, so only what needs no more than that can come between.

# bats test_tags=M5,M6
@test "a load that has begun when the source discards shows zeros" {
	warm_scene 4 rw
	pause viewer begun load "$m"
	says source ok advise "$a" $page dontneed
	ends viewer 00
	says source ok store "$a" n
	says viewer n load "$m"
}

# bats test_tags=M5,M6
@test "a store that has begun when the source discards reaches the new page" {
	warm_scene 4 rw
	pause viewer begun store "$m" v
	says source ok advise "$a" $page dontneed
	take_frames
	says source ok store $((a + 1)) n
	ends viewer ok
	says source v load "$a"
	says viewer n load $((m + 1))
}

# bats test_tags=M5,M6
@test "a load that has begun when the page is swapped out shows the page that returns" {
	warm_scene 4 rw
	pause viewer begun load "$m"
	retry 20 swap_out source "$a"
	take_frames
	says source ok store "$a" n
	ends viewer n
	says source ok store "$a" o
	says viewer o load "$m"
}

# bats test_tags=M5,M6,L3
@test "a load that has begun when the source copies on write shows the copy" {
	warm_scene 4 rw
	fork_of source child
	pause viewer begun load "$m"
	says source ok store "$a" p
	says child ok store "$a" c
	ends viewer p
	says source ok store "$a" q
	says viewer q load "$m"
}

# bats test_tags=M5,M6,M28
@test "a load that has begun when the page migrates shows the new frame" {
	warm_scene 4 rw
	pause viewer begun load "$m"
	ask source frame "$a"
	before=$answer
	says source ok advise "$a" $page offline
	ask source frame "$a"
	[ "$answer" != "$before" ]
	says source ok store "$a" n
	ends viewer n
	says viewer ok store "$m" v
	says source v load "$a"
}

# bats test_tags=M5,M6,M11
@test "a load that has begun at a huge page when that is split and thinned out shows what is left" {
	collapsed_scene
	pause viewer begun load $((m + 7 * page))
	split "$a" $huge
	says source ok advise $((a + 7 * page)) $page dontneed
	ends viewer 00
	says viewer a load $((m + 8 * page))
	says source ok store $((a + 7 * page)) n
	says viewer n load $((m + 7 * page))
}

# bats test_tags=M5,M6,M11
@test "a load that has begun at a huge page when all of it is discarded shows zeros" {
	collapsed_scene
	pause viewer begun load $((m + 7 * page))
	says source ok advise "$a" $huge dontneed
	ends viewer 00
	says viewer 512 touch "$m" $huge
	says source ok store $((a + 9 * page)) n
	says viewer n load $((m + 9 * page))
}

# bats test_tags=M5,M6,M27
@test "a window that has begun when one of its later pages is discarded does not show it" {
	scene 16 rw
	# Windows are aligned, and so is this mirror: the next one is of eight pages.
	ask viewer map 64
	m=$(((answer + 16 * page - 1) & -16 * page))
	says viewer $m mirror $((16 * page)) rw sf 0 $m
	says viewer 0 touch "$m" $((3 * page))
	pause viewer begun load $((m + 4 * page))
	says source ok advise $((a + 6 * page)) $page dontneed
	info "$file" faults
	before=$answer
	ends viewer a
	says viewer a load $((m + 5 * page))
	says viewer a load $((m + 7 * page))
	info "$file" faults
	same "$answer" $((before + 1))
	says viewer 00 load $((m + 6 * page))
}

# bats test_tags=M5,M6,M13
@test "two viewers that have begun when the source discards both show zeros" {
	warm_scene 4 rw
	viewer_of second $((4 * page))
	says second a load $((at[second] + 3 * page))
	pause viewer begun load "$m"
	pause second begun load "${at[second]}"
	says source ok advise "$a" $page dontneed
	ends second 00
	ends viewer 00
	says source ok store "$a" n
	says second n load "${at[second]}"
	says viewer n load "$m"
}

# bats test_tags=M5,M6
@test "a load that has filled a page of the source when that is discarded shows what comes next" {
	warm_scene 4 rw
	says source ok advise "$a" $page dontneed
	pause viewer filled load "$m"
	says source ok store "$a" x
	says source ok advise "$a" $page dontneed
	take_frames
	says source ok store $((a + 1)) n
	ends viewer 00
	says viewer n load $((m + 1))
}

# bats test_tags=L3,M5
@test "a store that has parted parent from child when the source discards leaves the child alone" {
	warm_scene 4 rw
	fork_of source child
	pause viewer filled store "$m" v
	says source ok advise "$a" $page dontneed
	ends viewer ok
	says source v load "$a"
	says child a load "$a"
}

# Changes that need the mmap_lock for writing come after the fault, and then the
# zap finds what it has inserted.

# Does it wait for a lock?
is_blocked() {
	local line
	while read -r line; do
		[ "$line" != $'State:\tD (disk sleep)' ] || return 0
	done <"/proc/${pid[$1]}/status"
	return 1
}

# follows AFTERWARDS COMMAND...: the source's change waits for a load, which shows
# what was there before, or repeats after the change; get the source's $answer
follows() {
	pause viewer begun load "$m"
	begin source "${@:2}"
	retry 20 is_blocked source
	go viewer
	hear viewer
	[[ $answer == a || $answer == "$1" ]]
	hear source
}

# A scene of 512 pages that is not a huge one, but may become one.
small_scene() {
	scene 512 rw
	says source ok advise "$a" $huge dontneed
	says source ok advise "$a" $huge nohuge
	says source ok fill "$a" $huge a
	says source ok advise "$a" $huge huge
	says viewer a load $((m + 511 * page))
	ask source frame "$a"
	before=$answer
}

has_moved() {
	ask source frame "$a"
	[ "$answer" != "$before" ]
}

# bats test_tags=M5,M17
@test "munmap waits for a load that has begun, and then takes its page" {
	warm_scene 4 rw
	follows SIGBUS unmap "$a" $page
	same "$answer" ok
	says viewer SIGBUS load "$m"
}

# bats test_tags=M5,M10
@test "mprotect waits for a load that has begun, and then takes its page" {
	warm_scene 4 rw
	follows SIGBUS protect "$a" $page none
	same "$answer" ok
	says viewer SIGBUS load "$m"
}

# bats test_tags=M5,M17
@test "mremap waits for a load that has begun, and then takes its page" {
	warm_scene 4 rw
	ask source map 1
	there=$answer
	follows SIGBUS remap "$a" $page $page "$there"
	same "$answer" "$there"
	says viewer SIGBUS load "$m"
}

# bats test_tags=M5,M28
@test "a collapse waits for a load that has begun, and then replaces its page" {
	small_scene
	follows a advise "$a" $huge collapse
	same "$answer" ok
	has_moved
	says source ok store "$a" n
	says viewer n load "$m"
}

# Ends of a range while a fault is between its look and its insertion.

# bats test_tags=C4,C17,M6
@test "a load that has begun when its file is removed gives SIGBUS" {
	warm_scene 4 rw
	pause viewer begun load "$m"
	rm -f "$file"
	ends viewer SIGBUS
	says viewer SIGBUS store "$m" x
	says source a load "$a"
}

# bats test_tags=C4,C17,M6
@test "a store that has begun when its directory is removed gives SIGBUS and changes nothing" {
	warm_scene 4 rw
	pause viewer begun store "$m" x
	rmdir "${file%/*}"
	ends viewer SIGBUS
	says source a load "$a"
}

# bats test_tags=C4,C17,M6
@test "a load that has begun when its range is taken out of the file gives SIGBUS" {
	warm_scene 4 rw
	pause viewer begun load "$m"
	attach source unmap 0 0 $((4 * page))
	ends viewer SIGBUS
	says viewer ESTALE pread 1 0
}

# bats test_tags=C4,C17,M11
@test "a load that has begun at a huge page when its file is removed gives SIGBUS" {
	collapsed_scene
	pause viewer begun load $((m + 7 * page))
	rm -f "$file"
	ends viewer SIGBUS
	says viewer SIGBUS load "$m"
}

gives() {
	ask viewer load "$m"
	[ "$answer" = "$1" ]
}

# The fault keeps the memory for so long, and for no longer.
# bats test_tags=M7,L1
@test "a load that has begun when the source is killed shows its memory at most, and then SIGBUS" {
	warm_scene 4 rw
	pause viewer begun load "$m"
	stop source
	go viewer
	hear viewer
	[[ $answer == a || $answer == SIGBUS ]]
	retry 20 gives SIGBUS
	says viewer ESRCH pread 1 0
}

# bats test_tags=L2,P5
@test "a load that has begun when the source calls execve never shows the new program's memory" {
	warm_scene 4 rw
	pause viewer begun load "$m"
	says source ok exec
	says source "$a" mapat "$a" 4
	says source ok fill "$a" $((4 * page)) n
	go viewer
	hear viewer
	[[ $answer == a || $answer == SIGBUS ]]
	retry 20 gives SIGBUS
}

# bats test_tags=L5,L8
@test "a viewer that was killed after it began leaves nothing behind" {
	warm_scene 4 rw
	hold "$file"
	pause viewer begun load "$m"
	kill -9 "${pid[viewer]}"
	says source ok advise "$a" $page dontneed
	go viewer
	stop viewer
	retry 20 nobody_waits
	info - mirrors <&"$held"
	same "$answer" 0
}

nobody_waits() {
	info - waiters <&"$held"
	[ "$answer" = 0 ]
}

# A read() or write() has looked, and has not copied yet.  It holds no lock.

# bats test_tags=M5,M18
@test "a read() that has looked when the source discards reads zeros" {
	warm_scene 4 rw
	pause viewer unlocked pread 1 0
	says source ok advise "$a" $page dontneed
	ends viewer 1:
	says viewer 1:a pread 1 $page
}

# bats test_tags=M5,M17
@test "a read() that has looked when the source unmaps fails with EFAULT" {
	warm_scene 4 rw
	pause viewer unlocked pread 1 0
	says source ok unmap "$a" $page
	ends viewer EFAULT
}

# bats test_tags=M5,M17
@test "a read() that has looked when the source maps something else reads that" {
	warm_scene 4 rw
	pause viewer unlocked pread 1 0
	says source "$a" mapat "$a" 1
	take_frames
	says source ok store "$a" n
	ends viewer 1:n
}

# bats test_tags=M5,M10
@test "a read() that has looked when the source gives up its right to read fails with EFAULT" {
	warm_scene 4 rw
	pause viewer unlocked pread 1 0
	says source ok protect "$a" $page none
	ends viewer EFAULT
}

# bats test_tags=M5,M28
@test "a read() that has looked when the page is swapped out reads the page that returns" {
	warm_scene 4 rw
	pause viewer unlocked pread 1 0
	retry 20 swap_out source "$a"
	take_frames
	says source ok store "$a" n
	ends viewer 1:n
}

# bats test_tags=M5,M28
@test "a read() that has looked when pages collapse into a huge one reads the huge one" {
	small_scene
	pause viewer unlocked pread 1 0
	says source ok advise "$a" $huge collapse
	has_moved
	says source ok store "$a" n
	ends viewer 1:n
}

# bats test_tags=M5,L3
@test "a read() that has looked when the source copies on write reads the copy" {
	warm_scene 4 rw
	fork_of source child
	pause viewer unlocked pread 1 0
	says source ok store "$a" p
	says child ok store "$a" c
	ends viewer 1:p
}

# bats test_tags=M5,M17
@test "a write() that has looked when the page moves away writes what took its place" {
	warm_scene 4 rw
	ask source map 1
	there=$answer
	pause viewer unlocked pwrite 0 w
	says source "$there" remap "$a" $page $page "$there"
	says source "$a" mapat "$a" 1
	ends viewer 1:
	says source w load "$a"
	says source a load "$there"
}

# bats test_tags=L3,M5
@test "a write() that has looked when the source forks never reaches the child" {
	warm_scene 4 rw
	pause viewer unlocked pwrite 0 w
	fork_of source child
	ends viewer 1:
	says source w load "$a"
	says child a load "$a"
}

# bats test_tags=M10,M5
@test "a write() that has looked when the source gives up its right to write fails with EFAULT" {
	warm_scene 4 rw
	pause viewer unlocked pwrite 0 w
	says source ok protect "$a" $page r
	ends viewer EFAULT
	says source a load "$a"
}

# bats test_tags=C4,C17
@test "a read() that has looked when its file is removed moves nothing and fails with ESTALE" {
	warm_scene 4 rw
	ask viewer map 1
	buffer=$answer
	says viewer ok fill "$buffer" $page z
	pause viewer unlocked readat "$buffer" $page 0
	rm -f "$file"
	ends viewer ESTALE
	says viewer z load "$buffer"
}

# bats test_tags=C4,C17
@test "a write() that has looked when its file is removed moves nothing and fails with ESTALE" {
	warm_scene 4 rw
	pause viewer unlocked pwrite 0 w
	rm -f "$file"
	ends viewer ESTALE
	says source a load "$a"
}

# bats test_tags=C4,C17
@test "a read() that has looked when its range is taken out of the file fails with ESTALE" {
	warm_scene 4 rw
	pause viewer unlocked pread 1 0
	attach source unmap 0 0 $((4 * page))
	ends viewer ESTALE
}

# bats test_tags=M5,M24
@test "a read() that has looked when its memory is no longer subscribed looks again" {
	scene 4 ro
	ask viewer map 8
	b=$answer
	says viewer ok advise "$b" $((8 * page)) nohuge
	says viewer ok fill "$b" $((8 * page)) b
	expose viewer "$b" $((8 * page)) ro
	start other m-viewer
	says other ok open "$file" r
	says other 1:b pread 1 0
	says viewer ok unmap $((b + page)) $page
	pause other unlocked pread 1 $((5 * page))
	says viewer $((b + page)) mirror $page r sf 0 $((b + page))
	says viewer ok advise $((b + 5 * page)) $page dontneed
	says viewer ok store $((b + 5 * page)) n
	ends other 1:n
}

# bats test_tags=C13,C17
@test "a read() that has looked when another range takes the place reads that one" {
	warm_scene 4 rw
	ask source map 4
	there=$answer
	says source ok fill "$there" $((4 * page)) b
	pause viewer unlocked pread 1 0
	attach source unmap 0 0 $((4 * page))
	attach source map "$there" $((there + 4 * page)) rw 0 0
	ends viewer 1:b
	says viewer b load "$m"
}

# bats test_tags=L1,L2
@test "a read() that has looked when the source calls execve never reads the new program's memory" {
	warm_scene 4 rw
	pause viewer unlocked pread 1 0
	says source ok exec
	says source "$a" mapat "$a" 4
	says source ok fill "$a" $((4 * page)) n
	go viewer
	hear viewer
	[[ $answer == 1:a || $answer == ESRCH ]]
	says viewer ESRCH pread 1 0
}

# An invalidation has moved the sequence on, and has not zapped yet.

# bats test_tags=M5,M6
@test "a load that begins while the source discards waits, and then shows zeros" {
	warm_scene 4 rw
	says viewer a load "$m"
	pause source zaps advise "$a" $((2 * page)) dontneed
	begin viewer load $((m + page))
	waits viewer
	go source
	answers viewer 00
	answers source ok
	says viewer 00 load "$m"
}

# bats test_tags=M5,M18
@test "a read() that begins while the source discards waits, and then reads zeros" {
	warm_scene 4 rw
	says viewer a load "$m"
	pause source zaps advise "$a" $page dontneed
	begin viewer pread 1 0
	waits viewer
	go source
	answers viewer 1:
	answers source ok
}

# Between the zap and the change itself nothing may come back.

# through_discard BYTES ANSWER COMMAND...: of a viewer that had begun before, and
# goes on once the mirrors are zapped
through_discard() {
	pause viewer begun "${@:3}"
	pause source zapped advise "$a" "$1" dontneed
	go viewer
	waits viewer
	go source
	answers viewer "$2"
	answers source ok
}

# bats test_tags=M5,M6
@test "a load that had begun before a discard waits from the zap to the end, and then shows zeros" {
	warm_scene 4 rw
	through_discard $page 00 load "$m"
	says source ok store "$a" n
	says viewer n load "$m"
}

# bats test_tags=M5,M6
@test "a store that had begun before a discard waits from the zap to the end, and then reaches the new page" {
	warm_scene 4 rw
	through_discard $page ok store "$m" v
	says source v load "$a"
	says source 00 load $((a + 1))
}

# bats test_tags=M5,M6
@test "a load of a huge page that had begun before a discard waits from the zap to the end" {
	collapsed_scene
	through_discard $huge 00 load $((m + 7 * page))
}

# bats test_tags=M5,M18
@test "a read() that had begun before a discard waits from the zap to the end, and then reads zeros" {
	warm_scene 4 rw
	says viewer a load "$m"
	through_discard $page 1: pread 1 0
}

# bats test_tags=M5
@test "what a mirror shows already stays until the source's call is about to return" {
	warm_scene 4 rw
	says viewer a load "$m"
	pause source zaps advise "$a" $page dontneed
	says viewer a load "$m"
	ends source ok
	says viewer 00 load "$m"
}

# bats test_tags=M13,M14
@test "a viewer may unmap its mirror while the source discards" {
	warm_scene 4 rw
	says viewer a load "$m"
	pause source zaps advise "$a" $page dontneed
	says viewer ok unmap "$m" $((4 * page))
	ends source ok
	says viewer 1: pread 1 0
}

# bats test_tags=M13,M20
@test "a viewer may fork while the source discards, and its child has no mirror" {
	warm_scene 4 rw
	says viewer a load "$m"
	pause source zaps advise "$a" $page dontneed
	fork_of viewer young
	says young SIGSEGV load "$m"
	ends source ok
	says viewer 00 load "$m"
}

# bats test_tags=M13,L5
@test "a viewer may be killed while the source discards" {
	warm_scene 4 rw
	viewer_of second $((4 * page))
	says viewer a load "$m"
	says second a load "${at[second]}"
	pause source zaps advise "$a" $page dontneed
	stop viewer
	ends source ok
	says second 00 load "${at[second]}"
}

# bats test_tags=M13,M5
@test "a mirror made while the source discards shows zeros afterwards" {
	warm_scene 4 rw
	says viewer a load "$m"
	pause source zaps advise "$a" $page dontneed
	viewer_of second $((4 * page))
	begin second load "${at[second]}"
	waits second
	go source
	answers second 00
	answers source ok
}

# bats test_tags=M5,M6,Z7
@test "a load waits for both of two changes at once, whichever ends first" {
	warm_scene 8 rw
	start other m-viewer
	# It puts pages where reclaim finds them, whichever CPU they were made on: once
	# more, as those that it moves are on their way there, too.
	echo 1 >/proc/sys/vm/compact_memory
	echo 1 >/proc/sys/vm/compact_memory
	pause source zaps advise "$a" $((3 * page)) dontneed
	pause other zaps pageout "${pid[source]}" $((a + 4 * page)) $((4 * page))
	begin viewer load $((m + page))
	waits viewer
	ends other ok
	is_in viewer mmu_interval_read_begin
	go source
	answers viewer 00
	answers source ok
	says viewer a load $((m + 4 * page))
}

# A page that migrates holds no lock of the address space, so MAP can come.
# bats test_tags=C17,M5
@test "a range placed in the middle of a change is served once that is over" {
	warm_scene 4 rw
	says viewer a load "$m"
	pause source zaps advise "$a" $page offline
	attach source map "$a" $((a + 2 * page)) rw 0 $((4 * page))
	ask viewer mirror $((2 * page)) rw s $((4 * page))
	more=$answer
	begin viewer load "$more"
	waits viewer
	go source
	answers viewer a
	answers source ok
	says source ok store "$a" n
	says viewer n load "$more"
	says source ok advise "$a" $page dontneed
	says viewer 00 load "$more"
	says viewer 00 load "$m"
}

# A revoke has marked its range dead, and has not zapped or unsubscribed yet.

# bats test_tags=C4,C17
@test "while a file is being removed no viewer gets a new page" {
	warm_scene 4 rw
	viewer_of second $((4 * page))
	says viewer a load "$m"
	prepare remover rm -f "$file"
	pause remover zaps now
	says second SIGBUS load "${at[second]}"
	says second ESTALE pread 1 0
	says viewer SIGBUS load $((m + page))
	succeeds remover
	says viewer SIGBUS load "$m"
	says second SIGBUS load $((at[second] + 3 * page))
}

# bats test_tags=C4,C17,M5
@test "the source may discard while a file is being removed" {
	warm_scene 4 rw
	says viewer a load "$m"
	prepare remover rm -f "$file"
	pause remover zaps now
	says source ok advise "$a" $page dontneed
	says viewer SIGBUS load "$m"
	succeeds remover
	says source ok advise "$a" $page dontneed
}

# bats test_tags=C4,C13,C17
@test "another range can take the place of one that is still subscribed" {
	warm_scene 4 rw
	ask source map 4
	there=$answer
	says source ok fill "$there" $((4 * page)) b
	says viewer a load "$m"
	prepare taker "$progs/m-attach" "$mnt/control" "${pid[source]}" unmap 0 0 $((4 * page))
	pause taker unsubscribes now
	says viewer SIGBUS load "$m"
	attach source map "$there" $((there + 4 * page)) rw 0 0
	says viewer b load "$m"
	says source ok advise "$a" $page dontneed
	says source ok advise "$there" $page dontneed
	says viewer 00 load "$m"
	succeeds taker
	says viewer b load $((m + page))
	says source ok advise "$there" $((2 * page)) dontneed
	says viewer 00 load $((m + page))
}

# What the OOM killer does, by hand: memory of a process that has been killed, but
# cannot exit yet, is freed by others, who cannot wait for a zap of its mirrors.
# bats test_tags=L4,M7
@test "memory of a killed source is not freed under a mirror by who cannot wait" {
	warm_scene 4 rw
	ask viewer map 64
	b=$answer
	says viewer ok advise "$b" $((64 * page)) nohuge
	says viewer ok fill "$b" $((64 * page)) b
	expose viewer "$b" $((64 * page)) rw
	viewer_of other $((64 * page))
	says other 0 touch "${at[other]}" $((64 * page))
	start third m-viewer
	# Somewhere in the kernel, but not in a change of its own memory.
	pause viewer begun load "$m"
	kill -9 "${pid[viewer]}"
	# It is never all freed; a wrong module would need a moment for it.
	for ((i = 0; i < 200; i++)); do
		ask third reap "${pid[viewer]}"
		[ "$answer" != ok ] || break
	done
	# Whatever was freed belongs to somebody else now, on whichever node.
	for cpu in 0 1; do
		taskset -pc "$cpu" "${pid[third]}"
		ask third map 4096
		n=$answer
		says third ok advise "$n" $((4096 * page)) nohuge
		says third ok fill "$n" $((4096 * page)) x
	done
	for i in 0 9 63; do
		ask other load $((at[other] + i * page))
		[[ $answer == b || $answer == SIGBUS ]] || fail "$answer"
	done
	go viewer
	retry 20 gone "${pid[viewer]}"
	says other SIGBUS load "${at[other]}"
	unset "pid[viewer]"
}

# bats test_tags=C4,L1
@test "the source may be killed while its file is being removed" {
	warm_scene 4 rw
	says viewer a load "$m"
	prepare remover rm -f "$file"
	pause remover zaps now
	stop source
	succeeds remover
	says viewer SIGBUS load "$m"
	retry 20 is_empty "$mnt"
}

# Is there only the control file?
is_empty() { [ "$(ls "$1")" = control ]; }

# A range is subscribed, and not published yet.
# bats test_tags=C13,C17
@test "a range that is being placed is served from the moment it is live, with what is there then" {
	warm_scene 4 rw
	prepare placer "$progs/m-attach" "$mnt/control" "${pid[source]}" \
		map "$a" $((a + 2 * page)) rw 0 $((4 * page))
	pause placer makes_inode now
	ask viewer mirror $((2 * page)) rw s $((4 * page))
	more=$answer
	says viewer SIGBUS load "$more"
	says source ok store "$a" n
	says source ok advise $((a + page)) $page dontneed
	succeeds placer
	says viewer n load "$more"
	says viewer 00 load $((more + page))
	says source ok advise "$a" $page dontneed
	says viewer 00 load "$more"
}

# A write to a read-only entry of a writable mirror, which is to be taken out.
# bats test_tags=L3,M5,M9
@test "a store that finds a shared page reaches the source's copy, made meanwhile, and not the child" {
	warm_scene 4 rw
	fork_of source child
	says viewer a load "$m"
	pause viewer zaps store "$m" v
	says source ok store $((a + 1)) p
	ends viewer ok
	says source v load "$a"
	says viewer p load $((m + 1))
	says child a load "$a"
	says child a load $((a + 1))
}

# What needs no stop inside remotefs: a page that a third process withholds.
# bats test_tags=C4,L5,M25
@test "removing a file ends the wait of those who wait for one of its pages" {
	start source m-withhold
	hear source
	a=${answer% *}
	# shellcheck disable=SC2034 # for stop
	pid[keeper]=${answer#* }
	expose source "$a" $((2 * page)) rw
	hold "$file"
	viewer_of viewer $((2 * page))
	viewer_of reader $((2 * page))
	begin viewer load "${at[viewer]}"
	begin reader pread 1 0
	retry 20 two_wait
	rm -f "$file"
	answers viewer SIGBUS
	answers reader ESTALE
	nobody_waits
}

two_wait() {
	info - waiters <&"$held"
	[ "$answer" = 2 ]
}
