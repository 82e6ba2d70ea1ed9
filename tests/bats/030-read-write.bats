#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 200
# not on debug in a whole run: five minutes there, where 090 and the torture read and write too
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# A map file as a file: reading, writing, seeking, and what ls says.

bats_require_minimum_version 1.5.0

setup_file() {
	load mirror
	swap_begin
}

teardown_file() {
	load mirror
	swap_end
}

setup() {
	load mirror
	mirror_setup
}

teardown() {
	mirror_teardown
}

# bats test_tags=M18
@test "cat, cmp, xxd and sha256sum give exactly the source's bytes" {
	scene 300 ro
	says source ok count "$a" $((300 * page))
	says source ok write "$a" $((300 * page)) "$dir/truth"
	cmp "$file" "$dir/truth"
	cat "$file" >"$dir/copy"
	cmp "$dir/copy" "$dir/truth"
	same "$(sha256sum <"$file")" "$(sha256sum <"$dir/truth")"
	same "$(xxd -s 5000 -l 5000 "$file" | cksum)" "$(xxd -s 5000 -l 5000 "$dir/truth" | cksum)"
}

# bats test_tags=M18
@test "dd reads single bytes, and blocks that straddle pages" {
	scene 4 ro
	says source ok count "$a" $((4 * page))
	says source ok write "$a" $((4 * page)) "$dir/truth"
	for how in "bs=1 skip=4090 count=12" "bs=5000 skip=1 count=1" "bs=4097" "bs=7 skip=584 count=3"; do
		dd if="$file" of="$dir/got" $how 2>/dev/null
		dd if="$dir/truth" of="$dir/expected" $how 2>/dev/null
		cmp "$dir/got" "$dir/expected"
	done
}

# bats test_tags=M18
@test "pread, preadv and lseek work to the byte" {
	scene 2 ro
	says source ok store $((a + 4095)) b
	says source ok store $((a + 4096)) c
	says viewer 4:abca pread 4 4094
	says viewer 8:abcaaaaa preadv 4094
	says viewer 5 seek set 5
	says viewer $((2 * page)) seek end 0
	says viewer 3:aaa pread 100 $((2 * page - 3))
	says viewer 0: pread 100 $((2 * page))
	says viewer 0: pread 100 $((20 * page))
}

# bats test_tags=M1,M18
@test "bytes written reach the source, and no others change" {
	scene 3 rw
	printf hello | dd of="$file" bs=1 seek=4094 conv=notrunc 2>/dev/null
	says source a load $((a + 4093))
	says source h load $((a + 4094))
	says source o load $((a + 4098))
	says source a load $((a + 4099))
	says viewer 5: pwrite 100 world
	says source w load $((a + 100))
	says viewer d load $((m + 104))
}

# bats test_tags=M18
@test "a block of many pages is written whole" {
	scene 300 rw
	head -c $((300 * page)) /dev/urandom >"$dir/data"
	dd if="$dir/data" of="$file" bs=200000 conv=notrunc 2>/dev/null
	says source ok write "$a" $((300 * page)) "$dir/truth"
	cmp "$dir/data" "$dir/truth"
}

# bats test_tags=M18
@test "a map file reads into its own mirror, and into memory not yet there" {
	scene 4 rw
	ask viewer map 4
	b=$answer
	says viewer $((4 * page)): readat "$b" $((4 * page)) 0
	says viewer a load $((b + 5000))
	says source ok store "$a" b
	says viewer 10: readat $((m + page)) 10 0
	says source b load $((a + page))
	says viewer EFAULT readat 4096 10 0
}

# bats test_tags=M3
@test "memory that was never touched reads as zeros and stays untouched" {
	start source m-source
	ask source map 64
	a=$answer
	says source ok store $((a + 5 * page)) x
	expose source "$a" $((64 * page)) ro
	anon source
	before=$answer
	run -0 cmp -n $((5 * page)) "$file" /dev/zero
	run -0 cmp -i $((6 * page)):0 -n $((58 * page)) "$file" /dev/zero
	anon source
	same "$answer" "$before"
	says source none frame "$a"
	says source none frame $((a + 63 * page))
}

# bats test_tags=M2
@test "what is not anonymous never reads" {
	scene 8 rw
	for kind in file shmem memfd_secret; do
		ask source special $kind $((a + page)) $page
		[ "$answer" != ok ] || says viewer EFAULT pread 10 $page
		[ "$answer" != ok ] || says viewer EFAULT pwrite $page x
		says source $((a + page)) mapat $((a + page)) 1
		says viewer 3: pread 3 $page
	done
}

# bats test_tags=M2
@test "what is not anonymous cannot be exposed" {
	scene 8 rw
	for kind in file shmem; do
		says source ok special $kind $((a + page)) $page
		refused EFAULT source map "$a" $((a + 4 * page)) ro
		refused EFAULT source map $((a + page)) $((a + 2 * page)) ro
	done
	refused EFAULT source map $((a - 64 * page)) $((a + page)) ro
}

