"""What calls take and give: enums, and records of numbers and texts.

Names and units are those of <paclient.h>: ``npages`` counts pages of the region, ``addr`` is a byte address of the region, and what
ends in ``_ms``, ``_usec``, ``_bytes`` or ``_total`` says so. Records do not change; ask again for what there is now.
"""
from __future__ import annotations

import ctypes
import enum
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Dict, NamedTuple, Tuple, Type, TypeVar

from ._abi import lib

__all__ = [
    "Alloced",
    "BackingKind",
    "Cause",
    "Cell",
    "Commit",
    "DaemonStat",
    "Death",
    "Drained",
    "Durability",
    "Edge",
    "Event",
    "EventKind",
    "ExtentInfo",
    "Feature",
    "Findings",
    "FreeRuns",
    "Freed",
    "Placement",
    "Quota",
    "Range",
    "RegionInfo",
    "RegionStat",
    "Right",
    "Rule",
    "Scavenger",
    "SessionInfo",
    "SessionState",
    "Status",
    "Strategy",
    "Usage",
    "UserStat",
    "Why",
]


class _Open(enum.IntEnum):
    """An enum that a newer daemon may know more values of: these are members called UNKNOWN_n, equal to their number."""

    @classmethod
    def _missing_(cls, value: object) -> Any:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member


class _Named(_Open):
    """An enum whose values the C library has names for."""

    @property
    def text(self) -> str:
        """As people write it, and ``paclient --json``: "quarantine"; "unknown" for a newer daemon's."""
        names = {
            "Death": lib.paclient_death_name,
            "Durability": lib.paclient_durability_name,
            "Commit": lib.paclient_commit_name,
            "BackingKind": lib.paclient_backing_name,
            "Scavenger": lib.paclient_scavenger_name,
            "SessionState": lib.paclient_session_state_name,
            "EventKind": lib.paclient_event_name,
            "Cause": lib.paclient_cause_name,
        }
        return _decode(names[type(self).__name__](int(self)))


class Status(_Open):
    """The outcome of a call. Below 64 the daemon says it, from 64 on the library."""

    OK = 0
    MALFORMED = 1
    FRAME_TOO_LONG = 2
    UNKNOWN_VERB = 3
    HELLO_REQUIRED = 4
    VERSION = 5
    INVALID = 6
    LIMIT = 7
    NO_REGION = 8
    NO_SPACE = 9
    OUT_OF_REGION = 10
    UNALIGNED = 11
    NOT_ALLOCATED = 12
    NOT_OWNER = 13
    NO_MEMORY = 14
    FAULTED = 15
    OVERLOADED = 16
    NOT_FREE = 17
    IN_USE = 18
    NO_SESSION = 19
    DENIED = 20
    QUOTA = 21
    NOT_FOUND = 22
    NAME_TAKEN = 23
    SHARED = 24
    TOO_SLOW = 25
    SESSION_ENDED = 26
    STORE_FAILED = 27
    STALE = 28
    TIMED_OUT = 64
    NOT_CONNECTED = 65
    DISCONNECTED = 66
    BAD_ARGUMENT = 67
    PROTOCOL = 68
    OUT_OF_MEMORY = 69
    SYSTEM = 70
    PENDING = 71
    CANCELLED = 72

    @property
    def sentence(self) -> str:
        """What it says, for people: "no such region"."""
        return _decode(lib.paclient_status_sentence(int(self)))

    @property
    def exit_code(self) -> int:
        """With which paclient(1) ends after it: for commands that want to end alike."""
        return int(lib.paclient_status_exit_code(int(self)))


class Feature(_Open):
    """What a daemon may be too old for: see Client.has()."""

    PLACEMENT = 1
    SCATTER = 2
    RESHAPE = 3
    SPACE = 4
    RESUME = 5
    NAMES = 6
    SHARING = 7
    QUOTAS = 8
    WATCH = 9
    WAIT = 10
    BACKING = 11
    REPEAT = 12
    CHECK = 13
    USERS = 14
    LEASE = 15


