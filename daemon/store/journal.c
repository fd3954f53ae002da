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

#define FILE_BYTES (sizeof(struct journal_head) + JOURNAL_BYTES)
#define NSLOTS (2 * JOURNAL_NOPS_MAX)

/* Counts what is committed. */
static int journal_count(struct journal *j)
{
	struct op op;

	if (j->head->n > JOURNAL_BYTES)
		return JOURNAL_E_DAMAGED;
	for (size_t at = 0; at < j->head->n; at += op_bytes(op.nkey, op.nvalue)) {
		if (j->nops == JOURNAL_NOPS_MAX || op_decode(j->ops + at, j->head->n - at, &op) ||
		    op.kind == OP_WIPE)
			return JOURNAL_E_DAMAGED;
		j->begins[j->nops++] = (uint32_t)at;
	}
	return 0;
}

/* J2. Return: 0, JOURNAL_E_FOREIGN. */
static int journal_agree(struct journal *j, uint64_t folds, bool read_only)
{
	if (!j->head->n || j->head->after + 1 == folds) {
		if (!read_only)
			journal_clear(j, folds, 0);
		j->nops = 0;
		return read_only ? JOURNAL_E_NONE : 0;
	}
	journal_undo(j);
	return j->head->after == folds ? 0 : JOURNAL_E_FOREIGN;
}

static int journal_map(struct journal *j, int fd, bool read_only)
{
	struct stat st;
	void *p;
	int err;

	if (fstat(fd, &st))
		return -errno;
	if (read_only && (uint64_t)st.st_size < FILE_BYTES)
		return JOURNAL_E_NONE;
	/* J3 */
	err = read_only ? 0 : posix_fallocate(fd, 0, FILE_BYTES);
	if (err)
		return -err;
	p = mmap(NULL, FILE_BYTES, read_only ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 0);
	if (p == MAP_FAILED)
		return -errno;
	j->head = p;
	j->ops = (uint8_t *)(j->head + 1);
	return 0;
}

static int journal_start(struct journal *j, const char *path, uint64_t folds, bool read_only)
{
	int fd, err;

	j->begins = mem_zalloc(JOURNAL_NOPS_MAX, sizeof(*j->begins));
	j->slots = mem_zalloc(NSLOTS, sizeof(*j->slots));
	if (!j->begins || !j->slots)
		return -ENOMEM;
	/* So few bytes come at once, or not at all. */
	if (getrandom(j->hash_key, sizeof(j->hash_key), 0) < 0)
		return -errno;
	fd = open(path, (read_only ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC, 0600);
	if (fd < 0)
		return read_only && errno == ENOENT ? JOURNAL_E_NONE : -errno;
	err = journal_map(j, fd, read_only);
	close(fd);
	if (!err)
		err = journal_count(j);
	return err ? err : journal_agree(j, folds, read_only);
}

int journal_open(const char *path, uint64_t folds, bool read_only, struct journal **ret_journal)
{
	struct journal *j = mem_zalloc(1, sizeof(*j));
	int err;

	if (!j)
		return -ENOMEM;
	err = journal_start(j, path, folds, read_only);
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
	mem_free(j->begins);
	mem_free(j->slots);
	mem_free(j);
}

int journal_append(struct journal *j, const struct op *op)
{
	size_t n = op_bytes(op->nkey, op->nvalue);
	uint32_t units = journal_units(op);

	if (op->kind == OP_WIPE || units > j->room_at || n > JOURNAL_BYTES - j->at ||
	    j->nops_at == JOURNAL_NOPS_MAX)
		return JOURNAL_E_FULL;
	op_encode(j->ops + j->at, op->kind, op->key, op->nkey, op->value, op->nvalue);
	j->begins[j->nops_at++] = (uint32_t)j->at;
	j->at += n;
	j->room_at -= units;
	return 0;
}

void journal_commit(struct journal *j)
{
	j->nops = j->nops_at;
	j->room = j->room_at;
	/* J1: what a killed process has stored stays stored, in this order. */
	__atomic_store_n(&j->head->n, j->at, __ATOMIC_RELEASE);
}

void journal_undo(struct journal *j)
{
	j->nops_at = j->nops;
	j->room_at = j->room;
	j->at = j->head->n;
}

static struct op journal_op(const struct journal *j, uint32_t begin)
{
	struct op op = {0};
	int err = op_decode(j->ops + begin, j->head->n - begin, &op);

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
	/* In this order: an empty one continues any store. */
	__atomic_store_n(&j->head->n, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&j->head->after, folds, __ATOMIC_RELEASE);
	j->nops = 0;
	j->room = room;
	journal_undo(j);
}
