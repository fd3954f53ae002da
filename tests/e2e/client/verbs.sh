#!/usr/bin/env bash
# verbs - every verb of paclient, plain and as JSON, against a daemon
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
# out and err are set by run
# shellcheck disable=SC2154
daemon_start --region ddr,limit=64M,initial=16M,base=0x10000000 --region hbm,limit=8G,page-size=2M

run 0 regions
has "$out" '^REGION .* PAGE .* LIMIT' "regions: heading"
has "$out" '^ddr +4 KiB +64 MiB +16 MiB +0 B +16 MiB +0\.0  0x10000000 +none +process$' "regions: ddr"
has "$out" '^hbm +2 MiB +8 GiB +0 B' "regions: hbm"
run 0 regions --json
json "$out" '[r["name"] for r in j["regions"]] == ["ddr", "hbm"]' "regions --json"
json "$out" 'j["regions"][0]["base_addr"] == "0x10000000"' "regions --json"
json "$out" 'set(j["regions"][0]) == set("name id base_addr page_size_bytes limit_npages grown_npages used_npages free_npages held_npages auto_grow_npages best_fit faulted rights death quarantine_ms low_npages backing backing_page_bytes commit sanitize releases durability generation".split())' "regions --json: keys"

run 0 info ddr
has "$out" 'grown +4096 pages \(16 MiB\)' "info"
has "$out" '0x000010000000 \+ 4096 pages' "info: ranges"
has "$out" '^backing +none$' "info: backing"
run 0 --json info ddr
json "$out" 'j["ranges"] == [{"addr": "0x10000000", "npages": 4096}] and j["nranges"] == 1' "info --json"
json "$out" 'j["reserved"] == [] and j["drained"] == [] and j["held_npages"] == 0 and not j["best_fit"]' "info --json: holes"
json "$out" 'j["largest_npages"] == 4096 and j["fragmentation_ppm"] == 0' "info --json: fragmentation"

run 0 alloc ddr 2
same 0x10000000 "$out" "alloc"
run 0 alloc ddr 1 8K 1M
same "0x10002000 0x10003000 0x10005000" "${out//$'\n'/ }" "alloc: several, in pages and bytes"
run 0 alloc --json ddr 3 5K
json "$out" '[e["npages"] for e in j["extents"]] == [3, 2] and j["npages"] == 5' "alloc --json"
json "$out" 'j["extents"][1]["bytes"] == 8192 and j["extents"][0]["addr"].startswith("0x")' "alloc --json"
settles 266 ddr

# Session 1 is gone, its detached extents are not; a part of one goes back, the rest stays.
run 0 free ddr 0x10000000 0x10005000:100
same "101 pages freed (404 KiB)" "$out" "free"
run 0 free ddr 0x10001000+4K 268447744+5K
has "$out" '^3 pages freed' "free: an address in decimal, a size in bytes"
run 0 --region ddr free --json 0x10069000:156
json "$out" 'j["npages"] == 156 and j["extents"] == [{"addr": "0x10069000", "npages": 156, "bytes": 156 * 4096}]' "free --json"
settles 6 ddr
run 0 alloc ddr 2
run 0 free ddr "$out+4097"
same "2 pages freed (8 KiB)" "$out" "free: a plain number behind a plus is bytes"
run 0 alloc ddr 2
run 0 free ddr "$out:5K"
same "2 pages freed (8 KiB)" "$out" "free: a size behind a colon is rounded up to pages"
settles 6 ddr

# Headings, legends and hints are for people.
for words in regions "list ddr" sessions "quotas ddr"; do
	# shellcheck disable=SC2086 # words
	run 0 $words
	heading=${out%%$'\n'*} rows=$out
	# shellcheck disable=SC2086
	run 0 --no-legend $words
	has "$heading" '^ *[A-Z]+ ' "$words: heading"
	[[ $words == sessions ]] || same "${rows#*$'\n'}" "$out" "$words --no-legend"
	has "${out:-x}" '[a-z]' "$words --no-legend: something"
	nchecks=$((nchecks + 1))
	[[ $out != *"$heading"* ]] || fail "$words --no-legend: it has a heading"
done
run 4 why ddr 64M
has "$out" '^would fit|^does not' "why: hints"
hints=$out
run 4 why ddr 64M --quiet
same "$(grep -v '^would fit' <<<"$hints")" "$out" "why --quiet"

run 0 map hbm
has "$out" '^hbm: nothing grown yet' "map: an empty region"
run 0 map hbm --json
json "$out" 'j["used_npages"] == [] and j["npages"] == 0' "map --json: an empty region"
run 0 map hbm --quiet --no-legend
same "" "$out" "map --quiet --no-legend: an empty region"
run 0 grow hbm 3M
same "0x0: 512 pages added (1 GiB)" "$out" "grow"
run 0 grow hbm --json 1
json "$out" 'j["addr"] == "0x40000000" and j["npages"] == 512 and j["region"] == "hbm"' "grow --json"

