#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 120
# not on trixie in a whole run: debug is the same version, and checks itself
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# The programs of examples/vmi: a running virtual machine seen from outside, and
# another machine whose processor runs on the first one's memory.

bats_require_minimum_version 1.5.0

cpu1=/sys/devices/system/cpu/cpu1/online

# The first machine and the last make the kernel patch its scheduler, and emulated
# processors may run what was there in between. So one machine is there from
# before the first test until after the last, and there is only one processor when
# it comes and when it goes. In between there are two: one for each machine.
setup_file() {
	modprobe -a kvm_amd 2>/dev/null || true
	[ -e /dev/kvm ] || return 0
	mkdir "$BATS_FILE_TMPDIR/mnt"
	mount -t remotefs none "$BATS_FILE_TMPDIR/mnt"
	echo 0 >$cpu1
	/usr/lib/remotefs-tests/monitor "$BATS_FILE_TMPDIR/mnt/control" >"$BATS_FILE_TMPDIR/path" 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/keeper"
	until [ -s "$BATS_FILE_TMPDIR/path" ]; do
		kill -0 $! || return
	done
	kill -STOP $!
	echo 1 >$cpu1
}

teardown_file() {
	local keeper
	[ -e "$BATS_FILE_TMPDIR/keeper" ] || return 0
	keeper=$(<"$BATS_FILE_TMPDIR/keeper")
	echo 0 >$cpu1
	kill -KILL "$keeper"
	wait "$keeper" 2>/dev/null || true
	while kill -0 "$keeper" 2>/dev/null; do :; done
	echo 1 >$cpu1
	umount "$BATS_FILE_TMPDIR/mnt"
}

setup() {
	load mirror
	[ -e /dev/kvm ] || skip "no /dev/kvm on $(uname -r): kvm_amd does not load here"
	mirror_setup
}

teardown() {
	[ ! "$(swapon --noheadings --show)" ] || swap_end
	[ ! "${mnt-}" ] || mirror_teardown
}

# begin NAME PROGRAM ARGUMENT...: in the background; what it prints is $dir/NAME.out
begin() {
	# The last one of that name has printed, too.
	rm -f "$dir/$1.out"
	"$progs/$2" "${@:3}" >"$dir/$1.out" 2>&1 3>&- &
	pid[$1]=$!
}

# A guest that runs; its memory is $file.
begin_guest() {
	begin guest monitor "$@" "$mnt/control"
	retry 60 test -s "$dir/guest.out"
	file=$(head -n 1 "$dir/guest.out")
}

# What it says in the end is in $dir/guest.out.
end_guest() {
	kill "${pid[guest]}"
	ended guest 0
}

# ended NAME STATUS: wait for what was begun, which must end so
ended() {
	local id=${pid[$1]} status=0
	unset "pid[$1]"
	wait "$id" || status=$?
	same "$status" "$2" || cat "$dir/$1.out"
}

# A word of the guest's memory, as $answer.
word() { answer=$(od -An -tu4 -j "$1" -N 4 "$file" | tr -d ' '); }

# said_in_the_end FORMAT: a number of the monitor's last words, which is not zero
said_in_the_end() {
	[[ $(<"$dir/guest.out") =~ $1 ]] && [ "${BASH_REMATCH[1]}" -gt 0 ]
}

# bats test_tags=M1,M26,E3
@test "a running guest's counter is followed from outside, and which of its pages go" {
	begin_guest
	run -0 "$progs/introspector" "$file" 12
	[ "${lines[0]}" = "introspector: $file is 4096 KiB of process ${pid[guest]}" ]
	[ "$(grep -c 'parcels.*: .*; the counter is' <<<"$output")" = 12 ]
	grep -q 'unmapped or moved' <<<"$output"
	grep -q 'discarded or swapped out' <<<"$output"
	last=${lines[-1]##* }
	word 0x2000
	[ "$answer" -ge "$last" ]
	begin introspector introspector "$file" 1000000000
	retry 60 grep -q 'the counter is [1-9]' "$dir/introspector.out"
	end_guest
	ended introspector 0
	tail -n 1 "$dir/introspector.out" | grep -qx 'introspector: the guest is gone; its counter was [1-9][0-9]*'
}

# bats test_tags=M5,M8,M26,X6
@test "code runs over another process's memory, and no page there is of the past" {
	swap_begin
	begin_guest
	run "$progs/borrower" "$file" 300
	same "$status" 0 || fail "$output"
	[[ ${lines[-1]} =~ ^"borrower: "([0-9]+)" rounds; "([0-9]+)" parcels right, 0 stale, "[0-9]+" away, "[0-9]+" tried again"$ ]]
	rounds=${BASH_REMATCH[1]}
	[ "$rounds" -ge 300 ]
	[ "${BASH_REMATCH[2]}" -gt $((rounds * 64 / 2)) ]
	end_guest
	said_in_the_end '([0-9]+) pages mapped anew'
	said_in_the_end '([0-9]+) discarded'
	said_in_the_end '([0-9]+) moved'
	said_in_the_end '([0-9]+) of [0-9]+ swapped out'
	grep -q "its book says $rounds\$" "$dir/guest.out"
}

# bats test_tags=M26,X6
@test "the same code over a copy finds pages of the past, and says which" {
	begin_guest
	run -1 "$progs/borrower" -c "$file" 3
	[[ ${lines[0]} =~ ^"borrower: parcel "[0-9]+" is stale: it says "[0-9]+" and "[0-9]+", its sequence is "[0-9]+$ ]]
	[[ ${lines[-1]} =~ " parcels right, "[1-9][0-9]*" stale, " ]]
}

# bats test_tags=M5,M26,X6
@test "where a page was taken away the code is told where, and goes on" {
	begin_guest -a 3
	retry 60 parcel_is_away
	run -0 "$progs/borrower" "$file" 20
	grep -qx 'borrower: parcel 3 is away: EFAULT at 0x203000' <<<"$output"
	[[ ${lines[-1]} =~ ^"borrower: "[0-9]+" rounds; "[1-9][0-9]*" parcels right, 0 stale, "([0-9]+)" away, " ]]
	[ "${BASH_REMATCH[1]}" -ge 20 ]
}

parcel_is_away() { ! dd if="$file" of=/dev/null bs=4096 skip=$((0x203)) count=1 2>/dev/null; }

# Is code running over the guest's memory?
is_visited() { word 0x3000 && [ "$answer" -gt 0 ]; }

# bats test_tags=C4,L1,M26,X6
@test "a revoke, and the end of the guest's process, end the code over it, and it says which" {
	begin_guest
	begin visit borrower "$file" 1000000000
	retry 60 is_visited
	rm "$file"
	ended visit 2
	grep -q '^borrower: the memory is gone: it was revoked$' "$dir/visit.out"
	stop guest
	begin_guest
	begin visit borrower "$file" 1000000000
	retry 60 is_visited
	stop guest
	ended visit 2
	grep -q '^borrower: the memory is gone: its process has ended$' "$dir/visit.out"
}

# bats test_tags=M26,X6
@test "the demonstration shows all that, and leaves nothing behind" {
	run /usr/share/remotefs/tests/vmi/demo.sh "$progs"
	same "$status" 0 || fail "$output"
	[ "${lines[-1]}" = "All six steps happened." ]
	[ ! "$(swapon --noheadings --show)" ]
	[ ! -e /run/remotefs/control ]
}
