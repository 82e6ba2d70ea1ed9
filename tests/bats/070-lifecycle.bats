#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 200
# not on debug in a whole run: two minutes there, where the torture ends sources in every way
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# What becomes of map files when the source exits, forks or executes another
# program, and of the module and its mounts while they are used.

bats_require_minimum_version 1.5.0

setup() {
	load mirror
	mirror_setup
}

teardown() {
	mirror_teardown
}

# Does the open file's state say that its source is gone?
known_gone() {
	info - state <&"$held"
	[ "$answer" = 2 ]
}

unload() { rmmod remotefs 2>"$dir/rmmod"; }

absent() { [ ! -e "$1" ]; }

# bats test_tags=L1,M7
@test "after the source exits, reads give ESRCH and mirrors SIGBUS" {
	scene 4 rw
	says viewer 0 touch "$m" $((4 * page))
	stop source
	says viewer SIGBUS load "$m"
	says viewer SIGBUS store "$m" x
	says viewer ESRCH pread 1 0
	says viewer ESRCH pwrite 0 x
	says viewer ESRCH mirror $page r s
	retry 20 absent "${file%/*}"
	same "$(ls "$mnt")" control
}

# A scene whose file shows zeros after the source's exit; mirrored at $z.
zero_scene() {
	scene 4 rw
	expose source "$a" $((4 * page)) rw,zero
	says viewer ok open "$file" rw
	ask viewer mirror $((4 * page)) rw s
	z=$answer
	says viewer a load "$z"
}

# bats test_tags=L1
@test "with onexit=zero loads give zeros after the source's exit, and all else fails" {
	zero_scene
	says viewer ok store $((z + page)) x
	ask viewer map 4
	b=$answer
	stop source
	says viewer 00 load "$z"
	says viewer 00 load $((z + page))
	says viewer 00 load $((z + 3 * page))
	says viewer SIGBUS store "$z" x
	says viewer SIGBUS store $((z + 2 * page)) x
	says viewer 00 load "$z"
	says viewer 00 load $((z + 2 * page))
	says viewer ESRCH pread 1 0
	says viewer ESRCH pwrite 0 x
	says viewer ESRCH mirror $page r s
	says viewer SIGBUS load "$m"
	# Nobody has written the zero page of the whole machine.
	says viewer 4 touch "$b" $((4 * page))
}

# bats test_tags=L1,L2,P5
@test "with onexit=zero loads still give SIGBUS after execve, in a vfork child too" {
	zero_scene
	says source ok exec
	says viewer SIGBUS load "$z"
	says viewer SIGBUS load $((z + page))

	start parent m-source
	ask parent map 2
	a=$answer
	says parent ok fill "$a" $((2 * page)) a
	mkfifo "$dir/go" "$dir/go.ready"
	echo "vfork $dir/go" >&"${in[parent]}"
	read -r answer <"$dir/go.ready"
	pid[child]=$answer
	expose child "$a" $page ro,zero
	says viewer ok open "$file" r
	ask viewer mirror $page r s
	z=$answer
	says viewer a load "$z"
	echo >"$dir/go"
	hear parent
	retry 20 absent "${file%/*}"
	# Whoever asked found out; a worker tells the mirrors.
	retry 20 says viewer SIGBUS load "$z"
}

# bats test_tags=L1,C4
@test "with onexit=zero loads give SIGBUS once the file is revoked or the range unmapped" {
	zero_scene
	rm "$file"
	says viewer SIGBUS load "$z"
	says source ok store "$a" b
	expose source "$a" $((4 * page)) ro,zero
	says viewer ok open "$file" r
	ask viewer mirror $((4 * page)) r s
	u=$answer
	says viewer b load "$u"
	attach source unmap "${file##*-}" 0 $((4 * page))
	says viewer SIGBUS load "$u"
	stop source
	says viewer SIGBUS load "$u"
	says viewer SIGBUS load "$z"
}

