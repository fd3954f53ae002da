/*
 * test_store - what is committed is there after a start, and nothing else is
 *
 * Role:       tests of store/ as a whole: random lives with starts in between, the boot, durabilities, generations, checks.
 * Uses:       region/, store/, check
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "play.h"
#include "store/boot.h"
#include "tests/unit/suite.h"

static unsigned nsteps = 1200;

static const struct play_config mixed = {
	.durability = {REGION_DURABILITY_PROCESS, REGION_DURABILITY_MACHINE,
		       REGION_DURABILITY_PROCESS},
	.death = REGION_DEATH_QUARANTINE,
};

static void no_line(void *ctx, const char *line)
{
	(void)ctx;
	ck_abort_msg("%s", line);
}

static void count_line(void *ctx, const char *line)
{
	char *all = ctx;

	strncat(all, line, 1000 - strlen(all));
	strncat(all, "\n", 1000 - strlen(all));
}

START_TEST(test_restarts)
{
	struct play p = {0}, q;
	struct play_config c = mixed;
	char *dir = play_dir();
	struct store *s;

	random_init(&p.rnd, "test_restarts");
	c.death = (enum region_death)_i;
	s = play_load(&p, &c, dir, true);
	for (unsigned i = 0; i < nsteps; i++) {
		play_step(&p);
		if (random_below(&p.rnd, 4) == 0)
			ck_assert_int_eq(play_commit(s), 0);
		if (random_below(&p.rnd, 200) == 0)
			ck_assert_uint_eq(store_check(s, &p.regions, no_line, NULL), 0);
		if (random_below(&p.rnd, 50))
			continue;
		ck_assert_int_eq(play_commit(s), 0);
		ck_assert(!store_changed(&p.regions));
		store_close(s);
		q = (struct play){.rnd = p.rnd};
		s = play_load(&q, &c, dir, true);
		play_same(play_text(&p, REGION_DURABILITIES), play_text(&q, REGION_DURABILITIES));
		ck_assert_uint_ge(q.regions.next_session_id, p.regions.next_session_id);
		q.now = p.now;
		q.request = p.request;
		store_close(s);
		play_deinit(&q);
		play_deinit(&p);
		s = play_load(&p, &c, dir, true);
		p.now = q.now;
		p.request = q.request;
	}
	store_close(s);
	play_deinit(&p);
	play_remove(dir);
}
END_TEST

/* The order of regions in the configuration is no part of what is written. */
START_TEST(test_reorder)
{
	struct play p = {0}, q = {0};
	struct play_config c = mixed;
	char *dir = play_dir();
	struct store *s = play_load(&p, &c, dir, true);
	struct session *session = play_session(&p, 1000);

	play_take(play_region(&p, "a"), &session->owner, 3);
	play_take(play_region(&p, "b"), &session->owner, 4);
	play_take(play_region(&p, "c"), &session->owner, 5);
	ck_assert_int_eq(play_commit(s), 0);
	store_close(s);
	c.reorder = true;
	s = play_load(&q, &c, dir, true);
	play_same(play_text(&p, REGION_DURABILITIES), play_text(&q, REGION_DURABILITIES));
	for (const char *name = "a\0b\0c\0"; *name; name += 2) {
		const struct region *r = play_region(&q, name);

		ck_assert_uint_eq(r->number, play_region(&p, name)->number);
		ck_assert_uint_eq(r->generation, 1);
		ck_assert_ptr_eq(regions_by_number(&q.regions, r->number), r);
	}
	ck_assert_ptr_null(regions_by_number(&q.regions, 4));
	store_close(s);
	play_deinit(&p);
	play_deinit(&q);
	play_remove(dir);
}
END_TEST

