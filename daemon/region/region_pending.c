/*
 * region_pending - an Alloc in two steps: pages are taken, and become extents when their memory has been seen to
 *
 * Role:       see pending.h. Searching, growing, quotas and refusals are region_alloc()'s and region_alloc_scattered()'s own.
 * Uses:       base/, pagealloc/, region/
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "region/region_private.h"

/* Room for so many dirty runs at first; it is doubled. */
#define DIRTY_MIN 16u

static void pending_free(struct region_pending *q)
{
	if (!q)
		return;
	mem_free(q->addr);
	mem_free(q->npages);
	mem_free(q->runs);
	mem_free(q->dirty);
	mem_free(q);
}

static void pending_freep(struct region_pending **q)
{
	pending_free(*q);
}

static int pending_new(struct region *r, uint32_t max, struct region_pending **ret_pending)
{
	struct region_pending *q = mem_zalloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->region = r;
	q->addr = mem_zalloc(max, sizeof(*q->addr));
	q->npages = mem_zalloc(max, sizeof(*q->npages));
	q->runs = mem_zalloc(max, sizeof(*q->runs));
	if (!q->addr || !q->npages || !q->runs) {
		pending_free(q);
		return -ENOMEM;
	}
	*ret_pending = q;
	return 0;
}

static int dirty_push(struct region_pending *q, uint64_t page, uint64_t npages)
{
	if (q->ndirty == q->ndirty_max) {
		uint32_t max = q->ndirty_max ? 2 * q->ndirty_max : DIRTY_MIN;
		struct region_run *dirty = mem_resize(q->dirty, max, sizeof(*dirty));

		if (!dirty)
			return -ENOMEM;
		q->dirty = dirty;
		q->ndirty_max = max;
	}
	q->dirty[q->ndirty++] = (struct region_run){page, npages};
	return 0;
}

/*
 * Each entry gets a run of its own, all of them together REGION_RUNS_MAX more. Where these are used up, the entry's last run reaches up to
 * its last dirty page: what lies between is the entry's, too.
 */
int pending_note(struct region_pending *q, uint64_t page, uint64_t npages)
{
	const struct pagealloc *pa = q->region->pa;
	uint64_t at = page, end = page + npages, lo, hi;
	int err = 0;

	for (; !err && at < end && pagealloc_next_dirty(pa, at, end, &lo, &hi); at = hi) {
		if (at > page && q->ndirty > q->n + REGION_RUNS_MAX) {
			struct region_run *last = &q->dirty[q->ndirty - 1];

			last->npages = pagealloc_dirty_end(pa, lo, end) - last->page;
			return 0;
		}
		err = dirty_push(q, lo, hi - lo);
	}
	return err;
}

void pending_put(struct region_pending *q, uint64_t page, uint64_t npages, uint64_t scavenged)
{
	q->addr[q->n] = region_addr(q->region, page);
	q->npages[q->n++] = npages;
	q->npages_total += npages;
	q->scavenged_npages += scavenged;
}

static void pages_free(struct region *r, uint64_t page, uint64_t npages)
{
	int err = pagealloc_free(r->pa, page, npages);

	if (err) {
		region_fault(r, "R3: page %" PRIu64 " is busy, but cannot be given back (%d)", page,
			     err);
		return;
	}
	pages_freed(r, page, npages);
}

void pending_undo(struct region_pending *q)
{
	for (uint32_t i = 0; i < q->n; i++)
		pages_free(q->region, region_page(q->region, q->addr[i]), q->npages[i]);
}

/* Restore the heap of runs below @root: the highest is on top. */
static void runs_sift(struct region_run *v, uint32_t root, uint32_t n)
{
	uint32_t child;

	while ((child = 2 * root + 1) < n) {
		struct region_run moved = v[root];

		if (child + 1 < n && v[child + 1].page > v[child].page)
			child++;
		if (moved.page >= v[child].page)
			return;
		v[root] = v[child];
		v[child] = moved;
		root = child;
	}
}

