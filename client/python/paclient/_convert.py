"""From Python to the library and back: times, numbers and texts that fit, structs that an older library fills in part."""
from __future__ import annotations

import ctypes
import math
from dataclasses import fields
from typing import Any, Optional

from . import _abi
from .errors import bad_argument
from .types import Placement


def copied(pointer: Any) -> Any:
    """A struct of the library's as this module knows it: what an older library does not have is 0."""
    kind = pointer._type_
    made = kind()
    ctypes.memmove(ctypes.byref(made), pointer, min(pointer.contents.size, ctypes.sizeof(kind)))
    return made


def milliseconds(seconds: Optional[float], none: int = 0) -> int:
    """As the library wants it; not 0, which means something else there, unless there is none."""
    if seconds is None:
        return none
    if not seconds >= 0:
        raise ValueError(f"a time is {seconds}: wanted seconds, from 0")
    return max(1, min(math.ceil(seconds * 1000), 2**31 - 1)) if seconds < 2**31 else 2**31 - 1


def placement_struct(placement: Optional[Placement]) -> Any:
    """For the library; None where there is none."""
    if placement is None:
        return None
    made = _abi.sized(_abi.paclient_placement)
    for f in fields(placement):
        bits = 31 if f.name in ("rule", "strategy") else 64
        setattr(made, f.name, number(f.name, getattr(placement, f.name), bits))
    return made


def number(name: str, value: int, bits: int = 64) -> int:
    """@value, which must fit: ctypes would cut off what does not."""
    if not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}: wanted a whole number")
    if not 0 <= value < 1 << bits:
        raise bad_argument(name, f"is {value}: wanted a number from 0 to {(1 << bits) - 1}")
    return value


def text(name: str, value: Optional[str]) -> Optional[bytes]:
    """For the library, which ends it at a NUL."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}: wanted a text")
    if "\0" in value:
        raise bad_argument(name, "has a NUL character in it")
    return value.encode("utf-8", "surrogateescape")
