/*
 * test_timeout - who is due when
 *
 * Role:       unit tests of net/timeout.h: times are invented.
 * Uses:       net/timeout.h, check
 */
#include <check.h>
#include <stdlib.h>

#include "net/timeout.h"

static const uint64_t msec[] = {
	[TIMEOUT_HELLO] = 100,
	[TIMEOUT_FRAME] = 200,
	[TIMEOUT_SEND] = 300,
};

static struct timeouts ts;
static struct timeout t[4];

static void setup(void)
{
	timeouts_init(&ts, msec);
	for (int i = 0; i < 4; i++)
		list_init(&t[i].in_kind);
}

START_TEST(nobody_waits)
{
	ck_assert_uint_eq(timeouts_next_msec(&ts), UINT64_MAX);
	for (unsigned kind = 0; kind < TIMEOUT_KINDS; kind++)
		ck_assert_ptr_null(timeouts_due(&ts, kind, UINT64_MAX - 1));
	timeout_end(&t[0]);
	ck_assert(!timeout_waits(&t[0]));
}
END_TEST

START_TEST(the_first_is_due_first)
{
	timeout_begin(&ts, TIMEOUT_SEND, &t[0], 1000);
	timeout_begin(&ts, TIMEOUT_FRAME, &t[1], 1050);
	timeout_begin(&ts, TIMEOUT_FRAME, &t[2], 1060);
	timeout_begin(&ts, TIMEOUT_HELLO, &t[3], 1170);
	ck_assert_uint_eq(timeouts_next_msec(&ts), 1250);
	ck_assert_ptr_null(timeouts_due(&ts, TIMEOUT_FRAME, 1249));
	ck_assert_ptr_eq(timeouts_due(&ts, TIMEOUT_FRAME, 1250), &t[1]);
	timeout_end(&t[1]);
	ck_assert_uint_eq(timeouts_next_msec(&ts), 1260);
	ck_assert_ptr_null(timeouts_due(&ts, TIMEOUT_FRAME, 1259));
	timeout_end(&t[2]);
	ck_assert_uint_eq(timeouts_next_msec(&ts), 1270);
	timeout_end(&t[3]);
	ck_assert_uint_eq(timeouts_next_msec(&ts), 1300);
	ck_assert_ptr_eq(timeouts_due(&ts, TIMEOUT_SEND, 5000), &t[0]);
}
END_TEST

/* Who has done something is waited for anew, behind those who have not. */
START_TEST(to_begin_again_is_to_have_more_time)
{
	timeout_begin(&ts, TIMEOUT_SEND, &t[0], 1000);
	timeout_begin(&ts, TIMEOUT_SEND, &t[1], 1001);
	timeout_begin(&ts, TIMEOUT_SEND, &t[0], 1002);
	ck_assert(timeout_waits(&t[0]));
	ck_assert_uint_eq(timeouts_next_msec(&ts), 1301);
	ck_assert_ptr_eq(timeouts_due(&ts, TIMEOUT_SEND, 1302), &t[1]);
	timeout_end(&t[1]);
	ck_assert_ptr_eq(timeouts_due(&ts, TIMEOUT_SEND, 1302), &t[0]);
	timeout_end(&t[0]);
	ck_assert_uint_eq(timeouts_next_msec(&ts), UINT64_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("timeout");
	TCase *tc = tcase_create("timeout");
	SRunner *runner;
	int nfailed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, nobody_waits);
	tcase_add_test(tc, the_first_is_due_first);
	tcase_add_test(tc, to_begin_again_is_to_have_more_time);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
