/*
 * bits - counting and searching in 64-bit words
 *
 * Role:       the word operations that bitmaps are built from. All are branch-poor and inline: they are the inner loops.
 * Uses:       nothing.
 */
#ifndef PALLOCD_BASE_BITS_H
#define PALLOCD_BASE_BITS_H

#include <stdbool.h>
#include <stdint.h>

/** bits_ctz() - zeros below the lowest set bit; 64 for 0. */
static inline unsigned bits_ctz(uint64_t x)
{
	return x ? (unsigned)__builtin_ctzll(x) : 64u;
}

/** bits_clz() - zeros above the highest set bit; 64 for 0. */
static inline unsigned bits_clz(uint64_t x)
{
	return x ? (unsigned)__builtin_clzll(x) : 64u;
}

/** bits_count() - number of set bits. Written out: the baseline x86-64 has no such instruction, and libgcc's is a call. */
static inline unsigned bits_count(uint64_t x)
{
	x -= (x >> 1) & UINT64_C(0x5555555555555555);
	x = (x & UINT64_C(0x3333333333333333)) + ((x >> 2) & UINT64_C(0x3333333333333333));
	x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (unsigned)((x * UINT64_C(0x0101010101010101)) >> 56);
}

/** bits_mask() - @n ones from bit @first; @first + @n must be at most 64, @n at least 1. */
static inline uint64_t bits_mask(unsigned first, unsigned n)
{
	return (~UINT64_C(0) >> (64 - n)) << first;
}

/** bits_erode() - keep a bit where it and the @by bits above it are set; 0 <= @by <= 64. */
static inline uint64_t bits_erode(uint64_t x, unsigned by)
{
	/* The overlap doubles: after steps 1, 2, 4 … a bit stands for that many neighbours. */
	for (unsigned step = 1; by && x; step *= 2) {
		if (step > by)
			step = by;
		if (step > 63)
			return 0;
		x &= x >> step;
		by -= step;
	}
	return x;
}

/** bits_find_run() - lowest i with bits i … i + @n - 1 set, 64 where there is none; @n from 1 to 64. Source: reference, findBitRange64. */
static inline unsigned bits_find_run(uint64_t x, unsigned n)
{
	return bits_ctz(bits_erode(x, n - 1));
}

/**
 * bits_fill_aligned() - set all bits of each aligned group of @m bits that has any set
 *
 * @m is a power of two from 1 to 64. Source: reference, fillAligned.
 */
static inline uint64_t bits_fill_aligned(uint64_t x, unsigned m)
{
	uint64_t low;

	if (m == 1)
		return x;
	if (m == 64)
		return x ? ~UINT64_C(0) : 0;
	/* Fold each group into its lowest bit, then multiply that bit out over the group. */
	for (unsigned step = 1; step < m; step *= 2)
		x |= x >> step;
	low = ~UINT64_C(0) / ((UINT64_C(1) << m) - 1);
	return (x & low) * ((UINT64_C(1) << m) - 1);
}

/** bits_is_pow2() - true for 1, 2, 4 … */
static inline bool bits_is_pow2(uint64_t x)
{
	return x && !(x & (x - 1));
}

#endif
