/*
 * hello - Hello: a session begins, or goes on
 *
 * Role:       what a client and the daemon must know of each other before anything else.
 * Uses:       base/, region/, rpc/verb.h
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/verb.h"

_Static_assert(SESSION_TOKEN_BYTES == PALLOCD_TOKEN_BYTES, "tokens are as the protocol says");
_Static_assert(SESSION_CLIENT_BYTES_MAX == PALLOCD_NAME_BYTES_MAX,
	       "names are as the protocol says");

static const Pallocd__V1__Feature features[] = {
	PALLOCD__V1__FEATURE__FEATURE_PLACEMENT, PALLOCD__V1__FEATURE__FEATURE_SCATTER,
	PALLOCD__V1__FEATURE__FEATURE_RESHAPE,   PALLOCD__V1__FEATURE__FEATURE_SPACE,
	PALLOCD__V1__FEATURE__FEATURE_RESUME,    PALLOCD__V1__FEATURE__FEATURE_NAMES,
	PALLOCD__V1__FEATURE__FEATURE_SHARING,   PALLOCD__V1__FEATURE__FEATURE_QUOTAS,
	PALLOCD__V1__FEATURE__FEATURE_WATCH,     PALLOCD__V1__FEATURE__FEATURE_WAIT,
	PALLOCD__V1__FEATURE__FEATURE_BACKING,   PALLOCD__V1__FEATURE__FEATURE_REPEAT,
	PALLOCD__V1__FEATURE__FEATURE_CHECK,     PALLOCD__V1__FEATURE__FEATURE_USERS,
	PALLOCD__V1__FEATURE__FEATURE_LEASE,
};

static enum pallocd_status hello_check(struct call *c)
{
	const Pallocd__V1__Hello *m = c->req->hello;

	if (m->version < PALLOCD_PROTOCOL_VERSION) {
		c->refusal.asked = m->version;
		c->refusal.limit = PALLOCD_PROTOCOL_VERSION;
		return call_refuse(c, PALLOCD_VERSION, "version",
				   "version %" PRIu32 " is not spoken here, but %u is", m->version,
				   PALLOCD_PROTOCOL_VERSION);
	}
	if (m->token.len && m->token.len != PALLOCD_TOKEN_BYTES) {
		c->refusal.asked = m->token.len;
		c->refusal.limit = PALLOCD_TOKEN_BYTES;
		return call_refuse(c, PALLOCD_INVALID, "token",
				   "a token of %zu bytes: HelloReply gave one of %u; without any, "
				   "a new session begins",
				   m->token.len, PALLOCD_TOKEN_BYTES);
	}
	return call_text(c, "client", m->client, PALLOCD_NAME_BYTES_MAX);
}

/* Most connections that are too many never come so far. */
static enum pallocd_status hello_identify(struct call *c)
{
	struct rpc_conn *conn = c->conn;
	int err = 0;

	if (!conn->identified && c->rpc->ops)
		err = c->rpc->ops->identify(conn);
	/* Who comes back with a token and has gone again may have come to say that its session shall end. */
	if (err == RPC_E_CLOSE && c->req->hello->token.len)
		err = 0;
	switch (err) {
	case 0:
		conn->identified = true;
		return PALLOCD_OK;
	case RPC_E_CLOSE:
		c->closes = true;
		return call_refuse(c, PALLOCD_SESSION_ENDED, "",
				   "process %d, which has connected, has died: who still holds its "
				   "socket has to connect for itself",
				   (int)conn->peer.pid);
	default:
		return call_no_memory(c);
	}
}

static enum pallocd_status hello_open(struct call *c, uint64_t grace_usec, struct session **ret)
{
	struct region_refusal rr = {0};
	int err;

	do {
		err = session_open(c->rpc->regions, &c->conn->peer, c->req->hello->client,
				   grace_usec, clock_usec(), ret, &rr);
	} while (err == REGIONS_E_QUOTA && call_reclaim(c, REGION_E_QUOTA));
	if (c->again)
		return PALLOCD_OK;
	if (err == REGIONS_E_QUOTA)
		return call_refuse_quota(c, rr.field, rr.limit, rr.used, rr.asked);
	return err ? call_no_memory(c) : PALLOCD_OK;
}

/* Whoever spoke for the session speaks for it no more. */
static enum pallocd_status hello_resume(struct call *c, uint64_t grace_usec, struct session **ret)
{
	const Pallocd__V1__Hello *m = c->req->hello;
	struct session *s;
	int err;

	err = session_resume(c->rpc->regions, &c->conn->peer, m->token.data, clock_usec(), &s);
	if (err == REGIONS_E_NO_SESSION)
		return call_refuse(
			c, PALLOCD_NO_SESSION, "token",
			"no session of uid %u has that token, or its grace time is over: "
			"without a token, a new one begins",
			(unsigned)c->conn->peer.uid);
	if (err)
		return call_no_memory(c);
	if (s->conn)
		conn_lose_session(s->conn);
	s->grace_usec = grace_usec;
	snprintf(s->client, sizeof(s->client), "%s", m->client);
	*ret = s;
	return PALLOCD_OK;
}

/* Who goes on with the session may be another process, which must not ask by an id that has been used. */
static uint64_t id_last(const struct session *s)
{
	uint64_t last = s->answered;

	for (unsigned d = 0; d < REGION_DURABILITIES; d++) {
		if (s->memory[d].done > last)
			last = s->memory[d].done;
	}
	return last;
}

static void hello_fill(struct call *c, const struct session *s, bool resumed)
{
	Pallocd__V1__HelloReply *reply = c->reply.hello;

	reply->version = PALLOCD_PROTOCOL_VERSION;
	reply->session = s->id;
	/* protobuf-c does not write through these. */
	reply->server = (char *)(uintptr_t)c->rpc->server;
	reply->token = (ProtobufCBinaryData){.len = sizeof(s->token),
					     .data = (uint8_t *)(uintptr_t)s->token};
	reply->features = (Pallocd__V1__Feature *)(uintptr_t)features;
	reply->n_features = ARRAY_SIZE(features);
	reply->frame_bytes_max = PALLOCD_FRAME_BYTES_MAX;
	reply->batch_extents_max = PALLOCD_BATCH_EXTENTS_MAX;
	reply->grace_msec = s->grace_usec / 1000;
	reply->resumed = resumed;
	reply->repeats = s->repeats;
	reply->last_id = s->repeats ? id_last(s) : 0;
	reply->restart_grace_msec = c->rpc->store ? c->rpc->restart_grace_msec : 0;
}

enum pallocd_status hello_serve(struct call *c)
{
	const Pallocd__V1__Hello *m = c->req->hello;
	uint64_t grace_msec = m->grace_msec;
	enum pallocd_status status;
	struct session *s = NULL;

	status = hello_check(c);
	if (!status)
		status = hello_identify(c);
	if (status)
		return status;
	if (grace_msec > PALLOCD_GRACE_MSEC_MAX)
		grace_msec = PALLOCD_GRACE_MSEC_MAX;
	status = m->token.len ? hello_resume(c, grace_msec * 1000, &s)
			      : hello_open(c, grace_msec * 1000, &s);
	if (status || c->again)
		return status;
	s->accepts_handover = m->accepts_handover;
	s->repeats = c->conn->repeats = m->repeats;
	/* Resumed or not: all that is said here is kept as long as the session. */
	session_changed(s);
	s->conn = c->conn;
	c->conn->session = s;
	if (m->recalls)
		recall_expect(c->conn);
	hello_fill(c, s, m->token.len);
	return PALLOCD_OK;
}
