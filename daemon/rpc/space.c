/*
 * space - Grow, Shrink, Drain, Reserve
 *
 * Role:       what changes the address space of a region itself: what there is of it, and what nobody may get.
 * Uses:       rpc/verb.h
 */
#include "rpc/verb.h"

_Static_assert(REGION_IN_USE_MAX == PALLOCD_IN_USE_EXTENTS_MAX,
	       "the protocol says how many are listed");

enum pallocd_status grow_serve(struct call *c)
{
	const Pallocd__V1__Grow *m = c->req->grow;
	Pallocd__V1__GrowReply *reply = c->reply.grow;
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct region *r;
	int err;

	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	err = region_grow(r, m->addr, m->npages, &reply->addr, &reply->npages, &rr);
	if (err)
		return call_refuse_region(c, r, err, err == REGION_E_CHUNKS ? "addr" : "npages",
					  &rr);
	reply->grown_npages = r->grown_npages;
	return PALLOCD_OK;
}

enum pallocd_status shrink_serve(struct call *c)
{
	const Pallocd__V1__Shrink *m = c->req->shrink;
	Pallocd__V1__ShrinkReply *reply = c->reply.shrink;
	struct region_in_use *in_use = call_take(c, 1, sizeof(*in_use));
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct region *r;
	int err;

	if (!in_use)
		return call_no_memory(c);
	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	do {
		err = region_shrink(r, m->addr, m->npages, &reply->addr, &reply->npages, in_use,
				    &rr);
	} while (err && call_reclaim(c, err));
	if (err == REGION_E_IN_USE)
		return call_refuse_in_use(c, r, &rr, in_use);
	if (err)
		return call_refuse_region(c, r, err, "npages", &rr);
	reply->grown_npages = r->grown_npages;
	return PALLOCD_OK;
}

enum pallocd_status drain_serve(struct call *c)
{
	const Pallocd__V1__Drain *m = c->req->drain;
	Pallocd__V1__DrainReply *reply = c->reply.drain;
	struct region_in_use *in_use = call_take(c, 1, sizeof(*in_use));
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct region *r;
	int err;

	if (!in_use)
		return call_no_memory(c);
	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	err = region_drain(r, m->addr, m->npages, m->undo, in_use, &rr);
	if (err)
		return call_refuse_region(c, r, err, "npages", &rr);
	reply->nextents = in_use->nextents;
	reply->npages = in_use->npages;
	reply->extent_addr = in_use->addr;
	reply->extent_npages = in_use->extent_npages;
	reply->n_extent_addr = reply->n_extent_npages = in_use->n;
	return PALLOCD_OK;
}

enum pallocd_status reserve_serve(struct call *c)
{
	const Pallocd__V1__Reserve *m = c->req->reserve;
	Pallocd__V1__ReserveReply *reply = c->reply.reserve;
	struct region_in_use *in_use = call_take(c, 1, sizeof(*in_use));
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct region *r;
	int err;

	if (!in_use)
		return call_no_memory(c);
	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	do {
		err = region_reserve(r, m->addr, m->npages, m->undo, in_use, &rr);
	} while (err && call_reclaim(c, err));
	if (err == REGION_E_IN_USE)
		return call_refuse_in_use(c, r, &rr, in_use);
	if (err)
		return call_refuse_region(c, r, err, "npages", &rr);
	reply->nranges = region_nreserved(r);
	return PALLOCD_OK;
}
