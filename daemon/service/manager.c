/*
 * manager - the service manager
 *
 * Role:       see manager.h.
 * Uses:       libsystemd, base/log.h
 */
#include "service/manager.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"

static void names_free(char **names)
{
	for (char **p = names; p && *p; p++)
		free(*p);
	free(names);
}

int manager_listen_fd(int *ret_fd)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	if (n < 0) {
		log_error("cannot take over the service manager's sockets: %s", strerror(-n));
		return n;
	}
	if (n > 1) {
		log_error("the service manager handed over %d sockets (the first two are '%s', "
			  "'%s'): "
			  "exactly one ListenStream= is served",
			  n, names[0], names[1]);
		names_free(names);
		return MANAGER_E_FDS;
	}
	names_free(names);
	*ret_fd = n == 1 ? SD_LISTEN_FDS_START : -1;
	return 0;
}

uint64_t manager_watchdog_usec(void)
{
	uint64_t usec;

	return sd_watchdog_enabled(0, &usec) > 0 ? usec : 0;
}

void manager_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void manager_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}

void manager_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}