/* Who comes to be kept gets the next number; who is not kept is not what was there before, whatever its number. */
START_TEST(test_numbers)
{
	struct play_config c = mixed;
	char *dir = play_dir();
	uint64_t generation = 0;

	c.durability[0] = REGION_DURABILITY_NONE;
	for (unsigned i = 0; i < 3; i++) {
		struct play p = {0};
		struct store *s;

		if (i == 2)
			c.durability[0] = REGION_DURABILITY_PROCESS;
		s = play_load(&p, &c, dir, true);
		ck_assert_uint_eq(play_region(&p, "b")->number, 1);
		ck_assert_uint_eq(play_region(&p, "c")->number, 2);
		ck_assert_uint_eq(play_region(&p, "a")->number, i < 2 ? REGION_NUMBER_MAX : 3);
		if (i == 1)
			ck_assert_uint_gt(play_region(&p, "a")->generation, generation);
		generation = play_region(&p, "a")->generation;
		store_close(s);
		play_deinit(&p);
	}
	ck_assert_uint_eq(generation, 1);
	play_remove(dir);
}
END_TEST

/* What was not committed is not there; ids of sessions are nevertheless not used twice. */
START_TEST(test_uncommitted)
{
	struct play p = {0}, q = {0};
	char *dir = play_dir();
	struct store *s = play_load(&p, &mixed, dir, true);
	struct session *session = play_session(&p, 1000);
	uint64_t id = session->id;
	char *text;

	play_take(play_region(&p, "a"), &session->owner, 3);
	ck_assert_int_eq(play_commit(s), 0);
	text = play_text(&p, REGION_DURABILITIES);
	play_take(play_region(&p, "a"), &session->owner, 5);
	ck_assert(store_changed(&p.regions));
	store_close(s);
	s = play_load(&q, &mixed, dir, true);
	play_same(text, play_text(&q, REGION_DURABILITIES));
	ck_assert_uint_gt(play_session(&q, 1000)->id, id);
	store_close(s);
	play_deinit(&p);
	play_deinit(&q);
	play_remove(dir);
}
END_TEST

/* What comes and goes between two commits leaves nothing, and a second commit has nothing to do. */
START_TEST(test_came_and_went)
{
	struct play p = {0};
	char *dir = play_dir();
	struct store *s = play_load(&p, &mixed, dir, false);
	struct session *session = play_session(&p, 1000);
	struct store_batch *b = (void *)1;
	struct store_stat before, after;
	uint64_t addr;

	ck_assert_int_eq(play_commit(s), 0);
	addr = play_take(play_region(&p, "a"), &session->owner, 3);
	play_give(play_region(&p, "a"), session, addr, 3);
	ck_assert_int_eq(store_commit(s, &b), 0);
	ck_assert_ptr_null(b);
	ck_assert_uint_eq(store_check(s, &p.regions, no_line, NULL), 0);
	store_stat_get(s, &before);
	ck_assert_int_eq(store_commit(s, &b), 0);
	store_stat_get(s, &after);
	ck_assert_uint_eq(before.commits[REGION_DURABILITY_PROCESS],
			  after.commits[REGION_DURABILITY_PROCESS]);
	ck_assert_uint_gt(after.bytes[REGION_DURABILITY_PROCESS], 0);
	store_close(s);
	play_deinit(&p);
	play_remove(dir);
}
END_TEST

/* A batch is a copy: what changes meanwhile is not in it, and comes with the next one. */
START_TEST(test_batches)
{
	struct play p = {0}, q = {0};
	char *dir = play_dir();
	struct store *s = play_load(&p, &mixed, dir, true);
	struct session *session = play_session(&p, 1000);
	struct store_batch *first, *second;
	uint64_t addr = play_take(play_region(&p, "b"), &session->owner, 3);
	char *text;

	ck_assert_int_eq(store_commit(s, &first), 0);
	ck_assert_ptr_nonnull(first);
	text = play_text(&p, REGION_DURABILITY_MACHINE);
	play_give(play_region(&p, "b"), session, addr, 3);
	play_take(play_region(&p, "b"), &session->owner, 7);
	ck_assert_int_eq(store_commit(s, &second), 0);
	ck_assert_ptr_nonnull(second);
	ck_assert_int_eq(store_batch_write(first), 0);
	ck_assert_int_eq(store_batch_write(first), 0);
	store_batch_free(first);
	store_batch_free(second);
	store_close(s);
	s = play_load(&q, &mixed, dir, true);
	play_same(text, play_text(&q, REGION_DURABILITY_MACHINE));
	store_close(s);
	play_deinit(&p);
	play_deinit(&q);
	play_remove(dir);
}
END_TEST

