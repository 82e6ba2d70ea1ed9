#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What a session is: ephemeral, exclusive, and a way to open map files.
#
# seconds: 120
# not on debug in a whole run: 090 and 210 make each of these calls there
# not on trixie in a whole run: the checks are the same code on all kernels, and forky makes them
# not on bookworm in a whole run: likewise

# What start_source sets is not seen by shellcheck; single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
bats_require_minimum_version 1.5.0
load helpers

# struct remotefs_attach_args.flags
EPHEMERAL=1 EXCLUSIVE=2

setup() {
	setup_mount control_mode=0666
	start_source s "$PROGS/a-source" 4
	mem=(control "$M/control" mem "$s_pid" rw)
	session=("${mem[@]}" attach)
	new=(map flags=$((NEW | WRITE)) address="$s_address" length=4096)
}

teardown() {
	teardown_mount
}

# bats test_tags=C15
@test "what an ephemeral session made goes with its last descriptor, and nothing else" {
	expose s "$WRITE"
	run -0 call "${mem[@]}" attach flags=$EPHEMERAL "${new[@]}" "${new[@]}" file "$M/$s_pid/map-1" r pread 0 \
		sh "ls $M/$s_pid"
	[ "${lines[-3]} ${lines[-2]} ${lines[-1]}" = "map-0 map-1 map-2" ]
	[ "$(ls "$M/$s_pid")" = map-0 ]
	run -0 call file "$M/$s_pid/map-0" r pread 4096
}

# bats test_tags=C15,C4
@test "a file of an ephemeral session that is open and mapped is revoked with it" {
	background call "${mem[@]}" attach flags=$EPHEMERAL "${new[@]}" hold
	retry 100 0.05 test -e "$M/$s_pid/map-0"
	run -1 call file "$M/$s_pid/map-0" r pread 0 mmap r sh "kill -KILL $background_pid" \
		sh "while [ -e $M/$s_pid/map-0 ]; do sleep 0.05; done" pread 0 mmap r info
	[ "${lines[1]}" = "pread OK page 0 of $s_pid" ]
	[ "${lines[3]}" = "pread ESTALE" ]
	[ "${lines[4]}" = "mmap ESTALE" ]
	[ "${lines[5]}" = "info OK 1" ]
}

# bats test_tags=C15
@test "an ephemeral session lives as long as a process has a descriptor of it" {
	run -0 call "${mem[@]}" attach flags=$EPHEMERAL "${new[@]}" send session "$BATS_TEST_TMPDIR/socket" \
		sh "exit" &
	sender=$!
	run -0 call receive session "$BATS_TEST_TMPDIR/socket" sh "wait; while kill -0 $sender 2>/dev/null; do sleep 0.05; done" \
		sh "ls $M/$s_pid"
	[ "${lines[-1]}" = map-0 ]
	[ -z "$(ls "$M/$s_pid")" ]
}

# bats test_tags=C15,C5
@test "an ephemeral session takes its ranges out of files that others made, locked or not" {
	expose s 0 length=4096
	run -0 call "${mem[@]}" attach flags=$EPHEMERAL \
		map address="$((s_address + 4096))" offset=4096 length=4096 lock file "$M/$s_pid/map-0" r pread 4096
	[ "${lines[-1]}" = "pread OK page 1 of $s_pid" ]
	run -1 call file "$M/$s_pid/map-0" r pread 0 pread 4096 range range offset=4096
	[ "${lines[1]}" = "pread OK page 0 of $s_pid" ]
	[ "${lines[2]}" = "pread ESTALE" ]
	[ "${lines[-1]}" = "range ENOENT" ]
	refuses "${session[@]}" <<<"EPERM map address=$s_address offset=4096 length=4096"
}

# bats test_tags=C15,L1
@test "an ephemeral session outlives its source, and then closes like any other" {
	background call "${mem[@]}" attach flags=$EPHEMERAL "${new[@]}" hold
	retry 100 0.05 test -e "$M/$s_pid/map-0"
	kill -KILL "$s_pid"
	retry 100 0.05 test ! -e "$M/$s_pid"
	kill -KILL "$background_pid"
}

