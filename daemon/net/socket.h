/*
 * socket - the listening socket: made here or inherited, and the file that stands for it
 *
 * Role:       one daemon a path: a file of a dead one is replaced, one of a live daemon never. Writes its errors to the log.
 * Uses:       base/
 *
 * A lock file beside the socket ("….lock") is held while the daemon lives; two that start at once cannot both find the file
 * stale. Both files are removed at an orderly end, the socket only if it still is this daemon's.
 */
#ifndef PALLOCD_NET_SOCKET_H
#define PALLOCD_NET_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/macros.h"

#define SOCKET_PATH_BYTES sizeof(((struct sockaddr_un *)0)->sun_path)

struct listening {
	int fd;
	int lock_fd; /* -1: the socket is inherited, its file is not ours */
	char path[SOCKET_PATH_BYTES];
	dev_t dev;
	ino_t ino;
};

/** listening_init() - nothing is listening. */
void listening_init(struct listening *l);

/**
 * listening_bind() - listen at @path with file mode @mode
 *
 * Return: 0 or a negative errno, explained in the log. Given back with listening_close().
 */
MUST_CHECK int listening_bind(struct listening *l, const char *path, mode_t mode);

/** listening_inherit() - take over @fd, which must be a listening Unix stream socket. Return: as listening_bind(). */
MUST_CHECK int listening_inherit(struct listening *l, int fd);

/** listening_close() - stop listening and remove what is ours; safe to call twice. */
void listening_close(struct listening *l);

#endif
