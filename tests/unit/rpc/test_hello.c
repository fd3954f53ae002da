/*
 * test_hello - sessions that begin, go on elsewhere, and end
 *
 * Role:       unit tests of Hello's grace time and token, of Sessions and EndSession, and of connections' limits in rpc/.
 * Uses:       rpc/, region/, proto/, check
 */
#include <errno.h>

#include "base/clock.h"
#include "fixture.h"

static const Reply *hello_with(uint64_t grace_msec, const uint8_t *token, size_t ntoken)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;

	m.version = 1;
	m.client = (char *)"resumer";
	m.grace_msec = grace_msec;
	m.token = (ProtobufCBinaryData){.len = ntoken, .data = (uint8_t *)(uintptr_t)token};
	return call(&REQUEST(1, HELLO, hello, &m));
}

static const Reply *sessions(uint64_t after, uint32_t region_id)
{
	Pallocd__V1__Sessions m = PALLOCD__V1__SESSIONS__INIT;

	m.after = after;
	m.region_id = region_id;
	return call(&REQUEST(2, SESSIONS, sessions, &m));
}

static Request *put_end(uint64_t session)
{
	static Pallocd__V1__EndSession m;
	static Request req;

	m = (Pallocd__V1__EndSession)PALLOCD__V1__END_SESSION__INIT;
	m.session = session;
	req = REQUEST(3, END_SESSION, end_session, &m);
	return &req;
}

START_TEST(hello_says_what_is_granted)
{
	const Pallocd__V1__HelloReply *r;

	assert_ok(hello_with(5000, NULL, 0));
	r = f.reply->hello;
	ck_assert_uint_eq(r->grace_msec, 5000);
	ck_assert_uint_eq(r->token.len, PALLOCD_TOKEN_BYTES);
	ck_assert_mem_eq(r->token.data, f.conn->session->token, PALLOCD_TOKEN_BYTES);
	ck_assert(!r->resumed);
	ck_assert_uint_eq(r->n_features, 15);
	for (size_t i = 0; i < r->n_features; i++)
		ck_assert_uint_eq((unsigned)r->features[i], i + 1);
	ck_assert_uint_eq(f.conn->session->grace_usec, 5000000);
}
END_TEST

START_TEST(the_peer_is_identified_before_its_session_begins)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;

	f.identify_err = -ENOMEM;
	ck_assert_int_eq(hello()->status, PALLOCD_NO_MEMORY);
	ck_assert_ptr_null(f.conn->session);
	f.identify_err = 0;
	assert_ok(hello());
	/* Nothing that is refused takes the trouble, and nobody is asked about twice. */
	ck_assert_uint_eq(f.nidentified, 2);
	ck_assert_int_eq(hello()->status, PALLOCD_HELLO_REQUIRED);
	ck_assert_uint_eq(f.nidentified, 2);

	session_end(f.conn->session, SESSION_ASKED, 0);
	f.conn->session = NULL;
	f.conn->identified = false;
	f.identify_err = RPC_E_CLOSE;
	m.version = 1;
	put(&REQUEST(3, HELLO, hello, &m));
	ck_assert_int_eq(serve(), RPC_E_CLOSE);
	unpack(0);
	ck_assert_int_eq(f.reply->status, PALLOCD_SESSION_ENDED);
	ck_assert_ptr_null(f.conn->session);
}
END_TEST

START_TEST(grace_has_a_limit)
{
	assert_ok(hello_with(UINT64_MAX, NULL, 0));
	ck_assert_uint_eq(f.reply->hello->grace_msec, PALLOCD_GRACE_MSEC_MAX);
	ck_assert_uint_eq(f.conn->session->grace_usec, PALLOCD_GRACE_MSEC_MAX * UINT64_C(1000));
}
END_TEST

