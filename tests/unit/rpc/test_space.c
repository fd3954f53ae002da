/*
 * test_space - the address space of a region: grown anywhere, taken out, drained, reserved
 *
 * Role:       unit tests of Grow with an address, Shrink, Drain and Reserve in rpc/, and of what is told about them.
 * Uses:       rpc/, region/, proto/, check
 */
#include "fixture.h"

#define PAGE(N) (BASE + (N)*UINT64_C(4096))

static const Reply *grow(uint64_t addr, uint64_t npages)
{
	Pallocd__V1__Grow m = PALLOCD__V1__GROW__INIT;

	m.region_id = 1;
	m.addr = addr;
	m.npages = npages;
	return call(&REQUEST(5, GROW, grow, &m));
}

static const Reply *shrink(uint64_t addr, uint64_t npages)
{
	Pallocd__V1__Shrink m = PALLOCD__V1__SHRINK__INIT;

	m.region_id = 1;
	m.addr = addr;
	m.npages = npages;
	return call(&REQUEST(6, SHRINK, shrink, &m));
}

static const Reply *drain(uint64_t addr, uint64_t npages, bool undo)
{
	Pallocd__V1__Drain m = PALLOCD__V1__DRAIN__INIT;

	m.region_id = 1;
	m.addr = addr;
	m.npages = npages;
	m.undo = undo;
	return call(&REQUEST(7, DRAIN, drain, &m));
}

static const Reply *reserve(uint32_t id, uint64_t addr, uint64_t npages, bool undo)
{
	Pallocd__V1__Reserve m = PALLOCD__V1__RESERVE__INIT;

	m.region_id = id;
	m.addr = addr;
	m.npages = npages;
	m.undo = undo;
	return call(&REQUEST(8, RESERVE, reserve, &m));
}

static const Pallocd__V1__RegionInfoReply *info(uint32_t id)
{
	Pallocd__V1__RegionInfo m = PALLOCD__V1__REGION_INFO__INIT;

	m.region_id = id;
	return call(&REQUEST(9, REGION_INFO, region_info, &m))->region_info;
}

static const Pallocd__V1__RegionStat *stat_of(uint32_t id)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;

	m.region_id = id;
	return call(&REQUEST(10, STAT, stat, &m))->stat->region;
}

/* Region 1 has 1024 of 2048 pages. */
START_TEST(grow_where_it_is_told)
{
	const Pallocd__V1__RegionInfoReply *i;
	Pallocd__V1__Map m = PALLOCD__V1__MAP__INIT;

	hello();
	grow(PAGE(1536), 100);
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.reply->grow->addr, PAGE(1536));
	ck_assert_uint_eq(f.reply->grow->npages, 512);
	ck_assert_uint_eq(f.reply->grow->grown_npages, 1536);
	i = info(1);
	ck_assert_uint_eq(i->nranges, 2);
	ck_assert_uint_eq(i->range_addr[1], PAGE(1536));
	ck_assert_uint_eq(i->range_npages[1], 512);
	/* A picture of all that is grown reaches to its end, the gap is in it. */
	m.region_id = 1;
	m.ncells = 4;
	call(&REQUEST(1, MAP, map, &m));
	ck_assert_uint_eq(f.reply->map->npages, 2048);
	ck_assert_uint_eq(f.reply->map->n_grown_npages, 4);
	ck_assert_uint_eq(f.reply->map->grown_npages[1], 512);
	ck_assert_uint_eq(f.reply->map->grown_npages[2], 0);
	ck_assert_uint_eq(f.reply->map->grown_npages[3], 512);
	alloc_at(1700, 10);
	/* The gap between. */
	ck_assert_uint_eq(grow(PAGE(1024), 512)->grow->grown_npages, 2048);
	ck_assert_uint_eq(info(1)->nranges, 1);
}
END_TEST

START_TEST(grow_refusals)
{
	struct state before;

	hello();
	before = state_of(1);
	assert_refused(grow(PAGE(1536), 0), PALLOCD_INVALID, "npages");
	assert_refused(grow(PAGE(1535), 1), PALLOCD_INVALID, "addr");
	ck_assert_msg(strstr(f.reply->message, "a chunk is 512 pages"), "%s", f.reply->message);
	assert_refused(grow(PAGE(512), 512), PALLOCD_INVALID, "addr");
	ck_assert_msg(strstr(f.reply->message, "is grown already"), "%s", f.reply->message);
	assert_refused(grow(PAGE(1024) + 1, 512), PALLOCD_UNALIGNED, "addr");
	assert_refused(grow(PAGE(2048), 512), PALLOCD_OUT_OF_REGION, "addr");
	assert_refused(grow(4096, 512), PALLOCD_OUT_OF_REGION, "addr");
	ck_assert_uint_ne((unsigned)grow(PAGE(1536), 513)->status, PALLOCD_OK);
	ck_assert_uint_ne((unsigned)grow(PAGE(1536), UINT64_MAX)->status, PALLOCD_OK);
	assert_unchanged(1, &before);
}
END_TEST

