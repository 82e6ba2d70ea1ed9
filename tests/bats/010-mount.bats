#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Mounting through mount(8) and its helper.
#
# seconds: 180
# not on debug in a whole run: about programs of user land, for which that kernel takes ten minutes
# not on trixie in a whole run: bookworm and forky, the kernels before and after, say the same

# What start_source sets is not seen by shellcheck; single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
bats_require_minimum_version 1.5.0
load helpers

setup() {
	start_test
}

teardown() {
	if [ -e "$BATS_TEST_TMPDIR/fstab" ]; then
		umount /etc/fstab
	fi
	teardown_mount
}

# mount_refuses STATUS MESSAGE OPTIONS: and nothing is mounted
mount_refuses() {
	run -"$1" mount -t remotefs none "$M" -o "$3"
	[[ $output == *"$2"* ]]
	[ -z "$(test_mounts)" ]
}

# bats test_tags=U1
@test "mount loads the module when it is not there" {
	rmmod remotefs 2>/dev/null || true
	[ ! -e /sys/module/remotefs ]
	run -0 mount -t remotefs none "$M"
	[ -z "$output" ]
	[ "$(ls "$M")" = control ]
}

# bats test_tags=U1
@test "every message of the kernel reaches whoever mounts" {
	mount_refuses 32 "Unknown parameter 'bogus'" bogus=1
	mount_refuses 32 "max_maps=0: must be from 1 to" max_maps=0
	mount_refuses 32 "max_ranges=3000000000: must be from 1 to" max_ranges=3000000000
	mount_refuses 32 "mode=7777: only bits of 1777 may be set" mode=07777
	mount_refuses 32 "control_mode=777: only bits of 666 may be set" control_mode=0777
	mount_refuses 32 "no such user ID: 4294967295" uid=4294967295
	mount_refuses 32 "max_maps" max_maps=many
	mount_refuses 32 "max_user_maps=4294967295: must be from 0 to" max_user_maps=4294967295
	mount_refuses 32 "max_user_ranges=2147483648: must be from 0 to" max_user_ranges=2147483648
	mount_refuses 32 "max_watches=0: must be from 1 to" max_watches=0
	mount_refuses 32 "max_user_watches=2147483648: must be from 0 to" max_user_watches=2147483648
	mount_refuses 1 "unknown group 'nosuchgroup'" control_gid=nosuchgroup
}

# bats test_tags=U1,Z3
@test "who may not mount can make the kernel print nothing by bad options" {
	requires userns
	modprobe remotefs
	# By mount(2), which has no descriptor to say it through.
	run -32 unshare --user --map-root-user --mount env LIBMOUNT_FORCE_MOUNT2=always \
		mount -i -t remotefs none "$BATS_TEST_TMPDIR" -o mode=07777
	[[ $output == *"permission denied"* ]]
	kernel_kept_quiet
}

# bats test_tags=U1
@test "a user whom nobody knows is named" {
	run -1 mount.remotefs none "$M" -o uid=nosuchuser
	[ "$output" = "mount.remotefs: $M: unknown user 'nosuchuser'" ]
	# Newer releases of mount(8) find it out by themselves.
	run -1 mount -t remotefs none "$M" -o uid=nosuchuser
	[[ $output == *nosuchuser* ]]
}

# bats test_tags=U1
@test "the helper's own exit codes are those of mount(8)" {
	run -0 mount.remotefs --help
	[[ ${lines[0]} == Usage:* ]]
	run -0 mount.remotefs --version
	run -1 mount.remotefs none
	[[ $output == *"Try 'mount.remotefs --help'"* ]]
	run -1 mount.remotefs --frobnicate none "$M"
	run -1 mount.remotefs none "$M" -t ext4
	run -32 mount.remotefs none "$BATS_TEST_TMPDIR/nowhere"
	[[ $output == *"nowhere: No such file or directory"* ]]
	run -2 mount.remotefs none "$M" -N /proc/1/ns/pid
	run -1 as_user 1000 mount.remotefs none "$M"
	[ -z "$(test_mounts)" ]
}

# bats test_tags=U1
@test "the root's and the control file's owner and mode are options" {
	mount -t remotefs none "$M" -o uid=daemon,gid=12,mode=0751,control_gid=13,control_mode=0660
	[ "$(stat -c '%u %g %a' "$M")" = "1 12 751" ]
	[ "$(stat -c '%u %g %a' "$M/control")" = "0 13 660" ]
	umount "$M"
	mount -t remotefs none "$M"
	[ "$(stat -c '%u %g %a' "$M")" = "0 0 755" ]
	[ "$(stat -c '%u %g %a' "$M/control")" = "0 0 600" ]
}

