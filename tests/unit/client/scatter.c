/*
 * scatter - pages in several extents: on the wire, refused, badly answered, late
 *
 * Role:       paclient_alloc_scattered() against a scripted daemon.
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

/* Frame header; id 2; Alloc: region 3, npages [10], DETACHED; Placement: strategy BEST; scatter_extents 4. */
static const uint8_t frame[] = {0x11, 0x00, 0x00, 0x00, 0x08, 0x02, 0x2a, 0x0d, 0x08, 0x03, 0x1a,
				0x01, 0x0a, 0x20, 0x01, 0x2a, 0x02, 0x38, 0x02, 0x30, 0x04};

/* Keeps the next frame as it is, in f->arg, and then behaves. */
static void serve_raw(struct fake *f, int fd)
{
	Pallocd__V1__Request *q;
	uint8_t *raw = f->arg, reply[256];

	fake_hello(fd);
	if (recv(fd, raw, sizeof(frame), MSG_WAITALL) != (ssize_t)sizeof(frame))
		return;
	q = pallocd__v1__request__unpack(NULL, sizeof(frame) - 4, raw + 4);
	if (!q)
		return;
	fake_write(fd, reply, fake_answer(f, q, reply));
	pallocd__v1__request__free_unpacked(q, NULL);
	fake_serve(f, fd);
}

