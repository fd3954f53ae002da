/*
 * test_pagealloc - what the model tests don't reach: refusals, want of memory, the largest regions
 *
 * Role:       unit tests of the allocator's edges. Placement is compared with the reference and the oracle in tests/model.
 * Uses:       pagealloc/, fixture.h, check
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pagealloc/cache.h"
#include "tests/unit/pagealloc/fixture.h"
#include "tests/unit/suite.h"

START_TEST(new_refuses_bad_config)
{
	static const struct pagealloc_config bad[] = {
		{.limit_npages = 0},
		{.limit_npages = PAGEALLOC_LIMIT_NPAGES_MAX + 1},
		{.limit_npages = 1, .scavenge_min_npages = 3},
		{.limit_npages = 1, .scavenge_min_npages = 128},
		{.limit_npages = 1, .huge_npages = 12},
	};
	struct pagealloc *pa = NULL;

	ck_assert_int_eq(pagealloc_new(&bad[_i], &pa), PAGEALLOC_E_RANGE);
	ck_assert_ptr_null(pa);
}
END_TEST

START_TEST(grow_refuses_what_does_not_fit)
{
	struct pagealloc *pa = new_grown(4 * 512, 0);
	uint64_t page;

	ck_assert_int_eq(pagealloc_grow(pa, 0, 0), PAGEALLOC_E_RANGE);
	ck_assert_int_eq(pagealloc_grow(pa, 0, 5 * 512), PAGEALLOC_E_RANGE);
	ck_assert_int_eq(pagealloc_grow(pa, 4 * 512, 1), PAGEALLOC_E_RANGE);
	ck_assert_int_eq(pagealloc_grow(pa, UINT64_MAX, UINT64_MAX), PAGEALLOC_E_RANGE);
	ck_assert_int_eq(pagealloc_alloc(pa, 1, &page, NULL), PAGEALLOC_E_NO_RUN);
	ck_assert_int_eq(pagealloc_grow(pa, 512, 512), 0);
	ck_assert_int_eq(pagealloc_grow(pa, 512, 512), PAGEALLOC_E_RANGE);
	ck_assert_int_eq(pagealloc_grow(pa, 0, 513), PAGEALLOC_E_RANGE);
	ck_assert_uint_eq(pagealloc_nranges(pa), 1);
	assert_sound(pa);
	pagealloc_destroy(pa);
}
END_TEST

START_TEST(alloc_and_free_refuse_and_change_nothing)
{
	struct pagealloc *pa = new_grown(4 * 512, 1024);
	uint64_t page = alloc(pa, 10), other = 77;

	ck_assert_int_eq(pagealloc_alloc(pa, 0, &other, NULL), PAGEALLOC_E_NO_RUN);
	ck_assert_int_eq(pagealloc_alloc(pa, 1015, &other, NULL), PAGEALLOC_E_NO_RUN);
	ck_assert_int_eq(pagealloc_alloc(pa, UINT64_MAX, &other, NULL), PAGEALLOC_E_NO_RUN);
	ck_assert_uint_eq(other, 77);
	ck_assert_int_eq(pagealloc_free(pa, page, 0), PAGEALLOC_E_RANGE);
	ck_assert_int_eq(pagealloc_free(pa, page, 11), PAGEALLOC_E_NOT_ALLOCATED);
	ck_assert_int_eq(pagealloc_free(pa, page, UINT64_MAX), PAGEALLOC_E_RANGE);
	ck_assert_int_eq(pagealloc_free(pa, 1024, 1), PAGEALLOC_E_RANGE);
	ck_assert_int_eq(pagealloc_free(pa, UINT64_MAX, 1), PAGEALLOC_E_RANGE);
	ck_assert_int_eq(pagealloc_alloc_range(pa, 9, 2, NULL), PAGEALLOC_E_NOT_FREE);
	ck_assert_int_eq(pagealloc_alloc_range(pa, 1020, 5, NULL), PAGEALLOC_E_RANGE);
	ck_assert_int_eq(pagealloc_free(pa, page, 10), 0);
	ck_assert_int_eq(pagealloc_free(pa, page, 10), PAGEALLOC_E_NOT_ALLOCATED);
	assert_sound(pa);
	pagealloc_destroy(pa);
}
END_TEST

/* The first, second, third … taking of memory fails, until all succeed. */
START_TEST(new_survives_want_of_memory)
{
	struct pagealloc_config config = {.limit_npages = UINT64_C(1) << 24};
	long n = 0;
	int err;

	do {
		struct pagealloc *pa = NULL;

		mem_fail_after(n++);
		err = pagealloc_new(&config, &pa);
		mem_fail_after(-1);
		ck_assert(err == 0 || (err == -ENOMEM && !pa));
		pagealloc_destroy(pa);
	} while (err);
	ck_assert_int_gt(n, 5);
}
END_TEST

