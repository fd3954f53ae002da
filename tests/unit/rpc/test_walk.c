/*
 * test_walk - requests to a region that one turn is too short for
 *
 * Role:       unit tests of what takes several turns in rpc/, walks and searches: with others served in between, and whatever
 *             becomes of the region or the connection meanwhile.
 * Uses:       rpc/, region/, proto/, check
 */
#include "fixture.h"

/* A page of each chunk is held, so that a walk has to look into each: 16 turns of 512 chunks. */
#define NCHUNKS UINT64_C(8192)
#define NTURNS 16
#define LARGE 2

static void large_make(void)
{
	static uint64_t npages[PALLOCD_BATCH_EXTENTS_MAX];
	struct region_config config = {.name = "large",
				       .page_size_bytes = 1,
				       .limit_bytes = NCHUNKS * PAGEALLOC_CHUNK_NPAGES,
				       .initial_bytes = NCHUNKS * PAGEALLOC_CHUNK_NPAGES,
				       RULES};
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	ck_assert_int_eq(regions_add(&f.regions, &config), 0);
	hello();
	p.align_npages = PAGEALLOC_CHUNK_NPAGES;
	m.region_id = LARGE;
	m.npages = npages;
	m.placement = &p;
	for (size_t i = 0; i < PALLOCD_BATCH_EXTENTS_MAX; i++)
		npages[i] = 1;
	for (uint64_t n = NCHUNKS; n; n -= m.n_npages) {
		m.n_npages = n < PALLOCD_BATCH_EXTENTS_MAX ? n : PALLOCD_BATCH_EXTENTS_MAX;
		ck_assert(!call(&REQUEST(1, ALLOC, alloc, &m))->status);
	}
}

/* The requests in f.in from @*at on, one turn. */
static int turn(size_t *at)
{
	size_t used, need;
	int err = rpc_serve(f.conn, f.in + *at, f.n - *at, &f.out, &used, &need);

	*at += used;
	return err;
}

static void put_fit(uint64_t id, uint64_t npages)
{
	Pallocd__V1__Fit m = PALLOCD__V1__FIT__INIT;

	m.region_id = LARGE;
	m.npages = npages;
	put(&REQUEST(id, FIT, fit, &m));
}

static void put_free_runs(uint64_t id)
{
	Pallocd__V1__FreeRuns m = PALLOCD__V1__FREE_RUNS__INIT;

	m.region_id = LARGE;
	put(&REQUEST(id, FREE_RUNS, free_runs, &m));
}

/* All turns of what was put, alone; how many there were. */
static int turns(void)
{
	size_t at = 0;
	int n = 1;

	f.out.n = 0;
	while (turn(&at) == RPC_E_PAUSE) {
		ck_assert_uint_eq(at, 0);
		ck_assert_uint_eq(f.out.n, 0);
		ck_assert_int_eq((int)f.conn->nturns, n);
		n++;
	}
	ck_assert_uint_eq(at, f.n);
	ck_assert_uint_eq(f.conn->nturns, 0);
	ck_assert_ptr_null(f.conn->walk);
	f.n = 0;
	ck_assert_uint_eq(unpack(0), f.out.n);
	return n;
}

/* Requests of another connection, while this one's walk is in progress. */
static void meanwhile(struct rpc_conn *other, void (*what)(uint64_t arg), uint64_t arg)
{
	static uint8_t in[4096];
	size_t n = f.n, out = f.out.n;

	ck_assert_uint_le(n, sizeof(in));
	ck_assert_uint_eq(out, 0);
	memcpy(in, f.in, n);
	f.n = 0;
	conn_swap(other);
	what(arg);
	conn_swap(other);
	memcpy(f.in, in, n);
	f.n = n;
	f.out.n = out;
}

static void take_a_page(uint64_t arg)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	(void)arg;
	m.region_id = LARGE;
	m.npages = (uint64_t[]){1};
	m.n_npages = 1;
	ck_assert_msg(!call(&REQUEST(1, ALLOC, alloc, &m))->status, "%s", f.reply->message);
}

