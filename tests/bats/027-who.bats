#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Who may do what with a map file: the table of ioctl_remotefs(2), cell by cell,
# and what a descriptor carries when it is passed on.
#
# What is expected is read from the table; here stands how each cell is tried.
#
# seconds: 200
# not on debug in a whole run: five minutes there, where 020 and 025 ask most of it
# not on bookworm in a whole run: remotefs alone decides here, on each kernel by the same code
# not on forky in a whole run: likewise

# What start_source sets is not seen by shellcheck.
# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
load helpers

page=/usr/share/man/man2/ioctl_remotefs.2

setup() {
	setup_mount control_mode=0666
	start_source s "$PROGS/a-source" 4
	size=$((4 * 4096))
	file=$M/$s_pid/map-0
	# Nobody but root could open it; what is asked here comes after that.
	exec {mem}<>"/proc/$s_pid/mem"
	session=(control "$M/control" attach fd="$mem" pid="$s_pid")
	sockets=$BATS_TEST_TMPDIR/sockets
	mkdir -m 1777 "$sockets"
}

teardown() {
	[ -z "${mem-}" ] || exec {mem}>&-
	teardown_mount
}

# as_user_with CAPABILITY UID COMMAND...: with that one
as_user_with() {
	$in_background setpriv --reuid="$2" --regid="$2" --clear-groups \
		--inh-caps="+$1" --ambient-caps="+$1" "${@:3}"
}

# What the maker needs to give a file away is no help for the rest.
as_maker() { as_user_with chown 1000 "$@"; }
without_capability() { echo "exec setpriv --inh-caps=-all --ambient-caps=-all $*"; }

# as_column COLUMN COMMAND...: as who is in that column of the table
as_column() {
	case $1 in
	2) as_user 1000 "${@:2}" ;;
	3) as_user 1001 "${@:2}" ;;
	4) as_user_with sys_admin 1001 "${@:2}" ;;
	5) as_user 1002 "${@:2}" ;;
	6) as_user 1003 "${@:2}" ;;
	7) "${@:2}" ;;
	esac
}

# One row of the page's table: its cells.
read_row() {
	IFS=$'\t' read -r -a row < <(awk -F '\t' -v name="$1" '
		/^\.TS/ { table = 1 }
		/^\.TE/ { table = 0 }
		table && $1 == name' "$page")
	[ ${#row[@]} = 8 ] || {
		echo "no row '$1' in $page"
		return 1
	}
}

# expected COLUMN kept|given: what the row says of a file that is its maker's, or not
expected() {
	local cell=${row[$1]}

	[ "$cell:$2" != owner:given ] || cell=${row[6]}
	case $cell in
	yes | owner) echo OK ;;
	\\-) echo ENOTTY ;;
	*) echo "$cell" ;;
	esac
}

# Steps of a-call that make the file as the table has it, as map-0.
making() {
	local flags=$((NEW | WRITE))

	steps=("${session[@]}" map)
	if [ "$1" = given ]; then
		steps+=(uid=1002 gid=1002)
		flags=$((flags | OWNER))
	fi
	steps+=(flags="$flags" address="$s_address" length="$size")
	[ "$2" = unlocked ] || steps+=(lock)
}

