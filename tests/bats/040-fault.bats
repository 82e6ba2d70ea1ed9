#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 200
# not on debug in a whole run: two minutes there, where 055 and the torture fault in every way
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# What a mirror shows, and what it costs the source.

bats_require_minimum_version 1.5.0

setup() {
	load mirror
	mirror_setup
}

teardown() {
	mirror_teardown
}

# bats test_tags=M1
@test "a byte that the source stores shows in the mirror at once" {
	scene 4 ro
	says viewer a load $((m + 5000))
	says source ok store $((a + 5000)) b
	says viewer b load $((m + 5000))
}

# bats test_tags=M1
@test "a byte that the viewer stores shows in the source at once" {
	scene 4 rw
	says viewer ok store $((m + 5000)) c
	says source c load $((a + 5000))
	says source ok store $((a + 5001)) d
	says viewer d load $((m + 5001))
}

# bats test_tags=M3
@test "memory that was never touched shows as zeros, and later as what is stored" {
	scene 4 ro
	says source ok advise "$a" $((4 * page)) dontneed
	anon source
	before=$answer
	says viewer 4 touch "$m" $((4 * page))
	anon source
	same "$answer" "$before"
	says source ok store "$a" x
	says viewer x load "$m"
}

# bats test_tags=M9,A4
@test "reading a writable mirror adds no memory to the source" {
	scene 256 rw
	says source ok advise "$a" $((256 * page)) dontneed
	anon source
	before=$answer
	says viewer 256 touch "$m" $((256 * page))
	anon source
	same "$answer" "$before"
	says viewer ok store "$m" x
	says source x load "$a"
}

# bats test_tags=M9
@test "reading a writable mirror leaves pages shared with a forked child" {
	scene 1 rw
	fork_of source child
	ask source frame "$a"
	frame=$answer
	says viewer a load "$m"
	says source "$frame" frame "$a"
	says child "$frame" frame "$a"
	says viewer ok store "$m" x
	says source x load "$a"
	says child a load "$a"
}

# bats test_tags=A4
@test "a read-only viewer cannot make the source's memory grow" {
	scene 512 ro
	says source ok advise "$a" $((512 * page)) dontneed
	says source ok advise "$a" $((512 * page)) huge
	anon source
	before=$answer
	says viewer 512 touch "$m" $((512 * page))
	cat "$file" >"$BATS_TEST_TMPDIR/copy"
	anon source
	same "$answer" "$before"
}

# bats test_tags=M10
@test "a store to memory that is read-only in the source gives SIGBUS" {
	scene 2 rw
	says source ok protect "$a" $page r
	says viewer SIGBUS store "$m" x
	says viewer a load "$m"
	says viewer ok store $((m + page)) x
	says source ok protect "$a" $page rw
	says viewer ok store "$m" x
	says source x load "$a"
}

# bats test_tags=M2
@test "a mirror of file memory gives SIGBUS" {
	scene 4 ro
	says source ok special file $((a + page)) $page
	says viewer SIGBUS load $((m + page))
	says viewer a load "$m"
}

# bats test_tags=M2
@test "a mirror of shared memory gives SIGBUS" {
	scene 4 ro
	says source ok special shmem "$a" $page
	says viewer SIGBUS load "$m"
	says viewer a load $((m + page))
}

# bats test_tags=M2
@test "a mirror of huge pages from hugetlbfs gives SIGBUS" {
	echo 2 >/proc/sys/vm/nr_hugepages
	for kind in hugetlb private; do
		start "$kind" m-source
		ask "$kind" map 512
		a=$answer
		expose "$kind" "$a" $huge rw
		says "$kind" ok special "$kind" "$a" $huge
		start "viewer-$kind" m-viewer
		says "viewer-$kind" ok open "$file" rw
		ask "viewer-$kind" mirror $huge rw s
		m=$answer
		says "viewer-$kind" SIGBUS load "$m"
		says "viewer-$kind" SIGBUS store "$m" x
	done
	echo 0 >/proc/sys/vm/nr_hugepages
}

# bats test_tags=M2
@test "a mirror of the vDSO gives SIGBUS" {
	scene 4 ro
	ask source vdso
	vdso=$answer
	refused EFAULT source map "$vdso" $((vdso + page)) ro
	attach source as ro
	says viewer ok open "$mnt/${pid[source]}/as" r
	says viewer EFAULT pread 1 "$vdso"
	ask viewer mirror $page r s "$vdso"
	says viewer SIGBUS load "$answer"
}

