/*
 * test_waits - connections whose first request waits, and connections that are cut
 *
 * Role:       unit tests of net/: what comes behind a waiting Alloc waits too, others do not; who goes away is noticed; a session that
 *             is ended by somebody else is told so, whatever its connection is doing.
 * Uses:       tests/unit/net/fixture.h
 */
#include "fixture.h"

#define NPAGES 1024
#define LONG_MSEC (1000 * 1000)

static int start_full(uint64_t *ret_addr)
{
	int fd;

	f.region_bytes = NPAGES * 4096;
	start();
	fd = wire_open(f.path);
	ck_assert_uint_eq(wire_alloc(fd, NPAGES, 0, ret_addr), PALLOCD_OK);
	return fd;
}

static size_t pack_wait(uint64_t id, uint64_t npages, uint64_t msec, uint8_t *buf)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	m.region_id = 1;
	m.npages = &npages;
	m.n_npages = 1;
	m.wait_msec = msec;
	return wire_pack(&REQUEST(id, ALLOC, alloc, &m), buf);
}

static void send_wait(int fd, uint64_t id, uint64_t npages, uint64_t msec)
{
	uint8_t buf[256];

	wire_send(fd, buf, pack_wait(id, npages, msec, buf));
}

static void await_waiting(int fd, uint64_t n)
{
	for (int i = 0;; i++) {
		Reply *reply = wire_stat(fd);
		uint64_t got = reply->stat->daemon->nwaiting;

		wire_done(reply);
		if (got == n)
			return;
		ck_assert_msg(i < WIRE_TIMEOUT_MSEC / 5, "wanted %llu to wait, got %llu",
			      (unsigned long long)n, (unsigned long long)got);
		wire_sleep_msec(5);
	}
}

static void assert_silent(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	ck_assert_int_eq(poll(&p, 1, 20), 0);
}

static uint64_t assert_alloc(int fd, uint64_t id)
{
	Reply *reply = wire_reply(fd);
	uint64_t addr;

	ck_assert_ptr_nonnull(reply);
	ck_assert_msg(!reply->status, "%s", reply->message);
	ck_assert_uint_eq(reply->id, id);
	addr = reply->alloc->addr[0];
	wire_done(reply);
	return addr;
}

static void assert_refused(int fd, uint64_t id, unsigned status)
{
	Reply *reply = wire_reply(fd);

	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq(reply->id, id);
	ck_assert_uint_eq((unsigned)reply->status, status);
	wire_done(reply);
}

/* Cut anywhere; what is before it is answered at once, what is behind it when it has been. */
START_TEST(served_when_there_is_space)
{
	static uint8_t buf[3 * 256];
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	uint64_t addr, got;
	size_t n, front;
	int holder, fd;

	holder = start_full(&addr);
	fd = wire_open(f.path);
	front = n = wire_pack(&REQUEST(1, STAT, stat, &m), buf);
	n += pack_wait(2, 10, LONG_MSEC, buf + n);
	n += wire_pack(&REQUEST(3, STAT, stat, &m), buf + n);
	for (size_t cut = 0; cut < n; cut++) {
		wire_send(fd, buf, cut);
		if (cut < front)
			wire_sleep_msec(2);
		wire_send(fd, buf + cut, n - cut);
		wire_done(wire_reply(fd));
		await_waiting(holder, 1);
		assert_silent(fd);
		ck_assert_uint_eq(wire_free(holder, addr + 100 * 4096, 10), PALLOCD_OK);
		got = assert_alloc(fd, 2);
		ck_assert_uint_eq(got, addr + 100 * 4096);
		wire_done(wire_reply(fd));
		/* Back to whom it came from. */
		ck_assert_uint_eq(wire_free(fd, got, 10), PALLOCD_OK);
		ck_assert_uint_eq(wire_alloc(holder, 10, 0, &got), PALLOCD_OK);
	}
	await_waiting(holder, 0);
	close(fd);
	close(holder);
	stop();
}
END_TEST

START_TEST(first_come_first_served)
{
	enum { NCONNS = 20 };
	uint64_t addr;
	int holder, fd[NCONNS];

	holder = start_full(&addr);
	for (int i = 0; i < NCONNS; i++) {
		fd[i] = wire_open(f.path);
		send_wait(fd[i], 7, 1, LONG_MSEC);
		await_waiting(holder, (uint64_t)i + 1);
	}
	/* One at a time, then all of them in one turn; the last has gone meanwhile. */
	for (int i = 0; i < NCONNS / 2; i++) {
		ck_assert_uint_eq(wire_free(holder, addr + (uint64_t)i * 4096, 1), PALLOCD_OK);
		ck_assert_uint_eq(assert_alloc(fd[i], 7), addr + (uint64_t)i * 4096);
		assert_silent(fd[i + 1]);
	}
	close(fd[NCONNS - 1]);
	close(holder);
	for (int i = NCONNS / 2; i < NCONNS - 1; i++)
		assert_alloc(fd[i], 7);
	wire_await_sessions(fd[0], NCONNS - 1, NCONNS - 1);
	for (int i = 0; i < NCONNS - 1; i++)
		close(fd[i]);
	stop();
}
END_TEST

