/*
 * test_deaths - sessions end with the process, though a child of it holds the socket
 *
 * Role:       unit tests of net/: a process connects, forks a child that keeps its sockets, and is killed in some state of its
 *             connections.
 * Uses:       tests/unit/net/fixture.h
 */
#include "fixture.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define OTHER_UID 12345
#define NPAGES_ALL (UINT64_C(1) << 18)

/* What the victim has, in its own process and in its child's. */
static struct {
	int fd[64];
	int n;
	/* What the child sends on the first of them when its parent has died: then the daemon sees the death before them. */
	uint8_t words[WIRE_FRAME_BYTES];
	size_t nwords;
} own;

struct victim {
	pid_t pid;
	int report; /* 'r' when it is as it shall be, 'e' when its child has seen the end of all sockets */
};

static void report(int fd, char what)
{
	WIRE_MUST(write(fd, &what, 1) == 1, "report: %s", strerror(errno));
}

static void await_report(int fd, char what)
{
	char got = 0;

	WIRE_MUST(wire_read(fd, &got, 1) && got == what, "wanted '%c', got %d", what, got);
}

/* The child: as long as its parent lives it only holds the sockets; then it reads until they end. */
static void hold(pid_t parent, int out)
{
	static char buf[1 << 16];

	while (getppid() == parent)
		wire_sleep_msec(2);
	if (own.nwords) {
		wire_send(own.fd[0], own.words, own.nwords);
		report(out, 's');
	}
	for (int i = 0; i < own.n; i++) {
		struct pollfd p = {.fd = own.fd[i], .events = POLLIN};

		fcntl(p.fd, F_SETFL, 0);
		do {
			WIRE_MUST(poll(&p, 1, WIRE_TIMEOUT_MSEC) == 1, "socket %d does not end", i);
		} while (recv(p.fd, buf, sizeof(buf), 0) > 0);
	}
	report(out, 'e');
	_exit(0);
}

/* Both ends of the pipe are sockets, as wire_read() wants them. */
static struct victim victim_start(void (*act)(void))
{
	struct victim v;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fflush(NULL);
	v.pid = fork();
	ck_assert_int_ge(v.pid, 0);
	if (v.pid == 0) {
		pid_t self = getpid(), pid;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		own.n = 0;
		own.nwords = 0;
		act();
		pid = fork();
		WIRE_MUST(pid >= 0, "fork: %s", strerror(errno));
		if (pid == 0)
			hold(self, fds[1]);
		report(fds[1], 'r');
		for (;;)
			pause();
	}
	close(fds[1]);
	v.report = fds[0];
	return v;
}

static void victim_kill(struct victim *v)
{
	ck_assert_int_eq(kill(v->pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(v->pid, NULL, 0), v->pid);
}

static void victim_await_end(struct victim *v)
{
	await_report(v->report, 'e');
	close(v->report);
}

static int own_open(void)
{
	int fd = wire_open(f.path);

	own.fd[own.n++] = fd;
	return fd;
}

static void act_connected(void)
{
	own.fd[own.n++] = wire_connect(f.path);
}

static void act_holding(void)
{
	uint64_t addr;
	int fd = own_open();

	for (int i = 0; i < 10; i++)
		WIRE_MUST(!wire_alloc(fd, 3, 0, &addr), "no alloc");
}

static void act_in_a_frame(void)
{
	static const uint8_t half[] = {20, 0, 0, 0, 0x08};

	act_holding();
	wire_send(own.fd[0], half, sizeof(half));
}

static void act_in_a_reply(void)
{
	static uint8_t buf[WIRE_FRAME_BYTES];
	Pallocd__V1__Map m = PALLOCD__V1__MAP__INIT;
	struct pollfd p = {.events = POLLOUT};
	size_t n;

	act_holding();
	m.region_id = 1;
	m.ncells = PALLOCD_MAP_CELLS_MAX;
	n = wire_pack(&REQUEST(5, MAP, map, &m), buf);
	p.fd = own.fd[0];
	set_nonblocking(p.fd);
	while (poll(&p, 1, 300) == 1)
		WIRE_MUST(send(p.fd, buf, n, MSG_NOSIGNAL) > 0, "send: %s", strerror(errno));
}

static void act_waiting(void)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	uint64_t npages = NPAGES_ALL;

	act_holding();
	m.region_id = 1;
	m.npages = &npages;
	m.n_npages = 1;
	m.wait_msec = 1000 * 1000;
	wire_request(own.fd[0], &REQUEST(6, ALLOC, alloc, &m));
	wire_request(own.fd[0], &REQUEST(7, ALLOC, alloc, &m));
}

