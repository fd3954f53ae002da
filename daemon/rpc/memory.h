/*
 * memory - what is behind the pages of an Alloc or a Resize, before they are anybody's
 *
 * Role:       where memory is to be put behind pages, or cleared, that is done on another thread, and the request waits for it; unless it is
 *             little (rpc.memory_max), and done at once. Meanwhile the pages are busy (region/pending.h): nobody's, so that whatever
 *             becomes of the connection, nobody gets pages that somebody is still at work on.
 * Uses:       region/pending.h, backing/, rpc/call.h
 * Invariants: M1  a connection has at most one rpc_memory, as its requests are answered in order; it goes with the answer.
 *             M2  one whose connection is gone gives its pages back when the work is done.
 */
#ifndef PALLOCD_RPC_MEMORY_H
#define PALLOCD_RPC_MEMORY_H

#include "region/pending.h"
#include "rpc/call.h"

/* What is wanted of the memory behind what a request takes. */
struct memory_wish {
	bool commit; /* it is there before the reply */
	bool zero;   /* it reads as zeros */
};

/**
 * memory_wish() - what @commit (the wire's enum) and @zero mean in @r
 *
 * Return: OK, INVALID with the refusal set: an unknown value, or nothing is behind the region's addresses.
 */
MUST_CHECK enum pallocd_status memory_wish(struct call *c, const struct region *r, int commit,
					   bool zero, struct memory_wish *ret_wish);

/**
 * memory_begin() - see to the memory behind @pending, which is taken over
 *
 * Return: OK: it is seen to already, or it waits (c->waits); a refusal: @pending is given back.
 */
MUST_CHECK enum pallocd_status memory_begin(struct call *c, struct region_pending *pending,
					    const struct memory_wish *wish);

/** memory_pending() - what the connection's request has taken in an earlier turn, or in this one; NULL: nothing yet. */
struct region_pending *memory_pending(const struct rpc_conn *conn);

/**
 * memory_check() - is the work done, and well?
 *
 * Return: OK, with c->waits where it is not done; NO_MEMORY with the refusal set and the pages given back.
 */
MUST_CHECK enum pallocd_status memory_check(struct call *c);

/** memory_cleared() - pages that had to be cleared. */
uint64_t memory_cleared(const struct rpc_conn *conn);

/** memory_took() - the pages are extents now: nothing is pending any more. */
void memory_took(struct rpc_conn *conn);

/** memory_end() - nobody waits for it any more: what is pending is given back, now or when the work on it is done. */
void memory_end(struct rpc_conn *conn);

#endif