START_TEST(byte_for_byte)
{
	struct paclient_placement p = PACLIENT_PLACEMENT_INIT;
	struct paclient_range ranges[4];
	uint8_t raw[sizeof(frame)] = {0};
	struct fake f;
	paclient *c;
	size_t n;

	fake_start(&f, serve_raw, raw);
	c = fake_open(&f, 1000);
	p.strategy = PACLIENT_BEST;
	expect(paclient_alloc_scattered(c, 3, 10, 4, PACLIENT_DETACHED, &p, ranges, &n, &call), 0);
	ck_assert_mem_eq(raw, frame, sizeof(raw));
	ck_assert_uint_eq(n, 4);
	for (uint64_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(ranges[i].addr, 0x10000 + i * 0x2000);
		ck_assert_uint_eq(ranges[i].npages, i < 3 ? 1 : 7);
	}
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(few_many_and_refused)
{
	static struct paclient_range ranges[PALLOCD_BATCH_EXTENTS_MAX];
	struct paclient_placement p = PACLIENT_PLACEMENT_INIT;
	struct fake f;
	paclient *c;
	size_t n = 77;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_alloc_scattered(c, 3, 3, PALLOCD_BATCH_EXTENTS_MAX, 0, NULL, ranges, &n,
					&call),
	       0);
	ck_assert(!f.placed);
	ck_assert_uint_eq(n, 3);
	expect(paclient_alloc_scattered(c, 3, 1000, 1, 0, NULL, ranges, &n, &call), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(ranges[0].npages, 1000);
	ranges[0].addr = n = 77;
	expect(paclient_alloc_scattered(c, 3, 1001, 8, 0, &p, ranges, &n, &call),
	       PACLIENT_NO_SPACE);
	ck_assert_uint_eq(n, 77);
	ck_assert_uint_eq(ranges[0].addr, 77);
	ck_assert_uint_eq(call.error.placed_npages, 50);
	ck_assert_uint_eq(call.error.aligned_npages, 60);
	ck_assert_uint_eq(call.error.bounded_npages, 70);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(impossible_arguments)
{
	struct paclient_placement p = {.size = 1};
	struct paclient_range ranges[1];
	struct fake f;
	paclient *c;
	size_t n;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_alloc_scattered(NULL, 3, 1, 1, 0, NULL, ranges, &n, &call),
	       PACLIENT_BAD_ARGUMENT);
	expect(paclient_alloc_scattered(c, 3, 1, 0, 0, NULL, ranges, &n, &call),
	       PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "max_extents");
	expect(paclient_alloc_scattered(c, 3, 1, PALLOCD_BATCH_EXTENTS_MAX + 1, 0, NULL, ranges, &n,
					&call),
	       PACLIENT_LIMIT);
	ck_assert_uint_eq(call.error.limit, PALLOCD_BATCH_EXTENTS_MAX);
	expect(paclient_alloc_scattered(c, 3, 1, 1, 2, NULL, ranges, &n, &call),
	       PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "flags");
	expect(paclient_alloc_scattered(c, 3, 1, 1, 0, NULL, NULL, &n, &call),
	       PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_ranges");
	expect(paclient_alloc_scattered(c, 3, 1, 1, 0, NULL, ranges, NULL, &call),
	       PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_nranges");
	expect(paclient_alloc_scattered(c, 3, 1, 1, 0, &p, ranges, &n, &call),
	       PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "placement");
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* Replies to a request for 10 pages in up to 3 extents. */
struct bad {
	const char *name;
	size_t naddrs, nlengths;
	uint64_t npages[4];
};

static const struct bad bad[] = {
	{"nothing", 0, 0, {0}},
	{"no lengths", 1, 0, {0}},
	{"a length is missing", 2, 1, {10}},
	{"a length too many", 1, 2, {5, 5}},
	{"an extent too many", 4, 4, {1, 2, 3, 4}},
	{"an empty extent", 2, 2, {10, 0}},
	{"too few pages", 2, 2, {5, 4}},
	{"too many pages", 2, 2, {5, 6}},
	{"a sum beyond 64 bits", 3, 3, {UINT64_MAX, 1, 10}},
};

/* Answers the first Alloc after Hello with *f->arg, as soon as another request is there; then behaves. */
static void serve_bad(struct fake *f, int fd)
{
	uint64_t addr[4] = {0x10000, 0x20000, 0x30000, 0x40000};
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__AllocReply a = PALLOCD__V1__ALLOC_REPLY__INIT;
	const struct bad *b = f->arg;

	fake_hello(fd);
	pallocd__v1__request__free_unpacked(fake_read(fd), NULL);
	reply.id = 2;
	a.addr = addr;
	a.n_addr = b->naddrs;
	a.npages = (uint64_t *)b->npages;
	a.n_npages = b->nlengths;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_ALLOC;
	reply.alloc = &a;
	usleep(f->nconnections ? 60000 : 0);
	fake_send(fd, &reply);
	fake_serve(f, fd);
}

/* In time, and too late: either way the daemon cannot be trusted any more. */
START_TEST(bad_replies)
{
	struct paclient_range ranges[3] = {{77, 77}};
	struct fake f;
	size_t n = 77;

	fake_start(&f, serve_bad, (void *)(uintptr_t)&bad[_i]);
	for (int late = 0; late < 2; late++) {
		paclient *c = fake_open(&f, 2000);
		int want = late ? PACLIENT_TIMED_OUT : PACLIENT_PROTOCOL, status;

		call.timeout_ms = late ? 10 : 0;
		status = paclient_alloc_scattered(c, 3, 10, 3, 0, NULL, ranges, &n, &call);
		ck_assert_msg(status == want, "%s: wanted %s, got %s: %s", bad[_i].name,
			      paclient_status_name(want), paclient_status_name(status),
			      call.error.message);
		ck_assert_uint_eq(n, 77);
		ck_assert_uint_eq(ranges[0].addr, 77);
		call.timeout_ms = 0;
		expect(paclient_grow(c, 3, 1, NULL, &call), PACLIENT_PROTOCOL);
		paclient_close(c);
	}
	fake_stop(&f);
}
END_TEST

/* Holds the reply to the first request back until another one is there. */
static void serve_late(struct fake *f, int fd)
{
	Pallocd__V1__Request *first, *second;
	uint8_t reply[2][512];

	if (!fake_hello(fd))
		return;
	first = fake_read(fd);
	second = fake_read(fd);
	fake_write(fd, reply[0], fake_answer(f, first, reply[0]));
	fake_write(fd, reply[1], fake_answer(f, second, reply[1]));
	pallocd__v1__request__free_unpacked(first, NULL);
	pallocd__v1__request__free_unpacked(second, NULL);
	fake_serve(f, fd);
}

START_TEST(late_extents_are_given_back)
{
	struct paclient_range ranges[64] = {{77, 77}};
	struct fake f;
	uint64_t addr;
	paclient *c;
	size_t n = 77;

	fake_start(&f, serve_late, NULL);
	c = fake_open(&f, 5000);
	call.timeout_ms = 30;
	/* Five extents come where 64 may be. */
	expect(paclient_alloc_scattered(c, 3, 5, 64, 0, NULL, ranges, &n, &call),
	       PACLIENT_TIMED_OUT);
	ck_assert_uint_eq(n, 77);
	ck_assert_uint_eq(ranges[0].addr, 77);
	call.timeout_ms = 0;
	expect(paclient_alloc(c, 3, 1, 0, &addr, &call), 0);
	/* One more round trip, so that their Free has been served. */
	expect(paclient_free(c, 3, addr, 1, &call), 0);
	ck_assert_uint_eq(f.nallocs, 0);
	ck_assert_uint_eq(f.nfrees, 6);
	for (uint64_t i = 0; i < 5; i++)
		ck_assert_uint_eq(f.frees[i], 0x10000 + i * 0x2000);
	ck_assert_uint_eq(f.freed_npages, 6);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(a_late_refusal_is_dropped)
{
	struct paclient_range ranges[4];
	struct fake f;
	uint64_t addr;
	paclient *c;
	size_t n;

	fake_start(&f, serve_late, NULL);
	c = fake_open(&f, 5000);
	call.timeout_ms = 30;
	expect(paclient_alloc_scattered(c, 3, 5000, 4, 0, NULL, ranges, &n, &call),
	       PACLIENT_TIMED_OUT);
	call.timeout_ms = 0;
	expect(paclient_alloc(c, 3, 1, 0, &addr, &call), 0);
	expect(paclient_free(c, 3, addr, 1, &call), 0);
	ck_assert_uint_eq(f.nfrees, 1);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_scatter");
	TCase *tc = tcase_create("bad_replies");

	run_add(s, "byte_for_byte", byte_for_byte);
	run_add(s, "few_many_and_refused", few_many_and_refused);
	run_add(s, "impossible_arguments", impossible_arguments);
	tcase_add_loop_test(tc, bad_replies, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	suite_add_tcase(s, tc);
	run_add(s, "late_extents_are_given_back", late_extents_are_given_back);
	run_add(s, "a_late_refusal_is_dropped", a_late_refusal_is_dropped);
	return suite_run(s);
}
