/*
 * env_fold - one LMDB environment: its journal
 *
 * Role:       see env.h.
 * Uses:       base/, store/journal.h, liblmdb
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "store/env.h"

struct fold {
	struct env *env;
	MDB_txn *txn;
	MDB_cursor *cursor;
};

static int fold_apply(void *ctx, const struct op *op)
{
	const struct fold *f = ctx;

	return env_apply(f->txn, f->env->dbi, f->cursor, op);
}

static int folds_put(MDB_txn *txn, MDB_dbi dbi, uint64_t folds)
{
	uint8_t key[1], value[FOLDS_BYTES];
	struct op op = {.kind = OP_PUT, .key = key, .value = value, .nvalue = sizeof(value)};

	op.nkey = key_folds(key);
	folds_encode(folds, value);
	return env_apply(txn, dbi, NULL, &op);
}

static int fold_fill(MDB_txn *txn, MDB_dbi dbi, void *ctx)
{
	struct fold f = {.env = ctx, .txn = txn};
	int rc = mdb_cursor_open(txn, dbi, &f.cursor);

	if (!rc) {
		rc = journal_each(f.env->journal, fold_apply, &f);
		mdb_cursor_close(f.cursor);
	}
	return rc ? rc : folds_put(txn, dbi, f.env->folds + 1);
}

/*
 * V5: so many units can be folded without making the file longer. Each may need a page more (some, one of those above it too), and
 * each page that is written anew needs another one, while those of the two transactions before are not free yet: that is three times as many
 * as there are, or, where that is less, as are written.
 */
static uint32_t env_room(const struct env *e)
{
	uint64_t npages = e->bytes / e->page_bytes, used = e->npages + 16, all = 0, each = 0, room;

	if (npages > used + 3 * e->npages)
		all = (npages - used - 3 * e->npages) / 17 * 16;
	if (npages > used)
		each = (npages - used) / 5;
	room = all > each ? all : each;
	if (used >= e->npages_max)
		return 0;
	if (room > (e->npages_max - used) / 17 * 16)
		room = (e->npages_max - used) / 17 * 16;
	return room < UINT32_MAX ? (uint32_t)room : UINT32_MAX;
}

int env_fold(struct env *e)
{
	uint32_t room;
	int err;

	if (!e->journal || (journal_empty(e->journal) && !e->fold_due))
		return 0;
	e->fold_due = true;
	err = env_transact(e, fold_fill, e);
	if (err)
		return err;
	e->fold_due = false;
	room = env_room(e);
	/* So that one that is synced is folded because it is full, and not for want of room here; where that cannot be, it is folded more often. */
	if (e->synced && room < JOURNAL_NOPS_MAX && !env_grow(e))
		room = env_room(e);
	journal_clear(e->journal, ++e->folds, room);
	return 0;
}

/* Return: 0, JOURNAL_E_FULL, a negative errno. */
static int journal_add(struct env *e, const uint8_t *ops, size_t n)
{
	struct op op = {0};
	int err = 0;

	for (size_t at = 0; !err && at < n; at += op_bytes(op.nkey, op.nvalue)) {
		err = op_decode(ops + at, n - at, &op);
		/* It was this process that wrote it. */
		assert(!err);
		err = journal_append(e->journal, &op);
	}
	if (!err) {
		err = journal_commit(e->journal);
		e->fold_due = err;
	}
	if (err)
		journal_undo(e->journal);
	else
		__atomic_store_n(&e->commits, e->commits + 1, __ATOMIC_RELAXED);
	return err;
}

int env_append(struct env *e, const uint8_t *ops, size_t n, env_fill *fill, void *ctx)
{
	int err;

	if (!e->journal)
		return env_write(e, fill, ctx);
	err = e->fold_due ? env_fold(e) : 0;
	if (!err)
		err = journal_add(e, ops, n);
	if (err == JOURNAL_E_FULL && !journal_empty(e->journal)) {
		err = env_fold(e);
		if (!err)
			err = journal_add(e, ops, n);
	}
	if (err == JOURNAL_E_FULL)
		return env_write(e, fill, ctx);
	if (err)
		__atomic_store_n(&e->failures, e->failures + 1, __ATOMIC_RELAXED);
	return err;
}

