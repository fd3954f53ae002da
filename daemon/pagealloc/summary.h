/*
 * summary - the free runs of a subtree in one word: at its beginning, the longest, at its end
 *
 * Role:       packing, unpacking and merging; unpacked for the few that describe more than 2^21 pages. 0 says "nothing free", which is also what memory that was never touched says.
 * Uses:       pagealloc/geometry.h
 * Invariants: U1  start, max, end <= pages covered; start, end <= max.
 *             U2  max = 2^21 is stored as bit 63 alone: the three fields would not fit.
 */
#ifndef PALLOCD_PAGEALLOC_SUMMARY_H
#define PALLOCD_PAGEALLOC_SUMMARY_H

#include <stdint.h>

#include "base/macros.h"
#include "pagealloc/geometry.h"

#define SUMMARY_FIELD ((UINT64_C(1) << SUMMARY_NPAGES_LOG) - 1)
#define SUMMARY_WHOLE (UINT64_C(1) << 63)

struct summary {
	uint64_t start, max, end; /* pages */
};

static inline uint64_t longest_of(uint64_t a, uint64_t b, uint64_t c)
{
	a = b > a ? b : a;
	return c > a ? c : a;
}

/** summary_pack() - the word for three runs. Source: reference, packPallocSum. */
static inline uint64_t summary_pack(uint64_t start, uint64_t max, uint64_t end)
{
	if (UNLIKELY(max > SUMMARY_FIELD))
		return SUMMARY_WHOLE;
	return start | max << SUMMARY_NPAGES_LOG | end << (2 * SUMMARY_NPAGES_LOG);
}

static inline uint64_t summary_start(uint64_t s)
{
	return UNLIKELY(s >> 63) ? SUMMARY_FIELD + 1 : s & SUMMARY_FIELD;
}

static inline uint64_t summary_max(uint64_t s)
{
	return UNLIKELY(s >> 63) ? SUMMARY_FIELD + 1 : (s >> SUMMARY_NPAGES_LOG) & SUMMARY_FIELD;
}

static inline uint64_t summary_end(uint64_t s)
{
	return UNLIKELY(s >> 63) ? SUMMARY_FIELD + 1 : s >> (2 * SUMMARY_NPAGES_LOG);
}

static inline struct summary summary_unpack(uint64_t s)
{
	return (struct summary){summary_start(s), summary_max(s), summary_end(s)};
}

/** summary_free() - the word for 2^@log pages that are all free. */
static inline uint64_t summary_free(unsigned log)
{
	uint64_t n = UINT64_C(1) << log;

	return summary_pack(n, n, n);
}

/* Fields of a word that is not SUMMARY_WHOLE: no summary below the largest is. */
static inline struct summary summary_fields(uint64_t s)
{
	return (struct summary){s & SUMMARY_FIELD, (s >> SUMMARY_NPAGES_LOG) & SUMMARY_FIELD,
				s >> (2 * SUMMARY_NPAGES_LOG)};
}

/**
 * summary_merge() - the summary of @n neighbouring entries of 2^@log pages each; @log is below SUMMARY_NPAGES_LOG
 *
 * Source: reference, mergeSummaries.
 */
static inline uint64_t summary_merge(const uint64_t *sums, unsigned n, unsigned log)
{
	const uint64_t whole = UINT64_C(1) << log;
	uint64_t start = summary_fields(sums[0]).start, max = 0, run = 0, any = 0;

	/*
	 * Among pages in use, what was given and taken again at once leaves entries to be merged that are all 0 still. No other branch depends
	 * on the sums: they are what a predictor can't know.
	 */
	for (unsigned i = 0; i < n; i++)
		any |= sums[i];
	if (!any)
		return 0;
#pragma GCC unroll 8
	for (unsigned i = 0; i < n; i++) {
		struct summary s = summary_fields(sums[i]);
		uint64_t most;

		run += s.start;
		most = run > s.max ? run : s.max;
		max = most > max ? most : max;
		run = s.start == whole ? run : s.end;
	}
	/* But for the run at the start, which seldom goes beyond the first entry. */
	for (unsigned i = 1; UNLIKELY(start == i * whole) && i < n; i++)
		start += summary_fields(sums[i]).start;
	return summary_pack(start, max, run);
}

/** summary_merge_wide() - summary_merge() for unpacked summaries of any size. */
static inline struct summary summary_merge_wide(const struct summary *sums, unsigned n,
						unsigned log)
{
	const uint64_t whole = UINT64_C(1) << log;
	uint64_t start = sums[0].start, max = 0, run = 0;

#pragma GCC unroll 8
	for (unsigned i = 0; i < n; i++) {
		run += sums[i].start;
		max = longest_of(max, run, sums[i].max);
		run = sums[i].start == whole ? run : sums[i].end;
	}
	for (unsigned i = 1; UNLIKELY(start == i * whole) && i < n; i++)
		start += sums[i].start;
	return (struct summary){start, max, run};
}

#endif
