/*
 * restart_watch - watches and attached memory outlive the daemon
 *
 * Role:       a watch is set up again and says that something may have been missed, by whatever it is waited for; descriptors
 *             that were asked for come from the next daemon.
 * Uses:       client/lib, reborn, behind, check
 */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/client/behind.h"
#include "tests/unit/client/reborn.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;
static struct paclient_event event = {.size = sizeof(event)};

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
}

static paclient_watch *watch_open(struct reborn *r, int timeout_ms)
{
	struct paclient_watch_filter filter = PACLIENT_WATCH_FILTER_INIT;
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	paclient_watch *w = NULL;

	o.timeout_ms = timeout_ms;
	filter.region = "r3";
	filter.kinds = UINT64_C(1) << PACLIENT_EVENT_ALLOC;
	call.timeout_ms = 20000;
	expect(paclient_watch_open(r->fake.path, &o, &filter, &w, &call), 0);
	return w;
}

/* The next one, waited for as @how says: 0 by the call, 1 by the descriptor. */
static int next(paclient_watch *w, int how)
{
	struct pollfd p = {paclient_watch_fd(w), POLLIN, 0};
	int status;

	event.size = sizeof(event);
	if (!how)
		return paclient_watch_next(w, &event, 20000, &call);
	while ((status = paclient_watch_next(w, &event, 0, &call)) == PACLIENT_TIMED_OUT)
		ck_assert_int_eq(poll(&p, 1, 20000), 1);
	return status;
}

static void event_is(uint64_t i)
{
	ck_assert_int_eq(event.kind, PACLIENT_EVENT_ALLOC);
	ck_assert_uint_eq(event.addr, i);
	ck_assert_uint_eq(event.lost, 0);
}

/* Before the Watch is answered the daemon is another one, which does not know the session: there was nothing in it. */
START_TEST(watch_opens_across_a_restart)
{
	static struct reborn r;
	paclient_watch *w;

	REBORN_START(&r, ACT_DIE_UNREAD, ACT_NO_SESSION, ACT_EVENT_STAYS);
	w = watch_open(&r, 20000);
	expect(next(w, 0), 0);
	event_is(0);
	ck_assert_uint_eq(r.nconns, 3);
	paclient_watch_close(w);
	reborn_stop(&r);
}
END_TEST

/* Waited for by the call (_i is 0) or by the descriptor. */
START_TEST(watch_is_set_up_again)
{
	static struct reborn r;
	paclient_watch *w;
	int fd;

	REBORN_START(&r, ACT_EVENT, ACT_DIE_AT_DOOR, ACT_EVENT, ACT_EVENT_STAYS);
	r.away_ms = 30;
	w = watch_open(&r, 20000);
	fd = paclient_watch_fd(w);
	for (uint64_t i = 0; i < 3; i++) {
		expect(next(w, _i), 0);
		event_is(i);
		if (i == 2)
			break;
		expect(next(w, _i), 0);
		ck_assert_int_eq(event.kind, PACLIENT_EVENT_LOST);
		ck_assert_uint_eq(event.lost, 1);
	}
	expect(paclient_watch_next(w, &event, 0, &call), PACLIENT_TIMED_OUT);
	ck_assert_int_eq(paclient_watch_fd(w), fd);
	ck_assert_uint_eq(r.nconns, 4);
	for (unsigned i = 2; i < 4; i++) {
		ck_assert(r.conns[i].resumed);
		ck_assert_uint_eq(r.conns[i].nframes, 1);
		ck_assert_uint_eq(r.conns[i].frames[0].n, r.conns[0].frames[0].n);
		ck_assert_mem_eq(r.conns[i].frames[0].bytes, r.conns[0].frames[0].bytes,
				 r.conns[0].frames[0].n);
	}
	paclient_watch_close(w);
	reborn_stop(&r);
}
END_TEST

/* A watch holds nothing: where its session is not known, another one does. */
START_TEST(watch_with_another_session)
{
	static struct reborn r;
	paclient_watch *w;

	REBORN_START(&r, ACT_EVENT, ACT_NO_SESSION);
	w = watch_open(&r, 20000);
	expect(next(w, _i), 0);
	expect(next(w, _i), 0);
	ck_assert_int_eq(event.kind, PACLIENT_EVENT_LOST);
	expect(next(w, _i), 0);
	event_is(1);
	ck_assert_uint_eq(r.nconns, 3);
	ck_assert(r.conns[1].resumed && !r.conns[2].resumed);
	ck_assert_uint_eq(r.conns[1].nframes, 0);
	paclient_watch_close(w);
	reborn_stop(&r);
}
END_TEST

/* What the next daemon says about the Watch is the end. */
START_TEST(watch_is_refused)
{
	static struct reborn r;
	paclient_watch *w;

	REBORN_START(&r, ACT_EVENT, ACT_NO_WATCH);
	w = watch_open(&r, 20000);
	expect(next(w, _i), 0);
	expect(next(w, _i), PACLIENT_STALE);
	expect(next(w, _i), PACLIENT_STALE);
	paclient_watch_close(w);
	reborn_stop(&r);
}
END_TEST

/* Nobody comes back, in a time that is the longer of timeout and restart grace. */
START_TEST(watch_gives_up)
{
	static struct reborn r;
	paclient_watch *w;

	REBORN_START(&r, ACT_EVENT);
	r.away = true;
	r.grace_ms = 1;
	w = watch_open(&r, 60);
	expect(next(w, _i), 0);
	expect(next(w, _i), PACLIENT_DISCONNECTED);
	ck_assert_ptr_nonnull(strstr(call.error.message, "none answers in its place"));
	expect(next(w, _i), PACLIENT_DISCONNECTED);
	paclient_watch_close(w);
	reborn_stop(&r);
}
END_TEST

