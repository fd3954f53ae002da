/*
 * op - calls that nobody waits for
 *
 * Role:       see op.h; and the public calls that move them on.
 * Uses:       call, conn, late, pump, ready, error
 */
#include "client/lib/op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/lib/call.h"
#include "client/lib/conn.h"
#include "client/lib/deliver.h"
#include "client/lib/frame.h"
#include "client/lib/late.h"
#include "client/lib/pump.h"
#include "client/lib/ready.h"

#define NSEC_PER_MSEC 1000000u

/* Receives of one paclient_process(): other things in the program's loop have their turn, too. */
#define RECEIVES_MAX 16

struct op {
	struct call k;
	struct ring ring; /* P1 */
	bool sent;
	bool changes;
	size_t frame_bytes;
	uint8_t *frame;
	/* Numbers of an Alloc, what take() needs, and the frame. */
	uint64_t memory[];
};

static size_t words(size_t nbytes)
{
	return (nbytes + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

/* Copies of all that @k points to, which is on its caller's stack. */
static struct op *op_new(struct call *k, size_t frame_bytes)
{
	size_t n = k->scatter_max || k->ret_addrs ? k->extents.n : 0;
	size_t nwords = n + words(k->to_bytes) + words(frame_bytes);
	struct op *op = malloc(sizeof(*op) + nwords * sizeof(op->memory[0]));
	uint64_t *at;

	if (!op)
		return NULL;
	op->sent = false;
	op->changes = frame_changes(k);
	op->frame_bytes = frame_bytes;
	op->k = *k;
	ring_init(&op->k.awaited.ring);
	ring_init(&op->k.asleep);
	at = op->memory;
	if (n)
		memcpy(at, k->extents.npages, n * sizeof(*at));
	op->k.extents.npages = at;
	op->k.extents.addrs = NULL;
	at += n;
	if (k->to_bytes) {
		memcpy(at, k->to, k->to_bytes);
		op->k.to = at;
	}
	at += words(k->to_bytes);
	op->frame = (uint8_t *)at;
	frame_pack(k, op->frame);
	op->k.request = NULL;
	op->k.op = op;
	return op;
}

size_t op_frame(struct op *op, uint8_t *to)
{
	if (to) {
		memcpy(to, op->frame, op->frame_bytes);
		op->sent = true;
	}
	return op->frame_bytes;
}

bool op_sent(const struct op *op)
{
	return op->sent;
}

bool op_changes(const struct op *op)
{
	return op->changes;
}

/* Most have the handle's timeout: the place is at the end. */
static void deadline_add(struct paclient *c, struct op *op)
{
	struct ring *r = c->deadlines.prev;

	while (r != &c->deadlines &&
	       RING_ITEM(r, struct op, ring)->k.deadline_ns > op->k.deadline_ns)
		r = r->prev;
	ring_add_tail(r->next, &op->ring);
	if (c->deadlines.next == &op->ring)
		ready_alarm(c, op->k.deadline_ns);
}

int op_submit(struct call *k)
{
	struct paclient *c = k->client;
	size_t nbytes;
	struct op *op;

	if (call_refused(k))
		return k->error->status;
	if (!ring_empty(&c->lates))
		late_give_back(c);
	if (call_measure(k, &nbytes))
		return PACLIENT_LIMIT;
	op = op_new(k, nbytes);
	if (!op)
		return error_set(k->error, PACLIENT_OUT_OF_MEMORY, "no memory for the call");
	if (k->answered)
		c->answered = k->answered;
	op->k.awaited.id = ++c->id_last;
	k->user->op = op;
	ring_add_tail(&c->flight, &op->k.awaited.ring);
	deadline_add(c, op);
	/* Behind what waits to be sent again, or for another connection, or for room. */
	if (c->link == LINK_UP) {
		if (!handle_resending(c))
			c->resend_next = op->k.awaited.id;
		c->resend_last = op->k.awaited.id;
		pump_send(c);
		ready_settle(c, 0, 0);
	}
	return PACLIENT_PENDING;
}

void op_over(struct op *op)
{
	struct paclient *c = op->k.client;
	bool queued = op->k.user->done == paclient_queued;

	ring_remove(&op->ring);
	ring_add_tail(queued ? &c->queue : &c->over, &op->ring);
	/* Whoever processes now sees it by itself. */
	if (!c->processing)
		ready_alarm(c, 1);
}

/* Nobody wants to know any more what comes of it; what its reply brings is given back. */
static void op_give_up(struct op *op, int status)
{
	if (op->sent)
		late_add(op->k.client, &op->k);
	deliver_done(&op->k, status);
}

static void expire(struct paclient *c, uint64_t now)
{
	while (!ring_empty(&c->deadlines)) {
		struct op *op = RING_ITEM(c->deadlines.next, struct op, ring);

		if (op->k.deadline_ns > now)
			return;
		op_give_up(op, call_late_why(&op->k));
	}
}

/* The call's struct is its owner's again. */
static struct paclient_call *op_take(struct ring *from)
{
	struct op *op = RING_ITEM(from->next, struct op, ring);
	struct paclient_call *user = op->k.user;

	ring_remove(&op->ring);
	user->error.status = op->k.status;
	user->op = NULL;
	free(op);
	return user;
}

static void tell(struct paclient *c)
{
	while (!ring_empty(&c->over)) {
		struct paclient_call *user = op_take(&c->over);

		pthread_mutex_unlock(&c->lock);
		user->done(user);
		pthread_mutex_lock(&c->lock);
	}
}

/* What can be sent and what has come. Another thread that reads delivers by itself. */
static void move(struct paclient *c)
{
	int err = 0;

	if (c->link == LINK_UP && !c->broken)
		pump_send(c);
	for (unsigned i = 0; i < RECEIVES_MAX && !err && !c->broken && !c->reading; i++)
		err = c->link == LINK_UP ? pump_read(c, 0, false) : pump_link(c, 0);
}

/* When there is something to do next, if nothing comes. */
static uint64_t next_ns(const struct paclient *c, uint64_t now)
{
	uint64_t next = 0, dial;

	if (!ring_empty(&c->over))
		return 1;
	if (!ring_empty(&c->deadlines))
		next = RING_ITEM(c->deadlines.next, struct op, ring)->k.deadline_ns;
	if (c->link == LINK_UP || c->broken || c->reading)
		return next;
	dial = now + NSEC_PER_MSEC;
	if (c->link == LINK_DOWN && c->dial_at_ns > dial)
		dial = c->dial_at_ns;
	else if (c->link == LINK_HELLO)
		dial = now + 100 * NSEC_PER_MSEC;
	return !next || dial < next ? dial : next;
}

int paclient_process(paclient *client)
{
	uint64_t now;
	int status;

	if (!client || !handle_is_ours(client))
		return PACLIENT_BAD_ARGUMENT;
	pthread_mutex_lock(&client->lock);
	client->processing++;
	move(client);
	now = conn_now_ns();
	expire(client, now);
	tell(client);
	ready_settle(client, now, next_ns(client, now));
	status = client->broken;
	client->processing--;
	if (client->closing && !client->processing) {
		pthread_mutex_unlock(&client->lock);
		paclient_close(client);
		return 0;
	}
	pump_wake(client);
	pthread_mutex_unlock(&client->lock);
	return status;
}

int paclient_fd(paclient *client, int *ret_fd, struct paclient_call *call)
{
	CALL(k);
	int status = call_begin(&k, client, call), err;

	if (status)
		return status;
	if (!ret_fd)
		return error_argument(k.error, "ret_fd", "is NULL");
	pthread_mutex_lock(&client->lock);
	err = ready_open(client);
	*ret_fd = err ? *ret_fd : client->ready.fd;
	pthread_mutex_unlock(&client->lock);
	if (!err)
		return 0;
	error_set(k.error, PACLIENT_SYSTEM, "no descriptor for the handle: %s", strerror(-err));
	k.error->system_errno = -err;
	return PACLIENT_SYSTEM;
}

int paclient_cancel(paclient *client, struct paclient_call *call)
{
	int status = PACLIENT_NOT_FOUND;
	struct op *op;

	if (!client || !call || !handle_is_ours(client))
		return PACLIENT_BAD_ARGUMENT;
	pthread_mutex_lock(&client->lock);
	op = call->op;
	if (op && op->k.client == client && !op->k.done) {
		op_give_up(op, error_set(op->k.error, PACLIENT_CANCELLED, "cancelled"));
		status = 0;
	}
	pthread_mutex_unlock(&client->lock);
	return status;
}

/* It says where a call goes; nobody calls it. */
void paclient_queued(struct paclient_call *call)
{
	(void)call;
}

struct paclient_call *paclient_next(paclient *client)
{
	struct paclient_call *call = NULL;

	if (!client || !handle_is_ours(client))
		return NULL;
	pthread_mutex_lock(&client->lock);
	if (!ring_empty(&client->queue))
		call = op_take(&client->queue);
	pthread_mutex_unlock(&client->lock);
	return call;
}

void ops_end(struct paclient *c)
{
	pthread_mutex_lock(&c->lock);
	c->processing++;
	c->ending = true;
	while (!ring_empty(&c->deadlines)) {
		struct op *op = RING_ITEM(c->deadlines.next, struct op, ring);

		deliver_done(&op->k,
			     error_set(op->k.error, PACLIENT_CANCELLED, "the handle was closed"));
	}
	tell(c);
	while (!ring_empty(&c->queue))
		(void)op_take(&c->queue);
	c->processing--;
	pthread_mutex_unlock(&c->lock);
}
