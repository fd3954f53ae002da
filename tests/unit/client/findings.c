/*
 * findings - the calls check and free_extent
 *
 * Role:       bytes on the wire, results, replies that make no sense, daemons that are too old.
 * Uses:       client/lib, fake daemon, check
 */
#include <string.h>

#include "tests/unit/client/fake.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;

static const struct paclient_extent extent = {.size = sizeof(extent),
					      .addr = 0x3000,
					      .npages = 2,
					      .session_id = 7,
					      .uid = 1000,
					      .name = "n"};

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
}

START_TEST(findings_are_told)
{
	struct paclient_findings *list;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_check(c, 3, &list, &call), 0);
	ck_assert_uint_eq(list->size, sizeof(*list));
	ck_assert_uint_eq(list->nfindings, 3);
	ck_assert_uint_eq(list->nfindings_total, 3);
	ck_assert_uint_eq(list->nregions, 5);
	ck_assert(list->sees_sessions && !list->store_compared);
	ck_assert_str_eq(list->findings[0], "one");
	ck_assert_str_eq(list->findings[1], "a longer finding");
	ck_assert_str_eq(list->findings[2], "one");
	paclient_findings_free(list);
	expect(paclient_check(c, 0, &list, &call), 0);
	ck_assert_uint_eq(list->nfindings, 0);
	ck_assert_uint_eq(list->nfindings_total, 0);
	ck_assert(!list->sees_sessions && list->store_compared);
	paclient_findings_free(list);
	expect(paclient_check(c, 98, &list, &call), 0);
	ck_assert_uint_eq(list->nfindings, 3);
	ck_assert_uint_eq(list->nfindings_total, 4);
	paclient_findings_free(list);
	expect(paclient_check(c, 99, &list, &call), PACLIENT_PROTOCOL);
	paclient_findings_free(NULL);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* The id is 2, the region 3. */
START_TEST(byte_for_byte)
{
	static const uint8_t check[] = {8, 2, 0x82, 2, 2, 8, 3};
	static const uint8_t free_extent[] = {8,    2, 0x32, 16,   8, 3, 0x1a, 2, 0x80, 0x60,
					      0x22, 1, 2,    0x2a, 1, 7, 0x32, 2, 0xe8, 7};
	const uint8_t *want = _i ? free_extent : check;
	size_t n = _i ? sizeof(free_extent) : sizeof(check);
	static uint8_t raw[FAKE_RAW_BYTES];
	struct paclient_findings *list;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_raw, raw);
	c = fake_open(&f, 1000);
	if (_i) {
		expect(paclient_free_extent(c, 3, &extent, &call), 0);
	} else {
		expect(paclient_check(c, 3, &list, &call), 0);
		paclient_findings_free(list);
	}
	ck_assert_uint_eq(raw[0], n);
	ck_assert_mem_eq(raw + 4, want, n);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* It would free whatever is there. */
START_TEST(an_old_daemon_is_asked_nothing)
{
	struct paclient_findings *list = NULL;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	f.old = true;
	c = fake_open(&f, 1000);
	expect(paclient_free_extent(c, 3, &extent, &call), PACLIENT_UNKNOWN_VERB);
	ck_assert_uint_eq(f.nfrees, 0);
	expect(paclient_check(c, 3, &list, &call), PACLIENT_UNKNOWN_VERB);
	ck_assert_ptr_null(list);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(arguments)
{
	struct paclient_extent x = extent;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_free_extent(c, 3, NULL, &call), PACLIENT_BAD_ARGUMENT);
	x.size = 0;
	expect(paclient_free_extent(c, 3, &x, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_check(c, 3, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_check(NULL, 3, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_free_extent(NULL, 3, &extent, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_uint_eq(f.nfrees, 0);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_findings");
	TCase *bytes = tcase_create("byte_for_byte");

	tcase_add_loop_test(bytes, byte_for_byte, 0, 2);
	suite_add_tcase(s, bytes);
	run_add(s, "findings_are_told", findings_are_told);
	run_add(s, "an_old_daemon_is_asked_nothing", an_old_daemon_is_asked_nothing);
	run_add(s, "arguments", arguments);
	return suite_run(s);
}
