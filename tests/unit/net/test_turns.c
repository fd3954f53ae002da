/*
 * test_turns - requests that take several turns
 *
 * Role:       unit tests of connections in net/ whose requests rpc/ pauses without having used them: they go on by themselves, what
 *             comes behind them waits, others are served in between, and a client that goes away is noticed.
 * Uses:       tests/unit/net/fixture.h
 */
#include "fixture.h"

/* A page of each chunk is held, so that a Fit has to look into each: 64 turns. */
#define NCHUNKS UINT64_C(32768)
#define CHUNK_NPAGES 512

static void start_large(void)
{
	static uint64_t npages[PALLOCD_BATCH_EXTENTS_MAX];
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	int fd;

	f.region_bytes = NCHUNKS * CHUNK_NPAGES * 4096;
	start();
	fd = wire_open(f.path);
	p.align_npages = CHUNK_NPAGES;
	m.region_id = 1;
	m.npages = npages;
	m.placement = &p;
	m.lifetime = PALLOCD__V1__LIFETIME__DETACHED;
	for (size_t i = 0; i < PALLOCD_BATCH_EXTENTS_MAX; i++)
		npages[i] = 1;
	for (uint64_t n = NCHUNKS - 1; n; n -= m.n_npages) {
		Reply *reply;

		m.n_npages = n < PALLOCD_BATCH_EXTENTS_MAX ? n : PALLOCD_BATCH_EXTENTS_MAX;
		reply = wire_call(fd, &REQUEST(1, ALLOC, alloc, &m));
		ck_assert_msg(!reply->status, "%s", reply->message);
		wire_done(reply);
	}
	close(fd);
}

static size_t pack_fit(uint64_t id, uint8_t *buf)
{
	Pallocd__V1__Fit m = PALLOCD__V1__FIT__INIT;

	m.region_id = 1;
	m.npages = 200;
	return wire_pack(&REQUEST(id, FIT, fit, &m), buf);
}

static void assert_fit(Reply *reply, uint64_t id)
{
	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq(reply->id, id);
	ck_assert_msg(!reply->status, "%s", reply->message);
	/* The base lies half a chunk above a multiple of one: half a chunk is free at both ends. */
	ck_assert_uint_ge(reply->fit->nextents, 2 * (NCHUNKS - 1));
	ck_assert_uint_le(reply->fit->nextents, 2 * NCHUNKS);
	wire_done(reply);
}

/* Cut anywhere, with requests behind it in the same bytes: answered in order. */
START_TEST(cut_anywhere)
{
	static uint8_t buf[4 * WIRE_FRAME_BYTES];
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	size_t n, fit;
	Reply *reply;
	int fd;

	start_large();
	fd = wire_open(f.path);
	fit = pack_fit(1, buf);
	n = fit + wire_pack(&REQUEST(2, STAT, stat, &m), buf + fit);
	n += pack_fit(3, buf + n);
	for (size_t cut = 1; cut <= n; cut++) {
		wire_send(fd, buf, cut);
		wire_sleep_msec(1);
		wire_send(fd, buf + cut, n - cut);
		assert_fit(wire_reply(fd), 1);
		reply = wire_reply(fd);
		ck_assert_uint_eq(reply->id, 2);
		wire_done(reply);
		assert_fit(wire_reply(fd), 3);
	}
	close(fd);
	stop();
}
END_TEST

START_TEST(others_are_served_in_between)
{
	static uint8_t buf[1 << 12];
	uint64_t ncalls = 0, addr;
	struct pollfd p = {.events = POLLIN};
	size_t n = 0;
	int other;

	start_large();
	p.fd = wire_open(f.path);
	other = wire_open(f.path);
	for (uint64_t id = 1; id <= 50; id++)
		n += pack_fit(id, buf + n);
	wire_send(p.fd, buf, n);
	for (uint64_t id = 1; id <= 50; id++) {
		/* Until the next reply is there. */
		while (poll(&p, 1, 0) == 0) {
			ck_assert_uint_eq(wire_alloc(other, 1, 0, &addr), PALLOCD_OK);
			ck_assert_uint_eq(wire_free(other, addr, 1), PALLOCD_OK);
			ncalls++;
		}
		assert_fit(wire_reply(p.fd), id);
	}
	/* Each of 50 walks takes 64 turns, and in each of them the other one may have its. */
	ck_assert_uint_ge(ncalls, 50);
	close(other);
	close(p.fd);
	stop();
}
END_TEST

/* Who has shut down its side waits for the answer; who has closed the socket does not. */
START_TEST(a_client_goes_away)
{
	static uint8_t buf[WIRE_FRAME_BYTES];
	uint64_t addr;
	int fd, other;
	size_t n;

	start_large();
	other = wire_open(f.path);
	n = pack_fit(5, buf);
	for (int i = 0; i < 20; i++) {
		fd = wire_open(f.path);
		ck_assert_uint_eq(wire_alloc(fd, 3, 0, &addr), PALLOCD_OK);
		wire_send(fd, buf, n);
		wire_sleep_msec(i % 4);
		close(fd);
		wire_await_sessions(other, 1, NCHUNKS - 1);
	}
	fd = wire_open(f.path);
	wire_send(fd, buf, n);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	assert_fit(wire_reply(fd), 5);
	wire_assert_end(fd);
	close(fd);
	close(other);
	stop();
}
END_TEST

START_TEST(the_daemon_stops_meanwhile)
{
	static uint8_t buf[1 << 12];
	size_t n = 0;
	int fd;

	start_large();
	fd = wire_open(f.path);
	for (uint64_t id = 1; id <= 50; id++)
		n += pack_fit(id, buf + n);
	wire_send(fd, buf, n);
	assert_fit(wire_reply(fd), 1);
	stop();
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("turns");
	TCase *tc = tcase_create("turns");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, cut_anywhere);
	tcase_add_test(tc, others_are_served_in_between);
	tcase_add_test(tc, a_client_goes_away);
	tcase_add_test(tc, the_daemon_stops_meanwhile);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
