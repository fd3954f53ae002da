/*
 * test_heap - the lowest key is always first
 *
 * Role:       unit tests of base/heap, beside a plain search.
 * Uses:       base/, check
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/heap.h"
#include "base/mem.h"
#include "tests/unit/random.h"
#include "tests/unit/suite.h"

#define NNODES 300u

static void must_check(const struct heap *h)
{
	char why[100] = "";

	ck_assert_msg(heap_check(h, why, sizeof(why)), "%s", why);
}

static const struct heap_node *lowest(const struct heap_node *nodes)
{
	const struct heap_node *found = NULL;

	for (unsigned i = 0; i < NNODES; i++) {
		if (nodes[i].at && (!found || nodes[i].key < found->key))
			found = &nodes[i];
	}
	return found;
}

START_TEST(heap_agrees_with_a_search)
{
	struct heap_node nodes[NNODES] = {0};
	struct heap h = {0};
	struct random rnd;

	random_init(&rnd, "heap_agrees_with_a_search");
	ck_assert_int_eq(heap_reserve(&h, NNODES), 0);
	for (int i = 0; i < 20000; i++) {
		struct heap_node *node = &nodes[random_below(&rnd, NNODES)];
		const struct heap_node *want;

		/* Filled in the first half, emptied in the second. */
		if (random_below(&rnd, 10) < (i < 10000 ? 7 : 3))
			heap_put(&h, node, random_below(&rnd, 200));
		else
			heap_remove(&h, node);
		must_check(&h);
		want = lowest(nodes);
		ck_assert(!want == !heap_first(&h));
		if (want)
			ck_assert_uint_eq(heap_first(&h)->key, want->key);
	}
	heap_deinit(&h);
}
END_TEST

START_TEST(without_memory_the_heap_is_as_before)
{
	struct heap_node nodes[2] = {0};
	struct heap h = {0};

	mem_fail_after(0);
	ck_assert_int_eq(heap_reserve(&h, 1), -ENOMEM);
	mem_fail_after(-1);
	ck_assert_int_eq(heap_reserve(&h, 2), 0);
	heap_put(&h, &nodes[0], 9);
	heap_put(&h, &nodes[1], 4);
	mem_fail_after(0);
	ck_assert_int_eq(heap_reserve(&h, 2), 0);
	ck_assert_int_eq(heap_reserve(&h, 1000), -ENOMEM);
	mem_fail_after(-1);
	ck_assert_ptr_eq(heap_first(&h), &nodes[1]);
	must_check(&h);
	heap_deinit(&h);
}
END_TEST

START_TEST(the_check_sees_what_is_wrong)
{
	struct heap_node nodes[3] = {0};
	struct heap h = {0};
	char why[100];

	ck_assert_int_eq(heap_reserve(&h, 3), 0);
	for (unsigned i = 0; i < 3; i++)
		heap_put(&h, &nodes[i], i);
	nodes[2].key = 0;
	must_check(&h);
	nodes[0].key = 1;
	ck_assert(!heap_check(&h, why, sizeof(why)));
	ck_assert_msg(strncmp(why, "H1: ", 4) == 0, "%s", why);
	nodes[0].key = 0;
	nodes[1].at = 1;
	ck_assert(!heap_check(&h, why, sizeof(why)));
	ck_assert_msg(strncmp(why, "H2: ", 4) == 0, "%s", why);
	heap_deinit(&h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("heap");
	TCase *tc = tcase_create("heap");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, heap_agrees_with_a_search);
	tcase_add_test(tc, without_memory_the_heap_is_as_before);
	tcase_add_test(tc, the_check_sees_what_is_wrong);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
