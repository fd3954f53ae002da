/*
 * alloc - an alloc with name, label and patience
 *
 * Role:       paclient_alloc_with() and its sister for several extents: bytes on the wire, deadlines, what comes too late.
 * Uses:       client/lib, fake daemon, check
 */
#include <limits.h>
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

struct frame {
	const char *name;
	uint8_t nbytes;
	uint8_t bytes[32]; /* without the header; the id is 2, the region 3 */
};

static const struct frame frames[] = {
	{"nothing set", 10, {8, 2, 0x2a, 6, 8, 3, 0x1a, 2, 4, 5}},
	{"no options", 10, {8, 2, 0x2a, 6, 8, 3, 0x1a, 2, 4, 5}},
	{"detached", 12, {8, 2, 0x2a, 8, 8, 3, 0x1a, 2, 4, 5, 0x20, 1}},
	{"label", 13, {8, 2, 0x2a, 9, 8, 3, 0x1a, 2, 4, 5, 0x42, 1, 'l'}},
	{"all", 24, {8, 2,    0x2a, 20,   8, 3,   0x1a, 1, 4,   0x20, 1,    0x2a,
		     2, 0x38, 1,    0x3a, 1, 'n', 0x42, 1, 'l', 0x48, 0xac, 2}},
	{"lazily", 12, {8, 2, 0x2a, 8, 8, 3, 0x1a, 2, 4, 5, 0x50, 1}},
	{"now, and zero", 14, {8, 2, 0x2a, 10, 8, 3, 0x1a, 2, 4, 5, 0x50, 2, 0x58, 1}},
	{"only asked how it was", 10, {8, 2, 0x2a, 6, 8, 3, 0x1a, 2, 4, 5}},
	{"scattered", 17, {8, 2, 0x2a, 13, 8, 3, 0x1a, 1, 4, 0x30, 2, 0x42, 1, 'l', 0x48, 0xac, 2}},
};

static int call_nth(paclient *c, int n)
{
	struct paclient_alloc_options o = PACLIENT_ALLOC_OPTIONS_INIT;
	struct paclient_placement p = PACLIENT_PLACEMENT_INIT;
	struct paclient_alloced alloced = {.size = sizeof(alloced)};
	uint64_t npages[2] = {4, 5}, addrs[2];
	struct paclient_range ranges[2];
	size_t nranges;

	p.strategy = PACLIENT_LAST;
	switch (n) {
	case 0:
		return paclient_alloc_with(c, 3, 2, npages, &o, addrs, &call);
	case 1:
		return paclient_alloc_with(c, 3, 2, npages, NULL, addrs, &call);
	case 2:
		o.flags = PACLIENT_DETACHED;
		return paclient_alloc_with(c, 3, 2, npages, &o, addrs, &call);
	case 3:
		o.label = "l";
		return paclient_alloc_with(c, 3, 2, npages, &o, addrs, &call);
	case 4:
		o.name = "n";
		o.label = "l";
		o.flags = PACLIENT_DETACHED;
		o.placement = &p;
		o.wait_ms = 300;
		return paclient_alloc_with(c, 3, 1, npages, &o, addrs, &call);
	case 5:
		o.commit = PACLIENT_COMMIT_LAZY;
		return paclient_alloc_with(c, 3, 2, npages, &o, addrs, &call);
	case 6:
		o.commit = PACLIENT_COMMIT_NOW;
		o.zero = true;
		return paclient_alloc_with(c, 3, 2, npages, &o, addrs, &call);
	case 7:
		o.ret_alloced = &alloced;
		return paclient_alloc_with(c, 3, 2, npages, &o, addrs, &call);
	default:
		o.label = "l";
		o.wait_ms = 300;
		return paclient_alloc_scattered_with(c, 3, 4, 2, &o, ranges, &nranges, &call);
	}
}

START_TEST(byte_for_byte)
{
	static uint8_t raw[FAKE_RAW_BYTES];
	const struct frame *x = &frames[_i];
	struct fake f;
	paclient *c;

	fake_start(&f, fake_raw, raw);
	c = fake_open(&f, 1000);
	ck_assert_msg(call_nth(c, _i) == 0, "%s: %s", x->name, call.error.message);
	ck_assert_msg(raw[0] == x->nbytes, "%s: wanted %u bytes, got %u", x->name, x->nbytes,
		      raw[0]);
	ck_assert_msg(!memcmp(raw + 4, x->bytes, x->nbytes), "%s", x->name);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* How long the daemon was told to wait, and how long it takes all the same. */
struct slow {
	useconds_t usec;
	uint64_t wait_msec;
};

static void serve_slow(struct fake *f, int fd)
{
	struct slow *slow = f->arg;
	Pallocd__V1__Request *q;
	uint8_t reply[512];

	fake_hello(fd);
	q = fake_read(fd);
	if (!q)
		return;
	slow->wait_msec = q->alloc->wait_msec;
	usleep(slow->usec);
	fake_write(fd, reply, fake_answer(f, q, reply));
	pallocd__v1__request__free_unpacked(q, NULL);
	fake_serve(f, fd);
}

/* The handle's timeout begins when the waiting is over; the call's own is all there is. */
START_TEST(patience)
{
	static const struct {
		const char *name;
		int handle_ms, call_ms, wait_ms;
		uint64_t wait_msec;
		int want;
	} rows[] = {
		{"the handle's timeout and the wait", 60, 0, 5000, 5000, 0},
		{"the wait and its shorter rest", 5000, 0, 60, 60, 0},
		{"a timeout of its own", 5000, 60, 5000, 60, PACLIENT_TIMED_OUT},
		{"one that is longer than the wait", 60, 5000, 10, 10, 0},
		{"both together are too short", 30, 0, 30, 30, PACLIENT_TIMED_OUT},
		{"longer than an int can say", 5000, 0, INT_MAX, INT_MAX, 0},
	};
	struct paclient_alloc_options o = PACLIENT_ALLOC_OPTIONS_INIT;
	struct slow slow = {.usec = 200000};
	uint64_t npages = 2, addr = 0;
	struct fake f;
	paclient *c;
	int status;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fake_start(&f, serve_slow, &slow);
		c = fake_open(&f, rows[i].handle_ms);
		o.wait_ms = rows[i].wait_ms;
		call.timeout_ms = rows[i].call_ms;
		status = paclient_alloc_with(c, 3, 1, &npages, &o, &addr, &call);
		ck_assert_msg(status == rows[i].want, "%s: %s", rows[i].name, call.error.message);
		/* What has come too late goes back. */
		call.timeout_ms = 5000;
		if (status)
			expect(paclient_grow(c, 3, 1, NULL, &call), 0);
		expect(paclient_grow(c, 3, 1, NULL, &call), 0);
		ck_assert_msg(slow.wait_msec == rows[i].wait_msec, "%s: %lu", rows[i].name,
			      (unsigned long)slow.wait_msec);
		ck_assert_uint_eq(f.nallocs, status ? 0 : 1);
		call.timeout_ms = 0;
		paclient_close(c);
		fake_stop(&f);
	}
}
END_TEST