START_TEST(hello_refusals)
{
	static const uint8_t token[PALLOCD_TOKEN_BYTES + 1] = {1, 2, 3};
	static const struct {
		const char *client;
		enum pallocd_status status;
	} clients[] = {
		{"two\nlines", PALLOCD_INVALID},
		{"bell\a", PALLOCD_INVALID},
		{"\x7f", PALLOCD_INVALID},
		{"\xc2\x9b red", PALLOCD_INVALID}, /* a control character of two bytes */
		{"\xff", PALLOCD_INVALID},
		{"\xc3", PALLOCD_INVALID},             /* ends too early */
		{"\xc0\xaf", PALLOCD_INVALID},         /* longer than need be */
		{"\xed\xa0\x80", PALLOCD_INVALID},     /* half of a pair */
		{"\xf4\x90\x80\x80", PALLOCD_INVALID}, /* beyond Unicode */
		{"\x80", PALLOCD_INVALID},
		{"\xf8\x88\x80\x80\x80", PALLOCD_INVALID},
		{"sixty-four bytes are one more than a client's name may have at m", PALLOCD_LIMIT},
	};
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;

	assert_refused(hello_with(0, token, 1), PALLOCD_INVALID, "token");
	assert_refused(hello_with(0, token, 15), PALLOCD_INVALID, "token");
	assert_refused(hello_with(0, token, 17), PALLOCD_INVALID, "token");
	ck_assert_uint_eq(f.reply->refusal->asked, 17);
	ck_assert_uint_eq(f.reply->refusal->limit, PALLOCD_TOKEN_BYTES);
	assert_refused(hello_with(0, token, 16), PALLOCD_NO_SESSION, "token");
	m.version = 1;
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		m.client = (char *)(uintptr_t)clients[i].client;
		assert_refused(call(&REQUEST(1, HELLO, hello, &m)), clients[i].status, "client");
	}
	ck_assert_uint_eq(f.regions.nsessions[SESSION_OPEN], 0);
	/* What people are called. */
	m.client = (char *)"B\xc3\xa4\x72 \xe2\x82\xac \xf0\x9f\x90\xbb";
	assert_ok(call(&REQUEST(1, HELLO, hello, &m)));
}
END_TEST

START_TEST(a_session_goes_on_in_its_grace_time)
{
	uint8_t token[PALLOCD_TOKEN_BYTES];
	struct rpc_conn other;
	uint64_t id, addr;

	hello();
	other_connect(&other, 1001);
	conn_swap(&other);
	assert_ok(hello_with(60000, NULL, 0));
	id = f.reply->hello->session;
	memcpy(token, f.reply->hello->token.data, sizeof(token));
	addr = alloc_n((uint64_t[]){7}, 1, 0)->alloc->addr[0];
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_CLOSED);
	ck_assert(rpc_work(&f.rpc));
	ck_assert_uint_eq(f.regions.nsessions[SESSION_GRACE], 1);
	ck_assert_uint_eq(f.regions.table[0]->used_npages, 7);

	/* A token is of no use to another user. */
	other_connect(&other, 1002);
	conn_swap(&other);
	assert_refused(hello_with(0, token, sizeof(token)), PALLOCD_NO_SESSION, "token");
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_CLOSED);

	other_connect(&other, 1001);
	conn_swap(&other);
	assert_ok(hello_with(250, token, sizeof(token)));
	ck_assert(f.reply->hello->resumed);
	ck_assert_uint_eq(f.reply->hello->session, id);
	ck_assert_uint_eq(f.reply->hello->grace_msec, 250);
	ck_assert_mem_eq(f.reply->hello->token.data, token, sizeof(token));
	ck_assert_str_eq(other.session->client, "resumer");
	assert_ok(free_n(&addr, (uint64_t[]){7}, 1, 1));
	ck_assert_uint_eq(f.regions.table[0]->used_npages, 0);
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_CLOSED);
	/* It ends when that is over. */
	ck_assert_uint_le(rpc_expire(&f.rpc), clock_usec() + 250000);
	while (f.regions.nsessions[SESSION_GRACE])
		(void)rpc_expire(&f.rpc);
	ck_assert_uint_eq(f.regions.nsessions[SESSION_ENDING], 1);
	ck_assert_uint_eq(rpc_expire(&f.rpc), UINT64_MAX);
	ck_assert_uint_eq(f.ncut, 0);
}
END_TEST

/* Its client believes the old connection to be dead; or somebody of the same user has its token. */
START_TEST(a_session_is_taken_from_an_open_connection)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	uint8_t token[PALLOCD_TOKEN_BYTES];
	struct rpc_conn other;
	struct session *s;

	assert_ok(hello_with(0, NULL, 0));
	memcpy(token, f.reply->hello->token.data, sizeof(token));
	s = f.conn->session;
	alloc_n((uint64_t[]){7}, 1, 0);
	other_connect(&other, 1000);
	conn_swap(&other);
	assert_ok(hello_with(0, token, sizeof(token)));
	ck_assert(f.reply->hello->resumed);
	ck_assert_ptr_eq(other.session, s);
	ck_assert_ptr_eq(s->conn, &other);
	ck_assert_uint_eq(f.ncut, 1);
	ck_assert_ptr_eq(f.cut[0], &f.main);
	ck_assert_ptr_null(f.main.session);
	conn_swap(&other);
	/* What still comes there is answered so, and is the last. */
	put(&REQUEST(9, STAT, stat, &m));
	put(&REQUEST(10, STAT, stat, &m));
	ck_assert_int_eq(serve(), RPC_E_CLOSE);
	ck_assert_uint_eq(unpack(0), f.out.n);
	ck_assert_uint_eq(f.reply->id, 9);
	assert_refused(f.reply, PALLOCD_SESSION_ENDED, "");
	/* Closing it harms nobody. */
	rpc_conn_close(&f.main, SESSION_CLOSED);
	ck_assert(rpc_work(&f.rpc));
	ck_assert_uint_eq(f.regions.nsessions[SESSION_OPEN], 1);
	ck_assert_uint_eq(f.regions.table[0]->used_npages, 7);
	rpc_conn_close(&other, SESSION_CLOSED);
	ck_assert_int_eq(rpc_conn_open(&f.main, &f.rpc, &other.peer, &f.out), 0);
}
END_TEST

