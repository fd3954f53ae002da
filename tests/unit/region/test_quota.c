/*
 * test_quota - what quotas refuse, and what they say
 *
 * Role:       unit tests of region/region_quota; test_sessions_random asks much more, at random.
 * Uses:       region/, check
 */
#include "tests/unit/suite.h"
#include "world.h"

/* A user may have 100 pages in 6 extents, a session 60 in 4. */
static void quota_world(struct world *w)
{
	struct region_config c = world_config(1024, 512, 512);

	c.user_bytes = 100 * PAGE - 1; /* rounded up */
	c.session_bytes = 60 * PAGE;
	c.user_extents = 6;
	c.session_extents = 4;
	world_init_with(w, &c);
}

static int take_n(struct world *w, struct owner *o, uint64_t npages, uint32_t n,
		  struct region_refusal *rr)
{
	uint64_t lengths[16], addr[16], scavenged;

	for (uint32_t i = 0; i < n; i++)
		lengths[i] = npages;
	return region_alloc(w->r, o, lengths, n, NULL, addr, &scavenged, rr);
}

static void must_refuse(struct world *w, int err, const struct region_refusal *rr, const char *name,
			uint64_t limit, uint64_t used, uint64_t asked)
{
	ck_assert_int_eq(err, REGION_E_QUOTA);
	ck_assert_str_eq(rr->field, name);
	ck_assert_uint_eq(rr->limit, limit);
	ck_assert_uint_eq(rr->used, used);
	ck_assert_uint_eq(rr->asked, asked);
	world_check(w);
}

START_TEST(alloc_names_the_quota)
{
	struct region_refusal rr = {0};
	const char *name;
	struct owner *user;
	struct world w;

	quota_world(&w);
	user = world_user(&w, 1000);
	must_take(&w, w.a, 50);
	must_refuse(&w, take_n(&w, &w.a->owner, 11, 1, &rr), &rr, "session_pages", 60, 50, 11);
	must_take(&w, w.b, 40);
	must_refuse(&w, take_n(&w, user, 11, 1, &rr), &rr, "user_pages", 100, 90, 11);
	must_refuse(&w, take_n(&w, &w.b->owner, 4, 3, &rr), &rr, "user_pages", 100, 90, 12);
	ck_assert_int_eq(take_n(&w, &w.b->owner, 1, 3, &rr), 0);
	must_refuse(&w, take_n(&w, &w.b->owner, 1, 1, &rr), &rr, "session_extents", 4, 4, 1);
	must_refuse(&w, take_n(&w, user, 1, 2, &rr), &rr, "user_extents", 6, 5, 2);
	ck_assert_uint_eq(region_quota_left(w.r, user, &name), 7);
	ck_assert_str_eq(name, "user_pages");
	ck_assert_uint_eq(region_quota_left(w.r, &w.c->owner, &name), 60);
	ck_assert_str_eq(name, "session_pages");
	ck_assert_uint_eq(w.r->counters.quota, 5);
	/* Others have quotas of their own. */
	ck_assert_int_eq(take_n(&w, &w.c->owner, 20, 3, &rr), 0);
	/* Absurd sums are refused like others. */
	must_refuse(&w, take_n(&w, &w.b->owner, 1000, 16, &rr), &rr, "user_pages", 100, 93, 16000);
	world_deinit(&w);
}
END_TEST

START_TEST(a_region_without_quotas_has_one)
{
	const char *name;
	struct world w;

	world_init(&w, 1024, 512, 512);
	ck_assert_uint_eq(region_quota_left(w.r, &w.a->owner, &name), UINT64_MAX);
	ck_assert_str_eq(name, "");
	/* Extents cost memory of the daemon's, so that they are never without a limit. */
	ck_assert_uint_eq(w.r->quota.user_nextents, REGION_USER_EXTENTS_DEFAULT);
	world_deinit(&w);
}
END_TEST

START_TEST(no_space_says_what_the_quotas_leave)
{
	struct region_config c = world_config(512, 512, 0);
	struct region_refusal rr = {0};
	struct world w;

	c.user_bytes = 700 * PAGE;
	world_init_with(&w, &c);
	must_take(&w, w.c, 100);
	must_take(&w, w.a, 250);
	ck_assert_int_eq(take_n(&w, &w.a->owner, 200, 1, &rr), REGION_E_NO_SPACE);
	ck_assert_uint_eq(rr.quota_npages, 450);
	w.r->quota.user_npages = 0;
	ck_assert_int_eq(take_n(&w, &w.a->owner, 200, 1, &rr), REGION_E_NO_SPACE);
	ck_assert_uint_eq(rr.quota_npages, UINT64_MAX);
	world_deinit(&w);
}
END_TEST

/* Free runs of 8 pages, so that scattered extents are as many as they must be. */
static void comb(struct world *w)
{
	for (int i = 0; i < 60; i++)
		must_take(w, w->c, 8);
	must_take(w, w->c, 32);
	for (uint64_t i = 0; i < 60; i += 2)
		ck_assert_int_eq(give(w, w->c, 8 * i, 8), 0);
}

