/*
 * region_scatter - one request met by several extents
 *
 * Role:       see region.h. The longest runs first: no other way needs fewer extents, unless alignment or boundary cut them.
 * Uses:       pagealloc/, region/
 */
#include "region/region.h"
#include "region/region_private.h"

struct scatter {
	struct region *r;
	const struct region_placement *p;
	struct pagealloc_request req; /* npages: of the piece at hand */
	uint64_t left;                /* pages still to be found */
	uint32_t max;
	struct scattered *out;
};

/* The length of the next piece, of which there may be @more; 0: nothing fits, so that only growing can help. */
static int piece_choose(struct scatter *s, uint32_t more, uint64_t *ret_npages)
{
	uint64_t longest;
	int err = pagealloc_largest_placed(s->r->pa, &s->req, &longest);

	if (err)
		return REGION_E_AGAIN;
	if (longest >= s->left)
		longest = s->left;
	else if (more == 1) /* the last has to be all that is left */
		longest = 0;
	else if (s->req.align_npages)
		longest &= ~(s->req.align_npages - 1);
	*ret_npages = longest;
	return 0;
}

static int piece_take(struct scatter *s, uint32_t more, uint64_t *ret_page, uint64_t *ret_scavenged)
{
	uint64_t boundary = s->req.boundary_npages, npages;
	int err = piece_choose(s, more, &npages);

	if (err)
		return err;
	if (npages == 0)
		npages = boundary && boundary < s->left ? boundary : s->left;
	s->req.npages = npages;
	if (more == 1 && npages < s->left)
		return REGION_E_NO_SPACE;
	return run_take(s->r, s->p, &s->req, s->out->q, ret_page, ret_scavenged);
}

static int scatter_check(const struct region *r, uint64_t npages, const struct region_placement *p,
			 struct pagealloc_request *ret_req, struct region_refusal *refusal)
{
	int err;

	if (r->faulted)
		return REGION_E_FAULTED;
	err = npages_check(r, npages, refusal);
	if (err)
		return err;
	if (p && p->rule != REGION_ANYWHERE) {
		refusal->field = "rule";
		refusal->why = "wants one address, and scattered extents have several";
		return REGION_E_PLACEMENT;
	}
	/* Pieces may be of any length: that the whole would cross a boundary does not matter. */
	return placement_request(r, p, 1, ret_req, refusal);
}

/* A piece is taken: it is the next of the extents, or of what becomes them. */
static void piece_put(struct scatter *s, struct holding *h, uint64_t page, uint64_t scavenged)
{
	struct scattered *out = s->out;

	s->left -= s->req.npages;
	if (out->q) {
		pending_put(out->q, page, s->req.npages, scavenged);
		out->n++;
		return;
	}
	region_extent_add(s->r, h, page, s->req.npages);
	out->addr[out->n] = region_addr(s->r, page);
	out->npages[out->n++] = s->req.npages;
	out->scavenged += scavenged;
}

static void pieces_undo(struct scatter *s, struct holding *h)
{
	if (s->out->q)
		pending_undo(s->out->q);
	else
		extents_undo(s->r, h, s->out->n);
}

static int scatter_take(struct scatter *s, struct holding *h, struct region_refusal *refusal)
{
	uint64_t page, scavenged;

	while (s->left) {
		/* What is pending is none of the holding's extents yet. */
		uint32_t more = 1 + (s->out->q ? s->out->n : 0);
		bool allowed = quota_fits(s->r, h, 0, more);
		int err = allowed ? piece_take(s, s->max - s->out->n, &page, &scavenged) : 0;

		if (err || !allowed)
			pieces_undo(s, h);
		if (!allowed)
			return quota_refuse(s->r, h, 0, s->out->n + 1, refusal);
		if (err)
			return err;
		piece_put(s, h, page, scavenged);
	}
	return 0;
}

/* There is no room for @npages in pieces: would there be, if all that is busy were free? As far as that can be told by counting. */
static bool pieces_wait(const struct region *r, uint64_t npages)
{
	return r->busy_npages &&
	       npages <= region_free_npages(r) + r->busy_npages +
				 (r->auto_grow_npages ? region_growable_npages(r) : 0);
}

int scatter_alloc(struct region *r, struct owner *o, uint64_t npages, uint32_t max_extents,
		  const struct region_placement *p, struct scattered *out,
		  struct region_refusal *refusal)
{
	struct scatter s = {.r = r, .p = p, .left = npages, .out = out};
	struct holding *h;
	int err = scatter_check(r, npages, p, &s.req, refusal);

	if (err)
		return err;
	s.max = scatter_most(r, max_extents);
	err = holding_get(&r->holdings, r, o, &h);
	if (!err)
		err = region_quota_check(r, h, npages, 1, refusal);
	if (!err)
		err = out->q ? busy_reserve(r, s.max) : extents_reserve(&r->extents, s.max);
	if (err)
		return err;
	pagealloc_set_budget(r->pa, REGION_SEARCH_NCHUNKS);
	err = scatter_take(&s, h, refusal);
	if (err == REGION_E_NO_SPACE) {
		if (pieces_wait(r, npages))
			return REGION_E_BUSY;
		s.req.npages = npages;
		return run_refuse(r, h, p, &s.req, 0, refusal);
	}
	if (err || out->q)
		return err;
	extents_taken(r, h, out->addr, out->npages, out->n);
	return 0;
}

int region_alloc_scattered(struct region *r, struct owner *o, uint64_t npages, uint32_t max_extents,
			   const struct region_placement *p, uint64_t *ret_addr,
			   uint64_t *ret_npages, uint32_t *ret_n, uint64_t *ret_scavenged,
			   struct region_refusal *ret_refusal)
{
	struct scattered out = {.addr = ret_addr, .npages = ret_npages};
	int err = scatter_alloc(r, o, npages, max_extents, p, &out, ret_refusal);

	if (err)
		return err;
	*ret_n = out.n;
	*ret_scavenged = out.scavenged;
	return 0;
}
