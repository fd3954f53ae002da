/*
 * events - what has happened, for those who watch
 *
 * Role:       see events.h.
 * Uses:       base/
 */
#include "region/events.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

#include "base/mem.h"

static_assert((EVENTS_RING & (EVENTS_RING - 1)) == 0, "event n lies in slot n modulo the ring");

int events_watch(struct events *ev, struct event_cursor *c)
{
	if (!ev->ring) {
		ev->ring = mem_zalloc(EVENTS_RING, sizeof(*ev->ring));
		if (!ev->ring)
			return -ENOMEM;
	}
	ev->nwatchers++;
	c->next = ev->next;
	return 0;
}

void events_unwatch(struct events *ev)
{
	assert(ev->nwatchers);
	ev->nwatchers--;
}

void events_deinit(struct events *ev)
{
	mem_free(ev->ring);
	*ev = (struct events){0};
}

static uint64_t usec_since_1970(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void events_put(struct events *ev, const struct event *e)
{
	struct event *slot = &ev->ring[ev->next++ % EVENTS_RING];

	*slot = *e;
	slot->time_usec = usec_since_1970();
}

static bool is_wanted(const struct event *e, const struct event_cursor *c)
{
	return (c->kinds >> e->kind & 1) && (!c->region_id || c->region_id == e->region_id) &&
	       (!c->by_uid || c->uid == e->uid) && (!c->session || c->session == e->session);
}

const struct event *events_next(struct events *ev, struct event_cursor *c, uint32_t *budget,
				uint64_t *ret_lost)
{
	uint64_t behind = ev->next - c->next;

	if (behind > EVENTS_RING) {
		*ret_lost += behind - EVENTS_RING;
		ev->lost += behind - EVENTS_RING;
		c->next = ev->next - EVENTS_RING;
	}
	for (; c->next < ev->next && *budget; --*budget) {
		const struct event *e = &ev->ring[c->next++ % EVENTS_RING];

		if (is_wanted(e, c)) {
			--*budget;
			return e;
		}
	}
	return NULL;
}
