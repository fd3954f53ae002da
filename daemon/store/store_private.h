/*
 * store_private - what the store's files share
 *
 * Role:       the store in memory; the one place that the journal, a transaction and a batch are filled through.
 * Uses:       store/store.h, store/codec.h, store/copies.h, store/env.h
 */
#ifndef PALLOCD_STORE_PRIVATE_H
#define PALLOCD_STORE_PRIVATE_H

#include <lmdb.h>

#include "region/record.h"
#include "store/codec.h"
#include "store/copies.h"
#include "store/env.h"
#include "store/store.h"

/* Session ids are written ahead in such steps: so many may be skipped by a start. */
#define SESSION_IDS_AHEAD 1024u

/* One region of the configuration. */
struct kept {
	uint32_t number; /* the store's own, the same in all environments; 0: it has none yet */
	bool kept;       /* changes are written; else its records are let be */
	bool moved;      /* its records lie in the other environment still */
	bool dropped; /* it is closed: its records are to be deleted, and then its number is nobody's */
	enum region_durability dropped_from;
};

struct store {
	/* By durability; NULL: there is none. [REGION_DURABILITY_NONE] always is. */
	struct env *envs[REGION_DURABILITIES];
	struct meta metas
		[REGION_DURABILITIES]; /* as the loop's thread has written them, or put into a batch */
	struct regions *regions;       /* NULL until store_load() */
	struct kept *kept;             /* by region, from [0] */
	struct copies copies;          /* sessions in the machine's environment */
	struct list batches;           /* struct store_batch, made and not freed, oldest first */
	uint64_t nwrong;               /* what store_load() or store_look() has found not to fit */
	bool meta_due; /* the records of versions and numbers are to be written with the next commit */
	bool restart; /* the machine's environment has another boot's number, and sessions as they were then */
	/* Where records are put together. */
	struct bytes value;
	struct record_holder *shares;
	struct record_quarantine *quarantines;
	uint32_t nquarantines;
	struct record_range *ranges;
	uint32_t nranges;
};

struct store_batch {
	struct store *store;
	struct list in_store;
	struct bytes ops;
	uint32_t nops;
	uint64_t number;
	bool written; /* of the thread that has the environment's lock */
	/* Sessions that this batch brings into the environment. */
	uint64_t *added;
	uint32_t nadded, added_size;
	struct meta meta; /* as it is when this is written */
};

/* Where changes go: into one of the three. */
struct sink {
	struct journal *journal; /* MDB_MAP_FULL where it has no room */
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_cursor *cursor; /* while many keys follow each other; NULL */
	struct store_batch *batch;
};

/** sink_put(), sink_del(), sink_wipe() - a record; none, where there may be one; none of all whose keys begin so. Return: 0, LMDB's or a negative errno. */
MUST_CHECK int sink_put(struct sink *k, const void *key, size_t nkey, const void *value, size_t n);
MUST_CHECK int sink_del(struct sink *k, const void *key, size_t nkey);
MUST_CHECK int sink_wipe(struct sink *k, const void *prefix, size_t n);
MUST_CHECK int sink_meta(struct sink *k, const struct meta *m);

/** gather_regions() - what has changed in the regions of durability @d. Return: 0, LMDB's or a negative errno. */
MUST_CHECK int gather_regions(struct store *s, enum region_durability d, struct sink *k);

/** gather_changed() - has anything in them? */
bool gather_changed(const struct store *s, enum region_durability d);

/** gather_is_small() - what has changed in them and in sessions is no more than a journal may have room for. */
bool gather_is_small(const struct store *s, enum region_durability d);

/** gather_sessions() - sessions that have changed, for the process' environment. Return: as before. */
MUST_CHECK int gather_sessions(struct store *s, struct sink *k);

/** gather_copies() - sessions that have changed, as far as the machine's environment needs them. Return: as before. */
MUST_CHECK int gather_copies(struct store *s, struct sink *k);

/** gather_owner() - the machine's environment must have session @id, which holds something there. Return: as before. */
MUST_CHECK int gather_owner(struct store *s, struct sink *k, uint64_t id);

/** extent_value(), space_value(), session_value() - a record as it is now, in @s->value. Return: 0, -ENOMEM; extent_value(): false: there is none. */
MUST_CHECK bool extent_value(struct store *s, const struct region *r, uint64_t page, int *ret_err,
			     struct extent_record *ret);
MUST_CHECK int space_value(struct store *s, const struct region *r);
MUST_CHECK int session_value(struct store *s, const struct session *session, uint64_t batch);

/** batch_new() - nothing to write yet, in the list of batches. Return: 0, -ENOMEM. */
MUST_CHECK int batch_new(struct store *s, struct store_batch **ret_batch);

/** batch_op(), batch_adds() - one operation; a session that is new there. Return: 0, -ENOMEM. */
MUST_CHECK int batch_op(struct store_batch *b, const struct op *op);
MUST_CHECK int batch_adds(struct store_batch *b, uint64_t id);

/** machine_doubt() - a batch is lost: all that the machine's environment should have is to be written again. */
void machine_doubt(struct store *s, bool restart);

/** load_sessions() - of both environments. Return: 0, a negative errno. */
MUST_CHECK int load_sessions(struct store *s, uint64_t until_usec);

/** region_find() - the record of region @name in environment @d. Return: 0 or LMDB's (MDB_NOTFOUND). */
MUST_CHECK int region_find(MDB_txn *txn, MDB_dbi dbi, const char *name, MDB_val *ret_value);

/** generation_in() - of region @name in that environment; 0: it is not there. */
uint64_t generation_in(struct env *e, const char *name);

/** store_region_by_number() - the region that the store calls so, NULL. */
struct region *store_region_by_number(const struct store *s, uint32_t number);

#endif
