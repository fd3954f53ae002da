/*
 * test_death - what becomes of an ended session's extents where they are kept, or quarantined
 *
 * Role:       unit tests of the death policies; REGION_DEATH_FREE is in test_session.
 * Uses:       region/, base/mem.h, check
 */
#include <errno.h>

#include "base/mem.h"
#include "tests/unit/suite.h"
#include "world.h"

static void death_world(struct world *w, enum region_death death, uint64_t quarantine_usec)
{
	struct region_config c = world_config(2048, 2048, 0);

	c.death = death;
	c.quarantine_usec = quarantine_usec;
	world_init_with(w, &c);
}

static uint32_t nextents_of(const struct world *w, const struct owner *o)
{
	const struct holding *h = holding_find(o, w->r);

	return h ? h->nextents : 0;
}

/* Who has nothing there gets all in one step; nothing is taken from memory. */
START_TEST(the_user_keeps_what_a_session_held)
{
	struct owner *user;
	struct world w;

	death_world(&w, REGION_DEATH_KEEP, 0);
	user = world_user(&w, 1000);
	for (int i = 0; i < 100; i++) {
		must_take(&w, w.a, 2);
		must_take(&w, w.c, 1);
	}
	world_end(w.a);
	ck_assert_uint_eq(w.r->detached_npages, 0);
	mem_fail_after(0);
	ck_assert(regions_reclaim(&w.regions, 2, 0));
	ck_assert_uint_eq(mem_failed(), 0);
	mem_fail_after(-1);
	ck_assert_uint_eq(w.r->detached_npages, 200);
	ck_assert_uint_eq(nextents_of(&w, user), 100);
	ck_assert_uint_eq(w.r->counters.reclaims, 0);
	/* Sessions of the user's may free it, others may not. */
	ck_assert_int_eq(give(&w, w.c, 0, 2), REGION_E_NOT_OWNER);
	ck_assert_int_eq(give(&w, w.b, 0, 2), 0);
	world_deinit(&w);
}
END_TEST

START_TEST(keeping_goes_in_slices)
{
	struct owner *user;
	struct world w;
	int err;

	death_world(&w, REGION_DEATH_KEEP, 0);
	user = world_user(&w, 1000);
	take(&w, user, 5, &err);
	ck_assert_int_eq(err, 0);
	for (int i = 0; i < 100; i++)
		must_take(&w, w.a, 2);
	world_end(w.a);
	mem_fail_after(0);
	for (uint32_t kept = 30; kept < 100; kept += 30) {
		ck_assert(!regions_reclaim(&w.regions, 30, 0));
		ck_assert_uint_eq(nextents_of(&w, user), 1 + kept);
		ck_assert_uint_eq(w.r->detached_npages, 5 + 2 * kept);
		world_check(&w);
	}
	ck_assert(regions_reclaim(&w.regions, 30, 0));
	ck_assert_uint_eq(mem_failed(), 0);
	mem_fail_after(-1);
	ck_assert_uint_eq(nextents_of(&w, user), 101);
	ck_assert_uint_eq(w.r->used_npages, 205);
	world_deinit(&w);
}
END_TEST

START_TEST(who_watches_hears_of_each_extent_kept)
{
	struct event_cursor c = {.kinds = 1u << EVENT_HANDOVER};
	uint32_t looked = 100, kept = 0;
	const struct event *e;
	uint64_t lost = 0;
	struct world w;

	death_world(&w, REGION_DEATH_KEEP, 0);
	ck_assert_int_eq(events_watch(&w.regions.events, &c), 0);
	for (int i = 0; i < 10; i++)
		must_take(&w, w.a, 2);
	world_end(w.a);
	ck_assert(!regions_reclaim(&w.regions, 4, 0));
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	for (; (e = events_next(&w.regions.events, &c, &looked, &lost)); kept++) {
		ck_assert_uint_eq(e->addr, BASE + 2 * (9 - kept) * PAGE);
		ck_assert_uint_eq(e->npages, 2);
		ck_assert_uint_eq(e->session, 0);
		ck_assert_uint_eq(e->uid, 1000);
	}
	ck_assert_uint_eq(kept, 10);
	world_deinit(&w);
}
END_TEST

