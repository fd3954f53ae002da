/*
 * test_findings - Check, and Frees of what somebody is known to own
 *
 * Role:       tests what is found wrong in regions and, by a store that says so, in what is written; who is told; and that nothing is freed that is
 *             not what the client takes it for.
 */
#include "tests/unit/fake_store.h"
#include "tests/unit/rpc/fixture.h"

static Reply *check(uint32_t region, const char *name)
{
	Pallocd__V1__Check m = PALLOCD__V1__CHECK__INIT;

	m.region_id = region;
	m.region = (char *)name;
	return call(&REQUEST(8, CHECK, check, &m));
}

static void kept_make(const char *name)
{
	struct region_config config = {
		.base_addr = BASE,
		.page_size_bytes = 4096,
		.limit_bytes = 2048 * 4096,
		.initial_bytes = 1024 * 4096,
		.durability = REGION_DURABILITY_PROCESS,
		RULES,
	};

	snprintf(config.name, sizeof(config.name), "%s", name);
	ck_assert_int_eq(regions_add(&f.regions, &config), 0);
}

/* Regions r, which is kept nowhere, p and q. */
static void begin(void)
{
	kept_make("p");
	kept_make("q");
	f.rpc.store = fake_store_make(&f.regions);
	hello();
	alloc_n((uint64_t[]){3, 5}, 2, 0);
	ck_assert_uint_eq(rpc_commit(&f.rpc), 0);
}

static void end(void)
{
	f.rpc.store = NULL;
}

static void assert_found(uint64_t n, const char *first)
{
	const Pallocd__V1__CheckReply *reply = f.reply->check;

	assert_ok(f.reply);
	ck_assert_uint_eq(reply->nfindings, n);
	ck_assert_uint_eq(reply->n_findings, n);
	if (n)
		ck_assert_msg(strstr(reply->findings[0], first), "'%s' is not in: %s", first,
			      reply->findings[0]);
}

START_TEST(what_is_sound_has_no_findings)
{
	begin();
	check(0, "");
	assert_found(0, NULL);
	ck_assert_uint_eq(f.reply->check->nregions, 3);
	ck_assert(f.reply->check->store_compared);
	ck_assert_uint_eq(fake->nchecks, 1);
	check(0, "p");
	assert_found(0, NULL);
	ck_assert_uint_eq(f.reply->check->nregions, 1);
	ck_assert(f.reply->check->store_compared);
	end();
}
END_TEST

START_TEST(what_is_kept_nowhere_is_not_compared)
{
	begin();
	fake->findings[0] = "region r: is not written";
	check(1, "");
	assert_found(0, NULL);
	ck_assert(!f.reply->check->store_compared);
	ck_assert_uint_eq(fake->nchecks, 0);
	f.rpc.store = NULL;
	check(0, "");
	assert_found(0, NULL);
	ck_assert(!f.reply->check->store_compared);
}
END_TEST

START_TEST(a_region_that_is_wrong_is_told_and_closes_itself)
{
	struct region *r = f.regions.table[0];

	begin();
	r->used_npages++;
	check(1, "");
	assert_found(1, "region r: R");
	ck_assert(r->faulted);
	ck_assert_ptr_nonnull(strstr(f.reply->check->findings[0], r->fault));
	check(1, "");
	assert_found(1, "region r: is closed: ");
	ck_assert(!f.regions.table[1]->faulted);
	/* The test's end recounts. */
	r->used_npages--;
	r->faulted = false;
	end();
}
END_TEST

START_TEST(users_that_are_wrong_are_told)
{
	begin();
	for (uint32_t i = 0; i < 3; i++)
		f.main.session->rights[i] = ACCESS_ALL;
	f.main.session->owner.user->nsessions++;
	check(0, "");
	assert_found(1, "users and sessions: ");
	for (uint32_t i = 0; i < 3; i++)
		ck_assert(!f.regions.table[i]->faulted);
	f.main.session->owner.user->nsessions--;
	end();
}
END_TEST

START_TEST(what_is_written_otherwise_closes_nothing)
{
	begin();
	fake->findings[0] = "region p, extent 0x1000: is not written";
	check(2, "");
	assert_found(1, "region p, extent 0x1000: is not written");
	ck_assert(!f.regions.table[1]->faulted);
	end();
}
END_TEST

/* Of other regions and of sessions nothing, but what is about the store itself. */
START_TEST(a_region_is_told_its_own_lines)
{
	begin();
	fake->findings[0] = "region pp: is not written";
	fake->findings[1] = "region q: is not written";
	fake->findings[2] = "session 5: is written differently";
	fake->findings[3] = "sessions: 3 of 4 are written";
	fake->findings[4] = "what has changed cannot be written: No space left on device";
	fake->findings[5] = "region p: is not written";
	kept_make("pp");
	f.main.session->rights[3] = 0;
	check(0, "p");
	assert_found(2, "what has changed cannot be written: No space");
	ck_assert_str_eq(f.reply->check->findings[1], "region p: is not written");
	check(0, "");
	assert_found(5, "region q: is not written");
	end();
}
END_TEST

START_TEST(nobody_is_told_of_what_is_not_his)
{
	begin();
	fake->findings[0] = "region p: is not written";
	fake->findings[1] = "region q: is not written";
	f.main.session->rights[0] = f.main.session->rights[1] = ACCESS_ALL ^ ACCESS_ADMIN;
	assert_refused(check(0, "p"), PALLOCD_DENIED, "admin");
	check(0, "");
	assert_found(1, "region q: is not written");
	ck_assert_uint_eq(f.reply->check->nregions, 1);
	ck_assert(!f.reply->check->sees_sessions);
	f.main.session->rights[2] = ACCESS_ALL ^ ACCESS_ADMIN;
	assert_refused(check(0, ""), PALLOCD_DENIED, "admin");
	assert_says("in any region");
	end();
}
END_TEST

