#!/usr/bin/env bash
# watch - events as lines and as JSON, at once; filters; an end that is none of its business; and a reader that is too slow
# shellcheck disable=SC2154,SC2317 # out and err are set by run, pid_* are set by see, env_* by hold; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
daemon_start --restart-grace 1s --region ddr,limit=4M,initial=2M,base=0x10000000,low-space=1M,quota-user=3M --region many,limit=64M,initial=32M
me=$(id -un)
uid=$(id -u)
watchers=0

# see NAME ARGUMENT... - `paclient watch ARGUMENT...` in the background, its lines in $dir/NAME, when the daemon knows of it. A shell's
# background job ignores SIGINT, and so would it.
see() {
	local name=$1
	shift
	env --default-signal=INT "$bin/paclient" watch "$@" >"$dir/$name" 2>"$dir/$name.err" &
	printf -v "pid_$name" %s $!
	watchers=$((watchers + 1))
	eventually "watch $*: the daemon knows of it" stat_is $watchers nwatchers
}

# ends NAME WANT - it has ended by itself with this exit code
ends() {
	local pid=pid_$1
	wait "${!pid}"
	same "$2" $? "$1: exit code ($(<"$dir/$1.err"))"
	watchers=$((watchers - 1))
}

# line NAME PATTERN WHAT - such a line comes, at once or soon
line() {
	eventually "$3" grep -qE -- "$2" "$dir/$1"
}

time='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z'

# Every kind, as lines; each is there before the watcher ends.
see all
see json --json
run 0 alloc ddr 16 --name x
line all "$time alloc +region=ddr addr=0x10000000 npages=16 user=$me\$" "alloc, detached"
run 0 free ddr 0x10008000:8
line all "$time free +region=ddr addr=0x10008000 npages=8 user=$me\$" "free"
run 0 grow ddr 512
line all "$time grow +region=ddr addr=0x10200000 npages=512\$" "grow"
run 0 shrink ddr 512
line all "$time shrink +region=ddr addr=0x10200000 npages=512\$" "shrink"
hold holder ddr 3
session=${env_holder[SESSION]}
line all "$time session-open +session=$session user=$me pid=$holder\$" "session-open"
line all "$time alloc +region=ddr addr=0x[0-9a-f]+ npages=3 session=$session user=$me\$" "alloc by a session"
run 0 handover ddr x --session "$session"
line all "$time handover +region=ddr addr=0x10000000 npages=8 session=$session user=$me\$" "handover"
run 0 handover ddr x --user "$me"
line all "$time handover +region=ddr addr=0x10000000 npages=8 user=$me\$" "handover to a user"
run 0 sessions kill "$session"
line all "$time session-end +session=$session user=$me pid=$holder cause=killed\$" "session-end: killed"
line all "$time reclaim +region=ddr addr=0x[0-9a-f]+ npages=3 session=$session user=$me\$" "reclaim"
let_go "$holder"
hold holder ddr 3
kill -KILL "$holder"
wait "$holder" 2>/dev/null
line all "$time session-end +session=${env_holder[SESSION]} user=$me pid=$holder cause=(closed|died)\$" "session-end: killed outright"
run 4 alloc ddr 1000
line all "$time quota +region=ddr user=$me quota=user_pages limit=768 used=8 asked=1000\$" "quota"
run 0 alloc ddr 400
line all "$time space-low +region=ddr npages=104 low=256\$" "space-low"
run 0 grow ddr 512
line all "$time space-ok +region=ddr npages=616 low=256\$" "space-ok"

# The same as JSON, an object a line.
eventually "space-ok as JSON" grep -q '"space-ok"' "$dir/json"
events() {
	python3 -c 'import json, sys
print("[" + ",".join(json.dumps(json.loads(line)) for line in open(sys.argv[1])) + "]")' "$dir/$1"
}
all=$(events json)
of() {
	json "$all" "[e for e in j if e['kind'] == '$1' and $2] != []" "watch --json: $1"
}
of alloc "set(e) == set('kind time_usec region addr npages session uid user'.split()) and e['session'] is None and e['addr'] == '0x10000000' and e['uid'] == $uid"
of alloc "e['session'] == $session and e['npages'] == 3"
of free "e['addr'] == '0x10008000' and e['npages'] == 8 and e['region'] == 'ddr'"
of grow "set(e) == set('kind time_usec region addr npages'.split())"
of session-open "set(e) == set('kind time_usec session uid user pid'.split()) and e['session'] == $session"
of session-end "e['session'] == $session and e['cause'] == 'killed' and e['user'] == '$me'"
of handover "e['session'] == $session"
of reclaim "e['session'] == $session and e['npages'] == 3"
of quota "(e['quota'], e['limit'], e['used'], e['asked'], e['pid']) == ('user_pages', 768, 8, 1000, None)"
of space-low "set(e) == set('kind time_usec region npages low_npages'.split()) and e['npages'] == 104 and e['low_npages'] == 256"
json "$all" "[e['time_usec'] for e in j] == sorted(e['time_usec'] for e in j) and abs(j[-1]['time_usec'] / 1e6 - $(date +%s)) < 60" "watch --json: times"

