#!/usr/bin/env bash
# scatter - one size in several extents, best fit, and how free pages are cut up
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
# out and err are set by run
# shellcheck disable=SC2154
daemon_start --region frag,limit=4M,initial=4M --region best,limit=4M,initial=4M,best-fit=yes \
	--region auto,limit=8M,auto-grow=2M

# A region of 1024 pages: up to page 64 every second run of 8 pages is held, from page 8 on; the rest is free.
for ((page = 8; page < 64; page += 16)); do
	run 0 alloc frag 8 --at $((page * 4096))
done

# The histogram: four runs of 8 pages, one of 960; 32 of 992 free pages lie outside of the longest run.
for verb in stat info; do
	run 0 "$verb" frag
	has "$out" '^fragmentation +3\.2 % \(share of the free pages that lie outside of the longest run\)$' "$verb: fragmentation"
	has "$out" '^free runs of so many pages +RUNS +PAGES +SIZE$' "$verb: heading"
	has "$out" '^  8 to 15 +4 +32 +128 KiB$' "$verb: runs of 8 pages"
	has "$out" '^  512 to 1023 +1 +960 +3\.75 MiB$' "$verb: the long run"
	same 2 "$(grep -cE '^  [0-9]+( to [0-9]+)? +[0-9]' <<<"$out")" "$verb: rows"
	run 0 "$verb" frag --json
	json "$out" 'j["fragmentation_ppm"] == 32 * 1000000 // 992 and j["largest_npages"] == 960' "$verb --json: fragmentation"
	json "$out" 'len(j["free_runs"]) == 10 and [r["nruns"] for r in j["free_runs"] if r["nruns"]] == [4, 1]' "$verb --json: runs"
	json "$out" 'j["free_runs"][3] == {"shortest_npages": 8, "longest_npages": 15, "nruns": 4, "npages": 32}' "$verb --json: a row"
	json "$out" 'sum(r["npages"] for r in j["free_runs"]) == j["free_npages"] == 992' "$verb --json: the sum"
done

# In one extent where that is possible; otherwise the longest first; what is printed goes to free as it is.
run 0 alloc frag 8 --scatter 4
same 0x0:8 "$out" "scatter: one extent is enough"
run 0 free frag "$out"
run 0 alloc frag 970 --scatter 3
same 970 "$(awk -F: '{n += $2} END {print n}' <<<"$out")" "scatter: pages in all"
has "$out" '^0x40000:960$' "scatter: the longest run"
nchecks=$((nchecks + 1))
(($(wc -l <<<"$out") <= 3)) || fail "scatter: wanted 3 extents at most: $out"
settles 1002 frag
mapfile -t extents <<<"$out"
run 0 free frag "${extents[@]}"
same "970 pages freed (3.79 MiB)" "$out" "scatter: free takes what alloc prints"
run 0 alloc frag 992 --scatter 5 --json
json "$out" 'j["npages"] == 992 and len(j["extents"]) == 5 and sum(e["npages"] for e in j["extents"]) == 992' "scatter --json"
json "$out" 'all(e["bytes"] == 4096 * e["npages"] for e in j["extents"])' "scatter --json: bytes"
run 0 stat frag
has "$out" '^fragmentation +0\.0 %' "nothing free: fragmentation"
same 0 "$(grep -cE '^  [0-9]+( to [0-9]+)? +[0-9]' <<<"$out")" "nothing free: rows"
run 0 --json stat frag
json "$out" 'j["free_runs"] == [] and j["fragmentation_ppm"] == 0' "nothing free: stat --json"
run 4 alloc frag 1 --scatter 9
for ((page = 0; page < 64; page += 16)); do
	run 0 free frag "$((page * 4096)):8"
done
run 0 free frag 0x40000:960
settles 32 frag

# All or nothing, and what is refused.
run 4 alloc frag 992 --scatter 4 --json
json "$err" 'j["error"]["status"] == "NO_SPACE" and j["error"]["free_npages"] == 992' "scatter: too few extents"
run 4 alloc frag 993 --scatter 100
settles 32 frag
run 2 alloc frag 1 2 --scatter 2
has "$err" '^paclient: alloc: --scatter takes one size, "2" is one too many$' "scatter: two sizes"
run 2 alloc frag 1 --scatter 0
has "$err" 'must be at least 1' "scatter: none"
run 2 alloc frag 1 --scatter 18446744073709551615
has "$err" 'at most 3072 may be' "scatter: beyond reason"
run 2 alloc frag 1 --scatter 3073 --json
json "$err" 'j["error"]["status"] == "LIMIT" and j["error"]["limit"] == 3072' "scatter: more than a reply holds"
run 2 alloc frag 1 --scatter 2 --at 0x0 --json
json "$err" 'j["error"]["status"] == "INVALID"' "scatter: a fixed address is for one extent"
run 2 why frag 1 --scatter 2
has "$err" 'unknown option --scatter' "scatter is alloc's"

# A placement goes for each extent.
run 0 alloc frag 24 --scatter 8 --limit 0x40000 --align 4
same 24 "$(awk -F: '{n += $2} END {print n}' <<<"$out")" "scatter with a placement: pages"
while IFS=: read -r addr npages; do
	nchecks=$((nchecks + 1))
	((addr % 0x4000 == 0 && addr + npages * 4096 <= 0x40000)) || fail "scatter with a placement: $addr:$npages"
done <<<"$out"
mapfile -t extents <<<"$out"
run 0 free frag "${extents[@]}"
settles 32 frag

# A region that grows by itself grows for it.
run 0 alloc auto 700 --scatter 4
same 700 "$(awk -F: '{n += $2} END {print n}' <<<"$out")" "scatter: growth"

# An output that cannot be written: nobody holds what nobody knows of.
"$bin/paclient" alloc frag 970 --scatter 3 >/dev/full 2>"$dir/err"
same 1 $? "scatter >/dev/full"
settles 32 frag

# Best fit: the lowest of the shortest runs that fit. Runs of 8, 4 and 2 pages, the rest one long run.
for at in 8 13 16; do
	run 0 alloc best 1 --at $((at * 4096))
done
run 0 info best
has "$out" '^best fit +yes$' "info: best fit"
for want in 0xe000:2 0x9000:4 0x0:8; do
	run 0 alloc best "${want#*:}" --strategy best
	same "${want%:*}" "$out" "best fit for ${want#*:} pages"
done
run 0 why best 2 --strategy best
has "$out" '^fits at 0x11000$' "best fit: only the long run is left"
run 0 info frag
has "$out" '^best fit +no$' "info: no best fit"
run 2 alloc frag 1 --strategy best --json
json "$err" 'j["error"]["status"] == "INVALID" and j["error"]["field"] == "strategy"' "best fit in a region without it"
test_end
