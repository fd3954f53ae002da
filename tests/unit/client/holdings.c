/*
 * holdings - who holds which pages, beside an array of pages; and durations, beside a sorted list of them
 *
 * Role:       unit tests of client/cli/holdings and client/cli/histogram.
 * Uses:       client/cli/, check
 */
#include "client/cli/holdings.h"

#include <stdlib.h>
#include <string.h>

#include "client/cli/histogram.h"
#include "tests/unit/suite.h"

#define NPAGES 64
#define STEPS 2000

/* A page's extent and its place in it; 0: free. */
struct page {
	uint64_t id, place;
};

static void page_is(const struct held *x, uint64_t page, const struct page *want)
{
	ck_assert_uint_eq(x->id, want->id);
	ck_assert_uint_eq(x->first + page - x->begin, want->place);
}

/* L1, and the same pages as in the array. */
static void same(const struct holdings *h, const struct page *pages)
{
	struct held *all;
	uint64_t at = 0;
	size_t n;

	ck_assert_int_eq(holdings_all(h, &all, &n), 0);
	for (size_t i = 0; i < n; i++) {
		ck_assert(all[i].begin < all[i].end && all[i].end <= NPAGES);
		for (; at < all[i].begin; at++)
			ck_assert_uint_eq(pages[at].id, 0);
		for (; at < all[i].end; at++)
			page_is(&all[i], at, &pages[at]);
	}
	for (; at < NPAGES; at++)
		ck_assert_uint_eq(pages[at].id, 0);
	free(all);
}

START_TEST(an_array_of_pages_says_the_same)
{
	struct holdings h = {0};
	struct page pages[NPAGES] = {0};
	struct held x;
	int more;

	srand(7);
	for (uint64_t id = 1; id <= STEPS; id++) {
		uint64_t begin = (uint64_t)rand() % NPAGES, at = begin,
			 end = begin + 1 + (uint64_t)rand() % (NPAGES - begin);

		while ((more = holdings_cut(&h, begin, end, &x)) > 0) {
			/* Ascending, and nothing is passed over. */
			for (; at < x.begin; at++)
				ck_assert_uint_eq(pages[at].id, 0);
			for (; at < x.end; at++) {
				page_is(&x, at, &pages[at]);
				pages[at] = (struct page){0};
			}
		}
		ck_assert_int_eq(more, 0);
		for (; at < end; at++)
			ck_assert_uint_eq(pages[at].id, 0);
		if (rand() % 3) {
			x = (struct held){.begin = begin, .end = end, .id = id, .first = 5};
			ck_assert_int_eq(holdings_put(&h, &x), 0);
			for (at = begin; at < end; at++)
				pages[at] = (struct page){id, 5 + at - begin};
		}
		same(&h, pages);
	}
	holdings_deinit(&h);
	same(&h, (const struct page[NPAGES]){0});
}
END_TEST

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Of durations of all lengths each percentile is the one of the sorted list, or up to 1/32 above. */
START_TEST(percentiles_are_those_of_a_list)
{
	static struct histogram h, half;
	static uint64_t ns[10000];
	const unsigned asked[] = {1, 500, 900, 990, 999, 1000};

	ck_assert_uint_eq(histogram_percentile(&h, 500), 0);
	srand(9);
	for (size_t i = 0; i < 10000; i++) {
		ns[i] = ((uint64_t)rand() << 31 | (uint64_t)rand()) >> rand() % 62;
		histogram_add(i % 2 ? &h : &half, ns[i]);
	}
	histogram_merge(&h, &half);
	qsort(ns, 10000, sizeof(ns[0]), by_value);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		uint64_t want = ns[asked[i] * 10 - 1], got = histogram_percentile(&h, asked[i]);

		ck_assert_uint_ge(got, want);
		ck_assert_uint_le(got, want + want / 32);
	}
	ck_assert_uint_eq(histogram_percentile(&h, 1000), ns[9999]);
	histogram_add(&h, UINT64_MAX);
	ck_assert_uint_eq(histogram_percentile(&h, 1000), UINT64_MAX);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("holdings");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, an_array_of_pages_says_the_same);
	tcase_add_test(tc, percentiles_are_those_of_a_list);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
