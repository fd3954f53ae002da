/*
 * test_scavenger - when memory behind free pages goes back
 *
 * Role:       unit tests of rpc/scavenger.h: in the background, by Scavenge, under pressure; with jobs that the test does when it wants to.
 * Uses:       rpc/, region/, proto/, check
 */
#include "backed.h"
#include "base/clock.h"
#include "rpc/scavenger.h"

static struct region *r;
static struct rpc_conn other;

/* Pages 0 to 15 are held, and 16 to 47 free, all with memory. */
static void begin(struct region_config c)
{
	r = backed_make(c);
	hello();
	put_alloc(1, 48, 0, false);
	ck_assert_int_eq(serve_kept(), 0);
	held_fill(0, 48);
	free_at(16, 32);
}

static void put_scavenge(uint64_t bytes, bool wait)
{
	Pallocd__V1__Scavenge m = PALLOCD__V1__SCAVENGE__INIT;

	m.region_id = 2;
	m.bytes = bytes;
	m.wait = wait;
	put(&REQUEST(5, SCAVENGE, scavenge, &m));
}

static const Pallocd__V1__RegionStat *stat_of(void)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;

	m.region_id = 2;
	return call(&REQUEST(6, STAT, stat, &m))->stat->region;
}

static void jobs_do(void)
{
	while (f.njobs)
		job_do(false);
}

START_TEST(all_of_it_while_the_request_waits)
{
	const Pallocd__V1__RegionStat *stat;

	begin((struct region_config){.retain_percent = 100, .scavenge_delay_usec = 3600000000u});
	ck_assert_uint_eq(stat_of()->resident_bytes, 48 * PAGE_BYTES);
	put_scavenge(0, true);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	ck_assert_uint_eq(r->busy_npages, 32);
	jobs_do();
	ck_assert_uint_eq(f.nwoken, 1);
	ck_assert_int_eq(serve_kept(), 0);
	unpack(0);
	assert_ok(f.reply);
	ck_assert_uint_eq(f.reply->scavenge->released_npages, 32);
	ck_assert_str_eq(f.reply->scavenge->failure, "");
	stat = stat_of();
	ck_assert_uint_eq(stat->resident_bytes, 16 * PAGE_BYTES);
	ck_assert_uint_eq(stat->released_npages_total, 32);
	ck_assert_uint_eq(stat->busy_npages, 0);
	ck_assert_int_eq(stat->scavenger, PALLOCD__V1__SCAVENGER_STATE__SCAVENGER_DONE);

	/* There is nothing left: no work, no waiting. */
	put_scavenge(0, true);
	ck_assert_int_eq(serve_kept(), 0);
	unpack(0);
	ck_assert_uint_eq(f.reply->scavenge->released_npages, 0);
}
END_TEST

/* Who asks for all of it means what there is: what others free meanwhile does not keep the answer back. */
START_TEST(what_others_free_meanwhile_is_not_meant)
{
	begin((struct region_config){.retain_percent = 100, .scavenge_delay_usec = 3600000000u});
	put_scavenge(0, true);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	ck_assert_int_eq(region_free(r, f.conn->session, &(uint64_t){PAGE(0)}, &(uint64_t){1}, 1,
				     &(uint64_t){0}, &(uint64_t){0}, &(struct region_refusal){0}),
			 0);
	job_do(false);
	ck_assert_uint_eq(f.nwoken, 1);
	ck_assert_int_eq(serve_kept(), 0);
	unpack(0);
	assert_ok(f.reply);
	ck_assert_uint_eq(f.reply->scavenge->released_npages, 32);
	ck_assert_uint_eq(f.njobs, 0);
}
END_TEST

START_TEST(a_part_of_it_from_the_highest_down)
{
	begin((struct region_config){.retain_percent = 100});
	/* A part of a page counts as one. */
	put_scavenge(3 * PAGE_BYTES + 1, false);
	ck_assert_int_eq(serve_kept(), 0);
	unpack(0);
	assert_ok(f.reply);
	jobs_do();
	ck_assert_int_eq(b.page[47], HOLE);
	ck_assert_int_eq(b.page[44], HOLE);
	ck_assert_int_eq(b.page[43], DATA);
	ck_assert_uint_eq(r->counters.released, 4);
}
END_TEST

START_TEST(refusals)
{
	Pallocd__V1__Scavenge m = PALLOCD__V1__SCAVENGE__INIT;

	begin((struct region_config){0});
	m.region_id = 1;
	assert_refused(call(&REQUEST(5, SCAVENGE, scavenge, &m)), PALLOCD_INVALID, "region_id");
	assert_says("nothing behind");
	b.info.releases = false;
	m.region_id = 2;
	assert_refused(call(&REQUEST(5, SCAVENGE, scavenge, &m)), PALLOCD_INVALID, "region_id");
	ck_assert_int_eq(stat_of()->scavenger, PALLOCD__V1__SCAVENGER_STATE__SCAVENGER_OFF);
}
END_TEST

START_TEST(the_system_takes_nothing_back)
{
	begin((struct region_config){0});
	b.release_err = -EIO;
	put_scavenge(0, true);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	jobs_do();
	ck_assert_int_eq(serve_kept(), 0);
	unpack(0);
	assert_ok(f.reply);
	ck_assert_uint_eq(f.reply->scavenge->released_npages, 0);
	ck_assert_str_eq(f.reply->scavenge->failure, strerror(EIO));
	ck_assert_int_eq(stat_of()->scavenger, PALLOCD__V1__SCAVENGER_STATE__SCAVENGER_FAILED);
	/* It rests; who asks is served all the same. */
	ck_assert_uint_gt(scavengers_run(&f.rpc, clock_usec()), clock_usec() + 1000000);
	ck_assert_uint_eq(f.njobs, 0);
	b.release_err = 0;
	put_scavenge(0, false);
	ck_assert_int_eq(serve_kept(), 0);
	jobs_do();
	ck_assert_uint_eq(r->counters.released, 32);
}
END_TEST