class Right(enum.IntFlag):
    """What may be done in a region: RegionInfo.rights. Bits of a newer daemon's stay in the number."""

    ALLOC = 1
    ATTACH_RO = 2
    ATTACH_RW = 4
    FREE_ANY = 8
    GROW = 16
    ADMIN = 32

    @property
    def texts(self) -> Tuple[str, ...]:
        """As configurations call them: ("alloc", "attach-ro")."""
        bits = (1 << i for i in range(32) if self.value >> i & 1)
        return tuple(_decode(lib.paclient_right_name(bit)) for bit in bits)


class Death(_Named):
    """What becomes of the extents of a session that has ended: free at once, free after a time, or the user's."""

    FREE = 0
    QUARANTINE = 1
    KEEP = 2


class Durability(_Named):
    """How long it is remembered who holds what: as long as the daemon runs, until the system goes down, always."""

    NONE = 0
    PROCESS = 1
    MACHINE = 2


class Rule(_Open):
    """What Placement.addr means: nothing; there or not at all; there if that can be."""

    ANYWHERE = 0
    FIXED = 1
    HINT = 2


class Strategy(_Open):
    """Which place is taken: the lowest, the highest, or the lowest in the shortest run that fits."""

    FIRST = 0
    LAST = 1
    BEST = 2


class Commit(_Named):
    """When memory is put behind pages: as the region says; when they are touched; before the call returns."""

    DEFAULT = 0
    LAZY = 1
    NOW = 2


class Edge(_Open):
    """Which end of an extent moves: where it ends, or where it begins."""

    UPPER = 0
    LOWER = 1


class SessionState(_Named):
    """A connection speaks for it; it can be resumed; it gives back what it holds; the rest of it is in quarantine."""

    OPEN = 0
    GRACE = 1
    ENDING = 2
    QUARANTINED = 3


class BackingKind(_Named):
    """What stands behind a region's addresses: nothing, memory, huge pages, a file or a device."""

    NONE = 0
    MEMFD = 1
    HUGETLB = 2
    FILE = 3


class Scavenger(_Named):
    """What the daemon does about the memory of free pages."""

    OFF = 0
    WORKING = 1
    DONE = 2
    RETAINING = 3
    DELAYED = 4
    RESTING = 5
    FAILED = 6


class EventKind(_Named):
    """What has happened. LOST: nothing but a count of events that were missed."""

    LOST = 0
    ALLOC = 1
    FREE = 2
    GROW = 3
    SHRINK = 4
    SESSION_OPEN = 5
    SESSION_GRACE = 6
    SESSION_RESUME = 7
    SESSION_END = 8
    SPACE_LOW = 9
    SPACE_OK = 10
    QUOTA = 11
    HANDOVER = 12
    RECLAIM = 13


class Cause(_Named):
    """Why a session has ended: its connection was closed, its process died, it or someone entitled asked for it, its grace time was over."""

    NONE = 0
    CLOSED = 1
    DIED = 2
    ASKED = 3
    KILLED = 4
    GRACE = 5


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


R = TypeVar("R", bound="_Record")


@dataclass(frozen=True)
class _Record:
    """Made of a struct: each field is the member of the same name."""

    _enums: ClassVar[Dict[str, Type[Any]]] = {}

    @classmethod
    def _of(cls: Type[R], struct: Any) -> R:
        values = {}
        for f in fields(cls):
            value = getattr(struct, f.name)
            if isinstance(value, bytes):
                value = _decode(value)
            elif isinstance(value, ctypes.Array):
                value = tuple(value)
            values[f.name] = cls._enums[f.name](value) if f.name in cls._enums else value
        return cls(**values)


class Range(NamedTuple):
    """Pages [addr, addr + npages)."""

    addr: int
    npages: int


@dataclass(frozen=True)
class Placement:
    """Where extents may lie. All that is set must hold; nothing is set at first.

    Alignment and boundary count from address 0, not from the region's base.
    """

    align_npages: int = 0
    """It begins at a multiple of so many pages; a power of two."""
    boundary_npages: int = 0
    """No multiple of so many pages lies inside it; a power of two."""
    lowest_addr: int = 0
    """No page lies below; 0 is the region's base."""
    limit_addr: int = 0
    """No page reaches beyond; 0 is the region's end."""
    addr: int = 0
    """See rule."""
    rule: Rule = Rule.ANYWHERE
    strategy: Strategy = Strategy.FIRST


