/*
 * test_shape - extents that get another length, are cut and put together, or are scattered from the start
 *
 * Role:       unit tests of Resize, Split, Join and of Alloc with scatter_extents in rpc/.
 * Uses:       rpc/, region/, proto/, check
 */
#include "fixture.h"

#define PAGE(N) (BASE + (N)*UINT64_C(4096))

static const Reply *resize(uint64_t addr, uint64_t npages, int edge)
{
	Pallocd__V1__Resize m = PALLOCD__V1__RESIZE__INIT;

	m.region_id = 1;
	m.addr = addr;
	m.npages = npages;
	m.edge = (Pallocd__V1__Edge)edge;
	return call(&REQUEST(5, RESIZE, resize, &m));
}

static const Reply *split(uint64_t addr)
{
	Pallocd__V1__Split m = PALLOCD__V1__SPLIT__INIT;

	m.region_id = 1;
	m.addr = addr;
	return call(&REQUEST(6, SPLIT, split, &m));
}

static const Reply *join(uint64_t addr, uint64_t npages)
{
	Pallocd__V1__Join m = PALLOCD__V1__JOIN__INIT;

	m.region_id = 1;
	m.addr = addr;
	m.npages = npages;
	return call(&REQUEST(7, JOIN, join, &m));
}

START_TEST(resize_moves_one_edge)
{
	static const struct {
		uint64_t addr, npages;
		int edge;
		uint64_t to, scavenged;
	} steps[] = {
		{100, 10, 0, 100, 6},                       /* of 4 pages */
		{100, 3, 0, 100, 0},  {100, 10, 0, 100, 0}, /* these had memory */
		{100, 10, 0, 100, 0}, {100, 16, 1, 94, 6},  {94, 12, 1, 98, 0},
		{98, 12, 1, 98, 0},   {98, 1, 1, 109, 0},   {109, 1, 0, 109, 0},
	};

	hello();
	alloc_at(100, 4);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		resize(PAGE(steps[i].addr), steps[i].npages, steps[i].edge);
		ck_assert_msg(!f.reply->status, "step %zu: %s", i, f.reply->message);
		ck_assert_msg(f.reply->resize->addr == PAGE(steps[i].to), "step %zu: at %#llx", i,
			      (unsigned long long)f.reply->resize->addr);
		ck_assert_uint_eq(f.reply->resize->npages, steps[i].npages);
		ck_assert_msg(f.reply->resize->scavenged_npages == steps[i].scavenged,
			      "step %zu: %llu pages without memory", i,
			      (unsigned long long)f.reply->resize->scavenged_npages);
		ck_assert_uint_eq(f.regions.table[0]->used_npages, steps[i].npages);
		assert_regions();
	}
}
END_TEST

