/*
 * cache_random - several threads on one cache, beside a note for each page of whose it is
 *
 * Role:       each takes and gives back at random, its own and others' pages, while the daemon recalls, refuses for want of space, and
 *             others trim and count. No page is ever two threads'; in the end all of them are back.
 * Uses:       client/lib, lessor, check
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/lib/cache.h"
#include "tests/unit/client/lessor.h"
#include "tests/unit/client/run.h"

#define NTHREADS 4u
#define NSTEPS 4000u
#define MINE_MAX 400u
#define NSHELVES 64u
#define NPAGES 512u

struct piece {
	uint64_t page;
	uint32_t npages;
};

static struct lessor *l;
static paclient_cache *cache;

/* Of a page: the thread's number, from 1. */
static uint8_t whose[NPAGES];

/* Where pieces wait for another thread to free them. */
static struct piece shelves[NSHELVES];
static pthread_mutex_t shelves_lock = PTHREAD_MUTEX_INITIALIZER;

struct worker {
	pthread_t thread;
	uint8_t number;
	uint64_t rnd;
	struct piece mine[MINE_MAX];
	unsigned n;
	unsigned nrefused, nfreed_others;
	char failure[320];
};

static uint64_t below(struct worker *w, uint64_t n)
{
	w->rnd = w->rnd * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (w->rnd >> 33) % n;
}

static void mark(struct worker *w, const struct piece *p, uint8_t from, uint8_t to)
{
	for (uint64_t page = p->page; page < p->page + p->npages; page++) {
		uint8_t was = __atomic_exchange_n(&whose[page], to, __ATOMIC_ACQ_REL);

		if (was != from && !w->failure[0])
			snprintf(w->failure, sizeof(w->failure),
				 "thread %u: page %llu is %u's, and not %u's", w->number,
				 (unsigned long long)page, was, from);
	}
}

static void take(struct worker *w)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	struct piece p = {.npages = below(w, 4) ? 1 : 1 + (uint32_t)below(w, 64)};
	uint64_t addr;
	int status;

	if (w->n == MINE_MAX)
		return;
	status = paclient_cache_alloc(cache, p.npages, &addr, &call);
	if (status == PACLIENT_NO_SPACE) {
		w->nrefused++;
		return;
	}
	if (status) {
		snprintf(w->failure, sizeof(w->failure), "thread %u: alloc: %s", w->number,
			 call.error.message);
		return;
	}
	p.page = (addr - LESSOR_BASE) / LESSOR_PAGE;
	mark(w, &p, 0, w->number);
	w->mine[w->n++] = p;
}

static void give(struct worker *w, const struct piece *p)
{
	struct paclient_call call = PACLIENT_CALL_INIT;

	mark(w, p, w->number, 0);
	if (paclient_cache_free(cache, LESSOR_BASE + p->page * LESSOR_PAGE, p->npages, &call))
		snprintf(w->failure, sizeof(w->failure), "thread %u: free: %s", w->number,
			 call.error.message);
}

static struct piece mine_pop(struct worker *w)
{
	unsigned i = (unsigned)below(w, w->n);
	struct piece p = w->mine[i];

	w->mine[i] = w->mine[--w->n];
	return p;
}

/* In two halves, now and then. */
static void give_one(struct worker *w)
{
	struct piece p, upper;

	if (!w->n)
		return;
	p = mine_pop(w);
	if (p.npages > 1 && below(w, 2)) {
		upper = (struct piece){p.page + p.npages / 2, p.npages - p.npages / 2};
		p.npages /= 2;
		give(w, &upper);
	}
	give(w, &p);
}

/* Mine on the shelf, and what was there is to be freed by me. */
static void exchange(struct worker *w)
{
	unsigned i = (unsigned)below(w, NSHELVES);
	struct piece p, got;

	if (!w->n)
		return;
	p = mine_pop(w);
	mark(w, &p, w->number, 0xff);
	pthread_mutex_lock(&shelves_lock);
	got = shelves[i];
	shelves[i] = p;
	pthread_mutex_unlock(&shelves_lock);
	if (!got.npages)
		return;
	mark(w, &got, 0xff, w->number);
	w->nfreed_others++;
	give(w, &got);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned step = 0; step < NSTEPS && !w->failure[0]; step++) {
		uint64_t what = below(w, 1000);

		if (what < 450)
			take(w);
		else if (what < 850)
			give_one(w);
		else if (what < 990)
			exchange(w);
		else if (what < 991)
			(void)!paclient_cache_trim(cache, PACLIENT_CACHE_ALL, NULL);
		else if (what < 993)
			(void)!paclient_cache_trim(cache, 0, NULL);
	}
	while (w->n && !w->failure[0])
		give_one(w);
	return NULL;
}

