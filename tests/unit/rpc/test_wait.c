/*
 * test_wait - Allocs that wait for space
 *
 * Role:       unit tests of the queues in rpc/: who is served when, and what ends the waiting.
 * Uses:       rpc/, region/, proto/, check
 */
#include "base/clock.h"
#include "fixture.h"

#define NPAGES UINT64_C(1024)
#define LONG_MSEC UINT64_C(600000)
#define NCONNS 6

/* Connections that wait, each with the one frame that does. */
static struct waiter {
	struct rpc_conn conn;
	uint8_t in[256];
	size_t n;
} waiters[NCONNS];

static void waiters_open(size_t n)
{
	for (size_t i = 0; i < n; i++)
		other_open(&waiters[i].conn, (uid_t)(2000 + i));
}

static void waiters_close(size_t n)
{
	for (size_t i = 0; i < n; i++)
		rpc_conn_close(&waiters[i].conn, SESSION_CLOSED);
}

/* One turn of a connection that waits: its frame is served, or stays. The reply is in f.reply. */
static int serve_again(struct waiter *w)
{
	size_t used, need;
	int err;

	f.out.n = 0;
	err = rpc_serve(&w->conn, w->in, w->n, &f.out, &used, &need);
	if (err == RPC_E_WAIT) {
		ck_assert_uint_eq(used, 0);
		ck_assert_uint_eq(f.out.n, 0);
	} else {
		ck_assert_uint_eq(used, w->n);
		ck_assert_uint_eq(unpack(0), f.out.n);
	}
	return err;
}

static int send_alloc(struct waiter *w, const Pallocd__V1__Alloc *m)
{
	put(&REQUEST(77, ALLOC, alloc, (Pallocd__V1__Alloc *)(uintptr_t)m));
	ck_assert_uint_le(f.n, sizeof(w->in));
	memcpy(w->in, f.in, f.n);
	w->n = f.n;
	f.n = 0;
	return serve_again(w);
}

/* An Alloc of one extent that may wait. */
static int alloc_waits(struct waiter *w, uint64_t npages, uint64_t msec)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	m.region_id = 1;
	m.npages = &npages;
	m.n_npages = 1;
	m.wait_msec = msec;
	return send_alloc(w, &m);
}

/* All of region 1 is f.main's, but for @left pages at its end. */
static void fill(uint64_t left)
{
	hello();
	assert_ok(alloc_n((uint64_t[]){NPAGES - left}, 1, 0));
}

static void give(uint64_t page, uint64_t npages)
{
	assert_ok(free_n((uint64_t[]){BASE + page * 4096}, &npages, 1, 1));
}

/* rpc_work() wakes exactly @w; NULL: nobody. */
static void assert_wakes(const struct waiter *w)
{
	f.nwoken = 0;
	ck_assert(rpc_work(&f.rpc));
	ck_assert_uint_eq(f.nwoken, w != NULL);
	if (w)
		ck_assert_ptr_eq(f.woken[0], &w->conn);
}

static uint64_t nwaiting_told(void)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	const Pallocd__V1__StatReply *r;

	m.region_id = 1;
	r = call(&REQUEST(1, STAT, stat, &m))->stat;
	ck_assert_uint_eq(r->daemon->nwaiting, r->region->nwaiting);
	return r->region->nwaiting;
}

START_TEST(what_fits_does_not_wait)
{
	fill(10);
	waiters_open(1);
	ck_assert_int_eq(alloc_waits(&waiters[0], 10, LONG_MSEC), 0);
	assert_ok(f.reply);
	ck_assert_uint_eq(f.rpc.nwaiting, 0);
	waiters_close(1);
}
END_TEST

