/*
 * test_rpc - each verb, and each of its refusals
 *
 * Role:       unit tests of the handlers in rpc/.
 * Uses:       rpc/, region/, proto/, check
 */
#include "fixture.h"

START_TEST(hello_opens_a_session_once)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;
	char name[65];

	ck_assert_int_eq((int)alloc_n((uint64_t[]){1}, 1, 0)->status, PALLOCD_HELLO_REQUIRED);
	assert_refused(call(&REQUEST(1, HELLO, hello, &m)), PALLOCD_VERSION, "version");
	memset(name, 'x', 64);
	name[64] = '\0';
	m.version = 1;
	m.client = name;
	assert_refused(call(&REQUEST(1, HELLO, hello, &m)), PALLOCD_LIMIT, "client");
	ck_assert_uint_eq(f.regions.nsessions[SESSION_OPEN], 0);

	ck_assert_uint_eq((unsigned)hello()->status, PALLOCD_OK);
	ck_assert_uint_eq(f.reply->hello->version, 1);
	ck_assert_uint_eq(f.reply->hello->session, f.conn->session->id);
	ck_assert_str_eq(f.reply->hello->server, "pallocd test");
	ck_assert_uint_eq(f.reply->hello->frame_bytes_max, PALLOCD_FRAME_BYTES_MAX);
	ck_assert_uint_eq(f.reply->hello->batch_extents_max, PALLOCD_BATCH_EXTENTS_MAX);
	assert_refused(hello(), PALLOCD_HELLO_REQUIRED, "hello");
	ck_assert_uint_eq(f.regions.nsessions[SESSION_OPEN], 1);
}
END_TEST

START_TEST(a_newer_client_gets_our_version)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;

	m.version = 77;
	ck_assert_uint_eq((unsigned)call(&REQUEST(1, HELLO, hello, &m))->status, PALLOCD_OK);
	ck_assert_uint_eq(f.reply->hello->version, PALLOCD_PROTOCOL_VERSION);
}
END_TEST

START_TEST(alloc_and_free)
{
	uint64_t addr[3], npages[] = {3, 1, 5};

	hello();
	alloc_n(npages, 3, 0);
	ck_assert_uint_eq(f.reply->alloc->n_addr, 3);
	ck_assert_uint_eq(f.reply->alloc->scavenged_npages, 9);
	for (int i = 0; i < 3; i++)
		addr[i] = f.reply->alloc->addr[i];
	ck_assert_uint_eq(addr[0], BASE);
	ck_assert_uint_eq(addr[1], BASE + 3 * 4096);
	ck_assert_uint_eq(addr[2], BASE + 4 * 4096);
	ck_assert_uint_eq(free_n(addr, npages, 3, 3)->free->npages, 9);
	alloc_n(npages, 1, PALLOCD__V1__LIFETIME__DETACHED);
	ck_assert_uint_eq(f.reply->alloc->scavenged_npages, 0);
	ck_assert_uint_eq(f.regions.table[0]->detached_npages, 3);
}
END_TEST

START_TEST(alloc_refusals)
{
	static uint64_t many[PALLOCD_BATCH_EXTENTS_MAX + 1];
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	hello();
	assert_refused(alloc_n(many, 0, 0), PALLOCD_INVALID, "npages");
	assert_refused(alloc_n(many, 1, 0), PALLOCD_INVALID, "npages");
	assert_refused(alloc_n(many, PALLOCD_BATCH_EXTENTS_MAX + 1, 0), PALLOCD_LIMIT, "npages");
	ck_assert_uint_eq(f.reply->refusal->limit, PALLOCD_BATCH_EXTENTS_MAX);
	assert_refused(alloc_n((uint64_t[]){1}, 1, 2), PALLOCD_INVALID, "lifetime");
	assert_refused(alloc_n((uint64_t[]){1}, 1, -1), PALLOCD_INVALID, "lifetime");
	assert_refused(alloc_n((uint64_t[]){1, 2049}, 2, 0), PALLOCD_LIMIT, "npages");
	ck_assert_uint_eq(f.reply->refusal->index, 1);
	ck_assert_uint_eq(f.reply->refusal->limit, 2048);
	assert_refused(alloc_n((uint64_t[]){UINT64_MAX, UINT64_MAX}, 2, 0), PALLOCD_LIMIT,
		       "npages");
	assert_refused(alloc_n((uint64_t[]){10, 1020}, 2, 0), PALLOCD_NO_SPACE, "npages");
	ck_assert_uint_eq(f.reply->refusal->free_npages, 1024);
	ck_assert_uint_eq(f.reply->refusal->largest_npages, 1024);
	ck_assert_uint_eq(f.reply->refusal->growable_npages, 1024);
	assert_refused(call(&REQUEST(4, ALLOC, alloc, &m)), PALLOCD_NO_REGION, "region");
	m.region = (char *)"nosuch\n";
	assert_refused(call(&REQUEST(4, ALLOC, alloc, &m)), PALLOCD_NO_REGION, "region");
	m.region_id = 2;
	assert_refused(call(&REQUEST(4, ALLOC, alloc, &m)), PALLOCD_NO_REGION, "region_id");
	ck_assert_uint_eq(f.regions.table[0]->used_npages, 0);
}
END_TEST

