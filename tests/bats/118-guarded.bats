#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Memory that is guarded by other means than permissions: protection keys and
# mseal().  (Secret memory is in 030 and 040, lockdown in 991.)
#
# seconds: 60
# not on debug in a whole run: none of it is about what that kernel checks

# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
load helpers

setup() {
	setup_mount
}

teardown() {
	teardown_mount
}

# bats test_tags=P7
@test "a protection key binds the threads of its process, and no viewer" {
	requires protection-keys
	start_source s "$PROGS/p-guarded" key
	[ "$(tell s load)" = SIGSEGV ]
	file=$(expose s "$WRITE" length=8192)
	run -0 call file "$file" rw pread 0 pread 4096 pwrite 4096 new pread 4096
	[ "${lines[1]}" = "pread OK guarded" ]
	[ "${lines[4]}" = "pread OK new" ]
	# A mirror is the viewer's memory, and shows it as well.
	start_source v "$PROGS/p-guarded" mirror "$file"
	[ "$(tell v load)" = guarded ]
	[ "$(tell s load)" = SIGSEGV ]
}

# bats test_tags=P7,P3
@test "sealed memory can be exposed, and written where its process could write it" {
	requires mseal
	start_source s "$PROGS/p-guarded" sealed
	file=$(expose s "$WRITE" length=8192)
	run -1 call file "$file" rw pread 4096 pwrite 0 changed pwrite 4096 changed
	[[ ${lines[1]} == "pread OK read-only" && ${lines[2]} == "pwrite OK" && ${lines[3]} == "pwrite EFAULT" ]]
	[[ $(tell s load) == changed* ]]
}

# bats test_tags=P7,C4
@test "a mirror that its viewer has sealed loses its pages by a revoke all the same" {
	requires mseal
	start_source s "$PROGS/a-source" 4
	file=$(expose s 0)
	start_source v "$PROGS/p-guarded" sealed "$file"
	[ "$(tell v load)" = "page 0 of $s_pid" ]
	rm "$file"
	[ "$(tell v load)" = SIGBUS ]
}
