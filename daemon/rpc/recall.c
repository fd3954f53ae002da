/*
 * recall - who leases blocks is told when others want space
 *
 * Role:       a number for each recall, of all regions together. A region keeps its last one, a connection that of which it has been told last;
 *             so what it has missed costs nothing, however long it has not read.
 * Uses:       base/, region/, rpc/call.h
 * Invariants: N1  a connection that leases is in rpc's list of those, and in no other case.
 *             N2  who has been told and has asked for nothing since is told no more: a client that does not read has at most one
 *                 Recall of each region in its socket.
 */
#include "base/clock.h"
#include "region/owner.h"
#include "rpc/call.h"

/* Requests that fail one after the other are one recall; who waits repeats it, as what is leased may come free later. */
#define PAUSE_USEC 10000u
#define REPEAT_USEC 100000u

void recall_expect(struct rpc_conn *conn)
{
	if (!list_empty(&conn->in_leasing))
		return;
	list_append(&conn->rpc->leasing, &conn->in_leasing);
	conn->recalled = conn->rpc->recalls;
}

void recall_end(struct rpc_conn *conn)
{
	list_remove(&conn->in_leasing);
}

/* Does its session hold anything there? */
static bool concerns(const struct rpc_conn *conn, const struct region *r)
{
	const struct holding *h;

	if (r->recall <= conn->recalled || !conn->session)
		return false;
	h = holding_find(&conn->session->owner, r);
	return h && h->nextents;
}

static void tell(struct rpc_conn *conn)
{
	if (!conn->told && conn->rpc->ops)
		conn->rpc->ops->tell(conn);
}

void recall_heard(struct rpc_conn *conn)
{
	conn->told = false;
	if (!list_empty(&conn->in_leasing) && conn->recalled < conn->rpc->recalls)
		tell(conn);
}

static void recall(struct rpc *rpc, struct region *r, uint64_t now_usec)
{
	r->recall = ++rpc->recalls;
	r->recall_usec = now_usec;
	list_for_each (link, &rpc->leasing) {
		struct rpc_conn *conn = list_entry(link, struct rpc_conn, in_leasing);

		if (concerns(conn, r))
			tell(conn);
	}
}

void recall_wanted(struct rpc *rpc, struct region *r)
{
	uint64_t now;

	r->wanted = false;
	if (LIKELY(list_empty(&rpc->leasing)))
		return;
	now = clock_usec();
	if (!r->recall || now - r->recall_usec >= PAUSE_USEC)
		recall(rpc, r, now);
}

uint64_t recalls_run(struct rpc *rpc, uint64_t now_usec)
{
	uint64_t next = UINT64_MAX, due;

	if (LIKELY(list_empty(&rpc->leasing) || !rpc->nwaiting))
		return next;
	for (uint32_t i = 0; i < rpc->regions->n; i++) {
		struct region *r = rpc->regions->table[i];

		if (!waiters_count(rpc, r))
			continue;
		if (!r->recall || now_usec - r->recall_usec >= REPEAT_USEC)
			recall(rpc, r, now_usec);
		due = r->recall_usec + REPEAT_USEC;
		next = due < next ? due : next;
	}
	return next;
}

static void recall_pack(struct rpc_conn *conn, const struct region *r, struct rpc_out *out)
{
	Pallocd__V1__Recall m = PALLOCD__V1__RECALL__INIT;
	struct call c;

	call_init(&c, conn, NULL);
	m.region_id = region_wire_id(r);
	c.reply.result_case = PALLOCD__V1__REPLY__RESULT_RECALL;
	c.reply.recall = &m;
	reply_pack(&c, out);
	conn->told = true;
}

void rpc_recalls(struct rpc_conn *conn, struct rpc_out *out)
{
	const struct regions *rs = conn->rpc->regions;

	if (conn->told || list_empty(&conn->in_leasing))
		return;
	for (uint32_t i = 0; i < rs->n; i++) {
		/* Of so many regions nobody leases; the next request brings the rest. */
		if (out->size - out->n < RPC_OUT_ROOM_MIN)
			return;
		if (concerns(conn, rs->table[i]))
			recall_pack(conn, rs->table[i], out);
	}
	conn->recalled = conn->rpc->recalls;
}
