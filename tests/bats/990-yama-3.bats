#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The part of P1 that cannot be undone: once ptrace_scope is 3 it stays so until
# the next boot, so nothing may come after this suite.
#
# seconds: 90
# not on debug in a whole run: procfs decides here, as in 025
# not on trixie in a whole run: as 025

# What start_source sets is not seen by shellcheck.
# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
load helpers
load matrix

setup() {
	setup_mount control_mode=0666
}

teardown() {
	teardown_mount
}

# bats test_tags=P1
@test "with ptrace_scope 3 nobody may expose another, not even root; oneself one may" {
	requires yama
	start_targets
	session_before=$(expose dumpable 0)
	check_parent 3 deny
	# Who has a descriptor already keeps what it gives.
	run -0 call file "$session_before" r pread 0
	rm -r "${M:?}/$dumpable_pid"
	check_matrix 3
	run -0 as_user 1000 "$PROGS/a-call" control "$M/control" attach fd=-1 pid=0 map flags=9
}
