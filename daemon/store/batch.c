/*
 * batch - what is to be written to the machine's environment, with a sync, on another thread
 *
 * Role:       a list of operations, copied, so that nobody looks at regions while it is written. Writing it twice is writing it once.
 * Uses:       base/, store/store_private.h
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_private.h"

/* Before each operation's key and value. */
struct op {
	uint32_t nvalue;
	uint8_t nkey, kind;
};

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

int batch_op(struct store_batch *b, unsigned op, const void *key, size_t nkey, const void *value,
	     size_t n)
{
	struct op head = {.nvalue = (uint32_t)n, .nkey = (uint8_t)nkey, .kind = (uint8_t)op};
	uint8_t *p;

	if (n > UINT32_MAX || bytes_reserve(&b->ops, sizeof(head) + nkey + n))
		return -ENOMEM;
	p = b->ops.data + b->ops.n;
	memcpy(p, &head, sizeof(head));
	memcpy(p + sizeof(head), key, nkey);
	if (n)
		memcpy(p + sizeof(head) + nkey, value, n);
	b->ops.n += sizeof(head) + nkey + n;
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
	struct sink k = {.txn = txn, .dbi = dbi};
	const uint8_t *p = b->ops.data;
	struct op op;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < b->nops; i++) {
		const uint8_t *key = p + sizeof(op);

		memcpy(&op, p, sizeof(op));
		if (op.kind == BATCH_PUT)
			rc = sink_put(&k, key, op.nkey, key + op.nkey, op.nvalue);
		else if (op.kind == BATCH_DEL)
			rc = sink_del(&k, key, op.nkey);
		else
			rc = sink_wipe(&k, key, op.nkey);
		p = key + op.nkey + op.nvalue;
	}
	return rc;
}

int store_batch_write(struct store_batch *b)
{
	struct env *e = b->store->envs[REGION_DURABILITY_MACHINE];
	int err;

	env_lock(e);
	err = b->written ? 0 : env_write(e, batch_fill, b);
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