START_TEST(first_come_first_served)
{
	uint64_t requests;

	fill(0);
	waiters_open(3);
	requests = f.rpc.counters.requests;
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(alloc_waits(&waiters[i], 10, LONG_MSEC), RPC_E_WAIT);
	ck_assert_uint_eq(nwaiting_told(), 3);
	ck_assert_uint_eq(waiters[1].conn.user->nwaiting, 1);
	/* Nothing has changed, so there is nothing to try. */
	assert_wakes(NULL);
	give(0, 25);
	assert_wakes(&waiters[0]);
	assert_wakes(NULL);
	ck_assert_int_eq(serve_again(&waiters[0]), 0);
	assert_ok(f.reply);
	ck_assert_uint_eq(f.reply->id, 77);
	ck_assert_uint_eq(f.reply->alloc->addr[0], BASE);
	/* What is left may do for the next one, and not for the one behind. */
	assert_wakes(&waiters[1]);
	ck_assert_int_eq(serve_again(&waiters[1]), 0);
	assert_ok(f.reply);
	assert_wakes(&waiters[2]);
	ck_assert_int_eq(serve_again(&waiters[2]), RPC_E_WAIT);
	assert_wakes(NULL);
	give(100, 5);
	assert_wakes(&waiters[2]);
	ck_assert_int_eq(serve_again(&waiters[2]), RPC_E_WAIT);
	give(105, 5);
	assert_wakes(&waiters[2]);
	ck_assert_int_eq(serve_again(&waiters[2]), 0);
	ck_assert_uint_eq(f.reply->alloc->addr[0], BASE + 100 * 4096);
	ck_assert_uint_eq(nwaiting_told(), 0);
	/* Each counts once, and none as refused: three Allocs, three Frees, two Stats. */
	ck_assert_uint_eq(f.rpc.counters.requests, requests + 8);
	ck_assert_uint_eq(f.rpc.counters.refusals, 0);
	ck_assert_uint_eq(f.regions.table[0]->counters.no_space, 0);
	waiters_close(3);
}
END_TEST

/* Who wants little waits behind who wants much, or those who want much would wait for ever. */
START_TEST(nobody_overtakes)
{
	fill(10);
	waiters_open(2);
	ck_assert_int_eq(alloc_waits(&waiters[0], 50, LONG_MSEC), RPC_E_WAIT);
	ck_assert_int_eq(alloc_waits(&waiters[1], 1, LONG_MSEC), RPC_E_WAIT);
	/* Served too early, it stays where it is. */
	ck_assert_int_eq(serve_again(&waiters[1]), RPC_E_WAIT);
	give(0, 10);
	assert_wakes(&waiters[0]);
	ck_assert_int_eq(serve_again(&waiters[0]), RPC_E_WAIT);
	assert_wakes(NULL);
	give(10, 40);
	assert_wakes(&waiters[0]);
	ck_assert_int_eq(serve_again(&waiters[0]), 0);
	assert_wakes(&waiters[1]);
	ck_assert_int_eq(serve_again(&waiters[1]), 0);
	waiters_close(2);
}
END_TEST

/* Who does not want to wait is not told to. */
START_TEST(an_impatient_alloc_is_tried_at_once)
{
	fill(10);
	waiters_open(1);
	ck_assert_int_eq(alloc_waits(&waiters[0], 50, LONG_MSEC), RPC_E_WAIT);
	assert_ok(alloc_n((uint64_t[]){10}, 1, 0));
	assert_refused(alloc_n((uint64_t[]){1}, 1, 0), PALLOCD_NO_SPACE, "npages");
	waiters_close(1);
}
END_TEST

START_TEST(each_region_has_a_queue_of_its_own)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	fill(0);
	waiters_open(2);
	ck_assert_int_eq(alloc_waits(&waiters[0], 5, LONG_MSEC), RPC_E_WAIT);
	/* One that comes later. */
	region_make("later", 512, 512);
	m.region_id = 2;
	m.npages = (uint64_t[]){512};
	m.n_npages = 1;
	m.wait_msec = LONG_MSEC;
	ck_assert_int_eq(send_alloc(&waiters[1], &m), 0);
	assert_ok(f.reply);
	ck_assert_int_eq(send_alloc(&waiters[1], &m), RPC_E_WAIT);
	give(0, 5);
	assert_wakes(&waiters[0]);
	ck_assert_int_eq(serve_again(&waiters[0]), 0);
	ck_assert_uint_eq(f.rpc.nwaiting, 1);
	waiters_close(2);
}
END_TEST

