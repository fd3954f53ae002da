#!/usr/bin/env bash
# shrink - a region loses space, keeps some of it back, and gets some again: shrink, drain, reserve, grow --at
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
# out and err are set by run
# shellcheck disable=SC2154
daemon_start --region ddr,limit=16M,initial=8M,base=0x10000000 \
	--region holes,limit=16M,initial=4M,base=0x20000000,reserve=0x20010000:64K,reserve=0x20800000:2M \
	--region zero,limit=4M,initial=4M

# refused CODE STATUS ARGUMENT... - plain: one line; as JSON: nothing on standard output
refused() {
	local code=$1 status=$2
	shift 2
	run "$code" "$@"
	same "" "$out" "$*: standard output"
	one_line "$err" "$*"
	run "$code" --json "$@"
	same "" "$out" "--json $*: standard output"
	json "$err" "j['error']['status'] == '$status' and j['error']['message']" "--json $*"
}

# shape GROWN RESERVED DRAINED REGION - the three lists, as "addr+npages ..."
shape() {
	run 0 --json info "$4"
	json "$out" "' | '.join(' '.join('%s+%d' % (r['addr'], r['npages']) for r in j[k]) for k in ('ranges', 'reserved', 'drained')) == '$1 | $2 | $3'" "info $4"
}

# From the upper end, out of the middle, and back.
run 0 shrink ddr 512
same "0x10600000: 512 pages taken out (2 MiB)" "$out" "shrink"
run 0 shrink ddr 0x10200000:512 --json
json "$out" 'j == {"region": "ddr", "page_size_bytes": 4096, "addr": "0x10200000", "npages": 512, "bytes": 2097152}' "shrink ADDR:NPAGES --json"
shape "0x10000000+512 0x10400000+512" "" "" ddr
run 0 --json map ddr --width 3 --lines 1
json "$out" 'j["npages"] == 1536 and j["grown_npages"] == [512, 0, 512]' "map: a gap"
run 0 --json stat ddr
json "$out" 'j["shrinks_total"] == 2 and j["grown_npages"] == 1024 and j["limit_npages"] == 4096' "stat: shrinks"
refused 2 INVALID shrink ddr 0x10200000:512
refused 2 INVALID shrink ddr 100
refused 2 INVALID shrink ddr 0x10001000:512
refused 2 UNALIGNED shrink ddr 0x10000800:1024
refused 2 OUT_OF_REGION shrink ddr 0x1000:512
refused 2 USAGE shrink ddr
refused 2 USAGE shrink ddr 0
refused 2 USAGE shrink ddr 512 512
refused 2 USAGE shrink zero 0x0:512
has "$("$bin/paclient" shrink zero 0x0:512 2>&1)" 'from 0x0 on cannot be asked for' "shrink: address 0"
run 0 grow ddr 512 --at 0x10200000
same "0x10200000: 512 pages added (2 MiB)" "$out" "grow --at"
shape "0x10000000+1536" "" "" ddr
refused 2 INVALID grow ddr 512 --at 0x10200000
refused 2 INVALID grow ddr 512 --at 0x10601000
refused 2 OUT_OF_REGION grow ddr 512 --at 0x1000
refused 2 USAGE grow ddr 512 --at 0x0
run 0 grow ddr 512 --at 0x10a00000
shape "0x10000000+1536 0x10a00000+512" "" "" ddr
run 0 shrink ddr 2M
shape "0x10000000+1536" "" "" ddr

# Extents in the way are named.
run 0 alloc ddr 3 --at 0x10210000
run 0 alloc ddr 1 --at 0x10220000
refused 4 IN_USE shrink ddr 0x10200000:512
json "$err" 'j["error"]["nextents"] == 2 and j["error"]["extents"] == [{"addr": "0x10210000", "npages": 3}, {"addr": "0x10220000", "npages": 1}]' "IN_USE --json: extents"
run 4 shrink ddr 0x10200000:512
has "$err" '0x10210000' "IN_USE: the first extent"
has "$err" '0x10220000' "IN_USE: the second extent"
for ((i = 0; i < 20; i++)); do
	run 0 alloc ddr 1 --at $((0x10300000 + i * 0x2000))
done
refused 4 IN_USE shrink ddr 0x10200000:512
json "$err" 'j["error"]["nextents"] == 22 and len(j["error"]["extents"]) == 8' "IN_USE --json: many extents"
for ((i = 0; i < 20; i++)); do
	run 0 free ddr $((0x10300000 + i * 0x2000))
done

