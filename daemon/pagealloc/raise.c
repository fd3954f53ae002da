/*
 * raise - room for a larger address space
 *
 * Role:       pagealloc_raise(): what depends on the limit is made anew, the truth is copied, the caches are derived from it.
 * Uses:       pagealloc/internal.h
 */
#include <string.h>

#include "pagealloc/internal.h"

/* The truth about chunks [first, limit), which are grown in both. */
static void chunks_copy(struct pagealloc *to, const struct pagealloc *from, uint64_t first,
			uint64_t limit)
{
	size_t bytes = (limit - first) * CHUNK_NWORDS * sizeof(uint64_t);

	memcpy(chunk_free_bits(to, first), chunk_free_bits(from, first), bytes);
	memcpy(chunk_scav_bits(to, first), chunk_scav_bits(from, first), bytes);
}

static int copy(struct pagealloc *to, const struct pagealloc *from)
{
	int err = 0;

	for (size_t i = 0; !err && i < from->grown.n; i++) {
		uint64_t first = from->grown.v[i].first, limit = from->grown.v[i].limit;

		err = pagealloc_grow(to, first, limit - first);
		if (!err)
			chunks_copy(to, from, chunk_of(first), chunk_of(limit));
	}
	if (!err)
		pagealloc_rebuild(to);
	return err;
}

int pagealloc_raise(struct pagealloc *pa, uint64_t limit_npages)
{
	struct pagealloc_config c = pa->config;
	struct pagealloc *made, was;
	int err;

	if (limit_npages <= pa->config.limit_npages)
		return 0;
	c.limit_npages = limit_npages;
	if (chunk_of(limit_npages + CHUNK_NPAGES - 1) == pa->nchunks) {
		pa->config = c;
		return 0;
	}
	settle_pending(pa);
	err = pagealloc_new(&c, &made);
	if (err)
		return err;
	err = copy(made, pa);
	if (!err) {
		made->budget = pa->budget;
		was = *pa;
		*pa = *made;
		*made = was;
	}
	pagealloc_destroy(made);
	return err;
}
