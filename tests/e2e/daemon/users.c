/*
 * users - several users beside each other: what is one's own, what is handed over, who sees whom, and quotas
 *
 * Role:       stories of processes of two users, an administrator, root and the daemon's own user.
 * Uses:       tests/e2e/daemon/daemon.h, actor.h
 */
#include "tests/e2e/daemon/actor.h"
#include "tests/e2e/daemon/daemon.h"
#include "tests/unit/suite.h"

/* Nobody's, as far as that can be known. */
#define UID_DAEMON 60001u

static const struct actor ann = {.name = "ann", .uid = 60010, .gid = 60010};
static const struct actor bob = {.name = "bob", .uid = 60020, .gid = 60020};
static const struct actor adm = {.name = "the administrator", .uid = 60030, .gid = 60030};
static const struct actor out = {.name = "one without rights", .uid = 60040, .gid = 60040};
static const struct actor root = {.name = "root"};
static const struct actor own = {.name = "the daemon", .uid = UID_DAEMON, .gid = UID_DAEMON};

/* 16 pages for a user, 12 for a session; 5 extents and 4. */
static const char configuration[] = "[Daemon]\n"
				    "UserSessions = 3\n"
				    "UserConnections = 4\n"
				    "UserWaiting = 1\n"
				    "[Region plain]\n"
				    "Limit = 64M\n"
				    "Initial = 8M\n"
				    "Allow = 60010:alloc,attach-ro\n"
				    "Allow = 60020:alloc,attach-ro\n"
				    "Allow = 60030:alloc,admin\n"
				    "[Region quota]\n"
				    "Limit = 64M\n"
				    "Initial = 8M\n"
				    "QuotaUser = 64K\n"
				    "QuotaSession = 48K\n"
				    "QuotaUserExtents = 5\n"
				    "QuotaSessionExtents = 4\n"
				    "[Region full]\n"
				    "Limit = 4K\n"
				    "Initial = 4K\n";
enum { PLAIN = 1, QUOTA, FULL };

static struct daemon_process d;
static char config_path[80];

static void setup(void)
{
	FILE *file;

	daemon_place(&d);
	snprintf(config_path, sizeof(config_path), "%s/conf", d.dir);
	file = fopen(config_path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(configuration, file);
	fclose(file);
	ck_assert_int_eq(chmod(config_path, 0644), 0);
	daemon_give(&d, UID_DAEMON);
	daemon_exec(&d, (const char *const[]){"--socket", d.path, "--socket-mode", "0666",
					      "--config", config_path, NULL});
	close(wire_connect(d.path));
}

static void teardown(void)
{
	unlink(config_path);
	daemon_stop(&d);
}

static struct answer ask_hello(int fd, bool accepts_handover, uint64_t grace_msec,
			       const uint8_t *token)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;

	m.version = 1;
	m.client = (char *)"actor";
	m.accepts_handover = accepts_handover;
	m.grace_msec = grace_msec;
	if (token)
		m.token = (ProtobufCBinaryData){.len = PALLOCD_TOKEN_BYTES,
						.data = (uint8_t *)(uintptr_t)token};
	return actor_ask(fd, &REQUEST(1, HELLO, hello, &m));
}

/* Connected, and introduced with more than usual. */
static int hello_open(const struct actor *a, bool accepts_handover, struct answer *ret)
{
	int fd = actor_connect(a, d.path);

	*ret = ask_hello(fd, accepts_handover, 0, NULL);
	ck_assert_msg(ret->status == PALLOCD_OK, "%s: %s", a->name, ret->message);
	return fd;
}

static struct answer ask_alloc(int fd, uint32_t region, uint64_t npages, int lifetime)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	m.region_id = region;
	m.npages = &npages;
	m.n_npages = 1;
	m.lifetime = (Pallocd__V1__Lifetime)lifetime;
	return actor_ask(fd, &REQUEST(2, ALLOC, alloc, &m));
}

static uint64_t take(int fd, uint32_t region, uint64_t npages, int lifetime)
{
	struct answer a = ask_alloc(fd, region, npages, lifetime);

	ck_assert_msg(a.status == PALLOCD_OK, "%s", a.message);
	return a.addr;
}

static struct answer ask_free(int fd, uint32_t region, uint64_t addr, uint64_t npages)
{
	Pallocd__V1__Free m = PALLOCD__V1__FREE__INIT;

