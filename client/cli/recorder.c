/*
 * recorder - from what happens in a region to a recording of it
 *
 * Role:       watches, begins with what is held, goes on after what was missed, ends when it is told to.
 * Uses:       trace.h, recording.h
 *
 * What is held at a moment is not to be had: a list takes several requests, and events come meanwhile. But all events are in one
 * order, and opening a session is one of them. So: first the watch, then the list, then a session. Until that session's event
 * comes, each event is applied to what the list has said, which may have seen it or not: afterwards it has happened either way,
 * and pages about which nothing came are as listed. The same session serves to end: what came before it is all that there was.
 */
#include "client/cli/trace.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/cli/recording.h"

/* How often it begins again where events are lost while it finds out what is held. */
#define SYNC_TRIES 20

/* A session's event is under way when its opener has been answered. */
#define MARK_MS 5000

/* Signals and the numbers for others are looked after once in so many events. */
#define TURN_EVENTS 4096

/* Where there is no mark: so long without an event is the end, and so many turns are, which is what the daemon keeps for us and more. */
#define LAST_MS 200
#define LAST_TURNS 16

#define BIT(kind) (UINT64_C(1) << (kind))

struct recorder {
	const struct recorder_task *task;
	const struct cli *cli;
	struct paclient_region region;
	paclient *pa;
	uint64_t reconnects; /* of pa, when it was looked at last */
	paclient_watch *watch;
	struct recording *rec;
	struct paclient_call call; /* what has failed */
	char failure[96];          /* why it cannot go on; "" = it can */
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* They come only where we wait, so that none is missed before. @ret_waiting: the mask for that. */
static void signals_set(sigset_t *ret_waiting)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = stop};
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		sigaction(ends[i], &action, NULL);
		sigaddset(&blocked, ends[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, ret_waiting);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		sigdelset(ret_waiting, ends[i]);
	signal(SIGPIPE, SIG_IGN);
	/* A limit of file sizes is an error of write(2) like others. */
	signal(SIGXFSZ, SIG_IGN);
}

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

__attribute__((format(printf, 2, 3))) static int cannot(struct recorder *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(r->failure, sizeof(r->failure), fmt, args);
	va_end(args);
	return -1;
}

static int call_failed(struct recorder *r, const char *what)
{
	return cannot(r, "%s: %s", what, paclient_status_name(r->call.error.status));
}

static void options_init(struct recorder *r, struct paclient_options *options)
{
	*options = (struct paclient_options)PACLIENT_OPTIONS_INIT;
	options->client_name = "paclient trace";
	options->timeout_ms = r->cli->timeout_ms;
	options->wait_for_daemon = r->cli->wait_for_daemon;
	call_init(r->cli, &r->call);
}

/* A session, and the region as it is now. Return: 0, or a status, in r->call. */
static int region_look(struct recorder *r)
{
	struct paclient_options options;
	int status = 0;

	options_init(r, &options);
	if (!r->pa) {
		status = paclient_open(cli_socket(r->cli), &options, &r->pa, &r->call);
		r->reconnects = 0;
	}
	r->region.size = sizeof(r->region);
	if (!status)
		status = paclient_region_by_name(r->pa, r->task->region, &r->region, &r->call);
	return status;
}

static int watch_begin(struct recorder *r)
{
	struct paclient_watch_filter filter = PACLIENT_WATCH_FILTER_INIT;
	struct paclient_options options;

	options_init(r, &options);
	/* Of all regions: the ends of sessions are told only so. */
	filter.kinds = BIT(PACLIENT_EVENT_ALLOC) | BIT(PACLIENT_EVENT_FREE) |
		       BIT(PACLIENT_EVENT_SESSION_OPEN) | BIT(PACLIENT_EVENT_SESSION_END) |
		       BIT(PACLIENT_EVENT_HANDOVER) | BIT(PACLIENT_EVENT_RECLAIM);
	return paclient_watch_open(cli_socket(r->cli), &options, &filter, &r->watch, &r->call);
}

/* An event of our own: a session that opens, and is over. Return: its id, 0 where there is no daemon. */
static uint64_t mark(struct recorder *r)
{
	struct paclient_options options;
	paclient *pa = NULL;
	uint64_t id;

	options_init(r, &options);
	if (paclient_open(cli_socket(r->cli), &options, &pa, &r->call))
		return 0;
	id = paclient_session_id(pa);
	paclient_close(pa);
	return id;
}

