/*
 * reload - another configuration for a daemon that serves
 *
 * Role:       reads the files again, and puts all of it in force or nothing: new regions, regions that are gone, limits, access, timeouts, the log's level. Tells the
 *             service manager and the log what came of it; and, all the time, how the daemon stands.
 * Uses:       everything below
 * Invariants: L1  what is refused has changed nothing: not a region, not a limit, not the configuration that the next one is compared with.
 *             L2  the manager is told that it is over exactly once for each time that it was told that it began.
 */
#ifndef PALLOCD_SERVICE_RELOAD_H
#define PALLOCD_SERVICE_RELOAD_H

#include "net/net.h"
#include "service/config.h"
#include "service/keep.h"

struct reload {
	struct config *config; /* in force */
	const struct options *options;
	struct keep *keep;
	struct rpc *rpc;
	struct net *net;
	uint64_t begun_usec; /* 0: none is in progress */
	char *refusal;       /* what the last one was refused for; NULL: it was not */
	/* Backings of closed regions, which close when no descriptor is on its way any more. */
	struct backing **closing;
	size_t nclosing;
	char *status; /* as it was told last */
};

/** reload_step() - net's on_reload. It is tried again for some seconds where something only has to end first. */
uint64_t reload_step(void *reload);

/** reload_status() - net's on_status: tell how it stands, where that has changed. */
void reload_status(void *reload);

/** status_make() - "2 regions, 5 sessions, 300 pages allocated of 4096", with what the last reload was refused for. Return: to be given back with mem_free(); NULL without memory. */
MUST_CHECK char *status_make(const struct regions *rs, const char *refusal);

void reload_deinit(struct reload *l);

/** connections_max() - as many as @c wants, and the limit of descriptors allows; the log says where that is less. */
uint32_t connections_max(const struct config *c);

#endif
