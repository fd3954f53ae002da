/*
 * chunk - searching and marking the free bits of one chunk
 *
 * Role:       see chunk.h.
 * Uses:       pagealloc/chunk.h
 */
#include "pagealloc/chunk.h"

static struct chunk_found found(unsigned page, unsigned first_free)
{
	return (struct chunk_found){page, first_free};
}

/* One page: the first set bit. */
static struct chunk_found find_one(const uint64_t *bits, unsigned word)
{
	for (; word < CHUNK_NWORDS; word++) {
		if (bits[word]) {
			unsigned page = word * 64 + bits_ctz(bits[word]);

			return found(page, page);
		}
	}
	return found(CHUNK_NONE, CHUNK_NONE);
}

/* 2 to 64 pages: a run lies in one word or crosses one border between two. */
static struct chunk_found find_small(const uint64_t *bits, unsigned npages, unsigned word)
{
	unsigned first_free = CHUNK_NONE;
	unsigned tail = 0; /* free pages at the end of the word before */

	for (; word < CHUNK_NWORDS; word++) {
		uint64_t x = bits[word];
		unsigned at;

		if (!x) {
			tail = 0;
			continue;
		}
		if (first_free == CHUNK_NONE)
			first_free = word * 64 + bits_ctz(x);
		if (tail + bits_ctz(~x) >= npages)
			return found(word * 64 - tail, first_free);
		at = bits_find_run(x, npages);
		if (at < 64)
			return found(word * 64 + at, first_free);
		tail = bits_clz(~x);
	}
	return found(CHUNK_NONE, first_free);
}

/* More than 64 pages: a run covers the end of a word, whole words, and the beginning of a word. */
static struct chunk_found find_large(const uint64_t *bits, unsigned npages, unsigned word)
{
	unsigned first_free = CHUNK_NONE;
	unsigned run = 0; /* free pages that end at the word's beginning */

	for (; word < CHUNK_NWORDS; word++) {
		uint64_t x = bits[word];
		unsigned lead;

		if (!x) {
			run = 0;
			continue;
		}
		if (first_free == CHUNK_NONE)
			first_free = word * 64 + bits_ctz(x);
		lead = bits_ctz(~x);
		if (run + lead >= npages)
			return found(word * 64 - run, first_free);
		run = lead == 64 ? run + 64 : bits_clz(~x);
	}
	return found(CHUNK_NONE, first_free);
}

struct chunk_found chunk_find(const uint64_t *bits, unsigned npages, unsigned from)
{
	if (npages == 1)
		return find_one(bits, from / 64);
	if (npages <= 64)
		return find_small(bits, npages, from / 64);
	return find_large(bits, npages, from / 64);
}

unsigned chunk_longest(const uint64_t *bits, unsigned at_least, unsigned at_most)
{
	unsigned max = at_least;
	unsigned run = 0;
	uint64_t left[CHUNK_NWORDS], any;

	/* Single pages are many; most often the last one of a chunk was taken. */
	if (at_most <= 1)
		return at_least >= at_most || chunk_full(bits) ? at_least : 1;
	/* Runs that reach a border of a word. */
	for (unsigned i = 0; i < CHUNK_NWORDS; i++) {
		uint64_t x = bits[i];

		run += bits_ctz(~x);
		max = run > max ? run : max;
		run = x == ~UINT64_C(0) ? run : bits_clz(~x);
	}
	max = run > max ? run : max;
	/* A run strictly inside a word has at most 62 pages. All words at once: which runs are longer than what is known? */
	if (max >= at_most || max >= 62)
		return max;
	for (unsigned i = 0; i < CHUNK_NWORDS; i++)
		left[i] = bits[i];
	for (unsigned by = max, step = 1; by; step *= 2) {
		step = step < by ? step : by;
		for (unsigned i = 0; i < CHUNK_NWORDS; i++)
			left[i] &= left[i] >> step;
		by -= step;
	}
	for (;;) {
		any = 0;
		for (unsigned i = 0; i < CHUNK_NWORDS; i++)
			any |= left[i];
		if (!any)
			return max;
		max++;
		for (unsigned i = 0; i < CHUNK_NWORDS; i++)
			left[i] &= left[i] >> 1;
	}
}

uint64_t chunk_summarize(const uint64_t *bits)
{
	unsigned start = chunk_run_up(bits, 0);

	if (start == CHUNK_NPAGES)
		return summary_free(PAGEALLOC_CHUNK_LOG);
	return summary_pack(start, chunk_longest(bits, start, CHUNK_NPAGES),
			    chunk_run_down(bits, CHUNK_NPAGES));
}
