#!/usr/bin/env bash
# map_file - the map as SVG and as a page: well-formed, nothing from outside; in a browser the page zooms, finds, and says whose an extent is, and
# what clients call their extents stays text
# shellcheck disable=SC2154,SC2317 # out and err are set by run; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"

daemon_start --region "ddr,limit=64M,initial=16M,base=0x40000000" --region "none,limit=1M,initial=0"
evil='a</script><b id=evil>'
label='<img src=x onerror="document.title=1">&amp;'
run 0 alloc ddr 100 --name first
run 0 alloc ddr 1000 --name "$evil" --label "$label"
run 0 alloc ddr 1 --name last
run 0 reserve ddr 0x40800000:64
hold mine ddr 500 --extent-name mine

# A picture of the same cells as the terminal's.
run 0 map ddr --svg "$dir/map.svg" --width 64 --lines 8
same "" "$out" "--svg: standard output"
python3 - "$dir/map.svg" <<'PY' || fail "the SVG is not what it should be"
import sys
import xml.etree.ElementTree as tree

root = tree.parse(sys.argv[1]).getroot()
ns = "{http://www.w3.org/2000/svg}"
texts = [t.text for t in root.iter(ns + "text")]
rects = list(root.iter(ns + "rect"))
assert root.find(ns + "title").text == "Pages of region ddr", root.find(ns + "title").text
assert root.find(ns + "desc").text.startswith("6.25 MiB of 16 MiB in use"), root.find(ns + "desc").text
assert "0x40000000" in texts and "ddr" in texts, texts
# 8 rows of 64 cells, those in use twice, and the legend's two.
assert len(rects) == 8 * 64 + 2 + sum(r.get("class") == "u" for r in rects) - 1, len(rects)
PY
run 0 map ddr --svg -
has "$out" '^<svg ' "--svg -"
run 0 map none --svg -
run 0 map none --html -
has "$out" '^<!DOCTYPE html>' "--html -: nothing is grown"
run 2 map ddr --svg - --html -
has "$err" 'one or the other' "two at once"
run 2 map ddr --html ""
run 1 map ddr --html "$dir/there/is/none"
has "$err" 'No such file' "a folder that is not there"

# The page asks nobody for anything, and holds no name that could end its script.
run 0 map ddr --html "$dir/map.html"
same "" "$(grep -v 'id="data"' "$dir/map.html" | grep -oE 'https?://|src *=|@import|url\(' || true)" "what the page would load"
same 0 "$(grep -c '<b id=evil' "$dir/map.html")" "markup from a name"
run 0 dump ddr --output "$dir/dump"
run 0 --from "$dir/dump" map ddr --html "$dir/again.html"
same "$(sha256sum <"$dir/map.html")" "$(sha256sum <"$dir/again.html")" "the page from a dump"

if ! command -v chromium >/dev/null; then
	echo "skipped: there is no chromium to look at the page with"
	test_end
	exit
fi
# A reader who points, presses, searches, and writes down what the page says.
cat >"$dir/reader.js" <<'JS'
const said = [], text = (id) => document.getElementById(id).textContent.replace(/\s+/g, " ").trim();
window.onerror = (message) => said.push("error: " + message);
const point = (page) => {
	const box = canvas.getBoundingClientRect(), row = Math.floor((page - first) / perRow());
	canvas.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + ((page - first) / perRow() - row) * box.width + 0.5,
		clientY: box.top + row * (ROW + GAP) + ROW / 2, bubbles: true }));
	said.push(text("what"));
};
said.push(text("about"), text("window"));
point(50); point(600); point(1350); point(2060); point(4000);
document.getElementById("in").click(); said.push(text("window"));
canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "+" })); said.push(text("window"));
canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: -1, clientX: 100, clientY: 200 })); said.push(String(count < 1024));
document.getElementById("find").value = "last"; document.getElementById("bar").requestSubmit(); said.push(text("what"));
document.getElementById("all").click(); said.push(text("window"));
said.push(String(document.querySelectorAll("#evil, img").length), document.title, text("legend"));
const out = document.createElement("pre");
out.id = "said"; out.textContent = JSON.stringify(said); document.body.append(out);
JS
sed "s|^</script>\$|&|; \$!b" "$dir/map.html" | python3 -c '
import sys
page, script = sys.stdin.read(), open(sys.argv[1]).read()
at = page.rindex("draw();\n</script>") + len("draw();\n")
sys.stdout.write(page[:at] + script + page[at:])' "$dir/reader.js" >"$dir/read.html"
chromium --headless --no-sandbox --disable-gpu --user-data-dir="$dir/chromium" --window-size=1200,900 --virtual-time-budget=3000 --dump-dom \
	"file://$dir/read.html" >"$dir/dom" 2>"$dir/chromium.log" || fail "chromium: $(tail -n 3 "$dir/chromium.log")"
python3 - "$dir/dom" "$evil" "$label" <<'PY' || fail "the page does not say what it should"
import html, json, re, sys

evil, label = sys.argv[2:]
said = json.loads(html.unescape(re.search(r'<pre id="said">(.*?)</pre>', open(sys.argv[1]).read(), re.S).group(1)))
wanted = [
    r"6\.3 MiB of 16 MiB in use, in 4 extents; pages of 4 KiB, 64 MiB at most",
    r"0x40000000 \+ 16 MiB",
    r"first 0x40000000100 pages, 400 KiB; root, detached",
    re.escape(evil) + r" 0x400640001000 pages, 3\.9 MiB; root, detached" + re.escape(label),
    r"mine 0x4044d000500 pages, 2\.0 MiB; session [0-9]+ of root",
    r"0x4080c000 reserved",
    r"0x40fa0000 free",
    r"0x40400000 \+ 8 MiB",
    r"0x40600000 \+ 4 MiB",
    r"true",
    r"last 0x4044c0001 page, 4 KiB; root, detached",
    r"0x40000000 \+ 16 MiB",
    r"0",
    r"ddr: map",
    r"freereservedroot, detachedsession [0-9]+ of root",
]
for got, want in zip(said, wanted):
    if not re.fullmatch(want.replace("root", "[a-z_0-9]+"), got):
        print(f"wanted {want}\n   got {got}")
        sys.exit(1)
assert len(said) == len(wanted), said
PY
test_end
