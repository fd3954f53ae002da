/*
 * trace_alloc - the lines of a trace that work on an allocator
 *
 * Role:       one handler for each operation and each check of the trace format.
 * Uses:       pagealloc/, tests/model/trace.h
 */
#include <inttypes.h>
#include <string.h>

#include "pagealloc/cache.h"
#include "pagealloc/scavenge.h"
#include "tests/model/trace.h"

#define REFERENCE_TOP 4u /* the reference's root, counted from the leaves */

static void run_grow(struct trace *t, struct line *l)
{
	int err = pagealloc_grow(t->pa, line_u64(l, 1), line_u64(l, 2));

	if (err)
		line_fail(l, "outcome %d", err);
}

/* A chunk in a given state: "init chunk CI [alloc I N ...] [scav I N ...]". */
static void run_init(struct trace *t, struct line *l)
{
	struct pagealloc *pa = t->pa;
	uint64_t chunk = line_u64(l, 2);
	uint64_t *free_bits = chunk_free_bits(pa, chunk), *scav_bits = chunk_scav_bits(pa, chunk);
	int err = pagealloc_grow(pa, chunk_page(chunk), CHUNK_NPAGES);

	if (err || !line_is(l, 1, "chunk")) {
		line_fail(l, "outcome %d", err);
		return;
	}
	chunk_clear(scav_bits, 0, CHUNK_NPAGES);
	/* Scavenged ranges first: allocated ones clear them. */
	for (int pass = 0; pass < 2; pass++) {
		bool alloc = false;

		for (unsigned i = 3; i < l->n; i++) {
			if (line_is(l, i, "alloc") || line_is(l, i, "scav")) {
				alloc = line_is(l, i, "alloc");
				continue;
			}
			if (alloc && pass == 1) {
				chunk_clear(free_bits, (unsigned)line_u64(l, i),
					    (unsigned)line_u64(l, i + 1));
				chunk_clear(scav_bits, (unsigned)line_u64(l, i),
					    (unsigned)line_u64(l, i + 1));
			} else if (!alloc && pass == 0) {
				chunk_set(scav_bits, (unsigned)line_u64(l, i),
					  (unsigned)line_u64(l, i + 1));
			}
			i++;
		}
	}
	pa->free_npages -= CHUNK_NPAGES - chunk_count(free_bits, 0, CHUNK_NPAGES);
	pa->nscav[chunk] = (uint16_t)chunk_count(scav_bits, 0, CHUNK_NPAGES);
	pa->scav_npages -= CHUNK_NPAGES - pa->nscav[chunk];
	if (scavenge_candidate(free_bits, scav_bits, CHUNK_NPAGES - 1, t->min_npages, t->min_npages,
			       t->huge_npages)
		    .npages)
		scavindex_mark(&pa->scavindex, chunk_page(chunk), chunk_page(chunk + 1));
	tree_set_leaf(&pa->tree, chunk, chunk_summarize(free_bits));
}

static void run_alloc(struct trace *t, struct line *l)
{
	uint64_t page, scavenged;

	if (pagealloc_alloc(t->pa, line_u64(l, 1), &page, &scavenged))
		line_got(l, "fail");
	else
		line_got(l, "%" PRIu64 " %" PRIu64, page, scavenged);
}

static void run_free(struct trace *t, struct line *l)
{
	uint64_t page = line_u64(l, 1), npages = line_u64(l, 2);

	if (l->bad)
		return;
	if (t->legal) {
		int err = pagealloc_free(t->pa, page, npages);

		if (err)
			line_fail(l, "outcome %d", err);
	} else {
		settle_pending(t->pa);
		free_unchecked(t->pa, page, npages);
	}
}

static void run_allocrange(struct trace *t, struct line *l)
{
	uint64_t scavenged;
	int err = pagealloc_alloc_range(t->pa, line_u64(l, 1), line_u64(l, 2), &scavenged);

	if (err)
		line_got(l, "outcome %d", err);
	else
		line_got(l, "%" PRIu64, scavenged);
}

static int release_nothing(void *ctx, uint64_t page, uint64_t npages)
{
	(void)ctx, (void)page, (void)npages;
	return 0;
}