	m.region_id = region;
	m.addr = &addr;
	m.npages = &npages;
	m.n_addr = m.n_npages = 1;
	return actor_ask(fd, &REQUEST(3, FREE, free, &m));
}

static struct answer ask_handover(int fd, uint64_t addr, uint64_t session)
{
	Pallocd__V1__Handover m = PALLOCD__V1__HANDOVER__INIT;

	m.region_id = PLAIN;
	m.addr = addr;
	m.session = session;
	return actor_ask(fd, &REQUEST(4, HANDOVER, handover, &m));
}

static struct answer ask_handover_user(int fd, uint64_t addr, uid_t uid)
{
	Pallocd__V1__Handover m = PALLOCD__V1__HANDOVER__INIT;

	m.region_id = PLAIN;
	m.addr = addr;
	m.to_user = true;
	m.uid = uid;
	return actor_ask(fd, &REQUEST(5, HANDOVER, handover, &m));
}

static struct answer ask_end(int fd, uint64_t session)
{
	Pallocd__V1__EndSession m = PALLOCD__V1__END_SESSION__INIT;

	m.session = session;
	return actor_ask(fd, &REQUEST(6, END_SESSION, end_session, &m));
}

#define ASSERT_ANSWER(call, wanted)                                                             \
	do {                                                                                    \
		struct answer answer_ = (call);                                                 \
		ck_assert_msg(answer_.status == (wanted), "%s: wanted %s, got %s: %s", #call,   \
			      pallocd_status_name(wanted), pallocd_status_name(answer_.status), \
			      answer_.message);                                                 \
	} while (0)

/* A quota's name and its three numbers. */
#define ASSERT_QUOTA(call, name, limit_, used_, asked_)                                   \
	do {                                                                              \
		struct answer q_ = (call);                                                \
		ck_assert_msg(q_.status == PALLOCD_QUOTA && !strcmp(q_.field, (name)) &&  \
				      q_.limit == (limit_) && q_.used == (used_) &&       \
				      q_.asked == (asked_),                               \
			      "%s: got %s %s limit %llu used %llu asked %llu: %s", #call, \
			      pallocd_status_name(q_.status), q_.field,                   \
			      (unsigned long long)q_.limit, (unsigned long long)q_.used,  \
			      (unsigned long long)q_.asked, q_.message);                  \
	} while (0)

START_TEST(what_is_ones_own)
{
	int a = actor_open(&ann, d.path), a2 = actor_open(&ann, d.path);
	int b = actor_open(&bob, d.path), r = actor_open(&root, d.path), o;
	uint64_t x = take(a, PLAIN, 4, PALLOCD__V1__LIFETIME__SESSION);
	uint64_t y = take(a, PLAIN, 4, PALLOCD__V1__LIFETIME__DETACHED);
	uint64_t z = take(b, PLAIN, 4, PALLOCD__V1__LIFETIME__DETACHED);

	o = actor_open(&own, d.path);
	ASSERT_ANSWER(ask_free(b, PLAIN, x, 4), PALLOCD_NOT_OWNER);
	ASSERT_ANSWER(ask_free(b, PLAIN, y, 4), PALLOCD_NOT_OWNER);
	/* Part of it is as good as all of it. */
	ASSERT_ANSWER(ask_free(b, PLAIN, x + 4096, 1), PALLOCD_NOT_OWNER);
	/* The user's are all the user's sessions'; another session's are not. */
	ASSERT_ANSWER(ask_free(a2, PLAIN, x, 1), PALLOCD_NOT_OWNER);
	ASSERT_ANSWER(ask_free(a2, PLAIN, y, 1), PALLOCD_OK);
	ASSERT_ANSWER(ask_free(a, PLAIN, x, 1), PALLOCD_OK);
	ASSERT_ANSWER(ask_free(r, PLAIN, x + 4096, 1), PALLOCD_OK);
	ASSERT_ANSWER(ask_free(o, PLAIN, x + 2 * 4096, 1), PALLOCD_OK);
	ASSERT_ANSWER(ask_free(o, PLAIN, z, 4), PALLOCD_OK);
	ASSERT_ANSWER(ask_free(a, PLAIN, x + 3 * 4096, 1), PALLOCD_OK);
	/* The user's stay when the sessions are gone. */
	close(a);
	close(a2);
	wire_await_sessions(r, 3, 1);
	a = actor_open(&ann, d.path);
	ASSERT_ANSWER(ask_free(a, PLAIN, y + 4096, 3), PALLOCD_OK);
	close(a);
	close(b);
	close(o);
	wire_await_sessions(r, 1, 0);
	close(r);
}
END_TEST