START_TEST(resize_refusals)
{
	static const struct {
		const char *name;
		uint64_t addr, npages;
		int edge;
		enum pallocd_status status;
		const char *field;
		uint64_t at;
	} cases[] = {
		{"0 pages", PAGE(100), 0, 0, PALLOCD_INVALID, "npages", 0},
		{"edge 2", PAGE(100), 5, 2, PALLOCD_INVALID, "edge", 0},
		{"edge -1", PAGE(100), 5, -1, PALLOCD_INVALID, "edge", 0},
		{"below the region", 4096, 5, 0, PALLOCD_OUT_OF_REGION, "addr", 4096},
		{"unaligned", PAGE(100) + 1, 5, 0, PALLOCD_UNALIGNED, "addr", PAGE(100) + 1},
		{"nobody's", PAGE(99), 5, 0, PALLOCD_NOT_ALLOCATED, "addr", PAGE(99)},
		{"inside", PAGE(102), 5, 0, PALLOCD_INVALID, "addr", PAGE(100)},
		{"another's", PAGE(120), 5, 0, PALLOCD_NOT_OWNER, "addr", PAGE(120)},
		{"into another's", PAGE(100), 21, 0, PALLOCD_NOT_FREE, "addr", PAGE(120)},
		{"below, into another's", PAGE(130), 15, 1, PALLOCD_NOT_FREE, "addr", PAGE(123)},
		{"not grown", PAGE(1000), 25, 0, PALLOCD_NOT_FREE, "addr", PAGE(1024)},
	};
	struct rpc_conn other;
	struct state before;

	hello();
	other_open(&other, 1001);
	conn_swap(&other);
	alloc_at(120, 4);
	conn_swap(&other);
	alloc_at(100, 4);
	alloc_at(130, 4);
	alloc_at(1000, 24);
	before = state_of(1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		resize(cases[i].addr, cases[i].npages, cases[i].edge);
		ck_assert_msg((unsigned)f.reply->status == cases[i].status, "%s: %s (%s)",
			      cases[i].name, pallocd_status_name((unsigned)f.reply->status),
			      f.reply->message);
		ck_assert_msg(!strcmp(f.reply->refusal->field, cases[i].field), "%s: field %s",
			      cases[i].name, f.reply->refusal->field);
		ck_assert_msg(!cases[i].at || f.reply->refusal->addr == cases[i].at, "%s: %#llx",
			      cases[i].name, (unsigned long long)f.reply->refusal->addr);
		assert_unchanged(1, &before);
	}
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

/* What an ended session still held does not stand in the way. */
START_TEST(ended_sessions_make_room)
{
	struct rpc_conn other;

	hello();
	other_open(&other, 1000);
	conn_swap(&other);
	alloc_at(4, 4);
	conn_swap(&other);
	alloc_at(0, 4);
	assert_refused(resize(PAGE(0), 8, 0), PALLOCD_NOT_FREE, "addr");
	rpc_conn_close(&other, SESSION_CLOSED);
	ck_assert_msg(!resize(PAGE(0), 8, 0)->status, "%s", f.reply->message);
}
END_TEST

/* A region that may grow does so under an extent that reaches its end; another one does not. */
START_TEST(resize_grows_the_region)
{
	struct region_config config = {.name = "auto",
				       .base_addr = BASE,
				       .page_size_bytes = 4096,
				       .limit_bytes = 2048 * 4096,
				       .initial_bytes = 512 * 4096,
				       .auto_grow_bytes = 4096};
	Pallocd__V1__Resize m = PALLOCD__V1__RESIZE__INIT;
	Pallocd__V1__Alloc a = PALLOCD__V1__ALLOC__INIT;

	ck_assert_int_eq(regions_add(&f.regions, &config), 0);
	hello();
	a.region_id = m.region_id = 2;
	a.npages = (uint64_t[]){510};
	a.n_npages = 1;
	ck_assert(!call(&REQUEST(1, ALLOC, alloc, &a))->status);
	m.addr = BASE;
	m.npages = 600;
	call(&REQUEST(1, RESIZE, resize, &m));
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.reply->resize->scavenged_npages, 90);
	ck_assert_uint_eq(f.regions.table[1]->grown_npages, 1024);
	m.npages = 2049;
	assert_refused(call(&REQUEST(1, RESIZE, resize, &m)), PALLOCD_OUT_OF_REGION, "addr");
	m.npages = UINT64_MAX;
	assert_refused(call(&REQUEST(1, RESIZE, resize, &m)), PALLOCD_OUT_OF_REGION, "addr");
	m.npages = 2048;
	ck_assert(!call(&REQUEST(1, RESIZE, resize, &m))->status);
	ck_assert_uint_eq(f.regions.table[1]->used_npages, 2048);
}
END_TEST

START_TEST(split_and_join)
{
	hello();
	alloc_at(10, 10);
	split(PAGE(14));
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.reply->split->addr, PAGE(10));
	ck_assert_uint_eq(f.reply->split->npages, 4);
	ck_assert_uint_eq(f.reply->split->upper_npages, 6);
	split(PAGE(19));
	ck_assert_uint_eq(f.reply->split->addr, PAGE(14));
	ck_assert_uint_eq(f.reply->split->npages, 5);
	ck_assert_uint_eq(f.reply->split->upper_npages, 1);
	ck_assert_uint_eq(f.regions.table[0]->extents.nlive, 3);
	ck_assert_uint_eq(f.regions.table[0]->used_npages, 10);
	/* One alone, then all. */
	ck_assert_uint_eq(join(PAGE(10), 4)->join->nextents, 1);
	ck_assert_uint_eq(join(PAGE(10), 10)->join->nextents, 3);
	ck_assert_uint_eq(f.regions.table[0]->extents.nlive, 1);
	ck_assert(!resize(PAGE(10), 12, 0)->status);
}
END_TEST

