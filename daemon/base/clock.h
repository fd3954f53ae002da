/*
 * clock - time that only goes forward
 *
 * Role:       one name for the monotonic clock, so that units are always in the name.
 * Uses:       libc
 */
#ifndef PALLOCD_BASE_CLOCK_H
#define PALLOCD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/** clock_usec() - microseconds since some moment before the start; never goes back, does not count suspend. */
static inline uint64_t clock_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

#endif
