/*
 * test_power - the machine's environment when the power fails, and when the disk does
 *
 * Role:       lives at random, records what is written and synced, and looks at the files as a power cut would have left them at any moment: what was
 *             synced is there, of the rest any sectors. And disks that refuse: what was tried again is written.
 * Uses:       region/, store/, check
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"
#include "play.h"
#include "store/store_private.h"
#include "tests/unit/suite.h"

#define SECTOR 512u

static const char *const names[DISK_NFILES] = {"machine.lmdb", "machine.journal"};

#ifdef PALLOCD_SANITIZED
static unsigned ncommits = 60, ncuts = 40;
#else
static unsigned ncommits = 60, ncuts = 600;
#endif

static const struct play_config machine = {
	.durability = {REGION_DURABILITY_MACHINE, REGION_DURABILITY_MACHINE,
		       REGION_DURABILITY_MACHINE},
};

/* A state that somebody may have been told. */
struct told {
	size_t nops; /* that were noted then */
	char *text;
};

struct image {
	uint8_t *bytes;
	size_t n, size;
};

static void image_reach(struct image *m, size_t n)
{
	if (n > m->size) {
		m->bytes = realloc(m->bytes, n);
		ck_assert_ptr_nonnull(m->bytes);
		memset(m->bytes + m->size, 0, n - m->size);
		m->size = n;
	}
	if (n > m->n) {
		memset(m->bytes + m->n, 0, n - m->n);
		m->n = n;
	}
}

static void image_write(struct image *m, off_t offset, const uint8_t *bytes, size_t n)
{
	image_reach(m, (size_t)offset + n);
	memcpy(m->bytes + offset, bytes, n);
}

static char *path_of(const char *dir, unsigned file)
{
	char *path;

	ck_assert_int_gt(asprintf(&path, "%s/%s", dir, names[file]), 0);
	return path;
}

static void record(const char *dir)
{
	char *paths[DISK_NFILES];

	for (unsigned i = 0; i < DISK_NFILES; i++)
		paths[i] = path_of(dir, i);
	disk_record(paths);
	for (unsigned i = 0; i < DISK_NFILES; i++)
		free(paths[i]);
}

static void image_read(struct image *m, const char *dir, unsigned file)
{
	char *path = path_of(dir, file);
	uint8_t bytes[65536];
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		image_write(m, (off_t)m->n, bytes, (size_t)n);
	close(fd);
	free(path);
}

static void image_save(const struct image *m, const char *dir, unsigned file)
{
	char *path = path_of(dir, file);
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, m->bytes, m->n), (ssize_t)m->n);
	close(fd);
	free(path);
}

/* All of it, or, where it was not synced, any of its sectors. */
static void image_apply(struct image *m, const struct disk_op *op, bool synced, struct random *rnd)
{
	if (op->kind == DISK_SIZE && (synced || random_below(rnd, 2)))
		image_reach(m, (size_t)op->offset);
	if (!op->bytes)
		return;
	if (synced) {
		image_write(m, op->offset, op->bytes, op->n);
		return;
	}
	for (size_t at = 0; at < op->n;) {
		size_t n = SECTOR - ((size_t)op->offset + at) % SECTOR;

		n = n < op->n - at ? n : op->n - at;
		if (random_below(rnd, 2))
			image_write(m, op->offset + (off_t)at, op->bytes + at, n);
		at += n;
	}
}

/* As file @file is when the power fails just after operation @n has begun. */
static void image_cut(struct image *m, unsigned file, const struct disk_op *ops, size_t n,
		      struct random *rnd)
{
	size_t nsynced = n;

	while (nsynced && (ops[nsynced - 1].kind != DISK_SYNC || ops[nsynced - 1].file != file))
		nsynced--;
	for (size_t i = 0; i < n; i++) {
		if (ops[i].file == file)
			image_apply(m, &ops[i], i < nsynced || ops[i].kind == DISK_SYNCED_WRITE,
				    rnd);
	}
	if (ops[n].file == file)
		image_apply(m, &ops[n], false, rnd);
}

