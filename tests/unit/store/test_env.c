/*
 * test_env - files, locks, versions, and what happens when there is no room
 *
 * Role:       tests of store/env and of commits that fail.
 * Uses:       store/, check
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "play.h"
#include "store/boot.h"
#include "store/store_private.h"
#include "tests/unit/suite.h"

static const struct play_config both = {
	.durability = {REGION_DURABILITY_PROCESS, REGION_DURABILITY_MACHINE,
		       REGION_DURABILITY_PROCESS},
};

static struct env_config config_of(const char *dir, uint16_t major, uint16_t minor)
{
	return (struct env_config){.dir = dir,
				   .name = "machine",
				   .synced = true,
				   .bytes_max = UINT64_C(1) << 24,
				   .major = major,
				   .minor = minor};
}

static char *path_in(const char *dir, const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void file_write(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

START_TEST(test_lock)
{
	char *dir = play_dir();
	struct store_config c = {.process_dir = dir}, machine = {.machine_dir = dir};
	struct store *a = NULL, *b = NULL, *other = NULL;

	ck_assert_int_eq(store_open(&c, &a), 0);
	ck_assert_int_eq(store_open(&c, &b), STORE_E_LOCKED);
	ck_assert_ptr_null(b);
	/* The other environment is another thing, in the same folder too. */
	ck_assert_int_eq(store_open(&machine, &other), 0);
	store_close(other);
	store_close(a);
	ck_assert_int_eq(store_open(&c, &b), 0);
	store_close(b);
	play_remove(dir);
}
END_TEST

