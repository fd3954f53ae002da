/*
 * place - placements on their way to the daemon, and what it says about them
 *
 * Role:       paclient_alloc_placed(), _why() and _fit(): bytes on the wire, results, structs of other versions, arguments.
 * Uses:       client/lib, fake daemon, check
 */
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/client/fake.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
}

/* Every field has a value of its own. */
static struct paclient_placement everything(void)
{
	struct paclient_placement p = PACLIENT_PLACEMENT_INIT;

	p.align_npages = 8;
	p.boundary_npages = 16;
	p.lowest_addr = 0x1000;
	p.limit_addr = 0x2000;
	p.rule = PACLIENT_FIXED;
	p.addr = 0x1008;
	p.strategy = PACLIENT_LAST;
	return p;
}

static void expect_everything(const struct fake *f)
{
	ck_assert(f->placed);
	ck_assert_uint_eq(f->placement.align_npages, 8);
	ck_assert_uint_eq(f->placement.boundary_npages, 16);
	ck_assert_uint_eq(f->placement.lowest_addr, 0x1000);
	ck_assert_uint_eq(f->placement.limit_addr, 0x2000);
	ck_assert_int_eq(f->placement.rule, PALLOCD__V1__RULE__FIXED);
	ck_assert_uint_eq(f->placement.addr, 0x1008);
	ck_assert_int_eq(f->placement.strategy, PALLOCD__V1__STRATEGY__LAST);
}

/* Frame header; id 2; Alloc: region 3, npages [4], DETACHED; Placement: each field in its turn. */
static const uint8_t alloc_frame[] = {0x1e, 0x00, 0x00, 0x00, 0x08, 0x02, 0x2a, 0x1a, 0x08,
				      0x03, 0x1a, 0x01, 0x04, 0x20, 0x01, 0x2a, 0x11, 0x08,
				      0x08, 0x10, 0x10, 0x18, 0x80, 0x20, 0x20, 0x80, 0x40,
				      0x28, 0x01, 0x30, 0x88, 0x20, 0x38, 0x01};

/* Keeps the next frame as it is, in f->arg, and then behaves. */
static void serve_raw(struct fake *f, int fd)
{
	Pallocd__V1__Request *q;
	uint8_t *raw = f->arg, frame[256];

	fake_hello(fd);
	if (recv(fd, raw, sizeof(alloc_frame), MSG_WAITALL) != (ssize_t)sizeof(alloc_frame))
		return;
	q = pallocd__v1__request__unpack(NULL, sizeof(alloc_frame) - 4, raw + 4);
	if (!q)
		return;
	fake_write(fd, frame, fake_answer(f, q, frame));
	pallocd__v1__request__free_unpacked(q, NULL);
	fake_serve(f, fd);
}

