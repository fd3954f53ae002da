#!/usr/bin/env bash
# check - a daemon that is sound, what may be forgotten, reports that come back, and the store of a daemon that does not run
# shellcheck disable=SC2154,SC2317 # out and err are set by run, env_* by hold; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"

regions=(--region "ddr,limit=16M,initial=16M,base=0x40000000" --region "q,limit=1M,initial=1M,death=quarantine,quarantine=1h"
	--region "gone,limit=1M,initial=1M,durability=none")
options=(--store-dir "$dir/store" --restart-grace 1h "${regions[@]}")
uid=$(id -u)
me=$(id -un)
report=$dir/report

# listed WANT - "region npages why name" of each unattended extent, sorted
listed() {
	run 0 --json check
	json "$out" "j['sound'] and ' '.join(sorted('/'.join([e['region'], str(e['npages']), e['why'], str(e['name'])]) for e in j['unattended'])) == '$1'" "unattended"
}

# changed ENTRY KEY VALUE - the report with another value, as JSON, in entry number ENTRY
changed() {
	python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
j["unattended"][int(sys.argv[2])][sys.argv[3]] = json.loads(sys.argv[4])
json.dump(j, open(sys.argv[1] + ".changed", "w"))' "$report" "$@"
}

# skipped PATTERN ENTRY KEY VALUE - with that value the entry is skipped, with a line that says so
skipped() {
	local pattern=$1
	shift
	changed "$@"
	run 6 release --from-report "$report.changed"
	has "$out" "^skipped: ddr 0x4[0-9a-f]+:[0-9]+: .*$pattern" "$*: the line"
	has "$out" '^0 extents freed \(0 pages\), 1 skipped$' "$*: how many"
}

daemon_start "${options[@]}"

# A daemon that is sound.
run 0 check
has "$out" '^sound: 3 regions; what is written agrees$' "check"
has "$out" '^no unattended extents$' "check: nothing is left behind"
run 0 check ddr
has "$out" '^sound: 1 region; what is written agrees$' "check of one region"
run 0 check gone
has "$out" 'was not compared: nothing is kept$' "check of a region that is kept nowhere"
run 0 --json check q
json "$out" "j == {'region': 'q', 'sound': True, 'store_compared': True, 'sees_sessions': True, 'nregions': 1, 'nfindings': 0, 'findings': [], 'unattended': []}" "check --json"
refused 5 NO_REGION check nothere
usage 'one region at most' check ddr q
usage 'go with --offline' check -- --region x
usage 'nothing but pallocd' check ddr --offline

# What is held by who is there is nobody's to free.
run 0 alloc ddr 3 --name kept
run 0 alloc ddr 4
hold holder q 5 --name mine
listed ""
let_go "$holder"
settles 5 q
# Its session has ended now, and nobody of its user is there.
quarantined() {
	"$bin/paclient" list q | grep >/dev/null quarantine
}
eventually "the quarantine has begun" quarantined
listed "ddr/3/detached/kept ddr/4/detached/None q/5/quarantine/mine"
run 0 check
has "$out" "^ddr +0x40000000 +3 +12 KiB +detached +- +$me +kept\$" "check: a line"
has "$out" "^q +0x0 +5 +20 KiB +quarantine +${env_holder[SESSION]} +$me +mine\$" "check: a line of a session's"
has "$out" '^3 unattended extents, 12 pages: ' "check: the sum"
run 0 --json check ddr
json "$out" "j['unattended'][0] == {'region': 'ddr', 'generation': 1, 'addr': '0x40000000', 'npages': 3, 'session': None, 'uid': $uid, 'name': 'kept', 'why': 'detached'}" "an entry"

# What is not as the report says is skipped; nothing else is freed in its place.
run 0 --json check ddr
json "$out" "len(j['unattended']) == 2" "the report"
python3 -c 'import json, sys; j = json.load(sys.stdin); del j["unattended"][1]; json.dump(j, sys.stdout)' <<<"$out" >"$report"
skipped 'it has 3 pages, not 4$' 0 npages 4
skipped "generation is 1, not 2: " 0 generation 2
skipped 'session 77' 0 session 77
skipped "it is user $me's, not 4000000000's\$" 0 uid 4000000000
skipped 'its name is "kept", not ""$' 0 name null
skipped 'its name is "kept", not "other"$' 0 name '"other"'
skipped 'no extent begins at' 0 addr '"0x40001000"'
skipped '' 0 addr '"0x4fff0000"'
settles 7 ddr
changed 0 region '"nothere"'
run 6 --json release --from-report "$report.changed"
json "$out" "j['nfreed'] == 0 and j['nskipped'] == 1 and j['skipped'][0]['region'] == 'nothere' and j['skipped'][0]['reason']" "release --json"
run 0 annotate ddr 0x40000000 --name another
run 6 release --from-report "$report"
run 0 annotate ddr 0x40000000 --name kept
settles 7 ddr