START_TEST(sessions_have_a_quota)
{
	struct rpc_conn other;

	f.regions.limits.sessions = 1;
	hello();
	other_connect(&other, 1000);
	conn_swap(&other);
	assert_refused(hello(), PALLOCD_QUOTA, "user_sessions");
	ck_assert_str_eq(f.reply->message,
			 "user_sessions: 1 of 1 sessions are in use, 1 more was asked for");
	ck_assert_uint_eq(f.reply->refusal->limit, 1);
	ck_assert_uint_eq(f.reply->refusal->used, 1);
	ck_assert_uint_eq(f.reply->refusal->asked, 1);
	ck_assert_uint_eq(f.rpc.counters.quota_refusals, 1);
	/* One that has ended stands in nobody's way. */
	rpc_conn_close(&f.main, SESSION_CLOSED);
	assert_ok(hello());
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_CLOSED);
	ck_assert_int_eq(rpc_conn_open(&f.main, &f.rpc, &other.peer, &f.out), 0);
}
END_TEST

START_TEST(connections_have_a_quota)
{
	struct session_peer peer = {.uid = 1000}, another = {.uid = 1001};
	struct rpc_conn conns[2];

	f.regions.limits.connections = 2;
	ck_assert_int_eq(rpc_conn_open(&conns[0], &f.rpc, &peer, &f.out), 0);
	f.out.n = 0;
	ck_assert_int_eq(rpc_conn_open(&conns[1], &f.rpc, &peer, &f.out), RPC_E_CLOSE);
	ck_assert_uint_eq(unpack(0), f.out.n);
	ck_assert_uint_eq(f.reply->id, 0);
	assert_refused(f.reply, PALLOCD_QUOTA, "user_connections");
	ck_assert_uint_eq(f.reply->refusal->used, 2);
	ck_assert_uint_eq(f.rpc.counters.connections_open, 2);
	ck_assert_int_eq(rpc_conn_open(&conns[1], &f.rpc, &another, &f.out), 0);
	rpc_conn_close(&conns[1], SESSION_CLOSED);
	rpc_conn_close(&conns[0], SESSION_CLOSED);
	ck_assert_int_eq(rpc_conn_open(&conns[1], &f.rpc, &peer, &f.out), 0);
	rpc_conn_close(&conns[1], SESSION_CLOSED);
	ck_assert_uint_eq(f.conn->user->nconnections, 1);
	mem_fail_after(0);
	another.uid = 1002;
	ck_assert_int_lt(rpc_conn_open(&conns[1], &f.rpc, &another, &f.out), 0);
	mem_fail_after(-1);
	ck_assert_uint_eq(f.rpc.counters.connections_open, 1);
}
END_TEST

START_TEST(last_words)
{
	static const struct {
		enum pallocd_status status;
		const char *what, *field, *message;
	} cases[] = {
		{PALLOCD_TOO_SLOW, "Hello", "", "Hello did not come in time"},
		{PALLOCD_QUOTA, "user_queued_bytes", "user_queued_bytes",
		 "user_queued_bytes: 70 of 64 bytes are queued"},
		{PALLOCD_SESSION_ENDED, "", "", "the session was ended"},
	};
	struct rpc_out tight = {.data = f.out.data, .size = RPC_OUT_ROOM_MIN - 1};

	hello();
	f.regions.limits.queued_bytes = 64;
	f.conn->user->queued_bytes = 70;
	f.out.n = 0;
	rpc_last_words(f.conn, cases[_i].status, cases[_i].what, &f.out);
	ck_assert_uint_eq(unpack(0), f.out.n);
	ck_assert_uint_eq(f.reply->id, 0);
	assert_refused(f.reply, cases[_i].status, cases[_i].field);
	assert_says(cases[_i].message);
	/* Where there is no room for them, none. */
	rpc_last_words(f.conn, cases[_i].status, cases[_i].what, &tight);
	ck_assert_uint_eq(tight.n, 0);
}
END_TEST

