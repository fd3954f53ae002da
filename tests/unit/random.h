/*
 * random - numbers that look random and can be had again
 *
 * Role:       every random test prints its seed; SEED in the environment repeats it.
 * Uses:       base/clock.h
 */
#ifndef PALLOCD_TESTS_RANDOM_H
#define PALLOCD_TESTS_RANDOM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

struct random {
	uint64_t state;
};

/** random_init() - seeded by SEED or the clock; says so on stdout. */
static inline void random_init(struct random *r, const char *test)
{
	const char *seed = getenv("SEED");

	r->state = seed ? strtoull(seed, NULL, 0) : clock_usec() * 1000 + (uint64_t)getpid();
	printf("%s: SEED=%" PRIu64 "\n", test, r->state);
	fflush(stdout);
}

/** random_below() - 0 to @n - 1. Splitmix64: any seed is a good one. */
static inline uint64_t random_below(struct random *r, uint64_t n)
{
	uint64_t z = (r->state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return (z ^ (z >> 31)) % n;
}

#endif
