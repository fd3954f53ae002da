/*
 * hostile - a user that means harm, beside one that minds its own business
 *
 * Role:       while processes of one user do all that they can (crew.h), another user's is refused nothing, what waits in the daemon
 *             stays below the limit, and afterwards nothing is left of them. Latencies are printed; bench_hostile is about those.
 * Uses:       tests/e2e/daemon/daemon.h, crew.h, honest.h
 */
#include "tests/e2e/daemon/crew.h"
#include "tests/e2e/daemon/daemon.h"
#include "tests/e2e/daemon/honest.h"
#include "tests/unit/suite.h"

/* Nobody's, as far as that can be known. */
#define UID_DAEMON 60001u
static const struct actor good = {.name = "honest", .uid = 60010, .gid = 60010};
static const struct actor bad = {.name = "hostile", .uid = 60020, .gid = 60020};

/* What the two other users, of a connection each, may add to what the hostile one has queued. */
#define QUEUED_SLACK_BYTES (UINT64_C(4) * WIRE_FRAME_BYTES)

#ifdef PALLOCD_SANITIZED
#define ROUNDS 400u
#else
#define ROUNDS 2000u
#endif
/* By then each kind of harm must have been done: some take a second, on an idle machine. */
#define HARM_MSEC 60000

struct crew {
	atomic_ulong ndone[CREW_NKINDS];
	pid_t pid[CREW_NKINDS];
};

static struct daemon_process d;
static char config_path[80];

static void setup(void)
{
	daemon_place(&d);
	daemon_give(&d, UID_DAEMON);
	snprintf(config_path, sizeof(config_path), "%s/conf", d.dir);
	crew_configure(config_path);
	daemon_exec(&d, (const char *const[]){"--socket", d.path, "--socket-mode", "0666",
					      "--config", config_path, NULL});
	close(wire_connect(d.path));
}

static void teardown(void)
{
	unlink(config_path);
	daemon_stop(&d);
}

static void queued_check(int fd)
{
	Reply *reply = wire_stat(fd);
	uint64_t queued = reply->stat->daemon->queued_bytes;

	ck_assert_msg(queued <= CREW_QUEUED_BYTES + QUEUED_SLACK_BYTES, "%llu bytes are queued",
		      (unsigned long long)queued);
	wire_done(reply);
}

/* Until each kind has done harm. */
static void harm_await(const struct crew *c, int fd)
{
	unsigned kind = 0;

	for (int i = 0; kind < CREW_NKINDS; i++) {
		if (atomic_load(&c->ndone[kind])) {
			kind++;
			continue;
		}
		ck_assert_msg(i < HARM_MSEC / 10, "%s: no harm was done",
			      crew_name((enum crew_kind)kind));
		queued_check(fd);
		wire_sleep_msec(10);
	}
}

static void totals_print(int fd)
{
	Reply *reply = wire_stat(fd);
	const Pallocd__V1__DaemonStat *s = reply->stat->daemon;

	printf("the daemon: %llu connections, %llu refused, %llu cut off, %llu bad frames, %llu "
	       "quota refusals\n",
	       (unsigned long long)s->connections_total, (unsigned long long)s->refused_total,
	       (unsigned long long)s->cut_off_total, (unsigned long long)s->bad_frames_total,
	       (unsigned long long)s->quota_refusals_total);
	ck_assert_uint_gt(s->cut_off_total, 0);
	ck_assert_uint_gt(s->bad_frames_total, 0);
	ck_assert_uint_gt(s->quota_refusals_total, 0);
	wire_done(reply);
}

/* All that they left is gone: sessions, extents, what waited. */
static void settled_await(int fd)
{
	wire_await_sessions(fd, 1, 0);
	for (int i = 0;; i++) {
		Reply *reply = wire_stat(fd);
		const Pallocd__V1__DaemonStat *s = reply->stat->daemon;
		bool settled = s->nconnections == 1 && s->ngrace == 0 && s->nending == 0 &&
			       s->nwaiting == 0 && s->nwatchers == 0 &&
			       s->queued_bytes <= WIRE_FRAME_BYTES;

		ck_assert_msg(settled || i < WIRE_TIMEOUT_MSEC / 5,
			      "%llu connections, %llu in grace, %llu ending, %llu waiting, %llu "
			      "watching, %llu bytes queued",
			      (unsigned long long)s->nconnections, (unsigned long long)s->ngrace,
			      (unsigned long long)s->nending, (unsigned long long)s->nwaiting,
			      (unsigned long long)s->nwatchers,
			      (unsigned long long)s->queued_bytes);
		wire_done(reply);
		if (settled)
			return;
		wire_sleep_msec(5);
	}
}

START_TEST(one_user_harms_nobody_else)
{
	struct honest *alone = shared_alloc(sizeof(*alone)),
		      *beside = shared_alloc(sizeof(*beside));
	struct crew *c = shared_alloc(sizeof(*c));
	int fd = wire_open(d.path);
	pid_t pid;

	pid = honest_start(&good, d.path, ROUNDS, alone);
	ck_assert_msg(honest_stop(pid, alone), "the honest user was refused something, alone");
	for (unsigned kind = 0; kind < CREW_NKINDS; kind++)
		c->pid[kind] = crew_start((enum crew_kind)kind, &bad, d.path, false,
					  &c->ndone[kind]);
	pid = honest_start(&good, d.path, ROUNDS, beside);
	harm_await(c, fd);
	ck_assert_msg(honest_stop(pid, beside), "the honest user was refused something");
	totals_print(fd);
	for (unsigned kind = 0; kind < CREW_NKINDS; kind++) {
		crew_stop(c->pid[kind]);
		printf("%-8s %lu\n", crew_name((enum crew_kind)kind), atomic_load(&c->ndone[kind]));
	}
	settled_await(fd);
	honest_print(alone, "alone");
	honest_print(beside, "beside");
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostile");
	TCase *tc = tcase_create("hostile");

	if (actor_skip(&bad))
		return ACTOR_SKIPPED;
	tcase_set_timeout(tc, 200);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_user_harms_nobody_else);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
