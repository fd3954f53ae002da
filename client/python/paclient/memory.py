"""The memory behind a region's addresses: as a memoryview, or as a descriptor to be handed on."""
from __future__ import annotations

import ctypes
import os
import weakref
from types import TracebackType
from typing import TYPE_CHECKING, Optional, Type

from . import _abi
from ._abi import lib
from .errors import Error
from .types import BackingKind

if TYPE_CHECKING:
    from .region import Region


def _unmap(region: Region, address: int, npages: int, nbytes: int, whole: bool) -> None:
    """Once nobody looks at the memory any more."""
    handle = region._handle
    if handle.inherited:
        return
    try:
        handle.call(lib.paclient_unmap, region.id, address, npages)
    except Error:
        # The client is closed: pages that were mapped by themselves can go all the same, a whole region stays with the process.
        if not whole:
            libc = ctypes.CDLL(None)
            libc.munmap(ctypes.c_void_p(address), ctypes.c_size_t(nbytes))


class Mapping:
    """Pages of a region in this process: Region.map(), Extent.map().

    ``view`` is the memory, as bytes. The with statement, or close(), unmaps it; where something still looks at it then (a slice of the
    view, an array made of it), that goes on to work, and the memory is unmapped when the last such is gone. Whether anybody holds the
    pages is not looked at. Memory that was not committed (Commit.NOW, populate) may run out when it is touched: SIGBUS.
    """

    def __init__(self, region: Region, addr: int, npages: int, nbytes: int, memory: int, flags: int) -> None:
        self.addr = addr
        self.npages = npages
        pages = (ctypes.c_ubyte * nbytes).from_address(memory)
        whole = bool(flags & _abi.MAP_REGION)
        # The pages live as long as any view of them, and the client no shorter.
        last = weakref.finalize(pages, _unmap, region, memory, npages, nbytes, whole)
        last.atexit = False
        view = memoryview(pages).cast("B")
        self._view: memoryview = view if flags & _abi.WRITE else view.toreadonly()
        self._closed = False

    @property
    def view(self) -> memoryview:
        """The memory; to read only unless it was mapped with write=True. ValueError after close()."""
        if self._closed:
            raise ValueError("the mapping is closed")
        return self._view

    @property
    def closed(self) -> bool:
        """close() was called."""
        return self._closed

    def close(self) -> None:
        """Undo the mapping, as soon as nothing looks at it. May be called again."""
        if not self._closed:
            self._closed = True
            try:
                self._view.release()
            except BufferError:
                pass  # an array is made of it: the view goes with that
            del self._view

    def __len__(self) -> int:
        return self.view.nbytes

    def __enter__(self) -> memoryview:
        return self.view

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        self.close()


class Backing:
    """A descriptor of the memory behind a region, and what it is: Region.attach().

    The page at address a lies at offset ``a - base_addr``; offsets and lengths of mappings are multiples of ``backing_page_bytes``. It
    lives on when the client is closed; close() or the with statement closes it.
    """

    def __init__(self, backing: _abi.paclient_backing) -> None:
        self._fd: int = backing.fd
        self.kind = BackingKind(backing.kind)
        self.write = bool(backing.write)
        self.base_addr = int(backing.base_addr)
        self.bytes = int(backing.bytes)
        self.page_size_bytes = int(backing.page_size_bytes)
        self.backing_page_bytes = int(backing.backing_page_bytes)

    def fileno(self) -> int:
        """The descriptor, which is close-on-exec; ValueError once it is closed or detached."""
        if self._fd < 0:
            raise ValueError("the descriptor is closed")
        return self._fd

    def detach(self) -> int:
        """The descriptor, which is the caller's to close from now on."""
        fd = self.fileno()
        self._fd = -1
        return fd

    def close(self) -> None:
        """May be called again."""
        if self._fd >= 0:
            os.close(self.detach())

    def __enter__(self) -> Backing:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            self.close()
