/*
 * test_lease - Alloc.block on the wire, and who is told that others want space
 *
 * Role:       unit tests of leases in rpc/alloc.c and of rpc/recall.c; what blocks are is region's, see there.
 * Uses:       rpc/, region/, proto/, check
 */
#include "backed.h"
#include "base/clock.h"

static uint8_t token[SESSION_TOKEN_BYTES];

static Pallocd__V1__Alloc blocks(uint32_t region_id, uint32_t n)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	m.region_id = region_id;
	m.block = n;
	return m;
}

static Reply *lease(uint32_t region_id, uint32_t n)
{
	Pallocd__V1__Alloc m = blocks(region_id, n);

	return call(&REQUEST(5, ALLOC, alloc, &m));
}

/* Hello, with all that a client says who uses a cache. */
static void greet(bool resumes, bool recalls)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;

	m.version = 1;
	m.client = (char *)"test";
	m.grace_msec = 60000;
	m.repeats = true;
	m.recalls = recalls;
	if (resumes)
		m.token = (ProtobufCBinaryData){.len = sizeof(token), .data = token};
	assert_ok(call(&REQUEST(1000, HELLO, hello, &m)));
	memcpy(token, f.reply->hello->token.data, sizeof(token));
}

START_TEST(the_reply_names_each_run)
{
	uint64_t five = 5, one = 1, addr = BASE + 2 * 4096;
	const Pallocd__V1__AllocReply *a;

	hello();
	assert_ok(alloc_n(&five, 1, 0));
	assert_ok(free_n(&addr, &one, 1, 1));
	assert_ok(lease(1, 2));
	a = f.reply->alloc;
	ck_assert_uint_eq(a->n_addr, 2);
	ck_assert_uint_eq(a->n_npages, 2);
	ck_assert_uint_eq(a->addr[0], addr);
	ck_assert_uint_eq(a->npages[0], 1);
	ck_assert_uint_eq(a->addr[1], BASE + 5 * 4096);
	ck_assert_uint_eq(a->npages[1], 123);
	ck_assert_uint_eq(a->scavenged_npages, 123);
	/* Every second page of all that is left. */
	for (uint64_t page = 128; page < 1024; page += 2)
		alloc_at(page, 1);
	assert_ok(lease(1, PALLOCD_LEASE_BLOCKS_MAX));
	ck_assert_uint_eq(f.reply->alloc->n_addr, (1024 - 128) / 2);
	assert_refused(lease(1, 1), PALLOCD_NO_SPACE, "npages");
	ck_assert_uint_eq(f.reply->refusal->asked, 1);
	assert_regions();
}
END_TEST

START_TEST(what_does_not_go_with_blocks)
{
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	static const char *const fields[] = {"npages",          "placement", "name",    "label",
					     "scatter_extents", "wait_msec", "lifetime"};
	struct state before;

	hello();
	before = state_of(1);
	for (unsigned i = 0; i < 7; i++) {
		Pallocd__V1__Alloc m = blocks(1, 1);
		uint64_t one = 1;

		m.npages = &one;
		m.n_npages = i == 0;
		m.placement = i == 1 ? &p : NULL;
		m.name = (char *)(i == 2 ? "x" : "");
		m.label = (char *)(i == 3 ? "x" : "");
		m.scatter_extents = i == 4;
		m.wait_msec = i == 5;
		m.lifetime = i == 6;
		assert_refused(call(&REQUEST(5, ALLOC, alloc, &m)), PALLOCD_INVALID, fields[i]);
		assert_says("does not go with block");
	}
	assert_refused(lease(1, PALLOCD_LEASE_BLOCKS_MAX + 1), PALLOCD_LIMIT, "block");
	ck_assert_uint_eq(f.reply->refusal->limit, PALLOCD_LEASE_BLOCKS_MAX);
	assert_refused(lease(1, UINT32_MAX), PALLOCD_LIMIT, "block");
	assert_refused(lease(9, 1), PALLOCD_NO_REGION, "region_id");
	assert_unchanged(1, &before);
}
END_TEST

