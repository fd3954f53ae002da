/*
 * restart - calls outlive the daemon
 *
 * Role:       where the daemon dies, what is sent again to the next one and what is not, ids, deadlines, fork, close.
 * Uses:       client/lib, reborn, check
 */
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/client/reborn.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
}

static void says(const char *what)
{
	ck_assert_msg(strstr(call.error.message, what) != NULL, "\"%s\" does not say \"%s\"",
		      call.error.message, what);
}

/* Frame @i of connection @a came again as frame @j of connection @b. */
static void came_again(const struct reborn *r, unsigned a, unsigned i, unsigned b, unsigned j)
{
	ck_assert_uint_lt(i, r->conns[a].nframes);
	ck_assert_uint_lt(j, r->conns[b].nframes);
	ck_assert_uint_eq(r->conns[a].frames[i].n, r->conns[b].frames[j].n);
	ck_assert_mem_eq(r->conns[a].frames[i].bytes, r->conns[b].frames[j].bytes,
			 r->conns[a].frames[i].n);
}

enum verb { ALLOC, ALLOC_NAMED, FREE, GROW, ASK, NVERBS };

static int ask(paclient *c, enum verb verb, uint64_t *addr)
{
	struct paclient_alloc_options o = PACLIENT_ALLOC_OPTIONS_INIT;
	struct paclient_region info = {.size = sizeof(info)};
	uint64_t npages = 2;

	switch (verb) {
	case ALLOC:
		return paclient_alloc(c, 3, 2, 0, addr, &call);
	case ALLOC_NAMED:
		o.name = "a name";
		return paclient_alloc_with(c, 3, 1, &npages, &o, addr, &call);
	case FREE:
		return paclient_free(c, 3, 0x20000, 2, &call);
	case GROW:
		return paclient_grow(c, 3, 5, NULL, &call);
	case ASK:
		return paclient_region_info(c, 3, &info, &call);
	case NVERBS:
		break;
	}
	return -1;
}

static const enum act deaths[] = {ACT_DIE_UNREAD, ACT_DIE_READ, ACT_DIE_DONE, ACT_DIE_HALF};
#define NDEATHS (sizeof(deaths) / sizeof(deaths[0]))

/* Each verb, each moment: the caller sees nothing, and it is done once. */
START_TEST(calls_outlive_the_daemon)
{
	enum act acts[2] = {deaths[_i % (int)NDEATHS], ACT_SERVE};
	enum verb verb = (enum verb)(_i / (int)NDEATHS);
	static struct reborn r;
	uint64_t addr = 0;
	paclient *c;

	reborn_start(&r, acts, 2);
	c = fake_open(&r.fake, 20000);
	ck_assert_uint_eq(paclient_reconnects(c), 0);
	ck_assert_uint_eq(paclient_restart_grace_ms(c), 30000);
	expect(ask(c, verb, &addr), 0);
	ck_assert_uint_eq(paclient_reconnects(c), 1);
	ck_assert_uint_eq(r.nconns, 2);
	ck_assert(!r.conns[0].resumed && r.conns[0].repeats);
	ck_assert(r.conns[1].resumed && r.conns[1].repeats);
	ck_assert_uint_eq(r.conns[1].nframes, 1);
	if (acts[0] != ACT_DIE_UNREAD)
		came_again(&r, 0, 0, 1, 0);
	ck_assert_uint_eq(r.nremembered, 1);
	if (verb == ALLOC || verb == ALLOC_NAMED)
		ck_assert_uint_eq(addr, 0x10000);
	/* And all goes on. */
	expect(paclient_grow(c, 3, 1, NULL, &call), 0);
	ck_assert_uint_eq(r.nconns, 2);
	paclient_close(c);
	reborn_stop(&r);
}
END_TEST

/* Refused for a while, with a socket and without one. */
START_TEST(away_for_a_while)
{
	static struct reborn r;
	uint64_t addr;
	paclient *c;

	REBORN_START(&r, ACT_DIE_DONE, ACT_SERVE);
	r.away_ms = 40;
	r.gone = _i;
	c = fake_open(&r.fake, 20000);
	expect(paclient_alloc(c, 3, 2, 0, &addr, &call), 0);
	ck_assert_uint_eq(r.nconns, 2);
	came_again(&r, 0, 0, 1, 0);
	ck_assert_uint_eq(r.fake.nallocs, 1);
	paclient_close(c);
	reborn_stop(&r);
}
END_TEST

