/*
 * test_access - which rights rules come to
 *
 * Role:       unit tests of region/access and of the rights of sessions.
 * Uses:       region/, check
 */
#include <stdio.h>

#include "tests/unit/suite.h"
#include "world.h"

#define ALLOC ACCESS_ALLOC
#define RO ACCESS_ATTACH_RO
#define RW ACCESS_ATTACH_RW

static const gid_t groups[] = {20, 30};

static const struct rights_case {
	const char *says;
	struct access_rule rules[3];
	uint32_t nrules;
	uid_t uid;
	gid_t gid;
	unsigned rights;
} rights_cases[] = {
	{"no rules: the default", {{0}}, 0, 1000, 10, ACCESS_DEFAULT},
	{"a rule for another takes the default away", {{ACCESS_USER, 7, ALLOC}}, 1, 1000, 10, 0},
	{"nothing for everyone", {{ACCESS_EVERYONE, 0, 0}}, 1, 1000, 10, 0},
	{"everyone", {{ACCESS_EVERYONE, 7, ALLOC}}, 1, 1000, 10, ALLOC},
	{"user", {{ACCESS_USER, 1000, ACCESS_GROW}}, 1, 1000, 10, ACCESS_GROW},
	{"a user's id is no group's", {{ACCESS_USER, 10, ALLOC}}, 1, 1000, 10, 0},
	{"a group's id is no user's", {{ACCESS_GROUP, 1000, ALLOC}}, 1, 1000, 10, 0},
	{"primary group", {{ACCESS_GROUP, 10, ALLOC}}, 1, 1000, 10, ALLOC},
	{"first supplementary group", {{ACCESS_GROUP, 20, ALLOC}}, 1, 1000, 10, ALLOC},
	{"last supplementary group", {{ACCESS_GROUP, 30, ALLOC}}, 1, 1000, 10, ALLOC},
	{"another group", {{ACCESS_GROUP, 31, ALLOC}}, 1, 1000, 10, 0},
	{"write implies read", {{ACCESS_GROUP, 30, RW}}, 1, 1000, 10, RW | RO},
	{"read does not imply write", {{ACCESS_GROUP, 30, RO}}, 1, 1000, 10, RO},
	{"all that are about the peer together",
	 {{ACCESS_USER, 1000, ALLOC}, {ACCESS_USER, 1001, RW}, {ACCESS_GROUP, 20, ACCESS_ADMIN}},
	 3,
	 1000,
	 10,
	 ALLOC | ACCESS_ADMIN},
	{"root, whatever the rules", {{ACCESS_USER, 7, ALLOC}}, 1, 0, 0, ACCESS_ALL},
	{"the daemon's own user", {{ACCESS_USER, 7, ALLOC}}, 1, DAEMON_UID, 10, ACCESS_ALL},
	{"the daemon's id as a group is nothing", {{ACCESS_USER, 7, ALLOC}}, 1, 8, DAEMON_UID, 0},
};

START_TEST(rights)
{
	const struct rights_case *c = &rights_cases[_i];
	struct session_peer peer = {
		.uid = c->uid, .gid = c->gid, .groups = groups, .ngroups = ARRAY_SIZE(groups)};
	unsigned got = access_rights(c->rules, c->nrules, &peer, DAEMON_UID);

	ck_assert_msg(got == c->rights, "%s: wanted %#x, got %#x", c->says, c->rights, got);
}
END_TEST

START_TEST(words)
{
	for (unsigned right = 1; right <= ACCESS_ALL; right <<= 1)
		ck_assert_uint_eq(access_right_parse(access_right_name(right)), right);
	ck_assert_uint_eq(access_right_parse("all"), ACCESS_ALL);
	ck_assert_uint_eq(access_right_parse("Alloc"), 0);
	ck_assert_uint_eq(access_right_parse(""), 0);
	ck_assert_str_eq(access_right_name(0), "unknown");
}
END_TEST

static struct region_config with_rule(const char *name, struct access_rule rule)
{
	struct region_config c = world_config(512, 512, 0);

	snprintf(c.name, sizeof(c.name), "%s", name);
	c.rules[c.nrules++] = rule;
	return c;
}

START_TEST(a_session_has_the_rights_of_its_peer)
{
	struct region_config grow = with_rule("grow",
					      (struct access_rule){ACCESS_GROUP, 30, ACCESS_GROW});
	struct region_config late = with_rule("late",
					      (struct access_rule){ACCESS_GROUP, 10, ALLOC});
	struct session_peer peer = {.uid = 1000, .gid = 10, .groups = groups, .ngroups = 2};
	struct session_peer bare = {.uid = 1000, .gid = 10, .command = "bare"};
	struct region_refusal rr;
	struct session *s, *again;
	struct world w;

	world_init(&w, 512, 512, 0);
	ck_assert_int_eq(regions_add(&w.regions, &grow), 0);
	ck_assert_int_eq(session_open(&w.regions, &peer, "x", 0, 0, &s, &rr), 0);
	ck_assert(session_may(s, w.regions.table[0], ACCESS_DEFAULT));
	ck_assert(!session_may(s, w.regions.table[0], ACCESS_GROW));
	ck_assert(!session_may(s, w.regions.table[0], ACCESS_ALLOC | ACCESS_GROW));
	ck_assert(session_may(s, w.regions.table[1], ACCESS_GROW));
	ck_assert(!session_may(s, w.regions.table[1], ACCESS_ALLOC));
	/* A region that comes later, and a resume by a process that has left the group. */
	ck_assert_int_eq(regions_add(&w.regions, &late), 0);
	ck_assert(session_may(s, w.regions.table[2], ACCESS_ALLOC));
	ck_assert(!session_may(w.c, w.regions.table[2], ACCESS_ALLOC));
	ck_assert_int_eq(session_resume(&w.regions, &bare, s->token, 0, &again), 0);
	ck_assert_ptr_eq(again, s);
	ck_assert_str_eq(s->command, "bare");
	ck_assert(!session_may(s, w.regions.table[1], ACCESS_GROW));
	world_deinit(&w);
}
END_TEST

START_TEST(free_any_is_asked_by_region)
{
	struct region_config any = with_rule(
		"any", (struct access_rule){ACCESS_USER, 1001, ACCESS_FREE_ANY});
	struct world w;

	world_init(&w, 512, 512, 0);
	ck_assert_int_eq(regions_add(&w.regions, &any), 0);
	must_take(&w, w.a, 10);
	ck_assert_int_eq(give(&w, w.c, 0, 10), REGION_E_NOT_OWNER);
	w.r = w.regions.table[1];
	must_take(&w, w.a, 10);
	ck_assert_int_eq(give(&w, w.b, 0, 10), REGION_E_NOT_OWNER);
	ck_assert_int_eq(give(&w, w.c, 0, 10), 0);
	world_deinit(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("access");
	TCase *tc = tcase_create("access");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, rights, 0, (int)ARRAY_SIZE(rights_cases));
	tcase_add_test(tc, words);
	tcase_add_test(tc, a_session_has_the_rights_of_its_peer);
	tcase_add_test(tc, free_any_is_asked_by_region);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