START_TEST(shrink_from_the_top_and_the_middle)
{
	hello();
	/* At most so many. */
	shrink(0, 600);
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.reply->shrink->addr, PAGE(512));
	ck_assert_uint_eq(f.reply->shrink->npages, 512);
	ck_assert_uint_eq(f.reply->shrink->grown_npages, 512);
	ck_assert_uint_eq(grow(0, 1536)->grow->grown_npages, 2048);
	/* The whole chunks among these pages. */
	shrink(PAGE(500), 1100);
	ck_assert_uint_eq(f.reply->shrink->addr, PAGE(512));
	ck_assert_uint_eq(f.reply->shrink->npages, 1024);
	ck_assert_uint_eq(f.reply->shrink->grown_npages, 1024);
	ck_assert_uint_eq(info(1)->nranges, 2);
	ck_assert_uint_eq(stat_of(1)->shrinks_total, 2);
	assert_regions();
}
END_TEST

START_TEST(shrink_refusals)
{
	struct state before;

	hello();
	alloc_at(600, 10);
	alloc_at(700, 5);
	before = state_of(1);
	assert_refused(shrink(0, 0), PALLOCD_INVALID, "npages");
	assert_refused(shrink(0, 511), PALLOCD_INVALID, "npages");
	ck_assert_msg(strstr(f.reply->message, "a chunk is 512 pages"), "%s", f.reply->message);
	assert_refused(shrink(PAGE(1), 600), PALLOCD_INVALID, "npages");
	assert_refused(shrink(PAGE(0) + 1, 512), PALLOCD_UNALIGNED, "addr");
	assert_refused(shrink(4096, 512), PALLOCD_OUT_OF_REGION, "addr");
	assert_refused(shrink(PAGE(0), UINT64_MAX), PALLOCD_OUT_OF_REGION, "addr");
	assert_refused(shrink(PAGE(1024), 512), PALLOCD_INVALID, "addr");
	ck_assert_msg(strstr(f.reply->message, "is not grown"), "%s", f.reply->message);
	assert_refused(shrink(PAGE(512), 512), PALLOCD_IN_USE, "addr");
	ck_assert_uint_eq(f.reply->refusal->nextents, 2);
	ck_assert_uint_eq(f.reply->refusal->n_extent_addr, 2);
	ck_assert_uint_eq(f.reply->refusal->n_extent_npages, 2);
	ck_assert_uint_eq(f.reply->refusal->extent_addr[0], PAGE(600));
	ck_assert_uint_eq(f.reply->refusal->extent_npages[0], 10);
	ck_assert_uint_eq(f.reply->refusal->extent_addr[1], PAGE(700));
	ck_assert_uint_eq(f.reply->refusal->extent_npages[1], 5);
	ck_assert_msg(strstr(f.reply->message, "0x358000 (10 pages), 0x3bc000 (5 pages)"), "%s",
		      f.reply->message);
	assert_unchanged(1, &before);
}
END_TEST

/* Many extents in the way: the lowest are listed, all are counted. */
START_TEST(in_use_lists_are_cut)
{
	static uint64_t npages[200];

	hello();
	for (int i = 0; i < 200; i++)
		npages[i] = 1;
	alloc_n(npages, 200, 0);
	assert_refused(shrink(PAGE(0), 512), PALLOCD_IN_USE, "addr");
	ck_assert_uint_eq(f.reply->refusal->nextents, 200);
	ck_assert_uint_eq(f.reply->refusal->n_extent_addr, PALLOCD_IN_USE_EXTENTS_MAX);
	ck_assert_uint_eq(f.reply->refusal->n_extent_npages, PALLOCD_IN_USE_EXTENTS_MAX);
	ck_assert_msg(strstr(f.reply->message, "0x102000 (1 pages), ..."), "%s", f.reply->message);
	drain(PAGE(0), 512, false);
	ck_assert_uint_eq(f.reply->drain->nextents, 200);
	ck_assert_uint_eq(f.reply->drain->npages, 200);
	ck_assert_uint_eq(f.reply->drain->n_extent_addr, PALLOCD_IN_USE_EXTENTS_MAX);
}
END_TEST

