/*
 * conn - the socket of a handle
 *
 * Role:       see conn.h.
 * Uses:       wire, libc
 */
#include "client/lib/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000u
#define NSEC_PER_MSEC 1000000u
#define NSEC_PER_USEC 1000u

/*
 * Where the kernel keeps the time of a receive it does so in its ticks: 4 ms at 250 Hz, rounded up.
 * Only for a timeout that is long beside that is it left to it, and no more exact need we be.
 */
#define SLACK_NS 1000000u
#define KERNEL_WAIT_NS_MIN (100 * NSEC_PER_MSEC)
#define TICK_NS_MAX (10 * NSEC_PER_MSEC)

uint64_t conn_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

/* The coarse clock costs a fifth of the exact one, and is behind it by up to a tick, which has 10 ms at the most. */
uint64_t conn_deadline_ns(int timeout_ms)
{
	uint64_t wait_ns = (uint64_t)timeout_ms * NSEC_PER_MSEC;
	struct timespec t;

	if (wait_ns < KERNEL_WAIT_NS_MIN)
		return conn_now_ns() + wait_ns;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec + TICK_NS_MAX + wait_ns;
}

static int wait_set(int fd, int option, uint64_t ns)
{
	uint64_t usec = (ns + NSEC_PER_USEC - 1) / NSEC_PER_USEC;
	struct timeval t = {.tv_sec = (time_t)(usec / 1000000),
			    .tv_usec = (suseconds_t)(usec % 1000000)};

	return setsockopt(fd, SOL_SOCKET, option, &t, sizeof(t)) ? -errno : 0;
}

/*
 * A Unix socket connects at once, or waits for a place in the listener's queue: as long as SO_SNDTIMEO says. Be it late already, it is tried
 * once: that nobody listens is known at once, and says more than that it is late.
 */
static int connect_by(int fd, const struct sockaddr_un *to, uint64_t deadline_ns)
{
	for (bool tried = false;; tried = true) {
		uint64_t now = conn_now_ns();
		int err;

		if (tried && now >= deadline_ns)
			return CONN_E_LATE;
		err = wait_set(fd, SO_SNDTIMEO, now < deadline_ns ? deadline_ns - now : 1);
		if (err)
			return err;
		if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
			return 0;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

/* A program may run with its standard streams closed: keep out of their places. */
int conn_above_standard(int fd)
{
	int moved, err = 0;

	if (fd < 0)
		return -errno;
	if (fd > STDERR_FILENO)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (moved < 0)
		err = -errno;
	close(fd);
	return err ? err : moved;
}

int conn_connect(const char *path, uint64_t deadline_ns, int wait_ms, int *ret_fd)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd, err;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	strcpy(to.sun_path, path);
	fd = conn_above_standard(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (fd < 0)
		return fd;
	err = connect_by(fd, &to, deadline_ns);
	if (!err)
		err = wait_set(fd, SO_RCVTIMEO, (uint64_t)wait_ms * NSEC_PER_MSEC);
	if (err) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

void conn_move(struct paclient *c)
{
	memmove(c->out, c->out + c->out_start, c->out_end - c->out_start);
	c->out_end -= c->out_start;
	c->out_start = 0;
}

int conn_flush(struct paclient *c)
{
	while (c->out_start < c->out_end && !c->write_dead) {
		ssize_t n = send(c->fd, c->out + c->out_start, c->out_end - c->out_start,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0)
			c->out_start += (size_t)n;
		else if (errno == EAGAIN)
			return 0;
		else if (errno == EPIPE || errno == ECONNRESET)
			c->write_dead = true;
		else if (errno != EINTR)
			return -errno;
	}
	c->out_start = c->out_end = 0;
	return 0;
}

void conn_discard(struct paclient *c)
{
	/* Descriptors are dropped by the kernel where nobody has room for them. */
	/* More than a socket holds, and an end to it where the other side goes on writing. */
	for (int i = 0; i < 16; i++) {
		if (recv(c->fd, c->in, sizeof(c->in), MSG_DONTWAIT) <= 0)
			return;
	}
}

static int wait_ready(struct paclient *c, uint64_t deadline_ns, bool to_send)
{
	struct pollfd p = {.fd = c->fd, .events = (short)(POLLIN | (to_send ? POLLOUT : 0))};
	uint64_t now = conn_now_ns();
	uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
	struct timespec t = {.tv_sec = (time_t)(left / NSEC_PER_SEC),
			     .tv_nsec = (long)(left % NSEC_PER_SEC)};
	int n = ppoll(&p, 1, &t, NULL);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n ? 0 : CONN_E_LATE;
}

/* How much may be received now. */
static size_t in_room(const struct paclient *c)
{
	size_t frame = PALLOCD_FRAME_HEADER_BYTES;

	if (!c->exact)
		return sizeof(c->in) - c->in_end;
	/* Longer than allowed it is not: whoever looks at `in` would have seen that. */
	if (c->in_end >= frame)
		frame += wire_u32(c->in);
	return frame - c->in_end;
}

/* Out of the places of the standard streams, as the socket is. */
static void descriptor_add(struct fds *f, int fd)
{
	fd = conn_above_standard(fd);
	if (fd >= 0)
		fds_add(f, fd);
	else
		f->lost = true;
}

static void descriptors_take(struct paclient *c, struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(fd), sizeof(fd));
			descriptor_add(&c->fds, fd);
		}
	}
	if (m->msg_flags & MSG_CTRUNC)
		c->fds.lost = true;
}

/* As recv(2), and the descriptors. */
static ssize_t receive(struct paclient *c, size_t room, int flags)
{
	struct iovec to = {c->in + c->in_end, room};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct msghdr m = {.msg_iov = &to,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(c->fd, &m, flags | MSG_CMSG_CLOEXEC);

	if (n >= 0 && (m.msg_controllen || m.msg_flags & MSG_CTRUNC))
		descriptors_take(c, &m);
	return n;
}

/* What receive() has given. Return: CONN_E_LATE: nothing. */
static int received(struct paclient *c, ssize_t n)
{
	if (n > 0) {
		c->in_end += (size_t)n;
		return 0;
	}
	if (n == 0)
		return CONN_E_END;
	return errno == EINTR || errno == EAGAIN ? CONN_E_LATE : -errno;
}

int conn_receive_now(struct paclient *c)
{
	return received(c, receive(c, in_room(c), MSG_DONTWAIT));
}

/*
 * A poll in front of each receive would cost a system call per request. The kernel keeps the time
 * as well (SO_RCVTIMEO), but only for the one length that it was told at connect: the handle's timeout.
 */
int conn_receive(struct paclient *c, uint64_t deadline_ns, bool fresh, bool to_send)
{
	uint64_t wait_ns = (uint64_t)c->timeout_ms * NSEC_PER_MSEC;
	bool exact = to_send || wait_ns < KERNEL_WAIT_NS_MIN;
	int flags = 0, err;

	if (exact || (!fresh && conn_now_ns() + wait_ns > deadline_ns + SLACK_NS)) {
		err = wait_ready(c, deadline_ns, to_send);
		if (err)
			return err;
		flags = MSG_DONTWAIT;
	}
	/* Perhaps nothing has come: then the caller looks again. */
	err = received(c, receive(c, in_room(c), flags));
	return err == CONN_E_LATE ? 0 : err;
}
