/*
 * bench - what the parts of the verb bench share
 *
 * Role:       clients that take and give back, and how long that took.
 * Uses:       cli.h, histogram.h
 */
#ifndef PACLIENT_CLI_BENCH_H
#define PACLIENT_CLI_BENCH_H

#include "client/cli/cli.h"
#include "client/cli/histogram.h"

struct bench {
	const struct cli *cli;
	struct paclient_region region;
	uint64_t npages;
	unsigned nclients; /* handles */
	unsigned depth;    /* requests of each in flight */
	int duration_ms;
};

struct bench_result {
	uint64_t elapsed_ns;
	bool interrupted; /* by a signal */
	struct histogram alloc, free;
	struct paclient_error failure; /* which has ended it; status 0: none */
};

/**
 * bench_run() - take and give back until the time is up, a signal comes, or a request fails
 *
 * Nothing is held when it returns, as far as the daemon lets it. Return: 0 or an exit code, already told, where it did not begin.
 */
MUST_CHECK int bench_run(const struct bench *b, struct bench_result *ret);

#endif