/* What an ended session still held is not in the way. */
START_TEST(ended_sessions_are_not_in_the_way)
{
	struct rpc_conn other;

	hello();
	other_open(&other, 1001);
	conn_swap(&other);
	alloc_at(600, 10);
	alloc_at(100, 1);
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_CLOSED);
	ck_assert_msg(!shrink(PAGE(512), 512)->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.regions.table[0]->used_npages, 0);
	other_open(&other, 1001);
	conn_swap(&other);
	alloc_at(100, 1);
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_CLOSED);
	ck_assert_msg(!reserve(1, PAGE(100), 1, false)->status, "%s", f.reply->message);
}
END_TEST

START_TEST(drain_keeps_new_extents_out)
{
	uint64_t ten = 10, addr = PAGE(0);
	const Pallocd__V1__RegionInfoReply *i;

	hello();
	alloc_n(&ten, 1, 0);
	drain(PAGE(0), 512, false);
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.reply->drain->nextents, 1);
	ck_assert_uint_eq(f.reply->drain->npages, 10);
	ck_assert_uint_eq(f.reply->drain->n_extent_addr, 1);
	ck_assert_uint_eq(f.reply->drain->n_extent_npages, 1);
	ck_assert_uint_eq(f.reply->drain->extent_addr[0], PAGE(0));
	ck_assert_uint_eq(f.reply->drain->extent_npages[0], 10);
	ck_assert_uint_eq(alloc_n(&ten, 1, 0)->alloc->addr[0], PAGE(512));
	ck_assert(!free_n(&addr, &ten, 1, 1)->status);
	ck_assert_uint_eq(alloc_n(&ten, 1, 0)->alloc->addr[0], PAGE(522));
	/* Asked again: empty now. */
	ck_assert_uint_eq(drain(PAGE(0), 512, false)->drain->nextents, 0);
	i = info(1);
	ck_assert_uint_eq(i->n_drained_addr, 1);
	ck_assert_uint_eq(i->n_drained_npages, 1);
	ck_assert_uint_eq(i->drained_addr[0], PAGE(0));
	ck_assert_uint_eq(i->drained_npages[0], 512);
	ck_assert_uint_eq(i->region->held_npages, 512);
	ck_assert_uint_eq(stat_of(1)->held_npages, 512);
	/* Part of it may be used again. */
	ck_assert(!drain(PAGE(0), 256, true)->status);
	ck_assert_uint_eq(alloc_n(&ten, 1, 0)->alloc->addr[0], PAGE(0));
	ck_assert_uint_eq(info(1)->drained_addr[0], PAGE(256));
	assert_regions();
}
END_TEST

START_TEST(drain_refusals)
{
	struct state before;

	hello();
	ck_assert(!drain(PAGE(0), 100, false)->status);
	before = state_of(1);
	assert_refused(drain(PAGE(0), 0, false), PALLOCD_INVALID, "npages");
	assert_refused(drain(PAGE(0) + 1, 5, false), PALLOCD_UNALIGNED, "addr");
	assert_refused(drain(0, 5, false), PALLOCD_OUT_OF_REGION, "addr");
	assert_refused(drain(PAGE(0), 2049, false), PALLOCD_OUT_OF_REGION, "addr");
	assert_refused(drain(PAGE(0), UINT64_MAX, false), PALLOCD_OUT_OF_REGION, "addr");
	assert_refused(drain(PAGE(0), 101, true), PALLOCD_INVALID, "addr");
	ck_assert_msg(strstr(f.reply->message, "is drained"), "%s", f.reply->message);
	assert_unchanged(1, &before);
}
END_TEST

