/*
 * cache_back - the page cache: what it keeps, and what goes back when
 *
 * Role:       paclient_cache_*() against a daemon that recalls, refuses, has quotas and little space.
 * Uses:       client/lib, lessor, check
 */
#include "tests/unit/client/leasing.h"

/* Down to half of it, wholly free blocks first. */
START_TEST(no_more_is_kept_than_is_allowed)
{
	uint64_t most = 0;

	begin(8192, 256);
	for (unsigned i = 0; i < 2048; i++)
		must_take(1);
	for (unsigned i = 0; i < 2048; i++) {
		uint64_t kept;

		must_give(i, 1);
		kept = l->nout - (2047 - i);
		most = kept > most ? kept : most;
	}
	/* The lease that came last may have brought more than was taken. */
	ck_assert_uint_le(most, 256 + 64);
	ck_assert_uint_le(stat_get().free_npages, 256);
	ck_assert_uint_ge(stat_get().free_npages, 128);
	/* In few requests. */
	ck_assert_uint_le(l->nfrees, 2048 / 128 + 1);
	ck_assert_uint_le(l->nranges, 2 * l->nfrees);
	end(0);
}
END_TEST

/* Also where no block is wholly free. */
START_TEST(nor_in_blocks_that_are_partly_used)
{
	begin(8192, 128);
	for (unsigned i = 0; i < 4096; i++)
		must_take(1);
	for (unsigned i = 0; i < 4096; i++) {
		if (i % 8)
			must_give(i, 1);
	}
	ck_assert_uint_le(stat_get().free_npages, 128);
	for (unsigned i = 0; i < 4096; i += 8)
		must_give(i, 1);
	end(0);
}
END_TEST

/* By whoever reads it: here each call that asks the daemon for anything. */
START_TEST(everything_free_goes_back_when_it_is_recalled)
{
	uint64_t page;

	begin(1024, 0);
	page = must_take(1);
	ck_assert_uint_eq(lessor_nout(l), 64);
	lessor_recall(l);
	if (_i)
		expect(paclient_cache_trim(cache, 0, &call), 0);
	else
		must_take(64);
	ck_assert_uint_eq(lessor_nout(l), _i ? 1 : 65);
	ck_assert_uint_eq(stat_get().recalls, 1);
	ck_assert_uint_eq(stat_get().free_npages, 0);
	/* And the next lease is a small one. */
	must_take(1);
	ck_assert_uint_eq(l->nblocks, 1);
	must_give(page, 1);
	end(_i ? 1 : 65);
}
END_TEST

/* A program that calls nothing: the cache's thread. It answers even where it has nothing to give. */
START_TEST(the_background_hears_it)
{
	uint64_t page;
	unsigned ninfos;

	begin_with(1024, 0, 0, true);
	page = must_take(1);
	lessor_recall(l);
	lessor_await(l, 1);
	ninfos = __atomic_load_n(&l->ninfos, __ATOMIC_RELAXED);
	lessor_recall(l);
	while (__atomic_load_n(&l->ninfos, __ATOMIC_RELAXED) == ninfos)
		usleep(1000);
	ck_assert_uint_eq(lessor_nout(l), 1);
	must_give(page, 1);
	lessor_recall(l);
	lessor_await(l, 0);
	end(0);
}
END_TEST

START_TEST(idle_blocks_go_back)
{
	uint64_t page;

	begin_with(1024, 256, 20, _i);
	page = must_take(64);
	must_take(1);
	must_give(page, 64);
	/* One that was used, one that is, and one that came with it. */
	ck_assert_uint_eq(lessor_nout(l), _i ? lessor_nout(l) : 192);
	if (!_i) {
		/* Seen to be free now, and long enough ago when somebody looks again. */
		expect(paclient_cache_trim(cache, 0, &call), 0);
		ck_assert_uint_eq(lessor_nout(l), 192);
		usleep(25000);
		expect(paclient_cache_trim(cache, 0, &call), 0);
	}
	lessor_await(l, 64);
	ck_assert_uint_eq(stat_get().free_npages, 63);
	end(1);
}
END_TEST

/* What is taken now and then is not idle. */
START_TEST(a_block_that_is_used_is_not_idle)
{
	begin_with(1024, 0, 40, false);
	for (int i = 0; i < 20; i++) {
		must_give(must_take(1), 1);
		expect(paclient_cache_trim(cache, 0, &call), 0);
		usleep(5000);
	}
	ck_assert_uint_eq(l->nfrees, 0);
	ck_assert_uint_eq(l->nleases, 1);
	end(0);
}
END_TEST

START_TEST(trim_gives_all)
{
	begin(1024, 0);
	must_take(3);
	expect(paclient_cache_trim(cache, PACLIENT_CACHE_ALL, &call), 0);
	ck_assert_uint_eq(lessor_nout(l), 3);
	must_give(0, 3);
	expect(paclient_cache_trim(cache, PACLIENT_CACHE_ALL, &call), 0);
	ck_assert_uint_eq(lessor_nout(l), 0);
	ck_assert_uint_eq(stat_get().held_npages, 0);
	ck_assert_uint_eq(stat_get().given_npages, 64);
	end(0);
}
END_TEST