START_TEST(scattered_extents_count_as_they_come)
{
	struct region_config c = world_config(512, 512, 0);
	uint64_t addr[16], npages[16], scavenged;
	struct region_refusal rr = {0};
	struct world w;
	uint32_t n;

	c.user_bytes = 1000 * PAGE;
	world_init_with(&w, &c);
	comb(&w);
	w.r->quota.session_nextents = 3;
	w.r->quota.session_npages = 30;
	/* Up to 16 are allowed, 3 are needed: it is those that count. */
	ck_assert_int_eq(region_alloc_scattered(w.r, &w.a->owner, 24, 16, NULL, addr, npages, &n,
						&scavenged, &rr),
			 0);
	ck_assert_uint_eq(n, 3);
	must_refuse(&w,
		    region_alloc_scattered(w.r, &w.a->owner, 6, 16, NULL, addr, npages, &n,
					   &scavenged, &rr),
		    &rr, "session_extents", 3, 3, 1);
	must_refuse(&w,
		    region_alloc_scattered(w.r, &w.a->owner, 7, 16, NULL, addr, npages, &n,
					   &scavenged, &rr),
		    &rr, "session_pages", 30, 24, 7);
	/* The fourth is too much: nothing is taken, and the refusal says so. */
	must_refuse(&w,
		    region_alloc_scattered(w.r, &w.b->owner, 30, 16, NULL, addr, npages, &n,
					   &scavenged, &rr),
		    &rr, "session_extents", 3, 0, 4);
	ck_assert_uint_eq(holding_find(&w.b->owner, w.r)->nextents, 0);
	world_deinit(&w);
}
END_TEST

START_TEST(shapes_and_cuts)
{
	uint64_t at, scavenged, lower, upper;
	struct region_refusal rr = {0};
	struct world w;

	quota_world(&w);
	must_take(&w, w.a, 50);
	must_refuse(&w, region_resize(w.r, w.a, BASE, 61, REGION_UPPER, &at, &scavenged, &rr), &rr,
		    "session_pages", 60, 50, 11);
	ck_assert_int_eq(region_resize(w.r, w.a, BASE, 60, REGION_UPPER, &at, &scavenged, &rr), 0);
	for (uint64_t page = 50; page > 20; page -= 10)
		ck_assert_int_eq(
			region_split(w.r, w.a, BASE + page * PAGE, &at, &lower, &upper, &rr), 0);
	must_refuse(&w, region_split(w.r, w.a, BASE + PAGE, &at, &lower, &upper, &rr), &rr,
		    "session_extents", 4, 4, 1);
	/* A free that leaves two extents of one goes beyond the quota rather than fail. */
	ck_assert_int_eq(give(&w, w.a, 10, 1), 0);
	ck_assert_uint_eq(holding_find(&w.a->owner, w.r)->nextents, 5);
	/* What gives back, or asks for nothing that is short, is never refused. */
	ck_assert_int_eq(region_resize(w.r, w.a, BASE, 9, REGION_UPPER, &at, &scavenged, &rr), 0);
	ck_assert_int_eq(region_resize(w.r, w.a, BASE, 10, REGION_UPPER, &at, &scavenged, &rr), 0);
	must_refuse(&w, take_n(&w, &w.a->owner, 1, 1, &rr), &rr, "session_extents", 4, 5, 1);
	world_deinit(&w);
}
END_TEST

START_TEST(a_user_has_so_many_sessions)
{
	struct session_peer peer = {.uid = 1000};
	struct region_refusal rr = {0};
	struct session *s = NULL;
	struct world w;

	world_init(&w, 512, 512, 0);
	w.regions.limits.sessions = 3;
	ck_assert_int_eq(session_open(&w.regions, &peer, "3rd", 0, 0, &s, &rr), 0);
	must_refuse(&w,
		    session_open(&w.regions, &peer, "4th", 0, 0, &s, &rr) + REGION_E_QUOTA -
			    REGIONS_E_QUOTA,
		    &rr, "user_sessions", 3, 3, 1);
	world_session(&w, 1001);
	/* One that has ended counts until it is gone. */
	world_end(s);
	ck_assert_int_eq(session_open(&w.regions, &peer, "4th", 0, 0, &s, &rr), REGIONS_E_QUOTA);
	ck_assert(regions_reclaim(&w.regions, 1, 0));
	ck_assert_int_eq(session_open(&w.regions, &peer, "3rd", 0, 0, &s, &rr), 0);
	w.regions.limits.sessions = 0;
	ck_assert_int_eq(session_open(&w.regions, &peer, "4th", 0, 0, &s, &rr), 0);
	world_deinit(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("quota");
	TCase *tc = tcase_create("quota");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, alloc_names_the_quota);
	tcase_add_test(tc, a_region_without_quotas_has_one);
	tcase_add_test(tc, no_space_says_what_the_quotas_leave);
	tcase_add_test(tc, scattered_extents_count_as_they_come);
	tcase_add_test(tc, shapes_and_cuts);
	tcase_add_test(tc, a_user_has_so_many_sessions);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
