/*
 * compare - allocator and oracle, side by side
 *
 * Role:       compares everything that both know; for the random and the exhaustive tests. A difference is printed with what
 *             was wanted and what was got.
 * Uses:       pagealloc/internal.h, tests/model/oracle.h
 */
#ifndef PALLOCD_TESTS_MODEL_COMPARE_H
#define PALLOCD_TESTS_MODEL_COMPARE_H

#include "pagealloc/internal.h"
#include "tests/model/oracle.h"

/** compare_pages() - free and scavenged bits of the grown chunks that hold [@page, @page + @npages). */
bool compare_pages(const struct pagealloc *pa, const struct oracle *o, uint64_t page,
		   uint64_t npages);

/** compare_all() - every page, every count, and pagealloc_check(). */
bool compare_all(struct pagealloc *pa, const struct oracle *o);

/** compare_place() - where a request would go, lowest and highest; the longest that would fit; how many would. */
bool compare_place(struct pagealloc *pa, const struct oracle *o,
		   const struct pagealloc_request *req, bool all);

#endif