START_TEST(handover_between_users)
{
	struct answer b_hello, c_hello, out_hello;
	int a = actor_open(&ann, d.path), b = hello_open(&bob, false, &b_hello);
	int c = hello_open(&bob, true, &c_hello), n = hello_open(&out, true, &out_hello);
	int m = actor_open(&adm, d.path), r = actor_open(&root, d.path);
	uint64_t x = take(a, PLAIN, 4, PALLOCD__V1__LIFETIME__SESSION);
	uint64_t y = take(a, PLAIN, 4, PALLOCD__V1__LIFETIME__SESSION);
	uint64_t z = take(m, PLAIN, 4, PALLOCD__V1__LIFETIME__SESSION);

	/* Nobody is given what is not wanted, and nobody takes. */
	ASSERT_ANSWER(ask_handover(a, x, b_hello.session), PALLOCD_DENIED);
	ASSERT_ANSWER(ask_handover(a, x, out_hello.session), PALLOCD_DENIED);
	ASSERT_ANSWER(ask_handover(c, x, c_hello.session), PALLOCD_NOT_OWNER);
	ASSERT_ANSWER(ask_handover(a, x, 4711), PALLOCD_NO_SESSION);
	ASSERT_ANSWER(ask_handover_user(a, x, bob.uid), PALLOCD_DENIED);
	ASSERT_ANSWER(ask_free(c, PLAIN, x, 4), PALLOCD_NOT_OWNER);
	/* What is wanted changes hands, whole. */
	ASSERT_ANSWER(ask_handover(a, x, c_hello.session), PALLOCD_OK);
	ASSERT_ANSWER(ask_free(a, PLAIN, x, 4), PALLOCD_NOT_OWNER);
	ASSERT_ANSWER(ask_free(c, PLAIN, x, 1), PALLOCD_OK);
	/* To one's own user, always; to another, by an administrator. */
	ASSERT_ANSWER(ask_handover_user(a, y, ann.uid), PALLOCD_OK);
	ASSERT_ANSWER(ask_handover_user(m, y, bob.uid), PALLOCD_NOT_OWNER);
	ASSERT_ANSWER(ask_handover_user(m, z, bob.uid), PALLOCD_OK);
	ASSERT_ANSWER(ask_free(b, PLAIN, z, 4), PALLOCD_OK);
	/* It goes with whoever has it now. */
	close(a);
	wire_await_sessions(r, 5, 2);
	close(c);
	wire_await_sessions(r, 4, 1);
	ASSERT_ANSWER(ask_free(r, PLAIN, y, 4), PALLOCD_OK);
	close(b);
	close(n);
	close(m);
	close(r);
}
END_TEST

/* How many sessions the caller sees, and whether all are of @uid. */
static size_t sessions_seen(int fd, uid_t uid, bool *ret_all_of_uid)
{
	Pallocd__V1__Sessions m = PALLOCD__V1__SESSIONS__INIT;
	Reply *reply = wire_call(fd, &REQUEST(7, SESSIONS, sessions, &m));
	size_t n;

	WIRE_MUST(!reply->status, "%s", reply->message);
	n = reply->sessions->n_sessions;
	*ret_all_of_uid = true;
	for (size_t i = 0; i < n; i++)
		*ret_all_of_uid &= reply->sessions->sessions[i]->uid == uid;
	wire_done(reply);
	return n;
}

START_TEST(sessions_are_seen_by_their_user)
{
	int a = actor_open(&ann, d.path), a2 = actor_open(&ann, d.path);
	int b = actor_open(&bob, d.path), r = actor_open(&root, d.path);
	int o = actor_open(&own, d.path);
	bool own_only;

	ck_assert_uint_eq(sessions_seen(a, ann.uid, &own_only), 2);
	ck_assert(own_only);
	ck_assert_uint_eq(sessions_seen(b, bob.uid, &own_only), 1);
	ck_assert(own_only);
	ck_assert_uint_eq(sessions_seen(r, root.uid, &own_only), 5);
	ck_assert_uint_eq(sessions_seen(o, own.uid, &own_only), 5);
	close(a);
	close(a2);
	close(b);
	close(o);
	close(r);
}
END_TEST

