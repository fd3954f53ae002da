/*
 * ready - one descriptor that says when a handle has something to do
 *
 * Role:       an epoll descriptor over the socket, whichever it is just now, and a timer: programs put it into their loop once, and it stays the same when
 *             a connection is lost. There is none until somebody asks for it, and then nothing here costs anything.
 * Uses:       conn, libc
 *
 * All under the lock.
 */
#ifndef PACLIENT_LIB_READY_H
#define PACLIENT_LIB_READY_H

#include "client/lib/handle.h"

void ready_init(struct ready *r);
void ready_close(struct ready *r);

/** ready_open() - from now on there is one. Return: 0, negative errno. */
MUST_CHECK int ready_open(struct paclient *c);

/** ready_socket() - c->fd may be another one than before; called before the old one is closed. */
void ready_socket(struct paclient *c);

/** ready_alarm() - the descriptor is readable at @at_ns at the latest; 1: at once. */
void ready_alarm(struct paclient *c, uint64_t at_ns);

/** ready_settle() - all has been done that there was to do at @now_ns; @next_ns: when there is more, if nothing comes before; 0: never. */
void ready_settle(struct paclient *c, uint64_t now_ns, uint64_t next_ns);

#endif