# bats test_tags=M2,P7
@test "a mirror of secret memory gives SIGBUS" {
	scene 4 ro
	ask source special memfd_secret "$a" $page
	[ "$answer" = ok ] || skip "this kernel has no memfd_secret ($answer)"
	says viewer SIGBUS load "$m"
}

# bats test_tags=M24
@test "memory that mirrors another process is refused with ELOOP" {
	scene 4 ro
	refused ELOOP viewer map "$m" $((m + page)) ro
}

# bats test_tags=M2,M24
@test "a process with a mirror can be exposed whole, but for the mirror" {
	scene 4 ro
	ask viewer map 4
	b=$answer
	says viewer ok fill "$b" $((4 * page)) b
	says viewer a load "$m"
	attach viewer as ro
	start third m-viewer
	says third ok open "$mnt/${pid[viewer]}/as" r
	says third EFAULT pread 1 "$m"
	says third 1:b pread 1 "$b"
	ask third mirror $page r s "$m"
	says third SIGBUS load "$answer"
	ask third mirror $page r s "$b"
	t=$answer
	says third b load "$t"
	says viewer ok store "$b" x
	says third x load "$t"
	ask viewer mirror $page r s
	says viewer a load "$answer"
}

# bats test_tags=M2,M24
@test "a mirror that moves into exposed memory is never shown on" {
	scene 4 ro
	start third m-viewer
	ask viewer map 4
	b=$answer
	expose viewer "$b" $((4 * page)) ro
	says viewer ok unmap "$b" $((4 * page))
	says viewer "$b" mirror $page r sf 0 "$b"
	says third ok open "$file" r
	ask third mirror $page r s
	says third SIGBUS load "$answer"
	says third EFAULT pread 1 0
}

# bats test_tags=M13
@test "every mirror of a range in every process lets go of a page" {
	scene 2 ro
	ask viewer mirror $((2 * page)) r s
	again=$answer
	start other m-viewer
	says other ok open "$file" r
	ask other mirror $page r s 4096
	theirs=$answer
	says viewer a load $((m + page))
	says viewer a load $((again + page))
	says other a load "$theirs"
	info "$file" mirrors
	same "$answer" 3
	says source ok advise "$a" $((2 * page)) dontneed
	says source ok store $((a + page)) z
	says viewer z load $((m + page))
	says viewer z load $((again + page))
	says other z load "$theirs"
}

# bats test_tags=M14
@test "a mirror may be unmapped in part" {
	scene 4 ro
	says viewer 0 touch "$m" $((4 * page))
	says viewer ok unmap $((m + page)) $page
	says viewer SIGSEGV load $((m + page))
	says viewer a load "$m"
	says source ok advise "$a" $((4 * page)) dontneed
	says source ok store $((a + 2 * page)) z
	says viewer z load $((m + 2 * page))
	says viewer 00 load "$m"
}

# bats test_tags=M14
@test "a part of a mirror may lose and regain its rights" {
	scene 4 rw
	says viewer ok store $((m + page)) b
	says viewer ok protect $((m + page)) $page r
	says viewer SIGSEGV store $((m + page)) c
	says viewer b load $((m + page))
	says viewer ok protect $((m + page)) $page none
	says viewer SIGSEGV load $((m + page))
	says viewer ok protect $((m + page)) $page rw
	says viewer ok store $((m + page)) d
	says source d load $((a + page))
}

# bats test_tags=M14
@test "a mirror that moves shows the same memory, and follows it" {
	scene 4 rw
	says viewer a load $((m + page))
	ask viewer map 4
	there=$answer
	says viewer "$there" remap "$m" $((4 * page)) $((4 * page)) "$there"
	says viewer SIGSEGV load "$m"
	says viewer ok store $((there + page)) b
	says source b load $((a + page))
	says source ok advise "$a" $((4 * page)) dontneed
	says viewer 00 load $((there + page))
}

# bats test_tags=M14
@test "a mirror does not grow, and beyond the end of the file it gives SIGBUS" {
	scene 2 ro
	says viewer EFAULT remap "$m" $((2 * page)) $((4 * page))
	ask viewer mirror $((4 * page)) r s
	long=$answer
	says viewer a load $((long + page))
	says viewer SIGBUS load $((long + 2 * page))
	says viewer SIGBUS load $((long + 4 * page - 1))
}

# bats test_tags=M16
@test "address hints and MAP_FIXED are honoured" {
	scene 4 ro
	ask viewer map 4
	there=$answer
	says viewer "$there" mirror $page r sf 0 "$there"
	says viewer a load "$there"
	says viewer ok unmap "$there" $((4 * page))
	says viewer "$there" mirror $((4 * page)) r s 0 "$there"
	says viewer a load "$there"
}

