/*
 * region_share - extents with several holders, and owners that change
 *
 * Role:       see region.h. A share counts for its session and its user as if it were an extent of theirs, so that ownership can pass to a
 *             sharer without asking anybody, least of all the quotas.
 * Uses:       base/, region/
 */
#include <errno.h>

#include "base/mem.h"
#include "region/region.h"
#include "region/region_private.h"
#include "region/session.h"

bool owner_is(const struct owner *o, const struct session *s)
{
	return o == &s->owner || o == &s->owner.user->owner;
}

int shared_refuse(const struct region *r, uint32_t i, struct region_refusal *refusal)
{
	refusal->addr = region_addr(r, extents_get(&r->extents, i)->first);
	refusal->nextents = UINT64_C(1) + extent_nshares(r, i);
	return REGION_E_SHARED;
}

struct share *share_find(const struct extra *x, const struct holding *h)
{
	list_for_each (link, &x->shares) {
		struct share *share = list_entry(link, struct share, in_extra);

		if (share->holding == h)
			return share;
	}
	return NULL;
}

void share_begin(struct region *r, uint32_t i, struct holding *h, struct share *share)
{
	struct extent *e = extents_get(&r->extents, i);

	if (e->extra == EXTRA_NONE)
		e->extra = extras_add(r->extras, i);
	share->extra = extra_of(r, i);
	share->holding = h;
	list_append(&share->extra->shares, &share->in_extra);
	list_append(&h->shares, &share->in_holding);
	share->extra->nshares++;
	h->nshares++;
	h->shared_npages += e->npages;
	h->account->nextents++;
	h->account->npages += e->npages;
	r->nshares++;
	extent_changed(r, i);
}

void share_end(struct region *r, struct share *share)
{
	uint32_t i = share->extra->extent;
	uint64_t npages = extents_get(&r->extents, i)->npages;
	struct holding *h = share->holding;

	list_remove(&share->in_extra);
	list_remove(&share->in_holding);
	share->extra->nshares--;
	h->nshares--;
	h->shared_npages -= npages;
	h->account->nextents--;
	h->account->npages -= npages;
	r->nshares--;
	extent_changed(r, i);
	mem_free(share);
	extra_trim(r, i);
}

uint32_t shares_end(struct region *r, uint32_t i)
{
	uint32_t n = extent_nshares(r, i);

	/* The record may go with the last one. */
	for (uint32_t left = n; left--;)
		share_end(r, list_entry(extra_of(r, i)->shares.next, struct share, in_extra));
	return n;
}

/* The oldest share of a session that lives: what an ended one still shares it gives back soon, and must not inherit anything. */
static struct share *share_heir(const struct extra *x)
{
	list_for_each (link, &x->shares) {
		struct share *share = list_entry(link, struct share, in_extra);
		const struct session *s = CONTAINER_OF(share->holding->owner, struct session,
						       owner);

		if (s->state == SESSION_OPEN || s->state == SESSION_GRACE)
			return share;
	}
	return NULL;
}

void extent_hand(struct region *r, uint32_t i, struct holding *to)
{
	const struct extent *e = extents_get(&r->extents, i);

	region_extent_pass(r, holding_of(r, i), to, i);
	event_extent(r, EVENT_HANDOVER, to, e->first, e->npages);
}

bool extent_pass_on(struct region *r, uint32_t i)
{
	const struct extra *x = extra_of(r, i);
	struct share *heir = x ? share_heir(x) : NULL;
	struct holding *to;

	if (!heir)
		return false;
	to = heir->holding;
	share_end(r, heir);
	extent_hand(r, i, to);
	return true;
}

/* The extent that begins at @addr, of a region that may be changed. */
static int extent_begins(const struct region *r, uint64_t addr, uint32_t *ret_i,
			 struct region_refusal *refusal)
{
	if (r->faulted)
		return REGION_E_FAULTED;
	refusal->addr = addr;
	*ret_i = extent_at_addr(r, addr);
	return *ret_i == EXTENT_NONE ? REGION_E_NOT_FOUND : 0;
}

static int share_check(struct region *r, uint32_t i, const struct holding *h,
		       struct region_refusal *refusal)
{
	const struct extra *x = extra_of(r, i);

