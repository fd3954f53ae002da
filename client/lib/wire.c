/*
 * wire - hot messages by hand
 *
 * Role:       see wire.h.
 * Uses:       proto/pallocd.pb-c.h for the field numbers of results
 * Invariants: W1  nothing outside [msg, msg + nbytes) is read, whatever the bytes say.
 *             W2  fields may come in any order and unknown ones are skipped, as protobuf wants it.
 *             W3  a short way accepts one exact shape, and says of it what the long way says; everything else is left to that.
 */
#include "client/lib/wire.h"

#include <errno.h>
#include <string.h>

#include "proto/pallocd.pb-c.h"

enum wiretype {
	VARINT = 0,
	FIXED64 = 1,
	BYTES = 2,
	FIXED32 = 5,
};

#define KEY(field, type) ((field) << 3 | (type))

/* Request.answered, whose key has two bytes, is the last field that there is. */
#define ANSWERED_KEY KEY(31u, VARINT)

/* A varint has 7 bits a byte: 64 bits need up to 10. */
#define VARINT_BYTES_MAX 10

static size_t varint_bytes(uint64_t v)
{
	return (size_t)(63 - __builtin_clzll(v | 1)) / 7 + 1;
}

static inline uint8_t *varint_pack(uint64_t v, uint8_t *to)
{
	for (; v >= 0x80; v >>= 7)
		*to++ = (uint8_t)(v | 0x80);
	*to++ = (uint8_t)v;
	return to;
}

static size_t packed_bytes(const uint64_t *values, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += varint_bytes(values[i]);
	return bytes;
}

/* Field with key @key (one byte) that holds @n values. */
static size_t array_bytes(const uint64_t *values, size_t n)
{
	size_t bytes = packed_bytes(values, n);

	return n ? 1 + varint_bytes(bytes) + bytes : 0;
}

static uint8_t *array_pack(uint8_t key, const uint64_t *values, size_t n, uint8_t *to)
{
	if (!n)
		return to;
	*to++ = key;
	to = varint_pack(packed_bytes(values, n), to);
	for (size_t i = 0; i < n; i++)
		to = varint_pack(values[i], to);
	return to;
}

static size_t extents_body_bytes(const struct wire_extents *x)
{
	size_t bytes = x->region_id ? 1 + varint_bytes(x->region_id) : 0;

	if (x->addrs)
		return bytes + array_bytes(x->addrs, x->n) + array_bytes(x->npages, x->n);
	return bytes + array_bytes(x->npages, x->n) + (x->detached ? 2 : 0);
}

size_t wire_extents_bytes(const struct wire_extents *x)
{
	size_t body = extents_body_bytes(x);

	return 1 + varint_bytes(x->id) + 1 + varint_bytes(body) + body +
	       (x->answered ? 2 + varint_bytes(x->answered) : 0);
}

static inline uint8_t *answered_pack(uint64_t answered, uint8_t *to)
{
	return answered ? varint_pack(answered, varint_pack(ANSWERED_KEY, to)) : to;
}

void wire_extents_pack(const struct wire_extents *x, uint8_t *to)
{
	*to++ = KEY(1, VARINT);
	to = varint_pack(x->id, to);
	*to++ = x->addrs ? KEY(6, BYTES) : KEY(5, BYTES);
	to = varint_pack(extents_body_bytes(x), to);
	if (x->region_id) {
		*to++ = KEY(1, VARINT);
		to = varint_pack(x->region_id, to);
	}
	if (x->addrs) {
		to = array_pack(KEY(3, BYTES), x->addrs, x->n, to);
		to = array_pack(KEY(4, BYTES), x->npages, x->n, to);
		answered_pack(x->answered, to);
		return;
	}
	to = array_pack(KEY(3, BYTES), x->npages, x->n, to);
	if (x->detached) {
		*to++ = KEY(4, VARINT);
		*to++ = PALLOCD__V1__LIFETIME__DETACHED;
	}
	answered_pack(x->answered, to);
}

/* The length goes in front when it is known. */
static inline uint8_t *few_pack(uint8_t key, const uint64_t *values, size_t n, uint8_t *to)
{
	uint8_t *length;

	if (!n)
		return to;
	*to++ = key;
	length = to++;
	for (size_t i = 0; i < n; i++)
		to = varint_pack(values[i], to);
	*length = (uint8_t)(to - length - 1);
	return to;
}

size_t wire_few_pack(const struct wire_extents *x, uint8_t *const begin)
{
	uint8_t *to = begin, *length;

	*to++ = KEY(1, VARINT);
	to = varint_pack(x->id, to);
	*to++ = x->addrs ? KEY(6, BYTES) : KEY(5, BYTES);
	length = to++;
	if (x->region_id) {
		*to++ = KEY(1, VARINT);
		to = varint_pack(x->region_id, to);
	}
	if (x->addrs)
		to = few_pack(KEY(3, BYTES), x->addrs, x->n, to);
	to = few_pack(x->addrs ? KEY(4, BYTES) : KEY(3, BYTES), x->npages, x->n, to);
	if (x->detached && !x->addrs) {
		*to++ = KEY(4, VARINT);
		*to++ = PALLOCD__V1__LIFETIME__DETACHED;
	}
	*length = (uint8_t)(to - length - 1);
	return (size_t)(answered_pack(x->answered, to) - begin);
}

/* What is left of a message. */
struct span {
	const uint8_t *p;
	const uint8_t *end;
};

/* One field: its number, and its value or its bytes. */
struct field {
	uint64_t number;
	unsigned type;
	uint64_t value;
	struct span bytes;
};