/* The connection of a session that somebody has ended: the last words, then nothing. */
static void assert_ended(int fd)
{
	Reply *reply = wire_reply(fd);

	if (reply) {
		ck_assert_uint_eq((unsigned)reply->status, PALLOCD_SESSION_ENDED);
		wire_done(reply);
		wire_assert_end(fd);
	}
	close(fd);
}

START_TEST(sessions_are_ended_by_the_entitled)
{
	struct answer a_hello, a2_hello, b_hello, r_hello;
	int a = hello_open(&ann, false, &a_hello), a2 = hello_open(&ann, false, &a2_hello);
	int b = hello_open(&bob, false, &b_hello), r = hello_open(&root, false, &r_hello);
	int m = actor_open(&adm, d.path), o = actor_open(&own, d.path);

	take(a, PLAIN, 4, PALLOCD__V1__LIFETIME__SESSION);
	take(b, PLAIN, 4, PALLOCD__V1__LIFETIME__SESSION);
	ASSERT_ANSWER(ask_end(b, a_hello.session), PALLOCD_DENIED);
	ASSERT_ANSWER(ask_end(a, r_hello.session), PALLOCD_DENIED);
	/* A region's administrator is not the daemon's. */
	ASSERT_ANSWER(ask_end(m, a_hello.session), PALLOCD_DENIED);
	ASSERT_ANSWER(ask_end(b, 4711), PALLOCD_NO_SESSION);
	ASSERT_ANSWER(ask_end(a2, a_hello.session), PALLOCD_OK);
	assert_ended(a);
	wire_await_sessions(r, 5, 1);
	ASSERT_ANSWER(ask_end(o, b_hello.session), PALLOCD_OK);
	assert_ended(b);
	ASSERT_ANSWER(ask_end(r, a2_hello.session), PALLOCD_OK);
	assert_ended(a2);
	wire_await_sessions(r, 3, 0);
	close(m);
	close(o);
	close(r);
}
END_TEST

START_TEST(a_token_is_good_for_its_user)
{
	int a = actor_connect(&ann, d.path), b, r = actor_open(&root, d.path);
	struct answer hello = ask_hello(a, false, 60000, NULL), again;
	uint64_t x = take(a, PLAIN, 4, PALLOCD__V1__LIFETIME__SESSION);

	close(a);
	/* Not even root's: it is a key, not a right. */
	b = actor_connect(&bob, d.path);
	ASSERT_ANSWER(ask_hello(b, false, 0, hello.token), PALLOCD_NO_SESSION);
	close(b);
	b = actor_connect(&root, d.path);
	ASSERT_ANSWER(ask_hello(b, false, 0, hello.token), PALLOCD_NO_SESSION);
	close(b);
	a = actor_connect(&ann, d.path);
	again = ask_hello(a, false, 0, hello.token);
	ck_assert_msg(again.status == PALLOCD_OK && again.resumed && again.session == hello.session,
		      "%s", again.message);
	ASSERT_ANSWER(ask_free(a, PLAIN, x, 4), PALLOCD_OK);
	ASSERT_ANSWER(ask_end(a, 0), PALLOCD_OK);
	close(a);
	wire_await_sessions(r, 1, 0);
	close(r);
}
END_TEST

START_TEST(quotas_are_each_users_own)
{
	int a = actor_open(&ann, d.path), a2 = actor_open(&ann, d.path);
	int b = actor_open(&bob, d.path), r = actor_open(&root, d.path);
	uint64_t x;

	/* Pages: of a session, then of the user. */
	take(a, QUOTA, 10, PALLOCD__V1__LIFETIME__SESSION);
	ASSERT_QUOTA(ask_alloc(a, QUOTA, 3, 0), "session_pages", 12, 10, 3);
	x = take(a2, QUOTA, 6, PALLOCD__V1__LIFETIME__DETACHED);
	ASSERT_QUOTA(ask_alloc(a2, QUOTA, 1, 0), "user_pages", 16, 16, 1);
	ASSERT_QUOTA(ask_alloc(a, QUOTA, 1, 1), "user_pages", 16, 16, 1);
	/* Others notice nothing; root has a quota of its own. */
	take(b, QUOTA, 12, PALLOCD__V1__LIFETIME__SESSION);
	ASSERT_QUOTA(ask_alloc(b, QUOTA, 1, 0), "session_pages", 12, 12, 1);
	take(r, QUOTA, 12, PALLOCD__V1__LIFETIME__SESSION);
	/* What somebody else gives back for a user may be taken again. */
	ASSERT_ANSWER(ask_free(r, QUOTA, x, 6), PALLOCD_OK);
	/* Extents: of a session, then of the user. */
	for (int i = 0; i < 4; i++)
		take(a2, QUOTA, 1, PALLOCD__V1__LIFETIME__SESSION);
	ASSERT_QUOTA(ask_alloc(a, QUOTA, 1, 0), "user_extents", 5, 5, 1);
	close(a);
	wire_await_sessions(r, 3, 0);
	ASSERT_QUOTA(ask_alloc(a2, QUOTA, 1, 0), "session_extents", 4, 4, 1);
	close(a2);
	close(b);
	close(r);
}
END_TEST

