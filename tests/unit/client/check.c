/*
 * check - replay --check notices what must never happen: a page held twice
 *
 * Role:       client/cli/replay_check.c against a plain array of pages, at random; and each kind of wrong address.
 * Uses:       client/cli, check
 */
#include "client/cli/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/client/run.h"

#define NPAGES 300
#define BASE UINT64_C(0x100000)
#define PAGE UINT64_C(0x1000)

static const struct paclient_region region = {
	.base_addr = BASE, .page_size_bytes = PAGE, .limit_npages = NPAGES};

START_TEST(against_an_array)
{
	struct check *c = check_new(&region);
	unsigned char held[NPAGES] = {0};
	unsigned twice = 0;

	srand(1);
	for (int i = 0; i < 20000; i++) {
		uint64_t first = (uint64_t)rand() % NPAGES;
		uint64_t n = 1 + (uint64_t)rand() % (NPAGES - first < 90 ? NPAGES - first : 90);
		bool taken = memchr(held + first, 1, n), all_taken = !memchr(held + first, 0, n);

		if (!taken) {
			ck_assert_ptr_null(check_alloc(c, BASE + first * PAGE, n));
			memset(held + first, 1, n);
		} else if (all_taken) {
			/* Nothing changes here: every page of it is held. */
			ck_assert_ptr_nonnull(check_alloc(c, BASE + first * PAGE, n));
			twice++;
			check_give_back(c, BASE + first * PAGE, n);
			memset(held + first, 0, n);
		} else {
			/* What is held in part is made free. */
			check_give_back(c, BASE + first * PAGE, n);
			memset(held + first, 0, n);
		}
	}
	ck_assert_uint_gt(twice, 10);
	check_free(c);
}
END_TEST

START_TEST(one_page_of_many)
{
	for (uint64_t page = 0; page < NPAGES; page++) {
		struct check *c = check_new(&region);

		ck_assert_ptr_null(check_alloc(c, BASE + page * PAGE, 1));
		ck_assert_ptr_nonnull(strstr(check_alloc(c, BASE, NPAGES), "held already"));
		check_free(c);
	}
}
END_TEST

START_TEST(wrong_addresses)
{
	struct check *c = check_new(&region);

	ck_assert_ptr_nonnull(check_alloc(c, BASE - PAGE, 1));
	ck_assert_ptr_nonnull(check_alloc(c, BASE + 1, 1));
	ck_assert_ptr_nonnull(check_alloc(c, BASE + NPAGES * PAGE, 1));
	ck_assert_ptr_nonnull(check_alloc(c, BASE + (NPAGES - 1) * PAGE, 2));
	ck_assert_ptr_nonnull(check_alloc(c, BASE + PAGE, UINT64_MAX));
	ck_assert_ptr_null(check_alloc(c, BASE, NPAGES));
	check_free(c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_check");

	run_add(s, "against_an_array", against_an_array);
	run_add(s, "one_page_of_many", one_page_of_many);
	run_add(s, "wrong_addresses", wrong_addresses);
	return suite_run(s);
}
