#!/usr/bin/env bash
# picture - paclient map for terminals and for documents: shades, colours of owners, legends, parts of a region, several regions, SVG
# shellcheck disable=SC2154 # out and err are set by run, env_* by hold
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../client/lib.sh" "$@"
daemon_start --region ddr,limit=8M,initial=4M,base=0x10000000 --region big,limit=2G,initial=1G \
	--region mem,limit=8M,initial=4M,backing=memfd,retain=0,scavenge-delay=1ms
user=$(id -un)
run 0 alloc ddr 256 --name '</title><b>&"' --label '<img src=x>'
hold worker ddr 100
session=${env_worker[SESSION]}
run 0 reserve ddr 0x10200000+256K
run 0 drain ddr 0x10300000+256K

# A line is 256 pages here, a character 4.
run 0 map ddr --lines 4
has "$out" '^ddr: 1\.39 MiB of 4 MiB used, longest free run ' "headline"
has "$out" '^0x10000000  █{64} 100 %$' "a line that is in use"
has "$out" '^0x10100000  █{25}░{39}  39 %$' "a line that is in use in part"
has "$out" '^0x10200000  ╳{16}░{48} ' "reserved"
has "$out" '^0x10300000  ╱{16}░{48} ' "drained"
has "$out" '^█ all used   ▓ more than half   ▒ up to half   ░ free   ╱ drained   ╳ reserved$' "legend: what occurs"
has "$out" '^one character: 4 pages \(16 KiB\)$' "legend: the scale"
run 0 map ddr --lines 4 --no-legend
same 4 "$(grep -c . <<<"$out")" "--no-legend: lines alone"
run 0 map ddr --lines 4 --ascii
has "$out" '^0x10200000  x{16}\.{48} ' "--ascii: reserved"
has "$out" '^0x10300000  /{16}\.{48} ' "--ascii: drained"

# Colours are the owners'; asked for they are there without a terminal, and not in the terminal that shall have none.
run 0 map ddr --lines 4 --color always
has "$out" $'^0x10000000  \e\\[36m█{64}\e\\[0m 100 %$' "colours: who holds most"
has "$out" $'^0x10100000  \e\\[35m█{25}\e\\[90m░{39}\e\\[0m  39 %$' "colours: a session"
has "$out" $'^\e\\[36m■\e\\[0m +1 MiB  '"$user"', detached$' "colours: the legend"
has "$out" $'^\e\\[35m■\e\\[0m +400 KiB  session '"$session \\(paclient, $user\\)\$" "colours: a session in the legend"
NO_COLOR=1 run 0 map ddr --lines 4 --color=always
has "$out" $'\e' "what is asked for counts more than NO_COLOR"
if command -v script >/dev/null; then
	out=$(TERM=xterm script -qec "$bin/paclient map ddr --color never" /dev/null </dev/null)
	nchecks=$((nchecks + 1))
	[[ $out != *$'\e'* ]] || fail "--color never: there are colours on a terminal"
else
	echo "script(1) is missing: --color never is not looked at on a terminal"
fi

# Memory that was given back.
run 0 alloc mem 512
eventually "nothing free has memory" stat_is "done" scavenger mem
run 0 map mem --width 32
has "$out" '^0x200000  ▁{32}   0 %$' "free pages without memory"
has "$out" '▁ free, no memory behind it' "free pages without memory: legend"
run 0 map mem --json --width 8 --lines 1
json "$out" 'j["scavenged_npages"] == [0, 0, 0, 0, 128, 128, 128, 128] and j["used_npages"] == [128] * 4 + [0] * 4' "scavenged pages as JSON"

# A part: pages that --lowest and --limit touch, and an extent that begins below.
run 0 map ddr --lowest 0x100ff000 --limit 0x10101001 --json
json "$out" 'j["addr"] == "0x100ff000" and j["npages"] == 3 and j["cell_npages"] == 1 and j["used_npages"] == [1, 1, 1]' "a part as JSON"
run 0 map ddr --lowest 0x100fe000 --limit 0x10102000 --color always
has "$out" $'^0x100fe000  \e\\[36m██\e\\[35m██\e\\[0m' "a part"
has "$out" $'; shown: 0x100fe000 up to 0x10102000$' "a part: told so"
run 0 map ddr --lowest 0x10700000 --limit 0x10701000
has "$out" '^0x10700000  · *$' "a part that is not grown"
usage 'no page of region ddr' map ddr --lowest 0x10800000
usage 'no page of region ddr' map ddr --limit 0x10000000
usage 'no page of region ddr' map ddr --lowest 0x10002000 --limit 0x10002000

