#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Making, changing and revoking map files through the control file.
#
# seconds: 200
# not on debug in a whole run: five minutes there, where 090 makes each of these calls
# not on trixie in a whole run: bookworm and forky, the kernels before and after, say the same

# What start_source sets is not seen by shellcheck; single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
bats_require_minimum_version 1.5.0
load helpers

setup() {
	setup_mount control_mode=0666
	start_source s "$PROGS/a-source" 4
	session=(control "$M/control" mem "$s_pid" rw attach)
	size=$((4 * 4096))
}

teardown() {
	teardown_mount
}

# An address that a library of the source's is mapped at.
file_address() {
	awk '$6 ~ /libc/ { split($1, a, "-"); print "0x" a[1]; exit }' "/proc/$s_pid/maps"
}

# For a shell in a-call: wait, but not for ever, until a process has no directory.
until_gone() { echo "for i in \$(seq 100); do [ -e '$M/$1' ] || exec echo gone; sleep 0.05; done"; }

# bats test_tags=C8,P1
@test "a map file shows the bytes that /proc/PID/mem shows" {
	file=$(expose s 0)
	run -0 call mem "$s_pid" r peek "$((s_address + 4096))" file "$file" r pread 4096
	[ "${lines[1]}" = "peek OK page 1 of $s_pid" ]
	[ "${lines[3]}" = "pread OK page 1 of $s_pid" ]
}

# bats test_tags=C1
@test "the holder of a map file or of a mem descriptor can neither map, unmap nor allow" {
	file=$(expose s "$WRITE")
	refuses file "$file" rw mem "$s_pid" rw <<-EOT
		ENOTTY map on=file flags=1 address=$s_address length=4096
		ENOTTY unmap on=file length=4096
		ENOTTY allow on=file length=4096
		ENOTTY lock on=file
		ENOTTY attach on=file
		ENOTTY map on=mem flags=1 address=$s_address length=4096
		ENOTTY unmap on=mem length=4096
	EOT
}

# bats test_tags=C2,C8,C6
@test "a malformed MAP gets EINVAL or EOPNOTSUPP and changes nothing" {
	expose s 0
	refuses "${session[@]}" <<-EOT
		EINVAL map flags=1 address=$((s_address + 1)) length=4096
		EINVAL map flags=1 address=$s_address length=4095
		EINVAL map flags=1 address=$s_address length=4096 offset=512
		EINVAL map flags=1 address=$s_address length=0
		EINVAL map flags=1 address=0xfffffffffffff000 length=8192
		EINVAL map flags=1 address=$s_address length=0xfffffffffffff000
		EINVAL map flags=1 address=0xfffffffffff000 length=8192
		EINVAL map flags=1 address=$s_address length=4096 offset=0x7ffffffffffff000
		EINVAL map flags=1 address=$s_address length=4096 offset=0xfffffffffffff000
		EINVAL map flags=1 address=$s_address length=4096 mode=0777
		EINVAL map flags=1 address=$s_address length=4096 mode=04600
		EINVAL map flags=1 address=$s_address length=4096 uid=5
		EINVAL map flags=1 address=$s_address length=4096 gid=5
		EINVAL map flags=1 address=$s_address length=4096 map=3
		EINVAL map flags=5 address=$s_address length=4096 uid=0xffffffff
		EINVAL map flags=0 address=$s_address length=4096 offset=$size mode=0400
		EINVAL map flags=4 address=$s_address length=4096 offset=$size
		EOPNOTSUPP map flags=0x21 address=$s_address length=4096
		EOPNOTSUPP map flags=0x80000001 address=$s_address length=4096
	EOT
}

# bats test_tags=C2,C12
@test "a malformed export of the whole address space gets EINVAL and changes nothing" {
	refuses "${session[@]}" <<-EOT
		EINVAL map flags=8
		EINVAL map flags=9 address=$s_address
		EINVAL map flags=9 offset=4096
		EINVAL map flags=9 length=4096
		EINVAL map flags=9 map=1
	EOT
}

# bats test_tags=C2,C8,M2
@test "memory that is not anonymous, or not there, gets EFAULT and changes nothing" {
	expose s 0
	refuses "${session[@]}" <<-EOT
		EFAULT map flags=1 address=0x10000 length=4096
		EFAULT map flags=1 address=$(file_address) length=4096
		EFAULT map flags=1 address=$((s_address - 4096)) length=$((4096 * 64))
		EFAULT map flags=0 address=0x10000 length=4096 offset=$size
	EOT
}

