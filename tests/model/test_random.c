/*
 * test_random - random operations on the allocator and on the oracle, compared after each
 *
 * Role:       drives both through alloc, free, alloc at a place, growth, page-cache blocks, scavenging and rebuilding, on
 *             several shapes of address space. After each operation: its result, the pages it touched, the counts. From time
 *             to time: everything.
 * Uses:       tests/model/compare.h
 *
 *   test_random [NOPERATIONS [SEED]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/model/compare.h"

#define NCACHES 4
#define CACHE_NPAGES 64

struct extent {
	uint64_t page, npages;
};

struct world {
	struct pagealloc *pa;
	struct oracle *o;
	struct pagealloc_cache caches[NCACHES];
	struct extent *held;
	size_t nheld;
	uint64_t random, npages;
	uint64_t touched, ntouched; /* pages that the last operation was about */
	const char *op;
	unsigned bias; /* of 100, how often to allocate rather than free */
	bool best_fit;
};

static uint64_t below(struct world *w, uint64_t n)
{
	return oracle_random(&w->random) % n;
}

/* One page mostly, sometimes a few, seldom a lot. */
static uint64_t some_npages(struct world *w)
{
	switch (below(w, 8)) {
	case 0:
	case 1:
	case 2:
		return 1;
	case 3:
	case 4:
		return 1 + below(w, 8);
	case 5:
		return 1 + below(w, 64);
	case 6:
		return 1 + below(w, 600);
	default:
		return 1 + below(w, 1 + w->npages / 8);
	}
}

static bool differs(const struct world *w, uint64_t got, uint64_t scavenged, uint64_t want,
		    uint64_t want_scavenged)
{
	if (got == want && (got == ORACLE_NONE || scavenged == want_scavenged))
		return false;
	printf("%s: page %" PRIu64 " scavenged %" PRIu64 ", oracle %" PRIu64 " %" PRIu64 "\n",
	       w->op, got, scavenged, want, want_scavenged);
	return true;
}

static void hold(struct world *w, uint64_t page, uint64_t npages)
{
	w->held[w->nheld++] = (struct extent){page, npages};
	w->touched = page;
	w->ntouched = npages;
}

static bool do_alloc(struct world *w)
{
	uint64_t npages = some_npages(w), page = ORACLE_NONE, scavenged = 0, want,
		 want_scavenged = 0;

	w->op = "alloc";
	if (pagealloc_alloc(w->pa, npages, &page, &scavenged))
		page = ORACLE_NONE;
	want = oracle_alloc(w->o, npages, &want_scavenged);
	if (differs(w, page, scavenged, want, want_scavenged))
		return false;
	if (page != ORACLE_NONE)
		hold(w, page, npages);
	return true;
}

/* All of an extent, or a piece of it; what is left stays held. */
static bool do_free(struct world *w)
{
	size_t i;
	struct extent e;
	uint64_t first, n;

	w->op = "free";
	if (w->nheld == 0)
		return true;
	i = below(w, w->nheld);
	e = w->held[i];
	w->held[i] = w->held[--w->nheld];
	first = below(w, 4) ? 0 : below(w, e.npages);
	n = below(w, 4) ? e.npages - first : 1 + below(w, e.npages - first);
	if (first > 0)
		hold(w, e.page, first);
	if (first + n < e.npages)
		hold(w, e.page + first + n, e.npages - first - n);
	w->touched = e.page + first;
	w->ntouched = n;
	if (pagealloc_free(w->pa, e.page + first, n) != 0) {
		printf("free %" PRIu64 " %" PRIu64 " was refused\n", e.page + first, n);
		return false;
	}
	oracle_give(w->o, e.page + first, n);
	return true;
}

static bool do_alloc_range(struct world *w)
{
	uint64_t page = below(w, w->npages), npages = 1 + below(w, below(w, 2) ? 8 : 700),
		 scavenged = 0;
	bool want = oracle_is_free(w->o, page, npages);
	int err = pagealloc_alloc_range(w->pa, page, npages, &scavenged);

	w->op = "alloc_range";
	if (want != (err == 0)) {
		printf("alloc_range %" PRIu64 " %" PRIu64 ": outcome %d, oracle %d\n", page, npages,
		       err, want);
		return false;
	}
	if (!want)
		return true;
	hold(w, page, npages);
	return !differs(w, page, scavenged, page, oracle_take(w->o, page, npages));
}

/* Ranges that are not wholly allocated must be refused, and nothing changes. */
static bool do_bad_free(struct world *w)
{
	uint64_t page = below(w, w->npages), npages = 1 + below(w, 700);
	int err;

	w->op = "bad free";
	if (oracle_is_used(w->o, page, npages))
		return true;
	err = pagealloc_free(w->pa, page, npages);
	w->touched = page;
	w->ntouched = npages;
	if (err == 0)
		printf("free %" PRIu64 " %" PRIu64 " was not refused\n", page, npages);
	return err != 0;
}

