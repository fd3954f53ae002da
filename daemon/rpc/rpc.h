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
 *             Q5  where regions are written down, no reply that says that something has changed leaves the process before rpc_commit()
 *                 says so, or commit_done has reached what it said.
 */
#ifndef PALLOCD_RPC_RPC_H
#define PALLOCD_RPC_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/macros.h"
#include "proto/limits.h"
#include "proto/status.h"
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

/* The kernel clears so many bytes of new memory in the time that costs 1: 16 KiB a microsecond. */
#define RPC_COST_BYTES 4096u

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
	uint64_t refused; /* connections; counted by the layer that has them, as are the next two */
	uint64_t cut_off;
	uint64_t deaths;
	uint64_t quota_refusals;
	uint64_t repeated; /* requests that had been done, and were answered as they had been */
};

/*
 * Work that may block, and is done on another thread while the loop goes on. Lives from submit() until done() is called.
 */
struct rpc_job {
	bool cancelled; /* work() has not been called, and will not be */
	void (*work)(
		struct rpc_job *
			job); /* on any thread: must touch nothing but the job and what belongs to it */
	void (*done)(
		struct rpc_job *job); /* on the loop, in rpc_ops' turn or at once; may free it */
};

/*
 * What is on its way to where it has to be (commit.c). Batches of MACHINE are written one at a time; what changes meanwhile goes into the next
 * one, all of it.
 */
struct rpc_commit {
	struct rpc_job job;
	struct rpc *rpc;
	/* Of MACHINE, in order: the first is being written, or to be tried again; the second gathers; a third is there where it could not be joined. */
	struct store_batch *batches[3];
	uint64_t numbers[3];
	unsigned nbatches;
	bool working; /* a thread has the first */
	int err;      /* of the thread */
	bool pending; /* something is noted that is to be written as commit_last, when it can be */
	bool repeated; /* a reply of before was given once more: as it must not overtake what it tells of */
	bool stopping;
	uint64_t retry_usec; /* what has failed is tried again then; UINT64_MAX: nothing has */
};

struct rpc {
	struct regions *regions;
	struct store *store; /* NULL: nothing is written down */
	uint64_t restart_grace_msec;
	/*
	 * Commits: rpc_commit() counts them, and all up to done are where they have to be. failing: what was to be written last could not be,
	 * by durability.
	 */
	uint64_t commit_last, commit_done;
	int failing[REGION_DURABILITIES]; /* negative errno; 0: it works */
	bool refusing;                    /* something is failing: see call_region() */
	struct rpc_commit commit;
	const struct rpc_ops
		*ops; /* NULL where there are no connections to speak of, as in tests */
	struct wait_queue
		*queues; /* by region, from [0]: who waits for space; NULL until somebody does */
	uint32_t nqueues;
	uint32_t nwaiting;             /* in all queues */
	struct list busy;              /* connections: see in_busy there */
	struct list leasing;           /* connections: see in_leasing there */
	uint64_t recalls;              /* so far; see recall.c */
	struct scavenger **scavengers; /* by region, from [0]; NULL until there is one */
	uint32_t nscavengers;
	uint64_t wait_next_usec; /* nobody's time is over earlier; UINT64_MAX: nobody waits */
	const char *server;      /* name and version, for Hello */
	struct arena arena;
	struct rpc_counters counters;
	uint64_t cost; /* of the current rpc_serve() so far, or of the last one */
	uint64_t
		cost_max; /* above it, rpc_serve() says RPC_E_PAUSE: RPC_COST_MAX, unless the caller has set something else */
	uint64_t
		memory_max; /* bytes that a request may put memory behind, or clear, without another thread; 0: none. See RPC_COST_BYTES */
	uint64_t
		work_usec; /* how long rpc_work() may take: RPC_WORK_USEC, unless the caller has set something else */
	uint64_t start_usec;
	/* For Stat: connections that can be open at once, and that the configuration asks for (0: as many as can be). */
	uint64_t connections_max, connections_wanted;
};

/*
 * How far a Fit or FreeRuns has come that takes several turns. Requests of a connection are answered in order, so there is one at the
 * most; it goes when it is answered and with the connection.
 */
struct rpc_walk;

/* A Watch in progress. */
struct rpc_watch;

/* Who waits for space in one region. */
struct wait_queue;

/* Pages whose memory is seen to on another thread, for the Alloc or Resize that has taken them. */
struct rpc_memory;

/* A Scavenge that waits; and what scavenges a region. */
struct rpc_scavenge_wait;
struct scavenger;

struct rpc_conn;

