/*
 * crew - processes of a user that means harm
 *
 * Role:       one kind of harm each, again and again until they are killed. What they do is within the protocol or against it, but
 *             only through the socket. They expect to be refused and cut off, and count how often their kind of harm was done.
 * Uses:       tests/e2e/daemon/actor.h
 */
#ifndef PALLOCD_TESTS_CREW_H
#define PALLOCD_TESTS_CREW_H

#include <stdatomic.h>

#include "tests/e2e/daemon/actor.h"

#define CREW_KINDS(X)                                                      \
	X(STORM, "storm")     /* connects and goes, without pause */       \
	X(HOARD, "hoard")     /* takes connections until it is refused */  \
	X(SILENT, "silent")   /* connects and never says Hello */          \
	X(HALF, "half")       /* sends half a frame and waits */           \
	X(FLOOD, "flood")     /* sends as much as it can, reads replies */ \
	X(MUTE, "mute")       /* does not read its replies */              \
	X(GLUTTON, "glutton") /* takes all that it can get, and waits */   \
	X(GARBAGE, "garbage") /* sends what is no frame */                 \
	X(WATCHER, "watcher") /* watches everything and reads nothing */

enum crew_kind {
#define CREW_VALUE(kind, name) CREW_##kind,
	CREW_KINDS(CREW_VALUE)
#undef CREW_VALUE
		CREW_NKINDS
};

const char *crew_name(enum crew_kind kind);

/* Regions of the configuration below: one with room and quotas, and one of a single page. */
enum { CREW_REGION = 1, CREW_REGION_FULL };

/* What one user may have queued by it. */
#define CREW_QUEUED_BYTES (UINT64_C(2) << 20)

/** crew_configure() - write the configuration of the daemon that they harm: limits that they come to soon. For root only. */
void crew_configure(const char *path);

/**
 * crew_start() - a process of @who's that does @kind
 * @idle:  only where the machine has nothing better to do
 * @ndone: in shared memory; rises whenever the harm was done once more
 */
pid_t crew_start(enum crew_kind kind, const struct actor *who, const char *path, bool idle,
		 atomic_ulong *ndone);

/** crew_stop() - kill it. */
void crew_stop(pid_t pid);

#endif