# ended PID - after an event it is no more
ended() {
	"$bin/paclient" ping && ! kill -0 "$1"
}

# Interrupted, asked to end, or with nobody left who reads: an end like any other.
kill -INT "$pid_all"
ends all 0
kill -TERM "$pid_json"
ends json 0
pipe=$(mktemp -u "$dir/pipe.XXXX")
mkfifo "$pipe"
head -1 <"$pipe" >"$dir/head" &
head=$!
"$bin/paclient" watch >"$pipe" 2>"$dir/pipe.err" &
pid_pipe=$!
watchers=1
eventually "a pipe: it ends with its reader" ended $pid_pipe
wait $head
ends pipe 0
same "" "$(<"$dir/pipe.err")" "a pipe that is closed: nothing to say"
same 1 "$(wc -l <"$dir/head")" "a pipe that is closed: one line was read"

# Filters, each alone and with others; --count ends it.
run 0 alloc ddr 2
addr=$out
see kinds ddr --kind free,grow --count 2
see region many --json --count 1
see user --user 4000000000
hold holder ddr 1
see both ddr --user "$me" --kind alloc --count 1
see session --session "${env_holder[SESSION]}" --kind free,session-end --json --count 1
run 0 alloc many 1
run 0 free ddr "$addr:2"
run 0 shrink ddr 512
run 0 grow ddr 512
let_go "$holder"
run 0 alloc ddr 5
ends kinds 0
same "free grow" "$(awk '{print $2}' "$dir/kinds" | paste -sd ' ')" "--kind"
ends region 0
json "$(<"$dir/region")" 'j["region"] == "many" and j["kind"] == "alloc"' "a region's events alone"
ends both 0
has "$(<"$dir/both")" ' alloc +region=ddr .* user=' "region, user and kind"
ends session 0
json "$(<"$dir/session")" "j['kind'] == 'session-end' and j['session'] == ${env_holder[SESSION]}" "--session"
same "" "$(<"$dir/user")" "--user: nothing of others"
run 0 handover many 0x0 --user 4000000000
line user ' handover +region=many addr=0x0 npages=1 user=4000000000$' "--user"
kill -INT "$pid_user"
ends user 0

# A reader that stands still loses events, and is told how many, those of other kinds (sessions of the commands here) included; nobody
# waits for it.
see slow many --kind alloc,free --json
kill -STOP "$pid_slow"
sizes=$(printf '1 %.0s' {1..3072})
for ((round = 0; round < 12; round++)); do
	# One argument per size is what is wanted.
	# shellcheck disable=SC2086
	"$bin/paclient" alloc many $sizes >"$dir/addrs"
	xargs "$bin/paclient" free many <"$dir/addrs" >/dev/null
done
kill -CONT "$pid_slow"
run 0 alloc many 7
eventually "the last event comes" grep -q '"npages": 7,' "$dir/slow"
kill -INT "$pid_slow"
ends slow 0
all=$(events slow)
nchecks=$((nchecks + 1))
python3 -c 'import json, sys
j = json.load(sys.stdin)
lost = sum(e["lost"] for e in j if e["kind"] == "lost")
shown = [e for e in j if e["kind"] != "lost"]
print(lost, len(shown), lost + len(shown))
sys.exit(0 if lost and shown and 0 <= lost + len(shown) - (12 * 2 * 3072 + 1) < 200 else 1)' <<<"$all" >"$dir/sum" ||
	fail "lost, shown and both together: wanted both and $((12 * 2 * 3072 + 1)), got: $(<"$dir/sum")"
nchecks=$((nchecks + 1))
! stat_is 0 events_lost_total || fail "stat: lost events are counted"

# An output that cannot be written, and a daemon that goes away.
"$bin/paclient" watch >/dev/full 2>"$dir/err" &
pid_full=$!
eventually "it ends with the first event" ended $pid_full
wait $pid_full
same 1 $? "watch >/dev/full"
usage 'one too many' watch ddr many
usage '--kind: "frobnicate" is not known; alloc, free, ' watch --kind alloc,frobnicate
usage '--kind: "" is not known' watch --kind alloc,
usage '--kind: "lost" is not known' watch --kind lost
usage '--kind: "unknown" is not known' watch --kind unknown
usage '--kind.*empty' watch --kind ''
usage '--count.*at least 1' watch --count 0
usage '--session.*number' watch --session x
usage 'no user' watch --user 'nobody here'
refused 5 NO_REGION watch nothere
eventually "nobody watches" stat_is 0 nwatchers
watchers=0
see last
daemon_stop
wait "$pid_last"
same 3 $? "the daemon goes away: exit code"
has "$(<"$dir/last.err")" '^paclient: watch: .' "the daemon goes away: message"
PACLIENT_SOCKET=$dir/nobody refused 3 NOT_CONNECTED watch
test_end
