/*
 * compare - allocator and oracle, side by side
 *
 * Role:       see compare.h.
 * Uses:       pagealloc/internal.h, tests/model/oracle.h
 */
#include "tests/model/compare.h"

#include <inttypes.h>
#include <stdio.h>

bool compare_pages(const struct pagealloc *pa, const struct oracle *o, uint64_t page,
		   uint64_t npages)
{
	uint64_t limit = chunk_page(chunk_of(page + npages - 1) + 1);

	for (uint64_t i = chunk_page(chunk_of(page)); i < limit && i < o->npages; i++) {
		bool grown = chunk_grown(pa, chunk_of(i)), is_free, scavenged;

		if (grown != o->grown[i]) {
			printf("page %" PRIu64 ": grown %d, oracle %d\n", i, grown, o->grown[i]);
			return false;
		}
		if (!grown)
			continue;
		is_free = chunk_all(chunk_free_bits(pa, chunk_of(i)), chunk_offset(i), 1);
		scavenged = chunk_all(chunk_scav_bits(pa, chunk_of(i)), chunk_offset(i), 1);
		if (is_free == o->used[i] || scavenged != o->scavenged[i]) {
			printf("page %" PRIu64 ": free %d scavenged %d, oracle %d %d\n", i, is_free,
			       scavenged, !o->used[i], o->scavenged[i]);
			return false;
		}
	}
	return true;
}

bool compare_all(struct pagealloc *pa, const struct oracle *o)
{
	struct oracle_counts c = oracle_count(o);
	struct pagealloc_stat s;
	char why[200];

	if (!compare_pages(pa, o, 0, o->npages))
		return false;
	pagealloc_stat(pa, &s);
	if (s.grown_npages != c.grown || s.free_npages != c.free ||
	    s.scavenged_npages != c.scavenged || s.largest_npages != c.largest) {
		printf("grown %" PRIu64 " free %" PRIu64 " scavenged %" PRIu64 " largest %" PRIu64
		       ", oracle %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		       s.grown_npages, s.free_npages, s.scavenged_npages, s.largest_npages, c.grown,
		       c.free, c.scavenged, c.largest);
		return false;
	}
	if (!pagealloc_check(pa, why, sizeof(why))) {
		printf("%s\n", why);
		return false;
	}
	return true;
}

static bool same(const char *what, const struct pagealloc_request *r, uint64_t got, uint64_t want)
{
	if (got == want)
		return true;
	printf("%s of %" PRIu64 " pages, align %" PRIu64 ", boundary %" PRIu64 ", [%" PRIu64
	       ", %" PRIu64 "), last %d: %" PRId64 ", oracle %" PRId64 "\n",
	       what, r->npages, r->align_npages, r->boundary_npages, r->first, r->limit, r->last,
	       (int64_t)got, (int64_t)want);
	return false;
}

/* How many fit, lowest first: take them one by one from a copy. */
static uint64_t count_one_by_one(const struct oracle *o, struct oracle_request r)
{
	uint64_t n = 0, page;

	for (; (page = oracle_place(o, &r)) != ORACLE_NONE; n++)
		r.first = page + r.npages;
	return n;
}

static uint64_t longest_by_trying(const struct oracle *o, struct oracle_request r)
{
	for (r.npages = r.boundary ? r.boundary : o->npages; r.npages > 0; r.npages--)
		if (oracle_place(o, &r) != ORACLE_NONE)
			break;
	return r.npages;
}

bool compare_place(struct pagealloc *pa, const struct oracle *o,
		   const struct pagealloc_request *req)
{
	struct oracle_request r = {.npages = req->npages,
				   .align = req->align_npages,
				   .origin = pa->config.origin_npages,
				   .boundary = req->boundary_npages,
				   .first = req->first,
				   .limit = req->limit,
				   .last = req->last};
	uint64_t page;

	if (pagealloc_place(pa, req, &page))
		page = ORACLE_NONE;
	if (!same("place", req, page, oracle_place(o, &r)))
		return false;
	if (page != ORACLE_NONE && !pagealloc_fits(pa, req, page))
		return same("fits", req, 0, 1);
	r.last = false;
	/* The oracle's way to count and to find the longest takes the square of the pages. */
	return (o->npages > 1024 ||
		same("count", req, pagealloc_count_placed(pa, req), count_one_by_one(o, r))) &&
	       (o->npages > 64 ||
		same("longest", req, pagealloc_largest_placed(pa, req), longest_by_trying(o, r)));
}
