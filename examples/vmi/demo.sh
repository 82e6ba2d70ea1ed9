#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# demo.sh [DIRECTORY]: introspection of a virtual machine, as root.
#
# Runs the programs of this directory, as compiled in DIRECTORY, or else compiles
# them first, and says before each step what is to be seen.  Every line that starts
# with "$" is a command that really runs; what follows is what it printed.  The exit
# status is 0 only if each step did what it says.

set -uo pipefail

mount=/run/remotefs
work=$(mktemp -d)
monitor=
own_mount=
own_swap=
# How many rounds all borrowers have made.
rounds=0

cleanup() {
	[ -z "$monitor" ] || kill "$monitor" 2>/dev/null
	wait
	[ -z "$own_swap" ] || { swapoff "$own_swap" && echo 1 >"/sys/block/${own_swap##*/}/reset"; }
	[ -z "$own_mount" ] || umount "$mount"
	rm -rf "$work"
}
trap cleanup EXIT

step() { printf '\n== %s\n\n' "$*"; }
fail() { printf '\nthe demo failed: %s\n' "$*" && exit 1; }

# shows STATUS PATTERN PROGRAM ARGUMENT...: run it; so it must end, and print that
shows() {
	local expected=$1 pattern=$2 status
	shift 2
	printf '$ %s\n' "$*"
	timeout 300 "$programs/$1" "${@:2}" 2>&1 | tee "$work/shown"
	status=${PIPESTATUS[0]}
	[ "$status" = "$expected" ] || fail "$1 ended with status $status"
	grep -q -e "$pattern" "$work/shown" || fail "$1 did not print what it should have"
	[[ ! $(tail -n 1 "$work/shown") =~ ([0-9]+)" rounds" ]] ||
		rounds=$((rounds + BASH_REMATCH[1]))
}

# Without a swap device nothing is swapped out: lend the kernel some, in memory.
lend_swap() {
	[ -z "$(swapon --noheadings --show)" ] || return 0
	modprobe zram num_devices=1 2>/dev/null && [ -e /sys/block/zram0 ] || return 0
	echo 64M >/sys/block/zram0/disksize && mkswap /dev/zram0 >/dev/null &&
		swapon /dev/zram0 && own_swap=/dev/zram0
}

# As anybody would; in the source's tree, remotefs.h may not be installed.
compile() {
	local here name
	here=$(realpath "$(dirname "$0")")
	for name in monitor introspector borrower; do
		gcc -O2 -I"$here/../../include/uapi" -o "$work/$name" "$here/$name.c" || return
	done
}

prepare() {
	step "1. What is needed: KVM, the filesystem, and some swap"
	[ -e /dev/kvm ] || modprobe -a kvm_amd 2>/dev/null || modprobe kvm_intel 2>/dev/null
	[ -e /dev/kvm ] || fail "no /dev/kvm: $(uname -r) on this processor has no KVM"
	if [ ! -e "$mount/control" ]; then
		printf '$ mount -t remotefs none %s\n' "$mount"
		mkdir -p "$mount"
		mount -t remotefs none "$mount" || fail "mount"
		own_mount=1
	fi
	lend_swap
	swapon --show
}

start_monitor() {
	local left=100

	printf '$ monitor &\n'
	"$programs/monitor" >"$work/said" &
	monitor=$!
	until [ -s "$work/said" ]; do
		[ $((left -= 1)) -gt 0 ] || fail "the monitor does not start"
		sleep 0.1
	done
	file=$(head -n 1 "$work/said")
	printf '%s\n' "$file"
}

stop_monitor() {
	printf '$ kill %s\n' "$monitor"
	kill "$monitor"
	wait "$monitor" || fail "the monitor failed"
	monitor=
	tail -n +2 "$work/said"
}

programs=${1:-$work}
[ $# -gt 0 ] || compile || fail "the programs do not compile"
prepare

step "2. A machine monitor: its guest's memory becomes a file, then its guest runs"
start_monitor

step "3. Looking in: the guest's counter, live, and which pages it loses meanwhile"
shows 0 'parcel.*; the counter is' introspector "$file" 8

step "4. Another machine's processor runs on the first one's memory, which goes on
   being unmapped, discarded, moved and swapped out: never a page of the past"
shows 0 ' 0 stale' borrower "$file" 200

step "5. The same over a copy, to see that it would have noticed"
shows 1 ' is stale: ' borrower -c "$file" 5

step "6. The guest's own count of the rounds that others wrote into its book: $rounds"
stop_monitor
grep -q "its book says $rounds\$" "$work/said" || fail "a store was lost"
printf '\nAll six steps happened.\n'
