/*
 * rpc - frames, the verb table, dispatch
 *
 * Role:       see rpc.h.
 * Uses:       base/, region/, rpc/call.h, proto/
 */
#include "rpc/rpc.h"

#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"
#include "rpc/call.h"

/* Extents that one slice of rpc_work() gives back: some 100 ns each, so that a slice stays well under a millisecond. */
#define WORK_EXTENTS 2048u

/* The one table of verbs. */
static const struct verb {
	enum pallocd_status (*serve)(struct call *c);
	bool opens;    /* the one verb that a connection begins with */
	bool measured; /* what it costs is read from the clock */
} verbs[] = {
	[PALLOCD__V1__REQUEST__VERB_HELLO] = {.serve = hello_serve, .opens = true},
	[PALLOCD__V1__REQUEST__VERB_LIST_REGIONS] = {.serve = list_regions_serve},
	[PALLOCD__V1__REQUEST__VERB_REGION_INFO] = {.serve = region_info_serve},
	[PALLOCD__V1__REQUEST__VERB_ALLOC] = {.serve = alloc_serve},
	[PALLOCD__V1__REQUEST__VERB_FREE] = {.serve = free_serve},
	[PALLOCD__V1__REQUEST__VERB_GROW] = {.serve = grow_serve, .measured = true},
	[PALLOCD__V1__REQUEST__VERB_STAT] = {.serve = stat_serve},
	[PALLOCD__V1__REQUEST__VERB_MAP] = {.serve = map_serve},
	[PALLOCD__V1__REQUEST__VERB_WHY] = {.serve = why_serve, .measured = true},
	[PALLOCD__V1__REQUEST__VERB_FIT] = {.serve = fit_serve, .measured = true},
	[PALLOCD__V1__REQUEST__VERB_RESIZE] = {.serve = resize_serve, .measured = true},
	[PALLOCD__V1__REQUEST__VERB_SPLIT] = {.serve = split_serve, .measured = true},
	[PALLOCD__V1__REQUEST__VERB_JOIN] = {.serve = join_serve, .measured = true},
	[PALLOCD__V1__REQUEST__VERB_SHRINK] = {.serve = shrink_serve, .measured = true},
	[PALLOCD__V1__REQUEST__VERB_DRAIN] = {.serve = drain_serve, .measured = true},
	[PALLOCD__V1__REQUEST__VERB_RESERVE] = {.serve = reserve_serve, .measured = true},
	[PALLOCD__V1__REQUEST__VERB_FREE_RUNS] = {.serve = free_runs_serve, .measured = true},
};

int rpc_init(struct rpc *rpc, struct regions *regions, const char *server)
{
	*rpc = (struct rpc){.regions = regions, .server = server, .start_usec = clock_usec()};
	return arena_init(&rpc->arena);
}

void rpc_deinit(struct rpc *rpc)
{
	arena_deinit(&rpc->arena);
}

void rpc_conn_open(struct rpc_conn *conn, struct rpc *rpc, const struct session_peer *peer)
{
	*conn = (struct rpc_conn){.rpc = rpc, .peer = *peer};
	rpc->counters.connections++;
	rpc->counters.connections_open++;
}

void rpc_conn_close(struct rpc_conn *conn)
{
	if (conn->session)
		session_end(take_ptr(conn->session));
	walk_end(conn);
	conn->rpc->counters.connections_open--;
}

static void dump_line(void *ctx, const char *line)
{
	const struct region *r = ctx;

	log_error("region %s: %s", r->name, line);
}

/* A region that closed itself is shown to the administrator, once. */
static void faults_report(const struct rpc *rpc)
{
	for (uint32_t i = 0; i < rpc->regions->n; i++) {
		struct region *r = rpc->regions->table[i];

		if (!r->faulted || r->fault_reported)
			continue;
		r->fault_reported = true;
		log_error("region %s is closed, its state is inconsistent: %s; the other regions "
			  "go on",
			  r->name, r->fault);
		region_dump(r, dump_line, r);
	}
}

bool rpc_work(struct rpc *rpc)
{
	bool finished = regions_reclaim(rpc->regions, WORK_EXTENTS);

	faults_report(rpc);
	return finished;
}

static void call_init(struct call *c, struct rpc_conn *conn, const Pallocd__V1__Request *req)
{
	c->rpc = conn->rpc;
	c->conn = conn;
	c->req = req;
	c->again = false;
	c->quick = false;
	c->quick_n = 0;
	pallocd__v1__reply__init(&c->reply);
	pallocd__v1__refusal__init(&c->refusal);
	c->reply.id = req ? req->id : 0;
}

static enum pallocd_status dispatch(struct call *c)
{
	unsigned verb = c->req->verb_case;
	bool known = verb < ARRAY_SIZE(verbs) && verbs[verb].serve;
	bool opens = known && verbs[verb].opens;