static bool is_mark(const struct paclient_event *e, uint64_t mark)
{
	return e->kind == PACLIENT_EVENT_SESSION_OPEN && e->session_id == mark;
}

/* The kinds that are of use, of this region and of sessions. */
static bool is_ours(const struct recorder *r, const struct paclient_event *e)
{
	if (e->kind == PACLIENT_EVENT_SESSION_END)
		return true;
	return e->region_id == r->region.id && e->kind != PACLIENT_EVENT_SESSION_OPEN &&
	       e->kind != PACLIENT_EVENT_LOST;
}

static uint64_t page_of(const struct recorder *r, uint64_t addr)
{
	return (addr - r->region.base_addr) / r->region.page_size_bytes;
}

/* So it is from now on, whatever was known of these pages. Return: 0, -ENOMEM. */
static int seen_put(struct holdings *seen, struct held x, bool held)
{
	struct held was;
	int more;

	while ((more = holdings_cut(seen, x.begin, x.end, &was)) > 0)
		;
	return more || !held ? more : holdings_put(seen, &x);
}

static int seen_event(struct recorder *r, struct holdings *seen, const struct paclient_event *e)
{
	uint64_t begin = page_of(r, e->addr);
	struct held x = {.begin = begin,
			 .end = begin + e->npages,
			 .holder = {.detached = !e->session_id,
				    .number = e->session_id ? e->session_id : e->uid}};

	if (e->kind == PACLIENT_EVENT_SESSION_END)
		return 0;
	return seen_put(seen, x,
			e->kind == PACLIENT_EVENT_ALLOC || e->kind == PACLIENT_EVENT_HANDOVER);
}

struct listing {
	struct recorder *r;
	struct holdings *seen;
	int err;
};

static int listed(const struct paclient_extent *x, void *ctx)
{
	struct listing *l = ctx;
	uint64_t begin = page_of(l->r, x->addr);

	l->err = seen_put(
		l->seen,
		(struct held){.begin = begin,
			      .end = begin + x->npages,
			      .holder = {.detached = !x->session_id,
					 .number = x->session_id ? x->session_id : x->uid}},
		true);
	return l->err;
}

static int recorder_lost(struct recorder *r, const struct paclient_event *e);

/* Up to the mark each event has happened. Return: 0, 1 where some were lost, -1. */
static int seen_catch_up(struct recorder *r, struct holdings *seen, uint64_t until)
{
	struct paclient_event e;

	for (;;) {
		e.size = sizeof(e);
		if (paclient_watch_next(r->watch, &e, MARK_MS, &r->call))
			return call_failed(r, "no events come");
		if (e.lost)
			return recorder_lost(r, &e) ? -1 : 1;
		if (is_mark(&e, until))
			return 0;
		if (is_ours(r, &e) && seen_event(r, seen, &e))
			return cannot(r, "no memory");
	}
}

/* Return: 0, 1 for another try, -1. */
static int sync_try(struct recorder *r, struct holdings *seen)
{
	struct listing l = {.r = r, .seen = seen};
	uint64_t until;
	int status;

	status = region_look(r);
	if (!status)
		status = paclient_list_each(r->pa, r->region.id, NULL, listed, &l, &r->call);
	if (l.err)
		return cannot(r, "no memory");
	until = status ? 0 : mark(r);
	if (!until)
		return call_failed(r, "cannot find out what is held");
	return seen_catch_up(r, seen, until);
}

static int recorder_sync(struct recorder *r)
{
	struct holdings seen = {0};
	int err = 1;

	for (int i = 0; err > 0 && i < SYNC_TRIES; i++) {
		holdings_deinit(&seen);
		err = sync_try(r, &seen);
	}
	if (err > 0)
		err = cannot(r, "events are lost faster than the region can be listed");
	if (!err && !r->rec) {
		r->rec = recording_new(r->task->fd, &r->region, r->task->bytes_max);
		if (!r->rec)
			err = cannot(r, "no memory");
	}
	if (!err && recording_sync(r->rec, &seen, now_usec()))
		err = cannot(r, "no memory");
	holdings_deinit(&seen);
	return err;
}