/* It dies again and again, and takes no connections for a moment. */
START_TEST(tried_until_it_works)
{
	static struct reborn r;
	uint64_t addr;
	paclient *c;

	REBORN_START(&r, ACT_DIE_READ, ACT_DIE_AT_DOOR, ACT_OVERLOADED, ACT_DIE_UNREAD,
		     ACT_DIE_HALF, ACT_SERVE);
	c = fake_open(&r.fake, 20000);
	expect(paclient_alloc(c, 3, 2, 0, &addr, &call), 0);
	ck_assert_uint_eq(r.nconns, 6);
	came_again(&r, 0, 0, 4, 0);
	came_again(&r, 0, 0, 5, 0);
	ck_assert_uint_eq(r.fake.nallocs, 1);
	ck_assert_uint_eq(addr, 0x10000);
	paclient_close(c);
	reborn_stop(&r);
}
END_TEST

START_TEST(unknown_session_is_over)
{
	enum act acts[2] = {ACT_DIE_READ, _i ? ACT_NEW_SESSION : ACT_NO_SESSION};
	static struct reborn r;
	uint64_t addr = 5;
	paclient *c;

	reborn_start(&r, acts, 2);
	c = fake_open(&r.fake, 20000);
	expect(paclient_alloc(c, 3, 2, 0, &addr, &call), PACLIENT_SESSION_ENDED);
	says("does not know the session any more");
	ck_assert_uint_eq(addr, 5);
	expect(paclient_grow(c, 3, 1, NULL, &call), PACLIENT_SESSION_ENDED);
	expect(paclient_keep(c, &call), PACLIENT_SESSION_ENDED);
	paclient_close(c);
	reborn_stop(&r);
	/* Nothing was asked of the one who does not know us. */
	ck_assert_uint_eq(r.nconns, 2);
	ck_assert_uint_eq(r.conns[1].nframes, 0);
}
END_TEST

/* What changes something is not said again; what does not, is; and the session goes on. */
START_TEST(repeats_no_longer_granted)
{
	static struct reborn r;
	uint64_t addr = 5;
	paclient *c;

	REBORN_START(&r, ACT_DIE_READ, ACT_NO_REPEATS);
	c = fake_open(&r.fake, 20000);
	if (_i) {
		expect(ask(c, ASK, &addr), 0);
		came_again(&r, 0, 0, 1, 0);
	} else {
		expect(paclient_alloc(c, 3, 2, 0, &addr, &call), PACLIENT_DISCONNECTED);
		says("not known whether this was done");
		ck_assert_uint_eq(addr, 5);
		ck_assert_uint_eq(r.fake.nallocs, 0);
	}
	expect(paclient_alloc(c, 3, 2, 0, &addr, &call), 0);
	ck_assert_uint_eq(r.fake.nallocs, 1);
	ck_assert_uint_eq(r.nconns, 2);
	ck_assert_uint_eq(r.conns[1].frames[r.conns[1].nframes - 1].answered, 0);
	paclient_close(c);
	reborn_stop(&r);
}
END_TEST

/* As ever: older daemons, and who wants no other connection. */
START_TEST(no_second_connection)
{
	enum act acts[1] = {_i ? ACT_DIE_READ : ACT_OLD};
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	static struct reborn r;
	uint64_t addr;
	paclient *c;

	reborn_start(&r, acts, 1);
	o.no_reconnect = _i;
	expect(paclient_open(r.fake.path, &o, &c, &call), 0);
	ck_assert_int_eq(paclient_has(c, PACLIENT_FEATURE_REPEAT), _i);
	ck_assert_uint_eq(paclient_restart_grace_ms(c), 0);
	expect(paclient_alloc(c, 3, 2, 0, &addr, &call), PACLIENT_DISCONNECTED);
	says("not known whether this was done");
	expect(paclient_keep(c, &call), PACLIENT_DISCONNECTED);
	paclient_close(c);
	reborn_stop(&r);
	ck_assert_uint_eq(r.nconns, 1);
	ck_assert_int_eq(r.conns[0].repeats, !_i);
	ck_assert_uint_eq(r.conns[0].frames[0].answered, 0);
}
END_TEST

