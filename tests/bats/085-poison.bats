#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 120
# not on debug in a whole run: two minutes there
# not on trixie in a whole run: bookworm and forky, the kernels before and after, say the same
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# Memory that breaks, and memory that is taken away: by page, and by block.

bats_require_minimum_version 1.5.0

setup_file() {
	load mirror
	load race
	race_begin
	modprobe hwpoison-inject
}

setup() {
	load mirror
	load race
	mirror_setup
	broken=()
	block=
	corrupted
	# Other suites take pages out of use as well.
	before=$answer
}

# What was found broken is made good again, once nobody has it, and what was
# taken away comes back.
teardown() {
	local frame failed=0
	race_teardown || failed=1
	for frame in ${broken[@]+"${broken[@]}"}; do
		echo "$frame" >/sys/kernel/debug/hwpoison/unpoison-pfn || failed=1
	done
	[ -z "$block" ] || [ "$(<"$block/state")" = online ] ||
		echo online_kernel >"$block/state" || failed=1
	corrupted
	same "$answer" "$before" || failed=1
	return "$failed"
}

# corrupted: KiB of memory that the kernel knows to be broken, as $answer
corrupted() {
	local key value rest
	while read -r key value rest; do
		[ "$key" != HardwareCorrupted: ] || answer=$value
	done </proc/meminfo
}

