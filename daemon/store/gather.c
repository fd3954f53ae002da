/*
 * gather - what has changed in regions, as records
 *
 * Role:       takes the keys that regions have noted, looks at what is there now, and hands it to a transaction or a batch. Clears nothing: that is
 *             for whoever knows that it is written (S2, S3).
 * Uses:       base/, region/, store/store_private.h
 * Cost:       for each key one look into the region and one put or deletion, in order of the pages.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_private.h"

/* From so many keys on a cursor, which finds most of them where the last one was, is worth its memory. */
#define CURSOR_NKEYS 4u

static int sink_op(struct sink *k, const struct op *op)
{
	if (LIKELY(k->journal))
		return journal_append(k->journal, op) ? MDB_MAP_FULL : 0;
	return k->txn ? env_apply(k->txn, k->dbi, k->cursor, op) : batch_op(k->batch, op);
}

int sink_put(struct sink *k, const void *key, size_t nkey, const void *value, size_t n)
{
	struct op op = {.kind = OP_PUT, .key = key, .nkey = nkey, .value = value, .nvalue = n};

	return sink_op(k, &op);
}

int sink_del(struct sink *k, const void *key, size_t nkey)
{
	struct op op = {.kind = OP_DEL, .key = key, .nkey = nkey};

	return sink_op(k, &op);
}

int sink_wipe(struct sink *k, const void *prefix, size_t n)
{
	struct op op = {.kind = OP_WIPE, .key = prefix, .nkey = n};

	return sink_op(k, &op);
}

int sink_meta(struct sink *k, const struct meta *m)
{
	uint8_t key[1], value[META_BYTES];
	size_t n = key_meta(key);

	meta_encode(m, value);
	return sink_put(k, key, n, value, sizeof(value));
}

bool extent_value(struct store *s, const struct region *r, uint64_t page, int *ret_err,
		  struct extent_record *ret)
{
	if (!region_extent_get(r, page, s->shares, ret))
		return false;
	*ret_err = extent_encode(ret, &s->value);
	return true;
}

int space_value(struct store *s, const struct region *r)
{
	uint32_t n = region_space_nranges(r);
	struct space_record space;

	if (n > s->nranges || !s->ranges) {
		struct record_range *ranges = mem_resize(s->ranges, (size_t)n + 1, sizeof(*ranges));

		if (!ranges)
			return -ENOMEM;
		s->ranges = ranges;
		s->nranges = n;
	}
	region_space_get(r, s->ranges, &space);
	return region_encode(s->kept[r->id - 1].number, &space, &s->value);
}

/* Whoever holds something in the machine's environment is to be found there. */
static int gather_holders(struct store *s, struct sink *k, const struct extent_record *e)
{
	int rc = e->owner.session ? gather_owner(s, k, e->owner.session) : 0;

	for (uint32_t i = 0; !rc && i < e->nshares; i++) {
		if (e->shares[i].session)
			rc = gather_owner(s, k, e->shares[i].session);
	}
	return rc;
}

static int gather_extent(struct store *s, struct region *r, uint64_t page, struct sink *k)
{
	uint8_t key[KEY_EXTENT_BYTES];
	size_t nkey = key_extent(key, s->kept[r->id - 1].number, page);
	struct extent_record e;
	uint64_t begin;
	int rc = 0;

	if (!extent_value(s, r, page, &rc, &e)) {
		/* An extent of a faulted region may have lost its owner; what was written about it is still right. */
		if (UNLIKELY(r->faulted) && region_extent_next(r, page, &begin) && begin == page)
			return 0;
		return sink_del(k, key, nkey);
	}
	if (!rc)
		rc = sink_put(k, key, nkey, s->value.data, s->value.n);
	if (!rc && k->batch)
		rc = gather_holders(s, k, &e);
	return rc;
}

/* There was no memory to note what has changed: everything is written again. */
static int gather_all(struct store *s, struct region *r, struct sink *k)
{
	uint8_t key[KEY_EXTENT_BYTES];
	int rc;

	key_extent(key, s->kept[r->id - 1].number, 0);
	/* Of a faulted region not everything may be there to be written again. */
	rc = r->faulted ? 0 : sink_wipe(k, key, KEY_EXTENT_PREFIX_BYTES);
	for (uint64_t page = 0; !rc && region_extent_next(r, page, &page); page++)
		rc = gather_extent(s, r, page, k);
	return rc;
}

static int gather_space(struct store *s, const struct region *r, struct sink *k)
{
	uint8_t key[KEY_REGION_BYTES_MAX];
	size_t nkey = key_region(key, r->name);
	int rc = space_value(s, r);

	return rc ? rc : sink_put(k, key, nkey, s->value.data, s->value.n);
}

static bool region_differs(const struct store *s, const struct region *r)
{
	return s->kept[r->id - 1].kept && (r->changes.n || r->changes.space || r->changes.all);
}

static bool is_dropped(const struct store *s, uint32_t i, enum region_durability d)
{
	return s->kept[i].dropped && s->kept[i].dropped_from == d;
}

/* Of a region that is closed, nothing stays. */
static int gather_dropped(const struct store *s, const struct region *r, struct sink *k)
{
	uint8_t key[KEY_BYTES_MAX];
	int rc;

	key_extent(key, s->kept[r->id - 1].number, 0);
	rc = sink_wipe(k, key, KEY_EXTENT_PREFIX_BYTES);
	return rc ? rc : sink_del(k, key, key_region(key, r->name));
}

bool gather_changed(const struct store *s, enum region_durability d)
{
	for (uint32_t i = 0; i < s->regions->n; i++) {
		const struct region *r = s->regions->table[i];

		if ((r->durability == d && region_differs(s, r)) || is_dropped(s, i, d))
			return true;
	}
	return false;
}

bool gather_is_small(const struct store *s, enum region_durability d)
{
	const struct changes *c = &s->regions->session_changes;
	uint64_t n = c->n;
	bool all = c->all;

	for (uint32_t i = 0; i < s->regions->n; i++) {
		const struct region *r = s->regions->table[i];

		if (r->durability != d || !region_differs(s, r))
			continue;
		n += r->changes.n;
		all |= r->changes.all;
	}
	return !all && n < JOURNAL_NOPS_MAX;
}

static int gather_region(struct store *s, struct region *r, struct sink *k)
{
	struct changes *c = &r->changes;
	int rc = 0;

	if (c->space || c->all)
		rc = gather_space(s, r, k);
	if (UNLIKELY(c->all))
		return rc ? rc : gather_all(s, r, k);
	changes_sort(c);
	if (!rc && k->txn && c->n >= CURSOR_NKEYS)
		rc = mdb_cursor_open(k->txn, k->dbi, &k->cursor);
	for (uint32_t i = 0; !rc && i < c->n; i++)
		rc = gather_extent(s, r, c->pages[i], k);
	if (k->cursor)
		mdb_cursor_close(take_ptr(k->cursor));
	return rc;
}

int gather_regions(struct store *s, enum region_durability d, struct sink *k)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < s->regions->n; i++) {
		struct region *r = s->regions->table[i];

		if (is_dropped(s, i, d))
			rc = gather_dropped(s, r, k);
		else if (r->durability == d && region_differs(s, r))
			rc = gather_region(s, r, k);
	}
	return rc;
}
