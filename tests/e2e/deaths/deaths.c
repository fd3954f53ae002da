/*
 * deaths - processes are killed in every state that a client can be in, and nothing of theirs is lost or left behind
 *
 * Role:       an observer starts victims one after the other, or a few at once in spirit: the next one may come while the daemon is
 *             still busy with the last. Each is killed with SIGKILL in a state drawn at random. What should be left is kept in a plain
 *             list (model.h) and compared with what the daemon lists.
 * Uses:       tests/e2e/daemon/daemon.h, model.h, victim.h
 *
 *   e2e_deaths [NDEATHS]        with VERBOSE in the environment each state is printed before it is reached
 */
#include <check.h>
#include <sched.h>
#include <sys/mman.h>

#include "tests/e2e/daemon/daemon.h"
#include "tests/e2e/deaths/victim.h"
#include "tests/unit/random.h"

#define FULL_NPAGES 16u

/* The observer gives back what dead victims leave it, above that many extents. */
#define TIDY_EXTENTS 40u

/* A busy victim lives so long at the most. */
#define BUSY_USEC_MAX 3000u

static unsigned ndeaths = 2000;

/* A daemon's; check cannot count the time of tests that take more than half an hour. */
#define ROUND_MAX 10000u
static unsigned nrounds;

struct schedule {
	struct daemon_process d;
	struct random rnd;
	struct model model;
	struct victim_report *report;
	int fd; /* the observer's session */
	unsigned n[VICTIM_NSTATES];
};

static void daemon_begin(struct schedule *s)
{
	const char *args[] = {
		"--socket",
		s->d.path,
		"--region",
		"free,base=0x10000000,limit=16M,initial=16M,death=free",
		"--region",
		"keep,base=0x20000000,limit=16M,initial=16M,death=keep",
		"--region",
		"quarantine,base=0x30000000,limit=16M,initial=16M,death=quarantine,quarantine=5ms",
		"--region",
		"full,base=0x40000000,limit=64K,initial=64K",
		NULL,
	};

	daemon_place(&s->d);
	snprintf(s->d.path, sizeof(s->d.path), "%s/sock", s->d.dir);
	daemon_exec(&s->d, args);
}

static void begin(struct schedule *s)
{
	struct model_extent full = {
		.region = REGION_FULL, .npages = FULL_NPAGES, .owner = OWNER_OBSERVER};
	struct calls_session session;

	daemon_begin(s);
	s->report = mmap(NULL, sizeof(*s->report), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(s->report, MAP_FAILED);
	s->fd = wire_connect(s->d.path);
	calls_hello(s->fd, 0, NULL, &session);
	s->model.observer = session.id;
	ck_assert(calls_alloc(s->fd, &full, false));
	model_add(&s->model, &full);
}

/* The observer takes something now and then, for victims to share. */
static void observer_takes(struct schedule *s)
{
	struct model_extent e = {
		.region = (enum model_region)(REGION_FREE + random_below(&s->rnd, 3)),
		.npages = 1 + random_below(&s->rnd, 8),
		.owner = OWNER_OBSERVER,
	};

	if (s->model.n < TIDY_EXTENTS && random_below(&s->rnd, 4) == 0 &&
	    calls_alloc(s->fd, &e, false))
		model_add(&s->model, &e);
}

static void observer_tidies(struct schedule *s)
{
	while (s->model.n > TIDY_EXTENTS) {
		unsigned i = (unsigned)random_below(&s->rnd, s->model.n);
		struct model_extent *e = &s->model.extents[i];

		if (e->region == REGION_FULL)
			continue;
		if (e->observer_shares)
			calls_release(s->fd, e);
		calls_free(s->fd, e);
		model_remove(&s->model, i);
	}
}

static void await_ready(struct schedule *s, pid_t pid)
{
	int status;

	while (!atomic_load(&s->report->ready)) {
		ck_assert_msg(waitpid(pid, &status, WNOHANG) == 0,
			      "the victim has ended by itself: %#x", (unsigned)status);
		sched_yield();
	}
}

static void observer_shares(struct schedule *s)
{
	struct model *m = &s->model;

	for (unsigned i = 0; i < m->n; i++) {
		struct model_extent *e = &m->extents[i];

		if (e->owner == OWNER_OBSERVER || e->observer_shares || random_below(&s->rnd, 2))
			continue;
		calls_share(s->fd, e);
		e->observer_shares = true;
	}
}

static void victim_kill(pid_t pid)
{
	int status;

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		      "the victim has ended by itself: %#x", (unsigned)status);
}

