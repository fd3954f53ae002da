#!/usr/bin/env bash
# place - where extents lie: every option of placement, what is refused, and what why and fit say
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
# out and err are set by run
# shellcheck disable=SC2154
daemon_start --region ddr,limit=64M,initial=16M,base=0x10000000 --region auto,limit=64M,auto-grow=2M \
	--region last,limit=64M,auto-grow=2M --region frag,limit=4M,initial=4M

# at WANT ARGUMENT... - paclient alloc must give this address
at() {
	local want=$1
	shift
	run 0 alloc "$@"
	same "$want" "$out" "alloc $*"
}

# refused CODE STATUS FIELD VERB ARGUMENT... - as JSON, naming the field; plain, one sentence
refused() {
	local code=$1 status=$2 field=$3
	shift 3
	run "$code" --json "$@"
	same "" "$out" "$*: standard output"
	json "$err" "j['error']['status'] == '$status' and j['error'].get('field', '') == '$field'" "$*"
	run "$code" "$@"
	has "$err" '^paclient: .' "$*: message"
	one_line "$err" "$*"
}

# usage PATTERN ARGUMENT...
usage() {
	local pattern=$1
	shift
	run 2 "$@"
	has "$err" "$pattern" "$*"
	run 2 --json "$@"
	json "$err" 'j["error"]["status"] == "USAGE"' "--json $*"
}

# Each option; the address that why names is the one that alloc gives.
at 0x10000000 ddr 1
at 0x10010000 ddr 1 --align 16
at 0x10100000 ddr 3 --align 1M
at 0x10011000 ddr 20 --lowest 0x10010000 --limit 0x10100000
at 0x100fc000 ddr 4 --limit 0x10100000 --strategy last
at 0x10ff0000 ddr 16 --strategy last
at 0x10200000 ddr 1 --lowest 0x101fffff
at 0x10001000 ddr 1 --strategy first
at 0x10030000 ddr 9 --boundary 16 --lowest 0x10004000 --limit 0x10200000 --align 8
at 0x10300000 ddr 2 --at 0x10300000
at 0x10400000 ddr 2 --near 0x10400000
at 0x10002000 ddr 2 --near 0x10300000
at 0x10500000 ddr 1 --at 273678336
run 0 alloc --json ddr 2 2M --align 2M --strategy last
json "$out" '[int(e["addr"], 16) % 0x200000 for e in j["extents"]] == [0, 0] and [e["npages"] for e in j["extents"]] == [2, 512]' "a batch under an alignment"
for options in "" "--align 64" "--align 256K --strategy last" "--boundary 4" "--boundary 16K --strategy last" \
	"--lowest 0x10234567" "--limit 0x10300000 --strategy last" "--near 0x10600000" "--near 0x10300000" \
	"--at 0x10700000" "--strategy first --align 2 --boundary 8 --lowest 0x10100000 --limit 0x10800000"; do
	# Several words are what is wanted.
	# shellcheck disable=SC2086
	run 0 why ddr 4 $options
	has "$out" '^fits at 0x[0-9a-f]+$' "why $options"
	where=$(sed -nE '1s/^fits at (.*)$/\1/p' <<<"$out")
	# shellcheck disable=SC2086
	at "$where" ddr 4 $options
	run 0 free ddr "$where:4"
done

