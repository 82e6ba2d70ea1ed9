#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 60
# not on debug in a whole run: a minute there, and the torture changes ranges and memory as well
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# Random changes of ranges and of the memory behind them, against a model.

bats_require_minimum_version 1.5.0

setup() {
	load mirror
	mirror_setup
}

teardown() {
	mirror_teardown
}

# bats test_tags=M15,C13,M14,M17
@test "6000 random changes of ranges and memory do what a model of arrays does" {
	run "$progs/m-model" "$mnt/control" "${SEED-1}" 6000
	[ "$status" = 0 ] || fail "$output"
}

# bats test_tags=M15,C13
@test "so do 6000 others, by a seed that is another one each time" {
	run "$progs/m-model" "$mnt/control" "$EPOCHSECONDS" 6000
	[ "$status" = 0 ] || fail "$output"
}
