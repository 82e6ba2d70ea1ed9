#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Who may expose what, and who may open what was exposed.
#
# seconds: 200
# not on debug in a whole run: procfs decides here, and the module's part of it runs in 020
# not on trixie in a whole run: what procfs and Yama ask is the same on the kernels before and after

# What start_source sets is not seen by shellcheck.
# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
load helpers
load matrix

setup() {
	setup_mount control_mode=0666
	yama_before=$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)
}

teardown() {
	set_yama "${yama_before:-0}"
	teardown_mount
}

# bats test_tags=P1
@test "a parent may expose its child with ptrace_scope 0 and 1, but not with 2" {
	requires yama
	check_parent 0 allow
	check_parent 1 allow
	check_parent 2 deny
}

# bats test_tags=P1
@test "a session outlives a later loss of rights, as the descriptor does" {
	requires yama
	start_source s as_user 1000 "$PROGS/a-source" 4
	set_yama 0
	touch "$BATS_TEST_TMPDIR/go"
	background as_user 1000 "$PROGS/a-call" control "$M/control" mem "$s_pid" r attach \
		sh "while [ -e $BATS_TEST_TMPDIR/go ]; do sleep 0.05; done" \
		peek "$s_address" map flags=1 address="$s_address" length=4096 mem "$s_pid" r
	retry 100 0.1 grep -q attach "$BATS_TEST_TMPDIR/background.out"
	set_yama 2
	rm "$BATS_TEST_TMPDIR/go"
	wait "$background_pid" || true
	run -0 cat "$BATS_TEST_TMPDIR/background.out"
	[ "${lines[*]:3}" = "peek OK page 0 of $s_pid map OK 0 mem EACCES" ]
}

# bats test_tags=P1
@test "a process may expose itself even when it cannot be dumped" {
	run -0 as_user 1000 "$PROGS/a-call" control "$M/control" attach fd=-1 pid=0 map flags=9
	set_yama 2
	run -0 as_user 1000 "$PROGS/a-call" control "$M/control" attach fd=-1 pid=0 map flags=9
}

# bats test_tags=P9
@test "a bind mount of one map file shows the same bytes, and dies with the file" {
	start_source s "$PROGS/a-source" 4
	file=$(expose s 0)
	touch "$BATS_TEST_TMPDIR/bound"
	mount --bind "$file" "$BATS_TEST_TMPDIR/bound"
	[ "$(head -n 1 "$BATS_TEST_TMPDIR/bound")" = "page 0 of $s_pid" ]
	rm "$file"
	run -1 cat "$BATS_TEST_TMPDIR/bound"
	[[ $output == *"Stale file handle"* ]]
}

# bats test_tags=P9,P3
@test "a read-only bind mount cannot be written through" {
	start_source s "$PROGS/a-source" 4
	file=$(expose s "$WRITE")
	touch "$BATS_TEST_TMPDIR/bound"
	mount --bind "$file" "$BATS_TEST_TMPDIR/bound"
	mount -o remount,bind,ro "$BATS_TEST_TMPDIR/bound"
	run -1 call file "$BATS_TEST_TMPDIR/bound" rw
	[ "$output" = "file EROFS" ]
}

# bats test_tags=P9,P3
@test "remounting a bind mount read-write makes no read-only range writable" {
	start_source s "$PROGS/a-source" 4
	file=$(expose s 0 mode=0666)
	touch "$BATS_TEST_TMPDIR/bound"
	mount --bind "$file" "$BATS_TEST_TMPDIR/bound"
	mount -o remount,bind,rw "$BATS_TEST_TMPDIR/bound"
	chmod 0666 "$file"
	run -1 call file "$BATS_TEST_TMPDIR/bound" rw pwrite 0 x mmap rw
	[[ $output != *pwrite\ OK* && $output != *mmap\ OK* ]]
	[ "$(tell s 'print 0')" = "page 0 of $s_pid" ]
}

# bats test_tags=P9
@test "an idmapped mount shows the owner by the mount's map, and lets that user in" {
	start_source s "$PROGS/a-source" 4
	file=$(expose s "$OWNER" uid=1000 gid=1000)
	mkdir "$BATS_TEST_TMPDIR/idmapped"
	run -0 "$PROGS/a-idmap" "$M" "$BATS_TEST_TMPDIR/idmapped" 1000 5000 10
	mapped=$BATS_TEST_TMPDIR/idmapped/$s_pid/map-0
	[ "$(stat -c '%u:%g' "$mapped")" = "5000:5000" ]
	[ "$(stat -c '%u:%g' "$file")" = "1000:1000" ]
	run -0 as_user 5000 "$PROGS/a-call" file "$mapped" r pread 0
	run -1 as_user 1000 "$PROGS/a-call" file "$mapped" r
	[ "$output" = "file EACCES" ]
	run -0 as_user 5000 chmod 0440 "$mapped"
	[ "$(stat -c %a "$file")" = 440 ]
}

# bats test_tags=P9
@test "a user namespace reads a file that is its user's, and no other" {
	requires userns
	start_source s "$PROGS/a-source" 4
	file=$(expose s "$OWNER" uid=1000 gid=1000)
	other=$(expose s 0)
	run -0 as_user 1000 unshare --user --map-root-user head -n 1 "$file"
	[ "$output" = "page 0 of $s_pid" ]
	run -1 as_user 1000 unshare --user --map-root-user head -n 1 "$other"
	[ "$(as_user 1000 unshare --user --map-root-user stat -c %u "$file")" = 0 ]
	[ "$(as_user 1000 unshare --user --map-root-user stat -c %u "$other")" = 65534 ]
}

# bats test_tags=P9
@test "a user namespace may not mount remotefs" {
	requires userns
	run -1 as_user 1000 unshare --user --map-root-user --mount mount.remotefs none "$M"
}

# bats test_tags=P9
@test "a map file can never be run, nor mapped for running" {
	start_source s "$PROGS/a-source" 4
	file=$(expose s "$WRITE")
	for mode in 0700 04600 02600 01600; do
		run -1 chmod "$mode" "$file"
	done
	[ "$(stat -c %a "$file")" = 600 ]
	run -126 "$file"
	[[ $output == *"Permission denied"* ]]
	run -1 call file "$file" rw mmap rx
	[ "${lines[-1]}" = "mmap EPERM" ]
}

# bats test_tags=P3
@test "without write permission by mode a writable range is read-only for others" {
	start_source s "$PROGS/a-source" 4
	file=$(expose s "$WRITE" mode=0644)
	run -0 as_user 1001 "$PROGS/a-call" file "$file" r pread 0
	run -1 as_user 1001 "$PROGS/a-call" file "$file" rw
	[ "$output" = "file EACCES" ]
	run -1 as_user 1001 "$PROGS/a-call" file "$file" r mmap rw
	[ "${lines[-1]}" = "mmap EACCES" ]
}
