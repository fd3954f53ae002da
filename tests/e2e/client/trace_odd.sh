#!/usr/bin/env bash
# trace_odd - paclient trace where something is in its way: limits, a full disk, a recorder that is too slow or dies, a daemon that
# is started again or gone, several at once, and command lines that are wrong. Whatever has ended it, the file can be replayed.
# shellcheck disable=SC2154,SC2317 # out and err are set by run; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
export XDG_RUNTIME_DIR=$dir/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
regions=(--region "ddr,limit=1G,initial=64M" --region "other,limit=4M,initial=4M")
daemon_start "${regions[@]}"

# work REGION N - N events and as many again, of one session
work() {
	{
		echo "0 open 1"
		for ((i = 1; i <= $2; i++)); do
			printf '0 alloc 1 %d 3\n0 free 1 %d 0 3\n' $i $i
		done
	} >"$dir/work"
	"$bin/paclient" replay "$1" "$dir/work" >/dev/null || fail "the work in $1 cannot be done"
}

# replayed FILE - it is a workload, whole to its last line
replayed() {
	run 0 replay --json --check ddr "$1"
	json "$out" "j['failed'] == 0 and j['check'] == 'ok'" "$1 can be replayed"
	same "" "$(tail -c 1 "$1" | tr -d '\n')" "$1 ends with a line"
}

# state_is WHAT NAME
state_is() {
	ask "$(exec "$bin/paclient" --json trace status --name "$2")" "j['recordings'][0]['$1']"
	[[ $answer == "= $3" ]]
}

# Command lines that are wrong; nothing is left of them.
usage 'paclient trace start.stop.status' trace
usage 'is none of start, stop, status' trace begin ddr
usage '\-\-output FILE' trace start ddr
usage 'one too many' trace start ddr ddr --output "$dir/x"
usage 'as there are 2' trace start --output "$dir/x"
usage 'at least 4096' trace start ddr --output "$dir/x" --max-bytes 100
usage 'cannot be the name' trace start ddr --output "$dir/x" --name a/b
usage 'go with start' trace stop --max-bytes 1M
touch "$dir/there"
usage 'there already' trace start ddr --output "$dir/there"
refused 5 NO_REGION trace start nothere --output "$dir/x"
refused 1 SYSTEM trace start ddr --output "$dir/no/x"
refused 5 NOT_FOUND trace stop
refused 5 NOT_FOUND trace status nothere
same "" "$(ls -A "$XDG_RUNTIME_DIR/paclient"; ls "$dir/x" 2>/dev/null)" "nothing is left of what has not begun"
run 0 trace status --json
json "$out" "j == {'recordings': []}" "no recordings"
run 0 trace status
same "nothing is recorded" "$err" "no recordings, for people"
# Who waits for the end of what start has written does not wait for the recorder, whatever it has inherited.
same "ddr: recording ddr into $dir/pipe" "$( { "$bin/paclient" trace start ddr --output "$dir/pipe" 3>&1; } | cat)" "start ends its output"
run 0 trace stop
chmod 777 "$XDG_RUNTIME_DIR/paclient"
refused 1 SYSTEM trace start ddr --output "$dir/x"
chmod 700 "$XDG_RUNTIME_DIR/paclient"

# Several at once, each of its region, by name; one that runs already.
run 0 trace start ddr --output "$dir/one"
run 0 trace start other --output "$dir/two"
run 0 trace start ddr --output "$dir/three" --name again
refused 2 USAGE trace start ddr --output "$dir/four"
same "" "$(ls "$dir/four" 2>/dev/null)" "nothing is made for one that does not start"
refused 2 USAGE trace stop
work other 2
run 0 trace status --json
json "$out" "[(r['name'], r['region'], r['state']) for r in j['recordings']] == [('again', 'ddr', 'recording'), ('ddr', 'ddr', 'recording'), ('other', 'other', 'recording')]" "status"
run 0 trace stop other --json
json "$out" "j['events'] == 4 and j['allocs'] == 2 and j['frees'] == 2 and j['sessions'] == 1 and j['file'] == '$dir/two'" "stop: of one region alone"
run 0 trace stop --name again
has "$out" '^state +complete: stopped$' "stop, by name"
run 0 trace stop
has "$out" '^recording +ddr$' "stop: the only one"

# The socket is named from the folder that it was started in; for another connection, too.
paclient=$(realpath "$bin/paclient")
(cd "$dir" && "$paclient" trace start ddr --socket sock --output rel) >/dev/null
daemon_kill
daemon_start "${regions[@]}"
eventually "the recorder watches again" stat_is 1 nwatchers
work ddr 4
run 0 trace stop --json
json "$out" "j['allocs'] == 4 and j['restarts'] == 1 and j['file'] == '$dir/rel'" "a socket that is named from a folder"

