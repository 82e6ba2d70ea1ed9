# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2016
#
# The matrix of P1: who asks, whom they ask about, and what Yama says.

set_yama() {
	[ ! -e /proc/sys/kernel/yama/ptrace_scope ] || echo "$1" >/proc/sys/kernel/yama/ptrace_scope
}

# try_matrix CTL SCOPES [LIE]: see a-matrix.c
try_matrix() {
	install -m 4755 "$PROGS/a-source" "$BATS_TEST_TMPDIR/setuid-source"
	"$PROGS/a-matrix" "$M/control" "$1" "$BATS_TEST_TMPDIR/setuid-source" "${@:2}"
}

# check_matrix CTL SCOPES CELLS
check_matrix() {
	run -0 try_matrix "$1" "$2"
	[[ $output =~ ^([0-9]+)\ cells,\ ([0-9]+)\ allowed ]]
	[ "${BASH_REMATCH[1]}" = "$3" ]
	[ -z "$(find "$M" -name "map-*")" ]
	echo "# ptrace_scope $2: $output" >&3
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
