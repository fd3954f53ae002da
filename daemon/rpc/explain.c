/*
 * explain - Why and Fit
 *
 * Role:       what an Alloc would do, without doing it. These walk over free runs: what they cost is counted, so that others
 *             have their turn.
 * Uses:       rpc/call.h
 */
#include "rpc/call.h"

/* What a walk over the free runs of a region costs, in plain requests: a guess from above, by what is grown. */
static uint64_t walk_cost(const struct region *r)
{
	return 1 + r->grown_npages / RPC_COST_NPAGES;
}

/* The region and the placement that a question is about. */
static enum pallocd_status question_get(struct call *c, uint32_t id, const char *name,
					const Pallocd__V1__Placement *m, struct region **ret_region,
					struct region_placement *ret)
{
	enum pallocd_status status = call_region(c, id, name, ret_region);

	*ret = (struct region_placement){0};
	if (!status && m)
		status = call_placement(c, m, ret);
	if (!status)
		c->rpc->cost += walk_cost(*ret_region);
	return status;
}

static void why_fill(const struct region *r, const struct region_why *why, uint64_t npages,
		     Pallocd__V1__WhyReply *ret)
{
	ret->fits = why->fits;
	ret->addr = why->addr;
	ret->grow_npages = why->grow_npages;
	ret->free_npages = region_free_npages(r);
	ret->largest_npages = region_largest_npages(r);
	ret->placed_npages = why->placed_npages;
	ret->growable_npages = region_growable_npages(r);
	if (!why->fits && npages > why->placed_npages)
		ret->short_npages = npages - why->placed_npages;
}

enum pallocd_status why_serve(struct call *c)
{
	const Pallocd__V1__Why *m = c->req->why;
	Pallocd__V1__WhyReply *reply = call_take(c, 1, sizeof(*reply));
	struct region_placement p;
	struct region_refusal rr = {0};
	struct region_why why;
	enum pallocd_status status;
	struct region *r;
	int err;

	if (!reply)
		return call_no_memory(c);
	status = question_get(c, m->region_id, m->region, m->placement, &r, &p);
	if (status)
		return status;
	err = region_why(r, m->npages, &p, &why, &rr);
	if (err)
		return call_refuse_region(c, r, err, "npages", &rr);
	pallocd__v1__why_reply__init(reply);
	why_fill(r, &why, m->npages, reply);
	c->reply.result_case = PALLOCD__V1__REPLY__RESULT_WHY;
	c->reply.why = reply;
	return PALLOCD_OK;
}

enum pallocd_status fit_serve(struct call *c)
{
	const Pallocd__V1__Fit *m = c->req->fit;
	Pallocd__V1__FitReply *reply = call_take(c, 1, sizeof(*reply));
	struct region_placement p;
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct region *r;
	int err;

	if (!reply)
		return call_no_memory(c);
	status = question_get(c, m->region_id, m->region, m->placement, &r, &p);
	if (status)
		return status;
	/* How many fit does not depend on where one of them is wanted. */
	p.rule = REGION_ANYWHERE;
	pallocd__v1__fit_reply__init(reply);
	err = region_fit(r, m->npages, &p, &reply->nextents, &rr);
	if (err)
		return call_refuse_region(c, r, err, "npages", &rr);
	c->reply.result_case = PALLOCD__V1__REPLY__RESULT_FIT;
	c->reply.fit = reply;
	return PALLOCD_OK;
}
