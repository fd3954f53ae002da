/*
 * victim - a process that gets into a state and waits there to be killed
 *
 * Role:       what a victim does until then, and what it tells the observer through shared memory. What it did before it says that it
 *             is ready is known exactly; a victim of VICTIM_BUSY never is, and holds things only where all of it goes with it.
 * Uses:       model.h, calls.h
 */
#ifndef PALLOCD_TESTS_DEATHS_VICTIM_H
#define PALLOCD_TESTS_DEATHS_VICTIM_H

#include <stdatomic.h>
#include <sys/types.h>

#include "tests/e2e/deaths/calls.h"

/* Where death finds it. */
#define VICTIM_STATES(X)                                                        \
	X(CONNECTED, "connected") /* before Hello */                            \
	X(IDLE, "idle")           /* after it, with extents and shares */       \
	X(MID_FRAME, "mid-frame") /* a part of a request is sent */             \
	X(MID_REPLY, "mid-reply") /* more replies wait than the socket takes */ \
	X(WAITING, "waiting")     /* an Alloc waits for space */                \
	X(GRACE, "in grace")      /* its connection is gone already */          \
	X(RESUMED, "resumed")     /* on a second connection */                  \
	X(SHARED, "sharing")      /* the observer shares what it holds */       \
	X(FORKED, "forked")       /* a child holds its socket, and lives on */  \
	X(BUSY, "busy")           /* anywhere */

enum victim_state {
#define VICTIM_VALUE(name, text) VICTIM_##name,
	VICTIM_STATES(VICTIM_VALUE)
#undef VICTIM_VALUE
		VICTIM_NSTATES
};

const char *victim_state_name(enum victim_state state);

/* In memory that both have. */
struct victim_report {
	atomic_bool ready;
	pid_t child;                  /* FORKED */
	struct calls_session session; /* its id is 0 without Hello */
	struct model model;           /* the observer's, with the victim's part */
};

/** victim_start() - a victim's process; @report's model is the observer's as it is now. */
pid_t victim_start(const char *path, enum victim_state state, uint64_t seed,
		   struct victim_report *report);

#endif
