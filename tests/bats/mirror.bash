# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Helpers of the suites about mirrors: a private mount, and dialogues with
# processes that own memory (m-source) or look at another's (m-viewer).
#
# Answers come in variables, not on standard output: emulated guests fork
# slowly.  All addresses are decimal numbers, so nothing here needs quotes, and
# a test's variables are its own: the suites switch these checks off.
# shellcheck disable=SC2034

load common

progs=/usr/lib/remotefs-tests
page=4096
huge=$((2 << 20))

fail() {
	echo "$*" >&2
	return 1
}

# same VALUE EXPECTED
same() { [ "$1" = "$2" ] || fail "it is '$1', not '$2'"; }

# retry SECONDS COMMAND...: until it succeeds
retry() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -le "$end" ] || fail "not in time: $*" || return
	done
}

mirror_setup() {
	trap_failures
	dir=$BATS_TEST_TMPDIR
	mnt=$dir/mnt
	mkdir "$mnt"
	mount.remotefs none "$mnt"
	declare -gA in=() out=() pid=()
	held=
}

# Whoever is left goes, and then nothing may hold the mount.
mirror_teardown() {
	local name
	for name in "${!pid[@]}"; do
		stop "$name"
	done
	[ -z "$held" ] || exec {held}<&-
	retry 20 unmounts "$mnt"
}

# unmounts DIRECTORY: not while someone who was killed still lets go of it
unmounts() { umount "$1" || { sleep 0.1 && false; }; }

gone() { ! kill -0 "$1" 2>/dev/null; }

# executes PID COMMAND: is it that by now?
executes() {
	local comm
	read -r comm <"/proc/$1/comm" && [ "$comm" = "$2" ]
}

# stop NAME: kill it, and wait until it is no more
stop() {
	local id=${pid[$1]}
	unset "pid[$1]"
	kill -9 "$id" 2>/dev/null || true
	wait "$id" 2>/dev/null || true
	retry 20 gone "$id"
}

# channels NAME: a pair of FIFOs, open at this end
channels() {
	local fd
	mkfifo "$dir/$1.in" "$dir/$1.out"
	exec {fd}<>"$dir/$1.in"
	in[$1]=$fd
	exec {fd}<>"$dir/$1.out"
	out[$1]=$fd
}

# launch NAME PROGRAM [ARGUMENT...]: begin a dialogue over its channels
launch() {
	"$progs/$2" "${@:3}" <"$dir/$1.in" >"$dir/$1.out" 2>"$dir/$1.err" 3>&- &
	pid[$1]=$!
}

# start NAME PROGRAM [ARGUMENT...]
start() {
	channels "$1"
	launch "$@"
}

# start_up NAME PROGRAM [ARGUMENT...]: and wait until it is that program which runs
# there, for who looks into the process, or stops it, before talking to it
start_up() {
	start "$@"
	says "$1" ok awake
}

# ask NAME COMMAND...: get $answer
ask() {
	local name=$1
	shift
	echo "$*" >&"${in[$name]}"
	hear "$name" "$*"
}

# hear NAME [QUESTION]: wait for what it says
hear() {
	answer=
	read -r -t 60 -u "${out[$1]}" answer || fail "$1 does not answer: $2"
}

# says NAME ANSWER COMMAND...: fail if it answers anything else
says() {
	local name=$1 expected=$2
	shift 2
	ask "$name" "$@"
	[ "$answer" = "$expected" ] || fail "$name: $*: $answer, not $expected"
}

# fork_of NAME CHILD: a child, in a dialogue of its own
fork_of() {
	channels "$2"
	ask "$1" fork "$dir/$2.in" "$dir/$2.out"
	pid[$2]=$answer
}

# hold FILE: keep it open, as descriptor $held
hold() { exec {held}<"$1"; }

# attach NAME COMMAND...: as m-attach, with $answer
attach() {
	local name=$1
	shift
	answer=$("$progs/m-attach" "$mnt/control" "${pid[$name]}" "$@")
}

# refused ERRNO NAME COMMAND...: m-attach says that it may not
refused() {
	local expected=$1
	shift
	! attach "$@" || fail "$*: $answer, not $expected" || return
	same "$answer" "$expected"
}

# expose NAME START BYTES ro|rw[,zero]: make map file $file
expose() {
	attach "$1" map "$2" $(($2 + $3)) "$4" || fail "map: $answer"
	file=$mnt/${pid[$1]}/map-$answer
}

# info FILE|- FIELD: get $answer; - is standard input
info() {
	local all
	all=$'\n'$("$progs/m-attach" "$1" info)
	answer=${all#*$'\n'"$2"=}
	answer=${answer%%$'\n'*}
}

# anon NAME: how many KiB of anonymous memory it has, as $answer
anon() {
	local key value rest
	while read -r key value rest; do
		[ "$key" != RssAnon: ] || answer=$value
	done <"/proc/${pid[$1]}/status"
}

# A swap device that keeps pages compressed in memory.
swap_begin() {
	modprobe zram num_devices=1
	echo 128M >/sys/block/zram0/disksize
	mkswap /dev/zram0 >/dev/null
	swapon /dev/zram0
}

swap_end() {
	swapoff /dev/zram0
	echo 1 >/sys/block/zram0/reset
}

# Nobody makes huge pages of small ones but a test: khugepaged would every ten seconds.
khugepaged=/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs
khugepaged_rests() {
	cp $khugepaged "$BATS_FILE_TMPDIR/khugepaged"
	echo 86400000 >$khugepaged
}
khugepaged_goes_on() { cp "$BATS_FILE_TMPDIR/khugepaged" $khugepaged; }

# swap_out NAME ADDRESS: is the page in swap now, and nowhere else?
swap_out() {
	ask "$1" advise "$2" $page pageout
	frame_is "$1" "$2" swapped || not_batched
}

# The page was not reclaimed: it may sit in another CPU's batch of pages on
# their way to the LRU lists. Compaction empties those first. Always false.
not_batched() {
	echo 1 >/proc/sys/vm/compact_memory
	false
}

# A source with a range of PAGES at $a, each byte the letter a, its map file
# $file, and a viewer that has it open and a mirror of it at $m.
# scene PAGES ro|rw
scene() {
	start source m-source
	start viewer m-viewer
	ask source map "$1"
	a=$answer
	says source ok fill "$a" $(($1 * page)) a
	expose source "$a" $(($1 * page)) "$2"
	says viewer ok open "$file" "$2"
	ask viewer mirror $(($1 * page)) "$2" s
	m=$answer
}

# frame_is NAME ADDRESS STATE: is the page "swapped", "none", or that frame?
frame_is() {
	ask "$1" frame "$2"
	[ "$answer" = "$3" ]
}
