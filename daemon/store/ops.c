/*
 * ops - puts and deletions of records, as bytes one behind the other
 *
 * Role:       see ops.h.
 * Uses:       store/codec_private.h
 */
#include "store/ops.h"

#include <string.h>

#include "store/codec_private.h"

void op_encode(uint8_t *p, enum op_kind kind, const void *key, size_t nkey, const void *value,
	       size_t n)
{
	*p++ = (uint8_t)kind;
	*p++ = (uint8_t)nkey;
	p = put_le(p, n, 4);
	p = put_bytes(p, key, nkey);
	put_bytes(p, value, n);
}

int op_decode(const uint8_t *p, size_t n, struct op *ret)
{
	struct reader r = reader_of(p, n);
	struct op op = {.kind = (enum op_kind)get_le(&r, 1)};

	op.nkey = (size_t)get_le(&r, 1);
	op.nvalue = (size_t)get_le(&r, 4);
	op.key = get_bytes(&r, op.nkey);
	op.value = get_bytes(&r, op.nvalue);
	if (r.bad || op.kind > OP_WIPE || !op.nkey)
		return OPS_E_DAMAGED;
	*ret = op;
	return 0;
}