/* Lost while no call was running: what was answered is not said again, and ids go on. */
START_TEST(idle_loss)
{
	static struct reborn r;
	uint64_t addr;
	paclient *c;

	REBORN_START(&r, ACT_DIE_ANSWERED, ACT_SERVE);
	r.nreads = 3;
	c = fake_open(&r.fake, 20000);
	for (int i = 0; i < 3; i++)
		expect(paclient_alloc(c, 3, 2, 0, &addr, &call), 0);
	expect(paclient_free(c, 3, addr, 2, &call), 0);
	ck_assert_uint_eq(r.nconns, 2);
	ck_assert_uint_eq(r.conns[0].nframes, 3);
	ck_assert_uint_eq(r.conns[1].nframes, 1);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(r.conns[0].frames[i].id, i + 2);
		ck_assert_uint_eq(r.conns[0].frames[i].answered, i + 1);
	}
	ck_assert_uint_eq(r.conns[1].frames[0].id, 5);
	ck_assert_uint_eq(r.conns[1].frames[0].answered, 4);
	paclient_close(c);
	reborn_stop(&r);
}
END_TEST

START_TEST(kept_without_calls)
{
	static struct reborn r;
	paclient *c;

	REBORN_START(&r, ACT_DIE_ANSWERED, ACT_SERVE);
	c = fake_open(&r.fake, 20000);
	expect(paclient_keep(c, &call), 0);
	ck_assert_uint_eq(r.nconns, 1);
	expect(paclient_grow(c, 3, 1, NULL, &call), 0);
	/* The daemon closes in its own time. */
	while (!paclient_reconnects(c))
		expect(paclient_keep(c, &call), 0);
	ck_assert_uint_eq(r.nconns, 2);
	expect(paclient_keep(c, &call), 0);
	ck_assert_uint_eq(r.conns[1].nframes, 0);
	paclient_close(c);
	reborn_stop(&r);
	ck_assert_int_eq(paclient_keep(NULL, NULL), PACLIENT_BAD_ARGUMENT);
	ck_assert(!paclient_reconnects(NULL) && !paclient_restart_grace_ms(NULL));
}
END_TEST

struct worker {
	pthread_t thread;
	paclient *c;
	unsigned number;
	int status;
	uint64_t addr;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	w->status = paclient_alloc(w->c, 3, 1, 0, &w->addr, NULL);
	return NULL;
}

/* Four are in flight and one is answered, or none: the others are said again as they were, before anything new. */
START_TEST(several_in_flight)
{
	enum act acts[2] = {_i ? ACT_DIE_FIRST : ACT_DIE_READ, ACT_SERVE};
	struct worker w[4] = {0};
	static struct reborn r;
	uint64_t addr;
	paclient *c;

	reborn_start(&r, acts, 2);
	r.nreads = 4;
	c = fake_open(&r.fake, 20000);
	for (int i = 0; i < 4; i++) {
		w[i].c = c;
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		ck_assert_int_eq(w[i].status, 0);
		for (int j = 0; j < i; j++)
			ck_assert_uint_ne(w[i].addr, w[j].addr);
	}
	ck_assert_uint_eq(r.fake.nallocs, 4);
	ck_assert_uint_eq(r.conns[1].nframes, _i ? 3 : 4);
	for (unsigned i = (unsigned)_i; i < 4; i++)
		came_again(&r, 0, i, 1, i - (unsigned)_i);
	expect(paclient_alloc(c, 3, 1, 0, &addr, &call), 0);
	paclient_close(c);
	reborn_stop(&r);
}
END_TEST

#define NROUNDS 400

/* Each thread asks for as many pages as its number says: the addresses tell whose reply it was. */
static void *work_on(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < NROUNDS && !w->status; i++) {
		uint64_t npages[2] = {w->number, w->number}, addrs[2];

		w->status = paclient_alloc_batch(w->c, 3, 2, npages, 0, addrs, NULL);
		if (!w->status && addrs[1] - addrs[0] != w->number * 4096u)
			w->status = -1;
		if (!w->status)
			w->status = paclient_free_batch(w->c, 3, 2, addrs, npages, NULL);
	}
	return NULL;
}

/* Dozens of daemons die under eight threads: nobody's reply is lost, or another's. */
START_TEST(threads_outlive_daemons)
{
	enum act acts[1] = {_i ? ACT_DIE_FIRST : ACT_DIE_ANSWERED};
	struct worker w[8] = {0};
	static struct reborn r;
	paclient *c;

	reborn_start(&r, acts, 1);
	/* Of the first kind only one is answered on each connection; several are in flight. */
	r.nreads = _i ? 2 : 97;
	c = fake_open(&r.fake, 60000);
	for (unsigned i = 0; i < 8; i++) {
		w[i].c = c;
		w[i].number = i + 1;
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, _i ? work : work_on, &w[i]), 0);
	}
	for (unsigned i = 0; i < 8; i++)
		pthread_join(w[i].thread, NULL);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_msg(!w[i].status, "thread %u: %s", i + 1,
			      paclient_status_name(w[i].status));
	ck_assert_uint_eq(r.fake.nallocs, _i ? 8 : 0);
	ck_assert_uint_gt(r.nconns, _i ? 3 : 50);
	paclient_leave(c);
	reborn_stop(&r);
}
END_TEST