static bool runs_ascend(const struct region_run *v, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		if (v[i].page < v[i - 1].page)
			return false;
	}
	return true;
}

/* Ascending, and neighbours are one. Heap sort for the reasons that free has. Return: how many are left. */
static uint32_t runs_coalesce(struct region_run *v, uint32_t n)
{
	uint32_t last = 0;

	if (!runs_ascend(v, n)) {
		for (uint32_t root = n / 2; root-- > 0;)
			runs_sift(v, root, n);
		for (uint32_t end = n; end-- > 1;) {
			struct region_run top = v[0];

			v[0] = v[end];
			v[end] = top;
			runs_sift(v, 0, end);
		}
	}
	for (uint32_t i = 1; i < n; i++) {
		if (v[last].page + v[last].npages == v[i].page)
			v[last].npages += v[i].npages;
		else
			v[++last] = v[i];
	}
	return n ? last + 1 : 0;
}

/* All is taken that was asked for: it is busy now. */
static void pending_taken(struct region_pending *q)
{
	struct region *r = q->region;

	for (uint32_t i = 0; i < q->n; i++) {
		q->runs[i] = (struct region_run){region_page(r, q->addr[i]), q->npages[i]};
		busy_add(r, q->runs[i].page, q->npages[i]);
	}
	q->nruns = runs_coalesce(q->runs, q->n);
	q->ndirty = runs_coalesce(q->dirty, q->ndirty);
	q->dirty_npages = q->npages_total - q->scavenged_npages;
	r->pending_npages += q->npages_total;
	list_append(&r->pendings, &q->in_region);
	region_changed(r);
}

int region_take(struct region *r, struct owner *o, const uint64_t *npages, uint32_t n,
		uint32_t max_extents, const struct region_placement *p,
		struct region_pending **ret_pending, struct region_refusal *ret_refusal)
{
	CLEANUP(pending_freep) struct region_pending *q = NULL;
	struct scattered out = {0};
	int err;

	if (r->faulted)
		return REGION_E_FAULTED;
	err = pending_new(r, max_extents ? scatter_most(r, max_extents) : n, &q);
	if (err)
		return err;
	out.q = q;
	err = max_extents ? scatter_alloc(r, o, npages[0], max_extents, p, &out, ret_refusal)
			  : batch_take_pending(r, o, npages, n, p, q, ret_refusal);
	if (err)
		return err;
	pending_taken(q);
	*ret_pending = take_ptr(q);
	return 0;
}

int region_take_blocks(struct region *r, struct owner *o, uint32_t nblocks,
		       struct region_pending **ret_pending, struct region_refusal *ret_refusal)
{
	CLEANUP(pending_freep) struct region_pending *q = NULL;
	struct scattered out = {0};
	int err;

	if (r->faulted)
		return REGION_E_FAULTED;
	err = pending_new(r, nblocks * REGION_BLOCK_EXTENTS_MAX, &q);
	if (err)
		return err;
	out.addr = q->addr;
	out.npages = q->npages;
	out.q = q;
	err = lease_alloc(r, o, nblocks, &out, ret_refusal);
	if (err)
		return err;
	pending_taken(q);
	*ret_pending = take_ptr(q);
	return 0;
}

/* Nothing of @q is busy any more. */
static void pending_unlist(struct region_pending *q)
{
	struct region *r = q->region;

	for (uint32_t i = 0; i < q->n; i++)
		busy_drop(r, region_page(r, q->addr[i]));
	r->pending_npages -= q->npages_total;
	list_remove(&q->in_region);
	/* Even if no page is free now, who was refused because of them gets another answer. */
	r->room++;
}

