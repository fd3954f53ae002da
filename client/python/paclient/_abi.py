"""The C interface as ctypes sees it: structs, functions, and where the library is found.

Nothing here is for programs. A test (tests/lint/python.sh) compares every struct, member, offset, function and enumerator with
<paclient.h>: what is added there has to be added here, or named in that test with a reason.
"""
from __future__ import annotations

import ctypes
import os
from ctypes import (
    CDLL,
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char,
    c_char_p,
    c_int,
    c_size_t,
    c_uint,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any, TypeVar

NAME_BYTES = 64
LABEL_BYTES = 128
QUOTA_BYTES = 32
TOKEN_BYTES = 16
ERROR_EXTENTS_MAX = 8
DRAIN_EXTENTS_MAX = 64
RUN_CLASSES = 37
DETACHED = 1
WRITE = 1
MAP_REGION = 2
MAP_POPULATE = 4
SCAVENGE_WAIT = 1
DEFAULT_SOCKET = "/run/pallocd/pallocd.sock"
DEFAULT_TIMEOUT_MS = 5000

# The version of the interface that this module is written for: of the library's file name.
SONAME = "libpaclient.so.0"


class paclient_range(Structure):
    _fields_ = [("addr", c_uint64), ("npages", c_uint64)]


class paclient_error(Structure):
    _fields_ = [
        ("status", c_int),
        ("system_errno", c_int),
        ("index", c_uint32),
        ("field", c_char * 32),
        ("message", c_char * 256),
        ("asked", c_uint64),
        ("limit", c_uint64),
        ("free_npages", c_uint64),
        ("largest_npages", c_uint64),
        ("growable_npages", c_uint64),
        ("addr", c_uint64),
        ("placed_npages", c_uint64),
        ("aligned_npages", c_uint64),
        ("bounded_npages", c_uint64),
        ("nextents", c_uint64),
        ("nlisted", c_size_t),
        ("extents", paclient_range * ERROR_EXTENTS_MAX),
        ("used", c_uint64),
        ("quota_npages", c_uint64),
    ]


class paclient_call(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("timeout_ms", c_int),
        ("error", paclient_error),
        ("done", c_void_p),
        ("user", c_void_p),
        ("op", c_void_p),
    ]


class paclient_options(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("client_name", c_char_p),
        ("timeout_ms", c_int),
        ("token", POINTER(c_uint8)),
        ("token_bytes", c_size_t),
        ("accepts_handover", c_bool),
        ("grace_ms", c_int),
        ("no_reconnect", c_bool),
        ("wait_for_daemon", c_bool),
    ]


class paclient_region(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("id", c_uint32),
        ("faulted", c_bool),
        ("name", c_char * NAME_BYTES),
        ("base_addr", c_uint64),
        ("page_size_bytes", c_uint64),
        ("limit_npages", c_uint64),
        ("grown_npages", c_uint64),
        ("free_npages", c_uint64),
        ("auto_grow_npages", c_uint64),
        ("best_fit", c_bool),
        ("held_npages", c_uint64),
        ("rights", c_uint32),
        ("death", c_int),
        ("quarantine_ms", c_uint64),
        ("low_npages", c_uint64),
        ("backing", c_int),
        ("commit", c_int),
        ("backing_page_bytes", c_uint64),
        ("sanitize", c_bool),
        ("releases", c_bool),
        ("durability", c_int),
        ("generation", c_uint64),
    ]


class paclient_region_list(Structure):
    _fields_ = [("nregions", c_size_t), ("regions", POINTER(POINTER(paclient_region)))]


class paclient_range_list(Structure):
    _fields_ = [("nranges", c_size_t), ("nranges_total", c_uint64), ("ranges", POINTER(paclient_range))]


class paclient_placement(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("align_npages", c_uint64),
        ("boundary_npages", c_uint64),
        ("lowest_addr", c_uint64),
        ("limit_addr", c_uint64),
        ("addr", c_uint64),
        ("rule", c_int),
        ("strategy", c_int),
    ]


class paclient_alloced(Structure):
    _fields_ = [("size", c_size_t), ("scavenged_npages", c_uint64), ("cleared_npages", c_uint64)]


class paclient_alloc_options(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("placement", POINTER(paclient_placement)),
        ("name", c_char_p),
        ("label", c_char_p),
        ("flags", c_uint),
        ("wait_ms", c_int),
        ("commit", c_int),
        ("zero", c_bool),
        ("ret_alloced", POINTER(paclient_alloced)),
    ]


class paclient_why(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("fits", c_bool),
        ("addr", c_uint64),
        ("grow_npages", c_uint64),
        ("free_npages", c_uint64),
        ("largest_npages", c_uint64),
        ("placed_npages", c_uint64),
        ("growable_npages", c_uint64),
        ("short_npages", c_uint64),
        ("aligned_npages", c_uint64),
        ("bounded_npages", c_uint64),
        ("quota_npages", c_uint64),
        ("quota_short_npages", c_uint64),
        ("quota", c_char * QUOTA_BYTES),
    ]


class paclient_freed(Structure):
    _fields_ = [("size", c_size_t), ("npages", c_uint64), ("shared_npages", c_uint64)]


class paclient_drain(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("nextents", c_uint64),
        ("npages", c_uint64),
        ("nlisted", c_size_t),
        ("extents", paclient_range * DRAIN_EXTENTS_MAX),
    ]


class paclient_extent(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("addr", c_uint64),
        ("npages", c_uint64),
        ("session_id", c_uint64),
        ("uid", c_uint32),
        ("nholders", c_uint32),
        ("quarantined", c_bool),
        ("name", c_char * NAME_BYTES),
        ("label", c_char * LABEL_BYTES),
    ]


class paclient_list_filter(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("session_id", c_uint64),
        ("name_pattern", c_char_p),
        ("lowest_addr", c_uint64),
        ("limit_addr", c_uint64),
        ("min_npages", c_uint64),
        ("max_npages", c_uint64),
        ("by_uid", c_bool),
        ("uid", c_uint32),
    ]


class paclient_session(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("id", c_uint64),
        ("uid", c_uint32),
        ("pid", c_uint32),
        ("state", c_int),
        ("client_name", c_char * NAME_BYTES),
        ("command", c_char * NAME_BYTES),
        ("age_usec", c_uint64),
        ("nextents", c_uint64),
        ("npages", c_uint64),
        ("held_bytes", c_uint64),
        ("queued_bytes", c_uint64),
        ("grace_ms", c_uint64),
        ("remaining_ms", c_uint64),
        ("nshares", c_uint64),
    ]


class paclient_session_list(Structure):
    _fields_ = [("nsessions", c_size_t), ("sessions", POINTER(POINTER(paclient_session)))]


class paclient_findings(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("nfindings", c_size_t),
        ("nfindings_total", c_uint64),
        ("nregions", c_uint32),
        ("store_compared", c_bool),
        ("sees_sessions", c_bool),
        ("findings", POINTER(c_char_p)),
    ]


class paclient_daemon_stat(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("uptime_usec", c_uint64),
        ("nconnections", c_uint64),
        ("nsessions", c_uint64),
        ("nregions", c_uint64),
        ("connections_total", c_uint64),
        ("requests_total", c_uint64),
        ("refusals_total", c_uint64),
        ("bad_frames_total", c_uint64),
        ("received_bytes_total", c_uint64),
        ("sent_bytes_total", c_uint64),
        ("batches_total", c_uint64),
        ("ngrace", c_uint64),
        ("nending", c_uint64),
        ("nwatchers", c_uint64),
        ("nwaiting", c_uint64),
        ("queued_bytes", c_uint64),
        ("refused_total", c_uint64),
        ("cut_off_total", c_uint64),
        ("deaths_total", c_uint64),
        ("quota_refusals_total", c_uint64),
        ("events_lost_total", c_uint64),
        ("repeated_total", c_uint64),
        ("process_commits_total", c_uint64),
        ("process_failures_total", c_uint64),
        ("process_bytes", c_uint64),
        ("machine_commits_total", c_uint64),
        ("machine_failures_total", c_uint64),
        ("machine_bytes", c_uint64),
        ("store_failure", c_char * 128),
        ("pid", c_uint32),
        ("connections_max", c_uint64),
        ("connections_wanted", c_uint64),
        ("descriptors_max", c_uint64),
        ("locked_bytes_max", c_uint64),
        ("nleft_out", c_uint64),
        ("kept_back_total", c_uint64),
        ("cpu_usec_total", c_uint64),
    ]


class paclient_region_stat(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("id", c_uint32),
        ("name", c_char * NAME_BYTES),
        ("page_size_bytes", c_uint64),
        ("limit_npages", c_uint64),
        ("grown_npages", c_uint64),
        ("free_npages", c_uint64),
        ("scavenged_npages", c_uint64),
        ("largest_npages", c_uint64),
        ("nextents", c_uint64),
        ("session_npages", c_uint64),
        ("detached_npages", c_uint64),
        ("peak_npages", c_uint64),
        ("metadata_bytes", c_uint64),
        ("allocs_total", c_uint64),
        ("frees_total", c_uint64),
        ("reclaims_total", c_uint64),
        ("grows_total", c_uint64),
        ("no_space_total", c_uint64),
        ("held_npages", c_uint64),
        ("fragmentation_ppm", c_uint64),
        ("shrinks_total", c_uint64),
        ("nshares", c_uint64),
        ("nnamed", c_uint64),
        ("quarantined_npages", c_uint64),
        ("nwaiting", c_uint64),
        ("quota_refusals_total", c_uint64),
        ("resident_bytes", c_uint64),
        ("busy_npages", c_uint64),
        ("released_npages_total", c_uint64),
        ("cleared_npages_total", c_uint64),
        ("no_memory_total", c_uint64),
        ("retained_npages", c_uint64),
        ("scavenger", c_int),
        ("durability", c_int),
        ("generation", c_uint64),
        ("store_failure", c_char * 128),
    ]


class paclient_free_runs(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("free_npages", c_uint64),
        ("largest_npages", c_uint64),
        ("fragmentation_ppm", c_uint64),
        ("nruns", c_uint64 * RUN_CLASSES),
        ("npages", c_uint64 * RUN_CLASSES),
    ]


class paclient_cell(Structure):
    _fields_ = [("used_npages", c_uint64), ("grown_npages", c_uint64)]


class paclient_usage(Structure):
    _fields_ = [
        ("addr", c_uint64),
        ("cell_npages", c_uint64),
        ("npages", c_uint64),
        ("ncells", c_size_t),
        ("cells", POINTER(paclient_cell)),
    ]


class paclient_backing(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("fd", c_int),
        ("kind", c_int),
        ("write", c_bool),
        ("base_addr", c_uint64),
        ("bytes", c_uint64),
        ("page_size_bytes", c_uint64),
        ("backing_page_bytes", c_uint64),
    ]


class paclient_quota(Structure):
    _fields_ = [("size", c_size_t), ("name", c_char * QUOTA_BYTES), ("limit", c_uint64), ("used", c_uint64)]


class paclient_quota_list(Structure):
    _fields_ = [("nquotas", c_size_t), ("quotas", POINTER(POINTER(paclient_quota)))]


class paclient_user_stat(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("uid", c_uint32),
        ("nsessions", c_uint64),
        ("nconnections", c_uint64),
        ("nwaiting", c_uint64),
        ("queued_bytes", c_uint64),
        ("npages", c_uint64),
        ("nextents", c_uint64),
    ]


class paclient_user_list(Structure):
    _fields_ = [("nusers", c_size_t), ("users", POINTER(POINTER(paclient_user_stat)))]


class paclient_event(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("kind", c_int),
        ("cause", c_int),
        ("lost", c_uint64),
        ("time_usec", c_uint64),
        ("addr", c_uint64),
        ("npages", c_uint64),
        ("session_id", c_uint64),
        ("region_id", c_uint32),
        ("uid", c_uint32),
        ("pid", c_uint32),
        ("text", c_char * LABEL_BYTES),
        ("limit", c_uint64),
        ("used", c_uint64),
        ("asked", c_uint64),
        ("first_fit", c_bool),
    ]


class paclient_watch_filter(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("kinds", c_uint64),
        ("session_id", c_uint64),
        ("region", c_char_p),
        ("region_id", c_uint32),
        ("by_uid", c_bool),
        ("uid", c_uint32),
    ]


# A handle and a watch are addresses; nobody looks behind them.
CLIENT = c_void_p
WATCH = c_void_p
CALL = POINTER(paclient_call)
U32, U64 = POINTER(c_uint32), POINTER(c_uint64)
extent_fn = CFUNCTYPE(c_int, POINTER(paclient_extent), c_void_p)

# What each function that is called gives and takes.
PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "paclient_open": (c_int, [c_char_p, POINTER(paclient_options), POINTER(CLIENT), CALL]),
    "paclient_close": (None, [CLIENT]),
    "paclient_leave": (None, [CLIENT]),
    "paclient_token": (c_bool, [CLIENT, POINTER(c_uint8)]),
    "paclient_grace_ms": (c_uint64, [CLIENT]),
    "paclient_restart_grace_ms": (c_uint64, [CLIENT]),
    "paclient_reconnects": (c_uint64, [CLIENT]),
    "paclient_keep": (c_int, [CLIENT, CALL]),
    "paclient_resumed": (c_bool, [CLIENT]),
    "paclient_has": (c_bool, [CLIENT, c_int]),
    "paclient_session_id": (c_uint64, [CLIENT]),
    "paclient_server_name": (c_char_p, [CLIENT]),
    "paclient_batch_max": (c_size_t, [CLIENT]),
    "paclient_right_name": (c_char_p, [c_uint]),
    "paclient_death_name": (c_char_p, [c_int]),
    "paclient_durability_name": (c_char_p, [c_int]),
    "paclient_regions": (c_int, [CLIENT, POINTER(POINTER(paclient_region_list)), CALL]),
    "paclient_regions_free": (None, [POINTER(paclient_region_list)]),
    "paclient_region_open": (c_int, [CLIENT, c_char_p, U32, CALL]),
    "paclient_region_by_name": (c_int, [CLIENT, c_char_p, POINTER(paclient_region), CALL]),
    "paclient_region_info": (c_int, [CLIENT, c_uint32, POINTER(paclient_region), CALL]),
    "paclient_region_ranges": (c_int, [CLIENT, c_uint32, POINTER(POINTER(paclient_range_list)), CALL]),
    "paclient_region_reserved": (c_int, [CLIENT, c_uint32, POINTER(POINTER(paclient_range_list)), CALL]),
    "paclient_region_drained": (c_int, [CLIENT, c_uint32, POINTER(POINTER(paclient_range_list)), CALL]),
    "paclient_ranges_free": (None, [POINTER(paclient_range_list)]),
    "paclient_commit_name": (c_char_p, [c_int]),
    "paclient_alloc_with": (
        c_int,
        [CLIENT, c_uint32, c_size_t, U64, POINTER(paclient_alloc_options), U64, CALL],
    ),
    "paclient_alloc_scattered_with": (
        c_int,
        [
            CLIENT,
            c_uint32,
            c_uint64,
            c_size_t,
            POINTER(paclient_alloc_options),
            POINTER(paclient_range),
            POINTER(c_size_t),
            CALL,
        ],
    ),
    "paclient_why": (
        c_int,
        [CLIENT, c_uint32, c_uint64, POINTER(paclient_placement), POINTER(paclient_why), CALL],
    ),
    "paclient_fit": (c_int, [CLIENT, c_uint32, c_uint64, POINTER(paclient_placement), U64, CALL]),
    "paclient_free_with": (c_int, [CLIENT, c_uint32, c_size_t, U64, U64, POINTER(paclient_freed), CALL]),
    "paclient_resize_with": (
        c_int,
        [CLIENT, c_uint32, c_uint64, c_uint64, c_int, U64, POINTER(paclient_alloced), CALL],
    ),
    "paclient_split": (
        c_int,
        [CLIENT, c_uint32, c_uint64, POINTER(paclient_range), POINTER(paclient_range), CALL],
    ),
    "paclient_join": (c_int, [CLIENT, c_uint32, c_uint64, c_uint64, U64, CALL]),
    "paclient_grow_at": (c_int, [CLIENT, c_uint32, c_uint64, c_uint64, POINTER(paclient_range), CALL]),
    "paclient_shrink": (c_int, [CLIENT, c_uint32, c_uint64, c_uint64, POINTER(paclient_range), CALL]),
    "paclient_drain": (c_int, [CLIENT, c_uint32, c_uint64, c_uint64, POINTER(paclient_drain), CALL]),
    "paclient_undrain": (c_int, [CLIENT, c_uint32, c_uint64, c_uint64, CALL]),
    "paclient_reserve": (c_int, [CLIENT, c_uint32, c_uint64, c_uint64, CALL]),
    "paclient_unreserve": (c_int, [CLIENT, c_uint32, c_uint64, c_uint64, CALL]),
    "paclient_lookup": (c_int, [CLIENT, c_uint32, c_char_p, POINTER(paclient_extent), CALL]),
    "paclient_extent_info": (c_int, [CLIENT, c_uint32, c_uint64, POINTER(paclient_extent), CALL]),
    "paclient_list_each": (
        c_int,
        [CLIENT, c_uint32, POINTER(paclient_list_filter), extent_fn, c_void_p, CALL],
    ),
    "paclient_free_extent": (c_int, [CLIENT, c_uint32, POINTER(paclient_extent), CALL]),
    "paclient_annotate": (c_int, [CLIENT, c_uint32, c_uint64, c_char_p, c_char_p, CALL]),
    "paclient_share": (c_int, [CLIENT, c_uint32, c_uint64, POINTER(paclient_extent), CALL]),
    "paclient_share_name": (c_int, [CLIENT, c_uint32, c_char_p, POINTER(paclient_extent), CALL]),
    "paclient_release": (c_int, [CLIENT, c_uint32, c_uint64, U64, U32, CALL]),
    "paclient_handover": (c_int, [CLIENT, c_uint32, c_uint64, c_uint64, U64, CALL]),
    "paclient_handover_to_user": (c_int, [CLIENT, c_uint32, c_uint64, c_uint32, U64, CALL]),
    "paclient_session_state_name": (c_char_p, [c_int]),
    "paclient_sessions": (c_int, [CLIENT, c_uint32, POINTER(POINTER(paclient_session_list)), CALL]),
    "paclient_sessions_free": (None, [POINTER(paclient_session_list)]),
    "paclient_session_kill": (c_int, [CLIENT, c_uint64, U64, CALL]),
    "paclient_check": (c_int, [CLIENT, c_uint32, POINTER(POINTER(paclient_findings)), CALL]),
    "paclient_findings_free": (None, [POINTER(paclient_findings)]),
    "paclient_stat_daemon": (c_int, [CLIENT, POINTER(paclient_daemon_stat), CALL]),
    "paclient_stat_region": (c_int, [CLIENT, c_uint32, POINTER(paclient_region_stat), CALL]),
    "paclient_free_runs": (c_int, [CLIENT, c_uint32, POINTER(paclient_free_runs), CALL]),
    "paclient_usage_map": (
        c_int,
        [CLIENT, c_uint32, c_uint64, c_uint64, c_uint32, POINTER(POINTER(paclient_usage)), CALL],
    ),
    "paclient_usage_scavenged": (POINTER(c_uint64), [POINTER(paclient_usage)]),
    "paclient_usage_free": (None, [POINTER(paclient_usage)]),
    "paclient_status_sentence": (c_char_p, [c_int]),
    "paclient_status_exit_code": (c_int, [c_int]),
    "paclient_version": (c_char_p, []),
    "paclient_backing_name": (c_char_p, [c_int]),
    "paclient_scavenger_name": (c_char_p, [c_int]),
    "paclient_attach": (c_int, [CLIENT, c_uint32, c_uint, POINTER(paclient_backing), CALL]),
    "paclient_map": (c_int, [CLIENT, c_uint32, c_uint64, c_uint64, c_uint, POINTER(c_void_p), CALL]),
    "paclient_unmap": (c_int, [CLIENT, c_uint32, c_void_p, c_uint64, CALL]),
    "paclient_scavenge": (c_int, [CLIENT, c_uint32, c_uint64, c_uint, U64, CALL]),
    "paclient_quotas": (c_int, [CLIENT, c_uint32, POINTER(POINTER(paclient_quota_list)), CALL]),
    "paclient_quotas_free": (None, [POINTER(paclient_quota_list)]),
    "paclient_users": (c_int, [CLIENT, c_uint32, POINTER(POINTER(paclient_user_list)), CALL]),
    "paclient_users_free": (None, [POINTER(paclient_user_list)]),
    "paclient_event_name": (c_char_p, [c_int]),
    "paclient_cause_name": (c_char_p, [c_int]),
    "paclient_watch_open": (
        c_int,
        [c_char_p, POINTER(paclient_options), POINTER(paclient_watch_filter), POINTER(WATCH), CALL],
    ),
    "paclient_watch_fd": (c_int, [WATCH]),
    "paclient_watch_next": (c_int, [WATCH, POINTER(paclient_event), c_int, CALL]),
    "paclient_watch_close": (None, [WATCH]),
}


def load() -> CDLL:
    """The library: the file that $PACLIENT_LIBRARY names, or the system's."""
    path = os.environ.get("PACLIENT_LIBRARY") or SONAME
    try:
        library = CDLL(path)
    except OSError as e:
        raise ImportError(
            f"the C library of paclient cannot be loaded: {e}. Install libpaclient0, or set PACLIENT_LIBRARY to its file"
        ) from None
    for name, (result, arguments) in PROTOTYPES.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise ImportError(f"{path} has no {name}(): it is older than this module") from None
        function.restype = result
        function.argtypes = arguments
    return library


lib = load()

S = TypeVar("S", bound=Structure)


def sized(kind: type[S]) -> S:
    """A struct with zeros in it that says how long it is."""
    made = kind()
    made.size = ctypes.sizeof(kind)
    return made
