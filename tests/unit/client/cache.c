/*
 * cache - the page cache: what it asks for, hands out and refuses
 *
 * Role:       paclient_cache_*() against a scripted daemon that leases.
 * Uses:       client/lib, lessor, check
 */
#include "tests/unit/client/leasing.h"

START_TEST(one_lease_serves_many)
{
	begin(1024, 0);
	for (uint64_t i = 0; i < 64; i++)
		ck_assert_uint_eq(must_take(1), i);
	ck_assert_uint_eq(l->nleases, 1);
	ck_assert_uint_eq(l->nblocks, 1);
	must_give(63, 1);
	must_give(7, 1);
	/* The lowest page of the block. */
	ck_assert_uint_eq(must_take(1), 7);
	ck_assert_uint_eq(must_take(1), 63);
	ck_assert_uint_eq(l->nleases, 1);
	for (uint32_t i = 0; i < 64; i++)
		must_give(i, 1);
	ck_assert_uint_eq(l->nfrees, 0);
	ck_assert_uint_eq(stat_get().free_npages, 64);
	end(0);
}
END_TEST

/* A program that goes on taking asks ever less often: 1, 2, 4, 8, ... blocks, up to what may be kept. */
START_TEST(leases_grow)
{
	uint32_t most = 0;

	begin(16384, 1024);
	for (unsigned i = 0; i < 8192; i++) {
		must_take(1);
		most = l->nblocks > most ? l->nblocks : most;
	}
	ck_assert_uint_eq(most, 16);
	ck_assert_uint_le(l->nleases, 4 + 8192 / 1024 + 1);
	ck_assert_uint_eq(stat_get().leases, l->nleases);
	ck_assert_uint_eq(stat_get().leased_npages, l->nout);
	end(8192);
}
END_TEST

START_TEST(pages_side_by_side)
{
	begin(1024, 0);
	ck_assert_uint_eq(must_take(3), 0);
	ck_assert_uint_eq(must_take(1), 3);
	ck_assert_uint_eq(must_take(60), 4);
	ck_assert_uint_eq(must_take(64), 64);
	must_give(4, 60);
	ck_assert_uint_eq(must_take(59), 4);
	/* In parts, and as a part. */
	must_give(0, 2);
	must_give(2, 2);
	ck_assert_uint_eq(must_take(4), 0);
	must_give(0, 4);
	must_give(4, 59);
	must_give(64, 64);
	ck_assert_uint_eq(l->nallocs, 0);
	end(0);
}
END_TEST

/* Where blocks have holes, the daemon finds the place; from then on the pages are as all others. */
START_TEST(what_no_block_has_comes_from_the_daemon)
{
	uint64_t page;

	l = lessor_start(1024);
	for (uint64_t p = 0; p < 512; p += 2)
		lessor_others(l, p, 1, true);
	lessor_others(l, 512, 50, true);
	begin(1024, 0);
	page = must_take(30);
	ck_assert_uint_eq(page, 562);
	ck_assert_uint_eq(l->nallocs, 1);
	ck_assert_uint_eq(l->nleases, 1);
	/* It lies in two blocks. */
	must_give(page, 30);
	ck_assert_uint_eq(stat_get().free_npages, 62);
	expect(paclient_cache_free(cache, addr_of(page + 29), 1, &call), PACLIENT_NOT_ALLOCATED);
	ck_assert_uint_eq(l->nfrees, 0);
	lessor_others(l, 0, 1, false);
	for (uint64_t p = 2; p < 562; p += 2)
		lessor_others(l, p, 1, l->page[p] == LESSOR_OTHERS);
	end(0);
}
END_TEST

