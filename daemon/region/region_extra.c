/*
 * region_extra - names, labels and shares while extents change their shape
 *
 * Role:       what of them stays where an extent goes, is cut, split or joined; and recounting them.
 * Uses:       region/
 */
#include <inttypes.h>

#include "region/region.h"
#include "region/region_private.h"

void extra_trim(struct region *r, uint32_t i)
{
	struct extent *e = extents_get(&r->extents, i);

	if (e->extra != EXTRA_NONE && extras_trim(r->extras, e->extra))
		e->extra = EXTRA_NONE;
}

void extra_drop(struct region *r, uint32_t i)
{
	const struct extent *e = extents_get(&r->extents, i);

	shares_end(r, i);
	if (e->extra == EXTRA_NONE)
		return;
	extras_set_name(r->extras, e->extra, NULL);
	extras_set_label(r->extras, e->extra, NULL);
	extra_trim(r, i);
}

void extra_split(struct region *r, uint32_t lower, uint32_t upper)
{
	struct extra *x = extra_of(r, lower);
	struct extent *e = extents_get(&r->extents, upper);

	if (LIKELY(!x || !x->label))
		return;
	e->extra = extras_add(r->extras, upper);
	extras_set_label(r->extras, e->extra, label_use(x->label));
}

void extra_join(struct region *r, uint32_t into, uint32_t i)
{
	struct extent *target = extents_get(&r->extents, into), *e = extents_get(&r->extents, i);
	struct extra *x = extra_of(r, i);

	if (!x)
		return;
	if (target->extra == EXTRA_NONE) {
		target->extra = e->extra;
		x->extent = into;
		e->extra = EXTRA_NONE;
		return;
	}
	extras_move_name(r->extras, e->extra, target->extra);
	if (!extra_of(r, into)->label)
		extras_set_label(r->extras, target->extra, label_use(x->label));
	/* What is left of it goes with the extent. */
}

/* X3, and X4 for one record. */
static bool check_shares(const struct region *r, const struct extra *x, const struct report *rep)
{
	uint64_t page = extents_get(&r->extents, x->extent)->first;
	uint32_t n = 0;

	list_for_each (link, &x->shares) {
		const struct share *share = list_entry(link, struct share, in_extra);
		const struct holding *h = share->holding;

		if (share->extra != x || list_empty(&share->in_holding) || h->region != r ||
		    share_find(x, h) != share)
			return report_broken(
				rep,
				"X3: a share of the extent at page %" PRIu64
				" is another's, or not in its holding's list, or there twice",
				page);
		n++;
	}
	if (n != x->nshares)
		return report_broken(rep,
				     "X4: the extent at page %" PRIu64 " has %" PRIu32
				     " shares, its list %" PRIu32,
				     page, x->nshares, n);
	return true;
}

static bool check_holding_shares(const struct region *r, const struct holding *h,
				 const struct report *rep)
{
	uint64_t npages = 0;
	uint32_t n = 0;

	list_for_each (link, &h->shares) {
		const struct share *share = list_entry(link, struct share, in_holding);

		if (share->holding != h || list_empty(&share->in_extra))
			return report_broken(rep,
					     "X3: holding %" PRIu32
					     " lists a share that is another's, or no extent's",
					     h->index);
		npages += extents_get(&r->extents, share->extra->extent)->npages;
		n++;
	}
	if (n != h->nshares || npages != h->shared_npages)
		return report_broken(rep,
				     "X4: holding %" PRIu32 " has %" PRIu32 " shares of %" PRIu64
				     " pages, its list %" PRIu32 " of %" PRIu64,
				     h->index, h->nshares, h->shared_npages, n, npages);
	return true;
}

/* X2, from both sides: every extent's record is its own, and there are as many as records in use. */
static bool check_records(const struct region *r, const struct report *rep)
{
	const struct extras *x = r->extras;
	uint32_t n = 0;

	for (uint32_t i = 1; i < r->extents.nslab_touched; i++) {
		const struct extent *e = extents_get(&r->extents, i);

		if (e->npages == 0 || e->extra == EXTRA_NONE)
			continue;
		n++;
		if (e->extra >= x->nused || extras_get(x, e->extra)->extent != i)
			return report_broken(rep,
					     "X2: extent at page %" PRIu64
					     " says it has record %" PRIu32
					     ", which is not its own",
					     e->first, e->extra);
	}
	if (n != x->nused - 1 - x->nfree)
		return report_broken(
			rep, "X2: %" PRIu32 " records are in use, %" PRIu32 " extents have one",
			x->nused - 1 - x->nfree, n);
	return true;
}

bool extras_region_check(const struct region *r, const struct report *rep)
{
	uint64_t by_extent = 0, by_holding = 0;

	if (!extras_check(r->extras, rep->buf, rep->size) || !check_records(r, rep))
		return false;
	for (uint32_t i = 1; i < r->extras->nused; i++) {
		const struct extra *x = extras_get(r->extras, i);

		if (x->extent != EXTENT_NONE && !check_shares(r, x, rep))
			return false;
		by_extent += x->nshares;
	}
	for (uint32_t i = 0; i < r->holdings.nslots; i++) {
		const struct holding *h = holding_by_index(&r->holdings, i);

		if (h && !check_holding_shares(r, h, rep))
			return false;
		by_holding += h ? h->nshares : 0;
	}
	if (by_extent != r->nshares || by_holding != r->nshares)
		return report_broken(
			rep, "X4: nshares %" PRIu64 ", extents have %" PRIu64 ", holdings %" PRIu64,
			r->nshares, by_extent, by_holding);
	return true;
}
