/*
 * test_region - what a region grants, refuses and takes back
 *
 * Role:       unit tests of region/, each one a short story; want of memory at every point.
 * Uses:       region/, base/mem.h, check
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "world.h"

/* What is not named is 0. */
#define CONFIG(name_, base, page_size, limit, initial, auto_grow, ...)                        \
	{                                                                                     \
		.name = name_, .base_addr = base, .page_size_bytes = page_size,               \
		.limit_bytes = limit, .initial_bytes = initial, .auto_grow_bytes = auto_grow, \
		##__VA_ARGS__                                                                 \
	}

static const struct config_case {
	const char *says; /* part of the explanation; NULL: possible */
	struct region_config config;
} config_cases[] = {
	{NULL, CONFIG("a", 0, 4096, 4096, 0, 0)},
	{NULL, CONFIG("a.B_c-9", 1 << 30, 1 << 30, UINT64_C(1) << 40, 1, 1)},
	{NULL, CONFIG("a", 0, 1, UINT64_C(1) << 36, 0, 0)},
	{NULL, CONFIG("a", UINT64_MAX - 4095, 4096, 0, 0, 0)}, /* refused below: limit 0 */
	{"1 to 63", CONFIG("", 0, 4096, 4096, 0, 0)},
	{"letters", CONFIG("a b", 0, 4096, 4096, 0, 0)},
	{"letters", CONFIG("a,b", 0, 4096, 4096, 0, 0)},
	{"letters", CONFIG("a/b", 0, 4096, 4096, 0, 0)},
	{"power of two", CONFIG("a", 0, 0, 4096, 0, 0)},
	{"power of two", CONFIG("a", 0, 4095, 4096, 0, 0)},
	{"power of two", CONFIG("a", 0, UINT64_C(1) << 31, UINT64_C(1) << 31, 0, 0)},
	{"0x1000 would be", CONFIG("a", 0x1001, 4096, 4096, 0, 0)},
	{"multiple", CONFIG("a", 0, 4096, 4097, 0, 0)},
	{"2^36", CONFIG("a", 0, 1, (UINT64_C(1) << 36) + 1, 0, 0)},
	{"64-bit", CONFIG("a", UINT64_MAX - 4095, 4096, 8192, 0, 0)},
	{"above the limit", CONFIG("a", 0, 4096, 4096, 8192, 0)},
	{NULL, CONFIG("a", 4096, 4096, 1 << 20, 0, 0, .best_fit = true,
		      .holes = {{4096, 8192}, {8192, 4096}}, .nholes = 2)},
	{"does not consist",
	 CONFIG("a", 0, 4096, 1 << 20, 0, 0, .holes = {{1, 4096}}, .nholes = 1)},
	{"does not consist",
	 CONFIG("a", 0, 4096, 1 << 20, 0, 0, .holes = {{4096, 0}}, .nholes = 1)},
	{"not in the region",
	 CONFIG("a", 8192, 4096, 1 << 20, 0, 0, .holes = {{4096, 4096}}, .nholes = 1)},
	{"not in the region",
	 CONFIG("a", 0, 4096, 8192, 0, 0, .holes = {{4096, 8192}}, .nholes = 1)},
	{"not in the region",
	 CONFIG("a", 0, 4096, 8192, 0, 0, .holes = {{1 << 20, 4096}}, .nholes = 1)},
	{NULL,
	 CONFIG("a", 0, 4096, 8192, 0, 0, .death = REGION_DEATH_QUARANTINE, .quarantine_usec = 1)},
	{"of no time", CONFIG("a", 0, 4096, 8192, 0, 0, .death = REGION_DEATH_QUARANTINE)},
	{"no death policy 9", CONFIG("a", 0, 4096, 8192, 0, 0, .death = 9)},
	{NULL, CONFIG("a", 0, 4096, 8192, 0, 0, .user_bytes = 4096, .session_bytes = 1 << 20)},
	{"4095 bytes for a user", CONFIG("a", 0, 4096, 8192, 0, 0, .user_bytes = 4095)},
	{"1 bytes for a session", CONFIG("a", 0, 4096, 8192, 0, 0, .session_bytes = 1)},
	{NULL, CONFIG("a", 0, 4096, 8192, 0, 0, .low_bytes = 8192)},
	{"always be low", CONFIG("a", 0, 4096, 8192, 0, 0, .low_bytes = 8193)},
	{NULL, CONFIG("a", 0, 4096, 8192, 0, 0, .rules = {{.who = ACCESS_EVERYONE}}, .nrules = 1)},
	{"rule 2", CONFIG("a", 0, 4096, 8192, 0, 0, .rules = {{0}, {.rights = 64}}, .nrules = 2)},
	{"64 access rules", CONFIG("a", 0, 4096, 8192, 0, 0, .nrules = 65)},
};

