/*
 * test_events - the ring, and what regions and sessions write into it
 *
 * Role:       unit tests of region/events, region/region_event and of the places that emit.
 * Uses:       region/, base/mem.h, check
 */
#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "tests/unit/suite.h"
#include "world.h"

static const char *const kind_names[EVENT_KINDS] = {
	[EVENT_ALLOC] = "alloc",
	[EVENT_FREE] = "free",
	[EVENT_GROW] = "grow",
	[EVENT_SHRINK] = "shrink",
	[EVENT_SESSION_OPEN] = "open",
	[EVENT_SESSION_GRACE] = "grace",
	[EVENT_SESSION_RESUME] = "resume",
	[EVENT_SESSION_END] = "end",
	[EVENT_SPACE_LOW] = "low",
	[EVENT_SPACE_OK] = "ok",
	[EVENT_QUOTA] = "quota",
	[EVENT_HANDOVER] = "handover",
	[EVENT_RECLAIM] = "reclaim",
};

static struct event_cursor watch_all(struct events *ev)
{
	struct event_cursor c = {.kinds = UINT32_MAX};

	ck_assert_int_eq(events_watch(ev, &c), 0);
	return c;
}

static const struct event *next(struct events *ev, struct event_cursor *c)
{
	uint32_t budget = UINT32_MAX;
	uint64_t lost = 0;
	const struct event *e = events_next(ev, c, &budget, &lost);

	ck_assert_uint_eq(lost, 0);
	return e;
}

/* The next events in a line: "alloc@0+10 free@0+5", pages for addresses. */
static const char *story(struct world *w, struct event_cursor *c)
{
	static char line[400];
	const struct event *e;
	size_t n = 0;

	line[0] = '\0';
	while ((e = next(&w->regions.events, c))) {
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", n ? " " : "",
				      kind_names[e->kind]);
		if (e->addr)
			n += (size_t)snprintf(line + n, sizeof(line) - n, "@%u+%u",
					      (unsigned)((e->addr - BASE) / PAGE),
					      (unsigned)e->npages);
		ck_assert_uint_gt(e->time_usec, UINT64_C(1000000) * 1000000000);
		ck_assert_uint_lt(n, sizeof(line));
	}
	return line;
}

START_TEST(nobody_watches_nothing_is_written)
{
	struct world w;

	world_init(&w, 512, 512, 0);
	must_take(&w, w.a, 10);
	world_end(w.a);
	ck_assert_uint_eq(w.regions.events.next, 0);
	ck_assert_ptr_null(w.regions.events.ring);
	world_deinit(&w);
}
END_TEST

START_TEST(watchers_come_and_go)
{
	struct event e = {.kind = EVENT_ALLOC};
	struct event_cursor a, b;
	struct events ev = {0};

	mem_fail_after(0);
	ck_assert_int_eq(events_watch(&ev, &a), -ENOMEM);
	mem_fail_after(-1);
	ck_assert_uint_eq(ev.nwatchers, 0);
	a = watch_all(&ev);
	events_emit(&ev, &e);
	b = watch_all(&ev);
	ck_assert_ptr_nonnull(next(&ev, &a));
	ck_assert_ptr_null(next(&ev, &a));
	/* What was there before it came is not for b. */
	ck_assert_ptr_null(next(&ev, &b));
	events_unwatch(&ev);
	events_emit(&ev, &e);
	ck_assert_ptr_nonnull(next(&ev, &a));
	events_unwatch(&ev);
	events_emit(&ev, &e);
	ck_assert_uint_eq(ev.next, 2);
	events_deinit(&ev);
}
END_TEST

START_TEST(slow_watchers_lose_the_oldest)
{
	struct event_cursor fast, slow;
	uint32_t budget = 10;
	struct events ev = {0};
	const struct event *e;
	uint64_t lost = 5;

	fast = watch_all(&ev);
	slow = watch_all(&ev);
	for (uint64_t i = 0; i < EVENTS_RING + 100; i++) {
		events_emit(&ev, &(struct event){.kind = EVENT_ALLOC, .npages = i});
		if (i < EVENTS_RING)
			ck_assert_uint_eq(next(&ev, &fast)->npages, i);
	}
	e = events_next(&ev, &slow, &budget, &lost);
	ck_assert_uint_eq(e->npages, 100);
	ck_assert_uint_eq(lost, 5 + 100);
	ck_assert_uint_eq(ev.lost, 100);
	ck_assert_uint_eq(budget, 9);
	ck_assert_uint_eq(next(&ev, &fast)->npages, EVENTS_RING);
	events_deinit(&ev);
}
END_TEST

