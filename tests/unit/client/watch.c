/*
 * watch - events, however the bytes come
 *
 * Role:       paclient_watch_*(): the request, each field of an event, losses, frames cut anywhere, time, fork; watch_bad.c has the rest.
 * Uses:       client/lib, stream, check
 */
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/client/run.h"
#include "tests/unit/client/stream.h"

static struct paclient_call call = PACLIENT_CALL_INIT;

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
}

static paclient_watch *watch_open(struct fake *f)
{
	paclient_watch *w = NULL;

	expect(paclient_watch_open(f->path, NULL, NULL, &w, &call), 0);
	ck_assert_ptr_nonnull(w);
	return w;
}

static struct paclient_event event = {.size = sizeof(event)};

/* Watch: region 3, "r", kinds 1, 8 and 40, by_uid, uid 1000, session 7. */
static const uint8_t frame[] = {8, 2, 0xe2, 1,  17,   8, 3,    0x12, 1, 'r',  0x1a,
				3, 1, 8,    40, 0x20, 1, 0x28, 0xe8, 7, 0x30, 7};

START_TEST(the_filter_travels)
{
	struct paclient_watch_filter x = PACLIENT_WATCH_FILTER_INIT;
	static struct stream s;
	paclient_watch *w;
	struct fake f;

	stream_init(&s);
	fake_start(&f, serve_stream, &s);
	x.region_id = 3;
	x.region = "r";
	x.kinds = UINT64_C(1) << PACLIENT_EVENT_ALLOC | UINT64_C(1) << PACLIENT_EVENT_SESSION_END |
		  UINT64_C(1) << 40;
	x.by_uid = true;
	x.uid = 1000;
	x.session_id = 7;
	expect(paclient_watch_open(f.path, NULL, &x, &w, &call), 0);
	ck_assert_uint_eq(s.raw[0], sizeof(frame));
	ck_assert_mem_eq(s.raw + 4, frame, sizeof(frame));
	paclient_watch_close(w);
	/* Nothing set: nothing said. */
	w = watch_open(&f);
	ck_assert_mem_eq(s.raw, "\5\0\0\0\10\2\342\1\0", 9);
	paclient_watch_close(w);
	fake_stop(&f);
}
END_TEST

/* What belongs to sessions that are resumed is not asked for, whatever the options say. */
static void serve_hello_seen(struct fake *f, int fd)
{
	Pallocd__V1__Request *q = fake_read(fd);
	uint8_t reply[512];

	f->placed = q->hello->grace_msec || q->hello->token.len || q->hello->accepts_handover;
	fake_write(fd, reply, fake_answer(f, q, reply));
	pallocd__v1__request__free_unpacked(q, NULL);
	fake_serve(f, fd);
}

START_TEST(a_watch_takes_over_no_session)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	uint8_t token[PACLIENT_TOKEN_BYTES] = {1};
	paclient_watch *w;
	struct fake f;

	fake_start(&f, serve_hello_seen, NULL);
	f.placed = true;
	o.grace_ms = 5;
	o.token = token;
	o.token_bytes = sizeof(token);
	o.accepts_handover = true;
	expect(paclient_watch_open(f.path, &o, NULL, &w, &call), 0);
	ck_assert(!f.placed);
	paclient_watch_close(w);
	fake_stop(&f);
}
END_TEST

/* Some right behind the WatchReply; losses before an event, between frames, and alone. */
START_TEST(all_arrive)
{
	static struct stream s;
	paclient_watch *w;
	struct fake f;

	stream_init(&s);
	stream_events(&s, 0, 3, 0);
	stream_events(&s, 3, PALLOCD_EVENTS_MAX, 9);
	stream_events(&s, 0, 0, 5);
	stream_events(&s, 0, 0, 0);
	stream_events(&s, 7, 1, 2);
	fake_start(&f, serve_stream, &s);
	w = watch_open(&f);
	for (unsigned i = 0; i < 3 + PALLOCD_EVENTS_MAX; i++) {
		expect(paclient_watch_next(w, &event, 5000, &call), 0);
		event_is(&event, i, i == 3 ? 9 : 0);
	}
	expect(paclient_watch_next(w, &event, -1, &call), 0);
	ck_assert_int_eq(event.kind, PACLIENT_EVENT_LOST);
	ck_assert_uint_eq(event.lost, 5);
	ck_assert_str_eq(event.text, "");
	ck_assert_uint_eq(event.time_usec, 0);
	expect(paclient_watch_next(w, &event, 5000, &call), 0);
	event_is(&event, 7, 2);
	expect(paclient_watch_next(w, &event, 0, &call), PACLIENT_TIMED_OUT);
	expect(paclient_watch_next(w, &event, 20, &call), PACLIENT_TIMED_OUT);
	event_is(&event, 7, 2);
	paclient_watch_close(w);
	fake_stop(&f);
}
END_TEST

/* A program of another version has another struct. */
START_TEST(older_programs_get_less)
{
	struct {
		size_t size;
		int kind, cause;
		uint64_t lost, guard;
	} older = {offsetof(struct paclient_event, time_usec), 0, 0, 0, 77};
	static struct stream s;
	paclient_watch *w;
	struct fake f;

	stream_init(&s);
	stream_events(&s, 3, 1, 4);
	fake_start(&f, serve_stream, &s);
	w = watch_open(&f);
	expect(paclient_watch_next(w, (struct paclient_event *)(void *)&older, 5000, &call), 0);
	ck_assert(older.kind == 4 && older.cause == 3 && older.lost == 4 && older.guard == 77);
	paclient_watch_close(w);
	fake_stop(&f);
}
END_TEST

