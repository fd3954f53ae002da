/*
 * pages - Alloc, Free, Map
 *
 * Role:       what takes and gives back pages, and the picture of them. Alloc and Free are the hot path: no message is built
 *             for their replies.
 * Uses:       rpc/call.h
 */
#include <inttypes.h>

#include "rpc/call.h"

/*
 * Pages that one Map may count, so that no request stalls the loop: 2^26 pages are 2^20 words of bitmap, well under a
 * millisecond. A reply that stands for fewer pages than asked for says so, and the client asks on.
 */
#define MAP_COUNTED_NPAGES_MAX (UINT64_C(1) << 26)

#define MAP_CELLS_DEFAULT 1024u

static enum pallocd_status batch_check(struct call *c, size_t n, const char *field)
{
	if (UNLIKELY(n == 0))
		return call_refuse(c, PALLOCD_INVALID, field,
				   "no entry: at least one must be named");
	if (UNLIKELY(n > PALLOCD_BATCH_EXTENTS_MAX)) {
		c->refusal.asked = n;
		c->refusal.limit = PALLOCD_BATCH_EXTENTS_MAX;
		return call_refuse(c, PALLOCD_LIMIT, field,
				   "%zu entries: one request may have %u, use several", n,
				   PALLOCD_BATCH_EXTENTS_MAX);
	}
	return PALLOCD_OK;
}

static enum pallocd_status alloc_owner(struct call *c, int lifetime, struct owner **ret_owner)
{
	switch (lifetime) {
	case PALLOCD__V1__LIFETIME__SESSION:
		*ret_owner = &c->conn->session->owner;
		return PALLOCD_OK;
	case PALLOCD__V1__LIFETIME__DETACHED:
		if (regions_user(c->rpc->regions, c->conn->peer.uid, ret_owner))
			return call_no_memory(c);
		return PALLOCD_OK;
	default:
		c->refusal.asked = (uint64_t)lifetime;
		return call_refuse(c, PALLOCD_INVALID, "lifetime",
				   "lifetime %d is not known: SESSION is 0, DETACHED is 1",
				   lifetime);
	}
}

static int alloc_do(struct call *c, struct region *r, struct owner *o,
		    const struct region_placement *p, uint64_t *addr, struct region_refusal *rr)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	uint32_t n = (uint32_t)m->n_npages;
	int err;

	err = region_alloc(r, o, m->npages, n, p, addr, &c->quick_npages, rr);
	if (UNLIKELY(err == REGION_E_NO_SPACE || err == REGION_E_NOT_FREE) && call_reclaim(c))
		err = region_alloc(r, o, m->npages, n, p, addr, &c->quick_npages, rr);
	return err;
}

static enum pallocd_status scatter_check(struct call *c, const struct region_placement *p)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;

	if (m->n_npages != 1) {
		c->refusal.asked = m->scatter_extents;
		return call_refuse(c, PALLOCD_INVALID, "scatter_extents",
				   "%zu entries of npages: where several extents may meet it, a "
				   "request has one",
				   m->n_npages);
	}
	if (m->scatter_extents > PALLOCD_BATCH_EXTENTS_MAX) {
		c->refusal.asked = m->scatter_extents;
		c->refusal.limit = PALLOCD_BATCH_EXTENTS_MAX;
		return call_refuse(c, PALLOCD_LIMIT, "scatter_extents",
				   "%" PRIu32 " extents: a reply can name %u, use several requests",
				   m->scatter_extents, PALLOCD_BATCH_EXTENTS_MAX);
	}
	if (p && p->rule != REGION_ANYWHERE)
		return call_refuse(c, PALLOCD_INVALID, "rule",
				   "FIXED and HINT are for one extent: leave out the rule or "
				   "scatter_extents");
	return PALLOCD_OK;
}

/* As alloc_do(), with what may be met by up to @max extents. */
static int scattered_do(struct call *c, struct region *r, struct owner *o, uint32_t max,
			const struct region_placement *p, Pallocd__V1__AllocReply *reply,
			struct region_refusal *rr)
{
	uint64_t npages = c->req->alloc->npages[0];
	uint32_t n = 0;
	int err;

	err = region_alloc_scattered(r, o, npages, max, p, reply->addr, reply->npages, &n,
				     &reply->scavenged_npages, rr);
	if (err == REGION_E_NO_SPACE && call_reclaim(c))
		err = region_alloc_scattered(r, o, npages, max, p, reply->addr, reply->npages, &n,
					     &reply->scavenged_npages, rr);
	reply->n_addr = reply->n_npages = n;
	return err;
}

