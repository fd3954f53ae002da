/*
 * bench_place - what the four measurements of placement share: options and entry points
 *
 * Role:       the border between the command line and the measurements.
 * Uses:       pagealloc/
 */
#ifndef PALLOCD_BENCH_PLACE_BENCH_PLACE_H
#define PALLOCD_BENCH_PLACE_BENCH_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "pagealloc/pagealloc.h"

struct bench_options {
	uint64_t seed;
	unsigned rounds;    /* 0: the measurement's own default */
	bool large;         /* content: also 2^28 pages */
	bool quick;         /* a short run at small sizes, whose times mean nothing */
	unsigned log2;      /* constraints, adverse: pages of the region; 0: the default */
	unsigned nsearches; /* adverse: later searches of each kind */
	double seconds;     /* adverse: no more later searches of a kind after that time */
	enum pagealloc_strategy strategy; /* content */
};

/* Each prints its table, and ends the program with 1 if the allocator does something wrong. */
void bench_space(const struct bench_options *o);
void bench_content(const struct bench_options *o);
void bench_constraints(const struct bench_options *o);
void bench_adverse(const struct bench_options *o);

/** bench_has_best() - does the allocator know PAGEALLOC_BEST? */
bool bench_has_best(void);

#endif
