#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 120
#
# All of the interface, and what is next to it, by chance.  A slice of it tells
# at once; `make fuzz` does as many operations as FUZZ_OPERATIONS says, half of
# them in one thread, where each answer is predicted.  FUZZ_SEED repeats the
# choices of an earlier run; with one thread that is all there is to repeat.

bats_require_minimum_version 1.5.0

setup() {
	load mirror
	mirror_setup
	seed=${FUZZ_SEED:-$RANDOM}
}

teardown() {
	mirror_teardown
}

# share PERCENT OPERATIONS: of what is asked for, as $operations; or so many, and
# fewer on a kernel that is ten times as slow.
share() {
	operations=$((${FUZZ_OPERATIONS:-0} * $1 / 100))
	if [ "$operations" = 0 ]; then
		operations=$2
		[ ! -e /sys/kernel/debug/kmemleak ] || operations=$((operations / 8))
	fi
	# However slow the kernel is, this is a hang.
	limit=$((600 + operations / 20))
}

# run_fuzz ARGUMENT...: show what it says as it says it
run_fuzz() {
	# In braces, or sed becomes a child of the program.
	{ "$progs/f-fuzz" --limit "$limit" "$@" "$mnt" 3>&-; } > >(sed -u 's/^/# /' >&3)
}

# bats test_tags=Z6
@test "what was found once is not found again" {
	local threads operations limit=600 rest
	while read -r seed threads operations rest; do
		[[ $seed == '#'* || -z $seed ]] ||
			run_fuzz --seed "$seed" --threads "$threads" --operations "$operations" || fail "$rest"
	done <"$BATS_TEST_DIRNAME/../fuzz.seeds"
}

# bats test_tags=Z6,C6,C8,P3
@test "each answer is as documented, and what fails changes nothing" {
	share 50 12000
	run_fuzz --seed "$seed" --operations "$operations"
}

# bats test_tags=Z6,P3,L8
@test "64 threads that share everything get documented answers, and none hangs" {
	share 50 8000
	run_fuzz --seed "$seed" --operations "$operations" --threads 64 --sources 5
}

# It goes on until it has come to all of it, which is a matter of seconds.
# bats test_tags=C8
@test "each kind of operation succeeds, and comes to each errno that it can" {
	[ ! -e /sys/kernel/debug/kmemleak ] || skip "no debug-kernel, for its slowness"
	limit=120
	run_fuzz --seed 1 --operations 4000 --complete
}

@test "the fuzzer notices an errno that is not documented" {
	run -1 --separate-stderr "$progs/f-fuzz" --lie e --seconds 60 --seed "$seed" "$mnt"
	# shellcheck disable=SC2154
	[[ $stderr == *"is not documented"* ]] || fail "$stderr"
}

@test "the fuzzer notices a call that changed what it should not" {
	run -1 --separate-stderr "$progs/f-fuzz" --lie m --seconds 60 --seed "$seed" "$mnt"
	[[ $stderr == *"file "*" of source "* ]] || fail "$stderr"
}

@test "the fuzzer notices memory that was written without leave" {
	run -1 --separate-stderr "$progs/f-fuzz" --lie w --seconds 60 --seed "$seed" "$mnt"
	[[ $stderr == *"was never to be written"* ]] || fail "$stderr"
}
