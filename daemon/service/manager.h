/*
 * manager - the service manager: sockets it hands over, what it is told, its watchdog
 *
 * Role:       libsystemd lives here and nowhere else. Without a service manager everything is a no-op.
 * Uses:       base/, region/region.h, libsystemd
 */
#ifndef PALLOCD_SERVICE_MANAGER_H
#define PALLOCD_SERVICE_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "region/region.h"

enum manager_outcome {
	MANAGER_E_FDS = 1 /* not what a pallocd.socket hands over; the log says what */
};

/* A region's memory that the manager has kept: which region's, and of which generation of it. */
struct manager_memory {
	char region[REGION_NAME_BYTES_MAX + 1];
	uint64_t generation;
	int fd; /* -1: somebody has taken it */
};

/* What the manager has handed over at start. */
struct manager_handed {
	int listen_fd; /* the listening socket; -1: none */
	struct manager_memory *memory;
	size_t nmemory;
};

/**
 * manager_handed() - take over what was handed over
 *
 * Return: 0, MANAGER_E_FDS, -ENOMEM, or a negative errno. To be called once; given back with manager_handed_deinit(), which closes the
 * memory that nobody has taken, and leaves the socket.
 */
MUST_CHECK int manager_handed(struct manager_handed *ret_handed);
void manager_handed_deinit(struct manager_handed *handed);

/** manager_present() - is there a manager that hears what it is told? */
bool manager_present(void);

/**
 * manager_keep() - hand the memory of @region to the manager, which gives it to the process that it starts next
 *
 * Whether it has room for it (FileDescriptorStoreMax=) it does not say.
 */
void manager_keep(const char *region, uint64_t generation, int fd);

/** manager_drop() - it need not keep that any more. */
void manager_drop(const struct manager_memory *m);

/** manager_sync() - wait until it has heard all of it, some seconds at the most. Return: false: it has not. */
bool manager_sync(void);

/** manager_watchdog_usec() - how often the manager wants to hear from the loop; 0: never. */
uint64_t manager_watchdog_usec(void);

/** manager_ready() - serving; @status for people. */
void manager_ready(const char *status);

/** manager_status() - how it stands, for people. */
void manager_status(const char *status);

/** manager_reloading() - the configuration is being read again since @now_usec of clock_usec(); manager_ready() ends it. */
void manager_reloading(uint64_t now_usec);

/** manager_stopping(), manager_alive() - the end begins; the loop turns. */
void manager_stopping(void);
void manager_alive(void);

#endif
