/*
 * measure - random numbers, a clock and quantiles for the placement benchmarks
 *
 * Role:       see measure.h.
 * Uses:       libc
 */
#include "measure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CALIBRATE_NS \
	20000000.0 /* long enough that a clock_gettime() more or less makes no difference */
#define EMPTY_INTERVALS 10001

static double ns_per_tick = 1;
static uint64_t empty_ticks;

_Noreturn void measure_fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

void *measure_alloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		measure_fail("no memory for %zu times %zu bytes", n, size);
	return p;
}

static double gettime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

void measure_init(void)
{
	struct samples empty = {0};
	double begin_ns = gettime_ns(), spent;
	uint64_t begin = measure_now();

	do
		spent = gettime_ns() - begin_ns;
	while (spent < CALIBRATE_NS);
	ns_per_tick = spent / (double)(measure_now() - begin);
	for (int i = 0; i < EMPTY_INTERVALS; i++) {
		begin = measure_now();
		samples_add(&empty, (double)(measure_now() - begin));
	}
	empty_ticks = (uint64_t)samples_quantile(&empty, 0.5);
	samples_clear(&empty);
}

uint64_t measure_ticks(uint64_t begin, uint64_t end)
{
	return end - begin > empty_ticks ? end - begin - empty_ticks : 0;
}

double measure_ns(double ticks)
{
	return ticks * ns_per_tick;
}

double measure_empty_ns(void)
{
	return measure_ns((double)empty_ticks);
}

void samples_add(struct samples *s, double x)
{
	if (s->n == s->capacity) {
		s->capacity = s->capacity ? 2 * s->capacity : 1024;
		s->v = realloc(s->v, s->capacity * sizeof(*s->v));
		if (!s->v)
			measure_fail("no memory for %zu samples", s->capacity);
	}
	s->v[s->n++] = (float)x;
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

double samples_quantile(struct samples *s, double q)
{
	if (s->n == 0)
		return 0;
	qsort(s->v, s->n, sizeof(*s->v), compare);
	return (double)s->v[(size_t)(q * (double)(s->n - 1))];
}

double samples_mean(const struct samples *s)
{
	double sum = 0;

	for (size_t i = 0; i < s->n; i++)
		sum += (double)s->v[i];
	return s->n ? sum / (double)s->n : 0;
}

void samples_clear(struct samples *s)
{
	free(s->v);
	*s = (struct samples){0};
}