START_TEST(configurations)
{
	const struct config_case *c = &config_cases[_i];
	bool good = !c->says && c->config.limit_bytes;
	struct region *r = NULL;
	char why[200] = "";

	ck_assert_int_eq(region_config_check(&c->config, why, sizeof(why)),
			 good ? 0 : REGION_E_CONFIG);
	if (c->says)
		ck_assert_msg(strstr(why, c->says), "wanted '%s', got '%s'", c->says, why);
	ck_assert_int_eq(region_new(&c->config, 1, &r), good ? 0 : REGION_E_CONFIG);
	ck_assert(good == (r != NULL));
	region_destroy(r);
}
END_TEST

START_TEST(what_is_configured_becomes_the_regions)
{
	struct region_config c = CONFIG(
		"a", 0, 4096, 1 << 20, 0, 0, .death = REGION_DEATH_KEEP, .quarantine_usec = 5,
		.user_bytes = 8193, .session_bytes = 8192, .user_extents = 7, .session_extents = 6,
		.low_bytes = 4097, .rules = {{ACCESS_USER, 3, ACCESS_GROW}}, .nrules = 1);
	struct region *r = NULL;

	ck_assert_int_eq(region_new(&c, 1, &r), 0);
	ck_assert_int_eq(r->death, REGION_DEATH_KEEP);
	ck_assert_uint_eq(r->quarantine_usec, 5);
	ck_assert_uint_eq(r->quota.user_npages, 3);
	ck_assert_uint_eq(r->quota.session_npages, 2);
	ck_assert_uint_eq(r->quota.user_nextents, 7);
	ck_assert_uint_eq(r->quota.session_nextents, 6);
	ck_assert_uint_eq(r->low_npages, 2);
	ck_assert_uint_eq(r->nrules, 1);
	ck_assert_uint_eq(r->rules[0].id, 3);
	region_destroy(r);
}
END_TEST

START_TEST(regions_are_found_by_id_and_name)
{
	struct region_config config = CONFIG("two", 0, 4096, 1 << 20, 0, 0);
	struct world w;

	world_init(&w, 100, 100, 0);
	ck_assert_int_eq(regions_add(&w.regions, &config), 0);
	ck_assert_int_eq(regions_add(&w.regions, &config), REGIONS_E_DUPLICATE);
	ck_assert_ptr_eq(regions_by_name(&w.regions, "two"), regions_by_id(&w.regions, 2));
	ck_assert_ptr_null(regions_by_id(&w.regions, 0));
	ck_assert_ptr_null(regions_by_id(&w.regions, 3));
	ck_assert_ptr_null(regions_by_name(&w.regions, "tw"));
	world_deinit(&w);
}
END_TEST

/* The tail of the last chunk is nobody's, and no number shows it. */
START_TEST(a_limit_inside_a_chunk_is_exact)
{
	struct world w;
	int err;

	world_init(&w, 700, 700, 0);
	ck_assert_uint_eq(w.r->grown_npages, 700);
	ck_assert_uint_eq(region_free_npages(w.r), 700);
	ck_assert_uint_eq(region_largest_npages(w.r), 700);
	ck_assert_uint_eq(must_take(&w, w.a, 700), 0);
	take(&w, &w.a->owner, 1, &err);
	ck_assert_int_eq(err, REGION_E_NO_SPACE);
	ck_assert_int_eq(give(&w, w.a, 700, 1), REGION_E_OUT_OF_REGION);
	ck_assert_int_eq(give(&w, w.a, 0, 701), REGION_E_OUT_OF_REGION);
	ck_assert_int_eq(give(&w, w.a, 0, 700), 0);
	world_deinit(&w);
}
END_TEST

START_TEST(a_region_of_one_page)
{
	struct world w;
	int err;

	world_init(&w, 1, 0, 1);
	ck_assert_uint_eq(must_take(&w, w.a, 1), 0);
	take(&w, &w.a->owner, 1, &err);
	ck_assert_int_eq(err, REGION_E_NO_SPACE);
	ck_assert_int_eq(give(&w, w.a, 0, 1), 0);
	world_deinit(&w);
}
END_TEST

