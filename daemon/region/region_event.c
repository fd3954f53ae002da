/*
 * region_event - what a region tells those who watch
 *
 * Role:       fills in events about extents and ranges, and notices when space runs low. Comes here only where somebody watches,
 *             or where the region has a low mark.
 * Uses:       pagealloc/, region/
 */
#include "region/region.h"
#include "region/region_private.h"
#include "region/session.h"

/* @e has its kind. */
static void about_extent(const struct region *r, struct event *e, const struct holding *h,
			 uint64_t addr, uint64_t npages)
{
	e->region_id = r->id;
	e->addr = addr;
	e->npages = npages;
	if (h->owner)
		e->uid = h->owner->uid;
	if (h->owner && !h->owner->detached) {
		const struct session *s = CONTAINER_OF(h->owner, struct session, owner);

		e->session = s->id;
		e->pid = (uint32_t)s->pid;
	}
	events_put(r->events, e);
}

void event_extent_put(const struct region *r, enum event_kind kind, const struct holding *h,
		      uint64_t page, uint64_t npages)
{
	about_extent(r, &(struct event){.kind = (uint8_t)kind}, h, region_addr(r, page), npages);
}

void event_taken_put(const struct region *r, const struct holding *h, uint64_t addr,
		     uint64_t npages, bool first_fit)
{
	about_extent(r, &(struct event){.kind = EVENT_ALLOC, .first_fit = first_fit}, h, addr,
		     npages);
}

void event_range_put(const struct region *r, enum event_kind kind, uint64_t page, uint64_t npages)
{
	events_put(r->events, &(struct event){.kind = (uint8_t)kind,
					      .region_id = r->id,
					      .addr = region_addr(r, page),
					      .npages = npages});
}

/* Above this, space that was low is so no more: an eighth above the mark, so that an alloc and a free around it say nothing. */
static uint64_t enough_npages(const struct region *r)
{
	uint64_t npages = r->low_npages + r->low_npages / 8;

	return npages < r->limit_npages ? npages : r->limit_npages;
}

/* What there is to be had. */
static uint64_t space_npages(const struct region *r)
{
	return region_free_npages(r) + (r->auto_grow_npages ? region_growable_npages(r) : 0);
}

void space_settle(struct region *r)
{
	r->low = space_npages(r) < r->low_npages;
}

void space_watch(struct region *r)
{
	uint64_t npages = space_npages(r);

	if (LIKELY(r->low ? npages < enough_npages(r) : npages >= r->low_npages))
		return;
	r->low = !r->low;
	r->wanted |= r->low;
	events_emit(r->events, &(struct event){.kind = r->low ? EVENT_SPACE_LOW : EVENT_SPACE_OK,
					       .region_id = r->id,
					       .npages = npages,
					       .limit = r->low_npages});
}