START_TEST(a_fit_takes_its_turns)
{
	struct region_refusal rr = {0};
	struct pagealloc_walk w = {.budget = 2 * NCHUNKS};
	uint64_t requests, whole, n;
	bool done;

	large_make();
	for (uint64_t npages = 1; npages < 600; npages += npages < 3 ? 1 : 127) {
		w.next = whole = 0;
		ck_assert_int_eq(
			region_fit(f.regions.table[1], npages, NULL, &w, &whole, &done, &rr), 0);
		ck_assert(done);
		requests = f.rpc.counters.requests;
		put_fit(7, npages);
		n = (uint64_t)turns();
		ck_assert_uint_eq(f.reply->id, 7);
		ck_assert_msg(!f.reply->status, "%s", f.reply->message);
		ck_assert_uint_eq(f.reply->fit->nextents, whole);
		ck_assert_uint_eq(whole, 511 / npages * NCHUNKS);
		/* It counts once. */
		ck_assert_uint_eq(f.rpc.counters.requests, requests + 1);
		ck_assert_uint_eq(n, whole ? NTURNS : 1);
	}
}
END_TEST

START_TEST(free_runs_take_their_turns)
{
	const Pallocd__V1__FreeRunsReply *r;

	large_make();
	put_free_runs(9);
	ck_assert_int_eq(turns(), NTURNS);
	ck_assert_uint_eq(f.reply->id, 9);
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	r = f.reply->free_runs;
	/* Runs of 511 pages: entry 8 is for 256 to 511. */
	ck_assert_uint_eq(r->n_nruns, 9);
	ck_assert_uint_eq(r->n_npages, 9);
	for (size_t k = 0; k < 8; k++) {
		ck_assert_uint_eq(r->nruns[k], 0);
		ck_assert_uint_eq(r->npages[k], 0);
	}
	ck_assert_uint_eq(r->nruns[8], NCHUNKS);
	ck_assert_uint_eq(r->npages[8], 511 * NCHUNKS);
	ck_assert_uint_eq(r->free_npages, 511 * NCHUNKS);
	ck_assert_uint_eq(r->largest_npages, 511);
	/* All but one of NCHUNKS runs. */
	ck_assert_uint_eq(r->fragmentation_ppm, 1000000 - 1000000 / NCHUNKS - 1);
}
END_TEST

START_TEST(free_runs_of_a_small_region)
{
	Pallocd__V1__FreeRuns m = PALLOCD__V1__FREE_RUNS__INIT;
	const Pallocd__V1__FreeRunsReply *r;

	hello();
	assert_refused(call(&REQUEST(1, FREE_RUNS, free_runs, &m)), PALLOCD_NO_REGION, "region");
	m.region_id = 77;
	assert_refused(call(&REQUEST(1, FREE_RUNS, free_runs, &m)), PALLOCD_NO_REGION, "region_id");
	m.region_id = 1;
	/* Free: 0, 2 to 3, 7 to 15, 100 to 1023. */
	alloc_at(1, 1);
	alloc_at(4, 3);
	alloc_at(16, 84);
	r = call(&REQUEST(1, FREE_RUNS, free_runs, &m))->free_runs;
	ck_assert_uint_eq(r->n_nruns, 10);
	for (size_t k = 0; k < 10; k++) {
		static const uint64_t nruns[] = {1, 1, 0, 1, 0, 0, 0, 0, 0, 1};
		static const uint64_t npages[] = {1, 2, 0, 9, 0, 0, 0, 0, 0, 924};

		ck_assert_uint_eq(r->nruns[k], nruns[k]);
		ck_assert_uint_eq(r->npages[k], npages[k]);
	}
	ck_assert_uint_eq(r->free_npages, 936);
	ck_assert_uint_eq(r->largest_npages, 924);
	ck_assert_uint_eq(r->fragmentation_ppm, 12 * UINT64_C(1000000) / 936);
	/* Nothing is free. */
	alloc_at(0, 1);
	alloc_at(2, 2);
	alloc_at(7, 9);
	alloc_at(100, 924);
	r = call(&REQUEST(1, FREE_RUNS, free_runs, &m))->free_runs;
	ck_assert_uint_eq(r->n_nruns, 0);
	ck_assert_uint_eq(r->fragmentation_ppm, 0);
}
END_TEST

