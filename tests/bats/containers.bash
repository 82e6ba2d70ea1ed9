# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034
#
# What the suites about containers share: a bundle, its configuration, and running
# it by the real runc and crun.

# A container's root filesystem is busybox.
make_bundle() {
	bundle=$BATS_TEST_TMPDIR/bundle
	mkdir -p "$bundle/rootfs"/{bin,proc,dev,sys,tmp,etc}
	cp /bin/busybox "$bundle/rootfs/bin/"
	for name in sh cat ls dd head echo sleep touch grep id stat wc; do
		ln -s busybox "$bundle/rootfs/bin/$name"
	done
	: >"$bundle/rootfs/memory"
	chmod o+x "$bundle" "$bundle/rootfs"
}

# config OPTIONS SCRIPT [NAMESPACE-JSON [MAPPINGS-JSON [HOOKS-JSON]]]: the file is at
# /memory; $mount_json has more members of that mount
config() {
	local mounted=''
	[ -z "${file-}" ] || mounted=",{\"destination\":\"/memory\",\"type\":\"bind\",\"source\":\"$file\",\"options\":[$1]${mount_json:+,$mount_json}}"
	cat >"$bundle/config.json" <<-END
		{"ociVersion":"1.0.2",
		 "process":{"terminal":false,"user":{"uid":0,"gid":0},"cwd":"/",
		  "args":["/bin/sh","-c",$(python3 -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$2")],
		  "env":["PATH=/bin"],"noNewPrivileges":true,
		  "capabilities":{"bounding":[],"effective":[],"permitted":[]}},
		 "root":{"path":"rootfs","readonly":true},"hostname":"inside",
		 "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
		  {"destination":"/dev","type":"tmpfs","source":"tmpfs"},
		  {"destination":"/tmp","type":"tmpfs","source":"tmpfs"}$mounted],
		 ${5:+\"hooks\":$5,}
		 "linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"ipc"},{"type":"uts"}${3:+,$3}]${4:+,$4}}}
	END
}

RUNTIMES=(runc crun)
USERNS='{"type":"user"}'
MAPPINGS='"uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],"gidMappings":[{"containerID":0,"hostID":100000,"size":65536}]'

# contain RUNTIME: run it to its end
contain() {
	timeout 60 "$1" --root "$BATS_TEST_TMPDIR/state-$1" run --bundle "$bundle" "c$BATS_TEST_NUMBER-$1" </dev/null 3>&-
}

# Started with its output in $BATS_TEST_TMPDIR/said, to be talked to by /tmp/go.
begin_container() {
	mkfifo "$BATS_TEST_TMPDIR/go"
	exec {go}<>"$BATS_TEST_TMPDIR/go"
	timeout 120 "$1" --root "$BATS_TEST_TMPDIR/state-$1" run --bundle "$bundle" "c$BATS_TEST_NUMBER-$1" \
		<"$BATS_TEST_TMPDIR/go" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	started+=($!)
	retry 400 0.1 grep -qx ready "$BATS_TEST_TMPDIR/said" || { cat "$BATS_TEST_TMPDIR/said" && return 1; }
}

# What a container runs, of which feels_revoke RUNTIME FILE revokes what is at /memory:
# both a descriptor that it has open and a new open must say so.
FEELS_REVOKE='exec 4</memory; head -n 1 /memory; echo ready; read go; cat <&4; echo "open file: $?"; cat /memory; echo "new open: $?"; echo end'

feels_revoke() {
	local said=$BATS_TEST_TMPDIR/said
	begin_container "$1" || return
	grep -q "page 0 of $s_pid" "$said" || return
	ask "revoke ${2#"$M/"}" || return
	echo go >&"$go"
	retry 100 0.1 grep -q end "$said" || return
	cat "$said"
	[ "$(grep -c 'Stale file handle' "$said")" = 2 ] || return
	grep -q 'open file: 1' "$said" || return
	grep -q 'new open: 1' "$said" || return
	exec {go}>&-
	rm "$BATS_TEST_TMPDIR/go"
}
