#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Memory that has a name of its own, on kernels that can give it one.
#
# seconds: 30
# not on trixie in a whole run: needs debug's kernel
# not on bookworm in a whole run: likewise
# not on forky in a whole run: likewise

# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
load admin

# bats test_tags=U2
@test "add takes memory by the name that its process gave it" {
	requires anon-name
	start_source named "$PROGS/a-source" 4 name="my data"
	run -0 ask "add $named_pid [anon:my data]"
	[ "${lines[1]}" = "$named_pid/map-0" ]
	[ "$(head -n 1 "$M/$named_pid/map-0")" = "page 0 of $named_pid" ]
}