START_TEST(the_time_is_over)
{
	uint64_t due;

	fill(3);
	waiters_open(3);
	ck_assert_int_eq(alloc_waits(&waiters[0], 50, LONG_MSEC), RPC_E_WAIT);
	ck_assert_int_eq(alloc_waits(&waiters[1], 10, 20), RPC_E_WAIT);
	ck_assert_int_eq(alloc_waits(&waiters[2], 3, 30), RPC_E_WAIT);
	f.nwoken = 0;
	due = rpc_expire(&f.rpc);
	ck_assert_uint_eq(due, waiters[1].conn.wait_until_usec);
	ck_assert_uint_eq(f.nwoken, 0);
	while (clock_usec() < waiters[2].conn.wait_until_usec)
		;
	due = rpc_expire(&f.rpc);
	ck_assert_uint_eq(due, waiters[0].conn.wait_until_usec);
	ck_assert_uint_eq(f.nwoken, 2);
	ck_assert_int_eq(serve_again(&waiters[1]), 0);
	assert_refused(f.reply, PALLOCD_NO_SPACE, "npages");
	assert_says("the request has waited ");
	ck_assert_uint_eq(f.reply->refusal->asked, 10);
	ck_assert_uint_eq(f.regions.table[0]->counters.no_space, 1);
	/* At its end each has one more try, as if it had not wanted to wait. */
	ck_assert_int_eq(serve_again(&waiters[2]), 0);
	assert_ok(f.reply);
	ck_assert_uint_eq(f.rpc.nwaiting, 1);
	waiters_close(3);
	ck_assert_uint_eq(rpc_expire(&f.rpc), UINT64_MAX);
}
END_TEST

/* When the first gives up, the next may try although nothing has become free. */
START_TEST(the_first_gives_up)
{
	fill(10);
	waiters_open(2);
	ck_assert_int_eq(alloc_waits(&waiters[0], 50, _i ? 1 : LONG_MSEC), RPC_E_WAIT);
	ck_assert_int_eq(alloc_waits(&waiters[1], 10, LONG_MSEC), RPC_E_WAIT);
	assert_wakes(NULL);
	if (_i) {
		while (clock_usec() < waiters[0].conn.wait_until_usec)
			;
		ck_assert_int_eq(serve_again(&waiters[0]), 0);
		assert_refused(f.reply, PALLOCD_NO_SPACE, "npages");
	} else {
		rpc_conn_close(&waiters[0].conn, SESSION_DIED);
	}
	assert_wakes(&waiters[1]);
	ck_assert_int_eq(serve_again(&waiters[1]), 0);
	assert_ok(f.reply);
	ck_assert_uint_eq(f.rpc.nwaiting, 0);
	ck_assert_uint_eq(f.rpc.wait_next_usec, UINT64_MAX);
	rpc_conn_close(&waiters[1].conn, SESSION_CLOSED);
	if (_i)
		rpc_conn_close(&waiters[0].conn, SESSION_CLOSED);
}
END_TEST