# bats test_tags=M16
@test "a private mapping reads, and a writable one is refused" {
	scene 2 rw
	ask viewer mirror $((2 * page)) r p
	private=$answer
	says viewer a load "$private"
	says source ok store "$a" b
	says viewer b load "$private"
	says viewer EACCES mirror $page rw p
}

# bats test_tags=M16
@test "an executable mapping is refused" {
	scene 2 rw
	says viewer EPERM mirror $page rx s
	says viewer EPERM mirror $page rx p
	says viewer EACCES protect "$m" $page rx
}

# bats test_tags=M17
@test "a hole gives SIGBUS until the source fills it" {
	scene 3 ro
	says source ok unmap $((a + page)) $page
	says viewer a load "$m"
	says viewer SIGBUS load $((m + page))
	says source $((a + page)) mapat $((a + page)) 1
	says viewer 00 load $((m + page))
	says source ok protect $((a + page)) $page none
	says viewer SIGBUS load $((m + page))
}

# bats test_tags=M20
@test "a viewer's child has no mirror, and no madvise() gives it one" {
	scene 2 ro
	says viewer a load "$m"
	says viewer EINVAL advise "$m" $page dofork
	says viewer EINVAL advise "$m" $page dodump
	fork_of viewer child
	says child SIGSEGV load "$m"
	says viewer a load "$m"
	info "$file" mirrors
	same "$answer" 1
}

# The viewer's memory through /proc, as its debugger sees it, at an address.
# debugger_reads ADDRESS BYTES
debugger_reads() {
	dd if="/proc/${pid[viewer]}/mem" bs=1 skip="$1" count="$2" 2>/dev/null
}

# debugger_writes ADDRESS TEXT
debugger_writes() {
	printf '%s' "$2" |
		dd of="/proc/${pid[viewer]}/mem" bs=1 seek="$1" conv=notrunc 2>/dev/null
}

# bats test_tags=M21
@test "a debugger of the viewer reads its mirror, and writes it where the viewer may" {
	scene 4 rw
	same "$(debugger_reads "$m" 3)" aaa
	says source ok store $((a + page)) b
	same "$(debugger_reads $((m + page - 1)) 3)" aba
	debugger_writes $((m + page - 1)) xy
	says source x load $((a + page - 1))
	says source y load $((a + page))
	says viewer y load $((m + page))
	ask viewer mirror $page r s
	same "$(debugger_reads "$answer" 1)" a
	run ! debugger_writes "$answer" z
	says source a load "$a"
	says source ok unmap $((a + 2 * page)) $page
	run ! debugger_reads $((m + 2 * page)) 1
	rm "$file"
	run ! debugger_reads "$m" 1
}

# bats test_tags=M3,M21
@test "a debugger of the viewer reads what nobody touched as zeros, and swapped pages too" {
	scene 4 ro
	says source ok advise "$a" $page dontneed
	run -0 cmp -n 16 <(debugger_reads "$m" 16) /dev/zero
	says source none frame "$a"
	swap_begin
	retry 20 swap_out source $((a + page))
	run debugger_reads $((m + page)) 2
	swap_end
	same "$output" aa
}

# bats test_tags=M21,U5
@test "gdb examines a mirror in a live viewer" {
	scene 4 ro
	says source ok write "$a" $page "$dir/before"
	run -0 gdb -nx -batch -p "${pid[viewer]}" -ex "x/4xb $m" -ex "x/s $((m + page - 3))"
	[[ $output == *0x61*0x61*0x61*0x61*"'a' <repeats"* ]] || fail "$output"
}

# bats test_tags=M27
@test "pages that are present come many to a fault" {
	scene 256 ro
	info "$file" faults
	before=$answer
	says viewer 0 touch "$m" $((256 * page))
	info "$file" faults
	[ $((answer - before)) -lt 32 ] || fail "$((answer - before)) faults"
}

# bats test_tags=M27
@test "fault-around faults nothing into the source" {
	scene 256 ro
	says source ok advise $((a + 64 * page)) $((64 * page)) dontneed
	anon source
	before=$answer
	says viewer 0 touch "$m" $((64 * page))
	says viewer a load $((m + 128 * page))
	anon source
	same "$answer" "$before"
	for i in 64 65 80 127; do
		says source none frame $((a + i * page))
	done
}

# bats test_tags=M12
@test "mirrors are cached as other memory is" {
	[ -r /proc/kcore ] || skip "this kernel has no /proc/kcore to find the entry with"
	scene 4 rw
	says viewer ok store "$m" x
	ask source frame "$a"
	run -0 "$progs/m-entry" "$answer"
	same "$output" write-back
}
