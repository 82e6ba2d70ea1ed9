#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 60
# not on debug in a whole run: 200 and 210 ask for all of this there
#
# What a map file tells about itself: INFO, RANGE and /proc/PID/fdinfo.
# shellcheck disable=SC2154,SC2086

bats_require_minimum_version 1.5.0

setup() {
	load mirror
	mirror_setup
}

teardown() { mirror_teardown; }

# file_says FIELD VALUE
file_says() {
	info "$file" "$1"
	same "$answer" "$2"
}

# fdinfo FIELD [VIEWER]: of its open map file, as $answer
fdinfo() {
	local key value
	answer=none
	while IFS=$'\t' read -r key value; do
		[ "$key" != "remotefs-$1:" ] || answer=$value
	done < <(cat /proc/"${pid[${2-viewer}]}"/fdinfo/*)
}

# fdinfo_says FIELD VALUE [VIEWER]
fdinfo_says() {
	fdinfo "$1" "${3-viewer}"
	same "$answer" "$2"
}

# bats test_tags=A2
@test "mirrored bytes count what mirrors have in their page tables, and follow it" {
	scene 64 rw
	file_says mirrored 0
	says viewer a load "$m"
	info "$file" mirrored
	# A fault brings its neighbours, but not all of them.
	[ "$answer" -ge $page ] && [ "$answer" -le $((64 * page)) ]
	says viewer 0 touch "$m" $((64 * page))
	file_says mirrored $((64 * page))
	says source ok advise "$a" $((16 * page)) dontneed
	file_says mirrored $((48 * page))
	says viewer ok unmap $((m + 60 * page)) $((4 * page))
	file_says mirrored $((44 * page))
	rm "$file"
}

# bats test_tags=A2
@test "each viewer sees how much of it is in its own mirrors, and how much in all" {
	scene 32 rw
	says viewer 0 touch "$m" $((32 * page))
	start second m-viewer
	says second ok open "$file" ro
	fdinfo_says mirrored $((32 * page)) second
	fdinfo_says mirrored-here 0 second
	ask second mirror $((32 * page)) ro s
	says second 0 touch "$answer" $((8 * page))
	fdinfo mirrored-here second
	here=$answer
	[ "$here" -ge $page ]
	fdinfo_says mirrored $((32 * page + here))
	fdinfo_says mirrored-here $((32 * page))
	file_says mirrors 2
	# The one that asks has it open, too.
	file_says viewers 3
	stop second
	file_says mirrored $((32 * page))
	file_says viewers 2
}

# bats test_tags=A2
@test "a mirror counts as a viewer when its descriptor is closed" {
	scene 4 rw
	file_says viewers 2
	says viewer ok close
	file_says viewers 2
	says viewer ok unmap "$m" $((4 * page))
	file_says viewers 1
}

# bats test_tags=A2,M11
@test "a huge page that is mirrored as one counts as 512" {
	scene 1024 rw
	says source ok advise "$a" $((2 * huge)) collapse
	says viewer a load "$m"
	info "$file" mirrored
	[ "$answer" -ge $page ] && [ $((answer % page)) = 0 ]
	says viewer a load $((m + huge))
	says viewer 0 touch "$m" $((2 * huge))
	file_says mirrored $((2 * huge))
}

# It is counted a GiB at a time, or less the more mirrors there are.
# bats test_tags=A2
@test "mirrors that reach over many GiB, and lie far apart, are counted page by page" {
	start source m-source
	start viewer m-viewer
	ask source map $((1 << 22))
	a=$answer
	says source ok advise "$a" $((1 << 34)) nohuge
	expose source "$a" $((1 << 34)) ro
	says viewer ok open "$file" r
	expected=0
	for i in 1 3 6 9; do
		ask viewer mirror $((3 << 29)) r s $(((i << 30) + 3 * page))
		m=$answer
		# The last page of one turn and the first of the next, and an end.
		for j in $(((1 << 30) - 4 * page)) $(((1 << 30) - 3 * page)) $(((3 << 29) - page)); do
			says source ok store $((a + (i << 30) + 3 * page + j)) x
			says viewer x load $((m + j))
			expected=$((expected + page))
		done
		info "$file" mirrored
		# Neighbours that were never touched are not there.
		same "$answer" $expected
	done
}

# bats test_tags=A2
@test "many mirrors of a large file, on top of each other and apart, are counted page by page" {
	start source m-source
	start viewer m-viewer
	ask source map $((1 << 20))
	a=$answer
	says source ok advise "$a" $((1 << 32)) nohuge
	expose source "$a" $((1 << 32)) ro
	says viewer ok open "$file" r
	expected=0
	for i in $(seq 0 39); do
		# Each ends, or goes on, where others do not.
		bytes=$(((i % 3 ? 1 << 26 : 1 << 31) + i * page))
		ask viewer mirror $bytes r s $((i * 11 * page))
		m=$answer
		for j in 0 $((bytes - page)); do
			says source ok store $((a + i * 11 * page + j)) x
			says viewer x load $((m + j))
			expected=$((expected + page))
		done
	done
	file_says mirrors 40
	file_says mirrored $expected
	fdinfo_says mirrored-here $expected
	says viewer ok unmap "$m" $bytes
	file_says mirrored $((expected - 2 * page))
}

# bats test_tags=A2,C13
@test "each range of a file says how much of it is mirrored" {
	scene 16 rw
	ask source map 8
	b=$answer
	says source ok fill "$b" $((8 * page)) b
	"$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw attach \
		map address="$b" offset=$((16 * page)) length=$((8 * page))
	ask viewer mirror $((24 * page)) rw s
	m=$answer
	says viewer 0 touch $((m + 16 * page)) $((8 * page))
	fdinfo ranges-not-shown
	same "$answer" none
	mapfile -t ranges < <(grep -h '^remotefs-range:' /proc/"${pid[viewer]}"/fdinfo/*)
	printf -v first 'remotefs-range:\t0x0-0x%x 0x%x rw 0' $((16 * page)) "$a"
	printf -v second 'remotefs-range:\t0x%x-0x%x 0x%x r %d' $((16 * page)) $((24 * page)) "$b" $((8 * page))
	same "${ranges[0]}" "$first"
	same "${ranges[1]}" "$second"
}

@test "fdinfo says what INFO says" {
	scene 8 ro
	says viewer a load "$m"
	says source ok advise "$a" $page dontneed
	for field in pid map state ranges mirrors waiters faults invalidations mirrored viewers; do
		info "$file" $field
		expected=$answer
		[ $field != state ] || expected=live
		[ $field != map ] || expected=map-$expected
		[ $field != viewers ] || expected=$((expected - 1))
		[ $field = ranges ] || fdinfo_says $field "$expected"
	done
	fdinfo_says locked 0
	"$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw attach lock
	fdinfo_says locked 1
	file_says flags 1
	rm "$file"
	fdinfo state
	same "$answer" revoked
}

@test "fdinfo shows the first 64 ranges and says how many it does not" {
	scene 200 ro
	steps=()
	for i in $(seq 1 99); do
		steps+=(map address=$((a + i * page)) offset=$(((1000 + 2 * i) * page)) length="$page")
	done
	"$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw attach "${steps[@]}"
	fdinfo_says ranges-not-shown 36
	same "$(cat /proc/"${pid[viewer]}"/fdinfo/* | grep -c '^remotefs-range:')" 64
}
