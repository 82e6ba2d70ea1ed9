# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034
#
# What the suites about the daemon share: a mount, a daemon, a source s.

load helpers

setup() {
	requires remotefsd
	setup_mount "${mount_options-}"
	D=$BATS_TEST_TMPDIR/ctl
	mkdir "$D"
	start_daemon
	start_source s "$PROGS/a-source" 4
	yama_before=$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)
}

teardown() {
	set_yama "${yama_before:-0}"
	teardown_mount
}

set_yama() {
	[ ! -e /proc/sys/kernel/yama/ptrace_scope ] || echo "$1" >/proc/sys/kernel/yama/ptrace_scope
}

start_daemon() {
	# Elsewhere this is done by the device manager.
	[ -e /dev/fuse ] || modprobe fuse
	background remotefsd --data="$M" --mount="$D"
	daemon=$background_pid
	retry 200 0.05 test -e "$D/version" || {
		cat "$BATS_TEST_TMPDIR/background.out"
		return 1
	}
}

# ask COMMAND [MEM]: as root;  ask_as UID COMMAND [MEM]
ask() { "$PROGS/a-ask" "$D/ctl" "$@"; }
ask_as() { as_user "$1" "$PROGS/a-ask" "$D/ctl" "${@:2}"; }

count_files() { find "$M/$1" -type f | wc -l; }

pages() { printf '0x%x-0x%x' $(($1)) $(($1 + $2 * 4096)); }

# says ERRNO SENTENCE COMMAND: refused so, and nothing changes
says() {
	run -1 ask "$3"
	[[ $output == "$1"$'\n'"error: $1: "*"$2"* && $(wc -l <<<"$output") = 2 ]]
}
