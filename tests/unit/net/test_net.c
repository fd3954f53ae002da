/*
 * test_net - a daemon in a child process, spoken to byte by byte
 *
 * Role:       unit tests of net/: batches, cut frames, ends of connections.
 * Uses:       net/, check
 */
#include "fixture.h"

/* Another connection is served between the bytes, so that nothing may lie in the loop's buffer from one to the next. */
START_TEST(one_byte_at_a_time)
{
	static uint8_t buf[WIRE_FRAME_BYTES];
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	Reply *reply;
	int fd, other;
	size_t n;

	start();
	fd = wire_open(f.path);
	other = wire_open(f.path);
	n = wire_pack(&REQUEST(77, STAT, stat, &m), buf);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < n; i++) {
			wire_send(fd, buf + i, 1);
			wire_done(wire_stat(other));
		}
		reply = wire_reply(fd);
		ck_assert_uint_eq(reply->id, 77);
		wire_done(reply);
	}
	close(other);
	close(fd);
	stop();
}
END_TEST

/* Two requests in one stream, cut once at every point, a pause between both parts. */
START_TEST(cut_anywhere)
{
	static uint8_t buf[2 * WIRE_FRAME_BYTES];
	Pallocd__V1__RegionInfo m = PALLOCD__V1__REGION_INFO__INIT;
	size_t n;
	int fd;

	start();
	fd = wire_open(f.path);
	m.region = (char *)"r";
	n = wire_pack(&REQUEST(1, REGION_INFO, region_info, &m), buf);
	n += wire_pack(&REQUEST(2, REGION_INFO, region_info, &m), buf + n);
	for (size_t cut = 1; cut < n; cut++) {
		wire_send(fd, buf, cut);
		wire_sleep_msec(2);
		wire_send(fd, buf + cut, n - cut);
		for (uint64_t id = 1; id <= 2; id++) {
			Reply *reply = wire_reply(fd);

			ck_assert_uint_eq(reply->id, id);
			ck_assert_uint_eq((unsigned)reply->status, PALLOCD_OK);
			wire_done(reply);
		}
	}
	close(fd);
	stop();
}
END_TEST

/* A frame of the greatest length, in pieces of many sizes, with another behind it in the last piece. */
START_TEST(long_frames_in_pieces)
{
	static uint8_t buf[2 * WIRE_FRAME_BYTES];
	static uint64_t npages[PALLOCD_FRAME_BYTES_MAX];
	static const size_t pieces[] = {1, 3, 4, 5, 100, 4096, 65539};
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__Stat s = PALLOCD__V1__STAT__INIT;
	size_t n;
	int fd;

	start();
	fd = wire_open(f.path);
	m.region_id = 1;
	m.npages = npages;
	m.n_npages = PALLOCD_FRAME_BYTES_MAX - 20;
	n = wire_pack(&REQUEST(1, ALLOC, alloc, &m), buf);
	ck_assert_uint_gt(n, PALLOCD_FRAME_BYTES_MAX - 20);
	n += wire_pack(&REQUEST(2, STAT, stat, &s), buf + n);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		Reply *reply;

		wire_send(fd, buf, pieces[i]);
		wire_sleep_msec(5);
		wire_send(fd, buf + pieces[i], n - pieces[i]);
		reply = wire_reply(fd);
		ck_assert_uint_eq((unsigned)reply->status, PALLOCD_LIMIT);
		wire_done(reply);
		reply = wire_reply(fd);
		ck_assert_uint_eq(reply->id, 2);
		wire_done(reply);
	}
	close(fd);
	stop();
}
END_TEST

START_TEST(a_pipeline_is_one_batch)
{
	static uint8_t buf[1 << 16];
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	uint64_t batches, sent, requests;
	Reply *reply;
	size_t n = 0;
	int fd;

	start();
	fd = wire_open(f.path);
	reply = wire_stat(fd);
	batches = reply->stat->daemon->batches_total;
	requests = reply->stat->daemon->requests_total;
	wire_done(reply);
	for (uint64_t id = 100; id < 1100; id++)
		n += wire_pack(&REQUEST(id, STAT, stat, &m), buf + n);
	ck_assert_int_eq(send(fd, buf, n, MSG_NOSIGNAL), (ssize_t)n);
	for (uint64_t id = 100; id < 1100; id++) {
		reply = wire_reply(fd);
		ck_assert_uint_eq(reply->id, id);
		ck_assert_uint_eq(reply->stat->daemon->batches_total, batches + 1);
		ck_assert_uint_eq(reply->stat->daemon->requests_total, requests + 1 + id - 100);
		/* Nothing of the batch was written before all of it was served. */
		if (id == 100)
			sent = reply->stat->daemon->sent_bytes_total;
		ck_assert_uint_eq(reply->stat->daemon->sent_bytes_total, sent);
		wire_done(reply);
	}
	close(fd);
	stop();
}
END_TEST

START_TEST(a_half_closed_connection_gets_its_replies)
{
	static uint8_t buf[WIRE_FRAME_BYTES];
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	size_t n;
	int fd;

	start();
	fd = wire_open(f.path);
	n = wire_pack(&REQUEST(5, STAT, stat, &m), buf);
	for (int i = 0; i < 100; i++)
		wire_send(fd, buf, n);
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 100; i++) {
		Reply *reply = wire_reply(fd);

		ck_assert_ptr_nonnull(reply);
		wire_done(reply);
	}
	wire_assert_end(fd);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_session_ends_with_its_connection)
{
	static const uint8_t half[] = {20, 0, 0, 0, 0x08}, quarter[] = {20, 0};
	uint64_t addr;
	int fd, other;

	start();
	other = wire_open(f.path);
	for (int i = 0; i < 3; i++) {
		fd = wire_open(f.path);
		for (int k = 0; k < 100; k++)
			ck_assert_uint_eq(wire_alloc(fd, 3, 0, &addr), PALLOCD_OK);
		ck_assert_uint_eq(wire_alloc(fd, 3, 1, &addr), PALLOCD_OK);
		wire_await_sessions(other, 2, 101);
		/* At a frame's end, in a message, in a length field. */
		if (i)
			wire_send(fd, i == 1 ? half : quarter,
				  i == 1 ? sizeof(half) : sizeof(quarter));
		close(fd);
		wire_await_sessions(other, 1, 1);
		ck_assert_uint_eq(wire_free(other, addr, 3), PALLOCD_OK);
	}
	close(other);
	stop();
}
END_TEST

