#!/usr/bin/env bash
# page - paclient map --html in a browser without a screen: it draws, zooms, moves, finds, and tells of each point whose it is; names that
# are markup stay text; it asks nobody for anything; from 64 pages up to 2^36 and 100 000 extents
# shellcheck disable=SC2154 # out, err and answer are set by functions of lib.sh
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../client/lib.sh" "$@"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
	echo "chromium is missing: the page is not looked at"
	exit 77
}
daemon_start --region ddr,limit=256M,initial=128M,base=0xffffff0000000000 --region tiny,limit=64,initial=64,page-size=1 \
	--region video,limit=64M,initial=32M,backing=memfd,retain=0,scavenge-delay=1ms --region huge,limit=68719476736,initial=64M,page-size=1 --region empty,limit=1M
user=$(id -un)

# Names and labels that are markup, end a script, or look like what a program would put in.
# shellcheck disable=SC2016 # that nobody expands them is the point
hostile=('</script><b>x</b>' '<img src=x onerror=hacked=1>' '"]}; hacked = 1; //' "&lt;i&gt;'\\u003c" '<!-- put: js -->' '${hacked=1}' $'q\u2028x\u2029z')
for name in frames "${hostile[@]}"; do
	run 0 alloc ddr 700 --name "$name" --label "label of $name"
done
run 0 alloc ddr 1 2 3 4 5 6
run 0 alloc ddr 900 --lowest 0xffffff0002000000
run 0 reserve ddr 0xffffff0005000000+2M
run 0 drain ddr 0xffffff0006000000+8M
hold worker ddr 3000 --name 'work of a session'
session=${env_worker[SESSION]}

