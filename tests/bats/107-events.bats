#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What is told in the files named events, to whom, and how it is waited for.
#
# seconds: 240
# not on debug in a whole run: about programs of user land
# not on bookworm in a whole run: nor does it depend on the kernel's version
# not on forky in a whole run: nor does it depend on the kernel's version

# Single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
bats_require_minimum_version 1.5.0
load admin

# The smallest Python has no json; there the lines are at least a Python's.
LOADS='try:
	from json import loads
except ImportError:
	loads = lambda line: eval(line, {"true": True, "false": False})
'

# follow NAME FILE [UID]: what comes out of it goes to the file NAME
follow() {
	local as=()
	[ -z "${3-}" ] || as=(as_user "$3")
	become "${as[@]}" cat "$D/$2" >"$BATS_TEST_TMPDIR/$1" 2>"$BATS_TEST_TMPDIR/$1.err" 3>&- &
	started+=($!)
	follower=$!
	retry 100 0.05 grep -q '"event":"begin"' "$BATS_TEST_TMPDIR/$1"
}

# lines NAME WORD...: the lines that have all the words; fails if there are none,
# or not yet a file, at which bash would leave the test by itself
lines() {
	local found word
	[ -e "$BATS_TEST_TMPDIR/$1" ] || return
	found=$(<"$BATS_TEST_TMPDIR/$1")
	for word in "${@:2}"; do found=$(grep -F -- "$word" <<<"$found") || return 1; done
	echo "$found"
}

# told NAME WORD...: there is a line that has all the words, or soon will be
told() {
	retry 100 0.05 lines "$@" >/dev/null || {
		echo "looked for: ${*:2}, in:"
		cat "$BATS_TEST_TMPDIR/$1"
		return 1
	}
}

# Every line is an object of its own, with a time and an event.
is_sound() {
	python3 -c "$LOADS"'if 1:
		import sys
		text = open(sys.argv[1]).read()
		assert text.endswith("\n")
		for line in text.splitlines():
			event = loads(line)
			assert isinstance(event, dict) and event["event"] and event["time"] > 1e9, line
	' "$BATS_TEST_TMPDIR/$1"
}

has_ended() { ! kill -0 "$1" 2>/dev/null; }

# page N: the address of that page of s
page() { printf '0x%x' $((s_address + $1 * 4096)); }

# bats test_tags=U2
@test "grants, changes and revokes by command are told, with who gave it and what it was" {
	follow all events
	range=$(pages "$s_address" 2)
	exec {ctl}<>"$D/ctl"
	echo "add $s_pid $range rw" >&"$ctl"
	echo "chmod 0440 $s_pid/map-0" >&"$ctl"
	echo "revoke $s_pid/map-0" >&"$ctl"
	exec {ctl}>&-
	who=("\"pid\":$s_pid," '"map":"map-0"' '"uid":0' "\"by\":$BASHPID}")
	told all '"event":"grant"' "${who[@]}" "\"start\":\"${range%-*}\",\"end\":\"${range#*-}\"" '"write":true'
	told all '"event":"change"' "${who[@]}" '"command":"chmod"'
	told all '"event":"revoke"' "${who[@]}"
	is_sound all
	[ "$(grep -c . "$BATS_TEST_TMPDIR/all")" = 4 ]
}

# bats test_tags=U2
@test "what is done past the daemon is told as well, once" {
	follow all events
	file=$(expose s "$WRITE")
	told all '"event":"grant"' "\"pid\":$s_pid," '"map":"map-0"' '"owner":0' \
		"\"start\":\"$s_address\"" '"write":true'
	rm "$file"
	told all '"event":"revoke"' "\"pid\":$s_pid," '"map":"map-0"'
	expose s 0
	expose s 0
	rm -r "${M:?}/$s_pid"
	told all '"event":"revoke"' '"map":"map-2"'
	told all '"event":"revoke"' '"map":"map-1"'
	is_sound all
	[ "$(grep -c grant "$BATS_TEST_TMPDIR/all") $(grep -c revoke "$BATS_TEST_TMPDIR/all")" = "3 3" ]
	run ! grep -E '"by"|exit|exec' "$BATS_TEST_TMPDIR/all"
}

