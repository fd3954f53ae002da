/*
 * conn - one connection: bytes in, bytes out, and when to do neither
 *
 * Role:       one read, all complete frames served, one write. What cannot be written is kept, and as long as it is, the
 *             connection is not read: a client that does not take its replies slows down itself.
 * Uses:       base/, rpc/, net/net.h, libuv
 * Invariants: K1  there is something in out exactly in BLOCKED, HELD and DRAINING, but for DEFERRED, where it may be; partial and backlog
 *                 are never both there.
 *             K2  the events that are watched are those of the state's row in the table; in DEFERRED those of the state before it,
 *                 until the first of them comes; in HELD none any more, once its client has closed its own side.
 *             K3  queued_bytes are the bytes of out, backlog and partial together, as they are in memory; the user's are the sum of
 *                 those of all connections.
 *             K4  a connection is in its user's deferred links exactly in DEFERRED, but while it is served.
 *             K5  descriptors wait only where replies wait of which no byte is written: they go out with the first. They are the regions'.
 *             K6  held is not 0, and it is in net's list of those, exactly in HELD: out tells of what is not where it has to be (rpc_commit()), and
 *                 no byte of it has been written.
 *
 *	conn_open() --> READING --replies left over--> BLOCKED     From READING, BLOCKED, WAITING, DEFERRED and HELD to each other:
 *	                                                           - HELD      replies must not be written yet; then as they would have gone on
 *	                                                           - BLOCKED   replies are left over
 *	    READING, BLOCKED, WAITING, DEFERRED, HELD              - DEFERRED  its user has had its share of this turn, or requests are left
 *	       |            |                                                  over for the next one
 *	       |            +--bad frame, its reply not written    - WAITING   the first request waits for space; from here on only by
 *	       |                    |                                          conn_woken(), or to BLOCKED or HELD with events
 *	       |                    v                              - READING   nothing of this
 *	       |                 DRAINING --written--+
 *	       v                                     v
 *	conn_close() in any state ----------------> CLOSED --close callback--> freed
 */
#ifndef PALLOCD_NET_CONN_H
#define PALLOCD_NET_CONN_H

#include "net/net.h"
#include "net/process.h"
#include "net/timeout.h"

enum conn_state {
	CONN_READING,  /* waits for requests */
	CONN_BLOCKED,  /* waits until replies can be written */
	CONN_WAITING,  /* its first request waits for space */
	CONN_DEFERRED, /* waits for its user's next turn */
	CONN_HELD,     /* waits until what its replies tell of is written down */
	CONN_DRAINING, /* waits until the last reply is written */
	CONN_CLOSED,   /* waits for the close callback */
};

/* Bytes that wait: [at, n) of data; of a frame that is not complete, [0, at) are there. */
struct conn_bytes {
	uint8_t *data;
	size_t at;
	size_t n;
};

struct conn {
	uv_poll_t poll;
	struct list in_net;
	struct list in_watching; /* of net: it watches events */
	struct list in_woken;    /* of net, until the turn ends */
	struct list in_telling;  /* of net: it is to be told something when that can be written */
	struct list in_cut;      /* of net, until the turn ends */
	struct list in_process;
	struct list in_deferred; /* of its fair_user */
	struct list in_held;     /* of net */
	struct net *net;
	struct process *process; /* NULL: its death is not watched */
	struct fair_user *fair;
	struct session_peer peer;
	struct rpc_conn rpc;
	struct timeout timeouts[TIMEOUT_KINDS];
	int fd;
	int watched; /* events of poll */
	enum conn_state state;
	enum conn_state after; /* HELD: what it would be in */
	uint64_t held;         /* HELD: until rpc's commit_done has reached this */
	bool died; /* its process has: when it is its turn, what it has sent is served and it is closed */
	bool torn; /* a reply was written in part, and the rest is lost: nothing may follow it */
	uint8_t head_n;
	uint8_t nfds;
	/* A frame that is not complete: less than its length field is in head, else what is there of it in partial. */
	uint8_t head[PALLOCD_FRAME_HEADER_BYTES];
	struct conn_bytes partial;
	struct conn_bytes out;     /* replies not written yet */
	struct conn_bytes backlog; /* requests not served yet */
	int fds[RPC_OUT_FDS_MAX];  /* descriptors that go with the bytes of out; see nfds */
	uint32_t nfds_unread; /* went out since its client was last seen to have read everything */
	uint64_t queued_bytes;
};

enum conn_outcome { CONN_E_REFUSED = 1 /* its user has too many; the loop's buffer says so */ };

/**
 * conn_open() - serve @fd, which is taken over on success only
 *
 * Return: 0, CONN_E_REFUSED, or a negative errno.
 */
MUST_CHECK int conn_open(struct net *net, int fd);

/** conn_close() - end it in any state, its session too; safe to call twice. */
void conn_close(struct conn *c, enum session_cause cause);

/** conn_cut_off() - close it for something that its client does wrong; says @status if that can be written at once, and the log @what. */
void conn_cut_off(struct conn *c, enum pallocd_status status, const char *what);

/** conn_died() - its process has died: with what it had sent already it ends, now or when its user has turns left. */
void conn_died(struct conn *c);

/** conn_identify() - find out who is there in full, and watch the process (rpc_ops.identify). Return: 0, RPC_E_CLOSE (it has died), -ENOMEM. */
MUST_CHECK int conn_identify(struct conn *c);

/** conn_end() - close it as rpc wants it (rpc_ops.cut), with last words if it has any. */
void conn_end(struct conn *c);

/** conn_woken() - its first request may be served again (rpc_ops.wake). */
void conn_woken(struct conn *c);

/** conn_release() - HELD: its replies may be written. */
void conn_release(struct conn *c);

/** conn_stop() - the daemon stops: close it, with what may still be written; HELD: later, where it will soon be known whether it may. */
void conn_stop(struct conn *c);

/** conn_go_on() - it is its turn: write what waits, or else serve what waits, or else read. */
void conn_go_on(struct conn *c);

/** conn_events() - write events, if it may have any now. Return: true if there are more for the next turn. */
bool conn_events(struct conn *c);

/** conn_tell() - write what it is to be told (rpc_ops.tell), if it may have anything now. Return: false: later. */
bool conn_tell(struct conn *c);

/** conn_of() - of what rpc knows of it. */
static inline struct conn *conn_of(const struct rpc_conn *rpc)
{
	return CONTAINER_OF((struct rpc_conn *)(uintptr_t)rpc, struct conn, rpc);
}

/** conn_state_name() - for people. Static string. */
const char *conn_state_name(enum conn_state state);

#endif