# All regions, a line each.
run 0 map
has "$out" '^ddr  +[█░▒▓╳╱]{64}  1\.39 MiB of 4 MiB$' "all regions"
same 3 "$(grep -c . <<<"$out")" "all regions: lines"
run 0 map --json
json "$out" '[m["region"] for m in j["maps"]] == ["ddr", "big", "mem"]' "all regions as JSON"
usage 'name a region' map --svg -
usage 'name a region' map --lowest 0
run 2 map ddr --svg - --json
has "$err" 'picture of its own' "map --svg --json"
usage 'both' map ddr --svg - --html -
usage 'cannot write .*/nothere/x' map ddr --svg "$dir/nothere/x"

# For documents: what a reader of XML sees.
run 0 map ddr --svg "$dir/map.svg"
same "" "$out" "--svg: nothing to say"
run 0 map ddr --svg -
same "$(<"$dir/map.svg")" "$out" "--svg -: the same on standard output"
# More extents than a picture has columns.
printf '%s ' {1..10}{1..10}{1..9} | tr -s ' ' '\n' | sed 's/.*/3/' | xargs -n 900 "$bin/paclient" alloc big >"$dir/addresses"
mapfile -t ranges < <(awk 'NR % 2 { print $1 ":3" }' "$dir/addresses")
run 0 free big "${ranges[@]}"
for ((i = 0; i < 20; i++)); do run 0 alloc big $((i * 700 + 1)) --name "n$i" --label "größer & größer"; done
run 0 map big --svg "$dir/big.svg"
run 0 map big --html "$dir/big.html" # what is in it is page.sh's
nchecks=$((nchecks + 1))
python3 - "$dir/map.svg" "$dir/big.svg" "$user" "$session" <<'END' || fail "the pictures are not what they should be"
import re, sys
import xml.etree.ElementTree as tree
path, big, user, session = sys.argv[1:]
ns = "{http://www.w3.org/2000/svg}"
def read(path):
    root = tree.parse(path).getroot()
    assert root.tag == ns + "svg" and root.get("role") == "img", root.tag
    width, height = map(float, root.get("viewBox").split()[2:])
    for r in root.iter(ns + "rect"):
        assert 0 <= float(r.get("x") or 0) and float(r.get("x") or 0) + float(r.get("width")) <= width + 1e-6, r.attrib
        assert float(r.get("y") or 0) + float(r.get("height")) <= height, r.attrib
    for t in root.iter(ns + "text"):
        assert float(t.get("y")) <= height, t.text
    text = open(path, encoding="utf-8").read()
    assert "prefers-color-scheme: dark" in text and not re.search(r"<(script|image|a|use)\b|@import|https?://(?!www.w3.org/2000/svg)", text), "it refers to something"
    return root
root = read(path)
ids = {e.get("id"): e for e in root.iter() if e.get("id")}
assert root.get("aria-labelledby").split() == ["title", "desc"]
assert ids["title"].text == "Map of region ddr", ids["title"].text
assert ids["desc"].text.startswith("1.39 MiB of 4 MiB used, 2 extents"), ids["desc"].text
titles = ["".join(r.find(ns + "title").itertext()) for r in root.iter(ns + "rect") if r.find(ns + "title") is not None]
assert any(t.split("\n") == ['</title><b>&"', "0x10000000, 256 pages, 1 MiB", user + ", detached", "<img src=x>"] for t in titles), titles
assert any(f"session {session} (paclient, {user})" in t and "0x10100000, 100 pages" in t for t in titles), titles
assert not list(root.iter(ns + "b")) and not list(root.iter(ns + "img"))
texts = [t.text for t in root.iter(ns + "text")]
assert "0x10000000" in texts and "drained" in texts and "reserved: a hole" in texts and '</title><b>&"' in texts, texts
classes = {r.get("class") for r in root.iter(ns + "rect")}
assert {"o0", "o1", "free", "absent", "drained", "reserved", "paper"} <= classes, classes
root = read(big)
assert "größer & größer" in open(big, encoding="utf-8").read().replace("&amp;", "&").replace("&#38;", "&")
assert any(r.get("opacity") for r in root.iter(ns + "rect")), "narrow extents are not summed up"
END
let_go "$holder"
test_end
