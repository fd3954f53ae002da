/*
 * journal - what is committed and not yet in LMDB
 *
 * Role:       see journal.h.
 * Uses:       base/, store/ops.h
 */
#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/siphash.h"
#include "store/journal_synced.h"

#define FILE_BYTES (sizeof(struct journal_head) + JOURNAL_BYTES)
#define NSLOTS (2 * JOURNAL_NOPS_MAX)

int journal_adopt(struct journal *j, size_t n)
{
	size_t end = j->n + n;
	struct op op;

	while (j->n < end) {
		if (j->nops == JOURNAL_NOPS_MAX || op_decode(j->ops + j->n, end - j->n, &op) ||
		    op.kind == OP_WIPE)
			return JOURNAL_E_DAMAGED;
		j->begins[j->nops++] = (uint32_t)j->n;
		j->n += op_bytes(op.nkey, op.nvalue);
	}
	return 0;
}

/* Return: 0, JOURNAL_E_FOREIGN, JOURNAL_E_DAMAGED. */
static int shared_read(struct journal *j, uint64_t folds)
{
	int err = j->head->n <= JOURNAL_BYTES ? journal_adopt(j, j->head->n) : JOURNAL_E_DAMAGED;

	if (err || !j->n || j->head->after == folds)
		return err;
	if (j->head->after + 1 != folds)
		return JOURNAL_E_FOREIGN;
	/* J2 */
	j->n = j->nops = 0;
	return 0;
}

static int shared_open(struct journal *j, const struct journal_config *c)
{
	int fd = open(c->path, (c->read_only ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC, 0600);
	int prot = c->read_only ? PROT_READ : PROT_READ | PROT_WRITE, err = 0;
	struct stat st;
	void *p;

	if (fd < 0)
		return c->read_only && errno == ENOENT ? JOURNAL_E_NONE : -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!c->read_only)
		err = -posix_fallocate(fd, 0, FILE_BYTES); /* J3 */
	else if ((uint64_t)st.st_size < FILE_BYTES)
		err = JOURNAL_E_NONE;
	p = err ? MAP_FAILED : mmap(NULL, FILE_BYTES, prot, MAP_SHARED, fd, 0);
	if (!err && p == MAP_FAILED)
		err = -errno;
	close(fd);
	if (err)
		return err;
	j->head = p;
	j->ops = (uint8_t *)(j->head + 1);
	return shared_read(j, c->folds);
}

static int journal_start(struct journal *j, const struct journal_config *c)
{
	int err;

	j->begins = mem_zalloc(JOURNAL_NOPS_MAX, sizeof(*j->begins));
	j->slots = mem_zalloc(NSLOTS, sizeof(*j->slots));
	if (!j->begins || !j->slots)
		return -ENOMEM;
	/* So few bytes come at once, or not at all. */
	if (getrandom(j->hash_key, sizeof(j->hash_key), 0) < 0)
		return -errno;
	err = c->key ? journal_synced_open(j, c) : shared_open(j, c);
	if (err)
		return err;
	if (!j->n && c->read_only)
		return JOURNAL_E_NONE;
	if (!j->n)
		journal_clear(j, c->folds, 0);
	journal_undo(j);
	return 0;
}

int journal_open(const struct journal_config *c, struct journal **ret_journal)
{
	struct journal *j = mem_zalloc(1, sizeof(*j));
	int err;

	if (!j)
		return -ENOMEM;
	j->fd = -1;
	err = journal_start(j, c);
	if (err) {
		journal_close(j);
		return err;
	}
	*ret_journal = j;
	return 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	if (j->head)
		munmap(j->head, FILE_BYTES);
	else
		mem_free(j->ops);
	if (j->fd >= 0)
		close(j->fd);
	mem_free(j->record);
	mem_free(j->begins);
	mem_free(j->slots);
	mem_free(j);
}

