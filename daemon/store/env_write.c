/*
 * env_write - one LMDB environment: transactions, and room for them
 *
 * Role:       see env.h.
 * Uses:       base/, liblmdb
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/macros.h"
#include "store/env.h"

/* By so much the file grows: a quarter, within these. A step is memory that is cleared on the loop's thread: some ms at the most. */
#define GROW_BYTES_MIN (UINT64_C(1) << 20)
#define GROW_BYTES_MAX (UINT64_C(16) << 20)
/* Where not even this is left, nothing is. Whole pages of any system. */
#define GROW_BYTES_LEAST (UINT64_C(1) << 16)

int env_error(int rc)
{
	if (rc >= 0)
		return -rc;
	switch (rc) {
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case MDB_PAGE_FULL:
		return -ENOSPC;
	case MDB_PANIC:
		return -EIO;
	case MDB_PAGE_NOTFOUND:
	case MDB_CORRUPTED:
	case MDB_VERSION_MISMATCH:
	case MDB_INVALID:
	case MDB_INCOMPATIBLE:
	case MDB_NOTFOUND:
	case MDB_KEYEXIST:
		return -EUCLEAN;
	case MDB_BAD_TXN:
	case MDB_BAD_VALSIZE:
	case MDB_BAD_DBI:
	case MDB_BAD_RSLOT:
	case MDB_CURSOR_FULL:
	case MDB_DBS_FULL:
	case MDB_READERS_FULL:
	case MDB_TLS_FULL:
	case MDB_MAP_RESIZED:
		return -EIO;
	default:
		return rc;
	}
}

void env_lock(struct env *e)
{
	pthread_mutex_lock(&e->mutex);
}

void env_unlock(struct env *e)
{
	pthread_mutex_unlock(&e->mutex);
}

/* More room in the file, and in the map after it: V1. */
int env_grow(struct env *e)
{
	uint64_t step = e->bytes / 4;
	mdb_filehandle_t fd;
	MDB_stat st;
	int err = env_error(mdb_env_get_fd(e->mdb, &fd));

	if (!err)
		err = env_error(mdb_env_stat(e->mdb, &st));
	if (err)
		return err;
	step = step < GROW_BYTES_MIN   ? GROW_BYTES_MIN
	       : step > GROW_BYTES_MAX ? GROW_BYTES_MAX
				       : step;
	err = ENOSPC;
	for (; err && step >= GROW_BYTES_LEAST; step /= 2) {
		step &= ~(GROW_BYTES_LEAST - 1);
		if (e->bytes + step > e->bytes_max)
			continue;
		do
			err = posix_fallocate(fd, (off_t)e->bytes, (off_t)step);
		while (err == EINTR);
		if (!err)
			break;
		if (err != ENOSPC && err != EDQUOT && err != EFBIG)
			return -err;
	}
	if (err)
		return -ENOSPC;
	err = env_error(mdb_env_set_mapsize(e->mdb, e->bytes + step));
	if (err) {
		/* The old map is gone and there is no new one. */
		mdb_env_close(take_ptr(e->mdb));
		return err;
	}
	e->bytes += step;
	e->npages_max = e->bytes / st.ms_psize / 4 * 3;
	return 0;
}

/* Return: MDB_MAP_FULL: it needs more than the file has; else as LMDB. Nothing is done but on 0. */
static int write_once(struct env *e, env_fill *fill, void *ctx)
{
	uint64_t npages;
	MDB_txn *txn;
	MDB_stat st;
	int rc = mdb_txn_begin(e->mdb, NULL, 0, &txn);

	if (rc)
		return rc;
	rc = fill(txn, e->dbi, ctx);
	if (!rc)
		rc = mdb_stat(txn, e->dbi, &st);
	if (rc) {
		mdb_txn_abort(txn);
		return rc;
	}
	npages = (uint64_t)st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages;
	if (UNLIKELY(npages > e->npages_max && npages > e->npages)) {
		/* V2 */
		mdb_txn_abort(txn);
		return MDB_MAP_FULL;
	}
	rc = mdb_txn_commit(txn);
	if (!rc)
		e->npages = npages;
	return rc;
}

int env_transact(struct env *e, env_fill *fill, void *ctx)
{
	int rc = e->mdb ? 0 : env_map(e);

	while (!rc) {
		rc = write_once(e, fill, ctx);
		if (LIKELY(!rc))
			return 0;
		if (rc != MDB_MAP_FULL)
			break;
		rc = env_grow(e);
	}
	/* What LMDB has in memory may not be what is in the file: look at it anew. */
	if (rc == MDB_PANIC && e->mdb)
		mdb_env_close(take_ptr(e->mdb));
	__atomic_store_n(&e->failures, e->failures + 1, __ATOMIC_RELAXED);
	return env_error(rc);
}

int env_write(struct env *e, env_fill *fill, void *ctx)
{
	int err = env_fold(e);

	if (!err)
		err = env_transact(e, fill, ctx);
	if (!err)
		__atomic_store_n(&e->commits, e->commits + 1, __ATOMIC_RELAXED);
	return err;
}

int env_read(struct env *e, MDB_txn **ret_txn)
{
	int err;

	if (e->overlay) {
		*ret_txn = e->overlay;
		return 0;
	}
	err = env_fold(e);
	if (!err && !e->mdb)
		err = env_map(e);
	return err ? err : env_error(mdb_txn_begin(e->mdb, NULL, MDB_RDONLY, ret_txn));
}

void env_read_end(struct env *e, MDB_txn *txn)
{
	if (txn != e->overlay)
		mdb_txn_abort(txn);
}

int env_apply(MDB_txn *txn, MDB_dbi dbi, MDB_cursor *cursor, const struct op *op)
{
	MDB_val k = {.mv_data = (void *)(uintptr_t)op->key, .mv_size = op->nkey};
	MDB_val v = {.mv_data = (void *)(uintptr_t)op->value, .mv_size = op->nvalue};
	int rc;

	switch (op->kind) {
	case OP_PUT:
		return cursor ? mdb_cursor_put(cursor, &k, &v, 0) : mdb_put(txn, dbi, &k, &v, 0);
	case OP_DEL:
		rc = cursor ? mdb_cursor_get(cursor, &k, &v, MDB_SET) : mdb_del(txn, dbi, &k, NULL);
		if (!rc && cursor)
			rc = mdb_cursor_del(cursor, 0);
		/* What came and went between two commits was never there. */
		return rc == MDB_NOTFOUND ? 0 : rc;
	case OP_WIPE:
		return env_wipe(txn, dbi, op->key, op->nkey);
	}
	return -EINVAL;
}

int env_wipe(MDB_txn *txn, MDB_dbi dbi, const void *prefix, size_t n)
{
	MDB_val k = {.mv_size = n, .mv_data = (void *)prefix}, v;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn, dbi, &cursor);

	if (rc)
		return rc;
	rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	while (!rc && k.mv_size >= n && !memcmp(k.mv_data, prefix, n)) {
		rc = mdb_cursor_del(cursor, 0);
		if (!rc)
			rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}