run 0 stat
has "$out" '^daemon +pallocd ' "stat"
has "$out" '^requests +[0-9]+$' "stat"
run 0 --json stat
json "$out" '{"queued_bytes", "ngrace", "nending", "deaths_total", "nwaiting", "nwatchers", "events_lost_total", "refused_total", "cut_off_total", "quota_refusals_total"} <= set(j)' "stat --json: owners"
json "$out" 'j["nregions"] == 2 and j["requests_total"] > 10 and j["server"].startswith("pallocd")' "stat --json"
run 0 stat ddr
has "$out" '^detached +6 pages' "stat REGION"
run 0 --json stat ddr
json "$out" 'j["detached_npages"] == 6 and j["peak_npages"] == 266 and j["page_size_bytes"] == 4096' "stat REGION --json"
json "$out" '{"quarantined_npages", "nnamed", "nshares", "nwaiting", "quota_refusals_total"} <= set(j)' "stat REGION --json: owners"
json "$out" '{"resident_bytes", "busy_npages", "retained_npages", "released_npages_total", "cleared_npages_total", "no_memory_total"} <= set(j) and j["scavenger"] == "off"' "stat REGION --json: memory"
run 0 --region ddr stat
has "$out" '^region +ddr' "stat --region"

run 0 map ddr --width 32 --lines 4
same 4 "$(grep -c '^0x1[0-9a-f]*  ' <<<"$out")" "map: lines"
has "$out" '^0x10000000  [░▒▓█]{32}   1 %$' "map: blocks in UTF-8"
has "$out" 'one character: 32 pages \(128 KiB\)' "map: legend"
LC_ALL=C run 0 map ddr --width 32 --lines 4
has "$out" '^0x10000000  [-+#.]{32} +[0-9]+ %$' "map: ASCII where the locale is not UTF-8"
run 0 map ddr --ascii --width 32
has "$out" '^0x10000000  [-+#.]{32} +[0-9]+ %$' "map --ascii"
COLUMNS=60 run 0 map ddr --ascii
has "$out" '^0x10000000  [-+#.]{32} +[0-9]+ %$' "map: as wide as COLUMNS says"
run 0 map ddr --json --width 8 --lines 2
json "$out" 'len(j["used_npages"]) == 16 == len(j["grown_npages"]) and sum(j["used_npages"]) == 6' "map --json"
run 0 map hbm --width 4096 --lines 4096
has "$out" '^0x' "map: as many cells as the daemon gives"

# On a terminal in colour, unless NO_COLOR is set.
if command -v script >/dev/null; then
	colour=$(TERM=xterm script -qec "$bin/paclient map ddr" /dev/null </dev/null)
	has "$colour" $'\e\\[3[0-9]m' "map: colour on a terminal"
	plain=$(NO_COLOR=1 TERM=xterm script -qec "$bin/paclient map ddr" /dev/null </dev/null)
	nchecks=$((nchecks + 1))
	! grep -q $'\e' <<<"$plain" || fail "map: colour although NO_COLOR is set"
else
	echo "script(1) is missing: colours are not looked at"
fi

run 0 ping
has "$out" '^pallocd .* answers in [0-9]+ us$' "ping"
run 0 ping --json
json "$out" 'j["socket"].endswith("/sock") and j["round_trip_usec"] >= 0' "ping --json"

# The socket: option before environment; the environment before the system's.
run 0 --socket "$PACLIENT_SOCKET" regions
PACLIENT_SOCKET=/nonexistent run 0 --socket="$dir/sock" regions
PACLIENT_SOCKET='' run 3 ping
has "$err" '/run/pallocd/pallocd.sock' "an empty PACLIENT_SOCKET is none"

# Options stand before or behind the verb, with a space or an equals sign.
run 0 --timeout 2s regions --json --timeout=500ms
run 0 --region=ddr info
run 0 info --region ddr

# Help for the program and for each verb, at no daemon.
PACLIENT_SOCKET=/nonexistent run 0 --help
has "$out" '^Usage: paclient' "--help"
for verb in regions info alloc why fit free resize split join grow shrink drain reserve scavenge read write lookup list annotate release handover sessions quotas watch stat map replay exec ping help; do
	has "$out" "^  $verb " "--help: lists $verb"
done
help=$out
for verb in regions info alloc why fit free resize split join grow shrink drain reserve scavenge read write lookup list annotate release handover sessions quotas watch stat map replay exec ping help; do
	PACLIENT_SOCKET=/nonexistent run 0 "$verb" --help
	has "$out" "^Usage: paclient \\[OPTIONS\\] $verb" "$verb --help"
	has "$out" '--json' "$verb --help"
	same "$out" "$(exec "$bin/paclient" help "$verb")" "help $verb"
done
run 0 help
same "$help" "$out" "help"
run 0 --version
has "$out" '^paclient [0-9]+\.[0-9]+\.[0-9]+$' "--version"
test_end
