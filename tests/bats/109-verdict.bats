#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What the daemon allows is never more than the kernel does, in each combination of
# what the kernel asks; 026 and a-matrix.c say what these are.
#
# seconds: 600
# not on debug in a whole run: about programs of user land
# not on bookworm in a whole run: what the daemon takes on does not depend on the kernel's version
# not on forky in a whole run: likewise

# shellcheck disable=SC2154,SC2034 # for admin.bash
bats_require_minimum_version 1.5.0
load admin
load matrix

mount_options=control_mode=0666

# bats test_tags=P1,U3
@test "in every cell the daemon allows no more than opening /proc/PID/mem" {
	requires yama userns
	check_matrix "$D/ctl" 0,1,2 $((3 * 180 * 11))
}

# bats test_tags=U3
@test "a matrix in which the daemon boasts ends at that cell, and names it" {
	run -1 try_matrix "$D/ctl" 2 boast=2
	[[ $output == "differs in cell 2: ptrace_scope=2 user=root "*" target=undumpable: the daemon's verdict is more "* ]]
}
