/*
 * test_look - a store that nobody has open is looked at, and stays as it is
 *
 * Role:       tests of store_look(): it sees what store_load() would, says what does not fit, and writes and makes nothing.
 * Uses:       region/, store/, liblmdb, check
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "play.h"
#include "tests/unit/suite.h"

static const struct play_config mixed = {
	.durability = {REGION_DURABILITY_PROCESS, REGION_DURABILITY_MACHINE,
		       REGION_DURABILITY_PROCESS},
	.death = REGION_DEATH_QUARANTINE,
};

/* All bytes of a file, and how many; the caller's. */
static char *file_bytes(const char *dir, const char *name, size_t *ret_n)
{
	char path[512], *bytes = NULL;
	FILE *file;
	long n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
	n = ftell(file);
	rewind(file);
	bytes = malloc((size_t)n);
	ck_assert_uint_eq(fread(bytes, 1, (size_t)n, file), (size_t)n);
	fclose(file);
	*ret_n = (size_t)n;
	return bytes;
}

static int look(const char *dir, struct play *p, struct store **ret)
{
	struct store_config config = {.process_dir = dir, .machine_dir = dir, .read_only = true};
	int err = store_open(&config, ret);

	if (err)
		return err;
	play_init(p, &mixed, *ret);
	return store_look(*ret, &p->regions);
}

/* What is looked at is what store_load() would make of it, and the files are as before. */
START_TEST(test_look)
{
	struct play p = {0}, q = {0};
	static const char *const names[] = {"process.lmdb", "process.journal", "machine.lmdb",
					    "machine.journal"};
	char *dir = play_dir(), *before[ARRAY_SIZE(names)], *after;
	struct store *s = play_load(&p, &mixed, dir, true), *read = NULL;
	struct session *session = play_session(&p, 1000);
	size_t nbefore[ARRAY_SIZE(names)], nafter;

	play_take(play_region(&p, "a"), &session->owner, 3);
	play_take(play_region(&p, "b"), &session->owner, 4);
	ck_assert_int_eq(play_commit(s), 0);
	ck_assert_int_eq(look(dir, &q, &read), STORE_E_LOCKED);
	store_close(s);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		before[i] = file_bytes(dir, names[i], &nbefore[i]);
	ck_assert_int_eq(look(dir, &q, &read), 0);
	play_same(play_text(&p, REGION_DURABILITIES), play_text(&q, REGION_DURABILITIES));
	store_close(read);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		after = file_bytes(dir, names[i], &nafter);
		ck_assert_uint_eq(nafter, nbefore[i]);
		ck_assert_msg(!memcmp(before[i], after, nafter), "%s was written", names[i]);
		free(before[i]);
		free(after);
	}
	play_deinit(&p);
	play_deinit(&q);
	play_remove(dir);
}
END_TEST

/* Where nothing is nothing is made. */
START_TEST(test_look_at_nothing)
{
	struct play q = {0};
	char *dir = play_dir(), path[512];
	struct store *s = NULL;

	ck_assert_int_eq(look(dir, &q, &s), 0);
	ck_assert_uint_eq(store_generation(s, "a", REGION_DURABILITY_PROCESS), 0);
	store_close(s);
	snprintf(path, sizeof(path), "%s/process.lock", dir);
	ck_assert_int_ne(access(path, F_OK), 0);
	/* Nothing but the folder itself. */
	ck_assert_int_eq(rmdir(dir), 0);
	free(dir);
	play_deinit(&q);
}
END_TEST

/* Every value but that of one byte's key, which says of which version the store is, becomes @text. */
static void damage(const char *dir, const char *text)
{
	MDB_val k, v, wrong = {strlen(text), (void *)(uintptr_t)text};
	MDB_cursor *cursor;
	char path[512], key[512];
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	snprintf(path, sizeof(path), "%s/process.lmdb", dir);
	ck_assert_int_eq(mdb_env_create(&env), 0);
	ck_assert_int_eq(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
	ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	ck_assert_int_eq(mdb_cursor_open(txn, dbi, &cursor), 0);
	while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0) {
		/* The page that it lies in changes. */
		memcpy(key, k.mv_data, k.mv_size);
		k.mv_data = key;
		if (k.mv_size > 1)
			ck_assert_int_eq(mdb_cursor_put(cursor, &k, &wrong, MDB_CURRENT), 0);
	}
	mdb_cursor_close(cursor);
	ck_assert_int_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

START_TEST(test_look_finds)
{
	struct play p = {0}, q = {0};
	char *dir = play_dir();
	struct store *s = play_load(&p, &mixed, dir, true);
	struct session *session = play_session(&p, 1000);

	play_take(play_region(&p, "a"), &session->owner, 3);
	ck_assert_int_eq(play_commit(s), 0);
	store_close(s);
	damage(dir, "garbage");
	ck_assert_int_eq(look(dir, &q, &s), STORE_E_WRONG);
	ck_assert(play_region(&q, "a")->faulted);
	store_close(s);
	play_deinit(&p);
	play_deinit(&q);
	play_remove(dir);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("look");
	TCase *tc = tcase_create("look");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_look);
	tcase_add_test(tc, test_look_at_nothing);
	tcase_add_test(tc, test_look_finds);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
