#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# seconds: 150
# not on trixie in a whole run: debug is the same version, and checks itself
#
# Watchers: what they tell of memory, their own or another's, and when.

# What helpers set is not seen by shellcheck, and numbers need no quotes.
# shellcheck disable=SC2154,SC2086
bats_require_minimum_version 1.5.0

setup_file() {
	load mirror
	swap_begin
	khugepaged_rests
}

teardown_file() {
	load mirror
	khugepaged_goes_on
	swap_end
}

setup() {
	load mirror
	load race
	race_begin
	mirror_setup
}

teardown() {
	race_teardown
}

# watching PAGES [QUEUE]: a process that watches its own memory, PAGES at $a, as cookie 1
watching() {
	start self m-watcher
	ask self map "$1"
	a=$answer
	says self ok fill "$a" $(($1 * page)) a
	says self 0 watch "$mnt/control" self ${2-}
	says self ok add "$a" $(($1 * page)) 1
}

# other PAGES: the same of a source, watched by another process
other() {
	start source m-source
	ask source map "$1"
	a=$answer
	says source ok fill "$a" $(($1 * page)) a
	start watcher m-watcher
	says watcher 0 watch "$mnt/control" "${pid[source]}"
	says watcher ok add "$a" $(($1 * page)) 1
}

# A source of 4 pages at $a, which is to stop in the midst of its next
# invalidation, and another process that has a watcher of it, without watches.
midst_scene() {
	start source m-source
	ask source map 4
	a=$answer
	says source ok fill "$a" $((4 * page)) a
	# First: what is armed later is told earlier.
	echo "arm midst ${pid[source]}" >"$rendezvous"
	start watcher m-watcher
	says watcher 0 watch "$mnt/control" "${pid[source]}"
}

# The source discards its first page, and is in the midst of it.
discard_begins() {
	begin source advise "$a" $page dontneed
	retry 20 is_paused source
}

# tells RECORD COMMAND...: what the process does is told so, and nothing else
tells() {
	local record=$1
	shift
	ask self "$@"
	[[ $answer == ok || $answer =~ ^[0-9]+$ ]] || fail "$*: $answer"
	says self "$record; empty" all
	says self EAGAIN next
}

# bats test_tags=E1,E5
@test "a record names the watch, what happened, and where to the byte" {
	watching 8
	tells "1 unmap $((a + page)) $page" unmap $((a + page)) $page
	says self ok add $((a + 2 * page + 5)) 100 77
	tells "1 clear $((a + 2 * page)) $page; 77 clear $((a + 2 * page + 5)) 100" advise $((a + 2 * page)) $page dontneed
	# A part of the watch, and a part of what was unmapped.
	tells "1 unmap $((a + 6 * page)) $((2 * page))" unmap $((a + 6 * page)) $((9 * page))
}

# bats test_tags=E1
@test "memory beside a watch, and a byte beside it, is nobody's affair" {
	watching 1
	ask self map 8
	b=$answer
	says self ok fill "$b" $((8 * page)) b
	says self ok add $((b + page)) $page 2
	says self ok advise "$b" $page dontneed
	says self ok unmap $((b + 2 * page)) $page
	says self EAGAIN next
	says self no moved
	tells "2 clear $((b + page)) $page" advise "$b" $((2 * page)) dontneed
}

# bats test_tags=E5
@test "each kind of invalidation has its name" {
	watching 8
	tells "1 protect $a $page" protect "$a" $page r
	tells "1 clear $a $page" advise "$a" $page dontneed
	ask self map 8
	b=$answer
	tells "1 unmap $((a + page)) $page" remap $((a + page)) $page $page "$b"
	says self ok del 1
	says self ok add "$b" $page 2
	# Only what is mapped can become clean.
	says self ok fill "$b" $page b
	says self EAGAIN next
	echo 4 >"/proc/${pid[self]}/clear_refs"
	ask self all
	[[ $answer == "2 soft-dirty $b $page; empty" ]] || fail "$answer"
}

