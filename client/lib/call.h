/*
 * call - one request: from the caller's arguments to its result or its deadline
 *
 * Role:       begin, put on the wire, wait (reading for all or asleep), give up, end.
 * Uses:       conn, deliver, frame, late, link, error
 */
#ifndef PACLIENT_LIB_CALL_H
#define PACLIENT_LIB_CALL_H

#include "client/lib/error.h"
#include "client/lib/handle.h"

/* A call on the stack; call_begin() is the first thing that happens to it, before any return: what is there until then is not known. */
#define CALL(k) struct call k __attribute__((cleanup(call_end)))

/**
 * call_begin() - start the clock of a call and find out where its error goes; refuse one that is not to be waited for
 * @client: NULL is refused; so is a handle that another process opened
 * @user:   the caller's struct, or NULL
 *
 * Return: 0, or the status to return to the caller, already told to @user.
 */
MUST_CHECK int call_begin(struct call *k, struct paclient *client, struct paclient_call *user);

/** call_begin_either() - the same for a call that is submitted where @user has a done(): all that comes of it is written by take(). */
MUST_CHECK int call_begin_either(struct call *k, struct paclient *client,
				 struct paclient_call *user);

/** call_begin_with() - the same for a handle that is being made: @timeout_ms is its. */
MUST_CHECK int call_begin_with(struct call *k, int timeout_ms, struct paclient_call *user);

/** call_again() - one more request of the same public call; the time that is left stays what it is. */
void call_again(struct call *k);

/** call_restart() - the same, and the clock starts anew. */
void call_restart(struct call *k);

/**
 * call_wait() - the daemon may take @wait_ms longer than others do
 * @user: the caller's struct; where it has a timeout, that is all there is
 *
 * Return: how long the daemon is to wait.
 */
uint64_t call_wait(struct call *k, int wait_ms, const struct paclient_call *user);

/**
 * call_needs() - refuse what the daemon would not see, because it is too old
 * @feature: enum paclient_feature
 * @what:    is asked for: an argument
 *
 * Return: 0, or UNKNOWN_VERB told to @k.
 */
MUST_CHECK int call_needs(struct call *k, int feature, const char *what);

/** call_refused() - the handle is broken, or about to be closed. Under the lock. Return: true, with k->error telling why. */
MUST_CHECK bool call_refused(struct call *k);

/** call_measure() - the bytes of the request, if it was sent now. Under the lock. Return: 0, or LIMIT told to @k. */
MUST_CHECK int call_measure(struct call *k, size_t *ret_nbytes);

/** call_late_why() - its time is up. Under the lock. Return: TIMED_OUT, told to @k with what is known. */
int call_late_why(struct call *k);

/** call_no_memory() - for what a reply brings. Return: OUT_OF_MEMORY, told to @k. */
int call_no_memory(struct call *k);

/** call_keep() - the connection is there, or made anew by the deadline. Return: 0 or a status told to k->error. */
MUST_CHECK int call_keep(struct call *k);

/** call_post() - send @request if that can be done without blocking, and do not wait for its reply. */
void call_post(struct paclient *c, Pallocd__V1__Request *request);

/** call_end() - nothing more is said about the call: a caller of an older version is told as much as it knows. */
void call_end(struct call *k);

/**
 * call_struct() - copy a struct of the caller, of whichever version, over ours of @nbytes
 * @name: of the argument
 * @from: begins with its size
 * @to:   has the defaults, where @from is shorter
 *
 * Return: 0, or BAD_ARGUMENT told to @e: no size, or something set that we do not know.
 */
MUST_CHECK int call_struct(struct paclient_error *e, const char *name, const void *from, void *to,
			   size_t nbytes);

/**
 * call_result_check() - @to, the caller's struct for a result, begins with its size
 * @name: of the argument
 *
 * Return: 0, or BAD_ARGUMENT told to @k.
 */
MUST_CHECK int call_result_check(struct call *k, const char *name, const void *to);

/** call_result_give() - copy our struct over as much of the caller's as it has; its size becomes what is valid. */
void call_result_give(const void *from, void *to);

/**
 * call_message() - send @request, wait for the result with field number @result
 * @take: reads it, under the lock and perhaps on another thread; returns 0 or a status told to k->error; NULL where an
 *        AllocReply goes to k->ret_addrs
 *
 * Of an Alloc, k->extents says what was asked for, should the reply be late. Where k->to points to something on the stack and the call may be
 * submitted, k->to_bytes says how much of it has to be kept.
 * Blocks until the deadline; a call with a k->user is submitted, and does not. Return: 0, PENDING, or a status told to k->error.
 */
MUST_CHECK int call_message(struct call *k, Pallocd__V1__Request *request, uint32_t result,
			    int (*take)(struct call *k, const Pallocd__V1__Reply *reply));

/** call_extents() - the same for k->extents, and an Alloc's k->ret_addrs. */
MUST_CHECK int call_extents(struct call *k);

#endif
