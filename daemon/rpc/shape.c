/*
 * shape - Resize, Split, Join
 *
 * Role:       what gives an extent that is held another length, or makes two of one and one of several. Whose they are stays.
 * Uses:       rpc/verb.h
 */
#include "rpc/memory.h"
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

/* The pages that it grows by are on their way. */
static enum pallocd_status resize_go_on(struct call *c, struct region *r, enum region_edge edge)
{
	const Pallocd__V1__Resize *m = c->req->resize;
	Pallocd__V1__ResizeReply *reply = c->reply.resize;
	struct region_pending *p = memory_pending(c->conn);
	struct region_refusal rr = {0};
	enum pallocd_status status;
	int err;

	status = memory_check(c);
	if (status || c->waits)
		return status;
	reply->npages = m->npages;
	reply->scavenged_npages = p->scavenged_npages;
	reply->cleared_npages = memory_cleared(c->conn);
	err = pending_finish_beside(p, c->conn->session, m->addr, m->npages, edge, &reply->addr,
				    &rr);
	if (!err) {
		r->counters.cleared += reply->cleared_npages;
		memory_took(c->conn);
		return PALLOCD_OK;
	}
	memory_end(c->conn);
	/* The extent has another length by now: all over again. */
	return err == REGION_E_BUSY ? call_again(c) : call_refuse_region(c, r, err, "npages", &rr);
}

/* Where the memory matters, and pages are added. Return: whether that was so; else it is a Resize as any other. */
static bool resize_memory(struct call *c, struct region *r, enum region_edge edge,
			  enum pallocd_status *ret_status)
{
	const struct memory_wish wish = {.commit = r->commit_now, .zero = r->sanitize};
	const Pallocd__V1__Resize *m = c->req->resize;
	struct region_pending *pending = NULL;
	struct region_refusal rr = {0};
	int err;

	if (c->conn->memory) {
		*ret_status = resize_go_on(c, r, edge);
		return true;
	}
	do {
		err = region_take_beside(r, c->conn->session, m->addr, m->npages, edge, &pending,
					 &rr);
	} while (err && call_reclaim(c, err));
	if (err) {
		*ret_status = call_refuse_region(c, r, err, "npages", &rr);
		return true;
	}
	if (!pending)
		return false;
	*ret_status = memory_begin(c, pending, &wish);
	if (!*ret_status && !c->waits)
		*ret_status = resize_go_on(c, r, edge);
	return true;
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
	if (UNLIKELY(r->commit_now || r->sanitize) && resize_memory(c, r, edge, &status))
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
