/*
 * test_check - the checker notices each broken invariant, and says which
 *
 * Role:       breaks one thing at a time on purpose; what is cache can then be made anew.
 * Uses:       pagealloc/internal.h, fixture.h, check
 */
#include <string.h>

#include "tests/unit/pagealloc/fixture.h"
#include "tests/unit/suite.h"

/* Break one thing at a time; the checker must say which. */
static void break_leaf(struct pagealloc *pa)
{
	pa->tree.levels[0].sums[1] = 0;
}
static void break_upper(struct pagealloc *pa)
{
	tree_settle(&pa->tree);
	pa->tree.levels[1].sums[0] = 0;
}
static void break_search(struct pagealloc *pa)
{
	pa->search = 1000;
}
static void break_search_not_grown(struct pagealloc *pa)
{
	while (pa->free_npages)
		(void)alloc(pa, 1);
	pa->search = chunk_page(pa->tree.limit_chunk);
}
static void break_nscav(struct pagealloc *pa)
{
	pa->nscav[1]--;
}
static void break_scavenged_used(struct pagealloc *pa)
{
	chunk_set(chunk_scav_bits(pa, 0), 0, 1);
	pa->nscav[0]++;
}
static void break_count(struct pagealloc *pa)
{
	pa->free_npages++;
}
static void break_grown_bit(struct pagealloc *pa)
{
	pa->scavindex.marks[0].grown ^= 2;
}
static void break_mark(struct pagealloc *pa)
{
	scavindex_unmark(&pa->scavindex, 0);
}
static void break_mark_position(struct pagealloc *pa)
{
	pa->scavindex.search = SCAVINDEX_NONE;
}

static void break_pending(struct pagealloc *pa)
{
	ck_assert_uint_eq(pa->pending.n, 1);
	pa->pending.run[0].limit = pa->low;
}
static void break_low_page(struct pagealloc *pa)
{
	settle_pending(pa);
	pa->low++;
}

static const struct {
	void (*break_it)(struct pagealloc *pa);
	const char *name;
} breakages[] = {
	{break_leaf, "P1"},     {break_upper, "P2"},
	{break_search, "P3"},   {break_search_not_grown, "P3"},
	{break_nscav, "P4"},    {break_scavenged_used, "P4"},
	{break_count, "P5"},    {break_grown_bit, "P6"},
	{break_mark, "P7"},     {break_mark_position, "P7"},
	{break_pending, "P12"}, {break_low_page, "P12"},
};

START_TEST(check_names_the_broken_invariant)
{
	struct pagealloc *pa = new_grown(64 * 512, 32 * 512);
	uint64_t page = alloc(pa, 100);
	char why[200] = "";

	ck_assert_int_eq(pagealloc_free(pa, page + 40, 20), 0);
	assert_sound(pa);
	ck_assert_int_eq(pagealloc_free(pa, page + 10, 20), 0);
	breakages[_i].break_it(pa);
	ck_assert(!pagealloc_check(pa, why, sizeof(why)));
	ck_assert_msg(strncmp(why, breakages[_i].name, strlen(breakages[_i].name)) == 0,
		      "wanted %s, got %s", breakages[_i].name, why);
	pagealloc_destroy(pa);
}
END_TEST

/* The same for what only placing needs. */
static void break_run(struct pagealloc *pa)
{
	runindex_add(&pa->runs, 3, 1);
}
static void break_bound(struct pagealloc *pa)
{
	pa->shapes[0].level[0][1] = 1; /* nothing fits into chunk 1 */
}
static void break_low(struct pagealloc *pa)
{
	pa->shapes[0].low[0] = 100000;
}
static void break_best(struct pagealloc *pa)
{
	pa->bests[0] = (struct best){.shape = {.align = 1}, .limit = UINT64_MAX};
	best_learn(&pa->bests[0], 1, UINT64_MAX);
}
static void break_hop(struct pagealloc *pa)
{
	pa->tree.levels[2].hops[0].up++;
}
static void break_hop_child(struct pagealloc *pa)
{
	pa->tree.levels[3].hops[0].child = 2;
}

static const struct {
	void (*break_it)(struct pagealloc *pa);
	const char *name;
} place_breakages[] = {
	{break_run, "P8:"},  {break_bound, "P9:"},      {break_low, "P9:"},
	{break_hop, "P10:"}, {break_hop_child, "P10:"}, {break_best, "P11:"},
};

START_TEST(check_names_what_is_broken_about_placing)
{
	struct pagealloc_config config = {.limit_npages = UINT64_C(1) << 25, .best_fit = true};
	struct pagealloc_request req = {.npages = 1, .align_npages = 256};
	const char *name = place_breakages[_i].name;
	struct pagealloc *pa;
	char why[200] = "";
	uint64_t page;

	ck_assert_int_eq(pagealloc_new(&config, &pa), 0);
	ck_assert_int_eq(pagealloc_grow(pa, 0, 4 * 512), 0);
	ck_assert_uint_eq(alloc(pa, 1), 0);
	ck_assert_int_eq(pagealloc_place(pa, &req, &page), 0);
	assert_sound(pa);
	place_breakages[_i].break_it(pa);
	ck_assert(!pagealloc_check(pa, why, sizeof(why)));
	ck_assert_msg(strncmp(why, name, strlen(name)) == 0, "wanted %s, got %s", name, why);
	/* All of it but the hops is cache that can be made anew. */
	if (_i < 3) {
		pagealloc_rebuild(pa);
		assert_sound(pa);
	}
	pagealloc_destroy(pa);
}
END_TEST

START_TEST(rebuild_restores_every_cache)
{
	struct pagealloc *pa = new_grown(64 * 512, 32 * 512);
	struct pagealloc_stat before, after;
	uint64_t page = alloc(pa, 5000);

	ck_assert_int_eq(pagealloc_free(pa, page + 700, 1500), 0);
	pagealloc_stat(pa, &before);
	for (size_t i = 0; i < ARRAY_SIZE(breakages); i++) {
		if (breakages[i].break_it == break_scavenged_used ||
		    breakages[i].break_it == break_pending ||
		    breakages[i].break_it == break_grown_bit ||
		    breakages[i].break_it == break_search_not_grown)
			continue; /* these break the truth */
		breakages[i].break_it(pa);
		pagealloc_rebuild(pa);
		assert_sound(pa);
	}
	pagealloc_stat(pa, &after);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	ck_assert_uint_eq(alloc(pa, 1), page + 700);
	pagealloc_destroy(pa);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pagealloc check");
	TCase *tc = tcase_create("breakages");

	tcase_add_loop_test(tc, check_names_the_broken_invariant, 0, (int)ARRAY_SIZE(breakages));
	tcase_add_loop_test(tc, check_names_what_is_broken_about_placing, 0,
			    ARRAY_SIZE(place_breakages));
	tcase_add_test(tc, rebuild_restores_every_cache);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
