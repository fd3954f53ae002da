/*
 * deliver - received frames to the calls that wait for them
 *
 * Role:       see deliver.h.
 * Uses:       wire, arena, conn, frame, late, link, error
 */
#include "client/lib/deliver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/lib/cache.h"
#include "client/lib/conn.h"
#include "client/lib/error.h"
#include "client/lib/frame.h"
#include "client/lib/late.h"
#include "client/lib/link.h"
#include "client/lib/op.h"

void deliver_done(struct call *k, int status)
{
	ring_remove(&k->awaited.ring);
	k->status = status;
	k->done = true;
	if (k->op)
		op_over(k->op);
	else if (k->sleeps)
		pthread_cond_signal(&k->wake);
}

static void all_done(struct paclient *c)
{
	struct ring *r;

	late_forget(c);
	while (!ring_empty(&c->flight)) {
		struct call *k = CALL_OF(AWAITED(c->flight.next));

		*k->error = c->why;
		if (c->broken == PACLIENT_DISCONNECTED && frame_may_be_done(k))
			error_more(k->error, "it is not known whether this was done");
		deliver_done(k, c->broken);
	}
	/* Those that wait for room to send are asleep without being in flight. */
	for (r = c->sleepers.next; r != &c->sleepers; r = r->next)
		pthread_cond_signal(&RING_ITEM(r, struct call, asleep)->wake);
}

/* Under the lock: from here on the handle knows only one answer. */
static void broken(struct paclient *c)
{
	c->broken = c->why.status;
	c->out_start = c->out_end = 0;
	all_done(c);
}

void deliver_broken(struct paclient *c, int status, int system_errno, const char *fmt, ...)
{
	char message[sizeof(c->why.message)];
	va_list args;

	if (c->broken)
		return;
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	error_set(&c->why, status, "%s", message);
	c->why.system_errno = system_errno;
	broken(c);
}

void deliver_lost(struct paclient *c, int err)
{
	if (err != CONN_E_END && err != -ECONNRESET && err != -EPIPE)
		deliver_broken(c, PACLIENT_SYSTEM, -err, "cannot receive: %s", strerror(-err));
	else if (link_can(c))
		link_lost(c, err);
	else
		deliver_broken(c, PACLIENT_DISCONNECTED, err < 0 ? -err : 0,
			       "the daemon closed the connection");
}

/* Has it done what was asked for before, and forgotten what came of it? */
static int repeated_refused(struct call *k, int status)
{
	if (status != PACLIENT_INVALID || !k->repeated || strcmp(k->error->field, "id") != 0)
		return status;
	return error_set(k->error, PACLIENT_DISCONNECTED,
			 "the connection was lost when this was done, and the daemon does not "
			 "remember what came of it");
}

/* Result or refusal by protobuf-c. */
static int take_message(struct call *k, const struct wire_reply *r, const uint8_t *msg,
			size_t nbytes)
{
	struct arena *a = &k->client->arena;
	Pallocd__V1__Reply *reply;
	int status;

	arena_reset(a);
	reply = pallocd__v1__reply__unpack(&a->allocator, nbytes, msg);
	if (!reply && a->failed)
		return error_set(k->error, PACLIENT_OUT_OF_MEMORY, "no memory to read the reply");
	if (!reply)
		return error_set(k->error, PACLIENT_PROTOCOL, "a reply has fields of wrong types");
	if (r->status)
		status = repeated_refused(k, error_from_reply(k->error, reply));
	else
		status = k->take(k, reply);
	pallocd__v1__reply__free_unpacked(reply, &a->allocator);
	return status;
}

static int take(struct call *k, const struct wire_reply *r, const uint8_t *msg, size_t nbytes)
{
	if (r->status)
		return take_message(k, r, msg, nbytes);
	if (r->result != k->result)
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "a reply holds result %" PRIu32 " where %" PRIu32 " was asked for",
				 r->result, k->result);
	if (k->ret_addrs && wire_alloc_reply(r, k->extents.n, k->ret_addrs))
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "an AllocReply does not hold %zu addresses", k->extents.n);
	return k->take ? take_message(k, r, msg, nbytes) : 0;
}

/* The daemon speaks of the connection: it could not read a request, or it does not want us. */
void deliver_refused(struct paclient *c, const uint8_t *msg, size_t nbytes)
{
	Pallocd__V1__Reply *reply;

	arena_reset(&c->arena);
	reply = pallocd__v1__reply__unpack(&c->arena.allocator, nbytes, msg);
	if (!reply || !reply->status) {
		deliver_broken(c, PACLIENT_PROTOCOL, 0, "a reply without a request's number");
	} else if (reply->status == PALLOCD__V1__STATUS__OVERLOADED && link_can(c)) {
		link_lost(c, CONN_E_END);
	} else {
		error_from_reply(&c->why, reply);
		broken(c);
	}
	if (reply)
		pallocd__v1__reply__free_unpacked(reply, &c->arena.allocator);
}

