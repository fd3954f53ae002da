/*
 * watch - Watch, and the Events that come of it
 *
 * Role:       a cursor in the ring of events for each connection that watches, and what of it that one may see.
 * Uses:       base/, region/events.h, rpc/verb.h
 */
#include "base/mem.h"
#include "rpc/verb.h"

/* Events that one call may look at, some 10 ns each, before others have their turn. */
#define LOOK_EVENTS 8192u

/* Q2: an event is at most 13 numbers of 11 bytes and a short word. */
_Static_assert(PALLOCD_EVENTS_MAX * 200 <= PALLOCD_FRAME_BYTES_MAX, "Events fit a frame");

struct rpc_watch {
	struct event_cursor cursor;
	uint64_t id; /* of the Watch */
};

#define ALL_KINDS (((1u << EVENT_KINDS) - 1) & ~1u)

static enum pallocd_status kinds_get(struct call *c, uint32_t *ret)
{
	const Pallocd__V1__Watch *m = c->req->watch;
	uint32_t kinds = 0;

	for (size_t i = 0; i < m->n_kinds; i++) {
		int kind = (int)m->kinds[i];

		if (kind < 1 || kind >= EVENT_KINDS) {
			c->refusal.index = (uint32_t)i;
			c->refusal.asked = (uint64_t)kind;
			c->refusal.limit = EVENT_KINDS - 1;
			return call_refuse(c, PALLOCD_INVALID, "kinds",
					   "kind %d is not known: ALLOC is 1, RECLAIM %d", kind,
					   EVENT_KINDS - 1);
		}
		kinds |= 1u << kind;
	}
	*ret = kinds ? kinds : ALL_KINDS;
	return PALLOCD_OK;
}

enum pallocd_status watch_serve(struct call *c)
{
	const Pallocd__V1__Watch *m = c->req->watch;
	struct event_cursor cursor = {.by_uid = m->by_uid, .uid = m->uid, .session = m->session};
	enum pallocd_status status;
	struct region *r;

	if (c->conn->watch)
		return call_refuse(c, PALLOCD_INVALID, "watch",
				   "this connection watches already: open another one");
	if (m->region_id || *m->region) {
		status = call_region(c, m->region_id, m->region, &r);
		if (status)
			return status;
		cursor.region_id = r->id;
	}
	status = kinds_get(c, &cursor.kinds);
	if (status)
		return status;
	c->conn->watch = mem_alloc(sizeof(*c->conn->watch));
	if (!c->conn->watch)
		return call_no_memory(c);
	*c->conn->watch = (struct rpc_watch){.cursor = cursor, .id = c->req->id};
	if (events_watch(&c->rpc->regions->events, &c->conn->watch->cursor)) {
		mem_free(take_ptr(c->conn->watch));
		return call_no_memory(c);
	}
	return PALLOCD_OK;
}

void watch_end(struct rpc_conn *conn)
{
	if (LIKELY(!conn->watch))
		return;
	events_unwatch(&conn->rpc->regions->events);
	mem_free(take_ptr(conn->watch));
}

/* What a region tells, to whom may do anything there; what is told of a user, to that user. */
static bool event_visible(const struct session *s, const struct event *e)
{
	if (regions_operator(s->regions, s->owner.uid))
		return true;
	if (e->region_id && !s->rights[e->region_id - 1])
		return false;
	return (e->region_id && e->kind != EVENT_QUOTA) || e->uid == s->owner.uid;
}

static void event_fill(const struct regions *rs, const struct event *e, Pallocd__V1__Event *ret)
{
	const struct region *r = regions_by_id(rs, e->region_id);

	pallocd__v1__event__init(ret);
	ret->kind = (Pallocd__V1__EventKind)e->kind;
	ret->time_usec = e->time_usec;
	ret->region_id = r ? region_wire_id(r) : 0;
	ret->addr = e->addr;
	ret->npages = e->npages;
	ret->session = e->session;
	ret->uid = e->uid;
	ret->pid = e->pid;
	ret->cause = (Pallocd__V1__EndCause)e->cause;
	/* protobuf-c does not write through it. */
	if (e->text)
		ret->text = (char *)(uintptr_t)e->text;
	ret->limit = e->limit;
	ret->used = e->used;
	ret->asked = e->asked;
	ret->first_fit = e->first_fit;
}

bool rpc_events_due(const struct rpc_conn *conn)
{
	return conn->watch && conn->session &&
	       conn->watch->cursor.next != conn->rpc->regions->events.next;
}

/* One frame of events, or none where there is nothing to tell. Return: false where there was no memory for it. */
static bool frame_pack(struct rpc_conn *conn, struct rpc_out *out, uint32_t *budget)
{
	Pallocd__V1__Events events = PALLOCD__V1__EVENTS__INIT;
	Pallocd__V1__Event *list;
	const struct event *e;
	struct call c;

	arena_reset(&conn->rpc->arena);
	call_init(&c, conn, NULL);
	list = call_take(&c, PALLOCD_EVENTS_MAX, sizeof(*list));
	events.events = call_take(&c, PALLOCD_EVENTS_MAX, sizeof(list));
	if (!list || !events.events)
		return false;
	while (events.n_events < PALLOCD_EVENTS_MAX) {
		e = events_next(&conn->rpc->regions->events, &conn->watch->cursor, budget,
				&events.lost);
		if (!e)
			break;
		if (!event_visible(conn->session, e))
			continue;
		event_fill(conn->rpc->regions, e, &list[events.n_events]);
		events.events[events.n_events] = &list[events.n_events];
		events.n_events++;
	}
	if (!events.n_events && !events.lost)
		return true;
	c.reply.id = conn->watch->id;
	c.reply.result_case = PALLOCD__V1__REPLY__RESULT_EVENTS;
	c.reply.events = &events;
	reply_pack(&c, out);
	return true;
}

bool rpc_events(struct rpc_conn *conn, struct rpc_out *out)
{
	uint32_t budget = LOOK_EVENTS;

	while (rpc_events_due(conn) && budget && out->size - out->n >= RPC_OUT_ROOM_MIN) {
		if (!frame_pack(conn, out, &budget))
			break;
	}
	return rpc_events_due(conn);
}
