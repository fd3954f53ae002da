/*
 * test_commit - what has changed is written down before anybody is told
 *
 * Role:       tests rpc_commit() against a store that fails, and is slow, as told.
 */
#include "tests/unit/fake_store.h"
#include "tests/unit/rpc/fixture.h"

enum { NONE = 1, PROCESS, MACHINE };

static unsigned ncommitted;

static void ops_committed(struct rpc *rpc)
{
	ck_assert_ptr_eq(rpc, &f.rpc);
	ncommitted++;
}

static struct rpc_ops with_committed;

static void kept_make(const char *name, enum region_durability d)
{
	struct region_config config = {
		.base_addr = BASE,
		.page_size_bytes = 4096,
		.limit_bytes = 2048 * 4096,
		.initial_bytes = 1024 * 4096,
		.durability = d,
		RULES,
	};

	snprintf(config.name, sizeof(config.name), "%s", name);
	ck_assert_int_eq(regions_add(&f.regions, &config), 0);
}

/* A daemon whose first region is kept nowhere, the second until the system goes down, the third always. */
static void begin(void)
{
	kept_make("p", REGION_DURABILITY_PROCESS);
	kept_make("m", REGION_DURABILITY_MACHINE);
	with_committed = ops;
	with_committed.committed = ops_committed;
	f.rpc.ops = &with_committed;
	f.rpc.store = fake_store_make(&f.regions);
	hello();
	ck_assert_uint_eq(rpc_commit(&f.rpc), 0);
}

static Reply *take(uint32_t region)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	uint64_t one = 1;

	m.region_id = region;
	m.npages = &one;
	m.n_npages = 1;
	return call(&REQUEST(9, ALLOC, alloc, &m));
}

/* One page is taken, and written down as far as that can be at once. Return: what rpc_commit() says. */
static uint64_t take_commit(uint32_t region)
{
	assert_ok(take(region));
	return rpc_commit(&f.rpc);
}

/* The clock goes on, and what has failed is tried again. */
static void retry(void)
{
	ck_assert_uint_ne(f.rpc.commit.retry_usec, UINT64_MAX);
	ck_assert_uint_le(rpc_expire(&f.rpc), f.rpc.commit.retry_usec);
	f.rpc.commit.retry_usec = 1;
	(void)rpc_expire(&f.rpc);
}

static void end(void)
{
	f.rpc.store = NULL;
}

START_TEST(nothing_is_written_where_nothing_has_changed)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	unsigned before;

	begin();
	before = fake->ncommits;
	assert_ok(call(&REQUEST(5, STAT, stat, &m)));
	ck_assert_uint_eq(rpc_commit(&f.rpc), 0);
	ck_assert_uint_eq(take_commit(NONE), 0);
	ck_assert_uint_eq(fake->ncommits, before);
	end();
}
END_TEST

START_TEST(without_a_store_nothing_is_held)
{
	kept_make("p", REGION_DURABILITY_PROCESS);
	hello();
	f.regions.changed = true;
	ck_assert_uint_eq(rpc_commit(&f.rpc), 0);
	ck_assert(f.regions.changed);
}
END_TEST

START_TEST(what_needs_no_sync_is_written_at_once)
{
	unsigned before;

	begin();
	before = fake->nprocess;
	ck_assert_uint_eq(take_commit(PROCESS), 0);
	ck_assert_uint_eq(fake->nprocess, before + 1);
	ck_assert_uint_eq(f.njobs, 0);
	end();
}
END_TEST

START_TEST(what_needs_a_sync_holds_its_replies_until_a_thread_has_written_it)
{
	uint64_t number;

	begin();
	number = take_commit(MACHINE);
	ck_assert_uint_eq(number, 1);
	ck_assert_uint_eq(f.rpc.commit_done, 0);
	ck_assert_uint_eq(f.njobs, 1);
	ck_assert(rpc_committing(&f.rpc));
	job_do(false);
	ck_assert_uint_eq(f.rpc.commit_done, number);
	ck_assert_uint_eq(ncommitted, 1);
	ck_assert(!rpc_committing(&f.rpc));
	end();
}
END_TEST

