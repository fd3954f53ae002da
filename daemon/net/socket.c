/*
 * socket - the listening socket
 *
 * Role:       see socket.h.
 * Uses:       base/log.h
 */
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

/* The kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096

#define LOCK_SUFFIX ".lock"

void listening_init(struct listening *l)
{
	*l = (struct listening){.fd = -1, .lock_fd = -1};
}

static int complain(const char *path, const char *what)
{
	int err = errno ? -errno : -EINVAL;

	log_error("%s: %s: %s", path, what, strerror(-err));
	return err;
}

static void lock_path(const char *path, char buf[static SOCKET_PATH_BYTES + sizeof(LOCK_SUFFIX)])
{
	snprintf(buf, SOCKET_PATH_BYTES + sizeof(LOCK_SUFFIX), "%s" LOCK_SUFFIX, path);
}

/* A holder removes its lock file when it ends: what was opened before and locked after is no lock any more. */
static bool lock_current(const char *path, int fd)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 &&
	       opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

static int lock_take(const char *socket_path, int *ret_fd)
{
	char path[SOCKET_PATH_BYTES + sizeof(LOCK_SUFFIX)];
	int fd;

	lock_path(socket_path, path);
	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return complain(
				path,
				"cannot make the lock file, is the directory there and writable?");
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			log_error("%s: another pallocd serves this socket: stop it or choose "
				  "another --socket",
				  socket_path);
			close(fd);
			return -EADDRINUSE;
		}
		if (lock_current(path, fd)) {
			*ret_fd = fd;
			return 0;
		}
		close(fd);
	}
}

/* Does anybody answer there? A full backlog is an answer too. */
static int probe(const struct sockaddr_un *addr, bool *ret_live)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = 0;

	if (fd < 0)
		return complain(addr->sun_path, "cannot make a socket");
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		*ret_live = true;
	else if (errno == ECONNREFUSED || errno == ENOENT)
		*ret_live = false;
	else
		err = complain(addr->sun_path, "cannot find out whether a daemon answers there");
	close(fd);
	return err;
}

/* Remove what a dead daemon left; nothing else. */
static int stale_remove(const struct sockaddr_un *addr)
{
	const char *path = addr->sun_path;
	struct stat st;
	bool live;
	int err;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : complain(path, "cannot look at the socket's place");
	if (!S_ISSOCK(st.st_mode)) {
		log_error(
			"%s: is there already and no socket: remove it or choose another --socket",
			path);
		return -EEXIST;
	}
	err = probe(addr, &live);
	if (err)
		return err;
	if (live) {
		log_error("%s: a daemon answers there already: stop it or choose another --socket",
			  path);
		return -EADDRINUSE;
	}
	log_info("%s: nobody answers there, the file is replaced", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return complain(path, "cannot remove the old socket");
	return 0;
}

static int socket_make(struct listening *l, const struct sockaddr_un *addr, mode_t mode)
{
	struct stat st;
	mode_t old;
	int err;

	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return complain(l->path, "cannot make a socket");
	/* The mode must be right from the first moment; there is one thread, so umask is nobody else's. */
	old = umask(~mode & 0777);
	err = bind(l->fd, (const struct sockaddr *)addr, sizeof(*addr));
	umask(old);
	if (err < 0)
		return complain(l->path, "cannot bind the socket");
	if (lstat(l->path, &st) < 0)
		return complain(l->path, "cannot look at the socket");
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	if (listen(l->fd, BACKLOG) < 0)
		return complain(l->path, "cannot listen");
	return 0;
}

int listening_bind(struct listening *l, const char *path, mode_t mode)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int err;

	if (strlen(path) == 0 || strlen(path) >= SOCKET_PATH_BYTES) {
		log_error("the socket's path has %zu bytes, possible are 1 to %zu: choose a "
			  "shorter --socket",
			  strlen(path), SOCKET_PATH_BYTES - 1);
		return -ENAMETOOLONG;
	}
	memcpy(addr.sun_path, path, strlen(path));
	listening_init(l);
	err = lock_take(path, &l->lock_fd);
	if (err)
		return err;
	memcpy(l->path, addr.sun_path, sizeof(l->path));
	err = stale_remove(&addr);
	if (!err)
		err = socket_make(l, &addr, mode);
	if (err)
		listening_close(l);
	return err;
}

static int option(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

int listening_inherit(struct listening *l, int fd)
{
	struct sockaddr_un addr = {0};
	socklen_t size = sizeof(addr) - 1;

	listening_init(l);
	if (option(fd, SO_DOMAIN) != AF_UNIX || option(fd, SO_TYPE) != SOCK_STREAM ||
	    option(fd, SO_ACCEPTCONN) != 1) {
		log_error("the inherited descriptor %d is no listening Unix stream socket: "
			  "the socket unit needs ListenStream=/a/path",
			  fd);
		return -EINVAL;
	}
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return complain("inherited socket", "cannot set its flags");
	if (getsockname(fd, (struct sockaddr *)&addr, &size) == 0)
		snprintf(l->path, sizeof(l->path), "%s", addr.sun_path);
	l->fd = fd;
	return 0;
}

void listening_close(struct listening *l)
{
	char path[SOCKET_PATH_BYTES + sizeof(LOCK_SUFFIX)];
	struct stat st;

	if (l->lock_fd >= 0) {
		if (l->ino && lstat(l->path, &st) == 0 && st.st_ino == l->ino &&
		    st.st_dev == l->dev)
			unlink(l->path);
		lock_path(l->path, path);
		unlink(path);
		close(l->lock_fd);
	}
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->lock_fd = -1;
}
