/*
 * cache_ends - the page cache when connection, daemon, region, session or process are not what they were
 *
 * Role:       paclient_cache_*() against a daemon that goes away, forgets, or talks nonsense; and in a forked child.
 * Uses:       client/lib, lessor, check
 */
#include <sys/wait.h>

#include "tests/unit/client/leasing.h"

/* Done, and not answered: asked once more on another connection, which is told that there are leases. */
START_TEST(a_lease_is_done_once)
{
	l = lessor_start(1024);
	l->repeats = true;
	begin(1024, 0);
	ck_assert(!l->recalls);
	l->vanish = true;
	must_take(1);
	ck_assert_uint_eq(l->nhellos, 2);
	ck_assert(l->recalls);
	ck_assert_uint_eq(l->nleases, 1);
	ck_assert_uint_eq(lessor_nout(l), 64);
	for (unsigned i = 1; i < 64; i++)
		ck_assert_uint_eq(must_take(1), i);
	ck_assert_uint_eq(l->nleases, 1);
	/* Nor is a Free done twice. */
	must_give(5, 1);
	l->vanish = true;
	expect(paclient_cache_trim(cache, PACLIENT_CACHE_ALL, &call), 0);
	ck_assert_uint_eq(l->nhellos, 3);
	ck_assert_uint_eq(l->nfrees, 1);
	ck_assert_uint_eq(lessor_nout(l), 63);
	end(63);
}
END_TEST

/* The thread notices by itself that the connection is lost, and makes it anew. */
START_TEST(the_background_keeps_the_session)
{
	l = lessor_start(1024);
	l->repeats = true;
	begin_with(1024, 0, 0, true);
	must_take(1);
	lessor_cut(l);
	while (paclient_reconnects(pa) == 0)
		usleep(1000);
	lessor_recall(l);
	lessor_await(l, 1);
	must_take(1);
	end(2);
}
END_TEST

/* Whatever ends it: what is kept is not handed out any more, on any thread. */
static void assert_over(int status)
{
	uint64_t addr;

	for (int i = 0; i < 2; i++) {
		expect(paclient_cache_alloc(cache, 1, &addr, &call), status);
		expect(paclient_cache_free(cache, addr_of(0), 1, &call), status);
		expect(paclient_cache_trim(cache, PACLIENT_CACHE_ALL, &call), status);
	}
	expect(paclient_cache_close(cache, &call), status);
	paclient_close(pa);
}

START_TEST(a_region_whose_memory_is_gone)
{
	begin_with(1024, 0, 0, _i);
	must_take(1);
	ck_assert_uint_eq(stat_get().free_npages, 63);
	pthread_mutex_lock(&l->lock);
	l->refuse_alloc = PACLIENT_STALE;
	pthread_mutex_unlock(&l->lock);
	ck_assert_int_eq(paclient_cache_alloc(cache, 64, &(uint64_t){0}, &call), PACLIENT_STALE);
	assert_over(PACLIENT_STALE);
	lessor_stop(l, 64);
	l = NULL;
}
END_TEST

START_TEST(a_handle_that_is_broken)
{
	begin_with(1024, 0, 0, _i);
	must_take(1);
	/* The thread sees it by itself. */
	lessor_cut(l);
	if (_i) {
		while (!__atomic_load_n(&cache->dead, __ATOMIC_RELAXED))
			usleep(1000);
	} else {
		expect(paclient_cache_trim(cache, 0, &call), PACLIENT_DISCONNECTED);
	}
	assert_over(PACLIENT_DISCONNECTED);
	lessor_stop(l, 64);
	l = NULL;
}
END_TEST

START_TEST(a_session_that_has_ended)
{
	l = lessor_start(1024);
	l->repeats = true;
	begin(1024, 0);
	must_take(1);
	l->ended = true;
	lessor_cut(l);
	expect(paclient_cache_trim(cache, 0, &call), PACLIENT_SESSION_ENDED);
	assert_over(PACLIENT_SESSION_ENDED);
	lessor_stop(l, 64);
	l = NULL;
}
END_TEST

/* A daemon that was started anew has forgotten a region of no durability, and says nothing of it. */
START_TEST(a_region_that_may_be_forgotten)
{
	l = lessor_start(1024);
	l->repeats = true;
	l->durability = PACLIENT_DURABILITY_NONE;
	begin(1024, 0);
	must_take(1);
	lessor_cut(l);
	expect(paclient_cache_trim(cache, 0, &call), PACLIENT_STALE);
	assert_over(PACLIENT_STALE);
	lessor_stop(l, 64);
	l = NULL;
}
END_TEST