/* A time without a daemon is a time without events. */
START_TEST(watch_waits_no_longer_than_it_is_told)
{
	static struct reborn r;
	paclient_watch *w;

	REBORN_START(&r, ACT_EVENT, ACT_EVENT_STAYS);
	r.away = true;
	w = watch_open(&r, 20000);
	expect(next(w, 0), 0);
	expect(paclient_watch_next(w, &event, 0, &call), PACLIENT_TIMED_OUT);
	expect(paclient_watch_next(w, &event, 30, &call), PACLIENT_TIMED_OUT);
	reborn_back(&r);
	expect(next(w, 0), 0);
	ck_assert_int_eq(event.kind, PACLIENT_EVENT_LOST);
	paclient_watch_close(w);
	reborn_stop(&r);
}
END_TEST

/* Asked for a region on the second connection; refused then; Attaches that the first one outlives. */
static unsigned nasked, nlives;
static bool stale;

static size_t stale_reply(uint64_t id, uint8_t *to)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

	reply.id = id;
	reply.status = PALLOCD__V1__STATUS__STALE;
	return fake_frame(&reply, to);
}

/* Dies with the first Attach read, or half of its reply and the descriptor sent; then behaves. */
static void serve_attach(struct fake *f, int fd)
{
	static struct behind *b;
	Pallocd__V1__HelloReply h = PALLOCD__V1__HELLO_REPLY__INIT;
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__Feature backing = PALLOCD__V1__FEATURE__FEATURE_BACKING;
	Pallocd__V1__Request *q = fake_read(fd);
	uint8_t frame[1024];
	int out;

	b = f->arg;
	reply.id = q->id;
	h.version = 1;
	h.session = 7;
	h.features = &backing;
	h.n_features = 1;
	h.token = (ProtobufCBinaryData){16, (uint8_t *)"the fake's token"};
	h.resumed = q->hello->token.len != 0;
	h.repeats = true;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_HELLO;
	reply.hello = &h;
	fake_send(fd, &reply);
	pallocd__v1__request__free_unpacked(q, NULL);
	while ((q = fake_read(fd))) {
		size_t n = behind_answer(f, b, q, frame, &out);

		if (q->verb_case == PALLOCD__V1__REQUEST__VERB_REGION_INFO) {
			nasked++;
			if (stale)
				n = stale_reply(q->id, frame);
		}
		pallocd__v1__request__free_unpacked(q, NULL);
		if (!f->nconnections && b->nattaches > nlives) {
			if (b->waited)
				behind_send(fd, frame, n / 2, &out, 1);
			return;
		}
		behind_send(fd, frame, n, &out, out >= 0);
	}
}

START_TEST(attach_is_asked_for_again)
{
	struct paclient_backing b = {.size = sizeof(b)};
	struct behind behind;
	unsigned before;
	struct fake f;
	paclient *c;

	behind_init(&behind);
	behind.waited = _i;
	fake_start(&f, serve_attach, &behind);
	c = fake_open(&f, 20000);
	before = nopen();
	expect(paclient_attach(c, 2, PACLIENT_WRITE, &b, &call), 0);
	ck_assert_uint_eq(paclient_reconnects(c), 1);
	ck_assert_uint_eq(behind_number(b.fd, 3), 2);
	close(b.fd);
	/* What had come of the first one is closed. */
	ck_assert_uint_eq(nopen(), before);
	paclient_close(c);
	fake_stop(&f);
	behind_deinit(&behind);
}
END_TEST

/* What has been attached is asked about once after a restart: it may not be the region's memory any more. */
START_TEST(map_after_a_restart)
{
	struct paclient_backing b = {.size = sizeof(b)};
	struct behind behind;
	void *memory[4];
	struct fake f;
	paclient *c;

	behind_init(&behind);
	nlives = 1;
	stale = _i;
	fake_start(&f, serve_attach, &behind);
	c = fake_open(&f, 20000);
	expect(paclient_map(c, 2, BEHIND_BASE, 1, 0, &memory[0], &call), 0);
	expect(paclient_attach(c, 3, 0, &b, &call), 0);
	ck_assert_uint_eq(paclient_reconnects(c), 1);
	close(b.fd);
	for (int i = 1; i < 4; i++)
		expect(paclient_map(c, 2, BEHIND_BASE, 1, 0, &memory[i], &call),
		       _i ? PACLIENT_STALE : 0);
	ck_assert_uint_eq(nasked, _i ? 3 : 1);
	/* What is mapped stays. */
	ck_assert_uint_eq(*(uint32_t *)memory[0], 2);
	expect(paclient_unmap(c, 2, memory[0], 1, &call), 0);
	paclient_close(c);
	fake_stop(&f);
	behind_deinit(&behind);
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
	Suite *s = suite_create("client_restart_watch");

	run_add(s, "watch_opens_across_a_restart", watch_opens_across_a_restart);
	loop_add(s, "watch_is_set_up_again", watch_is_set_up_again, 2);
	loop_add(s, "watch_with_another_session", watch_with_another_session, 2);
	loop_add(s, "watch_is_refused", watch_is_refused, 2);
	loop_add(s, "watch_gives_up", watch_gives_up, 2);
	run_add(s, "watch_waits_no_longer_than_it_is_told", watch_waits_no_longer_than_it_is_told);
	loop_add(s, "map_after_a_restart", map_after_a_restart, 2);
	loop_add(s, "attach_is_asked_for_again", attach_is_asked_for_again, 2);
	return suite_run(s);
}