/* What rpc asks of the layer that has the connections. All are called while a request is served, in rpc_work() or rpc_expire(), and must not call back. */
struct rpc_ops {
	/** close @conn soon, whatever it is doing; its session is no longer its own */
	void (*cut)(struct rpc_conn *conn);
	/** @conn, which waits (RPC_E_WAIT), is to be served again soon */
	void (*wake)(struct rpc_conn *conn);
	/**
	 * what it costs time to find out about @conn's peer, and only sessions need: supplementary groups, command; and its process is
	 * watched from now on. Called before its session begins, or goes on. Return: 0, RPC_E_CLOSE (the process has died: the
	 * connection is closed when the requests that came with this one are served), -ENOMEM.
	 */
	int (*identify)(struct rpc_conn *conn);
	/** @conn is to be told that others want space: rpc_recalls() is to be called when something can be written, soon */
	void (*tell)(struct rpc_conn *conn);
	/** requests of @conn that are not served, and replies that are not written */
	uint64_t (*queued_bytes)(const struct rpc_conn *conn);
	/** rpc->commit_done has risen: replies that waited for that may go out */
	void (*committed)(struct rpc *rpc);
	/** @job->work() is to be done elsewhere, and @job->done() here afterwards, never within the call. Return: 0, -ENOMEM, -ECANCELED (the daemon stops). NULL: rpc does both at once, and scavenges nothing. */
	int (*submit)(struct rpc *rpc, struct rpc_job *job);
};

/* One connection's standing. */
struct rpc_conn {
	struct rpc *rpc;
	struct session_peer peer;
	struct user *user;       /* of the peer */
	bool identified;         /* the peer is known in full; see rpc_ops */
	struct session *session; /* NULL until Hello */
	bool repeats;            /* the session does */
	uint64_t last_id;        /* repeats: of the last request but for Hello */
	enum pallocd_status
		ending; /* not 0: the reply to what comes next, or what is said before the connection is cut */
	struct list
		in_waiters; /* in the queue of the region that its Alloc waits for; linked to itself: it does not wait */
	uint64_t wait_until_usec; /* the Alloc's deadline; 0: it does not wait */
	uint32_t wait_region;     /* id */
	struct rpc_watch *watch;  /* NULL: it does not watch */
	uint32_t nturns;          /* that the next frame has had already without being answered */
	struct rpc_walk *walk;    /* NULL: none is in progress */
	struct rpc_memory *
		memory; /* what its Alloc or Resize has taken, on its way to be theirs; NULL: nothing */
	struct rpc_scavenge_wait *scavenge; /* its Scavenge waits; NULL: none does */
	struct list
		in_busy; /* its request waits until pages of a region are busy no more (busy_region) */
	uint32_t busy_region;
	struct list
		in_leasing; /* its session has leased blocks: it is told when others want space */
	uint64_t recalled;  /* it has been told of all recalls up to this one, or need not be */
	bool told;          /* and it has asked for nothing since: it is told no more until then */
};

/** conn_session_id() - for the log; 0: it has none. */
static inline uint64_t conn_session_id(const struct rpc_conn *conn)
{
	return conn->session ? conn->session->id : 0;
}

#define RPC_OUT_FDS_MAX 8u

/* Where replies are packed; the caller's memory. */
struct rpc_out {
	uint8_t *data;
	size_t n;
	size_t size;
	/* Descriptors that go out with these bytes, or before: those of Attach, in order. They stay the regions'. Room for no more: RPC_E_OUT_FULL. */
	int fds[RPC_OUT_FDS_MAX];
	unsigned nfds;
};

/* Outcomes of rpc_serve(). */
enum rpc_outcome {
	RPC_E_OUT_FULL =
		1, /* no room for another reply: send what there is, then go on with what is left */
	RPC_E_PAUSE, /* the turn has cost enough: go on with what is left after the others; it may be
			all, where the first frame takes several turns */
	RPC_E_WAIT, /* the first frame waits, for space or for memory: go on with what is left after ops->wake() */
	RPC_E_CLOSE, /* the last reply says why the connection must be closed after it */
};

/** rpc_init() - @regions and @server are the caller's and must outlive @rpc. Return: 0, -ENOMEM. */
MUST_CHECK int rpc_init(struct rpc *rpc, struct regions *regions, const char *server);

/** rpc_deinit() - all connections must be closed. */
void rpc_deinit(struct rpc *rpc);

