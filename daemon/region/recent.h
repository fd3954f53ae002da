/*
 * recent - what was in use lately, for the scavenger
 *
 * Role:       the most that was in use in each of the last few parts of the scavenger's delay; region_scavenge_due() keeps it.
 * Uses:       nothing
 */
#ifndef PALLOCD_REGION_RECENT_H
#define PALLOCD_REGION_RECENT_H

#include <stdbool.h>
#include <stdint.h>

/* Parts that are remembered: one more than the delay has, so that what they span is never less than it. */
#define REGION_RECENT 8u

struct region_recent {
	uint64_t turn; /* of the last look: time divided by the delay's part */
	bool looked;
	uint64_t
		most[REGION_RECENT]; /* in the turns up to that one; by turn modulo REGION_RECENT */
};

#endif
