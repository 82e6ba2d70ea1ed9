#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Whether somebody may expose somebody: in each combination of what the kernel
# asks, the verdict of ATTACH is that of opening /proc/PID/mem.  a-matrix.c says
# what is combined; 109 asks the daemon the same, and 990 has ptrace_scope 3.
#
# seconds: 150
# not on debug in a whole run: procfs decides here, and the module's part of it runs in 020
# not on trixie in a whole run: there 109 does all of this again
# not on bookworm in a whole run: likewise, but for ptrace_scope 3 in 990

bats_require_minimum_version 1.5.0
load helpers
load matrix

setup() {
	requires yama userns
	setup_mount control_mode=0666
	yama_before=$(cat /proc/sys/kernel/yama/ptrace_scope)
}

teardown() {
	set_yama "${yama_before:-0}"
	teardown_mount
}

# 5 users, 3 kinds of groups, 3 sets of capabilities, 2 user namespaces, 2 domains
REQUESTERS=$((5 * 3 * 3 * 2 * 2))
TARGETS=11

# bats test_tags=P1
@test "in every cell ATTACH says what opening /proc/PID/mem says" {
	check_matrix - 0,1,2 $((3 * REQUESTERS * TARGETS))
}

# bats test_tags=P1
@test "a matrix in which one verdict is another ends at that cell, and names it" {
	run -1 try_matrix - 2 lie=7
	[[ $output == "differs in cell 7: ptrace_scope=2 user=root group=same capabilities=none "*" target=root: ATTACH's verdict is not "* ]]
}
