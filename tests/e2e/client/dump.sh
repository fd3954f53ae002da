#!/usr/bin/env bash
# dump - every verb that reads says the same from a dump as the daemon has said; those that do not read refuse one
# shellcheck disable=SC2154,SC2317,SC2034 # out and err are set by run, env_* by hold; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
dump=$dir/dump
uid=$(id -u)
hold_seconds=600 # a busy machine takes a while for all of this

# same_all DUMP [PROGRAM] - lines of arguments: each is asked of the daemon and of the dump, plain and as JSON
same_all() {
	nchecks=$((nchecks + 1))
	PYTHONPATH=$here python3 -c 'import shlex, sys
import dump_same
asked = 0
for line in sys.stdin:
    args = shlex.split(line)
    for more in [[], ["--json"]]:
        wrong = dump_same.differ([sys.argv[1]], sys.argv[2], args + more)
        if wrong:
            sys.exit("not the same: " + wrong)
        asked += 1
print(asked, "commands answered alike")' "${2:-$bin/paclient}" "$1" || fail "see above"
}

daemon_start --region ddr,limit=16M,initial=4M,base=0x10003000,best-fit=yes,auto-grow=1M,allow=*:alloc+admin \
	--region "q,limit=1M,initial=1M,death=quarantine,quarantine=1h,allow=*:attach-ro" --region "none,limit=8G,page-size=2M" \
	--region "mem,limit=8M,initial=8M,backing=memfd,base=0x40000000,sanitize=yes,retain=100%,durability=none" \
	--region "small,limit=1M,initial=1M,quota-user=256K,quota-session=64K,quota-user-extents=5"

# All kinds of owners, names and ranges, and gaps.
run 0 alloc ddr 3 1 7 --label 'a "label", Größe'
run 0 alloc ddr 16 --name frames --label front
run 0 alloc ddr 1 --name 'Größe ü'
run 0 alloc ddr 100 --at 0x10200000
run 0 free ddr 0x10006000 0x10210000:5
run 0 reserve ddr 0x10280000:16
run 0 reserve ddr 0x10800000:16
run 0 drain ddr 0x10220000:64
run 0 grow ddr --at 0x10a03000 1
run 0 alloc small 60
run 4 alloc small 5
run 0 alloc mem 12 --commit=now
run 0 alloc q 1 --name taken
hold ends q 5 --name mine
let_go "$holder"
in_quarantine() {
	"$bin/paclient" list q | grep >/dev/null quarantine
}
eventually "the quarantine has begun" in_quarantine
hold one ddr 9 --name shared
first=$holder
hold two --share ddr:shared small 3
second=$holder
is_shared() {
	"$bin/paclient" --json lookup ddr shared | grep >/dev/null '"nholders": 2'
}
eventually "two hold it" is_shared

