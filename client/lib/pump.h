/*
 * pump - bytes go out and come in, for all calls of a handle
 *
 * Role:       one step at a time: what waits is sent, what has come is delivered, a connection that is lost is made anew. Whoever waits for a call, and
 *             whoever processes calls that nobody waits for, moves all of them.
 * Uses:       conn, deliver, late, link, ready
 *
 * All under the lock; what may block leaves it meanwhile, and then this thread is the reader.
 */
#ifndef PACLIENT_LIB_PUMP_H
#define PACLIENT_LIB_PUMP_H

#include "client/lib/handle.h"

enum pump_outcome {
	PUMP_E_LATE = 1, /* nothing has come by the deadline */
};

/** pump_flush() - send as much as the socket takes now; who waits for room hears of it. */
void pump_flush(struct paclient *c);

/** pump_send() - the same, and what has to be sent again first. */
void pump_send(struct paclient *c);

/**
 * pump_read() - one receive, for everybody; the link is up
 * @deadline_ns: 0: what is there now, without blocking
 * @fresh:       the time left until then is the handle's timeout
 *
 * Return: 0, PUMP_E_LATE.
 */
MUST_CHECK int pump_read(struct paclient *c, uint64_t deadline_ns, bool fresh);

/** pump_link() - one step towards another connection; the link is not up. @deadline_ns: as before. Return: 0, PUMP_E_LATE. */
MUST_CHECK int pump_link(struct paclient *c, uint64_t deadline_ns);

/** pump_wake() - somebody must read on for those who sleep. */
void pump_wake(struct paclient *c);

#endif