# What is refused, and why; nothing changes by it.
before=$(used ddr)
refused 4 NOT_FREE addr alloc ddr 1 --at 0x10300000
run 4 alloc ddr 4 --json --at 0x102ff000
json "$err" 'j["error"]["addr"] in ("0x102ff000", "0x10300000")' "NOT_FREE: address"
refused 4 NOT_FREE addr alloc ddr 1 --at 0x11000000
refused 2 UNALIGNED addr alloc ddr 1 --at 0x10000800
refused 2 UNALIGNED addr alloc ddr 1 --near 0x10000801
refused 2 OUT_OF_REGION addr alloc ddr 1 --at 0x1000
refused 2 OUT_OF_REGION addr alloc ddr 1 --at 0x14000000
refused 2 OUT_OF_REGION addr alloc ddr 1 --near 0xffffffffffffffff
refused 2 OUT_OF_REGION addr alloc ddr 2 --at 0x13fff000
refused 2 INVALID align_npages alloc ddr 1 --align 3
refused 2 INVALID align_npages alloc ddr 1 --align 12K
refused 2 INVALID align_npages alloc ddr 1 --align 0xffffffffffffffff
refused 2 INVALID boundary_npages alloc ddr 1 --boundary 3
refused 2 INVALID boundary_npages alloc ddr 9 --boundary 8
refused 2 INVALID boundary_npages alloc ddr 1 64K --boundary 32K
refused 2 INVALID lowest_addr alloc ddr 1 --lowest 0x1000
refused 2 INVALID lowest_addr alloc ddr 1 --lowest 0x14000000
refused 2 INVALID limit_addr alloc ddr 1 --limit 0x10000000
refused 2 INVALID limit_addr alloc ddr 1 --limit 0x14000001
refused 2 INVALID limit_addr alloc ddr 1 --lowest 0x10200000 --limit 0x10100000
refused 2 INVALID limit_addr alloc ddr 1 --lowest 0x10200000 --limit 0x10200000
refused 2 INVALID addr alloc ddr 1 1 --at 0x10600000
refused 2 INVALID addr alloc ddr 1 1 --near 0x10600000
refused 2 INVALID addr alloc ddr 1 --at 0x10601000 --align 16
refused 2 INVALID addr alloc ddr 4 --at 0x1060e000 --boundary 16
refused 2 INVALID addr alloc ddr 1 --at 0x10600000 --limit 0x10500000
refused 2 INVALID addr alloc ddr 1 --at 0x10600000 --lowest 0x10700000
same "$before" "$(used ddr)" "refused: pages in use"
refused 2 INVALID align_npages why ddr 1 --align 3
refused 2 INVALID limit_addr fit ddr 1 --limit 0x20000000
refused 2 LIMIT npages why ddr 64T
refused 5 NO_REGION region why nothere 1
refused 5 NO_REGION region fit nothere 1

# A hint that contradicts the other options counts for nothing.
run 0 why ddr 1 --near 0x10601000 --align 16
has "$out" '^fits at 0x10[0-9a-f]+0000$' "a hint against the alignment"

# The command line.
usage '--align: "0" must be at least 1' alloc ddr 1 --align 0
usage '--align: "x" is not a number' why ddr 1 --align x
usage '--align: "1Q" has an unknown suffix' fit ddr 1 --align 1Q
usage '--align: 5 KiB is no whole number of pages of 4 KiB' alloc ddr 1 --align 5K
usage '--boundary: 1 KiB is no whole number of pages of 4 KiB' why ddr 1 --boundary 1K
usage '--boundary needs a value: --boundary N\|SIZE' alloc ddr 1 --boundary
usage '--lowest: "low" is not a number' alloc ddr 1 --lowest low
usage '--limit: below 0x0' alloc ddr 1 --limit 0
usage '--at: "-1" is not a number' alloc ddr 1 --at=-1
usage '--at and --near' alloc ddr 1 --at 0x10600000 --near 0x10600000
usage '--strategy: "worst" is not known; first, last and best are' alloc ddr 1 --strategy worst
usage 'unknown option --at' fit ddr 1 --at 0x10600000
usage 'unknown option --near' fit ddr 1 --near 0x10600000
usage 'unknown option --strategy' fit ddr 1 --strategy last
usage 'unknown option --align' free ddr 0x10000000 --align 1
usage 'name a region and a size: paclient why' why ddr
usage 'name a region and a size: paclient fit' fit
usage 'one too many' why ddr 1 2
usage 'one too many' fit ddr 1 2
usage '"0" is 0' why ddr 0
usage '"12x".*suffix' fit ddr 12x

# A region of 1024 pages: up to page 64 every second run of 8 pages is held, from page 8 on; the rest is free.
for ((page = 8; page < 64; page += 16)); do
	run 0 alloc frag 8 --at $((page * 4096))
done
run 0 fit frag 8
same $((4 + 120)) "$out" "fit"
run 0 fit frag 32K --limit 0x40000
same 4 "$out" "fit --limit"
run 0 fit frag 4 --limit 0x40000
same 8 "$out" "fit: side by side"
run 0 fit frag 9 --limit 0x40000
same 0 "$out" "fit: none"
run 0 fit frag 8 --align 64
same 16 "$out" "fit --align"
run 0 fit frag 3 --boundary 4 --limit 0x10000
same 2 "$out" "fit --boundary"
run 0 fit frag 512 --lowest 0x40000 --limit 0x240000
same 1 "$out" "fit --lowest"
run 0 --json fit frag 4K --limit 0x40000
json "$out" 'j == {"region": "frag", "page_size_bytes": 4096, "npages": 1, "bytes": 4096, "nextents": 32}' "fit --json"
run 0 --region frag fit 961
same 0 "$out" "fit --region"

