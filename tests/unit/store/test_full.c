/*
 * test_full - a file system without room: the process' environment refuses, and is not killed by a signal
 *
 * Role:       mounts a small tmpfs where only this program sees it. Needs root; is skipped, visibly, without.
 * Uses:       region/, store/, check
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "play.h"
#include "tests/unit/suite.h"

#define SKIPPED 77

static const struct play_config mixed = {
	.durability = {REGION_DURABILITY_PROCESS, REGION_DURABILITY_MACHINE,
		       REGION_DURABILITY_PROCESS},
};

/* A folder with a tmpfs of @bytes; only this process and its children see it. */
static char *small_dir(const char *bytes)
{
	char *dir = play_dir(), options[64];

	snprintf(options, sizeof(options), "size=%s", bytes);
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount("none", "/", "", MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("pallocd-test", dir, "tmpfs", 0, options), 0);
	return dir;
}

static void small_remove(char *dir)
{
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	free(dir);
}

/* All that is left but @spare bytes. */
static void fill(const char *dir, size_t spare)
{
	char path[300];
	int fd;
	off_t n = 0;

	snprintf(path, sizeof(path), "%s/filler", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	while (!posix_fallocate(fd, n, 4096))
		n += 4096;
	ck_assert_int_eq(ftruncate(fd, n > (off_t)spare ? n - (off_t)spare : 0), 0);
	close(fd);
}

static void fill_end(const char *dir)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/filler", dir);
	ck_assert_int_eq(unlink(path), 0);
}

/* At every amount of room, from none on: an outcome, no signal; and where it was refused, it is written when there is room. */
START_TEST(test_full)
{
	char *dir = small_dir("64m");
	struct play p = {0}, q = {0};
	unsigned nrefused = 0;
	struct store *s;

	random_init(&p.rnd, "test_full");
	s = play_load(&p, &mixed, dir, true);
	for (unsigned i = 0; i < 40; i++) {
		struct store_batch *b = NULL;
		struct session *session;
		int err = 0;

		fill(dir, i < 20 ? 0 : random_below(&p.rnd, 40) * 4096);
		for (unsigned k = 0; k < 20; k++)
			play_step(&p);
		/* A session with much to remember: overflow pages, many at a time. */
		session = play_session(&p, 1000);
		session->memory[REGION_DURABILITY_PROCESS].n =
			session->memory[REGION_DURABILITY_PROCESS].size =
				(uint32_t)(100000 + random_below(&p.rnd, 300000));
		session->memory[REGION_DURABILITY_PROCESS].replies = calloc(
			1, session->memory[REGION_DURABILITY_PROCESS].size);
		session_changed(session);
		err = store_commit(s, &b);
		ck_assert(!err || err == -ENOSPC);
		nrefused += err != 0;
		if (err) {
			ck_assert(store_changed(&p.regions));
			fill_end(dir);
			ck_assert_int_eq(store_commit(s, &b), 0);
		} else {
			if (b && store_batch_write(b)) {
				fill_end(dir);
				ck_assert_int_eq(store_batch_write(b), 0);
			} else {
				fill_end(dir);
			}
			store_batch_free(b);
			continue;
		}
		if (b)
			ck_assert_int_eq(store_batch_write(b), 0);
		store_batch_free(b);
	}
	ck_assert_uint_gt(nrefused, 0);
	store_close(s);
	s = play_load(&q, &mixed, dir, true);
	play_same(play_text(&p, REGION_DURABILITIES), play_text(&q, REGION_DURABILITIES));
	store_close(s);
	play_deinit(&p);
	play_deinit(&q);
	small_remove(dir);
}
END_TEST

/* No room: what makes the environment smaller is written nevertheless. */
START_TEST(test_delete)
{
	char *dir = small_dir("8m");
	uint64_t addr[PLAY_LIMIT_NPAGES];
	struct play p = {0};
	struct session *session;
	struct store_batch *b;
	struct store *s;
	unsigned n = 0;
	int err;

	s = play_load(&p, &mixed, dir, false);
	fill(dir, 0);
	session = play_session(&p, 1000);
	do {
		addr[n++] = play_take(play_region(&p, "a"), &session->owner, 1);
		session->memory[REGION_DURABILITY_PROCESS].replies = realloc(
			session->memory[REGION_DURABILITY_PROCESS].replies, n * 512);
		memset(session->memory[REGION_DURABILITY_PROCESS].replies, 1, n * 512);
		session->memory[REGION_DURABILITY_PROCESS].n =
			session->memory[REGION_DURABILITY_PROCESS].size = n * 512;
		session_changed(session);
		err = store_commit(s, &b);
	} while (!err && n < ARRAY_SIZE(addr));
	ck_assert_int_eq(err, -ENOSPC);
	/* The session has got its replies, and gives back what it has, one at a time. */
	session->memory[REGION_DURABILITY_PROCESS].n = 0;
	session_changed(session);
	while (n--) {
		play_give(play_region(&p, "a"), session, addr[n], 1);
		ck_assert_int_eq(store_commit(s, &b), 0);
	}
	store_close(s);
	play_deinit(&p);
	small_remove(dir);
}
END_TEST

/* There is not even room for an empty one: it says so. */
START_TEST(test_nothing)
{
	char *dir = small_dir("8m");
	struct store_config c = {.process_dir = dir, .machine_dir = dir};
	struct store *s = NULL;
	unsigned nrefused = 0;
	int err;

	for (size_t spare = 0; spare < 600; spare += 40) {
		fill(dir, spare * 4096);
		err = store_open(&c, &s);
		fill_end(dir);
		ck_assert(!err || err == -ENOSPC);
		nrefused += err != 0;
		if (!err)
			store_close(s);
	}
	ck_assert_uint_gt(nrefused, 2);
	ck_assert_int_eq(store_open(&c, &s), 0);
	store_close(s);
	small_remove(dir);
}
END_TEST

/* A read-only file system. */
START_TEST(test_read_only)
{
	char *dir = small_dir("8m");
	struct store_config c = {.process_dir = dir};
	struct store *s = NULL;

	ck_assert_int_eq(store_open(&c, &s), 0);
	store_close(s);
	ck_assert_int_eq(mount("", dir, "", MS_REMOUNT | MS_RDONLY, NULL), 0);
	ck_assert_int_eq(store_open(&c, &s), -EROFS);
	small_remove(dir);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("full");
	TCase *tc = tcase_create("full");
	pid_t pid = fork();
	int status = 0;

	/* Can it be done at all? */
	if (!pid)
		_exit(unshare(CLONE_NEWNS) || mount("none", "/", "", MS_REC | MS_PRIVATE, NULL) ||
				      mount("pallocd-test", "/tmp", "tmpfs", 0, "size=1m")
			      ? SKIPPED
			      : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) == SKIPPED) {
		printf("skipped: a tmpfs cannot be mounted here; run as root\n");
		return SKIPPED;
	}
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_full);
	tcase_add_test(tc, test_delete);
	tcase_add_test(tc, test_nothing);
	tcase_add_test(tc, test_read_only);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