/* What is free and what is in use are all that is held, at every moment that one looks. */
static void look_on(const struct worker *w)
{
	struct paclient_cache_stat s = {.size = sizeof(s)};

	ck_assert_int_eq(paclient_cache_stat(cache, &s, NULL), 0);
	ck_assert_uint_le(s.free_npages, s.held_npages);
	ck_assert_uint_le(s.nthreads, NTHREADS);
	(void)w;
	lessor_recall(l);
	usleep(300);
}

static bool all_done(struct worker *w)
{
	for (unsigned i = 0; i < NTHREADS; i++) {
		if (w[i].thread && pthread_tryjoin_np(w[i].thread, NULL) == 0)
			w[i].thread = 0;
	}
	for (unsigned i = 0; i < NTHREADS; i++) {
		if (w[i].thread)
			return false;
	}
	return true;
}

static void run_workers(struct worker *w, uint64_t seed)
{
	for (unsigned i = 0; i < NTHREADS; i++) {
		w[i].number = (uint8_t)(i + 1);
		w[i].rnd = seed + i;
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	while (!all_done(w))
		look_on(w);
}

/* What the cache holds is what the daemon has leased, as soon as nothing that its thread gives back is on its way. */
static void held_is_leased(void)
{
	struct paclient_cache_stat s = {.size = sizeof(s)};

	for (unsigned i = 0; i < 5000; i++) {
		ck_assert_int_eq(paclient_cache_stat(cache, &s, NULL), 0);
		ck_assert_uint_eq(s.free_npages, s.held_npages);
		if (s.held_npages == lessor_nout(l))
			return;
		usleep(1000);
	}
	ck_abort_msg("the cache holds %llu pages, and %llu are leased",
		     (unsigned long long)s.held_npages, (unsigned long long)lessor_nout(l));
}

static uint64_t seed_get(void)
{
	const char *text = getenv("SEED");
	struct timespec t;

	if (text)
		return strtoull(text, NULL, 0);
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_nsec ^ (uint64_t)t.tv_sec << 30;
}

/* With membarrier(2) and without; with the cache's thread and without. */
START_TEST(no_page_is_two_threads)
{
	struct paclient_cache_options o = PACLIENT_CACHE_OPTIONS_INIT;
	static struct worker w[NTHREADS];
	struct paclient_cache_stat s = {.size = sizeof(s)};
	uint64_t seed = seed_get(), shelved = 0;
	unsigned nrefused = 0, nothers = 0;
	paclient *pa;

	printf("no_page_is_two_threads: SEED=%llu\n", (unsigned long long)seed);
	l = lessor_start(NPAGES);
	pa = fake_open(&l->fake, 20000);
	o.npages_max = 300;
	o.idle_ms = 2;
	o.background = _i & 2;
	ck_assert_int_eq(paclient_cache_open(pa, LESSOR_REGION, &o, &cache, NULL), 0);
	cache->fenced = cache->fenced || _i & 1;
	run_workers(w, seed);
	for (unsigned i = 0; i < NTHREADS; i++) {
		ck_assert_msg(!w[i].failure[0], "%s", w[i].failure);
		nrefused += w[i].nrefused;
		nothers += w[i].nfreed_others;
	}
	for (unsigned i = 0; i < NSHELVES; i++) {
		const struct piece *p = &shelves[i];

		shelved += p->npages;
		if (p->npages)
			ck_assert_int_eq(paclient_cache_free(cache,
							     LESSOR_BASE + p->page * LESSOR_PAGE,
							     p->npages, NULL),
					 0);
	}
	/* Or it has not tested much. */
	ck_assert_uint_gt(nrefused, 0);
	ck_assert_uint_gt(nothers, 1000);
	ck_assert_uint_gt(shelved, 0);
	ck_assert_int_eq(paclient_cache_stat(cache, &s, NULL), 0);
	ck_assert_uint_gt(s.recalls, 0);
	held_is_leased();
	ck_assert_int_eq(paclient_cache_close(cache, NULL), 0);
	paclient_close(pa);
	lessor_stop(l, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_cache_random");
	TCase *tc = tcase_create("no_page_is_two_threads");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, no_page_is_two_threads, 0, 4);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
