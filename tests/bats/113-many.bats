#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The daemon with 10,000 ranges of 1,000 processes.
#
# seconds: 180
# not on debug in a whole run: about programs of user land
# not on bookworm in a whole run: nor does it depend on the kernel's version
# not on forky in a whole run: nor does it depend on the kernel's version

# shellcheck disable=SC2154,SC2034 # see admin.bash
bats_require_minimum_version 1.5.0
load admin

mount_options=max_maps=20000,max_ranges=20000,max_user_maps=20000,max_user_ranges=20000

# All of them listen to one FIFO, and end with it.
start_many() {
	mkfifo "$BATS_TEST_TMPDIR/ears"
	exec {ears}<>"$BATS_TEST_TMPDIR/ears"
	for ((i = 0; i < 1000; i++)); do
		"$PROGS/a-source" 1 <&"$ears" 3>&- &
		started+=($!)
	done >"$BATS_TEST_TMPDIR/many"
	all_are_there() { [ "$(grep -c 0x "$BATS_TEST_TMPDIR/many")" = 1000 ]; }
	retry 600 0.1 all_are_there
}

# expose_some FROM TO: ten files of each process from line FROM to line TO
expose_some() {
	local pid address steps=() i
	for ((i = 0; i < 10; i++)); do steps+=(map flags=1 address=ADDRESS length=4096); done
	sed -n "$1,$2p" "$BATS_TEST_TMPDIR/many" | while read -r pid address; do
		call control "$M/control" mem "$pid" r attach "${steps[@]/ADDRESS/$address}" >/dev/null
	done
}

# Memory of its own, in bytes, once it has taken note of all files.
memory() {
	local kib
	noticed() { ask "add $s_pid heap" >/dev/null && ask "revoke $s_pid" >/dev/null; }
	noticed
	sleep_until_told "$s_pid"
	kib=$(awk '/^RssAnon/ { print $2 }' "/proc/$daemon/status")
	echo $((kib * 1024))
}

# The last thing that was done is the last that is told.
sleep_until_told() {
	# Once more, if it was among what the reader was too late for.
	told() { [[ $(tail -n 1 "$BATS_TEST_TMPDIR/told") == *'"event":"revoke"'*"\"pid\":$1,"* ]] || { noticed && false; }; }
	retry 300 0.1 told "$1"
}

# took WHAT LIMIT COMMAND...: at most so many milliseconds
took() {
	local begin=${EPOCHREALTIME/./} ms
	"${@:3}" >"$BATS_TEST_TMPDIR/got"
	ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
	echo "# $1: $ms ms" >&3
	[ "$ms" -lt "$2" ]
}

# bats test_tags=U2,Z3
@test "10,000 ranges of 1,000 processes: commands stay quick, and memory grows by little and evenly" {
	start_many
	cat "$D/events" >"$BATS_TEST_TMPDIR/told" 3>&- &
	started+=($!)
	retry 100 0.05 grep -q begin "$BATS_TEST_TMPDIR/told"
	none=$(memory)
	expose_some 1 500
	half=$(memory)
	expose_some 501 1000
	full=$(memory)
	echo "# the daemon's memory: $none bytes, $half with 5,000 ranges, $full with 10,000" >&3
	# Known of each are number, owner and state, as long as somebody reads events.
	[ $((full - none)) -gt 100000 ]
	[ $((full - none)) -lt $((10000 * 256 + 262144)) ]
	[ $((full - half)) -lt $((half - none + 262144)) ]
	[ $((half - none)) -lt $((full - half + 262144)) ]

	took "add" 2000 ask "add $s_pid heap"
	took "revoke of one" 2000 ask "revoke $s_pid/map-0"
	read -r pid _ <"$BATS_TEST_TMPDIR/many"
	took "status of one process" 2000 cat "$D/$pid/status"
	took "ranges" 30000 cat "$D/ranges"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/got")" = 10000 ]
	took "stats" 30000 cat "$D/stats"
	grep -qx 'ranges: 10000' "$BATS_TEST_TMPDIR/got"
	took "revoke all" 60000 ask "revoke all"
	[ "$(find "$M" -name 'map-*' | wc -l)" = 0 ]
}
