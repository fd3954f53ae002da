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

/* Pages of a block that is leased, counted from the region's base; and blocks that one Alloc may lease: an AllocReply can name each run of each. */
#define PALLOCD_BLOCK_NPAGES 64u
#define PALLOCD_LEASE_BLOCKS_MAX 64u
#define PALLOCD_LEASE_EXTENTS_MAX (PALLOCD_LEASE_BLOCKS_MAX * PALLOCD_BLOCK_NPAGES / 2)

/* Bytes of a region's or a client's name, without a terminating NUL. */
#define PALLOCD_NAME_BYTES_MAX 63u

/* Bytes of an extent's name (as above) and label, without a terminating NUL. */
#define PALLOCD_LABEL_BYTES_MAX 127u

/* Bytes of the token that a session is resumed with. */
#define PALLOCD_TOKEN_BYTES 16u

/* Bytes of replies that are remembered for a session, its client not having said that they have come: four of the longest. */
#define PALLOCD_REPEAT_BYTES_MAX (4 * (PALLOCD_FRAME_HEADER_BYTES + PALLOCD_FRAME_BYTES_MAX))

/* Longest grace time that Hello may ask for, and longest time that an Alloc may wait: an hour. Above it, this much is granted. */
#define PALLOCD_GRACE_MSEC_MAX 3600000u
#define PALLOCD_WAIT_MSEC_MAX 3600000u

/* Entries of one reply: sessions, users, extents (longer ones than most fit fewer), events. */
#define PALLOCD_SESSIONS_MAX 128u
#define PALLOCD_USERS_MAX 256u
#define PALLOCD_LIST_EXTENTS_MAX 512u
#define PALLOCD_EVENTS_MAX 256u

/* Cells that one Map may ask for, and ranges of each kind that one RegionInfo reply may list. */
#define PALLOCD_MAP_CELLS_MAX 4096u
#define PALLOCD_INFO_RANGES_MAX 1024u

/* Extents in the way that a refusal lists, and extents that a DrainReply lists: the lowest. */
#define PALLOCD_IN_USE_EXTENTS_MAX 64u

/* Regions in one ListRegions reply: the rest is asked for with the last id as cursor. */
#define PALLOCD_LIST_REGIONS_MAX 128u

/* Findings that a CheckReply tells; the others are counted. */
#define PALLOCD_FINDINGS_MAX 100u

#endif
