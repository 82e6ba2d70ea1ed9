#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What the calls of watchers refuse, and whom.
#
# seconds: 120
# not on debug in a whole run: 090 and 210 make each of these calls there
# not on trixie in a whole run: the checks are the same code on all kernels, and forky makes them
# not on bookworm in a whole run: likewise

# What start_source sets is not seen by shellcheck; single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
bats_require_minimum_version 1.5.0
load helpers

setup() {
	setup_mount control_mode=0666
	start_source s "$PROGS/a-source" 4
	# To be watched: the second page of four.
	start=$((s_address + 4096))
	end=$((start + 4096))
	session=(control "$M/control" mem "$s_pid" r attach)
	watcher=("${session[@]}" watch)
	watched=("${watcher[@]}" watch_add start="$start" end="$end" cookie=1)
}

teardown() {
	teardown_mount
}

# happens N: to page N of the source, which answers once it is over; as a step
happens() { echo "echo unmap $1 >$BATS_TEST_TMPDIR/s.in; read -r said <$BATS_TEST_TMPDIR/s.out"; }

# bats test_tags=C3,C8
@test "WATCH refuses what it does not know, and what is malformed" {
	refuses "${session[@]}" watch queue=3 <<-EOT
		EOPNOTSUPP watch flags=1
		EOPNOTSUPP watch flags=0x80000000
		EINVAL watch reserved=1
		EINVAL watch reserved=0x80000000
		EINVAL watch size=12
		EINVAL watch size=0
		E2BIG watch size=20 tail=1
		E2BIG watch size=4100
		EFAULT watch ptr=0
		EFAULT watch edge=12
		EFAULT watch ptr=0xffff800000000000
	EOT
	# The most that there can be is no more than there is room for; zeros are fine.
	run -0 call "${session[@]}" watch queue=0xffffffff watch size=20
}

# bats test_tags=C2,C3,C8,E1
@test "WATCH_ADD refuses what it does not know, and intervals that are none" {
	refuses "${watched[@]}" watch_add start=0 end=1 cookie=9 <<-EOT
		EOPNOTSUPP watch_add flags=1 start=$start end=$end cookie=2
		EOPNOTSUPP watch_add flags=0x80000000 start=$start end=$end cookie=2
		EINVAL watch_add start=$start end=$start cookie=2
		EINVAL watch_add start=$end end=$start cookie=2
		EINVAL watch_add start=0 end=0 cookie=2
		EINVAL watch_add start=$start end=0xffffffffffffffff cookie=2
		EINVAL watch_add start=0xfffffffffffff000 end=0 cookie=2
		EINVAL watch_add start=0 end=0x8000000000000000 cookie=2
		EINVAL watch_add size=24 start=$start end=$end cookie=2
		E2BIG watch_add size=40 tail=1 start=$start end=$end cookie=2
		EFAULT watch_add ptr=0
		EFAULT watch_add edge=28 start=$start end=$end cookie=2
		EEXIST watch_add start=$start end=$end cookie=1
		EEXIST watch_add start=0 end=4096 cookie=1
	EOT
}

# bats test_tags=C2,E1
@test "a watch may end where the address space of the source ends, and not a byte later" {
	run -0 call "${session[@]}" map flags=$((NEW | WHOLE))
	size=$(stat -c %s "$M/$s_pid/as")
	run -0 call "${watcher[@]}" watch_add start=0 end="$size" cookie=1 watch_add start=$((size - 1)) end="$size" cookie=2
	refuses "${watcher[@]}" <<<"EINVAL watch_add start=0 end=$((size + 1)) cookie=1"
}

# bats test_tags=C3,C8,E7
@test "WATCH_DEL refuses what it does not know, and cookies that are not in use" {
	refuses "${watched[@]}" <<-EOT
		EOPNOTSUPP watch_del flags=1 cookie=1
		EOPNOTSUPP watch_del flags=0x80000000 cookie=1
		ENOENT watch_del cookie=2
		ENOENT watch_del cookie=0
		ENOENT watch_del cookie=0x100000001
		EINVAL watch_del size=12 cookie=1
		E2BIG watch_del size=24 tail=1 cookie=1
		EFAULT watch_del ptr=0
		EFAULT watch_del edge=12 cookie=1
	EOT
	run -1 call "${watched[@]}" watch_del cookie=1 watch_del cookie=1
	[ "${lines[-2]} ${lines[-1]}" = "watch_del OK watch_del ENOENT" ]
}

# bats test_tags=C8,P2
@test "each call is for one kind of descriptor: neither control nor a map file can watch" {
	expose s 0
	refuses "${watched[@]}" open <<-EOT
		ENOTTY watch on=control
		ENOTTY watch on=file
		ENOTTY watch on=mem
		ENOTTY watch on=watcher
		ENOTTY watch_add on=control start=$start end=$end cookie=2
		ENOTTY watch_add on=session start=$start end=$end cookie=2
		ENOTTY watch_add on=file start=$start end=$end cookie=2
		ENOTTY watch_del on=control cookie=1
		ENOTTY watch_del on=session cookie=1
		ENOTTY watch_del on=file cookie=1
		ENOTTY features on=watcher
		ENOTTY attach on=watcher
		ENOTTY map on=watcher flags=$NEW address=$s_address length=4096
		ENOTTY unmap on=watcher length=4096
		ENOTTY lock on=watcher
		ENOTTY open on=watcher
		ENOTTY info on=watcher
		ENOTTY range on=watcher
		ENOTTY watch_add cmd=0xe722 start=$start end=$end cookie=2
	EOT
}

