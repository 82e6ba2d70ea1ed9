# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# What all suites share.
#
# setup() of a suite calls setup_mount, which gives it a mount of its own in
# $M, and teardown() calls teardown_mount, which ends what was started and then
# fails the test if anything was left behind.  Both may be called again.

PROGS=/usr/lib/remotefs-tests
# struct remotefs_map_args.flags
NEW=1 WRITE=2 OWNER=4 WHOLE=8
# "exec" where a function below is to become the process that it starts
in_background=''

bats_require_minimum_version 1.5.0
load common

# run is bats' own, but says what was run and what came of it.
eval "bats_$(declare -f run)"
run() {
	local failed=0
	bats_run "$@" || failed=$?
	echo "\$ $* (status ${status-?})"
	echo "${output-}"
	return "$failed"
}

# retry COUNT DELAY COMMAND...: until it succeeds
retry() {
	local count=$1 delay=$2
	shift 2
	until "$@"; do
		[ $((count -= 1)) -gt 0 ] || {
			echo "gave up: $*"
			return 1
		}
		sleep "$delay"
	done
}

# Skip unless this kernel or these tools have something.  Each has a kernel in
# the matrix where it is there.
requires() {
	local what
	for what; do
		case $what in
		yama) [ -e /proc/sys/kernel/yama/ptrace_scope ] ;;
		ia32) gunzip -c /proc/config.gz 2>/dev/null | cat - "/boot/config-$(uname -r)" 2>/dev/null | grep -q '^CONFIG_IA32_EMULATION=y' ;;
		anon-name) [ -e /proc/self/maps ] && "$PROGS/a-source" 1 name=try </dev/null >/dev/null ;;
		fault-injection) [ -d /sys/kernel/debug/failslab ] ;;
		debug-kernel) [ -e /sys/kernel/debug/kmemleak ] ;;
		userns) unshare --user --map-root-user true 2>/dev/null ;;
		mseal) "$PROGS/p-guarded" sealed </dev/null >/dev/null 2>&1 ;;
		protection-keys) "$PROGS/p-guarded" key </dev/null >/dev/null 2>&1 ;;
		bpf-lsm) grep -qw bpf /sys/kernel/security/lsm ;;
		lockdown) [ -e /sys/kernel/security/lockdown ] ;;
		python-mmap) python3 -c 'import mmap' 2>/dev/null ;;
		remotefsd) command -v remotefsd >/dev/null ;;
		tracing-tools) command -v bpftrace >/dev/null ;;
		kernel-types) [ -e /sys/kernel/btf/vmlinux ] ;;
		python-ctypes) python3 -c 'import ctypes' 2>/dev/null ;;
		*) false ;;
		esac || skip "no $what here"
	done
}

# as_user UID COMMAND...: without groups and capabilities
as_user() {
	$in_background setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"
}

# Root, but without the capability to look into others.
as_weak_root() {
	$in_background setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace "$@"
}

# call STEP...: see a-call.c
call() {
	$in_background "$PROGS/a-call" "$@"
}

# For suites whose tests mount for themselves.
start_test() {
	trap_failures
	started=()
	module_users users_before
	[ -e "$BATS_RUN_TMPDIR/log-lines" ] || start_run
	M=$BATS_TEST_TMPDIR/mnt
	mkdir "$M"
}

start_run() {
	# What was said before the first test is none of our business.
	dmesg | wc -l >"$BATS_RUN_TMPDIR/log-lines"
	# Other users are to reach the mount.
	chmod o+x "$BATS_RUN_TMPDIR"
}

# By its own helper: mount(8) would only look that up.
setup_mount() {
	[ "${M-}" ] || start_test
	mount.remotefs none "$M" ${1:+-o "$1"}
}

# In a background process: be the command, rather than wait for it.
become() {
	in_background='exec'
	[ "$(type -t "$1")" = function ] || exec "$@"
	"$@"
}

# Start a source, and keep its input and output open.
#
# start_source NAME COMMAND...: sets $NAME_pid and $NAME_address; COMMAND ends
# with the words of a-source.c
start_source() {
	local fifo=$BATS_TEST_TMPDIR/$1
	local -n pid=${1}_pid address=${1}_address in=${1}_in out=${1}_out
	shift
	mkfifo -m 0666 "$fifo.in" "$fifo.out"
	exec {in}<>"$fifo.in" {out}<>"$fifo.out"
	become "$@" <&"$in" >&"$out" 2>&1 3>&- {in}>&- {out}>&- &
	started+=($!)
	read -r -t 60 pid address <&"$out"
	[[ $address == 0x* ]]
}

# tell NAME COMMAND...: and print the line that it answers
tell() {
	local -n in=${1}_in out=${1}_out
	local answer
	echo "${*:2}" >&"$in"
	read -r -t 60 answer <&"$out"
	echo "$answer"
}