/* Replies that no daemon gives. */
static const struct {
	const char *name;
	uint64_t addr[2], npages[2];
	size_t n;
} odd[] = {
	{"below the region", {LESSOR_BASE - LESSOR_PAGE}, {1}, 1},
	{"beyond the region", {LESSOR_BASE + 1024 * LESSOR_PAGE}, {1}, 1},
	{"reaches beyond it", {LESSOR_BASE + 1000 * LESSOR_PAGE}, {25}, 1},
	{"no page's beginning", {LESSOR_BASE + 1}, {1}, 1},
	{"nothing", {0}, {0}, 0},
	{"an empty one", {LESSOR_BASE}, {0}, 1},
	{"twice the same", {LESSOR_BASE, LESSOR_BASE}, {2, 1}, 2},
};

static int odd_index;

static void serve_odd(struct fake *f, int fd)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__AllocReply a = PALLOCD__V1__ALLOC_REPLY__INIT;
	static uint8_t frame[4096];
	Pallocd__V1__Request *q;

	while ((q = fake_read(fd)) != NULL) {
		if (q->verb_case == PALLOCD__V1__REQUEST__VERB_ALLOC) {
			reply.id = q->id;
			reply.result_case = PALLOCD__V1__REPLY__RESULT_ALLOC;
			reply.alloc = &a;
			a.addr = (uint64_t *)odd[odd_index].addr;
			a.npages = (uint64_t *)odd[odd_index].npages;
			a.n_addr = a.n_npages = odd[odd_index].n;
			fake_send(fd, &reply);
		} else {
			fake_write(fd, frame, fake_answer(f, q, frame));
		}
		pallocd__v1__request__free_unpacked(q, NULL);
	}
}

START_TEST(replies_that_make_no_sense)
{
	struct fake f;
	uint64_t addr;

	odd_index = _i;
	fake_start(&f, serve_odd, NULL);
	pa = fake_open(&f, 1000);
	expect(paclient_cache_open(pa, 3, NULL, &cache, &call), 0);
	/* Of the fake's region, which begins elsewhere. */
	cache->base_addr = LESSOR_BASE;
	cache->bytes = 1024 * LESSOR_PAGE;
	expect(paclient_cache_alloc(cache, 1, &addr, &call), PACLIENT_PROTOCOL);
	expect(paclient_cache_alloc(cache, 1, &addr, &call), PACLIENT_PROTOCOL);
	expect(paclient_cache_close(cache, &call), PACLIENT_PROTOCOL);
	paclient_close(pa);
	fake_stop(&f);
}
END_TEST

/* A child could hand out what its parent hands out as well. */
START_TEST(a_child_has_nothing)
{
	uint64_t page, addr;
	int status = 1;
	pid_t pid;

	begin_with(1024, 0, 0, _i);
	page = must_take(1);
	pid = fork();
	if (!pid) {
		int bad = 0;

		bad += paclient_cache_alloc(cache, 1, &addr, NULL) != PACLIENT_BAD_ARGUMENT;
		bad += paclient_cache_free(cache, addr_of(page), 1, NULL) != PACLIENT_BAD_ARGUMENT;
		bad += paclient_cache_trim(cache, 0, NULL) != PACLIENT_BAD_ARGUMENT;
		bad += paclient_cache_close(cache, NULL) != 0;
		paclient_close(pa);
		_exit(bad);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(lessor_nout(l), 64);
	must_give(page, 1);
	end(0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_cache_ends");

	run_add(s, "a_lease_is_done_once", a_lease_is_done_once);
	run_add(s, "the_background_keeps_the_session", the_background_keeps_the_session);
	loop_add(s, "a_region_whose_memory_is_gone", a_region_whose_memory_is_gone, 2);
	loop_add(s, "a_handle_that_is_broken", a_handle_that_is_broken, 2);
	run_add(s, "a_session_that_has_ended", a_session_that_has_ended);
	run_add(s, "a_region_that_may_be_forgotten", a_region_that_may_be_forgotten);
	loop_add(s, "replies_that_make_no_sense", replies_that_make_no_sense,
		 (int)(sizeof(odd) / sizeof(odd[0])));
	loop_add(s, "a_child_has_nothing", a_child_has_nothing, 2);
	return suite_run(s);
}