START_TEST(grow_rounds_up_to_chunks_and_to_the_limit)
{
	struct region_refusal rr = {0};
	uint64_t addr, npages;
	struct world w;

	world_init(&w, 1300, 0, 0);
	ck_assert_int_eq(region_grow(w.r, 0, 0, &addr, &npages, &rr), REGION_E_EMPTY);
	ck_assert_int_eq(region_grow(w.r, 0, 1, &addr, &npages, &rr), 0);
	ck_assert_uint_eq(addr, BASE);
	ck_assert_uint_eq(npages, 512);
	ck_assert_int_eq(region_grow(w.r, 0, 789, &addr, &npages, &rr), REGION_E_LIMIT);
	ck_assert_uint_eq(rr.limit, 788);
	ck_assert_int_eq(region_grow(w.r, 0, UINT64_MAX, &addr, &npages, &rr), REGION_E_LIMIT);
	ck_assert_int_eq(region_grow(w.r, 0, 600, &addr, &npages, &rr), 0);
	ck_assert_uint_eq(addr, BASE + 512 * PAGE);
	ck_assert_uint_eq(npages, 788);
	ck_assert_uint_eq(region_growable_npages(w.r), 0);
	world_deinit(&w);
}
END_TEST

START_TEST(auto_grow_takes_its_step_or_what_is_needed)
{
	struct world w;
	int err;

	world_init(&w, 10000, 512, 1024);
	ck_assert_uint_eq(must_take(&w, w.a, 400), 0);
	/* 112 are left at the end: 200 need 88 more, the step is 1024. */
	ck_assert_uint_eq(must_take(&w, w.a, 200), 400);
	ck_assert_uint_eq(w.r->grown_npages, 512 + 1024);
	/* More than a step: what is needed, in whole chunks. 936 are free at the end. */
	ck_assert_uint_eq(must_take(&w, w.a, 5000), 600);
	ck_assert_uint_eq(w.r->grown_npages, 5632);
	/* All of the limit would not do: nothing grows. */
	take(&w, &w.a->owner, 4401, &err);
	ck_assert_int_eq(err, REGION_E_NO_SPACE);
	ck_assert_uint_eq(w.r->grown_npages, 5632);
	ck_assert_uint_eq(must_take(&w, w.a, 4400), 5600);
	ck_assert_uint_eq(w.r->grown_npages, 10000);
	world_deinit(&w);
}
END_TEST

START_TEST(no_space_has_the_numbers)
{
	struct region_refusal rr = {0};
	uint64_t npages[] = {10, 300}, addr[2], scavenged;
	struct world w;

	world_init(&w, 2048, 512, 0);
	must_take(&w, w.a, 100);
	must_take(&w, w.a, 200);
	ck_assert_int_eq(give(&w, w.a, 0, 100), 0);
	ck_assert_int_eq(region_alloc(w.r, &w.a->owner, npages, 2, NULL, addr, &scavenged, &rr),
			 REGION_E_NO_SPACE);
	ck_assert_uint_eq(rr.index, 1);
	ck_assert_uint_eq(rr.asked, 300);
	ck_assert_uint_eq(rr.free_npages, 312);
	ck_assert_uint_eq(rr.largest_npages, 212);
	ck_assert_uint_eq(rr.growable_npages, 1536);
	ck_assert_uint_eq(w.r->counters.no_space, 1);
	world_deinit(&w);
}
END_TEST

START_TEST(alloc_refuses_absurd_sizes)
{
	struct region_refusal rr = {0};
	uint64_t addr[2], scavenged;
	struct world w;

	world_init(&w, 2048, 512, 512);
	ck_assert_int_eq(
		region_alloc(w.r, &w.a->owner, (uint64_t[]){1, 0}, 2, NULL, addr, &scavenged, &rr),
		REGION_E_EMPTY);
	ck_assert_uint_eq(rr.index, 1);
	ck_assert_int_eq(region_alloc(w.r, &w.a->owner, (uint64_t[]){2049, 1}, 2, NULL, addr,
				      &scavenged, &rr),
			 REGION_E_LIMIT);
	ck_assert_uint_eq(rr.index, 0);
	ck_assert_int_eq(region_alloc(w.r, &w.a->owner, (uint64_t[]){1, UINT64_MAX}, 2, NULL, addr,
				      &scavenged, &rr),
			 REGION_E_LIMIT);
	/* Each fits, together they do not, growing included. */
	ck_assert_int_eq(region_alloc(w.r, &w.a->owner, (uint64_t[]){2048, 2048}, 2, NULL, addr,
				      &scavenged, &rr),
			 REGION_E_NO_SPACE);
	ck_assert_uint_eq(w.r->used_npages, 0);
	ck_assert_uint_eq(w.r->grown_npages, 512);
	world_deinit(&w);
}
END_TEST