# bats test_tags=U2,E5
@test "the end of a source is told as exit or exec, and ends the events of its map files" {
	start_source one "$PROGS/a-source" 4
	start_source two "$PROGS/a-source" 4
	ask "add $one_pid $(pages "$one_address" 1)"
	ask "add $two_pid $(pages "$two_address" 1)"
	follow all events
	follow file "$one_pid/map-0/events"
	of_file=$follower
	echo exec >&"$one_in"
	told all '"event":"exec"' "\"pid\":$one_pid}"
	told file '"event":"exec"' "\"pid\":$one_pid}"
	retry 100 0.05 has_ended "$of_file"
	kill -KILL "$two_pid"
	told all '"event":"exit"' "\"pid\":$two_pid}"
	run ! grep revoke "$BATS_TEST_TMPDIR/all"
	is_sound all
	is_sound file
	[[ $(tail -n 1 "$BATS_TEST_TMPDIR/file") == *'"event":"exec"'* ]]
}

# bats test_tags=U2,E5
@test "without a watcher exit and exec are told apart all the same" {
	start_source one "$PROGS/a-source" 4
	start_source two "$PROGS/a-source" 4
	expose one 0
	expose two 0
	follow all events
	echo exec >&"$one_in"
	kill -KILL "$two_pid"
	told all '"event":"exec"' "\"pid\":$one_pid}"
	told all '"event":"exit"' "\"pid\":$two_pid}"
	run ! grep revoke "$BATS_TEST_TMPDIR/all"
}

# bats test_tags=U2,E5,E16
@test "what happens to watched memory is told, whoever did it" {
	follow all events
	run -0 ask "watch $s_pid $(pages "$s_address" 4)"
	[[ $output == *"$s_pid $(pages "$s_address" 4)" ]]
	[ "$(tell s unmap 3)" = "unmap 0" ]
	told all '"event":"invalidate"' "\"pid\":$s_pid," '"kinds":["unmap"]' '"exact":true' \
		"\"start\":\"$(page 3)\",\"end\":\"$(page 4)\"" '"uid":0'
	# By another task.
	echo 4 >"/proc/$s_pid/clear_refs"
	told all '"event":"invalidate"' "\"pid\":$s_pid," '"kinds":["soft-dirty"]'
	is_sound all
	run -0 ask "unwatch $s_pid"
	count=$(grep -c invalidate "$BATS_TEST_TMPDIR/all")
	[ "$(tell s unmap 2)" = "unmap 0" ]
	ask "add $s_pid heap"
	told all grant
	[ "$(grep -c invalidate "$BATS_TEST_TMPDIR/all")" = "$count" ]
	run -1 ask "unwatch $s_pid"
	[[ ${lines[0]} = ENOENT ]]
}

# Swap, and a control group that can be told to give memory back.
begin_reclaim() {
	modprobe zram num_devices=1
	echo 64M >/sys/block/zram0/disksize
	mkswap /dev/zram0 >/dev/null
	swapon /dev/zram0
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir /sys/fs/cgroup/reclaimed
}

end_reclaim() {
	swapoff /dev/zram0
	echo 1 >/sys/block/zram0/reset
	retry 50 0.1 rmdir /sys/fs/cgroup/reclaimed
}

# bats test_tags=U2,E5,E16
@test "what the kernel reclaims from a process is told, though nobody did it" {
	begin_reclaim
	start_source squeezed sh -c 'echo $$ >/sys/fs/cgroup/reclaimed/cgroup.procs; exec "$0" 4' "$PROGS/a-source"
	follow all events
	ask "watch $squeezed_pid $(pages "$squeezed_address" 1)"
	reclaimed() {
		# Pages may be in another processor's batch on their way to where it looks.
		echo 1 >/proc/sys/vm/compact_memory
		echo 16M >/sys/fs/cgroup/reclaimed/memory.reclaim || true
		lines all '"event":"invalidate"' "\"pid\":$squeezed_pid," '"kinds":["clear"]' "\"start\":\"$squeezed_address\"" >/dev/null
	}
	retry 50 0.2 reclaimed
	# It has not noticed.
	[ "$(tell squeezed 'print 0')" = "page 0 of $squeezed_pid" ]
	kill -KILL "$squeezed_pid"
	told all '"event":"exit"' "\"pid\":$squeezed_pid}"
	end_reclaim
}

