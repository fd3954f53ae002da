/*
 * bad - replies that are cut, wrong, too long, or not replies at all
 *
 * Role:       whatever a daemon sends, a call ends in time with a status that says what it was.
 * Uses:       client/lib, fake daemon, check
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/client/fake.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
}

/* The whole of the conversation after Hello is one Alloc; where is its reply cut? */
struct cut {
	size_t at;     /* bytes before the cut; all = byte by byte */
	bool the_end;  /* the connection ends there */
	size_t nbytes; /* of the whole frame, for the test to know when it is through */
};

#define ONE_BY_ONE SIZE_MAX

/* Time for the other side to receive what is there before more comes. */
static void pause_a_bit(void)
{
	usleep(300);
}

static void serve_cut(struct fake *f, int fd)
{
	struct cut *cut = f->arg;
	Pallocd__V1__Request *q;
	uint8_t frame[256];
	size_t n;

	if (!fake_hello(fd))
		return;
	q = fake_read(fd);
	n = cut->nbytes = fake_answer(f, q, frame);
	pallocd__v1__request__free_unpacked(q, NULL);
	if (cut->at == ONE_BY_ONE) {
		for (size_t i = 0; i < n; i++) {
			fake_write(fd, frame + i, 1);
			pause_a_bit();
		}
	} else {
		size_t at = cut->at < n ? cut->at : n;

		fake_write(fd, frame, at);
		if (cut->the_end)
			return;
		pause_a_bit();
		fake_write(fd, frame + at, n - at);
	}
	fake_read(fd);
}

START_TEST(cut_at_every_byte)
{
	struct cut cut = {.nbytes = 1000};
	struct fake f;

	fake_start(&f, serve_cut, &cut);
	for (cut.at = 0; cut.at <= cut.nbytes; cut.at++) {
		paclient *c = fake_open(&f, 2000);
		uint64_t addr = 0;

		expect(paclient_alloc(c, 3, 2, 0, &addr, &call), 0);
		ck_assert_uint_eq(addr, 0x10000 + cut.at * 2 * 4096);
		paclient_close(c);
	}
	ck_assert_uint_gt(cut.at, 10);
	fake_stop(&f);
}
END_TEST

