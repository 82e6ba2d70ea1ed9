#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The programs that show how the interface is used: those of examples/, and the
# one of the manual page as it stands there.
#
# seconds: 90
# not on debug in a whole run: they call what 020 and 027 call
# not on bookworm in a whole run: likewise
# not on forky in a whole run: likewise

bats_require_minimum_version 1.5.0
load helpers

setup() {
	setup_mount
}

teardown() {
	teardown_mount
}

# bats test_tags=C13,C4,C1
@test "grant: a child reads one page, writes another, and loses both" {
	run -0 "$PROGS/grant" "$M/control"
	[ "$output" = "child: first page: for your eyes only
child: writing the first page: Permission denied
child: changing the file: Inappropriate ioctl for device
parent: the child wrote: thank you
child: first page, afterwards: SIGBUS
child: reading the file, afterwards: Stale file handle" ]
}

# bats test_tags=M1
@test "introspect: what is patched in a machine's memory is what its monitor sees" {
	background "$PROGS/introspect" vmm "$M/control"
	retry 100 0.1 grep -q map- "$BATS_TEST_TMPDIR/background.out"
	file=$(<"$BATS_TEST_TMPDIR/background.out")
	[ "$(stat -c %s "$file")" = $((256 << 20)) ]
	run -1 "$PROGS/introspect" find "$file" lockdown=tight lockdown=loose
	[[ $output == *"no 'lockdown=tight'" ]]
	run -0 "$PROGS/introspect" find "$file" lockdown=none lockdown=full
	[ "$output" = "patched at guest address 0x7654321" ]
	wait "$background_pid"
	grep -qx 'vmm: the guest has lockdown=full at 0x7654321' "$BATS_TEST_TMPDIR/background.out"
}

# bats test_tags=E6,E11
@test "regcache: what is unchanged is found again, what was mapped anew is not" {
	run -0 "$PROGS/regcache" "$M/control"
	[ "$output" = "unchanged: 999 hits, 1 misses
mapped anew: 999 hits, 2 misses" ]
}

# The program of the page's EXAMPLES, with this mount in place of the usual one.
page_program() {
	sed -n '/^\.SH EXAMPLES/,/^\.EE/p' /usr/share/man/man2/ioctl_remotefs.2 |
		sed -e '1,/^\.EX/d' -e '/^\.EE/d' -e 's/^\\&$//' -e 's/\\-/-/g' -e 's/\\e/\\/g' -e "s|/run/remotefs|$M|"
}

@test "the program of the manual page compiles, and makes the file that it prints" {
	page_program >"$BATS_TEST_TMPDIR/example.c"
	run -0 gcc -Wall -Wextra -Werror -o "$BATS_TEST_TMPDIR/example" "$BATS_TEST_TMPDIR/example.c"
	[ -z "$output" ]
	mkfifo "$BATS_TEST_TMPDIR/enter"
	exec {enter}<>"$BATS_TEST_TMPDIR/enter"
	stdbuf -o L "$BATS_TEST_TMPDIR/example" <&"$enter" >"$BATS_TEST_TMPDIR/printed" 3>&- &
	started+=($!)
	retry 100 0.1 grep -q map- "$BATS_TEST_TMPDIR/printed"
	file=$(<"$BATS_TEST_TMPDIR/printed")
	[ "$(head -n 1 "$file")" = "seen from outside" ]
	[ "$(stat -c '%a %s' "$file")" = "400 $((1 << 20))" ]
	echo >&"$enter"
	wait "${started[-1]}"
	[ ! -e "$file" ]
	exec {enter}>&-
}
