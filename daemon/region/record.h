/*
 * record - truth about extents, regions and sessions, as whoever writes it down sees it
 *
 * Role:       takes records out of the regions as they are now, and builds regions from records at start. Knows no format and no file.
 * Uses:       base/, region/
 * Invariants: T1  regions that are built from the records of other ones have the same truth: the same extents, owners, names, labels, shares, grown,
 *                 reserved and drained ranges, sessions and deadlines. Caches are made anew.
 *             T2  no record that does not fit what is there already is taken: it is refused, with a sentence that says why.
 *
 * At start, in this order: regions_add() with initial_bytes 0 where there is a record of the region, then region_space_put(); session_put() for all
 * sessions; region_extent_put() for all extents; regions_put_end(). Nothing of it is an event, asks quotas, or notes changes.
 */
#ifndef PALLOCD_REGION_RECORD_H
#define PALLOCD_REGION_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"
#include "region/region.h"
#include "region/session.h"

/* Who holds something: a session, whose user it is that of, and uid is 0; or, where session is 0, a user. */
struct record_holder {
	uint64_t session;
	uid_t uid;
};

struct extent_record {
	uint64_t page, npages;
	struct record_holder owner;
	const char *name;                   /* NULL: none */
	const char *label;                  /* NULL: none */
	const struct record_holder *shares; /* oldest first */
	uint32_t nshares;
};

/**
 * region_extent_get() - the extent that begins at @page
 * @shares: room for REGION_SHARES_MAX, which the record points to
 *
 * Strings live until the region changes. Return: false: none begins there. (Nor where its owner is lost: such a region is faulted.)
 */
MUST_CHECK bool region_extent_get(const struct region *r, uint64_t page,
				  struct record_holder *shares, struct extent_record *ret);

/** region_extent_next() - where the first extent at or above @page begins. Return: false: there is none. */
MUST_CHECK bool region_extent_next(const struct region *r, uint64_t page, uint64_t *ret_page);

enum record_outcome {
	RECORD_E_WRONG = 1, /* it does not fit; the text says why */
};

/** region_extents_expect() - so many will be put: memory for them is taken at once. Only a hint: without memory, or with fewer, nothing is lost. */
void region_extents_expect(struct region *r, uint64_t n);

/**
 * region_extent_put() - the extent is there, as the record says
 * @buf: receives one sentence where the outcome is RECORD_E_WRONG: it is not (wholly) grown, overlaps another one (which), lies in what is reserved, its
 *       owner or a sharer is no session there is, its name is another one's, ...
 *
 * Return: 0, RECORD_E_WRONG, -ENOMEM. Nothing changed but on 0.
 */
MUST_CHECK int region_extent_put(struct regions *rs, struct region *r,
				 const struct extent_record *e, char *buf, size_t size);

/* A range of pages. */
struct record_range {
	uint64_t page, npages;
};

struct space_record {
	/* As the region was: the record is no good where these differ. */
	uint64_t base_addr;
	uint64_t page_size_bytes;
	uint64_t generation;              /* from 1 */
	const struct record_range *grown; /* ascending */
	const struct record_range *
		reserved; /* all, with those of the configuration; those beyond the limit are not among them */
	const struct record_range *drained;
	uint32_t ngrown, nreserved, ndrained;
};

/** region_space_get() - @ranges: room for region_space_nranges(), which the record points to. */
uint32_t region_space_nranges(const struct region *r);
void region_space_get(const struct region *r, struct record_range *ranges,
		      struct space_record *ret);

/**
 * region_space_put() - the region, new and empty, has what the record says: grown, reserved, drained ranges, generation
 *
 * What the configuration reserves is reserved even where the record does not say so, except where extents are put afterwards; a limit that was raised
 * makes the last chunk a whole one. What so differs from the record is noted: it is to be written again. What the backing may hold already counts as memory that is there.
 * Return: 0, RECORD_E_WRONG (base or page size differ, or a range lies beyond the limit), -ENOMEM.
 */
MUST_CHECK int region_space_put(struct region *r, const struct space_record *s, char *buf,
				size_t size);

/**
 * region_void() - the region's memory is another one: every extent that there was is void, handles of before are refused
 *
 * To be called before region_keep(), instead of region_extent_put(). It is noted: the generation, and that what was written about extents goes
 * (changes' space and all).
 */
void region_void(struct region *r);

/* When a session's quarantine ends in one region. */
struct record_quarantine {
	uint32_t region; /* id */
	uint64_t until_usec;
};

struct session_record {
	uint64_t id;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	enum session_state state;
	uint64_t open_usec, grace_usec, deadline_usec; /* clock_usec() of the same boot */
	bool accepts_handover;
	bool repeats;
	uint8_t token[SESSION_TOKEN_BYTES];
	char client[SESSION_CLIENT_BYTES_MAX + 1];
	char command[16];
	const struct record_quarantine *quarantines;
	uint32_t nquarantines;
	/* See struct session_memory. That of REGION_DURABILITY_NONE is never there. */
	struct {
		uint64_t done;
		const uint8_t *replies;
		uint32_t n;
	} memory[REGION_DURABILITIES];
};

/** session_get() - @quarantines: room for one for each region, which the record points to; the bytes of replies live until the session changes. */
void session_get(const struct session *s, struct record_quarantine *quarantines,
		 struct session_record *ret);

/**
 * session_put() - a session of before is there again; ids ascend from call to call
 * @until_usec: one that had a connection, or is in its grace, has until then to be resumed (its own deadline, where that is later): it is in GRACE
 *
 * One that had ended is ENDING again. Its rights are those of user and primary group until it is resumed.
 * Return: 0, RECORD_E_WRONG (id, token or state are impossible or there already), -ENOMEM.
 */
MUST_CHECK int session_put(struct regions *rs, const struct session_record *s, uint64_t until_usec,
			   char *buf, size_t size);

/**
 * regions_put_end() - all records were put: quarantines begin where sessions say so, sums and marks are as they would be
 * @next_session_id: not lower than this
 *
 * Return: 0, RECORD_E_WRONG (regions_check() finds something; the region in question is faulted), -ENOMEM.
 */
MUST_CHECK int regions_put_end(struct regions *rs, uint64_t next_session_id, char *buf,
			       size_t size);

/** region_put_end() - the same for one region that was added to others, and whose records were put. Return: 0, RECORD_E_WRONG, and it is faulted. */
MUST_CHECK int region_put_end(struct region *r, char *buf, size_t size);

/** region_keep() - from now on, changes of @r and of sessions are noted (struct changes): somebody writes them down. All that there is counts as written. */
void region_keep(struct region *r);

#endif