# bats test_tags=L1
@test "the directory of a source that exits vanishes, and watchers see it" {
	scene 2 ro
	expose source "$a" $page ro
	inotifywait -q -m -e delete,delete_self --format '%w %e %f' "$mnt" "${file%/*}" \
		>"$dir/events" 2>"$dir/errors" 3>&- &
	watcher=$! id=${pid[source]}
	retry 20 watched "$watcher" 2
	stop source
	retry 20 absent "${file%/*}"
	retry 20 grep -q "^$mnt/ DELETE,ISDIR $id\$" "$dir/events"
	grep -q "DELETE map-0" "$dir/events"
	grep -q "DELETE map-1" "$dir/events"
	kill "$watcher"
	wait "$watcher" || true
}

# bats test_tags=L1
@test "open files of a source that is gone stay safe, and keep their size" {
	scene 4 ro
	hold "$file"
	stop source
	same "$(stat -L -c %s /proc/self/fd/$held)" $((4 * page))
	run -1 cat <&"$held"
	[[ $output == *"No such process"* ]]
	retry 20 known_gone
	says viewer ENXIO seek data $((9 * page))
	says viewer ESRCH seek data 0
	says viewer 0: pread 1 $((4 * page))
}

# bats test_tags=M7
@test "no mirror shows a page that was freed by exit and used again" {
	scene 4096 ro
	says viewer 0 touch "$m" $((4096 * page))
	stop source
	start other m-source
	ask other map 65536
	says other ok fill "$answer" $((65536 * page)) z
	for i in 0 1 511 512 2048 4095; do
		says viewer SIGBUS load $((m + i * page))
	done
}

# bats test_tags=L5
@test "a source's memory comes back though files are open and mirrors mapped" {
	scene 51200 rw
	says viewer 0 touch "$m" $((51200 * page))
	hold "$file"
	available
	before=$answer
	stop source
	retry 20 came_back $((before + 150 * 1024)) || fail "$((answer - before)) KiB"
	says viewer SIGBUS load "$m"
}

# available: $answer KiB of memory could be used
available() {
	answer=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)
}

came_back() {
	available
	[ "$answer" -ge "$1" ]
}

# bats test_tags=L5
@test "nobody waits inside a source at rest" {
	scene 64 rw
	says viewer 0 touch "$m" $((64 * page))
	cat "$file" >"$dir/copy"
	info "$file" waiters
	same "$answer" 0
}

# bats test_tags=L2,P5
@test "after execve the old range is dead and the new program is out of reach" {
	scene 4 rw
	says viewer a load "$m"
	old=$mnt/${pid[source]}
	says source ok exec
	says viewer SIGBUS load "$m"
	says viewer ESRCH pread 1 0
	retry 20 absent "$old"
	says source "$a" mapat "$a" 4
	says source ok fill "$a" $((4 * page)) n
	says viewer SIGBUS load "$m"
	says viewer ESRCH pread 1 0
	expose source "$a" $page ro
	says viewer ESRCH pread 1 0
	same "$(head -c 1 "$file")" n
}

# bats test_tags=L2,P5
@test "a set-uid program that the source executes is out of reach" {
	scene 2 rw
	cp "$progs/m-source" "$dir/set-uid"
	chmod 4755 "$dir/set-uid"
	says source ok exec "$dir/set-uid"
	says viewer ESRCH pread 1 0
	says viewer ESRCH pwrite 0 x
	says viewer SIGBUS store "$m" x
}

# bats test_tags=C9,L2
@test "what was exposed under the PID of a vfork child ends when that executes" {
	start source m-source
	ask source map 2
	a=$answer
	says source ok fill "$a" $((2 * page)) a
	mkfifo "$dir/go" "$dir/go.ready"
	echo "vfork $dir/go" >&"${in[source]}"
	read -r answer <"$dir/go.ready"
	pid[child]=$answer
	expose child "$a" $page ro
	hold "$file"
	same "$(head -c 3 "$file")" aaa
	echo >"$dir/go"
	hear source
	# The parent goes on before the child has its new memory.
	retry 20 executes "${pid[child]}" sleep
	run -1 cat <&"$held"
	[[ $output == *"No such process"* ]]
	retry 20 absent "${file%/*}"
	expose source "$a" $page ro
	same "$(head -c 3 "$file")" aaa
}