START_TEST(the_list_is_cut_and_all_are_counted)
{
	char line[1000];

	begin();
	memset(line, 'x', sizeof(line));
	memcpy(line, "region p: \xc3\xa4", strlen("region p: \xc3\xa4"));
	line[sizeof(line) - 1] = '\0';
	fake->findings[0] = line;
	fake->nrepeat = 1000;
	check(0, "p");
	assert_ok(f.reply);
	ck_assert_uint_eq(f.reply->check->nfindings, 1000);
	ck_assert_uint_eq(f.reply->check->n_findings, PALLOCD_FINDINGS_MAX);
	ck_assert_int_eq(strncmp(f.reply->check->findings[99], "region p: ??x", 13), 0);
	end();
}
END_TEST

START_TEST(nothing_of_that_name)
{
	begin();
	assert_refused(check(9, ""), PALLOCD_NO_REGION, "region_id");
	assert_refused(check(0, "x"), PALLOCD_NO_REGION, "region");
	end();
}
END_TEST

/* Free of what @session and @uid have, in @n ranges of region 1. */
static Reply *free_owned(uint64_t *addr, uint64_t *npages, uint64_t *session, uint32_t *uid,
			 size_t n)
{
	Pallocd__V1__Free m = PALLOCD__V1__FREE__INIT;

	m.region_id = 1;
	m.addr = addr;
	m.npages = npages;
	m.owner_session = session;
	m.owner_uid = uid;
	m.n_addr = m.n_npages = n;
	m.n_owner_session = session ? n : 0;
	m.n_owner_uid = uid ? n : 0;
	return call(&REQUEST(3, FREE, free, &m));
}

START_TEST(what_is_as_it_is_taken_for_is_freed)
{
	uint64_t own, addr[2] = {BASE, BASE + 3 * 4096}, npages[2] = {3, 5};

	hello();
	own = f.main.session->id;
	alloc_n((uint64_t[]){3}, 1, PALLOCD__V1__LIFETIME__SESSION);
	alloc_n((uint64_t[]){5}, 1, PALLOCD__V1__LIFETIME__DETACHED);
	assert_ok(free_owned(addr, npages, (uint64_t[]){own, 0}, (uint32_t[]){1000, 1000}, 2));
	ck_assert_uint_eq(f.reply->free->npages, 8);
}
END_TEST

START_TEST(what_is_another_ones_or_not_whole_is_not_freed)
{
	uint64_t own, addr[2] = {BASE, BASE + 3 * 4096};
	struct state before;

	hello();
	own = f.main.session->id;
	alloc_n((uint64_t[]){3, 5}, 2, PALLOCD__V1__LIFETIME__SESSION);
	before = state_of(1);
	static const struct {
		uint64_t at, npages;
		int64_t session;
		uint32_t uid;
	} cases[] = {
		{3, 4, 0, 1000},  {3, 6, 0, 1000}, {4, 4, 0, 1000},  {3, 5, 1, 1000},
		{3, 5, -1, 1000}, {3, 5, 0, 1001}, {99, 5, 0, 1000}, {5000, 1, 0, 1000},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		addr[1] = BASE + cases[i].at * 4096;
		free_owned(addr, (uint64_t[]){3, cases[i].npages},
			   (uint64_t[]){own, cases[i].session < 0
						     ? 0
						     : own + (uint64_t)cases[i].session},
			   (uint32_t[]){1000, cases[i].uid}, 2);
		assert_refused(f.reply, PALLOCD_NOT_OWNER, "addr");
		ck_assert_uint_eq(f.reply->refusal->index, 1);
		ck_assert_uint_eq(f.reply->refusal->addr, addr[1]);
		assert_unchanged(1, &before);
	}
}
END_TEST

START_TEST(each_range_has_an_owner_or_none_has)
{
	uint64_t addr[] = {BASE}, npages[] = {3};
	struct state before;

	hello();
	alloc_n((uint64_t[]){3}, 1, PALLOCD__V1__LIFETIME__SESSION);
	before = state_of(1);
	assert_refused(free_owned(addr, npages, (uint64_t[]){1}, NULL, 1), PALLOCD_INVALID,
		       "owner_uid");
	assert_refused(free_owned(addr, npages, NULL, (uint32_t[]){1000}, 1), PALLOCD_INVALID,
		       "owner_session");
	assert_unchanged(1, &before);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, what_is_sound_has_no_findings);
	tcase_add_test(tc, what_is_kept_nowhere_is_not_compared);
	tcase_add_test(tc, a_region_that_is_wrong_is_told_and_closes_itself);
	tcase_add_test(tc, users_that_are_wrong_are_told);
	tcase_add_test(tc, what_is_written_otherwise_closes_nothing);
	tcase_add_test(tc, a_region_is_told_its_own_lines);
	tcase_add_test(tc, nobody_is_told_of_what_is_not_his);
	tcase_add_test(tc, the_list_is_cut_and_all_are_counted);
	tcase_add_test(tc, nothing_of_that_name);
	tcase_add_test(tc, what_is_as_it_is_taken_for_is_freed);
	tcase_add_test(tc, what_is_another_ones_or_not_whole_is_not_freed);
	tcase_add_test(tc, each_range_has_an_owner_or_none_has);
}

int main(void)
{
	return run("findings", add);
}
