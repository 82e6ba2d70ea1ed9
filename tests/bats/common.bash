# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# What the suites of both kinds share: those about mirrors, and the rest.

# Which command it is that fails, said at less cost.
#
# bats runs some thirty commands of its own before every command of a test, to
# remember where it is.  On an emulated processor that is a good part of a suite's
# time.  A command that fails runs a trap in any case, and where it is is known then.

trap_failures() {
	trap - DEBUG
	BATS_DEBUG_LAST_STACK_TRACE=() BATS_DEBUG_LASTLAST_STACK_TRACE=()
	trap 'note_failure $?; bats_error_trap' ERR
}

# note_failure STATUS: the first time, as bats would have done before the command
note_failure() {
	BATS_ERROR_STATUS=${BATS_ERROR_STATUS:-$1}
	[ "$BATS_DEBUG_LAST_STACK_TRACE_IS_VALID" ] || bats_capture_stack_trace
}

# all_succeed COMMAND...: each of them is run, whatever becomes of those before it.
# bats only looks at what teardown() returns: in there, no command fails by itself.
all_succeed() {
	local command failed=0
	for command; do
		$command || {
			echo "failed at the end: $command"
			failed=1
		}
	done
	return "$failed"
}

# watched PID COUNT: has that inotifywait set up its watches?  It may only just
# have begun: its descriptors are looked up anew each time, and may go meanwhile.
# (A substitution of a process instead would be the next "wait $!".)
watched() {
	local watches
	watches=$(cat /proc/"$1"/fdinfo/* 2>/dev/null | grep -c '^inotify wd') || true
	[ "$watches" -ge "$2" ]
}
