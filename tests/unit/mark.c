/*
 * mark - the check library is told where a test is, but not a million times
 *
 * Role:       each ck_assert() that holds would write its place to a file, for the message about a test that crashes or hangs "(after this
 *             point)". That is most of what a random test does. Linked with --wrap=_mark_point: the first places are written, and then one
 *             in a tick of the clock. To see the very last one, run the test with CK_FORK=no in a debugger.
 * Uses:       check
 */
#include <check.h>
#include <time.h>

/* So many places in each process are written anyway. */
#define MARKS_EXACT 100u

/* The linker's names. */
void __real__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line);

void __wrap__mark_point(const char *file, int line)
{
	static _Thread_local unsigned nmarks;
	static _Thread_local struct timespec last;
	struct timespec now;

	if (nmarks >= MARKS_EXACT) {
		clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
		if (now.tv_nsec == last.tv_nsec && now.tv_sec == last.tv_sec)
			return;
		last = now;
	} else {
		nmarks++;
	}
	__real__mark_point(file, line);
}