/*
 * The caller goes at its deadline, and the daemon comes back after it: what had been asked for is said again, and what it brings
 * is given back. Done before the death (_i) or not.
 */
START_TEST(deadline_before_it_is_back)
{
	enum act acts[2] = {_i ? ACT_DIE_DONE : ACT_DIE_READ, ACT_SERVE};
	static struct reborn r;
	uint64_t addr = 5;
	paclient *c;

	reborn_start(&r, acts, 2);
	r.away = true;
	c = fake_open(&r.fake, 20000);
	call.timeout_ms = 50;
	expect(ask(c, ALLOC_NAMED, &addr), PACLIENT_TIMED_OUT);
	says("no daemon answers");
	ck_assert_int_ne(call.error.system_errno, 0);
	ck_assert_uint_eq(addr, 5);
	/* Nothing new is sent, and nothing of it is left when it fails. */
	expect(paclient_grow(c, 3, 1, NULL, &call), PACLIENT_TIMED_OUT);
	expect(paclient_keep(c, &call), PACLIENT_TIMED_OUT);
	call.timeout_ms = 0;
	reborn_back(&r);
	expect(paclient_alloc(c, 3, 1, 0, &addr, &call), 0);
	came_again(&r, 0, 0, 1, 0);
	expect(paclient_free(c, 3, addr, 1, &call), 0);
	ck_assert_uint_eq(r.fake.nallocs, 0);
	ck_assert_uint_eq(r.fake.frees[0], 0x10000);
	for (unsigned i = 0; i < r.conns[1].nframes; i++)
		ck_assert_int_ne(r.conns[1].frames[i].verb, PALLOCD__V1__REQUEST__VERB_GROW);
	paclient_close(c);
	reborn_stop(&r);
}
END_TEST

/* It has been done, and what came of it is forgotten. */
START_TEST(answer_forgotten)
{
	static struct reborn r;
	uint64_t addr;
	paclient *c;

	REBORN_START(&r, ACT_DIE_DONE, ACT_FORGOTTEN);
	c = fake_open(&r.fake, 20000);
	expect(paclient_alloc(c, 3, 2, 0, &addr, &call), PACLIENT_DISCONNECTED);
	says("does not remember what came of it");
	/* What is said for the first time cannot have been done. */
	expect(paclient_alloc(c, 3, 2, 0, &addr, &call), PACLIENT_INVALID);
	paclient_close(c);
	reborn_stop(&r);
}
END_TEST

/* A session that another process has begun has had ids that were not ours. */
START_TEST(ids_go_on_after_a_resume)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	static struct reborn r;
	uint64_t addr;
	paclient *c;

	REBORN_START(&r, ACT_SERVE);
	r.last_id = 100;
	o.token = (const uint8_t *)"the fake's token";
	o.token_bytes = 16;
	expect(paclient_open(r.fake.path, &o, &c, &call), 0);
	expect(paclient_alloc(c, 3, 2, 0, &addr, &call), 0);
	ck_assert_uint_eq(r.conns[0].frames[0].id, 101);
	ck_assert_uint_eq(r.conns[0].frames[0].answered, 100);
	paclient_close(c);
	reborn_stop(&r);
}
END_TEST

START_TEST(child_does_not_disturb)
{
	static struct reborn r;
	uint64_t addr;
	paclient *c;
	int result;
	pid_t pid;

	REBORN_START(&r, ACT_DIE_ANSWERED, ACT_SERVE);
	c = fake_open(&r.fake, 20000);
	expect(paclient_grow(c, 3, 1, NULL, &call), 0);
	pid = fork();
	if (!pid) {
		bool inert = paclient_keep(c, NULL) == PACLIENT_BAD_ARGUMENT &&
			     paclient_grow(c, 3, 1, NULL, NULL) == PACLIENT_BAD_ARGUMENT;

		paclient_close(c);
		_exit(!inert);
	}
	ck_assert_int_eq(waitpid(pid, &result, 0), pid);
	ck_assert_int_eq(result, 0);
	expect(paclient_alloc(c, 3, 1, 0, &addr, &call), 0);
	ck_assert_uint_eq(r.nconns, 2);
	paclient_close(c);
	reborn_stop(&r);
}
END_TEST

