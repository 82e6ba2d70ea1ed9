#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Map files in containers by idmapped mounts: whoever a file was given to on the
# host, it is the container's root who has it inside.  crun, and runc from 1.2 on,
# make such mounts themselves, of what config.json says; an older runc is handed
# one that was made before.
#
# seconds: 120
# not on debug in a whole run: about programs of user land
# not on bookworm in a whole run: the kernel's part is in 025; its runc and crun are older than trixie's
# not on forky in a whole run: its programs are those of trixie

# Single quotes are for the container's shell.
# shellcheck disable=SC2154,SC2016,SC2034
bats_require_minimum_version 1.5.0
load admin
load containers

# maps_ids RUNTIME: does it do that?
maps_ids() { "$1" features 2>/dev/null | tr -d ' \n\t' | grep -q '"idmap":{"enabled":true'; }

# mapping JSON-NAME INSIDE OUTSIDE: user INSIDE of the file is OUTSIDE of the host
mapping() { echo "\"$1\":[{\"containerID\":$2,\"hostID\":$3,\"size\":1}]"; }

# bind_mapped RUNTIME PATH OUTSIDE: have config() bind the file of user 1000 as that of OUTSIDE
bind_mapped() {
	file=$2 mount_json='' how="$1 by itself"
	if maps_ids "$1"; then
		mount_json="$(mapping uidMappings 1000 "$3"),$(mapping gidMappings 1000 "$3")"
	else
		how="$1 by a mount that it is handed"
		file=$BATS_TEST_TMPDIR/mapped
		umount "$file" 2>/dev/null || true
		touch "$file"
		"$PROGS/a-idmap" "$2" "$file" 1000 "$3" 1
	fi
	echo "# $how" >&3
}

# Rootful is on the host's own users, with no capabilities; in a user namespace
# its root is 100000.
# check_mapped OUTSIDE [NAMESPACE MAPPINGS]
check_mapped() {
	ask "add $s_pid $(pages "$s_address" 1) rw owner=1000:1000"
	ask "add $s_pid heap owner=1000:1000"
	for runtime in "${RUNTIMES[@]}"; do
		# Without a mapping it is somebody else's.
		file=$M/$s_pid/map-0 mount_json=''
		config '"bind","ro"' 'cat /memory' "${@:2}"
		run ! contain "$runtime"
		[[ $output == *"Permission denied"* ]]

		bind_mapped "$runtime" "$M/$s_pid/map-0" "$1"
		config '"bind","ro"' 'head -n 1 /memory; stat -c "%u %g %a" /memory; grep -c remotefs /proc/mounts;
			echo no | dd of=/memory conv=notrunc 2>&1' "${@:2}"
		run ! contain "$runtime"
		[ "${lines[*]:0:3}" = "page 0 of $s_pid 0 0 600 1" ]
		[[ $output == *"Read-only file system"* && $output != *map-1* ]]
		[ "$(head -n 1 "$M/$s_pid/map-0")" = "page 0 of $s_pid" ]

		config '"bind","rw"' "echo from $runtime | dd of=/memory conv=notrunc; head -n 1 /memory" "${@:2}"
		run -0 contain "$runtime"
		[[ $output == *"from $runtime"* ]]
		[ "$(head -n 1 "$M/$s_pid/map-0")" = "from $runtime" ]
		printf 'page 0 of %d\n' "$s_pid" | dd of="$M/$s_pid/map-0" conv=notrunc status=none
	done
}

# bats test_tags=U6,P9,P3
@test "a container's root has a file that is another user's, by an idmapped mount" {
	make_bundle
	check_mapped 0
}

# bats test_tags=U6,P9,P3
@test "so has the root of a container in a user namespace" {
	requires userns
	make_bundle
	chown -R 100000:100000 "$bundle/rootfs"
	check_mapped 100000 "$USERNS" "$MAPPINGS"
}

# bats test_tags=U6,C4
@test "a revoke is felt behind an idmapped mount" {
	requires userns
	make_bundle
	chown -R 100000:100000 "$bundle/rootfs"
	for runtime in "${RUNTIMES[@]}"; do
		run -0 ask "add $s_pid $(pages "$s_address" 1) owner=1000:1000"
		path=$M/${lines[1]}
		bind_mapped "$runtime" "$path" 100000
		config '"bind","ro"' "$FEELS_REVOKE" "$USERNS" "$MAPPINGS"
		feels_revoke "$runtime" "$path"
	done
}
