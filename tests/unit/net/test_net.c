/*
 * test_net - a daemon in a child process, spoken to byte by byte
 *
 * Role:       unit tests of net/: batches, cut frames, slow readers, limits, want of descriptors and memory.
 * Uses:       net/, tests/unit/wire.h, check
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "net/net.h"
#include "tests/unit/wire.h"

#define BASE UINT64_C(0x100000)

static struct {
	char dir[32];
	char path[64];
	pid_t pid;
	/* How the child shall be. */
	uint32_t connections_max;
	long mem_fail_after; /* -1: never */
	rlim_t nofile;       /* 0: as it is */
} f;

static void setup(void)
{
	memset(&f, 0, sizeof(f));
	snprintf(f.dir, sizeof(f.dir), "/tmp/pallocd-net-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f.dir));
	snprintf(f.path, sizeof(f.path), "%s/sock", f.dir);
	f.connections_max = 1000;
	f.mem_fail_after = -1;
}

static int serve(void)
{
	struct region_config config = {"r", BASE, 4096, 1 << 30, 1 << 30, 0};
	struct net_config nc = {.path = f.path, .mode = 0600, .inherited_fd = -1};
	struct regions regions;
	struct rpc rpc;
	struct net net;

	log_open(LOG_LEVEL_ERROR);
	nc.connections_max = f.connections_max;
	regions_init(&regions, geteuid());
	if (regions_add(&regions, &config) || rpc_init(&rpc, &regions, "test") ||
	    net_open(&net, &nc, &rpc))
		return 1;
	if (f.nofile)
		setrlimit(RLIMIT_NOFILE, &(struct rlimit){f.nofile, f.nofile});
	mem_fail_after(f.mem_fail_after);
	if (net_run(&net))
		return 2;
	rpc_deinit(&rpc);
	regions_deinit(&regions);
	return 0;
}

static void start(void)
{
	fflush(NULL);
	f.pid = fork();
	ck_assert_int_ge(f.pid, 0);
	if (f.pid == 0)
		exit(serve());
}

static void stop(void)
{
	int status;

	ck_assert_int_eq(kill(f.pid, SIGTERM), 0);
	ck_assert_int_eq(waitpid(f.pid, &status, 0), f.pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the daemon ended with %#x",
		      (unsigned)status);
	ck_assert_msg(access(f.path, F_OK) < 0, "the socket is still there");
	ck_assert_msg(rmdir(f.dir) == 0, "something is left beside the socket");
}

static uint64_t rss_kib(void)
{
	char path[64], line[256];
	unsigned long long kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)f.pid);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "VmRSS: %llu", &kib) == 1)
			break;
	}
	fclose(file);
	return kib;
}

static void set_nonblocking(int fd)
{
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

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
	int fd[64], n = 0, again;
	uint64_t addr;
	double before;

	f.nofile = 30;
	start();
	fd[n++] = wire_open(f.path);
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

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, one_byte_at_a_time);
	tcase_add_test(tc, cut_anywhere);
	tcase_add_test(tc, long_frames_in_pieces);
	tcase_add_test(tc, a_pipeline_is_one_batch);
	tcase_add_test(tc, a_slow_reader_hurts_itself_only);
	tcase_add_test(tc, a_long_backlog_is_served);
	tcase_add_test(tc, a_half_closed_connection_gets_its_replies);
	tcase_add_test(tc, a_session_ends_with_its_connection);
	tcase_add_test(tc, a_bad_frame_is_answered_and_closed);
	tcase_add_test(tc, connections_have_a_limit);
	tcase_add_test(tc, descriptors_may_run_out);
	tcase_add_loop_test(tc, without_memory_the_daemon_stays, 0, 12);
	tcase_add_test(tc, stopping_closes_everything);
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