/* A free that cuts: at the front, at the back, in the middle, over several extents. What is left stays owned. */
static const struct cut_case {
	uint64_t page, npages;
	uint32_t nextents; /* left of [0, 10), [10, 20), [20, 30) */
} cut_cases[] = {
	{0, 10, 2},  {0, 30, 0}, {0, 3, 3},   {7, 3, 3},   {3, 4, 4},  {5, 10, 3},
	{10, 10, 2}, {5, 20, 2}, {0, 15, 2},  {15, 15, 2}, {1, 28, 2}, {9, 1, 3},
	{0, 1, 3},   {29, 1, 3}, {11, 18, 3}, {0, 29, 1},
};

START_TEST(frees_cut)
{
	const struct cut_case *c = &cut_cases[_i];
	struct world w;

	world_init(&w, 512, 512, 0);
	for (uint64_t i = 0; i < 3; i++)
		ck_assert_uint_eq(must_take(&w, w.a, 10), 10 * i);
	ck_assert_uint_eq(must_take(&w, w.b, 10), 30);
	ck_assert_int_eq(give(&w, w.a, c->page, c->npages), 0);
	world_check(&w);
	ck_assert_uint_eq(w.r->extents.nlive, c->nextents + 1);
	ck_assert_uint_eq(w.r->used_npages, 40 - c->npages);
	for (uint64_t page = 0; page < 30; page++) {
		bool gone = page >= c->page && page < c->page + c->npages;

		ck_assert_int_eq(give(&w, w.a, page, 1), gone ? REGION_E_NOT_ALLOCATED : 0);
	}
	ck_assert_uint_eq(w.r->extents.nlive, 1);
	world_deinit(&w);
}
END_TEST

START_TEST(free_says_what_is_wrong)
{
	struct region_refusal rr;
	struct world w;
	uint64_t n = 77, shared;
	static const struct {
		uint64_t addr, npages, at;
		int outcome;
	} cases[] = {
		{BASE - PAGE, 1, BASE - PAGE, REGION_E_OUT_OF_REGION},
		{0, 1, 0, REGION_E_OUT_OF_REGION},
		{BASE + 2048 * PAGE, 1, BASE + 2048 * PAGE, REGION_E_OUT_OF_REGION},
		{UINT64_MAX, 1, UINT64_MAX, REGION_E_OUT_OF_REGION},
		{BASE, UINT64_MAX, BASE + 2048 * PAGE, REGION_E_OUT_OF_REGION},
		{BASE + PAGE, 2048, BASE + 2048 * PAGE, REGION_E_OUT_OF_REGION},
		{BASE + 1, 1, BASE + 1, REGION_E_UNALIGNED},
		{BASE, 0, BASE, REGION_E_EMPTY},
		{BASE + 1000 * PAGE, 1, BASE + 1000 * PAGE, REGION_E_NOT_ALLOCATED}, /* not grown */
		{BASE + 20 * PAGE, 1, BASE + 20 * PAGE, REGION_E_NOT_ALLOCATED},
		{BASE, 21, BASE + 10 * PAGE, REGION_E_NOT_OWNER},
		{BASE + 10 * PAGE, 1, BASE + 10 * PAGE, REGION_E_NOT_OWNER},
		{BASE + 15 * PAGE, 1, BASE + 15 * PAGE, REGION_E_NOT_OWNER},
	};

	world_init(&w, 2048, 512, 0);
	must_take(&w, w.a, 10);
	must_take(&w, w.b, 10); /* of the same user: another session's all the same */
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int got = region_free(w.r, w.a, &cases[i].addr, &cases[i].npages, 1, &n, &shared,
				      &rr);

		ck_assert_msg(got == cases[i].outcome && rr.addr == cases[i].at,
			      "case %zu: wanted %d at %#llx, got %d at %#llx", i, cases[i].outcome,
			      (unsigned long long)cases[i].at, got, (unsigned long long)rr.addr);
	}
	ck_assert_uint_eq(n, 77);
	ck_assert_uint_eq(w.r->used_npages, 20);
	world_deinit(&w);
}
END_TEST

static uint64_t at_page(uint64_t page)
{
	return BASE + page * PAGE;
}

