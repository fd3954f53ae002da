/*
 * loop_probe - how long a daemon's loop is away from epoll, seen from inside of its process
 *
 * Role:       a library that is loaded before all others (LD_PRELOAD) looks at the clocks whenever the first thread leaves epoll_wait(2) or
 *             epoll_pwait(2), and when it comes back. What it has seen it leaves in a file that whoever measures has mapped, too.
 */
#ifndef PALLOCD_BENCH_LOOP_PROBE_H
#define PALLOCD_BENCH_LOOP_PROBE_H

#include <stdint.h>

/* Names the file, of at least sizeof(struct loop_probe) bytes. */
#define LOOP_PROBE_ENV "LOOP_PROBE"

/* The longest turn of a loop. */
struct loop_longest {
	uint64_t nturns;
	uint64_t wall_ns;
	uint64_t cpu_ns; /* of its thread: without what other processes took from it */
};

/* All 0 at first. */
struct loop_probe {
	volatile uint32_t
		phase; /* written by who measures: which of the two; others are not noted */
	struct loop_longest longest[2];
};

#endif
