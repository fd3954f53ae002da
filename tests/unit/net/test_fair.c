/*
 * test_fair - whose turn it is: the arithmetic
 *
 * Role:       unit tests of net/fair.h without connections: links stand for them, costs are invented.
 * Uses:       net/fair.h, check
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/fair.h"
#include "rpc/rpc.h"
#include "tests/unit/random.h"

_Static_assert(FAIR_SERVE_MAX == RPC_COST_MAX, "one turn of one connection");
_Static_assert(FAIR_PER_USEC == RPC_COST_PER_USEC, "what time costs");

static struct fair fair;
static uint64_t now, now_usec;

static void setup(void)
{
	fair_init(&fair);
	now = 1000;
	now_usec = 1;
	fair_turn(&fair, now, now_usec);
}

static void teardown(void)
{
	fair_deinit(&fair);
}

static struct fair_user *user(uint32_t id)
{
	struct fair_user *u = NULL;

	ck_assert_int_eq(fair_user_get(&fair, id, &u), 0);
	ck_assert_uint_eq(u->id, id);
	return u;
}

static void assert_sound(void)
{
	char why[200];

	ck_assert_msg(fair_check(&fair, why, sizeof(why)), "%s", why);
}

static void turn(void)
{
	fair_turn(&fair, now, now_usec);
	assert_sound();
}

START_TEST(alone_one_has_all_turns)
{
	struct fair_user *u = user(1);

	for (int turns = 0; turns < 10; turns++) {
		/* What 512 connections with 64 requests each cost. */
		for (int i = 0; i < 512; i++) {
			ck_assert(fair_may(u));
			ck_assert_uint_ge(fair_budget(u), 64);
			fair_charge(&fair, u, 64 + 16);
		}
		turn();
	}
	ck_assert(!fair_contended(&fair));
	ck_assert_uint_eq(fair_budget(u), RPC_COST_MAX);
	fair_user_put(u);
}
END_TEST

START_TEST(a_second_one_makes_turns_short)
{
	struct fair_user *a = user(1), *b = user(2);

	fair_charge(&fair, a, 1);
	ck_assert(!fair_contended(&fair));
	fair_charge(&fair, b, 1);
	ck_assert(fair_contended(&fair));
	ck_assert_uint_le(fair_budget(a), FAIR_QUANTUM);
	ck_assert_uint_eq(fair_budget(b), FAIR_QUANTUM - 1);
	assert_sound();
	turn();
	/* It is remembered for a time, turns or none. */
	now += FAIR_ACTIVE_MSEC - 1;
	fair_charge(&fair, a, 1);
	turn();
	ck_assert(fair_contended(&fair));
	now++;
	turn();
	ck_assert(!fair_contended(&fair));
	turn();
	ck_assert_uint_eq(fair_budget(a), RPC_COST_MAX);
	fair_user_put(a);
	fair_user_put(b);
}
END_TEST

/* Turns in which @other, if there is one, is served, and which take @usec. */
static unsigned turns_until_may(const struct fair_user *u, struct fair_user *other, uint64_t usec)
{
	for (unsigned n = 0;; n++) {
		if (fair_may(u))
			return n;
		ck_assert_uint_le(n, 10 * FAIR_DEBT_MAX);
		if (other)
			fair_charge(&fair, other, 1);
		now_usec += usec;
		turn();
	}
}

/* What is beyond the quantum counts more, and is paid off quantum by quantum, or by time; up to what is let off. */
START_TEST(a_debt_is_paid_off)
{
	enum { Q = FAIR_QUANTUM, TURNS_MAX = FAIR_DEBT_MAX / Q + 1 };
	static const struct {
		uint64_t cost;
		unsigned nturns;
	} rows[] = {
		{Q - 1, 0},
		{Q, 1},
		{Q + 1, 1},
		{Q + Q / FAIR_BEYOND, 1},
		{Q + Q / FAIR_BEYOND + 1, 2},
		{Q + 10 * Q, 10 * FAIR_BEYOND + 1},
		{Q + FAIR_DEBT_MAX / FAIR_BEYOND, TURNS_MAX},
		{FAIR_DEBT_MAX, TURNS_MAX},
		{UINT64_MAX, TURNS_MAX},
	};
	struct fair_user *u = user(1), *other = user(2);

	fair_charge(&fair, u, 1);
	fair_charge(&fair, other, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned n;

		for (int k = 0; k < 2; k++) {
			turn();
			ck_assert_int_eq(u->credit, Q);
			fair_charge(&fair, u, rows[i].cost);
			assert_sound();
			ck_assert_msg(fair_may(other), "another one's debt is not its own");
			/* In the turn in which it came about, nobody else was served. */
			turn();
			n = turns_until_may(u, k ? NULL : other, k ? 1 : 0);
			if (k)
				ck_assert_uint_le(n,
						  FAIR_BEYOND * Q / FAIR_PER_USEC * rows[i].nturns);
			else
				ck_assert_msg(n == rows[i].nturns, "row %zu: %u", i, n);
		}
	}
	fair_user_put(u);
	fair_user_put(other);
}
END_TEST

