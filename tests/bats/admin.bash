# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034
#
# What the suites about the daemon share: a mount, a daemon, a source s.

load helpers

POLICY=/etc/remotefs/policy.conf
JOURNAL=/run/systemd/journal/socket

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

# policy LINE...
policy() {
	mkdir -p "${POLICY%/*}"
	printf '%s\n' "$@" >"$POLICY"
	chmod 0644 "$POLICY"
}

# Each datagram as one line, its fields with a bar between them.
listen() {
	mkdir -p "${JOURNAL%/*}"
	python3 -uc 'if 1:
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		while True:
			print("|" + s.recv(65536).decode().replace("\n", "|"))
	' "$JOURNAL" >"$BATS_TEST_TMPDIR/journal" 3>&- &
	started+=($!)
	retry 100 0.1 test -S "$JOURNAL"
}

# recorded FIELD=VALUE...: one record has them all, and there is only one
recorded() {
	local lines field
	lines=$(<"$BATS_TEST_TMPDIR/journal")
	for field; do lines=$(grep -F "|$field|" <<<"$lines"); done
	[ "$(grep -c . <<<"$lines")" = 1 ] || {
		echo "looked for: $*"
		cat "$BATS_TEST_TMPDIR/journal"
		return 1
	}
	[[ $lines == "|MESSAGE="*"|MESSAGE_ID="*"|PRIORITY="*"|SYSLOG_IDENTIFIER=remotefsd|"* ]]
}
