/*
 * manager - a stand-in for the service manager
 *
 * Role:       hands the daemon its socket and the memory that it was given to keep, hears what it says, and takes BARRIER=1, FDSTORE=1 and
 *             FDSTOREREMOVE=1 as systemd does. For one daemon, which it starts as often as it is told.
 * Uses:       PALLOCD_PATH is the program under test
 */
#ifndef PALLOCD_TESTS_FAULT_MANAGER_H
#define PALLOCD_TESTS_FAULT_MANAGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MANAGER_STORED_MAX 16
#define MANAGER_NAME_BYTES 256

struct manager_stored {
	char name[MANAGER_NAME_BYTES];
	int fd;
};

struct manager {
	char dir[64];    /* of everything; RUNTIME_DIRECTORY */
	char socket[96]; /* of the inherited socket */
	char notify[96];
	char log[96]; /* what the daemon says */
	int listen_fd, notify_fd;
	pid_t pid;
	struct manager_stored stored[MANAGER_STORED_MAX];
	unsigned nstored;
	bool ready, stopping; /* the daemon has said so since it was started */
	unsigned nbarriers, nremoved;
};

/** manager_open() - a folder and a socket, nothing started. manager_close() - all of it goes, the daemon is killed. */
void manager_open(struct manager *m);
void manager_close(struct manager *m);

/** manager_start() - the daemon with @args (NULL at the end). Return when it is ready, or has ended. */
void manager_start(struct manager *m, const char *const *args);

/** manager_end() - a signal, and wait for the end. Return: as waitpid(2). */
int manager_end(struct manager *m, int signum);

/** manager_wait() - it ends by itself. Return: as waitpid(2). */
int manager_wait(struct manager *m);

/** manager_forget() - what was kept is gone, as after `systemctl stop`. */
void manager_forget(struct manager *m);

/** manager_said() - has the daemon said that? */
bool manager_said(const struct manager *m, const char *text);

/** manager_log() - print what the daemon has said. */
void manager_log(const struct manager *m);

#endif