@dataclass(frozen=True)
class RegionInfo(_Record):
    """A region as the daemon describes it."""

    _enums = {"rights": Right, "death": Death, "backing": BackingKind, "commit": Commit, "durability": Durability}

    id: int
    name: str
    faulted: bool
    base_addr: int
    page_size_bytes: int
    limit_npages: int
    grown_npages: int
    free_npages: int
    auto_grow_npages: int
    best_fit: bool
    held_npages: int
    rights: Right
    death: Death
    quarantine_ms: int
    low_npages: int
    backing: BackingKind
    commit: Commit
    backing_page_bytes: int
    sanitize: bool
    releases: bool
    durability: Durability
    generation: int


@dataclass(frozen=True)
class Alloced(_Record):
    """The memory of pages that were got: how many had none behind them, how many had to be cleared."""

    scavenged_npages: int
    cleared_npages: int


@dataclass(frozen=True)
class Freed(_Record):
    """What a free has come to: pages given back, and how many of these others hold on to."""

    npages: int
    shared_npages: int


@dataclass(frozen=True)
class Why(_Record):
    """Where an extent would go, or why it does not fit. Members as of struct paclient_why."""

    fits: bool
    addr: int
    grow_npages: int
    free_npages: int
    largest_npages: int
    placed_npages: int
    growable_npages: int
    short_npages: int
    aligned_npages: int
    bounded_npages: int
    quota_npages: int
    quota_short_npages: int
    quota: str


@dataclass(frozen=True)
class Drained:
    """What still lies in a range that is being drained; extents has the lowest of them, ascending."""

    nextents: int
    npages: int
    extents: Tuple[Range, ...]


@dataclass(frozen=True)
class ExtentInfo(_Record):
    """An extent as others may see it. session_id is 0 where it is detached; nholders counts those who share it, too."""

    addr: int
    npages: int
    session_id: int
    uid: int
    nholders: int
    quarantined: bool
    name: str
    label: str


@dataclass(frozen=True)
class SessionInfo(_Record):
    """A session as the daemon sees it. nshares: extents that it holds besides others."""

    _enums = {"state": SessionState}

    id: int
    uid: int
    pid: int
    state: SessionState
    client_name: str
    command: str
    age_usec: int
    nextents: int
    npages: int
    held_bytes: int
    queued_bytes: int
    grace_ms: int
    remaining_ms: int
    nshares: int


@dataclass(frozen=True)
class Findings:
    """What Client.check() has found wrong; nfindings_total is 0 where all is sound."""

    findings: Tuple[str, ...]
    nfindings_total: int
    nregions: int
    store_compared: bool
    sees_sessions: bool


@dataclass(frozen=True)
class DaemonStat(_Record):
    """Counters of the daemon; those that end in _total count since its start."""

    uptime_usec: int
    nconnections: int
    nsessions: int
    nregions: int
    connections_total: int
    requests_total: int
    refusals_total: int
    bad_frames_total: int
    received_bytes_total: int
    sent_bytes_total: int
    batches_total: int
    ngrace: int
    nending: int
    nwatchers: int
    nwaiting: int
    queued_bytes: int
    refused_total: int
    cut_off_total: int
    deaths_total: int
    quota_refusals_total: int
    events_lost_total: int
    repeated_total: int
    process_commits_total: int
    process_failures_total: int
    process_bytes: int
    machine_commits_total: int
    machine_failures_total: int
    machine_bytes: int
    store_failure: str
    pid: int
    connections_max: int
    connections_wanted: int
    descriptors_max: int
    locked_bytes_max: int
    nleft_out: int
    kept_back_total: int
    cpu_usec_total: int