START_TEST(a_budget_counts_what_is_looked_at)
{
	struct event_cursor c;
	struct events ev = {0};
	uint32_t budget = 4;
	uint64_t lost = 0;

	c = watch_all(&ev);
	c.kinds = 1u << EVENT_FREE;
	for (unsigned i = 0; i < 6; i++)
		events_emit(&ev, &(struct event){.kind = i == 5 ? EVENT_FREE : EVENT_ALLOC});
	ck_assert_ptr_null(events_next(&ev, &c, &budget, &lost));
	ck_assert_uint_eq(budget, 0);
	ck_assert_ptr_null(events_next(&ev, &c, &budget, &lost));
	budget = 2;
	ck_assert_ptr_nonnull(events_next(&ev, &c, &budget, &lost));
	ck_assert_uint_eq(budget, 0);
	events_deinit(&ev);
}
END_TEST

/* Of these four: 1 alloc in region 1 by uid 7; 2 free in 1 by 8; 3 alloc in 2 by 7, session 5; 4 open by 8. */
static const struct filter_case {
	struct event_cursor c;
	const char *sees;
} filter_cases[] = {
	{{.kinds = UINT32_MAX}, "1234"},
	{{.kinds = 1u << EVENT_ALLOC}, "13"},
	{{.kinds = 1u << EVENT_FREE | 1u << EVENT_SESSION_OPEN}, "24"},
	{{.kinds = UINT32_MAX, .region_id = 1}, "12"},
	{{.kinds = UINT32_MAX, .by_uid = true, .uid = 7}, "13"},
	{{.kinds = UINT32_MAX, .by_uid = true, .uid = 0}, ""},
	{{.kinds = UINT32_MAX, .session = 5}, "3"},
	{{.kinds = 1u << EVENT_FREE, .session = 5}, ""},
};

START_TEST(filters)
{
	static const struct event events[] = {
		{.kind = EVENT_ALLOC, .region_id = 1, .uid = 7, .asked = '1'},
		{.kind = EVENT_FREE, .region_id = 1, .uid = 8, .asked = '2'},
		{.kind = EVENT_ALLOC, .region_id = 2, .uid = 7, .session = 5, .asked = '3'},
		{.kind = EVENT_SESSION_OPEN, .uid = 8, .asked = '4'},
	};
	struct event_cursor c = filter_cases[_i].c;
	struct events ev = {0};
	const struct event *e;
	char saw[8] = "";
	size_t n = 0;

	ck_assert_int_eq(events_watch(&ev, &c), 0);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		events_emit(&ev, &events[i]);
	while ((e = next(&ev, &c)))
		saw[n++] = (char)e->asked;
	ck_assert_str_eq(saw, filter_cases[_i].sees);
	events_deinit(&ev);
}
END_TEST

START_TEST(extents_tell)
{
	const uint64_t three[] = {1, 2, 3}, twice[] = {BASE + 2 * PAGE, BASE + 13 * PAGE},
		       ones[] = {11, 1};
	uint64_t addr[8], npages[8], n, shared, scavenged;
	struct region_refusal rr = {0};
	struct region_in_use in_use;
	struct event_cursor c;
	struct world w;
	uint32_t got;

	world_init(&w, 2048, 512, 0);
	c = watch_all(&w.regions.events);
	must_take(&w, w.a, 10);
	must_take(&w, w.a, 10);
	ck_assert_str_eq(story(&w, &c), "alloc@0+10 alloc@10+10");
	/* One range over two extents, and one inside of an extent. */
	ck_assert_int_eq(region_free(w.r, w.a, twice, ones, 2, &n, &shared, &rr), 0);
	ck_assert_str_eq(story(&w, &c), "free@2+8 free@10+3 free@13+1");
	ck_assert_int_eq(region_resize(w.r, w.a, BASE, 4, REGION_UPPER, addr, &scavenged, &rr), 0);
	ck_assert_int_eq(region_resize(w.r, w.a, BASE, 1, REGION_UPPER, addr, &scavenged, &rr), 0);
	ck_assert_int_eq(region_resize(w.r, w.a, BASE, 1, REGION_UPPER, addr, &scavenged, &rr), 0);
	ck_assert_int_eq(
		region_resize(w.r, w.a, BASE + 14 * PAGE, 8, REGION_LOWER, addr, &scavenged, &rr),
		0);
	ck_assert_str_eq(story(&w, &c), "alloc@2+2 free@1+3 alloc@12+2");
	ck_assert_int_eq(region_alloc(w.r, &w.b->owner, three, 3, NULL, addr, &scavenged, &rr), 0);
	ck_assert_str_eq(story(&w, &c), "alloc@1+1 alloc@2+2 alloc@4+3");
	ck_assert_int_eq(region_alloc_scattered(w.r, &w.b->owner, 496, 4, NULL, addr, npages, &got,
						&scavenged, &rr),
			 0);
	ck_assert_uint_eq(got, 2);
	ck_assert_str_eq(story(&w, &c), "alloc@20+492 alloc@7+4");
	/* What is refused is not told. */
	ck_assert_int_eq(give(&w, w.a, 1, 1), REGION_E_NOT_OWNER);
	ck_assert_int_eq(region_grow(w.r, 0, 512, addr, npages, &rr), 0);
	ck_assert_int_eq(region_shrink(w.r, 0, 512, addr, npages, &in_use, &rr), 0);
	ck_assert_str_eq(story(&w, &c), "grow@512+512 shrink@512+512");
	world_deinit(&w);
}
END_TEST