START_TEST(grow_survives_want_of_memory)
{
	long n = 0;
	int err;

	do {
		struct pagealloc *pa = new_grown(UINT64_C(1) << 24, 1024);
		uint64_t page = alloc(pa, 3);

		mem_fail_after(n++);
		err = pagealloc_grow(pa, UINT64_C(1) << 23, 4096);
		mem_fail_after(-1);
		ck_assert(err == 0 || err == -ENOMEM);
		ck_assert_uint_eq(pagealloc_nranges(pa), err ? 1 : 2);
		ck_assert_uint_eq(alloc(pa, 1), page + 3);
		assert_sound(pa);
		pagealloc_destroy(pa);
	} while (err);
	ck_assert_int_gt(n, 5);
}
END_TEST

START_TEST(metadata_is_at_most_2_2_bits_a_page)
{
	static const uint64_t grown[] = {UINT64_C(1) << 18, UINT64_C(1) << 21, UINT64_C(1) << 24};
	struct pagealloc *pa = new_grown(UINT64_C(1) << 26, grown[_i]);
	struct pagealloc_stat s;

	pagealloc_stat(pa, &s);
	/* "plus a constant": the structure itself and the first ranges. */
	ck_assert_double_le((double)(s.metadata_bytes - 4096) * 8 / (double)grown[_i], 2.2);
	pagealloc_destroy(pa);
}
END_TEST

/* The largest region: metadata is reserved, not used; runs longer than one summary can say are found. */
START_TEST(largest_region)
{
	const uint64_t limit = PAGEALLOC_LIMIT_NPAGES_MAX;
	struct pagealloc *pa = new_grown(limit, 6 << 20);
	struct pagealloc_stat s;

	ck_assert_int_eq(pagealloc_grow(pa, limit - 512, 512), 0);
	ck_assert_uint_eq(alloc(pa, 5 << 20), 0);
	pagealloc_stat(pa, &s);
	ck_assert_uint_eq(s.largest_npages, 1 << 20);
	ck_assert_uint_eq(alloc(pa, 1 << 20), 5 << 20);
	ck_assert_uint_eq(alloc(pa, 512), limit - 512);
	ck_assert_int_eq(pagealloc_free(pa, 1 << 20, 4 << 20), 0);
	pagealloc_stat(pa, &s);
	ck_assert_uint_eq(s.largest_npages, 4 << 20);
	ck_assert_uint_eq(alloc(pa, 4 << 20), 1 << 20);
	pagealloc_destroy(pa);
}
END_TEST

/* A range may end two chains at once: where it begins, and where it ends. */
START_TEST(growth_between_two_chains)
{
	const uint64_t half = UINT64_C(1) << 18;
	struct pagealloc_config config = {.limit_npages = UINT64_C(1) << 25};
	struct pagealloc *pa;

	ck_assert_int_eq(pagealloc_new(&config, &pa), 0);
	ck_assert_int_eq(pagealloc_grow(pa, 0, 512), 0);
	ck_assert_int_eq(pagealloc_grow(pa, half + half / 2, 512), 0);
	assert_sound(pa);
	ck_assert_int_eq(pagealloc_grow(pa, half - 512, 1024), 0);
	assert_sound(pa);
	ck_assert_uint_eq(alloc(pa, 600), half - 512);
	ck_assert_uint_eq(alloc(pa, 512), 0);
	ck_assert_uint_eq(alloc(pa, 512), half + half / 2);
	ck_assert_int_eq(pagealloc_free(pa, 0, 512), 0);
	assert_sound(pa);
	pagealloc_destroy(pa);
}
END_TEST