static void run_scavenge(struct trace *t, struct line *l)
{
	uint64_t npages = line_is(l, 1, "all") ? UINT64_C(1) << 51 : line_u64(l, 1), released;
	int err = pagealloc_scavenge(t->pa, npages, release_nothing, NULL, &released);

	if (err)
		line_fail(l, "outcome %d", err);
	line_got(l, "%" PRIu64, released);
}

static void run_cache(struct trace *t, struct line *l)
{
	uint64_t k = line_u64(l, 1);

	if (k >= TRACE_NCACHES)
		line_fail(l, "there are only %d caches", TRACE_NCACHES);
	else
		t->cache = (unsigned)k;
}

static void run_cache_fill(struct trace *t, struct line *l)
{
	struct pagealloc_cache *c = &t->caches[t->cache];

	if (pagealloc_cache_fill(t->pa, c))
		line_got(l, "fail");
	else
		line_got(l, "%" PRIu64 " %016" PRIx64 " %016" PRIx64, c->page, c->free_bits,
			 c->scav_bits);
}

static void run_cache_alloc(struct trace *t, struct line *l)
{
	uint64_t page, scavenged;

	if (pagealloc_cache_take(&t->caches[t->cache], line_u64(l, 1), &page, &scavenged))
		line_got(l, "fail");
	else
		line_got(l, "%" PRIu64 " %" PRIu64, page, scavenged);
}

static void run_cache_flush(struct trace *t, struct line *l)
{
	(void)l;
	/* As the reference does it: the scavenge index is not told. */
	cache_flush_unmarked(t->pa, &t->caches[t->cache]);
}

static void run_cache_set(struct trace *t, struct line *l)
{
	t->caches[t->cache] = (struct pagealloc_cache){line_u64(l, 1), line_hex(l, 2),
						       line_hex(l, 3)};
	/* The pages leave the allocator's counts where the file leaves them in its bitmap: only the cache knows of them. */
}

static void run_search(struct trace *t, struct line *l)
{
	if (t->pa->search == PAGEALLOC_PAGE_NONE)
		line_got(l, "max");
	else
		line_got(l, "%" PRIu64, t->pa->search);
}

static void run_find(struct trace *t, struct line *l)
{
	uint64_t page, search;

	settle_pending(t->pa);
	if (find_run(t->pa, line_u64(l, 1), &page, &search))
		line_got(l, "%" PRIu64 " %" PRIu64, page, search);
	else
		line_got(l, "fail");
}

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)

static uint64_t fnv(uint64_t h, uint64_t word, unsigned nbytes)
{
	for (; nbytes; nbytes--, word >>= 8)
		h = (h ^ (word & 0xff)) * UINT64_C(0x100000001b3);
	return h;
}

/* Every grown chunk, ascending. */
#define FOR_EACH_CHUNK(pa, chunk, body)                                            \
	do {                                                                       \
		for (size_t r_ = 0; r_ < (pa)->grown.n; r_++)                      \
			for (uint64_t chunk = chunk_of((pa)->grown.v[r_].first);   \
			     chunk < chunk_of((pa)->grown.v[r_].limit); chunk++) { \
				body;                                              \
			}                                                          \
	} while (0)

static void run_counts(struct trace *t, struct line *l)
{
	uint64_t nfree = 0, nscav = 0;

	settle_pending(t->pa);
	FOR_EACH_CHUNK(t->pa, chunk, {
		nfree += chunk_count(chunk_free_bits(t->pa, chunk), 0, CHUNK_NPAGES);
		nscav += chunk_count(chunk_scav_bits(t->pa, chunk), 0, CHUNK_NPAGES);
	});
	if (line_got(l, "%" PRIu64 " %" PRIu64, nfree, nscav) && t->legal &&
	    (t->pa->free_npages != nfree || t->pa->scav_npages != nscav))
		line_fail(l, "the allocator counts %" PRIu64 " %" PRIu64, t->pa->free_npages,
			  t->pa->scav_npages);
}

static void run_bitmap(struct trace *t, struct line *l)
{
	uint64_t h = FNV_BASIS;

	settle_pending(t->pa);
	FOR_EACH_CHUNK(t->pa, chunk, {
		for (unsigned i = 0; i < CHUNK_NWORDS; i++)
			h = fnv(h, ~chunk_free_bits(t->pa, chunk)[i], 8);
	});
	line_got(l, "%016" PRIx64, h);
}