static void act_with_many(void)
{
	uint64_t addr;

	for (int i = 0; i < 64; i++)
		WIRE_MUST(!wire_alloc(own_open(), 3, 0, &addr), "no alloc");
}

/* Of another user, so that they end in several turns. */
static void act_with_many_as_another(void)
{
	if (geteuid() == 0)
		WIRE_MUST(!setgroups(0, NULL) && !setgid(OTHER_UID) && !setuid(OTHER_UID),
			  "setuid: %s", strerror(errno));
	act_with_many();
}

static uint64_t deaths(int fd)
{
	Reply *reply = wire_stat(fd);
	uint64_t n = reply->stat->daemon->deaths_total;

	wire_done(reply);
	return n;
}

START_TEST(killed_in_any_state)
{
	static const struct {
		const char *name;
		void (*act)(void);
		uint64_t nsessions, nextents;
	} rows[] = {
		{"connected", act_connected, 0, 0},
		{"holding", act_holding, 1, 10},
		{"in a frame", act_in_a_frame, 1, 10},
		{"in a reply", act_in_a_reply, 1, 10},
		{"waiting", act_waiting, 1, 10},
		{"with many", act_with_many, 64, 64},
		{"with many, as another user", act_with_many_as_another, 64, 64},
	};
	uint64_t before = 0, addr;
	int other;

	ck_assert_int_eq(chmod(f.dir, 0755), 0);
	f.mode = 0666;
	start();
	other = wire_open(f.path);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct victim v = victim_start(rows[i].act);

		await_report(v.report, 'r');
		wire_await_sessions(other, 1 + rows[i].nsessions, rows[i].nextents);
		/* Others go on as if nothing was. */
		ck_assert_uint_eq(wire_alloc(other, 1, 0, &addr), PALLOCD_OK);
		ck_assert_uint_eq(wire_free(other, addr, 1), PALLOCD_OK);
		victim_kill(&v);
		victim_await_end(&v);
		wire_await_sessions(other, 1, 0);
		ck_assert_msg(deaths(other) == before + rows[i].nsessions, "%s: %llu deaths",
			      rows[i].name, (unsigned long long)(deaths(other) - before));
		before = deaths(other);
	}
	close(other);
	stop();
}
END_TEST

static void act_unseen(void)
{
	static uint8_t buf[2 * WIRE_FRAME_BYTES];
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;
	Pallocd__V1__Alloc a = PALLOCD__V1__ALLOC__INIT;
	uint64_t npages = 3;
	size_t n;

	act_connected();
	m.version = 1;
	a.region_id = 1;
	a.npages = &npages;
	a.n_npages = 1;
	n = wire_pack(&REQUEST(1, HELLO, hello, &m), buf);
	n += wire_pack(&REQUEST(2, ALLOC, alloc, &a), buf + n);
	wire_send(own.fd[0], buf, n);
}

/* It has connected, sent requests, and died, all before the daemon had a look. */
START_TEST(killed_before_it_was_accepted)
{
	struct victim v;
	int other;

	start();
	other = wire_open(f.path);
	ck_assert_int_eq(kill(f.pid, SIGSTOP), 0);
	v = victim_start(act_unseen);
	await_report(v.report, 'r');
	victim_kill(&v);
	ck_assert_int_eq(kill(f.pid, SIGCONT), 0);
	victim_await_end(&v);
	wire_await_sessions(other, 1, 0);
	close(other);
	stop();
}
END_TEST

#define GRACE_MSEC 600000

