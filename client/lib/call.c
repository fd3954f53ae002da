/*
 * call - one request
 *
 * Role:       see call.h; the picture of reader and sleepers is in handle.h.
 * Uses:       conn, deliver, frame, late, link, op, pump, error
 * Cost:       two system calls in the steady state: send and receive.
 */
#include "client/lib/call.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/lib/conn.h"
#include "client/lib/deliver.h"
#include "client/lib/frame.h"
#include "client/lib/late.h"
#include "client/lib/link.h"
#include "client/lib/op.h"
#include "client/lib/pump.h"

#define NSEC_PER_MSEC 1000000u

/* Outcome of waiting: the call's time is up. */
#define CALL_E_LATE 1

/* Outcome of putting a request into `out`, beside a status: it has to wait for room, or for a connection. */
#define CALL_E_ROOM (-1)

/* What the first version had: everything up to error.addr. */
#define CALL_BYTES_MIN offsetof(struct paclient_call, error.placed_npages)

/* With all of the error. Before there was anything behind it, its size was rounded up to this. */
#define CALL_BYTES_ERROR offsetof(struct paclient_call, done)

/* The caller's error has no room for ours. */
static void call_begin_older(struct call *k, struct paclient_call *user)
{
	memset(&k->scratch, 0, sizeof(k->scratch));
	k->older = &user->error;
	k->older_bytes = user->size - offsetof(struct paclient_call, error);
}

void call_end(struct call *k)
{
	if (k->older)
		memcpy(k->older, &k->scratch, k->older_bytes);
}

int call_struct(struct paclient_error *e, const char *name, const void *from, void *to,
		size_t nbytes)
{
	const unsigned char *bytes = from;
	size_t size;

	memcpy(&size, from, sizeof(size));
	if (size < sizeof(size))
		return error_argument(e, name, "must have its size set");
	for (size_t i = nbytes; i < size; i++) {
		if (bytes[i])
			return error_argument(e, name, "asks for what this version does not know");
	}
	memcpy(to, from, size < nbytes ? size : nbytes);
	return 0;
}

int call_result_check(struct call *k, const char *name, const void *to)
{
	size_t size = 0;

	if (to)
		memcpy(&size, to, sizeof(size));
	if (size < sizeof(size))
		return error_argument(k->error, name, "is NULL or its size is not set");
	return 0;
}

void call_result_give(const void *from, void *to)
{
	size_t ours, theirs, size;

	memcpy(&ours, from, sizeof(ours));
	memcpy(&theirs, to, sizeof(theirs));
	size = theirs < ours ? theirs : ours;
	memcpy(to, from, size);
	memcpy(to, &size, sizeof(size));
}

int call_begin_with(struct call *k, int timeout_ms, struct paclient_call *user)
{
	ring_init(&k->awaited.ring);
	k->awaited.late = false;
	ring_init(&k->asleep);
	k->client = NULL;
	k->error = &k->scratch;
	k->older = NULL;
	k->request = NULL;
	k->take = NULL;
	k->ret_addrs = NULL;
	k->scatter_max = 0;
	k->to = NULL;
	k->to_bytes = 0;
	k->op = NULL;
	k->user = NULL;
	k->status = 0;
	k->answered = 0;
	k->done = k->repeated = k->sleeps = false;
	k->fresh = true;
	if (user) {
		if (user->size < CALL_BYTES_MIN)
			return PACLIENT_BAD_ARGUMENT;
		if (user->size < CALL_BYTES_ERROR)
			call_begin_older(k, user);
		else
			k->error = &user->error;
		if (user->size >= sizeof(*user) && user->done)
			k->user = user;
		k->error->status = 0;
		k->error->message[0] = '\0';
		if (user->timeout_ms < 0)
			return error_argument(k->error, "timeout_ms", "must not be negative");
		if (user->timeout_ms)
			timeout_ms = user->timeout_ms;
	}
	k->timeout_ms = timeout_ms;
	k->deadline_ns = conn_deadline_ns(timeout_ms);
	return 0;
}

int call_begin_either(struct call *k, struct paclient *client, struct paclient_call *user)
{
	int status = call_begin_with(k, client ? client->timeout_ms : 1, user);

	if (status)
		return status;
	k->client = client;
	if (!client)
		return error_argument(k->error, "client", "is NULL");
	if (!handle_is_ours(client))
		return error_argument(k->error, "client",
				      "was opened by another process: after fork open a new one");
	if (k->user && k->user->op)
		return error_argument(k->error, "call", "is in use: it is not over yet");
	return 0;
}

int call_begin(struct call *k, struct paclient *client, struct paclient_call *user)
{
	int status = call_begin_either(k, client, user);

	if (!status && k->user)
		return error_argument(k->error, "call.done",
				      "must be NULL: this call can only be waited for");
	return status;
}