START_TEST(one_page_region)
{
	struct pagealloc *pa = new_grown(1, 1);

	/* Growth is by chunks: who wants a region of one page takes the rest out. */
	ck_assert_int_eq(pagealloc_alloc_range(pa, 1, 511, NULL), 0);
	ck_assert_uint_eq(alloc(pa, 1), 0);
	assert_sound(pa);
	pagealloc_destroy(pa);
}
END_TEST

START_TEST(place_refuses_what_nothing_can_meet)
{
	static const struct pagealloc_request bad[] = {
		{.npages = 0},
		{.npages = 1, .align_npages = 3},
		{.npages = 1, .boundary_npages = 12},
		{.npages = 9, .boundary_npages = 8},
		{.npages = 1, .first = 8, .limit = 8},
		{.npages = 1, .first = 9, .limit = 8},
	};
	struct pagealloc *pa = new_grown(64 * 512, 4 * 512);
	uint64_t page = 77;

	ck_assert_int_eq(pagealloc_place(pa, &bad[_i], &page), PAGEALLOC_E_RANGE);
	ck_assert_int_eq(pagealloc_alloc_placed(pa, &bad[_i], &page, NULL), PAGEALLOC_E_RANGE);
	ck_assert_uint_eq(page, 77);
	assert_sound(pa);
	pagealloc_destroy(pa);
}
END_TEST

/* Numbers at the edge of what 64 bits hold. */
START_TEST(place_does_not_overflow)
{
	static const struct pagealloc_request none[] = {
		{.npages = UINT64_MAX},
		{.npages = UINT64_MAX, .strategy = PAGEALLOC_LAST},
		{.npages = UINT64_MAX - 1, .align_npages = UINT64_C(1) << 63},
		{.npages = 1, .align_npages = UINT64_C(1) << 63},
		{.npages = 1, .align_npages = UINT64_C(1) << 63, .strategy = PAGEALLOC_LAST},
		{.npages = 1, .first = UINT64_MAX - 1},
		{.npages = 1,
		 .first = UINT64_MAX - 1,
		 .limit = UINT64_MAX,
		 .strategy = PAGEALLOC_LAST},
		{.npages = UINT64_C(1) << 63, .boundary_npages = UINT64_C(1) << 63},
	};
	struct pagealloc_config config = {.limit_npages = 64 * 512, .origin_npages = 5};
	struct pagealloc_walk walk = {.budget = 1};
	struct pagealloc *pa;
	uint64_t page, n = 0;

	ck_assert_int_eq(pagealloc_new(&config, &pa), 0);
	ck_assert_int_eq(pagealloc_place(pa, &none[_i], &page), PAGEALLOC_E_NO_RUN);
	ck_assert_int_eq(pagealloc_grow(pa, 0, 64 * 512), 0);
	ck_assert_int_eq(pagealloc_place(pa, &none[_i], &page), PAGEALLOC_E_NO_RUN);
	ck_assert_int_eq(pagealloc_place_within(pa, &none[_i], 0, 64 * 512, &page),
			 PAGEALLOC_E_NO_RUN);
	ck_assert(pagealloc_count_placed(pa, &none[_i], &walk, &n));
	ck_assert_uint_eq(n, 0);
	pagealloc_destroy(pa);
}
END_TEST

/* Runs of two pages that begin at odd ones: an even place is none of them. */
static struct pagealloc *new_with_odd_runs(uint64_t nruns)
{
	struct pagealloc_config config = {.limit_npages = UINT64_C(1) << 19, .best_fit = true};
	struct pagealloc *pa;

	ck_assert_int_eq(pagealloc_new(&config, &pa), 0);
	ck_assert_int_eq(pagealloc_grow(pa, 0, config.limit_npages), 0);
	ck_assert_uint_eq(alloc(pa, config.limit_npages), 0);
	for (uint64_t i = 0; i < nruns; i++)
		if (pagealloc_free(pa, 4 * i + 1, 2))
			ck_abort_msg("run %lu", (unsigned long)i);
	return pa;
}

