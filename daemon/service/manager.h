/*
 * manager - the service manager: sockets it hands over, what it is told, its watchdog
 *
 * Role:       libsystemd lives here and nowhere else. Without a service manager everything is a no-op.
 * Uses:       base/, libsystemd
 */
#ifndef PALLOCD_SERVICE_MANAGER_H
#define PALLOCD_SERVICE_MANAGER_H

#include <stdint.h>

#include "base/macros.h"

enum manager_outcome {
	MANAGER_E_FDS = 1 /* not what a pallocd.socket hands over; the log says what */
};

/**
 * manager_listen_fd() - the listening socket that was handed over
 * @ret_fd: the descriptor, the caller's; -1 where none was
 *
 * Return: 0, MANAGER_E_FDS, or a negative errno. To be called once.
 */
MUST_CHECK int manager_listen_fd(int *ret_fd);

/** manager_watchdog_usec() - how often the manager wants to hear from the loop; 0: never. */
uint64_t manager_watchdog_usec(void);

/** manager_ready() - serving; @status for people. */
void manager_ready(const char *status);

/** manager_stopping(), manager_alive() - the end begins; the loop turns. */
void manager_stopping(void);
void manager_alive(void);

#endif
