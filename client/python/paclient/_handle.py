"""A C handle as Python's threads may use it: it is not given back under a call, and inert in a child of fork()."""
from __future__ import annotations

import ctypes
import os
import threading
import weakref
from typing import Any, Callable, Dict, Optional, Set

from . import _abi
from ._convert import milliseconds
from .errors import bad_argument, error_of


class Handle:
    """Owner of a pointer that the library gave. ``with handle as pointer`` keeps it while a call runs; close() waits for those."""

    def __init__(self, pointer: int, what: str) -> None:
        self._pointer: Optional[int] = pointer
        self._what = what
        self._pid = os.getpid()
        self._unlock()
        _handles.add(self)

    def _unlock(self) -> None:
        # Reentrant: what is collected while it is held may have something to unmap.
        self._idle = threading.Condition(threading.RLock())
        # Calls that run, by thread; and threads that show extents to a function in the midst of one.
        self._running: Dict[int, int] = {}
        self.showing: Set[int] = set()

    @property
    def closed(self) -> bool:
        return self._pointer is None

    @property
    def inherited(self) -> bool:
        """This process is a child of the one that it belongs to."""
        return self._pid != os.getpid()

    def __enter__(self) -> int:
        with self._idle:
            if self._pointer is None:
                raise bad_argument(self._what, "is closed")
            me = threading.get_ident()
            self._running[me] = self._running.get(me, 0) + 1
            return self._pointer

    def __exit__(self, *_: object) -> None:
        with self._idle:
            me = threading.get_ident()
            depth = self._running.pop(me, 1) - 1
            if depth:
                self._running[me] = depth
            self._idle.notify_all()

    def call(self, function: Callable[..., Any], *arguments: Any, timeout: Optional[float] = None) -> None:
        """function(pointer, *arguments, call), which raises where it fails."""
        call = _abi.sized(_abi.paclient_call)
        call.timeout_ms = milliseconds(timeout)
        with self as pointer:
            status = function(pointer, *arguments, ctypes.byref(call))
        if status:
            raise error_of(call.error)

    def close(self, give_back: Callable[[int], Any]) -> None:
        """When no call of another thread runs any more, and once. Calls that begin later fail."""
        me = threading.get_ident()
        with self._idle:
            if me in self.showing:
                raise bad_argument(self._what, "is in use by the function that closes it")
            pointer, self._pointer = self._pointer, None
            try:
                # This thread's own are over: it would not be here otherwise, but for a signal that has come in between.
                while self._running.keys() - {me}:
                    self._idle.wait()
            except BaseException:
                self._pointer = pointer
                raise
        if pointer is not None:
            give_back(pointer)


_handles: weakref.WeakSet[Handle] = weakref.WeakSet()


def _child() -> None:
    """Nobody in a child unlocks what another thread of the parent has locked."""
    for handle in list(_handles):
        handle._unlock()


os.register_at_fork(after_in_child=_child)
