/*
 * test_toy - every state of a toy geometry
 *
 * Role:       the allocator is built twice more: with chunks of 2 pages and a fan-out of 4, so that 16 pages make a tree of two
 *             levels and a scattered 12 of 64 pages one of three; and with chunks of 8 pages, which have room for runs
 *             beside runs. For every bitmap and every search address that the
 *             invariants allow, each operation with each argument is done on allocator and oracle, and all is compared.
 * Uses:       tests/model/compare.h
 *
 *   test_toy [NPAGES]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/model/compare.h"

struct toy {
	struct pagealloc *pa;
	struct oracle *o;
	const uint64_t *pages; /* the grown pages, ascending */
	unsigned npages;
	uint64_t ntried, nstates;
};

/* Bit i of @bits: the i-th grown page is free; bit i of @scavenged: and scavenged. */
static void put_state(struct toy *t, uint32_t bits, uint32_t scavenged, uint64_t search)
{
	settle_pending(t->pa);
	for (unsigned i = 0; i < t->npages; i++) {
		uint64_t page = t->pages[i];
		bool is_free = bits >> i & 1, scav = is_free && (scavenged >> i & 1);

		t->o->used[page] = !is_free;
		t->o->scavenged[page] = scav;
		(is_free ? chunk_set : chunk_clear)(chunk_free_bits(t->pa, chunk_of(page)),
						    chunk_offset(page), 1);
		(scav ? chunk_set : chunk_clear)(chunk_scav_bits(t->pa, chunk_of(page)),
						 chunk_offset(page), 1);
	}
	pagealloc_rebuild(t->pa);
	t->pa->search = t->pa->low = search;
}

static bool finish(struct toy *t, const char *op, uint32_t bits, uint64_t search, uint64_t a,
		   uint64_t b, bool same)
{
	t->ntried++;
	if (same && compare_all(t->pa, t->o))
		return true;
	printf("%s %" PRIu64 " %" PRIu64 " in state %x, search %" PRIu64 ", %u pages\n", op, a, b,
	       bits, search, t->npages);
	return false;
}

/* One alloc; then the same again, on the state that it left, without settling in between. */
static bool try_alloc(struct toy *t, uint32_t bits, uint32_t scavenged, uint64_t search,
		      uint64_t npages)
{
	bool same = true;

	put_state(t, bits, scavenged, search);
	for (int i = 0; i < 2; i++) {
		uint64_t page, got_scavenged = 0, want_scavenged = 0, want;

		if (pagealloc_alloc(t->pa, npages, &page, &got_scavenged))
			page = ORACLE_NONE;
		want = oracle_alloc(t->o, npages, &want_scavenged);
		same = same && page == want &&
		       (page == ORACLE_NONE || got_scavenged == want_scavenged);
	}
	return finish(t, "alloc", bits, search, npages, 0, same);
}

/* A range: freed if all of it is used, taken if all of it is free, refused by both otherwise. */
static bool try_range(struct toy *t, uint32_t bits, uint32_t scavenged, uint64_t search,
		      uint64_t page, uint64_t npages)
{
	uint64_t got = 0;
	bool is_free, is_used, same;

	put_state(t, bits, scavenged, search);
	is_free = oracle_is_free(t->o, page, npages);
	is_used = oracle_is_used(t->o, page, npages);
	if (is_used) {
		same = pagealloc_free(t->pa, page, npages) == 0;
		oracle_give(t->o, page, npages);
		/* What was freed must be found. */
		for (int i = 0; i < 2; i++) {
			uint64_t want_scavenged, want = oracle_alloc(t->o, npages, &want_scavenged),
						 at;

			if (pagealloc_alloc(t->pa, npages, &at, NULL))
				at = ORACLE_NONE;
			same = same && at == want;
		}
	} else if (is_free) {
		same = pagealloc_alloc_range(t->pa, page, npages, &got) == 0 &&
		       got == oracle_take(t->o, page, npages);
	} else {
		same = pagealloc_free(t->pa, page, npages) != 0 &&
		       pagealloc_alloc_range(t->pa, page, npages, &got) != 0;
	}
	return finish(t, "range", bits, search, page, npages, same);
}

