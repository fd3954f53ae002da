/*
 * hist - a log-linear histogram of nanoseconds
 *
 * Role:       counts latencies in buckets that are at most 1/256 of their value wide, so that quantiles
 *             of two histograms may be divided by each other to better than half a percent.
 * Uses:       nothing.
 */
#ifndef BENCH_RPC_HIST_H
#define BENCH_RPC_HIST_H

#include <stdint.h>

/* Buckets of an octave, as a power of two; and the octaves above the exact part: up to 2^41 ns, 36 minutes. */
#define HIST_SUB_BITS 8u
#define HIST_NBUCKETS ((1u << HIST_SUB_BITS) * 34u)

struct hist {
	uint64_t n;
	uint64_t bucket[HIST_NBUCKETS];
};

/** hist_add() - count one value; what is beyond the last bucket counts as the last. */
static inline void hist_add(struct hist *h, uint64_t ns)
{
	unsigned shift = 0;
	uint64_t i;

	if (ns >= (UINT64_C(1) << (HIST_SUB_BITS + 1)))
		shift = 63u - (unsigned)__builtin_clzll(ns) - HIST_SUB_BITS;
	i = ((uint64_t)shift << HIST_SUB_BITS) + (ns >> shift);
	h->bucket[i < HIST_NBUCKETS ? i : HIST_NBUCKETS - 1]++;
	h->n++;
}

/** hist_quantile() - the middle of the bucket in which quantile @q, from 0 to 1, lies; 0 for an empty histogram. */
double hist_quantile(const struct hist *h, double q);

#endif
