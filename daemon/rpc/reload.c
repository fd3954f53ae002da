/*
 * reload - what another configuration means for those who are connected
 *
 * Role:       see rpc.h: rights that are given or taken away, regions that are gone.
 * Uses:       base/, region/, rpc/call.h
 */
#include "rpc/scavenger.h"

void rpc_rights_renew(struct rpc *rpc)
{
	for (size_t i = 0; i < ARRAY_SIZE(rpc->regions->sessions); i++) {
		list_for_each (link, &rpc->regions->sessions[i]) {
			struct session *s = list_entry(link, struct session, in_regions);
			const struct rpc_conn *conn = s->conn;

			session_rights_renew(s, conn ? &conn->peer : NULL);
		}
	}
}

void rpc_region_closed(struct rpc *rpc, const struct region *r)
{
	waiters_refuse(rpc, r);
	busy_wake(rpc, r);
	scavenge_waits_end(rpc, r);
}
