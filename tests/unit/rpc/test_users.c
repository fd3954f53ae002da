/*
 * test_users - what Stat says of users
 *
 * Role:       unit tests of who is told of whom, in which order, and how much of it at once, in rpc/.
 * Uses:       rpc/, check
 */
#include <unistd.h>

#include "proto/limits.h"
#include "tests/unit/rpc/fixture.h"

static const Pallocd__V1__StatReply *users(uint32_t region_id, uint32_t from_uid)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;

	m.region_id = region_id;
	m.users = true;
	m.from_uid = from_uid;
	assert_ok(call(&REQUEST(1, STAT, stat, &m)));
	return f.reply->stat;
}

START_TEST(nobody_is_told_who_does_not_ask)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;

	hello();
	assert_ok(call(&REQUEST(1, STAT, stat, &m)));
	ck_assert_uint_eq(f.reply->stat->n_users, 0);
}
END_TEST

START_TEST(a_user_is_told_of_himself)
{
	const Pallocd__V1__StatReply *r;
	struct rpc_conn other;

	hello();
	other_open(&other, 999);
	conn_swap(&other);
	alloc_n((uint64_t[]){7}, 1, 0);
	conn_swap(&other);
	alloc_n((uint64_t[]){5}, 1, 0);
	alloc_n((uint64_t[]){6}, 1, 1);
	f.main.user->nwaiting = 4;
	f.main.user->queued_bytes = 123;
	r = users(0, 0);
	ck_assert_uint_eq(r->n_users, 1);
	ck_assert(!r->more_users && !r->region);
	ck_assert_uint_eq(r->users[0]->uid, 1000);
	ck_assert_uint_eq(r->users[0]->nsessions, 1);
	ck_assert_uint_eq(r->users[0]->nconnections, 1);
	ck_assert_uint_eq(r->users[0]->nwaiting, 4);
	ck_assert_uint_eq(r->users[0]->queued_bytes, 123);
	ck_assert_uint_eq(r->users[0]->npages, 0);
	r = users(1, 0);
	ck_assert_uint_eq(r->n_users, 1);
	ck_assert_uint_eq(r->region->id, 1);
	ck_assert_uint_eq(r->users[0]->npages, 11);
	ck_assert_uint_eq(r->users[0]->nextents, 2);
	ck_assert_uint_eq(users(1, 1001)->n_users, 0);
	f.main.user->nwaiting = 0;
	f.main.user->queued_bytes = 0;
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

/* Root and the daemon's own user are told of all, of a region only of those who hold something there. */
START_TEST(operators_are_told_of_all)
{
	const uid_t operators[] = {0, 500};
	const Pallocd__V1__StatReply *r;
	struct rpc_conn other;

	hello();
	alloc_n((uint64_t[]){5}, 1, 1);
	other_open(&other, operators[_i]);
	conn_swap(&other);
	r = users(0, 0);
	ck_assert_uint_eq(r->n_users, 2);
	ck_assert_uint_eq(r->users[0]->uid, operators[_i]);
	ck_assert_uint_eq(r->users[1]->uid, 1000);
	r = users(1, 0);
	ck_assert_uint_eq(r->n_users, 1);
	ck_assert_uint_eq(r->users[0]->uid, 1000);
	ck_assert_uint_eq(r->users[0]->npages, 5);
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

/* However they came: ascending, as many as one reply may have, and from there on; nobody twice, nobody forgotten. */
START_TEST(many_come_in_parts)
{
	const unsigned n = 2 * PALLOCD_USERS_MAX + 10, step = 7;
	uint64_t from = 0, nseen = 0, last = 0;
	const Pallocd__V1__StatReply *r;
	struct rpc_conn other;
	struct user *user;

	hello();
	/* In an order of its own: step and n have no divisor in common. */
	for (unsigned i = 0; i < n; i++) {
		ck_assert_int_eq(regions_user(&f.regions, 2000 + i * step % n, &user), 0);
		user->nsessions++;
	}
	other_open(&other, 0);
	conn_swap(&other);
	do {
		r = users(0, (uint32_t)from);
		ck_assert_uint_le(r->n_users, PALLOCD_USERS_MAX);
		ck_assert(!r->more_users || r->n_users == PALLOCD_USERS_MAX);
		for (size_t i = 0; i < r->n_users; i++) {
			ck_assert(!nseen || r->users[i]->uid > last);
			last = r->users[i]->uid;
			nseen++;
		}
		from = last + 1;
	} while (r->more_users);
	ck_assert_uint_eq(nseen, n + 2);
	ck_assert_uint_eq(last, 2000 + n - 1);
	/* Exactly as many as fit are all that there are. */
	r = users(0, 2000 + n - PALLOCD_USERS_MAX);
	ck_assert_uint_eq(r->n_users, PALLOCD_USERS_MAX);
	ck_assert(!r->more_users);
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_CLOSED);
	for (unsigned i = 0; i < n; i++) {
		ck_assert_int_eq(regions_user(&f.regions, 2000 + i, &user), 0);
		user->nsessions--;
	}
}
END_TEST

/* What is not of a client, but of the daemon and its host. */
START_TEST(the_daemon_tells_of_itself)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	const Pallocd__V1__DaemonStat *d;

	f.rpc.connections_max = 31;
	f.rpc.connections_wanted = 32;
	f.regions.nleft_out = 3;
	hello();
	assert_ok(call(&REQUEST(1, STAT, stat, &m)));
	d = f.reply->stat->daemon;
	ck_assert_uint_eq(d->pid, (uint32_t)getpid());
	ck_assert_uint_eq(d->connections_max, 31);
	ck_assert_uint_eq(d->connections_wanted, 32);
	ck_assert_uint_eq(d->nleft_out, 3);
	ck_assert_uint_gt(d->descriptors_max, 0);
	ck_assert_uint_eq(d->kept_back_total, 0);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, nobody_is_told_who_does_not_ask);
	tcase_add_test(tc, a_user_is_told_of_himself);
	tcase_add_loop_test(tc, operators_are_told_of_all, 0, 2);
	tcase_add_test(tc, many_come_in_parts);
	tcase_add_test(tc, the_daemon_tells_of_itself);
}

int main(void)
{
	return run("users", add_tests);
}
