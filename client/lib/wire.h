/*
 * wire - the few messages that a program sends by the million, packed and read without protobuf-c
 *
 * Role:       sizes and bytes of Alloc and Free requests; the head of any reply; the replies to both.
 *             All other messages go through protobuf-c. A test compares the two byte by byte.
 *             What is short is packed without being measured, and what has the usual shape is read without looking at each field.
 * Uses:       proto/
 * Cost:       O(bytes), no memory taken.
 */
#ifndef PACLIENT_LIB_WIRE_H
#define PACLIENT_LIB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An Alloc (addrs is NULL) or a Free of n ranges. */
struct wire_extents {
	uint64_t id;
	uint64_t answered; /* Request.answered; 0 = not said */
	uint32_t region_id;
	bool detached; /* Alloc only */
	size_t n;
	const uint64_t *addrs;
	const uint64_t *npages;
};

/** wire_extents_bytes() - length of the Request, without the frame's header. */
size_t wire_extents_bytes(const struct wire_extents *x);

/** wire_extents_pack() - write the Request of exactly wire_extents_bytes() to @to. */
void wire_extents_pack(const struct wire_extents *x, uint8_t *to);

/* Of so few extents each length within the Request has one byte: the verb's message has up to 6 + 2 * (2 + 5 * 10). */
#define WIRE_FEW 5

/* As long as a Request of so few can be: behind id and verb, the message and `answered`. */
#define WIRE_FEW_BYTES (11 + 2 + 110 + 12)

/**
 * wire_few_pack() - write the Request of at most WIRE_FEW extents in one go
 * @to: has room for WIRE_FEW_BYTES
 *
 * Return: its length.
 */
size_t wire_few_pack(const struct wire_extents *x, uint8_t *to);

/** wire_u32_pack() and wire_u32() - the frame's length field. */
static inline void wire_u32_pack(uint32_t value, uint8_t *to)
{
	to[0] = (uint8_t)value;
	to[1] = (uint8_t)(value >> 8);
	to[2] = (uint8_t)(value >> 16);
	to[3] = (uint8_t)(value >> 24);
}

static inline uint32_t wire_u32(const uint8_t *from)
{
	return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
	       (uint32_t)from[3] << 24;
}

/* The head of a Reply: what is needed to know whose it is. */
struct wire_reply {
	uint64_t id;
	uint64_t status;
	uint32_t result;     /* field number of the result; 0 = none */
	const uint8_t *body; /* the result's message, in the frame */
	size_t body_bytes;
};

/**
 * wire_reply_scan() - read the head of a Reply
 *
 * Return: 0, or -EBADMSG where the bytes are no protobuf message.
 */
int wire_reply_scan(const uint8_t *msg, size_t nbytes, struct wire_reply *ret);

/**
 * wire_alloc_reply() - read an AllocReply of exactly @n addresses
 *
 * Return: 0, or -EBADMSG; @ret_addrs may then be half written.
 */
int wire_alloc_reply(const struct wire_reply *r, size_t n, uint64_t *ret_addrs);

#endif