/* Who is alone pays at once; and time that passes while there is no debt pays nothing. */
START_TEST(time_pays_debts_only)
{
	struct fair_user *u = user(1), *other = user(2);

	fair_charge(&fair, u, UINT64_MAX);
	turn();
	ck_assert(fair_may(u));
	fair_charge(&fair, other, 1);
	turn();
	now_usec += 1000 * 1000;
	turn();
	ck_assert_int_eq(u->credit, FAIR_QUANTUM);
	fair_charge(&fair, u, FAIR_QUANTUM + 100);
	ck_assert_int_eq(u->credit, -100 * FAIR_BEYOND);
	now_usec += 10;
	turn();
	ck_assert_int_eq(u->credit, -100 * FAIR_BEYOND + 10 * FAIR_PER_USEC);
	now_usec += 1000 * 1000;
	turn();
	ck_assert_int_eq(u->credit, FAIR_QUANTUM);
	fair_user_put(u);
	fair_user_put(other);
}
END_TEST

START_TEST(connecting_again_pays_nothing)
{
	struct fair_user *u = user(1), *other = user(2);

	fair_charge(&fair, u, 1);
	fair_charge(&fair, other, UINT64_MAX);
	fair_user_put(other);
	assert_sound();
	other = user(2);
	ck_assert(!fair_may(other));
	ck_assert_uint_gt(turns_until_may(other, u, 0), FAIR_DEBT_MAX / FAIR_QUANTUM - 2);
	fair_user_put(other);
	/* Gone when nobody remembers it, and not before. */
	now += FAIR_ACTIVE_MSEC;
	fair_charge(&fair, u, 1);
	turn();
	ck_assert_int_eq(fair.nactive, 1);
	ck_assert(fair.users.next == fair.users.prev);
	fair_user_put(u);
}
END_TEST

START_TEST(first_come_first_served)
{
	struct fair_user *u = user(1), *other = user(2);
	struct list links[5];

	fair_charge(&fair, other, 1);
	for (int i = 0; i < 5; i++) {
		list_init(&links[i]);
		fair_defer(&fair, u, &links[i]);
	}
	fair_forget(&fair, u, &links[1]);
	fair_forget(&fair, u, &links[1]);
	turn();
	ck_assert_ptr_eq(fair_next(&fair), &links[0]);
	ck_assert_ptr_eq(fair_next(&fair), &links[2]);
	fair_charge(&fair, u, FAIR_QUANTUM);
	ck_assert_ptr_null(fair_next(&fair));
	fair_charge(&fair, other, 1);
	/* What is deferred again comes last, and only in the next turn. */
	fair_defer(&fair, u, &links[0]);
	turn();
	ck_assert_ptr_eq(fair_next(&fair), &links[3]);
	fair_defer(&fair, u, &links[3]);
	ck_assert_ptr_eq(fair_next(&fair), &links[4]);
	ck_assert_ptr_eq(fair_next(&fair), &links[0]);
	ck_assert_ptr_null(fair_next(&fair));
	turn();
	ck_assert_ptr_eq(fair_next(&fair), &links[3]);
	assert_sound();
	ck_assert_uint_eq(fair.ndeferred, 0);
	fair_user_put(u);
	fair_user_put(other);
}
END_TEST

START_TEST(users_take_turns_at_being_first)
{
	struct fair_user *u[3];
	struct list links[3];
	unsigned nfirst[3] = {0};

	for (uint32_t i = 0; i < 3; i++) {
		u[i] = user(i);
		list_init(&links[i]);
		fair_defer(&fair, u[i], &links[i]);
	}
	for (int n = 0; n < 30; n++) {
		struct list *link;

		turn();
		link = fair_next(&fair);
		nfirst[link - links]++;
		do {
			fair_defer(&fair, u[link - links], link);
		} while ((link = fair_next(&fair)) != NULL);
	}
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(nfirst[i], 10);
		fair_forget(&fair, u[i], &links[i]);
		fair_user_put(u[i]);
	}
}
END_TEST

/* What several deferred links cost together is no more than a quantum and the last one's. */
START_TEST(a_turn_ends_after_a_quantum_of_what_was_deferred)
{
	struct fair_user *u[3];
	struct list links[3];

	for (uint32_t i = 0; i < 3; i++) {
		u[i] = user(i);
		list_init(&links[i]);
		fair_defer(&fair, u[i], &links[i]);
	}
	turn();
	for (uint64_t cost = FAIR_QUANTUM - 1; cost; cost = cost > 1) {
		struct list *link = fair_next(&fair);

		ck_assert_ptr_nonnull(link);
		fair_charge(&fair, u[link - links], cost);
	}
	ck_assert_uint_eq(fair.ndeferred, 1);
	ck_assert_ptr_null(fair_next(&fair));
	turn();
	ck_assert_ptr_nonnull(fair_next(&fair));
	ck_assert_uint_eq(fair.ndeferred, 0);
	for (int i = 0; i < 3; i++)
		fair_user_put(u[i]);
}
END_TEST

