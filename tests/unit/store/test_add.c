/*
 * test_add - regions that come and go while the store is open
 *
 * Role:       unit tests of store_add() and store_drop(): what is there after the next start, in either environment.
 * Uses:       region/, store/, check
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "play.h"
#include "region/region_update.h"
#include "tests/unit/suite.h"

static const enum region_durability durabilities[] = {REGION_DURABILITY_PROCESS,
						      REGION_DURABILITY_MACHINE};

static char *dir;
static struct regions rs;
static struct store *s;

static struct region_config config(const char *name, uint64_t page_size, enum region_durability d)
{
	struct region_config c = {.page_size_bytes = page_size,
				  .limit_bytes = 1 << 20,
				  .initial_bytes = 1 << 20,
				  .durability = d};

	snprintf(c.name, sizeof(c.name), "%s", name);
	return c;
}

static struct region *add(const char *name, uint64_t page_size, enum region_durability d)
{
	struct region_config c = config(name, page_size, d);

	if (store_generation(s, name, d))
		c.initial_bytes = 0;
	ck_assert_int_eq(regions_add(&rs, &c), 0);
	return rs.table[rs.n - 1];
}

static int add_live(const char *name, uint64_t page_size, enum region_durability d)
{
	const struct store_region how = {0};
	int err;

	add(name, page_size, d);
	err = store_add(s, &how);
	if (err)
		regions_undo_add(&rs);
	return err;
}

/* With one region of each durability, "process" and "machine"; and @more, as the configuration may name it now. */
static void start(const char *more, enum region_durability d)
{
	const struct store_config sc = {.process_dir = dir, .machine_dir = dir};

	ck_assert_int_eq(store_open(&sc, &s), 0);
	regions_init(&rs, 500);
	add("process", 4096, REGION_DURABILITY_PROCESS);
	add("machine", 4096, REGION_DURABILITY_MACHINE);
	if (more)
		add(more, 4096, d);
	ck_assert_int_eq(store_load(s, &rs, NULL, UINT64_MAX), 0);
}

static void stop(void)
{
	store_close(s);
	regions_deinit(&rs);
}

static struct owner *user(void)
{
	struct user *u = NULL;

	ck_assert_int_eq(regions_user(&rs, 1000, &u), 0);
	return &u->owner;
}

static void close_region(const char *name)
{
	struct region *r = regions_by_name(&rs, name), *stub;

	ck_assert_int_eq(region_stub_new(r, &stub), 0);
	store_drop(s, r);
	ck_assert_ptr_null(region_close(&rs, r, stub));
}

static void no_line(void *ctx, const char *line)
{
	(void)ctx;
	ck_abort_msg("%s", line);
}

static void assert_agrees(void)
{
	char why[256] = "";

	ck_assert_msg(regions_check(&rs, why, sizeof(why)), "%s", why);
	ck_assert_uint_eq(store_check(s, &rs, no_line, NULL), 0);
}

START_TEST(a_new_region_is_there_after_a_start)
{
	enum region_durability d = durabilities[_i];
	uint32_t number;
	uint64_t addr;

	dir = play_dir();
	start(NULL, d);
	ck_assert_int_eq(add_live("new", 4096, d), 0);
	number = regions_by_name(&rs, "new")->number;
	ck_assert_uint_eq(number, 3);
	addr = play_take(regions_by_name(&rs, "new"), user(), 7);
	ck_assert_int_eq(play_commit(s), 0);
	assert_agrees();
	stop();
	start("new", d);
	ck_assert_uint_eq(regions_by_name(&rs, "new")->number, number);
	ck_assert_uint_eq(regions_by_name(&rs, "new")->used_npages, 7);
	ck_assert_uint_ne(play_take(regions_by_name(&rs, "new"), user(), 1), addr);
	stop();
	play_remove(dir);
}
END_TEST

