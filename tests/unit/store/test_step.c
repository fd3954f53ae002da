/*
 * test_step - a daemon that is killed at any instruction of a commit
 *
 * Role:       a child that is traced commits one change, instruction by instruction. Its store is shared memory: what lies in the files after an instruction
 *             is what a kill there leaves. Whenever that has changed, it is loaded as after a kill: it is the state before or after, and from some
 *             instruction on that after. One commit goes into the journal; another one finds it full, so that LMDB has a transaction too.
 * Uses:       region/, store/, check
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "play.h"
#include "store/store_private.h"
#include "tests/unit/random.h"
#include "tests/unit/suite.h"

/* So many different states of the files there are to be: a commit to the journal is some stores, a transaction a few system calls. */
#define JOURNAL_STATES_MIN 5u
#define FOLD_STATES_MIN 3u

/* What a commit to the journal and one that folds it are looked at: every so many instructions, or earlier. Sanitizers make ten of each. */
#ifdef PALLOCD_SANITIZED
#define COMMIT_STRIDE 200u
static unsigned long fold_stride = 1000;
#else
#define COMMIT_STRIDE 1u
static unsigned long fold_stride = 20;
#endif

static const struct play_config process = {
	.durability = {REGION_DURABILITY_PROCESS, REGION_DURABILITY_PROCESS,
		       REGION_DURABILITY_PROCESS},
};
static struct random rnd;
static const char *const names[] = {"process.lmdb", "process.journal", "process.lock"};

/* Files as they were. */
struct files {
	uint8_t *bytes[ARRAY_SIZE(names)];
	size_t n[ARRAY_SIZE(names)];
};

static int file_open(const char *dir, size_t i)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void copy_take(struct files *c, const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int fd = file_open(dir, i);
		struct stat st;

		ck_assert_int_eq(fstat(fd, &st), 0);
		c->n[i] = (size_t)st.st_size;
		c->bytes[i] = realloc(c->bytes[i], c->n[i] + 1);
		ck_assert_ptr_nonnull(c->bytes[i]);
		ck_assert_int_eq(pread(fd, c->bytes[i], c->n[i], 0), (ssize_t)c->n[i]);
		close(fd);
	}
}

/* Into the same files: who has them mapped sees it. */
static void copy_put(const struct files *c, const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int fd = file_open(dir, i);

		ck_assert_int_eq(pwrite(fd, c->bytes[i], c->n[i], 0), (ssize_t)c->n[i]);
		ck_assert_int_eq(ftruncate(fd, (off_t)c->n[i]), 0);
		close(fd);
	}
}

static void copy_free(struct files *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		free(c->bytes[i]);
}

/* Return: @now is as @dir is now; it was so already: false. */
static bool copy_changes(struct files *now, struct files *before, const char *dir)
{
	struct files swap = *now;

	*now = *before;
	*before = swap;
	copy_take(now, dir);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (now->n[i] != before->n[i] || memcmp(now->bytes[i], before->bytes[i], now->n[i]))
			return true;
	}
	return false;
}

/* A child that waits for its first step. */
static pid_t child_start(struct store *s)
{
	struct store_batch *b;
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) || raise(SIGSTOP))
			_exit(77);
		_exit(store_commit(s, &b) ? 1 : 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (!WIFSTOPPED(status)) {
		printf("skipped: tracing is not allowed here\n");
		exit(77);
	}
	return pid;
}

/* @n instructions. Return: false: it has ended. */
static bool child_steps(pid_t pid, uint64_t n)
{
	int status;

	while (n-- > 0) {
		ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			ck_assert_int_eq(WEXITSTATUS(status), 0);
			return false;
		}
		ck_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	}
	return true;
}

/* What a daemon finds in files like these. */
static char *loaded(const struct files *c, const char *dir)
{
	struct play q = {0};
	struct store *s;
	char *text;

	copy_put(c, dir);
	s = play_load(&q, &process, dir, false);
	text = play_text(&q, REGION_DURABILITIES);
	store_close(s);
	play_deinit(&q);
	return text;
}

