/*
 * test_watch - events for who watches
 *
 * Role:       unit tests of Watch and its Events in rpc/: what is told to whom, in frames of which size, and what is lost.
 * Uses:       rpc/, region/, proto/, check
 */
#include "fixture.h"

static struct rpc_conn watcher;

static const Reply *watch_with(const Pallocd__V1__Watch *m)
{
	return call(&REQUEST(55, WATCH, watch, (Pallocd__V1__Watch *)(uintptr_t)m));
}

/* @watcher's user watches what @m says. */
static void watch_from(uid_t uid, const Pallocd__V1__Watch *m)
{
	other_open(&watcher, uid);
	conn_swap(&watcher);
	assert_ok(watch_with(m));
	conn_swap(&watcher);
	ck_assert(!rpc_events_due(&watcher));
}

/* What came, of one frame at the most. */
static const Pallocd__V1__Events *events(void)
{
	f.out.n = 0;
	ck_assert(!rpc_events(&watcher, &f.out));
	if (!f.out.n)
		return NULL;
	ck_assert_uint_eq(unpack(0), f.out.n);
	ck_assert_uint_eq(f.reply->id, 55);
	ck_assert_int_eq((int)f.reply->result_case, PALLOCD__V1__REPLY__RESULT_EVENTS);
	return f.reply->events;
}

/* The kinds that came, as letters: a for 1 (ALLOC), b for 2 (FREE) … */
static const char *kinds(void)
{
	static char text[PALLOCD_EVENTS_MAX + 1];
	const Pallocd__V1__Events *e = events();
	size_t n = e ? e->n_events : 0;

	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + (int)e->events[i]->kind - 1);
	text[n] = '\0';
	return text;
}

START_TEST(events_say_what_has_happened)
{
	Pallocd__V1__Watch m = PALLOCD__V1__WATCH__INIT;
	const Pallocd__V1__Event *e;
	uint64_t addr;

	hello();
	watch_from(1000, &m);
	ck_assert_ptr_null(events());
	addr = alloc_n((uint64_t[]){5}, 1, 0)->alloc->addr[0];
	ck_assert(rpc_events_due(&watcher));
	ck_assert_uint_eq(events()->n_events, 1);
	ck_assert(!rpc_events_due(&watcher));
	e = f.reply->events->events[0];
	ck_assert_uint_eq((unsigned)e->kind, PALLOCD__V1__EVENT_KIND__EVENT_ALLOC);
	ck_assert_uint_gt(e->time_usec, UINT64_C(1700000000000000));
	ck_assert_uint_eq(e->region_id, 1);
	ck_assert_uint_eq(e->addr, addr);
	ck_assert_uint_eq(e->npages, 5);
	ck_assert_uint_eq(e->session, f.main.session->id);
	ck_assert_uint_eq(e->uid, 1000);
	ck_assert_uint_eq(f.reply->events->lost, 0);
	free_n(&addr, (uint64_t[]){5}, 1, 1);
	alloc_n((uint64_t[]){1}, 1, PALLOCD__V1__LIFETIME__DETACHED);
	ck_assert_str_eq(kinds(), "ba");
	ck_assert_uint_eq(f.reply->events->events[1]->session, 0);
	/* What is refused is no event. */
	alloc_n((uint64_t[]){5000}, 1, 0);
	ck_assert_ptr_null(events());
	/* The connection goes on to serve requests. */
	conn_swap(&watcher);
	assert_ok(alloc_n((uint64_t[]){1}, 1, 0));
	assert_refused(watch_with(&m), PALLOCD_INVALID, "watch");
	conn_swap(&watcher);
	ck_assert_str_eq(kinds(), "a");
	ck_assert_uint_eq(f.regions.events.nwatchers, 1);
	rpc_conn_close(&watcher, SESSION_CLOSED);
}
END_TEST

