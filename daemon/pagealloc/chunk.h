/*
 * chunk - one leaf of the allocator: the free bits of 512 pages
 *
 * Role:       answers "where is the lowest run of n free pages here?", "which runs are there?", and sets and clears ranges.
 *             Knows bits; nothing of other chunks, of summaries above, of scavenging.
 * Uses:       base/bits.h, pagealloc/geometry.h, pagealloc/summary.h
 * Invariants: C1  a set bit is a free page. Memory that was never touched says "not free": nothing is there.
 *             C2  bits beyond CHUNK_NPAGES (toy geometries only) are 0.
 * Cost:       everything is O(words of the chunk), 8 at the most.
 *
 * The reference's bitmap has the opposite sense; its own notes would rather have it this way round.
 */
#ifndef PALLOCD_PAGEALLOC_CHUNK_H
#define PALLOCD_PAGEALLOC_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/macros.h"
#include "pagealloc/geometry.h"
#include "pagealloc/summary.h"

#define CHUNK_NONE UINT32_MAX

/* Where a search in a chunk ended. */
struct chunk_found {
	unsigned page; /* first page of the run, CHUNK_NONE where there is none */
	unsigned
		first_free; /* lowest free page at or after the beginning of the word searched first; CHUNK_NONE if none */
};

/**
 * chunk_find() - the lowest run of @npages free pages
 * @from: no page below it may be free; the search begins at its word
 *
 * @npages is from 1 to CHUNK_NPAGES. first_free is exact only if a run is found. Source: reference, pallocBits.find.
 */
struct chunk_found chunk_find(const uint64_t *bits, unsigned npages, unsigned from);

/** chunk_summarize() - the packed summary of the bits. Source: reference, pallocBits.summarize. */
uint64_t chunk_summarize(const uint64_t *bits);

/**
 * chunk_longest() - the longest run of free pages
 * @at_least: a length that is known to be there
 * @at_most:  a length that is known not to be exceeded
 */
unsigned chunk_longest(const uint64_t *bits, unsigned at_least, unsigned at_most);

/* @body for each word that the range touches, with a mask of the range's bits in it. Most ranges lie in one word. */
#define CHUNK_FOR_EACH_WORD(first, n, word, mask, body)                        \
	do {                                                                   \
		unsigned word = (first) / 64, at_ = (first) % 64, left_ = (n); \
		if (LIKELY(left_ <= 64 - at_)) {                               \
			const uint64_t mask = bits_mask(at_, left_);           \
			body;                                                  \
			break;                                                 \
		}                                                              \
		for (; left_; word++, at_ = 0) {                               \
			unsigned part_ = left_ < 64 - at_ ? left_ : 64 - at_;  \
			const uint64_t mask = bits_mask(at_, part_);           \
			body;                                                  \
			left_ -= part_;                                        \
		}                                                              \
	} while (0)

/** chunk_set(), chunk_clear() - set or clear @n bits from @first; @n at least 1. */
static inline void chunk_set(uint64_t *bits, unsigned first, unsigned n)
{
	CHUNK_FOR_EACH_WORD(first, n, word, mask, bits[word] |= mask);
}

static inline void chunk_clear(uint64_t *bits, unsigned first, unsigned n)
{
	CHUNK_FOR_EACH_WORD(first, n, word, mask, bits[word] &= ~mask);
}

/** chunk_count() - number of set bits among the @n from @first; @n at least 1. */
static inline unsigned chunk_count(const uint64_t *bits, unsigned first, unsigned n)
{
	unsigned count = 0;

	CHUNK_FOR_EACH_WORD(first, n, word, mask, count += bits_count(bits[word] & mask));
	return count;
}

/** chunk_all(), chunk_none() - are all, is none of the @n bits from @first set? @n at least 1. */
static inline bool chunk_all(const uint64_t *bits, unsigned first, unsigned n)
{
	CHUNK_FOR_EACH_WORD(first, n, word, mask, if (~bits[word] & mask) return false);
	return true;
}

static inline bool chunk_none(const uint64_t *bits, unsigned first, unsigned n)
{
	CHUNK_FOR_EACH_WORD(first, n, word, mask, if (bits[word] & mask) return false);
	return true;
}

/** chunk_full() - is no page free? */
static inline bool chunk_full(const uint64_t *bits)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < CHUNK_NWORDS; i++)
		any |= bits[i];
	return !any;
}

/** chunk_run_up() - free pages in a row from @page upwards; @page may be CHUNK_NPAGES. */
static inline unsigned chunk_run_up(const uint64_t *bits, unsigned page)
{
	unsigned n = 0;

	while (page + n < CHUNK_NPAGES) {
		unsigned at = (page + n) % 64;
		unsigned run = bits_ctz(~(bits[(page + n) / 64] >> at));

		n += run;
		if (run < 64 - at)
			break;
	}
	return n;
}

/** chunk_run_down() - free pages in a row below @page. */
static inline unsigned chunk_run_down(const uint64_t *bits, unsigned page)
{
	unsigned n = 0;

	while (page > n) {
		unsigned at = (page - n - 1) % 64;
		unsigned run = bits_clz(~(bits[(page - n - 1) / 64] << (63 - at)));

		n += run;
		if (run < at + 1)
			break;
	}
	return n;
}

/** chunk_used_up() - pages in use in a row from @page upwards; chunk_used_down() - below @page. */
static inline unsigned chunk_used_up(const uint64_t *bits, unsigned page)
{
	unsigned word = page / 64;
	uint64_t x = bits[word] >> (page % 64);

	if (x)
		return bits_ctz(x);
	while (++word < CHUNK_NWORDS && !bits[word])
		;
	return word < CHUNK_NWORDS ? word * 64 + bits_ctz(bits[word]) - page : CHUNK_NPAGES - page;
}

static inline unsigned chunk_used_down(const uint64_t *bits, unsigned page)
{
	unsigned word = (page - 1) / 64;
	uint64_t x = bits[word] << (63 - (page - 1) % 64);

	if (x)
		return bits_clz(x);
	while (word > 0 && !bits[word - 1])
		word--;
	return word > 0 ? page - (word * 64 - bits_clz(bits[word - 1])) : page;
}

#endif
