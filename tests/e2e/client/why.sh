#!/usr/bin/env bash
# why - what "would fit" says is so: each remedy is tried
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
# out and err are set by run
# shellcheck disable=SC2154
daemon_start --region frag,limit=4M,initial=4M --region ddr,limit=32M,initial=4M,base=0x10000000

# fixes NAME VALUE ARGUMENT... - of `why --json ARGUMENT...`, would_fit says so
fixes() {
	local name=$1 value=$2
	shift 2
	run 4 why --json "$@"
	json "$out" "j['would_fit']['$name'] == $value" "why $*: $name"
}

# Pages 0 to 63: runs of 8, every second one held. From page 64 on every 64th page is held: runs of 63.
for ((page = 8; page < 64; page += 16)); do
	run 0 alloc frag 8 --at $((page * 4096))
done
for ((page = 64; page < 1024; page += 64)); do
	run 0 alloc frag 1 --at $((page * 4096))
done

keys='set("another_address without_alignment without_bounds without_placement align_npages grow_npages extents quota_npages quota_limit_npages detached".split())'
run 4 why --json frag 64
json "$out" "set(j['would_fit']) == $keys" "why: keys"
run 0 why --json frag 1
json "$out" 'j["would_fit"] is None' "why: it fits"

# The alignment: none of 64 pages fits, and the largest that does is found.
run 4 why frag 20 --align 64
has "$out" '^would fit +with --align 32$' "a smaller alignment, in pages"
run 4 why frag 20 --align 1M
has "$out" '^would fit +with --align 128K$' "a smaller alignment, in bytes"
fixes align_npages 32 frag 20 --align 256K
run 0 why frag 20 --align 32
run 4 why frag 63 --align 2
has "$out" '^would fit +without --align$' "no alignment at all"
run 0 why frag 63
fixes without_alignment True frag 63 --align 2
fixes without_bounds False frag 63 --align 2
run 4 why frag 63 --boundary 64 --align 2
has "$out" '^would fit +without --align and --boundary$' "no alignment, no boundary"

# The bounds.
run 4 why frag 20 --limit 0x40000
has "$out" '^would fit +without --limit$' "no bounds"
fixes without_bounds True frag 20 --lowest 0x8000 --limit 0x40000
run 4 why frag 20 --lowest 0x8000 --limit 0x40000
has "$out" '^would fit +without --lowest and --limit$' "no bounds"
# Neither alone is enough; both together are.
run 4 why frag 63 --align 64 --limit 0x40000
has "$out" '^would fit +without all these conditions; none of them is enough alone$' "neither"
fixes without_placement True frag 63 --align 64 --limit 0x40000
fixes without_placement False frag 64 --align 64 --limit 0x40000

# The address.
run 4 why frag 20 --at 0x8000
has "$out" '^would fit +at another address$' "another address"
fixes another_address True frag 20 --at 0x8000
fixes another_address False frag 64 --at 0x8000

# Several extents: as many as it says are enough.
run 4 why frag 300
many=$(sed -nE 's/^would fit +in ([0-9]+) extents: paclient alloc --scatter ([0-9]+)$/\2/p' <<<"$out")
same 1 "$((many > 0))" "extents"
run 0 alloc frag 300 --scatter "$many"
mapfile -t extents <<<"$out"
run 0 free frag "${extents[@]}"
fixes extents 0 frag 1000

# Growth: what it says is enough, around holes and under conditions.
grows() {
	local npages
	run 4 why ddr "$@"
	npages=$(sed -nE 's/^would fit +after paclient grow ddr ([0-9]+)$/\1/p' <<<"$out")
	same "${want_grow?}" "$npages" "grow for: $*"
	[[ $npages ]] || return 0
	run 0 grow ddr "$npages"
	grown=$(sed -nE 's/^(0x[0-9a-f]+): ([0-9]+) pages.*/\1:\2/p' <<<"$out")
	run 0 why ddr "$@"
	has "$out" '^fits at 0x[0-9a-f]+$' "after growing: $*"
	run 0 shrink ddr "$grown"
}
run 0 alloc ddr 1024
want_grow=600 grows 600
want_grow=600 grows 600 --strategy last
want_grow=1124 grows 100 --align 8M
want_grow=612 grows 100 --boundary 512 --lowest 0x105fffff
want_grow=300 grows 300 --limit 0x1052c000
want_grow='' grows 300 --limit 0x1052b000
want_grow=400 grows 100 --at 0x1052c000
run 0 reserve ddr 0x10500000:16
want_grow=572 grows 300
want_grow=200 grows 200
want_grow='' grows 100 --at 0x10501000
run 0 drain ddr 0x10600000:512
want_grow=1524 grows 500
want_grow='' grows 7000
run 0 reserve ddr 0x10500000:16 --undo
# Only so much as there is room for at the upper end.
run 0 grow ddr 512 --at 0x11e00000
want_grow='' grows 600
test_end
