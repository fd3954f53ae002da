/*
 * test_journal - what is committed to the journal is in the store, whenever it is folded
 *
 * Role:       tests of store/journal, store/journal_synced and env_fold(): a file and a journal together against an array of what should be there.
 * Uses:       store/, check
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "play.h"
#include "store/env.h"
#include "tests/unit/random.h"
#include "tests/unit/suite.h"

#ifdef PALLOCD_SANITIZED
#define NSTEPS 8000u
#else
#define NSTEPS 30000u
#endif
#define NKEYS 300u
#define VALUE_BYTES_MAX 3000u
/* Of a synced journal's file; see daemon/store/README.md. */
#define RECORD_HEAD_BYTES 32u
#define RECORD_ALIGN 4096u

/* What should be in the environment: by key, the value's bytes and what each of them is; 0 bytes: nothing. */
static struct {
	unsigned n;
	uint8_t fill;
} truth[NKEYS], written[NKEYS];
static struct random rnd;
static char *dir;

static struct env_config config(bool synced)
{
	return (struct env_config){.dir = dir,
				   .name = synced ? "machine" : "process",
				   .synced = synced,
				   .bytes_max = UINT64_C(1) << 24,
				   .major = STORE_MAJOR,
				   .minor = STORE_MINOR};
}

static void setup(void)
{
	random_init(&rnd, "test_journal");
	dir = play_dir();
	memset(truth, 0, sizeof(truth));
	memset(written, 0, sizeof(written));
}

static void teardown(void)
{
	play_remove(dir);
}

static struct env *opened(const struct env_config *c)
{
	struct env *e;

	ck_assert_int_eq(env_open(c, &e), 0);
	return e;
}

/* Keys whose bytes are not in the order of their numbers, of two lengths, and none that the environment has itself. */
static size_t key_of(unsigned i, uint8_t key[3])
{
	key[0] = 200;
	key[1] = (uint8_t)(i * 7);
	key[2] = (uint8_t)(i >> 8);
	return i % 3 ? 3 : i < 256 ? 2 : 3;
}

/* A change of key @i. Return: journal_append()'s. */
static int change(struct env *e, unsigned i, unsigned n)
{
	static uint8_t value[VALUE_BYTES_MAX];
	uint8_t key[3], fill = (uint8_t)random_below(&rnd, 256);
	struct op op = {.kind = n ? OP_PUT : OP_DEL, .key = key, .value = value, .nvalue = n};
	int err;

	op.nkey = key_of(i, key);
	memset(value, fill, n);
	err = journal_append(e->journal, &op);
	if (!err) {
		truth[i].n = n;
		truth[i].fill = fill;
	}
	return err;
}

static int change_any(struct env *e)
{
	unsigned n = random_below(&rnd, 3) ? (unsigned)random_below(&rnd, 40) : 0;

	if (!random_below(&rnd, 50))
		n = (unsigned)random_below(&rnd, VALUE_BYTES_MAX);
	return change(e, (unsigned)random_below(&rnd, NKEYS), n);
}

static void commit(struct env *e)
{
	ck_assert_int_eq(journal_commit(e->journal), 0);
	memcpy(written, truth, sizeof(truth));
}

static void undo(struct env *e)
{
	journal_undo(e->journal);
	memcpy(truth, written, sizeof(truth));
}

static void assert_truth(struct env *e)
{
	MDB_txn *txn;

	ck_assert_int_eq(env_read(e, &txn), 0);
	for (unsigned i = 0; i < NKEYS; i++) {
		uint8_t key[3];
		MDB_val k = {.mv_data = key, .mv_size = key_of(i, key)}, v = {0};
		int rc = mdb_get(txn, e->dbi, &k, &v);
		const uint8_t *p = v.mv_data;

		ck_assert_int_eq(rc, truth[i].n ? 0 : MDB_NOTFOUND);
		ck_assert_uint_eq(v.mv_size, truth[i].n);
		for (size_t j = 0; j < v.mv_size; j++)
			ck_assert_uint_eq(p[j], truth[i].fill);
	}
	env_read_end(e, txn);
}

