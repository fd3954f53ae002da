/*
 * test_update - another configuration for a region that is being used; and its end
 *
 * Role:       unit tests of region/region_update: limits of each shape, quotas, heirs, rights, closing, undoing; want of memory at every point.
 * Uses:       region/, base/mem.h, check
 */
#include "region/region_update.h"

#include <errno.h>

#include "base/mem.h"
#include "region/pending.h"
#include "tests/unit/random.h"
#include "tests/unit/suite.h"
#include "world.h"

static int update(struct world *w, const struct region_config *c)
{
	struct region_update *u = NULL;
	int err = region_update_prepare(w->r, c, &u);

	if (!err)
		region_update_apply(u);
	return err;
}

/* Limits in pages: of before, what is grown, of after. With a last chunk that is cut, whole, or grown to its end. */
static const struct limit_case {
	uint64_t was, initial, now, end;
} limit_cases[] = {
	{25, 25, 16384, 512},     {25, 0, 100, 0},        {25, 25, 100, 100},
	{512, 512, 513, 512},     {513, 513, 1024, 1024}, {600, 512, 700, 512},
	{600, 600, 512000, 1024}, {1, 1, 1 << 24, 512},   {700, 700, 700, 700},
};

START_TEST(a_limit_is_raised)
{
	const struct limit_case *l = &limit_cases[_i];
	struct region_config c = world_config(l->was, l->initial, 0);
	uint64_t page = 0, room;
	struct world w;
	int err;

	world_init_with(&w, &c);
	if (l->initial)
		page = must_take(&w, w.a, l->initial);
	room = w.r->room;
	c.limit_bytes = l->now * PAGE;
	ck_assert_int_eq(update(&w, &c), 0);
	world_check(&w);
	ck_assert_uint_eq(w.r->limit_npages, l->now);
	ck_assert_uint_eq(w.r->end_npages, l->end);
	ck_assert(l->now == l->was || w.r->room != room);
	/* All of it can be had, and no more. */
	c.auto_grow_bytes = PAGE;
	ck_assert_int_eq(update(&w, &c), 0);
	if (l->now > l->initial)
		must_take(&w, w.b, l->now - l->initial);
	take(&w, &w.a->owner, 1, &err);
	ck_assert_int_eq(err, REGION_E_NO_SPACE);
	if (l->initial)
		ck_assert_int_eq(give(&w, w.a, page, l->initial), 0);
	world_deinit(&w);
}
END_TEST

/* What is reserved by the configuration or by hand stays so, beside a limit that ends in a chunk. */
START_TEST(reserved_ranges_stay)
{
	struct region_config c = world_config(600, 600, 0);
	struct region_in_use in_use;
	struct region_refusal rr;
	struct world w;
	int err;

	c.holes[0] = (struct region_hole){BASE + 590 * PAGE, 10 * PAGE};
	c.nholes = 1;
	world_init_with(&w, &c);
	ck_assert_int_eq(region_reserve(w.r, BASE, 5, false, &in_use, &rr), 0);
	c.limit_bytes = 1024 * PAGE;
	ck_assert_int_eq(update(&w, &c), 0);
	world_check(&w);
	must_take(&w, w.a, 585);
	must_take(&w, w.a, 424);
	take(&w, &w.a->owner, 1, &err);
	ck_assert_int_eq(err, REGION_E_NO_SPACE);
	world_deinit(&w);
}
END_TEST

/* A life between raised limits: each page that was held stays held. */
START_TEST(extents_stay_where_they_are)
{
	struct region_config c = world_config(3, 0, 512);
	uint64_t pages[200];
	struct random rnd;
	unsigned n = 0;
	struct world w;
	int err;

	random_init(&rnd, "extents_stay_where_they_are");
	world_init_with(&w, &c);
	for (uint64_t limit = 3; limit < 40000; limit = limit * 2 + random_below(&rnd, 700)) {
		c.limit_bytes = limit * PAGE;
		ck_assert_int_eq(update(&w, &c), 0);
		world_check(&w);
		for (unsigned i = 0; i < 10 && n < ARRAY_SIZE(pages); i++) {
			pages[n] = take(&w, &w.a->owner, 1 + random_below(&rnd, 3), &err);
			n += !err;
		}
		for (unsigned i = 0; i < n; i++) {
			struct region_view view;

			ck_assert_int_eq(region_view(w.r, BASE + pages[i] * PAGE, &view), 0);
		}
	}
	ck_assert_uint_gt(n, 50);
	world_deinit(&w);
}
END_TEST

