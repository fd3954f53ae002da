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
 * Where one makes no sense the connection is broken (deliver_broken()).
 */
void deliver_frames(struct paclient *c);

/** deliver_broken() - end all calls, now and later, with @status; under the lock. The first reason stays. */
PRINTF_LIKE(4, 5)
void deliver_broken(struct paclient *c, int status, int system_errno, const char *fmt, ...);

#endif