START_TEST(split_refusals)
{
	struct rpc_conn other;
	struct state before;

	hello();
	other_open(&other, 1001);
	alloc_at(10, 4);
	before = state_of(1);
	assert_refused(split(PAGE(10)), PALLOCD_INVALID, "addr");
	ck_assert_msg(strstr(f.reply->message, "begins at 0x10a000 already"), "%s",
		      f.reply->message);
	assert_refused(split(PAGE(14)), PALLOCD_NOT_ALLOCATED, "addr");
	assert_refused(split(PAGE(12) + 1), PALLOCD_UNALIGNED, "addr");
	assert_refused(split(PAGE(2048)), PALLOCD_OUT_OF_REGION, "addr");
	assert_refused(split(0), PALLOCD_OUT_OF_REGION, "addr");
	conn_swap(&other);
	assert_refused(split(PAGE(12)), PALLOCD_NOT_OWNER, "addr");
	conn_swap(&other);
	assert_unchanged(1, &before);
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

START_TEST(join_refusals)
{
	struct rpc_conn other;
	struct state before;

	hello();
	other_open(&other, 1001);
	alloc_at(10, 4);
	alloc_at(14, 4);
	alloc_at(20, 4);
	conn_swap(&other);
	alloc_at(24, 4);
	conn_swap(&other);
	before = state_of(1);
	assert_refused(join(PAGE(10), 0), PALLOCD_INVALID, "npages");
	assert_refused(join(PAGE(12), 6), PALLOCD_INVALID, "addr");
	ck_assert_uint_eq(f.reply->refusal->addr, PAGE(10));
	assert_refused(join(PAGE(10), 7), PALLOCD_INVALID, "addr");
	ck_assert_uint_eq(f.reply->refusal->addr, PAGE(14));
	ck_assert_msg(strstr(f.reply->message, "0x10e000"), "%s", f.reply->message);
	assert_refused(join(PAGE(10), 14), PALLOCD_NOT_ALLOCATED, "addr");
	ck_assert_uint_eq(f.reply->refusal->addr, PAGE(18));
	assert_refused(join(PAGE(20), 8), PALLOCD_NOT_OWNER, "addr");
	assert_refused(join(PAGE(24), 4), PALLOCD_NOT_OWNER, "addr");
	assert_refused(join(PAGE(10) + 1, 4), PALLOCD_UNALIGNED, "addr");
	assert_refused(join(PAGE(10), 2048), PALLOCD_OUT_OF_REGION, "addr");
	assert_refused(join(PAGE(10), UINT64_MAX), PALLOCD_OUT_OF_REGION, "addr");
	assert_unchanged(1, &before);
	/* Extents of different lifetimes have different owners. */
	alloc_n((uint64_t[]){10}, 1, PALLOCD__V1__LIFETIME__DETACHED);
	ck_assert_uint_eq(f.reply->alloc->addr[0], PAGE(0));
	assert_refused(join(PAGE(0), 14), PALLOCD_NOT_OWNER, "addr");
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

static const Reply *scatter(uint64_t *npages, size_t n, uint32_t max, Pallocd__V1__Placement *p)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	m.region_id = 1;
	m.npages = npages;
	m.n_npages = n;
	m.placement = p;
	m.scatter_extents = max;
	return call(&REQUEST(8, ALLOC, alloc, &m));
}

/* Free pages in runs of 64, eight of them; nothing else. */
static void fragment(void)
{
	for (uint64_t i = 0; i < 8; i++)
		alloc_at(i * 128, 64);
}

START_TEST(scattered_over_what_there_is)
{
	uint64_t n;

	hello();
	fragment();
	/* It fits in one: the length is told all the same. */
	n = 60;
	scatter(&n, 1, 4, NULL);
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.reply->alloc->n_addr, 1);
	ck_assert_uint_eq(f.reply->alloc->n_npages, 1);
	ck_assert_uint_eq(f.reply->alloc->npages[0], 60);
	/* Seven runs of 64 are left: 130 pages are two of them and 2 pages of another run. */
	n = 130;
	scatter(&n, 1, 3, NULL);
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.reply->alloc->n_addr, 3);
	ck_assert_uint_eq(f.reply->alloc->n_npages, 3);
	ck_assert_uint_eq(f.reply->alloc->scavenged_npages, 130);
	for (size_t i = 0; i < 3; i++)
		n -= f.reply->alloc->npages[i];
	ck_assert_uint_eq(n, 0);
	n = 130;
	assert_refused(scatter(&n, 1, 2, NULL), PALLOCD_NO_SPACE, "npages");
	ck_assert_uint_eq(f.reply->refusal->asked, 130);
	ck_assert_uint_eq(f.reply->refusal->largest_npages, 64);
	ck_assert_uint_eq(f.regions.table[0]->used_npages, 512 + 60 + 130);
	/* All that is left, and then nothing is. */
	n = 1024 - 512 - 60 - 130;
	scatter(&n, 1, PALLOCD_BATCH_EXTENTS_MAX, NULL);
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.regions.table[0]->used_npages, 1024);
	n = 1;
	assert_refused(scatter(&n, 1, 3, NULL), PALLOCD_NO_SPACE, "npages");
}
END_TEST

START_TEST(scattered_under_a_placement)
{
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	uint64_t n = 100;

	hello();
	fragment();
	p.align_npages = 8;
	p.limit_addr = PAGE(512);
	scatter(&n, 1, 8, &p);
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.reply->alloc->n_addr, 2);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(f.reply->alloc->addr[i] % (8 * 4096), 0);
		ck_assert_uint_le(f.reply->alloc->addr[i] + f.reply->alloc->npages[i] * 4096,
				  p.limit_addr);
	}
	n = 200;
	assert_refused(scatter(&n, 1, 8, &p), PALLOCD_NO_SPACE, "npages");
	ck_assert_uint_eq(f.reply->refusal->bounded_npages, 64);
	ck_assert_msg(strstr(f.reply->message, "where it may lie"), "%s", f.reply->message);
}
END_TEST

