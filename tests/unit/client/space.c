/*
 * space - the calls that change extents where they are, and what a region has
 *
 * Role:       resize, split, join, grow_at, shrink, drain, reserve, free_runs and the lists of ranges: bytes on the wire, results,
 *             refusals, replies that make no sense, structs of other versions, arguments.
 * Uses:       client/lib, fake daemon, check
 */
#include <stddef.h>
#include <string.h>

#include "tests/unit/client/fake.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
}

/* One call of each kind, by number; its results do not matter here. */
static int call_nth(paclient *c, int n)
{
	struct paclient_free_runs runs = {.size = sizeof(runs)};
	struct paclient_drain drain = {.size = sizeof(drain)};
	struct paclient_range a, b;
	uint64_t v;

	switch (n) {
	case 0:
		return paclient_resize(c, 3, 0x3000, 300, PACLIENT_LOWER, &v, &call);
	case 1:
		return paclient_resize(c, 3, 0x3000, 1, PACLIENT_UPPER, NULL, &call);
	case 2:
		return paclient_split(c, 3, 0x3000, &a, &b, &call);
	case 3:
		return paclient_join(c, 3, 0x3000, 2, &v, &call);
	case 4:
		return paclient_grow_at(c, 3, 0x200000, 512, &a, &call);
	case 5:
		return paclient_grow(c, 3, 512, &a, &call);
	case 6:
		return paclient_shrink(c, 3, 0x200000, 512, &a, &call);
	case 7:
		return paclient_shrink(c, 3, 0, 512, &a, &call);
	case 8:
		return paclient_drain(c, 3, 0x3000, 2, &drain, &call);
	case 9:
		return paclient_undrain(c, 3, 0x3000, 2, &call);
	case 10:
		return paclient_reserve(c, 3, 0x3000, 1, &call);
	case 11:
		return paclient_unreserve(c, 3, 0x3000, 2, &call);
	default:
		return paclient_free_runs(c, 3, &runs, &call);
	}
}

struct frame {
	const char *name;
	uint8_t nbytes;
	uint8_t bytes[24]; /* without the header; the id is 2, the region 3 */
};

static const struct frame frames[] = {
	{"resize, lower", 14, {8, 2, 0x62, 10, 8, 3, 0x18, 0x80, 0x60, 0x20, 0xac, 2, 0x28, 1}},
	{"resize, upper", 11, {8, 2, 0x62, 7, 8, 3, 0x18, 0x80, 0x60, 0x20, 1}},
	{"split", 9, {8, 2, 0x6a, 5, 8, 3, 0x18, 0x80, 0x60}},
	{"join", 11, {8, 2, 0x72, 7, 8, 3, 0x18, 0x80, 0x60, 0x20, 2}},
	{"grow at", 14, {8, 2, 0x3a, 10, 8, 3, 0x18, 0x80, 4, 0x20, 0x80, 0x80, 0x80, 1}},
	{"grow", 9, {8, 2, 0x3a, 5, 8, 3, 0x18, 0x80, 4}},
	{"shrink", 14, {8, 2, 0x7a, 10, 8, 3, 0x18, 0x80, 0x80, 0x80, 1, 0x20, 0x80, 4}},
	{"shrink at the upper end", 9, {8, 2, 0x7a, 5, 8, 3, 0x20, 0x80, 4}},
	{"drain", 12, {8, 2, 0x82, 1, 7, 8, 3, 0x18, 0x80, 0x60, 0x20, 2}},
	{"undrain", 14, {8, 2, 0x82, 1, 9, 8, 3, 0x18, 0x80, 0x60, 0x20, 2, 0x28, 1}},
	{"reserve", 12, {8, 2, 0x8a, 1, 7, 8, 3, 0x18, 0x80, 0x60, 0x20, 1}},
	{"unreserve", 14, {8, 2, 0x8a, 1, 9, 8, 3, 0x18, 0x80, 0x60, 0x20, 2, 0x28, 1}},
	{"free runs", 7, {8, 2, 0x92, 1, 2, 8, 3}},
};

