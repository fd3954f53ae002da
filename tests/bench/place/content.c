/*
 * content - does more content make placing dearer?
 *
 * Role:       2^15, 2^20, 2^24 and (with --large) 2^28 pages, all grown, 90 % in use, under three laws of length; pairs free a
 *             random extent and place a new one. Prints what a pair costs and what the metadata takes.
 * Uses:       churn.h, bench_place.h
 *
 * After being filled and thinned out at random, each allocator has seen as many pairs as it has extents before anything is timed, so
 * that it is as it would be after a long time. Sizes take turns. In each turn, half of the batches are timed as a whole, for the mean;
 * the other half pair by pair, for the quantile. What the harness does is not in the time: victims and lengths of a list of
 * pairs are drawn before the clock starts (pairs.h). A list is no longer than an eighth of the extents: at 2^15 pages under the
 * uniform law it has 3 pairs, which makes each look a little dearer, since fences stand at both ends.
 * A placement that fails though a run is long enough ends the program.
 * The goal: at most 4 between the dearest and the cheapest size of a law.
 */
#include <inttypes.h>
#include <stdio.h>

#include "bench_place.h"
#include "churn.h"

#define ROUNDS 31
#define WARM_UP_PAIRS 4096
#define TURN_PAIRS 16384 /* of each kind */
#define NSIZES 4

static const enum law laws[] = {LAW_ONE, LAW_GEOMETRIC, LAW_UNIFORM};
static const unsigned sizes_log2[NSIZES] = {15, 20, 24, 28};
static const unsigned quick_log2[NSIZES] = {15, 16, 17, 18};

static void turn(struct churn *c)
{
	churn_run(c, WARM_UP_PAIRS, PAIRS_UNTIMED);
	churn_run(c, TURN_PAIRS, PAIRS_WHOLE);
	churn_run(c, TURN_PAIRS, PAIRS_SINGLE);
}

/* Return: ns per pair. */
static double print_size(struct churn *c)
{
	double ns = samples_quantile(&c->timing.batch, 0.5);
	struct pagealloc_stat stat;

	pagealloc_stat(c->pa, &stat);
	printf("  2^%-2u   %11.1f   %8.1f   %8.1f   %9.4f   %14.2f   %8.3f\n", c->config.grown_log2,
	       ns, samples_quantile(&c->timing.pair, 0.5), samples_quantile(&c->timing.pair, 0.999),
	       (double)stat.metadata_bytes / (double)stat.grown_npages,
	       100 * c->occupancy_sum / (double)c->nbatches,
	       100 * (double)c->nfailed / (double)c->npairs);
	return ns;
}

static void print_law(struct churn *churns, unsigned nsizes)
{
	double lo = 0, hi = 0, first = 0, ns = 0;

	printf("%s\n  pages  ns per pair   alone: 50 %%     99.9 %%   bytes/page   pages in use %% "
	       "  failed %%\n",
	       law_name(churns[0].config.law));
	for (unsigned i = 0; i < nsizes; i++) {
		ns = print_size(&churns[i]);
		first = i ? first : ns;
		lo = i && lo < ns ? lo : ns;
		hi = hi > ns ? hi : ns;
	}
	printf("  largest to smallest size: %.2f; dearest to cheapest: %.2f (goal: at most 4)\n",
	       ns / first, hi / lo);
}

static void run_law(const struct bench_options *o, enum law law)
{
	const unsigned rounds = o->rounds ? o->rounds : o->quick ? 1 : ROUNDS;
	const unsigned nsizes = o->large ? NSIZES : NSIZES - 1;
	static struct churn churns[NSIZES];

	for (unsigned i = 0; i < nsizes; i++) {
		const unsigned size_log2 = o->quick ? quick_log2[i] : sizes_log2[i];
		const struct churn_config config = {
			.law = law,
			.limit_log2 = size_log2,
			.grown_log2 = size_log2,
			.best_fit = o->strategy == PAGEALLOC_BEST,
			.strategy = o->strategy,
			.percent = 90,
			.seed = o->seed,
		};

		churn_init(&churns[i], &config);
		churn_run(&churns[i], churns[i].live.n, PAIRS_UNTIMED);
	}
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < nsizes; i++)
			turn(&churns[i]);
	print_law(churns, nsizes);
	for (unsigned i = 0; i < nsizes; i++)
		churn_deinit(&churns[i]);
}

void bench_content(const struct bench_options *o)
{
	if (o->strategy == PAGEALLOC_BEST && !bench_has_best()) {
		printf("best: not available\n");
		return;
	}
	printf("an empty interval takes %.1f ns, which are taken off; timed alone, a pair waits "
	       "for its memory\n",
	       measure_empty_ns());
	for (unsigned i = 0; i < sizeof(laws) / sizeof(*laws); i++)
		run_law(o, laws[i]);
}
