#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The module by itself: loading, unloading, and not saying a word.
#
# seconds: 120
# not on debug in a whole run: ninety seconds there; every suite that runs there loads and unmounts too

# What start_source sets is not seen by shellcheck.
# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
load helpers

setup() {
	start_test
}

teardown() {
	teardown_mount
}

module_file() { modinfo -F filename remotefs; }

# bats test_tags=Z2
@test "the module says what it is, and its licence is the kernel's" {
	[ "$(modinfo -F license remotefs)" = GPL ]
	[ -n "$(modinfo -F description remotefs)" ]
	[[ $(modinfo -F vermagic remotefs) == "$(uname -r) "* ]]
	[ "$(modinfo -F alias remotefs)" = fs-remotefs ]
}

# bats test_tags=Z2
@test "the module loads with exported symbols only, and taints by its origin alone" {
	rmmod remotefs 2>/dev/null || true
	run -0 modprobe remotefs
	grep -q "remotefs$" /proc/filesystems
	# Out of tree and unsigned; no warning, nothing forced.
	[ $(($(cat /proc/sys/kernel/tainted) & ~(1 << 12 | 1 << 13))) = 0 ]
	# No way around the list of exported symbols.
	undefined=$(nm -u "$(module_file)")
	[ -n "$undefined" ]
	[[ $undefined != *kallsyms* && $undefined != *kprobe* && $undefined != *ftrace_set* ]]
}

# bats test_tags=Z2
@test "every undefined symbol of the module is exported by the kernel or a module of it" {
	run -0 modprobe --dry-run --show-depends remotefs
	nm -u "$(module_file)" | awk '{ print $2 }' | sort -u >"$BATS_TEST_TMPDIR/needed"
	sed -n 's/.* __ksymtab_\([^\t ]*\).*/\1/p' /proc/kallsyms | sort -u >"$BATS_TEST_TMPDIR/exported"
	[ -s "$BATS_TEST_TMPDIR/exported" ]
	run -0 comm -23 "$BATS_TEST_TMPDIR/needed" "$BATS_TEST_TMPDIR/exported"
	[ -z "$output" ]
}

# bats test_tags=L8,Z3
@test "the module is unloaded and loaded again" {
	for _ in 1 2 3; do
		modprobe remotefs
		rmmod remotefs
		[ ! -e /sys/module/remotefs ]
	done
	run -1 grep remotefs /proc/filesystems
	run ! grep -s remotefs_inode /proc/slabinfo
}

# bats test_tags=L8
@test "rmmod is refused while there is a mount" {
	setup_mount
	run -1 rmmod remotefs
	[[ $output == *"is in use"* ]]
	umount "$M"
	run -0 rmmod remotefs
}

# bats test_tags=L8
@test "umount is refused while a file is open, and frees all after it is closed" {
	setup_mount
	exec {fd}<"$M/control"
	run -32 umount "$M"
	[[ $output == *"busy"* ]]
	exec {fd}<&-
	umount "$M"
	run -0 rmmod remotefs
}

# bats test_tags=L8
@test "a lazily unmounted tree serves its open files until they are closed" {
	setup_mount
	start_source s "$PROGS/a-source" 4
	file=$(expose s 0)
	exec {fd}<"$file"
	umount -l "$M"
	run -1 rmmod remotefs
	read -r line <&"$fd"
	[ "$line" = "page 0 of $s_pid" ]
	exec {fd}<&-
	retry 50 0.1 module_is_unused
	run -0 rmmod remotefs
}

# bats test_tags=L8
@test "an open session keeps the module after a lazy umount, and can still expose" {
	setup_mount
	start_source s "$PROGS/a-source" 4
	run -0 call control "$M/control" mem "$s_pid" r attach sh "umount -l $M; ! rmmod remotefs" \
		map flags=1 address="$s_address" length=4096 unmap length=4096
	retry 50 0.1 module_is_unused
	run -0 rmmod remotefs
}

# bats test_tags=L8,L1
@test "umount ends grants of processes that live on" {
	setup_mount
	start_source s "$PROGS/a-source" 4
	expose s 0
	expose s "$WHOLE" address=0 length=0
	umount "$M"
	retry 50 0.1 module_is_unused
	run -0 rmmod remotefs
	[ "$(tell s 'print 0')" = "page 0 of $s_pid" ]
}

# What reached the kernel's log above the level of debugging, but for what it finds
# out about the machine.
log_above_debug() {
	dmesg --level emerg,alert,crit,err,warn,notice,info |
		grep -vE '\] (clocksource|hrtimer|perf|sched|tsc|workqueue):'
}

# bats test_tags=Z3
@test "no bad request makes the kernel print anything" {
	setup_mount control_mode=0666
	start_source s "$PROGS/a-source" 4
	before=$(log_above_debug)
	for _ in 1 2 3; do
		bad_requests "$(expose s 0)"
	done
	diff <(echo "$before") <(log_above_debug)
}

bad_requests() {
	local file=$1
	call control "$M/control" features size=1 features ptr=0 features cmd=0xe7ff attach pid=0 \
		attach fd=99 attach flags=9 other /etc/passwd attach pid=1 mem "$s_pid" w attach \
		mem "$s_pid" r attach map flags=3 address="$s_address" length=4096 \
		map flags=1 address=1 length=1 map flags=1 address=0x10000 length=4096 map flags=1024 \
		map flags=1 address=0xfffffffffffff000 length=0x10000 unmap map=7 length=4096 \
		allow map=0 length=4096 file "$file" rw file "$file" r pwrite 0 x pread 0xfffffffff000 \
		mmap rw mmap rx info flags=1 range offset=0xfffffffffffffff0 || true
	rm "$M/control" || true
	mkdir "$M/x" || true
	truncate -s 9G "$file" || true
	chmod 7777 "$file" || true
	mount -t remotefs none "$M" -o bogus || true
	mount -t remotefs none "$M" -o max_maps=0 || true
	mount -o remount,uid=77 "$M" || true
}
