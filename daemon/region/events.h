/*
 * events - what has happened, for those who watch
 *
 * Role:       one ring for all watchers; each reads it with a cursor of its own, and loses what the ring has written over before it
 *             came. Who writes never waits, and writes nothing while nobody watches.
 * Uses:       base/
 * Invariants: V1  events [next - EVENTS_RING, next) are there, as far as they were written; older ones are lost.
 */
#ifndef PALLOCD_REGION_EVENTS_H
#define PALLOCD_REGION_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"

/* Events that a watcher may lie behind: 2.5 MiB, which exist from the first watcher on. */
#define EVENTS_RING 32768u

/* The wire's enum EventKind has the same values. */
enum event_kind {
	EVENT_ALLOC = 1,
	EVENT_FREE,
	EVENT_GROW,
	EVENT_SHRINK,
	EVENT_SESSION_OPEN,
	EVENT_SESSION_GRACE,
	EVENT_SESSION_RESUME,
	EVENT_SESSION_END,
	EVENT_SPACE_LOW,
	EVENT_SPACE_OK,
	EVENT_QUOTA,
	EVENT_HANDOVER,
	EVENT_RECLAIM,
	EVENT_KINDS, /* how many */
};

struct event {
	uint64_t time_usec; /* since 1970; written by events_emit() */
	uint64_t addr, npages;
	uint64_t session; /* 0: a user's, or nobody's */
	uint64_t limit, used, asked;
	const char *text;   /* static, or NULL */
	uint32_t region_id; /* 0: of none */
	uint32_t uid;
	uint32_t pid;
	uint8_t kind;
	uint8_t cause;  /* enum session_cause */
	bool first_fit; /* ALLOC: without a placement */
};

struct events {
	struct event *ring; /* NULL until somebody watches */
	uint64_t next;      /* number of the next event, from 0 */
	uint32_t nwatchers;
	uint64_t lost; /* by all watchers together */
};

/* Where a watcher is, and what it wants. */
struct event_cursor {
	uint64_t next;
	uint32_t kinds;     /* a bit for each kind: 1 << kind */
	uint32_t region_id; /* 0: all */
	bool by_uid;
	uint32_t uid;
	uint64_t session; /* 0: any */
};

/** events_watch() - one more watcher; @c's next is set to what comes from now on. Return: 0, -ENOMEM. */
MUST_CHECK int events_watch(struct events *ev, struct event_cursor *c);

/** events_unwatch() - one watcher fewer. */
void events_unwatch(struct events *ev);

/** events_deinit() - give the ring back; a zeroed one is allowed. */
void events_deinit(struct events *ev);

/** events_put() - see events_emit(). */
void events_put(struct events *ev, const struct event *e);

/** events_emit() - write @e down, where anybody watches; NULL: nobody ever does. */
static inline void events_emit(struct events *ev, const struct event *e)
{
	if (UNLIKELY(ev && ev->nwatchers))
		events_put(ev, e);
}

static inline bool events_watched(const struct events *ev)
{
	return UNLIKELY(ev && ev->nwatchers);
}

/**
 * events_next() - the next event that @c wants, and the cursor behind it
 * @budget:   events to look at, at the most; counted down
 * @ret_lost: how many were written over before they were looked at is added
 *
 * Return: NULL where there is none yet, or the budget is used up. Valid until the next events_put().
 */
const struct event *events_next(struct events *ev, struct event_cursor *c, uint32_t *budget,
				uint64_t *ret_lost);

#endif
