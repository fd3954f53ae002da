/*
 * histogram - durations, counted by how long they are
 *
 * Role:       see histogram.h.
 * Uses:       libc
 */
#include "client/cli/histogram.h"

/* Below HISTOGRAM_PARTS each number has a count of its own; above, each power of two has so many. */
static unsigned slot(uint64_t ns)
{
	unsigned log2;

	if (ns < HISTOGRAM_PARTS)
		return (unsigned)ns;
	log2 = 63 - (unsigned)__builtin_clzll(ns);
	return (log2 - 4) * HISTOGRAM_PARTS + (unsigned)(ns >> (log2 - 5)) - HISTOGRAM_PARTS;
}

/* The largest number that is counted there. */
static uint64_t slot_end(unsigned i)
{
	unsigned log2 = i / HISTOGRAM_PARTS + 4;

	if (i < HISTOGRAM_PARTS)
		return i;
	return ((uint64_t)(HISTOGRAM_PARTS + i % HISTOGRAM_PARTS + 1) << (log2 - 5)) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	h->n++;
	if (ns > h->max_ns)
		h->max_ns = ns;
	h->counts[slot(ns)]++;
}

void histogram_merge(struct histogram *h, const struct histogram *from)
{
	h->n += from->n;
	if (from->max_ns > h->max_ns)
		h->max_ns = from->max_ns;
	for (unsigned i = 0; i < HISTOGRAM_COUNTS; i++)
		h->counts[i] += from->counts[i];
}

uint64_t histogram_percentile(const struct histogram *h, unsigned per_mille)
{
	uint64_t rank = (h->n * per_mille + 999) / 1000, seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_COUNTS && per_mille < 1000; i++) {
		seen += h->counts[i];
		if (seen >= rank && seen)
			return slot_end(i) < h->max_ns ? slot_end(i) : h->max_ns;
	}
	return h->max_ns;
}