static bool do_cache_fill(struct world *w)
{
	struct pagealloc_cache *c = &w->caches[below(w, NCACHES)];
	struct oracle_counts counts = oracle_count(w->o);
	uint64_t block = counts.lowest_free / CACHE_NPAGES * CACHE_NPAGES;
	int err;

	w->op = "cache_fill";
	if (c->free_bits)
		return true;
	err = pagealloc_cache_fill(w->pa, c);
	if ((err == 0) != (counts.free > 0)) {
		printf("cache_fill: outcome %d with %" PRIu64 " pages free\n", err, counts.free);
		return false;
	}
	if (err)
		return true;
	for (unsigned i = 0; i < CACHE_NPAGES; i++) {
		bool is_free = oracle_is_free(w->o, block + i, 1);

		if (c->page != block || (c->free_bits >> i & 1) != is_free ||
		    (c->scav_bits >> i & 1) != (is_free && w->o->scavenged[block + i])) {
			printf("cache_fill: block %" PRIu64 ", oracle %" PRIu64
			       ", page %u differs\n",
			       c->page, block, i);
			return false;
		}
		if (is_free)
			oracle_take(w->o, block + i, 1);
	}
	w->touched = block;
	w->ntouched = CACHE_NPAGES;
	return true;
}

static bool do_cache_take(struct world *w)
{
	struct pagealloc_cache *c = &w->caches[below(w, NCACHES)];
	uint64_t npages = 1 + below(w, 4), page, scavenged;

	w->op = "cache_take";
	if (pagealloc_cache_take(c, npages, &page, &scavenged) == 0)
		hold(w, page, npages);
	return true;
}

static bool do_cache_flush(struct world *w)
{
	struct pagealloc_cache *c = &w->caches[below(w, NCACHES)];

	w->op = "cache_flush";
	for (unsigned i = 0; i < CACHE_NPAGES; i++) {
		if (c->free_bits >> i & 1) {
			oracle_give(w->o, c->page + i, 1);
			w->o->scavenged[c->page + i] = c->scav_bits >> i & 1;
		}
	}
	w->touched = c->page;
	w->ntouched = CACHE_NPAGES;
	pagealloc_cache_flush(w->pa, c);
	return true;
}

static int check_release(void *ctx, uint64_t page, uint64_t npages)
{
	const struct world *w = ctx;

	/* What is released must be free, and have memory behind it. */
	for (uint64_t i = page; i < page + npages; i++)
		if (!oracle_is_free(w->o, i, 1) || w->o->scavenged[i])
			return -1;
	return 0;
}

static bool do_scavenge(struct world *w)
{
	uint64_t npages = below(w, 8) ? 1 + below(w, 64) : UINT64_C(1) << 40, released, want;
	int err = pagealloc_scavenge(w->pa, npages, check_release, w, &released);

	w->op = "scavenge";
	want = oracle_scavenge(w->o, npages);
	w->touched = 0;
	w->ntouched = w->npages;
	if (err == 0 && released == want)
		return true;
	printf("scavenge %" PRIu64 ": error %d, released %" PRIu64 ", oracle %" PRIu64 "\n", npages,
	       err, released, want);
	return false;
}

static bool do_grow(struct world *w)
{
	uint64_t page = below(w, w->npages / CHUNK_NPAGES) * CHUNK_NPAGES;
	uint64_t npages = (1 + below(w, 2)) * CHUNK_NPAGES;
	bool want = page + npages <= w->npages;
	int err;

	w->op = "grow";
	for (uint64_t i = page; want && i < page + npages; i++)
		want = !w->o->grown[i];
	err = pagealloc_grow(w->pa, page, npages);
	if (want)
		oracle_grow(w->o, page, npages);
	w->touched = page;
	w->ntouched = npages;
	if (want != (err == 0))
		printf("grow %" PRIu64 " %" PRIu64 ": outcome %d, oracle %d\n", page, npages, err,
		       want);
	return want == (err == 0);
}

/* Taking whole chunks out: possible where all of them are free. */
static bool do_shrink(struct world *w)
{
	uint64_t page = below(w, w->npages / CHUNK_NPAGES) * CHUNK_NPAGES;
	uint64_t npages = (1 + below(w, 2)) * CHUNK_NPAGES;
	bool want = oracle_is_free(w->o, page, npages);
	int err = pagealloc_shrink(w->pa, page, npages);

	w->op = "shrink";
	if (want)
		oracle_shrink(w->o, page, npages);
	w->touched = page;
	w->ntouched = CHUNK_NPAGES;
	if (want != (err == 0))
		printf("shrink %" PRIu64 " %" PRIu64 ": outcome %d, oracle %d\n", page, npages, err,
		       want);
	return want == (err == 0);
}

