/*
 * test_watchers - events to those who watch
 *
 * Role:       unit tests of net/: every event comes once and in order, between replies; a watcher that does not read loses some and is
 *             told how many, and nobody waits for it.
 * Uses:       tests/unit/net/fixture.h
 */
#include "fixture.h"

#include "region/events.h"

#define WATCH_ID 77

static void watch(int fd)
{
	Pallocd__V1__EventKind kinds[] = {PALLOCD__V1__EVENT_KIND__EVENT_ALLOC,
					  PALLOCD__V1__EVENT_KIND__EVENT_FREE};
	Pallocd__V1__Watch m = PALLOCD__V1__WATCH__INIT;
	Reply *reply;

	m.region_id = 1;
	m.kinds = kinds;
	m.n_kinds = 2;
	reply = wire_call(fd, &REQUEST(WATCH_ID, WATCH, watch, &m));
	ck_assert_msg(!reply->status, "%s", reply->message);
	wire_done(reply);
}

/* Allocs and frees of one page, in batches; each is two events. */
static void churn(int fd, uint64_t npairs)
{
	uint64_t npages[512], addr[512];

	for (int i = 0; i < 512; i++)
		npages[i] = 1;
	while (npairs) {
		Pallocd__V1__Alloc a = PALLOCD__V1__ALLOC__INIT;
		Pallocd__V1__Free g = PALLOCD__V1__FREE__INIT;
		size_t n = npairs < 512 ? npairs : 512;
		Reply *reply;

		a.region_id = g.region_id = 1;
		a.npages = g.npages = npages;
		a.n_npages = g.n_npages = g.n_addr = n;
		reply = wire_call(fd, &REQUEST(1, ALLOC, alloc, &a));
		ck_assert_msg(!reply->status, "%s", reply->message);
		memcpy(addr, reply->alloc->addr, n * sizeof(addr[0]));
		wire_done(reply);
		g.addr = addr;
		reply = wire_call(fd, &REQUEST(2, FREE, free, &g));
		ck_assert_msg(!reply->status, "%s", reply->message);
		wire_done(reply);
		npairs -= n;
	}
}

struct seen {
	uint64_t nevents, nlost;
	uint64_t balance; /* pages taken and not given back, as far as was seen */
};

/* The next frame; counted if it holds events. Return: NULL then, else the reply. */
static Reply *next_frame(int fd, struct seen *seen)
{
	Reply *reply = wire_reply(fd);

	ck_assert_ptr_nonnull(reply);
	if (reply->result_case != PALLOCD__V1__REPLY__RESULT_EVENTS)
		return reply;
	ck_assert_uint_eq(reply->id, WATCH_ID);
	seen->nlost += reply->events->lost;
	seen->nevents += reply->events->n_events;
	for (size_t i = 0; i < reply->events->n_events; i++) {
		const Pallocd__V1__Event *e = reply->events->events[i];

		seen->balance += e->kind == PALLOCD__V1__EVENT_KIND__EVENT_ALLOC ? e->npages
										 : -e->npages;
	}
	wire_done(reply);
	return NULL;
}

START_TEST(each_event_once)
{
	enum { NWATCHERS = 10, NPAIRS = 5000 };
	struct seen seen[NWATCHERS] = {0};
	int fd[NWATCHERS], other;

	start();
	other = wire_open(f.path);
	for (int i = 0; i < NWATCHERS; i++) {
		fd[i] = wire_open(f.path);
		watch(fd[i]);
	}
	for (int n = 0; n < NPAIRS; n += 50) {
		churn(other, 50);
		for (int i = 0; i < NWATCHERS; i++) {
			while (seen[i].nevents < 2 * (uint64_t)(n + 50))
				ck_assert_ptr_null(next_frame(fd[i], &seen[i]));
		}
	}
	for (int i = 0; i < NWATCHERS; i++) {
		ck_assert_uint_eq(seen[i].nevents, 2 * NPAIRS);
		ck_assert_uint_eq(seen[i].nlost, 0);
		ck_assert_uint_eq(seen[i].balance, 0);
		close(fd[i]);
	}
	wire_await_sessions(other, 1, 0);
	close(other);
	stop();
}
END_TEST