START_TEST(reserve_makes_a_hole)
{
	uint64_t ten = 10;
	const Pallocd__V1__RegionInfoReply *i;
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	Pallocd__V1__Why why = PALLOCD__V1__WHY__INIT;

	hello();
	ck_assert_uint_eq(reserve(1, PAGE(5), 95, false)->reserve->nranges, 1);
	ck_assert_uint_eq(alloc_n(&ten, 1, 0)->alloc->addr[0], PAGE(100));
	/* Not grown yet, and another that touches it. */
	ck_assert_uint_eq(reserve(1, PAGE(1100), 10, false)->reserve->nranges, 2);
	ck_assert_uint_eq(reserve(1, PAGE(1110), 5, false)->reserve->nranges, 2);
	i = info(1);
	ck_assert_uint_eq(i->n_reserved_addr, 2);
	ck_assert_uint_eq(i->n_reserved_npages, 2);
	ck_assert_uint_eq(i->reserved_addr[0], PAGE(5));
	ck_assert_uint_eq(i->reserved_npages[0], 95);
	ck_assert_uint_eq(i->reserved_addr[1], PAGE(1100));
	ck_assert_uint_eq(i->reserved_npages[1], 15);
	ck_assert_uint_eq(i->region->held_npages, 95);
	ck_assert(!grow(0, 512)->status);
	ck_assert_uint_eq(stat_of(1)->held_npages, 110);
	why.region_id = 1;
	why.npages = 1;
	why.placement = &p;
	p.lowest_addr = PAGE(1100);
	p.limit_addr = PAGE(1115);
	ck_assert(!call(&REQUEST(1, WHY, why, &why))->why->fits);
	ck_assert_uint_eq(f.reply->why->bounded_npages, 0);
	ck_assert_uint_gt(f.reply->why->aligned_npages, 0);
	ck_assert_uint_eq(reserve(1, PAGE(1100), 15, true)->reserve->nranges, 1);
	ck_assert_uint_eq(reserve(1, PAGE(50), 1, true)->reserve->nranges, 2);
	alloc_at(50, 1);
	assert_regions();
}
END_TEST

START_TEST(reserve_refusals)
{
	struct state before;

	hello();
	alloc_at(200, 10);
	ck_assert(!reserve(1, PAGE(0), 100, false)->status);
	before = state_of(1);
	assert_refused(reserve(1, PAGE(0), 0, false), PALLOCD_INVALID, "npages");
	assert_refused(reserve(1, PAGE(0) + 1, 5, false), PALLOCD_UNALIGNED, "addr");
	assert_refused(reserve(1, 0, 5, false), PALLOCD_OUT_OF_REGION, "addr");
	assert_refused(reserve(1, PAGE(0), 2049, false), PALLOCD_OUT_OF_REGION, "addr");
	assert_refused(reserve(1, PAGE(0), UINT64_MAX, false), PALLOCD_OUT_OF_REGION, "addr");
	assert_refused(reserve(1, PAGE(99), 2, true), PALLOCD_INVALID, "addr");
	ck_assert_msg(strstr(f.reply->message, "is reserved"), "%s", f.reply->message);
	assert_refused(reserve(1, PAGE(150), 51, false), PALLOCD_IN_USE, "addr");
	ck_assert_uint_eq(f.reply->refusal->nextents, 1);
	ck_assert_uint_eq(f.reply->refusal->extent_addr[0], PAGE(200));
	ck_assert_uint_eq(f.reply->refusal->extent_npages[0], 10);
	assert_unchanged(1, &before);
	/* A fixed address in the hole. */
	{
		Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
		Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

		p.rule = PALLOCD__V1__RULE__FIXED;
		p.addr = PAGE(99);
		m.region_id = 1;
		m.npages = (uint64_t[]){2};
		m.n_npages = 1;
		m.placement = &p;
		assert_refused(call(&REQUEST(1, ALLOC, alloc, &m)), PALLOCD_NOT_FREE, "addr");
	}
}
END_TEST

/* As many ranges as there may be, at the highest addresses: one more is refused, and the list of all fits a frame. */
START_TEST(ranges_have_a_limit)
{
	struct region_config config = {.name = "high",
				       .base_addr = UINT64_MAX - (UINT64_C(1) << 30) + 1,
				       .page_size_bytes = 4096,
				       .limit_bytes = UINT64_C(1) << 29,
				       .initial_bytes = UINT64_C(1) << 29,
				       RULES};
	const Pallocd__V1__RegionInfoReply *i;
	Pallocd__V1__Drain m = PALLOCD__V1__DRAIN__INIT;

	ck_assert_int_eq(regions_add(&f.regions, &config), 0);
	hello();
	m.region_id = 2;
	m.npages = 1;
	for (uint64_t k = 0; k < REGION_RANGES_MAX; k++) {
		reserve(2, config.base_addr + 16 * k * 4096, 1, false);
		ck_assert_msg(!f.reply->status, "%s", f.reply->message);
		ck_assert_uint_eq(f.reply->reserve->nranges, k + 1);
		m.addr = config.base_addr + (16 * k + 8) * 4096;
		ck_assert(!call(&REQUEST(1, DRAIN, drain, &m))->status);
	}
	assert_refused(reserve(2, config.base_addr + (4096 * 16 + 4) * 4096, 1, false),
		       PALLOCD_LIMIT, "addr");
	ck_assert_uint_eq(f.reply->refusal->limit, REGION_RANGES_MAX);
	m.addr = config.base_addr + (4096 * 16 + 6) * 4096;
	assert_refused(call(&REQUEST(1, DRAIN, drain, &m)), PALLOCD_LIMIT, "addr");
	ck_assert_uint_eq(f.reply->refusal->limit, REGION_RANGES_MAX);
	i = info(2);
	ck_assert_uint_eq(i->n_reserved_addr, REGION_RANGES_MAX);
	ck_assert_uint_eq(i->n_drained_addr, REGION_RANGES_MAX);
	ck_assert_uint_eq(i->region->held_npages, 2 * REGION_RANGES_MAX);
}
END_TEST

