#!/usr/bin/env python3
"""python_drift - the Python module has what <paclient.h> declares, as it is declared there, and says what each part of it does

    python_drift.py CC INCLUDE     prints each difference; exit 1 if there is any

Role:  structs by size, offset and type, functions by result and parameters, enumerators and constants by name and value; records by
       their fields. What the module leaves out stands here, with the reason.
Uses:  headers.py, the module (PYTHONPATH, PACLIENT_LIBRARY)
"""
import ctypes
import dataclasses
import inspect
import sys

import headers
import paclient
from paclient import _abi, types

# What the module does without, and why. One that the headers do not have (any more) is a difference, too.
FUNCTIONS_LEFT_OUT = {
    "paclient_alloc": "paclient_alloc_with() does the same",
    "paclient_alloc_batch": "paclient_alloc_with() does the same",
    "paclient_alloc_placed": "paclient_alloc_with() does the same",
    "paclient_alloc_scattered": "paclient_alloc_scattered_with() does the same",
    "paclient_free": "paclient_free_with() does the same",
    "paclient_free_batch": "paclient_free_with() does the same",
    "paclient_resize": "paclient_resize_with() does the same",
    "paclient_grow": "paclient_grow_at() does the same with 0",
    "paclient_list": "Region.extents() makes its list from paclient_list_each(): without a second copy",
    "paclient_extents_free": "belongs to paclient_list()",
    "paclient_status_name": "Status.name says it",
    "paclient_watch_run": "a Watch is iterated over, which a signal can interrupt",
}
STRUCTS_LEFT_OUT = {
    "paclient_extent_list": "belongs to paclient_list()",
}
CALLBACKS_LEFT_OUT = {
    "paclient_event_fn": "belongs to paclient_watch_run()",
}
CONSTANTS_LEFT_OUT = {
    "PACLIENT_VERSION_MAJOR": "paclient.version() is the library's at run time",
    "PACLIENT_VERSION_MINOR": "the same",
    "PACLIENT_VERSION_PATCH": "the same",
}
# All of a header; it need not be there.
HEADERS_LEFT_OUT = {
    "paclient/async.h": "for programs with a loop of their own: Python's have threads, during whose calls others run, and Watch.fileno()",
    "paclient/cache.h": "saves microseconds for each page; a call from Python costs as much",
}
# Members that are no field of the record that is made of a struct.
MEMBERS_LEFT_OUT = {
    "size": "says how much of the struct is valid",
    "paclient_drain.nlisted": "len(extents)",
    "paclient_findings.nfindings": "len(findings)",
    "paclient_usage.ncells": "len(cells)",
}

SCALARS = {
    "int": ctypes.c_int,
    "unsigned": ctypes.c_uint,
    "bool": ctypes.c_bool,
    "size_t": ctypes.c_size_t,
    "uint8_t": ctypes.c_uint8,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "const char *": ctypes.c_char_p,
    "void *": ctypes.c_void_p,
    "paclient *": ctypes.c_void_p,
    "paclient_watch *": ctypes.c_void_p,
    "paclient_extent_fn *": _abi.extent_fn,
    "void": None,
}

differences = []


def differs(text):
    differences.append(text)


def expected(ctype):
    """The type of ctypes for one of C's."""
    if ctype.endswith("]"):
        element, _, length = ctype[:-1].partition("[")
        base = ctypes.c_char if element.strip() == "char" else expected(element.strip())
        return base * int(length)
    bare = ctype if ctype == "const char *" else ctype.replace("const ", "")
    if bare in SCALARS:
        return SCALARS[bare]
    if bare == "const char **" or ctype == "const char **":
        return ctypes.POINTER(ctypes.c_char_p)
    if bare.startswith("struct ") and bare.endswith("*"):
        return ctypes.POINTER(expected(bare[:-1].strip()))
    if bare.startswith("struct "):
        return getattr(_abi, bare.split()[1], None)
    if bare.endswith("*"):
        return ctypes.POINTER(expected(bare[:-1].strip() if bare[:-1].strip() in SCALARS else bare[:-1]))
    # A function of the caller's: Python never has one.
    if "(*)" in ctype:
        return ctypes.c_void_p
    raise headers.HeaderError(f"no type of ctypes for {ctype}")


def called(kind):
    return "void" if kind is None else kind.__name__


def compare_structs(h):
    for s in h.structs.values():
        if s.name in STRUCTS_LEFT_OUT or s.header in HEADERS_LEFT_OUT:
            continue
        mine = getattr(_abi, s.name, None)
        if mine is None:
            differs(f"struct {s.name}: the module has none")
            continue
        if ctypes.sizeof(mine) != s.size:
            differs(f"struct {s.name}: is {ctypes.sizeof(mine)} bytes, in the header {s.size}")
        kinds = dict(mine._fields_)
        for m in s.members:
            if m.name not in kinds:
                differs(f"struct {s.name}: no member {m.name}")
                continue
            offset = getattr(mine, m.name).offset
            if kinds[m.name] is not expected(m.ctype) or offset != m.offset:
                differs(f"struct {s.name}.{m.name}: is {called(kinds[m.name])} at {offset}, in the header {m.ctype} at {m.offset}")
        for name in kinds.keys() - {m.name for m in s.members}:
            differs(f"struct {s.name}: member {name} is not in the header")
        compare_record(s)


