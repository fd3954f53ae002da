/*
 * call - refusals and look-ups that all verbs share
 *
 * Role:       see call.h. The one place where outcomes of region/ become statuses.
 * Uses:       base/, region/, proto/
 */
#include "rpc/call.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum pallocd_status call_refuse(struct call *c, enum pallocd_status status, const char *field,
				const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(c->message, sizeof(c->message), fmt, args);
	va_end(args);
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
	if (m->strategy != PALLOCD__V1__STRATEGY__FIRST &&
	    m->strategy != PALLOCD__V1__STRATEGY__LAST) {
		c->refusal.asked = (uint64_t)m->strategy;
		return call_refuse(c, PALLOCD_INVALID, "strategy",
				   "strategy %d is not known: FIRST is 0, LAST 1",
				   (int)m->strategy);
	}
	ret->last = m->strategy == PALLOCD__V1__STRATEGY__LAST;
	return PALLOCD_OK;
}

static enum pallocd_status refuse_space(struct call *c, const struct region *r, const char *field)
{
	const Pallocd__V1__Refusal *f = &c->refusal;

	return call_refuse(c, PALLOCD_NO_SPACE, field,
			   "region %s has no room for %" PRIu64 " pages: %" PRIu64
			   " are free, the longest run has %" PRIu64 ", it may grow by %" PRIu64
			   "%s",
			   r->name, f->asked, f->free_npages, f->largest_npages, f->growable_npages,
			   f->growable_npages == 0    ? ""
			   : r->auto_grow_npages == 0 ? " (by Grow; it has no auto-grow)"
						      : "");
}

static enum pallocd_status refuse_addr(struct call *c, const struct region *r, int err)
{
	uint64_t addr = c->refusal.addr;
	uint32_t i = c->refusal.index;

	switch (err) {
	case REGION_E_OUT_OF_REGION:
		return call_refuse(c, PALLOCD_OUT_OF_REGION, "addr",
				   "entry %" PRIu32 ": address %#" PRIx64
				   " is not in region %s, which goes from %#" PRIx64
				   " up to %#" PRIx64,
				   i, addr, r->name, r->base_addr, region_addr(r, r->limit_npages));
	case REGION_E_UNALIGNED:
		return call_refuse(c, PALLOCD_UNALIGNED, "addr",
				   "entry %" PRIu32 ": address %#" PRIx64
				   " is not the beginning of a page of %" PRIu64 " bytes",
				   i, addr, region_page_size(r));
	case REGION_E_NOT_FREE:
		return call_refuse(c, PALLOCD_NOT_FREE, "addr",
				   "the page at %#" PRIx64
				   " of region %s is not free, or not grown: the %" PRIu64
				   " pages can't be where they were asked for",
				   addr, r->name, c->refusal.asked);
	case REGION_E_NOT_OWNER:
		return call_refuse(c, PALLOCD_NOT_OWNER, "addr",
				   "entry %" PRIu32 ": the page at %#" PRIx64
				   " of region %s is held by another owner",
				   i, addr, r->name);
	default:
		return call_refuse(c, PALLOCD_NOT_ALLOCATED, "addr",
				   "entry %" PRIu32 ": the page at %#" PRIx64
				   " of region %s is not allocated, or the request names it twice",
				   i, addr, r->name);
	}
}

enum pallocd_status call_refuse_region(struct call *c, const struct region *r, int err,
				       const char *field, const struct region_refusal *rr)
{
	if (err < 0)
		return call_no_memory(c);
	c->refusal.index = rr->index;
	c->refusal.asked = rr->asked;
	c->refusal.limit = rr->limit;
	c->refusal.free_npages = rr->free_npages;
	c->refusal.largest_npages = rr->largest_npages;
	c->refusal.growable_npages = rr->growable_npages;
	c->refusal.addr = rr->addr;
	c->refusal.placed_npages = rr->placed_npages;
	switch (err) {
	case REGION_E_NO_SPACE:
		return refuse_space(c, r, field);
	case REGION_E_LIMIT:
		return call_refuse(c, PALLOCD_LIMIT, field,
				   "entry %" PRIu32 ": %" PRIu64 " pages are more than the %" PRIu64
				   " that region %s allows",
				   rr->index, rr->asked, rr->limit, r->name);
	case REGION_E_EMPTY:
		return call_refuse(c, PALLOCD_INVALID, field,
				   "entry %" PRIu32 ": 0 pages: at least 1 must be named",
				   rr->index);
	case REGION_E_PLACEMENT:
		if (rr->addr)
			return call_refuse(c, PALLOCD_INVALID, rr->field, "%s: %#" PRIx64 " %s",
					   rr->field, rr->addr, rr->why);
		return call_refuse(c, PALLOCD_INVALID, rr->field, "%s: %" PRIu64 " %s", rr->field,
				   rr->asked, rr->why);
	case REGION_E_FAULTED:
		return call_refuse(c, PALLOCD_FAULTED, "",
				   "region %s is closed because its state is inconsistent (%s): "
				   "the daemon's log says more",
				   r->name, r->fault);
	default:
		return refuse_addr(c, r, err);
	}
}
