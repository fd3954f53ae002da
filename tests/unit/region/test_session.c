/*
 * test_session - users and sessions as owners, and what is left when a session has ended
 *
 * Role:       unit tests of region/session and of the reclaim in region/region_free.
 * Uses:       region/, check
 */
#include "base/mem.h"
#include "tests/unit/suite.h"
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
	user = world_user(&w, 1000);
	for (int i = 0; i < 4; i++)
		take(&w, user, 10, &err);
	ck_assert_uint_eq(w.r->detached_npages, 40);
	ck_assert_int_eq(give(&w, w.c, 0, 10), REGION_E_NOT_OWNER);
	world_end(w.a);
	ck_assert(regions_reclaim(&w.regions, UINT32_MAX, 0));
	ck_assert_uint_eq(w.r->detached_npages, 40);
	ck_assert_int_eq(give(&w, w.b, 0, 10), 0);
	ck_assert_int_eq(give(&w, root, 10, 10), 0);
	ck_assert_int_eq(give(&w, daemon, 20, 5), 0);
	ck_assert_uint_eq(w.r->detached_npages, 15);
	/* Root may free what sessions hold, too; other users may not. */
	must_take(&w, w.b, 10);
	ck_assert_int_eq(give(&w, w.c, 0, 10), REGION_E_NOT_OWNER);
	ck_assert_int_eq(give(&w, root, 0, 10), 0);
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
	world_end(w.a);
	/* In slices: each gives back no more than its budget. */
	for (uint64_t before = 5000; !regions_reclaim(&w.regions, 100, 0);) {
		uint64_t left = w.r->extents.nlive;

		ck_assert_uint_lt(left, before + 1667);
		before = left;
		world_check(&w);
	}
	ck_assert_uint_eq(w.r->extents.nlive, 1667);
	ck_assert_uint_eq(w.r->counters.reclaims, 5000);
	world_end(w.b);
	ck_assert(regions_reclaim(&w.regions, UINT32_MAX, 0));
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
		world_end(w.a);
		ck_assert(regions_reclaim(&w.regions, UINT32_MAX, 0));
		ck_assert_uint_eq(w.r->used_npages, 0);
		world_deinit(&w);
	}
}
END_TEST

START_TEST(a_slice_keeps_to_its_budget)
{
	struct world w;

	world_init(&w, 1000, 1000, 0);
	for (int i = 0; i < 25; i++)
		must_take(&w, w.a, 2);
	world_end(w.a);
	ck_assert(!regions_reclaim(&w.regions, 10, 0));
	ck_assert_uint_eq(w.r->extents.nlive, 15);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	ck_assert_uint_eq(w.r->extents.nlive, 0);
	world_deinit(&w);
}
END_TEST

static void must_be(const struct world *w, const struct session *s, enum session_state state)
{
	world_check(w);
	ck_assert_str_eq(session_state_name(s->state), session_state_name(state));
}

START_TEST(a_session_is_resumed_within_its_grace)
{
	struct session_peer peer = {.uid = 1000, .gid = 9, .pid = 77, .command = "again"};
	struct session_peer other = {.uid = 1001};
	uint8_t token[SESSION_TOKEN_BYTES], guess[SESSION_TOKEN_BYTES];
	struct session *s, *got = NULL;
	struct world w;

	world_init(&w, 512, 512, 0);
	s = world_session_grace(&w, 1000, 100, 1000);
	must_take(&w, s, 10);
	memcpy(token, s->token, sizeof(token));
	memcpy(guess, s->token, sizeof(guess));
	guess[SESSION_TOKEN_BYTES - 1] ^= 1;
	session_leave(s, SESSION_CLOSED, 1000);
	must_be(&w, s, SESSION_GRACE);
	ck_assert_uint_eq(regions_expire(&w.regions, 1099), 1100);
	ck_assert_int_eq(session_resume(&w.regions, &peer, guess, 1099, &got),
			 REGIONS_E_NO_SESSION);
	ck_assert_int_eq(session_resume(&w.regions, &other, token, 1099, &got),
			 REGIONS_E_NO_SESSION);
	ck_assert_int_eq(session_resume(&w.regions, &peer, token, 1099, &got), 0);
	ck_assert_ptr_eq(got, s);
	must_be(&w, s, SESSION_OPEN);
	ck_assert_int_eq(s->pid, 77);
	ck_assert_str_eq(s->command, "again");
	ck_assert_uint_eq(regions_expire(&w.regions, 99999), UINT64_MAX);
	/* While it is open as well: a client that has lost its connection may notice before we do. */
	ck_assert_int_eq(session_resume(&w.regions, &peer, token, 99999, &got), 0);
	session_leave(s, SESSION_DIED, 100000);
	ck_assert_int_eq(session_resume(&w.regions, &peer, token, 100100, &got),
			 REGIONS_E_NO_SESSION);
	ck_assert_uint_eq(regions_expire(&w.regions, 100100), UINT64_MAX);
	must_be(&w, s, SESSION_ENDING);
	ck_assert_int_eq(session_resume(&w.regions, &peer, token, 0, &got), REGIONS_E_NO_SESSION);
	ck_assert_ptr_eq(got, s); /* written only on 0 */
	ck_assert(regions_reclaim(&w.regions, UINT32_MAX, 100100));
	ck_assert_uint_eq(w.r->used_npages, 0);
	world_deinit(&w);
}
END_TEST

