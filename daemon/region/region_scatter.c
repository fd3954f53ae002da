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
	return run_take(s->r, s->p, &s->req, ret_page, ret_scavenged);
}

static int scatter_check(const struct region *r, uint64_t npages, const struct region_placement *p,
			 struct pagealloc_request *ret_req, struct region_refusal *refusal)
{
	if (r->faulted)
		return REGION_E_FAULTED;
	refusal->asked = npages;
	if (npages == 0)
		return REGION_E_EMPTY;
	if (npages > r->limit_npages) {
		refusal->limit = r->limit_npages;
		return REGION_E_LIMIT;
	}
	if (p && p->rule != REGION_ANYWHERE) {
		refusal->field = "rule";
		refusal->why = "wants one address, and scattered extents have several";
		return REGION_E_PLACEMENT;
	}
	/* Pieces may be of any length: that the whole would cross a boundary does not matter. */
	return placement_request(r, p, 1, ret_req, refusal);
}

static int scatter_take(struct scatter *s, struct holding *h, uint64_t *ret_addr,
			uint64_t *ret_npages, uint32_t *ret_n, uint64_t *ret_scavenged,
			struct region_refusal *refusal)
{
	uint64_t page, scavenged, total = 0;
	uint32_t n = 0;

	while (s->left) {
		bool allowed = quota_fits(s->r, h, 0, 1);
		int err = allowed ? piece_take(s, s->max - n, &page, &scavenged) : 0;

		if (err || !allowed)
			extents_undo(s->r, h, n);
		if (!allowed)
			return quota_refuse(s->r, h, 0, n + 1, refusal);
		if (err)
			return err;
		region_extent_add(s->r, h, page, s->req.npages);
		ret_addr[n] = region_addr(s->r, page);
		ret_npages[n++] = s->req.npages;
		s->left -= s->req.npages;
		total += scavenged;
	}
	*ret_n = n;
	*ret_scavenged = total;
	return 0;
}

int region_alloc_scattered(struct region *r, struct owner *o, uint64_t npages, uint32_t max_extents,
			   const struct region_placement *p, uint64_t *ret_addr,
			   uint64_t *ret_npages, uint32_t *ret_n, uint64_t *ret_scavenged,
			   struct region_refusal *ret_refusal)
{
	struct scatter s = {.r = r, .p = p, .left = npages, .max = max_extents ? max_extents : 1};
	struct holding *h;
	uint64_t most;
	int err = scatter_check(r, npages, p, &s.req, ret_refusal);

	if (err)
		return err;
	/* No extent is without a page. */
	most = region_free_npages(r) + region_growable_npages(r);
	if (s.max > most)
		s.max = most ? (uint32_t)most : 1;
	err = holding_get(&r->holdings, r, o, &h);
	if (!err)
		err = region_quota_check(r, h, npages, 1, ret_refusal);
	if (!err)
		err = extents_reserve(&r->extents, s.max);
	if (err)
		return err;
	pagealloc_set_budget(r->pa, REGION_SEARCH_NCHUNKS);
	err = scatter_take(&s, h, ret_addr, ret_npages, ret_n, ret_scavenged, ret_refusal);
	if (err == REGION_E_NO_SPACE) {
		s.req.npages = npages;
		return run_refuse(r, h, p, &s.req, 0, ret_refusal);
	}
	if (err)
		return err;
	extents_taken(r, h, ret_addr, ret_npages, *ret_n);
	return 0;
}
