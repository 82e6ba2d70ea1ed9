#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What docs/tracing.md says: its commands, with the real tools, and its table.
#
# seconds: 150
# not on debug in a whole run: programs of user land, minutes there
# shellcheck disable=SC2034 # for helpers.bash

bats_require_minimum_version 1.5.0
load helpers
load types

setup() {
	requires remotefsd
	start_test
	mnt=/run/remotefs
	M=$mnt
	mkdir -p "$mnt"
	mount -t remotefs none "$mnt"
	[ -e /dev/fuse ] || modprobe fuse
	[ -p /tmp/traced ] || mkfifo /tmp/traced
}

teardown() {
	rm -f /tmp/traced /tmp/up /tmp/page /tmp/stat /tmp/perf.data /tmp/trace.dat /tmp/touch
	umount -l /run/remotefsd 2>/dev/null
	all_succeed end_processes "retry 50 0.1 umount $mnt" types_back kernel_kept_quiet 'unset M'
}

page() { cat /usr/share/remotefs/tests/tracing.md; }

# Lines that begin with "# " in a block of code are commands; in the same blocks, what
# has no "#" is what they print.
commands() { page | awk '/^    # / { sub(/^    # /, ""); print }'; }
expected() {
	page | awk '
		!/^    / { block = 0 }
		/^    # / { block = 1; next }
		block && /^    / { sub(/^    /, ""); print }
	'
}

# bats test_tags=B3
@test "the commands of the page print what it says, also without type information" {
	requires tracing-tools
	# What is looked at may take its time.
	rev() { sleep 2 && command rev; }
	export -f rev
	for types in $(types_here); do
		"types_$types"
		background remotefsd
		retry 200 0.05 test -e /run/remotefsd/version
		run -0 bash -e -o pipefail -c "trap 'kill \$pid 2>/dev/null || :' EXIT; $(commands)" 3>&-
		echo "$output" >"$BATS_TEST_TMPDIR/got"
		diff <(expected) "$BATS_TEST_TMPDIR/got"
		end_processes
		retry 50 0.1 umount /run/remotefsd
		rm /tmp/up
	done
	[ "$(commands | wc -l)" -gt 20 ]
}

# Name and fields of each row of the page's table.
documented() {
	page | awk -F' *[|] *' '$2 ~ /^remotefs_[a-z]+$/ { print $2 ": dev ino source map " $3 }' | sort
}

# The same of the kernel.
present() {
	local event
	for event in /sys/kernel/tracing/events/remotefs/remotefs_*; do
		echo "${event##*/}:$(awk '
			/field:/ && !/common_/ { sub(/;.*/, ""); printf " %s", $NF }
		' "$event/format")"
	done | sort
}

# bats test_tags=B1,B3
@test "the tracepoints and their fields are those of the page" {
	for types in $(types_here); do
		"types_$types"
		documented >"$BATS_TEST_TMPDIR/documented"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/documented")" -ge 9 ]
		diff "$BATS_TEST_TMPDIR/documented" <(present)
	done
}

# bats test_tags=B12,B1
@test "where the kernel has types so has the module, and its functions are among them" {
	requires kernel-types
	[ -e /sys/kernel/btf/remotefs ]
	run -0 bpftool btf dump file /sys/kernel/btf/remotefs
	[[ $output == *"FUNC 'remotefs_inode_area'"* ]]
	[[ $output == *"FUNC 'remotefs_policy_deny'"* ]]
	# What it shares with the kernel it takes from there.
	[[ $output != *"STRUCT 'inode'"* && $output == *"STRUCT 'remotefs_map'"* ]]
}

# What programs of the type "tracepoint" go by: examples/bpf/event.h.
offsets() {
	awk '/field:/ && !/common_/ {
		split($0, part, ";")
		count = split(part[1], word, " ")
		sub(/.*offset:/, "", part[2])
		printf "%s=%s ", word[count], part[2]
	}' "/sys/kernel/tracing/events/remotefs/$1/format"
}

# bats test_tags=B12
@test "the fields lie where the examples look for them, on every kernel" {
	[ "$(offsets remotefs_read)" = "dev=8 ino=16 source=24 map=28 offset=32 length=40 ret=48 " ]
	[ "$(offsets remotefs_write)" = "$(offsets remotefs_read)" ]
	[ "$(offsets remotefs_fault)" = "dev=8 ino=16 source=24 map=28 offset=32 address=40 write=48 result=52 " ]
	[ "$(offsets remotefs_mmap)" = "dev=8 ino=16 source=24 map=28 offset=32 length=40 address=48 write=56 ret=60 " ]
}