/* How often it was folded, and the key of a synced journal. Return: 0, JOURNAL_E_NONE: there is no key yet; a negative errno. */
static int about_read(struct env *e, uint8_t ret_key[JOURNAL_KEY_BYTES])
{
	uint8_t key[1];
	MDB_val k = {.mv_data = key, .mv_size = key_folds(key)}, v;
	MDB_txn *txn;
	int rc, err = env_read(e, &txn);

	if (err)
		return err;
	rc = mdb_get(txn, e->dbi, &k, &v);
	if (!rc && folds_decode(v.mv_data, v.mv_size, &e->folds))
		err = -EUCLEAN;
	if (!err && e->synced && (!rc || rc == MDB_NOTFOUND)) {
		k.mv_size = key_journal(key);
		rc = mdb_get(txn, e->dbi, &k, &v);
		if (!rc && v.mv_size == JOURNAL_KEY_BYTES)
			memcpy(ret_key, v.mv_data, JOURNAL_KEY_BYTES);
		else if (!rc)
			err = -EUCLEAN;
		else if (rc == MDB_NOTFOUND)
			err = JOURNAL_E_NONE;
	}
	if (!err && rc && rc != MDB_NOTFOUND)
		err = env_error(rc);
	env_read_end(e, txn);
	return err;
}

static int key_put(MDB_txn *txn, MDB_dbi dbi, void *ctx)
{
	uint8_t key[1];
	struct op op = {.kind = OP_PUT, .key = key, .value = ctx, .nvalue = JOURNAL_KEY_BYTES};

	op.nkey = key_journal(key);
	return env_apply(txn, dbi, NULL, &op);
}

static int key_make(struct env *e, uint8_t ret_key[JOURNAL_KEY_BYTES])
{
	if (getrandom(ret_key, JOURNAL_KEY_BYTES, 0) < 0)
		return -errno;
	return env_transact(e, key_put, ret_key);
}

/* A transaction in memory of its own, which is never committed. */
static int overlay_open(struct env *e)
{
	int err;

	mdb_env_close(take_ptr(e->mdb));
	err = env_map(e);
	if (!err)
		err = env_error(mdb_txn_begin(e->mdb, NULL, 0, &e->overlay));
	return err ? err : env_error(fold_fill(e->overlay, e->dbi, e));
}

int env_journal_open(struct env *e)
{
	uint8_t key[JOURNAL_KEY_BYTES];
	int err = about_read(e, key);
	struct journal_config c = {.path = e->journal_path,
				   .folds = e->folds,
				   .key = e->synced ? key : NULL,
				   .read_only = e->read_only};

	if (err == JOURNAL_E_NONE && !e->read_only)
		err = key_make(e, key);
	if (!err)
		err = journal_open(&c, &e->journal);
	switch (err) {
	case 0:
		break;
	case JOURNAL_E_NONE:
		return 0;
	case -ENOSPC:
	case -EDQUOT:
		if (!e->synced)
			return err;
		log_warning("store %s: there is no room for it: each commit syncs more than once",
			    e->journal_path);
		return 0;
	case JOURNAL_E_FOREIGN:
		log_error("store %s: it continues another %s than the one that is there; move both "
			  "away",
			  e->journal_path, e->path);
		return -EUCLEAN;
	case JOURNAL_E_DAMAGED:
		log_error("store %s: it is damaged; move it and %s away", e->journal_path, e->path);
		return -EUCLEAN;
	default:
		return err;
	}
	if (e->read_only)
		return overlay_open(e);
	/* V6: a daemon that was killed within a fold may have left its last page to the kernel. */
	err = e->synced ? env_error(mdb_env_sync(e->mdb, 1)) : 0;
	if (err)
		return err;
	if (!journal_empty(e->journal))
		return env_fold(e);
	journal_clear(e->journal, e->folds, env_room(e));
	return 0;
}

int env_journal_forget(const struct env *e)
{
	return unlink(e->journal_path) && errno != ENOENT ? -errno : 0;
}

void env_journal_close(struct env *e)
{
	if (e->overlay)
		mdb_txn_abort(take_ptr(e->overlay));
	journal_close(take_ptr(e->journal));
}
