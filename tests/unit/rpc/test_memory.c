/*
 * test_memory - Allocs and Resizes that care about the memory behind their pages
 *
 * Role:       unit tests of rpc/memory.h through its verbs, with jobs that the test does when it wants to.
 * Uses:       rpc/, region/, proto/, check
 */
#include "backed.h"

enum { LAZY = 1, NOW = 2 };

static struct region *r;
static struct rpc_conn other;

static void begin(struct region_config c)
{
	r = backed_make(c);
	hello();
}

static void assert_check(void)
{
	char why[160];

	ck_assert_msg(region_check(r, why, sizeof(why)), "%s", why);
}

/* The answer to what waits, which has been woken. */
static const Pallocd__V1__AllocReply *answer(void)
{
	ck_assert_uint_eq(f.nwoken, 1);
	ck_assert_ptr_eq(f.woken[0], f.conn);
	f.nwoken = 0;
	ck_assert_int_eq(serve_kept(), 0);
	ck_assert_uint_eq(unpack(0), f.out.n);
	assert_check();
	return f.reply->alloc;
}

START_TEST(memory_is_there_before_the_reply)
{
	const Pallocd__V1__AllocReply *reply;

	begin((struct region_config){.commit_now = _i});
	put_alloc(7, 8, _i ? 0 : NOW, false);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	ck_assert_uint_eq(f.out.n, 0);
	/* Nobody's yet, and nobody else's. */
	ck_assert_uint_eq(r->extents.nlive, 0);
	ck_assert_uint_eq(r->busy_npages, 8);
	assert_check();
	job_do(false);
	reply = answer();
	ck_assert_uint_eq(f.reply->id, 7);
	ck_assert_uint_eq(reply->addr[0], PAGE(0));
	ck_assert_uint_eq(reply->scavenged_npages, 8);
	ck_assert_uint_eq(reply->cleared_npages, 0);
	ck_assert_uint_eq(backing_resident_bytes(&b), 8 * PAGE_BYTES);
	ck_assert_uint_eq(r->extents.nlive, 1);
	ck_assert_uint_eq(r->busy_npages, 0);
	ck_assert_uint_eq(r->counters.allocs, 1);

	/* Lazily, whatever the region's configuration says. */
	put_alloc(8, 8, LAZY, false);
	ck_assert_int_eq(serve_kept(), 0);
	ck_assert_uint_eq(backing_resident_bytes(&b), 8 * PAGE_BYTES);
}
END_TEST

/* Somebody has held pages 0 to 7, and written to them. */
static void leave_data(void)
{
	put_alloc(1, 8, LAZY, false);
	if (serve_kept() == RPC_E_WAIT) {
		job_do(false);
		answer();
	}
	held_fill(0, 8);
	free_at(0, 8);
}

START_TEST(what_is_dirty_is_cleared_and_nothing_else)
{
	const Pallocd__V1__AllocReply *reply;

	/* By request, and because the region's configuration says so. */
	begin((struct region_config){.sanitize = _i});
	leave_data();
	put_alloc(2, 12, 0, !_i);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	job_do(false);
	reply = answer();
	ck_assert_uint_eq(reply->addr[0], PAGE(0));
	ck_assert_uint_eq(reply->scavenged_npages, 4);
	ck_assert_uint_eq(reply->cleared_npages, 8);
	ck_assert_uint_eq(reply->n_npages, 0);
	ck_assert_ptr_null(memchr(b.page, DATA, NPAGES));
	ck_assert_uint_eq(b.nclears, 1);
	ck_assert_uint_eq(r->counters.cleared, 8);

	/* What never had memory is zero as it is: no work, no waiting. */
	put_alloc(3, 12, 0, !_i);
	ck_assert_int_eq(serve_kept(), 0);
	unpack(0);
	ck_assert_uint_eq(f.reply->alloc->scavenged_npages, 12);
	ck_assert_uint_eq(f.njobs, 0);
}
END_TEST

/* A little is seen to at once where there is time for it, and costs what it took; a file's is not. */
START_TEST(little_takes_no_thread)
{
	begin((struct region_config){0});
	b.info.kind = BACKING_MEMFD;
	f.rpc.memory_max = 8 * PAGE_BYTES;
	put_alloc(1, 8, NOW, false);
	ck_assert_int_eq(serve_kept(), 0);
	unpack(0);
	assert_ok(f.reply);
	ck_assert_uint_eq(backing_resident_bytes(&b), 8 * PAGE_BYTES);
	ck_assert_uint_eq(r->busy_npages, 0);
	held_fill(0, 8);
	free_at(0, 8);
	assert_check();

	/* To clear 8 and to put memory behind 9 is more. */
	put_alloc(2, 9, NOW, true);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	job_do(false);
	answer();
	free_at(0, 9);

	b.info.kind = BACKING_FILE;
	put_alloc(3, 1, NOW, false);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	job_do(false);
	answer();
}
END_TEST

START_TEST(without_the_wish_data_stays)
{
	begin((struct region_config){0});
	leave_data();
	put_alloc(2, 8, 0, false);
	ck_assert_int_eq(serve_kept(), 0);
	ck_assert_int_eq(b.page[7], DATA);
}
END_TEST

