/*
 * request - bytes into a Request
 *
 * Role:       protobuf-c's time for a message grows with the fields that its type has, and Request has one for each verb. Nearly all
 *             requests are an id and one verb, in this order, with what was answered behind them where the client repeats: those are read
 *             here, and protobuf-c unpacks the verb's message alone.
 *             Whatever else a Request may look like is protobuf-c's. A unit test compares both ways.
 * Uses:       rpc/verb.h
 */
#include "rpc/verb.h"

#define TAG_ID 0x08u        /* field 1, varint */
#define TAG_ANSWERED 0xf8u  /* field 31, varint */
#define WIRE_DELIMITED 2u   /* the wire type of messages */
#define LENGTH_BYTES_MAX 3u /* of a length that fits a frame */

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

struct head {
	uint64_t id, number, answered;
};

/* Where there is only one more field, and it says what was answered: that. Return: whether it is so. */
static bool answered_get(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	uint64_t tag;

	return varint_get(&p, end, 2, &tag) && tag == TAG_ANSWERED && varint_get(&p, end, 9, ret) &&
	       p == end;
}

/*
 * Where it is an id and one verb, and perhaps what was answered behind it: the verb's message is [*@p, *@ret_end). Return: the verb; NULL where it is anything
 * else.
 */
static const struct verb *head_get(const uint8_t **p, const uint8_t *end, struct head *ret,
				   const uint8_t **ret_end)
{
	uint64_t tag, length;

	if (*p < end && **p == TAG_ID) {
		++*p;
		if (!varint_get(p, end, 9, &ret->id))
			return NULL;
	}
	if (!varint_get(p, end, 2, &tag) || (tag & 7) != WIRE_DELIMITED ||
	    !varint_get(p, end, LENGTH_BYTES_MAX, &length) || length > (size_t)(end - *p))
		return NULL;
	*ret_end = *p + length;
	if (*ret_end != end && !answered_get(*ret_end, end, &ret->answered))
		return NULL;
	ret->number = tag >> 3;
	return verb_get(ret->number);
}

Pallocd__V1__Request *request_unpack(struct arena *a, const uint8_t *data, size_t n)
{
	const uint8_t *p = data, *end;
	Pallocd__V1__Request *req;
	struct head head = {0};
	const struct verb *verb = head_get(&p, data + n, &head, &end);

	if (UNLIKELY(!verb))
		return pallocd__v1__request__unpack(&a->allocator, n, data);
	req = arena_take(a, sizeof(*req));
	if (!req)
		return NULL;
	pallocd__v1__request__init(req);
	req->id = head.id;
	req->answered = head.answered;
	req->verb_case = (Pallocd__V1__Request__VerbCase)head.number;
	/* All members of the union are pointers to messages. */
	req->hello = (Pallocd__V1__Hello *)protobuf_c_message_unpack(verb->request, &a->allocator,
								     (size_t)(end - p), p);
	return req->hello ? req : NULL;
}