START_TEST(sessions_tell)
{
	struct session_peer peer = {.uid = 1000, .pid = 8};
	struct session *s, *again;
	struct event_cursor c;
	const struct event *e;
	struct world w;

	world_init(&w, 512, 512, 0);
	c = watch_all(&w.regions.events);
	s = world_session_grace(&w, 1000, 10, 0);
	e = next(&w.regions.events, &c);
	ck_assert_uint_eq(e->session, s->id);
	ck_assert_uint_eq(e->uid, 1000);
	ck_assert_uint_eq(e->pid, 1);
	must_take(&w, s, 1);
	e = next(&w.regions.events, &c);
	ck_assert_uint_eq(e->session, s->id);
	ck_assert_uint_eq(e->uid, 1000);
	ck_assert_uint_eq(e->region_id, 1);
	must_take(&w, s, 4);
	must_take(&w, w.a, 1);
	must_take(&w, s, 2);
	session_leave(s, SESSION_DIED, 0);
	ck_assert_int_eq(session_resume(&w.regions, &peer, s->token, 0, &again), 0);
	session_leave(s, SESSION_CLOSED, 0);
	ck_assert_str_eq(story(&w, &c), "alloc@1+4 alloc@5+1 alloc@6+2 grace resume grace");
	regions_expire(&w.regions, 10);
	e = next(&w.regions.events, &c);
	ck_assert_int_eq(e->kind, EVENT_SESSION_END);
	ck_assert_int_eq(e->cause, SESSION_GRACE_OVER);
	ck_assert_uint_eq(e->pid, 8);
	ck_assert(regions_reclaim(&w.regions, 100, 10));
	/* One for each run. */
	ck_assert_str_eq(story(&w, &c), "reclaim@6+2 reclaim@0+5");
	world_deinit(&w);
}
END_TEST

START_TEST(quotas_tell)
{
	struct event_cursor c;
	const struct event *e;
	struct world w;
	int err;

	world_init(&w, 512, 512, 0);
	w.r->quota.session_npages = 10;
	must_take(&w, w.c, 4);
	c = watch_all(&w.regions.events);
	take(&w, &w.c->owner, 7, &err);
	ck_assert_int_eq(err, REGION_E_QUOTA);
	e = next(&w.regions.events, &c);
	ck_assert_int_eq(e->kind, EVENT_QUOTA);
	ck_assert_str_eq(e->text, "session_pages");
	ck_assert_uint_eq(e->limit, 10);
	ck_assert_uint_eq(e->used, 4);
	ck_assert_uint_eq(e->asked, 7);
	ck_assert_uint_eq(e->session, w.c->id);
	ck_assert_uint_eq(e->uid, 1001);
	ck_assert_ptr_null(next(&w.regions.events, &c));
	world_deinit(&w);
}
END_TEST

/* Low below 100 pages, enough again from 112 on: what goes to and fro in between says nothing. */
START_TEST(low_space_is_told_once)
{
	struct region_config config = world_config(512, 512, 0);
	struct region_refusal rr = {0};
	struct region_in_use in_use;
	struct event_cursor c;
	const struct event *e;
	struct world w;

	config.low_bytes = 100 * PAGE;
	world_init_with(&w, &config);
	c = watch_all(&w.regions.events);
	c.kinds = 1u << EVENT_SPACE_LOW | 1u << EVENT_SPACE_OK;
	must_take(&w, w.a, 412);
	ck_assert_str_eq(story(&w, &c), "");
	must_take(&w, w.a, 1);
	e = next(&w.regions.events, &c);
	ck_assert_int_eq(e->kind, EVENT_SPACE_LOW);
	ck_assert_uint_eq(e->npages, 99);
	ck_assert_uint_eq(e->limit, 100);
	must_take(&w, w.a, 1);
	ck_assert_int_eq(give(&w, w.a, 400, 13), 0);
	ck_assert_str_eq(story(&w, &c), "");
	ck_assert_int_eq(give(&w, w.a, 399, 1), 0);
	e = next(&w.regions.events, &c);
	ck_assert_int_eq(e->kind, EVENT_SPACE_OK);
	ck_assert_uint_eq(e->npages, 112);
	/* Not only who takes makes it low, and not only who frees ends it. */
	ck_assert_int_eq(region_drain(w.r, BASE + 480 * PAGE, 32, false, &in_use, &rr), 0);
	ck_assert_int_eq(region_drain(w.r, BASE + 480 * PAGE, 32, true, &in_use, &rr), 0);
	ck_assert_str_eq(story(&w, &c), "low ok");
	must_take(&w, w.a, 98);
	ck_assert(w.r->low);
	world_end(w.a);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	ck_assert_str_eq(story(&w, &c), "low ok");
	world_deinit(&w);
}
END_TEST