/**
 * rpc_conn_open() - a connection of @peer begins; its groups, now or from rpc_ops.identify(), are the caller's memory until rpc_conn_close()
 *
 * Return: 0, RPC_E_CLOSE (the user has too many connections: @out says so), -ENOMEM. Ended with rpc_conn_close() after 0.
 */
MUST_CHECK int rpc_conn_open(struct rpc_conn *conn, struct rpc *rpc,
			     const struct session_peer *peer, struct rpc_out *out);

/** rpc_conn_close() - its session, if it has one, loses its connection because of @cause; see rpc_work(). */
void rpc_conn_close(struct rpc_conn *conn, enum session_cause cause);

/**
 * rpc_last_words() - append the reply that a connection gets before it is closed by us: TOO_SLOW, QUOTA, SESSION_ENDED
 * @what: for the message: what did not come in time, or what there is too much of
 */
void rpc_last_words(struct rpc_conn *conn, enum pallocd_status status, const char *what,
		    struct rpc_out *out);

/** rpc_events() - append events that @conn watches and has not got. Return: true if there are more than had room. */
bool rpc_events(struct rpc_conn *conn, struct rpc_out *out);

/** rpc_events_due() - are there any? O(1): may say yes where all of them are filtered out. */
bool rpc_events_due(const struct rpc_conn *conn);

/** rpc_recalls() - append what @conn is to be told of others who want space; RPC_OUT_ROOM_MIN is there. Nothing where it is told already. */
void rpc_recalls(struct rpc_conn *conn, struct rpc_out *out);

/**
 * rpc_serve() - serve all frames that are complete in [@data, @data + @n)
 * @out:      replies are appended
 * @ret_used: bytes of frames that were served
 * @ret_need: length in bytes of the frame that begins there and is not complete, as far as it is known; 0 where nothing is
 *            left. Written on 0.
 *
 * Return: 0, RPC_E_OUT_FULL, RPC_E_PAUSE, RPC_E_WAIT, RPC_E_CLOSE.
 */
MUST_CHECK int rpc_serve(struct rpc_conn *conn, const uint8_t *data, size_t n, struct rpc_out *out,
			 size_t *ret_used, size_t *ret_need);

/** rpc_commit_changes() - rpc_commit() where something has changed. */
MUST_CHECK uint64_t rpc_commit_changes(struct rpc *rpc);

/**
 * rpc_commit() - write down what has changed since the last one
 *
 * To be called after rpc_serve(), before any reply of its leaves the process, and at the end of a turn. Return: 0: all of it is written: replies may
 * go. Else a number: they may when rpc->commit_done has reached it, and rpc_ops.committed() is called then; rpc_expire() is to be called soon, as something
 * may have to be tried again.
 */
MUST_CHECK static inline uint64_t rpc_commit(struct rpc *rpc)
{
	return LIKELY(!rpc->regions->changed) ? 0 : rpc_commit_changes(rpc);
}

/**
 * rpc_stop() - the daemon stops: what has changed is written for the last time; to be called before connections close
 *
 * Where regions outlive the process, sessions stay in them as they are, to be resumed after the next start. What a thread has begun to write is done when its
 * job is; nothing else is on its way afterwards.
 */
void rpc_stop(struct rpc *rpc);

/**
 * rpc_rights_renew() - the regions' rules, or the regions, are others than before: sessions may what they say now, from their next request on
 *
 * Sessions without a connection have the rights of user and primary group until they are resumed.
 */
void rpc_rights_renew(struct rpc *rpc);

/** rpc_region_closed() - @r has just been closed: who waits for anything there is served again, and refused. */
void rpc_region_closed(struct rpc *rpc, const struct region *r);

/** rpc_committing() - is something on its way to where it has to be, which is not failing? */
bool rpc_committing(const struct rpc *rpc);

/** rpc_overloaded() - append the frame that a connection gets which is not taken for want of @what. */
void rpc_overloaded(struct rpc *rpc, const char *what, struct rpc_out *out);

/**
 * rpc_work() - a slice of what ended sessions left behind, and waiters that may try again; RPC_WORK_USEC and a few extents at the most
 *
 * To be called once in each turn of the loop, after the requests. Return: true if nothing is left to do now.
 */
bool rpc_work(struct rpc *rpc);
#define RPC_WORK_USEC 500u

/** rpc_pressure() - the system is short of memory: what is behind free pages goes back at once, whatever is otherwise kept. */
void rpc_pressure(struct rpc *rpc);

/** rpc_expire() - what is due by the clock: graces, quarantines, waits. Return: when it must be called again; UINT64_MAX: never. */
uint64_t rpc_expire(struct rpc *rpc);

#endif