static void cut_check(const struct image *begin, const struct disk_op *ops, size_t n,
		      const struct told *told, unsigned ntold, struct random *rnd)
{
	struct play p = {0};
	char *dir = play_dir(), *text;
	unsigned last = 0;
	struct store *s;

	for (unsigned i = 0; i < DISK_NFILES; i++) {
		struct image m = {0};

		image_write(&m, 0, begin[i].bytes, begin[i].n);
		image_cut(&m, i, ops, n, rnd);
		image_save(&m, dir, i);
		free(m.bytes);
	}
	while (last + 1 < ntold && told[last + 1].nops <= n)
		last++;
	s = play_load(&p, &machine, dir, true);
	text = play_text_regions(&p, REGION_DURABILITY_MACHINE);
	ck_assert_msg(!strcmp(text, told[last].text) ||
			      (last + 1 < ntold && !strcmp(text, told[last + 1].text)),
		      "cut at %zu: not the state of commit %u, nor the one after it", n, last);
	free(text);
	store_close(s);
	play_deinit(&p);
	play_remove(dir);
}

START_TEST(test_cut)
{
	struct told *told = calloc(ncommits + 1, sizeof(*told));
	const struct disk_op *ops;
	struct image begin[DISK_NFILES] = {0};
	struct play p = {0};
	char *dir = play_dir();
	unsigned ntold = 0, nfolds = 0;
	struct store *s;
	size_t nops;

	random_init(&p.rnd, "test_cut");
	s = play_load(&p, &machine, dir, true);
	for (unsigned i = 0; i < DISK_NFILES; i++)
		image_read(&begin[i], dir, i);
	record(dir);
	for (unsigned i = 0; i <= ncommits; i++) {
		if (i)
			ck_assert_int_eq(play_commit(s), 0);
		/* As if the journal were full. */
		if (!random_below(&p.rnd, 4)) {
			ck_assert_int_eq(env_fold(s->envs[REGION_DURABILITY_MACHINE]), 0);
			nfolds++;
		}
		nops = disk_ops(&ops);
		told[ntold++] = (struct told){nops,
					      play_text_regions(&p, REGION_DURABILITY_MACHINE)};
		for (unsigned k = (unsigned)random_below(&p.rnd, 20); k > 0; k--)
			play_step(&p);
	}
	store_close(s);
	nops = disk_ops(&ops);
	ck_assert_uint_gt(nops, ncommits);
	ck_assert_uint_gt(nfolds, 5);
	for (unsigned i = 0; i < ncuts; i++)
		cut_check(begin, ops, random_below(&p.rnd, nops), told, ntold, &p.rnd);
	for (unsigned i = 0; i < ntold; i++)
		free(told[i].text);
	free(told);
	for (unsigned i = 0; i < DISK_NFILES; i++)
		free(begin[i].bytes);
	disk_stop();
	play_deinit(&p);
	play_remove(dir);
}
END_TEST

/* The test itself: without the syncs, a cut is noticed. */
START_TEST(test_cut_is_seen)
{
	struct play p = {0}, q = {0};
	struct store_config config = {0};
	char *dir = play_dir(), *other = play_dir();
	const struct disk_op *ops;
	struct image m = {0};
	struct store *s = play_load(&p, &machine, dir, true);
	struct session *session = play_session(&p, 1000);
	size_t nops;

	image_read(&m, dir, 0);
	record(dir);
	play_take(play_region(&p, "a"), &session->owner, 3);
	ck_assert_int_eq(play_commit(s), 0);
	ck_assert_int_eq(env_fold(s->envs[REGION_DURABILITY_MACHINE]), 0);
	store_close(s);
	nops = disk_ops(&ops);
	/* The fold's last write alone: it says where the pages are that are not there. */
	while (nops && ops[nops - 1].kind != DISK_SYNCED_WRITE)
		nops--;
	ck_assert_uint_gt(nops, 0);
	image_apply(&m, &ops[nops - 1], true, &p.rnd);
	image_save(&m, other, 0);
	config.machine_dir = other;
	if (!store_open(&config, &s)) {
		play_init(&q, &machine, s);
		if (!store_load(s, &q.regions, NULL, 0))
			ck_assert_uint_ne(play_region(&q, "a")->used_npages, 3);
		store_close(s);
		play_deinit(&q);
	}
	disk_stop();
	free(m.bytes);
	play_deinit(&p);
	play_remove(dir);
	play_remove(other);
}
END_TEST

