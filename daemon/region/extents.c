/*
 * extents - the index of a region's extents
 *
 * Role:       see extents.h.
 * Uses:       base/mem.h, region/bittree.h
 */
#include "region/extents.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Records made usable at a time: 64 KiB, so that few system calls are needed and little is in vain. */
#define SLAB_STEP 2048u

/* The smallest hash, and how full it may be: 3 of 4 keeps probes short (3 on average for a miss at linear probing). */
#define TABLE_BITS_MIN 8u
#define TABLE_FULL_NUM 3u
#define TABLE_FULL_DEN 4u

/* 2^64 / golden ratio: consecutive pages, the usual pattern, spread evenly over the top bits. */
#define FIBONACCI UINT64_C(0x9E3779B97F4A7C15)

static uint32_t tag_of(uint64_t page)
{
	return (uint32_t)((page * FIBONACCI) >> 32);
}

static uint32_t slot_of(const struct extents *ex, uint32_t tag)
{
	return tag >> (32 - ex->table_bits);
}

static uint32_t table_mask(const struct extents *ex)
{
	return (uint32_t)((UINT64_C(1) << ex->table_bits) - 1);
}

static uint32_t slab_max_for(uint64_t limit_npages)
{
	return (uint32_t)(limit_npages < EXTENTS_MAX ? limit_npages : EXTENTS_MAX) + 1;
}

int extents_init(struct extents *ex, uint64_t limit_npages)
{
	struct extents made = {.nslab_touched = 1, .table_bits = TABLE_BITS_MIN};
	int err;

	made.nslab_max = slab_max_for(limit_npages);
	made.table = mem_zalloc(UINT64_C(1) << TABLE_BITS_MIN, sizeof(*made.table));
	made.slab = mem_reserve(made.nslab_max * sizeof(*made.slab));
	err = made.table && made.slab ? bittree_init(&made.heads, limit_npages) : -ENOMEM;
	if (err) {
		extents_deinit(&made);
		return err < 0 ? err : -ERANGE;
	}
	*ex = made;
	return 0;
}

void extents_deinit(struct extents *ex)
{
	bittree_deinit(&ex->heads);
	mem_free(ex->table);
	mem_unreserve(ex->slab, ex->nslab_max * sizeof(*ex->slab));
	memset(ex, 0, sizeof(*ex));
}

static int heads_raise(struct bittree *heads, uint64_t limit_npages)
{
	struct bittree made = {0};
	int err = bittree_init(&made, limit_npages);

	if (!err)
		err = bittree_commit(&made, heads->usable);
	if (err) {
		bittree_deinit(&made);
		return err < 0 ? err : -ERANGE;
	}
	for (uint64_t i = bittree_next(heads, 0); i != BITTREE_NONE; i = bittree_next(heads, i + 1))
		bittree_set(&made, i);
	bittree_deinit(heads);
	*heads = made;
	return 0;
}

static int slab_raise(struct extents *ex, uint32_t nslab_max)
{
	struct extent *slab;
	int err = 0;

	if (nslab_max <= ex->nslab_max)
		return 0;
	slab = mem_reserve(nslab_max * sizeof(*slab));
	if (!slab)
		return -ENOMEM;
	if (ex->nslab_usable)
		err = mem_commit(slab, ex->nslab_usable * sizeof(*slab));
	if (err) {
		mem_unreserve(slab, nslab_max * sizeof(*slab));
		return err;
	}
	if (ex->nslab_usable)
		memcpy(slab, ex->slab, ex->nslab_usable * sizeof(*slab));
	mem_unreserve(ex->slab, ex->nslab_max * sizeof(*slab));
	ex->slab = slab;
	ex->nslab_max = nslab_max;
	return 0;
}

/* Where the second half fails, there is more room in the slab, which nobody sees. */
int extents_raise(struct extents *ex, uint64_t limit_npages)
{
	int err = slab_raise(ex, slab_max_for(limit_npages));

	return err || limit_npages <= ex->heads.nbits ? err : heads_raise(&ex->heads, limit_npages);
}

int extents_commit(struct extents *ex, uint64_t npages)
{
	return bittree_commit(&ex->heads, npages);
}

