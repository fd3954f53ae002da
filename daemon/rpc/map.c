/*
 * map - Map
 *
 * Role:       the picture of a region: how many pages are held, cell by cell.
 * Uses:       region/, rpc/verb.h
 */
#include <inttypes.h>

#include "rpc/verb.h"

/*
 * Pages that one Map may count, so that no request stalls the loop: 2^26 pages are 2^20 words of bitmap, well under a
 * millisecond. A reply that stands for fewer pages than asked for says so, and the client asks on.
 */
#define MAP_COUNTED_NPAGES_MAX (UINT64_C(1) << 26)

#define MAP_CELLS_DEFAULT 1024u

/* The part of the region that a Map asks for, in pages. */
struct map_view {
	uint64_t first;
	uint64_t npages;
	uint64_t cell_npages;
	uint64_t ncells;
};

static enum pallocd_status map_range(struct call *c, const struct region *r, struct map_view *ret)
{
	const Pallocd__V1__Map *m = c->req->map;
	uint64_t addr = m->addr ? m->addr : r->base_addr, page, end;

	c->refusal.addr = addr;
	if (addr < r->base_addr || (addr - r->base_addr) >> r->page_shift >= r->limit_npages)
		return call_refuse(c, PALLOCD_OUT_OF_REGION, "addr",
				   "address %#" PRIx64
				   " is not in region %s, which goes from %#" PRIx64
				   " up to %#" PRIx64,
				   addr, r->name, r->base_addr, region_addr(r, r->limit_npages));
	if ((addr - r->base_addr) & (region_page_size(r) - 1))
		return call_refuse(c, PALLOCD_UNALIGNED, "addr",
				   "address %#" PRIx64 " is not the beginning of a page of %" PRIu64
				   " bytes",
				   addr, region_page_size(r));
	page = (addr - r->base_addr) >> r->page_shift;
	if (m->npages > r->limit_npages - page) {
		c->refusal.asked = m->npages;
		c->refusal.limit = r->limit_npages - page;
		return call_refuse(c, PALLOCD_OUT_OF_REGION, "npages",
				   "from %#" PRIx64 " region %s has %" PRIu64
				   " pages, not %" PRIu64,
				   addr, r->name, r->limit_npages - page, m->npages);
	}
	ret->first = page;
	ret->npages = m->npages;
	end = r->end_npages;
	if (m->npages == 0 && page < end)
		ret->npages = end - page;
	return PALLOCD_OK;
}

static enum pallocd_status map_cells(struct call *c, const struct region *r, struct map_view *v)
{
	uint64_t ncells = c->req->map->ncells ? c->req->map->ncells : MAP_CELLS_DEFAULT;
	uint64_t end = r->end_npages, counted = v->npages;

	if (ncells > PALLOCD_MAP_CELLS_MAX) {
		c->refusal.asked = ncells;
		c->refusal.limit = PALLOCD_MAP_CELLS_MAX;
		return call_refuse(c, PALLOCD_LIMIT, "ncells", "%" PRIu64 " cells: %u are allowed",
				   ncells, PALLOCD_MAP_CELLS_MAX);
	}
	v->cell_npages = (v->npages + ncells - 1) / ncells;
	/* One cell must not be more than may be counted, nor all cells together; what is not grown costs nothing. */
	if (end <= v->first)
		counted = 0;
	else if (counted > end - v->first)
		counted = end - v->first;
	if (counted > r->grown_npages)
		counted = r->grown_npages;
	if (counted > MAP_COUNTED_NPAGES_MAX) {
		if (v->cell_npages > MAP_COUNTED_NPAGES_MAX)
			v->cell_npages = MAP_COUNTED_NPAGES_MAX;
		v->npages = MAP_COUNTED_NPAGES_MAX / v->cell_npages * v->cell_npages;
	}
	v->ncells = v->npages ? (v->npages + v->cell_npages - 1) / v->cell_npages : 0;
	return PALLOCD_OK;
}

static enum pallocd_status map_count(struct call *c, const struct region *r,
				     const struct map_view *v, Pallocd__V1__MapReply *reply)
{
	uint64_t grown = 0;

	reply->used_npages = call_take(c, v->ncells, sizeof(uint64_t));
	reply->grown_npages = call_take(c, v->ncells, sizeof(uint64_t));
	reply->scavenged_npages = call_take(c, v->ncells, sizeof(uint64_t));
	if (!reply->used_npages || !reply->grown_npages || !reply->scavenged_npages)
		return call_no_memory(c);
	for (uint64_t i = 0; i < v->ncells; i++) {
		uint64_t at = i * v->cell_npages, n = v->npages - at;

		region_count(r, v->first + at, n < v->cell_npages ? n : v->cell_npages,
			     &reply->grown_npages[i], &reply->used_npages[i],
			     &reply->scavenged_npages[i]);
		grown += reply->grown_npages[i];
	}
	c->rpc->cost += v->ncells / 16 + grown / RPC_COST_NPAGES;
	reply->n_used_npages = v->ncells;
	reply->n_grown_npages = v->ncells;
	reply->n_scavenged_npages = v->ncells;
	reply->addr = region_addr(r, v->first);
	reply->cell_npages = v->cell_npages;
	reply->npages = v->npages;
	return PALLOCD_OK;
}

enum pallocd_status map_serve(struct call *c)
{
	const Pallocd__V1__Map *m = c->req->map;
	Pallocd__V1__MapReply *reply = c->reply.map;
	enum pallocd_status status;
	struct map_view v = {0};
	struct region *r;

	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	status = map_range(c, r, &v);
	if (status)
		return status;
	status = map_cells(c, r, &v);
	if (status)
		return status;
	status = map_count(c, r, &v, reply);
	if (status)
		return status;
	return PALLOCD_OK;
}
