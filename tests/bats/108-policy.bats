#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The administrator's policy: it narrows what the kernel allows, and no more.
#
# seconds: 90
# not on debug in a whole run: about programs of user land
# not on bookworm in a whole run: nor does it depend on the kernel's version
# not on forky in a whole run: nor does it depend on the kernel's version

# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
load admin

teardown() {
	rm -f "$POLICY"
	set_yama "${yama_before:-0}"
	teardown_mount
}

# bats test_tags=U2,U3
@test "what no line allows is denied, and what one forbids is, with a sentence" {
	set_yama 0
	start_source mine as_user 1000 "$PROGS/a-source" 4
	policy 'allow user:0 any of any rw' 'deny user:1000 stack of any' 'allow user:1000 heap,stack of self'
	run -0 ask_as 1000 "add $mine_pid heap"
	run -1 ask_as 1000 "add $mine_pid heap rw"
	[[ ${lines[0]} == EACCES && ${lines[1]} == "error: EACCES: no line of the policy allows it" ]]
	run -1 ask_as 1000 "add $mine_pid stack"
	[ "${lines[1]}" = "error: EACCES: line 2 of the policy forbids it" ]
	run -0 ask "add $mine_pid stack rw"
	# A change counts at once, and what is exposed stays so.
	policy 'allow user:0 any of any'
	run -1 ask_as 1000 "add $mine_pid heap"
	[ -e "$M/$mine_pid/map-0" ]
	run -0 ask_as 1000 "revoke $mine_pid/map-0"
}

# bats test_tags=U3
@test "a policy widens nothing: the kernel's no stays a no" {
	set_yama 0
	policy 'allow any any of any rw'
	run -1 ask_as 1000 "add $s_pid heap"
	[ "${lines[1]}" = "error: EACCES: you may not open /proc/$s_pid/mem" ]
}

# bats test_tags=U2
@test "the descriptor that one hands over is no way around the policy" {
	start_source mine as_user 1000 "$PROGS/a-source" 4
	policy 'deny any any of user:1000'
	run -1 ask_as 1000 "add $mine_pid heap fd=9" "/proc/$mine_pid/mem"
	[[ ${lines[0]} == EACCES || ${lines[0]} == EBADF ]]
	[ ! -e "$M/$mine_pid" ]
}

# bats test_tags=U2
@test "a policy says whose the files are and how they can be read, unless the command does" {
	policy 'allow any any of any rw owner=0:1000 mode=0440'
	run -0 ask "add $s_pid heap"
	[ "$(stat -c '%u:%g %a' "$M/$s_pid/map-0")" = "0:1000 440" ]
	run -0 ask "add $s_pid heap owner=1:1 mode=0400"
	[ "$(stat -c '%u:%g %a' "$M/$s_pid/map-1")" = "1:1 400" ]
}

# bats test_tags=U2
@test "a policy that cannot be followed forbids everything, and says so" {
	policy 'allow any any of any rw' 'allow nobody everything'
	says EACCES "line 2 of the policy: a rule is written" "add $s_pid heap"
	policy 'allow any any of any rw' 'deny user:mallory any of any'
	says EACCES "line 2 of the policy: there is no such user" "add $s_pid heap"
	policy 'allow any any of any rw'
	chmod 0666 "$POLICY"
	says EACCES "not root's alone" "add $s_pid heap"
	chmod 0644 "$POLICY"
	run -0 ask "add $s_pid heap"
}

# bats test_tags=U2,U3
@test "whom the policy forbids to expose memory may not watch it either" {
	set_yama 0
	start_source mine as_user 1000 "$PROGS/a-source" 4
	policy 'allow user:0 any of any rw' 'deny user:1000 stack of any' 'allow user:1000 heap,stack of self'
	run -0 ask_as 1000 "watch $mine_pid heap"
	run -1 ask_as 1000 "watch $mine_pid stack"
	[ "${lines[1]}" = "error: EACCES: line 2 of the policy forbids it" ]
	for what in anon all as "$(pages "$mine_address" 1)"; do
		run -1 ask_as 1000 "watch $mine_pid $what"
		[[ ${lines[1]} == "error: EACCES: "*" policy "* ]]
	done
	run -0 ask "watch $mine_pid stack"
	# No more than one watch of theirs is there.
	run -0 ask_as 1000 "unwatch $mine_pid"
	policy 'allow user:0 any of any'
	run -1 ask_as 1000 "watch $mine_pid heap"
	run -1 ask_as 1000 "unwatch $mine_pid"
	[ "${lines[0]}" = ENOENT ]
}

# bats test_tags=U2
@test "a policy is asked before a file is widened" {
	policy 'allow any any of any rw'
	ask "add $s_pid $(pages "$s_address" 1)"
	policy 'allow any any of any ro'
	says EACCES "no line of the policy" "allow $s_pid/map-0 $(pages "$s_address" 1) rw"
}
