/*
 * test_shares - extents with several holders: who may share, let go, free and hand over, and what it counts for
 *
 * Role:       unit tests of region/region_share and of shares in region/region_free, each one a short story.
 * Uses:       region/, base/mem.h, check
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "shares.h"
#include "tests/unit/suite.h"

START_TEST(an_extent_goes_when_its_last_holder_goes)
{
	struct session *root;
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	root = world_session(&w, 0);
	ck_assert_int_eq(release(&w, root, 0), REGION_E_NOT_OWNER);
	ck_assert_int_eq(release(&w, w.a, 1), REGION_E_NOT_FOUND);
	ck_assert_int_eq(release(&w, w.a, 50), REGION_E_NOT_FOUND);
	ck_assert_int_eq(release(&w, w.b, 10), REGION_E_NOT_OWNER);
	ck_assert_int_eq(release(&w, w.a, 0), LEFT(2));
	ck_assert_str_eq(holders(&w, 0), "b +c");
	ck_assert_int_eq(release(&w, w.a, 0), REGION_E_NOT_OWNER);
	ck_assert_int_eq(release(&w, w.c, 0), LEFT(1));
	ck_assert_str_eq(holders(&w, 0), "b");
	ck_assert_int_eq(release(&w, w.b, 0), LEFT(0));
	ck_assert_str_eq(holders(&w, 0), "");
	ck_assert_int_eq(release(&w, w.a, 10), LEFT(0));
	ck_assert_uint_eq(w.r->used_npages, 0);
	ck_assert_uint_eq(w.r->counters.frees, 2);
	world_deinit(&w);
}
END_TEST

START_TEST(a_session_lets_go_for_itself_before_it_does_for_its_user)
{
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	ck_assert_int_eq(hand(&w, w.a, 0, world_user(&w, 1000)), 0);
	ck_assert_str_eq(holders(&w, 0), "u +b +c");
	ck_assert_int_eq(release(&w, w.b, 0), LEFT(2));
	ck_assert_str_eq(holders(&w, 0), "u +c");
	ck_assert_int_eq(release(&w, w.b, 0), LEFT(1));
	ck_assert_str_eq(holders(&w, 0), "c");
	world_deinit(&w);
}
END_TEST

START_TEST(who_may_share)
{
	struct region_refusal rr = {0};
	struct region_view view;
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	ck_assert_int_eq(share(&w, w.a, 0), REGION_E_HOLDS);
	ck_assert_int_eq(share(&w, w.c, 0), REGION_E_HOLDS);
	ck_assert_int_eq(share(&w, w.c, 3), REGION_E_NOT_FOUND);
	ck_assert_int_eq(share(&w, w.c, 70), REGION_E_NOT_FOUND);
	ck_assert_int_eq(region_share(w.r, w.c, UINT64_MAX, &view, &rr), REGION_E_NOT_FOUND);
	ck_assert_uint_eq(rr.addr, UINT64_MAX);
	ck_assert_int_eq(region_share(w.r, w.c, addr_of(10), &view, &rr), 0);
	ck_assert_uint_eq(view.npages, 5);
	ck_assert_uint_eq(view.nholders, 2);
	ck_assert_uint_eq(view.session, w.a->id);
	/* What its user holds, a session may hold besides. */
	ck_assert_int_eq(hand(&w, w.a, 10, world_user(&w, 1000)), 0);
	ck_assert_int_eq(share(&w, w.a, 10), 0);
	ck_assert_str_eq(holders(&w, 10), "u +c +a");
	world_deinit(&w);
}
END_TEST

