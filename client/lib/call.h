/*
 * call - one request: from the caller's arguments to its result or its deadline
 *
 * Role:       begin, put on the wire, wait (reading for all or asleep), give up, end.
 * Uses:       conn, deliver, late, error
 */
#ifndef PACLIENT_LIB_CALL_H
#define PACLIENT_LIB_CALL_H

#include "client/lib/error.h"
#include "client/lib/handle.h"

/**
 * call_begin() - start the clock of a call and find out where its error goes
 * @client: NULL is refused; so is a handle that another process opened
 * @user:   the caller's struct, or NULL
 *
 * Return: 0, or the status to return to the caller, already told to @user.
 */
MUST_CHECK int call_begin(struct call *k, struct paclient *client, struct paclient_call *user);

/** call_begin_with() - the same for a handle that is being made: @timeout_ms is its. */
MUST_CHECK int call_begin_with(struct call *k, int timeout_ms, struct paclient_call *user);

/**
 * call_message() - send @request, wait for the result with field number @result
 * @take: reads it, under the lock and perhaps on another thread; returns 0 or a status told to k->error
 *
 * Blocks until the deadline. Return: 0 or a status told to k->error.
 */
MUST_CHECK int call_message(struct call *k, Pallocd__V1__Request *request, uint32_t result,
			    int (*take)(struct call *k, const Pallocd__V1__Reply *reply));

/** call_extents() - the same for k->extents, and an Alloc's k->ret_addrs. */
MUST_CHECK int call_extents(struct call *k);

#endif
