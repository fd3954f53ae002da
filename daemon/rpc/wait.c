/*
 * wait - Allocs that wait for space
 *
 * Role:       a queue for each region, first come first served. Only the first of a queue tries again, when the region's room has
 *             changed; nobody behind it does before it has been served, has waited long enough, or is gone.
 * Uses:       base/, rpc/call.h
 * Invariants: W1  a connection is in a queue exactly where its wait_until_usec is not 0; wait_region says in which.
 *             W2  a queue's n, rpc's nwaiting and a user's nwaiting are the connections in it, in all, and of this user.
 *             W3  tried: the first has been woken, or has tried, when the region's room was this.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rpc/call.h"

struct wait_queue {
	struct list conns;
	uint32_t n;
	bool tried;
	uint64_t room;
};

/* A queue for each region that there is by now; those that there are move. */
static int queues_reserve(struct rpc *rpc)
{
	struct wait_queue *queues;

	if (LIKELY(rpc->nqueues == rpc->regions->n))
		return 0;
	queues = mem_resize(rpc->queues, rpc->regions->n, sizeof(*queues));
	if (!queues)
		return -ENOMEM;
	rpc->queues = queues;
	for (uint32_t i = 0; i < rpc->nqueues; i++) {
		struct wait_queue *q = &queues[i];

		if (!q->n) {
			list_init(&q->conns);
			continue;
		}
		q->conns.next->prev = &q->conns;
		q->conns.prev->next = &q->conns;
	}
	while (rpc->nqueues < rpc->regions->n) {
		queues[rpc->nqueues] = (struct wait_queue){0};
		list_init(&queues[rpc->nqueues++].conns);
	}
	return 0;
}

void waiters_deinit(struct rpc *rpc)
{
	mem_free(take_ptr(rpc->queues));
	rpc->nqueues = 0;
}

static struct rpc_conn *queue_first(const struct wait_queue *q)
{
	return list_empty(&q->conns) ? NULL
				     : list_entry(q->conns.next, struct rpc_conn, in_waiters);
}

static struct wait_queue *queue_of(const struct rpc *rpc, uint32_t region_id)
{
	return region_id <= rpc->nqueues ? &rpc->queues[region_id - 1] : NULL;
}

uint32_t waiters_count(const struct rpc *rpc, const struct region *r)
{
	const struct wait_queue *q = queue_of(rpc, r->id);

	return q ? q->n : 0;
}

bool wait_is_over(const struct call *c)
{
	return c->conn->wait_until_usec && clock_usec() >= c->conn->wait_until_usec;
}

bool wait_may_try(const struct call *c, const struct region *r)
{
	const struct wait_queue *q = queue_of(c->rpc, r->id);
	const struct rpc_conn *first = q ? queue_first(q) : NULL;

	return !first || first == c->conn || wait_is_over(c);
}

uint64_t wait_elapsed_msec(const struct rpc_conn *conn, uint64_t asked_msec)
{
	uint64_t now = clock_usec(), msec = asked_msec;

	if (!conn->wait_until_usec)
		return 0;
	if (msec > PALLOCD_WAIT_MSEC_MAX)
		msec = PALLOCD_WAIT_MSEC_MAX;
	return (now - (conn->wait_until_usec - msec * 1000)) / 1000;
}

static enum pallocd_status wait_begin(struct call *c, const struct region *r, uint64_t msec)
{
	const struct user_limits *limits = &c->rpc->regions->limits;
	struct rpc_conn *conn = c->conn;
	struct wait_queue *q;

	if (limits->waiting && conn->user->nwaiting >= limits->waiting)
		return conn_refuse_quota(c, "user_waiting", limits->waiting, conn->user->nwaiting,
					 1);
	if (queues_reserve(c->rpc))
		return call_no_memory(c);
	q = queue_of(c->rpc, r->id);
	list_append(&q->conns, &conn->in_waiters);
	q->n++;
	c->rpc->nwaiting++;
	conn->user->nwaiting++;
	conn->wait_region = r->id;
	conn->wait_until_usec = clock_usec() + msec * 1000;
	if (conn->wait_until_usec < c->rpc->wait_next_usec)
		c->rpc->wait_next_usec = conn->wait_until_usec;
	return PALLOCD_OK;
}

