#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 250
# not on debug in a whole run: two minutes there, where the torture has every kind of change
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# Whatever happens to the source's memory, a mirror that was already faulted
# shows what the source has now, and never the page that was there before.

bats_require_minimum_version 1.5.0

setup_file() {
	load mirror
	swap_begin
}

teardown_file() {
	load mirror
	swap_end
}

setup() {
	load mirror
	mirror_setup
}

teardown() {
	mirror_teardown
}

# Has reclaim dropped the first page, which was mirrored and then MADV_FREEd? If
# the process changes its CPU in between, it may be swapped out instead.
freed() {
	says source ok store "$a" b &&
		says viewer b load "$m" &&
		says source ok advise "$a" $page free &&
		ask source advise "$a" $page pageout &&
		frame_is source "$a" none
}

# moved NAME ADDRESS FRAME: is the page in another frame now?
moved() {
	ask "$1" frame "$2"
	[ "$answer" != "$3" ]
}

# bats test_tags=M5,M17
@test "after munmap the mirror gives SIGBUS, and then what is mapped there next" {
	scene 4 rw
	says viewer 0 touch "$m" $((4 * page))
	says source ok unmap "$a" $((2 * page))
	says viewer SIGBUS load "$m"
	says viewer SIGBUS store "$m" x
	says viewer a load $((m + 2 * page))
	says source "$a" mapat "$a" 2
	says source ok store "$a" n
	says viewer n load "$m"
}

# bats test_tags=M5
@test "after MADV_DONTNEED the mirror shows zeros, and then what is stored" {
	scene 4 rw
	says viewer ok store "$m" b
	says source ok advise "$a" $page dontneed
	says viewer 00 load "$m"
	says viewer a load $((m + page))
	says source ok store "$a" n
	says viewer n load "$m"
}

# bats test_tags=M5
@test "after MADV_FREE and reclaim the mirror shows what the source has" {
	scene 4 ro
	says viewer 0 touch "$m" $((4 * page))
	retry 20 freed
	says viewer 00 load "$m"
	says source ok store "$a" n
	says viewer n load "$m"
}

# bats test_tags=M5
@test "after mremap the mirror lets go of what moved away, and shows what moved in" {
	scene 4 rw
	ask source map 4
	b=$answer
	says source ok fill "$b" $((4 * page)) b
	says viewer 0 touch "$m" $((4 * page))
	says source "$b" remap "$a" $page $page "$b"
	says viewer SIGBUS load "$m"
	says viewer a load $((m + page))
	says source $((a + page)) remap $((b + page)) $page $page $((a + page))
	says viewer b load $((m + page))
	says viewer ok store $((m + page)) n
	says source n load $((a + page))
	says source a load "$b"
}

# bats test_tags=M5,M10
@test "after mprotect the mirror has the source's rights" {
	scene 2 rw
	says viewer ok store "$m" b
	says source ok protect "$a" $page none
	says viewer SIGBUS load "$m"
	says source ok protect "$a" $page r
	says viewer b load "$m"
	says viewer SIGBUS store "$m" c
	says source ok protect "$a" $page rw
	says viewer ok store "$m" c
	says source c load "$a"
}

# bats test_tags=M5,L3
@test "after fork the mirror stays with the parent, whoever copies on write" {
	scene 4 rw
	says viewer 0 touch "$m" $((4 * page))
	says viewer ok store "$m" a
	fork_of source child
	says source ok store "$a" p
	says viewer p load "$m"
	says child a load "$a"
	says child ok store $((a + page)) c
	says viewer a load $((m + page))
	says source a load $((a + page))
	says viewer ok store $((m + 2 * page)) v
	says source v load $((a + 2 * page))
	says child a load $((a + 2 * page))
}

