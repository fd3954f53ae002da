/*
 * test_scarcity - slow readers, limits, want of descriptors and of memory
 *
 * Role:       unit tests of net/: what one client or the host lacks must not reach the others.
 * Uses:       net/, check
 */
#include "fixture.h"

/* Sends until the daemon takes no more; then others are served, memory is bounded, and every reply comes in order. */
START_TEST(a_slow_reader_hurts_itself_only)
{
	static uint8_t buf[WIRE_FRAME_BYTES];
	Pallocd__V1__Map m = PALLOCD__V1__MAP__INIT;
	uint64_t nsent = 0, addr, before;
	struct pollfd p;
	size_t n, part = 0;
	int fd, other;

	start();
	fd = wire_open(f.path);
	other = wire_open(f.path);
	before = rss_kib();
	m.region_id = 1;
	m.ncells = PALLOCD_MAP_CELLS_MAX;
	n = wire_pack(&REQUEST(5, MAP, map, &m), buf);
	set_nonblocking(fd);
	p = (struct pollfd){.fd = fd, .events = POLLOUT};
	while (poll(&p, 1, 300) == 1) {
		ssize_t sent = send(fd, buf + part, n - part, MSG_NOSIGNAL);

		ck_assert(sent > 0 || errno == EAGAIN);
		part += sent > 0 ? (size_t)sent : 0;
		if (part == n) {
			part = 0;
			nsent++;
		}
		ck_assert_uint_lt(nsent, 1000000);
	}
	ck_assert_uint_gt(nsent, 50);
	ck_assert_msg(rss_kib() - before < 4096, "%llu KiB for one slow reader",
		      (unsigned long long)(rss_kib() - before));
	for (int i = 0; i < 100; i++) {
		ck_assert_uint_eq(wire_alloc(other, 1, 0, &addr), PALLOCD_OK);
		ck_assert_uint_eq(wire_free(other, addr, 1), PALLOCD_OK);
	}
	/* Requests are short and replies long: only some are read, then it leaves in the middle. */
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	for (uint64_t i = 0; i < nsent && i < 2000; i++) {
		Reply *reply = wire_reply(fd);

		ck_assert_uint_eq(reply->id, 5);
		ck_assert_uint_eq((unsigned)reply->status, PALLOCD_OK);
		wire_done(reply);
	}
	close(fd);
	wire_await_sessions(other, 1, 0);
	close(other);
	stop();
}
END_TEST

/* More requests than one turn may cost, all written at once: every one is answered, in order. */
START_TEST(a_long_backlog_is_served)
{
	static uint8_t buf[1 << 18];
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	uint64_t id = 0;
	size_t n = 0, at = 0;
	int fd;

	start();
	fd = wire_open(f.path);
	while (n + 100 < sizeof(buf))
		n += wire_pack(&REQUEST(++id, STAT, stat, &m), buf + n);
	set_nonblocking(fd);
	for (uint64_t seen = 0; seen < id;) {
		ssize_t sent = at < n ? send(fd, buf + at, n - at, MSG_NOSIGNAL) : 0;
		struct pollfd p = {.fd = fd, .events = POLLIN};

		at += sent > 0 ? (size_t)sent : 0;
		if (poll(&p, 1, at < n ? 0 : WIRE_TIMEOUT_MSEC) == 1) {
			Reply *reply = wire_reply(fd);

			ck_assert_uint_eq(reply->id, ++seen);
			wire_done(reply);
		}
	}
	close(fd);
	stop();
}
END_TEST

static void assert_overloaded(int fd)
{
	Reply *reply = wire_reply(fd);

	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq((unsigned)reply->status, PALLOCD_OVERLOADED);
	wire_done(reply);
	wire_assert_end(fd);
	close(fd);
}

START_TEST(connections_have_a_limit)
{
	int fd[3], again;

	f.connections_max = 3;
	start();
	for (int i = 0; i < 3; i++)
		fd[i] = wire_open(f.path);
	for (int i = 0; i < 10; i++)
		assert_overloaded(wire_connect(f.path));
	close(fd[0]);
	wire_await_sessions(fd[1], 2, 0);
	again = wire_open(f.path);
	close(again);
	close(fd[1]);
	close(fd[2]);
	stop();
}
END_TEST

static double cpu_seconds(pid_t pid)
{
	char path[64];
	unsigned long user = 0, kernel = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				&user, &kernel),
			 2);
	fclose(file);
	return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

