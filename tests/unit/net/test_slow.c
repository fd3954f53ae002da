/*
 * test_slow - clients that do not do their part in time, or let too much wait
 *
 * Role:       unit tests of net/: who is cut off, what it is told, and that nobody else notices.
 * Uses:       tests/unit/net/fixture.h
 */
#include "fixture.h"

#define TIMEOUT_MSEC 300

struct totals {
	uint64_t cut_off, queued_bytes;
};

static struct totals totals(int fd)
{
	Reply *reply = wire_stat(fd);
	struct totals t = {
		.cut_off = reply->stat->daemon->cut_off_total,
		.queued_bytes = reply->stat->daemon->queued_bytes,
	};

	wire_done(reply);
	return t;
}

static void assert_told(int fd, unsigned status, const char *field, const char *word)
{
	Reply *reply = wire_reply(fd);

	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq((unsigned)reply->status, status);
	ck_assert_uint_eq(reply->id, 0);
	ck_assert_msg(strstr(reply->message, word), "no '%s' in: %s", word, reply->message);
	if (*field)
		ck_assert_str_eq(reply->refusal->field, field);
	wire_done(reply);
	wire_assert_end(fd);
	close(fd);
}

/* Others are served until @fd has something to read. */
static void serve_others_until(int fd, int other)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t addr;

	while (poll(&p, 1, 5) == 0) {
		ck_assert_uint_eq(wire_alloc(other, 1, 0, &addr), PALLOCD_OK);
		ck_assert_uint_eq(wire_free(other, addr, 1), PALLOCD_OK);
	}
}

START_TEST(hello_must_come_in_time)
{
	int fd, other;

	f.hello_timeout_msec = TIMEOUT_MSEC;
	start();
	other = wire_open(f.path);
	for (int i = 0; i < 2; i++) {
		fd = wire_connect(f.path);
		serve_others_until(fd, other);
		assert_told(fd, PALLOCD_TOO_SLOW, "", "Hello");
		ck_assert_uint_eq(totals(other).cut_off, (uint64_t)i + 1);
	}
	/* Who has said it once may say nothing for ever. */
	wire_sleep_msec(2 * TIMEOUT_MSEC);
	wire_await_sessions(other, 1, 0);
	close(other);
	stop();
}
END_TEST

/* More than are cut off in one turn. */
START_TEST(many_are_too_slow_at_once)
{
	enum { NCONNS = 300 };
	int fd[NCONNS], other;

	f.hello_timeout_msec = TIMEOUT_MSEC;
	start();
	other = wire_open(f.path);
	for (int i = 0; i < NCONNS; i++)
		fd[i] = wire_connect(f.path);
	serve_others_until(fd[NCONNS - 1], other);
	for (int i = 0; i < NCONNS; i++)
		assert_told(fd[i], PALLOCD_TOO_SLOW, "", "Hello");
	ck_assert_uint_eq(totals(other).cut_off, NCONNS);
	close(other);
	stop();
}
END_TEST

/* A frame must come as a whole: to send a byte now and then does not help. */
START_TEST(a_frame_must_be_completed_in_time)
{
	static const uint8_t head[PALLOCD_FRAME_HEADER_BYTES] = {200};
	static const size_t sent[] = {1, 3, 4, 10};
	int fd, other;

	f.frame_timeout_msec = TIMEOUT_MSEC;
	start();
	other = wire_open(f.path);
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		struct pollfd p = {.events = POLLIN};

		fd = p.fd = wire_open(f.path);
		for (size_t at = 0; poll(&p, 1, 20) == 0; at++) {
			ck_assert_uint_lt(at, sizeof(head) + head[0]);
			if (at < sent[i])
				(void)!send(fd, at < sizeof(head) ? head + at : head + 1, 1,
					    MSG_NOSIGNAL);
		}
		assert_told(fd, PALLOCD_TOO_SLOW, "", "frame");
		ck_assert_uint_eq(totals(other).cut_off, i + 1);
	}
	ck_assert_uint_eq(totals(other).queued_bytes, 0);
	close(other);
	stop();
}
END_TEST

