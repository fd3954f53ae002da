/*
 * suite - the end of a test program's main()
 *
 * Role:       runs a suite of the check library; CK_RUN_CASE, CK_FORK and CK_VERBOSITY in the environment mean what they always do.
 * Uses:       check
 */
#ifndef PALLOCD_TESTS_SUITE_H
#define PALLOCD_TESTS_SUITE_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/** under_valgrind() - valgrind.sh runs this: limits that a test sets for itself are not set in truth. Says which case is left out. */
static inline bool under_valgrind(const char *name)
{
	if (!getenv("UNDER_VALGRIND"))
		return false;
	fprintf(stderr, "skipped under valgrind: %s\n", name);
	return true;
}

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
