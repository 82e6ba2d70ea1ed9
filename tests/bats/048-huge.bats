#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 60
# not on debug in a whole run: a minute there, where the torture has huge pages too
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# Mirrors of huge pages: one entry for one where the kernel can do that, the
# right bytes wherever it is placed, and parts that go their own way.

bats_require_minimum_version 1.5.0

setup() {
	load mirror
	mirror_setup
}

teardown() {
	mirror_teardown
}

# A scene of two huge pages, each page of which says its number.
huge_scene() {
	scene 1024 "$1"
	says source ok advise "$a" $((2 * huge)) collapse
	says source ok count "$a" $((2 * huge))
}

# balance 0|1: look at pages often, or as seldom as the kernel likes
balance() {
	local knobs=/sys/kernel/debug/sched/numa_balancing
	if [ "$1" = 1 ]; then
		echo 0 >"$knobs/scan_delay_ms"
		echo 10 >"$knobs/scan_period_min_ms"
	else
		echo 1000 >"$knobs/scan_delay_ms"
		echo 1000 >"$knobs/scan_period_min_ms"
	fi
	echo "$1" >/proc/sys/kernel/numa_balancing
}

# Does this kernel map huge pages by one entry?
has_huge_entries() {
	local features
	features=$("$progs/a-call" control "$mnt/control" features features=4)
	[[ $features == *0x4 ]]
}

# faults_of COMMAND...: how many faults it takes the viewer, as $faults
faults_of() {
	local before
	info "$file" faults
	before=$answer
	"$@"
	info "$file" faults
	faults=$((answer - before))
}

# bats test_tags=M11
@test "a huge page takes one fault where the kernel can map it by one entry" {
	huge_scene ro
	has_huge_entries || skip "this kernel has no special huge entries"
	ask viewer mirror $((2 * huge)) r s
	m=$answer
	same $(((m - a) % huge)) 0
	faults_of ask viewer touch "$m" $((2 * huge))
	same "$faults" 2
}

# bats test_tags=M11
@test "a mirror without a hint lies so that huge pages of both sides coincide" {
	huge_scene ro
	has_huge_entries || skip "this kernel has no special huge entries"
	for first in 0 1 255 511; do
		ask viewer mirror $huge r s $((first * page))
		same $(((answer - a - first * page) % huge)) 0
		says viewer ok compare "$answer" 512 "${pid[source]}" $((a + first * page))
	done
}

# bats test_tags=M11
@test "wherever a mirror lies, by 0 to 511 pages beside, it shows the right bytes" {
	huge_scene ro
	ask viewer map 512
	says viewer ok shifts "$answer" "${pid[source]}" "$a"
}

# bats test_tags=M11,M16
@test "hints and MAP_FIXED that do not suit huge pages are honoured, and show the right bytes" {
	huge_scene rw
	ask viewer map 1024
	there=$((answer + 3 * page))
	says viewer ok unmap "$answer" $((2 * huge))
	says viewer "$there" mirror $huge rw s 0 "$there"
	says viewer ok compare "$there" 512 "${pid[source]}" "$a"
	says viewer ok unmap "$there" $huge
	says viewer $((there + page)) mirror $huge rw sf $((2 * page)) $((there + page))
	says viewer ok compare $((there + page)) 512 "${pid[source]}" $((a + 2 * page))
	says viewer ok store $((there + page)) w
	says source w load $((a + 2 * page))
}

# bats test_tags=M5,M11
@test "half of a huge page may lose its rights, and regain them" {
	huge_scene rw
	ask viewer touch $((m + page)) $((huge - page))
	says viewer ok store $((m + huge - page)) x
	says source ok protect $((a + huge / 2)) $((huge / 2)) none
	says viewer SIGBUS load $((m + huge / 2))
	says viewer SIGBUS store $((m + huge - page)) y
	says viewer ok compare "$m" 256 "${pid[source]}" "$a"
	says viewer ok store $((m + page)) v
	says source v load $((a + page))
	says source ok protect $((a + huge / 2)) $((huge / 2)) r
	says viewer x load $((m + huge - page))
	says viewer SIGBUS store $((m + huge - page)) y
	says source ok protect $((a + huge / 2)) $((huge / 2)) rw
	says viewer ok store $((m + huge - page)) y
	says source y load $((a + huge - page))
}

# bats test_tags=M5,M11
@test "a part of a mirror of a huge page may be unmapped, moved, and made read-only" {
	huge_scene rw
	says viewer ok store "$m" x
	says viewer ok unmap $((m + 7 * page)) $page
	says viewer SIGSEGV load $((m + 7 * page))
	says viewer ok protect $((m + huge / 2)) $page r
	says viewer SIGSEGV store $((m + huge / 2)) y
	says viewer ok compare $((m + 8 * page)) 500 "${pid[source]}" $((a + 8 * page))
	ask viewer map 512
	there=$answer
	says viewer "$there" remap $((m + huge)) $huge $huge "$there"
	says viewer ok compare "$there" 512 "${pid[source]}" $((a + huge))
	says source ok advise $((a + huge)) $page dontneed
	says viewer 00 load "$there"
}

# bats test_tags=M5,M11
@test "a huge page that is thinned out and collapsed again shows right in between and after" {
	huge_scene rw
	ask viewer touch $((m + page)) $((huge - page))
	says source ok advise $((a + 9 * page)) $((2 * page)) dontneed
	says viewer 00 load $((m + 9 * page))
	says viewer ok compare "$m" 9 "${pid[source]}" "$a"
	says source ok store $((a + 9 * page)) n
	says viewer ok store $((m + 10 * page)) v
	says source ok advise "$a" $huge collapse
	says viewer ok compare "$m" 512 "${pid[source]}" "$a"
	says viewer n load $((m + 9 * page))
	says viewer v load $((m + 10 * page))
}

# The kernel takes the rights from pages to see who uses them. For a huge page
# that looked like memory that nobody ever touched.
# bats test_tags=M18,M22
@test "a huge page that NUMA balancing looks at never reads as zeros" {
	[ -e /sys/kernel/debug/sched/numa_balancing/scan_delay_ms ] || skip "no NUMA balancing that can be hurried here"
	huge_scene ro
	says source ok fill "$a" $((2 * huge)) n
	ask source map 1
	balance 1
	echo "hammer $answer $page" >&"${in[source]}"
	run "$progs/m-steady" "$file" n 3
	balance 0
	[ "$status" = 0 ] || fail "$output"
	stop source
}

# bats test_tags=M5,M18
@test "small pages that NUMA balancing looks at never read as zeros, nor as holes" {
	[ -e /sys/kernel/debug/sched/numa_balancing/scan_delay_ms ] || skip "no NUMA balancing that can be hurried here"
	scene 64 ro
	says source ok advise "$a" $((64 * page)) nohuge
	says source ok fill "$a" $((64 * page)) n
	balance 1
	echo "hammer $a $((64 * page))" >&"${in[source]}"
	run "$progs/m-steady" "$file" n 3
	balance 0
	[ "$status" = 0 ] || fail "$output"
	stop source
}