START_TEST(scatter_refusals)
{
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	uint64_t npages[] = {5, 6}, n = 5;
	struct state before;

	hello();
	fragment();
	before = state_of(1);
	assert_refused(scatter(npages, 2, 3, NULL), PALLOCD_INVALID, "scatter_extents");
	assert_refused(scatter(npages, 0, 3, NULL), PALLOCD_INVALID, "npages");
	assert_refused(scatter(&n, 1, PALLOCD_BATCH_EXTENTS_MAX + 1, NULL), PALLOCD_LIMIT,
		       "scatter_extents");
	ck_assert_uint_eq(f.reply->refusal->limit, PALLOCD_BATCH_EXTENTS_MAX);
	assert_refused(scatter(&n, 1, UINT32_MAX, NULL), PALLOCD_LIMIT, "scatter_extents");
	p.addr = PAGE(64);
	p.rule = PALLOCD__V1__RULE__FIXED;
	assert_refused(scatter(&n, 1, 2, &p), PALLOCD_INVALID, "rule");
	p.rule = PALLOCD__V1__RULE__HINT;
	assert_refused(scatter(&n, 1, 1, &p), PALLOCD_INVALID, "rule");
	p.rule = PALLOCD__V1__RULE__ANYWHERE;
	p.align_npages = 3;
	assert_refused(scatter(&n, 1, 2, &p), PALLOCD_INVALID, "align_npages");
	n = 0;
	assert_refused(scatter(&n, 1, 2, NULL), PALLOCD_INVALID, "npages");
	n = 2049;
	assert_refused(scatter(&n, 1, 2, NULL), PALLOCD_LIMIT, "npages");
	n = UINT64_MAX;
	assert_refused(scatter(&n, 1, 2, NULL), PALLOCD_LIMIT, "npages");
	assert_unchanged(1, &before);
}
END_TEST

/* The most extents that a reply can hold, at the highest addresses: it fits a frame. */
START_TEST(the_longest_scattered_reply_fits_a_frame)
{
	uint64_t high = UINT64_MAX - (UINT64_C(1) << 40) + 1;
	struct region_config config = {.name = "high",
				       .base_addr = high,
				       .page_size_bytes = 1 << 20,
				       .limit_bytes = UINT64_C(1) << 39,
				       .initial_bytes = UINT64_C(1) << 39};
	static uint64_t npages[PALLOCD_BATCH_EXTENTS_MAX];
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	ck_assert_int_eq(regions_add(&f.regions, &config), 0);
	hello();
	for (size_t i = 0; i < PALLOCD_BATCH_EXTENTS_MAX; i++)
		npages[i] = 1;
	/* One page of each 128: runs of 127 are left. */
	p.align_npages = 128;
	m.region_id = 2;
	m.npages = npages;
	m.n_npages = PALLOCD_BATCH_EXTENTS_MAX;
	m.placement = &p;
	ck_assert(!call(&REQUEST(1, ALLOC, alloc, &m))->status);
	p = (Pallocd__V1__Placement)PALLOCD__V1__PLACEMENT__INIT;
	p.limit_addr = high + (PALLOCD_BATCH_EXTENTS_MAX * UINT64_C(128) << 20);
	npages[0] = PALLOCD_BATCH_EXTENTS_MAX * UINT64_C(127);
	m.n_npages = 1;
	m.scatter_extents = PALLOCD_BATCH_EXTENTS_MAX;
	call(&REQUEST(UINT64_MAX, ALLOC, alloc, &m));
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.reply->alloc->n_addr, PALLOCD_BATCH_EXTENTS_MAX);
	ck_assert_uint_ge(f.out.n, 11 * PALLOCD_BATCH_EXTENTS_MAX);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, resize_moves_one_edge);
	tcase_add_test(tc, resize_refusals);
	tcase_add_test(tc, ended_sessions_make_room);
	tcase_add_test(tc, resize_grows_the_region);
	tcase_add_test(tc, split_and_join);
	tcase_add_test(tc, split_refusals);
	tcase_add_test(tc, join_refusals);
	tcase_add_test(tc, scattered_over_what_there_is);
	tcase_add_test(tc, scattered_under_a_placement);
	tcase_add_test(tc, scatter_refusals);
	tcase_add_test(tc, the_longest_scattered_reply_fits_a_frame);
}

int main(void)
{
	return run("shape", add_tests);
}