/* The daemon answers in order: nearly always the first one it is. */
static struct awaited *awaited_find(struct paclient *c, uint64_t id)
{
	struct ring *r = c->flight.next;

	while (r != &c->flight && AWAITED(r)->id < id)
		r = r->next;
	return r != &c->flight && AWAITED(r)->id == id ? AWAITED(r) : NULL;
}

static void reply_hand_over(struct paclient *c, const struct wire_reply *r, const uint8_t *msg,
			    size_t nbytes)
{
	struct awaited *a = awaited_find(c, r->id);
	int status;

	if (a && !a->late) {
		struct call *k = CALL_OF(a);

		status = take(k, r, msg, nbytes);
		if (status == PACLIENT_PROTOCOL)
			deliver_broken(c, status, 0, "%s", k->error->message);
		else
			deliver_done(k, status);
	} else if (late_take(c, a ? LATE_OF(a) : NULL, r)) {
		deliver_broken(c, PACLIENT_PROTOCOL, 0,
			       "a reply to request %" PRIu64 ", which is not open", r->id);
	}
}

/* The descriptor that belongs to the reply is there while it is read; what nobody takes is closed. */
static void reply_with_fd(struct paclient *c, const struct wire_reply *r, const uint8_t *msg,
			  size_t nbytes)
{
	bool attached = !r->status && r->result == PALLOCD__V1__REPLY__RESULT_ATTACH;

	if (!c->fds.nids || !fds_answer(&c->fds, r->id, attached, &c->fds.current)) {
		reply_hand_over(c, r, msg, nbytes);
		return;
	}
	if (attached && c->fds.current == FDS_NONE)
		deliver_broken(c, PACLIENT_PROTOCOL, 0, "an AttachReply without its descriptor");
	else
		reply_hand_over(c, r, msg, nbytes);
	if (c->fds.current >= 0)
		close(c->fds.current);
	c->fds.current = FDS_NONE;
}

static void deliver(struct paclient *c, const uint8_t *msg, size_t nbytes)
{
	struct wire_reply r;

	if (wire_reply_scan(msg, nbytes, &r)) {
		deliver_broken(c, PACLIENT_PROTOCOL, 0, "a frame of %zu bytes holds no reply",
			       nbytes);
		return;
	}
	if (!r.id && !r.status && r.result == PALLOCD__V1__REPLY__RESULT_RECALL) {
		cache_recall(c, &r);
		return;
	}
	if (!r.id) {
		deliver_refused(c, msg, nbytes);
		return;
	}
	/* Something works: should the connection be lost, the next one is tried at once. */
	c->dial_wait_ns = 0;
	reply_with_fd(c, &r, msg, nbytes);
}

/* Is there a whole frame from @at on? */
static inline bool frame_at(struct paclient *c, size_t at, const uint8_t **ret_msg,
			    size_t *ret_nbytes)
{
	size_t nbytes;

	if (fds_wrong(&c->fds))
		deliver_broken(c, PACLIENT_PROTOCOL, 0,
			       "the daemon sent a descriptor that nobody has asked for");
	if (c->broken || c->in_end - at < PALLOCD_FRAME_HEADER_BYTES)
		return false;
	nbytes = wire_u32(c->in + at);
	if (!nbytes || nbytes > PALLOCD_FRAME_BYTES_MAX) {
		deliver_broken(c, PACLIENT_PROTOCOL, 0, "a frame of %zu bytes announced", nbytes);
		return false;
	}
	if (c->in_end - at - PALLOCD_FRAME_HEADER_BYTES < nbytes)
		return false;
	*ret_msg = c->in + at + PALLOCD_FRAME_HEADER_BYTES;
	*ret_nbytes = nbytes;
	return true;
}

static void in_drop(struct paclient *c, size_t nbytes)
{
	c->in_end -= nbytes;
	if (c->in_end && nbytes)
		memmove(c->in, c->in + nbytes, c->in_end);
}

void deliver_frames(struct paclient *c)
{
	size_t at = 0, nbytes;
	const uint8_t *msg;

	while (!c->watching && frame_at(c, at, &msg, &nbytes)) {
		deliver(c, msg, nbytes);
		at += PALLOCD_FRAME_HEADER_BYTES + nbytes;
		/* What was received is gone with the connection. */
		if (c->link != LINK_UP)
			return;
	}
	in_drop(c, at);
	if (c->broken)
		fds_close(&c->fds);
}

bool deliver_frame(struct paclient *c, const uint8_t **ret_msg, size_t *ret_nbytes)
{
	return frame_at(c, 0, ret_msg, ret_nbytes);
}

void deliver_drop(struct paclient *c, size_t nbytes)
{
	in_drop(c, PALLOCD_FRAME_HEADER_BYTES + nbytes);
}
