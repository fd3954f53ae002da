/*
 * manager - the service manager
 *
 * Role:       see manager.h.
 * Uses:       libsystemd, base/
 */
#include "service/manager.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* "memory-GENERATION-REGION": what a region's name may hold, systemd takes too. */
#define MEMORY_PREFIX "memory-"
#define MEMORY_NAME_BYTES (sizeof(MEMORY_PREFIX) + 20 + 1 + REGION_NAME_BYTES_MAX)

#define SYNC_USEC 5000000u

static void names_free(char **names)
{
	for (char **p = names; p && *p; p++)
		free(*p);
	free(names);
}

static bool is_memory(const char *name)
{
	return strncmp(name, MEMORY_PREFIX, strlen(MEMORY_PREFIX)) == 0;
}

/* Names that this program would not write are nobody's region, and are dropped as such. */
static int memory_add(struct manager_handed *h, const char *name, int fd)
{
	struct manager_memory *m = mem_resize(h->memory, h->nmemory + 1, sizeof(*m)), *last;
	char *end;

	if (!m)
		return -ENOMEM;
	h->memory = m;
	last = &m[h->nmemory++];
	*last = (struct manager_memory){.fd = fd};
	last->generation = strtoull(name + strlen(MEMORY_PREFIX), &end, 10);
	snprintf(last->region, sizeof(last->region), "%s", *end ? end + 1 : "");
	return 0;
}

static int fds_sort(struct manager_handed *h, int n, char *const *names)
{
	const char *first = NULL;
	int err = 0;

	for (int i = 0; !err && i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (is_memory(names[i])) {
			err = memory_add(h, names[i], fd);
		} else if (first) {
			log_error("the service manager handed over several sockets (the first two "
				  "are '%s', '%s'): exactly one ListenStream= is served",
				  first, names[i]);
			err = MANAGER_E_FDS;
		} else {
			first = names[i];
			h->listen_fd = fd;
		}
	}
	return err;
}

int manager_handed(struct manager_handed *ret_handed)
{
	char **names = NULL;
	int n, err;

	*ret_handed = (struct manager_handed){.listen_fd = -1};
	n = sd_listen_fds_with_names(1, &names);
	if (n < 0) {
		log_error("cannot take over the service manager's sockets: %s", strerror(-n));
		return n;
	}
	err = fds_sort(ret_handed, n, names);
	names_free(names);
	return err;
}

void manager_handed_deinit(struct manager_handed *handed)
{
	for (size_t i = 0; i < handed->nmemory; i++) {
		if (handed->memory[i].fd >= 0)
			close(handed->memory[i].fd);
	}
	mem_free(handed->memory);
	*handed = (struct manager_handed){.listen_fd = -1};
}

bool manager_present(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

void manager_keep(const char *region, uint64_t generation, int fd)
{
	char message[64 + MEMORY_NAME_BYTES];

	snprintf(message, sizeof(message), "FDSTORE=1\nFDNAME=" MEMORY_PREFIX "%" PRIu64 "-%s",
		 generation, region);
	sd_pid_notify_with_fds(0, 0, message, &fd, 1);
}

void manager_drop(const struct manager_memory *m)
{
	sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=" MEMORY_PREFIX "%" PRIu64 "-%s", m->generation,
		   m->region);
}

bool manager_sync(void)
{
	return sd_notify_barrier(0, SYNC_USEC) >= 0;
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

void manager_status(const char *status)
{
	sd_notifyf(0, "STATUS=%s", status);
}

void manager_reloading(uint64_t now_usec)
{
	sd_notifyf(0,
		   "RELOADING=1\nMONOTONIC_USEC=%" PRIu64
		   "\nSTATUS=reading the configuration again",
		   now_usec);
}

void manager_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}

void manager_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}
