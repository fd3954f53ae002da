/*
 * law - how long the extents are that the placement benchmarks ask for
 *
 * Role:       one function from random numbers to lengths.
 * Uses:       measure.h
 */
#ifndef PALLOCD_BENCH_PLACE_LAW_H
#define PALLOCD_BENCH_PLACE_LAW_H

#include <stdint.h>

#include "measure.h"

enum law {
	LAW_ONE,       /* 1 page each */
	LAW_GEOMETRIC, /* 1 page at least, one more with 3 chances in 4, and so on: mean 4 */
	LAW_UNIFORM,   /* 1 to 2047 pages, mean 1024 */
	LAW_MIXED,     /* geometric, but one in 256 has 32 to 255 pages: mean 4.5 */
};

static inline const char *law_name(enum law law)
{
	static const char *const names[] = {"1 page", "geometric, mean 4", "uniform 1-2047",
					    "mixed"};

	return names[law];
}

static inline uint16_t law_geometric(uint64_t *random)
{
	uint64_t bits = measure_random(random);
	unsigned n = 1;

	/* 31 steps at the most: one in 7500 would be longer */
	for (; bits & 3 && n < 32; bits >>= 2)
		n++;
	return (uint16_t)n;
}

/** law_draw() - the length of the next extent, in pages. */
static inline uint16_t law_draw(enum law law, uint64_t *random)
{
	switch (law) {
	case LAW_ONE:
		return 1;
	case LAW_GEOMETRIC:
		return law_geometric(random);
	case LAW_UNIFORM:
		return (uint16_t)(1 + measure_below(random, 2047));
	case LAW_MIXED:
		if (measure_below(random, 256) == 0)
			return (uint16_t)(32 + measure_below(random, 224));
		return law_geometric(random);
	}
	return 1;
}

#endif