# bats test_tags=M5,M28
@test "pages that KSM merges show right, and part again when written" {
	scene 2 rw
	ask source map 2
	b=$answer
	says source ok fill "$b" $((2 * page)) a
	says viewer 0 touch "$m" $((2 * page))
	says viewer ok store "$m" a
	echo 1000 >/sys/kernel/mm/ksm/pages_to_scan
	echo 10 >/sys/kernel/mm/ksm/sleep_millisecs
	says source ok advise "$a" $page mergeable
	says source ok advise "$b" $page mergeable
	ask source frame "$a"
	echo 1 >/sys/kernel/mm/ksm/run
	retry 30 merged
	echo 0 >/sys/kernel/mm/ksm/run
	says viewer ok store "$m" v
	says source v load "$a"
	says source a load "$b"
	says source ok store "$a" n
	says viewer n load "$m"
}

# Are the pages at $a and $b one?
merged() {
	ask source frame "$a"
	frame_is source "$b" "$answer"
}

# bats test_tags=M5,M28
@test "after a page migrates the mirror shows the new one" {
	scene 4 rw
	says viewer 0 touch "$m" $((4 * page))
	says viewer ok store "$m" a
	ask source frame "$a"
	before=$answer
	says source ok advise "$a" $page offline
	moved source "$a" "$before"
	says source ok store "$a" n
	says viewer n load "$m"
	says viewer ok store "$m" v
	says source v load "$a"
	says viewer a load $((m + page))
}

# bats test_tags=M5,M28
@test "after compaction the mirror shows the source's bytes" {
	# Huge pages stay where they are, and all others go up, to what is free between
	# pages in use.  So this is about the lowest of three processes with such holes,
	# little else is below it, and none of the holes is put aside by a processor.
	local name pages=16384 lowest=
	declare -A at
	for name in one two three; do
		start "$name" m-source
		taskset -pc 0 "${pid[$name]}"
		ask "$name" map $pages
		at[$name]=$answer
		says "$name" ok advise "${at[$name]}" $((pages * page)) nohuge
		says "$name" ok count "${at[$name]}" $((pages * page))
		ask "$name" frame $((at[$name] + pages * page / 2))
		[ "$lowest" ] && [ $((answer)) -gt "$lowest" ] || source=$name lowest=$((answer))
	done
	a=${at[$source]}
	expose "$source" "$a" $((pages * page)) rw
	start viewer m-viewer
	says viewer ok open "$file" rw
	ask viewer mirror $((pages * page)) rw s
	m=$answer
	sync
	echo 1 >/proc/sys/vm/drop_caches
	echo 1000 >/proc/sys/vm/percpu_pagelist_high_fraction
	for name in one two three; do
		says "$name" ok holes "${at[$name]}" $pages
	done
	# What was below it may have taken all of the holes: it is above from then on.
	compacted() {
		says "$source" ok advise "$a" $((pages * page)) dontneed &&
			says "$source" ok count "$a" $((pages * page)) &&
			says viewer ok store $((m + (pages - 2) * page)) x &&
			says "$source" ok holes "$a" $pages &&
			says viewer 00 load $((m + page)) &&
			says "$source" ok frames "$a" $pages "$dir/before" || return
		echo 1 >/proc/sys/vm/compact_memory
		says "$source" ok frames "$a" $pages "$dir/after" || return
		! cmp -s "$dir/before" "$dir/after"
	}
	retry 90 compacted
	echo 0 >/proc/sys/vm/percpu_pagelist_high_fraction
	says viewer ok compare "$m" $pages "${pid[$source]}" "$a"
}

# bats test_tags=M5,M28
@test "after a collapse into a huge page the mirror shows that page" {
	scene 512 rw
	says source ok advise "$a" $huge dontneed
	says source ok advise "$a" $huge nohuge
	says source ok fill "$a" $huge b
	says viewer 0 touch "$m" $huge
	says viewer ok store "$m" v
	ask source frame $((a + 5 * page))
	before=$answer
	says source ok advise "$a" $huge huge
	says source ok advise "$a" $huge collapse
	moved source $((a + 5 * page)) "$before"
	says viewer v load "$m"
	says source ok store $((a + 5 * page)) n
	says viewer n load $((m + 5 * page))
	says viewer ok store $((m + 6 * page)) w
	says source w load $((a + 6 * page))
}

