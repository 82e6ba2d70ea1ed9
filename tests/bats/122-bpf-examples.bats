#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 90
# not on debug in a whole run: 120 has the kernel do the same there
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # see mirror.bash
#
# The programs of examples/bpf. They need no type information, so each test is
# made with a module that has none, too, where the one that is loaded has some.

bats_require_minimum_version 1.5.0

setup() {
	load mirror
	load types
	mirror_setup
}

teardown() {
	all_succeed mirror_teardown types_back
}

# looking PROGRAM ARGUMENT...: start it, and return when it looks
looking() {
	rm -f "$dir/gate" "$dir/looks"
	mkfifo "$dir/gate"
	exec {gate}<>"$dir/gate"
	# shellcheck disable=SC2016 # for that shell
	"$progs/$1" "${@:2}" -- sh -c ': >"$1/looks" && exec head -n 1 <"$1/gate" >/dev/null' sh "$dir" \
		>"$dir/seen" 2>&1 3>&- {gate}>&- &
	pid[looker]=$!
	retry 60 looks
	[ -e "$dir/looks" ] || fail "$(<"$dir/seen")"
}

looks() { [ -e "$dir/looks" ] || gone "${pid[looker]}"; }

# seen: end it; what it saw is $output
seen() {
	echo >&"$gate"
	exec {gate}>&-
	wait "${pid[looker]}"
	unset "pid[looker]"
	output=$(<"$dir/seen")
}

# For another scene in the same test.
clear_scene() {
	stop viewer
	stop source
	rm "$dir"/*.in "$dir"/*.out
}

# field NAME: of the one line of JSON in $output
field() {
	[[ $output =~ \"$1\":\"?([^\",}]*) ]]
	echo "${BASH_REMATCH[1]}"
}

# bats test_tags=B1,B3,B12
@test "audit tells who read which bytes of which file, how often, and since when" {
	for types in $(types_here); do
		"types_$types"
		scene 8 ro
		name=${file#"$mnt/"}
		before=$EPOCHSECONDS
		looking audit --json "$file"
		setpriv --reuid=1234 dd bs=4096 skip=2 count=3 status=none of=/dev/null <"$file"
		seen
		echo "$types: $output"
		same "$(field file) $(field how) $(field uid) $(field command)" "$name read 1234 dd"
		same "$(field calls) $(field bytes) $(field start) $(field end)" "3 12288 8192 20480"
		since=$(field since)
		[ "${since%.*}" -ge "$before" ]
		[ "${since%.*}" -le "$EPOCHSECONDS" ]
		clear_scene
	done
}

# bats test_tags=B1
@test "audit tells of writes, mappings and faults, each on a line of its own" {
	scene 8 rw
	looking audit --json
	ask viewer mirror $((2 * page)) r s $((4 * page))
	says viewer a load "$answer"
	printf hello | dd of="$file" bs=5 conv=notrunc status=none
	seen
	same "$(sed 's/.*"how":"\([a-z]*\)".*"calls":\(.*\),"since.*/\1 \2/' "$dir/seen")" \
		'mmap 1,"bytes":8192,"start":16384,"end":24576
fault 1,"bytes":0,"start":16384,"end":16385
write 1,"bytes":5,"start":0,"end":5'
}

