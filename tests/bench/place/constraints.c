/*
 * constraints - what alignment, bounds, a boundary, and another end to begin at add to the cost of a plain placement
 *
 * Role:       2^20 pages at 90 % occupancy, one identically prepared allocator for each kind of request, the kinds in turns; prints
 *             each beside plain, for two states of the region.
 * Uses:       churn.h, bench_place.h
 *
 * The two states: "scattered" - filled, then thinned out at random, so that holes are everywhere alike; "settled" - after that, four
 * plain pairs for each extent, which leaves low pages dense and high ones loose; victims of bounded requests are then drawn within the
 * bounds, since little but what they leave is free there.
 *
 * A pair frees a random extent, anywhere, and places a new one (geometric lengths, mean 4) under the constraint. After a list of 32
 * pairs all is undone, not timed: the new extents are freed, the victims taken again where they were. So the state never wears off,
 * and all kinds go on meeting the same one; constraints would otherwise use up what meets them. The first list of a turn is not timed.
 * Every placement is checked against its constraint. Placements that fail are counted, and are in the times.
 * The goal: aligned, bounded and last at most twice plain at the median.
 */
#include <inttypes.h>
#include <stdio.h>

#include "bench_place.h"
#include "churn.h"

#define SIZE_LOG2 20
#define SETTLE_PAIRS 4 /* for each extent */
#define LIST 32
#define ROUNDS 301
#define LISTS_A_TURN 8 /* half of them are timed as a whole, half pair by pair */
#define NKINDS 11

struct kind {
	const char *name, *goal;
	struct pagealloc_request req;
	bool plain; /* pagealloc_alloc() instead of the request */
	bool best_fit;
	struct churn churn;
	struct timing timing;
	uint64_t random;
	uint64_t npairs, nfailed;
	bool unavailable;
	bool inside; /* victims lie within the bounds */
};

static void kinds_init(struct kind kinds[NKINDS], uint64_t npages)
{
	const struct kind all[NKINDS] = {
		{.name = "plain", .plain = true},
		{.name = "aligned to 16", .goal = "2", .req = {.align_npages = 16}},
		{.name = "aligned to 512", .goal = "2", .req = {.align_npages = 512}},
		{.name = "lower half", .goal = "2", .req = {.limit = npages / 2}},
		{.name = "upper half", .goal = "2", .req = {.first = npages / 2}},
		{.name = "window of 8192",
		 .goal = "2",
		 .req = {.first = npages / 8 * 5, .limit = npages / 8 * 5 + 8192}},
		{.name = "boundary of 64", .req = {.boundary_npages = 64}},
		{.name = "last", .goal = "2", .req = {.strategy = PAGEALLOC_LAST}},
		{.name = "last, aligned to 16",
		 .req = {.align_npages = 16, .strategy = PAGEALLOC_LAST}},
		{.name = "best", .req = {.strategy = PAGEALLOC_BEST}, .best_fit = true},
		{.name = "plain, with best's index", .plain = true, .best_fit = true},
	};

	for (size_t i = 0; i < NKINDS; i++)
		kinds[i] = all[i];
}

static void prepare(struct kind *k, unsigned size_log2, bool settled, uint64_t seed)
{
	const struct churn_config config = {
		.law = LAW_MIXED,
		.limit_log2 = size_log2,
		.grown_log2 = size_log2,
		.best_fit = k->best_fit,
		.percent = 90,
		.seed = seed,
	};

	k->random = seed;
	k->inside = settled;
	k->unavailable = k->best_fit && !bench_has_best();
	if (k->unavailable)
		return;
	churn_init(&k->churn, &config);
	if (settled)
		churn_run(&k->churn, SETTLE_PAIRS * k->churn.live.n, PAIRS_UNTIMED);
}

/* Draw an extent, in the settled state one within the bounds of the request. */
static void draw_victim(struct kind *k, struct pair *p)
{
	const uint64_t limit = k->req.limit ? k->req.limit : UINT64_MAX;

	for (;;) {
		p->victim_npages = live_take(&k->churn.live, &k->random, &p->victim);
		if (!k->inside ||
		    (p->victim >= k->req.first && p->victim + p->victim_npages <= limit))
			return;
		live_add(&k->churn.live, p->victim, p->victim_npages);
	}
}

