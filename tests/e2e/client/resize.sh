#!/usr/bin/env bash
# resize - extents change where they are: resize, split, join, and what is refused
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
# out and err are set by run
# shellcheck disable=SC2154
daemon_start --region 'ddr,limit=4M,initial=2M,base=0x10000000,allow=*:alloc' --region auto,limit=4M,initial=2M,auto-grow=2M

# refused CODE STATUS ARGUMENT... - and nothing changes by it
refused() {
	local code=$1 status=$2 before
	shift 2
	before=$(used ddr)
	run "$code" --json "$@"
	same "" "$out" "$*: standard output"
	json "$err" "j['error']['status'] == '$status' and j['error']['message']" "$*"
	run "$code" "$@"
	one_line "$err" "$*"
	same "$before" "$(used ddr)" "$*: pages in use"
}

run 0 alloc ddr 4 --at 0x10010000
run 0 resize ddr 0x10010000 10
same 0x10010000:10 "$out" "resize: longer"
settles 10 ddr
run 0 resize ddr 0x10010000 16K
same 0x10010000:4 "$out" "resize: shorter, a size in bytes"
settles 4 ddr
run 0 resize ddr 0x10010000 8 --lower
same 0x1000c000:8 "$out" "resize --lower: longer"
run 0 resize ddr 0x1000c000 2 --lower --json
json "$out" 'j == {"region": "ddr", "page_size_bytes": 4096, "addr": "0x10012000", "npages": 2, "bytes": 8192, "scavenged_npages": 0, "cleared_npages": 0}' "resize --lower --json: shorter"
run 0 resize ddr 0x10012000 2
same 0x10012000:2 "$out" "resize: no change"
settles 2 ddr

# As far as the neighbour, and not beyond it.
run 0 alloc ddr 1 --at 0x10016000
run 0 resize ddr 0x10012000 4
refused 4 NOT_FREE resize ddr 0x10012000 5
run 4 resize ddr 0x10012000 100 --json
json "$err" 'j["error"]["addr"] == "0x10016000"' "resize: the page in the way"
refused 4 NOT_FREE resize ddr 0x10016000 2 --lower
refused 2 INVALID resize ddr 0x10013000 5
json "$("$bin/paclient" --json resize ddr 0x10013000 5 2>&1)" 'j["error"]["addr"] == "0x10012000"' "resize: where the extent begins"
refused 6 NOT_ALLOCATED resize ddr 0x10000000 5
refused 2 UNALIGNED resize ddr 0x10012001 5
refused 2 OUT_OF_REGION resize ddr 0x1000 5
refused 5 NO_REGION resize nothere 0x1000 5
refused 2 USAGE resize ddr 0x10012000 0
refused 2 USAGE resize ddr 0x10012000
refused 2 USAGE resize ddr low 4
refused 2 USAGE resize ddr 0x10012000 4 5
refused 2 USAGE resize ddr 0x10012000 4 --upper
run 0 free ddr 0x10012000:5
settles 0 ddr

# What another user holds.
if other_user; then
	run 0 alloc ddr 2
	said=$(
		exec 2>"$dir/err"
		"$other" resize ddr "$out" 3
		echo $?
		"$other" split ddr $((out + 4096))
		echo $?
		"$other" join ddr "$out:2"
		echo $?
	)
	same "6 6 6" "${said//$'\n'/ }" "NOT_OWNER: exit codes"
	run 0 free ddr "$out:2"
fi
settles 0 ddr

# The upper end: a region that grows by itself grows for it.
run 0 alloc auto 1 --at 0x1ff000
run 0 resize auto 0x1ff000 100
same 0x1ff000:100 "$out" "resize: growth"
run 0 --json info auto
json "$out" 'j["grown_npages"] == 1024' "resize: growth"
run 0 alloc ddr 1 --at 0x101ff000
refused 4 NOT_FREE resize ddr 0x101ff000 2
run 0 free ddr 0x101ff000

# One becomes two, and two become one.
run 0 alloc ddr 10
run 0 split ddr 0x10003000
same "0x10000000:3 0x10003000:7" "${out//$'\n'/ }" "split"
run 0 split ddr 0x10008000 --json
json "$out" 'j["npages"] == 7 and j["extents"] == [{"addr": "0x10003000", "npages": 5, "bytes": 20480}, {"addr": "0x10008000", "npages": 2, "bytes": 8192}]' "split --json"
run 0 --json stat ddr
json "$out" 'j["nextents"] == 3 and j["detached_npages"] == 10' "split: extents"
refused 2 INVALID split ddr 0x10003000
refused 6 NOT_ALLOCATED split ddr 0x10100000
refused 2 UNALIGNED split ddr 0x10001001
refused 2 USAGE split ddr
refused 2 USAGE split ddr 0x10001000 0x10002000
refused 2 USAGE split ddr there
refused 2 INVALID join ddr 0x10000000:5
refused 2 INVALID join ddr 0x10001000:7
refused 6 NOT_ALLOCATED join ddr 0x10003000:8
refused 2 USAGE join ddr
refused 2 USAGE join ddr 0x10000000:3 0x10003000:5
run 0 join ddr 0x10000000:12K
same 0x10000000:3 "$out" "join of one"
# An extent cannot grow over its upper neighbour, until both are one.
refused 4 NOT_FREE resize ddr 0x10000000 4
run 0 join ddr 0x10000000+32K
same 0x10000000:8 "$out" "join"
run 0 join ddr 0x10000000:10 --json
json "$out" 'j == {"region": "ddr", "page_size_bytes": 4096, "addr": "0x10000000", "npages": 10, "bytes": 40960, "joined": 2}' "join --json"
run 0 --json stat ddr
json "$out" 'j["nextents"] == 1' "join: extents"
run 0 resize ddr 0x10000000 20
run 0 free ddr "$out"
settles 0 ddr
test_end
