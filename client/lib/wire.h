/*
 * wire - the few messages that a program sends by the million, packed and read without protobuf-c
 *
 * Role:       sizes and bytes of Alloc and Free requests; the head of any reply; the replies to both.
 *             All other messages go through protobuf-c. A test compares the two byte by byte.
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

/** wire_u32_pack() and wire_u32() - the frame's length field. */
void wire_u32_pack(uint32_t value, uint8_t *to);
uint32_t wire_u32(const uint8_t *from);

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