static void alloced_is(const struct paclient_alloced *a, uint64_t scavenged, uint64_t cleared)
{
	ck_assert_uint_eq(a->size, sizeof(*a));
	ck_assert_uint_eq(a->scavenged_npages, scavenged);
	ck_assert_uint_eq(a->cleared_npages, cleared);
}

/* By each way in which an alloc or a resize goes; and a program that knows only the first of the numbers. */
START_TEST(what_memory_there_was)
{
	struct paclient_alloced a = {.size = sizeof(a)}, older = {.size = 16, .cleared_npages = 77};
	struct paclient_alloc_options o = PACLIENT_ALLOC_OPTIONS_INIT;
	struct paclient_range ranges[2];
	uint64_t npages = 2, addr;
	struct fake f;
	paclient *c;
	size_t n;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	o.ret_alloced = &a;
	expect(paclient_alloc_with(c, 3, 1, &npages, &o, &addr, &call), 0);
	alloced_is(&a, 3, 0);
	o.zero = true;
	expect(paclient_alloc_with(c, 3, 1, &npages, &o, &addr, &call), 0);
	alloced_is(&a, 3, 2);
	a = (struct paclient_alloced){.size = sizeof(a)};
	expect(paclient_alloc_scattered_with(c, 3, 4, 2, &o, ranges, &n, &call), 0);
	alloced_is(&a, 3, 2);
	expect(paclient_resize_with(c, 3, 0x3000, 5, PACLIENT_UPPER, &addr, &a, &call), 0);
	alloced_is(&a, 8, 9);
	expect(paclient_resize_with(c, 3, 0x3000, 5, PACLIENT_UPPER, NULL, NULL, &call), 0);
	o.ret_alloced = &older;
	expect(paclient_alloc_with(c, 3, 1, &npages, &o, &addr, &call), 0);
	ck_assert(older.size == 16 && older.scavenged_npages == 3 && older.cleared_npages == 77);
	a.size = 1;
	o.ret_alloced = &a;
	expect(paclient_alloc_with(c, 3, 1, &npages, &o, &addr, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "options.ret_alloced");
	expect(paclient_resize_with(c, 3, 0x3000, 5, 0, NULL, &a, &call), PACLIENT_BAD_ARGUMENT);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(impossible_arguments)
{
	struct paclient_alloc_options o = PACLIENT_ALLOC_OPTIONS_INIT;
	struct paclient_range ranges[2];
	uint64_t npages = 1, addr = 77;
	struct fake f;
	paclient *c;
	size_t n = 77;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	o.wait_ms = -1;
	expect(paclient_alloc_with(c, 3, 1, &npages, &o, &addr, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "options.wait_ms");
	o.wait_ms = 0;
	o.flags = 2;
	expect(paclient_alloc_with(c, 3, 1, &npages, &o, &addr, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "flags");
	expect(paclient_alloc_scattered_with(c, 3, 1, 2, &o, ranges, &n, &call),
	       PACLIENT_BAD_ARGUMENT);
	o.flags = 0;
	o.commit = 3;
	expect(paclient_alloc_with(c, 3, 1, &npages, &o, &addr, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "options.commit");
	o.commit = 0;
	o.name = "n";
	expect(paclient_alloc_scattered_with(c, 3, 1, 2, &o, ranges, &n, &call),
	       PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "options.name");
	o.size = 1;
	expect(paclient_alloc_with(c, 3, 1, &npages, &o, &addr, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "options");
	expect(paclient_alloc_scattered_with(c, 3, 1, 2, &o, ranges, &n, &call),
	       PACLIENT_BAD_ARGUMENT);
	expect(paclient_alloc_with(NULL, 3, 1, &npages, NULL, &addr, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_uint_eq(addr, 77);
	ck_assert_uint_eq(n, 77);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_alloc");
	TCase *bytes = tcase_create("byte_for_byte");

	tcase_add_loop_test(bytes, byte_for_byte, 0, (int)(sizeof(frames) / sizeof(frames[0])));
	suite_add_tcase(s, bytes);
	run_add(s, "patience", patience);
	run_add(s, "what_memory_there_was", what_memory_there_was);
	run_add(s, "impossible_arguments", impossible_arguments);
	return suite_run(s);
}
