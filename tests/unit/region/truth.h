/*
 * truth - a plain copy of all records, as somebody would write them down
 *
 * Role:       shared by the tests of changes and records: takes all there is, follows what was noted, says what differs, and builds regions from it.
 * Uses:       region/, check
 */
#ifndef PALLOCD_TESTS_REGION_TRUTH_H
#define PALLOCD_TESTS_REGION_TRUTH_H

#include "region/record.h"
#include "world.h"

#define TRUTH_REGIONS 2u
#define TRUTH_NPAGES 2048u /* no region of these tests has more */
#define TRUTH_NSESSIONS 4096u
#define TRUTH_NSHARES 16u
#define TRUTH_REPLIES 64u

struct truth_extent {
	struct extent_record record;
	char name[REGION_NAME_BYTES_MAX + 1], label[REGION_LABEL_BYTES_MAX + 1];
	struct record_holder shares[TRUTH_NSHARES];
};

struct truth_session {
	struct session_record record;
	struct record_quarantine quarantines[TRUTH_REGIONS];
	uint8_t replies[TRUTH_REPLIES];
};

struct truth_region {
	struct truth_extent *extents[TRUTH_NPAGES]; /* NULL: none begins there */
	struct space_record space;
	struct record_range *ranges;
};

struct truth {
	struct truth_region region[TRUTH_REGIONS];
	struct truth_session *sessions[TRUTH_NSESSIONS]; /* by id */
	uint64_t next_session_id;
};

/** truth_take() - everything as it is now. Given back with truth_free(). */
struct truth *truth_take(const struct regions *rs);

/** truth_free() - NULL is allowed. */
void truth_free(struct truth *t);

/** truth_follow() - write down what was noted, as a store does, and forget the notes. */
void truth_follow(struct truth *t, struct regions *rs);

/** truth_differs() - where do they differ? @buf: receives it. */
bool truth_differs(const struct truth *a, const struct truth *b, char *buf, size_t size);

/** truth_put() - build @rs, which has all its regions, from @t. Return: the first outcome that is not 0, with its text. */
int truth_put(const struct truth *t, struct regions *rs, uint64_t until_usec, char *buf,
	      size_t size);

/** truth_restart() - what @t says of sessions is what it will be after they were put. */
void truth_restart(struct truth *t, uint64_t until_usec);

#endif