/* The answer to a lease whose connection was lost is the same once more. */
START_TEST(a_lease_is_done_once)
{
	struct session_peer peer = {.uid = 1000, .gid = 1000, .pid = 7};
	Pallocd__V1__Alloc m = blocks(1, 3);
	struct state before;
	uint8_t bytes[64];
	size_t n;

	greet(false, false);
	assert_ok(call(&REQUEST(1, ALLOC, alloc, &m)));
	n = f.out.n;
	ck_assert_uint_le(n, sizeof(bytes));
	memcpy(bytes, f.out.data, n);
	before = state_of(1);
	rpc_conn_close(f.conn, SESSION_CLOSED);
	ck_assert_int_eq(rpc_conn_open(f.conn, &f.rpc, &peer, &f.out), 0);
	greet(true, true);
	call(&REQUEST(1, ALLOC, alloc, &m));
	ck_assert_uint_eq(f.out.n, n);
	ck_assert_mem_eq(f.out.data, bytes, n);
	ck_assert_uint_eq(f.rpc.counters.repeated, 1);
	assert_unchanged(1, &before);
}
END_TEST

/* As many of the longest replies as can be remembered, and not one more. */
START_TEST(unanswered_leases_have_a_limit)
{
	unsigned n = 0;
	Reply *reply;

	greet(false, false);
	for (uint64_t id = 1;; id++) {
		Pallocd__V1__Alloc m = blocks(1, PALLOCD_LEASE_BLOCKS_MAX);
		uint64_t all = 1024, addr = BASE;
		Pallocd__V1__Free back = PALLOCD__V1__FREE__INIT;

		reply = call(&REQUEST(id, ALLOC, alloc, &m));
		if (reply->status)
			break;
		n++;
		back.region_id = 1;
		back.addr = &addr;
		back.npages = &all;
		back.n_addr = back.n_npages = 1;
		assert_ok(call(&REQUEST(++id, FREE, free, &back)));
	}
	assert_refused(reply, PALLOCD_LIMIT, "answered");
	ck_assert_uint_gt(n, 10);
}
END_TEST

/* Where pages are to have memory, or to be clear, leased ones are no exception. */
START_TEST(memory_is_seen_to_before_the_reply)
{
	Pallocd__V1__Alloc m = blocks(2, 2);
	const Pallocd__V1__AllocReply *a;
	const struct region *r = backed_make(
		(struct region_config){.commit_now = true, .sanitize = _i});

	hello();
	put_alloc(7, 8, 0, false);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	job_do(false);
	ck_assert_int_eq(serve_kept(), 0);
	held_fill(0, 8);
	free_at(0, 4);
	put(&REQUEST(8, ALLOC, alloc, &m));
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	ck_assert_uint_eq(r->busy_npages, 124);
	job_do(false);
	ck_assert_int_eq(serve_kept(), 0);
	ck_assert_uint_eq(unpack(0), f.out.n);
	a = f.reply->alloc;
	assert_ok(f.reply);
	ck_assert_uint_eq(a->n_addr, 2);
	ck_assert_uint_eq(a->npages[0], 4);
	ck_assert_uint_eq(a->npages[1], 120);
	ck_assert_uint_eq(a->scavenged_npages, 120);
	ck_assert_uint_eq(a->cleared_npages, _i ? 4 : 0);
	for (unsigned i = 0; i < 128; i++)
		ck_assert_int_eq(b.page[i], i >= 4 && i < 8 ? DATA : i < 4 && !_i ? DATA : ZEROS);
	ck_assert_uint_eq(r->busy_npages, 0);
	assert_regions();
}
END_TEST

/* What @conn is told: of these regions, in this order; 0: nothing more. */
static void assert_told(struct rpc_conn *conn, uint32_t first, uint32_t second)
{
	const uint32_t want[] = {first, second};
	size_t at = 0;

	f.out.n = 0;
	rpc_recalls(conn, &f.out);
	for (unsigned i = 0; i < 2 && want[i]; i++) {
		at = unpack(at);
		ck_assert_uint_eq(f.reply->id, 0);
		ck_assert_int_eq(f.reply->status, 0);
		ck_assert_int_eq(f.reply->result_case, PALLOCD__V1__REPLY__RESULT_RECALL);
		ck_assert_uint_eq(f.reply->recall->region_id, want[i]);
	}
	ck_assert_uint_eq(at, f.out.n);
}