/* Changes, commits, undone ones, folds, and the daemon that comes after, in any order. */
START_TEST(random_changes)
{
	struct env_config c = config(_i);
	struct env *e = opened(&c);
	unsigned nfolds = 0, nfull = 0;

	for (unsigned i = 0; i < NSTEPS; i++) {
		if (change_any(e)) {
			nfull++;
			undo(e);
			ck_assert_int_eq(env_fold(e), 0);
		} else if (!random_below(&rnd, 4)) {
			commit(e);
		} else if (!random_below(&rnd, 50)) {
			undo(e);
		}
		if (!random_below(&rnd, 400)) {
			undo(e);
			nfolds += !journal_empty(e->journal);
			assert_truth(e);
			ck_assert(journal_empty(e->journal));
		}
		if (!random_below(&rnd, 800)) {
			/* Without a fold, and with things that were not committed. */
			env_close(e);
			memcpy(truth, written, sizeof(truth));
			e = opened(&c);
			assert_truth(e);
		}
	}
	ck_assert_uint_gt(nfolds, 5);
	/* One that is synced has room for more than comes between two looks. */
	ck_assert(_i || nfull > 10);
	env_close(e);
}
END_TEST

/* The last operation of a key counts: a fold writes each key once. */
START_TEST(newest_wins)
{
	struct env_config c = config(_i);
	struct env *e = opened(&c);

	for (unsigned n = 30; n > 0; n--) {
		ck_assert_int_eq(change(e, 5, n), 0);
		ck_assert_int_eq(change(e, 6, n), 0);
	}
	ck_assert_int_eq(change(e, 6, 0), 0);
	ck_assert_int_eq(change(e, 7, 0), 0);
	commit(e);
	ck_assert_uint_eq(truth[5].n, 1);
	assert_truth(e);
	ck_assert_uint_eq(e->npages, 1);
	env_close(e);
}
END_TEST

/* What a killed daemon has put behind what is committed is not there: J1. */
START_TEST(half_a_commit)
{
	struct env_config c = config(_i);
	struct env *e = opened(&c);

	ck_assert_int_eq(change(e, 1, 10), 0);
	commit(e);
	ck_assert_int_eq(change(e, 1, 20), 0);
	ck_assert_int_eq(change(e, 2, 20), 0);
	env_close(e);
	memcpy(truth, written, sizeof(truth));
	e = opened(&c);
	assert_truth(e);
	env_close(e);
}
END_TEST

static void file_io(const char *name, bool read, off_t at, void *bytes, size_t n)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(read ? pread(fd, bytes, n, at) : pwrite(fd, bytes, n, at), (ssize_t)n);
	close(fd);
}

static const char *const files[] = {"process.journal", "machine.journal"};

/* Killed after the fold's transaction, before the journal was emptied: J2. */
START_TEST(folded_and_not_empty)
{
	static uint8_t bytes[JOURNAL_SYNCED_BYTES];
	size_t nbytes = _i ? sizeof(bytes) : sizeof(struct journal_head) + JOURNAL_BYTES;
	struct env_config c = config(_i);
	struct env *e = opened(&c);

	ck_assert_int_eq(change(e, 1, 10), 0);
	ck_assert_int_eq(change(e, 2, 10), 0);
	commit(e);
	file_io(files[_i], true, 0, bytes, nbytes);
	assert_truth(e);
	env_close(e);
	file_io(files[_i], false, 0, bytes, nbytes);
	e = opened(&c);
	ck_assert(journal_empty(e->journal));
	assert_truth(e);
	ck_assert_int_eq(change(e, 1, 30), 0);
	commit(e);
	env_close(e);
	e = opened(&c);
	assert_truth(e);
	env_close(e);
}
END_TEST

/* A journal that continues another file, or is none: refused, and all stays as it is. */
START_TEST(foreign_and_damaged)
{
	static const struct journal_head wrong[] = {{.after = 7, .n = 30},
						    {.after = 0, .n = JOURNAL_BYTES + 1},
						    {.after = 0, .n = 3},
						    {.after = 0, .n = UINT64_MAX}};
	struct env_config c = config(false);
	struct env *e = opened(&c);
	struct journal_head right, now;

	ck_assert_int_eq(change(e, 1, 10), 0);
	commit(e);
	env_close(e);
	file_io("process.journal", true, 0, &right, sizeof(right));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct journal_head head = wrong[i];

		if (i == 0)
			head.n = right.n;
		file_io("process.journal", false, 0, &head, sizeof(head));
		c.read_only = i % 2;
		ck_assert_int_eq(env_open(&c, &e), -EUCLEAN);
		file_io("process.journal", true, 0, &now, sizeof(now));
		ck_assert(now.n == head.n && now.after == head.after);
	}
	c.read_only = false;
	file_io("process.journal", false, 0, &right, sizeof(right));
	e = opened(&c);
	assert_truth(e);
	env_close(e);
}
END_TEST

