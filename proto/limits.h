/*
 * limits - the numbers that both sides of the socket must agree on
 *
 * Role:       one place for each number of the protocol; proto/README.md states them, a test compares.
 * Uses:       nothing.
 */
#ifndef PALLOCD_PROTO_LIMITS_H
#define PALLOCD_PROTO_LIMITS_H

/* The protocol version that Hello carries. It changes only when an old client could be misled. */
#define PALLOCD_PROTOCOL_VERSION 1u

/* Bytes of the length field in front of each message (little endian, not counting itself). */
#define PALLOCD_FRAME_HEADER_BYTES 4u

/* Longest message behind a length field. */
#define PALLOCD_FRAME_BYTES_MAX 65536u

/* Extents that one Alloc or Free may name, and that one AllocReply may: both packed arrays of a Free at 10 bytes an entry fit a frame. */
#define PALLOCD_BATCH_EXTENTS_MAX 3072u

/* Bytes of a region's or a client's name, without a terminating NUL. */
#define PALLOCD_NAME_BYTES_MAX 63u

/* Cells that one Map may ask for, and ranges of each kind that one RegionInfo reply may list. */
#define PALLOCD_MAP_CELLS_MAX 4096u
#define PALLOCD_INFO_RANGES_MAX 1024u

/* Extents in the way that a refusal lists, and extents that a DrainReply lists: the lowest. */
#define PALLOCD_IN_USE_EXTENTS_MAX 64u

/* Regions in one ListRegions reply: the rest is asked for with the last id as cursor. */
#define PALLOCD_LIST_REGIONS_MAX 128u

#endif