/* The store knows it, the configuration did not when the daemon was started. */
START_TEST(what_is_written_of_it_comes_back)
{
	enum region_durability d = durabilities[_i];

	dir = play_dir();
	start("known", d);
	play_take(regions_by_name(&rs, "known"), user(), 9);
	ck_assert_int_eq(play_commit(s), 0);
	stop();
	start(NULL, d);
	ck_assert_int_eq(add_live("known", 4096, d), 0);
	ck_assert_uint_eq(regions_by_name(&rs, "known")->used_npages, 9);
	ck_assert_uint_eq(regions_by_name(&rs, "known")->number, 3);
	ck_assert_int_eq(play_commit(s), 0);
	assert_agrees();
	stop();
	/* Another page size does not fit: nothing is there then, and nothing is lost. */
	start(NULL, d);
	ck_assert_int_eq(add_live("known", 8192, d), STORE_E_WRONG);
	ck_assert_uint_eq(rs.n, 2);
	ck_assert_int_eq(add_live("known", 4096, d), 0);
	ck_assert_uint_eq(regions_by_name(&rs, "known")->used_npages, 9);
	stop();
	play_remove(dir);
}
END_TEST

START_TEST(nothing_stays_of_a_closed_region)
{
	enum region_durability d = durabilities[_i];

	dir = play_dir();
	start("old", d);
	ck_assert_int_eq(play_commit(s), 0);
	ck_assert_uint_eq(store_generation(s, "old", d), 1);
	close_region("old");
	/* Until that is written, none of that name can come. */
	ck_assert_int_eq(add_live("old", 4096, d), STORE_E_BUSY);
	ck_assert_int_eq(play_commit(s), 0);
	ck_assert_uint_eq(store_generation(s, "old", d), 0);
	assert_agrees();
	ck_assert_int_eq(add_live("old", 8192, d), 0);
	/* Its number was another region's. */
	ck_assert_uint_eq(regions_by_name(&rs, "old")->number, 4);
	play_take(regions_by_name(&rs, "old"), user(), 3);
	ck_assert_int_eq(play_commit(s), 0);
	assert_agrees();
	stop();
	start(NULL, d);
	ck_assert_int_eq(add_live("old", 8192, d), 0);
	ck_assert_uint_eq(regions_by_name(&rs, "old")->used_npages, 3);
	stop();
	play_remove(dir);
}
END_TEST

START_TEST(while_a_batch_is_on_its_way_nothing_is_added)
{
	struct store_batch *b = NULL;

	dir = play_dir();
	start(NULL, REGION_DURABILITY_NONE);
	play_take(regions_by_name(&rs, "machine"), user(), 1);
	ck_assert_int_eq(store_commit(s, &b), 0);
	ck_assert_ptr_nonnull(b);
	ck_assert_int_eq(add_live("new", 4096, REGION_DURABILITY_MACHINE), STORE_E_BUSY);
	ck_assert_int_eq(store_batch_write(b), 0);
	store_batch_free(b);
	ck_assert_int_eq(add_live("new", 4096, REGION_DURABILITY_MACHINE), 0);
	/* Several at once. */
	ck_assert_int_eq(add_live("more", 4096, REGION_DURABILITY_PROCESS), 0);
	ck_assert_int_eq(add_live("none", 4096, REGION_DURABILITY_NONE), 0);
	ck_assert_int_eq(play_commit(s), 0);
	assert_agrees();
	stop();
	play_remove(dir);
}
END_TEST

START_TEST(without_memory)
{
	int err = -1;

	dir = play_dir();
	start(NULL, REGION_DURABILITY_NONE);
	for (long n = 0; err; n++) {
		const struct store_region how = {0};

		add("new", 4096, REGION_DURABILITY_MACHINE);
		mem_fail_after(n);
		err = store_add(s, &how);
		mem_fail_after(-1);
		ck_assert(err == 0 || err == -ENOMEM);
		if (err)
			regions_undo_add(&rs);
	}
	ck_assert_int_eq(play_commit(s), 0);
	assert_agrees();
	stop();
	play_remove(dir);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("add");
	TCase *tc = tcase_create("add");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_new_region_is_there_after_a_start, 0, 2);
	tcase_add_loop_test(tc, what_is_written_of_it_comes_back, 0, 2);
	tcase_add_loop_test(tc, nothing_stays_of_a_closed_region, 0, 2);
	tcase_add_test(tc, while_a_batch_is_on_its_way_nothing_is_added);
	tcase_add_test(tc, without_memory);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
