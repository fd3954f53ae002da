/*
 * daemon - a configuration becomes a daemon
 *
 * Role:       makes regions, rpc and net from what config.h read, says when it is ready, takes all down again.
 * Uses:       everything below
 */
#ifndef PALLOCD_SERVICE_DAEMON_H
#define PALLOCD_SERVICE_DAEMON_H

#include "base/macros.h"
#include "service/config.h"

/** daemon_run() - serve until a signal says stop. Return: an exit code. */
MUST_CHECK int daemon_run(const struct config *c);

#endif
