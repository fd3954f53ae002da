/*
 * watch - events, one after the other
 *
 * Role:       the public calls that open a watch, wait for events and show them.
 * Uses:       call, conn, deliver, arena, text
 * Invariants: A1  the arena belongs to `events` as long as that is there.
 *             A2  a frame stays in `in` until it has been read: what finds no memory is tried again.
 * Cost:       no memory beyond the handle's for frames of usual length; one receive for many events.
 *
 * Until its Watch has been answered a watch is a handle like others; from then on nobody asks anything on it, and frames are
 * read here, one at a time (H6). What a program does not ask for stays in the socket, and then in the daemon, which counts
 * what it must drop.
 *
 * A program that polls the descriptor first would wait in vain for events that had come with the WatchReply and were received
 * with it: until then nothing is received beyond the frame that comes in.
 */
#include <stdlib.h>

#include "client/lib/call.h"
#include "client/lib/conn.h"
#include "client/lib/deliver.h"
#include "client/lib/text.h"

/* Outcome of reading a frame: there is no whole one. */
#define WATCH_E_NONE (-1)

/* Of "for ever"; conn_receive() adds a little to it. */
#define FOR_EVER_NS (UINT64_MAX / 2)

struct paclient_watch {
	struct paclient *client;
	uint64_t id; /* of the Watch */
	Pallocd__V1__Events *events;
	size_t next;   /* of these */
	uint64_t lost; /* before the next event */
};

/* One word says what is wanted; kinds that this version does not know may be asked for. */
static size_t kinds_read(uint64_t kinds, Pallocd__V1__EventKind *to)
{
	size_t n = 0;

	for (unsigned kind = 0; kind < 64; kind++) {
		if (kinds >> kind & 1)
			to[n++] = (Pallocd__V1__EventKind)kind;
	}
	return n;
}

static int take_watch(struct call *k, const Pallocd__V1__Reply *reply)
{
	(void)reply;
	k->client->watching = true;
	k->client->exact = false;
	return 0;
}

static int watch_ask(struct call *k, const struct paclient_watch_filter *f)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Watch ask = PALLOCD__V1__WATCH__INIT;
	Pallocd__V1__EventKind kinds[64];

	ask.region_id = f->region_id;
	if (f->region)
		ask.region = (char *)f->region;
	ask.kinds = kinds;
	ask.n_kinds = kinds_read(f->kinds, kinds);
	ask.by_uid = f->by_uid;
	ask.uid = f->uid;
	ask.session = f->session_id;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_WATCH;
	request.watch = &ask;
	call_again(k);
	return call_message(k, &request, PALLOCD__V1__REPLY__RESULT_WATCH, take_watch);
}

static int filter_read(struct paclient_error *e, const struct paclient_watch_filter *from,
		       struct paclient_watch_filter *to)
{
	*to = (struct paclient_watch_filter)PACLIENT_WATCH_FILTER_INIT;
	if (from && call_struct(e, "filter", from, to, sizeof(*to)))
		return PACLIENT_BAD_ARGUMENT;
	/* EVENT_NONE asks for nothing, and nothing would be asked for by it alone. */
	if (to->kinds & 1)
		return error_argument(e, "filter.kinds", "has bit 0, which is no kind of event");
	return 0;
}

int paclient_watch_open(const char *socket_path, const struct paclient_options *options,
			const struct paclient_watch_filter *filter, paclient_watch **ret_watch,
			struct paclient_call *call)
{
	struct paclient_watch_filter f;
	struct paclient_watch *w;
	CALL(k);
	int status = call_begin_with(&k, 1, call);

	if (!status)
		status = filter_read(k.error, filter, &f);
	if (status)
		return status;
	if (!ret_watch)
		return error_argument(k.error, "ret_watch", "is NULL");
	w = calloc(1, sizeof(*w));
	if (!w)
		return error_set(k.error, PACLIENT_OUT_OF_MEMORY, "no memory for a watch");
	status = handle_open(&k, call, socket_path, options, true);
	if (!status) {
		status = watch_ask(&k, &f);
		if (status)
			handle_free(k.client);
	}
	if (status) {
		free(w);
		return status;
	}
	w->client = k.client;
	w->id = k.id;
	*ret_watch = w;
	return 0;
}

int paclient_watch_fd(const paclient_watch *watch)
{
	return watch ? watch->client->fd : -1;
}

static void events_free(struct paclient_watch *w)
{
	if (w->events)
		pallocd__v1__events__free_unpacked(w->events, &w->client->arena.allocator);
	w->events = NULL;
}

/* Does the frame hold events? If not, the connection is broken. */
static bool frame_check(struct paclient_watch *w, const uint8_t *msg, size_t nbytes,
			struct wire_reply *ret)
{
	struct paclient *c = w->client;