# Start something in the background that ends with the test.
background() {
	become "$@" >"$BATS_TEST_TMPDIR/background.out" 2>&1 3>&- &
	background_pid=$!
	started+=("$background_pid")
}

end_processes() {
	[ ${#started[@]} = 0 ] || kill -KILL "${started[@]}" 2>/dev/null || true
	wait "${started[@]}" 2>/dev/null || true
	started=()
}

# Mounts of this test, the last one first: sets $mounts
find_mounts() {
	local _ where
	mounts=()
	while read -r _ _ _ _ where _; do
		[[ $where != "$BATS_TEST_TMPDIR/"* ]] || mounts=("$where" "${mounts[@]}")
	done </proc/self/mountinfo
}

test_mounts() {
	local mounts
	find_mounts
	printf '%s\n' "${mounts[@]}"
}

# module_users NAME: sets $NAME
module_users() { read -r "$1" 2>/dev/null </sys/module/remotefs/refcnt || printf -v "$1" 0; }

module_is_unused() {
	local users
	module_users users
	[ "$users" -le "$users_before" ]
}

unmount_all() {
	local mounts
	find_mounts
	[ ${#mounts[@]} = 0 ] || umount "${mounts[@]}" 2>/dev/null
}

# A test that failed may have files open, which only end with it.  Its mounts must
# not outlast that, or those that come after it fail as well.
unmount_later() {
	local mounts
	find_mounts
	umount --lazy "${mounts[@]}"
	return 1
}

# Nothing is left: no mount, no user of the module, no word of the kernel.
teardown_mount() {
	[ "${M-}" ] || return 0
	all_succeed end_processes unmount_fully 'retry 50 0.1 module_is_unused' \
		kernel_kept_quiet 'unset M'
}

unmount_fully() { retry 50 0.1 unmount_all || unmount_later; }

# Z3: whatever was done, the kernel printed nothing about it but that the module
# is from out of its tree.  Lines that were seen by an earlier test do not count.
kernel_kept_quiet() {
	local seen said line bad=0
	read -r seen <"$BATS_RUN_TMPDIR/log-lines"
	mapfile -t said < <(dmesg)
	echo ${#said[@]} >"$BATS_RUN_TMPDIR/log-lines"
	for line in "${said[@]:seen}"; do
		case $line in
		*'out-of-tree module'* | *'signature and/or required key'*) ;;
		# Yama tells of what it denies.
		*'ptrace attach of'*) ;;
		*'remotefs: '* | *'[remotefs]'* | *WARNING* | *BUG* | *'Call Trace'*)
			echo "the kernel said: $line"
			bad=1
			;;
		esac
	done
	[ "$bad" = 0 ]
}

# What a mount holds, down to ranges: the same before and after a call that
# changed nothing.
snapshot() {
	local file steps=()
	ls -lRn "$M"
	for file in "$M"/*/*; do
		[ ! -f "$file" ] || steps+=(file "$file" r info range range offset=4096)
	done
	[ ${#steps[@]} = 0 ] || call "${steps[@]}" || true
}

# refuses STEP... <<TABLE: after these steps, which succeed, each step of the
# table fails with the errno that its line begins with, and nothing changes
refuses() { refuses_by call "$@"; }
refuses_as() { refuses_by as_user "$1" "$PROGS/a-call" "${@:2}"; }

refuses_by() {
	local before want='' steps=() errno words preparing
	while read -r errno words; do
		want+="${words%% *} $errno"$'\n'
		# shellcheck disable=SC2206
		steps+=($words)
	done
	before=$(snapshot)
	run -1 "$@" "${steps[@]}"
	# Whatever comes before the table is only there to prepare.
	preparing=${output%"${want%$'\n'}"}
	[[ $preparing != "$output" && ! $preparing =~ ' E'[A-Z] ]] || {
		echo "but this was expected:"$'\n'"$want"
		return 1
	}
	[ "$(snapshot)" = "$before" ] || {
		echo "before: $before"$'\n'"after: $(snapshot)"
		return 1
	}
}

# expose NAME FLAGS [FIELD=VALUE...]: make a map file of all of a source's pages
# (or what the fields say) by way of /proc/PID/mem; prints its path
expose() {
	local -n pid=${1}_pid address=${1}_address
	local mode=r answer
	[ $(($2 & WRITE)) = 0 ] || mode=rw
	answer=$(call control "$M/control" mem "$pid" $mode attach map flags=$(($2 | NEW)) \
		address="$address" length=$((4 * 4096)) "${@:3}") || {
		echo "$answer"
		return 1
	}
	echo "$M/$pid/map-${answer##* }"
}