START_TEST(small_and_odd_regions)
{
	uint64_t addr;

	/* Less than a block, and partly others'. */
	l = lessor_start(40);
	lessor_others(l, 10, 5, true);
	begin(40, 0);
	ck_assert_uint_eq(must_take(25), 15);
	ck_assert_uint_eq(must_take(10), 0);
	expect(paclient_cache_alloc(cache, 1, &addr, &call), PACLIENT_NO_SPACE);
	expect(paclient_cache_alloc(cache, 64, &addr, &call), PACLIENT_NO_SPACE);
	expect(paclient_cache_free(cache, addr_of(39), 2, &call), PACLIENT_OUT_OF_REGION);
	must_give(15, 25);
	must_give(0, 10);
	ck_assert_uint_eq(stat_get().npages_max, 64);
	end(0);
}
END_TEST

START_TEST(what_is_not_the_caches_is_refused)
{
	uint64_t addr = 77, first;

	begin(1024, 0);
	expect(paclient_cache_free(cache, addr_of(0), 1, &call), PACLIENT_NOT_ALLOCATED);
	first = must_take(4);
	must_give(first + 1, 1);
	expect(paclient_cache_free(cache, addr_of(first + 1), 1, &call), PACLIENT_NOT_ALLOCATED);
	ck_assert_ptr_nonnull(strstr(call.error.message, "given back twice"));
	ck_assert_uint_eq(call.error.addr, addr_of(first + 1));
	expect(paclient_cache_free(cache, addr_of(first), 4, &call), PACLIENT_NOT_ALLOCATED);
	ck_assert_uint_eq(call.error.addr, addr_of(first + 1));
	expect(paclient_cache_free(cache, addr_of(100), 1, &call), PACLIENT_NOT_ALLOCATED);
	ck_assert_ptr_nonnull(strstr(call.error.message, "not from this cache"));
	ck_assert_str_eq(call.error.field, "addr");
	expect(paclient_cache_free(cache, addr_of(first) + 1, 1, &call), PACLIENT_UNALIGNED);
	expect(paclient_cache_free(cache, LESSOR_BASE - LESSOR_PAGE, 1, &call),
	       PACLIENT_OUT_OF_REGION);
	expect(paclient_cache_free(cache, addr_of(1024), 1, &call), PACLIENT_OUT_OF_REGION);
	expect(paclient_cache_free(cache, UINT64_MAX, 1, &call), PACLIENT_OUT_OF_REGION);
	expect(paclient_cache_free(cache, addr_of(first), 0, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_cache_free(cache, addr_of(first), 65, &call), PACLIENT_LIMIT);
	expect(paclient_cache_free(NULL, addr_of(first), 1, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_cache_alloc(cache, 0, &addr, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "npages");
	expect(paclient_cache_alloc(cache, 65, &addr, &call), PACLIENT_LIMIT);
	ck_assert_uint_eq(call.error.limit, 64);
	expect(paclient_cache_alloc(cache, 1, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_cache_alloc(NULL, 1, &addr, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_cache_trim(cache, 2, &call), PACLIENT_BAD_ARGUMENT);
	call.done = paclient_queued;
	expect(paclient_cache_alloc(cache, 1, &addr, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "call.done");
	call.done = NULL;
	expect(paclient_cache_stat(cache, NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_uint_eq(addr, 77);
	/* Nothing of all that has changed anything. */
	must_give(first, 1);
	must_give(first + 2, 2);
	end(0);
	ck_assert_int_eq(paclient_cache_close(NULL, NULL), 0);
}
END_TEST

START_TEST(options_and_older_daemons)
{
	struct paclient_cache_options o = PACLIENT_CACHE_OPTIONS_INIT;
	paclient_cache *other = NULL;
	struct fake f;

	begin(1024, 0);
	o.idle_ms = -1;
	expect(paclient_cache_open(pa, LESSOR_REGION, &o, &other, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "options.idle_ms");
	o.size = 1;
	expect(paclient_cache_open(pa, LESSOR_REGION, &o, &other, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_cache_open(pa, LESSOR_REGION, NULL, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_cache_open(NULL, LESSOR_REGION, NULL, &other, &call),
	       PACLIENT_BAD_ARGUMENT);
	/* A 16th of the region. */
	ck_assert_uint_eq(stat_get().npages_max, 64);
	end(0);
	fake_start(&f, fake_serve, NULL);
	f.old = true;
	pa = fake_open(&f, 1000);
	expect(paclient_cache_open(pa, 3, NULL, &other, &call), PACLIENT_UNKNOWN_VERB);
	ck_assert_ptr_null(other);
	paclient_close(pa);
	fake_stop(&f);
}
END_TEST

/* Two caches of one handle, and one after the other, on one thread. */
START_TEST(caches_are_apart)
{
	paclient_cache *first, *second;
	uint64_t a, b;

	begin(1024, 0);
	first = cache;
	expect(paclient_cache_open(pa, LESSOR_REGION, NULL, &second, &call), 0);
	for (unsigned i = 0; i < 10; i++) {
		expect(paclient_cache_alloc(first, 1, &a, &call), 0);
		expect(paclient_cache_alloc(second, 1, &b, &call), 0);
		ck_assert_uint_eq(page_of(a), i);
		ck_assert_uint_eq(page_of(b), 64 + i);
	}
	expect(paclient_cache_free(second, a, 1, &call), PACLIENT_NOT_ALLOCATED);
	lessor_recall(l);
	expect(paclient_cache_trim(first, 0, &call), 0);
	expect(paclient_cache_trim(second, 0, &call), 0);
	ck_assert_uint_eq(lessor_nout(l), 20);
	expect(paclient_cache_close(second, &call), 0);
	for (int i = 0; i < 5; i++) {
		expect(paclient_cache_open(pa, LESSOR_REGION, NULL, &second, &call), 0);
		expect(paclient_cache_alloc(second, 1, &b, &call), 0);
		expect(paclient_cache_free(second, b, 1, &call), 0);
		expect(paclient_cache_close(second, &call), 0);
	}
	end(20);
}
END_TEST

struct other {
	uint64_t page[64];
	unsigned n;
};

static void *take_some(void *arg)
{
	struct other *o = arg;

	for (unsigned i = 0; i < o->n; i++) {
		uint64_t addr = 0;

		if (paclient_cache_alloc(cache, 1, &addr, NULL))
			return arg;
		o->page[i] = page_of(addr);
	}
	return NULL;
}

static void run_other(struct other *o)
{
	pthread_t thread;
	void *failed;

	ck_assert_int_eq(pthread_create(&thread, NULL, take_some, o), 0);
	pthread_join(thread, &failed);
	ck_assert_ptr_null(failed);
}

/* What an ended thread leaves is had by the others before more is leased. */
START_TEST(threads_have_blocks_of_their_own)
{
	struct other o = {.n = 10};

	begin(1024, 0);
	ck_assert_uint_eq(must_take(1), 0);
	run_other(&o);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_uint_eq(o.page[i], 64 + i);
	ck_assert_uint_eq(stat_get().nthreads, 1);
	/* Freed by another, in no thread's block; and twice. */
	must_give(64, 1);
	expect(paclient_cache_free(cache, addr_of(64), 1, &call), PACLIENT_NOT_ALLOCATED);
	for (unsigned i = 1; i < 64; i++)
		must_take(1);
	ck_assert_uint_eq(must_take(1), 64);
	ck_assert_uint_eq(l->nleases, 2);
	end(74);
}
END_TEST

static pthread_barrier_t barrier;

/* Takes pages, lets the other free some, and takes them again. */
static void *lend(void *arg)
{
	struct other *o = arg;
	void *failed = take_some(o);

	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	if (!failed)
		failed = take_some(o);
	pthread_barrier_wait(&barrier);
	return failed;
}

START_TEST(a_page_goes_back_to_where_it_came_from)
{
	struct other o = {.n = 64};
	pthread_t thread;
	void *failed;

	begin(1024, 0);
	must_take(1);
	pthread_barrier_init(&barrier, NULL, 2);
	ck_assert_int_eq(pthread_create(&thread, NULL, lend, &o), 0);
	pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < 64; i++)
		must_give(o.page[i], 1);
	expect(paclient_cache_free(cache, addr_of(o.page[9]), 1, &call), PACLIENT_NOT_ALLOCATED);
	ck_assert_uint_eq(stat_get().free_npages, 63 + 64);
	/* Not this thread's. */
	ck_assert_uint_eq(must_take(1), 1);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, &failed);
	ck_assert_ptr_null(failed);
	ck_assert_uint_eq(l->nleases, 2);
	end(66);
}
END_TEST

/* The last pages that there are lie in a block that a thread keeps: it goes on without them. */
START_TEST(what_others_keep_is_had_at_last)
{
	struct other o = {.n = 1};
	pthread_t thread;
	void *failed;

	begin(128, 1024);
	ck_assert_uint_eq(must_take(64), 0);
	pthread_barrier_init(&barrier, NULL, 2);
	ck_assert_int_eq(pthread_create(&thread, NULL, lend, &o), 0);
	pthread_barrier_wait(&barrier);
	ck_assert_uint_eq(o.page[0], 64);
	for (unsigned i = 1; i < 63; i++)
		ck_assert_uint_eq(must_take(1), 64 + i);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, &failed);
	ck_assert_ptr_null(failed);
	ck_assert_uint_eq(o.page[0], 127);
	end(128);
}
END_TEST

static int trimmed;

static void *trim_all(void *arg)
{
	(void)!paclient_cache_trim(cache, PACLIENT_CACHE_ALL, NULL);
	__atomic_store_n(&trimmed, 1, __ATOMIC_RELEASE);
	return arg;
}

/* Whoever wants what others keep waits for those who are about to take some of it, and keeps them out then. */
START_TEST(nobody_looks_into_a_magazine_while_its_thread_is_in_it)
{
	struct mag *m;
	pthread_t thread;

	begin(1024, 0);
	must_take(1);
	m = mag_recent;
	ck_assert(mag_enter(m));
	ck_assert_int_eq(pthread_create(&thread, NULL, trim_all, NULL), 0);
	while (!__atomic_load_n(&m->stop, __ATOMIC_ACQUIRE))
		usleep(100);
	/* Time enough for one who would not wait. */
	usleep(20000);
	ck_assert(!__atomic_load_n(&trimmed, __ATOMIC_ACQUIRE));
	ck_assert_uint_eq(m->nfree, 63);
	mag_leave(m);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(lessor_nout(l), 1);
	ck_assert(mag_enter(m));
	mag_leave(m);
	end(1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_cache");

	run_add(s, "one_lease_serves_many", one_lease_serves_many);
	run_add(s, "leases_grow", leases_grow);
	run_add(s, "pages_side_by_side", pages_side_by_side);
	run_add(s, "what_no_block_has_comes_from_the_daemon",
		what_no_block_has_comes_from_the_daemon);
	run_add(s, "small_and_odd_regions", small_and_odd_regions);
	run_add(s, "what_is_not_the_caches_is_refused", what_is_not_the_caches_is_refused);
	run_add(s, "options_and_older_daemons", options_and_older_daemons);
	run_add(s, "caches_are_apart", caches_are_apart);
	run_add(s, "threads_have_blocks_of_their_own", threads_have_blocks_of_their_own);
	run_add(s, "a_page_goes_back_to_where_it_came_from",
		a_page_goes_back_to_where_it_came_from);
	run_add(s, "what_others_keep_is_had_at_last", what_others_keep_is_had_at_last);
	run_add(s, "nobody_looks_into_a_magazine_while_its_thread_is_in_it",
		nobody_looks_into_a_magazine_while_its_thread_is_in_it);
	return suite_run(s);
}
