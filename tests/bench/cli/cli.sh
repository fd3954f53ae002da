#!/usr/bin/env bash
# cli - what `paclient alloc` takes as a whole process, beside `redis-cli INCR` over a Unix socket: cli.sh BUILD [BLOCKS RUNS GOAL].
# Exit code 1 where it takes more than GOAL times as long; 0 is no goal at all.
set -uo pipefail
build=$1 blocks=${2:-20} runs=${3:-50} goal=${4:-1.5}
bin=$build/bin
for tool in redis-server redis-cli; do
	command -v $tool >/dev/null || {
		echo "$tool is missing (tests/setup.sh long): nothing to compare with"
		exit 77
	}
done
dir=$(mktemp -d)
pids=()
cleanup() {
	for pid in "${pids[@]}"; do
		kill "$pid"
		wait "$pid"
	done 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
export PACLIENT_SOCKET=$dir/pallocd.sock

# answers COMMAND... - within 10 seconds
answers() {
	for ((i = 0; i < 100; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	echo "FAILED: no answer: $*"
	exit 1
}
"$bin/pallocd" --socket "$PACLIENT_SOCKET" --region ddr,limit=1G,initial=1G 2>/dev/null &
pids+=($!)
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --dir "$dir" >/dev/null &
pids+=($!)
answers "$bin/paclient" ping
answers redis-cli -s "$dir/redis.sock" PING
"$bin/bench_cli" "$blocks" "$runs" "$goal" "$bin/paclient" alloc ddr 1 -- "$(command -v redis-cli)" -s "$dir/redis.sock" INCR n
