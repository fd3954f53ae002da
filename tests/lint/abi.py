#!/usr/bin/env python3
"""abi - what programs that were compiled before may rely on: the library's symbols and the headers' layouts, against a description

    abi.py CC INCLUDE LIBRARY DESCRIPTION              compare; exit 1 if anything differs
    abi.py --update CC INCLUDE LIBRARY DESCRIPTION     take what was added into DESCRIPTION; what was removed or changed is a fault still
    abi.py --self-test DESCRIPTION                     changes of all kinds, made in the text, are found

Role:  one line of text for each symbol with its version, and each function, struct, member, enumerator and constant. A line that is
       gone or different is a broken promise, and a new one has to be wanted.
Uses:  headers.py, nm

A struct may grow where the program says how long its own is: those whose first member is a size_t size, and what lies at the end of
such a one. What is added lies behind what there was, not in its padding: a program of before has left anything there.
"""
import re
import subprocess
import sys

import headers

# Structs that grow at the end of another, whose size counts for both.
WITHIN = {"paclient_error": "paclient_call"}

# Not promised: what they say is which version it is.
FREE = re.compile(r"PACLIENT_VERSION_")


def symbols(library):
    """[(name, version)] of what the library shows."""
    out = subprocess.run(["nm", "-D", "--defined-only", library], text=True, capture_output=True, check=True).stdout
    found = []
    for line in out.splitlines():
        _, kind, symbol = line.split(" ", 2)
        if kind != "A":
            name, _, version = symbol.partition("@")
            found.append((name, version.lstrip("@") or "-"))
    return found


def describe(cc, include, library):
    """The lines, sorted within their kinds."""
    h = headers.read(cc, include)
    lines = [f"symbol {name} {version}" for name, version in sorted(symbols(library))]
    for kind, functions in (("function", h.functions), ("callback", h.callbacks)):
        for f in sorted(functions.values(), key=lambda f: f.name):
            lines.append(f"{kind} {f.name} {f.result} ({', '.join(t for t, _ in f.params)})")
    for s in sorted(h.structs.values(), key=lambda s: s.name):
        lines.append(f"struct {s.name} {s.size}")
        lines += [f"member {s.name}.{m.name} {m.offset} {m.ctype}" for m in s.members]
    for name in sorted(h.enums):
        lines += [f"enum {name}.{value} {number}" for value, number in h.enums[name].items()]
    lines += [f"constant {name} {value}" for name, value in sorted(h.constants.items()) if not FREE.match(name)]
    return lines


def parse(lines):
    """{(kind, name): rest}"""
    parsed = {}
    for line in lines:
        if line and not line.startswith("#"):
            kind, name, rest = line.split(" ", 2)
            parsed[kind, name] = rest
    return parsed


def may_grow(new, struct):
    struct = WITHIN.get(struct, struct)
    return new.get(("member", f"{struct}.size")) == "0 size_t"


def compare(old, new):
    """(faults, additions): what is broken, and what there was not."""
    faults, additions = [], []
    for (kind, name), was in old.items():
        now = new.get((kind, name))
        if now is None:
            faults.append(f"{kind} {name} is gone; it was: {was}")
        elif now != was and kind == "struct" and may_grow(new, name) and int(now) > int(was):
            additions.append(f"struct {name} grows from {was} to {now} bytes")
        elif now != was:
            faults.append(f"{kind} {name} was: {was}; is now: {now}")
    for (kind, name), now in new.items():
        if (kind, name) in old:
            continue
        struct = name.split(".")[0]
        was = old.get(("struct", struct))
        if kind == "member" and was is not None and not may_grow(new, struct):
            faults.append(f"member {name} is new: struct {struct} cannot grow, as no program says how long its own is")
        elif kind == "member" and was is not None and int(now.split(" ")[0]) < int(was):
            faults.append(f"member {name} is new and lies within the {was} bytes that struct {struct} had: what a program of "
                          "before has there is undefined; put it behind, aligned to 8 bytes")
        else:
            additions.append(f"{kind} {name} is new: {now}")
    return faults, additions


def self_test(description):
    """Each change of a description is judged rightly: by itself, as old against new."""
    with open(description, encoding="utf-8") as f:
        text = f.read()
    old = parse(text.splitlines())
    grown = int(old["struct", "paclient_call"])
    cases = [  # what is replaced, by what, faults, additions
        (r"symbol paclient_alloc PACLIENT_0\n", "", 1, 0),
        (r"symbol paclient_alloc PACLIENT_0\n", "symbol paclient_alloc PACLIENT_1\n", 1, 0),
        (r"symbol paclient_alloc PACLIENT_0\n", r"\g<0>symbol paclient_new PACLIENT_1\n", 0, 1),
        (r"function paclient_keep int \(paclient \*, ", "function paclient_keep int (const paclient *, ", 1, 0),
        (r"enum paclient_status.PACLIENT_LIMIT 7\n", "enum paclient_status.PACLIENT_LIMIT 8\n", 1, 0),
        (r"enum paclient_status.PACLIENT_LIMIT 7\n", "", 1, 0),
        (r"enum paclient_status.PACLIENT_LIMIT 7\n", r"\g<0>enum paclient_status.PACLIENT_NEW 99\n", 0, 1),
        (r"constant PACLIENT_NAME_BYTES 64\n", "constant PACLIENT_NAME_BYTES 65\n", 1, 0),
        (r"member paclient_range.npages 8 uint64_t\n", "member paclient_range.npages 8 int64_t\n", 1, 0),
        (r"member paclient_range.npages 8 uint64_t\n", r"\g<0>member paclient_range.more 16 uint64_t\n", 1, 0),
        (r"struct paclient_range 16\n", "struct paclient_range 24\n", 1, 0),
        (rf"struct paclient_call {grown}\n", f"struct paclient_call {grown + 8}\nmember paclient_call.more {grown} int\n", 0, 2),
        (rf"struct paclient_call {grown}\n", f"struct paclient_call {grown}\nmember paclient_call.more {grown - 4} int\n", 1, 0),
        (rf"struct paclient_call {grown}\n", f"struct paclient_call {grown - 8}\n", 1, 0),
        (r"$", "", 0, 0),
    ]
    nfailed = 0
    for pattern, by, nfaults, nadditions in cases:
        changed, count = re.subn(pattern, by, text, count=1)
        faults, additions = compare(old, parse(changed.splitlines()))
        if not count or (len(faults), len(additions)) != (nfaults, nadditions):
            nfailed += 1
            print(f"self-test: {pattern!r} -> {by!r}: wanted {nfaults} faults and {nadditions} additions, got {faults} and {additions}")
    print(f"self-test: {len(cases)} changes, {nfailed} judged wrongly")
    return 1 if nfailed else 0


def main(arguments):
    if arguments[0] == "--self-test":
        return self_test(arguments[1])
    update = arguments[0] == "--update"
    cc, include, library, description = arguments[1 if update else 0:]
    lines = describe(cc, include, library)
    with open(description, encoding="utf-8") as f:
        text = f.read()
    faults, additions = compare(parse(text.splitlines()), parse(lines))
    for fault in faults:
        print(f"broken: {fault}")
    for addition in additions:
        print(f"added: {addition}")
    if faults:
        print("programs that were compiled before would break: leave what there was as it is, and add something new")
        return 1
    if update:
        head = "".join(line + "\n" for line in text.splitlines() if line.startswith("#"))
        with open(description, "w", encoding="utf-8") as f:
            f.write(head + "".join(line + "\n" for line in lines))
        return 0
    if additions:
        print("where this is wanted: tests/lint/abi.sh BUILD --update")
    return 1 if additions else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
