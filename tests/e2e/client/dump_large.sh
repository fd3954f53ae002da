#!/usr/bin/env bash
# dump_large - very many extents are written and read as a stream; a region that changes while it is dumped is told of
# shellcheck disable=SC2154,SC2317 # out and err are set by run; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
dump=$dir/dump

# Address space of a command, in KiB. A tree of JSON of all lines would need more than twice as much; the extents need 5 MiB.
SPACE_KIB=65536
daemon_start --region ids,limit=256K,initial=256K,page-size=1,durability=none
ones=()
for ((i = 0; i < 3072; i++)); do ones+=(1); done
for ((i = 0; i < 32; i++)); do
	run 0 alloc ids "${ones[@]}"
done
run 0 free ids 0x100 0x200 0x300

within() {
	(ulimit -v "$SPACE_KIB" && "$bin/paclient" "$@")
}
within dump --output "$dump" || fail "dump within $SPACE_KIB KiB"
within list ids >"$dir/live" || fail "list within $SPACE_KIB KiB"
within --from "$dump" list ids >"$dir/kept" || fail "list --from within $SPACE_KIB KiB"
nchecks=$((nchecks + 3))
same 98302 "$(wc -l <"$dir/live")" "list: lines"
cmp "$dir/live" "$dir/kept" || fail "list --from is another one"
"$bin/paclient" dump | within --from - map ids >"$dir/kept" || fail "map --from a pipe within $SPACE_KIB KiB"
same "$(exec "$bin/paclient" map ids)" "$(<"$dir/kept")" "map --from a pipe"

# Somebody is at work there until we have seen that the dump says so.
touch "$dir/work"
(while [[ -e $dir/work ]]; do "$bin/paclient" free ids "$(exec "$bin/paclient" alloc ids 1)"; done) >/dev/null 2>&1 &
worker=$!
changed() {
	"$bin/paclient" dump --output "$dump" 2>"$dir/err"
	[[ $(<"$dir/err") == "paclient: dump: region ids changed while it was read: "* ]]
}
eventually "a dump of a region that changes" changed
rm "$dir/work"
wait "$worker"
has "$(sed -n '/"kind": "region"/p' "$dump")" '"settled": false' "the dump says it, too"
run 0 --from "$dump" info ids
same "paclient: region ids changed while it was dumped" "$err" "and so does who reads it"
run 0 dump --output "$dump"
same "" "$err" "a region that does not change"
has "$(sed -n '/"kind": "region"/p' "$dump")" '"settled": true' "a region that does not change"
test_end