static const Reply *alloc_placed(uint64_t npages, Pallocd__V1__Placement *p)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	m.region_id = 1;
	m.npages = &npages;
	m.n_npages = 1;
	m.placement = p;
	return call(&REQUEST(1, ALLOC, alloc, &m));
}

START_TEST(alloc_placed_where_it_may_lie)
{
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;

	hello();
	alloc_n((uint64_t[]){1}, 1, 0);
	ck_assert_uint_eq(alloc_placed(3, &p)->alloc->addr[0], BASE + 4096);
	p.align_npages = 8;
	ck_assert_uint_eq(alloc_placed(3, &p)->alloc->addr[0] % (8 * 4096), 0);
	p.lowest_addr = BASE + 100 * 4096;
	p.limit_addr = BASE + 120 * 4096;
	p.strategy = PALLOCD__V1__STRATEGY__LAST;
	ck_assert_uint_eq(alloc_placed(3, &p)->alloc->addr[0],
			  (BASE + 117 * 4096) / (8 * 4096) * (8 * 4096));
	p = (Pallocd__V1__Placement)PALLOCD__V1__PLACEMENT__INIT;
	p.rule = PALLOCD__V1__RULE__FIXED;
	p.addr = BASE + 200 * 4096;
	ck_assert_uint_eq(alloc_placed(3, &p)->alloc->addr[0], p.addr);
	assert_refused(alloc_placed(3, &p), PALLOCD_NOT_FREE, "addr");
	ck_assert_uint_eq(f.reply->refusal->addr, p.addr);
	p.align_npages = 7;
	assert_refused(alloc_placed(3, &p), PALLOCD_INVALID, "align_npages");
	p.align_npages = 0;
	p.rule = (Pallocd__V1__Rule)9;
	assert_refused(alloc_placed(3, &p), PALLOCD_INVALID, "rule");
	p.rule = PALLOCD__V1__RULE__ANYWHERE;
	p.strategy = (Pallocd__V1__Strategy)9;
	assert_refused(alloc_placed(3, &p), PALLOCD_INVALID, "strategy");
}
END_TEST

START_TEST(why_and_fit_change_nothing)
{
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	Pallocd__V1__Why why = PALLOCD__V1__WHY__INIT;
	Pallocd__V1__Fit fit = PALLOCD__V1__FIT__INIT;
	uint64_t used;

	hello();
	alloc_n((uint64_t[]){5}, 1, 0);
	used = f.regions.table[0]->used_npages;
	why.region_id = fit.region_id = 1;
	why.npages = fit.npages = 4;
	ck_assert(call(&REQUEST(1, WHY, why, &why))->why->fits);
	ck_assert_uint_eq(f.reply->why->addr, BASE + 5 * 4096);
	why.placement = fit.placement = &p;
	p.lowest_addr = BASE + 1 * 4096;
	p.limit_addr = BASE + 8 * 4096;
	ck_assert(!call(&REQUEST(1, WHY, why, &why))->why->fits);
	ck_assert_uint_eq(f.reply->why->placed_npages, 3);
	ck_assert_uint_eq(f.reply->why->short_npages, 1);
	p.limit_addr = BASE + 17 * 4096;
	ck_assert_uint_eq(call(&REQUEST(1, FIT, fit, &fit))->fit->nextents, 3);
	p.align_npages = 5;
	assert_refused(call(&REQUEST(1, WHY, why, &why)), PALLOCD_INVALID, "align_npages");
	assert_refused(call(&REQUEST(1, FIT, fit, &fit)), PALLOCD_INVALID, "align_npages");
	why.region_id = fit.region_id = 99;
	assert_refused(call(&REQUEST(1, WHY, why, &why)), PALLOCD_NO_REGION, "region_id");
	assert_refused(call(&REQUEST(1, FIT, fit, &fit)), PALLOCD_NO_REGION, "region_id");
	ck_assert_uint_eq(f.regions.table[0]->used_npages, used);
}
END_TEST

