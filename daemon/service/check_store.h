/*
 * check_store - is what is written sound? Without a daemon
 *
 * Role:       builds the regions of a configuration from a store that nobody has open, and says what does not fit.
 * Uses:       base/, region/, store/, service/config.h, service/keep.h
 */
#ifndef PALLOCD_SERVICE_CHECK_STORE_H
#define PALLOCD_SERVICE_CHECK_STORE_H

#include "base/macros.h"
#include "service/config.h"

/**
 * check_store() - what the store of @c has, or lacks: a line for each region on standard output, what does not fit in the log
 *
 * Nothing is written, made or opened but the store. It is read by a child, so that a file which is damaged so that reading it is a signal is
 * a finding too. Blocks.
 * Return: an exit code: OK; FAILURE (something is wrong, the store is in use, not there, or cannot be read); USAGE.
 */
MUST_CHECK int check_store(const struct config *c);

#endif
