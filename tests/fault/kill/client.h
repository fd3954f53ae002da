/*
 * client - a program that does all that programs do, and notes what came of it
 *
 * Role:       a process with threads that change extents at random through one handle, until they are told to park or to stop. Whatever happens to the
 *             daemon, no call may fail.
 * Uses:       libpaclient, model.h
 */
#ifndef PALLOCD_TESTS_FAULT_CLIENT_H
#define PALLOCD_TESTS_FAULT_CLIENT_H

#include <sys/types.h>

#include "tests/fault/kill/model.h"

/** client_start() - client @index in a process of its own, which exits with 0 when it is told to stop. */
pid_t client_start(struct model *m, const char *socket, unsigned index, uint64_t seed);

#endif
