/*
 * codec - records as keys and values
 *
 * Role:       see codec.h.
 * Uses:       base/, region/record.h
 */
#include "store/codec.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "store/codec_private.h"

static const char magic[4] = {'p', 'a', 'l', 'l'};

#define EXTENT_USER 1u /* the owner is a user, not a session */
#define EXTENT_NAME 2u
#define EXTENT_LABEL 4u
#define EXTENT_SHARES 8u
#define EXTENT_FLAGS 15u
/* No name of an extent is longer; the region's own limit is asked when it is put. */
#define NAME_BYTES_MAX 255u
/* A grown range is a chunk at least; this only keeps a damaged number from asking for all memory. */
#define RANGE_BYTES_MIN 2u

static size_t put_be(uint8_t *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
	return n;
}

static uint64_t get_be(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

size_t key_folds(uint8_t *key)
{
	key[0] = KEY_FOLDS;
	return 1;
}

size_t key_meta(uint8_t *key)
{
	key[0] = KEY_META;
	return 1;
}

size_t key_journal(uint8_t *key)
{
	key[0] = KEY_JOURNAL;
	return 1;
}

size_t key_region(uint8_t *key, const char *name)
{
	size_t n = strnlen(name, REGION_NAME_BYTES_MAX);

	key[0] = KEY_REGION;
	memcpy(key + 1, name, n);
	return 1 + n;
}

size_t key_extent(uint8_t key[KEY_EXTENT_BYTES], uint32_t number, uint64_t page)
{
	key[0] = KEY_EXTENT;
	put_be(key + 1, number, 4);
	put_be(key + 5, page, 8);
	return KEY_EXTENT_BYTES;
}

size_t key_session(uint8_t key[KEY_SESSION_BYTES], uint64_t id)
{
	key[0] = KEY_SESSION;
	put_be(key + 1, id, 8);
	return KEY_SESSION_BYTES;
}

bool key_page(const void *key, size_t n, uint64_t *ret_page)
{
	const uint8_t *p = key;

	if (n != KEY_EXTENT_BYTES || p[0] != KEY_EXTENT)
		return false;
	*ret_page = get_be(p + 5, 8);
	return true;
}

bool key_id(const void *key, size_t n, uint64_t *ret_id)
{
	const uint8_t *p = key;

	if (n != KEY_SESSION_BYTES || p[0] != KEY_SESSION)
		return false;
	*ret_id = get_be(p + 1, 8);
	return true;
}

void meta_encode(const struct meta *m, uint8_t value[META_BYTES])
{
	uint8_t *p = put_bytes(value, magic, sizeof(magic));

	p = put_le(p, m->major, 2);
	p = put_le(p, m->minor, 2);
	p = put_le(p, m->next_session, 8);
	p = put_le(p, m->next_region, 4);
	p = put_le(p, m->batch, 8);
	put_bytes(p, m->boot, sizeof(m->boot));
}

void folds_encode(uint64_t folds, uint8_t value[FOLDS_BYTES])
{
	put_le(value, folds, FOLDS_BYTES);
}

int folds_decode(const void *value, size_t n, uint64_t *ret_folds)
{
	struct reader r = reader_of(value, n);
	uint64_t folds = get_le(&r, FOLDS_BYTES);

	if (reader_verdict(&r))
		return CODEC_E_DAMAGED;
	*ret_folds = folds;
	return 0;
}

int meta_decode(const void *value, size_t n, struct meta *ret)
{
	struct reader r = reader_of(value, n);
	const uint8_t *p = get_bytes(&r, sizeof(magic));
	struct meta m = {0};

	if (!p || memcmp(p, magic, sizeof(magic)))
		return CODEC_E_DAMAGED;
	m.major = (uint16_t)get_le(&r, 2);
	m.minor = (uint16_t)get_le(&r, 2);
	if (r.bad)
		return CODEC_E_DAMAGED;
	/* What follows is this version's; another one's is not looked at. */
	m.next_session = get_le(&r, 8);
	m.next_region = (uint32_t)get_le(&r, 4);
	m.batch = get_le(&r, 8);
	p = get_bytes(&r, BOOT_BYTES);
	if (p)
		memcpy(m.boot, p, BOOT_BYTES);
	*ret = m;
	return 0;
}

int bytes_reserve(struct bytes *b, size_t n)
{
	size_t size = b->size ? b->size : 256;
	uint8_t *data;

	if (LIKELY(n <= b->size - b->n))
		return 0;
	while (size - b->n < n) {
		if (__builtin_mul_overflow(size, (size_t)2, &size))
			return -ENOMEM;
	}
	data = mem_resize(b->data, size, 1);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->size = size;
	return 0;
}

int extent_encode(const struct extent_record *e, struct bytes *b)
{
	size_t nname = e->name ? strlen(e->name) : 0, nlabel = e->label ? strlen(e->label) : 0;
	uint8_t *p;

	b->n = 0;
	if (bytes_reserve(b, 1 + 5 * NUMBER_BYTES_MAX + nname + 1 + nlabel + 1 +
				     (size_t)e->nshares * (1 + NUMBER_BYTES_MAX)))
		return -ENOMEM;
	p = b->data;
	*p++ = (uint8_t)((e->owner.session ? 0 : EXTENT_USER) | (nname ? EXTENT_NAME : 0) |
			 (nlabel ? EXTENT_LABEL : 0) | (e->nshares ? EXTENT_SHARES : 0));
	p = put_number(p, e->npages);
	p = put_number(p, e->owner.session ? e->owner.session : e->owner.uid);
	if (nname)
		p = put_string(p, e->name);
	if (nlabel)
		p = put_string(p, e->label);
	if (e->nshares)
		p = put_number(p, e->nshares);
	for (uint32_t i = 0; i < e->nshares; i++) {
		const struct record_holder *h = &e->shares[i];

		*p++ = (uint8_t)(h->session ? 0 : EXTENT_USER);
		p = put_number(p, h->session ? h->session : h->uid);
	}
	b->n = (size_t)(p - b->data);
	return 0;
}

static struct record_holder get_holder(struct reader *r, bool user)
{
	struct record_holder h = {0};

	if (user) {
		h.uid = (uid_t)get_below(r, UINT32_MAX);
	} else {
		h.session = get_number(r);
		/* 0 would be a user, and root at that. */
		r->bad |= !h.session;
	}
	return h;
}

static void get_shares(struct reader *r, struct record_holder *shares, struct extent_record *e)
{
	e->nshares = (uint32_t)get_below(r, REGION_SHARES_MAX);
	r->bad |= !e->nshares;
	e->shares = shares;
	for (uint32_t i = 0; i < e->nshares && !r->bad; i++)
		shares[i] = get_holder(r, get_le(r, 1) & EXTENT_USER);
}

int extent_decode(uint64_t page, const void *value, size_t n, struct record_holder *shares,
		  struct extent_record *ret)
{
	struct reader r = reader_of(value, n);
	unsigned flags = (unsigned)get_le(&r, 1);
	struct extent_record e = {.page = page};
	uint64_t end;

	r.bad |= flags > EXTENT_FLAGS;
	e.npages = get_number(&r);
	r.bad |= !e.npages || __builtin_add_overflow(page, e.npages, &end);
	e.owner = get_holder(&r, flags & EXTENT_USER);
	if (flags & EXTENT_NAME)
		e.name = get_string(&r, NAME_BYTES_MAX);
	if (flags & EXTENT_LABEL)
		e.label = get_string(&r, REGION_LABEL_BYTES_MAX);
	if (flags & EXTENT_SHARES)
		get_shares(&r, shares, &e);
	if (reader_verdict(&r))
		return CODEC_E_DAMAGED;
	*ret = e;
	return 0;
}

static uint8_t *put_ranges(uint8_t *p, const struct record_range *ranges, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		p = put_number(put_number(p, ranges[i].page), ranges[i].npages);
	return p;
}

int region_encode(uint32_t number, const struct space_record *s, struct bytes *b)
{
	size_t nranges = (size_t)s->ngrown + s->nreserved + s->ndrained;
	uint8_t *p;

	b->n = 0;
	if (bytes_reserve(b, 4 + (6 + 2 * nranges) * NUMBER_BYTES_MAX))
		return -ENOMEM;
	p = put_le(b->data, number, 4);
	p = put_number(p, s->generation);
	p = put_number(p, s->base_addr);
	p = put_number(p, s->page_size_bytes);
	p = put_number(p, s->ngrown);
	p = put_number(p, s->nreserved);
	p = put_number(p, s->ndrained);
	p = put_ranges(p, s->grown, s->ngrown);
	p = put_ranges(p, s->reserved, s->nreserved);
	p = put_ranges(p, s->drained, s->ndrained);
	b->n = (size_t)(p - b->data);
	return 0;
}

static const struct record_range *get_ranges(struct reader *r, struct record_range *ranges,
					     uint32_t n)
{
	for (uint32_t i = 0; i < n && !r->bad; i++) {
		ranges[i].page = get_number(r);
		ranges[i].npages = get_number(r);
	}
	return ranges;
}

int region_decode(const void *value, size_t n, struct record_range **ret_ranges,
		  uint32_t *ret_number, struct space_record *ret)
{
	struct reader r = reader_of(value, n);
	uint32_t number = (uint32_t)get_le(&r, 4);
	CLEANUP(mem_freep) struct record_range *ranges = NULL;
	struct space_record s = {.generation = get_number(&r)};
	uint64_t nranges;

	s.base_addr = get_number(&r);
	s.page_size_bytes = get_number(&r);
	s.ngrown = (uint32_t)get_below(&r, UINT32_MAX);
	s.nreserved = (uint32_t)get_below(&r, UINT32_MAX);
	s.ndrained = (uint32_t)get_below(&r, UINT32_MAX);
	nranges = (uint64_t)s.ngrown + s.nreserved + s.ndrained;
	if (r.bad || !s.generation || nranges > (uint64_t)(r.end - r.p) / RANGE_BYTES_MIN)
		return CODEC_E_DAMAGED;
	ranges = mem_alloc((size_t)(nranges + 1) * sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	s.grown = get_ranges(&r, ranges, s.ngrown);
	s.reserved = get_ranges(&r, ranges + s.ngrown, s.nreserved);
	s.drained = get_ranges(&r, ranges + s.ngrown + s.nreserved, s.ndrained);
	if (reader_verdict(&r))
		return CODEC_E_DAMAGED;
	*ret_ranges = take_ptr(ranges);
	*ret_number = number;
	*ret = s;
	return 0;
}

int region_decode_head(const void *value, size_t n, uint32_t *ret_number, uint64_t *ret_generation)
{
	struct reader r = reader_of(value, n);
	uint32_t number = (uint32_t)get_le(&r, 4);
	uint64_t generation = get_number(&r);

	if (r.bad || !generation)
		return CODEC_E_DAMAGED;
	*ret_number = number;
	*ret_generation = generation;
	return 0;
}
