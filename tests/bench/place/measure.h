/*
 * measure - random numbers, a clock and quantiles for the placement benchmarks
 *
 * Role:       what each of the programs needs and none of them is about. Ends the program where there is no memory.
 * Uses:       libc
 *
 * The clock is the processor's time stamp counter where there is one (x86), fenced on both sides so that neither what was
 * before nor what comes after slips into the interval; elsewhere clock_gettime(). measure_init() compares it with
 * clock_gettime() and finds out what an empty interval costs; that is taken off each interval. The fences make the processor
 * wait for its memory, so a pair that is timed alone looks dearer than one among many.
 */
#ifndef PALLOCD_BENCH_PLACE_MEASURE_H
#define PALLOCD_BENCH_PLACE_MEASURE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>
#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#define MEASURE_TSC 1
#else
#define MEASURE_TSC 0
#endif

#define MEASURE_SEED 20240607u /* any number would do; printed by each program */

/** measure_random() - the next number of a generator (splitmix64). */
static inline uint64_t measure_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/** measure_below() - a number from 0 to @n - 1. */
static inline uint64_t measure_below(uint64_t *state, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)measure_random(state) * n) >> 64);
}

static inline uint64_t measure_now(void)
{
#if MEASURE_TSC
	uint64_t now;

	_mm_lfence();
	now = __rdtsc();
	_mm_lfence();
	return now;
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
#endif
}

/** measure_init() - calibrate; to be called first. */
void measure_init(void);

/** measure_ticks() - ticks between two readings of measure_now(), less what an empty interval costs; not below 0. */
uint64_t measure_ticks(uint64_t begin, uint64_t end);

/** measure_ns() - nanoseconds of so many ticks. */
double measure_ns(double ticks);

/** measure_empty_ns() - what an empty interval costs, and is taken off. */
double measure_empty_ns(void);

/* Numbers of which quantiles are wanted; { 0 } is none. */
struct samples {
	float *v;
	size_t n, capacity;
};

void samples_add(struct samples *s, double x);

/** samples_quantile() - the @q quantile, 0 to 1; sorts them. 0 if there are none. */
double samples_quantile(struct samples *s, double q);
double samples_mean(const struct samples *s);
void samples_clear(struct samples *s);

/** measure_alloc() - as calloc(), but never NULL. */
void *measure_alloc(size_t n, size_t size);

/** measure_fail() - say what is wrong on stderr and end the program with 1. */
_Noreturn void measure_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
