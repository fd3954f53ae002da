/*
 * list - extents shown one after the other, however many there are
 *
 * Role:       paclient_list_each() and paclient_list(): order, filters on the wire, stopping, time, replies that make no sense.
 * Uses:       client/lib, fake daemon, check
 */
#include <string.h>
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

/* What the function sees and does. */
struct seen {
	uint64_t n;
	uint64_t stop_at;      /* 0 = never */
	useconds_t pause_usec; /* after each reply's last one */
	paclient *client;      /* not NULL: asked for something each time */
};

static int see(const struct paclient_extent *e, void *ctx)
{
	struct paclient_region info = {.size = sizeof(info)};
	struct seen *seen = ctx;

	ck_assert_uint_eq(e->addr, seen->n * 0x2000);
	ck_assert_uint_eq(e->nholders, 3);
	ck_assert_str_eq(e->name, "name");
	seen->n++;
	if (seen->n % PALLOCD_LIST_EXTENTS_MAX == 0)
		usleep(seen->pause_usec);
	if (seen->client)
		ck_assert_int_eq(paclient_region_info(seen->client, 3, &info, NULL), 0);
	return seen->n == seen->stop_at;
}

START_TEST(all_in_order)
{
	struct paclient_extent_list *list;
	struct seen seen = {0};
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	f.nlisted = 5000;
	c = fake_open(&f, 5000);
	expect(paclient_list_each(c, 3, NULL, see, &seen, &call), 0);
	ck_assert_uint_eq(seen.n, 5000);
	expect(paclient_list(c, 3, NULL, &list, &call), 0);
	ck_assert_uint_eq(list->nextents, 5000);
	for (uint64_t i = 0; i < 5000; i++) {
		ck_assert_uint_eq(list->extents[i]->size, sizeof(struct paclient_extent));
		ck_assert_uint_eq(list->extents[i]->addr, i * 0x2000);
	}
	ck_assert_str_eq(list->extents[4999]->label, "label");
	paclient_extents_free(list);
	paclient_extents_free(NULL);
	f.nlisted = 0;
	expect(paclient_list(c, 3, NULL, &list, &call), 0);
	ck_assert_uint_eq(list->nextents, 0);
	paclient_extents_free(list);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(enough_is_enough)
{
	struct seen seen = {0};
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	f.nlisted = 2000;
	c = fake_open(&f, 5000);
	for (seen.stop_at = 511; seen.stop_at <= 513; seen.stop_at++) {
		uint64_t want = seen.stop_at;

		seen.n = 0;
		expect(paclient_list_each(c, 3, NULL, see, &seen, &call), 0);
		ck_assert_uint_eq(seen.n, want);
	}
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* Longer than the deadline in all, and the handle in use meanwhile. */
START_TEST(the_function_may_take_its_time)
{
	struct seen seen = {.pause_usec = 250000};
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	f.nlisted = 2 * PALLOCD_LIST_EXTENTS_MAX + 3;
	c = fake_open(&f, 5000);
	seen.client = c;
	call.timeout_ms = 400;
	expect(paclient_list_each(c, 3, NULL, see, &seen, &call), 0);
	call.timeout_ms = 0;
	ck_assert_uint_eq(seen.n, f.nlisted);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* List: region 3, session 7, by_uid, uid 1000, "n*", [0x1000, 0x3000), 2 to 5 pages. */
static const uint8_t frame[] = {8,    2,    0xb2, 1,    23,   8, 3,    0x18, 7,    0x20,
				1,    0x28, 0xe8, 7,    0x32, 2, 'n',  '*',  0x38, 0x80,
				0x20, 0x40, 0x80, 0x60, 0x48, 2, 0x50, 5};

START_TEST(filters_travel)
{
	struct paclient_list_filter x = PACLIENT_LIST_FILTER_INIT;
	static uint8_t raw[FAKE_RAW_BYTES];
	struct seen seen = {0};
	struct fake f;
	paclient *c;

	fake_start(&f, fake_raw, raw);
	c = fake_open(&f, 1000);
	x.session_id = 7;
	x.by_uid = true;
	x.uid = 1000;
	x.name_pattern = "n*";
	x.lowest_addr = 0x1000;
	x.limit_addr = 0x3000;
	x.min_npages = 2;
	x.max_npages = 5;
	expect(paclient_list_each(c, 3, &x, see, &seen, &call), 0);
	ck_assert_uint_eq(raw[0], sizeof(frame));
	ck_assert_mem_eq(raw + 4, frame, sizeof(frame));
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(impossible_arguments)
{
	struct {
		struct paclient_list_filter known;
		uint64_t newer;
	} x = {PACLIENT_LIST_FILTER_INIT, 1};
	struct paclient_extent_list *list;
	struct seen seen = {0};
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_list_each(NULL, 3, NULL, see, &seen, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_list_each(c, 3, NULL, NULL, &seen, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "each");
	expect(paclient_list(c, 3, NULL, NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_list");
	x.known.size = sizeof(x);
	expect(paclient_list(c, 3, &x.known, &list, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "filter");
	expect(paclient_list_each(c, 3, &x.known, see, &seen, &call), PACLIENT_BAD_ARGUMENT);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* Replies to a list of [0x1000, 0x9000). */
struct bad {
	const char *name;
	size_t n;
	uint64_t addr[2];
	uint64_t next; /* 0 = no more */
};

static const struct bad bad[] = {
	{"below where it was asked for", 1, {0xfff, 0}, 0},
	{"at the limit", 2, {0x2000, 0x9000}, 0},
	{"one twice", 2, {0x2000, 0x2000}, 0},
	{"downwards", 2, {0x3000, 0x2000}, 0},
	{"more, at the same place", 0, {0}, 0x1000},
	{"more, before the last one", 2, {0x2000, 0x3000}, 0x2000},
	{"more, at the last one", 1, {0x2000, 0}, 0x2000},
};

static void serve_bad(struct fake *f, int fd)
{
	Pallocd__V1__Extent e[2] = {PALLOCD__V1__EXTENT__INIT, PALLOCD__V1__EXTENT__INIT};
	Pallocd__V1__Extent *pointers[2] = {&e[0], &e[1]};
	Pallocd__V1__ListReply list = PALLOCD__V1__LIST_REPLY__INIT;
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	const struct bad *b = f->arg;

	fake_hello(fd);
	pallocd__v1__request__free_unpacked(fake_read(fd), NULL);
	for (size_t i = 0; i < b->n; i++)
		e[i].addr = b->addr[i];
	list.extents = pointers;
	list.n_extents = b->n;
	list.more = b->next != 0;
	list.next_addr = b->next;
	reply.id = 2;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_LIST;
	reply.list = &list;
	fake_send(fd, &reply);
	fake_serve(f, fd);
}

START_TEST(bad_replies)
{
	struct paclient_list_filter x = PACLIENT_LIST_FILTER_INIT;
	struct paclient_extent_list *list = NULL;
	struct fake f;
	paclient *c;
	int status;

	fake_start(&f, serve_bad, (void *)(uintptr_t)&bad[_i]);
	c = fake_open(&f, 1000);
	x.lowest_addr = 0x1000;
	x.limit_addr = 0x9000;
	status = paclient_list(c, 3, &x, &list, &call);
	ck_assert_msg(status == PACLIENT_PROTOCOL, "%s: got %s", bad[_i].name,
		      paclient_status_name(status));
	ck_assert_ptr_null(list);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

static void serve_nothing(struct fake *f, int fd)
{
	fake_hello(fd);
	pallocd__v1__request__free_unpacked(fake_read(fd), NULL);
	usleep(100000);
	fake_serve(f, fd);
}

/* The reply that comes when nobody waits any more is not shown to anybody. */
START_TEST(times_out)
{
	struct seen seen = {0};
	struct fake f;
	paclient *c;

	fake_start(&f, serve_nothing, NULL);
	f.nlisted = 5;
	c = fake_open(&f, 5000);
	call.timeout_ms = 20;
	expect(paclient_list_each(c, 3, NULL, see, &seen, &call), PACLIENT_TIMED_OUT);
	call.timeout_ms = 0;
	ck_assert_uint_eq(seen.n, 0);
	expect(paclient_list_each(c, 3, NULL, see, &seen, &call), 0);
	ck_assert_uint_eq(seen.n, 5);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_list");
	TCase *replies = tcase_create("bad_replies");

	run_add(s, "all_in_order", all_in_order);
	run_add(s, "enough_is_enough", enough_is_enough);
	run_add(s, "the_function_may_take_its_time", the_function_may_take_its_time);
	run_add(s, "filters_travel", filters_travel);
	run_add(s, "impossible_arguments", impossible_arguments);
	tcase_add_loop_test(replies, bad_replies, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	suite_add_tcase(s, replies);
	run_add(s, "times_out", times_out);
	return suite_run(s);
}
