"""headers - what the public headers declare, as a compiler sees it

Role:  reads <paclient.h> and what it includes through the C preprocessor; gives functions, structs, enums, constants and typedefs,
       with sizes, offsets and values from a small C program that is made from them, compiled and run.
Uses:  a C compiler; nothing beyond the standard library

Reads this project's headers, not C: whatever does not look like one of its declarations is an error, and so cannot be overlooked.
"""
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field


class HeaderError(Exception):
    """A declaration that is not understood."""


@dataclass
class Member:
    name: str
    ctype: str  # "uint64_t", "char[64]", "const char *", "struct paclient_error"
    offset: int = -1


@dataclass
class Struct:
    name: str
    header: str
    members: list[Member] = field(default_factory=list)
    size: int = -1


@dataclass
class Function:
    name: str
    header: str
    result: str
    params: list[tuple[str, str]]  # type, name


@dataclass
class Headers:
    """All of it, each by its name, in the order of the headers."""

    functions: dict[str, Function] = field(default_factory=dict)
    structs: dict[str, Struct] = field(default_factory=dict)
    enums: dict[str, dict[str, int]] = field(default_factory=dict)
    constants: dict[str, int | str] = field(default_factory=dict)
    callbacks: dict[str, Function] = field(default_factory=dict)
    opaque: list[str] = field(default_factory=list)
    where: dict[str, str] = field(default_factory=dict)  # the header of each of these


def tidy(text: str) -> str:
    """One blank between words, none where C needs none: "const char *" stays as people write it."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\s*\*\s*", "*", text)
    return re.sub(r"(\w)\*", r"\1 *", text).replace("_Bool", "bool")


def declarator(text: str) -> tuple[str, str]:
    """Type and name of "const char *name", "char field[32]", "void (*done)(int, void *)"."""
    text = tidy(text)
    pointer = re.fullmatch(r"(.*)\( ?\*(\w+)\)(\(.*\))", text)
    if pointer:
        return f"{pointer[1].strip()} (*){pointer[3]}", pointer[2]
    plain = re.fullmatch(r"(.*?)(\w+)((?:\[[^]]*\])*)", text)
    if not plain or not plain[1].strip() or ":" in text:
        raise HeaderError(f"no declaration: {text}")
    return plain[1].strip() + plain[3].replace(" ", ""), plain[2]


def split_params(text: str) -> list[str]:
    """At the commas that are in no brackets."""
    parts, depth, part = [], 0, ""
    for c in text:
        depth += (c in "([") - (c in ")]")
        if c == "," and not depth:
            parts.append(part)
            part = ""
        else:
            part += c
    return parts + [part]


def params_of(text: str) -> list[tuple[str, str]]:
    if tidy(text) in ("void", ""):
        return []
    params = []
    for part in split_params(text):
        ctype, name = declarator(part)
        # An array as a parameter is a pointer.
        if "[" in ctype:
            ctype = re.sub(r"\[.*", " *", ctype)
        params.append((ctype, name))
    return params


def run(command: list[str], **kwargs: object) -> str:
    done = subprocess.run(command, text=True, capture_output=True, **kwargs)  # type: ignore[call-overload]
    if done.returncode:
        raise HeaderError(f"{' '.join(command)}: {done.stderr}")
    return str(done.stdout)


def preprocessed(cc: str, include: str) -> list[tuple[str, str]]:
    """(header, line) of our own headers, comments and conditions gone."""
    source = "#include <paclient.h>\n" + "".join(f"#include <{part}>\n" for part in parts_of(include))
    out = run([cc, "-std=gnu11", "-I", include, "-E", "-xc", "-"], input=source)
    lines, here = [], ""
    for line in out.splitlines():
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            path = marker[1]
            here = os.path.relpath(path, include) if path.startswith(include) else ""
        elif here and line.strip():
            lines.append((here, line))
    return lines


def parts_of(include: str) -> list[str]:
    """The headers beside paclient.h, some of which it need not include."""
    folder = os.path.join(include, "paclient")
    return sorted(f"paclient/{name}" for name in os.listdir(folder) if name.endswith(".h"))


def statements(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """(header, text) of each declaration; inline functions without their bodies."""
    found, text, depth, where = [], "", 0, ""
    for header, line in lines:
        line = re.sub(r'extern "C" \{|__extension__', "", line)
        for c in line + " ":
            if not text.strip():
                where = header
            text += c
            depth += (c == "{") - (c == "}")
            ends = c == ";" or (c == "}" and re.match(r"\s*static inline", text))
            if ends and not depth:
                found.append((where, text.strip()))
                text = ""
    if text.strip():
        raise HeaderError(f"does not end: {text}")
    return found


def read_enum(h: Headers, header: str, name: str, body: str) -> None:
    h.enums[name] = {part.split("=")[0].strip(): 0 for part in split_params(body) if part.strip()}
    h.where[name] = header


def read_statement(h: Headers, header: str, text: str) -> None:
    text = re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", " ", text)
    text = tidy(text.rstrip(";"))
    enum = re.fullmatch(r"enum (\w+) ?\{(.*)\}", text)
    struct = re.fullmatch(r"struct (\w+) ?\{(.*)\}", text)
    opaque = re.fullmatch(r"typedef struct (\w+) (\w+)", text)
    callback = re.fullmatch(r"typedef (.*?)(\w+)\((.*)\)", text)
    function = re.fullmatch(r"(.*?)(paclient_\w+)\((.*)\)", text)
    if enum:
        read_enum(h, header, enum[1], enum[2])
    elif struct:
        members = [declarator(m) for m in struct[2].split(";") if m.strip()]
        h.structs[struct[1]] = Struct(struct[1], header, [Member(n, t) for t, n in members])
        h.where[struct[1]] = header
    elif opaque:
        h.opaque.append(opaque[2])
        h.where[opaque[2]] = header
    elif callback and text.startswith("typedef"):
        h.callbacks[callback[2]] = Function(callback[2], header, tidy(callback[1]), params_of(callback[3]))
        h.where[callback[2]] = header
    elif function and not text.startswith("static"):
        h.functions[function[2]] = Function(function[2], header, tidy(function[1]), params_of(function[3]))
        h.where[function[2]] = header
    elif not text.startswith("static inline") and not re.fullmatch(r"struct \w+", text) and text:
        raise HeaderError(f"{header}: not understood: {text}")


def read_constants(h: Headers, include: str) -> None:
    """#define of a number or a text. Others are for the compiler (attributes) or fill in structs (_INIT)."""
    for header in ["paclient.h"] + parts_of(include):
        with open(os.path.join(include, header), encoding="utf-8") as f:
            text = f.read().replace("\\\n", " ")
        for name, value in re.findall(r"^#define (PACLIENT_\w+)[ \t]+(.*)$", text, re.M):
            value = re.sub(r"/\*.*", "", value).strip()
            if re.match(r'["\d(]|UINT', value):
                h.constants[name] = value
                h.where[name] = header
            elif not value.startswith(("__attribute__", "{")):
                raise HeaderError(f"{header}: not understood: #define {name} {value}")


