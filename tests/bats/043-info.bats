#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 120
# not on debug in a whole run: 200 and 210 ask for all of this there
# not on trixie in a whole run: bookworm and forky, the kernels before and after, say the same
#
# What a map file tells about itself: INFO, RANGE, its label and /proc/PID/fdinfo.
# shellcheck disable=SC2154,SC2086

bats_require_minimum_version 1.5.0

setup() {
	load mirror
	mirror_setup
}

teardown() {
	[ ! -e /sys/kernel/tracing/events/kprobes/counts ] || probe_ends
	mirror_teardown
}

# file_says FIELD VALUE
file_says() {
	info "$file" "$1"
	same "$answer" "$2"
}

# fdinfo FIELD [VIEWER]: of its open map file, as $answer
fdinfo() {
	local key value
	answer=none
	while IFS=$'\t' read -r key value; do
		[ "$key" != "remotefs-$1:" ] || answer=$value
	done < <(cat /proc/"${pid[${2-viewer}]}"/fdinfo/*)
}

# fdinfo_says FIELD VALUE [VIEWER]
fdinfo_says() {
	fdinfo "$1" "${3-viewer}"
	same "$answer" "$2"
}

# bats test_tags=A2
@test "mirrored bytes count what mirrors have in their page tables, and follow it" {
	scene 64 rw
	file_says mirrored 0
	says viewer a load "$m"
	info "$file" mirrored
	# A fault brings its neighbours, but not all of them.
	[ "$answer" -ge $page ]
	[ "$answer" -le $((64 * page)) ]
	says viewer 0 touch "$m" $((64 * page))
	file_says mirrored $((64 * page))
	says source ok advise "$a" $((16 * page)) dontneed
	file_says mirrored $((48 * page))
	says viewer ok unmap $((m + 60 * page)) $((4 * page))
	file_says mirrored $((44 * page))
	rm "$file"
}

# bats test_tags=A2
@test "each viewer sees how much of it is in its own mirrors, and how much in all" {
	scene 32 rw
	says viewer 0 touch "$m" $((32 * page))
	start second m-viewer
	says second ok open "$file" ro
	fdinfo_says mirrored $((32 * page)) second
	fdinfo_says mirrored-here 0 second
	ask second mirror $((32 * page)) ro s
	says second 0 touch "$answer" $((8 * page))
	fdinfo mirrored-here second
	here=$answer
	[ "$here" -ge $page ]
	fdinfo_says mirrored $((32 * page + here))
	fdinfo_says mirrored-here $((32 * page))
	file_says mirrors 2
	# The one that asks has it open, too.
	file_says viewers 3
	stop second
	file_says mirrored $((32 * page))
	file_says viewers 2
}

# bats test_tags=A2
@test "a mirror counts as a viewer when its descriptor is closed" {
	scene 4 rw
	file_says viewers 2
	says viewer ok close
	file_says viewers 2
	says viewer ok unmap "$m" $((4 * page))
	file_says viewers 1
}

# bats test_tags=A2,M11
@test "a huge page that is mirrored as one counts as 512" {
	scene 1024 rw
	says source ok advise "$a" $((2 * huge)) collapse
	says viewer a load "$m"
	info "$file" mirrored
	[ "$answer" -ge $page ]
	[ $((answer % page)) = 0 ]
	says viewer a load $((m + huge))
	says viewer 0 touch "$m" $((2 * huge))
	file_says mirrored $((2 * huge))
}

# It is counted a GiB at a time, or less the more mirrors there are.
# bats test_tags=A2
@test "mirrors that reach over many GiB, and lie far apart, are counted page by page" {
	start source m-source
	start viewer m-viewer
	ask source map $((1 << 22))
	a=$answer
	says source ok advise "$a" $((1 << 34)) nohuge
	expose source "$a" $((1 << 34)) ro
	says viewer ok open "$file" r
	expected=0
	for i in 1 3 6 9; do
		ask viewer mirror $((3 << 29)) r s $(((i << 30) + 3 * page))
		m=$answer
		# The last page of one turn and the first of the next, and an end.
		for j in $(((1 << 30) - 4 * page)) $(((1 << 30) - 3 * page)) $(((3 << 29) - page)); do
			says source ok store $((a + (i << 30) + 3 * page + j)) x
			says viewer x load $((m + j))
			expected=$((expected + page))
		done
		info "$file" mirrored
		# Neighbours that were never touched are not there.
		same "$answer" $expected
	done
}

# bats test_tags=A2
@test "many mirrors of a large file, on top of each other and apart, are counted page by page" {
	start source m-source
	start viewer m-viewer
	ask source map $((1 << 20))
	a=$answer
	says source ok advise "$a" $((1 << 32)) nohuge
	expose source "$a" $((1 << 32)) ro
	says viewer ok open "$file" r
	expected=0
	for i in $(seq 0 39); do
		# Each ends, or goes on, where others do not.
		bytes=$(((i % 3 ? 1 << 26 : 1 << 31) + i * page))
		ask viewer mirror $bytes r s $((i * 11 * page))
		m=$answer
		for j in 0 $((bytes - page)); do
			says source ok store $((a + i * 11 * page + j)) x
			says viewer x load $((m + j))
			expected=$((expected + page))
		done
	done
	file_says mirrors 40
	file_says mirrored $expected
	fdinfo_says mirrored-here $expected
	says viewer ok unmap "$m" $bytes
	file_says mirrored $((expected - 2 * page))
}

# bats test_tags=A2,C13
@test "each range of a file says how much of it is mirrored" {
	scene 16 rw
	ask source map 8
	b=$answer
	says source ok fill "$b" $((8 * page)) b
	"$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw attach \
		map address="$b" offset=$((16 * page)) length=$((8 * page))
	ask viewer mirror $((24 * page)) rw s
	m=$answer
	says viewer 0 touch $((m + 16 * page)) $((8 * page))
	fdinfo ranges-not-shown
	same "$answer" none
	mapfile -t ranges < <(grep -h '^remotefs-range:' /proc/"${pid[viewer]}"/fdinfo/*)
	printf -v first 'remotefs-range:\t0x0-0x%x 0x%x rw 0' $((16 * page)) "$a"
	printf -v second 'remotefs-range:\t0x%x-0x%x 0x%x r %d' $((16 * page)) $((24 * page)) "$b" $((8 * page))
	same "${ranges[0]}" "$first"
	same "${ranges[1]}" "$second"
}

@test "fdinfo says what INFO says" {
	scene 8 ro
	says viewer a load "$m"
	says source ok advise "$a" $page dontneed
	for field in pid map state ranges mirrors waiters faults invalidations mirrored viewers; do
		info "$file" $field
		expected=$answer
		[ $field != state ] || expected=live
		[ $field != map ] || expected=map-$expected
		[ $field != viewers ] || expected=$((expected - 1))
		[ $field = ranges ] || fdinfo_says $field "$expected"
	done
	fdinfo_says locked 0
	"$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw attach lock
	fdinfo_says locked 1
	file_says flags 1
	rm "$file"
	fdinfo state
	same "$answer" revoked
}

probe_ends() {
	echo 0 >/sys/kernel/tracing/events/kprobes/counts/enable
	echo >/sys/kernel/tracing/kprobe_events
}

# What is mirrored is counted by walking page tables, for as long as mirrors are long.
# bats test_tags=A2,C3
@test "who leaves no room for how much is mirrored does not wait until it is counted" {
	[ -e /sys/kernel/tracing/kprobe_events ] || mount -t tracefs none /sys/kernel/tracing
	[ -e /sys/kernel/tracing/kprobe_events ] || skip "no kprobes here"
	counted() {
		local hits _
		read -r _ hits _ </sys/kernel/tracing/kprobe_profile
		same "$hits" "$1"
	}
	scene 4 ro
	says viewer a load "$m"
	echo 'p:counts remotefs_space_present' >/sys/kernel/tracing/kprobe_events
	echo 1 >/sys/kernel/tracing/events/kprobes/counts/enable
	"$progs/a-call" file "$file" r range size=32
	counted 0
	"$progs/a-call" file "$file" r info size=48
	counted 0
	"$progs/a-call" file "$file" r range
	counted 1
	"$progs/a-call" file "$file" r info
	counted 2
	probe_ends
}

@test "fdinfo shows the first 64 ranges and says how many it does not" {
	scene 200 ro
	steps=()
	for i in $(seq 1 99); do
		steps+=(map address=$((a + i * page)) offset=$(((1000 + 2 * i) * page)) length="$page")
	done
	"$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw attach "${steps[@]}"
	fdinfo_says ranges-not-shown 36
	same "$(cat /proc/"${pid[viewer]}"/fdinfo/* | grep -c '^remotefs-range:')" 64
}

# labels STEP...: do each, and print what came of it: get, list, remove, set=VALUE,
# create=VALUE (it must be new), replace=VALUE; all on descriptor 9.
labels() {
	python3 -c 'if 1:
		import errno, os, sys
		name = "user.remotefs.label"
		flags = { "set": 0, "create": os.XATTR_CREATE, "replace": os.XATTR_REPLACE }
		def do(step, value):
			if step == "get":
				return os.getxattr(9, name).decode()
			if step == "list":
				return " ".join(os.listxattr(9)) or "none"
			if step == "remove":
				return os.removexattr(9, name) or "ok"
			return os.setxattr(9, name, os.fsencode(value), flags[step]) or "ok"
		for argument in sys.argv[1:]:
			step, _, value = argument.partition("=")
			try:
				print(do(step, value))
			except OSError as error:
				print(errno.errorcode[error.errno])
	' "$@"
}

# labelled ANSWERS STEP...: on $file
labelled() {
	answer=$(labels "${@:2}" 9<"$file")
	same "${answer//$'\n'/ }" "$1"
}

# bats test_tags=U2
@test "a file takes a label, which is read, listed, replaced, and taken away again" {
	scene 2 ro
	labelled "none ENODATA ENODATA ENODATA" list get remove replace=a
	labelled "ok db-heap user.remotefs.label EEXIST db-heap" \
		create=db-heap get list create=other get
	run "$progs/a-call" file "$file" r label 6 label 7
	same "${lines[*]:1}" "label ERANGE label OK db-heap"
	[ "$(getfattr --absolute-names --only-values -n user.remotefs.label "$file")" = db-heap ]
	long=$(printf '%063d' 0)
	labelled "ok $long ok db ok none ENODATA" "set=$long" get replace=db get remove list get
	# It goes with the file.
	labelled ok set=gone
	rm "$file"
	expose source "$a" $page ro
	labelled none list
}

# bats test_tags=U2
@test "what could be no part of a file's name or of a line is no label" {
	scene 2 ro
	labelled ok set=fine
	for bad in '' 'two words' a/b / $'a\nb' $'a\tb' $'a\x7f' $'a\xe4' "$(printf '%064d' 0)"; do
		labelled "EINVAL fine" "set=$bad" get
	done
	for file in "$mnt" "$mnt/${pid[source]}" "$mnt/control"; do
		labelled "ENOTSUP ENOTSUP none" get set=a list
	done
}

# bats test_tags=U2,P3
@test "only who made a file labels it, not who owns it, or may write it" {
	scene 2 rw
	labelled ok set=mine
	chown 1000:1000 "$file"
	as() { setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"; }
	export -f labels
	answer=$(as 1000 bash -c 'labels get set=theirs remove get' 9<"$file")
	same "${answer//$'\n'/ }" "mine EPERM EPERM mine"
	answer=$(as 1001 bash -c 'labels set=theirs get' 9<"$file")
	same "${answer//$'\n'/ }" "EACCES EACCES"
	labelled mine get
}

# bats test_tags=U2,L1
@test "the label of a revoked file is read by whoever has it open, and changed no more" {
	scene 2 ro
	labelled ok set=last
	exec {held}<"$file"
	rm "$file"
	answer=$(labels get set=more remove get 9<&"$held")
	same "${answer//$'\n'/ }" "last ESTALE ESTALE last"
}
