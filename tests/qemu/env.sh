# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# Where things are: sourced by every script that works on guests.

top=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
here=$top/tests/qemu
build=$top/build
cache=${XDG_CACHE_HOME:-$HOME/.cache}/remotefs

say() { echo "$*" >&2; }

die() {
	echo "${0##*/}: $*" >&2
	exit 70
}

# Some steps need root: chroot, and apt for another release.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

kernel_names() { awk '!/^#/ && NF { print $1 }' "$here/kernels.list"; }

# kernel_field NAME COLUMN
kernel_field() {
	awk -v name="$1" -v column="$2" \
		'$1 == name { print $column; found = 1 } END { exit !found }' \
		"$here/kernels.list" ||
		die "no kernel named '$1'; there are: $(kernel_names | xargs)"
}

kernel_suite() { kernel_field "$1" 2; }
kernel_kind() { kernel_field "$1" 3; }

suite_packages() {
	awk -v suite="$1" \
		'$1 == "all" || $1 == suite { for (i = 2; i <= NF; i++) print $i }' \
		"$here/packages.list"
}

# locked FILE COMMAND...: one at a time, for things that guests share.
locked() {
	local lock=$1
	shift
	mkdir -p "$(dirname "$lock")"
	(
		flock 9
		"$@" 9>&-
	) 9>"$lock"
}

# in_root ROOT [-u] COMMAND...: run in the chroot with the work tree at /src,
# as root or (-u) as the caller.  The mounts live in a namespace of their own
# and vanish with it.
in_root() {
	local root=$1 user=0:0
	shift
	if [ "$1" = -u ]; then
		user=$(id -u):$(id -g)
		shift
	fi
	# shellcheck disable=SC2016
	as_root unshare --mount sh -c '
		set -e
		top=$1 cache=$2 root=$3 user=$4
		shift 4
		mkdir -p "$root/src" "$root/cache"
		mount --bind "$top" "$root/src"
		mount --bind "$cache" "$root/cache"
		mount -t proc proc "$root/proc"
		cd /
		exec chroot --userspec="$user" "$root" \
			env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
	' in_root "$top" "$cache" "$root" "$user" "$@"
}
