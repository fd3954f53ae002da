/*
 * explain - Why, Fit and FreeRuns
 *
 * Role:       what an Alloc would do, how often it would do, and what there is to do it with; nothing is changed. These walk over
 *             free runs: they take as many turns as they need, so that others have theirs.
 * Uses:       rpc/verb.h, rpc/walk.h
 */
#include <string.h>

#include "rpc/verb.h"
#include "rpc/walk.h"

/* The region and the placement that a question is about. */
static enum pallocd_status question_get(struct call *c, uint32_t id, const char *name,
					const Pallocd__V1__Placement *m, struct region **ret_region,
					struct region_placement *ret)
{
	enum pallocd_status status = call_region(c, id, name, ret_region);

	*ret = (struct region_placement){0};
	if (!status && m)
		status = call_placement(c, m, ret);
	return status;
}

/* What the caller's quotas say about it. */
static void why_fill_quota(const struct call *c, const struct region *r, uint64_t npages,
			   Pallocd__V1__WhyReply *ret)
{
	const char *name;
	uint64_t left = region_quota_left(r, &c->conn->session->owner, &name);

	if (left == UINT64_MAX)
		return;
	/* protobuf-c does not write through it. */
	ret->quota = (char *)(uintptr_t)name;
	ret->quota_npages = left;
	if (npages <= left)
		return;
	ret->quota_short_npages = npages - left;
	ret->fits = false;
	ret->addr = 0;
	ret->grow_npages = 0;
}

static void why_fill(const struct region *r, const struct region_why *why, uint64_t npages,
		     Pallocd__V1__WhyReply *ret)
{
	ret->fits = why->fits;
	ret->addr = why->addr;
	ret->grow_npages = why->grow_npages;
	ret->free_npages = region_free_npages(r);
	ret->largest_npages = region_largest_npages(r);
	ret->placed_npages = why->placed_npages;
	ret->growable_npages = region_growable_npages(r);
	ret->aligned_npages = why->aligned_npages;
	ret->bounded_npages = why->bounded_npages;
	if (!why->fits && npages > why->placed_npages)
		ret->short_npages = npages - why->placed_npages;
}

enum pallocd_status why_serve(struct call *c)
{
	const Pallocd__V1__Why *m = c->req->why;
	Pallocd__V1__WhyReply *reply = c->reply.why;
	struct region_placement p;
	struct region_refusal rr = {0};
	struct region_why why;
	enum pallocd_status status;
	struct region *r;
	int err;

	status = question_get(c, m->region_id, m->region, m->placement, &r, &p);
	if (status)
		return status;
	err = region_why(r, m->npages, &p, &why, &rr);
	if (err)
		return call_refuse_region(c, r, err, "npages", &rr);
	why_fill(r, &why, m->npages, reply);
	why_fill_quota(c, r, m->npages, reply);
	return PALLOCD_OK;
}

enum pallocd_status fit_serve(struct call *c)
{
	const Pallocd__V1__Fit *m = c->req->fit;
	Pallocd__V1__FitReply *reply = c->reply.fit;
	struct region_refusal rr = {0};
	struct rpc_walk fresh, *w = walk_get(c, &fresh);
	struct region_placement p;
	enum pallocd_status status;
	struct region *r;
	bool done;
	int err;

	status = question_get(c, m->region_id, m->region, m->placement, &r, &p);
	if (status)
		return status;
	/* How many fit does not depend on where one of them is wanted. */
	p.rule = REGION_ANYWHERE;
	p.strategy = PAGEALLOC_FIRST;
	err = region_fit(r, m->npages, &p, &w->at, &w->nextents, &done, &rr);
	if (err)
		return call_refuse_region(c, r, err, "npages", &rr);
	if (!done)
		return walk_keep(c, w);
	reply->nextents = w->nextents;
	return PALLOCD_OK;
}

static enum pallocd_status free_runs_fill(struct call *c, const struct region *r,
					  const struct pagealloc_histogram *runs,
					  Pallocd__V1__FreeRunsReply *ret)
{
	size_t n = PAGEALLOC_NLENGTHS;

	while (n && !runs->nruns[n - 1])
		n--;
	ret->nruns = call_take(c, n, sizeof(uint64_t));
	ret->npages = call_take(c, n, sizeof(uint64_t));
	if (!ret->nruns || !ret->npages)
		return call_no_memory(c);
	memcpy(ret->nruns, runs->nruns, n * sizeof(uint64_t));
	memcpy(ret->npages, runs->npages, n * sizeof(uint64_t));
	ret->n_nruns = ret->n_npages = n;
	ret->free_npages = region_free_npages(r);
	ret->largest_npages = region_largest_npages(r);
	ret->fragmentation_ppm = region_fragmentation_ppm(r);
	return PALLOCD_OK;
}

enum pallocd_status free_runs_serve(struct call *c)
{
	const Pallocd__V1__FreeRuns *m = c->req->free_runs;
	Pallocd__V1__FreeRunsReply *reply = c->reply.free_runs;
	struct region_refusal rr = {0};
	struct rpc_walk fresh, *w = walk_get(c, &fresh);
	enum pallocd_status status;
	struct region *r;
	bool done;

	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	/* Nothing that an inconsistent allocator says about itself can be relied on. */
	if (r->faulted)
		return call_refuse_region(c, r, REGION_E_FAULTED, "", &rr);
	done = pagealloc_count_runs(r->pa, &w->at, &w->runs);
	if (!done)
		return walk_keep(c, w);
	status = free_runs_fill(c, r, &w->runs, reply);
	if (status)
		return status;
	return PALLOCD_OK;
}
