/*
 * test_runindex - the index of free runs by length, with nodes of four keys, beside a sorted array
 *
 * Role:       nodes are split, evened out and merged on several levels within a few hundred runs; after each step the tree checks
 *             itself, and a walk from any length gives what the array gives.
 * Uses:       pagealloc/runindex.h, check
 */
#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "pagealloc/runindex.h"
#include "tests/unit/random.h"

#define NRUNS_MAX 600u
#define NPAGES (UINT64_C(1) << 20)

struct run {
	uint64_t first, npages;
};

struct model {
	struct runindex x;
	struct run run[NRUNS_MAX]; /* by length, then first page */
	unsigned n;
};

/* Where (npages, first) is or would be. */
static unsigned rank_of(const struct model *m, uint64_t first, uint64_t npages)
{
	unsigned i = 0;

	while (i < m->n && (m->run[i].npages < npages ||
			    (m->run[i].npages == npages && m->run[i].first < first)))
		i++;
	return i;
}

static void model_add(struct model *m, uint64_t first, uint64_t npages)
{
	unsigned i = rank_of(m, first, npages);

	memmove(&m->run[i + 1], &m->run[i], (m->n - i) * sizeof(m->run[0]));
	m->run[i] = (struct run){first, npages};
	m->n++;
	runindex_add(&m->x, first, npages);
}

static void model_remove(struct model *m, unsigned i)
{
	runindex_remove(&m->x, m->run[i].first, m->run[i].npages);
	m->n--;
	memmove(&m->run[i], &m->run[i + 1], (m->n - i) * sizeof(m->run[0]));
}

static void compare(const struct model *m, uint64_t npages)
{
	struct runindex_at at = runindex_seek(&m->x, runindex_key(0, npages));
	uint64_t first, n;
	char why[100];

	ck_assert_msg(runindex_check(&m->x, why, sizeof(why)), "%s", why);
	ck_assert_uint_eq(m->x.nruns, m->n);
	for (unsigned i = rank_of(m, 0, npages); i < m->n; i++, runindex_next(&m->x, &at)) {
		ck_assert(runindex_get(&m->x, at, &first, &n));
		if (first != m->run[i].first || n != m->run[i].npages)
			ck_abort_msg("run %u differs", i);
	}
	ck_assert(!runindex_get(&m->x, at, &first, &n));
}

START_TEST(agrees_with_a_sorted_array)
{
	struct model *m = calloc(1, sizeof(*m));
	struct random rnd;
	unsigned bias = 50, highest = 0;

	ck_assert_ptr_nonnull(m);
	random_init(&rnd, "agrees_with_a_sorted_array");
	ck_assert_int_eq(runindex_init(&m->x, NPAGES), 0);
	ck_assert_int_eq(runindex_commit(&m->x, NPAGES), 0);
	for (int i = 0; i < 20000; i++) {
		uint64_t first = random_below(&rnd, NPAGES), npages = 1 + random_below(&rnd, 30);

		if (i % 500 == 0)
			bias = 10 + (unsigned)random_below(&rnd, 80);
		if (m->n && (m->n == NRUNS_MAX - 1 || random_below(&rnd, 100) >= bias))
			model_remove(m, (unsigned)random_below(&rnd, m->n));
		else if (!runindex_has(&m->x, first, npages))
			model_add(m, first, npages);
		highest = m->x.height > highest ? m->x.height : highest;
		if (i % 16 == 0)
			compare(m, random_below(&rnd, 33));
	}
	while (m->n) {
		model_remove(m, (unsigned)random_below(&rnd, m->n));
		compare(m, 0);
	}
	ck_assert_uint_ge(highest, 3);
	ck_assert_uint_eq(m->x.height, 0);
	runindex_deinit(&m->x);
	free(m);
}
END_TEST

/* In order, as growth and page-by-page frees bring them. */
START_TEST(ascending_and_descending)
{
	struct model *m = calloc(1, sizeof(*m));

	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(runindex_init(&m->x, NPAGES), 0);
	ck_assert_int_eq(runindex_commit(&m->x, NPAGES), 0);
	for (unsigned i = 0; i < 500; i++)
		model_add(m, _i ? 1000 - i : i, 1);
	compare(m, 0);
	while (m->n) {
		model_remove(m, _i ? 0 : m->n - 1);
		compare(m, 0);
	}
	runindex_deinit(&m->x);
	free(m);
}
END_TEST

START_TEST(long_runs_share_a_length)
{
	const uint64_t most = RUNINDEX_LENGTH_MAX;
	struct runindex x;
	struct runindex_at at;
	uint64_t first, n;

	ck_assert_int_eq(runindex_init(&x, UINT64_C(1) << 20), 0);
	runindex_add(&x, 5, most + 7);
	runindex_add(&x, 1, most - 1);
	runindex_add(&x, (UINT64_C(1) << 36) - most, most);
	ck_assert(runindex_has(&x, 5, most + 7));
	at = runindex_seek(&x, runindex_key(0, most - 1));
	ck_assert(runindex_get(&x, at, &first, &n) && first == 1 && n == most - 1);
	runindex_next(&x, &at);
	ck_assert(runindex_get(&x, at, &first, &n) && first == 5 && n == most);
	at = runindex_seek(&x, runindex_key(0, most + 100));
	ck_assert(runindex_get(&x, at, &first, &n) && first == 5 && n == most);
	runindex_deinit(&x);
}
END_TEST

START_TEST(no_memory)
{
	struct runindex x;

	for (long n = 0; n < 2; n++) {
		mem_fail_after(n);
		ck_assert_int_lt(runindex_init(&x, NPAGES), 0);
		mem_fail_after(-1);
		ck_assert_ptr_null(x.nodes);
	}
	ck_assert_int_eq(runindex_init(&x, NPAGES), 0);
	mem_fail_after(0);
	ck_assert_int_lt(runindex_commit(&x, NPAGES), 0);
	mem_fail_after(-1);
	runindex_add(&x, 1, 1);
	ck_assert(runindex_has(&x, 1, 1));
	runindex_deinit(&x);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runindex");
	TCase *tc = tcase_create("runindex");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, agrees_with_a_sorted_array);
	tcase_add_loop_test(tc, ascending_and_descending, 0, 2);
	tcase_add_test(tc, long_runs_share_a_length);
	tcase_add_test(tc, no_memory);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