/* The shortest run that fits, in a region that keeps what it takes, and nowhere else. */
START_TEST(best_fit_is_the_regions_choice)
{
	struct region_config config = {.name = "best",
				       .base_addr = BASE,
				       .page_size_bytes = 4096,
				       .limit_bytes = 512 * 4096,
				       .initial_bytes = 512 * 4096,
				       .best_fit = true};
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__Free g = PALLOCD__V1__FREE__INIT;
	Pallocd__V1__Fit fit = PALLOCD__V1__FIT__INIT;
	uint64_t npages[] = {1, 9, 1, 3, 1, 5, 1};

	ck_assert_int_eq(regions_add(&f.regions, &config), 0);
	hello();
	ck_assert(!info(1)->region->best_fit);
	ck_assert(info(2)->region->best_fit);
	m.region_id = g.region_id = 2;
	m.npages = npages;
	m.n_npages = ARRAY_SIZE(npages);
	ck_assert(!call(&REQUEST(1, ALLOC, alloc, &m))->status);
	g.addr = (uint64_t[]){PAGE(1), PAGE(11), PAGE(15)};
	g.npages = (uint64_t[]){9, 3, 5};
	g.n_addr = g.n_npages = 3;
	ck_assert(!call(&REQUEST(1, FREE, free, &g))->status);
	p.strategy = PALLOCD__V1__STRATEGY__BEST;
	m.placement = &p;
	npages[0] = 4;
	m.n_npages = 1;
	call(&REQUEST(1, ALLOC, alloc, &m));
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.reply->alloc->addr[0], PAGE(15));
	m.region_id = fit.region_id = 1;
	assert_refused(call(&REQUEST(1, ALLOC, alloc, &m)), PALLOCD_INVALID, "strategy");
	/* To how many fit it means nothing. */
	fit.npages = 1;
	fit.placement = &p;
	ck_assert_uint_eq(call(&REQUEST(1, FIT, fit, &fit))->fit->nextents, 1024);
}
END_TEST

START_TEST(faulted_regions_stay_as_they_are)
{
	Pallocd__V1__FreeRuns m = PALLOCD__V1__FREE_RUNS__INIT;

	hello();
	log_open((enum log_level)0);
	region_fault(f.regions.table[0], "R0: told to by a test");
	assert_refused(shrink(PAGE(512), 512), PALLOCD_FAULTED, "");
	assert_refused(drain(PAGE(0), 1, false), PALLOCD_FAULTED, "");
	assert_refused(reserve(1, PAGE(0), 1, false), PALLOCD_FAULTED, "");
	assert_refused(grow(PAGE(1024), 512), PALLOCD_FAULTED, "");
	m.region_id = 1;
	assert_refused(call(&REQUEST(1, FREE_RUNS, free_runs, &m)), PALLOCD_FAULTED, "");
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, grow_where_it_is_told);
	tcase_add_test(tc, grow_refusals);
	tcase_add_test(tc, shrink_from_the_top_and_the_middle);
	tcase_add_test(tc, shrink_refusals);
	tcase_add_test(tc, in_use_lists_are_cut);
	tcase_add_test(tc, ended_sessions_are_not_in_the_way);
	tcase_add_test(tc, drain_keeps_new_extents_out);
	tcase_add_test(tc, drain_refusals);
	tcase_add_test(tc, reserve_makes_a_hole);
	tcase_add_test(tc, reserve_refusals);
	tcase_add_test(tc, ranges_have_a_limit);
	tcase_add_test(tc, best_fit_is_the_regions_choice);
	tcase_add_test(tc, faulted_regions_stay_as_they_are);
}

int main(void)
{
	return run("space", add_tests);
}