/* Who records what happens has to know which addresses follow from the lengths alone. */
START_TEST(an_alloc_without_a_placement_is_first_fit)
{
	Pallocd__V1__Watch m = PALLOCD__V1__WATCH__INIT;
	Pallocd__V1__Placement last = PALLOCD__V1__PLACEMENT__INIT;
	Pallocd__V1__Alloc a = PALLOCD__V1__ALLOC__INIT;
	const Pallocd__V1__Events *e;

	hello();
	watch_from(1000, &m);
	a.region_id = 1;
	a.npages = (uint64_t[]){3, 2};
	a.n_npages = 2;
	assert_ok(call(&REQUEST(1, ALLOC, alloc, &a)));
	last.strategy = PALLOCD__V1__STRATEGY__LAST;
	a.placement = &last;
	assert_ok(call(&REQUEST(2, ALLOC, alloc, &a)));
	a.placement = NULL;
	a.n_npages = 1;
	a.scatter_extents = 2;
	assert_ok(call(&REQUEST(3, ALLOC, alloc, &a)));
	e = events();
	ck_assert_uint_eq(e->n_events, 5);
	for (size_t i = 0; i < e->n_events; i++)
		ck_assert_int_eq(e->events[i]->first_fit, i < 2);
	rpc_conn_close(&watcher, SESSION_CLOSED);
}
END_TEST

START_TEST(watch_refusals)
{
	static const int bad[] = {-1, 0, 14, 1000};
	Pallocd__V1__EventKind list[2] = {PALLOCD__V1__EVENT_KIND__EVENT_ALLOC};
	Pallocd__V1__Watch m = PALLOCD__V1__WATCH__INIT;

	hello();
	m.region_id = 7;
	assert_refused(watch_with(&m), PALLOCD_NO_REGION, "region_id");
	m.region_id = 1;
	m.kinds = list;
	m.n_kinds = 2;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		list[1] = (Pallocd__V1__EventKind)bad[i];
		assert_refused(watch_with(&m), PALLOCD_INVALID, "kinds");
		ck_assert_uint_eq(f.reply->refusal->index, 1);
	}
	f.main.session->rights[0] = 0;
	assert_refused(watch_with(&m), PALLOCD_DENIED, "any");
	f.main.session->rights[0] = ACCESS_ALLOC;
	m.n_kinds = 1;
	for (long n = 0; n < 2; n++) {
		mem_fail_after(n);
		assert_refused(watch_with(&m), PALLOCD_NO_MEMORY, "");
		mem_fail_after(-1);
		ck_assert_ptr_null(f.main.watch);
		ck_assert_uint_eq(f.regions.events.nwatchers, 0);
	}
	assert_ok(watch_with(&m));
}
END_TEST

/* Three regions' worth of events, seen through filters. */
START_TEST(filters)
{
	static Pallocd__V1__EventKind frees[] = {PALLOCD__V1__EVENT_KIND__EVENT_FREE,
						 PALLOCD__V1__EVENT_KIND__EVENT_GROW};
	static const struct {
		uint32_t region_id;
		size_t nkinds;
		bool by_uid;
		uint32_t uid;
		int session; /* 1: the main connection's */
		const char *kinds;
	} cases[] = {
		{0, 0, false, 0, 0, "eaabacbh"}, /* all: open, allocs, free, alloc, grow, free, end */
		{1, 0, false, 0, 0, "aabcb"},    /* nothing of sessions, nor of the other region */
		{2, 0, false, 0, 0, "a"},        {0, 2, false, 0, 0, "bcb"},
		{1, 2, true, 1000, 0, "bb"},     {0, 0, true, 1001, 0, "eah"},
		{0, 0, false, 0, 1, "abab"},
	};
	Pallocd__V1__Watch m = PALLOCD__V1__WATCH__INIT;
	Pallocd__V1__Alloc a = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__Grow g = PALLOCD__V1__GROW__INIT;
	struct rpc_conn other;
	uint64_t addr;

	region_make("second", 512, 512);
	hello();
	m.region_id = cases[_i].region_id;
	m.kinds = frees;
	m.n_kinds = cases[_i].nkinds;
	m.by_uid = cases[_i].by_uid;
	m.uid = cases[_i].uid;
	m.session = cases[_i].session ? f.main.session->id : 0;
	watch_from(0, &m);
	other_open(&other, 1001);
	conn_swap(&other);
	alloc_n((uint64_t[]){1}, 1, PALLOCD__V1__LIFETIME__DETACHED);
	conn_swap(&other);
	addr = alloc_n((uint64_t[]){2}, 1, 0)->alloc->addr[0];
	free_n(&addr, (uint64_t[]){1}, 1, 1);
	a.region_id = 2;
	a.npages = (uint64_t[]){3};
	a.n_npages = 1;
	assert_ok(call(&REQUEST(1, ALLOC, alloc, &a)));
	g.region_id = 1;
	g.npages = 1;
	assert_ok(call(&REQUEST(1, GROW, grow, &g)));
	addr += 4096;
	free_n(&addr, (uint64_t[]){1}, 1, 1);
	rpc_conn_close(&other, SESSION_DIED);
	ck_assert_str_eq(kinds(), cases[_i].kinds);
	rpc_conn_close(&watcher, SESSION_CLOSED);
}
END_TEST

