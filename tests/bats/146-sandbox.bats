#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# examples/sandbox.c: a supervisor that manages the memory of a process which can
# call next to nothing, and traces nobody.
#
# seconds: 60
# not on trixie in a whole run: debug is the same version, and checks itself

bats_require_minimum_version 1.5.0
load helpers

setup() {
	setup_mount
}

teardown() {
	teardown_mount
}

# bats test_tags=X4,X5,X10,E3,L1
@test "a supervisor maps, shares, discards and unmaps memory of a stub that goes on running" {
	run -0 "$PROGS/sandbox" "$M/control"
	[ "$(grep -v 'record:' <<<"$output" | sed 's/process [0-9]*$/process PID/')" = "sandbox: the stub is process PID
sandbox: 65536 bytes of the stub are map-0
sandbox: a heap was mapped while the stub went on counting
sandbox: the sum of the heap is 500500
sandbox: the last number of the heap is 1000
sandbox: the sum of the heap is 0
sandbox: the stub has ended: Segmentation fault" ]
	# The kernel may have moved pages as well, so there may be other records.
	[[ $output == *"heap is 1000"*"the heap was discarded"*"heap is 0"*"the heap was unmapped"* ]]
	[[ $output == *"the heap was unmapped"*"the stub's memory is gone"* ]]
}

# Calls of process $stub after it gave them up, by name.
calls_of_the_stub() {
	awk -v stub="$1" '
		$1 != stub { next }
		/PR_SET_SECCOMP/ { locked = 1; next }
		locked && match($2, /^[a-z_0-9]+\(/) { print substr($2, 1, RLENGTH - 1) }
	' "$BATS_TEST_TMPDIR/calls" | sort -u | xargs
}

# bats test_tags=X5
@test "neither makes a call that traces or opens another's memory; the stub only reads and writes" {
	run -0 strace -f -o "$BATS_TEST_TMPDIR/calls" "$PROGS/sandbox" "$M/control"
	stub=$(sed -n 's/.*the stub is process //p' <<<"$output")
	run -1 grep -E 'ptrace\(|process_vm_|process_madvise|pidfd_getfd|/proc/[0-9]+/' "$BATS_TEST_TMPDIR/calls"
	[ "$(calls_of_the_stub "$stub")" = "read write" ]
	grep -q "^$stub .*SIGSEGV" "$BATS_TEST_TMPDIR/calls"
}

# bats test_tags=X10
@test "a user without any privilege supervises a stub of his own" {
	umount "$M"
	setup_mount control_mode=0666
	run -0 as_user 1000 "$PROGS/sandbox" "$M/control"
	grep -qx 'sandbox: the sum of the heap is 500500' <<<"$output"
	grep -qx 'sandbox: the stub has ended: Segmentation fault' <<<"$output"
}
