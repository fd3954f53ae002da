#!/usr/bin/env bash
# journal - where stderr goes to the journal, lines are entries with fields and numbers, so many a second for each cause; where
# it does not, they are lines that a person reads
#
#   journal.sh BUILD
#
# The journal is a stand-in, on the socket's place in a mount namespace of the test's own.
# shellcheck disable=SC2317 # eventually calls functions
set -uo pipefail
build=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for tool in unshare python3 mount; do
	command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed" && exit 77; }
done
if [[ ${2-} != inside ]]; then
	rights=(--mount)
	[[ $(id -u) == 0 ]] || rights+=(--map-root-user)
	unshare "${rights[@]}" mount -t tmpfs tmpfs /run 2>/dev/null || {
		echo "skipped: no mount namespace can be made here (as root it can)"
		exit 77
	}
	exec unshare "${rights[@]}" bash "$0" "$build" inside
fi
# As if nothing were known of the world outside: no journal but ours.
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal || exit 1
dir=/run/test
mkdir $dir
bin=$build/bin
export PACLIENT_SOCKET=$dir/sock
number() { # number NAME - its MESSAGE_ID
	sed -n "s/^\tX($1, [A-Z]*, \"\([0-9a-f]*\)\").*/\1/p" "$here/../../../daemon/base/log_id.h"
}
nfailed=0
nchecks=0
fail() {
	nfailed=$((nfailed + 1))
	printf 'FAILED: %s\n' "$*"
}
# eventually COMMAND... - true, at once or soon
eventually() {
	local until=$((SECONDS + 10))
	while ((SECONDS < until)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.02
	done
	return 1
}
# entries NAME PYTHON - how many entries with that number are so; e is one
entries() {
	python3 -c 'import json, sys
entries = [json.loads(line) for line in open(sys.argv[1])]
print(sum(1 for e in entries if e.get("MESSAGE_ID") == sys.argv[2] and eval(sys.argv[3])))' $dir/journal "$(number "$1")" "$2"
}
# entry NAME PYTHON - there is, at once or soon, exactly one
entry() {
	nchecks=$((nchecks + 1))
	one() { [[ $(entries "$@") == 1 ]]; }
	eventually one "$@" && return 0
	fail "$1: wanted one entry with $2, got $(entries "$@") of these:"
	grep "$(number "$1")" $dir/journal
}

mkfifo $dir/end
python3 "$here/listen.py" /run/systemd/journal/socket <$dir/end >$dir/journal &
journal=$!
exec 3>$dir/end
eventually grep -q ready $dir/journal || { echo "FAILED: the stand-in for the journal does not listen" && exit 1; }

# stderr of the service: what comes here has lost its fields.
: >$dir/stderr
stream=$(stat -c %d:%i $dir/stderr)
JOURNAL_STREAM=$stream "$bin/pallocd" --socket $dir/sock --log-level debug --region ddr,limit=1M,initial=1M \
	--region "gone,limit=1M,file=$dir/not/there" 2>$dir/stderr &
daemon=$!
eventually "$bin/paclient" ping || { echo "FAILED: the daemon does not answer" && cat $dir/stderr && exit 1; }

entry READY "e['PRIORITY'] == '6' and e['MESSAGE'].startswith('ready: $dir/sock') and e['SYSLOG_IDENTIFIER'] == 'pallocd'"
entry REGION_LEFT_OUT "e['PRIORITY'] == '3' and e['PALLOCD_REGION'] == 'gone' and 'not/there' in e['MESSAGE']"

# A request that is refused, by whom and of what.
"$bin/paclient" alloc ddr 1M >/dev/null && "$bin/paclient" alloc ddr 1 >/dev/null 2>&1
entry REQUEST_REFUSED "e['PRIORITY'] == '7' and e['PALLOCD_STATUS'] == 'NO_SPACE' and e['PALLOCD_REGION'] == 'ddr' and e['PALLOCD_UID'] == '0' and int(e['PALLOCD_SESSION']) > 0 and int(e['PALLOCD_REQUEST']) > 0 and int(e['PALLOCD_PID']) > 0 and 'PALLOCD_EXTENT' not in e"
"$bin/paclient" free ddr 0x100000:1 >/dev/null 2>&1
entry REQUEST_REFUSED "e['PALLOCD_STATUS'] == 'OUT_OF_REGION' and e['PALLOCD_EXTENT'] == str(0x100000)"

# What is no request. However many there are, there is one line a second.
nbad=50
python3 -c 'import os, socket, sys
for _ in range(int(sys.argv[1])):
    s = socket.socket(socket.AF_UNIX)
    s.connect(os.environ["PACLIENT_SOCKET"])
    s.sendall(b"\xff\xff\xff\xff")
    while s.recv(4096):
        pass' $nbad
some() { (($(entries BAD_FRAME "e['PRIORITY'] == '4' and e['PALLOCD_UID'] == '0' and e['PALLOCD_STATUS'] == 'FRAME_TOO_LONG'") > 0)); }
eventually some || fail "no entry of a bad frame: $(<$dir/journal)"

# None follows, and still it is told how many were kept back.
told() {
	python3 -c 'import json, re, sys
n = 0
for e in map(json.loads, open(sys.argv[1])):
    if e.get("MESSAGE_ID") == sys.argv[2]:
        assert e["PALLOCD_UID"] == "0" and e["PALLOCD_STATUS"] == "FRAME_TOO_LONG", e
        more = re.search(r"\(and (\d+) more like it\)|^(\d+) more lines BAD_FRAME", e["MESSAGE"])
        n += int(more[1] or 0) + 1 if more and more[1] else int(more[2]) if more else 1
print(n)' $dir/journal "$(number BAD_FRAME)"
}
told_all() { [[ $(told) == "$nbad" ]]; }
nchecks=$((nchecks + 1))
eventually told_all || fail "lines of bad frames and those that were kept back: wanted $nbad, got $(told)"

# A session that is ended by somebody.
"$bin/paclient" exec ddr 0 -- true >/dev/null 2>&1
"$bin/paclient" free ddr 0:4 >/dev/null
"$bin/paclient" exec ddr 1 -- bash -c "echo \$PACLIENT_SESSION >$dir/session.new; mv $dir/session.new $dir/session; exec sleep 60" >/dev/null 2>&1 &
holder=$!
eventually test -e $dir/session
"$bin/paclient" sessions kill "$(<$dir/session)" >/dev/null || fail "the session cannot be ended"
entry SESSION_KILLED "e['PALLOCD_SESSION'] == '$(<$dir/session)' and e['PALLOCD_UID'] == '0' and '1 extents' in e['MESSAGE']"
kill $holder 2>/dev/null
wait $holder 2>/dev/null

kill -TERM $daemon
wait $daemon || fail "the daemon's exit code is $?"
entry STOPPING "'signal 15' in e['MESSAGE']"
entry STOPPED "e['PRIORITY'] == '6'"
nchecks=$((nchecks + 2))
told_all || fail "lines of bad frames and those that were kept back, after the stop: wanted $nbad, got $(told)"
(($(entries BAD_FRAME True) < nbad)) || fail "all of $nbad bad frames had a line"
[[ ! -s $dir/stderr ]] || fail "lines went to stderr, without fields: $(<$dir/stderr)"

# What is wrong with a configuration, for programs: which line of which file, which key, of which region.
mkdir $dir/regions.d
printf '%s\n' '[Daemon]' 'UserSessions = none' >$dir/conf
check_config() {
	nchecks=$((nchecks + 1))
	JOURNAL_STREAM=$stream "$bin/pallocd" --check-config "$@" 2>>$dir/stderr
	(($? == 2)) || fail "a configuration that is refused has another exit code than 2: $*"
}
check_config --config $dir/conf
entry CONFIG_REFUSED "e['PRIORITY'] == '3' and e.get('CONFIG_FILE') == '$dir/conf' and e.get('CONFIG_LINE') == '2' and e.get('PALLOCD_KEY') == 'UserSessions' and 'PALLOCD_REGION' not in e and e['MESSAGE'].startswith('$dir/conf:2: UserSessions=none')"
printf '%s\n' '[Region]' 'Limit = 1M' '' 'Alow = *:alloc' >$dir/regions.d/ddr.region
: >$dir/conf
check_config --config $dir/conf
entry CONFIG_REFUSED "e.get('CONFIG_FILE') == '$dir/regions.d/ddr.region' and e.get('CONFIG_LINE') == '4' and e.get('PALLOCD_KEY') == 'Alow' and e.get('PALLOCD_REGION') == 'ddr'"
check_config --region hbm,limit=1M,initial=1:2
entry CONFIG_REFUSED "e.get('PALLOCD_REGION') == 'hbm' and e.get('PALLOCD_KEY') == 'initial' and 'CONFIG_FILE' not in e and 'CONFIG_LINE' not in e"
check_config --region hbm,limit=1M,initial=2M
entry CONFIG_REFUSED "e.get('PALLOCD_REGION') == 'hbm' and 'PALLOCD_KEY' not in e and 'CONFIG_FILE' not in e"
check_config --config /not/there
entry CONFIG_REFUSED "e.get('CONFIG_FILE') == '/not/there' and 'CONFIG_LINE' not in e"
[[ ! -s $dir/stderr ]] || fail "lines went to stderr, without fields: $(<$dir/stderr)"

# The same variable, but stderr is something else by now: lines for people.
JOURNAL_STREAM=1:2 "$bin/pallocd" --check-config --region ddr,limit=1M 2>$dir/plain
nchecks=$((nchecks + 1))
[[ $(<$dir/plain) == "pallocd: the configuration is good" ]] || fail "plain lines: $(<$dir/plain)"

exec 3>&-
wait $journal || fail "the stand-in for the journal: exit code $?"
printf '%d checks, %d failed\n' $nchecks $nfailed
exit $((nfailed > 0))
