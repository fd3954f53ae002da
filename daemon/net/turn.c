/*
 * turn - the end of each turn of the loop, and what is due by the clock
 *
 * Role:       see turn.h.
 * Uses:       base/, rpc/, net/, libuv
 */
#include "net/turn.h"

#include "base/clock.h"
#include "net/accept.h"

/* The timer rests so long, so that it does not fire for each one by itself: what is due may be so much late. */
#define DUE_PAUSE_MSEC 10

/* People are told no oftener how it stands. */
#define STATUS_MSEC 1000

/* Connections that may be cut off in one turn for being late, some microseconds each; and where several users want turns. */
#define CUT_OFF_MAX 64
#define CUT_OFF_CONTENDED_MAX 4

/* Events of all connections that may be written in one turn, before the requests of the next one have theirs. */
#define EVENTS_USEC 500

/* The same, and a slice of work, where several users want turns: they are nobody's in particular, and must not take more than one. */
#define CONTENDED_USEC (FAIR_QUANTUM / RPC_COST_PER_USEC)

/* What was not done in time. */
static const char *const timeout_words[] = {
	[TIMEOUT_HELLO] = "Hello",
	[TIMEOUT_FRAME] = "the rest of a frame",
	[TIMEOUT_SEND] = "taking the replies",
};

static void on_due(uv_timer_t *timer);

/* An idle handle that is active keeps the loop from sleeping; that is all it is for. */
static void on_again(uv_idle_t *idle)
{
	(void)idle;
}

void net_again(struct net *net)
{
	if (!net->stopping)
		uv_idle_start(&net->again, on_again);
}

/* Something is due at @msec of the loop's clock. */
static void due_at(struct net *net, uint64_t msec)
{
	uint64_t now = uv_now(&net->loop);

	if (msec >= net->due_msec || net->stopping)
		return;
	net->due_msec = msec;
	uv_timer_start(&net->due, on_due, msec > now ? msec - now : 0, 0);
}

void net_timeout_begin(struct conn *c, enum timeout_kind kind)
{
	struct net *net = c->net;
	uint64_t now = uv_now(&net->loop);

	timeout_begin(&net->timeouts, kind, &c->timeouts[kind], now);
	due_at(net, now + net->timeouts.msec[kind]);
}

/* What the regions have to do some time; their clock counts microseconds, and not from the same moment. */
static void expire(struct net *net)
{
	uint64_t next, now;

	net->expire = false;
	next = rpc_expire(net->rpc);
	if (next == UINT64_MAX)
		return;
	now = clock_usec();
	due_at(net, uv_now(&net->loop) + (next > now ? (next - now) / 1000 + 1 : DUE_PAUSE_MSEC));
}

/* Return: false where more are due than may be cut off in one turn. */
static bool timeouts_end(struct net *net, uint64_t now)
{
	unsigned left = fair_contended(&net->fair) ? CUT_OFF_CONTENDED_MAX : CUT_OFF_MAX;
	struct timeout *t;

	for (unsigned kind = 0; kind < TIMEOUT_KINDS; kind++) {
		while ((t = timeouts_due(&net->timeouts, kind, now)) != NULL) {
			if (!left--)
				return false;
			conn_cut_off(CONTAINER_OF(t, struct conn, timeouts[kind]), PALLOCD_TOO_SLOW,
				     timeout_words[kind]);
		}
	}
	return true;
}

static void on_due(uv_timer_t *timer)
{
	struct net *net = CONTAINER_OF(timer, struct net, due);
	uint64_t now = uv_now(&net->loop), next;

	net->due_msec = UINT64_MAX;
	if (timeouts_end(net, now)) {
		next = timeouts_next_msec(&net->timeouts);
		if (next != UINT64_MAX)
			due_at(net, next > now + DUE_PAUSE_MSEC ? next : now + DUE_PAUSE_MSEC);
	} else {
		due_at(net, now + 1);
	}
	expire(net);
	net_again(net);
}

/* Who waited for space and may try again, is served as what was deferred. */
static void woken_defer(struct net *net)
{
	list_for_each (link, &net->woken) {
		list_remove(link);
		conn_woken(list_entry(link, struct conn, in_woken));
	}
}

static void deferred_serve(struct net *net)
{
	struct list *link;

	fair_turn(&net->fair, uv_now(&net->loop), fair_contended(&net->fair) ? clock_usec() : 0);
	while ((link = fair_next(&net->fair)) != NULL) {
		if (link == &net->in_deferred)
			accept_some(net);
		else
			conn_go_on(list_entry(link, struct conn, in_deferred));
		/* It may have left work. */
		net_again(net);
	}
	if (net->fair.ndeferred)
		net_again(net);
}

static void cut_end(struct net *net)
{
	while (!list_empty(&net->cut))
		conn_end(list_entry(net->cut.next, struct conn, in_cut));
}

/* One round at the most; who has had its turn is last the next time. */
static void events_write(struct net *net)
{
	const struct events *ev = &net->rpc->regions->events;
	struct list done;
	uint64_t end;

	if (LIKELY(list_empty(&net->watching)) ||
	    (net->events_seen == ev->next && !net->events_left))
		return;
	net->events_seen = ev->next;
	net->events_left = false;
	end = clock_usec() + (fair_contended(&net->fair) ? CONTENDED_USEC : EVENTS_USEC);
	list_init(&done);
	while (!list_empty(&net->watching) && clock_usec() < end) {
		struct list *link = net->watching.next;

		list_remove(link);
		list_append(&done, link);
		net->events_left |= conn_events(list_entry(link, struct conn, in_watching));
	}
	net->events_left |= !list_empty(&net->watching);
	while (!list_empty(&done)) {
		struct list *link = done.next;

		list_remove(link);
		list_append(&net->watching, link);
	}
	if (net->events_left)
		net_again(net);
}

