/*
 * shape - Resize, Split, Join
 *
 * Role:       what gives an extent that is held another length, or makes two of one and one of several. Whose they are stays.
 * Uses:       rpc/call.h
 */
#include "rpc/call.h"

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

	err = region_resize(r, s, m->addr, m->npages, edge, &reply->addr, &reply->scavenged_npages,
			    rr);
	if (err == REGION_E_NOT_FREE && call_reclaim(c))
		err = region_resize(r, s, m->addr, m->npages, edge, &reply->addr,
				    &reply->scavenged_npages, rr);
	return err;
}

enum pallocd_status resize_serve(struct call *c)
{
	const Pallocd__V1__Resize *m = c->req->resize;
	Pallocd__V1__ResizeReply *reply = call_take(c, 1, sizeof(*reply));
	struct region_refusal rr = {0};
	enum pallocd_status status;
	enum region_edge edge = REGION_UPPER;
	struct region *r;
	int err;

	if (!reply)
		return call_no_memory(c);
	status = call_region(c, m->region_id, m->region, &r);
	if (!status)
		status = edge_get(c, (int)m->edge, &edge);
	if (status)
		return status;
	pallocd__v1__resize_reply__init(reply);
	err = resize_do(c, r, edge, reply, &rr);
	if (err)
		return call_refuse_region(c, r, err, "npages", &rr);
	reply->npages = m->npages;
	c->reply.result_case = PALLOCD__V1__REPLY__RESULT_RESIZE;
	c->reply.resize = reply;
	return PALLOCD_OK;
}

enum pallocd_status split_serve(struct call *c)
{
	const Pallocd__V1__Split *m = c->req->split;
	Pallocd__V1__SplitReply *reply = call_take(c, 1, sizeof(*reply));
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct region *r;
	int err;

	if (!reply)
		return call_no_memory(c);
	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	pallocd__v1__split_reply__init(reply);
	err = region_split(r, c->conn->session, m->addr, &reply->addr, &reply->npages,
			   &reply->upper_npages, &rr);
	if (err)
		return call_refuse_region(c, r, err, "addr", &rr);
	c->reply.result_case = PALLOCD__V1__REPLY__RESULT_SPLIT;
	c->reply.split = reply;
	return PALLOCD_OK;
}

enum pallocd_status join_serve(struct call *c)
{
	const Pallocd__V1__Join *m = c->req->join;
	Pallocd__V1__JoinReply *reply = call_take(c, 1, sizeof(*reply));
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct region *r;
	uint32_t n;
	int err;

	if (!reply)
		return call_no_memory(c);
	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	err = region_join(r, c->conn->session, m->addr, m->npages, &n, &rr);
	if (err)
		return call_refuse_region(c, r, err, "npages", &rr);
	pallocd__v1__join_reply__init(reply);
	reply->nextents = n;
	c->reply.result_case = PALLOCD__V1__REPLY__RESULT_JOIN;
	c->reply.join = reply;
	return PALLOCD_OK;
}