/* Hello of a session that stays for a while when nobody speaks for it. */
static Request *grace_hello(const uint8_t *token)
{
	static Pallocd__V1__Hello m;
	static Request req;

	m = (Pallocd__V1__Hello)PALLOCD__V1__HELLO__INIT;
	m.version = PALLOCD_PROTOCOL_VERSION;
	m.grace_msec = GRACE_MSEC;
	if (token)
		m.token = (ProtobufCBinaryData){PALLOCD_TOKEN_BYTES, (uint8_t *)(uintptr_t)token};
	req = REQUEST(1, HELLO, hello, &m);
	return &req;
}

static int grace_open(uint8_t token[PALLOCD_TOKEN_BYTES])
{
	int fd = wire_connect(f.path);
	Reply *reply = wire_call(fd, grace_hello(NULL));
	uint64_t addr;

	WIRE_MUST(!reply->status && reply->hello->token.len == PALLOCD_TOKEN_BYTES, "no session");
	memcpy(token, reply->hello->token.data, PALLOCD_TOKEN_BYTES);
	wire_done(reply);
	WIRE_MUST(!wire_alloc(fd, 3, 0, &addr), "no alloc");
	return fd;
}

static size_t end_pack(uint8_t *to)
{
	Pallocd__V1__EndSession m = PALLOCD__V1__END_SESSION__INIT;

	return wire_pack(&REQUEST(2, END_SESSION, end_session, &m), to);
}

/* Its connection was lost; it says by another one that its session shall end, and has gone before that is accepted. */
START_TEST(last_words_of_who_has_died_meanwhile)
{
	static uint8_t buf[2 * WIRE_FRAME_BYTES];
	uint8_t token[PALLOCD_TOKEN_BYTES];
	int other;
	pid_t pid;

	start();
	other = wire_open(f.path);
	close(grace_open(token));
	wire_await_sessions(other, 1, 1);
	ck_assert_int_eq(kill(f.pid, SIGSTOP), 0);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		size_t n = wire_pack(grace_hello(token), buf);

		n += end_pack(buf + n);
		wire_send(wire_connect(f.path), buf, n);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(kill(f.pid, SIGCONT), 0);
	wire_await_sessions(other, 1, 0);
	close(other);
	stop();
}
END_TEST

static void act_ending_unheard(void)
{
	uint8_t token[PALLOCD_TOKEN_BYTES];

	own.fd[own.n++] = grace_open(token);
	own.nwords = end_pack(own.words);
	WIRE_MUST(kill(f.pid, SIGSTOP) == 0, "kill: %s", strerror(errno));
}

/* They lie in its socket when the daemon sees that it has died. */
START_TEST(last_words_that_were_not_read_yet)
{
	struct victim v;
	int other;

	start();
	other = wire_open(f.path);
	v = victim_start(act_ending_unheard);
	await_report(v.report, 'r');
	victim_kill(&v);
	await_report(v.report, 's');
	ck_assert_int_eq(kill(f.pid, SIGCONT), 0);
	victim_await_end(&v);
	wire_await_sessions(other, 1, 0);
	close(other);
	stop();
}
END_TEST

/* A process that ends in order, with nobody else holding its socket, is an end of a connection as any other. */
START_TEST(an_orderly_end_is_no_death)
{
	uint64_t addr;
	int other;
	pid_t pid;

	start();
	other = wire_open(f.path);
	for (int i = 0; i < 20; i++) {
		fflush(NULL);
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			int fd = wire_open(f.path);

			WIRE_MUST(!wire_alloc(fd, 3, 0, &addr), "no alloc");
			close(fd);
			wire_sleep_msec(10);
			_exit(0);
		}
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		wire_await_sessions(other, 1, 0);
	}
	close(other);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deaths");
	TCase *tc = tcase_create("deaths");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, killed_in_any_state);
	tcase_add_test(tc, killed_before_it_was_accepted);
	tcase_add_test(tc, last_words_of_who_has_died_meanwhile);
	tcase_add_test(tc, last_words_that_were_not_read_yet);
	tcase_add_test(tc, an_orderly_end_is_no_death);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