# In the foreground, until a signal.
env --default-signal=INT "$bin/paclient" trace start ddr --output "$dir/fore" --foreground --json >"$dir/fore.out" 2>&1 &
pid=$!
eventually "the foreground records" state_is state ddr recording
work ddr 5
kill -INT $pid
wait $pid
same 0 $? "foreground: exit code"
json "$(<"$dir/fore.out")" "j['state'] == 'complete' and j['events'] == 10" "foreground: what it says"
replayed "$dir/fore"
same "" "$(ls -A "$XDG_RUNTIME_DIR/paclient")" "nothing is left of what is over"

# A limit, and a disk that is full; for want of one, files that may not get longer.
run 0 trace start ddr --output "$dir/limit" --max-bytes 8K
work ddr 1000
eventually "it ends by itself" state_is state ddr complete
run 0 trace stop --json
json "$out" "j['reason'] == '--max-bytes' and 7000 < j['bytes'] <= 8192" "--max-bytes"
replayed "$dir/limit"
(ulimit -f 10; exec "$bin/paclient" trace start ddr --output "$dir/full") >/dev/null
work ddr 2000
eventually "it ends by itself" state_is state ddr failed
run 1 trace stop --json
json "$out" "j['reason'] == 'cannot write: File too large' and j['bytes'] <= 10240" "no room"
json "$err" "'File too large' in j['error']['message']" "no room: says so"
replayed "$dir/full"

# A recorder that dies.
run 0 trace start ddr --output "$dir/dead"
work ddr 10
eventually "it has been written" test "$(grep -c alloc "$dir/dead")" -ge 10
ask "$(exec "$bin/paclient" --json trace status)" "j['recordings'][0]['pid']"
kill -KILL "${answer#= }"
eventually "it is seen to be dead" state_is state ddr died
run 1 trace stop --json
json "$out" "j['state'] == 'died'" "a dead recorder"
json "$err" "'has died' in j['error']['message']" "a dead recorder: says so"
replayed "$dir/dead"
refused 5 NOT_FOUND trace stop

# One that is too slow, as it does not run: the daemon's ring of events has room for 32768. What has changed meanwhile is made up for.
run 0 alloc ddr 100 50
run 0 trace start ddr --output "$dir/slow"
ask "$(exec "$bin/paclient" --json trace status)" "j['recordings'][0]['pid']"
pid=${answer#= }
kill -STOP "$pid"
work ddr 25000
run 0 free ddr 0x0:30
run 0 alloc ddr 7 --at 0x2000000
work ddr 100
kill -CONT "$pid"
run 0 trace stop --json
json "$out" "j['lost'] > 1000 and j['restarts'] == 0 and j['state'] == 'complete'" "lost events are told"
has "$(grep '^#: lost' "$dir/slow")" '^#: lost [0-9]+$' "and marked"
has "$(<"$dir/slow")" '^#: placed 0x2000000$' "what came meanwhile"
run 0 free ddr 0x1e000:120 0x2000000:7
run 0 replay --json --check --exact ddr "$dir/slow"
json "$out" "j['failed'] == 0 and j['check'] == 'ok' and j['recording']['lost'] > 1000" "a recording with a gap"

# A daemon that is started again, and one that is gone.
hold stays ddr 12
run 0 trace start ddr --output "$dir/again"
daemon_kill
# What a command said last, as it ended, may not have been read any more: its session has its grace then, too.
daemon_start --restart-grace 10s "${regions[@]}"
run 0 alloc ddr 9 --at 0x3000000
eventually "the holder is there again" stat_is 0 ngrace
run 0 trace stop --json
json "$out" "j['restarts'] == 1 and j['lost'] == 0 and j['state'] == 'complete'" "a restart is told"
has "$(<"$dir/again")" '^#: restart$' "and marked"
run 0 free ddr 0x3000000:9
let_go "$holder"
settles 0 ddr
run 0 replay --json --check --exact ddr "$dir/again"
json "$out" "j['failed'] == 0 and j['check'] == 'ok' and j['recording']['restarts'] == 1 and j['allocs'] == 2" "a recording over a restart"
run 0 trace start ddr --output "$dir/gone" --timeout 1s
work ddr 3
daemon_stop
run 0 trace stop --json
json "$out" "j['allocs'] == 3 and j['state'] == 'complete'" "it ends without a daemon, too"
daemon_start "${regions[@]}"
replayed "$dir/gone"
test_end
