/*
 * conn - one connection: its states, its beginning and its ends
 *
 * Role:       see conn.h; its bytes are conn_io.c.
 * Uses:       base/, rpc/, net/, libuv
 */
#include "net/conn.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/conn_private.h"
#include "net/peer.h"
#include "net/turn.h"

/* Events of one connection in one turn: more than one reply of them, and no more than the socket's usual buffer holds. */
#define EVENTS_BYTES (2 * RPC_OUT_ROOM_MIN)

#define BIT(state) (1u << (state))
#define LIVE                                                                              \
	(BIT(CONN_READING) | BIT(CONN_BLOCKED) | BIT(CONN_WAITING) | BIT(CONN_DEFERRED) | \
	 BIT(CONN_HELD))
#define ENDS (BIT(CONN_DRAINING) | BIT(CONN_CLOSED))

/* For each state, what it waits for and what may follow. */
static const struct {
	int events;
	unsigned next;
} states[] = {
	[CONN_READING] = {UV_READABLE, LIVE | ENDS},
	[CONN_BLOCKED] = {UV_WRITABLE, LIVE | ENDS},
	/* The end, and that its client will not write any more: who waits must be there. */
	[CONN_WAITING] = {UV_DISCONNECT, BIT(CONN_BLOCKED) | BIT(CONN_HELD) | BIT(CONN_DEFERRED) |
						 BIT(CONN_CLOSED)},
	[CONN_DEFERRED] = {0, LIVE | ENDS},
	/* The end; who has only closed its own side waits for its replies. */
	[CONN_HELD] = {UV_DISCONNECT, LIVE | ENDS},
	[CONN_DRAINING] = {UV_WRITABLE, BIT(CONN_CLOSED)},
	[CONN_CLOSED] = {0, 0},
};

/* The rest of it is for what others keep for a connection. */
_Static_assert(sizeof(struct conn) <= NET_CONN_BYTES / 2, "what a connection takes");

bool conn_tell(struct conn *c)
{
	if ((c->state != CONN_READING && c->state != CONN_WAITING) || !fair_may(c->fair))
		return false;
	list_remove(&c->in_telling);
	rpc_recalls(&c->rpc, &c->net->out);
	if (!c->net->out.n)
		return true;
	fair_charge(&c->net->fair, c->fair, CONN_COST_CALLS);
	conn_settle(c, c->state);
	return true;
}

static void on_poll(uv_poll_t *poll, int status, int events);

const char *conn_state_name(enum conn_state state)
{
	switch (state) {
	case CONN_READING:
		return "reading";
	case CONN_BLOCKED:
		return "blocked";
	case CONN_WAITING:
		return "waiting";
	case CONN_DEFERRED:
		return "deferred";
	case CONN_HELD:
		return "held";
	case CONN_DRAINING:
		return "draining";
	case CONN_CLOSED:
		return "closed";
	}
	return "unknown";
}

/* Each change is up to three system calls. Return: 0; not for descriptors that libuv cannot watch, with which conn_open() has failed. */
static int poll_for(struct conn *c, int events)
{
	if (LIKELY(c->watched == events))
		return 0;
	c->watched = events;
	return events ? uv_poll_start(&c->poll, events, on_poll) : uv_poll_stop(&c->poll);
}

void conn_set_state(struct conn *c, enum conn_state state)
{
	if (state == CONN_DEFERRED && list_empty(&c->in_deferred))
		fair_defer(&c->net->fair, c->fair, &c->in_deferred);
	if (c->state == state)
		return;
	assert(states[c->state].next & BIT(state));
	if (c->state == CONN_DEFERRED)
		fair_forget(&c->net->fair, c->fair, &c->in_deferred);
	c->state = state;
	if (state == CONN_WAITING)
		c->net->expire = true;
	/* Mostly its turn comes before an event does, and then the same events are wanted again. */
	if (state != CONN_DEFERRED && poll_for(c, states[state].events))
		conn_close(c, SESSION_CLOSED);
}

/* What conn_open() has made, whole or half. */
static void conn_free(struct conn *c)
{
	conn_bytes_drop(c, &c->out);
	conn_bytes_drop(c, &c->backlog);
	conn_bytes_drop(c, &c->partial);
	process_leave(c->process, &c->in_process);
	if (c->fair)
		fair_user_put(c->fair);
	peer_deinit(&c->peer);
	mem_free(c);
}

static void on_closed(uv_handle_t *handle)
{
	conn_free(CONTAINER_OF((uv_poll_t *)handle, struct conn, poll));
}

