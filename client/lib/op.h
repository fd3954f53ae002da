/*
 * op - calls that nobody waits for
 *
 * Role:       keeps what a submitted call needs until it is over, and tells who asked.
 * Uses:       call, conn, late, pump, ready, error
 * Invariants: P1  an op is in c->deadlines as long as its call is in flight, then in c->over or c->queue until it is told; its user's op points to it
 *                 just as long.
 *             P2  done() is called once, without the lock, by a thread within paclient_process(), paclient_close() or paclient_leave().
 * Cost:       one piece of memory for each, as long as it takes.
 */
#ifndef PACLIENT_LIB_OP_H
#define PACLIENT_LIB_OP_H

#include "client/lib/handle.h"

/** op_submit() - @k, which has a user, is in flight from now on. Under the lock; does not block. Return: PENDING, or a status told to k->error. */
MUST_CHECK int op_submit(struct call *k);

/** op_over() - its call is done: it is to be told. Under the lock. */
void op_over(struct op *op);

/** op_frame() - the request to @to, if that is not NULL, which then counts as sent. Return: its bytes. */
size_t op_frame(struct op *op, uint8_t *to);

/** op_sent() - it was, on whichever connection. */
bool op_sent(const struct op *op);

/** op_changes() - see frame_changes(). */
bool op_changes(const struct op *op);

/** ops_end() - the handle is closed: all that are in flight are cancelled and told, and no more can be submitted. Without the lock. */
void ops_end(struct paclient *c);

#endif
