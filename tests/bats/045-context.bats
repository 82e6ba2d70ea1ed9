#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 60
# not on trixie in a whole run: debug is the same version, and checks itself
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# Where the pages of a mirror and the bytes of a file are asked for: loads and
# stores, system calls that copy, references to pages, pipes and direct I/O.

bats_require_minimum_version 1.5.0

setup() {
	load mirror
	mirror_setup
}

teardown() {
	mirror_teardown
}

# bats test_tags=M18,M22
@test "the kernel copies out of a mirror that was never touched" {
	scene 300 ro
	says source ok count "$a" $((300 * page))
	says source ok write "$a" $((300 * page)) "$dir/truth"
	says viewer ok write "$m" $((300 * page)) "$dir/copy"
	cmp "$dir/copy" "$dir/truth"
}

# bats test_tags=M18,M22
@test "the kernel copies into a mirror that was never touched" {
	scene 300 rw
	head -c $((300 * page)) /dev/urandom >"$dir/data"
	says viewer ok read "$m" $((300 * page)) "$dir/data"
	says source ok write "$a" $((300 * page)) "$dir/truth"
	cmp "$dir/data" "$dir/truth"
}

# bats test_tags=M10,M22
@test "copies through a mirror where it has nothing to show fail with EFAULT" {
	scene 4 rw
	says source ok protect $((a + page)) $page r
	says source ok unmap $((a + 2 * page)) $page
	head -c $page /dev/urandom >"$dir/data"
	says viewer EFAULT read $((m + page)) $page "$dir/data"
	says viewer EFAULT read $((m + 2 * page)) $page "$dir/data"
	says viewer EFAULT write $((m + 2 * page)) $page "$dir/copy"
	says viewer ok write $((m + page)) $page "$dir/copy"
	says source a load $((a + page))
}

# bats test_tags=M21,M22
@test "users that need references to a mirror's pages get EFAULT" {
	scene 4 rw
	for place in "$m" $((m + page)); do
		says viewer EFAULT splice "$place" $page
		says viewer EFAULT direct "$place" $page /var/tmp/remotefs-direct
		says viewer EFAULT futex "$place"
		says viewer a load "$m"
	done
	rm -f /var/tmp/remotefs-direct
	start other m-viewer
	ask other peek "${pid[viewer]}" "$m"
	# Some kernels are built without process_vm_readv().
	[ "$answer" = EFAULT ] || [ "$answer" = ENOSYS ]
	says viewer a load "$m"
}

# bats test_tags=M21
@test "direct reads of a file give its bytes, in whole pages and in parts of them" {
	scene 64 ro
	says source ok count "$a" $((64 * page))
	says source ok write "$a" $((64 * page)) "$dir/truth"
	for bs in 512 $page $((16 * page)) $((1 << 20)); do
		dd if="$file" of="$dir/copy" iflag=direct bs=$bs 2>/dev/null
		cmp "$dir/copy" "$dir/truth"
	done
}

# bats test_tags=M21,C4
@test "what was spliced into a pipe is a copy that later stores do not change" {
	scene 4 rw
	says viewer ok pipe 5 0
	says source ok store "$a" x
	says viewer 5:aaaaa drain 5
	says viewer 1:x pread 1 0
}

# bats test_tags=M18,M21
@test "sendfile of a file gives its bytes" {
	scene 64 ro
	says source ok count "$a" $((64 * page))
	says source ok write "$a" $((64 * page)) "$dir/truth"
	says viewer ok sendfile $((64 * page)) 0 "$dir/copy"
	cmp "$dir/copy" "$dir/truth"
}

# bats test_tags=M18,M21
@test "pipes are spliced into a writable file" {
	scene 4 rw
	printf hello >"$dir/data"
	python3 - "$dir/data" "$file" <<-'EOT'
		import os, sys
		ends = os.pipe()
		data, file = os.open(sys.argv[1], os.O_RDONLY), os.open(sys.argv[2], os.O_RDWR)
		assert os.splice(data, ends[1], 5) == 5
		assert os.splice(ends[0], file, 5, offset_dst=4094) == 5
	EOT
	says source h load $((a + 4094))
	says source o load $((a + 4098))
	says source a load $((a + 4099))
}
