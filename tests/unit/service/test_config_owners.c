/*
 * test_config_owners - the keys about users, sessions, access and quotas
 *
 * Role:       unit tests of service/: good and bad values of each, and what only several of them together can tell.
 * Uses:       service/, check
 */
#include "base/duration.h"
#include "tests/unit/service/fixture.h"
#include "tests/unit/suite.h"

#define RULES8                                                                        \
	"Allow=1:alloc\nAllow=2:alloc\nAllow=3:alloc\nAllow=4:alloc\nAllow=5:alloc\n" \
	"Allow=6:alloc\nAllow=7:alloc\nAllow=8:alloc\n"
#define RULES64 RULES8 RULES8 RULES8 RULES8 RULES8 RULES8 RULES8 RULES8

static const struct bad_case bad_cases[] = {
	{"[Region a]\n" L "Death=\n", 3, "use free, keep or quarantine"},
	{"[Region a]\n" L "Death=Free\n", 3, "use free, keep or quarantine"},
	{"[Region a]\n" L "Death=keep\nDeath=keep\n", 4, "set twice"},
	{"[Region a]\n" L "Death=quarantine\n", 1, "add Quarantine=TIME"},
	{"[Region a]\n" L "Quarantine=10s\n", 1, "add Death=quarantine"},
	{"[Region a]\n" L "Death=keep\nQuarantine=10s\n", 1, "add Death=quarantine"},
	{"[Region a]\n" L "Quarantine=\n", 3, "is no time: write seconds"},
	{"[Region a]\n" L "Quarantine=0\n", 3, "no time at all"},
	{"[Region a]\n" L "Quarantine=1h 30\n", 3, "such as 500ms or 1h 30min"},
	{"[Region a]\n" L "Quarantine=1.5s\n", 3, "is no time"},
	{"[Region a]\n" L "Quarantine=99999999999999999999\n", 3, "64 bits"},
	{"[Region a]\n" L "Allow=root\n", 3, "such as @video:alloc or *:attach-ro"},
	{"[Region a]\n" L "Allow=:alloc\n", 3, "does not say who"},
	{"[Region a]\n" L "Allow=@:alloc\n", 3, "does not say who"},
	{"[Region a]\n" L "Allow=root:\n", 3, "'' is no right"},
	{"[Region a]\n" L "Allow=root:alloc,\n", 3, "'' is no right"},
	{"[Region a]\n" L "Allow=root:alloc,,grow\n", 3, "'' is no right"},
	{"[Region a]\n" L "Allow=root:Alloc\n", 3,
	 "use alloc, attach-ro, attach-rw, free-any, grow, "
	 "admin or all"},
	{"[Region a]\n" L "Allow=root:alloc:grow\n", 3, "'alloc:grow' is no right"},
	{"[Region a]\n" L "Allow=no-such-user:alloc\n", 3, "there is no user 'no-such-user'"},
	{"[Region a]\n" L "Allow=@no-such-group:alloc\n", 3, "there is no group 'no-such-group'"},
	{"[Region a]\n" L "Allow=**:alloc\n", 3, "there is no user '**'"},
	{"[Region a]\n" L "Allow=@*:alloc\n", 3, "there is no group '*'"},
	{"[Region a]\n" L "Allow=4294967295:alloc\n", 3, "no number of a user"},
	{"[Region a]\n" L "Allow=@4294967295:alloc\n", 3, "no number of a group"},
	{"[Region a]\n" L "Allow=12x:alloc\n", 3, "from 0 to 4294967294"},
	{"[Region a]\n" L RULES64 "Allow=*:alloc\n", 67, "has 64 rules in Allow= already"},
	{"[Region a]\n" L "QuotaUser=0\n", 3, "or infinity for no limit"},
	{"[Region a]\n" L "QuotaUser=1X\n", 3, "is no size"},
	{"[Region a]\n" L "QuotaUser=1K\n", 1, "less than one page"},
	{"[Region a]\n" L "QuotaSession=Infinity\n", 3, "is no size"},
	{"[Region a]\n" L "QuotaSession=1\n", 1, "less than one page"},
	{"[Region a]\n" L "QuotaUserExtents=0\n", 3, "from 1 to 4294967295, or infinity"},
	{"[Region a]\n" L "QuotaUserExtents=1K\n", 3, "from 1 to 4294967295, or infinity"},
	{"[Region a]\n" L "QuotaSessionExtents=4294967296\n", 3, "from 1 to 4294967295"},
	{"[Region a]\n" L "QuotaSessionExtents=-1\n", 3, "from 1 to 4294967295"},
	{"[Region a]\n" L "LowSpace=\n", 3, "is no size"},
	{"[Region a]\n" L "LowSpace=%\n", 3, "write 0% to 100%, or a size"},
	{"[Region a]\n" L "LowSpace=101%\n", 3, "write 0% to 100%"},
	{"[Region a]\n" L "LowSpace=1.5%\n", 3, "write 0% to 100%"},
	{"[Region a]\n" L "LowSpace=000000010%\n", 3, "write 0% to 100%"},
	{"[Region a]\n" L "LowSpace=2M\n", 1, "space would always be low"},
	{"[Daemon]\nUserSessions=0\n[Region a]\n" L, 2, "or infinity for no limit"},
	{"[Daemon]\nUserConnections=x\n[Region a]\n" L, 2, "from 1 to 4294967295, or infinity"},
	{"[Daemon]\nUserWaiting=\n[Region a]\n" L, 2, "from 1 to 4294967295, or infinity"},
	{"[Daemon]\nUserWaiting=1\nUserWaiting=1\n[Region a]\n" L, 3, "set twice"},
	{"[Daemon]\nUserQueuedBytes=many\n[Region a]\n" L, 2, "is no size"},
	{"[Daemon]\nUserQueuedBytes=1023K\n[Region a]\n" L, 2, "at least 1M, or infinity"},
	{"[Daemon]\nHelloTimeout=0\n[Region a]\n" L, 2, "no time at all"},
	{"[Daemon]\nHelloTimeout=infinity\n[Region a]\n" L, 2, "a time from 1ms to 1d"},
	{"[Daemon]\nFrameTimeout=999us\n[Region a]\n" L, 2, "a time from 1ms to 1d"},
	{"[Daemon]\nFrameTimeout=soon\n[Region a]\n" L, 2, "is no time"},
	{"[Region a]\n" L "Durability=\n", 3, "use none (as long as the daemon), process"},
	{"[Region a]\n" L "Durability=Machine\n", 3,
	 "process (until the system goes down) or machine"},
	{"[Region a]\n" L "Durability=none\nDurability=none\n", 4, "set twice"},
	{"[Daemon]\nStoreDirectory=store\n[Region a]\n" L, 2, "no absolute path: begin it with /"},
	{"[Daemon]\nStateDirectory=\n[Region a]\n" L, 2, "no absolute path"},
	{"[Daemon]\nRestartGrace=0\n[Region a]\n" L, 2, "no time at all"},
	{"[Daemon]\nRestartGrace=2d\n[Region a]\n" L, 2, "a time from 1ms to 1d"},
	{"[Daemon]\nSendTimeout=1d 1ms\n[Region a]\n" L, 2, "a time from 1ms to 1d"},
	{"[Daemon]\nSendTimeout=99999999999999999999\n[Region a]\n" L, 2, "64 bits"},
};

