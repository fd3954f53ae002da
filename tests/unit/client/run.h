/*
 * run - one test a case, so that CK_RUN_CASE chooses it for a debugger
 *
 * Role:       how the client's suites are put together.
 * Uses:       tests/unit/suite.h
 */
#ifndef TESTS_CLIENT_RUN_H
#define TESTS_CLIENT_RUN_H

#include "tests/unit/suite.h"

static inline void run_add(Suite *s, const char *name, const TTest *test)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test);
	suite_add_tcase(s, tc);
}

#endif
