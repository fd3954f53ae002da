/*
 * test_heirs - what becomes of shared extents when sessions end, in slices and in any order; and what the checks see
 *
 * Role:       unit tests of shares in region/region_free and region/session, and of region/region_extra's recount.
 * Uses:       region/, base/mem.h, check
 */
#include <stdlib.h>

#include "base/mem.h"
#include "shares.h"
#include "tests/unit/suite.h"

START_TEST(a_producer_dies_while_consumers_read)
{
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	world_end(w.a);
	w.a = w.b;
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	ck_assert_str_eq(holders(&w, 0), "b +c");
	ck_assert_str_eq(holders(&w, 10), "");
	ck_assert_uint_eq(w.r->counters.reclaims, 1);
	world_end(w.b);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	w.a = w.b = w.c;
	ck_assert_uint_eq(w.r->used_npages, 10);
	ck_assert_uint_eq(w.r->nshares, 0);
	ck_assert_int_eq(release(&w, w.c, 0), LEFT(0));
	ck_assert_uint_eq(w.r->used_npages, 0);
	ck_assert_uint_eq(region_free_npages(w.r), 100);
	world_deinit(&w);
}
END_TEST

/* b and c end before a does, and what they share is not back yet: nobody inherits through them. */
START_TEST(the_dead_inherit_nothing)
{
	static const enum region_death policies[] = {REGION_DEATH_FREE, REGION_DEATH_KEEP,
						     REGION_DEATH_QUARANTINE};
	struct session *d;
	struct world w;

	shared_world(&w, policies[_i / 3]);
	d = world_session(&w, 1001);
	if (_i % 3 == 2)
		ck_assert_int_eq(share(&w, d, 0), 0);
	world_end(w.b);
	world_end(w.c);
	w.b = w.c = d;
	if (_i % 3 == 0)
		ck_assert_int_eq(release(&w, w.a, 0), LEFT(0));
	else
		ck_assert_int_eq(give(&w, w.a, 0, 10), 0);
	ck_assert_str_eq(holders(&w, 10), "a");
	while (!regions_reclaim(&w.regions, 1, 0))
		world_check(&w);
	ck_assert_str_eq(holders(&w, 0), _i % 3 == 2 ? "c" : "");
	ck_assert_uint_eq(w.r->nshares, 0);
	world_deinit(&w);
}
END_TEST

/* Sharers and owner end at once, in any order, in the smallest slices. */
START_TEST(all_end_together)
{
	struct session **order[3];
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	order[_i % 3] = &w.a;
	order[(_i + 1 + _i / 3) % 3] = &w.b;
	order[(_i + 2 - _i / 3) % 3] = &w.c;
	for (int k = 0; k < 3; k++)
		world_end(*order[k]);
	for (uint64_t slices = 0; !regions_reclaim(&w.regions, 1, 0); slices++) {
		char why[200] = "";

		ck_assert_uint_lt(slices, 20);
		ck_assert_msg(regions_check(&w.regions, why, sizeof(why)), "%s", why);
	}
	ck_assert_uint_eq(w.r->extents.nlive, 0);
	ck_assert_uint_eq(w.r->nshares, 0);
	ck_assert_uint_eq(region_free_npages(w.r), 100);
	world_deinit(&w);
}
END_TEST

START_TEST(the_user_keeps_the_sharers_too)
{
	struct world w;

	shared_world(&w, REGION_DEATH_KEEP);
	world_end(w.a);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	w.a = w.b;
	ck_assert_str_eq(holders(&w, 0), "u +b +c");
	ck_assert_str_eq(holders(&w, 10), "u");
	/* Of an ended sharer nothing is kept. */
	world_end(w.c);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	w.c = w.b;
	ck_assert_uint_eq(w.r->nshares, 1);
	ck_assert_uint_eq(w.r->detached_npages, 15);
	world_deinit(&w);
}
END_TEST

START_TEST(shares_are_not_quarantined_but_extents_are)
{
	struct region_view view;
	struct world w;

	shared_world(&w, REGION_DEATH_QUARANTINE);
	must_take(&w, w.b, 7);
	world_end(w.b);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	w.b = w.c;
	ck_assert_uint_eq(w.r->nshares, 1);
	ck_assert_uint_eq(w.r->quarantined_npages, 7);
	world_end(w.a);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	ck_assert_uint_eq(w.r->quarantined_npages, 22);
	ck_assert_int_eq(region_view(w.r, addr_of(0), &view), 0);
	ck_assert(view.quarantined);
	ck_assert_uint_eq(view.nholders, 2);
	/* When the time is over, who shares an extent has it. */
	regions_expire(&w.regions, 100);
	ck_assert(regions_reclaim(&w.regions, 100, 100));
	w.a = w.c;
	ck_assert_uint_eq(w.r->quarantined_npages, 0);
	ck_assert_uint_eq(w.r->used_npages, 10);
	ck_assert_int_eq(region_view(w.r, addr_of(0), &view), 0);
	ck_assert_uint_eq(view.session, w.c->id);
	ck_assert(!view.quarantined);
	world_deinit(&w);
}
END_TEST

