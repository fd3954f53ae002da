#!/usr/bin/env bash
# trace - paclient trace: what several clients do at random is recorded, and replayed to the same counts and addresses; what it
# says when it cannot go on, and what it makes of what it has missed
# shellcheck disable=SC2154,SC2317 # out and err are set by run; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
export XDG_RUNTIME_DIR=$dir/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
seed=${SEED:-$RANDOM}
echo "seed $seed (SEED=$seed)"
daemon_start --region ddr,limit=1G,initial=1M,auto-grow=1M,base=0x100000000 --region keep,limit=1G,initial=1M,auto-grow=1M,death=keep \
	--region later,limit=1G,initial=1M,auto-grow=1M,base=0x200000000,death=quarantine,quarantine=20ms
load=$build/tests/trace_load

# pages REGION - which pages are held, whatever extents they are in: how many, and a digest of them
pages() {
	ask "$(exec "$bin/paclient" --json list "$1")" '(lambda pages: str(len(pages)) + " " + __import__("hashlib").sha1(repr(sorted(pages)).encode()).hexdigest())([p for e in j["extents"] for p in range(int(e["addr"], 16), int(e["addr"], 16) + e["npages"] * 4096, 4096)])'
	echo "${answer#= }"
}

# empty REGION - all of it is given back
empty() {
	ask "$(exec "$bin/paclient" --json list "$1")" '" ".join(e["addr"] + ":" + str(e["npages"]) for e in j["extents"])'
	xargs -r -n 200 "$bin/paclient" free "$1" >/dev/null <<<"${answer#=}" || fail "$1 cannot be emptied"
	settles 0 "$1"
}

# replay_to FILE REGION WANT - what is held at the end of a replay: a line at the end keeps it from ending at once
replay_to() {
	local pid
	{ sed 's/^[0-9][0-9]*/0/' "$1"; echo "60000000 open 999999"; } >"$dir/held.workload"
	"$bin/paclient" replay "$2" "$dir/held.workload" --exact --realtime >"$dir/held.out" 2>&1 &
	pid=$!
	eventually "$2: the same pages are held at the end" all_there "$2" "$3"
	kill "$pid"
	wait "$pid" 2>/dev/null
	[[ $2 != keep ]] || empty keep
	settles 0 "$2"
}
all_there() {
	[[ $(pages "$1") == "$2" ]]
}

# Placed by first fit from an empty region: the addresses follow from the lengths.
run 0 trace start ddr --output "$dir/plain"
has "$out" "^ddr: recording ddr into $dir/plain\$" "start says what it does"
"$load" plain ddr "$seed" || fail "the clients have failed"
settles 0 ddr
run 0 trace stop --json
stopped=$out
json "$stopped" "j['state'] == 'complete' and j['reason'] == 'stopped' and j['lost'] == 0 and j['restarts'] == 0 and j['events'] > 1000" "plain: stop"
same "$(stat -c %s "$dir/plain")" "$(ask "$stopped" 'j["bytes"]'; echo "${answer#= }")" "plain: bytes"
run 0 replay --json --check ddr "$dir/plain"
json "{\"r\": $out, \"t\": $stopped}" "all(j['r'][k] == j['t'][k] for k in ['sessions', 'allocs', 'frees', 'peak_npages']) and j['r']['failed'] == 0" "plain: same counts"
json "$out" "j['check'] == 'ok' and j['addresses'] == {'compared': j['allocs'], 'different': 0, 'incomparable': None}" "plain: same addresses"
settles 0 ddr
has "$(head -1 "$dir/plain")" "^# workload ddr: page 4096; [0-9]+ sessions, [0-9]+ allocs, [0-9]+ frees, peak [0-9]+ pages +\$" "plain: the first line"

# --check must be able to fail: an address is changed.
sed '0,/^#: at .*/s//#: at 0x10ff00000/' "$dir/plain" >"$dir/changed"
run 1 replay --json --check ddr "$dir/changed"
json "$out" "j['addresses']['different'] == 1 and 'the recording has 0x10ff00000' in j['check']" "an address that differs"

# Other readers see a workload of the old form: what is more is in comments.
grep -v '^#' "$dir/plain" >"$dir/bare"
run 0 replay --json --check ddr "$dir/bare"
json "$out" "j['check'] == 'ok' and j['failed'] == 0 and j['addresses']['compared'] == 0" "without the comments"
settles 0 ddr

# Anything, in regions that do one thing or another with what dead sessions held, and with what is held before, and is at the end.
# Exactly, it is all where it was.
anything() {
	local region=$1 base=$2 file=$dir/any.$1 stopped wanted
	run 0 alloc "$region" 10 20 30
	run 0 free "$region" "$((base + 0xa000)):20"
	hold early "$region" 25
	run 0 trace start "$region" --output "$file"
	"$load" any "$region" "$((seed + 1))" || fail "$region: the clients have failed"
	let_go "$holder"
	eventually "$region: all sessions have ended" stat_is 0 session_npages "$region"
	wanted=$(pages "$region")
	run 0 trace stop --json
	stopped=$out
	json "$stopped" "j['state'] == 'complete' and j['lost'] == 0" "$region: stop"
	has "$(<"$file")" "^#: held ${env_early[ADDR]}\$" "$region: what a session held at the start"
	has "$(<"$file")" '^#: handed 0x' "$region: another owner"
	empty "$region"
	replay_to "$file" "$region" "$wanted"
	run 0 replay --json --exact --check "$region" "$file"
	json "{\"r\": $out, \"t\": $stopped}" "all(j['r'][k] == j['t'][k] for k in ['sessions', 'allocs', 'frees', 'peak_npages']) and j['r']['failed'] == 0 and j['r']['check'] == 'ok'" "$region: same counts"
}
anything ddr $((0x100000000))
run 0 replay --json --check ddr "$dir/any.ddr"
json "$out" "j['check'] == 'ok' and j['failed'] == 0 and j['addresses']['compared'] == 0 and 'in use' in j['addresses']['incomparable']" "no addresses to compare"
anything keep 0
anything later $((0x200000000))
# It begins in the midst of it: what the list of extents has seen and what came as events fit together, and nothing is missing.
events_come() { ask "$(exec "$bin/paclient" --json trace status ddr)" "j['recordings'][0]['events'] > 200"; [[ $answer == "= True" ]]; }
some_sessions() { ask "$(exec "$bin/paclient" --json stat)" "j['nsessions'] > 2"; [[ $answer == "= True" ]]; }
for round in 1 2; do
	touch "$dir/go-on"
	"$load" any ddr "$((seed + 10 + round))" "$dir/go-on" &
	pid=$!
	eventually "the clients are busy" some_sessions
	run 0 trace start ddr --output "$dir/midst.$round"
	eventually "they still are" events_come
	rm "$dir/go-on"
	wait $pid || fail "the clients have failed"
	eventually "all sessions have ended" stat_is 0 session_npages ddr
	wanted=$(pages ddr)
	run 0 trace stop --json
	json "$out" "j['state'] == 'complete' and j['lost'] == 0" "in the midst: stop"
	empty ddr
	replay_to "$dir/midst.$round" ddr "$wanted"
	run 0 replay --json --exact --check ddr "$dir/midst.$round"
	json "$out" "j['check'] == 'ok' and j['failed'] == 0" "in the midst: replay"
done

# In a region that begins elsewhere it is as far from its beginning.
run 0 replay --json --exact --check ddr "$dir/any.later"
json "$out" "j['check'] == 'ok' and j['failed'] == 0" "in a region that begins elsewhere"
usage 'holds no addresses' replay --exact ddr "$dir/bare"
settles 0 ddr
test_end
