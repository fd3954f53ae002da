/*
 * reply - replies into bytes
 *
 * Role:       the length field and the message behind it. AllocReply and FreeReply, which are most of all replies, are written
 *             by hand: protobuf-c walks a descriptor twice for each. A unit test compares both ways byte for byte.
 * Uses:       rpc/call.h
 */
#include <assert.h>
#include <string.h>

#include "rpc/call.h"

/* Field numbers and wire types of pallocd.proto, as one byte each. */
#define TAG_REPLY_ID 0x08u        /* 1, varint */
#define TAG_REPLY_ALLOC 0x6au     /* 13, length-delimited */
#define TAG_REPLY_FREE 0x72u      /* 14, length-delimited */
#define TAG_ALLOC_ADDR 0x0au      /* 1, length-delimited: packed */
#define TAG_ALLOC_SCAVENGED 0x10u /* 2, varint */
#define TAG_FREE_NPAGES 0x08u     /* 1, varint */
#define TAG_FREE_SHARED 0x10u     /* 2, varint */

static size_t varint_bytes(uint64_t v)
{
	/* Seven bits a byte; v | 1, because 0 takes a byte too. */
	return (70 - (size_t)__builtin_clzll(v | 1)) / 7;
}

static uint8_t *varint_put(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *field_put(uint8_t *p, uint8_t tag, uint64_t v)
{
	*p++ = tag;
	return varint_put(p, v);
}

static void length_put(uint8_t *p, size_t n)
{
	assert(n <= PALLOCD_FRAME_BYTES_MAX);
	p[0] = (uint8_t)n;
	p[1] = (uint8_t)(n >> 8);
	p[2] = (uint8_t)(n >> 16);
	p[3] = (uint8_t)(n >> 24);
}

static uint8_t *alloc_put(uint8_t *p, const struct call *c)
{
	size_t addrs = 0, inner = 0;

	for (uint32_t i = 0; i < c->quick_n; i++)
		addrs += varint_bytes(c->quick_addr[i]);
	if (c->quick_n)
		inner += 1 + varint_bytes(addrs) + addrs;
	if (c->quick_npages)
		inner += 1 + varint_bytes(c->quick_npages);
	p = field_put(p, TAG_REPLY_ALLOC, inner);
	if (c->quick_n)
		p = field_put(p, TAG_ALLOC_ADDR, addrs);
	for (uint32_t i = 0; i < c->quick_n; i++)
		p = varint_put(p, c->quick_addr[i]);
	if (c->quick_npages)
		p = field_put(p, TAG_ALLOC_SCAVENGED, c->quick_npages);
	return p;
}

static uint8_t *free_put(uint8_t *p, const struct call *c)
{
	size_t inner = 0;

	if (c->quick_npages)
		inner += 1 + varint_bytes(c->quick_npages);
	if (c->quick_shared_npages)
		inner += 1 + varint_bytes(c->quick_shared_npages);
	p = field_put(p, TAG_REPLY_FREE, inner);
	if (c->quick_npages)
		p = field_put(p, TAG_FREE_NPAGES, c->quick_npages);
	if (c->quick_shared_npages)
		p = field_put(p, TAG_FREE_SHARED, c->quick_shared_npages);
	return p;
}

void reply_pack(struct call *c, struct rpc_out *out)
{
	uint8_t *begin = out->data + out->n, *p = begin + PALLOCD_FRAME_HEADER_BYTES;

	assert(out->size - out->n >= RPC_OUT_ROOM_MIN);
	if (UNLIKELY(c->remembered != NULL)) {
		memcpy(begin, c->remembered, c->remembered_n);
		out->n += c->remembered_n;
		return;
	}
	if (c->quick) {
		if (c->reply.id)
			p = field_put(p, TAG_REPLY_ID, c->reply.id);
		p = c->req->verb_case == PALLOCD__V1__REQUEST__VERB_ALLOC ? alloc_put(p, c)
									  : free_put(p, c);
	} else {
		/* Q2 holds by the limits of each list in a reply; to see it broken after the bytes are written would be late. */
		assert(protobuf_c_message_get_packed_size(&c->reply.base) <=
		       PALLOCD_FRAME_BYTES_MAX);
		p += protobuf_c_message_pack(&c->reply.base, p);
	}
	length_put(begin, (size_t)(p - begin) - PALLOCD_FRAME_HEADER_BYTES);
	out->n += (size_t)(p - begin);
}