/* Some batches with failures at any call. Return: how often a fold failed; @nfailed: a batch. */
static unsigned disk_fails(struct play *p, struct store *s, unsigned *nfailed)
{
	static const int errs[] = {ENOSPC, EIO, EROFS, EDQUOT};
	unsigned nfolds = 0;
	struct store_batch *b;

	for (unsigned i = 0; i < ncommits / 2; i++) {
		int wanted = errs[random_below(&p->rnd, ARRAY_SIZE(errs))], err;

		for (unsigned k = 0; k < 5; k++)
			play_step(p);
		ck_assert_int_eq(store_commit(s, &b), 0);
		if (!b)
			continue;
		disk_fail(1 + (unsigned)random_below(&p->rnd, 5),
			  1 + (unsigned)random_below(&p->rnd, 3), wanted);
		if (!random_below(&p->rnd, 4))
			nfolds += env_fold(s->envs[REGION_DURABILITY_MACHINE]) != 0;
		err = store_batch_write(b);
		for (unsigned k = 0; err && k < 10; k++) {
			ck_assert_msg(err == -wanted || err == -EIO, "%s, wanted %s",
				      strerror(-err), strerror(wanted));
			++*nfailed;
			err = store_batch_write(b);
		}
		ck_assert_int_eq(err, 0);
		disk_fail(0, 0, 0);
		store_batch_free(b);
	}
	return nfolds;
}

/* A disk that fails at any call, once or for a while, and has written what it says it has not: the batch is tried again until it is written. */
START_TEST(test_disk_fails)
{
	unsigned nfailed = 0, nfolds = 0;
	struct random rnd;

	random_init(&rnd, "test_disk_fails");
	for (unsigned round = 0; round < 10; round++) {
		struct play p = {.rnd = rnd}, q = {0};
		char *dir = play_dir(), *text;
		struct store *s = play_load(&p, &machine, dir, true);

		record(dir);
		nfolds += disk_fails(&p, s, &nfailed);
		text = play_text_regions(&p, REGION_DURABILITY_MACHINE);
		/* As after a kill. */
		store_close(s);
		disk_stop();
		s = play_load(&q, &machine, dir, true);
		play_same(text, play_text_regions(&q, REGION_DURABILITY_MACHINE));
		store_close(s);
		rnd = p.rnd;
		play_deinit(&p);
		play_deinit(&q);
		play_remove(dir);
	}
	ck_assert_uint_gt(nfailed, ncommits);
	ck_assert_uint_gt(nfolds, 10);
}
END_TEST

/* A batch that fails and is given up, though all of it came through, is not found again over what was written instead of it. */
START_TEST(test_given_up)
{
	for (unsigned round = 0; round < 6; round++) {
		struct play p = {0}, q = {0};
		char *dir = play_dir(), *text;
		struct store *s = play_load(&p, &machine, dir, true);
		struct region *a = play_region(&p, "a");
		struct session *session = play_session(&p, 1000);
		struct store_batch *b;
		uint64_t page;

		ck_assert_int_eq(play_commit(s), 0);
		page = play_take(a, &session->owner, 3);
		ck_assert_int_eq(store_commit(s, &b), 0);
		record(dir);
		/* The sync fails; the write before it did not. */
		disk_fail(2, 1, EIO);
		ck_assert_int_eq(store_batch_write(b), -EIO);
		ck_assert_uint_eq(disk_failed(), 1);
		store_batch_free(b);
		machine_doubt(s, false);
		play_give(a, session, page, 3);
		/* All is written anew, and then some, with a fold in between or not. */
		for (unsigned i = 0; i < round; i++)
			ck_assert_int_eq(play_commit(s), 0);
		if (round % 2)
			play_take(a, &session->owner, 1);
		ck_assert_int_eq(play_commit(s), 0);
		text = play_text_regions(&p, REGION_DURABILITY_MACHINE);
		store_close(s);
		disk_stop();
		s = play_load(&q, &machine, dir, true);
		play_same(text, play_text_regions(&q, REGION_DURABILITY_MACHINE));
		store_close(s);
		play_deinit(&p);
		play_deinit(&q);
		play_remove(dir);
	}
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("power");
	TCase *tc = tcase_create("power");

	if (argc > 1)
		ncuts = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		ncommits = (unsigned)strtoul(argv[2], NULL, 10);
	tcase_set_timeout(tc, argc > 1 ? 1200 : 60);
	tcase_add_test(tc, test_cut);
	tcase_add_test(tc, test_cut_is_seen);
	tcase_add_test(tc, test_disk_fails);
	tcase_add_test(tc, test_given_up);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