/* There is always half a frame there, but never the same one for long. */
START_TEST(each_frame_has_its_own_time)
{
	static uint8_t buf[WIRE_FRAME_BYTES];
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	size_t n;
	int fd;

	f.frame_timeout_msec = 4 * TIMEOUT_MSEC;
	start();
	fd = wire_open(f.path);
	n = wire_pack(&REQUEST(4, STAT, stat, &m), buf);
	for (size_t cut = 1; cut < n; cut++) {
		wire_send(fd, buf, cut);
		wire_sleep_msec(TIMEOUT_MSEC);
		wire_send(fd, buf + cut, n - cut);
		/* The next one begins with the end of this one. */
		wire_done(wire_reply(fd));
	}
	ck_assert_uint_eq(totals(fd).cut_off, 0);
	close(fd);
	stop();
}
END_TEST

/* Extents enough for the longest List reply: some 10 KiB. */
static void extents_make(int fd)
{
	uint64_t addr;

	for (unsigned i = 0; i < PALLOCD_LIST_EXTENTS_MAX; i++)
		ck_assert_uint_eq(wire_alloc(fd, 1, 0, &addr), PALLOCD_OK);
}

/* Sends short requests with long replies until nothing more goes in. */
static void stuff(int fd)
{
	static uint8_t buf[1 << 14];
	Pallocd__V1__List m = PALLOCD__V1__LIST__INIT;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	size_t n = 0, at = 0;

	m.region_id = 1;
	while (n + 100 < sizeof(buf))
		n += wire_pack(&REQUEST(5, LIST, list, &m), buf + n);
	set_nonblocking(fd);
	while (poll(&p, 1, 50) == 1) {
		ssize_t sent = send(fd, buf + at, n - at, MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN)
			return;
		at = (at + (sent > 0 ? (size_t)sent : 0)) % n;
	}
}

START_TEST(replies_must_be_taken_in_time)
{
	static uint8_t some[4096];
	int fd, other;

	f.send_timeout_msec = 3 * TIMEOUT_MSEC;
	start();
	other = wire_open(f.path);
	extents_make(other);
	fd = wire_open(f.path);
	stuff(fd);
	ck_assert_uint_gt(totals(other).queued_bytes, 0);
	/* Slow, but not as slow as that: the kernel has the daemon write only when most of the socket's buffer is empty. */
	fcntl(fd, F_SETFL, 0);
	for (int i = 0; i < 6; i++) {
		for (int k = 0; k < 64; k++)
			ck_assert_int_gt(recv(fd, some, sizeof(some), 0), 0);
		wire_sleep_msec(TIMEOUT_MSEC);
		ck_assert_uint_eq(totals(other).cut_off, 0);
	}
	while (!totals(other).cut_off)
		wire_sleep_msec(10);
	wire_await_sessions(other, 1, PALLOCD_LIST_EXTENTS_MAX);
	ck_assert_uint_eq(totals(other).queued_bytes, 0);
	/* What was written is there still. */
	while (recv(fd, some, sizeof(some), 0) > 0)
		;
	close(fd);
	close(other);
	stop();
}
END_TEST

