/*
 * config_diff - one configuration after another
 *
 * Role:       which keys a running daemon cannot change, and what to do instead; what has changed, for the log.
 * Uses:       service/config.h
 */
#ifndef PALLOCD_SERVICE_CONFIG_DIFF_H
#define PALLOCD_SERVICE_CONFIG_DIFF_H

#include "service/config.h"

/**
 * config_region_may() - may a region that is served as @was become @now? Whatever its backing says to a higher limit
 *
 * Return: 0, CONFIG_E_BAD: the log names the place, the key, both values and what to do.
 */
MUST_CHECK int config_region_may(const struct config_region *was, const struct config_region *now);

/** config_daemon_may() - the same for the keys of [Daemon]. */
MUST_CHECK int config_daemon_may(const struct config *was, const struct config *now);

/** config_region_refuse() - complain that @key (as the file spells it) cannot change so. @advice: what to do. Returns CONFIG_E_BAD. */
int config_region_refuse(const struct config_region *was, const struct config_region *now,
			 const char *key, const char *advice);

/** config_region_live(), config_daemon_live() - can the @i-th key be changed while the daemon runs? Limit= can be raised. */
bool config_region_live(size_t i);
bool config_daemon_live(size_t i);

/** config_changes_log() - a line for each value that has changed in what was served before. */
void config_changes_log(const struct config *was, const struct config *now);

#endif
