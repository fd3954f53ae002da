/*
 * sample - a dump for tests
 *
 * Role:       a daemon with two regions, as a file's text.
 * Uses:       client/cli
 */
#ifndef PALLOCD_TESTS_CLI_SAMPLE_H
#define PALLOCD_TESTS_CLI_SAMPLE_H

#include "client/cli/dump.h"

#define SAMPLE_BASE UINT64_C(0x10000000)
#define SAMPLE_PAGE UINT64_C(0x1000)

/** sample_extent() - one more, at page @first of the region, which has SAMPLE_BASE and SAMPLE_PAGE. Aborts without memory. */
void sample_extent(struct dump_region *r, uint64_t first, uint64_t npages, const char *name);

/** sample_range() - the same with one of its ranges (enum source_ranges). */
void sample_range(struct dump_region *r, unsigned which, uint64_t first, uint64_t npages);

/** sample_text() - all of it; to be freed. Aborts without memory. */
char *sample_text(void);

/** dump_text() - @d as text; to be freed. Aborts without memory. */
char *dump_text(const struct dump *d);

#endif
