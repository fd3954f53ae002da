/*
 * live - the extents that a benchmark holds, to draw one of them at random
 *
 * Role:       an array from which any element goes by putting the last one into its place. Compact, since it may hold a quarter of a
 *             thousand million extents: 4 bytes for the first page, 2 for the length, and these only if lengths differ.
 * Uses:       measure.h
 */
#ifndef PALLOCD_BENCH_PLACE_LIVE_H
#define PALLOCD_BENCH_PLACE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct live {
	uint32_t *page;
	uint16_t *npages; /* NULL: 1 page each */
	size_t n, capacity;
};

/** live_init() - room for @expected extents at first. @lengths: not all of them are of 1 page. */
void live_init(struct live *l, size_t expected, bool lengths);
void live_deinit(struct live *l);

/** live_add() - hold another one. */
void live_add(struct live *l, uint64_t page, unsigned npages);

/** live_take() - let go of one that is drawn at random; there must be one. Return: its length in pages. */
unsigned live_take(struct live *l, uint64_t *random, uint64_t *ret_page);

#endif