START_TEST(without_grace_leaving_is_the_end)
{
	struct world w;

	world_init(&w, 512, 512, 0);
	session_leave(w.a, SESSION_CLOSED, 5);
	must_be(&w, w.a, SESSION_ENDING);
	ck_assert_uint_eq(regions_expire(&w.regions, 5), UINT64_MAX);
	ck_assert(!regions_reclaim(&w.regions, 0, 5));
	ck_assert(regions_reclaim(&w.regions, 1, 5));
	ck_assert_uint_eq(w.regions.nsessions[SESSION_OPEN], 2);
	ck_assert_uint_eq(w.regions.nsessions[SESSION_ENDING], 0);
	world_deinit(&w);
}
END_TEST

START_TEST(graces_end_in_the_order_of_their_deadlines)
{
	struct session *s[50];
	struct world w;

	world_init(&w, 512, 512, 0);
	for (uint64_t i = 0; i < 50; i++) {
		s[i] = world_session_grace(&w, 1000, 1 + i * 37 % 50, 0);
		session_leave(s[i], SESSION_CLOSED, 0);
	}
	for (uint64_t now = 0; now <= 50; now++) {
		ck_assert_uint_eq(regions_expire(&w.regions, now), now < 50 ? now + 1 : UINT64_MAX);
		ck_assert_uint_eq(w.regions.nsessions[SESSION_ENDING], now);
		world_check(&w);
	}
	world_deinit(&w);
}
END_TEST

/* A turn of the loop is not for thousands of them: the rest is due at once. */
START_TEST(many_graces_end_in_turns)
{
	struct world w;
	unsigned ncalls = 0;

	world_init(&w, 512, 512, 0);
	for (unsigned i = 0; i < 3000; i++)
		session_leave(world_session_grace(&w, 1000, 10, 0), SESSION_CLOSED, 0);
	for (uint64_t next = 0; next != UINT64_MAX; ncalls++) {
		uint64_t before = w.regions.nsessions[SESSION_ENDING];

		next = regions_expire(&w.regions, 20);
		ck_assert(next == 20 || next == UINT64_MAX);
		ck_assert_uint_le(w.regions.nsessions[SESSION_ENDING] - before, 1024);
	}
	ck_assert_uint_eq(w.regions.nsessions[SESSION_ENDING], 3000);
	ck_assert_uint_eq(ncalls, 3);
	world_deinit(&w);
}
END_TEST

/* Some are gone, at the ends, single ones and long runs of them. */
START_TEST(sessions_are_found_by_id)
{
	static struct session *s[1000];
	struct world w;
	uint64_t id = 0;

	world_init(&w, 512, 512, 0);
	w.regions.limits.sessions = 0;
	for (unsigned round = 0; round < 3; round++) {
		struct session *at = NULL;
		unsigned n = 0;

		for (unsigned i = 0; i < ARRAY_SIZE(s); i++)
			s[i] = world_session(&w, 1000 + i % 7);
		for (unsigned i = 0; i < ARRAY_SIZE(s); i++) {
			if (i % 300 < 250 && i % 7 != 3)
				world_end(s[i]);
		}
		ck_assert(regions_reclaim(&w.regions, UINT32_MAX, 0));
		for (unsigned walk = 0; walk < 3; walk++) {
			id = 0;
			n = 0;
			for (at = session_next(&w.regions, 0); at; n++) {
				ck_assert_ptr_eq(session_by_id(&w.regions, at->id), at);
				ck_assert_uint_gt(at->id, id);
				id = at->id;
				at = session_next(&w.regions, id);
			}
			ck_assert_uint_eq(n, w.regions.nsessions[SESSION_OPEN]);
			world_check(&w);
		}
	}
	ck_assert_ptr_null(session_by_id(&w.regions, 0));
	ck_assert_ptr_null(session_by_id(&w.regions, 4)); /* the first that went */
	ck_assert_ptr_null(session_by_id(&w.regions, id + 1));
	ck_assert_ptr_null(session_next(&w.regions, UINT64_MAX));
	world_deinit(&w);
}
END_TEST