# A report that is none: nothing is freed, not even what stands before the mistake.
bad() {
	local pattern=$1
	cat >"$report.bad"
	run 2 release --from-report "$report.bad"
	has "$err" "$pattern" "a bad report"
	same "" "$out" "a bad report: standard output"
	settles 7 ddr
}
good=$(python3 -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))["unattended"][0]))' "$report")
bad 'line 2: .*; nothing is freed$' <<<"$good"$'\n{"region" 3}'
bad 'line 3: ' <<<"$good"$'\n'"[$good,"$'\n'"oops]"
bad 'line 1, entry 1: addr is missing' <<<'{"region": "ddr", "generation": 1}'
bad 'line 2, entry 2: it is no object' <<<"$good"$'\n[3]'
bad 'line 1, entry 2: npages is no such number' <<<"[$good, ${good/\"npages\": 3/\"npages\": 0}]"
bad 'entry 1: npages is no such number' <<<"${good/\"npages\": 3/\"npages\": -3}"
bad 'entry 1: addr is no address' <<<"${good/0x40000000/0xno}"
bad 'entry 1: uid is no such number' <<<"${good/\"uid\": $uid/\"uid\": 4294967296}"
bad 'entry 1: region is no such text' <<<"${good/\"ddr\"/\"\"}"
bad 'entry 1: name is no such text' <<<"${good/\"kept\"/7}"
bad 'unattended is no array' <<<'{"unattended": 3}'
usage 'No such file' release --from-report "$dir/nothere"
usage 'leave out "ddr"' release ddr --from-report "$report"

# As it is, it is freed; once.
run 0 release --from-report "$report"
has "$out" '^1 extent freed \(3 pages\), 0 skipped$' "release --from-report"
run 6 release --from-report "$report"
settles 4 ddr
run 0 --json check
out=$(exec "$bin/paclient" --json release --from-report - <<<"$out")
json "$out" "j == {'nfreed': 2, 'freed_npages': 9, 'nskipped': 0, 'skipped': []}" "a report from standard input"
settles 0 ddr
settles 0 q
listed ""
run 0 release --from-report /dev/null
has "$out" '^0 extents freed' "an empty report"

# What is somebody's who is there is not freed, whoever has put it into a list; nor what several hold.
hold holder ddr 2 --name used
entry() {
	python3 -c 'import json, sys; j = json.load(sys.stdin); j["generation"] = 1; json.dump(j, sys.stdout)' <<<"$1" >"$report"
}
run 0 --json lookup ddr used
entry "$out"
run 6 release --from-report "$report"
has "$out" "^skipped: ddr 0x[0-9a-f]+:2: session ${env_holder[SESSION]} is connected\$" "a session that is connected"
first=$holder
run 0 alloc ddr 1 --name both
hold sharer --share ddr:both
run 0 --json lookup ddr both
entry "$out"
run 6 release --from-report "$report"
has "$out" ': 2 hold it$' "an extent that is shared"
listed ""
let_go "$holder"
let_go "$first"
settles 1 ddr
run 0 release ddr both
settles 0 ddr

# Who is waited for after a start: its extents are listed, and free it has nothing any more.
hold holder ddr 6 --name waits
daemon_kill
kill -KILL "$holder" "${env_holder[PID]}"
{ wait "$holder"; } 2>/dev/null
daemon_start "${options[@]}"
listed "ddr/6/grace/waits"
"$bin/paclient" --json check >"$report"

# The right admin, and that of what others hold.
if other_user; then
	for verb in "check" "check ddr"; do
		# shellcheck disable=SC2086 # verb and region
		"$other" $verb >/dev/null 2>"$dir/err"
		same 6 $? "another user's $verb: exit code"
	done
	"$other" release --from-report - <"$report" >"$dir/out" 2>&1
	same 6 $? "another user's release: exit code"
	has "$(<"$dir/out")" '^skipped: ddr ' "another user's release"
	settles 6 ddr
fi

# Without the daemon.
offline() {
	run "$@"
}
offline 1 check --offline -- --store-dir "$dir/store" "${regions[@]}"
has "$err" 'is in use' "the store of a daemon that runs"
daemon_stop
before=$(cat "$dir/store"/* | sha256sum)
offline 0 check --offline -- --store-dir "$dir/store" "${regions[@]}"
has "$out" '^region ddr: sound: generation 1, 1 extents, 6 of 4096 pages held$' "a store that is sound"
has "$out" '^region gone: outlives nothing' "a region that is kept nowhere"
same "$before" "$(cat "$dir/store"/* | sha256sum)" "the store's files"
offline 2 check --offline -- --no-such-option
offline 1 check --offline -- --store-dir "$dir/nothere" "${regions[@]}"
has "$err" 'nothing is written' "no store"
[[ ! -e $dir/nothere ]] || fail "a store was made"
# Beside the socket, as the daemon itself finds it.
offline 1 check --offline -- "${regions[@]}"
has "$err" "nothing is written in $PACLIENT_SOCKET.store" "the store beside the socket"
"$bin/pallocd" --check-store --check-config 2>/dev/null
same 2 $? "two checks at once: exit code"

# Its name is in the extent's record: what is around it is not the name's any more.
python3 -c 'import sys
path = sys.argv[1]
b = bytearray(open(path, "rb").read())
at = b.find(b"waits")
assert at > 0
while at > 0:
    b[at - 8:at + 5] = bytes([0xff] * 13)
    at = b.find(b"waits", at + 1)
open(path, "wb").write(b)' "$dir/store/process.lmdb"
offline 1 check --offline -- --store-dir "$dir/store" "${regions[@]}"
has "$err" 'damaged' "a store that is damaged"
# No file of LMDB's at all.
dd if=/dev/urandom of="$dir/store/process.lmdb" bs=4096 count=64 conv=notrunc 2>/dev/null
offline 1 check --offline -- --store-dir "$dir/store" "${regions[@]}"
has "$err" 'cannot be opened|damaged' "a store that is none"
test_end
