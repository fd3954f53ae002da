/*
 * net - the event loop: who may connect, what happens when, until a signal says stop
 *
 * Role:       libuv lives in this folder and nowhere else. The listener, all connections, signals, the watchdog's timer, slices
 *             of work between events. Knows nothing of what requests mean.
 * Uses:       base/, rpc/, libuv
 * Invariants: N1  a handle's memory is freed in its close callback and nowhere else.
 *             N2  a batch (what one read brings) costs at most two system calls: the read and one write, as long as the
 *                 client takes its replies and they fit NET_OUT_BYTES.
 *             N3  the memory of a connection is bounded by NET_IN_BYTES + NET_OUT_BYTES + a frame, whatever its client does, and
 *                 that of a user's connections together by the user's limit of queued bytes.
 */
#ifndef PALLOCD_NET_NET_H
#define PALLOCD_NET_NET_H

#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/list.h"
#include "base/macros.h"
#include "net/fair.h"
#include "net/jobs.h"
#include "net/pressure.h"
#include "net/process.h"
#include "net/socket.h"
#include "net/timeout.h"
#include "rpc/rpc.h"

/* One read takes so much at the most: more than a socket's usual buffer holds. */
#define NET_IN_BYTES (256u << 10)

/* The same where several users want turns. */
#define NET_IN_CONTENDED_BYTES (16u << 10)

/* Replies gathered before they must be written; and room for one more of the longest. */
#define NET_OUT_BYTES ((512u << 10) + RPC_OUT_ROOM_MIN)

/* What may wait of one connection: requests not served, with a frame in front that has just become complete, and replies not written. */
#define NET_CONN_QUEUED_BYTES \
	(NET_IN_BYTES + PALLOCD_FRAME_HEADER_BYTES + PALLOCD_FRAME_BYTES_MAX + NET_OUT_BYTES)

/* And what it takes with nothing waiting, its process, a walk and a watch of rpc's included; 4 bytes for each supplementary group besides. */
#define NET_CONN_BYTES 2048u

struct net_config {
	const char *path;         /* where to listen; ignored where a descriptor is inherited */
	mode_t mode;              /* of the socket's file */
	int inherited_fd;         /* from the service manager; -1: none */
	uint32_t connections_max; /* above it, connections are refused with OVERLOADED */
	/* What a client has to do in time, or it is cut off; 0: as the defaults below say. */
	uint64_t hello_timeout_msec; /* Hello, on a new connection */
	uint64_t frame_timeout_msec; /* the rest of a frame, once it has begun */
	uint64_t send_timeout_msec;  /* taking some byte of replies that wait */
	uint64_t watchdog_usec;      /* on_watchdog is called at half of it; 0: never */
	/* What says that the system is short of memory: see pressure_open(). */
	const char *pressure_path;
	const char *pressure_trigger;
	int pressure_events;
	void (*on_watchdog)(void);
	void (*on_stop)(void); /* an orderly stop begins */
	/* SIGHUP. Return: 0: done; else it is called again after so many milliseconds. NULL: the signal does nothing. */
	uint64_t (*on_reload)(void *service);
	/* Something may have changed that people are told: once a second at the most, and not where nothing happens. NULL: nobody is told. */
	void (*on_status)(void *service);
	void *service; /* for these two */
};

#define NET_HELLO_TIMEOUT_MSEC 10000u
#define NET_FRAME_TIMEOUT_MSEC 10000u
#define NET_SEND_TIMEOUT_MSEC 30000u