START_TEST(holders_are_many_but_not_endless)
{
	struct region_refusal rr = {0};
	struct region_view view;
	struct world w;

	world_init(&w, 100, 100, 0);
	must_take(&w, w.a, 1);
	for (uint32_t i = 0; i < REGION_SHARES_MAX; i++)
		ck_assert_int_eq(share(&w, world_session(&w, 2000 + i % 10), 0), 0);
	ck_assert_int_eq(region_share(w.r, w.b, addr_of(0), &view, &rr), REGION_E_SHARES);
	ck_assert_uint_eq(rr.limit, REGION_SHARES_MAX);
	ck_assert_int_eq(region_view(w.r, addr_of(0), &view), 0);
	ck_assert_uint_eq(view.nholders, 1 + REGION_SHARES_MAX);
	ck_assert_int_eq(give(&w, w.a, 0, 1), 0);
	ck_assert_int_eq(share(&w, w.b, 0), 0);
	world_deinit(&w);
}
END_TEST

/* Whatever would change the shape of the extent at 0+10; it says which extent, and how many hold it. */
static int change(struct world *w, struct session *s, int what, struct region_refusal *rr)
{
	static const struct {
		uint64_t page, npages;
	} parts[] = {{0, 9}, {1, 9}, {4, 2}, {8, 7}, {3, 12}};
	uint64_t addr = addr_of(0), a, b, c;
	uint32_t n;

	switch (what) {
	case 0:
		return region_resize(w->r, s, addr, 5, REGION_UPPER, &a, &b, rr);
	case 1:
		return region_resize(w->r, s, addr, 5, REGION_LOWER, &a, &b, rr);
	case 2:
		return region_split(w->r, s, addr_of(5), &a, &b, &c, rr);
	case 3:
		return region_join(w->r, s, addr, 15, &n, rr);
	default:
		addr = addr_of(parts[what - 4].page);
		a = parts[what - 4].npages;
		return region_free(w->r, s, &addr, &a, 1, &b, &c, rr);
	}
}

START_TEST(a_shared_extent_keeps_its_shape)
{
	uint64_t addr, npages = 5, given, shared;
	struct region_refusal rr = {0};
	struct session *root;
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	root = world_session(&w, 0);
	for (int what = 0; what < 9; what++) {
		struct region_refusal root_rr = {0};

		ck_assert_int_eq(change(&w, w.a, what, &rr), REGION_E_SHARED);
		ck_assert_uint_eq(rr.addr, addr_of(0));
		ck_assert_uint_eq(rr.nextents, 3);
		ck_assert_int_eq(change(&w, root, what, &root_rr), REGION_E_SHARED);
		ck_assert_int_eq(change(&w, w.b, what, &rr), REGION_E_NOT_OWNER);
		ck_assert_str_eq(holders(&w, 0), "a +b +c");
		ck_assert_str_eq(holders(&w, 10), "a");
	}
	/* The upper one of two to be freed in part, or joined, too. */
	ck_assert_int_eq(release(&w, w.b, 0), LEFT(2));
	ck_assert_int_eq(release(&w, w.c, 0), LEFT(1));
	ck_assert_int_eq(share(&w, w.c, 10), 0);
	addr = addr_of(8);
	ck_assert_int_eq(region_free(w.r, w.a, &addr, &npages, 1, &given, &shared, &rr),
			 REGION_E_SHARED);
	ck_assert_uint_eq(rr.addr, addr_of(10));
	rr.addr = 0;
	ck_assert_int_eq(change(&w, w.a, 3, &rr), REGION_E_SHARED);
	ck_assert_uint_eq(rr.addr, addr_of(10));
	ck_assert_uint_eq(rr.nextents, 2);
	world_deinit(&w);
}
END_TEST

START_TEST(the_owner_frees_and_others_hold_on)
{
	uint64_t addr[] = {addr_of(20), addr_of(0)}, npages[] = {2, 20}, given, shared;
	struct region_refusal rr = {0};
	struct world w;

	/* In one range: shared, not shared, shared by nobody but a session of the owner's user, not shared. */
	shared_world(&w, REGION_DEATH_FREE);
	must_take(&w, w.a, 3);
	must_take(&w, w.a, 6);
	ck_assert_int_eq(share(&w, w.b, 15), 0);
	ck_assert_int_eq(region_free(w.r, w.a, addr, npages, 2, &given, &shared, &rr), 0);
	ck_assert_uint_eq(given, 22);
	ck_assert_uint_eq(shared, 13);
	ck_assert_str_eq(holders(&w, 0), "b +c");
	ck_assert_str_eq(holders(&w, 10), "");
	ck_assert_str_eq(holders(&w, 15), "b");
	ck_assert_str_eq(holders(&w, 22), "a");
	ck_assert_uint_eq(w.r->used_npages, 15);
	world_deinit(&w);
}
END_TEST

