#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The lists of what each errno means agree: the table that opens the header, the
# Return list of each of its calls, and the ERRORS of the manual pages.  And no
# errno is listed that no suite expects.
#
# seconds: 60
# on the host: it reads text

bats_require_minimum_version 1.5.0

top=$BATS_TEST_DIRNAME/../..
header=$top/include/uapi/linux/remotefs.h
calls_page=$top/man/ioctl_remotefs.2
files_page=$top/man/remotefs.5

# What the core says of any file or mount; the header need not explain it.
core=$(printf '%s\n' EBUSY EFBIG ENXIO)

# Where an errno is expected by its number, or in a program: suite, and what.
spelled_otherwise='
EAGAIN 075-waiting.bats Errno 11
EINTR 082-kill.bats -4 is_killed
ENOMEM 090-inject.bats injected'

# The table: names that begin a line of it, or follow "(" in one.
table() {
	awk '
		/What each errno means/ { inside = 1 }
		/\*\// { inside = 0 }
		inside && /^ \*   E[A-Z0-9]+ / { print $2 }
		inside && match($0, /\(E[A-Z0-9]+:/) { print substr($0, RSTART + 1, RLENGTH - 2) }
	' "$1" | sort -u
}

# "CALL ERRNO" of each Return list.
returns() {
	awk '
		/^ \* struct remotefs_.* - REMOTEFS_IOC_/ { call = $5; sub(/,$/, "", call); inside = 0 }
		/^ \* Return:/ { inside = 1 }
		/\*\// { inside = 0 }
		inside {
			gsub(/[^A-Z0-9]/, " ")
			for (i = 1; i <= NF; i++) if ($i ~ /^E[A-Z0-9]+$/) print call, $i
		}
	' "$1" | sort -u
}

# "CALL ERRNO" of each entry of a page's ERRORS; "all ERRNO" without a call.
entries() {
	awk '
		function flush(i) {
			if (name != "" && !count) print "all", name
			for (i = 1; i <= count; i++) print calls[i], name
			name = ""; count = 0
		}
		/^\.(TP|SH)/ { flush(); heading = /^\.TP/; errors = /^\.SH/ ? / ERRORS$/ : errors; next }
		errors && heading { name = $2; heading = 0; naming = 1; next }
		# An entry about calls begins with their names, up to a colon.
		naming && !/^\.BR? |^with$/ { naming = 0 }
		naming && $2 ~ /^REMOTEFS_IOC_/ { calls[++count] = $2 }
		naming && / :$/ { naming = 0 }
	' "$1" | sort -u
}

errnos() { cut -d ' ' -f 2 | sort -u; }
calls() { sed -n 's/^#define \(REMOTEFS_IOC_[A-Z_]*\)\t_IO(.*/\1/p' "$1" | sort; }

# lacks NAMES WHO: of the names on standard input, those that are not among NAMES
lacks() { grep -vxF -e "$1" | sed "s/^/$2 lacks: /"; }

# disagreements HEADER CALLS-PAGE FILES-PAGE: a line for each
disagreements() {
	local table returns entries files all

	table=$(table "$1") returns=$(returns "$1") entries=$(entries "$2")
	files=$(entries "$3" | errnos)
	# What the page says of all calls it says of each.
	all=$(for call in $(calls "$1"); do sed -n "s/^all /$call /p" <<<"$entries"; done)
	errnos <<<"$returns" | lacks "$table" "the table"
	errnos <<<"$entries" | lacks "$table" "the table"
	lacks "$table"$'\n'"$core" "the table" <<<"$files"
	lacks "$(errnos <<<"$entries")"$'\n'"$files" "each page" <<<"$table"
	lacks "$entries"$'\n'"$all" "the page of the calls" <<<"$returns"
	grep -v '^all ' <<<"$entries" | lacks "$returns" "a Return list"
	# This one only clears what it does not know.
	calls "$1" | grep -v FEATURES | lacks "$(cut -d ' ' -f 1 <<<"$returns" | sort -u)" "the header a Return list"
	return 0
}

# bats test_tags=C8
@test "header and manual pages list the same errnos, for each call" {
	[ "$(table "$header" | wc -l)" -gt 20 ]
	[ "$(calls "$header" | wc -l)" = "$(grep -c '_IO(REMOTEFS' "$header")" ]
	run -0 disagreements "$header" "$calls_page" "$files_page"
	echo "$output"
	[ -z "$output" ]
}

# notices LINE FILE SCRIPT: with a file so changed, that line is complained of
notices() {
	local files=("$header" "$calls_page" "$files_page")

	sed "$3" "${files[$2]}" >"$BATS_TEST_TMPDIR/changed"
	run -1 cmp -s "${files[$2]}" "$BATS_TEST_TMPDIR/changed"
	files[$2]=$BATS_TEST_TMPDIR/changed
	run -0 disagreements "${files[@]}"
	grep -qxF "$1" <<<"$output" || {
		echo "after $3 this is missing: $1"$'\n'"there is: $output"
		return 1
	}
}

# bats test_tags=C8
@test "a difference between these lists would be noticed" {
	notices "the table lacks: ELOOP" 0 '/^ \*   ELOOP/d'
	notices "the table lacks: ENOLCK" 0 's/^ \* Return: 0; /&ENOLCK, /'
	notices "the table lacks: ENOLCK" 1 's/^\.B ELOOP/.B ENOLCK/'
	notices "the table lacks: ENOLCK" 2 's/^\.B ELOOP/.B ENOLCK/'
	notices "each page lacks: ENOLCK" 0 's/^ \*   ELOOP/ *   ENOLCK/'
	notices "each page lacks: E2BIG" 1 's/^\.B E2BIG/.B ELOOP/'
	notices "the page of the calls lacks: REMOTEFS_IOC_MAP EINTR" 1 '/^\.B EINTR/,/MAP :/s/MAP/UNMAP/'
	notices "the page of the calls lacks: REMOTEFS_IOC_LOCK ELOOP" 0 "s/EPERM (another user's)/&, ELOOP/"
	notices "a Return list lacks: REMOTEFS_IOC_MAP ELOOP" 0 's/ESTALE, ELOOP, /ESTALE, /'
	notices "a Return list lacks: REMOTEFS_IOC_UNMAP EINTR" 1 '/^\.B EINTR/,/MAP :/s/MAP/UNMAP/'
	notices "the page of the calls lacks: REMOTEFS_IOC_WATCH_ADD EEXIST" 1 '/WATCH_ADD :/s/_ADD/_DEL/'
	notices "the header a Return list lacks: REMOTEFS_IOC_WATCH_DEL" 0 's/Return: 0; EINVAL, ENOENT, EOP/Returns 0; EINVAL, ENOENT, EOP/'
	notices "the header a Return list lacks: REMOTEFS_IOC_INFO" 0 's/Return: 0; EINVAL, E2BIG, EOP/Returns 0; EINVAL, E2BIG, EOP/'
}

# What suites say beside comments and titles; this one's own words do not count.
expectations() {
	local suite

	for suite in "$BATS_TEST_DIRNAME"/*.bats "$BATS_TEST_DIRNAME"/*.bash; do
		[[ $suite == */112-* ]] || grep -vE '^[[:space:]]*(#|@test )' "$suite"
	done
}

# unexpected HEADER: errnos of its table that no suite expects
unexpected() {
	local name suite what said

	said=$(expectations)
	for name in $(table "$1"); do
		read -r _ suite what <<<"$(grep "^$name " <<<"$spelled_otherwise")"
		if [ "$what" ]; then
			grep -qF -e "$what" "$BATS_TEST_DIRNAME/$suite" || echo "$name"
		else
			grep -qw "$name" <<<"$said" || echo "$name"
		fi
	done
}

# bats test_tags=C8
@test "each errno of the table is expected by some suite" {
	run -0 unexpected "$header"
	echo "$output"
	[ -z "$output" ]
	sed 's/^ \*   ELOOP/ *   ENOLCK/' "$header" >"$BATS_TEST_TMPDIR/changed"
	run -0 unexpected "$BATS_TEST_TMPDIR/changed"
	[ "$output" = ENOLCK ]
}
