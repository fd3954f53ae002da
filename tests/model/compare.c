/*
 * compare - allocator and oracle, side by side
 *
 * Role:       see compare.h.
 * Uses:       pagealloc/internal.h, tests/model/oracle.h
 */
#include "tests/model/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* By its bit, or pending. */
static bool page_free(const struct pagealloc *pa, uint64_t page)
{
	bool pending = false;

	for (unsigned i = 0; i < pa->pending.n; i++)
		pending |= page >= pa->pending.run[i].first && page < pa->pending.run[i].limit;
	return pending != chunk_all(chunk_free_bits(pa, chunk_of(page)), chunk_offset(page), 1);
}

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
		is_free = page_free(pa, i);
		scavenged = chunk_all(chunk_scav_bits(pa, chunk_of(i)), chunk_offset(i), 1);
		if (is_free == o->used[i] || scavenged != o->scavenged[i]) {
			printf("page %" PRIu64 ": free %d scavenged %d, oracle %d %d\n", i, is_free,
			       scavenged, !o->used[i], o->scavenged[i]);
			return false;
		}
	}
	return true;
}

/* Every run of free pages is in the histogram, and its length is seen from both its ends. */
static bool compare_runs(struct pagealloc *pa, const struct oracle *o)
{
	struct pagealloc_histogram h = {0}, want = {0};
	struct pagealloc_walk w = {.budget = 3};

	for (uint64_t i = 0, n; i < o->npages; i += n + 1) {
		n = oracle_run(o, i);
		if (n == 0)
			continue;
		want.nruns[63 - bits_clz(n)]++;
		want.npages[63 - bits_clz(n)] += n;
		if (pagealloc_run_above(pa, i) != n || pagealloc_run_below(pa, i + n) != n) {
			printf("run of %" PRIu64 " pages at %" PRIu64 ": above %" PRIu64
			       ", below %" PRIu64 "\n",
			       n, i, pagealloc_run_above(pa, i), pagealloc_run_below(pa, i + n));
			return false;
		}
	}
	while (!pagealloc_count_runs(pa, &w, &h))
		;
	if (memcmp(&h, &want, sizeof(h)) == 0)
		return true;
	printf("the histogram of free runs differs\n");
	return false;
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
	return compare_runs(pa, o);
}

static bool same(const char *what, const struct pagealloc_request *r, uint64_t got, uint64_t want)
{
	if (got == want)
		return true;
	printf("%s of %" PRIu64 " pages, align %" PRIu64 ", boundary %" PRIu64 ", [%" PRIu64
	       ", %" PRIu64 "), strategy %d: %" PRId64 ", oracle %" PRId64 "\n",
	       what, r->npages, r->align_npages, r->boundary_npages, r->first, r->limit,
	       r->strategy, (int64_t)got, (int64_t)want);
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

/* In slices of one chunk. */
static uint64_t count_in_slices(struct pagealloc *pa, const struct pagealloc_request *req)
{
	struct pagealloc_walk w = {.budget = 1};
	uint64_t n = 0;

	while (!pagealloc_count_placed(pa, req, &w, &n))
		;
	return n;
}

static uint64_t longest_of_all(struct pagealloc *pa, const struct pagealloc_request *req)
{
	uint64_t n = 0;

	return pagealloc_largest_placed(pa, req, &n) ? UINT64_MAX : n;
}

static uint64_t longest_by_trying(const struct oracle *o, struct oracle_request r)
{
	for (r.npages = r.boundary ? r.boundary : o->npages; r.npages > 0; r.npages--)
		if (oracle_place(o, &r) != ORACLE_NONE)
			break;
	return r.npages;
}

/* Each call may look into two chunks in vain: in the end it must come to the same. */
static int place_bit_by_bit(struct pagealloc *pa, const struct pagealloc_request *req,
			    uint64_t *ret_page)
{
	int err;

	do {
		pagealloc_set_budget(pa, 2);
		err = pagealloc_place(pa, req, ret_page);
	} while (err == PAGEALLOC_E_AGAIN);
	pagealloc_set_budget(pa, UINT64_MAX);
	return err;
}

bool compare_place(struct pagealloc *pa, const struct oracle *o,
		   const struct pagealloc_request *req, bool all)
{
	struct oracle_request r = {.npages = req->npages,
				   .align = req->align_npages,
				   .origin = pa->config.origin_npages,
				   .boundary = req->boundary_npages,
				   .first = req->first,
				   .limit = req->limit,
				   .strategy = req->strategy == PAGEALLOC_LAST   ? ORACLE_LAST
					       : req->strategy == PAGEALLOC_BEST ? ORACLE_BEST
										 : ORACLE_FIRST};
	uint64_t page;

	if (place_bit_by_bit(pa, req, &page))
		page = ORACLE_NONE;
	if (!same("place", req, page, oracle_place(o, &r)))
		return false;
	if (page != ORACLE_NONE && !pagealloc_fits(pa, req, page))
		return same("fits", req, 0, 1);
	if (!all)
		return true;
	r.strategy = ORACLE_FIRST;
	/* The oracle's way to count and to find the longest takes the square of the pages. */
	return (o->npages > 1024 ||
		same("count", req, count_in_slices(pa, req), count_one_by_one(o, r))) &&
	       (o->npages > 64 ||
		same("longest", req, longest_of_all(pa, req), longest_by_trying(o, r)));
}