/* Whoever moves the file away gets a new one: what continued the old one is gone with it. */
START_TEST(file_moved_away)
{
	struct env_config c = config(_i);
	struct env *e = opened(&c);
	char path[512];

	ck_assert_int_eq(change(e, 1, 10), 0);
	commit(e);
	env_close(e);
	snprintf(path, sizeof(path), "%s/%s.lmdb", dir, c.name);
	ck_assert_int_eq(unlink(path), 0);
	memset(truth, 0, sizeof(truth));
	e = opened(&c);
	assert_truth(e);
	env_close(e);
}
END_TEST

/* Each limit ends in a word, and a fold makes room again. */
START_TEST(full)
{
	struct env_config c = config(_i);
	struct env *e = opened(&c);
	struct op wipe = {.kind = OP_WIPE, .key = (const uint8_t *)"a", .nkey = 1};
	unsigned n;

	ck_assert_int_eq(journal_append(e->journal, &wipe), JOURNAL_E_FULL);
	/* One that is synced makes the file longer until it has enough pages. */
	for (n = 0; _i && n < 20; n++) {
		ck_assert_int_eq(change(e, 1, 1 + n), 0);
		commit(e);
		ck_assert_int_eq(env_fold(e), 0);
	}
	/* Pages that the file has. */
	for (n = 0; !change(e, n % NKEYS, 1); n++)
		;
	ck_assert_uint_gt(n, 100);
	if (_i)
		ck_assert_uint_eq(n, JOURNAL_NOPS_MAX);
	else
		ck_assert_uint_lt(n, 256);
	commit(e);
	assert_truth(e);
	/* Bytes and operations, as if the file were large. */
	journal_clear(e->journal, e->folds, UINT32_MAX);
	for (n = 0; !change(e, n % NKEYS, 3000); n++)
		;
	ck_assert_uint_eq(n, (_i ? JOURNAL_SYNCED_BYTES - RECORD_HEAD_BYTES : JOURNAL_BYTES) /
				     (OP_HEAD_BYTES + 3 + 3000));
	undo(e);
	for (n = 0; !change(e, n % NKEYS, 0); n++)
		;
	ck_assert_uint_eq(n, JOURNAL_NOPS_MAX);
	undo(e);
	env_close(e);
}
END_TEST

/* V5: what was committed never needs more than the file has, however full that is. */
START_TEST(fold_needs_no_room)
{
	struct env_config c = config(_i);
	struct env *e;
	unsigned nfolds = 0;
	uint64_t bytes;

	c.bytes_max = UINT64_C(1) << 20;
	e = opened(&c);
	bytes = e->bytes;
	for (unsigned i = 0; i < 3000; i++) {
		unsigned n = (unsigned)random_below(&rnd, i % 1000 < 700 ? VALUE_BYTES_MAX : 2);

		/* All keys are touched, in no order: many pages for few changes. */
		if (!change(e, (unsigned)random_below(&rnd, NKEYS), n)) {
			commit(e);
			continue;
		}
		if (!journal_empty(e->journal)) {
			nfolds++;
			ck_assert_int_eq(env_fold(e), 0);
			continue;
		}
		/* It is full: something has to go, which no journal takes any more. */
		ck_assert_uint_gt(e->npages, 100);
		memset(truth, 0, sizeof(truth));
		memset(written, 0, sizeof(written));
		env_close(e);
		play_remove(dir);
		dir = play_dir();
		c.dir = dir;
		e = opened(&c);
	}
	ck_assert_uint_gt(nfolds, 20);
	ck_assert_uint_eq(e->bytes, bytes);
	ck_assert_uint_eq(e->failures, 0);
	assert_truth(e);
	env_close(e);
}
END_TEST