/* Pages that the region can still get by itself are as good as free ones; the state is kept though nobody watches. */
START_TEST(what_can_grow_is_not_low)
{
	struct region_config config = world_config(1024, 0, 512);
	struct world w;

	config.low_bytes = 600 * PAGE;
	world_init_with(&w, &config);
	ck_assert(!w.r->low);
	must_take(&w, w.a, 424);
	ck_assert(!w.r->low);
	must_take(&w, w.a, 1);
	ck_assert(w.r->low);
	world_deinit(&w);
	config.auto_grow_bytes = 0;
	world_init_with(&w, &config);
	ck_assert(w.r->low);
	world_deinit(&w);
	/* Enough is at most all that there is. */
	config.low_bytes = config.initial_bytes = config.limit_bytes;
	world_init_with(&w, &config);
	must_take(&w, w.a, 1);
	ck_assert(w.r->low);
	ck_assert_int_eq(give(&w, w.a, 0, 1), 0);
	ck_assert(!w.r->low);
	world_deinit(&w);
}
END_TEST

/* Who waits for space looks again exactly when there may be more. */
START_TEST(room_changes_when_there_is_more)
{
	uint64_t room, at, n, scavenged;
	struct region_refusal rr = {0};
	struct region_in_use in_use;
	struct world w;

#define MUST_CHANGE(changes, err)                             \
	do {                                                  \
		room = w.r->room;                             \
		ck_assert_int_eq(err, 0);                     \
		ck_assert_int_eq(w.r->room != room, changes); \
	} while (0)

	world_init(&w, 2048, 512, 512);
	MUST_CHANGE(false, must_take(&w, w.a, 100) != 0);
	MUST_CHANGE(true, must_take(&w, w.b, 500) != 100);
	MUST_CHANGE(true, give(&w, w.a, 0, 10));
	MUST_CHANGE(true, region_resize(w.r, w.a, BASE + 10 * PAGE, 80, REGION_UPPER, &at,
					&scavenged, &rr));
	MUST_CHANGE(false, region_resize(w.r, w.a, BASE + 10 * PAGE, 81, REGION_UPPER, &at,
					 &scavenged, &rr));
	MUST_CHANGE(false, region_drain(w.r, BASE, 4, false, &in_use, &rr));
	MUST_CHANGE(true, region_drain(w.r, BASE, 4, true, &in_use, &rr));
	MUST_CHANGE(false, region_reserve(w.r, BASE, 4, false, &in_use, &rr));
	MUST_CHANGE(true, region_reserve(w.r, BASE, 4, true, &in_use, &rr));
	MUST_CHANGE(true, region_grow(w.r, 0, 1, &at, &n, &rr));
	MUST_CHANGE(false, region_shrink(w.r, 0, 512, &at, &n, &in_use, &rr));
	world_end(w.a);
	MUST_CHANGE(true, !regions_reclaim(&w.regions, 100, 0));
	world_deinit(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("events");
	TCase *tc = tcase_create("events");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, nobody_watches_nothing_is_written);
	tcase_add_test(tc, watchers_come_and_go);
	tcase_add_test(tc, slow_watchers_lose_the_oldest);
	tcase_add_test(tc, a_budget_counts_what_is_looked_at);
	tcase_add_loop_test(tc, filters, 0, (int)ARRAY_SIZE(filter_cases));
	tcase_add_test(tc, extents_tell);
	tcase_add_test(tc, sessions_tell);
	tcase_add_test(tc, quotas_tell);
	tcase_add_test(tc, low_space_is_told_once);
	tcase_add_test(tc, what_can_grow_is_not_low);
	tcase_add_test(tc, room_changes_when_there_is_more);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
