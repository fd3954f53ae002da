/*
 * env - one LMDB environment: its file, its lock, its room
 *
 * Role:       opens and makes a file DIR/NAME.lmdb under a lock of its own, sees to versions, and runs transactions. It has a journal
 *             besides (DIR/NAME.journal), for commits that cost less than a transaction. Knows nothing of what is in them but the record of versions and
 *             how often the journal was folded and what it is checked with.
 * Uses:       base/, store/codec.h, store/journal.h, liblmdb
 * Invariants: V1  the map is never larger than what the file has memory or disk for: writing within it cannot fail for want of it.
 *             V2  a quarter of the file is left to transactions that do not make the environment larger: deleting takes pages too.
 *             V3  one process has the environment at a time; one thread writes or reads at a time (env_lock()).
 *             V4  an environment that is not synced is of this boot.
 *             V5  whatever the journal holds can be folded into the file as it is (env_room()): what is committed never waits for a disk to have room.
 *             V6  after a fold or a record of which it is not known whether it was written, nothing is written before a fold has succeeded: it makes
 *                 both old. And what the file says of its folds is on the disk before a record goes over those of before.
 */
#ifndef PALLOCD_STORE_ENV_H
#define PALLOCD_STORE_ENV_H

#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "store/codec.h"
#include "store/journal.h"
#include "store/ops.h"

/* What turns a store of minor version @from into one of the next: in the transaction that writes the new version. Return: 0, LMDB's or a negative errno. */
struct env_step {
	uint16_t from;
	int (*run)(MDB_txn *txn, MDB_dbi dbi);
};

struct env_config {
	const char *dir;  /* made where it is not there */
	const char *name; /* of the file, and of the lock */
	bool synced;
	bool read_only; /* nothing is made, upgraded or written */
	uint64_t bytes_max;
	uint16_t major, minor;
	const struct env_step *steps; /* from every older minor version that there was */
	unsigned nsteps;
};

struct env {
	MDB_env *mdb; /* NULL: it must be opened again first */
	MDB_dbi dbi;
	int lock_fd;
	bool synced;
	bool read_only;
	bool new_boot; /* what is in it is of another boot than this one */
	char *path, *journal_path;
	uint64_t bytes, bytes_max; /* the file, as far as it is used; whole pages */
	uint64_t npages;           /* that the records took after the last transaction */
	uint64_t npages_max;       /* see V2 */
	uint32_t page_bytes;       /* LMDB's */
	struct journal *journal;   /* NULL: there is none, or nothing in it that could be read */
	bool fold_due;             /* V6 */
	uint64_t folds;            /* how often one was folded into the file */
	MDB_txn *
		overlay; /* read_only: what the file and the journal are together; never committed */
	struct meta meta; /* as it was at opening, with this boot's number */
	uint64_t commits, failures;
	pthread_mutex_t mutex;
};

enum env_outcome {
	ENV_E_VERSION = 1, /* as enum store_outcome */
	ENV_E_LOCKED,
	ENV_E_NONE, /* read_only: it is not there, or would be made anew */
};

/** env_open() - Return: 0, ENV_E_VERSION, ENV_E_LOCKED, ENV_E_NONE, a negative errno (-EUCLEAN: the file is damaged); the log says why. */
MUST_CHECK int env_open(const struct env_config *c, struct env **ret_env);

/** env_close() - NULL is allowed. */
void env_close(struct env *e);

/** env_lock(), env_unlock() - the environment is this thread's. */
void env_lock(struct env *e);
void env_unlock(struct env *e);

/* Fills a transaction; called again where the file had to grow. Return: 0, LMDB's code or a negative errno. */
typedef int env_fill(MDB_txn *txn, MDB_dbi dbi, void *ctx);

/** env_write() - one transaction, all of it or nothing. Return: 0, a negative errno. */
MUST_CHECK int env_write(struct env *e, env_fill *fill, void *ctx);

/** env_read() - a transaction that reads, with what the journal held in it; to be ended with env_read_end(). Return: 0, a negative errno. */
MUST_CHECK int env_read(struct env *e, MDB_txn **ret_txn);
void env_read_end(struct env *e, MDB_txn *txn);

/** env_error() - LMDB's code as negative errno. */
MUST_CHECK int env_error(int rc);

/** env_map() - open the file that there is. Return: 0, a negative errno. */
MUST_CHECK int env_map(struct env *e);

/** env_apply() - one operation. @cursor: one of the transaction's, or NULL. Return: as env_fill. */
MUST_CHECK int env_apply(MDB_txn *txn, MDB_dbi dbi, MDB_cursor *cursor, const struct op *op);

/** env_journal_open() - with what is in it, which is folded at once (read_only: laid over the file). Return: 0, a negative errno; the log says what a journal is that does not belong to the file. */
MUST_CHECK int env_journal_open(struct env *e);

/** env_journal_forget() - a journal of a file that is there no more. Return: 0, a negative errno. */
MUST_CHECK int env_journal_forget(const struct env *e);

/** env_journal_close() - as it is: it is folded when it is opened again. */
void env_journal_close(struct env *e);

/** env_fold() - what the journal holds is one transaction of the file's, and the journal is empty; nothing is done where it was, without doubt (V6). Return: 0, a negative errno: nothing has changed. */
MUST_CHECK int env_fold(struct env *e);

/**
 * env_append() - @n bytes of operations, one behind the other, are committed: to the journal, where that has room, or can be given some
 * @fill: does the same in a transaction, where it has not
 *
 * Return: 0, a negative errno.
 */
MUST_CHECK int env_append(struct env *e, const uint8_t *ops, size_t n, env_fill *fill, void *ctx);

/** env_grow() - more room in the file. Return: 0, a negative errno. */
MUST_CHECK int env_grow(struct env *e);

/** env_transact() - env_write() beside the journal: for what the journal cannot have changed. */
MUST_CHECK int env_transact(struct env *e, env_fill *fill, void *ctx);

/** env_wipe() - delete all records whose keys begin so. Return: as env_fill. */
MUST_CHECK int env_wipe(MDB_txn *txn, MDB_dbi dbi, const void *prefix, size_t n);

#endif