START_TEST(cut_at_every_byte)
{
	static struct stream s;
	paclient_watch *w;
	struct fake f;

	stream_init(&s);
	stream_events(&s, 0, 2, 1);
	stream_events(&s, 2, 1, 0);
	fake_start(&f, serve_stream, &s);
	for (s.at = 1; s.at < s.n; s.at++) {
		w = watch_open(&f);
		for (unsigned i = 0; i < 3; i++) {
			expect(paclient_watch_next(w, &event, 5000, &call), 0);
			event_is(&event, i, i == 0);
		}
		paclient_watch_close(w);
	}
	s.at = ONE_BY_ONE;
	w = watch_open(&f);
	for (unsigned i = 0; i < 3; i++) {
		expect(paclient_watch_next(w, &event, 5000, &call), 0);
		event_is(&event, i, i == 0);
	}
	paclient_watch_close(w);
	fake_stop(&f);
}
END_TEST

/* As a program with a loop of its own does it, though the first events come with the WatchReply. */
START_TEST(by_descriptor)
{
	static struct stream s;
	struct pollfd p;
	paclient_watch *w;
	struct fake f;
	unsigned n = 0;
	int status;

	stream_init(&s);
	stream_events(&s, 0, 100, 0);
	stream_events(&s, 100, 100, 0);
	fake_start(&f, serve_stream, &s);
	w = watch_open(&f);
	p = (struct pollfd){paclient_watch_fd(w), POLLIN, 0};
	ck_assert_int_gt(p.fd, 2);
	while (n < 200) {
		ck_assert_int_eq(poll(&p, 1, 5000), 1);
		while (!(status = paclient_watch_next(w, &event, 0, &call)))
			event_is(&event, n++, 0);
		expect(status, PACLIENT_TIMED_OUT);
	}
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	paclient_watch_close(w);
	ck_assert_int_eq(paclient_watch_fd(NULL), -1);
	fake_stop(&f);
}
END_TEST

struct seen {
	unsigned n;
	unsigned stop_at;
};

static int see(const struct paclient_event *e, void *ctx)
{
	struct seen *seen = ctx;

	event_is(e, seen->n++, 0);
	return seen->n == seen->stop_at;
}

START_TEST(shown_to_a_function)
{
	struct seen seen = {.stop_at = 3};
	static struct stream s;
	paclient_watch *w;
	struct fake f;

	stream_init(&s);
	stream_events(&s, 0, 5, 0);
	s.ends = true;
	fake_start(&f, serve_stream, &s);
	w = watch_open(&f);
	/* Enough; then on from there until the daemon goes. */
	expect(paclient_watch_run(w, see, &seen, &call), 0);
	ck_assert_uint_eq(seen.n, 3);
	expect(paclient_watch_run(w, see, &seen, &call), PACLIENT_DISCONNECTED);
	ck_assert_uint_eq(seen.n, 5);
	expect(paclient_watch_run(w, see, &seen, NULL), PACLIENT_DISCONNECTED);
	paclient_watch_close(w);
	fake_stop(&f);
}
END_TEST

/* With events that nobody has seen: in the buffer, and half unpacked. */
START_TEST(closed_meanwhile)
{
	static struct stream s;
	paclient_watch *w;
	struct fake f;

	stream_init(&s);
	stream_events(&s, 0, PALLOCD_EVENTS_MAX, 0);
	stream_events(&s, PALLOCD_EVENTS_MAX, PALLOCD_EVENTS_MAX, 0);
	fake_start(&f, serve_stream, &s);
	for (unsigned shown = 0; shown < 3; shown++) {
		w = watch_open(&f);
		for (unsigned i = 0; i < shown; i++)
			expect(paclient_watch_next(w, &event, 5000, &call), 0);
		paclient_watch_close(w);
	}
	paclient_watch_close(NULL);
	fake_stop(&f);
}
END_TEST

START_TEST(child_is_inert)
{
	static struct stream s;
	paclient_watch *w;
	int status = 0;
	struct fake f;
	pid_t pid;

	stream_init(&s);
	stream_events(&s, 0, 2, 0);
	fake_start(&f, serve_stream, &s);
	w = watch_open(&f);
	expect(paclient_watch_next(w, &event, 5000, &call), 0);
	pid = fork();
	if (!pid) {
		status = paclient_watch_next(w, &event, 0, NULL);
		paclient_watch_close(w);
		_exit(status != PACLIENT_BAD_ARGUMENT);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	expect(paclient_watch_next(w, &event, 5000, &call), 0);
	event_is(&event, 1, 0);
	paclient_watch_close(w);
	fake_stop(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_watch");

	run_add(s, "the_filter_travels", the_filter_travels);
	run_add(s, "a_watch_takes_over_no_session", a_watch_takes_over_no_session);
	run_add(s, "all_arrive", all_arrive);
	run_add(s, "older_programs_get_less", older_programs_get_less);
	run_add(s, "cut_at_every_byte", cut_at_every_byte);
	run_add(s, "by_descriptor", by_descriptor);
	run_add(s, "shown_to_a_function", shown_to_a_function);
	run_add(s, "closed_meanwhile", closed_meanwhile);
	run_add(s, "child_is_inert", child_is_inert);
	return suite_run(s);
}