START_TEST(byte_by_byte)
{
	struct cut cut = {.at = ONE_BY_ONE};
	struct fake f;
	uint64_t addr;
	paclient *c;

	fake_start(&f, serve_cut, &cut);
	c = fake_open(&f, 2000);
	expect(paclient_alloc(c, 3, 2, 0, &addr, &call), 0);
	ck_assert_uint_eq(addr, 0x10000);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(end_at_every_byte)
{
	struct cut cut = {.nbytes = 1000, .the_end = true};
	struct fake f;

	fake_start(&f, serve_cut, &cut);
	for (cut.at = 0; cut.at < cut.nbytes; cut.at++) {
		paclient *c = fake_open(&f, 2000);
		uint64_t addr = 5;

		expect(paclient_alloc(c, 3, 2, 0, &addr, &call), PACLIENT_DISCONNECTED);
		ck_assert_uint_eq(addr, 5);
		expect(paclient_grow(c, 3, 2, NULL, &call), PACLIENT_DISCONNECTED);
		paclient_close(c);
	}
	ck_assert_uint_gt(cut.at, 10);
	fake_stop(&f);
}
END_TEST

/* Bytes that come instead of the reply to request 2, which is an Alloc of one page. */
struct instead {
	const char *name;
	int want;
	size_t n;
	uint8_t bytes[24];
};

static const struct instead instead[] = {
	{"empty frame", PACLIENT_PROTOCOL, 4, {0, 0, 0, 0}},
	{"one byte too long", PACLIENT_PROTOCOL, 4, {1, 0, 1, 0}},
	{"four gigabytes", PACLIENT_PROTOCOL, 4, {255, 255, 255, 255}},
	{"text", PACLIENT_PROTOCOL, 12, "HTTP/1.1 400"},
	{"endless varint",
	 PACLIENT_PROTOCOL,
	 15,
	 {11, 0, 0, 0, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}},
	{"field number 0", PACLIENT_PROTOCOL, 6, {2, 0, 0, 0, 0, 1}},
	{"length beyond the frame", PACLIENT_PROTOCOL, 8, {4, 0, 0, 0, 8, 2, 0x6a, 9}},
	{"group", PACLIENT_PROTOCOL, 7, {3, 0, 0, 0, 8, 2, 0x0b}},
	{"request number from the future", PACLIENT_PROTOCOL, 6, {2, 0, 0, 0, 8, 3}},
	{"request number of Hello again", PACLIENT_PROTOCOL, 6, {2, 0, 0, 0, 8, 1}},
	{"no request number, no status", PACLIENT_PROTOCOL, 6, {2, 0, 0, 0, 16, 0}},
	{"no result", PACLIENT_PROTOCOL, 6, {2, 0, 0, 0, 8, 2}},
	{"result of a Free", PACLIENT_PROTOCOL, 9, {5, 0, 0, 0, 8, 2, 0x72, 1, 0}},
	{"Alloc without address", PACLIENT_PROTOCOL, 8, {4, 0, 0, 0, 8, 2, 0x6a, 0}},
	{"Alloc with two addresses",
	 PACLIENT_PROTOCOL,
	 12,
	 {8, 0, 0, 0, 8, 2, 0x6a, 4, 0x0a, 2, 1, 2}},
	{"Alloc with an address of the wrong type",
	 PACLIENT_PROTOCOL,
	 13,
	 {9, 0, 0, 0, 8, 2, 0x6a, 5, 0x0d, 1, 2, 3, 4}},
	{"a status of the library", PACLIENT_PROTOCOL, 8, {4, 0, 0, 0, 8, 2, 16, 64}},
	{"a negative status",
	 PACLIENT_PROTOCOL,
	 17,
	 {13, 0, 0, 0, 8, 2, 16, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}},
	{"message that is no text", PACLIENT_PROTOCOL, 10, {6, 0, 0, 0, 8, 2, 16, 9, 0x18, 1}},
	{"a status from the future", 63, 8, {4, 0, 0, 0, 8, 2, 16, 63}},
	{"no space without numbers", PACLIENT_NO_SPACE, 8, {4, 0, 0, 0, 8, 2, 16, 9}},
	{"overloaded", PACLIENT_OVERLOADED, 6, {2, 0, 0, 0, 16, 16}},
	{"malformed", PACLIENT_MALFORMED, 6, {2, 0, 0, 0, 16, 1}},
};

static void serve_instead(struct fake *f, int fd)
{
	const struct instead *i = f->arg;

	if (!fake_hello(fd))
		return;
	pallocd__v1__request__free_unpacked(fake_read(fd), NULL);
	fake_write(fd, i->bytes, i->n);
	/* The connection stays open: the verdict must come from the bytes alone. */
	for (Pallocd__V1__Request *q; (q = fake_read(fd));)
		pallocd__v1__request__free_unpacked(q, NULL);
}

START_TEST(something_else_instead)
{
	const struct instead *i = &instead[_i];
	uint64_t addr = 5;
	struct fake f;
	paclient *c;
	int status;

	fake_start(&f, serve_instead, (void *)(uintptr_t)i);
	c = fake_open(&f, 2000);
	status = paclient_alloc(c, 3, 1, 0, &addr, &call);
	ck_assert_msg(status == i->want, "%s: wanted %s, got %s: %s", i->name,
		      paclient_status_name(i->want), paclient_status_name(status),
		      call.error.message);
	ck_assert_str_ne(call.error.message, "");
	ck_assert_int_eq(call.error.status, i->want);
	/* After what cannot be trusted, nothing works; after a mere refusal, everything does. */
	if (i->want == PACLIENT_PROTOCOL || i->n == 6)
		expect(paclient_grow(c, 3, 1, NULL, &call), i->want);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* Instead of a Hello reply. */
static void serve_refusal(struct fake *f, int fd)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

	reply.status = PALLOCD__V1__STATUS__OVERLOADED;
	reply.message = (char *)"512 connections are open, more are not taken";
	(void)f;
	fake_send(fd, &reply);
}

/* The daemon closes before our Hello is sent, perhaps: its reason must come through all the same. */
START_TEST(refused_at_the_door)
{
	struct fake f;
	paclient *c;

	fake_start(&f, serve_refusal, NULL);
	for (int i = 0; i < 50; i++) {
		expect(paclient_open(f.path, NULL, &c, &call), PACLIENT_OVERLOADED);
		ck_assert_ptr_nonnull(strstr(call.error.message, "512"));
	}
	fake_stop(&f);
}
END_TEST

static void serve_version_9(struct fake *f, int fd)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__HelloReply h = PALLOCD__V1__HELLO_REPLY__INIT;

	(void)f;
	pallocd__v1__request__free_unpacked(fake_read(fd), NULL);
	reply.id = 1;
	h.version = 9;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_HELLO;
	reply.hello = &h;
	fake_send(fd, &reply);
}

START_TEST(hello_with_another_version)
{
	struct fake f;
	paclient *c;

	fake_start(&f, serve_version_9, NULL);
	expect(paclient_open(f.path, NULL, &c, &call), PACLIENT_PROTOCOL);
	fake_stop(&f);
}
END_TEST

/* Lists that never end or go backwards must not keep the caller for ever. */
static void serve_endless_list(struct fake *f, int fd)
{
	Pallocd__V1__Request *q;

	(void)f;
	fake_hello(fd);
	while ((q = fake_read(fd))) {
		Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
		Pallocd__V1__ListRegionsReply l = PALLOCD__V1__LIST_REGIONS_REPLY__INIT;
		Pallocd__V1__Region r = PALLOCD__V1__REGION__INIT, *pointer = &r;

		reply.id = q->id;
		pallocd__v1__request__free_unpacked(q, NULL);
		r.id = 4;
		l.regions = &pointer;
		l.n_regions = 1;
		l.more = true;
		reply.result_case = PALLOCD__V1__REPLY__RESULT_LIST_REGIONS;
		reply.list_regions = &l;
		fake_send(fd, &reply);
	}
}

START_TEST(endless_list)
{
	struct paclient_region_list *list;
	struct fake f;
	paclient *c;

	fake_start(&f, serve_endless_list, NULL);
	c = fake_open(&f, 2000);
	expect(paclient_regions(c, &list, &call), PACLIENT_PROTOCOL);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_bad");
	TCase *tc = tcase_create("something_else_instead");

	run_add(s, "cut_at_every_byte", cut_at_every_byte);
	run_add(s, "byte_by_byte", byte_by_byte);
	run_add(s, "end_at_every_byte", end_at_every_byte);
	tcase_add_loop_test(tc, something_else_instead, 0,
			    (int)(sizeof(instead) / sizeof(instead[0])));
	suite_add_tcase(s, tc);
	run_add(s, "refused_at_the_door", refused_at_the_door);
	run_add(s, "hello_with_another_version", hello_with_another_version);
	run_add(s, "endless_list", endless_list);
	return suite_run(s);
}
