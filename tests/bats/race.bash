# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2154
#
# Helpers of the suites about races: stop a process at a step inside remotefs,
# by tests/module/remotefs_pause.c, which names the steps.  Besides mirror.bash.

rendezvous=/sys/kernel/debug/remotefs_pause

# The module stays: it cannot be unloaded.
race_begin() {
	[ -e "$rendezvous" ] ||
		insmod "/lib/modules/$(uname -r)/updates/remotefs_pause.ko"
}

# All go on, and it is an error if one was still to be let go.
race_teardown() { all_succeed race_end mirror_teardown; }
race_end() { echo clear >"$rendezvous"; }

# begin NAME COMMAND...: ask, and do not wait for the answer
begin() {
	local name=$1
	shift
	echo "$*" >&"${in[$name]}"
}

is_paused() {
	local id state
	while read -r id _ state; do
		[ "$id $state" != "${pid[$1]} paused" ] || return 0
	done <"$rendezvous"
	return 1
}

# pause NAME POINT COMMAND...: let it run up to that point
pause() {
	echo "arm $2 ${pid[$1]}" >"$rendezvous"
	begin "$1" "${@:3}"
	retry 20 is_paused "$1"
}

# go NAME: and do not wait for the answer
go() { echo "go ${pid[$1]}" >"$rendezvous"; }

# answers NAME ANSWER: to what was asked before
answers() {
	hear "$1" "what was begun"
	same "$answer" "$2"
}

# ends NAME ANSWER: let it go, and it answers
ends() {
	go "$1"
	answers "$1" "$2"
}

# is_in NAME PATTERN: it sleeps in such a function of the kernel
is_in() {
	local where
	# There is no newline.
	read -r where <"/proc/${pid[$1]}/wchan" || true
	# shellcheck disable=SC2053 # a pattern, where compilers differ in what they inline
	[[ $where == $2 ]]
}

# waits NAME: for an invalidation to be over
waits() { retry 20 is_in "$1" mmu_interval_read_begin; }

# prepare NAME COMMAND...: a process that runs COMMAND once something is begun
prepare() {
	channels "$1"
	# shellcheck disable=SC2016
	bash -c 'read -r && exec "$@"' bash "${@:2}" \
		<"$dir/$1.in" >"$dir/$1.out" 2>"$dir/$1.err" 3>&- &
	pid[$1]=$!
}

# succeeds NAME: let a prepared command go on to its end
succeeds() {
	go "$1"
	wait "${pid[$1]}"
}

# A scene whose last page was touched, so that the mirror is no news, and memory
# of the source's that was not, for take_frames.
warm_scene() {
	scene "$@"
	says viewer a load $((m + ($1 - 1) * page))
	ask source map 32
	spare=$answer
}

# Let other memory have the frames that became free, lest the page that is to
# come gets the very one that went.
take_frames() { says source ok fill "$spare" $((32 * page)) x; }

# viewer_of NAME BYTES: another one of $file, with a mirror at ${at[NAME]}
viewer_of() {
	declare -gA at
	start "$1" m-viewer
	says "$1" ok open "$file" rw
	ask "$1" mirror "$2" rw s
	at[$1]=$answer
}