# bats test_tags=U1
@test "only those whom its mode admits can open the control file" {
	mount -t remotefs none "$M" -o control_mode=0660,control_gid=1234
	run -1 as_user 1000 "$PROGS/a-call" control "$M/control"
	[ "$output" = "control EACCES" ]
	run -0 setpriv --reuid=1000 --regid=1234 --clear-groups "$PROGS/a-call" control "$M/control" features
}

# bats test_tags=U1,A3,C8
@test "max_maps and max_ranges give ENOSPC, and a revoke makes room" {
	setup_mount max_maps=2,max_ranges=4
	start_source s "$PROGS/a-source" 8
	session=(control "$M/control" mem "$s_pid" rw attach)
	run -0 call "${session[@]}" map flags=1 address="$s_address" length=4096 map flags=1 address="$s_address" length=4096
	refuses "${session[@]}" <<<"ENOSPC map flags=1 address=$s_address length=4096"
	run -0 call "${session[@]}" map address="$s_address" offset=4096 length=4096 allow length=4096
	refuses "${session[@]}" <<-EOT
		ENOSPC map address=$s_address offset=8192 length=4096
		ENOSPC allow offset=4096 length=4096
	EOT
	rm "$M/$s_pid/map-0"
	run -0 call "${session[@]}" map flags=1 address="$s_address" length=4096
}

# bats test_tags=U1
@test "a line in fstab is enough" {
	mkdir -p /run/remotefs
	cp /etc/fstab "$BATS_TEST_TMPDIR/fstab" 2>/dev/null || touch /etc/fstab "$BATS_TEST_TMPDIR/fstab"
	echo "none $M remotefs noauto,nofail,x-systemd.automount,mode=0750,max_maps=9 0 0" >>"$BATS_TEST_TMPDIR/fstab"
	mount --bind "$BATS_TEST_TMPDIR/fstab" /etc/fstab
	run -0 mount "$M"
	[[ $(findmnt -n -o OPTIONS "$M") == *max_maps=9* ]]
	[ "$(stat -c %a "$M")" = 750 ]
	run -0 umount "$M"
}