/* Whole blocks are too much, single pages are not. */
START_TEST(a_quota_is_used_up_to_its_end)
{
	uint64_t addr;

	l = lessor_start(1024);
	l->quota = 100;
	begin(1024, 0);
	for (unsigned i = 0; i < 100; i++)
		must_take(1);
	ck_assert_uint_eq(l->nallocs, 36);
	expect(paclient_cache_alloc(cache, 1, &addr, &call), PACLIENT_QUOTA);
	must_give(3, 1);
	ck_assert_uint_eq(must_take(1), 3);
	/* All that is kept is given back, for what lies side by side. */
	for (unsigned i = 0; i < 100; i += 2)
		must_give(i, 1);
	ck_assert_uint_eq(must_take(50), 100);
	end(100);
}
END_TEST

/* Before there is no space, nobody keeps any. */
START_TEST(all_is_given_back_before_it_is_refused)
{
	uint64_t addr;

	begin(128, 1024);
	must_take(64);
	must_take(64);
	for (unsigned i = 0; i < 128; i++) {
		if (i != 40 && i != 90)
			must_give(i, 1);
	}
	ck_assert_uint_eq(l->nfrees, 0);
	/* Pages 41 to 89 are free, in two blocks. */
	ck_assert_uint_eq(must_take(49), 41);
	ck_assert_uint_eq(lessor_nout(l), 51);
	expect(paclient_cache_alloc(cache, 50, &addr, &call), PACLIENT_NO_SPACE);
	end(51);
}
END_TEST

/* What somebody entitled has freed meanwhile is in nobody's way. */
START_TEST(pages_that_have_become_anothers)
{
	begin(1024, 0);
	must_take(1);
	pthread_mutex_lock(&l->lock);
	memset(l->page + 10, LESSOR_OTHERS, 20);
	l->nout -= 20;
	pthread_mutex_unlock(&l->lock);
	must_take(64);
	expect(paclient_cache_trim(cache, PACLIENT_CACHE_ALL, &call), 0);
	/* Page 0, pages 64 to 127, and of 1 to 63, which went back as one range, those that were not: they stay the session's. */
	ck_assert_uint_eq(stat_get().held_npages, 65);
	end(65 + 43);
}
END_TEST

/* Nothing was changed: it is in the cache still. */
START_TEST(what_the_daemon_cannot_take_stays)
{
	begin(1024, 0);
	must_take(1);
	l->refuse_free = PACLIENT_STORE_FAILED;
	expect(paclient_cache_trim(cache, PACLIENT_CACHE_ALL, &call), 0);
	/* The second try, range by range, went well. */
	ck_assert_uint_eq(lessor_nout(l), 1);
	must_take(1);
	pthread_mutex_lock(&l->lock);
	l->refuse_free = PACLIENT_NOT_OWNER;
	pthread_mutex_unlock(&l->lock);
	expect(paclient_cache_trim(cache, PACLIENT_CACHE_ALL, &call), 0);
	ck_assert_uint_eq(lessor_nout(l), 2);
	end(2);
}
END_TEST

/* The lease comes when nobody waits for it any more. */
START_TEST(a_late_lease_goes_back)
{
	uint64_t addr = 77;

	begin(1024, 0);
	l->hold = true;
	call.timeout_ms = 30;
	expect(paclient_cache_alloc(cache, 1, &addr, &call), PACLIENT_TIMED_OUT);
	ck_assert_uint_eq(addr, 77);
	call.timeout_ms = 0;
	pthread_mutex_lock(&l->lock);
	l->hold = false;
	pthread_mutex_unlock(&l->lock);
	/* The next round trip reads it; one more, and it is free. */
	expect(paclient_cache_trim(cache, 0, &call), 0);
	expect(paclient_cache_trim(cache, 0, &call), 0);
	lessor_await(l, 0);
	must_take(1);
	end(1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_cache_back");

	run_add(s, "no_more_is_kept_than_is_allowed", no_more_is_kept_than_is_allowed);
	run_add(s, "nor_in_blocks_that_are_partly_used", nor_in_blocks_that_are_partly_used);
	loop_add(s, "everything_free_goes_back_when_it_is_recalled",
		 everything_free_goes_back_when_it_is_recalled, 2);
	run_add(s, "the_background_hears_it", the_background_hears_it);
	loop_add(s, "idle_blocks_go_back", idle_blocks_go_back, 2);
	run_add(s, "a_block_that_is_used_is_not_idle", a_block_that_is_used_is_not_idle);
	run_add(s, "trim_gives_all", trim_gives_all);
	run_add(s, "a_quota_is_used_up_to_its_end", a_quota_is_used_up_to_its_end);
	run_add(s, "all_is_given_back_before_it_is_refused",
		all_is_given_back_before_it_is_refused);
	run_add(s, "pages_that_have_become_anothers", pages_that_have_become_anothers);
	run_add(s, "what_the_daemon_cannot_take_stays", what_the_daemon_cannot_take_stays);
	run_add(s, "a_late_lease_goes_back", a_late_lease_goes_back);
	return suite_run(s);
}