/*
 * A kill between the process' commit and the machine's batch: the session must not remember what was not done, neither in the machine's
 * environment nor in the other one.
 */
START_TEST(test_batch_lost)
{
	struct play p = {0}, q = {0};
	char *dir = play_dir();
	struct store *s = play_load(&p, &mixed, dir, true);
	struct session *session = play_session(&p, 1000);
	struct store_batch *b;
	uint64_t id = session->id;

	play_take(play_region(&p, "b"), &session->owner, 3);
	session->memory[REGION_DURABILITY_MACHINE].done = 5;
	session->repeats = true;
	session_changed(session);
	ck_assert_int_eq(play_commit(s), 0);
	play_take(play_region(&p, "b"), &session->owner, 4);
	session->memory[REGION_DURABILITY_MACHINE].done = 6;
	session_changed(session);
	ck_assert_int_eq(store_commit(s, &b), 0);
	ck_assert_ptr_nonnull(b);
	store_batch_free(b);
	/* Its later requests elsewhere do not change that. */
	session->memory[REGION_DURABILITY_PROCESS].done = 7;
	session_changed(session);
	ck_assert_int_eq(store_commit(s, &b), 0);
	ck_assert_ptr_null(b);
	store_close(s);
	s = play_load(&q, &mixed, dir, true);
	ck_assert_uint_eq(play_region(&q, "b")->used_npages, 3);
	session = session_by_id(&q.regions, id);
	ck_assert_uint_eq(session->memory[REGION_DURABILITY_MACHINE].done, 5);
	ck_assert_uint_eq(session->memory[REGION_DURABILITY_PROCESS].done, 7);
	store_close(s);
	play_deinit(&p);
	play_deinit(&q);
	play_remove(dir);
}
END_TEST

static void boot_write(const char *dir, const char *text)
{
	static char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/boot", dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
	boot_path = path;
}

/* After a start of the system the process' environment is empty; the machine's has its extents, and their sessions end. */
START_TEST(test_reboot)
{
	struct play p = {0}, q = {0}, r = {0};
	char *dir = play_dir();
	struct session *one, *two;
	struct store *s;
	uint8_t token[SESSION_TOKEN_BYTES];
	uint64_t one_id, ids;

	boot_write(dir, "11111111-2222-3333-4444-555555555555\n");
	s = play_load(&p, &mixed, dir, true);
	one = play_session(&p, 1000);
	one_id = one->id;
	two = play_session(&p, 1000);
	play_take(play_region(&p, "a"), &two->owner, 3);
	play_take(play_region(&p, "b"), &one->owner, 4);
	play_take(play_region(&p, "b"), &one->owner.user->owner, 2);
	memcpy(token, one->token, sizeof(token));
	ck_assert_int_eq(play_commit(s), 0);
	ids = p.regions.next_session_id;
	store_close(s);
	play_deinit(&p);

	boot_write(dir, "11111111-2222-3333-4444-666666666666\n");
	s = play_load(&q, &mixed, dir, true);
	ck_assert_uint_eq(play_region(&q, "a")->used_npages, 0);
	ck_assert_uint_eq(play_region(&q, "b")->used_npages, 6);
	one = session_by_id(&q.regions, one_id);
	ck_assert_ptr_nonnull(one);
	ck_assert_ptr_null(session_by_id(&q.regions, one_id + 1));
	ck_assert_uint_ge(q.regions.next_session_id, ids);
	{
		struct session_peer peer = {.uid = 1000, .gid = 1000, .pid = 7};

		ck_assert_int_eq(session_resume(&q.regions, &peer, token, q.now, &two),
				 REGIONS_E_NO_SESSION);
	}
	/* Its extents go as the policy says: a quarantine that begins now. */
	regions_expire(&q.regions, q.now);
	while (!regions_reclaim(&q.regions, 10, q.now))
		;
	ck_assert_uint_eq(play_region(&q, "b")->used_npages, 6);
	ck_assert_uint_eq(play_region(&q, "b")->quarantined_npages, 4);
	ck_assert_int_eq(play_commit(s), 0);
	ck_assert_uint_eq(store_check(s, &q.regions, no_line, NULL), 0);
	store_close(s);

	/* The same boot now: as it was left. */
	s = play_load(&r, &mixed, dir, true);
	play_same(play_text(&q, REGION_DURABILITIES), play_text(&r, REGION_DURABILITIES));
	store_close(s);
	play_deinit(&q);
	play_deinit(&r);
	play_remove(dir);
}
END_TEST

