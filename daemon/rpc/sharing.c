/*
 * sharing - Share, Release and Handover
 *
 * Role:       extents that get one more holder, one fewer, or another owner; and who may be given something.
 * Uses:       region/, rpc/verb.h
 */
#include <inttypes.h>

#include "rpc/verb.h"
#include "rpc/view.h"

enum pallocd_status share_serve(struct call *c)
{
	const Pallocd__V1__Share *m = c->req->share;
	Pallocd__V1__Extent *extent = call_take(c, 1, sizeof(*extent));
	struct region_refusal rr = {0};
	struct region_view view = {0};
	uint64_t addr = m->addr;
	enum pallocd_status status;
	struct region *r;
	int err;

	if (!extent)
		return call_no_memory(c);
	status = call_region(c, m->region_id, m->region, &r);
	if (!status && *m->name) {
		status = view_by_name(c, r, m->name, &view);
		addr = view.addr;
	}
	if (status)
		return status;
	do {
		err = region_share(r, c->conn->session, addr, &view, &rr);
	} while (err && call_reclaim(c, err));
	if (err)
		return call_refuse_region(c, r, err, "addr", &rr);
	view_tell(&view, extent);
	c->reply.share->extent = extent;
	return PALLOCD_OK;
}

enum pallocd_status release_serve(struct call *c)
{
	const Pallocd__V1__Release *m = c->req->release;
	Pallocd__V1__ReleaseReply *reply = c->reply.release;
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct region *r;
	int err;

	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	err = region_release(r, c->conn->session, m->addr, &reply->npages, &reply->nholders, &rr);
	return err ? call_refuse_region(c, r, err, "addr", &rr) : PALLOCD_OK;
}

/* A session is given something where it can want it: its user's, or it has said so; or an administrator decides. */
static enum pallocd_status receiver_session(struct call *c, const struct region *r,
					    struct owner **ret)
{
	const struct session *giver = c->conn->session;
	uint64_t id = c->req->handover->session;
	struct session *s = session_by_id(c->rpc->regions, id);

	c->refusal.asked = id;
	if (!s || (s->state != SESSION_OPEN && s->state != SESSION_GRACE))
		return call_refuse(c, PALLOCD_NO_SESSION, "session",
				   "there is no session %" PRIu64
				   ", or it has ended: Sessions lists those that there are",
				   id);
	if (s->owner.uid != giver->owner.uid && !s->accepts_handover &&
	    !session_may(giver, r, ACCESS_ADMIN))
		return call_refuse(c, PALLOCD_DENIED, access_right_name(ACCESS_ADMIN),
				   "session %" PRIu64
				   " is uid %u's and takes nothing from other users: its Hello has "
				   "to say accepts_handover, or the caller needs the right 'admin'",
				   id, (unsigned)s->owner.uid);
	if (!s->rights[r->id - 1])
		return call_refuse(c, PALLOCD_DENIED, "session",
				   "session %" PRIu64
				   " has no right in region %s, and so could not even give the "
				   "extent back: an Allow= line of the region gives rights",
				   id, r->name);
	*ret = &s->owner;
	return PALLOCD_OK;
}

static enum pallocd_status receiver_user(struct call *c, const struct region *r, struct owner **ret)
{
	uint32_t uid = c->req->handover->uid;
	struct user *user;

	c->refusal.asked = uid;
	if (uid != c->conn->peer.uid && !session_may(c->conn->session, r, ACCESS_ADMIN))
		return call_refuse_right(c, r, ACCESS_ADMIN);
	if (regions_user(c->rpc->regions, uid, &user))
		return call_no_memory(c);
	*ret = &user->owner;
	return PALLOCD_OK;
}

static enum pallocd_status receiver_get(struct call *c, const struct region *r, struct owner **ret)
{
	const Pallocd__V1__Handover *m = c->req->handover;

	if (!m->session == !m->to_user)
		return call_refuse(c, PALLOCD_INVALID, "session",
				   "%s: one of session and to_user says whose the extent will be",
				   m->to_user ? "both are set" : "none is set");
	return m->to_user ? receiver_user(c, r, ret) : receiver_session(c, r, ret);
}

enum pallocd_status handover_serve(struct call *c)
{
	const Pallocd__V1__Handover *m = c->req->handover;
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct owner *to = NULL;
	struct region *r;
	int err;

	status = call_region(c, m->region_id, m->region, &r);
	if (!status)
		status = receiver_get(c, r, &to);
	if (status)
		return status;
	do {
		err = region_handover(r, c->conn->session, m->addr, to, &c->reply.handover->npages,
				      &rr);
	} while (err && call_reclaim(c, err));
	return err ? call_refuse_region(c, r, err, "addr", &rr) : PALLOCD_OK;
}