START_TEST(mistakes_name_place_and_remedy)
{
	assert_bad(&bad_cases[_i]);
}
END_TEST

static const struct bad_option bad_options[] = {
	{"a,limit=1M,death=never", NULL, "death=never is not what can become"},
	{"a,limit=1M,death=quarantine", NULL, "quarantine=TIME"},
	{"a,limit=1M,quarantine=1s", NULL, "add death=quarantine"},
	{"a,limit=1M,allow=1:alloc,grow", NULL, "'grow' has no value"},
	{"a,limit=1M,allow=1:alloc+fly", NULL, "'fly' is no right"},
	{"a,limit=1M,quota-user=0", NULL, "quota-user=0 is too little"},
};

START_TEST(wrong_region_options)
{
	assert_bad_option(&bad_options[_i]);
}
END_TEST

/* One value of each key about users, sessions and quotas, at once. */
START_TEST(owners_are_read)
{
	static const char text[] = "[Daemon]\n"
				   "UserSessions=10\n"
				   "UserConnections=0x10\n"
				   "UserWaiting=infinity\n"
				   "UserQueuedBytes=2M\n"
				   "HelloTimeout=1500ms\n"
				   "FrameTimeout=5\n"
				   "SendTimeout=1min 30s\n"
				   "[Region a]\n"
				   "LowSpace=10%\n"
				   "Limit=1G\n"
				   "Death=quarantine\n"
				   "Quarantine=1h 30min\n"
				   "QuotaUser=64M\n"
				   "QuotaSession=4096\n"
				   "QuotaUserExtents=1000\n"
				   "QuotaSessionExtents=1\n"
				   "[Region b]\n"
				   "Limit=1G\n"
				   "LowSpace=16M\n"
				   "Death=quarantine\n"
				   "Quarantine=infinity\n"
				   "QuotaUser=infinity\n"
				   "QuotaUserExtents=infinity\n"
				   "QuotaSessionExtents=infinity\n";
	const struct region_config *a, *b;
	struct config c;

	ck_assert_int_eq(load(&c, text, sizeof(text) - 1, NULL, 0), 0);
	ck_assert_uint_eq(c.user_limits.sessions, 10);
	ck_assert_uint_eq(c.user_limits.connections, 16);
	ck_assert_uint_eq(c.user_limits.waiting, 0);
	ck_assert_uint_eq(c.user_limits.queued_bytes, 2 << 20);
	ck_assert_uint_eq(c.hello_timeout_msec, 1500);
	ck_assert_uint_eq(c.frame_timeout_msec, 5000);
	ck_assert_uint_eq(c.send_timeout_msec, 90000);
	a = &c.regions[0].config;
	ck_assert_int_eq(a->death, REGION_DEATH_QUARANTINE);
	ck_assert_uint_eq(a->quarantine_usec, 5400000000);
	ck_assert_uint_eq(a->low_bytes, 107374182);
	ck_assert_uint_eq(a->user_bytes, 64 << 20);
	ck_assert_uint_eq(a->session_bytes, 4096);
	ck_assert_uint_eq(a->user_extents, 1000);
	ck_assert_uint_eq(a->session_extents, 1);
	b = &c.regions[1].config;
	ck_assert_uint_eq(b->quarantine_usec, DURATION_INFINITY);
	ck_assert_uint_eq(b->low_bytes, 16 << 20);
	ck_assert_uint_eq(b->user_bytes, 0);
	ck_assert_uint_eq(b->user_extents, UINT32_MAX);
	ck_assert_uint_eq(b->session_extents, UINT32_MAX);
	config_deinit(&c);
}
END_TEST