START_TEST(free_refusals)
{
	uint64_t addr[] = {BASE, BASE + 4096}, npages[] = {1, 1};

	hello();
	alloc_n((uint64_t[]){2}, 1, 0);
	assert_refused(free_n(addr, npages, 0, 0), PALLOCD_INVALID, "addr");
	assert_refused(free_n(addr, npages, 2, 1), PALLOCD_INVALID, "npages");
	assert_refused(free_n(addr, npages, 1, 2), PALLOCD_INVALID, "npages");
	addr[1] = BASE + 5 * 4096;
	assert_refused(free_n(addr, npages, 2, 2), PALLOCD_NOT_ALLOCATED, "addr");
	ck_assert_uint_eq(f.reply->refusal->index, 1);
	ck_assert_uint_eq(f.reply->refusal->addr, addr[1]);
	addr[1] = BASE + 1;
	assert_refused(free_n(addr, npages, 2, 2), PALLOCD_UNALIGNED, "addr");
	addr[1] = 4096;
	assert_refused(free_n(addr, npages, 2, 2), PALLOCD_OUT_OF_REGION, "addr");
	addr[1] = BASE;
	assert_refused(free_n(addr, npages, 2, 2), PALLOCD_NOT_ALLOCATED, "addr");
	npages[1] = 0;
	assert_refused(free_n(addr, npages, 2, 2), PALLOCD_INVALID, "npages");
	npages[1] = UINT64_MAX;
	assert_refused(free_n(addr, npages, 2, 2), PALLOCD_OUT_OF_REGION, "addr");
	ck_assert_uint_eq(f.regions.table[0]->used_npages, 2);
}
END_TEST

START_TEST(a_batch_of_the_largest_size_fits_a_reply)
{
	static uint64_t npages[PALLOCD_BATCH_EXTENTS_MAX], addr[PALLOCD_BATCH_EXTENTS_MAX];
	uint64_t high = UINT64_MAX - (UINT64_C(1) << 40) + 1;
	struct region_config config = {.name = "high",
				       .base_addr = high,
				       .page_size_bytes = 1 << 20,
				       .limit_bytes = UINT64_C(1) << 39,
				       .initial_bytes = UINT64_C(1) << 39};
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__Free m2 = PALLOCD__V1__FREE__INIT;

	ck_assert_int_eq(regions_add(&f.regions, &config), 0);
	hello();
	for (size_t i = 0; i < PALLOCD_BATCH_EXTENTS_MAX; i++)
		npages[i] = 1;
	m.region_id = m2.region_id = 2;
	m.npages = m2.npages = npages;
	m.n_npages = m2.n_npages = m2.n_addr = PALLOCD_BATCH_EXTENTS_MAX;
	call(&REQUEST(UINT64_MAX, ALLOC, alloc, &m));
	ck_assert_uint_eq(f.reply->alloc->n_addr, PALLOCD_BATCH_EXTENTS_MAX);
	ck_assert_uint_ge(f.out.n, 10 * PALLOCD_BATCH_EXTENTS_MAX);
	memcpy(addr, f.reply->alloc->addr, sizeof(addr));
	m2.addr = addr;
	call(&REQUEST(UINT64_MAX, FREE, free, &m2));
	ck_assert_uint_eq(f.reply->free->npages, PALLOCD_BATCH_EXTENTS_MAX);
}
END_TEST