static void lists_leave(struct conn *c)
{
	list_remove(&c->in_net);
	list_remove(&c->in_watching);
	list_remove(&c->in_woken);
	list_remove(&c->in_telling);
	list_remove(&c->in_cut);
	list_remove(&c->in_held);
	for (unsigned kind = 0; kind < TIMEOUT_KINDS; kind++)
		timeout_end(&c->timeouts[kind]);
	process_leave(take_ptr(c->process), &c->in_process);
}

void conn_close(struct conn *c, enum session_cause cause)
{
	struct rpc_counters *counters = &c->net->rpc->counters;

	if (c->state == CONN_CLOSED)
		return;
	conn_set_state(c, CONN_CLOSED);
	fair_charge(&c->net->fair, c->fair, CONN_COST_CLOSE);
	lists_leave(c);
	c->net->nconns--;
	uv_close((uv_handle_t *)&c->poll, on_closed);
	close(c->fd);
	counters->deaths += cause == SESSION_DIED && c->rpc.session;
	rpc_conn_close(&c->rpc, cause);
	/* There may be something to give back now, and a grace that ends some time. */
	c->net->expire = true;
	net_again(c->net);
}

/* The last reply, where it can be written at once: behind replies of this connection that the loop's buffer holds. */
static void last_words(struct conn *c, enum pallocd_status status, const char *what)
{
	struct rpc_out *out = &c->net->out;
	/* What must not be written yet never is, and nothing may follow it. */
	bool held = c->held || (out->n && rpc_commit(c->net->rpc));

	if (!held && !c->torn && (!c->out.data || conn_flush(c)) && c->state != CONN_CLOSED) {
		if (out->size - out->n >= RPC_OUT_ROOM_MIN)
			rpc_last_words(&c->rpc, status, what, out);
		conn_send(c, out->data, out->n);
	}
	out_clear(out);
}

void conn_cut_off(struct conn *c, enum pallocd_status status, const char *what)
{
	if (c->state == CONN_CLOSED)
		return;
	c->net->rpc->counters.cut_off++;
	if (!c->rpc.identified)
		peer_read_command(&c->peer);
	log_event(LOG_LEVEL_WARNING, LOG_ID_CONNECTION_CUT_OFF,
		  LOG_FIELDS(ABOUT_SESSION(conn_session_id(&c->rpc)), ABOUT_UID(c->peer.uid),
			     ABOUT_PID(c->peer.pid), ABOUT_STATUS(pallocd_status_name(status))),
		  "the connection of pid %d (%s), uid %u is cut off: %s: %s", (int)c->peer.pid,
		  c->peer.command, (unsigned)c->peer.uid, pallocd_status_sentence(status), what);
	last_words(c, status, what);
	conn_close(c, SESSION_CLOSED);
}

int conn_identify(struct conn *c)
{
	int err = peer_read_more(c->fd, &c->peer);

	if (err)
		return -ENOMEM;
	c->rpc.peer = c->peer;
	fair_charge(&c->net->fair, c->fair, CONN_COST_IDENTIFY);
	err = process_join(&c->net->processes, c->fd, c->peer.pid, &c->in_process, &c->process);
	switch (err) {
	case 0:
		return 0;
	case PROCESS_E_DEAD:
		c->died = true;
		return RPC_E_CLOSE;
	default:
		return err;
	}
}

/*
 * Of what it has sent before it died: one read of it, so that a child that has its socket does not make it live for ever, and no
 * request that takes its time. A client that ends says so, and does not wait for an answer.
 */
static bool is_heard(const struct conn *c)
{
	if (!c->died)
		return true;
	return !c->rpc.nturns && !c->out.data &&
	       (c->state == CONN_READING || c->state == CONN_DEFERRED);
}

void conn_end(struct conn *c)
{
	if (c->rpc.ending)
		last_words(c, c->rpc.ending, "");
	conn_close(c, SESSION_CLOSED);
}

void conn_stop(struct conn *c)
{
	const struct rpc *rpc = c->net->rpc;

	if (c->held && c->held > rpc->commit_done) {
		if (!rpc_committing(rpc))
			conn_close(c, SESSION_CLOSED);
		return;
	}
	/* Where the socket takes them at once. */
	if (c->out.data)
		(void)conn_flush(c);
	conn_close(c, SESSION_CLOSED);
}

void conn_woken(struct conn *c)
{
	/* In every other state its turn comes anyway. */
	if (c->state == CONN_WAITING)
		conn_set_state(c, CONN_DEFERRED);
}