# bats test_tags=M5,M28
@test "after a huge page is split the mirror follows each part" {
	scene 512 rw
	says source ok advise "$a" $huge collapse
	says viewer ok store "$m" v
	says viewer 0 touch "$m" $huge
	echo "${pid[source]},$(printf '0x%x,0x%x' "$a" $((a + huge)))" >/sys/kernel/debug/split_huge_pages
	says viewer v load "$m"
	says source ok advise $((a + 7 * page)) $page dontneed
	says viewer 00 load $((m + 7 * page))
	says source ok store $((a + 7 * page)) n
	says viewer n load $((m + 7 * page))
	says viewer a load $((m + 8 * page))
}

# bats test_tags=M5,Z7
@test "a part of a huge page that goes leaves the mirror, and the rest stays" {
	scene 1024 rw
	says source ok advise "$a" $((2 * huge)) collapse
	says viewer 0 touch "$m" $((2 * huge))
	says source ok unmap $((a + 3 * page)) $page
	says viewer SIGBUS load $((m + 3 * page))
	says viewer a load $((m + 2 * page))
	says source ok protect $((a + 600 * page)) $((2 * page)) none
	says viewer SIGBUS load $((m + 601 * page))
	says viewer a load $((m + 602 * page))
	says source ok advise $((a + huge - page)) $((2 * page)) dontneed
	says viewer 00 load $((m + huge - page))
	says viewer 00 load $((m + huge))
	says viewer a load $((m + huge + page))
}

# bats test_tags=M5,M28
@test "after swap-out the mirror brings the page back, and shows that one" {
	scene 4 rw
	says viewer ok store "$m" v
	says viewer 0 touch "$m" $((4 * page))
	retry 20 swap_out source "$a"
	says source ok store $((a + 1)) n
	says viewer n load $((m + 1))
	says viewer v load "$m"
	retry 20 swap_out source "$a"
	says viewer v load "$m"
	says viewer ok store "$m" w
	says source w load "$a"
}

# bats test_tags=M28
@test "a mirrored page that nobody uses can be swapped out" {
	scene 64 rw
	says viewer ok fill "$m" $((64 * page)) v
	for i in 0 31 63; do
		retry 20 swap_out source $((a + i * page))
	done
	says viewer 0 touch "$m" $((64 * page))
	says viewer v load $((m + 31 * page + 7))
}

# bats test_tags=Z7
@test "invalidations that only touch the range's edges take the right pages" {
	start source m-source
	start viewer m-viewer
	ask source map 8
	a=$answer
	says source ok fill "$a" $((8 * page)) a
	expose source $((a + 2 * page)) $((4 * page)) rw
	says viewer ok open "$file" rw
	ask viewer mirror $((4 * page)) rw s
	m=$answer
	says viewer 0 touch "$m" $((4 * page))
	says source ok advise "$a" $((3 * page)) dontneed
	says viewer 00 load "$m"
	says viewer a load $((m + page))
	says source ok advise $((a + 5 * page)) $((3 * page)) dontneed
	says viewer 00 load $((m + 3 * page))
	says viewer a load $((m + 2 * page))
}

# bats test_tags=Z7
@test "a range whose mappings are all gone takes further invalidations" {
	scene 4 rw
	says viewer 0 touch "$m" $((4 * page))
	says source ok unmap "$a" $((4 * page))
	says source ok unmap "$a" $((4 * page))
	says viewer SIGBUS load "$m"
	says viewer EFAULT pread 4 0
	says source ok special file "$a" $((4 * page))
	says source ok protect "$a" $((2 * page)) none
	says source ok unmap $((a - page)) $((6 * page))
	says source $((a + page)) mapat $((a + page)) 2
	says source ok store $((a + page)) n
	says viewer n load $((m + page))
	says viewer SIGBUS load "$m"
	says viewer SIGBUS load $((m + 3 * page))
}

