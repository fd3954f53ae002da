"""A strict reader of OpenMetrics text, for tests: refuses what the specification does not allow, prints the rest as JSON.

openmetrics.py [--prometheus] [FILE]

--prometheus: counters are described by the name of their samples, as in the older text format; all else is the same.
{"NAME": {"type": ..., "unit": ..., "help": ..., "samples": [[{"label": "value"}, number], ...]}, ...}
"""
import json
import re
import sys

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z|[+-]?Inf\Z|NaN\Z")
# What a sample's name has behind the metric's. Others exist; nothing here uses them, and node_exporter would refuse some.
SUFFIXES = {"gauge": [""], "counter": ["_total"], "unknown": [""], "info": ["_info"]}


class Wrong(Exception):
    pass


def unescape(text, also):
    """Return the text without escapes, which may be no others than those of a backslash, a newline and @also."""
    out, i = [], 0
    while i < len(text):
        c = text[i]
        if c == "\\":
            i += 1
            if i == len(text) or text[i] not in "\\n" + also:
                raise Wrong("a backslash that escapes nothing")
            c = "\n" if text[i] == "n" else text[i]
        elif c in also:
            raise Wrong(f"{c} is not escaped")
        out.append(c)
        i += 1
    return "".join(out)


def labels_read(text):
    """What stands between the braces."""
    labels, rest = {}, text
    while rest:
        m = re.match(r'([^=]*)="((?:[^"\\]|\\.)*)"(,|\Z)', rest, re.S)
        if not m:
            raise Wrong(f"labels: {rest!r}")
        if not LABEL.match(m[1]) or m[1].startswith("__"):
            raise Wrong(f"no name of a label: {m[1]!r}")
        if m[1] in labels:
            raise Wrong(f"twice: the label {m[1]}")
        labels[m[1]] = unescape(m[2], '"')
        rest = rest[m.end():]
        if m[3] == "," and not rest:
            raise Wrong("a comma behind the last label")
    return labels


def sample_read(line):
    m = re.match(r'([^{ ]+)(\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? ([^ ]+)\Z', line)
    if not m or not NAME.match(m[1]):
        raise Wrong("no sample")
    if m[2] == "{}":
        raise Wrong("braces without labels")
    if not NUMBER.match(m[4]):
        raise Wrong(f"no number: {m[4]}")
    return m[1], labels_read(m[3] or ""), float(m[4])


def describe(families, line):
    m = re.match(r"# (TYPE|UNIT|HELP) ([^ ]+) (.*)\Z", line)
    if not m or not NAME.match(m[2]):
        raise Wrong("neither a sample nor TYPE, UNIT, HELP")
    key, name, text = m[1].lower(), m[2], m[3]
    if name not in families:
        families[name] = {"samples": []}
    elif name != list(families)[-1]:
        raise Wrong(f"{name} is described in two places")
    family = families[name]
    if key in family or family["samples"]:
        raise Wrong(f"{m[1]} comes twice, or behind samples")
    if key == "type" and text not in SUFFIXES:
        raise Wrong(f"no type: {text}")
    if key == "unit" and not name.removesuffix("_total").endswith("_" + text):
        raise Wrong(f"{name} does not end in its unit, {text}")
    family[key] = unescape(text, '"') if key == "help" else text
    if not text:
        raise Wrong("nothing behind the name")


def add(families, prometheus, name, labels, number):
    if not families:
        raise Wrong("a sample without description")
    of = list(families)[-1]
    family = families[of]
    if "type" not in family or "help" not in family:
        raise Wrong(f"{of} has no TYPE or no HELP")
    if name not in [of + s for s in ([""] if prometheus else SUFFIXES[family["type"]])]:
        raise Wrong(f"{name} stands among samples of {of}, a {family['type']}")
    if prometheus and (family["type"] == "counter") != of.endswith("_total"):
        raise Wrong(f"{of}: counters, and no others, end in _total")
    if family["type"] == "counter" and not number >= 0:
        raise Wrong(f"a counter is {number}")
    if labels in [s[0] for s in family["samples"]]:
        raise Wrong(f"twice: {name} with {labels}")
    if family["samples"] and set(labels) != set(family["samples"][0][0]):
        raise Wrong(f"{name}: other labels than the sample before")
    family["samples"].append([labels, number])


def read(data, prometheus):
    families = {}
    text = data.decode()
    if not text.endswith("\n"):
        raise Wrong("the last line does not end")
    lines = text[:-1].split("\n")
    for i, line in enumerate(lines):
        try:
            if (line == "# EOF") != (i == len(lines) - 1):
                raise Wrong("# EOF must be the last line, and only that")
            if line == "# EOF":
                break
            if line.startswith("#"):
                describe(families, line)
            else:
                add(families, prometheus, *sample_read(line))
        except Wrong as e:
            raise Wrong(f"line {i + 1}: {e}: {line}") from e
    names = [n + s for n, f in families.items() for s in set([""] + SUFFIXES[f["type"]])]
    if len(names) != len(set(names)):
        raise Wrong(f"a name says two things: {sorted(n for n in names if names.count(n) > 1)}")
    return families


def main(args):
    prometheus = "--prometheus" in args
    files = [a for a in args if not a.startswith("-")]
    data = open(files[0], "rb").read() if files else sys.stdin.buffer.read()
    try:
        print(json.dumps(read(data, prometheus)))
    except (Wrong, UnicodeDecodeError) as e:
        sys.exit(f"openmetrics: {e}")


main(sys.argv[1:])