/* Exactly @conn is to be told; NULL: nobody. */
static void assert_telling(const struct rpc_conn *conn)
{
	ck_assert_uint_eq(f.ntelling, conn != NULL);
	if (conn)
		ck_assert_ptr_eq(f.telling[0], conn);
	f.ntelling = 0;
}

/* Somebody asks for more than there is. */
static void want(struct rpc_conn *who)
{
	uint64_t all = 1024;

	/* Not right after another one. */
	while (f.regions.table[0]->recall && clock_usec() - f.regions.table[0]->recall_usec < 11000)
		;
	conn_swap(who);
	assert_refused(alloc_n(&all, 1, 0), PALLOCD_NO_SPACE, "npages");
	conn_swap(who);
}

START_TEST(who_leases_is_told_when_an_alloc_finds_no_space)
{
	struct rpc_conn other, third;

	other_open(&other, 1001);
	other_open(&third, 1002);
	hello();
	assert_ok(lease(1, 1));
	/* Holds pages as well, but has leased none. */
	conn_swap(&third);
	alloc_at(1000, 1);
	conn_swap(&third);
	want(&other);
	assert_telling(f.conn);
	assert_told(f.conn, 1, 0);
	assert_told(f.conn, 0, 0);
	assert_told(&third, 0, 0);
	rpc_conn_close(&other, SESSION_CLOSED);
	rpc_conn_close(&third, SESSION_CLOSED);
}
END_TEST