# bats test_tags=E5,E16
@test "what others do to memory is told: copying after a fork, reclaim, merging, collapse" {
	watching $((huge / page))
	says self ok advise "$a" $huge nohuge
	says self ok del 1
	says self ok add "$a" $page 1
	fork_of self child
	ask self drain
	# The child keeps the page, and we get a copy.
	says self ok store "$a" b
	says self "1 clear $a $page; empty" all
	stop child
	reclaimed() {
		says self ok advise "$a" $page pageout && ask self all || return
		[[ $answer == "1 clear $a $page; empty" ]] || not_batched
	}
	retry 20 reclaimed
	says self ok fill "$a" $huge c
	says self EAGAIN next
	# Another task, which this address space knows nothing of.
	says self ok advise "$a" $huge mergeable
	ask self drain
	echo 1000 >/sys/kernel/mm/ksm/pages_to_scan
	echo 1 >/sys/kernel/mm/ksm/run
	merged() { ask self all && [[ $answer == *"1 clear $a $page; empty" || $answer == *"1 clear+protect $a $page; empty" || $answer == "1 protect+clear $a $page; empty" ]]; }
	retry 30 merged
	echo 2 >/sys/kernel/mm/ksm/run
	ask self drain
}

# bats test_tags=E5,E16
@test "a collapse to a huge page is told to whoever watches a part of it" {
	watching $((huge / page))
	says self ok advise "$a" $huge nohuge
	says self ok advise "$a" $huge dontneed
	says self ok fill "$a" $huge a
	says self ok advise "$a" $huge huge
	says self ok add $((a + 5 * page)) $page 5
	says self ok del 1
	says self ok advise "$a" $huge collapse
	says self "5 clear $((a + 5 * page)) $page; empty" all
}

# bats test_tags=E4
@test "what is not read grows: by its neighbour exactly, or to the whole watch" {
	watching 8
	says self ok advise "$a" $page dontneed
	tells "1 protect+clear $a $((2 * page))" protect $((a + page)) $page r
	says self ok advise $((a + page)) $page dontneed
	tells "1 clear $a $((8 * page)) whole" advise $((a + 5 * page)) $page dontneed
	says self ok advise $((a + 4 * page)) $((2 * page)) dontneed
	tells "1 clear $((a + 3 * page)) $((4 * page))" advise $((a + 3 * page)) $((4 * page)) dontneed
}

# bats test_tags=E2
@test "a read gives whole records, as many as fit, and nothing less" {
	watching 8
	says self ok add "$a" $page 2
	says self ok add "$a" $page 3
	says self EINVAL raw 0
	says self EINVAL raw 47
	says self EAGAIN raw 48
	says self ok advise "$a" $page dontneed
	says self EINVAL raw 47
	says self 48 raw 95
	says self 96 raw 143
	# And the one that says that these are all.
	says self 48 raw 4096
	says self EAGAIN raw 4096
}

# bats test_tags=E3
@test "a read without O_NONBLOCK waits for a record" {
	other 4
	begin watcher wait
	retry 20 is_in watcher remotefs_watch_read
	says source ok unmap "$a" $page
	answers watcher "1 unmap $a $page"
	says watcher empty wait
	begin watcher wait
	retry 20 is_in watcher remotefs_watch_read
	stop source
	answers watcher "gone exit"
	says watcher "0 bytes" wait
	says watcher "0 bytes" next
}

# bats test_tags=E3
@test "a signal ends a read that waits, and takes nothing away" {
	other 4
	says watcher ok signal usr1
	begin watcher wait
	retry 20 is_in watcher remotefs_watch_read
	kill -USR1 "${pid[watcher]}"
	answers watcher EINTR
	says source ok unmap "$a" $page
	says watcher "1 unmap $a $page; empty" all
}

# bats test_tags=E3
@test "poll, epoll and SIGIO agree with what read would do" {
	other 4
	says watcher no ready
	says watcher ok signal io
	says source ok unmap "$a" $page
	says watcher "in" ready
	got_signal() { ask watcher signals && [ "$answer" -ge 1 ]; }
	retry 20 got_signal
	says watcher "1 unmap $a $page" next
	# There is still to be said that this was all.
	says watcher "in" ready
	says watcher empty next
	says watcher no ready
	begin watcher select
	says source ok unmap $((a + page)) $page
	answers watcher "in"
	ask watcher all
	stop source
	says watcher "in hup" select
	says watcher "gone exit" next
	says watcher "in hup" ready
}