/* The kernel calls that an error on the other side, but what was sent before has arrived all the same. */
START_TEST(what_is_sent_before_closing_with_unread_replies_is_served)
{
	static uint8_t buf[WIRE_FRAME_BYTES];
	Pallocd__V1__Free m = PALLOCD__V1__FREE__INIT;
	Pallocd__V1__Stat stat = PALLOCD__V1__STAT__INIT;
	uint64_t addr, npages = 3;
	int fd, other;

	start();
	other = wire_open(f.path);
	fd = wire_open(f.path);
	ck_assert_uint_eq(wire_alloc(fd, npages, 1, &addr), PALLOCD_OK);
	wire_request(fd, &REQUEST(5, STAT, stat, &stat));
	ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, WIRE_TIMEOUT_MSEC),
			 1);
	m.region_id = 1;
	m.addr = &addr;
	m.npages = &npages;
	m.n_addr = m.n_npages = 1;
	/* So that it meets all of it at once. */
	ck_assert_int_eq(kill(f.pid, SIGSTOP), 0);
	wire_send(fd, buf, wire_pack(&REQUEST(6, FREE, free, &m), buf));
	close(fd);
	ck_assert_int_eq(kill(f.pid, SIGCONT), 0);
	wire_await_sessions(other, 1, 0);
	close(other);
	stop();
}
END_TEST

START_TEST(a_bad_frame_is_answered_and_closed)
{
	static const uint8_t bad[] = {1, 0, 0, 0, 0x07}, empty[] = {0, 0, 0, 0};
	Reply *reply;
	int fd, other;

	start();
	other = wire_open(f.path);
	for (int i = 0; i < 2; i++) {
		fd = wire_open(f.path);
		wire_send(fd, i ? bad : empty, i ? sizeof(bad) : sizeof(empty));
		reply = wire_reply(fd);
		ck_assert_ptr_nonnull(reply);
		ck_assert_uint_eq((unsigned)reply->status,
				  i ? PALLOCD_MALFORMED : PALLOCD_FRAME_TOO_LONG);
		wire_done(reply);
		wire_assert_end(fd);
		close(fd);
	}
	wire_await_sessions(other, 1, 0);
	close(other);
	stop();
}
END_TEST

START_TEST(stopping_closes_everything)
{
	int fd[10];
	uint64_t addr;

	start();
	for (int i = 0; i < 10; i++) {
		fd[i] = wire_open(f.path);
		ck_assert_uint_eq(wire_alloc(fd[i], 5, 0, &addr), PALLOCD_OK);
	}
	stop();
	for (int i = 0; i < 10; i++) {
		wire_assert_end(fd[i]);
		close(fd[i]);
	}
}
END_TEST

/* Who has gone before anybody looked is not taken at all; what others have left behind is served. */
START_TEST(connections_that_are_over_are_not_taken)
{
	Reply *reply;
	int other;

	start();
	other = wire_open(f.path);
	ck_assert_int_eq(kill(f.pid, SIGSTOP), 0);
	for (int i = 0; i < 50; i++)
		close(wire_connect(f.path));
	ck_assert_int_eq(kill(f.pid, SIGCONT), 0);
	close(wire_open(f.path));
	reply = wire_stat(other);
	ck_assert_uint_eq(reply->stat->daemon->connections_total, 2);
	wire_done(reply);
	close(other);
	stop();
}
END_TEST

/* A client that has asked before anything runs has its reply once net_welcome() returns. */
static bool welcome(struct net *net)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;
	int fd = wire_try_connect(f.path);
	uint8_t reply[PALLOCD_FRAME_HEADER_BYTES + 1];
	bool answered;

	m.version = 1;
	wire_request(fd, &REQUEST(1, HELLO, hello, &m));
	if (recv(fd, reply, sizeof(reply), MSG_DONTWAIT) >= 0)
		return false;
	net_welcome(net);
	answered = recv(fd, reply, sizeof(reply), MSG_DONTWAIT) == sizeof(reply);
	close(fd);
	return answered;
}

START_TEST(who_waits_is_served_before_the_loop_runs)
{
	f.listening = welcome;
	start();
	close(wire_open(f.path));
	stop();
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, who_waits_is_served_before_the_loop_runs);
	tcase_add_test(tc, one_byte_at_a_time);
	tcase_add_test(tc, cut_anywhere);
	tcase_add_test(tc, long_frames_in_pieces);
	tcase_add_test(tc, a_pipeline_is_one_batch);
	tcase_add_test(tc, a_half_closed_connection_gets_its_replies);
	tcase_add_test(tc, a_session_ends_with_its_connection);
	tcase_add_test(tc, what_is_sent_before_closing_with_unread_replies_is_served);
	tcase_add_test(tc, a_bad_frame_is_answered_and_closed);
	tcase_add_test(tc, stopping_closes_everything);
	tcase_add_test(tc, connections_that_are_over_are_not_taken);
}

int main(void)
{
	Suite *suite = suite_create("net");
	TCase *tc = tcase_create("net");
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