/* Constraints of every size, and bounds everywhere, on one state. */
static bool try_place(struct toy *t, uint32_t bits, uint64_t search)
{
	struct pagealloc_request req = {0};
	uint64_t last = t->pages[t->npages - 1], npages = 1 + bits * 40503u % 6;

	put_state(t, bits, 0, search);
	for (req.align_npages = 1; req.align_npages <= 8; req.align_npages *= 2)
		for (req.boundary_npages = 0; req.boundary_npages <= 8;
		     req.boundary_npages += req.boundary_npages + 4)
			for (req.first = 0; req.first <= last; req.first += 5)
				for (req.limit = 0; req.limit <= last + 1; req.limit += 7) {
					req.npages = npages;
					req.strategy = (enum pagealloc_strategy)(
						(req.first + req.limit) % 3);
					if (req.limit && req.limit <= req.first)
						continue;
					if (req.boundary_npages && req.boundary_npages < npages)
						continue;
					t->ntried++;
					if (!compare_place(t->pa, t->o, &req, true))
						return finish(t, "place", bits, search, npages, 0,
							      false);
				}
	return true;
}

static int release_nothing(void *ctx, uint64_t page, uint64_t npages)
{
	(void)ctx, (void)page, (void)npages;
	return 0;
}

static bool try_scavenge(struct toy *t, uint32_t bits, uint32_t scavenged, uint64_t search,
			 uint64_t npages)
{
	uint64_t released = 0;
	bool same;

	put_state(t, bits, scavenged, search);
	same = pagealloc_scavenge(t->pa, npages, release_nothing, NULL, &released) == 0 &&
	       released == oracle_scavenge(t->o, npages);
	return finish(t, "scavenge", bits, search, npages, 0, same);
}

static bool try_state(struct toy *t, uint32_t bits, uint64_t search)
{
	/* Scavenged pages: any pattern will do, but it should differ from state to state. */
	uint32_t scavenged = bits * 2654435761u >> 8;
	uint64_t last = t->pages[t->npages - 1];

	t->nstates++;
	for (uint64_t n = 1; n <= t->npages + 1; n++)
		if (!try_alloc(t, bits, scavenged, search, n))
			return false;
	for (unsigned i = 0; i < t->npages; i++)
		for (uint64_t n = 1; t->pages[i] + n <= last + 1 && n <= t->npages; n++)
			if (!try_range(t, bits, scavenged, search, t->pages[i], n))
				return false;
	/* The constraints are many: a seventh of the states has every bitmap of a few pages in it all the same. */
	if (bits % 7 == 0 && !try_place(t, bits, search))
		return false;
	for (uint64_t n = 1; n <= t->npages; n += 2)
		if (!try_scavenge(t, bits, scavenged, search, n))
			return false;
	return true;
}

/* Every bitmap, with every search address that has no free page below it. */
static bool explore(struct toy *t)
{
	for (uint32_t bits = 0; bits < UINT32_C(1) << t->npages; bits++) {
		for (unsigned i = 0; i < t->npages; i++) {
			if (!try_state(t, bits, t->pages[i]))
				return false;
			if (bits >> i & 1)
				break;
		}
		if (bits == 0 && !try_state(t, bits, PAGEALLOC_PAGE_NONE))
			return false;
	}
	return true;
}

/* @chunks: the grown chunks, ascending. */
static bool run(uint64_t limit_npages, const uint64_t *chunks, unsigned nchunks)
{
	struct pagealloc_config config = {.limit_npages = limit_npages, .best_fit = true};
	uint64_t pages[64];
	struct toy t = {.pages = pages};
	bool ok = pagealloc_new(&config, &t.pa) == 0;

	t.o = oracle_new(limit_npages);
	for (unsigned i = 0; ok && i < nchunks; i++) {
		ok = pagealloc_grow(t.pa, chunk_page(chunks[i]), CHUNK_NPAGES) == 0;
		oracle_grow(t.o, chunk_page(chunks[i]), CHUNK_NPAGES);
		for (unsigned k = 0; k < CHUNK_NPAGES; k++)
			pages[t.npages++] = chunk_page(chunks[i]) + k;
	}
	ok = ok && explore(&t);
	printf("%u pages of %" PRIu64 ", %u levels: %" PRIu64 " states, %" PRIu64
	       " operations: %s\n",
	       t.npages, limit_npages, t.pa->tree.top + 1, t.nstates, t.ntried,
	       ok ? "no difference" : "DIFFERENT");
	pagealloc_destroy(t.pa);
	oracle_free(t.o);
	return ok;
}

int main(int argc, char **argv)
{
	static const uint64_t together[] = {0, 1, 2, 3, 4, 5, 6, 7};
	static const uint64_t apart[] = {1, 2, 7, 8, 9, 31};
	unsigned npages = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 16;

	if (npages < 2 || npages > 16) {
		fprintf(stderr, "usage: test_toy [NPAGES]   (2 to 16 pages side by side; 16 if not "
				"given)\n");
		return 2;
	}
	return run(npages, together, npages / CHUNK_NPAGES) &&
			       run(32 * CHUNK_NPAGES, apart,
				   (npages < 12 ? npages : 12) / CHUNK_NPAGES)
		       ? 0
		       : 1;
}