/* Who cannot be told now is when the turn ends in which it can. Few words each, and none of them is told soon again. */
static void telling_write(struct net *net)
{
	if (LIKELY(list_empty(&net->telling)))
		return;
	list_for_each (link, &net->telling) {
		struct conn *c = list_entry(link, struct conn, in_telling);

		/* Its user has had its share of this turn. */
		if (!conn_tell(c) && (c->state == CONN_READING || c->state == CONN_WAITING))
			net_again(net);
	}
}

/* A slice for ended sessions, and those who wait for what they give back. */
static void work(struct net *net)
{
	struct rpc *rpc = net->rpc;

	if (LIKELY(!rpc->regions->nsessions[SESSION_ENDING] && !rpc->nwaiting))
		return;
	rpc->work_usec = fair_contended(&net->fair) ? CONTENDED_USEC : RPC_WORK_USEC;
	if (!rpc_work(rpc))
		net_again(net);
	/* Graces begin when connections end, but quarantines here. */
	if (rpc->regions->nsessions[SESSION_QUARANTINED])
		net->expire = true;
}

/* Replies that waited until what they tell of is written down. */
static void held_release(struct net *net)
{
	while (UNLIKELY(!list_empty(&net->held))) {
		struct conn *c = list_entry(net->held.next, struct conn, in_held);

		if (c->held > net->rpc->commit_done)
			break;
		conn_release(c);
	}
}

/* What changed between requests. */
static void changes_commit(struct net *net)
{
	if (LIKELY(!rpc_commit(net->rpc)) || !net->rpc->refusing)
		return;
	net->expire = true;
	net_again(net);
}

static void on_status(uv_timer_t *timer)
{
	struct net *net = CONTAINER_OF(timer, struct net, status);

	net->config.on_status(net->config.service);
}

/* Rises with all that may change what on_status tells. */
static uint64_t status_count(const struct net *net)
{
	const struct rpc_counters *n = &net->rpc->counters;
	const struct regions *rs = net->rpc->regions;

	/* Graces that end, and what ended sessions leave behind, are no requests. */
	return n->requests + n->connections + n->connections_open + rs->nsessions[SESSION_ENDING] +
	       rs->nsessions[SESSION_GRACE] + rs->n;
}

static void status_watch(struct net *net)
{
	uint64_t count = status_count(net);

	if (LIKELY(count == net->status_seen) || !net->config.on_status || net->stopping ||
	    uv_is_active((const uv_handle_t *)&net->status))
		return;
	net->status_seen = count;
	uv_timer_start(&net->status, on_status, STATUS_MSEC, 0);
}

static void on_limits(uv_timer_t *timer)
{
	struct net *net = CONTAINER_OF(timer, struct net, limits);

	net->limits_usec = UINT64_MAX;
	log_limits_tell(clock_usec());
}

static void limits_watch(struct net *net)
{
	uint64_t due = log_limits_due(), now;

	if (LIKELY(due == net->limits_usec) || net->stopping)
		return;
	net->limits_usec = due;
	now = clock_usec();
	if (due == UINT64_MAX)
		uv_timer_stop(&net->limits);
	else
		uv_timer_start(&net->limits, on_limits, due > now ? (due - now) / 1000 + 1 : 0, 0);
}

static void on_turn(uv_check_t *check)
{
	struct net *net = CONTAINER_OF(check, struct net, turn);

	uv_idle_stop(&net->again);
	held_release(net);
	work(net);
	woken_defer(net);
	deferred_serve(net);
	cut_end(net);
	events_write(net);
	telling_write(net);
	if (net->expire)
		expire(net);
	changes_commit(net);
	status_watch(net);
	limits_watch(net);
}

static void timeouts_get(const struct net *net, uint64_t ret_msec[static TIMEOUT_KINDS])
{
	ret_msec[TIMEOUT_HELLO] = net->config.hello_timeout_msec;
	ret_msec[TIMEOUT_FRAME] = net->config.frame_timeout_msec;
	ret_msec[TIMEOUT_SEND] = net->config.send_timeout_msec;
}

void turn_timeouts_set(struct net *net)
{
	timeouts_get(net, net->timeouts.msec);
	net->expire = true;
	net_again(net);
}

int turn_open(struct net *net)
{
	uint64_t msec[TIMEOUT_KINDS];
	int err;

	timeouts_get(net, msec);
	timeouts_init(&net->timeouts, msec);
	list_init(&net->woken);
	list_init(&net->telling);
	list_init(&net->cut);
	list_init(&net->held);
	list_init(&net->watching);
	net->due_msec = UINT64_MAX;
	net->limits_usec = UINT64_MAX;
	err = uv_timer_init(&net->loop, &net->due);
	if (!err)
		err = uv_idle_init(&net->loop, &net->again);
	if (!err)
		err = uv_check_init(&net->loop, &net->turn);
	if (!err)
		err = uv_check_start(&net->turn, on_turn);
	return err;
}
