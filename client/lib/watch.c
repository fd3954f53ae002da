/*
 * watch - events, one after the other
 *
 * Role:       the public calls that open a watch, wait for events and show them.
 * Uses:       call, conn, deliver, frame, link, arena, text
 * Invariants: A1  the arena belongs to `events` as long as that is there: links are made when it is not.
 *             A2  a frame stays in `in` until it has been read: what finds no memory is tried again.
 * Cost:       no memory beyond the handle's for frames of usual length; one receive for many events.
 *
 * Until its Watch has been answered a watch is a handle like others; from then on nobody asks anything on it, and frames are
 * read here, one at a time (H6). What a program does not ask for stays in the socket, and then in the daemon, which counts
 * what it must drop.
 *
 * A program that polls the descriptor first would wait in vain for events that had come with the WatchReply and were received
 * with it: until then nothing is received beyond the frame that comes in.
 *
 * What such a program polls is a descriptor of the watch's own, behind which stands the connection or, where that is lost, the
 * time of the next try: it stays the same whatever becomes of the connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "client/lib/call.h"
#include "client/lib/conn.h"
#include "client/lib/deliver.h"
#include "client/lib/frame.h"
#include "client/lib/link.h"
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
	bool marked; /* of these one is the time without a connection: it is told without an event, too */

	int poll_fd;
	int polled; /* what stands behind it; -1: nothing */
	int timer;  /* -1 until a connection is lost */
	bool asked; /* the Watch has been sent on another connection, and is not answered */
	uint64_t again_until_ns; /* another connection is tried for so long */
	uint8_t *ask;            /* the Watch's frame */
	size_t nask;
};

/* Behind each way in which a connection can be lost; the first of them begins the time of trying. */
static void connection_lost(struct paclient_watch *w, int err);

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

/* To be sent on other connections, too. */
static int ask_keep(struct call *k, struct paclient_watch *w)
{
	size_t nbytes = pallocd__v1__request__get_packed_size(k->request);

	w->nask = PALLOCD_FRAME_HEADER_BYTES + nbytes;
	w->ask = malloc(w->nask);
	if (!w->ask)
		return error_set(k->error, PACLIENT_OUT_OF_MEMORY, "no memory for a watch");
	wire_u32_pack((uint32_t)nbytes, w->ask);
	pallocd__v1__request__pack(k->request, w->ask + PALLOCD_FRAME_HEADER_BYTES);
	return 0;
}

static int watch_ask(struct call *k, struct paclient_watch *w,
		     const struct paclient_watch_filter *f)
{
	int status;

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
	status = call_message(k, &request, PALLOCD__V1__REPLY__RESULT_WATCH, take_watch);
	return status ? status : ask_keep(k, w);
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

/* The handle is another thing's. */
static void watch_free(struct paclient_watch *w)
{
	if (w->poll_fd >= 0)
		close(w->poll_fd);
	if (w->timer >= 0)
		close(w->timer);
	free(w->ask);
	free(w);
}

static void watch_freep(struct paclient_watch **w)
{
	if (*w)
		watch_free(*w);
}

static int system_failed(struct paclient_error *e, const char *what)
{
	int err = errno;

	error_set(e, PACLIENT_SYSTEM, "%s: %s", what, strerror(err));
	e->system_errno = err;
	return PACLIENT_SYSTEM;
}

/* @fd stands behind the descriptor that is polled; -1: nothing does. Before what stands there is closed: a forked child may have it still. */
static int poll_set(struct paclient_watch *w, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};

	if (fd == w->polled)
		return 0;
	if (w->polled >= 0)
		epoll_ctl(w->poll_fd, EPOLL_CTL_DEL, w->polled, NULL);
	w->polled = -1;
	if (fd >= 0 && epoll_ctl(w->poll_fd, EPOLL_CTL_ADD, fd, &ev))
		return -errno;
	w->polled = fd;
	return 0;
}

