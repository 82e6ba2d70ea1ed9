#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 150
# not on trixie in a whole run: debug is the same version, and checks itself
# shellcheck disable=SC2013,SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# A command for another process's memory is stopped between two of its steps, or
# has to wait, and meanwhile the process, the caller or a viewer does something.

bats_require_minimum_version 1.5.0

# struct remotefs_remote_args.command, .flags
MMAP=1 MUNMAP=2 DISCARD=3
EXPOSE=4

setup_file() {
	load mirror
	load race
	race_begin
}

setup() {
	load mirror
	load race
	mirror_setup
}

teardown() {
	race_teardown
}

# commands NAME STEP...: with a session of the source, in the background
commands() {
	"$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw attach ${ephemeral:+flags=1} "${@:2}" \
		>"$dir/$1.said" 3>&- &
	pid[$1]=$!
}

# answered NAME ANSWER: it has ended, and that was its last line
answered() {
	wait "${pid[$1]}" || true
	unset "pid[$1]"
	same "$(tail -n 1 "$dir/$1.said")" "$2"
}

# Threads of the kernel that run commands are stopped as process 2.
command_is_paused() { [[ "$(<$rendezvous)" == *"2 "*" paused"* ]]; }

# paused POINT STEP...: begin a command, and let it run up to that point
paused() {
	echo "arm $1 2" >"$rendezvous"
	commands command "${@:2}"
	retry 20 command_is_paused
}

resumes() { echo "go 2" >"$rendezvous"; }

# Commands take the form of steps of a-call.
mmap="remote command=$MMAP prot=3 length=$((4 * 4096))"
exposing="$mmap flags=$EXPOSE map_flags=2"

mappings() { cat "/proc/${pid[source]}/maps"; }

