#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Every allocation of every operation fails in turn.  Each operation then fails
# with ENOMEM, has changed nothing, and succeeds when repeated, or does without;
# tests/progs/i-inject.c looks at that.  The mount admits no more files and
# ranges, and no more watches, than are needed at once, so that one that was
# not given back is missed.
#
# seconds: 100
# not on bookworm in a whole run: only the debug kernel can make allocations fail
# not on trixie in a whole run: likewise
# not on forky in a whole run: likewise

bats_require_minimum_version 1.5.0
load helpers

setup() {
	requires fault-injection
	for kind in failslab fail_page_alloc; do
		echo N >"/sys/kernel/debug/$kind/ignore-gfp-wait"
		echo 0 >"/sys/kernel/debug/$kind/verbose"
	done
	echo N >/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem
	echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
	setup_mount max_maps=2,max_ranges=3,max_watches=1
}

teardown() {
	teardown_mount
}

# injected OPERATION...: and show how many allocations there were
injected() {
	run -0 "$PROGS/i-inject" "$M" "$@"
	[ "${#lines[@]}" = $# ]
	# shellcheck disable=SC2001 # of each line
	sed 's/^/# /' <<<"$output" >&3
}

# bats test_tags=Z5,C6
@test "mount and umount survive every failing allocation" {
	injected mount umount
}

# bats test_tags=Z5,C6,C11
@test "attaching survives every failing allocation, with no descriptor too many" {
	injected control attach-self attach-mem attach-ephemeral
}

# bats test_tags=Z5,C6
@test "MAP survives every failing allocation, and leaves no file and no directory" {
	injected map-first map-new map-zero map-more map-whole
}

# bats test_tags=Z5,C6
@test "ALLOW survives every failing allocation" {
	injected allow
}

# bats test_tags=Z5,C4
@test "UNMAP and the end of an ephemeral session fail for no allocation" {
	injected unmap end-of-session
}

# bats test_tags=Z5,C6
@test "unlink and rmdir survive every failing allocation" {
	injected rmdir unlink
}

# What the thread allocates that carries out a command, 142-remote-race has.
# bats test_tags=Z5,C6
@test "remote commands survive every failing allocation, and leave no memory and no file" {
	injected remote-map remote-expose remote-unmap remote-discard
}

# bats test_tags=Z5,E4,E9,E13
@test "watching survives every failing allocation, and tells all for want of memory" {
	injected watch watch-add watch-del watch-told watch-signal watch-page
}

# bats test_tags=Z5
@test "looking at names survives every failing allocation" {
	injected stat list list-root
}

# bats test_tags=Z5
@test "opening, asking and mapping a file survive every failing allocation" {
	injected open open-by-session info range seek-data seek-hole mmap
}

# bats test_tags=Z5
@test "read() and write() survive every failing allocation" {
	injected read read-first read-untouched write write-untouched to-pipe from-pipe
}

# bats test_tags=Z5
@test "faults survive every failing allocation" {
	injected load load-first load-untouched store store-untouched scan scan-storing
}

# bats test_tags=Z5
@test "faults of huge pages survive every failing allocation" {
	injected huge-load huge-store
}

# Its own notes need memory too, and it gives up once there is none.
# bats test_tags=Z5
@test "after all that the kernel still looks for leaks" {
	echo stack=on >/sys/kernel/debug/kmemleak
}
