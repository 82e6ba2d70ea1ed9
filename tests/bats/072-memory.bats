#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 60
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# What exposing and mirroring cost in memory, and what becomes of a source that
# runs out of it.

bats_require_minimum_version 1.5.0

setup() {
	load mirror
	mirror_setup
}

teardown() {
	mirror_teardown
	[ ! -d "${group-}" ] || rmdir "$group"
}

# In KiB, what the kernel uses for itself.
kernel_memory() {
	awk '/^(Slab|PageTables|SecPageTables):/ { sum += $2 } END { print sum }' /proc/meminfo
}

# Expose and mirror a TiB; is it cheap?
tebibyte_is_cheap() {
	local memory begin
	memory=$(kernel_memory)
	begin=${EPOCHREALTIME/./}
	expose source "$a" $((1 << 40)) ro
	says viewer ok open "$file" r
	ask viewer mirror $((1 << 40)) r s
	m=$answer
	[ $((${EPOCHREALTIME/./} - begin)) -lt 1000000 ]
	[ $(($(kernel_memory) - memory)) -lt 1024 ]
}

# What a file takes is the core's inode for the most part.
# bats test_tags=A5
@test "each of 100,000 ranges takes less than a KiB of kernel memory, and a file little more" {
	[ ! -e /sys/kernel/debug/kmemleak ] || skip "each object has a guard around it here"
	mount -o remount,max_maps=200000,max_ranges=300000 "$mnt"
	run -0 "$progs/b-bench" "$mnt" memory
	echo "$output"
	[[ ${lines[0]} == "file-memory "* && ${lines[1]} == "range-memory "* ]]
	file=${lines[0]##* } range=${lines[1]##* }
	[ "$range" -gt 64 ]
	[ "$range" -lt 1024 ]
	[ "$file" -gt "$range" ]
	[ "$file" -lt 1280 ]
}

# bats test_tags=M4
@test "a sparse TiB is exposed and mirrored in a second and a MiB, and shows what is touched" {
	start source m-source
	start viewer m-viewer
	ask source map $((1 << 28))
	a=$answer
	# The rest of the machine allocates too.
	retry 20 tebibyte_is_cheap
	anon source
	before=$answer
	says viewer 00 load $((m + (1 << 39)))
	says viewer 00 load $((m + (1 << 40) - 1))
	anon source
	same "$answer" "$before"
	says source ok store $((a + (1 << 40) - 1)) x
	says viewer x load $((m + (1 << 40) - 1))
}

# in_group BYTES NAME: the process may use so much memory
in_group() {
	group=/sys/fs/cgroup/remotefs-test
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir -p "$group"
	echo "$1" >"$group/memory.max"
	echo 0 >"$group/memory.swap.max"
	echo "${pid[$2]}" >"$group/cgroup.procs"
}

# Has the group given back nearly all of what it had?
is_drained() {
	read -r used <"$group/memory.current"
	[ "$used" -lt $((4 << 20)) ]
}

# bats test_tags=L4,L5
@test "a source that the OOM killer takes is freed at once, while viewers fault and one is stuck" {
	start source m-withhold
	hear source
	withheld=${answer% *}
	pid[keeper]=${answer#* }
	in_group $((64 << 20)) source
	ask source map $((256 << 8))
	a=$answer
	says source ok fill "$a" $((8 << 20)) a
	expose source "$withheld" $((2 * page)) ro
	start stuck m-viewer
	says stuck ok open "$file" r
	ask stuck mirror $page r s
	echo "load $answer" >&"${in[stuck]}"
	expose source "$a" $((256 << 20)) ro
	for name in first second; do
		start "$name" m-viewer
		says "$name" ok open "$file" r
		ask "$name" mirror $((256 << 20)) r s
		echo "hammer $answer $((8 << 20))" >&"${in[$name]}"
	done
	echo "fill $a $((256 << 20)) b" >&"${in[source]}"
	retry 60 gone "${pid[source]}"
	retry 5 is_drained
	for name in first second stuck; do
		hear "$name"
		same "$answer" SIGBUS
	done
	grep -q '^oom_kill 1$' "$group/memory.events"
}
