/*
 * test_share - users share the turns of the loop
 *
 * Role:       unit tests of net/: how much of one user's is served before another one's, counted in requests and not in time. The
 *             daemon is stopped while both ask, so that it finds everything at once.
 * Uses:       tests/unit/net/fixture.h; root, to be several users
 */
#include "fixture.h"

#include <grp.h>
#include <sys/stat.h>

#define OTHER_UID 12345
#define NCONNS 100
#define NREQUESTS       \
	(FAIR_QUANTUM + \
	 20) /* of each connection: more than is served at once when others want turns */

static bool may_be_others(void)
{
	if (geteuid() == 0)
		return true;
	printf("skipped: to be several users needs root\n");
	return false;
}

static void start_for_all(void)
{
	ck_assert_int_eq(chmod(f.dir, 0755), 0);
	f.mode = 0666;
	start();
}

/* Another user's process that does what it is told, and says when it has: 'o' one request, 's' send many, 'd' read their replies. */
struct crowd {
	pid_t pid;
	int fd;
};

static void stuff(const int *conns)
{
	static uint8_t buf[NREQUESTS * 64];
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	size_t n = 0;

	for (uint64_t id = 1; id <= NREQUESTS; id++)
		n += wire_pack(&REQUEST(id, STAT, stat, &m), buf + n);
	for (int i = 0; i < NCONNS; i++)
		wire_send(conns[i], buf, n);
}

static void drain(const int *conns)
{
	for (int i = 0; i < NCONNS; i++) {
		for (uint64_t id = 1; id <= NREQUESTS; id++) {
			Reply *reply = wire_reply(conns[i]);

			WIRE_MUST(reply && reply->id == id && !reply->status, "not the reply");
			wire_done(reply);
		}
	}
}

static void crowd_serve(int fd)
{
	int conns[NCONNS];
	char c;

	WIRE_MUST(!setgroups(0, NULL) && !setgid(OTHER_UID) && !setuid(OTHER_UID), "setuid: %s",
		  strerror(errno));
	for (int i = 0; i < NCONNS; i++)
		conns[i] = wire_open(f.path);
	do {
		wire_send(fd, "", 1);
		if (recv(fd, &c, 1, 0) <= 0)
			_exit(0);
		switch (c) {
		case 'o':
			wire_done(wire_stat(conns[0]));
			break;
		case 's':
			stuff(conns);
			break;
		case 'd':
			drain(conns);
			break;
		}
	} while (true);
}

static struct crowd crowd_start(void)
{
	struct crowd crowd;
	int fds[2];
	char c;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fflush(NULL);
	crowd.pid = fork();
	ck_assert_int_ge(crowd.pid, 0);
	if (crowd.pid == 0) {
		close(fds[0]);
		crowd_serve(fds[1]);
	}
	close(fds[1]);
	crowd.fd = fds[0];
	ck_assert(wire_read(crowd.fd, &c, 1));
	return crowd;
}

static void crowd_do(struct crowd *crowd, char what)
{
	char c;

	wire_send(crowd->fd, &what, 1);
	ck_assert_msg(wire_read(crowd->fd, &c, 1), "the other users' process has ended");
}

static void crowd_end(struct crowd *crowd)
{
	int status;

	close(crowd->fd);
	ck_assert_int_eq(waitpid(crowd->pid, &status, 0), crowd->pid);
	ck_assert_int_eq(status, 0);
}

static void counters(int fd, uint64_t *ret_requests, uint64_t *ret_batches)
{
	Reply *reply = wire_stat(fd);

	*ret_requests = reply->stat->daemon->requests_total;
	*ret_batches = reply->stat->daemon->batches_total;
	wire_done(reply);
}

/* Eight thousand requests of a crowd come first; the one of another user is served after a quantum or two of them. */
START_TEST(a_crowd_does_not_keep_another_user_waiting)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	struct crowd crowd;
	int fd;

	if (!may_be_others())
		return;
	start_for_all();
	crowd = crowd_start();
	fd = wire_open(f.path);
	for (int round = 0; round < 20; round++) {
		uint64_t before, after, nbatches;
		Reply *reply;

		counters(fd, &before, &nbatches);
		ck_assert_int_eq(kill(f.pid, SIGSTOP), 0);
		crowd_do(&crowd, 's');
		wire_request(fd, &REQUEST(4, STAT, stat, &m));
		ck_assert_int_eq(kill(f.pid, SIGCONT), 0);
		reply = wire_reply(fd);
		after = reply->stat->daemon->requests_total;
		wire_done(reply);
		ck_assert_msg(after - before <= 4 * FAIR_QUANTUM, "%llu requests came before",
			      (unsigned long long)(after - before - 1));
		crowd_do(&crowd, 'd');
		/* Nothing of the crowd's was lost either. */
		counters(fd, &after, &nbatches);
		ck_assert_uint_eq(after - before, NCONNS * NREQUESTS + 2);
	}
	crowd_end(&crowd);
	wire_await_sessions(fd, 1, 0);
	close(fd);
	stop();
}
END_TEST

/* Alone, a user's batches are served as they come. */
START_TEST(alone_nobody_is_held_back)
{
	uint64_t before, after, nrequests;
	struct crowd crowd;
	int fd;

	if (!may_be_others())
		return;
	start_for_all();
	crowd = crowd_start();
	fd = wire_open(f.path);
	counters(fd, &nrequests, &before);
	/* Until nobody remembers this one; the next turn is the first that may. */
	wire_sleep_msec(FAIR_ACTIVE_MSEC + 100);
	crowd_do(&crowd, 'o');
	ck_assert_int_eq(kill(f.pid, SIGSTOP), 0);
	crowd_do(&crowd, 's');
	ck_assert_int_eq(kill(f.pid, SIGCONT), 0);
	crowd_do(&crowd, 'd');
	counters(fd, &nrequests, &after);
	ck_assert_uint_eq(after - before, 1 + NCONNS + 1);
	crowd_end(&crowd);
	close(fd);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("share");
	TCase *tc = tcase_create("share");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_crowd_does_not_keep_another_user_waiting);
	tcase_add_test(tc, alone_nobody_is_held_back);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