/* Another connection is served between two turns; what it changes is counted or not, and nothing else happens. */
START_TEST(others_have_their_turns)
{
	struct rpc_conn other;
	size_t at = 0;
	int n = 0;

	large_make();
	other_open(&other, 1000);
	put_fit(1, 511);
	f.out.n = 0;
	/* The lowest free page is in the first chunk, and behind the walk from the second turn on. */
	while (turn(&at) == RPC_E_PAUSE) {
		meanwhile(&other, take_a_page, 0);
		n++;
	}
	f.n = 0;
	ck_assert_int_eq(n, NTURNS - 1);
	unpack(0);
	ck_assert_uint_eq(f.reply->fit->nextents, NCHUNKS);
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

static void take_the_top_out(uint64_t npages)
{
	Pallocd__V1__Shrink m = PALLOCD__V1__SHRINK__INIT;
	Pallocd__V1__Reserve r = PALLOCD__V1__RESERVE__INIT;

	m.region_id = r.region_id = LARGE;
	m.npages = npages;
	ck_assert_msg(!call(&REQUEST(1, SHRINK, shrink, &m))->status, "%s", f.reply->message);
	r.addr = 1;
	r.npages = 511;
	ck_assert_msg(!call(&REQUEST(1, RESERVE, reserve, &r))->status, "%s", f.reply->message);
}

/* What the walk has yet to see is gone, and so is some of what it has seen. */
START_TEST(the_region_shrinks_meanwhile)
{
	uint64_t npages = NCHUNKS / 2 * PAGEALLOC_CHUNK_NPAGES;
	static uint64_t addr[PALLOCD_BATCH_EXTENTS_MAX], lengths[PALLOCD_BATCH_EXTENTS_MAX];
	Pallocd__V1__Free m = PALLOCD__V1__FREE__INIT;
	struct rpc_conn other;
	size_t at = 0;

	large_make();
	m.region_id = LARGE;
	m.addr = addr;
	m.npages = lengths;
	for (uint64_t chunk = NCHUNKS / 2; chunk < NCHUNKS; chunk += m.n_addr) {
		m.n_addr = m.n_npages = NCHUNKS - chunk < PALLOCD_BATCH_EXTENTS_MAX
						? NCHUNKS - chunk
						: PALLOCD_BATCH_EXTENTS_MAX;
		for (size_t i = 0; i < m.n_addr; i++) {
			addr[i] = (chunk + i) * PAGEALLOC_CHUNK_NPAGES;
			lengths[i] = 1;
		}
		ck_assert(!call(&REQUEST(1, FREE, free, &m))->status);
	}
	other_open(&other, 1000);
	put_free_runs(1);
	f.out.n = 0;
	ck_assert_int_eq(turn(&at), RPC_E_PAUSE);
	meanwhile(&other, take_the_top_out, npages);
	while (turn(&at) == RPC_E_PAUSE)
		;
	f.n = 0;
	unpack(0);
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.reply->free_runs->nruns[8], NCHUNKS / 2);
	ck_assert_uint_eq(f.reply->free_runs->n_nruns, 9);
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

/* The request is refused in the middle: the walk is forgotten, the next one begins at the beginning. */
START_TEST(the_region_faults_meanwhile)
{
	size_t at = 0;

	large_make();
	put_fit(1, 1);
	f.out.n = 0;
	ck_assert_int_eq(turn(&at), RPC_E_PAUSE);
	log_open((enum log_level)0);
	region_fault(f.regions.table[1], "R0: told to by a test");
	ck_assert_int_eq(turn(&at), 0);
	ck_assert_uint_eq(at, f.n);
	ck_assert_ptr_null(f.conn->walk);
	unpack(0);
	ck_assert_uint_eq((unsigned)f.reply->status, PALLOCD_FAULTED);
	f.n = 0;
	alloc_at(0, 1);
}
END_TEST

/* What comes behind a walk on the same connection is answered behind it. */
START_TEST(replies_stay_in_order)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	size_t at = 0, k = 0;
	int npauses = 0;

	large_make();
	put(&REQUEST(1, STAT, stat, &m));
	put_fit(2, 1);
	put(&REQUEST(3, STAT, stat, &m));
	put_free_runs(4);
	put_fit(5, 511);
	f.out.n = 0;
	while (turn(&at) == RPC_E_PAUSE)
		npauses++;
	ck_assert_int_ge(npauses, 3 * (NTURNS - 1));
	ck_assert_uint_eq(at, f.n);
	f.n = 0;
	for (uint64_t id = 1; id <= 5; id++) {
		k = unpack(k);
		ck_assert_uint_eq(f.reply->id, id);
		ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	}
	ck_assert_uint_eq(k, f.out.n);
}
END_TEST

