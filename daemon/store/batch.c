/*
 * batch - what is to be written to the machine's environment, with a sync, on another thread
 *
 * Role:       a list of operations, copied, so that nobody looks at regions while it is written. Writing it twice is writing it once.
 * Uses:       base/, store/store_private.h
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_private.h"

int batch_new(struct store *s, struct store_batch **ret_batch)
{
	struct store_batch *b = mem_zalloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->store = s;
	b->meta = s->metas[REGION_DURABILITY_MACHINE];
	b->number = b->meta.batch + 1;
	list_append(&s->batches, &b->in_store);
	*ret_batch = b;
	return 0;
}

int batch_op(struct store_batch *b, const struct op *op)
{
	size_t n = op_bytes(op->nkey, op->nvalue);

	if (op->nvalue > UINT32_MAX || bytes_reserve(&b->ops, n))
		return -ENOMEM;
	op_encode(b->ops.data + b->ops.n, op->kind, op->key, op->nkey, op->value, op->nvalue);
	b->ops.n += n;
	b->nops++;
	return 0;
}

int batch_adds(struct store_batch *b, uint64_t id)
{
	if (b->nadded == b->added_size) {
		uint32_t size = b->added_size ? 2 * b->added_size : 16;
		uint64_t *added = mem_resize(b->added, size, sizeof(*added));

		if (!added)
			return -ENOMEM;
		b->added = added;
		b->added_size = size;
	}
	b->added[b->nadded++] = id;
	return 0;
}

static int batch_fill(MDB_txn *txn, MDB_dbi dbi, void *ctx)
{
	const struct store_batch *b = ctx;
	struct op op = {0};
	int rc = 0;

	for (size_t at = 0; !rc && at < b->ops.n; at += op_bytes(op.nkey, op.nvalue)) {
		rc = op_decode(b->ops.data + at, b->ops.n - at, &op);
		/* It was this process that wrote it. */
		assert(!rc);
		rc = env_apply(txn, dbi, NULL, &op);
	}
	return rc;
}

int store_batch_write(struct store_batch *b)
{
	struct env *e = b->store->envs[REGION_DURABILITY_MACHINE];
	int err;

	env_lock(e);
	err = b->written ? 0 : env_append(e, b->ops.data, b->ops.n, batch_fill, b);
	b->written = !err;
	env_unlock(e);
	return err;
}

int store_batch_join(struct store_batch *b, struct store_batch *more)
{
	uint32_t nadded = b->nadded + more->nadded;
	uint64_t *added = mem_resize(b->added, nadded, sizeof(*added));

	if (nadded && !added)
		return -ENOMEM;
	b->added = added;
	b->added_size = nadded;
	if (bytes_reserve(&b->ops, more->ops.n))
		return -ENOMEM;
	memcpy(b->ops.data + b->ops.n, more->ops.data, more->ops.n);
	b->ops.n += more->ops.n;
	b->nops += more->nops;
	if (more->nadded)
		memcpy(added + b->nadded, more->added, more->nadded * sizeof(*added));
	b->nadded = nadded;
	b->number = more->number;
	b->meta = more->meta;
	store_batch_free(more);
	return 0;
}

void store_batch_free(struct store_batch *b)
{
	if (!b)
		return;
	list_remove(&b->in_store);
	mem_free(b->ops.data);
	mem_free(b->added);
	mem_free(b);
}