START_TEST(a_batch_names_a_shared_extent_once)
{
	uint64_t addr[] = {addr_of(0), addr_of(10), addr_of(0)}, npages[] = {10, 5, 10}, given,
		 shared;
	struct region_refusal rr = {0};
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	ck_assert_int_eq(region_free(w.r, w.a, addr, npages, 3, &given, &shared, &rr),
			 REGION_E_NOT_ALLOCATED);
	ck_assert_str_eq(holders(&w, 0), "a +b +c");
	ck_assert_str_eq(holders(&w, 10), "a");
	world_deinit(&w);
}
END_TEST

START_TEST(who_frees_what_is_somebody_elses_frees_it_for_all)
{
	uint64_t addr = addr_of(0), npages = 15, given, shared;
	struct region_refusal rr = {0};
	struct session *root;
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	root = world_session(&w, 0);
	/* But a sharer with that right is one of those whom it would take the pages from. */
	ck_assert_int_eq(share(&w, root, 0), 0);
	ck_assert_int_eq(give(&w, root, 0, 10), REGION_E_SHARED);
	ck_assert_int_eq(release(&w, root, 0), LEFT(3));
	ck_assert_int_eq(region_free(w.r, root, &addr, &npages, 1, &given, &shared, &rr), 0);
	ck_assert_uint_eq(given, 15);
	ck_assert_uint_eq(shared, 0);
	ck_assert_uint_eq(w.r->nshares, 0);
	ck_assert_uint_eq(region_free_npages(w.r), 100);
	world_deinit(&w);
}
END_TEST

START_TEST(handover_takes_name_label_and_shares_along)
{
	struct region_refusal rr = {0};
	struct session *root;
	struct region_view view;
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	root = world_session(&w, 0);
	ck_assert_int_eq(region_annotate(w.r, w.a, addr_of(0), "n", "l", &rr), 0);
	ck_assert_int_eq(hand(&w, w.c, 0, &w.c->owner), REGION_E_NOT_OWNER);
	ck_assert_int_eq(hand(&w, w.a, 1, &w.b->owner), REGION_E_NOT_FOUND);
	ck_assert_int_eq(hand(&w, w.a, 0, &w.a->owner), 0);
	ck_assert_str_eq(holders(&w, 0), "a +b +c");
	ck_assert_int_eq(hand(&w, root, 0, &root->owner), 0);
	ck_assert_str_eq(holders(&w, 0), "? +b +c");
	/* A share of the new owner's ends. */
	ck_assert_int_eq(hand(&w, root, 0, &w.c->owner), 0);
	ck_assert_str_eq(holders(&w, 0), "c +b");
	ck_assert_int_eq(region_lookup(w.r, "n", &view), 0);
	ck_assert_uint_eq(view.session, w.c->id);
	ck_assert_str_eq(view.label, "l");
	ck_assert_int_eq(hand(&w, w.c, 0, world_user(&w, 1001)), 0);
	ck_assert_uint_eq(w.r->detached_npages, 10);
	ck_assert_str_eq(holders(&w, 0), "u +b");
	ck_assert_int_eq(hand(&w, w.c, 0, &w.b->owner), 0);
	ck_assert_uint_eq(w.r->detached_npages, 0);
	ck_assert_str_eq(holders(&w, 0), "b");
	ck_assert_uint_eq(w.r->nshares, 0);
	world_deinit(&w);
}
END_TEST

