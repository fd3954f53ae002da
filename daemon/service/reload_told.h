/*
 * reload_told - what came of a reload, for the process that has asked for it
 *
 * Role:       `pallocd --reload`, which a unit has as ExecReload=: tells the daemon to read its configuration again, and ends when it has. The daemon leaves the
 *             answer in a file of the service manager's folder, with the time at which it began to read, and its number; a first one when it starts, by
 *             which is known that it answers at all.
 * Uses:       base/, service/options.h
 * Invariants: T1  an answer that began after the question is about all that was written before it: both look at the same clock.
 */
#ifndef PALLOCD_SERVICE_RELOAD_TOLD_H
#define PALLOCD_SERVICE_RELOAD_TOLD_H

#include <stdint.h>

/**
 * reload_told_write() - the daemon's: what was read at @read_usec is in force, or refused
 * @refusal: why; NULL: it is in force
 *
 * Nothing without $RUNTIME_DIRECTORY. Where it cannot be written the file's mode says so, so that nobody waits for it.
 */
void reload_told_write(uint64_t read_usec, const char *refusal);

/**
 * reload_ask() - SIGHUP for $MAINPID; blocks until it is told what came of it, or has ended
 *
 * Return: exit code: OK: in force; USAGE: refused, and the log says why, or not called by a service manager; FAILURE: no answer. A
 * daemon that gives none, as one of an earlier version, is told all the same, and not waited for.
 */
int reload_ask(void);

#endif
