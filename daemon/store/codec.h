/*
 * codec - records as keys and values
 *
 * Role:       turns records into bytes and bytes into records, as README.md beside this file says. Knows no file. Decoding takes any bytes: what is
 *             damaged is refused, nothing beyond the bytes is read.
 * Uses:       base/, region/record.h
 * Cost:       some ten nanoseconds an extent.
 */
#ifndef PALLOCD_STORE_CODEC_H
#define PALLOCD_STORE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "region/record.h"

/* The first byte of a key. */
enum key_kind {
	KEY_FOLDS, /* how often a journal was folded into this */
	KEY_META,
	KEY_REGION,
	KEY_EXTENT,
	KEY_SESSION,
	KEY_JOURNAL, /* what the checks of a synced journal are made with */
};
#define KEY_EXTENT_BYTES 13u
#define KEY_SESSION_BYTES 9u
#define KEY_REGION_BYTES_MAX (1 + REGION_NAME_BYTES_MAX)
#define KEY_BYTES_MAX KEY_REGION_BYTES_MAX
/* The part of an extent's key that is the same for all of a region. */
#define KEY_EXTENT_PREFIX_BYTES 5u

/** key_*() - write a key. Return: its bytes. */
size_t key_folds(uint8_t *key);
size_t key_meta(uint8_t *key);
size_t key_journal(uint8_t *key);
size_t key_region(uint8_t *key, const char *name);
size_t key_extent(uint8_t key[KEY_EXTENT_BYTES], uint32_t number, uint64_t page);
size_t key_session(uint8_t key[KEY_SESSION_BYTES], uint64_t id);

/** key_page(), key_id() - what such a key says. Return: false: it is none. */
MUST_CHECK bool key_page(const void *key, size_t n, uint64_t *ret_page);
MUST_CHECK bool key_id(const void *key, size_t n, uint64_t *ret_id);

#define BOOT_BYTES 16u

struct meta {
	uint16_t major, minor;
	uint64_t next_session; /* no session has had an id from here on */
	uint32_t next_region;  /* the same of regions' numbers */
	uint64_t batch;        /* the last batch that was written (MACHINE) */
	uint8_t boot[BOOT_BYTES];
};
#define META_BYTES 44u

void meta_encode(const struct meta *m, uint8_t value[META_BYTES]);

enum codec_outcome {
	CODEC_E_DAMAGED = 1, /* this is no such record */
};

/** folds_encode(), folds_decode() - a number of folds. Return: 0, CODEC_E_DAMAGED. */
#define FOLDS_BYTES 8u
void folds_encode(uint64_t folds, uint8_t value[FOLDS_BYTES]);
MUST_CHECK int folds_decode(const void *value, size_t n, uint64_t *ret_folds);

/** meta_decode() - of a store of any version, major and minor alone are sure to be there. Return: 0, CODEC_E_DAMAGED. */
MUST_CHECK int meta_decode(const void *value, size_t n, struct meta *ret);

/* Bytes that grow. Zeroed: none. Given back with mem_free(data). */
struct bytes {
	uint8_t *data;
	size_t n, size;
};

/** bytes_reserve() - room for @n more. Return: 0, -ENOMEM. */
MUST_CHECK int bytes_reserve(struct bytes *b, size_t n);

/** extent_encode() - @b is this value alone. Return: 0, -ENOMEM. */
MUST_CHECK int extent_encode(const struct extent_record *e, struct bytes *b);

/**
 * extent_decode() - the value of an extent that begins at @page
 * @shares: room for REGION_SHARES_MAX
 *
 * Strings lie in the value. Return: 0, CODEC_E_DAMAGED.
 */
MUST_CHECK int extent_decode(uint64_t page, const void *value, size_t n,
			     struct record_holder *shares, struct extent_record *ret);

/** region_encode() - as extent_encode(); @number: the store's own of this region. */
MUST_CHECK int region_encode(uint32_t number, const struct space_record *s, struct bytes *b);

/** region_decode() - @ranges: receives memory that the record points to, from mem_alloc(), the caller's. Return: 0, CODEC_E_DAMAGED, -ENOMEM. */
MUST_CHECK int region_decode(const void *value, size_t n, struct record_range **ret_ranges,
			     uint32_t *ret_number, struct space_record *ret);

/** region_decode_head() - number and generation alone. Return: 0, CODEC_E_DAMAGED. */
MUST_CHECK int region_decode_head(const void *value, size_t n, uint32_t *ret_number,
				  uint64_t *ret_generation);

/* Where a session's value says which batch wrote it last: the first eight bytes. */
#define SESSION_BATCH_BYTES 8u

/** session_encode() - as extent_encode(). Quarantines have the store's numbers of regions; @batch: the last one with a copy of the session, 0. */
MUST_CHECK int session_encode(const struct session_record *s, uint64_t batch, struct bytes *b);

/**
 * session_decode() - the value of session @id
 * @quarantines, @max: room; what does not find room is damage
 *
 * Replies lie in the value. Return: 0, CODEC_E_DAMAGED.
 */
MUST_CHECK int session_decode(uint64_t id, const void *value, size_t n,
			      struct record_quarantine *quarantines, uint32_t max,
			      struct session_record *ret, uint64_t *ret_batch);

#endif
