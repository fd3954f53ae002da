#!/usr/bin/env bash
# async - the examples of event loops and threads, with hundreds of calls in flight: all of them end, a daemon that is killed in between is not noticed,
# and what is cancelled leaves nothing behind
# shellcheck disable=SC2154,SC2317 # out and err are set by run; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"

options=(--store-dir "$dir/store" --region "ddr,limit=64M,initial=64M,base=0x40000000")
nothing_held() {
	[[ $("$bin/paclient" --json list ddr | jq '.extents | length') == 0 ]]
}
pages_held() {
	"$bin/paclient" --json stat ddr | jq -e '[.. | objects | .session_npages? // 0] | add > 0' >/dev/null
}

daemon_start "${options[@]}"
for loop in epoll uv thread; do
	# Long enough for a daemon to die in the middle of it.
	"$bin/async-$loop" ddr 300 60000 >"$dir/out" 2>"$dir/err" &
	program=$!
	eventually "$loop: pages are held" pages_held
	daemon_kill
	daemon_start "${options[@]}"
	wait "$program"
	same 0 $? "$loop: exit code: $(<"$dir/err")"
	has "$(<"$dir/out")" '^60000 pairs, 0 calls failed, the connection was made anew [1-9]' "$loop: what it says"
	eventually "$loop: nothing is held" nothing_held
done
for loop in epoll uv; do
	"$bin/async-$loop" ddr 300 100000000 >"$dir/out" 2>"$dir/err" &
	program=$!
	eventually "$loop: pages are held" pages_held
	kill -INT "$program"
	wait "$program"
	same 0 $? "$loop: exit code after SIGINT: $(<"$dir/err")"
	has "$(<"$dir/out")" '^[0-9]+ pairs, [0-9]+ calls failed' "$loop: what it says after SIGINT"
	eventually "$loop: nothing is held after SIGINT" nothing_held
done
daemon_stop
run_program() {
	"$bin/async-epoll" ddr 8 8 >"$dir/out" 2>"$dir/err"
}
run_program
same 1 $? "no daemon: exit code"
has "$(<"$dir/err")" 'no daemon answers' "no daemon: what it says"
test_end
