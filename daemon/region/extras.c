/*
 * extras - what some extents have besides their pages
 *
 * Role:       see extras.h.
 * Uses:       base/
 */
#include "region/extras.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/siphash.h"
#include "region/extents.h"

#define SLOTS_MIN 16u

/* As in extents.c: probes stay short up to 3 of 4. */
#define NAMES_BITS_MIN 4u
#define NAMES_FULL_NUM 3u
#define NAMES_FULL_DEN 4u

int extras_new(struct extras **ret_extras)
{
	struct extras *x = mem_zalloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	/* So few bytes come at once or not at all. */
	if (getrandom(x->key, sizeof(x->key), 0) != sizeof(x->key)) {
		mem_free(x);
		return -errno;
	}
	x->nused = 1;
	*ret_extras = x;
	return 0;
}

static void shares_free(struct extra *e)
{
	list_for_each (link, &e->shares)
		mem_free(list_entry(link, struct share, in_extra));
}

void extras_destroy(struct extras *x)
{
	if (!x)
		return;
	for (uint32_t i = 1; i < x->nused; i++) {
		struct extra *e = x->table[i];

		shares_free(e);
		mem_free(e->name);
		label_drop(e->label);
		mem_free(e);
	}
	mem_free(x->table);
	mem_free(x->names);
	mem_free(x);
}

static int slots_grow(struct extras *x)
{
	uint32_t nslots = x->nslots ? 2 * x->nslots : SLOTS_MIN;
	struct extra **table = mem_resize(x->table, nslots, sizeof(struct extra *));

	if (!table)
		return -ENOMEM;
	table[EXTRA_NONE] = NULL;
	x->table = table;
	x->nslots = nslots;
	return 0;
}

static void record_free(struct extras *x, uint32_t i)
{
	x->table[i]->extent = EXTENT_NONE;
	x->table[i]->next_free = x->free;
	x->free = i;
	x->nfree++;
}

/* One more free record. There are never more records than extents, of which there are fewer than 2^31. */
static int record_make(struct extras *x)
{
	struct extra *e;

	if (x->nused >= x->nslots && slots_grow(x))
		return -ENOMEM;
	e = mem_zalloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	list_init(&e->shares);
	x->table[x->nused] = e;
	record_free(x, x->nused++);
	return 0;
}

int extras_reserve(struct extras *x, uint32_t n)
{
	int err = 0;

	while (x->nfree < n && !err)
		err = record_make(x);
	return err;
}

uint32_t extras_add(struct extras *x, uint32_t extent)
{
	uint32_t i = x->free;

	assert(i != EXTRA_NONE);
	x->free = x->table[i]->next_free;
	x->nfree--;
	x->table[i]->extent = extent;
	return i;
}

bool extras_trim(struct extras *x, uint32_t i)
{
	const struct extra *e = x->table[i];

	if (e->name || e->label || e->nshares)
		return false;
	record_free(x, i);
	return true;
}

static uint32_t names_mask(const struct extras *x)
{
	return (uint32_t)((UINT64_C(1) << x->names_bits) - 1);
}

static uint32_t name_hash(const struct extras *x, const char *name)
{
	return (uint32_t)siphash(x->key, name, strlen(name));
}

/* The slot that holds record @i. */
static uint32_t slot_of(const struct extras *x, uint32_t i)
{
	uint32_t mask = names_mask(x), slot = x->table[i]->hash & mask;

	while (x->names[slot] != i) {
		assert(x->names[slot] != EXTRA_NONE);
		slot = (slot + 1) & mask;
	}
	return slot;
}

static void names_put(struct extras *x, uint32_t i)
{
	uint32_t mask = names_mask(x), slot = x->table[i]->hash & mask;

	while (x->names[slot] != EXTRA_NONE)
		slot = (slot + 1) & mask;
	x->names[slot] = i;
}

/* Backward shift, as in extents.c. */
static void names_drop(struct extras *x, uint32_t i)
{
	uint32_t mask = names_mask(x), slot = slot_of(x, i), probe;

	for (probe = (slot + 1) & mask; x->names[probe] != EXTRA_NONE; probe = (probe + 1) & mask) {
		uint32_t home = x->table[x->names[probe]]->hash & mask;

		if (((probe - home) & mask) < ((probe - slot) & mask))
			continue;
		x->names[slot] = x->names[probe];
		slot = probe;
	}
	x->names[slot] = EXTRA_NONE;
}