static void run_scavbits(struct trace *t, struct line *l)
{
	uint64_t h = FNV_BASIS;

	FOR_EACH_CHUNK(t->pa, chunk, {
		for (unsigned i = 0; i < CHUNK_NWORDS; i++)
			h = fnv(h, chunk_scav_bits(t->pa, chunk)[i], 8);
	});
	line_got(l, "%016" PRIx64, h);
}

static uint64_t packed(const struct tree *t, unsigned level, uint64_t index)
{
	struct summary s = tree_value(t, level, index);

	return summary_pack(s.start, s.max, s.end);
}

static void run_summaries(struct trace *t, struct line *l)
{
	uint64_t h = FNV_BASIS;

	if (t->pa->tree.top < REFERENCE_TOP) {
		if (!t->sized)
			line_fail(l, "the tree has %u levels", t->pa->tree.top + 1);
		return;
	}
	settle_pending(t->pa);
	tree_settle(&t->pa->tree);
	for (unsigned level = REFERENCE_TOP + 1; level-- > 0;) {
		uint64_t before = UINT64_MAX;

		FOR_EACH_CHUNK(t->pa, chunk, {
			uint64_t i = level_index(level, chunk);

			if (i != before)
				h = fnv(h, packed(&t->pa->tree, level, i), 8);
			before = i;
		});
	}
	line_got(l, "%016" PRIx64, h);
}

static void run_sum(struct trace *t, struct line *l)
{
	uint64_t from_root = line_u64(l, 1), index = line_u64(l, 2);
	struct summary s;

	if (from_root > REFERENCE_TOP || index >= t->pa->nchunks) {
		line_fail(l, "no such entry");
		return;
	}
	if (REFERENCE_TOP - from_root > t->pa->tree.top && t->sized) /* compared without --sized */
		return;
	settle_pending(t->pa);
	tree_settle(&t->pa->tree);
	s = tree_value(&t->pa->tree, (unsigned)(REFERENCE_TOP - from_root), index);
	line_got(l, "%" PRIu64 " %" PRIu64 " %" PRIu64, s.start, s.max, s.end);
}

static void run_scavindex(struct trace *t, struct line *l)
{
	uint64_t h = FNV_BASIS;

	FOR_EACH_CHUNK(t->pa, chunk,
		       { h = fnv(h, scavindex_marked(&t->pa->scavindex, chunk), 1); });
	line_got(l, "%016" PRIx64, h);
}

static void run_scavsearch(struct trace *t, struct line *l)
{
	const struct scavindex *x = &t->pa->scavindex;

	if (x->search == SCAVINDEX_NONE)
		line_got(l, "none %d", x->fresh);
	else
		line_got(l, "%" PRIu64 " %d", x->search, x->fresh);
}

static void run_inuse(struct trace *t, struct line *l)
{
	char got[TRACE_LINE_BYTES];
	int n = snprintf(got, sizeof(got), "%zu", pagealloc_nranges(t->pa));

	for (size_t i = 0; i < pagealloc_nranges(t->pa) && (size_t)n < sizeof(got); i++) {
		uint64_t first, limit;

		pagealloc_range(t->pa, i, &first, &limit);
		n += snprintf(got + n, sizeof(got) - (size_t)n, " %" PRIu64 " %" PRIu64, first,
			      limit);
	}
	line_got(l, "%s", got);
}

static void run_bounds(struct trace *t, struct line *l)
{
	line_got(l, "%" PRIu64 " %" PRIu64, t->pa->tree.first_chunk, t->pa->tree.limit_chunk);
}

const struct trace_verb trace_alloc_verbs[] = {
	{"grow", run_grow},
	{"init", run_init},
	{"alloc", run_alloc},
	{"free", run_free},
	{"allocrange", run_allocrange},
	{"scavenge", run_scavenge},
	{"cache", run_cache},
	{"cache_fill", run_cache_fill},
	{"cache_alloc", run_cache_alloc},
	{"cache_flush", run_cache_flush},
	{"cache_set", run_cache_set},
	{"search", run_search},
	{"find", run_find},
	{"counts", run_counts},
	{"bitmap", run_bitmap},
	{"scavbits", run_scavbits},
	{"summaries", run_summaries},
	{"sum", run_sum},
	{"scavindex", run_scavindex},
	{"scavsearch", run_scavsearch},
	{"inuse", run_inuse},
	{"bounds", run_bounds},
	{NULL, NULL},
};