/* Another durability than before: records move, none is lost; NONE deletes them. */
START_TEST(test_durability_changes)
{
	static const enum region_durability steps[] = {
		REGION_DURABILITY_PROCESS, REGION_DURABILITY_MACHINE, REGION_DURABILITY_PROCESS,
		REGION_DURABILITY_NONE, REGION_DURABILITY_PROCESS};
	struct play p = {0}, q = {0};
	struct play_config c = mixed;
	char *dir = play_dir();
	struct store *s = play_load(&p, &c, dir, true);
	struct session *session = play_session(&p, 1000);

	play_take(play_region(&p, "a"), &session->owner, 3);
	ck_assert_int_eq(play_commit(s), 0);
	store_close(s);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		c.durability[0] = steps[i];
		s = play_load(&q, &c, dir, true);
		ck_assert_uint_eq(play_region(&q, "a")->used_npages, i < 3 ? 3 : 0);
		if (i < 3)
			play_same(play_text(&p, REGION_DURABILITIES),
				  play_text(&q, REGION_DURABILITIES));
		ck_assert_uint_eq(store_check(s, &q.regions, no_line, NULL), 0);
		store_close(s);
		play_deinit(&q);
	}
	play_deinit(&p);
	play_remove(dir);
}
END_TEST

/* Memory that is another one: extents are void, the generation rises, once. */
START_TEST(test_void)
{
	struct play p = {0}, q = {0};
	char *dir = play_dir();
	struct store_config config = {.process_dir = dir, .machine_dir = dir};
	const struct store_region regions[PLAY_REGIONS] = {{.void_extents = true}};
	struct store *s = play_load(&p, &mixed, dir, true);
	struct session *session = play_session(&p, 1000);

	play_take(play_region(&p, "a"), &session->owner, 3);
	play_take(play_region(&p, "b"), &session->owner, 4);
	ck_assert_int_eq(play_commit(s), 0);
	store_close(s);
	ck_assert_int_eq(store_open(&config, &s), 0);
	play_init(&q, &mixed, s);
	ck_assert_int_eq(store_load(s, &q.regions, regions, 2000), 0);
	ck_assert_uint_eq(play_region(&q, "a")->generation, 2);
	ck_assert_uint_eq(play_region(&q, "a")->used_npages, 0);
	ck_assert_uint_eq(play_region(&q, "b")->used_npages, 4);
	ck_assert_uint_eq(store_generation(s, "a", REGION_DURABILITY_PROCESS), 2);
	store_close(s);
	play_deinit(&q);
	s = play_load(&q, &mixed, dir, true);
	ck_assert_uint_eq(play_region(&q, "a")->generation, 2);
	ck_assert_uint_eq(play_region(&q, "a")->used_npages, 0);
	store_close(s);
	play_deinit(&p);
	play_deinit(&q);
	play_remove(dir);
}
END_TEST