	if (UNLIKELY(!c->conn->session && !opens))
		return call_refuse(c, PALLOCD_HELLO_REQUIRED, "",
				   "a connection begins with Hello, and this one has not");
	if (UNLIKELY(!known))
		return call_refuse(c, PALLOCD_UNKNOWN_VERB, "",
				   "the request holds no verb that this daemon knows");
	if (UNLIKELY(c->conn->session && opens))
		return call_refuse(c, PALLOCD_HELLO_REQUIRED, "hello",
				   "Hello comes once, and this connection has had it");
	if (verbs[verb].measured)
		return call_measured(c, verbs[verb].serve);
	return verbs[verb].serve(c);
}

/* Answer a frame that holds no request; the stream cannot be trusted any more. */
static int bad_frame(struct rpc_conn *conn, enum pallocd_status status, size_t n,
		     struct rpc_out *out)
{
	struct rpc *rpc = conn->rpc;
	struct call c;

	rpc->counters.bad_frames++;
	call_init(&c, conn, NULL);
	c.refusal.asked = n;
	c.refusal.limit = PALLOCD_FRAME_BYTES_MAX;
	if (status == PALLOCD_FRAME_TOO_LONG)
		call_refuse(&c, status, "",
			    "a frame of %zu bytes: 1 to %u are allowed; the connection is closed",
			    n, PALLOCD_FRAME_BYTES_MAX);
	else
		call_refuse(
			&c, status, "",
			"the frame of %zu bytes does not hold a Request; the connection is closed",
			n);
	log_limited(&rpc->bad_frame_limit, LOG_LEVEL_WARNING, "connection of pid %d, uid %u: %s",
		    (int)conn->peer.pid, (unsigned)conn->peer.uid, c.message);
	reply_pack(&c, out);
	return RPC_E_CLOSE;
}

static int message_serve(struct rpc_conn *conn, const uint8_t *data, size_t n, struct rpc_out *out)
{
	struct rpc *rpc = conn->rpc;
	Pallocd__V1__Request *req;
	enum pallocd_status status;
	struct call c;

	arena_reset(&rpc->arena);
	req = request_unpack(&rpc->arena, data, n);
	if (UNLIKELY(!req))
		return bad_frame(conn, PALLOCD_MALFORMED, n, out);
	call_init(&c, conn, req);
	/* One that goes on was counted when it began. */
	rpc->counters.requests += !conn->nturns;
	rpc->cost++;
	status = dispatch(&c);
	if (UNLIKELY(c.again)) {
		conn->nturns++;
		return RPC_E_PAUSE;
	}
	if (UNLIKELY(conn->nturns))
		walk_end(conn);
	if (UNLIKELY(status)) {
		rpc->counters.refusals++;
		if (status == PALLOCD_FAULTED)
			faults_report(rpc);
	}
	reply_pack(&c, out);
	return 0;
}

static size_t frame_length(const uint8_t *p)
{
	return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

int rpc_serve(struct rpc_conn *conn, const uint8_t *data, size_t n, struct rpc_out *out,
	      size_t *ret_used, size_t *ret_need)
{
	size_t at = 0, length;
	int err = 0;

	*ret_need = 0;
	conn->rpc->cost = 0;
	while (at < n) {
		if (n - at < PALLOCD_FRAME_HEADER_BYTES) {
			*ret_need = PALLOCD_FRAME_HEADER_BYTES;
			break;
		}
		length = frame_length(data + at);
		if (UNLIKELY(conn->rpc->cost > RPC_COST_MAX)) {
			err = RPC_E_PAUSE;
			break;
		}
		if (UNLIKELY(out->size - out->n < RPC_OUT_ROOM_MIN)) {
			err = RPC_E_OUT_FULL;
			break;
		}
		if (UNLIKELY(length == 0 || length > PALLOCD_FRAME_BYTES_MAX)) {
			err = bad_frame(conn, PALLOCD_FRAME_TOO_LONG, length, out);
			break;
		}
		if (length > n - at - PALLOCD_FRAME_HEADER_BYTES) {
			*ret_need = PALLOCD_FRAME_HEADER_BYTES + length;
			break;
		}
		err = message_serve(conn, data + at + PALLOCD_FRAME_HEADER_BYTES, length, out);
		/* Q4: it is served again. */
		if (UNLIKELY(err == RPC_E_PAUSE))
			break;
		at += PALLOCD_FRAME_HEADER_BYTES + length;
		if (UNLIKELY(err))
			break;
	}
	*ret_used = at;
	return err;
}

void rpc_overloaded(struct rpc *rpc, const char *what, struct rpc_out *out)
{
	struct rpc_conn conn = {.rpc = rpc};
	struct call c;

	call_init(&c, &conn, NULL);
	call_refuse(&c, PALLOCD_OVERLOADED, "",
		    "the daemon takes no more connections (%s): try again later", what);
	c.refusal.limit = rpc->counters.connections_open;
	reply_pack(&c, out);
}
