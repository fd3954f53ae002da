/*
 * test_busy - what busy pages are in the way of, and who hears when they are so no more
 *
 * Role:       stories about those who come while something is pending.
 * Uses:       region/, check
 */
#include "backed.h"
#include "tests/unit/suite.h"

#define CHUNK PAGEALLOC_CHUNK_NPAGES

static struct region_placement fixed(uint64_t page)
{
	return (struct region_placement){.rule = REGION_FIXED, .addr = BASE + page * PAGE};
}

static int shrink(struct world *w, uint64_t page, uint64_t npages)
{
	struct region_refusal rr = {0};
	struct region_in_use use;
	uint64_t addr, n;

	return region_shrink(w->r, BASE + page * PAGE, npages, &addr, &n, &use, &rr);
}

static int hold(struct world *w, bool drain, bool undo, uint64_t page, uint64_t npages)
{
	struct region_refusal rr = {0};
	struct region_in_use use;
	int err = drain ? region_drain(w->r, BASE + page * PAGE, npages, undo, &use, &rr)
			: region_reserve(w->r, BASE + page * PAGE, npages, undo, &use, &rr);

	world_check(w);
	return err;
}

START_TEST(a_refusal_says_busy_where_busy_pages_would_do)
{
	struct region_pending *q;
	struct world w;
	uint64_t room;
	int err;

	backed_init(&w, CHUNK, CHUNK, 0);
	must_take(&w, w.b, 100);
	q = must_pend(&w, w.a, 200);
	ck_assert_uint_eq(take(&w, &w.b->owner, CHUNK - 300, &err), 300);
	take(&w, &w.b->owner, 200, &err);
	ck_assert_int_eq(err, REGION_E_BUSY);
	pend(&w, w.b, 150, &err);
	ck_assert_int_eq(err, REGION_E_BUSY);
	ck_assert_uint_eq(w.r->counters.no_space, 0);
	take(&w, &w.b->owner, 201, &err);
	ck_assert_int_eq(err, REGION_E_NO_SPACE);
	room = w.r->room;
	give_up(&w, q);
	ck_assert_uint_ne(w.r->room, room);
	ck_assert_uint_eq(take(&w, &w.b->owner, 200, &err), 100);
	backed_deinit(&w);
}
END_TEST

START_TEST(who_waits_for_busy_pages_hears_when_they_are_somebodys)
{
	struct region_pending *q;
	struct world w;
	uint64_t room;
	int err;

	backed_init(&w, CHUNK, CHUNK, 0);
	q = must_pend(&w, w.a, CHUNK);
	take(&w, &w.b->owner, 1, &err);
	ck_assert_int_eq(err, REGION_E_BUSY);
	room = w.r->room;
	ck_assert_int_eq(finish(&w, q, w.a), 0);
	ck_assert_uint_ne(w.r->room, room);
	take(&w, &w.b->owner, 1, &err);
	ck_assert_int_eq(err, REGION_E_NO_SPACE);
	backed_deinit(&w);
}
END_TEST

START_TEST(free_pages_beside_busy_ones_count)
{
	struct region_pending *q;
	struct world w;
	int err;

	backed_init(&w, CHUNK, CHUNK, 0);
	must_take(&w, w.b, 10);
	q = must_pend(&w, w.a, 10);
	must_take(&w, w.b, CHUNK - 20);
	ck_assert_int_eq(give(&w, w.b, 5, 5), 0);
	ck_assert_int_eq(give(&w, w.b, 20, 5), 0);
	take(&w, &w.b->owner, 20, &err);
	ck_assert_int_eq(err, REGION_E_BUSY);
	take(&w, &w.b->owner, 21, &err);
	ck_assert_int_eq(err, REGION_E_NO_SPACE);
	/* What is drained does not come free with the rest. */
	ck_assert_int_eq(hold(&w, true, false, 15, 1), 0);
	take(&w, &w.b->owner, 20, &err);
	ck_assert_int_eq(err, REGION_E_NO_SPACE);
	take(&w, &w.b->owner, 10, &err);
	ck_assert_int_eq(err, REGION_E_BUSY);
	give_up(&w, q);
	backed_deinit(&w);
}
END_TEST

START_TEST(a_fixed_place_says_busy_where_nothing_else_is_in_the_way)
{
	struct region_placement p = fixed(5);
	struct region_pending *q, *other;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	q = must_pend(&w, w.a, 10);
	ck_assert_int_eq(pend_many(&w, w.b, 10, 1, &p, &other), REGION_E_BUSY);
	must_take(&w, w.b, 1); /* page 10 */
	ck_assert_int_eq(pend_many(&w, w.b, 10, 1, &p, &other), REGION_E_NOT_FREE);
	ck_assert_int_eq(pend_many(&w, w.b, 5, 1, &p, &other), REGION_E_BUSY);
	give_up(&w, q);
	ck_assert_int_eq(pend_many(&w, w.b, 5, 1, &p, &other), 0);
	ck_assert_uint_eq(other->addr[0], BASE + 5 * PAGE);
	give_up(&w, other);
	backed_deinit(&w);
}
END_TEST