START_TEST(grow)
{
	Pallocd__V1__Grow m = PALLOCD__V1__GROW__INIT;

	hello();
	m.region_id = 1;
	assert_refused(call(&REQUEST(1, GROW, grow, &m)), PALLOCD_INVALID, "npages");
	m.npages = 1025;
	assert_refused(call(&REQUEST(1, GROW, grow, &m)), PALLOCD_LIMIT, "npages");
	ck_assert_uint_eq(f.reply->refusal->limit, 1024);
	m.npages = UINT64_MAX;
	assert_refused(call(&REQUEST(1, GROW, grow, &m)), PALLOCD_LIMIT, "npages");
	m.npages = 1;
	call(&REQUEST(1, GROW, grow, &m));
	ck_assert_uint_eq(f.reply->grow->addr, BASE + 1024 * 4096);
	ck_assert_uint_eq(f.reply->grow->npages, 512);
	ck_assert_uint_eq(f.reply->grow->grown_npages, 1536);
}
END_TEST

START_TEST(list_regions_comes_in_parts)
{
	Pallocd__V1__ListRegions m = PALLOCD__V1__LIST_REGIONS__INIT;
	uint32_t n = 0;
	char name[64];

	memset(name, 'n', sizeof(name));
	for (int i = 0; i < 300; i++) {
		snprintf(name + 58, 6, "%05d", i);
		region_make(name, 1, 0);
	}
	hello();
	do {
		call(&REQUEST(1, LIST_REGIONS, list_regions, &m));
		ck_assert_uint_le(f.reply->list_regions->n_regions, PALLOCD_LIST_REGIONS_MAX);
		for (size_t i = 0; i < f.reply->list_regions->n_regions; i++)
			ck_assert_uint_eq(f.reply->list_regions->regions[i]->id, ++n);
		m.after = n;
	} while (f.reply->list_regions->more);
	ck_assert_uint_eq(n, 301);
	m.after = UINT32_MAX;
	call(&REQUEST(1, LIST_REGIONS, list_regions, &m));
	ck_assert_uint_eq(f.reply->list_regions->n_regions, 0);
	ck_assert(!f.reply->list_regions->more);
}
END_TEST

START_TEST(region_info)
{
	Pallocd__V1__RegionInfo m = PALLOCD__V1__REGION_INFO__INIT;
	const Pallocd__V1__Region *r;

	hello();
	alloc_n((uint64_t[]){24}, 1, 0);
	assert_refused(call(&REQUEST(1, REGION_INFO, region_info, &m)), PALLOCD_NO_REGION,
		       "region");
	m.region = (char *)"r";
	call(&REQUEST(1, REGION_INFO, region_info, &m));
	r = f.reply->region_info->region;
	ck_assert_uint_eq(r->id, 1);
	ck_assert_str_eq(r->name, "r");
	ck_assert_uint_eq(r->base_addr, BASE);
	ck_assert_uint_eq(r->page_size_bytes, 4096);
	ck_assert_uint_eq(r->limit_npages, 2048);
	ck_assert_uint_eq(r->grown_npages, 1024);
	ck_assert_uint_eq(r->free_npages, 1000);
	ck_assert_uint_eq(f.reply->region_info->nranges, 1);
	ck_assert_uint_eq(f.reply->region_info->range_addr[0], BASE);
	ck_assert_uint_eq(f.reply->region_info->range_npages[0], 1024);
}
END_TEST

START_TEST(stat_tells_of_daemon_and_region)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	const Pallocd__V1__RegionStat *r;

	hello();
	alloc_n((uint64_t[]){24, 1}, 2, 0);
	alloc_n((uint64_t[]){4000}, 1, 0);
	call(&REQUEST(1, STAT, stat, &m));
	ck_assert_ptr_null(f.reply->stat->region);
	ck_assert_uint_eq(f.reply->stat->daemon->nconnections, 1);
	ck_assert_uint_eq(f.reply->stat->daemon->nsessions, 1);
	ck_assert_uint_eq(f.reply->stat->daemon->nregions, 1);
	ck_assert_uint_eq(f.reply->stat->daemon->requests_total, 4);
	ck_assert_uint_eq(f.reply->stat->daemon->refusals_total, 1);
	m.region_id = 5;
	assert_refused(call(&REQUEST(1, STAT, stat, &m)), PALLOCD_NO_REGION, "region_id");
	m.region_id = 1;
	call(&REQUEST(1, STAT, stat, &m));
	r = f.reply->stat->region;
	ck_assert_uint_eq(r->grown_npages, 1024);
	ck_assert_uint_eq(r->free_npages, 999);
	ck_assert_uint_eq(r->largest_npages, 999);
	ck_assert_uint_eq(r->nextents, 2);
	ck_assert_uint_eq(r->session_npages, 25);
	ck_assert_uint_eq(r->detached_npages, 0);
	ck_assert_uint_eq(r->peak_npages, 25);
	ck_assert_uint_eq(r->allocs_total, 2);
	ck_assert_uint_eq(r->scavenged_npages, 999);
}
END_TEST

