/*
 * shape - Resize, Split, Join
 *
 * Role:       what gives an extent that is held another length, or makes two of one and one of several. Whose they are stays.
 * Uses:       rpc/verb.h
 */
#include "rpc/verb.h"

static enum pallocd_status edge_get(struct call *c, int edge, enum region_edge *ret)
{
	switch (edge) {
	case PALLOCD__V1__EDGE__UPPER:
		*ret = REGION_UPPER;
		return PALLOCD_OK;
	case PALLOCD__V1__EDGE__LOWER:
		*ret = REGION_LOWER;
		return PALLOCD_OK;
	default:
		c->refusal.asked = (uint64_t)edge;
		return call_refuse(c, PALLOCD_INVALID, "edge",
				   "edge %d is not known: UPPER is 0, LOWER 1", edge);
	}
}

static int resize_do(struct call *c, struct region *r, enum region_edge edge,
		     Pallocd__V1__ResizeReply *reply, struct region_refusal *rr)
{
	const Pallocd__V1__Resize *m = c->req->resize;
	struct session *s = c->conn->session;
	int err;

	do {
		err = region_resize(r, s, m->addr, m->npages, edge, &reply->addr,
				    &reply->scavenged_npages, rr);
	} while (err && call_reclaim(c, err));
	return err;
}

enum pallocd_status resize_serve(struct call *c)
{
	const Pallocd__V1__Resize *m = c->req->resize;
	Pallocd__V1__ResizeReply *reply = c->reply.resize;
	struct region_refusal rr = {0};
	enum pallocd_status status;
	enum region_edge edge = REGION_UPPER;
	struct region *r;
	int err;

	status = call_region(c, m->region_id, m->region, &r);
	if (!status)
		status = edge_get(c, (int)m->edge, &edge);
	if (status)
		return status;
	err = resize_do(c, r, edge, reply, &rr);
	if (err)
		return call_refuse_region(c, r, err, "npages", &rr);
	reply->npages = m->npages;
	return PALLOCD_OK;
}

enum pallocd_status split_serve(struct call *c)
{
	const Pallocd__V1__Split *m = c->req->split;
	Pallocd__V1__SplitReply *reply = c->reply.split;
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct region *r;
	int err;

	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	err = region_split(r, c->conn->session, m->addr, &reply->addr, &reply->npages,
			   &reply->upper_npages, &rr);
	if (err)
		return call_refuse_region(c, r, err, "addr", &rr);
	return PALLOCD_OK;
}

enum pallocd_status join_serve(struct call *c)
{
	const Pallocd__V1__Join *m = c->req->join;
	Pallocd__V1__JoinReply *reply = c->reply.join;
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct region *r;
	uint32_t n;
	int err;

	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	err = region_join(r, c->conn->session, m->addr, m->npages, &n, &rr);
	if (err)
		return call_refuse_region(c, r, err, "npages", &rr);
	reply->nextents = n;
	return PALLOCD_OK;
}
