"""Be told what happens: Watch."""
from __future__ import annotations

import ctypes
import os
import select
import threading
import time
from types import TracebackType
from typing import Iterable, Iterator, Optional, Type

from . import _abi
from ._abi import lib
from ._convert import number, text
from ._handle import Handle
from .client import options_struct
from .errors import BadArgument, TimedOut, bad_argument, error_of
from .region import Region
from .types import Event, EventKind


class Watch:
    """Events, as they happen, on a connection of their own::

        with paclient.Watch(kinds=[EventKind.ALLOC]) as watch:
            for event in watch:
                print(event.addr)

    One thread at a time reads events; close() from another one ends its iteration. Waiting can be interrupted, as by Ctrl-C. A child of
    fork() may not use it. A reader that is slow loses events, and is told how many: Event.lost.
    """

    def __init__(
        self,
        socket: Optional[str] = None,
        *,
        region: Optional[str | Region] = None,
        kinds: Iterable[EventKind] = (),
        session_id: int = 0,
        uid: Optional[int] = None,
        name: Optional[str] = None,
        timeout: Optional[float] = None,
        reconnect: bool = True,
        wait_for_daemon: bool = False,
    ) -> None:
        """All that is set must hold. region: by name, or one of a client's; of it alone, and nothing of sessions. kinds: none are all.

        session_id: about this session; uid: about this user. The rest as for Client. Raises as Client(), and NoRegion, Denied.
        """
        f = _abi.sized(_abi.paclient_watch_filter)
        for kind in kinds:
            f.kinds |= 1 << number("kinds", kind, 6)
        f.session_id = number("session_id", session_id)
        if isinstance(region, Region):
            f.region_id = region.id
        else:
            f.region = text("region", region)
        if uid is not None:
            f.by_uid, f.uid = True, number("uid", uid, 32)
        options = options_struct(name, timeout, None, False, 0, reconnect, wait_for_daemon)
        pointer = ctypes.c_void_p()
        call = _abi.sized(_abi.paclient_call)
        arguments = text("socket", socket), ctypes.byref(options), ctypes.byref(f)
        if lib.paclient_watch_open(*arguments, ctypes.byref(pointer), ctypes.byref(call)):
            raise error_of(call.error)
        assert pointer.value is not None
        self._handle = Handle(pointer.value, "watch")
        self._reading = threading.Lock()
        # Who waits is woken by the end of this pipe.
        self._ended, self._end = os.pipe()
        self._closing = False

    def fileno(self) -> int:
        """For select and event loops: readable when next(0) has something to do; call that until it gives None. For polling alone."""
        with self._handle as pointer:
            return int(lib.paclient_watch_fd(pointer))

    def _take(self) -> Optional[Event]:
        """What is there already."""
        event, call = _abi.sized(_abi.paclient_event), _abi.sized(_abi.paclient_call)
        with self._handle as pointer:
            status = lib.paclient_watch_next(pointer, ctypes.byref(event), 0, ctypes.byref(call))
        if not status:
            return Event._of(event)
        error = error_of(call.error)
        if isinstance(error, TimedOut):
            return None
        raise error

    def next(self, timeout: Optional[float] = None) -> Optional[Event]:
        """The next event; None where none came within so many seconds. timeout: None waits for ever, 0 not at all.

        Raises Disconnected where the daemon is gone and has not come back in time.
        """
        until = None if timeout is None else time.monotonic() + timeout
        if not self._reading.acquire(blocking=False):
            raise bad_argument("watch", "is read by another thread")
        try:
            with self._handle:
                if self._handle.inherited:
                    raise bad_argument("watch", "belongs to the parent of this process")
                poll = select.poll()
                poll.register(self.fileno(), select.POLLIN)
                poll.register(self._ended, select.POLLIN)
                while True:
                    event = self._take()
                    left = None if until is None else max(0.0, until - time.monotonic())
                    if event is not None or left == 0.0:
                        return event
                    poll.poll(None if left is None else left * 1000)
                    if self._closing:
                        raise bad_argument("watch", "is closed")
        finally:
            self._reading.release()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        while True:
            try:
                event = self.next()
            except BadArgument:
                if self._closing:
                    raise StopIteration from None
                raise
            if event is not None:
                return event

    @property
    def closed(self) -> bool:
        """close() was called."""
        return self._handle.closed

    def close(self) -> None:
        """No more events. May be called again, and by another thread than the one that waits."""
        if self._handle.closed:
            return
        self._closing = True
        os.close(self._end)
        # In a child of fork() it is left alone: what is polled is the parent's, too.
        inherited = self._handle.inherited
        self._handle.close(lambda pointer: None if inherited else lib.paclient_watch_close(pointer))
        os.close(self._ended)

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()