# bats test_tags=P2
@test "who may not read a process has no session of it, and so cannot watch it" {
	refuses_as 1000 control "$M/control" <<-EOT
		EACCES mem $s_pid r
		EINVAL attach
		EBADF watch
	EOT
	# The right to write alone is none to read, and none to watch.
	refuses control "$M/control" mem "$s_pid" w <<<"EACCES attach"
	# To watch takes no right to write.
	run -0 call "${watched[@]}" sh "$(happens 1)" events
	[ "${lines[-1]}" = "events OK 1 empty" ]
}

# bats test_tags=P2
@test "a process watches itself without any right but to open control" {
	run -0 as_user 1000 "$PROGS/a-call" control "$M/control" attach fd=-1 pid=0 watch \
		watch_add start="$start" end="$end" cookie=1
}

# bats test_tags=P2
@test "whoever is passed a session may watch, and whoever is passed a watcher may add to it" {
	socket=$BATS_TEST_TMPDIR/socket
	call "${session[@]}" send session "$socket" 3>&- &
	started+=($!)
	chmod 0777 "$BATS_TEST_TMPDIR"
	run -0 as_user 1000 "$PROGS/a-call" receive session "$socket" watch \
		watch_add start="$start" end="$end" cookie=7 sh "$(happens 1)" events
	[ "${lines[-1]}" = "events OK 7 empty" ]
	rm "$socket"
	call "${watched[@]}" send watcher "$socket" 3>&- &
	started+=($!)
	run -0 as_user 1000 "$PROGS/a-call" receive watcher "$socket" watch_del cookie=1 \
		watch_add start="$s_address" end="$start" cookie=8 sh "$(happens 0)" events
	[ "${lines[-1]}" = "events OK 8 empty" ]
}

# bats test_tags=C11,C16
@test "WATCH gives a descriptor that is close-on-exec, and says what it is" {
	run -0 call "${watched[@]}" sh 'ls -l /proc/$PPID/fd /proc/self/fd; cat /proc/$PPID/fdinfo/*'
	# a-call has it, and what it starts has not.
	[ "$(grep -c remotefs-watch <<<"$output")" = 1 ]
	[[ $output == *$'remotefs-pid:\t'"$s_pid"$'\n'* ]]
	[[ $output == *$'remotefs-queued:\t0\nremotefs-stale:\t0\nremotefs-generation:\t'[1-9]* ]]
}

# bats test_tags=C8
@test "without a free descriptor there is no watcher, and nothing of it remains" {
	run -1 call "${session[@]}" sh 'prlimit --pid $PPID --nofile=1:' watch
	[ "${lines[-1]}" = "watch EMFILE" ]
}

# bats test_tags=A3,C8
@test "watches are limited for each mount and for each user, and go with their watcher" {
	mount -o remount,max_watches=3,max_user_watches=2 "$M"
	add="watch_add start=$start end=$end cookie"
	# shellcheck disable=SC2086
	background call "${watched[@]}" $add=2 hold
	both_added() { [ "$(grep -c 'watch_add OK' "$BATS_TEST_TMPDIR/background.out")" = 2 ]; }
	retry 100 0.05 both_added
	refuses "${watcher[@]}" <<<"ENOSPC $add=1"
	# Another user has limits of its own, and the mount one for all.
	start_source mine as_user 1000 "$PROGS/a-source" 4
	run -1 as_user 1000 "$PROGS/a-call" control "$M/control" mem "$mine_pid" r attach watch \
		watch_add start=0 end=1 cookie=1 watch_add start=0 end=1 cookie=2 watch_del cookie=1 watch_add start=0 end=1 cookie=2
	[ "${lines[4]} ${lines[5]} ${lines[6]} ${lines[7]}" = "watch_add OK watch_add ENOSPC watch_del OK watch_add OK" ]
	# What ends gives its watches back.
	kill -KILL "$background_pid"
	wait "$background_pid" || true
	# shellcheck disable=SC2086
	run -0 call "${watched[@]}" $add=2
}

# bats test_tags=C8
@test "a source that is gone has no watcher and no watch, but can be asked for what was" {
	run -1 call "${watched[@]}" sh "kill -KILL $s_pid; while [ -e /proc/$s_pid/exe ]; do sleep 0.05; done" \
		events watch watch_add start="$start" end="$end" cookie=2 watch_del cookie=2 watch_del cookie=1
	[ "${lines[*]:5}" = "events OK gone watch ESRCH watch_add ESRCH watch_del ENOENT watch_del OK" ]
}