# breaks ADDRESS: a page of the source's
breaks() {
	ask source frame "$1"
	broken+=("$answer")
	ask source break "$1"
	# Who has the page learns of it at once, or with the next access.
	[[ $answer == ok || $answer == SIGBUS ]]
	corrupted
	same "$answer" $((before + 4 * ${#broken[@]}))
}

# bats test_tags=M5,M7
@test "a mirror of a page that broke gives the SIGBUS of broken memory" {
	scene 4 rw
	says viewer ok store "$m" b
	says viewer 0 touch "$m" $((4 * page))
	breaks "$a"
	says viewer SIGBUS load "$m"
	says viewer MCEERR_AR reason
	says viewer SIGBUS store "$m" x
	says viewer MCEERR_AR reason
	says viewer a load $((m + page))
	says source SIGBUS load "$a"
}

# bats test_tags=M5,C8
@test "read() and write() stop before a page that broke, and fail with EHWPOISON at it" {
	scene 4 rw
	breaks $((a + page))
	ask viewer map 4
	buffer=$answer
	says viewer $page: readat "$buffer" $((4 * page)) 0
	says viewer EHWPOISON readat "$buffer" $page $page
	says viewer EHWPOISON pwrite $((page + 1)) x
	says viewer 1:a pread 1 $((2 * page))
}

# bats test_tags=M5,M17
@test "a page that broke can be replaced, and the mirror shows the new one" {
	scene 4 rw
	says viewer a load "$m"
	breaks "$a"
	says source ok advise "$a" $page dontneed
	says viewer 00 load "$m"
	says source ok store "$a" n
	says viewer n load "$m"
	says viewer 1:n pread 1 0
}

# bats test_tags=M5,M11
@test "when a part of a huge page breaks the mirror shows the others" {
	scene 1024 rw
	says source ok advise "$a" $((2 * huge)) collapse
	says viewer 0 touch "$m" $((2 * huge))
	breaks $((a + 7 * page))
	says viewer SIGBUS load $((m + 7 * page))
	says viewer MCEERR_AR reason
	says viewer a load $((m + 6 * page))
	says viewer ok store $((m + 8 * page)) v
	says source v load $((a + 8 * page))
}

# bats test_tags=M5,M6
@test "a load that has begun when the page breaks gives SIGBUS" {
	warm_scene 4 rw
	pause viewer begun load "$m"
	breaks "$a"
	ends viewer SIGBUS
	says viewer MCEERR_AR reason
}

# bats test_tags=M5,M6
@test "a read() that has looked when the page breaks fails with EHWPOISON" {
	warm_scene 4 rw
	pause viewer unlocked pread 1 0
	breaks "$a"
	ends viewer EHWPOISON
}

# bats test_tags=M8,M28
@test "pages that are taken out of use one by one lose no byte" {
	scene 16 rw
	says source ok count "$a" $((16 * page))
	says viewer ok store $((m + 3 * page)) v
	says viewer ok store $((m + 15 * page)) v
	for ((i = 0; i < 16; i++)); do
		ask source frame $((a + i * page))
		frame=$answer
		says source ok advise $((a + i * page)) $page offline
		broken+=("$frame")
		ask source frame $((a + i * page))
		[ "$answer" != "$frame" ]
	done
	says viewer ok compare "$m" 16 "${pid[source]}" "$a"
	says viewer v load $((m + 3 * page))
	says viewer ok store $((m + 4 * page)) w
	says source w load $((a + 4 * page))
}

# Has a block of memory a frame that is out of use? It could not come back.
is_broken() {
	python3 - "${1##*memory}" "$(</sys/devices/system/memory/block_size_bytes)" <<-'EOT'
		import struct, sys
		frames = int(sys.argv[2], 16) >> 12
		with open("/proc/kpageflags", "rb") as flags:
		    flags.seek(int(sys.argv[1]) * frames * 8)
		    words = flags.read(frames * 8)
		# KPF_HWPOISON
		sys.exit(not any(word[0] >> 19 & 1 for word in struct.iter_unpack("Q", words)))
	EOT
}

# A block of memory that can go: only what can move is in it.
find_block() {
	local state
	for state in /sys/devices/system/memory/memory*/state; do
		[ "$(<"$state")" = online ] || continue
		! is_broken "${state%/state}" || continue
		if echo offline >"$state" 2>"$dir/refusal"; then
			block=${state%/state}
			return
		fi
	done
	fail "no block goes: $(<"$dir/refusal")"
}

# The block a frame is in.
block_of() {
	local bytes=$((16#$(</sys/devices/system/memory/block_size_bytes)))
	echo "/sys/devices/system/memory/memory$(($1 / (bytes / page)))"
}

# The block comes back as memory that the kernel keeps for what can move, and
# there the source gets its pages from, on a CPU beside it.
# bats test_tags=M5,M8,M28
@test "a block of memory with mirrored pages can be taken away, and the bytes move on" {
	find_block
	echo online_movable >"$block/state"
	node=$(basename "$block"/node*)
	start source m-source
	taskset -pc "$(<"/sys/devices/system/node/$node/cpulist")" "${pid[source]}"
	ask source map 16
	a=$answer
	says source ok count "$a" $((16 * page))
	ask source frame "$a"
	same "$(block_of "$answer")" "$block"
	expose source "$a" $((16 * page)) rw
	start viewer m-viewer
	says viewer ok open "$file" rw
	ask viewer mirror $((16 * page)) rw s
	m=$answer
	says viewer ok fill "$m" $page v
	says viewer ok compare "$m" 16 "${pid[source]}" "$a"
	echo offline >"$block/state"
	ask source frame "$a"
	[ "$(block_of "$answer")" != "$block" ]
	says viewer v load $((m + 9))
	says viewer ok compare "$m" 16 "${pid[source]}" "$a"
	says source ok store "$a" n
	says viewer n load "$m"
}

# bats test_tags=M8,M5
@test "after clear_refs a store through a mirror makes a page soft-dirty, and a load does not" {
	scene 4 rw
	says viewer ok store "$m" b
	says viewer 0 touch "$m" $((4 * page))
	echo 4 >"/proc/${pid[source]}/clear_refs"
	says source no softdirty "$a"
	says viewer b load "$m"
	says viewer a load $((m + page))
	says source no softdirty "$a"
	says viewer ok store "$m" c
	says source yes softdirty "$a"
	says source no softdirty $((a + page))
	says source c load "$a"
}

# bats test_tags=M8,M5
@test "after clear_refs a write() makes a page soft-dirty, and a read() does not" {
	scene 4 rw
	echo 4 >"/proc/${pid[source]}/clear_refs"
	says viewer 1:a pread 1 0
	says source no softdirty "$a"
	says viewer 1: pwrite 0 c
	says source yes softdirty "$a"
	says source no softdirty $((a + page))
	says source c load "$a"
}

# bats test_tags=M5
@test "forgetting which pages were used leaves mirrors as they are" {
	scene 4 rw
	says viewer ok store "$m" b
	for what in 1 2 3; do
		echo "$what" >"/proc/${pid[source]}/clear_refs"
		says viewer b load "$m"
		says viewer ok store $((m + page)) "$what"
		says source "$what" load $((a + page))
	done
}
