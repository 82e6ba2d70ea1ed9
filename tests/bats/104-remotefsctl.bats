#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The command for people, and what every installed program has in common.
#
# seconds: 120
# not on debug in a whole run: about programs of user land
# not on bookworm in a whole run: nor does it depend on the kernel's version
# not on forky in a whole run: nor does it depend on the kernel's version

# Single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
bats_require_minimum_version 1.5.0
load admin

ctl() { remotefsctl --data="$M" --mount="$D" "$@"; }

# bats test_tags=U2,U9
@test "expose prints the paths that it made, list and show tell of them, revoke takes them back" {
	range=$(pages "$s_address" 2)
	run -0 ctl expose "$s_pid" "$range" rw mode=0640
	[ "$output" = "$M/$s_pid/map-0" ]
	[ "$(head -n 1 "$output")" = "page 0 of $s_pid" ]
	run -0 ctl list
	[[ ${lines[0]} == FILE*ADDRESS*MIRRORS ]]
	[ "$(tr -s ' ' <<<"${lines[1]}")" = "$s_pid/map-0 ${s_address#0x} 8.0K rw 0:0 0640 0" ]
	run -0 ctl list 1
	[ "${#lines[@]}" = 1 ]
	run -0 ctl show "$s_pid"
	[[ $output == *"files: 1"*"$s_address-0x"*" rw-p map-0"* ]]
	run -0 ctl show "$s_pid/map-0"
	[[ $output == *"range: $range rw"* ]]
	run -0 ctl revoke "$s_pid"
	[ ! -e "$M/$s_pid/map-0" ]
}

# bats test_tags=U2,U9
@test "allow, lock, chmod, chown and unmap change a map file" {
	range=$(pages "$s_address" 1)
	ctl expose "$s_pid" "$range"
	run -0 ctl allow "$s_pid/map-0" "$range"
	run -0 ctl -q chmod 0640 "$s_pid/map-0"
	[ -z "$output" ]
	run -0 ctl chown 1000:1000 "$s_pid"
	[ "$(stat -c '%u %a' "$M/$s_pid/map-0")" = "1000 640" ]
	run -0 ctl expose "$s_pid" "$(pages "$s_address + 4096" 1)" into=map-0 at=0x1000
	run -0 ctl unmap "$s_pid/map-0" "$(pages "$s_address + 4096" 1)"
	run -0 ctl lock "$s_pid"
	run -1 ctl unmap "$s_pid/map-0" "$range"
	[ "$output" = "remotefsctl: the map file is locked" ]
	run -1 ctl expose "$s_pid" nonsense
	[ "$output" = "remotefsctl: 'nonsense' is not memory that can be named" ]
}

# bats test_tags=U3
@test "where the daemon cannot judge, the user's own descriptor is handed over" {
	requires yama
	# Its own memory is what a process may always open.
	set_yama 1
	run -0 as_user 1000 bash -c 'exec remotefsctl --data="$1" --mount="$2" expose $$ stack' bash "$M" "$D"
	[[ $output =~ ^"$M/"[0-9]+/map-0$ ]]
	set_yama 0
	run -1 as_user 1000 remotefsctl --data="$M" --mount="$D" expose "$s_pid" heap
	[ "$output" = "remotefsctl: you may not open /proc/$s_pid/mem" ]
}

# bats test_tags=U8
@test "dump saves a whole address space with holes, and a core" {
	ctl expose "$s_pid" as
	cd "$BATS_TEST_TMPDIR"
	truncate -s 0 there
	mount -t tmpfs none "$(mkdir saved && echo saved)"
	run -0 timeout 60 remotefsctl --data="$M" --mount="$D" dump "$s_pid/as" saved/as
	[ "$(stat -c '%s %a' saved/as)" = "$(stat -c %s "$M/$s_pid/as") 600" ]
	[ "$(stat -c %b saved/as)" -lt 4096 ]
	run -0 dd if=saved/as bs=4096 skip=$((s_address / 4096 + 1)) count=1 status=none
	[ "${lines[0]}" = "page 1 of $s_pid" ]
	run -0 ctl dump --core "$s_pid" saved/core
	grep -qa "page 3 of $s_pid" saved/core
	cmp -n 4096 saved/core "$D/$s_pid/core"
	# Nothing is overwritten, and nothing is left of what failed.
	run -1 ctl dump "$s_pid/as" there
	[[ $output == "remotefsctl: there: "* ]]
	run -1 ctl dump "$s_pid/map-7" none
	[ ! -e none ]
}

# bats test_tags=U8
@test "a core is saved until it ends, however long it was said to be" {
	cd "$BATS_TEST_TMPDIR"
	mkdir -p "fake/$s_pid"
	# Its size is said to be zero.
	ln -s "/proc/$s_pid/maps" "fake/$s_pid/core"
	run -0 remotefsctl --data="$M" --mount="$PWD/fake" dump --core "$s_pid" saved
	cmp saved "/proc/$s_pid/maps"
}

# start_watch WORD...: its lines go to the file "seen"
start_watch() {
	become remotefsctl --data="$M" --mount="$D" watch "$@" >"$BATS_TEST_TMPDIR/seen" 2>&1 3>&- &
	watching=$!
	started+=("$watching")
	# It waits for events by now.
	retry 200 0.05 grep -q poll "/proc/$watching/stack"
}

saw() {
	retry 100 0.05 grep -qE "^[0-9:]{8}\.[0-9]{3} $1\$" "$BATS_TEST_TMPDIR/seen" || {
		cat "$BATS_TEST_TMPDIR/seen"
		return 1
	}
}