# bats test_tags=B1
@test "audit is about the files that are named, and its table is for people" {
	scene 4 ro
	expose source "$a" $page ro
	other=$file
	looking audit "$other"
	head -c 100 "$mnt/${pid[source]}/map-0" >"$dir/first"
	head -c 50 "$other" >"$dir/other"
	seen
	same "$(wc -l <"$dir/seen")" 2
	[[ ${output%%$'\n'*} =~ ^SINCE.*PID.*COMMAND.*UID.*HOW.*FILE.*CALLS.*BYTES.*RANGE$ ]]
	[[ ${output#*$'\n'} =~ head.*0\ read\ .*map-1\ .*1\ .*50\ +0-0x32$ ]]
}

# bats test_tags=B1,B3,B12
@test "heat tells which pages were faulted, and how often" {
	for types in $(types_here); do
		"types_$types"
		scene 256 ro
		looking heat --json "$file"
		says viewer a load $((m + 40 * page))
		says viewer a load $((m + 200 * page))
		for _ in 1 2 3; do
			says source ok fill $((a + 200 * page)) 1 b
			says source ok advise $((a + 200 * page)) $page dontneed
			ask viewer load $((m + 200 * page))
		done
		seen
		echo "$types: $output"
		same "$output" '{"offset":163840,"length":4096,"faults":1}
{"offset":819200,"length":4096,"faults":4}'
		clear_scene
	done
}

# bats test_tags=B1
@test "heat draws a part of a file, darker where there was more" {
	scene 256 ro
	looking heat --from $((64 * page)) --to $((192 * page)) "$file"
	says viewer a load $((m + 10 * page))
	says viewer a load $((m + 65 * page))
	for _ in 1 2 3 4 5 6 7; do
		says source ok advise $((a + 191 * page)) $page dontneed
		ask viewer load $((m + 191 * page))
	done
	seen
	empty=$(printf '%61s' '')
	same "${output#*: }" "8 faults in 2 of 128 parts of 4 KiB; most in one: 7
       0x40000 | * $empty|
       0x80000 |  $empty@|"
}

# bats test_tags=B10,B9,B3,B12
@test "quota lets so many bytes of a file be read, and leaves its neighbour alone" {
	for types in $(types_here); do
		"types_$types"
		scene 8 ro
		limited=$file
		expose source "$a" $((8 * page)) ro
		looking quota --json "$limited" 10000
		head -c 8192 "$limited" | cmp -n 8192 - <(yes a | tr -d '\n' | head -c 8192)
		run -1 head -c 8192 "$limited"
		[[ $output == *"Disk quota exceeded"* ]]
		[ "$(head -c 1808 "$limited" | wc -c)" = 1808 ]
		run -1 head -c 1 "$limited"
		[ "$(wc -c <"$file")" = $((8 * page)) ]
		cmp "$file" <(yes a | tr -d '\n' | head -c $((8 * page)))
		seen
		same "$output" '{"limit":10000,"used":10000,"denied":2}'
		# The policy has gone with the program.
		cmp "$limited" "$file"
		clear_scene
	done
}

# bats test_tags=B10,B9
@test "quota counts a mapping as a whole, goes on where it was, and is taken away" {
	scene 8 ro
	looking quota "$file" $((5 * page))
	ask viewer mirror $((4 * page)) r s
	[ "$answer" -gt 0 ]
	says viewer EDQUOT mirror $((4 * page)) r s
	seen
	same "$output" "limit 20480 bytes, used 16384, denied 1 times"
	looking quota --keep "$file" $((5 * page))
	[ "$(head -c 4096 "$file" | wc -c)" = 4096 ]
	run -1 head -c 1 "$file"
	seen
	same "$output" "limit 20480 bytes, used 20480, denied 2 times"
	"$progs/quota" "$file" 0
	looking quota "$mnt/${pid[source]}/map-0" 1000000
	"$progs/quota" "$file" 0
	[ "$(wc -c <"$file")" = $((8 * page)) ]
	seen
}

# shows PATTERN: read and fault once more, and look whether it is on the table
shows() {
	head -c 1 "$file" >"$dir/byte"
	says source ok advise "$a" $page dontneed
	ask viewer load "$m"
	grep -q "$1" "$dir/live"
}

@test "each goes on showing what is new, until it is told to stop" {
	scene 4 ro
	for words in 'how":"read audit' 'faults heat' 'used":[1-9] quota'; do
		arguments=("$file")
		[ "${words#* }" != quota ] || arguments+=(1000000)
		"$progs/${words#* }" --json "${arguments[@]}" >"$dir/live" 2>&1 3>&- &
		pid[live]=$!
		retry 60 shows "${words% *}"
		before=$(wc -c <"$dir/live")
		grew() { shows . && [ "$(wc -c <"$dir/live")" -gt "$before" ]; }
		retry 60 grew
		kill "${pid[live]}"
		wait "${pid[live]}"
		unset "pid[live]"
	done
}

@test "each says what it is about, and what is wrong with what it is told" {
	scene 1 ro
	for program in audit heat quota; do
		run -0 "$progs/$program" --help
		[[ $output == "Usage: $program [OPTION]... "* ]]
		run -2 "$progs/$program" --nonsense
		[[ $output == *"Try '$program --help'."* ]]
		bytes=(1)
		[ $program = quota ] || bytes=()
		run -1 "$progs/$program" "$mnt/none" "${bytes[@]}"
		same "$output" "$program: $mnt/none: No such file or directory"
	done
	run -1 "$progs/quota" /dev/null 1
	same "$output" "quota: /dev/null: its state: not a map file of a remotefs that has any"
	run -1 setpriv --reuid=1234 --clear-groups "$progs/audit" --once
	same "$output" "audit: audit.bpf.o: not permitted (this needs root, or CAP_BPF and CAP_PERFMON)"
	# Whoever may read the file may not lift its limit.
	run -1 setpriv --reuid=1234 --clear-groups --inh-caps=-all "$progs/quota" /dev/stdin 0 <"$file"
	[[ $output == "quota: /dev/stdin: "* ]]
}

@test "what a process calls itself does nothing to the terminal" {
	scene 1 ro
	evil=$dir/$'h\e[31m"\\'
	cp /usr/bin/head "$evil"
	looking audit --once
	"$evil" -c 1 "$file" >"$dir/byte"
	seen
	[[ $output == *' h?[31m"\ '* && $output != *$'\e'* ]]
	looking audit --json
	"$evil" -c 1 "$file" >"$dir/byte"
	seen
	[[ $output == *'"command":"h\u001b[31m\"\\"'* ]]
}
