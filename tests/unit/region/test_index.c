/*
 * test_index - the bit tree and the extents index against plain arrays
 *
 * Role:       unit tests of region/bittree and region/extents: edges by hand, the rest at random with the seed printed.
 * Uses:       region/, base/mem.h, check
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/random.h"
#include "region/extents.h"

static void assert_tree(const struct bittree *bt)
{
	char why[200] = "";

	ck_assert_msg(bittree_check(bt, why, sizeof(why)), "%s", why);
}

static void assert_index(const struct extents *ex)
{
	char why[200] = "";

	ck_assert_msg(extents_check(ex, why, sizeof(why)), "%s", why);
}

START_TEST(tree_refuses_impossible_sizes)
{
	struct bittree bt;

	ck_assert_int_eq(bittree_init(&bt, 0), BITTREE_E_RANGE);
	ck_assert_int_eq(bittree_init(&bt, BITTREE_NBITS_MAX + 1), BITTREE_E_RANGE);
}
END_TEST

/* 1 bit, the sizes around each level's edge, and the largest; only a part of it is usable. */
static const uint64_t tree_sizes[] = {
	1, 2, 63, 64, 65, 4095, 4096, 4097, 64 * 4096, 64 * 4096 + 1, BITTREE_NBITS_MAX,
};

START_TEST(tree_finds_single_bits_at_edges)
{
	uint64_t nbits = tree_sizes[_i], usable = nbits < 300000 ? nbits : 300000;
	struct bittree bt;

	ck_assert_int_eq(bittree_init(&bt, nbits), 0);
	ck_assert_uint_eq(bittree_next(&bt, 0), BITTREE_NONE);
	ck_assert_uint_eq(bittree_prev(&bt, nbits), BITTREE_NONE);
	ck_assert_int_eq(bittree_commit(&bt, usable), 0);
	for (uint64_t i = 0; i < usable; i += i < 70 ? 1 : i / 3) {
		bittree_set(&bt, i);
		ck_assert(bittree_test(&bt, i));
		ck_assert_uint_eq(bittree_next(&bt, 0), i);
		ck_assert_uint_eq(bittree_next(&bt, i), i);
		ck_assert_uint_eq(bittree_next(&bt, i + 1), BITTREE_NONE);
		ck_assert_uint_eq(bittree_prev(&bt, UINT64_MAX), i);
		ck_assert_uint_eq(bittree_prev(&bt, i), i);
		if (i)
			ck_assert_uint_eq(bittree_prev(&bt, i - 1), BITTREE_NONE);
		assert_tree(&bt);
		bittree_clear(&bt, i);
		ck_assert(!bittree_test(&bt, i));
	}
	assert_tree(&bt);
	bittree_deinit(&bt);
}
END_TEST

START_TEST(tree_agrees_with_an_array)
{
	static bool model[20000];
	uint64_t nbits = tree_sizes[_i] < 20000 ? tree_sizes[_i] : 20000, usable = 0;
	struct bittree bt;
	struct random rnd;

	random_init(&rnd, "tree_agrees_with_an_array");
	memset(model, 0, sizeof(model));
	ck_assert_int_eq(bittree_init(&bt, nbits), 0);
	for (int step = 0; step < 20000; step++) {
		uint64_t i, prev, next;
		const bool *found;

		if (usable < nbits && (usable == 0 || random_below(&rnd, 50) == 0)) {
			usable += 1 + random_below(&rnd, nbits - usable);
			ck_assert_int_eq(bittree_commit(&bt, usable), 0);
		}
		i = random_below(&rnd, usable);
		model[i] = random_below(&rnd, 4) == 0;
		if (model[i])
			bittree_set(&bt, i);
		else
			bittree_clear(&bt, i);
		i = random_below(&rnd, usable);
		found = memchr(model + i, true, usable - i);
		next = found ? (uint64_t)(found - model) : BITTREE_NONE;
		found = memrchr(model, true, i + 1);
		prev = found ? (uint64_t)(found - model) : BITTREE_NONE;
		ck_assert_uint_eq(bittree_next(&bt, i), next);
		ck_assert_uint_eq(bittree_prev(&bt, i), prev);
	}
	assert_tree(&bt);
	bittree_deinit(&bt);
}
END_TEST