# bats test_tags=M10
@test "writing to memory that is read-only in the source gives EFAULT" {
	scene 2 rw
	says source ok protect $((a + page)) $page r
	says viewer EFAULT pwrite $page x
	says viewer 2: pwrite $((page - 2)) xyz
	says source y load $((a + page - 1))
	says source a load $((a + page))
}

# bats test_tags=M17
@test "a read ends at a hole, and the next one gives EFAULT until it is filled" {
	scene 4 ro
	says source ok unmap $((a + 2 * page)) $page
	says viewer 6:aaaaaa pread 100 $((2 * page - 6))
	says viewer EFAULT pread 100 $((2 * page))
	says viewer 3:aaa pread 3 $((3 * page))
	run -1 cat "$file"
	[[ $output == *"Bad address"* ]]
	says source $((a + 2 * page)) mapat $((a + 2 * page)) 1
	says source ok fill $((a + 2 * page)) $page b
	says viewer 3:bbb pread 3 $((2 * page))
	says source ok protect $((a + 2 * page)) $page none
	says viewer EFAULT pread 1 $((2 * page))
}

# bats test_tags=M18
@test "SEEK_DATA and SEEK_HOLE find what was touched" {
	scene 16 ro
	says source ok advise $((a + 4 * page)) $((4 * page)) dontneed
	says source ok unmap $((a + 12 * page)) $((2 * page))
	says viewer $((4 * page)) seek hole 100
	says viewer $((8 * page)) seek data $((4 * page))
	says viewer $((8 * page + 9)) seek data $((8 * page + 9))
	says viewer $((12 * page)) seek hole $((8 * page))
	says viewer $((14 * page)) seek data $((12 * page))
	says viewer $((16 * page)) seek hole $((15 * page))
	says viewer ENXIO seek data $((16 * page))
}

# bats test_tags=M17,M18
@test "a guard region is a hole: nobody reads it, and cp --sparse leaves it out" {
	scene 8 ro
	ask source advise $((a + 2 * page)) $((2 * page)) guard
	[ "$answer" = ok ] || skip "this kernel has no guard regions ($answer)"
	says viewer a load "$m"
	says viewer SIGBUS load $((m + 2 * page))
	says viewer EFAULT pread 1 $((3 * page))
	says viewer $((2 * page)) seek hole 0
	says viewer $((4 * page)) seek data $((2 * page))
	cp --sparse=always "$file" "$dir/copy"
	cmp -n $((2 * page)) "$file" "$dir/copy"
	cmp -i $((4 * page)) "$file" "$dir/copy"
	says source ok advise $((a + 2 * page)) $((2 * page)) noguard
	says source ok store $((a + 2 * page)) n
	says viewer n load $((m + 2 * page))
}

# The kernel takes entries out for a moment, to put them back aged or with other
# rights, and tells nobody.
# bats test_tags=M5,M18
@test "pages whose age the kernel looks at never read as zeros, nor as holes" {
	scene 64 ro
	says source ok advise "$a" $((64 * page)) nohuge
	says source ok fill "$a" $((64 * page)) n
	echo "cool $a $((64 * page))" >&"${in[source]}"
	run "$progs/m-steady" "$file" n 3
	[ "$status" = 0 ] || fail "$output"
	stop source
}

# bats test_tags=M18
@test "swapped-out pages are data, and cp --sparse keeps them" {
	scene 8 ro
	says source ok advise $((a + page)) $page dontneed
	retry 20 swap_out source $((a + 2 * page))
	says viewer $((2 * page)) seek data $page
	says viewer $((8 * page)) seek hole $((2 * page))
	retry 20 swap_out source $((a + 2 * page))
	cp --sparse=always "$file" "$dir/copy"
	says source ok write "$a" $((8 * page)) "$dir/truth"
	cmp "$dir/copy" "$dir/truth"
}

# bats test_tags=M19
@test "ls lists exactly the live files" {
	scene 4 ro
	expose source "$a" $page rw
	same "$(ls "$mnt/${pid[source]}")" "map-0"$'\n'"map-1"
	same "$(ls "$mnt")" "${pid[source]}"$'\n'"control"
	rm -f "$mnt/${pid[source]}/map-0"
	same "$(ls "$mnt/${pid[source]}")" map-1
	[ ! -e "$mnt/${pid[source]}/map-0" ]
	[ ! -e "$mnt/${pid[source]}/map-01" ]
	attach source as ro
	same "$(ls "$mnt/${pid[source]}")" "as"$'\n'"map-1"
}

# bats test_tags=M19
@test "size, blocks and preferred block size are what tools need" {
	scene 4 ro
	same "$(stat -c '%s %o %F' "$file")" "$((4 * page)) 65536 regular file"
	blocks=$(stat -c %b "$file")
	[ "$blocks" -gt 0 ]
	[ "$blocks" -lt $((4 * page / 512)) ]
	expose source "$a" $page ro
	blocks=$(stat -c %b "$file")
	[ "$blocks" -gt 0 ]
	[ "$blocks" -lt 8 ]
}

