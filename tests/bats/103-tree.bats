#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The daemon's tree beside its control files: sums, map files by number and by
# address, and the core.
#
# seconds: 150
# not on debug in a whole run: about programs of user land
# not on bookworm in a whole run: nor does it depend on the kernel's version
# not on forky in a whole run: nor does it depend on the kernel's version

# Single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
bats_require_minimum_version 1.5.0
load admin

# value FILE NAME: of a line "NAME: VALUE"
value() { sed -n "s/^$2: //p" "$1"; }

# names DIRECTORY NAME...: it holds these, in the order of their bytes
names() { [ "$(LC_ALL=C ls "$1")" = "$(printf '%s\n' "${@:2}")" ]; }

# bats test_tags=U2
@test "every file of the tree is there, and belongs to what it is about" {
	ask "add $s_pid $(pages "$s_address" 2)"
	ask "add $s_pid as"
	names "$D" "$s_pid" ctl events ranges stats version
	names "$D/$s_pid" as by-addr core ctl map-0 maps status
	names "$D/$s_pid/as" ctl events info
	[ "$(stat -c '%a %F' "$D/$s_pid/map-0/ctl")" = "666 regular empty file" ]
	run -0 "$PROGS/a-ask" "$D/$s_pid/map-0/ctl" "revoke $s_pid/map-0"
	[ ! -e "$D/$s_pid/map-0" ]
	[ ! -e "$D/$s_pid/map-1" ]
	[ -e "$D/$s_pid/as" ]
}

# bats test_tags=U2
@test "info tells of a map file what the call of that name does" {
	range=$(pages "$s_address" 2)
	ask "add $s_pid $range rw owner=1000:1000"
	ask "lock $s_pid/map-0"
	exec {file}<"$M/$s_pid/map-0"
	info=$BATS_TEST_TMPDIR/info
	cat "$D/$s_pid/map-0/info" >"$info"
	cat "$info"
	[ "$(value "$info" file)" = "$s_pid/map-0" ]
	[ "$(value "$info" owner) $(value "$info" mode) $(value "$info" bytes)" = "1000:1000 0600 8192" ]
	[ "$(value "$info" locked) $(value "$info" viewers) $(value "$info" mirrors)" = "yes 1 0" ]
	[ "$(value "$info" range)" = "$range rw 0x0 0" ]
	exec {file}<&-
	run -0 as_user 1000 cat "$D/$s_pid/map-0/info"
	run -1 as_user 1001 cat "$D/$s_pid/map-0/info"
}

# bats test_tags=U2
@test "stats adds up what its reader may know of" {
	ask "add $s_pid $(pages "$s_address" 2)"
	ask "add $s_pid $(pages "$s_address" 1) owner=1000:1000"
	run ask "add $s_pid nonsense"
	stats=$BATS_TEST_TMPDIR/stats
	cat "$D/stats" >"$stats"
	cat "$stats"
	[ "$(value "$stats" processes) $(value "$stats" files) $(value "$stats" ranges)" = "1 2 2" ]
	[ "$(value "$stats" bytes) $(value "$stats" viewers)" = "12288 0" ]
	[ "$(value "$stats" commands) $(value "$stats" failures)" = "3 1" ]
	as_user 1000 cat "$D/stats" >"$stats"
	[ "$(value "$stats" files) $(value "$stats" bytes)" = "1 4096" ]
}

