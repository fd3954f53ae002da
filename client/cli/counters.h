/*
 * counters - what the daemon counts, by name
 *
 * Role:       the one list of counters, of the daemon and of a region: what is added there is shown by stat and kept by dump.
 * Uses:       cli.h
 */
#ifndef PACLIENT_CLI_COUNTERS_H
#define PACLIENT_CLI_COUNTERS_H

#include "client/cli/cli.h"

/* How a counter is shown to people. */
enum unit {
	COUNT,
	PAGES,
	BYTES,
	USEC,
};

/* A uint64_t. */
struct counter {
	const char *key; /* of the JSON object: the field's name */
	const char *text;
	enum unit unit;
	size_t offset;
};

extern const struct counter daemon_counters[]; /* in struct paclient_daemon_stat */
extern const size_t ndaemon_counters;
extern const struct counter region_counters[]; /* in struct paclient_region_stat */
extern const size_t nregion_counters;

#endif
