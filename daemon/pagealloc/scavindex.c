/*
 * scavindex - marks per chunk for the scavenger
 *
 * Role:       see scavindex.h.
 * Uses:       base/bits.h, pagealloc/geometry.h
 */
#include "pagealloc/scavindex.h"

#include "base/bits.h"
#include "pagealloc/geometry.h"

void scavindex_mark(struct scavindex *x, uint64_t first, uint64_t limit)
{
	uint64_t chunk = chunk_of(first), last = chunk_of(limit - 1);

	while (chunk <= last) {
		unsigned at = (unsigned)(chunk % 64);
		unsigned n = last - chunk < 63 - at ? (unsigned)(last - chunk) + 1 : 64 - at;

		x->marks[chunk / 64].scavenge |= bits_mask(at, n);
		chunk += n;
	}
	if (x->search == SCAVINDEX_NONE || limit - 1 > x->search) {
		x->search = limit - 1;
		x->fresh = true;
	}
}

void scavindex_unmark(struct scavindex *x, uint64_t chunk)
{
	x->marks[chunk / 64].scavenge &= ~(UINT64_C(1) << (chunk % 64));
}

/* The highest marked chunk of those up to the end of @chunk's word. */
static uint64_t highest(const struct scavindex *x, uint64_t chunk)
{
	uint64_t word = chunk / 64;

	if (x->min_chunk > chunk)
		return UINT64_MAX;
	for (;; word--) {
		if (x->marks[word].scavenge)
			return word * 64 + 63 - bits_clz(x->marks[word].scavenge);
		if (word == x->min_chunk / 64)
			return UINT64_MAX;
	}
}

uint64_t scavindex_find(struct scavindex *x, unsigned *ret_page)
{
	uint64_t at, chunk, page;

	if (x->search == SCAVINDEX_NONE)
		return UINT64_MAX;
	at = chunk_of(x->search);
	chunk = highest(x, at);
	if (chunk == UINT64_MAX) {
		/* A fresh position stays, as in the reference, where a mark may come between. */
		if (!x->fresh)
			x->search = SCAVINDEX_NONE;
		return UINT64_MAX;
	}
	if (chunk == at) {
		*ret_page = chunk_offset(x->search);
		return chunk;
	}
	page = chunk_page(chunk + 1) - 1;
	if (x->fresh || page < x->search)
		x->search = page;
	x->fresh = false;
	*ret_page = CHUNK_NPAGES - 1;
	return chunk;
}