void call_again(struct call *k)
{
	k->done = k->repeated = false;
	k->fresh = false;
}

void call_restart(struct call *k)
{
	call_again(k);
	k->fresh = true;
	k->deadline_ns = conn_deadline_ns(k->timeout_ms);
}

uint64_t call_wait(struct call *k, int wait_ms, const struct paclient_call *user)
{
	if (user && user->timeout_ms)
		return (uint64_t)(wait_ms < k->timeout_ms ? wait_ms : k->timeout_ms);
	if (__builtin_add_overflow(k->timeout_ms, wait_ms, &k->timeout_ms))
		k->timeout_ms = INT_MAX;
	k->deadline_ns += (uint64_t)wait_ms * NSEC_PER_MSEC;
	return (uint64_t)wait_ms;
}

int call_needs(struct call *k, int feature, const char *what)
{
	if (paclient_has(k->client, feature))
		return 0;
	error_set(k->error, PACLIENT_UNKNOWN_VERB, "the daemon is too old for %s: it is %s", what,
		  k->client->server);
	snprintf(k->error->field, sizeof(k->error->field), "%s", what);
	return PACLIENT_UNKNOWN_VERB;
}

int call_no_memory(struct call *k)
{
	return error_set(k->error, PACLIENT_OUT_OF_MEMORY, "no memory for the result");
}

static int call_late(struct call *k)
{
	return error_set(k->error, PACLIENT_TIMED_OUT, "no reply within %d ms", k->timeout_ms);
}

/* The same under the lock, where more is known. */
int call_late_why(struct call *k)
{
	struct paclient *c = k->client;

	call_late(k);
	if (c->link == LINK_UP)
		return PACLIENT_TIMED_OUT;
	error_more(k->error, c->link_errno ? "the connection is lost, and no daemon answers"
					   : "the connection is lost, and not yet made anew");
	k->error->system_errno = c->link_errno;
	return PACLIENT_TIMED_OUT;
}

static int call_lock(struct call *k)
{
	struct timespec until;

	if (pthread_mutex_trylock(&k->client->lock) == 0) {
		k->fresh = k->fresh && k->timeout_ms == k->client->timeout_ms;
		return 0;
	}
	k->fresh = false;
	until = (struct timespec){.tv_sec = (time_t)(k->deadline_ns / 1000000000),
				  .tv_nsec = (long)(k->deadline_ns % 1000000000)};
	if (pthread_mutex_clocklock(&k->client->lock, CLOCK_MONOTONIC, &until))
		return call_late(k);
	return 0;
}

static int call_sleep(struct call *k)
{
	struct timespec until = {.tv_sec = (time_t)(k->deadline_ns / 1000000000),
				 .tv_nsec = (long)(k->deadline_ns % 1000000000)};
	struct paclient *c = k->client;
	int err;

	if (!k->sleeps) {
		pthread_cond_init(&k->wake, NULL);
		k->sleeps = true;
	}
	ring_add_tail(&c->sleepers, &k->asleep);
	err = pthread_cond_clockwait(&k->wake, &c->lock, CLOCK_MONOTONIC, &until);
	ring_remove(&k->asleep);
	return err == ETIMEDOUT ? CALL_E_LATE : 0;
}

/* Until something may have changed. Under the lock, before and after. */
static int call_pause(struct call *k)
{
	int err;

	if (k->client->reading) {
		err = call_sleep(k);
	} else {
		bool fresh = k->fresh;

		k->fresh = false;
		err = k->client->link == LINK_UP ? pump_read(k->client, k->deadline_ns, fresh)
						 : pump_link(k->client, k->deadline_ns);
		err = err ? CALL_E_LATE : 0;
	}
	if (k->done || k->client->broken)
		return 0;
	/* Replies to others that keep coming must not keep us. */
	return err || conn_now_ns() >= k->deadline_ns ? CALL_E_LATE : 0;
}

/* Can what comes with the reply be kept? */
static int attach_room(struct call *k)
{
	if (!frame_attaches(k) || k->client->fds.nids < FDS_MAX)
		return 0;
	error_set(k->error, PACLIENT_LIMIT, "%u attaches are in flight, more may not be", FDS_MAX);
	k->error->limit = FDS_MAX;
	return PACLIENT_LIMIT;
}

/* Behind all that is sent again. */
static bool call_may_send(const struct paclient *c, size_t nbytes)
{
	return c->link == LINK_UP && !handle_resending(c) &&
	       conn_room(c) >= PALLOCD_FRAME_HEADER_BYTES + nbytes;
}

