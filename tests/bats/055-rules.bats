#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 120
# not on trixie in a whole run: debug is the same version, and checks itself
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# The rules of the mirror protocol that were found by failure.  Each test says
# which line of the module it defends, and fails without it.

bats_require_minimum_version 1.5.0

setup_file() {
	load mirror
	swap_begin
	thp=/sys/kernel/mm/transparent_hugepage/enabled
	cp $thp "$BATS_FILE_TMPDIR/thp"
	echo always >$thp
}

teardown_file() {
	sed 's/.*\[\(.*\)\].*/\1/' "$BATS_FILE_TMPDIR/thp" >/sys/kernel/mm/transparent_hugepage/enabled
	load mirror
	swap_end
}

setup() {
	load mirror
	mirror_setup
}

teardown() {
	! mountpoint -q "$dir/all" || umount -l "$dir/all"
	mirror_teardown
}

# paged_out NAME ADDRESS: the page has left memory, to swap or for good
paged_out() {
	ask "$1" advise "$2" $page pageout
	frame_is "$1" "$2" swapped || frame_is "$1" "$2" none || not_batched
}

# Rule 1: fault.c, remotefs_vm_ops.pfn_mkwrite, and its remotefs_map_zap().
# Without it the core makes the entry writable in place.
# bats test_tags=M3,M5
@test "a store where the mirror showed the zero page leaves the zero page alone" {
	scene 4 rw
	says source ok advise "$a" $((4 * page)) dontneed
	says viewer 00 load "$m"
	says viewer ok store "$m" x
	says source x load "$a"
	says source 00 load $((a + page))
	start other m-source
	ask other map 4
	says other 4 touch "$answer" $((4 * page))
	run -0 cmp -n $page "$file" /dev/zero -i $((2 * page)):0
}

# Rule 1, the other way to have a read-only entry in a writable mirror: a page
# that the source shares with its child.
# bats test_tags=L3,M9
@test "a store where the mirror showed a page shared by fork leaves the child's alone" {
	scene 2 rw
	fork_of source child
	says viewer a load "$m"
	says viewer ok store "$m" x
	says source x load "$a"
	says child a load "$a"
}

# Rule 2: fault.c, pfn_make_writable(), folio_mark_dirty(). Without it the page
# counts as clean after MADV_FREE, and reclaim drops it with what was written.
# bats test_tags=M28
@test "a store through the mirror after MADV_FREE survives reclaim" {
	scene 4 rw
	for i in 0 1 2 3; do
		says source ok advise $((a + i * page)) $page free
		says viewer ok store $((m + i * page)) x
		retry 20 paged_out source $((a + i * page))
		says source x load $((a + i * page))
	done
}

# Rule 2, the other clean page: one that came back from swap for reading. On a
# device that keeps such pages in the swap cache they count as written out.
# bats test_tags=M28
@test "a store through the mirror after a swap-in survives the next swap-out" {
	scene 4 rw
	retry 20 paged_out source "$a"
	says source a load "$a"
	says viewer ok store "$m" x
	retry 20 paged_out source "$a"
	says source x load "$a"
	retry 20 paged_out source "$a"
	says viewer x load "$m"
}

# A scene whose viewer also exposes memory of its own, two huge pages at $b.
scene_of_both() {
	scene 4 ro
	ask viewer map 1024
	b=$answer
	says viewer ok fill "$b" $((2 * huge)) b
	expose viewer "$b" $((2 * huge)) ro
}

# Rule 3: file.c, remotefs_file_get_unmapped_area(); block.c, remotefs_block_guard().
# Without it a mirror comes to lie in a block of its own mm, and the zap of an
# invalidation waits for locks that its caller holds.
# bats test_tags=M24
@test "no mirror can be placed over exposed memory of its own process that is looked at" {
	scene_of_both
	cat "$file" >/dev/null
	says viewer ELOOP mirror $page r sf 0 "$b"
	says viewer ELOOP mirror $page r sf 0 $((b + 2 * huge - page))
	says viewer ELOOP mirror $((2 * page)) r sf 0 $((b - page))
	ask viewer mirror $((4 * page)) r s
	[ "$answer" -ge $((b + 2 * huge)) ] || [ "$answer" -lt "$b" ]
	says viewer a load "$answer"
	says viewer b load "$b"
}

# Rule 3: file.c, file_mmap(). Through overlayfs nobody has asked the guard before,
# and what comes at the process's end would be the zap of a zap without end.
# bats test_tags=M24
@test "nor through a filesystem that is stacked upon this one" {
	scene_of_both
	mkdir "$dir/upper" "$dir/all"
	mount -t overlay -o lowerdir="$mnt/${pid[viewer]}:$dir/upper" none "$dir/all"
	says viewer ok open "$dir/all/map-0" r
	ask viewer mirror $((2 * page)) r s
	m=$answer
	says viewer b load $((m + page))
	# Kernels differ in whether what was there is gone by the time they ask.
	for at in "$b" $((b + 2 * huge - page)) $((b + huge)); do
		ask viewer mirror $page r sf $((at - b)) "$at"
		[ "$answer" = ELOOP ] || same "$answer" "$at"
	done
	says viewer b load $((m + page))
	says viewer ok unmap "$b" $((2 * huge))
	says viewer SIGBUS load $((m + page))
	stop viewer
	umount "$dir/all"
}

