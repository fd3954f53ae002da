/*
 * hello - the first request of each connection
 *
 * Role:       says who we are, what is asked of the session, and which session it is.
 * Uses:       proto/
 */
#ifndef PACLIENT_LIB_HELLO_H
#define PACLIENT_LIB_HELLO_H

#include "client/lib/handle.h"

/* The Hello of every connection: no other request has this id. */
#define HELLO_ID 1u

/* Name and token at their longest, all else as varints, and headers. */
#define HELLO_BYTES_MAX 160

/** hello_fill() - @to as c->asked says, without a token; its pointers are into @c. */
void hello_fill(struct paclient *c, Pallocd__V1__Hello *to);

/**
 * hello_frames() - the frame of the Hello that resumes the session, or begins one where c->has_token is not set
 * @end: and the one of an EndSession behind it
 *
 * Return: bytes written to @to.
 */
size_t hello_frames(struct paclient *c, bool end, uint8_t to[HELLO_BYTES_MAX]);

#endif