int extras_reserve_name(struct extras *x)
{
	uint64_t nold = x->names ? UINT64_C(1) << x->names_bits : 0, want = (uint64_t)x->nnamed + 1;
	unsigned bits = x->names ? x->names_bits : NAMES_BITS_MIN;
	uint32_t *old = x->names, *names;

	while (want * NAMES_FULL_DEN > (UINT64_C(1) << bits) * NAMES_FULL_NUM)
		bits++;
	if (old && bits == x->names_bits)
		return 0;
	names = mem_zalloc(UINT64_C(1) << bits, sizeof(*names));
	if (!names)
		return -ENOMEM;
	x->names = names;
	x->names_bits = bits;
	for (uint64_t slot = 0; slot < nold; slot++) {
		if (old[slot] != EXTRA_NONE)
			names_put(x, old[slot]);
	}
	mem_free(old);
	return 0;
}

uint32_t extras_find(const struct extras *x, const char *name)
{
	uint32_t hash, mask, slot, i;

	if (!x->names)
		return EXTRA_NONE;
	hash = name_hash(x, name);
	mask = names_mask(x);
	for (slot = hash & mask; (i = x->names[slot]) != EXTRA_NONE; slot = (slot + 1) & mask) {
		if (x->table[i]->hash == hash && strcmp(x->table[i]->name, name) == 0)
			return i;
	}
	return EXTRA_NONE;
}

void extras_set_name(struct extras *x, uint32_t i, char *name)
{
	struct extra *e = x->table[i];

	if (e->name) {
		names_drop(x, i);
		mem_free(e->name);
		x->nnamed--;
	}
	e->name = name;
	if (!name)
		return;
	e->hash = name_hash(x, name);
	names_put(x, i);
	x->nnamed++;
}

void extras_move_name(struct extras *x, uint32_t from, uint32_t to)
{
	struct extra *source = x->table[from], *target = x->table[to];

	if (!source->name)
		return;
	assert(!target->name);
	x->names[slot_of(x, from)] = to;
	target->hash = source->hash;
	target->name = take_ptr(source->name);
}

void extras_set_label(struct extras *x, uint32_t i, struct label *label)
{
	struct extra *e = x->table[i];

	label_drop(e->label);
	e->label = label;
}

struct label *label_new(const char *text)
{
	size_t size = strlen(text) + 1;
	struct label *label = mem_alloc(sizeof(*label) + size);

	if (!label)
		return NULL;
	label->nusers = 1;
	memcpy(label->text, text, size);
	return label;
}

void label_drop(struct label *label)
{
	if (label && --label->nusers == 0)
		mem_free(label);
}

/* Every slot of the index. */
static bool check_names(const struct extras *x, char *buf, size_t size)
{
	uint64_t nslots = x->names ? UINT64_C(1) << x->names_bits : 0;
	uint32_t n = 0;

	for (uint64_t slot = 0; slot < nslots; slot++) {
		uint32_t i = x->names[slot];

		if (i == EXTRA_NONE)
			continue;
		n++;
		if (i < x->nused && x->table[i]->extent != EXTENT_NONE && x->table[i]->name &&
		    extras_find(x, x->table[i]->name) == i && slot_of(x, i) == slot)
			continue;
		snprintf(buf, size,
			 "X1: name slot %" PRIu64 " holds record %" PRIu32
			 ": free, nameless, lost or there twice",
			 slot, i);
		return false;
	}
	if (n == x->nnamed)
		return true;
	snprintf(buf, size, "X1: the index holds %" PRIu32 " names, there are %" PRIu32, n,
		 x->nnamed);
	return false;
}

bool extras_check(const struct extras *x, char *buf, size_t size)
{
	uint32_t nnamed = 0, nfree = 0;

	for (uint32_t i = 1; i < x->nused; i++) {
		const struct extra *e = x->table[i];
		bool empty = !e->name && !e->label && !e->nshares;

		if (empty != (e->extent == EXTENT_NONE)) {
			snprintf(buf, size, "X2: record %" PRIu32 " is %s", i,
				 empty ? "an extent's, but empty" : "free, but not empty");
			return false;
		}
		nnamed += e->name != NULL;
		nfree += empty;
	}
	if (nfree != x->nfree) {
		snprintf(buf, size, "X2: %" PRIu32 " records are free, counted are %" PRIu32, nfree,
			 x->nfree);
		return false;
	}
	if (nnamed != x->nnamed) {
		snprintf(buf, size, "X1: %" PRIu32 " records have names, counted are %" PRIu32,
			 nnamed, x->nnamed);
		return false;
	}
	return check_names(x, buf, size);
}