# page NAME REGION [OPTION...] - its page, and what is in the region, for later
pages=$dir/pages
mkdir "$pages"
page() {
	local name=$1 region=$2
	shift 2
	run 0 map "$region" --html "$pages/$name.html" "$@"
	"$bin/paclient" --json list "$region" >"$pages/$name.list"
	"$bin/paclient" --json info "$region" >"$pages/$name.info"
}
# sees EXPRESSION WHAT - of python, true with what is to be seen as s, all of it as j
sees() { json "$seen" "(lambda s: $1)(j['steps'])" "$2"; }
# told NAME STEP - what each point is said to be is what `list` says is there, with its owner and name
told() {
	nchecks=$((nchecks + 1))
	python3 - "$pages/$1" "$2" <<'END' || fail "$1, $2: a point is told wrongly"
import bisect, json, sys
seen, listed, info = (json.load(open(f"{sys.argv[1]}.{k}")) for k in ("seen", "list", "info"))
base, page = int(info["base_addr"], 16), info["page_size_bytes"]
extents = listed["extents"]
firsts = [(int(x["addr"], 16) - base) // page for x in extents]
end = (int(seen["steps"]["all"].split(" ")[2].rstrip(","), 16) - base) // page
nheld = 0
for at, lines in seen["steps"][sys.argv[2]]:
    if at >= end:
        assert lines is None, (at, lines)
        continue
    assert lines, (at, "nothing is said")
    begin, stop = (int(a, 16) for a in lines[1].split(" to "))
    assert begin <= base + at * page < stop, (hex(base + at * page), lines)
    i = bisect.bisect_right(firsts, at) - 1
    if i < 0 or at >= firsts[i] + extents[i]["npages"]:
        assert lines[0] in ("free", "reserved", "drained", "not grown"), (at, lines)
        continue
    x = extents[i]
    nheld += 1
    assert (lines[0], begin) == (x["name"] or "(no name)", int(x["addr"], 16)), (x, lines)
    assert lines[2].startswith(f'{x["npages"]:,} page'), (x, lines)
    assert lines[3].startswith(f'session {x["session"]} (' if x["session"] else x["user"] + ", detached"), (x, lines)
    assert x["label"] is None or x["label"] == lines[4], (x, lines)
assert nheld or not extents, "no extent was pointed at"
END
}

page ddr ddr
printf '%s\n' frames "${hostile[@]}" "label of <img" "session $session" 0xffffff0000001000 nothing-of-that-name >"$pages/ddr.queries"
# Part of it alone.
page part ddr --lowest 0xffffff0002000000 --limit 0xffffff0002200000
# Small, with memory behind it, without anything, large with gaps.
run 0 alloc tiny 7 3 5
page tiny tiny
run 0 alloc video 4M 6M
page video video
page empty empty
# 2^36 pages, and 100 000 extents: among them some at both ends.
run 0 grow huge --at 0xff0000000 16M
run 0 alloc huge 1000 --lowest 0xff0000000 --name top
printf '%s\n' {1..10}{1..10}{1..10}{1..100} | cut -c-2 | xargs -n 1000 "$bin/paclient" alloc huge >/dev/null
page huge huge
echo top >"$pages/huge.queries"
let_go "$holder"
python3 "$here/../map/drive.py" "$browser" "$pages" || fail "the browser"
# look NAME - what was to be seen of it is in $seen, and there were no errors
look() {
	seen=$(<"$pages/$1.seen")
	json "$seen" 'j["errors"] == []' "$1: errors of the page"
}

look ddr
sees "s['heading'] == 'ddr' and s['title'].startswith('ddr')" "heading"
sees "'of 128 MiB used' in s['summary'] and '16 extents' in s['summary']" "summary"
sees "s['all'] == '0xffffff0000000000 to 0xffffff0008000000, 128 MiB'" "all of it is shown at first"
sees "s['colours'] >= 5" "it is drawn in colours"
told ddr probes
told ddr closer
sees "s['left'] is None" "nothing is said where nothing is pointed at"
range='(lambda t: (int(t.split(" ")[0], 16), int(t.split(" ")[2].rstrip(","), 16)))'
sees "(lambda r: r(s['in'])[0] > r(s['all'])[0] and r(s['in'])[1] < r(s['all'])[1])($range)" "+ shows less"
sees "s['out'] == s['all'] == s['again']" "- and 0 show all again"
sees "(lambda r: r(s['wheel'])[1] - r(s['wheel'])[0] < r(s['all'])[1] - r(s['all'])[0])($range)" "the wheel zooms"
sees "(lambda r: r(s['down'])[0] > r(s['wheel'])[0] and r(s['down'])[1] - r(s['down'])[0] == r(s['wheel'])[1] - r(s['wheel'])[0])($range)" "an arrow moves on"
sees "(lambda r: r(s['dragged'])[0] > r(s['down'])[0])($range)" "dragging moves on"
sees "s['first'].startswith('frames') and '700 pages' in s['first'] and '$user, detached' in s['first'] and 'label of frames' in s['first']" "the first extent by key"
sees "s['second'].startswith('</script><b>x</b>')" "the second one"
sees "(lambda r: r(s['into'])[1] - r(s['into'])[0] < 700 * 4096 * 12)($range)" "into it"
sees "s['none'] == ''" "let go of"
sees "s['pressed'] == 1" "an owner that is pressed in the legend"
sees "any('session $session' in t for t in s['legend']) and any(t.startswith('drained') for t in s['legend']) and any(t.startswith('reserved') for t in s['legend'])" "legend"
sees "s['found']['frames']['count'] == '1 extent' and s['found']['frames']['at'] == '1 of 1' and s['found']['frames']['detail'].startswith('frames')" "found by name"
sees "'work of a session' in s['found']['session $session']['detail'] and s['found']['session $session']['label'].startswith('Selected')" "found by owner"
sees "s['found']['0xffffff0000001000']['detail'].startswith('frames')" "found by address"
sees "s['found']['label of <img']['detail'].startswith('<img')" "found by label"
sees "s['found']['nothing-of-that-name']['count'] == 'nothing'" "not found"
for name in "${hostile[@]}"; do
	quoted=$(python3 -c 'import sys; print(repr(sys.argv[1]))' "$name")
	sees "s['found'][$quoted]['detail'].startswith($quoted + ' ')" "a name that is markup: $name"
done
json "$seen" 'j["hacked"] is None and j["elements"]["img"] == 0 and j["elements"]["script"] == 4 and j["elements"]["b"] <= 1' "names stay text"
nchecks=$((nchecks + 1))
refers=$(sed '/^<script type="application.json"/,/^<.script>/d' "$pages/ddr.html" | grep -oE '.{0,20}((src|href|action)=|https?:/|@import|url\(|import\().{0,20}')
[[ ! $refers ]] || fail "the page refers to something else: $refers"

look part
sees "s['all'] == '0xffffff0002000000 to 0xffffff0002200000, 2 MiB'" "a part"
told part probes
look tiny
told tiny probes
look video
sees "any(lines and lines[-1] == 'no memory behind it' for _, lines in s['probes'])" "free pages without memory"
look empty
look huge
sees "'100,001 extents' in s['summary'] and s['all'].startswith('0x0 to 0xff')" "100 000 extents: all of it"
sees "s['found']['top']['detail'].startswith('top') and '0xff0000000' in s['found']['top']['detail']" "100 000 extents: the last one"
told huge near
nchecks=$((nchecks + 1))
(($(stat -c %s "$pages/huge.html") < 1500000)) || fail "the page of 100 000 extents takes $(stat -c %s "$pages/huge.html") bytes"
test_end