# The thread that carries a command out, as $thread. pgrep would look at command
# lines, for which it would have to wait as the command does.
command_thread() {
	local comm
	for comm in $(grep -lsx remotefs-remote /proc/[0-9]*/comm); do
		thread=${comm#/proc/} thread=${thread%%/*}
		# Some rest, for the next command.
		grep -qs helper_rest "/proc/$thread/stack" || return 0
	done
	return 1
}
no_command() { ! command_thread; }

# bats test_tags=X5,X6
@test "only a thread of the kernel borrows the source's memory: the caller keeps its own, and the source its threads" {
	start_up source m-source
	threads=$(ls "/proc/${pid[source]}/task")
	paused maps $mmap
	command_thread
	# PF_KTHREAD; and there is no program in it that could run.
	flags=$(cut -d ' ' -f 9 "/proc/$thread/stat")
	[ $((flags & 0x200000)) != 0 ]
	run ! readlink "/proc/$thread/exe"
	[ -z "$(cat "/proc/$thread/maps" "/proc/$thread/cmdline" 2>/dev/null)" ]
	same "$(readlink "/proc/${pid[command]}/exe")" "$progs/a-call"
	grep -q "$progs/a-call" "/proc/${pid[command]}/maps"
	run ! grep -q m-source "/proc/${pid[command]}/maps"
	grep -q '^TracerPid:.0$' "/proc/${pid[source]}/status"
	same "$(ls "/proc/${pid[source]}/task")" "$threads"
	resumes
	wait ${pid[command]}
	unset "pid[command]"
	says source ok store $(($(sed -n 's/^remote OK //p' "$dir/command.said"))) x
}

# bats test_tags=P5,X1,C6
@test "a source that calls execve before or after a command has mapped: the new program has none of it" {
	for point in maps mapped; do
		for step in "$mmap" "$exposing"; do
			start_up source m-source
			paused $point $step
			says source ok exec
			before=$(mappings)
			resumes
			answered command "remote ESRCH"
			same "$(mappings)" "$before"
			[ ! -e "$mnt/${pid[source]}" ]
			stop source
			rm "$dir"/source.*
		done
	done
}

# bats test_tags=P5,X1
@test "a source that executes a set-user-ID program while a command is to unmap: it unmaps nothing there" {
	install -m 4755 "$progs/m-source" "$dir/setuid"
	start_up source m-source
	ask source map 4
	a=$answer
	paused takes remote command=$MUNMAP address=$a length=$((4 * page))
	says source ok exec "$dir/setuid"
	says source $a mapat $a 4
	says source ok fill $a $((4 * page)) n
	resumes
	answered command "remote OK $(printf 0x%x $a)"
	says source n load $a
	says source n load $((a + 3 * page))
}

# bats test_tags=X1,C6
@test "a source that is killed while a command maps is gone at once, and so is its memory after that" {
	for point in maps mapped; do
		start_up source m-source
		victim=${pid[source]}
		paused $point $exposing
		stop source
		resumes
		answered command "remote ESRCH"
		[ ! -e "$mnt/$victim" ]
		retry 20 no_command
		rm "$dir"/source.*
	done
}

# bats test_tags=L3,X10
@test "a child forked while memory is being exposed has a copy, and the file shows the parent's" {
	start_up source m-source
	paused mapped $exposing
	fork_of source child
	resumes
	wait ${pid[command]}
	unset "pid[command]"
	a=$(($(sed -n 's/^remote OK //p' "$dir/command.said")))
	says child ok store $a c
	says source 00 load $a
	says source ok store $a s
	same "$(head -c 1 "$mnt/${pid[source]}/map-0")" s
	says child c load $a
}

# bats test_tags=C6,Z4
@test "a caller that is killed leaves at once, and its command is done wholly" {
	for point in maps mapped; do
		start_up source m-source
		before=$(mappings)
		paused $point $exposing
		stop command
		resumes
		retry 20 no_command
		file=$mnt/${pid[source]}/map-0
		[ "$(mappings)" != "$before" ]
		echo shared | dd of=$file conv=notrunc status=none
		same "$(head -c 6 $file)" shared
		stop source
		rm "$dir"/source.*
	done
}

# bats test_tags=C6,Z4,X4
@test "a command that waits for the source's lock is given up when its caller is killed" {
	scene 4 rw
	says viewer a load $m
	for step in "$mmap" "$exposing" "remote command=$MUNMAP address=$a length=$page" \
		"remote command=$DISCARD address=$a length=$page"; do
		before=$(mappings)
		pause source zaps protect $a $page r
		commands command $step
		retry 20 waits_for_lock
		id=${pid[command]}
		stop command
		retry 2 gone $id
		retry 20 no_command
		ends source ok
		says source ok protect $a $page rw
		same "$(mappings)" "$before"
		same "$(ls $mnt/${pid[source]})" map-0
		says source a load $a
	done
}

# The thread of a command, or its caller if it has none, sleeps within remotefs.
waits_for_lock() {
	command_thread || thread=${pid[command]}
	grep -qs '\[remotefs\]' "/proc/$thread/stack"
}

# bats test_tags=C6,C15
@test "what a killed caller's ephemeral session has made goes when its command is done" {
	start_up source m-source
	ephemeral=1 paused mapped $exposing
	stop command
	resumes
	retry 20 no_command
	retry 20 test ! -e "$mnt/${pid[source]}/map-0"
}

# bats test_tags=C6,P4
@test "the mount and the module stay as long as a command is under way, and no longer" {
	start_up source m-source
	paused maps $mmap
	stop command
	run ! umount "$mnt"
	run ! rmmod remotefs
	resumes
	retry 20 no_command
	retry 20 umount "$mnt"
	[ "$(</sys/module/remotefs/refcnt)" = 0 ]
	mount -t remotefs none "$mnt"
}

# bats test_tags=X10,C4,C6
@test "all that was revoked while memory is being exposed is gone, and the new file is there" {
	start_up source m-source
	attach source as ro
	paused mapped $exposing
	rm -r "${mnt:?}/${pid[source]}"
	resumes
	wait ${pid[command]}
	unset "pid[command]"
	a=$(($(sed -n 's/^remote OK //p' "$dir/command.said")))
	same "$(ls $mnt/${pid[source]})" map-0
	says source ok store $a s
	same "$(head -c 1 $mnt/${pid[source]}/map-0)" s
}

# bats test_tags=Z5,C6
@test "every allocation of the thread that maps and exposes can fail, and leaves nothing then" {
	[ -d /sys/kernel/debug/failslab ] || skip "no fault-injection here"
	for kind in failslab fail_page_alloc; do
		echo N >/sys/kernel/debug/$kind/ignore-gfp-wait
		echo 0 >/sys/kernel/debug/$kind/verbose
	done
	start_up source m-source
	ask source map 4
	# So that the directory is there before and after.
	expose source $answer $page ro
	failures=0
	for nth in {1..60}; do
		before=$(mappings)
		paused maps $exposing
		command_thread
		echo $nth >/proc/$thread/fail-nth
		resumes
		wait ${pid[command]} || true
		unset "pid[command]"
		# It may do the next one, too.
		[ ! -e /proc/$thread ] || echo 0 >/proc/$thread/fail-nth
		case $(tail -n 1 "$dir/command.said") in
		"remote ENOMEM")
			failures=$((failures + 1))
			same "$(mappings)" "$before"
			same "$(ls $mnt/${pid[source]})" map-0
			;;
		"remote OK "*)
			a=$(($(sed -n 's/^remote OK //p' "$dir/command.said")))
			rm $mnt/${pid[source]}/map-[1-9]*
			says source ok unmap $a $((4 * page))
			# A kernel that does without some goes on; all have been seen at last.
			[ $nth -lt 30 ] || break
			;;
		*) fail "$(<"$dir/command.said")" ;;
		esac
	done
	echo "# $failures failed of $nth" >&3
	# Some of them the kernel does without, and which those are is not always the same.
	[ $failures -ge 1 ]
}