/* However many runs the constraints rule out before. That there is no place is known at once. */
START_TEST(best_goes_through_all_runs)
{
	static const uint64_t nruns[] = {10, 1000, 66000};
	struct pagealloc *pa = new_with_odd_runs(nruns[_i]);
	struct pagealloc_request req = {.npages = 2, .align_npages = 2, .strategy = PAGEALLOC_BEST};
	uint64_t page;

	ck_assert_int_eq(pagealloc_place(pa, &req, &page), PAGEALLOC_E_NO_RUN);
	ck_assert_int_eq(pagealloc_free(pa, 400000, 9), 0);
	ck_assert_int_eq(pagealloc_free(pa, 450000, 5), 0);
	ck_assert_int_eq(pagealloc_place(pa, &req, &page), 0);
	ck_assert_uint_eq(page, 450000);
	/* A shorter one, among those that were gone through already. */
	ck_assert_int_eq(pagealloc_free(pa, 500000, 3), 0);
	ck_assert_int_eq(pagealloc_place(pa, &req, &page), 0);
	ck_assert_uint_eq(page, 500000);
	/* And one that is what is left of a longer one. */
	ck_assert_int_eq(pagealloc_alloc_range(pa, 450002, 3, NULL), 0);
	ck_assert_int_eq(pagealloc_place(pa, &req, &page), 0);
	ck_assert_uint_eq(page, 450000);
	assert_sound(pa);
	pagealloc_destroy(pa);
}
END_TEST

/* In turns, while others change what it has gone through, and while more such searches go on than are remembered. */
START_TEST(best_goes_on_where_it_was)
{
	struct pagealloc *pa = new_with_odd_runs(66000);
	struct pagealloc_request req = {.npages = 2, .align_npages = 2, .strategy = PAGEALLOC_BEST};
	struct pagealloc_request other;
	unsigned nturns = 0;
	uint64_t page;
	int err;

	ck_assert_int_eq(pagealloc_free(pa, 450000, 5), 0);
	do {
		pagealloc_set_budget(pa, 1024);
		err = pagealloc_place(pa, &req, &page);
		nturns++;
		if (nturns == 3)
			ck_assert_int_eq(pagealloc_free(pa, 500000, 3), 0);
		for (uint64_t i = 0; nturns < 5 && i < BESTS_MAX - 1; i++) {
			other = req;
			other.first = 64 * i + 1;
			pagealloc_set_budget(pa, 16);
			ck_assert_int_eq(pagealloc_place(pa, &other, &page), PAGEALLOC_E_AGAIN);
		}
		assert_sound(pa);
		ck_assert_uint_lt(nturns, 100);
	} while (err == PAGEALLOC_E_AGAIN);
	ck_assert_int_eq(err, 0);
	ck_assert_uint_gt(nturns, 3);
	pagealloc_set_budget(pa, UINT64_MAX);
	ck_assert_int_eq(pagealloc_place(pa, &req, &page), 0);
	ck_assert_uint_eq(page, 500000);
	pagealloc_destroy(pa);
}
END_TEST

START_TEST(count_sees_holes_and_parts)
{
	struct pagealloc *pa = new_grown(64 * 512, 1024);
	uint64_t grown, nfree, scavenged;

	ck_assert_int_eq(pagealloc_grow(pa, 8 * 512, 512), 0);
	(void)alloc(pa, 100);
	pagealloc_count(pa, 0, UINT64_MAX, &grown, &nfree, &scavenged);
	ck_assert_uint_eq(grown, 1536);
	ck_assert_uint_eq(nfree, 1436);
	ck_assert_uint_eq(scavenged, 1436);
	pagealloc_count(pa, 90, 20, &grown, &nfree, &scavenged);
	ck_assert_uint_eq(grown, 20);
	ck_assert_uint_eq(nfree, 10);
	ck_assert_uint_eq(scavenged, 10);
	/* What was in use has memory. */
	ck_assert_int_eq(pagealloc_free(pa, 80, 20), 0);
	pagealloc_count(pa, 90, 20, &grown, &nfree, &scavenged);
	ck_assert_uint_eq(nfree, 20);
	ck_assert_uint_eq(scavenged, 10);
	pagealloc_count(pa, 1000, 4000, &grown, &nfree, &scavenged);
	ck_assert_uint_eq(grown, 24 + 512);
	ck_assert_uint_eq(nfree, 24 + 512);
	pagealloc_count(pa, 1 << 20, 10, &grown, &nfree, &scavenged);
	ck_assert_uint_eq(grown, 0);
	pagealloc_destroy(pa);
}
END_TEST

