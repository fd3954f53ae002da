/*
 * metrics - what the daemon counts, as OpenMetrics text
 *
 * Role:       the values that are written at once, and the writing; cmd_metrics.c gets them.
 * Uses:       cli.h
 */
#ifndef PACLIENT_CLI_METRICS_H
#define PACLIENT_CLI_METRICS_H

#include "client/cli/cli.h"

#include <stdio.h>

struct metrics_region {
	struct paclient_region info;
	struct paclient_region_stat stat;
	const struct paclient_quota_list *quotas;
	const struct paclient_user_list *users; /* NULL: the daemon does not say */
};

struct metrics {
	bool up; /* a daemon has answered; else there is nothing below */
	const char *server;
	struct paclient_daemon_stat daemon;
	const struct paclient_quota_list *quotas;
	const struct paclient_user_list *users; /* NULL: the daemon does not say */
	struct metrics_region *regions;
	size_t nregions;
};

enum metrics_format {
	METRICS_OPENMETRICS,
	/*
	 * For collectors of files: as they go by the older text format of Prometheus, a counter is described by the name that its
	 * samples have, with _total. All the rest is the same, or a comment for them.
	 */
	METRICS_PROMETHEUS,
};

/** metrics_write() - all of it, to its end; whether that went well says ferror(). */
void metrics_write(FILE *to, const struct metrics *m, enum metrics_format format);

#endif
