/*
 * util - what all parts of the benchmark need: frames, the clock, the way out
 *
 * Role:       little helpers. A benchmark that meets an error says so and ends.
 * Uses:       proto/limits.h
 */
#ifndef BENCH_RPC_UTIL_H
#define BENCH_RPC_UTIL_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/limits.h"

/** die() - say what went wrong and end the program; the exit handler ends the servers. */
#define die(...)                                            \
	do {                                                \
		fprintf(stderr, "bench_rpc: " __VA_ARGS__); \
		fputc('\n', stderr);                        \
		exit(1);                                    \
	} while (0)

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		die("clock_gettime: %s", strerror(errno));
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint32_t frame_get(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void frame_put(uint8_t *p, uint32_t size)
{
	p[0] = (uint8_t)size;
	p[1] = (uint8_t)(size >> 8);
	p[2] = (uint8_t)(size >> 16);
	p[3] = (uint8_t)(size >> 24);
}

/* Bytes of the largest frame, with its length in front. */
#define FRAME_MAX (PALLOCD_FRAME_HEADER_BYTES + PALLOCD_FRAME_BYTES_MAX)

#endif
