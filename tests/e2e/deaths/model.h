/*
 * model - who should hold what, as a plain list
 *
 * Role:       the oracle of the death test: told what the test knows to have happened, compared with what the daemon lists.
 * Uses:       tests/unit/wire.h
 */
#ifndef PALLOCD_TESTS_DEATHS_MODEL_H
#define PALLOCD_TESTS_DEATHS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/unit/wire.h"

#define MODEL_EXTENTS_MAX 512
#define MODEL_NAME_BYTES 24

/* The regions, by id; what becomes of a dead session's extents is in the names. */
enum model_region { REGION_FREE = 1, REGION_KEEP, REGION_QUARANTINE, REGION_FULL };

enum model_owner {
	OWNER_OBSERVER, /* the test itself, through the one session that lives throughout */
	OWNER_VICTIM,   /* the process that is about to die */
	OWNER_USER,
};

struct model_extent {
	uint64_t addr, npages;
	enum model_region region;
	enum model_owner owner;
	bool observer_shares, victim_shares;
	char name[MODEL_NAME_BYTES];
};

struct model {
	struct model_extent extents[MODEL_EXTENTS_MAX];
	unsigned n;
	uint64_t observer; /* session id */
};

/** model_add() - one more extent; the caller sees to it that there is room. */
struct model_extent *model_add(struct model *m, const struct model_extent *e);

/** model_remove() - extent @i is gone; the last one takes its place. */
void model_remove(struct model *m, unsigned i);

/** model_victim_dies() - what the regions' policies make of the victim's extents and shares, once every quarantine is over. */
void model_victim_dies(struct model *m);

/** model_compare() - the daemon behind @fd lists exactly these extents; aborts with what differs. To be called while nobody is ending. */
void model_compare(const struct model *m, int fd);

#endif
