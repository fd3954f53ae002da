/*
 * conn - a connection's standing: how it begins, how it loses its session, how it ends
 *
 * Role:       see rpc.h. What one user may have of connections is checked here.
 * Uses:       base/, region/, rpc/call.h
 */
#include <inttypes.h>

#include "base/clock.h"
#include "rpc/memory.h"
#include "rpc/scavenger.h"

/* Append a reply that nobody has asked for, if there is room: its connection is closed in any case. */
static void unasked_pack(struct call *c, struct rpc_out *out)
{
	if (out->size - out->n >= RPC_OUT_ROOM_MIN)
		reply_pack(c, out);
}

enum pallocd_status conn_refuse_quota(struct call *c, const char *name, uint64_t limit,
				      uint64_t used, uint64_t asked)
{
	const struct rpc_conn *conn = c->conn;
	struct event e = {.kind = EVENT_QUOTA,
			  .session = conn->session ? conn->session->id : 0,
			  .uid = conn->peer.uid,
			  .pid = (uint32_t)conn->peer.pid,
			  .text = name,
			  .limit = limit,
			  .used = used,
			  .asked = asked};

	events_emit(&c->rpc->regions->events, &e);
	return call_refuse_quota(c, name, limit, used, asked);
}

int rpc_conn_open(struct rpc_conn *conn, struct rpc *rpc, const struct session_peer *peer,
		  struct rpc_out *out)
{
	struct regions *rs = rpc->regions;
	struct call c;
	int err;

	*conn = (struct rpc_conn){.rpc = rpc, .peer = *peer};
	list_init(&conn->in_waiters);
	list_init(&conn->in_busy);
	list_init(&conn->in_leasing);
	err = regions_user(rs, peer->uid, &conn->user);
	if (err)
		return err;
	if (rs->limits.connections && conn->user->nconnections >= rs->limits.connections) {
		call_init(&c, conn, NULL);
		conn_refuse_quota(&c, "user_connections", rs->limits.connections,
				  conn->user->nconnections, 1);
		unasked_pack(&c, out);
		return RPC_E_CLOSE;
	}
	conn->user->nconnections++;
	rpc->counters.connections++;
	rpc->counters.connections_open++;
	return 0;
}

void conn_turns_end(struct rpc_conn *conn)
{
	walk_end(conn);
	wait_end(conn);
	busy_end(conn);
	memory_end(conn);
	scavenge_end(conn);
}

void rpc_conn_close(struct rpc_conn *conn, enum session_cause cause)
{
	struct session *s = take_ptr(conn->session);
	/* It goes on after the next start. */
	bool stays = conn->rpc->store && conn->rpc->commit.stopping;

	watch_end(conn);
	recall_end(conn);
	conn_turns_end(conn);
	if (s) {
		s->conn = NULL;
		if (!stays)
			session_leave(s, cause, clock_usec());
	}
	conn->user->nconnections--;
	conn->rpc->counters.connections_open--;
}

void conn_lose_session(struct rpc_conn *conn)
{
	conn->session->conn = NULL;
	conn->session = NULL;
	conn->repeats = false;
	conn->ending = PALLOCD_SESSION_ENDED;
	conn_turns_end(conn);
	recall_end(conn);
	watch_end(conn);
	if (conn->rpc->ops)
		conn->rpc->ops->cut(conn);
}

enum pallocd_status conn_refuse_ending(struct call *c, enum pallocd_status status, const char *what)
{
	const struct user *user = c->conn->user;

	switch ((int)status) {
	case PALLOCD_QUOTA:
		return conn_refuse_quota(c, what, c->rpc->regions->limits.queued_bytes,
					 user->queued_bytes, 0);
	case PALLOCD_TOO_SLOW:
		return call_refuse(c, status, "",
				   "%s did not come in time; the connection is closed", what);
	case PALLOCD_SESSION_ENDED:
		return call_refuse(c, status, "",
				   "the session was ended by someone entitled, or goes on in "
				   "another connection; this one is closed");
	default:
		return call_refuse(c, status, "", "%s; the connection is closed", what);
	}
}

void rpc_last_words(struct rpc_conn *conn, enum pallocd_status status, const char *what,
		    struct rpc_out *out)
{
	struct call c;

	call_init(&c, conn, NULL);
	conn_refuse_ending(&c, status, what);
	unasked_pack(&c, out);
}

void rpc_overloaded(struct rpc *rpc, const char *what, struct rpc_out *out)
{
	struct rpc_conn conn = {.rpc = rpc};
	struct call c;

	call_init(&c, &conn, NULL);
	call_refuse(&c, PALLOCD_OVERLOADED, "",
		    "the daemon takes no more connections (%s): try again later", what);
	c.refusal.limit = rpc->counters.connections_open;
	reply_pack(&c, out);
}
