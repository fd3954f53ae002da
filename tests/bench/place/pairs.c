/*
 * pairs - the clocked part of the placement benchmarks: a free and an alloc, again and again
 *
 * Role:       see pairs.h.
 * Uses:       pagealloc/, measure.h
 */
#include "pairs.h"

#include <inttypes.h>

static inline int one(struct pagealloc *pa, struct pagealloc_request *req, struct pair *p)
{
	int err = pagealloc_free(pa, p->victim, p->victim_npages);

	if (UNLIKELY(err))
		measure_fail("free of %" PRIu32 " pages at %" PRIu64 " was refused: %d",
			     p->victim_npages, p->victim, err);
	if (!req)
		return pagealloc_alloc(pa, p->npages, &p->page, NULL);
	req->npages = p->npages;
	return pagealloc_alloc_placed(pa, req, &p->page, NULL);
}

/* The same loop, with a clock around each pair. */
static unsigned run_single(struct pagealloc *pa, struct pagealloc_request *req, struct pair *p,
			   unsigned n, struct timing *t)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t begin = measure_now(), end;
		int err = one(pa, req, &p[i]);

		end = measure_now();
		samples_add(&t->pair, measure_ns((double)measure_ticks(begin, end)));
		if (err) {
			p[i].page = PAGEALLOC_PAGE_NONE;
			return i + 1;
		}
	}
	return n;
}

unsigned pairs_run(struct pagealloc *pa, struct pagealloc_request *req, struct pair *p, unsigned n,
		   enum pairs_mode mode, struct timing *t)
{
	uint64_t begin, end;
	unsigned i = 0;
	int err = 0;

	if (mode == PAIRS_SINGLE)
		return run_single(pa, req, p, n, t);
	begin = measure_now();
	while (i < n && !err)
		err = one(pa, req, &p[i++]);
	end = measure_now();
	if (err)
		p[i - 1].page = PAGEALLOC_PAGE_NONE;
	if (mode == PAIRS_WHOLE) {
		t->ticks += measure_ticks(begin, end);
		t->npairs += i;
	}
	return i;
}

void pairs_close(struct timing *t)
{
	if (t->npairs)
		samples_add(&t->batch, measure_ns((double)t->ticks) / (double)t->npairs);
	t->ticks = t->npairs = 0;
}

void pairs_clear(struct timing *t)
{
	samples_clear(&t->batch);
	samples_clear(&t->pair);
	*t = (struct timing){0};
}
