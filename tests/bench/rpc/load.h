/*
 * load - the one load generator: alloc+free pairs over many connections, from one thread
 *
 * Role:       keeps a given number of requests in flight on each connection. Each of them alternates between "alloc 1 page" and
 *             "free what that gave", half of them out of step with the others, so that what is held stays about the same.
 *             It can't tell the servers apart: an echo's frame holds no address, so a made-up one is given back.
 * Uses:       server.h, hist.h, proto/limits.h
 */
#ifndef BENCH_RPC_LOAD_H
#define BENCH_RPC_LOAD_H

#include "hist.h"
#include "server.h"

/* Largest numbers that a cell may ask for. */
#define LOAD_CONNS_MAX 4096u
#define LOAD_DEPTH_MAX 4096u

struct load_result {
	uint64_t nrequests;
	uint64_t elapsed_ns;
	uint64_t server_cpu_ns;
	struct hist
		latency; /* from before the send() that carries a request to after the recv() that brings its reply */
};

/**
 * load_run() - load @s and measure
 * @nconns:  connections
 * @depth:   requests in flight on each
 * @warm_ns: load for so long first
 * @run_ns:  then measure for so long
 * @ret:     overwritten
 *
 * Dies where a request is refused or the server stops answering.
 */
void load_run(const struct server *s, unsigned nconns, unsigned depth, uint64_t warm_ns,
	      uint64_t run_ns, struct load_result *ret);

#endif
