/*
 * call - look-ups and answers that all verbs share
 *
 * Role:       see call.h.
 * Uses:       base/, region/, rpc/verb.h, proto/
 */
#include "backing/backing.h"
#include "rpc/verb.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/*
 * Turns that a request waits for what ended sessions give back: the shortest slices in so many turns come to a million extents. More
 * than that only comes from sessions that end all the time, and is not worth waiting for.
 */
#define RECLAIM_TURNS_MAX 20000u

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
	c->rpc->counters.quota_refusals += status == PALLOCD_QUOTA;
	return status;
}

void call_say_more(struct call *c, const char *fmt, ...)
{
	size_t n = strlen(c->message);
	va_list args;

	va_start(args, fmt);
	vsnprintf(c->message + n, sizeof(c->message) - n, fmt, args);
	va_end(args);
}

enum pallocd_status call_refuse_right(struct call *c, const struct region *r, unsigned right)
{
	const char *name = right ? access_right_name((enum access_right)right) : "any";

	return call_refuse(c, PALLOCD_DENIED, name,
			   "uid %u has not %s%s%s in region %s: the administrator gives rights "
			   "with an Allow= line of the region",
			   (unsigned)c->conn->peer.uid, right ? "the right '" : "any right",
			   right ? name : "", right ? "'" : "", r->name);
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

static enum pallocd_status refuse_generation(struct call *c, const struct region *r, uint32_t id)
{
	c->refusal.asked = id;
	if (id > region_wire_id(r))
		return call_refuse(c, PALLOCD_NO_REGION, "region_id",
				   "there is no region with id %" PRIu32
				   ": ListRegions names those that there are",
				   id);
	return call_refuse(c, PALLOCD_STALE, "region_id",
			   "the memory that region %s had under the id %" PRIu32
			   " is gone, and what was held of it: its id is %" PRIu32
			   " now, and all of it is to be taken anew",
			   r->name, id, region_wire_id(r));
}

enum pallocd_status call_region(struct call *c, uint32_t id, const char *name,
				struct region **ret_region)
{
	const struct session *s = c->conn->session;
	struct region *r;
	unsigned right;

	r = id ? regions_by_number(c->rpc->regions, REGION_WIRE_NUMBER(id))
	       : regions_by_name(c->rpc->regions, name);
	if (UNLIKELY(id && r && id != region_wire_id(r)))
		return refuse_generation(c, r, id);
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
		if (call_text(c, "region", name, PALLOCD_NAME_BYTES_MAX))
			name = "(no name that a region can have)";
		return call_refuse(
			c, PALLOCD_NO_REGION, "region",
			"there is no region '%s': ListRegions names those that there are", name);
	}
	c->region = r;
	right = c->verb->right;
	if (UNLIKELY(right ? !session_may(s, r, right) : !s->rights[r->id - 1]))
		return call_refuse_right(c, r, right);
	*ret_region = r;
	if (UNLIKELY(c->conn->repeats | c->rpc->refusing) && c->verb->changes)
		return call_changes(c, r);
	return PALLOCD_OK;
}

/* Is it refused because somebody holds too much, in the right place, or by that name? */
static bool is_held(int err)
{
	switch (err) {
	case REGION_E_NO_SPACE:
	case REGION_E_NOT_FREE:
	case REGION_E_IN_USE:
	case REGION_E_QUOTA:
	case REGION_E_NAME_TAKEN:
		return true;
	default:
		return false;
	}
}

bool call_reclaim(struct call *c, int err)
{
	if (!is_held(err) || list_empty(&c->rpc->regions->sessions[SESSION_ENDING]))
		return false;
	if (c->reclaimed) {
		if (c->conn->nturns < RECLAIM_TURNS_MAX)
			call_again(c);
		return false;
	}
	c->reclaimed = true;
	work_reclaim(c->rpc);
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

/* The wire counts the rights from 1, in the order of their bits. */
static enum pallocd_status fill_rights(struct call *c, const struct region *r,
				       Pallocd__V1__Region *ret)
{
	unsigned rights = c->conn->session->rights[r->id - 1];

	ret->rights = call_take(c, (size_t)__builtin_popcount(rights), sizeof(*ret->rights));
	if (!ret->rights)
		return call_no_memory(c);
	for (int i = 0; rights >> i; i++) {
		if (rights >> i & 1)
			ret->rights[ret->n_rights++] = (Pallocd__V1__Right)(i + 1);
	}
	return PALLOCD_OK;
}

enum pallocd_status call_fill_region(struct call *c, const struct region *r,
				     Pallocd__V1__Region *ret)
{
	pallocd__v1__region__init(ret);
	ret->id = region_wire_id(r);
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
	ret->death = (Pallocd__V1__DeathPolicy)r->death;
	ret->quarantine_msec = r->quarantine_usec / 1000;
	ret->low_npages = r->low_npages;
	ret->durability = (Pallocd__V1__Durability)r->durability;
	ret->generation = r->generation;
	if (r->backing) {
		const struct backing_info *info = backing_info(r->backing);

		ret->backing = (Pallocd__V1__Backing)info->kind;
		ret->backing_page_bytes = info->page_bytes;
		ret->releases = info->releases;
		ret->sanitize = r->sanitize;
		ret->commit = r->commit_now ? PALLOCD__V1__COMMIT__COMMIT_NOW
					    : PALLOCD__V1__COMMIT__COMMIT_LAZY;
	}
	return fill_rights(c, r, ret);
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
