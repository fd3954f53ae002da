/*
 * scavenge - which pages of a chunk to release next
 *
 * Role:       the candidate search on its own, for tests.
 * Uses:       pagealloc/geometry.h
 */
#ifndef PALLOCD_PAGEALLOC_SCAVENGE_H
#define PALLOCD_PAGEALLOC_SCAVENGE_H

#include <stdint.h>

/* A run within a chunk; npages 0 = none. */
struct candidate {
	unsigned page, npages;
};

/**
 * scavenge_candidate() - the highest run of pages that are free and not scavenged
 * @from:        begin at the word of this page and go down
 * @min:         release only whole aligned groups of so many pages; power of two, 1 to 64
 * @max:         no more than so many, rounded up to @min; 0 = @min; but a whole huge page where there is one
 * @huge_npages: pages of a huge page, 0 = none
 *
 * Source: reference, pallocData.findScavengeCandidate.
 */
struct candidate scavenge_candidate(const uint64_t *free_bits, const uint64_t *scav_bits,
				    unsigned from, unsigned min, uint64_t max,
				    unsigned huge_npages);

#endif
