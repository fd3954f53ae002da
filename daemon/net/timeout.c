/*
 * timeout - who has waited for something since when
 *
 * Role:       see timeout.h.
 * Uses:       base/list.h
 */
#include "net/timeout.h"

#define timeout_of(link) list_entry(link, struct timeout, in_kind)

void timeouts_init(struct timeouts *ts, const uint64_t msec[static TIMEOUT_KINDS])
{
	for (unsigned kind = 0; kind < TIMEOUT_KINDS; kind++) {
		list_init(&ts->kinds[kind]);
		ts->msec[kind] = msec[kind];
	}
}

void timeout_begin(struct timeouts *ts, enum timeout_kind kind, struct timeout *t,
		   uint64_t now_msec)
{
	list_remove(&t->in_kind);
	t->since_msec = now_msec;
	list_append(&ts->kinds[kind], &t->in_kind);
}

static uint64_t due_msec(const struct timeouts *ts, unsigned kind)
{
	const struct list *head = &ts->kinds[kind];

	return list_empty(head) ? UINT64_MAX : timeout_of(head->next)->since_msec + ts->msec[kind];
}

uint64_t timeouts_next_msec(const struct timeouts *ts)
{
	uint64_t next = UINT64_MAX;

	for (unsigned kind = 0; kind < TIMEOUT_KINDS; kind++) {
		uint64_t due = due_msec(ts, kind);

		next = due < next ? due : next;
	}
	return next;
}

struct timeout *timeouts_due(const struct timeouts *ts, enum timeout_kind kind, uint64_t now_msec)
{
	return due_msec(ts, kind) <= now_msec ? timeout_of(ts->kinds[kind].next) : NULL;
}