bool call_refused(struct call *k)
{
	const struct paclient *c = k->client;

	if (c->broken)
		*k->error = c->why;
	else if (c->ending)
		error_argument(k->error, "client", "is being closed");
	return c->broken || c->ending;
}

int call_measure(struct call *k, size_t *ret_nbytes)
{
	struct paclient *c = k->client;

	k->answered = frame_answered(c);
	*ret_nbytes = frame_bytes(k, c->id_last + 1);
	if (*ret_nbytes <= c->frame_bytes_max)
		return 0;
	error_set(k->error, PACLIENT_LIMIT, "the request has %zu bytes of at most %zu", *ret_nbytes,
		  c->frame_bytes_max);
	k->error->asked = *ret_nbytes;
	k->error->limit = c->frame_bytes_max;
	return PACLIENT_LIMIT;
}

/* Its request into `out`. Return: 0, CALL_E_ROOM, or a status told to k->error. */
static int call_put(struct call *k)
{
	struct paclient *c = k->client;
	size_t nbytes;

	if (frame_is_few(k) && c->frame_bytes_max >= WIRE_FEW_BYTES &&
	    call_may_send(c, WIRE_FEW_BYTES)) {
		k->answered = frame_answered(c);
		frame_put_few(k, c->id_last + 1);
		return 0;
	}
	if (call_measure(k, &nbytes))
		return PACLIENT_LIMIT;
	if (!call_may_send(c, nbytes))
		return CALL_E_ROOM;
	if (attach_room(k))
		return PACLIENT_LIMIT;
	frame_pack(k, frame_begin(c, nbytes));
	return 0;
}

/* Into `out`, and from there as far as the socket takes it. */
static int call_submit(struct call *k)
{
	struct paclient *c = k->client;
	int err;

	for (;;) {
		if (call_refused(k))
			return k->error->status;
		if (!ring_empty(&c->lates))
			late_give_back(c);
		err = call_put(k);
		if (!err)
			break;
		if (err != CALL_E_ROOM)
			return err;
		c->nwait_room++;
		err = call_pause(k);
		c->nwait_room--;
		if (err)
			return call_late_why(k);
	}
	if (k->answered)
		c->answered = k->answered;
	k->awaited.id = ++c->id_last;
	if (frame_attaches(k))
		fds_expect(&c->fds, k->awaited.id);
	ring_add_tail(&c->flight, &k->awaited.ring);
	pump_flush(c);
	return 0;
}

static int call_await(struct call *k)
{
	while (!k->done) {
		if (call_pause(k) && !k->done) {
			late_add(k->client, k);
			return call_late_why(k);
		}
	}
	return k->status;
}

/* Under the lock, which is left. */
static void call_leave(struct call *k)
{
	struct paclient *c = k->client;

	pump_wake(c);
	pthread_mutex_unlock(&c->lock);
	if (k->sleeps)
		pthread_cond_destroy(&k->wake);
	k->sleeps = false;
}

static int call_run(struct call *k)
{
	int status = call_lock(k);

	if (status)
		return status;
	if (k->user) {
		status = op_submit(k);
	} else {
		status = call_submit(k);
		if (!status)
			status = call_await(k);
	}
	call_leave(k);
	return status;
}

/* Whoever reads sees by himself that the connection is lost. What has come before that is read first. */
static int keep(struct call *k)
{
	struct paclient *c = k->client;

	while (!c->broken) {
		if (c->link == LINK_UP && !handle_resending(c) && (c->reading || !link_gone(c)))
			return 0;
		if (call_pause(k))
			return call_late_why(k);
	}
	*k->error = c->why;
	return c->broken;
}

int call_keep(struct call *k)
{
	int status = call_lock(k);

	if (status)
		return status;
	k->client->nwait_room++;
	status = keep(k);
	k->client->nwait_room--;
	call_leave(k);
	return status;
}

int call_message(struct call *k, Pallocd__V1__Request *request, uint32_t result,
		 int (*take)(struct call *k, const Pallocd__V1__Reply *reply))
{
	k->request = request;
	k->result = result;
	k->take = take;
	return call_run(k);
}

int call_extents(struct call *k)
{
	k->result = k->extents.addrs ? PALLOCD__V1__REPLY__RESULT_FREE
				     : PALLOCD__V1__REPLY__RESULT_ALLOC;
	return call_run(k);
}

void call_post(struct paclient *c, Pallocd__V1__Request *request)
{
	size_t nbytes;

	request->id = ++c->id_last;
	nbytes = pallocd__v1__request__get_packed_size(request);
	if (conn_room(c) < PALLOCD_FRAME_HEADER_BYTES + nbytes)
		return;
	pallocd__v1__request__pack(request, frame_begin(c, nbytes));
	pump_flush(c);
}
