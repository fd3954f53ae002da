/*
 * churn - an allocator that is kept at an occupancy while extents of random lengths come and go
 *
 * Role:       fills an allocator by a law and frees at random until the occupancy is reached; then pairs: a random extent is
 *             freed, a new one placed. Stops the program where a placement fails although a run is long enough.
 * Uses:       pagealloc/, law.h, live.h, pairs.h
 *
 * A batch: victims and lengths are drawn, then the pairs run against the clock (pairs.h), then the new extents are entered and the
 * occupancy is put right. A placement that fails is counted; further extents are freed, not timed, until it succeeds.
 */
#ifndef PALLOCD_BENCH_PLACE_CHURN_H
#define PALLOCD_BENCH_PLACE_CHURN_H

#include <stdbool.h>
#include <stdint.h>

#include "law.h"
#include "live.h"
#include "pairs.h"

struct churn_config {
	enum law law;
	unsigned limit_log2, grown_log2; /* pages of the region, and those grown */
	unsigned nranges_log2; /* they are grown in ranges of equal size at equal distances */
	bool fence;    /* take the last page of each range, so that no run goes on in the next */
	bool best_fit; /* keep the index */
	enum pagealloc_strategy strategy;
	unsigned percent; /* occupancy */
	uint64_t seed;
};

struct churn {
	struct churn_config config;
	struct pagealloc *pa;
	struct pagealloc_request req;
	struct live live;
	struct pair pairs[PAIRS_BATCH];
	struct timing timing;
	uint64_t random;
	uint64_t npages, used, target;
	uint64_t npairs, nfailed; /* in batches, timed or not */
	uint64_t nbatches;
	double occupancy_sum; /* used pages / pages, after each batch */
	uint64_t checksum;    /* over the places of all pairs */
};

/** churn_init() - as @config says, filled and thinned out; nothing is timed. */
void churn_init(struct churn *c, const struct churn_config *config);
void churn_deinit(struct churn *c);

/** churn_run() - @n pairs at least; timed ones become samples of c->timing. */
void churn_run(struct churn *c, uint64_t n, enum pairs_mode mode);

/* Page numbers without the gaps between ranges, and back. */
uint64_t churn_pack(const struct churn *c, uint64_t page);
uint64_t churn_unpack(const struct churn *c, uint64_t packed);

#endif