static int watch_new(struct paclient_error *e, struct paclient_watch **ret)
{
	struct paclient_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return error_set(e, PACLIENT_OUT_OF_MEMORY, "no memory for a watch");
	w->timer = w->polled = -1;
	w->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	*ret = w;
	return w->poll_fd < 0 ? system_failed(e, "cannot make a descriptor to poll") : 0;
}

int paclient_watch_open(const char *socket_path, const struct paclient_options *options,
			const struct paclient_watch_filter *filter, paclient_watch **ret_watch,
			struct paclient_call *call)
{
	__attribute__((cleanup(watch_freep))) struct paclient_watch *w = NULL;
	struct paclient_watch_filter f;
	CALL(k);
	int status = call_begin_with(&k, 1, call);

	if (!status)
		status = filter_read(k.error, filter, &f);
	if (status)
		return status;
	if (!ret_watch)
		return error_argument(k.error, "ret_watch", "is NULL");
	status = watch_new(k.error, &w);
	if (!status)
		status = handle_open(&k, call, socket_path, options, true);
	if (status)
		return status;
	status = watch_ask(&k, w, &f);
	if (!status && poll_set(w, k.client->fd))
		status = system_failed(k.error, "cannot poll the connection");
	if (status) {
		handle_free(k.client);
		return status;
	}
	w->client = k.client;
	w->id = k.awaited.id;
	*ret_watch = w;
	w = NULL;
	return 0;
}

int paclient_watch_fd(const paclient_watch *watch)
{
	return watch ? watch->poll_fd : -1;
}

static void events_free(struct paclient_watch *w)
{
	if (w->events)
		pallocd__v1__events__free_unpacked(w->events, &w->client->arena.allocator);
	w->events = NULL;
}

/* From here on it is told again what happens: between the one connection and the other something may have. */
static void asked_check(struct paclient_watch *w, const struct wire_reply *r)
{
	if (r->id != w->id || r->result != PALLOCD__V1__REPLY__RESULT_WATCH) {
		deliver_broken(w->client, PACLIENT_PROTOCOL, 0,
			       "the daemon answered a Watch by something else");
		return;
	}
	w->asked = false;
	w->again_until_ns = 0;
	w->lost++;
	w->marked = true;
}

/* Does the frame hold events, or the answer to a Watch? If not, the connection is over. */
static bool frame_check(struct paclient_watch *w, const uint8_t *msg, size_t nbytes,
			struct wire_reply *ret)
{
	struct paclient *c = w->client;

	if (wire_reply_scan(msg, nbytes, ret))
		deliver_broken(c, PACLIENT_PROTOCOL, 0, "a frame of %zu bytes holds no reply",
			       nbytes);
	else if (!ret->id && ret->status == PACLIENT_OVERLOADED && link_can(c))
		connection_lost(w, CONN_E_END);
	else if (!ret->id || ret->status)
		deliver_refused(c, msg, nbytes);
	else if (w->asked)
		asked_check(w, ret);
	else if (ret->id != w->id || ret->result != PALLOCD__V1__REPLY__RESULT_EVENTS)
		deliver_broken(c, PACLIENT_PROTOCOL, 0, "a watch was sent something but events");
	return !c->broken && c->link == LINK_UP;
}

/* Return: 0, WATCH_E_NONE, or a status told to @e. */
static int frame_read(struct paclient_watch *w, struct paclient_error *e)
{
	struct paclient *c = w->client;
	struct wire_reply r;
	const uint8_t *msg;
	size_t nbytes;

	if (c->link != LINK_UP && !c->broken)
		return WATCH_E_NONE;
	if (deliver_frame(c, &msg, &nbytes) && frame_check(w, msg, nbytes, &r)) {
		if (r.result == PALLOCD__V1__REPLY__RESULT_WATCH) {
			deliver_drop(c, nbytes);
			return 0;
		}
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
				      .asked = from->asked,
				      .first_fit = from->first_fit};
	text_copy(to->text, sizeof(to->text), from->text);
}

