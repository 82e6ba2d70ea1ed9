#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The daemon: commands as text, answers from the same open file, and the
# requester's rights.
#
# seconds: 320
# not on debug in a whole run: about programs of user land, for which that kernel takes ten minutes
# not on trixie in a whole run: 101 to 109 have the rest of the daemon there
# not on forky in a whole run: bookworm has the oldest libfuse; 105 starts it everywhere

# What start_source sets is not seen by shellcheck; single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
bats_require_minimum_version 1.5.0
load admin

# bats test_tags=U2
@test "add heap and add stack show what the kernel calls so" {
	run -0 ask "add $s_pid heap"
	[ "${#lines[@]}" = 2 ]
	grep -qa "^heap of $s_pid" "$M/${lines[1]}" || grep -qa "heap of $s_pid" "$M/${lines[1]}"
	run -0 ask "add $s_pid stack"
	[ "${#lines[@]}" = 2 ]
	grep -qa "stack of $s_pid" "$M/${lines[1]}"
}

# bats test_tags=U2
@test "add anon shows the other anonymous memory, add all everything" {
	run -0 ask "add $s_pid anon"
	[ "$(grep -la "page 3 of $s_pid" "$M/$s_pid"/* | wc -l)" = 1 ]
	run -1 grep -la "heap of $s_pid" "$M/$s_pid"/*
	anon=$(count_files "$s_pid")
	run -0 ask "add $s_pid all"
	[ $((${#lines[@]} - 1)) = $((anon + 2)) ]
}

# bats test_tags=U2,C12
@test "add as exports the whole address space as one file" {
	run -0 ask "add $s_pid as"
	[ "${lines[1]}" = "$s_pid/as" ]
	run -0 call file "$M/$s_pid/as" r pread "$((s_address + 4096))"
	[ "${lines[1]}" = "pread OK page 1 of $s_pid" ]
	run -1 ask "add $s_pid as"
	[ "${lines[0]}" = EEXIST ]
}

# bats test_tags=U2
@test "rw makes a file that is written through to the process" {
	run -0 ask "add $s_pid $(pages "$s_address" 1) rw"
	[ "$(stat -c %a "$M/${lines[1]}")" = 600 ]
	printf 'through the file\n' | dd of="$M/${lines[1]}" conv=notrunc status=none
	[ "$(tell s 'print 0')" = "through the file" ]
}

# bats test_tags=U2
@test "owner= and mode= say whose the files are" {
	run -0 ask "add $s_pid $(pages "$s_address" 1) owner=1000:daemon mode=0440"
	[ "$(stat -c '%u %g %a' "$M/${lines[1]}")" = "1000 1 440" ]
	run -0 as_user 1000 cat "$M/${lines[1]}"
	run -1 ask "add $s_pid heap owner=nosuchuser:0"
	[[ ${lines[1]} == "error: EINVAL: there is no user 'nosuchuser'" ]]
}

# A viewer to talk to: what it is told, and what it answers.
start_viewer() {
	mkfifo "$BATS_TEST_TMPDIR/to" "$BATS_TEST_TMPDIR/from"
	exec {to}<>"$BATS_TEST_TMPDIR/to" {from}<>"$BATS_TEST_TMPDIR/from"
	"$PROGS/m-viewer" <"$BATS_TEST_TMPDIR/to" >"$BATS_TEST_TMPDIR/from" 3>&- &
	started+=($!)
}

view() {
	local answer
	echo "$*" >&"$to"
	read -r -t 60 answer <&"$from"
	echo "$answer"
}

absent() { [ ! -e "$1" ]; }

# bats test_tags=U2,L1
@test "with onexit=zero a mapping shows zeros once the process has exited" {
	run -0 ask "add $s_pid $(pages "$s_address" 1) onexit=zero"
	file=$M/${lines[1]}
	start_viewer
	[ "$(view "open $file r")" = ok ]
	at=$(view "mirror 4096 r s")
	[ "$(view "load $at")" = p ]
	kill -9 "$s_pid"
	retry 100 0.1 absent "$file"
	# Its name goes before its pages do.
	zeros() { [ "$(view "load $at")" = 00 ]; }
	retry 100 0.1 zeros
}

# bats test_tags=U2,C6
@test "a malformed command gets EINVAL and a sentence, and changes nothing" {
	ask "add $s_pid heap"
	before=$(snapshot)
	says EINVAL "an empty command" ''$'\n'
	says EINVAL "'frobnicate' is not a command" "frobnicate 1"
	says EINVAL "usage: add PID WHAT" "add $s_pid"
	says EINVAL "'0x12' is not a PID" "add 0x12 heap"
	says EINVAL "'-1' is not a PID" "add -1 heap"
	says EINVAL "'0' is not a PID" "add 0 heap"
	says EINVAL "'99999999999' is not a PID" "add 99999999999 heap"
	says EINVAL "is not memory that can be named" "add $s_pid everything"
	says EINVAL "empty or runs backwards" "add $s_pid 0x2000-0x1000"
	says EINVAL "empty or runs backwards" "add $s_pid 0x1000-0x1000"
	says EINVAL "whole pages" "add $s_pid 0x1000-0x1001"
	says EINVAL "0xSTART-0xEND" "add $s_pid 0x1000-2000"
	says EINVAL "0xSTART-0xEND" "add $s_pid 0x1000-0x10000000000000000"
	says EINVAL "[anon:NAME]" "add $s_pid [anon:]"
	says EINVAL "said twice" "add $s_pid heap ro rw"
	[ "$(snapshot)" = "$before" ]
}

# bats test_tags=U2,C6
@test "malformed options get EINVAL or EOPNOTSUPP and a sentence, and change nothing" {
	ask "add $s_pid heap"
	before=$(snapshot)
	says EINVAL "has no meaning here" "add $s_pid heap please"
	says EINVAL "octal" "add $s_pid heap mode=600"
	says EINVAL "within 0666" "add $s_pid heap mode=0777"
	says EINVAL "USER:GROUP" "add $s_pid heap owner=root"
	says EINVAL "bus or zero" "add $s_pid heap onexit=explode"
	says EINVAL "not a file descriptor" "add $s_pid heap fd=three"
	says EINVAL "one line" "add $s_pid heap"$'\n'"revoke all"
	says EINVAL "printable" "add $s_pid heap"$'\001'
	says EINVAL "usage: revoke" "revoke"
	says EINVAL "is not the name of a map file" "revoke $s_pid/map-00"
	says EINVAL "usage: allow" "allow $s_pid 0x1000-0x2000 rw"
	says EINVAL "allow can only say rw" "allow $s_pid/map-0 0x1000-0x2000 ro"
	says EINVAL "usage: watch" "watch $s_pid"
	[ "$(snapshot)" = "$before" ]
}

# bats test_tags=U2,C8
@test "what cannot be done gets its errno and a sentence, and changes nothing" {
	ask "add $s_pid heap"
	before=$(snapshot)
	says ESRCH "there is no process 4194303" "add 4194303 heap"
	says EFAULT "anonymous" "add $s_pid 0x10000-0x20000"
	says EFAULT "anonymous" "add $s_pid 0x10000-0x7fffffff0000"
	says ENOENT "has no such memory" "add $s_pid [anon:no such name]"
	says ENOENT "no such map file" "revoke $s_pid/map-7"
	says ENOENT "no such map file" "revoke 1"
	says ENOENT "no such map file" "allow $s_pid/map-7 0x1000-0x2000 rw"
	says ENOENT "does not show these addresses" "allow $s_pid/map-0 0x1000-0x2000 rw"
	[ "$(snapshot)" = "$before" ]
}

# bats test_tags=U2,C6
@test "an add that meets a limit half way leaves nothing behind" {
	mount -o remount,max_maps=2 "$M"
	run -1 ask "add $s_pid all"
	[[ ${lines[0]} == ENOSPC && ${lines[1]} == "error: ENOSPC: a limit of the mount"* ]]
	[ ! -e "$M/$s_pid" ]
	run -0 ask "add $s_pid heap"
	run -1 ask "add $s_pid all"
	[ "$(count_files "$s_pid")" = 1 ]
}

# bats test_tags=U2
@test "revoke takes a file, a process or everything back" {
	ask "add $s_pid all"
	run -0 ask "revoke $s_pid/map-0"
	[ "${lines[1]}" = "$s_pid/map-0" ]
	[ ! -e "$M/$s_pid/map-0" ]
	[ -e "$M/$s_pid/map-1" ]
	run -0 ask "revoke $s_pid"
	[ ! -e "$M/$s_pid" ]
	ask "add $s_pid heap"
	run -0 ask "revoke all"
	[ -z "$(ls "$M/$s_pid" 2>/dev/null)" ]
}

# bats test_tags=U2,X8
@test "allow makes pages of a whole address space writable, and only these" {
	ask "add $s_pid as"
	run -0 ask "allow $s_pid/as $(pages "$s_address + 4096" 1) rw"
	run -1 call file "$M/$s_pid/as" rw pwrite "$((s_address + 4096))" new pwrite "$s_address" new
	[ "${lines[*]}" = "file OK pwrite OK pwrite EACCES" ]
	run -1 ask "allow $s_pid/as $(pages "$s_address" 2) rw"
	[[ ${lines[1]} == "error: EEXIST: "* ]]
}

# bats test_tags=U3,P1
@test "one's own process is exposed, and the files are one's own" {
	set_yama 0
	start_source mine as_user 1000 "$PROGS/a-source" 4
	run -0 ask_as 1000 "add $mine_pid heap rw"
	[ "$(stat -c '%u:%g %a' "$M/${lines[1]}")" = "1000:1000 600" ]
	run -1 ask_as 1000 "add $mine_pid heap owner=1001:1001"
	[ "${lines[0]}" = EPERM ]
	start_source hidden as_user 1000 "$PROGS/a-source" 4 nodump
	run -1 ask_as 1000 "add $hidden_pid heap"
	[ "${lines[0]}" = EACCES ]
}

# bats test_tags=U3,C10
@test "an exclusive session keeps out who asks the daemon, unless that is the administrator" {
	set_yama 0
	start_source mine as_user 1000 "$PROGS/a-source" 4
	background call control "$M/control" mem "$mine_pid" r attach flags=2 hold
	retry 100 0.05 grep -q "attach OK" "$BATS_TEST_TMPDIR/background.out"
	run -1 ask_as 1000 "add $mine_pid heap"
	[[ $output == EEXIST$'\n'"error: EEXIST: "*exclusive* ]]
	run -0 ask "add $mine_pid heap owner=1000:1000"
	# To be told of its memory takes a session as well.
	run -1 as_user 1000 timeout 30 head -c 1 "$D/$mine_pid/map-0/events"
	[[ $output == *"File exists" ]]
	kill -KILL "$background_pid"
	retry 100 0.05 ask_as 1000 "add $mine_pid stack"
}

# bats test_tags=U3
@test "with ptrace_scope 1 the daemon denies, unless the descriptor is handed over" {
	requires yama
	set_yama 0
	start_source mine as_user 1000 "$PROGS/a-source" 4
	exec {mem}<"/proc/$mine_pid/mem"
	set_yama 1
	run -1 ask_as 1000 "add $mine_pid heap"
	[[ ${lines[1]} == "error: EACCES: kernel.yama.ptrace_scope"*"fd=N" ]]
	run -0 ask_as 1000 "add $mine_pid heap fd=$mem"
	[ "$(stat -c '%u' "$M/${lines[1]}")" = 1000 ]
	run -1 ask_as 1000 "add $mine_pid heap rw fd=$mem"
	[ "${lines[0]}" = EACCES ]
}

# bats test_tags=U3,C9
@test "a descriptor that is handed over must be the memory of that very process" {
	start_source mine as_user 1000 "$PROGS/a-source" 4
	run -1 ask_as 1000 "add $mine_pid heap fd=9" /proc/self/mem
	[[ ${lines[0]} == ESRCH && ${lines[1]} == *"does not show the memory of process $mine_pid" ]]
	run -1 ask_as 1000 "add $mine_pid heap fd=9" /etc/passwd
	[[ ${lines[0]} == EINVAL && ${lines[1]} == *"is not a /proc/PID/mem" ]]
	run -1 ask_as 1000 "add $mine_pid heap fd=77"
	[ "${lines[0]}" = EBADF ]
	[ "$(ls "$M")" = control ]
}

# bats test_tags=U3
@test "nobody revokes or widens another user's files" {
	start_source mine as_user 1000 "$PROGS/a-source" 4
	ask "add $mine_pid heap"
	ask "add $mine_pid stack owner=1000:1000"
	run -1 ask_as 1000 "revoke $mine_pid/map-0"
	[[ ${lines[0]} == EPERM && ${lines[1]} == *"belongs to another user" ]]
	run -1 ask_as 1000 "revoke $mine_pid"
	run -1 ask_as 1000 "allow $mine_pid/map-0 0x1000-0x2000 rw"
	[ "${lines[0]}" = EPERM ]
	[ "$(count_files "$mine_pid")" = 2 ]
	run -0 ask_as 1000 "revoke all"
	[ "$(ls "$M/$mine_pid")" = map-0 ]
}

# bats test_tags=U3
@test "a sandbox and another user namespace are denied" {
	set_yama 0
	start_source mine as_user 1000 "$PROGS/a-source" 4
	run -1 setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs "$PROGS/a-ask" "$D/ctl" "add $mine_pid heap"
	[[ ${lines[1]} == "error: EACCES: you are in a sandbox"* ]]
	run -1 as_user 1000 unshare --user --map-root-user "$PROGS/a-ask" "$D/ctl" "add $mine_pid heap"
	[[ ${lines[0]} == EACCES || ${lines[0]} == EOVERFLOW ]]
	[ "$(ls "$M")" = control ]
}

# bats test_tags=U11
@test "a set-user-ID program that prints to an inherited control file does nothing" {
	install -m 4755 "$PROGS/a-ask" "$BATS_TEST_TMPDIR/setuid-ask"
	run -1 as_user 1000 bash -c 'exec 3<>"$1" && "$2" - "add $3 heap"' bash "$D/ctl" "$BATS_TEST_TMPDIR/setuid-ask" "$s_pid"
	[ "${lines[0]}" = EPERM ]
	[ "$(ls "$M")" = control ]
	run -0 bash -c 'exec 3<>"$1" && "$2" - "add $3 heap"' bash "$D/ctl" "$PROGS/a-ask" "$s_pid"
}

# bats test_tags=U2
@test "ranges lists what its reader may know of" {
	ask "add $s_pid $(pages "$s_address" 4)"
	ask "add $s_pid $(pages "$s_address" 1) rw owner=1000:1000"
	run -0 cat "$D/ranges"
	[ "${lines[0]}" = "$s_pid/map-0 $(pages "$s_address" 4) ro 0x0 0:0 0400 0" ]
	[ "${lines[1]}" = "$s_pid/map-1 $(pages "$s_address" 1) rw 0x0 1000:1000 0600 0" ]
	run -0 as_user 1000 cat "$D/ranges"
	[ "${#lines[@]}" = 1 ]
	[[ $output == "$s_pid/map-1 "* ]]
}

# bats test_tags=U2
@test "version, status and maps tell what there is" {
	run -0 cat "$D/version"
	[[ ${lines[0]} =~ ^remotefsd\ [0-9.]+$ ]]
	[[ ${lines[1]} =~ ^"features: write whole "(pmd )?"zero lock session watch remote "(nohuge )?"area label"$ ]]
	ask "add $s_pid $(pages "$s_address" 4)"
	run -0 cat "$D/$s_pid/status"
	[ "${lines[*]}" = "pid: $s_pid name: a-source files: 1 bytes: 16384" ]
	run -0 cat "$D/$s_pid/maps"
	[[ $output == *"$(pages "$s_address" 4) rw-p map-0"* ]]
	[[ $output == *" file /"*"a-source"* && $output == *"not-exposed [heap]"* && $output == *"special [vdso]"* ]]
	run -1 as_user 1000 cat "$D/$s_pid/maps"
	run -1 cat "$D/1/status"
}

# bats test_tags=U2
@test "a process's own ctl takes the same commands, and goes with the process" {
	ask "add $s_pid heap"
	run -0 "$PROGS/a-ask" "$D/$s_pid/ctl" "add $s_pid stack"
	[ "${lines[1]}" = "$s_pid/map-1" ]
	kill -KILL "$s_pid" && wait "$s_pid" 2>/dev/null || true
	retry 100 0.05 test ! -e "$D/$s_pid"
}

# bats test_tags=U4
@test "grants outlive a daemon that is killed, and a new one finds them" {
	ask "add $s_pid $(pages "$s_address" 4)"
	exec {file}<"$M/$s_pid/map-0"
	kill -KILL "$daemon"
	wait "$daemon" || true
	read -r line <&"$file"
	exec {file}<&-
	[ "$line" = "page 0 of $s_pid" ]
	start_daemon
	run -0 cat "$D/ranges"
	[[ $output == "$s_pid/map-0 "* ]]
	run -0 ask "revoke $s_pid/map-0"
	[ ! -e "$M/$s_pid/map-0" ]
}

# A process with 300 anonymous mappings, of which each second one can be written.
start_patchwork() {
	mkfifo "$BATS_TEST_TMPDIR/ask" "$BATS_TEST_TMPDIR/answers"
	exec {ask}<>"$BATS_TEST_TMPDIR/ask" {answers}<>"$BATS_TEST_TMPDIR/answers"
	"$PROGS/m-source" <"$BATS_TEST_TMPDIR/ask" >"$BATS_TEST_TMPDIR/answers" 3>&- &
	patchwork=$!
	started+=("$patchwork")
	echo "map 300" >&"$ask" && read -r -t 60 at <&"$answers"
	for page in {0..299..2}; do
		echo "protect $((at + page * 4096)) 4096 r" >&"$ask" && read -r -t 60 _ <&"$answers"
	done
}

# bats test_tags=U4
@test "a daemon that is killed while it adds files leaves all of them or none" {
	start_patchwork
	run -0 ask "add $patchwork anon"
	all=$(count_files "$patchwork")
	[ "$all" -ge 300 ]
	kept=0
	for moment in 1 2 3 4 5 6; do
		ask "revoke all" >/dev/null
		background ask "add $patchwork anon"
		# Once at the start, and at later ones of its work.
		files_are_there() { [ "$(count_files "$patchwork" 2>/dev/null || echo 0)" -ge $((moment * 40 - 40)) ]; }
		retry 400 0.005 files_are_there
		kill -KILL "$daemon"
		wait "$daemon" "$background_pid" 2>/dev/null || true
		start_daemon
		settled() { [ "$(pgrep -c remotefsd)" = 1 ]; }
		retry 200 0.05 settled
		count=$(count_files "$patchwork" 2>/dev/null || echo 0)
		echo "killed at $((moment * 40 - 40)) files or more: $count are there"
		[ "$count" = 0 ] || [ "$count" = "$all" ]
		kept=$((kept + (count > 0)))
		[ "$(wc -l <"$D/ranges")" = "$count" ]
	done
	# In some cases at least there was something to finish.
	[ "$kept" -gt 0 ]
}

# bats test_tags=U2
@test "the daemon says when it is ready, and when it stops" {
	mkdir "$BATS_TEST_TMPDIR/second"
	run -0 timeout 60 python3 -c 'if 1:
		import os, socket, subprocess, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		d = subprocess.Popen(["remotefsd", "--data=" + sys.argv[2], "--mount=" + sys.argv[3]],
		                     env=dict(os.environ, NOTIFY_SOCKET=sys.argv[1]), stderr=subprocess.DEVNULL)
		print(s.recv(100).decode(), os.path.exists(sys.argv[3] + "/version"))
		d.terminate()
		print(s.recv(100).decode(), d.wait())
	' "$BATS_TEST_TMPDIR/socket" "$M" "$BATS_TEST_TMPDIR/second" 3>&-
	[ "$output" = "READY=1 True"$'\n'"STOPPING=1 0" ]
	[[ $(test_mounts) != *second* ]]
}

# bats test_tags=U2
@test "the daemon's own command line follows the conventions" {
	run -0 remotefsd --help
	[[ ${lines[0]} == Usage:* ]]
	run -0 remotefsd --version
	run -1 remotefsd --frobnicate
	[[ $output == *"Try 'remotefsd --help'"* ]]
	run -1 remotefsd --data=/proc --mount="$BATS_TEST_TMPDIR/none"
	[[ $output == *"remotefsd: "*"/proc"* ]]
	run -1 remotefsd --data=/nonexistent --mount="$BATS_TEST_TMPDIR/none"
}
