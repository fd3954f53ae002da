"""Take and give back pages of an address space that pallocd(8) manages::

    import paclient

    with paclient.Client() as client:
        ddr = client.region("ddr")
        with ddr.alloc(16, name="frames") as extent:          # held until here ends
            print(f"16 pages at {extent.addr:#x}")
            with extent.map(write=True) as memory:            # a memoryview, where something stands behind the addresses
                memory[:5] = b"hello"

A call that fails raises an Error that says why, with numbers. What is guaranteed, about threads, restarts of the daemon, deadlines and
what goes back when, is libpaclient's guarantee: libpaclient(3).
"""
from __future__ import annotations

from . import errors, types
from ._abi import DEFAULT_SOCKET, lib
from .client import Client
from .errors import *  # noqa: F401,F403 each status' class
from .errors import Error
from .memory import Backing, Mapping
from .region import Extent, Region
from .types import *  # noqa: F401,F403 enums and records
from .watch import Watch


def version() -> str:
    """Of the C library: "0.1.0"."""
    return types._decode(lib.paclient_version())


__all__ = ["Backing", "Client", "DEFAULT_SOCKET", "Error", "Extent", "Mapping", "Region", "Watch", "version"]
__all__ += errors.__all__ + types.__all__