/* The next daemon is told that the session is over, where there is one. */
START_TEST(close_without_a_connection)
{
	static struct reborn r;
	paclient *c;

	REBORN_START(&r, ACT_DIE_READ, ACT_SERVE);
	r.away = true;
	c = fake_open(&r.fake, 20000);
	call.timeout_ms = 30;
	expect(paclient_grow(c, 3, 1, NULL, &call), PACLIENT_TIMED_OUT);
	call.timeout_ms = 0;
	/* Nobody is there: nothing to wait for. */
	if (!_i)
		paclient_close(c);
	reborn_back(&r);
	while (_i && paclient_keep(c, NULL))
		;
	if (_i)
		paclient_close(c);
	reborn_stop(&r);
	ck_assert_uint_eq(r.nconns, _i ? 2 : 1);
}
END_TEST

START_TEST(close_after_an_idle_loss)
{
	static struct reborn r;
	paclient *c;

	REBORN_START(&r, ACT_DIE_ANSWERED, ACT_SERVE);
	c = fake_open(&r.fake, 20000);
	expect(paclient_grow(c, 3, 1, NULL, &call), 0);
	/* Until the next one would be served. */
	while (!r.fake.nconnections)
		usleep(1000);
	paclient_close(c);
	while (!r.conns[1].nframes)
		usleep(1000);
	reborn_stop(&r);
	ck_assert_uint_eq(r.nconns, 2);
	ck_assert(r.conns[1].resumed);
	ck_assert_int_eq(r.conns[1].frames[0].verb, PALLOCD__V1__REQUEST__VERB_END_SESSION);
}
END_TEST

static void *come_back(void *arg)
{
	usleep(30000);
	reborn_back(arg);
	return NULL;
}

/* A program that is started before the daemon is. */
START_TEST(open_waits_where_it_is_told)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	static struct reborn r;
	pthread_t thread;
	paclient *c;

	REBORN_START(&r, ACT_DIE_UNREAD, ACT_DIE_AT_DOOR, ACT_OVERLOADED, ACT_SERVE);
	r.away = r.gone = true;
	/* The first connection is one that goes away at once. */
	c = fake_open(&r.fake, 20000);
	paclient_leave(c);
	while (!access(r.fake.path, F_OK))
		usleep(1000);
	expect(paclient_open(r.fake.path, &o, &c, &call), PACLIENT_NOT_CONNECTED);
	o.wait_for_daemon = true;
	call.timeout_ms = 20;
	expect(paclient_open(r.fake.path, &o, &c, &call), PACLIENT_NOT_CONNECTED);
	says("none has come in time");
	call.timeout_ms = 20000;
	ck_assert_int_eq(pthread_create(&thread, NULL, come_back, &r), 0);
	expect(paclient_open(r.fake.path, &o, &c, &call), 0);
	call.timeout_ms = 0;
	pthread_join(thread, NULL);
	ck_assert_uint_eq(r.nconns, 4);
	paclient_close(c);
	reborn_stop(&r);
}
END_TEST

static void loop_add(Suite *s, const char *name, const TTest *test, int n)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test, 0, n);
	suite_add_tcase(s, tc);
}

int main(void)
{
	Suite *s = suite_create("client_restart");

	loop_add(s, "calls_outlive_the_daemon", calls_outlive_the_daemon, NVERBS * (int)NDEATHS);
	loop_add(s, "away_for_a_while", away_for_a_while, 2);
	run_add(s, "tried_until_it_works", tried_until_it_works);
	loop_add(s, "unknown_session_is_over", unknown_session_is_over, 2);
	loop_add(s, "repeats_no_longer_granted", repeats_no_longer_granted, 2);
	loop_add(s, "no_second_connection", no_second_connection, 2);
	run_add(s, "idle_loss", idle_loss);
	run_add(s, "kept_without_calls", kept_without_calls);
	loop_add(s, "several_in_flight", several_in_flight, 2);
	loop_add(s, "threads_outlive_daemons", threads_outlive_daemons, 2);
	loop_add(s, "deadline_before_it_is_back", deadline_before_it_is_back, 2);
	run_add(s, "answer_forgotten", answer_forgotten);
	run_add(s, "ids_go_on_after_a_resume", ids_go_on_after_a_resume);
	run_add(s, "child_does_not_disturb", child_does_not_disturb);
	loop_add(s, "close_without_a_connection", close_without_a_connection, 2);
	run_add(s, "close_after_an_idle_loss", close_after_an_idle_loss);
	run_add(s, "open_waits_where_it_is_told", open_waits_where_it_is_told);
	return suite_run(s);
}