static void collect(void *ctx, const char *line)
{
	char *all = ctx;

	strcat(strcat(all, line), "\n");
}

START_TEST(dump_is_a_map)
{
	struct pagealloc *pa = new_grown(64 * 512, 4 * 512);
	char all[4096] = "";

	(void)alloc(pa, 512 + 256);
	pagealloc_dump(pa, collect, all);
	ck_assert_msg(strstr(all, "grown 2048 free 1280 scavenged 1280 largest 1280"), "%s", all);
	ck_assert_msg(strstr(all, "range [0, 2048)"), "%s", all);
	ck_assert_msg(strstr(all, " 0 #5.."), "%s", all);
	pagealloc_destroy(pa);
}
END_TEST

/* The reference's flush hides pages from the scavenger; ours must not. */
START_TEST(flush_tells_the_scavenger)
{
	struct pagealloc *pa = new_grown(512, 512);
	struct pagealloc_cache cache = {0};
	uint64_t page, npages;

	(void)alloc(pa, 512);
	ck_assert_int_eq(pagealloc_free(pa, 0, 512), 0);
	ck_assert_int_eq(pagealloc_cache_fill(pa, &cache), 0);
	while (pagealloc_scavenge_begin(pa, 512, &page, &npages) == 0)
		pagealloc_scavenge_end(pa, page, npages, true);
	pagealloc_cache_flush(pa, &cache);
	assert_sound(pa);
	ck_assert_int_eq(pagealloc_scavenge_begin(pa, 512, &page, &npages), 0);
	ck_assert_uint_eq(page, 0);
	ck_assert_uint_eq(npages, 64);
	/* A release that failed leaves the pages to be found again. */
	pagealloc_scavenge_end(pa, page, npages, false);
	assert_sound(pa);
	ck_assert_int_eq(pagealloc_scavenge_begin(pa, 512, &page, &npages), 0);
	pagealloc_scavenge_end(pa, page, npages, true);
	ck_assert_int_eq(pagealloc_scavenge_begin(pa, 512, &page, &npages), PAGEALLOC_E_NO_RUN);
	pagealloc_destroy(pa);
}
END_TEST

static int release_some(void *ctx, uint64_t page, uint64_t npages)
{
	int *left = ctx;

	(void)page, (void)npages;
	return (*left)-- > 0 ? 0 : -EIO;
}

START_TEST(scavenge_passes_an_error_on)
{
	struct pagealloc *pa = new_grown(4 * 512, 4 * 512);
	uint64_t released = 0;
	int left = 2;

	(void)alloc(pa, 4 * 512);
	ck_assert_int_eq(pagealloc_free(pa, 0, 4 * 512), 0);
	ck_assert_int_eq(pagealloc_scavenge(pa, UINT64_MAX, release_some, &left, &released), -EIO);
	ck_assert_uint_eq(released, 1024);
	assert_sound(pa);
	left = 100;
	ck_assert_int_eq(pagealloc_scavenge(pa, UINT64_MAX, release_some, &left, &released), 0);
	ck_assert_uint_eq(released, 1024);
	pagealloc_destroy(pa);
}
END_TEST

