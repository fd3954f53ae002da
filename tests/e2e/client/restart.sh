#!/usr/bin/env bash
# restart - the daemon is killed outright and started again: exec keeps what it holds, replays go on, watches say so, commands wait
# shellcheck disable=SC2154,SC2317 # out and err are set by run; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"

options=(--store-dir "$dir/store" --restart-grace 3s --region "ddr,limit=16M,initial=16M,base=0x40000000"
	--region "gone,limit=1M,initial=1M,durability=none")

# It is no more; what it left lies there.
reborn() {
	daemon_kill
	daemon_start "${options[@]}"
}
exists() {
	[[ -e $1 ]]
}
# start NAME ARGUMENT... -- COMMAND - paclient exec in the background, until its command runs
start() {
	local name=$1
	shift
	rm -f "$dir/up"
	"$bin/paclient" exec "$@" >"$dir/$name.out" 2>"$dir/$name.err" &
	exec_pid=$!
	eventually "$name: the command runs" exists "$dir/up"
}

daemon_start "${options[@]}"
run 0 --json info ddr
json "$out" 'j["durability"] == "process" and j["generation"] == 1' "info --json"
run 0 info ddr
has "$out" '^durability +process: ' "info: durability"
has "$out" '^generation +1$' "info: generation"
run 0 info gone
has "$out" '^durability +none: ' "info: none"
run 0 regions
has "$out" '^ddr .*  none +process$' "regions"
run 0 alloc ddr 3 --name kept
kept=$out

# A command that holds pages outlives three daemons, and longer than one waits for its clients.
start long ddr 5 --name mine -- sh -c ": >$dir/up; while [ ! -e $dir/enough ]; do sleep 0.05; done; exit 33"
session() {
	local answer
	ask "$(exec "$bin/paclient" --json lookup ddr mine)" '(j["session"], j["npages"], j["state"])'
	echo "$answer"
}
before=$(session)
for round in 1 2 3; do
	reborn
	same "$before" "$(session)" "round $round: who holds what"
done
sleep 4 # the restart grace is over
same "$before" "$(session)" "after the restart grace"
run 0 --json lookup ddr kept
json "$out" "j['state'] == 'detached' and j['addr'] == int('$kept', 16) or j['addr'] == '$kept'" "detached"
touch "$dir/enough"
wait "$exec_pid"
same 33 $? "exec: exit code"
same "" "$(<"$dir/long.err")" "exec: nothing to say"
settles 3 ddr

# What a region does not keep is gone, and the command is told so.
start lost gone 5 -- sh -c "trap 'exit 9' TERM; : >$dir/up; while :; do sleep 0.05; done"
reborn
wait "$exec_pid"
has "$?" '^(3|5)$' "exec: what it held is gone: exit code"
has "$(<"$dir/lost.err")" '^paclient: .' "exec: why"
settles 0 gone

# Thousands of allocs, daemons dying under them: each is done once.
for ((i = 0; i < 20; i++)); do
	echo "0 open $i"
done >"$dir/replay"
for ((i = 0; i < 12000; i++)); do
	echo "$i alloc $((i % 20)) $i $((i % 3 + 1))"
	((i < 40)) || echo "$i free $(((i - 40) % 20)) $((i - 40)) 0 $(((i - 40) % 3 + 1))"
done >>"$dir/replay"
"$bin/paclient" --json --wait-for-daemon --timeout 20s replay --check --no-progress ddr "$dir/replay" >"$dir/replay.out" 2>"$dir/replay.err" &
replay_pid=$!
nkills=0
while kill -0 "$replay_pid" 2>/dev/null && ((nkills < 20)); do
	sleep 0.0$((RANDOM % 10))
	reborn
	nkills=$((nkills + 1))
done
wait "$replay_pid"
same 0 $? "replay over $nkills restarts: exit code: $(head -c 500 "$dir/replay.err")"
echo "the daemon was killed $nkills times under the replay"
settles 3 ddr

# A watch goes on, and says that something may be missing.
"$bin/paclient" watch ddr --kind alloc --count 2 >"$dir/watch.out" 2>"$dir/watch.err" &
watch_pid=$!
watching() {
	"$bin/paclient" alloc ddr 1 >/dev/null
	grep -q alloc "$dir/watch.out"
}
eventually "watch: begins" watching
reborn
said_lost() {
	grep -q ' lost ' "$dir/watch.out"
}
eventually "watch: lost" said_lost
run 0 alloc ddr 1
wait "$watch_pid"
same 0 $? "watch: exit code: $(<"$dir/watch.err")"

# Who begins while there is no daemon: refused at once, or waits.
daemon_kill
run 3 ping
has "$err" 'no daemon answers' "ping"
run 3 --wait-for-daemon --timeout 200ms ping
has "$err" 'none has come in time' "ping in vain"
"$bin/paclient" --wait-for-daemon --timeout 20s info ddr >"$dir/info.out" 2>&1 &
wait_pid=$!
daemon_start "${options[@]}"
wait "$wait_pid"
same 0 $? "--wait-for-daemon: exit code: $(<"$dir/info.out")"
test_end