# bats test_tags=C2,C8
@test "an occupied offset gets EEXIST, an unknown map file ENOENT" {
	expose s 0
	refuses "${session[@]}" <<-EOT
		EEXIST map flags=0 address=$s_address length=4096
		EEXIST map flags=0 address=$s_address length=4096 offset=$((size - 4096))
		EEXIST map flags=0 address=$s_address length=8192 offset=$((size - 4096))
		ENOENT map flags=0 map=1 address=$s_address length=4096
		ENOENT map flags=0 map=0xffffffff address=$s_address length=4096
		ENOENT unmap map=1 length=4096
		ENOENT allow map=1 length=4096
		ENOENT lock map=1
	EOT
}

# bats test_tags=C2,C8
@test "a malformed UNMAP is refused and changes nothing" {
	expose s 0
	refuses "${session[@]}" <<-EOT
		EINVAL unmap length=0
		EINVAL unmap length=4095
		EINVAL unmap offset=1 length=$size
		EINVAL unmap offset=0xfffffffffffff000 length=8192
		EINVAL unmap offset=0x7ffffffffffff000 length=4096
		EINVAL unmap length=$size reserved=1
		EINVAL unmap length=4096
		EINVAL unmap offset=4096 length=$size
		ENOENT unmap offset=$size length=4096
		EOPNOTSUPP unmap length=$size flags=1
	EOT
}

# bats test_tags=C2,C8
@test "a malformed ALLOW is refused and changes nothing" {
	expose s 0
	refuses "${session[@]}" <<-EOT
		EINVAL allow length=0
		EINVAL allow length=4095
		EINVAL allow offset=1 length=4096
		EINVAL allow offset=0xfffffffffffff000 length=8192
		EINVAL allow offset=$size length=4096
		EINVAL allow length=4096 reserved=1
		EOPNOTSUPP allow length=4096 flags=1
	EOT
}

# bats test_tags=C2,C8,C9
@test "a malformed ATTACH is refused" {
	refuses control "$M/control" mem "$s_pid" rw <<-EOT
		EOPNOTSUPP attach flags=4
		EOPNOTSUPP attach flags=0x80000001
		EINVAL attach fd=-1
		EINVAL attach pid=0
		EINVAL attach pid=0x80000000
		EBADF attach fd=99
		EBADF attach fd=-2
		ESRCH attach pid=4194303
		ESRCH attach pid=1
		ESRCH attach pid=$$
	EOT
}