/* Two allocators in step, one of them made with the larger limit from the beginning. */
START_TEST(a_raised_limit_is_one_that_was_always_there)
{
	const uint64_t limits[] = {512, 600, 4 * 512, 100 * 512, UINT64_C(1) << 24};
	struct pagealloc *pa = new_grown(limits[0], 0), *whole = new_grown(limits[4], 0);
	uint64_t page, other, end = 0, state = 12345;

	ck_assert_int_eq(pagealloc_raise(pa, limits[0] - 1), 0);
	ck_assert_int_eq(pagealloc_raise(pa, PAGEALLOC_LIMIT_NPAGES_MAX + 1), PAGEALLOC_E_RANGE);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		ck_assert_int_eq(pagealloc_raise(pa, limits[i]), 0);
		assert_sound(pa);
		for (; end + 512 <= limits[i] && end < 40 * 512; end += 512) {
			ck_assert_int_eq(pagealloc_grow(pa, end, 512), 0);
			ck_assert_int_eq(pagealloc_grow(whole, end, 512), 0);
		}
		for (int k = 0; k < 300; k++) {
			uint64_t n = 1 + (state = state * 6364136223846793005 + 1) % 9 % 7;

			page = other = UINT64_MAX;
			ck_assert_int_eq(pagealloc_alloc(pa, n, &page, NULL),
					 pagealloc_alloc(whole, n, &other, NULL));
			ck_assert_uint_eq(page, other);
			if (page == UINT64_MAX || state >> 62 == 0)
				continue;
			ck_assert_int_eq(pagealloc_free(pa, page, n), 0);
			ck_assert_int_eq(pagealloc_free(whole, page, n), 0);
		}
	}
	assert_sound(pa);
	pagealloc_destroy(pa);
	pagealloc_destroy(whole);
}
END_TEST

START_TEST(a_limit_is_not_raised_without_memory)
{
	struct pagealloc *pa = new_grown(512, 512);
	uint64_t page = alloc(pa, 10);
	int err = -1;

	for (long n = 0; err; n++) {
		mem_fail_after(n);
		err = pagealloc_raise(pa, 1 << 20);
		mem_fail_after(-1);
		ck_assert(err == 0 || err == -ENOMEM);
		assert_sound(pa);
	}
	ck_assert_int_eq(pagealloc_free(pa, page, 10), 0);
	pagealloc_destroy(pa);
}
END_TEST

/* All in use; every second of the lowest pages comes back. */
static struct pagealloc *new_with_holes(unsigned n)
{
	struct pagealloc *pa = new_grown(4 * 512, 4 * 512);

	ck_assert_uint_eq(alloc(pa, 4 * 512), 0);
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(pagealloc_free(pa, i * 2, 1), 0);
	return pa;
}

/* What is given back below all other free pages waits to be asked for; how much of it waits nobody can see. */
START_TEST(pending_pages_come_first)
{
	const unsigned n = (unsigned)_i * PAGEALLOC_PENDING_MAX / 2 + 1;
	struct pagealloc *pa = new_with_holes(n);
	struct pagealloc_request last = {.npages = 1, .strategy = PAGEALLOC_LAST};
	uint64_t page;

	ck_assert_uint_gt(pa->pending.n, 0);
	ck_assert_uint_lt(pa->pending.n, PAGEALLOC_PENDING_MAX);
	ck_assert_uint_eq(pagealloc_free_npages(pa), n);
	ck_assert_int_eq(pagealloc_alloc(pa, 2, &page, NULL), PAGEALLOC_E_NO_RUN);
	ck_assert_int_eq(pagealloc_alloc_placed(pa, &last, &page, NULL), 0);
	ck_assert_uint_eq(page, (n - 1) * 2);
	for (unsigned i = 0; i + 1 < n; i++)
		ck_assert_uint_eq(alloc(pa, 1), i * 2);
	ck_assert_int_eq(pagealloc_alloc(pa, 1, &page, NULL), PAGEALLOC_E_NO_RUN);
	assert_sound(pa);
	pagealloc_destroy(pa);
}
END_TEST