START_TEST(byte_for_byte)
{
	const struct frame *x = &frames[_i];
	static uint8_t raw[FAKE_RAW_BYTES];
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

START_TEST(extents_change_where_they_are)
{
	struct paclient_range lower, upper;
	uint64_t addr = 0, n = 0;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_resize(c, 3, 0x3000, 5, PACLIENT_UPPER, &addr, &call), 0);
	ck_assert_uint_eq(addr, 0x3000);
	expect(paclient_resize(c, 3, 0x3000, 5, PACLIENT_LOWER, &addr, &call), 0);
	ck_assert_uint_eq(addr, 0x2000);
	expect(paclient_resize(c, 3, 0x3000, 5, PACLIENT_LOWER, NULL, &call), 0);
	expect(paclient_split(c, 3, 0x3000, &lower, &upper, &call), 0);
	ck_assert_uint_eq(lower.addr, 0x1000);
	ck_assert_uint_eq(lower.npages, 2);
	ck_assert_uint_eq(upper.addr, 0x3000);
	ck_assert_uint_eq(upper.npages, 3);
	expect(paclient_split(c, 3, 0x3000, NULL, NULL, &call), 0);
	expect(paclient_join(c, 3, 0x3000, 7, &n, &call), 0);
	ck_assert_uint_eq(n, 7);
	expect(paclient_join(c, 3, 0x3000, 7, NULL, &call), 0);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(regions_lose_and_keep_space)
{
	struct paclient_drain d = {.size = sizeof(d)};
	struct paclient_range range;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_grow_at(c, 3, 0x200000, 1, &range, &call), 0);
	ck_assert_uint_eq(range.addr, 0x200000);
	ck_assert_uint_eq(range.npages, 512);
	expect(paclient_shrink(c, 3, 0, 1025, &range, &call), 0);
	ck_assert_uint_eq(range.addr, 0x900000);
	ck_assert_uint_eq(range.npages, 1024);
	expect(paclient_shrink(c, 3, 0x200000, 512, NULL, &call), 0);
	expect(paclient_drain(c, 3, 0x1000, 3, &d, &call), 0);
	ck_assert_uint_eq(d.nextents, 3);
	ck_assert_uint_eq(d.npages, 6);
	ck_assert_uint_eq(d.nlisted, 3);
	ck_assert_uint_eq(d.extents[2].addr, 0x30000);
	ck_assert_uint_eq(d.extents[2].npages, 3);
	/* The daemon may list more than there is room for. */
	expect(paclient_drain(c, 3, 0x1000, 80, &d, &call), 0);
	ck_assert_uint_eq(d.nextents, 80);
	ck_assert_uint_eq(d.nlisted, PACLIENT_DRAIN_EXTENTS_MAX);
	ck_assert_uint_eq(d.extents[PACLIENT_DRAIN_EXTENTS_MAX - 1].npages, 64);
	expect(paclient_drain(c, 3, 0x1000, 80, NULL, &call), 0);
	expect(paclient_undrain(c, 3, 0x1000, 80, &call), 0);
	expect(paclient_reserve(c, 3, 0x1000, 1, &call), 0);
	expect(paclient_unreserve(c, 3, 0x1000, 1, &call), 0);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(what_is_in_the_way)
{
	struct paclient_range range = {77, 77};
	struct paclient_call old = PACLIENT_CALL_INIT;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_reserve(c, 3, 0x1000, 2, &call), PACLIENT_IN_USE);
	ck_assert_str_eq(call.error.message, "extents are in the way");
	ck_assert_uint_eq(call.error.nextents, 3);
	ck_assert_uint_eq(call.error.nlisted, 2);
	ck_assert_uint_eq(call.error.extents[1].addr, 0x20000);
	ck_assert_uint_eq(call.error.extents[1].npages, 2);
	ck_assert_uint_eq(call.error.extents[2].addr, 0);
	expect(paclient_shrink(c, 3, 0x1000, 60, &range, &call), PACLIENT_IN_USE);
	ck_assert_uint_eq(range.addr, 77);
	ck_assert_uint_eq(call.error.nextents, 61);
	ck_assert_uint_eq(call.error.nlisted, PACLIENT_ERROR_EXTENTS_MAX);
	ck_assert_uint_eq(call.error.extents[7].npages, 8);
	/* A program of the version before has no room for the list. */
	old.size = offsetof(struct paclient_call, error.aligned_npages);
	old.error.nlisted = 77;
	ck_assert_int_eq(paclient_shrink(c, 3, 0x1000, 60, &range, &old), PACLIENT_IN_USE);
	ck_assert_str_eq(old.error.message, "extents are in the way");
	ck_assert_uint_eq(old.error.nlisted, 77);
	/* The next refusal begins anew. */
	expect(paclient_alloc(c, 3, 1001, 0, &range.addr, &call), PACLIENT_NO_SPACE);
	ck_assert_uint_eq(call.error.nextents, 0);
	ck_assert_uint_eq(call.error.nlisted, 0);
	ck_assert_uint_eq(call.error.extents[0].addr, 0);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(what_is_free_and_what_is_held)
{
	struct paclient_region_stat stat = {.size = sizeof(stat)};
	struct paclient_free_runs runs = {.size = sizeof(runs)};
	struct paclient_region info = {.size = sizeof(info)};
	struct paclient_why why = {.size = sizeof(why)};
	struct paclient_range_list *list;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	memset(&runs.nruns, 0xee, sizeof(runs.nruns));
	expect(paclient_free_runs(c, 3, &runs, &call), 0);
	ck_assert_uint_eq(runs.free_npages, 12);
	ck_assert_uint_eq(runs.largest_npages, 5);
	ck_assert_uint_eq(runs.fragmentation_ppm, 583333);
	ck_assert_uint_eq(runs.nruns[0], 3);
	ck_assert_uint_eq(runs.nruns[2], 2);
	ck_assert_uint_eq(runs.npages[2], 9);
	ck_assert_uint_eq(runs.nruns[3], 0);
	ck_assert_uint_eq(runs.nruns[PACLIENT_RUN_CLASSES - 1], 0);
	expect(paclient_stat_region(c, 3, &stat, &call), 0);
	ck_assert_uint_eq(stat.held_npages, 19);
	ck_assert_uint_eq(stat.fragmentation_ppm, 20);
	ck_assert_uint_eq(stat.shrinks_total, 21);
	expect(paclient_region_info(c, 3, &info, &call), 0);
	ck_assert_uint_eq(info.held_npages, 9);
	ck_assert(info.best_fit);
	expect(paclient_why(c, 3, 1, NULL, &why, &call), 0);
	ck_assert_uint_eq(why.aligned_npages, 60);
	ck_assert_uint_eq(why.bounded_npages, 70);
	expect(paclient_region_reserved(c, 3, &list, &call), 0);
	ck_assert_uint_eq(list->nranges, 3);
	ck_assert_uint_eq(list->nranges_total, 3);
	ck_assert_uint_eq(list->ranges[2].addr, 0x15000);
	ck_assert_uint_eq(list->ranges[2].npages, 3);
	paclient_ranges_free(list);
	expect(paclient_region_drained(c, 3, &list, &call), 0);
	ck_assert_uint_eq(list->nranges, 1);
	ck_assert_uint_eq(list->ranges[0].addr, 0x11000);
	paclient_ranges_free(list);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* The results of programs that are older or newer than the library. */
START_TEST(results_of_other_versions)
{
	struct {
		struct paclient_free_runs r;
		uint64_t future;
	} newer = {.future = 77};
	struct paclient_drain older;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	newer.r.size = sizeof(newer);
	expect(paclient_free_runs(c, 3, &newer.r, &call), 0);
	ck_assert_uint_eq(newer.r.size, sizeof(newer.r));
	ck_assert_uint_eq(newer.future, 77);
	memset(&older, 0xee, sizeof(older));
	older.size = offsetof(struct paclient_drain, nlisted);
	expect(paclient_drain(c, 3, 0x1000, 3, &older, &call), 0);
	ck_assert_uint_eq(older.size, offsetof(struct paclient_drain, nlisted));
	ck_assert_uint_eq(older.npages, 6);
	ck_assert_uint_eq(older.nlisted, UINT64_C(0xeeeeeeeeeeeeeeee));
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* Bodies of a reply to request 2 that make no sense; what is asked is call_nth(ask). */
struct bad {
	const char *name;
	int ask;
	uint8_t nbytes;
	uint8_t bytes[24]; /* behind the header and the id */
};

static const struct bad bad[] = {
	{"resize: another length", 1, 7, {0xa2, 1, 4, 8, 1, 0x10, 2}},
	{"resize: no length", 1, 5, {0xa2, 1, 2, 8, 1}},
	{"resize: empty", 1, 3, {0xa2, 1, 0}},
	{"resize: the reply of a split", 1, 7, {0xaa, 1, 4, 8, 1, 0x10, 1}},
	{"split: no upper one", 2, 7, {0xaa, 1, 4, 8, 1, 0x10, 1}},
	{"split: no lower one", 2, 7, {0xaa, 1, 4, 8, 1, 0x18, 1}},
	{"split: both at one address", 2, 10, {0xaa, 1, 7, 8, 0x80, 0x60, 0x10, 1, 0x18, 1}},
	{"join: empty", 3, 3, {0xb2, 1, 0}},
	{"shrink: empty", 6, 3, {0xba, 1, 0}},
	{"drain: extents without lengths", 8, 7, {0xc2, 1, 5, 8, 1, 0x1a, 1, 1}},
	{"drain: lengths without extents", 8, 8, {0xc2, 1, 5, 8, 1, 0x22, 1, 1}},
	{"drain: more listed than there are", 8, 9, {0xc2, 1, 6, 0x1a, 1, 1, 0x22, 1, 1}},
	{"free runs: no pages", 12, 6, {0xd2, 1, 3, 0x0a, 1, 1}},
	{"free runs: no runs", 12, 6, {0xd2, 1, 3, 0x12, 1, 1}},
	{"reserve: the reply of a drain", 10, 3, {0xc2, 1, 0}},
	{"a refusal lists without lengths", 6, 9, {0x10, 18, 0x22, 5, 0x62, 1, 1, 0x70, 1}},
	{"a refusal lists lengths alone", 6, 9, {0x10, 18, 0x22, 5, 0x6a, 1, 1, 0x70, 1}},
	{"a refusal lists more than it counts", 6, 10, {0x10, 18, 0x22, 6, 0x62, 1, 1, 0x6a, 1, 1}},
};

static void serve_bad(struct fake *f, int fd)
{
	const struct bad *b = f->arg;
	uint8_t frame[64] = {(uint8_t)(b->nbytes + 2), 0, 0, 0, 8, 2};

	fake_hello(fd);
	pallocd__v1__request__free_unpacked(fake_read(fd), NULL);
	memcpy(frame + 6, b->bytes, b->nbytes);
	fake_write(fd, frame, (size_t)b->nbytes + 6);
	/* The connection stays open: the verdict must come from the bytes alone. */
	for (Pallocd__V1__Request *q; (q = fake_read(fd));)
		pallocd__v1__request__free_unpacked(q, NULL);
}

START_TEST(bad_replies)
{
	const struct bad *b = &bad[_i];
	struct fake f;
	paclient *c;
	int status;

	fake_start(&f, serve_bad, (void *)(uintptr_t)b);
	c = fake_open(&f, 2000);
	status = call_nth(c, b->ask);
	ck_assert_msg(status == PACLIENT_PROTOCOL, "%s: got %s: %s", b->name,
		      paclient_status_name(status), call.error.message);
	expect(paclient_grow(c, 3, 1, NULL, &call), PACLIENT_PROTOCOL);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* More lengths than there are classes: 38 of them. */
static void serve_long_runs(struct fake *f, int fd)
{
	Pallocd__V1__FreeRunsReply r = PALLOCD__V1__FREE_RUNS_REPLY__INIT;
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	uint64_t many[PACLIENT_RUN_CLASSES + 1] = {1};

	fake_hello(fd);
	pallocd__v1__request__free_unpacked(fake_read(fd), NULL);
	r.nruns = r.npages = many;
	r.n_nruns = r.n_npages = PACLIENT_RUN_CLASSES + 1;
	reply.id = 2;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_FREE_RUNS;
	reply.free_runs = &r;
	fake_send(fd, &reply);
	fake_read(fd);
	(void)f;
}

START_TEST(runs_longer_than_any_region)
{
	struct fake f;
	paclient *c;

	fake_start(&f, serve_long_runs, NULL);
	c = fake_open(&f, 2000);
	expect(call_nth(c, 12), PACLIENT_PROTOCOL);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(impossible_arguments)
{
	struct paclient_free_runs runs = {.size = 0};
	struct paclient_drain drain = {.size = 4};
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	for (int i = 0; i <= 12; i++) {
		expect(call_nth(NULL, i), PACLIENT_BAD_ARGUMENT);
		ck_assert_str_eq(call.error.field, "client");
	}
	expect(paclient_drain(c, 3, 0x1000, 1, &drain, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_drain");
	expect(paclient_free_runs(c, 3, &runs, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_free_runs(c, 3, NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_runs");
	expect(paclient_region_reserved(c, 3, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_region_drained(c, 3, NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_list");
	/* And after all that, with nobody to tell: the handle works. */
	ck_assert_int_eq(paclient_reserve(c, 3, 0x1000, 1, NULL), 0);
	ck_assert_int_eq(paclient_reserve(c, 3, 0x1000, 2, NULL), PACLIENT_IN_USE);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

static void run_loop(Suite *s, const char *name, const TTest *test, size_t n)
{
	TCase *tc = tcase_create(name);

	tcase_add_loop_test(tc, test, 0, (int)n);
	suite_add_tcase(s, tc);
}

int main(void)
{
	Suite *s = suite_create("client_space");

	run_loop(s, "byte_for_byte", byte_for_byte, sizeof(frames) / sizeof(frames[0]));
	run_add(s, "extents_change_where_they_are", extents_change_where_they_are);
	run_add(s, "regions_lose_and_keep_space", regions_lose_and_keep_space);
	run_add(s, "what_is_in_the_way", what_is_in_the_way);
	run_add(s, "what_is_free_and_what_is_held", what_is_free_and_what_is_held);
	run_add(s, "results_of_other_versions", results_of_other_versions);
	run_loop(s, "bad_replies", bad_replies, sizeof(bad) / sizeof(bad[0]));
	run_add(s, "runs_longer_than_any_region", runs_longer_than_any_region);
	run_add(s, "impossible_arguments", impossible_arguments);
	return suite_run(s);
}
