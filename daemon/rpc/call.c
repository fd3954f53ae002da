/*
 * call - look-ups and answers that all verbs share
 *
 * Role:       see call.h.
 * Uses:       base/, region/, proto/
 */
#include "rpc/call.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum pallocd_status call_refuse(struct call *c, enum pallocd_status status, const char *field,
				const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(c->message, sizeof(c->message), fmt, args);
	va_end(args);
	return call_refused(c, status, field);
}

enum pallocd_status call_refused(struct call *c, enum pallocd_status status, const char *field)
{
	c->reply.status = (Pallocd__V1__Status)status;
	c->reply.message = c->message;
	c->reply.refusal = &c->refusal;
	/* protobuf-c does not write through it. */
	c->refusal.field = (char *)(uintptr_t)field;
	return status;
}

enum pallocd_status call_no_memory(struct call *c)
{
	return call_refuse(c, PALLOCD_NO_MEMORY, "",
			   "the daemon has no memory for this request: try again later");
}

void *call_take(struct call *c, size_t n, size_t size)
{
	void *p = arena_take(&c->rpc->arena, n * size);

	if (p)
		memset(p, 0, n * size);
	return p;
}

enum pallocd_status call_region(struct call *c, uint32_t id, const char *name,
				struct region **ret_region)
{
	struct region *r;

	r = id ? regions_by_id(c->rpc->regions, id) : regions_by_name(c->rpc->regions, name);
	if (UNLIKELY(!r)) {
		c->refusal.asked = id;
		if (id)
			return call_refuse(c, PALLOCD_NO_REGION, "region_id",
					   "there is no region with id %" PRIu32
					   ": ListRegions names those that there are",
					   id);
		if (!*name)
			return call_refuse(c, PALLOCD_NO_REGION, "region",
					   "the request names no region: set region_id or region");
		return call_refuse(
			c, PALLOCD_NO_REGION, "region",
			"there is no region '%.*s': ListRegions names those that there are",
			(int)PALLOCD_NAME_BYTES_MAX, name);
	}
	*ret_region = r;
	return PALLOCD_OK;
}

bool call_reclaim(struct call *c)
{
	if (list_empty(&c->rpc->regions->ending))
		return false;
	regions_reclaim(c->rpc->regions, UINT32_MAX);
	return true;
}

enum pallocd_status call_measured(struct call *c, enum pallocd_status (*serve)(struct call *c))
{
	uint64_t begin = clock_usec();
	enum pallocd_status status = serve(c);

	c->rpc->cost += (clock_usec() - begin) * RPC_COST_PER_USEC;
	return status;
}

enum pallocd_status call_again(struct call *c)
{
	c->again = true;
	return PALLOCD_OK;
}

void call_fill_region(const struct region *r, Pallocd__V1__Region *ret)
{
	pallocd__v1__region__init(ret);
	ret->id = r->id;
	/* protobuf-c does not write through it. */
	ret->name = (char *)(uintptr_t)r->name;
	ret->base_addr = r->base_addr;
	ret->page_size_bytes = region_page_size(r);
	ret->limit_npages = r->limit_npages;
	ret->grown_npages = r->grown_npages;
	ret->free_npages = region_free_npages(r);
	ret->auto_grow_npages = r->auto_grow_npages;
	ret->faulted = r->faulted;
	ret->held_npages = region_held_npages(r);
	ret->best_fit = r->best_fit;
}

enum pallocd_status call_placement(struct call *c, const Pallocd__V1__Placement *m,
				   struct region_placement *ret)
{
	*ret = (struct region_placement){
		.align_npages = m->align_npages,
		.boundary_npages = m->boundary_npages,
		.lowest_addr = m->lowest_addr,
		.limit_addr = m->limit_addr,
		.addr = m->addr,
	};
	switch ((int)m->rule) {
	case PALLOCD__V1__RULE__ANYWHERE:
		ret->rule = REGION_ANYWHERE;
		break;
	case PALLOCD__V1__RULE__FIXED:
		ret->rule = REGION_FIXED;
		break;
	case PALLOCD__V1__RULE__HINT:
		ret->rule = REGION_HINT;
		break;
	default:
		c->refusal.asked = (uint64_t)m->rule;
		return call_refuse(c, PALLOCD_INVALID, "rule",
				   "rule %d is not known: ANYWHERE is 0, FIXED 1, HINT 2",
				   (int)m->rule);
	}
	switch ((int)m->strategy) {
	case PALLOCD__V1__STRATEGY__FIRST:
		ret->strategy = PAGEALLOC_FIRST;
		break;
	case PALLOCD__V1__STRATEGY__LAST:
		ret->strategy = PAGEALLOC_LAST;
		break;
	case PALLOCD__V1__STRATEGY__BEST:
		ret->strategy = PAGEALLOC_BEST;
		break;
	default:
		c->refusal.asked = (uint64_t)m->strategy;
		return call_refuse(c, PALLOCD_INVALID, "strategy",
				   "strategy %d is not known: FIRST is 0, LAST 1, BEST 2",
				   (int)m->strategy);
	}
	return PALLOCD_OK;
}
