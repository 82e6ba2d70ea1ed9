# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2154
#
# Where Debian's packages come from: sourced after env.sh by what calls mmdebstrap.

# apt_mirror LABEL: where this machine itself gets such packages from
apt_mirror() {
	# shellcheck disable=SC2016 # for apt-get to expand
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Label: $1" | head -n 1
}

# MIRROR and SECURITY_MIRROR in the environment override what apt says. The
# labels are known once apt has seen the mirrors' indexes.
find_mirrors() {
	: "${MIRROR:=$(apt_mirror Debian)}" "${SECURITY_MIRROR:=$(apt_mirror Debian-Security)}"
	[ "$MIRROR" ] || {
		as_root apt-get -qq update >&2
		MIRROR=$(apt_mirror Debian)
		SECURITY_MIRROR=${SECURITY_MIRROR:-$(apt_mirror Debian-Security)}
	}
	[ "$MIRROR" ] || die "apt knows no Debian mirror; set MIRROR to its address"
}

# sources SUITE: as in sources.list
sources() {
	local mirror=$MIRROR security=$SECURITY_MIRROR

	echo "deb $mirror $1 main"
	# Testing has no security suite of its own to speak of.
	[ "$1" != forky ] || return 0
	echo "deb $mirror $1-updates main"
	[ -z "$security" ] || echo "deb $security $1-security main"
}

# What all that is made has in common.
fetching=(
	--aptopt='Acquire::Check-Valid-Until "false"'
	--aptopt='Acquire::Languages "none"'
	--aptopt='Acquire::Retries "5"'
	--aptopt='Apt::Install-Recommends "false"'
	--dpkgopt=force-unsafe-io
)

# bootstrap SUITE DIRECTORY LOG OPTION...: make a root there, or part of one
bootstrap() {
	find_mirrors
	sources "$1" | as_root mmdebstrap "${@:4}" "$1" "$2" - >"$3" 2>&1 || {
		tail -n 30 "$3" >&2
		die "mmdebstrap failed for $1; all of it is in $3"
	}
}
