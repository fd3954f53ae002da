#!/usr/bin/env python3
"""man_items - the tagged paragraphs of a manual page, for the scripts that compare them with the code

    man_items.py PAGE

Reads the page's source, whose macros it knows as far as our pages use them, and prints a line for each tag of .TP and .TQ, with
tabs between section, subsection, tag and text. What is not there is "-": a heading has no tag, and the text that follows it.
"""
import re
import sys

ROMAN = {"B", "I", "SM", "BR", "BI", "IR", "IB", "RB", "RI"}
FONTS = {"R": "", "B": "", "I": "", "P": ""}


def arguments(text):
    """A macro's: what stands in quotes is one."""
    return [a.replace('""', '"') if q else b for a, q, b in
            ((m.group(1) or "", m.group(0)[0] == '"', m.group(2) or "") for m in
             re.finditer(r'"((?:[^"]|"")*)"|([^ "]+)', text))]


def plain(text):
    text = re.sub(r"\\f.", "", text)
    for escape, char in ((r"\-", "-"), (r"\&", ""), (r"\(lq", '"'), (r"\(rq", '"'), (r"\(bu", "*"), (r"\(->", "->"), (r"\e", "\\")):
        text = text.replace(escape, char)
    return text


def words(line):
    """What a line of the source says, or None if it is no text."""
    m = re.match(r"\.([A-Za-z\\\"]+) ?(.*)", line)
    if not m:
        return plain(line)
    if m.group(1) not in ROMAN:
        return None
    joint = " " if len(m.group(1)) == 1 else ""
    return plain(joint.join(arguments(m.group(2))))


def main():
    section, subsection = "", ""
    item = None
    items = []
    lines = iter(open(sys.argv[1]).read().split("\n"))

    def begin(tag):
        nonlocal item
        item = [section, subsection, tag, []]
        items.append(item)

    for line in lines:
        if line.startswith(".SH"):
            section, subsection = " ".join(arguments(line[3:])), ""
            begin("")
        elif line.startswith(".SS"):
            subsection = plain(" ".join(arguments(line[3:])))
            begin("")
        elif re.match(r"\.T[PQ]\b", line):
            begin(words(next(lines)))
        elif item and words(line):
            item[3].append(words(line))
    for section, subsection, tag, text in items:
        # No field is empty: a shell that splits at tabs would lose it.
        print(section, subsection or "-", tag or "-", " ".join(text) or "-", sep="\t")


main()
