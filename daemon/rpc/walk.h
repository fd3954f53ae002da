/*
 * walk - requests that take several turns
 *
 * Role:       what is kept of one between its turns. There is one at the most for each connection (Q4).
 * Uses:       base/, rpc/call.h
 */
#ifndef PALLOCD_RPC_WALK_H
#define PALLOCD_RPC_WALK_H

#include "rpc/call.h"

struct rpc_walk {
	Pallocd__V1__Request__VerbCase verb;
	struct pagealloc_walk at;
	uint64_t nextents;               /* Fit */
	struct pagealloc_histogram runs; /* FreeRuns */
	uint64_t after;                  /* Sessions: looked at up to this id */
};

/** walk_get() - the connection's walk goes on, or @fresh is one that begins. */
struct rpc_walk *walk_get(struct call *c, struct rpc_walk *fresh);

/** walk_keep() - a slice is over, and it was not the last: @w is kept for the next. Return: as call_again(), or NO_MEMORY. */
enum pallocd_status walk_keep(struct call *c, const struct rpc_walk *w);

#endif