START_TEST(a_batch_is_freed_completely_or_not_at_all)
{
	struct region_refusal rr = {0};
	uint64_t n = 77, shared;
	struct world w;
	const uint64_t twice[] = {at_page(20), at_page(0), at_page(24)}, twice_n[] = {5, 5, 1};
	const uint64_t late[] = {at_page(0), at_page(10), at_page(40)}, late_n[] = {10, 10, 1};
	const uint64_t good[] = {at_page(22), at_page(3), at_page(0), at_page(5)};
	const uint64_t good_n[] = {3, 1, 2, 13};

	world_init(&w, 2048, 512, 0);
	for (int i = 0; i < 3; i++)
		must_take(&w, w.a, 10);
	ck_assert_int_eq(region_free(w.r, w.a, twice, twice_n, 3, &n, &shared, &rr),
			 REGION_E_NOT_ALLOCATED);
	ck_assert_uint_eq(rr.index, 2);
	ck_assert_uint_eq(rr.addr, at_page(24));
	ck_assert_int_eq(region_free(w.r, w.a, late, late_n, 3, &n, &shared, &rr),
			 REGION_E_NOT_ALLOCATED);
	ck_assert_uint_eq(rr.index, 2);
	ck_assert_uint_eq(w.r->used_npages, 30);
	ck_assert_uint_eq(w.r->extents.nlive, 3);
	world_check(&w);
	/* Several cuts of one extent in one batch, one range over two extents, in no order. */
	ck_assert_int_eq(region_free(w.r, w.a, good, good_n, 4, &n, &shared, &rr), 0);
	ck_assert_uint_eq(n, 19);
	ck_assert_uint_eq(w.r->used_npages, 11);
	/* [2], [4], [18, 22) as two extents, [25, 30) */
	ck_assert_uint_eq(w.r->extents.nlive, 5);
	world_deinit(&w);
}
END_TEST

START_TEST(the_same_range_twice_in_a_batch)
{
	const uint64_t addr[] = {BASE, BASE}, npages[] = {1, 1};
	struct region_refusal rr = {0};
	struct world w;
	uint64_t n, shared;

	world_init(&w, 2048, 512, 0);
	must_take(&w, w.a, 1);
	ck_assert_int_eq(region_free(w.r, w.a, addr, npages, 2, &n, &shared, &rr),
			 REGION_E_NOT_ALLOCATED);
	ck_assert_uint_eq(rr.index, 1);
	ck_assert_uint_eq(w.r->used_npages, 1);
	world_deinit(&w);
}
END_TEST

START_TEST(a_fault_closes_this_region_only)
{
	struct region_config config = CONFIG("two", 0, 4096, 1 << 20, 1 << 20, 0);
	struct region_refusal rr = {0};
	uint64_t n, addr, one = 1, page;
	char why[200];
	struct world w;

	world_init(&w, 2048, 512, 512);
	ck_assert_int_eq(regions_add(&w.regions, &config), 0);
	page = must_take(&w, w.a, 10);
	must_take(&w, w.b, 10);
	ck_assert_int_eq(
		region_alloc(w.regions.table[1], &w.a->owner, &one, 1, NULL, &addr, &n, &rr), 0);
	/* Behind the region's back. */
	ck_assert_int_eq(pagealloc_free(w.r->pa, page + 3, 1), 0);
	ck_assert(!region_check(w.r, why, sizeof(why)));
	ck_assert_msg(strncmp(why, "R3: ", 4) == 0, "%s", why);
	ck_assert_int_eq(give(&w, w.a, page, 10), REGION_E_FAULTED);
	ck_assert(w.r->faulted);
	ck_assert_int_eq(give(&w, w.b, page + 10, 10), REGION_E_FAULTED);
	ck_assert_int_eq(region_alloc(w.r, &w.a->owner, &one, 1, NULL, &addr, &n, &rr),
			 REGION_E_FAULTED);
	ck_assert_int_eq(region_grow(w.r, 0, 1, &addr, &n, &rr), REGION_E_FAULTED);
	/* The other one goes on, also for a session that held something in both. */
	world_end(w.a);
	ck_assert(regions_reclaim(&w.regions, UINT32_MAX, 0));
	ck_assert_uint_eq(w.regions.table[1]->used_npages, 0);
	ck_assert_uint_eq(w.r->used_npages, 20);
	regions_deinit(&w.regions);
}
END_TEST

static void count_line(void *ctx, const char *line)
{
	ck_assert_ptr_nonnull(line);
	++*(unsigned *)ctx;
}