# bats test_tags=M5,M6
@test "a load that has begun when a command discards the page shows zeros" {
	warm_scene 4 rw
	pause viewer begun load $m
	commands command remote command=$DISCARD address=$a length=$page
	answered command "remote OK $(printf 0x%x $a)"
	ends viewer 00
	says source ok store $a n
	says viewer n load $m
}

# bats test_tags=M4,M6
@test "a store that has begun when a command is to put new memory there is on the old page or on the new one" {
	warm_scene 4 rw
	pause viewer begun store $m v
	# The fault has the source's lock, so the command has to wait.
	commands command remote command=$MMAP flags=3 prot=3 address=$a length=$page
	retry 20 waits_for_lock
	ends viewer ok
	answered command "remote OK $(printf 0x%x $a)"
	# The processor repeats the store when the fault is served, which may be late.
	ask viewer load $m
	[ "$answer" = 00 ] || [ "$answer" = v ]
	says source "$answer" load $a
	says source ok store $a n
	says viewer n load $m
	says source a load $((a + page))
}

# bats test_tags=X3,Z4
@test "a monitor of a userfaultfd that does not read keeps neither a killed caller, nor a dead source" {
	start source m-withhold events
	hear source
	a=$((${answer% *})) keeper=${answer#* }
	run -1 "$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw attach \
		remote command=$DISCARD address=$a length=$page
	same "${lines[-1]}" "remote EBUSY"
	commands command remote command=$MUNMAP address=$a length=$page
	retry 20 waits_for_monitor
	id=${pid[command]}
	stop command
	retry 2 gone $id
	retry 20 no_command
	[ "$(grep -c "^$(printf %x $((a)))-" /proc/${pid[source]}/maps)" = 0 ]
	commands command remote command=$MUNMAP address=$((a + page)) length=$page
	retry 20 waits_for_monitor
	stop source
	answered command "remote ESRCH" || same "$(tail -n 1 "$dir/command.said")" "remote OK $(printf 0x%x $((a + page)))"
	retry 20 no_command
	kill -9 $keeper
}

waits_for_monitor() {
	command_thread && grep -q userfaultfd "/proc/$thread/stack"
}
