/*
 * sessions - Sessions and EndSession
 *
 * Role:       who is there and what it holds; and its end, if somebody entitled wants it.
 * Uses:       base/, region/, rpc/verb.h
 */
#include <inttypes.h>

#include "base/clock.h"
#include "rpc/verb.h"
#include "rpc/walk.h"

/* Sessions that one turn may look at, some 50 ns each where all are other users'. */
#define LOOK_SESSIONS 4096u

/* What a session holds in one region, or in all. */
struct holds {
	uint64_t nextents, npages, bytes, nshares;
};

static struct holds holds_sum(const struct session *s, const struct region *only)
{
	struct holds sum = {0};

	list_for_each (link, &s->owner.holdings) {
		const struct holding *h = list_entry(link, struct holding, in_owner);

		if (only && h->region != only)
			continue;
		sum.nextents += h->nextents;
		sum.npages += h->npages;
		sum.bytes += h->npages << h->region->page_shift;
		sum.nshares += h->nshares;
	}
	return sum;
}

/* It may be seen, and ended, by its user; by root and the daemon's own user, whosever it is. */
static bool session_is_ours(const struct session *asks, const struct session *s)
{
	return s->owner.uid == asks->owner.uid || regions_operator(asks->regions, asks->owner.uid);
}

static void session_fill(const struct call *c, const struct session *s, const struct region *only,
			 uint64_t now, Pallocd__V1__Session *ret)
{
	struct holds sum = holds_sum(s, only);

	pallocd__v1__session__init(ret);
	ret->id = s->id;
	ret->uid = s->owner.uid;
	ret->pid = (uint32_t)s->pid;
	/* protobuf-c does not write through these. */
	ret->client = (char *)(uintptr_t)s->client;
	ret->command = (char *)(uintptr_t)s->command;
	ret->state = (Pallocd__V1__SessionState)s->state;
	ret->age_usec = now - s->open_usec;
	ret->nextents = sum.nextents;
	ret->npages = sum.npages;
	ret->held_bytes = sum.bytes;
	ret->nshares = sum.nshares;
	ret->grace_msec = s->grace_usec / 1000;
	if (s->conn && c->rpc->ops)
		ret->queued_bytes = c->rpc->ops->queued_bytes(s->conn);
	if ((s->state == SESSION_GRACE || s->state == SESSION_QUARANTINED) &&
	    s->deadline_usec > now)
		ret->remaining_msec = (s->deadline_usec - now) / 1000;
}

enum pallocd_status sessions_serve(struct call *c)
{
	const Pallocd__V1__Sessions *m = c->req->sessions;
	Pallocd__V1__SessionsReply *reply = c->reply.sessions;
	struct rpc_walk fresh, *w = walk_get(c, &fresh);
	uint64_t after = w->after ? w->after : m->after, now = clock_usec();
	enum pallocd_status status;
	struct region *r = NULL;
	Pallocd__V1__Session *list;
	const struct session *s;

	if (m->region_id || *m->region) {
		status = call_region(c, m->region_id, m->region, &r);
		if (status)
			return status;
	}
	list = call_take(c, PALLOCD_SESSIONS_MAX, sizeof(*list));
	reply->sessions = call_take(c, PALLOCD_SESSIONS_MAX, sizeof(list));
	if (!list || !reply->sessions)
		return call_no_memory(c);
	for (uint32_t looked = 0;; looked++) {
		s = session_next(c->rpc->regions, after);
		if (!s)
			return PALLOCD_OK;
		if (reply->n_sessions == PALLOCD_SESSIONS_MAX || looked == LOOK_SESSIONS)
			break;
		after = s->id;
		if (!session_is_ours(c->conn->session, s))
			continue;
		session_fill(c, s, r, now, &list[reply->n_sessions]);
		reply->sessions[reply->n_sessions] = &list[reply->n_sessions];
		reply->n_sessions++;
	}
	/* Where the client would not know from where on to ask, we go on ourselves. */
	w->after = after;
	if (!reply->n_sessions)
		return walk_keep(c, w);
	reply->more = true;
	return PALLOCD_OK;
}

static enum pallocd_status victim_get(struct call *c, struct session **ret)
{
	uint64_t id = c->req->end_session->session;
	struct session *s = id ? session_by_id(c->rpc->regions, id) : c->conn->session;

	c->refusal.asked = id;
	if (!s || (s->state != SESSION_OPEN && s->state != SESSION_GRACE))
		return call_refuse(c, PALLOCD_NO_SESSION, "session",
				   "there is no session %" PRIu64
				   ", or it has ended already: Sessions lists those that there are",
				   id);
	if (!session_is_ours(c->conn->session, s))
		return call_refuse(
			c, PALLOCD_DENIED, "session",
			"session %" PRIu64
			" is uid %u's: that user, root and the daemon's own user may end "
			"it, uid %u may not",
			id, (unsigned)s->owner.uid, (unsigned)c->conn->peer.uid);
	*ret = s;
	return PALLOCD_OK;
}

/* Fields are about the session that ends; the line says who wants it. */
static void kill_log(const struct call *c, const struct session *s)
{
	log_event(LOG_LEVEL_INFO, LOG_ID_SESSION_KILLED,
		  LOG_FIELDS(ABOUT_SESSION(s->id), ABOUT_UID(s->owner.uid), ABOUT_PID(s->pid),
			     ABOUT_REQUEST(c->req->id)),
		  "session %" PRIu64
		  " of pid %d, uid %u is ended by pid %d, uid %u: it held %" PRIu64 " extents",
		  s->id, (int)s->pid, (unsigned)s->owner.uid, (int)c->conn->peer.pid,
		  (unsigned)c->conn->peer.uid, c->reply.end_session->nextents);
}

enum pallocd_status end_session_serve(struct call *c)
{
	enum session_cause cause = SESSION_KILLED;
	struct session *s = NULL;
	enum pallocd_status status = victim_get(c, &s);

	if (status)
		return status;
	if (s != c->conn->session && c->conn->repeats) {
		status = call_changes(c, NULL);
		if (status)
			return status;
	}
	c->reply.end_session->nextents = holds_sum(s, NULL).nextents;
	if (s == c->conn->session) {
		cause = SESSION_ASKED;
		c->conn->session = NULL;
		c->conn->repeats = false;
		s->conn = NULL;
		c->closes = true;
	} else if (s->conn) {
		conn_lose_session(s->conn);
	}
	if (cause == SESSION_KILLED)
		kill_log(c, s);
	session_end(s, cause, clock_usec());
	return PALLOCD_OK;
}