/* Whoever is in the middle of the queue and leaves changes nothing for the others. */
START_TEST(one_in_the_middle_leaves)
{
	fill(0);
	waiters_open(3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(alloc_waits(&waiters[i], 10, LONG_MSEC), RPC_E_WAIT);
	rpc_conn_close(&waiters[1].conn, SESSION_DIED);
	assert_wakes(NULL);
	give(0, 20);
	assert_wakes(&waiters[0]);
	ck_assert_int_eq(serve_again(&waiters[0]), 0);
	assert_wakes(&waiters[2]);
	ck_assert_int_eq(serve_again(&waiters[2]), 0);
	rpc_conn_close(&waiters[0].conn, SESSION_CLOSED);
	rpc_conn_close(&waiters[2].conn, SESSION_CLOSED);
}
END_TEST

/* Its session is ended by another: it waits no more, and is told why. */
START_TEST(a_session_ends_that_waits)
{
	Pallocd__V1__EndSession m = PALLOCD__V1__END_SESSION__INIT;
	struct rpc_conn operator_;

	fill(0);
	waiters_open(1);
	ck_assert_int_eq(alloc_waits(&waiters[0], 10, LONG_MSEC), RPC_E_WAIT);
	m.session = waiters[0].conn.session->id;
	other_open(&operator_, 0);
	conn_swap(&operator_);
	assert_ok(call(&REQUEST(1, END_SESSION, end_session, &m)));
	conn_swap(&operator_);
	ck_assert_uint_eq(f.rpc.nwaiting, 0);
	ck_assert_int_eq(serve_again(&waiters[0]), RPC_E_CLOSE);
	assert_refused(f.reply, PALLOCD_SESSION_ENDED, "");
	rpc_conn_close(&operator_, SESSION_CLOSED);
	waiters_close(1);
}
END_TEST

/* What ended sessions held is enough: nobody waits for what nobody holds any more. */
START_TEST(ended_sessions_give_back_first)
{
	hello();
	waiters_open(2);
	conn_swap(&waiters[1].conn);
	assert_ok(alloc_n((uint64_t[]){NPAGES}, 1, 0));
	conn_swap(&waiters[1].conn);
	rpc_conn_close(&waiters[1].conn, SESSION_DIED);
	ck_assert_int_eq(alloc_waits(&waiters[0], NPAGES, LONG_MSEC), 0);
	assert_ok(f.reply);
	rpc_conn_close(&waiters[0].conn, SESSION_CLOSED);
}
END_TEST

/* What wakes the first: all that makes room, whoever does it. */
START_TEST(a_death_or_growth_makes_room)
{
	Pallocd__V1__Grow g = PALLOCD__V1__GROW__INIT;

	fill(0);
	waiters_open(1);
	ck_assert_int_eq(alloc_waits(&waiters[0], 10, LONG_MSEC), RPC_E_WAIT);
	if (_i) {
		g.region_id = 1;
		g.npages = 1;
		assert_ok(call(&REQUEST(1, GROW, grow, &g)));
	} else {
		session_end(f.main.session, SESSION_DIED, 0);
		f.main.session = NULL;
	}
	assert_wakes(&waiters[0]);
	ck_assert_int_eq(serve_again(&waiters[0]), 0);
	assert_ok(f.reply);
	waiters_close(1);
}
END_TEST

START_TEST(a_fixed_place_is_waited_for)
{
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	fill(100);
	waiters_open(1);
	p.rule = PALLOCD__V1__RULE__FIXED;
	p.addr = BASE + 50 * 4096;
	m.region_id = 1;
	m.npages = (uint64_t[]){2};
	m.n_npages = 1;
	m.placement = &p;
	m.wait_msec = LONG_MSEC;
	ck_assert_int_eq(send_alloc(&waiters[0], &m), RPC_E_WAIT);
	give(51, 1);
	assert_wakes(&waiters[0]);
	ck_assert_int_eq(serve_again(&waiters[0]), RPC_E_WAIT);
	give(50, 1);
	assert_wakes(&waiters[0]);
	ck_assert_int_eq(serve_again(&waiters[0]), 0);
	ck_assert_uint_eq(f.reply->alloc->addr[0], p.addr);
	waiters_close(1);
}
END_TEST

/* What can never be is refused at once, with others before it or without. */
START_TEST(what_can_never_be_does_not_wait)
{
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	fill(0);
	waiters_open(2);
	if (_i)
		ck_assert_int_eq(alloc_waits(&waiters[1], 1, LONG_MSEC), RPC_E_WAIT);
	ck_assert_int_eq(alloc_waits(&waiters[0], 2049, LONG_MSEC), 0);
	assert_refused(f.reply, PALLOCD_LIMIT, "npages");
	ck_assert_int_eq(alloc_waits(&waiters[0], 0, LONG_MSEC), 0);
	assert_refused(f.reply, PALLOCD_INVALID, "npages");
	m.region_id = 1;
	m.npages = (uint64_t[]){2000, 2000};
	m.n_npages = 2;
	m.wait_msec = LONG_MSEC;
	ck_assert_int_eq(send_alloc(&waiters[0], &m), 0);
	assert_refused(f.reply, PALLOCD_NO_SPACE, "npages");
	m.npages = (uint64_t[]){1, 3000};
	ck_assert_int_eq(send_alloc(&waiters[0], &m), 0);
	assert_refused(f.reply, PALLOCD_LIMIT, "npages");
	ck_assert_uint_eq(f.reply->refusal->index, 1);
	m.npages = (uint64_t[]){1, 1};
	m.placement = &p;
	p.align_npages = 3;
	ck_assert_int_eq(send_alloc(&waiters[0], &m), 0);
	assert_refused(f.reply, PALLOCD_INVALID, "align_npages");
	p.align_npages = 0;
	p.rule = PALLOCD__V1__RULE__FIXED;
	p.addr = BASE;
	ck_assert_int_eq(send_alloc(&waiters[0], &m), 0);
	assert_refused(f.reply, PALLOCD_INVALID, "addr");
	ck_assert_uint_eq(f.rpc.nwaiting, (unsigned)_i);
	waiters_close(2);
}
END_TEST

START_TEST(waiting_has_a_quota)
{
	fill(0);
	f.regions.limits.waiting = 1;
	other_open(&waiters[0].conn, 1000);
	other_open(&waiters[1].conn, 1000);
	other_open(&waiters[2].conn, 1001);
	ck_assert_int_eq(alloc_waits(&waiters[0], 1, LONG_MSEC), RPC_E_WAIT);
	ck_assert_int_eq(alloc_waits(&waiters[1], 1, LONG_MSEC), 0);
	assert_refused(f.reply, PALLOCD_QUOTA, "user_waiting");
	assert_says("user_waiting: 1 of 1 requests wait");
	ck_assert_uint_eq(f.reply->refusal->used, 1);
	ck_assert_uint_eq(f.reply->refusal->limit, 1);
	ck_assert_int_eq(alloc_waits(&waiters[2], 1, LONG_MSEC), RPC_E_WAIT);
	waiters_close(3);
}
END_TEST

START_TEST(a_closed_region_lets_nobody_wait)
{
	fill(0);
	waiters_open(3);
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(alloc_waits(&waiters[i], 1, LONG_MSEC), RPC_E_WAIT);
	log_open((enum log_level)0);
	region_fault(f.regions.table[0], "R0: told to by a test");
	for (size_t i = 0; i < 2; i++) {
		assert_wakes(&waiters[i]);
		ck_assert_int_eq(serve_again(&waiters[i]), 0);
		assert_refused(f.reply, PALLOCD_FAULTED, "");
	}
	ck_assert_int_eq(alloc_waits(&waiters[2], 1, LONG_MSEC), 0);
	assert_refused(f.reply, PALLOCD_FAULTED, "");
	waiters_close(3);
}
END_TEST

START_TEST(lost_rights_end_the_waiting)
{
	fill(0);
	waiters_open(1);
	ck_assert_int_eq(alloc_waits(&waiters[0], 1, LONG_MSEC), RPC_E_WAIT);
	waiters[0].conn.session->rights[0] = ACCESS_GROW;
	ck_assert_int_eq(serve_again(&waiters[0]), 0);
	assert_refused(f.reply, PALLOCD_DENIED, "alloc");
	ck_assert_uint_eq(f.rpc.nwaiting, 0);
	waiters_close(1);
}
END_TEST

START_TEST(no_memory_to_wait)
{
	fill(0);
	waiters_open(1);
	mem_fail_after(0);
	ck_assert_int_eq(alloc_waits(&waiters[0], 1, LONG_MSEC), 0);
	mem_fail_after(-1);
	assert_refused(f.reply, PALLOCD_NO_MEMORY, "");
	ck_assert_uint_eq(f.rpc.nwaiting, 0);
	ck_assert_uint_eq(waiters[0].conn.user->nwaiting, 0);
	ck_assert_int_eq(alloc_waits(&waiters[0], 1, LONG_MSEC), RPC_E_WAIT);
	waiters_close(1);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, what_fits_does_not_wait);
	tcase_add_test(tc, first_come_first_served);
	tcase_add_test(tc, nobody_overtakes);
	tcase_add_test(tc, an_impatient_alloc_is_tried_at_once);
	tcase_add_test(tc, each_region_has_a_queue_of_its_own);
	tcase_add_test(tc, the_time_is_over);
	tcase_add_loop_test(tc, the_first_gives_up, 0, 2);
	tcase_add_test(tc, one_in_the_middle_leaves);
	tcase_add_test(tc, a_session_ends_that_waits);
	tcase_add_test(tc, ended_sessions_give_back_first);
	tcase_add_loop_test(tc, a_death_or_growth_makes_room, 0, 2);
	tcase_add_test(tc, a_fixed_place_is_waited_for);
	tcase_add_loop_test(tc, what_can_never_be_does_not_wait, 0, 2);
	tcase_add_test(tc, waiting_has_a_quota);
	tcase_add_test(tc, a_closed_region_lets_nobody_wait);
	tcase_add_test(tc, lost_rights_end_the_waiting);
	tcase_add_test(tc, no_memory_to_wait);
}

int main(void)
{
	return run("wait", add_tests);
}