static void table_put(struct extents *ex, struct extents_slot entry)
{
	uint32_t mask = table_mask(ex), slot = slot_of(ex, entry.tag);

	while (ex->table[slot].i != EXTENT_NONE)
		slot = (slot + 1) & mask;
	ex->table[slot] = entry;
}

/* Backward shift: what probed past the emptied slot moves into it, so that no tombstones gather. */
static void table_drop(struct extents *ex, uint32_t i)
{
	uint32_t mask = table_mask(ex), slot = slot_of(ex, tag_of(ex->slab[i].first)), probe;

	while (ex->table[slot].i != i) {
		assert(ex->table[slot].i != EXTENT_NONE);
		slot = (slot + 1) & mask;
	}
	for (probe = (slot + 1) & mask; ex->table[probe].i != EXTENT_NONE;
	     probe = (probe + 1) & mask) {
		uint32_t home = slot_of(ex, ex->table[probe].tag);

		/* May stay where its home lies behind the hole, seen along the ring. */
		if (((probe - home) & mask) < ((probe - slot) & mask))
			continue;
		ex->table[slot] = ex->table[probe];
		slot = probe;
	}
	ex->table[slot] = (struct extents_slot){.i = EXTENT_NONE};
}

static int table_reserve(struct extents *ex, uint64_t nlive)
{
	unsigned bits = ex->table_bits;
	struct extents_slot *old = ex->table, *table;
	uint64_t nold = UINT64_C(1) << ex->table_bits;

	while (nlive * TABLE_FULL_DEN > (UINT64_C(1) << bits) * TABLE_FULL_NUM)
		bits++;
	if (bits == ex->table_bits)
		return 0;
	table = mem_zalloc(UINT64_C(1) << bits, sizeof(*table));
	if (!table)
		return -ENOMEM;
	ex->table = table;
	ex->table_bits = bits;
	for (uint64_t slot = 0; slot < nold; slot++) {
		if (old[slot].i != EXTENT_NONE)
			table_put(ex, old[slot]);
	}
	mem_free(old);
	return 0;
}

static int slab_reserve(struct extents *ex, uint32_t n)
{
	uint64_t want;
	int err;

	if (n <= ex->nfree || n - ex->nfree <= ex->nslab_usable - ex->nslab_touched)
		return 0;
	want = (uint64_t)ex->nslab_touched + (n - ex->nfree);
	if (want > ex->nslab_max)
		return -ENOMEM;
	want = (want + SLAB_STEP - 1) / SLAB_STEP * SLAB_STEP;
	if (want > ex->nslab_max)
		want = ex->nslab_max;
	err = mem_commit(ex->slab + ex->nslab_usable,
			 (want - ex->nslab_usable) * sizeof(*ex->slab));
	if (err)
		return err;
	ex->nslab_usable = (uint32_t)want;
	return 0;
}

int extents_reserve(struct extents *ex, uint32_t n)
{
	int err;

	/* [0] takes part in no count but nslab_touched, which starts at 1: before the first commit nothing is usable. */
	if (UNLIKELY(ex->nslab_usable == 0)) {
		uint32_t first = ex->nslab_max < SLAB_STEP ? ex->nslab_max : SLAB_STEP;

		err = mem_commit(ex->slab, first * sizeof(*ex->slab));
		if (err)
			return err;
		ex->nslab_usable = first;
	}
	err = slab_reserve(ex, n);
	if (err)
		return err;
	return table_reserve(ex, (uint64_t)ex->nlive + n);
}

uint32_t extents_add(struct extents *ex, uint64_t first, uint64_t npages, uint32_t holding)
{
	struct extent *e;
	uint32_t i;

	if (ex->free != EXTENT_NONE) {
		i = ex->free;
		ex->free = ex->slab[i].next;
		ex->nfree--;
	} else {
		assert(ex->nslab_touched < ex->nslab_usable);
		i = ex->nslab_touched++;
	}
	e = &ex->slab[i];
	*e = (struct extent){.first = first, .npages = npages, .holding = holding};
	table_put(ex, (struct extents_slot){tag_of(first), i});
	bittree_set(&ex->heads, first);
	ex->nlive++;
	return i;
}