# bats test_tags=U2,E4
@test "more invalidations than can wait are told as stale, of that process" {
	mkfifo "$BATS_TEST_TMPDIR/to" "$BATS_TEST_TMPDIR/from"
	exec {to}<>"$BATS_TEST_TMPDIR/to" {from}<>"$BATS_TEST_TMPDIR/from"
	"$PROGS/m-source" <"$BATS_TEST_TMPDIR/to" >"$BATS_TEST_TMPDIR/from" 3>&- &
	pid=$!
	started+=("$pid")
	say() { echo "$*" >&"$to" && read -r -t 60 answer <&"$from"; }
	# Each page is a mapping of its own.
	say map 600
	at=$answer
	for page in {0..599..2}; do say protect $((at + page * 4096)) 4096 r; done
	follow all events
	run -0 ask "watch $pid anon"
	[ "${#lines[@]}" -gt 600 ]
	# So that none is read in between.
	kill -STOP "$daemon"
	say unmap "$at" $((600 * 4096))
	[ "$answer" = ok ]
	kill -CONT "$daemon"
	told all '"event":"stale"' "\"pid\":$pid," '"uid":0'
	is_sound all
	[ "$(grep -c '"kinds":\["unmap"\]' "$BATS_TEST_TMPDIR/all")" -le 256 ]
	# It goes on from there.
	say map 1
	ask "add $s_pid heap"
	told all '"event":"grant"'
}

# bats test_tags=U2,E5
@test "memory of every kind can be watched, by whoever holds its descriptor" {
	follow all events
	for what in heap stack anon all as; do run -0 ask "watch $s_pid $what"; done
	[[ $output = *"$s_pid all" ]]
	run -1 ask "watch $s_pid [anon:nothing]"
	[[ ${lines[1]} = "error: ENOENT: process $s_pid has no such memory" ]]
	run -0 ask "watch $s_pid heap fd=9" "/proc/$s_pid/mem"
	run -1 ask "watch $s_pid heap fd=9" "/proc/$$/mem"
	[[ ${lines[0]} = ESRCH ]]
	run -0 ask "add $s_pid as"
	follow as "$s_pid/as/events"
	tell s unmap 1
	told as '"event":"invalidate"' '"map":"as"' "\"start\":\"$(page 1)\""
	kill -KILL "$s_pid"
	told all '"event":"exit"' "\"pid\":$s_pid}"
	retry 100 0.05 has_ended "$follower"
	[ "$(grep -c exit "$BATS_TEST_TMPDIR/all")" = 1 ]
}

# bats test_tags=U2,E5,E16
@test "map-N/events tells of that map file alone, without any command, and ends with it" {
	ask "add $s_pid $(pages "$s_address" 2)"
	ask "add $s_pid $(pages $((s_address + 8192)) 2)"
	follow all events
	follow file "$s_pid/map-1/events"
	tell s unmap 0
	tell s unmap 3
	told file '"event":"invalidate"' '"map":"map-1"' '"unmap"' "\"start\":\"$(page 3)\""
	ask "revoke $s_pid/map-1"
	retry 100 0.05 has_ended "$follower"
	[ "$(grep -c . "$BATS_TEST_TMPDIR/file")" = 3 ]
	[[ $(tail -n 1 "$BATS_TEST_TMPDIR/file") == *'"event":"revoke"'* ]]
	run ! grep invalidate "$BATS_TEST_TMPDIR/all"
	run -1 cat "$D/$s_pid/map-1/events"
	is_sound file
}

# bats test_tags=U2,P2,P1
@test "nobody is told of files, or may watch memory, that are not theirs" {
	set_yama 0
	start_source mine as_user 1000 "$PROGS/a-source" 4
	follow all events
	follow mine events 1000
	follow other events 1001
	run -1 ask_as 1000 "watch $s_pid heap"
	[[ ${lines[1]} == "error: EACCES: you may not open /proc/$s_pid/mem" ]]
	run -1 as_user 1000 cat "$D/$s_pid/map-0/events"
	ask "add $s_pid heap mode=0400"
	run -1 as_user 1000 cat "$D/$s_pid/map-0/events"
	[[ $output == *"Permission denied" ]]
	run -0 ask_as 1000 "add $mine_pid $(pages "$mine_address" 1)"
	run -0 ask_as 1000 "watch $mine_pid stack"
	kill -KILL "$mine_pid"
	told mine '"event":"exit"' "\"pid\":$mine_pid}"
	told all '"event":"exit"'
	told all '"event":"grant"' "\"pid\":$s_pid,"
	run ! grep -F "\"pid\":$s_pid," "$BATS_TEST_TMPDIR/mine"
	[ "$(grep -c . "$BATS_TEST_TMPDIR/other")" = 1 ]
}

