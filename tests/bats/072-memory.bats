#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 60
# not on trixie in a whole run: debug is the same version, and checks itself
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
	all_succeed mirror_teardown groups_end
}

groups_end() {
	local one
	for one in ${group-} ${maker-}; do
		retry 20 rmdir "$one" || return
	done
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
	[ $((${EPOCHREALTIME/./} - begin)) -lt 1000000 ] || return
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
	# All slabs are counted, also those of others: 1281 once on 6.12, else up to 1250.
	[ "$file" -lt 1400 ]
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

# charged GROUP KIND: what memory.stat says, in bytes, as $answer
charged() {
	answer=$(awk -v kind="$2" '$1 == kind { print $2 }' "$1/memory.stat")
}

# bats test_tags=A1
@test "metadata is charged to the group of who makes it, and pages to the source's" {
	start source m-source
	in_group max source
	ask source map 8192
	a=$answer
	says source ok fill "$a" $((8192 * page)) a
	charged "$group" slab
	before=$answer
	maker=/sys/fs/cgroup/remotefs-maker
	mkdir -p "$maker"
	for _ in $(seq 1000); do
		steps+=(map flags=1 address="$a" length=$((8192 * page)))
	done
	# The maker is a viewer as well.
	bash -c "echo \$\$ >$maker/cgroup.procs; exec \"\$@\"" - "$progs/a-call" \
		control "$mnt/control" mem "${pid[source]}" rw attach \
		sh "grep '^slab ' $maker/memory.stat >$dir/first" "${steps[@]}" \
		sh "grep '^slab ' $maker/memory.stat >$dir/last" \
		sh "wc -c <$mnt/${pid[source]}/map-0; grep '^anon ' $maker/memory.stat >$dir/anon" \
		>/dev/null
	read -r _ first <"$dir/first"
	read -r _ last <"$dir/last"
	# An inode, a range, and their names' part of the tables.
	echo "slab of the maker: $first, then $last"
	[ $((last - first)) -gt 700000 ]
	charged "$group" slab
	[ $((answer - before)) -lt 200000 ]
	# Who reads the memory of another has none of it.
	read -r _ anon <"$dir/anon"
	[ "$anon" -lt $((1024 * page)) ]
	charged "$group" anon
	[ "$answer" -ge $((8192 * page)) ]
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
