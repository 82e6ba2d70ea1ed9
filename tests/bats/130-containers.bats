#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Containers by the real runc and crun: a map file that is bound into one is all
# of remotefs that it sees, and stays under the control of whoever exposed it.
#
# seconds: 180
# not on debug in a whole run: about programs of user land
# not on bookworm in a whole run: the kernel's part, bind and idmapped mounts, is in 025 and 027
# not on forky in a whole run: the kernel's part, bind and idmapped mounts, is in 025 and 027

# Single quotes are for the container's shell.
# shellcheck disable=SC2154,SC2016
bats_require_minimum_version 1.5.0
load admin
load containers

# bats test_tags=U6,P9
@test "a map file that is bound into a container is readable there, and nothing else of remotefs" {
	make_bundle
	ask "add $s_pid $(pages "$s_address" 2)"
	ask "add $s_pid heap"
	file=$M/$s_pid/map-0
	config '"bind","ro"' 'head -n 1 /memory; wc -c </memory; grep -c remotefs /proc/mounts; ls /'
	for runtime in "${RUNTIMES[@]}"; do
		run -0 contain "$runtime"
		[ "${lines[0]}" = "page 0 of $s_pid" ]
		[ "${lines[1]} ${lines[2]}" = "8192 1" ]
		[[ $output != *"$M"* && $output != *map-1* ]]
	done
}

# bats test_tags=U6,P3
@test "what is bound read-only cannot be written there, and what is bound read-write can" {
	make_bundle
	ask "add $s_pid $(pages "$s_address" 1) rw"
	file=$M/$s_pid/map-0
	for runtime in "${RUNTIMES[@]}"; do
		config '"bind","ro"' 'echo from inside | dd of=/memory conv=notrunc'
		run ! contain "$runtime"
		[[ $output == *"Read-only file system"* ]]
		[ "$(head -n 1 "$file")" = "page 0 of $s_pid" ]
	done
	for runtime in "${RUNTIMES[@]}"; do
		config '"bind","rw"' "echo from $runtime | dd of=/memory conv=notrunc"
		run -0 contain "$runtime"
		[ "$(head -n 1 "$file")" = "from $runtime" ]
	done
	# A range that is read-only stays so, however it is bound.
	ask "add $s_pid $(pages "$s_address" 1)"
	file=$M/$s_pid/map-1
	config '"bind","rw"' 'echo no | dd of=/memory conv=notrunc'
	run ! contain runc
	[[ $output == *"Permission denied"* ]]
}

# bats test_tags=U6,P9
@test "in a user namespace a file is for whom it was given to" {
	requires userns
	make_bundle
	chown -R 100000:100000 "$bundle/rootfs"
	ask "add $s_pid $(pages "$s_address" 1) owner=100000:100000"
	ask "add $s_pid $(pages "$s_address" 1)"
	for runtime in "${RUNTIMES[@]}"; do
		file=$M/$s_pid/map-0
		config '"bind","ro"' 'head -n 1 /memory; stat -c "%u %a" /memory' "$USERNS" "$MAPPINGS"
		run -0 contain "$runtime"
		[ "${lines[0]}" = "page 0 of $s_pid" ]
		[ "${lines[1]}" = "0 400" ]
		file=$M/$s_pid/map-1
		config '"bind","ro"' 'head -n 1 /memory' "$USERNS" "$MAPPINGS"
		run ! contain "$runtime"
		[[ $output == *"Permission denied"* && $output != *"page 0"* ]]
	done
}

# bats test_tags=U6,C4
@test "a revoke is felt in a container that has the file open, and one that opens it later" {
	make_bundle
	for runtime in "${RUNTIMES[@]}"; do
		run -0 ask "add $s_pid $(pages "$s_address" 1)"
		file=$M/${lines[1]}
		config '"bind","ro"' "$FEELS_REVOKE"
		feels_revoke "$runtime" "$file"
	done
}

# bats test_tags=U6,U4
@test "a container reads on while the daemon is killed and started again" {
	make_bundle
	ask "add $s_pid $(pages "$s_address" 1)"
	file=$M/$s_pid/map-0
	config '"bind","ro"' 'exec 4</memory; echo ready; read go; head -n 1 <&4; head -n 1 /memory; echo end'
	begin_container runc
	kill -KILL "$daemon"
	wait "$daemon" || true
	echo go >&"$go"
	retry 100 0.1 grep -q end "$BATS_TEST_TMPDIR/said"
	[ "$(grep -c "page 0 of $s_pid" "$BATS_TEST_TMPDIR/said")" = 2 ]
	start_daemon
	run -0 cat "$D/ranges"
	[[ $output == "$s_pid/map-0 "* ]]
}

# bats test_tags=U6
@test "the hook exposes a container's memory when it starts, and takes it back when it stops" {
	make_bundle
	hook=/usr/share/remotefs/tests/remotefs-hook
	[ -x "$hook" ]
	state=$BATS_TEST_TMPDIR/hooks
	environment="[\"PATH=/usr/sbin:/usr/bin:/sbin:/bin\",\"REMOTEFSCTL=remotefsctl --data=$M --mount=$D\",\"REMOTEFS_HOOK_STATE=$state\"]"
	hooks="{\"poststart\":[{\"path\":\"$hook\",\"args\":[\"remotefs-hook\",\"expose\",\"all\",\"mode=0440\"],\"env\":$environment}],
		\"poststop\":[{\"path\":\"$hook\",\"args\":[\"remotefs-hook\",\"revoke\"],\"env\":$environment}]}"
	file=''
	config '' 'x=from-the-container-$((1000 + 7)); echo ready; read go; echo $x >/dev/null' '' '' "$hooks"
	for runtime in "${RUNTIMES[@]}"; do
		begin_container "$runtime"
		retry 100 0.1 test -s "$state/c$BATS_TEST_NUMBER-$runtime"
		cat "$state"/*
		pid=$(cut -d/ -f1 "$state/c$BATS_TEST_NUMBER-$runtime" | head -n 1)
		[ "$(stat -c %a "$M/$pid/map-0")" = 440 ]
		run -0 grep -la from-the-container-1007 "$M/$pid"/map-*
		echo go >&"$go"
		retry 100 0.1 test ! -e "$M/$pid"
		retry 100 0.1 test ! -e "$state/c$BATS_TEST_NUMBER-$runtime"
		exec {go}>&-
		rm "$BATS_TEST_TMPDIR/go"
	done
	# And as it is called to lend another process's memory.
	export REMOTEFSCTL="remotefsctl --data=$M --mount=$D" REMOTEFS_HOOK_STATE=$state
	echo '{"ociVersion": "1.0", "id": "lent", "pid": 1}' | "$hook" for "$s_pid" expose heap
	retry 50 0.1 test -s "$state/lent"
	[ -e "$M/$s_pid/map-0" ]
	echo '{"id":"lent"}' | "$hook" revoke
	[ ! -e "$M/$s_pid/map-0" ]
}
