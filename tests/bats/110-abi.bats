#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The binary interface: layouts, numbers, 32-bit callers, features.
#
# seconds: 90
# not on debug in a whole run: a minute there, most of it in the compiler
# not on bookworm in a whole run: layout is for the compiler to decide, and trixie has the same one
# not on forky in a whole run: likewise

# What start_source sets is not seen by shellcheck.
# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
load helpers

setup() {
	setup_mount
	start_source s "$PROGS/a-source" 4
}

teardown() {
	teardown_mount
}

# compile WIDTH: without a library, since there is none for the other width.
# A layout that is not what abi.c says does not compile.
compile() {
	run -0 gcc -std=gnu11 -Wall -Wextra -Werror -O2 "-m$1" -nostdlib -static -ffreestanding \
		-fno-stack-protector -fno-pie -no-pie -idirafter "/usr/include/$(uname -m)-linux-gnu" \
		-o "$BATS_TEST_TMPDIR/abi$1" "$BATS_TEST_DIRNAME/abi.c"
}

# bats test_tags=C3,C8
@test "a 64-bit program finds every field where it belongs and gets the right answers" {
	compile 64
	file=$(expose s 0)
	run -0 "$BATS_TEST_TMPDIR/abi64" "$M/control" "$file"
}

# bats test_tags=C3,E12,Z6
@test "a 32-bit program finds every field in the same place, gets the same answers, and sees no generation torn" {
	requires ia32
	compile 32
	[[ $(file -L "$BATS_TEST_TMPDIR/abi32") == *"ELF 32-bit"* ]]
	file=$(expose s 0)
	run -0 "$BATS_TEST_TMPDIR/abi32" "$M/control" "$file"
}

# bats test_tags=C3
@test "the installed header compiles by itself, as C and with all warnings" {
	printf '#include <linux/remotefs.h>\nint main(void) { return sizeof(struct remotefs_map_args) != 48; }\n' \
		>"$BATS_TEST_TMPDIR/header.c"
	run -0 gcc -std=c99 -Wall -Wextra -Wpedantic -Wno-long-long -Werror -o "$BATS_TEST_TMPDIR/header" "$BATS_TEST_TMPDIR/header.c"
	run -0 "$BATS_TEST_TMPDIR/header"
}

# bats test_tags=C7
@test "features that are not known come back cleared" {
	run -0 call control "$M/control" features features=0 features features=0xffffffffffffffff \
		features features=1 features features=0xfffffffffffff800
	[ "${lines[1]}" = "features OK 0x0" ]
	# Without huge mappings, and without NOHUGE, before 6.12 and 6.7.
	[[ ${lines[2]} =~ ^"features OK 0x"(6fb|7ff)$ ]]
	[ "${lines[3]}" = "features OK 0x1" ]
	[ "${lines[4]}" = "features OK 0x0" ]
}

# bats test_tags=C3,C8
@test "a structure that reaches out of mapped memory gets EFAULT" {
	refuses control "$M/control" <<-EOT
		EFAULT features edge=8
		EFAULT features edge=3
		EFAULT features ptr=0x7ffffffff000
		EFAULT features ptr=0xffff800000000000
		EFAULT features ptr=0xfffffffffffffffc
	EOT
}
