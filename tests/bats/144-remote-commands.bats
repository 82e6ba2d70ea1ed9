#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The daemon's commands for the memory that a process has.
#
# seconds: 90
# not on debug in a whole run: about programs of user land
# not on bookworm in a whole run: nor does it depend on the kernel's version
# not on forky in a whole run: nor does it depend on the kernel's version

# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
load admin

teardown() {
	rm -f "$POLICY" "$JOURNAL"
	set_yama "${yama_before:-0}"
	teardown_mount
}

maps() { cat "/proc/$s_pid/maps"; }

# address_of MAP: where its one range is
address_of() { call file "$M/$1" r range | sed -n 's/^range OK //p'; }

# bats test_tags=X10,U2
@test "new makes memory in a running process and a file of it, of the size, owner and mode asked for" {
	run -0 ask "new $s_pid 64K rw owner=1000:1000 mode=0640"
	[ "${lines[*]}" = "OK $s_pid/map-0" ]
	[ "$(stat -c '%s %u:%g %a' "$M/$s_pid/map-0")" = "65536 1000:1000 640" ]
	address=$(address_of "$s_pid/map-0")
	echo "from outside" | dd of="$M/$s_pid/map-0" conv=notrunc status=none
	run -0 dd if="/proc/$s_pid/mem" bs=4096 skip=$((address / 4096)) count=1 status=none
	[ "${lines[0]}" = "from outside" ]
	run -0 ask "new $s_pid 4096"
	[ "$(stat -c '%s %a' "$M/$s_pid/map-1")" = "4096 400" ]
	# Who opens it may not write it; the process may.
	run -1 call file "$M/$s_pid/map-1" rw pwrite 0 x
	address=$(address_of "$s_pid/map-1")
	echo "from inside" | dd of="/proc/$s_pid/mem" bs=4096 seek=$((address / 4096)) conv=notrunc status=none
	run -0 call file "$M/$s_pid/map-1" r pread 0
	[ "${lines[-1]}" = "pread OK from inside" ]
}