# bats test_tags=E4
@test "beyond the queue's length all is stale, and what is queued stays" {
	watching 16 2
	says self ok del 1
	says self ok fence "$a" $page 8
	says self ok advise "$a" $((3 * page)) dontneed
	says self ok advise $((a + 4 * page)) $page dontneed
	# It can still grow.
	says self ok protect "$a" $page r
	says self "0 protect+clear $a $page; 1 clear $((a + page)) $page; stale; empty" all
	says self EAGAIN next
	says self ok advise $((a + 5 * page)) $page dontneed
	says self "5 clear $((a + 5 * page)) $page; empty" all
}

# bats test_tags=E4
@test "a record that cannot be stored where the reader wants it is not lost" {
	watching 4
	says self ok advise "$a" $page dontneed
	says self EFAULT raw 48 16
	says self "stale; empty" all
	says self EAGAIN next
}

# bats test_tags=E4,A3
@test "a mount and a user have so many watches, and closing gives them back" {
	mount -o remount,max_watches=5,max_user_watches=3 "$mnt"
	watching 4
	says self ok add "$a" $page 2
	says self EEXIST add "$a" $page 2
	says self ok add "$a" $page 3
	says self ENOSPC add "$a" $page 4
	says self 1 watch "$mnt/control"
	says self ENOSPC add "$a" $page 1
	says self ok use 0
	says self ok advise "$a" $page dontneed
	says self ok close
	says self ok use 1
	says self ok fence "$a" $page 3
	mount -o remount,max_watches=2 "$mnt"
	says self ok del 0
	says self ok del 1
	says self ok add "$a" $page 7
	says self ENOSPC add "$a" $page 8
}

# bats test_tags=E6
@test "a watch outlives what it told: refilling is silent, the next time it tells again" {
	watching 2
	tells "1 unmap $a $page" unmap "$a" $page
	ask self mapat "$a" 1
	says self ok fill "$a" $page b
	says self EAGAIN next
	tells "1 clear $a $page" advise "$a" $page dontneed
	says self ok fill "$a" $page c
	says self EAGAIN next
	tells "1 unmap $a $page" unmap "$a" $page
	# There is nothing to unmap, and nobody to tell.
	says self EAGAIN next
}

# bats test_tags=E7,E8
@test "a cookie is one watch's, and with it its record goes" {
	watching 4
	says self EEXIST add $((a + page)) $page 1
	says self ok add "$a" $page 18446744073709551615
	says self ENOENT del 2
	says self ok advise "$a" $page dontneed
	says self ok del 1
	says self "18446744073709551615 clear $a $page; empty" all
	says self ENOENT del 1
	says self ok advise "$a" $page dontneed
	says self "18446744073709551615 clear $a $page; empty" all
	says self ok add $((a + page)) $page 1
	tells "1 clear $((a + page)) $page" advise $((a + page)) $page dontneed
}

# bats test_tags=E13,E4
@test "ten thousand watches are told of one call, and none of what lies between them" {
	start self m-watcher
	ask self map 20000
	a=$answer
	says self ok advise "$a" $((20000 * page)) nohuge
	says self 0 watch "$mnt/control"
	says self ok fence "$a" $page 10000 $((2 * page))
	says self ok fill $((a + page)) $page b
	says self ok advise $((a + page)) $page dontneed
	says self ok unmap $((a + 19999 * page)) $page
	says self EAGAIN next
	says self no moved
	says self ok advise "$a" $((19999 * page)) dontneed
	says self 10000 drain
	says self ok advise $((a + 10000 * page)) $((9 * page)) dontneed
	says self 5 drain
}

# bats test_tags=E14
@test "the manual says that records come after the fact, and names what does not" {
	grep -qi asynchronous /usr/share/man/man5/remotefs.5
	grep -q userfaultfd /usr/share/man/man5/remotefs.5
}

