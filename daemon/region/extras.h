/*
 * extras - what some extents have besides their pages: a name, a label, holders who share them
 *
 * Role:       records for the few extents that have any of it, and the index of names. Knows strings and lists; what a share counts
 *             for, and who may share, is region_share.c's.
 * Uses:       base/, region/owner.h
 * Invariants: X1  the index holds every record with a name once, and nothing else; a look-up of the name finds it.
 *             X2  a record belongs to a live extent that says so, and has a name, a label or a share.
 *             X3  a share is in the list of its record and in the list of its holding.
 *             X4  a record's, a holding's and the region's nshares, and a holding's shared_npages, are those of the lists.
 * Cost:       an extent without any of it: nothing. With: 64 bytes, its strings, 5.4 to 10.7 bytes of index for a name. A look-up takes no
 *             memory and is O(1), whatever names clients choose: the hash has a secret key.
 */
#ifndef PALLOCD_REGION_EXTRAS_H
#define PALLOCD_REGION_EXTRAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macros.h"

/* Index of no record. */
#define EXTRA_NONE 0u

struct holding;

/* A label is for people, and several extents may have come from one: they have it together. */
struct label {
	uint32_t nusers;
	char text[];
};

struct extra {
	uint32_t extent;     /* whose it is; EXTENT_NONE: the record is free */
	uint32_t next_free;  /* in the list of free records */
	uint32_t hash;       /* of the name */
	uint32_t nshares;    /* in the list */
	char *name;          /* NULL: none */
	struct label *label; /* NULL: none */
	struct list shares;  /* struct share, oldest first */
};

/* One holder of an extent besides its owner. */
struct share {
	struct extra *extra;
	struct holding *holding;
	struct list in_extra;
	struct list in_holding;
};

struct extras {
	struct extra **table; /* [0] is never used */
	uint32_t nslots;
	uint32_t nused; /* records that there are, free ones too, with [0] */
	uint32_t nfree;
	uint32_t free;
	uint32_t *names; /* record index or EXTRA_NONE; NULL until there is a name */
	unsigned names_bits;
	uint32_t nnamed;
	uint64_t key[2];
};

/** extras_new() - no records. Return: 0, -ENOMEM, or a negative errno of getrandom(2). Given back with extras_destroy(). */
MUST_CHECK int extras_new(struct extras **ret_extras);

/** extras_destroy() - with all names, labels and shares; the holdings' lists are not touched. NULL is allowed. */
void extras_destroy(struct extras *x);

/** extras_reserve() - the next @n extras_add() will not fail. Return: 0, -ENOMEM (as before). */
MUST_CHECK int extras_reserve(struct extras *x, uint32_t n);

/** extras_reserve_name() - the next extras_set_name() will not fail. Return: 0, -ENOMEM (as before). */
MUST_CHECK int extras_reserve_name(struct extras *x);

/** extras_add() - an empty record for @extent; reserved for before. */
uint32_t extras_add(struct extras *x, uint32_t extent);

/** extras_trim() - forget record @i where it has nothing any more. Return: it is gone. */
bool extras_trim(struct extras *x, uint32_t i);

/** extras_find() - the record with that name, or EXTRA_NONE. */
uint32_t extras_find(const struct extras *x, const char *name);

/**
 * extras_set_name() - record @i gets @name, and loses the one it has
 * @name: from mem_alloc(), the record's from now on; no other record has it; NULL: none. Reserved for before, where it is not NULL.
 */
void extras_set_name(struct extras *x, uint32_t i, char *name);

/** extras_move_name() - the name of @from, if it has one, is @to's, which has none. */
void extras_move_name(struct extras *x, uint32_t from, uint32_t to);

/** extras_set_label() - record @i gets @label, with one use that is the record's from now on, and loses the one it has; NULL: none. */
void extras_set_label(struct extras *x, uint32_t i, struct label *label);

/** label_new() - a copy of @text with one use. Return: NULL where there is no memory. */
MUST_CHECK struct label *label_new(const char *text);

/** label_use() - one more use. NULL is allowed. */
static inline struct label *label_use(struct label *label)
{
	if (label)
		label->nusers++;
	return label;
}

/** label_drop() - one use less; NULL is allowed. */
void label_drop(struct label *label);

static inline struct extra *extras_get(const struct extras *x, uint32_t i)
{
	return x->table[i];
}

/** extras_check() - recount X1, and that records are free or have something; @buf receives what is wrong. O(records). */
MUST_CHECK bool extras_check(const struct extras *x, char *buf, size_t size);

#endif
