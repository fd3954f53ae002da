/*
 * scavenger - memory behind free pages goes back to the system
 *
 * Role:       when, how much of it at a time, and for whom: in the background, as the region's configuration allows; at once for a
 *             Scavenge, and when the system is short of memory. Which pages these are is region's business (region/pending.h), and the
 *             kernel's part is done on another thread.
 * Uses:       base/, backing/, region/pending.h, rpc/call.h
 * Invariants: G1  a region has at most one job in progress.
 *             G2  who waits is answered: when enough has gone back, when nothing is left, or when the system takes no more.
 */
#ifndef PALLOCD_RPC_SCAVENGER_H
#define PALLOCD_RPC_SCAVENGER_H

#include "rpc/call.h"

/* Why the scavenger does nothing, or that it does: the wire's enum ScavengerState has the same values. */
enum scavenger_state {
	SCAVENGER_OFF,
	SCAVENGER_WORKING,
	SCAVENGER_DONE,
	SCAVENGER_RETAINING,
	SCAVENGER_DELAYED,
	SCAVENGER_RESTING,
	SCAVENGER_FAILED,
};

/**
 * scavengers_run() - begin what is to be done now, in all regions
 *
 * Return: when it must be called again; UINT64_MAX: when something happens.
 */
uint64_t scavengers_run(struct rpc *rpc, uint64_t now_usec);

/** scavenger_state() - of one region; @ret_kept: free pages that keep their memory because the configuration says so. */
enum scavenger_state scavenger_state(const struct rpc *rpc, struct region *r, uint64_t *ret_kept);

/** scavenge_end() - @conn's Scavenge waits no more; nothing happens where it does not. */
void scavenge_end(struct rpc_conn *conn);

/** scavenge_waits_end() - nothing more goes back in @r, which is closed: who waits for it is served again. */
void scavenge_waits_end(struct rpc *rpc, const struct region *r);

/** scavengers_deinit() - no job may be in progress. */
void scavengers_deinit(struct rpc *rpc);

#endif