START_TEST(the_connection_closes_meanwhile)
{
	size_t at = 0;

	large_make();
	put_free_runs(1);
	f.out.n = 0;
	ck_assert_int_eq(turn(&at), RPC_E_PAUSE);
	f.n = 0;
	/* The teardown closes it; a sanitizer sees what is left. */
	ck_assert_ptr_nonnull(f.conn->walk);
}
END_TEST

START_TEST(a_walk_without_memory_is_refused)
{
	size_t at = 0;

	large_make();
	put_fit(1, 1);
	f.out.n = 0;
	mem_fail_after(0);
	ck_assert_int_eq(turn(&at), 0);
	mem_fail_after(-1);
	f.n = 0;
	unpack(0);
	assert_refused(f.reply, PALLOCD_NO_MEMORY, "");
	ck_assert_ptr_null(f.conn->walk);
	put_fit(2, 511);
	ck_assert_int_eq(turns(), NTURNS);
	ck_assert_uint_eq(f.reply->fit->nextents, NCHUNKS);
}
END_TEST

/*
 * Runs of 511 pages between two held ones: 257 pages at a multiple of 256 fit nowhere, but each chunk has to be looked into to know.
 * That is more than one turn may look into in vain.
 */
START_TEST(a_search_in_vain_takes_its_turns)
{
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__Why why = PALLOCD__V1__WHY__INIT;
	struct rpc_conn other;
	uint64_t requests, one = 257;
	struct state before;
	size_t at = 0;
	int n = 1;

	large_make();
	other_open(&other, 1000);
	m.region_id = why.region_id = LARGE;
	m.npages = &one;
	m.n_npages = 1;
	m.placement = why.placement = &p;
	p.align_npages = 256;
	before = state_of(LARGE);
	requests = f.rpc.counters.requests;
	put(&REQUEST(5, ALLOC, alloc, &m));
	ck_assert_int_gt(turns(), 1);
	ck_assert_uint_eq(f.reply->id, 5);
	assert_refused(f.reply, PALLOCD_NO_SPACE, "npages");
	ck_assert_uint_eq(f.reply->refusal->placed_npages, 256);
	ck_assert_uint_eq(f.reply->refusal->aligned_npages, 256);
	ck_assert_uint_eq(f.reply->refusal->bounded_npages, 511);
	ck_assert_uint_eq(f.rpc.counters.requests, requests + 1);
	assert_unchanged(LARGE, &before);
	/* Another boundary, so that nothing is known yet; somebody takes pages meanwhile. */
	p.boundary_npages = 1024;
	why.npages = 257;
	put(&REQUEST(6, WHY, why, &why));
	f.out.n = 0;
	while (turn(&at) == RPC_E_PAUSE) {
		meanwhile(&other, take_a_page, 0);
		n++;
	}
	f.n = 0;
	ck_assert_int_gt(n, 1);
	unpack(0);
	ck_assert_uint_eq(f.reply->id, 6);
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert(!f.reply->why->fits);
	ck_assert_uint_eq(f.reply->why->placed_npages, 256);
	ck_assert_uint_eq(f.reply->why->short_npages, 1);
	ck_assert_uint_eq(f.reply->why->bounded_npages, 511);
	/* In pieces, under a third one. */
	p.boundary_npages = 512;
	one = 600;
	m.scatter_extents = 3;
	put(&REQUEST(7, ALLOC, alloc, &m));
	turns();
	ck_assert_msg(!f.reply->status, "%s", f.reply->message);
	ck_assert_uint_eq(f.reply->alloc->n_addr, 3);
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, a_fit_takes_its_turns);
	tcase_add_test(tc, free_runs_take_their_turns);
	tcase_add_test(tc, free_runs_of_a_small_region);
	tcase_add_test(tc, others_have_their_turns);
	tcase_add_test(tc, the_region_shrinks_meanwhile);
	tcase_add_test(tc, the_region_faults_meanwhile);
	tcase_add_test(tc, replies_stay_in_order);
	tcase_add_test(tc, the_connection_closes_meanwhile);
	tcase_add_test(tc, a_walk_without_memory_is_refused);
	tcase_add_test(tc, a_search_in_vain_takes_its_turns);
}

int main(void)
{
	return run("walk", add_tests);
}