/* One that is busy itself gets its replies in order, with events of its own between them. */
START_TEST(events_between_replies)
{
	enum { NREQUESTS = 2000, BURST = 50 };
	static uint8_t buf[64];
	struct seen seen = {0};
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	uint64_t one = 1, id = 0;
	int fd;

	start();
	fd = wire_open(f.path);
	watch(fd);
	m.region_id = 1;
	m.npages = &one;
	m.n_npages = 1;
	/* Never more than the sockets hold: who sends and does not read waits for a daemon that waits for it. */
	for (uint64_t n = BURST; n <= NREQUESTS; n += BURST) {
		for (uint64_t i = 1; i <= BURST; i++)
			wire_send(fd, buf, wire_pack(&REQUEST(id + i, ALLOC, alloc, &m), buf));
		while (id < n || seen.nevents < n) {
			Reply *reply = next_frame(fd, &seen);

			if (!reply)
				continue;
			ck_assert_uint_eq(reply->id, ++id);
			ck_assert_msg(!reply->status, "%s", reply->message);
			wire_done(reply);
		}
	}
	ck_assert_uint_eq(seen.balance, NREQUESTS);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_slow_watcher_loses_some)
{
	const uint64_t npairs = 3 * EVENTS_RING;
	struct seen slow = {0}, quick = {0};
	int fd, other, second;
	uint64_t before;

	start();
	other = wire_open(f.path);
	fd = wire_open(f.path);
	second = wire_open(f.path);
	watch(fd);
	watch(second);
	churn(other, 1);
	before = rss_kib();
	for (uint64_t n = 1; n < npairs; n += 512) {
		uint64_t more = npairs - n < 512 ? npairs - n : 512;

		churn(other, more);
		while (quick.nevents < 2 * (n + more))
			ck_assert_ptr_null(next_frame(second, &quick));
	}
	ck_assert_uint_eq(quick.nlost, 0);
	/* The ring comes to be as it is written. */
	ck_assert_uint_lt(rss_kib() - before, 16 << 10);
	while (slow.nevents + slow.nlost < 2 * npairs)
		ck_assert_ptr_null(next_frame(fd, &slow));
	ck_assert_uint_eq(slow.nevents + slow.nlost, 2 * npairs);
	ck_assert_uint_gt(slow.nlost, 0);
	ck_assert_uint_ge(slow.nevents, EVENTS_RING / 2);
	/* It goes on as any other. */
	churn(other, 10);
	while (slow.nevents + slow.nlost < 2 * (npairs + 10))
		ck_assert_ptr_null(next_frame(fd, &slow));
	close(fd);
	close(second);
	close(other);
	stop();
}
END_TEST

/* One that never reads is cut off as for replies. */
START_TEST(a_watcher_that_never_reads_is_cut_off)
{
	uint64_t cut_off = 0;
	int fd, other;

	f.send_timeout_msec = 300;
	start();
	other = wire_open(f.path);
	fd = wire_open(f.path);
	watch(fd);
	for (int i = 0; !cut_off; i++) {
		Reply *reply = wire_stat(other);

		cut_off = reply->stat->daemon->cut_off_total;
		wire_done(reply);
		churn(other, i < 100 ? 512 : 1);
		wire_sleep_msec(1);
	}
	wire_await_sessions(other, 1, 0);
	close(fd);
	close(other);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch");
	TCase *tc = tcase_create("watch");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, each_event_once);
	tcase_add_test(tc, events_between_replies);
	tcase_add_test(tc, a_slow_watcher_loses_some);
	tcase_add_test(tc, a_watcher_that_never_reads_is_cut_off);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
