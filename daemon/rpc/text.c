/*
 * text - what clients write for others to read
 *
 * Role:       see call_text() in call.h. protobuf-c passes any bytes as a string; other languages' libraries refuse whole replies
 *             for one that is not UTF-8, and terminals obey control characters: so neither gets in.
 * Uses:       rpc/call.h
 */
#include <string.h>

#include "rpc/call.h"

/* Bytes of the character at @p, which ends with a NUL; 0 where it is none, or a control character. */
static size_t character_bytes(const uint8_t *p)
{
	/* By the number of bytes, the smallest value that needs so many. */
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = *p < 0x80   ? 1
		   : *p < 0xc0 ? 0
		   : *p < 0xe0 ? 2
		   : *p < 0xf0 ? 3
		   : *p < 0xf8 ? 4
			       : 0;
	uint32_t value;

	if (n <= 1)
		return *p >= 0x20 && *p != 0x7f ? n : 0;
	value = *p & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (p[i] & 0x3f);
	}
	/* Longer than need be, beyond Unicode, halves of a pair; and the second block of control characters. */
	if (value < least[n] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ||
	    value < 0xa0)
		return 0;
	return n;
}

enum pallocd_status call_text(struct call *c, const char *field, const char *text, size_t max)
{
	size_t length = strlen(text), n;

	if (UNLIKELY(length > max)) {
		c->refusal.asked = length;
		c->refusal.limit = max;
		return call_refuse(c, PALLOCD_LIMIT, field, "%s has %zu bytes: %zu are allowed",
				   field, length, max);
	}
	for (size_t at = 0; at < length; at += n) {
		n = character_bytes((const uint8_t *)text + at);
		if (LIKELY(n))
			continue;
		c->refusal.asked = at;
		return call_refuse(c, PALLOCD_INVALID, field,
				   "%s has to be UTF-8 without control characters, and from byte "
				   "%zu on it is not",
				   field, at);
	}
	return PALLOCD_OK;
}