/* Users may hold 25 pages in 3 extents, sessions 20 pages. */
START_TEST(shares_count)
{
	struct region_config config = world_config(100, 100, 0);
	struct region_refusal rr = {0};
	struct region_view view;
	const struct account *account;
	struct world w;
	uint64_t npages;

	config.user_bytes = 25 * PAGE;
	config.user_extents = 3;
	config.session_bytes = 20 * PAGE;
	world_init_with(&w, &config);
	must_take(&w, w.a, 12);
	must_take(&w, w.c, 15);
	/* To the session that shares, and to its user; once more for the user who holds it already. */
	ck_assert_int_eq(region_share(w.r, w.c, addr_of(0), &view, &rr), REGION_E_QUOTA);
	ck_assert_str_eq(rr.field, "user_pages");
	ck_assert_uint_eq(rr.limit, 25);
	ck_assert_uint_eq(rr.used, 15);
	ck_assert_uint_eq(rr.asked, 12);
	ck_assert_int_eq(share(&w, w.b, 0), 0);
	account = account_find(w.b->owner.user, w.r);
	ck_assert_uint_eq(account->npages, 24);
	ck_assert_uint_eq(account->nextents, 2);
	ck_assert_int_eq(region_share(w.r, w.b, addr_of(12), &view, &rr), REGION_E_QUOTA);
	/* From one session of a user's to another, nothing is asked of the user; of the session it is. */
	must_take(&w, w.a, 1);
	ck_assert_uint_eq(account->npages, 25);
	ck_assert_int_eq(region_handover(w.r, w.a, addr_of(27), &w.b->owner, &npages, &rr), 0);
	ck_assert_int_eq(region_handover(w.r, w.b, addr_of(27), &w.c->owner, &npages, &rr), 0);
	ck_assert_int_eq(region_handover(w.r, w.c, addr_of(12), &w.a->owner, &npages, &rr),
			 REGION_E_QUOTA);
	ck_assert_str_eq(rr.field, "user_pages");
	ck_assert_uint_eq(rr.used, 24);
	/* A share that becomes ownership, in any way, counts as before. */
	ck_assert_int_eq(region_handover(w.r, w.a, addr_of(0), &w.b->owner, &npages, &rr), 0);
	ck_assert_uint_eq(account->npages, 12);
	ck_assert_uint_eq(account->nextents, 1);
	ck_assert_uint_eq(w.r->counters.quota, 3);
	world_check(&w);
	world_deinit(&w);
}
END_TEST

/* An extent moves between sessions of one user who has all that it may have; and a session that has all that it may have refuses. */
START_TEST(handover_within_a_user_at_its_quota)
{
	struct region_config config = world_config(100, 100, 0);
	struct world w;

	config.user_extents = 2;
	config.session_extents = 1;
	world_init_with(&w, &config);
	must_take(&w, w.a, 1);
	ck_assert_int_eq(hand(&w, w.a, 0, world_user(&w, 1000)), 0);
	must_take(&w, w.a, 1);
	ck_assert_int_eq(hand(&w, w.a, 0, &w.b->owner), 0);
	ck_assert_int_eq(hand(&w, w.a, 1, &w.b->owner), REGION_E_QUOTA);
	ck_assert_str_eq(holders(&w, 1), "a");
	world_deinit(&w);
}
END_TEST