# bats test_tags=L3
@test "fork exposes nothing of the child" {
	scene 4 rw
	says viewer 0 touch "$m" $((4 * page))
	fork_of source child
	says child ok fill "$a" $((4 * page)) c
	says viewer a load "$m"
	says viewer ok fill "$m" $((4 * page)) v
	says source v load $((a + 3 * page))
	says child c load $((a + 3 * page))
	absent "$mnt/${pid[child]}"
	stop source
	says viewer SIGBUS load "$m"
	says viewer ESRCH pread 1 0
	says child c load "$a"
}

# bats test_tags=L3
@test "writes through a mirror never reach a child that wrote nothing" {
	scene 4 rw
	fork_of source child
	says viewer ok store "$m" v
	says viewer 1: pwrite $page v
	says source v load $((a + page))
	says child a load "$a"
	says child a load $((a + page))
}

# start_as PID NAME: a source that has a PID which is free
start_as() {
	local left
	channels "$2"
	for ((left = 50; left > 0; left--)); do
		echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid
		launch "$2" m-source
		[ "${pid[$2]}" != "$1" ] || return 0
		stop "$2"
	done
	fail "somebody else has PID $1"
}

# bats test_tags=L6,C9
@test "a process that gets the PID of a dead source is never reached" {
	scene 4 rw
	says viewer a load "$m"
	old=${pid[source]}
	stop source
	start_as "$old" second
	ask second map 4
	says second "$a" mapat "$a" 4
	says second ok fill "$a" $((4 * page)) n
	says viewer ESRCH pread 1 0
	says viewer SIGBUS load "$m"
	expose second "$a" $page ro
	same "$(head -c 1 "$file")" n
	says viewer ESRCH pread 1 0
	says viewer SIGBUS load "$m"
	same "$(ls "$mnt/$old")" map-0
}

# bats test_tags=C9
@test "a descriptor of a dead process's memory does not reach its PID's next owner" {
	start source m-source
	old=${pid[source]}
	exec {held}<>"/proc/$old/mem"
	stop source
	start_as "$old" second
	ask second map 4
	run -1 "$progs/m-attach" "$mnt/control" "$old:$held" map "$answer" $((answer + page)) ro
	same "$output" ESRCH
}

# bats test_tags=L8
@test "the module cannot go while it is mounted" {
	run -1 rmmod remotefs
	[[ $output == *"in use"* ]]
}

# bats test_tags=L8
@test "a mount with an open file or a mirror is busy" {
	scene 2 ro
	run -32 umount "$mnt"
	[[ $output == *"busy"* ]]
	says viewer ok close
	run -32 umount "$mnt"
	says viewer a load "$m"
	says viewer ok unmap "$m" $((2 * page))
	umount "$mnt"
	mount -t remotefs none "$mnt"
}

# bats test_tags=L8
@test "after umount -l open files work on, and then the module can go" {
	scene 2 rw
	umount -l "$mnt"
	says viewer ok store "$m" x
	says viewer 1:x pread 1 0
	run -1 rmmod remotefs
	stop viewer
	retry 20 unload
	says source x load "$a"
	mount -t remotefs none "$mnt"
}

# bats test_tags=L8
@test "unmounting ends what is exposed, and the module can go though the source lives" {
	scene 2 ro
	stop viewer
	umount "$mnt"
	retry 20 unload
	says source a load "$a"
	says source ok advise "$a" $page dontneed
	says source ok unmap "$a" $((2 * page))
	mount -t remotefs none "$mnt"
}