START_TEST(pending_pages_are_free)
{
	struct pagealloc *pa = new_with_holes(3);
	uint64_t grown, nfree, scavenged;

	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(pagealloc_free(pa, i * 2, 1), PAGEALLOC_E_NOT_ALLOCATED);
	ck_assert_int_eq(pagealloc_free(pa, 1, 2), PAGEALLOC_E_NOT_ALLOCATED);
	ck_assert_int_eq(pagealloc_free(pa, 0, 100), PAGEALLOC_E_NOT_ALLOCATED);
	ck_assert_uint_eq(pa->pending.n, 3);
	ck_assert_int_eq(pagealloc_free(pa, 1, 1), 0);
	ck_assert_int_eq(pagealloc_free(pa, 3, 1), 0);
	ck_assert_uint_eq(pa->pending.n, 1);
	ck_assert_uint_eq(pagealloc_run_above(pa, 0), 5);
	ck_assert_uint_eq(pa->pending.n, 0);
	pagealloc_count(pa, 0, 512, &grown, &nfree, &scavenged);
	ck_assert_uint_eq(nfree, 5);
	ck_assert_uint_eq(scavenged, 0);
	ck_assert_uint_eq(alloc(pa, 5), 0);
	assert_sound(pa);
	pagealloc_destroy(pa);
}
END_TEST

/* Freed beside what is pending, and beside what is not: it is one run. */
START_TEST(pending_runs_join_what_lies_beside_them)
{
	struct pagealloc *pa = new_with_holes(0);
	struct pagealloc_request aligned = {.npages = 4, .align_npages = 4};
	uint64_t page;

	ck_assert_int_eq(pagealloc_free(pa, 1000, 10), 0);
	settle_pending(pa);
	ck_assert_int_eq(pagealloc_free(pa, 990, 5), 0);
	ck_assert_uint_eq(pa->pending.n, 1);
	ck_assert_int_eq(pagealloc_free(pa, 995, 5), 0);
	ck_assert_uint_eq(pa->pending.n, 0);
	ck_assert_uint_eq(alloc(pa, 20), 990);
	/* And what is taken out of the middle of one leaves two. */
	ck_assert_int_eq(pagealloc_free(pa, 981, 9), 0);
	ck_assert_int_eq(pagealloc_alloc_placed(pa, &aligned, &page, NULL), 0);
	ck_assert_uint_eq(page, 984);
	ck_assert_uint_eq(pa->pending.n, 2);
	ck_assert_uint_eq(alloc(pa, 2), 981);
	ck_assert_uint_eq(alloc(pa, 2), 988);
	ck_assert_uint_eq(alloc(pa, 1), 983);
	ck_assert_uint_eq(pagealloc_free_npages(pa), 0);
	assert_sound(pa);
	pagealloc_destroy(pa);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pagealloc");
	TCase *tc = tcase_create("edges");

	tcase_add_loop_test(tc, new_refuses_bad_config, 0, 5);
	tcase_add_test(tc, grow_refuses_what_does_not_fit);
	tcase_add_test(tc, a_raised_limit_is_one_that_was_always_there);
	tcase_add_test(tc, a_limit_is_not_raised_without_memory);
	tcase_add_test(tc, alloc_and_free_refuse_and_change_nothing);
	tcase_add_test(tc, new_survives_want_of_memory);
	tcase_add_test(tc, grow_survives_want_of_memory);
	tcase_add_loop_test(tc, metadata_is_at_most_2_2_bits_a_page, 0, 3);
	tcase_add_test(tc, largest_region);
	tcase_add_test(tc, growth_between_two_chains);
	tcase_add_test(tc, one_page_region);
	tcase_add_loop_test(tc, place_refuses_what_nothing_can_meet, 0, 6);
	tcase_add_loop_test(tc, place_does_not_overflow, 0, 8);
	tcase_add_loop_test(tc, best_goes_through_all_runs, 0, 3);
	tcase_add_test(tc, best_goes_on_where_it_was);
	tcase_add_test(tc, count_sees_holes_and_parts);
	tcase_add_test(tc, dump_is_a_map);
	tcase_add_test(tc, flush_tells_the_scavenger);
	tcase_add_test(tc, scavenge_passes_an_error_on);
	tcase_add_loop_test(tc, pending_pages_come_first, 0, 6);
	tcase_add_test(tc, pending_pages_are_free);
	tcase_add_test(tc, pending_runs_join_what_lies_beside_them);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