START_TEST(quotas_and_policies_hold_from_now_on)
{
	struct region_config c = world_config(1024, 1024, 0);
	struct world w;
	int err;

	world_init_with(&w, &c);
	must_take(&w, w.a, 10);
	c.user_bytes = 12 * PAGE;
	c.session_extents = 2;
	c.low_bytes = 100 * PAGE;
	ck_assert_int_eq(update(&w, &c), 0);
	take(&w, &w.a->owner, 3, &err);
	ck_assert_int_eq(err, REGION_E_QUOTA);
	must_take(&w, w.a, 1);
	take(&w, &w.a->owner, 1, &err);
	ck_assert_int_eq(err, REGION_E_QUOTA);
	ck_assert_uint_eq(w.r->low_npages, 100);
	/* Another user has a quota of its own. */
	must_take(&w, w.c, 12);
	world_deinit(&w);
}
END_TEST

/* From "free" to "keep": sessions that hold something already leave it to their users. */
START_TEST(heirs_are_there_when_extents_are_to_be_kept)
{
	struct region_config c = world_config(1024, 1024, 0);
	struct world w;

	world_init_with(&w, &c);
	must_take(&w, w.a, 10);
	must_take(&w, w.c, 5);
	c.death = REGION_DEATH_KEEP;
	ck_assert_int_eq(update(&w, &c), 0);
	world_end(w.a);
	world_end(w.c);
	ck_assert(regions_reclaim(&w.regions, 1000, 0));
	ck_assert_uint_eq(w.r->detached_npages, 15);
	/* And back: what comes after is free again. */
	c.death = REGION_DEATH_FREE;
	ck_assert_int_eq(update(&w, &c), 0);
	must_take(&w, w.b, 3);
	world_end(w.b);
	ck_assert(regions_reclaim(&w.regions, 1000, 0));
	ck_assert_uint_eq(w.r->used_npages, 15);
	world_deinit(&w);
}
END_TEST

START_TEST(rights_are_renewed)
{
	const gid_t group = 77;
	const struct session_peer peer = {.uid = 1000, .gid = 1000, .groups = &group, .ngroups = 1};
	struct region_config c = world_config(1024, 0, 0);
	struct world w;

	world_init_with(&w, &c);
	ck_assert(session_may(w.a, w.r, ACCESS_ALLOC));
	c.nrules = 1;
	c.rules[0] = (struct access_rule){ACCESS_GROUP, 77, ACCESS_GROW};
	ck_assert_int_eq(update(&w, &c), 0);
	session_rights_renew(w.a, &peer);
	session_rights_renew(w.b, NULL);
	ck_assert(!session_may(w.a, w.r, ACCESS_ALLOC) && session_may(w.a, w.r, ACCESS_GROW));
	ck_assert(!session_may(w.b, w.r, ACCESS_GROW));
	c.nrules = 0;
	ck_assert_int_eq(update(&w, &c), 0);
	session_rights_renew(w.b, NULL);
	ck_assert(session_may(w.b, w.r, ACCESS_ALLOC));
	world_deinit(&w);
}
END_TEST

/* Nothing of a prepared update is seen before it is applied. */
START_TEST(what_is_not_applied_has_not_happened)
{
	struct region_config c = world_config(25, 25, 0);
	struct region_update *u;
	struct world w;
	int err;

	world_init_with(&w, &c);
	c.limit_bytes = 100000 * PAGE;
	c.user_bytes = PAGE;
	ck_assert_int_eq(region_update_prepare(w.r, &c, &u), 0);
	region_update_free(u);
	world_check(&w);
	ck_assert_uint_eq(w.r->limit_npages, 25);
	must_take(&w, w.a, 25);
	take(&w, &w.a->owner, 1, &err);
	ck_assert_int_eq(err, REGION_E_NO_SPACE);
	/* Nor is it in the way of less. */
	c.limit_bytes = 5000 * PAGE;
	c.user_bytes = 0;
	c.auto_grow_bytes = PAGE;
	ck_assert_int_eq(update(&w, &c), 0);
	world_check(&w);
	must_take(&w, w.a, 4975);
	take(&w, &w.a->owner, 1, &err);
	ck_assert_int_eq(err, REGION_E_NO_SPACE);
	world_deinit(&w);
}
END_TEST