START_TEST(a_dump_shows_extents)
{
	unsigned nlines = 0;
	struct world w;

	world_init(&w, 2048, 512, 0);
	must_take(&w, w.a, 10);
	region_dump(w.r, count_line, &nlines);
	ck_assert_uint_ge(nlines, 4);
	world_deinit(&w);
}
END_TEST

/* The n-th taking of memory fails, for each n until none does: refused, and nothing has changed. */
static int step_alloc(struct world *w)
{
	static const uint64_t npages[] = {600, 3, 500};
	struct region_refusal rr;
	uint64_t addr[3], scavenged;

	return region_alloc(w->r, &w->a->owner, npages, 3, NULL, addr, &scavenged, &rr);
}

static int step_cut(struct world *w)
{
	static uint64_t addr[3000], npages[3000];
	struct region_refusal rr;
	uint64_t n, shared;

	/* From the top down, so that the order must be sorted; each one leaves two extents of one. */
	for (uint64_t i = 0; i < 3000; i++) {
		addr[i] = at_page(3 * (3000 - i) - 1);
		npages[i] = 1;
	}
	return region_free(w->r, w->a, addr, npages, 3000, &n, &shared, &rr);
}

static int step_user(struct world *w)
{
	struct user *user;

	return regions_user(&w->regions, 1234, &user);
}

static int step_session(struct world *w)
{
	struct session_peer peer = {.uid = 1000};
	struct region_refusal rr;
	struct session *s;

	return session_open(&w->regions, &peer, "late", 0, 0, &s, &rr);
}

static int step_region(struct world *w)
{
	struct region_config config = CONFIG("two", 0, 4096, 1 << 30, 1 << 20, 0, .nrules = 1);

	return regions_add(&w->regions, &config);
}

static const struct {
	int (*step)(struct world *w);
	uint64_t prepared; /* pages taken beforehand */
	long fails_min;
} memory_cases[] = {
	{step_alloc, 0, 3},   {step_cut, 9001, 2}, {step_user, 0, 1},
	{step_session, 0, 2}, {step_region, 0, 9},
};

START_TEST(without_memory_nothing_changes)
{
	uint64_t used;
	uint32_t nextents, nregions;
	struct world w;
	int err;
	long n;

	world_init(&w, 20000, 512, 512);
	if (memory_cases[_i].prepared)
		must_take(&w, w.a, memory_cases[_i].prepared);
	used = w.r->used_npages;
	nextents = w.r->extents.nlive;
	nregions = w.regions.n;
	for (n = 0;; n++) {
		mem_fail_after(n);
		err = memory_cases[_i].step(&w);
		mem_fail_after(-1);
		world_check(&w);
		if (!err)
			break;
		ck_assert_int_eq(err, -ENOMEM);
		ck_assert_uint_eq(w.r->used_npages, used);
		ck_assert_uint_eq(w.r->extents.nlive, nextents);
		ck_assert_uint_eq(w.regions.n, nregions);
	}
	ck_assert_int_ge(n, memory_cases[_i].fails_min);
	world_deinit(&w);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_loop_test(tc, configurations, 0, (int)ARRAY_SIZE(config_cases));
	tcase_add_test(tc, what_is_configured_becomes_the_regions);
	tcase_add_test(tc, regions_are_found_by_id_and_name);
	tcase_add_test(tc, a_limit_inside_a_chunk_is_exact);
	tcase_add_test(tc, a_region_of_one_page);
	tcase_add_test(tc, grow_rounds_up_to_chunks_and_to_the_limit);
	tcase_add_test(tc, auto_grow_takes_its_step_or_what_is_needed);
	tcase_add_test(tc, no_space_has_the_numbers);
	tcase_add_test(tc, alloc_refuses_absurd_sizes);
	tcase_add_loop_test(tc, frees_cut, 0, (int)ARRAY_SIZE(cut_cases));
	tcase_add_test(tc, free_says_what_is_wrong);
	tcase_add_test(tc, a_batch_is_freed_completely_or_not_at_all);
	tcase_add_test(tc, the_same_range_twice_in_a_batch);
	tcase_add_test(tc, a_fault_closes_this_region_only);
	tcase_add_test(tc, a_dump_shows_extents);
	tcase_add_loop_test(tc, without_memory_nothing_changes, 0, (int)ARRAY_SIZE(memory_cases));
}

int main(void)
{
	Suite *suite = suite_create("region");
	TCase *tc = tcase_create("region");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
