/*
 * adverse - how long a search takes where next to nothing fits
 *
 * Role:       a region that is all grown and cut to pieces: everywhere there are runs that look as if the request could lie in them,
 *             and it can in none, or in one that was made by hand at the end which the search comes to last. Prints the time of the
 *             first search, of a thousand later ones, and of a plain placement of a page in the same region. A search is made as the
 *             daemon makes it: in calls that look into so many chunks in vain and then let others have their turn; the longest
 *             of these calls is what the others wait for.
 * Uses:       pagealloc/, measure.h, bench_place.h
 *
 * A pattern repeats a free run at equal distances. Before the first search of a kind everything cached is made anew
 * (pagealloc_rebuild()), so that it knows nothing from the kinds before it. Before each later one, runs at random places
 * are taken and others given back, as other clients would; none of that makes a place. Searches ask (pagealloc_place()) and do not take.
 * A later search of pattern "many" asks with one of a number of alignments and boundaries, in turns; none of them has a place.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_place.h"
#include "measure.h"

#define SIZE_LOG2 24
#define NTAKEN 1024  /* runs of the pattern that are taken at a time, or an eighth of all */
#define TAKEN_STEP 4 /* of which so many change between two searches */
#define NPLAIN 10001
#define CALL_NCHUNKS 4096 /* the daemon's REGION_SEARCH_NCHUNKS */
#define MANY_LOG2 16

struct pattern {
	const char *name;
	uint64_t period, offset, npages; /* free: npages from every multiple of period + offset */
	struct pagealloc_request req;
	bool many; /* the later searches take turns in constraints */
};

static const struct pattern patterns[] = {
	{"a: every second page; 2 pages", 2, 1, 1, {.npages = 2}, false},
	{"b: runs of 2 beside 2; 2 pages aligned to 2",
	 4,
	 1,
	 2,
	 {.npages = 2, .align_npages = 2},
	 false},
	{"c: runs of 512 beside 512; 512 pages aligned to 512",
	 1024,
	 256,
	 512,
	 {.npages = 512, .align_npages = 512},
	 false},
	{"d: runs of 4 across 8; 3 pages in 4",
	 8,
	 6,
	 4,
	 {.npages = 3, .boundary_npages = 4},
	 false},
	{"e: as b, many alignments and boundaries",
	 4,
	 1,
	 2,
	 {.npages = 2, .align_npages = 2},
	 true},
};

struct adverse {
	const struct pattern *pattern;
	struct pagealloc *pa;
	uint64_t npages, nperiods, ntaken;
	/* Periods whose run is taken; 0: none (the first and the last never are). */
	uint64_t taken[NTAKEN];
	uint64_t random;
	double longest; /* ns of one call */
};

static void must(int err, const char *what)
{
	if (err)
		measure_fail("adverse: %s: %d", what, err);
}

/* First page of a period's run; a run may reach into the next period. */
static uint64_t run_of(const struct adverse *a, uint64_t period)
{
	return period * a->pattern->period + a->pattern->offset;
}

/* Both ends of the region stay free of runs, so that places can be made there. */
static void build(struct adverse *a, const struct pattern *pattern, unsigned size_log2,
		  uint64_t seed)
{
	const struct pagealloc_config config = {.limit_npages = UINT64_C(1) << size_log2};

	*a = (struct adverse){.pattern = pattern,
			      .npages = config.limit_npages,
			      .nperiods = config.limit_npages / pattern->period,
			      .random = seed};
	a->ntaken = a->nperiods / 8 < NTAKEN ? a->nperiods / 8 : NTAKEN;
	must(pagealloc_new(&config, &a->pa), "new");
	must(pagealloc_grow(a->pa, 0, a->npages), "grow");
	must(pagealloc_alloc_range(a->pa, 0, a->npages, NULL), "taking all");
	for (uint64_t i = 1; i + 2 < a->nperiods; i++)
		must(pagealloc_free(a->pa, run_of(a, i), pattern->npages), "freeing a run");
}

/* Some of the runs are taken, others come back. */
static void disturb(struct adverse *a)
{
	for (int i = 0; i < TAKEN_STEP; i++) {
		uint64_t *slot = &a->taken[measure_below(&a->random, a->ntaken)];
		uint64_t period = 1 + measure_below(&a->random, a->nperiods - 3);

		if (*slot)
			must(pagealloc_free(a->pa, run_of(a, *slot), a->pattern->npages),
			     "giving a run back");
		*slot = 0;
		if (!pagealloc_alloc_range(a->pa, run_of(a, period), a->pattern->npages, NULL))
			*slot = period;
	}
}

/* The request of the @i-th later search. */
static struct pagealloc_request request(const struct adverse *a, bool last, uint64_t i)
{
	struct pagealloc_request req = a->pattern->req;