/* A user sees regions where it has any right, and its own sessions and quotas; root and the daemon's own user see all. */
START_TEST(visibility)
{
	static const struct {
		uid_t uid;
		unsigned rights;
		const char *kinds; /* k: a quota has refused */
	} cases[] = {
		{1001, ACCESS_ALLOC, "aa"},
		{1001, ACCESS_ATTACH_RO, "aa"},
		{1001, 0, ""},
		{1000, ACCESS_ALLOC, "eakeakhh"},
		{1000, 0, "eekhh"}, /* but a quota of the daemon's, not of the region */
		{0, ACCESS_ALL, "eakeakhh"},
		{500, ACCESS_ALL, "eakeakhh"},
	};
	Pallocd__V1__Watch m = PALLOCD__V1__WATCH__INIT;
	struct rpc_conn other, third;

	f.regions.table[0]->quota.user_npages = 20;
	f.regions.limits.sessions = 5;
	watch_from(cases[_i].uid, &m);
	if (watcher.session->owner.uid != 0 && watcher.session->owner.uid != 500)
		watcher.session->rights[0] = (uint8_t)cases[_i].rights;
	other_open(&other, 1000);
	conn_swap(&other);
	alloc_n((uint64_t[]){10}, 1, 0);
	assert_refused(alloc_n((uint64_t[]){11}, 1, 0), PALLOCD_QUOTA, "user_pages");
	ck_assert_str_eq(f.reply->message, "user_pages: 10 of 20 pages are in use, 11 more were "
					   "asked for (region r)");
	conn_swap(&other);
	other_open(&third, 1000);
	conn_swap(&third);
	alloc_n((uint64_t[]){10}, 1, 0);
	conn_swap(&third);
	f.regions.limits.sessions = 1;
	assert_refused(hello(), PALLOCD_QUOTA, "user_sessions");
	rpc_conn_close(&other, SESSION_CLOSED);
	rpc_conn_close(&third, SESSION_CLOSED);
	ck_assert_str_eq(kinds(), cases[_i].kinds);
	rpc_conn_close(&watcher, SESSION_CLOSED);
}
END_TEST

START_TEST(quotas_that_rpc_keeps_are_told)
{
	const struct session_peer peer = {.uid = 1000, .pid = 44};
	Pallocd__V1__Watch m = PALLOCD__V1__WATCH__INIT;
	const Pallocd__V1__Event *e;
	struct rpc_conn other;

	watch_from(0, &m);
	f.regions.limits.connections = 1;
	ck_assert_int_eq(rpc_conn_open(&other, &f.rpc, &peer, &f.out), RPC_E_CLOSE);
	ck_assert_str_eq(kinds(), "k");
	e = f.reply->events->events[0];
	ck_assert_str_eq(e->text, "user_connections");
	ck_assert_uint_eq(e->uid, 1000);
	ck_assert_uint_eq(e->pid, 44);
	ck_assert_uint_eq(e->limit, 1);
	ck_assert_uint_eq(e->used, 1);
	ck_assert_uint_eq(e->asked, 1);
	rpc_conn_close(&watcher, SESSION_CLOSED);
}
END_TEST

/* @n Allocs of a page, each given back: 2 @n events. */
static void happen(unsigned n)
{
	uint64_t addr = BASE, one = 1;

	for (unsigned i = 0; i < n; i++) {
		alloc_n(&one, 1, 0);
		free_n(&addr, &one, 1, 1);
	}
}