# bats test_tags=C10
@test "of 64 exclusive sessions at once exactly one is made" {
	for i in {1..64}; do
		become call "${mem[@]}" attach flags=$EXCLUSIVE hold >"$BATS_TEST_TMPDIR/answer.$i" 3>&- &
		started+=($!)
	done
	# Whoever has said what came of it holds on to that, until all have.
	all_answered() { [ "$(cat "$BATS_TEST_TMPDIR"/answer.* | grep -c attach)" = 64 ]; }
	retry 200 0.1 all_answered
	[ "$(cat "$BATS_TEST_TMPDIR"/answer.* | grep -c 'attach OK')" = 1 ]
	[ "$(cat "$BATS_TEST_TMPDIR"/answer.* | grep -c 'attach EEXIST')" = 63 ]
}

# bats test_tags=C10,C8
@test "an exclusive session excludes all others of its source, and is excluded by them" {
	start_source mine as_user 1000 "$PROGS/a-source" 4
	user=(as_user 1000 "$PROGS/a-call" control "$M/control" mem "$mine_pid" rw)
	run -0 "${user[@]}" attach sh "${user[*]:2} attach flags=$EXCLUSIVE; ${user[*]:2} attach; true"
	[ "${lines[-4]} ${lines[-1]}" = "attach EEXIST attach OK" ]
	run -0 "${user[@]}" attach flags=$EXCLUSIVE sh "${user[*]:2} attach; ${user[*]:2} attach flags=$EXCLUSIVE; true"
	[ "${lines[-4]} ${lines[-1]}" = "attach EEXIST attach EEXIST" ]
	# It is gone, and its map file is not.
	run -0 call "${mem[@]}" attach flags=$EXCLUSIVE "${new[@]}"
	run -0 call "${mem[@]}" attach flags=$((EXCLUSIVE | EPHEMERAL)) file "$M/$s_pid/map-0" r pread 0
	run -0 call "${session[@]}" map address="$s_address" offset=4096 length=4096
}

# bats test_tags=C10
@test "an exclusive session keeps out all but the administrator, and goes on doing so after that" {
	start_source mine as_user 1000 "$PROGS/a-source" 4
	target=(control "$M/control" mem "$mine_pid" rw)
	user=(as_user 1000 "$PROGS/a-call" "${target[@]}")
	background "${user[@]}" attach flags=$EXCLUSIVE hold
	retry 100 0.05 grep -q "attach OK" "$BATS_TEST_TMPDIR/background.out"
	run -1 setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$PROGS/a-call" "${target[@]}" attach
	[ "${lines[-1]}" = "attach EEXIST" ]
	# What nobody gets is a session that excludes this one.
	run -1 call "${target[@]}" attach flags=$EXCLUSIVE
	[ "${lines[-1]}" = "attach EEXIST" ]
	run -0 call "${target[@]}" attach map flags="$NEW" address="$mine_address" length=4096 \
		sh "${user[*]:2} attach; ${user[*]:2} attach flags=$EXCLUSIVE; true"
	[ "$(grep 'attach' <<<"$output")" = $'attach OK\nattach OK\nattach EEXIST' ]
	run -1 "${user[@]}" attach
	[ "${lines[-1]}" = "attach EEXIST" ]
	kill -KILL "$background_pid"
	retry 100 0.05 "${user[@]}" attach
}

# bats test_tags=C10
@test "an exclusive session excludes nobody from other sources or in other mounts" {
	start_source t "$PROGS/a-source" 4
	mkdir "$BATS_TEST_TMPDIR/other"
	mount -t remotefs none "$BATS_TEST_TMPDIR/other"
	run -0 call "${mem[@]}" attach flags=$EXCLUSIVE \
		sh "$PROGS/a-call control $M/control mem $t_pid rw attach flags=$EXCLUSIVE" \
		sh "$PROGS/a-call control $BATS_TEST_TMPDIR/other/control mem $s_pid rw attach flags=$EXCLUSIVE"
	[ "$(grep -c 'attach OK' <<<"$output")" = 3 ]
}