/* What has changed in @p since it was @before is committed by a child; it is looked at every @stride instructions, or earlier. */
static void kill_at_each(const char *what, const struct play *p, struct store *s, const char *dir,
			 uint64_t stride, unsigned nstates_min, const char *before)
{
	struct files start = {0}, now = {0}, last = {0};
	char *after = play_text(p, REGION_DURABILITIES), *elsewhere = play_dir(), *got;
	unsigned nsteps = 0, nbefore = 0, nafter = 0;
	bool goes_on = true;
	pid_t pid;

	ck_assert_str_ne(before, after);
	copy_take(&start, dir);
	copy_take(&now, dir);
	pid = child_start(s);
	while (goes_on) {
		uint64_t n = 1 + random_below(&rnd, stride);

		nsteps += (unsigned)n;
		goes_on = child_steps(pid, n);
		if (!copy_changes(&now, &last, dir))
			continue;
		got = loaded(&now, elsewhere);
		if (strcmp(got, before)) {
			nafter++;
			play_same(strdup(after), got);
		} else {
			ck_assert_msg(!nafter, "%s: it was there, and is not any more", what);
			nbefore++;
			free(got);
		}
	}
	printf("test_step: %s: %u instructions; %u states of the files before it was there, %u "
	       "after\n",
	       what, nsteps, nbefore, nafter);
	ck_assert_uint_ge(nbefore, nstates_min);
	ck_assert_uint_gt(nafter, 0);
	/* For the parent nothing has happened. */
	copy_put(&start, dir);
	copy_free(&start);
	copy_free(&now);
	copy_free(&last);
	play_remove(elsewhere);
	free(after);
}

/* As if it had taken as much as it may. */
static void journal_fill(struct store *s)
{
	struct journal *j = s->envs[REGION_DURABILITY_PROCESS]->journal;

	ck_assert(!journal_empty(j));
	j->room = 0;
	journal_undo(j);
}

START_TEST(each_instruction)
{
	struct play p = {0};
	char *dir = play_dir(), *before;
	struct store *s = play_load(&p, &process, dir, false);
	struct session *session = play_session(&p, 1000);
	struct region *r = play_region(&p, "a");
	uint64_t addr = play_take(r, &session->owner, 3);

	ck_assert_int_eq(play_commit(s), 0);
	before = play_text(&p, REGION_DURABILITIES);
	play_give(r, session, addr, 3);
	play_take(r, &session->owner, 2);
	play_take(play_region(&p, "c"), &session->owner, 1);
	kill_at_each("journal", &p, s, dir, COMMIT_STRIDE, JOURNAL_STATES_MIN, before);
	free(before);
	/* Now the one that finds the journal full. */
	ck_assert_int_eq(play_commit(s), 0);
	for (unsigned i = 0; i < 8; i++) {
		play_take(r, &session->owner, 1);
		ck_assert_int_eq(play_commit(s), 0);
	}
	journal_fill(s);
	before = play_text(&p, REGION_DURABILITIES);
	play_take(r, &session->owner, 2);
	play_take(play_region(&p, "c"), &session->owner, 1);
	kill_at_each("fold", &p, s, dir, fold_stride, FOLD_STATES_MIN, before);
	free(before);
	store_close(s);
	play_deinit(&p);
	play_remove(dir);
}
END_TEST

/*
 * LMDB's stores into its map may come in any order, that of a number that makes the others valid among them: an instruction in a fold, which is not
 * hit once in a hundred runs of the test above. So nothing is written through the map.
 */
START_TEST(lmdb_is_written_by_system_calls)
{
	struct play p = {0};
	char *dir = play_dir(), line[1024];
	struct store *s = play_load(&p, &process, dir, false);
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned nmaps = 0;

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "/process.lmdb"))
			continue;
		nmaps++;
		ck_assert_msg(strncmp(strchr(line, ' '), " r--", 4) == 0, "it is: %s", line);
	}
	ck_assert_uint_gt(nmaps, 0);
	fclose(maps);
	store_close(s);
	play_deinit(&p);
	play_remove(dir);
}
END_TEST

/* A program's argument: how many instructions of a fold may lie between two looks. */
int main(int argc, char **argv)
{
	Suite *s = suite_create("step");
	TCase *tc = tcase_create("step");

	if (argc > 1)
		fold_stride = strtoul(argv[1], NULL, 10);
	random_init(&rnd, "test_step");
	tcase_set_timeout(tc, argc > 1 ? 1200 : 120);
	tcase_add_test(tc, each_instruction);
	tcase_add_test(tc, lmdb_is_written_by_system_calls);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
