#!/usr/bin/env bash
# replay - paclient replay: real workloads, a small one whose numbers are known, and files that are wrong
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
# out and err are set by run
# shellcheck disable=SC2154
daemon_start --region ddr,limit=4G,initial=1M,auto-grow=16M --region small,limit=2M,initial=2M

printf '%s\n' '# small' '0 open 1' '10 alloc 1 1 100' '20 open 2' '30 alloc 2 2 50' '40 free 1 1 10 20' \
	'50 free 1 1 0 10' '50 alloc 2 3 7' '60 free 1 1 90 10' '70 close 1' '80 close 2' >"$dir/small"
run 0 replay --region ddr "$dir/small" --check
has "$out" '^sessions +2$' "small: sessions"
has "$out" '^allocs +3$' "small: allocs"
has "$out" '^frees +3$' "small: frees"
has "$out" '^peak +150 pages' "small: peak"
has "$out" '^failed +0$' "small: failures"
has "$out" '^check +ok$' "small: check"
has "$out" '^alloc +p50 [0-9.]+ p90 [0-9.]+ p99 [0-9.]+ p99\.9 [0-9.]+ max [0-9.]+ us$' "small: latencies"
run 0 replay --json ddr "$dir/small"
json "$out" 'j["sessions"] == 2 and j["allocs"] == 3 and j["frees"] == 3 and j["peak_npages"] == 150' "small --json"
json "$out" 'list(j["alloc_ns"]) == ["p50", "p90", "p99", "p999", "max"] and j["failures"] == {} and j["failed"] == 0' "small --json"
json "$out" '0 < j["alloc_ns"]["p50"] <= j["alloc_ns"]["p99"] <= j["alloc_ns"]["max"]' "small --json: percentiles"
settles 0 ddr

# From standard input, and one whose sessions are not closed.
"$bin/paclient" replay ddr - <"$dir/small" >"$dir/out" 2>&1
same 0 $? "from standard input"
head -4 "$dir/small" >"$dir/open"
run 0 replay ddr "$dir/open" --check
settles 0 ddr

# In real time it takes as long as it took.
printf '0 open 1\n400000 alloc 1 1 1\n' >"$dir/slow"
run 0 replay --json --realtime ddr "$dir/slow"
json "$out" '0.4 <= j["seconds"] < 3' "--realtime"

# What does not fit fails, is counted, and what depends on it is skipped.
printf '%s\n' '0 open 1' '1 alloc 1 1 400' '2 alloc 1 2 400' '3 free 1 2 0 400' '4 free 1 1 0 400' '5 alloc 1 3 500' \
	'6 close 1' >"$dir/full"
run 4 replay --json small "$dir/full"
json "$out" 'j["failures"] == {"NO_SPACE": 1} and j["skipped"] == 1 and j["allocs"] == 2 and j["frees"] == 1' "no space"
json "$err" 'j["error"]["status"] == "NO_SPACE" and j["error"]["largest_npages"] == 112' "no space: the first failure"
run 4 replay small "$dir/full" --check
has "$out" '^  NO_SPACE +1$' "no space: by status"
has "$out" '^skipped +1' "no space: skipped"
settles 0 small
run 5 replay nothere "$dir/small"

# --check must be able to fail: somebody else takes pages while it runs. It has two sessions: one of its own, one replayed.
printf '0 open 1\n1500000 alloc 1 1 1\n' >"$dir/slower"
("$bin/paclient" --timeout 2s replay --realtime --check small "$dir/slower" >"$dir/out" 2>"$dir/err"; echo $? >"$dir/code") &
for ((i = 0; i < 100; i++)); do
	"$bin/paclient" --json stat | grep >/dev/null '"nsessions": 3' && break
	sleep 0.01
done
run 0 alloc small 5
wait $!
same 1 "$(<"$dir/code")" "--check: pages that are not ours remain"
has "$(<"$dir/err")" '0 pages were in use before, 5 are now' "--check: says so"
run 0 free small 0x0:5