START_TEST(tree_check_sees_a_lost_bit)
{
	char why[200] = "";
	struct bittree bt;

	ck_assert_int_eq(bittree_init(&bt, 5000), 0);
	ck_assert_int_eq(bittree_commit(&bt, 5000), 0);
	bittree_set(&bt, 4000);
	bt.levels[1][0] = 0;
	ck_assert(!bittree_check(&bt, why, sizeof(why)));
	ck_assert_msg(strncmp(why, "B1: ", 4) == 0, "%s", why);
	bittree_deinit(&bt);
}
END_TEST

/* A page of the naive model: 0 nobody's, else the number of its extent. */
#define MODEL_NPAGES 3000

struct model {
	uint32_t page[MODEL_NPAGES];
	struct extents ex;
	uint32_t nlive;
};

static uint64_t model_first(const struct model *m, uint64_t page)
{
	while (page && m->page[page - 1] == m->page[page])
		page--;
	return page;
}

static void model_add(struct model *m, struct random *rnd)
{
	uint64_t first = random_below(rnd, MODEL_NPAGES), n = 0, max = 1 + random_below(rnd, 20);
	static uint32_t number;

	while (n < max && first + n < MODEL_NPAGES && m->page[first + n] == 0)
		n++;
	if (n == 0)
		return;
	number++;
	for (uint64_t i = 0; i < n; i++)
		m->page[first + i] = number;
	ck_assert_int_eq(extents_reserve(&m->ex, 1), 0);
	extents_add(&m->ex, first, n, number);
	m->nlive++;
}

/* Take an extent away, or cut it at one end. */
static void model_drop(struct model *m, struct random *rnd)
{
	uint64_t page = random_below(rnd, MODEL_NPAGES), first, n = 0, front, back;
	uint32_t i, number = m->page[page];

	if (!number)
		return;
	first = model_first(m, page);
	while (first + n < MODEL_NPAGES && m->page[first + n] == number)
		n++;
	i = extents_at(&m->ex, first);
	ck_assert_uint_ne(i, EXTENT_NONE);
	front = random_below(rnd, n);
	back = random_below(rnd, n - front);
	if (random_below(rnd, 2)) {
		front = n;
		back = 0;
		extents_remove(&m->ex, i);
		m->nlive--;
	} else {
		extents_move(&m->ex, i, first + front, n - front - back);
	}
	for (uint64_t k = 0; k < front; k++)
		m->page[first + k] = 0;
	for (uint64_t k = 0; k < back; k++)
		m->page[first + n - 1 - k] = 0;
}

static void model_compare(const struct model *m, uint64_t page)
{
	uint32_t over = extents_over(&m->ex, page), at = extents_at(&m->ex, page), next;
	bool begins = m->page[page] && model_first(m, page) == page;

	if (m->page[page] == 0) {
		ck_assert_uint_eq(over, EXTENT_NONE);
	} else {
		ck_assert_uint_ne(over, EXTENT_NONE);
		ck_assert_uint_eq(extents_get(&m->ex, over)->first, model_first(m, page));
		ck_assert_uint_eq(extents_get(&m->ex, over)->holding, m->page[page]);
	}
	ck_assert_uint_eq(at, begins ? over : EXTENT_NONE);
	next = extents_next(&m->ex, page);
	while (page < MODEL_NPAGES && !(m->page[page] && model_first(m, page) == page))
		page++;
	if (page == MODEL_NPAGES)
		ck_assert_uint_eq(next, EXTENT_NONE);
	else
		ck_assert_uint_eq(extents_get(&m->ex, next)->first, page);
}

START_TEST(index_agrees_with_an_array)
{
	struct model *m = calloc(1, sizeof(*m));
	struct random rnd;

	ck_assert_ptr_nonnull(m);
	random_init(&rnd, "index_agrees_with_an_array");
	ck_assert_int_eq(extents_init(&m->ex, MODEL_NPAGES), 0);
	ck_assert_int_eq(extents_commit(&m->ex, MODEL_NPAGES), 0);
	for (int step = 0; step < 60000; step++) {
		/* Phases of filling and emptying, so that the hash is full, empty and in between. */
		if (random_below(&rnd, 10) < (step / 5000 % 2 ? 3u : 7u))
			model_add(m, &rnd);
		else
			model_drop(m, &rnd);
		model_compare(m, random_below(&rnd, MODEL_NPAGES));
		if (step % 500 == 0)
			assert_index(&m->ex);
	}
	ck_assert_uint_eq(m->ex.nlive, m->nlive);
	assert_index(&m->ex);
	extents_deinit(&m->ex);
	free(m);
}
END_TEST

