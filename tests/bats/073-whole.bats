#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 90
# not on debug in a whole run: 045 and 200 have whole address spaces there
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# A whole address space as one file: what it follows, what it refuses, and what
# it costs.

bats_require_minimum_version 1.5.0

setup() {
	load mirror
	mirror_setup
	start source m-source
	start viewer m-viewer
	ask source map 16
	a=$answer
	says source ok fill "$a" $((16 * page)) a
}

teardown() {
	local clone
	rm -f /dev/shm/saved
	for clone in "$dir"/[0-9]*; do
		[ ! -e "$clone/control" ] || umount "$clone"
	done
	mirror_teardown
}

# expose_whole [STEP...]: by a session that may do what $1 says, r or rw
expose_whole() {
	"$progs/a-call" control "$mnt/control" mem "${pid[source]}" "$1" attach map flags=9 "${@:2}"
	file=$mnt/${pid[source]}/as
}

# bats test_tags=X7
@test "a whole address space shows what comes, and no more what goes" {
	expose_whole r
	says viewer ok open "$file" r
	says viewer 2:aa pread 2 $a
	ask source map 4
	b=$answer
	says source ok fill "$b" $((4 * page)) b
	says viewer 2:bb pread 2 $b
	ask viewer mirror $((4 * page)) r s $b
	m=$answer
	says viewer b load "$m"
	says source ok unmap "$b" $page
	says viewer EFAULT pread 2 $b
	says viewer SIGBUS load "$m"
	says viewer b load $((m + page))
	ask source mapat "$b" 1
	says source ok store "$b" n
	says viewer n load "$m"
	says source ok protect $((b + page)) $page none
	says viewer SIGBUS load $((m + page))
	says viewer EFAULT pread 1 $((b + page))
	says source ok protect $((b + page)) $page rw
	says viewer b load $((m + page))
}

# bats test_tags=X7,X8,P3
@test "no write reaches a whole address space that is read-only, by whatever way" {
	expose_whole rw
	says viewer ok open "$file" r
	says viewer EBADF pwrite $a x
	says viewer EACCES mirror $page rw s $a
	says viewer EACCES mirror $page w s $a
	says viewer EACCES mirror $page rw p $a
	ask viewer mirror $page r s $a
	m=$answer
	says viewer a load "$m"
	says viewer SIGSEGV store "$m" x
	says viewer EACCES protect "$m" $page rw
	# Who may trace the viewer may write what the viewer may not, but not here.
	run -1 dd of=/proc/"${pid[viewer]}"/mem bs=1 count=1 seek="$m" conv=notrunc status=none <<<x
	says viewer EINVAL truncate 0
	ask viewer allocate $page
	[[ $answer == E* ]]
	says viewer ok close
	chmod 0666 "$file"
	says viewer EACCES open "$file" rw
	run -1 "$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw attach open map=0xffffffff flags=1
	[ "${lines[-1]}" = "open EACCES" ]
	run -1 "$progs/a-call" control "$mnt/control" mem "${pid[source]}" r attach \
		allow map=0xffffffff offset="$a" length=$page
	[ "${lines[-1]}" = "allow EACCES" ]
	says source a load "$a"
}

# bats test_tags=X8
@test "a page of a whole address space that is made writable leaves its neighbours read-only" {
	expose_whole rw allow map=0xffffffff offset=$((a + 3 * page)) length=$((2 * page))
	chmod 0600 "$file"
	says viewer ok open "$file" rw
	ask viewer mirror $((8 * page)) rw s $a
	m=$answer
	for i in 0 1 2 5 6 7; do
		says viewer a load $((m + i * page))
		says viewer SIGBUS store $((m + i * page)) x
		says viewer EACCES pwrite $((a + i * page)) x
		says viewer SIGBUS store $((m + i * page + page - 1)) x
	done
	for i in 3 4; do
		says viewer ok store $((m + i * page)) w
		says source w load $((a + i * page))
		says viewer 1: pwrite $((a + i * page + page - 1)) z
		says source z load $((a + i * page + page - 1))
	done
	# Across the border as much as is allowed, and nothing of the rest.
	says viewer 1: pwrite $((a + 5 * page - 1)) yy
	says source y load $((a + 5 * page - 1))
	says source a load $((a + 5 * page))
}

# bats test_tags=X7,M18,M19
@test "cp --sparse of a whole address space saves a process, and takes what it has" {
	ask source map $((1 << 24))
	far=$((answer + (1 << 33)))
	says source ok fill $far $((3 * page)) z
	expose_whole r
	# What is not anonymous is a hole, so the copy has no more than the process.
	# A disk's filesystem has no files of that size.
	saved=/dev/shm/saved
	timeout 60 cp --sparse=always "$file" $saved
	same "$(dd if=$saved bs=$page skip=$((far / page)) count=3 status=none | tr -d z | wc -c)" 0
	cmp -n $((16 * page)) -i "$a" "$file" $saved
	same "$(stat -c %s $saved)" "$(stat -c %s "$file")"
	[ "$(stat -c %b $saved)" -lt 16384 ]
}

# bats test_tags=X9
@test "1,000 clones of a process with 10,000 mappings coexist, and one takes less than 50 ms" {
	ulimit -n 8192
	run -0 "$progs/m-clone" "$dir" 1000 10000
	[ "${lines[0]}" = "made 1000" ]
	read -r _ before after <<<"${lines[1]}"
	[ "$before" = "$after" ]
	read -r _ fastest <<<"${lines[2]}"
	echo "# fastest clone: $fastest ns" >&3
	[ "$fastest" -lt 50000000 ]
}
