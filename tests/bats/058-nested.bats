#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 60
# not on debug in a whole run: a minute there
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# A mirror as the memory of a virtual machine: KVM follows the mirror by MMU
# notifiers of its own, which ours must reach before the source goes on.

bats_require_minimum_version 1.5.0

# The first machine and the last make the kernel patch its scheduler. Emulated
# processors may run what was there in between: so there is only one meanwhile.
setup_file() {
	echo 0 >/sys/devices/system/cpu/cpu1/online
	modprobe kvm_amd 2>/dev/null || true
}

teardown_file() {
	echo 1 >/sys/devices/system/cpu/cpu1/online
}

setup() {
	load mirror
	mirror_setup
	[ -e /dev/kvm ] || skip "no /dev/kvm here"
}

teardown() {
	mirror_teardown
}

# A machine that has the scene's file for memory.
machine_scene() {
	scene 8 rw
	start machine m-kvm
	ask machine machine "$file" 8
	[ "$answer" = ok ] || fail "the machine: $answer"
	says machine a vload 0
}

# bats test_tags=M1,M26
@test "a virtual processor loads and stores the source's memory" {
	machine_scene
	says machine ok vstore 5 v
	says source v load $((a + 5))
	says source ok store $((a + page)) s
	says machine s vload $page
}

# bats test_tags=M5,M26
@test "what the source discards or unmaps is gone from the machine when the call returns" {
	machine_scene
	says machine a vload $page
	says source ok advise "$a" $page dontneed
	says machine 00 vload 0
	says source ok store "$a" n
	says machine n vload 0
	says source ok unmap $((a + page)) $page
	says machine EFAULT vload $page
	says source $((a + page)) mapat $((a + page)) 1
	says machine 00 vload $page
	says machine ok vstore $page v
	says source v load $((a + page))
}

# bats test_tags=M5,M8,M26
@test "the machine follows copy-on-write, migration and swap, and its stores survive them" {
	machine_scene
	fork_of source child
	says machine ok vstore 0 v
	says child a load "$a"
	says source v load "$a"
	stop child
	says machine ok vstore $page w
	says source ok advise $((a + page)) $page offline
	says source w load $((a + page))
	says machine w vload $page
	says machine ok vstore $((2 * page)) x
	swap_begin
	retry 20 swap_out source $((a + 2 * page))
	ask machine vload $((2 * page))
	swapped=$answer
	ask source load $((a + 2 * page))
	swap_end
	same "$swapped" x
	same "$answer" x
}

# bats test_tags=C4,L1,M26
@test "a revoke, and the source's end, leave the machine without the memory" {
	machine_scene
	rm "$file"
	says machine EFAULT vload 0
	says machine EFAULT vstore 0 x
	says source a load "$a"
	expose source "$a" $page rw
	start next m-kvm
	says next ok machine "$file" 1
	says next a vload 0
	stop source
	says next EFAULT vload 0
}
