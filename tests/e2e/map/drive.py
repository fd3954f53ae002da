#!/usr/bin/env python3
"""Drives pages of `paclient map --html` in one browser without a screen, each in a frame of its own.

    drive.py BROWSER FOLDER

For each NAME.html in FOLDER, whose NAME.queries holds what is to be searched for, a line each, NAME.seen says what was to be seen, as JSON.
"""
import html
import json
import pathlib
import re
import subprocess
import sys

browser, folder = sys.argv[1], pathlib.Path(sys.argv[2])
script = (pathlib.Path(__file__).parent / "drive.js").read_text()
EARLY = """<script>window.pageErrors = [];
addEventListener("error", (e) => pageErrors.push(e.message + " at line " + e.lineno));
addEventListener("unhandledrejection", (e) => pageErrors.push(String(e.reason)));
addEventListener("securitypolicyviolation", (e) => pageErrors.push("asks for " + e.blockedURI));
window.queries = %s; window.pageName = %s;</script>"""
AROUND = """<!DOCTYPE html><meta charset="utf-8"><script>
const all = {};
addEventListener("message", (e) => {
    all[e.data.page] = e.data.seen;
    if (Object.keys(all).length !== %d) return;
    const result = document.createElement("pre");
    result.id = "result";
    result.textContent = JSON.stringify(all);
    document.body.replaceChildren(result);
});</script><body>%s</body>"""

frames = []
pages = sorted(folder.glob("*.html"))
for page in pages:
    text = page.read_text(encoding="utf-8")
    queries = page.with_suffix(".queries")
    queries = queries.read_text(encoding="utf-8").split("\n")[:-1] if queries.exists() else []
    assert text.count("<head>") == 1 and text.count("</body>") == 1, f"{page} has more than one head or body"
    early = EARLY % tuple(json.dumps(x).replace("<", "\\u003c") for x in (queries, page.stem))
    text = text.replace("<head>", "<head>" + early).replace("</body>", "<script>" + script + "</script></body>")
    frames.append('<iframe width="1280" height="800" srcdoc="%s"></iframe>' % html.escape(text))
(folder / "around.htm").write_text(AROUND % (len(pages), "".join(frames)), encoding="utf-8")
run = subprocess.run(
    [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={folder}/profile",
     "--window-size=1300,840", "--virtual-time-budget=60000", "--dump-dom", f"file://{folder}/around.htm"],
    stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=200, check=False)
found = re.search(r'<pre id="result">(.*?)</pre>', run.stdout.decode(), re.S)
if not found:
    print(run.stderr.decode()[-1000:], run.stdout.decode()[-500:])
    sys.exit("the browser has come to no result")
for name, seen in json.loads(html.unescape(found.group(1))).items():
    (folder / f"{name}.seen").write_text(json.dumps(seen))