START_TEST(what_changes_while_a_batch_is_written_shares_the_next_one)
{
	begin();
	ck_assert_uint_eq(take_commit(MACHINE), 1);
	ck_assert_uint_eq(take_commit(MACHINE), 2);
	/* Those who need no sync do not wait for one. */
	ck_assert_uint_eq(take_commit(PROCESS), 0);
	ck_assert_uint_eq(take_commit(MACHINE), 3);
	ck_assert_uint_eq(take_commit(MACHINE), 4);
	ck_assert_uint_eq(f.njobs, 1);
	job_do(false);
	ck_assert_uint_eq(f.rpc.commit_done, 1);
	ck_assert_uint_eq(f.njobs, 1);
	job_do(false);
	ck_assert_uint_eq(f.rpc.commit_done, 4);
	ck_assert_uint_eq(f.njobs, 0);
	ck_assert_uint_eq(fake->nwrites, 2);
	ck_assert_uint_eq(fake->nwritten, 4);
	end();
}
END_TEST

START_TEST(batches_that_cannot_be_joined_are_written_in_order)
{
	begin();
	fake->join_fails = true;
	for (uint64_t i = 1; i <= 3; i++)
		ck_assert_uint_eq(take_commit(MACHINE), i);
	/* There is room for no more of them: this one, whatever it needs, is written after them. */
	ck_assert_uint_eq(take_commit(PROCESS), 4);
	ck_assert_uint_eq(take_commit(MACHINE), 4);
	for (uint64_t i = 1; i <= 2; i++) {
		job_do(false);
		ck_assert_uint_eq(f.rpc.commit_done, i);
	}
	job_do(false);
	job_do(false);
	ck_assert_uint_eq(f.rpc.commit_done, 4);
	ck_assert_uint_eq(fake->nwritten, 4);
	ck_assert_uint_eq(f.njobs, 0);
	end();
}
END_TEST

START_TEST(without_threads_a_batch_is_written_at_once)
{
	begin();
	f.submit_err = -ENOMEM;
	ck_assert_uint_eq(take_commit(MACHINE), 0);
	f.rpc.ops = NULL;
	ck_assert_uint_eq(take_commit(MACHINE), 0);
	ck_assert_uint_eq(fake->nwritten, 2);
	f.rpc.ops = &with_committed;
	end();
}
END_TEST

START_TEST(a_failed_commit_is_tried_until_it_succeeds_and_changes_are_refused_meanwhile)
{
	struct state before;
	uint64_t number;

	begin();
	fake->commit_err = -ENOSPC;
	number = take_commit(PROCESS);
	ck_assert_uint_gt(number, f.rpc.commit_done);
	before = state_of(PROCESS);
	assert_refused(take(PROCESS), PALLOCD_STORE_FAILED, "");
	assert_says("No space left");
	assert_says("process");
	assert_says(" p ");
	assert_unchanged(PROCESS, &before);
	/* Its batches are gathered where the others are written. */
	assert_refused(take(MACHINE), PALLOCD_STORE_FAILED, "");
	assert_ok(take(NONE));
	ck_assert_uint_eq(rpc_commit(&f.rpc), 0);
	retry();
	ck_assert_uint_lt(f.rpc.commit_done, number);
	ck_assert_int_eq(f.rpc.failing[REGION_DURABILITY_PROCESS], -ENOSPC);
	fake->commit_err = 0;
	retry();
	ck_assert_uint_eq(f.rpc.commit_done, number);
	ck_assert_uint_eq(ncommitted, 1);
	ck_assert_uint_eq(f.rpc.commit.retry_usec, UINT64_MAX);
	ck_assert_uint_eq(take_commit(PROCESS), 0);
	end();
}
END_TEST

START_TEST(a_batch_that_failed_is_tried_again_and_holds_those_behind_it)
{
	begin();
	ck_assert_uint_eq(take_commit(MACHINE), 1);
	ck_assert_uint_eq(take_commit(MACHINE), 2);
	fake->write_err = -EIO;
	job_do(false);
	ck_assert_uint_eq(f.rpc.commit_done, 0);
	ck_assert_uint_eq(f.njobs, 0);
	assert_refused(take(MACHINE), PALLOCD_STORE_FAILED, "");
	assert_says("machine");
	ck_assert_uint_eq(take_commit(PROCESS), 0);
	retry();
	job_do(false);
	ck_assert_uint_eq(f.rpc.commit_done, 0);
	fake->write_err = 0;
	retry();
	job_do(false);
	job_do(false);
	ck_assert_uint_eq(f.rpc.commit_done, 2);
	ck_assert_uint_eq(fake->nwritten, 2);
	ck_assert_uint_eq(take_commit(MACHINE), 3);
	job_do(false);
	end();
}
END_TEST

