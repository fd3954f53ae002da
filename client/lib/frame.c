/*
 * frame - a call's request, packed
 *
 * Role:       see frame.h.
 * Uses:       wire, conn
 */
#include "client/lib/frame.h"

#include "client/lib/conn.h"
#include "client/lib/op.h"

size_t frame_bytes(struct call *k, uint64_t id)
{
	if (k->op)
		return op_frame(k->op, NULL);
	if (!k->request) {
		k->extents.id = id;
		k->extents.answered = k->answered;
		return wire_extents_bytes(&k->extents);
	}
	k->request->id = id;
	k->request->answered = k->answered;
	return pallocd__v1__request__get_packed_size(k->request);
}

void frame_pack(struct call *k, uint8_t *to)
{
	if (k->op)
		(void)op_frame(k->op, to);
	else if (k->request)
		pallocd__v1__request__pack(k->request, to);
	else
		wire_extents_pack(&k->extents, to);
}

void frame_put_few(struct call *k, uint64_t id)
{
	struct paclient *c = k->client;
	uint8_t *to = conn_reserve(c, PALLOCD_FRAME_HEADER_BYTES + WIRE_FEW_BYTES);
	size_t nbytes;

	k->extents.id = id;
	k->extents.answered = k->answered;
	nbytes = wire_few_pack(&k->extents, to + PALLOCD_FRAME_HEADER_BYTES);
	wire_u32_pack((uint32_t)nbytes, to);
	conn_unreserve(c, WIRE_FEW_BYTES - nbytes);
}

uint8_t *frame_begin(struct paclient *c, size_t nbytes)
{
	uint8_t *to = conn_reserve(c, PALLOCD_FRAME_HEADER_BYTES + nbytes);

	wire_u32_pack((uint32_t)nbytes, to);
	return to + PALLOCD_FRAME_HEADER_BYTES;
}

bool frame_changes(const struct call *k)
{
	if (k->op)
		return op_changes(k->op);
	if (!k->request)
		return true;
	switch (k->request->verb_case) {
	case PALLOCD__V1__REQUEST__VERB_HELLO:
	case PALLOCD__V1__REQUEST__VERB_LIST_REGIONS:
	case PALLOCD__V1__REQUEST__VERB_REGION_INFO:
	case PALLOCD__V1__REQUEST__VERB_STAT:
	case PALLOCD__V1__REQUEST__VERB_MAP:
	case PALLOCD__V1__REQUEST__VERB_WHY:
	case PALLOCD__V1__REQUEST__VERB_FIT:
	case PALLOCD__V1__REQUEST__VERB_FREE_RUNS:
	case PALLOCD__V1__REQUEST__VERB_SESSIONS:
	case PALLOCD__V1__REQUEST__VERB_LOOKUP:
	case PALLOCD__V1__REQUEST__VERB_LIST:
	case PALLOCD__V1__REQUEST__VERB_QUOTAS:
	case PALLOCD__V1__REQUEST__VERB_WATCH:
	case PALLOCD__V1__REQUEST__VERB_ATTACH:
	case PALLOCD__V1__REQUEST__VERB_SCAVENGE:
		return false;
	default:
		return true;
	}
}

bool frame_may_be_done(const struct call *k)
{
	return frame_changes(k) && (!k->op || op_sent(k->op));
}
