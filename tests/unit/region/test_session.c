/*
 * test_session - users and sessions as owners, and what is left when a session has ended
 *
 * Role:       unit tests of region/session and of the reclaim in region/region_free.
 * Uses:       region/, check
 */
#include <stdlib.h>

#include "world.h"

START_TEST(detached_extents_belong_to_the_user)
{
	struct session *root, *daemon;
	struct owner *user;
	struct world w;
	int err;

	world_init(&w, 2048, 512, 0);
	root = world_session(&w, 0);
	daemon = world_session(&w, DAEMON_UID);
	ck_assert_int_eq(regions_user(&w.regions, 1000, &user), 0);
	for (int i = 0; i < 4; i++)
		take(&w, user, 10, &err);
	ck_assert_uint_eq(w.r->detached_npages, 40);
	ck_assert_int_eq(give(&w, w.c, 0, 10), REGION_E_NOT_OWNER);
	session_end(w.a);
	ck_assert(regions_reclaim(&w.regions, UINT32_MAX));
	ck_assert_uint_eq(w.r->detached_npages, 40);
	ck_assert_int_eq(give(&w, w.b, 0, 10), 0);
	ck_assert_int_eq(give(&w, root, 10, 10), 0);
	ck_assert_int_eq(give(&w, daemon, 20, 5), 0);
	ck_assert_uint_eq(w.r->detached_npages, 15);
	/* Root may free what users hold, not what sessions hold. */
	must_take(&w, w.b, 10);
	ck_assert_int_eq(give(&w, root, 0, 10), REGION_E_NOT_OWNER);
	world_deinit(&w);
}
END_TEST

START_TEST(an_ended_session_leaves_nothing)
{
	uint64_t largest;
	struct world w;

	world_init(&w, 100000, 100000, 0);
	largest = region_largest_npages(w.r);
	for (int i = 0; i < 5000; i++) {
		must_take(&w, w.a, 1 + (uint64_t)i % 7);
		if (i % 3 == 0)
			must_take(&w, w.b, 1);
	}
	session_end(w.a);
	/* In slices: each gives back no more than its budget. */
	for (uint64_t before = 5000; !regions_reclaim(&w.regions, 100);) {
		uint64_t left = w.r->extents.nlive;

		ck_assert_uint_lt(left, before + 1667);
		before = left;
		world_check(&w);
	}
	ck_assert_uint_eq(w.r->extents.nlive, 1667);
	ck_assert_uint_eq(w.r->counters.reclaims, 5000);
	session_end(w.b);
	ck_assert(regions_reclaim(&w.regions, UINT32_MAX));
	ck_assert_uint_eq(w.r->extents.nlive, 0);
	ck_assert_uint_eq(region_free_npages(w.r), 100000);
	ck_assert_uint_eq(region_largest_npages(w.r), largest);
	world_deinit(&w);
}
END_TEST

/* Neighbours go back in one: upwards, downwards, and never over a gap in between. */
START_TEST(reclaim_does_not_bridge_gaps)
{
	/* Pages in the order in which the session gets them. */
	static const uint64_t orders[][5] = {
		{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 1, 3, 0, 4},
		{0, 2, 4, 6, 8}, {8, 6, 4, 2, 0}, {4, 8, 0, 6, 2},
	};
	struct world w;

	for (size_t k = 0; k < ARRAY_SIZE(orders); k++) {
		world_init(&w, 512, 512, 0);
		for (int i = 0; i < 5; i++) {
			/* All below is somebody else's for the moment, so that the next page is the one wanted. */
			uint64_t page = orders[k][i], blocked[16];
			size_t n = 0;

			for (;;) {
				uint64_t got = must_take(&w, w.b, 1);

				ck_assert_uint_lt(n, ARRAY_SIZE(blocked));
				blocked[n++] = got;
				if (got >= page)
					break;
			}
			ck_assert_int_eq(give(&w, w.b, page, 1), 0);
			ck_assert_uint_eq(must_take(&w, w.a, 1), page);
			while (n--) {
				if (blocked[n] != page)
					ck_assert_int_eq(give(&w, w.b, blocked[n], 1), 0);
			}
		}
		session_end(w.a);
		ck_assert(regions_reclaim(&w.regions, UINT32_MAX));
		ck_assert_uint_eq(w.r->used_npages, 0);
		world_deinit(&w);
	}
}
END_TEST

START_TEST(a_slice_keeps_to_its_budget)
{
	struct world w;
	uint32_t budget = 10;

	world_init(&w, 1000, 1000, 0);
	for (int i = 0; i < 25; i++)
		must_take(&w, w.a, 2);
	session_end(w.a);
	ck_assert(!session_reclaim(w.a, &budget));
	ck_assert_uint_eq(budget, 0);
	ck_assert_uint_eq(w.r->extents.nlive, 15);
	budget = 100;
	ck_assert(session_reclaim(w.a, &budget));
	ck_assert_uint_eq(budget, 85);
	world_deinit(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session");
	TCase *tc = tcase_create("session");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, detached_extents_belong_to_the_user);
	tcase_add_test(tc, an_ended_session_leaves_nothing);
	tcase_add_test(tc, reclaim_does_not_bridge_gaps);
	tcase_add_test(tc, a_slice_keeps_to_its_budget);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
