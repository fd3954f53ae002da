/*
 * walk - requests that take several turns
 *
 * Role:       see walk.h.
 * Uses:       base/, rpc/call.h
 */
#include "rpc/walk.h"

#include <assert.h>

#include "base/mem.h"

enum {
	/*
	 * Chunks that one turn of a walk may look into: one takes 2 us at the worst, with every other page held (256 runs of 8 ns), so
	 * that a turn is a millisecond at the worst. Where one may not cost that much, fewer.
	 */
	WALK_CHUNKS = 512,
	WALK_CHUNKS_MIN = 8,
};

static uint64_t walk_budget(const struct rpc *rpc)
{
	uint64_t n = WALK_CHUNKS * rpc->cost_max / RPC_COST_MAX;

	return n > WALK_CHUNKS_MIN ? n : WALK_CHUNKS_MIN;
}

struct rpc_walk *walk_get(struct call *c, struct rpc_walk *fresh)
{
	struct rpc_walk *w = c->conn->walk;

	if (w) {
		assert(w->verb == c->req->verb_case);
	} else {
		w = fresh;
		*w = (struct rpc_walk){.verb = c->req->verb_case};
	}
	w->at.budget = walk_budget(c->rpc);
	return w;
}

enum pallocd_status walk_keep(struct call *c, const struct rpc_walk *w)
{
	if (!c->conn->walk) {
		c->conn->walk = mem_alloc(sizeof(*w));
		if (!c->conn->walk)
			return call_no_memory(c);
		*c->conn->walk = *w;
	}
	return call_again(c);
}

void walk_end(struct rpc_conn *conn)
{
	conn->nturns = 0;
	mem_free(take_ptr(conn->walk));
}
