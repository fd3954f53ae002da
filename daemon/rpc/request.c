/*
 * request - bytes into a Request
 *
 * Role:       protobuf-c's time for a message grows with the fields that its type has, and Request has one for each verb. Nearly all
 *             requests are an id and one verb, in this order: those two are read here, and protobuf-c unpacks the verb's message alone.
 *             Whatever else a Request may look like is protobuf-c's. A unit test compares both ways.
 * Uses:       rpc/call.h
 */
#include "rpc/call.h"

#define TAG_ID 0x08u        /* field 1, varint */
#define WIRE_DELIMITED 2u   /* the wire type of messages */
#define LENGTH_BYTES_MAX 3u /* of a length that fits a frame */

/* The verbs' messages, by field number. */
static const ProtobufCMessageDescriptor *const verbs[] = {
	[PALLOCD__V1__REQUEST__VERB_HELLO] = &pallocd__v1__hello__descriptor,
	[PALLOCD__V1__REQUEST__VERB_LIST_REGIONS] = &pallocd__v1__list_regions__descriptor,
	[PALLOCD__V1__REQUEST__VERB_REGION_INFO] = &pallocd__v1__region_info__descriptor,
	[PALLOCD__V1__REQUEST__VERB_ALLOC] = &pallocd__v1__alloc__descriptor,
	[PALLOCD__V1__REQUEST__VERB_FREE] = &pallocd__v1__free__descriptor,
	[PALLOCD__V1__REQUEST__VERB_GROW] = &pallocd__v1__grow__descriptor,
	[PALLOCD__V1__REQUEST__VERB_STAT] = &pallocd__v1__stat__descriptor,
	[PALLOCD__V1__REQUEST__VERB_MAP] = &pallocd__v1__map__descriptor,
	[PALLOCD__V1__REQUEST__VERB_WHY] = &pallocd__v1__why__descriptor,
	[PALLOCD__V1__REQUEST__VERB_FIT] = &pallocd__v1__fit__descriptor,
	[PALLOCD__V1__REQUEST__VERB_RESIZE] = &pallocd__v1__resize__descriptor,
	[PALLOCD__V1__REQUEST__VERB_SPLIT] = &pallocd__v1__split__descriptor,
	[PALLOCD__V1__REQUEST__VERB_JOIN] = &pallocd__v1__join__descriptor,
	[PALLOCD__V1__REQUEST__VERB_SHRINK] = &pallocd__v1__shrink__descriptor,
	[PALLOCD__V1__REQUEST__VERB_DRAIN] = &pallocd__v1__drain__descriptor,
	[PALLOCD__V1__REQUEST__VERB_RESERVE] = &pallocd__v1__reserve__descriptor,
	[PALLOCD__V1__REQUEST__VERB_FREE_RUNS] = &pallocd__v1__free_runs__descriptor,
};

/* A number of at most @max bytes, at most 9, at *@p; moves it behind. Return: false if there is none. */
static bool varint_get(const uint8_t **p, const uint8_t *end, unsigned max, uint64_t *ret)
{
	const uint8_t *at = *p;
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 7 * max && at < end; shift += 7) {
		v |= (uint64_t)(*at & 0x7f) << shift;
		if (!(*at++ & 0x80)) {
			*p = at;
			*ret = v;
			return true;
		}
	}
	return false;
}

/* Where it is an id and one verb: the verb's message is [*@p, @end). */
static bool head_get(const uint8_t **p, const uint8_t *end, uint64_t *ret_id, uint64_t *ret_verb)
{
	uint64_t tag, length;

	*ret_id = 0;
	if (*p < end && **p == TAG_ID) {
		++*p;
		if (!varint_get(p, end, 9, ret_id))
			return false;
	}
	if (!varint_get(p, end, 2, &tag) || (tag & 7) != WIRE_DELIMITED ||
	    !varint_get(p, end, LENGTH_BYTES_MAX, &length))
		return false;
	*ret_verb = tag >> 3;
	return *ret_verb < ARRAY_SIZE(verbs) && verbs[*ret_verb] && length == (size_t)(end - *p);
}

Pallocd__V1__Request *request_unpack(struct arena *a, const uint8_t *data, size_t n)
{
	const uint8_t *p = data;
	Pallocd__V1__Request *req;
	uint64_t id, verb;

	if (UNLIKELY(!head_get(&p, data + n, &id, &verb)))
		return pallocd__v1__request__unpack(&a->allocator, n, data);
	req = arena_take(a, sizeof(*req));
	if (!req)
		return NULL;
	pallocd__v1__request__init(req);
	req->id = id;
	req->verb_case = (Pallocd__V1__Request__VerbCase)verb;
	/* All members of the union are pointers to messages. */
	req->hello = (Pallocd__V1__Hello *)protobuf_c_message_unpack(verbs[verb], &a->allocator,
								     (size_t)(data + n - p), p);
	return req->hello ? req : NULL;
}
