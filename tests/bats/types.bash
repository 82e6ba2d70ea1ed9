# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Helpers of the suites about BPF: the same module with its type information (BTF)
# and without.

types_file() { modinfo -F filename remotefs; }

# types_load FILE: in place of the module that is loaded, unless it is it
types_load() {
	# shellcheck disable=SC2154 # see mirror.bash
	umount "$mnt" &&
		rmmod remotefs &&
		insmod "$1" &&
		mount -t remotefs none "$mnt"
}

# Which there are: a kernel without any has none for the module either.
types_here() {
	[ ! -e /sys/kernel/btf/remotefs ] || echo with
	echo without
}

# As it is built and installed.
types_with() { [ -e /sys/kernel/btf/remotefs ]; }

# From now on the module has none.
types_without() {
	local file=$BATS_RUN_TMPDIR/remotefs-without.ko
	[ -e /sys/kernel/btf/remotefs ] || return 0
	[ -e "$file" ] || objcopy --remove-section .BTF "$(types_file)" "$file"
	types_load "$file"
	types_removed=1
	[ ! -e /sys/kernel/btf/remotefs ]
}

# As it was, for whoever comes next.
types_back() {
	[ "${types_removed-}" ] || return 0
	types_removed=
	rmmod remotefs && modprobe remotefs
}