/* Until an ended session's extents have gone back, others may still come to hold them. */
START_TEST(who_shares_in_time_saves_it)
{
	struct world w;

	shared_world(&w, _i ? REGION_DEATH_QUARANTINE : REGION_DEATH_FREE);
	world_end(w.a);
	ck_assert_int_eq(share(&w, w.c, 10), 0);
	regions_reclaim(&w.regions, 100, 0);
	regions_expire(&w.regions, 100);
	ck_assert(regions_reclaim(&w.regions, 100, 100));
	w.a = w.c;
	ck_assert_str_eq(holders(&w, 0), "b +c");
	ck_assert_str_eq(holders(&w, 10), "c");
	world_deinit(&w);
}
END_TEST

START_TEST(what_is_in_quarantine_can_be_handed_over)
{
	struct session *root;
	uint64_t id;
	struct world w;

	shared_world(&w, REGION_DEATH_QUARANTINE);
	root = world_session(&w, 0);
	id = w.a->id;
	world_end(w.a);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	ck_assert_int_eq(hand(&w, w.b, 0, &w.b->owner), REGION_E_NOT_OWNER);
	ck_assert_int_eq(hand(&w, root, 0, &w.c->owner), 0);
	ck_assert_uint_eq(w.r->quarantined_npages, 5);
	ck_assert_int_eq(hand(&w, root, 10, &w.c->owner), 0);
	ck_assert_uint_eq(w.r->quarantined_npages, 0);
	/* Nothing is left to wait for. */
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	w.a = w.c;
	ck_assert_ptr_null(session_by_id(&w.regions, id));
	ck_assert_str_eq(holders(&w, 0), "c +b");
	ck_assert_str_eq(holders(&w, 10), "c");
	world_deinit(&w);
}
END_TEST

/* Neighbours go back in one, but a shared one among them does not. */
START_TEST(reclaim_goes_around_shared_extents)
{
	struct world w;

	world_init(&w, 100, 100, 0);
	for (int i = 0; i < 9; i++)
		must_take(&w, w.a, 2);
	ck_assert_int_eq(share(&w, w.c, 0), 0);
	ck_assert_int_eq(share(&w, w.c, 8), 0);
	ck_assert_int_eq(share(&w, w.c, 10), 0);
	ck_assert_int_eq(share(&w, w.c, 16), 0);
	world_end(w.a);
	w.a = w.c;
	for (uint64_t left = 9; left > 4; left--) {
		/* Each slice gives back one, or passes one on. */
		ck_assert(!regions_reclaim(&w.regions, 1, 0));
		world_check(&w);
		ck_assert_uint_ge(w.r->extents.nlive, left - 1);
		if (w.r->extents.nlive == left)
			left++;
	}
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	ck_assert_uint_eq(w.r->extents.nlive, 4);
	ck_assert_uint_eq(w.r->used_npages, 8);
	ck_assert_uint_eq(w.r->counters.reclaims, 5);
	ck_assert_uint_eq(w.r->nshares, 0);
	world_deinit(&w);
}
END_TEST

/* Shares that nobody inherits end with the extent: they are work as well, and the next slice goes on. */
START_TEST(shares_that_end_with_the_extent_are_counted)
{
	struct session *s[20];
	struct world w;

	world_init(&w, 100, 100, 0);
	must_take(&w, w.a, 1);
	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		s[i] = world_session(&w, 1001);
		ck_assert_int_eq(share(&w, s[i], 0), 0);
	}
	world_end(w.a);
	for (size_t i = 0; i < ARRAY_SIZE(s); i++)
		world_end(s[i]);
	ck_assert(!regions_reclaim(&w.regions, 5, 0));
	ck_assert_uint_eq(w.r->nshares, 0);
	ck_assert_uint_eq(w.r->extents.nlive, 1);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	ck_assert_uint_eq(w.r->extents.nlive, 0);
	world_deinit(&w);
}
END_TEST

START_TEST(shares_end_in_slices)
{
	struct world w;

	world_init(&w, 100, 100, 0);
	for (uint64_t i = 0; i < 50; i++) {
		must_take(&w, w.a, 1);
		ck_assert_int_eq(share(&w, w.c, i), 0);
	}
	world_end(w.c);
	ck_assert(!regions_reclaim(&w.regions, 20, 0));
	ck_assert_uint_eq(w.r->nshares, 30);
	world_check(&w);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	ck_assert_uint_eq(w.r->nshares, 0);
	ck_assert_uint_eq(w.r->used_npages, 50);
	world_deinit(&w);
}
END_TEST