START_TEST(a_region_grows_before_it_says_busy)
{
	struct region_pending *q, *all;
	struct world w;
	int err;

	backed_init(&w, 2 * CHUNK, CHUNK, 1);
	q = must_pend(&w, w.a, CHUNK);
	all = must_pend(&w, w.b, CHUNK);
	ck_assert_uint_eq(all->addr[0], BASE + CHUNK * PAGE);
	give_up(&w, all);
	ck_assert_int_eq(shrink(&w, CHUNK, CHUNK), 0);
	/* Both chunks would do together: the one that is busy, and the one that may yet be grown. */
	pend(&w, w.b, CHUNK + 1, &err);
	ck_assert_int_eq(err, REGION_E_BUSY);
	give_up(&w, q);
	q = must_pend(&w, w.b, CHUNK + 1);
	ck_assert_uint_eq(q->addr[0], BASE);
	give_up(&w, q);
	backed_deinit(&w);
}
END_TEST

START_TEST(busy_pages_can_be_neither_reserved_nor_taken_out)
{
	struct region_pending *q;
	struct world w;

	backed_init(&w, 2 * CHUNK, 2 * CHUNK, 0);
	q = must_pend(&w, w.a, 10);
	ck_assert_int_eq(shrink(&w, 0, CHUNK), REGION_E_BUSY);
	ck_assert_int_eq(hold(&w, false, false, 9, 5), REGION_E_BUSY);
	ck_assert_int_eq(hold(&w, false, false, 10, 5), 0);
	ck_assert_int_eq(shrink(&w, CHUNK, CHUNK), 0);
	must_take(&w, w.b, 1); /* page 15: an extent is the better reason */
	ck_assert_int_eq(shrink(&w, 0, CHUNK), REGION_E_IN_USE);
	ck_assert_int_eq(give(&w, w.b, 15, 1), 0);
	give_up(&w, q);
	ck_assert_int_eq(shrink(&w, 0, CHUNK), 0);
	backed_deinit(&w);
}
END_TEST

START_TEST(what_is_drained_meanwhile_is_held_when_it_is_given_back)
{
	struct region_pending *q;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	q = must_pend(&w, w.a, 10);
	ck_assert_int_eq(hold(&w, true, false, 5, 10), 0);
	ck_assert_uint_eq(region_held_npages(w.r), 5);
	/* Once more and back again: what is busy stays so. */
	ck_assert_int_eq(hold(&w, true, true, 5, 10), 0);
	ck_assert_uint_eq(region_held_npages(w.r), 0);
	ck_assert_uint_eq(must_take(&w, w.b, 1), 10);
	ck_assert_int_eq(hold(&w, true, false, 5, 5), 0);
	give_up(&w, q);
	ck_assert_uint_eq(region_held_npages(w.r), 5);
	ck_assert_uint_eq(must_take(&w, w.b, 6), 11);
	backed_deinit(&w);
}
END_TEST

START_TEST(what_is_drained_meanwhile_may_still_become_an_extent)
{
	struct region_pending *q;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	q = must_pend(&w, w.a, 10);
	ck_assert_int_eq(hold(&w, true, false, 0, CHUNK), 0);
	ck_assert_int_eq(finish(&w, q, w.a), 0);
	ck_assert_int_eq(give(&w, w.a, 0, 10), 0);
	world_check(&w);
	ck_assert_uint_eq(region_free_npages(w.r), 0);
	backed_deinit(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("busy");
	TCase *tc = tcase_create("busy");

	tcase_add_test(tc, a_refusal_says_busy_where_busy_pages_would_do);
	tcase_add_test(tc, who_waits_for_busy_pages_hears_when_they_are_somebodys);
	tcase_add_test(tc, free_pages_beside_busy_ones_count);
	tcase_add_test(tc, a_fixed_place_says_busy_where_nothing_else_is_in_the_way);
	tcase_add_test(tc, a_region_grows_before_it_says_busy);
	tcase_add_test(tc, busy_pages_can_be_neither_reserved_nor_taken_out);
	tcase_add_test(tc, what_is_drained_meanwhile_is_held_when_it_is_given_back);
	tcase_add_test(tc, what_is_drained_meanwhile_may_still_become_an_extent);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