# bats test_tags=C11,C16
@test "OPEN gives a descriptor of the map file that is close-on-exec and has its path" {
	run -0 call "${session[@]}" "${new[@]}" open flags=1 pread 0 pwrite 0 "through it" \
		sh "readlink /proc/\$PPID/fd/* | grep map-0; ls -l /proc/self/fd"
	[[ $output == *"pread OK page 0 of $s_pid"* ]]
	# a-call has it, and the shell that it starts has neither that nor the session.
	[ "$(grep -c "^$M/$s_pid/map-0$" <<<"$output")" = 1 ]
	[ "$(grep -c '> /proc/.*/mem$' <<<"$output")" = 1 ]
	[[ $output != *"> $M/$s_pid/map-0"* && $output != *remotefs-session* ]]
	[[ $(tell s 'print 0') == "through it"* ]]
}

# bats test_tags=C11,P3
@test "OPEN reads what the session may change, and writes what the session and a range admit" {
	expose s 0
	expose s "$WRITE" mode=0
	run -0 call "${session[@]}" open map=1 flags=1 pwrite 0 x open map=0 pread 0
	refuses "${session[@]}" open map=1 <<-EOT
		EBADF pwrite 0 x
		EACCES open flags=1
		EACCES open map=0 flags=1
		ENOENT open map=2
		ENOENT open map=0xffffffff
		EOPNOTSUPP open flags=2
		EOPNOTSUPP open flags=0x80000000
		EINVAL open reserved=1
		EFAULT open ptr=0
		ENOTTY open on=control
	EOT
	refuses control "$M/control" mem "$s_pid" r attach <<<'EACCES open map=1 flags=1'
}

# bats test_tags=C16
@test "OPEN asks neither the owner nor the mode of a file, but who made it" {
	start_source mine as_user 1000 "$PROGS/a-source" 4
	as_user 1000 "$PROGS/a-call" control "$M/control" mem "$mine_pid" rw attach \
		map flags=1 address="$mine_address" length=4096 mode=040
	run -0 as_user 1000 "$PROGS/a-call" control "$M/control" mem "$mine_pid" r attach open pread 0
	[ "${lines[-1]}" = "pread OK page 0 of $mine_pid" ]
	run -1 as_user 1000 "$PROGS/a-call" file "$M/$mine_pid/map-0" r
	[ "$output" = "file EACCES" ]
	# What root made of the same source is not for that user.
	call control "$M/control" mem "$mine_pid" rw attach map flags=1 address="$mine_address" length=4096
	refuses_as 1000 control "$M/control" mem "$mine_pid" r attach <<<'EPERM open map=1'
}

# bats test_tags=C8,P3
@test "OPEN for writing through a mount that is read-only gets EROFS" {
	expose s "$WRITE"
	mkdir "$BATS_TEST_TMPDIR/ro"
	mount --bind "$M" "$BATS_TEST_TMPDIR/ro"
	mount -o remount,bind,ro "$BATS_TEST_TMPDIR/ro"
	refuses control "$BATS_TEST_TMPDIR/ro/control" mem "$s_pid" rw attach open pread 0 <<<'EROFS open flags=1'
}

# bats test_tags=C16
@test "OPEN finds a file that is made while the directory before it is being removed" {
	run -0 python3 - "$M" "$s_pid" "$s_address" <<-'EOT'
		import errno, fcntl, os, struct, sys
		mount, pid, address = sys.argv[1], int(sys.argv[2]), int(sys.argv[3], 0)
		def call(fd, number, args):
		    return fcntl.ioctl(fd, 0xe700 + number, args, True)
		def make():
		    args = bytearray(struct.pack("6I3Q", 48, 1, 0, 0, 0, 0, address, 0, 4096))
		    call(session, 2, args)
		    return struct.unpack("6I3Q", args)[2]
		def opened(number):
		    try:
		        os.close(call(session, 6, bytearray(struct.pack("4I", 16, 0, number, 0))))
		    except OSError as error:
		        if error.errno not in (errno.ENOENT, errno.ESTALE):
		            raise
		        return False
		    return True
		mem = os.open("/proc/%d/mem" % pid, os.O_RDONLY)
		control = os.open(mount + "/control", os.O_RDONLY)
		session = call(control, 1, bytearray(struct.pack("2IiI", 16, 0, mem, pid)))
		start, finish = os.pipe(), os.pipe()
		if not os.fork():
		    os.close(start[1])
		    while os.read(start[0], 1):
		        os.rmdir("%s/%d" % (mount, pid))
		        os.write(finish[1], b"x")
		    os._exit(0)
		os.set_blocking(finish[0], False)
		missed = 0
		for i in range(30):
		    for j in range(100):
		        make()
		    os.write(start[1], b"x")
		    while True:
		        number = make()
		        # What the removal has taken is not there the second time either.
		        missed += not opened(number) and opened(number)
		        try:
		            os.read(finish[0], 1)
		            break
		        except BlockingIOError:
		            pass
		print("missed", missed)
	EOT
	[ "$output" = "missed 0" ]
}

