/*
 * honest - a process of a user that minds its own business
 *
 * Role:       takes pages, gives them back, and connects anew now and then; aborts where anything is refused or does not come. How
 *             long each call took is counted.
 * Uses:       tests/e2e/daemon/actor.h, tests/bench/rpc/hist.h
 */
#ifndef PALLOCD_TESTS_HONEST_H
#define PALLOCD_TESTS_HONEST_H

#include <stdatomic.h>

#include "tests/bench/rpc/hist.h"
#include "tests/e2e/daemon/actor.h"

/* In shared memory. */
struct honest {
	atomic_bool stop; /* set by who started it */
	struct hist request;
	struct hist connect; /* connect(2) and Hello */
};

/** honest_start() - a process of @who's, which goes on until h->stop, but for @nrounds rounds at least. */
pid_t honest_start(const struct actor *who, const char *path, uint64_t nrounds, struct honest *h);

/** honest_stop() - it comes to its end. Return: false where it was refused something; it has said so. */
bool honest_stop(pid_t pid, struct honest *h);

/** honest_print() - p50 and p99 of requests and of new connections, as a line of @what. */
void honest_print(const struct honest *h, const char *what);

/** shared_alloc() - zeroed memory that child processes share; never given back. */
void *shared_alloc(size_t size);

#endif