/* The next one that has been received. A loss that no event follows is one by itself. */
static bool event_take(struct paclient_watch *w, struct paclient_event *to)
{
	if (w->events && w->next < w->events->n_events)
		event_read(w->events->events[w->next++], to);
	else if (w->marked || (w->events && w->lost))
		*to = (struct paclient_event){.size = sizeof(*to), .kind = PACLIENT_EVENT_LOST};
	else
		return false;
	to->lost = w->lost;
	w->lost = 0;
	w->marked = false;
	return true;
}

static void connection_lost(struct paclient_watch *w, int err)
{
	struct paclient *c = w->client;
	uint64_t ms = (uint64_t)c->timeout_ms;

	(void)poll_set(w, -1);
	w->asked = false;
	/* As long as sessions wait for their clients, at least. */
	if (ms < c->restart_grace_ms)
		ms = c->restart_grace_ms;
	if (!w->again_until_ns)
		w->again_until_ns = conn_now_ns() + ms * 1000000;
	if (c->link == LINK_UP)
		deliver_lost(c, err);
}

/* On a new connection its buffer is empty. */
static void ask_again(struct paclient_watch *w)
{
	struct paclient *c = w->client;
	int err;

	memcpy(conn_reserve(c, w->nask), w->ask, w->nask);
	w->asked = true;
	err = conn_flush(c);
	if (!err)
		err = poll_set(w, c->fd);
	if (err)
		deliver_broken(c, PACLIENT_SYSTEM, -err, "cannot watch: %s", strerror(-err));
}

/* One step towards another connection. A deadline that has passed allows for one, too. Return: 0, CONN_E_LATE. */
static int connection_again(struct paclient_watch *w, uint64_t deadline_ns)
{
	struct paclient *c = w->client;
	uint64_t now = conn_now_ns(), soon = now + 1000000;
	uint64_t until = deadline_ns < w->again_until_ns ? deadline_ns : w->again_until_ns;
	int err;

	if (now >= w->again_until_ns) {
		deliver_broken(c, PACLIENT_DISCONNECTED, c->link_errno,
			       "the daemon closed the connection, and none answers in its place");
		return 0;
	}
	if (c->link == LINK_DOWN && c->dial_at_ns <= now && until < soon)
		until = soon;
	(void)poll_set(w, -1);
	err = link_step(c, until);
	link_stepped(c, err);
	if (c->link == LINK_UP && !c->broken)
		ask_again(w);
	return err == CONN_E_LATE && until == deadline_ns ? CONN_E_LATE : 0;
}

/* Nothing has come: what is to be polled until something does? */
static int event_none(struct paclient_watch *w, struct paclient_error *e)
{
	struct itimerspec at = {.it_value = {0, 1}};
	struct paclient *c = w->client;
	uint64_t ns = c->dial_at_ns;
	int fd = c->fd;

	if (c->link == LINK_DOWN) {
		if (w->timer < 0)
			w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
		fd = w->timer;
		if (ns)
			at.it_value = (struct timespec){(time_t)(ns / 1000000000),
							(long)(ns % 1000000000)};
		if (fd < 0 || timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL))
			return system_failed(e, "cannot wait for the daemon to come back");
	}
	if (poll_set(w, fd))
		return system_failed(e, "cannot poll the connection");
	return error_set(e, PACLIENT_TIMED_OUT, "no event has come in time");
}

/* Return: 0, or a status told to @e; TIMED_OUT is the only one after which the watch goes on. */
static int event_wait(struct paclient_watch *w, uint64_t deadline_ns, struct paclient_event *to,
		      struct paclient_error *e)
{
	while (!event_take(w, to)) {
		struct paclient *c = w->client;
		int status, err;

		events_free(w);
		status = frame_read(w, e);
		if (status > 0)
			return status;
		if (!status)
			continue;
		err = c->link == LINK_UP ? conn_receive(c, deadline_ns, false, false)
					 : connection_again(w, deadline_ns);
		if (err == CONN_E_LATE)
			return event_none(w, e);
		if (err)
			connection_lost(w, err);
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
	watch_free(watch);
}