/* Who gives back, or ends, needs no memory. */
START_TEST(letting_go_takes_no_memory)
{
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	mem_fail_after(0);
	ck_assert_int_eq(release(&w, w.a, 0), LEFT(2));
	ck_assert_int_eq(give(&w, w.b, 0, 10), 0);
	world_end(w.c);
	world_end(w.a);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	ck_assert_uint_eq(mem_failed(), 0);
	mem_fail_after(-1);
	ck_assert_uint_eq(w.r->used_npages, 0);
	world_deinit(&w);
}
END_TEST

START_TEST(a_faulted_region_keeps_its_shares)
{
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	region_fault(w.r, "for the test");
	ck_assert_int_eq(share(&w, w.c, 10), REGION_E_FAULTED);
	ck_assert_int_eq(release(&w, w.b, 0), REGION_E_FAULTED);
	ck_assert_int_eq(hand(&w, w.a, 0, &w.b->owner), REGION_E_FAULTED);
	world_end(w.b);
	world_end(w.a);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	ck_assert_uint_eq(w.r->nshares, 2);
	regions_deinit(&w.regions);
}
END_TEST

/* X2 to X4: break one thing, see that the check names it, mend it. */
static void must_see(const struct world *w, const char *name)
{
	char why[200] = "";

	ck_assert(!region_check(w->r, why, sizeof(why)));
	ck_assert_msg(strncmp(why, name, 2) == 0, "wanted %s, got %s", name, why);
}

#define MUST_SEE(name, lvalue, wrong)                 \
	do {                                          \
		__typeof__(lvalue) right_ = (lvalue); \
		(lvalue) = (wrong);                   \
		must_see(&w, name);                   \
		(lvalue) = right_;                    \
		world_check(&w);                      \
	} while (0)

START_TEST(check_names_what_is_broken)
{
	struct extent *first, *second;
	struct share *share_b, *share_c;
	struct holding *h;
	struct extra *x;
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	h = holding_find(&w.b->owner, w.r);
	share_b = list_entry(h->shares.next, struct share, in_holding);
	x = share_b->extra;
	share_c = list_entry(x->shares.prev, struct share, in_extra);
	first = extents_get(&w.r->extents, extents_at(&w.r->extents, 0));
	second = extents_get(&w.r->extents, extents_at(&w.r->extents, 10));
	MUST_SEE("X2", x->extent, extents_at(&w.r->extents, 10));
	MUST_SEE("X2", second->extra, first->extra);
	MUST_SEE("X2", second->extra, 77);
	MUST_SEE("X2", first->extra, EXTRA_NONE);
	MUST_SEE("X3", share_b->extra, NULL);
	MUST_SEE("X3", share_c->holding, h);
	list_remove(&share_b->in_holding);
	must_see(&w, "X3");
	list_push(&h->shares, &share_b->in_holding);
	list_remove(&share_b->in_extra);
	must_see(&w, "X4");
	list_push(&x->shares, &share_b->in_extra);
	MUST_SEE("X4", x->nshares, 3);
	MUST_SEE("X4", h->nshares, 2);
	MUST_SEE("X4", h->shared_npages, 9);
	MUST_SEE("X4", w.r->nshares, 1);
	world_deinit(&w);
}
END_TEST

struct lines {
	char all[2000];
};

static void line_add(void *ctx, const char *line)
{
	struct lines *l = ctx;
	size_t n = strlen(l->all);

	snprintf(l->all + n, sizeof(l->all) - n, "%s\n", line);
}

START_TEST(a_dump_shows_names_and_holders)
{
	struct region_refusal rr = {0};
	struct lines l = {0};
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	ck_assert_int_eq(region_annotate(w.r, w.a, addr_of(0), "n", "l", &rr), 0);
	region_dump(w.r, line_add, &l);
	ck_assert_msg(strstr(l.all, "10 pages, session of uid 1000, 3 holders, name \"n\", label "
				    "\"l\""),
		      "%s", l.all);
	ck_assert_msg(strstr(l.all, "5 pages, session of uid 1000\n"), "%s", l.all);
	world_deinit(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("heirs");
	TCase *tc = tcase_create("heirs");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_producer_dies_while_consumers_read);
	tcase_add_loop_test(tc, the_dead_inherit_nothing, 0, 9);
	tcase_add_loop_test(tc, all_end_together, 0, 6);
	tcase_add_test(tc, the_user_keeps_the_sharers_too);
	tcase_add_test(tc, shares_are_not_quarantined_but_extents_are);
	tcase_add_loop_test(tc, who_shares_in_time_saves_it, 0, 2);
	tcase_add_test(tc, what_is_in_quarantine_can_be_handed_over);
	tcase_add_test(tc, reclaim_goes_around_shared_extents);
	tcase_add_test(tc, shares_that_end_with_the_extent_are_counted);
	tcase_add_test(tc, shares_end_in_slices);
	tcase_add_test(tc, letting_go_takes_no_memory);
	tcase_add_test(tc, a_faulted_region_keeps_its_shares);
	tcase_add_test(tc, check_names_what_is_broken);
	tcase_add_test(tc, a_dump_shows_names_and_holders);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