# bats test_tags=C8,C9
@test "a descriptor that is not /proc/PID/mem gets EINVAL" {
	file=$(expose s 0)
	others=(/etc/passwd "/proc/$s_pid/maps" "/proc/$s_pid/environ" "/proc/$s_pid/pagemap" /dev/null
		/dev/zero /dev/shm /proc /proc/self/mounts "$M/control" "$file" "$BATS_TEST_TMPDIR/s.in")
	for other in "${others[@]}"; do
		steps+=(other "$other" attach pid="$s_pid")
	done
	before=$(snapshot)
	run -1 call control "$M/control" "${steps[@]}"
	[ "$(grep -c 'mem OK' <<<"$output")" = ${#others[@]} ]
	[ "$(grep -c 'attach EINVAL' <<<"$output")" = ${#others[@]} ]
	[ "$(snapshot)" = "$before" ]
}

# bats test_tags=C8,P1
@test "a descriptor of /proc/PID/mem that cannot be read gives no access" {
	refuses control "$M/control" mem "$s_pid" w <<<'EACCES attach'
	refuses control "$M/control" mem "$s_pid" path <<<'EBADF attach'
}

# bats test_tags=C8,P3
@test "a read-only descriptor of /proc/PID/mem gives no writable range" {
	expose s 0
	refuses control "$M/control" mem "$s_pid" r attach <<-EOT
		EACCES map flags=3 address=$s_address length=4096
		EACCES map flags=2 address=$s_address length=4096 offset=$size
		EACCES map flags=11
		EACCES allow length=4096
	EOT
}

# bats test_tags=C3,C8
@test "a structure that is too short gets EINVAL, a longer one E2BIG unless its tail is zero" {
	file=$(expose s 0)
	refuses "${session[@]}" file "$file" r <<-EOT
		EINVAL features size=0
		EINVAL features size=15
		EINVAL attach size=15
		EINVAL map size=47 flags=1 address=$s_address length=4096
		EINVAL unmap size=31 length=$size
		EINVAL allow size=31 length=4096
		EINVAL lock size=15
		EINVAL open size=15
		EINVAL info size=47
		EINVAL range size=31
		E2BIG features size=24 tail=1
		E2BIG attach size=24 tail=1
		E2BIG map size=56 tail=1 flags=1 address=$s_address length=4096
		E2BIG unmap size=40 tail=1 length=$size
		E2BIG allow size=40 tail=1 length=4096
		E2BIG lock size=24 tail=1
		E2BIG open size=24 tail=1
		E2BIG info size=72 tail=1
		E2BIG range size=48 tail=1
		E2BIG map size=0xffffffff flags=1 address=$s_address length=4096
	EOT
	run -0 call control "$M/control" mem "$s_pid" rw features size=24 attach size=24 \
		map size=56 flags=1 address="$s_address" length=4096 file "$file" r info size=72 info size=48 \
		range size=48 range size=32
}

# bats test_tags=C3,C8
@test "a bad pointer gets EFAULT, nonzero padding EINVAL, an unknown call ENOTTY" {
	file=$(expose s 0)
	refuses "${session[@]}" file "$file" r <<-EOT
		EFAULT features ptr=0
		EFAULT attach ptr=16
		EFAULT map ptr=0xffffffffff600000
		EFAULT unmap ptr=0
		EFAULT allow ptr=0
		EFAULT lock ptr=0
		EFAULT info ptr=0
		EFAULT range ptr=0
		EINVAL features reserved=1
		EOPNOTSUPP info flags=1
		ENOTTY features cmd=0xe7ff
		ENOTTY map cmd=0xe7ff
		ENOTTY info cmd=0xe7ff
		ENOTTY info cmd=0x5401
		ENOTTY features on=session
		ENOTTY attach on=session
		ENOTTY map on=control
		ENOTTY info on=control
		ENOTTY info on=session
		ENOENT range offset=$size
	EOT
}

# bats test_tags=C8,P3
@test "nobody but its maker may change a map file" {
	start_source mine as_user 1000 "$PROGS/a-source" 4
	expose mine 0
	refuses_as 1000 control "$M/control" mem "$mine_pid" rw attach <<-EOT
		EPERM map flags=0 address=$mine_address length=4096 offset=$size
		EPERM unmap length=$size
		EPERM allow length=4096
		EPERM lock
		EPERM map flags=5 address=$mine_address length=4096 uid=1001 gid=1000
	EOT
}

# bats test_tags=C5,C8
@test "a malformed LOCK is refused and locks nothing" {
	expose s 0
	refuses "${session[@]}" <<-EOT
		EINVAL lock reserved=1
		EOPNOTSUPP lock flags=2
		EOPNOTSUPP lock flags=3
	EOT
	run -0 call "${session[@]}" allow length=4096
}

# bats test_tags=C5
@test "a locked map file is changed by no session, root's neither, and still ends" {
	file=$(expose s 0)
	start_source mine as_user 1000 "$PROGS/a-source" 4
	mine_file=$(expose mine 0)
	run -0 call "${session[@]}" lock lock
	run -0 call control "$M/control" mem "$mine_pid" rw attach lock
	for pid in s mine; do
		declare -n address=${pid}_address number=${pid}_pid
		refuses control "$M/control" mem "$number" rw attach <<-EOT
			EPERM map flags=0 address=$address length=4096 offset=$((16 * size))
			EPERM unmap length=$size
			EPERM allow length=4096
		EOT
	done
	# What is not of its kind is not locked, and what the file shows goes on.
	run -0 call "${session[@]}" map flags=1 address="$s_address" length=4096 \
		map flags=0 map=1 address="$s_address" length=4096 offset=4096
	head -c 4096 "$file" >/dev/null
	rm "$file"
	run head -c 4096 "$file"
	[ "$status" != 0 ]
	kill "$mine_pid"
	retry 100 0.05 test ! -e "$mine_file"
	umount "$M"
}

# bats test_tags=C5
@test "a session that locks what is new makes files that nobody changes" {
	expose s 0
	run -0 call "${session[@]}" lock flags=1 map flags=1 address="$s_address" length=4096
	refuses "${session[@]}" <<-EOT
		EPERM map flags=0 map=1 address=$s_address length=4096 offset=4096
		EPERM unmap map=1 length=4096
		EPERM allow map=1 length=4096
	EOT
	# Another session's are not.
	run -0 call "${session[@]}" map flags=1 address="$s_address" length=4096 unmap map=2 length=4096
}

# bats test_tags=C8
@test "memory that is itself a mirror gets ELOOP" {
	file=$(expose s 0)
	background call file "$file" r mmap r hold
	retry 100 0.05 grep -q "$file" "/proc/$background_pid/maps"
	mirror=$(awk -v file="$file" '$6 == file { split($1, a, "-"); print "0x" a[1] }' "/proc/$background_pid/maps")
	refuses control "$M/control" mem "$background_pid" r attach <<-EOT
		ELOOP map flags=1 address=$mirror length=4096
	EOT
}

# bats test_tags=C8,C11
@test "whoever has no descriptor left gets EMFILE, and nothing is made" {
	# Standard ones, control, and for OPEN a session: there is no other.
	run -1 bash -c 'exec 3>&- 4>&-; ulimit -n 4; exec "$@"' bash "$PROGS/a-call" control "$M/control" attach fd=-1 pid=0
	[ "${lines[*]}" = "control OK attach EMFILE" ]
	run -1 bash -c 'exec 3>&- 4>&-; ulimit -n 5; exec "$@"' bash "$PROGS/a-call" control "$M/control" attach fd=-1 pid=0 \
		map flags=9 open map=0xffffffff
	[ "${lines[*]:2}" = "map OK 4294967295 open EMFILE" ]
}

# bats test_tags=C8,C11
@test "where the system has too many files open, ATTACH gets ENFILE" {
	most=$(cat /proc/sys/fs/file-max)
	touch "$BATS_TEST_TMPDIR/go"
	background as_user 1000 "$PROGS/a-call" control "$M/control" \
		sh "echo waits; while [ -e $BATS_TEST_TMPDIR/go ]; do :; done" attach fd=-1 pid=0
	retry 100 0.05 grep -q waits "$BATS_TEST_TMPDIR/background.out"
	echo 10 >/proc/sys/fs/file-max
	rm "$BATS_TEST_TMPDIR/go"
	wait "$background_pid" || true
	echo "$most" >/proc/sys/fs/file-max
	run -0 cat "$BATS_TEST_TMPDIR/background.out"
	[ "${lines[*]}" = "control OK waits attach ENFILE" ]
}

# bats test_tags=C8,L1
@test "once the source has exited, its session and its files say ESRCH" {
	file=$(expose s 0)
	run -1 call "${session[@]}" file "$file" r sh "kill -9 $s_pid; $(until_gone "$s_pid")" \
		map flags=1 address="$s_address" length=4096 unmap length="$size" allow length=4096 lock pread 0 \
		sh "until grep -qs 'remotefs-state:.gone' /proc/\$PPID/fdinfo/*; do sleep 0.05; done" info
	[ "${lines[*]:3}" = "file OK gone map ESRCH unmap ESRCH allow ESRCH lock ESRCH pread ESRCH info OK 2" ]
	[ ! -e "$M/$s_pid" ]
}

# bats test_tags=C9,L6
@test "a recycled PID is not reached, neither by an old session nor by an old descriptor" {
	background call "${session[@]}" sh "touch '$BATS_TEST_TMPDIR/ready'; while [ ! -e '$BATS_TEST_TMPDIR/go' ]; do sleep 0.05; done" \
		map flags=1 address="$s_address" length=4096 attach
	retry 100 0.05 test -e "$BATS_TEST_TMPDIR/ready"
	recycle "$s_pid"
	touch "$BATS_TEST_TMPDIR/go"
	wait "$background_pid" || true
	run -0 cat "$BATS_TEST_TMPDIR/background.out"
	[ "${lines[*]:3}" = "map ESRCH attach ESRCH" ]
	[ ! -e "$M/$s_pid" ]
}

# recycle PID: kill a source and have another one under the same PID
recycle() {
	local pid=$1 left
	kill -KILL "$pid"
	wait "$pid" || true
	for ((left = 50; left > 0; left--)); do
		echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
		"$PROGS/a-source" 4 <&"$s_in" >/dev/null 2>&1 3>&- &
		started+=($!)
		[ $! != "$pid" ] || return 0
	done
	return 1
}

# bats test_tags=C9,P5,L2
@test "the directory of a vfork child dies when the child calls exec" {
	child=$(tell s vfork)
	child=${child% *}
	started+=("$child")
	file=$(s_pid=$child expose s 0)
	run -1 call file "$file" r pread 0 sh "echo >$BATS_TEST_TMPDIR/s.in; $(until_gone "$child")" pread 0
	[ ! -e "$M/$child" ]
	[ "${lines[*]:1}" = "pread OK page 0 of $s_pid gone pread ESRCH" ]
	refuses control "$M/control" mem "$s_pid" r <<<"ESRCH attach pid=$child"
	run -0 call "${session[@]}" map flags=1 address="$s_address" length=4096
}

# bats test_tags=C9,P5,L2
@test "after an exec nothing of the new image is reached, and the directory is gone" {
	file=$(expose s 0)
	run -1 call mem "$s_pid" r control "$M/control" attach file "$file" r \
		sh "echo exec >$BATS_TEST_TMPDIR/s.in; $(until_gone "$s_pid")" \
		pread 0 map flags=1 address="$s_address" length=4096 attach
	[ "${lines[*]:4}" = "gone pread ESRCH map ESRCH attach ESRCH" ]
}

# bats test_tags=C11
@test "a session is close-on-exec" {
	run -0 call "${session[@]}" sh 'ls -l /proc/self/fd' sh 'cd /proc/$PPID/fd
		for fd in *; do case $(readlink $fd) in *remotefs-session*) grep flags ../fdinfo/$fd; esac; done'
	[[ $output != *remotefs-session* ]]
	[[ ${lines[-1]} =~ flags:.*02000002$ ]]
}

# bats test_tags=C9
@test "a process exposes its own memory without a descriptor" {
	run -1 call control "$M/control" attach fd=-1 pid=0 map flags=1 address=0x10000 length=4096
	[ "${lines[*]}" = "control OK attach OK map EFAULT" ]
	run -0 as_user 1000 "$PROGS/a-call" control "$M/control" attach fd=-1 pid=0 map flags=9 sh "ls $M/\$PPID"
	[ "${lines[-1]}" = as ]
}

# bats test_tags=C12
@test "the whole address space is one file whose offsets are addresses" {
	run -0 call "${session[@]}" map flags=9 file "$M/$s_pid/as" r pread "$((s_address + 8192))"
	[ "${lines[3]}" = "map OK 4294967295" ]
	[ "${lines[-1]}" = "pread OK page 2 of $s_pid" ]
	refuses "${session[@]}" file "$M/$s_pid/as" r <<-EOT
		EEXIST map flags=9
		EFAULT pread 0x10000
		EFAULT pread $(file_address)
		EFAULT pread $((s_address - 4096))
	EOT
}

# bats test_tags=X8,C8
@test "pages of a whole address space are made writable one by one" {
	run -0 call "${session[@]}" map flags=9 allow map=0xffffffff offset="$((s_address + 4096))" length=4096 \
		file "$M/$s_pid/as" rw pwrite "$((s_address + 4096))" "$(printf 'written\n.')"
	refuses "${session[@]}" file "$M/$s_pid/as" rw <<-EOT
		EACCES pwrite $s_address x
		EACCES pwrite $((s_address + 8192)) x
		EEXIST allow map=0xffffffff offset=$((s_address + 4096)) length=4096
		EEXIST allow map=0xffffffff offset=$s_address length=8192
	EOT
	[ "$(tell s 'print 1')" = written ]
}

# bats test_tags=C13,C4,C8
@test "ranges are placed in a live file and taken out again" {
	run -1 call "${session[@]}" map flags=1 address="$s_address" length=4096 file "$M/$s_pid/map-0" r \
		map address="$((s_address + 8192))" offset=12288 length=4096 pread 12288 pread 4096 \
		unmap offset=12288 length=4096 pread 12288 pread 0
	[ "${lines[6]}" = "pread OK page 2 of $s_pid" ]
	[ "${lines[7]}" = "pread EFAULT" ]
	[ "${lines[9]}" = "pread ESTALE" ]
	[ "${lines[10]}" = "pread OK page 0 of $s_pid" ]
}

# bats test_tags=C8,U7
@test "a write at the end of a file gets ENOSPC" {
	file=$(expose s "$WRITE")
	refuses file "$file" rw <<<"ENOSPC pwrite $size x"
}

# bats test_tags=C14,C4
@test "unlink revokes: a file that is open already reads ESTALE" {
	file=$(expose s 0)
	run -1 call file "$file" r pread 0 sh "rm $file" pread 0 info
	[ "${lines[*]:2}" = "pread ESTALE info OK 1" ]
	[ ! -e "$file" ]
	[ -d "$M/$s_pid" ]
	rmdir "$M/$s_pid"
	[ ! -e "$M/$s_pid" ]
}

# bats test_tags=C14
@test "rmdir of a directory with files revokes all of them" {
	file=$(expose s 0)
	file=$(expose s 0)
	run -1 call file "$file" r sh "rmdir $M/$s_pid" pread 0
	[ "${lines[*]}" = "file OK pread ESTALE" ]
	[ ! -e "$M/$s_pid" ]
	file=$(expose s 0)
	run -0 call file "$file" r pread 0
}

# bats test_tags=C14
@test "rm -r of a process's directory works" {
	expose s 0
	expose s 0
	run -0 rm -r "$M/$s_pid"
	[ "$(ls "$M")" = control ]
}

# bats test_tags=C14
@test "a map file belongs to the grantor, its directory to root" {
	start_source mine as_user 1000 "$PROGS/a-source" 4
	file=$(expose mine 0)
	[ "$(stat -c '%u:%g %a %s' "$file")" = "0:0 400 $size" ]
	[ "$(stat -c '%u:%g %a' "$M/$mine_pid")" = "0:0 1777" ]
	run -1 as_user 1000 cat "$file"
	file=$(expose mine "$WRITE")
	[ "$(stat -c %a "$file")" = 600 ]
	file=$(as_user 1000 "$PROGS/a-call" control "$M/control" mem "$mine_pid" r attach \
		map flags=1 address="$mine_address" length=4096 sh "stat -c '%u:%g %a' $M/$mine_pid/map-2" | tail -n 1)
	[ "$file" = "1000:1000 400" ]
}

# bats test_tags=C14
@test "the owner of a map file may unlink it, another user may not" {
	expose s "$OWNER" uid=1000 gid=1000
	run -1 as_user 1001 rm -f "$M/$s_pid/map-0"
	[[ $output == *"Operation not permitted"* ]]
	run -1 as_user 1000 rmdir "$M/$s_pid"
	[ -e "$M/$s_pid/map-0" ]
	run -0 as_user 1000 rm "$M/$s_pid/map-0"
}

# bats test_tags=C14
@test "nobody can create anything" {
	file=$(expose s 0)
	for dir in "$M" "$M/$s_pid"; do
		run -1 touch "$dir/new"
		run -1 mkdir "$dir/1234"
		run -1 ln -s x "$dir/link"
		run -1 ln "$file" "$dir/hard"
		run -1 mv "$file" "$dir/moved"
		run -1 mknod "$dir/node" c 1 3
	done
	run -1 rm -f "$M/control"
	[ "$(ls "$M/$s_pid")" = map-0 ]
}

# bats test_tags=C14
@test "chmod and chown delegate, and nothing else can be changed" {
	file=$(expose s 0)
	run -1 as_user 1001 cat "$file"
	chown 1001 "$file"
	run -0 as_user 1001 cat "$file"
	chown 0 "$file"
	chmod 0444 "$file"
	run -0 as_user 1001 cat "$file"
	run -1 as_user 1001 chmod 0400 "$file"
	run -1 truncate -s 0 "$file"
	[ "$(stat -c '%a %s' "$file")" = "444 $size" ]
}

# bats test_tags=C14
@test "a new file never gets the number of a revoked one" {
	rm "$(expose s 0)"
	[ "$(expose s 0)" = "$M/$s_pid/map-1" ]
}