# bats test_tags=U1
@test "findmnt shows the type, the source and every option" {
	mount -t remotefs some-name "$M" -o nosuid,noexec,ro,mode=01777,control_gid=5,max_ranges=77,max_user_watches=88
	run -0 findmnt -n -o FSTYPE,SOURCE,OPTIONS "$M"
	[[ $output == "remotefs some-name "* ]]
	for option in ro nosuid noexec uid=0 gid=0 mode=1777 control_gid=5 control_mode=600 max_maps=65536 max_ranges=77 \
		max_watches=262144 max_user_watches=88; do
		[[ ,${output##* }, == *,$option,* ]]
	done
}

# bats test_tags=U1
@test "-f mounts nothing but checks the options, -n is accepted" {
	run -0 mount.remotefs none "$M" -f -o mode=0700
	[ -z "$(test_mounts)" ]
	run -32 mount.remotefs none "$M" -f -o bogus
	run -0 mount -f -t remotefs none "$M"
	[ -z "$(test_mounts)" ]
	run -0 mount.remotefs none "$M" -n
	[ -n "$(test_mounts)" ]
}

# bats test_tags=U1
@test "-s tolerates unknown options, but not bad values of known ones" {
	run -32 mount.remotefs none "$M" -s -o bogus=1,max_maps=0
	[[ $output == *"max_maps=0"* ]]
	run -0 mount.remotefs none "$M" -s -o bogus=1,mode=0700
	[ "$(stat -c %a "$M")" = 700 ]
}

# bats test_tags=A3,C8
@test "max_user_maps and max_user_ranges limit each user, and root like any other" {
	setup_mount control_mode=0666,max_user_maps=1,max_user_ranges=2
	[[ $(findmnt -n -o OPTIONS "$M") == *max_maps=65536,max_user_maps=1,max_ranges=262144,max_user_ranges=2,max_watches=262144* ]]
	start_source s "$PROGS/a-source" 8
	session=(control "$M/control" mem "$s_pid" rw attach)
	new="map flags=1 address=$s_address length=4096"
	# shellcheck disable=SC2086
	run -0 call "${session[@]}" $new
	refuses "${session[@]}" <<<"ENOSPC $new"
	# Whoever adds to a file, its maker is charged.
	run -0 call "${session[@]}" map address="$s_address" offset=4096 length=4096
	refuses "${session[@]}" <<-EOT
		ENOSPC map address=$s_address offset=8192 length=4096
		ENOSPC allow length=4096
	EOT
	# Another user has limits of its own.
	start_source other as_user 1000 "$PROGS/a-source" 4
	# shellcheck disable=SC2086
	run -0 as_user 1000 "$PROGS/a-call" control "$M/control" mem "$other_pid" rw attach \
		${new/$s_address/$other_address}
	refuses_as 1000 control "$M/control" mem "$other_pid" rw attach <<<"ENOSPC ${new/$s_address/$other_address}"
	# What goes is given back to whom it was charged.
	rm "$M/$other_pid/map-0"
	refuses "${session[@]}" <<<"ENOSPC $new"
	run -0 call "${session[@]}" unmap offset=4096 length=4096 allow length=4096
	rm "$M/$s_pid/map-0"
	# shellcheck disable=SC2086
	run -0 call "${session[@]}" $new
	run -0 mount -o remount,max_user_maps=2 "$M"
	# shellcheck disable=SC2086
	run -0 call "${session[@]}" $new
}

# bats test_tags=A3
@test "a revoked file that viewers keep open is charged to nobody" {
	setup_mount max_user_maps=1,max_user_ranges=2
	start_source s "$PROGS/a-source" 4
	viewers=()
	session=(control "$M/control" mem "$s_pid" rw attach)
	new=(map flags=1 address="$s_address" length=4096)
	for end in "rm $M/$s_pid/map-*" "rmdir $M/$s_pid" "rm $M/$s_pid/map-*"; do
		run -0 call "${session[@]}" "${new[@]}"
		map=${lines[-1]##* }
		run -0 call "${session[@]}" allow map="$map" length=4096
		refuses "${session[@]}" <<<"ENOSPC ${new[*]}"
		rm -f "$BATS_TEST_TMPDIR/background.out"
		background call file "$M/$s_pid/map-$map" r mmap r hold
		retry 100 0.05 grep -q "mmap OK" "$BATS_TEST_TMPDIR/background.out"
		viewers+=("$background_pid")
		$end
	done
	run -0 call "${session[@]}" "${new[@]}"
	kill -KILL "$s_pid"
	retry 100 0.05 test ! -e "$M/$s_pid"
	# Each was given back once, and no more.
	kill -KILL "${viewers[@]}"
	retry 100 0.05 test ! -e "/proc/${viewers[0]}"
	start_source t "$PROGS/a-source" 4
	session=(control "$M/control" mem "$t_pid" rw attach)
	new=(map flags=1 address="$t_address" length=4096)
	retry 100 0.05 call "${session[@]}" "${new[@]}"
	run -0 call "${session[@]}" allow length=4096
	refuses "${session[@]}" <<-EOT
		ENOSPC ${new[*]}
		ENOSPC allow length=4096
	EOT
}

# bats test_tags=U1
@test "-v says what is done" {
	run -0 mount.remotefs none "$M" -v
	[[ $output == "mount.remotefs: $M: "*"mounted"* ]]
}

# bats test_tags=U1,A3
@test "a remount changes the limits and nothing else" {
	setup_mount max_maps=1,mode=0711
	start_source s "$PROGS/a-source" 4
	expose s 0
	run -1 expose s 0
	[[ $output == *ENOSPC* ]]
	run -0 mount -o remount,max_maps=2 "$M"
	expose s 0
	run -32 mount -o remount,mode=0700 "$M"
	[[ $output == *"only limits can change"* ]]
	run -32 mount -o remount,max_maps=0 "$M"
	[[ $(findmnt -n -o OPTIONS "$M") == *mode=711*max_maps=2* ]]
}

# bats test_tags=A3
@test "max_user_maps=0 is no such limit, from the start or after a remount" {
	setup_mount max_user_maps=0,max_user_ranges=1
	start_source s "$PROGS/a-source" 4
	session=(control "$M/control" mem "$s_pid" rw attach)
	new=(map flags=1 address="$s_address" length=4096)
	run -0 call "${session[@]}" "${new[@]}"
	refuses "${session[@]}" <<<"ENOSPC ${new[*]}"
	run -0 mount -o remount,max_user_maps=1,max_user_ranges=0 "$M"
	[[ $(findmnt -n -o OPTIONS "$M") != *max_user_ranges* ]]
	refuses "${session[@]}" <<<"ENOSPC ${new[*]}"
	run -0 call "${session[@]}" map address="$s_address" offset=4096 length=4096
	run -0 mount -o remount,max_user_maps=0 "$M"
	[[ $(findmnt -n -o OPTIONS "$M") != *max_user_[mr]* ]]
	run -0 call "${session[@]}" "${new[@]}"
}

# bats test_tags=A3
@test "a remount leaves alone what it is not given, though another changed that meanwhile" {
	requires python-ctypes
	setup_mount max_maps=5
	run -0 python3 - "$M" <<-'EOT'
		import ctypes, os, sys
		call = ctypes.CDLL(None, use_errno=True).syscall
		FSPICK, FSCONFIG, SET_STRING, RECONFIGURE = 433, 431, 1, 7
		def check(ret):
		    if ret < 0:
		        raise OSError(ctypes.get_errno(), "fsconfig")
		    return ret
		picked = check(call(FSPICK, -100, sys.argv[1].encode(), 0))
		os.system("mount -i -o remount,max_maps=7 " + sys.argv[1])
		check(call(FSCONFIG, picked, SET_STRING, b"max_ranges", b"9", 0))
		check(call(FSCONFIG, picked, RECONFIGURE, 0, 0, 0))
	EOT
	[[ $(findmnt -n -o OPTIONS "$M") == *max_maps=7,max_ranges=9* ]]
}

# bats test_tags=P4
@test "two mounts are two instances: what is granted in one does not show in the other" {
	setup_mount
	mkdir "$BATS_TEST_TMPDIR/other"
	mount -t remotefs none "$BATS_TEST_TMPDIR/other" -o max_maps=1
	start_source s "$PROGS/a-source" 4
	expose s 0
	[ "$(ls "$BATS_TEST_TMPDIR/other")" = control ]
	[ ! -e "$BATS_TEST_TMPDIR/other/$s_pid" ]
	M=$BATS_TEST_TMPDIR/other expose s 0
	rm "$BATS_TEST_TMPDIR/other/$s_pid/map-0"
	run -0 call file "$M/$s_pid/map-0" r pread 0
}

# bats test_tags=U1
@test "statfs says RMFS, and the filesystem has an ID" {
	mount -t remotefs none "$M"
	[ "$(stat -f -c %t "$M")" = 524d4653 ]
	[ "$(stat -f -c %i "$M")" != 0 ]
}

# bats test_tags=P6
@test "a mount in a PID namespace shows and accepts only that namespace's PIDs" {
	setup_mount
	start_source outside "$PROGS/a-source" 4
	run -0 unshare --pid --fork --mount --mount-proc bash -euc '
		exec {input}<> <(:)
		"$1"/a-source 4 <&"$input" >"$2/inside" &
		until grep -q 0x "$2/inside"; do sleep 0.05; done
		read -r pid address <"$2/inside"
		mount -t remotefs none "$2/mnt"
		"$1"/a-call control "$2/mnt/control" mem "$pid" r attach map flags=1 address="$address" length=4096
		ls "$2/mnt"; head -n 1 "$2/mnt/$pid/map-0"
		"$1"/a-call control "$2/mnt/control" mem "$pid" r attach pid="$3" || true
		kill "$pid"
	' bash "$PROGS" "$BATS_TEST_TMPDIR" "$outside_pid"
	inside=$(cut -d ' ' -f 1 "$BATS_TEST_TMPDIR/inside")
	[ "$inside" -lt 100 ]
	[[ $output == *"$inside"$'\n'"control"$'\n'* ]]
	[[ $output == *"page 0 of $inside"* ]]
	[ "${lines[-1]}" = "attach ESRCH" ]
}

# bats test_tags=P6
@test "a process outside the mount's PID namespace has no directory there" {
	setup_mount
	start_source outside "$PROGS/a-source" 4
	exec {mem}<"/proc/$outside_pid/mem"
	run -1 unshare --pid --fork --mount bash -euc '
		mount -t remotefs none "$2/mnt"
		exec "$1"/a-call control "$2/mnt/control" other "/proc/self/fd/$4" attach fd="$4" pid="$3"
	' bash "$PROGS" "$BATS_TEST_TMPDIR" "$outside_pid" "$mem"
	[ "${lines[-1]}" = "attach ESRCH" ]
}
