"""Pages of a region: taken, held, shared, looked at. Region and Extent."""
from __future__ import annotations

import ctypes
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence, Tuple, Type

from . import _abi
from ._abi import lib
from ._convert import milliseconds, number, placement_struct, text
from ._handle import Handle
from .errors import bad_argument, error_new
from .memory import Backing, Mapping
from .types import (
    Alloced,
    Cell,
    Commit,
    Drained,
    Edge,
    ExtentInfo,
    Freed,
    FreeRuns,
    Placement,
    Range,
    RegionInfo,
    RegionStat,
    Status,
    Usage,
    Why,
)

if TYPE_CHECKING:
    from .client import Client


class Extent:
    """Pages that this session holds, or its user (detached): what Region.alloc() and share() give.

    Held until free() or the end of the with statement, and no longer than the client unless it is detached. ``addr`` and ``npages`` follow
    what is done with it here; what is done past it, by Region's calls with addresses or by others, it does not know.
    """

    def __init__(self, region: Region, addr: int, npages: int, shared: bool, alloced: Optional[Alloced] = None) -> None:
        self.region = region
        self.addr = addr
        self.npages = npages
        self.shared = shared
        """The session came to hold it by share()."""
        self.alloced = alloced
        """What memory the pages of the request had, where it was just taken."""
        self.held = True
        """It was not given back, and not handed over."""

    def __repr__(self) -> str:
        state = "" if self.held else ", not held"
        return f"<paclient.Extent {self.addr:#x}:{self.npages} of {self.region.name}{state}>"

    def __enter__(self) -> Extent:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        # With the session the extent has gone; and a child of fork() has not taken it.
        handle = self.region._handle
        if self.held and not handle.closed and not handle.inherited:
            self.free()

    def free(self, *, timeout: Optional[float] = None) -> None:
        """Give it back. Who shares it goes on to hold it. Nothing happens where it is not held any more."""
        if not self.held:
            return
        if self.shared:
            self.region.release(self.addr, timeout=timeout)
        else:
            self.region.free(self.addr, self.npages, timeout=timeout)
        self.held = False

    def resize(self, npages: int, *, edge: Edge = Edge.UPPER, timeout: Optional[float] = None) -> Alloced:
        """Give it another length where it is. Raises NotFree where pages beside it are in the way."""
        self.addr, alloced = self.region.resize(self.addr, npages, edge=edge, timeout=timeout)
        self.npages = npages
        return alloced

    def split(self, addr: int, *, timeout: Optional[float] = None) -> Extent:
        """Make two of it; this is the lower one from now on, and the upper one, which begins at addr, is returned."""
        if not self.addr < addr < self.end:
            raise bad_argument("addr", f"is {addr:#x}: it does not lie inside of the extent")
        lower, upper = self.region.split(addr, timeout=timeout)
        self.npages = lower.npages
        return Extent(self.region, upper.addr, upper.npages, self.shared)

    def join(self, other: Extent, *, timeout: Optional[float] = None) -> None:
        """Take the extent that follows into this one; it is not held by itself any more."""
        if other.region.id != self.region.id or other.addr != self.end:
            raise bad_argument("other", "does not follow this extent")
        self.region.join(self.addr, self.npages + other.npages, timeout=timeout)
        self.npages += other.npages
        other.held = False

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.addr + self.npages * self.region.page_size_bytes

    @property
    def nbytes(self) -> int:
        """Its length in bytes."""
        return self.npages * self.region.page_size_bytes

    def info(self, *, timeout: Optional[float] = None) -> ExtentInfo:
        """As others may see it. Raises NotFound."""
        return self.region.extent_info(self.addr, timeout=timeout)

    def annotate(
        self, *, name: Optional[str] = None, label: Optional[str] = None, timeout: Optional[float] = None
    ) -> None:
        """Give it another name or label; "" is none, None leaves it as it is. Raises NameTaken."""
        self.region.annotate(self.addr, name=name, label=label, timeout=timeout)

    def handover(
        self, *, session_id: Optional[int] = None, uid: Optional[int] = None, timeout: Optional[float] = None
    ) -> None:
        """It becomes another session's, or as a detached one a user's: this object does not hold it any more."""
        self.region.handover(self.addr, session_id=session_id, uid=uid, timeout=timeout)
        self.held = False

    def map(
        self, *, write: bool = False, region: bool = False, populate: bool = False, timeout: Optional[float] = None
    ) -> Mapping:
        """Its memory: see Region.map()."""
        return self.region.map(self.addr, self.npages, write=write, region=region, populate=populate, timeout=timeout)


