/*
 * record_steps - everything that can be done in two regions, at random
 *
 * Role:       the sessions and the steps of test_record_random, which looks at what they leave.
 * Uses:       region/, check
 */
#ifndef PALLOCD_TESTS_REGION_RECORD_STEPS_H
#define PALLOCD_TESTS_REGION_RECORD_STEPS_H

#include "tests/unit/random.h"
#include "truth.h"

#define NSLOTS 8
#define NPAGES 1100u /* of the larger region: its last chunk is cut */
#define HOLE 200u    /* by configuration */
#define HOLE_NPAGES 8u

enum step {
	ALLOC,
	SCATTER,
	NAMED,
	PENDING,
	BESIDE,
	FREE,
	RESIZE,
	SPLIT,
	JOIN,
	ANNOTATE,
	SHARE,
	RELEASE,
	HANDOVER,
	GROW,
	SHRINK,
	RESERVE,
	UNRESERVE,
	DRAIN,
	UNDRAIN,
	LEAVE,
	END,
	RESUME,
	REMEMBER,
	TIME,
	CLEAR,
	NSTEPS,
};

struct play {
	struct world w; /* w.r: the region of this step */
	struct random rnd;
	struct region_config config[2];
	struct truth *written;
	struct session *session[NSLOTS]; /* OPEN */
	uint64_t left;                   /* a session that was left, perhaps not there any more */
	uint64_t now;
	unsigned ndone[NSTEPS], nrestarts, nquarantined;
};

/** below() - a number from 0 to @n - 1. */
uint64_t below(struct play *p, uint64_t n);

/** any_placement() - that often is possible. */
struct region_placement any_placement(struct play *p);

/** slot_fill() - a new session in a slot; who was there has been seen to. */
void slot_fill(struct play *p, unsigned slot);

/** resume() - a session that was left goes on, instead of the one in a slot of the same user's, which is over then. Return: session_resume()'s. */
int resume(struct play *p, const struct session *left);

/** step() - one step in one of the regions. */
void step(struct play *p);

#endif
