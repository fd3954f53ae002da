/*
 * journal - what is committed and not yet in LMDB
 *
 * Role:       a file of fixed size beside an environment's. A commit is a few bytes written there instead of a transaction; many of them become one transaction
 *             later (env_fold()), in which each key is written once, however often it changed meanwhile. Knows operations, nothing of LMDB.
 *             Of two kinds: *shared* memory, which outlives the process, and *synced* (journal_synced.h), which outlives power loss.
 * Uses:       base/, store/ops.h
 * Invariants: J1  shared: the operations up to head->n are committed, all of them; nothing behind it is. It is written last, and by one store.
 *             J2  the file continues the store that was folded so often as it says: with one that was folded once more, it is in there already.
 *             J3  shared: the file has memory for all of its bytes: a store into it cannot fail.
 * Cost:       a commit is as many bytes as its operations have, and, synced, one sync. One thread at a time comes here: there are no locks.
 */
#ifndef PALLOCD_STORE_JOURNAL_H
#define PALLOCD_STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "store/ops.h"

/* So many operations and bytes may wait to be folded: fewer changes than the largest Alloc may bring at once. */
#define JOURNAL_NOPS_MAX 2048u
#define JOURNAL_BYTES (UINT32_C(256) << 10)
/* Synced: with what each commit has besides. */
#define JOURNAL_SYNCED_BYTES (UINT32_C(1) << 20)
/* What the checks of a synced one are made with. */
#define JOURNAL_KEY_BYTES 16u

/* As it lies in the shared file, and in memory, of this machine and boot alone. */
struct journal_head {
	uint64_t after; /* J2 */
	uint64_t n;     /* bytes; J1 */
};

struct journal {
	uint8_t *ops; /* one behind the other */
	size_t n;     /* bytes; committed */
	uint32_t nops;
	uint32_t room;    /* units: what may still be appended; see journal_units() */
	size_t at;        /* bytes, with those that are not committed */
	size_t end;       /* and so many there may be */
	uint32_t nops_at; /* operations, the same way */
	uint32_t room_at; /* what they leave */
	uint64_t hash_key[2];
	uint32_t *begins; /* JOURNAL_NOPS_MAX: where operations begin */
	uint16_t *slots;  /* 2 * JOURNAL_NOPS_MAX: a table of keys, by 1 + index */

	/* Shared: mapped, the operations behind it. */
	struct journal_head *head;

	/* Synced; see journal_synced.h. */
	uint8_t *record; /* where one is put together */
	uint64_t key[2];
	uint64_t after; /* J2 */
	size_t file_at; /* where the next one is written */
	uint32_t number;
	int fd;
};

struct journal_config {
	const char *path;   /* the file; made where it is not there */
	uint64_t folds;     /* how often the store was folded */
	const uint8_t *key; /* JOURNAL_KEY_BYTES, of the store's own; NULL: shared */
	bool read_only;     /* for journal_each() alone; nothing is made or written */
};

enum journal_outcome {
	JOURNAL_E_FULL = 1, /* it has to be folded first */
	JOURNAL_E_NONE,     /* read_only: there is nothing in it */
	JOURNAL_E_FOREIGN,  /* it continues another store */
	JOURNAL_E_DAMAGED   /* not what a daemon writes */
};

/** journal_open() - Return: 0, JOURNAL_E_NONE, JOURNAL_E_FOREIGN, JOURNAL_E_DAMAGED, a negative errno. */
MUST_CHECK int journal_open(const struct journal_config *c, struct journal **ret_journal);

/** journal_close() - what is committed stays in the file; NULL is allowed. */
void journal_close(struct journal *j);

/** journal_units() - what @op takes of the room: the pages of a database that it makes longer or writes anew, at the most. */
static inline uint32_t journal_units(const struct op *op)
{
	return 1 + (uint32_t)(op->nvalue / 1024);
}

/** journal_append() - not committed yet. Return: 0, JOURNAL_E_FULL; OP_WIPE never has room. */
MUST_CHECK int journal_append(struct journal *j, const struct op *op);

/**
 * journal_commit() - what was appended since the last commit is committed, all at once
 *
 * Shared: does not fail. Synced: blocks. Return: 0, a negative errno: it is not, and may be committed again, or undone.
 */
MUST_CHECK int journal_commit(struct journal *j);

/** journal_undo() - it never was. */
void journal_undo(struct journal *j);

/** journal_empty() - nothing is committed in it. */
static inline bool journal_empty(const struct journal *j)
{
	return !j->n;
}

/**
 * journal_each() - for each key that is committed its last operation, keys ascending
 *
 * Return: 0, or what @apply returned that was not 0.
 */
MUST_CHECK int journal_each(struct journal *j, int (*apply)(void *ctx, const struct op *op),
			    void *ctx);

/** journal_clear() - all of it is in the store, which was folded @folds times now, and has room for @room units. */
void journal_clear(struct journal *j, uint64_t folds, uint32_t room);

/** journal_adopt() - @n bytes behind what is committed are committed, too, as far as they are operations. Return: 0, JOURNAL_E_DAMAGED. */
MUST_CHECK int journal_adopt(struct journal *j, size_t n);

#endif
