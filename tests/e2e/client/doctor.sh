#!/usr/bin/env bash
# doctor - a host that is well, and one thing after the other that is not: each is found, and comes with a remedy
#
# What systemd and the kernel say is doctor_host.sh's.
# shellcheck disable=SC2154 # out and err are set by run
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"

fake=""
stop_fake() {
	[[ -z $fake ]] || kill "$fake" 2>/dev/null
	[[ -z $fake ]] || wait "$fake" 2>/dev/null
	fake=""
	rm -f "$PACLIENT_SOCKET"
}
trap 'stop_fake; cleanup' EXIT

# finds PATTERN REMEDY - one finding: what it says, and what its remedy says; and the same as JSON
finds() {
	run 1 doctor
	has "$out" "^finding  $1" "doctor"
	has "$(grep -A1 -E "^finding  $1" <<<"$out")" "^         remedy: .*$2" "the remedy of $1"
	has "$out" '^1 finding$' "doctor: how many"
	run 1 --json doctor
	json "$out" "not j['well'] and j['nfindings'] == 1 and [bool(c['remedy']) for c in j['checks'] if c['verdict'] == 'finding'] == [True]" "doctor --json"
}

usage 'takes no arguments' doctor ddr

# Nobody is there.
finds "socket: $PACLIENT_SOCKET: No such file" 'start pallocd|systemctl enable --now pallocd.socket'
has "$out" '"verdict": "skipped"' "what cannot be asked is skipped"
: >"$PACLIENT_SOCKET"
finds 'socket: .* is no socket' 'PACLIENT_SOCKET'
rm "$PACLIENT_SOCKET"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$PACLIENT_SOCKET"
finds 'daemon: .*Connection refused' 'start pallocd|restart pallocd.socket'
rm "$PACLIENT_SOCKET"

# All is well.
daemon_start --region "ddr,limit=16M,initial=16M" --region "mem,limit=16M,backing=memfd"
run 0 doctor
has "$out" '^all is well$' "doctor"
has "$out" "^ok       socket: $PACLIENT_SOCKET, owner $(id -un), group $(id -gn), mode 0[0-7]+\$" "doctor: the socket"
has "$out" '^ok       version: ' "doctor: versions"
has "$out" '^ok       huge pages: no region needs any$' "doctor: huge pages"
has "$out" '^ok       regions: all 2 are served' "doctor: regions"
has "$out" '^(skipped  units|ok .*pallocd.s|note .*pallocd.s|finding .*pallocd.s)' "doctor: units"
run 0 --json doctor
json "$out" "j['well'] and j['nfindings'] == 0 and {'socket', 'access', 'daemon', 'version', 'descriptors', 'locked memory', 'huge pages', 'regions'} <= {c['check'] for c in j['checks']}" "doctor --json"
json "$out" "all(set(c) == {'check', 'verdict', 'text', 'remedy'} and c['verdict'] in ('ok', 'note', 'skipped') for c in j['checks'])" "doctor --json: keys"

# Who may connect.
if other_user; then
	chgrp adm "$PACLIENT_SOCKET" && chmod 660 "$PACLIENT_SOCKET"
	"$other" doctor >"$dir/out"
	same 1 $? "another user's doctor: exit code"
	out=$(<"$dir/out")
	has "$out" "^finding  access: user $(id -un 65534) may not connect: the file is for its owner and group adm\$" "access"
	has "$out" "remedy: \`usermod -aG adm $(id -un 65534)\`" "access: the remedy"
	has "$out" '^skipped  daemon: ' "access: the daemon is not asked"
	chmod 600 "$PACLIENT_SOCKET"
	"$other" doctor >"$dir/out"
	has "$(<"$dir/out")" 'remedy: .*SocketGroup=adm, SocketMode=0660' "access: the owner's alone"
	chmod 666 "$PACLIENT_SOCKET"
	"$other" doctor >"$dir/out"
	same 0 $? "everybody may connect: exit code"
	has "$(<"$dir/out")" '^note     access: everybody' "everybody may connect"
	chmod 660 "$PACLIENT_SOCKET"
	setpriv --reuid 65534 --regid 65534 --groups "$(getent group adm | cut -d: -f3)" "$bin/paclient" doctor >"$dir/out"
	has "$(<"$dir/out")" "^ok       access: user $(id -un 65534) may connect, as member of group adm\$" "a member of the group"
	has "$(<"$dir/out")" '^note     locked memory: ' "what a user may lock"