/* The n-th taking of memory fails in a session's first alloc: it has not begun, and what others hold stays. */
START_TEST(memory_is_wanted_at_the_beginning_not_at_the_end)
{
	struct world w;
	long n;
	int err = -ENOMEM;

	death_world(&w, REGION_DEATH_KEEP, 0);
	for (n = 0; err; n++) {
		mem_fail_after(n);
		take(&w, &w.a->owner, 3, &err);
		mem_fail_after(-1);
		world_check(&w);
		ck_assert(!err || err == -ENOMEM);
		ck_assert_uint_eq(w.r->used_npages, err ? 0 : 3);
	}
	/* The account, the table, the user's holding, the session's: at least. */
	ck_assert_int_ge(n, 4);
	world_deinit(&w);
}
END_TEST

START_TEST(a_faulted_region_keeps_nothing)
{
	struct world w;

	death_world(&w, REGION_DEATH_KEEP, 0);
	must_take(&w, w.a, 2);
	region_fault(w.r, "test");
	world_end(w.a);
	ck_assert(regions_reclaim(&w.regions, 10, 0));
	ck_assert_uint_eq(w.r->used_npages, 2);
	ck_assert_uint_eq(w.r->detached_npages, 0);
	regions_deinit(&w.regions);
}
END_TEST

START_TEST(quarantined_pages_wait)
{
	struct session *s;
	struct world w;
	uint64_t room;

	death_world(&w, REGION_DEATH_QUARANTINE, 500);
	for (int i = 0; i < 10; i++)
		must_take(&w, w.a, 2);
	session_end(w.a, SESSION_DIED, 1000);
	ck_assert_uint_eq(w.r->quarantined_npages, 20);
	ck_assert_int_eq(give(&w, w.b, 0, 2), REGION_E_NOT_OWNER);
	/* Looking at it is all that there is to do now. */
	ck_assert(regions_reclaim(&w.regions, 1, 1000));
	ck_assert_int_eq(w.a->state, SESSION_QUARANTINED);
	world_check(&w);
	ck_assert_uint_eq(w.r->used_npages, 20);
	ck_assert_uint_eq(regions_expire(&w.regions, 1499), 1500);
	ck_assert_int_eq(w.a->state, SESSION_QUARANTINED);
	room = w.r->room;
	ck_assert_uint_eq(regions_expire(&w.regions, 1500), UINT64_MAX);
	ck_assert_int_eq(w.a->state, SESSION_ENDING);
	ck_assert(!regions_reclaim(&w.regions, 4, 1500));
	ck_assert_uint_eq(w.r->quarantined_npages, 12);
	world_check(&w);
	ck_assert(regions_reclaim(&w.regions, 100, 1500));
	ck_assert_uint_eq(w.r->quarantined_npages, 0);
	ck_assert_uint_eq(w.r->used_npages, 0);
	ck_assert_uint_ne(w.r->room, room);
	ck_assert_uint_eq(w.regions.nsessions[SESSION_ENDING], 0);
	/* Who held nothing waits for nothing. */
	s = world_session(&w, 1000);
	ck_assert_int_eq(give(&w, s, 0, 1), REGION_E_NOT_ALLOCATED);
	session_end(s, SESSION_DIED, 2000);
	ck_assert(regions_reclaim(&w.regions, 1, 2000));
	ck_assert_uint_eq(w.regions.nsessions[SESSION_QUARANTINED], 0);
	world_deinit(&w);
}
END_TEST