/* Counted to the byte: beginnings of frames take what the whole will. */
START_TEST(queued_bytes_are_counted_and_limited)
{
	enum { NFRAMES = 3, NBYTES = 60000, FRAME = PALLOCD_FRAME_HEADER_BYTES + NBYTES };
	static const uint8_t head[] = {NBYTES & 0xff, NBYTES >> 8, 0, 0, 1};
	int fd[NFRAMES], other, one_more;

	f.limits.queued_bytes = NFRAMES * FRAME;
	start();
	other = wire_open(f.path);
	for (int i = 0; i < NFRAMES; i++) {
		fd[i] = wire_open(f.path);
		wire_send(fd[i], head, sizeof(head));
		while (totals(other).queued_bytes != (uint64_t)(i + 1) * FRAME)
			wire_sleep_msec(1);
	}
	one_more = wire_open(f.path);
	wire_send(one_more, head, sizeof(head));
	assert_told(one_more, PALLOCD_QUOTA, "user_queued_bytes", "");
	ck_assert_uint_eq(totals(other).queued_bytes, NFRAMES * FRAME);
	ck_assert_uint_eq(totals(other).cut_off, 1);
	/* Less than a length field takes nothing. */
	one_more = wire_open(f.path);
	wire_send(one_more, head, 3);
	wire_done(wire_stat(other));
	close(fd[0]);
	while (totals(other).queued_bytes != (NFRAMES - 1) * FRAME)
		wire_sleep_msec(1);
	wire_send(one_more, head + 3, 1);
	while (totals(other).queued_bytes != NFRAMES * FRAME)
		wire_sleep_msec(1);
	close(one_more);
	close(fd[1]);
	close(fd[2]);
	wire_await_sessions(other, 1, 0);
	ck_assert_uint_eq(totals(other).queued_bytes, 0);
	close(other);
	stop();
}
END_TEST

/* A user with many connections that read nothing takes what the formula says, and is the only one to notice. */
START_TEST(memory_is_bounded)
{
	enum { NCONNS = 60 };
	/* Even where each has but the one reply that its socket does not take, that is more. */
	const uint64_t limit = NCONNS / 30 * (uint64_t)NET_CONN_QUEUED_BYTES;
	uint64_t before, most = 0, bound = net_memory_max(NCONNS + 1, 1, limit);
	int fd[NCONNS], other;

	ck_assert_uint_eq(bound,
			  NET_IN_BYTES + NET_OUT_BYTES + (NCONNS + 1) * NET_CONN_BYTES + limit);
	ck_assert_uint_eq(net_memory_max(NCONNS, 1, 0),
			  NET_IN_BYTES + NET_OUT_BYTES +
				  NCONNS * (uint64_t)(NET_CONN_BYTES + NET_CONN_QUEUED_BYTES));
	f.limits.queued_bytes = limit;
	/* However slow the machine is: nobody is to be cut off for being slow. */
	f.send_timeout_msec = f.frame_timeout_msec = 600000;
	start();
	other = wire_open(f.path);
	extents_make(other);
	before = rss_kib();
	for (int i = 0; i < NCONNS; i++)
		fd[i] = wire_open(f.path);
	/* Until it comes to that: the next one to be kept would not have fitted. */
	for (int i = 0; !totals(other).cut_off; i = (i + 1) % NCONNS) {
		uint64_t queued;

		stuff(fd[i]);
		queued = totals(other).queued_bytes;
		ck_assert_uint_le(queued, limit);
		most = queued > most ? queued : most;
	}
	ck_assert_uint_gt(most, limit - NET_CONN_QUEUED_BYTES);
	/* The heap rounds up, and does not give back everything at once. */
	ck_assert_uint_le(rss_kib() - before, (bound >> 10) + (4 << 10));
	for (int i = 0; i < NCONNS; i++)
		close(fd[i]);
	wire_await_sessions(other, 1, PALLOCD_LIST_EXTENTS_MAX);
	ck_assert_uint_eq(totals(other).queued_bytes, 0);
	close(other);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slow");
	TCase *tc = tcase_create("slow");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, hello_must_come_in_time);
	tcase_add_test(tc, many_are_too_slow_at_once);
	tcase_add_test(tc, a_frame_must_be_completed_in_time);
	tcase_add_test(tc, each_frame_has_its_own_time);
	tcase_add_test(tc, replies_must_be_taken_in_time);
	tcase_add_test(tc, queued_bytes_are_counted_and_limited);
	tcase_add_test(tc, memory_is_bounded);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
