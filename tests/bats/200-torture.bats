#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 300
# not on trixie in a whole run: debug is the same version, and checks itself
#
# Everything at once, for as long as one cares to wait: `make torture` says how
# long by TORTURE_SECONDS.  Without that, each test does about a hundredth of
# what is done in an hour.  TORTURE_ROUNDS=100 asks for a hundred times as many of
# the rounds that are counted, however long they take.  TORTURE_SEED repeats the
# choices of an earlier run, though not its timing.

bats_require_minimum_version 1.5.0

knobs=(
	/proc/sys/kernel/numa_balancing
	/sys/kernel/mm/ksm/{pages_to_scan,sleep_millisecs,run}
	/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs
	/sys/kernel/debug/failslab/{ignore-gfp-wait,verbose}
)

# set_knobs VALUE...: in their order, where the kernel has them
set_knobs() {
	local knob
	for knob in "${knobs[@]}"; do
		[ ! -e "$knob" ] || echo "$1" >"$knob"
		shift
	done
}

setup_file() {
	local knob
	load mirror
	swap_begin
	for knob in "${knobs[@]}"; do
		cat "$knob" 2>/dev/null || echo
	done >"$BATS_FILE_TMPDIR/knobs"
	set_knobs 1 1000 10 1 10 N 0
}

teardown_file() {
	load mirror
	mapfile -t values <"$BATS_FILE_TMPDIR/knobs"
	# What KSM has merged is parted before it rests.
	echo 2 >/sys/kernel/mm/ksm/run
	set_knobs "${values[@]}"
	swap_end
}

setup() {
	load mirror
	mirror_setup
	other=$dir/other
	mkdir "$other"
	mount -t remotefs none "$other"
	seed=${TORTURE_SEED:-$RANDOM}
}

teardown() {
	all_succeed "retry 20 unmounts $other" mirror_teardown
}

# share PERCENT SECONDS [ROUNDS]: of the hour or what there is, as $seconds; or
# these. So many rounds, as $rounds, are done in any case; fewer in a short run
# on a kernel that is ten times as slow.
share() {
	rounds=${3:+$(($3 * ${TORTURE_ROUNDS:-1}))}
	seconds=$(((${TORTURE_SECONDS:-0} * $1 + 99) / 100))
	if [ -z "${TORTURE_SECONDS-}" ]; then
		seconds=$2
		[ ! -e /sys/kernel/debug/kmemleak ] || rounds=$((rounds / 10))
	fi
	# However slow the kernel is, this is a hang.
	limit=$((seconds + 900 * ${TORTURE_ROUNDS:-1}))
}

# run_part PROGRAM ARGUMENT...: show what it says as it says it
run_part() {
	# In braces, or sed becomes a child of the program.
	{ "$progs/$1" "${@:2}" 3>&-; } > >(sed -u 's/^/# /' >&3)
}

# An hour of it on the debug kernel is what Z1 asks for; a slice tells at once.
# bats test_tags=M5,M7,M17,L1,L3,P5,Z1,Z7
@test "whatever is done to memory, no reader sees a stale, foreign or lost page" {
	share 30 15
	run_part t-torture --seconds "$seconds" --limit "$limit" --seed "$seed" "$mnt" "$other"
}

# bats test_tags=M5
@test "what was discarded, unmapped, moved or protected is not seen once that has returned" {
	share 22 1 10000
	run_part t-torture --calm --urgent --pages 16 --span 1 --sources 1 --threads 1 --viewers 1 \
		--files 1 --ops dddDDUUpputrm --rounds "$rounds" \
		--seconds "$seconds" --limit "$limit" --seed "$seed" "$mnt"
}

# bats test_tags=M8
@test "what was written through a mirror outlasts MADV_FREE, reclaim, fork, KSM and clear_refs" {
	share 12 1 1000
	run_part t-torture --calm --urgent --pages 16 --span 2 --sources 1 --threads 1 --viewers 1 \
		--files 2 --ops fffoxkwncgl --rounds "$rounds" \
		--seconds "$seconds" --limit "$limit" --seed "$seed" "$mnt" "$other"
}

# bats test_tags=L7,P5
@test "a source may end while others attach to it, expose it, open, map and close" {
	share 10 1 1000
	run_part t-ends exit "$seconds" "$rounds" "$limit" "$seed" "$mnt"
}

# bats test_tags=L7
@test "a source and a viewer in the midst of it may be killed at once" {
	share 10 1 1000
	run_part t-ends kill "$seconds" "$rounds" "$limit" "$seed" "$mnt"
}

# bats test_tags=M23
@test "two processes that mirror each other and themselves make progress with 64 threads" {
	share 4 5
	run_part t-mutual "$seconds" "$seed" "$mnt"
}

# bats test_tags=E11
@test "whoever looks at the generation after a page was invalidated sees that it has moved" {
	share 5 1 10000
	run_part t-cache moves "$seconds" "$rounds" "$limit" "$seed" "$mnt"
}

# bats test_tags=E10,E11,E16
@test "a registration cache serves no stale entry, whatever is done to memory and by whom" {
	share 7 6
	run_part t-cache cache "$seconds" 100 "$limit" "$seed" "$mnt"
}

# What the board says wrongly is as good as a page shown wrongly.
@test "the torture notices a page that is older than it should be" {
	run -1 --separate-stderr "$progs/t-torture" --lie r --seconds 60 --seed "$seed" "$mnt"
	# shellcheck disable=SC2154
	[[ $stderr == *"load: "* || $stderr == *"read: "* ]] || fail "$stderr"
}

@test "the torture notices a write that is lost" {
	run -1 --separate-stderr "$progs/t-torture" --lie w --seconds 60 --seed "$seed" "$mnt"
	[[ $stderr == *" is lost"* ]] || fail "$stderr"
}