	req.strategy = last ? PAGEALLOC_LAST : PAGEALLOC_FIRST;
	if (a->pattern->many && i % (MANY_LOG2 + 1) == MANY_LOG2) {
		req.align_npages = 0;
		req.boundary_npages = 2;
	} else if (a->pattern->many) {
		req.align_npages = UINT64_C(2) << i % (MANY_LOG2 + 1);
	}
	return req;
}

/* Return: ns. @want: where the place is, PAGEALLOC_PAGE_NONE if there is none. */
static double search(struct adverse *a, const struct pagealloc_request *req, uint64_t want)
{
	uint64_t page = PAGEALLOC_PAGE_NONE, begin, end;
	double ns, total = 0;
	int err;

	do {
		pagealloc_set_budget(a->pa, CALL_NCHUNKS);
		begin = measure_now();
		err = pagealloc_place(a->pa, req, &page);
		end = measure_now();
		ns = measure_ns((double)measure_ticks(begin, end));
		a->longest = ns > a->longest ? ns : a->longest;
		total += ns;
	} while (err == PAGEALLOC_E_AGAIN);
	if (err ? err != PAGEALLOC_E_NO_RUN || want != PAGEALLOC_PAGE_NONE : page != want)
		measure_fail("adverse: %s: outcome %d, page %" PRIu64 ", wanted page %" PRIu64,
			     a->pattern->name, err, page, want);
	return total;
}

/* One kind of search: the first, and later ones. */
static void measure(struct adverse *a, const struct bench_options *o, bool last, uint64_t want)
{
	struct pagealloc_request req = request(a, last, 0);
	struct samples later = {0};
	double first, spent = 0;

	pagealloc_rebuild(a->pa);
	a->longest = 0;
	first = search(a, &req, want);
	for (unsigned i = 0; i < o->nsearches && spent < o->seconds * 1e9; i++) {
		disturb(a);
		req = request(a, last, i);
		samples_add(&later, search(a, &req, want));
		spent += (double)later.v[later.n - 1];
	}
	printf("  %-5s  %-12s  %12.0f  %12.0f  %10.0f  %12.0f  %12.0f  %8zu\n",
	       last ? "last" : "first", want == PAGEALLOC_PAGE_NONE ? "none" : "at the end", first,
	       a->longest, samples_quantile(&later, 0.5), samples_quantile(&later, 0.999),
	       samples_quantile(&later, 1), later.n);
	samples_clear(&later);
}

/* A place at the end that the search comes to last: @npages free from @page, where the request then fits at @page. */
static void measure_place(struct adverse *a, const struct bench_options *o, bool last)
{
	uint64_t npages = a->pattern->req.npages;
	/* A multiple of every period, so of every alignment and boundary. */
	uint64_t page = last ? 0 : a->npages - a->pattern->period;

	must(pagealloc_free(a->pa, page, npages), "making a place");
	measure(a, o, last, page);
	must(pagealloc_alloc_range(a->pa, page, npages, NULL), "taking the place away");
}

/* What a plain placement of a page costs here, while runs come and go. */
static void measure_plain(struct adverse *a)
{
	struct samples ns = {0};

	for (int i = 0; i < NPLAIN; i++) {
		uint64_t begin, end, page;
		int err;

		disturb(a);
		begin = measure_now();
		err = pagealloc_alloc(a->pa, 1, &page, NULL);
		end = measure_now();
		must(err, "plain alloc of a page");
		must(pagealloc_free(a->pa, page, 1), "free of a page");
		samples_add(&ns, measure_ns((double)measure_ticks(begin, end)));
	}
	printf("  plain alloc of a page  %12s  %12s  %10.0f  %12.0f  %12.0f  %8zu\n", "", "",
	       samples_quantile(&ns, 0.5), samples_quantile(&ns, 0.999), samples_quantile(&ns, 1),
	       ns.n);
	samples_clear(&ns);
}

void bench_adverse(const struct bench_options *o)
{
	const unsigned size_log2 = o->log2 ? o->log2 : o->quick ? 16 : SIZE_LOG2;
	static struct adverse a;

	printf("2^%u pages; ns\n", size_log2);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		build(&a, &patterns[i], size_log2, o->seed);
		printf("%s\n  %-5s  %-12s  %12s  %12s  %10s  %12s  %12s  %8s\n", patterns[i].name,
		       "from", "place", "first search", "longest call", "later 50 %", "99.9 %",
		       "most", "searches");
		for (int last = 0; last <= 1; last++) {
			measure(&a, o, last, PAGEALLOC_PAGE_NONE);
			if (!patterns[i].many)
				measure_place(&a, o, last);
		}
		measure_plain(&a);
		pagealloc_destroy(a.pa);
	}
}