run 0 dump --output "$dump"
same "" "$out$err" "dump --output"
same_all "$dump" <<-ARGS
	metrics
	regions
	info ddr
	info q
	info none
	info mem
	info small
	info nothere
	info ''
	info
	--region ddr info
	info ddr q
	stat
	stat ddr
	stat mem
	stat small
	stat nothere
	list ddr
	list q
	list none
	list mem
	list small
	list nothere
	list ddr --name '*'
	list ddr --name 'f[a-r]*'
	list ddr --name '*ü'
	list ddr --name nothing
	list ddr --name $(printf 'x%.0s' {1..70})
	list ddr --lowest 0x10200000
	list ddr --lowest 0x10200000 --limit 0x10210000
	list ddr --limit 0x10003001
	list ddr --limit 0
	list ddr --min 4 --max 64K
	list ddr --max 1
	list ddr --user $uid
	list ddr --user 4000000000
	list ddr --session ${env_one[SESSION]}
	list ddr --session ${env_two[SESSION]}
	list small --session ${env_one[SESSION]}
	list small --session ${env_two[SESSION]}
	list q --session ${env_ends[SESSION]}
	list ddr --session 999999
	lookup ddr frames
	lookup ddr shared
	lookup ddr 'Größe ü'
	lookup q mine
	lookup q frames
	lookup ddr ''
	lookup ddr $(printf 'x%.0s' {1..64})
	map ddr
	map q
	map none
	map q --ascii
	map ddr --width 7 --lines 3
	map ddr --width 4000 --lines 9
	sessions
	sessions ddr
	sessions q
	sessions nothere
	quotas
	quotas ddr
	quotas small
	quotas nothere
	why ddr 1
	why ddr 900
	why ddr 2000
	why ddr 5000
	why ddr 0
	why ddr 40 --align 64K
	why ddr 40 --align 3
	why ddr 40 --boundary 32
	why ddr 900 --align 512 --lowest 0x10100000 --limit 0x10180000
	why ddr 5 --lowest 0x1
	why ddr 5 --limit 0x10900000 --strategy last
	why ddr 5 --limit 0x90000000
	why ddr 5 --lowest 0x10200000 --limit 0x10200000
	why ddr 3 --strategy best
	why q 3 --strategy best
	why q 300
	why ddr 5 --at 0x10200000
	why ddr 5 --at 0x10200001
	why ddr 5 --at 0x1
	why ddr 5000 --at 0x10300000
	why ddr 5 --at 0x10a00000
	why ddr 5 --at 0x10205000 --align 16
	why ddr 5 --near 0x10203000
	why ddr 700 --near 0x10a03000
	why small 3
	why small 5
	why small 20
	why small 200
	why none 1
	why mem 2048
	fit ddr 1
	fit ddr 7 --align 8 --boundary 16
	fit ddr 64K --lowest 0x10100000 --limit 0x10240000
	fit ddr 9000
	fit none 1
	fit nothere 1
	check ddr nothere
ARGS

# Standard input and output; one region alone; a file is what standard output is.
"$bin/paclient" dump >"$dump.2" || fail "dump to standard output"
"$bin/paclient" --from - list ddr <"$dump.2" >"$dir/out" || fail "--from -"
same "$(exec "$bin/paclient" list ddr)" "$(<"$dir/out")" "--from -"
run 0 dump small --output "$dump.3"
run 0 --from "$dump.3" --json regions
json "$out" '[r["name"] for r in j["regions"]] == ["small"]' "a dump of one region"
run 5 --from "$dump.3" info ddr
run 0 completion words -- --from "$dump.3" info ''
same $'nothing\nsmall\tregion' "$out" "completion from a dump"
run 0 completion words -- lookup --from "$dump" q t
same $'nothing\ntaken\t' "$out" "completion from a dump: names"
run 0 completion words -- lookup --from "$dir/nothere" q t
same "nothing" "$out$err" "completion from what is no dump"

# What the daemon compares with what it has written a dump cannot; the rest is told alike.
run 0 check
live=$out
run 0 --from "$dump" check
has "$out" '^sound: 5 regions; what is written was not compared: a dump holds no copy of it$' "check of a dump"
same "${live#*$'\n'}" "${out#*$'\n'}" "check of a dump: what nobody looks after"
run 0 --json check ddr
live=${out/'"store_compared": true'/'"store_compared": false'}
run 0 --from "$dump" --json check ddr
same "$live" "$out" "check of a dump --json"
run 0 --json check mem
live=$out
run 0 --from "$dump" --json check mem
same "$live" "$out" "check of a dump of what is kept nowhere"

# A dump is a file of lines, each a JSON object, that says what it is.
while IFS= read -r line; do
	kinds+=("$line")