# bats test_tags=M19
@test "times change by writing through the file, and by nothing else" {
	scene 4 rw
	before=$(stat -c '%y %z' "$file")
	cat "$file" >/dev/null
	says source ok store "$a" x
	says viewer x load "$m"
	same "$(stat -c '%y %z' "$file")" "$before"
	says viewer 1: pwrite 0 y
	[ "$(stat -c '%y %z' "$file")" != "$before" ]
}

# bats test_tags=M19
@test "tar -S keeps the data" {
	scene 16 ro
	says source ok advise $((a + 4 * page)) $((4 * page)) dontneed
	tar -C "${file%/*}" -cSf "$dir/archive" "${file##*/}"
	tar -C "$dir" -xf "$dir/archive"
	cmp "$dir/${file##*/}" "$file"
}

# bats test_tags=P3
@test "a read-only range cannot be opened for writing, whatever its mode" {
	scene 2 ro
	says viewer EACCES open "$file" rw
	chmod 0666 "$file"
	says viewer EACCES open "$file" rw
	run -1 dd if=/dev/zero of="$file" bs=1 count=1 conv=notrunc
	[[ $output == *"Permission denied"* ]]
	says source a load "$a"
}

# bats test_tags=P3
@test "a mapping of a read-only range cannot become writable" {
	scene 2 ro
	chmod 0666 "$file"
	says viewer EACCES protect "$m" $page rw
	says viewer EACCES mirror $page rw s
	says viewer SIGSEGV store "$m" x
	says viewer EBADF pwrite 0 x
}

# bats test_tags=P3
@test "a read-only range stays so under a bind mount that is read-write" {
	scene 2 ro
	touch "$dir/bound"
	mount --bind "$file" "$dir/bound"
	mount -o remount,bind,rw "$dir/bound"
	says viewer EACCES open "$dir/bound" rw
	says viewer ok open "$dir/bound" r
	says viewer EACCES mirror $page rw s
	says viewer ok close
	umount "$dir/bound"
}

# bats test_tags=P3
@test "a descriptor opened for reading stays so after a part is made writable" {
	scene 4 ro
	attach source allow 0 $page $page
	says viewer EBADF pwrite $page x
	says viewer EACCES mirror $page rw s $page
	says viewer ok open "$file" rw
	says viewer 1: pwrite $page x
	says viewer EACCES pwrite 0 x
	says viewer EACCES pwrite $((2 * page)) x
	ask viewer mirror $((4 * page)) rw s
	m=$answer
	says viewer ok store $((m + page + 1)) y
	says viewer SIGBUS store $((m + 2 * page)) z
	says viewer SIGBUS store $((m + page - 1)) z
	says source y load $((a + page + 1))
}

# bats test_tags=P3,A4,M9
@test "a write that is not allowed neither adds to the source nor breaks its sharing" {
	scene 4 ro
	attach source allow 0 0 $page
	says source ok advise $((a + page)) $page dontneed
	fork_of source child
	ask source frame $((a + 2 * page))
	frame=$answer
	says viewer ok open "$file" rw
	says viewer EACCES pwrite $page x
	says viewer EACCES pwrite $((2 * page)) x
	says source none frame $((a + page))
	says source "$frame" frame $((a + 2 * page))
	ask viewer mirror $((4 * page)) rw s
	m=$answer
	says viewer SIGBUS store $((m + page)) x
	says source none frame $((a + page))
}

# bats test_tags=U7
@test "truncation at open is ignored, and appending says that there is no space" {
	scene 2 rw
	printf xy >"$file"
	says source x load "$a"
	says source a load $((a + 2))
	same "$(stat -c %s "$file")" $((2 * page))
	run -1 bash -c "echo z >>'$file'"
	[[ $output == *"No space left on device"* ]]
	says viewer ENOSPC pwrite $((2 * page)) x
}

# bats test_tags=U7
@test "the size cannot be changed" {
	scene 2 rw
	says viewer EPERM truncate 0
	says viewer EPERM truncate $((4 * page))
	says viewer ok truncate $((2 * page))
	says viewer EOPNOTSUPP allocate $((4 * page))
	run -1 truncate -s 0 "$file"
	[[ $output == *"Operation not permitted"* ]]
	says source a load "$a"
}

# bats test_tags=U7
@test "names, links and attributes cannot be changed" {
	scene 2 rw
	run -1 mv "$file" "${file%/*}/other"
	[[ $output == *"Operation not permitted"* ]]
	run -1 ln "$file" "${file%/*}/other"
	[[ $output == *"Operation not permitted"* ]]
	run -1 setfattr -n user.x -v y "$file"
	[[ $output == *"Operation not supported"* ]]
	run -1 touch "${file%/*}/new"
	run -1 mkdir "${file%/*}/new"
	same "$(ls "${file%/*}")" map-0
}

# bats test_tags=U7
@test "a map file is never executable and never carries set-id bits" {
	scene 2 rw
	for mode in +x u+s g+s +t 0700; do
		run -1 chmod "$mode" "$file"
		[[ $output == *"Operation not permitted"* ]]
	done
	same "$(stat -c %a "$file")" 600
	chmod 0640 "$file"
	same "$(stat -c %a "$file")" 640
}
