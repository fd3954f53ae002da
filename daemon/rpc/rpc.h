/*
 * rpc - bytes of requests in, bytes of replies out
 *
 * Role:       cuts frames, unpacks, checks, dispatches to the regions, packs the reply. Knows the protocol; nothing of
 *             sockets. A bad field is answered and changes nothing; a bad frame is answered and ends the connection.
 * Uses:       base/, region/, proto/
 * Invariants: Q1  each frame that is served is answered by exactly one frame, in order.
 *             Q2  no reply is longer than PALLOCD_FRAME_BYTES_MAX.
 *             Q3  serving takes nothing from the process heap but for new sessions, holdings, growing indexes, and walks
 *                 that take several turns.
 *             Q4  a request that takes several turns is the connection's next frame, which is not served until it is answered;
 *                 what is kept of it is that of this frame.
 */
#ifndef PALLOCD_RPC_RPC_H
#define PALLOCD_RPC_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/macros.h"
#include "proto/limits.h"
#include "region/session.h"
#include "rpc/arena.h"

/* Room that the longest reply takes, length field included: less than this is no room. */
#define RPC_OUT_ROOM_MIN (PALLOCD_FRAME_HEADER_BYTES + PALLOCD_FRAME_BYTES_MAX)

/*
 * What one call of rpc_serve() may cost before others have their turn: a plain request costs 1 (some 250 ns), an entry of a batch
 * 1, counting pages 1 for RPC_COST_NPAGES; where nobody can tell beforehand, the clock says it. About a millisecond in all.
 */
#define RPC_COST_MAX 4096u
#define RPC_COST_NPAGES 16384u
#define RPC_COST_PER_USEC 4u

/* Since start, except the connections open now. The layer that has the sockets counts the last three. */
struct rpc_counters {
	uint64_t connections_open;
	uint64_t connections;
	uint64_t requests;
	uint64_t refusals;
	uint64_t bad_frames;
	uint64_t received_bytes;
	uint64_t sent_bytes;
	uint64_t batches;
};

struct rpc {
	struct regions *regions;
	const char *server; /* name and version, for Hello */
	struct arena arena;
	struct rpc_counters counters;
	struct log_limit bad_frame_limit;
	uint64_t cost; /* of the current rpc_serve() so far */
	uint64_t start_usec;
};

/*
 * How far a Fit or FreeRuns has come that takes several turns. Requests of a connection are answered in order, so there is one at the
 * most; it goes when it is answered and with the connection.
 */
struct rpc_walk;

/* One connection's standing. */
struct rpc_conn {
	struct rpc *rpc;
	struct session_peer peer;
	struct session *session; /* NULL until Hello */
	uint32_t nturns;         /* that the next frame has had already without being answered */
	struct rpc_walk *walk;   /* NULL: none is in progress */
};

/* Where replies are packed; the caller's memory. */
struct rpc_out {
	uint8_t *data;
	size_t n;
	size_t size;
};

/* Outcomes of rpc_serve(). */
enum rpc_outcome {
	RPC_E_OUT_FULL =
		1, /* no room for another reply: send what there is, then go on with what is left */
	RPC_E_PAUSE, /* the turn has cost enough: go on with what is left after the others; it may be
			all, where the first frame takes several turns */
	RPC_E_CLOSE, /* the last reply says why the connection must be closed after it */
};

/** rpc_init() - @regions and @server are the caller's and must outlive @rpc. Return: 0, -ENOMEM. */
MUST_CHECK int rpc_init(struct rpc *rpc, struct regions *regions, const char *server);

/** rpc_deinit() - all connections must be closed. */
void rpc_deinit(struct rpc *rpc);

/** rpc_conn_open() - a connection of @peer begins. Ended with rpc_conn_close(). */
void rpc_conn_open(struct rpc_conn *conn, struct rpc *rpc, const struct session_peer *peer);

/** rpc_conn_close() - its session, if it has one, ends; see rpc_work(). */
void rpc_conn_close(struct rpc_conn *conn);

/**
 * rpc_serve() - serve all frames that are complete in [@data, @data + @n)
 * @out:      replies are appended
 * @ret_used: bytes of frames that were served
 * @ret_need: length in bytes of the frame that begins there and is not complete, as far as it is known; 0 where nothing is
 *            left. Written on 0.
 *
 * Return: 0, RPC_E_OUT_FULL, RPC_E_PAUSE, RPC_E_CLOSE.
 */
MUST_CHECK int rpc_serve(struct rpc_conn *conn, const uint8_t *data, size_t n, struct rpc_out *out,
			 size_t *ret_used, size_t *ret_need);

/** rpc_overloaded() - append the frame that a connection gets which is not taken for want of @what. */
void rpc_overloaded(struct rpc *rpc, const char *what, struct rpc_out *out);

/** rpc_work() - a slice of what ended sessions left behind. Return: true if nothing is left to do. */
bool rpc_work(struct rpc *rpc);

#endif