static void draw(struct kind *k, struct pair *list)
{
	for (unsigned i = 0; i < LIST; i++) {
		draw_victim(k, &list[i]);
		list[i].npages = law_geometric(&k->random);
		list[i].page = PAGEALLOC_PAGE_NONE;
	}
}

/* Put everything back to where it was before the list. */
static void undo(struct kind *k, const struct pair *list)
{
	for (unsigned i = 0; i < LIST; i++) {
		if (list[i].page == PAGEALLOC_PAGE_NONE)
			continue;
		k->req.npages = list[i].npages;
		if (!k->plain && !pagealloc_fits(k->churn.pa, &k->req, list[i].page))
			measure_fail("%s: %" PRIu32 " pages at %" PRIu64 " do not fit", k->name,
				     list[i].npages, list[i].page);
		if (pagealloc_free(k->churn.pa, list[i].page, list[i].npages))
			measure_fail("%s: free was refused", k->name);
	}
	for (unsigned i = 0; i < LIST; i++) {
		if (pagealloc_alloc_range(k->churn.pa, list[i].victim, list[i].victim_npages, NULL))
			measure_fail("%s: pages that were given back are not free", k->name);
		live_add(&k->churn.live, list[i].victim, list[i].victim_npages);
	}
}

/* A placement has failed. Is that right? */
static void check_failed(struct kind *k, uint32_t npages)
{
	struct pagealloc_request req = k->req;
	uint64_t longest;

	req.npages = npages;
	if (pagealloc_largest_placed(k->churn.pa, &req, &longest) || longest >= npages)
		measure_fail("%s: no place for %" PRIu32 " pages, but there is one", k->name,
			     npages);
}

static void list_run(struct kind *k, enum pairs_mode mode)
{
	struct pair list[LIST];
	unsigned done = 0;

	draw(k, list);
	while (done < LIST) {
		done += pairs_run(k->churn.pa, k->plain ? NULL : &k->req, &list[done], LIST - done,
				  mode, &k->timing);
		if (list[done - 1].page == PAGEALLOC_PAGE_NONE) {
			k->nfailed++;
			check_failed(k, list[done - 1].npages);
		}
	}
	k->npairs += LIST;
	pairs_close(&k->timing);
	undo(k, list);
}

static void turn(struct kind *k)
{
	if (k->unavailable)
		return;
	list_run(k, PAIRS_UNTIMED);
	for (unsigned i = 0; i < LISTS_A_TURN; i++)
		list_run(k, i % 2 ? PAIRS_SINGLE : PAIRS_WHOLE);
}

static void print(struct kind *kinds)
{
	double plain = 0, ns;

	printf("  %-24s  ns per pair  to plain  goal  alone: 50 %%     99.9 %%  failed %%\n",
	       "kind");
	for (size_t i = 0; i < NKINDS; i++) {
		struct kind *k = &kinds[i];

		if (k->unavailable) {
			printf("  %-24s  not available\n", k->name);
			continue;
		}
		ns = samples_quantile(&k->timing.batch, 0.5);
		plain = i ? plain : ns;
		printf("  %-24s  %11.1f  %8.2f  %4s  %11.1f  %9.1f  %8.3f\n", k->name, ns,
		       ns / plain, k->goal ? k->goal : "", samples_quantile(&k->timing.pair, 0.5),
		       samples_quantile(&k->timing.pair, 0.999),
		       100 * (double)k->nfailed / (double)k->npairs);
	}
}

void bench_constraints(const struct bench_options *o)
{
	const unsigned size_log2 = o->log2 ? o->log2 : o->quick ? 16 : SIZE_LOG2;
	const unsigned rounds = o->rounds ? o->rounds : o->quick ? 2 : ROUNDS;
	static struct kind kinds[NKINDS];

	for (int settled = 0; settled <= 1; settled++) {
		kinds_init(kinds, UINT64_C(1) << size_log2);
		for (size_t i = 0; i < NKINDS; i++)
			prepare(&kinds[i], size_log2, settled, o->seed);
		for (unsigned round = 0; round < rounds; round++)
			for (size_t i = 0; i < NKINDS; i++)
				turn(&kinds[i]);
		printf("%s, 2^%u pages, 90 %% in use\n", settled ? "settled" : "scattered",
		       size_log2);
		print(kinds);
		for (size_t i = 0; i < NKINDS; i++) {
			churn_deinit(&kinds[i].churn);
			pairs_clear(&kinds[i].timing);
		}
	}
}