def compare_record(s):
    record = types.RECORDS.get(s.name)
    if record is None:
        return
    fields = set(record._fields) if hasattr(record, "_fields") else {f.name for f in dataclasses.fields(record)}
    wanted = {m.name for m in s.members if not {m.name, f"{s.name}.{m.name}"} & MEMBERS_LEFT_OUT.keys()}
    for name in wanted - fields:
        differs(f"{record.__name__} has no field for struct {s.name}.{name}")
    for name in fields - wanted:
        differs(f"{record.__name__}.{name} is no member of struct {s.name}")


def compare_error(h):
    fields = {name for name in vars(paclient.Error) if not name.startswith("_")}
    wanted = {m.name for m in h.structs["paclient_error"].members} - {"nlisted"}
    if fields != wanted:
        differs(f"Error and struct paclient_error differ in: {', '.join(sorted(fields ^ wanted))}")
    for status in set(paclient.Status) ^ set(paclient.errors.CLASSES) ^ {paclient.Status.OK}:
        differs(f"{status!r} has no exception of its own")


def compare_functions(h):
    for f in h.functions.values():
        if f.name in FUNCTIONS_LEFT_OUT or f.header in HEADERS_LEFT_OUT:
            continue
        if f.name not in _abi.PROTOTYPES:
            differs(f"{f.name}: no such function in the module")
            continue
        result, arguments = _abi.PROTOTYPES[f.name]
        wanted = [expected(t) for t, _ in f.params]
        if result is not expected(f.result) or arguments != wanted:
            differs(f"{f.name}: is ({', '.join(map(called, arguments))}) -> {called(result)}, in the header "
                    f"({', '.join(map(called, wanted))}) -> {called(expected(f.result))}")
    for name in _abi.PROTOTYPES.keys() - h.functions.keys():
        differs(f"{name}: no header has that function")


def compare_enums(h):
    for name, values in h.enums.items():
        if h.where[name] in HEADERS_LEFT_OUT:
            continue
        if name not in types.ENUMS:
            differs(f"enum {name}: the module has none")
            continue
        mine, prefix = types.ENUMS[name]
        known = {prefix + member.name: int(member) for member in mine}
        for value, number in values.items():
            if value not in known:
                differs(f"enum {name}: no member {value}")
            elif known[value] != number:
                differs(f"enum {name}: {value} is {known[value]}, in the header {number}")
        for value in known.keys() - values.keys():
            differs(f"enum {name}: member {value} is not in the header")


def compare_constants(h):
    for name, value in h.constants.items():
        if name in CONSTANTS_LEFT_OUT or h.where[name] in HEADERS_LEFT_OUT:
            continue
        mine = getattr(_abi, name.removeprefix("PACLIENT_"), None)
        if mine != value:
            differs(f"{name}: is {mine}, in the header {value}")


def compare_left_out(h):
    """What is left out is there to be left out, and is not there all the same."""
    for left_out, there, here in (
        (FUNCTIONS_LEFT_OUT, h.functions, _abi.PROTOTYPES),
        (STRUCTS_LEFT_OUT, h.structs, vars(_abi)),
        (CALLBACKS_LEFT_OUT, h.callbacks, vars(_abi)),
        (CONSTANTS_LEFT_OUT, h.constants, {}),
    ):
        for name in left_out:
            if name not in there:
                differs(f"{name} is left out, but no header has it")
            if name in here:
                differs(f"{name} is left out, but the module has it")
    for name, callback in h.callbacks.items():
        if callback.header not in HEADERS_LEFT_OUT and name not in CALLBACKS_LEFT_OUT | {"paclient_extent_fn": ""}:
            differs(f"{name}: the module has no such callback")


def compare_docstrings():
    for name in paclient.__all__:
        thing = getattr(paclient, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        parts = {name: thing} if inspect.isfunction(thing) else {name: thing} | {
            f"{name}.{part}": value
            for part, value in vars(thing).items()
            if not part.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
        }
        for path, part in parts.items():
            doc = part.__doc__ or ""
            # A dataclass and an enum that say nothing have a text that Python made.
            if not doc.strip() or doc.startswith((f"{name}(", "An enumeration")):
                differs(f"{path} has no docstring")


def main():
    h = headers.read(sys.argv[1], sys.argv[2])
    compare_structs(h)
    compare_functions(h)
    compare_enums(h)
    compare_constants(h)
    compare_error(h)
    compare_left_out(h)
    compare_docstrings()
    for difference in differences:
        print(difference)
    return 1 if differences else 0


sys.exit(main())