@dataclass(frozen=True)
class RegionStat(_Record):
    """Counters of a region; those that end in _total count since the daemon's start."""

    _enums = {"scavenger": Scavenger, "durability": Durability}

    id: int
    name: str
    page_size_bytes: int
    limit_npages: int
    grown_npages: int
    free_npages: int
    scavenged_npages: int
    largest_npages: int
    nextents: int
    session_npages: int
    detached_npages: int
    peak_npages: int
    metadata_bytes: int
    allocs_total: int
    frees_total: int
    reclaims_total: int
    grows_total: int
    no_space_total: int
    held_npages: int
    fragmentation_ppm: int
    shrinks_total: int
    nshares: int
    nnamed: int
    quarantined_npages: int
    nwaiting: int
    quota_refusals_total: int
    resident_bytes: int
    busy_npages: int
    released_npages_total: int
    cleared_npages_total: int
    no_memory_total: int
    retained_npages: int
    scavenger: Scavenger
    durability: Durability
    generation: int
    store_failure: str


@dataclass(frozen=True)
class FreeRuns(_Record):
    """Runs of free pages by length: nruns[k] of 2**k up to 2**(k + 1) - 1 pages, npages[k] in all of them."""

    free_npages: int
    largest_npages: int
    fragmentation_ppm: int
    nruns: Tuple[int, ...]
    npages: Tuple[int, ...]


class Cell(NamedTuple):
    """One cell of a usage map: grown pages that are not free, and pages that there are."""

    used_npages: int
    grown_npages: int


@dataclass(frozen=True)
class Usage:
    """Which pages of a region are in use, in cells of cell_npages from addr on; the last may stand for fewer."""

    addr: int
    cell_npages: int
    npages: int
    cells: Tuple[Cell, ...]


@dataclass(frozen=True)
class Quota(_Record):
    """One thing that is limited; a limit of 0 is none."""

    name: str
    limit: int
    used: int


@dataclass(frozen=True)
class UserStat(_Record):
    """What a user uses: of the daemon, or with a region of that."""

    uid: int
    nsessions: int
    nconnections: int
    nwaiting: int
    queued_bytes: int
    npages: int
    nextents: int


@dataclass(frozen=True)
class Event(_Record):
    """What has happened. Numbers that do not apply are 0, text is "". lost: so many just before it were missed."""

    _enums = {"kind": EventKind, "cause": Cause}

    kind: EventKind
    cause: Cause
    lost: int
    time_usec: int
    addr: int
    npages: int
    session_id: int
    region_id: int
    uid: int
    pid: int
    text: str
    limit: int
    used: int
    asked: int
    first_fit: bool


# The record of each struct; the enum of each enum, with what its C names begin with. What they leave out, the drift test lists.
RECORDS: Dict[str, Type[Any]] = {
    "paclient_range": Range,
    "paclient_placement": Placement,
    "paclient_region": RegionInfo,
    "paclient_alloced": Alloced,
    "paclient_freed": Freed,
    "paclient_why": Why,
    "paclient_drain": Drained,
    "paclient_extent": ExtentInfo,
    "paclient_session": SessionInfo,
    "paclient_findings": Findings,
    "paclient_daemon_stat": DaemonStat,
    "paclient_region_stat": RegionStat,
    "paclient_free_runs": FreeRuns,
    "paclient_cell": Cell,
    "paclient_usage": Usage,
    "paclient_quota": Quota,
    "paclient_user_stat": UserStat,
    "paclient_event": Event,
}
ENUMS: Dict[str, Tuple[Type[Any], str]] = {
    "paclient_status": (Status, "PACLIENT_"),
    "paclient_feature": (Feature, "PACLIENT_FEATURE_"),
    "paclient_right": (Right, "PACLIENT_RIGHT_"),
    "paclient_death": (Death, "PACLIENT_DEATH_"),
    "paclient_durability": (Durability, "PACLIENT_DURABILITY_"),
    "paclient_rule": (Rule, "PACLIENT_"),
    "paclient_strategy": (Strategy, "PACLIENT_"),
    "paclient_commit": (Commit, "PACLIENT_COMMIT_"),
    "paclient_edge": (Edge, "PACLIENT_"),
    "paclient_session_state": (SessionState, "PACLIENT_SESSION_"),
    "paclient_backing_kind": (BackingKind, "PACLIENT_BACKING_"),
    "paclient_scavenger": (Scavenger, "PACLIENT_SCAVENGER_"),
    "paclient_event_kind": (EventKind, "PACLIENT_EVENT_"),
    "paclient_cause": (Cause, "PACLIENT_CAUSE_"),
}