START_TEST(index_holds_as_many_as_there_are_pages)
{
	struct extents ex;
	uint64_t live = 0;

	ck_assert_int_eq(extents_init(&ex, 5000), 0);
	ck_assert_int_eq(extents_commit(&ex, 5000), 0);
	for (uint64_t page = 0; page < 5000; page++) {
		ck_assert_int_eq(extents_reserve(&ex, 1), 0);
		extents_add(&ex, page, 1, 1);
	}
	ck_assert_int_eq(extents_reserve(&ex, 1), -ENOMEM);
	assert_index(&ex);
	for (uint32_t i = extents_next(&ex, 0); i != EXTENT_NONE; live++)
		i = extents_next(&ex, extents_get(&ex, i)->first + 1);
	ck_assert_uint_eq(live, 5000);
	extents_deinit(&ex);
}
END_TEST

START_TEST(an_extent_costs_at_most_64_bytes)
{
	uint64_t n = 300000, before;
	struct extents ex;

	ck_assert_int_eq(extents_init(&ex, 2 * n), 0);
	ck_assert_int_eq(extents_commit(&ex, 2 * n), 0);
	before = extents_bytes(&ex);
	for (uint64_t i = 0; i < n; i++) {
		ck_assert_int_eq(extents_reserve(&ex, 1), 0);
		extents_add(&ex, 2 * i, 1, 1);
		if (i % 65536 == 65535)
			ck_assert_uint_le(extents_bytes(&ex) - before, 64 * (i + 1));
	}
	ck_assert_uint_le(extents_bytes(&ex) - before, 64 * n);
	extents_deinit(&ex);
}
END_TEST

START_TEST(index_without_memory_stays_as_it_was)
{
	struct extents ex;
	long n;

	for (n = 0;; n++) {
		mem_fail_after(n);
		if (extents_init(&ex, 100000) == 0)
			break;
	}
	ck_assert_int_ge(n, 3);
	mem_fail_after(-1);
	ck_assert_int_eq(extents_commit(&ex, 100000), 0);
	for (uint64_t page = 0; page < 100000; page += 3) {
		mem_fail_after(0);
		if (extents_reserve(&ex, 1)) {
			assert_index(&ex);
			mem_fail_after(-1);
			ck_assert_int_eq(extents_reserve(&ex, 1), 0);
		}
		extents_add(&ex, page, 2, 1);
	}
	ck_assert_uint_eq(ex.nlive, 33334);
	assert_index(&ex);
	extents_deinit(&ex);
}
END_TEST

START_TEST(index_check_names_what_is_broken)
{
	char why[200] = "";
	struct extents ex;

	ck_assert_int_eq(extents_init(&ex, 1000), 0);
	ck_assert_int_eq(extents_commit(&ex, 1000), 0);
	ck_assert_int_eq(extents_reserve(&ex, 2), 0);
	extents_add(&ex, 10, 5, 1);
	extents_add(&ex, 20, 5, 1);
	extents_get(&ex, extents_at(&ex, 10))->npages = 11;
	ck_assert(!extents_check(&ex, why, sizeof(why)));
	ck_assert_msg(strncmp(why, "E3: ", 4) == 0, "%s", why);
	extents_get(&ex, extents_at(&ex, 10))->npages = 5;
	bittree_clear(&ex.heads, 20);
	ck_assert(!extents_check(&ex, why, sizeof(why)));
	ck_assert_msg(strncmp(why, "E2: ", 4) == 0, "%s", why);
	bittree_set(&ex.heads, 20);
	bittree_set(&ex.heads, 30);
	ck_assert(!extents_check(&ex, why, sizeof(why)));
	ck_assert_msg(strncmp(why, "E1: ", 4) == 0, "%s", why);
	extents_deinit(&ex);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("index");
	TCase *tc = tcase_create("index");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, tree_refuses_impossible_sizes);
	tcase_add_loop_test(tc, tree_finds_single_bits_at_edges, 0, (int)ARRAY_SIZE(tree_sizes));
	tcase_add_loop_test(tc, tree_agrees_with_an_array, 0, (int)ARRAY_SIZE(tree_sizes));
	tcase_add_test(tc, tree_check_sees_a_lost_bit);
	tcase_add_test(tc, index_agrees_with_an_array);
	tcase_add_test(tc, index_holds_as_many_as_there_are_pages);
	tcase_add_test(tc, an_extent_costs_at_most_64_bytes);
	tcase_add_test(tc, index_without_memory_stays_as_it_was);
	tcase_add_test(tc, index_check_names_what_is_broken);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