/* What a power cut may leave of the last record, whatever the disk wrote first: all of it, or nothing that counts. */
START_TEST(torn)
{
	static uint8_t before[3 * RECORD_ALIGN], after[3 * RECORD_ALIGN], bytes[3 * RECORD_ALIGN];
	struct env_config c = config(true);
	struct env *e = opened(&c);
	unsigned nwhole = 0;
	uint32_t n;

	ck_assert_int_eq(change(e, 1, 100), 0);
	commit(e);
	for (unsigned round = 0; round < 100; round++) {
		file_io(files[1], true, RECORD_ALIGN, before, sizeof(before));
		for (unsigned i = 0; i < 4; i++)
			ck_assert_int_eq(change(e, i, 1 + (unsigned)random_below(&rnd, 2900)), 0);
		ck_assert_int_eq(journal_commit(e->journal), 0);
		env_close(e);
		file_io(files[1], true, RECORD_ALIGN, after, sizeof(after));
		memcpy(bytes, before, sizeof(bytes));
		/* Any of its sectors; now and then all. */
		for (size_t at = 0; at < sizeof(bytes); at += 512) {
			if (round % 10 == 0 || random_below(&rnd, 2))
				memcpy(bytes + at, after + at, 512);
		}
		file_io(files[1], false, RECORD_ALIGN, bytes, sizeof(bytes));
		memcpy(&n, after + RECORD_HEAD_BYTES - sizeof(n), sizeof(n));
		if (memcmp(bytes, after, RECORD_HEAD_BYTES + n) == 0) {
			memcpy(written, truth, sizeof(truth));
			nwhole++;
		}
		memcpy(truth, written, sizeof(truth));
		e = opened(&c);
		assert_truth(e);
		/* Another record in the same place, one number of folds later. */
		ck_assert_int_eq(change(e, 5, 1 + round), 0);
		commit(e);
	}
	ck_assert_uint_gt(nwhole, 9);
	ck_assert_uint_lt(nwhole, 50);
	env_close(e);
}
END_TEST

/* What no power cut leaves is damage: nothing that was acknowledged is passed over. */
START_TEST(damaged_in_the_middle)
{
	struct env_config c = config(true);
	struct env *e = opened(&c);
	uint8_t byte, wrong;

	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(change(e, i, 100), 0);
		commit(e);
	}
	env_close(e);
	for (off_t at = 0; at < 2 * (off_t)RECORD_ALIGN; at += at % RECORD_ALIGN < 140 ? 1 : 1000) {
		/* Behind what a record has, nothing matters; the store's number says more. */
		if (at % RECORD_ALIGN >= 140 || (at % RECORD_ALIGN >= 8 && at % RECORD_ALIGN < 16))
			continue;
		file_io(files[1], true, at, &byte, 1);
		wrong = (uint8_t)(byte ^ 1 << random_below(&rnd, 8));
		file_io(files[1], false, at, &wrong, 1);
		c.read_only = at % 2;
		ck_assert_int_eq(env_open(&c, &e), -EUCLEAN);
		file_io(files[1], false, at, &byte, 1);
	}
	c.read_only = false;
	e = opened(&c);
	assert_truth(e);
	env_close(e);
}
END_TEST

static void file_copy(const char *from, const char *to, const char *name)
{
	char command[1200];

	snprintf(command, sizeof(command), "cp %s/%s %s/%s", from, name, to, name);
	ck_assert_int_eq(system(command), 0);
}

/* The journal of another store, and one that goes on from a later state than the file that is there. */
START_TEST(synced_foreign)
{
	char *other = play_dir(), *mine = dir;
	struct env_config c = config(true);
	struct env *e = opened(&c);

	ck_assert_int_eq(change(e, 1, 10), 0);
	commit(e);
	env_close(e);
	file_copy(mine, other, "machine.lmdb");
	e = opened(&c);
	ck_assert_int_eq(change(e, 1, 20), 0);
	commit(e);
	assert_truth(e);
	ck_assert_int_eq(change(e, 1, 30), 0);
	commit(e);
	env_close(e);
	file_copy(mine, other, "machine.journal");
	c.dir = dir = other;
	ck_assert_int_eq(env_open(&c, &e), -EUCLEAN);
	play_remove(other);
	dir = play_dir();
	c.dir = dir;
	e = opened(&c);
	env_close(e);
	file_copy(mine, dir, "machine.journal");
	ck_assert_int_eq(env_open(&c, &e), -EUCLEAN);
	play_remove(dir);
	c.dir = dir = mine;
	e = opened(&c);
	assert_truth(e);
	env_close(e);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("journal");
	TCase *tc = tcase_create("journal");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, random_changes, 0, 2);
	tcase_add_loop_test(tc, newest_wins, 0, 2);
	tcase_add_loop_test(tc, half_a_commit, 0, 2);
	tcase_add_loop_test(tc, folded_and_not_empty, 0, 2);
	tcase_add_test(tc, foreign_and_damaged);
	tcase_add_loop_test(tc, file_moved_away, 0, 2);
	tcase_add_loop_test(tc, full, 0, 2);
	tcase_add_loop_test(tc, fold_needs_no_room, 0, 2);
	tcase_add_test(tc, torn);
	tcase_add_test(tc, damaged_in_the_middle);
	tcase_add_test(tc, synced_foreign);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
