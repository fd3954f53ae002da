/*
 * deliver - received frames to the calls that wait for them
 *
 * Role:       cuts `in` into frames, finds each reply's call, hands it over or keeps order among late ones.
 * Uses:       wire, arena, late, error
 */
#ifndef PACLIENT_LIB_DELIVER_H
#define PACLIENT_LIB_DELIVER_H

#include "client/lib/handle.h"

/**
 * deliver_frames() - all whole frames of `in`; under the lock, by the reader
 *
 * Where one makes no sense the connection is broken (deliver_broken()). The frames that follow the
 * reply to a Watch are left where they are.
 */
void deliver_frames(struct paclient *c);

/** deliver_done() - a call in flight ends with @status, which its error tells already; under the lock. */
void deliver_done(struct call *k, int status);

/**
 * deliver_frame() - the message of the first frame of `in`
 *
 * Return: false where there is no whole one yet, or the connection is broken.
 */
bool deliver_frame(struct paclient *c, const uint8_t **ret_msg, size_t *ret_nbytes);

/** deliver_drop() - that frame, whose message has @nbytes, has been dealt with. */
void deliver_drop(struct paclient *c, size_t nbytes);

/** deliver_refused() - a frame that speaks of the connection: it is over, and why. */
void deliver_refused(struct paclient *c, const uint8_t *msg, size_t nbytes);

/** deliver_lost() - the connection is over by what conn_receive() says: @err is CONN_E_END or negative errno. It is made anew, or broken. */
void deliver_lost(struct paclient *c, int err);

/** deliver_broken() - end all calls, now and later, with @status; under the lock. The first reason stays. */
PRINTF_LIKE(4, 5)
void deliver_broken(struct paclient *c, int status, int system_errno, const char *fmt, ...);

#endif
