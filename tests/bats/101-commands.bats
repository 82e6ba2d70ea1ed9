#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The daemon's commands on map files that exist, which do as text what the calls
# of the binary interface do.
#
# seconds: 150
# not on debug in a whole run: about programs of user land
# not on bookworm in a whole run: nor does it depend on the kernel's version
# not on forky in a whole run: nor does it depend on the kernel's version

# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
load admin

# bats test_tags=U2
@test "help answers with the grammar, to anybody" {
	run -0 ask_as 1000 help
	[[ ${lines[1]} == "add PID WHAT "* && $output == *"FILE: PID/map-N | PID/as"* ]]
	# Nothing that it names is unknown.
	mapfile -t verbs < <(awk 'NR > 1 && /^$/ { exit } NR > 1 { print $1 }' <<<"$output")
	[ ${#verbs[@]} -ge 8 ]
	for verb in "${verbs[@]}"; do
		run ask "$verb"
		[[ $output != *"is not a command"* && $output != *"not in this release"* ]]
	done
}

# bats test_tags=U2,C5
@test "a locked file takes no more changes, and still can be revoked" {
	ask "add $s_pid $(pages "$s_address" 2)"
	ask "add $s_pid $(pages "$s_address" 1)"
	run -0 ask "lock $s_pid/map-0"
	[ "${lines[1]}" = "$s_pid/map-0" ]
	says EPERM "locked" "allow $s_pid/map-0 $(pages "$s_address" 1) rw"
	says EPERM "locked" "unmap $s_pid/map-0 $(pages "$s_address" 2)"
	says EPERM "locked" "add $s_pid $(pages "$s_address" 1) into=map-0 at=0x2000"
	run -0 ask "allow $s_pid/map-1 $(pages "$s_address" 1) rw"
	run -0 ask "lock $s_pid"
	[ "${#lines[@]}" = 3 ]
	says EPERM "locked" "unmap $s_pid/map-1 $(pages "$s_address" 1)"
	run -0 ask "revoke $s_pid"
}

# bats test_tags=U2,U11,B5
@test "state sets what programs keep of a file, for administrators and not for its owner" {
	ask "add $s_pid $(pages "$s_address" 1) owner=1000:1000 label=counted"
	info=$D/$s_pid/map-0/info
	grep -qx 'state: 0 0 0 0 0 0 0 0' "$info"
	grep -qx 'label: counted' "$info"
	ask "lock $s_pid/map-0"
	run -0 ask "state $s_pid/map-0 0=1000 7=0xffffffffffffffff"
	[ "${lines[1]}" = "$s_pid/map-0" ]
	run -0 ask "state $s_pid/map-0 1=5 0=7"
	grep -qx 'state: 7 5 0 0 0 0 0 18446744073709551615' "$info"
	run -1 ask_as 1000 "state $s_pid/map-0 0=0"
	[[ $output == *"error: EPERM: to change the state of $s_pid/map-0 takes CAP_SYS_ADMIN"* ]]
	says EINVAL "N is at most 7" "state $s_pid/map-0 8=1"
	says ENOENT "no such map file" "state $s_pid/map-7 0=1"
	grep -qx 'state: 7 5 0 0 0 0 0 18446744073709551615' "$info"
}

# bats test_tags=U2
@test "into= and at= place a range in a file that exists, and unmap takes it out" {
	ask "add $s_pid $(pages "$s_address" 1)"
	run -0 ask "add $s_pid $(pages "$s_address + 8192" 1) into=map-0 at=0x1000 rw"
	[ "${lines[1]}" = "$s_pid/map-0" ]
	run -0 dd if="$M/$s_pid/map-0" bs=4096 skip=1 count=1 status=none
	[ "${lines[0]}" = "page 2 of $s_pid" ]
	says EEXIST "at that offset" "add $s_pid $(pages "$s_address" 1) into=map-0 at=0x1000"
	says ENOENT "no such map file" "add $s_pid $(pages "$s_address" 1) into=map-7"
	run -0 ask "unmap $s_pid/map-0 $(pages "$s_address + 8192" 1)"
	run -1 call file "$M/$s_pid/map-0" r pread 4096
	[[ $output == *"pread ESTALE"* ]]
	says ENOENT "does not show these" "unmap $s_pid/map-0 $(pages "$s_address + 8192" 1)"
	ask "add $s_pid $(pages "$s_address" 4)"
	says EINVAL "whole ranges" "unmap $s_pid/map-1 $(pages "$s_address" 1)"
}

# bats test_tags=U2,U3
@test "chmod and chown do what the owner could do, and no more" {
	set_yama 0
	start_source mine as_user 1000 "$PROGS/a-source" 4
	ask_as 1000 "add $mine_pid heap"
	ask "add $mine_pid stack"
	run -0 ask_as 1000 "chmod 0440 $mine_pid/map-0"
	[ "$(stat -c '%u %a' "$M/$mine_pid/map-0")" = "1000 440" ]
	run -1 ask_as 1000 "chmod 0444 $mine_pid"
	[ "${lines[0]}" = EPERM ]
	[ "$(stat -c %a "$M/$mine_pid/map-0")" = 440 ]
	run -1 ask_as 1000 "chown 1000:1000 $mine_pid/map-1"
	[[ ${lines[0]} == EPERM && ${lines[1]} == *"belongs to another user" ]]
	run -1 ask_as 1000 "chown 0:0 $mine_pid/map-0"
	[[ ${lines[0]} == EPERM && ${lines[1]} == *CAP_CHOWN* ]]
	run -0 ask "chown daemon:1001 $mine_pid"
	[ "$(stat -c '%u:%g' "$M/$mine_pid"/map-* | sort -u)" = 1:1001 ]
	run -0 ask "chmod 0644 $mine_pid"
	[ "$(stat -c %a "$M/$mine_pid"/map-* | sort -u)" = 644 ]
}

# bats test_tags=U3
@test "whoever has CAP_FOWNER alone cannot take another user's file" {
	ask "add $s_pid heap owner=1000:1000"
	run -1 setpriv --bounding-set=-chown,-sys_admin --inh-caps=-chown,-sys_admin "$PROGS/a-ask" "$D/ctl" "chown 0:0 $s_pid/map-0"
	[[ ${lines[0]} == EPERM && ${lines[1]} == *"belongs to another user" ]]
	run -0 setpriv --bounding-set=-chown,-sys_admin --inh-caps=-chown,-sys_admin "$PROGS/a-ask" "$D/ctl" "chmod 0440 $s_pid/map-0"
	[ "$(stat -c '%u %a' "$M/$s_pid/map-0")" = "1000 440" ]
}

# gate FILE: whoever opens it has to wait until somebody writes to the FIFO "gate"
gate() {
	mkfifo "$BATS_TEST_TMPDIR/gate"
	background python3 -uc 'if 1:
		import ctypes, os, struct, sys
		libc = ctypes.CDLL(None)
		notify = libc.fanotify_init(4, os.O_RDONLY)
		if libc.fanotify_mark(notify, 1, ctypes.c_uint64(0x10000), -100, sys.argv[1].encode()):
			sys.exit("no fanotify")
		print("ready")
		event = os.read(notify, 4096)
		print("opens")
		open(sys.argv[2]).read()
		os.write(notify, struct.pack("=iI", struct.unpack_from("=i", event, 16)[0], 1))
	' "$1" "$BATS_TEST_TMPDIR/gate"
	retry 100 0.1 grep -qE "ready|no fanotify" "$BATS_TEST_TMPDIR/background.out"
	! grep -q "no fanotify" "$BATS_TEST_TMPDIR/background.out" || skip "no fanotify here that asks"
}

nobody_serves() { ! pgrep -x remotefsd >/dev/null; }

# bats test_tags=Z4
@test "a daemon that is told to stop leaves nobody behind, whatever he waits for" {
	requires python-ctypes
	run -0 ask "add $s_pid heap"
	gate "$M/$s_pid/map-0"
	"$PROGS/a-ask" "$D/ctl" "revoke $s_pid/map-0" >"$BATS_TEST_TMPDIR/revoked" 3>&- &
	started+=($!)
	retry 100 0.1 grep -q opens "$BATS_TEST_TMPDIR/background.out"
	kill "$daemon"
	retry 300 0.1 nobody_serves
	[ -e "$M/$s_pid/map-0" ]
	echo >"$BATS_TEST_TMPDIR/gate"
}

# bats test_tags=U3,U11
@test "a command does not reach the file that has the name of the one that it was checked for" {
	requires python-ctypes
	set_yama 0
	start_source mine as_user 1000 "$PROGS/a-source" 4
	run -0 ask_as 1000 "add $mine_pid heap"
	# Whoever opens the user's file has to wait: revoke does, after its check.
	gate "$M/$mine_pid/map-0"
	as_user 1000 "$PROGS/a-ask" "$D/ctl" "revoke $mine_pid/map-0" >"$BATS_TEST_TMPDIR/revoked" 3>&- &
	revoking=$!
	retry 100 0.1 grep -q opens "$BATS_TEST_TMPDIR/background.out"
	# Meanwhile the process executes something, and root exposes that.
	echo exec >"$BATS_TEST_TMPDIR/mine.in"
	retry 100 0.1 test ! -e "$M/$mine_pid"
	run -0 ask "add $mine_pid stack"
	[ "${lines[1]}" = "$mine_pid/map-0" ]
	echo >"$BATS_TEST_TMPDIR/gate"
	wait "$revoking"
	[ -e "$M/$mine_pid/map-0" ]
}

# bats test_tags=U2,C6
@test "an add for which the daemon lacks descriptors leaves no memory exposed" {
	for memory in "$(pages "$s_address" 1)" as; do
		failed=0
		for ((n = 4; n < 40; n++)); do
			prlimit --pid "$daemon" --nofile="$n:4096"
			run ask "add $s_pid $memory"
			[ "$status" = 0 ] && break
			failed=$((failed + 1))
			# If its name could not be taken away, there is nothing behind it.
			for file in "$M/$s_pid"/*; do
				[ ! -e "$file" ] || run -1 call file "$file" r range
			done
			rm -rf "${M:?}/$s_pid"
		done
		prlimit --pid "$daemon" --nofile=4096:4096
		# It does come to an end, and there were some.
		[ "$n" -lt 40 ]
		[ "$failed" -gt 3 ]
		rm -r "${M:?}/$s_pid"
	done
}

# bats test_tags=A3
@test "one user who keeps everything open leaves the daemon to the others" {
	exec {answer}<"$D/ranges"
	run -0 as_user 1000 prlimit --nofile=4000:4000 python3 -c 'if 1:
		import errno, os, sys
		kept = []
		for name in ("", "ranges"):
			try:
				while True:
					kept.append(os.open(os.path.join(sys.argv[1], name), os.O_RDONLY))
			except OSError as e:
				print(len(kept), errno.errorcode[e.errno])
			if not name:
				for fd in kept[-8:]:
					os.close(fd)
				del kept[-8:]
	' "$D"
	[ "${lines[*]}" = "1024 EMFILE 1024 EMFILE" ]
	run -0 cat "$D/stats"
	exec {answer}<&-
}