/* What belongs to no user has its turns, and pays as all others do, but nobody's turns are short because of it. */
START_TEST(who_stands_aside_makes_no_turn_short)
{
	struct fair_user *u = user(1), *aside = user(FAIR_NOBODY), *other = user(2);

	fair_user_set_aside(aside);
	fair_charge(&fair, u, 1);
	fair_charge(&fair, aside, 1);
	assert_sound();
	ck_assert(!fair_contended(&fair));
	ck_assert_uint_eq(fair_budget(u), RPC_COST_MAX);
	fair_charge(&fair, other, 1);
	turn();
	fair_charge(&fair, aside, 2 * FAIR_QUANTUM);
	ck_assert(!fair_may(aside));
	turn();
	ck_assert_uint_eq(turns_until_may(aside, u, 0), FAIR_BEYOND + 1);
	now += FAIR_ACTIVE_MSEC;
	turn();
	assert_sound();
	ck_assert_uint_eq(fair.nactive, 0);
	fair_user_put(aside);
	fair_user_put(other);
	fair_user_put(u);
}
END_TEST

enum { NUSERS = 5, NCONNS = 40, NTURNS = 20000 };

struct fake_conn {
	struct list link;
	uint64_t deferred_turn;
	uint32_t position;
};

/*
 * Users with more and more connections, all of them always wanting to be served, for costs between nothing and five times what one
 * call should cost. Nobody starves: a connection that is deferred behind n others is served when each of them, and itself, has
 * waited for the greatest debt. And nobody costs more than its share, whatever its connections are.
 */
START_TEST(nobody_starves_and_nobody_has_more)
{
	static struct fake_conn conns[NUSERS][NCONNS];
	struct fair_user *u[NUSERS];
	uint64_t cost[NUSERS] = {0}, most = 0, least = UINT64_MAX;
	const uint64_t bound = FAIR_DEBT_MAX / FAIR_QUANTUM + 2;
	struct random r;

	random_init(&r, "fair");
	for (uint32_t i = 0; i < NUSERS; i++) {
		u[i] = user(i);
		for (uint32_t k = 0; k <= i * (NCONNS - 1) / (NUSERS - 1); k++) {
			list_init(&conns[i][k].link);
			fair_defer(&fair, u[i], &conns[i][k].link);
			conns[i][k].position = u[i]->ndeferred;
		}
	}
	for (uint64_t n = 1; n <= NTURNS; n++) {
		struct list *link;

		now += n % 100 == 0;
		turn();
		while ((link = fair_next(&fair)) != NULL) {
			struct fake_conn *c = list_entry(link, struct fake_conn, link);
			size_t i = (size_t)(c - &conns[0][0]) / NCONNS;
			uint64_t spent = random_below(&r, 4) ? random_below(&r, 100)
							     : random_below(&r, 5 * FAIR_QUANTUM);

			ck_assert_uint_le(n - c->deferred_turn, bound * c->position);
			ck_assert_uint_gt(fair_budget(u[i]), 0);
			fair_charge(&fair, u[i], spent);
			cost[i] += spent;
			fair_defer(&fair, u[i], link);
			c->deferred_turn = n;
			c->position = u[i]->ndeferred;
		}
		for (int i = 0; i < NUSERS; i++)
			ck_assert_uint_le(cost[i], (n + 5) * FAIR_QUANTUM);
	}
	for (uint32_t i = 0; i < NUSERS; i++) {
		/* The one with a single connection may have had less: it is served once a turn. */
		if (i && cost[i] > most)
			most = cost[i];
		if (i && cost[i] < least)
			least = cost[i];
		for (uint32_t k = 0; k <= i * (NCONNS - 1) / (NUSERS - 1); k++)
			fair_forget(&fair, u[i], &conns[i][k].link);
		fair_user_put(u[i]);
	}
	/* One piece may cost five quanta, and whoever is not first may miss a quantum in each turn until it is. */
	ck_assert_uint_le(most - least, (5 + NUSERS) * FAIR_QUANTUM);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fair");
	TCase *tc = tcase_create("fair");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, alone_one_has_all_turns);
	tcase_add_test(tc, a_second_one_makes_turns_short);
	tcase_add_test(tc, a_debt_is_paid_off);
	tcase_add_test(tc, time_pays_debts_only);
	tcase_add_test(tc, connecting_again_pays_nothing);
	tcase_add_test(tc, first_come_first_served);
	tcase_add_test(tc, users_take_turns_at_being_first);
	tcase_add_test(tc, a_turn_ends_after_a_quantum_of_what_was_deferred);
	tcase_add_test(tc, who_stands_aside_makes_no_turn_short);
	tcase_add_test(tc, nobody_starves_and_nobody_has_more);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
