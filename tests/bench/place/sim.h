/*
 * sim - first fit and best fit as anyone would write them: a sorted list of free runs, looked through from the beginning
 *
 * Role:       the yardstick for utilisation, and what says where extents must go. Shares nothing with the allocator.
 * Uses:       measure.h
 */
#ifndef PALLOCD_BENCH_PLACE_SIM_H
#define PALLOCD_BENCH_PLACE_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_NONE UINT64_MAX

struct sim_run {
	uint64_t first, npages;
};

struct sim {
	bool best;
	struct sim_run *runs; /* by address; two never touch */
	size_t n, capacity;
};

/** sim_init() - pages 0 to @npages - 1, all free. @best: the shortest run that fits, of these the lowest; otherwise the lowest. */
void sim_init(struct sim *s, uint64_t npages, bool best);
void sim_deinit(struct sim *s);

/** sim_take() - Return: the first page, SIM_NONE if nothing is long enough. O(free runs). */
uint64_t sim_take(struct sim *s, uint64_t npages);

/** sim_give() - pages that are taken become free. O(free runs). */
void sim_give(struct sim *s, uint64_t page, uint64_t npages);

#endif