START_TEST(the_deadline_passes)
{
	uint64_t addr;
	int holder, fd;

	holder = start_full(&addr);
	fd = wire_open(f.path);
	for (uint64_t msec = 1; msec < 200; msec *= 3) {
		send_wait(fd, msec, 1, msec);
		send_wait(fd, 5000, 2, 0);
		assert_refused(fd, msec, PALLOCD_NO_SPACE);
		assert_refused(fd, 5000, PALLOCD_NO_SPACE);
	}
	await_waiting(holder, 0);
	close(fd);
	close(holder);
	stop();
}
END_TEST

/* Who has shut down its own side will not give back what it would get, and counts as gone. */
START_TEST(a_waiting_client_goes_away)
{
	uint64_t addr;
	int holder, fd;

	holder = start_full(&addr);
	for (int i = 0; i < 10; i++) {
		fd = wire_open(f.path);
		send_wait(fd, 7, 1, LONG_MSEC);
		send_wait(fd, 8, 1, LONG_MSEC);
		await_waiting(holder, 1);
		if (i % 2) {
			ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
			wire_assert_end(fd);
		}
		close(fd);
		wire_await_sessions(holder, 1, 1);
		await_waiting(holder, 0);
	}
	close(holder);
	stop();
}
END_TEST

static uint64_t session_of(int fd)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;
	uint64_t id;
	Reply *reply;

	m.version = 1;
	reply = wire_call(fd, &REQUEST(1, HELLO, hello, &m));
	ck_assert_msg(!reply->status, "%s", reply->message);
	id = reply->hello->session;
	wire_done(reply);
	return id;
}

static void session_kill(int fd, uint64_t id)
{
	Pallocd__V1__EndSession m = PALLOCD__V1__END_SESSION__INIT;
	Reply *reply;

	m.session = id;
	reply = wire_call(fd, &REQUEST(9, END_SESSION, end_session, &m));
	ck_assert_msg(!reply->status, "%s", reply->message);
	wire_done(reply);
}

static void act_reading(int fd)
{
	wire_done(wire_stat(fd));
}

static void act_in_a_frame(int fd)
{
	static const uint8_t half[] = {200, 0, 0, 0, 0x08, 1, 2, 3};

	wire_send(fd, half, sizeof(half));
}

static void act_waiting(int fd)
{
	send_wait(fd, 7, 1, LONG_MSEC);
	send_wait(fd, 8, 1, LONG_MSEC);
}

static void act_blocked(int fd)
{
	static uint8_t buf[WIRE_FRAME_BYTES];
	Pallocd__V1__Map m = PALLOCD__V1__MAP__INIT;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	size_t n;

	m.region_id = 1;
	m.ncells = NPAGES;
	n = wire_pack(&REQUEST(5, MAP, map, &m), buf);
	set_nonblocking(fd);
	while (poll(&p, 1, 100) == 1)
		if (send(fd, buf, n, MSG_NOSIGNAL) != (ssize_t)n)
			break;
	fcntl(fd, F_SETFL, 0);
}

START_TEST(killed_whatever_it_does)
{
	static const struct {
		const char *name;
		void (*act)(int fd);
		bool told;
	} rows[] = {
		{"reading", act_reading, true},
		{"in a frame", act_in_a_frame, true},
		{"waiting", act_waiting, true},
		{"blocked", act_blocked, false},
	};
	uint64_t addr, id;
	int holder, fd;

	holder = start_full(&addr);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fd = wire_connect(f.path);
		id = session_of(fd);
		rows[i].act(fd);
		wire_sleep_msec(10);
		session_kill(holder, id);
		wire_await_sessions(holder, 1, 1);
		await_waiting(holder, 0);
		if (rows[i].told) {
			assert_refused(fd, 0, PALLOCD_SESSION_ENDED);
			wire_assert_end(fd);
		}
		close(fd);
	}
	close(holder);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("waits");
	TCase *tc = tcase_create("waits");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, served_when_there_is_space);
	tcase_add_test(tc, first_come_first_served);
	tcase_add_test(tc, the_deadline_passes);
	tcase_add_test(tc, a_waiting_client_goes_away);
	tcase_add_test(tc, killed_whatever_it_does);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
