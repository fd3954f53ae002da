/*
 * rpc - frames, dispatch
 *
 * Role:       see rpc.h.
 * Uses:       base/, region/, rpc/verb.h, proto/
 */
#include "rpc/rpc.h"

#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"
#include "rpc/scavenger.h"
#include "rpc/verb.h"

int rpc_init(struct rpc *rpc, struct regions *regions, const char *server)
{
	*rpc = (struct rpc){
		.regions = regions,
		.server = server,
		.start_usec = clock_usec(),
		.wait_next_usec = UINT64_MAX,
		.cost_max = RPC_COST_MAX,
		.work_usec = RPC_WORK_USEC,
	};
	list_init(&rpc->busy);
	list_init(&rpc->leasing);
	commits_init(rpc);
	return arena_init(&rpc->arena);
}

void rpc_deinit(struct rpc *rpc)
{
	waiters_deinit(rpc);
	scavengers_deinit(rpc);
	commits_deinit(rpc);
	arena_deinit(&rpc->arena);
}

void call_init(struct call *c, struct rpc_conn *conn, const Pallocd__V1__Request *req)
{
	c->rpc = conn->rpc;
	c->conn = conn;
	c->req = req;
	c->verb = req ? verb_get(req->verb_case) : NULL;
	c->region = NULL;
	c->again = c->waits = c->closes = c->reclaimed = false;
	c->fd = -1;
	c->quick = false;
	c->quick_n = 0;
	c->remembered = NULL;
	pallocd__v1__reply__init(&c->reply);
	pallocd__v1__refusal__init(&c->refusal);
	c->reply.id = req ? req->id : 0;
}

/* The verb's result, cleared, for its handler to fill in. */
static bool result_take(struct call *c)
{
	const ProtobufCMessageDescriptor *d = c->verb->reply;
	void *result = arena_take(&c->rpc->arena, d->sizeof_message);

	if (!result)
		return false;
	protobuf_c_message_init(d, result);
	/* All members of the union are pointers to messages. */
	c->reply.hello = result;
	return true;
}

static enum pallocd_status dispatch(struct call *c)
{
	const struct verb *verb = c->verb;
	bool opens = verb && verb->opens;
	enum pallocd_status status;

	if (UNLIKELY(c->conn->ending)) {
		c->closes = true;
		return conn_refuse_ending(c, c->conn->ending, "");
	}
	if (UNLIKELY(!c->conn->session && !opens))
		return call_refuse(c, PALLOCD_HELLO_REQUIRED, "",
				   "a connection begins with Hello, and this one has not");
	if (UNLIKELY(!verb))
		return call_refuse(c, PALLOCD_UNKNOWN_VERB, "",
				   "the request holds no verb that this daemon knows");
	if (UNLIKELY(c->conn->session && opens))
		return call_refuse(c, PALLOCD_HELLO_REQUIRED, "hello",
				   "Hello comes once, and this connection has had it");
	if (UNLIKELY(c->conn->repeats)) {
		status = repeat_begin(c);
		if (status || c->remembered)
			return status;
	}
	if (!verb->by_hand && !result_take(c))
		return call_no_memory(c);
	status = verb->measured ? call_measured(c, verb->serve) : verb->serve(c);
	if (LIKELY(!status))
		c->reply.result_case = verb->result;
	return status;
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
	log_event(LOG_LEVEL_WARNING, LOG_ID_BAD_FRAME,
		  LOG_FIELDS(ABOUT_SESSION(conn_session_id(conn)), ABOUT_UID(conn->peer.uid),
			     ABOUT_PID(conn->peer.pid), ABOUT_STATUS(pallocd_status_name(status))),
		  "connection of pid %d, uid %u: %s", (int)conn->peer.pid, (unsigned)conn->peer.uid,
		  c.message);
	reply_pack(&c, out);
	return RPC_E_CLOSE;
}

/* What its client is told anyway: for whoever looks for the reason from the other side. */
static void refusal_log(const struct call *c, enum pallocd_status status)
{
	const struct rpc_conn *conn = c->conn;

	log_event(LOG_LEVEL_DEBUG, LOG_ID_REQUEST_REFUSED,
		  LOG_FIELDS(ABOUT_REGION(c->region ? c->region->name : ""),
			     ABOUT_SESSION(conn_session_id(conn)), ABOUT_UID(conn->peer.uid),
			     ABOUT_PID(conn->peer.pid), ABOUT_REQUEST(c->req->id),
			     ABOUT_EXTENT_IF(c->refusal.addr, 0),
			     ABOUT_STATUS(pallocd_status_name(status))),
		  "request %" PRIu64 " of pid %d, uid %u: %s: %s", c->req->id, (int)conn->peer.pid,
		  (unsigned)conn->peer.uid, pallocd_status_name(status), c->message);
}

static int message_serve(struct rpc_conn *conn, const uint8_t *data, size_t n, struct rpc_out *out)
{
	struct rpc *rpc = conn->rpc;
	Pallocd__V1__Request *req;
	enum pallocd_status status;
	struct call c;
	size_t begin;

	arena_reset(&rpc->arena);
	req = request_unpack(&rpc->arena, data, n);
	if (UNLIKELY(!req))
		return bad_frame(conn, PALLOCD_MALFORMED, n, out);
	call_init(&c, conn, req);
	/* One that goes on was counted when it began. */
	rpc->counters.requests += !conn->nturns;
	rpc->cost++;
	if (UNLIKELY(conn->told))
		recall_heard(conn);
	status = dispatch(&c);
	if (UNLIKELY(c.region && c.region->wanted))
		recall_wanted(rpc, regions_by_id(rpc->regions, c.region->id));
	if (UNLIKELY(c.again || c.waits)) {
		conn->nturns++;
		return c.again ? RPC_E_PAUSE : RPC_E_WAIT;
	}
	if (UNLIKELY(conn->nturns))
		conn_turns_end(conn);
	if (UNLIKELY(status)) {
		rpc->counters.refusals++;
		if (UNLIKELY(log_has(LOG_LEVEL_DEBUG)))
			refusal_log(&c, status);
		if (status == PALLOCD_FAULTED)
			faults_report(rpc);
	}
	begin = out->n;
	reply_pack(&c, out);
	if (UNLIKELY(c.fd >= 0))
		out->fds[out->nfds++] = c.fd;
	if (UNLIKELY(conn->repeats) && !status)
		repeat_end(&c, out->data + begin, out->n - begin);
	return c.closes ? RPC_E_CLOSE : 0;
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
		if (UNLIKELY(conn->rpc->cost > conn->rpc->cost_max)) {
			err = RPC_E_PAUSE;
			break;
		}
		if (UNLIKELY(out->size - out->n < RPC_OUT_ROOM_MIN ||
			     out->nfds == RPC_OUT_FDS_MAX)) {
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
		if (UNLIKELY(err == RPC_E_PAUSE || err == RPC_E_WAIT))
			break;
		at += PALLOCD_FRAME_HEADER_BYTES + length;
		if (UNLIKELY(err))
			break;
	}
	*ret_used = at;
	return err;
}
