/*
 * verbs - everything that changes regions and sessions, each with the keys that it must note
 *
 * Role:       the table of test_changes, and the world on which its verbs work.
 * Uses:       region/, check
 */
#ifndef PALLOCD_TESTS_REGION_VERBS_H
#define PALLOCD_TESTS_REGION_VERBS_H

#include "world.h"

struct verb {
	const char *name;
	void (*verb)(struct world *w);
	const char *pages; /* that must be noted, in order */
	bool space;
	bool always; /* told where nothing is kept, too */
	const char *sessions;
	enum region_death death;
	void (*before)(struct world *w);
};

extern const struct verb verbs[];
extern const int nverbs;

/**
 * stocked_world() - sessions 1 to 3 are a, b and c; 4 has a grace
 *
 * Free are pages 40 to 50, and 60 to 1024; what may be grown goes up to 2048.
 */
void stocked_world(struct world *w, enum region_death death);

#endif
