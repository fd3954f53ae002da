/*
 * model - who should hold what
 *
 * Role:       see model.h.
 * Uses:       tests/unit/wire.h
 */
#include "tests/e2e/deaths/model.h"

#include <inttypes.h>

struct model_extent *model_add(struct model *m, const struct model_extent *e)
{
	WIRE_MUST(m->n < MODEL_EXTENTS_MAX, "the model is full");
	m->extents[m->n] = *e;
	return &m->extents[m->n++];
}

void model_remove(struct model *m, unsigned i)
{
	m->extents[i] = m->extents[--m->n];
}

/* Return: false if it is free then. */
static bool victims_extent_dies(struct model_extent *e)
{
	if (e->region == REGION_KEEP) {
		e->owner = OWNER_USER;
		return true;
	}
	e->owner = OWNER_OBSERVER;
	if (!e->observer_shares)
		return false;
	e->observer_shares = false;
	return true;
}

void model_victim_dies(struct model *m)
{
	for (unsigned i = m->n; i-- > 0;) {
		struct model_extent *e = &m->extents[i];

		e->victim_shares = false;
		if (e->owner == OWNER_VICTIM && !victims_extent_dies(e))
			model_remove(m, i);
	}
}

static const struct model_extent *find(const struct model *m, unsigned region, uint64_t addr)
{
	for (unsigned i = 0; i < m->n; i++) {
		if (m->extents[i].region == region && m->extents[i].addr == addr)
			return &m->extents[i];
	}
	return NULL;
}

static void compare_extent(const struct model *m, unsigned region,
			   const Pallocd__V1__Extent *listed)
{
	const struct model_extent *e = find(m, region, listed->addr);
	uint64_t session;
	unsigned nholders;

	WIRE_MUST(e,
		  "region %u: the extent at %#" PRIx64 " (%" PRIu64 " pages, session %" PRIu64
		  ") should be free",
		  region, listed->addr, listed->npages, listed->session);
	session = e->owner == OWNER_OBSERVER ? m->observer : 0;
	nholders = 1u + e->observer_shares + e->victim_shares;
	WIRE_MUST(listed->npages == e->npages && listed->session == session &&
			  listed->nholders == nholders && !strcmp(listed->name, e->name) &&
			  !listed->quarantined && listed->uid == getuid(),
		  "region %u, extent at %#" PRIx64 ": %" PRIu64 " pages, session %" PRIu64
		  ", %u holders, name '%s', quarantined %d; wanted %" PRIu64
		  " pages, session %" PRIu64 ", %u holders, name '%s'",
		  region, listed->addr, listed->npages, listed->session, listed->nholders,
		  listed->name, listed->quarantined, e->npages, session, nholders, e->name);
}

static unsigned compare_part(const struct model *m, int fd, unsigned region, uint64_t *lowest,
			     bool *ret_more)
{
	Pallocd__V1__List list = PALLOCD__V1__LIST__INIT;
	Reply *reply;
	unsigned n;

	list.region_id = region;
	list.lowest_addr = *lowest;
	reply = wire_call(fd, &REQUEST(5, LIST, list, &list));
	WIRE_MUST(!reply->status, "%s", reply->message);
	for (size_t i = 0; i < reply->list->n_extents; i++)
		compare_extent(m, region, reply->list->extents[i]);
	n = (unsigned)reply->list->n_extents;
	*ret_more = reply->list->more;
	*lowest = reply->list->next_addr;
	wire_done(reply);
	return n;
}

static void compare_pages(const struct model *m, int fd, unsigned region)
{
	Pallocd__V1__Stat stat = PALLOCD__V1__STAT__INIT;
	uint64_t npages = 0, used;
	Reply *reply;

	for (unsigned i = 0; i < m->n; i++)
		npages += m->extents[i].region == region ? m->extents[i].npages : 0;
	stat.region_id = region;
	reply = wire_call(fd, &REQUEST(4, STAT, stat, &stat));
	WIRE_MUST(!reply->status, "%s", reply->message);
	used = reply->stat->region->grown_npages - reply->stat->region->free_npages;
	WIRE_MUST(used == npages, "region %u: %" PRIu64 " pages in use, wanted %" PRIu64, region,
		  used, npages);
	wire_done(reply);
}

void model_compare(const struct model *m, int fd)
{
	unsigned n = 0;

	for (unsigned region = REGION_FREE; region <= REGION_FULL; region++) {
		uint64_t lowest = 0;
		bool more = true;

		while (more)
			n += compare_part(m, fd, region, &lowest, &more);
		compare_pages(m, fd, region);
	}
	WIRE_MUST(n == m->n, "%u extents are listed, wanted %u", n, m->n);
}
