#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 100
# not on debug in a whole run: a minute there, where the torture revokes all the time
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# How access ends while the source lives on.

bats_require_minimum_version 1.5.0

setup() {
	load mirror
	mirror_setup
}

teardown() {
	mirror_teardown
}

# bats test_tags=C4,C14
@test "after rm reads give ESTALE and mirrors SIGBUS" {
	scene 4 rw
	says viewer 0 touch "$m" $((4 * page))
	rm -f "$file"
	says viewer SIGBUS load "$m"
	says viewer SIGBUS store $((m + page)) x
	says viewer ESTALE pread 1 0
	says viewer ESTALE pwrite 0 x
	says viewer ESTALE mirror $page r s
	says viewer ESTALE seek data 0
	says source a load "$a"
	says source a load $((a + page))
}

# bats test_tags=C14
@test "an emptied directory stays, and takes new files, until rmdir" {
	scene 4 ro
	rm -f "$file"
	same "$(ls -A "${file%/*}")" ""
	expose source "$a" $page ro
	same "$(ls -A "${file%/*}")" map-1
	rm -f "$file"
	rmdir "${file%/*}"
	same "$(ls "$mnt")" control
	expose source "$a" $page ro
	same "$(head -c 3 "$file")" aaa
}

# bats test_tags=C14,C4
@test "rmdir revokes all files of a source, and of no other" {
	scene 4 ro
	first=$file
	start other m-source
	ask other map 1
	expose other "$answer" $page ro
	attach source as ro
	says viewer 0 touch "$m" $((4 * page))
	rmdir "${first%/*}"
	says viewer SIGBUS load "$m"
	says viewer ESTALE pread 1 0
	same "$(stat -c %s "$file")" $page
	[ ! -e "${first%/*}" ]
}

# bats test_tags=C14
@test "rm -r works on a source's directory" {
	scene 4 ro
	expose source "$a" $page ro
	rm -r "${file%/*}"
	same "$(ls "$mnt")" control
	says viewer ESTALE pread 1 0
}

# bats test_tags=M19
@test "a revoked file keeps its size for those who have it open" {
	scene 4 ro
	hold "$file"
	rm -f "$file"
	same "$(stat -L -c '%s %h' /proc/self/fd/$held)" "$((4 * page)) 0"
	run -1 cat <&"$held"
	[[ $output == *"Stale file handle"* ]]
}

# bats test_tags=C4
@test "a range taken out of its file gives ESTALE and SIGBUS, its neighbour goes on" {
	scene 4 rw
	attach source map $((a + page)) $((a + 2 * page)) rw 0 $((4 * page))
	ask viewer mirror $((5 * page)) rw s
	m=$answer
	says viewer ok store $((m + 4 * page)) x
	says source x load $((a + page))
	says viewer x load $((m + page))
	attach source unmap 0 0 $((4 * page))
	says viewer SIGBUS load "$m"
	says viewer ESTALE pread 1 0
	says viewer x load $((m + 4 * page))
	says viewer 1:x pread 1 $((4 * page))
	refused ENOENT source unmap 0 0 $((4 * page))
	refused EINVAL source unmap 0 $((4 * page)) 4095
}

# bats test_tags=C4
@test "a range can take the place of one that was taken out" {
	scene 4 rw
	says source ok store $((a + 3 * page)) n
	says viewer 0 touch "$m" $((4 * page))
	attach source unmap 0 0 $((4 * page))
	attach source map $((a + 3 * page)) $((a + 4 * page)) rw 0 0
	says viewer n load "$m"
	says viewer 1:n pread 1 0
	refused EEXIST source map "$a" $((a + page)) rw 0 0
}

# bats test_tags=C4
@test "a revoked file stays dead under a bind mount" {
	scene 2 ro
	touch "$dir/bound"
	mount --bind "$file" "$dir/bound"
	run -0 cmp -n $page "$dir/bound" "$file"
	rm -f "$file"
	run -1 cat "$dir/bound"
	[[ $output == *"Stale file handle"* ]]
	umount "$dir/bound"
}

# bats test_tags=C14,P3
@test "only the grantor and root may unlink" {
	scene 2 ro
	cd "${file%/*}"
	run -1 setpriv --reuid 1234 --clear-groups rm -f map-0
	[[ $output == *"Operation not permitted"* ]]
	says viewer a load "$m"
	chown 1234 map-0
	setpriv --reuid 1234 --clear-groups rm -f map-0
	cd /
	says viewer SIGBUS load "$m"
}

# bats test_tags=C4
@test "watchers of the directory see a file go" {
	scene 2 ro
	inotifywait -q -t 60 -e delete --format '%e %f' "${file%/*}" >"$dir/events" 2>"$dir/errors" 3>&- &
	watcher=$!
	retry 20 watched "$watcher" 1
	# The shell has not started another meanwhile, which "wait $!" would be for.
	same $! "$watcher"
	rm -f "$file"
	wait "$watcher"
	same "$(cat "$dir/events")" "DELETE map-0"
}
