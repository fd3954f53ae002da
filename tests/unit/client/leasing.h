/*
 * leasing - a cache on a daemon that leases, and short names for what tests do with it
 *
 * Role:       shared by the tests of the page cache.
 * Uses:       client/lib, lessor, check
 */
#ifndef TESTS_CLIENT_LEASING_H
#define TESTS_CLIENT_LEASING_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/lib/cache.h"
#include "tests/unit/client/lessor.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;
static struct lessor *l;
static paclient *pa;
static paclient_cache *cache;

static inline void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
	ck_assert((call.error.message[0] != 0) == (want != 0));
}

static inline void begin_with(uint64_t npages, uint64_t npages_max, int idle_ms, bool background)
{
	struct paclient_cache_options o = PACLIENT_CACHE_OPTIONS_INIT;

	if (!l)
		l = lessor_start(npages);
	pa = fake_open(&l->fake, 20000);
	o.npages_max = npages_max;
	o.idle_ms = idle_ms;
	o.background = background;
	expect(paclient_cache_open(pa, LESSOR_REGION, &o, &cache, &call), 0);
}

static inline void begin(uint64_t npages, uint64_t npages_max)
{
	begin_with(npages, npages_max, 0, false);
}

/* @nout pages are held still: those that were in use. */
static inline void end(uint64_t nout)
{
	expect(paclient_cache_close(cache, &call), 0);
	paclient_close(pa);
	lessor_stop(l, nout);
	l = NULL;
}

static inline uint64_t page_of(uint64_t addr)
{
	return (addr - LESSOR_BASE) / LESSOR_PAGE;
}

static inline uint64_t addr_of(uint64_t page)
{
	return LESSOR_BASE + page * LESSOR_PAGE;
}

static inline uint64_t must_take(uint32_t npages)
{
	uint64_t addr = 0;

	expect(paclient_cache_alloc(cache, npages, &addr, &call), 0);
	ck_assert_uint_eq(addr % LESSOR_PAGE, 0);
	return page_of(addr);
}

static inline void must_give(uint64_t page, uint32_t npages)
{
	expect(paclient_cache_free(cache, addr_of(page), npages, &call), 0);
}

static inline struct paclient_cache_stat stat_get(void)
{
	struct paclient_cache_stat s = {.size = sizeof(s)};

	expect(paclient_cache_stat(cache, &s, &call), 0);
	ck_assert_uint_eq(s.size, sizeof(s));
	return s;
}

/* Each as often as it says. */
static inline void loop_add(Suite *s, const char *name, const TTest *test, int n)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test, 0, n);
	suite_add_tcase(s, tc);
}

#endif
