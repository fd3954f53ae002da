/*
 * place - free runs and places in them, as a dump's answers need them
 *
 * Role:       client/cli/dump_runs.c and dump_place.c at random against arrays of pages that are looked at one by one.
 * Uses:       client/cli, sample.h, check
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/dump_place.h"
#include "client/cli/source.h"
#include "tests/unit/cli/sample.h"
#include "tests/unit/random.h"
#include "tests/unit/suite.h"

#define NPAGES 256

/* Page by page. */
static bool fits(const struct dump_wish *w, const struct dump_run *run, uint64_t page, uint64_t n)
{
	uint64_t at = w->origin + page;

	if (page < run->first || page + n > run->limit || page < w->first || page + n > w->limit ||
	    at % w->align)
		return false;
	for (uint64_t i = 1; w->boundary && i < n; i++) {
		if ((at + i) % w->boundary == 0)
			return false;
	}
	return true;
}

static void place_compare(const struct dump_wish *w, const struct dump_run *run)
{
	uint64_t lowest = DUMP_NOWHERE, highest = DUMP_NOWHERE, count = 0, longest = 0, behind = 0;

	for (uint64_t page = run->first; page < run->limit; page++) {
		for (uint64_t n = longest + 1; fits(w, run, page, n); n++)
			longest = n;
		if (!fits(w, run, page, w->npages))
			continue;
		lowest = lowest == DUMP_NOWHERE ? page : lowest;
		highest = page;
		if (page >= behind) {
			count++;
			behind = page + w->npages;
		}
	}
	ck_assert_uint_eq(dump_place_lowest(w, run, w->npages), lowest);
	ck_assert_uint_eq(dump_place_highest(w, run, w->npages), highest);
	ck_assert_uint_eq(dump_place_longest(w, run), longest);
	ck_assert_uint_eq(dump_place_count(w, run), count);
	for (uint64_t page = run->first; page < run->limit; page++)
		ck_assert_int_eq(dump_place_is(w, page),
				 fits(w, &(struct dump_run){0, UINT64_MAX}, page, w->npages));
}

START_TEST(places)
{
	struct random r;

	random_init(&r, "places");
	for (int i = 0; i < 20000; i++) {
		/* Near address 0, or not. */
		uint64_t origins[] = {0, random_below(&r, 1000)};
		struct dump_wish w = {.npages = 1 + random_below(&r, 40),
				      .origin = origins[random_below(&r, 2)],
				      .align = UINT64_C(1) << random_below(&r, 7),
				      .first = random_below(&r, 3) ? 0 : random_below(&r, 60),
				      .limit = random_below(&r, 3) ? UINT64_MAX
								   : 60 + random_below(&r, 60)};
		struct dump_run run;

		/* A longer extent than lies between two boundaries is refused before. */
		w.boundary = random_below(&r, 2) ? 0 : UINT64_C(1) << random_below(&r, 8);
		if (w.boundary && w.boundary < w.npages)
			w.npages = 1 + random_below(&r, w.boundary);
		run.first = random_below(&r, 100);
		run.limit = run.first + 1 + random_below(&r, 150);
		place_compare(&w, &run);
	}
}
END_TEST

/* Ranges of one kind, at random, and what they make of the pages. */
static void ranges_add(struct random *r, struct dump_region *to, unsigned which, char *pages,
		       char mark)
{
	uint64_t at = 0, n;

	for (at += random_below(r, 30); at < NPAGES; at += random_below(r, 60)) {
		n = 1 + random_below(r, NPAGES - at < 40 ? NPAGES - at : 40);
		sample_range(to, which, at, n);
		memset(pages + at, mark, n);
		at += n;
	}
}

static void extents_add(struct random *r, struct dump_region *to, char *pages)
{
	for (uint64_t at = 0, n; at < NPAGES; at += n) {
		n = strspn(pages + at, "fd");
		n = n < 9 ? n : 1 + random_below(r, 9);
		if (n && random_below(r, 2)) {
			sample_extent(to, at, n, "");
			memset(pages + at, 'x', n);
		}
		n += !n;
	}
}

START_TEST(runs)
{
	struct random r;

	random_init(&r, "runs");
	for (int i = 0; i < 2000; i++) {
		struct dump_region region = {.info = {.base_addr = SAMPLE_BASE,
						      .page_size_bytes = SAMPLE_PAGE,
						      .limit_npages = NPAGES}};
		char grown[NPAGES + 1] = "", pages[NPAGES + 1] = "";
		struct dump_items list;
		const struct dump_run *run;
		size_t n = 0;

		memset(grown, '.', NPAGES);
		memset(pages, '.', NPAGES);
		ranges_add(&r, &region, SOURCE_GROWN, grown, 'f');
		memcpy(pages, grown, NPAGES);
		ranges_add(&r, &region, SOURCE_RESERVED, pages, 'r');
		ranges_add(&r, &region, SOURCE_DRAINED, pages, 'd');
		/* Drained or not, what is not grown is nobody's. */
		for (size_t k = 0; k < NPAGES; k++)
			pages[k] = grown[k] == '.' ? '.' : pages[k];
		extents_add(&r, &region, pages);
		ck_assert(dump_runs_find(&region, &list));
		run = list.items;
		for (size_t at = 0; at < NPAGES; n++) {
			at += strcspn(pages + at, "f");
			if (at == NPAGES)
				break;
			ck_assert_uint_lt(n, list.n);
			ck_assert_uint_eq(run[n].first, at);
			at += strspn(pages + at, "f");
			ck_assert_uint_eq(run[n].limit, at);
		}
		ck_assert_uint_eq(n, list.n);
		free(list.items);
		dump_region_deinit(&region);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cli place");
	TCase *t = tcase_create("place");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, places);
	tcase_add_test(t, runs);
	suite_add_tcase(s, t);
	return suite_run(s);
}