# bats test_tags=U2,E5
@test "watch prints what happens to a process's memory, and stops when that ends" {
	start_source other "$PROGS/a-source" 4
	start_watch "$s_pid" "$(pages "$s_address" 4)"
	ask "add $other_pid heap"
	range=$(pages "$s_address" 1)
	ask "add $s_pid $range rw"
	saw "grant $s_pid/map-0 $range rw by user 0, process [0-9]+"
	[ "$(tell s "unmap 3")" = "unmap 0" ]
	saw "invalidate $s_pid $(pages "$s_address + 3 * 4096" 1) unmap by user 0, process [0-9]+"
	kill -KILL "$s_pid"
	wait "$watching"
	saw "exit $s_pid"
	run ! grep "$other_pid" "$BATS_TEST_TMPDIR/seen"
	wait "$s_pid" || true
	run -1 ctl watch "$s_pid" heap
	[ "$output" = "remotefsctl: there is no process $s_pid" ]
}

# bats test_tags=U2
@test "watch of a map file stops with that, any other by a signal, and leaves no watch behind" {
	ask "add $s_pid $(pages "$s_address" 1)"
	start_watch "$s_pid/map-0"
	ask "revoke $s_pid/map-0"
	wait "$watching"
	saw "revoke $s_pid/map-0 by user 0, process [0-9]+"
	for signal in INT TERM HUP; do
		start_watch "$s_pid" heap
		kill -"$signal" "$watching"
		wait "$watching"
		run -1 ask "unwatch $s_pid"
		[[ ${lines[1]} == "error: ENOENT: you watch nothing of process $s_pid" ]]
	done
	run -1 ctl watch "$s_pid" nonsense
	[ "$output" = "remotefsctl: 'nonsense' is not memory that can be named" ]
	run -1 ctl watch "$s_pid/map-0"
	[[ $output == "remotefsctl: $D/$s_pid/map-0/events: No such file or directory" ]]
}

# bats test_tags=U9
@test "the progress bar is for terminals alone, and reaches its end" {
	ctl expose "$s_pid" heap
	run -0 ctl dump "$s_pid/map-0" "$BATS_TEST_TMPDIR/quiet"
	[ -z "$output" ]
	run -0 script -qec "remotefsctl --data=$M --mount=$D dump $s_pid/map-0 $BATS_TEST_TMPDIR/shown" /dev/null
	[[ $output == *"$s_pid/map-0 [########################################] 100%"* ]]
}

# bats test_tags=U9
@test "the shell completes commands, processes, map files and words of the grammar" {
	ask "add $s_pid heap"
	# shellcheck source=/dev/null
	. /usr/share/bash-completion/completions/remotefsctl
	offer() {
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		_remotefsctl remotefsctl "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
		echo "${COMPREPLY[*]}"
	}
	[ "$(offer remotefsctl ex)" = expose ]
	[ "$(offer remotefsctl --m)" = --mount= ]
	[[ " $(offer remotefsctl expose "$s_pid") " == *" $s_pid "* ]]
	[ "$(offer remotefsctl expose "$s_pid" h)" = heap ]
	[ "$(offer remotefsctl expose "$s_pid" heap on)" = "onexit=bus onexit=zero" ]
	[ "$(offer remotefsctl "--mount=$D" revoke '')" = "all $s_pid $s_pid/map-0" ]
	[ "$(offer remotefsctl "--mount=$D" dump '')" = "$s_pid/map-0" ]
	[ "$(offer remotefsctl "--mount=$D" dump --core '')" = "$s_pid" ]
	[[ " $(offer remotefsctl "--mount=$D" watch '') " == *" $s_pid "*" $s_pid/map-0 "* ]]
	[ "$(offer remotefsctl watch "$s_pid" st)" = stack ]
}

# bats test_tags=U9
@test "every program has a manual page, --help, --version, and errors that say who speaks" {
	for program in remotefsd remotefsctl mount.remotefs; do
		run -0 "$program" --help
		[[ $output == "Usage: $program"* ]]
		options=$(grep -o -- '--[a-z-]*' <<<"$output" | sort -u)
		run -0 "$program" --version
		[[ $output =~ ^$program( from remotefs)?\ [0-9]+\.[0-9]+ ]]
		run ! "$program" --frobnicate
		[[ $output == "$program: "*"Try '$program --help'"* ]]
		page=$(echo /usr/share/man/man[18]/"$program".[18])
		[ -e "$page" ]
		# Every option is explained there.
		for option in $options; do grep -qF -- "${option//-/\\-}" "$page" || fail_option "$option"; done
		grep -q "$program" "/usr/share/bash-completion/completions/$program"
	done
}

fail_option() {
	echo "$page does not explain $1"
	return 1
}

# bats test_tags=U9
@test "every file of both trees is in a manual page" {
	ask "add $s_pid heap"
	ask "add $s_pid as"
	for name in $(find "$D" ! -path "$D/$s_pid/by-addr/*" -printf '%f\n' | grep -v "^$s_pid$\|^ctl$" | sort -u); do
		pattern=${name/map-0/map\\\\-}
		pattern=${pattern/by-addr/by\\\\-addr}
		grep -q -- "$pattern" /usr/share/man/man8/remotefsd.8
	done
	for name in control PID/map PID/as; do
		grep -q "$name" /usr/share/man/man5/remotefs.5
	done
}
