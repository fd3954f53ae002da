"""A session with the daemon: Client."""
from __future__ import annotations

import ctypes
import os
import sys
import warnings
from types import TracebackType
from typing import Any, List, Optional, Type

from . import _abi
from ._abi import lib
from ._convert import copied, milliseconds, number, text
from ._handle import Handle
from .errors import error_of
from .region import Region
from .types import (
    DaemonStat,
    Feature,
    Findings,
    Quota,
    RegionInfo,
    SessionInfo,
    UserStat,
    _decode,
)


def _program() -> Optional[str]:
    """What operators know this program by: the script's name, not the interpreter's. None: the library finds one."""
    name = os.path.basename(sys.argv[0]) if getattr(sys, "argv", None) else ""
    return name if name.isprintable() and 0 < len(name.encode("utf-8", "surrogateescape")) < _abi.NAME_BYTES else None


def options_struct(
    name: Optional[str],
    timeout: Optional[float],
    token: Optional[bytes],
    accepts_handover: bool,
    grace: float,
    reconnect: bool,
    wait_for_daemon: bool,
) -> Any:
    """For the library; what it points to lives as long as it does."""
    made = _abi.sized(_abi.paclient_options)
    made.client_name = text("name", _program() if name is None else name)
    made.timeout_ms = milliseconds(timeout)
    if token is not None:
        if not isinstance(token, bytes):
            raise TypeError("token: wanted bytes")
        made.token = (ctypes.c_uint8 * max(1, len(token))).from_buffer_copy(token or b"\0")
        made.token_bytes = len(token)
    made.accepts_handover = accepts_handover
    made.grace_ms = milliseconds(grace) if grace else 0
    made.no_reconnect = not reconnect
    made.wait_for_daemon = wait_for_daemon
    return made