	if (holding_of(r, i) == h || (x && share_find(x, h)))
		return REGION_E_HOLDS;
	if (x && x->nshares >= REGION_SHARES_MAX) {
		refusal->limit = REGION_SHARES_MAX;
		refusal->nextents = UINT64_C(1) + x->nshares;
		return REGION_E_SHARES;
	}
	return region_quota_check(r, h, extents_get(&r->extents, i)->npages, 1, refusal);
}

int region_share(struct region *r, struct session *s, uint64_t addr, struct region_view *ret,
		 struct region_refusal *ret_refusal)
{
	struct share *share;
	struct holding *h;
	uint32_t i;
	int err = extent_begins(r, addr, &i, ret_refusal);

	if (!err)
		err = holding_get(&r->holdings, r, &s->owner, &h);
	if (!err)
		err = share_check(r, i, h, ret_refusal);
	if (!err)
		err = extras_reserve(r->extras, 1);
	if (err)
		return err;
	share = mem_alloc(sizeof(*share));
	if (!share)
		return -ENOMEM;
	share_begin(r, i, h, share);
	view_fill(r, i, ret);
	return 0;
}

/* The owner lets go of extent @i: it is its oldest sharer's, or free. */
static int owner_release(struct region *r, uint32_t i, uint32_t *nholders)
{
	const struct extent *e = extents_get(&r->extents, i);
	int err;

	if (extent_pass_on(r, i))
		return 0;
	err = pages_give_back(r, e->first, extent_end(e));
	if (err)
		return err;
	r->counters.frees++;
	region_changed(r);
	*nholders = 0;
	return 0;
}

int region_release(struct region *r, struct session *s, uint64_t addr, uint64_t *ret_npages,
		   uint32_t *ret_nholders, struct region_refusal *ret_refusal)
{
	const struct holding *h = holding_find(&s->owner, r);
	struct share *share = NULL;
	uint32_t i, nholders;
	uint64_t npages;
	int err = extent_begins(r, addr, &i, ret_refusal);

	if (err)
		return err;
	npages = extents_get(&r->extents, i)->npages;
	/* Whoever goes, as many stay as share it now. */
	nholders = extent_nshares(r, i);
	if (h && nholders)
		share = share_find(extra_of(r, i), h);
	if (share)
		share_end(r, share);
	else if (owner_is(holding_of(r, i)->owner, s))
		err = owner_release(r, i, &nholders);
	else
		err = REGION_E_NOT_OWNER;
	if (err)
		return err;
	*ret_npages = npages;
	*ret_nholders = nholders;
	return 0;
}

/* Do the quotas allow that an extent of @npages, owned by @from, is @to's? */
static int handover_check(struct region *r, struct holding *from, const struct holding *to,
			  uint64_t npages, struct region_refusal *refusal)
{
	struct account *a = from->account;
	int err;

	/* Where both are one user's, its sum stays: what goes is taken off before what comes is asked for. */
	a->npages -= npages;
	a->nextents--;
	err = region_quota_check(r, to, npages, 1, refusal);
	a->npages += npages;
	a->nextents++;
	return err;
}

int region_handover(struct region *r, const struct session *s, uint64_t addr, struct owner *to,
		    uint64_t *ret_npages, struct region_refusal *ret_refusal)
{
	struct share *share = NULL;
	struct holding *h, *from;
	uint64_t npages;
	uint32_t i;
	int err = extent_begins(r, addr, &i, ret_refusal);

	if (err)
		return err;
	from = holding_of(r, i);
	if (!session_may_free(s, r, from->owner))
		return REGION_E_NOT_OWNER;
	err = holding_get(&r->holdings, r, to, &h);
	if (err)
		return err;
	npages = extents_get(&r->extents, i)->npages;
	if (extent_nshares(r, i))
		share = share_find(extra_of(r, i), h);
	if (h != from && !share)
		err = handover_check(r, from, h, npages, ret_refusal);
	if (err)
		return err;
	if (share)
		share_end(r, share);
	if (h != from)
		extent_hand(r, i, h);
	*ret_npages = npages;
	return 0;
}
