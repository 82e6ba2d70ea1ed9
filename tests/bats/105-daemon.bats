#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What the daemon is there for, in few words, for the debug kernel too.
#
# seconds: 60
# not on debug in a whole run: a minute there, and about user land

# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
load admin

# bats test_tags=U2
@test "the answer to add is the paths that were made, read from the same open file" {
	exec {ctl}<>"$D/ctl"
	echo "add $s_pid $(pages "$s_address" 4)" >&"$ctl"
	run -0 cat <&"$ctl"
	exec {ctl}<&-
	[ "$output" = "$s_pid/map-0" ]
	[ "$(stat -c '%s %a %u' "$M/$output")" = "16384 400 0" ]
	[ "$(head -n 1 "$M/$output")" = "page 0 of $s_pid" ]
}

# bats test_tags=U3,P1
@test "another user's process is denied although the daemon is root" {
	set_yama 0
	start_source mine as_user 1000 "$PROGS/a-source" 4
	run -1 ask_as 1001 "add $mine_pid heap"
	[[ ${lines[0]} == EACCES && ${lines[1]} == "error: EACCES: you may not open /proc/$mine_pid/mem" ]]
	run -1 ask_as 1000 "add $s_pid heap"
	[ "${lines[0]}" = EACCES ]
	[ "$(ls "$M")" = control ]
	grep -q "denied: add of process $s_pid to uid 1000" "$BATS_TEST_TMPDIR/background.out"
}
