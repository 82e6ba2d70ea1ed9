#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel locked down for good, so nothing comes after this.
#
# seconds: 60
# not on debug in a whole run: it has no lockdown
# not on bookworm in a whole run: 990 has made an end of /proc/PID/mem there
# not on forky in a whole run: likewise

# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
load helpers

setup() {
	requires lockdown
	setup_mount
}

teardown() {
	teardown_mount
}

# bats test_tags=P7
@test "lockdown changes nothing for memory that /proc/PID/mem shows as well" {
	start_source s "$PROGS/a-source" 4
	echo confidentiality >/sys/kernel/security/lockdown
	grep -q '\[confidentiality\]' /sys/kernel/security/lockdown
	run -0 dd if="/proc/$s_pid/mem" bs=4096 skip=$((s_address / 4096)) count=1 status=none
	[ "${lines[0]}" = "page 0 of $s_pid" ]
	file=$(expose s "$WRITE")
	run -0 call file "$file" rw pread 4096 pwrite 0 changed
	[ "${lines[1]}" = "pread OK page 1 of $s_pid" ]
}

# bats test_tags=P7
@test "a locked down kernel takes the module only with a signature that it knows" {
	teardown_mount
	rmmod remotefs
	run ! modprobe remotefs
	[[ $output == *"not permitted"* || $output == *"Key was rejected"* || $output == *"Required key"* ]]
}
