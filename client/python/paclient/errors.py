"""What is raised where a call fails: Error, and a class of its own for each status.

They are also the exceptions that Python has for the like, so that programs need not know this module's: ``except TimeoutError``,
``except ConnectionError``, ``except PermissionError``, ``except LookupError``, ``except ValueError`` and ``except MemoryError`` catch
what one expects.
"""
from __future__ import annotations

from typing import Any, Dict, Tuple, Type

from ._abi import paclient_error
from .types import Range, Status, _decode

__all__ = [
    "Error",
    "Malformed",
    "FrameTooLong",
    "UnknownVerb",
    "HelloRequired",
    "Version",
    "Invalid",
    "Limit",
    "NoRegion",
    "NoSpace",
    "OutOfRegion",
    "Unaligned",
    "NotAllocated",
    "NotOwner",
    "NoMemory",
    "Faulted",
    "Overloaded",
    "NotFree",
    "InUse",
    "NoSession",
    "Denied",
    "QuotaExceeded",
    "NotFound",
    "NameTaken",
    "Shared",
    "TooSlow",
    "SessionEnded",
    "StoreFailed",
    "Stale",
    "TimedOut",
    "NotConnected",
    "Disconnected",
    "BadArgument",
    "Protocol",
    "OutOfMemory",
    "SystemFailed",
]


class Error(Exception):
    """A call has failed, and str() says why in one sentence. Numbers that do not apply are 0, texts "", as in struct paclient_error."""

    status: Status = Status.OK
    system_errno: int = 0
    """errno behind NOT_CONNECTED, DISCONNECTED and SYSTEM."""
    index: int = 0
    """The entry of a batch that is at fault, from 0."""
    field: str = ""
    """The argument that is at fault, the right that is missing, or the quota."""
    message: str = ""
    asked: int = 0
    limit: int = 0
    used: int = 0
    free_npages: int = 0
    largest_npages: int = 0
    growable_npages: int = 0
    addr: int = 0
    """The first address at fault."""
    placed_npages: int = 0
    aligned_npages: int = 0
    bounded_npages: int = 0
    nextents: int = 0
    extents: Tuple[Range, ...] = ()
    """IN_USE: the lowest extents in the way; nextents says how many there are."""
    quota_npages: int = 0

    def __str__(self) -> str:
        return self.message


class Malformed(Error):
    """The daemon could not read a request."""


class FrameTooLong(Error):
    """A request was longer than allowed."""


class UnknownVerb(Error):
    """The daemon is older than the call, or than something that it asks for."""


class HelloRequired(Error):
    """Never seen by users of the library."""


class Version(Error):
    """No protocol version in common."""


class Invalid(Error, ValueError):
    """A value is impossible; field names it."""


class Limit(Error, ValueError):
    """More than allowed; limit says how much is."""


class NoRegion(Error, LookupError):
    """No region of that name or id."""


class NoSpace(Error):
    """No run of free pages is long enough."""


class OutOfRegion(Error, ValueError):
    """The range does not lie in the region."""


class Unaligned(Error, ValueError):
    """The address is not the beginning of a page."""


class NotAllocated(Error, LookupError):
    """Some page of the range is not allocated."""


class NotOwner(Error, PermissionError):
    """Some page of the range is held by another owner."""


class NoMemory(Error, MemoryError):
    """The daemon has none for this request, or to put behind its pages."""


class Faulted(Error):
    """The region is closed because its state is inconsistent."""


class Overloaded(Error, ConnectionError):
    """The daemon takes no more connections."""


class NotFree(Error):
    """Some page that is needed is not free: addr."""


class InUse(Error):
    """Extents are in the way: extents, nextents."""


class NoSession(Error, LookupError):
    """No session of that id or token, or its grace time is over."""


class Denied(Error, PermissionError):
    """The right to do this is missing; field names it."""


class QuotaExceeded(Error):
    """A quota does not allow it: field, limit, used, asked."""


class NotFound(Error, LookupError):
    """No extent of that name, or none begins at that address."""


class NameTaken(Error):
    """Another extent of the region has that name: it begins at addr."""