int journal_append(struct journal *j, const struct op *op)
{
	size_t n = op_bytes(op->nkey, op->nvalue);
	uint32_t units = journal_units(op);

	if (op->kind == OP_WIPE || units > j->room_at || n > j->end - j->at ||
	    j->nops_at == JOURNAL_NOPS_MAX)
		return JOURNAL_E_FULL;
	op_encode(j->ops + j->at, op->kind, op->key, op->nkey, op->value, op->nvalue);
	j->begins[j->nops_at++] = (uint32_t)j->at;
	j->at += n;
	j->room_at -= units;
	return 0;
}

int journal_commit(struct journal *j)
{
	int err = LIKELY(j->head) ? 0 : journal_synced_commit(j);

	if (err)
		return err;
	j->nops = j->nops_at;
	j->room = j->room_at;
	j->n = j->at;
	/* J1: what a killed process has stored stays stored, in this order. */
	if (LIKELY(j->head))
		__atomic_store_n(&j->head->n, j->n, __ATOMIC_RELEASE);
	else
		j->end = journal_synced_end(j);
	return 0;
}

void journal_undo(struct journal *j)
{
	j->nops_at = j->nops;
	j->room_at = j->room;
	j->at = j->n;
	j->end = j->head ? JOURNAL_BYTES : journal_synced_end(j);
}

static struct op journal_op(const struct journal *j, uint32_t begin)
{
	struct op op = {0};
	int err = op_decode(j->ops + begin, j->n - begin, &op);

	/* It was looked at when it was opened, and nobody else writes. */
	(void)err;
	return op;
}

static bool op_same_key(const struct op *a, const struct op *b)
{
	return a->nkey == b->nkey && !memcmp(a->key, b->key, a->nkey);
}

/* Has a later operation the same key? If not, this one is the last, and noted. */
static bool key_is_last(struct journal *j, uint32_t i)
{
	struct op op = journal_op(j, j->begins[i]);
	size_t slot = (size_t)siphash(j->hash_key, op.key, op.nkey) % NSLOTS;

	for (; j->slots[slot]; slot = (slot + 1) % NSLOTS) {
		struct op other = journal_op(j, j->begins[j->slots[slot] - 1]);

		if (op_same_key(&op, &other))
			return false;
	}
	j->slots[slot] = (uint16_t)(i + 1);
	return true;
}

static int op_compare(const void *a, const void *b, void *ctx)
{
	const struct journal *j = ctx;
	struct op x = journal_op(j, *(const uint32_t *)a), y = journal_op(j, *(const uint32_t *)b);
	int order = memcmp(x.key, y.key, x.nkey < y.nkey ? x.nkey : y.nkey);

	return order ? order : (x.nkey > y.nkey) - (x.nkey < y.nkey);
}

int journal_each(struct journal *j, int (*apply)(void *ctx, const struct op *op), void *ctx)
{
	CLEANUP(mem_freep)
	uint32_t *last = mem_alloc((size_t)(j->nops + 1) * sizeof(*last));
	uint32_t n = 0;
	int err = last ? 0 : -ENOMEM;

	if (err)
		return err;
	memset(j->slots, 0, NSLOTS * sizeof(*j->slots));
	for (uint32_t i = j->nops; i-- > 0;) {
		if (key_is_last(j, i))
			last[n++] = j->begins[i];
	}
	qsort_r(last, n, sizeof(*last), op_compare, j);
	for (uint32_t i = 0; !err && i < n; i++) {
		struct op op = journal_op(j, last[i]);

		err = apply(ctx, &op);
	}
	return err;
}

void journal_clear(struct journal *j, uint64_t folds, uint32_t room)
{
	if (j->head) {
		/* In this order: an empty one continues any store. */
		__atomic_store_n(&j->head->n, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&j->head->after, folds, __ATOMIC_RELEASE);
	} else {
		/* Y2 */
		j->after = folds;
		j->file_at = j->number = 0;
	}
	j->n = j->nops = 0;
	j->room = room;
	journal_undo(j);
}