START_TEST(those_who_watch_hear_who_owns_it_and_when_it_is_free)
{
	static const uint8_t want[] = {EVENT_HANDOVER, EVENT_HANDOVER, EVENT_FREE};
	struct event_cursor c = {.kinds = UINT32_MAX};
	uint64_t sessions[3], lost = 0;
	uint32_t budget = 1000;
	const struct event *e;
	struct world w;

	shared_world(&w, REGION_DEATH_FREE);
	ck_assert_int_eq(events_watch(&w.regions.events, &c), 0);
	ck_assert_int_eq(release(&w, w.a, 0), LEFT(2));
	ck_assert_int_eq(give(&w, w.b, 0, 10), 0);
	ck_assert_int_eq(give(&w, w.c, 0, 10), 0);
	sessions[0] = w.b->id;
	sessions[1] = sessions[2] = w.c->id;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		e = events_next(&w.regions.events, &c, &budget, &lost);
		ck_assert_ptr_nonnull(e);
		ck_assert_uint_eq(e->kind, want[i]);
		ck_assert_uint_eq(e->session, sessions[i]);
		ck_assert_uint_eq(e->addr, addr_of(0));
		ck_assert_uint_eq(e->npages, 10);
	}
	ck_assert_ptr_null(events_next(&w.regions.events, &c, &budget, &lost));
	events_unwatch(&w.regions.events);
	world_deinit(&w);
}
END_TEST

static int memory_share(struct world *w)
{
	return share(w, w->c, 10);
}
static int memory_handover(struct world *w)
{
	return hand(w, w->a, 10, world_user(w, 1001));
}

static const struct {
	int (*step)(struct world *w);
	const char *after;
} memory_cases[] = {{memory_share, "a +c"}, {memory_handover, "u"}};

START_TEST(without_memory_all_stays)
{
	struct world w;
	long n;
	int err;

	world_init(&w, 100, 100, 0);
	must_take(&w, w.a, 10);
	must_take(&w, w.a, 5);
	world_user(&w, 1001);
	for (n = 0;; n++) {
		mem_fail_after(n);
		err = memory_cases[_i].step(&w);
		mem_fail_after(-1);
		if (!err)
			break;
		ck_assert_int_eq(err, -ENOMEM);
		ck_assert_str_eq(holders(&w, 10), "a");
	}
	ck_assert_str_eq(holders(&w, 10), memory_cases[_i].after);
	ck_assert_int_ge(n, 2);
	world_deinit(&w);
}
END_TEST

/* Whoever looks for its own shares among many looks at many: a slice of a list is over sooner then. */
START_TEST(shares_that_a_list_looks_at_are_counted)
{
	struct region_view v[10];
	struct region_filter f = {0};
	uint64_t addr = 0;
	uint32_t n = 0, nslices = 0;
	bool done = false;
	struct world w;

	world_init(&w, 100, 100, 0);
	f.owner = &w.b->owner;
	for (uint64_t page = 0; page < 6; page++) {
		must_take(&w, w.a, 1);
		for (int i = 0; i < 8; i++)
			ck_assert_int_eq(share(&w, world_session(&w, 1001), page), 0);
		ck_assert_int_eq(share(&w, w.b, page), 0);
	}
	for (; !done; nslices++)
		n += region_list(w.r, &f, &addr, 5, v, ARRAY_SIZE(v), &done);
	ck_assert_uint_eq(n, 6);
	ck_assert_uint_eq(nslices, 6);
	world_deinit(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shares");
	TCase *tc = tcase_create("shares");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, an_extent_goes_when_its_last_holder_goes);
	tcase_add_test(tc, a_session_lets_go_for_itself_before_it_does_for_its_user);
	tcase_add_test(tc, who_may_share);
	tcase_add_test(tc, holders_are_many_but_not_endless);
	tcase_add_test(tc, a_shared_extent_keeps_its_shape);
	tcase_add_test(tc, the_owner_frees_and_others_hold_on);
	tcase_add_test(tc, a_batch_names_a_shared_extent_once);
	tcase_add_test(tc, who_frees_what_is_somebody_elses_frees_it_for_all);
	tcase_add_test(tc, handover_takes_name_label_and_shares_along);
	tcase_add_test(tc, shares_count);
	tcase_add_test(tc, handover_within_a_user_at_its_quota);
	tcase_add_test(tc, those_who_watch_hear_who_owns_it_and_when_it_is_free);
	tcase_add_loop_test(tc, without_memory_all_stays, 0, (int)ARRAY_SIZE(memory_cases));
	tcase_add_test(tc, shares_that_a_list_looks_at_are_counted);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