static inline int varint_read(struct span *s, uint64_t *ret)
{
	const uint8_t *p = s->p;
	const uint8_t *end = s->end - p > VARINT_BYTES_MAX ? p + VARINT_BYTES_MAX : s->end;
	uint64_t v = 0;

	for (unsigned shift = 0; p < end; shift += 7) {
		uint64_t byte = *p++;

		v |= (byte & 0x7f) << shift;
		if (byte < 0x80) {
			s->p = p;
			*ret = v;
			return 0;
		}
	}
	return -EBADMSG;
}

static int bytes_read(struct span *s, uint64_t n, struct span *ret)
{
	if (n > (uint64_t)(s->end - s->p))
		return -EBADMSG;
	*ret = (struct span){s->p, s->p + n};
	s->p += n;
	return 0;
}

static int field_read(struct span *s, struct field *ret)
{
	uint64_t key;
	int err = varint_read(s, &key);

	if (err)
		return err;
	ret->number = key >> 3;
	ret->type = key & 7;
	if (!ret->number)
		return -EBADMSG;
	switch (ret->type) {
	case VARINT:
		return varint_read(s, &ret->value);
	case FIXED64:
		return bytes_read(s, 8, &ret->bytes);
	case FIXED32:
		return bytes_read(s, 4, &ret->bytes);
	case BYTES:
		err = varint_read(s, &ret->value);
		return err ? err : bytes_read(s, ret->value, &ret->bytes);
	}
	return -EBADMSG;
}

static bool is_result(const struct field *f)
{
	return f->type == BYTES && f->number >= PALLOCD__V1__REPLY__RESULT_HELLO &&
	       f->number <= PALLOCD__V1__REPLY__RESULT_RECALL;
}

/* The key of one of the first results: its one byte. */
static bool is_short_key(uint8_t key)
{
	return (key & 7) == BYTES && key >= KEY(PALLOCD__V1__REPLY__RESULT_HELLO, BYTES) &&
	       key < 0x80;
}

/* What nearly every reply is: an id, then one result of less than 128 bytes to the end. Return: false for all others. */
static bool usual_scan(const uint8_t *msg, size_t nbytes, struct wire_reply *ret)
{
	struct span s = {msg + 1, msg + nbytes};
	uint64_t id;

	if (nbytes < 4 || msg[0] != KEY(1, VARINT) || varint_read(&s, &id) || s.end - s.p < 2)
		return false;
	/* A length of 0x80 and more has a second byte. */
	if (!is_short_key(s.p[0]) || s.p[1] >= 0x80 || s.p + 2 + s.p[1] != s.end)
		return false;
	*ret = (struct wire_reply){
		.id = id, .result = s.p[0] >> 3, .body = s.p + 2, .body_bytes = s.p[1]};
	return true;
}

int wire_reply_scan(const uint8_t *msg, size_t nbytes, struct wire_reply *ret)
{
	struct span s = {msg, msg + nbytes};
	struct field f;

	if (usual_scan(msg, nbytes, ret))
		return 0;
	*ret = (struct wire_reply){0};
	while (s.p < s.end) {
		int err = field_read(&s, &f);

		if (err)
			return err;
		if (f.number == 1 && f.type == VARINT)
			ret->id = f.value;
		else if (f.number == 2 && f.type == VARINT)
			ret->status = f.value;
		else if (is_result(&f)) {
			ret->result = (uint32_t)f.number;
			ret->body = f.bytes.p;
			ret->body_bytes = (size_t)(f.bytes.end - f.bytes.p);
		}
	}
	return 0;
}

static inline int packed_read(struct span s, size_t n, size_t *count, uint64_t *ret_addrs)
{
	size_t i = *count;

	for (; s.p < s.end; i++) {
		if (i >= n || varint_read(&s, &ret_addrs[i]))
			return -EBADMSG;
	}
	*count = i;
	return 0;
}

/* An address array may come packed or entry by entry, even in several pieces. */
static int addrs_read(struct field *f, size_t n, size_t *count, uint64_t *ret_addrs)
{
	if (f->type == VARINT) {
		if (*count >= n)
			return -EBADMSG;
		ret_addrs[(*count)++] = f->value;
		return 0;
	}
	return f->type == BYTES ? packed_read(f->bytes, n, count, ret_addrs) : -EBADMSG;
}

/* Nearly always they come first, packed, in less than 128 bytes. */
static inline bool addrs_first(struct span *s, struct span *ret)
{
	if (s->end - s->p < 2 || s->p[0] != KEY(1, BYTES) || s->p[1] >= 0x80 ||
	    s->p[1] > s->end - s->p - 2)
		return false;
	*ret = (struct span){s->p + 2, s->p + 2 + s->p[1]};
	s->p = ret->end;
	return true;
}

int wire_alloc_reply(const struct wire_reply *r, size_t n, uint64_t *ret_addrs)
{
	/* A NULL with nothing behind it is no place to count from. */
	struct span s = {r->body, r->body_bytes ? r->body + r->body_bytes : r->body};
	struct span first;
	struct field f;
	size_t count = 0;

	if (addrs_first(&s, &first) && packed_read(first, n, &count, ret_addrs))
		return -EBADMSG;
	while (s.p < s.end) {
		int err = field_read(&s, &f);

		if (!err && f.number == 1)
			err = addrs_read(&f, n, &count, ret_addrs);
		if (err)
			return err;
	}
	return count == n ? 0 : -EBADMSG;
}