/* Out of descriptors: who comes is told; who is there is served; the daemon does not spin, and recovers by itself. */
START_TEST(descriptors_may_run_out)
{
	const struct rlimit limit = {30, 30};
	int fd[64], n = 0, again;
	uint64_t addr;
	double before;

	start();
	fd[n++] = wire_open(f.path);
	/* From outside, once it serves: valgrind would only pretend to set a limit that the daemon sets for itself. */
	ck_assert_int_eq(prlimit(f.pid, RLIMIT_NOFILE, &limit, NULL), 0);
	for (; n < 64; n++) {
		static uint8_t buf[WIRE_FRAME_BYTES];
		Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;
		Reply *reply;

		fd[n] = wire_connect(f.path);
		m.version = 1;
		/* A refused connection may be closed before Hello is written. */
		(void)!send(fd[n], buf, wire_pack(&REQUEST(1, HELLO, hello, &m), buf),
			    MSG_NOSIGNAL);
		reply = wire_reply(fd[n]);
		ck_assert_ptr_nonnull(reply);
		again = reply->status == PALLOCD__V1__STATUS__OVERLOADED;
		wire_done(reply);
		if (again)
			break;
	}
	ck_assert_int_lt(n, 30);
	ck_assert_int_gt(n, 5);
	close(fd[n]);
	for (int i = 0; i < 20; i++)
		assert_overloaded(wire_connect(f.path));
	before = cpu_seconds(f.pid);
	wire_sleep_msec(500);
	ck_assert_double_lt(cpu_seconds(f.pid) - before, 0.1);
	ck_assert_uint_eq(wire_alloc(fd[0], 1, 0, &addr), PALLOCD_OK);
	close(fd[n - 1]);
	wire_await_sessions(fd[0], (uint64_t)n - 1, 1);
	again = wire_open(f.path);
	close(again);
	for (int i = 0; i < n - 1; i++)
		close(fd[i]);
	stop();
}
END_TEST

/* Memory ends after n takings, for each n: connections are refused or end, requests are refused, the daemon stays. */
START_TEST(without_memory_the_daemon_stays)
{
	static const uint8_t half[] = {200, 0, 0, 0, 0x08, 1, 2, 3};

	f.mem_fail_after = _i;
	start();
	for (int i = 0; i < 2; i++) {
		static uint8_t buf[2 * WIRE_FRAME_BYTES];
		Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;
		Pallocd__V1__Alloc a = PALLOCD__V1__ALLOC__INIT;
		Reply *reply;
		size_t n;
		int fd = wire_connect(f.path);

		m.version = 1;
		a.region_id = 1;
		a.npages = (uint64_t[]){1, 2};
		a.n_npages = 2;
		n = wire_pack(&REQUEST(1, HELLO, hello, &m), buf);
		n += wire_pack(&REQUEST(2, ALLOC, alloc, &a), buf + n);
		memcpy(buf + n, half, sizeof(half));
		(void)!send(fd, buf, n + sizeof(half), MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		while ((reply = wire_reply(fd)) != NULL)
			wire_done(reply);
		close(fd);
	}
	stop();
}
END_TEST

/*
 * A daemon without memory ends who has more waiting than it can keep; the next one must get its own replies, not theirs. The n-th
 * keeping fails: of what a read left over, or of what the turn after it did.
 */
START_TEST(replies_never_reach_another_connection)
{
	enum { NREQUESTS = 9000 };
	static uint8_t buf[NREQUESTS * 20];
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	uint64_t addr, one = 1;
	size_t n = 0;
	int fd, other;

	f.mem_fail_after_signal = _i;
	start();
	other = wire_open(f.path);
	m.region_id = 1;
	m.npages = &one;
	m.n_npages = 1;
	/* Indexes large enough from the beginning, so that it is not they that want memory. */
	for (int i = 0; i < NREQUESTS + 10; i++)
		ck_assert_uint_eq(wire_alloc(other, 1, 0, &addr), PALLOCD_OK);
	ck_assert_uint_eq(wire_free(other, BASE, NREQUESTS + 10), PALLOCD_OK);
	for (int i = 0; i < NREQUESTS; i++)
		n += wire_pack(&REQUEST(666, ALLOC, alloc, &m), buf + n);
	fd = wire_open(f.path);
	ck_assert_uint_eq(wire_alloc(fd, 1, 0, &addr), PALLOCD_OK);
	/* Stopped, so that one read finds everything. */
	ck_assert_int_eq(kill(f.pid, SIGSTOP), 0);
	ck_assert_int_gt(send(fd, buf, n, MSG_NOSIGNAL | MSG_DONTWAIT), NREQUESTS * 10);
	ck_assert_int_eq(kill(f.pid, SIGUSR1), 0);
	ck_assert_int_eq(kill(f.pid, SIGCONT), 0);
	for (int i = 0; i < 100; i++)
		wire_done(wire_stat(other));
	ck_assert_int_eq(kill(f.pid, SIGUSR2), 0);
	close(fd);
	wire_await_sessions(other, 1, 0);
	close(other);
	stop();
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, a_slow_reader_hurts_itself_only);
	tcase_add_test(tc, a_long_backlog_is_served);
	tcase_add_test(tc, connections_have_a_limit);
	tcase_add_test(tc, descriptors_may_run_out);
	tcase_add_loop_test(tc, without_memory_the_daemon_stays, 0, 12);
	tcase_add_loop_test(tc, replies_never_reach_another_connection, 0, 6);
}

int main(void)
{
	Suite *suite = suite_create("scarcity");
	TCase *tc = tcase_create("scarcity");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