# Drained: what is there stays, nothing new comes, and what is freed stays unused.
run 0 drain ddr 0x10200000:512
has "$out" '^2 extents are left, with 4 pages of the range$' "drain"
same "0x10210000:3 0x10220000:1" "$(tail -n +2 <<<"$out" | xargs)" "drain: what is left"
run 0 drain ddr 0x10200000+2M --json
json "$out" 'j["drained"] and j["nextents"] == 2 and j["left_npages"] == 4 and j["npages"] == 512' "drain --json"
json "$out" 'j["extents"] == [{"addr": "0x10210000", "npages": 3}, {"addr": "0x10220000", "npages": 1}]' "drain --json: extents"
shape "0x10000000+1536" "" "0x10200000+512" ddr
run 4 alloc ddr 1 --at 0x10230000
run 4 alloc ddr 1 --lowest 0x10200000 --limit 0x10400000
run 0 free ddr 0x10220000
run 4 alloc ddr 1 --at 0x10220000
run 0 info ddr
has "$out" '^held back +509 pages' "info: held"
has "$out" '^drained +1$' "info: drained"
has "$out" '^  0x000010200000 \+ 512 pages \(2 MiB\)$' "info: the drained range"
run 0 --json stat ddr
json "$out" 'j["held_npages"] == 509 and j["detached_npages"] == 3 and j["free_npages"] == 1024' "stat --json: held"
run 0 --json info ddr
json "$out" 'j["held_npages"] == 509 and j["used_npages"] == 3 and j["free_npages"] == 1024' "info --json: what is held back is neither used nor free"
run 0 regions
has "$out" '^ddr +4 KiB +16 MiB +6 MiB +12 KiB +4 MiB +0\.2' "regions: what is held back is neither used nor free"

# Waiting: until the last one goes, or the time is up.
run 7 drain ddr 0x10200000:512 --wait --timeout 100ms
has "$out" '^1 extent is left, with 3 pages of the range$' "drain --wait: time out"
same "" "$err" "drain --wait: what is left is a result"
run 7 drain ddr 0x10200000:512 --wait --timeout 100ms --json
json "$out" 'j["nextents"] == 1' "drain --wait --json: time out"
(sleep 0.3 && "$bin/paclient" free ddr 0x10210000:3 >/dev/null) &
run 0 drain ddr 0x10200000:512 --wait --timeout 30s
same "nothing is left in the range" "$out" "drain --wait"
wait $!
run 0 shrink ddr 0x10200000:512
shape "0x10000000+512 0x10400000+512" "" "" ddr
run 0 grow ddr 512 --at 0x10200000
at=$(exec "$bin/paclient" alloc ddr 1 --lowest 0x10200000)
same 0x10200000 "$at" "what has grown again is not drained"
run 0 free ddr "$at"

# Undone, in part.
run 0 drain ddr 0x10200000:100
same "nothing is left in the range" "$out" "drain: an empty range"
run 0 drain ddr 0x10200000:50 --undo
same "the range may be used again" "$out" "drain --undo"
shape "0x10000000+1536" "" "0x10232000+50" ddr
refused 2 INVALID drain ddr 0x10200000:50 --undo
run 0 drain ddr 0x10232000:50 --undo --json
json "$out" 'not j["drained"]' "drain --undo --json"
refused 2 OUT_OF_REGION drain ddr 0x1000:1
refused 2 UNALIGNED drain ddr 0x10000001:1
refused 2 USAGE drain ddr
refused 2 USAGE drain ddr 0x10000000:1 0x10001000:1
refused 2 USAGE drain ddr 0x10000000:0
refused 2 USAGE drain ddr 0x10000000:1 --undo --wait
refused 5 NO_REGION drain nothere 0x1000:1

# Holes: those of the configuration, and more.
shape "0x20000000+1024" "0x20010000+16 0x20800000+512" "" holes
run 0 alloc holes 16
same 0x20000000 "$out" "holes: below"
run 0 alloc holes 16
same 0x20020000 "$out" "holes: above"
run 4 alloc holes 1 --at 0x20010000
refused 4 IN_USE reserve holes 0x20000000:32
json "$err" 'j["error"]["nextents"] == 1 and j["error"]["extents"] == [{"addr": "0x20000000", "npages": 16}]' "reserve: in use"
run 0 reserve holes 0x20030000:4
same "0x20030000:4 reserved" "$out" "reserve"
run 0 reserve holes 0x20f00000+1M --json
json "$out" 'j == {"region": "holes", "page_size_bytes": 4096, "addr": "0x20f00000", "npages": 256, "bytes": 1048576, "reserved": True}' "reserve --json: beyond what is grown"
shape "0x20000000+1024" "0x20010000+16 0x20030000+4 0x20800000+512 0x20f00000+256" "" holes
run 0 reserve holes 0x20030000:4 --undo
same "0x20030000:4 no longer reserved" "$out" "reserve --undo"
refused 2 INVALID reserve holes 0x20030000:4 --undo
run 0 alloc holes 1 --at 0x20030000
refused 2 UNALIGNED reserve holes 0x20000001:4
refused 2 OUT_OF_REGION reserve holes 0x1000:4
refused 2 USAGE reserve holes
refused 2 USAGE reserve holes 0x20000000:4 --wait
# What grows over a hole has it.
run 0 grow holes 10M
run 4 alloc holes 1 --at 0x20800000
run 0 alloc holes 1 --at 0x20a00000
run 0 --json info holes
json "$out" 'j["held_npages"] == 16 + 512' "holes: grown"
test_end