START_TEST(sessions_are_listed)
{
	const Pallocd__V1__Session *s;
	struct rpc_conn other, operator_;

	hello();
	alloc_n((uint64_t[]){3, 4}, 2, 0);
	alloc_n((uint64_t[]){5}, 1, PALLOCD__V1__LIFETIME__DETACHED);
	other_open(&other, 1001);
	snprintf(f.conn->session->command, sizeof(f.conn->session->command), "worker");
	assert_ok(sessions(0, 0));
	ck_assert_uint_eq(f.reply->sessions->n_sessions, 1);
	ck_assert(!f.reply->sessions->more);
	s = f.reply->sessions->sessions[0];
	ck_assert_uint_eq(s->id, f.conn->session->id);
	ck_assert_uint_eq(s->uid, 1000);
	ck_assert_uint_eq(s->pid, 7);
	ck_assert_str_eq(s->client, "test");
	ck_assert_str_eq(s->command, "worker");
	ck_assert_uint_eq((unsigned)s->state, PALLOCD__V1__SESSION_STATE__SESSION_OPEN);
	ck_assert_uint_eq(s->nextents, 2);
	ck_assert_uint_eq(s->npages, 7);
	ck_assert_uint_eq(s->held_bytes, 7 * 4096);
	ck_assert_uint_eq(s->queued_bytes, 11);
	ck_assert_uint_eq(s->nshares, 0);
	ck_assert_uint_eq(sessions(f.conn->session->id, 0)->sessions->n_sessions, 0);
	assert_refused(sessions(0, 9), PALLOCD_NO_REGION, "region_id");
	/* The daemon's own user sees all. */
	other_open(&operator_, 500);
	conn_swap(&operator_);
	ck_assert_uint_eq(sessions(0, 0)->sessions->n_sessions, 3);
	ck_assert_uint_eq(f.reply->sessions->sessions[1]->uid, 1001);
	ck_assert_uint_eq(f.reply->sessions->sessions[1]->queued_bytes, 22);
	conn_swap(&operator_);
	rpc_conn_close(&operator_, SESSION_CLOSED);
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

/* Sums are of the one region that is asked for. */
START_TEST(sessions_in_one_region)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	region_make("second", 512, 512);
	hello();
	alloc_n((uint64_t[]){3}, 1, 0);
	m.region_id = 2;
	m.npages = (uint64_t[]){10, 20};
	m.n_npages = 2;
	assert_ok(call(&REQUEST(1, ALLOC, alloc, &m)));
	ck_assert_uint_eq(sessions(0, 0)->sessions->sessions[0]->npages, 33);
	ck_assert_uint_eq(sessions(0, 1)->sessions->sessions[0]->npages, 3);
	ck_assert_uint_eq(sessions(0, 2)->sessions->sessions[0]->npages, 30);
	ck_assert_uint_eq(f.reply->sessions->sessions[0]->nextents, 2);
}
END_TEST

/* Among thousands of others' sessions, one's own are found; what takes long takes turns, and comes in parts. */
START_TEST(many_sessions_come_in_parts)
{
	const struct session_peer mine = {.uid = 1000}, theirs = {.uid = 1001};
	struct region_refusal rr;
	struct session *s;
	uint64_t after = 0, n = 0, last = 0;
	int nparts = 0;

	f.regions.limits.sessions = 0;
	for (int i = 0; i < 20000; i++)
		ck_assert_int_eq(
			session_open(
				&f.regions, i > 15000 && i % 10 == 0 ? &mine : &theirs,
				"sixty-three bytes are what the name of a client may have, no more",
				0, clock_usec(), &s, &rr),
			0);
	hello();
	do {
		const Pallocd__V1__SessionsReply *r = sessions(after, 0)->sessions;

		ck_assert_uint_ge(r->n_sessions, 1);
		ck_assert_uint_le(r->n_sessions, PALLOCD_SESSIONS_MAX);
		for (size_t i = 0; i < r->n_sessions; i++) {
			ck_assert_uint_gt(r->sessions[i]->id, last);
			ck_assert_uint_eq(r->sessions[i]->uid, 1000);
			last = r->sessions[i]->id;
			n++;
		}
		after = last;
		nparts++;
	} while (f.reply->sessions->more);
	ck_assert_uint_eq(n, 500);
	ck_assert_int_ge(nparts, 4);
	for (uint64_t id = 1; id <= 20000; id++)
		session_end(session_by_id(&f.regions, id), SESSION_CLOSED, 0);
}
END_TEST