static const struct rule_case {
	const char *text;
	struct access_rule rule;
} rule_cases[] = {
	{"*:alloc", {ACCESS_EVERYONE, 0, ACCESS_ALLOC}},
	{"root:alloc", {ACCESS_USER, 0, ACCESS_ALLOC}},
	{"@root:alloc", {ACCESS_GROUP, 0, ACCESS_ALLOC}},
	{"0:attach-ro", {ACCESS_USER, 0, ACCESS_ATTACH_RO}},
	{"1000:attach-rw", {ACCESS_USER, 1000, ACCESS_ATTACH_RW}},
	{"@1000:free-any", {ACCESS_GROUP, 1000, ACCESS_FREE_ANY}},
	{"4294967294:grow", {ACCESS_USER, 4294967294, ACCESS_GROW}},
	{"*:admin", {ACCESS_EVERYONE, 0, ACCESS_ADMIN}},
	{"*:all", {ACCESS_EVERYONE, 0, ACCESS_ALL}},
	{"7:alloc,grow", {ACCESS_USER, 7, ACCESS_ALLOC | ACCESS_GROW}},
	{"7:alloc+grow", {ACCESS_USER, 7, ACCESS_ALLOC | ACCESS_GROW}},
	{" @7 : alloc ,\tgrow ", {ACCESS_GROUP, 7, ACCESS_ALLOC | ACCESS_GROW}},
	{"7:alloc,alloc", {ACCESS_USER, 7, ACCESS_ALLOC}},
};

