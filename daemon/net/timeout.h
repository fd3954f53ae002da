/*
 * timeout - who has waited for something since when
 *
 * Role:       what a client must do in time, each kind with a time of its own: who has begun to be waited for first is first in that
 *             kind's list, so that one look at each head says what is due. Knows no clock and no libuv.
 * Uses:       base/list.h
 * Invariants: T1  a kind's list is in order of since_msec.
 */
#ifndef PALLOCD_NET_TIMEOUT_H
#define PALLOCD_NET_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macros.h"

enum timeout_kind {
	TIMEOUT_HELLO, /* since the connection was taken */
	TIMEOUT_FRAME, /* since the first bytes of a frame that is not complete */
	TIMEOUT_SEND,  /* since the client took a byte of the replies that wait for it */
	TIMEOUT_KINDS, /* how many */
};

/* One that waits, or not. */
struct timeout {
	struct list in_kind;
	uint64_t since_msec;
};

struct timeouts {
	struct list kinds[TIMEOUT_KINDS];
	uint64_t msec[TIMEOUT_KINDS];
};

/** timeouts_init() - nobody waits; @msec: how long each kind may. */
void timeouts_init(struct timeouts *ts, const uint64_t msec[static TIMEOUT_KINDS]);

/** timeout_begin() - @t begins to wait now, also where it did before. */
void timeout_begin(struct timeouts *ts, enum timeout_kind kind, struct timeout *t,
		   uint64_t now_msec);

/** timeout_end() - @t waits no more; nothing happens where it does not. */
static inline void timeout_end(struct timeout *t)
{
	list_remove(&t->in_kind);
}

static inline bool timeout_waits(const struct timeout *t)
{
	return !list_empty(&t->in_kind);
}

/** timeouts_next_msec() - when the next one is due; UINT64_MAX: nobody waits. */
uint64_t timeouts_next_msec(const struct timeouts *ts);

/** timeouts_due() - one of @kind that is due, and still waits; NULL: none is. */
struct timeout *timeouts_due(const struct timeouts *ts, enum timeout_kind kind, uint64_t now_msec);

#endif