void conn_go_on(struct conn *c)
{
	struct net *net = c->net;
	uint64_t moved = net->rpc->counters.received_bytes + net->rpc->counters.sent_bytes;
	bool wrote = c->out.data != NULL;

	/* Before, so that what is served is bounded by what is left. */
	fair_charge(&net->fair, c->fair, CONN_COST_CALLS);
	if (UNLIKELY(!is_heard(c)))
		conn_close(c, SESSION_DIED);
	else if (UNLIKELY(wrote) && !conn_flush(c))
		conn_settle(c, CONN_BLOCKED);
	else if (c->backlog.data)
		conn_serve_backlog(c);
	else if (UNLIKELY(wrote))
		conn_settle(c, CONN_READING);
	else
		conn_read(c);
	if (UNLIKELY(c->died) && !(c->backlog.data && is_heard(c)))
		conn_close(c, SESSION_DIED);
	moved = net->rpc->counters.received_bytes + net->rpc->counters.sent_bytes - moved;
	if (UNLIKELY(moved >= CONN_COST_BYTES))
		fair_charge(&net->fair, c->fair, moved / CONN_COST_BYTES);
}

void conn_died(struct conn *c)
{
	c->died = true;
	/* Thousands may die at once. */
	if (fair_may(c->fair) || c->state == CONN_DRAINING || c->state == CONN_HELD)
		conn_go_on(c);
	else
		conn_set_state(c, CONN_DEFERRED);
}

bool conn_events(struct conn *c)
{
	struct rpc_out some = {.data = c->net->out.data, .size = EVENTS_BYTES};
	uint64_t begin;
	bool more;

	if ((c->state != CONN_READING && c->state != CONN_WAITING) || !rpc_events_due(&c->rpc))
		return false;
	if (!fair_may(c->fair))
		return true;
	begin = clock_usec();
	more = rpc_events(&c->rpc, &some);
	c->net->out.n = some.n;
	conn_settle(c, c->state);
	fair_charge(&c->net->fair, c->fair, 1 + (clock_usec() - begin) * RPC_COST_PER_USEC);
	return more && (c->state == CONN_READING || c->state == CONN_WAITING);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct conn *c = CONTAINER_OF(poll, struct conn, poll);

	/* It will come again. A user who is alone disturbs nobody with that, and others pay for no more than one. */
	if (UNLIKELY(c->state == CONN_DEFERRED)) {
		if (status < 0 || fair_contended(&c->net->fair))
			poll_for(c, 0);
		return;
	}
	if (UNLIKELY(status < 0)) {
		/* Who closes with replies unread is an error here, and what was sent before is there all the same. */
		if (c->state == CONN_READING)
			conn_go_on(c);
		conn_close(c, SESSION_CLOSED);
		return;
	}
	switch (c->state) {
	case CONN_READING:
	case CONN_BLOCKED:
		if (!(events & states[c->state].events))
			break;
		if (LIKELY(fair_may(c->fair)))
			conn_go_on(c);
		else
			conn_set_state(c, CONN_DEFERRED);
		break;
	case CONN_WAITING:
		conn_close(c, SESSION_CLOSED);
		break;
	case CONN_HELD:
		if (conn_peer_gone(c))
			conn_close(c, SESSION_CLOSED);
		else
			poll_for(c, 0);
		break;
	case CONN_DRAINING:
		if (conn_flush(c))
			conn_close(c, SESSION_CLOSED);
		break;
	case CONN_DEFERRED:
	case CONN_CLOSED:
		break;
	}
}

/* The parts of a connection that may be refused, in the order of what they cost. */
static int conn_begin(struct conn *c)
{
	struct net *net = c->net;
	int err;

	err = peer_read(c->fd, &c->peer);
	if (err)
		return err;
	err = fair_user_get(&net->fair, (uint32_t)c->peer.uid, &c->fair);
	if (err)
		return err;
	err = rpc_conn_open(&c->rpc, net->rpc, &c->peer, &net->out);
	switch (err) {
	case 0:
		break;
	case RPC_E_CLOSE:
		return CONN_E_REFUSED;
	default:
		return err;
	}
	err = uv_poll_init(&net->loop, &c->poll, c->fd);
	if (err)
		rpc_conn_close(&c->rpc, SESSION_CLOSED);
	return err;
}

int conn_open(struct net *net, int fd)
{
	struct conn *c = mem_zalloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->net = net;
	c->fd = fd;
	c->state = CONN_READING;
	list_init(&c->in_watching);
	list_init(&c->in_woken);
	list_init(&c->in_telling);
	list_init(&c->in_cut);
	list_init(&c->in_process);
	list_init(&c->in_deferred);
	list_init(&c->in_held);
	for (unsigned kind = 0; kind < TIMEOUT_KINDS; kind++)
		list_init(&c->timeouts[kind].in_kind);
	err = conn_begin(c);
	if (err) {
		conn_free(c);
		return err;
	}
	err = poll_for(c, states[CONN_READING].events);
	assert(!err);
	list_push(&net->conns, &c->in_net);
	net->nconns++;
	net_timeout_begin(c, TIMEOUT_HELLO);
	return 0;
}