START_TEST(sessions_that_have_ended_are_seen_until_they_are_gone)
{
	const Pallocd__V1__Session *s;
	struct rpc_conn other;

	f.regions.table[0]->death = REGION_DEATH_QUARANTINE;
	f.regions.table[0]->quarantine_usec = 60 * UINT64_C(1000000);
	hello();
	other_open(&other, 1000);
	conn_swap(&other);
	alloc_n((uint64_t[]){9}, 1, 0);
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_DIED);
	while (!rpc_work(&f.rpc))
		;
	ck_assert_uint_eq(sessions(0, 0)->sessions->n_sessions, 2);
	s = f.reply->sessions->sessions[1];
	ck_assert_uint_eq((unsigned)s->state, PALLOCD__V1__SESSION_STATE__SESSION_QUARANTINED);
	ck_assert_uint_eq(s->npages, 9);
	ck_assert_uint_gt(s->remaining_msec, 1000);
	ck_assert_uint_le(s->remaining_msec, 60000);
	ck_assert_uint_eq(s->queued_bytes, 0);
	assert_refused(call(put_end(s->id)), PALLOCD_NO_SESSION, "session");
}
END_TEST

START_TEST(a_session_ends_itself)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	uint64_t id;

	assert_ok(hello_with(60000, NULL, 0));
	id = f.conn->session->id;
	alloc_n((uint64_t[]){3, 4}, 2, 0);
	put(put_end(_i ? id : 0));
	put(&REQUEST(10, STAT, stat, &m));
	ck_assert_int_eq(serve(), RPC_E_CLOSE);
	ck_assert_uint_eq(unpack(0), f.out.n);
	assert_ok(f.reply);
	ck_assert_uint_eq(f.reply->end_session->nextents, 2);
	ck_assert_ptr_null(f.conn->session);
	/* At once, in spite of its grace time. */
	ck_assert_uint_eq(f.regions.nsessions[SESSION_ENDING], 1);
	ck_assert(rpc_work(&f.rpc));
	ck_assert_uint_eq(f.regions.table[0]->used_npages, 0);
	ck_assert_uint_eq(f.ncut, 0);
}
END_TEST

START_TEST(a_session_is_ended_by_others)
{
	static const uid_t entitled[] = {1000, 0, 500};
	struct rpc_conn other, stranger;
	uint64_t id;

	assert_ok(hello_with(60000, NULL, 0));
	id = f.conn->session->id;
	alloc_n((uint64_t[]){3}, 1, 0);
	other_open(&stranger, 1001);
	conn_swap(&stranger);
	assert_refused(call(put_end(id)), PALLOCD_DENIED, "session");
	assert_says("uid 1001 may not");
	assert_refused(call(put_end(id + 77)), PALLOCD_NO_SESSION, "session");
	conn_swap(&stranger);
	rpc_conn_close(&stranger, SESSION_CLOSED);
	ck_assert_uint_eq(f.ncut, 0);
	ck_assert_ptr_nonnull(f.conn->session);

	other_open(&other, entitled[_i]);
	conn_swap(&other);
	assert_ok(call(put_end(id)));
	ck_assert_uint_eq(f.reply->end_session->nextents, 1);
	ck_assert_uint_eq(f.ncut, 1);
	ck_assert_ptr_eq(f.cut[0], &f.main);
	ck_assert_ptr_null(f.main.session);
	ck_assert_uint_eq(f.main.ending, PALLOCD_SESSION_ENDED);
	assert_refused(call(put_end(id)), PALLOCD_NO_SESSION, "session");
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, hello_says_what_is_granted);
	tcase_add_test(tc, the_peer_is_identified_before_its_session_begins);
	tcase_add_test(tc, grace_has_a_limit);
	tcase_add_test(tc, hello_refusals);
	tcase_add_test(tc, a_session_goes_on_in_its_grace_time);
	tcase_add_test(tc, a_session_is_taken_from_an_open_connection);
	tcase_add_test(tc, sessions_have_a_quota);
	tcase_add_test(tc, connections_have_a_quota);
	tcase_add_loop_test(tc, last_words, 0, 3);
	tcase_add_test(tc, sessions_are_listed);
	tcase_add_test(tc, sessions_in_one_region);
	tcase_add_test(tc, many_sessions_come_in_parts);
	tcase_add_test(tc, sessions_that_have_ended_are_seen_until_they_are_gone);
	tcase_add_loop_test(tc, a_session_ends_itself, 0, 2);
	tcase_add_loop_test(tc, a_session_is_ended_by_others, 0, 3);
}

int main(void)
{
	return run("hello", add_tests);
}
