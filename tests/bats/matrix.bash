# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2016
#
# The matrix of P1: who asks, whom they ask about, and what Yama says.  In each
# cell the verdict of ATTACH must be the kernel's own verdict on opening
# /proc/PID/mem, and where that is yes, the same bytes must be seen.

requesters=(root weak-root same-user other-user namespace)
targets=(dumpable undumpable setuid weak-root)

# as_requester NAME COMMAND...
as_requester() {
	local name=$1
	shift
	case $name in
	root) "$@" ;;
	weak-root) as_weak_root "$@" ;;
	same-user) as_user 1000 "$@" ;;
	other-user) as_user 1001 "$@" ;;
	namespace) as_user 1000 unshare --user --map-root-user "$@" ;;
	esac
}

# Each target is a process of user 1000, but for the last.
start_targets() {
	install -m 4755 "$PROGS/a-source" "$BATS_TEST_TMPDIR/setuid-source"
	start_source dumpable as_user 1000 "$PROGS/a-source" 4
	start_source undumpable as_user 1000 "$PROGS/a-source" 4 nodump
	start_source setuid as_user 1000 "$BATS_TEST_TMPDIR/setuid-source" 4
	start_source weak_root as_weak_root "$PROGS/a-source" 4
	[ "$(awk '/^Uid/ { print $2, $3 }' "/proc/$setuid_pid/status")" = "1000 0" ]
}

set_yama() {
	[ ! -e /proc/sys/kernel/yama/ptrace_scope ] || echo "$1" >/proc/sys/kernel/yama/ptrace_scope
}

# What the rules of ptrace(2) say, so that two wrongs do not agree.
expected_verdict() {
	case $1:$2:$3 in
	3:*) echo deny ;;
	*:root:*) echo allow ;;
	0:weak-root:weak-root | 0:same-user:dumpable) echo allow ;;
	*) echo deny ;;
	esac
}

# What the requester's own open gave, then what the module made of it.  Who is
# denied tries three ways around.
check_cell() {
	local scope=$1 requester=$2 target=$3 verdict
	local -n pid=${3//-/_}_pid address=${3//-/_}_address
	verdict=$(expected_verdict "$@")
	run as_requester "$requester" "$PROGS/a-call" control "$M/control" mem "$pid" r peek "$((address + 4096))" \
		attach map flags=1 address="$address" length=8192 sh "cat $M/$pid/map-* | sed -n 2p | tr -d '\\0'"
	[ "${lines[0]}" = "control OK" ]
	if [ "$verdict" = allow ]; then
		[ "${lines[*]:1:4}" = "mem OK peek OK page 1 of $pid attach OK map OK ${lines[4]##* }" ]
		[[ ${lines[5]} == "page 1 of $pid" ]]
		rm -r "${M:?}/$pid"
		return
	fi
	[ "${lines[*]:1:2}" = "mem EACCES peek EBADF" ]
	[ "${lines[*]:3:2}" = "attach EINVAL map EBADF" ] || [ "${lines[*]:3:2}" = "attach EBADF map EBADF" ]
	run as_requester "$requester" "$PROGS/a-call" control "$M/control" mem "$pid" path attach \
		mem self r attach pid="$pid" other "/proc/$pid/stat" attach pid="$pid"
	[[ "${lines[*]:1}" == "mem "*" attach EBADF mem OK attach ESRCH mem OK attach EINVAL" ||
		"${lines[*]:1}" == "mem EACCES attach "*" mem OK attach ESRCH mem OK attach EINVAL" ]]
	[ ! -e "$M/$pid" ]
}

check_matrix() {
	local scope=$1 requester target
	set_yama "$scope"
	for requester in "${requesters[@]}"; do
		for target in "${targets[@]}"; do
			echo "cell: ptrace_scope=$scope requester=$requester target=$target"
			check_cell "$scope" "$requester" "$target"
		done
	done
}

# A parent, which Yama 1 trusts and Yama 2 does not.  It is the shell whose
# place a-call takes.
ask_as_parent() {
	as_user 1000 bash -c '
		exec {input}<> "$3"
		"$1/a-source" 4 <&"$input" >"$4" &
		until read -r pid address <"$4"; do sleep 0.02; done
		exec "$1/a-call" control "$2/control" mem "$pid" r attach map flags=1 address="$address" length=4096 \
			sh "kill $pid"
	' bash "$PROGS" "$M" "$1" "$2"
}

check_parent() {
	local verdict=$2 input=$BATS_TEST_TMPDIR/parent.in output=$BATS_TEST_TMPDIR/parent.out
	set_yama "$1"
	rm -f "$input" "$output"
	mkfifo -m 0666 "$input"
	install -m 0666 /dev/null "$output"
	run ask_as_parent "$input" "$output"
	if [ "$verdict" = allow ]; then
		[ "${lines[*]:0:4}" = "control OK mem OK attach OK map OK 0" ]
	else
		[ "${lines[*]:0:2}" = "control OK mem EACCES" ]
		[[ ${lines[2]} != *OK* && ${lines[3]} != *OK* ]]
	fi
}