# bats test_tags=E9
@test "a watcher closes with watches and records outstanding, its source alive or not" {
	other 4
	says watcher ok del 1
	says watcher ok fence "$a" $page 100 1
	says watcher 1 watch "$mnt/control" "${pid[source]}"
	says watcher ok fence "$a" $page 200 1
	says source ok advise "$a" $page dontneed
	says watcher ok close
	says source ok advise "$a" $page dontneed
	says watcher ok use 0
	ask watcher next
	[ "$answer" != EAGAIN ]
	stop source
	says watcher ok close
}

# bats test_tags=E10,P3
@test "nothing makes the page with the generation writable" {
	watching 1
	says self ok again r shared 1 0
	says self EACCES again rw shared 1 0
	says self EINVAL again rw private 1 0
	says self EINVAL again r private 1 0
	says self EPERM again rx shared 1 0
	says self EINVAL again r shared 2 0
	says self EINVAL again r shared 1 $page
	ask self page
	p=$answer
	says self EACCES protect "$p" $page rw
	says self EACCES protect "$p" $page rx
	says self SIGSEGV store "$p" x
	ask self force "$p"
	[[ $answer == EIO || $answer == EFAULT ]] || fail "$answer"
	says self EFAULT remap "$p" $page $((2 * page))
	says self no moved
}

# bats test_tags=E10,E11
@test "the generation moves when an invalidation begins and again when it ends, and only then all is told" {
	midst_scene
	says watcher ok add "$a" $page 1
	says watcher ok add $((a + 3 * page)) $page 2
	discard_begins
	says watcher yes moved
	says watcher no moved
	says watcher "1 clear $a $page" all
	# Who takes the page up again now gets the old one, and nobody calls that all.
	says watcher EAGAIN next
	says watcher no ready
	ends source ok
	says watcher yes moved
	says watcher "1 clear $a $page; empty" all
	says watcher yes valid
	says watcher EAGAIN next
}

# bats test_tags=E10,E11
@test "with a watch that comes in the midst of an invalidation nothing is all before its end" {
	midst_scene
	says watcher ok add $((a + 3 * page)) $page 2
	says watcher no moved
	discard_begins
	# Nothing of its memory is under way, but that is not known of the next one's.
	says watcher no moved
	says watcher ok add "$a" $page 1
	says watcher yes moved
	says watcher EAGAIN next
	says watcher no ready
	says watcher ok add $((a + 2 * page)) $page 3
	ends source ok
	says watcher yes moved
	says watcher "1 clear $a $page; empty" all
	says watcher yes valid
	# That of which nothing happened does not count as open for ever.
	says source ok advise $((a + 2 * page)) $page dontneed
	says watcher "3 clear $((a + 2 * page)) $page; empty" all
}

# bats test_tags=E3,E10
@test "the end of whatever was under way when a watch came wakes who waits for it" {
	midst_scene
	discard_begins
	says watcher ok add $((a + 2 * page)) $page 1
	begin watcher wait
	retry 20 is_in watcher remotefs_watch_read
	ends source ok
	answers watcher empty
	says watcher yes valid
}

# bats test_tags=E3,E5
@test "a source that dies in the midst of an invalidation is gone, whoever waits for what" {
	midst_scene
	discard_begins
	says watcher ok add "$a" $page 1
	kill -KILL "${pid[source]}"
	begin watcher wait
	go source
	hear watcher "a record, or the end"
	[ "$answer" = "1 clear $a $page" ] || same "$answer" "gone exit"
	stop source
	[ "$answer" = "gone exit" ] || says watcher "gone exit" wait
	says watcher ESRCH add "$a" $page 2
	says watcher "0 bytes" wait
}

# bats test_tags=E3
@test "who polls for the end of the source alone, or by another name for data, is woken, too" {
	# Whichever function it is that sleeps.
	polls() {
		local where
		read -r where <"/proc/${pid[watcher]}/wchan" || true
		[[ $where == *poll* ]]
	}
	other 4
	begin watcher select norm
	retry 20 polls
	says source ok advise "$a" $page dontneed
	answers watcher norm
	ask watcher all
	begin watcher select none
	retry 20 polls
	says source ok advise "$a" $page dontneed
	stop source
	answers watcher hup
}