START_TEST(a_placement_byte_for_byte)
{
	struct paclient_placement p = everything();
	uint8_t raw[sizeof(alloc_frame)] = {0};
	uint64_t four = 4, addr = 0;
	struct fake f;
	paclient *c;

	fake_start(&f, serve_raw, raw);
	c = fake_open(&f, 1000);
	expect(paclient_alloc_placed(c, 3, 1, &four, PACLIENT_DETACHED, &p, &addr, &call), 0);
	ck_assert_mem_eq(raw, alloc_frame, sizeof(raw));
	ck_assert_uint_eq(addr, 0x10000);
	expect_everything(&f);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(batches)
{
	struct paclient_placement p = PACLIENT_PLACEMENT_INIT;
	uint64_t npages[3] = {5, 7, 2000}, addrs[3] = {1, 2, 3};
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	p.rule = PACLIENT_HINT;
	expect(paclient_alloc_placed(c, 3, 2, npages, 0, &p, addrs, &call), 0);
	ck_assert_uint_eq(addrs[0], 0x10000);
	ck_assert_uint_eq(addrs[1], 0x15000);
	ck_assert(f.placed);
	ck_assert_int_eq(f.placement.rule, PALLOCD__V1__RULE__HINT);
	expect(paclient_free_batch(c, 3, 2, addrs, npages, &call), 0);
	/* No placement is a plain batch; one that says nothing is a placement. */
	expect(paclient_alloc_placed(c, 3, 2, npages, 0, NULL, addrs, &call), 0);
	ck_assert(!f.placed);
	p.rule = PACLIENT_ANYWHERE;
	expect(paclient_alloc_placed(c, 3, 2, npages, 0, &p, addrs, &call), 0);
	ck_assert(f.placed);
	/* A refusal leaves the results alone, and has the number that goes with a placement. */
	addrs[0] = 1;
	expect(paclient_alloc_placed(c, 3, 3, npages, 0, &p, addrs, &call), PACLIENT_NO_SPACE);
	ck_assert_uint_eq(addrs[0], 1);
	ck_assert_uint_eq(call.error.index, 2);
	ck_assert_uint_eq(call.error.placed_npages, 50);
	expect(paclient_alloc_batch(c, 3, 3, npages, 0, addrs, &call), PACLIENT_NO_SPACE);
	ck_assert_uint_eq(call.error.placed_npages, 0);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(why_and_fit)
{
	struct paclient_placement p = everything();
	struct paclient_why w = {.size = sizeof(w)};
	uint64_t nextents = 0;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_why(c, 3, 10, &p, &w, &call), 0);
	expect_everything(&f);
	ck_assert(w.fits);
	ck_assert_uint_eq(w.addr, 0x10000);
	ck_assert_uint_eq(w.grow_npages, 512);
	ck_assert_uint_eq(w.free_npages, 512);
	ck_assert_uint_eq(w.largest_npages, 100);
	ck_assert_uint_eq(w.placed_npages, 50);
	ck_assert_uint_eq(w.growable_npages, 7);
	ck_assert_uint_eq(w.short_npages, 0);
	expect(paclient_why(c, 3, 1001, NULL, &w, &call), 0);
	ck_assert(!f.placed);
	ck_assert(!w.fits);
	ck_assert_uint_eq(w.addr, 0);
	ck_assert_uint_eq(w.short_npages, 951);
	expect(paclient_fit(c, 3, 4, &p, &nextents, &call), 0);
	expect_everything(&f);
	ck_assert_uint_eq(nextents, 128);
	expect(paclient_fit(c, 3, 512, NULL, &nextents, &call), 0);
	ck_assert(!f.placed);
	ck_assert_uint_eq(nextents, 1);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* A placement from a program that is older or newer than the library. */
START_TEST(placements_of_other_versions)
{
	struct {
		struct paclient_placement p;
		uint64_t future;
	} newer = {everything(), 0};
	struct paclient_placement older = everything();
	uint64_t nextents;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	newer.p.size = sizeof(newer);
	expect(paclient_fit(c, 3, 1, &newer.p, &nextents, &call), 0);
	expect_everything(&f);
	newer.future = 1;
	expect(paclient_fit(c, 3, 1, &newer.p, &nextents, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "placement");
	/* What this program does not know of is not looked at. */
	older.size = offsetof(struct paclient_placement, lowest_addr);
	expect(paclient_fit(c, 3, 1, &older, &nextents, &call), 0);
	ck_assert_uint_eq(f.placement.boundary_npages, 16);
	ck_assert_uint_eq(f.placement.lowest_addr, 0);
	ck_assert_int_eq(f.placement.rule, 0);
	older.size = 0;
	expect(paclient_fit(c, 3, 1, &older, &nextents, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "placement");
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(results_of_other_versions)
{
	struct {
		struct paclient_why w;
		uint64_t future;
	} newer = {.future = 77};
	struct paclient_why older;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	newer.w.size = sizeof(newer);
	expect(paclient_why(c, 3, 1, NULL, &newer.w, &call), 0);
	ck_assert_uint_eq(newer.w.size, sizeof(newer.w));
	ck_assert_uint_eq(newer.future, 77);
	memset(&older, 0xee, sizeof(older));
	older.size = offsetof(struct paclient_why, free_npages);
	expect(paclient_why(c, 3, 1, NULL, &older, &call), 0);
	ck_assert_uint_eq(older.size, offsetof(struct paclient_why, free_npages));
	ck_assert_uint_eq(older.grow_npages, 512);
	ck_assert_uint_eq(older.free_npages, UINT64_C(0xeeeeeeeeeeeeeeee));
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* The first version's struct paclient_call had an error without placed_npages. */
START_TEST(a_call_of_the_first_version)
{
	struct paclient_placement p = PACLIENT_PLACEMENT_INIT;
	struct paclient_call old = PACLIENT_CALL_INIT;
	uint64_t addr, many = 2000;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	old.size = offsetof(struct paclient_call, error.placed_npages);
	/* What lies behind the old struct belongs to somebody else. */
	old.error.placed_npages = 77;
	ck_assert_int_eq(paclient_alloc_placed(c, 3, 1, &many, 0, &p, &addr, &old),
			 PACLIENT_NO_SPACE);
	ck_assert_int_eq(old.error.status, PACLIENT_NO_SPACE);
	ck_assert_str_eq(old.error.field, "npages");
	ck_assert_str_eq(old.error.message, "no run of free pages is long enough");
	ck_assert_uint_eq(old.error.largest_npages, 100);
	ck_assert_uint_eq(old.error.placed_npages, 77);
	ck_assert_int_eq(paclient_alloc(c, 3, 1, 0, &addr, &old), 0);
	ck_assert_int_eq(old.error.status, 0);
	ck_assert_str_eq(old.error.message, "");
	ck_assert_int_eq(paclient_alloc(c, 3, 1, 6, &addr, &old), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(old.error.field, "flags");
	ck_assert_int_eq(paclient_open("/nonexistent/sock", NULL, &c, &old),
			 PACLIENT_NOT_CONNECTED);
	ck_assert_ptr_nonnull(strstr(old.error.message, "/nonexistent/sock"));
	ck_assert_uint_eq(old.error.placed_npages, 77);
	old.size--;
	ck_assert_int_eq(paclient_alloc(c, 3, 1, 0, &addr, &old), PACLIENT_BAD_ARGUMENT);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(impossible_arguments)
{
	struct paclient_placement p = PACLIENT_PLACEMENT_INIT;
	struct paclient_why w = {.size = 0};
	uint64_t addr = 5, one = 1, nextents = 5;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_alloc_placed(NULL, 3, 1, &one, 0, &p, &addr, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_alloc_placed(c, 3, 0, &one, 0, &p, &addr, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_alloc_placed(c, 3, 1, NULL, 0, &p, &addr, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_alloc_placed(c, 3, 1, &one, 2, &p, &addr, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "flags");
	expect(paclient_alloc_placed(c, 3, 1, &one, 0, &p, NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_addrs");
	expect(paclient_why(NULL, 3, 1, &p, &w, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_why(c, 3, 1, &p, &w, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_why(c, 3, 1, &p, NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_why");
	expect(paclient_fit(NULL, 3, 1, &p, &nextents, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_fit(c, 3, 1, &p, NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_nextents");
	ck_assert_uint_eq(addr, 5);
	ck_assert_uint_eq(nextents, 5);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_place");

	run_add(s, "a_placement_byte_for_byte", a_placement_byte_for_byte);
	run_add(s, "batches", batches);
	run_add(s, "why_and_fit", why_and_fit);
	run_add(s, "placements_of_other_versions", placements_of_other_versions);
	run_add(s, "results_of_other_versions", results_of_other_versions);
	run_add(s, "a_call_of_the_first_version", a_call_of_the_first_version);
	run_add(s, "impossible_arguments", impossible_arguments);
	return suite_run(s);
}