	if (wire_reply_scan(msg, nbytes, ret))
		deliver_broken(c, PACLIENT_PROTOCOL, 0, "a frame of %zu bytes holds no reply",
			       nbytes);
	else if (!ret->id || ret->status)
		deliver_refused(c, msg, nbytes);
	else if (ret->id != w->id || ret->result != PALLOCD__V1__REPLY__RESULT_EVENTS)
		deliver_broken(c, PACLIENT_PROTOCOL, 0, "a watch was sent something but events");
	return !c->broken;
}

/* Return: 0, WATCH_E_NONE, or a status told to @e. */
static int frame_read(struct paclient_watch *w, struct paclient_error *e)
{
	struct paclient *c = w->client;
	struct wire_reply r;
	const uint8_t *msg;
	size_t nbytes;

	if (deliver_frame(c, &msg, &nbytes) && frame_check(w, msg, nbytes, &r)) {
		arena_reset(&c->arena);
		w->events = pallocd__v1__events__unpack(&c->arena.allocator, r.body_bytes, r.body);
		if (!w->events && c->arena.failed)
			return error_set(e, PACLIENT_OUT_OF_MEMORY, "no memory to read events");
		if (!w->events)
			deliver_broken(c, PACLIENT_PROTOCOL, 0,
				       "events have fields of wrong types");
	}
	if (c->broken) {
		*e = c->why;
		return c->broken;
	}
	if (!w->events)
		return WATCH_E_NONE;
	deliver_drop(c, nbytes);
	w->next = 0;
	w->lost += w->events->lost;
	return 0;
}

static void event_read(const Pallocd__V1__Event *from, struct paclient_event *to)
{
	*to = (struct paclient_event){.size = sizeof(*to),
				      .kind = (int)from->kind,
				      .cause = (int)from->cause,
				      .time_usec = from->time_usec,
				      .addr = from->addr,
				      .npages = from->npages,
				      .session_id = from->session,
				      .region_id = from->region_id,
				      .uid = from->uid,
				      .pid = from->pid,
				      .limit = from->limit,
				      .used = from->used,
				      .asked = from->asked};
	text_copy(to->text, sizeof(to->text), from->text);
}

/* The next one that has been received. A loss that no event follows is one by itself. */
static bool event_take(struct paclient_watch *w, struct paclient_event *to)
{
	if (w->events && w->next < w->events->n_events)
		event_read(w->events->events[w->next++], to);
	else if (w->events && w->lost)
		*to = (struct paclient_event){.size = sizeof(*to), .kind = PACLIENT_EVENT_LOST};
	else
		return false;
	to->lost = w->lost;
	w->lost = 0;
	return true;
}

/* Return: 0, or a status told to @e; TIMED_OUT is the only one after which the watch goes on. */
static int event_wait(struct paclient_watch *w, uint64_t deadline_ns, struct paclient_event *to,
		      struct paclient_error *e)
{
	while (!event_take(w, to)) {
		int status, err;

		events_free(w);
		status = frame_read(w, e);
		if (status > 0)
			return status;
		if (!status)
			continue;
		err = conn_receive(w->client, deadline_ns, false, false);
		if (err == CONN_E_LATE)
			return error_set(e, PACLIENT_TIMED_OUT, "no event has come in time");
		if (err)
			deliver_lost(w->client, err);
	}
	return 0;
}

static int watch_check(struct paclient_error *e, const paclient_watch *watch)
{
	if (!watch)
		return error_argument(e, "watch", "is NULL");
	if (!handle_is_ours(watch->client))
		return error_argument(e, "watch",
				      "was opened by another process: after fork open a new one");
	return 0;
}

int paclient_watch_next(paclient_watch *watch, struct paclient_event *ret_event, int timeout_ms,
			struct paclient_call *call)
{
	struct paclient_event event;
	uint64_t until = FOR_EVER_NS;
	CALL(k);
	int status = call_begin_with(&k, 1, call);

	if (!status)
		status = watch_check(k.error, watch);
	if (!status)
		status = call_result_check(&k, "ret_event", ret_event);
	if (status)
		return status;
	if (timeout_ms < -1)
		return error_argument(k.error, "timeout_ms", "must not be below -1");
	if (timeout_ms >= 0)
		until = conn_now_ns() + (uint64_t)timeout_ms * 1000000;
	status = event_wait(watch, until, &event, k.error);
	if (!status)
		call_result_give(&event, ret_event);
	return status;
}

int paclient_watch_run(paclient_watch *watch, paclient_event_fn *each, void *ctx,
		       struct paclient_call *call)
{
	struct paclient_event event;
	CALL(k);
	int status = call_begin_with(&k, 1, call);

	if (!status)
		status = watch_check(k.error, watch);
	if (status)
		return status;
	if (!each)
		return error_argument(k.error, "each", "is NULL");
	do
		status = event_wait(watch, FOR_EVER_NS, &event, k.error);
	while (!status && !each(&event, ctx));
	return status;
}

void paclient_watch_close(paclient_watch *watch)
{
	if (!watch)
		return;
	events_free(watch);
	handle_free(watch->client);
	free(watch);
}
