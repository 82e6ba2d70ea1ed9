#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What makes a test fail, and what it then says about itself.
#
# seconds: 30
# on the host: about bats and bash

bats_require_minimum_version 1.5.0

# Each test fails in the command that is marked.
@test "a failure names its command, the line, and the functions on the way there" {
	cp "$BATS_TEST_DIRNAME/common.bash" "$BATS_TEST_TMPDIR/"
	cd "$BATS_TEST_TMPDIR"
	# In here bats would take them for its own.
	sed s/^TEST/@test/ >few.bats <<-'END'
		bats_require_minimum_version 1.5.0
		load common
		setup() { trap_failures; }
		deep() {
			[ "$1" = right ] # in
			true
		}
		TEST "a command" {
			true
			false # here
			true
		}
		TEST "in a function, after one that is looked at" {
			! deep wrong
			deep wrong || true
			deep right
			deep wrong # here
			true
		}
		TEST "a condition" {
			true
			[[ a == b ]] # here
			true
		}
		TEST "a substitution" {
			said=$(false) # here
			true
		}
		TEST "a status" {
			run -0 sh -c 'exit 7' # here
		}
		TEST "none" {
			if false; then true; fi
			! false || deep wrong
		}
	END
	run bats --tap few.bats
	echo "$output"
	[ "$(grep -c '^not ok' <<<"$output")" = 5 ]
	[ "$(grep -c "^#   .* # here' failed" <<<"$output")" = 5 ]
	[[ $output == *"ok 6 none"* ]]
	grep -qF "from function \`deep' in file few.bats, line 5" <<<"$output" ||
		grep -qF "from function \`deep' in test file few.bats, line 5" <<<"$output"
	while IFS=: read -r line _; do
		grep -q "in test file few.bats, line $line)" <<<"$output"
	done < <(grep -n '# here' few.bats)
	[[ $output == *"expected exit code 0, got 7"* ]]
}

@test "what goes wrong when a test is cleaned up fails it, whatever comes after" {
	cp "$BATS_TEST_DIRNAME"/{common,helpers}.bash "$BATS_TEST_TMPDIR/"
	cd "$BATS_TEST_TMPDIR"
	sed s/^TEST/@test/ >few.bats <<-'END'
		bats_require_minimum_version 1.5.0
		load helpers
		setup() {
			M=here started=() users_before=0
			echo 0 >"$BATS_RUN_TMPDIR/log-lines"
		}
		teardown() { teardown_mount; }
		module_users() { printf -v "$1" 0; }
		dmesg() { echo "$logged"; }
		TEST "said of others" { logged="eth0: up"; }
		TEST "said of us" { logged="WARNING: at remotefs"; }
	END
	run -1 bats --tap few.bats
	echo "$output"
	[[ $output == *$'\nok 1 said of others\nnot ok 2 said of us\n'*'the kernel said: WARNING: at remotefs'* ]]
	load common
	trace=''
	note() { trace+=$1; }
	! all_succeed 'note a' false 'note b' || false
	[ "$trace" = ab ]
	all_succeed true 'note c'
}

@test "what the kernel says of the module fails the test meanwhile, also when its log has begun anew" {
	load helpers
	dmesg() { printf '%s\n' "${log[@]}"; }
	log=('one' 'remotefs: before all tests' 'three')
	dmesg | wc -l >"$BATS_RUN_TMPDIR/log-lines"
	kernel_kept_quiet
	log+=('remotefs: loading out-of-tree module taints kernel' 'remotefs: told')
	run -1 kernel_kept_quiet
	[[ $output == *'the kernel said: remotefs: told'* ]]
	kernel_kept_quiet
	log=('anew')
	kernel_kept_quiet
	log+=('WARNING: CPU: 0')
	run -1 kernel_kept_quiet
}
