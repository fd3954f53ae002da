/*
 * reload_access - rights that a reload gives and takes, for clients that are connected
 *
 * Role:       a user, a member of a supplementary group; what they may from their next request on. As root only.
 * Uses:       tests/e2e/daemon/reload.h, actor.h
 */
#include "tests/e2e/daemon/actor.h"
#include "tests/e2e/daemon/reload.h"
#include "tests/unit/suite.h"

#define REGION_A "[Region a]\nLimit=1M\nInitial=1M\n"

static const gid_t groups[] = {60100};
static const struct actor member = {
	.name = "a member", .uid = 60010, .gid = 60010, .groups = groups, .ngroups = 1};

static struct reload_process p;

static unsigned alloc(int fd, const char *region)
{
	uint64_t addr;

	return alloc_in(fd, region, 1, PALLOCD__V1__LIFETIME__SESSION, &addr);
}

START_TEST(rights_hold_from_the_next_request)
{
	int fd;

	reload_place(&p, REGION_A);
	ck_assert_int_eq(chmod(p.d.dir, 0755), 0);
	reload_start(&p);
	fd = actor_open(&member, p.d.path);
	ck_assert_uint_eq(alloc(fd, "a"), PALLOCD_OK);
	reload_write(&p, "conf.d/10.conf", "[Region a]\nAllow=root:all\n");
	assert_taken(&p);
	ck_assert_uint_eq(alloc(fd, "a"), PALLOCD_DENIED);
	/* By a supplementary group, also in a region that is new; an empty value takes back what came before. */
	reload_write(&p, "conf.d/20.conf", "[Region a]\nAllow=\nAllow=@60100:alloc\n");
	reload_write(&p, "regions.d/b.region",
		     "[Region]\nLimit=64K\nInitial=64K\nAllow=@60100:alloc\n");
	assert_taken(&p);
	ck_assert_uint_eq(alloc(fd, "a"), PALLOCD_OK);
	ck_assert_uint_eq(alloc(fd, "b"), PALLOCD_OK);
	reload_write(&p, "conf.d/20.conf", "[Region a]\nAllow=60010:grow\n");
	assert_taken(&p);
	ck_assert_uint_eq(alloc(fd, "a"), PALLOCD_DENIED);
	close(fd);
	reload_stop(&p);
}
END_TEST

/* What a session leaves becomes its user's, also where that was decided after it had begun. */
START_TEST(keep_holds_for_sessions_that_there_are)
{
	uint64_t addr;
	int fd, root;

	reload_place(&p, REGION_A);
	ck_assert_int_eq(chmod(p.d.dir, 0755), 0);
	reload_start(&p);
	root = wire_open(p.d.path);
	fd = actor_open(&member, p.d.path);
	ck_assert_uint_eq(alloc_in(fd, "a", 3, PALLOCD__V1__LIFETIME__SESSION, &addr), PALLOCD_OK);
	reload_write(&p, "conf.d/10.conf", "[Region a]\nDeath=keep\n");
	assert_taken(&p);
	close(fd);
	wire_await_sessions(root, 1, 1);
	ck_assert_uint_eq(free_in(root, "a", addr, 3), PALLOCD_OK);
	close(root);
	reload_stop(&p);
}
END_TEST

int main(void)
{
	Suite *suite;
	TCase *tc;

	if (actor_skip(&member))
		return ACTOR_SKIPPED;
	suite = suite_create("reload_access");
	tc = tcase_create("reload_access");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, rights_hold_from_the_next_request);
	tcase_add_test(tc, keep_holds_for_sessions_that_there_are);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