START_TEST(refusals)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	uint64_t npages = 1;

	begin((struct region_config){0});
	put_alloc(1, 1, 3, false);
	ck_assert_int_eq(serve_kept(), 0);
	unpack(0);
	assert_refused(f.reply, PALLOCD_INVALID, "commit");
	m.region_id = 1;
	m.npages = &npages;
	m.n_npages = 1;
	m.zero = true;
	assert_refused(call(&REQUEST(2, ALLOC, alloc, &m)), PALLOCD_INVALID, "zero");
	assert_says("nothing behind");
	m.zero = false;
	m.commit = PALLOCD__V1__COMMIT__COMMIT_NOW;
	assert_refused(call(&REQUEST(2, ALLOC, alloc, &m)), PALLOCD_INVALID, "commit");
	m.commit = PALLOCD__V1__COMMIT__COMMIT_LAZY;
	assert_ok(call(&REQUEST(2, ALLOC, alloc, &m)));
}
END_TEST

START_TEST(no_memory_for_it)
{
	static const struct {
		int commit_err, clear_err;
		const char *says;
	} rows[] = {
		{BACKING_E_NO_MEMORY, 0, "no memory is left"},
		{-EIO, 0, "Input/output error"},
		{0, -EIO, "Input/output error"},
		{0, BACKING_E_NO_MEMORY, "no memory is left"},
	};
	struct state before;

	begin((struct region_config){0});
	leave_data();
	before = state_of(2);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		b.commit_err = rows[i].commit_err;
		b.clear_err = rows[i].clear_err;
		put_alloc(2, 8, NOW, true);
		ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
		job_do(false);
		answer();
		assert_refused(f.reply, PALLOCD_NO_MEMORY, "");
		assert_says(rows[i].says);
		ck_assert_uint_eq(r->counters.no_memory, i + 1);
		ck_assert_uint_eq(r->busy_npages, 0);
		assert_unchanged(2, &before);
	}
	/* Pages that were given back count as dirty still. */
	b.commit_err = b.clear_err = 0;
	put_alloc(3, 8, NOW, true);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	job_do(false);
	ck_assert_uint_eq(answer()->cleared_npages, 8);
}
END_TEST

/* Who has asked goes before the work is done, or after it and before the answer; and the work may never begin. */
START_TEST(who_goes_meanwhile_leaves_nothing)
{
	struct state before;

	begin((struct region_config){0});
	leave_data();
	before = state_of(2);
	other_open(&other, 1001);
	conn_swap(&other);
	put_alloc(2, 8, NOW, true);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	f.n = 0;
	conn_swap(&other);
	if (_i == 0)
		job_do(false);
	rpc_conn_close(&other, SESSION_DIED);
	while (!rpc_work(&f.rpc))
		;
	if (_i)
		/* Nobody gets pages that somebody is at work on. */
		ck_assert_uint_eq(r->busy_npages, 8);
	if (_i)
		job_do(_i == 2);
	f.nwoken = 0;
	ck_assert_uint_eq(r->busy_npages, 0);
	assert_unchanged(2, &before);
}
END_TEST

START_TEST(a_session_that_is_lost_meanwhile)
{
	struct session *s;

	begin((struct region_config){0});
	put_alloc(2, 8, NOW, true);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	s = f.conn->session;
	session_end(s, SESSION_KILLED, 0);
	/* As EndSession does it. */
	f.conn->session = NULL;
	f.conn->ending = PALLOCD_SESSION_ENDED;
	job_do(false);
	f.nwoken = 0;
	ck_assert_int_eq(serve_kept(), RPC_E_CLOSE);
	ck_assert_uint_eq(r->busy_npages, 0);
	ck_assert_uint_eq(r->extents.nlive, 0);
	assert_check();
}
END_TEST

START_TEST(names_and_quotas_are_looked_at_again)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	uint64_t npages = 6, page;

	begin((struct region_config){.user_bytes = 8 * PAGE_BYTES});
	other_open(&other, 1000);
	m.region_id = 2;
	m.npages = &npages;
	m.n_npages = 1;
	m.name = (char *)"twins";
	m.commit = PALLOCD__V1__COMMIT__COMMIT_NOW;
	for (int i = 0; i < 2; i++) {
		put(&REQUEST(5, ALLOC, alloc, &m));
		ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
		/* Somebody is faster. */
		f.n = 0;
		conn_swap(&other);
		m.commit = PALLOCD__V1__COMMIT__COMMIT_LAZY;
		npages = i ? 1 : 6;
		m.name = (char *)(i ? "twins" : "");
		assert_ok(call(&REQUEST(6, ALLOC, alloc, &m)));
		page = (f.reply->alloc->addr[0] - BASE) / PAGE_BYTES;
		conn_swap(&other);
		npages = 6;
		m.name = (char *)"twins";
		m.commit = PALLOCD__V1__COMMIT__COMMIT_NOW;
		put(&REQUEST(5, ALLOC, alloc, &m));
		job_do(false);
		answer();
		assert_refused(f.reply, i ? PALLOCD_NAME_TAKEN : PALLOCD_QUOTA,
			       i ? "name" : "user_pages");
		ck_assert_uint_eq(r->busy_npages, 0);
		conn_swap(&other);
		free_at(page, i ? 1 : 6);
		conn_swap(&other);
		npages = 6;
	}
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

