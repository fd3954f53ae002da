/*
 * daemon - a configuration becomes a daemon
 *
 * Role:       makes regions, rpc and net from what config.h read, says when it is ready, takes all down again.
 * Uses:       everything below
 */
#ifndef PALLOCD_SERVICE_DAEMON_H
#define PALLOCD_SERVICE_DAEMON_H

#include "base/macros.h"
#include "region/session.h"
#include "service/config.h"
#include "service/keep.h"

/** daemon_run() - serve until a signal says stop; @c is replaced whenever SIGHUP brings another one, read with @o. Return: an exit code. */
MUST_CHECK int daemon_run(struct config *c, const struct options *o);

/** daemon_hold_reloads() - a SIGHUP from now on is heard by daemon_run(), and does not end the process. */
void daemon_hold_reloads(void);

/**
 * daemon_check() - would daemon_run() start with it? What the regions name is opened and closed again
 *
 * Return: an exit code: OK too where regions would be left out, as long as one stays; the log has the rest.
 */
MUST_CHECK int daemon_check(const struct config *c);

enum daemon_outcome { DAEMON_E_NO_REGION = 1 /* the log says why */ };

/**
 * daemon_regions_open() - the regions, each as @k says that it may begin, with what stands behind them; one whose backing cannot be opened is left out, with a line in the log
 *
 * Return: 0, DAEMON_E_NO_REGION, a negative errno. For daemon_run() and its tests.
 */
MUST_CHECK int daemon_regions_open(struct regions *rs, const struct config *c, struct keep *k);

#endif