done < <(python3 -c 'import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
print(lines[0]["format"], lines[0]["version"], lines[-1] == {"kind": "end", "lines": len(lines)})
print(*sorted({line["kind"] for line in lines[1:]}))' "$dump")
same "pallocd-dump 1 True" "${kinds[0]}" "the first and the last line"
same "daemon drained end extent grown quota region reserved runs session share stat user" "${kinds[1]}" "the kinds of lines"

# The dump is as it was, whatever the daemon does.
"$bin/paclient" list ddr >"$dir/before"
let_go "$second"
let_go "$first"
run 0 free ddr 0x10200000:10
same "$(<"$dir/before")" "$(exec "$bin/paclient" --from "$dump" list ddr)" "what was dumped stays"

# Verbs that change something, or watch, and what needs a daemon.
for args in "alloc ddr 1" "free ddr 0x10003000" "grow ddr 1" "shrink ddr 1" "reserve ddr 0x10003000:1" "drain ddr 0x10003000:1" "watch" \
	"read ddr frames" "write ddr frames" "annotate ddr frames --name x" "release ddr frames" "handover ddr frames --user 0" "ping" "doctor" \
	"resize ddr 0x10003000 1" "split ddr 0x10004000" "join ddr 0x10003000:4" "scavenge ddr" "replay /dev/null" "dump"; do
	# shellcheck disable=SC2086 # several words
	usage 'needs a daemon: --from is for' $args --from "$dump"
done
usage 'needs a daemon: --from' exec --from "$dump" ddr 1 -- true
usage 'kill needs a daemon' sessions kill 1 --from "$dump"
usage '--offline needs a daemon|--offline' check --offline --from "$dump"
usage '--from asks a dump, --socket a daemon' list ddr --from "$dump" --socket "$PACLIENT_SOCKET"
usage '--from asks a dump, --wait-for-daemon a daemon' list ddr --from "$dump" --wait-for-daemon
usage 'unknown option --to;' list ddr --to 0x1
run 0 --from "$dump" list --help
run 0 --from "$dump" metrics --textfile "$dir/m.prom"
has "$(<"$dir/m.prom")" '^pallocd_up 1$' "metrics --textfile from a dump"

# Files that are none.
usage 'nothere: No such file or directory$' list ddr --from "$dir/nothere"
usage 'line 1: ' list ddr --from /bin/true
usage 'line 1: the file is empty$' list ddr --from /dev/null
usage 'line 1: it is longer than 65536 bytes' list ddr --from /dev/zero
usage ': Is a directory$' list ddr --from "$dir"
head -n -1 "$dump" >"$dump.bad"
usage 'line [0-9]+: the end is missing$' list ddr --from "$dump.bad"
head -c -3 "$dump" >"$dump.bad"
usage 'line [0-9]+: it is cut off$' list ddr --from "$dump.bad"
sed '1s/"version": 1/"version": 2/' "$dump" >"$dump.bad"
usage 'line 1: the dump has version 2, and this program reads version 1$' list ddr --from "$dump.bad"
sed '/"share"/d' "$dump" >"$dump.bad"
usage 'line [0-9]+: "lines" is not how many there are' list ddr --from "$dump.bad"
run 1 dump --output /dev/full
has "$err" 'dump: /dev/full: No space left on device$' "dump to a full disk"
run 1 dump --output "$dir/nothere/x"
usage 'one region at most' dump ddr q
refused 5 NO_REGION dump nothere

# A page too many is found by counting again.
sed '0,/"detached_npages": [0-9]*/s//"detached_npages": 4/' "$dump" >"$dump.bad"
run 1 --from "$dump.bad" check
has "$out" 'region ddr: [0-9]+ detached pages are listed, 4 were counted$' "check: what does not add up"

# Others' dumps hold what others may see.
if other_user; then
	run 0 dump --output "$dump"
	chmod 755 "$dir"
	"$other" dump >"$dump.other" || fail "another user's dump"
	same_all "$dump.other" "$other" <<-ARGS
		regions
		info ddr
		info q
		info mem
		stat small
		stat q
		list ddr
		list mem
		list q --session ${env_ends[SESSION]}
		sessions
		sessions q
		sessions mem
		quotas ddr
		quotas small
		why ddr 5
		why mem 5
		map small
		fit small 5
		metrics
	ARGS
fi
test_end
