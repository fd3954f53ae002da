/*
 * link - a connection that is lost, and the next one
 *
 * Role:       when a connection may be made anew; making it, step by step; saying again what was not answered.
 * Uses:       conn, deliver, frame, hello, late
 * Invariants: N1  a request is sent on one connection once; what is sent again has its old id and its old bytes.
 *             N2  nothing new is sent before all that is sent again.
 *             N3  without the daemon's word that it knows what it has done (HelloReply.repeats) nothing that changes something is
 *                 sent again.
 *
 *	UP ──link_lost()──> DOWN ──connected──> HELLO ──answered──> UP
 *	                     ^                    │
 *	                     └────lost, refused───┘──session unknown──> broken
 */
#ifndef PACLIENT_LIB_LINK_H
#define PACLIENT_LIB_LINK_H

#include "client/lib/handle.h"

/** link_can() - a connection that is lost now can be made anew. Under the lock. */
bool link_can(const struct paclient *c);

/**
 * link_lost() - there is no connection any more, and the next one may be tried
 * @err: CONN_E_END, or negative errno; for messages
 *
 * Under the lock, and nobody else reads.
 */
void link_lost(struct paclient *c, int err);

/**
 * link_step() - go on towards the next connection; by the reader, without the lock. Blocks until @deadline_ns; where that is 0, not at all.
 *
 * Return: 0: something has come of it; CONN_E_LATE; CONN_E_END or negative errno: it has failed. All but CONN_E_LATE are for
 * link_stepped().
 */
MUST_CHECK int link_step(struct paclient *c, uint64_t deadline_ns);

/** link_stepped() - what has come of it; under the lock. The handle may be broken then, or the link be up. */
void link_stepped(struct paclient *c, int err);

/** link_resend() - put requests of before into `out`, as far as there is room. Under the lock, while the link is up. */
void link_resend(struct paclient *c);

/** link_gone() - the other side has closed the connection. Never blocks. */
bool link_gone(const struct paclient *c);

/**
 * link_farewell() - for a handle that is closed without a connection: end the session, if that can be said at once
 *
 * Never blocks. No call is running.
 */
void link_farewell(struct paclient *c);

/** link_wait_ns() - how long to wait before the next try: @wait_ns is what it was before, 0 at first; doubles up to a limit, with jitter. */
uint64_t link_wait_ns(uint64_t *wait_ns, uint64_t *seed);

/** link_sleep() - until @until_ns, or a signal. */
void link_sleep(uint64_t until_ns);

#endif