# bats test_tags=U2,P2
@test "whoever may read a map file may open its events" {
	ask "add $s_pid $(pages "$s_address" 1)"
	chmod 0444 "$M/$s_pid/map-0"
	set_yama 0
	follow reader "$s_pid/map-0/events" 1000
	ask "revoke $s_pid"
	told reader '"event":"revoke"'
	retry 100 0.05 has_ended "$follower"
}

# bats test_tags=U2
@test "readers can poll, wait, be interrupted, and be told that there is nothing now" {
	run -0 timeout 60 python3 -c "$LOADS"'if 1:
		import os, select, signal, sys, threading
		ctl, events, pid = sys.argv[1:]
		def add():
			fd = os.open(ctl, os.O_RDWR)
			os.write(fd, f"add {pid} heap".encode())
			os.close(fd)
		fd = os.open(events, os.O_RDONLY | os.O_NONBLOCK)
		assert loads(os.read(fd, 4096))["event"] == "begin"
		for _ in range(2):
			try:
				os.read(fd, 4096)
				assert False, "it had something"
			except BlockingIOError:
				pass
		epoll = select.epoll()
		epoll.register(fd, select.EPOLLIN)
		assert not epoll.poll(0) and not select.select([fd], [], [], 0)[0]
		for wait in (lambda: epoll.poll(30), lambda: select.select([fd], [], [], 30)[0]):
			thread = threading.Timer(0.3, add)
			thread.start()
			assert wait()
			thread.join()
			assert loads(os.read(fd, 4096))["event"] == "grant"
		os.set_blocking(fd, True)
		thread = threading.Timer(0.3, add)
		thread.start()
		assert loads(os.read(fd, 4096))["event"] == "grant"
		thread.join()
		def stop(*_):
			raise InterruptedError
		signal.signal(signal.SIGALRM, stop)
		try:
			signal.setitimer(signal.ITIMER_REAL, 0.3)
			os.read(fd, 4096)
			assert False, "it was not interrupted"
		except InterruptedError:
			pass
		add()
		assert loads(os.read(fd, 4096))["event"] == "grant"
	' "$D/ctl" "$D/events" "$s_pid"
	run -124 timeout 5 cat "$D/events"
	[[ $output == *'"event":"begin"'* ]]
}

# bats test_tags=U2,U5
@test "tail follows events, from their end and from their beginning" {
	tail -f "$D/events" >"$BATS_TEST_TMPDIR/end" 2>/dev/null 3>&- &
	started+=($!)
	stdbuf -oL tail -n +1 -f "$D/events" >"$BATS_TEST_TMPDIR/beginning" 2>/dev/null 3>&- &
	started+=($!)
	# However late they begin.
	! lines none begin || false
	told end begin
	told beginning begin
	for _ in 1 2 3; do
		ask "add $s_pid heap"
		ask "revoke $s_pid"
	done
	# The directory goes with its last file; who did it is known even so.
	complete() { [ "$(grep -c '"uid":0,"by":' "$BATS_TEST_TMPDIR/$1")" = 6 ]; }
	for name in end beginning; do
		retry 100 0.1 complete $name
		is_sound $name
		[ "$(grep -c . "$BATS_TEST_TMPDIR/$name")" = 7 ]
	done
}

# bats test_tags=U2,E4
@test "a reader that does not read loses what does not fit, and is told so" {
	run -0 timeout 200 python3 -c "$LOADS"'if 1:
		import os, sys
		ctl, events, pid, address = sys.argv[1:]
		fd = os.open(events, os.O_RDONLY | os.O_NONBLOCK)
		command = os.open(ctl, os.O_RDWR)
		def do(text):
			os.write(command, text.encode())
		def drain():
			text = b""
			while True:
				try:
					text += os.read(fd, 65536)
				except BlockingIOError:
					return [loads(line) for line in text.splitlines()]
		do(f"add {pid} heap")
		drain()
		for _ in range(700):
			do(f"chmod 0400 {pid}/map-0")
		told = drain()
		assert 100 < len(told) < 700, len(told)
		assert [e["event"] for e in told[:-1]] == ["change"] * (len(told) - 1)
		assert told[-1]["event"] == "stale" and "pid" not in told[-1], told[-1]
		do(f"revoke {pid}/map-0")
		assert [e["event"] for e in drain()] == ["revoke"]
	' "$D/ctl" "$D/events" "$s_pid" "$s_address"
}

