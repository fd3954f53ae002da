/*
 * fixture - an allocator for unit tests
 *
 * Role:       what each of the tests begins with.
 * Uses:       pagealloc/internal.h, check
 */
#ifndef PALLOCD_TESTS_PAGEALLOC_FIXTURE_H
#define PALLOCD_TESTS_PAGEALLOC_FIXTURE_H

#include <check.h>

#include "pagealloc/internal.h"

static inline struct pagealloc *new_grown(uint64_t limit_npages, uint64_t npages)
{
	struct pagealloc_config config = {.limit_npages = limit_npages};
	struct pagealloc *pa;

	ck_assert_int_eq(pagealloc_new(&config, &pa), 0);
	if (npages)
		ck_assert_int_eq(pagealloc_grow(pa, 0, npages), 0);
	return pa;
}

static inline uint64_t alloc(struct pagealloc *pa, uint64_t npages)
{
	uint64_t page;

	ck_assert_int_eq(pagealloc_alloc(pa, npages, &page, NULL), 0);
	return page;
}

static inline void assert_sound(struct pagealloc *pa)
{
	char why[200];

	ck_assert_msg(pagealloc_check(pa, why, sizeof(why)), "%s", why);
}

#endif