START_TEST(quarantined_pages_can_be_freed_early)
{
	struct session *root;
	struct world w;

	death_world(&w, REGION_DEATH_QUARANTINE, 500);
	root = world_session(&w, 0);
	must_take(&w, w.a, 10);
	must_take(&w, w.a, 10);
	session_end(w.a, SESSION_DIED, 0);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	ck_assert_int_eq(give(&w, root, 3, 4), 0); /* leaves two of one */
	ck_assert_uint_eq(w.r->quarantined_npages, 16);
	ck_assert_int_eq(w.a->state, SESSION_QUARANTINED);
	world_check(&w);
	/* With the last of them goes the session. */
	ck_assert_int_eq(give(&w, root, 0, 3), 0);
	ck_assert_int_eq(give(&w, root, 7, 13), 0);
	ck_assert_int_eq(w.a->state, SESSION_ENDING);
	ck_assert_uint_eq(regions_expire(&w.regions, 1), UINT64_MAX);
	ck_assert(regions_reclaim(&w.regions, 1, 1));
	ck_assert_uint_eq(w.regions.nsessions[SESSION_ENDING], 0);
	world_deinit(&w);
}
END_TEST

/* Several regions, each with its own policy and time: the session waits for one after the other. */
START_TEST(each_region_has_its_own_policy)
{
	static const uint64_t times[] = {0, 700, 300, 500}, order[] = {300, 500, 700};
	struct world w;

	death_world(&w, REGION_DEATH_FREE, 0);
	for (unsigned i = 1; i < 4; i++) {
		struct region_config c = world_config(512, 512, 0);

		c.name[0] = (char)('a' + i);
		c.name[1] = '\0';
		c.death = REGION_DEATH_QUARANTINE;
		c.quarantine_usec = times[i];
		ck_assert_int_eq(regions_add(&w.regions, &c), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		w.r = w.regions.table[i];
		must_take(&w, w.a, 8);
	}
	session_end(w.a, SESSION_DIED, 0);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	ck_assert_uint_eq(w.regions.table[0]->used_npages, 0);
	for (unsigned k = 0; k < 3; k++) {
		ck_assert_uint_eq(regions_expire(&w.regions, order[k] - 1), order[k]);
		ck_assert_int_eq(w.a->state, SESSION_QUARANTINED);
		ck_assert_uint_eq(regions_expire(&w.regions, order[k]), UINT64_MAX);
		ck_assert(regions_reclaim(&w.regions, 100, order[k]));
		for (unsigned i = 1; i < 4; i++)
			ck_assert_uint_eq(w.regions.table[i]->used_npages,
					  times[i] > order[k] ? 8 : 0);
		world_check(&w);
	}
	ck_assert_ptr_null(session_next(&w.regions, w.c->id));
	ck_assert_uint_eq(w.regions.nsessions[SESSION_QUARANTINED], 0);
	world_deinit(&w);
}
END_TEST

/* Times that reach beyond the end of the clock never come. */
START_TEST(endless_times)
{
	struct session *s;
	struct world w;

	death_world(&w, REGION_DEATH_QUARANTINE, UINT64_MAX);
	s = world_session_grace(&w, 1000, UINT64_MAX, 5);
	must_take(&w, w.a, 1);
	session_leave(s, SESSION_CLOSED, 5);
	session_end(w.a, SESSION_DIED, 5);
	ck_assert(regions_reclaim(&w.regions, 100, 5));
	ck_assert_uint_eq(regions_expire(&w.regions, UINT64_MAX - 1), UINT64_MAX);
	ck_assert_int_eq(s->state, SESSION_GRACE);
	ck_assert_int_eq(w.a->state, SESSION_QUARANTINED);
	world_deinit(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("death");
	TCase *tc = tcase_create("death");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_user_keeps_what_a_session_held);
	tcase_add_test(tc, keeping_goes_in_slices);
	tcase_add_test(tc, who_watches_hears_of_each_extent_kept);
	tcase_add_test(tc, memory_is_wanted_at_the_beginning_not_at_the_end);
	tcase_add_test(tc, a_faulted_region_keeps_nothing);
	tcase_add_test(tc, quarantined_pages_wait);
	tcase_add_test(tc, quarantined_pages_can_be_freed_early);
	tcase_add_test(tc, each_region_has_its_own_policy);
	tcase_add_test(tc, endless_times);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