class Client:
    """A connection to the daemon, and one session.

    What it takes goes back when it is closed or the process dies, unless it is taken with detached=True. Several threads may use a client
    at once. A child of fork() cannot: its calls raise BadArgument, and closing it there does not disturb the parent. While a call runs
    other threads of Python do, too; handlers of signals run when it is over.

    All times are in seconds. Every call that talks to the daemon takes ``timeout``, its deadline; None is the client's. Besides what is
    said of it, each may raise TimedOut, Disconnected, SessionEnded, Stale, StoreFailed, Denied and what else libpaclient(3) lists. A
    daemon that is started again within the deadline is not noticed.
    """

    def __init__(
        self,
        socket: Optional[str] = None,
        *,
        name: Optional[str] = None,
        timeout: Optional[float] = None,
        token: Optional[bytes] = None,
        grace: float = 0,
        accepts_handover: bool = False,
        reconnect: bool = True,
        wait_for_daemon: bool = False,
    ) -> None:
        """Connect and begin a session, or go on with one.

        socket: path of the Unix socket; None is the system's daemon.
        name: for operators, 63 bytes at most; None is the script's.
        timeout: deadline of a call that sets none; None is 5 seconds.
        token: what Client.token was of a session of this user's: go on with that one.
        grace: the session outlives its connection by so much; the daemon may grant less: grace_ms.
        accepts_handover: other users may hand extents over to this session.
        reconnect: a connection that is lost is made anew, within the call's deadline.
        wait_for_daemon: where none answers at first, wait for one until the deadline.

        Raises NotConnected, Version, Overloaded, QuotaExceeded, Limit (the name is too long), NoSession (about the token), UnknownVerb.
        """
        options = options_struct(name, timeout, token, accepts_handover, grace, reconnect, wait_for_daemon)
        pointer = ctypes.c_void_p()
        call = _abi.sized(_abi.paclient_call)
        if lib.paclient_open(text("socket", socket), ctypes.byref(options), ctypes.byref(pointer), ctypes.byref(call)):
            raise error_of(call.error)
        assert pointer.value is not None
        self._handle = Handle(pointer.value, "client")

    def close(self) -> None:
        """End the session; its extents go back, detached ones stay. Waits for calls of other threads; may be called again."""
        self._handle.close(lib.paclient_close)

    def leave(self) -> None:
        """Close, but leave the session in its grace time: who has its token goes on with it."""
        self._handle.close(lib.paclient_leave)

    @property
    def closed(self) -> bool:
        """close() or leave() was called."""
        return self._handle.closed

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        self.close()

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        if handle is not None and not handle.closed:
            if not handle.inherited:
                warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)
            self.close()

    def __repr__(self) -> str:
        return "<paclient.Client, closed>" if self.closed else f"<paclient.Client, session {self.session_id}>"

    # What the client knows without asking.

    @property
    def session_id(self) -> int:
        """The daemon's number of the session."""
        with self._handle as pointer:
            return int(lib.paclient_session_id(pointer))

    @property
    def server(self) -> str:
        """Name and version of the daemon, as it says."""
        with self._handle as pointer:
            return _decode(lib.paclient_server_name(pointer))

    @property
    def token(self) -> Optional[bytes]:
        """What the session can be resumed with: a secret. None where the daemon gave none."""
        made = (ctypes.c_uint8 * _abi.TOKEN_BYTES)()
        with self._handle as pointer:
            return bytes(made) if lib.paclient_token(pointer, made) else None

    @property
    def grace_ms(self) -> int:
        """The grace time that the daemon has granted."""
        with self._handle as pointer:
            return int(lib.paclient_grace_ms(pointer))

    @property
    def restart_grace_ms(self) -> int:
        """The session can be gone on with so long after the daemon has died; 0: it ends with it."""
        with self._handle as pointer:
            return int(lib.paclient_restart_grace_ms(pointer))

    @property
    def reconnects(self) -> int:
        """How often the connection was lost and made anew."""
        with self._handle as pointer:
            return int(lib.paclient_reconnects(pointer))

    @property
    def resumed(self) -> bool:
        """The session is the one of the token."""
        with self._handle as pointer:
            return bool(lib.paclient_resumed(pointer))

    @property
    def batch_max(self) -> int:
        """Extents that one request may name."""
        with self._handle as pointer:
            return int(lib.paclient_batch_max(pointer))

    def has(self, feature: Feature) -> bool:
        """The daemon can do this."""
        with self._handle as pointer:
            return bool(lib.paclient_has(pointer, number("feature", feature, 31)))

    # What it asks the daemon.

    def keep(self, *, timeout: Optional[float] = None) -> None:
        """See to it that the session has a connection: for programs that hold something and make no calls for long."""
        self._handle.call(lib.paclient_keep, timeout=timeout)

    def region(self, name: str, *, timeout: Optional[float] = None) -> Region:
        """A region by its name. Raises NoRegion."""
        region_id = ctypes.c_uint32()
        self._handle.call(lib.paclient_region_open, text("name", name), ctypes.byref(region_id), timeout=timeout)
        return Region(self, self._handle, region_id.value, name)

    def region_info(self, name: str, *, timeout: Optional[float] = None) -> RegionInfo:
        """A region as it is now, by its name. Raises NoRegion."""
        info = _abi.sized(_abi.paclient_region)
        self._handle.call(lib.paclient_region_by_name, text("name", name), ctypes.byref(info), timeout=timeout)
        return RegionInfo._of(info)

    def regions(self, *, timeout: Optional[float] = None) -> List[RegionInfo]:
        """All regions that the daemon has, ascending by id."""
        found = ctypes.POINTER(_abi.paclient_region_list)()
        self._handle.call(lib.paclient_regions, ctypes.byref(found), timeout=timeout)
        try:
            return [RegionInfo._of(copied(r)) for r in found.contents.regions[: found.contents.nregions]]
        finally:
            lib.paclient_regions_free(found)

    def sessions(self, region: Optional[Region] = None, *, timeout: Optional[float] = None) -> List[SessionInfo]:
        """Sessions of this user; of all users for root and the daemon's own. With a region only what is held there is counted."""
        found = ctypes.POINTER(_abi.paclient_session_list)()
        self._handle.call(lib.paclient_sessions, region.id if region else 0, ctypes.byref(found), timeout=timeout)
        try:
            return [SessionInfo._of(copied(s)) for s in found.contents.sessions[: found.contents.nsessions]]
        finally:
            lib.paclient_sessions_free(found)

    def session_kill(self, session_id: int, *, timeout: Optional[float] = None) -> int:
        """End a session of this user's at once, any for root and the daemon's own. How many extents it held. Raises NoSession."""
        nextents = ctypes.c_uint64()
        arguments = number("session_id", session_id), ctypes.byref(nextents)
        self._handle.call(lib.paclient_session_kill, *arguments, timeout=timeout)
        return nextents.value

    def quotas(self, region: Optional[Region] = None, *, timeout: Optional[float] = None) -> List[Quota]:
        """What this user and session may use, and use: of the daemon, and of a region where one is given."""
        found = ctypes.POINTER(_abi.paclient_quota_list)()
        self._handle.call(lib.paclient_quotas, region.id if region else 0, ctypes.byref(found), timeout=timeout)
        try:
            return [Quota._of(copied(q)) for q in found.contents.quotas[: found.contents.nquotas]]
        finally:
            lib.paclient_quotas_free(found)

    def users(self, region: Optional[Region] = None, *, timeout: Optional[float] = None) -> List[UserStat]:
        """What users use: this one alone; all of them for root and the daemon's own."""
        found = ctypes.POINTER(_abi.paclient_user_list)()
        self._handle.call(lib.paclient_users, region.id if region else 0, ctypes.byref(found), timeout=timeout)
        try:
            return [UserStat._of(copied(u)) for u in found.contents.users[: found.contents.nusers]]
        finally:
            lib.paclient_users_free(found)

    def stat(self, *, timeout: Optional[float] = None) -> DaemonStat:
        """Counters of the daemon."""
        stat = _abi.sized(_abi.paclient_daemon_stat)
        self._handle.call(lib.paclient_stat_daemon, ctypes.byref(stat), timeout=timeout)
        return DaemonStat._of(stat)

    def check(self, region: Optional[Region] = None, *, timeout: Optional[float] = None) -> Findings:
        """Does the daemon agree with itself, and with what it has written down? For administrators: all others wait meanwhile."""
        found = ctypes.POINTER(_abi.paclient_findings)()
        self._handle.call(lib.paclient_check, region.id if region else 0, ctypes.byref(found), timeout=timeout)
        try:
            f = copied(found)
            lines = tuple(_decode(line) for line in f.findings[: f.nfindings]) if f.nfindings else ()
            return Findings(lines, f.nfindings_total, f.nregions, f.store_compared, f.sees_sessions)
        finally:
            lib.paclient_findings_free(found)