enum pallocd_status wait_go_on(struct call *c, const struct region *r, uint64_t msec)
{
	struct rpc_conn *conn = c->conn;
	enum pallocd_status status;
	struct wait_queue *q;

	if (!conn->wait_until_usec) {
		status = wait_begin(c, r,
				    msec < PALLOCD_WAIT_MSEC_MAX ? msec : PALLOCD_WAIT_MSEC_MAX);
		if (status)
			return status;
	}
	q = queue_of(c->rpc, r->id);
	if (queue_first(q) == conn) {
		q->tried = true;
		q->room = r->room;
	}
	c->waits = true;
	return PALLOCD_OK;
}

void wait_end(struct rpc_conn *conn)
{
	struct wait_queue *q;

	if (LIKELY(!conn->wait_until_usec))
		return;
	q = queue_of(conn->rpc, conn->wait_region);
	/* Who is next has not tried. */
	if (queue_first(q) == conn)
		q->tried = false;
	list_remove(&conn->in_waiters);
	q->n--;
	conn->user->nwaiting--;
	if (--conn->rpc->nwaiting == 0)
		conn->rpc->wait_next_usec = UINT64_MAX;
	conn->wait_until_usec = 0;
	conn->wait_region = 0;
}

void wait_wake(struct rpc_conn *conn)
{
	if (conn->rpc->ops)
		conn->rpc->ops->wake(conn);
}

enum pallocd_status call_waits(struct call *c)
{
	c->waits = true;
	return PALLOCD_OK;
}

enum pallocd_status busy_wait(struct call *c, const struct region *r)
{
	struct rpc_conn *conn = c->conn;

	if (list_empty(&conn->in_busy))
		list_append(&c->rpc->busy, &conn->in_busy);
	conn->busy_region = r->id;
	return call_waits(c);
}

void busy_end(struct rpc_conn *conn)
{
	list_remove(&conn->in_busy);
}

void busy_wake(struct rpc *rpc, const struct region *r)
{
	list_for_each (link, &rpc->busy) {
		struct rpc_conn *conn = list_entry(link, struct rpc_conn, in_busy);

		if (conn->busy_region != r->id)
			continue;
		list_remove(link);
		wait_wake(conn);
	}
}

void waiters_refuse(struct rpc *rpc, const struct region *r)
{
	const struct wait_queue *q = queue_of(rpc, r->id);

	if (!q)
		return;
	list_for_each (link, &q->conns)
		wait_wake(list_entry(link, struct rpc_conn, in_waiters));
}

void waiters_wake(struct rpc *rpc)
{
	if (LIKELY(!rpc->nwaiting))
		return;
	for (uint32_t i = 0; i < rpc->nqueues; i++) {
		struct wait_queue *q = &rpc->queues[i];
		const struct region *r = rpc->regions->table[i];

		/* A closed region refuses the first, and so all of them one after the other. */
		if (!q->n || (q->tried && q->room == r->room && !r->faulted))
			continue;
		q->tried = true;
		q->room = r->room;
		wait_wake(queue_first(q));
	}
}

/* Those of one queue whose time is over; moves *@next to the next one's. */
static void queue_expire(const struct wait_queue *q, uint64_t now, uint64_t *next)
{
	list_for_each (link, &q->conns) {
		struct rpc_conn *conn = list_entry(link, struct rpc_conn, in_waiters);

		if (conn->wait_until_usec <= now)
			wait_wake(conn);
		else if (conn->wait_until_usec < *next)
			*next = conn->wait_until_usec;
	}
}

uint64_t waiters_expire(struct rpc *rpc, uint64_t now_usec)
{
	uint64_t next = UINT64_MAX;

	if (LIKELY(now_usec < rpc->wait_next_usec))
		return rpc->wait_next_usec;
	for (uint32_t i = 0; i < rpc->nqueues; i++)
		queue_expire(&rpc->queues[i], now_usec, &next);
	rpc->wait_next_usec = next;
	return next;
}