struct net {
	uv_loop_t loop;
	uv_poll_t accepting;
	uv_timer_t pause; /* accepting goes on when it fires */
	uv_timer_t watchdog;
	uv_timer_t due;  /* the next thing that the clock says */
	uv_idle_t again; /* active: the next turn does not wait */
	uv_check_t turn; /* ends each turn */
	uv_signal_t sigint;
	uv_signal_t sigterm;
	uv_signal_t sighup;
	uv_timer_t reload;    /* on_reload is called again when it fires */
	uv_timer_t status;    /* active: on_status is called when it fires */
	uint64_t status_seen; /* what is counted below when it was called last */
	uv_timer_t limits;    /* the log says how many lines it has kept back when it fires */
	uint64_t limits_usec; /* when that is; UINT64_MAX: it does not run */
	struct net_config config;
	struct listening listening;
	struct rpc *rpc;
	struct rpc_ops ops; /* rpc's */
	struct list conns;
	uint32_t nconns;
	int spare_fd; /* given up for a moment to refuse a connection when there are no descriptors left */
	struct processes processes;
	struct fair fair;
	struct fair_user *arrivals; /* takes turns for all new connections together */
	struct list in_deferred;    /* arrivals' only link: connections wait to be taken */
	struct timeouts timeouts;
	struct jobs jobs;
	struct pressure pressure;
	struct list woken;   /* connections whose first request may be tried again */
	struct list telling; /* connections that are to be told something (rpc_ops.tell) */
	struct list cut;     /* connections that rpc wants closed */
	struct list held; /* connections whose replies wait for a commit, in order of its number */
	struct list
		watching; /* connections that watch events; who is to have some first is first */
	uint64_t events_seen; /* the next event's number when the last round began */
	bool events_left;     /* somebody may be able to take more */
	bool expire;          /* something may be due earlier than the timer knows */
	uint64_t due_msec;    /* when the timer fires; UINT64_MAX: it does not run */
	bool stopping;
	uint8_t *in;
	struct rpc_out out;
};

/**
 * net_connections_max() - how many connections the limit of descriptors allows; raises the soft limit to the hard one
 *
 * Each may take two: the socket's, and its process'. What remains is for the daemon itself: NET_FDS_RESERVED.
 */
uint32_t net_connections_max(void);
#define NET_FDS_RESERVED 64u
#define NET_FDS_PER_CONNECTION 2u

/**
 * net_memory_max() - bytes that connections take at the most: @nconns of @nusers users, each of whom may let @queued_bytes wait
 * @queued_bytes: struct user_limits; 0: no limit
 */
static inline uint64_t net_memory_max(uint32_t nconns, uint32_t nusers, uint64_t queued_bytes)
{
	uint64_t queued = (uint64_t)nconns * NET_CONN_QUEUED_BYTES, most;

	if (queued_bytes && !__builtin_mul_overflow(nusers, queued_bytes, &most) && most < queued)
		queued = most;
	return NET_IN_BYTES + NET_OUT_BYTES + (uint64_t)nconns * NET_CONN_BYTES + queued;
}

/**
 * net_open() - listen; nothing is served before net_run()
 * @config: copied; the path too
 *
 * Return: 0 or a negative errno, explained in the log. On 0, net_run() must be called, even to stop at once.
 */
MUST_CHECK int net_open(struct net *net, const struct net_config *config, struct rpc *rpc);

/** net_hold_hangups() - a SIGHUP waits from now on until net_open() can hear it: it does not end the process. */
void net_hold_hangups(void);

/* What may change while it runs; as in struct net_config. */
struct net_limits {
	uint32_t connections_max;
	uint64_t hello_timeout_msec, frame_timeout_msec, send_timeout_msec;
};

/** net_limits_set() - from now on, also for those who wait already; nobody is disconnected because there are more than @connections_max. */
void net_limits_set(struct net *net, const struct net_limits *limits);

/** net_again_soon() - what was changed beside requests is worked on: who waits, what is due, what is to be written down. */
void net_again_soon(struct net *net);

/** net_fds_wait() - is a descriptor on its way to a client? Then no backing may be closed. */
bool net_fds_wait(const struct net *net);

/**
 * net_welcome() - serve who has connected already and has asked for something, before net_run(); does not wait
 *
 * Whoever has started the service by connecting has the reply before anybody is told that it is ready, which takes the processor, too.
 */
void net_welcome(struct net *net);

/** net_run() - serve until SIGINT, SIGTERM or net_stop(); gives back all that @net holds. Return: 0 or a negative errno. */
MUST_CHECK int net_run(struct net *net);

/**
 * net_stop() - stop listening and close all connections; net_run() returns soon after. Safe to call twice.
 *
 * What has changed is written down before (rpc_stop()); replies that tell of what is being written wait for that.
 */
void net_stop(struct net *net);

#endif