def measure(h: Headers, cc: str, include: str) -> None:
    """Sizes, offsets and values, from a program that asks the compiler."""
    c = ['#include <paclient.h>\n#include <inttypes.h>\n#include <stdio.h>']
    c += [f"#include <{part}>" for part in parts_of(include)]
    c.append("int main(void)\n{")
    for s in h.structs.values():
        c.append(f'\tprintf("size {s.name} - %zu\\n", sizeof(struct {s.name}));')
        for m in s.members:
            c.append(f'\tprintf("offset {s.name} {m.name} %zu\\n", offsetof(struct {s.name}, {m.name}));')
    for name, values in h.enums.items():
        c += [f'\tprintf("enum {name} {value} %lld\\n", (long long){value});' for value in values]
    for name, value in h.constants.items():
        how = f'"text {name} - %s\\n", {name}' if str(value).startswith('"') else f'"number {name} - %lld\\n", (long long){name}'
        c.append(f"\tprintf({how});")
    c.append("\treturn 0;\n}\n")
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "measure")
        run([cc, "-std=gnu11", "-I", include, "-o", program, "-xc", "-"], input="\n".join(c))
        for line in run([program]).splitlines():
            kind, name, part, value = line.split(" ", 3)
            if kind == "size":
                h.structs[name].size = int(value)
            elif kind == "offset":
                next(m for m in h.structs[name].members if m.name == part).offset = int(value)
            elif kind == "enum":
                h.enums[name][part] = int(value)
            else:
                h.constants[name] = value if kind == "text" else int(value)


def read(cc: str, include: str) -> Headers:
    """All that the headers in the folder @include declare."""
    h = Headers()
    include = os.path.abspath(include)
    for header, text in statements(preprocessed(cc, include)):
        read_statement(h, header, text)
    read_constants(h, include)
    measure(h, cc, include)
    return h
