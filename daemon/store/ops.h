/*
 * ops - puts and deletions of records, as bytes one behind the other
 *
 * Role:       what a batch keeps in memory and the journal in its file. An operation is its kind (1 byte), the bytes of its key (1), those of its
 *             value (4, the low one first), the key, the value.
 * Uses:       store/codec_private.h
 */
#ifndef PALLOCD_STORE_OPS_H
#define PALLOCD_STORE_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

enum op_kind {
	OP_PUT, /* this record, whether there is one or not */
	OP_DEL, /* none, whether there is one or not */
	OP_WIPE /* none of those whose keys begin so */
};

struct op {
	enum op_kind kind;
	size_t nkey, nvalue;
	const uint8_t *key, *value; /* inside of what is read */
};

#define OP_HEAD_BYTES 6u

/** op_bytes() - what op_encode() writes. */
static inline size_t op_bytes(size_t nkey, size_t nvalue)
{
	return OP_HEAD_BYTES + nkey + nvalue;
}

/** op_encode() - one operation to @p, which has room. A key has at most 255 bytes, a value less than 4 GiB. */
void op_encode(uint8_t *p, enum op_kind kind, const void *key, size_t nkey, const void *value,
	       size_t n);

enum ops_outcome { OPS_E_DAMAGED = 1 /* this is no operation */ };

/** op_decode() - the one at @p, of which there are @n bytes, at least one. Return: 0, OPS_E_DAMAGED. */
MUST_CHECK int op_decode(const uint8_t *p, size_t n, struct op *ret);

#endif
