#!/usr/bin/env python3
"""The keys of what `paclient --json` has printed, and of errors: they are promised to stay.

keys.py FOLDER KNOWN [--update]

FOLDER holds NAME.json for each command that was run: one JSON value, or several lines of them. KNOWN lists "NAME PATH", sorted: what there may be.
What is called an address, or "addr", must be a hexadecimal string, or null.
"""
import json
import pathlib
import re
import sys

folder, known = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
wrong = []


def values(text):
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        yield value
        at += len(text[at:]) - len(text[at:].lstrip())


def walk(name, value, path, found):
    if isinstance(value, list):
        for entry in value:
            walk(name, entry, path + "[]", found)
        if not value:
            found.add(path + "[]")
    elif isinstance(value, dict):
        for key, entry in value.items():
            walk(name, entry, f"{path}.{key}" if path else key, found)
            if re.search(r"(^|_)addr$", key) and entry is not None and not (isinstance(entry, str) and re.fullmatch("0x[0-9a-f]+", entry)):
                wrong.append(f"{name} {path}.{key} is {entry!r}, not a hexadecimal string")
            if not re.fullmatch(r"[a-z][a-z0-9_]*", key):
                wrong.append(f"{name} {path}.{key}: the key is no lower_case word")
    else:
        found.add(path)


lines = []
for file in sorted(folder.glob("*.json")):
    found = set()
    for value in values(file.read_text().strip()):
        walk(file.stem, value, "", found)
    # A list that was empty once tells less than one that was not.
    found = {p for p in found if not (p.endswith("[]") and any(q.startswith(p) and q != p for q in found))}
    lines += [f"{file.stem} {path}" for path in sorted(found)]
if sys.argv[3:] == ["--update"]:
    known.write_text("\n".join(lines) + "\n")
listed = known.read_text().splitlines()
wrong += [f"not promised: {line}" for line in sorted(set(lines) - set(listed))]
wrong += [f"promised, and not there: {line}" for line in sorted(set(listed) - set(lines))]
print("\n".join(wrong), end="\n" if wrong else "")
sys.exit(1 if wrong else 0)