fi
daemon_stop

# A daemon that was replaced while it runs, and one of another version.
cp "$bin/pallocd" "$dir/pallocd"
"$dir/pallocd" --socket "$PACLIENT_SOCKET" --region ddr,limit=16M,initial=16M 2>"$dir/daemon.log" &
daemon=$!
eventually "the copy answers" "$bin/paclient" ping
rm "$dir/pallocd"
finds 'version: .*was replaced while it ran' 'restart pallocd.service'
daemon_stop

# What this host lacks.
(
	ulimit -n 200
	exec "$bin/pallocd" --socket "$PACLIENT_SOCKET" --max-connections 500 --region ddr,limit=16M,initial=16M 2>"$dir/daemon.log"
) &
daemon=$!
eventually "the daemon with few descriptors answers" "$bin/paclient" ping
finds 'descriptors: the configuration asks for 500 connections, 200 descriptors allow 68' 'LimitNOFILE='
daemon_stop
daemon_start --region ddr,limit=16M,initial=16M --region "gone,limit=1M,file=$dir/not/there"
finds 'regions: this host does not have what regions of the configuration need: 1 left out' 'check-config'
daemon_stop

# What a daemon may say that is hard to bring about.
version=$("$bin/paclient" --version | cut -d' ' -f2)
well='"1": 5000000, "31": 100, "33": 264'
region='{"1": 1, "2": "ddr", "4": 4096, "5": 256, "6": 256, "7": 256}'
# says STAT REGIONS [SERVER] [FEATURES]
says() {
	stop_fake
	python3 "$here/fake_daemon.py" "$PACLIENT_SOCKET" "{\"server\": \"${3-pallocd $version}\", \"features\": ${4-20}, \"stat\": {$1}, \"regions\": [$2]}" &
	fake=$!
	eventually "the stand-in for the daemon answers" "$bin/paclient" ping
}
says "$well" "$region"
run 0 doctor
says "$well" "$region" "pallocd 0.0.9"
finds "version: the daemon is pallocd 0.0.9, this command is of version $version" 'restart pallocd.service'
says "$well" "$region" "pallocd 0.0.9" 11
finds 'version: pallocd 0.0.9 is older than this command .* 3 things' 'restart pallocd.service'
says "$well, \"2\": 95" "$region"
finds 'descriptors: 95 of 100 connections are open' 'LimitNOFILE='
says "$well, \"29\": \"No space left on device\"" "$region"
finds 'store: .*No space left' 'make room'
says "$well" "${region/\}/, \"9\": 1\}}"
finds 'regions: region ddr is closed' 'paclient check'
stop_fake

# An installed library of another version.
cp "$build"/lib/libpaclient.so.0 "$dir/"
daemon_start --region ddr,limit=16M,initial=16M
LD_LIBRARY_PATH=$dir run 0 doctor
has "$out" "^ok       library: the installed libpaclient.so.0 is of version $version\$" "the installed library"
python3 -c 'import sys
path, old, new = sys.argv[1], sys.argv[2].encode() + b"\0", sys.argv[3].encode() + b"\0"
b = open(path, "rb").read()
assert b.count(b"\0" + old) == 1, b.count(b"\0" + old)
open(path, "wb").write(b.replace(b"\0" + old, b"\0" + new))' "$dir/libpaclient.so.0" "$version" "9.9.9"
export LD_LIBRARY_PATH=$dir
finds "library: the installed libpaclient.so.0 is of version 9.9.9, this command of $version" 'of one version'
unset LD_LIBRARY_PATH
test_end
