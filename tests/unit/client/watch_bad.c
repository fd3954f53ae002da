/*
 * watch_bad - watches that end, are refused, or are sent something else
 *
 * Role:       paclient_watch_*(): ends at every byte, frames that are no events, refusals, arguments.
 * Uses:       client/lib, stream, check
 */
#include <string.h>

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

/* What came as a whole is shown; then the end is, again and again. */
START_TEST(end_at_every_byte)
{
	static struct stream s;
	size_t first, opened;
	struct fake f;

	stream_init(&s);
	opened = s.n;
	stream_events(&s, 0, 2, 0);
	first = s.n;
	stream_events(&s, 2, 1, 0);
	fake_start(&f, serve_stream, &s);
	for (s.end = 1; s.end < s.n; s.end++) {
		unsigned want = s.end < first ? 0 : 2;
		paclient_watch *w = NULL;

		if (s.end < opened) {
			expect(paclient_watch_open(f.path, NULL, NULL, &w, &call),
			       PACLIENT_DISCONNECTED);
			ck_assert_ptr_null(w);
			continue;
		}
		w = watch_open(&f);
		for (unsigned i = 0; i < want; i++) {
			expect(paclient_watch_next(w, &event, 5000, &call), 0);
			event_is(&event, i, 0);
		}
		for (int i = 0; i < 2; i++)
			expect(paclient_watch_next(w, &event, -1, &call), PACLIENT_DISCONNECTED);
		paclient_watch_close(w);
	}
	fake_stop(&f);
}
END_TEST

static int see(const struct paclient_event *e, void *ctx)
{
	(void)e;
	(void)ctx;
	return 0;
}

/* Frames that are no events of this watch; what is said about each. */
enum bad {
	OTHER_ID,
	OTHER_RESULT,
	NO_RESULT,
	WRONG_TYPES,
	NO_REPLY,
	EMPTY_FRAME,
	ENDED,
	NO_SUCH_STATUS,
	WITHOUT_ID,
	REFUSED_LATER,
	NBAD
};

static int bad_add(struct stream *s, enum bad bad)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__Events events = PALLOCD__V1__EVENTS__INIT;
	Pallocd__V1__GrowReply grow = PALLOCD__V1__GROW_REPLY__INIT;

	reply.id = 2;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_EVENTS;
	reply.events = &events;
	switch (bad) {
	case OTHER_ID:
		reply.id = 3;
		break;
	case OTHER_RESULT:
		reply.result_case = PALLOCD__V1__REPLY__RESULT_GROW;
		reply.grow = &grow;
		break;
	case NO_RESULT:
		reply.result_case = PALLOCD__V1__REPLY__RESULT__NOT_SET;
		break;
	case WRONG_TYPES:
		/* Field 1, which is a message, as a number. */
		memcpy(s->bytes + s->n, "\7\0\0\0\10\2\252\2\2\10\1", 11);
		s->n += 11;
		return PACLIENT_PROTOCOL;
	case NO_REPLY:
		memcpy(s->bytes + s->n, "\3\0\0\0\377\377\377", 7);
		s->n += 7;
		return PACLIENT_PROTOCOL;
	case EMPTY_FRAME:
		memcpy(s->bytes + s->n, "\0\0\0\0", 4);
		s->n += 4;
		return PACLIENT_PROTOCOL;
	case ENDED:
		reply.id = 0;
		reply.result_case = PALLOCD__V1__REPLY__RESULT__NOT_SET;
		reply.status = PALLOCD__V1__STATUS__SESSION_ENDED;
		stream_add(s, &reply);
		return PACLIENT_SESSION_ENDED;
	case NO_SUCH_STATUS:
		reply.status = 64;
		break;
	case WITHOUT_ID:
		reply.id = 0;
		break;
	case REFUSED_LATER:
		reply.result_case = PALLOCD__V1__REPLY__RESULT__NOT_SET;
		reply.status = PALLOCD__V1__STATUS__DENIED;
		stream_add(s, &reply);
		return PACLIENT_DENIED;
	case NBAD:
		break;
	}
	stream_add(s, &reply);
	return PACLIENT_PROTOCOL;
}

START_TEST(something_else_instead)
{
	static struct stream s;
	paclient_watch *w;
	struct fake f;
	int want;

	stream_init(&s);
	stream_events(&s, 0, 1, 0);
	want = bad_add(&s, (enum bad)_i);
	stream_events(&s, 1, 1, 0);
	fake_start(&f, serve_stream, &s);
	w = watch_open(&f);
	expect(paclient_watch_next(w, &event, 5000, &call), 0);
	for (int i = 0; i < 2; i++) {
		int status = paclient_watch_next(w, &event, 5000, &call);

		ck_assert_msg(status == want, "bad %d: wanted %s, got %s: %s", _i,
			      paclient_status_name(want), paclient_status_name(status),
			      call.error.message);
		ck_assert(call.error.message[0]);
	}
	paclient_watch_close(w);
	fake_stop(&f);
}
END_TEST

/* Answers the Watch with a refusal, or not at all. */
static void serve_refusal(struct fake *f, int fd)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

	fake_hello(fd);
	pallocd__v1__request__free_unpacked(fake_read(fd), NULL);
	reply.id = 2;
	reply.status = (Pallocd__V1__Status)(intptr_t)f->arg;
	if (reply.status)
		fake_send(fd, &reply);
	fake_read(fd);
}

START_TEST(no_watch)
{
	static const int rows[] = {PACLIENT_NO_REGION, PACLIENT_UNKNOWN_VERB, PACLIENT_DENIED, 0};
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	struct fake f;

	o.timeout_ms = 100;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		paclient_watch *w = NULL;

		fake_start(&f, serve_refusal, (void *)(intptr_t)rows[i]);
		expect(paclient_watch_open(f.path, &o, NULL, &w, &call),
		       rows[i] ? rows[i] : PACLIENT_TIMED_OUT);
		ck_assert_ptr_null(w);
		fake_stop(&f);
	}
	expect(paclient_watch_open("/nowhere", NULL, NULL, NULL, &call), PACLIENT_BAD_ARGUMENT);
}
END_TEST

START_TEST(impossible_arguments)
{
	struct paclient_watch_filter x = PACLIENT_WATCH_FILTER_INIT;
	struct paclient_event no_size = {0};
	static struct stream s;
	paclient_watch *w;
	struct fake f;

	stream_init(&s);
	fake_start(&f, serve_stream, &s);
	x.kinds = 1;
	expect(paclient_watch_open(f.path, NULL, &x, &w, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "filter.kinds");
	x.size = 1;
	expect(paclient_watch_open(f.path, NULL, &x, &w, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "filter");
	expect(paclient_watch_open("/nowhere", NULL, NULL, &w, &call), PACLIENT_NOT_CONNECTED);
	w = watch_open(&f);
	expect(paclient_watch_next(NULL, &event, 0, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_watch_run(NULL, see, NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "watch");
	expect(paclient_watch_next(w, NULL, 0, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_watch_next(w, &no_size, 0, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_event");
	expect(paclient_watch_next(w, &event, -2, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "timeout_ms");
	expect(paclient_watch_run(w, NULL, NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "each");
	paclient_watch_close(w);
	fake_stop(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_watch_bad");
	TCase *bad = tcase_create("something_else_instead");

	run_add(s, "end_at_every_byte", end_at_every_byte);
	tcase_add_loop_test(bad, something_else_instead, 0, NBAD);
	suite_add_tcase(s, bad);
	run_add(s, "no_watch", no_watch);
	run_add(s, "impossible_arguments", impossible_arguments);
	return suite_run(s);
}
