/*
 * conn - one connection: bytes in, bytes out, and when to do neither
 *
 * Role:       one read, all complete frames served, one write. What cannot be written is kept, and as long as it is, the
 *             connection is not read: a client that does not take its replies slows down itself.
 * Uses:       base/, rpc/, net/net.h, libuv
 * Invariants: K1  out is empty in READING; partial and backlog are never both there.
 *             K2  the poll's events are those of the state's row in the table.
 *
 *	conn_open() --> READING <--all written, nothing left over-- BLOCKED
 *	                   |  \---replies or requests left over------> |
 *	                   |                                           |
 *	                   +--bad frame, its reply not written--+      |
 *	                   |                                    v      |
 *	                   |                     +---------- DRAINING <+
 *	                   v                     v all written
 *	      conn_close() in any state ------> CLOSED --close callback--> freed
 */
#ifndef PALLOCD_NET_CONN_H
#define PALLOCD_NET_CONN_H

#include "net/net.h"

enum conn_state {
	CONN_READING,  /* waits for requests */
	CONN_BLOCKED,  /* waits until replies can be written, or for its next turn */
	CONN_DRAINING, /* waits until the last reply is written */
	CONN_CLOSED,   /* waits for the close callback */
};

/* Bytes that wait; [at, n) of data. */
struct conn_bytes {
	uint8_t *data;
	size_t at;
	size_t n;
};

struct conn {
	uv_poll_t poll;
	struct list in_net;
	struct net *net;
	struct rpc_conn rpc;
	int fd;
	enum conn_state state;
	struct conn_bytes out;     /* replies not written yet */
	struct conn_bytes backlog; /* requests not served yet */
	/* A frame that is not complete: less than its length field is in head, else the whole of it will be in data. */
	uint8_t head[PALLOCD_FRAME_HEADER_BYTES];
	uint8_t *partial;
	size_t partial_n;
	size_t partial_size;
};

/** conn_open() - serve @fd, which is taken over on success only. Return: 0 or a negative errno. */
MUST_CHECK int conn_open(struct net *net, int fd);

/** conn_close() - end it in any state, session included; safe to call twice. */
void conn_close(struct conn *c);

/** conn_state_name() - for people. */
const char *conn_state_name(enum conn_state state);

#endif
