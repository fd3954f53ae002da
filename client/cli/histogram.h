/*
 * histogram - durations, counted by how long they are
 *
 * Role:       as much as percentiles need, in a memory that does not grow: each count is for durations within 1/32 of each other.
 * Uses:       libc
 */
#ifndef PACLIENT_CLI_HISTOGRAM_H
#define PACLIENT_CLI_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PARTS 32u /* of each power of two */
#define HISTOGRAM_COUNTS (60u * HISTOGRAM_PARTS)

struct histogram {
	uint64_t n;
	uint64_t max_ns;
	uint64_t counts[HISTOGRAM_COUNTS];
};

/** histogram_add() - one more duration. */
void histogram_add(struct histogram *h, uint64_t ns);

/** histogram_merge() - those of @from, too. */
void histogram_merge(struct histogram *h, const struct histogram *from);

/** histogram_percentile() - so many of a thousand are no longer than this, to 1/32; 1000 is exact. 0 where there is none. */
uint64_t histogram_percentile(const struct histogram *h, unsigned per_mille);

#endif
