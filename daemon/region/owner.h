/*
 * owner - who holds extents, and what one owner holds in one region
 *
 * Role:       ties extents to owners: an extent's record names a holding, a holding names its owner and its region, and
 *             lists the extents. What an owner holds can be found without looking at anybody else's.
 * Uses:       base/, region/extents.h
 * Invariants: O1  a holding's nextents and npages are those of the extents in its list.
 *             O2  every extent in a holding's list names this holding.
 *             O3  an owner has at most one holding in a region.
 *             O4  an account's sums are those of its user's holdings in its region, shares included: the user's own and those of
 *                 the user's sessions, in whatever state they are.
 */
#ifndef PALLOCD_REGION_OWNER_H
#define PALLOCD_REGION_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/macros.h"

struct region;

struct user;

struct owner {
	bool detached;        /* a user, for extents that outlive sessions; else a session */
	uid_t uid;            /* the user, or whom the session belongs to */
	struct user *user;    /* the same; who the quotas are for */
	struct list holdings; /* the one used last is first */
};

/* What one user uses of one region, by whatever owner. Lives as long as the user. */
struct account {
	struct list in_user;
	struct region *region;
	uint64_t npages;
	uint64_t nextents;
};

struct holding {
	struct owner *owner; /* NULL: lost, because the owner went while the region was faulted */
	struct account *account;
	struct region *region;
	struct list in_owner;
	struct list
		shares; /* struct share: extents of others that this owner holds too, oldest first */
	uint64_t
		quarantine_until_usec; /* not 0: its owner's session has ended, and it goes back then */
	uint32_t index;                /* in the region's table */
	uint32_t head;                 /* first of its extents, newest first; EXTENT_NONE */
	uint32_t nextents;
	uint32_t nshares;
	uint64_t npages;
	uint64_t shared_npages;
};

struct holding_slot {
	struct holding *holding; /* NULL: the slot is free */
	uint32_t next_free;      /* slot + 1; 0 ends the list */
};

/* A region's holdings by number, so that an extent's record needs four bytes for its owner. */
struct holdings {
	struct holding_slot *table;
	uint32_t nslots;
	uint32_t free; /* slot + 1; 0: none is */
};

void owner_init(struct owner *o, bool detached, uid_t uid);

/** holdings_deinit() - free the table and every holding in it; their owners must be gone or about to go. */
void holdings_deinit(struct holdings *hs);

/**
 * holding_get() - what @o holds in @region, made empty where there is nothing yet
 * @hs: the region's table
 *
 * Where the region keeps what sessions leave (REGION_DEATH_KEEP), a session's first holding brings its user one too.
 * Return: 0, -ENOMEM (nobody holds anything else than before).
 */
MUST_CHECK int holding_get(struct holdings *hs, struct region *region, struct owner *o,
			   struct holding **ret_holding);

/** holding_find() - what @o holds in @region; NULL: it never held anything there. */
struct holding *holding_find(const struct owner *o, const struct region *region);

/** account_find() - what @user uses of @region; NULL: nothing, ever. */
struct account *account_find(const struct user *user, const struct region *region);

/** holding_adopt() - @h, which has no extents, gets all of @from's; both are of one user and one region. O(1). */
void holding_adopt(struct holdings *hs, struct holding *h, struct holding *from);

/** holding_free() - forget a holding that is empty. */
void holding_free(struct holdings *hs, struct holding *h);

/** holding_lose() - take a holding from its owner; the extents stay as they are, nobody's. */
void holding_lose(struct holding *h);

static inline struct holding *holding_by_index(const struct holdings *hs, uint32_t index)
{
	return hs->table[index].holding;
}

#endif