# bats test_tags=M5,C12
@test "memory that grows beside mirrored memory is mirrored too, and all of it stays coherent" {
	start source m-source
	start viewer m-viewer
	ask source map 8
	a=$answer
	says source ok fill "$a" $((8 * page)) a
	says source ok unmap $((a + 4 * page)) $((4 * page))
	attach source as ro
	says viewer ok open "$mnt/${pid[source]}/as" r
	ask viewer mirror $((8 * page)) r s "$a"
	m=$answer
	says viewer a load "$m"
	says viewer a load $((m + 3 * page))
	says viewer SIGBUS load $((m + 4 * page))
	says source $((a + 4 * page)) mapat $((a + 4 * page)) 4
	says source ok fill $((a + 4 * page)) $((4 * page)) b
	says viewer b load $((m + 5 * page))
	says source ok advise "$a" $page dontneed
	says viewer 00 load "$m"
	says source ok store "$a" x
	says viewer x load "$m"
	says source ok advise $((a + 3 * page)) $((2 * page)) dontneed
	says viewer 00 load $((m + 3 * page))
	says viewer 00 load $((m + 4 * page))
	says source ok unmap "$a" $((8 * page))
	for i in 0 2 3 5; do
		says viewer SIGBUS load $((m + i * page))
	done
}

# A block with a hole, and one that reaches over the hole's far side.
# bats test_tags=M5
@test "memory before a hole stays coherent when what is behind the hole grows" {
	start source m-source
	start viewer m-viewer
	ask source map 16
	a=$answer
	says source ok unmap $((a + 9 * page)) $((7 * page))
	says source ok fill "$a" $((9 * page)) a
	attach source as ro
	says viewer ok open "$mnt/${pid[source]}/as" r
	ask viewer mirror $((16 * page)) r s "$a"
	m=$answer
	says viewer 0 touch "$m" $((9 * page))
	says source ok unmap $((a + 4 * page)) $page
	# Entries here are not zapped by the split that this causes.
	says viewer 0 touch "$m" $((3 * page))
	says source $((a + 9 * page)) mapat $((a + 9 * page)) 7
	says viewer 00 load $((m + 10 * page))
	for i in 0 2 6 8 10; do
		says source ok store $((a + i * page)) b
		says viewer b load $((m + i * page))
		says source ok advise $((a + i * page)) $page dontneed
		says viewer 00 load $((m + i * page))
	done
}

# bats test_tags=M5,M27
@test "fault-around ends where memory is not subscribed yet" {
	start source m-source
	start viewer m-viewer
	ask source map 16
	a=$answer
	says source ok unmap $((a + 4 * page)) $((12 * page))
	says source ok fill "$a" $((4 * page)) a
	attach source as ro
	says viewer ok open "$mnt/${pid[source]}/as" r
	ask viewer mirror $((16 * page)) r s "$a"
	m=$answer
	says viewer a load "$m"
	says source $((a + 4 * page)) mapat $((a + 4 * page)) 12
	says source ok fill $((a + 4 * page)) $((12 * page)) b
	says viewer 0 touch "$m" $((4 * page))
	for i in 4 5 6 7 15; do
		says source ok advise $((a + i * page)) $page dontneed
		says viewer 00 load $((m + i * page))
	done
}

# bats test_tags=Z7,M5
@test "every kind of change in turn, over one mirror, shows the source's bytes" {
	scene 512 rw
	says source ok count "$a" $huge
	for change in "advise $a $huge nohuge" "protect $a $huge r" "protect $a $huge rw" \
		"advise $((a + page)) $((9 * page)) pageout" "advise $a $huge huge" \
		"advise $a $huge collapse" "protect $((a + page)) $page rx" \
		"advise $((a + 100 * page)) $((30 * page)) free" "protect $((a + page)) $page rw" \
		"advise $((a + 300 * page)) $((100 * page)) dontneed"; do
		says viewer ok compare "$m" 512 "${pid[source]}" "$a"
		# Some kernels do not collapse what was paged out just now.
		ask source $change
		[ "$answer" = ok ] || [[ $change == *collapse ]] || fail "$change: $answer"
	done
	says viewer ok compare "$m" 512 "${pid[source]}" "$a"
}