/* What was resumed has a long grace: somebody speaks for the dead. */
static void observer_ends_session(struct schedule *s)
{
	struct calls_session again;
	int fd;

	if (random_below(&s->rnd, 2)) {
		calls_end_session(s->fd, s->report->session.id);
		return;
	}
	fd = wire_connect(s->d.path);
	calls_hello(fd, 0, s->report->session.token, &again);
	ck_assert_uint_eq(again.id, s->report->session.id);
	calls_end_session(fd, 0);
	wire_assert_end(fd);
	close(fd);
}

static void one_death(struct schedule *s)
{
	enum victim_state state = (enum victim_state)random_below(&s->rnd, VICTIM_NSTATES);
	pid_t pid;

	observer_takes(s);
	memset(s->report, 0, sizeof(*s->report));
	s->report->model = s->model;
	if (getenv("VERBOSE"))
		fprintf(stderr, "%s\n", victim_state_name(state));
	pid = victim_start(s->d.path, state, random_below(&s->rnd, UINT64_MAX), s->report);
	if (state == VICTIM_BUSY) {
		usleep((useconds_t)random_below(&s->rnd, BUSY_USEC_MAX));
		victim_kill(pid);
	} else {
		await_ready(s, pid);
		s->model = s->report->model;
		if (state == VICTIM_SHARED)
			observer_shares(s);
		if (state == VICTIM_WAITING && random_below(&s->rnd, 2))
			calls_await_waiting(s->fd, 1);
		victim_kill(pid);
	}
	model_victim_dies(&s->model);
	if (state == VICTIM_RESUMED)
		observer_ends_session(s);
	s->n[state]++;
}

/* The socket of a forked victim is still open: that is the point. */
static void orphan_end(struct schedule *s)
{
	if (s->report->child)
		ck_assert_int_eq(kill(s->report->child, SIGKILL), 0);
}

START_TEST(nothing_is_lost_or_left_behind)
{
	static struct schedule s;
	unsigned n = ndeaths / nrounds + ((unsigned)_i < ndeaths % nrounds);

	random_init(&s.rnd, "nothing_is_lost_or_left_behind");
	begin(&s);
	for (unsigned i = 0; i < n; i++) {
		one_death(&s);
		/* Else the next one comes while this one is still being dealt with. */
		if (s.report->child || random_below(&s.rnd, 4) || i + 1 == n) {
			calls_settle(s.fd);
			model_compare(&s.model, s.fd);
			observer_tidies(&s);
		}
		orphan_end(&s);
	}
	for (unsigned i = 0; i < VICTIM_NSTATES; i++) {
		printf("%6u %s\n", s.n[i], victim_state_name((enum victim_state)i));
		ck_assert_uint_gt(s.n[i], 0);
	}
	close(s.fd);
	daemon_stop(&s.d);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("deaths");
	TCase *tc = tcase_create("deaths");
	SRunner *runner;
	int nfailed;

	if (argc > 1)
		ndeaths = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2 || ndeaths < 200) {
		fprintf(stderr, "usage: e2e_deaths [NDEATHS]\n       NDEATHS: 200 or more\n");
		return 2;
	}
	/* ctest's own limit is the sharper one; without ctest, someone is looking on. */
	tcase_set_timeout(tc, 3600);
	nrounds = (ndeaths + ROUND_MAX - 1) / ROUND_MAX;
	tcase_add_loop_test(tc, nothing_is_lost_or_left_behind, 0, (int)nrounds);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
