#!/usr/bin/env bash
# bench - paclient bench: what it says, what it refuses, that nothing stays whatever ends it; and the bar that it and others have
# shellcheck disable=SC2154,SC2317 # out and err are set by run; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
daemon_start --region ddr,limit=64M,initial=2M,auto-grow=2M --region slow,limit=4M,initial=4M

# As a table and as an object; the region is afterwards as it was before.
run 0 bench ddr --duration 100ms
has "$err" '^taking and giving back extents of 1 page in ddr for 0.1 s: at most 1 of its 512 free pages at once, and nothing stays$' "it says what it will do"
has "$out" '^region +ddr$' "region"
has "$out" '^clients +1, each with 1 request in flight$' "clients"
has "$out" '^pairs +[0-9]+, [0-9]+ per second$' "pairs"
has "$out" '^microseconds +p50 +p99 +p99\.9 +max$' "the table's heading"
has "$out" '^alloc +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$' "alloc"
has "$out" '^free +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$' "free"
run 0 --json bench ddr --npages 64K --clients 3 --depth 4 --duration 200ms
same "" "$err" "--json: standard error"
json "$out" "j['region'] == 'ddr' and j['npages'] == 16 and j['clients'] == 3 and j['depth'] == 4 and j['pairs'] > 12 and not j['interrupted']" "--json"
json "$out" "all(list(j[k]) == ['p50', 'p99', 'p999', 'max'] and 0 < j[k]['p50'] <= j[k]['p99'] <= j[k]['p999'] <= j[k]['max'] for k in ['alloc_ns', 'free_ns'])" "--json: latencies"
json "$out" "abs(j['pairs_per_second'] * j['seconds'] - j['pairs']) < 2 and j['seconds'] >= 0.2" "--json: rate"
settles 0 ddr
run 0 info ddr --json
json "$out" "j['grown_npages'] == 512" "the region has not grown"
run 0 stat ddr --json
json "$out" "j['allocs_total'] == j['frees_total'] > 0" "each alloc has its free"

# What does not fit is refused before anything happens, also where it would fit but for holes.
refused 4 NO_SPACE bench ddr --npages 200 --clients 3
has "$plain" '3 extents of 200 pages .* room for 2 without growing' "no space"
run 0 alloc ddr 64 --at 0xe0000
refused 4 NO_SPACE bench ddr --npages 300
run 0 free ddr 0xe0000:64
usage 'name a region' bench
usage 'one too many' bench ddr ddr
usage 'above 256' bench ddr --clients 257
usage 'above 64' bench ddr --depth 65
usage 'above 1024' bench ddr --clients 256 --depth 5
usage 'above 1h' bench ddr --duration 2h
usage 'must be at least 1' bench ddr --npages 0
refused 5 NO_REGION bench nothere

# A signal ends it: it still says how far it got, and nothing stays.
for signal in INT TERM; do
	env --default-signal=INT "$bin/paclient" bench ddr --json --clients 4 --npages 10 --duration 1min >"$dir/out" 2>"$dir/err" &
	pid=$!
	eventually "it is under way" stat_is 5 nsessions
	kill -$signal $pid
	wait $pid
	same 130 $? "SIG$signal: exit code"
	json "$(<"$dir/out")" "j['interrupted'] and j['seconds'] < 30" "SIG$signal: the report"
	eventually "its sessions are over" stat_is 1 nsessions
	settles 0 ddr
done

# What fails ends it: somebody takes all that there is.
"$bin/paclient" bench slow --json --npages 500 --duration 1min >"$dir/out" 2>"$dir/err" &
pid=$!
eventually "it is under way" stat_is 2 nsessions
run 0 alloc slow 600 --wait 20s
wait $pid
same 4 $? "no space: exit code"
json "$(<"$dir/err")" "j['error']['status'] == 'NO_SPACE'" "no space: the error"
json "$(<"$dir/out")" "not j['interrupted']" "no space: the report"

# The bar: on a terminal alone, when a second has passed, as wide as fits, and gone at the end. Some know how far they are, some do not.
printf '0 open 1\n1400000 alloc 1 1 1\n' >"$dir/slow"
# A daemon that takes its time.
python3 "$here/late_proxy.py" "$dir/late" "$PACLIENT_SOCKET" 1.4 &
pid=$!
eventually "the proxy listens" test -S "$dir/late"
replay=(replay ddr "$dir/slow" --realtime)
mapfile -t seen < <(python3 "$here/progress.py" 100 "$bin/paclient" "${replay[@]}" -- 60 "$bin/paclient" "${replay[@]}" -- \
	100 "$bin/paclient" "${replay[@]}" --no-progress -- 100 "$bin/paclient" ping -- \
	100 "$bin/paclient" drain slow 0x0+4M --wait --timeout 1400ms -- 100 "$bin/paclient" --socket "$dir/late" check -- \
	100 "$bin/paclient" bench ddr --json --duration 1400ms)
kill $pid
has "${seen[0]}" '^\\rreplay \[#{20} {20}\] +50% 1s\\x1b\[K.*\\r\\x1b\[K$' "a bar, and the line is empty again"
has "${seen[1]}" '^\\rreplay \[#{13} {13}\] +50% 1s\\x1b\[K' "a narrow bar"
same "" "${seen[2]}" "--no-progress"
same "" "${seen[3]}" "what does not take long has no bar"
has "${seen[4]}" '^\\rdrain \[ {40}\] +0% 1s\\x1b\[K' "drain --wait"
has "${seen[5]}" '^\\rcheck \.\.\. 1s\\x1b\[K' "check"
has "${seen[6]}" '^\\rbench \[#{2,40} *\] +[0-9]+% 1s\\x1b\[K' "bench"
run 0 replay ddr "$dir/slow" --realtime
same "" "$err" "no terminal, no bar"
test_end
