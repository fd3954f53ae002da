/*
 * progress - a bar on standard error while something takes long
 *
 * Role:       shows how far it is, or for how long it has gone on where that is all that is known.
 * Uses:       cli.h
 *
 * Only on a terminal, and not within the first second. Who works never looks at a clock for it: a thread does.
 */
#ifndef PACLIENT_CLI_PROGRESS_H
#define PACLIENT_CLI_PROGRESS_H

#include "client/cli/cli.h"

#include <pthread.h>
#include <stdatomic.h>

struct progress {
	bool shows; /* there is a thread */
	const char *what;
	_Atomic uint64_t done, all; /* all = 0: it is not known how far it is */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ends;
	bool over;
};

/** progress_begin() - @what begins; not before a child is forked. progress_end() must follow. */
void progress_begin(struct progress *p, const struct cli *cli, const char *what);

/** progress_set() - so much of it is done. Costs nothing much. */
static inline void progress_set(struct progress *p, uint64_t done, uint64_t all)
{
	atomic_store_explicit(&p->all, all, memory_order_relaxed);
	atomic_store_explicit(&p->done, done, memory_order_relaxed);
}

/** progress_end() - the line is as it was. Before anything else is written. */
void progress_end(struct progress *p);

#endif