START_TEST(map_counts_cells)
{
	Pallocd__V1__Map m = PALLOCD__V1__MAP__INIT;
	const Pallocd__V1__MapReply *r;

	hello();
	alloc_n((uint64_t[]){100}, 1, 0);
	m.region_id = 1;
	m.ncells = 4;
	r = call(&REQUEST(1, MAP, map, &m))->map;
	ck_assert_uint_eq(r->addr, BASE);
	ck_assert_uint_eq(r->cell_npages, 256);
	ck_assert_uint_eq(r->npages, 1024);
	ck_assert_uint_eq(r->n_used_npages, 4);
	ck_assert_uint_eq(r->used_npages[0], 100);
	ck_assert_uint_eq(r->used_npages[1], 0);
	ck_assert_uint_eq(r->grown_npages[3], 256);
	ck_assert_uint_eq(r->n_scavenged_npages, 4);
	ck_assert_uint_eq(r->scavenged_npages[0], 156);
	ck_assert_uint_eq(r->scavenged_npages[3], 256);
	/* Over the end of what is grown, the last cell shorter. */
	m.addr = BASE + 50 * 4096;
	m.npages = 1998;
	m.ncells = 3;
	r = call(&REQUEST(1, MAP, map, &m))->map;
	ck_assert_uint_eq(r->cell_npages, 666);
	ck_assert_uint_eq(r->n_grown_npages, 3);
	ck_assert_uint_eq(r->used_npages[0], 50);
	ck_assert_uint_eq(r->grown_npages[0], 666);
	ck_assert_uint_eq(r->grown_npages[1], 1024 - 50 - 666);
	ck_assert_uint_eq(r->grown_npages[2], 0);
	/* From above what is grown to its end: nothing. */
	m.addr = BASE + 1500 * 4096;
	m.npages = 0;
	r = call(&REQUEST(1, MAP, map, &m))->map;
	ck_assert_uint_eq(r->n_used_npages, 0);
	ck_assert_uint_eq(r->npages, 0);
}
END_TEST

START_TEST(map_refusals)
{
	Pallocd__V1__Map m = PALLOCD__V1__MAP__INIT;

	hello();
	m.region_id = 1;
	m.ncells = PALLOCD_MAP_CELLS_MAX + 1;
	assert_refused(call(&REQUEST(1, MAP, map, &m)), PALLOCD_LIMIT, "ncells");
	m.ncells = UINT32_MAX;
	assert_refused(call(&REQUEST(1, MAP, map, &m)), PALLOCD_LIMIT, "ncells");
	m.ncells = 1;
	m.addr = 1;
	assert_refused(call(&REQUEST(1, MAP, map, &m)), PALLOCD_OUT_OF_REGION, "addr");
	m.addr = BASE + 1;
	assert_refused(call(&REQUEST(1, MAP, map, &m)), PALLOCD_UNALIGNED, "addr");
	m.addr = BASE + 4096;
	m.npages = 2048;
	assert_refused(call(&REQUEST(1, MAP, map, &m)), PALLOCD_OUT_OF_REGION, "npages");
	m.npages = UINT64_MAX;
	assert_refused(call(&REQUEST(1, MAP, map, &m)), PALLOCD_OUT_OF_REGION, "npages");
}
END_TEST