# bats test_tags=E4,E10
@test "a record that was lost is told of even if another reader has heard that this was all" {
	watching 4
	says self ok advise "$a" $page dontneed
	says self no lose
	says self "stale; empty" all
	says self yes valid
}

# bats test_tags=E5,E3
@test "where a source ends and its memory does not, the next to ask tells all, once and for all" {
	start parent m-source
	ask parent map 4
	a=$answer
	says parent ok fill "$a" $((4 * page)) a
	mkfifo "$dir/go" "$dir/go.ready"
	begin parent vfork "$dir/go"
	read -r child <"$dir/go.ready"
	start watcher m-watcher
	says watcher 0 watch "$mnt/control" "$child"
	says watcher ok add "$a" $((4 * page)) 1
	start second m-watcher
	says second 0 watch "$mnt/control" "$child"
	# It waits before the source ends, so it does not find out by itself.
	begin second wait
	retry 20 is_in second '*watch*'
	echo x >"$dir/go"
	answers parent ok
	retry 20 executes "$child" sleep
	says parent ok advise "$a" $page dontneed
	kill -KILL "$child"
	reaped() { [ ! -e "/proc/$child" ]; }
	retry 20 reaped
	ask watcher wait
	[[ $answer == "1 clear $a $page" || $answer == gone* ]] || fail "$answer"
	[[ $answer == gone* ]] || ask watcher wait
	[[ $answer == gone* ]] || fail "$answer"
	hear second "gone"
	[[ $answer == gone* ]] || fail "$answer"
	# Its memory is still the parent's, and nothing comes after GONE.
	says parent ok advise "$a" $page dontneed
	says watcher "0 bytes" wait
	says watcher "in hup" ready
	says second "0 bytes" next
}

# bats test_tags=E8,E10
@test "a watch may go in the midst of an invalidation, and the others are told of its end" {
	midst_scene
	says watcher ok add "$a" $page 1
	says watcher ok add "$a" $page 2
	discard_begins
	says watcher ok del 1
	says watcher "2 clear $a $page" all
	says watcher EAGAIN next
	says watcher ok del 2
	# There is nothing left that could be under way.
	says watcher empty next
	ends source ok
	says watcher EAGAIN next
}

# bats test_tags=E5,E3
@test "a source's exit and its execve are told apart, and end all" {
	other 4
	ask source exec
	says watcher "gone exec" next
	says watcher "0 bytes" next
	says watcher ESRCH add "$a" $page 9
	says watcher ok del 1
	says watcher 1 watch "$mnt/control" "${pid[source]}"
	stop source
	says watcher "gone exit" wait
	says watcher "0 bytes" wait
	says watcher ESRCH add "$a" $page 9
}

# bats test_tags=E15
@test "a child has its parent's watcher, which tells of the parent's memory, and not the page" {
	watching 4
	ask self page
	p=$answer
	fork_of self child
	ask self drain
	says child SIGSEGV load "$p"
	says child ok advise "$a" $page dontneed
	says child EAGAIN next
	says self ok advise $((a + page)) $page dontneed
	says child "1 clear $((a + page)) $page; empty" all
	# Read once, for both.
	says self EAGAIN next
	says child ok add $((a + 2 * page)) $page 5
	tells "1 unmap $((a + 2 * page)) $page; 5 unmap $((a + 2 * page)) $page" unmap $((a + 2 * page)) $page
	# The parent's end, which the child sees.
	stop self
	says child "gone exit" wait
}

# bats test_tags=M26,E16
@test "whoever watches a mirror is told when its source's memory changes" {
	start source m-source
	ask source map 4
	a=$answer
	says source ok fill "$a" $((4 * page)) a
	expose source "$a" $((4 * page)) rw
	start viewer m-watcher
	says viewer 0 watch "$mnt/control"
	ask viewer mirror "$file" 4
	m=$answer
	says viewer a load "$m"
	says viewer ok add "$m" $((4 * page)) 1
	says source ok advise "$a" $page dontneed
	says viewer "1 clear $m $page; empty" all
}