/* One broken thing at a time; each is put right again. */
START_TEST(the_check_sees_what_is_wrong)
{
	struct holding *h;
	struct session *grace;
	struct world w;
	char why[200];

#define MUST_SEE(name, lvalue, wrong)                                                      \
	do {                                                                               \
		__typeof__(lvalue) right_ = (lvalue);                                      \
		(lvalue) = (wrong);                                                        \
		ck_assert(!regions_check(&w.regions, why, sizeof(why)));                   \
		ck_assert_msg(strncmp(why, name ": ", strlen(name ": ")) == 0, "%s", why); \
		(lvalue) = right_;                                                         \
		world_check(&w);                                                           \
	} while (0)

	world_init(&w, 512, 512, 0);
	grace = world_session_grace(&w, 1000, 100, 0);
	session_leave(grace, SESSION_CLOSED, 0);
	must_take(&w, w.a, 10);
	h = holding_find(&w.a->owner, w.r);
	MUST_SEE("N1", w.a->state, SESSION_GRACE);
	MUST_SEE("I3", w.a->token[0], (uint8_t)(w.a->token[0] ^ 0xff));
	MUST_SEE("N1", w.regions.nsessions[SESSION_OPEN], 7);
	MUST_SEE("N1", grace->deadline_usec, 99);
	MUST_SEE("N1", w.a->in_deadlines.at, 1);
	MUST_SEE("N2", w.a->owner.user->nsessions, 1);
	MUST_SEE("I1", w.a->id, 77);
	MUST_SEE("O4", h->account->npages, 11);
	MUST_SEE("O4", h->account->nextents, 2);
	MUST_SEE("R5", w.r->quarantined_npages, 1);
	MUST_SEE("R5", h->quarantine_until_usec, 1);
	world_deinit(&w);
}
END_TEST

/* The first session found memory for the index, but not for its token's chain: then no token is known, and it's no crash to ask. */
START_TEST(a_token_is_unknown_where_the_first_session_failed)
{
	struct session_peer peer = {.uid = 1000, .gid = 1000, .pid = 1};
	const uint8_t token[SESSION_TOKEN_BYTES] = {0xff, 0xff, 0xff, 0xff};
	struct region_refusal rr = {0};
	struct regions rs;
	struct session *s;
	int err = -1;

	for (long n = 0; err; n++) {
		regions_init(&rs, DAEMON_UID);
		mem_fail_after(n);
		err = session_open(&rs, &peer, "test", 0, 0, &s, &rr);
		mem_fail_after(-1);
		ck_assert_int_eq(session_resume(&rs, &peer, token, 0, &s), REGIONS_E_NO_SESSION);
		regions_deinit(&rs);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session");
	TCase *tc = tcase_create("session");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, detached_extents_belong_to_the_user);
	tcase_add_test(tc, an_ended_session_leaves_nothing);
	tcase_add_test(tc, reclaim_does_not_bridge_gaps);
	tcase_add_test(tc, a_slice_keeps_to_its_budget);
	tcase_add_test(tc, a_session_is_resumed_within_its_grace);
	tcase_add_test(tc, without_grace_leaving_is_the_end);
	tcase_add_test(tc, graces_end_in_the_order_of_their_deadlines);
	tcase_add_test(tc, many_graces_end_in_turns);
	tcase_add_test(tc, sessions_are_found_by_id);
	tcase_add_test(tc, a_token_is_unknown_where_the_first_session_failed);
	tcase_add_test(tc, the_check_sees_what_is_wrong);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
