#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Programs that know nothing of remotefs, each on a map file, with the source's
# own bytes for comparison.
#
# seconds: 180
# not on debug in a whole run: about programs of user land
# not on bookworm in a whole run: what they call is in 030 and 040 on each kernel
# not on forky in a whole run: nor does it depend on the kernel's version
# shellcheck disable=SC2030,SC2031,SC2154,SC2016 # see mirror.bash; $ is for another shell

bats_require_minimum_version 1.5.0

# A program, lines of text, what was never touched, and noise.
pages=64
size=$((64 * 4096))
needle='the needle in the heap'

setup() {
	load mirror
	mirror_setup
	make_truth
	start source m-source
	ask source map $pages
	a=$answer
	says source ok read "$a" 65536 "$dir/program"
	says source ok read $((a + 65536)) 65536 "$dir/text"
	says source ok read $((a + 196608)) 65536 "$dir/noise"
	expose source "$a" $size rw
}

teardown() {
	rm -f /tmp/taken
	mirror_teardown
}

make_truth() {
	truth=$dir/truth
	head -c 65536 /usr/bin/bash >"$dir/program"
	for i in {1..700}; do printf 'line %04d: nothing to see here\n' "$i"; done >"$dir/text"
	echo "$needle" >>"$dir/text"
	truncate -s 65536 "$dir/text"
	head -c 65536 /dev/urandom >"$dir/noise"
	{ cat "$dir/program" "$dir/text" && head -c 65536 /dev/zero && cat "$dir/noise"; } >"$truth"
	same "$(stat -c %s "$truth")" $size
}

# For what the source has now, not what it was given.
source_matches() {
	says source ok write "$a" $size "$dir/now"
	cmp "$dir/now" "$1"
}

# bats test_tags=U5
@test "cat copies a map file" {
	cat "$file" >"$dir/got"
	cmp "$dir/got" "$truth"
	cat "$dir/noise" >"$file"
	cmp -n 65536 "$file" "$dir/noise"
	says source ok write "$a" 65536 "$dir/now"
	cmp "$dir/now" "$dir/noise"
}

# bats test_tags=U5
@test "dd reads and writes a map file, also with iflag=direct and oflag=direct" {
	dd if="$file" of="$dir/got" bs=64K iflag=direct status=none
	cmp "$dir/got" "$truth"
	dd if="$file" bs=4099 status=none | cmp - "$truth"
	dd if="$dir/noise" of="$file" bs=4096 conv=notrunc oflag=direct status=none
	cmp -n 65536 "$file" "$dir/noise"
	says source ok write "$a" 65536 "$dir/now"
	cmp "$dir/now" "$dir/noise"
}

# bats test_tags=U5
@test "cp copies a map file, and with --sparse keeps its holes" {
	for how in never auto always; do
		cp --sparse=$how "$file" "$dir/$how"
		cmp "$dir/$how" "$truth"
	done
	[ "$(stat -c %b "$dir/never")" -ge $((size / 512)) ]
	[ "$(stat -c %b "$dir/auto")" -le $((size * 3 / 4 / 512)) ]
	[ "$(stat -c %b "$dir/always")" -le $((size * 3 / 4 / 512)) ]
}

# bats test_tags=U5
@test "tar -S stores a map file with its holes, and restores it" {
	tar -C "${file%/*}" -cSf "$dir/archive" "${file##*/}"
	[ "$(stat -c %s "$dir/archive")" -lt $((size * 3 / 4 + 20480)) ]
	tar -C "$dir" -xf "$dir/archive"
	cmp "$dir/${file##*/}" "$truth"
}

# bats test_tags=U5
@test "rsync --inplace copies from a map file, and into one" {
	rsync --inplace "$file" "$dir/got"
	cmp "$dir/got" "$truth"
	# By its algorithm of differences, not as a whole.
	printf changed | dd of="$dir/got" bs=1 seek=70000 conv=notrunc status=none
	rsync --inplace --no-whole-file --ignore-times "$dir/got" "$file"
	source_matches "$dir/got"
	rsync --inplace --no-whole-file --ignore-times "$file" "$truth"
	cmp "$truth" "$dir/got"
}

# bats test_tags=U5
@test "grep -a finds text in a map file, and says where" {
	run -0 grep -abo "$needle" "$file"
	same "$output" "$(grep -abo "$needle" "$truth")"
	same "$(grep -ac 'nothing to see' "$file")" 700
	run -1 grep -a 'no such text' "$file"
	same "$(grep -rl "$needle" "$mnt")" "$file"
}

# bats test_tags=U5
@test "ripgrep finds text in a map file, by mapping it and by reading it" {
	for how in --mmap --no-mmap; do
		run -0 rg $how -a -o -b "$needle" "$file"
		same "$output" "$(grep -abo "$needle" "$truth")"
		same "$(rg $how -a -c 'nothing to see' "$file")" 700
		run -1 rg $how -a 'no such text' "$file"
	done
}

# bats test_tags=U5
@test "strings lists what can be read in a map file" {
	strings -a -t d "$file" >"$dir/got"
	grep -q "$needle" "$dir/got"
	strings -a -t d "$truth" | cmp - "$dir/got"
}

# bats test_tags=U5
@test "xxd dumps a map file, and xxd -r patches it" {
	xxd "$file" >"$dir/got"
	xxd "$truth" | cmp - "$dir/got"
	echo '00011000: 7061 7463 6865 64' | xxd -r - "$file"
	printf patched | dd of="$truth" bs=1 seek=$((0x11000)) conv=notrunc status=none
	source_matches "$truth"
}