START_TEST(in_the_background_what_is_not_kept)
{
	const Pallocd__V1__RegionStat *stat;

	/* 50 percent of the peak of 48 are 24 pages: 16 are held, 8 are kept. */
	begin((struct region_config){.retain_percent = 50});
	/* What was in use at the last look counts: the first look is about the time before. */
	rpc_expire(&f.rpc);
	rpc_expire(&f.rpc);
	jobs_do();
	ck_assert_uint_eq(r->counters.released, 24);
	ck_assert_int_eq(b.page[23], DATA);
	ck_assert_int_eq(b.page[24], HOLE);
	stat = stat_of();
	ck_assert_int_eq(stat->scavenger, PALLOCD__V1__SCAVENGER_STATE__SCAVENGER_RETAINING);
	ck_assert_uint_eq(stat->retained_npages, 8);
}
END_TEST

START_TEST(not_what_was_in_use_a_short_time_ago)
{
	begin((struct region_config){.scavenge_delay_usec = 3600000000u});
	rpc_expire(&f.rpc);
	rpc_expire(&f.rpc);
	ck_assert_uint_eq(f.njobs, 0);
	ck_assert_int_eq(stat_of()->scavenger, PALLOCD__V1__SCAVENGER_STATE__SCAVENGER_DELAYED);
	/* But when memory is short. */
	rpc_pressure(&f.rpc);
	jobs_do();
	ck_assert_uint_eq(r->counters.released, 32);
}
END_TEST

/* The share of the processor: a millionth of it for what takes some microseconds is a rest of seconds. */
START_TEST(it_rests_after_work)
{
	begin((struct region_config){.scavenge_cpu_ppm = 1});
	rpc_expire(&f.rpc);
	rpc_expire(&f.rpc);
	ck_assert_uint_eq(f.njobs, 1);
	/* Something that takes a while. */
	for (volatile unsigned i = 0; i < 1000000; i++)
		b.ncommits++;
	jobs_do();
	free_at(0, 16);
	rpc_expire(&f.rpc);
	rpc_expire(&f.rpc);
	ck_assert_uint_eq(f.njobs, 0);
	ck_assert_int_eq(stat_of()->scavenger, PALLOCD__V1__SCAVENGER_STATE__SCAVENGER_RESTING);
	/* Who asks does not wait for that. */
	put_scavenge(0, false);
	ck_assert_int_eq(serve_kept(), 0);
	ck_assert_uint_eq(f.njobs, 1);
	jobs_do();
	ck_assert_uint_eq(r->counters.released, 48);
}
END_TEST

START_TEST(who_goes_is_forgotten)
{
	begin((struct region_config){0});
	other_open(&other, 1001);
	conn_swap(&other);
	put_scavenge(0, true);
	ck_assert_int_eq(serve_kept(), RPC_E_WAIT);
	f.n = 0;
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_DIED);
	jobs_do();
	ck_assert_uint_eq(f.nwoken, 0);
	ck_assert_uint_eq(r->counters.released, 32);
}
END_TEST

START_TEST(at_the_daemons_end)
{
	begin((struct region_config){0});
	put_scavenge(0, false);
	ck_assert_int_eq(serve_kept(), 0);
	job_do(true);
	ck_assert_uint_eq(f.njobs, 0);
	ck_assert_uint_eq(r->busy_npages, 0);
	ck_assert_uint_eq(r->counters.released, 0);
}
END_TEST

START_TEST(without_memory_of_our_own)
{
	begin((struct region_config){0});
	f.submit_err = -ENOMEM;
	put_scavenge(0, true);
	ck_assert_int_eq(serve_kept(), 0);
	unpack(0);
	ck_assert_str_eq(f.reply->scavenge->failure, strerror(ENOMEM));
	ck_assert_uint_eq(r->busy_npages, 0);
	f.submit_err = 0;
	for (long n = 0;; n++) {
		put_scavenge(0, true);
		mem_fail_after(n);
		if (serve_kept() == RPC_E_WAIT)
			break;
		mem_fail_after(-1);
		ck_assert_uint_eq(r->busy_npages, 0);
	}
	mem_fail_after(-1);
	jobs_do();
	ck_assert_int_eq(serve_kept(), 0);
	unpack(0);
	ck_assert_uint_eq(f.reply->scavenge->released_npages, 32);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, all_of_it_while_the_request_waits);
	tcase_add_test(tc, what_others_free_meanwhile_is_not_meant);
	tcase_add_test(tc, a_part_of_it_from_the_highest_down);
	tcase_add_test(tc, refusals);
	tcase_add_test(tc, the_system_takes_nothing_back);
	tcase_add_test(tc, in_the_background_what_is_not_kept);
	tcase_add_test(tc, not_what_was_in_use_a_short_time_ago);
	tcase_add_test(tc, it_rests_after_work);
	tcase_add_test(tc, who_goes_is_forgotten);
	tcase_add_test(tc, at_the_daemons_end);
	tcase_add_test(tc, without_memory_of_our_own);
}

int main(void)
{
	return run("scavenger", add_tests);
}