/* A region that does not fit is closed and its records stay; the others serve; when the configuration is right again, all is there. */
START_TEST(test_unfit)
{
	struct play p = {0}, q = {0};
	struct region_config small = {.name = "a",
				      .base_addr = UINT64_C(1) << 32,
				      .page_size_bytes = 2 * PLAY_PAGE,
				      .limit_bytes = PLAY_LIMIT_NPAGES * PLAY_PAGE,
				      .durability = REGION_DURABILITY_PROCESS};
	char *dir = play_dir();
	struct store_config config = {.process_dir = dir, .machine_dir = dir};
	struct store *s = play_load(&p, &mixed, dir, true);
	struct session *session = play_session(&p, 1000);
	struct regions rs;

	play_take(play_region(&p, "a"), &session->owner, 3);
	ck_assert_int_eq(play_commit(s), 0);
	store_close(s);
	ck_assert_int_eq(store_open(&config, &s), 0);
	regions_init(&rs, 500);
	ck_assert_int_eq(regions_add(&rs, &small), 0);
	ck_assert_int_eq(store_load(s, &rs, NULL, 2000), 0);
	ck_assert(rs.table[0]->faulted);
	ck_assert_ptr_nonnull(strstr(rs.table[0]->fault, "page size"));
	store_close(s);
	regions_deinit(&rs);
	s = play_load(&q, &mixed, dir, true);
	play_same(play_text(&p, REGION_DURABILITIES), play_text(&q, REGION_DURABILITIES));
	store_close(s);
	play_deinit(&p);
	play_deinit(&q);
	play_remove(dir);
}
END_TEST

/* store_check() says what differs. */
START_TEST(test_check_finds)
{
	struct play p = {0};
	char *dir = play_dir(), lines[1001] = "";
	struct store *s = play_load(&p, &mixed, dir, true);
	struct session *session = play_session(&p, 1000);
	struct region *a = play_region(&p, "a");
	uint64_t first, second;

	first = play_take(a, &session->owner, 3);
	second = play_take(a, &session->owner, 4);
	ck_assert_int_eq(play_commit(s), 0);
	a->changes.kept = false;
	play_give(a, session, first, 3);
	play_give(a, session, second, 2);
	ck_assert_uint_eq(store_check(s, &p.regions, count_line, lines), 3);
	ck_assert_str_eq(lines, "region a, extent 0x100000000: is written, and is not there\n"
				"region a, extent 0x100003000: is written, and is not there\n"
				"region a, extent 0x100005000: is not written\n");
	store_close(s);
	play_deinit(&p);
	play_remove(dir);
}
END_TEST

/* No memory, at any point of a commit: nothing is lost, the next one writes it. */
START_TEST(test_no_memory)
{
	struct play p = {0}, q = {0};
	char *dir = play_dir();
	struct store *s = play_load(&p, &mixed, dir, true);
	unsigned nfailed = 0;

	random_init(&p.rnd, "test_no_memory");
	for (unsigned i = 0; i < 300; i++) {
		struct store_batch *b = NULL;
		long n = (long)random_below(&p.rnd, 6);
		int err;

		for (unsigned k = 0; k < 5; k++)
			play_step(&p);
		mem_fail_after(n);
		err = store_commit(s, &b);
		mem_fail_after(-1);
		ck_assert(!err || err == -ENOMEM);
		nfailed += err != 0;
		ck_assert(err == 0 || store_changed(&p.regions));
		if (!err && b)
			ck_assert_int_eq(store_batch_write(b), 0);
		store_batch_free(b);
	}
	ck_assert_uint_gt(nfailed, 0);
	ck_assert_int_eq(play_commit(s), 0);
	store_close(s);
	s = play_load(&q, &mixed, dir, true);
	play_same(play_text(&p, REGION_DURABILITIES), play_text(&q, REGION_DURABILITIES));
	store_close(s);
	play_deinit(&p);
	play_deinit(&q);
	play_remove(dir);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("store");
	TCase *tc = tcase_create("store");

	if (argc > 1)
		nsteps = (unsigned)strtoul(argv[1], NULL, 10);
	tcase_set_timeout(tc, argc > 1 ? 1200 : 60);
	tcase_add_loop_test(tc, test_restarts, 0, 3);
	tcase_add_test(tc, test_reorder);
	tcase_add_test(tc, test_numbers);
	tcase_add_test(tc, test_uncommitted);
	tcase_add_test(tc, test_came_and_went);
	tcase_add_test(tc, test_batches);
	tcase_add_test(tc, test_batch_lost);
	tcase_add_test(tc, test_reboot);
	tcase_add_test(tc, test_durability_changes);
	tcase_add_test(tc, test_void);
	tcase_add_test(tc, test_unfit);
	tcase_add_test(tc, test_check_finds);
	tcase_add_test(tc, test_no_memory);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