START_TEST(connections_and_sessions_are_each_users_own)
{
	int fd[4], fifth, b, r = actor_open(&root, d.path);
	Reply *reply;

	for (int i = 0; i < 3; i++)
		fd[i] = actor_open(&ann, d.path);
	fd[3] = actor_connect(&ann, d.path);
	ASSERT_QUOTA(ask_hello(fd[3], false, 0, NULL), "user_sessions", 3, 3, 1);
	/* It is told why, and closed. */
	fifth = actor_connect(&ann, d.path);
	reply = wire_reply(fifth);
	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq((unsigned)reply->status, PALLOCD_QUOTA);
	ck_assert_str_eq(reply->refusal->field, "user_connections");
	ck_assert_uint_eq(reply->refusal->limit, 4);
	wire_done(reply);
	wire_assert_end(fifth);
	close(fifth);
	for (int i = 0; i < 2; i++) {
		b = actor_open(&bob, d.path);
		close(b);
	}
	/* Once there is room, the fourth one's Hello is as good as any. */
	close(fd[0]);
	wire_await_sessions(r, 3, 0);
	ASSERT_ANSWER(ask_hello(fd[3], false, 0, NULL), PALLOCD_OK);
	for (int i = 1; i < 4; i++)
		close(fd[i]);
	close(r);
}
END_TEST

static void wait_begin(int fd)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	uint64_t npages = 1;

	m.region_id = FULL;
	m.npages = &npages;
	m.n_npages = 1;
	m.wait_msec = 60000;
	wire_request(fd, &REQUEST(8, ALLOC, alloc, &m));
}

static void await_waiting(int fd, uint64_t n)
{
	for (int i = 0;; i++) {
		Reply *reply = wire_stat(fd);
		bool reached = reply->stat->daemon->nwaiting == n;

		wire_done(reply);
		if (reached)
			return;
		WIRE_MUST(i < WIRE_TIMEOUT_MSEC, "%llu requests that wait: not reached",
			  (unsigned long long)n);
		wire_sleep_msec(1);
	}
}

START_TEST(waiting_is_each_users_own)
{
	int a = actor_open(&ann, d.path), a2 = actor_open(&ann, d.path);
	int b = actor_open(&bob, d.path), r = actor_open(&root, d.path);
	uint64_t x = take(r, FULL, 1, PALLOCD__V1__LIFETIME__SESSION);
	struct answer answer;
	Reply *reply;

	wait_begin(a);
	await_waiting(r, 1);
	wait_begin(a2);
	reply = wire_reply(a2);
	ck_assert_ptr_nonnull(reply);
	answer = answer_read(reply);
	wire_done(reply);
	ASSERT_QUOTA(answer, "user_waiting", 1, 1, 1);
	wait_begin(b);
	await_waiting(r, 2);
	/* First come, first served, whoever it is. */
	ASSERT_ANSWER(ask_free(r, FULL, x, 1), PALLOCD_OK);
	reply = wire_reply(a);
	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq((unsigned)reply->status, PALLOCD_OK);
	wire_done(reply);
	close(a);
	reply = wire_reply(b);
	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq((unsigned)reply->status, PALLOCD_OK);
	wire_done(reply);
	close(a2);
	close(b);
	close(r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("users");
	TCase *tc = tcase_create("users");

	if (actor_skip(&out))
		return ACTOR_SKIPPED;
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_ones_own);
	tcase_add_test(tc, handover_between_users);
	tcase_add_test(tc, sessions_are_seen_by_their_user);
	tcase_add_test(tc, sessions_are_ended_by_the_entitled);
	tcase_add_test(tc, a_token_is_good_for_its_user);
	tcase_add_test(tc, quotas_are_each_users_own);
	tcase_add_test(tc, connections_and_sessions_are_each_users_own);
	tcase_add_test(tc, waiting_is_each_users_own);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