START_TEST(sessions_begin_and_end_while_the_store_fails)
{
	Pallocd__V1__EndSession m = PALLOCD__V1__END_SESSION__INIT;
	struct rpc_conn other;
	uint64_t number;

	begin();
	fake->commit_err = -EROFS;
	number = take_commit(PROCESS);
	ck_assert_uint_ne(number, 0);
	other_open(&other, 1000);
	ck_assert_uint_eq(rpc_commit(&f.rpc), 0);
	m.session = other.session->id;
	assert_ok(call(&REQUEST(6, END_SESSION, end_session, &m)));
	ck_assert_uint_eq(rpc_commit(&f.rpc), 0);
	rpc_conn_close(&other, SESSION_CLOSED);
	fake->commit_err = 0;
	retry();
	ck_assert_uint_eq(f.rpc.commit_done, f.rpc.commit_last);
	ck_assert_uint_ge(f.rpc.commit_done, number);
	end();
}
END_TEST

START_TEST(stat_says_what_is_wrong_with_the_store)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	const Pallocd__V1__StatReply *r;

	begin();
	m.region_id = MACHINE;
	assert_ok(call(&REQUEST(5, STAT, stat, &m)));
	r = f.reply->stat;
	ck_assert_str_eq(r->region->store_failure, "");
	ck_assert_int_eq((int)r->region->durability, PALLOCD__V1__DURABILITY__DURABILITY_MACHINE);
	ck_assert_uint_eq(r->region->generation, 1);
	ck_assert_uint_eq(r->daemon->process_failures_total, 3);
	ck_assert_uint_eq(r->daemon->machine_failures_total, 4);
	ck_assert_uint_eq(r->daemon->process_bytes, 5);
	ck_assert_uint_eq(r->daemon->machine_bytes, 6);
	(void)take_commit(MACHINE);
	fake->write_err = -ENOSPC;
	job_do(false);
	assert_ok(call(&REQUEST(5, STAT, stat, &m)));
	ck_assert_str_eq(f.reply->stat->region->store_failure, "No space left on device");
	ck_assert_str_eq(f.reply->stat->daemon->store_failure, "No space left on device");
	m.region_id = PROCESS;
	assert_ok(call(&REQUEST(5, STAT, stat, &m)));
	ck_assert_str_eq(f.reply->stat->region->store_failure, "");
	end();
}
END_TEST

START_TEST(a_stop_writes_what_is_left_and_leaves_sessions_as_they_are)
{
	struct rpc_conn other;
	uint64_t id;

	begin();
	other_open(&other, 1000);
	id = other.session->id;
	(void)!rpc_commit(&f.rpc);
	ck_assert_uint_eq(take_commit(MACHINE), 1);
	ck_assert_uint_eq(take_commit(MACHINE), 2);
	assert_ok(take(PROCESS));
	assert_ok(take(MACHINE));
	rpc_stop(&f.rpc);
	rpc_conn_close(&other, SESSION_CLOSED);
	ck_assert_int_eq(session_by_id(&f.regions, id)->state, SESSION_OPEN);
	/* The thread pool lets go of what it has not begun. */
	job_do(true);
	ck_assert_uint_eq(f.njobs, 0);
	ck_assert_uint_eq(f.rpc.commit_done, 3);
	ck_assert_uint_eq(fake->nwritten, 3);
	ck_assert(!f.regions.changed);
	end();
	session_end(session_by_id(&f.regions, id), SESSION_CLOSED, 1);
}
END_TEST

START_TEST(a_stop_without_a_store_ends_sessions)
{
	struct rpc_conn other;

	other_open(&other, 1000);
	rpc_stop(&f.rpc);
	rpc_conn_close(&other, SESSION_CLOSED);
	while (!rpc_work(&f.rpc))
		;
	ck_assert_uint_eq(f.regions.nsessions[SESSION_OPEN], 0);
}
END_TEST

START_TEST(a_stop_while_the_store_fails_says_so_and_goes_on)
{
	begin();
	(void)take_commit(MACHINE);
	fake->write_err = -EIO;
	job_do(false);
	(void)take_commit(PROCESS);
	rpc_stop(&f.rpc);
	ck_assert_uint_eq(f.rpc.commit_done, 0);
	ck_assert(!rpc_committing(&f.rpc));
	end();
}
END_TEST

/* Region "p", whose memory is not what it was @n times before. */
static void generations(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		region_void(regions_by_name(&f.regions, "p"));
}