/* Rare, so that the reply is built as any other. */
static enum pallocd_status scattered_serve(struct call *c, struct region *r, struct owner *o,
					   const struct region_placement *p)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	Pallocd__V1__AllocReply *reply = call_take(c, 1, sizeof(*reply));
	struct region_refusal rr = {0};
	enum pallocd_status status;
	uint32_t max;
	int err;

	if (!reply)
		return call_no_memory(c);
	status = scatter_check(c, p);
	if (status)
		return status;
	/* No extent is without a page. */
	max = m->npages[0] < m->scatter_extents ? (uint32_t)m->npages[0] : m->scatter_extents;
	pallocd__v1__alloc_reply__init(reply);
	reply->addr = call_take(c, max, sizeof(uint64_t));
	reply->npages = call_take(c, max, sizeof(uint64_t));
	if (!reply->addr || !reply->npages)
		return call_no_memory(c);
	err = scattered_do(c, r, o, max, p, reply, &rr);
	if (err)
		return call_refuse_region(c, r, err, "npages", &rr);
	c->reply.result_case = PALLOCD__V1__REPLY__RESULT_ALLOC;
	c->reply.alloc = reply;
	return PALLOCD_OK;
}

static enum pallocd_status alloc_take(struct call *c)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	struct region_refusal rr = {0};
	struct region_placement placement;
	enum pallocd_status status;
	struct region *r;
	struct owner *o;
	uint64_t *addr;
	int err;

	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	status = batch_check(c, m->n_npages, "npages");
	if (status)
		return status;
	status = alloc_owner(c, (int)m->lifetime, &o);
	if (status)
		return status;
	if (UNLIKELY(m->placement)) {
		status = call_placement(c, m->placement, &placement);
		if (status)
			return status;
	}
	if (UNLIKELY(m->scatter_extents))
		return scattered_serve(c, r, o, m->placement ? &placement : NULL);
	addr = arena_take(&c->rpc->arena, m->n_npages * sizeof(*addr));
	if (!addr)
		return call_no_memory(c);
	err = alloc_do(c, r, o, m->placement ? &placement : NULL, addr, &rr);
	if (UNLIKELY(err))
		return call_refuse_region(c, r, err, "npages", &rr);
	c->rpc->cost += m->n_npages;
	c->quick = true;
	c->quick_addr = addr;
	c->quick_n = (uint32_t)m->n_npages;
	return PALLOCD_OK;
}

enum pallocd_status alloc_serve(struct call *c)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;

	/* How long a search under conditions takes, nobody knows before. */
	if (UNLIKELY(m->placement || m->scatter_extents))
		return call_measured(c, alloc_take);
	return alloc_take(c);
}

enum pallocd_status free_serve(struct call *c)
{
	const Pallocd__V1__Free *m = c->req->free;
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct region *r;
	int err;

	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	status = batch_check(c, m->n_addr, "addr");
	if (status)
		return status;
	if (UNLIKELY(m->n_addr != m->n_npages)) {
		c->refusal.asked = m->n_npages;
		c->refusal.limit = m->n_addr;
		return call_refuse(c, PALLOCD_INVALID, "npages",
				   "%zu addresses, but %zu lengths: each address needs one",
				   m->n_addr, m->n_npages);
	}
	err = region_free(r, c->conn->session, m->addr, m->npages, (uint32_t)m->n_addr,
			  &c->quick_npages, &rr);
	c->rpc->cost += m->n_addr;
	if (UNLIKELY(err))
		return call_refuse_region(c, r, err, "npages", &rr);
	c->quick = true;
	return PALLOCD_OK;
}

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
	if (!reply->used_npages || !reply->grown_npages)
		return call_no_memory(c);
	for (uint64_t i = 0; i < v->ncells; i++) {
		uint64_t at = i * v->cell_npages, n = v->npages - at;

		region_count(r, v->first + at, n < v->cell_npages ? n : v->cell_npages,
			     &reply->grown_npages[i], &reply->used_npages[i]);
		grown += reply->grown_npages[i];
	}
	c->rpc->cost += v->ncells / 16 + grown / RPC_COST_NPAGES;
	reply->n_used_npages = v->ncells;
	reply->n_grown_npages = v->ncells;
	reply->addr = region_addr(r, v->first);
	reply->cell_npages = v->cell_npages;
	reply->npages = v->npages;
	return PALLOCD_OK;
}

enum pallocd_status map_serve(struct call *c)
{
	const Pallocd__V1__Map *m = c->req->map;
	Pallocd__V1__MapReply *reply = call_take(c, 1, sizeof(*reply));
	enum pallocd_status status;
	struct map_view v = {0};
	struct region *r;

	if (!reply)
		return call_no_memory(c);
	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	status = map_range(c, r, &v);
	if (status)
		return status;
	status = map_cells(c, r, &v);
	if (status)
		return status;
	pallocd__v1__map_reply__init(reply);
	status = map_count(c, r, &v, reply);
	if (status)
		return status;
	c->reply.result_case = PALLOCD__V1__REPLY__RESULT_MAP;
	c->reply.map = reply;
	return PALLOCD_OK;
}