/* 2^28 pages grown: a Map counts a part, says so, and asking on gets the rest. */
START_TEST(map_of_a_huge_region_comes_in_parts)
{
	struct region_config config = {.name = "huge",
				       .page_size_bytes = 1,
				       .limit_bytes = UINT64_C(1) << 36,
				       .initial_bytes = UINT64_C(1) << 28};
	uint32_t ncells[] = {1, 1000, 4096};
	Pallocd__V1__Map m = PALLOCD__V1__MAP__INIT;
	uint64_t sum = 0;
	int parts = 0;

	ck_assert_int_eq(regions_add(&f.regions, &config), 0);
	hello();
	m.region_id = 2;
	m.ncells = ncells[_i];
	do {
		const Pallocd__V1__MapReply *r = call(&REQUEST(1, MAP, map, &m))->map;

		ck_assert_uint_le(r->n_grown_npages, ncells[_i]);
		ck_assert_uint_gt(r->npages, 0);
		for (size_t i = 0; i < r->n_grown_npages; i++)
			sum += r->grown_npages[i];
		m.addr = r->addr + r->npages;
		parts++;
	} while (m.addr < UINT64_C(1) << 28);
	ck_assert_uint_eq(sum, UINT64_C(1) << 28);
	ck_assert_int_ge(parts, 4);
	/* What is not grown costs nothing and need not be cut. */
	m.addr = UINT64_C(1) << 30;
	m.npages = (UINT64_C(1) << 36) - m.addr;
	ck_assert_uint_eq(call(&REQUEST(1, MAP, map, &m))->map->npages, m.npages);
}
END_TEST

/* A session that ends gives its pages back before anybody is refused for want of space. */
START_TEST(no_space_waits_for_ended_sessions)
{
	struct rpc_conn other;
	uint64_t one = 1;

	hello();
	other_open(&other, 1000);
	conn_swap(&other);
	for (int i = 0; i < 1024; i++)
		alloc_n(&one, 1, 0);
	conn_swap(&other);
	assert_refused(alloc_n(&one, 1, 0), PALLOCD_NO_SPACE, "npages");
	rpc_conn_close(&other, SESSION_CLOSED);
	ck_assert_uint_eq((unsigned)alloc_n(&one, 1, 0)->status, PALLOCD_OK);
}
END_TEST

START_TEST(faulted_regions_are_closed_and_shown)
{
	Pallocd__V1__RegionInfo m = PALLOCD__V1__REGION_INFO__INIT;
	Pallocd__V1__Grow g = PALLOCD__V1__GROW__INIT;
	uint64_t addr = BASE, one = 1;

	hello();
	alloc_n(&one, 1, 0);
	log_open((enum log_level)0);
	region_fault(f.regions.table[0], "R0: told to by a test");
	assert_refused(alloc_n(&one, 1, 0), PALLOCD_FAULTED, "");
	assert_refused(free_n(&addr, &one, 1, 1), PALLOCD_FAULTED, "");
	g.region_id = m.region_id = 1;
	g.npages = 1;
	assert_refused(call(&REQUEST(1, GROW, grow, &g)), PALLOCD_FAULTED, "");
	ck_assert(f.regions.table[0]->fault_reported);
	ck_assert(call(&REQUEST(1, REGION_INFO, region_info, &m))->region_info->region->faulted);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, hello_opens_a_session_once);
	tcase_add_test(tc, a_newer_client_gets_our_version);
	tcase_add_test(tc, alloc_and_free);
	tcase_add_test(tc, alloc_refusals);
	tcase_add_test(tc, alloc_placed_where_it_may_lie);
	tcase_add_test(tc, why_and_fit_change_nothing);
	tcase_add_test(tc, free_refusals);
	tcase_add_test(tc, a_batch_of_the_largest_size_fits_a_reply);
	tcase_add_test(tc, grow);
	tcase_add_test(tc, list_regions_comes_in_parts);
	tcase_add_test(tc, region_info);
	tcase_add_test(tc, stat_tells_of_daemon_and_region);
	tcase_add_test(tc, map_counts_cells);
	tcase_add_test(tc, map_refusals);
	tcase_add_loop_test(tc, map_of_a_huge_region_comes_in_parts, 0, 3);
	tcase_add_test(tc, no_space_waits_for_ended_sessions);
	tcase_add_test(tc, faulted_regions_are_closed_and_shown);
}

int main(void)
{
	return run("rpc", add_tests);
}