# bats test_tags=U5
@test "od dumps a map file, from where it is told" {
	od -A d -t x8 "$file" >"$dir/got"
	od -A d -t x8 "$truth" | cmp - "$dir/got"
	same "$(od -A n -c -j 200000 -N 16 "$file")" "$(od -A n -c -j 200000 -N 16 "$truth")"
}

# bats test_tags=U5
@test "file recognises what a map file begins with" {
	same "$(file -b "$file")" "$(file -b "$truth")"
	[[ $(file -b "$file") == *ELF* ]]
}

# bats test_tags=U5
@test "sha256sum of a map file is that of the source's bytes" {
	same "$(sha256sum <"$file")" "$(sha256sum <"$truth")"
	sha256sum "$file" >"$dir/sums"
	run -0 sha256sum -c "$dir/sums"
	says source ok store $((a + 99)) x
	run -1 sha256sum -c "$dir/sums"
}

# bats test_tags=U5
@test "pv passes a map file on, and knows how long it is" {
	pv -q "$file" | cmp - "$truth"
	pv -f -n "$file" 2>"$dir/progress" | cmp - "$truth"
	same "$(tail -n 1 "$dir/progress")" 100
}

# bats test_tags=U5
@test "less shows a map file, and finds text in it on a terminal" {
	TERM=dumb less -f "$file" | cmp - "$truth"
	printf 'q' | TERM=dumb timeout 30 script -qec "less -f '+/$needle' '$file'" "$dir/terminal" >/dev/null
	grep -aq "$needle" "$dir/terminal"
}

# bats test_tags=U5
@test "yara finds a pattern in a map file, at its place" {
	echo 'rule needle { strings: $a = "the needle in the heap" condition: $a }' >"$dir/rule"
	run -0 yara -s "$dir/rule" "$file"
	same "$output" "$(yara -s "$dir/rule" "$truth" | sed "s|$truth|$file|")"
	[[ ${lines[0]} == "needle $file" && ${lines[1]} == 0x*"$needle" ]]
	run -0 yara -r "$dir/rule" "$mnt"
	same "$output" "needle $file"
}

# in_python CODE: with the map file and the truth as arguments
in_python() { python3 -c "import errno, mmap, os, sys"$'\n'"$1" "$file" "$truth"; }

# bats test_tags=U5
@test "python maps a map file with ACCESS_READ, and cannot write then" {
	requires_mmap
	run -0 in_python '
fd = os.open(sys.argv[1], os.O_RDONLY)
m = mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
print(len(m), m[:] == open(sys.argv[2], "rb").read(), m.find(b"the needle"))
try:
    m[0] = 1
except TypeError:
    print("TypeError")'
	same "${lines[*]}" "$size True $(grep -abo "$needle" "$truth" | cut -d: -f1) TypeError"
	source_matches "$truth"
}

# bats test_tags=U5
@test "python maps a map file with ACCESS_WRITE if that may be written, and else gets EACCES" {
	requires_mmap
	run -0 in_python '
fd = os.open(sys.argv[1], os.O_RDWR)
m = mmap.mmap(fd, 0, access=mmap.ACCESS_WRITE)
m[5000:5007] = b"written"
m.flush()'
	printf written | dd of="$truth" bs=1 seek=5000 conv=notrunc status=none
	source_matches "$truth"
	expose source "$a" $size ro
	run -0 in_python '
fd = os.open(sys.argv[1], os.O_RDONLY)
try:
    mmap.mmap(fd, 0, access=mmap.ACCESS_WRITE)
except OSError as e:
    print(errno.errorcode[e.errno])'
	same "$output" EACCES
}

# bats test_tags=U5
@test "python gets EACCES for ACCESS_COPY: a mapping has no copies of its own to change" {
	requires_mmap
	for rights in rw ro; do
		expose source "$a" $size $rights
		for how in O_RDONLY "$([ $rights = ro ] || echo O_RDWR)"; do
			[ "$how" ] || continue
			run -0 in_python "
fd = os.open(sys.argv[1], os.$how)
try:
    mmap.mmap(fd, 0, access=mmap.ACCESS_COPY)
except OSError as e:
    print(errno.errorcode[e.errno])
m = mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
print(m[:] == open(sys.argv[2], 'rb').read())"
			same "${lines[*]}" "EACCES True"
		done
		source_matches "$truth"
	done
}

requires_mmap() { python3 -c 'import mmap' 2>/dev/null || skip "no python-mmap here"; }

# bats test_tags=U5
@test "gdb's restore copies a map file into another process" {
	start other m-source
	ask other map $pages
	other=$answer
	run -0 gdb -nx -batch -p "${pid[other]}" -ex "restore $file binary $other"
	says other ok write "$other" $size "$dir/now"
	cmp "$dir/now" "$truth"
}

# bats test_tags=U7
@test "mv to another filesystem copies a map file, and then revokes it" {
	[ "$(stat -c %d "$file")" != "$(stat -c %d /tmp)" ]
	mv "$file" /tmp/taken
	cmp /tmp/taken "$truth"
	[ ! -e "$file" ]
}

# bats test_tags=U7
@test "space is neither allocated nor given back, and no attributes are there to read" {
	for how in "-l $((2 * size))" "-p -l 4096" "-z -l 4096" "-c -l 4096" "-n -l $size"; do
		# shellcheck disable=SC2086
		run -1 fallocate $how "$file"
		[[ $output == *"not supported"* || $output == *unsupported* ]]
	done
	run -1 getfattr -n user.x "$file"
	[[ $output == *"not supported"* ]]
	run -1 ln -s "$file" "${file%/*}/link"
	[[ $output == *"not permitted"* ]]
	source_matches "$truth"
}