START_TEST(an_id_of_a_generation_that_is_gone_is_stale)
{
	Pallocd__V1__RegionInfo m = PALLOCD__V1__REGION_INFO__INIT;
	struct state before;

	begin();
	generations(2);
	(void)!rpc_commit(&f.rpc);
	before = state_of(PROCESS);
	assert_refused(take(PROCESS), PALLOCD_STALE, "region_id");
	assert_says("region p");
	assert_refused(take(PROCESS | 1 << 16), PALLOCD_STALE, "region_id");
	assert_unchanged(PROCESS, &before);
	assert_refused(take(PROCESS | 3 << 16), PALLOCD_NO_REGION, "region_id");
	assert_refused(take(7 | 1 << 16), PALLOCD_NO_REGION, "region_id");
	assert_ok(take(PROCESS | 2 << 16));
	m.region = (char *)"p";
	assert_ok(call(&REQUEST(5, REGION_INFO, region_info, &m)));
	ck_assert_uint_eq(f.reply->region_info->region->id, PROCESS | 2 << 16);
	ck_assert_uint_eq(f.reply->region_info->region->generation, 3);
	ck_assert_int_eq((int)f.reply->region_info->region->durability,
			 PALLOCD__V1__DURABILITY__DURABILITY_PROCESS);
	(void)!rpc_commit(&f.rpc);
	end();
}
END_TEST

START_TEST(ids_are_the_same_wherever_they_are_told)
{
	Pallocd__V1__ListRegions list = PALLOCD__V1__LIST_REGIONS__INIT;
	Pallocd__V1__Stat stat = PALLOCD__V1__STAT__INIT;
	Pallocd__V1__Watch watch = PALLOCD__V1__WATCH__INIT;
	const uint32_t id = PROCESS | 1 << 16;

	begin();
	generations(1);
	assert_ok(call(&REQUEST(5, LIST_REGIONS, list_regions, &list)));
	ck_assert_uint_eq(f.reply->list_regions->n_regions, 3);
	ck_assert_uint_eq(f.reply->list_regions->regions[1]->id, id);
	list.after = id;
	assert_ok(call(&REQUEST(5, LIST_REGIONS, list_regions, &list)));
	ck_assert_uint_eq(f.reply->list_regions->n_regions, 1);
	ck_assert_uint_eq(f.reply->list_regions->regions[0]->id, MACHINE);
	stat.region_id = id;
	assert_ok(call(&REQUEST(5, STAT, stat, &stat)));
	ck_assert_uint_eq(f.reply->stat->region->id, id);
	watch.region_id = id;
	assert_ok(call(&REQUEST(5, WATCH, watch, &watch)));
	assert_ok(take(id));
	f.out.n = 0;
	ck_assert(!rpc_events(f.conn, &f.out));
	(void)unpack(0);
	ck_assert_int_eq((int)f.reply->result_case, PALLOCD__V1__REPLY__RESULT_EVENTS);
	ck_assert_uint_eq(f.reply->events->events[0]->region_id, id);
	(void)!rpc_commit(&f.rpc);
	end();
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, nothing_is_written_where_nothing_has_changed);
	tcase_add_test(tc, without_a_store_nothing_is_held);
	tcase_add_test(tc, what_needs_no_sync_is_written_at_once);
	tcase_add_test(tc, what_needs_a_sync_holds_its_replies_until_a_thread_has_written_it);
	tcase_add_test(tc, what_changes_while_a_batch_is_written_shares_the_next_one);
	tcase_add_test(tc, batches_that_cannot_be_joined_are_written_in_order);
	tcase_add_test(tc, without_threads_a_batch_is_written_at_once);
	tcase_add_test(
		tc, a_failed_commit_is_tried_until_it_succeeds_and_changes_are_refused_meanwhile);
	tcase_add_test(tc, a_batch_that_failed_is_tried_again_and_holds_those_behind_it);
	tcase_add_test(tc, sessions_begin_and_end_while_the_store_fails);
	tcase_add_test(tc, stat_says_what_is_wrong_with_the_store);
	tcase_add_test(tc, a_stop_writes_what_is_left_and_leaves_sessions_as_they_are);
	tcase_add_test(tc, a_stop_without_a_store_ends_sessions);
	tcase_add_test(tc, a_stop_while_the_store_fails_says_so_and_goes_on);
	tcase_add_test(tc, an_id_of_a_generation_that_is_gone_is_stale);
	tcase_add_test(tc, ids_are_the_same_wherever_they_are_told);
}

int main(void)
{
	return run("commit", add);
}
