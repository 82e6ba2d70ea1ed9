#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The part of P1 that cannot be undone: once ptrace_scope is 3 it stays so until
# the next boot, so nothing may come after this suite.
#
# seconds: 240
# not on debug in a whole run: procfs decides here, as in 025
# not on trixie in a whole run: as 025
# not on forky in a whole run: likewise; 026 has the other settings there

# What is set here and there is not seen by shellcheck.
# shellcheck disable=SC2154,SC2034
bats_require_minimum_version 1.5.0
load admin
load matrix

mount_options=control_mode=0666

# It cannot be set back.
teardown() {
	teardown_mount
}

# bats test_tags=P1,U3
@test "with ptrace_scope 3 nobody may expose another, not even root; oneself one may" {
	requires yama
	session_before=$(expose s 0)
	check_parent 3 deny
	# Who has a descriptor already keeps what it gives.
	run -0 call file "$session_before" r pread 0
	rm -r "${M:?}/$s_pid"
	check_matrix "$D/ctl" 3 1980
	[[ $output == *", 0 allowed, 0 of "* ]]
	run -0 as_user 1000 "$PROGS/a-call" control "$M/control" attach fd=-1 pid=0 map flags=9
}

# bats test_tags=P1,X5,X10
@test "with ptrace_scope 3 a supervisor still manages a stub that has handed itself over" {
	requires yama
	set_yama 3
	run -0 "$PROGS/sandbox" "$M/control"
	grep -qx 'sandbox: the sum of the heap is 500500' <<<"$output"
}