keys='set("region page_size_bytes npages bytes fits addr grow_npages free_npages largest_npages placed_npages growable_npages short_npages aligned_npages bounded_npages quota quota_npages quota_short_npages would_fit".split())'
run 0 why frag 9 --json
json "$out" "set(j) == $keys and j['fits'] and j['addr'] == '0x40000' and j['grow_npages'] == 0" "why --json: fits"
json "$out" 'j["npages"] == 9 and j["bytes"] == 36864 and j["free_npages"] == 992 and j["largest_npages"] == 960' "why --json: fits"
run 4 why frag 20 --limit 0x41000 --json
json "$out" "set(j) == $keys and not j['fits'] and j['addr'] is None" "why --json: does not fit"
json "$out" 'j["placed_npages"] == 8 and j["short_npages"] == 12 and j["growable_npages"] == 0' "why --json: does not fit"
same "" "$err" "why: that it does not fit is a result"
run 4 why frag 20 --limit 0x40000
has "$out" '^does not fit: .*not where the placement allows' "why: the placement is in the way"
has "$out" '^would fit +without --limit$' "why: the bounds are in the way"
has "$out" '^alignment allows +960 pages' "why: aligned_npages"
has "$out" '^bounds allow +8 pages' "why: bounded_npages"
has "$out" '^placement allows +8 pages \(32 KiB\)$' "why: placed_npages"
has "$out" '^short by +12 pages \(48 KiB\)$' "why: short_npages"
run 4 why frag 970
has "$out" '^does not fit: enough pages are free, but not side by side$' "why: fragmented"
has "$out" '^would fit +in 3 extents: paclient alloc --scatter 3$' "why: fragmented"
run 4 why frag 1000
has "$out" '^does not fit: too few pages are free$' "why: full"
has "$out" '^would fit +with 40 more free pages beside the longest run$' "why: full"
run 4 why frag 8 --at 0x8000
has "$out" '^does not fit: not all of its pages from 0x8000 on are free$' "why --at"
has "$out" '^would fit +at another address$' "why --at"
run 4 why ddr 5000
has "$out" '^would fit +after paclient grow ddr 5000$' "why: growth by hand"
has "$out" '^may grow by +12288 pages' "why: growable_npages"

# NO_SPACE has the number that goes with the placement; without one there is none.
run 4 alloc frag 20 --limit 0x40000
has "$err" 'longest run 960, 8 where the placement allows' "NO_SPACE: placed_npages"
run 4 alloc frag 20 --limit 0x40000 --json
json "$err" 'j["error"]["status"] == "NO_SPACE" and j["error"]["placed_npages"] == 8' "NO_SPACE --json"
run 4 alloc frag 970 --json
json "$err" '"placed_npages" not in j["error"]' "NO_SPACE without a placement"
# All or nothing, and which entry.
before=$(used frag)
run 4 alloc frag 8 20 --limit 0x40000
has "$err" '^paclient: alloc: 20: ' "a batch: which entry"
same "$before" "$(used frag)" "a batch under a placement: all or none"

# Regions that grow by themselves: why says so and does not do it.
run 0 why auto 100
has "$out" '^fits at 0x0, after the region has grown by [0-9]+ pages' "why: growth"
run 0 why auto 100 --at 0x1000000 --json
json "$out" 'j["fits"] and j["addr"] == "0x1000000" and j["grow_npages"] >= 4196 - 4096' "why --at: growth"
run 0 --json info auto
json "$out" 'j["grown_npages"] == 0' "why does not grow the region"
at 0x0 auto 100
at 0x200000 auto 4 --at 0x200000
at 0x400000 auto 4 --align 4M --lowest 0x100000
run 0 fit last 1
same 0 "$out" "fit: growth does not count"
run 0 alloc last 4 --strategy last --limit 0x200000
has "$out" '^0x1fc000$' "last: growth"
test_end
