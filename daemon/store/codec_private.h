/*
 * codec_private - numbers and strings in values
 *
 * Role:       what codec.c and codec_session.c share. A writer writes into room that was reserved; a reader remembers that something was wrong, and
 *             gives zeros from then on.
 * Uses:       store/codec.h
 */
#ifndef PALLOCD_STORE_CODEC_PRIVATE_H
#define PALLOCD_STORE_CODEC_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "store/codec.h"

/* A number takes seven bits a byte, the low ones first; the top bit says that more follow. */
#define NUMBER_BYTES_MAX 10u

static inline uint8_t *put_number(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

static inline uint8_t *put_bytes(uint8_t *p, const void *bytes, size_t n)
{
	if (n)
		memcpy(p, bytes, n);
	return p + n;
}

static inline uint8_t *put_le(uint8_t *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		*p++ = (uint8_t)(v >> (8 * i));
	return p;
}

/* Its length, with the 0 that ends it, and then both. */
static inline uint8_t *put_string(uint8_t *p, const char *s)
{
	size_t n = strlen(s) + 1;

	return put_bytes(put_number(p, n), s, n);
}

struct reader {
	const uint8_t *p, *end;
	bool bad;
};

static inline struct reader reader_of(const void *value, size_t n)
{
	const uint8_t *p = value;

	return (struct reader){.p = p, .end = n ? p + n : p};
}

static inline uint64_t get_number(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && r->p < r->end; shift += 7) {
		uint8_t byte = *r->p++;

		/* The tenth byte has one bit of the number. */
		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
	r->bad = true;
	r->p = r->end;
	return 0;
}

/** get_below() - a number up to @max. */
static inline uint64_t get_below(struct reader *r, uint64_t max)
{
	uint64_t v = get_number(r);

	if (v <= max)
		return v;
	r->bad = true;
	return 0;
}

/** get_bytes() - @n bytes as they lie there; NULL: there are not so many. */
static inline const uint8_t *get_bytes(struct reader *r, uint64_t n)
{
	const uint8_t *p = r->p;

	if (n > (uint64_t)(r->end - r->p)) {
		r->bad = true;
		r->p = r->end;
		return NULL;
	}
	r->p += n;
	return p;
}

static inline uint64_t get_le(struct reader *r, unsigned n)
{
	const uint8_t *p = get_bytes(r, n);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

/** get_string() - up to @max characters; NULL where it is none. */
static inline const char *get_string(struct reader *r, size_t max)
{
	uint64_t n = get_below(r, (uint64_t)max + 1);
	const uint8_t *p = get_bytes(r, n);

	if (!p || !n || memchr(p, 0, n) != p + n - 1) {
		r->bad = true;
		return NULL;
	}
	return (const char *)p;
}

/** reader_verdict() - all was there, and nothing is left. */
static inline int reader_verdict(const struct reader *r)
{
	return r->bad || r->p != r->end ? CODEC_E_DAMAGED : 0;
}

#endif
