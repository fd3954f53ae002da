/*
 * hist - quantiles of a log-linear histogram
 *
 * Role:       see hist.h.
 * Uses:       nothing.
 */
#include "hist.h"

double hist_quantile(const struct hist *h, double q)
{
	uint64_t wanted = (uint64_t)(q * (double)h->n), seen = 0;

	for (unsigned i = 0; i < HIST_NBUCKETS; i++) {
		unsigned shift = i >> (HIST_SUB_BITS + 1) ? (i >> HIST_SUB_BITS) - 1 : 0;
		uint64_t low = (uint64_t)(i - (shift << HIST_SUB_BITS)) << shift;

		seen += h->bucket[i];
		if (seen > wanted || (seen == h->n && seen))
			return (double)low + (double)((UINT64_C(1) << shift) - 1) / 2;
	}
	return 0;
}
