/*
 * run - one test a case, so that CK_RUN_CASE chooses it for a debugger
 *
 * Role:       how the client's suites are put together.
 * Uses:       tests/unit/suite.h
 */
#ifndef TESTS_CLIENT_RUN_H
#define TESTS_CLIENT_RUN_H

#include "tests/unit/suite.h"

/* Once for each number below @n. */
static inline void run_add_loop(Suite *s, const char *name, const TTest *test, int n)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test, 0, n);
	suite_add_tcase(s, tc);
}

static inline void run_add(Suite *s, const char *name, const TTest *test)
{
	run_add_loop(s, name, test, 1);
}

#endif
