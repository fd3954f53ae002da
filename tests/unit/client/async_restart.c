/*
 * async_restart - calls that nobody waits for, and a daemon that dies
 *
 * Role:       wherever it dies, each call is done once and told once, and the descriptor stays the same.
 * Uses:       client/lib, fake daemon, check
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "client/lib/handle.h"
#include "tests/unit/client/jobs.h"
#include "tests/unit/client/reborn.h"
#include "tests/unit/client/run.h"

/* Whenever the daemon dies, each call is done once and told once. */
static void dies(const enum act *acts, unsigned nacts, unsigned nreads)
{
	enum { N = 12 };
	struct job *jobs = jobs_new(N);
	static struct reborn r;
	paclient *c;
	int fd;

	reborn_start(&r, acts, nacts);
	r.nreads = nreads;
	c = fake_open(&r.fake, 20000);
	fd = fd_of(c);
	for (unsigned i = 0; i < N; i++)
		submit(c, &jobs[i]);
	loop_until(c, N);
	assert_all(jobs, N, 0);
	for (unsigned i = 1; i < N; i++)
		ck_assert_uint_eq(jobs[i].addr, jobs[i - 1].addr + 4096);
	ck_assert_uint_ge(paclient_reconnects(c), 1);
	ck_assert_int_eq(fd_of(c), fd);
	ck_assert_uint_eq(r.fake.nallocs, N);
	paclient_close(c);
	reborn_stop(&r);
	free(jobs);
}

START_TEST(daemon_dies)
{
	static const enum act acts[][3] = {
		{ACT_DIE_UNREAD, ACT_SERVE},
		{ACT_DIE_READ, ACT_SERVE},
		{ACT_DIE_DONE, ACT_SERVE},
		{ACT_DIE_HALF, ACT_SERVE},
		{ACT_DIE_FIRST, ACT_SERVE},
		{ACT_DIE_ANSWERED, ACT_SERVE},
		{ACT_DIE_READ, ACT_DIE_AT_DOOR, ACT_SERVE},
		{ACT_DIE_READ, ACT_OVERLOADED, ACT_SERVE},
	};

	dies(acts[_i], _i < 6 ? 2 : 3, 4);
}
END_TEST

/* The daemon is away for longer than the calls want to wait; later ones find it. */
START_TEST(daemon_is_away)
{
	static const enum act acts[] = {ACT_DIE_READ, ACT_SERVE};
	struct job *jobs = jobs_new(3);
	static struct reborn r;
	paclient *c;

	reborn_start(&r, acts, 2);
	r.nreads = 1;
	r.away = true;
	c = fake_open(&r.fake, 20000);
	jobs[0].call.timeout_ms = 50;
	submit(c, &jobs[0]);
	submit(c, &jobs[1]);
	loop_until(c, 1);
	assert_all(jobs, 1, PACLIENT_TIMED_OUT);
	/* Not sent at all: nothing is to be given back. */
	submit(c, &jobs[2]);
	ck_assert_int_eq(paclient_cancel(c, &jobs[2].call), 0);
	reborn_back(&r);
	loop_until(c, 3);
	assert_all(&jobs[1], 1, 0);
	assert_all(&jobs[2], 1, PACLIENT_CANCELLED);
	paclient_close(c);
	reborn_stop(&r);
	free(jobs);
}
END_TEST

/* Of a handle that is lost for good every call is told so, and process() says it. */
START_TEST(session_ends)
{
	static const enum act acts[] = {ACT_DIE_READ, ACT_NO_SESSION};
	struct job *jobs = jobs_new(4);
	static struct reborn r;
	paclient *c;

	reborn_start(&r, acts, 2);
	r.nreads = 4;
	c = fake_open(&r.fake, 20000);
	for (unsigned i = 0; i < 4; i++)
		submit(c, &jobs[i]);
	loop_until(c, 4);
	assert_all(jobs, 4, PACLIENT_SESSION_ENDED);
	ck_assert_int_eq(paclient_process(c), PACLIENT_SESSION_ENDED);
	ck_assert_int_eq(paclient_alloc(c, 3, 1, 0, &jobs[0].addr, &jobs[0].call),
			 PACLIENT_SESSION_ENDED);
	ck_assert_uint_eq(jobs[0].ndone, 1);
	paclient_close(c);
	reborn_stop(&r);
	free(jobs);
}
END_TEST

/* The next daemon does not know what was done before: of what was sent nobody knows, and what was not is done now. */
START_TEST(never_sent_is_done)
{
	static const enum act acts[] = {ACT_DIE_READ, ACT_NO_REPEATS};
	struct job *jobs = jobs_new(2);
	static struct reborn r;
	struct pollfd p;
	paclient *c;

	reborn_start(&r, acts, 2);
	r.nreads = 1;
	r.away = true;
	c = fake_open(&r.fake, 20000);
	p = (struct pollfd){.fd = fd_of(c), .events = POLLIN};
	submit(c, &jobs[0]);
	while (c->link == LINK_UP) {
		ck_assert_int_eq(poll(&p, 1, 20000), 1);
		ck_assert_int_eq(paclient_process(c), 0);
	}
	submit(c, &jobs[1]);
	reborn_back(&r);
	loop_until(c, 2);
	assert_all(&jobs[0], 1, PACLIENT_DISCONNECTED);
	ck_assert_ptr_nonnull(
		strstr(jobs[0].call.error.message, "not known whether this was done"));
	assert_all(&jobs[1], 1, 0);
	ck_assert_uint_eq(r.fake.nallocs, 1);
	paclient_close(c);
	reborn_stop(&r);
	free(jobs);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("async_restart");

	run_add_loop(s, "daemon_dies", daemon_dies, 8);
	run_add(s, "daemon_is_away", daemon_is_away);
	run_add(s, "session_ends", session_ends);
	run_add(s, "never_sent_is_done", never_sent_is_done);
	return suite_run(s);
}