/* One who does not read is not told again, until he has asked for something. */
START_TEST(nobody_is_told_twice_who_does_not_listen)
{
	struct rpc_conn other;

	other_open(&other, 1001);
	hello();
	assert_ok(lease(1, 1));
	want(&other);
	assert_telling(f.conn);
	assert_told(f.conn, 1, 0);
	for (int i = 0; i < 3; i++) {
		want(&other);
		assert_telling(NULL);
		assert_told(f.conn, 0, 0);
	}
	assert_ok(lease(1, 1));
	/* What he has missed. */
	assert_telling(f.conn);
	assert_told(f.conn, 1, 0);
	assert_ok(lease(1, 1));
	assert_telling(NULL);
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

/* A burst of refusals is one recall. */
START_TEST(refusals_come_in_bursts)
{
	struct rpc_conn other;
	uint64_t all = 1024;

	other_open(&other, 1001);
	hello();
	assert_ok(lease(1, 1));
	want(&other);
	f.ntelling = 0;
	assert_told(f.conn, 1, 0);
	assert_ok(lease(1, 1));
	conn_swap(&other);
	alloc_n(&all, 1, 0);
	conn_swap(&other);
	if (clock_usec() - f.regions.table[0]->recall_usec < 10000)
		assert_telling(NULL);
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

/* Only of a region where the session holds something; of each once, whatever it has missed. */
START_TEST(each_region_is_another_matter)
{
	struct rpc_conn other;
	uint64_t all = 600, half = 500;

	region_make("second", 512, 512);
	region_make("third", 512, 512);
	other_open(&other, 1001);
	hello();
	assert_ok(lease(1, 1));
	assert_ok(lease(3, 1));
	conn_swap(&other);
	for (uint32_t id = 2; id <= 3; id++) {
		Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

		m.region_id = id;
		m.npages = &half;
		m.n_npages = 1;
		call(&REQUEST(1, ALLOC, alloc, &m));
		m.npages = &all;
		ck_assert_int_ne(call(&REQUEST(1, ALLOC, alloc, &m))->status, 0);
	}
	conn_swap(&other);
	want(&other);
	ck_assert_uint_eq(f.ntelling, 2);
	f.ntelling = 0;
	assert_told(f.conn, 1, 3);
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

/* A waiter's want does not end with being told of once: what is in use then may be free later. */
START_TEST(as_long_as_somebody_waits)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	uint64_t all = 1024, due, begin;
	struct rpc_conn other;

	other_open(&other, 1001);
	hello();
	assert_ok(lease(1, 1));
	m.region_id = 1;
	m.npages = &all;
	m.n_npages = 1;
	m.wait_msec = 600000;
	conn_swap(&other);
	put(&REQUEST(1, ALLOC, alloc, &m));
	ck_assert_int_eq(serve(), RPC_E_WAIT);
	conn_swap(&other);
	assert_telling(f.conn);
	assert_told(f.conn, 1, 0);
	begin = f.regions.table[0]->recall_usec;
	due = rpc_expire(&f.rpc);
	ck_assert_uint_eq(due, begin + 100000);
	assert_ok(lease(1, 1));
	assert_telling(NULL);
	while (clock_usec() < due)
		;
	ck_assert_uint_gt(rpc_expire(&f.rpc), due);
	assert_telling(f.conn);
	assert_told(f.conn, 1, 0);
	/* And then no more. */
	rpc_conn_close(&other, SESSION_CLOSED);
	ck_assert_uint_eq(rpc_expire(&f.rpc), UINT64_MAX);
}
END_TEST

START_TEST(when_space_becomes_low)
{
	struct region_config c = {.name = "low",
				  .base_addr = BASE,
				  .page_size_bytes = 4096,
				  .limit_bytes = 512 * 4096,
				  .initial_bytes = 512 * 4096,
				  .low_bytes = 100 * 4096,
				  RULES};
	struct rpc_conn other;
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	uint64_t npages = 512 - 64 - 100;

	ck_assert_int_eq(regions_add(&f.regions, &c), 0);
	other_open(&other, 1001);
	hello();
	assert_ok(lease(2, 1));
	m.region_id = 2;
	m.npages = &npages;
	m.n_npages = 1;
	conn_swap(&other);
	assert_ok(call(&REQUEST(1, ALLOC, alloc, &m)));
	assert_telling(NULL);
	npages = 1;
	assert_ok(call(&REQUEST(1, ALLOC, alloc, &m)));
	conn_swap(&other);
	assert_telling(f.conn);
	assert_told(f.conn, 2, 0);
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

/* Who resumes a session that has leased says so, and is told; others are not. */
START_TEST(a_session_goes_on_with_its_leases)
{
	struct session_peer peer = {.uid = 1000, .gid = 1000, .pid = 7};
	Pallocd__V1__Alloc m = blocks(1, 1);
	struct rpc_conn other;

	other_open(&other, 1001);
	greet(false, false);
	assert_ok(call(&REQUEST(1, ALLOC, alloc, &m)));
	rpc_conn_close(f.conn, SESSION_CLOSED);
	ck_assert_int_eq(rpc_conn_open(f.conn, &f.rpc, &peer, &f.out), 0);
	greet(true, _i);
	want(&other);
	assert_telling(_i ? f.conn : NULL);
	assert_told(f.conn, (uint32_t)_i, 0);
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, the_reply_names_each_run);
	tcase_add_test(tc, what_does_not_go_with_blocks);
	tcase_add_test(tc, a_lease_is_done_once);
	tcase_add_test(tc, unanswered_leases_have_a_limit);
	tcase_add_loop_test(tc, memory_is_seen_to_before_the_reply, 0, 2);
	tcase_add_test(tc, who_leases_is_told_when_an_alloc_finds_no_space);
	tcase_add_test(tc, nobody_is_told_twice_who_does_not_listen);
	tcase_add_test(tc, refusals_come_in_bursts);
	tcase_add_test(tc, each_region_is_another_matter);
	tcase_add_test(tc, as_long_as_somebody_waits);
	tcase_add_test(tc, when_space_becomes_low);
	tcase_add_loop_test(tc, a_session_goes_on_with_its_leases, 0, 2);
}

int main(void)
{
	return run("lease", add);
}
