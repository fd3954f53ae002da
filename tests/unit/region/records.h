/*
 * records - some of each kind that fit together, and the regions that they make
 *
 * Role:       shared by the tests of records that are taken and of those that are refused.
 * Uses:       region/, check
 */
#ifndef PALLOCD_TESTS_REGION_RECORDS_H
#define PALLOCD_TESTS_REGION_RECORDS_H

#include "truth.h"

#define UNTIL UINT64_C(5000) /* the grace after the restart is over */

/* Pages 0 to 512 and 1024 to 1536 of 2000 are grown; 8 to 16 are reserved, 32 to 64 drained; 100 to 110 are by configuration. */
static const struct record_range grown[] = {{0, 512}, {1024, 512}}, reserved[] = {{8, 8}},
				 drained[] = {{32, 32}};
static const struct space_record space = {
	.base_addr = BASE,
	.page_size_bytes = PAGE,
	.generation = 3,
	.grown = grown,
	.ngrown = 2,
	.reserved = reserved,
	.nreserved = 1,
	.drained = drained,
	.ndrained = 1,
};

static const struct record_quarantine quarantine[] = {{1, 70}};
static const struct session_record sessions[] = {
	{.id = 4,
	 .uid = 1000,
	 .gid = 1001,
	 .pid = 10,
	 .state = SESSION_OPEN,
	 .open_usec = 1,
	 .grace_usec = 2,
	 .repeats = true,
	 .token = {4},
	 .client = "four",
	 .command = "cmd",
	 .memory[REGION_DURABILITY_PROCESS] = {.done = 9,
					       .replies = (const uint8_t *)"bytes",
					       .n = 5}},
	{.id = 6, .uid = 1001, .state = SESSION_GRACE, .deadline_usec = 9000, .token = {6}},
	{.id = 7,
	 .uid = 1001,
	 .state = SESSION_QUARANTINED,
	 .deadline_usec = 70,
	 .token = {6},
	 .quarantines = quarantine,
	 .nquarantines = 1},
	{.id = 9, .uid = 1002, .state = SESSION_ENDING, .token = {6}},
};

static const struct record_holder sharers[] = {{.session = 6}, {.session = 9}};
static const struct extent_record extents[] = {
	{.page = 0,
	 .npages = 8,
	 .owner = {.session = 4},
	 .name = "name",
	 .label = "label",
	 .shares = sharers,
	 .nshares = 2},
	{.page = 20, .npages = 20, .owner = {.uid = 1003}},
	{.page = 1030, .npages = 5, .owner = {.session = 7}, .label = "label"},
};

/** empty_world() - a region of @limit pages, nothing of which is grown. */
static inline void empty_world(struct regions *rs, uint64_t limit)
{
	struct region_config c = world_config(limit, 0, 0);

	c.holes[0] = (struct region_hole){BASE + 100 * PAGE, 10 * PAGE};
	c.nholes = 1;
	c.death = REGION_DEATH_QUARANTINE;
	c.quarantine_usec = 50;
	regions_init(rs, DAEMON_UID);
	ck_assert_int_eq(regions_add(rs, &c), 0);
}

/** must() - it was taken. */
static inline void must(int err, const char *why)
{
	ck_assert_msg(err == 0, "%d: %s", err, why);
}

static inline void sessions_put(struct regions *rs)
{
	char why[200] = "";

	for (size_t i = 0; i < ARRAY_SIZE(sessions); i++)
		must(session_put(rs, &sessions[i], UNTIL, why, sizeof(why)), why);
}

/** built_world() - of the space, all sessions, and the first @nextents of the extents. */
static inline void built_world(struct regions *rs, size_t nextents)
{
	char why[200] = "";

	empty_world(rs, 2000);
	must(region_space_put(rs->table[0], &space, why, sizeof(why)), why);
	sessions_put(rs);
	for (size_t i = 0; i < nextents; i++)
		must(region_extent_put(rs, rs->table[0], &extents[i], why, sizeof(why)), why);
}

/** check() - all is sound. */
static inline void check(const struct regions *rs)
{
	char why[200] = "";

	ck_assert_msg(regions_check(rs, why, sizeof(why)), "%s", why);
}

#endif
