/*
 * net - the event loop: who may connect, what happens when, until a signal says stop
 *
 * Role:       libuv lives in this folder and nowhere else. The listener, all connections, signals, the watchdog's timer, slices
 *             of work between events. Knows nothing of what requests mean.
 * Uses:       base/, rpc/, libuv
 * Invariants: N1  a handle's memory is freed in its close callback and nowhere else.
 *             N2  a batch (what one read brings) costs at most two system calls: the read and one write, as long as the
 *                 client takes its replies and they fit NET_OUT_BYTES.
 *             N3  the memory of a connection is bounded by NET_IN_BYTES + NET_OUT_BYTES + a frame, whatever its client does.
 */
#ifndef PALLOCD_NET_NET_H
#define PALLOCD_NET_NET_H

#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/list.h"
#include "base/macros.h"
#include "net/socket.h"
#include "rpc/rpc.h"

/* One read takes so much at the most: more than a socket's usual buffer holds. */
#define NET_IN_BYTES (256u << 10)

/* Replies gathered before they must be written; and room for one more of the longest. */
#define NET_OUT_BYTES ((512u << 10) + RPC_OUT_ROOM_MIN)

struct net_config {
	const char *path;         /* where to listen; ignored where a descriptor is inherited */
	mode_t mode;              /* of the socket's file */
	int inherited_fd;         /* from the service manager; -1: none */
	uint32_t connections_max; /* above it, connections are refused with OVERLOADED */
	uint64_t watchdog_usec;   /* on_watchdog is called at half of it; 0: never */
	void (*on_watchdog)(void);
	void (*on_stop)(void); /* an orderly stop begins */
};

struct net {
	uv_loop_t loop;
	uv_poll_t accepting;
	uv_timer_t pause; /* accepting goes on when it fires */
	uv_timer_t watchdog;
	uv_idle_t work; /* runs while ended sessions leave something to do */
	uv_signal_t sigint;
	uv_signal_t sigterm;
	struct net_config config;
	struct listening listening;
	struct rpc *rpc;
	struct list conns;
	uint32_t nconns;
	int spare_fd; /* given up for a moment to refuse a connection when there are no descriptors left */
	struct log_limit refused_limit;
	bool stopping;
	uint8_t *in;
	struct rpc_out out;
};

/**
 * net_connections_max() - how many connections the limit of descriptors allows; raises the soft limit to the hard one
 *
 * What remains is for the daemon itself: NET_FDS_RESERVED.
 */
uint32_t net_connections_max(void);
#define NET_FDS_RESERVED 64u

/**
 * net_open() - listen; nothing is served before net_run()
 * @config: copied; the path too
 *
 * Return: 0 or a negative errno, explained in the log. On 0, net_run() must be called, even to stop at once.
 */
MUST_CHECK int net_open(struct net *net, const struct net_config *config, struct rpc *rpc);

/** net_run() - serve until SIGINT, SIGTERM or net_stop(); gives back all that @net holds. Return: 0 or a negative errno. */
MUST_CHECK int net_run(struct net *net);

/** net_stop() - stop listening and close all connections; net_run() returns soon after. Safe to call twice. */
void net_stop(struct net *net);

/** net_work() - let the loop go on with what ended sessions left behind. */
void net_work(struct net *net);

#endif