class Region:
    """A region, for a client: Client.region(). Addresses are byte addresses of the region, lengths in pages."""

    def __init__(self, client: Client, handle: Handle, region_id: int, name: str) -> None:
        self.client = client
        self._handle = handle
        self.id = region_id
        self.name = name
        self._page_size_bytes = 0

    def __repr__(self) -> str:
        return f"<paclient.Region {self.name}>"

    @property
    def page_size_bytes(self) -> int:
        """Asks the daemon once."""
        if not self._page_size_bytes:
            self._page_size_bytes = self.info().page_size_bytes
        return self._page_size_bytes

    def _ask(self, function: Callable[..., Any], *arguments: Any, timeout: Optional[float]) -> None:
        self._handle.call(function, self.id, *arguments, timeout=timeout)

    # What it is.

    def info(self, *, timeout: Optional[float] = None) -> RegionInfo:
        """The region as it is now."""
        info = _abi.sized(_abi.paclient_region)
        self._ask(lib.paclient_region_info, ctypes.byref(info), timeout=timeout)
        return RegionInfo._of(info)

    def _ranges(self, function: Callable[..., Any], timeout: Optional[float]) -> List[Range]:
        found = ctypes.POINTER(_abi.paclient_range_list)()
        self._ask(function, ctypes.byref(found), timeout=timeout)
        try:
            return [Range(r.addr, r.npages) for r in found.contents.ranges[: found.contents.nranges]]
        finally:
            lib.paclient_ranges_free(found)

    def ranges(self, *, timeout: Optional[float] = None) -> List[Range]:
        """What the region has been grown by, ascending; the first 1024 where there are more."""
        return self._ranges(lib.paclient_region_ranges, timeout)

    def reserved(self, *, timeout: Optional[float] = None) -> List[Range]:
        """Ranges that nobody may ever get, grown or not."""
        return self._ranges(lib.paclient_region_reserved, timeout)

    def drained(self, *, timeout: Optional[float] = None) -> List[Range]:
        """Ranges where nothing new is placed."""
        return self._ranges(lib.paclient_region_drained, timeout)

    # Pages taken and given back.

    def _alloc_options(
        self,
        placement: Optional[Placement],
        name: Optional[str],
        label: Optional[str],
        detached: bool,
        wait: Optional[float],
        commit: Commit,
        zero: bool,
    ) -> Tuple[Any, Any]:
        options, alloced = _abi.sized(_abi.paclient_alloc_options), _abi.sized(_abi.paclient_alloced)
        where = placement_struct(placement)
        if where is not None:
            options.placement = ctypes.pointer(where)
        options.name, options.label = text("name", name), text("label", label)
        options.flags = _abi.DETACHED if detached else 0
        options.wait_ms = milliseconds(wait) if wait else 0
        options.commit = number("commit", commit, 31)
        options.zero = zero
        options.ret_alloced = ctypes.pointer(alloced)
        return options, alloced

    def alloc(
        self,
        npages: int,
        *,
        placement: Optional[Placement] = None,
        name: Optional[str] = None,
        label: Optional[str] = None,
        detached: bool = False,
        wait: Optional[float] = None,
        commit: Commit = Commit.DEFAULT,
        zero: bool = False,
        timeout: Optional[float] = None,
    ) -> Extent:
        """Take one extent.

        npages: its length, from 1.
        placement: where it may lie; None is as low as possible.
        name: unique in the region, 63 bytes at most; label: for people, 127 bytes at most.
        detached: it outlives the session and belongs to the user.
        wait: where there is no space, wait for it so long; the deadline is later by as much. Other calls of the client wait meanwhile.
        commit: when memory is put behind the pages. zero: they read as zeros.

        Raises NoSpace (with numbers), QuotaExceeded, NameTaken, Invalid, Limit, NotFree, Unaligned, OutOfRegion, NoMemory, Faulted.
        """
        options, alloced = self._alloc_options(placement, name, label, detached, wait, commit, zero)
        length, addr = ctypes.c_uint64(number("npages", npages)), ctypes.c_uint64()
        arguments = 1, ctypes.byref(length), ctypes.byref(options), ctypes.byref(addr)
        self._ask(lib.paclient_alloc_with, *arguments, timeout=timeout)
        return Extent(self, addr.value, npages, False, Alloced._of(alloced))

    def alloc_batch(
        self,
        lengths: Sequence[int],
        *,
        placement: Optional[Placement] = None,
        label: Optional[str] = None,
        detached: bool = False,
        wait: Optional[float] = None,
        commit: Commit = Commit.DEFAULT,
        zero: bool = False,
        timeout: Optional[float] = None,
    ) -> List[Extent]:
        """Take several extents of these lengths in one request: all or none. As alloc(); Error.index says which entry is at fault."""
        options, alloced = self._alloc_options(placement, None, label, detached, wait, commit, zero)
        n = len(lengths)
        npages = (ctypes.c_uint64 * max(n, 1))(*(number("npages", length) for length in lengths))
        addrs = (ctypes.c_uint64 * max(n, 1))()
        self._ask(lib.paclient_alloc_with, n, npages, ctypes.byref(options), addrs, timeout=timeout)
        memory = Alloced._of(alloced)
        return [Extent(self, addr, length, False, memory) for addr, length in zip(addrs, lengths)]

    def alloc_scattered(
        self,
        npages: int,
        max_extents: int,
        *,
        placement: Optional[Placement] = None,
        label: Optional[str] = None,
        detached: bool = False,
        wait: Optional[float] = None,
        commit: Commit = Commit.DEFAULT,
        zero: bool = False,
        timeout: Optional[float] = None,
    ) -> List[Extent]:
        """Take npages in up to max_extents extents, as few as will do: all or none. Each is one of its own from then on."""
        batch_max = self.client.batch_max
        if number("max_extents", max_extents) > batch_max:
            message = f"max_extents is {max_extents}: at most {batch_max} in one request"
            raise error_new(Status.LIMIT, message, field="max_extents", asked=max_extents, limit=batch_max)
        options, alloced = self._alloc_options(placement, None, label, detached, wait, commit, zero)
        ranges, nranges = (_abi.paclient_range * max(max_extents, 1))(), ctypes.c_size_t()
        arguments = number("npages", npages), max_extents, ctypes.byref(options), ranges, ctypes.byref(nranges)
        self._ask(lib.paclient_alloc_scattered_with, *arguments, timeout=timeout)
        memory = Alloced._of(alloced)
        return [Extent(self, r.addr, r.npages, False, memory) for r in ranges[: nranges.value]]

    def free(self, addr: int, npages: int, *, timeout: Optional[float] = None) -> Freed:
        """Give pages back: an extent, a part of one, or several that touch.

        Raises NotAllocated, NotOwner, Shared (a part of an extent that others share), OutOfRegion, Unaligned, Invalid, Faulted.
        """
        return self.free_batch([Range(addr, npages)], timeout=timeout)

    def free_batch(self, ranges: Sequence[Tuple[int, int]], *, timeout: Optional[float] = None) -> Freed:
        """Give several ranges, of address and length, back in one request: all or none. Error.index says which is at fault."""
        n = len(ranges)
        addrs = (ctypes.c_uint64 * max(n, 1))(*(number("addr", addr) for addr, _ in ranges))
        lengths = (ctypes.c_uint64 * max(n, 1))(*(number("npages", npages) for _, npages in ranges))
        freed = _abi.sized(_abi.paclient_freed)
        self._ask(lib.paclient_free_with, n, addrs, lengths, ctypes.byref(freed), timeout=timeout)
        return Freed._of(freed)

    def free_extent(self, seen: ExtentInfo, *, timeout: Optional[float] = None) -> None:
        """Give an extent back if it is still what it was seen as, in a list of before. Raises NotOwner where it is not."""
        extent = _abi.sized(_abi.paclient_extent)
        extent.addr, extent.npages = number("addr", seen.addr), number("npages", seen.npages)
        extent.session_id, extent.uid = number("session_id", seen.session_id), number("uid", seen.uid, 32)
        self._ask(lib.paclient_free_extent, ctypes.byref(extent), timeout=timeout)

    def resize(
        self, addr: int, npages: int, *, edge: Edge = Edge.UPPER, timeout: Optional[float] = None
    ) -> Tuple[int, Alloced]:
        """Give the extent at addr another length: where it begins now, and what memory the new pages had. Raises NotFree."""
        begin, alloced = ctypes.c_uint64(), _abi.sized(_abi.paclient_alloced)
        what = number("addr", addr), number("npages", npages), number("edge", edge, 31)
        self._ask(lib.paclient_resize_with, *what, ctypes.byref(begin), ctypes.byref(alloced), timeout=timeout)
        return begin.value, Alloced._of(alloced)

    def split(self, addr: int, *, timeout: Optional[float] = None) -> Tuple[Range, Range]:
        """Make two extents of the one around addr, where the upper one begins: both."""
        lower, upper = _abi.paclient_range(), _abi.paclient_range()
        self._ask(lib.paclient_split, number("addr", addr), ctypes.byref(lower), ctypes.byref(upper), timeout=timeout)
        return Range(lower.addr, lower.npages), Range(upper.addr, upper.npages)

    def join(self, addr: int, npages: int, *, timeout: Optional[float] = None) -> int:
        """Make one extent of those that make up the range: how many they were. Raises Invalid, NotAllocated, NotOwner."""
        nextents = ctypes.c_uint64()
        what = number("addr", addr), number("npages", npages)
        self._ask(lib.paclient_join, *what, ctypes.byref(nextents), timeout=timeout)
        return nextents.value

    # The address space.

    def grow(self, npages: int, *, addr: int = 0, timeout: Optional[float] = None) -> Range:
        """Add at least npages at the upper end, or from addr on: what was added. Raises Limit, Invalid, OutOfRegion."""
        added = _abi.paclient_range()
        what = number("addr", addr), number("npages", npages)
        self._ask(lib.paclient_grow_at, *what, ctypes.byref(added), timeout=timeout)
        return Range(added.addr, added.npages)

    def shrink(self, npages: int, *, addr: int = 0, timeout: Optional[float] = None) -> Range:
        """Take unused whole chunks of 512 pages out, from addr on or from the upper end: what was taken. Raises InUse, Invalid."""
        removed = _abi.paclient_range()
        what = number("addr", addr), number("npages", npages)
        self._ask(lib.paclient_shrink, *what, ctypes.byref(removed), timeout=timeout)
        return Range(removed.addr, removed.npages)

    def drain(self, addr: int, npages: int, *, timeout: Optional[float] = None) -> Drained:
        """Place nothing new in the range from now on; what still lies there. Does not wait. Raises Limit, OutOfRegion."""
        drain = _abi.sized(_abi.paclient_drain)
        what = number("addr", addr), number("npages", npages)
        self._ask(lib.paclient_drain, *what, ctypes.byref(drain), timeout=timeout)
        extents = tuple(Range(e.addr, e.npages) for e in drain.extents[: drain.nlisted])
        return Drained(drain.nextents, drain.npages, extents)

    def undrain(self, addr: int, npages: int, *, timeout: Optional[float] = None) -> None:
        """Let the pages be used again. Raises Invalid where some are not drained."""
        self._ask(lib.paclient_undrain, number("addr", addr), number("npages", npages), timeout=timeout)

    def reserve(self, addr: int, npages: int, *, timeout: Optional[float] = None) -> None:
        """Make a hole: nobody may ever get these pages. Raises InUse."""
        self._ask(lib.paclient_reserve, number("addr", addr), number("npages", npages), timeout=timeout)

    def unreserve(self, addr: int, npages: int, *, timeout: Optional[float] = None) -> None:
        """Close a hole again. Raises Invalid where some pages are not reserved."""
        self._ask(lib.paclient_unreserve, number("addr", addr), number("npages", npages), timeout=timeout)

    # Extents of whomever.

    def lookup(self, name: str, *, timeout: Optional[float] = None) -> ExtentInfo:
        """The extent of that name. Raises NotFound."""
        extent = _abi.sized(_abi.paclient_extent)
        self._ask(lib.paclient_lookup, text("name", name), ctypes.byref(extent), timeout=timeout)
        return ExtentInfo._of(extent)

    def extent_info(self, addr: int, *, timeout: Optional[float] = None) -> ExtentInfo:
        """The extent that begins at addr. Raises NotFound."""
        extent = _abi.sized(_abi.paclient_extent)
        self._ask(lib.paclient_extent_info, number("addr", addr), ctypes.byref(extent), timeout=timeout)
        return ExtentInfo._of(extent)

    def each_extent(
        self,
        function: Callable[[ExtentInfo], object],
        *,
        session_id: int = 0,
        uid: Optional[int] = None,
        name_pattern: Optional[str] = None,
        lowest_addr: int = 0,
        limit_addr: int = 0,
        min_npages: int = 0,
        max_npages: int = 0,
        timeout: Optional[float] = None,
    ) -> None:
        """Show extents to a function, ascending by address, until it returns something true; it may use the client.

        All that is set must hold: held or shared by that session; held by that user; a name as a shell matches them; beginning at
        lowest_addr or above, and below limit_addr; so long. Takes little memory, however many there are; the deadline goes for each request
        alone. What the function raises ends it and is raised here.
        """
        f = _abi.sized(_abi.paclient_list_filter)
        f.session_id, f.name_pattern = number("session_id", session_id), text("name_pattern", name_pattern)
        f.lowest_addr, f.limit_addr = number("lowest_addr", lowest_addr), number("limit_addr", limit_addr)
        f.min_npages, f.max_npages = number("min_npages", min_npages), number("max_npages", max_npages)
        if uid is not None:
            f.by_uid, f.uid = True, number("uid", uid, 32)
        raised: List[BaseException] = []

        showing, me = self._handle.showing, threading.get_ident()

        def show(extent: Any, _: Any) -> int:
            showing.add(me)
            try:
                return 1 if function(ExtentInfo._of(extent.contents)) else 0
            except BaseException as e:
                raised.append(e)
                return 1
            finally:
                showing.discard(me)

        self._ask(lib.paclient_list_each, ctypes.byref(f), _abi.extent_fn(show), None, timeout=timeout)
        if raised:
            raise raised[0]

    def extents(
        self,
        *,
        session_id: int = 0,
        uid: Optional[int] = None,
        name_pattern: Optional[str] = None,
        lowest_addr: int = 0,
        limit_addr: int = 0,
        min_npages: int = 0,
        max_npages: int = 0,
        timeout: Optional[float] = None,
    ) -> List[ExtentInfo]:
        """The same as a list."""
        found: List[ExtentInfo] = []
        self.each_extent(
            found.append,
            session_id=session_id,
            uid=uid,
            name_pattern=name_pattern,
            lowest_addr=lowest_addr,
            limit_addr=limit_addr,
            min_npages=min_npages,
            max_npages=max_npages,
            timeout=timeout,
        )
        return found

    def annotate(
        self, addr: int, *, name: Optional[str] = None, label: Optional[str] = None, timeout: Optional[float] = None
    ) -> None:
        """Another name or label for the extent at addr; "" is none, None leaves it. Raises NameTaken, NotOwner."""
        self._ask(
            lib.paclient_annotate, number("addr", addr), text("name", name), text("label", label), timeout=timeout
        )

    def share(self, which: str | int, *, timeout: Optional[float] = None) -> Extent:
        """Become one more holder of the extent of that name, or at that address. Raises NotFound, Invalid (held already), QuotaExceeded."""
        extent = _abi.sized(_abi.paclient_extent)
        if isinstance(which, str):
            self._ask(lib.paclient_share_name, text("name", which), ctypes.byref(extent), timeout=timeout)
        else:
            self._ask(lib.paclient_share, number("addr", which), ctypes.byref(extent), timeout=timeout)
        return Extent(self, extent.addr, extent.npages, True)

    def release(self, addr: int, *, timeout: Optional[float] = None) -> int:
        """Be no longer a holder of the extent at addr: how many are left; 0: it is free. Raises NotFound, NotOwner."""
        nholders = ctypes.c_uint32()
        self._ask(lib.paclient_release, number("addr", addr), None, ctypes.byref(nholders), timeout=timeout)
        return nholders.value

    def handover(
        self,
        addr: int,
        *,
        session_id: Optional[int] = None,
        uid: Optional[int] = None,
        timeout: Optional[float] = None,
    ) -> int:
        """The extent at addr becomes that session's, or that user's as a detached one: its length. Raises NoSession, Denied."""
        if (session_id is None) == (uid is None):
            raise bad_argument("session_id", "and uid: exactly one of them must be given")
        npages = ctypes.c_uint64()
        if session_id is not None:
            to = number("addr", addr), number("session_id", session_id), ctypes.byref(npages)
            self._ask(lib.paclient_handover, *to, timeout=timeout)
        elif uid is not None:
            to = number("addr", addr), number("uid", uid, 32), ctypes.byref(npages)
            self._ask(lib.paclient_handover_to_user, *to, timeout=timeout)
        return npages.value

    # What would be, and what is.

    def why(
        self, npages: int, *, placement: Optional[Placement] = None, timeout: Optional[float] = None
    ) -> Why:
        """Where one extent would go now, or why it does not fit; nothing changes."""
        why, where = _abi.sized(_abi.paclient_why), placement_struct(placement)
        by = ctypes.byref(where) if where is not None else None
        self._ask(lib.paclient_why, number("npages", npages), by, ctypes.byref(why), timeout=timeout)
        return Why._of(why)

    def fit(
        self, npages: int, *, placement: Optional[Placement] = None, timeout: Optional[float] = None
    ) -> int:
        """How many extents of that length fit now, side by side, without growing; nothing changes."""
        nextents, where = ctypes.c_uint64(), placement_struct(placement)
        by = ctypes.byref(where) if where is not None else None
        self._ask(lib.paclient_fit, number("npages", npages), by, ctypes.byref(nextents), timeout=timeout)
        return nextents.value

    def stat(self, *, timeout: Optional[float] = None) -> RegionStat:
        """Counters of the region."""
        stat = _abi.sized(_abi.paclient_region_stat)
        self._ask(lib.paclient_stat_region, ctypes.byref(stat), timeout=timeout)
        return RegionStat._of(stat)

    def free_runs(self, *, timeout: Optional[float] = None) -> FreeRuns:
        """Runs of free pages, counted by length."""
        runs = _abi.sized(_abi.paclient_free_runs)
        self._ask(lib.paclient_free_runs, ctypes.byref(runs), timeout=timeout)
        return FreeRuns._of(runs)

    def usage(
        self, addr: int = 0, npages: int = 0, ncells: int = 0, *, timeout: Optional[float] = None
    ) -> Usage:
        """A map of which pages are in use, in at most ncells cells (0: 1024; up to 4096); 0 and 0: all that is grown."""
        found = ctypes.POINTER(_abi.paclient_usage)()
        what = number("addr", addr), number("npages", npages), number("ncells", ncells, 32)
        self._ask(lib.paclient_usage_map, *what, ctypes.byref(found), timeout=timeout)
        try:
            u = found.contents
            cells = tuple(Cell(c.used_npages, c.grown_npages) for c in u.cells[: u.ncells])
            return Usage(u.addr, u.cell_npages, u.npages, cells)
        finally:
            lib.paclient_usage_free(found)

    # Memory.

    def attach(self, *, write: bool = False, timeout: Optional[float] = None) -> Backing:
        """A descriptor of the memory behind the region. Raises Denied, Invalid (nothing stands behind it)."""
        backing = _abi.sized(_abi.paclient_backing)
        flags = _abi.WRITE if write else 0
        self._ask(lib.paclient_attach, flags, ctypes.byref(backing), timeout=timeout)
        return Backing(backing)

    def map(
        self,
        addr: int,
        npages: int,
        *,
        write: bool = False,
        region: bool = False,
        populate: bool = False,
        timeout: Optional[float] = None,
    ) -> Mapping:
        """The memory of pages.

        write: to read and write; otherwise to read only. region: the whole region is mapped once, and this lies in there. populate: the
        memory is there when this returns. Raises Denied, Invalid (nothing stands behind the region), OutOfRegion, Unaligned, NoMemory.
        """
        flags = (_abi.WRITE if write else 0) | (_abi.MAP_REGION if region else 0) | (_abi.MAP_POPULATE if populate else 0)
        nbytes = number("npages", npages) * self.page_size_bytes
        memory = ctypes.c_void_p()
        what = number("addr", addr), npages, flags, ctypes.byref(memory)
        self._ask(lib.paclient_map, *what, timeout=timeout)
        assert memory.value is not None
        return Mapping(self, addr, npages, nbytes, memory.value, flags)

    def scavenge(self, nbytes: int = 0, *, wait: bool = False, timeout: Optional[float] = None) -> int:
        """Give memory behind free pages back to the system now, about nbytes, 0 for all. With wait: of how many pages it went back."""
        npages = ctypes.c_uint64()
        flags = _abi.SCAVENGE_WAIT if wait else 0
        self._ask(lib.paclient_scavenge, number("nbytes", nbytes), flags, ctypes.byref(npages), timeout=timeout)
        return npages.value
