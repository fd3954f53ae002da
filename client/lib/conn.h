/*
 * conn - the socket of a handle
 *
 * Role:       connect, send what is in `out`, receive into `in`. Knows bytes and deadlines, no messages.
 * Uses:       libc
 */
#ifndef PACLIENT_LIB_CONN_H
#define PACLIENT_LIB_CONN_H

#include "client/lib/handle.h"

enum conn_outcome {
	CONN_E_LATE = 1, /* the deadline has passed */
	CONN_E_END,      /* the daemon has closed, all that it sent is read */
};

/** conn_now_ns() - CLOCK_MONOTONIC. */
uint64_t conn_now_ns(void);

/** conn_deadline_ns() - in @timeout_ms from now; where that is long, up to a tick of the kernel's later. */
uint64_t conn_deadline_ns(int timeout_ms);

/** conn_above_standard() - @fd, which a system call has just given, out of the places of the standard streams. Return: negative errno, where it has given none, too. */
MUST_CHECK int conn_above_standard(int fd);

/**
 * conn_connect() - a connected descriptor, close-on-exec
 * @wait_ms: what the kernel is told about how long one receive may take (see conn_receive())
 *
 * Return: 0, CONN_E_LATE, negative errno (-ENAMETOOLONG for too long a path).
 */
MUST_CHECK int conn_connect(const char *path, uint64_t deadline_ns, int wait_ms, int *ret_fd);

/** conn_room() - bytes that conn_reserve() can give. Under the lock. */
static inline size_t conn_room(const struct paclient *c)
{
	return OUT_BYTES - (c->out_end - c->out_start);
}

/** conn_move() - what is in `out` begins where that does. */
void conn_move(struct paclient *c);

/** conn_reserve() - @n bytes at the end of `out`, to be written at once; @n is at most conn_room(). */
static inline uint8_t *conn_reserve(struct paclient *c, size_t n)
{
	if (n > OUT_BYTES - c->out_end)
		conn_move(c);
	c->out_end += n;
	return c->out + c->out_end - n;
}

/** conn_unreserve() - the last @n of them will not be written. */
static inline void conn_unreserve(struct paclient *c, size_t n)
{
	c->out_end -= n;
}

/**
 * conn_flush() - send as much of `out` as the socket takes now; never blocks. Under the lock.
 *
 * Return: 0, negative errno. A socket that is closed is no error here: the reader will see why.
 */
MUST_CHECK int conn_flush(struct paclient *c);

/** conn_discard() - receive what is there now and throw it away; never blocks. For when nobody reads any more. */
void conn_discard(struct paclient *c);

/**
 * conn_receive() - wait for bytes and append them to `in`; for the reader, without the lock
 * @fresh:    the time left until @deadline_ns is the handle's timeout
 * @to_send:  return as well when the socket takes bytes again
 *
 * Descriptors that come along are put into c->fds.
 * Return: 0 (perhaps nothing came: look and call again), CONN_E_LATE, CONN_E_END, negative errno.
 */
MUST_CHECK int conn_receive(struct paclient *c, uint64_t deadline_ns, bool fresh, bool to_send);

/** conn_receive_now() - the same without waiting. Return: CONN_E_LATE where nothing is there. */
MUST_CHECK int conn_receive_now(struct paclient *c);

#endif
