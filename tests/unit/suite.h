/*
 * suite - the end of a test program's main()
 *
 * Role:       runs a suite of the check library; CK_RUN_CASE, CK_FORK and CK_VERBOSITY in the environment mean what they always do.
 * Uses:       check
 */
#ifndef PALLOCD_TESTS_SUITE_H
#define PALLOCD_TESTS_SUITE_H

#include <check.h>

/** suite_run() - run @s and give it back. Return: main()'s exit code. */
static inline int suite_run(Suite *s)
{
	SRunner *sr = srunner_create(s);
	int nfailed;

	srunner_run_all(sr, CK_ENV);
	nfailed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nfailed ? 1 : 0;
}

#endif