class Shared(Error):
    """Several hold the extent: it can only be released, whole."""


class TooSlow(Error, ConnectionError):
    """Too slow for the daemon; the connection is over."""


class SessionEnded(Error, ConnectionError):
    """The session was ended by someone entitled, resumed elsewhere, or forgotten; it is over."""


class StoreFailed(Error):
    """The daemon cannot write changes down now; nothing is changed."""


class Stale(Error):
    """The region's memory is gone, and all that was held of it: Client.region() gives the new one."""


class TimedOut(Error, TimeoutError):
    """The deadline passed before the reply came; the client goes on working."""


class NotConnected(Error, ConnectionError):
    """No daemon answers at this socket."""


class Disconnected(Error, ConnectionError):
    """The daemon closed the connection."""


class BadArgument(Error, ValueError):
    """An argument of the call is impossible, or the client is closed."""


class Protocol(Error):
    """The daemon's reply can't be understood."""


class OutOfMemory(Error, MemoryError):
    """This program has no memory for the call."""


class SystemFailed(Error, OSError):
    """A system call failed: system_errno."""


CLASSES: Dict[Status, Type[Error]] = {
    Status.MALFORMED: Malformed,
    Status.FRAME_TOO_LONG: FrameTooLong,
    Status.UNKNOWN_VERB: UnknownVerb,
    Status.HELLO_REQUIRED: HelloRequired,
    Status.VERSION: Version,
    Status.INVALID: Invalid,
    Status.LIMIT: Limit,
    Status.NO_REGION: NoRegion,
    Status.NO_SPACE: NoSpace,
    Status.OUT_OF_REGION: OutOfRegion,
    Status.UNALIGNED: Unaligned,
    Status.NOT_ALLOCATED: NotAllocated,
    Status.NOT_OWNER: NotOwner,
    Status.NO_MEMORY: NoMemory,
    Status.FAULTED: Faulted,
    Status.OVERLOADED: Overloaded,
    Status.NOT_FREE: NotFree,
    Status.IN_USE: InUse,
    Status.NO_SESSION: NoSession,
    Status.DENIED: Denied,
    Status.QUOTA: QuotaExceeded,
    Status.NOT_FOUND: NotFound,
    Status.NAME_TAKEN: NameTaken,
    Status.SHARED: Shared,
    Status.TOO_SLOW: TooSlow,
    Status.SESSION_ENDED: SessionEnded,
    Status.STORE_FAILED: StoreFailed,
    Status.STALE: Stale,
    Status.TIMED_OUT: TimedOut,
    Status.NOT_CONNECTED: NotConnected,
    Status.DISCONNECTED: Disconnected,
    Status.BAD_ARGUMENT: BadArgument,
    Status.PROTOCOL: Protocol,
    Status.OUT_OF_MEMORY: OutOfMemory,
    Status.SYSTEM: SystemFailed,
    # Of calls that nobody waits for, which Python does not make.
    Status.PENDING: Error,
    Status.CANCELLED: Error,
}


def error_new(status: Status, message: str, **values: Any) -> Error:
    """Of the status' class; of Error itself for one that is newer than this module."""
    made = CLASSES.get(status, Error)(message)
    made.status = status
    made.message = message
    for name, value in values.items():
        setattr(made, name, value)
    if isinstance(made, OSError):
        made.strerror = message
        if made.system_errno:
            made.errno = made.system_errno
    return made


def error_of(error: paclient_error) -> Error:
    """What a call has written down of its failure."""
    values = {}
    for name, _ in paclient_error._fields_:
        value = getattr(error, name)
        values[name] = _decode(value) if isinstance(value, bytes) else value
    nlisted = values.pop("nlisted")
    values["extents"] = tuple(Range(e.addr, e.npages) for e in values["extents"][:nlisted])
    status, message = Status(values.pop("status")), values.pop("message")
    return error_new(status, message, **values)


def bad_argument(field: str, what: str) -> Error:
    """As the library says it of what does not reach it."""
    return error_new(Status.BAD_ARGUMENT, f"{field} {what}", field=field)
