#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What the daemon leaves on record.  Guests have no journal, so the tests listen
# where it would.
#
# seconds: 120
# not on debug in a whole run: about programs of user land
# not on bookworm in a whole run: nor does it depend on the kernel's version
# not on forky in a whole run: nor does it depend on the kernel's version

# Single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
bats_require_minimum_version 1.5.0
load admin

teardown() {
	rm -f "$JOURNAL" /dev/log
	set_yama "${yama_before:-0}"
	teardown_mount
}

# bats test_tags=P8
@test "create, change and revoke leave a record with both PIDs, the user and the range" {
	listen
	range=$(pages "$s_address" 2)
	exec {ctl}<>"$D/ctl"
	echo "add $s_pid $range rw" >&"$ctl"
	echo "chmod 0440 $s_pid/map-0" >&"$ctl"
	echo "revoke $s_pid" >&"$ctl"
	exec {ctl}>&-
	# All of it was written by this shell.
	who=(REMOTEFS_UID=0 "REMOTEFS_REQUESTER_PID=$BASHPID" "REMOTEFS_SOURCE_PID=$s_pid" "REMOTEFS_FILE=$s_pid/map-0")
	retry 50 0.1 grep -q revoke "$BATS_TEST_TMPDIR/journal"
	recorded REMOTEFS_EVENT=create REMOTEFS_COMMAND=add "REMOTEFS_RANGE=$range rw" "${who[@]}"
	recorded REMOTEFS_EVENT=change REMOTEFS_COMMAND=chmod "${who[@]}"
	recorded REMOTEFS_EVENT=revoke REMOTEFS_COMMAND=revoke "REMOTEFS_RANGE=$range rw" "${who[@]}"
	recorded REMOTEFS_EVENT=open REMOTEFS_UID=0 "REMOTEFS_REQUESTER_PID=$BASHPID"
}

# bats test_tags=P8,U3,U11
@test "a denial leaves a record that says what was asked for and why not" {
	set_yama 0
	listen
	range=$(pages "$s_address" 1)
	run -1 ask_as 1000 "add $s_pid $range"
	retry 50 0.1 grep -q denied "$BATS_TEST_TMPDIR/journal"
	recorded REMOTEFS_EVENT=denied REMOTEFS_UID=1000 "REMOTEFS_SOURCE_PID=$s_pid" "REMOTEFS_RANGE=$range" REMOTEFS_ERRNO=EACCES
	grep -q "denied: add of process $s_pid ($range) to uid 1000, process [0-9]*: you may not open" "$BATS_TEST_TMPDIR/journal"
	run -1 as_user 1000 bash -c 'exec 3<>"$1" && exec setpriv --no-new-privs "$2" - "revoke all"' bash "$D/ctl" "$PROGS/a-ask"
	retry 50 0.1 grep -q "somebody else opened it" "$BATS_TEST_TMPDIR/journal"
	recorded REMOTEFS_EVENT=denied REMOTEFS_ERRNO=EPERM REMOTEFS_UID=1000
}

count_records() { grep -c "|REMOTEFS_EVENT=$1|" "$BATS_TEST_TMPDIR/journal"; }

# bats test_tags=P8,Z3
@test "a flood of denials is cut short and counted, and hides nothing that was done" {
	set_yama 0
	start_source mine as_user 1000 "$PROGS/a-source" 4
	listen
	run -0 as_user 1000 python3 -c 'if 1:
		import os, sys
		ctl = os.open(sys.argv[1], os.O_RDWR)
		for n in range(600):
			try:
				# No denial: it is malformed.
				if n % 20 == 0:
					os.write(ctl, b"revoke 1/map-0 now")
			except OSError:
				pass
			try:
				os.write(ctl, b"add %s heap" % sys.argv[2].encode())
			except OSError:
				pass
		os.write(ctl, b"add %s heap" % sys.argv[3].encode())
	' "$D/ctl" "$s_pid" "$mine_pid"
	# This came last.
	retry 50 0.1 recorded REMOTEFS_EVENT=create "REMOTEFS_FILE=$mine_pid/map-0"
	[ "$(count_records denied)" -ge 99 ]
	[ "$(count_records denied)" -lt 590 ]
	suppressed() { ask_as 1000 "add $s_pid heap" >/dev/null || grep -q 'REMOTEFS_SUPPRESSED=[0-9]' "$BATS_TEST_TMPDIR/journal"; }
	retry 50 0.2 suppressed
}

# bats test_tags=P8
@test "without a journal the record goes to standard error, with the same fields" {
	ask "add $s_pid $(pages "$s_address" 1)"
	run -0 grep "add: $s_pid/map-0" "$BATS_TEST_TMPDIR/background.out"
	[[ $output == "<5>remotefsd: "*"EVENT=\"create\""*"SOURCE_PID=\"$s_pid\""*"RANGE=\"$(pages "$s_address" 1) ro\""* ]]
}

# bats test_tags=P8
@test "a syslogd that does not keep up does not stop the daemon" {
	[ ! -e /dev/log ]
	python3 -uc 'if 1:
		import signal, socket
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind("/dev/log")
		signal.pause()
	' 3>&- &
	started+=($!)
	retry 100 0.1 test -S /dev/log
	run -0 timeout 60 bash -c 'for i in {1..40}; do : <"$1"; done' bash "$D/ctl"
	run -0 timeout 60 cat "$D/version"
	rm /dev/log
}
