/*
 * conn_private - what conn.c and conn_io.c know of each other
 *
 * Role:       conn.c has the states and the ends of a connection, conn_io.c its bytes.
 * Uses:       net/conn.h
 */
#ifndef PALLOCD_NET_CONN_PRIVATE_H
#define PALLOCD_NET_CONN_PRIVATE_H

#include "net/conn.h"

/* What a read and a write cost in units of RPC_COST_MAX, and how many bytes that they move cost one more. */
#define CONN_COST_CALLS 16u
#define CONN_COST_BYTES 4096u

/* Finding out who has connected, and the end: half a dozen system calls each. */
#define CONN_COST_IDENTIFY 80u
#define CONN_COST_CLOSE 48u

/*
 * Descriptors that a client may leave unread. Those on their way count against the daemon's limit of descriptors (ETOOMANYREFS), which all
 * clients share; a connection's buffer has room for some thousand.
 */
#define CONN_FDS_UNREAD_MAX 64u

/** conn_set_state() - the one setter. */
void conn_set_state(struct conn *c, enum conn_state state);

/** conn_read() - one read, all complete frames served, one write. */
void conn_read(struct conn *c);

/** conn_serve_backlog() - as conn_read() with what has been read before. */
void conn_serve_backlog(struct conn *c);

/** conn_settle() - after serving: write what the loop's buffer holds, and wait for what is to be waited for; @next where all is written. */
void conn_settle(struct conn *c, enum conn_state next);

/** conn_flush() - write replies that wait. Return: true if nothing is left of them; the connection may be closed afterwards. */
bool conn_flush(struct conn *c);

/** conn_peer_gone() - has its client closed its socket, and not only its own side? */
bool conn_peer_gone(const struct conn *c);

/** conn_bytes_drop() - nothing waits in @b any more. */
void conn_bytes_drop(struct conn *c, struct conn_bytes *b);

/** out_clear() - the loop's buffer is empty: what is left in it is of a connection that has ended. */
static inline void out_clear(struct rpc_out *out)
{
	out->n = 0;
	out->nfds = 0;
}

/**
 * conn_send() - write, with the descriptors that wait or that the loop's buffer holds, which is without any afterwards
 *
 * Return: bytes written, 0 where the socket takes none; the connection is closed on error.
 */
size_t conn_send(struct conn *c, const uint8_t *data, size_t n);

#endif