/* Any constraints, in any combination; then take what was found. */
static bool do_place(struct world *w)
{
	struct pagealloc_request req = {.npages = below(w, 4) ? 1 + below(w, 40) : some_npages(w),
					.strategy = (enum pagealloc_strategy)below(w, 3)};
	uint64_t page, scavenged, want;

	w->op = "place";
	if (req.strategy == PAGEALLOC_BEST && !w->best_fit)
		return pagealloc_place(w->pa, &req, &page) == PAGEALLOC_E_RANGE;
	if (below(w, 2))
		req.align_npages = UINT64_C(1) << below(w, 12);
	if (below(w, 3) == 0)
		req.boundary_npages = UINT64_C(1) << below(w, 14);
	if (below(w, 3) == 0)
		req.first = below(w, w->npages);
	if (below(w, 3) == 0)
		req.limit = req.first + 1 + below(w, w->npages);
	if (req.boundary_npages && req.boundary_npages < req.npages)
		return pagealloc_place(w->pa, &req, &page) == PAGEALLOC_E_RANGE;
	if (!compare_place(w->pa, w->o, &req, below(w, 16) == 0))
		return false;
	if (pagealloc_alloc_placed(w->pa, &req, &page, &scavenged))
		return true;
	want = oracle_take(w->o, page, req.npages);
	hold(w, page, req.npages);
	return !differs(w, page, scavenged, page, want);
}

static bool step(struct world *w)
{
	uint64_t dice = below(w, 1000);

	w->ntouched = 0;
	if (dice < 3)
		return do_scavenge(w);
	if (dice < 6)
		return do_grow(w);
	if (dice < 7)
		pagealloc_rebuild(w->pa);
	else if (dice < 9)
		return do_shrink(w);
	else if (dice < 60)
		return do_alloc_range(w);
	else if (dice < 80)
		return do_bad_free(w);
	else if (dice < 100)
		return do_cache_fill(w);
	else if (dice < 180)
		return do_cache_take(w);
	else if (dice < 200)
		return do_cache_flush(w);
	else if (dice < (w->npages > 20000 ? 206u : 300u))
		return do_place(w);
	else
		return below(w, 100) < w->bias ? do_alloc(w) : do_free(w);
	return true;
}

static bool run(uint64_t npages, uint64_t nops, uint64_t seed)
{
	struct pagealloc_config config = {
		.limit_npages = npages, .origin_npages = seed % 3 * 0x12345, .best_fit = seed % 2};
	struct world w = {.random = seed, .npages = npages, .best_fit = config.best_fit};
	bool ok = pagealloc_new(&config, &w.pa) == 0;

	w.o = oracle_new(npages);
	w.held = malloc((npages + 1) * sizeof(*w.held)); /* an extent has a page at least */
	ok = ok && w.held && do_grow(&w);
	for (uint64_t i = 0; ok && i < nops; i++) {
		if (i % 4096 == 0)
			w.bias = 20 + (unsigned)below(&w, 70);
		ok = step(&w) &&
		     (w.ntouched == 0 || compare_pages(w.pa, w.o, w.touched, w.ntouched)) &&
		     (i % 256 || compare_all(w.pa, w.o));
		if (!ok)
			printf("operation %" PRIu64 " (%s) of %" PRIu64 " pages, seed %" PRIu64
			       "\n",
			       i, w.op, npages, seed);
	}
	ok = ok && compare_all(w.pa, w.o);
	pagealloc_destroy(w.pa);
	oracle_free(w.o);
	free(w.held);
	return ok;
}

int main(int argc, char **argv)
{
	static const uint64_t shapes[] = {512, 1024, 4096, 8 * 512, 16384, 65 * 512, 600 * 512};
	uint64_t nops = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
	uint64_t done = 0;
	bool ok = true;

	printf("seed %" PRIu64 "\n", seed);
	for (size_t i = 0; ok && done < nops; i++) {
		uint64_t npages = shapes[i % ARRAY_SIZE(shapes)];
		/* The oracle scans: fewer operations where there is more to scan. */
		uint64_t n = npages > 20000 ? 2000 : 40000;

		ok = run(npages, n, seed + i);
		done += n;
	}
	printf("%" PRIu64 " operations compared: %s\n", done, ok ? "no difference" : "DIFFERENT");
	return ok ? 0 : 1;
}
