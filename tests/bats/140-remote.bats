#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 120
# not on trixie in a whole run: debug is the same version, and checks itself
# shellcheck disable=SC2030,SC2031,SC2034,SC2086,SC2154,SC2206 # see mirror.bash
#
# Commands for the address space of a running process, which need nothing of it.

bats_require_minimum_version 1.5.0

# struct remotefs_remote_args.command, .flags, .prot
MMAP=1 MUNMAP=2 DISCARD=3
FIXED=1 REPLACE=2 EXPOSE=4 HUGE=8 NOHUGE=16
NONE=0 READ=1 RW=3
# .map_flags
WRITE=2 ZERO=16

setup() {
	load mirror
	mirror_setup
}

teardown() {
	mirror_teardown
}

# remote NAME COMMAND [FIELD=VALUE...]: get $answer, an address or an errno
remote() {
	local name=$1 all
	all=$("$progs/a-call" control "$mnt/control" mem "${pid[$name]}" rw attach remote command=$2 "${@:3}") || true
	all=${all##*$'\n'remote }
	answer=${all#OK }
	[[ $answer != 0x* ]] || answer=$((answer))
}

# mmap NAME PAGES [FIELD=VALUE...]: memory to be written, at $answer
mmap() { remote "$1" $MMAP prot=$RW length=$(($2 * page)) "${@:3}" && [ "$answer" -gt 0 ]; }

# remotely NAME ANSWER COMMAND FIELD=VALUE...
remotely() {
	remote "$1" "$3" "${@:4}"
	same "$answer" "$2"
}

# status NAME FIELD: in KiB, or whatever it is, as $answer
status() {
	answer=$(awk -v field="$2:" '$1 == field { print $2 }' "/proc/${pid[$1]}/status")
}

# mapping NAME ADDRESS: get $answer, "START END RIGHTS" of the mapping there, and
# its $flags; nothing if there is none
mapping() {
	local range rest rights start end
	answer='' flags=''
	while read -r range rights rest; do
		if [[ $range == *-* ]]; then
			start=$((16#${range%-*})) end=$((16#${range#*-}))
			[ $start -gt $2 ] || [ $end -le $2 ] || answer="$start $end ${rights% *}"
		elif [ "$answer" ] && [ "$range" = VmFlags: ]; then
			flags=" $rights $rest "
			return
		fi
	done <"/proc/${pid[$1]}/smaps"
}

# bats test_tags=X1,X2,X4
@test "memory that is mapped from outside is the process's own, zero, and of the protection asked for" {
	start_up source m-source
	mmap source 3
	a=$answer
	says source 3 touch $a $((3 * page))
	says source ok store $((a + page)) x
	says source x load $((a + page))
	remote source $MMAP prot=$READ length=$page
	says source 00 load $answer
	says source SIGSEGV store $answer x
	remote source $MMAP prot=$NONE length=$page
	says source SIGSEGV load $answer
}

# bats test_tags=X4
@test "a hint is followed where there is room, and elsewhere another place is found" {
	start_up source m-source
	ask source map 8
	a=$answer
	says source ok unmap $((a + 2 * page)) $((4 * page))
	remotely source $((a + 3 * page)) $MMAP prot=$RW length=$page address=$((a + 3 * page))
	mmap source 2 address=$a
	[ "$answer" != "$a" ]
	says source ok store $answer x
	says source 00 load $a
}

# bats test_tags=X4,C6
@test "FIXED maps where it is told to, or says EEXIST and leaves everything as it was" {
	start_up source m-source
	ask source map 8
	a=$answer
	says source ok fill $a $((8 * page)) s
	says source ok unmap $((a + 2 * page)) $((2 * page))
	for at in 1 3; do
		before=$(cat /proc/${pid[source]}/maps)
		remotely source EEXIST $MMAP flags=$FIXED prot=$RW address=$((a + at * page)) length=$((2 * page))
		same "$(cat /proc/${pid[source]}/maps)" "$before"
	done
	remotely source $((a + 2 * page)) $MMAP flags=$FIXED prot=$RW address=$((a + 2 * page)) length=$((2 * page))
	says source 2 touch $((a + 2 * page)) $((2 * page))
	says source s load $((a + page))
	says source s load $((a + 4 * page))
}

# bats test_tags=X4,M5
@test "REPLACE takes the place of anonymous memory, and its mirrors show what is there now" {
	scene 8 rw
	says viewer 0 touch $m $((8 * page))
	remotely source $((a + 2 * page)) $MMAP flags=$((FIXED | REPLACE)) prot=$RW \
		address=$((a + 2 * page)) length=$((3 * page))
	says viewer 3 touch $m $((8 * page))
	says source ok store $((a + 3 * page)) n
	says viewer n load $((m + 3 * page))
	says viewer a load $((m + page))
	# Where there is nothing it is as good as FIXED.
	says source ok unmap $a $page
	remotely source $a $MMAP flags=$((FIXED | REPLACE)) prot=$RW address=$a length=$page
	says viewer 00 load $m
}

# bats test_tags=X2,M4
@test "MUNMAP takes memory out of the middle, holes and all, and out of its mirrors" {
	scene 8 rw
	says viewer 0 touch $m $((8 * page))
	says source ok unmap $((a + 3 * page)) $page
	remotely source $((a + 2 * page)) $MUNMAP address=$((a + 2 * page)) length=$((3 * page))
	says source SIGSEGV load $((a + 2 * page))
	says source SIGSEGV load $((a + 4 * page))
	says source a load $((a + page))
	says source a load $((a + 5 * page))
	says viewer SIGBUS load $((m + 2 * page))
	says viewer a load $((m + 5 * page))
	# As munmap(2), it does not mind if there was nothing.
	remote source $MUNMAP address=$((a + 2 * page)) length=$((3 * page))
	same "$answer" $((a + 2 * page))
}

# bats test_tags=X2,M5
@test "DISCARD makes pages read zeros, in the process and in its mirrors, and nothing beside them" {
	scene 8 rw
	says viewer 0 touch $m $((8 * page))
	# Over two mappings.
	says source ok protect $((a + 4 * page)) $((4 * page)) r
	remotely source $((a + 3 * page)) $DISCARD address=$((a + 3 * page)) length=$((2 * page))
	says source 2 touch $a $((8 * page))
	says viewer 00 load $((m + 3 * page))
	says viewer 00 load $((m + 4 * page))
	says viewer a load $((m + 2 * page))
	says viewer a load $((m + 5 * page))
	remotely source EFAULT $DISCARD address=$((a + 7 * page)) length=$((2 * page))
	says viewer a load $((m + 7 * page))
}

# bats test_tags=X10
@test "EXPOSE makes memory and its file at once, and both sides share it from the beginning" {
	start_up source m-source
	start viewer m-viewer
	mmap source 4 flags=$EXPOSE map_flags=$WRITE mode=0640
	a=$answer
	file=$mnt/${pid[source]}/map-0
	same "$(stat -c '%s %a' $file)" "$((4 * page)) 640"
	says viewer ok open $file rw
	ask viewer mirror $((4 * page)) rw s
	m=$answer
	says viewer ok store $((m + page)) v
	says source v load $((a + page))
	says source ok store $((a + 3 * page)) s
	says viewer s load $((m + 3 * page))
	remotely source $((a + page)) $DISCARD address=$((a + page)) length=$page
	says viewer 00 load $((m + page))
	remotely source $a $MUNMAP address=$a length=$((4 * page))
	says viewer SIGBUS load $m
}

# bats test_tags=X10,C15,C5
@test "what EXPOSE makes belongs to the session as any file does: ephemeral, locked, limited" {
	start_up source m-source
	call=("$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw)
	expose=(remote command=$MMAP flags=$EXPOSE prot=$RW length=$page)
	run -0 "${call[@]}" attach flags=1 "${expose[@]}" sh "ls $mnt/${pid[source]}"
	same "${lines[-1]}" map-0
	[ ! -e "$mnt/${pid[source]}/map-0" ]
	run -0 "${call[@]}" attach "${expose[@]}" lock map=1 flags=1 "${expose[@]}"
	for i in 1 2; do
		run -1 "${call[@]}" attach unmap map=$i length=$page
		same "${lines[-1]}" "unmap EPERM"
	done
	mount -o remount,max_maps=2 "$mnt"
	before=$(cat /proc/${pid[source]}/maps)
	run -1 "${call[@]}" attach "${expose[@]}"
	same "${lines[-1]}" "remote ENOSPC"
	same "$(cat /proc/${pid[source]}/maps)" "$before"
}

# bats test_tags=X5
@test "a process that is stopped gets its memory all the same, and is not traced" {
	start_up source m-source
	kill -STOP "${pid[source]}"
	retry 20 grep -q 'State:.*T (stopped)' "/proc/${pid[source]}/status"
	mmap source 2 flags=$EXPOSE map_flags=$WRITE
	a=$answer
	status source TracerPid
	same "$answer" 0
	echo hello | dd of="$mnt/${pid[source]}/map-0" conv=notrunc status=none
	remotely source $((a + page)) $MUNMAP address=$((a + page)) length=$page
	grep -q 'State:.*T (stopped)' "/proc/${pid[source]}/status"
	kill -CONT "${pid[source]}"
	says source h load $a
	says source SIGSEGV load $((a + page))
}

# bats test_tags=X3,C2
@test "a session without write authority commands nothing, and exposes what it could before" {
	start_up source m-source
	ask source map 4
	a=$answer
	for command in $MMAP $MUNMAP $DISCARD; do
		run -1 "$progs/a-call" control "$mnt/control" mem "${pid[source]}" r attach \
			remote command=$command address=$a length=$page
		same "${lines[-1]}" "remote EACCES"
	done
	run -0 "$progs/a-call" control "$mnt/control" mem "${pid[source]}" r attach map flags=1 address=$a length=$page
	says source 4 touch $a $((4 * page))
}

# limit NAME RESOURCE BYTES
limit() { prlimit --pid "${pid[$1]}" "--$2=$3:$3"; }

# bats test_tags=X3
@test "RLIMIT_AS of the target holds to the page, whatever the caller may have" {
	start_up source m-source
	status source VmSize
	limit source as $(((answer << 10) + 4 * page))
	before=$(cat /proc/${pid[source]}/maps)
	remotely source ENOMEM $MMAP prot=$RW length=$((5 * page))
	same "$(cat /proc/${pid[source]}/maps)" "$before"
	mmap source 3
	a=$answer
	mmap source 1
	remotely source ENOMEM $MMAP prot=$NONE length=$page
	# In the place of other memory, and after some was unmapped, there is room.
	remotely source $a $MMAP flags=$((FIXED | REPLACE)) prot=$RW address=$a length=$((3 * page))
	remotely source $a $MUNMAP address=$a length=$page
	mmap source 1
	remotely source ENOMEM $MMAP prot=$NONE length=$page
}

# bats test_tags=X3
@test "RLIMIT_DATA of the target holds to the page, for memory that can be written" {
	start_up source m-source
	status source VmData
	limit source data $(((answer << 10) + 2 * page))
	remotely source ENOMEM $MMAP prot=$RW length=$((3 * page))
	mmap source 2
	remotely source ENOMEM $MMAP prot=$RW length=$page
	remote source $MMAP prot=$READ length=$((8 * page))
	[ "$answer" -gt 0 ]
}

# bats test_tags=X3
@test "a target that locks its memory gets locked memory, up to its own RLIMIT_MEMLOCK" {
	start_up source m-source
	limit source memlock $((4 * page))
	says source ok lockall
	mmap source 3
	a=$answer
	mapping source $a
	[[ "$flags" == *" lo "* ]]
	status source VmLck
	same "$answer" 12
	ask source frame $((a + 2 * page))
	[ "$answer" != none ]
	# The caller is root, who may lock what it likes of its own.
	remotely source EAGAIN $MMAP prot=$RW length=$((2 * page))
	remotely source EBUSY $DISCARD address=$a length=$page
	mmap source 1
	remotely source EAGAIN $MMAP prot=$RW length=$page
	remotely source $a $MUNMAP address=$a length=$((3 * page))
	status source VmLck
	same "$answer" 4
}

# bats test_tags=X3
@test "vm.max_map_count and the lowest address hold for a command of root's" {
	start_up source m-source
	remotely source EPERM $MMAP flags=$FIXED prot=$RW address=0 length=$page
	old=$(</proc/sys/vm/mmap_min_addr)
	echo 65536 >/proc/sys/vm/mmap_min_addr
	remotely source EPERM $MMAP flags=$FIXED prot=$RW address=$page length=$page
	echo "$old" >/proc/sys/vm/mmap_min_addr
	old=$(</proc/sys/vm/max_map_count)
	echo $(($(wc -l </proc/${pid[source]}/maps) + 2)) >/proc/sys/vm/max_map_count
	# Alternating, so that none is joined to its neighbour.
	for i in {1..9}; do
		remote source $MMAP prot=$((i % 2)) length=$page
		[[ $answer != E* ]] || break
	done
	echo $old >/proc/sys/vm/max_map_count
	same "$answer" ENOMEM
	[ $i -gt 2 ]
}

# bats test_tags=X3
@test "strict overcommit binds a command, and root's reserve is not for it" {
	start_up source m-source
	echo 2 >/proc/sys/vm/overcommit_memory
	remote source $MMAP prot=$RW length=$((1 << 40))
	big=$answer
	free=$(awk '/CommitLimit/ { limit = $2 } /Committed_AS/ { used = $2 } END { print limit - used }' /proc/meminfo)
	# Not even the administrator's eight MiB, of which this leaves one.  To write that
	# once more adds up what each processor has counted for itself.
	echo 2 >/proc/sys/vm/overcommit_memory
	remote source $MMAP prot=$RW length=$(((free - 1024) * 1024 / page * page))
	near=$answer
	echo 0 >/proc/sys/vm/overcommit_memory
	same "$big $near" "ENOMEM ENOMEM"
}

# bats test_tags=X3
@test "what is mapped and touched from outside is charged to the target's control group" {
	start_up source m-source
	mount -t cgroup2 none "$dir/cgroup" 2>/dev/null || { mkdir "$dir/cgroup" && mount -t cgroup2 none "$dir/cgroup"; }
	echo +memory >"$dir/cgroup/cgroup.subtree_control"
	mkdir "$dir/cgroup/target"
	echo ${pid[source]} >"$dir/cgroup/target/cgroup.procs"
	before=$(awk '$1 == "anon" { print $2 }' "$dir/cgroup/target/memory.stat")
	limit source memlock unlimited
	says source ok lockall
	mmap source 1024
	after=$(awk '$1 == "anon" { print $2 }' "$dir/cgroup/target/memory.stat")
	tables=$(awk '$1 == "pagetables" { print $2 }' "$dir/cgroup/target/memory.stat")
	# Each hole makes one mapping more; some hundred bytes of the kernel's.
	slab_before=$(awk '$1 == "slab" { print $2 }' "$dir/cgroup/target/memory.stat")
	holes=()
	for i in {1..300}; do
		holes+=(remote command=$MUNMAP address=$((answer + 2 * i * page)) length=$page)
	done
	"$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw attach "${holes[@]}" >/dev/null
	slab=$(awk '$1 == "slab" { print $2 }' "$dir/cgroup/target/memory.stat")
	stop source
	retry 20 rmdir "$dir/cgroup/target"
	umount "$dir/cgroup"
	[ $((after - before)) -ge $((1024 * page)) ]
	[ "$tables" -ge $page ]
	echo "$slab_before $slab"
	[ $((slab - slab_before)) -ge $((300 * 100)) ]
}

# bats test_tags=X2,X4
@test "NOHUGE and HUGE advise new memory, and never what the process has beside it" {
	start_up source m-source
	ask source map 1024
	beside=$answer
	mapping source $beside
	[[ "$flags" != *" hg "* && "$flags" != *" nh "* ]]
	remote source $MMAP flags=$HUGE prot=$RW length=$huge
	a=$answer
	mapping source $a
	same "${answer% *}" "$a $((a + huge))"
	[[ "$flags" == *" hg "* ]]
	# Again, so that there is a neighbour whom it may not join unasked.
	remote source $MMAP prot=$RW length=$huge
	mapping source $answer
	[[ "$flags" != *" hg "* ]]
	# Beside memory that is alike there can be none of its own.
	mmap source 3
	b=$answer
	remotely source $((b + 2 * page)) $MUNMAP address=$((b + 2 * page)) length=$page
	remotely source EBUSY $MMAP flags=$((FIXED | HUGE)) prot=$RW address=$((b + 2 * page)) length=$page
	says source SIGSEGV load $((b + 2 * page))
	mapping source $b
	[[ "$answer" == *" $((b + 2 * page)) "* && "$flags" != *" hg "* ]]
	run "$progs/a-call" control "$mnt/control" features features=0x180
	if [ "${lines[-1]}" = "features OK 0x180" ]; then
		remote source $MMAP flags=$NOHUGE prot=$RW length=$huge
		mapping source $answer
		[[ "$flags" == *" nh "* ]]
	else
		remotely source EOPNOTSUPP $MMAP flags=$NOHUGE prot=$RW length=$huge
	fi
	mapping source $beside
	[[ "$flags" != *" hg "* && "$flags" != *" nh "* ]]
}

# bats test_tags=X2,C6,M4
@test "memory of any other kind is neither unmapped nor replaced nor discarded" {
	start_up source m-source
	ask source map 16
	a=$answer
	says source ok fill $a $((16 * page)) a
	for kind in f s m; do
		ask source special $kind $((a + 4 * page)) $page
		[ "$answer" = ok ] || [ $kind = m ]
		[ "$answer" = ok ] || continue
		for step in "$MUNMAP" "$DISCARD" "$MMAP flags=$((FIXED | REPLACE)) prot=$RW"; do
			before=$(cat /proc/${pid[source]}/maps)
			remotely source EFAULT $step address=$((a + 3 * page)) length=$((3 * page))
			same "$(cat /proc/${pid[source]}/maps)" "$before"
			says source 0 touch $a $((4 * page))
		done
		says source $((a + 4 * page)) mapat $((a + 4 * page)) 1
		says source ok fill $((a + 4 * page)) $page a
	done
	# What the kernel itself maps into each process.
	ask source vdso
	a=$answer
	remotely source EFAULT $MUNMAP address=$a length=$page
	remotely source EFAULT $DISCARD address=$a length=$page
	remotely source EFAULT $MMAP flags=$((FIXED | REPLACE)) prot=$RW address=$a length=$page
}

# bats test_tags=X2,M20
@test "a mirror of a map file is not taken away: ELOOP, and it shows what it showed" {
	scene 4 rw
	for step in "$MUNMAP" "$DISCARD" "$MMAP flags=$((FIXED | REPLACE)) prot=$RW"; do
		remotely viewer ELOOP $step address=$m length=$((2 * page))
		says viewer a load $m
	done
	# And the viewer's memory is shared as that of any other process.
	mmap viewer 1 flags=$EXPOSE map_flags=$WRITE
	says viewer ok store $answer w
	same "$(head -c 1 "$mnt/${pid[viewer]}/map-0")" w
	says viewer a load $m
}

# bats test_tags=X3,E1
@test "a watcher is told of what a command does, as of what the process does itself" {
	scene 4 rw
	run -0 "$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw attach watch \
		watch_add start=$a end=$((a + page)) cookie=1 watch_add start=$((a + page)) end=$((a + 2 * page)) cookie=2 \
		remote command=$DISCARD address=$a length=$page events \
		remote command=$MUNMAP address=$((a + page)) length=$page events
	same "${lines[-3]} ${lines[-1]}" "events OK 1 empty events OK 2 empty"
}

# bats test_tags=P5,X1
@test "after execve, of a set-user-ID program or not, no command of the session does anything" {
	install -m 4755 "$progs/m-source" "$dir/setuid"
	for program in "" "$dir/setuid"; do
		start_up source m-source
		ask source map 4
		a=$answer
		# The new program has the same memory at the same place.
		run -1 "$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw attach \
			sh "echo exec $program >$dir/source.in; head -n 1 <$dir/source.out; echo mapat $a 4 >$dir/source.in; head -n 1 <$dir/source.out" \
			sh "cat /proc/${pid[source]}/maps >$dir/before" \
			remote command=$MMAP prot=$RW length=$page remote command=$MMAP flags=$EXPOSE prot=$RW length=$page \
			remote command=$MUNMAP address=$a length=$page remote command=$DISCARD address=$a length=$page
		same "${lines[*]:3:2}" "ok $a"
		same "${lines[*]:5}" "remote ESRCH remote ESRCH remote ESRCH remote ESRCH"
		same "$(<"$dir/before")" "$(cat "/proc/${pid[source]}/maps")"
		[ ! -e "$mnt/${pid[source]}" ]
		stop source
		rm "$dir"/source.*
	done
}

# bats test_tags=X1
@test "commands of a session end with the process, whose memory the session does not hold" {
	start_up source m-source
	ask source map 32768
	a=$answer
	says source ok fill $a $((32768 * page)) x
	# 128 MiB, and half of it is proof enough.
	free() { awk '$1 == "MemFree:" { print $2 }' /proc/meminfo; }
	before=$(free)
	run -1 "$progs/a-call" control "$mnt/control" mem "${pid[source]}" rw attach \
		remote command=$MMAP prot=$RW length=$page \
		sh "kill -9 ${pid[source]}; while grep -q VmSize /proc/${pid[source]}/status; do sleep 0.05; done 2>$dir/gone" \
		remote command=$MMAP prot=$RW length=$page remote command=$DISCARD address=$a length=$page \
		sh "for i in \$(seq 100); do awk '\$1 == \"MemFree:\" && \$2 > $((before + 65536)) { exit 1 }' /proc/meminfo || break; sleep 0.1; done; [ \$i -lt 100 ] && echo freed"
	same "${lines[*]:4}" "remote ESRCH remote ESRCH freed"
}