void extents_remove(struct extents *ex, uint32_t i)
{
	struct extent *e = &ex->slab[i];

	assert(e->npages);
	table_drop(ex, i);
	bittree_clear(&ex->heads, e->first);
	e->npages = 0;
	e->next = ex->free;
	ex->free = i;
	ex->nfree++;
	ex->nlive--;
}

void extents_move(struct extents *ex, uint32_t i, uint64_t first, uint64_t npages)
{
	struct extent *e = &ex->slab[i];

	assert(npages);
	if (first != e->first) {
		table_drop(ex, i);
		bittree_clear(&ex->heads, e->first);
		e->first = first;
		table_put(ex, (struct extents_slot){tag_of(first), i});
		bittree_set(&ex->heads, first);
	}
	e->npages = npages;
}

uint32_t extents_at(const struct extents *ex, uint64_t page)
{
	uint32_t mask = table_mask(ex), tag = tag_of(page), slot = slot_of(ex, tag);

	for (;; slot = (slot + 1) & mask) {
		struct extents_slot entry = ex->table[slot];

		if (entry.i == EXTENT_NONE ||
		    (entry.tag == tag && LIKELY(ex->slab[entry.i].first == page)))
			return entry.i;
	}
}

uint32_t extents_over(const struct extents *ex, uint64_t page)
{
	uint64_t head = bittree_prev(&ex->heads, page);
	uint32_t i;

	if (head == BITTREE_NONE)
		return EXTENT_NONE;
	i = extents_at(ex, head);
	assert(i != EXTENT_NONE);
	return page - head < ex->slab[i].npages ? i : EXTENT_NONE;
}

uint32_t extents_next(const struct extents *ex, uint64_t page)
{
	uint64_t head = bittree_next(&ex->heads, page);

	return head == BITTREE_NONE ? EXTENT_NONE : extents_at(ex, head);
}

uint32_t extents_last(const struct extents *ex)
{
	uint64_t head = bittree_prev(&ex->heads, UINT64_MAX);

	return head == BITTREE_NONE ? EXTENT_NONE : extents_at(ex, head);
}

uint64_t extents_bytes(const struct extents *ex)
{
	return bittree_bytes(&ex->heads) + (UINT64_C(1) << ex->table_bits) * sizeof(*ex->table) +
	       ex->nslab_usable * sizeof(*ex->slab);
}

static bool check_table(const struct extents *ex, char *buf, size_t size)
{
	uint64_t nslots = UINT64_C(1) << ex->table_bits, n = 0;

	for (uint64_t slot = 0; slot < nslots; slot++) {
		uint32_t i = ex->table[slot].i;

		if (i == EXTENT_NONE)
			continue;
		n++;
		if (i < ex->nslab_touched && ex->slab[i].npages &&
		    ex->table[slot].tag == tag_of(ex->slab[i].first) &&
		    extents_at(ex, ex->slab[i].first) == i &&
		    bittree_test(&ex->heads, ex->slab[i].first))
			continue;
		snprintf(buf, size,
			 "E2: hash slot %" PRIu64 " holds %" PRIu32 ": dead, lost or without head",
			 slot, i);
		return false;
	}
	if (n != ex->nlive) {
		snprintf(buf, size, "E2: hash holds %" PRIu64 ", live are %" PRIu32, n, ex->nlive);
		return false;
	}
	return true;
}

bool extents_check(const struct extents *ex, char *buf, size_t size)
{
	uint64_t end = 0, n = 0;

	if (!bittree_check(&ex->heads, buf, size) || !check_table(ex, buf, size))
		return false;
	for (uint64_t head = bittree_next(&ex->heads, 0); head != BITTREE_NONE;
	     head = bittree_next(&ex->heads, head + 1)) {
		uint32_t i = extents_at(ex, head);

		n++;
		if (i == EXTENT_NONE) {
			snprintf(buf, size, "E1: head %" PRIu64 " has no record", head);
			return false;
		}
		if (head < end) {
			snprintf(buf, size,
				 "E3: extent at %" PRIu64
				 " overlaps the one before, which ends at %" PRIu64,
				 head, end);
			return false;
		}
		end = head + ex->slab[i].npages;
	}
	if (n != ex->nlive) {
		snprintf(buf, size, "E1: heads %" PRIu64 ", live are %" PRIu32, n, ex->nlive);
		return false;
	}
	return true;
}