# wrong PATTERN LINE... - a file of these lines is refused before anything happens
wrong() {
	local pattern=$1
	shift
	printf '%s\n' "$@" >"$dir/wrong"
	run 2 replay ddr "$dir/wrong"
	has "$err" "$pattern" "a file of: $*"
	same "" "$out" "a file of: $*"
}
wrong 'wrong:1: "now" is not a time' 'now open 1'
wrong 'wrong:2: time goes back, from 5 to 4' '5 open 1' '4 open 2'
wrong 'wrong:1: "begin" is none of open' '0 begin 1'
wrong 'wrong:1: "" is none of open' '0'
wrong 'wrong:1: 1 fields.*T open SESSION' '0 open'
wrong 'wrong:1: 3 fields.*T open SESSION' '0 open 1 2'
wrong 'wrong:1: "" is not a number' '0 open '
wrong 'wrong:2: .*fields.*T alloc SESSION ID NPAGES' '0 open 1' '0 alloc 1  1 5'
wrong 'wrong:1: "x" is not a number' '0 open x'
wrong 'wrong:1: "99999999999999999999" does not fit' '0 open 99999999999999999999'
wrong 'wrong:2: session 1 was opened before' '0 open 1' '0 open 1'
wrong 'wrong:1: session 3 is not open' '0 alloc 3 1 1'
wrong 'wrong:3: session 1 is closed' '0 open 1' '0 close 1' '0 alloc 1 1 1'
wrong 'wrong:3: extent 1 was allocated before' '0 open 1' '0 alloc 1 1 1' '0 alloc 1 1 1'
wrong 'wrong:2: an alloc of 0 pages' '0 open 1' '0 alloc 1 1 0'
wrong 'wrong:2: extent 1 was never allocated' '0 open 1' '0 free 1 1 0 1'
wrong 'wrong:4: extent 1 is another session' '0 open 1' '0 open 2' '0 alloc 1 1 1' '0 free 2 1 0 1'
wrong 'wrong:3: extent 1 has only 5 pages' '0 open 1' '0 alloc 1 1 5' '0 free 1 1 3 3'
wrong 'wrong:3: extent 1 has only 5 pages' '0 open 1' '0 alloc 1 1 5' '0 free 1 1 5 1'
wrong 'wrong:3: extent 1 has only 5 pages' '0 open 1' '0 alloc 1 1 5' '0 free 1 1 18446744073709551615 2'
wrong 'wrong:3: a free of 0 pages' '0 open 1' '0 alloc 1 1 5' '0 free 1 1 0 0'
wrong 'wrong:4: some page of extent 1 was freed' '0 open 1' '0 alloc 1 1 5' '0 free 1 1 1 2' '0 free 1 1 2 2'
wrong 'wrong holds nothing' '# empty'
wrong 'wrong:1: an address, and no #: region before it' '#: at 0x0'
wrong 'wrong:1: it should read: #: region NAME base ADDR page BYTES' '#: region x base 0x0 page'
wrong 'wrong:1: it should read: #: region' '#: region x base 0x0 page 0'
wrong 'wrong:1: it should read: #: region' '#: region x base y page 4096'
wrong 'wrong:2: it should read: #: placed ADDR' '#: region x base 0x1000 page 4096' '#: placed'
wrong 'wrong:2: 0x1001 is no page' '#: region x base 0x1000 page 4096' '#: held 0x1001'
wrong 'wrong:2: 0x0 is no page' '#: region x base 0x1000 page 4096' '#: handed 0x0'
wrong 'wrong:1: it should read: #: lost N' '#: lost many'
# What a newer recorder notes is a comment, and what others do is one anyway.
printf '%s\n' '#: colour red' '#:' '#x' '# at 5' '0 open 1' '0 alloc 1 1 1' >"$dir/newer"
run 0 replay ddr "$dir/newer" --check
printf '0 open 1\n0 \0\n' >"$dir/nul"
run 2 replay ddr "$dir/nul"
has "$err" 'nul:2: a NUL byte' "a file that is no text"
run 2 replay ddr "$dir/nothere"
has "$err" "cannot open $dir/nothere" "no file"
run 1 replay ddr "$dir"
has "$err" 'cannot read' "a folder"
run 2 replay --json ddr "$dir/wrong"
json "$err" 'j["error"]["status"] == "USAGE"' "a wrong file, as JSON"

# Recordings of real programs: all that are there.
shopt -s nullglob
files=("$top"/tests/data/workloads/*.workload)
((${#files[@]})) || echo "no recordings in tests/data/workloads: only the small ones were replayed"
for file in "${files[@]}"; do
	run 0 replay --json --check ddr "$file"
	summary=$(head -1 "$file")
	json "$out" "'%d sessions, %d allocs, %d frees, peak %d pages' % (j['sessions'], j['allocs'], j['frees'], j['peak_npages']) in '''$summary''' and j['check'] == 'ok'" "$file: as its first line says"
	settles 0 ddr
done
test_end