START_TEST(without_memory)
{
	struct region_config c = world_config(600, 600, 0);
	struct region_config more = world_config(60000, 600, 0);
	struct world w;
	int err = -1;

	world_init_with(&w, &c);
	must_take(&w, w.a, 7);
	more.death = REGION_DEATH_KEEP;
	more.nrules = 1;
	more.rules[0] = (struct access_rule){ACCESS_EVERYONE, 0, ACCESS_ALLOC};
	for (long n = 0; err; n++) {
		mem_fail_after(n);
		err = update(&w, &more);
		mem_fail_after(-1);
		ck_assert(err == 0 || err == -ENOMEM);
		ck_assert_uint_eq(w.r->limit_npages, err ? 600 : 60000);
		world_check(&w);
	}
	ck_assert_int_eq(give(&w, w.a, 0, 7), 0);
	world_deinit(&w);
}
END_TEST

/* Its id stays taken, so that rights, and what others remember of it, mean nobody else. */
START_TEST(a_closed_region_is_none)
{
	struct region_config c = world_config(1024, 1024, 0), other = world_config(10, 10, 0);
	struct region *stub;
	uint64_t page;
	struct world w;

	strcpy(other.name, "other");
	world_init_with(&w, &c);
	ck_assert_int_eq(regions_add(&w.regions, &other), 0);
	page = must_take(&w, w.a, 10);
	ck_assert_int_eq(give(&w, w.a, page, 10), 0);
	ck_assert_int_eq(region_stub_new(w.r, &stub), 0);
	ck_assert_ptr_null(region_close(&w.regions, w.r, stub));
	ck_assert_ptr_null(regions_by_id(&w.regions, 1));
	ck_assert_ptr_null(regions_by_number(&w.regions, 1));
	ck_assert_ptr_null(regions_by_name(&w.regions, "r"));
	ck_assert_ptr_nonnull(regions_by_id(&w.regions, 2));
	world_check(&w);
	/* The name is free. */
	ck_assert_int_eq(regions_add(&w.regions, &c), 0);
	w.r = regions_by_name(&w.regions, "r");
	ck_assert_uint_eq(w.r->id, 3);
	must_take(&w, w.a, 1024);
	world_end(w.a);
	ck_assert(regions_reclaim(&w.regions, 10, 0));
	world_deinit(&w);
}
END_TEST

START_TEST(an_added_region_can_be_taken_out_again)
{
	struct region_config c = world_config(1024, 1024, 0), other = world_config(10, 10, 0);
	struct world w;

	strcpy(other.name, "other");
	world_init_with(&w, &c);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(regions_add(&w.regions, &other), 0);
		/* As records may bring it. */
		w.r = regions_by_name(&w.regions, "other");
		must_take(&w, w.a, 2);
		regions_undo_add(&w.regions);
		w.r = regions_by_id(&w.regions, 1);
		ck_assert_uint_eq(w.regions.n, 1);
		world_check(&w);
		must_take(&w, w.a, 2);
	}
	world_deinit(&w);
}
END_TEST

START_TEST(who_holds_is_counted)
{
	uint32_t nsessions, nusers;
	struct world w;
	int err;

	world_init(&w, 1024, 1024, 0);
	must_take(&w, w.a, 1);
	must_take(&w, w.a, 1);
	must_take(&w, w.c, 1);
	take(&w, world_user(&w, 1000), 1, &err);
	ck_assert_int_eq(err, 0);
	region_holders(w.r, &nsessions, &nusers);
	ck_assert_uint_eq(nsessions, 2);
	ck_assert_uint_eq(nusers, 1);
	world_deinit(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("update");
	TCase *tc = tcase_create("update");

	tcase_add_loop_test(tc, a_limit_is_raised, 0, (int)ARRAY_SIZE(limit_cases));
	tcase_add_test(tc, reserved_ranges_stay);
	tcase_add_test(tc, extents_stay_where_they_are);
	tcase_add_test(tc, quotas_and_policies_hold_from_now_on);
	tcase_add_test(tc, heirs_are_there_when_extents_are_to_be_kept);
	tcase_add_test(tc, rights_are_renewed);
	tcase_add_test(tc, what_is_not_applied_has_not_happened);
	tcase_add_test(tc, without_memory);
	tcase_add_test(tc, a_closed_region_is_none);
	tcase_add_test(tc, an_added_region_can_be_taken_out_again);
	tcase_add_test(tc, who_holds_is_counted);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