# try_cell COLUMN kept|given locked|unlocked STEP...: the step's own word is $answer
try_cell() {
	local column=$1 steps
	local step=("${@:4}")

	rm -r "${M:?}/$s_pid" 2>/dev/null || true
	making "$2" "$3"
	if [ "$column" = 1 ]; then
		# A name is tried by a child of whoever has the session.
		[[ ${step[*]} != *"$M"* ]] || step=(sh "$(without_capability "$PROGS/a-call" "${step[@]}")")
		run as_maker "$PROGS/a-call" "${steps[@]}" "${step[@]}"
	else
		run -0 as_maker "$PROGS/a-call" "${steps[@]}"
		steps=("${session[@]}")
		if [ "$column" -gt 4 ]; then
			steps=(control "$M/control")
			[[ ${step[*]} == *"$M"* ]] || step+=(on=control)
		fi
		run as_column "$column" "$PROGS/a-call" "${steps[@]}" "${step[@]}"
	fi
	[[ ${lines[*]:0:${#lines[@]}-1} != *' E'[A-Z]* ]]
	answer=${lines[-1]#* }
}

# check_row ROW WHEN-LOCKED STEP...: "same", or what columns 1 to 4 get then
check_row() {
	local when_locked=$2 row column ownership lock want

	read_row "$1"
	for lock in unlocked locked; do
		for column in 1 2 3 4 5 6 7; do
			for ownership in kept given; do
				# Whose it is makes a difference to whom it may be.
				[ "$ownership" = given ] || [ "$column" -lt 3 ] || continue
				want=$(expected "$column" "$ownership")
				[ "$lock" = unlocked ] || [ "$when_locked" = same ] || [ "$column" -gt 4 ] ||
					want=$when_locked
				echo "cell: $1, column $column, $ownership, $lock: $want"
				try_cell "$column" "$ownership" "$lock" "${@:3}"
				[ "${answer%% *}" = "$want" ]
			done
		done
	done
}

# bats test_tags=C16,C1,C5
@test "MAP on an existing file: each cell of the table" {
	check_row "MAP, UNMAP, ALLOW" EPERM map flags=0 address="$s_address" offset="$size" length=4096
}

# bats test_tags=C16,C1,C5
@test "UNMAP: each cell of the table" {
	check_row "MAP, UNMAP, ALLOW" EPERM unmap length="$size"
}

# bats test_tags=C16,C1,C5
@test "ALLOW: each cell of the table" {
	check_row "MAP, UNMAP, ALLOW" EPERM allow length=4096
}

# bats test_tags=C16,C1,C5
@test "LOCK: each cell of the table" {
	check_row LOCK same lock
}

# bats test_tags=C16
@test "OPEN: each cell of the table" {
	check_row OPEN same open flags=1
}

# bats test_tags=C14
@test "unlink: each cell of the table" {
	check_row unlink same unlink "$file"
}

# bats test_tags=C14
@test "rmdir: each cell of the table" {
	check_row rmdir same rmdir "$M/$s_pid"
}

# bats test_tags=C14
@test "chmod: each cell of the table" {
	check_row chmod same chmod "$file" 0640
}

# bats test_tags=C14
@test "chown: each cell of the table" {
	check_row chown same chown "$file" 1003
}

# bats test_tags=C14
@test "opening for reading: each cell of the table" {
	check_row "open to read" same file "$file" r
}

# bats test_tags=C14
@test "opening for writing: each cell of the table" {
	check_row "open to write" same file "$file" rw
}

# bats test_tags=C14
@test "other capabilities do for a map file what they do for any file" {
	making given unlocked
	run -0 as_maker "$PROGS/a-call" "${steps[@]}"
	run -1 as_user_with dac_override 1003 "$PROGS/a-call" file "$file" rw pread 0 chmod "$file" 0640 unlink "$file"
	[ "${lines[*]}" = "file OK pread OK page 0 of $s_pid chmod EPERM unlink EPERM" ]
	run -1 as_user_with fowner 1003 "$PROGS/a-call" chmod "$file" 0640 file "$file" r chown "$file" 1003 unlink "$file"
	[ "${lines[*]}" = "chmod OK file EACCES chown EPERM unlink OK" ]
	run -0 as_maker "$PROGS/a-call" "${session[@]}" map flags=5 uid=1002 address="$s_address" length=4096
	run -0 as_user 1002 chgrp 1002 "$M/$s_pid/map-1"
	run -1 as_user 1002 chgrp 1003 "$M/$s_pid/map-1"
}

# bats test_tags=C14
@test "who may write the root directory may remove a source's, unless that is sticky" {
	for mode in 01777 0777; do
		umount "$M"
		mount -t remotefs none "$M" -o "control_mode=0666,mode=$mode"
		making kept unlocked
		run -0 as_maker "$PROGS/a-call" "${steps[@]}"
		run as_user 1003 "$PROGS/a-call" rmdir "$M/$s_pid"
		[ "$output" = "$([ $mode = 0777 ] && echo rmdir OK || echo rmdir EPERM)" ]
	done
}

# bats test_tags=C1
@test "an open map file is no session, for its owner and for root neither" {
	making given unlocked
	run -0 as_maker "$PROGS/a-call" "${steps[@]}"
	for column in 5 7; do
		refuses_by as_column $column "$PROGS/a-call" file "$file" rw <<-EOT
			ENOTTY map on=file flags=0 address=$s_address offset="$size" length=4096
			ENOTTY unmap on=file length="$size"
			ENOTTY allow on=file length=4096
			ENOTTY lock on=file
			ENOTTY open on=file
		EOT
	done
}

# receiver UID KIND STEP...: a user who waits for a descriptor and then takes these
# steps; "send KIND $sockets/UID" passes it
receiver() {
	background as_user "$1" "$PROGS/a-call" receive "$2" "$sockets/$1" "${@:3}"
}

# What the receiver said, once it has ended.
answers() {
	wait "$background_pid" || true
	run -0 cat "$BATS_TEST_TMPDIR/background.out"
}

# bats test_tags=C16
@test "whoever is passed a session acts as its attacher" {
	receiver 1003 session map flags=3 address="$s_address" length=4096 sh "stat -c %u:%g $file" \
		open flags=1 pwrite 0 received allow length=4096 unmap length=4096 file "$file" r
	run -0 as_user 1000 "$PROGS/a-call" "${session[@]}" send session "$sockets/1003"
	answers
	[ "${lines[*]}" = "receive OK map OK 0 1000:1000 open OK pwrite OK allow OK unmap OK file EACCES" ]
	[[ $(tell s 'print 0') == received* ]]
}

# bats test_tags=C16,P3
@test "a session that was made for reading does not write for whom it is passed to" {
	exec {read_only}<"/proc/$s_pid/mem"
	receiver 1003 session map flags=1 address="$s_address" length=4096 map flags=3 address="$s_address" length=4096 \
		allow length=4096 open flags=1 open pread 0
	run -0 as_user 1000 "$PROGS/a-call" control "$M/control" attach fd="$read_only" pid="$s_pid" \
		send session "$sockets/1003"
	exec {read_only}<&-
	answers
	[ "${lines[*]}" = "receive OK map OK 0 map EACCES allow EACCES open EACCES open OK pread OK page 0 of $s_pid" ]
}

# bats test_tags=C16
@test "a capability of the attacher is not passed on with the session" {
	making kept unlocked
	run -0 as_maker "$PROGS/a-call" "${steps[@]}"
	receiver 1003 session map flags=0 address="$s_address" offset="$size" length=4096 unmap length="$size" open
	run -0 call "${session[@]}" open send session "$sockets/1003"
	answers
	[ "${lines[*]}" = "receive OK map EPERM unmap EPERM open EPERM" ]
}

# bats test_tags=C1
@test "whoever is passed an access descriptor reads and writes that file, and no more" {
	making kept unlocked
	receiver 1003 file pread 4096 pwrite 8192 received mmap rw map on=file flags=1 address="$s_address" length=4096 \
		file "$file" r
	run -0 as_maker "$PROGS/a-call" "${steps[@]}" open flags=1 send file "$sockets/1003"
	answers
	[ "${lines[*]}" = "receive OK pread OK page 1 of $s_pid pwrite OK mmap OK map ENOTTY file EACCES" ]
	[[ $(tell s 'print 2') == received* ]]
}

# bats test_tags=C4
@test "what was passed on ends with the file" {
	making kept unlocked
	receiver 1003 file pread 0 sh "touch $sockets/ready; while [ -e $file ]; do sleep 0.05; done" pread 0
	run -0 as_maker "$PROGS/a-call" "${steps[@]}" open send file "$sockets/1003"
	retry 100 0.05 test -e "$sockets/ready"
	rm "$file"
	answers
	[ "${lines[*]}" = "receive OK pread OK page 0 of $s_pid pread ESTALE" ]
}