START_TEST(frames_of_events_are_cut)
{
	struct rpc_out one = {.data = f.out.data, .size = RPC_OUT_ROOM_MIN + 100};
	Pallocd__V1__Watch m = PALLOCD__V1__WATCH__INIT;
	size_t n = 0, nframes = 0;

	hello();
	watch_from(1000, &m);
	happen(PALLOCD_EVENTS_MAX + 50);
	/* As many as there is room for. */
	ck_assert(rpc_events(&watcher, &one));
	ck_assert_uint_gt(one.n, 0);
	f.out.n = one.n;
	ck_assert_uint_eq(unpack(0), one.n);
	ck_assert_uint_eq(f.reply->events->n_events, PALLOCD_EVENTS_MAX);
	ck_assert(rpc_events_due(&watcher));
	/* No room, nothing. */
	ck_assert(rpc_events(&watcher, &one));
	ck_assert_uint_eq(one.n, f.out.n);
	f.out.n = 0;
	ck_assert(!rpc_events(&watcher, &f.out));
	for (size_t at = 0; at < f.out.n; nframes++) {
		at = unpack(at);
		n += f.reply->events->n_events;
	}
	ck_assert_uint_eq(n, PALLOCD_EVENTS_MAX + 100);
	ck_assert_uint_eq(nframes, 2);
	rpc_conn_close(&watcher, SESSION_CLOSED);
}
END_TEST

/* Nobody waits for a watcher: what the ring has no room for is lost, and counted. */
START_TEST(a_slow_watcher_loses_events)
{
	Pallocd__V1__Watch m = PALLOCD__V1__WATCH__INIT;
	Pallocd__V1__Stat stat = PALLOCD__V1__STAT__INIT;
	size_t n = 0;
	uint64_t lost = 0;
	bool more;

	hello();
	watch_from(1000, &m);
	happen(EVENTS_RING / 2 + 500);
	do {
		f.out.n = 0;
		more = rpc_events(&watcher, &f.out);
		for (size_t at = 0; at < f.out.n;) {
			at = unpack(at);
			/* Before the first that is left. */
			ck_assert(n == 0 || !f.reply->events->lost);
			n += f.reply->events->n_events;
			lost += f.reply->events->lost;
		}
	} while (more);
	ck_assert_uint_eq(n, EVENTS_RING);
	ck_assert_uint_eq(lost, 1000);
	assert_ok(call(&REQUEST(1, STAT, stat, &stat)));
	ck_assert_uint_eq(f.reply->stat->daemon->events_lost_total, 1000);
	ck_assert_uint_eq(f.reply->stat->daemon->nwatchers, 1);
	rpc_conn_close(&watcher, SESSION_CLOSED);
}
END_TEST

/* One that filters all out does not hold up the loop: it looks at so many in a turn. */
START_TEST(looking_in_vain_takes_turns)
{
	Pallocd__V1__EventKind kind = PALLOCD__V1__EVENT_KIND__EVENT_SHRINK;
	Pallocd__V1__Watch m = PALLOCD__V1__WATCH__INIT;
	int nturns = 1;

	hello();
	m.kinds = &kind;
	m.n_kinds = 1;
	watch_from(1000, &m);
	happen(10000);
	f.out.n = 0;
	while (rpc_events(&watcher, &f.out))
		nturns++;
	ck_assert_uint_eq(f.out.n, 0);
	ck_assert_int_ge(nturns, 2);
	ck_assert(!rpc_events_due(&watcher));
	rpc_conn_close(&watcher, SESSION_CLOSED);
}
END_TEST

/* A connection whose session is another's by now hears nothing more. */
START_TEST(watching_ends_with_the_session)
{
	Pallocd__V1__Watch m = PALLOCD__V1__WATCH__INIT;
	Pallocd__V1__EndSession end = PALLOCD__V1__END_SESSION__INIT;

	hello();
	watch_from(1000, &m);
	end.session = watcher.session->id;
	assert_ok(call(&REQUEST(1, END_SESSION, end_session, &end)));
	ck_assert(!rpc_events_due(&watcher));
	f.out.n = 0;
	ck_assert(!rpc_events(&watcher, &f.out));
	ck_assert_uint_eq(f.out.n, 0);
	rpc_conn_close(&watcher, SESSION_CLOSED);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, events_say_what_has_happened);
	tcase_add_test(tc, an_alloc_without_a_placement_is_first_fit);
	tcase_add_test(tc, watch_refusals);
	tcase_add_loop_test(tc, filters, 0, 7);
	tcase_add_loop_test(tc, visibility, 0, 7);
	tcase_add_test(tc, quotas_that_rpc_keeps_are_told);
	tcase_add_test(tc, frames_of_events_are_cut);
	tcase_add_test(tc, a_slow_watcher_loses_events);
	tcase_add_test(tc, looking_in_vain_takes_turns);
	tcase_add_test(tc, watching_ends_with_the_session);
}

int main(void)
{
	return run("watch", add_tests);
}
