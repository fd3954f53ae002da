#!/usr/bin/env bash
# map_large - the map of more pages than the daemon counts for one request is put together from several
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# 200 MiB of pages of one byte: 209715200 pages, three times what one reply stands for.
daemon_start --region ids,limit=200M,page-size=1,initial=200M

run 0 alloc ids 100000000
run 0 alloc ids 12345
run 0 alloc ids 80000000
run 0 free ids 0x0:100000000

for size in "8 2" "1 1" "7 1" "64 16" "3 1"; do
	read -r width lines <<<"$size"
	run 0 map ids --json --width "$width" --lines "$lines"
	json "$out" 'sum(j["used_npages"]) == 80012345' "map of $width x $lines cells: used"
	json "$out" 'sum(j["grown_npages"]) == 209715200 == j["npages"]' "map of $width x $lines cells: grown"
	json "$out" 'all(g == j["cell_npages"] for g in j["grown_npages"][:-1])' "map of $width x $lines cells: equal"
	json "$out" 'j["used_npages"][0] == max(0, j["cell_npages"] - 100000000) or len(j["used_npages"]) < 4' "map: the first is free"
done
run 0 map ids --ascii --width 10 --lines 1
has "$out" '^0x0+  \.\.[-+]##[-+.]? +[0-9]+ %$|^0x0+  [-.+#]+ +38 %$' "map: the picture"
test_end
