/*
 * frame - a call's request, packed
 *
 * Role:       how long it is and its bytes, as often as it has to be sent; which replies have come. Under the handle's lock.
 * Uses:       wire
 */
#ifndef PACLIENT_LIB_FRAME_H
#define PACLIENT_LIB_FRAME_H

#include "client/lib/handle.h"

/** frame_bytes() - of @k's Request with @id and k->answered, without the header. */
size_t frame_bytes(struct call *k, uint64_t id);

/** frame_pack() - write it: exactly what frame_bytes() has said last. */
void frame_pack(struct call *k, uint8_t *to);

/** frame_begin() - room in `out` for a Request of @nbytes: behind its header, which is written. There is room. */
uint8_t *frame_begin(struct paclient *c, size_t nbytes);

/** frame_answered() - what Request.answered is to say in the next request; 0: the daemon knows. */
uint64_t frame_answered(const struct paclient *c);

/** frame_attaches() - the request is an Attach. */
bool frame_attaches(const struct call *k);

/** frame_changes() - the request is one that changes something, so far as is known. */
bool frame_changes(const struct call *k);

#endif