START_TEST(test_folder)
{
	char *dir = play_dir(), *below = NULL;
	struct store_config c = {0};
	struct store *s;
	struct stat st;

	ck_assert_int_gt(asprintf(&below, "%s/made", dir), 0);
	c.machine_dir = below;
	ck_assert_int_eq(store_open(&c, &s), 0);
	store_close(s);
	ck_assert_int_eq(stat(below, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(stat(path_in(below, "machine.lmdb"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	c.machine_dir = path_in(below, "machine.lmdb");
	ck_assert_int_eq(store_open(&c, &s), -ENOTDIR);
	c.machine_dir = path_in(below, "not/there");
	ck_assert_int_eq(store_open(&c, &s), -ENOENT);
	play_remove(below);
	play_remove(dir);
}
END_TEST

START_TEST(test_versions)
{
	static const struct {
		uint16_t major, minor;
		int wanted;
	} t[] = {{STORE_MAJOR, STORE_MINOR, 0},
		 {STORE_MAJOR, STORE_MINOR + 1, STORE_E_VERSION},
		 {STORE_MAJOR + 1, 0, STORE_E_VERSION},
		 {STORE_MAJOR - 1, 7, STORE_E_VERSION}};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		char *dir = play_dir();
		struct env_config ec = config_of(dir, t[i].major, t[i].minor);
		struct store_config c = {.machine_dir = dir};
		struct store *s = NULL;
		struct env *e;

		ck_assert_int_eq(env_open(&ec, &e), 0);
		env_close(e);
		ck_assert_int_eq(store_open(&c, &s), t[i].wanted);
		store_close(s);
		/* It is as it was: whoever wrote it still can use it. */
		ck_assert_int_eq(env_open(&ec, &e), 0);
		ck_assert_uint_eq(e->meta.major, t[i].major);
		ck_assert_uint_eq(e->meta.minor, t[i].minor);
		env_close(e);
		play_remove(dir);
	}
}
END_TEST

struct older {
	struct meta meta;
	bool journal; /* it has one */
};

/* As a program of that version has written it. */
static int older_fill(MDB_txn *txn, MDB_dbi dbi, void *ctx)
{
	const struct older *o = ctx;
	struct sink k = {.txn = txn, .dbi = dbi};
	uint8_t folds[1], key[1];
	size_t nfolds = key_folds(folds), nkey = key_journal(key);
	int rc = sink_meta(&k, &o->meta);

	if (!rc && !o->journal)
		rc = sink_del(&k, folds, nfolds);
	return rc ? rc : sink_del(&k, key, nkey);
}

/* Stores of the versions before this one: without journals, and without the machine's. */
START_TEST(test_upgrade_from)
{
	static const char *const journals[] = {NULL, "process.journal", "machine.journal"};
	struct play p = {0}, q = {0};
	char *dir = play_dir();
	struct store *s = play_load(&p, &both, dir, true);
	struct session *session = play_session(&p, 1000);
	struct store_config c = {.process_dir = dir, .machine_dir = dir, .read_only = true};
	struct env_config ec = config_of(dir, STORE_MAJOR, (uint16_t)_i);
	bool has[] = {false, _i == 1, false};
	struct env *e;

	play_take(play_region(&p, "a"), &session->owner, 1);
	play_take(play_region(&p, "b"), &session->owner, 2);
	ck_assert_int_eq(play_commit(s), 0);
	for (int d = REGION_DURABILITY_PROCESS; d <= REGION_DURABILITY_MACHINE; d++) {
		struct older o = {.meta = s->metas[d], .journal = has[d]};

		/* All of it is in LMDB. */
		ck_assert_int_eq(env_fold(s->envs[d]), 0);
		o.meta.minor = (uint16_t)_i;
		ck_assert_int_eq(env_write(s->envs[d], older_fill, &o), 0);
	}
	store_close(s);
	for (int d = REGION_DURABILITY_PROCESS; d <= REGION_DURABILITY_MACHINE; d++)
		ck_assert(has[d] || !unlink(path_in(dir, journals[d])));
	/* It is older, which only a daemon may mend. */
	ck_assert_int_eq(store_open(&c, &s), STORE_E_VERSION);
	s = play_load(&q, &both, dir, true);
	play_same(play_text(&p, REGION_DURABILITIES), play_text(&q, REGION_DURABILITIES));
	store_close(s);
	/* And a daemon of then would not overlook the journals. */
	ck_assert_int_eq(env_open(&ec, &e), ENV_E_VERSION);
	play_deinit(&p);
	play_deinit(&q);
	play_remove(dir);
}
END_TEST

static int step_put(MDB_txn *txn, MDB_dbi dbi, const char *key)
{
	MDB_val k = {strlen(key), (void *)key}, v = {strlen(key), (void *)key};

	return mdb_put(txn, dbi, &k, &v, MDB_NOOVERWRITE);
}

static int step_first(MDB_txn *txn, MDB_dbi dbi)
{
	return step_put(txn, dbi, "first");
}

static int step_second(MDB_txn *txn, MDB_dbi dbi)
{
	return step_put(txn, dbi, "second");
}

static int step_fails(MDB_txn *txn, MDB_dbi dbi)
{
	int rc = step_put(txn, dbi, "second");

	return rc ? rc : -EIO;
}

static unsigned env_has(struct env *e, const char *key)
{
	MDB_val k = {strlen(key), (void *)key}, v;
	MDB_txn *txn;
	int rc;

	ck_assert_int_eq(env_read(e, &txn), 0);
	rc = mdb_get(txn, e->dbi, &k, &v);
	mdb_txn_abort(txn);
	return rc == 0;
}

/* An older minor version is upgraded, step by step and all of it or nothing. */
START_TEST(test_upgrade)
{
	static const struct env_step right[] = {{0, step_first}, {1, step_second}};
	static const struct env_step wrong[] = {{0, step_first}, {1, step_fails}};
	char *dir = play_dir();
	struct env_config c = config_of(dir, 1, 0);
	struct env *e;

	ck_assert_int_eq(env_open(&c, &e), 0);
	env_close(e);
	c.minor = 2;
	ck_assert_int_eq(env_open(&c, &e), ENV_E_VERSION);
	c.steps = wrong;
	c.nsteps = 1;
	ck_assert_int_eq(env_open(&c, &e), ENV_E_VERSION);
	c.nsteps = 2;
	ck_assert_int_eq(env_open(&c, &e), -EIO);
	c.minor = 0;
	ck_assert_int_eq(env_open(&c, &e), 0);
	ck_assert_uint_eq(env_has(e, "first") + env_has(e, "second"), 0);
	env_close(e);
	c.minor = 2;
	c.steps = right;
	ck_assert_int_eq(env_open(&c, &e), 0);
	ck_assert_uint_eq(env_has(e, "first") + env_has(e, "second"), 2);
	ck_assert_uint_eq(e->meta.minor, 2);
	env_close(e);
	/* Once. */
	ck_assert_int_eq(env_open(&c, &e), 0);
	env_close(e);
	play_remove(dir);
}
END_TEST

/* Files that are no store, or were one. */
START_TEST(test_foreign)
{
	static const char text[8192] = "this is a letter";
	char *dir = play_dir();
	struct env_config c = config_of(dir, 1, 0);
	MDB_env *mdb;
	struct env *e;

	file_write(path_in(dir, "machine.lmdb"), text, sizeof(text));
	ck_assert_int_eq(env_open(&c, &e), -EUCLEAN);
	file_write(path_in(dir, "machine.lmdb"), text, 100);
	ck_assert_int_lt(env_open(&c, &e), 0);
	unlink(path_in(dir, "machine.lmdb"));
	/* Somebody else's LMDB. */
	ck_assert_int_eq(mdb_env_create(&mdb), 0);
	ck_assert_int_eq(
		mdb_env_open(mdb, path_in(dir, "machine.lmdb"), MDB_NOSUBDIR | MDB_NOLOCK, 0600),
		0);
	mdb_env_close(mdb);
	ck_assert_int_eq(env_open(&c, &e), ENV_E_VERSION);
	unlink(path_in(dir, "machine.lmdb"));
	/* What a start left behind that was killed. */
	file_write(path_in(dir, "machine.lmdb.new"), text, 5000);
	ck_assert_int_eq(env_open(&c, &e), 0);
	env_close(e);
	play_remove(dir);
}
END_TEST

START_TEST(test_cut_off)
{
	struct play p = {0};
	char *dir = play_dir();
	struct store *s = play_load(&p, &both, dir, true);
	struct store_config c = {.machine_dir = dir};
	struct session *session = play_session(&p, 1000);

	for (unsigned i = 0; i < 400; i++)
		play_take(play_region(&p, "b"), &session->owner, 1);
	ck_assert_int_eq(play_commit(s), 0);
	store_close(s);
	play_deinit(&p);
	ck_assert_int_eq(truncate(path_in(dir, "machine.lmdb"), 3 * 4096), 0);
	ck_assert_int_eq(store_open(&c, &s), -EUCLEAN);
	play_remove(dir);
}
END_TEST

/* The process' environment grew on the disk, and the file lost what was set aside when it was copied. */
START_TEST(test_grows)
{
	struct play p = {0}, q = {0};
	char *dir = play_dir();
	struct store *s = play_load(&p, &both, dir, false);
	struct store_stat before, after;
	struct session *session = play_session(&p, 1000);
	char label[REGION_LABEL_BYTES_MAX + 1];
	struct region_refusal refusal = {0};

	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = 0;
	store_stat_get(s, &before);
	for (unsigned i = 0; i < 2 * PLAY_LIMIT_NPAGES; i++) {
		struct region *r = play_region(&p, i % 2 ? "a" : "c");
		uint64_t addr = play_take(r, &session->owner, 1);

		ck_assert_int_eq(region_annotate(r, session, addr, NULL, label, &refusal), 0);
		if (i % 64 == 0)
			ck_assert_int_eq(play_commit(s), 0);
	}
	ck_assert_int_eq(play_commit(s), 0);
	store_stat_get(s, &after);
	ck_assert_uint_gt(after.bytes[REGION_DURABILITY_PROCESS],
			  before.bytes[REGION_DURABILITY_PROCESS]);
	ck_assert_uint_eq(after.failures[REGION_DURABILITY_PROCESS], 0);
	store_close(s);
	s = play_load(&q, &both, dir, false);
	play_same(play_text(&p, REGION_DURABILITY_PROCESS),
		  play_text(&q, REGION_DURABILITY_PROCESS));
	store_close(s);
	play_deinit(&p);
	play_deinit(&q);
	play_remove(dir);
}
END_TEST

/* An environment that may not be larger: nothing can be added, everything can be deleted, then it goes on. */
START_TEST(test_map_full)
{
	struct play p = {0}, q = {0};
	struct play_config c = both;
	char *dir = play_dir();
	struct store_config config = {.process_dir = dir, .bytes_max = UINT64_C(2) << 20};
	struct store *s;
	struct session *session;
	struct store_batch *b;
	struct store_stat stat;
	uint64_t addr[2 * PLAY_LIMIT_NPAGES];
	unsigned n = 0, written = 0;
	char *text = NULL;
	int err = 0;
	struct region_refusal refusal = {0};
	char label[REGION_LABEL_BYTES_MAX + 1] = "";

	memset(label, 'x', sizeof(label) - 1);
	c.durability[1] = REGION_DURABILITY_NONE;
	ck_assert_int_eq(store_open(&config, &s), 0);
	play_init(&p, &c, s);
	ck_assert_int_eq(store_load(s, &p.regions, NULL, 0), 0);
	session = play_session(&p, 1000);
	while (!err && n < ARRAY_SIZE(addr)) {
		struct region *r = play_region(&p, n % 2 ? "a" : "c");

		addr[n] = play_take(r, &session->owner, 1);
		ck_assert_int_eq(region_annotate(r, session, addr[n], NULL, label, &refusal), 0);
		n++;
		if (n % 16)
			continue;
		err = store_commit(s, &b);
		if (!err) {
			written = n;
			free(text);
			text = play_text(&p, REGION_DURABILITY_PROCESS);
		}
	}
	ck_assert_int_eq(err, -ENOSPC);
	ck_assert(store_changed(&p.regions));
	ck_assert_int_eq(store_commit(s, &b), -ENOSPC);
	store_stat_get(s, &stat);
	ck_assert_uint_eq(stat.failures[REGION_DURABILITY_PROCESS], 2);
	/* What was written before is there. */
	store_close(s);
	s = play_load(&q, &c, dir, false);
	play_same(text, play_text(&q, REGION_DURABILITY_PROCESS));
	store_close(s);
	play_deinit(&q);

	/* From the state that was written: deleting is possible though nothing can be added, a few at a time too; then it goes on. */
	ck_assert_int_eq(store_open(&config, &s), 0);
	play_deinit(&p);
	play_init(&p, &c, s);
	ck_assert_int_eq(store_load(s, &p.regions, NULL, 1000000), 0);
	session = session_next(&p.regions, 0);
	for (unsigned i = 0; i < written; i++) {
		play_give(play_region(&p, i % 2 ? "a" : "c"), session, addr[i], 1);
		ck_assert_int_eq(store_commit(s, &b), 0);
	}
	for (unsigned i = 0; i < written / 2; i++) {
		play_take(play_region(&p, i % 2 ? "a" : "c"), &session->owner, 1);
		ck_assert_int_eq(store_commit(s, &b), 0);
	}
	text = play_text(&p, REGION_DURABILITY_PROCESS);
	store_close(s);
	s = play_load(&q, &c, dir, false);
	play_same(text, play_text(&q, REGION_DURABILITY_PROCESS));
	store_close(s);
	play_deinit(&p);
	play_deinit(&q);
	play_remove(dir);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("env");
	TCase *tc = tcase_create("env");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_lock);
	tcase_add_test(tc, test_folder);
	tcase_add_test(tc, test_versions);
	tcase_add_test(tc, test_upgrade);
	tcase_add_loop_test(tc, test_upgrade_from, 0, STORE_MINOR);
	tcase_add_test(tc, test_foreign);
	tcase_add_test(tc, test_cut_off);
	tcase_add_test(tc, test_grows);
	tcase_add_test(tc, test_map_full);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