# Rule 3: block.c, guard_check_range(), block_retire(). The block there is
# unsubscribed, after mirrors of its remaining memory were zapped: without the
# one a mirror lies in a block, without the other some show stale pages.
# bats test_tags=M5,M24
@test "a mirror can be placed where exposed memory was unmapped, and the rest stays coherent" {
	scene 4 ro
	start other m-viewer
	ask viewer map 1024
	b=$answer
	says viewer ok advise "$b" $((2 * huge)) nohuge
	says viewer ok fill "$b" $((2 * huge)) b
	expose viewer "$b" $((2 * huge)) ro
	says other ok open "$file" r
	ask other mirror $((2 * huge)) r s
	o=$answer
	says other b load $((o + 600 * page))
	# Far from where the kernel splits mappings, for it invalidates around that.
	says viewer ok unmap $((b + page)) $page
	says viewer $((b + page)) mirror $page r sf 0 $((b + page))
	says viewer a load $((b + page))
	says other SIGBUS load $((o + page))
	says viewer ok advise $((b + 600 * page)) $page dontneed
	says viewer ok store $((b + 600 * page)) x
	says other x load $((o + 600 * page))
	says viewer $((b + 3 * page)) remap $((b + page)) $page $page $((b + 3 * page))
	says other SIGBUS load $((o + 3 * page))
	says viewer ok unmap "$b" $((2 * huge))
	says viewer "$b" mirror $page r sf 0 "$b"
	says viewer a load "$b"
	says other SIGBUS load "$o"
}

# Rule 3 for mirrors of oneself, which are what the guard is really for.
# bats test_tags=M23,M24
@test "a process can mirror itself, but elsewhere" {
	start viewer m-viewer
	ask viewer map 512
	a=$answer
	says viewer ok fill "$a" $huge a
	expose viewer "$a" $huge rw
	says viewer ok open "$file" rw
	ask viewer mirror $huge rw s
	m=$answer
	says viewer ok store $((m + page)) x
	says viewer x load $((a + page))
	says viewer ELOOP mirror $page rw sf 0 "$a"
	says viewer ok unmap $((a + page)) $page
	says viewer SIGBUS load $((m + page))
	says viewer ok protect $((a + 7 * page)) $page none
	says viewer SIGBUS load $((m + 7 * page))
	says viewer ok unmap "$m" $huge
}

# Rule 3: space.c, remotefs_space_run(). A block begins with anonymous memory
# only, whatever the range has.
# bats test_tags=M2,M24
@test "a mirror between exposed memory of its own process keeps working" {
	scene 4 ro
	ask viewer map 3
	b=$answer
	says viewer ok fill "$b" $((3 * page)) b
	expose viewer "$b" $((3 * page)) ro
	says viewer $((b + page)) mirror $page r sf 0 $((b + page))
	start other m-viewer
	says other ok open "$file" r
	ask other mirror $((3 * page)) r s
	o=$answer
	says other b load "$o"
	says other b load $((o + 2 * page))
	says other SIGBUS load $((o + page))
	says viewer a load $((b + page))
	says source ok store "$a" x
	says viewer x load $((b + page))
	says viewer ok protect "$b" $page none
	says other SIGBUS load "$o"
	says viewer ok unmap $((b + page)) $page
	says other b load $((o + 2 * page))
}

# Rule 3: range.c, range_check_vmas(), the test for remotefs_vm_ops.
# bats test_tags=M24
@test "no range can be exposed over a mirror" {
	scene 4 ro
	ask viewer map 4
	b=$answer
	says viewer $((b + page)) mirror $page r sf 0 $((b + page))
	refused ELOOP viewer map "$b" $((b + 4 * page)) ro
	says viewer "$((b + page))" mapat $((b + page)) 1
	expose viewer "$b" $((4 * page)) ro
}

# Rule 4: fault.c, huge_present(), PageAnon(). Without it the huge zero page is
# mapped by one entry, and on 7.2 its zap is an oops.
# bats test_tags=M3
@test "the source's huge zero page is mirrored page by page" {
	start source m-source
	start viewer m-viewer
	ask source map 1024
	a=$answer
	says source ok advise "$a" $((2 * huge)) huge
	says source 1024 touch "$a" $((2 * huge))
	expose source "$a" $((2 * huge)) rw
	says viewer ok open "$file" rw
	ask viewer mirror $((2 * huge)) r s
	m=$answer
	says viewer 1024 touch "$m" $((2 * huge))
	info "$file" faults
	[ "$answer" -ge 4 ] || fail "$answer faults: mapped huge"
	says viewer ok unmap "$m" $huge
	says source ok advise "$a" $((2 * huge)) dontneed
	says viewer 00 load $((m + huge))
	says viewer ok unmap $((m + huge)) $huge
}

# Rule 5: compat.h, REMOTEFS_PMD: huge entries are special on 6.12 and later
# only. Without it get_user_pages() takes references through them on 6.1.
# bats test_tags=M28
@test "no reference to a page can be had through a mirror of a huge page" {
	scene 512 rw
	says source ok advise "$a" $huge collapse
	says viewer ok store "$m" x
	says viewer 0 touch "$m" $huge
	says viewer EFAULT splice "$m" $huge
	says viewer EFAULT splice $((m + 9 * page)) $page
	says viewer EFAULT direct "$m" $page /var/tmp/remotefs-direct
	rm -f /var/tmp/remotefs-direct
}

# Rule 6: file.c, remotefs_file_mmap(), vm_flags_clear(vma, VM_MAYWRITE).
# Without it the first load is a BUG, and mprotect() makes the mapping writable.
# bats test_tags=M16
@test "a private mapping of a writable file can never become writable" {
	scene 2 rw
	ask viewer mirror $((2 * page)) r p
	m=$answer
	says viewer a load "$m"
	says viewer EACCES protect "$m" $page rw
	says viewer SIGSEGV store "$m" x
	says source a load "$a"
	says viewer EACCES mirror $page rw p
}