static void extents_name(struct region *r, const struct region_pending *q, struct note *n)
{
	for (uint32_t i = q->n; i-- > 1;) {
		struct note label = {.set_label = true, .label = label_use(n->label)};

		note_put(r, extents_at(&r->extents, region_page(r, q->addr[i])), &label);
	}
	note_put(r, extents_at(&r->extents, region_page(r, q->addr[0])), n);
}

int pending_finish(struct region_pending *p, struct owner *o, const char *name, const char *label,
		   struct region_refusal *ret_refusal)
{
	CLEANUP(note_deinit) struct note note = {0};
	struct region *r = p->region;
	struct holding *h;
	int err;

	if (r->faulted)
		return REGION_E_FAULTED;
	err = note_check(r, EXTENT_NONE, name, ret_refusal);
	if (!err)
		err = note_make(r, name, label, p->n, &note);
	if (!err)
		err = holding_get(&r->holdings, r, o, &h);
	if (!err)
		err = region_quota_check(r, h, p->npages_total, p->n, ret_refusal);
	if (!err)
		err = extents_reserve(&r->extents, p->n);
	if (err)
		return err;
	pending_unlist(p);
	for (uint32_t i = 0; i < p->n; i++)
		region_extent_add(r, h, region_page(r, p->addr[i]), p->npages[i]);
	extents_taken(r, h, p->addr, p->npages, p->n);
	extents_name(r, p, &note);
	pending_free(p);
	return 0;
}

void pending_give_back(struct region_pending *p)
{
	struct region *r;

	if (!p)
		return;
	r = p->region;
	/* Not where the region is gone, nor where it is closed: there nothing changes any more. */
	if (r) {
		pending_unlist(p);
		for (uint32_t i = 0; i < p->n && !r->faulted; i++)
			pages_free(r, region_page(r, p->addr[i]), p->npages[i]);
		region_changed(r);
	}
	pending_free(p);
}

void pendings_orphan(struct region *r)
{
	list_for_each (link, &r->pendings) {
		struct region_pending *q = list_entry(link, struct region_pending, in_region);

		list_remove(link);
		q->region = NULL;
	}
}

int region_take_beside(struct region *r, const struct session *s, uint64_t addr, uint64_t npages,
		       enum region_edge edge, struct region_pending **ret_pending,
		       struct region_refusal *ret_refusal)
{
	CLEANUP(pending_freep) struct region_pending *q = NULL;
	uint64_t scavenged;
	struct resize z;
	int err = resize_plan(r, s, addr, npages, edge, &z, ret_refusal);

	if (err)
		return err;
	if (!z.grows) {
		*ret_pending = NULL;
		return 0;
	}
	err = region_quota_check(r, holding_of(r, z.i), z.hi - z.lo, 0, ret_refusal);
	if (!err)
		err = pending_new(r, 1, &q);
	if (!err)
		err = busy_reserve(r, 1);
	if (!err)
		err = resize_take(r, &z, q, &scavenged, ret_refusal);
	if (err)
		return err;
	pending_put(q, z.lo, z.hi - z.lo, scavenged);
	pending_taken(q);
	*ret_pending = take_ptr(q);
	return 0;
}

int pending_finish_beside(struct region_pending *p, const struct session *s, uint64_t addr,
			  uint64_t npages, enum region_edge edge, uint64_t *ret_addr,
			  struct region_refusal *ret_refusal)
{
	struct region *r = p->region;
	struct resize z;
	int err = resize_plan(r, s, addr, npages, edge, &z, ret_refusal);

	if (err)
		return err;
	if (!z.grows || region_addr(r, z.lo) != p->addr[0] || z.hi - z.lo != p->npages[0]) {
		ret_refusal->addr = p->addr[0];
		return REGION_E_BUSY;
	}
	err = region_quota_check(r, holding_of(r, z.i), z.hi - z.lo, 0, ret_refusal);
	if (err)
		return err;
	pending_unlist(p);
	resize_grown(r, &z);
	region_changed(r);
	*ret_addr = region_addr(r, z.first);
	pending_free(p);
	return 0;
}