# bats test_tags=U2,Z3
@test "readers and watches of one user have an end, and others still have theirs" {
	set_yama 0
	mount -o remount,max_user_watches=64 "$M"
	start_source mine as_user 1000 "$PROGS/a-source" 4
	run -0 as_user 1000 python3 -c 'if 1:
		import os, sys
		ctl, events, pid = sys.argv[1:]
		opened = []
		def fill(path, flags, act):
			for count in range(100):
				try:
					act()
				except OSError as error:
					return count, error.strerror
		print(*fill(events, 0, lambda: opened.append(os.open(events, os.O_RDONLY))))
		fd = os.open(ctl, os.O_RDWR)
		print(*fill(ctl, 0, lambda: os.write(fd, f"watch {pid} heap".encode())))
	' "$D/ctl" "$D/events" "$mine_pid"
	[ "$output" = "64 Too many open files"$'\n'"64 No space left on device" ]
	follow all events
	run -0 ask "watch $mine_pid heap"
}

# bats test_tags=U2,Z3
@test "sources that invalidate without end leave the daemon time for others" {
	requires python-mmap
	set_yama 0
	become as_user 1000 python3 -c 'if 1:
		import mmap, os, sys
		ctl = os.open(sys.argv[1], os.O_RDWR)
		memory = [mmap.mmap(-1, 4096, mmap.MAP_PRIVATE) for _ in range(60)]
		for _ in memory:
			os.write(ctl, b"watch %d anon" % os.getpid())
		print("go", flush=True)
		while True:
			for page in memory:
				page[0] = 1
				page.madvise(mmap.MADV_DONTNEED)
	' "$D/ctl" >"$BATS_TEST_TMPDIR/mad" 3>&- &
	started+=($!)
	retry 200 0.1 grep -q go "$BATS_TEST_TMPDIR/mad"
	follow all events
	told all '"kinds":["clear"]'
	before=$SECONDS
	for _ in 1 2 3 4 5; do run -0 ask "chmod 0400 $(ask "add $s_pid $(pages "$s_address" 1)" | tail -n 1)"; done
	[ $((SECONDS - before)) -lt 20 ]
	# One or the other is among what is lost when the reader is late.
	changed() {
		ask "chmod 0400 $s_pid/map-4" >/dev/null
		lines all '"event":"change"' '"map":"map-4"' >/dev/null
	}
	retry 50 0.1 changed
	kill "$follower"
	retry 100 0.05 has_ended "$follower"
	# The last line is as it was when the reader ended.
	head -n -1 "$BATS_TEST_TMPDIR/all" >"$BATS_TEST_TMPDIR/whole"
	is_sound whole
}

# bats test_tags=U2,U4
@test "killing the daemon ends its readers and harms nobody else, and a new one starts afresh" {
	ask "add $s_pid $(pages "$s_address" 4)"
	ask "watch $s_pid heap"
	follow all events
	follow file "$s_pid/map-0/events"
	kill -KILL "$daemon"
	retry 100 0.05 has_ended "$follower"
	[ "$(head -n 1 "$M/$s_pid/map-0")" = "page 0 of $s_pid" ]
	retry 100 0.05 start_daemon
	follow all events
	run -1 ask "unwatch $s_pid"
	rm "$M/$s_pid/map-0"
	told all '"event":"revoke"' '"map":"map-0"'
}

# bats test_tags=U2
@test "readers see one mount go and the next one come, and watches end with theirs" {
	ask "add $s_pid $(pages "$s_address" 4)"
	follow all events
	umount "$M"
	told all '"event":"stale"}'
	mount -t remotefs none "$M"
	expose s 0
	told all '"event":"grant"' "\"pid\":$s_pid,"
	follow file "$s_pid/map-0/events"
	run -0 ask "watch $s_pid heap"
	umount -l "$M"
	retry 100 0.05 has_ended "$follower"
	retry 100 0.05 module_is_unused
}
