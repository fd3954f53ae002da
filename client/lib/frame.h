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

/** frame_is_few() - the request is an Alloc or Free of so few extents that it need not be measured. */
static inline bool frame_is_few(const struct call *k)
{
	return !k->request && !k->op && k->extents.n <= WIRE_FEW;
}

/** frame_put_few() - put it into `out`, with @id and k->answered. There is room for WIRE_FEW_BYTES and a header. */
void frame_put_few(struct call *k, uint64_t id);

/** frame_begin() - room in `out` for a Request of @nbytes: behind its header, which is written. There is room. */
uint8_t *frame_begin(struct paclient *c, size_t nbytes);

/** frame_answered() - what Request.answered is to say in the next request; 0: the daemon knows. */
static inline uint64_t frame_answered(const struct paclient *c)
{
	uint64_t first;

	if (!c->repeats)
		return 0;
	first = ring_empty(&c->flight) ? c->id_last + 1 : AWAITED(c->flight.next)->id;
	return first - 1 > c->answered ? first - 1 : 0;
}

/** frame_attaches() - the request is an Attach. */
static inline bool frame_attaches(const struct call *k)
{
	return k->request && !k->op && k->request->verb_case == PALLOCD__V1__REQUEST__VERB_ATTACH;
}

/** frame_changes() - the request is one that changes something, so far as is known. */
bool frame_changes(const struct call *k);

/** frame_may_be_done() - it is, and it has been sent: who gets no reply does not know whether it was done. */
bool frame_may_be_done(const struct call *k);

#endif
