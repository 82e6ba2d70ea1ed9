#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# demo.sh [--shell]: remotefs at work on a redis-server, inside a guest.
#
# Every line that starts with "$" is a command that really runs; what follows
# it is what it really printed.  The exit status is 0 only if each of the five
# steps did what it says.  With --shell, stop after the second step and give
# the user a shell.

set -uo pipefail

secret=the-cat-sleeps-at-noon
second=the-dog-sleeps-at-dusk
rule="rule secret { strings: \$text = \"$secret\" condition: \$text }"
ctl=/run/remotefsd/ctl

step() { printf '\n== %s\n\n' "$*"; }
fail() { printf '\nthe demo failed: %s\n' "$*" && exit 1; }

# show COMMAND: print it, run it in this shell, and keep its output in $shown.
show() {
	printf '$ %s\n' "$1"
	eval "$1" >/tmp/shown 2>&1
	local status=$?
	head -n 40 /tmp/shown
	shown=$(</tmp/shown)
	return "$status"
}

# prints PATTERN COMMAND: show it; it must succeed and print the pattern.
prints() {
	if ! show "$2" || ! grep -q -e "$1" <<<"$shown"; then
		fail "this went wrong: $2"
	fi
}

until_true() {
	local left=100
	until eval "$1" >/tmp/tried 2>&1; do
		[ $((left -= 1)) -gt 0 ] || fail "this never came true: $1"
		sleep 0.1
	done
}

# One command, one answer, over one open control file.
tell() {
	printf '$ echo "%s" >%s   (and read the answer from it)\n' "$*" "$ctl"
	exec 3<>"$ctl" || fail "$ctl does not open"
	echo "$*" >&3 || fail "the command was refused"
	shown=$(cat <&3)
	exec 3>&-
	printf '%s\n' "$shown"
	[[ $shown != error:* ]] || fail "the command was refused"
}

mount_all() {
	step "1. The filesystem and its daemon"
	show 'mkdir -p /run/remotefs && mount -t remotefs none /run/remotefs' || fail "mount"
	show 'grep remotefs /proc/mounts' || fail "nothing is mounted"
	printf '$ remotefsd &\n'
	remotefsd &
	until_true "test -e $ctl"
	show 'ls -l /run/remotefs /run/remotefsd' || fail "no control files"
}

start_redis() {
	step "2. A program that knows nothing of all this, with a secret in its memory"
	show 'redis-server --save "" --appendonly no --daemonize yes --logfile /tmp/redis.log' ||
		fail "redis-server"
	until_true 'redis-cli ping'
	prints '^OK$' "redis-cli set password $secret"
	show 'pidof redis-server' || fail "redis-server is not running"
	pid=$shown
}

# The file among the given ones that holds the secret.
find_secret() {
	show "cd /run/remotefs/$pid && ls -l" || fail "no directory of $pid"
	show "grep -la $secret $*" || fail "no file holds the secret"
	file=$(head -n 1 <<<"$shown")
	offset=$(grep -abo "$secret" "$file" | head -n 1 | cut -d: -f1)
}

read_as_files() {
	step "3. Its memory as files, for any program that reads files"
	tell "add $pid anon"
	find_secret 'map-*'
	show "grep '^$pid/$file ' /run/remotefsd/ranges" || fail "the daemon does not list $file"

	prints "$secret" "strings $file | grep $secret"
	prints the-cat "xxd -s $offset -l 48 $file"
	prints "^$secret$" "dd if=$file bs=1 skip=$offset count=${#secret} status=none; echo"
	# The rest of the file may change as redis lives on, so redis is held
	# still while two tools are compared.
	show "kill -STOP $pid; cp $file /tmp/copy; sha256sum <$file; sha256sum </tmp/copy; kill -CONT $pid"
	[ "$(uniq <<<"$shown" | wc -l)" = 1 ] || fail "cp and sha256sum see different bytes"
	printf '%s\n' "$rule" >/tmp/rule.yar
	prints '^secret ' "yara -s /tmp/rule.yar $file"
}

see_change() {
	printf '\nA mapping stays true: it is the same page, not a copy.\n\n'
	cat >/tmp/watch.py <<-'END'
		import mmap, os, sys, time
		text, maps = sys.argv[1].encode(), []
		for name in sys.argv[2:]:
		    fd = os.open(name, os.O_RDONLY)
		    maps.append((name, mmap.mmap(fd, os.fstat(fd).st_size, mmap.MAP_SHARED, mmap.PROT_READ)))
		print("mapped, found now:", [n for n, m in maps if m.find(text) >= 0], flush=True)
		until = time.time() + 30
		while time.time() < until:
		    for name, memory in maps:
		        at = memory.find(text)
		        if at >= 0:
		            print(f"found in {name} at {at}")
		            sys.exit()
		sys.exit("not found")
	END
	printf '$ python3 watch.py %s map-* &\n' "$second"
	python3 /tmp/watch.py "$second" map-* >/tmp/watched 2>&1 &
	local watcher=$!
	until_true 'grep -q mapped /tmp/watched'
	cat /tmp/watched
	prints '^OK$' "redis-cli set password2 $second"
	wait "$watcher" || fail "the open mapping does not show it: $(cat /tmp/watched)"
	tail -n 1 /tmp/watched
}

write_memory() {
	step "4. A writable range: bytes written into the file are the program's"
	tell "revoke $pid"
	tell "add $pid anon rw"
	find_secret 'map-*'
	show "grep -abo $secret $file" || fail "grep"
	local at places written=THE-CAT-IS-OUT-OF-BAGS
	# Redis keeps more than one copy of what it was told; the value is one.
	mapfile -t places < <(cut -d: -f1 <<<"$shown")
	for at in "${places[@]}"; do
		show "printf %s $written | dd of=$file bs=1 seek=$at conv=notrunc status=none" || fail "dd"
	done
	prints "^$written$" 'redis-cli get password'
}

take_away() {
	step "5. Taking it away"
	exec 4<"$file"
	show "head -c 16 <&4 | xxd" || fail "the file does not read"
	show "rm $file" || fail "rm"
	show "cat <&4 >/dev/null"
	[[ $shown == *'Stale file handle'* ]] || fail "the file still reads"
	exec 4<&-
	show "kill $pid" || fail "kill"
	cd /
	until_true "! test -e /run/remotefs/$pid"
	show 'ls /run/remotefs'
	! grep -qx "$pid" <<<"$shown" || fail "the directory of $pid is still there"
}

mount_all
start_redis
if [ "${1-}" = --shell ]; then
	printf '\nTry:  exec 3<>%s; echo "add %s anon" >&3; cat <&3; ls -l /run/remotefs/%s\n' \
		"$ctl" "$pid" "$pid"
	printf 'The secret is "%s".  Leave with exit.\n\n' "$secret"
	cd /run/remotefs && exec bash -i
fi
read_as_files
see_change
write_memory
take_away
printf '\nAll five steps happened.\n'