# bats test_tags=U2,U5
@test "by-addr has links to the map files, by the addresses and names of their memory" {
	range=$(pages "$s_address" 2)
	ask "add $s_pid heap"
	ask "add $s_pid stack"
	ask "add $s_pid $range owner=1000:1000"
	run -0 ls "$D/$s_pid/by-addr"
	[ "${#lines[@]}" = 3 ]
	[[ $output == *-heap* && $output == *-stack* && $output == *"$range-anon"* ]]
	[ "$(readlink "$D/$s_pid/by-addr/$range-anon")" = "$M/$s_pid/map-2" ]
	[ "$(readlink "$D/$s_pid/by-addr/$range")" = "$M/$s_pid/map-2" ]
	grep -qa "heap of $s_pid" "$D/$s_pid"/by-addr/*-heap
	[ ! -e "$D/$s_pid/by-addr/0x1000-0x2000-anon" ]
	# Addresses are for those who may know them.
	run -0 as_user 1000 ls "$D/$s_pid/by-addr"
	[ "$output" = "$range-memory" ]
	run -2 as_user 1001 ls "$D/$s_pid/by-addr/$range"
	[ -z "$(as_user 1001 ls "$D/$s_pid/by-addr")" ]
}

# bats test_tags=U2
@test "label= names files for people, in by-addr, and is there when the daemon comes again" {
	range=$(pages "$s_address" 2)
	run -0 ask "add $s_pid $range label=session-keys"
	run -0 ls "$D/$s_pid/by-addr"
	[ "$output" = "$range-session-keys" ]
	[ "$(readlink "$D/$s_pid/by-addr/$range-session-keys")" = "$M/$s_pid/map-0" ]
	run -0 ask "add $s_pid all label=db"
	run -0 ls "$D/$s_pid/by-addr"
	[ "$(grep -c -- '-db$' <<<"$output")" = $((${#lines[@]} - 1)) ]
	# As no other user, and by any other program.
	[ "$(getfattr --absolute-names --only-values -n user.remotefs.label "$M/$s_pid/map-1")" = db ]
	kill "$daemon"
	wait "$daemon" || true
	start_daemon
	[ -e "$D/$s_pid/by-addr/$range-session-keys" ]
	# What cannot be labelled is not made.
	before=$(count_files "$s_pid")
	says EINVAL "a label has 1 to 63 characters" "add $s_pid heap label=a/b"
	[ "$(count_files "$s_pid")" = "$before" ]
}

# meddle INJECTION: from now on, with the daemon's attempts to label
meddle() {
	log=$BATS_TEST_TMPDIR/calls
	background strace -f -qq -o "$log" -e trace=lsetxattr -e inject="lsetxattr:$1" -p "$daemon"
	retry 200 0.05 grep -q '^TracerPid:.[1-9]' "/proc/$daemon/status"
}

# bats test_tags=U2,U4
@test "what cannot be labelled is not there either" {
	meddle error=ENOMEM:when=2+
	says ENOMEM "label=: " "add $s_pid all label=db"
	[ "$(grep -c lsetxattr "$log")" = 2 ]
	[ ! -e "$M/$s_pid" ]
}

# bats test_tags=U2,U4,U11,P5
@test "a command that is not done yet when its process calls execve touches no file of the next program" {
	meddle signal=SIGSTOP:when=1
	"$PROGS/a-ask" "$D/ctl" "add $s_pid all label=old" >"$BATS_TEST_TMPDIR/answer" 2>&1 3>&- &
	asker=$!
	retry 200 0.05 grep -q 'stopped by SIGSTOP' "$log"
	worker=$(awk '/stopped by/ { print $1; exit }' "$log")
	tell s exec
	retry 200 0.05 test ! -e "$M/$s_pid"
	run -0 ask "add $s_pid all"
	kill -CONT "$worker"
	status=0
	wait "$asker" || status=$?
	[ "$status" = 1 ]
	grep -q "error: ENOENT: a map file was taken away meanwhile" "$BATS_TEST_TMPDIR/answer"
	[ "$(count_files "$s_pid")" = $((${#lines[@]} - 1)) ]
	[ -z "$(getfattr --absolute-names -R -d "$M/$s_pid")" ]
}

# bats test_tags=U2,U3
@test "a user labels files of their own process, and relabels none" {
	start_source u as_user 1000 "$PROGS/a-source" 4
	run -0 ask_as 1000 "add $u_pid heap rw label=mine"
	file=$M/$u_pid/map-0
	[ "$(getfattr --absolute-names --only-values -n user.remotefs.label "$file")" = mine ]
	run -1 as_user 1000 setfattr -n user.remotefs.label -v other "$file"
	[[ $output == *"Operation not permitted"* ]]
}

# bats test_tags=U8
@test "the core has headers that readelf understands, and notes on files" {
	ask "add $s_pid all"
	core=$BATS_TEST_TMPDIR/core
	cp "$D/$s_pid/core" "$core"
	[ "$(stat -c %s "$D/$s_pid/core")" = "$(stat -c %s "$core")" ]
	run -0 readelf -hW "$core"
	[[ $output == *"CORE (Core file)"*"X86-64"* ]]
	run -0 readelf -lW "$core"
	[[ $output != *[Ww]arning* && $output != *[Ee]rror* ]]
	[ "$(grep -c '^  LOAD' <<<"$output")" -ge "$(grep -c ' /\|stack\|heap' "/proc/$s_pid/maps")" ]
	run -0 readelf -nW "$core"
	[[ $output == *NT_PRPSINFO* && $output == *NT_AUXV* && $output == *NT_FILE* ]]
	# The readelf of bookworm cannot print what the last one says.
	run -0 strings "$core"
	[[ $output == *"/usr/lib/remotefs-tests/a-source"* ]]
	run -0 file "$core"
	[[ $output == *"ELF 64-bit LSB core file"*"a-source"* ]]
}

# bats test_tags=U8,U5
@test "gdb opens the core, and finds in it what the process has in memory" {
	ask "add $s_pid $(pages "$s_address" 4)"
	run -0 gdb -q -batch -nx -ex "x/s $s_address" -ex "x/s $s_address + 8192" -c "$D/$s_pid/core"
	[[ $output == *'"page 0 of '"$s_pid"'\n"'* && $output == *'"page 2 of '"$s_pid"'\n"'* ]]
	# What was not exposed is not in it.
	heap=$(awk '/heap/ { print "0x" substr($1, 1, index($1, "-") - 1) }' "/proc/$s_pid/maps")
	run -0 gdb -q -batch -nx -ex "x/s $heap" -c "$D/$s_pid/core"
	[[ $output == *"Cannot access memory"* ]]
}

# bats test_tags=U8
@test "a core of the whole address space holds every byte of its anonymous memory" {
	ask "add $s_pid as"
	core=$BATS_TEST_TMPDIR/core
	timeout 60 cp --sparse=always "$D/$s_pid/core" "$core"
	run -0 timeout 60 python3 - "$s_pid" "$M/$s_pid/as" "$core" "$s_address" <<-'END'
		import struct, sys
		pid, memory, core, address = sys.argv[1], open(sys.argv[2], "rb", 0), open(sys.argv[3], "rb"), int(sys.argv[4], 16)
		header = core.read(64)
		start, number = struct.unpack_from("<Q", header, 32)[0], struct.unpack_from("<H", header, 56)[0]
		compared, seen = 0, False
		for i in range(number):
		    core.seek(start + 56 * i)
		    kind, flags, offset, at, _, length, _, _ = struct.unpack("<IIQQQQQQ", core.read(56))
		    seen |= kind == 1 and at <= address < at + length
		    # Its stack is where it waits, and the rest stands still.
		    if kind == 1 and length:
		        core.seek(offset)
		        memory.seek(at)
		        assert core.read(length) == memory.read(length), hex(at)
		        compared += 1
		print(compared, seen)
	END
	[[ $output =~ ^[0-9]+\ True$ && ${output% *} -ge 5 ]]
}

# bats test_tags=U8,U3
@test "the core has what its reader may read of the map files, and no more" {
	set_yama 0
	start_source mine as_user 1000 "$PROGS/a-source" 4
	ask "add $mine_pid heap"
	ask "add $mine_pid $(pages "$mine_address" 4) owner=1000:1000"
	run -0 as_user 1000 grep -ac "page 3 of $mine_pid" "$D/$mine_pid/core"
	run -1 as_user 1000 grep -ac "heap of $mine_pid" "$D/$mine_pid/core"
	run -0 grep -ac "heap of $mine_pid" "$D/$mine_pid/core"
	run -1 as_user 1001 cat "$D/$mine_pid/core"
	[[ $output == *"Permission denied"* ]]
	[ "$(as_user 1001 stat -c %s "$D/$mine_pid/core")" = 0 ]
	# Who may read a map file, but not the process's mappings, sees its memory alone.
	ask "add $mine_pid $(pages "$mine_address" 2) owner=1001:1001"
	run -0 as_user 1001 gdb -q -batch -nx -ex "x/s $mine_address" -c "$D/$mine_pid/core"
	[[ $output == *'"page 0 of '* ]]
	# Neither by way of a sandbox, nor past a directory that is closed to them.
	run -1 setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs cat "$D/$mine_pid/core"
	chmod 0700 "$M"
	run -1 as_user 1000 cat "$D/$mine_pid/core"
}

# bats test_tags=U8,Z4
@test "whoever reads a core of memory that never comes can be killed" {
	mkfifo "$BATS_TEST_TMPDIR/to" "$BATS_TEST_TMPDIR/from"
	# What it is told stays open, or it would end.
	exec 6<>"$BATS_TEST_TMPDIR/to" {from}<>"$BATS_TEST_TMPDIR/from"
	"$PROGS/m-withhold" <"$BATS_TEST_TMPDIR/to" >"$BATS_TEST_TMPDIR/from" 3>&- &
	pid=$!
	read -r -t 60 at keeper <&"$from"
	started+=("$pid" "$keeper")
	ask "add $pid $(pages "$at" 2)"
	background cat "$D/$pid/core"
	reader=$background_pid
	retry 100 0.1 grep -q fuse "/proc/$reader/stack"
	kill -KILL "$reader"
	gone() { [ ! -e "/proc/$reader" ] || grep -q '^State:.Z' "/proc/$reader/status"; }
	retry 50 0.1 gone
	# The daemon goes on, and nothing of the reader is left in it.
	run -0 cat "$D/version"
	no_children() { [ "$(pgrep -cP "$daemon")" = 0 ]; }
	retry 50 0.1 no_children
}