/* Something was missed: too slow, or the daemon was started again, which the session at hand tells. Return: 0, -1. */
static int recorder_lost(struct recorder *r, const struct paclient_event *e)
{
	struct trace_state *s = r->task->state;
	uint64_t lost = e->lost;
	bool restarted;

	call_init(r->cli, &r->call);
	restarted = paclient_keep(r->pa, &r->call) || paclient_reconnects(r->pa) != r->reconnects;
	if (restarted) {
		lost--;
		s->restarts++;
		if (r->rec)
			recording_restart(r->rec);
		/* Its session may be over. */
		paclient_close(r->pa);
		r->pa = NULL;
		if (region_look(r))
			return call_failed(r, "the daemon was started again");
	}
	s->lost += lost;
	if (lost && r->rec)
		recording_lost(r->rec, lost);
	return 0;
}

static void state_write(const struct recorder *r)
{
	struct trace_state *s = r->task->state;
	struct recording_totals t;

	recording_totals(r->rec, &t);
	s->bytes = t.bytes;
	s->nsessions = t.nsessions;
	s->nallocs = t.nallocs;
	s->nfrees = t.nfrees;
	s->peak_npages = t.peak_npages;
}

static int event_take(struct recorder *r, const struct paclient_event *e)
{
	if (e->lost && (recorder_lost(r, e) || recorder_sync(r)))
		return -1;
	/* What came with a loss is in what was found out then. */
	if (e->lost || !is_ours(r, e))
		return 0;
	if (recording_event(r->rec, e))
		return cannot(r, "no memory");
	r->task->state->events += e->kind != PACLIENT_EVENT_SESSION_END;
	return 0;
}

/* Up to @nevents of what has come, and the mark, if there is one. Return: 0, 1 where there is nothing more, -1. */
static int drain(struct recorder *r, size_t nevents, int timeout_ms, uint64_t until)
{
	struct paclient_event e;

	while (nevents-- && !recording_over(r->rec)) {
		int status;

		e.size = sizeof(e);
		status = paclient_watch_next(r->watch, &e, timeout_ms, &r->call);
		if (status == PACLIENT_TIMED_OUT)
			return 1;
		if (status)
			return call_failed(r, "the daemon is gone");
		if (event_take(r, &e))
			return -1;
		/* Lost events may be among those of the mark; what came of them is there then. */
		if (until && (is_mark(&e, until) || e.lost))
			return 1;
	}
	return 0;
}

static void record(struct recorder *r, const sigset_t *waiting)
{
	struct pollfd fd = {.fd = paclient_watch_fd(r->watch), .events = POLLIN};
	struct timespec at_once = {0};
	int done = 0;
	uint64_t until;

	while (done >= 0 && !stopped && !recording_over(r->rec)) {
		done = drain(r, TURN_EVENTS, 0, 0);
		if (done)
			recording_flush(r->rec);
		state_write(r);
		if (done >= 0 && !recording_over(r->rec))
			ppoll(&fd, 1, done ? NULL : &at_once, waiting);
	}
	if (done < 0 || recording_over(r->rec))
		return;
	until = mark(r);
	/* Without another session, because of a quota or for want of a daemon: as much as comes. */
	for (int i = 0; i < LAST_TURNS || until; i++) {
		if (drain(r, TURN_EVENTS, until ? MARK_MS : LAST_MS, until) ||
		    recording_over(r->rec))
			break;
	}
}

static void recorder_end(struct recorder *r)
{
	struct trace_state *s = r->task->state;

	recording_end(r->rec, r->failure[0] ? r->failure : "stopped");
	state_write(r);
	snprintf(s->reason, sizeof(s->reason), "%s", recording_over(r->rec));
	s->failed = strcmp(s->reason, "stopped") != 0 && strcmp(s->reason, "--max-bytes") != 0;
	__atomic_store_n(&s->ended, 1, __ATOMIC_RELEASE);
}

static void recorder_deinit(struct recorder *r)
{
	recording_free(r->rec);
	paclient_watch_close(r->watch);
	paclient_close(r->pa);
}

int recorder_run(const struct recorder_task *task)
{
	CLEANUP(recorder_deinit) struct recorder r = {.task = task, .cli = task->cli};
	sigset_t waiting;

	signals_set(&waiting);
	if (region_look(&r) || watch_begin(&r))
		return call_error(r.cli, &r.call.error);
	if (recorder_sync(&r))
		return system_error(r.cli, "%s", r.failure);
	task->state->started_usec = now_usec();
	recording_flush(r.rec);
	state_write(&r);
	if (recording_over(r.rec))
		return system_error(r.cli, "%s", recording_over(r.rec));
	if (!task->ready(task->ctx))
		return paclient_status_exit_code(PACLIENT_SYSTEM);
	record(&r, &waiting);
	recorder_end(&r);
	return 0;
}
