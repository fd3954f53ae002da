/*
 * space - does a larger address space make placing dearer?
 *
 * Role:       2^20 pages, grown in 64 ranges of 2^14 pages that lie at equal distances in regions of 2^20, 2^25, 2^30 and 2^36
 *             pages; in each the same pairs with the same random numbers at 90 % occupancy, in turns. What is placed where is
 *             compared too: apart from the gaps it must be the same.
 * Uses:       churn.h, bench_place.h
 *
 * The last page of each range is taken, or else a run could go on from one range to the next in the smallest region, where they
 * touch, and only there. Each turn begins with some pairs that are not timed, since the others have used the caches meanwhile.
 * The goal: at most 1.25 between the largest and the smallest.
 */
#include <inttypes.h>
#include <stdio.h>

#include "bench_place.h"
#include "churn.h"

#define GROWN_LOG2 20
#define NRANGES_LOG2 6
#define WARM_UP_PAIRS 4096
#define TURN_PAIRS 16384
#define ROUNDS 41

static const unsigned limits_log2[] = {20, 25, 30, 36};

#define NREGIONS (sizeof(limits_log2) / sizeof(*limits_log2))

struct region {
	struct churn churn;
	struct samples turns; /* ns per pair */
};

static void turn(struct region *r)
{
	churn_run(&r->churn, WARM_UP_PAIRS, PAIRS_UNTIMED);
	churn_run(&r->churn, TURN_PAIRS, PAIRS_WHOLE);
	samples_add(&r->turns, samples_mean(&r->churn.timing.batch));
	pairs_clear(&r->churn.timing);
}

static void compare(const struct region *r, const struct region *with)
{
	if (r->churn.checksum != with->churn.checksum)
		measure_fail("2^%u and 2^%u pages: the same pairs, but other places",
			     r->churn.config.limit_log2, with->churn.config.limit_log2);
}

static void print(struct region *regions)
{
	double first = 0, ns = 0;

	printf("pages of the region   ns per pair   fastest turn   pages in use %%   failed %%\n");
	for (size_t i = 0; i < NREGIONS; i++) {
		const struct churn *c = &regions[i].churn;

		ns = samples_quantile(&regions[i].turns, 0.5);
		first = i ? first : ns;
		printf("2^%-2u                  %11.1f   %12.1f   %14.2f   %8.3f\n", limits_log2[i],
		       ns, samples_quantile(&regions[i].turns, 0),
		       100 * c->occupancy_sum / (double)c->nbatches,
		       100 * (double)c->nfailed / (double)c->npairs);
	}
	printf("largest to smallest: %.3f (goal: at most 1.25)\n", ns / first);
}

void bench_space(const struct bench_options *o)
{
	const unsigned rounds = o->rounds ? o->rounds : o->quick ? 1 : ROUNDS;
	static struct region regions[NREGIONS];

	for (size_t i = 0; i < NREGIONS; i++) {
		const struct churn_config config = {
			.law = LAW_MIXED,
			.limit_log2 = limits_log2[i],
			.grown_log2 = GROWN_LOG2,
			.nranges_log2 = NRANGES_LOG2,
			.fence = true,
			.percent = 90,
			.seed = o->seed,
		};

		churn_init(&regions[i].churn, &config);
		churn_run(&regions[i].churn, regions[i].churn.live.n, PAIRS_UNTIMED);
	}
	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < NREGIONS; i++)
			turn(&regions[i]);
		for (size_t i = 1; i < NREGIONS; i++)
			compare(&regions[i], &regions[0]);
	}
	print(regions);
	for (size_t i = 0; i < NREGIONS; i++) {
		churn_deinit(&regions[i].churn);
		samples_clear(&regions[i].turns);
	}
}