# bats test_tags=X2,X4,U2
@test "mmap, munmap and discard do as text what the calls do, and answer with the interval" {
	run -0 ask "mmap $s_pid 8K rw"
	[[ ${lines[1]} =~ ^0x[0-9a-f]+-0x[0-9a-f]+$ ]]
	start=${lines[1]%-*} end=${lines[1]#*-}
	[ $((end - start)) = 8192 ]
	grep -q "^${start#0x}-${end#0x} rw-p\|^[0-9a-f]*-${end#0x} rw-p\|^${start#0x}-[0-9a-f]* rw-p" "/proc/$s_pid/maps"
	says EEXIST "something is mapped there" "mmap $s_pid 4K rw at=$start"
	run -0 ask "mmap $s_pid 4K none at=$start replace"
	[ "${lines[1]}" = "$(pages "$start" 1)" ]
	grep -q "^${start#0x}-.* ---p" "/proc/$s_pid/maps"
	run -0 ask "munmap $s_pid $(pages "$start" 2)"
	[ "${lines[1]}" = "$(pages "$start" 2)" ]
	run -1 grep -q "^${start#0x}-" "/proc/$s_pid/maps"
	run -0 ask "discard $s_pid $(pages "$s_address + 4096" 1)"
	[ "$(tell s print 2)" = "page 2 of $s_pid" ]
	run -0 dd if="/proc/$s_pid/mem" bs=4096 skip=$((s_address / 4096 + 1)) count=1 status=none
	[ "$(tr -d '\0' <<<"$output" | head -n 1)" = "" ]
}

# bats test_tags=X2,X3,U2
@test "what the kernel refuses is refused with a sentence, and nothing has changed" {
	before=$(maps)
	says EFAULT "not all of it is private anonymous" "discard $s_pid 0x10000-0x11000"
	says EINVAL "address space" "munmap $s_pid 0xfffffffffffe0000-0xffffffffffff0000"
	says EPERM "address too low" "mmap $s_pid 4K rw at=0x0"
	says ENOMEM "may not have more" "new $s_pid 100000G"
	says ESRCH "there is no process" "new 4194303 4K"
	prlimit --pid "$s_pid" --as="$(($(awk '/VmSize/ { print $2 }' "/proc/$s_pid/status") * 1024 + 4096)):"
	says ENOMEM "may not have more" "new $s_pid 8K"
	[ "$(maps)" = "$before" ]
	[ ! -e "$M/$s_pid" ]
}

# bats test_tags=U3,X3
@test "commands need the right to write the process's memory, by one's own rights or one's descriptor" {
	set_yama 0
	start_source mine as_user 1000 "$PROGS/a-source" 4
	run -0 ask_as 1000 "new $mine_pid 4K"
	[ "$(stat -c %u "$M/$mine_pid/map-0")" = 1000 ]
	before=$(cat "/proc/$mine_pid/maps")
	for command in "new $mine_pid 4K" "mmap $mine_pid 4K rw" "munmap $mine_pid $(pages "$mine_address" 1)" \
		"discard $mine_pid $(pages "$mine_address" 1)"; do
		run -1 ask_as 1001 "$command"
		[ "${lines[0]}" = EACCES ]
		# A descriptor that is open for reading only: a-ask opens what it can.
		run -1 ask_as 1000 "${command/$mine_pid/$s_pid}"
		[ "${lines[0]}" = EACCES ]
	done
	[ "$(cat "/proc/$mine_pid/maps")" = "$before" ]
	set_yama 1
	run -1 ask_as 1000 "discard $mine_pid $(pages "$mine_address" 1)"
	[ "${lines[0]}" = EACCES ]
}

# bats test_tags=U2,U3
@test "the policy narrows commands: remote for all, and interval besides for what takes memory away" {
	new="new $s_pid 4K" munmap="munmap $s_pid $(pages "$s_address + 8192" 1)"
	replace="mmap $s_pid 4K rw at=$(printf 0x%x $((s_address + 8192))) replace"
	policy 'allow any heap,stack,anon,interval,named,as of any rw'
	for command in "$new" "$munmap" "$replace"; do
		says EACCES "no line of the policy allows" "$command"
	done
	policy 'allow any remote of any'
	says EACCES "no line of the policy allows" "$new"
	policy 'allow any remote of any rw'
	run -0 ask "$new"
	says EACCES "no line of the policy allows" "$munmap"
	says EACCES "no line of the policy allows" "$replace"
	says EACCES "no line of the policy allows" "add $s_pid heap"
	policy 'deny any stack of any rw' 'allow any remote,interval of any rw'
	run -0 ask "$new"
	says EACCES "line 1 of the policy" "$munmap"
	policy 'deny any remote of any' 'allow any any of any rw'
	says EACCES "line 1 of the policy" "$new"
	policy 'allow any remote,interval of any rw mode=0444 owner=1000:1000'
	run -0 ask "$replace"
	run -0 ask "$munmap"
	run -0 ask "$new"
	[ "$(stat -c '%a %u' "$M/$s_pid/map-2")" = "444 1000" ]
}

# bats test_tags=P8
@test "each command leaves a record with who, whom and which memory; a denied one, too" {
	listen
	ask "new $s_pid 4K rw"
	run -0 ask "mmap $s_pid 4K ro"
	made=${lines[1]}
	ask "munmap $s_pid $made"
	ask "discard $s_pid $(pages "$s_address" 1)"
	run -1 ask_as 1000 "munmap $s_pid $(pages "$s_address" 1)"
	at=$(address_of "$s_pid/map-0")
	retry 50 0.1 recorded REMOTEFS_EVENT=denied REMOTEFS_COMMAND=munmap REMOTEFS_UID=1000 "REMOTEFS_SOURCE_PID=$s_pid"
	recorded REMOTEFS_EVENT=create REMOTEFS_COMMAND=new "REMOTEFS_FILE=$s_pid/map-0" "REMOTEFS_RANGE=$(pages "$at" 1) rw"
	recorded REMOTEFS_EVENT=change REMOTEFS_COMMAND=mmap REMOTEFS_UID=0 "REMOTEFS_SOURCE_PID=$s_pid" "REMOTEFS_RANGE=$made"
	recorded REMOTEFS_EVENT=change REMOTEFS_COMMAND=munmap "REMOTEFS_RANGE=$made"
	recorded REMOTEFS_EVENT=change REMOTEFS_COMMAND=discard "REMOTEFS_RANGE=$(pages "$s_address" 1)"
}

# bats test_tags=U2,X10
@test "remotefsctl prints a path for a file and an interval for memory without one" {
	run -0 remotefsctl --data="$M" --mount="$D" new "$s_pid" 8K rw
	[ "$output" = "$M/$s_pid/map-0" ]
	run -0 remotefsctl --data="$M" --mount="$D" mmap "$s_pid" 4K rw
	[[ $output =~ ^0x[0-9a-f]+-0x[0-9a-f]+$ ]]
	run -0 remotefsctl --data="$M" --mount="$D" munmap "$s_pid" "$output"
	run -1 remotefsctl --data="$M" --mount="$D" new "$s_pid" 8
	[[ $output == *"not a size of whole pages"* ]]
	# What the daemon cannot judge is tried with the user's own descriptor.
	set_yama 1
	start_source child as_user 1000 "$PROGS/a-source" 4
	run -1 as_user 1000 remotefsctl --data="$M" --mount="$D" discard "$child_pid" "$(pages "$child_address" 1)"
}