/* There is room, but for pages that are on their way to somebody else. */
START_TEST(who_comes_later_waits_for_busy_pages)
{
	begin((struct region_config){0});
	put_alloc(1, NPAGES - 4, NOW, false);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	f.n = 0;
	other_open(&other, 1001);
	conn_swap(&other);
	put_alloc(2, 8, 0, false);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	/* The first one fails: there is room now. Or it does not: there is none. */
	if (_i) {
		rpc_conn_close(&f.main, SESSION_CLOSED);
		job_do(false);
	} else {
		job_do(false);
		ck_assert_uint_eq(f.nwoken, 1);
		f.nwoken = 0;
		f.n = 0;
		conn_swap(&other);
		put_alloc(1, NPAGES - 4, NOW, false);
		ck_assert_int_eq(serve_kept(), 0);
		unpack(0);
		assert_ok(f.reply);
		conn_swap(&other);
		put_alloc(2, 8, 0, false);
	}
	answer();
	if (_i)
		assert_ok(f.reply);
	else
		assert_refused(f.reply, PALLOCD_NO_SPACE, "npages");
	if (_i)
		ck_assert_int_eq(
			rpc_conn_open(&f.main, &f.rpc, &(struct session_peer){.uid = 1000}, &f.out),
			0);
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_CLOSED);
	while (!rpc_work(&f.rpc))
		;
}
END_TEST

START_TEST(no_memory_of_our_own)
{
	struct state before;

	begin((struct region_config){0});
	leave_data();
	before = state_of(2);
	f.submit_err = -ENOMEM;
	put_alloc(2, 8, NOW, true);
	ck_assert_int_eq(serve_kept(), 0);
	unpack(0);
	assert_refused(f.reply, PALLOCD_NO_MEMORY, "");
	assert_unchanged(2, &before);
	f.submit_err = 0;
	for (long n = 0;; n++) {
		int err;

		put_alloc(2, 8, NOW, true);
		mem_fail_after(n);
		err = serve_kept();
		mem_fail_after(-1);
		if (err == RPC_E_WAIT)
			break;
		ck_assert_int_eq(err, 0);
		unpack(0);
		assert_refused(f.reply, PALLOCD_NO_MEMORY, "");
		assert_unchanged(2, &before);
	}
	job_do(false);
	assert_ok((answer(), f.reply));
}
END_TEST

START_TEST(what_an_extent_grows_by)
{
	Pallocd__V1__Resize m = PALLOCD__V1__RESIZE__INIT;

	begin((struct region_config){.sanitize = true, .commit_now = true});
	leave_data();
	put_alloc(2, 2, LAZY, false);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	job_do(false);
	answer();
	m.region_id = 2;
	m.addr = PAGE(0);
	m.npages = 12;
	put(&REQUEST(3, RESIZE, resize, &m));
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	ck_assert_uint_eq(r->busy_npages, 10);
	if (_i) {
		/* There is no memory: it stays as long as it was. */
		b.commit_err = BACKING_E_NO_MEMORY;
		job_do(false);
		answer();
		assert_refused(f.reply, PALLOCD_NO_MEMORY, "");
		ck_assert_uint_eq(r->used_npages, 2);
		return;
	}
	job_do(false);
	answer();
	assert_ok(f.reply);
	ck_assert_uint_eq(f.reply->resize->npages, 12);
	ck_assert_uint_eq(f.reply->resize->cleared_npages, 6);
	ck_assert_uint_eq(f.reply->resize->scavenged_npages, 4);
	ck_assert_ptr_null(memchr(b.page, DATA, NPAGES));
	ck_assert_uint_eq(r->used_npages, 12);
	/* Shorter: nothing to see to. */
	m.npages = 1;
	put(&REQUEST(4, RESIZE, resize, &m));
	ck_assert_int_eq(serve_kept(), 0);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_loop_test(tc, memory_is_there_before_the_reply, 0, 2);
	tcase_add_loop_test(tc, what_is_dirty_is_cleared_and_nothing_else, 0, 2);
	tcase_add_test(tc, little_takes_no_thread);
	tcase_add_test(tc, without_the_wish_data_stays);
	tcase_add_test(tc, refusals);
	tcase_add_test(tc, no_memory_for_it);
	tcase_add_loop_test(tc, who_goes_meanwhile_leaves_nothing, 0, 3);
	tcase_add_test(tc, a_session_that_is_lost_meanwhile);
	tcase_add_test(tc, names_and_quotas_are_looked_at_again);
	tcase_add_loop_test(tc, who_comes_later_waits_for_busy_pages, 0, 2);
	tcase_add_test(tc, no_memory_of_our_own);
	tcase_add_loop_test(tc, what_an_extent_grows_by, 0, 2);
}

int main(void)
{
	return run("memory", add_tests);
}
