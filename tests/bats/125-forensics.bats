#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The worked example of docs/forensics.md does what it says.
#
# seconds: 60
# not on debug in a whole run: about programs of user land
# not on bookworm in a whole run: nor does it depend on the kernel's version
# not on forky in a whole run: nor does it depend on the kernel's version

bats_require_minimum_version 1.5.0
load helpers

setup() {
	requires remotefsd
	start_test
	M=/run/remotefs
	mkdir -p "$M"
	mount -t remotefs none "$M"
	[ -e /dev/fuse ] || modprobe fuse
	background remotefsd
	retry 200 0.05 test -e /run/remotefsd/version
	mkfifo /tmp/suspect
}

teardown() {
	umount /tmp/case 2>/dev/null
	rm -rf /tmp/suspect /tmp/up /tmp/rule.yar /tmp/links /tmp/case
	umount -l /run/remotefsd 2>/dev/null
	all_succeed end_processes 'retry 50 0.1 umount /run/remotefs' kernel_kept_quiet 'unset M'
}

# The commands, each followed by what it must print.
script() {
	awk '
		/^    # / { sub(/^    # /, ""); print; next }
		/^    / { next }
	' /usr/share/remotefs/tests/forensics.md
}

expected() { awk '/^    # / { next } /^    / { sub(/^    /, ""); print }' /usr/share/remotefs/tests/forensics.md; }

# bats test_tags=U5,U8,U2
@test "from a suspicion to a yara hit, a saved image, a core, and a delegation that ends" {
	[ "$(script | wc -l)" -gt 15 ]
	# The suspect may take its time, and ends even if the rest fails.
	rev() { sleep 2 && command rev; }
	export -f rev
	run -0 bash -e -c "trap 'kill -KILL \$suspect' EXIT; $(script)" 3>&-
	echo "$output" >"$BATS_TEST_TMPDIR/got"
	expected >"$BATS_TEST_TMPDIR/want"
	diff "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/got"
}