START_TEST(rules_are_read)
{
	const struct rule_case *r = &rule_cases[_i];
	const struct access_rule *got;
	struct config c;
	char text[80];

	snprintf(text, sizeof(text), "[Region a]\n" L "Allow=9:all\nAllow=%s\n", r->text);
	ck_assert_int_eq(load(&c, text, strlen(text), NULL, 0), 0);
	ck_assert_uint_eq(c.regions[0].config.nrules, 2);
	got = &c.regions[0].config.rules[1];
	ck_assert_msg(
		got->who == r->rule.who && got->id == r->rule.id && got->rights == r->rule.rights,
		"%s: got who %d, id %u, rights %#x", r->text, (int)got->who, got->id, got->rights);
	config_deinit(&c);
}
END_TEST

START_TEST(as_many_rules_as_there_may_be)
{
	static const char text[] = "[Region a]\n" L RULES64;
	const char *regions[] = {"a,allow=1:grow,limit=1M,allow=@2:alloc+admin"};
	struct config c;

	ck_assert_int_eq(load(&c, text, sizeof(text) - 1, NULL, 0), 0);
	ck_assert_uint_eq(c.regions[0].config.nrules, ACCESS_RULES_MAX);
	config_deinit(&c);
	/* Those of an option go in place of those of the file. */
	ck_assert_int_eq(load(&c, text, sizeof(text) - 1, regions, 1), 0);
	ck_assert_uint_eq(c.regions[0].config.nrules, 2);
	ck_assert_uint_eq(c.regions[0].config.rules[0].rights, ACCESS_GROW);
	ck_assert_uint_eq(c.regions[0].config.rules[1].rights, ACCESS_ALLOC | ACCESS_ADMIN);
	config_deinit(&c);
}
END_TEST

/* What belongs together is looked at when both places are read. */
START_TEST(options_and_file_come_together)
{
	static const char text[] = "[Region a]\nLimit=1M\nDeath=quarantine\nQuarantine=5s\n"
				   "LowSpace=50%\nQuotaUser=8K\n";
	const char *other[] = {"a,death=free,limit=2M,quota-user=infinity"};
	const char *longer[] = {"a,quarantine=1d,low-space=4K"};
	const char *both[] = {"a,death=keep,quarantine=1d"};
	struct config c;

	ck_assert_int_eq(load(&c, text, sizeof(text) - 1, other, 1), 0);
	ck_assert_int_eq(c.regions[0].config.death, REGION_DEATH_FREE);
	ck_assert_uint_eq(c.regions[0].config.quarantine_usec, 0);
	ck_assert_uint_eq(c.regions[0].config.low_bytes, 1 << 20);
	ck_assert_uint_eq(c.regions[0].config.user_bytes, 0);
	config_deinit(&c);
	ck_assert_int_eq(load(&c, text, sizeof(text) - 1, longer, 1), 0);
	ck_assert_uint_eq(c.regions[0].config.quarantine_usec, 86400000000);
	ck_assert_uint_eq(c.regions[0].config.low_bytes, 4096);
	config_deinit(&c);
	log_capture();
	ck_assert_int_eq(load(&c, text, sizeof(text) - 1, both, 1), CONFIG_E_BAD);
	ck_assert_msg(strstr(log_text(), "add death=quarantine"), "%s", log_text());
	config_deinit(&c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_owners");
	TCase *tc = tcase_create("config_owners");

	tcase_add_loop_test(tc, mistakes_name_place_and_remedy, 0, (int)ARRAY_SIZE(bad_cases));
	tcase_add_loop_test(tc, wrong_region_options, 0, (int)ARRAY_SIZE(bad_options));
	tcase_add_test(tc, owners_are_read);
	tcase_add_loop_test(tc, rules_are_read, 0, (int)ARRAY_SIZE(rule_cases));
	tcase_add_test(tc, as_many_rules_as_there_may_be);
	tcase_add_test(tc, options_and_file_come_together);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
