#!/usr/bin/env bash
# full - the store's file system has no room: changes are refused, reads and ends of sessions go on, it works again by itself when there is
# room, and what was acknowledged outlives a kill
# shellcheck disable=SC2154,SC2317 # out and err are set by run; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../e2e/client/lib.sh" "$@"

mkdir "$dir/small"
if ! mount -t tmpfs -o size=8m none "$dir/small" 2>"$dir/mount"; then
	echo "skipped: a small file system cannot be mounted: $(<"$dir/mount")"
	exit 77
fi
trap 'umount -l "$dir/small"; cleanup' EXIT
options=(--store-dir "$dir/small/store" --region "ddr,limit=4G,initial=4G,base=0x40000000")

# What is written is long, so that the store has to grow soon: 128 extents at a time, whose addresses are acknowledged.
label=$(printf '%0120d' 0)
read -ra ones <<<"$(printf '1 %.0s' {1..128})"
: >"$dir/acknowledged"
more() {
	"$bin/paclient" --timeout 2s alloc ddr "${ones[@]}" --label "$label" >"$dir/new" 2>"$dir/err" || return
	cat "$dir/new" >>"$dir/acknowledged"
}
# Refused, not waiting for its reply.
refused_at_once() {
	! more && grep -q 'cannot be written down' "$dir/err"
}

daemon_start "${options[@]}"
hold mine ddr 3
dd if=/dev/zero of="$dir/small/filler" bs=64k 2>/dev/null
for ((i = 0; i < 500; i++)); do
	more || break
done
if ((i == 500)); then fail "64000 extents fit into a store without room"; fi
eventually "changes are refused" refused_at_once

# What changes nothing is answered, and says how it is.
first=$(head -n 1 "$dir/acknowledged")
run 0 info ddr
run 0 list ddr
run 0 stat
has "$out" '^store +FAILS: .*[Nn]o space' "stat: why the store fails"
run 1 free ddr "$first" 1
has "$err" 'cannot be written down' "free: refused"
# A session that ends gives back what it held.
let_go "$holder"
ended() {
	(($("$bin/paclient" --json sessions | jq '.sessions | length') <= 1))
}
eventually "the session has ended" ended

rm "$dir/small/filler"
eventually "there is room again: changes are made" more
run 0 stat
has "$out" '^store +ok' "stat: the store works"

kill -KILL "$daemon"
wait "$daemon" 2>/dev/null
daemon=""
daemon_start "${options[@]}"
"$bin/paclient" --json list ddr | jq -r '.extents[].addr' | sort >"$dir/there"
same 0 "$(sort "$dir/acknowledged" | comm -23 - "$dir/there" | wc -l)" "acknowledged, and not there"
# A request that was given up while its reply was held may have been done.
more_than=$(($(wc -l <"$dir/there") - $(wc -l <"$dir/acknowledged")))
has "$more_than" '^(0|128)$' "there, and not acknowledged"
test_end