# bats test_tags=C8,P4
@test "OPEN gives no path outside the mount of the control file, nor into one over the map file" {
	expose s 0
	mkdir "$BATS_TEST_TMPDIR/all"
	touch "$BATS_TEST_TMPDIR/alone"
	mount --bind "$M" "$BATS_TEST_TMPDIR/all"
	mount --bind "$M/control" "$BATS_TEST_TMPDIR/alone"
	refuses control "$BATS_TEST_TMPDIR/alone" mem "$s_pid" rw attach <<<'EXDEV open'
	run -0 call control "$BATS_TEST_TMPDIR/alone" mem "$s_pid" rw attach map address="$s_address" offset=65536 length=4096
	run -0 call control "$BATS_TEST_TMPDIR/all/control" mem "$s_pid" rw attach open \
		sh "readlink /proc/\$PPID/fd/* | grep map-0"
	[ "${lines[-1]}" = "$BATS_TEST_TMPDIR/all/$s_pid/map-0" ]
	mount --bind "$BATS_TEST_TMPDIR/alone" "$M/$s_pid/map-0"
	refuses "${session[@]}" <<<'EXDEV open'
	umount "$M/$s_pid/map-0"
	mount --bind "$BATS_TEST_TMPDIR" "$M/$s_pid"
	refuses "${session[@]}" <<<'EXDEV open'
	umount "$M/$s_pid"
	run -0 call "${session[@]}" open pread 0
}

# bats test_tags=C11
@test "who watches a map file or its directory is told of OPEN" {
	expose s 0
	mkfifo "$BATS_TEST_TMPDIR/begin"
	background sh -c 'read -r _ <"$1"; exec inotifywait -q -t 60 -e open --format "%e %f" "$2"' \
		sh "$BATS_TEST_TMPDIR/begin" "$M/$s_pid"
	# Not yet: it is waited for however late it begins.
	run -1 watched "$background_pid" 1
	echo >"$BATS_TEST_TMPDIR/begin"
	retry 100 0.05 watched "$background_pid" 1
	run -0 call "${session[@]}" open
	retry 100 0.05 grep -q "OPEN map-0" "$BATS_TEST_TMPDIR/background.out"
}

# bats test_tags=X1,C8
@test "a session works on without the thread that led its source, and ends with the last one" {
	run -1 call "${session[@]}" \
		sh "echo leave >$BATS_TEST_TMPDIR/s.in; until grep -q 'State:.Z' /proc/$s_pid/status; do sleep 0.05; done" \
		"${new[@]}" open flags=1 pread 0 pwrite 0 "$(printf 'written\n.')" \
		sh "kill -KILL $s_pid; while [ -e $M/$s_pid ]; do sleep 0.05; done" \
		"${new[@]}" open pread 0
	[ "${lines[4]}" = "open OK" ]
	[ "${lines[5]}" = "pread OK page 0 of $s_pid" ]
	[ "${lines[6]}" = "pwrite OK" ]
	[ "${lines[7]} ${lines[8]} ${lines[9]}" = "map ESRCH open ESRCH pread ESRCH" ]
}

# bats test_tags=X1,C9,L2
@test "who attaches late, with the memory of an image before execve, does not end the next one" {
	run -0 "$PROGS/a-late" "$M/control" 200
	[ "$output" = "ended 0" ]
}

# bats test_tags=X1,L5
@test "a session holds no memory of its source" {
	start_source big "$PROGS/a-source" 16384
	background call control "$M/control" mem "$big_pid" rw attach map flags=1 address="$big_address" length=4096 hold
	retry 100 0.05 test -e "$M/$big_pid/map-0"
	anonymous() { awk '/^AnonPages/ { print $2 }' /proc/meminfo; }
	before=$(anonymous)
	kill -KILL "$big_pid"
	given_back() { [ $((before - $(anonymous))) -gt 57344 ]; }
	retry 100 0.1 given_back
}
